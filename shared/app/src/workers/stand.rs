//! A small world in which the workers' own rules are looked at: a table, a directory and a clock that stands still but for
//! what is waited for. What goes wrong in the large is the simulation's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use hourglass_domain::Timestamp;
use hourglass_domain::auth_context::ContextPolicy;
use hourglass_domain::canonical::Digest;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::{ApplicationId, GrantId, ObjectId, TenantId, UserId};
use hourglass_domain::membership::{Hold, HoldState, Holds, Membership, MembershipKey, Presence};
use hourglass_domain::passkey::Proof;
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::seal::{Mac, Seal, SealKey};
use hourglass_domain::signed::Form;
use hourglass_domain::target::{Cloud, Target, TargetFacts};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use uuid::Uuid;

use crate::keys;
use crate::ports::connector::{Connector, ConnectorError, Members, NewMember, Place};
use crate::ports::delays::{DelayError, Delays};
use crate::ports::directory::{Account, Directory, Tenancy, Told};
use crate::ports::identity_center::{IdentityCenter, IdentityCenterError};
use crate::ports::passkeys::{Asserted, Begun, CredentialId, KeyMaterial, Owner, PasskeyError, Passkeys, Registered};
use crate::ports::schedules::{Found, Listed, ScheduleError, Schedules};
use crate::ports::seals::{SealError, Seals};
use crate::ports::store::{CommitError, Condition, Item, Key, List, Page, Query, Store, StoreError, Write};
use crate::ports::{Clock, Core, Ids, Settings, Workers};
use crate::records::{Comparison, LiveGrant, Record, from_item, to_item};

/// When every test begins: 2026-11-22T12:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_seconds(1_795_348_800);
/// How long a call of the table takes.
const TABLE: Duration = Duration::from_millis(5);

/// How a group answers to removals.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// After how long.
    pub(super) takes: Duration,
    /// Whether it does as asked.
    pub(super) works: bool,
}

/// The world.
pub(super) struct Stand {
    started: Instant,
    items: Mutex<BTreeMap<Key, Item>>,
    ids: AtomicU64,
    /// Groups and their members.
    members: Mutex<BTreeSet<(ObjectId, ObjectId)>>,
    manners: Mutex<BTreeMap<ObjectId, Manner>>,
    /// When each member went.
    gone: Mutex<BTreeMap<(ObjectId, ObjectId), Timestamp>>,
    /// When a removal was first asked for.
    first_removal: Mutex<Option<Timestamp>>,
    /// How long it takes to list the schedules.
    listing: Mutex<Duration>,
    /// How long a write of some key takes.
    slow: Mutex<Option<(Key, Duration)>>,
    /// How often somebody else is quicker to write some key.
    contended: Mutex<BTreeMap<Key, u32>>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stand")
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap()
}

fn id(kind: u64, n: u64) -> Uuid {
    Uuid::from_u64_pair((kind << 32) | 0x4000, 0x8000_0000_0000_0000 | n)
}

/// The tenant.
pub(super) fn tenant() -> TenantId {
    TenantId::new(id(1, 1))
}

/// The application.
pub(super) fn application() -> ApplicationId {
    "contoso.example".parse().unwrap()
}

/// A group.
pub(super) fn group(n: u64) -> ObjectId {
    ObjectId::new(id(3, n))
}

/// An account.
pub(super) fn account(n: u64) -> ObjectId {
    ObjectId::new(id(2, n))
}

/// A user.
pub(super) fn user(n: u64) -> UserId {
    UserId::new(id(4, n))
}

/// A grant's id.
pub(super) fn grant_id(n: u64) -> GrantId {
    GrantId::new(id(8, n))
}

/// The first so many ids of grants whose due-entries lie in one shard.
pub(super) fn of_one_shard(many: usize) -> Vec<u64> {
    let shard = |n: u64| DueEntry::new(BEGINNING, DueKind::Expire, grant_id(n)).shard();
    (1..).filter(|n| shard(*n) == 0).take(many).collect()
}

/// Lets time pass until `moment`.
pub(super) async fn wait_for(stand: &Stand, moment: Timestamp) {
    let millis = moment.millis() - stand.now().millis();
    tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
}

