//! The event source mapping: reads the table's stream and invokes a function with batches of records.
//!
//! As in AWS, a batch moves the position only once it is done with: handled, or given up after three attempts with a
//! record of it in the failure queue. A function that fails is called again with halves of the batch
//! (`BisectBatchOnFunctionError`; splitting costs no attempt); one that answers `batchItemFailures` is called again from
//! the lowest of the named records on (`ReportBatchItemFailures`). What AWS leaves open is decided on the gentle side:
//! only the record that failed is given up, not the rest of its batch.

use anyhow::Context;
use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::lambda::{InvokeError, Lambda};
use super::{ACCOUNT, Base, REGION, State, function_arn, queues};
use crate::sim::{Clock, random_id};

/// The most records in one batch; AWS allows more.
pub const MAX_BATCH: usize = 100;

/// The most records in one read of the stream.
const MAX_READ: usize = 1_000;

/// How a mapping is configured.
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// Its name, under which it keeps its position.
    pub name: String,
    /// The table whose stream it reads.
    pub table: String,
    /// The function it invokes.
    pub function: String,
    /// The prefixes of `pk` that it delivers; none means all records.
    pub prefixes: Vec<String>,
    /// Whether it also delivers that an item was deleted.
    pub removals: bool,
    /// The most records in one batch, 1 to [`MAX_BATCH`].
    pub batch_size: usize,
    /// How often a record is delivered before it is given up.
    pub attempts: u32,
    /// How often it looks for records.
    pub poll: Duration,
    /// The pause before a retry; each further one for the same record is twice as long.
    pub retry_delay: Duration,
    /// The ARN of the queue that learns of records that were given up.
    pub on_failure: Option<String>,
}

impl StreamOptions {
    /// A mapping of everything that is written, with the batch size of our template.
    #[must_use]
    pub fn new(table: &str, function: &str) -> Self {
        Self {
            name: format!("{table}-{function}"),
            table: table.to_owned(),
            function: function.to_owned(),
            prefixes: Vec::new(),
            removals: false,
            batch_size: 50,
            attempts: 3,
            poll: Duration::from_millis(50),
            retry_delay: Duration::from_millis(250),
            on_failure: None,
        }
    }
}

/// Trouble that AWS allows itself, for tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamChaos {
    /// Deliver every batch twice.
    pub redeliver: bool,
    /// Deliver batches of at most this many records.
    pub batch_size: Option<usize>,
    /// Read nothing.
    pub pause: bool,
}

/// The running mapping; clones are handles of the same one.
#[derive(Clone)]
pub struct StreamSource {
    inner: Arc<Inner>,
}

struct Inner {
    state: State,
    clock: Clock,
    database: Database,
    lambda: Lambda,
    options: StreamOptions,
    chaos: Mutex<StreamChaos>,
}

impl fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

/// What became of one invocation.
enum Outcome {
    /// All records are handled.
    Handled,
    /// Those before this index are handled.
    FailedFrom(usize),
    /// The function failed.
    Failed,
    /// The function is not there (yet).
    NotReady,
}

impl StreamSource {
    /// Starts to deliver from where the mapping of this name stopped, or from the oldest record there is.
    ///
    /// # Errors
    /// When the state can't be opened.
    pub fn start(base: &Base, database: &Database, lambda: &Lambda, options: StreamOptions) -> anyhow::Result<Self> {
        anyhow::ensure!(
            (1..=MAX_BATCH).contains(&options.batch_size),
            "a batch has 1 to {MAX_BATCH} records"
        );
        base.state
            .write(|tx| tx.execute_batch(SCHEMA))
            .context("cannot prepare the stream positions")?;
        let source = Self {
            inner: Arc::new(Inner {
                state: base.state.clone(),
                clock: Arc::clone(&base.clock),
                database: database.clone(),
                lambda: lambda.clone(),
                options,
                chaos: Mutex::default(),
            }),
        };
        let (running, stop) = (source.clone(), base.shutdown.wait());
        base.shutdown.spawn(async move {
            tokio::select! {
                () = stop => {}
                () = running.run() => {}
            }
        });
        Ok(source)
    }

