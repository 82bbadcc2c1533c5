//! The unit of work on a real table: what belongs together is committed together, with its audit event.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use hourglass_app::change::{Change, ChangeError, personal, read, read_many, read_page};
use hourglass_app::error::AppError;
use hourglass_app::keys;
use hourglass_app::ports::Ids;
use hourglass_app::ports::store::{CommitError, Condition, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_app::records::{OpenRequest, PersonalTexts, Record, Stored};
use hourglass_domain::audit::{Actor, Changed, Draft, Event, Head, StreamId, verify};
use hourglass_domain::canonical::canonical_hash;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::ids::{EntitlementId, RequestId, UserId};
use hourglass_domain::{Refusal, Timestamp};
use uuid::Uuid;

use crate::support::{Table, put};

/// A record to change: user number `user` asks in request number `request`.
fn open(user: u128, request: u128) -> OpenRequest {
    OpenRequest {
        user: UserId::new(Uuid::from_u128(user)),
        requester: None,
        beneficiary: None,
        entitlement: EntitlementId::new(Uuid::from_u128(1)),
        extends: None,
        request: RequestId::new(Uuid::from_u128(request)),
    }
}

fn stream() -> StreamId {
    StreamId::request(RequestId::new(Uuid::from_u128(7)))
}

fn draft(action: &'static str) -> Draft {
    Draft::new(Timestamp::from_seconds(1_795_000_000), Actor::system("test"), action)
}

fn changed(record: &OpenRequest, version: u64) -> Changed {
    Changed {
        kind: "open_request".to_owned(),
        id: record.request.to_string(),
        version,
    }
}

async fn stored(store: &dyn Store, record: &OpenRequest) -> Option<Stored<OpenRequest>> {
    read(store, &record.key()).await.unwrap()
}

/// The stream's events, after the chain was verified against its head.
async fn events(store: &dyn Store) -> Vec<Event> {
    let query = Query::partition(keys::audit_stream(&stream())).prefix(keys::EVENTS);
    let page: Page<Stored<Event>> = read_page(store, &query).await.unwrap();
    assert_eq!(page.next, None);
    let events: Vec<Event> = page.items.into_iter().map(|stored| stored.value).collect();
    let head: Option<Stored<Head>> = read(store, &keys::audit_head(&stream())).await.unwrap();
    let head = head.map_or_else(|| Head::start(stream()), |head| head.value);
    assert_eq!(verify(&stream(), &events, &head), Ok(()));
    events
}

fn conflict_on(result: Result<(), ChangeError>) -> Vec<Key> {
    match result {
        Err(ChangeError::Conflict(keys)) => keys,
        other => panic!("no conflict: {other:?}"),
    }
}

#[derive(Debug)]
struct FixedIds;

impl Ids for FixedIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(5)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0xab);
    }
}

#[tokio::test]
async fn each_change_writes_one_event_that_names_what_changed() {
    let Table { store, .. } = Table::start().await;
    let [a, b] = [open(1, 1), open(2, 2)];
    let change = Change::new().create(&a).unwrap().create(&b).unwrap();
    change
        .event(stream(), draft("both.created"))
        .commit(&store)
        .await
        .unwrap();

    let found = stored(&store, &a).await.unwrap();
    assert_eq!((found.version, &found.value), (1, &a));
    let moved = open(1, 3);
    let change = Change::new().replace(found.version, &moved).unwrap();
    let gone = stored(&store, &b).await.unwrap();
    let change = change.delete(&gone).event(stream(), draft("one.moved").fact("n", 3));
    change.commit(&store).await.unwrap();

    assert_eq!(stored(&store, &a).await.unwrap().value, moved);
    assert_eq!(stored(&store, &b).await, None);
    let events = events(&store).await;
    let summary: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.action.as_str(), &event.objects))
        .collect();
    assert_eq!(
        summary,
        [
            (1, "both.created", &vec![changed(&a, 1), changed(&b, 1)]),
            (2, "one.moved", &vec![changed(&moved, 2), changed(&b, 0)]),
        ]
    );
    assert_eq!(events[1].facts["n"], "3");
    let head: Stored<Head> = read(&store, &keys::audit_head(&stream())).await.unwrap().unwrap();
    assert_eq!((head.version, head.value.seq), (2, 2));
}

