//! Drift: members of a managed group that no grant holds and that nobody has declared to be standing members.
//!
//! Such a member came in beside Hourglass: added by hand, restored with the group, or put back by another tool. What
//! happens then is chosen per entitlement ([`DriftMode`]). Removing people whom nobody asked about is the most dangerous
//! thing that this product can do by itself, so `enforce` begins by taking the members it finds as standing, only reports
//! for [`ENFORCE_AFTER_SECONDS`], and stops when there is more to remove than a slip explains ([`most_removals`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationId, EntitlementId, ObjectId};
use crate::refusal::Rule;
use crate::target::Target;
use crate::{Refusal, Timestamp};

/// How long (seconds) `enforce` only reports after it was switched on: seven days, so that somebody reads the report.
pub const ENFORCE_AFTER_SECONDS: i64 = 7 * 86_400;
/// Most removals of one run: more is no slip but a change that somebody made on purpose, or a fault of ours.
pub const MOST_REMOVALS: usize = 5;
/// Most removals of one run, as a percentage of the group's members.
pub const MOST_REMOVALS_PERCENT: usize = 10;
/// Most protected accounts of one application.
pub const MOST_PROTECTED: usize = 100;
/// Most unexplained members that a report names; it always says how many there are.
pub const MOST_NAMED: usize = 200;

/// What is done about unexplained members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftMode {
    /// They are reported.
    #[default]
    Observe,
    /// They are reported and raise an alarm.
    Alert,
    /// They are reported, raise an alarm, and are removed.
    Enforce,
}

impl DriftMode {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Alert => "alert",
            Self::Enforce => "enforce",
        }
    }
}

/// What an admin chose for an entitlement. Kept apart from the entitlement: it is no part of what requesters and
/// approvers agree on, and a change of it must not make their requests be asked again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DriftPolicy {
    /// The application.
    pub application: ApplicationId,
    /// The entitlement.
    pub entitlement: EntitlementId,
    /// What is done.
    pub mode: DriftMode,
    /// Since when. A list of standing members that `enforce` stored before that counts, but does not stand for it.
    pub since: Timestamp,
}

/// Accounts of an application that drift repair never touches: the emergency accounts above all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProtectedAccounts {
    /// The application.
    pub application: ApplicationId,
    /// Object ids of the accounts.
    pub accounts: BTreeSet<ObjectId>,
}

impl ProtectedAccounts {
    /// # Errors
    /// When there are more than [`MOST_PROTECTED`].
    pub fn check(&self) -> Result<(), Refusal> {
        if self.accounts.len() > MOST_PROTECTED {
            return Err(Refusal::invalid(
                "accounts",
                Rule::TooManyAccounts { most: MOST_PROTECTED },
            ));
        }
        Ok(())
    }
}

/// How an account came onto the list of standing members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingSource {
    /// It was a member when `enforce` was switched on.
    Found,
    /// An admin put it there.
    Declared,
}

impl StandingSource {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Declared => "declared",
        }
    }
}

/// An account that belongs to a group without any grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StandingMember {
    /// The application.
    pub application: ApplicationId,
    /// The group.
    pub target: Target,
    /// The account.
    pub account: ObjectId,
    /// Since when it is on the list.
    pub since: Timestamp,
    /// How it came there.
    pub source: StandingSource,
}

/// A member that nothing explains.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unexplained {
    /// The account.
    pub account: ObjectId,
    /// Its name in the directory, for people.
    pub name: Option<String>,
    /// When it was first seen without an explanation.
    pub first_seen: Timestamp,
}

