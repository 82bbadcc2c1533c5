//! How one worker brings one membership to where its holds want it.
//!
//! ```text
//!             inspect: there before us
//!  Absent ───────────────────────────────▶ Standing        never touched, ends as "kept (standing)"
//!    │ inspect: not there; stored with the intent to add
//!    ▼
//!  Adding ── add confirmed ──▶ Present
//!    │                           │  no hold left
//!    └────────────┬──────────────┘
//!                 ▼
//!             Removing ── removed, seen absent, and seen absent again after CONFIRM_AFTER ──▶ Absent
//! ```
//!
//! What is about to be done is stored before it is done, so that a worker that dies leaves no trace that looks like
//! "nothing happened". Every store is conditional on the versions of both the membership and its holds: a hold that
//! comes or goes meanwhile makes the store fail, and the worker plans again with what is true now.

use crate::Timestamp;
use crate::ids::WorkerId;
use crate::membership::{Holds, Lease, Membership, Presence};
use crate::protocol::{CALL_SECONDS, LEASE_MARGIN_SECONDS, LEASE_SECONDS, Rules, proof_from, retry_at};

/// Most conversations of one worker with one membership in one run: it then gives the lease back and comes later.
const MOST_TURNS: u32 = 24;
/// Turns left after that for giving the lease back; if even that meets conflicts only, the lease runs out by itself.
const LAST_TURNS: u32 = 8;
/// How soon to come back (seconds) when another worker is at it.
const BUSY_SECONDS: i64 = 2;

/// What a target answers when asked whether the account is a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Inspection {
    /// It is a direct member.
    Present,
    /// It is not.
    Absent,
    /// The group or the account does not exist.
    TargetGone,
    /// No answer that could be understood; the text is for people.
    Unknown(String),
}

/// What a target answers to an add or a remove.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// Done, or found done.
    Done,
    /// Under way; the opposite may not be sent before it is over.
    Started {
        /// Where to ask how it went.
        handle: String,
        /// When to ask.
        look_again_at: Timestamp,
    },
    /// Not now.
    RetryAfter {
        /// How many seconds the target asks to wait.
        seconds: i64,
        /// Why, for people.
        why: String,
    },
    /// Not now, because the tenant takes no more from us at present: what else goes there has to wait as well.
    Throttled {
        /// How many seconds the target asks to wait.
        seconds: i64,
        /// Why, for people.
        why: String,
    },
    /// Never, as things are.
    Refused(String),
    /// It may or may not have happened.
    Unknown(String),
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// The worker begins, with what it has just read consistently.
    Start,
    /// The last store happened; the membership has this version now.
    Stored {
        /// The version after the store.
        version: u64,
    },
    /// The last store did not happen because something had changed; this is what is stored now.
    Conflict(Box<Snapshot>),
    /// The answer to [`Effect::Inspect`].
    Inspected(Inspection),
    /// The answer to [`Effect::Add`] or [`Effect::Remove`].
    Answered(Answer),
    /// [`Effect::Add`] or [`Effect::Remove`] was not carried out: the tenant's write budget ([`crate::budget`]) has
    /// nothing left for it. That is no failure of anything.
    NotSent {
        /// When there will be something.
        look_again_at: Timestamp,
    },
}

/// What is stored, with versions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Snapshot {
    /// The membership.
    pub membership: Membership,
    /// Its version; 0 when nothing is stored yet.
    pub version: u64,
    /// Its holds.
    pub holds: Holds,
    /// Their version; 0 when nothing is stored yet.
    pub holds_version: u64,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Store the membership, if membership and holds still have the versions of the worker's snapshot.
    Store {
        /// The next state.
        membership: Membership,
        /// The audit event's action, when the change is one of state and not of lease or retry only.
        action: Option<&'static str>,
    },
    /// Ask the target whether the account is a direct member.
    Inspect,
    /// Add the account.
    Add {
        /// Until when, for targets that can end a membership themselves.
        until: Timestamp,
    },
    /// Remove the account.
    Remove,
    /// The run is over.
    Finish(Outcome),
}

