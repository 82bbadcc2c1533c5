//! A small SQS: standard queues with delays and visibility time-outs, over the AWS JSON 1.0 protocol.
//!
//! The functions send delayed messages, and the services of this crate dead letters and failure records. Queues are made by [`Queues::create`] or
//! `CreateQueue`. Left out: FIFO queues, batches, redrive (the mapping does it), and `MD5OfMessageBody` (the Rust SDK does not check it).

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Json, State as AxumState};
use axum::http::HeaderMap;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

use super::wire::{self, ApiError, Protocol};
use super::{ACCOUNT, Base, Faults, State, queue_arn, queue_name};
use crate::sim::{self, Clock, random_id};

const PROTOCOL: Protocol = Protocol::AwsJson("application/x-amz-json-1.0");
const TARGET_PREFIX: &str = "AmazonSQS.";

/// The longest delay of a message (SQS `DelaySeconds`).
const MAX_DELAY_SECONDS: i64 = 900;
/// The longest visibility time-out.
const MAX_VISIBILITY_SECONDS: i64 = 43_200;
/// The visibility time-out of a receive that names none.
const DEFAULT_VISIBILITY_SECONDS: i64 = 30;
/// The longest wait of a receive for a message to arrive.
const MAX_WAIT_SECONDS: u64 = 20;
/// The most messages in one answer.
const MAX_RECEIVE: i64 = 10;
/// The largest message body (1 MiB since August 2025).
const MAX_BODY_BYTES: usize = 1_048_576;
/// Who sends, for all messages: nobody signs in here.
const SENDER: &str = "AROAEXAMPLEID:hourglass";
/// The most messages that `_state` lists of one queue.
const MAX_LISTED: i64 = 1_000;

/// The running service; clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: String,
    state: State,
    clock: Clock,
    faults: Faults,
    arrived: Notify,
}

/// A message as a test or a person sees it in a queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueuedMessage {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// Its attributes by name, strings only.
    pub attributes: Map<String, Value>,
    /// When it can be received (next).
    pub visible_at: Timestamp,
    /// How often it was received.
    pub receives: u32,
}

/// A message that was received, and has to be deleted with its receipt.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Its id.
    pub(crate) id: String,
    /// The receipt of this reception.
    pub(crate) receipt: String,
    /// Its body.
    pub(crate) body: String,
    /// What the service says of it.
    pub(crate) attributes: Value,
    /// How often it was received, this time included.
    pub(crate) receives: u32,
}