#[tokio::test]
async fn what_people_wrote_lies_beside_the_event() {
    let Table { store, .. } = Table::start().await;
    let texts = personal(&FixedIds, &[("why", Some("INC-42")), ("ticket", None)]);
    let change = Change::new().create(&open(1, 1)).unwrap();
    let change = change.event(stream(), draft("request.created").personal(texts.clone()));
    change.commit(&store).await.unwrap();
    let event = events(&store).await.remove(0);
    assert_eq!(event.personal, Some(canonical_hash(&texts).unwrap()));
    let beside: Option<Stored<PersonalTexts>> = read(&store, &keys::audit_personal(&stream(), 1)).await.unwrap();
    assert_eq!(Some(beside.unwrap().value.personal), texts);
    assert_eq!(personal(&FixedIds, &[("why", None)]), None);
}

#[tokio::test]
async fn a_change_without_an_event_writes_none() {
    let Table { store, .. } = Table::start().await;
    Change::new().create(&open(1, 1)).unwrap().commit(&store).await.unwrap();
    assert!(stored(&store, &open(1, 1)).await.is_some());
    assert!(events(&store).await.is_empty());
}

#[tokio::test]
async fn a_conflict_names_the_keys_and_writes_nothing_not_even_the_event() {
    let Table { store, .. } = Table::start().await;
    let [a, b, c, d] = [open(1, 1), open(2, 2), open(3, 3), open(4, 4)];
    let change = Change::new().create(&a).unwrap().create(&b).unwrap();
    change.event(stream(), draft("created")).commit(&store).await.unwrap();
    let old = stored(&store, &a).await.unwrap();
    Change::new()
        .replace(1, &open(1, 9))
        .unwrap()
        .commit(&store)
        .await
        .unwrap();

    let with = |change: Change| change.create(&c).unwrap().event(stream(), draft("too late"));
    let stale = |change: Change| with(change).commit(&store);
    assert_eq!(
        conflict_on(stale(Change::new().replace(1, &a).unwrap()).await),
        [a.key()]
    );
    assert_eq!(
        conflict_on(stale(Change::new().replace(0, &a).unwrap()).await),
        [a.key()]
    );
    assert_eq!(conflict_on(stale(Change::new().delete(&old)).await), [a.key()]);
    assert_eq!(conflict_on(stale(Change::new().check(&old)).await), [a.key()]);
    assert_eq!(conflict_on(stale(Change::new().check_exists(d.key())).await), [d.key()]);
    assert_eq!(
        conflict_on(stale(Change::new().check_version(b.key(), 0)).await),
        [b.key()]
    );
    assert_eq!(
        conflict_on(stale(Change::new().check_version(b.key(), 2)).await),
        [b.key()]
    );
    let two = Change::new().create(&b).unwrap().check_exists(d.key());
    assert_eq!(conflict_on(stale(two).await), [b.key(), d.key()]);

    assert_eq!(stored(&store, &a).await.unwrap().value, open(1, 9));
    assert_eq!(stored(&store, &c).await, None);
    assert_eq!(events(&store).await.len(), 1);

    // The same with everything as it has to be.
    let current = stored(&store, &b).await.unwrap();
    let change = Change::new()
        .check(&current)
        .check_exists(a.key())
        .check_version(d.key(), 0);
    with(change).commit(&store).await.unwrap();
    assert!(stored(&store, &c).await.is_some());
    assert_eq!(events(&store).await.len(), 2);
}

