//! Fault orders: what shall go wrong with the next calls, and how often.
//!
//! `POST {graph}/_faults` takes one order and answers 201 with its `id`; `GET` lists those in force, `DELETE` clears all
//! and `DELETE {graph}/_faults/{id}` one. Orders are kept in the tenant's file and survive a restart.
//!
//! ```json
//! { "match": { "method": "POST", "path_contains": "/members/$ref", "body_contains": "6e7b…" },
//!   "status": 503, "retry_after_seconds": 1, "times": 5 }
//! ```
//!
//! | field | what happens |
//! |---|---|
//! | `status` (400–599), `code`, `message`, `retry_after_seconds` | the call is answered so and changes nothing |
//! | `drop` | 504, nothing is applied |
//! | `apply_then_drop` | the change is applied, then 504: the answer was lost |
//! | `deny_reads` | reads are answered 403, as if the permission had been withdrawn |
//! | `delay_ms` (at most 120,000) | the call waits that long *before* it is applied, and is applied even if the caller has gone |
//! | `hold` | the same, until the order is cleared (at most two minutes): for tests of what happens meanwhile |
//! | `replication_lag_seconds` (at most 3,600) | reads answer what was true that long ago |
//!
//! At most one of `status`, `drop`, `apply_then_drop` and `deny_reads` stands in an order; `delay_ms`,
//! `hold` and `replication_lag_seconds` go with any. `times` says for how many calls it counts and `"until_cleared": true`
//! for all; without either it is 1, or until cleared for `deny_reads`, `hold` and `replication_lag_seconds`; `hold` can't
//! have `times`, for it lasts as long as its order. All parts of `match` are
//! optional. `deny_reads` and `replication_lag_seconds` touch reads only, unless `match.method` names another method: a
//! `DELETE` against a replica that lags answers 404 for a member that is really there. Items of a `$batch` are matched
//! one by one. The OpenID provider is touched only by orders whose `path_contains` is set (for example `/oauth2/`).

use std::time::Duration;

use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tenant::{HISTORY_SECONDS, Tenant, TenantError, View};

/// Most orders in force at a time.
const MAX_ORDERS: i64 = 100;

/// Longest delay, in milliseconds.
const MAX_DELAY_MS: u64 = 120_000;

/// How often a call that is held looks whether it may go on.
const HELD_LOOK: Duration = Duration::from_millis(10);

/// Which calls an order is for; a part left out matches every call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Part of the decoded path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Part of the body, for example the object id of one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
}

/// One order; see the module documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultOrder {
    /// Which calls.
    #[serde(default, rename = "match")]
    pub matching: Match,
    /// Answer with this status (400 to 599).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Error code in that answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Error text in that answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `Retry-After` of that answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// Wait this long before the call is handled, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Wait until the order is cleared before the call is handled.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hold: bool,
    /// Apply the call, then answer 504.
    #[serde(default, skip_serializing_if = "is_false")]
    pub apply_then_drop: bool,
    /// Answer 504 and apply nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drop: bool,
    /// Answer reads with 403.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deny_reads: bool,
    /// Show reads the state of this many seconds ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_lag_seconds: Option<i64>,
    /// For how many calls the order counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The order counts until it is cleared.
    #[serde(default, skip_serializing_if = "is_false")]
    pub until_cleared: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl FaultOrder {
    /// For how many calls the order counts; `None` is until cleared.
    fn remaining(&self) -> Option<u32> {
        let lasting = self.deny_reads || self.hold || self.replication_lag_seconds.is_some();
        match self.times {
            Some(times) => Some(times),
            None => (!self.until_cleared && !lasting).then_some(1),
        }
    }

    fn check(&self) -> Result<(), TenantError> {
        let endings = [self.status.is_some(), self.drop, self.apply_then_drop, self.deny_reads];
        let refuse = |rule: &str| Err(TenantError::Invalid(rule.to_owned()));
        if endings.iter().filter(|set| **set).count() > 1 {
            return refuse("only one of status, drop, apply_then_drop and deny_reads may be set");
        }
        let waits = self.delay_ms.is_some() || self.hold;
        if !endings.contains(&true) && !waits && self.replication_lag_seconds.is_none() {
            return refuse(
                "one of status, drop, apply_then_drop, deny_reads, delay_ms, hold and replication_lag_seconds must be set",
            );
        }
        if self.hold && self.times.is_some() {
            return refuse("hold lasts until its order is cleared: it can't have times");
        }
        if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            return refuse("status must be from 400 to 599");
        }
        let answer_parts = self.code.is_some() || self.message.is_some() || self.retry_after_seconds.is_some();
        if answer_parts && self.status.is_none() {
            return refuse("code, message and retry_after_seconds need a status");
        }
        if self.delay_ms.is_some_and(|delay| delay > MAX_DELAY_MS) {
            return refuse("delay_ms must be at most 120000");
        }
        if self
            .replication_lag_seconds
            .is_some_and(|lag| !(1..=HISTORY_SECONDS).contains(&lag))
        {
            return refuse("replication_lag_seconds must be from 1 to 3600");
        }
        if self.times == Some(0) || (self.times.is_some() && self.until_cleared) {
            return refuse("times must be at least 1 and can't stand beside until_cleared");
        }
        Ok(())
    }
}

