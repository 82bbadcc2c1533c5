//! How one worker brings one grant to where it should be.
//!
//! ```text
//!  approved:   verify the evidence ─▶ create the one-shot schedule ─▶ store `activating` (holds may add)
//!  activating: converge every membership ─▶ store `active`
//!  expired or ordered to end, in any of these: store `ending` (holds released)
//!  ending:     converge every membership until each is proved ─▶ store `ended` ─▶ delete the schedule
//! ```
//!
//! The timer of an exact grant fires a minute early and hands over to a delayed message, which comes at the second; with
//! less than two minutes left the message is the timer.
//!
//! An extension is a change of the stored grant (see [`extended`]) that a worker finds: the schedule in force is then
//! not the one that is wanted. The wanted one is created and stored, and only then the old one deleted; until it exists
//! the grant's holds keep and do not add.
//!
//! The timer exists before a member does (invariant I1), and every state has a due-entry, so that a worker that dies
//! anywhere is followed by another.

use crate::by_hand::RECHECK_SECONDS;
use crate::due::{DueEntry, DueKind};
use crate::duration::AccessDuration;
use crate::grant::{EndReason, Grant, GrantStatus, GrantTarget, ScheduleName, TargetStatus};
use crate::ids::RequestId;
use crate::membership::HoldState;
use crate::protocol::membership::{Outcome, View};
use crate::protocol::{LONGEST_RETRY_SECONDS, Rules, retry_at};
use crate::{Refusal, Timestamp};

/// How soon (seconds) the sweep looks after a grant that a worker should be bringing forward right now.
pub const STALLED_SECONDS: i64 = 10;
/// How soon (seconds) the sweep looks after a fresh approval: the promise to activate it.
pub const ACTIVATE_SECONDS: i64 = 60;
/// How long (seconds) before the end the schedule of an exact grant fires: Scheduler starts a trigger anywhere within the
/// minute asked for (EventBridge Scheduler User Guide, "Schedule types").
pub const EARLY_SECONDS: i64 = 60;
/// From how many seconds before the end on a delayed message carries an exact grant to its second. A schedule that is not
/// made before that may lie in the past when it is made.
pub const MESSAGE_SECONDS: i64 = 120;
/// Most conversations of one worker with one grant in one run.
const MOST_TURNS: u32 = 16;
/// Most extensions of one grant: each is read and verified again whenever the grant is.
pub const MOST_EXTENSIONS: usize = 20;

/// What happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// The worker begins, with what it has just read consistently.
    Start,
    /// The evidence verifies, the beneficiary is active and every target can be managed.
    Verified,
    /// Something speaks against it for good.
    NotVerified(String),
    /// It could not be found out.
    VerifyFailed(String),
    /// The schedule exists, or the delayed message is on its way.
    Scheduled,
    /// It could not be made, or the message not be sent.
    ScheduleFailed(String),
    /// The change was stored.
    Committed,
    /// It was not, because something had changed: this is what is stored now.
    Conflict {
        /// The grant.
        grant: Box<Grant>,
        /// Its version.
        version: u64,
        /// An order to end it, if there is one.
        order: Option<EndReason>,
    },
    /// Every membership was converged; in the order of the grant's targets.
    Converged(Vec<Outcome>),
    /// The schedule is gone, or it stays, fires once, changes nothing and deletes itself.
    ScheduleDeleted,
}

/// What to do next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Re-verify the grant from its evidence, before anything is added.
    Verify,
    /// Create the one-shot schedule.
    CreateSchedule {
        /// Its name.
        name: ScheduleName,
        /// When it fires.
        at: Timestamp,
    },
    /// Send the delayed message that ends the grant: too little time is left for a schedule.
    SendMessage {
        /// After how many seconds it arrives.
        seconds: u32,
    },
    /// Store the grant and its holds in one transaction, if nothing has changed.
    Commit(Box<Change>),
    /// Converge the membership of every target.
    Converge,
    /// Delete the schedule; a missing one is as good as deleted.
    DeleteSchedule(ScheduleName),
    /// The run is over.
    Finish,
}

