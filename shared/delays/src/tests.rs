//! The adapter through the real SDK against a stand-in that answers by script and writes down what it was sent.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hourglass_app::ports::delays::Delays;
use hourglass_domain::ids::GrantId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::SqsDelays;

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/exact";
/// Attempts of the SDK's standard retry, the first included.
const ATTEMPTS: usize = 3;

/// What the stand-in does with the next request.
#[derive(Clone, Debug)]
enum Reply {
    Ok,
    Error(u16, &'static str),
    /// The connection closes without an answer.
    Lost,
}

#[derive(Clone, Debug, Default)]
struct StandIn {
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl StandIn {
    fn seen(&self) -> Vec<(String, Value)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let body = serde_json::from_slice(&body).unwrap();
    stand_in.seen.lock().unwrap().push((target, body));
    let reply = stand_in.script.lock().unwrap().pop_front();
    match reply.expect("a request that the script does not foresee") {
        Reply::Ok => axum::Json(json!({ "MessageId": "m-1" })).into_response(),
        Reply::Error(status, code) => (
            StatusCode::from_u16(status).unwrap(),
            [("x-amzn-requestid", "r-1")],
            axum::Json(json!({ "__type": code, "message": "as the script says" })),
        )
            .into_response(),
        Reply::Lost => {
            let gone = io::Error::new(io::ErrorKind::ConnectionReset, "lost on purpose");
            let body = futures_util::stream::once(std::future::ready(Err::<Bytes, _>(gone)));
            Response::new(Body::from_stream(body))
        }
    }
}

/// A stand-in with this script, and the adapter in front of it.
async fn start(script: impl IntoIterator<Item = Reply>) -> (StandIn, SqsDelays) {
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
    (stand_in, SqsDelays::new(Client::from_conf(config), QUEUE.to_owned()))
}

const fn grant() -> GrantId {
    GrantId::new(Uuid::from_u128(7))
}

#[tokio::test]
async fn a_message_is_sent_in_these_words() {
    let (stand_in, delays) = start([Reply::Ok]).await;
    delays.send(grant(), 42).await.unwrap();
    let wanted = json!({
        "QueueUrl": QUEUE,
        "MessageBody": "{\"grant\":\"00000000-0000-0000-0000-000000000007\"}",
        "DelaySeconds": 42,
    });
    assert_eq!(stand_in.seen(), [("AmazonSQS.SendMessage".to_owned(), wanted)]);
}

#[tokio::test]
async fn a_delay_that_the_queue_does_not_take_is_not_sent() {
    let (stand_in, delays) = start([Reply::Ok]).await;
    delays.send(grant(), 900).await.unwrap();
    let error = delays.send(grant(), 901).await.unwrap_err();
    assert!(error.to_string().contains("901 s"), "{error}");
    assert_eq!(stand_in.seen().len(), 1);
}

#[tokio::test]
async fn passing_trouble_is_retried_and_lasting_trouble_reported() {
    let trouble = [
        Reply::Error(400, "ThrottlingException"),
        Reply::Error(500, "InternalError"),
        Reply::Error(503, "ServiceUnavailable"),
        Reply::Lost,
    ];
    for reply in trouble {
        let (stand_in, delays) = start([reply.clone(), Reply::Ok]).await;
        delays.send(grant(), 1).await.unwrap();
        assert_eq!(stand_in.seen().len(), 2, "{reply:?}");

        let (stand_in, delays) = start(vec![reply.clone(); ATTEMPTS]).await;
        let error = delays.send(grant(), 1).await.unwrap_err();
        assert_eq!(stand_in.seen().len(), ATTEMPTS, "{reply:?}");
        assert!(error.to_string().contains(&grant().to_string()), "{error}");
    }
}

#[tokio::test]
async fn what_will_not_pass_is_reported_at_once() {
    let (stand_in, delays) = start([Reply::Error(400, "com.amazonaws.sqs#QueueDoesNotExist")]).await;
    let error = delays.send(grant(), 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the queue: cannot send the message for {}: QueueDoesNotExist (status 400, request r-1): as the script says",
            grant()
        )
    );
    assert_eq!(stand_in.seen().len(), 1);
}

#[tokio::test]
async fn every_call_is_bounded_whatever_the_client_says() {
    let (_, delays) = start([]).await;
    let bounds = delays.client.config().timeout_config().unwrap();
    assert_eq!(bounds.connect_timeout(), Some(Duration::from_secs(1)));
    assert_eq!(bounds.operation_attempt_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(bounds.operation_timeout(), Some(Duration::from_secs(8)));
}