impl Stand {
    /// An empty world; the comparison with the scheduler is not due.
    pub(super) fn new() -> Arc<Self> {
        let stand = Arc::new(Self {
            started: Instant::now(),
            items: Mutex::default(),
            ids: AtomicU64::new(0),
            members: Mutex::default(),
            manners: Mutex::default(),
            gone: Mutex::default(),
            first_removal: Mutex::default(),
            listing: Mutex::default(),
            slow: Mutex::default(),
            contended: Mutex::default(),
        });
        stand.put(&Comparison::begun_at(BEGINNING.plus_seconds(86_400)));
        stand
    }

    /// Everything that a worker works with.
    pub(super) fn workers(self: &Arc<Self>) -> Workers {
        Workers {
            core: Core {
                store: Arc::<Self>::clone(self),
                clock: Arc::<Self>::clone(self),
                ids: Arc::<Self>::clone(self),
                seals: Arc::<Self>::clone(self),
                settings: Arc::new(Settings {
                    sign_in_tenants: vec![tenant()],
                    confirm_after_seconds: 60,
                    short_durations: false,
                    local: false,
                    public_url: "https://hourglass.contoso.example".to_owned(),
                    auth_context: "c1".to_owned(),
                    key_cool_down_seconds: 86_400,
                    set_up_code_sha256: None,
                    two_person: true,
                }),
            },
            schedules: Arc::<Self>::clone(self),
            delays: Arc::<Self>::clone(self),
            connector: Arc::<Self>::clone(self),
            passkeys: Arc::new(NoPasskeys),
            directory: Arc::<Self>::clone(self),
            identity_center: Arc::<Self>::clone(self),
            crowds: Arc::default(),
        }
    }

    /// Stores a record as it is.
    pub(super) fn put<R: Record>(&self, record: &R) {
        let item = to_item(record, 1).unwrap();
        lock(&self.items).insert(item.key.clone(), item);
    }

    /// How a group answers from now on.
    pub(super) fn behaves(&self, group: ObjectId, seconds: u64, works: bool) {
        let takes = Duration::from_secs(seconds);
        lock(&self.manners).insert(group, Manner { takes, works });
    }

    /// An active grant of a person on a group until `expires_at`, with everything that is stored about it.
    pub(super) fn grant(&self, n: u64, of: u64, on: ObjectId, expires_at: Timestamp) -> Grant {
        let target = Target::Entra {
            cloud: Cloud::Global,
            tenant: tenant(),
            group: on,
        };
        let began = BEGINNING.plus_seconds(-3_600);
        let party = json!({
            "user": user(of), "person": user(of), "tenant": tenant(), "object_id": account(of), "name": "Dana",
        });
        let grant: Grant = serde_json::from_value(json!({
            "id": grant_id(n), "request": id(9, n), "application": application(), "entitlement": id(6, n),
            "entitlement_name": "Operators", "requester": party, "beneficiary": party, "status": "active",
            "ended_because": null, "approved_at": began, "starts_at": began, "expires_at": expires_at,
            "targets": [{"target": target, "status": "present", "last_error": null}],
            "next_schedule": 1, "timed": 1, "schedule": null, "active_at": began, "ending_at": null, "ended_at": null,
            "attempts": 0, "failing_since": null,
            "due": [DueEntry::new(expires_at, DueKind::Expire, grant_id(n))],
        }))
        .unwrap();
        let key = MembershipKey {
            target,
            account: account(of),
        };
        let mut holds = self
            .read(&keys::holds(&key))
            .unwrap_or_else(|| Holds::none(key.clone()));
        holds.episode = 1;
        holds.holds.push(Hold {
            grant: grant.id,
            starts_at: began,
            expires_at,
            state: HoldState::Adding,
        });
        let mut membership = Membership::untouched(key);
        membership.presence = Presence::Present {
            confirmed_at: began,
            missing_since: None,
        };
        self.put(&grant);
        self.put(&holds);
        self.put(&membership);
        self.put(&LiveGrant {
            user: grant.beneficiary.user,
            grant: grant.id,
            entitlement: grant.entitlement,
        });
        for entry in &grant.due {
            self.put(entry);
        }
        lock(&self.members).insert((on, account(of)));
        grant
    }

