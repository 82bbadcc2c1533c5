//! `/v1/admin/changes`: changes of the configuration that wait for two admins; and what every change is answered with.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::aws;
use hourglass_app::admin::changes::signing::ChangeSignature;
use hourglass_app::admin::changes::{self, Answering, Command, Done, Outcome, Proposed, Wish};
use hourglass_app::idempotency::{Answer, Once};
use hourglass_domain::ids::ChangeId;
use hourglass_domain::two_person::{ChangeStatus, Line, Mode, Proposal};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, Id, ListView, NoBody, Paging, Query};
use hourglass_web::problem::Problem;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::AdminApi;
use crate::applications::FreshTokenView;
use crate::drift::{DriftView, ProtectedBody, StandingView};
use crate::entitlements::EntitlementView;
use crate::integrations::{AwsView, AzureView};
use crate::links::{AttributeView, HumanView};
use crate::template::TemplateView;

/// A change that takes two admins was stored as a proposal; nothing has changed yet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingView {
    /// Its id.
    change: String,
    /// Always `waiting`.
    status: &'static str,
    /// The page on which its proposer and another admin sign it with their passkeys.
    sign_at: String,
    /// Until when it can be signed and applied.
    lapses_at: String,
}

/// What changes in one field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// The field.
    field: String,
    /// What it says; empty where there is nothing.
    before: String,
    /// What it is to say; empty where nothing is left.
    after: String,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        Self {
            field: line.field.clone(),
            before: line.before.clone(),
            after: line.after.clone(),
        }
    }
}

/// A signature under a change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignatureView {
    /// `first`, the proposer's, or `second`, another admin's.
    place: &'static str,
    /// Our id of who signed.
    by: String,
    /// When.
    at: String,
}

impl From<&ChangeSignature> for SignatureView {
    fn from(signature: &ChangeSignature) -> Self {
        Self {
            place: signature.place.name(),
            by: signature.by.user.to_string(),
            at: signature.at.to_string(),
        }
    }
}

/// A proposed change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeView {
    /// Its id.
    id: String,
    /// `waiting_proposer`, `waiting_second`, `signed`, `applied`, `withdrawn`, `lapsed` or `superseded`.
    status: &'static str,
    /// What is to be done: `entitlement_update`, `template`, `link`, …
    command: &'static str,
    /// What kind of object is changed.
    object_kind: String,
    /// Which.
    object_id: String,
    /// The version that it was proposed against; 0 where it is made.
    version: u64,
    /// What changes.
    lines: Vec<LineView>,
    /// SHA-256 of the change as it is shown and carried out: what both sign.
    diff_sha256: String,
    /// Why, in the proposer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// Our id of who proposed it.
    proposed_by: String,
    /// When.
    proposed_at: String,
    /// When it lapses, or lapsed.
    lapses_at: String,
    /// Who has signed.
    signatures: Vec<SignatureView>,
    /// The page on which it is signed.
    sign_at: String,
}

fn sign_at(api: &Api, id: ChangeId) -> String {
    format!("{}/changes/{id}", api.core.settings.public_url)
}

fn change(api: &Api, proposal: &Proposal<Command>, signatures: &[ChangeSignature], status: ChangeStatus) -> ChangeView {
    ChangeView {
        id: proposal.id.to_string(),
        status: status.name(),
        command: proposal.command.name(),
        object_kind: proposal.object.kind.clone(),
        object_id: proposal.object.id.clone(),
        version: proposal.object.version,
        lines: proposal.lines.iter().map(LineView::from).collect(),
        diff_sha256: proposal.digest.to_string(),
        comment: proposal.comment.clone(),
        proposed_by: proposal.proposer.user.to_string(),
        proposed_at: proposal.proposed_at.to_string(),
        lapses_at: proposal.expires_at.to_string(),
        signatures: signatures.iter().map(SignatureView::from).collect(),
        sign_at: sign_at(api, proposal.id),
    }
}

fn view(api: &Api, proposed: &Proposed) -> ChangeView {
    let status = proposed.status(api.core.clock.now());
    change(api, &proposed.proposal.value, &proposed.signatures, status)
}

