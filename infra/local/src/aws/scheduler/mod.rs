//! EventBridge Scheduler: its REST-JSON API as the AWS SDK speaks it, and the clockwork that really fires.
//!
//! Checked against the SDK's own model (paths, names, shapes) and the service's documentation. What it knows beyond the
//! usual simulators: client tokens, validation of every field we send, retry policies with back-off, dead letters, and
//! `ActionAfterCompletion`. A firing is stored before it is attempted and forgotten after the target has accepted it,
//! so a crash in between delivers twice and never not at all.
//!
//! Left out: `cron()`, time zones other than UTC, and targets other than Lambda functions; all three are refused.

mod api;
mod clockwork;
mod model;
mod store;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Json, State as AxumState};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

use self::model::NewDelivery;
use super::wire::{ApiError, Protocol};
use super::{Base, FaultOrder, Faults, State, function_arn};
use crate::sim::{self, Clock};

const PROTOCOL: Protocol = Protocol::RestJson;

/// The group that every account has.
pub const DEFAULT_GROUP: &str = "default";

/// How the simulator differs from its defaults.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// The base URL of the Lambda Invoke API.
    pub lambda_url: String,
    /// Within how many seconds a schedule may fire: 1 is the asked second; with 60 it fires anywhere in the minute that
    /// the asked second lies in, as the service documents.
    pub precision_seconds: u32,
    /// Whether an `at()` in the past is refused. No public text says what AWS does; with `false` it fires at once.
    pub refuse_past: bool,
    /// The pause before the first retry of a delivery; each further one is twice as long, up to a minute.
    pub first_retry: Duration,
    /// Whether nothing fires until [`Scheduler::pause`] says so: for a start in which the targets come last.
    pub paused: bool,
}

impl SchedulerOptions {
    /// Fires to the second and refuses the past.
    #[must_use]
    pub fn new(lambda_url: &str) -> Self {
        Self {
            lambda_url: lambda_url.to_owned(),
            precision_seconds: 1,
            refuse_past: true,
            first_retry: Duration::from_secs(1),
            paused: false,
        }
    }
}

/// The running service; clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct Scheduler {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: String,
    state: State,
    clock: Clock,
    options: Mutex<SchedulerOptions>,
    faults: Faults,
    http: reqwest::Client,
    changed: Notify,
    paused: AtomicBool,
    to_drop: AtomicU32,
    to_duplicate: AtomicU32,
}

