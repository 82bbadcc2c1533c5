//! `/v1/grants`: looking at a grant, and ending it early.

use axum::Json;
use axum::extract::State;
use hourglass_app::grants;
use hourglass_domain::ids::GrantId;
use hourglass_domain::roles::Scope;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id, NoBody};
use hourglass_web::problem::Problem;
use hourglass_web::views::GrantView;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// Look at a grant
#[utoipa::path(
    get, path = "/v1/grants/{id}", tag = "Grants", params(("id" = String, Path)),
    responses((status = 200, body = GrantView), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
) -> Result<Json<GrantView>, Failure> {
    caller
        .who
        .require_scope(Scope::RequestsReadWrite)
        .map_err(|refusal| caller.fail(&refusal.into()))?;
    let grant = grants::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(GrantView::from(&grant.value)))
}

/// End your own access now
///
/// The order is stored at once; the member is removed within seconds.
#[utoipa::path(
    post, path = "/v1/grants/{id}/check-in", tag = "Grants", params(("id" = String, Path)),
    responses((status = 202, body = GrantView), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn check_in(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
    _: NoBody,
) -> Result<(StatusCode, Json<GrantView>), Failure> {
    let grant = grants::check_in(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::ACCEPTED, Json(GrantView::from(&grant))))
}

/// Why somebody else's access ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeBody {
    /// Why: kept as it is.
    reason: String,
}

/// End somebody's access now
///
/// For approvers of the entitlement and admins. The order is stored at once; the member is removed within seconds.
#[utoipa::path(
    post, path = "/v1/grants/{id}/revoke", tag = "Grants", params(("id" = String, Path)), request_body = RevokeBody,
    responses((status = 202, body = GrantView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem))
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
    body: Body<RevokeBody>,
) -> Result<(StatusCode, Json<GrantView>), Failure> {
    let grant = grants::revoke(&api.core, &caller.who, id.0, &body.value.reason)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::ACCEPTED, Json(GrantView::from(&grant))))
}
