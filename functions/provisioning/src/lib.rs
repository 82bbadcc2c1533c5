//! `functions/provisioning`: grants that were approved are activated, grants that are to end early are ended, and
//! probes are answered.
//!
//! Started by the table's stream. A record is a hint only: its key says what to look at, and what is stored says what
//! to do. Records that fail are named in the answer, so that only they are delivered again
//! (AWS Lambda, "Reporting batch item failures").

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use futures_util::StreamExt as _;
use hourglass_app::ports::Workers;
use hourglass_app::workers::hints::{Hint, left_to_do, on_hint};
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// How many things are looked at side by side.
const AT_A_TIME: usize = 8;
/// How long (seconds) a batch may take: shorter than the function's own time, so that a hanging target fails its records
/// only.
const LONGEST_BATCH_SECONDS: i64 = 45;

/// Looks at everything that a batch of stream records hints at, each thing once.
///
/// # Errors
/// When the event is no stream event: Lambda then retries and finally hands it to the failure queue.
pub async fn handle(services: &Services, event: Value) -> anyhow::Result<Value> {
    let event: Event = serde_json::from_value(event)?;
    let workers = services.workers();
    let deadline = workers.core.clock.now().plus_seconds(LONGEST_BATCH_SECONDS);
    let wanted = left_to_do(&workers, event.records.iter().filter_map(hint)).await?;
    // Side by side, so that a tenant whose directory hangs keeps nobody else's grant waiting.
    let failed: Vec<Hint> = futures_util::stream::iter(wanted)
        .map(|hint| async { (!look_at(&workers, &hint, deadline).await).then_some(hint) })
        .buffer_unordered(AT_A_TIME)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let failures: Vec<Value> = event
        .records
        .iter()
        .filter(|record| hint(record).is_some_and(|hint| failed.contains(&hint)))
        .map(|record| json!({"itemIdentifier": record.change.sequence_number}))
        .collect();
    Ok(json!({"batchItemFailures": failures}))
}

/// Looks at one thing, within the batch's time. What is not finished by then stays with its due-entry.
async fn look_at(workers: &Workers, hint: &Hint, deadline: Timestamp) -> bool {
    let millis = deadline.millis() - workers.core.clock.now().millis();
    let left = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    match tokio::time::timeout(left, on_hint(workers, hint)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(?hint, %error, "a stream record could not be handled");
            false
        }
        Err(_) => {
            tracing::error!(?hint, "a stream record took too long; its due-entry stays");
            false
        }
    }
}

/// What a record hints at. Deleted items hint at nothing.
fn hint(record: &EventRecord) -> Option<Hint> {
    if record.event_name == "REMOVE" {
        return None;
    }
    let keys = serde_json::to_value(&record.change.keys).ok()?;
    Hint::from_partition(keys.get("pk")?.get("S").or_else(|| keys.get("pk"))?.as_str()?)
}