impl Scheduler {
    /// Starts the service on `address` (port 0 picks a free one). What fell due while it was down fires at once.
    ///
    /// # Errors
    /// When the address can't be bound or the state can't be opened.
    pub async fn start(base: &Base, address: SocketAddr, options: SchedulerOptions) -> anyhow::Result<Self> {
        let now = base.clock.now();
        base.state
            .write(|tx| store::prepare(tx, now))
            .context("cannot prepare the schedules")?;
        let (listener, url) = sim::bind(address).await.context("cannot bind the Scheduler")?;
        let paused = AtomicBool::new(options.paused);
        let scheduler = Self {
            inner: Arc::new(Inner {
                url,
                state: base.state.clone(),
                clock: Arc::clone(&base.clock),
                options: Mutex::new(options),
                faults: Faults::default(),
                http: clockwork::client()?,
                changed: Notify::new(),
                paused,
                to_drop: AtomicU32::new(0),
                to_duplicate: AtomicU32::new(0),
            }),
        };
        let (router, stop) = (scheduler.router(), base.shutdown.wait());
        base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "the Scheduler stopped");
            }
        });
        base.shutdown
            .spawn(scheduler.clone().run_clockwork(base.shutdown.wait()));
        Ok(scheduler)
    }

    /// The endpoint, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Faults that tests order, by API operation name.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Makes a schedule group unless it is there.
    ///
    /// # Errors
    /// When the state can't be written.
    pub fn create_group(&self, name: &str) -> anyhow::Result<()> {
        let now = self.inner.clock.now();
        self.inner.state.write(|tx| store::create_group(tx, name, now))?;
        Ok(())
    }

    /// Changes the options of the running service; schedules that exist keep the second they fire at.
    pub fn configure(&self, change: impl FnOnce(&mut SchedulerOptions)) {
        change(&mut self.inner.options.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Stops firing (schedules fall due and wait) or goes on with it.
    pub fn pause(&self, paused: bool) {
        self.inner.paused.store(paused, Ordering::SeqCst);
        self.inner.changed.notify_one();
    }

    /// Loses the next `count` firings: they count as done and reach nobody.
    pub fn drop_firings(&self, count: u32) {
        self.inner.to_drop.store(count, Ordering::SeqCst);
    }

    /// Delivers each of the next `count` firings twice.
    pub fn duplicate_firings(&self, count: u32) {
        self.inner.to_duplicate.store(count, Ordering::SeqCst);
    }

    /// Delivers a schedule's input now, once more; the schedule itself stays as it is. `false` if there is none.
    ///
    /// # Errors
    /// When the state can't be written.
    pub fn fire(&self, group: &str, name: &str) -> anyhow::Result<bool> {
        let now = self.inner.clock.now();
        let fired = self.inner.state.write(|tx| {
            let Some(schedule) = store::get(tx, group, name)? else {
                return Ok(false);
            };
            store::add_delivery(tx, &NewDelivery::extra(&schedule, now))?;
            Ok(true)
        })?;
        self.inner.changed.notify_one();
        Ok(fired)
    }

    /// What `GET /_state` shows: all schedules, deliveries under way, and the last 1,000 firings.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn snapshot(&self) -> anyhow::Result<Value> {
        Ok(self.inner.state.read(store::snapshot)?)
    }

    fn options(&self) -> SchedulerOptions {
        self.inner
            .options
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn router(&self) -> Router {
        api::routes()
            .route("/_state", get(show_state))
            .route("/_calls", get(show_calls))
            .route("/_faults", get(show_faults).post(order_faults).delete(clear_faults))
            .layer(middleware::from_fn(sim::only_local_callers))
            .with_state(self.clone())
    }
}

async fn show_state(AxumState(scheduler): AxumState<Scheduler>) -> Response {
    match scheduler.inner.state.read(store::snapshot) {
        Ok(snapshot) => Json(snapshot).into_response(),
        Err(error) => ApiError::from(error).into_response(PROTOCOL),
    }
}

async fn show_calls(AxumState(scheduler): AxumState<Scheduler>) -> Response {
    Json(scheduler.inner.faults.calls()).into_response()
}

/// What `POST /_faults` takes: a fault of the API, or an order to the clockwork.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "order", rename_all = "snake_case")]
enum Order {
    /// Stop firing.
    Pause,
    /// Go on firing.
    Resume,
    /// Deliver a schedule now, once more.
    Fire {
        name: String,
        #[serde(default = "default_group")]
        group: String,
    },
    /// Lose the next firings.
    DropFirings { count: u32 },
    /// Deliver the next firings twice.
    DuplicateFirings { count: u32 },
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

async fn order_faults(AxumState(scheduler): AxumState<Scheduler>, body: Bytes) -> Response {
    let refuse = |error: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let orders = match serde_json::from_slice(&body) {
        Ok(Value::Array(orders)) => orders,
        Ok(order) => vec![order],
        Err(error) => return refuse(error.to_string()),
    };
    for order in orders {
        let outcome = if order.get("order").is_some() {
            serde_json::from_value(order)
                .map_err(|e| e.to_string())
                .and_then(|order| carry_out(&scheduler, order))
        } else {
            serde_json::from_value::<FaultOrder>(order)
                .map_err(|error| error.to_string())
                .map(|order| scheduler.inner.faults.order(order))
        };
        if let Err(error) = outcome {
            return refuse(error);
        }
    }
    show_faults(AxumState(scheduler)).await
}

fn carry_out(scheduler: &Scheduler, order: Order) -> Result<(), String> {
    match order {
        Order::Pause => scheduler.pause(true),
        Order::Resume => scheduler.pause(false),
        Order::DropFirings { count } => scheduler.drop_firings(count),
        Order::DuplicateFirings { count } => scheduler.duplicate_firings(count),
        Order::Fire { name, group } => {
            if !scheduler.fire(&group, &name).map_err(|error| error.to_string())? {
                return Err(format!("there is no schedule {group}/{name}"));
            }
        }
    }
    Ok(())
}

async fn show_faults(AxumState(scheduler): AxumState<Scheduler>) -> Response {
    let inner = &scheduler.inner;
    Json(json!({
        "orders": inner.faults.orders(),
        "paused": inner.paused.load(Ordering::SeqCst),
        "drop_firings": inner.to_drop.load(Ordering::SeqCst),
        "duplicate_firings": inner.to_duplicate.load(Ordering::SeqCst),
    }))
    .into_response()
}

async fn clear_faults(AxumState(scheduler): AxumState<Scheduler>) -> Response {
    scheduler.inner.faults.clear();
    scheduler.pause(false);
    scheduler.drop_firings(0);
    scheduler.duplicate_firings(0);
    show_faults(AxumState(scheduler)).await
}

/// Whether an ARN is that of a Lambda function.
fn is_function_arn(arn: &str) -> bool {
    let mut parts = arn.split(':');
    let head = (
        parts.next(),
        parts.next().is_some_and(|partition| partition.starts_with("aws")),
        parts.next(),
    );
    head == (Some("arn"), true, Some("lambda")) && parts.nth(2) == Some("function") && parts.next().is_some()
}

/// An example of a target that is accepted, for messages.
fn example_target() -> String {
    function_arn("revocation")
}

#[cfg(test)]
mod tests;
