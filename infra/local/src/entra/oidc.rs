//! The OpenID provider: discovery, keys, the token endpoint of applications, and tokens for whoever asks.
//!
//! | call below `{oidc}` | answer |
//! |---|---|
//! | `GET /{tenant}/v2.0/.well-known/openid-configuration` | discovery, issuer `{oidc}/{tenant}/v2.0` |
//! | `GET /{tenant}/.well-known/openid-configuration` | discovery of version 1, issuer `{oidc}/{tenant}/` (Entra's is `https://sts.windows.net/{tenant}/`) |
//! | `GET /{tenant}/discovery/v2.0/keys`, `/{tenant}/discovery/keys` | JSON web key set |
//! | `GET /{tenant}/oauth2/v2.0/authorize`, `/logout` | signs people in and out with a browser; see [`super::sign_in`] |
//! | `POST /{tenant}/oauth2/v2.0/token` | app-only access token for the client-credentials grant; ID token for a code |
//! | `POST /dev-token` | an access token for any user; see [`TokenOrder`] |
//!
//! The provider knows two tenants: the company's, and `Registrations::foreign_tenant_id`, which has the same keys and
//! the same people and exists to see its tokens refused. Keys carry no certificates (`x5c`), because nothing may trust
//! them.

use std::collections::BTreeMap;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use uuid::Uuid;

use super::Entra;
use super::faults::{Ending, Probe};
use super::keys::Alg;
use super::objects::User;
use super::sign_in;
use super::tenant::{API_SCOPES, AppRegistration, TenantError};
use crate::sim;

/// Lifetime of a user's access token, in seconds: the middle of Entra's random 60 to 90 minutes.
const USER_TOKEN_SECONDS: i64 = 75 * 60;
/// Lifetime of an application's access token, in seconds.
const APP_TOKEN_SECONDS: i64 = 3_599;
/// Largest age, lifetime or offset that a token can be ordered with, in seconds (ten years).
const MAX_SECONDS: i64 = 10 * 366 * 86_400;

/// Authentication methods that a token can tell of, as Entra spells them in `amr`.
const FACTORS: &[&str] = &[
    "pwd", "mfa", "fido", "hwk", "otp", "rsa", "swk", "wia", "ngcmfa", "wiaormfa", "face", "fpt", "pin", "sms",
];

pub(super) fn router() -> Router<Entra> {
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery_v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery_v1))
        .route("/{tenant}/discovery/v2.0/keys", get(keys_v2))
        .route("/{tenant}/discovery/keys", get(keys_v1))
        .route("/{tenant}/oauth2/v2.0/authorize", get(sign_in::authorize))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/{tenant}/oauth2/v2.0/logout", get(sign_in::logout))
        .route("/dev-token", post(dev_token))
}

/// An OAuth error in Entra's shape.
#[derive(Debug)]
pub(super) struct OauthError {
    status: StatusCode,
    error: &'static str,
    code: Option<u32>,
    description: String,
    /// `Retry-After`, in seconds.
    retry_after_seconds: Option<u32>,
}

impl OauthError {
    pub(super) fn new(status: u16, error: &'static str, code: u32, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            error,
            code: Some(code),
            description: description.into(),
            retry_after_seconds: None,
        }
    }

    /// A refusal of `/dev-token`, which Entra does not have and which therefore has no code.
    fn plain(status: StatusCode, description: impl Into<String>) -> Self {
        Self {
            status,
            error: "invalid_request",
            code: None,
            description: description.into(),
            retry_after_seconds: None,
        }
    }

    pub(super) fn fault(status: u16, retry_after_seconds: Option<u32>) -> Self {
        let mut error = Self::new(
            status,
            "temporarily_unavailable",
            90_033,
            "A transient error has occurred. Please try again.",
        );
        error.retry_after_seconds = retry_after_seconds;
        error
    }

    fn unknown_tenant(tenant: &str) -> Self {
        Self::new(400, "invalid_tenant", 90_002, format!("Tenant '{tenant}' not found."))
    }
}

