//! `/admin/entitlements`: what can be requested, and under which rules.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::AppError;
use hourglass_app::admin::approvers::{self, Approvers};
use hourglass_app::admin::changes::{Command, Done};
use hourglass_app::admin::entitlements::{self, EntitlementInput};
use hourglass_app::policy;
use hourglass_app::seals::Looked;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{Eligibility, Entitlement};
use hourglass_domain::ids::EntitlementId;
use hourglass_domain::target::TargetFacts;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use http::StatusCode;
use serde::Deserialize;

use super::form::EntitlementForm;
use super::{MOST_ROWS, Shown, Top, id};
use crate::AdminApi;

const SECTION: &str = "/admin/entitlements";

/// A line of the list.
struct Row {
    id: String,
    name: String,
    description: String,
    targets: usize,
    eligible: &'static str,
    quorum: Option<u8>,
    enabled: bool,
    critical: bool,
    /// Whether its seal does not hold.
    broken: bool,
}

impl Row {
    fn of(looked: &Looked<Entitlement>) -> Self {
        let entitlement = &looked.stored.value;
        Self {
            id: entitlement.id.to_string(),
            name: entitlement.name.clone(),
            description: entitlement.description.clone(),
            targets: entitlement.targets.len(),
            eligible: match entitlement.eligible {
                Eligibility::Everyone => "admin-eligible-everyone",
                Eligibility::Only(_) => "admin-eligible-only",
                Eligibility::Nobody => "admin-eligible-nobody",
            },
            quorum: (entitlement.approval == hourglass_domain::entitlement::ApprovalMode::Required)
                .then_some(entitlement.quorum),
            enabled: entitlement.enabled,
            critical: entitlement.critical,
            broken: looked.problem.is_some(),
        }
    }
}

#[derive(Template)]
#[template(path = "entitlements.html")]
struct List<'a> {
    top: Top<'a>,
    q: String,
    rows: Vec<Row>,
    total: usize,
    next: Option<String>,
}

pub(crate) async fn list(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let q = shown.q.clone().unwrap_or_default();
    let after = shown.cursor.as_deref();
    let (page, total) = entitlements::search(&state.api.core, &state.index, &console.who, &q, after, MOST_ROWS)
        .await
        .map_err(|error| console.fail(&error))?;
    let content = List {
        top: Top::new(&state, &console, SECTION, &shown)
            .await
            .map_err(|error| console.fail(&error))?,
        rows: page.items.iter().map(Row::of).collect(),
        q,
        total,
        next: page.next,
    };
    Ok(console.page(&console.words().t("admin-entitlements-title"), &content))
}

/// What stands beside the form of an entitlement that there is.
struct Beside {
    id: String,
    approvers: Approvers,
    facts: Vec<Option<TargetFacts>>,
    /// Why nothing is granted by it.
    broken: Option<String>,
}

#[derive(Template)]
#[template(path = "entitlement.html")]
struct OneEntitlement<'a> {
    top: Top<'a>,
    form: EntitlementForm,
    durations: Vec<(String, bool)>,
    wrong: Wrong,
    beside: Option<Beside>,
    /// Where the form goes.
    place: String,
}

/// Parameters of the page of a new entitlement: what to begin with.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Beginning {
    #[serde(default)]
    group: Option<String>,
}

pub(crate) async fn new(
    State(state): State<AdminApi>,
    console: Console,
    Query(beginning): Query<Beginning>,
) -> Result<Page, PageError> {
    let group = beginning.group.unwrap_or_default();
    let form = EntitlementForm {
        name: group.clone(),
        targets: group,
        ..EntitlementForm::new()
    };
    page(&state, &console, None, form, Wrong::default())
        .await
        .map_err(|error| console.fail(&error))
}

