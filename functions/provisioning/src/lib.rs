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

/// Looks at one thing, within the batch's time. `false` when the stream has to deliver its record again.
async fn look_at(workers: &Workers, hint: &Hint, deadline: Timestamp) -> bool {
    let millis = deadline.millis() - workers.core.clock.now().millis();
    let left = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    within(left, hint, on_hint(workers, hint)).await
}

/// What is not finished in time is the sweep's, where it has a promise: delivered again, a record of a target that hangs
/// would stand in front of everybody else's for as long once more.
async fn within(left: Duration, hint: &Hint, look: impl Future<Output = hourglass_app::Result<()>>) -> bool {
    if left.is_zero() {
        tracing::warn!(?hint, "there was no time left for a stream record");
        return is_promised(hint);
    }
    match tokio::time::timeout(left, look).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(?hint, %error, "a stream record could not be handled");
            false
        }
        Err(_) => {
            tracing::error!(?hint, "a stream record took too long");
            is_promised(hint)
        }
    }
}

/// Whether a due-entry was written in the transaction of what the hint is about, so that the sweep does it in any case.
const fn is_promised(hint: &Hint) -> bool {
    match hint {
        Hint::Grant(_)
        | Hint::End(_)
        | Hint::Offboard(..)
        | Hint::GroupGone(..)
        | Hint::Memberships(..)
        | Hint::Kill(..) => true,
        // An admin waits for the answer, and nobody else would give it.
        Hint::Probe(_) => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00000000-0000-0000-0000-000000000007";

    fn of(partition: &str) -> Hint {
        Hint::from_partition(&partition.replace("ID", ID)).unwrap()
    }

    const PROMISED: [&str; 6] = [
        "GRANT#ID",
        "END#ID",
        "END#USER#contoso.example#ID",
        "END#GROUP#contoso.example#ID",
        "END#MEMBERS#contoso.example#user:ID",
        "END#KILL#contoso.example#ID",
    ];

    #[tokio::test(start_paused = true)]
    async fn what_hangs_is_left_to_its_due_entry_and_only_a_probe_is_delivered_again() {
        let second = Duration::from_secs(1);
        for partition in PROMISED {
            assert!(
                within(second, &of(partition), std::future::pending()).await,
                "{partition} comes again although the sweep has it"
            );
        }
        assert!(
            !within(second, &of("PROBE#ID"), std::future::pending()).await,
            "nobody answers this admin"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_there_is_no_time_for_is_not_begun() {
        let begun = || async { panic!("begun, and cut off at once") };
        for partition in PROMISED {
            assert!(within(Duration::ZERO, &of(partition), begun()).await, "{partition}");
        }
        assert!(!within(Duration::ZERO, &of("PROBE#ID"), begun()).await);
    }

    #[tokio::test]
    async fn what_fails_is_delivered_again_and_what_works_is_not() {
        let second = Duration::from_secs(1);
        for partition in PROMISED {
            let hint = of(partition);
            let fails = async { Err(hourglass_domain::Refusal::Changed.into()) };
            assert!(!within(second, &hint, fails).await, "{partition}");
            assert!(within(second, &hint, async { Ok(()) }).await, "{partition}");
        }
    }
}
