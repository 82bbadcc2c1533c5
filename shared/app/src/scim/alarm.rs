//! The alarm on a mass deactivation: somebody who can provision, or a mistake in a mapping, can take everybody's access
//! away. It is ended all the same (switching off never waits); people are told.

use hourglass_domain::Timestamp;

use super::Scim;
use crate::change::{Change, ChangeError, read_many};
use crate::error::Result;
use crate::keys;
use crate::ports::store::{Key, LARGEST_LIST, List, Query};
use crate::records::SwitchedOff;

/// More users than this, switched off or deleted within an hour, are alarming whatever the size of the application.
const MOST_USERS_AN_HOUR: u64 = 50;
/// More than this part of an application's users, in percent, switched off or deleted within an hour, is alarming.
const MOST_PERCENT_AN_HOUR: u64 = 20;
/// From so many users on, the part reaches [`MOST_USERS_AN_HOUR`] first, and more need not be counted.
const ENOUGH_USERS: u64 = MOST_USERS_AN_HOUR * 100 / MOST_PERCENT_AN_HOUR;
/// How often a count starts over when somebody else counted at the same moment.
const COUNT_AGAIN: u32 = 8;
/// Length of a count's time, in seconds: what [`Timestamp::ten_minutes`] names.
const COUNT_SECONDS: i64 = 600;
/// Counts that overlap the hour before any instant. Counts of a whole hour could be walked past: as many before the full
/// hour as after it.
const COUNTS_AN_HOUR: i64 = 3_600 / COUNT_SECONDS + 1;

impl Scim {
    /// Counts a user who was switched off or deleted. Never fails the call, whose change is stored already.
    pub(super) async fn note_switched_off(&self, at: Timestamp) {
        if let Err(error) = self.count_switched_off(at).await {
            tracing::warn!(application = %self.application(), %error, "a user who was switched off could not be counted");
        }
    }

    /// Counts one, and tells when it is the first to make the last hour alarming.
    async fn count_switched_off(&self, at: Timestamp) -> Result<()> {
        let window: Vec<Key> = (0..COUNTS_AN_HOUR)
            .map(|back| at.plus_seconds(-back * COUNT_SECONDS).ten_minutes())
            .map(|ten_minutes| keys::switched_off(self.application(), &ten_minutes))
            .collect();
        let mut told = false;
        for attempt in 0..COUNT_AGAIN {
            let mut counts = read_many::<SwitchedOff>(self.store(), &window).await?.into_iter();
            let present = counts.next().flatten();
            let earlier: Vec<SwitchedOff> = counts.flatten().map(|stored| stored.value).collect();
            let (before, version) = match present {
                Some(stored) => (stored.value, stored.version),
                None => (self.nobody_yet(at).await?, 0),
            };
            let sum = earlier.iter().map(|count| count.count).sum::<u64>();
            let sum = sum.saturating_add(before.count).saturating_add(1);
            // Those who were deleted since the window began belong to what is compared with.
            let users = earlier.last().map_or(before.users, |oldest| oldest.users);
            let alarming =
                sum > MOST_USERS_AN_HOUR || sum.saturating_mul(100) > users.saturating_mul(MOST_PERCENT_AN_HOUR);
            let known = before.alarmed || earlier.iter().any(|count| count.alarmed);
            if alarming && !known && !told {
                // Before it is stored that it was told: twice is better than never.
                self.tell();
                told = true;
            }
            let after = SwitchedOff {
                count: before.count.saturating_add(1),
                alarmed: before.alarmed || (alarming && !known),
                ..before
            };
            match Change::new().replace(version, &after)?.commit(self.store()).await {
                Ok(()) => return Ok(()),
                Err(ChangeError::Conflict(_)) => self.pause(attempt).await,
                Err(ChangeError::App(error)) => return Err(error),
            }
        }
        Err(hourglass_domain::Refusal::Changed.into())
    }

    fn tell(&self) {
        tracing::error!(
            application = %self.application(),
            "more than {MOST_PERCENT_AN_HOUR} % or {MOST_USERS_AN_HOUR} users were switched off or deleted within an hour"
        );
        tracing::info!(target: "metric", metric = "mass_deactivation", value = 1_u64, unit = "Count");
    }

    /// A count of nobody, with how many users there are to compare with.
    async fn nobody_yet(&self, at: Timestamp) -> Result<SwitchedOff> {
        let mut users = 0_u64;
        let mut after = None;
        while users < ENOUGH_USERS {
            let query = Query::partition(keys::users_list(self.application()))
                .after(after)
                .list_limit(LARGEST_LIST);
            let page = self.store().list(List::Owner, &query).await?;
            users = users.saturating_add(u64::try_from(page.items.len()).unwrap_or(u64::MAX));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(SwitchedOff {
            application: self.application().clone(),
            ten_minutes: at.ten_minutes(),
            at,
            users,
            count: 0,
            alarmed: false,
        })
    }
}
