//! The one way in which a target is touched: runs [`hourglass_domain::protocol::membership`] against the table and a
//! connector. Nothing else calls a connector's `add` or `remove`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::budget::Spend;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::{ApplicationId, GrantId, WorkerId};
use hourglass_domain::membership::{Hold, HoldState, Holds, Membership, MembershipKey, Presence};
use hourglass_domain::protocol::Production;
use hourglass_domain::protocol::membership::{Answer, Effect, Input, Inspection, Outcome, Snapshot, Worker, step};
use hourglass_domain::target::Target;

use super::purse::{Purse, for_adds};
use super::verify::{Evidence, alarm, evidence};
use crate::change::{Change, ChangeError, read, read_each};
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Workers;
use crate::ports::connector::{NewMember, Place};
use crate::ports::store::{Key, StoreError};
use crate::records::Stored;

/// Most memberships of one target in one batch.
pub const LARGEST_BATCH: usize = 100;
/// How many memberships of a target are stored at a time.
const STORES_AT_A_TIME: usize = 32;

/// Brings memberships to where their holds want them, and says what is known of each, in the order given. Those of one
/// target share its calls, at most [`LARGEST_BATCH`] of them each. Removals are paid for as those at the end of a time.
///
/// # Errors
/// When the table does not answer: what happened until then is stored, and whoever comes next carries on.
pub async fn converge(
    workers: &Workers,
    application: &ApplicationId,
    memberships: &[MembershipKey],
) -> Result<Vec<Outcome>> {
    let purse = Purse::new(Spend::End);
    let outcomes = converge_each(workers, &purse, application, memberships).await;
    purse.close(&workers.core).await;
    outcomes.into_iter().collect()
}

