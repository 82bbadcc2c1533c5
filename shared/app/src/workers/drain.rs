//! Many grants that are due at once: brought forward together, as many as their tenants take writes for.
//!
//! Ten thousand grants may end in the same minute, and a tenant takes three thousand writes at once and twenty a second
//! after that. So grants are taken in batches: those of one tenant, of one target where possible, paid for before
//! anything of them is touched. What there is no token for is left as it was, with its due-entry, and that is no failure.
//! A batch asks its target with a few calls for all: 20 removals go in one, and one look at the list of members tells of
//! each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::budget::Spend;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{Grant, GrantStatus, TargetStatus};
use hourglass_domain::ids::{ApplicationId, GrantId, ObjectId, TenantId};
use hourglass_domain::membership::MembershipKey;
use hourglass_domain::protocol::Production;
use hourglass_domain::protocol::grant::{Effect, Input, Worker, step};
use hourglass_domain::target::Target;

use super::advance::{Loaded, MOST_EFFECTS, load_each, memberships, perform};
use super::converge::{LARGEST_BATCH, converge_each};
use super::crowds::tenant_of;
use super::purse::{self, Purse};
use crate::change::{read_each, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Key, Query};
use crate::removals;

/// How many batches of one tenant and one kind are under way at a time.
const BATCHES_OF_A_KIND: usize = 2;
/// How many batches are under way at a time in all.
const BATCHES: usize = 16;
/// How many grants of a batch are stored at a time.
const STORES_AT_A_TIME: usize = 32;
/// How many reads of a hundred grants are under way at a time.
const LOADS_AT_A_TIME: usize = 4;
/// How many due grants of its own shard a trigger looks at.
const SAMPLE: usize = 9;
/// How many of them have to be of the same tenant for many to be due.
const MANY: usize = 5;
/// Most grants whose tenant is remembered, so that they need not be read again to be left alone.
const MOST_KNOWN: usize = 20_000;

/// What became of a due-entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Took {
    /// Its grant was brought forward.
    Done,
    /// It was not; the entry stays.
    Failed,
    /// Its tenant takes no more writes for now; the entry stays.
    Waits,
    /// The time was up.
    Untried,
    /// Its targets have been failing, and it is to be taken when the others have been.
    Later,
    /// Its grant does not name it any more: it can be deleted.
    Stale,
}

/// When grants are taken whose targets have been failing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failing {
    /// With the others, behind them.
    Now,
    /// Not yet: a page lasts as long as what is slowest in it.
    Later,
}

/// What a trigger at the end of a grant's time finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Crowd {
    /// Few others are due: the grant is brought forward on its own.
    Alone,
    /// Many of its tenant are: they are better taken together.
    Many,
    /// The tenant takes no more writes for now; the grant's due-entry stays.
    Waits,
}

/// Whether a grant is due together with many others of its tenant. Their triggers come within the same minute: if each
/// asked its target on its own, that would be as many looks at one list of members.
pub(super) async fn crowd(workers: &Workers, loaded: &Loaded) -> Result<Crowd> {
    let grant = &loaded.grant;
    let core = &workers.core;
    let now = core.clock.now();
    if !grant.status.is_live() || loaded.order.is_some() || now < grant.expires_at {
        return Ok(Crowd::Alone);
    }
    let Some(tenant) = tenant_of(grant) else {
        return Ok(Crowd::Alone);
    };
    if !purse::is_open(core, tenant, Spend::End).await {
        return Ok(Crowd::Waits);
    }
    // Grants are spread over the shards by their ids, so that a few of one shard tell how many there are in all.
    let own = DueEntry::new(grant.expires_at, DueKind::Expire, grant.id);
    let together = keys::due(&DueEntry::new(grant.expires_at, DueKind::Expire, ""));
    let query = Query::partition(keys::due_partition(DueKind::Expire.lane(), own.shard()))
        .prefix(together.sk)
        .limit(SAMPLE);
    let sample = read_page::<DueEntry>(&*core.store, &query).await?;
    let ids: Vec<Key> = sample
        .items
        .iter()
        .filter_map(|entry| entry.value.id.parse().ok())
        .filter(|id| *id != grant.id)
        .map(keys::grant)
        .collect();
    if ids.len() < MANY {
        return Ok(Crowd::Alone);
    }
    let others = read_each::<Grant>(&*core.store, &ids).await?;
    let of_tenant = others
        .iter()
        .flatten()
        .flatten()
        .filter(|other| tenant_of(&other.value) == Some(tenant));
    Ok(if of_tenant.count() < MANY {
        Crowd::Alone
    } else {
        Crowd::Many
    })
}