/// One stored change of a grant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// The grant afterwards, its due-entries included.
    pub grant: Grant,
    /// What becomes of its holds.
    pub holds: HoldsChange,
    /// The audit event's action, when the change is one of state and not of retry only.
    pub action: Option<&'static str>,
}

/// What becomes of a grant's holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HoldsChange {
    /// They stay as they are.
    Keep,
    /// They move to this state.
    To(HoldState),
    /// They are taken away: nothing of the grant is left.
    Drop,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Start,
    Verifying,
    Scheduling(Option<ScheduleName>),
    Committing {
        then: Then,
    },
    Converging,
    /// Deletes the schedules from `n` to `last`.
    Deleting {
        n: u32,
        last: u32,
    },
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Then {
    Plan,
    Finish,
    /// Delete the schedules from this number on that are not wanted any more.
    DeleteSchedules {
        from: u32,
    },
}

/// A worker's whole knowledge of one grant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Worker {
    /// The grant as stored, as far as this worker knows.
    pub grant: Grant,
    /// Its version.
    pub version: u64,
    /// An order to end it.
    pub order: Option<EndReason>,
    stage: Stage,
    pending: Option<Grant>,
    turns: u32,
}

impl Worker {
    /// A worker that has just read the grant and its end order consistently.
    #[must_use]
    pub const fn new(grant: Grant, version: u64, order: Option<EndReason>) -> Self {
        Self {
            grant,
            version,
            order,
            stage: Stage::Start,
            pending: None,
            turns: 0,
        }
    }
}

/// One step: the worker's next state, and what it has to do now.
#[must_use]
pub fn step<R: Rules>(mut worker: Worker, input: Input, now: Timestamp) -> (Worker, Effect) {
    worker.turns = worker.turns.saturating_add(1);
    if worker.turns > MOST_TURNS {
        return (worker, Effect::Finish);
    }
    let stage = std::mem::replace(&mut worker.stage, Stage::Over);
    match (stage, input) {
        (Stage::Start, Input::Start) if waits(&worker, now) => (worker, Effect::Finish),
        (Stage::Start, Input::Start) => plan::<R>(worker, now),
        (Stage::Verifying, Input::Verified) if R::TIMER_BEFORE_ADD => create_schedule::<R>(worker, now),
        (Stage::Verifying, Input::Verified) => {
            let grant = worker.grant.clone();
            activate(worker, grant, now)
        }
        (Stage::Verifying, Input::NotVerified(why)) => {
            for target in &mut worker.grant.targets {
                target.last_error = Some(why.clone());
            }
            end(worker, EndReason::Failed, now)
        }
        (Stage::Verifying, Input::VerifyFailed(why)) | (Stage::Scheduling(_), Input::ScheduleFailed(why)) => {
            retry_later(worker, why, now)
        }
        (Stage::Scheduling(name), Input::Scheduled) => scheduled(worker, name, now),
        (Stage::Committing { then }, Input::Committed) => {
            if let Some(stored) = worker.pending.take() {
                worker.grant = stored;
                worker.version = worker.version.saturating_add(1);
            }
            match then {
                Then::Plan => plan::<R>(worker, now),
                Then::Finish => (worker, Effect::Finish),
                Then::DeleteSchedules { from } => delete_schedules::<R>(worker, from, now),
            }
        }
        (Stage::Committing { .. }, Input::Conflict { grant, version, order }) => {
            worker.grant = *grant;
            worker.version = version;
            worker.order = order;
            worker.pending = None;
            plan::<R>(worker, now)
        }
        (Stage::Deleting { n, last }, Input::ScheduleDeleted) if n < last => {
            delete_schedule(worker, n.saturating_add(1), last)
        }
        // What was replaced is gone, and the grant lives on.
        (Stage::Deleting { .. }, Input::ScheduleDeleted) if worker.grant.status.is_live() => {
            if !R::NEW_TIMER_FIRST && worker.grant.schedule.is_none() {
                return create_schedule::<R>(worker, now);
            }
            plan::<R>(worker, now)
        }
        (Stage::Converging, Input::Converged(outcomes)) => converged::<R>(worker, &outcomes, now),
        _ => (worker, Effect::Finish),
    }
}

