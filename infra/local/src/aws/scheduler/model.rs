//! The shapes of the API, what is accepted, and when a schedule fires.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::queue_name;
use super::super::wire::ApiError;
use super::{DEFAULT_GROUP, example_target, is_function_arn};

/// The largest `Target.Input`, in bytes.
const MAX_INPUT_BYTES: usize = 262_144;
/// `RetryPolicy.MaximumRetryAttempts` if none is given, and its largest value.
const MAX_RETRY_ATTEMPTS: i64 = 185;
/// `RetryPolicy.MaximumEventAgeInSeconds` if none is given, and its largest value.
const MAX_EVENT_AGE_SECONDS: i64 = 86_400;
/// The smallest `RetryPolicy.MaximumEventAgeInSeconds`.
const MIN_EVENT_AGE_SECONDS: i64 = 60;
/// The largest `FlexibleTimeWindow.MaximumWindowInMinutes`.
const MAX_WINDOW_MINUTES: i64 = 1_440;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ValidationException", message)
}

/// The body of CreateSchedule and UpdateSchedule, and what is stored of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Definition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_token: Option<String>,
    #[serde(default = "default_group")]
    pub(super) group_name: String,
    pub(super) schedule_expression: Option<String>,
    #[serde(default = "utc")]
    pub(super) schedule_expression_timezone: String,
    pub(super) flexible_time_window: Option<FlexibleTimeWindow>,
    pub(super) target: Option<Target>,
    #[serde(default)]
    pub(super) state: ScheduleState,
    #[serde(default)]
    pub(super) action_after_completion: AfterCompletion,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_arn: Option<String>,
    /// Kept for the answer; the service ignores it for one-time schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start_date: Option<f64>,
    /// As `start_date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end_date: Option<f64>,
}

