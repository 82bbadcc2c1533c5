//! Secrets Manager: its AWS JSON 1.1 protocol, versions with their staging labels, and deletion with a recovery window.
//!
//! Left out: rotation, replication, resource policies, KMS. `GET /_calls` tells how often each operation was called,
//! which is how a test proves that a cached credential is not read again; no endpoint but `GetSecretValue` and no log
//! line ever shows a value.

mod store;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State as AxumState};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::Response;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

use self::store::{Found, NewVersion, Secret};
use super::wire::{ApiError, Protocol, respond};
use super::{ACCOUNT, Base, Faults, REGION, State};
use crate::sim::{self, Clock, random_bytes, random_id};

const PROTOCOL: Protocol = Protocol::AwsJson("application/x-amz-json-1.1");
const TARGET_PREFIX: &str = "secretsmanager.";

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The largest value, in bytes.
const MAX_VALUE_BYTES: usize = 65_536;
/// The most entries in one page, and how many it has if none are asked for.
const MAX_RESULTS: usize = 100;
/// The most labels that one version carries.
const MAX_STAGES: usize = 20;
/// The recovery window if none is given, in days.
const DEFAULT_RECOVERY_DAYS: i64 = 30;

/// The running service; clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct Secrets {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: String,
    state: State,
    clock: Clock,
    faults: Faults,
}

