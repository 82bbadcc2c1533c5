//! `/v1/admin/kill-switch`: ending everything in a scope at once, and letting it go on.

use axum::Json;
use axum::extract::State;
use hourglass_app::admin::kill_switch::{self, Preview};
use hourglass_domain::Refusal;
use hourglass_domain::grant::Grant;
use hourglass_domain::kill_switch::{Admin, KillScope, Proposal, Stage};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::Request;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, CallInfo, Failure, ListView};
use hourglass_web::problem::Problem;
use hourglass_web::views::{GrantView, RequestView};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What kind of scope is meant.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeParam {
    /// Everything of the application.
    All,
    /// One entitlement.
    Entitlement,
    /// One user.
    User,
}

/// A scope as it is sent.
fn scope(kind: ScopeParam, id: Option<&str>) -> Result<KillScope, Refusal> {
    let missing = || Refusal::invalid("id", Rule::ScopeMissing);
    match (kind, id) {
        (ScopeParam::All, None) => Ok(KillScope::All),
        (ScopeParam::All, Some(_)) => Err(Refusal::invalid("id", Rule::ScopeIsAll)),
        (ScopeParam::Entitlement, id) => {
            let id = id.ok_or_else(missing)?.parse();
            let id = id.map_err(|_| Refusal::NotFound { what: "entitlement" })?;
            Ok(KillScope::Entitlement { id })
        }
        (ScopeParam::User, id) => {
            let id = id.ok_or_else(missing)?.parse();
            let id = id.map_err(|_| Refusal::NotFound { what: "user" })?;
            Ok(KillScope::User { id })
        }
    }
}

/// What to look at before a press.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    /// `all`, `entitlement` or `user`.
    scope: ScopeParam,
    /// Which entitlement or user (our ids); left out for `all`.
    #[serde(default)]
    id: Option<String>,
}

/// What a press would end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// `all`, `entitlement` or `user`.
    scope: String,
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// How many grants have not ended; those that are ending already are among them.
    grants: u64,
    /// How many grants have their start ahead: they are cancelled.
    scheduled: u64,
    /// How many requests wait: they are cancelled. What was asked in the last second may be missing.
    requests: u64,
    /// Whether there are more than were counted.
    more: bool,
    /// Some of the grants, at most 50.
    some_grants: Vec<GrantView>,
    /// Some of the requests, at most 50.
    some_requests: Vec<RequestView>,
    /// Send it with the press, within 15 minutes. Whatever came into the scope meanwhile is ended as well.
    confirmation: String,
    /// Until when it can be used.
    confirm_until: String,
}

impl From<&Preview> for PreviewView {
    fn from(preview: &Preview) -> Self {
        let grant = |grant: &Grant| GrantView::from(grant);
        let request = |request: &Request| RequestView::from(request);
        Self {
            scope: preview.scope.name().to_owned(),
            id: preview.scope.id(),
            name: preview.name.clone(),
            grants: preview.grants,
            scheduled: preview.scheduled,
            requests: preview.requests,
            more: preview.more,
            some_grants: preview.some_grants.iter().map(grant).collect(),
            some_requests: preview.some_requests.iter().map(request).collect(),
            confirmation: preview.confirmation.clone(),
            confirm_until: preview.confirm_until.to_string(),
        }
    }
}

/// A press.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PressBody {
    /// `all`, `entitlement` or `user`.
    scope: ScopeParam,
    /// Which entitlement or user (our ids); left out for `all`.
    #[serde(default)]
    id: Option<String>,
    /// Why: kept as it is, and shown to admins.
    reason: String,
    /// From the preview of this scope.
    confirmation: String,
}

/// An admin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminView {
    /// Our id of the user, where they are provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The object id in Entra.
    object_id: String,
    /// The display name at that moment, where they are provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl From<&Admin> for AdminView {
    fn from(admin: &Admin) -> Self {
        Self {
            id: admin.party.as_ref().map(|party| party.user.to_string()),
            object_id: admin.object_id.to_string(),
            name: admin.party.as_ref().map(|party| party.name.clone()),
        }
    }
}

/// One admin's wish to release a scope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProposalView {
    /// Its id: another admin names it to confirm.
    id: String,
    /// Whose.
    by: AdminView,
    /// Until when it can be confirmed.
    until: String,
}

impl From<&Proposal> for ProposalView {
    fn from(proposal: &Proposal) -> Self {
        Self {
            id: proposal.id.to_string(),
            by: AdminView::from(&proposal.by),
            until: proposal.until.to_string(),
        }
    }
}

/// A scope that is paused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PausedView {
    /// `all`, `entitlement` or `user`.
    scope: String,
    /// Which.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Since when.
    since: String,
    /// The last press: a proposal to release names it.
    press: String,
    /// When that was.
    pressed_at: String,
    /// Who pressed.
    by: AdminView,
    /// Why.
    reason: String,
    /// Whether everything in scope has its order to end.
    carried_out: bool,
    /// Grants that were found in scope.
    grants: u64,
    /// Those of them that have ended: the target was seen without the member, twice.
    ended: u64,
    /// Grants in scope that have not ended yet.
    removing: u64,
    /// Requests that were cancelled.
    cancelled_requests: u64,
    /// A proposal to release it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<ProposalView>,
}

