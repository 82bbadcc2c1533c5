//! `/v1/grants`: looking at a grant, ending it early, and asking for more time.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::{grants, requests};
use hourglass_domain::ids::GrantId;
use hourglass_domain::request::Ask;
use hourglass_domain::roles::Scope;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, CallInfo, Failure, Id, NoBody};
use hourglass_web::problem::Problem;
use hourglass_web::views::{GrantView, RequestView};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::requests::{duration, made};

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

/// End your own access now, or what you asked for on behalf of somebody
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

/// How much more time, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendBody {
    /// How much longer: one of the entitlement's durations, such as `30m`, `1h`, `2d`.
    duration: String,
    /// Why: kept as it is.
    justification: String,
    /// A ticket reference, where the entitlement asks for one.
    #[serde(default)]
    ticket: Option<String>,
}

/// Ask for more time
///
/// For requester and beneficiary of a grant that is live. Makes a new request, which waits for the same approvers as the first one
/// and lapses with the grant at the latest. Once approved, the grant ends by that much later; in all it lasts no longer
/// than the entitlement's `absolute_maximum`. Send an `Idempotency-Key` to be able to repeat the call.
#[utoipa::path(
    post, path = "/v1/grants/{id}/extend", tag = "Grants", request_body = ExtendBody,
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call happen once in 24 hours")),
    responses(
        (status = 201, body = RequestView),
        (status = 400, description = "The body cannot be read", body = Problem),
        (status = 403, description = "The caller may not ask for this", body = Problem),
        (status = 404, description = "No such grant, or none the caller may see", body = Problem),
        (status = 409, description = "The grant is ending or over, or cannot be extended as things are", body = Problem),
        (status = 422, description = "A field breaks a rule", body = Problem),
        (status = 429, description = "Too many open requests", body = Problem),
    )
)]
pub(crate) async fn extend(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<GrantId>,
    call: CallInfo,
    body: Body<ExtendBody>,
) -> Result<Response, Failure> {
    let once = caller.once(&call, &body.bytes)?;
    let duration = duration(&body.value.duration).map_err(|refusal| caller.fail(&refusal.into()))?;
    let ask = Ask {
        duration,
        justification: body.value.justification,
        ticket: body.value.ticket,
        starts_at: None,
        emergency: false,
    };
    let render = |request: &hourglass_domain::request::Request| {
        serde_json::to_value(RequestView::from(request)).unwrap_or_default()
    };
    let answer = requests::extend(&api.core, &caller.who, id.0, &ask, once.as_ref(), &render)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(made(answer))
}