/// What the last look at one target of an entitlement found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DriftReport {
    /// The application.
    pub application: ApplicationId,
    /// The entitlement whose mode applied.
    pub entitlement: EntitlementId,
    /// The target.
    pub target: Target,
    /// When its members were listed; `None` when that never worked.
    pub checked_at: Option<Timestamp>,
    /// Why the last look failed, if it did; the rest is then as old as `checked_at`.
    pub error: Option<String>,
    /// How many direct members there are.
    pub members: usize,
    /// How many of them a grant holds.
    pub held: usize,
    /// How many are on the list of standing members.
    pub standing: usize,
    /// How many are protected and would be unexplained otherwise.
    pub protected: usize,
    /// How many nothing explains.
    pub unexplained: usize,
    /// The first [`MOST_NAMED`] of them.
    pub named: Vec<Unexplained>,
    /// When `enforce` stored the members it found as standing.
    pub found_at: Option<Timestamp>,
    /// From when on `enforce` removes.
    pub enforce_from: Option<Timestamp>,
    /// Why `enforce` removes nobody although there is something to remove.
    pub stopped: Option<String>,
    /// Members that are being removed and whose absence is not proved yet.
    pub removing: BTreeSet<ObjectId>,
    /// How many have been removed so far.
    pub removed: u64,
}

impl DriftReport {
    /// The report before the first look.
    #[must_use]
    pub const fn new(application: ApplicationId, entitlement: EntitlementId, target: Target) -> Self {
        Self {
            application,
            entitlement,
            target,
            checked_at: None,
            error: None,
            members: 0,
            held: 0,
            standing: 0,
            protected: 0,
            unexplained: 0,
            named: Vec::new(),
            found_at: None,
            enforce_from: None,
            stopped: None,
            removing: BTreeSet::new(),
            removed: 0,
        }
    }

    /// The report with what a look at the whole group found.
    #[must_use]
    pub fn with(mut self, found: &Found, now: Timestamp) -> Self {
        let before = std::mem::take(&mut self.named);
        let first_seen = |account: ObjectId| {
            before
                .iter()
                .find(|earlier| earlier.account == account)
                .map_or(now, |earlier| earlier.first_seen)
        };
        self.named = found
            .unexplained
            .iter()
            .take(MOST_NAMED)
            .map(|(account, name)| Unexplained {
                account: *account,
                name: name.clone(),
                first_seen: first_seen(*account),
            })
            .collect();
        self.checked_at = Some(now);
        self.error = None;
        self.members = found.members;
        self.held = found.held;
        self.standing = found.standing;
        self.protected = found.protected;
        self.unexplained = found.unexplained.len();
        self
    }

    /// What `enforce` removes now: nobody before its time, nobody when there are more than [`most_removals`].
    ///
    /// # Errors
    /// In words, why there is something to remove and nothing is removed.
    pub fn to_remove(&self, mode: DriftMode, now: Timestamp) -> Result<BTreeSet<ObjectId>, String> {
        let accounts: BTreeSet<ObjectId> = self
            .named
            .iter()
            .map(|member| member.account)
            .filter(|account| !self.removing.contains(account))
            .collect();
        let enforced = mode == DriftMode::Enforce && self.enforce_from.is_some_and(|from| now >= from);
        if !enforced || accounts.is_empty() {
            return Ok(BTreeSet::new());
        }
        let most = most_removals(self.members);
        if self.unexplained > most {
            return Err(format!(
                "{} members are unexplained, and at most {most} of {} are removed in one run: look at the report, then \
                 declare who stands and remove the others by hand",
                self.unexplained, self.members
            ));
        }
        Ok(accounts)
    }
}

/// Most removals of one run in a group of `members`: [`MOST_REMOVALS`] or [`MOST_REMOVALS_PERCENT`], whichever is less.
/// One is always allowed, since a group of nine would otherwise never be put right.
#[must_use]
pub const fn most_removals(members: usize) -> usize {
    let share = members.saturating_mul(MOST_REMOVALS_PERCENT) / 100;
    if share < 1 {
        1
    } else if share < MOST_REMOVALS {
        share
    } else {
        MOST_REMOVALS
    }
}

/// A group's members, sorted by what explains them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// How many there are.
    pub members: usize,
    /// How many a grant holds.
    pub held: usize,
    /// How many are on the list of standing members.
    pub standing: usize,
    /// How many are protected and nothing else explains.
    pub protected: usize,
    /// Those that nothing explains, with their names.
    pub unexplained: Vec<(ObjectId, Option<String>)>,
}

