//! `/v1/admin/applications`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use hourglass_app::admin::applications::{self, NewApplication};
use hourglass_app::admin::changes::{Command, Wish};
use hourglass_app::admin::require_admin_of;
use hourglass_domain::Refusal;
use hourglass_domain::application::{Application, ScimTokenInfo};
use hourglass_domain::ids::{ApplicationId, TokenId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::target::Cloud;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Body, Failure, Id, ListView, NoBody, SignedIn};
use hourglass_web::problem::Problem;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::{WaitingView, submit};

/// An application to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationBody {
    /// Its domain name, such as `contoso.example`.
    id: String,
    /// A name for people.
    name: String,
    /// The Entra tenant (a GUID).
    tenant: String,
    /// `global`, `us_gov`, `us_gov_dod` or `china`; `global` where it is left out.
    #[serde(default)]
    cloud: Option<String>,
}

/// A SCIM secret, without the secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScimTokenView {
    /// Its id.
    id: String,
    /// When it was made.
    created_at: String,
}

impl From<&ScimTokenInfo> for ScimTokenView {
    fn from(info: &ScimTokenInfo) -> Self {
        Self {
            id: info.id.to_string(),
            created_at: info.created_at.to_string(),
        }
    }
}

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApplicationView {
    /// Its domain name.
    id: String,
    /// Its name.
    name: String,
    /// Its Entra tenant.
    tenant: String,
    /// The cloud the tenant lives in.
    cloud: String,
    /// The *Tenant URL* for Entra's provisioning.
    scim_url: String,
    /// The SCIM secrets that are valid.
    scim_tokens: Vec<ScimTokenView>,
    /// When it was registered.
    created_at: String,
}

fn view(api: &Api, application: &Application) -> ApplicationView {
    ApplicationView {
        id: application.id.to_string(),
        name: application.name.clone(),
        tenant: application.tenant.to_string(),
        cloud: application.cloud.name().to_owned(),
        scim_url: format!("{}/scim/v2", api.core.settings.public_url),
        scim_tokens: application.scim_tokens.iter().map(ScimTokenView::from).collect(),
        created_at: application.created_at.to_string(),
    }
}

/// A fresh SCIM secret: shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FreshTokenView {
    /// Its id.
    id: String,
    /// The *Secret token* for Entra's provisioning. It cannot be shown again.
    secret: String,
}

/// A registered application with its first SCIM secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisteredView {
    /// The application.
    application: ApplicationView,
    /// Its first SCIM secret.
    scim_token: FreshTokenView,
}

impl FreshTokenView {
    pub(crate) fn new(id: TokenId, secret: &SecretString) -> Self {
        Self {
            id: id.to_string(),
            secret: secret.expose_secret().to_owned(),
        }
    }
}

/// Register an application
///
/// For admins of that tenant or of the operator's. The template `GROUP_ACCESS_APPROVAL` is made with it.
#[utoipa::path(
    post, path = "/v1/admin/applications", tag = "Admin", request_body = ApplicationBody,
    responses((status = 201, body = RegisteredView), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem))
)]
pub(crate) async fn register(
    State(api): State<Api>,
    caller: SignedIn,
    body: Body<ApplicationBody>,
) -> Result<(StatusCode, Json<RegisteredView>), Failure> {
    // Who may not register learns nothing about how it is done.
    applications::require_any_admin(&caller.caller).map_err(|refusal| caller.fail(&refusal.into()))?;
    let refuse = |field, rule| caller.fail(&Refusal::invalid(field, rule).into());
    let body = body.value;
    let cloud = match body.cloud.as_deref() {
        None => Cloud::Global,
        Some(name) => {
            Cloud::from_name(name).ok_or_else(|| refuse("cloud", Rule::one_of(Cloud::ALL.map(Cloud::name))))?
        }
    };
    let new = NewApplication {
        id: body.id.parse().map_err(|_| refuse("id", Rule::Shape(Shape::Domain)))?,
        name: body.name,
        tenant: body
            .tenant
            .parse()
            .map_err(|_| refuse("tenant", Rule::Shape(Shape::Tenant)))?,
        cloud,
    };
    let (application, secret) = applications::register(&api.core, &caller.caller, new)
        .await
        .map_err(|error| caller.fail(&error))?;
    let id = application.scim_tokens.first().map(|info| info.id);
    let token = id
        .map(|id| FreshTokenView::new(id, &secret))
        .ok_or_else(Problem::internal)?;
    Ok((
        StatusCode::CREATED,
        Json(RegisteredView {
            application: view(&api, &application),
            scim_token: token,
        }),
    ))
}

/// Your applications
#[utoipa::path(
    get, path = "/v1/admin/applications", tag = "Admin",
    responses((status = 200, body = ListView<ApplicationView>), (status = 403, body = Problem))
)]
pub(crate) async fn list(State(api): State<Api>, caller: SignedIn) -> Result<Json<ListView<ApplicationView>>, Failure> {
    let own = applications::own(&api.core, &caller.caller)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(Json(ListView::new(
        own.iter().map(|application| view(&api, &application.value)).collect(),
        None,
    )))
}

/// Make a further SCIM secret
///
/// Two may be valid at once, so that one can be replaced without a gap. Where it takes two admins, the secret is made, and
/// answered, when the change is applied.
#[utoipa::path(
    post, path = "/v1/admin/applications/{id}/scim-tokens", tag = "Admin", params(("id" = String, Path)),
    responses((status = 201, body = FreshTokenView), (status = 202, body = WaitingView),
        (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub(crate) async fn add_scim_token(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<ApplicationId>,
    _: NoBody,
) -> Result<Response, Failure> {
    require_admin_of(&caller.who, &id.0).map_err(|refusal| caller.fail(&refusal.into()))?;
    submit(&api, &caller, &Wish::new(Command::ScimSecret)).await
}

/// Delete a SCIM secret
#[utoipa::path(
    delete, path = "/v1/admin/applications/{id}/scim-tokens/{token}", tag = "Admin",
    params(("id" = String, Path), ("token" = String, Path)),
    responses((status = 204), (status = 404, body = Problem))
)]
pub(crate) async fn delete_scim_token(
    State(api): State<Api>,
    caller: Authenticated,
    path: axum::extract::Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let (Ok(id), Ok(token)) = (path.0.0.parse::<ApplicationId>(), path.0.1.parse::<TokenId>()) else {
        return Err(Problem::not_found().into());
    };
    applications::delete_scim_token(&api.core, &caller.who, &id, token)
        .await
        .map_err(|error| caller.fail(&error))?;
    Ok(StatusCode::NO_CONTENT)
}