    /// Orders trouble from the next batch on.
    pub fn set_chaos(&self, chaos: StreamChaos) {
        *self.inner.chaos.lock().unwrap_or_else(PoisonError::into_inner) = chaos;
    }

    /// Goes back to the oldest record that is kept: everything is delivered again.
    ///
    /// # Errors
    /// When the state can't be written.
    pub fn rewind(&self) -> anyhow::Result<()> {
        let name = &self.inner.options.name;
        self.inner
            .state
            .write(|tx| tx.execute("DELETE FROM stream_positions WHERE name = ?1", [name]))?;
        Ok(())
    }

    /// The sequence number of the last record that is done with.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn position(&self) -> anyhow::Result<Option<String>> {
        Ok(self.inner.state.read(|connection| {
            connection
                .prepare_cached("SELECT sequence FROM stream_positions WHERE name = ?1")?
                .query_row([&self.inner.options.name], |row| row.get(0))
                .optional()
        })?)
    }

    fn chaos(&self) -> StreamChaos {
        *self.inner.chaos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self) {
        loop {
            let idle = self.chaos().pause
                || match self.read() {
                    Ok(Some(batch)) => {
                        self.work_off(batch).await;
                        false
                    }
                    Ok(None) => true,
                    Err(error) => {
                        tracing::error!(%error, "the stream can't be read");
                        true
                    }
                };
            if idle {
                tokio::time::sleep(self.inner.options.poll).await;
            }
        }
    }

    /// The records after the position, or nothing if there are none.
    fn read(&self) -> anyhow::Result<Option<Batch>> {
        let database = &self.inner.database;
        let table = self.inner.options.table.clone();
        let streams = database.list_streams(ListStreamsRequest {
            table_name: Some(table),
            ..Default::default()
        })?;
        let Some(stream) = streams.streams.into_iter().next() else {
            return Ok(None);
        };
        let position = self.position()?;
        let iterator = database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: stream.stream_arn,
            shard_id: dynoxide::streams::shard_id(&stream.table_name),
            // Never LATEST: the engine would read the whole stream to find its end.
            shard_iterator_type: if position.is_some() {
                "AFTER_SEQUENCE_NUMBER"
            } else {
                "TRIM_HORIZON"
            }
            .to_owned(),
            sequence_number: position,
        })?;
        let Some(shard_iterator) = iterator.shard_iterator else {
            return Ok(None);
        };
        let read = database.get_records(GetRecordsRequest {
            shard_iterator,
            limit: Some(MAX_READ),
        })?;
        let Some(last) = read.records.last() else {
            return Ok(None);
        };
        let last = last.dynamodb.sequence_number.clone();
        let arn = stream_arn(&stream.table_name, &stream.stream_label);
        let records = read
            .records
            .iter()
            .map(|record| event_record(record, &arn))
            .filter(|record| self.wanted(record))
            .collect();
        Ok(Some(Batch { arn, records, last }))
    }

    fn wanted(&self, record: &Value) -> bool {
        let options = &self.inner.options;
        let pk = record
            .pointer("/dynamodb/Keys/pk/S")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let ours = options.prefixes.is_empty() || options.prefixes.iter().any(|prefix| pk.starts_with(prefix.as_str()));
        ours && (options.removals || record.get("eventName") != Some(&json!("REMOVE")))
    }

    async fn work_off(&self, batch: Batch) {
        let size = self
            .chaos()
            .batch_size
            .unwrap_or(self.inner.options.batch_size)
            .clamp(1, MAX_BATCH);
        for records in batch.records.chunks(size) {
            self.deliver(&batch.arn, records).await;
        }
        // Only records that were filtered out can be left; otherwise this would undo a rewind that came in between.
        if batch.records.last().map(sequence_number).as_ref() != Some(&batch.last) {
            self.store(|tx| self.advance(tx, &batch.last)).await;
        }
    }

    /// Delivers records until each of them is handled or given up.
    async fn deliver(&self, arn: &str, records: &[Value]) {
        let mut segments = VecDeque::from([records]);
        let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
        while let Some(segment) = segments.pop_front() {
            let Some(head) = segment.first().map(sequence_number) else {
                continue;
            };
            let rest = match self.invoke(segment).await {
                Outcome::NotReady => {
                    tokio::time::sleep(self.inner.options.poll).await;
                    segments.push_front(segment);
                    continue;
                }
                Outcome::Handled => {
                    if let Some(last) = segment.last() {
                        self.store(|tx| self.advance(tx, &sequence_number(last))).await;
                    }
                    continue;
                }
                Outcome::Failed if segment.len() > 1 => {
                    let (first, second) = segment.split_at(segment.len() / 2);
                    segments.push_front(second);
                    segments.push_front(first);
                    continue;
                }
                Outcome::Failed => segment,
                Outcome::FailedFrom(index) => segment.get(index..).unwrap_or(segment),
            };
            let failed = rest.first().map(sequence_number).unwrap_or(head);
            let tried = attempts.entry(failed.clone()).or_default();
            *tried += 1;
            if *tried < self.inner.options.attempts {
                let delay = self.inner.options.retry_delay.saturating_mul(1 << (*tried - 1).min(16));
                segments.push_front(rest);
                tokio::time::sleep(delay).await;
            } else {
                let tried = *tried;
                if let Some((poisoned, others)) = rest.split_first() {
                    self.store(|tx| self.give_up(tx, arn, poisoned, tried)).await;
                    segments.push_front(others);
                }
            }
        }
    }

    async fn invoke(&self, records: &[Value]) -> Outcome {
        let (lambda, function) = (&self.inner.lambda, &self.inner.options.function);
        let event = json!({ "Records": records });
        if self.chaos().redeliver {
            // The first of the two counts for nothing, as if its answer had been lost.
            let _ = lambda.invoke(function, event.clone()).await;
        }
        match lambda.invoke(function, event).await {
            Ok(answer) => read_answer(&answer, records),
            Err(InvokeError::NotFound(_)) => Outcome::NotReady,
            Err(error) => {
                tracing::warn!(function, records = records.len(), %error, "a batch failed");
                Outcome::Failed
            }
        }
    }

    fn advance(&self, tx: &Transaction<'_>, sequence: &str) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO stream_positions (name, sequence) VALUES (?1, ?2)";
        tx.execute(sql, params![self.inner.options.name, sequence]).map(drop)
    }

    /// Moves past a record and tells the failure queue which one it was; its content is not told.
    fn give_up(&self, tx: &Transaction<'_>, arn: &str, record: &Value, tried: u32) -> rusqlite::Result<()> {
        let options = &self.inner.options;
        let (now, sequence) = (self.inner.clock.now(), sequence_number(record));
        tracing::error!(function = options.function, sequence, "a stream record was given up");
        if let Some(queue) = &options.on_failure {
            let arrival = record
                .pointer("/dynamodb/ApproximateCreationDateTime")
                .and_then(Value::as_i64);
            let arrival = arrival
                .and_then(|second| Timestamp::from_second(second).ok())
                .unwrap_or(now)
                .to_string();
            let message = json!({
                "version": "1.0",
                "timestamp": now.to_string(),
                "requestContext": {
                    "requestId": random_id().map(|id| id.to_string()).unwrap_or_default(),
                    "functionArn": function_arn(&options.function),
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": tried,
                },
                "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
                "DDBStreamBatchInfo": {
                    "shardId": dynoxide::streams::shard_id(&options.table),
                    "startSequenceNumber": sequence,
                    "endSequenceNumber": sequence,
                    "approximateArrivalOfFirstRecord": arrival,
                    "approximateArrivalOfLastRecord": arrival,
                    "batchSize": 1,
                    "streamArn": arn,
                },
            });
            if !queues::send_in(tx, now, queue, &message.to_string(), &Map::new())? {
                tracing::error!(queue, "a failure queue does not exist");
            }
        }
        self.advance(tx, &sequence)
    }

    /// Writes until it succeeds: going on without it would lose the position.
    async fn store(&self, work: impl Fn(&Transaction<'_>) -> rusqlite::Result<()>) {
        while let Err(error) = self.inner.state.write(&work) {
            tracing::error!(%error, "a stream position can't be stored");
            tokio::time::sleep(self.inner.options.poll).await;
        }
    }
}

