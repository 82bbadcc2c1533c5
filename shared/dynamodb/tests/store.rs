//! The contract of the port, line by line.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use hourglass_app::ports::store::{
    CommitError, Condition, Item, Key, LARGEST_LIST, LARGEST_PAGE, List, MOST_KEYS, MOST_WRITES, Page, Query, Store,
    StoreError, Write,
};
use hourglass_domain::Timestamp;
use serde_json::{Value, json};

use crate::support::{TABLE, Table, check, delete, item, listed, put, version};

fn conflict(failed: &[usize]) -> Result<(), CommitError> {
    Err(CommitError::Conflict {
        failed: failed.to_vec(),
    })
}

fn is_rejected<T>(result: &Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Store(StoreError::Rejected(_))))
}

async fn put_all(table: &Table, items: &[Item]) {
    for items in items.chunks(MOST_WRITES) {
        let writes = items.iter().map(|item| put(item, Condition::Any)).collect();
        table.store.commit(writes).await.unwrap();
    }
}

#[tokio::test]
async fn an_item_comes_back_as_it_was_put() {
    let table = Table::start().await;
    let Value::Object(body) = json!({
        "null": null, "empty": "", "list": [], "map": {}, "unicode": "Zoë 🔑",
        "numbers": [i64::MIN, -1, 0, i64::MAX, u64::MAX], "fractions": [0.5, -0.1, 1.5e-7, 1e-130, 1.25e125], "nested": {"a": [{"b": {"c": [null, true, "d"]}}]},
    }) else {
        panic!("not an object")
    };
    let mut item = Item {
        body,
        expires: Some(Timestamp::from_seconds(1_795_000_000)),
        schema: 3,
        ..item("REQ#1", "REQUEST")
    };
    for (list, pk) in [
        (List::Owner, "owner"),
        (List::Month, "month"),
        (List::Waiting, "waiting"),
    ] {
        item = listed(item, list, pk, "2026-11-21");
    }
    table.store.commit(vec![put(&item, Condition::Absent)]).await.unwrap();
    assert_eq!(table.store.get(&item.key).await, Ok(Some(item.clone())));
    assert_eq!(
        table.store.get_many(std::slice::from_ref(&item.key)).await,
        Ok(vec![Some(item.clone())])
    );
    let page = table.store.query(&Query::partition("REQ#1")).await.unwrap();
    assert_eq!(page.items, vec![item]);
}

