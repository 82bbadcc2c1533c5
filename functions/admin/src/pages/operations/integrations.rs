//! `/admin/integrations`: the connector to Azure, whether it works, and what stands behind the authentication context; and
//! AWS (`aws.rs`).

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::integrations::{self, AzureInput};
use hourglass_app::admin::probes::{self, Question};
use hourglass_app::auth_context;
use hourglass_app::records::{Finding, Probe, ProbeQuestion, Stored};
use hourglass_app::{AppError, admin};
use hourglass_domain::application::AzureIntegration;
use hourglass_domain::auth_context::{AuthContext, LOOK_COUNTS_SECONDS, PolicyProblem};
use hourglass_domain::ids::ProbeId;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use secrecy::SecretString;
use serde::Deserialize;

use super::super::Top;
use super::aws;
use super::{again, back, done, hidden, read, top, typed, waiting, wrong};
use crate::AdminApi;

/// Where the page is.
pub(super) const PLACE: &str = "/admin/integrations";
/// Seconds of a day.
const DAY: i64 = 86_400;

/// Parameters of the page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: Option<String>,
    /// A test to show the answer of.
    #[serde(default)]
    probe: Option<String>,
}

/// What was typed, or what is stored: everything but the secret, which is shown to nobody.
#[derive(Default)]
pub(super) struct Typed {
    tenant_id: String,
    client_id: String,
    secret_expires_at: String,
    version: u64,
}

impl Typed {
    fn of(console: &Console, stored: Option<&Stored<AzureIntegration>>) -> Self {
        let tenant_id = console.who.application.value.tenant.to_string();
        let Some(stored) = stored else {
            return Self {
                tenant_id,
                ..Self::default()
            };
        };
        Self {
            tenant_id,
            client_id: stored.value.client_id.clone(),
            secret_expires_at: stored.value.secret_expires_at.map(day).unwrap_or_default(),
            version: stored.version,
        }
    }
}

/// The day of an instant, as `input type="date"` has it.
pub(super) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// How near the end of a credential is.
pub(super) struct Ends {
    at: Timestamp,
    /// The message, if there is need of one.
    warning: Option<&'static str>,
    /// Its class.
    tone: &'static str,
}

/// The messages about the end of a client secret: over, and within 7, 30 and 90 days.
const ENDS: [&str; 4] = [
    "ops-azure-ended",
    "ops-azure-ends-7",
    "ops-azure-ends-30",
    "ops-azure-ends-90",
];

impl Ends {
    /// Warned of 90, 30 and 7 days ahead, and in the end: the messages are given from the last to the first.
    pub(super) fn of(at: Timestamp, now: Timestamp, [over, week, month, quarter]: [&'static str; 4]) -> Self {
        let (warning, tone) = match at.seconds_since(now) {
            ..=0 => (Some(over), "failing"),
            left if left <= 7 * DAY => (Some(week), "failing"),
            left if left <= 30 * DAY => (Some(month), "waiting"),
            left if left <= 90 * DAY => (Some(quarter), "waiting"),
            _ => (None, ""),
        };
        Self { at, warning, tone }
    }
}

/// What stands behind the authentication context.
struct Context {
    name: String,
    checked_at: Option<Timestamp>,
    /// The message that says what is so and what to do.
    state: &'static str,
    good: bool,
    policies: Vec<Policy>,
}

struct Policy {
    name: String,
    problem: Option<String>,
    users: usize,
    groups: usize,
    others: bool,
}

impl Context {
    fn of(w: Words, name: &str, found: Option<AuthContext>, now: Timestamp) -> Self {
        let state = match &found {
            None => "ops-context-unchecked",
            Some(found) if found.context != name => "ops-context-unchecked",
            Some(found) if now.seconds_since(found.checked_at) > LOOK_COUNTS_SECONDS => "ops-context-stale",
            Some(found) if found.policies.is_none() => "ops-context-not-permitted",
            Some(found) if !found.holds() => "ops-context-unprotected",
            Some(_) => "ops-context-good",
        };
        let checked_at = found.as_ref().map(|found| found.checked_at);
        let policies = found.and_then(|found| found.policies).unwrap_or_default();
        let policies = policies.into_iter().map(|policy| Policy {
            problem: policy.problem.map(|problem| w.t(problem_message(problem))),
            users: policy.excluded_users.len(),
            groups: policy.excluded_groups.len(),
            others: policy.excludes_others,
            name: policy.name,
        });
        Self {
            name: name.to_owned(),
            checked_at,
            good: state == "ops-context-good",
            state,
            policies: policies.collect(),
        }
    }
}

const fn problem_message(problem: PolicyProblem) -> &'static str {
    match problem {
        PolicyProblem::NotEnabled => "ops-policy-not-enabled",
        PolicyProblem::NoFactor => "ops-policy-no-factor",
        PolicyProblem::NotEveryone => "ops-policy-not-everyone",
        PolicyProblem::Narrowed => "ops-policy-narrowed",
    }
}

