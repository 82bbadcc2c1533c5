//! Reader and writer through the real SDK against a stand-in that answers by script and writes down what it was sent.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, Freshness, SecretError, SecretWriter, Secrets};
use hourglass_app::ports::{Clock, Ids};
use hourglass_domain::Timestamp;
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::{ApplicationId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use uuid::Uuid;

use super::reader::{CACHE_SECONDS, SPACING_SECONDS, STALE_SECONDS};
use super::{SecretsManager, SecretsManagerWriter};

const TENANT: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
/// A secret that must turn up nowhere.
const CANARY: &str = "canary~8Q.s3cr3t";
const NAME: &str = "hourglass/contoso.example/azure";
const MISSING: Reply = Reply::Error(400, "ResourceNotFoundException");
const DELETING: Reply = Reply::Error(400, "InvalidRequestException");
const EXISTS: Reply = Reply::Error(400, "ResourceExistsException");
const DENIED: Reply = Reply::Error(400, "AccessDeniedException");
const DOWN: Reply = Reply::Error(500, "InternalServiceError");

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
    operation: String,
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

    fn operations(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.operation).collect()
    }

    fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(replies);
    }

    fn take(&self, request: Seen) -> Response {
        self.seen.lock().unwrap().push(request);
        let reply = self.script.lock().unwrap().pop_front();
        match reply.expect("a request that the script does not foresee") {
            Reply::Ok(body) => axum::Json(body).into_response(),
            Reply::Error(status, code) => (
                StatusCode::from_u16(status).unwrap(),
                // A service may quote what it was sent, so this one does.
                axum::Json(json!({ "__type": code, "message": format!("cannot take {CANARY}") })),
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

async fn answer(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.strip_prefix("secretsmanager.").unwrap().to_owned();
    let body = serde_json::from_slice(&body).unwrap();
    stand_in.take(Seen { operation, body })
}

#[derive(Debug)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst)) + 1)
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

async fn client(stand_in: &StandIn, retries: RetryConfig) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(stand_in.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .retry_config(retries)
        .endpoint_url(format!("http://{address}"))
        .build();
    Client::from_conf(config)
}

async fn reader(script: impl IntoIterator<Item = Reply>) -> (StandIn, Arc<ManualClock>, SecretsManager) {
    let stand_in = StandIn::default();
    stand_in.then(script);
    let clock = Arc::new(ManualClock(AtomicI64::new(1_800_000_000)));
    let client = client(&stand_in, RetryConfig::disabled()).await;
    let reader = SecretsManager::new(client, "hourglass/", clock.clone());
    (stand_in, clock, reader)
}

async fn writer(script: impl IntoIterator<Item = Reply>) -> (StandIn, SecretsManagerWriter) {
    let stand_in = StandIn::default();
    stand_in.then(script);
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let client = client(&stand_in, retries).await;
    (
        stand_in,
        SecretsManagerWriter::new(client, "hourglass/", Arc::new(Counted::default())),
    )
}

fn application() -> ApplicationId {
    "contoso.example".parse().unwrap()
}

fn credentials() -> AzureCredentials {
    AzureCredentials {
        tenant: TENANT.parse::<TenantId>().unwrap(),
        client_id: CLIENT.to_owned(),
        client_secret: SecretString::from(CANARY),
    }
}

fn text(secret: &str) -> String {
    json!({ "schema": 1, "tenant_id": TENANT, "client_id": CLIENT, "client_secret": secret }).to_string()
}

fn value(secret: &str) -> Reply {
    Reply::Ok(json!({ "Name": NAME, "VersionId": "v", "SecretString": text(secret) }))
}

fn exposed(read: Result<AzureCredentials, SecretError>) -> String {
    read.unwrap().client_secret.expose_secret().to_owned()
}

#[tokio::test]
async fn a_secret_is_asked_for_by_prefix_and_application() {
    let (stand_in, _, reader) = reader([value("one")]).await;
    let read = reader.azure(&application(), Freshness::Cached).await.unwrap();
    assert_eq!(read.tenant.to_string(), TENANT);
    assert_eq!(read.client_id, CLIENT);
    assert_eq!(read.client_secret.expose_secret(), "one");
    assert_eq!(stand_in.operations(), ["GetSecretValue"]);
    assert_eq!(stand_in.seen()[0].body, json!({ "SecretId": NAME }));
}

#[tokio::test]
async fn a_value_is_kept_for_five_minutes_and_per_application() {
    let (stand_in, clock, reader) = reader([value("one")]).await;
    let other: ApplicationId = "fabrikam.example".parse().unwrap();
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");
    clock.advance(CACHE_SECONDS - 1);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");
    assert_eq!(stand_in.seen().len(), 1);

    stand_in.then([value("other"), value("two")]);
    assert_eq!(exposed(reader.azure(&other, Freshness::Cached).await), "other");
    assert_eq!(
        stand_in.seen()[1].body,
        json!({ "SecretId": "hourglass/fabrikam.example/azure" })
    );
    clock.advance(1);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "two");
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_nothing_alive() {
    let (stand_in, clock, reader) = reader([value("one"), value("two")]).await;
    reader.azure(&application(), Freshness::Cached).await.unwrap();
    clock.advance(-1);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "two");
    assert_eq!(stand_in.seen().len(), 2);
}

#[tokio::test]
async fn a_fresh_read_passes_the_cache_but_spares_the_service() {
    let (stand_in, clock, reader) = reader([value("one")]).await;
    reader.azure(&application(), Freshness::Cached).await.unwrap();
    clock.advance(SPACING_SECONDS - 1);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Fresh).await), "one");
    assert_eq!(stand_in.seen().len(), 1);

    stand_in.then([value("two")]);
    clock.advance(1);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Fresh).await), "two");
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "two");
    assert_eq!(stand_in.seen().len(), 2);
}