/// What the target is known to hold at the end of a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum View {
    /// Not a member: proved, or never added.
    Absent,
    /// A member that was there before us.
    Standing,
    /// A member, confirmed.
    Present,
    /// To be added; not confirmed.
    Adding,
    /// To be removed; not confirmed.
    Removing,
    /// Removed; absence not proved yet.
    Unconfirmed,
    /// Group or account no longer exist.
    Gone,
    /// The target refuses to add it.
    Refused,
}

/// The end of a run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Outcome {
    /// What is known.
    pub view: View,
    /// Whether a live grant holds the membership.
    pub held: bool,
    /// What the target last answered when it did not do as asked.
    pub error: Option<String>,
    /// When somebody has to look again; `None` when nothing is left to do until a hold changes.
    pub look_again_at: Option<Timestamp>,
}

/// Why the target is being asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Purpose {
    /// Was the member there before us?
    Baseline,
    /// Is it gone?
    Proof,
}

/// What follows once a store has happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Next {
    Plan,
    Inspect(Purpose),
    Add,
    Remove,
    Finish(Outcome),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Start,
    Storing(Next),
    Inspecting(Purpose),
    Adding,
    Removing,
    Over,
}

/// A worker's whole knowledge of one membership.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Worker {
    /// Whose run this is; owns the lease.
    pub id: WorkerId,
    /// What is stored, as far as this worker knows.
    pub snapshot: Snapshot,
    /// Seconds between the last change and the read that proves absence.
    pub confirm_after: i64,
    stage: Stage,
    pending: Option<Membership>,
    turns: u32,
}

impl Worker {
    /// A worker that has just read `snapshot` consistently.
    #[must_use]
    pub const fn new(id: WorkerId, snapshot: Snapshot, confirm_after: i64) -> Self {
        Self {
            id,
            snapshot,
            confirm_after,
            stage: Stage::Start,
            pending: None,
            turns: 0,
        }
    }

    fn membership(&self) -> Membership {
        self.snapshot.membership.clone()
    }

    fn holds_lease(&self, now: Timestamp) -> bool {
        self.snapshot
            .membership
            .lease
            .as_ref()
            .is_some_and(|lease| lease.worker == self.id && lease.until > now)
    }

    /// Whether an outside call that starts now ends safely within the lease.
    fn has_time_to_call(&self, now: Timestamp) -> bool {
        let needed = now.plus_seconds(CALL_SECONDS + LEASE_MARGIN_SECONDS);
        self.snapshot
            .membership
            .lease
            .as_ref()
            .is_some_and(|lease| lease.until >= needed)
    }
}

/// One step: the worker's next state, and what it has to do now.
#[must_use]
pub fn step<R: Rules>(mut worker: Worker, input: Input, now: Timestamp) -> (Worker, Effect) {
    worker.turns = worker.turns.saturating_add(1);
    if worker.turns > MOST_TURNS + LAST_TURNS {
        return over::<R>(worker, None, Some(now.plus_seconds(BUSY_SECONDS)), now);
    }
    let stage = std::mem::replace(&mut worker.stage, Stage::Over);
    match (stage, input) {
        (Stage::Start, Input::Start) => start::<R>(worker, now),
        (Stage::Storing(next), Input::Stored { version }) => {
            if let Some(stored) = worker.pending.take() {
                worker.snapshot.membership = stored;
            }
            worker.snapshot.version = version;
            proceed::<R>(worker, next, now)
        }
        (Stage::Storing(_), Input::Conflict(fresh)) => {
            worker.snapshot = *fresh;
            worker.pending = None;
            if R::NEEDS_LEASE && !worker.holds_lease(now) {
                start::<R>(worker, now)
            } else {
                plan::<R>(worker, now)
            }
        }
        (Stage::Inspecting(Purpose::Baseline), Input::Inspected(found)) => baseline::<R>(worker, found, now),
        (Stage::Inspecting(Purpose::Proof), Input::Inspected(found)) => proof::<R>(worker, found, now),
        (Stage::Adding, Input::Answered(answer)) => added::<R>(worker, answer, now),
        (Stage::Removing, Input::Answered(answer)) => removed::<R>(worker, answer, now),
        (Stage::Adding | Stage::Removing, Input::NotSent { look_again_at }) => {
            not_sent::<R>(worker, look_again_at, now)
        }
        // An input that does not answer the last effect is a fault of the caller: change nothing, come back later.
        _ => over::<R>(worker, Some("out of turn".to_owned()), Some(retry_at(0, now)), now),
    }
}

