//! `/requests/{id}`: everything about one request and what it led to.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::history::search::{self, Line};
use hourglass_app::history::{self, Texts};
use hourglass_app::{AppError, grants, outlook, requests};
use hourglass_domain::audit::{Actor, Event};
use hourglass_domain::entitlement::HowTo;
use hourglass_domain::ids::{GrantId, RequestId, UserId};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::roles::Role;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::Console;
use hourglass_web::words::Words;
use http::StatusCode;
use serde::Deserialize;

use super::access::{Accounts, Nothing, Waiting, again};
use super::look::{GrantShown, LineShown, Place};
use super::{Pages, address, cursor, id, place_in_list};

/// Most events on one page.
const MOST_EVENTS: usize = 50;

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Opened {
    #[serde(default)]
    done: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

/// An approval.
struct Approved {
    name: String,
    acting_for: Option<String>,
    duration: String,
    at: Timestamp,
}

/// One event of the timeline.
struct Happened {
    at: Timestamp,
    what: String,
    who: String,
    /// What people wrote.
    texts: Vec<(String, String)>,
    /// Machine facts, word for word.
    facts: Vec<(String, String)>,
    action: String,
    seq: u64,
    hash: String,
}

#[derive(Template)]
#[template(path = "one.html")]
struct OneContent<'a> {
    w: Words,
    now: Timestamp,
    token: &'a str,
    message: Option<&'static str>,
    wrong: &'a Wrong,
    reason: String,
    line: LineShown,
    waiting: Option<Waiting>,
    grant: Option<GrantShown>,
    extends: Option<String>,
    places: Vec<Place>,
    approvals: Vec<Approved>,
    how_to: Option<HowTo>,
    starts_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    ids: Vec<(String, String)>,
    mine: bool,
    extend_as: Option<String>,
    decide: bool,
    revoke: bool,
    again: String,
    events: Vec<Happened>,
    next: Option<String>,
}

pub(crate) async fn show(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
    Query(opened): Query<Opened>,
) -> Result<Page, PageError> {
    let id: RequestId = id(&console, "request", &text)?;
    page(&pages, &console, id, &opened, &Wrong::default(), String::new())
        .await
        .map_err(|error| console.fail(&error))
}

async fn page(
    pages: &Pages,
    console: &Console,
    id: RequestId,
    opened: &Opened,
    wrong: &Wrong,
    reason: String,
) -> Result<Page, AppError> {
    let (core, who, w, now) = (&pages.api.core, &console.who, console.words(), console.now());
    let line = search::line(core, who, id).await?;
    let request = &line.request.value;
    if !console.asks_for_news() {
        search::note_one(core, who, request).await?;
    }
    let after = place_in_list(opened.cursor.as_deref());
    let events = history::events_with_texts(core, who, id, after, MOST_EVENTS).await?;
    let actors = events.items.iter().filter_map(|(event, _)| match event.actor {
        Actor::User { id } => Some(id),
        _ => None,
    });
    let people = outlook::user_names(core, who, actors.collect()).await?;
    let names = outlook::target_names(core, request.targets.clone()).await?;
    let mut described = outlook::described(core, who, vec![request.entitlement]).await?;
    let accounts = Accounts::of(core, who).await?;
    let parties = [request.beneficiary.user, request.requester.user];
    let mine = parties.iter().any(|party| accounts.contain(*party));
    let grant = line.grant.as_ref().map(|grant| &grant.value);
    let live = grant.filter(|grant| grant.status.is_live()).map(|grant| grant.id);
    let ordered: Vec<GrantId> = outlook::ordered_to_end(core, live.into_iter()).await?;
    let pending = request.status == RequestStatus::Pending && now < request.lapses_at;
    let waiting = if pending {
        let approvers = outlook::approvers_of(core, request).await?;
        Some(Waiting::of(w, request, &approvers, &accounts, now))
    } else {
        None
    };
    let approver = who.has(Role::Approver);
    let next = cursor(events.next.as_deref());
    let content = OneContent {
        w,
        now,
        token: console.form_token().as_str(),
        message: super::Shown {
            done: opened.done.clone(),
        }
        .message(),
        wrong,
        reason,
        waiting,
        grant: grant.map(|grant| GrantShown::of(w, grant, &names, &ordered, now)),
        extends: request.kind.extends().and(grant).map(|grant| grant.request.to_string()),
        places: request
            .targets
            .iter()
            .map(|target| Place::of(w, target, &names))
            .collect(),
        approvals: approvals(w, request),
        how_to: described.remove(&request.entitlement).and_then(|found| found.how_to),
        starts_at: request.starts_at,
        closed_at: request.closed_at,
        ids: ids(w, &line),
        mine,
        extend_as: accounts.elsewhere(&parties),
        decide: pending && !mine && approver && request.activation.is_approved(),
        revoke: !mine && (approver || who.has(Role::Admin)),
        again: again(request),
        events: events
            .items
            .iter()
            .map(|(event, texts)| happened(w, event, texts, &people))
            .collect(),
        next: next.map(|next| address(&format!("/requests/{id}"), &[("cursor", Some(&next))])),
        line: LineShown::of(w, &line, now),
    };
    let title = w.t2(
        "one-title",
        "what",
        &request.entitlement_name,
        "who",
        &request.beneficiary.name,
    );
    Ok(console.page(&title, &content).live())
}

