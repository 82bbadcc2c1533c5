//! `functions/provisioning`: grants that were approved are activated, grants that are to end early are ended, and
//! probes are answered.
//!
//! Started by the table's stream. A record is a hint only: its key says what to look at, and what is stored says what
//! to do. Records that fail are named in the answer, so that only they are delivered again
//! (AWS Lambda, "Reporting batch item failures").

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use hourglass_app::workers::{Hint, on_hint};
use hourglass_boot::Services;
use serde_json::{Value, json};

/// Looks at everything that a batch of stream records hints at, each thing once.
///
/// # Errors
/// When the event is no stream event: Lambda then retries and finally hands it to the failure queue.
pub async fn handle(services: &Services, event: Value) -> anyhow::Result<Value> {
    let event: Event = serde_json::from_value(event)?;
    let workers = services.workers();
    let mut seen: Vec<(Hint, bool)> = Vec::new();
    let mut failures: Vec<Value> = Vec::new();
    for record in &event.records {
        let Some(hint) = hint(record) else { continue };
        let ok = match seen.iter().find(|(earlier, _)| *earlier == hint) {
            Some((_, ok)) => *ok,
            None => {
                let ok = match on_hint(&workers, &hint).await {
                    Ok(()) => true,
                    Err(error) => {
                        tracing::error!(?hint, %error, "a stream record could not be handled");
                        false
                    }
                };
                seen.push((hint, ok));
                ok
            }
        };
        if !ok {
            failures.push(json!({"itemIdentifier": record.change.sequence_number}));
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}

/// What a record hints at. Deleted items hint at nothing.
fn hint(record: &EventRecord) -> Option<Hint> {
    if record.event_name == "REMOVE" {
        return None;
    }
    let keys = serde_json::to_value(&record.change.keys).ok()?;
    Hint::from_partition(keys.get("pk")?.get("S").or_else(|| keys.get("pk"))?.as_str()?)
}