impl From<TenantError> for OauthError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::NotFound { .. } => Self::plain(StatusCode::NOT_FOUND, error.to_string()),
            TenantError::Taken(_) | TenantError::Invalid(_) => Self::plain(StatusCode::BAD_REQUEST, error.to_string()),
            other => {
                tracing::error!(error = ?other, "the simulated tenant failed");
                Self::fault(500, None)
            }
        }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let trace = sim::random_id().unwrap_or_default();
        let mut body = json!({ "error": self.error });
        if let Some(body) = body.as_object_mut() {
            let description = match self.code {
                Some(code) => format!("AADSTS{code}: {} Trace ID: {trace}", self.description),
                None => self.description,
            };
            body.insert("error_description".to_owned(), json!(description));
            if let Some(code) = self.code {
                body.insert("error_codes".to_owned(), json!([code]));
                body.insert("trace_id".to_owned(), json!(trace));
                body.insert("correlation_id".to_owned(), json!(trace));
            }
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

pub(super) type Answer = Result<Response, OauthError>;

async fn discovery_v2(State(entra): State<Entra>, Path(tenant): Path<String>, uri: Uri) -> Answer {
    entra.sign_in_faults(&Method::GET, &uri, b"").await?;
    let tenant = entra.known_tenant(&tenant)?;
    let base = format!("{}/{tenant}", entra.options().oidc_url);
    Ok(Json(discovery(
        &base,
        &format!("{base}/v2.0"),
        &format!("{base}/discovery/v2.0/keys"),
    ))
    .into_response())
}

async fn discovery_v1(State(entra): State<Entra>, Path(tenant): Path<String>, uri: Uri) -> Answer {
    entra.sign_in_faults(&Method::GET, &uri, b"").await?;
    let tenant = entra.known_tenant(&tenant)?;
    let base = format!("{}/{tenant}", entra.options().oidc_url);
    Ok(Json(discovery(&base, &format!("{base}/"), &format!("{base}/discovery/keys"))).into_response())
}

/// What the provider really offers.
fn discovery(base: &str, issuer: &str, jwks_uri: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "scopes_supported": ["openid", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "request_uri_parameter_supported": false,
        "tenant_region_scope": null,
    })
}

async fn keys_v2(State(entra): State<Entra>, Path(tenant): Path<String>, uri: Uri) -> Answer {
    entra.sign_in_faults(&Method::GET, &uri, b"").await?;
    let tenant = entra.known_tenant(&tenant)?;
    let issuer = format!("{}/{tenant}/v2.0", entra.options().oidc_url);
    Ok(Json(entra.jwks(Some(&issuer))?).into_response())
}

async fn keys_v1(State(entra): State<Entra>, Path(tenant): Path<String>, uri: Uri) -> Answer {
    entra.sign_in_faults(&Method::GET, &uri, b"").await?;
    entra.known_tenant(&tenant)?;
    Ok(Json(entra.jwks(None)?).into_response())
}

