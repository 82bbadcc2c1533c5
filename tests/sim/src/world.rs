//! What every process of a history shares: the time, chance, the table, and what is truly the case.

use std::collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hourglass_app::ports::store::{CommitError, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_app::ports::{Clock, Ids};
use hourglass_app::workers::hints::Hint;
use hourglass_domain::Timestamp;
use hourglass_domain::grant::{Grant, ScheduleName};
use hourglass_domain::ids::{GrantId, ObjectId};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use uuid::Uuid;

use crate::checks;
use crate::faults::{Fault, Plan};
use crate::rng::Rng;

/// When every history begins: 2026-11-22T12:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_seconds(1_795_348_800);

/// What starts a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trigger {
    /// A stream record.
    Hint(Hint),
    /// A one-shot schedule or a delayed message.
    Schedule(GrantId),
}

/// A change of a true membership.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) at: Timestamp,
    pub(crate) group: ObjectId,
    pub(crate) account: ObjectId,
    /// Whether it was a member before.
    pub(crate) before: bool,
}

/// What is truly the case.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) rng: Rng,
    pub(crate) plan: Plan,
    /// The table's items, as the commits made them that truly happened.
    pub(crate) items: BTreeMap<Key, Item>,
    /// The grants among them.
    pub(crate) grants: BTreeMap<GrantId, Grant>,
    /// True members by group and account.
    pub(crate) members: BTreeSet<(ObjectId, ObjectId)>,
    /// Those that were there before anything was granted.
    pub(crate) baseline: BTreeSet<(ObjectId, ObjectId)>,
    /// What has changed in the directory, for reads that lag.
    pub(crate) moved: Vec<Moved>,
    /// What the directory is working on, by the names under which it can be asked for.
    pub(crate) under_way: BTreeSet<String>,
    /// The schedules that exist.
    pub(crate) schedules: BTreeMap<ScheduleName, Timestamp>,
    /// Every schedule that was ever made.
    pub(crate) made: BTreeSet<ScheduleName>,
    /// The grants for which a message was ever sent.
    pub(crate) messages: BTreeSet<GrantId>,
    /// What must never happen and did.
    pub(crate) violations: Vec<String>,
    trace: DefaultHasher,
    lines: Option<Vec<String>>,
    ids: u64,
}

impl Truth {
    /// Notes that something happened that must not.
    pub(crate) fn violated(&mut self, now: Timestamp, what: String) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{now} VIOLATION {what}"));
        }
        self.violations.push(format!("{now} {what}"));
    }
}

/// A history's world.
#[derive(Debug)]
pub(crate) struct World {
    started: Instant,
    truth: Mutex<Truth>,
    triggers: UnboundedSender<Trigger>,
    store: Arc<dyn Store>,
}