pub(crate) async fn get(
    State(state): State<AdminApi>,
    console: Console,
    Path(text): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let id: EntitlementId = id(&console, "entitlement", &text)?;
    let looked = entitlements::look(&state.api.core, &console.who, id).await;
    let looked = looked.map_err(|error| console.fail(&error))?;
    let form = EntitlementForm::of(&state, &console, &looked.stored).await;
    let form = form.map_err(|error| console.fail(&error))?;
    show(&state, &console, Some(looked), form, Wrong::default(), &shown)
        .await
        .map_err(|error| console.fail(&error))
}

pub(crate) async fn create(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    save(&state, &form.console, None, form.value).await
}

pub(crate) async fn update(
    State(state): State<AdminApi>,
    Path(text): Path<String>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let id: EntitlementId = id(&form.console, "entitlement", &text)?;
    save(&state, &form.console, Some(id), form.value).await
}

async fn save(
    state: &AdminApi,
    console: &Console,
    id: Option<EntitlementId>,
    fields: Fields,
) -> Result<Response, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let form = EntitlementForm::sent(fields).map_err(|refusal| fail(refusal.into()))?;
    let mut wrong = Wrong::default();
    if let Some(input) = form.read(state, console, &mut wrong).await.map_err(fail)? {
        match store(state, console, id, &input).await {
            Ok(place) => return Ok(see_other(&place)),
            Err(error) => wrong = Wrong::from_error(console.words(), error).map_err(fail)?,
        }
    }
    let shown = page(state, console, id, form, wrong).await.map_err(fail)?;
    Ok(shown.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
}

/// Where to go when it is stored, or waits for another admin.
pub(super) async fn store(
    state: &AdminApi,
    console: &Console,
    id: Option<EntitlementId>,
    input: &EntitlementInput,
) -> Result<String, AppError> {
    let input = input.clone();
    let command = match id {
        Some(id) => Command::EntitlementUpdate { id, input },
        None => Command::EntitlementCreate {
            id: EntitlementId::new(state.api.core.ids.uuid()),
            input,
        },
    };
    super::submit(state, console, command, |done| match done {
        Done::Created(stored) | Done::Updated(stored) => format!("{SECTION}/{}?done=saved", stored.value.id),
        _ => SECTION.to_owned(),
    })
    .await
}

async fn page(
    state: &AdminApi,
    console: &Console,
    id: Option<EntitlementId>,
    form: EntitlementForm,
    wrong: Wrong,
) -> Result<Page, AppError> {
    let looked = match id {
        Some(id) => Some(entitlements::look(&state.api.core, &console.who, id).await?),
        None => None,
    };
    show(state, console, looked, form, wrong, &Shown::default()).await
}

async fn show(
    state: &AdminApi,
    console: &Console,
    looked: Option<Looked<Entitlement>>,
    form: EntitlementForm,
    wrong: Wrong,
    shown: &Shown,
) -> Result<Page, AppError> {
    let core = &state.api.core;
    hourglass_app::admin::require_admin(&console.who)?;
    let w = console.words();
    let template = policy::template(&*core.store, &console.who.application.value.id).await?;
    let mut allowed: BTreeSet<AccessDuration> = template.value.durations;
    let title = looked.as_ref().map_or_else(
        || w.t("admin-entitlement-new"),
        |looked| looked.stored.value.name.clone(),
    );
    let place = looked.as_ref().map_or_else(
        || SECTION.to_owned(),
        |looked| format!("{SECTION}/{}", looked.stored.value.id),
    );
    let beside = match looked {
        Some(looked) => {
            allowed.extend(looked.stored.value.durations.iter().flatten());
            Some(Beside {
                id: looked.stored.value.id.to_string(),
                approvers: approvers::count(core, &console.who, looked.stored.value.id).await?,
                facts: policy::facts(&*core.store, &looked.stored.value).await?,
                broken: looked.problem.map(|problem| w.seal_problem(problem)),
            })
        }
        None => None,
    };
    let content = OneEntitlement {
        top: Top::new(state, console, SECTION, shown).await?,
        durations: form.choices(&allowed),
        form,
        wrong,
        beside,
        place,
    };
    Ok(console.page(&title, &content))
}
