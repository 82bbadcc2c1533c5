//! The table: versioned items and conditional writes.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::Timestamp;
use hourglass_domain::due::DueEntry;
use hourglass_domain::grant::{EndReason, Grant};
use hourglass_domain::ids::GrantId;
use hourglass_domain::membership::{Holds, Membership, MembershipKey};
use hourglass_domain::protocol::grant::{Change, HoldsChange};
use hourglass_domain::protocol::membership::Snapshot;

use super::keys_of;

/// What is stored. Version 0 means that nothing is.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    pub(crate) grants: BTreeMap<GrantId, (Grant, u64)>,
    pub(crate) orders: BTreeMap<GrantId, EndReason>,
    pub(crate) holds: BTreeMap<MembershipKey, (Holds, u64)>,
    pub(crate) memberships: BTreeMap<MembershipKey, (Membership, u64)>,
    pub(crate) due: BTreeSet<DueEntry>,
    /// Promises that stand for orders.
    pub(crate) order_due: BTreeSet<GrantId>,
}

impl Table {
    /// Every pair that anything is known of.
    pub(crate) fn keys(&self) -> Vec<MembershipKey> {
        self.holds.keys().cloned().collect()
    }

    pub(crate) fn snapshot(&self, key: &MembershipKey) -> Snapshot {
        let (membership, version) = self
            .memberships
            .get(key)
            .cloned()
            .unwrap_or_else(|| (Membership::untouched(key.clone()), 0));
        let (holds, holds_version) = self
            .holds
            .get(key)
            .cloned()
            .unwrap_or_else(|| (Holds::none(key.clone()), 0));
        Snapshot {
            membership,
            version,
            holds,
            holds_version,
        }
    }

    fn change_holds(&mut self, key: &MembershipKey, change: impl FnOnce(Holds) -> Holds) {
        let (holds, version) = self.holds.remove(key).unwrap_or_else(|| (Holds::none(key.clone()), 0));
        self.holds.insert(key.clone(), (change(holds), version + 1));
    }

    /// What an approval writes: the grant, its holds and its promises.
    pub(crate) fn put_grant(&mut self, grant: Grant) {
        for key in keys_of(&grant) {
            self.change_holds(&key, |holds| {
                holds.with_waiting(grant.id, grant.starts_at, grant.expires_at)
            });
        }
        self.due.extend(grant.due.iter().cloned());
        self.grants.insert(grant.id, (grant, 1));
    }

    /// What an order to end writes: itself, once, and a promise.
    pub(crate) fn put_order(&mut self, grant: GrantId, because: EndReason) {
        self.orders.entry(grant).or_insert(because);
        self.order_due.insert(grant);
    }

    /// Stores a membership if neither it nor its holds have changed.
    pub(crate) fn put_membership(&mut self, read: &Snapshot, next: Membership) -> Option<u64> {
        let current = self.snapshot(&next.key);
        let unchanged = current.version == read.version && current.holds_version == read.holds_version;
        unchanged.then(|| {
            let version = current.version + 1;
            self.memberships.insert(next.key.clone(), (next, version));
            version
        })
    }

    /// Commits a change of a grant with its holds and promises, if the grant has not changed.
    pub(crate) fn commit(&mut self, version: u64, change: &Change) -> bool {
        let grant = &change.grant;
        let Some((before, current)) = self.grants.get(&grant.id).cloned() else {
            return false;
        };
        if current != version {
            return false;
        }
        for key in keys_of(grant) {
            match change.holds {
                HoldsChange::Keep => {}
                HoldsChange::To(state) => self.change_holds(&key, |holds| holds.with_state(grant.id, state)),
                HoldsChange::Drop => self.change_holds(&key, |holds| holds.without(grant.id)),
            }
        }
        for entry in &before.due {
            self.due.remove(entry);
        }
        self.due.extend(grant.due.iter().cloned());
        self.grants.insert(grant.id, (grant.clone(), version + 1));
        true
    }

    /// What the sweep does after it served a grant: a promise that its state no longer stands for is spent.
    pub(crate) fn forget_spent_promises(&mut self, grant: GrantId, now: Timestamp) {
        let (stored, _) = &self.grants[&grant];
        self.due
            .retain(|entry| entry.id != grant.to_string() || stored.due.contains(entry) || entry.at > now);
        if !stored.status.is_live() {
            self.order_due.remove(&grant);
        }
    }
}
