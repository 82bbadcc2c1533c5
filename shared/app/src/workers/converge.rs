//! The one way in which a target is touched: runs [`hourglass_domain::protocol::membership`] against the table and a
//! connector. Nothing else calls a connector's `add` or `remove`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::{ApplicationId, GrantId, WorkerId};
use hourglass_domain::membership::{Hold, HoldState, Holds, Membership, MembershipKey};
use hourglass_domain::protocol::Production;
use hourglass_domain::protocol::membership::{Answer, Effect, Input, Inspection, Outcome, Snapshot, Worker, step};
use hourglass_domain::target::Target;

use super::verify::{alarm, evidence};
use crate::change::{Change, ChangeError, read, read_many};
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Workers;
use crate::ports::connector::{NewMember, Place};
use crate::ports::store::{Key, StoreError};

/// Most memberships of one target in one batch.
pub const LARGEST_BATCH: usize = 100;

/// Brings memberships to where their holds want them, and says what is known of each, in the order given. At most
/// [`LARGEST_BATCH`]; those of one target share its calls.
///
/// # Errors
/// When the table does not answer: what happened until then is stored, and whoever comes next carries on.
pub async fn converge(
    workers: &Workers,
    application: &ApplicationId,
    memberships: &[MembershipKey],
) -> Result<Vec<Outcome>> {
    let snapshots = snapshots(workers, memberships).await?;
    let mut by_target: BTreeMap<Target, Vec<(usize, Snapshot)>> = BTreeMap::new();
    for (index, snapshot) in snapshots.into_iter().enumerate() {
        by_target
            .entry(snapshot.membership.key.target.clone())
            .or_default()
            .push((index, snapshot));
    }
    // Targets converge side by side: one that is slow or failing never holds up the others.
    let batches = by_target.into_iter().map(|(target, batch)| async move {
        let place = Place {
            application: application.clone(),
            target,
        };
        let (indexes, snapshots): (Vec<usize>, Vec<Snapshot>) = batch.into_iter().unzip();
        let outcomes = converge_target(workers, &place, snapshots).await?;
        Ok::<_, crate::AppError>(indexes.into_iter().zip(outcomes).collect::<Vec<_>>())
    });
    let mut all: Vec<(usize, Outcome)> = Vec::with_capacity(memberships.len());
    let mut failed = None;
    for batch in futures_util::future::join_all(batches).await {
        match batch {
            Ok(outcomes) => all.extend(outcomes),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Reads memberships and their holds, consistently. The holds are read first: a hold that comes later changes their
/// version, and every store of the membership checks that version.
async fn snapshots(workers: &Workers, memberships: &[MembershipKey]) -> Result<Vec<Snapshot>> {
    let store = &*workers.core.store;
    let hold_keys: Vec<Key> = memberships.iter().map(keys::holds).collect();
    let keys: Vec<Key> = memberships.iter().map(keys::membership).collect();
    let holds = read_many::<Holds>(store, &hold_keys).await?;
    let stored = read_many::<Membership>(store, &keys).await?;
    let mut snapshots = Vec::with_capacity(memberships.len());
    let mut grants = BTreeMap::new();
    for ((key, holds), membership) in memberships.iter().zip(holds).zip(stored) {
        let (holds, holds_version) =
            holds.map_or_else(|| (Holds::none(key.clone()), 0), |holds| (holds.value, holds.version));
        let holds = vouched(workers, holds, &mut grants).await?;
        let (membership, version) = membership.map_or_else(
            || (Membership::untouched(key.clone()), 0),
            |stored| (stored.value, stored.version),
        );
        snapshots.push(Snapshot {
            membership,
            version,
            holds,
            holds_version,
        });
    }
    Ok(snapshots)
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
    /// Something that this version cannot read, after a rollback say.
    Unreadable,
}

async fn behind(workers: &Workers, id: GrantId) -> Result<Behind> {
    match grant_behind(workers, id).await {
        Ok(Some(grant)) => Ok(Behind::Grant(Box::new(grant))),
        Ok(None) => Ok(Behind::Nothing),
        Err(AppError::Store(StoreError::Corrupt { .. })) => {
            alarm(id, "what stands behind a hold cannot be read");
            Ok(Behind::Unreadable)
        }
        Err(error) => Err(error),
    }
}

async fn grant_behind(workers: &Workers, id: GrantId) -> Result<Option<Grant>> {
    let store = &*workers.core.store;
    let Some(grant) = read::<Grant>(store, &keys::grant(id)).await? else {
        alarm(id, "a hold belongs to no grant");
        return Ok(None);
    };
    if grant.value.status.is_live() && evidence(store, &grant.value).await?.is_err() {
        return Ok(None);
    }
    Ok(Some(grant.value))
}

/// A worker's run: its state until it has finished, and what it waits for.
struct Run {
    worker: Option<Worker>,
    effect: Option<Effect>,
    outcome: Option<Outcome>,
}

async fn converge_target(workers: &Workers, place: &Place, snapshots: Vec<Snapshot>) -> Result<Vec<Outcome>> {
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
        stores(workers, &mut runs).await?;
        calls(workers, place, &mut runs).await;
    }
    Ok(runs.into_iter().filter_map(|run| run.outcome).collect())
}

fn advance(workers: &Workers, run: &mut Run, input: Input) {
    if let Some(worker) = run.worker.take() {
        let (worker, effect) = step::<Production>(worker, input, workers.core.clock.now());
        run.worker = Some(worker);
        match effect {
            Effect::Finish(outcome) => {
                run.outcome = Some(outcome);
                run.effect = None;
            }
            other => run.effect = Some(other),
        }
    }
}

async fn stores(workers: &Workers, runs: &mut [Run]) -> Result<()> {
    let waiting = runs
        .iter_mut()
        .filter(|run| matches!(run.effect, Some(Effect::Store { .. })));
    let stored = waiting.map(|run| async move {
        let (Some(Effect::Store { membership, action }), Some(worker)) = (run.effect.take(), &run.worker) else {
            return Ok(());
        };
        let input = store(workers, worker, membership, action).await?;
        advance(workers, run, input);
        Ok::<(), crate::AppError>(())
    });
    futures_util::future::join_all(stored).await.into_iter().collect()
}

/// Stores a membership if it and its holds have the versions that the worker knows.
async fn store(
    workers: &Workers,
    worker: &Worker,
    membership: Membership,
    action: Option<&'static str>,
) -> Result<Input> {
    let snapshot = &worker.snapshot;
    let mut change = Change::new()
        .replace(snapshot.version, &membership)?
        .check_version(keys::holds(&membership.key), snapshot.holds_version);
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
        Ok(()) => Ok(Input::Stored {
            version: snapshot.version.saturating_add(1),
        }),
        Err(ChangeError::Conflict(_)) => {
            let fresh = snapshots(workers, std::slice::from_ref(&membership.key)).await?;
            match fresh.into_iter().next() {
                Some(fresh) => Ok(Input::Conflict(Box::new(fresh))),
                None => Ok(Input::Conflict(Box::new(snapshot.clone()))),
            }
        }
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Which call of the connector a run waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Inspect,
    Add,
    Remove,
}

const fn call_of(effect: Option<&Effect>) -> Option<Call> {
    match effect {
        Some(Effect::Inspect) => Some(Call::Inspect),
        Some(Effect::Add { .. }) => Some(Call::Add),
        Some(Effect::Remove) => Some(Call::Remove),
        _ => None,
    }
}

/// Makes the calls that runs wait for, each kind as one batch. Removals first: they matter most.
async fn calls(workers: &Workers, place: &Place, runs: &mut [Run]) {
    for call in [Call::Remove, Call::Add, Call::Inspect] {
        let mut waiting: Vec<&mut Run> = runs
            .iter_mut()
            .filter(|run| call_of(run.effect.as_ref()) == Some(call))
            .collect();
        for batch in waiting.chunks_mut(LARGEST_BATCH) {
            let members: Vec<NewMember> = batch.iter().filter_map(|run| member_of(run)).collect();
            let accounts: Vec<_> = members.iter().map(|member| member.account).collect();
            let inputs: Vec<Input> = match call {
                Call::Remove => answers(workers.connector.remove(place, &accounts).await),
                Call::Add => answers(workers.connector.add(place, &members).await),
                Call::Inspect => workers
                    .connector
                    .inspect(place, &accounts)
                    .await
                    .into_iter()
                    .map(Input::Inspected)
                    .collect(),
            };
            let mut inputs = inputs.into_iter();
            for run in batch {
                run.effect = None;
                // A connector that answers for fewer accounts than it was asked about has not answered for the rest.
                let input = inputs.next().unwrap_or_else(|| unanswered(call));
                advance(workers, run, input);
            }
        }
    }
}

fn unanswered(call: Call) -> Input {
    let why = "the connector gave no answer for this account".to_owned();
    match call {
        Call::Inspect => Input::Inspected(Inspection::Unknown(why)),
        Call::Add | Call::Remove => Input::Answered(Answer::Unknown(why)),
    }
}

fn answers(answers: Vec<Answer>) -> Vec<Input> {
    answers.into_iter().map(Input::Answered).collect()
}

fn member_of(run: &Run) -> Option<NewMember> {
    let account = run.worker.as_ref()?.snapshot.membership.key.account;
    let until = match run.effect {
        Some(Effect::Add { until }) => until,
        _ => hourglass_domain::Timestamp::EPOCH,
    };
    Some(NewMember { account, until })
}