/// Whether a trigger has come too early: somebody is at it or has promised to look again later. Every store of a grant
/// comes back as a stream record, so that without this a failing target would be asked as fast as records travel.
fn waits(worker: &Worker, now: Timestamp) -> bool {
    let grant = &worker.grant;
    let urgent = grant.status.is_live() && (worker.order.is_some() || now >= grant.expires_at);
    let fresh = grant.status == GrantStatus::Approved || (grant.status.is_live() && grant.timer_is_outdated());
    let untouched = fresh && grant.attempts == 0;
    let promised = grant
        .due
        .iter()
        .find(|entry| matches!(entry.kind, DueKind::Advance | DueKind::End));
    !urgent && !untouched && promised.is_some_and(|entry| entry.at > now)
}

/// What the grant needs now.
fn plan<R: Rules>(mut worker: Worker, now: Timestamp) -> (Worker, Effect) {
    let grant = &worker.grant;
    if grant.status.is_live() {
        if let Some(because) = worker.order {
            return end(worker, because, now);
        }
        if now >= grant.expires_at {
            return end(worker, EndReason::Expired, now);
        }
    }
    match grant.status {
        // Its due-entry stands at the start; an early trigger changes nothing.
        GrantStatus::Approved if grant.starts_at > now => (worker, Effect::Finish),
        GrantStatus::Approved => {
            worker.stage = Stage::Verifying;
            (worker, Effect::Verify)
        }
        // Extended: the timer of the new end comes before anything else.
        GrantStatus::Activating | GrantStatus::Active if grant.timer_is_outdated() => {
            if !R::NEW_TIMER_FIRST
                && let Some(outdated) = worker.grant.schedule.take()
            {
                return delete_schedule(worker, outdated.n, outdated.n);
            }
            create_schedule::<R>(worker, now)
        }
        // An active one comes here when its members are to be looked at.
        GrantStatus::Activating | GrantStatus::Active | GrantStatus::Ending => {
            worker.stage = Stage::Converging;
            (worker, Effect::Converge)
        }
        // Ended before its time, and the worker that stored it may have died before it deleted the schedule. Later the
        // schedule has fired and deleted itself.
        GrantStatus::Ended if now < grant.expires_at => delete_all_schedules(worker),
        // What was closed by hand is looked at again at its own time.
        GrantStatus::Ended | GrantStatus::ClosedByHand => (worker, Effect::Finish),
    }
}

fn create_schedule<R: Rules>(mut worker: Worker, now: Timestamp) -> (Worker, Effect) {
    if now >= worker.grant.expires_at {
        return end(worker, EndReason::Expired, now);
    }
    let wanted = worker.grant.schedule_name();
    if let Some(seconds) = message_due(&worker.grant, now) {
        worker.stage = Stage::Scheduling(None);
        return (worker, Effect::SendMessage { seconds });
    }
    let at = schedule_at(&worker.grant);
    worker.stage = Stage::Scheduling(Some(wanted.clone()));
    let name = match &worker.grant.schedule {
        Some(old) if !R::SCHEDULE_NAMES_RISE => old.clone(),
        _ => wanted,
    };
    (worker, Effect::CreateSchedule { name, at })
}

/// When the schedule of a grant fires: at its end, or that of an exact grant so much earlier that it never comes late.
#[must_use]
pub const fn schedule_at(grant: &Grant) -> Timestamp {
    if grant.exact {
        grant.expires_at.plus_seconds(-EARLY_SECONDS)
    } else {
        grant.expires_at
    }
}

/// Whether a delayed message is what ends the grant on time from here on, and after how many seconds (1 to
/// [`MESSAGE_SECONDS`]) it has to arrive: the grant is exact, live, and its end is near. A trigger that comes then sends
/// one, whoever it is from; one more changes nothing.
#[must_use]
pub fn message_due(grant: &Grant, now: Timestamp) -> Option<u32> {
    let left = grant.expires_at.millis().saturating_sub(now.millis());
    let near = grant.exact && grant.status.is_live() && (1..=MESSAGE_SECONDS * 1_000).contains(&left);
    // Rounded up: a message that comes a moment early would only have to be sent again.
    near.then(|| u32::try_from(left.saturating_add(999) / 1_000).unwrap_or(1))
}

