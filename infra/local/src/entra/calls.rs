//! The log of Graph calls and the write budget that throttles them.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::tenant::{Tenant, TenantError};

/// How many single calls the log keeps; the counts cover exactly these.
pub const CALLS_KEPT: i64 = 50_000;

/// How many of the newest calls `GET {graph}/_calls` lists one by one.
const CALLS_LISTED: i64 = 200;

/// How many writes an application may make in the tenant: a bucket that is refilled steadily.
///
/// Graph documents 3,000 writes per 150 seconds for one application in one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteBudget {
    /// Writes that can be made at once.
    pub capacity: u32,
    /// Writes per second after that.
    pub refill_per_second: u32,
}

impl Default for WriteBudget {
    fn default() -> Self {
        Self {
            capacity: 3_000,
            refill_per_second: 20,
        }
    }
}

/// One line of the log.
#[derive(Debug, Clone)]
pub(crate) struct Logged<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) priority: Option<&'a str>,
    pub(crate) client_id: Option<Uuid>,
    pub(crate) in_batch: bool,
    pub(crate) fault: Option<String>,
}

/// What became of one write's claim on the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Claim {
    /// Taken; the share of the budget that is used up now, from 0 to 1.
    Taken { used: f64 },
    /// Nothing left; the next write may come after so many seconds.
    Refused { retry_after_seconds: u32 },
}

impl Tenant {
    pub(crate) fn log_call(&self, call: &Logged<'_>) -> Result<(), TenantError> {
        self.write(|change| {
            change.tx.execute(
                "INSERT INTO call (at, method, path, route, status, priority, client_id, in_batch, fault)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    change.now.as_millisecond(),
                    call.method,
                    call.path,
                    call.route,
                    call.status,
                    call.priority,
                    call.client_id.map(|id| id.to_string()),
                    call.in_batch,
                    call.fault,
                ],
            )?;
            let newest = change.tx.last_insert_rowid();
            change
                .tx
                .execute("DELETE FROM call WHERE seq <= ?1", [newest - CALLS_KEPT])?;
            Ok(())
        })
    }

    /// The log of Graph calls: `{"total", "counts": [{"route", "status", "priority", "count"}], "recent": [{"at",
    /// "method", "path", "status", "priority", "client_id", "in_batch", "fault"}]}`, the newest call first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn calls(&self) -> Result<Value, TenantError> {
        self.read(0, |view| {
            let total: i64 = view
                .connection
                .query_row("SELECT count(*) FROM call", [], |row| row.get(0))?;
            let mut counts = view
                .connection
                .prepare("SELECT route, status, priority, count(*) FROM call GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")?;
            let counts = counts
                .query_map([], |row| {
                    Ok(json!({
                        "route": row.get::<_, String>(0)?,
                        "status": row.get::<_, u16>(1)?,
                        "priority": row.get::<_, Option<String>>(2)?,
                        "count": row.get::<_, i64>(3)?,
                    }))
                })?
                .collect::<Result<Vec<Value>, _>>()?;
            let mut recent = view.connection.prepare(
                "SELECT at, method, path, status, priority, client_id, in_batch, fault FROM call
                 ORDER BY seq DESC LIMIT ?1",
            )?;
            let recent = recent
                .query_map([CALLS_LISTED], |row| {
                    let at = jiff::Timestamp::from_millisecond(row.get(0)?).unwrap_or_default();
                    Ok(json!({
                        "at": at,
                        "method": row.get::<_, String>(1)?,
                        "path": row.get::<_, String>(2)?,
                        "status": row.get::<_, u16>(3)?,
                        "priority": row.get::<_, Option<String>>(4)?,
                        "client_id": row.get::<_, Option<String>>(5)?,
                        "in_batch": row.get::<_, bool>(6)?,
                        "fault": row.get::<_, Option<String>>(7)?,
                    }))
                })?
                .collect::<Result<Vec<Value>, _>>()?;
            Ok(json!({ "total": total, "counts": counts, "recent": recent }))
        })
    }

    /// Empties the log of Graph calls.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_calls(&self) -> Result<(), TenantError> {
        self.write(|change| {
            change.tx.execute("DELETE FROM call", [])?;
            Ok(())
        })
    }

    /// Sets the write budget and fills every application's bucket.
    ///
    /// # Errors
    /// [`TenantError::Invalid`] when either number is 0.
    pub fn set_write_budget(&self, budget: WriteBudget) -> Result<(), TenantError> {
        if budget.capacity == 0 || budget.refill_per_second == 0 {
            return Err(TenantError::Invalid(
                "capacity and refill_per_second must be at least 1".to_owned(),
            ));
        }
        self.write(|change| {
            change.tx.execute("DELETE FROM budget", [])?;
            change.tx.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES ('write_budget', ?1)",
                [serde_json::to_string(&budget)?],
            )?;
            Ok(())
        })
    }

    /// Takes one write from the application's budget.
    pub(crate) fn claim_write(&self, client_id: Uuid) -> Result<Claim, TenantError> {
        self.write(|change| {
            let stored: Option<String> = change
                .tx
                .query_row("SELECT value FROM meta WHERE key = 'write_budget'", [], |row| {
                    row.get(0)
                })
                .optional()?;
            let budget = match stored {
                Some(text) => serde_json::from_str(&text)?,
                None => WriteBudget::default(),
            };
            let now = change.now.as_millisecond();
            let full = i64::from(budget.capacity) * 1000;
            let rate = i64::from(budget.refill_per_second);
            let (left, since) = change
                .tx
                .query_row(
                    "SELECT milli_tokens, at FROM budget WHERE client_id = ?1",
                    [client_id.to_string()],
                    |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
                )
                .optional()?
                .unwrap_or((full, now));
            // A token per second is a thousandth of a token per millisecond, so the units cancel out.
            let left = left.saturating_add((now - since).max(0).saturating_mul(rate)).min(full);
            let (left, claim) = if left >= 1000 {
                let after = left - 1000;
                (
                    after,
                    Claim::Taken {
                        used: 1.0 - thousandths(after) / thousandths(full),
                    },
                )
            } else {
                let per_second = rate * 1000;
                let seconds = (1000 - left + per_second - 1).div_euclid(per_second);
                (
                    left,
                    Claim::Refused {
                        retry_after_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                    },
                )
            };
            change.tx.execute(
                "INSERT OR REPLACE INTO budget (client_id, milli_tokens, at) VALUES (?1, ?2, ?3)",
                params![client_id.to_string(), left, now],
            )?;
            Ok(claim)
        })
    }
}

