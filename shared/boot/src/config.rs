//! The configuration of a deployment, and the one place where the environment is read.
//!
//! A [`Config`] is plain data: the functions take it from their environment ([`Config::from_env`]), the laptop program
//! and tests fill it in themselves. Either way [`Config::check`] is passed before anything is built from it, and tells
//! everything that is wrong at once.
//!
//! Addresses of AWS and Microsoft follow from the region and the cloud. They can be overridden with addresses of this
//! machine only: an override that could name another host would be a way to have credentials and decisions sent there
//! (abuse case 54). What makes the product weaker and a laptop quicker (confirming removals sooner, durations of
//! seconds) is refused unless every one of those addresses is overridden, so that it cannot reach production.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hourglass_app::ports::Settings;
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::TenantId;
use hourglass_domain::passkey::COOL_DOWN_SECONDS;
use hourglass_domain::protocol::CONFIRM_AFTER_SECONDS;
use hourglass_domain::roles::{Scope, Scopes};
use hourglass_domain::target::Cloud;
use url::{Host, Url};
use uuid::Uuid;

/// Longest configurable time between the last change of a membership and the read that proves its absence, in seconds.
const LONGEST_CONFIRM_AFTER_SECONDS: i64 = 3_600;

/// Longest configurable cool-down of a new passkey, in seconds: a week.
const LONGEST_COOL_DOWN_SECONDS: i64 = 7 * 86_400;

/// The names in the environment.
mod name {
    pub(super) const TABLE: &str = "HOURGLASS_TABLE";
    pub(super) const CLOUD: &str = "HOURGLASS_CLOUD";
    pub(super) const SIGN_IN_TENANTS: &str = "HOURGLASS_SIGN_IN_TENANTS";
    pub(super) const API_CLIENT_ID: &str = "HOURGLASS_API_CLIENT_ID";
    pub(super) const API_CLIENTS: &str = "HOURGLASS_API_CLIENTS";
    pub(super) const AUTH_CONTEXT: &str = "HOURGLASS_AUTH_CONTEXT";
    pub(super) const PUBLIC_URL: &str = "HOURGLASS_PUBLIC_URL";
    pub(super) const FORM_ORIGINS: &str = "HOURGLASS_FORM_ORIGINS";
    pub(super) const CONFIRM_AFTER_SECONDS: &str = "HOURGLASS_CONFIRM_AFTER_SECONDS";
    pub(super) const SHORT_DURATIONS: &str = "HOURGLASS_SHORT_DURATIONS";
    pub(super) const KEY_COOL_DOWN_SECONDS: &str = "HOURGLASS_KEY_COOL_DOWN_SECONDS";
    pub(super) const SET_UP_CODE: &str = "HOURGLASS_SET_UP_CODE";
    pub(super) const TWO_PERSON: &str = "HOURGLASS_TWO_PERSON";
    pub(super) const SCHEDULE_GROUP: &str = "HOURGLASS_SCHEDULE_GROUP";
    pub(super) const SCHEDULE_ROLE_ARN: &str = "HOURGLASS_SCHEDULE_ROLE_ARN";
    pub(super) const SCHEDULE_TARGET_ARN: &str = "HOURGLASS_SCHEDULE_TARGET_ARN";
    pub(super) const SCHEDULE_DLQ_ARN: &str = "HOURGLASS_SCHEDULE_DLQ_ARN";
    pub(super) const EXACT_QUEUE_URL: &str = "HOURGLASS_EXACT_QUEUE_URL";
    pub(super) const SECRET_PREFIX: &str = "HOURGLASS_SECRET_PREFIX";
    pub(super) const GRAPH_ENDPOINT: &str = "HOURGLASS_GRAPH_ENDPOINT";
    pub(super) const LOGIN_ENDPOINT: &str = "HOURGLASS_LOGIN_ENDPOINT";
    pub(super) const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
    pub(super) const SCHEDULER_ENDPOINT: &str = "AWS_ENDPOINT_URL_SCHEDULER";
    pub(super) const SECRETS_ENDPOINT: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
    pub(super) const QUEUES_ENDPOINT: &str = "AWS_ENDPOINT_URL_SQS";
    pub(super) const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
    pub(super) const LOG_FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
    pub(super) const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
}

