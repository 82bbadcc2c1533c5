//! Metrics: events with the target `metric` become lines in CloudWatch's embedded metric format.
//!
//! Code that has something to count says so with `tracing` and knows nothing of CloudWatch:
//!
//! ```
//! tracing::info!(target: "metric", metric = "overdue_grants", value = 3_u64, unit = "Count");
//! tracing::info!(target: "metric", metric = "time_to_grant_seconds", value = 1.4, unit = "Seconds");
//! ```
//!
//! `metric` is the name, `value` a number, `unit` one of CloudWatch's units (`Count`, `Seconds`; none if absent). Every
//! other text field is a dimension, beside `function`, which [`EmbeddedMetrics`] adds; other fields are left out. Each
//! combination of dimensions is a metric of its own that is paid for, so a dimension has few values: never an id or a
//! name.
//!
//! Names in use: `overdue_grants`, `sweep_heartbeat`, `convergence_failures`, `evidence_failures`, `orphan_trigger`,
//! `schedule_tampered`, `mass_deactivation`, `emergency_activations`, `unreviewed_emergencies`, `time_to_grant_seconds`, `revocation_lateness_seconds`,
//! `removal_failing_seconds`, `removed_outside_memberships`, `reappeared_memberships`.
//!
//! The format is one JSON object on a line of standard output (Amazon CloudWatch User Guide, "Specification: Embedded
//! metric format"). Lambda takes a line without a level for INFO, so metrics need an application log level of INFO or
//! below.

use std::io::Write;
use std::sync::Arc;

use hourglass_app::ports::Clock;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};

/// The target of events that are metrics.
pub const TARGET: &str = "metric";
/// The CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Hourglass";

/// Most dimensions of a metric, `function` among them: CloudWatch takes 30, more than a few are a mistake.
const MOST_DIMENSIONS: usize = 8;
/// Longest name or value of a dimension, in bytes.
const LONGEST_TEXT: usize = 250;

/// A layer that writes events with the target [`TARGET`] in the embedded metric format.
#[derive(Debug)]
pub struct EmbeddedMetrics<W> {
    function: String,
    clock: Arc<dyn Clock>,
    writer: W,
}

impl<W> EmbeddedMetrics<W> {
    /// Metrics of `function`, written to `writer`.
    pub fn new(function: impl Into<String>, clock: Arc<dyn Clock>, writer: W) -> Self {
        Self {
            function: function.into(),
            clock,
            writer,
        }
    }

    fn line(&self, fields: Fields) -> Option<String> {
        let (name, value) = (fields.name?, fields.value?);
        let mut line = Map::new();
        line.insert("function".to_owned(), json!(self.function));
        for (key, text) in fields.dimensions {
            line.insert(key.to_owned(), json!(text));
        }
        let mut dimensions: Vec<String> = line.keys().cloned().collect();
        dimensions.sort();
        let mut metric = json!({ "Name": name });
        if let (Some(unit), Value::Object(metric)) = (fields.unit, &mut metric) {
            metric.insert("Unit".to_owned(), json!(unit));
        }
        let described = json!({
            "Timestamp": self.clock.now().millis(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": [metric] }],
        });
        line.insert(name, value);
        line.insert("_aws".to_owned(), described);
        Some(format!("{}\n", Value::Object(line)))
    }
}

impl<S, W> Layer<S> for EmbeddedMetrics<W>
where
    S: Subscriber,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(line) = self.line(fields) {
            // In one piece, so that lines do not mix. A metric that cannot be written has nobody to be told to.
            let _ = self.writer.make_writer().write_all(line.as_bytes());
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    value: Option<Value>,
    unit: Option<String>,
    dimensions: Vec<(&'static str, String)>,
}

impl Fields {
    fn number(&mut self, field: &Field, value: Value) {
        // A number that JSON cannot hold (not finite) has become null.
        if field.name() == "value" && value.is_number() {
            self.value = Some(value);
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.is_empty() || value.len() > LONGEST_TEXT {
            return;
        }
        match field.name() {
            "metric" => self.name = Some(value.to_owned()),
            "unit" => self.unit = Some(value.to_owned()),
            // These belong to the format or to `EmbeddedMetrics`.
            "message" | "value" | "_aws" | "function" => {}
            _ if self.dimensions.len() + 1 < MOST_DIMENSIONS => {
                self.dimensions.push((field.name(), value.to_owned()));
            }
            _ => {}
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, json!(value));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hourglass_domain::Timestamp;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Debug)]
    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_795_176_000_123)
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(work: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = EmbeddedMetrics::new("hourglass-revocation", Arc::new(Noon), move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_reads() {
        let lines = written(|| {
            tracing::info!(target: "metric", metric = "overdue_grants", value = 3_u64, unit = "Count");
        });
        assert_eq!(
            lines,
            [json!({
                "_aws": {
                    "Timestamp": 1_795_176_000_123_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Hourglass",
                        "Dimensions": [["function"]],
                        "Metrics": [{ "Name": "overdue_grants", "Unit": "Count" }],
                    }],
                },
                "function": "hourglass-revocation",
                "overdue_grants": 3,
            })]
        );
    }

    #[test]
    fn texts_are_dimensions_and_numbers_may_be_fractions() {
        let lines = written(|| {
            tracing::info!(target: "metric", metric = "time_to_grant_seconds", value = 1.5, cloud = "china", "words");
        });
        assert_eq!(lines[0]["time_to_grant_seconds"], json!(1.5));
        assert_eq!(lines[0]["cloud"], json!("china"));
        let described = &lines[0]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(described["Dimensions"], json!([["cloud", "function"]]));
        assert_eq!(described["Metrics"], json!([{ "Name": "time_to_grant_seconds" }]));
        assert_eq!(lines[0].get("message"), None);
    }

    #[test]
    fn only_whole_metrics_are_written() {
        let long = "x".repeat(LONGEST_TEXT + 1);
        let lines = written(|| {
            tracing::info!(metric = "elsewhere", value = 1_u64);
            tracing::info!(target: "metric", metric = "no_value");
            tracing::info!(target: "metric", metric = "no_number", value = "3");
            tracing::info!(target: "metric", metric = "not_finite", value = f64::NAN);
            tracing::info!(target: "metric", value = 1_u64);
            tracing::info!(target: "metric", metric = "kept", value = -1_i64, function = "forged", long);
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["kept"], json!(-1));
        assert_eq!(lines[0]["function"], json!("hourglass-revocation"));
        assert_eq!(lines[0].get("long"), None);
    }

    #[test]
    fn a_value_cannot_begin_a_line_of_its_own() {
        let lines = written(|| {
            tracing::info!(target: "metric", metric = "m", value = 1_u64, kind = "a\n{\"_aws\":1}");
        });
        assert_eq!(lines.len(), 1);
    }
}
