//! The part that fires.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

use super::super::{ACCOUNT, REGION, queues};
use super::model::{AfterCompletion, Delivery, Expression, NewDelivery, firing_time};
use super::{Scheduler, store};
use crate::sim::{random_bytes, random_id};

/// How long a target gets to accept a delivery.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest pause between two tries of a delivery.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// The most deliveries under way at a time.
const MAX_RUNNING: usize = 64;
/// The most schedules that are turned into deliveries in one transaction.
const MAX_FIRING: usize = 200;
/// The longest time without looking whether something is due; bounds the effect of a clock that jumps.
const LONGEST_NAP: Duration = Duration::from_millis(200);

/// What may not stand in a path segment as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b':')
    .add(b'?');

pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .timeout(DELIVERY_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

/// What a target said to one try.
enum Answer {
    Accepted,
    /// Worth another try.
    Failed {
        code: String,
        message: String,
    },
    /// Not worth one: the target is gone or refuses the event as such.
    Refused {
        code: String,
        message: String,
    },
}

impl Scheduler {
    /// Fires until `stop` resolves.
    pub(super) async fn run_clockwork(self, stop: impl Future<Output = ()>) {
        let mut running = JoinSet::new();
        let mut in_flight = HashMap::new();
        tokio::pin!(stop);
        loop {
            let now = self.inner.clock.now();
            let mut nap = LONGEST_NAP;
            if !self.inner.paused.load(Ordering::SeqCst) {
                let busy: HashSet<i64> = in_flight.values().copied().collect();
                match self.collect(now, &busy) {
                    Ok(due) => {
                        for delivery in due {
                            let (scheduler, id) = (self.clone(), delivery.id);
                            let task = running.spawn(async move { scheduler.attempt(delivery).await });
                            in_flight.insert(task.id(), id);
                        }
                    }
                    Err(error) => tracing::error!(%error, "the schedules can't be read"),
                }
                if let Ok(Some(next)) = self.inner.state.read(|connection| store::next_work(connection, now)) {
                    let wait = Duration::try_from(next.duration_since(self.inner.clock.now())).unwrap_or_default();
                    nap = nap.min(wait.max(Duration::from_millis(1)));
                }
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep(nap) => {}
                Some(done) = running.join_next_with_id() => {
                    let task = match done {
                        Ok((task, ())) => task,
                        Err(error) => error.id(),
                    };
                    in_flight.remove(&task);
                }
            }
        }
    }

    /// Turns schedules whose time has come into deliveries, and answers the deliveries to try now.
    fn collect(&self, now: Timestamp, busy: &HashSet<i64>) -> rusqlite::Result<Vec<Delivery>> {
        let precision = self.options().precision_seconds;
        let random = random_bytes().map_or(0, u64::from_le_bytes);
        self.inner.state.write(|tx| {
            for mut schedule in store::firing(tx, now, MAX_FIRING)? {
                let owed = NewDelivery::owed(&schedule, now);
                if take_one(&self.inner.to_drop) {
                    store::record(tx, &outcome_record(&owed, now, 0, "dropped", None))?;
                    complete(tx, &owed)?;
                } else {
                    store::add_delivery(tx, &owed)?;
                    if take_one(&self.inner.to_duplicate) {
                        store::add_delivery(tx, &NewDelivery::extra(&schedule, now))?;
                    }
                }
                let next = match (schedule.definition.expression(), schedule.due) {
                    (Ok(Expression::Every(period)), Some(due)) => due.checked_add(period).ok(),
                    _ => None,
                };
                schedule.due = next;
                schedule.fires = next.map(|due| {
                    firing_time(
                        due,
                        precision,
                        schedule.definition.window_seconds().unwrap_or(0),
                        random,
                    )
                });
                if store::get(tx, &schedule.group, &schedule.name)?.is_some() {
                    store::put(tx, &schedule)?;
                }
            }
            Ok(())
        })?;
        let room = MAX_RUNNING.saturating_sub(busy.len());
        let due = self.inner.state.read(|connection| store::deliveries(connection, now))?;
        Ok(due
            .into_iter()
            .filter(|delivery| !busy.contains(&delivery.id))
            .take(room)
            .collect())
    }

    /// One try of one delivery, and what follows from it.
    async fn attempt(&self, delivery: Delivery) {
        let answer = self.deliver(&delivery).await;
        let now = self.inner.clock.now();
        let what = &delivery.what;
        let stored = match answer {
            Answer::Accepted => self.inner.state.write(|tx| {
                store::record(tx, &outcome_record(what, now, delivery.attempts, "delivered", None))?;
                store::end_delivery(tx, delivery.id)?;
                complete(tx, what)
            }),
            Answer::Refused { code, message } => self.give_up(&delivery, now, &code, &message, None),
            Answer::Failed { code, message } => {
                let retries = delivery.attempts;
                let next = now.checked_add(self.back_off(retries)).unwrap_or(Timestamp::MAX);
                let exhausted = if retries >= what.definition.retry_attempts() {
                    Some("MaximumRetryAttempts")
                } else if next.duration_since(what.first) > what.definition.event_age() {
                    Some("MaximumEventAgeInSeconds")
                } else {
                    None
                };
                match exhausted {
                    Some(condition) => self.give_up(&delivery, now, &code, &message, Some(condition)),
                    None => self.inner.state.write(|tx| {
                        store::record(tx, &outcome_record(what, now, retries, "failed", Some(&message)))?;
                        store::retry_delivery(tx, delivery.id, retries + 1, next).map(drop)
                    }),
                }
            }
        };
        if let Err(error) = stored {
            tracing::error!(%error, name = what.name, "the outcome of a delivery can't be stored");
        }
    }

    /// The pause before the next try: doubled each time, up to a minute.
    fn back_off(&self, retries: i64) -> SignedDuration {
        let doublings = u32::try_from(retries.clamp(0, 16)).unwrap_or(16);
        let pause = self
            .options()
            .first_retry
            .saturating_mul(1 << doublings)
            .min(LONGEST_RETRY);
        SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
    }

    async fn deliver(&self, delivery: &Delivery) -> Answer {
        let what = &delivery.what;
        let arn = what.definition.target_arn();
        let url = format!(
            "{}/2015-03-31/functions/{}/invocations",
            self.options().lambda_url,
            utf8_percent_encode(arn, SEGMENT)
        );
        let sent = self
            .inner
            .http
            .post(url)
            .header("x-amz-invocation-type", "Event")
            .header("content-type", "application/json")
            .body(payload(delivery))
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                return Answer::Failed {
                    code: "SdkClientException".to_owned(),
                    message: error.without_url().to_string(),
                };
            }
        };
        let status = response.status();
        if status.is_success() {
            return Answer::Accepted;
        }
        let code = response
            .headers()
            .get("x-amzn-errortype")
            .and_then(|code| code.to_str().ok())
            .unwrap_or("UnknownError")
            .to_owned();
        let message = format!("the target answered {status}");
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            Answer::Failed { code, message }
        } else {
            Answer::Refused { code, message }
        }
    }

    /// The delivery has failed for good: dead letter, and the schedule counts as completed all the same.
    fn give_up(
        &self,
        delivery: &Delivery,
        now: Timestamp,
        code: &str,
        message: &str,
        exhausted: Option<&str>,
    ) -> rusqlite::Result<()> {
        let what = &delivery.what;
        let mut attributes = Map::new();
        let mut note = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        note("ERROR_CODE", json!(code));
        note("ERROR_MESSAGE", json!(message));
        note("EXECUTION_ID", json!(delivery.id.to_string()));
        note("IS_PAYLOAD_TRUNCATED", json!("false"));
        note("RETRY_ATTEMPTS", json!(delivery.attempts.to_string()));
        note("SCHEDULE_ARN", json!(schedule_arn(what)));
        note("SCHEDULED_TIME", json!(what.scheduled.to_string()));
        note("TARGET_ARN", json!(what.definition.target_arn()));
        if let Some(condition) = exhausted {
            note("EXHAUSTED_RETRY_CONDITION", json!(condition));
        }
        self.inner.state.write(|tx| {
            let outcome = match what.definition.dead_letter_arn() {
                Some(arn) if queues::send_in(tx, now, arn, &payload(delivery), &attributes)? => "dead_letter",
                Some(arn) => {
                    tracing::error!(arn, "a dead-letter queue does not exist");
                    "lost"
                }
                None => "lost",
            };
            store::record(
                tx,
                &outcome_record(what, now, delivery.attempts, outcome, Some(message)),
            )?;
            store::end_delivery(tx, delivery.id)?;
            complete(tx, what)
        })
    }
}

