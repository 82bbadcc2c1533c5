//! Ordered misbehaviour: the next calls of an operation fail, stall, or are applied and their answers lost.

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, body::Bytes};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::wire::{self, ApiError, Protocol};

/// The longest stall that can be ordered, in milliseconds.
const MAX_DELAY_MS: u64 = 60_000;

/// The most orders that wait at one service.
const MAX_ORDERS: usize = 1_000;

/// What to do to the next calls of one operation (`POST {service}/_faults`).
///
/// Without any effect the order only uses up calls, which lets a test hit the third call and not the first two.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// The operation's API name (`CreateSchedule`), or `*` for any.
    pub operation: String,
    /// How many calls it is for.
    #[serde(default = "once")]
    pub times: u32,
    /// Answer this HTTP status instead of doing the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// The error's name in that answer; by default the service's usual name for the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Do the work, then close the connection without an answer.
    #[serde(default)]
    pub apply_then_drop: bool,
    /// Close the connection without doing the work.
    #[serde(default)]
    pub drop: bool,
    /// Wait this many milliseconds first.
    #[serde(default)]
    pub delay_ms: u64,
}

fn once() -> u32 {
    1
}

impl FaultOrder {
    /// An order without effect for the next call of `operation`.
    #[must_use]
    pub fn new(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            times: 1,
            answer: None,
            code: None,
            apply_then_drop: false,
            drop: false,
            delay_ms: 0,
        }
    }
}

/// The orders that one service has yet to carry out, and how often each of its operations was called.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    orders: Vec<FaultOrder>,
    calls: BTreeMap<String, u64>,
}

impl Faults {
    /// Adds an order behind the others.
    pub fn order(&self, order: FaultOrder) {
        let mut inner = self.lock();
        if inner.orders.len() < MAX_ORDERS {
            inner.orders.push(order);
        }
    }

    /// Forgets all orders.
    pub fn clear(&self) {
        self.lock().orders.clear();
    }

    /// The orders that are left.
    #[must_use]
    pub fn orders(&self) -> Vec<FaultOrder> {
        self.lock().orders.clone()
    }

    /// How often each operation was called, those that were made to fail included.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and uses up one time of the oldest order that is for it.
    fn next(&self, operation: &str) -> Option<FaultOrder> {
        let mut inner = self.lock();
        *inner.calls.entry(operation.to_owned()).or_default() += 1;
        let (index, order) = inner
            .orders
            .iter_mut()
            .enumerate()
            .find(|(_, order)| order.operation == "*" || order.operation == operation)?;
        order.times = order.times.saturating_sub(1);
        let taken = order.clone();
        if taken.times == 0 {
            inner.orders.remove(index);
        }
        Some(taken)
    }

    /// Does `work` as the orders for `operation` will have it.
    pub(crate) async fn around(
        &self,
        protocol: Protocol,
        operation: &str,
        work: impl Future<Output = Response>,
    ) -> Response {
        let Some(order) = self.next(operation) else {
            return work.await;
        };
        tokio::time::sleep(Duration::from_millis(order.delay_ms.min(MAX_DELAY_MS))).await;
        if order.drop {
            return wire::lost();
        }
        if order.apply_then_drop {
            work.await;
            return wire::lost();
        }
        match order.answer.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => {
                let code = order.code.unwrap_or_else(|| usual_code(status).to_owned());
                ApiError::new(status, code, "this fault was ordered").into_response(protocol)
            }
            None => work.await,
        }
    }

    /// `GET`, `POST` and `DELETE /_faults`, and `GET /_calls`.
    pub(crate) fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/_faults", get(list).post(add).delete(clear))
            .route("/_calls", get(calls))
            .with_state(self.clone())
    }
}

/// The name that AWS services commonly give to an error of this status.
fn usual_code(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "ThrottlingException",
        403 => "AccessDeniedException",
        500 => "InternalServerException",
        503 => "ServiceUnavailableException",
        status if status >= 500 => "InternalFailure",
        _ => "ValidationException",
    }
}

async fn list(State(faults): State<Faults>) -> Response {
    Json(json!({ "orders": faults.orders() })).into_response()
}

async fn add(State(faults): State<Faults>, body: Bytes) -> Response {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Orders {
        Many(Vec<FaultOrder>),
        One(FaultOrder),
    }
    // Parsed as one order first for the better message: an untagged enum does not say what it disliked.
    match serde_json::from_slice::<Orders>(&body) {
        Ok(Orders::One(order)) => faults.order(order),
        Ok(Orders::Many(orders)) => orders.into_iter().for_each(|order| faults.order(order)),
        Err(_) => {
            let reason = match serde_json::from_slice::<FaultOrder>(&body) {
                Ok(_) => String::new(),
                Err(error) => error.to_string(),
            };
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": reason }))).into_response();
        }
    }
    list(State(faults)).await
}

async fn clear(State(faults): State<Faults>) -> Response {
    faults.clear();
    list(State(faults)).await
}

async fn calls(State(faults): State<Faults>) -> Response {
    Json(faults.calls()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_are_used_up_oldest_first() {
        let faults = Faults::default();
        faults.order(FaultOrder {
            times: 2,
            answer: Some(503),
            ..FaultOrder::new("GetSchedule")
        });
        faults.order(FaultOrder {
            answer: Some(429),
            ..FaultOrder::new("*")
        });
        let mut statuses = Vec::new();
        for operation in ["GetSchedule", "CreateSchedule", "GetSchedule", "GetSchedule"] {
            let work = async { StatusCode::OK.into_response() };
            statuses.push(
                faults
                    .around(Protocol::RestJson, operation, work)
                    .await
                    .status()
                    .as_u16(),
            );
        }
        assert_eq!(statuses, [503, 429, 503, 200]);
        assert_eq!(faults.calls().get("GetSchedule"), Some(&3));
    }

    #[tokio::test]
    async fn bad_orders_are_refused() {
        let faults = Faults::default();
        let answer = add(
            State(faults.clone()),
            Bytes::from_static(b"{\"operation\":\"X\",\"tmies\":3}"),
        )
        .await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(faults.orders().is_empty());
    }
}