/// Finishes without touching anything, because another worker is at it or this one gives up.
fn over<R: Rules>(
    worker: Worker,
    error: Option<String>,
    look_again_at: Option<Timestamp>,
    now: Timestamp,
) -> (Worker, Effect) {
    let held = is_held::<R>(&worker, now);
    let view = open_view(&worker, held);
    (
        worker,
        Effect::Finish(Outcome {
            view,
            held,
            error,
            look_again_at,
        }),
    )
}

fn is_held<R: Rules>(worker: &Worker, now: Timestamp) -> bool {
    R::kept_until(&worker.snapshot.holds, now).is_some()
}

/// Begins: leaves alone what is as it should be or in another worker's hands, and takes the lease otherwise.
fn start<R: Rules>(worker: Worker, now: Timestamp) -> (Worker, Effect) {
    if let Some(lease) = &worker.snapshot.membership.lease
        && R::NEEDS_LEASE
        && lease.worker != worker.id
        && lease.until > now
    {
        let soon = lease.until.min(now.plus_seconds(BUSY_SECONDS));
        // Who waits for another worker knows no better than what failed last: that somebody is trying again does not
        // make a failing membership look healthy.
        let error = worker.snapshot.membership.last_error.clone();
        return over::<R>(worker, error, Some(soon), now);
    }
    let decision = desired::<R>(&worker, now);
    if let Desired::Rest(outcome) = decision {
        return rest(worker, outcome);
    }
    if !R::NEEDS_LEASE {
        return plan::<R>(worker, now);
    }
    let mut membership = worker.membership();
    membership.lease = Some(Lease {
        worker: worker.id,
        until: now.plus_seconds(LEASE_SECONDS),
    });
    store(worker, membership, None, Next::Plan)
}

/// What the membership needs now.
enum Desired {
    /// Nothing, until a hold changes or the time comes.
    Rest(Outcome),
    /// Find out whether the member was there before us.
    Baseline,
    /// Add it (again).
    Add,
    /// Decide to remove it.
    BeginRemoval,
    /// Send the removal (again).
    Remove,
    /// Look whether it is gone.
    Prove,
}

/// The view of a record that this run does not touch.
fn resting_view(worker: &Worker, kept: bool) -> View {
    match &worker.snapshot.membership.presence {
        Presence::Absent => {
            if kept {
                View::Adding
            } else {
                View::Absent
            }
        }
        Presence::Standing { .. } => View::Standing,
        Presence::Adding => View::Adding,
        Presence::Present { .. } => View::Present,
        Presence::Removing { deleted_at: None, .. } => View::Removing,
        Presence::Removing { .. } => View::Unconfirmed,
        Presence::Gone => View::Gone,
    }
}

/// The view of a record that a worker is about to change: it settles nothing, except that a member known to stand and
/// held by somebody stays.
fn open_view(worker: &Worker, held: bool) -> View {
    let snapshot = &worker.snapshot;
    match resting_view(worker, held) {
        View::Standing if held && snapshot.membership.is_standing(&snapshot.holds) => View::Standing,
        View::Absent | View::Standing | View::Gone if held => View::Adding,
        View::Absent | View::Standing | View::Gone => View::Removing,
        view => view,
    }
}