/// Sorts a group's direct members by what explains them: a grant before the list of standing members before protection.
#[must_use]
pub fn explain(
    members: &[(ObjectId, Option<String>)],
    held: &BTreeSet<ObjectId>,
    standing: &BTreeSet<ObjectId>,
    protected: &BTreeSet<ObjectId>,
) -> Found {
    let mut found = Found {
        members: members.len(),
        ..Found::default()
    };
    for (account, name) in members {
        if held.contains(account) {
            found.held = found.held.saturating_add(1);
        } else if standing.contains(account) {
            found.standing = found.standing.saturating_add(1);
        } else if protected.contains(account) {
            found.protected = found.protected.saturating_add(1);
        } else {
            found.unexplained.push((*account, name.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entitlement::tests::entitlement;
    use uuid::Uuid;

    fn account(n: u128) -> ObjectId {
        ObjectId::new(Uuid::from_u128(n))
    }

    fn set(accounts: impl IntoIterator<Item = u128>) -> BTreeSet<ObjectId> {
        accounts.into_iter().map(account).collect()
    }

    fn members(n: u128) -> Vec<(ObjectId, Option<String>)> {
        (0..n).map(|n| (account(n), None)).collect()
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// A report over `all` members of which the first `unexplained` are unexplained, enforced from second 100.
    fn report(all: u128, unexplained: u128) -> DriftReport {
        let entitlement = entitlement();
        let target = entitlement.targets[0].clone();
        let standing = set(unexplained..all);
        let found = explain(&members(all), &set([]), &standing, &set([]));
        let mut report = DriftReport::new(entitlement.application, entitlement.id, target).with(&found, at(50));
        report.enforce_from = Some(at(100));
        report
    }

    #[test]
    fn a_member_is_unexplained_when_neither_a_grant_nor_the_list_nor_protection_explains_it() {
        let found = explain(&members(6), &set([0, 1]), &set([1, 2]), &set([2, 3]));
        assert_eq!(
            (found.members, found.held, found.standing, found.protected),
            (6, 2, 1, 1)
        );
        let unexplained: Vec<ObjectId> = found.unexplained.iter().map(|(account, _)| *account).collect();
        assert_eq!(unexplained, [account(4), account(5)]);
    }

    #[test]
    fn at_most_five_or_a_tenth_are_removed_in_one_run_and_one_always_may_be() {
        for (members, most) in [
            (0, 1),
            (1, 1),
            (9, 1),
            (10, 1),
            (20, 2),
            (49, 4),
            (50, 5),
            (60, 5),
            (100_000, 5),
        ] {
            assert_eq!(most_removals(members), most, "{members}");
        }
        assert_eq!(report(50, 5).to_remove(DriftMode::Enforce, at(100)).unwrap().len(), 5);
        let stopped = report(50, 6).to_remove(DriftMode::Enforce, at(100)).unwrap_err();
        assert!(
            stopped.contains("6 members") && stopped.contains("at most 5"),
            "{stopped}"
        );
        assert!(report(9, 2).to_remove(DriftMode::Enforce, at(100)).is_err());
    }

    #[test]
    fn only_enforce_removes_and_not_before_its_time() {
        let report = report(20, 1);
        for mode in [DriftMode::Observe, DriftMode::Alert] {
            assert_eq!(report.to_remove(mode, at(1_000)), Ok(set([])), "{mode:?}");
        }
        assert_eq!(report.to_remove(DriftMode::Enforce, at(99)), Ok(set([])));
        assert_eq!(report.to_remove(DriftMode::Enforce, at(100)), Ok(set([0])));
        let mut never = report.clone();
        never.enforce_from = None;
        assert_eq!(never.to_remove(DriftMode::Enforce, at(1_000)), Ok(set([])));
        let mut under_way = report;
        under_way.removing = set([0]);
        assert_eq!(
            under_way.to_remove(DriftMode::Enforce, at(100)),
            Ok(set([])),
            "not twice"
        );
    }

    #[test]
    fn a_report_remembers_since_when_a_member_is_unexplained() {
        let first = report(20, 2);
        let found = explain(&members(20), &set([]), &set(1..19), &set([]));
        let second = first.with(&found, at(70));
        let seen: Vec<(ObjectId, Timestamp)> = second
            .named
            .iter()
            .map(|member| (member.account, member.first_seen))
            .collect();
        assert_eq!(seen, [(account(0), at(50)), (account(19), at(70))]);
        assert_eq!(second.checked_at, Some(at(70)));
    }
}