/// The configuration of a deployment. Nothing in it is secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Name of the table.
    pub table: String,
    /// The Microsoft cloud in which people sign in.
    pub cloud: Cloud,
    /// Tenants whose users may sign in; the first is the operator's.
    pub sign_in_tenants: Vec<TenantId>,
    /// Client id of the sign-in registration, a GUID: the audience of access tokens.
    pub api_client_id: String,
    /// Which client applications may call, by client id, and with which scopes at most.
    pub api_clients: BTreeMap<String, Scopes>,
    /// The authentication context that decisions need: `c1` to `c99`.
    pub auth_context: String,
    /// Base of our own urls, without a trailing slash: https, or http on this machine.
    pub public_url: String,
    /// Origins whose pages may call the request routes.
    pub form_origins: Vec<String>,
    /// Seconds between the last change of a membership and the read that proves its absence.
    pub confirm_after_seconds: i64,
    /// Whether durations below a minute may be configured.
    pub short_durations: bool,
    /// How long a key cools down that no key of the same person vouches for, in seconds.
    pub key_cool_down_seconds: i64,
    /// SHA-256 of the code with which the very first admin confirms their passkey.
    pub set_up_code_sha256: Option<Digest>,
    /// Whether changes of the configuration take two admins, once two have signed in.
    pub two_person: bool,
    /// Name of the schedule group.
    pub schedule_group: String,
    /// ARN of the role with which Scheduler invokes the revocation function.
    pub schedule_role_arn: String,
    /// ARN of the revocation function.
    pub schedule_target_arn: String,
    /// ARN of the queue for triggers that could not be handed over.
    pub schedule_dlq_arn: String,
    /// Url of the queue of delayed messages, which end exact grants.
    pub exact_queue_url: String,
    /// With what the names of all secrets begin.
    pub secret_prefix: String,
    /// Instead of the cloud's Graph host; `/v1.0` is appended.
    pub graph_endpoint: Option<String>,
    /// Instead of the cloud's token service; `/<tenant>/…` is appended.
    pub login_endpoint: Option<String>,
    /// Instead of the region's DynamoDB.
    pub dynamodb_endpoint: Option<String>,
    /// Instead of the region's EventBridge Scheduler.
    pub scheduler_endpoint: Option<String>,
    /// Instead of the region's Secrets Manager.
    pub secrets_endpoint: Option<String>,
    /// Instead of the region's SQS.
    pub queues_endpoint: Option<String>,
}

/// How to log: what Lambda's logging configuration puts into the environment (AWS Lambda Developer Guide, "Configuring
/// advanced logging controls").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogConfig {
    /// The least severe level of our own lines.
    pub level: tracing::Level,
    /// JSON lines, or text.
    pub json: bool,
    /// The function's name: a dimension of its metrics.
    pub function: String,
}

/// One thing that is wrong with a configuration. The value is not repeated: it may be anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// The name in the environment.
    pub name: &'static str,
    /// What is wrong.
    pub why: String,
}

