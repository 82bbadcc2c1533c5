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
//!                ▲                                                                             │
//!                └──────────── found there again 5, 45 or 90 minutes later ◀───────────────────┘
//! ```
//!
//! A member that a grant holds is looked at every [`LOOK_MINUTES`]: one that is missing, twice, was removed outside and
//! is not put back (`lost_at`). At the end of a grant nothing is asked first: whether somebody removed the member shortly
//! before or not, the removal and its proof are the same, and a question that is not answered must not delay them.
//!
//! A group or account that is gone, seen twice, ends as `Gone` and is looked at daily for 31 days: what was soft-deleted
//! comes back with its members, and is then removed and proved like any other.
//!
//! What is about to be done is stored before it is done, so that a worker that dies leaves no trace that looks like
//! "nothing happened". Every store is conditional on the versions of both the membership and its holds: a hold that
//! comes or goes meanwhile makes the store fail, and the worker plans again with what is true now.

use crate::Timestamp;
use crate::ids::WorkerId;
use crate::membership::{
    GONE_RECHECK_DAYS, GONE_RECHECK_MINUTES, Holds, Lease, Membership, Missing, Operation, Presence, Watch,
};
use crate::protocol::{
    CALL_SECONDS, CONFIRM_AFTER_SECONDS, LEASE_MARGIN_SECONDS, LEASE_SECONDS, LONGEST_RETRY_SECONDS, Rules, proof_from,
    retry_at,
};

/// Most conversations of one worker with one membership in one run: it then gives the lease back and comes later.
const MOST_TURNS: u32 = 24;
/// Turns left after that for giving the lease back; if even that meets conflicts only, the lease runs out by itself.
const LAST_TURNS: u32 = 8;
/// How soon to come back (seconds) when another worker is at it.
const BUSY_SECONDS: i64 = 2;
/// How often (minutes) a member that a grant holds is looked at. Nothing unsafe waits for it: a member who was removed
/// outside has no access. It keeps what pages say true to a quarter of an hour, for one read and three small writes each
/// time, about a thousandth of a cent for an hour of access; the many grants of a large company stay far below the
/// directory's read limits.
pub const LOOK_MINUTES: i64 = 10;
/// How soon (minutes) a look at something that is over is tried again when nobody answers.
const RECHECK_RETRY_MINUTES: i64 = 5;

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
    /// The answer to [`Effect::Add`], [`Effect::Remove`] or [`Effect::Ask`].
    Answered(Answer),
    /// [`Effect::Add`] or [`Effect::Remove`] was not carried out: the tenant's write budget ([`crate::budget`]) has
    /// nothing left for it. That is no failure of anything.
    NotSent {
        /// When there will be something.
        look_again_at: Timestamp,
    },
    /// The call was not made: [`Worker::may_call`] forbade it when its turn came.
    TooLate,
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
#[expect(
    clippy::large_enum_variant,
    reason = "a worker has one effect at a time, and none is kept"
)]
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
    /// Ask how something went that the target was still working on.
    Ask {
        /// What it answered with [`Answer::Started`].
        handle: String,
    },
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
    /// Proved to be no member any more while grants held it: somebody removed it in the directory.
    RemovedOutside,
    /// Group or account went while grants held the member; seen twice.
    TargetLost,
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
    /// How often in a row the target did not do as asked.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// When absence was last proved, for whatever grant that was.
    pub proved_at: Option<Timestamp>,
}

impl Outcome {
    /// The end of a run that says nothing of failures and proofs.
    #[must_use]
    pub const fn new(view: View, held: bool, error: Option<String>, look_again_at: Option<Timestamp>) -> Self {
        Self {
            view,
            held,
            error,
            look_again_at,
            failures: 0,
            failing_since: None,
            proved_at: None,
        }
    }

    /// With what the record says.
    const fn about(mut self, membership: &Membership) -> Self {
        self.failures = membership.failures;
        self.failing_since = membership.failing_since;
        self.proved_at = membership.proved_at;
        self
    }
}