/// The timer exists, as a schedule or as a message: the grant may go ahead, or its new end has its timer.
fn scheduled(worker: Worker, name: Option<ScheduleName>, now: Timestamp) -> (Worker, Effect) {
    let mut grant = worker.grant.clone();
    let replaced = std::mem::replace(&mut grant.schedule, name);
    grant.timed = grant.next_schedule;
    if grant.status == GrantStatus::Approved {
        return activate(worker, grant, now);
    }
    grant.attempts = 0;
    let present = |target: &GrantTarget| target.status == TargetStatus::Present;
    for target in grant.targets.iter_mut().filter(|target| present(target)) {
        target.last_error = None;
    }
    let complete = grant.targets.iter().all(present);
    if complete {
        grant.failing_since = None;
    }
    // Whoever comes then finds what is missing, or when the members are to be looked at.
    promise(&mut grant, Some(now.plus_seconds(STALLED_SECONDS)));
    let then = replaced.map_or(Then::Plan, |replaced| Then::DeleteSchedules { from: replaced.n });
    commit(
        worker,
        grant,
        HoldsChange::To(HoldState::Adding),
        Some("grant.rescheduled"),
        then,
    )
}

/// Deletes the schedules from number `from` on that are not wanted: all of an ended grant, and of a live one those of
/// its earlier ends.
fn delete_schedules<R: Rules>(worker: Worker, from: u32, now: Timestamp) -> (Worker, Effect) {
    if !worker.grant.status.is_live() {
        return delete_all_schedules(worker);
    }
    let last = worker.grant.next_schedule.saturating_sub(1);
    if from <= last {
        delete_schedule(worker, from, last)
    } else {
        plan::<R>(worker, now)
    }
}

/// Deletes whatever schedule there may be of a grant that is over: the one in force, and the one that was wanted, which
/// a worker may have made without storing it.
fn delete_all_schedules(worker: Worker) -> (Worker, Effect) {
    match worker.grant.schedule.as_ref().map(|schedule| schedule.n) {
        Some(from) => {
            let last = worker.grant.next_schedule.max(from);
            delete_schedule(worker, from, last)
        }
        None => (worker, Effect::Finish),
    }
}

fn delete_schedule(mut worker: Worker, n: u32, last: u32) -> (Worker, Effect) {
    let grant = worker.grant.id;
    worker.stage = Stage::Deleting { n, last };
    (worker, Effect::DeleteSchedule(ScheduleName { grant, n }))
}

fn commit(
    mut worker: Worker,
    grant: Grant,
    holds: HoldsChange,
    action: Option<&'static str>,
    then: Then,
) -> (Worker, Effect) {
    worker.stage = Stage::Committing { then };
    worker.pending = Some(grant.clone());
    (worker, Effect::Commit(Box::new(Change { grant, holds, action })))
}

fn activate(worker: Worker, mut grant: Grant, now: Timestamp) -> (Worker, Effect) {
    grant.status = GrantStatus::Activating;
    grant.attempts = 0;
    grant.failing_since = None;
    for target in &mut grant.targets {
        target.status = TargetStatus::Adding;
        target.last_error = None;
    }
    promise(&mut grant, Some(now.plus_seconds(STALLED_SECONDS)));
    commit(
        worker,
        grant,
        HoldsChange::To(HoldState::Adding),
        Some("grant.activating"),
        Then::Plan,
    )
}

fn end(worker: Worker, because: EndReason, now: Timestamp) -> (Worker, Effect) {
    let mut grant = worker.grant.clone();
    grant.status = GrantStatus::Ending;
    grant.ended_because = Some(because);
    grant.ending_at = Some(now);
    grant.attempts = 0;
    grant.failing_since = None;
    for target in &mut grant.targets {
        target.status = TargetStatus::Removing;
    }
    promise(&mut grant, Some(now.plus_seconds(STALLED_SECONDS)));
    commit(
        worker,
        grant,
        HoldsChange::To(HoldState::Released),
        Some("grant.ending"),
        Then::Plan,
    )
}

