//! The event source mapping from a queue to a function.
//!
//! As in AWS, a message that was received is invisible for the queue's visibility time-out; what the function handles is
//! deleted, what it names in `batchItemFailures`, or all of a batch when it fails, comes again after that time, and what
//! was received too often goes to the dead-letter queue instead. Messages live in the queue's own tables, so that one
//! that was in flight when the process died comes again as well.

use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

use super::lambda::{InvokeError, Lambda};
use super::queues::{Queues, Received};
use super::{Base, REGION, queue_arn};

/// The most batches that are under way at a time.
const MAX_RUNNING: usize = 10;
/// The longest time without looking whether a message has become visible.
const POLL: Duration = Duration::from_millis(50);

/// How a mapping is configured.
#[derive(Debug, Clone)]
pub struct MappingOptions {
    /// The queue it reads.
    pub queue: String,
    /// The function it invokes.
    pub function: String,
    /// The most messages in one batch, 1 to 10.
    pub batch_size: u8,
    /// How long a message that was received is invisible: the queue's setting, whole seconds.
    pub visibility: Duration,
    /// How often a message is received before it goes to the dead-letter queue.
    pub max_receives: u32,
    /// ARN of the dead-letter queue.
    pub dead_letters: String,
}

/// The running mapping; clones are handles of the same one.
#[derive(Clone)]
pub struct Mapping {
    inner: Arc<Inner>,
}

struct Inner {
    queues: Queues,
    lambda: Lambda,
    options: MappingOptions,
    paused: AtomicBool,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// Starts to deliver.
    #[must_use]
    pub fn start(base: &Base, queues: &Queues, lambda: &Lambda, options: MappingOptions) -> Self {
        let mapping = Self {
            inner: Arc::new(Inner {
                queues: queues.clone(),
                lambda: lambda.clone(),
                options,
                paused: AtomicBool::new(false),
            }),
        };
        let (running, stop) = (mapping.clone(), base.shutdown.wait());
        base.shutdown.spawn(async move {
            tokio::select! {
                () = stop => {}
                () = running.run() => {}
            }
        });
        mapping
    }

    /// Stops delivering or goes on with it.
    pub fn pause(&self, paused: bool) {
        self.inner.paused.store(paused, Ordering::SeqCst);
    }

    async fn run(&self) {
        let mut running = JoinSet::new();
        loop {
            while running.try_join_next().is_some() {}
            if running.len() >= MAX_RUNNING {
                running.join_next().await;
                continue;
            }
            let batch = if self.inner.paused.load(Ordering::SeqCst) {
                Vec::new()
            } else {
                self.receive()
            };
            if batch.is_empty() {
                tokio::time::sleep(POLL).await;
            } else {
                let mapping = self.clone();
                running.spawn(async move { mapping.deliver(batch).await });
            }
        }
    }