/// Uses up one of a number of ordered misdeeds.
fn take_one(counter: &AtomicU32) -> bool {
    counter
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1))
        .is_ok()
}

/// A one-time schedule is over after its last try, however that went; with DELETE it goes then.
fn complete(tx: &rusqlite::Transaction<'_>, what: &NewDelivery) -> rusqlite::Result<()> {
    let once = matches!(what.definition.expression(), Ok(Expression::At(_)));
    if let Some(revision) = what.completes
        && once
        && what.definition.action_after_completion == AfterCompletion::Delete
    {
        store::delete_revision(tx, &what.group, &what.name, revision)?;
    }
    Ok(())
}

fn schedule_arn(what: &NewDelivery) -> String {
    format!(
        "arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{}/{}",
        what.group, what.name
    )
}

/// The event: the schedule's input with the service's context attributes filled in, or a default one.
fn payload(delivery: &Delivery) -> String {
    let what = &delivery.what;
    match what
        .definition
        .target
        .as_ref()
        .and_then(|target| target.input.as_deref())
    {
        Some(input) => input
            .replace("<aws.scheduler.schedule-arn>", &schedule_arn(what))
            .replace("<aws.scheduler.scheduled-time>", &what.scheduled.to_string())
            .replace("<aws.scheduler.execution-id>", &delivery.id.to_string())
            .replace("<aws.scheduler.attempt-number>", &(delivery.attempts + 1).to_string()),
        None => json!({
            "version": "0",
            "id": random_id().map(|id| id.to_string()).unwrap_or_default(),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": what.scheduled.to_string(),
            "region": REGION,
            "resources": [schedule_arn(what)],
            "detail": "{}",
        })
        .to_string(),
    }
}

fn outcome_record(what: &NewDelivery, at: Timestamp, attempts: i64, outcome: &str, error: Option<&str>) -> Value {
    json!({
        "name": what.name,
        "group": what.group,
        "scheduled_for": what.scheduled,
        "at": at,
        "attempt": attempts + 1,
        "outcome": outcome,
        "error": error,
        "target": what.definition.target_arn(),
        "input": what.definition.target.as_ref().and_then(|target| target.input.as_deref()),
    })
}
