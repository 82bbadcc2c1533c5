//! `functions/revocation`: grants end when their time is up.
//!
//! Started by a grant's one-shot schedule (payload: the grant's id and nothing else) and, every minute, by the rule of
//! the sweep. Neither is believed: what is stored and the clock say what is due.

use hourglass_app::workers::{on_schedule, sweep::sweep};
use hourglass_boot::Services;
use hourglass_domain::ids::GrantId;
use serde::Deserialize;
use serde_json::{Value, json};

/// For how long (seconds) one run of the sweep begins new work; with what it has begun it stays within the function's
/// 60 s.
const SWEEP_SECONDS: i64 = 48;

/// What starts this function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Trigger {
    /// A one-shot schedule.
    Schedule(ScheduleTrigger),
    /// The rule of the sweep.
    Rule {
        /// Always `Scheduled Event`.
        #[serde(rename = "detail-type")]
        detail_type: String,
    },
}

/// A one-shot schedule's payload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleTrigger {
    /// The grant whose time is up.
    grant: GrantId,
}

/// Ends a grant, or sweeps.
///
/// # Errors
/// When the event is neither, or what it asks for could not be done: Lambda then retries, and the due-entry stays.
pub async fn handle(services: &Services, event: Value) -> anyhow::Result<Value> {
    let workers = services.workers();
    match serde_json::from_value(event)? {
        Trigger::Schedule(ScheduleTrigger { grant }) => {
            on_schedule(&workers, grant).await?;
            Ok(json!({}))
        }
        Trigger::Rule { detail_type } => {
            anyhow::ensure!(
                detail_type == "Scheduled Event",
                "not an event of the sweep's rule: {detail_type}"
            );
            let deadline = workers.core.clock.now().plus_seconds(SWEEP_SECONDS);
            let swept = sweep(&workers, deadline).await?;
            Ok(json!({
                "due": swept.due,
                "failed": swept.failed,
                "overdue": swept.overdue,
                "cut_short": swept.cut_short,
                "busy": swept.busy,
            }))
        }
    }
}