#[derive(Template)]
#[template(path = "integrations.html")]
struct Integrations<'a> {
    top: Top<'a>,
    stored: Option<AzureIntegration>,
    ends: Option<Ends>,
    typed: Typed,
    wrong: Wrong,
    probe: Option<Probe>,
    /// What the probe found, a sentence each.
    found: Vec<String>,
    aws: aws::Section,
    context: Context,
}

/// What was typed into the forms of the page, and what is wrong with it.
#[derive(Default)]
pub(super) struct Filled {
    pub(super) azure: (Option<Typed>, Wrong),
    pub(super) aws: (Option<aws::Typed>, Wrong),
}

/// What a probe found, in the reader's language; what the outside said stays as it is.
fn told(w: Words, finding: &Finding) -> String {
    match finding {
        Finding::Failed { why } => why.clone(),
        Finding::Works {} => w.t("ops-found-works"),
        Finding::PeopleConfirmed {} => w.t("ops-found-people"),
        Finding::PeopleNotConfirmed { why } => w.t1("ops-found-people-not", "why", why),
        Finding::PeopleUnknown { why } => w.t1("ops-found-people-unknown", "why", why),
        Finding::ContextHolds { context } => w.t1("ops-found-context", "context", context),
        Finding::ContextUnprotected { context } => w.t1("ops-found-context-unprotected", "context", context),
        Finding::ContextNotPermitted { context } => w.t1("ops-found-context-not-permitted", "context", context),
        Finding::ContextUnknown { why } => w.t1("ops-found-context-unknown", "why", why),
        Finding::AwsWorks {} => w.t("ops-found-aws-works"),
        Finding::AwsNotWritten {} => w.t("ops-found-aws-not-written"),
        Finding::AwsNone {} => w.t("ops-found-aws-none"),
        Finding::AwsNoToken {} => w.t("ops-found-aws-no-token"),
        Finding::AwsRefused { status } => w.t1("ops-found-aws-refused", "status", usize::from(*status)),
        Finding::AwsStrange { why } => w.t1("ops-found-aws-strange", "why", why),
        Finding::AwsUnreachable { why } => w.t1("ops-found-aws-unreachable", "why", why),
        Finding::TargetGood { target } => format!("{target}: {}", w.t("ops-found-target")),
        Finding::TargetBad { target, problem } => format!("{target}: {}", w.target_problem(problem)),
        Finding::TargetUnknown { target, why } => format!("{target}: {why}"),
    }
}

pub(crate) async fn page(
    State(state): State<AdminApi>,
    console: Console,
    Query(asked): Query<Asked>,
) -> Result<Page, PageError> {
    show(&state, &console, &asked, Filled::default()).await
}