/// As [`converge`], paid for from `purse`, and each on its own: one that cannot be read or stored keeps none of the
/// others from its turn.
pub async fn converge_each(
    workers: &Workers,
    purse: &Purse,
    application: &ApplicationId,
    memberships: &[MembershipKey],
) -> Vec<Result<Outcome>> {
    let mut by_target: BTreeMap<Target, Vec<(usize, Snapshot)>> = BTreeMap::new();
    let mut all: Vec<(usize, Result<Outcome>)> = Vec::with_capacity(memberships.len());
    let mut grants = BTreeMap::new();
    for (index, snapshot) in snapshots(workers, memberships, &mut grants)
        .await
        .into_iter()
        .enumerate()
    {
        match snapshot {
            Ok(snapshot) => by_target
                .entry(snapshot.membership.key.target.clone())
                .or_default()
                .push((index, snapshot)),
            Err(error) => all.push((index, Err(error))),
        }
    }
    // Targets converge side by side: one that is slow or failing never holds up the others.
    let batches = by_target.into_iter().map(|(target, batch)| async move {
        let place = Place {
            application: application.clone(),
            target,
        };
        let (indexes, snapshots): (Vec<usize>, Vec<Snapshot>) = batch.into_iter().unzip();
        let outcomes = converge_target(workers, purse, &place, snapshots).await;
        indexes.into_iter().zip(outcomes).collect::<Vec<_>>()
    });
    for batch in futures_util::future::join_all(batches).await {
        all.extend(batch);
    }
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Reads memberships and their holds, consistently. The holds are read first: a hold that comes later changes their
/// version, and every store of the membership checks that version.
async fn snapshots(
    workers: &Workers,
    memberships: &[MembershipKey],
    grants: &mut BTreeMap<GrantId, Behind>,
) -> Vec<Result<Snapshot>> {
    let store = &*workers.core.store;
    let hold_keys: Vec<Key> = memberships.iter().map(keys::holds).collect();
    let keys: Vec<Key> = memberships.iter().map(keys::membership).collect();
    let read = async {
        let holds = read_each::<Holds>(store, &hold_keys).await?;
        Ok::<_, StoreError>((holds, read_each::<Membership>(store, &keys).await?))
    };
    let (holds, stored) = match read.await {
        Ok(read) => read,
        Err(error) => return memberships.iter().map(|_| Err(error.clone().into())).collect(),
    };
    let mut snapshots = Vec::with_capacity(memberships.len());
    for ((key, holds), membership) in memberships.iter().zip(holds).zip(stored) {
        snapshots.push(snapshot(workers, key, holds, membership, grants).await);
    }
    snapshots
}

/// What was read about one membership.
type Read<R> = Result<Option<Stored<R>>, StoreError>;

async fn snapshot(
    workers: &Workers,
    key: &MembershipKey,
    holds: Read<Holds>,
    membership: Read<Membership>,
    grants: &mut BTreeMap<GrantId, Behind>,
) -> Result<Snapshot> {
    let (holds, holds_version) =
        holds?.map_or_else(|| (Holds::none(key.clone()), 0), |holds| (holds.value, holds.version));
    let holds = vouched(workers, holds, grants).await?;
    let (membership, version) = membership?.map_or_else(
        || (Membership::untouched(key.clone()), 0),
        |stored| (stored.value, stored.version),
    );
    Ok(Snapshot {
        membership,
        version,
        holds,
        holds_version,
    })
}

/// The holds as far as they count: one that no live grant with good evidence stands behind holds nothing, and one whose
/// grant has no timer yet cannot add. A hold and its grant are written together, so that this changes nothing but what
/// somebody wrote by hand; only the holds that would keep or add are looked at.
async fn vouched(workers: &Workers, mut holds: Holds, grants: &mut BTreeMap<GrantId, Behind>) -> Result<Holds> {
    let now = workers.core.clock.now();
    for hold in holds.holds.clone() {
        if hold.state == HoldState::Released || hold.expires_at <= now {
            continue;
        }
        let behind = match grants.entry(hold.grant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(behind(workers, hold.grant).await?),
        };
        let state = match behind {
            Behind::Grant(grant) if !grant.status.is_live() => HoldState::Released,
            Behind::Grant(grant) if grant.status == GrantStatus::Approved && covers(grant, &holds.key, &hold) => {
                HoldState::Waiting
            }
            Behind::Grant(grant) if covers(grant, &holds.key, &hold) => hold.state,
            Behind::Grant(_) => {
                alarm(hold.grant, "a hold claims more than its grant gives");
                HoldState::Released
            }
            Behind::Nothing => HoldState::Released,
            // Enough to keep a member who is there (invariant I3), not enough to add one (I1).
            Behind::Unreadable => HoldState::Waiting,
        };
        holds = holds.with_state(hold.grant, state);
    }
    Ok(holds)
}

/// Whether the grant gives what the hold claims.
fn covers(grant: &Grant, key: &MembershipKey, hold: &Hold) -> bool {
    let same_account = grant.beneficiary.object_id == key.account;
    let has_target = grant.targets.iter().any(|target| target.target == key.target);
    same_account && has_target && hold.starts_at >= grant.starts_at && hold.expires_at <= grant.expires_at
}

/// What stands behind a hold.
enum Behind {
    /// A grant that verifies, or one that is over, which needs no evidence.
    Grant(Box<Grant>),
    /// No grant, or one that does not verify: somebody wrote it by hand.
    Nothing,
    /// Something that cannot be judged now: this version cannot read it, after a rollback say, or the key of the seals
    /// cannot be had.
    Unreadable,
}

async fn behind(workers: &Workers, id: GrantId) -> Result<Behind> {
    match grant_behind(workers, id).await {
        Ok(behind) => Ok(behind),
        Err(AppError::Store(StoreError::Corrupt { .. })) => {
            alarm(id, "what stands behind a hold cannot be read");
            Ok(Behind::Unreadable)
        }
        Err(error) => Err(error),
    }
}

async fn grant_behind(workers: &Workers, id: GrantId) -> Result<Behind> {
    let Some(grant) = read::<Grant>(&*workers.core.store, &keys::grant(id)).await? else {
        alarm(id, "a hold belongs to no grant");
        return Ok(Behind::Nothing);
    };
    if !grant.value.status.is_live() {
        return Ok(Behind::Grant(Box::new(grant.value)));
    }
    Ok(match evidence(&workers.core, &grant.value).await? {
        Evidence::Good(_) => Behind::Grant(Box::new(grant.value)),
        Evidence::Bad(_) => Behind::Nothing,
        Evidence::Unknown(_) => Behind::Unreadable,
    })
}

/// A worker's run: its state until it has finished, what it waits for, and how it ended.
struct Run {
    worker: Option<Worker>,
    effect: Option<Effect>,
    outcome: Option<Result<Outcome>>,
}

async fn converge_target(
    workers: &Workers,
    purse: &Purse,
    place: &Place,
    snapshots: Vec<Snapshot>,
) -> Vec<Result<Outcome>> {
    let confirm_after = workers.core.settings.confirm_after_seconds;
    let mut runs: Vec<Run> = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let id = WorkerId::new(workers.core.ids.uuid());
        let mut run = Run {
            worker: Some(Worker::new(id, snapshot, confirm_after)),
            effect: None,
            outcome: None,
        };
        advance(workers, &mut run, Input::Start);
        runs.push(run);
    }
    // The domain bounds the turns of a worker, so that this ends.
    while runs.iter().any(|run| run.effect.is_some()) {
        stores(workers, &place.application, &mut runs).await;
        calls(workers, purse, place, &mut runs).await;
    }
    let unfinished = || Err(StoreError::Rejected("a membership that nobody finished".to_owned()).into());
    runs.into_iter()
        .map(|run| run.outcome.unwrap_or_else(unfinished))
        .collect()
}

