//! The adapter against an endpoint that answers by script and writes down what it was sent.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// A token that must turn up nowhere but in the authorization of our own endpoint.
const CANARY: &str = "canary-8Q-s3cr3t";
const QUICK: Limits = Limits {
    connect: Duration::from_millis(500),
    attempt: Duration::from_millis(500),
    call: Duration::from_secs(4),
    pause: Duration::from_millis(10),
};

#[derive(Clone, Debug)]
enum Reply {
    /// What was asked for, as SCIM prescribes.
    Good,
    Status(u16),
    /// With a `Retry-After` of so many seconds.
    Later(u16, u64),
    Text(String),
    /// To another url.
    Elsewhere(String),
    Never,
}

#[derive(Clone, Debug, Default)]
struct StandIn {
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl StandIn {
    fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }
}

async fn answer(State(stand_in): State<StandIn>, uri: Uri, headers: HeaderMap) -> Response {
    stand_in.seen.lock().unwrap().push((uri.to_string(), headers));
    let reply = stand_in.script.lock().unwrap().pop_front().unwrap_or(Reply::Good);
    let status = |status| StatusCode::from_u16(status).unwrap();
    // Whoever answers may quote what they were sent, so this one does.
    let quoting = json!({"schemas": ["x"], "detail": format!("{CANARY} is refused")}).to_string();
    match reply {
        Reply::Good => {
            let schema = if uri.path().ends_with("ServiceProviderConfig") {
                CONFIG
            } else {
                LIST
            };
            axum::Json(json!({ "schemas": [schema] })).into_response()
        }
        Reply::Status(number) => (status(number), quoting).into_response(),
        Reply::Later(number, seconds) => {
            (status(number), [("retry-after", seconds.to_string())], quoting).into_response()
        }
        Reply::Text(text) => text.into_response(),
        Reply::Elsewhere(url) => (StatusCode::TEMPORARY_REDIRECT, [("location", url)]).into_response(),
        Reply::Never => std::future::pending().await,
    }
}

async fn serve(script: impl IntoIterator<Item = Reply>) -> (StandIn, ScimUrl) {
    let stand_in = StandIn::default();
    stand_in.script.lock().unwrap().extend(script);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tenant/scim/v2", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(stand_in.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (stand_in, ScimUrl::parse(&url, true).unwrap())
}

#[derive(Debug)]
struct Vault(Result<AwsCredentials, SecretError>);

#[async_trait]
impl Secrets for Vault {
    async fn azure(&self, application: &ApplicationId, _: Freshness) -> Result<AzureCredentials, SecretError> {
        let application = application.clone();
        Err(SecretError::Missing { application })
    }

    async fn aws(&self, _: &ApplicationId, freshness: Freshness) -> Result<AwsCredentials, SecretError> {
        assert_eq!(freshness, Freshness::Now, "a test shows what was just entered");
        self.0.clone()
    }
}

fn application() -> ApplicationId {
    "contoso.example".parse().unwrap()
}

/// Tests `url` with a token that was entered for `entered`.
async fn tested(entered: &ScimUrl, url: &ScimUrl, local: bool) -> Result<(), IdentityCenterError> {
    let credentials = AwsCredentials {
        url: entered.clone(),
        access_token: CANARY.into(),
    };
    let center = ScimIdentityCenter::with_limits(Arc::new(Vault(Ok(credentials))), local, QUICK);
    center.test(&application(), url).await
}

