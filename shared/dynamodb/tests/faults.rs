//! What the adapter makes of a table that is busy, slow or not there, and of answers that are lost.

use std::collections::BTreeSet;
use std::time::Duration;

use hourglass_app::ports::store::{CommitError, Condition, Key, List, Query, Store, StoreError};
use hourglass_dynamodb::{DynamoStore, LONGEST_CALL, OPERATION_TIMEOUT};
use serde_json::json;

use crate::support::{Call, Fault, TABLE, Table, Wire, check, config, item, put};

/// Tries of a transaction that DynamoDB cancels for a reason that passes.
const CANCELLED_TRIES: usize = 8;
/// Attempts of a call by the SDK.
const ATTEMPTS: usize = 3;

fn tokens(calls: &[Call]) -> BTreeSet<String> {
    calls
        .iter()
        .map(|call| call.body["ClientRequestToken"].to_string())
        .collect()
}

fn is_unavailable<T, E: Into<CommitError>>(result: Result<T, E>) -> bool {
    matches!(
        result.map_err(Into::into),
        Err(CommitError::Store(StoreError::Unavailable(_)))
    )
}

fn is_rejected<T, E: Into<CommitError>>(result: Result<T, E>) -> bool {
    matches!(
        result.map_err(Into::into),
        Err(CommitError::Store(StoreError::Rejected(_)))
    )
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_answered_and_not_repeated() {
    let table = Table::start().await;
    let item = item("a", "THING");
    table.wire.next([Fault::Lost]);
    // Applied twice, the second would find the first's item there.
    assert_eq!(table.store.commit(vec![put(&item, Condition::Absent)]).await, Ok(()));
    let calls = table.wire.take_calls();
    assert_eq!((calls.len(), tokens(&calls).len()), (2, 1));
    assert_eq!(table.store.get(&item.key).await, Ok(Some(item)));
}

#[tokio::test]
async fn a_commit_whose_answers_are_all_lost_is_unknown_and_safe_to_repeat() {
    let table = Table::start().await;
    let item = item("a", "THING");
    let commit = || table.store.commit(vec![put(&item, Condition::Absent)]);
    table.wire.next(vec![Fault::Lost; ATTEMPTS]);
    assert!(is_unavailable(commit().await));
    assert_eq!(table.wire.take_calls().len(), ATTEMPTS);
    assert_eq!(table.store.get(&item.key).await, Ok(Some(item.clone())));
    assert_eq!(commit().await, Err(CommitError::Conflict { failed: vec![0] }));
}

#[tokio::test]
async fn two_commits_never_share_a_token() {
    let table = Table::start().await;
    let item = item("a", "THING");
    // A marker is written, taken away and written again, all within DynamoDB's memory of a token.
    for _ in 0..3 {
        let key = item.key.clone();
        table.store.commit(vec![put(&item, Condition::Any)]).await.unwrap();
        assert!(table.store.get(&key).await.unwrap().is_some());
        let delete = crate::support::delete(&item, Condition::Any);
        table.store.commit(vec![delete]).await.unwrap();
        assert!(table.store.get(&key).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_transaction_cancelled_for_a_passing_reason_is_tried_again() {
    for reason in [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    ] {
        let table = Table::start().await;
        let writes = vec![
            check(&item("b", "THING"), Condition::Absent),
            put(&item("a", "THING"), Condition::Absent),
        ];
        table.wire.next(vec![Fault::cancelled(&["None", reason]); 3]);
        assert_eq!(table.store.commit(writes).await, Ok(()), "{reason}");
        let calls = table.wire.take_calls();
        // A token whose transaction was cancelled is not used again.
        assert_eq!((calls.len(), tokens(&calls).len()), (4, 4));
    }
}

#[tokio::test]
async fn a_transaction_that_is_always_in_the_way_ends_unavailable() {
    let table = Table::start().await;
    table.wire.always(Some(Fault::cancelled(&["TransactionConflict"])));
    let done = table
        .store
        .commit(vec![put(&item("a", "THING"), Condition::Absent)])
        .await;
    let why = "TransactionConflict at write 0: no message".to_owned();
    assert_eq!(done, Err(StoreError::Unavailable(why).into()));
    assert_eq!(table.wire.take_calls().len(), CANCELLED_TRIES);
}

#[tokio::test]
async fn a_condition_that_did_not_hold_is_never_tried_again() {
    let table = Table::start().await;
    let a = item("a", "THING");
    table.store.commit(vec![put(&a, Condition::Absent)]).await.unwrap();
    table.wire.take_calls();
    let writes = vec![put(&item("b", "THING"), Condition::Absent), put(&a, Condition::Absent)];
    let conflict = Err(CommitError::Conflict { failed: vec![1] });
    assert_eq!(table.store.commit(writes.clone()).await, conflict);
    assert_eq!(table.wire.take_calls().len(), 1);
    table
        .wire
        .next([Fault::cancelled(&["TransactionConflict", "ConditionalCheckFailed"])]);
    assert_eq!(table.store.commit(writes.clone()).await, conflict);
    assert_eq!(table.wire.take_calls().len(), 1);
    // Found out after the other transaction was through.
    table.wire.next([Fault::cancelled(&["None", "TransactionConflict"])]);
    assert_eq!(table.store.commit(writes).await, conflict);
    assert_eq!(table.wire.take_calls().len(), 2);
}

#[tokio::test]
async fn faults_of_a_moment_are_not_seen() {
    for fault in [
        Fault::error(500, "InternalServerError"),
        Fault::error(503, "ServiceUnavailable"),
        Fault::error(400, "ThrottlingException"),
        Fault::error(400, "ProvisionedThroughputExceededException"),
        Fault::error(400, "RequestLimitExceeded"),
        Fault::error(400, "TransactionInProgressException"),
    ] {
        let table = Table::start().await;
        let item = item("a", "THING");
        let again = || table.wire.next([fault.clone(), fault.clone()]);
        again();
        assert_eq!(
            table.store.commit(vec![put(&item, Condition::Absent)]).await,
            Ok(()),
            "{fault:?}"
        );
        again();
        assert_eq!(table.store.get(&item.key).await, Ok(Some(item.clone())), "{fault:?}");
        again();
        assert_eq!(
            table.store.get_many(std::slice::from_ref(&item.key)).await,
            Ok(vec![Some(item.clone())]),
            "{fault:?}"
        );
        again();
        let page = table.store.query(&Query::partition("a")).await.unwrap();
        assert_eq!(page.items, [item], "{fault:?}");
        again();
        assert!(
            table.store.list(List::Owner, &Query::partition("a")).await.is_ok(),
            "{fault:?}"
        );
        assert_eq!(table.wire.take_calls().len(), 5 * ATTEMPTS);
    }
}

#[tokio::test]
async fn faults_that_stay_end_unavailable_after_a_few_attempts() {
    let table = Table::start().await;
    let item = item("a", "THING");
    for fault in [
        Fault::error(500, "InternalServerError"),
        Fault::error(400, "ProvisionedThroughputExceededException"),
    ] {
        table.wire.always(Some(fault));
        assert!(is_unavailable(
            table.store.commit(vec![put(&item, Condition::Absent)]).await
        ));
        assert!(is_unavailable(table.store.get(&item.key).await));
        assert!(is_unavailable(
            table.store.get_many(std::slice::from_ref(&item.key)).await
        ));
        assert!(is_unavailable(table.store.query(&Query::partition("a")).await));
        assert!(is_unavailable(
            table.store.list(List::Owner, &Query::partition("a")).await
        ));
        assert_eq!(table.wire.take_calls().len(), 5 * ATTEMPTS);
    }
    // An answer in words that AWS may find one day leaves open what happened.
    table.wire.always(Some(Fault::error(400, "SomethingNewException")));
    assert!(is_unavailable(table.store.get(&item.key).await));
    assert_eq!(table.wire.take_calls().len(), 1);
}

#[tokio::test]
async fn calls_that_can_never_work_are_rejected_at_once() {
    let table = Table::start().await;
    let item = item("a", "THING");
    for fault in [
        Fault::error(400, "ValidationException"),
        Fault::error(400, "AccessDeniedException"),
        Fault::cancelled(&["ValidationError"]),
    ] {
        table.wire.next([fault.clone()]);
        let done = table.store.commit(vec![put(&item, Condition::Absent)]).await;
        assert!(is_rejected(done), "{fault:?}");
        assert_eq!(table.wire.take_calls().len(), 1, "{fault:?}");
    }
    // The database's own answer for a table that is not there.
    let elsewhere = DynamoStore::new(table.client.clone(), "elsewhere".to_owned());
    assert!(is_rejected(elsewhere.get(&item.key).await));
    assert!(is_rejected(elsewhere.get_many(std::slice::from_ref(&item.key)).await));
    assert!(is_rejected(elsewhere.query(&Query::partition("a")).await));
    assert!(is_rejected(elsewhere.list(List::Owner, &Query::partition("a")).await));
    assert!(is_rejected(elsewhere.commit(vec![put(&item, Condition::Absent)]).await));
    assert_eq!(table.wire.take_calls().len(), 5);
}

#[tokio::test]
async fn keys_that_were_left_out_are_asked_for_again() {
    let table = Table::start().await;
    let items = ["a", "b", "c"].map(|pk| item(pk, "THING"));
    for item in &items {
        table.store.commit(vec![put(item, Condition::Absent)]).await.unwrap();
    }
    let keys = items.clone().map(|item| item.key);
    table.wire.take_calls();
    let nothing = |keys: &[Key]| {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({"pk": {"S": key.pk}, "sk": {"S": key.sk}}))
            .collect();
        Fault::Answer(
            200,
            json!({"Responses": {}, "UnprocessedKeys": {TABLE: {"Keys": keys}}}),
        )
    };
    table.wire.next([nothing(&keys), nothing(&keys)]);
    assert_eq!(table.store.get_many(&keys).await, Ok(items.map(Some).to_vec()));
    let calls = table.wire.take_calls();
    assert_eq!(calls.len(), 3);
    // Consistency was not lost with the keys.
    assert!(
        calls
            .iter()
            .all(|call| call.body["RequestItems"][TABLE]["ConsistentRead"] == json!(true))
    );

    table.wire.always(Some(nothing(&keys[1..])));
    assert!(is_unavailable(table.store.get_many(&keys).await));
    assert_eq!(table.wire.take_calls().len(), 8);
}

/// In real time: the first attempt takes its three seconds.
#[tokio::test]
async fn an_attempt_that_is_not_answered_is_given_up_and_repeated() {
    let table = Table::start().await;
    let item = item("a", "THING");
    table.wire.next([Fault::Never]);
    let commit = table.store.commit(vec![put(&item, Condition::Absent)]);
    assert_eq!(tokio::time::timeout(Duration::from_secs(6), commit).await, Ok(Ok(())));
    assert_eq!(table.wire.take_calls().len(), 2);
}

/// The clock is stopped and jumps from one wait to the next, because nothing is sent.
#[tokio::test]
async fn no_call_outlasts_its_bound() {
    let table = Table::start().await;
    let item = item("a", "THING");
    table.wire.always(Some(Fault::Never));
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert!(is_unavailable(
        table.store.commit(vec![put(&item, Condition::Absent)]).await
    ));
    assert!(is_unavailable(table.store.get(&item.key).await));
    assert!(is_unavailable(table.store.query(&Query::partition("a")).await));
    let took = begun.elapsed();
    assert!(took <= 3 * (OPERATION_TIMEOUT + Duration::from_millis(10)), "{took:?}");

    // One slow cancelled attempt after the other does not add up beyond the bound either.
    let cancelled = Fault::cancelled(&["TransactionConflict"]);
    let slow = [Fault::Never, Fault::Never, cancelled];
    table.wire.next(slow.iter().cycle().take(24).cloned());
    let begun = tokio::time::Instant::now();
    assert!(is_unavailable(
        table.store.commit(vec![put(&item, Condition::Absent)]).await
    ));
    let took = begun.elapsed();
    assert!(took <= LONGEST_CALL + Duration::from_millis(10), "{took:?}");
    assert!(took > OPERATION_TIMEOUT, "{took:?}");
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_is_unavailable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let wire = Wire::default();
    let client = hourglass_dynamodb::client(config(&format!("http://{address}"), wire.clone()));
    let store = DynamoStore::new(client, TABLE.to_owned());
    assert!(is_unavailable(store.get(&Key::new("a", "THING")).await));
    assert!(is_unavailable(
        store.commit(vec![put(&item("a", "THING"), Condition::Absent)]).await
    ));
    assert_eq!(wire.take_calls().len(), 2 * ATTEMPTS);
}

#[test]
fn debug_output_holds_no_configuration() {
    let client = hourglass_dynamodb::client(config("http://127.0.0.1:1", Wire::default()));
    let store = DynamoStore::new(client, TABLE.to_owned());
    assert_eq!(format!("{store:?}"), "DynamoStore { table: \"hourglass\", .. }");
}
