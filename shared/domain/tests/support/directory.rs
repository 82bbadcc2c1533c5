//! The directory behind the targets: who is a member in truth, and what a replica that lags shows.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::Timestamp;
use hourglass_domain::membership::MembershipKey;
use hourglass_domain::protocol::membership::Inspection;
use hourglass_domain::target::Target;

use super::{Fault, START};

/// Changes of one fact, oldest first.
type Changes = Vec<(Timestamp, bool)>;

fn at(changes: Option<&Changes>, when: Timestamp) -> bool {
    changes
        .and_then(|changes| changes.iter().rev().find(|(since, _)| *since <= when))
        .is_some_and(|(_, fact)| *fact)
}

/// What was really sent and seen for one pair.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) last_add: Option<Timestamp>,
    pub(crate) last_delete: Option<Timestamp>,
    /// Reads without the member since then.
    pub(crate) absent_reads: Vec<Timestamp>,
}

/// A change that the directory works on for a while.
#[derive(Clone, Debug)]
pub(crate) struct Slow {
    pub(crate) key: MembershipKey,
    pub(crate) adds: bool,
    lands_at: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    evidence: BTreeMap<MembershipKey, Evidence>,
    members: BTreeMap<MembershipKey, Changes>,
    gone: BTreeMap<Target, Changes>,
    late_adds: Vec<(Timestamp, MembershipKey)>,
    slow: BTreeMap<String, Slow>,
    /// Pairs whose member somebody removed by hand.
    pub(crate) removed_outside: BTreeSet<MembershipKey>,
    /// Pairs whose member somebody put back by hand.
    pub(crate) put_back: BTreeSet<MembershipKey>,
    /// Members that were there before us.
    pub(crate) standing: BTreeSet<MembershipKey>,
    /// The next look at a member that is there does not find it, once.
    pub(crate) lies: bool,
    /// How old (seconds) the state is that reads show.
    pub(crate) lag: i64,
    /// What every add and removal of a pair meets, unless the step brings a fault of its own.
    pub(crate) answers: BTreeMap<MembershipKey, Fault>,
    /// Adds that reached the directory.
    pub(crate) adds: usize,
    /// Removals that reached it.
    pub(crate) removes: usize,
    /// Inspections.
    pub(crate) reads: usize,
}

impl Directory {
    /// A member that was there long before anything begins.
    pub(crate) fn with_standing(&mut self, key: MembershipKey) {
        self.standing.insert(key.clone());
        self.set(&key, true, START.plus_seconds(-86_400));
    }

    /// Makes it so, as of `now`: what the directory does on an add or a removal, or somebody by hand.
    pub(crate) fn set(&mut self, key: &MembershipKey, member: bool, now: Timestamp) {
        self.members.entry(key.clone()).or_default().push((now, member));
    }

    /// The group is deleted or restored; its members come back with it.
    pub(crate) fn set_gone(&mut self, target: &Target, gone: bool, now: Timestamp) {
        self.gone.entry(target.clone()).or_default().push((now, gone));
    }

    pub(crate) fn is_gone(&self, target: &Target, when: Timestamp) -> bool {
        at(self.gone.get(target), when)
    }

    pub(crate) fn is_member(&self, key: &MembershipKey, when: Timestamp) -> bool {
        !self.is_gone(&key.target, when) && at(self.members.get(key), when)
    }

    pub(crate) fn answer(&self, key: &MembershipKey, fault: Fault) -> Fault {
        let usual = self.answers.get(key).copied().unwrap_or(Fault::None);
        if fault == Fault::None { usual } else { fault }
    }

    pub(crate) fn evidence(&mut self, key: &MembershipKey) -> &mut Evidence {
        self.evidence.entry(key.clone()).or_default()
    }

    /// What a read shows: the state of `lag` seconds ago.
    pub(crate) fn inspect(&mut self, key: &MembershipKey, now: Timestamp) -> Inspection {
        self.reads += 1;
        let seen = now.plus_seconds(-self.lag);
        if self.is_gone(&key.target, seen) {
            Inspection::TargetGone
        } else if self.is_member(key, seen) {
            Inspection::Present
        } else {
            Inspection::Absent
        }
    }

    /// An add that reaches the directory; false when the group is gone.
    pub(crate) fn add(&mut self, key: &MembershipKey, now: Timestamp) -> bool {
        self.adds += 1;
        let there = !self.is_gone(&key.target, now);
        if there {
            self.set(key, true, now);
        }
        there
    }

    /// An add that the directory takes its time with.
    pub(crate) fn add_late(&mut self, key: &MembershipKey, lands_at: Timestamp) {
        self.adds += 1;
        self.late_adds.push((lands_at, key.clone()));
    }

    /// A removal that reaches the directory; one of a member that is not there is done as well.
    pub(crate) fn remove(&mut self, key: &MembershipKey, now: Timestamp) {
        self.removes += 1;
        self.set(key, false, now);
    }

    /// Lets the late adds land that are due.
    pub(crate) fn late_adds_until(&mut self, now: Timestamp) -> Vec<MembershipKey> {
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late_adds)
            .into_iter()
            .partition(|(lands_at, _)| *lands_at <= now);
        self.late_adds = later;
        due.sort();
        for (lands_at, key) in &due {
            // Changes are kept in order: one that lands between two clock readings counts from the later one.
            let last = self.members.get(key).and_then(|changes| changes.last());
            let when = last.map_or(*lands_at, |(last, _)| (*last).max(*lands_at));
            if !self.is_gone(&key.target, when) {
                self.set(key, true, when);
            }
        }
        due.into_iter().map(|(_, key)| key).collect()
    }

    /// Begins a change that takes its time; by what name to ask for it.
    pub(crate) fn start(&mut self, key: &MembershipKey, adds: bool, lands_at: Timestamp) -> String {
        if adds {
            self.adds += 1;
        } else {
            self.removes += 1;
        }
        let handle = format!("operation {}", self.slow.len());
        let slow = Slow {
            key: key.clone(),
            adds,
            lands_at,
        };
        self.slow.insert(handle.clone(), slow);
        handle
    }

    /// Whether a change is over.
    pub(crate) fn is_over(&self, handle: &str, now: Timestamp) -> bool {
        self.slow.get(handle).is_some_and(|slow| slow.lands_at <= now)
    }

    /// Lets the slow changes happen that are due.
    pub(crate) fn slow_until(&mut self, before: Timestamp, now: Timestamp) {
        let due: Vec<Slow> = self
            .slow
            .values()
            .filter(|slow| slow.lands_at > before && slow.lands_at <= now)
            .cloned()
            .collect();
        for slow in due {
            let last = self.members.get(&slow.key).and_then(|changes| changes.last());
            let when = last.map_or(slow.lands_at, |(last, _)| (*last).max(slow.lands_at));
            if !self.is_gone(&slow.key.target, when) {
                self.set(&slow.key, slow.adds, when);
            }
        }
    }

    /// Somebody removes a member by hand.
    pub(crate) fn remove_outside(&mut self, key: &MembershipKey, now: Timestamp) {
        self.removed_outside.insert(key.clone());
        self.set(key, false, now);
    }

    /// Somebody puts a member back by hand.
    pub(crate) fn put_back(&mut self, key: &MembershipKey, now: Timestamp) {
        self.put_back.insert(key.clone());
        self.set(key, true, now);
    }

    /// All calls that change something.
    pub(crate) const fn calls(&self) -> (usize, usize, usize) {
        (self.adds, self.removes, self.reads)
    }
}
