//! `/v1/requests/{id}/decisions`: who decided, and each decision as a file that verifies without us.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::decisions;
use hourglass_domain::Refusal;
use hourglass_domain::decision::{Decision, Evidence};
use hourglass_domain::ids::{DecisionId, RequestId};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, Id, ListView};
use hourglass_web::problem::Problem;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionView {
    /// Its id.
    id: String,
    /// `approve`, `deny`, or `activate` where nobody else decides.
    decision: String,
    /// For how long.
    duration: String,
    /// Who decided.
    by: String,
    /// `passkey` or `step_up`.
    factor: &'static str,
    /// When.
    at: String,
    /// Where to get it as a file, where it was signed with a passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

impl From<&Decision> for DecisionView {
    fn from(decision: &Decision) -> Self {
        let (factor, signed) = match &decision.evidence {
            Evidence::Passkey(_) => ("passkey", true),
            Evidence::StepUp { .. } => ("step_up", false),
        };
        let file = format!("/v1/requests/{}/decisions/{}", decision.request, decision.id);
        Self {
            id: decision.id.to_string(),
            decision: decision.verdict.name().to_owned(),
            duration: decision.duration.to_string(),
            by: decision.approver.user.to_string(),
            factor,
            at: decision.at.to_string(),
            file: signed.then_some(file),
        }
    }
}

/// See who decided on a request
///
/// For auditors and admins.
#[utoipa::path(
    get, path = "/v1/requests/{id}/decisions", tag = "Decisions", params(("id" = String, Path)),
    responses((status = 200, body = ListView<DecisionView>), (status = 403, body = Problem),
        (status = 404, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<RequestId>,
) -> Result<Json<ListView<DecisionView>>, Failure> {
    let found = decisions::list(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = found.iter().map(DecisionView::from).collect();
    Ok(Json(ListView::new(items, None)))
}

/// Export a decision
///
/// As a file that `hourglass verify-decision` verifies without Hourglass, years later: what was signed, the signature, the
/// key and how it was registered. For auditors and admins, and only of decisions that were signed with a passkey.
#[utoipa::path(
    get, path = "/v1/requests/{id}/decisions/{decision}", tag = "Decisions",
    params(("id" = String, Path), ("decision" = String, Path)),
    responses((status = 200, description = "The file, in its one spelling"), (status = 403, body = Problem),
        (status = 404, body = Problem))
)]
pub(crate) async fn file(
    State(api): State<Api>,
    caller: Authenticated,
    Path((request, decision)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let unknown = |what| caller.fail(&Refusal::NotFound { what }.into());
    let request: RequestId = request.parse().map_err(|_| unknown("request"))?;
    let decision: DecisionId = decision.parse().map_err(|_| unknown("decision"))?;
    let file = decisions::file(&api.core, &caller.who, request, decision)
        .await
        .map_err(|error| caller.fail(&error))?;
    let bytes = file.bytes().map_err(|error| caller.fail(&error.into()))?;
    let name = format!("attachment; filename=\"decision-{decision}.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
