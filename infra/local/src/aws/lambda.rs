//! Lambda's Invoke API: functions by name, called synchronously or through the durable asynchronous queue.
//!
//! An asynchronous invocation is acknowledged once it is stored. It then gets up to three tries; what still fails, or
//! has waited too long, goes to the function's on-failure destination. A try that was under way when the process died
//! is made again, so a function may see an event twice, as in AWS.

use anyhow::Context;
use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Json, Path, State as AxumState};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::wire::{self, ApiError, Protocol};
use super::{Base, Faults, State, function_arn, function_name, queues};
use crate::sim::{self, Clock, random_id};

const PROTOCOL: Protocol = Protocol::RestJson;
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");

/// The largest event of a synchronous invocation.
const MAX_SYNC_BYTES: usize = 6 * 1024 * 1024;
/// The largest event of an asynchronous invocation (1 MB since October 2025).
const MAX_ASYNC_BYTES: usize = 1024 * 1024;
/// The most asynchronous events that run at a time, over all functions.
const MAX_RUNNING: usize = 64;
/// The longest time the queue goes without looking whether something is due; bounds the effect of a clock that jumps.
const LONGEST_NAP: Duration = Duration::from_millis(200);

/// A function's own failure, as the runtime reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error_type}: {error_message}")]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// What kind of failure.
    pub error_type: String,
    /// What a person reads.
    pub error_message: String,
}

impl FunctionError {
    /// A failure with its kind and message.
    #[must_use]
    pub fn new(error_type: &str, message: impl fmt::Display) -> Self {
        Self {
            error_type: error_type.to_owned(),
            error_message: message.to_string(),
        }
    }
}

impl From<anyhow::Error> for FunctionError {
    fn from(error: anyhow::Error) -> Self {
        Self::new("HandlerError", format!("{error:#}"))
    }
}

/// Something that can be invoked: a closure in this process, or a built binary behind
/// [`RuntimeFunction`](super::runtime_api::RuntimeFunction).
#[async_trait]
pub trait Function: Send + Sync + 'static {
    /// Handles one event; the answer after `deadline` is of no use to anybody.
    async fn invoke(&self, payload: Value, deadline: Timestamp) -> Result<Value, FunctionError>;
}

struct Closure<F>(F);

#[async_trait]
impl<F, Fut, E> Function for Closure<F>
where
    F: Fn(Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, E>> + Send + 'static,
    E: Into<FunctionError>,
{
    async fn invoke(&self, payload: Value, _deadline: Timestamp) -> Result<Value, FunctionError> {
        (self.0)(payload).await.map_err(Into::into)
    }
}

/// Makes a function of a closure.
pub fn function<F, Fut, E>(handler: F) -> Arc<dyn Function>
where
    F: Fn(Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Value, E>> + Send + 'static,
    E: Into<FunctionError> + 'static,
{
    Arc::new(Closure(handler))
}

/// How a function is configured.
#[derive(Debug, Clone)]
pub struct FunctionConfig {
    /// How long an invocation may take.
    pub timeout: Duration,
    /// How long after each failed asynchronous try the next one follows; there are as many more tries.
    pub retry_delays: Vec<Duration>,
    /// How old an asynchronous event may become before it is given up.
    pub max_event_age: Duration,
    /// The ARN of the queue that gets the record of an event that was given up.
    pub on_failure: Option<String>,
}

impl Default for FunctionConfig {
    /// What AWS does: two more tries after one and two minutes, events live for 6 hours.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            retry_delays: vec![Duration::from_secs(60), Duration::from_secs(120)],
            max_event_age: Duration::from_secs(6 * 60 * 60),
            on_failure: None,
        }
    }
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// No function of that name is registered.
    #[error("function not found: {0}")]
    NotFound(String),
    /// The function ran and failed.
    #[error(transparent)]
    Failed(#[from] FunctionError),
    /// The event could not be stored.
    #[error("the event could not be stored: {0}")]
    State(String),
}

#[derive(Clone)]
struct Registered {
    function: Arc<dyn Function>,
    config: FunctionConfig,
}

/// How often a function ran, since this process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// Invocations that were started.
    pub started: u64,
    /// Of those, the ones that failed.
    pub failed: u64,
}

