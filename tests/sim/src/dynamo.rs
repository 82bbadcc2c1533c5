//! The table: the production adapter and the SDK, over an HTTP connector that calls an embedded database in process.

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, HttpClient, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use hourglass_dynamodb::DynamoStore;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The table's name.
const TABLE: &str = "hourglass";
/// The table's list indexes, besides its own key.
const INDEXES: [&str; 3] = ["gsi1", "gsi2", "gsi3"];

/// An empty table of its own, and the adapter on it. Retries of the SDK are off: what fails is to be seen.
///
/// # Errors
/// When the engine refuses.
pub(crate) fn table() -> anyhow::Result<DynamoStore> {
    let database = Database::memory().context("the engine does not start")?;
    create_table(&database)?;
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url("http://127.0.0.1:1")
        .credentials_provider(Credentials::new("id", "secret", None, None, "simulation"))
        .retry_config(RetryConfig::disabled())
        .http_client(InProcess(database));
    Ok(DynamoStore::new(Client::from_conf(config.build()), TABLE.to_owned()))
}

/// The table as `template.yaml` describes it.
fn create_table(database: &Database) -> anyhow::Result<()> {
    let names: Vec<(String, String)> = std::iter::once("")
        .chain(INDEXES)
        .map(|index| (format!("{index}pk"), format!("{index}sk")))
        .collect();
    let attributes: Vec<Value> = names
        .iter()
        .flat_map(|(pk, sk)| [pk, sk])
        .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
        .collect();
    let keys = |pk: &str, sk: &str| json!([{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]);
    let indexes: Vec<Value> = INDEXES
        .iter()
        .map(|index| {
            let keys = keys(&format!("{index}pk"), &format!("{index}sk"));
            json!({"IndexName": index, "KeySchema": keys, "Projection": {"ProjectionType": "KEYS_ONLY"}})
        })
        .collect();
    let request = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": keys("pk", "sk"),
        "GlobalSecondaryIndexes": indexes,
    });
    database
        .create_table(serde_json::from_value(request)?)
        .context("the engine does not make the table")?;
    Ok(())
}

/// The SDK's HTTP client: there is no wire.
#[derive(Clone)]
struct InProcess(Database);

impl std::fmt::Debug for InProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl InProcess {
    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let database = &self.0;
        let answer = match target.rsplit('.').next().unwrap_or_default() {
            "GetItem" => run(body, |request| database.get_item(request)),
            "BatchGetItem" => run(body, |request| database.batch_get_item(request)),
            "Query" => run(body, |request| database.query(request)),
            "TransactWriteItems" => run(body, |request| database.transact_write_items(request)),
            other => Err(Failure::Other(format!("nobody needs {other}"))),
        };
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(Failure::Engine(error)) => (error.status_code(), error.to_json().into_bytes()),
            Err(Failure::Other(why)) => return Err(ConnectorError::other(why.into(), None)),
        };
        let status = status
            .try_into()
            .map_err(|_| ConnectorError::other("an answer without a status".into(), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(body)))
    }
}

enum Failure {
    Engine(DynoxideError),
    Other(String),
}

fn run<Request: DeserializeOwned, Answer: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Request) -> dynoxide::Result<Answer>,
) -> Result<Vec<u8>, Failure> {
    let request = serde_json::from_slice(body).map_err(|error| Failure::Other(error.to_string()))?;
    let answer = operation(request).map_err(Failure::Engine)?;
    serde_json::to_vec(&answer).map_err(|error| Failure::Other(error.to_string()))
}