/// What one read of the stream brought.
struct Batch {
    arn: String,
    /// Those that pass the filter.
    records: Vec<Value>,
    /// The sequence number of the last record, filtered out or not.
    last: String,
}

/// The ARN as AWS writes it; the engine's label is `<seconds>.<nanoseconds>`.
fn stream_arn(table: &str, label: &str) -> String {
    let seconds = label
        .split('.')
        .next()
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(0);
    let made = Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC);
    let made = made.strftime("%Y-%m-%dT%H:%M:%S");
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/{made}.000")
}

/// A record as Lambda hands it to a function.
fn event_record(record: &Record, arn: &str) -> Value {
    let mut event = json!(record);
    if let Value::Object(fields) = &mut event {
        fields.insert("awsRegion".to_owned(), json!(REGION));
        fields.insert("eventSourceARN".to_owned(), json!(arn));
        if let Some(time) = fields
            .get_mut("dynamodb")
            .and_then(|body| body.get_mut("ApproximateCreationDateTime"))
        {
            // Whole seconds, written without a fraction.
            let seconds = record.dynamodb.approximate_creation_date_time as i64;
            *time = json!(seconds);
        }
    }
    event
}

fn sequence_number(record: &Value) -> String {
    record
        .pointer("/dynamodb/SequenceNumber")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Reads a function's answer by the rules of `ReportBatchItemFailures`: nothing, null and an empty list are success, a
/// malformed or unknown identifier fails the whole batch, and the lowest named record is where to start again.
fn read_answer(answer: &Value, records: &[Value]) -> Outcome {
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Outcome::Handled,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Outcome::Failed,
    };
    let mut lowest = None;
    for failure in failures {
        let named = failure.get("itemIdentifier").and_then(Value::as_str);
        let index = records
            .iter()
            .position(|record| Some(sequence_number(record).as_str()) == named);
        match index {
            Some(index) => lowest = Some(lowest.map_or(index, |lowest: usize| lowest.min(index))),
            None => return Outcome::Failed,
        }
    }
    lowest.map_or(Outcome::Handled, Outcome::FailedFrom)
}