pub(super) async fn show(
    state: &AdminApi,
    console: &Console,
    asked: &Asked,
    filled: Filled,
) -> Result<Page, PageError> {
    let core = &state.api.core;
    let fail = |error: AppError| console.fail(&error);
    let stored = match integrations::get_azure(core, &console.who).await {
        Ok(stored) => Some(stored),
        Err(AppError::Refused(Refusal::NotFound { .. })) => None,
        Err(error) => return Err(fail(error)),
    };
    let probe = match asked.probe.as_deref().and_then(|id| id.parse::<ProbeId>().ok()) {
        Some(id) => Some(probes::get(core, &console.who, id).await.map_err(fail)?),
        None => None,
    };
    let context = auth_context::look(core, &console.who).await.map_err(fail)?;
    let (w, now) = (console.words(), console.now());
    let answer = probe.as_ref().and_then(|probe| probe.answer.as_ref());
    let findings = answer.map(|answer| answer.findings.as_slice()).unwrap_or_default();
    let found = findings.iter().map(|finding| told(w, finding)).collect();
    let waits = probe.as_ref().is_some_and(|probe| probe.answer.is_none());
    // An answer stands where it was asked for.
    let of_aws = |probe: &Probe| probe.question == ProbeQuestion::TestAws;
    let (aws_probe, probe) = match probe {
        Some(probe) if of_aws(&probe) => (Some(probe), None),
        probe => (None, probe),
    };
    let (typed, wrong) = filled.azure;
    let content = Integrations {
        aws: aws::Section::of(core, console, filled.aws, aws_probe).await?,
        top: top(state, console, PLACE, asked.done.as_ref()).await?,
        typed: typed.unwrap_or_else(|| Typed::of(console, stored.as_ref())),
        ends: stored
            .as_ref()
            .and_then(|stored| stored.value.secret_expires_at)
            .map(|at| Ends::of(at, now, ENDS)),
        stored: stored.map(|stored| stored.value),
        wrong,
        found,
        probe,
        context: Context::of(w, &core.settings.auth_context, context, now),
    };
    let page = console.page(&w.t("ops-integrations-title"), &content);
    Ok(if waits { page.live() } else { page })
}

/// The day on which a credential ends: its first moment, because it is better to be warned a day too early.
pub(super) fn read_day(w: Words, wrong: &mut Wrong, field: &str, typed: &str) -> Option<Timestamp> {
    if typed.is_empty() {
        return None;
    }
    read(wrong, field, &format!("{typed}T00:00:00Z"), || w.t("ops-wrong-day"))
}

/// Reads the form; what was typed comes back without the secret.
fn read_azure(
    console: &Console,
    mut fields: Fields,
    wrong: &mut Wrong,
) -> Result<(Typed, Option<AzureInput>), PageError> {
    let w = console.words();
    let version: u64 = hidden(console, &mut fields, "version")?;
    let secret = typed(w, &mut fields, wrong, "client_secret");
    let typed = Typed {
        tenant_id: typed(w, &mut fields, wrong, "tenant_id"),
        client_id: typed(w, &mut fields, wrong, "client_id"),
        secret_expires_at: typed(w, &mut fields, wrong, "secret_expires_at"),
        version,
    };
    done(console, fields)?;
    let guid = || w.t("ops-wrong-guid");
    let tenant = read(wrong, "tenant_id", &typed.tenant_id, guid);
    let client_id = read(wrong, "client_id", &typed.client_id, guid);
    let ends = read_day(w, wrong, "secret_expires_at", &typed.secret_expires_at);
    if secret.is_empty() {
        wrong.say_at("client_secret", w.t("ops-wrong-secret"));
    }
    let input = match (tenant, client_id) {
        (Some(tenant), Some(client_id)) if wrong.is_empty() => Some(AzureInput {
            tenant,
            client_id,
            client_secret: SecretString::from(secret),
            secret_expires_at: ends,
            version: Some(version),
        }),
        _ => None,
    };
    Ok((typed, input))
}

pub(crate) async fn save(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    let core = &state.api.core;
    admin::require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut bad = Wrong::default();
    let (typed, input) = read_azure(console, form.value, &mut bad)?;
    if let Some(input) = input {
        match integrations::put_azure(core, &console.who, &*state.secrets, input).await {
            Ok(outcome) => return Ok(waiting(&outcome).unwrap_or_else(|| back(PLACE, "azure"))),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    let filled = Filled {
        azure: (Some(typed), bad),
        ..Filled::default()
    };
    let page = show(&state, console, &Asked::default(), filled).await?;
    Ok(again(page))
}

/// A form without fields.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn test(State(state): State<AdminApi>, form: Form<Nothing>) -> Result<Response, PageError> {
    let console = &form.console;
    let probe = probes::ask(&state.api.core, &console.who, Question::TestAzure)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other(&format!("{PLACE}?probe={}", probe.id)))
}