/// What is known from one pass to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Grants that waited at the end of their time, and for whose tenant.
    waiting: BTreeMap<GrantId, TenantId>,
    /// Tenants that take no more writes at the end of a time, until when.
    until: BTreeMap<TenantId, Timestamp>,
}

impl Memory {
    /// When somebody who waits can go on; `None` when nobody waits.
    pub(super) fn soonest(&self) -> Option<Timestamp> {
        self.until.values().min().copied()
    }

    fn is_waiting(&self, id: GrantId, now: Timestamp) -> bool {
        let until = self.waiting.get(&id).and_then(|tenant| self.until.get(tenant));
        until.is_some_and(|until| now < *until)
    }

    fn note(&mut self, id: GrantId, tenant: TenantId) {
        if self.waiting.len() < MOST_KNOWN {
            self.waiting.insert(id, tenant);
        }
    }
}

/// How long one may go on.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    /// Whether nothing more may begin.
    pub(super) is_over: &'a (dyn Fn() -> bool + Sync),
    /// How long what begins now may take.
    pub(super) longest: &'a (dyn Fn() -> Duration + Sync),
}

/// One grant that is due.
struct Item {
    id: GrantId,
    /// Its entries, and whether it names them.
    entries: Vec<(DueEntry, bool)>,
    loaded: Loaded,
    /// How many removals it is likely to need.
    removals: u32,
}

impl Item {
    /// The items of a queue are sorted by it: by age in minutes, then by target, so that those of one target meet.
    fn place(&self) -> (i64, Option<&Target>) {
        let at = self.entries.iter().map(|(entry, _)| entry.at.seconds()).min();
        let target = self.loaded.grant.targets.first().map(|target| &target.target);
        (at.unwrap_or(0).div_euclid(60), target)
    }

    fn memberships(&self) -> usize {
        self.loaded.grant.targets.len()
    }

    fn took(self, took: Took) -> impl Iterator<Item = (DueEntry, Took)> {
        self.entries.into_iter().map(move |(entry, named)| match took {
            Took::Done if !named => (entry, Took::Stale),
            took => (entry, took),
        })
    }
}

/// What decides with which others a grant is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kind {
    /// Whether its targets have been failing: a batch lasts as long as its slowest target.
    failing: bool,
    tenant: TenantId,
    /// What its removals count as; `None` when it is likely to need none.
    spend: Option<Spend>,
}

/// Grants that are taken together.
struct Queue {
    kind: Kind,
    items: Mutex<VecDeque<Item>>,
}