const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS stream_positions (name TEXT PRIMARY KEY, sequence TEXT NOT NULL) WITHOUT ROWID;";

#[cfg(test)]
mod tests {
    use super::super::dynamodb::{create_table_if_missing, memory_database};
    use super::super::lambda::{FunctionConfig, FunctionError, function};
    use super::super::queues::Queues;
    use super::super::testing::{any_port, base, eventually};
    use super::*;
    use dynoxide::actions::put_item::PutItemRequest;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    struct Setup {
        base: Base,
        database: Database,
        lambda: Lambda,
        queues: Queues,
    }

    async fn set_up() -> Setup {
        let base = base();
        let database = memory_database().unwrap();
        create_table_if_missing(&database, "hourglass").unwrap();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        Setup {
            base,
            database,
            lambda,
            queues,
        }
    }

    impl Setup {
        fn put(&self, pk: &str) {
            let request = json!({ "TableName": "hourglass", "Item": { "pk": { "S": pk }, "sk": { "S": "META" } } });
            self.database
                .put_item(serde_json::from_value::<PutItemRequest>(request).unwrap())
                .unwrap();
        }

        /// Registers `provisioning`: it answers what `answer` makes of the keys it is given, which are also sent on.
        fn answer_with(
            &self,
            answer: impl Fn(&[String], &Value) -> Result<Value, FunctionError> + Send + Sync + 'static,
        ) -> UnboundedReceiver<Vec<String>> {
            let (send, receive) = unbounded_channel();
            let handler = function(move |event: Value| {
                let pks: Vec<String> = event["Records"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned())
                    .collect();
                let answer = answer(&pks, &event);
                let _ = send.send(pks);
                async { answer }
            });
            self.lambda.register("provisioning", handler, FunctionConfig::default());
            receive
        }