#[tokio::test]
async fn every_condition_of_every_write() {
    let table = Table::start().await;
    // Conditions and whether they hold of nothing, of version 1 and of version 2.
    let conditions = [
        (Condition::Absent, [true, false, false]),
        (Condition::Exists, [false, true, true]),
        (Condition::Version(1), [false, true, false]),
        (Condition::Version(2), [false, false, true]),
        (Condition::Any, [true, true, true]),
    ];
    for (condition, holds) in conditions {
        for (stored, holds) in holds.into_iter().enumerate() {
            for kind in ["put", "delete", "check"] {
                let at = item(&format!("{condition:?}#{stored}#{kind}"), "THING");
                if stored > 0 {
                    put_all(&table, &[version(stored as u64, &at)]).await;
                }
                let next = match condition {
                    Condition::Version(stored) => stored + 1,
                    _ => 1,
                };
                let write = match kind {
                    "put" => put(&version(next, &at), condition),
                    "delete" => delete(&at, condition),
                    _ => check(&at, condition),
                };
                let done = table.store.commit(vec![write]).await;
                let what = format!("{kind} if {condition:?} of version {stored}");
                if kind == "check" && condition == Condition::Any {
                    assert!(is_rejected(&done), "{what}: {done:?}");
                    continue;
                }
                assert_eq!(done, if holds { Ok(()) } else { conflict(&[0]) }, "{what}");
                let left = table.store.get(&at.key).await.unwrap().map(|item| item.version);
                let expected = match (kind, holds) {
                    ("put", true) => Some(next),
                    ("delete", true) => None,
                    _ => Some(stored as u64).filter(|stored| *stored > 0),
                };
                assert_eq!(left, expected, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_transaction_happens_wholly_or_not_at_all() {
    let table = Table::start().await;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|pk| item(pk, "THING"));
    put_all(&table, &[a.clone(), b.clone()]).await;
    let writes = |stale: u64| {
        vec![
            put(&version(2, &a), Condition::Version(1)),
            delete(&b, Condition::Version(stale)),
            put(&c, Condition::Absent),
            check(
                &d,
                if stale == 1 {
                    Condition::Absent
                } else {
                    Condition::Exists
                },
            ),
        ]
    };
    assert_eq!(table.store.commit(writes(7)).await, conflict(&[1, 3]));
    let keys = [&a, &b, &c, &d].map(|item| item.key.clone());
    let before = vec![Some(a.clone()), Some(b.clone()), None, None];
    assert_eq!(table.store.get_many(&keys).await, Ok(before));
    assert_eq!(table.store.commit(writes(1)).await, Ok(()));
    let after = vec![Some(version(2, &a)), None, Some(c), None];
    assert_eq!(table.store.get_many(&keys).await, Ok(after));
}

#[tokio::test]
async fn of_many_writers_of_one_version_one_wins() {
    let table = Table::start().await;
    let item = item("a", "THING");
    put_all(&table, std::slice::from_ref(&item)).await;
    for stored in 1..=5 {
        let next = version(stored + 1, &item);
        let writers = (0..8).map(|_| table.store.commit(vec![put(&next, Condition::Version(stored))]));
        let results = join_all(writers).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert_eq!(results.iter().filter(|result| **result == conflict(&[0])).count(), 7);
    }
    assert_eq!(table.store.get(&item.key).await.unwrap().unwrap().version, 6);
}

#[tokio::test]
async fn a_write_replaces_everything_that_was_there() {
    let table = Table::start().await;
    let mut old = listed(item("a", "THING"), List::Waiting, "waiting", "1");
    old.expires = Some(Timestamp::from_seconds(1));
    put_all(&table, &[old.clone()]).await;
    let new = version(2, &item("a", "THING"));
    table
        .store
        .commit(vec![put(&new, Condition::Version(1))])
        .await
        .unwrap();
    assert_eq!(table.store.get(&new.key).await, Ok(Some(new)));
    let page = table
        .store
        .list(List::Waiting, &Query::partition("waiting"))
        .await
        .unwrap();
    assert_eq!(page.items, vec![]);
}

#[tokio::test]
async fn transactions_that_can_never_work_are_refused_before_any_call() {
    let table = Table::start().await;
    let a = item("a", "THING");
    let many = |count: usize| -> Vec<Write> {
        (0..count)
            .map(|n| put(&item("many", &format!("{n:03}")), Condition::Absent))
            .collect()
    };
    let mut nameless = a.clone();
    nameless.body.insert("map".to_owned(), json!({"": 1}));
    let mut huge = a.clone();
    huge.body.insert("n".to_owned(), json!(1e126));
    let twice = listed(listed(a.clone(), List::Owner, "a", "1"), List::Owner, "b", "2");
    for (what, writes) in [
        ("no writes", vec![]),
        ("more than 100", many(MOST_WRITES + 1)),
        (
            "one key twice",
            vec![put(&a, Condition::Absent), check(&a, Condition::Exists)],
        ),
        ("a check of nothing", vec![check(&a, Condition::Any)]),
        ("an empty key", vec![put(&item("", "THING"), Condition::Absent)]),
        ("an empty sort key", vec![delete(&item("a", ""), Condition::Any)]),
        (
            "a first version that is not 1",
            vec![put(&version(2, &a), Condition::Absent)],
        ),
        ("a version left out", vec![put(&version(3, &a), Condition::Version(1))]),
        (
            "a version that stays",
            vec![put(&version(1, &a), Condition::Version(1))],
        ),
        ("no version", vec![put(&version(0, &a), Condition::Any)]),
        ("a field without a name", vec![put(&nameless, Condition::Absent)]),
        ("a number beyond the range", vec![put(&huge, Condition::Absent)]),
        ("two places in one list", vec![put(&twice, Condition::Absent)]),
    ] {
        let done = table.store.commit(writes).await;
        assert!(is_rejected(&done), "{what}: {done:?}");
    }
    assert!(table.wire.take_calls().is_empty());
    assert_eq!(table.store.commit(many(MOST_WRITES)).await, Ok(()));
    assert_eq!(table.wire.take_calls().len(), 1);
}

#[tokio::test]
async fn what_dynamodb_finds_too_large_is_rejected_whole() {
    let table = Table::start().await;
    let large = |sk: &str, bytes: usize| {
        let mut item = item("large", sk);
        item.body.insert("text".to_owned(), "x".repeat(bytes).into());
        put(&item, Condition::Absent)
    };
    let small = put(&item("large", "small"), Condition::Absent);
    let too_large = table.store.commit(vec![small.clone(), large("a", 400 * 1024)]).await;
    assert!(is_rejected(&too_large), "{too_large:?}");
    let together = (0..12).map(|n| large(&n.to_string(), 380 * 1024)).chain([small]);
    let too_large = table.store.commit(together.collect()).await;
    assert!(is_rejected(&too_large), "{too_large:?}");
    let page = table.store.query(&Query::partition("large")).await.unwrap();
    assert_eq!(page.items, vec![]);
}

#[tokio::test]
async fn many_items_come_in_the_order_asked_for() {
    let table = Table::start().await;
    let items: Vec<Item> = (0..MOST_KEYS).map(|n| item(&format!("{n}"), "THING")).collect();
    let (odd, even): (Vec<_>, Vec<_>) = items.iter().cloned().enumerate().partition(|(n, _)| n % 2 == 1);
    let odd: Vec<Item> = odd.into_iter().map(|(_, item)| item).collect();
    put_all(&table, &odd).await;
    // Neither the order of writing nor that of keys.
    let mixed: Vec<Item> = even
        .into_iter()
        .map(|(_, item)| item)
        .rev()
        .chain(odd.clone())
        .collect();
    let keys: Vec<Key> = mixed.iter().map(|item| item.key.clone()).collect();
    let expected: Vec<Option<Item>> = mixed
        .into_iter()
        .map(|item| odd.contains(&item).then_some(item))
        .collect();
    assert_eq!(table.store.get_many(&keys).await, Ok(expected));
    assert_eq!(table.store.get_many(&[]).await, Ok(vec![]));

    table.wire.take_calls();
    let more: Vec<Key> = (0..=MOST_KEYS).map(|n| Key::new(n.to_string(), "THING")).collect();
    for (what, keys) in [
        ("more than 100", more),
        ("one key twice", vec![Key::new("1", "THING"), Key::new("1", "THING")]),
        ("an empty key", vec![Key::new("1", "")]),
    ] {
        let refused = table.store.get_many(&keys).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "{what}: {refused:?}");
    }
    let refused = table.store.get(&Key::new("", "THING")).await;
    assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
    assert!(table.wire.take_calls().is_empty());
}

#[tokio::test]
async fn reads_of_the_table_are_strongly_consistent() {
    let table = Table::start().await;
    let item = item("a", "THING");
    table.store.get(&item.key).await.unwrap();
    table.store.get_many(std::slice::from_ref(&item.key)).await.unwrap();
    table.store.query(&Query::partition("a")).await.unwrap();
    table.store.list(List::Owner, &Query::partition("a")).await.unwrap();
    let consistent: Vec<Value> = table
        .wire
        .take_calls()
        .iter()
        .map(|call| {
            let place = match call.operation.as_str() {
                "BatchGetItem" => &call.body["RequestItems"][TABLE],
                _ => &call.body,
            };
            place["ConsistentRead"].clone()
        })
        .collect();
    // A list is an index, which DynamoDB reads consistently for nobody.
    assert_eq!(consistent, [json!(true), json!(true), json!(true), json!(false)]);
}

/// Follows `next` to the end; every page but the last is full.
async fn all_pages(table: &Table, query: &Query) -> Vec<Item> {
    let mut all = Vec::new();
    let mut query = query.clone();
    loop {
        let page = table.store.query(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        if page.next.is_some() {
            assert_eq!(page.items.len(), query.limit, "a short page in the middle: {query:?}");
            assert_eq!(page.next.as_ref(), page.items.last().map(|item| &item.key.sk));
        }
        all.extend(page.items);
        assert!(all.len() <= LARGEST_PAGE, "pages without end: {query:?}");
        let Some(next) = page.next else {
            return all;
        };
        query.after = Some(next);
    }
}

#[tokio::test]
async fn a_query_is_the_stretch_it_says_in_both_directions() {
    let table = Table::start().await;
    let places = ["A", "E", "E#", "E#1", "E#10", "E#2", "E#é", "F#1", "HEAD", "~"];
    let mut stored: Vec<Item> = places.map(|sk| item("AUD#1", sk)).to_vec();
    stored.sort_by(|a, b| a.key.cmp(&b.key));
    put_all(&table, &stored).await;
    put_all(
        &table,
        &[item("AUD#", "E#1"), item("AUD#11", "E#1"), item("AUD#2", "E#1")],
    )
    .await;

    let mut queries = 0;
    for prefix in ["", "E", "E#", "E#1", "G"] {
        for up_to in [
            None,
            Some(""),
            Some("D"),
            Some("E#1"),
            Some("E#1~"),
            Some("E#é"),
            Some("Z"),
        ] {
            for after in [
                None,
                Some(""),
                Some("B"),
                Some("E#"),
                Some("E#15"),
                Some("HEAD"),
                Some("~~"),
            ] {
                for descending in [false, true] {
                    let mut expected: Vec<Item> = stored
                        .iter()
                        .filter(|item| {
                            let sk = item.key.sk.as_str();
                            sk.starts_with(prefix)
                                && up_to.is_none_or(|up_to| sk <= up_to)
                                && after.is_none_or(|after| if descending { sk < after } else { sk > after })
                        })
                        .cloned()
                        .collect();
                    if descending {
                        expected.reverse();
                    }
                    let mut query = Query {
                        up_to: up_to.map(str::to_owned),
                        descending,
                        ..Query::partition("AUD#1").prefix(prefix).after(after.map(str::to_owned))
                    };
                    assert_eq!(all_pages(&table, &query).await, expected, "{query:?}");
                    query.limit = 3;
                    assert_eq!(all_pages(&table, &query).await, expected, "{query:?}");
                    queries += 1;
                }
            }
        }
    }
    assert_eq!(queries, 490);
}

#[tokio::test]
async fn a_full_last_page_is_known_to_be_the_last() {
    let table = Table::start().await;
    let stored = ["1", "2", "3", "4"].map(|sk| item("a", sk));
    put_all(&table, &stored).await;
    let query = Query::partition("a").limit(2);
    let first = table.store.query(&query).await.unwrap();
    assert_eq!(
        first,
        Page {
            items: stored[..2].to_vec(),
            next: Some("2".to_owned())
        }
    );
    let last = table.store.query(&query.after(first.next)).await.unwrap();
    assert_eq!(
        last,
        Page {
            items: stored[2..].to_vec(),
            next: None
        }
    );
    assert_eq!(
        table.store.query(&Query::partition("nothing")).await,
        Ok(Page {
            items: vec![],
            next: None
        })
    );
}

#[tokio::test]
async fn pages_have_a_largest_size() {
    let table = Table::start().await;
    let stored: Vec<Item> = (0..=LARGEST_PAGE).map(|n| item("a", &format!("{n:03}"))).collect();
    put_all(&table, &stored).await;
    let page = table.store.query(&Query::partition("a")).await.unwrap();
    assert_eq!(page.items, stored[..LARGEST_PAGE]);
    assert_eq!(page.next.as_deref(), Some("199"));
    table.wire.take_calls();
    for limit in [0, LARGEST_PAGE + 1] {
        let query = Query {
            limit,
            ..Query::partition("a")
        };
        let refused = table.store.query(&query).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "{limit}: {refused:?}");
    }
    let long = "x".repeat(1025);
    for query in [
        Query::partition(""),
        Query::partition("a").prefix(&long),
        Query::partition("a").after(Some(long.clone())),
        Query {
            up_to: Some(long),
            ..Query::partition("a")
        },
    ] {
        let refused = table.store.query(&query).await;
        assert!(
            matches!(refused, Err(StoreError::Rejected(_))),
            "{query:?}: {refused:?}"
        );
    }
    assert!(table.wire.take_calls().is_empty());
}

/// 60 items of 300 kB: more than one answer of DynamoDB holds, in a query (1 MB) and in a batch (16 MB).
#[tokio::test]
async fn answers_that_dynamodb_cuts_short_are_put_together() {
    let table = Table::start().await;
    let stored: Vec<Item> = (0..60)
        .map(|n| {
            let mut item = item("a", &format!("{n:03}"));
            item.body.insert("text".to_owned(), "x".repeat(300_000).into());
            item
        })
        .collect();
    for items in stored.chunks(10) {
        put_all(&table, items).await;
    }

    table.wire.take_calls();
    let keys: Vec<Key> = stored.iter().map(|item| item.key.clone()).collect();
    let found = table.store.get_many(&keys).await.unwrap();
    assert!(found.into_iter().map(Option::unwrap).eq(stored.iter().cloned()));
    assert!(table.wire.take_calls().len() >= 2);

    // A page within several answers is whole.
    let page = table.store.query(&Query::partition("a").limit(10)).await.unwrap();
    assert!(page.items == stored[..10]);
    assert_eq!(page.next.as_deref(), Some("009"));
    assert!(table.wire.take_calls().len() >= 3);

    // A page that would take very many is cut short, and goes on where it ended.
    let mut query = Query::partition("a");
    let mut all = Vec::new();
    let mut pages = 0;
    loop {
        let page = table.store.query(&query).await.unwrap();
        assert!(table.wire.take_calls().len() <= 8);
        pages += 1;
        all.extend(page.items);
        assert!(all.len() <= stored.len(), "more than there are");
        let Some(next) = page.next else {
            break;
        };
        query.after = Some(next);
    }
    assert!(all == stored);
    assert!(pages >= 3, "{pages}");
}

#[tokio::test]
async fn a_list_has_the_keys_in_order_in_both_directions() {
    let table = Table::start().await;
    // Several items in one place, and items in other lists and partitions.
    let places = [
        "2026-10-01",
        "2026-11-01",
        "2026-11-01",
        "2026-11-01",
        "2026-11-02",
        "2026-12-01",
    ];
    let stored: Vec<Item> = places
        .iter()
        .enumerate()
        .map(|(n, place)| listed(item(&format!("REQ#{n}"), "REQUEST"), List::Month, "contoso", place))
        .collect();
    put_all(&table, &stored).await;
    put_all(
        &table,
        &[
            listed(item("REQ#7", "REQUEST"), List::Month, "fabrikam", "2026-11-01"),
            listed(item("REQ#8", "REQUEST"), List::Owner, "contoso", "2026-11-01"),
            item("contoso", "2026-11-01"),
        ],
    )
    .await;
    let place = |key: &Key| {
        let item = stored.iter().find(|item| item.key == *key).unwrap();
        item.lists[0].sk.clone()
    };
    for (prefix, up_to, expected) in [
        ("", None, 6),
        ("2026-11", None, 4),
        ("2026-11", Some("2026-11-01"), 3),
        ("", Some("2026-11-01"), 4),
        ("2027", None, 0),
        ("2026-11", Some("2026-10"), 0),
    ] {
        for descending in [false, true] {
            for limit in [1, 2, 3, LARGEST_PAGE] {
                let mut query = Query {
                    up_to: up_to.map(str::to_owned),
                    descending,
                    limit,
                    ..Query::partition("contoso").prefix(prefix)
                };
                let mut found = Vec::new();
                loop {
                    let page = table.store.list(List::Month, &query).await.unwrap();
                    assert!(page.next.is_none() || page.items.len() == limit);
                    found.extend(page.items);
                    assert!(found.len() <= expected, "more than there are: {query:?}");
                    query.after = page.next;
                    if query.after.is_none() {
                        break;
                    }
                }
                let distinct: BTreeSet<&Key> = found.iter().collect();
                assert_eq!((found.len(), distinct.len()), (expected, expected), "{query:?}");
                let places: Vec<String> = found.iter().map(place).collect();
                let mut sorted = places.clone();
                sorted.sort();
                if descending {
                    sorted.reverse();
                }
                assert_eq!(places, sorted, "{query:?}");
                assert!(places.iter().all(|place| place.starts_with(prefix)));
            }
        }
    }
}

#[tokio::test]
async fn pages_of_a_list_are_larger_than_pages_of_items() {
    let table = Table::start().await;
    let all: Vec<Item> = (0..LARGEST_PAGE * 2 + 1)
        .map(|n| {
            listed(
                item(&format!("{n:04}"), "THING"),
                List::Owner,
                "contoso",
                &format!("{n:04}"),
            )
        })
        .collect();
    put_all(&table, &all).await;
    let query = Query::partition("contoso").list_limit(LARGEST_PAGE * 2);
    let page = table.store.list(List::Owner, &query).await.unwrap();
    let keys: Vec<&Key> = all.iter().map(|item| &item.key).collect();
    assert_eq!(page.items.iter().collect::<Vec<_>>(), keys[..LARGEST_PAGE * 2]);
    let rest = table.store.list(List::Owner, &query.after(page.next)).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
    for limit in [0, LARGEST_LIST + 1] {
        let query = Query {
            limit,
            ..Query::partition("contoso")
        };
        let refused = table.store.list(List::Owner, &query).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "{limit}: {refused:?}");
    }
}

#[tokio::test]
async fn the_three_lists_are_apart() {
    let table = Table::start().await;
    let lists = [List::Owner, List::Month, List::Waiting];
    let stored = lists.map(|list| listed(item(&format!("{list:?}"), "THING"), list, "same", "same"));
    put_all(&table, &stored).await;
    for (list, item) in lists.into_iter().zip(&stored) {
        let page = table.store.list(list, &Query::partition("same")).await.unwrap();
        assert_eq!(page.items, std::slice::from_ref(&item.key));
    }
}

#[tokio::test]
async fn a_cursor_outlives_the_item_it_names_and_holds_only_in_its_list() {
    let table = Table::start().await;
    let stored = ["1", "2", "3"].map(|n| listed(item(n, "THING"), List::Waiting, "contoso", n));
    put_all(&table, &stored).await;
    let secret = listed(item("4", "THING"), List::Waiting, "fabrikam", "4");
    put_all(&table, std::slice::from_ref(&secret)).await;
    let query = Query::partition("contoso").limit(2);
    let first = table.store.list(List::Waiting, &query).await.unwrap();
    // The item at which the page ended no longer waits.
    let left = version(2, &item("2", "THING"));
    table
        .store
        .commit(vec![put(&left, Condition::Version(1))])
        .await
        .unwrap();
    let rest = table
        .store
        .list(List::Waiting, &query.clone().after(first.next))
        .await
        .unwrap();
    assert_eq!(rest.items, [stored[2].key.clone()]);

    // A cursor of another partition is a position, no way into it.
    let other = table
        .store
        .list(List::Waiting, &Query::partition("fabrikam").limit(1))
        .await;
    assert_eq!(other.unwrap().items, [secret.key]);
    let foreign = Query::partition("contoso").after(Some(cursor_like(&table).await));
    let page = table.store.list(List::Waiting, &foreign).await.unwrap();
    assert!(page.items.iter().all(|key| ["1", "3"].contains(&key.pk.as_str())));

    // Positions outside of what is asked for.
    let end = table
        .store
        .list(List::Waiting, &Query::partition("contoso").limit(1))
        .await
        .unwrap()
        .next;
    let beyond = Query {
        descending: true,
        ..Query::partition("contoso").prefix("3").after(end.clone())
    };
    assert_eq!(table.store.list(List::Waiting, &beyond).await.unwrap().items, vec![]);
    let before = Query::partition("contoso").prefix("3").after(end);
    let page = table.store.list(List::Waiting, &before).await.unwrap();
    assert_eq!(page.items, [stored[2].key.clone()]);
}

/// The cursor of the first page of another partition of the same list.
async fn cursor_like(table: &Table) -> String {
    let items = ["5", "6"].map(|n| listed(item(n, "THING"), List::Waiting, "elsewhere", &format!("0{n}")));
    put_all(table, &items).await;
    let page = table
        .store
        .list(List::Waiting, &Query::partition("elsewhere").limit(1))
        .await;
    page.unwrap().next.unwrap()
}

#[tokio::test]
async fn a_malformed_cursor_is_rejected_with_a_clear_text() {
    let table = Table::start().await;
    for cursor in ["", "x", "2026-11-01", "WyJhIl0", "W10", "'; --"] {
        let refused = table
            .store
            .list(List::Month, &Query::partition("contoso").after(Some(cursor.to_owned())))
            .await;
        assert!(matches!(&refused, Err(StoreError::Cursor)), "{cursor}: {refused:?}");
    }
    assert!(table.wire.take_calls().is_empty());
}

#[tokio::test]
async fn an_item_that_is_not_ours_is_corrupt() {
    let table = Table::start().await;
    let foreign = [("pk", "a"), ("sk", "THING"), ("v", "one")]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
    let put = table.client.put_item().table_name(TABLE);
    put.set_item(Some(foreign.into())).send().await.unwrap();
    let corrupt = StoreError::Corrupt {
        key: "a/THING".to_owned(),
        why: "v is not a number".to_owned(),
    };
    let key = Key::new("a", "THING");
    assert_eq!(table.store.get(&key).await, Err(corrupt.clone()));
    assert_eq!(
        table.store.get_many(std::slice::from_ref(&key)).await,
        Err(corrupt.clone())
    );
    assert_eq!(table.store.query(&Query::partition("a")).await, Err(corrupt));
}

#[tokio::test]
async fn an_item_past_its_expiry_is_still_read() {
    let table = Table::start().await;
    let item = Item {
        expires: Some(Timestamp::from_seconds(1)),
        ..item("a", "THING")
    };
    put_all(&table, std::slice::from_ref(&item)).await;
    assert_eq!(table.store.get(&item.key).await, Ok(Some(item)));
}
