//! `/v1/admin/integrations/azure`: credentials that are written and never read.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::integrations::{self, AzureInput};
use hourglass_app::records::Stored;
use hourglass_domain::application::AzureIntegration;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::extract::{Authenticated, Body, Failure};
use hourglass_web::problem::Problem;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminApi;
use crate::changes::{WaitingView, answer_of, sent};

/// The connector registration in Entra.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AzureBody {
    /// The application's tenant (a GUID).
    tenant_id: String,
    /// The registration's client id (a GUID).
    client_id: String,
    /// Its client secret. Stored in Secrets Manager and never shown again.
    #[schema(value_type = String, write_only)]
    client_secret: SecretString,
    /// When the secret ends, as Entra shows it.
    #[serde(default)]
    secret_expires_at: Option<String>,
    /// The version that was read: refused when another is stored.
    #[serde(default)]
    version: Option<u64>,
}

/// The integration, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AzureView {
    /// The tenant.
    tenant_id: String,
    /// The registration's client id.
    client_id: String,
    /// When the secret ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_expires_at: Option<String>,
    /// When it was last changed.
    updated_at: String,
    /// Its version.
    version: u64,
}

impl From<&Stored<AzureIntegration>> for AzureView {
    fn from(stored: &Stored<AzureIntegration>) -> Self {
        Self {
            tenant_id: stored.value.tenant.to_string(),
            client_id: stored.value.client_id.clone(),
            secret_expires_at: stored.value.secret_expires_at.map(|at| at.to_string()),
            updated_at: stored.value.updated_at.to_string(),
            version: stored.version,
        }
    }
}

/// Look at the Azure integration
#[utoipa::path(
    get, path = "/v1/admin/integrations/azure", tag = "Admin",
    responses((status = 200, body = AzureView), (status = 404, body = Problem))
)]
pub(crate) async fn get_azure(
    State(state): State<AdminApi>,
    caller: Authenticated,
) -> Result<Json<AzureView>, Failure> {
    let stored = integrations::get_azure(&state.api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(AzureView::from(&stored)))
}

/// Set up the Azure integration, or replace its secret
///
/// A fresh secret for the client that is set up takes effect at once. Another client takes two admins: the proposal keeps
/// no secret, so that the call is repeated once the change is applied.
#[utoipa::path(
    put, path = "/v1/admin/integrations/azure", tag = "Admin", request_body = AzureBody,
    responses((status = 200, body = AzureView), (status = 202, body = WaitingView), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn put_azure(
    State(state): State<AdminApi>,
    caller: Authenticated,
    body: Body<AzureBody>,
) -> Result<Response, Failure> {
    let refuse = |field, rule| caller.fail(&Refusal::invalid(field, rule).into());
    let body = body.value;
    let expires = body
        .secret_expires_at
        .as_deref()
        .map(str::parse::<Timestamp>)
        .transpose();
    let input = AzureInput {
        tenant: body
            .tenant_id
            .parse()
            .map_err(|_| refuse("tenant_id", Rule::Shape(Shape::Tenant)))?,
        client_id: body
            .client_id
            .parse()
            .map_err(|_| refuse("client_id", Rule::Shape(Shape::Client)))?,
        client_secret: body.client_secret,
        secret_expires_at: expires.map_err(|_| refuse("secret_expires_at", Rule::Shape(Shape::Instant)))?,
        version: body.version,
    };
    let outcome = integrations::put_azure(&state.api.core, &caller.who, &*state.secrets, input)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(sent(&answer_of(&state.api, &outcome)))
}