        fn source(&self, change: impl FnOnce(&mut StreamOptions)) -> StreamSource {
            let mut options = StreamOptions {
                prefixes: vec!["GRANT#".to_owned(), "END#".to_owned()],
                retry_delay: Duration::from_millis(1),
                on_failure: Some(self.queues.create("stream-failures").unwrap()),
                ..StreamOptions::new("hourglass", "provisioning")
            };
            change(&mut options);
            StreamSource::start(&self.base, &self.database, &self.lambda, options).unwrap()
        }

        async fn until_settled(&self, source: &StreamSource) {
            let last = self
                .database
                .list_streams(ListStreamsRequest::default())
                .unwrap()
                .streams
                .remove(0);
            let describe = serde_json::from_value(json!({ "StreamArn": last.stream_arn })).unwrap();
            let range = self
                .database
                .describe_stream(describe)
                .unwrap()
                .stream_description
                .shards
                .remove(0);
            let end = range.sequence_number_range.ending_sequence_number;
            eventually("the stream to be worked off", async || {
                (source.position().unwrap() == end).then_some(())
            })
            .await;
        }
    }

    fn drain(receive: &mut UnboundedReceiver<Vec<String>>) -> Vec<Vec<String>> {
        std::iter::from_fn(|| receive.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn records_of_our_prefixes_arrive_in_order_and_in_shape() {
        let setup = set_up().await;
        let (send, mut events) = unbounded_channel();
        let mut calls = setup.answer_with(move |_, event| {
            send.send(event.clone()).unwrap();
            Ok(Value::Null)
        });
        for pk in ["GRANT#1", "REQ#1", "END#1", "GRANT#2"] {
            setup.put(pk);
        }
        let gone = json!({ "TableName": "hourglass", "Key": { "pk": { "S": "END#1" }, "sk": { "S": "META" } } });
        setup
            .database
            .delete_item(serde_json::from_value(gone).unwrap())
            .unwrap();
        let source = setup.source(|_| {});
        setup.until_settled(&source).await;
        assert_eq!(drain(&mut calls), [["GRANT#1", "END#1", "GRANT#2"]]);
        let record = events.recv().await.unwrap()["Records"][0].clone();
        assert_eq!(record["eventName"], "INSERT");
        assert_eq!(record["eventSource"], "aws:dynamodb");
        assert_eq!(record["awsRegion"], REGION);
        assert_eq!(
            record["dynamodb"]["Keys"],
            json!({ "pk": { "S": "GRANT#1" }, "sk": { "S": "META" } })
        );
        assert_eq!(record["dynamodb"]["StreamViewType"], "KEYS_ONLY");
        assert!(record["dynamodb"]["ApproximateCreationDateTime"].is_i64());
        let arn = record["eventSourceARN"].as_str().unwrap();
        assert!(
            arn.starts_with("arn:aws:dynamodb:us-east-1:111122223333:table/hourglass/stream/20"),
            "{arn}"
        );
        assert_eq!(record["dynamodb"].get("NewImage"), None);
    }

    #[tokio::test]
    async fn a_record_is_delivered_soon() {
        let setup = set_up().await;
        let mut calls = setup.answer_with(|_, _| Ok(json!({})));
        let source = setup.source(|_| {});
        // Nothing lies between two looks but this pause.
        let poll = source.inner.options.poll;
        assert!(poll < Duration::from_millis(100), "{poll:?}");
        let mut best = Duration::MAX;
        // The best of five, and far more than the pause: the machine that runs this may be busy with other things.
        for n in 0..5 {
            let start = tokio::time::Instant::now();
            setup.put(&format!("GRANT#{n}"));
            calls.recv().await.unwrap();
            best = best.min(start.elapsed());
        }
        assert!(best < Duration::from_secs(5), "{best:?}");
    }

    #[tokio::test]
    async fn batches_are_bounded() {
        let setup = set_up().await;
        let mut calls = setup.answer_with(|_, _| Ok(json!({ "batchItemFailures": [] })));
        for n in 0..250 {
            setup.put(&format!("GRANT#{n}"));
        }
        let source = setup.source(|options| options.batch_size = MAX_BATCH);
        setup.until_settled(&source).await;
        let sizes: Vec<_> = drain(&mut calls).iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }

    #[tokio::test]
    async fn after_a_partial_failure_it_goes_on_from_the_lowest_failed_record() {
        let setup = set_up().await;
        let failing = Mutex::new(true);
        let mut calls = setup.answer_with(move |pks, event| {
            let failed = |wanted: &str| {
                let index = pks.iter().position(|pk| pk == wanted)?;
                Some(json!({ "itemIdentifier": event["Records"][index]["dynamodb"]["SequenceNumber"] }))
            };
            let failures: Vec<_> = match std::mem::replace(&mut *failing.lock().unwrap(), false) {
                true => ["GRANT#3", "GRANT#2"].into_iter().filter_map(failed).collect(),
                false => Vec::new(),
            };
            Ok(json!({ "batchItemFailures": failures }))
        });
        (1..=4).for_each(|n| setup.put(&format!("GRANT#{n}")));
        let source = setup.source(|_| {});
        setup.until_settled(&source).await;
        let expected: [&[&str]; 2] = [
            &["GRANT#1", "GRANT#2", "GRANT#3", "GRANT#4"],
            &["GRANT#2", "GRANT#3", "GRANT#4"],
        ];
        assert_eq!(drain(&mut calls), expected);
        assert_eq!(setup.queues.messages("stream-failures").unwrap(), []);
    }

    #[tokio::test]
    async fn a_poisoned_record_is_found_by_halving_and_given_up_after_three_attempts() {
        let setup = set_up().await;
        let mut calls = setup.answer_with(|pks, _| {
            if pks.iter().any(|pk| pk == "GRANT#3") {
                return Err(FunctionError::new("HandlerError", "poison"));
            }
            Ok(json!({}))
        });
        (1..=4).for_each(|n| setup.put(&format!("GRANT#{n}")));
        let source = setup.source(|_| {});
        setup.until_settled(&source).await;
        let calls = drain(&mut calls);
        let alone = |pk: &str| calls.iter().filter(|call| **call == [pk]).count();
        assert_eq!((alone("GRANT#3"), alone("GRANT#4")), (3, 1), "{calls:?}");
        assert!(calls.contains(&vec!["GRANT#1".to_owned(), "GRANT#2".to_owned()]));
        let failures = setup.queues.messages("stream-failures").unwrap();
        assert_eq!(failures.len(), 1);
        let failure: Value = serde_json::from_str(&failures[0].body).unwrap();
        assert_eq!(failure["requestContext"]["condition"], "RetryAttemptsExhausted");
        assert_eq!(failure["DDBStreamBatchInfo"]["batchSize"], 1);
        assert!(!failures[0].body.contains("GRANT#"), "the record's content is not told");
    }

    #[tokio::test]
    async fn the_position_outlives_the_process_and_moves_only_when_a_batch_is_done() {
        let setup = set_up().await;
        let (started, mut has_started) = unbounded_channel();
        let hung = function(move |_| {
            started.send(()).unwrap();
            std::future::pending::<Result<Value, FunctionError>>()
        });
        setup.lambda.register("provisioning", hung, FunctionConfig::default());
        setup.put("GRANT#1");
        let source = setup.source(|_| {});
        has_started.recv().await.unwrap();
        assert_eq!(source.position().unwrap(), None);
        setup.base.shutdown.finish().await;

        // A new process on the same state and table.
        let base = Base {
            shutdown: super::super::Shutdown::new(),
            ..setup.base.clone()
        };
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let queues = Queues::start(&base, any_port()).await.unwrap();
        let setup = Setup {
            base,
            lambda,
            queues,
            database: setup.database,
        };
        let mut calls = setup.answer_with(|_, _| Ok(Value::Null));
        let source = setup.source(|_| {});
        setup.until_settled(&source).await;
        setup.put("GRANT#2");
        setup.until_settled(&source).await;
        assert_eq!(drain(&mut calls), [["GRANT#1"], ["GRANT#2"]]);
    }

    #[tokio::test]
    async fn it_waits_for_its_function_to_be_there() {
        let setup = set_up().await;
        setup.put("GRANT#1");
        let source = setup.source(|options| options.poll = Duration::from_millis(5));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(source.position().unwrap(), None);
        let mut calls = setup.answer_with(|_, _| Ok(Value::Null));
        assert_eq!(calls.recv().await.unwrap(), ["GRANT#1"]);
        assert_eq!(setup.queues.messages("stream-failures").unwrap(), []);
    }

    #[tokio::test]
    async fn tests_can_order_redelivery_small_batches_and_a_replay() {
        let setup = set_up().await;
        let mut calls = setup.answer_with(|_, _| Ok(Value::Null));
        let source = setup.source(|_| {});
        source.set_chaos(StreamChaos {
            pause: true,
            ..StreamChaos::default()
        });
        // No read is under way: this thread has them all, and has not let go of itself since the source was made.
        setup.put("GRANT#1");
        setup.put("GRANT#2");
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(drain(&mut calls), [[""; 0]; 0], "read while paused");
        source.set_chaos(StreamChaos {
            redeliver: true,
            batch_size: Some(1),
            pause: false,
        });
        setup.until_settled(&source).await;
        assert_eq!(drain(&mut calls), [["GRANT#1"], ["GRANT#1"], ["GRANT#2"], ["GRANT#2"]]);
        source.set_chaos(StreamChaos::default());
        source.rewind().unwrap();
        assert_eq!(calls.recv().await.unwrap(), ["GRANT#1", "GRANT#2"]);
    }

    #[test]
    fn the_recorded_batch_has_the_shape_that_is_delivered() {
        let recorded: Value = serde_json::from_str(include_str!("../../../events/stream.json")).unwrap();
        let records = recorded["Records"].as_array().unwrap();
        let arn = records[0]["eventSourceARN"].as_str().unwrap();
        assert_eq!(stream_arn("hourglass", "1795249740.5"), arn);
        for record in records {
            let seconds = record["dynamodb"]["ApproximateCreationDateTime"].as_f64().unwrap();
            let body = dynoxide::actions::get_records::StreamRecord {
                keys: serde_json::from_value(record["dynamodb"]["Keys"].clone()).unwrap(),
                sequence_number: sequence_number(record),
                size_bytes: record["dynamodb"]["SizeBytes"].as_i64().unwrap(),
                stream_view_type: "KEYS_ONLY".to_owned(),
                approximate_creation_date_time: seconds,
                ..Default::default()
            };
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let read = Record {
                event_id: text("eventID"),
                event_name: text("eventName"),
                event_version: text("eventVersion"),
                event_source: text("eventSource"),
                aws_region: "elsewhere".to_owned(),
                dynamodb: body,
                user_identity: None,
            };
            assert_eq!(event_record(&read, arn), *record);
        }
    }

    #[test]
    fn answers_are_read_as_the_service_reads_them() {
        let records = [
            json!({ "dynamodb": { "SequenceNumber": "1" } }),
            json!({ "dynamodb": { "SequenceNumber": "2" } }),
        ];
        let read = |answer: Value| match read_answer(&answer, &records) {
            Outcome::Handled => "handled".to_owned(),
            Outcome::FailedFrom(index) => format!("from {index}"),
            Outcome::Failed => "failed".to_owned(),
            Outcome::NotReady => "not ready".to_owned(),
        };
        for handled in [
            json!(null),
            json!({}),
            json!({ "batchItemFailures": null }),
            json!({ "batchItemFailures": [] }),
        ] {
            assert_eq!(read(handled), "handled");
        }
        for failed in [
            json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
            json!({ "batchItemFailures": [{ "itemIdentfier": "1" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "9" }] }),
            json!({ "batchItemFailures": "1" }),
        ] {
            assert_eq!(read(failed.clone()), "failed", "{failed}");
        }
        let both = json!({ "batchItemFailures": [{ "itemIdentifier": "2" }, { "itemIdentifier": "1" }] });
        assert_eq!(read(both), "from 0");
    }
}