/// Everything that is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The problems, in the order of the names.
    pub problems: Vec<ConfigProblem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is not complete:")?;
        for (number, ConfigProblem { name, why }) in self.problems.iter().enumerate() {
            write!(f, "{} {name} {why}", if number == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads the process's environment; a value that is not Unicode is no value.
#[expect(
    clippy::disallowed_methods,
    reason = "the single place where the environment is read; everything else is given it"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Config {
    /// The configuration in the process's environment.
    ///
    /// # Errors
    /// Names everything that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(environment)
    }

    /// The configuration that `value_of` gives by the names of the environment. An empty value is none.
    ///
    /// # Errors
    /// Names everything that is missing or wrong.
    pub fn read(value_of: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            value_of,
            problems: Vec::new(),
        };
        let config = Self {
            table: reader.text(name::TABLE),
            cloud: reader.required(
                name::CLOUD,
                "must be global, us_gov, us_gov_dod or china",
                Cloud::from_name,
            ),
            sign_in_tenants: reader.required(name::SIGN_IN_TENANTS, "must be tenant ids separated by commas", tenants),
            api_client_id: reader.text(name::API_CLIENT_ID),
            api_clients: reader.required(
                name::API_CLIENTS,
                "must be a JSON object of client ids and lists of scopes",
                clients,
            ),
            auth_context: reader.text(name::AUTH_CONTEXT),
            public_url: reader.text(name::PUBLIC_URL),
            form_origins: reader
                .optional(name::FORM_ORIGINS)
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            confirm_after_seconds: reader
                .parsed(name::CONFIRM_AFTER_SECONDS, "must be a whole number of seconds")
                .unwrap_or(CONFIRM_AFTER_SECONDS),
            short_durations: reader.flag(name::SHORT_DURATIONS),
            key_cool_down_seconds: reader
                .parsed(name::KEY_COOL_DOWN_SECONDS, "must be a whole number of seconds")
                .unwrap_or(COOL_DOWN_SECONDS),
            set_up_code_sha256: reader.parsed(name::SET_UP_CODE, "must be a SHA-256 in hexadecimal"),
            two_person: reader.switch(name::TWO_PERSON),
            schedule_group: reader.text(name::SCHEDULE_GROUP),
            schedule_role_arn: reader.text(name::SCHEDULE_ROLE_ARN),
            schedule_target_arn: reader.text(name::SCHEDULE_TARGET_ARN),
            schedule_dlq_arn: reader.text(name::SCHEDULE_DLQ_ARN),
            exact_queue_url: reader.text(name::EXACT_QUEUE_URL),
            secret_prefix: reader.text(name::SECRET_PREFIX),
            graph_endpoint: reader.optional(name::GRAPH_ENDPOINT),
            login_endpoint: reader.optional(name::LOGIN_ENDPOINT),
            dynamodb_endpoint: reader.optional(name::DYNAMODB_ENDPOINT),
            scheduler_endpoint: reader.optional(name::SCHEDULER_ENDPOINT),
            secrets_endpoint: reader.optional(name::SECRETS_ENDPOINT),
            queues_endpoint: reader.optional(name::QUEUES_ENDPOINT),
        };
        // What could not be read has been named already; the check would only name it again in other words.
        let read = reader.problems;
        let mut problems = config.problems();
        problems.retain(|problem| read.iter().all(|before| before.name != problem.name));
        problems.extend(read);
        problems.sort_by_key(|problem| problem.name);
        done(config, problems)
    }

    /// Whether the configuration can be used.
    ///
    /// # Errors
    /// Names everything that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = self.problems();
        problems.sort_by_key(|problem| problem.name);
        done((), problems)
    }

    /// Base of the token service, without a trailing slash.
    #[must_use]
    pub fn login(&self) -> &str {
        match &self.login_endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/'),
            None => self.cloud.login(),
        }
    }

    /// What the use cases need of it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            sign_in_tenants: self.sign_in_tenants.clone(),
            confirm_after_seconds: self.confirm_after_seconds,
            short_durations: self.short_durations,
            local: self.is_local(),
            auth_context: self.auth_context.clone(),
            public_url: self.public_url.clone(),
            key_cool_down_seconds: self.key_cool_down_seconds,
            set_up_code_sha256: self.set_up_code_sha256,
            two_person: self.two_person,
        }
    }

    const fn endpoints(&self) -> [(&'static str, &Option<String>); 6] {
        [
            (name::GRAPH_ENDPOINT, &self.graph_endpoint),
            (name::LOGIN_ENDPOINT, &self.login_endpoint),
            (name::DYNAMODB_ENDPOINT, &self.dynamodb_endpoint),
            (name::SCHEDULER_ENDPOINT, &self.scheduler_endpoint),
            (name::SECRETS_ENDPOINT, &self.secrets_endpoint),
            (name::QUEUES_ENDPOINT, &self.queues_endpoint),
        ]
    }

    /// Whether nothing outside this machine is reached.
    pub(crate) fn is_local(&self) -> bool {
        self.endpoints()
            .iter()
            .all(|(_, endpoint)| endpoint.as_deref().is_some_and(is_loopback_base))
    }

    /// What has to hold of the names of everything that starts the revocation function.
    fn trigger_rules(&self) -> [(&'static str, bool, String); 5] {
        [
            (
                name::SCHEDULE_GROUP,
                is_name(&self.schedule_group),
                "must be the group's name".to_owned(),
            ),
            (
                name::SCHEDULE_ROLE_ARN,
                is_arn(&self.schedule_role_arn, "iam"),
                "must be the ARN of a role".to_owned(),
            ),
            (
                name::SCHEDULE_TARGET_ARN,
                is_arn(&self.schedule_target_arn, "lambda"),
                "must be the ARN of a function".to_owned(),
            ),
            (
                name::SCHEDULE_DLQ_ARN,
                is_arn(&self.schedule_dlq_arn, "sqs"),
                "must be the ARN of a queue".to_owned(),
            ),
            (
                name::EXACT_QUEUE_URL,
                is_queue_url(&self.exact_queue_url),
                "must be the url of a queue".to_owned(),
            ),
        ]
    }

    fn problems(&self) -> Vec<ConfigProblem> {
        let local = self.is_local();
        let least_confirm_after = if local { 1 } else { CONFIRM_AFTER_SECONDS };
        let confirm_after = least_confirm_after..=LONGEST_CONFIRM_AFTER_SECONDS;
        let mut rules = vec![
            (name::TABLE, is_name(&self.table), "must be the table's name".to_owned()),
            (
                name::SIGN_IN_TENANTS,
                !self.sign_in_tenants.is_empty(),
                "must name at least one tenant".to_owned(),
            ),
            (
                name::API_CLIENT_ID,
                is_guid(&self.api_client_id),
                "must be a client id (a GUID)".to_owned(),
            ),
            (
                name::API_CLIENTS,
                !self.api_clients.is_empty() && self.api_clients.keys().all(|client| is_guid(client)),
                "must name at least one client by its id (a GUID)".to_owned(),
            ),
            (
                name::AUTH_CONTEXT,
                is_auth_context(&self.auth_context),
                "must be c1 to c99".to_owned(),
            ),
            (
                name::PUBLIC_URL,
                is_origin(&self.public_url),
                "must be https://host without path or trailing slash (http only on this machine)".to_owned(),
            ),
            (
                name::FORM_ORIGINS,
                self.form_origins.iter().all(|origin| is_origin(origin)),
                "must be origins (https://host, http only on this machine) separated by commas".to_owned(),
            ),
            (
                name::CONFIRM_AFTER_SECONDS,
                confirm_after.contains(&self.confirm_after_seconds),
                format!(
                    "must be {CONFIRM_AFTER_SECONDS} to {LONGEST_CONFIRM_AFTER_SECONDS} (less only where every \
                     endpoint is on this machine)"
                ),
            ),
            (
                name::SHORT_DURATIONS,
                local || !self.short_durations,
                "is for a machine where every endpoint is local".to_owned(),
            ),
            (
                name::KEY_COOL_DOWN_SECONDS,
                (if local { 0 } else { COOL_DOWN_SECONDS }..=LONGEST_COOL_DOWN_SECONDS)
                    .contains(&self.key_cool_down_seconds),
                format!(
                    "must be {COOL_DOWN_SECONDS} to {LONGEST_COOL_DOWN_SECONDS} (less only where every endpoint is on \
                     this machine)"
                ),
            ),
            (
                name::SECRET_PREFIX,
                is_secret_prefix(&self.secret_prefix),
                "must be letters, digits or any of /_+=.@- (at most 128)".to_owned(),
            ),
        ];
        rules.extend(self.trigger_rules());
        rules.extend(self.endpoints().map(|(name, endpoint)| {
            (
                name,
                endpoint.as_deref().is_none_or(is_loopback_base),
                "may only be an address of this machine, such as http://127.0.0.1:8080".to_owned(),
            )
        }));
        rules
            .into_iter()
            .filter(|(_, holds, _)| !holds)
            .map(|(name, _, why)| ConfigProblem { name, why })
            .collect()
    }
}

impl LogConfig {
    /// How to log, from the process's environment. Nothing in it can be so wrong that a function should not start.
    #[must_use]
    pub fn from_env() -> Self {
        Self::read(environment)
    }

    /// How to log, as `value_of` gives it by the names of the environment.
    pub fn read(value_of: impl Fn(&str) -> Option<String>) -> Self {
        let level = value_of(name::LOG_LEVEL).unwrap_or_default().to_ascii_lowercase();
        Self {
            level: match level.as_str() {
                "trace" => tracing::Level::TRACE,
                "debug" => tracing::Level::DEBUG,
                "warn" => tracing::Level::WARN,
                // FATAL is Lambda's word for what is worse than an error; we have none worse.
                "error" | "fatal" => tracing::Level::ERROR,
                _ => tracing::Level::INFO,
            },
            json: !value_of(name::LOG_FORMAT)
                .unwrap_or_default()
                .eq_ignore_ascii_case("text"),
            function: value_of(name::FUNCTION_NAME).unwrap_or_else(|| "local".to_owned()),
        }
    }
}

fn done<T>(value: T, problems: Vec<ConfigProblem>) -> Result<T, ConfigError> {
    if problems.is_empty() {
        Ok(value)
    } else {
        Err(ConfigError { problems })
    }
}

/// Reads values and remembers what was wrong, so that everything can be told at once.
struct Reader<F> {
    value_of: F,
    problems: Vec<ConfigProblem>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn optional(&self, name: &'static str) -> Option<String> {
        (self.value_of)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    fn problem(&mut self, name: &'static str, why: &str) {
        self.problems.push(ConfigProblem {
            name,
            why: why.to_owned(),
        });
    }

    fn text(&mut self, name: &'static str) -> String {
        self.required(name, "", |value| Some(value.to_owned()))
    }

    fn required<T: Default>(&mut self, name: &'static str, rule: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(value) = self.optional(name) else {
            self.problem(name, "is missing");
            return T::default();
        };
        parse(&value).unwrap_or_else(|| {
            self.problem(name, rule);
            T::default()
        })
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str, rule: &str) -> Option<T> {
        let value = self.optional(name)?;
        let parsed = value.parse().ok();
        if parsed.is_none() {
            self.problem(name, rule);
        }
        parsed
    }

    /// `on` or `off`; anything else is told and taken as on, which is the safe side.
    fn switch(&mut self, name: &'static str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => {
                self.problem(name, "must be on or off");
                true
            }
        }
    }

    fn flag(&mut self, name: &'static str) -> bool {
        match self.optional(name).as_deref() {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => {
                self.problem(name, "must be 0 or 1");
                false
            }
        }
    }
}

