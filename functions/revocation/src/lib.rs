//! `functions/revocation`: grants end when their time is up.
//!
//! Started by a grant's one-shot schedule and by a delayed message (payload of both: the grant's id and nothing else), and
//! every minute by the rule of the sweep. None is believed: what is stored and the clock say what is due.

use futures_util::StreamExt as _;
use hourglass_app::ports::Workers;
use hourglass_app::workers::sweep::{GRACE_SECONDS, sweep};
use hourglass_app::workers::{HELP_SECONDS, on_trigger};
use hourglass_boot::Services;
use hourglass_domain::ids::GrantId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// For how long (seconds) one run of the sweep begins new work; with what it has begun it stays within the function's
/// 60 s.
const SWEEP_SECONDS: i64 = 48;

/// How many messages are looked at side by side: as many as come at a time.
const AT_A_TIME: usize = 10;
/// How long one message may take: shorter than the function's own time, so that a hanging target fails its message only.
const LONGEST_LOOK: Duration = Duration::from_secs(45);
/// What a sweep needs, besides, to find what is due and to give its lease back.
const MARGIN_SECONDS: i64 = 5;

// A message whose sweep is cut off counts as failed and comes again minutes later, and what it held stays held.
const _: () = assert!(HELP_SECONDS + GRACE_SECONDS + MARGIN_SECONDS < LONGEST_LOOK.as_secs().cast_signed());
const _: () = assert!(
    SWEEP_SECONDS + GRACE_SECONDS < 60,
    "longer than the function may run (template.yaml)"
);

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
    /// The queue of delayed messages.
    Queue {
        /// At most ten.
        #[serde(rename = "Records")]
        records: Vec<Message>,
    },
}

/// A message, as Lambda hands it over (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    /// Names the message in the answer.
    message_id: String,
    /// Always `aws:sqs`.
    event_source: String,
    /// The payload of a schedule.
    body: String,
}

/// The payload of a one-shot schedule and of a delayed message.
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
            on_trigger(&workers, grant).await?;
            Ok(json!({}))
        }
        Trigger::Queue { records } => Ok(json!({"batchItemFailures": take(&workers, records).await})),
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

/// Looks at each message by itself, and names those that failed: only they are delivered again, and after a few times kept
/// in the failure queue (AWS Lambda Developer Guide, "Implementing partial batch responses").
async fn take(workers: &Workers, messages: Vec<Message>) -> Vec<Value> {
    futures_util::stream::iter(messages)
        .map(|message| async move {
            let id = message.message_id.clone();
            match tokio::time::timeout(LONGEST_LOOK, look_at(workers, &message)).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => {
                    tracing::error!(
                        message.id = id,
                        error = format!("{error:#}"),
                        "a message could not be handled"
                    );
                    Some(json!({"itemIdentifier": id}))
                }
                Err(_) => {
                    tracing::error!(message.id = id, "a message took too long; its due-entry stays");
                    Some(json!({"itemIdentifier": id}))
                }
            }
        })
        .buffer_unordered(AT_A_TIME)
        .filter_map(std::future::ready)
        .collect()
        .await
}

async fn look_at(workers: &Workers, message: &Message) -> anyhow::Result<()> {
    anyhow::ensure!(
        message.event_source == "aws:sqs",
        "not a message of a queue: {}",
        message.event_source
    );
    let ScheduleTrigger { grant } = serde_json::from_str(&message.body)?;
    Ok(on_trigger(workers, grant).await?)
}
