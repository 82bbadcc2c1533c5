//! Adds and removes.

use std::time::Duration;

use hourglass_app::ports::connector::{Connector, NewMember};
use hourglass_domain::ids::ObjectId;
use hourglass_domain::protocol::CALL_SECONDS;
use hourglass_domain::protocol::membership::Answer;
use serde_json::{Value, json};

use super::standin::{
    Canned, Seen, Stand, account, accounts, answer, connect, done, error, page, place, start_of_time,
};
use crate::wire::{LIMITS, Limits};

const THERE_ALREADY: &str =
    "One or more added object references already exist for the following modified properties: 'members'.";
const NOT_THERE: &str =
    "One or more removed object references do not exist for the following modified properties: 'members'.";
const NOT_REPLICATED: &str = "The source resource object or a referenced object does not exist.";
const SYNCED: &str = "Unable to update the specified properties for on-premises mastered Directory Sync objects or \
                      objects currently undergoing migration.";
const NOT_FOUND: &str = "Resource 'x' does not exist or one of its queried reference-property objects are not present.";

fn new_members(accounts: &[ObjectId]) -> Vec<NewMember> {
    let until = start_of_time().plus_seconds(3_600);
    accounts
        .iter()
        .map(|account| NewMember {
            account: *account,
            until,
        })
        .collect()
}