/// What one call looks like to the orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) reads: bool,
    /// A call on the OpenID provider, which only orders with `path_contains` touch.
    pub(crate) sign_in: bool,
}

/// How a call ends instead of normally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Status {
        status: u16,
        code: Option<String>,
        message: Option<String>,
        retry_after_seconds: Option<u32>,
    },
    ApplyThenDrop,
    Drop,
    DenyReads,
}

/// What the orders in force do to one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay_ms: u64,
    /// Ids of the orders that hold the call.
    pub(crate) held_by: Vec<i64>,
    pub(crate) lag_seconds: i64,
    pub(crate) ending: Option<Ending>,
    /// Ids of the orders at work.
    pub(crate) orders: Vec<i64>,
}

impl Plan {
    fn adds(&mut self, id: i64, order: &FaultOrder, probe: &Probe<'_>) -> bool {
        let matching = &order.matching;
        let method = matching.method.as_ref();
        let hit = method.is_none_or(|method| method.eq_ignore_ascii_case(probe.method))
            && matching
                .path_contains
                .as_ref()
                .map_or(!probe.sign_in, |part| probe.path.contains(part.as_str()))
            && matching
                .body_contains
                .as_ref()
                .is_none_or(|part| contains(probe.body, part.as_bytes()));
        let touches_reads = probe.reads || method.is_some();
        let lag = order.replication_lag_seconds.filter(|_| touches_reads);
        let ending = if let Some(status) = order.status {
            Some(Ending::Status {
                status,
                code: order.code.clone(),
                message: order.message.clone(),
                retry_after_seconds: order.retry_after_seconds,
            })
        } else if order.drop {
            Some(Ending::Drop)
        } else if order.apply_then_drop {
            Some(Ending::ApplyThenDrop)
        } else {
            (order.deny_reads && touches_reads).then_some(Ending::DenyReads)
        };
        let first_ending = ending.is_some() && self.ending.is_none();
        let waits = order.delay_ms.is_some() || order.hold;
        let works = hit && (first_ending || (ending.is_none() && (waits || lag.is_some())));
        if works {
            self.orders.push(id);
            if order.hold {
                self.held_by.push(id);
            }
            self.delay_ms = self.delay_ms.max(order.delay_ms.unwrap_or(0));
            self.lag_seconds = self.lag_seconds.max(lag.unwrap_or(0));
            if first_ending {
                self.ending = ending;
            }
        }
        works
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    part.is_empty() || body.windows(part.len()).any(|window| window == part)
}

impl Tenant {
    /// Puts a fault order in force and returns its id.
    ///
    /// # Errors
    /// [`TenantError::Invalid`] names the rule that the order breaks.
    pub fn order_fault(&self, order: &FaultOrder) -> Result<i64, TenantError> {
        order.check()?;
        self.write(|change| {
            let count: i64 = change
                .tx
                .query_row("SELECT count(*) FROM fault", [], |row| row.get(0))?;
            if count >= MAX_ORDERS {
                return Err(TenantError::Invalid(format!(
                    "{MAX_ORDERS} fault orders are in force already"
                )));
            }
            change.tx.execute(
                "INSERT INTO fault (rule, remaining) VALUES (?1, ?2)",
                params![serde_json::to_string(order)?, order.remaining()],
            )?;
            Ok(change.tx.last_insert_rowid())
        })
    }

