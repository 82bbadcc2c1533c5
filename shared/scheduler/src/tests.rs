//! The adapter through the real SDK against a stand-in that answers by script and writes down what it was sent.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::retry::RetryConfig;
use aws_sdk_scheduler::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hourglass_app::ports::schedules::{Found, Schedules};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;
use hourglass_domain::ids::GrantId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{EventBridgeSchedules, SchedulerSettings, create_token, delete_token, expression};

const ROLE: &str = "arn:aws:iam::111122223333:role/hourglass-schedule";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:hourglass-revocation";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:hourglass-trigger-failures";
const NAME: &str = "g-00000000-0000-0000-0000-000000000007-3";
/// Attempts of the SDK's standard retry, the first included.
const ATTEMPTS: usize = 3;

/// What the stand-in does with the next request.
#[derive(Clone, Debug)]
enum Reply {
    Ok(Value),
    Error(u16, &'static str),
    /// The connection closes without an answer.
    Lost,
}

#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    uri: Uri,
    body: Value,
}

#[derive(Clone, Debug, Default)]
struct StandIn {
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn take(&self, request: Seen) -> Response {
        self.seen.lock().unwrap().push(request);
        let reply = self.script.lock().unwrap().pop_front();
        match reply.expect("a request that the script does not foresee") {
            Reply::Ok(body) => axum::Json(body).into_response(),
            Reply::Error(status, code) => (
                StatusCode::from_u16(status).unwrap(),
                [("x-amzn-errortype", code), ("x-amzn-requestid", "r-1")],
                axum::Json(json!({ "Message": "as the script says" })),
            )
                .into_response(),
            Reply::Lost => {
                let gone = io::Error::new(io::ErrorKind::ConnectionReset, "lost on purpose");
                let body = futures_util::stream::once(std::future::ready(Err::<Bytes, _>(gone)));
                Response::new(Body::from_stream(body))
            }
        }
    }
}

async fn answer(State(stand_in): State<StandIn>, method: Method, uri: Uri, body: Bytes) -> Response {
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap()
    };
    stand_in.take(Seen { method, uri, body })
}

/// A stand-in with this script, and the adapter in front of it.
async fn start(script: impl IntoIterator<Item = Reply>) -> (StandIn, EventBridgeSchedules) {
    let stand_in = StandIn::default();
    stand_in.script.lock().unwrap().extend(script);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(stand_in.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .endpoint_url(format!("http://{address}"))
        .build();
    let settings = SchedulerSettings {
        group: "hourglass-grants".to_owned(),
        role_arn: ROLE.to_owned(),
        target_arn: FUNCTION.to_owned(),
        dead_letter_arn: QUEUE.to_owned(),
    };
    (stand_in, EventBridgeSchedules::new(Client::from_conf(config), settings))
}

fn name() -> ScheduleName {
    NAME.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What GetSchedule answers for the schedule that `create` makes for 2026-11-20 08:30:08.
fn stored() -> Value {
    json!({
        "Arn": format!("arn:aws:scheduler:eu-central-1:111122223333:schedule/hourglass-grants/{NAME}"),
        "Name": NAME,
        "GroupName": "hourglass-grants",
        "ScheduleExpression": "at(2026-11-20T08:30:08)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "CreationDate": 1_795_000_000.123,
        "Target": { "Arn": FUNCTION, "RoleArn": ROLE, "Input": "{\"grant\":\"00000000-0000-0000-0000-000000000007\"}" },
    })
}

#[tokio::test]
async fn a_schedule_is_asked_for_in_these_words() {
    let (stand_in, schedules) = start([Reply::Ok(json!({ "ScheduleArn": "arn" }))]).await;
    schedules.create(&name(), at("2026-11-20T08:30:07.001Z")).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].method, Method::POST);
    assert_eq!(seen[0].uri, *format!("/schedules/{NAME}").as_str());
    assert_eq!(
        seen[0].body,
        json!({
            "ActionAfterCompletion": "DELETE",
            "ClientToken": format!("{NAME}-1795163408"),
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "GroupName": "hourglass-grants",
            "ScheduleExpression": "at(2026-11-20T08:30:08)",
            "ScheduleExpressionTimezone": "UTC",
            "Target": {
                "Arn": FUNCTION,
                "RoleArn": ROLE,
                "DeadLetterConfig": { "Arn": QUEUE },
                "RetryPolicy": { "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 },
                "Input": "{\"grant\":\"00000000-0000-0000-0000-000000000007\"}",
            },
        })
    );
}

#[tokio::test]
async fn a_schedule_is_deleted_by_name_and_group() {
    let (stand_in, schedules) = start([Reply::Ok(json!({}))]).await;
    schedules.delete(&name()).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(seen[0].method, Method::DELETE);
    assert_eq!(seen[0].uri.path(), format!("/schedules/{NAME}"));
    let mut query: Vec<&str> = seen[0].uri.query().unwrap().split('&').collect();
    query.sort_unstable();
    assert_eq!(
        query,
        [format!("clientToken=d-{NAME}"), "groupName=hourglass-grants".to_owned()]
    );
}

#[tokio::test]
async fn deleting_what_is_gone_is_a_success() {
    let (_, schedules) = start([Reply::Error(404, "ResourceNotFoundException")]).await;
    schedules.delete(&name()).await.unwrap();
}

#[tokio::test]
async fn a_missing_group_is_no_success_when_creating() {
    let (_, schedules) = start([Reply::Error(404, "ResourceNotFoundException")]).await;
    let error = schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap_err();
    assert!(error.to_string().contains("ResourceNotFoundException"), "{error}");
}

#[tokio::test]
async fn a_conflict_with_the_same_schedule_is_a_success() {
    let (stand_in, schedules) = start([Reply::Error(409, "ConflictException"), Reply::Ok(stored())]).await;
    schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].method, Method::GET);
    assert_eq!(
        seen[1].uri,
        *format!("/schedules/{NAME}?groupName=hourglass-grants").as_str()
    );
}

