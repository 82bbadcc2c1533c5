//! Delegates: somebody who decides on an approver's behalf for a while.
//!
//! Admins name, per entitlement, the pool of those who may be delegates. An approver picks one of them for at most
//! [`LONGEST_SECONDS`]. A delegation is no right of its own: it counts only while the approver is one in their own right
//! and active, and the pool names the delegate, which is found out at every decision and again before an add. So a
//! delegate cannot delegate, and nothing has to be ended for them to lose it.

use serde::{Deserialize, Serialize};

use crate::directory::Party;
use crate::ids::{ApplicationId, EntitlementId};
use crate::refusal::Rule;
use crate::{Refusal, Timestamp};

/// Longest time in seconds that somebody may be a delegate before they are named again: 30 days.
pub const LONGEST_SECONDS: i64 = 30 * 86_400;

/// That an approver named a delegate for one entitlement. An approver has one at a time for each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delegation {
    /// The application.
    pub application: ApplicationId,
    /// For what.
    pub entitlement: EntitlementId,
    /// Its name at that moment, for people.
    pub entitlement_name: String,
    /// The approver.
    pub principal: Party,
    /// Who decides for them.
    pub delegate: Party,
    /// When it was made.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
}

impl Delegation {
    /// # Errors
    /// When it would not end, end too late, or be to oneself; `same` says whether both are one human being.
    pub fn check(&self, same: bool) -> Result<(), Refusal> {
        if same || self.principal.same_person(&self.delegate) {
            return Err(Refusal::invalid("delegate", Rule::AnotherPerson));
        }
        let lasts = self.until.seconds_since(self.at);
        if !(1..=LONGEST_SECONDS).contains(&lasts) {
            let days = LONGEST_SECONDS / 86_400;
            return Err(Refusal::invalid("until", Rule::WithinDays { days }));
        }
        Ok(())
    }

    /// Whether it counts at `now`, as far as time goes.
    #[must_use]
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.at <= now && now < self.until
    }
}

/// Who gave an approval: the approver and, where a delegate did, on whose behalf. Both together are one hand of the quorum.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// Who decided.
    pub approver: &'a Party,
    /// For whom.
    pub acting_for: Option<&'a Party>,
}

impl<'a> Hand<'a> {
    /// The persons in it.
    pub fn parties(self) -> impl Iterator<Item = &'a Party> + Clone {
        std::iter::once(self.approver).chain(self.acting_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::party;
    use uuid::Uuid;

    fn delegation(seconds: i64) -> Delegation {
        let at = Timestamp::from_seconds(1_000);
        Delegation {
            application: "contoso.example".parse().unwrap(),
            entitlement: EntitlementId::new(Uuid::from_u128(1)),
            entitlement_name: "prod-admins".to_owned(),
            principal: party(11),
            delegate: party(12),
            at,
            until: at.plus_seconds(seconds),
        }
    }

    #[test]
    fn a_delegation_ends_within_thirty_days_and_is_to_somebody_else() {
        for (seconds, good) in [
            (0, false),
            (-1, false),
            (1, true),
            (LONGEST_SECONDS, true),
            (LONGEST_SECONDS + 1, false),
        ] {
            assert_eq!(delegation(seconds).check(false).is_ok(), good, "{seconds}");
        }
        assert!(delegation(60).check(true).is_err());
        let mut own = delegation(60);
        own.delegate = own.principal.clone();
        assert!(own.check(false).is_err());
        let short = delegation(60);
        assert!(short.lasts(short.at) && short.lasts(short.until.plus_seconds(-1)));
        assert!(!short.lasts(short.until) && !short.lasts(short.at.plus_seconds(-1)));
    }
}