fn desired<R: Rules>(worker: &Worker, now: Timestamp) -> Desired {
    let holds = &worker.snapshot.holds;
    let membership = &worker.snapshot.membership;
    let add_until = R::addable_until(holds, now);
    let kept = R::kept_until(holds, now).is_some();
    let rest = |view, look_again_at| {
        Desired::Rest(Outcome {
            view,
            held: kept,
            error: membership.last_error.clone(),
            look_again_at,
        })
    };
    match &membership.presence {
        Presence::Standing { .. } if membership.is_standing(holds) => rest(View::Standing, None),
        // Not proved absent: a group that is restored brings back the member that was ours when it went.
        Presence::Gone if add_until.is_some() => Desired::Add,
        Presence::Absent | Presence::Gone | Presence::Standing { .. } => match add_until {
            Some(_) => Desired::Baseline,
            None if membership.presence == Presence::Absent => rest(View::Absent, None),
            // Standing in an earlier episode, and nobody has looked since: access that may well remain is never shown
            // as gone.
            None => rest(resting_view(worker, kept), None),
        },
        Presence::Adding => match add_until {
            Some(_) => Desired::Add,
            // Held by a grant whose timer is still to come: its own worker adds, or its end removes.
            None if kept => rest(View::Adding, Some(now.plus_seconds(BUSY_SECONDS))),
            None => Desired::BeginRemoval,
        },
        Presence::Present { .. } if kept => rest(View::Present, None),
        Presence::Present { .. } => Desired::BeginRemoval,
        Presence::Removing {
            deleted_at,
            seen_absent_at,
            ..
        } => match (add_until, deleted_at) {
            (Some(_), _) => Desired::Add,
            (None, _) if kept => rest(resting_view(worker, kept), Some(now.plus_seconds(BUSY_SECONDS))),
            (None, None) => Desired::Remove,
            (None, Some(deleted_at)) => {
                let from = proof_from(*deleted_at, membership.last_add_at, worker.confirm_after);
                if seen_absent_at.is_some() && now < from {
                    rest(View::Unconfirmed, Some(from))
                } else {
                    Desired::Prove
                }
            }
        },
    }
}

/// Plans under the lease.
fn plan<R: Rules>(worker: Worker, now: Timestamp) -> (Worker, Effect) {
    let desired = desired::<R>(&worker, now);
    let enough = worker.turns > MOST_TURNS || (R::NEEDS_LEASE && !worker.has_time_to_call(now));
    match desired {
        Desired::Rest(outcome) => rest(worker, outcome),
        _ if enough => {
            let held = is_held::<R>(&worker, now);
            let view = open_view(&worker, held);
            let error = worker.snapshot.membership.last_error.clone();
            release(
                worker,
                Outcome {
                    view,
                    held,
                    error,
                    look_again_at: Some(now.plus_seconds(BUSY_SECONDS)),
                },
            )
        }
        Desired::Baseline => inspect(worker, Purpose::Baseline),
        Desired::Prove => inspect(worker, Purpose::Proof),
        Desired::Add => intend_add::<R>(worker, now),
        Desired::BeginRemoval => {
            let mut membership = worker.membership();
            membership.presence = Presence::Removing {
                since: now,
                deleted_at: None,
                seen_absent_at: None,
                seen_gone_at: None,
            };
            store(worker, membership, Some("membership.removing"), Next::Remove)
        }
        Desired::Remove => call_remove(worker),
    }
}

/// Stores that an add is about to be sent, and when: proof of absence has to be younger than that.
fn intend_add<R: Rules>(worker: Worker, now: Timestamp) -> (Worker, Effect) {
    let mut membership = worker.membership();
    let action = (membership.presence != Presence::Adding).then_some("membership.adding");
    membership.presence = Presence::Adding;
    membership.last_add_at = Some(now);
    if !R::INTENT_BEFORE_ADD {
        return proceed::<R>(worker, Next::Add, now);
    }
    store(worker, membership, action, Next::Add)
}

