//! `/v1/admin/template`: the approval template `GROUP_ACCESS_APPROVAL`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::changes::{Command, Wish};
use hourglass_app::admin::template::{self, TemplateInput};
use hourglass_app::records::Stored;
use hourglass_app::seals::Looked;
use hourglass_domain::entitlement::{TEMPLATE_KEY, Template};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure};
use hourglass_web::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::{WaitingView, submit};
use crate::entitlements::{PrincipalsView, durations};

/// The template's content.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateBody {
    /// Who approves where an entitlement names nobody.
    default_approvers: PrincipalsView,
    /// Durations that anything may be requested for.
    durations: Vec<String>,
    /// How long a request waits for its approvers, in seconds: 300 to 2592000.
    request_ttl_seconds: u32,
    /// Message texts by name.
    #[serde(default)]
    messages: BTreeMap<String, String>,
    /// The version that was read: refused when another is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

/// The template.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateView {
    /// Always `GROUP_ACCESS_APPROVAL`.
    key: &'static str,
    /// What it says.
    #[serde(flatten)]
    body: TemplateBody,
    /// Why nothing is granted by it: what is stored is not what was saved here. Saving it again, after a look at all of
    /// it, mends that.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
}

impl From<&Looked<Template>> for TemplateView {
    fn from(looked: &Looked<Template>) -> Self {
        Self {
            unusable: looked.problem.map(|problem| problem.to_string()),
            ..Self::from(&looked.stored)
        }
    }
}

impl From<&Stored<Template>> for TemplateView {
    fn from(stored: &Stored<Template>) -> Self {
        let template = &stored.value;
        Self {
            key: TEMPLATE_KEY,
            unusable: None,
            body: TemplateBody {
                default_approvers: (&template.default_approvers).into(),
                durations: template.durations.iter().map(ToString::to_string).collect(),
                request_ttl_seconds: template.request_ttl_seconds,
                messages: template.messages.clone(),
                version: Some(stored.version),
            },
        }
    }
}

/// Look at the template
#[utoipa::path(
    get, path = "/v1/admin/template", tag = "Admin",
    responses((status = 200, body = TemplateView), (status = 403, body = Problem))
)]
pub(crate) async fn get(State(api): State<Api>, caller: Authenticated) -> Result<Json<TemplateView>, Failure> {
    let stored = template::get(&api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(TemplateView::from(&stored)))
}

/// Replace the template
#[utoipa::path(
    put, path = "/v1/admin/template", tag = "Admin", request_body = TemplateBody,
    responses((status = 200, body = TemplateView), (status = 202, body = WaitingView), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn put(
    State(api): State<Api>,
    caller: Authenticated,
    body: Body<TemplateBody>,
) -> Result<Response, Failure> {
    let refuse = |refusal: hourglass_domain::Refusal| caller.fail(&refusal.into());
    let body = body.value;
    let input = TemplateInput {
        default_approvers: body.default_approvers.read("default_approvers").map_err(refuse)?,
        durations: durations(&body.durations).map_err(refuse)?,
        request_ttl_seconds: body.request_ttl_seconds,
        messages: body.messages,
        version: body.version,
    };
    submit(&api, &caller, &Wish::new(Command::Template { input })).await
}