impl From<&kill_switch::State> for PausedView {
    fn from(state: &kill_switch::State) -> Self {
        let paused = &state.paused;
        let carried_out = state.progress.stage == Stage::Done;
        Self {
            scope: paused.scope.name().to_owned(),
            id: paused.scope.id(),
            since: paused.since.to_string(),
            press: paused.press.to_string(),
            pressed_at: paused.pressed_at.to_string(),
            by: AdminView::from(&paused.by),
            reason: paused.reason.clone(),
            carried_out,
            grants: state.progress.grants,
            ended: state.progress.grants.saturating_sub(state.removing),
            removing: state.removing,
            cancelled_requests: state.progress.requests,
            proposal: paused.proposal.as_ref().map(ProposalView::from),
        }
    }
}

/// Look what the kill switch would end
///
/// Changes nothing. The confirmation that it answers has to come with the press.
#[utoipa::path(
    post, path = "/v1/admin/kill-switch/preview", tag = "Admin", request_body = PreviewBody,
    responses((status = 200, body = PreviewView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<PreviewBody>,
) -> Result<Json<PreviewView>, Failure> {
    let body = body.value;
    let preview = async {
        hourglass_app::admin::require_admin(&caller.who)?;
        let scope = scope(body.scope, body.id.as_deref())?;
        kill_switch::preview(&api.core, &caller.who, scope).await
    };
    let preview = preview.await.map_err(|error| caller.fail(&error))?;
    Ok(Json(PreviewView::from(&preview)))
}

/// Press the kill switch
///
/// One admin is enough. Every live grant in scope ends, scheduled starts and pending requests are cancelled, and nothing
/// in scope can be asked for, approved or activated until two admins release it. The order is stored at once; look at
/// the kill switch for how far it was carried out.
#[utoipa::path(
    post, path = "/v1/admin/kill-switch", tag = "Admin", request_body = PressBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the call happen once in 24 hours")),
    responses((status = 202, body = PausedView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn press(
    State(api): State<Api>,
    caller: Authenticated,
    call: CallInfo,
    body: Body<PressBody>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let once = caller.once(&call, &body.bytes)?;
    let body = body.value;
    let render = |state: &kill_switch::State| serde_json::to_value(PausedView::from(state)).unwrap_or_default();
    let answer = async {
        hourglass_app::admin::require_admin(&caller.who)?;
        let scope = scope(body.scope, body.id.as_deref())?;
        let (reason, confirmation) = (&body.reason, &body.confirmation);
        kill_switch::press(
            &api.core,
            &caller.who,
            scope,
            reason,
            confirmation,
            once.as_ref(),
            &render,
        )
        .await
    };
    let answer = answer.await.map_err(|error| caller.fail(&error))?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::ACCEPTED);
    Ok((status, Json(answer.body)))
}

/// What the kill switch holds back
///
/// Every scope that is paused, since when, by whom and why, and how far its last press was carried out.
#[utoipa::path(
    get, path = "/v1/admin/kill-switch", tag = "Admin",
    responses((status = 200, body = ListView<PausedView>), (status = 403, body = Problem))
)]
pub(crate) async fn state(
    State(api): State<Api>,
    caller: Authenticated,
) -> Result<Json<ListView<PausedView>>, Failure> {
    let states = kill_switch::state(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(ListView::new(states.iter().map(PausedView::from).collect(), None)))
}

/// A proposal to release a scope, or its confirmation by another admin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseBody {
    /// `all`, `entitlement` or `user`.
    scope: ScopeParam,
    /// Which entitlement or user (our ids); left out for `all`.
    #[serde(default)]
    id: Option<String>,
    /// The last press of it that you know of.
    press: String,
    /// The other admin's proposal, to confirm it; left out to propose.
    #[serde(default)]
    proposal: Option<String>,
}

/// What became of a release.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum ReleaseView {
    /// Another admin has to confirm it.
    Proposed {
        /// The scope with the proposal.
        paused: Box<PausedView>,
    },
    /// Requests and approvals in the scope go on.
    Released,
}

/// Release what the kill switch holds back
///
/// Needs two admins: the first sends no `proposal` and makes one, the second, another person, names it within 30
/// minutes. A further press of the scope takes the proposal away. What was ended stays ended.
#[utoipa::path(
    post, path = "/v1/admin/kill-switch/release", tag = "Admin", request_body = ReleaseBody,
    responses((status = 200, body = ReleaseView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn release(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<ReleaseBody>,
) -> Result<Json<ReleaseView>, Failure> {
    let body = body.value;
    let released = async {
        hourglass_app::admin::require_admin(&caller.who)?;
        let scope = scope(body.scope, body.id.as_deref())?;
        let press = body
            .press
            .parse()
            .map_err(|_| Refusal::invalid("press", Rule::Shape(Shape::Press)))?;
        let Some(proposal) = &body.proposal else {
            let state = kill_switch::propose(&api.core, &caller.who, scope, press).await?;
            return Ok(ReleaseView::Proposed {
                paused: Box::new(PausedView::from(&state)),
            });
        };
        let proposal = proposal
            .parse()
            .map_err(|_| Refusal::invalid("proposal", Rule::Shape(Shape::Proposal)))?;
        kill_switch::release(&api.core, &caller.who, scope, press, proposal).await?;
        Ok(ReleaseView::Released)
    };
    let released = released
        .await
        .map_err(|error: hourglass_app::AppError| caller.fail(&error))?;
    Ok(Json(released))
}