impl Secrets {
    /// Starts the service on `address` (port 0 picks a free one).
    ///
    /// # Errors
    /// When the address can't be bound or the state can't be opened.
    pub async fn start(base: &Base, address: SocketAddr) -> anyhow::Result<Self> {
        base.state
            .write(|tx| tx.execute_batch(store::SCHEMA))
            .context("cannot prepare the secrets")?;
        let (listener, url) = sim::bind(address).await.context("cannot bind Secrets Manager")?;
        let inner = Inner {
            url,
            state: base.state.clone(),
            clock: Arc::clone(&base.clock),
            faults: Faults::default(),
        };
        let secrets = Self { inner: Arc::new(inner) };
        let router = Router::new()
            .merge(secrets.inner.faults.routes())
            .fallback(any(dispatch))
            .layer(DefaultBodyLimit::max(4 * MAX_VALUE_BYTES))
            .layer(middleware::from_fn(sim::only_local_callers))
            .with_state(secrets.clone());
        let stop = base.shutdown.wait();
        base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "Secrets Manager stopped");
            }
        });
        Ok(secrets)
    }

    /// Stores a secret as an operator would who puts it in by hand, whatever was there.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn put_by_hand(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let there = self.inner.state.read(|connection| store::find(connection, name))?;
        let token = random_id()?;
        let (operation, request) = if there.is_some() {
            let request = json!({"SecretId": name, "SecretString": text, "ClientRequestToken": token});
            ("PutSecretValue", request)
        } else {
            let request = json!({"Name": name, "SecretString": text, "ClientRequestToken": token});
            ("CreateSecret", request)
        };
        self.call(operation, request.to_string().as_bytes())
            .map(drop)
            .map_err(|error| anyhow::anyhow!("cannot store the secret {name}: {error:?}"))
    }

    /// The endpoint, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Faults that tests order, and how often each operation was called.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Makes a secret with a random value of `characters` letters and digits, as `GenerateSecretString` does in a template,
    /// unless there is one of that name.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn generate(&self, name: &str, characters: usize) -> anyhow::Result<()> {
        let there = self.inner.state.read(|connection| store::find(connection, name))?;
        if there.is_some() {
            return Ok(());
        }
        let mut text = String::new();
        while text.len() < characters {
            let random = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
            text.extend(random.chars().filter(char::is_ascii_alphanumeric));
        }
        text.truncate(characters);
        let request = json!({
            "Name": name,
            "SecretString": text,
            "ClientRequestToken": uuid::Uuid::from_bytes(random_bytes::<16>()?),
        });
        self.call("CreateSecret", request.to_string().as_bytes())
            .map(drop)
            .map_err(|error| anyhow::anyhow!("cannot make the secret {name}: {error:?}"))
    }

    fn call(&self, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
        match operation {
            "CreateSecret" => self.create(parse(body)?),
            "GetSecretValue" => self.get_value(&parse(body)?),
            "PutSecretValue" => self.put_value(parse(body)?),
            "UpdateSecret" => self.update(parse(body)?),
            "DescribeSecret" => self.describe(&parse(body)?),
            "DeleteSecret" => self.delete(&parse(body)?),
            "RestoreSecret" => self.restore(&parse(body)?),
            "ListSecrets" => self.list(&parse(body)?),
            other => Err(ApiError::bad_request(
                "UnknownOperationException",
                format!("no such operation: {other}"),
            )),
        }
    }

    fn create(&self, request: Write) -> Result<Value, ApiError> {
        let name = request
            .name
            .clone()
            .ok_or_else(|| invalid_parameter("You must provide a Name."))?;
        check_name(&name)?;
        let version = request.version(&self.inner.clock)?;
        let now = self.inner.clock.now();
        let suffix: String = URL_SAFE_NO_PAD
            .encode(random_bytes::<16>()?)
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(6)
            .collect();
        let arn = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{suffix}");
        self.inner.state.write(|tx| {
            if let Some(existing) = store::find(tx, &name)? {
                let Some(version) = &version else {
                    return Ok(Err(exists(&name)));
                };
                return Ok(match store::version(tx, existing.id, &version.id)? {
                    _ if existing.deleted.is_some() => Err(already_deleted()),
                    Some(before) if before.same_value(version) => Ok(written(&existing, Some(&version.id))),
                    _ => Err(exists(&name)),
                });
            }
            let secret = store::insert(tx, &arn, &name, &request.details(), now)?;
            if let Some(version) = &version {
                store::add_version(tx, secret.id, version, now)?;
                store::move_label(tx, secret.id, CURRENT, &version.id)?;
            }
            Ok(Ok(written(
                &secret,
                version.as_ref().map(|version| version.id.as_str()),
            )))
        })?
    }

    fn put_value(&self, request: Write) -> Result<Value, ApiError> {
        let version = request.version(&self.inner.clock)?.ok_or_else(|| {
            ApiError::bad_request(
                "InvalidRequestException",
                "You must provide either SecretString or SecretBinary.",
            )
        })?;
        let labels = request
            .version_stages
            .clone()
            .unwrap_or_else(|| vec![CURRENT.to_owned()]);
        if labels.is_empty() || labels.len() > MAX_STAGES || labels.iter().any(|l| l.is_empty() || l.len() > 256) {
            return Err(invalid_parameter(
                "VersionStages has 1 to 20 labels of 1 to 256 characters",
            ));
        }
        let now = self.inner.clock.now();
        self.inner.state.write(|tx| {
            let secret = match live(store::find(tx, request.secret_id())?) {
                Ok(secret) => secret,
                Err(error) => return Ok(Err(error)),
            };
            if let Err(error) = put_version(tx, &secret, &version, &labels, now)? {
                return Ok(Err(error));
            }
            let stages = store::labels(tx, secret.id, &version.id)?;
            let mut answer = written(&secret, Some(&version.id));
            if let Value::Object(fields) = &mut answer {
                fields.insert("VersionStages".to_owned(), json!(stages));
            }
            Ok(Ok(answer))
        })?
    }

    fn update(&self, request: Write) -> Result<Value, ApiError> {
        let version = request.version(&self.inner.clock)?;
        let now = self.inner.clock.now();
        self.inner.state.write(|tx| {
            let secret = match live(store::find(tx, request.secret_id())?) {
                Ok(secret) => secret,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(version) = &version
                && let Err(error) = put_version(tx, &secret, version, &[CURRENT.to_owned()], now)?
            {
                return Ok(Err(error));
            }
            store::change_details(tx, secret.id, &request.details(), now)?;
            Ok(Ok(written(
                &secret,
                version.as_ref().map(|version| version.id.as_str()),
            )))
        })?
    }

    fn get_value(&self, request: &Read) -> Result<Value, ApiError> {
        let today = self.inner.clock.now();
        self.inner.state.write(|tx| {
            let secret = match live(store::find(tx, &request.secret_id)?) {
                Ok(secret) => secret,
                Err(error) => return Ok(Err(error)),
            };
            let label = request.version_stage.as_deref();
            let id = match &request.version_id {
                Some(id) => Some(id.clone()),
                None => store::labelled(tx, secret.id, label.unwrap_or(CURRENT))?,
            };
            let missing = || match &request.version_id {
                Some(id) => not_found(&format!("the specified secret value for VersionId: {id}")),
                None => {
                    let label = label.unwrap_or(CURRENT);
                    not_found(&format!("the specified secret value for staging label: {label}"))
                }
            };
            let Some(id) = id else { return Ok(Err(missing())) };
            let Some(version) = store::version(tx, secret.id, &id)? else {
                return Ok(Err(missing()));
            };
            let labels = store::labels(tx, secret.id, &id)?;
            if request.version_id.is_some() && label.is_some_and(|label| !labels.iter().any(|has| has == label)) {
                return Ok(Err(ApiError::bad_request(
                    "InvalidRequestException",
                    "You provided a VersionStage that is not associated to the provided VersionId.",
                )));
            }
            store::accessed(tx, secret.id, today)?;
            Ok(Ok(json!({
                "ARN": secret.arn,
                "Name": secret.name,
                "VersionId": version.id,
                "SecretString": version.text,
                "SecretBinary": version.binary,
                "VersionStages": labels,
                "CreatedDate": epoch(version.created),
            })))
        })?
    }

    fn describe(&self, request: &Read) -> Result<Value, ApiError> {
        self.inner.state.read(|connection| {
            // The one operation that still answers for a secret that is marked for deletion.
            let Some(secret) = store::find(connection, &request.secret_id)? else {
                return Ok(Err(no_such_secret()));
            };
            let stages = store::all_labels(connection, secret.id)?;
            let mut answer = entry(&secret);
            if let Value::Object(fields) = &mut answer {
                fields.insert("VersionIdsToStages".to_owned(), json!(stages));
            }
            Ok(Ok(answer))
        })?
    }

    fn delete(&self, request: &Delete) -> Result<Value, ApiError> {
        let days = match (request.recovery_window_in_days, request.force_delete_without_recovery) {
            (Some(_), true) => {
                return Err(invalid_parameter(
                    "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
                ));
            }
            (Some(days), false) if !(7..=30).contains(&days) => {
                return Err(invalid_parameter(
                    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
                ));
            }
            (_, true) => 0,
            (days, false) => days.unwrap_or(DEFAULT_RECOVERY_DAYS),
        };
        let now = self.inner.clock.now();
        let date = now
            .checked_add(SignedDuration::from_hours(days * 24))
            .unwrap_or(Timestamp::MAX);
        self.inner.state.write(|tx| {
            let secret = match store::find(tx, &request.secret_id)? {
                // Forcing succeeds for a secret that is gone or was never there.
                None if request.force_delete_without_recovery => {
                    let name = &request.secret_id;
                    return Ok(Ok(json!({ "ARN": name, "Name": name, "DeletionDate": epoch(date) })));
                }
                None => return Ok(Err(no_such_secret())),
                Some(secret) => secret,
            };
            if request.force_delete_without_recovery {
                store::remove(tx, secret.id)?;
            } else if secret.deleted.is_some() {
                return Ok(Err(marked_for_deletion()));
            } else {
                store::mark_deleted(tx, secret.id, Some(date))?;
            }
            Ok(Ok(
                json!({ "ARN": secret.arn, "Name": secret.name, "DeletionDate": epoch(date) }),
            ))
        })?
    }

    fn restore(&self, request: &Read) -> Result<Value, ApiError> {
        self.inner.state.write(|tx| {
            let Some(secret) = store::find(tx, &request.secret_id)? else {
                return Ok(Err(no_such_secret()));
            };
            store::mark_deleted(tx, secret.id, None)?;
            Ok(Ok(json!({ "ARN": secret.arn, "Name": secret.name })))
        })?
    }

    fn list(&self, request: &List) -> Result<Value, ApiError> {
        let size = match request.max_results.unwrap_or(MAX_RESULTS) {
            size @ 1..=MAX_RESULTS => size,
            _ => return Err(invalid_parameter("MaxResults must be between 1 and 100")),
        };
        let after = match &request.next_token {
            None => String::new(),
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| ApiError::bad_request("InvalidNextTokenException", "The NextToken value is invalid."))?,
        };
        for filter in &request.filters {
            if !matches!(filter.key.as_str(), "name" | "description") {
                return Err(invalid_parameter(format!(
                    "this simulator can't filter by {}",
                    filter.key
                )));
            }
        }
        let all = self.inner.state.read(|connection| store::list(connection, &after))?;
        let mut found: Vec<Secret> = all
            .into_iter()
            .filter(|secret| request.include_planned_deletion || secret.deleted.is_none())
            .filter(|secret| request.filters.iter().all(|filter| filter.matches(secret)))
            .take(size + 1)
            .collect();
        let more = found.len() > size;
        found.truncate(size);
        let token = found
            .last()
            .filter(|_| more)
            .map(|last| URL_SAFE_NO_PAD.encode(&last.name));
        Ok(json!({ "SecretList": found.iter().map(entry).collect::<Vec<_>>(), "NextToken": token }))
    }
}