#[tokio::test]
async fn what_was_just_entered_is_read_whatever_was_answered_a_moment_ago() {
    let (stand_in, _, reader) = reader([MISSING, value("one"), value("two")]).await;
    let missing = reader.azure(&application(), Freshness::Now).await.unwrap_err();
    assert!(matches!(missing, SecretError::Missing { .. }), "{missing}");
    assert_eq!(exposed(reader.azure(&application(), Freshness::Now).await), "one");
    assert_eq!(exposed(reader.azure(&application(), Freshness::Now).await), "two");
    // What people ask for spares the service what programs ask for.
    assert_eq!(exposed(reader.azure(&application(), Freshness::Fresh).await), "two");
    assert_eq!(stand_in.seen().len(), 3);
}

#[tokio::test]
async fn failures_spare_the_service_as_well() {
    let (stand_in, clock, reader) = reader([MISSING]).await;
    for freshness in [Freshness::Cached, Freshness::Fresh, Freshness::Cached] {
        let error = reader.azure(&application(), freshness).await.unwrap_err();
        assert_eq!(
            error,
            SecretError::Missing {
                application: application()
            }
        );
    }
    assert_eq!(stand_in.seen().len(), 1);
    stand_in.then([value("one")]);
    clock.advance(SPACING_SECONDS);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");
}

#[tokio::test]
async fn many_who_wait_ask_once() {
    let (stand_in, _, reader) = reader([value("one")]).await;
    let application = application();
    let reads = (0..8).map(|_| reader.azure(&application, Freshness::Cached));
    for read in futures_util::future::join_all(reads).await {
        assert_eq!(exposed(read), "one");
    }
    assert_eq!(stand_in.seen().len(), 1);
}

#[tokio::test]
async fn an_outage_is_bridged_for_an_hour_and_only_for_cached_reads() {
    for outage in [DOWN, Reply::Lost, Reply::Error(400, "ThrottlingException")] {
        let (stand_in, clock, reader) = reader([value("one")]).await;
        reader.azure(&application(), Freshness::Cached).await.unwrap();

        clock.advance(CACHE_SECONDS);
        stand_in.then([outage.clone()]);
        assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");

        clock.advance(SPACING_SECONDS);
        stand_in.then([outage.clone()]);
        let error = reader.azure(&application(), Freshness::Fresh).await.unwrap_err();
        assert!(matches!(error, SecretError::Unavailable(_)), "{outage:?}: {error}");

        clock.advance(STALE_SECONDS - CACHE_SECONDS - SPACING_SECONDS - 1);
        stand_in.then([outage.clone()]);
        assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");

        clock.advance(SPACING_SECONDS);
        stand_in.then([outage.clone()]);
        let error = reader.azure(&application(), Freshness::Cached).await.unwrap_err();
        assert!(matches!(error, SecretError::Unavailable(_)), "{outage:?}: {error}");
    }
}

