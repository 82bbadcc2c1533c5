//! Brings one grant to where it should be: runs [`hourglass_domain::protocol::grant`] against the table, the scheduler
//! and [`super::converge`].

use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::budget::Spend;
use hourglass_domain::grant::{EndOrder, EndReason, Grant, GrantStatus, TargetStatus};
use hourglass_domain::ids::GrantId;
use hourglass_domain::kill_switch::Pause;
use hourglass_domain::membership::{HoldState, Holds, MembershipKey};
use hourglass_domain::protocol::Production;
use hourglass_domain::protocol::grant::{Change as Next, Effect, HoldsChange, Input, Worker, step};
use hourglass_domain::target::Target;

use super::converge::converge_each;
use super::purse::Purse;
use super::verify::{Evidence, Verdict, evidence, verify};
use crate::change::{Change, ChangeError, read, read_each, read_many};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::pause;
use crate::ports::Workers;
use crate::ports::store::Key;
use crate::records::Stored;
use crate::removals;
use crate::requests;

/// Most effects of one run; the domain's own bound is lower.
pub(super) const MOST_EFFECTS: usize = 64;

/// Brings the grant forward as far as that goes now. `false` when there is no such grant.
///
/// # Errors
/// When the table does not answer; the grant's due-entries see to it that somebody comes back.
pub async fn advance(workers: &Workers, id: GrantId) -> Result<bool> {
    let Some(loaded) = load(workers, id).await? else {
        return Ok(false);
    };
    run(workers, loaded).await?;
    Ok(true)
}

/// As [`advance`], of a grant that was just read.
pub(super) async fn run(workers: &Workers, loaded: Loaded) -> Result<()> {
    removals::note(&workers.core, &loaded.grant, loaded.version).await;
    let mut worker = loaded.worker();
    let mut input = Input::Start;
    for _ in 0..MOST_EFFECTS {
        let (next, effect) = step::<Production>(worker, input, workers.core.clock.now());
        worker = next;
        input = match effect {
            Effect::Finish => break,
            Effect::Converge => {
                let memberships = memberships(&worker.grant);
                let purse = Purse::new(Spend::of_end(worker.grant.ended_because));
                let outcomes = converge_each(workers, &purse, &worker.grant.application, &memberships).await;
                purse.close(&workers.core).await;
                Input::Converged(outcomes.into_iter().collect::<Result<_>>()?)
            }
            other => perform(workers, &worker, other).await?,
        };
    }
    Ok(())
}

/// Does what a grant's machine asks for, but for converging and finishing, which are not done for one grant alone.
///
/// # Errors
/// When the table does not answer.
pub(super) async fn perform(workers: &Workers, worker: &Worker, effect: Effect) -> Result<Input> {
    Ok(match effect {
        // Boxed: it is large, and most triggers never come here.
        Effect::Verify => match Box::pin(verify(workers, &worker.grant)).await? {
            Verdict::Good => Input::Verified,
            Verdict::GoodUnconfirmed(why) => {
                note_unconfirmed(workers, &worker.grant, &why).await?;
                Input::Verified
            }
            Verdict::Bad(why) => Input::NotVerified(why),
            Verdict::Unknown(why) => Input::VerifyFailed(why),
        },
        Effect::CreateSchedule { name, at } => match workers.schedules.create(&name, at).await {
            Ok(()) => Input::Scheduled,
            Err(error) => Input::ScheduleFailed(error.to_string()),
        },
        Effect::SendMessage { seconds } => match workers.delays.send(worker.grant.id, seconds).await {
            Ok(()) => Input::Scheduled,
            Err(error) => Input::ScheduleFailed(error.to_string()),
        },
        Effect::Commit(next) => commit(workers, worker, *next).await?,
        Effect::DeleteSchedule(name) => {
            // The grant has ended: a schedule that stays fires once, changes nothing and deletes itself.
            if let Err(error) = workers.schedules.delete(&name).await {
                tracing::warn!(schedule = %name, %error, "the schedule of an ended grant could not be deleted");
            }
            Input::ScheduleDeleted
        }
        Effect::Converge | Effect::Finish => Input::Start,
    })
}

