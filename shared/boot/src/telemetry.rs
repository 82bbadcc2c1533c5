//! Logs: one line per event on standard output, which Lambda hands to CloudWatch.
//!
//! Our own crates log at the level that the function is configured with. Everything else never logs below INFO,
//! whatever is configured: at TRACE the AWS SDK writes whole requests, secrets and tokens included.
//!
//! JSON lines carry the time and the level at their top. Lambda filters by them and takes a line that lacks either for
//! INFO, so that errors would be dropped where only errors are wanted (AWS Lambda Developer Guide, "Log-level
//! filtering"). Text lines leave the time to CloudWatch.

use std::panic;
use std::sync::Arc;

use hourglass_app::ports::Clock;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogConfig;
use crate::metrics::{self, EmbeddedMetrics};

/// The span that the Lambda runtime opens for each event; it carries the request id.
const INVOCATION_SPAN: &str = "lambda_runtime::layers::trace";

/// Starts logging for the whole process. Where logging has been started before, that stays.
pub fn init(config: &LogConfig, clock: Arc<dyn Clock>) {
    if init_to(config, clock, std::io::stdout) {
        log_panics();
    }
}

/// As [`init`], with the lines written somewhere else and panics left alone: for tests that read what a function would
/// have logged. Answers whether logging starts here.
pub fn init_to<W>(config: &LogConfig, clock: Arc<dyn Clock>, writer: W) -> bool
where
    W: for<'writer> MakeWriter<'writer> + Clone + Send + Sync + 'static,
{
    tracing_subscriber::registry()
        .with(lines(config, writer.clone()))
        .with(figures(config, clock, writer))
        .try_init()
        .is_ok()
}

/// Lines for people.
fn lines<S, W>(config: &LogConfig, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let own = LevelFilter::from_level(config.level);
    let filter = Targets::new()
        // The greater filter lets more pass.
        .with_default(own.min(LevelFilter::INFO))
        .with_target("hourglass", own)
        .with_target(INVOCATION_SPAN, LevelFilter::INFO)
        .with_target(metrics::TARGET, LevelFilter::OFF);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    if config.json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    } else {
        layer.without_time().with_filter(filter).boxed()
    }
}

/// Lines for CloudWatch's metrics.
fn figures<S, W>(config: &LogConfig, clock: Arc<dyn Clock>, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    EmbeddedMetrics::new(&config.function, clock, writer)
        .with_filter(Targets::new().with_target(metrics::TARGET, LevelFilter::INFO))
        .boxed()
}

/// Logs where the program panicked. Not what it said: a panic's text may quote what it was given.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use hourglass_domain::Timestamp;
    use serde_json::{Value, json};
    use tracing::Level;

    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, json: bool, work: impl FnOnce()) -> String {
        let config = LogConfig {
            level,
            json,
            function: "f".to_owned(),
        };
        let sink = Sink::default();
        let (one, other) = (sink.clone(), sink.clone());
        let subscriber = tracing_subscriber::registry()
            .with(lines(&config, move || one.clone()))
            .with(figures(&config, Arc::new(Fixed), move || other.clone()));
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_has_what_lambda_filters_by_and_the_request_id() {
        let text = logged(Level::WARN, true, || {
            let span = tracing::info_span!(target: "lambda_runtime::layers::trace", "invoke", requestId = "r-1");
            let _entered = span.enter();
            tracing::warn!(target: "hourglass_app::workers", grant = "g-1", "cannot\nadd");
        });
        let line: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["level"], json!("WARN"));
        assert_eq!(line["message"], json!("cannot\nadd"));
        assert_eq!(line["grant"], json!("g-1"));
        assert_eq!(line["span"]["requestId"], json!("r-1"));
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn only_our_own_code_logs_details() {
        let all = || {
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", "with the secret");
            tracing::debug!(target: "hyper", "with the token");
            tracing::info!(target: "lambda_runtime", "theirs");
            tracing::trace!(target: "hourglass_app", "ours");
        };
        let text = logged(Level::TRACE, false, all);
        assert!(text.contains("ours") && text.contains("theirs"), "{text}");
        assert!(!text.contains("with the"), "{text}");
        assert_eq!(logged(Level::ERROR, false, all), "");
    }

    #[test]
    fn metrics_are_written_once_and_whatever_the_level() {
        let text = logged(Level::ERROR, true, || {
            tracing::info!(target: "metric", metric = "overdue_grants", value = 0_u64, unit = "Count");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["overdue_grants"], json!(0));
    }

    #[test]
    fn text_lines_leave_the_time_to_cloudwatch() {
        let text = logged(Level::INFO, false, || tracing::info!(target: "hourglass_app", "words"));
        assert_eq!(text.trim(), "INFO hourglass_app: words");
    }
}