fn advance(workers: &Workers, run: &mut Run, input: Input) {
    if let Some(worker) = run.worker.take() {
        let (worker, effect) = step::<Production>(worker, input, workers.core.clock.now());
        run.worker = Some(worker);
        match effect {
            Effect::Finish(outcome) => {
                run.outcome = Some(Ok(outcome));
                run.effect = None;
            }
            other => run.effect = Some(other),
        }
    }
}

/// Makes the stores that runs wait for.
async fn stores(workers: &Workers, application: &ApplicationId, runs: &mut [Run]) {
    let stores: Vec<_> = runs
        .iter_mut()
        .map(|run| store_one(workers, application, run))
        .collect();
    let mut stores = futures_util::stream::iter(stores).buffer_unordered(STORES_AT_A_TIME);
    while stores.next().await.is_some() {}
}

/// Makes the store that a run waits for, if it does. A run whose store fails is over: its lease runs out, and somebody
/// comes back.
async fn store_one(workers: &Workers, application: &ApplicationId, run: &mut Run) {
    let Some(Effect::Store { membership, action }) =
        run.effect.take_if(|effect| matches!(effect, Effect::Store { .. }))
    else {
        return;
    };
    let Some(worker) = &run.worker else { return };
    match store(workers, application, worker, membership, action).await {
        Ok(input) => advance(workers, run, input),
        Err(error) => run.outcome = Some(Err(error)),
    }
}

