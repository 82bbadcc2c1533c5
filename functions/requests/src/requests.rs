//! `/v1/requests`: asking, looking, taking back.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::idempotency::Answer;
use hourglass_app::requests::{self, NewRequest};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::ids::{EntitlementId, RequestId, UserId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::Ask;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, CallInfo, Failure, Id, NoBody};
use hourglass_web::problem::Problem;
use hourglass_web::views::RequestView;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;

/// What somebody asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestBody {
    /// Id of the entitlement.
    entitlement: String,
    /// One of the entitlement's durations, such as `30m`, `1h`, `2d` (`1hr` is read as `1h`).
    duration: String,
    /// Why: kept as it is.
    justification: String,
    /// A ticket reference, where the entitlement asks for one.
    #[serde(default)]
    ticket: Option<String>,
    /// When the access is to begin; at once after approval where it is left out.
    #[serde(default)]
    starts_at: Option<String>,
    /// Whether it is an emergency: nobody approves it beforehand, and another person reviews it afterwards. Only for the
    /// emergency people of the entitlement, who activate it with their passkey in the console.
    #[serde(default)]
    emergency: bool,
    /// For whom, by our user id: yourself where it is left out, one of your own linked accounts (`linked` of `/v1/me`), or,
    /// where the entitlement is `on_behalf`, somebody else who may have it, who is told.
    #[serde(default)]
    beneficiary: Option<String>,
}

/// Reads a duration.
pub(crate) fn duration(text: &str) -> Result<AccessDuration, Refusal> {
    text.parse()
        .map_err(|_| Refusal::invalid("duration", Rule::Shape(Shape::Duration)))
}

impl RequestBody {
    /// Reads the fields. An entitlement that is no id is unknown, like one that nobody made.
    fn read(&self) -> Result<NewRequest, Refusal> {
        let entitlement: EntitlementId = self
            .entitlement
            .parse()
            .map_err(|_| Refusal::NotFound { what: "entitlement" })?;
        let duration = duration(&self.duration)?;
        let starts_at = self
            .starts_at
            .as_deref()
            .map(str::parse::<Timestamp>)
            .transpose()
            .map_err(|_| Refusal::invalid("starts_at", Rule::Shape(Shape::Instant)))?;
        let beneficiary = self
            .beneficiary
            .as_deref()
            .map(str::parse::<UserId>)
            .transpose()
            .map_err(|_| Refusal::invalid("beneficiary", Rule::Shape(Shape::User)))?;
        Ok(NewRequest {
            entitlement,
            beneficiary,
            ask: Ask {
                duration,
                justification: self.justification.clone(),
                ticket: self.ticket.clone(),
                starts_at,
                emergency: self.emergency,
            },
        })
    }
}

/// Ask for access
///
/// The request waits for its approvers until `lapses_at`. Send an `Idempotency-Key` to be able to repeat the call.
#[utoipa::path(
    post, path = "/v1/requests", tag = "Requests", request_body = RequestBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the call happen once in 24 hours")),
    responses(
        (status = 201, body = RequestView),
        (status = 400, description = "The body cannot be read", body = Problem),
        (status = 403, description = "The caller may not ask for this", body = Problem),
        (status = 404, description = "No such entitlement", body = Problem),
        (status = 409, description = "It cannot be requested as things are", body = Problem),
        (status = 422, description = "A field breaks a rule", body = Problem),
        (status = 429, description = "Too many open requests, too many within an hour or a day, or too many that wait for the \
            approvers; `Retry-After` says when it works again", body = Problem),
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Authenticated,
    call: CallInfo,
    body: Body<RequestBody>,
) -> Result<Response, Failure> {
    let new = body.value.read().map_err(|refusal| caller.fail(&refusal.into()))?;
    let once = caller.once(&call, &body.bytes)?;
    let render = |request: &hourglass_domain::request::Request| {
        serde_json::to_value(RequestView::from(request)).unwrap_or_default()
    };
    let answer = requests::create(&api.core, &caller.who, &new, once.as_ref(), &render)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(made(answer))
}

/// The answer to a request that was made, with where to find it.
pub(crate) fn made(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED);
    let location = answer
        .body
        .get("id")
        .and_then(serde_json::Value::as_str)
        .map(|id| format!("/v1/requests/{id}"));
    let mut response = (status, Json(answer.body)).into_response();
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// See what a request would be
///
/// Judges it like `POST /v1/requests` and writes nothing.
#[utoipa::path(
    post, path = "/v1/requests/preview", tag = "Requests", request_body = RequestBody,
    responses((status = 200, body = RequestView), (status = "4XX", body = Problem))
)]
pub(crate) async fn preview(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<RequestBody>,
) -> Result<Json<RequestView>, Failure> {
    let new = body.value.read().map_err(|refusal| caller.fail(&refusal.into()))?;
    let request = requests::preview(&api.core, &caller.who, &new)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(RequestView::from(&request)))
}

/// Look at a request
///
/// Requesters see their own, approvers what they may decide or decided, auditors and admins all of their application.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "Requests", params(("id" = String, Path)),
    responses((status = 200, body = RequestView), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<RequestId>,
) -> Result<Json<RequestView>, Failure> {
    caller
        .who
        .require_scope(hourglass_domain::roles::Scope::RequestsReadWrite)
        .map_err(|refusal| caller.fail(&refusal.into()))?;
    let request = requests::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(RequestView::from(&request.value)))
}

/// Take a request back
#[utoipa::path(
    post, path = "/v1/requests/{id}/cancel", tag = "Requests", params(("id" = String, Path)),
    responses((status = 200, body = RequestView), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<RequestId>,
    _: NoBody,
) -> Result<Json<RequestView>, Failure> {
    let request = requests::cancel(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(RequestView::from(&request)))
}