impl Queue {
    fn items(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many removals the next batch is likely to need.
    fn wanted(&self) -> u32 {
        let mut wanted = 0_u32;
        for item in self.items().iter() {
            wanted = wanted.saturating_add(item.removals);
            if usize::try_from(wanted).is_ok_and(|wanted| wanted >= LARGEST_BATCH) {
                break;
            }
        }
        wanted.min(u32::try_from(LARGEST_BATCH).unwrap_or(u32::MAX))
    }

    /// The next batch: what so many tokens pay for, of at most [`LARGEST_BATCH`] memberships; at least one grant.
    fn pop(&self, tokens: u32) -> Vec<Item> {
        let mut items = self.items();
        let mut batch: Vec<Item> = Vec::new();
        let (mut memberships, mut removals) = (0_usize, 0_u32);
        while let Some(item) = items.front() {
            memberships = memberships.saturating_add(item.memberships());
            removals = removals.saturating_add(item.removals);
            if !batch.is_empty() && (memberships > LARGEST_BATCH || removals > tokens) {
                break;
            }
            batch.extend(items.pop_front());
        }
        batch
    }
}

type Taken = Vec<(DueEntry, Took)>;

/// Brings the grants of these due-entries forward, in order, and says what became of each entry.
pub(super) async fn take(
    workers: &Workers,
    limit: Limit<'_>,
    memory: &mut Memory,
    entries: Vec<(GrantId, DueEntry)>,
    failing: Failing,
) -> Taken {
    let now = workers.core.clock.now();
    memory.until.retain(|_, until| now < *until);
    let (queues, mut taken) = sort(workers, memory, entries, failing).await;
    let mut lanes = Vec::new();
    for queue in &queues {
        for _ in 0..BATCHES_OF_A_KIND {
            lanes.push(lane(workers, limit, queue));
        }
    }
    let mut lanes = futures_util::stream::iter(lanes).buffer_unordered(BATCHES);
    while let Some((done, dry)) = lanes.next().await {
        taken.extend(done);
        if let Some((tenant, until)) = dry {
            memory.until.insert(tenant, until);
        }
    }
    drop(lanes);
    for queue in queues {
        let Kind { tenant, spend, .. } = queue.kind;
        let waits = memory.until.contains_key(&tenant) && spend.is_some();
        for item in queue.items.into_inner().unwrap_or_else(PoisonError::into_inner) {
            if waits && spend == Some(Spend::End) {
                memory.note(item.id, tenant);
            }
            taken.extend(item.took(if waits { Took::Waits } else { Took::Untried }));
        }
    }
    taken
}

/// Reads the grants and sorts them into queues, urgent ones first; also says what is decided already.
async fn sort(
    workers: &Workers,
    memory: &Memory,
    entries: Vec<(GrantId, DueEntry)>,
    failing: Failing,
) -> (Vec<Queue>, Taken) {
    let now = workers.core.clock.now();
    let mut order: Vec<GrantId> = Vec::new();
    let mut by_grant: BTreeMap<GrantId, Vec<DueEntry>> = BTreeMap::new();
    for (id, entry) in entries {
        let of_grant = by_grant.entry(id).or_default();
        if of_grant.is_empty() {
            order.push(id);
        }
        of_grant.push(entry);
    }
    let mut taken = Taken::new();
    // An order to end is no reason to wait: it may be urgent.
    let ordered = |id: &GrantId| {
        by_grant
            .get(id)
            .is_some_and(|entries| entries.iter().any(|entry| entry.kind == DueKind::End))
    };
    let (waiting, order): (Vec<_>, Vec<_>) = order
        .into_iter()
        .partition(|id| memory.is_waiting(*id, now) && !ordered(id));
    for entry in waiting.iter().filter_map(|id| by_grant.remove(id)).flatten() {
        taken.push((entry, Took::Waits));
    }
    let loads: Vec<_> = order.chunks(LARGEST_BATCH).map(|ids| load(workers, ids)).collect();
    let mut loads = futures_util::stream::iter(loads).buffered(LOADS_AT_A_TIME);
    let mut queues: BTreeMap<Kind, VecDeque<Item>> = BTreeMap::new();
    while let Some((ids, loaded)) = loads.next().await {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(%error, grants = ids.len(), "grants that are due could not be read; their entries stay");
                for entry in ids.iter().filter_map(|id| by_grant.remove(id)).flatten() {
                    taken.push((entry, Took::Failed));
                }
                continue;
            }
        };
        for (id, loaded) in ids.iter().zip(loaded) {
            let entries = by_grant.remove(id).unwrap_or_default();
            match loaded {
                Ok(Some(loaded)) if failing == Failing::Later && is_failing(&loaded.grant) => {
                    taken.extend(entries.into_iter().map(|entry| (entry, Took::Later)));
                }
                Ok(Some(loaded)) => {
                    let (kind, item) = judge(*id, entries, loaded, now);
                    queues.entry(kind).or_default().push_back(item);
                }
                Ok(None) => taken.extend(entries.into_iter().map(|entry| (entry, Took::Stale))),
                Err(error) => {
                    tracing::error!(grant.id = %id, %error, "a grant that is due cannot be read; its entries stay");
                    taken.extend(entries.into_iter().map(|entry| (entry, Took::Failed)));
                }
            }
        }
    }
    let mut queues: Vec<Queue> = queues
        .into_iter()
        .map(|(kind, mut items)| {
            items.make_contiguous().sort_by(|a, b| a.place().cmp(&b.place()));
            let items = Mutex::new(items);
            Queue { kind, items }
        })
        .collect();
    queues.sort_by_key(|queue| queue.kind.spend.is_none());
    queues.sort_by_key(|queue| queue.kind.spend != Some(Spend::UrgentEnd));
    queues.sort_by_key(|queue| queue.kind.failing);
    (queues, taken)
}