fn inspect(mut worker: Worker, purpose: Purpose) -> (Worker, Effect) {
    worker.stage = Stage::Inspecting(purpose);
    (worker, Effect::Inspect)
}

fn call_remove(mut worker: Worker) -> (Worker, Effect) {
    worker.stage = Stage::Removing;
    (worker, Effect::Remove)
}

fn store(mut worker: Worker, membership: Membership, action: Option<&'static str>, next: Next) -> (Worker, Effect) {
    worker.stage = Stage::Storing(next);
    worker.pending = Some(membership.clone());
    (worker, Effect::Store { membership, action })
}

/// Finishes where nothing is left to do. What failed on behalf of grants that are over is forgotten, so that it does not
/// count against the next one.
fn rest(worker: Worker, mut outcome: Outcome) -> (Worker, Effect) {
    let settled = !outcome.held && outcome.look_again_at.is_none();
    if !settled || worker.snapshot.membership.failures == 0 {
        return release(worker, outcome);
    }
    outcome.error = None;
    let mut membership = without_failures(worker.membership());
    if membership.lease.as_ref().is_some_and(|lease| lease.worker == worker.id) {
        membership.lease = None;
    }
    store(worker, membership, None, Next::Finish(outcome))
}

fn without_failures(mut membership: Membership) -> Membership {
    membership.failures = 0;
    membership.failing_since = None;
    membership.last_error = None;
    membership
}

/// Gives the lease back, if it was taken, and finishes.
fn release(worker: Worker, outcome: Outcome) -> (Worker, Effect) {
    let mut membership = worker.membership();
    if membership.lease.as_ref().is_some_and(|lease| lease.worker == worker.id) {
        membership.lease = None;
        return store(worker, membership, None, Next::Finish(outcome));
    }
    (worker, Effect::Finish(outcome))
}

/// Goes on after a store. However long that took: a call starts only if it still ends within the lease, an add only
/// while a hold still asks for it, a removal only while none does. Otherwise the worker plans again.
fn proceed<R: Rules>(mut worker: Worker, next: Next, now: Timestamp) -> (Worker, Effect) {
    let in_time = !R::NEEDS_LEASE || worker.has_time_to_call(now);
    match next {
        Next::Inspect(purpose) if in_time => inspect(worker, purpose),
        Next::Remove if in_time && !is_held::<R>(&worker, now) => call_remove(worker),
        Next::Add if in_time => match R::addable_until(&worker.snapshot.holds, now) {
            Some(until) => {
                worker.stage = Stage::Adding;
                (worker, Effect::Add { until })
            }
            None => plan::<R>(worker, now),
        },
        Next::Finish(outcome) => (worker, Effect::Finish(outcome)),
        Next::Plan | Next::Inspect(_) | Next::Add | Next::Remove => plan::<R>(worker, now),
    }
}

/// Gives the lease back without having sent anything. What was stored says that something may have been sent, which is
/// the safe side.
fn not_sent<R: Rules>(worker: Worker, look_again_at: Timestamp, now: Timestamp) -> (Worker, Effect) {
    let held = is_held::<R>(&worker, now);
    let outcome = Outcome {
        view: open_view(&worker, held),
        held,
        error: worker.snapshot.membership.last_error.clone(),
        look_again_at: Some(look_again_at.min(now.plus_seconds(super::LONGEST_RETRY_SECONDS))),
    };
    release(worker, outcome)
}