fn tenants(list: &str) -> Option<Vec<TenantId>> {
    list.split(',').map(|id| id.trim().parse().ok()).collect()
}

/// Client ids are compared as text later, so they are brought into one spelling here.
fn clients(json: &str) -> Option<BTreeMap<String, Scopes>> {
    let read: BTreeMap<String, Vec<String>> = serde_json::from_str(json).ok()?;
    read.into_iter()
        .map(|(client, scopes)| {
            let scopes = scopes
                .iter()
                .map(|scope| Scope::from_name(scope))
                .collect::<Option<Scopes>>()?;
            Some((client.to_ascii_lowercase(), scopes))
        })
        .collect()
}

/// The characters of the names of tables and schedule groups; their lengths are the services' business.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_secret_prefix(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b))
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// `c1` to `c99` (Microsoft Graph, `authenticationContextClassReference`).
fn is_auth_context(text: &str) -> bool {
    let Some(number) = text.strip_prefix('c') else {
        return false;
    };
    number.len() <= 2 && !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty()
}

/// `arn:<partition>:<service>:<region>:<account>:<resource>`.
fn is_arn(text: &str, service: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, named, _, account, resource]
        if partition.starts_with("aws") && *named == service && account.len() == 12 && !resource.is_empty())
}

/// `https://<host>/<account>/<queue>`, or http on this machine. It names the queue and nothing else: requests go to the
/// region's endpoint.
fn is_queue_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let path: Vec<&str> = url.path_segments().into_iter().flatten().collect();
        let named = matches!(path.as_slice(), [account, queue]
            if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && is_name(queue));
        (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
            && named
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

/// An origin as browsers send it (RFC 6454 section 6.2), with https unless it is on this machine.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
            && url.origin().ascii_serialization() == text
    })
}

/// An address of this machine to which paths can be appended.
fn is_loopback_base(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && is_loopback(&url)
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // RFC 6761 section 6.3: the name never leaves the machine.
        Some(Host::Domain(host)) => host == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests;
