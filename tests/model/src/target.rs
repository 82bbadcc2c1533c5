//! The target: one group of a directory, and one account that is a member of it or not.

use crate::clock::{CONFIRM_TICKS, Tick};
use hourglass_domain::protocol::membership::Inspection;

/// The truth about the member, and what the directory still hides of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Target {
    /// Whether the account is a member.
    pub(crate) member: bool,
    /// Whether it was there before us.
    pub(crate) standing: bool,
    /// Whether a replica may still show the opposite: it was the truth at some time since this tick began.
    pub(crate) lags: bool,
    /// An add that was answered and is not applied yet. It is before the next tick begins.
    pub(crate) landing: bool,
    /// The group was deleted.
    pub(crate) gone: bool,
}

impl Target {
    pub(crate) const fn new(standing: bool) -> Self {
        Self {
            member: standing,
            standing,
            lags: false,
            landing: false,
            gone: false,
        }
    }

    /// Whether the account has the access that membership gives.
    pub(crate) const fn is_member(self) -> bool {
        self.member && !self.gone
    }

    pub(crate) fn set(&mut self, member: bool) {
        if self.member != member {
            self.member = member;
            self.lags = true;
        }
    }

    /// The late add is applied.
    pub(crate) fn land(&mut self) {
        self.landing = false;
        self.set(true);
    }

    /// A tick begins: replicas have caught up with all but what happens at this instant.
    pub(crate) fn tick(&mut self) {
        self.lags = false;
        if self.landing {
            self.land();
        }
    }

    /// What a read shows; a stale one shows the opposite where that is possible.
    pub(crate) const fn inspect(self, stale: bool) -> Inspection {
        if self.gone {
            Inspection::TargetGone
        } else if self.member != stale {
            Inspection::Present
        } else {
            Inspection::Absent
        }
    }
}

/// What was really sent and seen, for invariant I4 word by word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Evidence {
    /// Whether a removal was sent.
    removed: bool,
    /// The tick of the last call that could change something; `None` once `CONFIRM_AFTER` has passed since.
    changed_at: Option<Tick>,
    /// Reads since then that did not find the member, up to two.
    reads: u8,
    /// Whether the last of them came late enough.
    late: bool,
}

impl Evidence {
    pub(crate) fn added(&mut self, now: Tick) {
        self.changed_at = Some(now);
        self.reads = 0;
        self.late = false;
    }

    pub(crate) fn removed(&mut self, now: Tick) {
        self.added(now);
        self.removed = true;
    }

    pub(crate) fn read_absent(&mut self) {
        self.reads = self.reads.saturating_add(1).min(2);
        self.late |= self.changed_at.is_none();
    }

    pub(crate) fn tick(&mut self, now: Tick) {
        if self
            .changed_at
            .is_some_and(|at| now >= at.saturating_add(CONFIRM_TICKS))
        {
            self.changed_at = None;
        }
    }

    /// Invariant I4: two reads, the second at least `CONFIRM_AFTER` after the last add and the removal. A member that
    /// somebody else removed needs none of ours.
    pub(crate) const fn proves_absence(self, removed_outside: bool) -> bool {
        (self.removed || removed_outside) && self.reads >= 2 && self.late
    }
}