fn default_group() -> String {
    DEFAULT_GROUP.to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ScheduleState {
    #[default]
    Enabled,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum AfterCompletion {
    #[default]
    None,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FlexibleTimeWindow {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_window_in_minutes: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    pub(super) arn: Option<String>,
    role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    /// The parameter blocks of other kinds of target.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RetryPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<i64>,
}

/// What the service accepts, once checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    At(Timestamp),
    Every(SignedDuration),
}

impl Definition {
    /// Reads and checks a request body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let definition: Self = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
        definition.check()?;
        Ok(definition)
    }

    fn check(&self) -> Result<(), ApiError> {
        check_name("GroupName", &self.group_name)?;
        if let Some(token) = &self.client_token {
            check_token(token)?;
        }
        if self.description.as_ref().is_some_and(|text| text.len() > 512) {
            return Err(invalid("Description has at most 512 characters"));
        }
        self.expression()?;
        if !matches!(
            self.schedule_expression_timezone.as_str(),
            "UTC" | "Etc/UTC" | "GMT" | "Etc/GMT" | "Z"
        ) {
            return Err(invalid("this simulator knows the time zone UTC only"));
        }
        self.window_seconds()?;
        self.target
            .as_ref()
            .ok_or_else(|| invalid("Target is required"))?
            .check()
    }

    /// The checked schedule expression.
    pub(super) fn expression(&self) -> Result<Expression, ApiError> {
        let text = self
            .schedule_expression
            .as_deref()
            .ok_or_else(|| invalid("ScheduleExpression is required"))?;
        parse_expression(text).ok_or_else(|| invalid(format!("Invalid Schedule Expression {text}.")))
    }

    /// How long after its time a flexible schedule may fire, in seconds.
    pub(super) fn window_seconds(&self) -> Result<i64, ApiError> {
        let window = self
            .flexible_time_window
            .as_ref()
            .ok_or_else(|| invalid("FlexibleTimeWindow is required"))?;
        match (window.mode.as_str(), window.maximum_window_in_minutes) {
            ("OFF", None) => Ok(0),
            ("FLEXIBLE", Some(minutes)) if (1..=MAX_WINDOW_MINUTES).contains(&minutes) => Ok(minutes * 60),
            ("OFF", Some(_)) => Err(invalid("MaximumWindowInMinutes must not be given when Mode is OFF")),
            ("FLEXIBLE", _) => Err(invalid("MaximumWindowInMinutes must be between 1 and 1440")),
            _ => Err(invalid("FlexibleTimeWindow.Mode must be OFF or FLEXIBLE")),
        }
    }

    /// The same request without its token: what must be equal when the token comes again.
    pub(super) fn fingerprint(&self) -> String {
        json!(Self {
            client_token: None,
            ..self.clone()
        })
        .to_string()
    }

    pub(super) fn target_arn(&self) -> &str {
        self.target
            .as_ref()
            .and_then(|target| target.arn.as_deref())
            .unwrap_or_default()
    }

    pub(super) fn dead_letter_arn(&self) -> Option<&str> {
        self.target.as_ref()?.dead_letter_config.as_ref()?.arn.as_deref()
    }

    /// How often a delivery is retried.
    pub(super) fn retry_attempts(&self) -> i64 {
        self.retry_policy()
            .and_then(|policy| policy.maximum_retry_attempts)
            .unwrap_or(MAX_RETRY_ATTEMPTS)
    }

    /// For how long a delivery is retried.
    pub(super) fn event_age(&self) -> SignedDuration {
        let seconds = self
            .retry_policy()
            .and_then(|policy| policy.maximum_event_age_in_seconds);
        SignedDuration::from_secs(seconds.unwrap_or(MAX_EVENT_AGE_SECONDS))
    }

    fn retry_policy(&self) -> Option<&RetryPolicy> {
        self.target.as_ref()?.retry_policy.as_ref()
    }
}

impl Target {
    fn check(&self) -> Result<(), ApiError> {
        let arn = self.arn.as_deref().ok_or_else(|| invalid("Target.Arn is required"))?;
        if !is_function_arn(arn) {
            return Err(invalid(format!(
                "Provided Arn is not in correct format, or not a target this simulator has (it has {}).",
                example_target()
            )));
        }
        let role = self
            .role_arn
            .as_deref()
            .ok_or_else(|| invalid("Target.RoleArn is required"))?;
        if !is_role_arn(role) {
            return Err(invalid("Provided RoleArn is not in correct format."));
        }
        if let Some(other) = self.others.keys().next() {
            return Err(invalid(format!("{other} does not apply to a Lambda function")));
        }
        if let Some(arn) = self
            .dead_letter_config
            .as_ref()
            .and_then(|config| config.arn.as_deref())
            && queue_name(arn).is_none_or(|name| name.ends_with(".fifo"))
        {
            return Err(invalid("DeadLetterConfig.Arn must be the ARN of a standard SQS queue"));
        }
        if let Some(policy) = &self.retry_policy {
            let age = policy.maximum_event_age_in_seconds.unwrap_or(MAX_EVENT_AGE_SECONDS);
            if !(MIN_EVENT_AGE_SECONDS..=MAX_EVENT_AGE_SECONDS).contains(&age) {
                return Err(invalid("MaximumEventAgeInSeconds must be between 60 and 86400"));
            }
            if !(0..=MAX_RETRY_ATTEMPTS).contains(&policy.maximum_retry_attempts.unwrap_or(0)) {
                return Err(invalid("MaximumRetryAttempts must be between 0 and 185"));
            }
        }
        match &self.input {
            Some(input) if input.is_empty() || input.len() > MAX_INPUT_BYTES => {
                Err(invalid(format!("Input has 1 to {MAX_INPUT_BYTES} bytes")))
            }
            Some(input) if serde_json::from_str::<Value>(input).is_err() => {
                Err(invalid("Input of a Lambda function must be well-formed JSON"))
            }
            _ => Ok(()),
        }
    }
}

/// Checks a schedule's or group's name: 1 to 64 of `[0-9a-zA-Z-_.]`.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(invalid(format!(
            "{field} must match ^[0-9a-zA-Z-_.]+$ and have 1 to 64 characters"
        )));
    }
    Ok(())
}

/// Checks a client token: 1 to 64 of `[a-zA-Z0-9-_]`.
pub(super) fn check_token(token: &str) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if token.is_empty() || token.len() > 64 || !token.chars().all(allowed) {
        return Err(invalid(
            "ClientToken must match ^[a-zA-Z0-9-_]+$ and have 1 to 64 characters",
        ));
    }
    Ok(())
}

fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws")
            && account.len() == 12
            && account.chars().all(|c| c.is_ascii_digit())
            && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}

