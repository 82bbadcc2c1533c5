//! The alarm on a mass deactivation: somebody who can provision, or a mistake in a mapping, can take everybody's access
//! away. It is ended all the same (switching off never waits); people are told.

use hourglass_domain::Timestamp;

use super::Scim;
use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::store::{LARGEST_PAGE, List, Query};
use crate::records::{Stored, SwitchedOff};

/// More users than this, switched off or deleted within an hour, are alarming whatever the size of the application.
const MOST_USERS_AN_HOUR: u64 = 50;
/// More than this part of an application's users, in percent, switched off or deleted within an hour, is alarming.
const MOST_PERCENT_AN_HOUR: u64 = 20;
/// From so many users on, the part reaches [`MOST_USERS_AN_HOUR`] first, and more need not be counted.
const ENOUGH_USERS: u64 = MOST_USERS_AN_HOUR * 100 / MOST_PERCENT_AN_HOUR;
/// How often a count starts over when somebody else counted at the same moment.
const COUNT_AGAIN: u32 = 8;

impl Scim {
    /// Counts a user who was switched off or deleted. Never fails the call, whose change is stored already.
    pub(super) async fn note_switched_off(&self, at: Timestamp) {
        match self.count_switched_off(at).await {
            Ok(true) => {
                tracing::error!(
                    application = %self.application(),
                    "more than {MOST_PERCENT_AN_HOUR} % or {MOST_USERS_AN_HOUR} users were switched off or deleted within an hour"
                );
                tracing::info!(target: "metric", metric = "mass_deactivation", value = 1_u64, unit = "Count");
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(application = %self.application(), %error, "a user who was switched off could not be counted");
            }
        }
    }

    /// Whether this one is the first in its hour to make it alarming.
    async fn count_switched_off(&self, at: Timestamp) -> Result<bool> {
        let key = keys::switched_off(self.application(), &at.hour());
        for attempt in 0..COUNT_AGAIN {
            let stored: Option<Stored<SwitchedOff>> = read(self.store(), &key).await?;
            let (before, version) = match stored {
                Some(stored) => (stored.value, stored.version),
                None => (self.start_of_hour(at).await?, 0),
            };
            let count = before.count.saturating_add(1);
            let alarming = count > MOST_USERS_AN_HOUR
                || count.saturating_mul(100) > before.users.saturating_mul(MOST_PERCENT_AN_HOUR);
            let after = SwitchedOff {
                count,
                alarmed: before.alarmed || alarming,
                ..before.clone()
            };
            match Change::new().replace(version, &after)?.commit(self.store()).await {
                Ok(()) => return Ok(alarming && !before.alarmed),
                Err(ChangeError::Conflict(_)) => self.pause(attempt).await,
                Err(ChangeError::App(error)) => return Err(error),
            }
        }
        Err(hourglass_domain::Refusal::Changed.into())
    }

    /// A count of nobody, with how many users there are to compare with.
    async fn start_of_hour(&self, at: Timestamp) -> Result<SwitchedOff> {
        let mut users = 0_u64;
        let mut after = None;
        while users < ENOUGH_USERS {
            let query = Query::partition(keys::users_list(self.application()))
                .after(after)
                .limit(LARGEST_PAGE);
            let page = self.store().list(List::Owner, &query).await?;
            users = users.saturating_add(u64::try_from(page.items.len()).unwrap_or(u64::MAX));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(SwitchedOff {
            application: self.application().clone(),
            hour: at.hour(),
            at,
            users,
            count: 0,
            alarmed: false,
        })
    }
}
