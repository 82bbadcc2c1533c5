//! `/admin/revocations`: access that should be gone and is not, and what a person does about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hourglass_app::admin::by_hand::{self, ByHand, Failing};
use hourglass_app::{AppError, auth_context};
use hourglass_domain::Timestamp;
use hourglass_domain::audit::Actor;
use hourglass_domain::by_hand::{Signature, is_failing};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{GrantId, ObjectId};
use hourglass_domain::refusal::RefusalKind;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};

use super::super::{MOST_ROWS, Shown, Top, id, next};
use super::{again, back, done, hidden, top, typed, users, wrong};
use crate::AdminApi;

/// Where the list is.
pub(super) const PLACE: &str = "/admin/revocations";

/// A removal that is overdue.
struct Row {
    since: Timestamp,
    grant: GrantId,
    who: String,
    what: String,
    targets: Vec<Target>,
    proposed: bool,
    confirmed: bool,
}

/// A target that keeps the member.
struct Target {
    name: String,
    error: Option<String>,
    since: Option<Timestamp>,
    failures: u32,
    by_hand: String,
}

fn targets(grant: &Grant) -> Vec<Target> {
    let open = grant.targets.iter().filter(|target| !target.status.is_settled_end());
    open.map(|target| Target {
        name: target.target.to_string(),
        error: target.last_error.clone(),
        since: target.failing_since,
        failures: target.failures,
        by_hand: target.target.removal_by_hand(grant.beneficiary.object_id),
    })
    .collect()
}

#[derive(Template)]
#[template(path = "revocations.html")]
struct Revocations<'a> {
    top: Top<'a>,
    rows: Vec<Row>,
    next: Option<String>,
    /// Whether this is a part of them: before it, or after it, are others.
    more: bool,
    now: Timestamp,
}

pub(crate) async fn list(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let (after, limit) = shown.paging();
    let found = by_hand::failing(&state.api.core, &console.who, after, limit.min(MOST_ROWS))
        .await
        .map_err(|error| console.fail(&error))?;
    let row = |Failing { since, found }: Failing| Row {
        since,
        grant: found.grant.id,
        who: found.grant.beneficiary.name.clone(),
        what: found.grant.entitlement_name.clone(),
        targets: targets(&found.grant),
        proposed: found.closing.is_some(),
        confirmed: found.closing.is_some_and(|closing| closing.value.confirmed.is_some()),
    };
    let content = Revocations {
        top: top(&state, &console, PLACE, shown.done.as_ref()).await?,
        rows: found.items.into_iter().map(row).collect(),
        more: shown.cursor.is_some() || found.next.is_some(),
        next: next(found.next.as_deref()),
        now: console.now(),
    };
    let title = console.words().t("ops-revocations-title");
    Ok(console.page(&title, &content).live())
}

/// A signature as it is shown.
struct Signed {
    name: String,
    at: Timestamp,
    own: bool,
}

#[derive(Template)]
#[template(path = "revocation.html")]
struct One<'a> {
    top: Top<'a>,
    grant: Grant,
    targets: Vec<Target>,
    /// Whether it has been failing for so long that it may be closed by hand.
    closable: bool,
    evidence: Option<String>,
    version: u64,
    proposed: Option<Signed>,
    confirmed: Option<Signed>,
    /// Where to prove a second factor first, where that is needed.
    step_up: Option<String>,
    typed: String,
    wrong: Wrong,
}

pub(crate) async fn of(
    State(state): State<AdminApi>,
    console: Console,
    Path(grant): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let found = find(&state, &console, &grant).await?;
    show(&state, &console, found, &shown, String::new(), Wrong::default()).await
}

async fn find(state: &AdminApi, console: &Console, grant: &str) -> Result<ByHand, PageError> {
    let grant: GrantId = id(console, "grant", grant)?;
    by_hand::get(&state.api.core, &console.who, grant)
        .await
        .map_err(|error| console.fail(&error))
}

async fn show(
    state: &AdminApi,
    console: &Console,
    found: ByHand,
    shown: &Shown,
    typed: String,
    wrong: Wrong,
) -> Result<Page, PageError> {
    let core = &state.api.core;
    let ByHand { grant, closing } = found;
    let place = format!("{PLACE}/{}", grant.id);
    let closing_value = closing.as_ref().map(|closing| &closing.value);
    let mut signers: Vec<ObjectId> = closing_value.iter().map(|closing| closing.proposed.object_id).collect();
    signers.extend(
        closing_value
            .and_then(|closing| closing.confirmed.as_ref())
            .map(|second| second.object_id),
    );
    let known = users(core, &console.who, signers)
        .await
        .map_err(|error| console.fail(&error))?;
    let signed = |signature: &Signature| Signed {
        name: known.get(&signature.object_id).map_or_else(
            || match &signature.by {
                Actor::Admin { object_id, .. } => object_id.to_string(),
                _ => signature.object_id.to_string(),
            },
            |user| user.name(),
        ),
        at: signature.at,
        own: signature.object_id == console.who.caller.object_id,
    };
    let content = One {
        top: top(state, console, PLACE, shown.done.as_ref()).await?,
        targets: targets(&grant),
        closable: is_failing(&grant, console.now()),
        evidence: closing_value.map(|closing| closing.evidence.clone()),
        version: closing.as_ref().map_or(0, |closing| closing.version),
        proposed: closing_value.map(|closing| signed(&closing.proposed)),
        confirmed: closing_value.and_then(|closing| closing.confirmed.as_ref()).map(signed),
        step_up: step_up(state, console, &place).await?,
        grant,
        typed,
        wrong,
    };
    let title = console.words().t("ops-revocation-title");
    Ok(console.page(&title, &content))
}

/// Where to prove a second factor, if the caller has to before they can sign: then they are told before they type.
async fn step_up(state: &AdminApi, console: &Console, place: &str) -> Result<Option<String>, PageError> {
    match auth_context::step_up(&state.api.core, &console.who).await {
        Ok(_) => Ok(None),
        Err(AppError::Refused(refusal)) if refusal.kind() == RefusalKind::StepUp => Ok(Some(console.step_up(place))),
        // Signing in again would not help: the form says why when it is sent.
        Err(AppError::Refused(_)) => Ok(None),
        Err(error) => Err(console.fail(&error)),
    }
}

pub(crate) async fn propose(
    State(state): State<AdminApi>,
    Path(grant): Path<String>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console.0;
    let found = find(&state, console, &grant).await?;
    let mut fields = form.value;
    let mut bad = Wrong::default();
    let evidence = typed(console.words(), &mut fields, &mut bad, "evidence");
    done(console, fields)?;
    let id = found.grant.id;
    if bad.is_empty() {
        match by_hand::propose(&state.api.core, &console.who, id, &evidence).await {
            Ok(_) => return Ok(back(&format!("{PLACE}/{id}"), "closing-proposed")),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    let page = show(&state, console, found, &Shown::default(), evidence, bad).await?;
    Ok(again(page))
}

pub(crate) async fn confirm(
    State(state): State<AdminApi>,
    Path(grant): Path<String>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console.0;
    let found = find(&state, console, &grant).await?;
    let mut fields = form.value;
    let version: u64 = hidden(console, &mut fields, "version")?;
    done(console, fields)?;
    let id = found.grant.id;
    match by_hand::confirm(&state.api.core, &console.who, id, version).await {
        Ok(_) => Ok(back(&format!("{PLACE}/{id}"), "closing-confirmed")),
        Err(error) => {
            let bad = wrong(console, error)?;
            let page = show(&state, console, found, &Shown::default(), String::new(), bad).await?;
            Ok(again(page))
        }
    }
}
