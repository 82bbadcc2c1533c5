//! The table: what is stored of the two grants and of their one membership, with versions.
//!
//! Versions rise for ever, and states that differ in nothing else are one state. All that a version decides is whether
//! what a worker knows is what is stored, so that three of them are enough.

use crate::clock::{CONFIRM_SECONDS, Tick, at, tick_of};
use anyhow::{Context, Result};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::{EndReason, Grant, GrantStatus};
use hourglass_domain::ids::{GrantId, WorkerId};
use hourglass_domain::membership::{HoldState, Holds, Membership, MembershipKey};
use hourglass_domain::protocol::grant::{HoldsChange, first_promises};
use hourglass_domain::protocol::membership::Snapshot;
use serde_json::json;
use uuid::Uuid;

/// The version of whatever is stored.
pub(crate) const CURRENT: u64 = 2;
/// Any version before that.
pub(crate) const OUTDATED: u64 = 1;
/// The version of what is not stored.
pub(crate) const NOTHING: u64 = 0;

/// Which of the two grants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Which {
    First,
    Second,
}

impl Which {
    pub(crate) const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub(crate) const fn id(self) -> GrantId {
        GrantId::new(Uuid::from_u128(match self {
            Self::First => 1,
            Self::Second => 2,
        }))
    }
}

/// One thing for each of the two grants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Pair<T> {
    pub(crate) first: T,
    pub(crate) second: T,
}

impl<T> Pair<T> {
    pub(crate) const fn get(&self, which: Which) -> &T {
        match which {
            Which::First => &self.first,
            Which::Second => &self.second,
        }
    }

    pub(crate) const fn get_mut(&mut self, which: Which) -> &mut T {
        match which {
            Which::First => &mut self.first,
            Which::Second => &mut self.second,
        }
    }
}

/// A grant as stored, with what stands beside it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct GrantRow {
    pub(crate) grant: Grant,
    /// An order to end it.
    pub(crate) order: Option<EndReason>,
    /// The promise that stands for the order.
    pub(crate) order_due: bool,
    /// Whether a worker has verified the evidence. Not stored in truth: it is what invariant I1 is checked by.
    pub(crate) verified: bool,
}

/// A grant that was just approved, as a service reads it from the table.
pub(crate) fn template() -> Result<Grant> {
    let id = Uuid::from_u128(0);
    let party = json!({ "user": id, "person": id, "tenant": id, "object_id": id, "name": "" });
    let target = json!({ "kind": "entra", "cloud": "global", "tenant": id, "group": id });
    let grant = json!({
        "id": id,
        "request": id,
        "application": "contoso.example",
        "entitlement": id,
        "entitlement_name": "",
        "requester": party,
        "beneficiary": party,
        "status": GrantStatus::Approved,
        "ended_because": null,
        "approved_at": at(0),
        "starts_at": at(0),
        "expires_at": at(0),
        "targets": [{ "target": target, "status": "waiting", "last_error": null }],
        "next_schedule": 1,
        "schedule": null,
        "active_at": null,
        "ending_at": null,
        "ended_at": null,
        "attempts": 0,
        "failing_since": null,
        "due": [],
    });
    serde_json::from_value(grant).context("no stored grant looks like this any more")
}

impl GrantRow {
    /// What an approval stores.
    pub(crate) fn approved(template: &Grant, which: Which, now: Tick, expires: Tick) -> Self {
        let mut grant = template.clone();
        grant.id = which.id();
        grant.starts_at = at(now);
        grant.expires_at = at(expires);
        let mut grant = first_promises(grant, at(now));
        tidy_grant(&mut grant);
        Self {
            grant,
            order: None,
            order_due: false,
            verified: false,
        }
    }

    /// Whether the sweep finds a promise of it.
    pub(crate) fn is_due(&self, now: Tick) -> bool {
        self.order_due || self.grant.due.iter().any(|entry| entry.at <= at(now))
    }
}

/// The membership and its holds, as stored.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MemberRow {
    pub(crate) membership: Membership,
    pub(crate) version: u64,
    pub(crate) holds: Holds,
    pub(crate) holds_version: u64,
    /// What a read that is not consistent may still show, where a mistake makes such reads.
    pub(crate) before: Option<Box<Membership>>,
}

impl MemberRow {
    pub(crate) fn untouched(template: &Grant) -> Option<Self> {
        let target = template.targets.first()?.target.clone();
        let account = template.beneficiary.object_id;
        let key = MembershipKey { target, account };
        Some(Self {
            membership: Membership::untouched(key.clone()),
            version: NOTHING,
            holds: Holds::none(key),
            holds_version: NOTHING,
            before: None,
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            membership: self.membership.clone(),
            version: self.version,
            holds: self.holds.clone(),
            holds_version: self.holds_version,
        }
    }

    /// An approval's or an extension's hold.
    pub(crate) fn hold(&mut self, grant: &Grant) {
        let holds = self.holds.clone();
        self.holds = holds.with_waiting(grant.id, grant.starts_at, grant.expires_at);
        self.holds_version = CURRENT;
    }

    /// What a grant's change does to its holds; whether that changed them.
    pub(crate) fn change_holds(&mut self, grant: GrantId, change: HoldsChange) -> bool {
        let holds = self.holds.clone();
        let next = match change {
            HoldsChange::Keep => return false,
            HoldsChange::To(state) => holds.with_state(grant, state),
            HoldsChange::Drop => holds.without(grant),
        };
        let changed = next != self.holds;
        if changed {
            self.holds = next;
            self.holds_version = CURRENT;
        }
        changed
    }

    /// Whether somebody's live hold keeps the member.
    pub(crate) fn is_held(&self, now: Tick) -> bool {
        self.holds
            .holds
            .iter()
            .any(|hold| hold.state != HoldState::Released && hold.starts_at <= at(now) && hold.expires_at > at(now))
    }
}

/// An instant of which only matters whether it is known.
fn known(instant: &mut Option<Timestamp>) {
    if instant.is_some() {
        *instant = Some(Timestamp::EPOCH);
    }
}

/// Forgets what no decision rests on: the wording of errors, when things happened that are only shown to people, and
/// where within a tick a promise falls.
pub(crate) fn tidy_grant(grant: &mut Grant) {
    known(&mut grant.active_at);
    known(&mut grant.ending_at);
    known(&mut grant.ended_at);
    known(&mut grant.failing_since);
    for target in &mut grant.targets {
        tidy_error(&mut target.last_error);
    }
    for entry in &mut grant.due {
        entry.at = at(tick_of(entry.at));
    }
}

/// The same for a membership.
pub(crate) fn tidy_membership(membership: &mut Membership, now: Tick) {
    let now = at(now);
    tidy_error(&mut membership.last_error);
    // An add so long ago delays no proof any more.
    let past = |added: &Timestamp| added.plus_seconds(CONFIRM_SECONDS) <= now;
    if membership.last_add_at.as_ref().is_some_and(past) {
        membership.last_add_at = None;
    }
}

fn tidy_error(error: &mut Option<String>) {
    if let Some(text) = error {
        text.clear();
    }
}

/// A worker that holds or held a lease.
pub(crate) const fn worker_id(n: u128) -> WorkerId {
    WorkerId::new(Uuid::from_u128(n))
}

/// Whoever is no longer there and left a lease behind.
pub(crate) const DEAD: WorkerId = worker_id(9);

/// Gives a lease of `gone` to the dead.
pub(crate) fn bury(membership: &mut Membership, gone: WorkerId) {
    if let Some(lease) = &mut membership.lease
        && lease.worker == gone
    {
        lease.worker = DEAD;
    }
}