/// Stores a membership if it and its holds have the versions that the worker knows.
async fn store(
    workers: &Workers,
    application: &ApplicationId,
    worker: &Worker,
    membership: Membership,
    action: Option<&'static str>,
) -> Result<Input> {
    let snapshot = &worker.snapshot;
    let mut change = Change::new()
        .replace(snapshot.version, &membership)?
        .check_version(keys::holds(&membership.key), snapshot.holds_version)
        .due(
            &promises(application, &snapshot.membership),
            &promises(application, &membership),
        )?;
    if let Some(action) = action {
        let now = workers.core.clock.now();
        let mut draft = Draft::new(now, Actor::system("worker"), action);
        if let Some(error) = &membership.last_error {
            draft = draft.fact("answer", error);
        }
        tracing::info!(membership = %membership.key.key(), action, "membership changed");
        change = change.event(StreamId::membership(&membership.key), draft);
    }
    match change.commit(&*workers.core.store).await {
        Ok(()) => {
            tell(workers, &membership, action);
            Ok(Input::Stored {
                version: snapshot.version.saturating_add(1),
            })
        }
        Err(ChangeError::Conflict(_)) => {
            let keys = std::slice::from_ref(&membership.key);
            match snapshots(workers, keys, &mut BTreeMap::new()).await.into_iter().next() {
                Some(fresh) => Ok(Input::Conflict(Box::new(fresh?))),
                None => Ok(Input::Conflict(Box::new(snapshot.clone()))),
            }
        }
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// The due-entries that stand for a membership itself: when it is over, no grant's do.
#[must_use]
pub fn promises(application: &ApplicationId, membership: &Membership) -> Vec<DueEntry> {
    let watch = membership.watch.iter();
    let id = format!("{application}/{}", membership.key.key());
    watch
        .map(|watch| DueEntry::new(watch.next, DueKind::Recheck, &id))
        .collect()
}

/// Measures what operators are alarmed by.
fn tell(workers: &Workers, membership: &Membership, action: Option<&'static str>) {
    let counted = match action {
        Some("membership.removed_outside") => Some("removed_outside_memberships"),
        Some("membership.reappeared") => Some("reappeared_memberships"),
        _ => None,
    };
    if let Some(metric) = counted {
        tracing::warn!(membership = %membership.key.key(), action, "a membership was changed outside");
        tracing::info!(target: "metric", metric, value = 1_u64, unit = "Count");
    }
    // Told with each attempt, so that the greatest figure of a minute is the age of the oldest removal that fails.
    if matches!(membership.presence, Presence::Removing { .. })
        && let Some(since) = membership.failing_since
    {
        let seconds = workers.core.clock.now().seconds_since(since).max(0);
        tracing::info!(target: "metric", metric = "removal_failing_seconds", value = seconds, unit = "Seconds");
    }
}

/// Looks at a membership that is over, as its due-entry promised. `false` when there is no such promise any more.
///
/// # Errors
/// As [`converge`].
pub async fn recheck(workers: &Workers, due: &DueEntry) -> Result<bool> {
    let store = &*workers.core.store;
    let Some((application, called)) = due.id.split_once('/') else {
        return Ok(false);
    };
    let Ok(application) = application.parse() else {
        return Ok(false);
    };
    let key = keys::membership_called(called);
    let promised = |stored: &Stored<Membership>| promises(&application, &stored.value).contains(due);
    let Some(stored) = read::<Membership>(store, &key).await?.filter(promised) else {
        return Ok(false);
    };
    converge(workers, &application, &[stored.value.key]).await?;
    Ok(read::<Membership>(store, &key).await?.as_ref().is_some_and(promised))
}

/// Which call of the connector a run waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Ask,
    Inspect,
    Add,
    Remove,
}

const fn call_of(effect: Option<&Effect>) -> Option<Call> {
    match effect {
        Some(Effect::Inspect) => Some(Call::Inspect),
        Some(Effect::Add { .. }) => Some(Call::Add),
        Some(Effect::Remove) => Some(Call::Remove),
        Some(Effect::Ask { .. }) => Some(Call::Ask),
        _ => None,
    }
}

/// Makes the calls that runs wait for, each kind as one batch. Removals first: they matter most.
async fn calls(workers: &Workers, purse: &Purse, place: &Place, runs: &mut [Run]) {
    for call in [Call::Remove, Call::Add, Call::Ask, Call::Inspect] {
        let mut waiting: Vec<&mut Run> = runs
            .iter_mut()
            .filter(|run| call_of(run.effect.as_ref()) == Some(call))
            .collect();
        for batch in waiting.chunks_mut(LARGEST_BATCH) {
            let paid = pay(workers, purse, place, call, batch).await;
            let mut sent = in_time(workers, paid);
            if !sent.is_empty() {
                make(workers, purse, place, call, &mut sent).await;
            }
        }
    }
}

/// The runs for whose call there is budget; the others are told to wait.
async fn pay<'b, 'r>(
    workers: &Workers,
    purse: &Purse,
    place: &Place,
    call: Call,
    batch: &'b mut [&'r mut Run],
) -> &'b mut [&'r mut Run] {
    let Target::Entra { tenant, .. } = place.target;
    let wanted = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    let taken = match call {
        Call::Ask | Call::Inspect => return batch,
        Call::Remove => purse.for_removals(&workers.core, tenant, wanted).await,
        Call::Add => for_adds(&workers.core, tenant, wanted).await,
    };
    let tokens = usize::try_from(taken.tokens).unwrap_or(usize::MAX).min(batch.len());
    let (paid, unpaid) = batch.split_at_mut(tokens);
    let look_again_at = taken.look_again_at.unwrap_or_else(|| workers.core.clock.now());
    for run in unpaid {
        run.effect = None;
        advance(workers, run, Input::NotSent { look_again_at });
    }
    paid
}