fn retry_later(worker: Worker, why: String, now: Timestamp) -> (Worker, Effect) {
    let mut grant = worker.grant.clone();
    let first = grant.attempts == 0;
    let later = retry_at(grant.attempts, now);
    grant.attempts = grant.attempts.saturating_add(1);
    grant.failing_since = grant.failing_since.or(Some(now));
    for target in &mut grant.targets {
        target.last_error = Some(why.clone());
    }
    promise(&mut grant, Some(later));
    let action = first.then_some("grant.failing");
    commit(worker, grant, HoldsChange::Keep, action, Then::Finish)
}

/// Sets the due-entries that stand for the grant: its expiry while it is live, and when to look again.
fn promise(grant: &mut Grant, look_again_at: Option<Timestamp>) {
    let mut due = Vec::new();
    let live = grant.status.is_live();
    if live {
        due.push(DueEntry::new(grant.expires_at, DueKind::Expire, grant.id));
    }
    if let Some(at) = look_again_at {
        let kind = if live { DueKind::Advance } else { DueKind::End };
        due.push(DueEntry::new(at, kind, grant.id));
    }
    grant.due = due;
}

/// The due-entries of a fresh grant.
#[must_use]
pub fn first_promises(mut grant: Grant, now: Timestamp) -> Grant {
    let at = grant.starts_at.max(now.plus_seconds(ACTIVATE_SECONDS));
    // A scheduled start is brought forward at its second, an immediate one by the stream.
    let at = if grant.starts_at > now { grant.starts_at } else { at };
    promise(&mut grant, Some(at));
    grant
}

/// The grant, closed by hand: what is known of its targets stays as it is, and is looked at again.
#[must_use]
pub fn closed_by_hand(grant: &Grant, now: Timestamp) -> Grant {
    let mut grant = grant.clone();
    grant.status = GrantStatus::ClosedByHand;
    grant.closed_by_hand_at = Some(now);
    grant.attempts = 0;
    look_again(&mut grant, Some(now.plus_seconds(RECHECK_SECONDS)));
    grant
}

/// A grant that was closed by hand, after its targets were asked again; `None` for one that did not answer. Once all are
/// proved, nobody looks any more; the status stays what two people signed.
#[must_use]
pub fn rechecked(grant: &Grant, outcomes: &[Option<Outcome>], now: Timestamp) -> Grant {
    let mut grant = grant.clone();
    for (target, outcome) in grant.targets.iter_mut().zip(outcomes) {
        if let Some(outcome) = outcome {
            *target = seen(target, outcome, true, grant.starts_at);
        }
    }
    if grant.targets.iter().all(|target| target.status.is_settled_end()) {
        grant.failing_since = None;
        look_again(&mut grant, None);
        return grant;
    }
    let daily = now.plus_seconds(RECHECK_SECONDS);
    // A proof waits for its second read only; what fails is asked again the next day.
    let proof = outcomes
        .iter()
        .flatten()
        .filter(|outcome| outcome.error.is_none())
        .filter_map(|outcome| outcome.look_again_at)
        .min();
    look_again(&mut grant, Some(proof.map_or(daily, |at| at.min(daily))));
    grant
}

/// A grant that was closed by hand and whose member is still there: it ends as any other from here on.
#[must_use]
pub fn reopened(grant: &Grant, now: Timestamp) -> Grant {
    let mut grant = grant.clone();
    grant.status = GrantStatus::Ending;
    grant.attempts = 0;
    grant.failing_since = Some(now);
    for target in grant
        .targets
        .iter_mut()
        .filter(|target| !target.status.is_settled_end())
    {
        target.status = TargetStatus::Removing;
    }
    promise(&mut grant, Some(now));
    grant
}

fn look_again(grant: &mut Grant, at: Option<Timestamp>) {
    let entry = |at| DueEntry::new(at, DueKind::ByHand, grant.id);
    grant.due = at.map(entry).into_iter().collect();
}