/// The running service; clones are handles of the same one.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    state: State,
    clock: Clock,
    faults: Faults,
    functions: RwLock<BTreeMap<String, Registered>>,
    runs: Mutex<BTreeMap<String, Runs>>,
    changed: Notify,
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lambda")
            .field("url", &self.inner.url)
            .finish_non_exhaustive()
    }
}

/// What to start now, and when the first of the others is due.
type Due = (Vec<(Event, Registered)>, Option<Timestamp>);

/// One row of the asynchronous queue.
#[derive(Debug)]
struct Event {
    id: String,
    function: String,
    payload: String,
    attempts: u32,
    queued: Timestamp,
}

impl Lambda {
    /// Starts the service on `address` (port 0 picks a free one); functions are registered afterwards.
    ///
    /// # Errors
    /// When the address can't be bound or the state can't be opened.
    pub async fn start(base: &Base, address: SocketAddr) -> anyhow::Result<Self> {
        base.state
            .write(|tx| tx.execute_batch(SCHEMA))
            .context("cannot prepare the asynchronous queue")?;
        let (listener, url) = sim::bind(address).await.context("cannot bind Lambda")?;
        let lambda = Self {
            inner: Arc::new(Inner {
                url,
                state: base.state.clone(),
                clock: Arc::clone(&base.clock),
                faults: Faults::default(),
                functions: RwLock::default(),
                runs: Mutex::default(),
                changed: Notify::new(),
            }),
        };
        let (router, stop) = (lambda.router(), base.shutdown.wait());
        base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "Lambda stopped");
            }
        });
        base.shutdown.spawn(lambda.clone().work_off(base.shutdown.wait()));
        Ok(lambda)
    }

    /// The endpoint, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Faults that tests order (operation `Invoke`).
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Adds a function, or replaces the one of this name. Its stored events start to be worked off.
    pub fn register(&self, name: &str, function: Arc<dyn Function>, config: FunctionConfig) {
        let registered = Registered { function, config };
        self.inner
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), registered);
        self.inner.changed.notify_one();
    }

    /// How often each function ran.
    #[must_use]
    pub fn runs(&self) -> BTreeMap<String, Runs> {
        self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Invokes a function (by name or ARN) and waits for its answer.
    ///
    /// # Errors
    /// When there is no such function, or it fails, panics or takes too long.
    pub async fn invoke(&self, reference: &str, payload: Value) -> Result<Value, InvokeError> {
        let name = function_name(reference);
        let registered = self
            .registered(name)
            .ok_or_else(|| InvokeError::NotFound(function_arn(name)))?;
        Ok(self.run(name, &registered, payload).await?)
    }

    /// Stores an event for a function (by name or ARN) and answers the id of the invocation.
    ///
    /// # Errors
    /// When there is no such function or the event can't be stored.
    pub fn invoke_async(&self, reference: &str, payload: &Value) -> Result<String, InvokeError> {
        let name = function_name(reference);
        if self.registered(name).is_none() {
            return Err(InvokeError::NotFound(function_arn(name)));
        }
        let stored = |error: &dyn fmt::Display| InvokeError::State(error.to_string());
        let id = random_id().map_err(|error| stored(&error))?.to_string();
        let now = self.inner.clock.now().as_millisecond();
        self.inner
            .state
            .write(|tx| {
                tx.execute(
                    "INSERT INTO lambda_events (id, function, payload, attempts, queued, next) VALUES (?1, ?2, ?3, 0, ?4, ?4)",
                    params![id, name, payload.to_string(), now],
                )
            })
            .map_err(|error| stored(&error))?;
        self.inner.changed.notify_one();
        Ok(id)
    }

    fn registered(&self, name: &str) -> Option<Registered> {
        self.inner
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    fn count(&self, name: &str, change: impl FnOnce(&mut Runs)) {
        change(
            self.inner
                .runs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(name.to_owned())
                .or_default(),
        );
    }

    /// Runs a function in a task of its own, so that a panic or a time-out is an answer like any other.
    async fn run(&self, name: &str, registered: &Registered, payload: Value) -> Result<Value, FunctionError> {
        self.count(name, |runs| runs.started += 1);
        let timeout = registered.config.timeout;
        let allowed = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
        let deadline = self.inner.clock.now().checked_add(allowed).unwrap_or(Timestamp::MAX);
        let function = Arc::clone(&registered.function);
        // A set and not a bare spawn: dropping it (time-out, shutdown) aborts the function.
        let mut sandbox = JoinSet::new();
        sandbox.spawn(async move { function.invoke(payload, deadline).await });
        let outcome = match tokio::time::timeout(timeout, sandbox.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(error))) if error.is_panic() => {
                Err(FunctionError::new("Runtime.Panic", "the handler panicked"))
            }
            Ok(_) => Err(FunctionError::new("Runtime.ExitError", "the handler was stopped")),
            Err(_) => Err(FunctionError::new(
                "Sandbox.Timedout",
                format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()),
            )),
        };
        if outcome.is_err() {
            self.count(name, |runs| runs.failed += 1);
        }
        outcome
    }

    /// Works off the asynchronous queue until `stop` resolves.
    async fn work_off(self, stop: impl Future<Output = ()>) {
        let mut running = JoinSet::new();
        let mut in_flight = HashMap::new();
        tokio::pin!(stop);
        loop {
            let busy: HashSet<String> = in_flight.values().cloned().collect();
            let now = self.inner.clock.now();
            let mut nap = LONGEST_NAP;
            match self.due(now, &busy) {
                Ok((due, next)) => {
                    for (event, registered) in due {
                        let (lambda, id) = (self.clone(), event.id.clone());
                        let task = running.spawn(async move { lambda.attempt(event, registered).await });
                        in_flight.insert(task.id(), id);
                    }
                    if let Some(next) = next {
                        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
                        nap = nap.min(wait.max(Duration::from_millis(1)));
                    }
                }
                Err(error) => tracing::error!(%error, "the asynchronous queue can't be read"),
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep(nap) => {}
                Some(done) = running.join_next_with_id() => {
                    let task = match done {
                        Ok((task, ())) => task,
                        Err(error) => error.id(),
                    };
                    in_flight.remove(&task);
                }
            }
        }
    }

    /// The events to start now, and when the first of the others is due.
    fn due(&self, now: Timestamp, busy: &HashSet<String>) -> rusqlite::Result<Due> {
        let room = MAX_RUNNING.saturating_sub(busy.len());
        let mut due = Vec::new();
        let mut next = None;
        self.inner.state.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, function, payload, attempts, queued, next FROM lambda_events ORDER BY next, seq",
            )?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let (id, function) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                if busy.contains(&id) {
                    continue;
                }
                let Some(registered) = self.registered(&function) else {
                    continue;
                };
                let when = Timestamp::from_millisecond(row.get(5)?).unwrap_or(Timestamp::MAX);
                if when > now {
                    next = Some(when);
                    break;
                }
                if due.len() >= room {
                    break;
                }
                let queued = Timestamp::from_millisecond(row.get(4)?).unwrap_or(now);
                let event = Event {
                    id,
                    function,
                    payload: row.get(2)?,
                    attempts: row.get(3)?,
                    queued,
                };
                due.push((event, registered));
            }
            Ok(())
        })?;
        Ok((due, next))
    }

    /// One try of one event, and what follows from it.
    async fn attempt(&self, event: Event, registered: Registered) {
        let payload: Value = serde_json::from_str(&event.payload).unwrap_or(Value::Null);
        let age = self.inner.clock.now().duration_since(event.queued);
        let too_old = Duration::try_from(age).is_ok_and(|age| age > registered.config.max_event_age);
        let outcome = if too_old && event.attempts > 0 {
            Err((
                event.attempts,
                FunctionError::new("EventAgeExceeded", "the event waited too long"),
                "EventAgeExceeded",
            ))
        } else {
            let attempts = event.attempts + 1;
            let outcome = self.run(&event.function, &registered, payload.clone()).await;
            outcome.map_err(|error| (attempts, error, "RetriesExhausted"))
        };
        let stored = match outcome {
            Ok(_) => self.forget(&event.id),
            Err((attempts, error, condition)) => {
                tracing::debug!(function = event.function, attempts, %error, "an asynchronous invocation failed");
                let delay = usize::try_from(attempts)
                    .ok()
                    .and_then(|n| registered.config.retry_delays.get(n.checked_sub(1)?));
                match delay {
                    Some(delay) if condition != "EventAgeExceeded" => self.retry_later(&event.id, attempts, *delay),
                    _ => self.give_up(&event, &registered.config, &payload, attempts, &error, condition),
                }
            }
        };
        if let Err(error) = stored {
            tracing::error!(%error, function = event.function, "the outcome of an event can't be stored");
        }
    }

    fn forget(&self, id: &str) -> rusqlite::Result<()> {
        self.inner
            .state
            .write(|tx| tx.execute("DELETE FROM lambda_events WHERE id = ?1", [id]))?;
        Ok(())
    }

    fn retry_later(&self, id: &str, attempts: u32, delay: Duration) -> rusqlite::Result<()> {
        let delay = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let next = self.inner.clock.now().as_millisecond().saturating_add(delay);
        self.inner.state.write(|tx| {
            tx.execute(
                "UPDATE lambda_events SET attempts = ?2, next = ?3 WHERE id = ?1",
                params![id, attempts, next],
            )
        })?;
        Ok(())
    }

    fn give_up(
        &self,
        event: &Event,
        config: &FunctionConfig,
        payload: &Value,
        attempts: u32,
        error: &FunctionError,
        condition: &str,
    ) -> rusqlite::Result<()> {
        let now = self.inner.clock.now();
        let record = json!({
            "version": "1.0",
            "timestamp": now.to_string(),
            "requestContext": {
                "requestId": event.id,
                "functionArn": format!("{}:$LATEST", function_arn(&event.function)),
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": payload,
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": error,
        });
        self.inner.state.write(|tx| {
            if let Some(arn) = &config.on_failure
                && !queues::send_in(tx, now, arn, &record.to_string(), &Map::new())?
            {
                tracing::error!(arn, "an on-failure destination does not exist");
            }
            tx.execute("DELETE FROM lambda_events WHERE id = ?1", [&event.id])
        })?;
        tracing::warn!(
            function = event.function,
            condition,
            "an asynchronous event was given up"
        );
        Ok(())
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/2015-03-31/functions/{reference}/invocations", post(invoke_endpoint))
            .route("/_state", get(show_state))
            .merge(self.inner.faults.routes())
            .layer(DefaultBodyLimit::max(MAX_SYNC_BYTES + 1))
            .layer(middleware::from_fn(sim::only_local_callers))
            .with_state(self.clone())
    }

    async fn endpoint(&self, reference: &str, kind: &str, body: &[u8]) -> Response {
        let limit = if kind == "Event" {
            MAX_ASYNC_BYTES
        } else {
            MAX_SYNC_BYTES
        };
        if body.len() > limit {
            let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
            let error = ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", message);
            return error.into_response(PROTOCOL);
        }
        let payload = match body {
            [] => json!({}),
            body => match serde_json::from_slice(body) {
                Ok(payload) => payload,
                Err(error) => {
                    let message = format!("Could not parse request body into json: {error}");
                    return ApiError::bad_request("InvalidRequestContentException", message).into_response(PROTOCOL);
                }
            },
        };
        let mut response = match kind {
            "Event" => match self.invoke_async(reference, &payload) {
                Ok(_) => StatusCode::ACCEPTED.into_response(),
                Err(error) => return refusal(error).into_response(PROTOCOL),
            },
            "DryRun" if self.registered(function_name(reference)).is_some() => StatusCode::NO_CONTENT.into_response(),
            "DryRun" => return refusal(InvokeError::NotFound(function_arn(reference))).into_response(PROTOCOL),
            "RequestResponse" => match self.invoke(reference, payload).await {
                Ok(answer) => wire::answer(StatusCode::OK, PROTOCOL, &answer),
                Err(InvokeError::Failed(error)) => {
                    let mut response = wire::answer(StatusCode::OK, PROTOCOL, &json!(error));
                    response
                        .headers_mut()
                        .insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
                    response
                }
                Err(error) => return refusal(error).into_response(PROTOCOL),
            },
            other => {
                let message = format!("no such invocation type: {other}");
                return ApiError::bad_request("InvalidParameterValueException", message).into_response(PROTOCOL);
            }
        };
        response
            .headers_mut()
            .insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
        response
    }
}