/// Stores a version and moves its labels; a version that is there already with the same value is left as it is.
fn put_version(
    tx: &rusqlite::Transaction<'_>,
    secret: &Secret,
    version: &NewVersion,
    labels: &[String],
    now: Timestamp,
) -> rusqlite::Result<Result<(), ApiError>> {
    if let Some(before) = store::version(tx, secret.id, &version.id)? {
        return Ok(if before.same_value(version) {
            Ok(())
        } else {
            Err(ApiError::bad_request(
                "ResourceExistsException",
                "The operation failed because the secret version already exists with a different value.",
            ))
        });
    }
    // The first version is always the current one.
    let first = store::all_labels(tx, secret.id)?.is_empty();
    store::add_version(tx, secret.id, version, now)?;
    for label in labels {
        move_label(tx, secret.id, label, &version.id)?;
    }
    if first {
        move_label(tx, secret.id, CURRENT, &version.id)?;
    }
    Ok(Ok(()))
}

/// Moves a label; when the current version changes, the one before becomes the previous one.
fn move_label(tx: &rusqlite::Transaction<'_>, secret: i64, label: &str, version: &str) -> rusqlite::Result<()> {
    if label == CURRENT
        && let Some(before) = store::labelled(tx, secret, CURRENT)?
        && before != version
    {
        store::move_label(tx, secret, PREVIOUS, &before)?;
    }
    store::move_label(tx, secret, label, version)
}