fn parse_expression(text: &str) -> Option<Expression> {
    if let Some(inside) = text.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')')) {
        // Exactly yyyy-mm-ddThh:mm:ss: jiff alone would also take fractions and offsets.
        let exact = inside.len() == 19 && inside.as_bytes().get(10) == Some(&b'T');
        let local: DateTime = exact.then(|| inside.parse().ok()).flatten()?;
        return Some(Expression::At(local.to_zoned(TimeZone::UTC).ok()?.timestamp()));
    }
    let (value, unit) = text.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let value: i64 = value.parse().ok().filter(|value| (1..=1_000_000).contains(value))?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    Some(Expression::Every(SignedDuration::from_secs(value * seconds)))
}

/// When something due at `due` fires: the second itself, or with a wider precision any second of the window of that
/// width in which `due` lies (so possibly before `due`, but never before its minute), plus the flexible window.
pub(super) fn firing_time(due: Timestamp, precision_seconds: u32, window_seconds: i64, random: u64) -> Timestamp {
    let precision = i64::from(precision_seconds.max(1));
    let start = due.as_second().div_euclid(precision) * precision;
    let spread = precision.saturating_add(window_seconds).max(1);
    let offset = i64::try_from(random % u64::try_from(spread).unwrap_or(1)).unwrap_or(0);
    Timestamp::from_second(start.saturating_add(offset)).unwrap_or(due)
}

/// A stored schedule.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) definition: Definition,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Rises with each change, so that an old delivery can't complete a new definition.
    pub(super) revision: i64,
    /// The time it was asked for, until it has fired.
    pub(super) due: Option<Timestamp>,
    /// The second it will fire at.
    pub(super) fires: Option<Timestamp>,
}

/// A delivery to be stored.
#[derive(Debug, Clone)]
pub(super) struct NewDelivery {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) definition: Definition,
    pub(super) scheduled: Timestamp,
    pub(super) first: Timestamp,
    /// The revision of the schedule that this delivery completes.
    pub(super) completes: Option<i64>,
}

impl NewDelivery {
    /// A delivery that a schedule owes.
    pub(super) fn owed(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            group: schedule.group.clone(),
            name: schedule.name.clone(),
            definition: schedule.definition.clone(),
            scheduled: schedule.due.unwrap_or(now),
            first: now,
            completes: Some(schedule.revision),
        }
    }

    /// A delivery on top of those that a schedule owes.
    pub(super) fn extra(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            completes: None,
            ..Self::owed(schedule, now)
        }
    }
}

/// A delivery under way.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) id: i64,
    pub(super) what: NewDelivery,
    /// Tries that have failed.
    pub(super) attempts: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn expressions() {
        assert_eq!(
            parse_expression("at(2026-11-20T08:30:07)"),
            Some(Expression::At(at("2026-11-20T08:30:07Z")))
        );
        assert_eq!(
            parse_expression("rate(5 minutes)"),
            Some(Expression::Every(SignedDuration::from_secs(300)))
        );
        for wrong in [
            "at(2026-11-20T08:30)",
            "at(2026-11-20 08:30:07)",
            "at(2026-02-30T08:30:07)",
            "at(2026-11-20T08:30:07Z)",
            "at(2026-11-20T08:30:07.5)",
            "rate(0 minutes)",
            "rate(5 seconds)",
            "rate(5)",
            "cron(0 12 * * ? *)",
            "tomorrow",
            "",
        ] {
            assert_eq!(parse_expression(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_schedule_fires_in_its_second_or_anywhere_in_its_minute() {
        let due = at("2026-11-20T08:30:07Z");
        for random in 0..1_000 {
            assert_eq!(firing_time(due, 1, 0, random), due);
            let fires = firing_time(due, 60, 0, random);
            assert!(
                fires >= at("2026-11-20T08:30:00Z") && fires < at("2026-11-20T08:31:00Z"),
                "{fires}"
            );
        }
        let distinct: std::collections::BTreeSet<_> = (0..60).map(|random| firing_time(due, 60, 0, random)).collect();
        assert_eq!(distinct.len(), 60);
    }

    #[test]
    fn role_arns() {
        assert!(is_role_arn("arn:aws:iam::111122223333:role/scheduler"));
        assert!(is_role_arn("arn:aws-us-gov:iam::111122223333:role/path/scheduler"));
        for wrong in [
            "arn:aws:iam::1111:role/x",
            "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/",
        ] {
            assert!(!is_role_arn(wrong), "{wrong}");
        }
    }
}