#[tokio::test]
async fn what_was_withdrawn_is_forgotten() {
    let malformed = Reply::Ok(json!({ "Name": NAME, "SecretString": "{}" }));
    for withdrawn in [MISSING, DELETING, DENIED, malformed] {
        for freshness in [Freshness::Cached, Freshness::Fresh] {
            let (stand_in, clock, reader) = reader([value("one")]).await;
            reader.azure(&application(), Freshness::Cached).await.unwrap();
            clock.advance(CACHE_SECONDS);
            stand_in.then([withdrawn.clone()]);
            reader.azure(&application(), freshness).await.unwrap_err();
            // An outage right after does not bring it back.
            clock.advance(SPACING_SECONDS);
            stand_in.then([DOWN]);
            reader.azure(&application(), Freshness::Cached).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let (_, _, missing) = reader([DELETING]).await;
    let error = missing.azure(&application(), Freshness::Cached).await.unwrap_err();
    assert!(matches!(error, SecretError::Missing { .. }), "{error}");

    let (_, _, denied) = reader([DENIED]).await;
    let error = denied.azure(&application(), Freshness::Cached).await.unwrap_err();
    assert!(
        error.to_string().contains("it refuses the call: AccessDeniedException"),
        "{error}"
    );

    let (_, _, bytes) = reader([Reply::Ok(json!({ "Name": NAME, "SecretBinary": "AAAA" }))]).await;
    let error = bytes.azure(&application(), Freshness::Cached).await.unwrap_err();
    assert!(matches!(error, SecretError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn every_call_is_bounded_whatever_the_client_says() {
    let client = super::bounded(&client(&StandIn::default(), RetryConfig::disabled()).await);
    let bounds = client.config().timeout_config().unwrap();
    assert_eq!(bounds.connect_timeout(), Some(Duration::from_secs(1)));
    assert_eq!(bounds.operation_attempt_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(bounds.operation_timeout(), Some(Duration::from_secs(8)));
}

#[test]
fn unknown_fields_are_ignored_and_everything_else_is_checked() {
    let full = || json!({ "schema": 1, "tenant_id": TENANT, "client_id": CLIENT, "client_secret": CANARY });
    let mut with_more = full();
    with_more["expires_at"] = json!("2027-01-01T00:00:00Z");
    let read = super::stored::read_azure(&SecretString::from(with_more.to_string())).unwrap();
    assert_eq!(read.client_secret.expose_secret(), CANARY);

    for field in ["schema", "tenant_id", "client_id", "client_secret"] {
        let mut without = full();
        without.as_object_mut().unwrap().remove(field);
        // A wrong value is quoted by the JSON reader; the canary shows whether the quotation gets out.
        let mut wrong = full();
        wrong[field] = json!([CANARY]);
        let mut canary = full();
        canary[field] = json!({ CANARY: CANARY });
        for bad in [without, wrong, canary] {
            let failure = super::stored::read_azure(&SecretString::from(bad.to_string())).unwrap_err();
            assert!(!format!("{failure:?}").contains(CANARY), "{failure:?}");
        }
    }
    for (field, bad) in [
        ("schema", json!(2)),
        ("tenant_id", json!(CANARY)),
        ("client_id", json!("")),
        ("client_secret", json!("")),
    ] {
        let mut wrong = full();
        wrong[field] = bad;
        let failure = super::stored::read_azure(&SecretString::from(wrong.to_string())).unwrap_err();
        assert!(!format!("{failure:?}").contains(CANARY), "{failure:?}");
    }
    for broken in [
        "",
        "null",
        "[]",
        CANARY,
        &format!("{{\"schema\":1,\"tenant_id\":\"{CANARY}"),
    ] {
        let failure = super::stored::read_azure(&SecretString::from(broken)).unwrap_err();
        assert!(!format!("{failure:?}").contains(CANARY), "{failure:?}");
    }
}

#[test]
fn what_is_written_can_be_read() {
    let mut written = credentials();
    written.client_secret = SecretString::from("quotes \" and \\ and é and \u{1}");
    let read = super::stored::read_azure(&super::stored::write_azure(&written).unwrap()).unwrap();
    assert_eq!(read.tenant, written.tenant);
    assert_eq!(read.client_id, written.client_id);
    assert_eq!(
        read.client_secret.expose_secret(),
        written.client_secret.expose_secret()
    );
}

#[tokio::test]
async fn a_new_secret_is_created_in_these_words() {
    let (stand_in, writer) = writer([Reply::Ok(json!({ "Name": NAME }))]).await;
    writer.put_azure(&application(), &credentials()).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(stand_in.operations(), ["CreateSecret"]);
    assert_eq!(
        seen[0].body,
        json!({
            "Name": NAME,
            "ClientRequestToken": "00000000-0000-0000-0000-000000000001",
            "Description": "Azure credentials of contoso.example, written by Hourglass",
            "SecretString":
                format!(r#"{{"schema":1,"tenant_id":"{TENANT}","client_id":"{CLIENT}","client_secret":"{CANARY}"}}"#),
        })
    );
}

#[tokio::test]
async fn an_existing_secret_gets_a_new_version_under_the_same_token() {
    let (stand_in, writer) = writer([EXISTS, Reply::Ok(json!({ "Name": NAME }))]).await;
    writer.put_azure(&application(), &credentials()).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(stand_in.operations(), ["CreateSecret", "PutSecretValue"]);
    assert_eq!(
        seen[1].body,
        json!({
            "SecretId": NAME,
            "ClientRequestToken": seen[0].body["ClientRequestToken"],
            "SecretString": seen[0].body["SecretString"],
        })
    );
}

#[tokio::test]
async fn a_secret_that_is_being_deleted_is_restored_first() {
    let ok = || Reply::Ok(json!({ "Name": NAME }));
    let (stand_in, when_creating) = writer([DELETING, ok(), ok()]).await;
    when_creating.put_azure(&application(), &credentials()).await.unwrap();
    assert_eq!(
        stand_in.operations(),
        ["CreateSecret", "RestoreSecret", "PutSecretValue"]
    );
    assert_eq!(stand_in.seen()[1].body, json!({ "SecretId": NAME }));

    let (stand_in, when_putting) = writer([EXISTS, DELETING, ok(), ok()]).await;
    when_putting.put_azure(&application(), &credentials()).await.unwrap();
    assert_eq!(
        stand_in.operations(),
        ["CreateSecret", "PutSecretValue", "RestoreSecret", "PutSecretValue"]
    );
}

#[tokio::test]
async fn writing_gives_up_after_one_restore() {
    let (stand_in, writer) = writer([DELETING, Reply::Ok(json!({})), DELETING, Reply::Ok(json!({})), DELETING]).await;
    let error = writer.put_azure(&application(), &credentials()).await.unwrap_err();
    assert!(error.to_string().contains("not restored in time"), "{error}");
    assert_eq!(stand_in.seen().len(), 5);
}

#[tokio::test]
async fn a_lost_answer_is_written_again_under_the_same_token() {
    let (stand_in, writer) = writer([Reply::Lost, EXISTS, Reply::Ok(json!({ "Name": NAME }))]).await;
    writer.put_azure(&application(), &credentials()).await.unwrap();
    let seen = stand_in.seen();
    assert_eq!(
        stand_in.operations(),
        ["CreateSecret", "CreateSecret", "PutSecretValue"]
    );
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].body["ClientRequestToken"], seen[2].body["ClientRequestToken"]);
}

#[tokio::test]
async fn each_write_is_a_version_of_its_own() {
    let ok = || Reply::Ok(json!({ "Name": NAME }));
    let (stand_in, writer) = writer([ok(), EXISTS, ok()]).await;
    writer.put_azure(&application(), &credentials()).await.unwrap();
    writer.put_azure(&application(), &credentials()).await.unwrap();
    let seen = stand_in.seen();
    assert_ne!(seen[0].body["ClientRequestToken"], seen[1].body["ClientRequestToken"]);
}

const AWS_NAME: &str = "hourglass/contoso.example/aws";
const SCIM: &str = "https://scim.eu-central-1.amazonaws.com/tenant/scim/v2/";

fn aws_credentials() -> AwsCredentials {
    AwsCredentials {
        url: ScimUrl::parse(SCIM, false).unwrap(),
        access_token: SecretString::from(CANARY),
    }
}

#[tokio::test]
async fn aws_credentials_are_a_secret_of_their_own_in_which_the_url_stands_beside_the_token() {
    let text = format!(r#"{{"schema":1,"url":"{SCIM}","access_token":"{CANARY}"}}"#);
    let (stand_in, writer) = writer([Reply::Ok(json!({ "Name": AWS_NAME }))]).await;
    writer.put_aws(&application(), &aws_credentials()).await.unwrap();
    assert_eq!(stand_in.operations(), ["CreateSecret"]);
    let body = &stand_in.seen()[0].body;
    assert_eq!((&body["Name"], &body["SecretString"]), (&json!(AWS_NAME), &json!(text)));

    let stored = Reply::Ok(json!({ "Name": AWS_NAME, "VersionId": "v", "SecretString": text }));
    let (stand_in, clock, reader) = reader([stored, value("one"), MISSING]).await;
    let read = reader.aws(&application(), Freshness::Cached).await.unwrap();
    assert_eq!(read.url.as_str(), SCIM);
    assert_eq!(read.access_token.expose_secret(), CANARY);
    // The two kinds stand in nobody's way.
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), "one");
    assert_eq!(stand_in.seen()[0].body, json!({ "SecretId": AWS_NAME }));
    assert!(reader.aws(&application(), Freshness::Cached).await.is_ok());
    assert_eq!(stand_in.seen().len(), 2);
    clock.advance(SPACING_SECONDS);
    let gone = reader.aws(&application(), Freshness::Fresh).await.unwrap_err();
    assert!(matches!(gone, SecretError::Missing { .. }), "{gone}");
}

#[tokio::test]
async fn what_is_no_aws_credential_is_refused_without_being_quoted() {
    for bad in [
        json!({"schema": 1, "url": SCIM, "access_token": ""}),
        json!({"schema": 1, "access_token": CANARY}),
        json!({"schema": 2, "url": SCIM, "access_token": CANARY}),
        json!({"schema": 1, "tenant_id": TENANT, "client_id": CLIENT, "client_secret": CANARY}),
    ] {
        let stored = Reply::Ok(json!({ "Name": AWS_NAME, "SecretString": bad.to_string() }));
        let (_, _, reader) = reader([stored]).await;
        let error = reader.aws(&application(), Freshness::Fresh).await.unwrap_err();
        assert!(matches!(error, SecretError::Malformed { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
}

#[tokio::test]
async fn aws_credentials_are_deleted_for_good_and_none_there_is_success() {
    let (stand_in, writer) = writer([Reply::Ok(json!({ "Name": AWS_NAME })), MISSING, DENIED]).await;
    writer.delete_aws(&application()).await.unwrap();
    assert_eq!(stand_in.operations(), ["DeleteSecret"]);
    assert_eq!(
        stand_in.seen()[0].body,
        json!({ "SecretId": AWS_NAME, "ForceDeleteWithoutRecovery": true })
    );
    writer.delete_aws(&application()).await.unwrap();
    assert!(writer.delete_aws(&application()).await.is_err());
}

/// Everything that our own code logs while `work` runs.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_in_any_text() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::registry()
        .with(Targets::new().with_target("hourglass", tracing::Level::TRACE))
        .with(tracing_subscriber::fmt::layer().with_writer(move || sink.clone()));
    // Of one listener only, the thread that first comes to a line is asked, which may be another test's, and the answer is
    // kept; of two, all are asked (tracing-core's callsite registry).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let guard = tracing::subscriber::set_default(subscriber);

    let mut texts = vec![format!("{:?}", credentials())];
    let (stand_in, clock, reader) = reader([value(CANARY)]).await;
    texts.push(format!("{:?}", reader.azure(&application(), Freshness::Cached).await));
    texts.push(format!("{reader:?}"));
    clock.advance(CACHE_SECONDS);
    let wrong = Reply::Ok(json!({ "Name": NAME, "SecretString": json!({ "schema": CANARY }).to_string() }));
    stand_in.then([DOWN]);
    assert_eq!(exposed(reader.azure(&application(), Freshness::Cached).await), CANARY);
    for reply in [DOWN, Reply::Lost, DENIED, MISSING, wrong] {
        stand_in.then([reply]);
        clock.advance(SPACING_SECONDS);
        let error = reader.azure(&application(), Freshness::Fresh).await.unwrap_err();
        texts.extend([format!("{error:?}"), error.to_string()]);
    }
    for script in [
        vec![DENIED],
        vec![DOWN; 3],
        vec![EXISTS, MISSING],
        vec![DELETING, DENIED],
    ] {
        let (_, writer) = writer(script).await;
        let error = writer.put_azure(&application(), &credentials()).await.unwrap_err();
        texts.extend([format!("{error:?}"), error.to_string(), format!("{writer:?}")]);
    }
    drop(guard);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("does not answer"), "nothing was captured: {logged}");
    texts.push(logged);
    for text in texts {
        assert!(!text.contains(CANARY), "{text}");
    }
}