/// Why the target is being asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Purpose {
    /// Was the member there before us?
    Baseline,
    /// Is it gone?
    Proof,
    /// Is it still there?
    Look,
    /// Has it come back?
    Recheck,
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
    Asking,
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
    /// What the target has begun and is not stored yet.
    unstored: Option<Operation>,
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
            unstored: None,
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

    /// Whether a call that was asked for may still be made now: other calls of the same batch may have taken their time.
    #[must_use]
    pub fn may_call<R: Rules>(&self, effect: &Effect, now: Timestamp) -> bool {
        let in_time = !R::NEEDS_LEASE || self.has_time_to_call(now);
        let wanted = match effect {
            Effect::Add { .. } => R::addable_until(&self.snapshot.holds, now).is_some(),
            Effect::Remove => R::kept_until(&self.snapshot.holds, now).is_none(),
            _ => true,
        };
        in_time && wanted
    }

    /// The length of a minute of the slow rhythms, in seconds: shorter only where the proof is quicker than a minute, on
    /// a laptop.
    fn minute(&self) -> i64 {
        self.confirm_after.clamp(1, CONFIRM_AFTER_SECONDS)
    }

    /// Whether what grants held was found missing, and no hold has come since that may add it again.
    fn is_lost(&self, now: Timestamp) -> bool {
        let lost_at = self.snapshot.membership.lost_at;
        lost_at.is_some_and(|at| !self.snapshot.holds.addable_since(at, now))
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
            worker.unstored = None;
            proceed::<R>(worker, next, now)
        }
        (Stage::Storing(_), Input::Conflict(fresh)) => {
            worker.snapshot = *fresh;
            worker.pending = None;
            if R::NEEDS_LEASE && !worker.holds_lease(now) {
                start::<R>(worker, now)
            } else if let Some(begun) = worker.unstored.clone() {
                // Whatever has changed: nobody but this worker knows by what name to ask for it.
                under_way::<R>(worker, begun, now)
            } else {
                plan::<R>(worker, now)
            }
        }
        (Stage::Inspecting(Purpose::Baseline), Input::Inspected(found)) => baseline::<R>(worker, found, now),
        (Stage::Inspecting(Purpose::Proof), Input::Inspected(found)) => proof::<R>(worker, found, now),
        (Stage::Inspecting(Purpose::Look), Input::Inspected(found)) => looked::<R>(worker, found, now),
        (Stage::Inspecting(Purpose::Recheck), Input::Inspected(found)) => rechecked::<R>(worker, found, now),
        (Stage::Adding, Input::Answered(answer)) => added::<R>(worker, answer, now),
        (Stage::Removing, Input::Answered(answer)) => removed::<R>(worker, answer, now),
        (Stage::Asking, Input::Answered(answer)) => asked::<R>(worker, answer, now),
        (Stage::Inspecting(_) | Stage::Adding | Stage::Removing | Stage::Asking, Input::TooLate) => {
            plan::<R>(worker, now)
        }
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
    let view = open_view(&worker, held, now);
    let outcome = Outcome::new(view, held, error, look_again_at).about(&worker.snapshot.membership);
    (worker, Effect::Finish(outcome))
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
    /// Look whether it is still there.
    Look,
    /// Look whether it has come back.
    Recheck,
    /// Ask how something went that the target was still working on.
    Ask(String),
}