/// The runs whose call may still be made. It was decided before the calls in front of it and before it was paid for, which
/// may have taken their time: one that could outlive its lease by now, or whose hold has ended, is not made.
fn in_time<'b>(workers: &Workers, batch: &'b mut [&mut Run]) -> Vec<&'b mut Run> {
    let now = workers.core.clock.now();
    let mut in_time = Vec::with_capacity(batch.len());
    for run in batch {
        if may_call(run, now) {
            in_time.push(&mut **run);
        } else {
            run.effect = None;
            advance(workers, run, Input::TooLate);
        }
    }
    in_time
}

/// Makes one call for several runs.
async fn make(workers: &Workers, purse: &Purse, place: &Place, call: Call, batch: &mut [&mut Run]) {
    let inputs = answers(workers, place, call, batch).await;
    let throttled = inputs.iter().filter_map(|input| match input {
        Input::Answered(Answer::Throttled { seconds, .. }) => Some(*seconds),
        _ => None,
    });
    if let Some(seconds) = throttled.max() {
        let Target::Entra { tenant, .. } = place.target;
        purse.refused(&workers.core, tenant, seconds).await;
    }
    let mut inputs = inputs.into_iter();
    for run in batch {
        run.effect = None;
        // A connector that answers for fewer accounts than it was asked about has not answered for the rest.
        let input = inputs.next().unwrap_or_else(|| unanswered(call));
        advance(workers, run, input);
    }
}

fn may_call(run: &Run, now: Timestamp) -> bool {
    match (&run.worker, &run.effect) {
        (Some(worker), Some(effect)) => worker.may_call::<Production>(effect, now),
        _ => false,
    }
}

/// What the target says to one batch of calls of a kind.
async fn answers(workers: &Workers, place: &Place, call: Call, batch: &[&mut Run]) -> Vec<Input> {
    let connector = &workers.connector;
    let members: Vec<NewMember> = batch.iter().filter_map(|run| member_of(run)).collect();
    let accounts: Vec<_> = members.iter().map(|member| member.account).collect();
    let answers = match call {
        Call::Remove => connector.remove(place, &accounts).await,
        Call::Add => connector.add(place, &members).await,
        Call::Ask => {
            let handles = batch.iter().filter_map(|run| match &run.effect {
                Some(Effect::Ask { handle }) => Some(handle.as_str()),
                _ => None,
            });
            let asked = handles.map(|handle| connector.outcome(place, handle));
            futures_util::future::join_all(asked).await
        }
        Call::Inspect => {
            let found = connector.inspect(place, &accounts).await;
            return found.into_iter().map(Input::Inspected).collect();
        }
    };
    answers.into_iter().map(Input::Answered).collect()
}

fn unanswered(call: Call) -> Input {
    let why = "the connector gave no answer for this account".to_owned();
    match call {
        Call::Inspect => Input::Inspected(Inspection::Unknown(why)),
        Call::Add | Call::Remove | Call::Ask => Input::Answered(Answer::Unknown(why)),
    }
}

fn member_of(run: &Run) -> Option<NewMember> {
    let account = run.worker.as_ref()?.snapshot.membership.key.account;
    let until = match run.effect {
        Some(Effect::Add { until }) => until,
        _ => Timestamp::EPOCH,
    };
    Some(NewMember { account, until })
}