/// Puts on record that a grant goes ahead on what was provisioned alone. Its stream says so before it says that anybody was
/// added.
async fn note_unconfirmed(workers: &Workers, grant: &Grant, why: &str) -> Result<()> {
    tracing::warn!(grant.id = %grant.id, why, "the directory could not be asked about the people behind a grant");
    let draft = Draft::new(workers.core.clock.now(), Actor::system("worker"), "grant.verified")
        .fact("grant", grant.id)
        .fact("directory_confirmation", "not_permitted")
        .fact("directory_answered", why);
    let change = Change::new().event(StreamId::request(grant.request), draft);
    Ok(change.commit(&*workers.core.store).await?)
}

/// A grant as it is stored, and whether it was ordered to end.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) grant: Grant,
    pub(super) version: u64,
    pub(super) order: Option<EndReason>,
}

impl Loaded {
    /// A worker that has just read this.
    pub(super) fn worker(self) -> Worker {
        Worker::new(self.grant, self.version, self.order)
    }
}

pub(super) async fn load(workers: &Workers, id: GrantId) -> Result<Option<Loaded>> {
    load_each(workers, &[id])
        .await?
        .into_iter()
        .next()
        .transpose()
        .map(Option::flatten)
}

/// Reads grants and the orders to end them, in the order of the ids. One that cannot be read keeps none of the others
/// from being read.
///
/// # Errors
/// When the table does not answer.
pub(super) async fn load_each(workers: &Workers, ids: &[GrantId]) -> Result<Vec<Result<Option<Loaded>>>> {
    let store = &*workers.core.store;
    let grants: Vec<Key> = ids.iter().copied().map(keys::grant).collect();
    let orders: Vec<Key> = ids.iter().copied().map(keys::end_order).collect();
    // The grants first: an order that comes later changes nothing of what was read, and starts its own worker.
    let grants = read_each::<Grant>(store, &grants).await?;
    let orders = read_each::<EndOrder>(store, &orders).await?;
    let mut loaded = Vec::with_capacity(ids.len());
    for (grant, order) in grants.into_iter().zip(orders) {
        loaded.push(match (grant, order) {
            (Ok(Some(grant)), Ok(order)) => judged(workers, grant, order).await.map(Some),
            (Ok(None), _) => Ok(None),
            (Err(error), _) | (_, Err(error)) => Err(error.into()),
        });
    }
    Ok(loaded)
}

/// A grant that was just read, with the order to end it. The grant first: see [`load_each`].
pub(super) async fn judge(workers: &Workers, grant: Stored<Grant>) -> Result<Loaded> {
    let order = read(&*workers.core.store, &keys::end_order(grant.value.id)).await?;
    judged(workers, grant, order).await
}

async fn judged(workers: &Workers, grant: Stored<Grant>, order: Option<Stored<EndOrder>>) -> Result<Loaded> {
    let Stored {
        value: mut grant,
        version,
    } = grant;
    let mut order = order.map(|order| order.value.because);
    if order.is_none()
        && let Some(why) = unproven(workers, &grant).await?
    {
        for target in &mut grant.targets {
            target.last_error = Some(why.clone());
        }
        order = Some(EndReason::Failed);
    }
    if order.is_none() && paused(workers, &grant).await? {
        order = Some(EndReason::Killed);
    }
    Ok(Loaded { grant, version, order })
}

/// Whether a live grant is in the scope of the kill switch: it ends, whether its own order has reached it or not.
async fn paused(workers: &Workers, grant: &Grant) -> Result<bool> {
    if !grant.status.is_live() || workers.core.clock.now() >= grant.expires_at {
        return Ok(false);
    }
    let pause = pause::of(&*workers.core.store, &grant.application).await?;
    Ok(in_scope(&pause.value, grant))
}

fn in_scope(pause: &Pause, grant: &Grant) -> bool {
    let users = [grant.beneficiary.user, grant.requester.user];
    pause.covering(grant.entitlement, &users).is_some()
}