impl World {
    pub(crate) fn new(seed: u64, store: Arc<dyn Store>, triggers: UnboundedSender<Trigger>, keep_lines: bool) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::new(seed, &mut rng);
        Self {
            started: Instant::now(),
            truth: Mutex::new(Truth {
                rng,
                plan,
                items: BTreeMap::new(),
                grants: BTreeMap::new(),
                members: BTreeSet::new(),
                baseline: BTreeSet::new(),
                moved: Vec::new(),
                under_way: BTreeSet::new(),
                schedules: BTreeMap::new(),
                made: BTreeSet::new(),
                messages: BTreeSet::new(),
                violations: Vec::new(),
                trace: DefaultHasher::new(),
                lines: keep_lines.then(Vec::new),
                ids: 0,
            }),
            triggers,
            store,
        }
    }

    pub(crate) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table, with nothing in between.
    pub(crate) fn table(self: &Arc<Self>) -> Arc<dyn Store> {
        Arc::new(Observed(Arc::clone(self)))
    }

    /// What goes wrong with a call.
    pub(crate) fn fault(&self, method: &'static str) -> Option<Fault> {
        let truth = &mut *self.truth();
        truth.plan.next(method, &mut truth.rng)
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&self, (low, high): (u64, u64)) -> u64 {
        self.truth().rng.between(low, high)
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&self, percent: u64) -> bool {
        self.truth().rng.chance(percent)
    }

    /// True `percent` times in a hundred while faults are on; counted by its name.
    pub(crate) fn mishap(&self, kind: &'static str, percent: u64) -> bool {
        let truth = &mut *self.truth();
        let happens = truth.plan.is_active() && truth.rng.chance(percent);
        if happens {
            truth.plan.count(kind);
        }
        happens
    }

    /// Lets between so many and so many milliseconds pass.
    pub(crate) async fn pass(&self, millis: (u64, u64)) {
        let millis = self.between(millis);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Puts something that happened into the trace.
    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        let what = what();
        let now = self.now();
        let truth = &mut *self.truth();
        now.millis().hash(&mut truth.trace);
        what.hash(&mut truth.trace);
        if let Some(lines) = &mut truth.lines {
            lines.push(format!("{now} {}", shortened(&what)));
        }
    }

    /// The trace as one number, and its lines where they were kept.
    pub(crate) fn traced(&self) -> (u64, Vec<String>) {
        let truth = &mut *self.truth();
        (truth.trace.finish(), truth.lines.take().unwrap_or_default())
    }

    /// Starts a worker, some time.
    pub(crate) fn start(&self, trigger: Trigger) {
        // Nobody listens any more once a history is over.
        drop(self.triggers.send(trigger));
    }

    fn committed(&self, writes: &[Write]) {
        let now = self.now();
        self.trace(|| {
            let keys = writes.iter().map(|write| match write {
                Write::Put { item, .. } => format!("put {}/{} v{}", item.key.pk, item.key.sk, item.version),
                Write::Delete { key, .. } => format!("delete {}/{}", key.pk, key.sk),
                Write::Check { key, .. } => format!("check {}/{}", key.pk, key.sk),
            });
            format!("committed: {}", keys.collect::<Vec<_>>().join(", "))
        });
        let mut hints = Vec::new();
        let truth = &mut *self.truth();
        for write in writes {
            if let Write::Put { item, .. } = write {
                checks::on_put(truth, item, now);
            }
        }
        for write in writes {
            match write {
                Write::Put { item, .. } => {
                    hints.extend(Hint::from_partition(&item.key.pk));
                    truth.items.insert(item.key.clone(), item.clone());
                }
                Write::Delete { key, .. } => {
                    truth.items.remove(key);
                }
                Write::Check { .. } => {}
            }
        }
        for hint in hints {
            self.start(Trigger::Hint(hint));
        }
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        let passed = Instant::now().duration_since(self.started).as_millis();
        Timestamp::from_millis(
            BEGINNING
                .millis()
                .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX)),
        )
    }
}

impl Ids for World {
    fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().millis()).unwrap_or_default();
        let truth = &mut *self.truth();
        truth.ids += 1;
        let mut bytes = [0_u8; 10];
        truth.rng.fill(&mut bytes);
        // Later ids sort after earlier ones of the same millisecond as well.
        for (byte, count) in bytes.iter_mut().zip(truth.ids.to_be_bytes().into_iter().skip(6)) {
            *byte = count;
        }
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    fn random(&self, bytes: &mut [u8]) {
        self.truth().rng.fill(bytes);
    }
}

/// For people: of each UUID only its last letters.
fn shortened(text: &str) -> String {
    let word = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut short = String::with_capacity(text.len());
    for part in text.split_inclusive(|c| !word(c)) {
        let uuid = part.trim_end_matches(|c| !word(c));
        let short_from = if uuid.len() == 36 { 30 } else { 0 };
        short.push_str(part.get(short_from..).unwrap_or(part));
    }
    short
}

/// The table, with somebody who watches what is truly committed: the stream, and the invariants.
#[derive(Debug)]
struct Observed(Arc<World>);

#[async_trait]
impl Store for Observed {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.store.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.0.store.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.0.store.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.0.store.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.0.store.commit(writes.clone()).await?;
        self.0.committed(&writes);
        Ok(())
    }
}