    /// Orders a grant to end, with its promise at `at`.
    pub(super) fn order(&self, grant: &Grant, at: Timestamp) -> DueEntry {
        let promise = DueEntry::new(at, DueKind::End, grant.id);
        self.put(&EndOrder {
            grant: grant.id,
            because: EndReason::Killed,
            by: None,
            at: self.now(),
        });
        self.put(&promise);
        promise
    }

    /// What is stored under a key.
    pub(super) fn read<R: Record>(&self, key: &Key) -> Option<R> {
        let item = lock(&self.items).get(key).cloned();
        item.map(|item| from_item(item).unwrap().value)
    }

    /// A grant as it is stored.
    pub(super) fn stored(&self, n: u64) -> Grant {
        self.read(&keys::grant(grant_id(n))).unwrap()
    }

    /// All due-entries.
    pub(super) fn promises(&self) -> Vec<DueEntry> {
        let items = lock(&self.items);
        let due = items.iter().filter(|(key, _)| key.pk.starts_with("DUE#"));
        due.map(|(_, item)| from_item(item.clone()).unwrap().value).collect()
    }

    /// All memberships.
    pub(super) fn memberships(&self) -> Vec<Membership> {
        let items = lock(&self.items);
        let of = items.iter().filter(|(key, _)| key.pk.starts_with("MEMB#"));
        of.map(|(_, item)| from_item(item.clone()).unwrap().value).collect()
    }

    /// From now on it takes so long to list the schedules.
    pub(super) fn lists_slowly(&self, takes: Duration) {
        *lock(&self.listing) = takes;
    }

    /// So often somebody else is quicker to write this key.
    pub(super) fn contends(&self, key: Key, times: u32) {
        lock(&self.contended).insert(key, times);
    }

    /// From now on it takes so long to write this key.
    pub(super) fn writes_slowly(&self, key: Key, takes: Duration) {
        *lock(&self.slow) = Some((key, takes));
    }

    /// When a member went.
    pub(super) fn gone_at(&self, group: ObjectId, of: u64) -> Option<Timestamp> {
        lock(&self.gone).get(&(group, account(of))).copied()
    }

    /// When a removal was first asked for.
    pub(super) fn first_removal(&self) -> Option<Timestamp> {
        *lock(&self.first_removal)
    }
}

impl Clock for Stand {
    fn now(&self) -> Timestamp {
        let passed = Instant::now().duration_since(self.started).as_millis();
        Timestamp::from_millis(BEGINNING.millis() + i64::try_from(passed).unwrap())
    }
}