/// Why a grant that says of itself that it was verified does not verify. Whoever can write a grant by hand can write one
/// that says so, or move the end of one that was: each store of a grant comes here as a stream record. A grant whose time
/// is up ends in any case, and needs nothing for it.
async fn unproven(workers: &Workers, grant: &Grant) -> Result<Option<String>> {
    let claims = matches!(grant.status, GrantStatus::Activating | GrantStatus::Active);
    if !claims || workers.core.clock.now() >= grant.expires_at {
        return Ok(None);
    }
    Ok(match evidence(&workers.core, grant).await? {
        Evidence::Bad(why) => Some(why),
        // What cannot be found out now ends nobody's access; nobody is added meanwhile either.
        Evidence::Good(_) | Evidence::Unknown(_) => None,
    })
}

pub(super) fn memberships(grant: &Grant) -> Vec<MembershipKey> {
    let account = grant.beneficiary.object_id;
    grant
        .targets
        .iter()
        .map(|target| MembershipKey {
            target: target.target.clone(),
            account,
        })
        .collect()
}

/// Stores one change of the grant and its holds, with its promises and its audit event.
async fn commit(workers: &Workers, worker: &Worker, next: Next) -> Result<Input> {
    let store = &*workers.core.store;
    let before = &worker.grant;
    let grant = &next.grant;
    let now = workers.core.clock.now();
    let mut change = Change::new()
        .replace(worker.version, grant)?
        .due(&before.due, &grant.due)?;
    change = holds_writes(workers, change, grant, next.holds).await?;
    if next.holds == HoldsChange::To(HoldState::Adding) {
        let beneficiary = directory::provisioned_user(store, &grant.application, grant.beneficiary.user).await?;
        match beneficiary.filter(|user| user.value.active) {
            Some(user) => change = change.check(&user),
            None => return conflict(workers, worker, Some(EndReason::UserDeactivated)).await,
        }
        let pause = pause::of(store, &grant.application).await?;
        if in_scope(&pause.value, grant) {
            return conflict(workers, worker, Some(EndReason::Killed)).await;
        }
        change = pause::checked(change, &pause);
    }
    if grant.status == GrantStatus::Ended {
        change = removals::done(markers_gone(change, grant), before);
    }
    if let Some(action) = next.action {
        change = change.event(StreamId::request(grant.request), event(grant, action, now));
    }
    match change.commit(store).await {
        Ok(()) => {
            tell(before, grant, next.action);
            if was_removed(before, grant) {
                metric("revocation_lateness_seconds", lateness(workers, grant, now).await);
            }
            if before.status != grant.status && !grant.status.is_live() {
                close_extension(workers, grant).await;
            }
            Ok(Input::Committed)
        }
        Err(ChangeError::Conflict(_)) => conflict(workers, worker, None).await,
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Nobody can approve more time for a grant that is ending. What cannot be closed now lapses at the grant's old end at
/// the latest, and must not keep the end waiting.
async fn close_extension(workers: &Workers, grant: &Grant) {
    let actor = Actor::system("worker");
    if let Err(error) = requests::close_extension_of(&workers.core, grant, &actor).await {
        tracing::error!(grant.id = %grant.id, %error, "a request to extend an ended grant could not be closed");
    }
}

async fn conflict(workers: &Workers, worker: &Worker, because: Option<EndReason>) -> Result<Input> {
    let fresh = load(workers, worker.grant.id).await?.unwrap_or_else(|| Loaded {
        grant: worker.grant.clone(),
        version: worker.version,
        order: worker.order,
    });
    Ok(Input::Conflict {
        grant: Box::new(fresh.grant),
        version: fresh.version,
        order: fresh.order.or(because),
    })
}

/// Takes away the markers of a grant that has not ended.
pub(super) fn markers_gone(mut change: Change, grant: &Grant) -> Change {
    change = change
        .delete_any(keys::live_grant(grant.beneficiary.user, grant.id))
        .delete_any(keys::live_grant_in_application(
            &grant.application,
            grant.entitlement,
            grant.id,
        ));
    for target in &grant.targets {
        let Target::Entra { group, .. } = target.target;
        change = change.delete_any(keys::live_grant_in_group(&grant.application, group, grant.id));
    }
    change
}

pub(super) async fn holds_writes(
    workers: &Workers,
    mut change: Change,
    grant: &Grant,
    to: HoldsChange,
) -> Result<Change> {
    if to == HoldsChange::Keep {
        return Ok(change);
    }
    let keys: Vec<Key> = memberships(grant).iter().map(keys::holds).collect();
    for holds in read_many::<Holds>(&*workers.core.store, &keys)
        .await?
        .into_iter()
        .flatten()
    {
        let next = match to {
            HoldsChange::To(state) => holds.value.clone().with_state(grant.id, state),
            HoldsChange::Drop => holds.value.clone().without(grant.id),
            HoldsChange::Keep => continue,
        };
        if next != holds.value {
            change = change.replace(holds.version, &next)?;
        }
    }
    Ok(change)
}

fn event(grant: &Grant, action: &'static str, now: Timestamp) -> Draft {
    let mut draft = Draft::new(now, Actor::system("worker"), action)
        .fact("grant", grant.id)
        .fact("expires_at", grant.expires_at);
    if let Some(because) = grant.ended_because {
        draft = draft.fact("because", because.name());
    }
    if let Some(schedule) = &grant.schedule {
        draft = draft.fact("schedule", schedule);
    }
    for target in &grant.targets {
        let status = serde_json::to_value(target.status).ok();
        let status = status.as_ref().and_then(|status| status.as_str()).unwrap_or_default();
        draft = draft.fact(&target.target.to_string(), status);
        if let Some(error) = &target.last_error {
            draft = draft.fact(&format!("{} answered", target.target), error);
        }
    }
    draft
}

/// Logs and measures what operators watch.
fn tell(before: &Grant, grant: &Grant, action: Option<&'static str>) {
    if grant.attempts > before.attempts {
        // Each attempt counts, so that what fails for long, a removal above all, keeps its alarm.
        tracing::info!(target: "metric", metric = "convergence_failures", value = 1_u64, unit = "Count");
    }
    if before.failing_since.is_none() && grant.failing_since.is_some() {
        tracing::warn!(grant.id = %grant.id, targets = ?grant.targets, "a grant cannot be brought forward");
    }
    let Some(action) = action else { return };
    tracing::info!(grant.id = %grant.id, action, status = ?grant.status, "grant changed");
    if before.active_at.is_none()
        && let Some(active_at) = grant.active_at
    {
        let millis = active_at.millis().saturating_sub(grant.starts_at.millis()).max(0);
        metric("time_to_grant_seconds", millis);
    }
}

/// Whether the last target says now that the member is gone. That moment counts; the proof comes later.
fn was_removed(before: &Grant, grant: &Grant) -> bool {
    let removing = |grant: &Grant| {
        let mut targets = grant.targets.iter();
        targets.any(|target| target.status == TargetStatus::Removing)
    };
    removing(before) && !removing(grant)
}

/// How long (milliseconds) after its end a grant's member was removed. An end that was ordered counts from the order: how
/// long that waited for a worker is what people notice.
async fn lateness(workers: &Workers, grant: &Grant, now: Timestamp) -> i64 {
    let mut planned = grant
        .ending_at
        .map_or(grant.expires_at, |ending| ending.min(grant.expires_at));
    if grant.ended_because != Some(EndReason::Expired) {
        // A figure is worth no failure.
        let order = read::<EndOrder>(&*workers.core.store, &keys::end_order(grant.id)).await;
        if let Ok(Some(order)) = order {
            planned = planned.min(order.value.at);
        }
    }
    now.millis().saturating_sub(planned.millis()).max(0)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a metric are far below 2^52")]
fn metric(name: &'static str, millis: i64) {
    tracing::info!(target: "metric", metric = name, value = millis as f64 / 1000.0, unit = "Seconds");
}