/// Reads grants, and notes those whose removal is overdue before any target is asked: side by side, or the first removal
/// would wait for all of these notes.
async fn load<'i>(workers: &Workers, ids: &'i [GrantId]) -> (&'i [GrantId], Result<Vec<Result<Option<Loaded>>>>) {
    let loaded = load_each(workers, ids).await;
    let grants = loaded
        .iter()
        .flatten()
        .filter_map(|loaded| loaded.as_ref().ok()?.as_ref());
    let notes: Vec<_> = grants
        .map(|loaded| removals::note(&workers.core, &loaded.grant, loaded.version))
        .collect();
    let mut notes = futures_util::stream::iter(notes).buffer_unordered(STORES_AT_A_TIME);
    while notes.next().await.is_some() {}
    drop(notes);
    (ids, loaded)
}

/// Whether its targets have been failing. What failed once is tried again in its turn: it may have been nothing.
const fn is_failing(grant: &Grant) -> bool {
    grant.failing_since.is_some() && grant.attempts > 1
}

/// What a grant is likely to need.
fn judge(id: GrantId, entries: Vec<DueEntry>, loaded: Loaded, now: Timestamp) -> (Kind, Item) {
    let grant = &loaded.grant;
    let ends = grant.status.is_live() && (loaded.order.is_some() || now >= grant.expires_at);
    let is_there = |status| {
        use TargetStatus::{Adding, Failed, Present, Removing};
        matches!(status, Adding | Present | Removing | Failed)
    };
    let removals = if ends || grant.status == GrantStatus::Ending {
        let there = grant.targets.iter().filter(|target| is_there(target.status));
        u32::try_from(there.count()).unwrap_or(u32::MAX)
    } else {
        0
    };
    let because = grant.ended_because.or(loaded.order);
    let kind = Kind {
        failing: is_failing(grant),
        tenant: tenant_of(grant).unwrap_or_else(|| TenantId::new(uuid::Uuid::nil())),
        spend: (removals > 0).then(|| Spend::of_end(because)),
    };
    let entries = entries
        .into_iter()
        .map(|entry| {
            let named = grant.due.contains(&entry);
            (entry, named)
        })
        .collect();
    let item = Item {
        id,
        entries,
        loaded,
        removals,
    };
    (kind, item)
}

/// Takes batch after batch from a queue; also says until when there is no budget for the rest.
async fn lane(workers: &Workers, limit: Limit<'_>, queue: &Queue) -> (Taken, Option<(TenantId, Timestamp)>) {
    let Kind { tenant, spend, .. } = queue.kind;
    let mut taken = Taken::new();
    while !(limit.is_over)() {
        let purse = Purse::new(spend.unwrap_or(Spend::End));
        let mut tokens = 0;
        if spend.is_some() {
            let wanted = queue.wanted();
            if wanted == 0 {
                break;
            }
            let paid = purse.prepay(&workers.core, tenant, wanted).await;
            if paid.tokens == 0 {
                let now = workers.core.clock.now();
                return (taken, Some((tenant, paid.look_again_at.unwrap_or(now))));
            }
            tokens = paid.tokens;
        }
        let batch = queue.pop(tokens);
        let is_last = batch.is_empty();
        if !is_last {
            taken.extend(bring_forward(workers, &purse, batch, (limit.longest)()).await);
        }
        purse.close(&workers.core).await;
        if is_last {
            break;
        }
    }
    (taken, None)
}

/// One grant of a batch on its way.
struct Run {
    id: GrantId,
    entries: Vec<(DueEntry, bool)>,
    worker: Option<Worker>,
    effect: Option<Effect>,
    steps: usize,
    failed: bool,
}

impl Run {
    fn step(&mut self, now: Timestamp, input: Input) {
        self.effect = None;
        self.steps += 1;
        if self.steps > MOST_EFFECTS {
            return;
        }
        if let Some(worker) = self.worker.take() {
            let (worker, effect) = step::<Production>(worker, input, now);
            self.worker = Some(worker);
            self.effect = Some(effect).filter(|effect| *effect != Effect::Finish);
        }
    }

    /// Whether the grant was ordered to end and does not: other grants changed what they share each time. The promise of
    /// an order is not the grant's own, so that nobody else would remember.
    fn owes_an_end(&self) -> bool {
        let worker = self.worker.as_ref();
        worker.is_some_and(|worker| worker.order.is_some() && worker.grant.status.is_live())
    }

    fn fail(&mut self, error: &crate::AppError) {
        tracing::error!(grant.id = %self.id, %error, "a grant that is due could not be brought forward");
        self.effect = None;
        self.failed = true;
    }

