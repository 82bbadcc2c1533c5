//! A table to test against.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, HttpClient, Region, RuntimeComponents};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;
use hourglass_app::ports::store::{Condition, Item, Key, List, Listed, Write};
use hourglass_dynamodb::DynamoStore;
use serde_json::{Value, json};

pub(crate) const TABLE: &str = "hourglass";

/// A new table in a database of its own, with nothing in it.
pub(crate) struct Table {
    /// The adapter under test.
    pub(crate) store: DynamoStore,
    /// The SDK's client underneath it.
    pub(crate) client: Client,
    /// What happens between client and database.
    pub(crate) wire: Wire,
}

impl Table {
    pub(crate) async fn start() -> Self {
        let database = dynoxide::Database::memory().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        let wire = Wire::default();
        let client = hourglass_dynamodb::client(config(&format!("http://{address}"), wire.clone()));
        create_table(&client).await;
        wire.forget();
        Self {
            store: DynamoStore::new(client.clone(), TABLE.to_owned()),
            client,
            wire,
        }
    }
}

/// The SDK's configuration for the database at `url`. Plain HTTP: no certificate store is read.
pub(crate) fn config(url: &str, wire: Wire) -> Builder {
    let http = Faulty {
        inner: aws_smithy_http_client::Builder::new().build_http(),
        wire,
    };
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .http_client(http)
}

/// The table as `template.yaml` describes it.
async fn create_table(client: &Client) {
    let key = |pk: &str, sk: &str| {
        [(pk, KeyType::Hash), (sk, KeyType::Range)].map(|(name, key_type)| {
            let element = KeySchemaElement::builder().attribute_name(name).key_type(key_type);
            element.build().unwrap()
        })
    };
    let keys = ["", "gsi1", "gsi2", "gsi3"].map(|index| (index, format!("{index}pk"), format!("{index}sk")));
    let attributes = keys.iter().flat_map(|(_, pk, sk)| [pk, sk]).map(|name| {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        attribute.build().unwrap()
    });
    let indexes = keys.iter().skip(1).map(|(index, pk, sk)| {
        GlobalSecondaryIndex::builder()
            .index_name(*index)
            .set_key_schema(Some(key(pk, sk).to_vec()))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
            .build()
            .unwrap()
    });
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.collect()))
        .set_key_schema(Some(key("pk", "sk").to_vec()))
        .set_global_secondary_indexes(Some(indexes.collect()))
        .send()
        .await
        .unwrap();
}

/// What happens to a call instead of being sent and answered.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered like this and never reaches the database.
    Answer(u16, Value),
    /// It reaches the database and the answer is lost.
    Lost,
    /// It reaches nobody and is never answered.
    Never,
}

impl Fault {
    /// DynamoDB's error answer with this code.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "as ordered"});
        Self::Answer(status, body)
    }

    /// A cancelled transaction with these reasons.
    pub(crate) fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({"Code": code})).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": format!("Transaction cancelled, please refer cancellation reasons {codes:?}"),
            "CancellationReasons": reasons,
        });
        Self::Answer(400, body)
    }
}

/// A call as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// What happens between client and database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    once: VecDeque<Fault>,
    always: Option<Fault>,
    calls: Vec<Call>,
}

impl Wire {
    /// The next calls meet these faults, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.lock().unwrap().once.extend(faults);
    }

    /// All calls meet this fault from now on.
    pub(crate) fn always(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().always = fault;
    }

    /// The calls since the last time that they were taken.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    fn forget(&self) {
        *self.0.lock().unwrap() = State::default();
    }

    fn see(&self, request: &HttpRequest) -> Option<Fault> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let call = Call {
            operation: target.rsplit('.').next().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(request.body().bytes().unwrap()).unwrap(),
        };
        let mut state = self.0.lock().unwrap();
        state.calls.push(call);
        state.once.pop_front().or_else(|| state.always.clone())
    }
}

/// The SDK's own HTTP client with a [`Wire`] in front of it.
#[derive(Debug)]
struct Faulty {
    inner: SharedHttpClient,
    wire: Wire,
}

impl HttpClient for Faulty {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(FaultyConnector {
            inner: self.inner.http_connector(settings, parts),
            wire: self.wire.clone(),
        })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    wire: Wire,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self.wire.see(&request);
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            match fault {
                None => inner.call(request).await,
                Some(Fault::Answer(status, body)) => {
                    let body = SdkBody::from(body.to_string());
                    Ok(HttpResponse::new(status.try_into().unwrap(), body))
                }
                Some(Fault::Lost) => {
                    let answer = inner.call(request).await?;
                    assert!(answer.status().is_success(), "the call had no effect: {answer:?}");
                    Err(ConnectorError::io("the connection was reset".into()))
                }
                Some(Fault::Never) => std::future::pending().await,
            }
        })
    }
}

/// An item of version 1 with a small body.
pub(crate) fn item(pk: &str, sk: &str) -> Item {
    let Value::Object(body) = json!({"name": format!("{pk}/{sk}")}) else {
        panic!("not an object")
    };
    Item {
        key: Key::new(pk, sk),
        version: 1,
        kind: "thing".to_owned(),
        schema: 1,
        body,
        lists: Vec::new(),
        expires: None,
    }
}

/// `item` with a place in a list.
pub(crate) fn listed(mut item: Item, list: List, pk: &str, sk: &str) -> Item {
    item.lists.push(Listed {
        list,
        pk: pk.to_owned(),
        sk: sk.to_owned(),
    });
    item
}

/// `item` with another version.
pub(crate) fn version(version: u64, item: &Item) -> Item {
    Item {
        version,
        ..item.clone()
    }
}

pub(crate) fn put(item: &Item, condition: Condition) -> Write {
    Write::Put {
        item: item.clone(),
        condition,
    }
}

pub(crate) fn delete(item: &Item, condition: Condition) -> Write {
    Write::Delete {
        key: item.key.clone(),
        condition,
    }
}

pub(crate) fn check(item: &Item, condition: Condition) -> Write {
    Write::Check {
        key: item.key.clone(),
        condition,
    }
}
