//! `/v1/admin/grants/{id}/close-by-hand`.

use axum::Json;
use axum::extract::State;
use hourglass_app::admin::by_hand::{self, ByHand};
use hourglass_domain::by_hand::Signature;
use hourglass_domain::ids::GrantId;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id};
use hourglass_web::problem::Problem;
use hourglass_web::views::GrantView;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Why a grant may be closed without a proof.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloseBody {
    /// What was seen and done, and how: kept as it is.
    evidence: String,
}

/// Which proposal is confirmed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmBody {
    /// The proposal's version as it was read: refused when another is stored.
    version: u64,
}

/// A signature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignatureView {
    /// Who, by internal ids.
    #[schema(value_type = Object)]
    by: Value,
    /// When.
    at: String,
}

impl From<&Signature> for SignatureView {
    fn from(signature: &Signature) -> Self {
        Self {
            by: serde_json::to_value(&signature.by).unwrap_or_default(),
            at: signature.at.to_string(),
        }
    }
}

/// A grant, and what was signed about closing it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ByHandView {
    /// The grant: where its member has to be removed by hand, and what the targets answer.
    grant: GrantView,
    /// What was seen and done.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    /// Who proposed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    proposed: Option<SignatureView>,
    /// Who confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<SignatureView>,
    /// The version to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

impl From<&ByHand> for ByHandView {
    fn from(found: &ByHand) -> Self {
        let closing = found.closing.as_ref();
        let value = closing.map(|closing| &closing.value);
        Self {
            grant: GrantView::from(&found.grant),
            evidence: value.map(|value| value.evidence.clone()),
            proposed: value.map(|value| (&value.proposed).into()),
            confirmed: value.and_then(|value| value.confirmed.as_ref()).map(Into::into),
            version: closing.map(|closing| closing.version),
        }
    }
}

/// What was signed about closing a grant by hand
#[utoipa::path(
    get, path = "/v1/admin/grants/{id}/close-by-hand", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = ByHandView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
) -> Result<Json<ByHandView>, Failure> {
    let found = by_hand::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(ByHandView::from(&found)))
}

/// Propose to close a grant by hand
///
/// For a grant that is ending and whose removal has been failing for ten minutes or more, after a person has removed the
/// member, or the tenant is no more. Needs a fresh second factor, and another admin who confirms it; neither may be the
/// requester or the beneficiary. The grant is then `closed_by_hand` and never shown as ended; it is looked at again every
/// day, and reopened if the member is still there.
#[utoipa::path(
    post, path = "/v1/admin/grants/{id}/close-by-hand", tag = "Admin", params(("id" = String, Path)),
    request_body = CloseBody,
    responses((status = 201, body = ByHandView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "It is not ending, or has not been failing for long", body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn propose(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
    body: Body<CloseBody>,
) -> Result<(StatusCode, Json<ByHandView>), Failure> {
    let found = by_hand::propose(&api.core, &caller.who, id.0, &body.value.evidence)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::CREATED, Json(ByHandView::from(&found))))
}

/// Confirm that a grant is closed by hand
///
/// By another admin than the one who proposed it, with a fresh second factor. Carried out by the next sweep.
#[utoipa::path(
    post, path = "/v1/admin/grants/{id}/close-by-hand/confirm", tag = "Admin", params(("id" = String, Path)),
    request_body = ConfirmBody,
    responses((status = 202, body = ByHandView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem))
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
    body: Body<ConfirmBody>,
) -> Result<(StatusCode, Json<ByHandView>), Failure> {
    let found = by_hand::confirm(&api.core, &caller.who, id.0, body.value.version)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::ACCEPTED, Json(ByHandView::from(&found))))
}