impl Queues {
    /// Starts the service on `address` (port 0 picks a free one).
    ///
    /// # Errors
    /// When the address can't be bound or the state can't be opened.
    pub async fn start(base: &Base, address: SocketAddr) -> anyhow::Result<Self> {
        base.state
            .write(|tx| tx.execute_batch(SCHEMA))
            .context("cannot prepare the queues")?;
        let (listener, url) = sim::bind(address).await.context("cannot bind the queues")?;
        let queues = Self {
            inner: Arc::new(Inner {
                url,
                state: base.state.clone(),
                clock: Arc::clone(&base.clock),
                faults: Faults::default(),
                arrived: Notify::new(),
            }),
        };
        let router = queues.router();
        let stop = base.shutdown.wait();
        base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "the queues stopped");
            }
        });
        Ok(queues)
    }

    /// The endpoint, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Faults that tests order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Makes a queue unless it is there, and answers its ARN.
    ///
    /// # Errors
    /// When the state can't be written.
    pub fn create(&self, name: &str) -> anyhow::Result<String> {
        self.inner.state.write(|tx| create_in(tx, name))?;
        Ok(queue_arn(name))
    }

    /// Puts a message into the queue with this ARN.
    ///
    /// # Errors
    /// When there is no such queue or the state can't be written.
    pub fn send(&self, arn: &str, body: &str, attributes: &Map<String, Value>) -> anyhow::Result<()> {
        let now = self.inner.clock.now();
        let sent = self.inner.state.write(|tx| send_in(tx, now, arn, body, attributes))?;
        anyhow::ensure!(sent, "there is no queue {arn}");
        self.inner.arrived.notify_waiters();
        Ok(())
    }

    /// All messages of a queue, oldest first, also those that can't be received at the moment (at most 1,000).
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn messages(&self, name: &str) -> anyhow::Result<Vec<QueuedMessage>> {
        Ok(self.inner.state.read(|connection| list_messages(connection, name))?)
    }

    /// Receives messages of a queue, at most ten, without waiting.
    pub(crate) fn receive(&self, name: &str, most: u8, visibility: Duration) -> anyhow::Result<Vec<Received>> {
        let now = self.inner.clock.now().as_millisecond();
        let seconds = i64::try_from(visibility.as_secs())?;
        let messages = self
            .take(name, i64::from(most).clamp(1, MAX_RECEIVE), now, seconds)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let text = |message: &Value, name: &str| {
            let text = message.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let received = |message: Value| {
            let attributes = message.get("Attributes").cloned().unwrap_or_default();
            let receives = text(&attributes, "ApproximateReceiveCount").parse().unwrap_or(u32::MAX);
            Received {
                id: text(&message, "MessageId"),
                receipt: text(&message, "ReceiptHandle"),
                body: text(&message, "Body"),
                attributes,
                receives,
            }
        };
        Ok(messages.into_iter().map(received).collect())
    }

    /// Deletes a message that was received.
    pub(crate) fn delete(&self, name: &str, receipt: &str) -> anyhow::Result<()> {
        let sql = "DELETE FROM sqs_messages WHERE queue = ?1 AND receipt = ?2";
        self.inner.state.write(|tx| tx.execute(sql, [name, receipt]))?;
        Ok(())
    }

    /// The url of a queue.
    #[must_use]
    pub fn url_of(&self, name: &str) -> String {
        self.queue_url(name)
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/_state", get(show_state))
            .merge(self.inner.faults.routes())
            .fallback(any(dispatch))
            .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES * 2))
            .layer(middleware::from_fn(sim::only_local_callers))
            .with_state(self.clone())
    }

    fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.inner.url)
    }

    async fn call(&self, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
        match operation {
            "CreateQueue" => self.create_queue(parse(body)?),
            "GetQueueUrl" => self.get_queue_url(&parse(body)?),
            "GetQueueAttributes" => self.get_queue_attributes(&parse(body)?),
            "SendMessage" => self.send_message(parse(body)?),
            "ReceiveMessage" => self.receive_message(parse(body)?).await,
            "DeleteMessage" => self.delete_message(&parse(body)?),
            "ChangeMessageVisibility" => self.change_visibility(&parse(body)?),
            other => Err(ApiError::bad_request(
                "InvalidAction",
                format!("no such operation: {other}"),
            )),
        }
    }

    fn create_queue(&self, request: NamedQueue) -> Result<Value, ApiError> {
        let name = request.queue_name;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 80 || !name.chars().all(allowed) {
            return Err(ApiError::bad_request(
                "InvalidParameterValue",
                "a queue name has 1 to 80 letters, digits, hyphens and underscores",
            ));
        }
        self.inner.state.write(|tx| create_in(tx, &name))?;
        Ok(json!({ "QueueUrl": self.queue_url(&name) }))
    }

    fn get_queue_url(&self, request: &NamedQueue) -> Result<Value, ApiError> {
        let known = self
            .inner
            .state
            .read(|connection| exists(connection, &request.queue_name))?;
        if known {
            Ok(json!({ "QueueUrl": self.queue_url(&request.queue_name) }))
        } else {
            Err(no_such_queue())
        }
    }

    fn get_queue_attributes(&self, request: &QueueOnly) -> Result<Value, ApiError> {
        let name = self.known_queue(&request.queue_url)?;
        let now = self.inner.clock.now().as_millisecond();
        let count = |sql: &str| {
            self.inner
                .state
                .read(|c| c.query_row(sql, params![name, now], |row| row.get::<_, i64>(0)))
        };
        let visible = count("SELECT count(*) FROM sqs_messages WHERE queue = ?1 AND visible <= ?2")?;
        let in_flight = count("SELECT count(*) FROM sqs_messages WHERE queue = ?1 AND visible > ?2 AND receives > 0")?;
        let delayed = count("SELECT count(*) FROM sqs_messages WHERE queue = ?1 AND visible > ?2 AND receives = 0")?;
        Ok(json!({ "Attributes": {
            "QueueArn": queue_arn(&name),
            "ApproximateNumberOfMessages": visible.to_string(),
            "ApproximateNumberOfMessagesNotVisible": in_flight.to_string(),
            "ApproximateNumberOfMessagesDelayed": delayed.to_string(),
        } }))
    }

    fn send_message(&self, request: SendMessage) -> Result<Value, ApiError> {
        let name = self.known_queue(&request.queue_url)?;
        if request.message_body.is_empty() || request.message_body.len() > MAX_BODY_BYTES {
            return Err(ApiError::bad_request(
                "InvalidParameterValue",
                format!("a message body has 1 to {MAX_BODY_BYTES} bytes"),
            ));
        }
        let delay = request.delay_seconds.unwrap_or(0);
        if !(0..=MAX_DELAY_SECONDS).contains(&delay) {
            return Err(ApiError::bad_request(
                "InvalidParameterValue",
                format!("DelaySeconds must be between 0 and {MAX_DELAY_SECONDS}"),
            ));
        }
        let id = random_id()?.to_string();
        let now = self.inner.clock.now().as_millisecond();
        let attributes = Value::Object(request.message_attributes).to_string();
        self.inner.state.write(|tx| {
            insert(
                tx,
                &id,
                &name,
                &request.message_body,
                &attributes,
                now,
                now.saturating_add(delay * 1000),
            )
        })?;
        self.inner.arrived.notify_waiters();
        Ok(json!({ "MessageId": id }))
    }

    async fn receive_message(&self, request: ReceiveMessage) -> Result<Value, ApiError> {
        let name = self.known_queue(&request.queue_url)?;
        let most = request.max_number_of_messages.unwrap_or(1);
        if !(1..=MAX_RECEIVE).contains(&most) {
            return Err(ApiError::bad_request(
                "InvalidParameterValue",
                "MaxNumberOfMessages must be between 1 and 10",
            ));
        }
        let visibility = request.visibility_timeout.unwrap_or(DEFAULT_VISIBILITY_SECONDS);
        check_visibility(visibility)?;
        let wait = Duration::from_secs(request.wait_time_seconds.unwrap_or(0).min(MAX_WAIT_SECONDS));
        let until = tokio::time::Instant::now() + wait;
        loop {
            let arrived = self.inner.arrived.notified();
            let now = self.inner.clock.now().as_millisecond();
            let messages = self.take(&name, most, now, visibility)?;
            if !messages.is_empty() || tokio::time::Instant::now() >= until {
                return Ok(if messages.is_empty() {
                    json!({})
                } else {
                    json!({ "Messages": messages })
                });
            }
            // The nap bounds how late a delayed message is seen; its end wakes nobody.
            let nap = tokio::time::sleep(Duration::from_millis(50));
            tokio::select! {
                () = arrived => {}
                () = nap => {}
            }
        }
    }

    fn take(&self, name: &str, most: i64, now: i64, visibility: i64) -> Result<Vec<Value>, ApiError> {
        let receipts = (0..most).map(|_| random_id()).collect::<Result<Vec<_>, _>>()?;
        let messages = self.inner.state.write(|tx| {
            let mut select = tx.prepare_cached(
                "SELECT id, body, attributes, sent, receives, coalesce(first_receive, ?2) FROM sqs_messages
                 WHERE queue = ?1 AND visible <= ?2 ORDER BY sent, seq LIMIT ?3",
            )?;
            let mut rows = select.query(params![name, now, most])?;
            let mut receipts = receipts.iter();
            let mut messages = Vec::new();
            while let (Some(row), Some(receipt)) = (rows.next()?, receipts.next()) {
                let (id, receives) = (row.get::<_, String>(0)?, row.get::<_, i64>(4)? + 1);
                let receipt = receipt.to_string();
                tx.execute(
                    "UPDATE sqs_messages SET receives = ?2, first_receive = coalesce(first_receive, ?3), visible = ?4,
                     receipt = ?5 WHERE id = ?1",
                    params![id, receives, now, now.saturating_add(visibility * 1000), receipt],
                )?;
                messages.push(json!({
                    "MessageId": id,
                    "ReceiptHandle": receipt,
                    "Body": row.get::<_, String>(1)?,
                    "MessageAttributes": parse_object(&row.get::<_, String>(2)?),
                    "Attributes": {
                        "SenderId": SENDER,
                        "SentTimestamp": row.get::<_, i64>(3)?.to_string(),
                        "ApproximateReceiveCount": receives.to_string(),
                        "ApproximateFirstReceiveTimestamp": row.get::<_, i64>(5)?.to_string(),
                    },
                }));
            }
            Ok(messages)
        })?;
        Ok(messages)
    }

    fn delete_message(&self, request: &Receipt) -> Result<Value, ApiError> {
        let name = self.known_queue(&request.queue_url)?;
        // An old receipt deletes nothing, and the answer is the same: so it is with SQS.
        self.inner.state.write(|tx| {
            tx.execute(
                "DELETE FROM sqs_messages WHERE queue = ?1 AND receipt = ?2",
                params![name, request.receipt_handle],
            )
        })?;
        Ok(json!({}))
    }

    fn change_visibility(&self, request: &Receipt) -> Result<Value, ApiError> {
        let name = self.known_queue(&request.queue_url)?;
        let visibility = request.visibility_timeout.unwrap_or(0);
        check_visibility(visibility)?;
        let visible = self
            .inner
            .clock
            .now()
            .as_millisecond()
            .saturating_add(visibility * 1000);
        let changed = self.inner.state.write(|tx| {
            tx.execute(
                "UPDATE sqs_messages SET visible = ?3 WHERE queue = ?1 AND receipt = ?2",
                params![name, request.receipt_handle, visible],
            )
        })?;
        if changed == 0 {
            return Err(ApiError::bad_request(
                "MessageNotInflight",
                "no received message has this receipt handle",
            ));
        }
        self.inner.arrived.notify_waiters();
        Ok(json!({}))
    }

    /// The queue that a queue URL's last path segment names.
    fn known_queue(&self, url: &str) -> Result<String, ApiError> {
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        if self.inner.state.read(|connection| exists(connection, &name))? {
            Ok(name)
        } else {
            Err(no_such_queue())
        }
    }
}

