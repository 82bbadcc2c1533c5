//! A small server that stands for Graph and the token service: a script answers, and what was asked is kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use hourglass_app::ports::connector::Place;
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, Freshness, SecretError, Secrets};
use hourglass_app::ports::{Clock, Ids};
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, ObjectId, TenantId};
use hourglass_domain::target::{Cloud, Target};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::Limits;
use crate::{EndpointError, Endpoints, EntraConnector};

pub(super) const TENANT: &str = "99999999-2222-3333-4444-555555555555";
pub(super) const GROUP: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const SECRET: &str = "canary-secret~Q8x";
/// Short pauses; attempts long enough for a busy machine.
pub(super) const SHORT: Limits = Limits {
    connect: Duration::from_secs(10),
    attempt: Duration::from_secs(10),
    call: Duration::from_secs(60),
    pause: Duration::from_millis(5),
    throttled_pause: Duration::from_millis(10),
};

pub(super) fn start_of_time() -> Timestamp {
    "2026-11-21T22:50:00Z".parse().unwrap()
}

#[derive(Debug)]
pub(super) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug, Default)]
struct CountingIds(AtomicU64);

impl Ids for CountingIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(0x7f);
    }
}

/// A secret store that may hold something newer than what it has cached.
#[derive(Debug)]
pub(super) struct Vault {
    pub(super) cached: Mutex<Result<AzureCredentials, SecretError>>,
    pub(super) newest: Mutex<Option<AzureCredentials>>,
    pub(super) reads: Mutex<Vec<Freshness>>,
}

impl Vault {
    fn new() -> Self {
        Self {
            cached: Mutex::new(Ok(credentials(SECRET))),
            newest: Mutex::new(None),
            reads: Mutex::new(Vec::new()),
        }
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn azure(&self, _: &ApplicationId, freshness: Freshness) -> Result<AzureCredentials, SecretError> {
        self.reads.lock().unwrap().push(freshness);
        match (freshness, self.newest.lock().unwrap().clone()) {
            (Freshness::Fresh | Freshness::Now, Some(newest)) => {
                *self.cached.lock().unwrap() = Ok(newest.clone());
                Ok(newest)
            }
            _ => self.cached.lock().unwrap().clone(),
        }
    }

    async fn aws(&self, application: &ApplicationId, _: Freshness) -> Result<AwsCredentials, SecretError> {
        Err(SecretError::Missing {
            application: application.clone(),
        })
    }
}

pub(super) fn credentials(secret: &str) -> AzureCredentials {
    AzureCredentials {
        tenant: TENANT.parse().unwrap(),
        client_id: "33333333-2222-3333-4444-555555555555".to_owned(),
        client_secret: SecretString::from(secret.to_owned()),
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn is_token(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    pub(super) fn call(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn is_user(&self) -> bool {
        self.path.starts_with("/v1.0/users/")
    }

    pub(super) fn is_list(&self) -> bool {
        self.method == "GET" && self.path.ends_with("/members")
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(super) struct Canned {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
    pub(super) delay: Duration,
}

pub(super) fn answer(status: u16, body: Value) -> Canned {
    Canned {
        status,
        headers: Vec::new(),
        body,
        delay: Duration::ZERO,
    }
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Canned {
    answer(
        status,
        json!({ "error": { "code": code, "message": message, "innerError": {} } }),
    )
}

impl Canned {
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn late(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

pub(super) fn done() -> Canned {
    answer(204, Value::Null)
}

/// A token of 3,599 seconds, as Entra gives.
pub(super) fn token(text: &str) -> Canned {
    answer(
        200,
        json!({ "token_type": "Bearer", "expires_in": 3_599, "ext_expires_in": 3_599, "access_token": text }),
    )
}

pub(super) fn page(ids: &[ObjectId], next: Option<&str>) -> Canned {
    let value: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "@odata.type": "#microsoft.graph.user", "id": id }))
        .collect();
    let mut body = json!({ "@odata.context": "x", "value": value });
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    }
    answer(200, body)
}

type Script = Box<dyn FnMut(&Seen, usize) -> Canned + Send>;

struct Inner {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
}

/// The same where answers are waited for in vain.
pub(super) const HASTY: Limits = Limits {
    attempt: Duration::from_secs(2),
    ..SHORT
};

/// The stand-in and a connector that talks to it.
pub(super) struct Stand {
    pub(super) url: String,
    pub(super) clock: Arc<ManualClock>,
    pub(super) vault: Arc<Vault>,
    pub(super) connector: Arc<EntraConnector>,
    inner: Arc<Inner>,
}

impl Stand {
    /// `script` answers Graph calls; it is given the call and how many Graph calls came before. Tokens are given freely.
    pub(super) async fn graph(mut script: impl FnMut(&Seen, usize) -> Canned + Send + 'static) -> Self {
        let mut tokens = 0;
        let mut calls = 0;
        Self::all(move |seen, _| {
            if seen.is_token() {
                tokens += 1;
                token(&format!("canary-token-{tokens}"))
            } else {
                calls += 1;
                script(seen, calls - 1)
            }
        })
        .await
    }

    /// `script` answers everything.
    pub(super) async fn all(script: impl FnMut(&Seen, usize) -> Canned + Send + 'static) -> Self {
        let inner = Arc::new(Inner {
            script: Mutex::new(Box::new(script)),
            seen: Mutex::new(Vec::new()),
        });
        let app = Router::new().fallback(serve).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let clock = Arc::new(ManualClock(AtomicI64::new(start_of_time().millis())));
        let vault = Arc::new(Vault::new());
        let connector = connect(&vault, &clock, &url, SHORT).unwrap();
        Self {
            url,
            clock,
            vault,
            connector: Arc::new(connector),
            inner,
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Graph calls, without those for tokens.
    pub(super) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !seen.is_token()).collect()
    }

    pub(super) fn token_calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_token).collect()
    }
}

pub(super) fn connect(
    vault: &Arc<Vault>,
    clock: &Arc<ManualClock>,
    url: &str,
    limits: Limits,
) -> Result<EntraConnector, EndpointError> {
    let endpoints = Endpoints {
        graph: Some(url.to_owned()),
        login: Some(url.to_owned()),
    };
    let ids = Arc::new(CountingIds::default());
    EntraConnector::with_limits(vault.clone(), clock.clone(), ids, &endpoints, limits)
}

async fn serve(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let headers = parts.headers.iter();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let canned = {
        let mut all = inner.seen.lock().unwrap();
        let canned = inner.script.lock().unwrap()(&seen, all.len());
        all.push(seen);
        canned
    };
    tokio::time::sleep(canned.delay).await;
    let mut response = Response::builder().status(canned.status);
    for (name, value) in &canned.headers {
        response = response.header(*name, value);
    }
    let body = if canned.body.is_null() {
        Body::empty()
    } else {
        Body::from(canned.body.to_string())
    };
    response.body(body).unwrap()
}

pub(super) fn group() -> ObjectId {
    GROUP.parse().unwrap()
}

pub(super) fn account(number: u128) -> ObjectId {
    ObjectId::new(Uuid::from_u128(0xaaaa_0000 + number))
}

pub(super) fn accounts(count: u128) -> Vec<ObjectId> {
    (1..=count).map(account).collect()
}

pub(super) fn application() -> ApplicationId {
    "contoso.example".parse().unwrap()
}

pub(super) fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

pub(super) fn place() -> Place {
    Place {
        application: application(),
        target: Target::Entra {
            cloud: Cloud::Global,
            tenant: tenant(),
            group: group(),
        },
    }
}
