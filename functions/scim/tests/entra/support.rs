//! A SCIM endpoint with a table of its own.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use dynoxide::actions::create_table::CreateTableRequest;
use hourglass_app::change::{read, read_page};
use hourglass_app::keys;
use hourglass_app::ports::store::{CommitError, Condition, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_app::ports::{Clock, Core, Workers};
use hourglass_app::records::{OffboardOrder, Record, ScimToken, to_item};
use hourglass_app::scim::token::{hash_token, new_token};
use hourglass_app::workers::sweep::sweep;
use hourglass_boot::{Config, Services};
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{self, Event, Head, StreamId};
use hourglass_domain::ids::{ApplicationId, TokenId};
use hourglass_domain::roles::Scopes;
use hourglass_domain::target::Cloud;
use http::{HeaderMap, Request, StatusCode, header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User";
pub(crate) const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An endpoint, its table, and the secret of one application.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) core: Core,
    pub(crate) workers: Workers,
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Arc<Time>,
    pub(crate) application: ApplicationId,
    pub(crate) token: TokenId,
    pub(crate) secret: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().expect("a resource").to_owned()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Checks that this is a SCIM error with this status and `scimType` (empty for none).
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, kind: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header(header::CONTENT_TYPE), "application/scim+json");
        assert_eq!(self.body["schemas"], json!([ERROR]), "{}", self.text);
        assert_eq!(self.body["status"], json!(status.to_string()));
        assert_eq!(
            self.body["scimType"].as_str().unwrap_or_default(),
            kind,
            "{}",
            self.text
        );
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }

    /// Checks that this is a list, and gives the ids in it.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        assert_eq!(
            self.body["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])
        );
        let resources = self.body["Resources"].as_array().expect("Resources");
        assert_eq!(self.body["itemsPerPage"], json!(resources.len()));
        resources
            .iter()
            .map(|resource| resource["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let database = dynoxide::Database::memory().unwrap();
        let create: CreateTableRequest = serde_json::from_value(table()).unwrap();
        database.create_table(create).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let services = Services::new(config(&endpoint)).await.unwrap();
        let store = Arc::new(Watched {
            inner: Arc::clone(&services.core.store),
            calls: Mutex::default(),
            lose_commits: AtomicBool::default(),
            fail: AtomicBool::default(),
            meanwhile: Mutex::default(),
        });
        let clock = Arc::new(Time(AtomicI64::new(1_800_000_000_000)));
        let core = Core {
            store: store.clone(),
            clock: clock.clone(),
            ..services.core.clone()
        };
        let workers = Workers {
            core: core.clone(),
            ..services.workers()
        };
        let router = hourglass_scim::router(Services {
            core: core.clone(),
            ..services
        });
        let application: ApplicationId = "contoso.example".parse().unwrap();
        let (token, secret) = register(&core, &application).await;
        let world = Self {
            router,
            core,
            workers,
            store,
            clock,
            application,
            token,
            secret,
        };
        // The first call notes that provisioning was heard of, which would show in counts of calls.
        world.get("/ServiceProviderConfig").await;
        world.store.take();
        world
    }

    /// The same endpoint as another application sees it.
    pub(crate) async fn other(&self) -> Self {
        let application: ApplicationId = "fabrikam.example".parse().unwrap();
        let (token, secret) = register(&self.core, &application).await;
        Self {
            application,
            token,
            secret,
            ..self.clone()
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let path = path.replace(' ', "%20").replace('"', "%22");
        Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.secret))
            .header(header::CONTENT_TYPE, "application/scim+json; charset=utf-8")
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        self.send(self.request(method, path).body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &Value::Null).await
    }

    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.call("PATCH", path, &body).await
    }

    /// A user as Entra creates one.
    pub(crate) async fn user(&self, name: &str) -> String {
        let answer = self.post("/Users", user_body(name)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.id()
    }

    /// Users by the hundred, straight into the table: only that they exist matters.
    pub(crate) async fn users(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        for number in 0..count {
            ids.push(self.user(&format!("user{number}@contoso.example")).await);
        }
        ids
    }

    pub(crate) async fn group(&self, name: &str, members: &[String]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
        let answer = self.post("/Groups", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.id()
    }

    pub(crate) async fn members(&self, group: &str) -> Vec<String> {
        let answer = self.get(&format!("/Groups/{group}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let members = answer.body["members"].as_array().cloned().unwrap_or_default();
        members
            .iter()
            .map(|member| member["value"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The events of a stream, whose chain is checked.
    pub(crate) async fn events(&self, stream: &StreamId) -> Vec<Event> {
        let partition = Query::partition(keys::audit_stream(stream)).prefix(keys::EVENTS);
        let page = read_page::<Event>(self.core.store.as_ref(), &partition).await.unwrap();
        let events: Vec<Event> = page.items.into_iter().map(|stored| stored.value).collect();
        let head = read::<Head>(self.core.store.as_ref(), &keys::audit_head(stream))
            .await
            .unwrap();
        let head = head.map_or_else(|| Head::start(stream.clone()), |head| head.value);
        audit::verify(stream, &events, &head).unwrap();
        events
    }

    pub(crate) async fn user_events(&self, user: &str) -> Vec<Event> {
        self.events(&StreamId::user(&self.application, user.parse().unwrap()))
            .await
    }

    pub(crate) async fn group_events(&self, group: &str) -> Vec<Event> {
        self.events(&StreamId::group(&self.application, group.parse().unwrap()))
            .await
    }

    /// The orders to end everything of a user, each with the promise that it is carried out.
    pub(crate) async fn orders(&self, user: &str) -> Vec<OffboardOrder> {
        let user = user.parse().unwrap();
        let partition = Query::partition(keys::offboard_orders(&self.application, user));
        let page = read_page::<OffboardOrder>(self.store.inner.as_ref(), &partition)
            .await
            .unwrap();
        let orders: Vec<OffboardOrder> = page.items.into_iter().map(|stored| stored.value).collect();
        for order in &orders {
            assert_eq!(order.user, user);
            assert!(
                self.exists(&keys::due(&order.promise())).await,
                "an order without a promise"
            );
        }
        orders
    }

    /// Lets the sweep run until nothing is due, and says how often it had something to do.
    pub(crate) async fn sweep(&self) -> usize {
        self.clock.advance(60);
        let deadline = self.core.clock.now().plus_seconds(50);
        for runs in 0..100 {
            let swept = sweep(&self.workers, deadline).await.unwrap();
            assert_eq!(swept.failed, 0, "{swept:?}");
            if swept.due == 0 {
                return runs;
            }
        }
        panic!("the sweep never comes to an end");
    }

    /// Whether something lies at a key.
    pub(crate) async fn exists(&self, key: &Key) -> bool {
        self.store.inner.get(key).await.unwrap().is_some()
    }
}

/// A user's body as Entra sends it.
pub(crate) fn user_body(name: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": uuid_of(name),
        "userName": name,
        "active": true,
        "displayName": name.split('@').next(),
        "emails": [{"primary": true, "type": "work", "value": name}],
        "name": {"formatted": "Given Family", "familyName": "Family", "givenName": "Given"},
        "meta": {"resourceType": "User"},
        "roles": [],
    })
}

/// An object id that follows from a name.
pub(crate) fn uuid_of(name: &str) -> String {
    let bytes = hourglass_domain::canonical::Digest::of(name.as_bytes());
    uuid::Uuid::from_slice(&bytes.as_bytes()[..16]).unwrap().to_string()
}

async fn register(core: &Core, application: &ApplicationId) -> (TokenId, String) {
    let secret = new_token(core.ids.as_ref()).expose_secret().to_owned();
    let token = ScimToken {
        id: TokenId::new(core.ids.uuid()),
        hash: hash_token(&secret),
        application: application.clone(),
        created_at: core.clock.now(),
    };
    let put = Write::Put {
        item: to_item(&token, 1).unwrap(),
        condition: Condition::Absent,
    };
    core.store.commit(vec![put]).await.unwrap();
    (token.id, secret)
}

/// Makes the world's secret an application's.
pub(crate) async fn give(world: &World, application: &ApplicationId) {
    let token = ScimToken {
        id: TokenId::new(world.core.ids.uuid()),
        hash: hash_token(&world.secret),
        application: application.clone(),
        created_at: world.core.clock.now(),
    };
    let put = Write::Put {
        item: to_item(&token, 1).unwrap(),
        condition: Condition::Absent,
    };
    world.core.store.commit(vec![put]).await.unwrap();
}

/// Deletes the secret, as rotation does.
pub(crate) async fn revoke(world: &World) {
    let delete = Write::Delete {
        key: keys::scim_token(hash_token(&world.secret)),
        condition: Condition::Exists,
    };
    world.core.store.commit(vec![delete]).await.unwrap();
}

fn config(endpoint: &str) -> Config {
    Config {
        table: "hourglass".to_owned(),
        cloud: Cloud::Global,
        sign_in_tenants: vec!["6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap()],
        api_client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        api_clients: [("11111111-2222-3333-4444-555555555556".to_owned(), Scopes::new())].into(),
        auth_context: "c1".to_owned(),
        public_url: "http://localhost:8080".to_owned(),
        form_origins: Vec::new(),
        confirm_after_seconds: 1,
        short_durations: true,
        key_cool_down_seconds: 0,
        set_up_code_sha256: None,
        two_person: true,
        schedule_group: "grants".to_owned(),
        schedule_role_arn: "arn:aws:iam::111122223333:role/schedule".to_owned(),
        schedule_target_arn: "arn:aws:lambda:us-east-1:111122223333:function:revocation".to_owned(),
        exact_queue_url: "https://sqs.us-east-1.amazonaws.com/111122223333/exact".to_owned(),
        schedule_dlq_arn: "arn:aws:sqs:us-east-1:111122223333:failures".to_owned(),
        secret_prefix: "hourglass/".to_owned(),
        graph_endpoint: Some(endpoint.to_owned()),
        login_endpoint: Some(endpoint.to_owned()),
        dynamodb_endpoint: Some(endpoint.to_owned()),
        scheduler_endpoint: Some(endpoint.to_owned()),
        queues_endpoint: Some(endpoint.to_owned()),
        secrets_endpoint: Some(endpoint.to_owned()),
    }
}

/// The table as `template.yaml` describes it.
fn table() -> Value {
    let key = |index: &str| {
        json!([
            {"AttributeName": format!("{index}pk"), "KeyType": "HASH"},
            {"AttributeName": format!("{index}sk"), "KeyType": "RANGE"},
        ])
    };
    let indexes = ["gsi1", "gsi2", "gsi3"];
    let names = ["", "gsi1", "gsi2", "gsi3"]
        .into_iter()
        .flat_map(|index| [format!("{index}pk"), format!("{index}sk")]);
    json!({
        "TableName": "hourglass",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": names
            .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
            .collect::<Vec<_>>(),
        "KeySchema": key(""),
        "GlobalSecondaryIndexes": indexes.map(|index| json!({
            "IndexName": index,
            "KeySchema": key(index),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        })),
    })
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub(crate) struct Time(AtomicI64);

impl Time {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The table, with every call written down, and faults to order.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Store>,
    calls: Mutex<Vec<String>>,
    /// Transactions happen and their answers are lost.
    pub(crate) lose_commits: AtomicBool,
    /// Nothing works.
    pub(crate) fail: AtomicBool,
    /// What happens behind the back of whoever commits.
    meanwhile: Mutex<Option<Meanwhile>>,
}

/// What happens after so many more transactions.
#[derive(Debug)]
struct Meanwhile {
    commits: usize,
    then: Then,
}

#[derive(Clone, Debug)]
enum Then {
    /// Somebody else writes this, once.
    Write(Vec<Write>),
    /// No transaction gets through any more.
    Fail,
}

impl Watched {
    /// The calls since the last time they were taken.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// How many transactions there were since the last time the calls were taken.
    pub(crate) fn commits(&self) -> usize {
        self.take().iter().filter(|call| *call == "commit").count()
    }

    /// Lets `commits` more transactions through and no other.
    pub(crate) fn fail_commits_after(&self, commits: usize) {
        let then = Then::Fail;
        *self.meanwhile.lock().unwrap() = Some(Meanwhile { commits, then });
    }

    /// Writes something between two transactions of somebody else: after `commits` more.
    pub(crate) fn write_after(&self, commits: usize, writes: Vec<Write>) {
        let then = Then::Write(writes);
        *self.meanwhile.lock().unwrap() = Some(Meanwhile { commits, then });
    }

    /// Whether what was to happen meanwhile did.
    pub(crate) fn happened(&self) -> bool {
        self.meanwhile.lock().unwrap().is_none()
    }

    async fn meanwhile(&self) -> Result<(), StoreError> {
        let then = {
            let mut slot = self.meanwhile.lock().unwrap();
            match slot.as_mut() {
                Some(meanwhile) if meanwhile.commits > 0 => {
                    meanwhile.commits -= 1;
                    return Ok(());
                }
                Some(Meanwhile { then: Then::Fail, .. }) => Then::Fail,
                Some(_) => slot.take().unwrap().then,
                None => return Ok(()),
            }
        };
        match then {
            Then::Fail => Err(StoreError::Unavailable("as ordered".to_owned())),
            Then::Write(writes) => {
                self.inner.commit(writes).await.unwrap();
                Ok(())
            }
        }
    }

    fn see(&self, call: &str) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(call.to_owned());
        if self.fail.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("as ordered: secret-internals".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Watched {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.see("get")?;
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.see("get_many")?;
        self.inner.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.see("query")?;
        self.inner.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.see("list")?;
        self.inner.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.see("commit")?;
        self.meanwhile().await?;
        self.inner.commit(writes).await?;
        if self.lose_commits.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the answer was lost".to_owned()).into());
        }
        Ok(())
    }
}

/// A second listener, so that all are asked whether they listen to a line: of one only, the thread that first comes to the
/// line is asked, which may be another test's, and the answer is kept (tracing-core's callsite registry).
static SECOND: LazyLock<tracing::Dispatch> =
    LazyLock::new(|| tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default()));

/// The metrics that were written, by name.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Arc<Mutex<Vec<String>>>);

impl Metrics {
    /// Collects what this thread writes, until the guard is dropped.
    pub(crate) fn collect(&self) -> tracing::subscriber::DefaultGuard {
        LazyLock::force(&SECOND);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// How often a metric was written since it was last asked for.
    pub(crate) fn take(&self, name: &str) -> usize {
        let mut seen = self.0.lock().unwrap();
        let before = seen.len();
        seen.retain(|metric| metric != name);
        before - seen.len()
    }
}

impl<S: tracing::Subscriber> Layer<S> for Metrics {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "metric" {
            event.record(&mut self.clone());
        }
    }
}

impl Visit for Metrics {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "metric" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// A stored record, read past the watched store.
pub(crate) async fn stored<R: Record>(world: &World, key: &Key) -> Option<R> {
    let found = read::<R>(world.store.inner.as_ref(), key).await.unwrap();
    found.map(|stored| stored.value)
}