fn thousandths(milli: i64) -> f64 {
    f64::from(u32::try_from(milli / 1000).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entra::tenant::tests::scratch;

    #[test]
    fn the_budget_is_3000_at_once_and_20_a_second() {
        let (_directory, time, tenant) = scratch();
        let app = Uuid::nil();
        for _ in 0..3_000 {
            assert!(matches!(tenant.claim_write(app).unwrap(), Claim::Taken { .. }));
        }
        assert_eq!(
            tenant.claim_write(app).unwrap(),
            Claim::Refused { retry_after_seconds: 1 }
        );
        assert_eq!(
            tenant.claim_write(Uuid::max()).unwrap(),
            Claim::Taken {
                used: 1.0 - 2999.0 / 3000.0
            }
        );
        time.advance_seconds(1);
        let after_a_second = (0..25)
            .filter(|_| matches!(tenant.claim_write(app).unwrap(), Claim::Taken { .. }))
            .count();
        assert_eq!(after_a_second, 20);
        time.advance_seconds(151);
        let after_a_rest = (0..3_100)
            .filter(|_| matches!(tenant.claim_write(app).unwrap(), Claim::Taken { .. }))
            .count();
        assert_eq!(after_a_rest, 3_000);
    }

    #[test]
    fn a_slow_budget_says_how_long_to_wait() {
        let (_directory, time, tenant) = scratch();
        assert!(
            tenant
                .set_write_budget(WriteBudget {
                    capacity: 0,
                    refill_per_second: 1
                })
                .is_err()
        );
        tenant
            .set_write_budget(WriteBudget {
                capacity: 1,
                refill_per_second: 1,
            })
            .unwrap();
        assert_eq!(tenant.claim_write(Uuid::nil()).unwrap(), Claim::Taken { used: 1.0 });
        assert_eq!(
            tenant.claim_write(Uuid::nil()).unwrap(),
            Claim::Refused { retry_after_seconds: 1 }
        );
        time.advance_millis(999);
        assert!(matches!(
            tenant.claim_write(Uuid::nil()).unwrap(),
            Claim::Refused { .. }
        ));
        time.advance_millis(1);
        assert!(matches!(tenant.claim_write(Uuid::nil()).unwrap(), Claim::Taken { .. }));
    }

    #[test]
    fn calls_are_counted_by_route_status_and_priority() {
        let (_directory, _time, tenant) = scratch();
        let call = Logged {
            method: "DELETE",
            path: "/v1.0/groups/g/members/m/$ref",
            route: "DELETE /groups/{id}/members/{id}/$ref",
            status: 204,
            priority: Some("high"),
            client_id: None,
            in_batch: false,
            fault: None,
        };
        tenant.log_call(&call).unwrap();
        tenant.log_call(&call).unwrap();
        tenant
            .log_call(&Logged {
                status: 429,
                fault: Some("1".to_owned()),
                ..call
            })
            .unwrap();
        let calls = tenant.calls().unwrap();
        assert_eq!(calls["total"], 3);
        assert_eq!(calls["counts"][0]["count"], 2);
        assert_eq!(calls["counts"][0]["priority"], "high");
        assert_eq!(calls["recent"][0]["status"], 429);
        tenant.forget_calls().unwrap();
        assert_eq!(tenant.calls().unwrap()["total"], 0);
    }
}