    /// Ends all fault orders, or the one with this id.
    ///
    /// # Errors
    /// [`TenantError::NotFound`] when there is no order with that id.
    pub fn clear_faults(&self, id: Option<i64>) -> Result<(), TenantError> {
        self.write(|change| {
            let cleared = change
                .tx
                .execute("DELETE FROM fault WHERE ?1 IS NULL OR id = ?1", [id])?;
            match id {
                Some(id) if cleared == 0 => Err(TenantError::not_found("fault order", id)),
                _ => Ok(()),
            }
        })
    }

    /// The fault orders in force, each with its `id` and how often it still counts (`null`: until cleared).
    ///
    /// # Errors
    /// When the database fails.
    pub fn faults(&self) -> Result<Value, TenantError> {
        let orders: Vec<Value> = self
            .read(0, in_force)?
            .into_iter()
            .map(|(id, order, remaining)| json!({ "id": id, "remaining": remaining, "order": order }))
            .collect();
        Ok(json!({ "faults": orders }))
    }

    /// What the orders in force do to this call; counts them down.
    pub(crate) fn plan_faults(&self, probe: &Probe<'_>) -> Result<Plan, TenantError> {
        if self.read(0, in_force)?.is_empty() {
            return Ok(Plan::default());
        }
        self.write(|change| {
            let mut plan = Plan::default();
            for (id, order, _) in in_force(&change.view())? {
                if plan.adds(id, &order, probe) {
                    change
                        .tx
                        .execute("UPDATE fault SET remaining = remaining - 1 WHERE id = ?1", [id])?;
                }
            }
            change.tx.execute("DELETE FROM fault WHERE remaining <= 0", [])?;
            Ok(plan)
        })
    }

    /// Waits as long as the orders say; by the computer's time, for the caller waits by it as well.
    pub(crate) async fn wait_as_ordered(&self, plan: &Plan) {
        if plan.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(plan.delay_ms)).await;
        }
        if plan.held_by.is_empty() {
            return;
        }
        let held = async {
            while self.read(0, in_force).is_ok_and(|orders| holds(&orders, plan)) {
                tokio::time::sleep(HELD_LOOK).await;
            }
        };
        if tokio::time::timeout(Duration::from_millis(MAX_DELAY_MS), held)
            .await
            .is_err()
        {
            tracing::warn!("a call was held for too long and goes on");
        }
    }
}

/// Whether one of the orders that hold the call still stands.
fn holds(orders: &[(i64, FaultOrder, Option<u32>)], plan: &Plan) -> bool {
    orders.iter().any(|(id, _, _)| plan.held_by.contains(id))
}