impl Ids for Stand {
    fn uuid(&self) -> Uuid {
        id(99, self.ids.fetch_add(1, Ordering::Relaxed))
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn selects(query: &Query, sk: &str) -> bool {
    sk.starts_with(&query.prefix)
        && query.up_to.as_deref().is_none_or(|up_to| sk <= up_to)
        && query.after.as_deref().is_none_or(|after| sk > after)
}

#[async_trait]
impl Store for Stand {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        tokio::time::sleep(TABLE).await;
        Ok(lock(&self.items).get(key).cloned())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        tokio::time::sleep(TABLE).await;
        let items = lock(&self.items);
        Ok(keys.iter().map(|key| items.get(key).cloned()).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        tokio::time::sleep(TABLE).await;
        let items = lock(&self.items);
        let mut found: Vec<Item> = items
            .range(Key::new(&query.pk, &query.prefix)..)
            .take_while(|(key, _)| key.pk == query.pk)
            .filter(|(key, _)| selects(query, &key.sk))
            .map(|(_, item)| item.clone())
            .take(query.limit + 1)
            .collect();
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found.last().filter(|_| more).map(|item| item.key.sk.clone());
        Ok(Page { items: found, next })
    }

    async fn list(&self, _: List, _: &Query) -> Result<Page<Key>, StoreError> {
        tokio::time::sleep(TABLE).await;
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let slow = lock(&self.slow).clone();
        let slow = slow.filter(|(key, _)| writes.iter().any(|write| write.key() == key));
        tokio::time::sleep(slow.map_or(TABLE, |(_, takes)| takes)).await;
        let mut contended = lock(&self.contended);
        for (index, write) in (0..).zip(&writes) {
            if let Some(times) = contended.get_mut(write.key()).filter(|times| **times > 0) {
                *times -= 1;
                return Err(CommitError::Conflict { failed: vec![index] });
            }
        }
        let mut items = lock(&self.items);
        let holds = |write: &Write| {
            let (Write::Put { condition, .. } | Write::Delete { condition, .. } | Write::Check { condition, .. }) =
                write;
            let stored = items.get(write.key());
            match condition {
                Condition::Absent => stored.is_none(),
                Condition::Exists => stored.is_some(),
                Condition::Version(version) => stored.is_some_and(|item| item.version == *version),
                Condition::Any => true,
            }
        };
        let failed: Vec<usize> = (0..)
            .zip(&writes)
            .filter(|(_, write)| !holds(write))
            .map(|(n, _)| n)
            .collect();
        if !failed.is_empty() {
            return Err(CommitError::Conflict { failed });
        }
        for write in writes {
            match write {
                Write::Put { item, .. } => {
                    items.insert(item.key.clone(), item);
                }
                Write::Delete { key, .. } => {
                    items.remove(&key);
                }
                Write::Check { .. } => {}
            }
        }
        Ok(())
    }
}

const fn group_of(place: &Place) -> ObjectId {
    let Target::Entra { group, .. } = place.target;
    group
}

#[async_trait]
impl Connector for Stand {
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        let manner = lock(&self.manners).get(&group_of(place)).cloned();
        if let Some(manner) = manner.filter(|manner| !manner.works) {
            tokio::time::sleep(manner.takes).await;
        }
        let members = lock(&self.members);
        let answer = |account: &ObjectId| {
            if members.contains(&(group_of(place), *account)) {
                Inspection::Present
            } else {
                Inspection::Absent
            }
        };
        accounts.iter().map(answer).collect()
    }

    async fn add(&self, _: &Place, members: &[NewMember]) -> Vec<Answer> {
        vec![Answer::Unknown("nobody is added here".to_owned()); members.len()]
    }

    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        lock(&self.first_removal).get_or_insert_with(|| self.now());
        let group = group_of(place);
        let manner = lock(&self.manners).get(&group).cloned();
        if let Some(manner) = &manner {
            tokio::time::sleep(manner.takes).await;
        }
        if manner.is_some_and(|manner| !manner.works) {
            return vec![Answer::Unknown("it does not answer".to_owned()); accounts.len()];
        }
        for account in accounts {
            lock(&self.members).remove(&(group, *account));
            lock(&self.gone).entry((group, *account)).or_insert_with(|| self.now());
        }
        vec![Answer::Done; accounts.len()]
    }

    async fn outcome(&self, _: &Place, _: &str) -> Answer {
        Answer::Done
    }

    async fn list(&self, _: &Place, _: Option<&str>) -> Result<Members, ConnectorError> {
        Err(ConnectorError::Refused("nobody asks here".to_owned()))
    }

    async fn preflight(&self, _: &Place, _: Timestamp) -> Result<TargetFacts, ConnectorError> {
        Err(ConnectorError::Refused("nobody asks here".to_owned()))
    }

    async fn test(&self, _: &ApplicationId, _: TenantId, _: Cloud) -> Result<(), ConnectorError> {
        Ok(())
    }
}

#[async_trait]
impl Schedules for Stand {
    async fn create(&self, _: &hourglass_domain::grant::ScheduleName, _: Timestamp) -> Result<(), ScheduleError> {
        Ok(())
    }

    async fn inspect(&self, _: &hourglass_domain::grant::ScheduleName, _: Timestamp) -> Result<Found, ScheduleError> {
        Ok(Found::Same)
    }

    async fn list(&self, _: Option<&str>) -> Result<Listed, ScheduleError> {
        let takes = *lock(&self.listing);
        tokio::time::sleep(takes).await;
        Ok(Listed {
            names: Vec::new(),
            next: None,
        })
    }

    async fn delete(&self, _: &hourglass_domain::grant::ScheduleName) -> Result<(), ScheduleError> {
        Ok(())
    }
}

#[async_trait]
impl Delays for Stand {
    async fn send(&self, _: GrantId, _: u32) -> Result<(), DelayError> {
        Ok(())
    }
}