fn refusal(error: InvokeError) -> ApiError {
    match error {
        InvokeError::NotFound(arn) => ApiError::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            format!("Function not found: {arn}"),
        ),
        InvokeError::Failed(error) => ApiError::new(StatusCode::BAD_GATEWAY, "ServiceException", error.to_string()),
        InvokeError::State(message) => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", message),
    }
}

async fn invoke_endpoint(
    AxumState(lambda): AxumState<Lambda>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers
        .get("x-amz-invocation-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("RequestResponse");
    lambda
        .inner
        .faults
        .around(PROTOCOL, "Invoke", lambda.endpoint(&reference, kind, &body))
        .await
}

async fn show_state(AxumState(lambda): AxumState<Lambda>) -> Response {
    let queued = lambda.inner.state.read(|connection| {
        connection
            .prepare_cached("SELECT id, function, payload, attempts, next FROM lambda_events ORDER BY seq LIMIT 1000")?
            .query_map([], |row| {
                Ok(json!({
                    "id": row.get::<_, String>(0)?,
                    "function": row.get::<_, String>(1)?,
                    "payload": serde_json::from_str::<Value>(&row.get::<_, String>(2)?).unwrap_or(Value::Null),
                    "attempts": row.get::<_, u32>(3)?,
                    "next": Timestamp::from_millisecond(row.get(4)?).unwrap_or(Timestamp::MAX),
                }))
            })?
            .collect::<rusqlite::Result<Vec<Value>>>()
    });
    match queued {
        Ok(queued) => Json(json!({ "queued": queued, "runs": lambda.runs() })).into_response(),
        Err(error) => ApiError::from(error).into_response(PROTOCOL),
    }
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS lambda_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        function TEXT NOT NULL,
        payload TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        queued INTEGER NOT NULL,
        next INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS lambda_by_next ON lambda_events (next, seq);";

#[cfg(test)]
mod tests {
    use super::super::queues::Queues;
    use super::super::testing::{any_port, base, base_on, eventually};
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn quick() -> FunctionConfig {
        FunctionConfig {
            retry_delays: vec![Duration::from_millis(5), Duration::from_millis(10)],
            ..FunctionConfig::default()
        }
    }

    async fn call(lambda: &Lambda, reference: &str, kind: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        reqwest::Client::new()
            .post(format!("{}/2015-03-31/functions/{reference}/invocations", lambda.url()))
            .header("x-amz-invocation-type", kind)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_synchronous_call_answers_what_the_function_answers() {
        let base = base();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let echo = function(|payload: Value| async move { Ok::<_, FunctionError>(json!({ "got": payload })) });
        lambda.register("echo", echo, quick());
        for reference in ["echo", "arn:aws:lambda:us-east-1:111122223333:function:echo"] {
            let answer = call(&lambda, reference, "RequestResponse", r#"{"a":1}"#).await;
            assert_eq!(answer.headers().get("x-amz-function-error"), None);
            assert_eq!(answer.headers()["x-amz-executed-version"], "$LATEST");
            assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "got": { "a": 1 } }));
        }
    }

    #[tokio::test]
    async fn failures_panics_and_time_outs_are_unhandled_function_errors() {
        let base = base();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let broken = function(|payload: Value| async move {
            match payload["how"].as_str() {
                Some("panic") => panic!("on purpose"),
                _ => Err::<Value, _>(anyhow::anyhow!("no luck")),
            }
        });
        lambda.register("broken", broken, quick());
        // The short limit is for this one alone: what answers must not be cut off on a busy machine.
        let hung = function(|_: Value| async move { std::future::pending::<Result<Value, FunctionError>>().await });
        let timeout = Duration::from_millis(300);
        lambda.register("hung", hung, FunctionConfig { timeout, ..quick() });
        for (name, how, kind) in [
            ("broken", "fail", "HandlerError"),
            ("broken", "panic", "Runtime.Panic"),
            ("hung", "hang", "Sandbox.Timedout"),
        ] {
            let answer = call(&lambda, name, "RequestResponse", json!({ "how": how }).to_string()).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["x-amz-function-error"], "Unhandled");
            assert_eq!(answer.json::<Value>().await.unwrap()["errorType"], kind);
        }
        assert_eq!(lambda.runs()["broken"], Runs { started: 2, failed: 2 });
        assert_eq!(lambda.runs()["hung"], Runs { started: 1, failed: 1 });
    }

    #[tokio::test]
    async fn bad_calls_are_refused() {
        let base = base();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let echo = function(|payload: Value| async move { Ok::<_, FunctionError>(payload) });
        lambda.register("echo", echo, quick());
        for (reference, kind, body, status, code) in [
            (
                "nobody",
                "RequestResponse",
                "{}".to_owned(),
                404,
                "ResourceNotFoundException",
            ),
            ("nobody", "Event", "{}".to_owned(), 404, "ResourceNotFoundException"),
            (
                "echo",
                "Event",
                "not json".to_owned(),
                400,
                "InvalidRequestContentException",
            ),
            (
                "echo",
                "Sideways",
                "{}".to_owned(),
                400,
                "InvalidParameterValueException",
            ),
            (
                "echo",
                "Event",
                format!("\"{}\"", "x".repeat(MAX_ASYNC_BYTES)),
                413,
                "RequestTooLargeException",
            ),
        ] {
            let answer = call(&lambda, reference, kind, body).await;
            assert_eq!(
                (
                    answer.status().as_u16(),
                    answer.headers()["x-amzn-errortype"].to_str().unwrap()
                ),
                (status, code)
            );
        }
        lambda.faults().order(super::super::FaultOrder {
            answer: Some(429),
            ..super::super::FaultOrder::new("Invoke")
        });
        assert_eq!(call(&lambda, "echo", "Event", "{}").await.status(), 429);
        assert_eq!(call(&lambda, "echo", "Event", "{}").await.status(), 202);
    }

    #[tokio::test]
    async fn an_asynchronous_event_is_tried_three_times_and_then_recorded() {
        let base = base();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let tries = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let broken = function(move |_: Value| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err::<Value, _>(anyhow::anyhow!("still no luck")) }
        });
        let on_failure = Some(queues.create("failures").unwrap());
        lambda.register("broken", broken, FunctionConfig { on_failure, ..quick() });
        assert_eq!(
            call(&lambda, "broken", "Event", r#"{"grant":"g-1"}"#).await.status(),
            202
        );
        let record = eventually("the failure record", async || {
            queues.messages("failures").unwrap().pop()
        })
        .await;
        let record: Value = serde_json::from_str(&record.body).unwrap();
        assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
        assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
        assert_eq!(record["requestPayload"], json!({ "grant": "g-1" }));
        assert_eq!(record["responsePayload"]["errorMessage"], "still no luck");
        assert_eq!(tries.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn an_accepted_event_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws.db");
        let base = base_on(State::open(&path).unwrap());
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        // It never answers, so this "process" dies with the event under way.
        let hung = function(|_: Value| async move { std::future::pending::<Result<Value, FunctionError>>().await });
        lambda.register("worker", hung, FunctionConfig::default());
        lambda.invoke_async("worker", &json!({ "n": 1 })).unwrap();
        eventually("the first try", async || lambda.runs().get("worker").map(drop)).await;
        base.shutdown.finish().await;

        let base = base_on(State::open(&path).unwrap());
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let (seen, mut events) = tokio::sync::mpsc::unbounded_channel();
        let working = function(move |payload: Value| {
            seen.send(payload.clone()).unwrap();
            async { Ok::<_, FunctionError>(payload) }
        });
        lambda.register("worker", working, quick());
        assert_eq!(events.recv().await.unwrap(), json!({ "n": 1 }));
        eventually("an empty queue", async || {
            let left: i64 = base
                .state
                .read(|c| c.query_row("SELECT count(*) FROM lambda_events", [], |row| row.get(0)))
                .unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
}