    /// The next batch, without what has come too often.
    fn receive(&self) -> Vec<Received> {
        let options = &self.inner.options;
        let received = self
            .inner
            .queues
            .receive(&options.queue, options.batch_size, options.visibility);
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::error!(%error, "a queue can't be read");
                return Vec::new();
            }
        };
        let (good, worn): (Vec<_>, Vec<_>) = received
            .into_iter()
            .partition(|message| message.receives <= options.max_receives);
        for message in worn {
            self.done(
                self.inner
                    .queues
                    .send(&options.dead_letters, &message.body, &Map::new()),
                &message,
            );
        }
        good
    }

    /// Deletes the message, if what had to happen before went well.
    fn done(&self, before: anyhow::Result<()>, message: &Received) {
        let deleted = before.and_then(|()| self.inner.queues.delete(&self.inner.options.queue, &message.receipt));
        if let Err(error) = deleted {
            tracing::error!(%error, "a message can't be deleted and comes again");
        }
    }

    async fn deliver(&self, batch: Vec<Received>) {
        let records: Vec<Value> = batch.iter().map(|message| self.record(message)).collect();
        let event = json!({ "Records": records });
        let failed: Vec<String> = match self.inner.lambda.invoke(&self.inner.options.function, event).await {
            Ok(answer) => answer
                .get("batchItemFailures")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|failure| failure.get("itemIdentifier")?.as_str().map(str::to_owned))
                .collect(),
            Err(error) => {
                if !matches!(error, InvokeError::NotFound(_)) {
                    tracing::warn!(%error, "a batch of messages failed");
                }
                return;
            }
        };
        for message in batch.iter().filter(|message| !failed.contains(&message.id)) {
            self.done(Ok(()), message);
        }
    }

    /// A message as Lambda hands it over. Its MD5 is left out: nobody here could check it.
    fn record(&self, message: &Received) -> Value {
        json!({
            "messageId": message.id,
            "receiptHandle": message.receipt,
            "body": message.body,
            "attributes": message.attributes,
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn(&self.inner.options.queue),
            "awsRegion": REGION,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::lambda::{FunctionConfig, FunctionError, function};
    use super::super::testing::{any_port, base, base_on, eventually};
    use super::*;
    use crate::sim::ManualTime;
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    fn options(visibility: Duration) -> MappingOptions {
        MappingOptions {
            queue: "exact".to_owned(),
            function: "revocation".to_owned(),
            batch_size: 10,
            visibility,
            max_receives: 3,
            dead_letters: queue_arn("failures"),
        }
    }

    type Seen = Arc<Mutex<Vec<Value>>>;

    /// A function that keeps what it is given, and answers that messages with the body `bad` failed.
    fn register(lambda: &Lambda) -> Seen {
        let seen = Seen::default();
        let keep = Arc::clone(&seen);
        let handler = function(move |event: Value| {
            let records = event["Records"].as_array().unwrap().clone();
            let bad = records.iter().filter(|record| record["body"] == "bad");
            let failures: Vec<Value> = bad
                .map(|record| json!({ "itemIdentifier": record["messageId"] }))
                .collect();
            keep.lock().unwrap().extend(records);
            async move { Ok::<_, FunctionError>(json!({ "batchItemFailures": failures })) }
        });
        lambda.register("revocation", handler, FunctionConfig::default());
        seen
    }

    #[tokio::test]
    async fn messages_are_delivered_and_what_fails_is_tried_again_and_then_kept() {
        let time = ManualTime::new("2026-11-20T08:00:00Z".parse().unwrap());
        let clock = Arc::<ManualTime>::clone(&time);
        let base = Base { clock, ..base() };
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let arn = queues.create("exact").unwrap();
        queues.create("failures").unwrap();
        let seen = register(&lambda);
        let looked = Cell::new(None);
        for body in ["good", "bad"] {
            queues.send(&arn, body, &Map::new()).unwrap();
        }
        let _mapping = Mapping::start(&base, &queues, &lambda, options(Duration::from_secs(30)));
        let kept = eventually("the dead letter", async || {
            // Time passes while nobody works on a batch: a function that is slow is not overtaken.
            let runs = lambda.runs().get("revocation").map_or(0, |runs| runs.started);
            if queues.messages("exact").unwrap().len() == 1 && looked.replace(Some(runs)) == Some(runs) {
                time.advance_seconds(30);
            }
            queues.messages("failures").unwrap().pop()
        })
        .await;
        assert_eq!(kept.body, "bad");
        assert!(queues.messages("exact").unwrap().is_empty());
        let seen = seen.lock().unwrap().clone();
        let times = |body: &str| seen.iter().filter(|record| record["body"] == body).count();
        assert_eq!((times("good"), times("bad")), (1, 3));
        assert_eq!(seen.last().unwrap()["attributes"]["ApproximateReceiveCount"], "3");

        let recorded: Value = serde_json::from_str(include_str!("../../../events/sqs.json")).unwrap();
        let names = |record: &Value| {
            let names = record.as_object().unwrap().keys().cloned();
            names.filter(|name| name != "md5OfBody").collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&recorded["Records"][0]), names(&seen[0]));
        assert_eq!(
            names(&recorded["Records"][0]["attributes"]),
            names(&seen[0]["attributes"])
        );
    }

    #[tokio::test]
    async fn what_was_in_flight_or_delayed_when_the_process_died_still_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aws.db");
        let base = base_on(State::open(&path).unwrap());
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let arn = queues.create("exact").unwrap();
        queues.create("failures").unwrap();
        queues.send(&arn, "in flight", &Map::new()).unwrap();
        let taken = queues.receive("exact", 10, Duration::from_secs(1)).unwrap();
        assert_eq!(taken.len(), 1);
        let later =
            json!({ "QueueUrl": format!("{}/1/exact", queues.url()), "MessageBody": "delayed", "DelaySeconds": 1 });
        let sent = reqwest::Client::new()
            .post(queues.url())
            .header("x-amz-target", "AmazonSQS.SendMessage")
            .body(later.to_string())
            .send();
        assert!(sent.await.unwrap().status().is_success());
        base.shutdown.finish().await;

        let base = base_on(State::open(&path).unwrap());
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        // The function is not there yet: nothing is lost by that.
        let _mapping = Mapping::start(&base, &queues, &lambda, options(Duration::from_secs(1)));
        let seen = register(&lambda);
        eventually("both messages", async || {
            let mut bodies: Vec<Value> = seen
                .lock()
                .unwrap()
                .iter()
                .map(|record| record["body"].clone())
                .collect();
            bodies.sort_by_key(Value::to_string);
            // What was handled too slowly comes again.
            bodies.dedup();
            (bodies == ["delayed", "in flight"]).then_some(())
        })
        .await;
    }
}
