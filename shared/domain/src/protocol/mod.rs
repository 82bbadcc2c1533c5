//! The protocol by which grants become members and members disappear again.
//!
//! Two state machines, both pure. A worker feeds one with what happened ([`membership::Input`], [`grant::Input`]) and
//! does what it asks for, one effect at a time. They know nothing of stores and targets, so that the same code can be
//! run by the services, by a simulation and by a model check; what they rely on is only that
//!
//! - a store effect is one conditional transaction: it happens wholly, if nothing it read has changed, or not at all;
//! - a worker may die at any point, and what it stored before an outside call says that the call may have happened.
//!
//! [`Rules`] holds every rule that a model check replaces by a mistake to see that the mistake is found. Outside tests
//! only [`Production`] exists.

pub mod grant;
pub mod membership;
pub mod timers;

use crate::Timestamp;
use crate::grant::TargetStatus;
use crate::membership::Holds;

/// Length of a membership's lease in seconds.
pub const LEASE_SECONDS: i64 = 45;
/// Most seconds that one outside call may take, retries included.
pub const CALL_SECONDS: i64 = 15;
/// No outside call starts that cannot end this many seconds before its lease does.
pub const LEASE_MARGIN_SECONDS: i64 = 5;
/// Retries of a target that fails are never further apart than this (seconds), for ever (invariant I9).
pub const LONGEST_RETRY_SECONDS: i64 = 60;
/// Default of the time that has to pass between the last change and the read that proves absence, in seconds: Microsoft
/// promises no shorter time after which a read shows a write (Microsoft Graph, "Eventual consistency").
pub const CONFIRM_AFTER_SECONDS: i64 = 60;

/// The rules on which the protocol's safety rests.
pub trait Rules {
    /// Whether a worker needs the lease before it touches a target.
    const NEEDS_LEASE: bool = true;
    /// Whether a grant's timer has to exist before a member is added.
    const TIMER_BEFORE_ADD: bool = true;
    /// Whether an answer of "there already" counts as having been there before us. It never does: it may be our own
    /// earlier add whose answer was lost.
    const ADD_DECIDES_BASELINE: bool = false;
    /// Whether the intent to add is stored before the add is sent. Without it, a worker that dies after the call leaves
    /// a member of ours whom nobody knows of.
    const INTENT_BEFORE_ADD: bool = true;
    /// Whether a target's answer to a removal is taken for absence. It never is: only reads prove it (invariant I4).
    const REMOVAL_PROVES_ABSENCE: bool = false;
    /// Whether each end of a grant gets a schedule under a name of its own. One under a name that exists is taken for
    /// made already, though it may fire at another time or be about to delete itself.
    const SCHEDULE_NAMES_RISE: bool = true;
    /// Whether only a grant that is live and whose time is not up is extended: an end that has begun is final.
    const EXTENDS_LIVE_ONLY: bool = true;
    /// Whether the schedule of the new end is made before the one of the old end is deleted.
    const NEW_TIMER_FIRST: bool = true;
    /// Whether a look at something that is over leaves alone what a grant holds meanwhile.
    const RECHECK_HEEDS_HOLDS: bool = true;
    /// Whether the opposite of what a target is still working on waits until that is over.
    const WAITS_FOR_OPERATIONS: bool = true;

    /// Until when a membership may be kept.
    #[must_use]
    fn kept_until(holds: &Holds, now: Timestamp) -> Option<Timestamp> {
        holds.kept_until(now)
    }

    /// Until when a membership may be added.
    #[must_use]
    fn addable_until(holds: &Holds, now: Timestamp) -> Option<Timestamp> {
        holds.addable_until(now)
    }

    /// Whether an ending grant has nothing more to do at a target in this state.
    #[must_use]
    fn settles(status: TargetStatus) -> bool {
        status.is_settled_end()
    }

    /// Whether a read at `now` that finds nothing proves absence (invariant I4): there was such a read before, and this
    /// one comes at least `confirm_after` seconds after both the removal and the last add.
    #[must_use]
    fn proves_absence(
        first_read: Option<Timestamp>,
        deleted_at: Timestamp,
        last_add_at: Option<Timestamp>,
        confirm_after: i64,
        now: Timestamp,
    ) -> bool {
        first_read.is_some_and(|first| first < now) && now >= proof_from(deleted_at, last_add_at, confirm_after)
    }

    /// Whether a look at `now` that does not find a member whom grants hold proves that somebody removed it, or that its
    /// target is gone (as invariant I4): there was such a look before, and this one comes at least `confirm_after`
    /// seconds after both it and the last add.
    #[must_use]
    fn proves_loss(
        first_look: Option<Timestamp>,
        last_add_at: Option<Timestamp>,
        confirm_after: i64,
        now: Timestamp,
    ) -> bool {
        first_look.is_some_and(|first| now > first && now >= proof_from(first, last_add_at, confirm_after))
    }
}

/// The rules that the services run.
#[derive(Clone, Copy, Debug)]
pub struct Production;

impl Rules for Production {}

/// From when on a read can prove absence.
#[must_use]
pub fn proof_from(deleted_at: Timestamp, last_add_at: Option<Timestamp>, confirm_after: i64) -> Timestamp {
    last_add_at
        .map_or(deleted_at, |added| added.max(deleted_at))
        .plus_seconds(confirm_after)
}

/// When to look again after `failures` failures in a row.
#[must_use]
pub fn retry_at(failures: u32, now: Timestamp) -> Timestamp {
    let seconds = 1_i64.checked_shl(failures.min(6)).unwrap_or(LONGEST_RETRY_SECONDS);
    now.plus_seconds(seconds.min(LONGEST_RETRY_SECONDS))
}