#[tokio::test]
async fn a_conflict_with_any_other_schedule_is_an_error() {
    let changes = [
        ("/ScheduleExpression", json!("at(2026-11-20T08:31:08)")),
        ("/ScheduleExpressionTimezone", json!("Europe/Berlin")),
        ("/State", json!("DISABLED")),
        (
            "/Target/Arn",
            json!("arn:aws:lambda:eu-central-1:111122223333:function:another"),
        ),
        ("/Target/RoleArn", json!("arn:aws:iam::111122223333:role/another")),
        (
            "/Target/Input",
            json!("{\"grant\":\"00000000-0000-0000-0000-000000000008\"}"),
        ),
    ];
    for (pointer, value) in changes {
        let mut other = stored();
        *other.pointer_mut(pointer).unwrap() = value;
        let (_, schedules) = start([Reply::Error(409, "ConflictException"), Reply::Ok(other)]).await;
        let error = schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap_err();
        assert!(error.to_string().contains("a name is used once"), "{pointer}: {error}");
    }
}

#[tokio::test]
async fn what_is_there_is_told_apart() {
    let when = at("2026-11-20T08:30:08Z");
    let mut window = stored();
    window["FlexibleTimeWindow"] = json!({ "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5 });
    let changed = |what: &str| Found::Changed(what.to_owned());
    let mut cases = vec![
        (Reply::Ok(stored()), Found::Same),
        (Reply::Error(404, "ResourceNotFoundException"), Found::Missing),
        (Reply::Ok(window), changed("time")),
    ];
    for (pointer, value, what) in [
        ("/ScheduleExpression", "at(2099-01-01T00:00:00)", "time"),
        ("/State", "DISABLED", "state"),
        (
            "/Target/Arn",
            "arn:aws:lambda:eu-central-1:111122223333:function:x",
            "target",
        ),
        ("/Target/Input", "{}", "payload"),
    ] {
        let mut other = stored();
        *other.pointer_mut(pointer).unwrap() = json!(value);
        cases.push((Reply::Ok(other), changed(what)));
    }
    for (reply, wanted) in cases {
        let (_, schedules) = start([reply]).await;
        assert_eq!(schedules.inspect(&name(), when).await, Ok(wanted));
    }
    // What cannot be found out is neither missing nor changed.
    let (_, schedules) = start([Reply::Error(403, "AccessDeniedException")]).await;
    schedules.inspect(&name(), when).await.unwrap_err();
}

#[tokio::test]
async fn the_group_is_listed_part_by_part() {
    let script = [
        Reply::Ok(json!({ "Schedules": [{ "Name": NAME }, { "Name": "other" }], "NextToken": "t" })),
        Reply::Ok(json!({ "Schedules": [] })),
        Reply::Error(400, "ValidationException"),
    ];
    let (stand_in, schedules) = start(script).await;
    let listed = schedules.list(None).await.unwrap();
    assert_eq!(listed.names, [NAME, "other"]);
    assert_eq!(listed.next.as_deref(), Some("t"));
    let listed = schedules.list(Some("t")).await.unwrap();
    assert_eq!((listed.names.len(), listed.next), (0, None));
    schedules.list(Some("old")).await.unwrap_err();
    let asked: Vec<String> = stand_in.seen().iter().map(|seen| seen.uri.to_string()).collect();
    assert!(
        asked
            .iter()
            .all(|uri| uri.contains("ScheduleGroup=hourglass-grants") && uri.contains("MaxResults=100"))
    );
    assert!(asked[1].contains("NextToken=t"), "{asked:?}");
}

#[tokio::test]
async fn a_conflict_with_a_schedule_that_is_gone_is_an_error() {
    // It may have fired and deleted itself in between; the caller tries again and knows what is due.
    let script = [
        Reply::Error(409, "ConflictException"),
        Reply::Error(404, "ResourceNotFoundException"),
    ];
    let (_, schedules) = start(script).await;
    schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap_err();
}

#[tokio::test]
async fn a_lost_answer_is_asked_again_with_the_same_token() {
    // Here the service has forgotten the token, so that the repetition meets what the first attempt made.
    let script = [Reply::Lost, Reply::Error(409, "ConflictException"), Reply::Ok(stored())];
    let (stand_in, schedules) = start(script).await;
    schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn passing_trouble_is_retried_and_lasting_trouble_reported() {
    let trouble = [
        Reply::Error(429, "ThrottlingException"),
        Reply::Error(500, "InternalServerException"),
        Reply::Error(503, "ServiceUnavailable"),
        Reply::Lost,
    ];
    for reply in trouble {
        let (stand_in, schedules) = start([reply.clone(), Reply::Ok(json!({ "ScheduleArn": "arn" }))]).await;
        schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap();
        assert_eq!(stand_in.seen().len(), 2, "{reply:?}");

        let (stand_in, schedules) = start(vec![reply.clone(); ATTEMPTS]).await;
        let error = schedules.delete(&name()).await.unwrap_err();
        assert_eq!(stand_in.seen().len(), ATTEMPTS, "{reply:?}");
        assert!(error.to_string().contains(NAME), "{error}");
    }
}

#[tokio::test]
async fn what_will_not_pass_is_reported_at_once() {
    for (status, code) in [
        (402, "ServiceQuotaExceededException"),
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
    ] {
        let (stand_in, schedules) = start([Reply::Error(status, code)]).await;
        let error = schedules.create(&name(), at("2026-11-20T08:30:08Z")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the scheduler: cannot make the schedule {NAME}: {code} (status {status}, request r-1): \
                 as the script says"
            )
        );
        assert_eq!(stand_in.seen().len(), 1);
    }
}

#[tokio::test]
async fn every_call_is_bounded_whatever_the_client_says() {
    let (_, schedules) = start([]).await;
    let bounds = schedules.client.config().timeout_config().unwrap();
    assert_eq!(bounds.connect_timeout(), Some(Duration::from_secs(1)));
    assert_eq!(bounds.operation_attempt_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(bounds.operation_timeout(), Some(Duration::from_secs(8)));
}

#[test]
fn the_time_is_never_earlier_than_asked_for() {
    assert_eq!(expression(at("2026-11-20T08:30:07.000Z")), "at(2026-11-20T08:30:07)");
    assert_eq!(expression(at("2026-11-20T08:30:07.001Z")), "at(2026-11-20T08:30:08)");
    assert_eq!(expression(at("2026-12-31T23:59:59.999Z")), "at(2027-01-01T00:00:00)");
}

#[test]
fn tokens_fit_the_service_and_tell_times_apart() {
    let longest = ScheduleName {
        grant: GrantId::new(Uuid::from_u128(u128::MAX)),
        n: u32::MAX,
    };
    let last = Timestamp::from_seconds(i64::MAX);
    for token in [create_token(&longest, last), delete_token(&longest)] {
        // API reference, CreateSchedule: 1 to 64 of [a-zA-Z0-9-_].
        assert!(
            token.len() <= 64 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{token}"
        );
    }
    let soon = at("2026-11-20T08:30:08Z");
    assert_eq!(create_token(&name(), soon), create_token(&name(), soon));
    assert_ne!(
        create_token(&name(), soon),
        create_token(&name(), soon.plus_seconds(60))
    );
}