    /// Does what the grant's machine asks for until it waits for its targets or is over.
    async fn perform(&mut self, workers: &Workers) {
        while let (Some(effect), Some(worker)) =
            (self.effect.take_if(|effect| *effect != Effect::Converge), &self.worker)
        {
            match perform(workers, worker, effect).await {
                Ok(input) => self.step(workers.core.clock.now(), input),
                Err(error) => self.fail(&error),
            }
        }
    }
}

/// Brings grants forward together, each on its own but for the calls of their targets.
async fn bring_forward(workers: &Workers, purse: &Purse, batch: Vec<Item>, longest: Duration) -> Taken {
    let mut runs: Vec<Run> = Vec::with_capacity(batch.len());
    for item in batch {
        let mut run = Run {
            id: item.id,
            entries: item.entries,
            worker: Some(item.loaded.worker()),
            effect: None,
            steps: 0,
            failed: false,
        };
        run.step(workers.core.clock.now(), Input::Start);
        runs.push(run);
    }
    let work = async {
        while runs.iter().any(|run| run.effect.is_some()) {
            perform_all(workers, &mut runs).await;
            converge_all(workers, purse, &mut runs).await;
        }
    };
    if tokio::time::timeout(longest, work).await.is_err() {
        tracing::error!(
            grants = runs.len(),
            "grants that are due took too long; their entries stay"
        );
        for run in runs.iter_mut().filter(|run| run.effect.is_some()) {
            run.failed = true;
        }
    }
    let mut taken = Taken::new();
    for run in runs {
        let failed = run.failed || run.owes_an_end();
        if failed && !run.failed {
            tracing::warn!(grant.id = %run.id, "a grant that was ordered to end was changed by others each time");
        }
        for (entry, named) in run.entries {
            let took = match (failed, named) {
                (true, _) => Took::Failed,
                (false, true) => Took::Done,
                (false, false) => Took::Stale,
            };
            taken.push((entry, took));
        }
    }
    taken
}

/// Stores what the grants' machines ask for, side by side; the grants of one account one after another. These may hold
/// the same memberships, and each store would be a reason for all the others to begin anew, until some of them give up.
async fn perform_all(workers: &Workers, runs: &mut [Run]) {
    let mut by_account: BTreeMap<Option<ObjectId>, Vec<&mut Run>> = BTreeMap::new();
    for run in runs {
        let account = run.worker.as_ref().map(|worker| worker.grant.beneficiary.object_id);
        by_account.entry(account).or_default().push(run);
    }
    let performing: Vec<_> = by_account
        .into_values()
        .map(|of_account| async move {
            for run in of_account {
                run.perform(workers).await;
            }
        })
        .collect();
    let mut performing = futures_util::stream::iter(performing).buffer_unordered(STORES_AT_A_TIME);
    while performing.next().await.is_some() {}
}

/// Converges the targets of all grants that wait for it, those of one application together.
async fn converge_all(workers: &Workers, purse: &Purse, runs: &mut [Run]) {
    let mut by_application: BTreeMap<ApplicationId, Vec<&mut Run>> = BTreeMap::new();
    for run in runs.iter_mut().filter(|run| run.effect == Some(Effect::Converge)) {
        if let Some(worker) = &run.worker {
            by_application
                .entry(worker.grant.application.clone())
                .or_default()
                .push(run);
        }
    }
    for (application, runs) in by_application {
        let of_each: Vec<Vec<MembershipKey>> = runs
            .iter()
            .map(|run| {
                run.worker
                    .as_ref()
                    .map(|worker| memberships(&worker.grant))
                    .unwrap_or_default()
            })
            .collect();
        // Two grants of one batch may hold the same membership, which is converged once for both.
        let mut places: BTreeMap<&MembershipKey, usize> = BTreeMap::new();
        let mut all: Vec<MembershipKey> = Vec::new();
        for key in of_each.iter().flatten() {
            places.entry(key).or_insert_with(|| {
                all.push(key.clone());
                all.len() - 1
            });
        }
        let outcomes = converge_each(workers, purse, &application, &all).await;
        for (run, keys) in runs.into_iter().zip(&of_each) {
            let mut found = Vec::with_capacity(keys.len());
            let mut failed = None;
            for outcome in keys.iter().filter_map(|key| outcomes.get(*places.get(key)?)) {
                match outcome {
                    Ok(outcome) => found.push(outcome.clone()),
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                Some(error) => run.fail(error),
                None => run.step(workers.core.clock.now(), Input::Converged(found)),
            }
        }
    }
}