/// The grant with its end moved by `duration`, as an approved extension stores it: later, never earlier, on the minute
/// as every end, with a schedule of its own to be made and the promises of the new end. What is stored of the old end, its
/// schedule and its promises, wakes somebody who finds nothing to do, until the worker that makes the new schedule takes
/// it away.
///
/// # Errors
/// When the grant is ending or its time is up, or when it was extended too often.
pub fn extended<R: Rules>(
    grant: &Grant,
    request: RequestId,
    duration: AccessDuration,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    if R::EXTENDS_LIVE_ONLY {
        grant.check_live("extended")?;
        if now >= grant.expires_at {
            return Err(Refusal::GrantOver { at: grant.expires_at });
        }
    }
    if grant.extensions.len() >= MOST_EXTENSIONS {
        return Err(Refusal::ExtendedTooOften { limit: MOST_EXTENSIONS });
    }
    let mut grant = grant.clone();
    grant.expires_at = duration.end_from(grant.expires_at).max(grant.expires_at);
    grant.extensions.push(request);
    if let Some(schedule) = grant.schedule.as_ref().filter(|_| grant.timed == 0) {
        // Stored by a version that did not keep count.
        grant.timed = schedule.n;
    }
    grant.next_schedule = grant.next_schedule.saturating_add(1);
    let promised = grant.due.iter().find(|entry| entry.kind == DueKind::Advance);
    let promised = promised.map(|entry| entry.at);
    let soon = now.plus_seconds(STALLED_SECONDS);
    let look = match grant.status {
        // Nothing to do before it starts: its timer is made then.
        GrantStatus::Approved => promised,
        _ => Some(promised.map_or(soon, |at| at.min(soon))),
    };
    if grant.status != GrantStatus::Approved {
        grant.attempts = 0;
    }
    let of_old_end = std::mem::take(&mut grant.due);
    promise(&mut grant, look);
    for entry in of_old_end {
        if !grant.due.contains(&entry) {
            grant.due.push(entry);
        }
    }
    Ok(grant)
}

fn converged<R: Rules>(worker: Worker, outcomes: &[Outcome], now: Timestamp) -> (Worker, Effect) {
    let mut grant = worker.grant.clone();
    let ending = grant.status == GrantStatus::Ending;
    let failed = grant.ended_because == Some(EndReason::Failed);
    for (target, outcome) in grant.targets.iter_mut().zip(outcomes) {
        let why = target.last_error.take().filter(|_| failed);
        *target = seen(target, outcome, ending, grant.starts_at);
        // Why it failed stays to be read when all is over.
        target.last_error = target.last_error.take().or(why);
    }
    let failing = outcomes.iter().any(|outcome| outcome.error.is_some());
    grant.attempts = if failing { grant.attempts.saturating_add(1) } else { 0 };
    grant.failing_since = if failing {
        grant.failing_since.or(Some(now))
    } else {
        None
    };
    let soonest = outcomes.iter().filter_map(|outcome| outcome.look_again_at).min();
    if ending {
        ending_converged::<R>(worker, grant, soonest, now)
    } else {
        live_converged(worker, grant, soonest, lost(outcomes), now)
    }
}

/// Why a live grant is over although its time is not up: what was removed outside, or went, at any of its targets is not
/// put back. Whoever took it away may be in the middle of an incident.
fn lost(outcomes: &[Outcome]) -> Option<EndReason> {
    let any = |view: &View| outcomes.iter().any(|outcome| outcome.view == *view);
    let removed = any(&View::RemovedOutside).then_some(EndReason::RemovedOutside);
    removed.or(any(&View::TargetLost).then_some(EndReason::TargetGone))
}