fn approvals(w: Words, request: &Request) -> Vec<Approved> {
    let approvals = request.approvals.iter();
    approvals
        .map(|approval| Approved {
            name: approval.approver.name.clone(),
            acting_for: approval.acting_for.as_ref().map(|party| party.name.clone()),
            duration: w.duration(approval.duration),
            at: approval.at,
        })
        .collect()
}

/// The ids that never change, each with what it names.
fn ids(w: Words, line: &Line) -> Vec<(String, String)> {
    let request = &line.request.value;
    let mut ids = vec![
        (w.t("id-request"), request.id.to_string()),
        (w.t("id-entitlement"), request.entitlement.to_string()),
        (w.t("id-requester"), request.requester.object_id.to_string()),
        (w.t("id-beneficiary"), request.beneficiary.object_id.to_string()),
    ];
    if let Some(grant) = &line.grant {
        ids.push((w.t("id-grant"), grant.value.id.to_string()));
    }
    let targets = request
        .targets
        .iter()
        .map(|target| (w.t("id-target"), target.to_string()));
    ids.extend(targets);
    ids.push((w.t("id-policy"), request.policy.hash.to_string()));
    ids
}

fn happened(w: Words, event: &Event, texts: &Texts, people: &BTreeMap<UserId, String>) -> Happened {
    let name = format!("event-{}", event.action.replace(['.', '_'], "-"));
    let who = match &event.actor {
        Actor::User { id } => people.get(id).cloned().unwrap_or_else(|| id.to_string()),
        Actor::Admin { object_id, .. } => w.t1("actor-admin", "id", object_id.to_string()),
        Actor::Scim { .. } => w.t("actor-scim"),
        Actor::System { function } => w.t1("actor-system", "function", function),
    };
    let texts = texts.iter().map(|(name, text)| {
        let label = w.maybe(&format!("text-{name}")).unwrap_or_else(|| name.clone());
        (label, text.clone())
    });
    Happened {
        at: event.at,
        what: w.maybe(&name).unwrap_or_else(|| event.action.clone()),
        who,
        texts: texts.collect(),
        facts: event
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        action: event.action.clone(),
        seq: event.seq,
        hash: event.hash.to_string(),
    }
}

pub(crate) async fn remind(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    sent: Form<Nothing>,
) -> Result<Response, PageError> {
    let console = sent.console;
    let id: RequestId = id(&console, "request", &text)?;
    requests::remind(&pages.api.core, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other("/access?done=reminded"))
}

pub(crate) async fn cancel(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    sent: Form<Nothing>,
) -> Result<Response, PageError> {
    let console = sent.console;
    let id: RequestId = id(&console, "request", &text)?;
    requests::cancel(&pages.api.core, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other("/access?done=cancelled"))
}

pub(crate) async fn revoke(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    sent: Form<Fields>,
) -> Result<Response, PageError> {
    let console = sent.console;
    let fail = |error: AppError| console.fail(&error);
    let id: RequestId = id(&console, "request", &text)?;
    let mut fields = sent.value;
    let reason = fields.take("reason").map_err(|refusal| fail(refusal.into()))?;
    fields.done().map_err(|refusal| fail(refusal.into()))?;
    let line = search::line(&pages.api.core, &console.who, id).await.map_err(fail)?;
    let grant = line.grant.map(|grant| grant.value.id);
    let grant = grant.ok_or_else(|| fail(Refusal::NotFound { what: "grant" }.into()))?;
    match grants::revoke(&pages.api.core, &console.who, grant, &reason).await {
        Ok(_) => Ok(see_other(&format!("/requests/{id}?done=revoked"))),
        Err(error) => {
            let wrong = Wrong::from_error(console.words(), error).map_err(fail)?;
            let shown = page(&pages, &console, id, &Opened::default(), &wrong, reason).await;
            let shown = shown.map_err(fail)?.live_at(&format!("/requests/{id}"));
            Ok(shown.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
        }
    }
}
