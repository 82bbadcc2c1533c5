//! `/v1/admin/probes`: having provisioning try something.

use axum::Json;
use axum::extract::State;
use hourglass_app::admin::probes::{self, Question};
use hourglass_app::records::{Probe, ProbeAnswer};
use hourglass_domain::Refusal;
use hourglass_domain::ids::ProbeId;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id};
use hourglass_web::problem::Problem;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ProbeBody {
    /// Do the Azure credentials work?
    // With braces: serde lets a unit variant have any further fields.
    TestAzure {},
    /// Does the AWS access token work?
    TestAws {},
    /// What kind of groups are the targets of an entitlement?
    Preflight {
        /// Id of the entitlement.
        entitlement: String,
    },
}

/// A probe and, once there is one, its answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeView {
    /// Its id.
    id: String,
    /// When it was asked.
    asked_at: String,
    /// Whether all went well; absent until there is an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<bool>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
}

impl From<&Probe> for ProbeView {
    fn from(probe: &Probe) -> Self {
        let answer = probe.answer.as_ref();
        Self {
            id: probe.id.to_string(),
            asked_at: probe.asked_at.to_string(),
            ok: answer.map(|answer| answer.ok),
            detail: answer.map(ProbeAnswer::detail),
            answered_at: answer.map(|answer| answer.at.to_string()),
        }
    }
}

/// Have something tried
///
/// Answered within seconds: look at the probe until it has an answer.
#[utoipa::path(
    post, path = "/v1/admin/probes", tag = "Admin", request_body = ProbeBody,
    responses((status = 202, body = ProbeView), (status = 403, body = Problem), (status = 404, body = Problem))
)]
pub(crate) async fn ask(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<ProbeBody>,
) -> Result<(StatusCode, Json<ProbeView>), Failure> {
    let question = match body.value {
        ProbeBody::TestAzure {} => Question::TestAzure,
        ProbeBody::TestAws {} => Question::TestAws,
        ProbeBody::Preflight { entitlement } => Question::Preflight(
            entitlement
                .parse()
                .map_err(|_| caller.fail(&Refusal::NotFound { what: "entitlement" }.into()))?,
        ),
    };
    let probe = probes::ask(&api.core, &caller.who, question)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok((StatusCode::ACCEPTED, Json(ProbeView::from(&probe))))
}

/// Look at a probe
#[utoipa::path(
    get, path = "/v1/admin/probes/{id}", tag = "Admin", params(("id" = String, Path)),
    responses((status = 200, body = ProbeView), (status = 404, body = Problem))
)]
pub(crate) async fn get(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<ProbeId>,
) -> Result<Json<ProbeView>, Failure> {
    let probe = probes::get(&api.core, &caller.who, id.0)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(ProbeView::from(&probe)))
}
