//! One-shot schedules on EventBridge Scheduler.
//!
//! A grant's schedule is an `at(…)` schedule in UTC, without a flexible window, that invokes the revocation function
//! with `{"grant":"<grant id>"}` and deletes itself afterwards. It makes the end punctual and nothing more: Scheduler
//! fires within a minute of the time asked for, at least once, and removes the schedule after the last attempt even if
//! every attempt failed (EventBridge Scheduler User Guide, "Schedule types", "Deleting a schedule"). The due-entry in
//! the table and the sweep are the authority.
//!
//! Retries of our own calls are those of the SDK ("standard": a few attempts with jitter on throttling, server faults
//! and lost connections), set where the client is built. What is repeated is harmless: both calls carry a client token
//! that follows from what is asked, and a name is used once.

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_scheduler::operation::RequestId;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target,
};
use hourglass_app::ports::schedules::{Found, Listed, ScheduleError, Schedules};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;

/// Most time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most time for one operation, its retries included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// How often Scheduler tries to hand the trigger over. 185 is the most that the service takes (API reference,
/// `RetryPolicy`), and the right number here: a trigger that comes late is harmless, because the worker asks the table
/// what is due, while one that was given up leaves the end to the sweep alone. It equals the service's default; it is
/// stated so that a change of the default changes nothing.
const HAND_OVER_ATTEMPTS: i32 = 185;
/// For how many seconds Scheduler tries: a day, the most that the service takes, for the same reason. What is given up
/// after that goes to the dead-letter queue, where it raises an alarm.
const HAND_OVER_SECONDS: i32 = 86_400;

/// Length of `yyyy-mm-ddThh:mm:ss`.
const WHOLE_SECONDS_LENGTH: usize = 19;
const UTC: &str = "UTC";
/// Schedules in one part of the list; the most that the service gives (API reference, `ListSchedules`).
const LIST_PAGE: i32 = 100;

/// Where schedules are kept and what they start; none of it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SchedulerSettings {
    /// The schedule group's name.
    pub group: String,
    /// ARN of the role with which Scheduler invokes the function.
    pub role_arn: String,
    /// ARN of the revocation function.
    pub target_arn: String,
    /// ARN of the queue for triggers that could not be handed over.
    pub dead_letter_arn: String,
}

/// [`Schedules`] on EventBridge Scheduler.
#[derive(Clone, Debug)]
pub struct EventBridgeSchedules {
    client: Client,
    settings: SchedulerSettings,
}

impl EventBridgeSchedules {
    /// Uses `client` with this adapter's own time-outs; endpoint, credentials and retries stay as they are.
    #[must_use]
    pub fn new(client: Client, settings: SchedulerSettings) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        Self {
            client: Client::from_conf(client.config().to_builder().timeout_config(timeouts).build()),
            settings,
        }
    }

    /// What the schedule starts.
    fn target(&self, name: &ScheduleName) -> Result<Target, ScheduleError> {
        Target::builder()
            .arn(&self.settings.target_arn)
            .role_arn(&self.settings.role_arn)
            .input(input(name))
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(HAND_OVER_ATTEMPTS)
                    .maximum_event_age_in_seconds(HAND_OVER_SECONDS)
                    .build(),
            )
            .dead_letter_config(DeadLetterConfig::builder().arn(&self.settings.dead_letter_arn).build())
            .build()
            .map_err(|error| ScheduleError(format!("cannot describe what {name} starts: {error}")))
    }

    /// What is there under the name.
    async fn look(&self, name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError> {
        let found = self
            .client
            .get_schedule()
            .name(name.to_string())
            .group_name(&self.settings.group)
            .send()
            .await;
        match found {
            Ok(found) => Ok(self
                .difference(name, at, &found)
                .map_or(Found::Same, |what| Found::Changed(what.to_owned()))),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(Found::Missing)
            }
            Err(error) => Err(failed("cannot read the schedule", name, &error)),
        }
    }

    /// Whether the schedule that is there is the one asked for: then somebody, most likely an earlier attempt whose
    /// answer was lost, has made it already.
    async fn expect_same(&self, name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError> {
        match self.look(name, at).await? {
            Found::Same => {
                tracing::info!(schedule = %name, "the schedule was there already");
                Ok(())
            }
            Found::Missing => Err(ScheduleError(format!("{name} was in the way and is gone"))),
            Found::Changed(what) => Err(ScheduleError(format!(
                "{name} exists with another {what}; a name is used once"
            ))),
        }
    }

    /// What of a schedule is different from how it is made, of everything that decides whether, when and what it starts.
    fn difference(&self, name: &ScheduleName, at: Timestamp, found: &GetScheduleOutput) -> Option<&'static str> {
        let target = found.target();
        let same = |wanted: &str, get: fn(&Target) -> Option<&str>| target.and_then(get) == Some(wanted);
        let window = found.flexible_time_window().map(FlexibleTimeWindow::mode);
        let checks = [
            (
                "time",
                found.schedule_expression() == Some(expression(at).as_str())
                    && found.schedule_expression_timezone().is_none_or(|zone| zone == UTC)
                    && window.is_none_or(|mode| *mode == FlexibleTimeWindowMode::Off),
            ),
            (
                "state",
                found.state().is_none_or(|state| *state == ScheduleState::Enabled),
            ),
            (
                "target",
                same(&self.settings.target_arn, |target| Some(target.arn()))
                    && same(&self.settings.role_arn, |target| Some(target.role_arn())),
            ),
            ("payload", same(&input(name), Target::input)),
        ];
        checks.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }
}