/// A group as `preflight` reads it, with changes.
fn group_body(changes: &Value) -> Value {
    let mut body = json!({
        "id": super::standin::GROUP, "displayName": "Prod admins", "groupTypes": [], "onPremisesSyncEnabled": null,
        "isAssignableToRole": null, "isManagementRestricted": null, "mailEnabled": false, "securityEnabled": true,
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// What an answer is, without its text; and the text.
fn shape(answer: &Answer) -> (String, String) {
    match answer {
        Answer::Done => ("done".to_owned(), String::new()),
        Answer::RetryAfter { seconds, why } => (format!("retry after {seconds}"), why.clone()),
        Answer::Throttled { seconds, why } => (format!("throttled for {seconds}"), why.clone()),
        Answer::Refused(why) => ("refused".to_owned(), why.clone()),
        Answer::Unknown(why) => ("unknown".to_owned(), why.clone()),
        Answer::Started { handle, .. } => ("started".to_owned(), handle.clone()),
    }
}

/// One row: what Graph answers to every attempt at the change, and what it means for an add and for a remove.
struct Row(Canned, &'static str, &'static str);

fn rows() -> Vec<Row> {
    let bad = |message| error(400, "Request_BadRequest", message);
    vec![
        Row(done(), "done", "done"),
        Row(answer(200, json!({})), "done", "done"),
        // The account is listed, so the text is believed.
        Row(bad(THERE_ALREADY), "done", "refused"),
        Row(bad(NOT_THERE), "refused", "done"),
        // The right text with another status or code is another error.
        Row(
            error(403, "Authorization_RequestDenied", THERE_ALREADY),
            "refused",
            "refused",
        ),
        Row(error(400, "BadRequest", THERE_ALREADY), "refused", "refused"),
        Row(error(400, "BadRequest", NOT_THERE), "refused", "refused"),
        Row(bad(NOT_REPLICATED), "retry after 2", "retry after 2"),
        Row(bad(SYNCED), "refused", "refused"),
        Row(bad("Invalid URL format specified in @odata.id."), "refused", "refused"),
        Row(answer(400, Value::Null), "refused", "refused"),
        Row(
            error(401, "InvalidAuthenticationToken", "Access token is empty."),
            "refused",
            "refused",
        ),
        Row(
            error(403, "Authorization_RequestDenied", "Insufficient privileges."),
            "refused",
            "refused",
        ),
        Row(
            error(404, "Request_ResourceNotFound", NOT_FOUND),
            "retry after 2",
            "done",
        ),
        Row(error(405, "Request_BadRequest", "method"), "refused", "refused"),
        Row(error(408, "RequestTimeout", "slow"), "unknown", "unknown"),
        Row(error(409, "Conflict", "concurrent"), "unknown", "unknown"),
        Row(
            error(429, "TooManyRequests", "slow down"),
            "throttled for 10",
            "throttled for 10",
        ),
        Row(
            error(429, "TooManyRequests", "slow down").header("retry-after", "17"),
            "throttled for 17",
            "throttled for 17",
        ),
        Row(
            error(429, "x", "slow down").header("retry-after", "Sat, 21 Nov 2026 22:50:30 GMT"),
            "throttled for 30",
            "throttled for 30",
        ),
        Row(error(500, "InternalServerError", "fault"), "unknown", "unknown"),
        Row(error(502, "BadGateway", "fault"), "unknown", "unknown"),
        Row(error(503, "ServiceUnavailable", "fault"), "unknown", "unknown"),
        Row(
            error(503, "ServiceUnavailable", "fault").header("retry-after", "20"),
            "retry after 20",
            "retry after 20",
        ),
        Row(error(504, "GatewayTimeout", "fault"), "unknown", "unknown"),
        Row(
            answer(302, Value::Null).header("location", "http://127.0.0.1:9/"),
            "unknown",
            "unknown",
        ),
    ]
}

/// Answers changes with the row, says that account 1 is in the group, and describes an ordinary group.
fn script(row: Canned) -> impl FnMut(&Seen, usize) -> Canned {
    move |seen, _| match seen.method.as_str() {
        "GET" if seen.is_list() => page(&[account(1)], None),
        "GET" => answer(200, group_body(&json!({}))),
        _ => row.clone(),
    }
}

#[tokio::test]
async fn every_status_means_what_the_facts_say() {
    for Row(canned, when_adding, when_removing) in rows() {
        let name = format!("{} {}", canned.status, canned.body);
        let stand = Stand::graph(script(canned.clone())).await;
        let (added, _) = shape(&stand.connector.add(&place(), &new_members(&[account(1)])).await[0]);
        assert_eq!(added, when_adding, "add: {name}");
        let stand = Stand::graph(script(canned)).await;
        let (removed, _) = shape(&stand.connector.remove(&place(), &[account(1)]).await[0]);
        assert_eq!(removed, when_removing, "remove: {name}");
    }
}

#[tokio::test]
async fn the_calls_are_those_of_the_documentation() {
    let stand = Stand::graph(|_, _| done()).await;
    stand.connector.add(&place(), &new_members(&[account(1)])).await;
    stand.connector.remove(&place(), &[account(1)]).await;
    let calls = stand.calls();
    let members = format!("/v1.0/groups/{}/members", super::standin::GROUP);
    assert_eq!(calls[0].call(), format!("POST {members}/$ref"));
    let object = format!("{}/v1.0/directoryObjects/{}", stand.url, account(1));
    assert_eq!(calls[0].json(), json!({ "@odata.id": object }));
    assert_eq!(calls[1].call(), format!("DELETE {members}/{}/$ref", account(1)));
    assert_eq!(calls[1].body, "");
    let header = |at: usize, name: &str| calls[at].headers[name].clone();
    assert_eq!(header(0, "x-ms-throttle-priority"), "normal");
    assert_eq!(header(1, "x-ms-throttle-priority"), "high");
    assert!(header(0, "client-request-id").parse::<ObjectId>().is_ok());
    assert_ne!(header(0, "client-request-id"), header(1, "client-request-id"));
    assert_eq!(header(0, "authorization"), "Bearer canary-token-1");
}

#[tokio::test]
async fn there_already_counts_only_when_it_is_seen_there() {
    for (members, expected) in [
        (Some(page(&[account(1), account(2)], None)), "done"),
        (Some(page(&[account(2)], None)), "retry after 2"),
        (Some(error(503, "x", "x")), "unknown"),
        (None, "unknown"),
    ] {
        let stand = Stand::graph(move |seen, _| match (seen.method.as_str(), &members) {
            ("GET", Some(list)) if seen.is_list() => list.clone(),
            ("GET", _) => error(404, "Request_ResourceNotFound", NOT_FOUND),
            _ => error(400, "Request_BadRequest", THERE_ALREADY),
        })
        .await;
        let answers = stand.connector.add(&place(), &new_members(&[account(1)])).await;
        assert_eq!(shape(&answers[0]).0, expected);
    }
}

#[tokio::test]
async fn a_forbidden_change_names_its_likely_cause() {
    for (group, expected) in [
        (
            answer(200, group_body(&json!({}))),
            "lacks the application permission GroupMember.ReadWrite.All",
        ),
        (
            answer(200, group_body(&json!({ "groupTypes": ["DynamicMembership"] }))),
            "dynamic",
        ),
        (answer(200, group_body(&json!({ "mailEnabled": true }))), "mail-enabled"),
        (
            answer(200, group_body(&json!({ "isManagementRestricted": true }))),
            "restricted management",
        ),
        (
            answer(200, group_body(&json!({ "isAssignableToRole": true }))),
            "lacks RoleManagement.ReadWrite.Directory",
        ),
        (
            error(403, "Authorization_RequestDenied", "no"),
            "or the group is dynamic",
        ),
    ] {
        let stand = Stand::graph(move |seen, _| match seen.method.as_str() {
            "GET" => group.clone(),
            _ => error(403, "Authorization_RequestDenied", "Insufficient privileges."),
        })
        .await;
        let answers = stand.connector.remove(&place(), &accounts(2)).await;
        // A batch: the stand-in forbids it as a whole, so both items are.
        for answer in &answers {
            let (kind, why) = shape(answer);
            assert_eq!(kind, "refused");
            assert!(
                why.contains("403 Authorization_RequestDenied") && why.contains(expected),
                "{why}"
            );
        }
        let asked = stand.calls().iter().filter(|seen| seen.method == "GET").count();
        assert_eq!(asked, 1, "the group is asked about once for all");
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_waited_out_and_one_that_stays_is_told() {
    for (status, faults, expected, calls) in [
        (503, 0, "done", 1),
        (503, 2, "done", 3),
        (500, 2, "done", 3),
        (429, 2, "done", 3),
        (503, 9, "unknown", 3),
        (429, 9, "throttled for 10", 3),
    ] {
        let stand = Stand::graph(move |_, before| {
            if before < faults {
                error(status, "x", "x")
            } else {
                done()
            }
        })
        .await;
        let answers = stand.connector.remove(&place(), &[account(1)]).await;
        assert_eq!(shape(&answers[0]).0, expected, "{status} {faults}");
        assert_eq!(stand.calls().len(), calls, "{status} {faults}");
    }
}

#[tokio::test]
async fn a_short_wait_is_waited_and_a_long_one_is_passed_on_at_once() {
    let throttled = |seconds: &'static str| {
        Stand::graph(move |_, before| match before {
            0 => error(429, "TooManyRequests", "x").header("Retry-After", seconds),
            _ => done(),
        })
    };
    let stand = throttled("1").await;
    let begin = tokio::time::Instant::now();
    let answers = stand.connector.remove(&place(), &[account(1)]).await;
    assert_eq!(answers, [Answer::Done]);
    assert!(begin.elapsed() >= Duration::from_secs(1));

    let stand = throttled("4").await;
    let answers = stand.connector.remove(&place(), &[account(1)]).await;
    assert_eq!(shape(&answers[0]).0, "throttled for 4");
    assert_eq!(stand.calls().len(), 1);
}

#[tokio::test]
async fn a_wait_that_would_not_end_in_time_is_not_begun() {
    // The longest wait that is waited at all, and a limit that leaves time for it, but for no attempt after it.
    let throttled = |_: &Seen, _| error(429, "TooManyRequests", "x").header("retry-after", "3");
    let stand = Stand::graph(throttled).await;
    let limits = Limits {
        call: Duration::from_millis(3_400),
        ..super::standin::SHORT
    };
    let connector = connect(&stand.vault, &stand.clock, &stand.url, limits).unwrap();
    let begin = tokio::time::Instant::now();
    let answers = connector.remove(&place(), &[account(1)]).await;
    assert_eq!(shape(&answers[0]).0, "throttled for 3");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(stand.calls().len(), 1);
}

#[tokio::test]
async fn that_a_later_attempt_was_not_sent_says_nothing_of_an_earlier_one() {
    // A fault that may have come after the change; then no token for another attempt.
    let mut tokens = 0;
    let mut calls = 0;
    let stand = Stand::all(move |seen, _| {
        if seen.is_token() {
            tokens += 1;
            return if tokens == 1 {
                super::standin::token("canary-token")
            } else {
                error(503, "x", "x")
            };
        }
        calls += 1;
        if calls == 1 {
            error(503, "x", "x")
        } else {
            error(401, "InvalidAuthenticationToken", "expired")
        }
    })
    .await;
    let answers = stand.connector.add(&place(), &new_members(&[account(1)])).await;
    let (kind, why) = shape(&answers[0]);
    assert_eq!(kind, "unknown", "{why}");
    assert!(why.contains("token service"), "{why}");
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unknown() {
    let late = Duration::from_secs(30);
    let stand = Stand::graph(move |_, _| done().late(late)).await;
    let hasty = connect(&stand.vault, &stand.clock, &stand.url, super::standin::HASTY).unwrap();
    let answers = hasty.add(&place(), &new_members(&[account(1)])).await;
    let (kind, why) = shape(&answers[0]);
    assert_eq!(kind, "unknown");
    assert!(why.contains("no answer in time"), "{why}");
    assert_eq!(stand.calls().len(), 3);

    // The first attempt was carried out and its answer lost: the second finds the member there.
    let stand = Stand::graph(move |seen, before| match (seen.method.as_str(), before) {
        ("POST", 0) => done().late(late),
        ("POST", _) => error(400, "Request_BadRequest", THERE_ALREADY),
        _ => page(&[account(1)], None),
    })
    .await;
    let hasty = connect(&stand.vault, &stand.clock, &stand.url, super::standin::HASTY).unwrap();
    let answers = hasty.add(&place(), &new_members(&[account(1)])).await;
    assert_eq!(answers, [Answer::Done]);
}

#[tokio::test]
async fn what_was_never_sent_did_not_happen() {
    let stand = Stand::graph(|_, _| done()).await;
    stand.connector.remove(&place(), &[account(1)]).await;
    // Nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let connector = connect(&stand.vault, &stand.clock, &url, super::standin::SHORT).unwrap();
    let answers = connector.remove(&place(), &[account(1)]).await;
    let (kind, why) = shape(&answers[0]);
    assert_eq!(kind, "retry after 1");
    assert!(why.contains("no connection"), "{why}");
}

#[tokio::test]
async fn one_call_ends_within_its_limit_whatever_happens() {
    assert!(LIMITS.call.as_secs() < u64::try_from(CALL_SECONDS).unwrap());
    let stand = Stand::graph(|_, _| done().late(Duration::from_secs(120))).await;
    // Nothing else ends it: one attempt may take as long as the answer.
    let limits = Limits {
        attempt: Duration::from_secs(120),
        call: Duration::from_secs(4),
        ..super::standin::SHORT
    };
    let connector = connect(&stand.vault, &stand.clock, &stand.url, limits).unwrap();
    let begin = tokio::time::Instant::now();
    // More batches than go at once: those that never had a turn were never sent.
    let answers = connector.remove(&place(), &accounts(100)).await;
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert_eq!(answers.len(), 100);
    let kinds: Vec<String> = answers.iter().map(|answer| shape(answer).0).collect();
    assert!(kinds[..60].iter().all(|kind| kind == "unknown"), "{kinds:?}");
    assert!(kinds[60..].iter().all(|kind| kind == "retry after 1"), "{kinds:?}");
}

/// Answers a `$batch` item by item, in reverse order, as Graph may.
fn batch(seen: &Seen, mut each: impl FnMut(&Value) -> Option<Canned>) -> Canned {
    let requests = seen.json()["requests"].as_array().unwrap().clone();
    let responses: Vec<Value> = requests
        .iter()
        .rev()
        .filter_map(|request| {
            let canned = each(request)?;
            let headers: serde_json::Map<String, Value> = canned
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            Some(json!({ "id": request["id"], "status": canned.status, "headers": headers, "body": canned.body }))
        })
        .collect();
    answer(200, json!({ "responses": responses }))
}

fn account_in(request: &Value) -> ObjectId {
    let url = request["url"].as_str().unwrap();
    url.split('/').nth(4).unwrap().parse().unwrap()
}

#[tokio::test]
async fn several_removals_go_in_batches_and_each_has_its_own_answer() {
    let mut rounds = std::collections::BTreeMap::new();
    let stand = Stand::graph(move |seen, _| {
        if seen.method == "GET" {
            return answer(200, group_body(&json!({})));
        }
        batch(seen, |request| {
            let account_id = account_in(request);
            let round = rounds.entry(account_id).or_insert(0);
            *round += 1;
            Some(match (account_id, *round) {
                (id, _) if id == account(2) => error(404, "Request_ResourceNotFound", NOT_FOUND),
                (id, _) if id == account(3) => error(403, "Authorization_RequestDenied", "no"),
                (id, 1) if id == account(4) => error(503, "x", "x"),
                (id, 1) if id == account(5) => error(429, "x", "x").header("Retry-After", "1"),
                (id, _) if id == account(6) => error(429, "x", "x").header("retry-after", "2"),
                (id, _) if id == account(7) => return None,
                (id, _) if id == account(8) => error(400, "Request_BadRequest", NOT_THERE),
                _ => done(),
            })
        })
    })
    .await;
    let answers = stand.connector.remove(&place(), &accounts(25)).await;
    let kinds: Vec<String> = answers.iter().map(|answer| shape(answer).0).collect();
    let mut expected = vec!["done".to_owned(); 25];
    expected[2] = "refused".to_owned();
    expected[5] = "throttled for 2".to_owned();
    expected[6] = "unknown".to_owned();
    assert_eq!(kinds, expected);

    let batches: Vec<Seen> = stand
        .calls()
        .into_iter()
        .filter(|seen| seen.path == "/v1.0/$batch")
        .collect();
    let mut sizes: Vec<usize> = Vec::new();
    for seen in &batches {
        let requests = seen.json()["requests"].as_array().unwrap().clone();
        for request in &requests {
            assert_eq!(request["method"], "DELETE");
            let url = request["url"].as_str().unwrap();
            assert!(url.starts_with("/groups/") && url.ends_with("/$ref"), "{url}");
            assert_eq!(request["headers"]["x-ms-throttle-priority"], "high");
            assert!(request.get("dependsOn").is_none(), "items stand alone");
        }
        sizes.push(requests.len());
    }
    sizes.sort_unstable();
    // 20 and 5 at first; then only what may fare better: 4 of the first batch (503, 429, 429, left out), then the two
    // that still do not.
    assert_eq!(sizes, [2, 4, 5, 20]);
}

#[tokio::test]
async fn several_adds_go_in_batches_of_single_adds() {
    let stand = Stand::graph(|seen, _| match seen.path.as_str() {
        "/v1.0/$batch" => batch(seen, |request| {
            let object = request["body"]["@odata.id"].as_str().unwrap();
            if object.ends_with(&account(2).to_string()) {
                return Some(error(400, "Request_BadRequest", THERE_ALREADY));
            }
            Some(done())
        }),
        _ => page(&[account(2)], None),
    })
    .await;
    let answers = stand.connector.add(&place(), &new_members(&accounts(3))).await;
    assert_eq!(answers, [Answer::Done, Answer::Done, Answer::Done]);
    let first = &stand.calls()[0];
    for request in first.json()["requests"].as_array().unwrap() {
        assert_eq!(request["method"], "POST");
        assert_eq!(request["headers"]["Content-Type"], "application/json");
        assert_eq!(request["headers"]["x-ms-throttle-priority"], "normal");
    }
    assert!(stand.calls().iter().all(|seen| seen.method != "PATCH"));
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_fails_for_each() {
    for (canned, expected) in [
        (error(429, "x", "x").header("retry-after", "9"), "throttled for 9"),
        (error(503, "x", "x"), "unknown"),
        (error(400, "BadRequest", "malformed"), "refused"),
        (answer(200, json!({ "responses": [{ "id": "0" }] })), "unknown"),
        (answer(200, json!({})), "unknown"),
    ] {
        let stand = Stand::graph(move |_, _| canned.clone()).await;
        let answers = stand.connector.remove(&place(), &accounts(3)).await;
        assert_eq!(answers.len(), 3);
        for answer in answers {
            assert_eq!(shape(&answer).0, expected);
        }
    }
}