/// Stores a failure, gives the lease back and comes back later.
fn fail<R: Rules>(worker: Worker, view: View, error: String, wait: Option<i64>, now: Timestamp) -> (Worker, Effect) {
    let held = is_held::<R>(&worker, now);
    let mut membership = worker.membership();
    let first = membership.failures == 0;
    let later = retry_at(membership.failures, now);
    let look_again_at = wait.map_or(later, |seconds| later.max(now.plus_seconds(seconds)));
    // Whatever a target asks for: never further apart than the longest retry (invariant I9).
    let look_again_at = look_again_at.min(now.plus_seconds(super::LONGEST_RETRY_SECONDS));
    membership.failures = membership.failures.saturating_add(1);
    membership.failing_since = membership.failing_since.or(Some(now));
    membership.last_error = Some(error.clone());
    membership.lease = None;
    let action = first.then_some("membership.failing");
    let outcome = Outcome {
        view,
        held,
        error: Some(error),
        look_again_at: Some(look_again_at),
    };
    store(worker, membership, action, Next::Finish(outcome))
}

/// Stores a success.
fn succeed(worker: Worker, presence: Presence, action: Option<&'static str>, next: Next) -> (Worker, Effect) {
    let mut membership = without_failures(worker.membership());
    membership.presence = presence;
    if matches!(next, Next::Finish(_)) {
        membership.lease = None;
    }
    store(worker, membership, action, next)
}

const fn done(view: View, held: bool, look_again_at: Option<Timestamp>) -> Next {
    Next::Finish(Outcome {
        view,
        held,
        error: None,
        look_again_at,
    })
}

fn baseline<R: Rules>(worker: Worker, found: Inspection, now: Timestamp) -> (Worker, Effect) {
    match found {
        Inspection::Present => {
            let episode = worker.snapshot.holds.episode;
            succeed(
                worker,
                Presence::Standing { episode },
                Some("membership.standing"),
                done(View::Standing, true, None),
            )
        }
        Inspection::Absent => match R::addable_until(&worker.snapshot.holds, now) {
            Some(_) => intend_add::<R>(worker, now),
            None => plan::<R>(worker, now),
        },
        Inspection::TargetGone => {
            let error = "the group or the account does not exist in the directory".to_owned();
            // New objects may not be visible everywhere yet; one that stays away for this long does not exist.
            let since = worker.snapshot.membership.failing_since;
            let lasting = since.is_some_and(|since| now >= since.plus_seconds(worker.confirm_after));
            fail::<R>(
                worker,
                if lasting { View::Refused } else { View::Adding },
                error,
                None,
                now,
            )
        }
        Inspection::Unknown(error) => fail::<R>(worker, View::Adding, error, None, now),
    }
}

fn added<R: Rules>(worker: Worker, answer: Answer, now: Timestamp) -> (Worker, Effect) {
    match answer {
        Answer::Done if R::ADD_DECIDES_BASELINE => {
            let episode = worker.snapshot.holds.episode;
            succeed(
                worker,
                Presence::Standing { episode },
                Some("membership.standing"),
                done(View::Standing, true, None),
            )
        }
        Answer::Done => {
            // The last hold may have ended while the call was under way: then it has to go at once.
            let kept = R::kept_until(&worker.snapshot.holds, now).is_some();
            let next = if kept {
                done(View::Present, true, None)
            } else {
                Next::Plan
            };
            succeed(
                worker,
                Presence::Present { confirmed_at: now },
                Some("membership.present"),
                next,
            )
        }
        Answer::Started { look_again_at, handle } => {
            let error = format!("under way as {handle}");
            release(
                worker,
                Outcome {
                    view: View::Adding,
                    held: true,
                    error: Some(error),
                    look_again_at: Some(look_again_at),
                },
            )
        }
        Answer::RetryAfter { seconds, why } | Answer::Throttled { seconds, why } => {
            fail::<R>(worker, View::Adding, why, Some(seconds), now)
        }
        Answer::Refused(why) => fail::<R>(worker, View::Refused, why, None, now),
        Answer::Unknown(why) => fail::<R>(worker, View::Adding, why, None, now),
    }
}