/// A second listener, so that all are asked whether they listen to a line: of one only, the thread that first comes to the
/// line is asked, which may be another test's, and the answer is kept (tracing-core's callsite registry).
static SECOND: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default()));

/// What is measured while it is listened to.
#[derive(Clone, Default, Debug)]
pub(super) struct Measured(Arc<Mutex<Vec<(String, u64)>>>);

impl Measured {
    /// Listens to what this thread measures, until the guard is dropped.
    pub(super) fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        LazyLock::force(&SECOND);
        let measured = Self::default();
        let guard = tracing::subscriber::set_default(measured.clone());
        (measured, guard)
    }

    /// The values of a metric so far.
    pub(super) fn of(&self, metric: &str) -> Vec<u64> {
        let all = lock(&self.0);
        all.iter()
            .filter(|(name, _)| name == metric)
            .map(|(_, value)| *value)
            .collect()
    }
}

#[derive(Default)]
struct Figure(String, u64);

impl Visit for Figure {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "metric" {
            self.0 = value.to_owned();
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "value" {
            self.1 = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl tracing::Subscriber for Measured {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target() == "metric" {
            let mut figure = Figure::default();
            event.record(&mut figure);
            lock(&self.0).push((figure.0, figure.1));
        }
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// No AWS integration was ever entered here.
#[async_trait]
impl IdentityCenter for Stand {
    async fn test(&self, _: &ApplicationId, _: &ScimUrl) -> Result<(), IdentityCenterError> {
        Err(IdentityCenterError::NoToken)
    }
}

/// Everybody is who they say, and belongs where they should.
#[async_trait]
impl Directory for Stand {
    async fn accounts(&self, _: &Tenancy, accounts: &[ObjectId]) -> Result<Told<Vec<Account>>, ConnectorError> {
        Ok(Told::Said(vec![Account::Enabled; accounts.len()]))
    }

    async fn members_among(
        &self,
        _: &Tenancy,
        group: ObjectId,
        accounts: &[ObjectId],
    ) -> Result<Told<BTreeSet<ObjectId>>, ConnectorError> {
        let members = lock(&self.members);
        let among = accounts.iter().filter(|account| members.contains(&(group, **account)));
        Ok(Told::Said(among.copied().collect()))
    }

    async fn context_policies(&self, _: &Tenancy, _: &str) -> Result<Told<Vec<ContextPolicy>>, ConnectorError> {
        Ok(Told::Said(Vec::new()))
    }
}

/// Here nobody forges: a hash without a key will do.
#[async_trait]
impl Seals for Stand {
    async fn seal(&self, key: SealKey, bytes: &[u8]) -> Result<Seal, SealError> {
        Ok(Seal {
            key_id: key.name().to_owned(),
            mac: Mac::new(*Digest::of(bytes).as_bytes()),
        })
    }

    async fn verify(&self, key: SealKey, bytes: &[u8], seal: &Seal) -> Result<bool, SealError> {
        Ok(self.seal(key, bytes).await? == *seal)
    }
}

/// Nobody here signs with a passkey.
#[derive(Debug)]
struct NoPasskeys;

impl Passkeys for NoPasskeys {
    fn rp_id(&self) -> &'static str {
        "hourglass.contoso.example"
    }

    fn origin(&self) -> &'static str {
        "https://hourglass.contoso.example"
    }

    fn begin_registration(&self, _: &Owner, _: &[CredentialId]) -> Result<(Value, String), PasskeyError> {
        Err(PasskeyError::Refused)
    }

    fn finish_registration(&self, _: &str, _: &str) -> Result<Registered, PasskeyError> {
        Err(PasskeyError::Refused)
    }

    fn begin_assertion(&self, _: &[KeyMaterial], _: &Form) -> Result<Begun, PasskeyError> {
        Err(PasskeyError::Refused)
    }

    fn verify_again(&self, _: &KeyMaterial, _: &Proof) -> Result<(), PasskeyError> {
        Err(PasskeyError::Refused)
    }

    fn finish_assertion(&self, _: &str, _: &str, _: &[KeyMaterial]) -> Result<Asserted, PasskeyError> {
        Err(PasskeyError::Refused)
    }
}