fn check_visibility(seconds: i64) -> Result<(), ApiError> {
    if (0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "InvalidParameterValue",
        format!("VisibilityTimeout must be between 0 and {MAX_VISIBILITY_SECONDS}"),
    ))
}

fn no_such_queue() -> ApiError {
    ApiError::bad_request(
        "com.amazonaws.sqs#QueueDoesNotExist",
        "The specified queue does not exist.",
    )
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request("SerializationException", error.to_string()))
}

fn parse_object(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|_| json!({}))
}

async fn dispatch(AxumState(queues): AxumState<Queues>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default().to_owned();
    let work = async { wire::respond(PROTOCOL, queues.call(&operation, &body).await) };
    queues.inner.faults.around(PROTOCOL, &operation, work).await
}

async fn show_state(AxumState(queues): AxumState<Queues>) -> Response {
    let listed = queues.inner.state.read(|connection| {
        let mut names = connection.prepare_cached("SELECT name FROM sqs_queues ORDER BY name")?;
        let names = names
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        names
            .into_iter()
            .map(|name| Ok(json!({ "name": name, "messages": list_messages(connection, &name)? })))
            .collect::<rusqlite::Result<Vec<Value>>>()
    });
    match listed {
        Ok(queues) => Json(json!({ "queues": queues })).into_response(),
        Err(error) => ApiError::from(error).into_response(PROTOCOL),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamedQueue {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueOnly {
    queue_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receipt {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<i64>,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS sqs_queues (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sqs_messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        queue TEXT NOT NULL,
        body TEXT NOT NULL,
        attributes TEXT NOT NULL,
        sent INTEGER NOT NULL,
        visible INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0,
        first_receive INTEGER,
        receipt TEXT
    );
    CREATE INDEX IF NOT EXISTS sqs_by_queue ON sqs_messages (queue, visible);";

fn create_in(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<usize> {
    tx.execute("INSERT OR IGNORE INTO sqs_queues (name) VALUES (?1)", [name])
}

fn exists(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let found = connection
        .prepare_cached("SELECT 1 FROM sqs_queues WHERE name = ?1")?
        .query_row([name], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

/// Puts a message into the queue with this ARN, inside a transaction of another service; `false` if there is none.
pub(crate) fn send_in(
    tx: &Transaction<'_>,
    now: Timestamp,
    arn: &str,
    body: &str,
    attributes: &Map<String, Value>,
) -> rusqlite::Result<bool> {
    let Some(name) = queue_name(arn) else { return Ok(false) };
    if !exists(tx, name)? {
        return Ok(false);
    }
    let wired: Map<String, Value> = attributes
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), json!({ "DataType": "String", "StringValue": text }))
        })
        .collect();
    let id: String = tx.query_row(RANDOM_UUID, [], |row| row.get(0))?;
    let now = now.as_millisecond();
    insert(tx, &id, name, body, &Value::Object(wired).to_string(), now, now)?;
    Ok(true)
}

/// SQLite's own randomness in the shape of a UUID, so that a message can be made where nothing else may fail.
const RANDOM_UUID: &str = "SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||
    substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

fn insert(
    tx: &Transaction<'_>,
    id: &str,
    queue: &str,
    body: &str,
    attributes: &str,
    sent: i64,
    visible: i64,
) -> rusqlite::Result<usize> {
    tx.execute(
        "INSERT INTO sqs_messages (id, queue, body, attributes, sent, visible) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![id, queue, body, attributes, sent, visible],
    )
}

fn list_messages(connection: &Connection, queue: &str) -> rusqlite::Result<Vec<QueuedMessage>> {
    connection
        .prepare_cached(
            "SELECT id, body, attributes, visible, receives FROM sqs_messages WHERE queue = ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![queue, MAX_LISTED], |row| {
            let attributes = match parse_object(&row.get::<_, String>(2)?) {
                Value::Object(wired) => wired
                    .into_iter()
                    .map(|(name, value)| (name, value.get("StringValue").cloned().unwrap_or(Value::Null)))
                    .collect(),
                _ => Map::new(),
            };
            Ok(QueuedMessage {
                id: row.get(0)?,
                body: row.get(1)?,
                attributes,
                visible_at: Timestamp::from_millisecond(row.get(3)?).unwrap_or(Timestamp::MAX),
                receives: row.get(4)?,
            })
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{any_port, base, base_on};
    use super::*;

    async fn call(queues: &Queues, operation: &str, body: Value) -> (u16, Value) {
        let answer = reqwest::Client::new()
            .post(queues.url())
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn a_message_is_received_until_it_is_deleted() {
        let base = base();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let (_, made) = call(&queues, "CreateQueue", json!({ "QueueName": "exact" })).await;
        let url = made["QueueUrl"].clone();
        call(
            &queues,
            "SendMessage",
            json!({ "QueueUrl": url, "MessageBody": "hello" }),
        )
        .await;

        let receive = json!({ "QueueUrl": url, "VisibilityTimeout": 0 });
        let (_, first) = call(&queues, "ReceiveMessage", receive.clone()).await;
        assert_eq!(first["Messages"][0]["Body"], "hello");
        let (_, second) = call(&queues, "ReceiveMessage", receive.clone()).await;
        assert_eq!(second["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "2");

        let old = json!({ "QueueUrl": url, "ReceiptHandle": first["Messages"][0]["ReceiptHandle"] });
        call(&queues, "DeleteMessage", old).await;
        assert_eq!(
            queues.messages("exact").unwrap().len(),
            1,
            "an old receipt deletes nothing"
        );
        let current = json!({ "QueueUrl": url, "ReceiptHandle": second["Messages"][0]["ReceiptHandle"] });
        call(&queues, "DeleteMessage", current).await;
        assert_eq!(call(&queues, "ReceiveMessage", receive).await.1, json!({}));
    }

    #[tokio::test]
    async fn a_delayed_message_arrives_during_a_long_poll() {
        let base = base();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        queues.create("exact").unwrap();
        let url = queues.queue_url("exact");
        let send = json!({ "QueueUrl": url, "MessageBody": "later", "DelaySeconds": 1 });
        call(&queues, "SendMessage", send).await;
        assert_eq!(
            call(&queues, "ReceiveMessage", json!({ "QueueUrl": url })).await.1,
            json!({})
        );
        let (_, counted) = call(&queues, "GetQueueAttributes", json!({ "QueueUrl": url })).await;
        assert_eq!(counted["Attributes"]["ApproximateNumberOfMessagesDelayed"], "1");
        let (_, got) = call(
            &queues,
            "ReceiveMessage",
            json!({ "QueueUrl": url, "WaitTimeSeconds": 5 }),
        )
        .await;
        assert_eq!(got["Messages"][0]["Body"], "later");
    }

    #[tokio::test]
    async fn bad_calls_are_refused() {
        let base = base();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        queues.create("known").unwrap();
        let url = queues.queue_url("known");
        let nowhere = queues.queue_url("unknown");
        for (operation, body, code) in [
            (
                "SendMessage",
                json!({ "QueueUrl": nowhere, "MessageBody": "x" }),
                "com.amazonaws.sqs#QueueDoesNotExist",
            ),
            (
                "GetQueueUrl",
                json!({ "QueueName": "unknown" }),
                "com.amazonaws.sqs#QueueDoesNotExist",
            ),
            (
                "SendMessage",
                json!({ "QueueUrl": url, "MessageBody": "" }),
                "InvalidParameterValue",
            ),
            (
                "SendMessage",
                json!({ "QueueUrl": url, "MessageBody": "x", "DelaySeconds": 901 }),
                "InvalidParameterValue",
            ),
            (
                "ReceiveMessage",
                json!({ "QueueUrl": url, "MaxNumberOfMessages": 11 }),
                "InvalidParameterValue",
            ),
            (
                "CreateQueue",
                json!({ "QueueName": "no spaces" }),
                "InvalidParameterValue",
            ),
            ("Explode", json!({}), "InvalidAction"),
        ] {
            let (status, answer) = call(&queues, operation, body.clone()).await;
            assert_eq!(
                (status, answer["__type"].as_str()),
                (400, Some(code)),
                "{operation} {body}"
            );
        }
    }

    #[tokio::test]
    async fn messages_outlive_the_service() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws.db");
        let base = base_on(State::open(&path).unwrap());
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let arn = queues.create("failures").unwrap();
        let attributes = json!({ "ERROR_CODE": "Throttled" });
        queues
            .send(&arn, "lost and found", attributes.as_object().unwrap())
            .unwrap();
        base.shutdown.finish().await;

        let base = base_on(State::open(&path).unwrap());
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let kept = queues.messages("failures").unwrap();
        assert_eq!(kept[0].body, "lost and found");
        assert_eq!(kept[0].attributes["ERROR_CODE"], "Throttled");
        assert!(queues.send(&queue_arn("nowhere"), "x", &Map::new()).is_err());
    }
}
