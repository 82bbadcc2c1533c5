//! EventBridge rules on a schedule: the clock that starts the sweep.
//!
//! It invokes its function asynchronously and forgets about it, as EventBridge does: a sweep that fails is Lambda's to
//! retry, and the next one comes in any case.

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

use super::lambda::{InvokeError, Lambda};
use super::{ACCOUNT, Base, REGION};
use crate::sim::{Clock, random_id};

/// How a rule is configured.
#[derive(Debug, Clone)]
pub struct RuleOptions {
    /// Its name.
    pub name: String,
    /// The function it invokes.
    pub function: String,
    /// How often; a minute in AWS, where nothing shorter exists.
    pub every: Duration,
}

/// The running rule; clones are handles of the same one.
#[derive(Clone)]
pub struct Rule {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    lambda: Lambda,
    options: RuleOptions,
    paused: AtomicBool,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

impl Rule {
    /// Starts the rule; it fires at once and then at its interval.
    #[must_use]
    pub fn start(base: &Base, lambda: &Lambda, options: RuleOptions) -> Self {
        let inner = Inner {
            clock: Arc::clone(&base.clock),
            lambda: lambda.clone(),
            options,
            paused: AtomicBool::new(false),
        };
        let rule = Self { inner: Arc::new(inner) };
        let (running, stop) = (rule.clone(), base.shutdown.wait());
        base.shutdown.spawn(async move {
            tokio::select! {
                () = stop => {}
                () = running.run() => {}
            }
        });
        rule
    }

    /// Stops firing or goes on with it.
    pub fn pause(&self, paused: bool) {
        self.inner.paused.store(paused, Ordering::SeqCst);
    }

    /// Fires now, also while paused.
    ///
    /// # Errors
    /// When the function is not there or the event can't be stored.
    pub fn fire(&self) -> Result<(), InvokeError> {
        self.inner
            .lambda
            .invoke_async(&self.inner.options.function, &self.event())
            .map(drop)
    }

    async fn run(&self) {
        let mut ticks = interval(self.inner.options.every.max(Duration::from_millis(1)));
        // A laptop that was asleep gets one sweep, not all that it missed.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.inner.paused.load(Ordering::SeqCst) {
                continue;
            }
            if let Err(error) = self.fire() {
                tracing::warn!(rule = self.inner.options.name, %error, "a rule could not invoke its function");
            }
        }
    }

    /// The Scheduled Event as EventBridge sends it; its time has whole seconds.
    fn event(&self) -> Value {
        let time = self
            .inner
            .clock
            .now()
            .to_zoned(TimeZone::UTC)
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        json!({
            "version": "0",
            "id": random_id().map(|id| id.to_string()).unwrap_or_default(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": time,
            "region": REGION,
            "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{}", self.inner.options.name)],
            "detail": {},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::lambda::{FunctionConfig, FunctionError, function};
    use super::super::testing::{any_port, base, eventually};
    use super::*;
    use std::cell::Cell;
    use tokio::sync::mpsc::unbounded_channel;

    #[tokio::test]
    async fn it_sends_scheduled_events_at_its_interval() {
        let base = base();
        let lambda = Lambda::start(&base, any_port()).await.unwrap();
        let (send, mut events) = unbounded_channel();
        let sweep = function(move |event: Value| {
            let _ = send.send(event);
            async { Ok::<_, FunctionError>(Value::Null) }
        });
        lambda.register("revocation", sweep, FunctionConfig::default());
        let every = Duration::from_millis(30);
        let options = RuleOptions {
            name: "sweep".to_owned(),
            function: "revocation".to_owned(),
            every,
        };
        let rule = Rule::start(&base, &lambda, options);
        let (first, second) = (events.recv().await.unwrap(), events.recv().await.unwrap());
        assert_ne!(first["id"], second["id"]);
        assert_eq!(first["detail-type"], "Scheduled Event");
        assert_eq!(first["source"], "aws.events");
        assert_eq!(
            first["resources"],
            json!(["arn:aws:events:us-east-1:111122223333:rule/sweep"])
        );
        assert_eq!(first["time"].as_str().unwrap().len(), 20);

        let recorded: Value = serde_json::from_str(include_str!("../../../events/rule.json")).unwrap();
        let names = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&recorded), names(&first));

        rule.pause(true);
        // One may have been under way: until the queue is empty and two looks agree on how many came.
        let looked = Cell::new(None);
        eventually("the queued events to be delivered", async || {
            let count = "SELECT count(*) FROM lambda_events";
            let queued: i64 = base.state.read(|c| c.query_row(count, [], |row| row.get(0))).unwrap();
            let started = lambda.runs()["revocation"].started;
            let agreed = looked.replace(Some(started)) == Some(started);
            (queued == 0 && agreed).then_some(())
        })
        .await;
        while events.try_recv().is_ok() {}
        tokio::time::sleep(Duration::from_millis(90)).await;
        assert!(events.try_recv().is_err(), "fired while paused");
        rule.fire().unwrap();
        events.recv().await.unwrap();
    }
}
