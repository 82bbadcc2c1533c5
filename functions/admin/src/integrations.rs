//! `/v1/admin/integrations/azure` and `/v1/admin/integrations/aws`: credentials that are written and never read.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::aws::{self, AwsInput};
use hourglass_app::admin::integrations::{self, AzureInput};
use hourglass_app::records::Stored;
use hourglass_domain::application::{AwsIntegration, AzureIntegration};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::extract::{Authenticated, Body, Failure, NoBody};
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

/// Where IAM Identity Center takes users and groups.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AwsBody {
    /// The SCIM endpoint: `https://scim.<region>.amazonaws.com/<tenant id>/scim/v2/`.
    url: String,
    /// Its access token. Stored in Secrets Manager together with the url, and never shown again.
    #[schema(value_type = String, write_only)]
    access_token: SecretString,
    /// When the token ends, as IAM Identity Center shows it: a year after it was made.
    #[serde(default)]
    token_expires_at: Option<String>,
    /// The version that was read: refused when another is stored.
    #[serde(default)]
    version: Option<u64>,
}

/// The integration, without its token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AwsView {
    /// The SCIM endpoint.
    url: String,
    /// Whether a token was entered for this url.
    token_entered: bool,
    /// When the token ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_expires_at: Option<String>,
    /// When it was last changed.
    updated_at: String,
    /// Its version.
    version: u64,
}

impl From<&Stored<AwsIntegration>> for AwsView {
    fn from(stored: &Stored<AwsIntegration>) -> Self {
        let aws = &stored.value;
        Self {
            url: aws.url.as_ref().map(ToString::to_string).unwrap_or_default(),
            token_entered: aws.is_entered(),
            token_expires_at: aws.token_expires_at.map(|at| at.to_string()),
            updated_at: aws.updated_at.to_string(),
            version: stored.version,
        }
    }
}

/// Look at the AWS integration
#[utoipa::path(
    get, path = "/v1/admin/integrations/aws", tag = "Admin",
    responses((status = 200, body = AwsView), (status = 404, body = Problem))
)]
pub(crate) async fn get_aws(State(state): State<AdminApi>, caller: Authenticated) -> Result<Json<AwsView>, Failure> {
    let stored = aws::get(&state.api.core, &caller.who)
        .await
        .map_err(|error| caller.fail(&error))?;
    // One that was removed leaves its version and nothing else.
    let present = stored.filter(|stored| stored.value.url.is_some());
    let what = "AWS integration";
    let present = present.ok_or_else(|| caller.fail(&Refusal::NotFound { what }.into()))?;
    Ok(Json(AwsView::from(&present)))
}

/// Set up the AWS integration, or replace its access token
///
/// A fresh token for the url that is set up takes effect at once. Another url takes two admins: the proposal keeps no token,
/// so that the call is repeated once the change is applied; the token that was stored is deleted then. This version tests
/// the integration (probe `test_aws`) and writes no memberships to AWS yet.
#[utoipa::path(
    put, path = "/v1/admin/integrations/aws", tag = "Admin", request_body = AwsBody,
    responses((status = 200, body = AwsView), (status = 202, body = WaitingView), (status = 409, body = Problem), (status = 422, body = Problem))
)]
pub(crate) async fn put_aws(
    State(state): State<AdminApi>,
    caller: Authenticated,
    body: Body<AwsBody>,
) -> Result<Response, Failure> {
    let body = body.value;
    let ends = body
        .token_expires_at
        .as_deref()
        .map(str::parse::<Timestamp>)
        .transpose();
    let input = AwsInput {
        url: body.url,
        access_token: body.access_token,
        token_expires_at: ends
            .map_err(|_| caller.fail(&Refusal::invalid("token_expires_at", Rule::Shape(Shape::Instant)).into()))?,
        version: body.version,
    };
    let outcome = aws::put(&state.api.core, &caller.who, &*state.secrets, input)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(sent(&answer_of(&state.api, &outcome)))
}

/// Remove the AWS integration and its access token
///
/// As another url, this takes two admins.
#[utoipa::path(
    delete, path = "/v1/admin/integrations/aws", tag = "Admin",
    responses((status = 202, body = WaitingView), (status = 204), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn delete_aws(
    State(state): State<AdminApi>,
    caller: Authenticated,
    _: NoBody,
) -> Result<Response, Failure> {
    let outcome = aws::remove(&state.api.core, &caller.who, &*state.secrets, None)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(sent(&answer_of(&state.api, &outcome)))
}