fn ending_converged<R: Rules>(
    worker: Worker,
    mut grant: Grant,
    soonest: Option<Timestamp>,
    now: Timestamp,
) -> (Worker, Effect) {
    if grant.targets.iter().all(|target| R::settles(target.status)) {
        grant.status = GrantStatus::Ended;
        grant.ended_at = Some(now);
        promise(&mut grant, None);
        return commit(
            worker,
            grant,
            HoldsChange::Drop,
            Some("grant.ended"),
            Then::DeleteSchedules { from: 1 },
        );
    }
    let at = soonest.unwrap_or_else(|| now.plus_seconds(STALLED_SECONDS));
    promise(&mut grant, Some(bounded(at, now)));
    let action = changed(&worker.grant, &grant).then_some("grant.removing");
    if grant == worker.grant {
        return (worker, Effect::Finish);
    }
    commit(worker, grant, HoldsChange::Keep, action, Then::Finish)
}

fn live_converged(
    worker: Worker,
    mut grant: Grant,
    soonest: Option<Timestamp>,
    lost: Option<EndReason>,
    now: Timestamp,
) -> (Worker, Effect) {
    let all = |status| grant.targets.iter().all(|target: &GrantTarget| target.status == status);
    if all(TargetStatus::Failed) {
        let mut worker = worker;
        worker.grant.targets.clone_from(&grant.targets);
        return end(worker, EndReason::Failed, now);
    }
    if let Some(because) = lost {
        return end(worker, because, now);
    }
    let complete = all(TargetStatus::Present);
    let any = grant
        .targets
        .iter()
        .any(|target| target.status == TargetStatus::Present);
    let becomes_active = any && grant.status == GrantStatus::Activating;
    if becomes_active {
        grant.status = GrantStatus::Active;
        grant.active_at = Some(now);
    }
    // A complete grant is looked at now and then; standing members are not, and need no promise.
    let look = soonest.or((!complete).then(|| now.plus_seconds(STALLED_SECONDS)));
    promise(&mut grant, look.map(|look| bounded(look, now)));
    let action = if becomes_active {
        Some("grant.active")
    } else {
        changed(&worker.grant, &grant).then_some("grant.progress")
    };
    if action.is_none() && grant == worker.grant {
        return (worker, Effect::Finish);
    }
    commit(worker, grant, HoldsChange::Keep, action, Then::Finish)
}

/// At least a second away. Retries were bounded where they were decided; what is bounded here is a proof that waits for
/// its time, by the longest `CONFIRM_AFTER` that makes sense.
fn bounded(at: Timestamp, now: Timestamp) -> Timestamp {
    at.max(now.plus_seconds(1))
        .min(now.plus_seconds(LONGEST_RETRY_SECONDS * 10))
}

/// Whether the change is one of state: of the targets' statuses or the grant's.
fn changed(before: &Grant, after: &Grant) -> bool {
    before.status != after.status
        || before
            .targets
            .iter()
            .zip(&after.targets)
            .any(|(before, after)| before.status != after.status)
}

/// A target after its membership was converged.
fn seen(target: &GrantTarget, outcome: &Outcome, ending: bool, starts_at: Timestamp) -> GrantTarget {
    let status = match (&outcome.view, ending) {
        (View::Present | View::Standing, false) => TargetStatus::Present,
        (View::Refused, false) => TargetStatus::Failed,
        (_, false) => TargetStatus::Adding,
        // A proof from before this grant says nothing of today, and without an add there was nothing to prove.
        (View::Absent, true) if outcome.proved_at.is_none_or(|proved| proved < starts_at) => TargetStatus::NotAdded,
        (View::Absent | View::RemovedOutside, true) => TargetStatus::Absent,
        (View::Standing, true) => TargetStatus::KeptStanding,
        (View::Present | View::Adding | View::Refused, true) if outcome.held => TargetStatus::KeptByOtherGrant,
        // Not held and not yet removed: another worker is at it, or the next run will be.
        (View::Present | View::Adding | View::Refused | View::Removing, true) => TargetStatus::Removing,
        (View::Unconfirmed, true) => TargetStatus::RemovingUnconfirmed,
        (View::Gone | View::TargetLost, true) => TargetStatus::TargetGone,
    };
    GrantTarget {
        target: target.target.clone(),
        status,
        last_error: outcome.error.clone(),
        failing_since: outcome.failing_since,
        failures: outcome.failures,
    }
}