async fn token(
    State(entra): State<Entra>,
    Path(tenant): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    entra.sign_in_faults(&Method::POST, &uri, &body).await?;
    let tenant = entra.known_tenant(&tenant)?;
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let (client_id, secret) = client_credentials(&form, &headers)?;
    let need = |name: &str| form.get(name).ok_or_else(|| missing(name));
    let for_code = match need("grant_type")?.as_str() {
        "client_credentials" => false,
        "authorization_code" => true,
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(OauthError::new(400, "unsupported_grant_type", 70_003, text));
        }
    };
    let unknown_app = || {
        let text = format!("Application with identifier '{client_id}' was not found in the directory '{tenant}'.");
        OauthError::new(400, "unauthorized_client", 700_016, text)
    };
    let id: Uuid = client_id.parse().map_err(|_| unknown_app())?;
    // The sign-in registration is one of several tenants; the connector is the company's own.
    if tenant != entra.tenant().id() && !for_code {
        return Err(unknown_app());
    }
    let app = entra.tenant().app(id)?.ok_or_else(unknown_app)?;
    let expected = app.client_secret.expose_secret().as_bytes();
    if aws_lc_rs::constant_time::verify_slices_are_equal(secret.as_bytes(), expected).is_err() {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{client_id}'."
        );
        return Err(OauthError::new(401, "invalid_client", 7_000_215, text));
    }
    if for_code {
        return sign_in::redeem(&entra, tenant, &client_id, &form);
    }
    let scope = need("scope")?.clone();
    let token = entra.app_token(&app, &scope)?;
    let body = json!({
        "token_type": "Bearer",
        "expires_in": APP_TOKEN_SECONDS,
        "ext_expires_in": APP_TOKEN_SECONDS,
        "access_token": token,
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

pub(super) fn missing(name: &str) -> OauthError {
    let text = format!("The request body must contain the following parameter: '{name}'.");
    OauthError::new(400, "invalid_request", 900_144, text)
}

/// Client id and secret from the form or, as RFC 6749 section 2.3.1 also allows, from Basic authentication.
fn client_credentials(form: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<(String, String), OauthError> {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|value| String::from_utf8(STANDARD.decode(value).ok()?).ok())
        .and_then(|pair| {
            pair.split_once(':')
                .map(|(id, secret)| (form_decoded(id), form_decoded(secret)))
        });
    if let Some(pair) = basic {
        return Ok(pair);
    }
    let id = form.get("client_id").ok_or_else(|| missing("client_id"))?;
    let Some(secret) = form.get("client_secret") else {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(OauthError::new(401, "invalid_client", 7_000_218, text));
    };
    Ok((id.clone(), secret.clone()))
}

fn form_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

async fn dev_token(State(entra): State<Entra>, body: Bytes) -> Answer {
    let order = TokenOrder::from_json(&body)?;
    let mut answer = json!({ "access_token": entra.user_token(&order)? });
    if let (true, Some(answer)) = (order.id_token, answer.as_object_mut()) {
        answer.insert("id_token".to_owned(), json!(entra.id_token(&order)?));
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Which token somebody wants; the body of `POST {oidc}/dev-token`.
///
/// Only `user` is needed. `factors`, `auth_age_seconds` and `version` describe the sign-in; the rest exists to make tokens
/// that must be refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenOrder {
    /// Sign-in name.
    pub user: String,
    /// Authentication methods; `mfa` becomes the authentication context in version 2 and part of `amr` in version 1.
    pub factors: Vec<String>,
    /// How long ago the user signed in, in seconds.
    pub auth_age_seconds: i64,
    /// Token version, 1 or 2.
    pub version: u8,
    /// The client that asks; the company's request form by default.
    pub client_id: Option<String>,
    /// The token's audience; the API's client id by default.
    pub audience: Option<String>,
    /// Delegated scopes; all of the API's by default.
    pub scopes: Option<Vec<String>>,
    /// Lifetime from now, in seconds; negative for a token that has expired.
    pub expires_in_seconds: Option<i64>,
    /// When the token becomes valid, in seconds from now.
    pub not_before_offset_seconds: i64,
    /// An application's token instead of a user's: no user claims, no scopes, `idtyp` `app`.
    pub app_only: bool,
    /// Answer an ID token as well, as `id_token`.
    pub id_token: bool,
    /// Key id to claim in the header.
    pub kid: Option<String>,
    /// How to sign.
    pub alg: Alg,
    /// Tenant that issues it; the company's by default.
    pub tenant: Option<Uuid>,
    /// Claims to set at the end; `null` removes one.
    pub claims: Map<String, Value>,
}

impl Default for TokenOrder {
    fn default() -> Self {
        Self {
            user: String::new(),
            factors: vec!["pwd".to_owned(), "mfa".to_owned()],
            auth_age_seconds: 0,
            version: 2,
            client_id: None,
            audience: None,
            scopes: None,
            expires_in_seconds: None,
            not_before_offset_seconds: 0,
            app_only: false,
            id_token: false,
            kid: None,
            alg: Alg::Rs256,
            tenant: None,
            claims: Map::new(),
        }
    }
}

impl TokenOrder {
    /// An ordinary token of version 2 with a fresh second factor.
    #[must_use]
    pub fn of(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn from_json(body: &[u8]) -> Result<Self, OauthError> {
        let refuse = |text: String| OauthError::plain(StatusCode::BAD_REQUEST, text);
        let fields: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| refuse(format!("the body must be a JSON object: {error}")))?;
        let mut unknown: Vec<&str> = fields
            .keys()
            .map(String::as_str)
            .filter(|name| !FIELDS.contains(name))
            .collect();
        unknown.sort_unstable();
        if !unknown.is_empty() {
            return Err(refuse(format!(
                "unknown fields: {}; known are {}",
                unknown.join(", "),
                FIELDS.join(", ")
            )));
        }
        let order: Self = serde_json::from_value(Value::Object(fields)).map_err(|error| refuse(error.to_string()))?;
        order.check().map_err(refuse)?;
        Ok(order)
    }

    fn check(&self) -> Result<(), String> {
        if self.user.is_empty() && !self.app_only {
            return Err("user is missing: the sign-in name of somebody in the tenant".to_owned());
        }
        if !matches!(self.version, 1 | 2) {
            return Err("version must be 1 or 2".to_owned());
        }
        if let Some(unknown) = self.factors.iter().find(|factor| !FACTORS.contains(&factor.as_str())) {
            return Err(format!(
                "factors: unknown '{unknown}'; known are {}",
                FACTORS.join(", ")
            ));
        }
        let spans = [
            ("auth_age_seconds", self.auth_age_seconds),
            ("expires_in_seconds", self.expires_in_seconds.unwrap_or_default()),
            ("not_before_offset_seconds", self.not_before_offset_seconds),
        ];
        match spans
            .iter()
            .find(|(_, value)| !(-MAX_SECONDS..=MAX_SECONDS).contains(value))
        {
            Some((name, _)) => Err(format!("{name} must be within {MAX_SECONDS} seconds")),
            None => Ok(()),
        }
    }

    fn has_second_factor(&self) -> bool {
        self.factors.iter().any(|factor| factor == "mfa")
    }
}

const FIELDS: &[&str] = &[
    "user",
    "factors",
    "auth_age_seconds",
    "version",
    "client_id",
    "audience",
    "scopes",
    "expires_in_seconds",
    "not_before_offset_seconds",
    "app_only",
    "id_token",
    "kid",
    "alg",
    "tenant",
    "claims",
];

/// Claims under construction.
struct Claims(Map<String, Value>);

impl Claims {
    fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The claims that Entra fills with values only it understands.
    fn opaque(&mut self) -> Result<&mut Self, TenantError> {
        let noise = sim::random_bytes::<32>()?;
        let unique = sim::random_bytes::<16>()?;
        Ok(self
            .set("aio", STANDARD.encode(noise))
            .set(
                "rh",
                format!(
                    "1.A{}.",
                    URL_SAFE_NO_PAD.encode(noise.first_chunk::<16>().unwrap_or(&unique))
                ),
            )
            .set("uti", URL_SAFE_NO_PAD.encode(unique)))
    }

    fn times(&mut self, issued: i64, not_before: i64, expires: i64) -> &mut Self {
        self.set("iat", issued).set("nbf", not_before).set("exp", expires)
    }
}

/// The subject that one application sees for a user, and no other application does.
fn pairwise(object: Uuid, application: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{object}/{application}").as_bytes()))
}

impl Entra {
    /// A signed access token, shaped as Entra shapes it for this version.
    ///
    /// # Errors
    /// [`TenantError::NotFound`] for an unknown user, [`TenantError::Invalid`] for an order that makes no sense or a user
    /// who may not sign in.
    pub fn user_token(&self, order: &TokenOrder) -> Result<String, TenantError> {
        order.check().map_err(TenantError::Invalid)?;
        let tenant = self.order_tenant(order)?;
        let registrations = self.tenant().registrations();
        let audience = order
            .audience
            .clone()
            .unwrap_or_else(|| registrations.api_client_id.to_string());
        let client = order
            .client_id
            .clone()
            .unwrap_or_else(|| registrations.form_client_id.to_string());
        let (issued, not_before, expires) = self.times(order, USER_TOKEN_SECONDS);
        let mut claims = Claims(Map::new());
        let base = format!("{}/{tenant}", self.options().oidc_url);
        let issuer = if order.version == 1 {
            format!("{base}/")
        } else {
            format!("{base}/v2.0")
        };
        claims
            .set("aud", audience.clone())
            .set("iss", issuer)
            .times(issued, not_before, expires);
        claims.opaque()?.set("tid", tenant.to_string());
        claims.set("ver", if order.version == 1 { "1.0" } else { "2.0" });
        let (client_name, credential_name) = if order.version == 1 {
            ("appid", "appidacr")
        } else {
            ("azp", "azpacr")
        };
        claims
            .set(client_name, client.clone())
            .set(credential_name, if order.app_only { "1" } else { "0" });
        if order.app_only {
            let principal = sim::stable_id(&format!("principal/{client}")).to_string();
            claims
                .set("idtyp", "app")
                .set("oid", principal.clone())
                .set("sub", principal);
        } else {
            let user = self.signing_in(&order.user)?;
            self.user_claims(&mut claims, order, &user, &audience, issued);
        }
        apply(&mut claims.0, &order.claims);
        self.tenant()
            .keys()?
            .sign(&claims.0, order.alg, order.kid.as_deref(), order.version == 1)
    }

    fn user_claims(&self, claims: &mut Claims, order: &TokenOrder, user: &User, audience: &str, now: i64) {
        let scopes = order
            .scopes
            .clone()
            .unwrap_or_else(|| API_SCOPES.iter().map(ToString::to_string).collect());
        claims
            .set("name", user.display_name.clone())
            .set("oid", user.id.to_string())
            .set("roles", user.app_roles.iter().cloned().collect::<Vec<_>>())
            .set("scp", scopes.join(" "))
            .set("sub", pairwise(user.id, audience))
            .set("auth_time", now - order.auth_age_seconds);
        if order.version == 1 {
            claims
                .set("acr", "1")
                .set("amr", order.factors.clone())
                .set("ipaddr", "127.0.0.1")
                .set("unique_name", user.user_principal_name.clone())
                .set("upn", user.user_principal_name.clone());
            if let (Some(given), Some(family)) = (&user.given_name, &user.surname) {
                claims
                    .set("given_name", given.clone())
                    .set("family_name", family.clone());
            }
        } else {
            claims.set("preferred_username", user.user_principal_name.clone());
            if order.has_second_factor() {
                claims.set("acrs", vec![self.options().auth_context.clone()]);
            }
        }
    }

    /// A signed ID token for the client of the order; an API has to refuse it.
    ///
    /// # Errors
    /// As [`Entra::user_token`].
    pub fn id_token(&self, order: &TokenOrder) -> Result<String, TenantError> {
        order.check().map_err(TenantError::Invalid)?;
        let tenant = self.order_tenant(order)?;
        let user = self.signing_in(&order.user)?;
        let form = self.tenant().registrations().form_client_id;
        let client = order.client_id.clone().unwrap_or_else(|| form.to_string());
        let (issued, not_before, expires) = self.times(order, USER_TOKEN_SECONDS);
        let mut claims = Claims(Map::new());
        claims
            .set("aud", client.clone())
            .set("iss", format!("{}/{tenant}/v2.0", self.options().oidc_url))
            .times(issued, not_before, expires)
            .opaque()?
            .set("tid", tenant.to_string())
            .set("ver", "2.0")
            .set("name", user.display_name.clone())
            .set("oid", user.id.to_string())
            .set("preferred_username", user.user_principal_name.clone())
            .set("roles", user.app_roles.iter().cloned().collect::<Vec<_>>())
            .set("sub", pairwise(user.id, &client));
        apply(&mut claims.0, &order.claims);
        self.tenant()
            .keys()?
            .sign(&claims.0, order.alg, order.kid.as_deref(), false)
    }

    pub(super) fn signing_in(&self, name: &str) -> Result<User, TenantError> {
        let user = self
            .tenant()
            .user_by_name(name)?
            .ok_or_else(|| TenantError::not_found("user", name))?;
        if user.account_enabled {
            Ok(user)
        } else {
            Err(TenantError::Invalid(format!(
                "the account {name} is disabled (AADSTS50057)"
            )))
        }
    }

    /// When a token is issued, becomes valid and expires. A token that has expired was issued a lifetime earlier.
    fn times(&self, order: &TokenOrder, lifetime: i64) -> (i64, i64, i64) {
        let now = self.tenant().now().as_second();
        let expires = now + order.expires_in_seconds.unwrap_or(lifetime);
        let issued = if expires <= now { expires - lifetime } else { now };
        (issued, issued + order.not_before_offset_seconds, expires)
    }

    /// An app-only access token for the resource in `scope`.
    fn app_token(&self, app: &AppRegistration, scope: &str) -> Result<String, OauthError> {
        let Some(resource) = scope.strip_suffix("/.default") else {
            let text = format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a \
                                scope value with /.default suffixed to the resource identifier (application ID URI)."
            );
            return Err(OauthError::new(400, "invalid_scope", 1_002_012, text));
        };
        let api = self.tenant().registrations().api_client_id.to_string();
        let for_graph = self.is_graph(resource);
        if !for_graph && resource.trim_start_matches("api://") != api {
            let text = format!("The resource principal named {resource} was not found in the tenant.");
            return Err(OauthError::new(400, "invalid_resource", 500_011, text));
        }
        let now = self.tenant().now().as_second();
        let tenant = self.tenant().id();
        let mut claims = Claims(Map::new());
        claims
            .times(now, now, now + APP_TOKEN_SECONDS)
            .opaque()?
            .set("idtyp", "app")
            .set("oid", app.principal_id.to_string())
            .set("sub", app.principal_id.to_string())
            .set("tid", tenant.to_string());
        if for_graph {
            // Graph takes tokens of version 1.
            claims
                .set("aud", resource.to_owned())
                .set("iss", format!("{}/{tenant}/", self.options().oidc_url))
                .set("appid", app.client_id.to_string())
                .set("appidacr", "1")
                .set("app_displayname", app.name.clone())
                .set("roles", app.permissions.clone())
                .set("ver", "1.0");
        } else {
            // Issued although nobody gave the application a role in the API, as Entra does unless assignment is required.
            claims
                .set("aud", api)
                .set("iss", format!("{}/{tenant}/v2.0", self.options().oidc_url))
                .set("azp", app.client_id.to_string())
                .set("azpacr", "1")
                .set("ver", "2.0");
        }
        Ok(self.tenant().keys()?.sign(&claims.0, Alg::Rs256, None, for_graph)?)
    }

    fn jwks(&self, issuer: Option<&str>) -> Result<Value, TenantError> {
        let keys = self.tenant().keys()?;
        let keys: Vec<Value> = keys
            .all()
            .map(|key| {
                let mut jwk = key.jwk();
                if let Some(issuer) = issuer {
                    jwk.insert("issuer".to_owned(), json!(issuer));
                }
                Value::Object(jwk)
            })
            .collect();
        Ok(json!({ "keys": keys }))
    }

    pub(super) fn known_tenant(&self, tenant: &str) -> Result<Uuid, OauthError> {
        let registrations = self.tenant().registrations();
        match tenant.parse::<Uuid>() {
            Ok(id) if id == registrations.tenant_id || id == registrations.foreign_tenant_id => Ok(id),
            _ => Err(OauthError::unknown_tenant(tenant)),
        }
    }

    fn order_tenant(&self, order: &TokenOrder) -> Result<Uuid, TenantError> {
        let registrations = self.tenant().registrations();
        match order.tenant {
            None => Ok(registrations.tenant_id),
            Some(id) if id == registrations.tenant_id || id == registrations.foreign_tenant_id => Ok(id),
            Some(id) => Err(TenantError::Invalid(format!("tenant {id} is not served here"))),
        }
    }

    /// Does what the fault orders say about a call on the provider. A lost answer and a lost request are the same here:
    /// nothing changes.
    pub(super) async fn sign_in_faults(&self, method: &Method, uri: &Uri, body: &[u8]) -> Result<(), OauthError> {
        let probe = Probe {
            method: method.as_str(),
            path: uri.path(),
            body,
            reads: method == Method::GET,
            sign_in: true,
        };
        let plan = self.tenant().plan_faults(&probe)?;
        let _held = (!plan.held_by.is_empty()).then(|| self.holds_one());
        self.tenant().wait_as_ordered(&plan).await;
        match plan.ending {
            None => Ok(()),
            Some(Ending::Status {
                status,
                retry_after_seconds,
                ..
            }) => Err(OauthError::fault(status, retry_after_seconds)),
            Some(Ending::Drop | Ending::ApplyThenDrop) => Err(OauthError::fault(504, None)),
            Some(Ending::DenyReads) => Err(OauthError::fault(403, None)),
        }
    }
}

fn apply(claims: &mut Map<String, Value>, overrides: &Map<String, Value>) {
    for (name, value) in overrides {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}