fn in_force(view: &View<'_>) -> Result<Vec<(i64, FaultOrder, Option<u32>)>, TenantError> {
    let mut statement = view
        .connection
        .prepare_cached("SELECT id, rule, remaining FROM fault ORDER BY id")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    rows.into_iter()
        .map(|(id, rule, remaining)| Ok((id, serde_json::from_str(&rule)?, remaining)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::tenant::tests::scratch;

    fn order(json: Value) -> FaultOrder {
        serde_json::from_value(json).unwrap()
    }

    fn probe<'a>(method: &'a str, path: &'a str) -> Probe<'a> {
        Probe {
            method,
            path,
            body: b"{\"id\":\"dana\"}",
            reads: method == "GET",
            sign_in: false,
        }
    }

    #[test]
    fn an_order_counts_as_often_as_it_says() {
        let (_directory, _time, tenant) = scratch();
        tenant
            .order_fault(&order(json!({
                "match": { "method": "post", "path_contains": "/members/$ref", "body_contains": "dana" },
                "status": 503, "retry_after_seconds": 1, "times": 2
            })))
            .unwrap();
        let add = probe("POST", "/v1.0/groups/g/members/$ref");
        assert_eq!(
            tenant.plan_faults(&probe("GET", "/v1.0/groups")).unwrap(),
            Plan::default()
        );
        assert_eq!(
            tenant.plan_faults(&Probe { body: b"kim", ..add }).unwrap(),
            Plan::default()
        );
        for _ in 0..2 {
            let ending = tenant.plan_faults(&add).unwrap().ending.unwrap();
            assert!(matches!(
                ending,
                Ending::Status {
                    status: 503,
                    retry_after_seconds: Some(1),
                    ..
                }
            ));
        }
        assert_eq!(tenant.plan_faults(&add).unwrap(), Plan::default());
        assert_eq!(tenant.faults().unwrap(), json!({ "faults": [] }));
    }

    #[test]
    fn reads_are_what_lag_and_denial_touch() {
        let (_directory, _time, tenant) = scratch();
        tenant
            .order_fault(&order(json!({ "replication_lag_seconds": 5 })))
            .unwrap();
        tenant.order_fault(&order(json!({ "deny_reads": true }))).unwrap();
        let read = tenant.plan_faults(&probe("GET", "/v1.0/groups")).unwrap();
        assert_eq!((read.lag_seconds, read.ending), (5, Some(Ending::DenyReads)));
        assert_eq!(
            tenant.plan_faults(&probe("DELETE", "/v1.0/groups/g")).unwrap(),
            Plan::default()
        );
        tenant.clear_faults(None).unwrap();
        tenant
            .order_fault(&order(
                json!({ "match": { "method": "DELETE" }, "replication_lag_seconds": 5 }),
            ))
            .unwrap();
        assert_eq!(
            tenant
                .plan_faults(&probe("DELETE", "/v1.0/groups/g"))
                .unwrap()
                .lag_seconds,
            5
        );
        assert_eq!(
            tenant.plan_faults(&probe("GET", "/v1.0/groups/g")).unwrap().lag_seconds,
            0
        );
    }

    #[test]
    fn the_first_ending_wins_and_the_next_waits() {
        let (_directory, _time, tenant) = scratch();
        tenant.order_fault(&order(json!({ "drop": true }))).unwrap();
        tenant
            .order_fault(&order(json!({ "apply_then_drop": true, "delay_ms": 20 })))
            .unwrap();
        let first = tenant.plan_faults(&probe("POST", "/x")).unwrap();
        assert_eq!((first.ending, first.delay_ms), (Some(Ending::Drop), 0));
        let second = tenant.plan_faults(&probe("POST", "/x")).unwrap();
        assert_eq!((second.ending, second.delay_ms), (Some(Ending::ApplyThenDrop), 20));
    }

    #[test]
    fn sign_in_is_touched_only_when_its_path_is_named() {
        let (_directory, _time, tenant) = scratch();
        let token = Probe {
            sign_in: true,
            ..probe("POST", "/tid/oauth2/v2.0/token")
        };
        tenant
            .order_fault(&order(json!({ "status": 500, "until_cleared": true })))
            .unwrap();
        assert_eq!(tenant.plan_faults(&token).unwrap(), Plan::default());
        tenant
            .order_fault(&order(
                json!({ "match": { "path_contains": "/oauth2/" }, "drop": true }),
            ))
            .unwrap();
        assert_eq!(tenant.plan_faults(&token).unwrap().ending, Some(Ending::Drop));
    }

    #[test]
    fn orders_that_say_nothing_or_too_much_are_refused() {
        let (_directory, _time, tenant) = scratch();
        for bad in [
            json!({}),
            json!({ "times": 1 }),
            json!({ "status": 200 }),
            json!({ "status": 503, "drop": true }),
            json!({ "drop": true, "retry_after_seconds": 1 }),
            json!({ "drop": true, "times": 0 }),
            json!({ "drop": true, "times": 1, "until_cleared": true }),
            json!({ "delay_ms": 120_001 }),
            json!({ "hold": true, "times": 1 }),
            json!({ "replication_lag_seconds": 0 }),
        ] {
            assert!(
                matches!(tenant.order_fault(&order(bad.clone())), Err(TenantError::Invalid(_))),
                "{bad}"
            );
        }
        assert!(serde_json::from_value::<FaultOrder>(json!({ "drop": true, "tims": 1 })).is_err());
    }

    #[test]
    fn orders_survive_a_restart() {
        let (directory, time, tenant) = scratch();
        let id = tenant.order_fault(&order(json!({ "drop": true, "times": 2 }))).unwrap();
        tenant.plan_faults(&probe("GET", "/x")).unwrap();
        let again = Tenant::open(&directory.path().join("entra.db"), time).unwrap();
        assert_eq!(again.faults().unwrap()["faults"][0]["remaining"], 1);
        again.clear_faults(Some(id)).unwrap();
        assert!(again.clear_faults(Some(id)).is_err());
    }
}