#[tokio::test]
async fn a_conflict_that_nobody_handles_reads_changed() {
    let Table { store, .. } = Table::start().await;
    let change = Change::new().check_exists(open(1, 1).key()).commit(&store).await;
    let error: AppError = change.unwrap_err().into();
    assert!(matches!(error, AppError::Refused(Refusal::Changed)), "{error:?}");
}

#[tokio::test]
async fn markers_are_written_and_deleted_whatever_was_there() {
    let Table { store, .. } = Table::start().await;
    let marker = open(1, 1);
    for _ in 0..2 {
        Change::new().put_any(&marker).unwrap().commit(&store).await.unwrap();
        assert_eq!(stored(&store, &marker).await.unwrap().value, marker);
    }
    for _ in 0..2 {
        Change::new().delete_any(marker.key()).commit(&store).await.unwrap();
        assert_eq!(stored(&store, &marker).await, None);
    }
}

#[tokio::test]
async fn due_entries_move_from_before_to_after_and_what_stays_is_not_written() {
    let Table { store, wire, .. } = Table::start().await;
    let entry = |seconds: i64, kind: DueKind| DueEntry::new(Timestamp::from_seconds(seconds), kind, "grant");
    let [early, stays, late] = [
        entry(10, DueKind::Advance),
        entry(20, DueKind::Expire),
        entry(30, DueKind::Advance),
    ];
    let before = [early.clone(), stays.clone()];
    let after = [stays.clone(), late.clone()];
    Change::new().due(&[], &before).unwrap().commit(&store).await.unwrap();
    wire.take_calls();
    Change::new()
        .due(&before, &after)
        .unwrap()
        .commit(&store)
        .await
        .unwrap();
    let calls = wire.take_calls();
    assert_eq!(calls[0].body["TransactItems"].as_array().map(Vec::len), Some(2));

    let all = [&early, &stays, &late].map(keys::due);
    let found: Vec<Option<Stored<DueEntry>>> = read_many(&store, &all).await.unwrap();
    let found: Vec<Option<DueEntry>> = found.into_iter().map(|found| found.map(|found| found.value)).collect();
    assert_eq!(found, [None, Some(stays.clone()), Some(late.clone())]);

    // What is due at a time is what the sweep reads.
    let due = |now: i64| Query {
        up_to: Some(keys::due_until(Timestamp::from_seconds(now))),
        ..Query::partition(keys::due_partition(stays.kind.lane(), stays.shard()))
    };
    for (now, expected) in [(19, 0), (20, 1), (29, 1), (30, 2)] {
        let page: Page<Stored<DueEntry>> = read_page(&store, &due(now)).await.unwrap();
        assert_eq!(page.items.len(), expected, "{now}");
    }
    // Due-entries are no state that an auditor asks about.
    let change = Change::new().due(&after, &[]).unwrap().event(stream(), draft("done"));
    change.commit(&store).await.unwrap();
    assert_eq!(events(&store).await[0].objects, []);
}

/// As many changes at once as one change has tries: each round of tries lets at least one of them through.
#[tokio::test]
async fn changes_of_different_objects_on_one_stream_all_happen() {
    let Table { store, wire, .. } = Table::start().await;
    let changes = (1..=8).map(|n| {
        let change = Change::new().create(&open(n, n)).unwrap();
        change.event(stream(), draft("created").fact("n", n)).commit(&store)
    });
    for result in join_all(changes).await {
        result.unwrap();
    }
    let events = events(&store).await;
    assert_eq!(events.len(), 8);
    let mut numbers: Vec<&str> = events.iter().map(|event| event.facts["n"].as_str()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    for n in 1..=8 {
        assert!(stored(&store, &open(n, n)).await.is_some());
    }
    let commits = wire
        .take_calls()
        .iter()
        .filter(|call| call.operation == "TransactWriteItems")
        .count();
    assert!(commits > 8, "the changes never met");
}

/// Of changes of one object, one happens.
#[tokio::test]
async fn of_changes_of_one_object_one_happens() {
    let Table { store, .. } = Table::start().await;
    let changes = (1..=6).map(|n| {
        let change = Change::new().create(&open(1, n)).unwrap();
        change.event(stream(), draft("created").fact("n", n)).commit(&store)
    });
    let results = join_all(changes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(conflict_on(result), [open(1, 1).key()]);
    }
    let events = events(&store).await;
    assert_eq!(events.len(), 1);
    let winner = stored(&store, &open(1, 1)).await.unwrap().value;
    assert_eq!(events[0].objects, [changed(&winner, 1)]);
}

/// Lets somebody else write to the stream just before a commit.
#[derive(Debug)]
struct Crowded<'a> {
    store: &'a dyn Store,
    others: u128,
    commits: AtomicU32,
    /// A write that somebody else makes before the first commit.
    first: Option<Write>,
}