#[tokio::test]
async fn an_endpoint_that_takes_the_token_is_asked_twice_and_reads_only() {
    let (stand_in, url) = serve([]).await;
    assert_eq!(tested(&url, &url, true).await, Ok(()));
    assert_eq!(
        stand_in.paths(),
        ["/tenant/scim/v2/ServiceProviderConfig", "/tenant/scim/v2/Users?count=1"]
    );
    for (_, headers) in stand_in.seen.lock().unwrap().iter() {
        assert_eq!(headers["authorization"], format!("Bearer {CANARY}"));
        assert_eq!(headers["user-agent"], "hourglass");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_apart() {
    let refused = |status| IdentityCenterError::TokenRefused { status };
    for status in [401, 403] {
        let (_, url) = serve([Reply::Status(status)]).await;
        assert_eq!(tested(&url, &url, true).await, Err(refused(status)));
        // A token that may look at the configuration and not at users is of no use either.
        let (_, url) = serve([Reply::Good, Reply::Status(status)]).await;
        assert_eq!(tested(&url, &url, true).await, Err(refused(status)));
    }
    for strange in [
        Reply::Status(404),
        Reply::Status(400),
        Reply::Status(204),
        Reply::Text("<html>".to_owned()),
        Reply::Text(json!({"schemas": ["something else"]}).to_string()),
        Reply::Text("x".repeat(1024 * 1024 + 1)),
    ] {
        let (stand_in, url) = serve([strange.clone()]).await;
        let error = tested(&url, &url, true).await.unwrap_err();
        assert!(matches!(error, IdentityCenterError::NotIdentityCenter(_)), "{error}");
        assert_eq!(stand_in.paths().len(), 1, "asking again changes nothing about it");
    }
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_lasts_is_told() {
    for passing in [
        Reply::Status(429),
        Reply::Status(500),
        Reply::Status(503),
        Reply::Later(429, 0),
        Reply::Never,
    ] {
        let (stand_in, url) = serve([passing.clone()]).await;
        assert_eq!(tested(&url, &url, true).await, Ok(()), "{passing:?}");
        assert_eq!(stand_in.paths().len(), 3);
    }
    for (lasting, attempts) in [
        (vec![Reply::Status(500); 3], 3),
        (vec![Reply::Status(429); 3], 3),
        (vec![Reply::Never; 3], 3),
        // Who asks for more than a call has is not asked again.
        (vec![Reply::Later(429, 60)], 1),
    ] {
        let (stand_in, url) = serve(lasting).await;
        let error = tested(&url, &url, true).await.unwrap_err();
        assert!(matches!(error, IdentityCenterError::Unreachable(_)), "{error}");
        assert_eq!(stand_in.paths().len(), attempts);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/tenant/scim/v2/", listener.local_addr().unwrap());
    drop(listener);
    let nobody = ScimUrl::parse(&nobody, true).unwrap();
    let error = tested(&nobody, &nobody, true).await.unwrap_err().to_string();
    assert!(error.contains("no connection"), "{error}");
}

#[tokio::test]
async fn a_token_goes_to_no_other_url_than_the_one_it_was_entered_for() {
    let (own, url) = serve([]).await;
    let (other, elsewhere) = serve([]).await;
    assert_eq!(tested(&elsewhere, &url, true).await, Err(IdentityCenterError::NoToken));
    assert_eq!((own.paths().len(), other.paths().len()), (0, 0));

    // A redirect is not followed.
    own.script
        .lock()
        .unwrap()
        .push_back(Reply::Elsewhere(elsewhere.to_string()));
    let error = tested(&url, &url, true).await.unwrap_err();
    assert!(matches!(error, IdentityCenterError::NotIdentityCenter(_)), "{error}");
    assert_eq!(other.paths().len(), 0);

    // What was written past the rules of urls is not asked, nor is this machine where only AWS is reached.
    let forged: ScimUrl = serde_json::from_value(json!("https://evil.example/tenant/scim/v2/")).unwrap();
    for (url, local) in [(&forged, true), (&forged, false), (&url, false)] {
        let error = tested(url, url, local).await.unwrap_err();
        assert!(matches!(error, IdentityCenterError::NotIdentityCenter(_)), "{error}");
    }
    assert_eq!(own.paths().len(), 1);
}

/// The name is right and leads to this machine: nothing is sent, and it is told why.
#[tokio::test]
async fn case_54_a_name_that_leads_to_this_machine_is_not_connected_to() {
    let (stand_in, url) = serve([]).await;
    let named = url.as_str().replacen("127.0.0.1", "localhost", 1);
    let wire = Wire::new(false, QUICK);
    let deadline = Instant::now() + QUICK.call;
    let silence = wire.get(&named, &CANARY.into(), deadline).await.unwrap_err();
    assert_eq!(silence, Silence::NotPublic);
    assert_eq!(stand_in.paths().len(), 0);
}

#[tokio::test]
async fn a_secret_store_without_the_token_says_so() {
    let (stand_in, url) = serve([]).await;
    let missing = SecretError::Missing {
        application: application(),
    };
    let down = SecretError::Unavailable("down".to_owned());
    for (stored, expected) in [
        (missing, IdentityCenterError::NoToken),
        (
            down,
            IdentityCenterError::Secret("the secret store is not available: down".to_owned()),
        ),
    ] {
        let center = ScimIdentityCenter::with_limits(Arc::new(Vault(Err(stored))), true, QUICK);
        assert_eq!(center.test(&application(), &url).await, Err(expected));
    }
    assert_eq!(stand_in.paths().len(), 0);
}

/// Everything that is logged while it runs.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_in_any_text() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::filter::Targets::new().with_target("hourglass", tracing::Level::TRACE))
        .with(tracing_subscriber::fmt::layer().with_writer(move || sink.clone()));
    // Of one listener only, the thread that first comes to a line is asked, which may be another test's, and the answer is
    // kept; of two, all are asked (tracing-core's callsite registry).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let guard = tracing::subscriber::set_default(subscriber);
    let mut texts = Vec::new();
    for reply in [Reply::Status(401), Reply::Status(404), Reply::Later(503, 60)] {
        let (_, url) = serve([reply]).await;
        let error = tested(&url, &url, true).await.unwrap_err();
        texts.extend([error.to_string(), format!("{error:?}")]);
    }
    drop(guard);
    texts.push(String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    assert!(texts.iter().any(|text| text.contains("Identity Center answered")));
    for text in texts {
        assert!(!text.contains(CANARY), "{text}");
    }
}