fn json_of(view: impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

/// What was done, as each route answers it.
fn done(done: &Done) -> (u16, Value) {
    match done {
        Done::Created(stored) => (201, json_of(EntitlementView::from(stored))),
        Done::Updated(stored) => (200, json_of(EntitlementView::from(stored))),
        Done::SwitchedOn(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            (201, json!({ "entitlements": ids }))
        }
        Done::Template(stored) => (200, json_of(TemplateView::from(stored))),
        Done::Drift(drift) => (200, json_of(DriftView::from(drift))),
        Done::Protected(stored) => (200, json_of(ProtectedBody::from(stored))),
        Done::Declared(member) => (200, json_of(StandingView::from(member))),
        Done::Linked(human) => (201, json_of(HumanView::from(human))),
        Done::LinkAttribute(found) => (200, json_of(AttributeView::from(found))),
        Done::Azure(stored) => (200, json_of(AzureView::from(stored))),
        Done::Aws(stored) => (200, json_of(AwsView::from(stored))),
        Done::ScimSecret(info, secret) => (201, json_of(FreshTokenView::new(info.id, secret))),
        _ => (204, Value::Null),
    }
}

/// What a change is answered with: what was done, or that it waits.
pub(crate) fn answer_of(api: &Api, outcome: &Outcome) -> Answer {
    let (status, body) = match outcome {
        Outcome::Done(what) => done(what),
        Outcome::Waiting(proposal) => {
            let waiting = WaitingView {
                change: proposal.id.to_string(),
                status: "waiting",
                sign_at: sign_at(api, proposal.id),
                lapses_at: proposal.expires_at.to_string(),
            };
            (202, json_of(waiting))
        }
        Outcome::Replayed(answer) => return answer.clone(),
    };
    Answer { status, body }
}

/// An answer as it is sent.
pub(crate) fn sent(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if status == StatusCode::NO_CONTENT {
        return status.into_response();
    }
    (status, Json(answer.body.clone())).into_response()
}

/// Does what the caller wants, or stores it as a proposal.
pub(crate) async fn submit(api: &Api, caller: &Authenticated, wish: &Wish) -> Result<Response, Failure> {
    submit_once(api, caller, wish, None).await
}

/// As [`submit`]; with `once`, the call happens once.
pub(crate) async fn submit_once(
    api: &Api,
    caller: &Authenticated,
    wish: &Wish,
    once: Option<&Once>,
) -> Result<Response, Failure> {
    let render = |outcome: &Outcome| answer_of(api, outcome);
    let answering = once.map(|once| Answering { once, render: &render });
    let outcome = changes::submit(&api.core, &caller.who, wish, answering.as_ref())
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(sent(&answer_of(api, &outcome)))
}

/// Proposed changes, and how many admins a change takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangesView {
    /// `one` until a second admin has first signed in at the console, `two` from then on, `off` where the deployment says
    /// so.
    mode: &'static str,
    /// The proposals, the latest first.
    #[serde(flatten)]
    list: ListView<ChangeView>,
}

/// Proposed changes
///
/// The latest first. What makes access easier takes the passkeys of two admins once two have signed in; what waits for
/// them is here.
#[utoipa::path(
    get, path = "/v1/admin/changes", tag = "Admin", params(Paging),
    responses((status = 200, body = ChangesView), (status = 403, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ChangesView>, Failure> {
    let (after, limit) = paging.read()?;
    let page = changes::list(&api.core, &caller.who, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let mode: Mode = changes::mode(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(|proposed| view(&api, proposed)).collect();
    Ok(Json(ChangesView {
        mode: mode.name(),
        list: ListView::new(items, page.next.as_deref()),
    }))
}

/// Look at a proposed change
#[utoipa::path(
    get, path = "/v1/admin/changes/{id}", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = ChangeView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<ChangeId>,
) -> Result<Json<ChangeView>, Failure> {
    let proposed = changes::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(view(&api, &proposed)))
}

/// Apply a change that two admins have signed
///
/// Both signatures are verified again. The answer is that of the route on which the change was proposed; a SCIM secret is
/// in it this once.
#[utoipa::path(
    post, path = "/v1/admin/changes/{id}/apply", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, description = "What was done"), (status = 201, description = "What was made"),
        (status = 204), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "It is not signed by two, or was overtaken", body = Problem))
)]
pub(crate) async fn apply(
    State(state): State<AdminApi>,
    caller: Authenticated,
    id: Id<ChangeId>,
    _: NoBody,
) -> Result<Response, Failure> {
    let (_, what) = changes::apply(&state.api.core, &*state.passkeys, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    aws::settle(&state.api.core, &caller.who, &*state.secrets, &what).await;
    let (status, body) = done(&what);
    Ok(sent(&Answer { status, body }))
}

/// Take a proposed change back
///
/// Any admin may.
#[utoipa::path(
    post, path = "/v1/admin/changes/{id}/withdraw", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = ChangeView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem))
)]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<ChangeId>,
    _: NoBody,
) -> Result<Json<ChangeView>, Failure> {
    changes::withdraw(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    get(State(api), caller, id).await
}