fn removed<R: Rules>(worker: Worker, answer: Answer, now: Timestamp) -> (Worker, Effect) {
    let Presence::Removing {
        since, seen_gone_at, ..
    } = worker.snapshot.membership.presence.clone()
    else {
        return plan::<R>(worker, now);
    };
    match answer {
        Answer::Done if R::REMOVAL_PROVES_ABSENCE => succeed(
            worker,
            Presence::Absent,
            Some("membership.absent"),
            done(View::Absent, false, None),
        ),
        Answer::Done => {
            // Only a read that does not find the member ends a row of failures: a target that says "done" each time
            // and never does it is retried ever more slowly, and known to fail since when.
            let mut membership = worker.membership();
            membership.presence = Presence::Removing {
                since,
                deleted_at: Some(now),
                seen_absent_at: None,
                seen_gone_at,
            };
            let action = Some("membership.removed");
            store(worker, membership, action, Next::Inspect(Purpose::Proof))
        }
        Answer::Started { look_again_at, handle } => {
            let error = format!("under way as {handle}");
            release(
                worker,
                Outcome {
                    view: View::Removing,
                    held: false,
                    error: Some(error),
                    look_again_at: Some(look_again_at),
                },
            )
        }
        Answer::RetryAfter { seconds, why } | Answer::Throttled { seconds, why } => {
            fail::<R>(worker, View::Removing, why, Some(seconds), now)
        }
        Answer::Refused(why) | Answer::Unknown(why) => fail::<R>(worker, View::Removing, why, None, now),
    }
}

fn proof<R: Rules>(worker: Worker, found: Inspection, now: Timestamp) -> (Worker, Effect) {
    let Presence::Removing {
        since,
        deleted_at: Some(deleted_at),
        seen_absent_at,
        seen_gone_at,
    } = worker.snapshot.membership.presence.clone()
    else {
        return plan::<R>(worker, now);
    };
    let last_add_at = worker.snapshot.membership.last_add_at;
    let confirm_after = worker.confirm_after;
    match found {
        Inspection::Absent => {
            if R::proves_absence(seen_absent_at, deleted_at, last_add_at, confirm_after, now) {
                return succeed(
                    worker,
                    Presence::Absent,
                    Some("membership.absent"),
                    done(View::Absent, false, None),
                );
            }
            let presence = Presence::Removing {
                since,
                deleted_at: Some(deleted_at),
                seen_absent_at: seen_absent_at.or(Some(now)),
                seen_gone_at: None,
            };
            let from = proof_from(deleted_at, last_add_at, confirm_after).max(now.plus_seconds(1));
            succeed(
                worker,
                presence,
                Some("membership.unconfirmed"),
                done(View::Unconfirmed, false, Some(from)),
            )
        }
        Inspection::TargetGone => {
            let first = seen_gone_at.unwrap_or(now);
            if now >= first.plus_seconds(confirm_after) && first < now {
                return succeed(
                    worker,
                    Presence::Gone,
                    Some("membership.target_gone"),
                    done(View::Gone, false, None),
                );
            }
            let presence = Presence::Removing {
                since,
                deleted_at: Some(deleted_at),
                seen_absent_at,
                seen_gone_at: Some(first),
            };
            let from = first.plus_seconds(confirm_after).max(now.plus_seconds(1));
            succeed(worker, presence, None, done(View::Unconfirmed, false, Some(from)))
        }
        Inspection::Present => {
            // A replica that lags, or somebody put it back: the removal is sent again, on the retry rhythm.
            let mut worker = worker;
            worker.snapshot.membership.presence = Presence::Removing {
                since,
                deleted_at: None,
                seen_absent_at: None,
                seen_gone_at: None,
            };
            let why = "the directory still shows the member".to_owned();
            match fail::<R>(worker, View::Removing, why, None, now) {
                // No longer "removed": a change of state, and not only of the retries.
                (worker, Effect::Store { membership, action }) => {
                    let action = action.or(Some("membership.removing"));
                    (worker, Effect::Store { membership, action })
                }
                other => other,
            }
        }
        Inspection::Unknown(error) => fail::<R>(worker, View::Unconfirmed, error, None, now),
    }
}