/// The view of a record that this run does not touch.
fn resting_view(worker: &Worker, kept: bool, now: Timestamp) -> View {
    match &worker.snapshot.membership.presence {
        Presence::Absent if kept && worker.is_lost(now) => View::RemovedOutside,
        Presence::Gone if kept && worker.is_lost(now) => View::TargetLost,
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
fn open_view(worker: &Worker, held: bool, now: Timestamp) -> View {
    let snapshot = &worker.snapshot;
    match resting_view(worker, held, now) {
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
        Desired::Rest(Outcome::new(view, kept, membership.last_error.clone(), look_again_at).about(membership))
    };
    if let Some(operation) = membership.operation.as_ref().filter(|_| R::WAITS_FOR_OPERATIONS) {
        return if now >= operation.look_again_at {
            Desired::Ask(operation.handle.clone())
        } else {
            rest(resting_view(worker, kept, now), Some(operation.look_again_at))
        };
    }
    match &membership.presence {
        Presence::Standing { .. } if membership.is_standing(holds) => rest(View::Standing, None),
        Presence::Absent | Presence::Gone if kept && worker.is_lost(now) => rest(resting_view(worker, kept, now), None),
        Presence::Absent | Presence::Gone
            if (!kept || !R::RECHECK_HEEDS_HOLDS) && membership.watch.is_some_and(|watch| watch.next <= now) =>
        {
            Desired::Recheck
        }
        // Not proved absent: a group that is restored brings back the member that was ours when it went.
        Presence::Gone if add_until.is_some() => Desired::Add,
        Presence::Absent | Presence::Gone | Presence::Standing { .. } => match add_until {
            Some(_) => Desired::Baseline,
            None if membership.presence == Presence::Absent => rest(View::Absent, None),
            // Standing in an earlier episode, and nobody has looked since: access that may well remain is never shown
            // as gone.
            None => rest(resting_view(worker, kept, now), None),
        },
        Presence::Adding => match add_until {
            Some(_) => Desired::Add,
            // Held by a grant whose timer is still to come: its own worker adds, or its end removes.
            None if kept => rest(View::Adding, Some(now.plus_seconds(BUSY_SECONDS))),
            None => Desired::BeginRemoval,
        },
        Presence::Present {
            confirmed_at,
            missing_since,
        } if kept => {
            let look_at = missing_since.map_or_else(
                || confirmed_at.plus_seconds(LOOK_MINUTES.saturating_mul(worker.minute())),
                |missing| missing.at.plus_seconds(worker.confirm_after),
            );
            if now >= look_at {
                Desired::Look
            } else {
                rest(View::Present, Some(look_at))
            }
        }
        Presence::Present { .. } => Desired::BeginRemoval,
        Presence::Removing {
            deleted_at,
            seen_absent_at,
            ..
        } => match (add_until, deleted_at) {
            (Some(_), _) => Desired::Add,
            (None, _) if kept => rest(resting_view(worker, kept, now), Some(now.plus_seconds(BUSY_SECONDS))),
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
            let view = open_view(&worker, held, now);
            let error = worker.snapshot.membership.last_error.clone();
            let soon = now.plus_seconds(BUSY_SECONDS);
            release(worker, Outcome::new(view, held, error, Some(soon)))
        }
        Desired::Baseline => inspect(worker, Purpose::Baseline),
        Desired::Prove => inspect(worker, Purpose::Proof),
        Desired::Look => inspect(worker, Purpose::Look),
        Desired::Recheck => inspect(worker, Purpose::Recheck),
        Desired::Ask(handle) => {
            let mut worker = worker;
            worker.stage = Stage::Asking;
            (worker, Effect::Ask { handle })
        }
        Desired::Add => intend_add::<R>(worker, None, now),
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
fn intend_add<R: Rules>(worker: Worker, action: Option<&'static str>, now: Timestamp) -> (Worker, Effect) {
    let mut membership = worker.membership();
    let action = action.or((membership.presence != Presence::Adding).then_some("membership.adding"));
    membership.presence = Presence::Adding;
    membership.last_add_at = Some(now);
    // From here on the grants that hold it stand behind it again.
    membership.lost_at = None;
    membership.watch = None;
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

fn store(
    mut worker: Worker,
    mut membership: Membership,
    action: Option<&'static str>,
    mut next: Next,
) -> (Worker, Effect) {
    // A removal behind which no grant stands has a promise of its own: when somebody looks again, or takes over.
    let promised = match &next {
        Next::Finish(outcome) => outcome.look_again_at,
        _ => membership.lease.as_ref().map(|lease| lease.until),
    };
    if let Some(watch) = &mut membership.watch
        && matches!(membership.presence, Presence::Removing { .. })
    {
        watch.next = promised.unwrap_or(watch.next);
    }
    if let Next::Finish(outcome) = next {
        next = Next::Finish(outcome.about(&membership));
    }
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
    (worker, Effect::Finish(outcome.about(&membership)))
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
    let view = open_view(&worker, held, now);
    let error = worker.snapshot.membership.last_error.clone();
    let look_again_at = look_again_at.min(now.plus_seconds(LONGEST_RETRY_SECONDS));
    release(worker, Outcome::new(view, held, error, Some(look_again_at)))
}

/// Stores a failure, gives the lease back and comes back later.
fn fail<R: Rules>(worker: Worker, view: View, error: String, wait: Option<i64>, now: Timestamp) -> (Worker, Effect) {
    let held = is_held::<R>(&worker, now);
    let mut membership = worker.membership();
    let first = membership.failures == 0;
    let later = retry_at(membership.failures, now);
    let look_again_at = wait.map_or(later, |seconds| later.max(now.plus_seconds(seconds)));
    // Whatever a target asks for: never further apart than the longest retry (invariant I9).
    let look_again_at = look_again_at.min(now.plus_seconds(LONGEST_RETRY_SECONDS));
    if let Some(operation) = &mut membership.operation {
        operation.look_again_at = look_again_at;
    }
    membership.failures = membership.failures.saturating_add(1);
    membership.failing_since = membership.failing_since.or(Some(now));
    membership.last_error = Some(error.clone());
    membership.lease = None;
    let action = first.then_some("membership.failing");
    let outcome = Outcome::new(view, held, Some(error), Some(look_again_at));
    store(worker, membership, action, Next::Finish(outcome))
}

/// Stores that the target is still working on it, and gives the lease back.
fn under_way<R: Rules>(mut worker: Worker, mut begun: Operation, now: Timestamp) -> (Worker, Effect) {
    let held = is_held::<R>(&worker, now);
    let latest = now.plus_seconds(LONGEST_RETRY_SECONDS);
    begun.look_again_at = begun.look_again_at.clamp(now.plus_seconds(1), latest);
    let mut membership = worker.membership();
    membership.lease = None;
    let view = if begun.adds { View::Adding } else { View::Removing };
    let outcome = Outcome::new(view, held, None, Some(begun.look_again_at));
    let action = membership.operation.is_none().then_some("membership.under_way");
    membership.operation = Some(begun.clone());
    worker.unstored = Some(begun);
    store(worker, membership, action, Next::Finish(outcome))
}

/// How an operation went that the target was working on.
fn asked<R: Rules>(mut worker: Worker, answer: Answer, now: Timestamp) -> (Worker, Effect) {
    let Some(operation) = worker.snapshot.membership.operation.clone() else {
        return plan::<R>(worker, now);
    };
    let view = if operation.adds { View::Adding } else { View::Removing };
    match answer {
        Answer::Done | Answer::Refused(_) => {
            worker.snapshot.membership.operation = None;
            if operation.adds {
                // It may have happened as late as this.
                worker.snapshot.membership.last_add_at = Some(now);
                added::<R>(worker, answer, now)
            } else {
                removed::<R>(worker, answer, now)
            }
        }
        Answer::Started { handle, look_again_at } => {
            let begun = Operation::new(operation.adds, handle, look_again_at);
            under_way::<R>(worker, begun, now)
        }
        Answer::RetryAfter { seconds, why } | Answer::Throttled { seconds, why } => {
            fail::<R>(worker, view, why, Some(seconds), now)
        }
        Answer::Unknown(why) => fail::<R>(worker, view, why, None, now),
    }
}

/// Stores that a membership is over, and that it is looked at again for a while.
fn settle(
    worker: Worker,
    presence: Presence,
    action: &'static str,
    next: Next,
    lost_at: Option<Timestamp>,
    now: Timestamp,
) -> (Worker, Effect) {
    let mut membership = without_failures(worker.membership());
    if presence == Presence::Absent {
        membership.proved_at = Some(now);
    }
    membership.watch = Watch::begin(&presence, now, worker.minute());
    membership.lost_at = lost_at.or(membership.lost_at);
    membership.presence = presence;
    if matches!(next, Next::Finish(_)) {
        membership.lease = None;
    }
    store(worker, membership, Some(action), next)
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
    Next::Finish(Outcome::new(view, held, None, look_again_at))
}

fn baseline<R: Rules>(worker: Worker, found: Inspection, now: Timestamp) -> (Worker, Effect) {
    match found {
        // Its absence was proved a short while ago, and it would have been removed had nobody asked for it now. Who put
        // it back cannot be known: in doubt it is ours and goes with its grants.
        Inspection::Present if worker.snapshot.membership.watch.is_some() => {
            match R::addable_until(&worker.snapshot.holds, now) {
                Some(_) => intend_add::<R>(worker, Some("membership.reappeared"), now),
                None => plan::<R>(worker, now),
            }
        }
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
            Some(_) => intend_add::<R>(worker, None, now),
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

const fn present(now: Timestamp) -> Presence {
    Presence::Present {
        confirmed_at: now,
        missing_since: None,
    }
}

fn next_look(worker: &Worker, now: Timestamp) -> Timestamp {
    now.plus_seconds(LOOK_MINUTES.saturating_mul(worker.minute()))
}

/// A look at a member that grants hold. One that is missing is looked for again; only the second time proves it.
fn looked<R: Rules>(worker: Worker, found: Inspection, now: Timestamp) -> (Worker, Effect) {
    let Presence::Present {
        confirmed_at,
        missing_since,
    } = worker.snapshot.membership.presence
    else {
        return plan::<R>(worker, now);
    };
    if !is_held::<R>(&worker, now) {
        return plan::<R>(worker, now);
    }
    let gone = match found {
        Inspection::Present => {
            let look_at = next_look(&worker, now);
            return succeed(worker, present(now), None, done(View::Present, true, Some(look_at)));
        }
        // Not worth an alarm: nobody has access for longer because of it.
        Inspection::Unknown(_) => {
            let soon = now.plus_seconds(LONGEST_RETRY_SECONDS);
            return release(worker, Outcome::new(View::Present, true, None, Some(soon)));
        }
        Inspection::Absent => false,
        Inspection::TargetGone => true,
    };
    // What was seen first has to be what is seen now, or the second look is a first one.
    let first = missing_since.filter(|missing| missing.gone == gone);
    let last_add_at = worker.snapshot.membership.last_add_at;
    let from = first.unwrap_or(Missing { at: now, gone });
    if !R::proves_loss(first.map(|first| first.at), last_add_at, worker.confirm_after, now) {
        let look_at = from.at.plus_seconds(worker.confirm_after).max(now.plus_seconds(1));
        let presence = Presence::Present {
            confirmed_at,
            missing_since: Some(from),
        };
        return succeed(worker, presence, None, done(View::Present, true, Some(look_at)));
    }
    let (presence, view, action) = if gone {
        (Presence::Gone, View::TargetLost, "membership.target_gone")
    } else {
        (Presence::Absent, View::RemovedOutside, "membership.removed_outside")
    };
    let next = if worker.snapshot.holds.addable_since(from.at, now) {
        Next::Plan
    } else {
        done(view, true, None)
    };
    settle(worker, presence, action, next, Some(from.at), now)
}

/// A look at a member that ought to be gone and behind which no grant stands.
fn rechecked<R: Rules>(worker: Worker, found: Inspection, now: Timestamp) -> (Worker, Effect) {
    let presence = worker.snapshot.membership.presence.clone();
    let Some(watch) = worker.snapshot.membership.watch else {
        return plan::<R>(worker, now);
    };
    if R::RECHECK_HEEDS_HOLDS && is_held::<R>(&worker, now) {
        return plan::<R>(worker, now);
    }
    let view = if presence == Presence::Gone {
        View::Gone
    } else {
        View::Absent
    };
    let comes_back = match found {
        Inspection::Present => Some("membership.reappeared"),
        // The target is there again, and once is no proof that the member is not.
        Inspection::Absent if presence == Presence::Gone => Some("membership.target_back"),
        Inspection::Absent | Inspection::TargetGone | Inspection::Unknown(_) => None,
    };
    if comes_back.is_some() {
        let mut membership = without_failures(worker.membership());
        membership.presence = Presence::Removing {
            since: now,
            deleted_at: None,
            seen_absent_at: None,
            seen_gone_at: None,
        };
        return store(worker, membership, comes_back, Next::Remove);
    }
    let minute = worker.minute();
    if let Inspection::Unknown(error) = found {
        let mut membership = worker.membership();
        let last = watch
            .since
            .plus_seconds(GONE_RECHECK_DAYS * GONE_RECHECK_MINUTES * minute);
        let next = now.plus_seconds(RECHECK_RETRY_MINUTES * minute);
        membership.watch = (now < last).then_some(Watch { next, ..watch });
        let ends = membership.watch.is_none().then_some("membership.unwatched");
        let action = ends.or((membership.failures == 0).then_some("membership.failing"));
        membership.failures = membership.failures.saturating_add(1);
        membership.failing_since = membership.failing_since.or(Some(now));
        membership.last_error = Some(error.clone());
        membership.lease = None;
        let outcome = Outcome::new(view, false, Some(error), None);
        return store(worker, membership, action, Next::Finish(outcome));
    }
    let mut membership = without_failures(worker.membership());
    membership.watch = watch.later(&presence, now, minute);
    membership.lease = None;
    store(worker, membership, None, done(view, false, None))
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
            let look_at = next_look(&worker, now);
            let next = if kept {
                done(View::Present, true, Some(look_at))
            } else {
                Next::Plan
            };
            succeed(worker, present(now), Some("membership.present"), next)
        }
        Answer::Started { handle, look_again_at } => {
            under_way::<R>(worker, Operation::new(true, handle, look_again_at), now)
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
        Answer::Started { handle, look_again_at } => {
            under_way::<R>(worker, Operation::new(false, handle, look_again_at), now)
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
                let next = done(View::Absent, false, None);
                return settle(worker, Presence::Absent, "membership.absent", next, None, now);
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
                let next = done(View::Gone, false, None);
                return settle(worker, Presence::Gone, "membership.target_gone", next, None, now);
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
