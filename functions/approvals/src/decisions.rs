//! `POST /v1/requests/{id}/decisions`.

use axum::Json;
use axum::extract::State;
use hourglass_app::approvals;
use hourglass_domain::Refusal;
use hourglass_domain::decision::{Verdict, Vote};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::ids::RequestId;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, CallInfo, Failure, Id};
use hourglass_web::problem::Problem;
use hourglass_web::views::RequestView;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Yes or no.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecisionParam {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionBody {
    /// `approve` or `deny`.
    decision: DecisionParam,
    /// For less time than asked for.
    #[serde(default)]
    duration: Option<String>,
    /// A comment: kept as it is.
    #[serde(default)]
    comment: Option<String>,
}

impl DecisionBody {
    fn read(self) -> Result<Vote, Refusal> {
        let duration = self
            .duration
            .as_deref()
            .map(str::parse::<AccessDuration>)
            .transpose()
            .map_err(|_| Refusal::invalid("duration", Rule::Shape(Shape::Duration)))?;
        let verdict = match self.decision {
            DecisionParam::Approve => Verdict::Approve,
            DecisionParam::Deny => Verdict::Deny,
        };
        Ok(Vote {
            verdict,
            duration,
            comment: self.comment,
        })
    }
}

/// Decide on a request
///
/// The access token has to prove a fresh second factor: `auth_time` within 5 minutes and `amr` with `mfa` (v1) or
/// `acrs` with the configured authentication context (v2). Otherwise the answer is a claims challenge. Entitlements
/// that demand a passkey are decided in the console only.
#[utoipa::path(
    post, path = "/v1/requests/{id}/decisions", tag = "Decisions", request_body = DecisionBody,
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the call happen once in 24 hours")),
    responses(
        (status = 200, description = "The request afterwards; with `grant` once the quorum is reached", body = RequestView),
        (status = 401, description = "A fresh second factor is needed: claims challenge", body = Problem),
        (status = 403, description = "The caller may not decide on this", body = Problem),
        (status = 404, description = "No such request, or none the caller may see", body = Problem),
        (status = 409, description = "It cannot be decided as things are", body = Problem),
        (status = 422, description = "A field breaks a rule", body = Problem),
    )
)]
pub(crate) async fn decide(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<RequestId>,
    call: CallInfo,
    body: Body<DecisionBody>,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let once = caller.once(&call, &body.bytes)?;
    let vote = body.value.read().map_err(|refusal| caller.fail(&refusal.into()))?;
    let render = |request: &hourglass_domain::request::Request| {
        serde_json::to_value(RequestView::from(request)).unwrap_or_default()
    };
    let answer = approvals::decide(&api.core, &caller.who, id.0, &vote, once.as_ref(), &render)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK),
        Json(answer.body),
    ))
}