#[async_trait]
impl Schedules for EventBridgeSchedules {
    async fn create(&self, name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError> {
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(|error| ScheduleError(format!("cannot describe {name}: {error}")))?;
        let created = self
            .client
            .create_schedule()
            .name(name.to_string())
            .group_name(&self.settings.group)
            .schedule_expression(expression(at))
            .schedule_expression_timezone(UTC)
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(self.target(name)?)
            .client_token(create_token(name, at))
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conflict_exception()) =>
            {
                self.expect_same(name, at).await
            }
            Err(error) => Err(failed("cannot make the schedule", name, &error)),
        }
    }

    async fn inspect(&self, name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError> {
        self.look(name, at).await
    }

    async fn list(&self, after: Option<&str>) -> Result<Listed, ScheduleError> {
        let page = self
            .client
            .list_schedules()
            .group_name(&self.settings.group)
            .max_results(LIST_PAGE)
            .set_next_token(after.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failed("cannot list", "the schedules", &error))?;
        let names = page.schedules().iter().filter_map(|schedule| schedule.name());
        Ok(Listed {
            names: names.map(str::to_owned).collect(),
            next: page.next_token().map(str::to_owned),
        })
    }

    async fn delete(&self, name: &ScheduleName) -> Result<(), ScheduleError> {
        let deleted = self
            .client
            .delete_schedule()
            .name(name.to_string())
            .group_name(&self.settings.group)
            .client_token(delete_token(name))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("cannot delete the schedule", name, &error)),
        }
    }
}

/// The time as Scheduler writes it, rounded up to a whole second so that it never lies before the one asked for.
fn expression(at: Timestamp) -> String {
    let mut text = at.rounded_up_to_second().to_string();
    text.truncate(WHOLE_SECONDS_LENGTH);
    format!("at({text})")
}

/// What the function is given: the grant's id and nothing else, so that whoever can change or forge a trigger can
/// change nothing that counts.
fn input(name: &ScheduleName) -> String {
    serde_json::json!({ "grant": name.grant }).to_string()
}

/// The same for the same schedule and time, so that the service recognises a repeated request; another for another
/// time, so that it cannot take that one for a repetition.
///
/// At most 62 of `[A-Za-z0-9-_]`: a name has 49 characters, a time 12 digits. The service takes 64.
fn create_token(name: &ScheduleName, at: Timestamp) -> String {
    format!("{name}-{}", at.rounded_up_to_second().seconds())
}

fn delete_token(name: &ScheduleName) -> String {
    format!("d-{name}")
}

/// Words a failure for operators: what was tried, what the service said, and under which request id to ask about it.
fn failed<E>(what: &str, name: impl std::fmt::Display, error: &SdkError<E>) -> ScheduleError
where
    E: ProvideErrorMetadata,
{
    let why = match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or("an error without a name");
            let status = answer.raw().status().as_u16();
            let request = error.request_id().unwrap_or("unknown");
            match meta.message() {
                Some(message) => format!("{code} (status {status}, request {request}): {message}"),
                None => format!("{code} (status {status}, request {request})"),
            }
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_io() => "the connection failed".to_owned(),
        SdkError::DispatchFailure(_) => "the request could not be sent".to_owned(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        _ => "the request could not be made".to_owned(),
    };
    ScheduleError(format!("{what} {name}: {why}"))
}