/// What is written of a secret by CreateSecret, PutSecretValue and UpdateSecret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Write {
    name: Option<String>,
    secret_id: Option<String>,
    client_request_token: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_stages: Option<Vec<String>>,
    description: Option<String>,
    kms_key_id: Option<String>,
    tags: Option<Value>,
}

impl Write {
    fn secret_id(&self) -> &str {
        self.secret_id.as_deref().unwrap_or_default()
    }

    fn details(&self) -> store::Details {
        store::Details {
            description: self.description.clone(),
            kms_key_id: self.kms_key_id.clone(),
            tags: self.tags.clone(),
        }
    }

    /// The version that this request adds, if it carries a value.
    fn version(&self, clock: &Clock) -> Result<Option<NewVersion>, ApiError> {
        let value = match (&self.secret_string, &self.secret_binary) {
            (Some(_), Some(_)) => {
                return Err(invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value.",
                ));
            }
            (None, None) => return Ok(None),
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(binary)) => STANDARD
                .decode(binary)
                .map_err(|_| invalid_parameter("SecretBinary is not base64"))?,
        };
        if value.is_empty() || value.len() > MAX_VALUE_BYTES {
            return Err(invalid_parameter(format!(
                "a secret value has 1 to {MAX_VALUE_BYTES} bytes"
            )));
        }
        let id = self.client_request_token.clone().ok_or_else(|| {
            ApiError::bad_request(
                "InvalidRequestException",
                "You must provide a ClientRequestToken value.",
            )
        })?;
        if !(32..=64).contains(&id.len()) {
            return Err(invalid_parameter("ClientRequestToken must be 32-64 characters long."));
        }
        let (text, binary) = (self.secret_string.clone(), self.secret_binary.clone());
        Ok(Some(NewVersion {
            id,
            text,
            binary,
            created: clock.now(),
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    secret_id: String,
    recovery_window_in_days: Option<i64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    #[serde(default)]
    include_planned_deletion: bool,
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

impl Filter {
    /// Prefix match, `!` negates; one of the values is enough.
    fn matches(&self, secret: &Secret) -> bool {
        let text = match self.key.as_str() {
            "name" => secret.name.as_str(),
            _ => secret.details.description.as_deref().unwrap_or_default(),
        };
        self.values.iter().any(|value| match value.strip_prefix('!') {
            Some(unwanted) => !text.starts_with(unwanted),
            None => text.starts_with(value.as_str()),
        })
    }
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ApiError> {
    // Serde's messages quote what they stumble over, which may be a secret.
    serde_json::from_slice(body)
        .map_err(|_| ApiError::bad_request("SerializationException", "the request is not of the operation's shape"))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
        return Err(ApiError::bad_request(
            "ValidationException",
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    Ok(())
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterException", message)
}

fn not_found(what: &str) -> ApiError {
    ApiError::bad_request(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find {what}"),
    )
}

fn no_such_secret() -> ApiError {
    not_found("the specified secret.")
}

fn marked_for_deletion() -> ApiError {
    ApiError::bad_request(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

fn already_deleted() -> ApiError {
    ApiError::bad_request(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    )
}

fn exists(name: &str) -> ApiError {
    ApiError::bad_request(
        "ResourceExistsException",
        format!("The operation failed because the secret {name} already exists."),
    )
}

/// The secret, unless there is none or it waits for its deletion.
fn live(found: Option<Secret>) -> Found {
    match found {
        None => Err(no_such_secret()),
        Some(secret) if secret.deleted.is_some() => Err(marked_for_deletion()),
        Some(secret) => Ok(secret),
    }
}

fn written(secret: &Secret, version: Option<&str>) -> Value {
    match version {
        Some(version) => json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": version }),
        None => json!({ "ARN": secret.arn, "Name": secret.name }),
    }
}

/// What DescribeSecret and ListSecrets tell of a secret.
fn entry(secret: &Secret) -> Value {
    json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.details.description,
        "KmsKeyId": secret.details.kms_key_id,
        "Tags": secret.details.tags,
        "CreatedDate": epoch(secret.created),
        "LastChangedDate": epoch(secret.changed),
        "LastAccessedDate": secret.accessed.map(epoch),
        "DeletedDate": secret.deleted.map(epoch),
    })
}

/// Seconds since the epoch with their fraction, as AWS JSON writes times.
fn epoch(time: Timestamp) -> Value {
    let millis = time.as_millisecond() as f64;
    json!(millis / 1000.0)
}

async fn dispatch(AxumState(secrets): AxumState<Secrets>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let Some(operation) = target.strip_prefix(TARGET_PREFIX) else {
        let error = ApiError::new(
            StatusCode::BAD_REQUEST,
            "UnknownOperationException",
            "no operation was named",
        );
        return error.into_response(PROTOCOL);
    };
    let work = async { respond(PROTOCOL, secrets.call(operation, &body)) };
    secrets.inner.faults.around(PROTOCOL, operation, work).await
}

#[cfg(test)]
mod tests;