impl<'a> Crowded<'a> {
    fn new(store: &'a dyn Store, others: u128) -> Self {
        Self {
            store,
            others,
            commits: AtomicU32::new(0),
            first: None,
        }
    }
}

#[async_trait]
impl Store for Crowded<'_> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.store.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.store.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.store.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.store.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let n = u128::from(self.commits.fetch_add(1, Ordering::Relaxed));
        if n < self.others {
            let other = Change::new().create(&open(100 + n, 1)).unwrap();
            other
                .event(stream(), draft("by another"))
                .commit(self.store)
                .await
                .unwrap();
        }
        if n == 0
            && let Some(first) = &self.first
        {
            self.store.commit(vec![first.clone()]).await.unwrap();
        }
        self.store.commit(writes).await
    }
}

#[tokio::test]
async fn a_race_for_the_head_alone_is_resolved() {
    let Table { store, .. } = Table::start().await;
    let crowded = Crowded::new(&store, 7);
    let change = Change::new()
        .create(&open(1, 1))
        .unwrap()
        .event(stream(), draft("mine"));
    change.commit(&crowded).await.unwrap();
    assert_eq!(crowded.commits.into_inner(), 8);
    let events = events(&store).await;
    assert_eq!(events.len(), 8);
    assert_eq!(events[7].action, "mine");
}

#[tokio::test]
async fn a_race_for_the_head_that_never_ends_is_given_up_whole() {
    let Table { store, .. } = Table::start().await;
    let crowded = Crowded::new(&store, u128::MAX);
    let change = Change::new()
        .create(&open(1, 1))
        .unwrap()
        .event(stream(), draft("mine"));
    let result = change.commit(&crowded).await;
    assert!(
        matches!(
            &result,
            Err(ChangeError::App(AppError::Store(StoreError::Unavailable(_))))
        ),
        "{result:?}"
    );
    assert_eq!(stored(&store, &open(1, 1)).await, None);
    assert!(events(&store).await.iter().all(|event| event.action == "by another"));
}

#[tokio::test]
async fn a_race_for_the_head_and_for_an_object_is_the_callers() {
    let Table { store, .. } = Table::start().await;
    let mine = open(1, 1);
    let theirs = hourglass_app::records::to_item(&open(1, 2), 1).unwrap();
    let crowded = Crowded {
        first: Some(put(&theirs, Condition::Absent)),
        ..Crowded::new(&store, 1)
    };
    let change = Change::new().create(&mine).unwrap().event(stream(), draft("mine"));
    assert_eq!(conflict_on(change.commit(&crowded).await), [mine.key()]);
    assert_eq!(crowded.commits.into_inner(), 1);
    assert_eq!(events(&store).await.len(), 1);
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_happens_once() {
    let Table { store, wire, .. } = Table::start().await;
    wire.next([
        crate::support::Fault::Answer(500, serde_json::json!({})),
        crate::support::Fault::Lost,
    ]);
    let change = Change::new()
        .create(&open(1, 1))
        .unwrap()
        .event(stream(), draft("mine"));
    change.commit(&store).await.unwrap();
    assert_eq!(events(&store).await.len(), 1);
}
