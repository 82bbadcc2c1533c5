//! Signing people in with a browser: the authorization endpoint, and the code that it gives.
//!
//! | call below `{oidc}/{tenant}/oauth2/v2.0` | answer |
//! |---|---|
//! | `GET authorize` | an account chooser; with `login_hint`, a person of that name is signed in at once, as if they had typed their password; with an earlier sign-in of the browser and no need for a new one, that person |
//! | `POST token`, `grant_type=authorization_code` | ID token (version 2) and an access token for Graph |
//! | `GET logout` | the browser is forgotten |
//!
//! Codes are good for ten minutes, once, for the client and the redirect address they were made for, and for who knows the
//! verifier (RFC 7636, S256 only). `prompt`, `max_age` and `claims` are honoured as Entra honours them: `acrs` is in the
//! token when it was asked for and the person used a second factor, `auth_time` always (the registration has the optional
//! claim). Sign-ins and codes are kept in memory: a restart forgets them, and people sign in again.
//!
//! A test says with `_order` (the JSON of a [`TokenOrder`]) how the person signs in, or what is to be wrong with the token.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::Entra;
use super::objects::User;
use super::oidc::{Answer, OauthError, TokenOrder, missing};
use crate::sim;

/// Lifetime of a code, in seconds.
const CODE_SECONDS: i64 = 600;
/// Most codes and sign-ins in memory: beyond it the oldest are forgotten with all others.
const MOST_KEPT: usize = 10_000;
/// The cookie that names a browser's sign-in, as Entra calls its own.
const COOKIE: &str = "ESTSAUTH";
/// Microsoft Graph, the resource of an access token for which no other was asked.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// What is remembered of browsers and codes.
#[derive(Debug, Default)]
pub(super) struct SignIns {
    browsers: Mutex<HashMap<String, Browser>>,
    codes: Mutex<HashMap<String, Code>>,
    redirects: Mutex<Vec<String>>,
}

/// Who is signed in with a browser, and since when.
#[derive(Debug, Clone)]
struct Browser {
    user: String,
    at: i64,
    factors: Vec<String>,
}

/// A code that waits to be redeemed, or that was.
#[derive(Debug, Clone)]
struct Code {
    tenant: Uuid,
    client: String,
    redirect: String,
    challenge: String,
    order: TokenOrder,
    scope: String,
    made_at: i64,
    used: bool,
}

impl SignIns {
    /// Registers an address to which people may be sent back.
    pub(super) fn allow_redirect(&self, address: &str) {
        let mut all = self.redirects.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(address.to_owned());
    }

    fn allows(&self, address: &str) -> bool {
        let all = self.redirects.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|known| known == address)
    }

    fn browser(&self, headers: &HeaderMap) -> Option<Browser> {
        let id = cookie(headers)?;
        let all = self.browsers.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).cloned()
    }

    fn remember(&self, browser: Browser) -> Result<String, sim::RandomError> {
        let id = sim::random_secret()?;
        let mut all = self.browsers.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT {
            all.clear();
        }
        all.insert(id.clone(), browser);
        Ok(id)
    }

    fn forget(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            let mut all = self.browsers.lock().unwrap_or_else(PoisonError::into_inner);
            all.remove(&id);
        }
    }

    fn keep(&self, code: Code) -> Result<String, sim::RandomError> {
        let text = format!("1.A{}", sim::random_secret()?);
        let mut all = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KEPT {
            all.clear();
        }
        all.insert(text.clone(), code);
        Ok(text)
    }

    /// The code as it was before, which is used from now on.
    fn take(&self, text: &str) -> Option<Code> {
        let mut all = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let code = all.get_mut(text)?;
        let before = code.clone();
        code.used = true;
        Some(before)
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// A request for a sign-in whose client and redirect address are good: from here on, errors go to the client.
struct Asked {
    tenant: Uuid,
    client: String,
    redirect: Url,
    parameters: BTreeMap<String, String>,
}

impl Asked {
    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn prompts(&self, wanted: &str) -> bool {
        self.get("prompt")
            .is_some_and(|all| all.split(' ').any(|one| one == wanted))
    }

    /// Back to the client.
    fn back(&self, fields: &[(&str, &str)]) -> Response {
        let mut url = self.redirect.clone();
        url.query_pairs_mut().extend_pairs(fields);
        if let Some(state) = self.get("state") {
            url.query_pairs_mut().append_pair("state", state);
        }
        found(url.as_str())
    }

    fn refuse(&self, error: &str, code: u32, text: &str) -> Response {
        let description = format!("AADSTS{code}: {text}");
        self.back(&[("error", error), ("error_description", &description)])
    }

    /// What the client asks for beyond the protocol's own parameters.
    fn claims(&self) -> Value {
        self.get("claims")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

fn found(place: &str) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn authorize(
    State(entra): State<Entra>,
    Path(tenant): Path<String>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    entra.sign_in_faults(&axum::http::Method::GET, &uri, b"").await?;
    let query = query.unwrap_or_default();
    let asked = read(&entra, &tenant, &query)?;
    if let Some(refusal) = check(&asked) {
        return Ok(refusal);
    }
    let now = entra.tenant().now().as_second();
    let max_age = asked.get("max_age").and_then(|age| age.parse::<i64>().ok());
    let known = entra.sign_ins().browser(&headers);
    let known = known.filter(|known| max_age.is_none_or(|oldest| now - known.at <= oldest));
    if let Some(hint) = asked.get("login_hint") {
        let same = known.filter(|known| known.user.eq_ignore_ascii_case(hint) && !asked.prompts("login"));
        let order = ordered(&asked, hint)?;
        return match same.filter(|_| asked.get("_order").is_none()) {
            Some(known) => pass(&entra, &asked, order, known),
            None => enter(&entra, &asked, order, now),
        };
    }
    let again = asked.prompts("login") || asked.prompts("select_account");
    match known.filter(|_| !again) {
        Some(known) => {
            let order = ordered(&asked, &known.user)?;
            pass(&entra, &asked, order, known)
        }
        None if asked.prompts("none") => Ok(asked.refuse(
            "login_required",
            50_058,
            "A silent sign-in request was sent but no user is signed in.",
        )),
        None => chooser(&entra, &asked, &query),
    }
}

/// Client and redirect address first: whoever asks with a wrong one is told on a page of ours and sent nowhere (RFC 6749
/// section 4.1.2.1).
fn read(entra: &Entra, tenant: &str, query: &str) -> Result<Asked, OauthError> {
    let tenant = entra.known_tenant(tenant)?;
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let need = |name: &str| parameters.get(name).cloned().ok_or_else(|| missing(name));
    let client = need("client_id")?;
    if client != entra.tenant().registrations().api_client_id.to_string() {
        let text = format!("Application with identifier '{client}' was not found in the directory '{tenant}'.");
        return Err(OauthError::new(400, "unauthorized_client", 700_016, text));
    }
    let redirect = need("redirect_uri")?;
    let url = Url::parse(&redirect)
        .ok()
        .filter(|_| entra.sign_ins().allows(&redirect));
    let url = url.ok_or_else(|| {
        let text = format!(
            "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for \
             the application '{client}'."
        );
        OauthError::new(400, "invalid_request", 50_011, text)
    })?;
    Ok(Asked {
        tenant,
        client,
        redirect: url,
        parameters,
    })
}

/// Everything else that has to hold of a request.
fn check(asked: &Asked) -> Option<Response> {
    let is = |name: &str, value: &str| asked.get(name) == Some(value);
    if !is("response_type", "code") {
        return Some(asked.refuse("unsupported_response_type", 700_054, "response_type has to be 'code'."));
    }
    if asked.get("response_mode").is_some_and(|mode| mode != "query") {
        return Some(asked.refuse("invalid_request", 70_007, "response_mode has to be 'query' here."));
    }
    if !asked
        .get("scope")
        .is_some_and(|all| all.split(' ').any(|one| one == "openid"))
    {
        return Some(asked.refuse("invalid_request", 900_144, "The scope 'openid' is missing."));
    }
    let challenge = asked
        .get("code_challenge")
        .is_some_and(|challenge| challenge.len() == 43);
    if !challenge || !is("code_challenge_method", "S256") {
        let text = "Proof Key for Code Exchange with S256 is required for this authorization code redemption.";
        return Some(asked.refuse("invalid_request", 9_002_325, text));
    }
    None
}

/// How the person signs in: as ordered, or with password and second factor.
fn ordered(asked: &Asked, user: &str) -> Result<TokenOrder, OauthError> {
    let mut order = match asked.get("_order") {
        Some(text) => TokenOrder::from_json(text.as_bytes())?,
        None => TokenOrder::of(user),
    };
    user.clone_into(&mut order.user);
    Ok(order)
}

/// Lets somebody through who signed in before with this browser.
fn pass(entra: &Entra, asked: &Asked, mut order: TokenOrder, known: Browser) -> Answer {
    order.auth_age_seconds = entra.tenant().now().as_second() - known.at;
    order.factors = known.factors;
    Ok(asked.back(&[("code", &code(entra, asked, order)?)]))
}

/// Signs somebody in.
fn enter(entra: &Entra, asked: &Asked, order: TokenOrder, now: i64) -> Answer {
    if let Err(error) = entra.signing_in(&order.user) {
        return Ok(asked.refuse("access_denied", 50_057, &error.to_string()));
    }
    let browser = Browser {
        user: order.user.clone(),
        at: now - order.auth_age_seconds,
        factors: order.factors.clone(),
    };
    let id = entra
        .sign_ins()
        .remember(browser)
        .map_err(|_| OauthError::fault(500, None))?;
    let mut response = asked.back(&[("code", &code(entra, asked, order)?)]);
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A code for the tokens that the order describes.
fn code(entra: &Entra, asked: &Asked, mut order: TokenOrder) -> Result<String, OauthError> {
    let now = entra.tenant().now().as_second();
    let mut claims = Map::new();
    claims.insert("auth_time".to_owned(), json!(now - order.auth_age_seconds));
    if let Some(nonce) = asked.get("nonce") {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    let wanted = asked.claims();
    let acrs = wanted.pointer("/id_token/acrs/value").and_then(Value::as_str);
    if let Some(acrs) = acrs.filter(|_| order.factors.iter().any(|factor| factor == "mfa")) {
        claims.insert("acrs".to_owned(), json!([acrs]));
    }
    // What a test wants to be wrong comes last.
    claims.append(&mut order.claims);
    order.claims = claims;
    order.client_id.get_or_insert_with(|| asked.client.clone());
    order.tenant.get_or_insert(asked.tenant);
    let text = |name: &str| asked.get(name).unwrap_or_default().to_owned();
    let code = Code {
        tenant: asked.tenant,
        client: asked.client.clone(),
        redirect: text("redirect_uri"),
        challenge: text("code_challenge"),
        scope: text("scope"),
        order,
        made_at: now,
        used: false,
    };
    entra.sign_ins().keep(code).map_err(|_| OauthError::fault(500, None))
}

/// Redeems a code for an authenticated client.
pub(super) fn redeem(entra: &Entra, tenant: Uuid, client: &str, form: &BTreeMap<String, String>) -> Answer {
    let need = |name: &str| form.get(name).ok_or_else(|| missing(name));
    let (text, redirect, verifier) = (need("code")?, need("redirect_uri")?, need("code_verifier")?);
    let invalid = |code: u32, text: &str| OauthError::new(400, "invalid_grant", code, text);
    let unknown = || invalid(70_000, "The provided value for the 'code' parameter is not valid.");
    let code = entra.sign_ins().take(text).ok_or_else(unknown)?;
    if code.used {
        return Err(invalid(54_005, "OAuth2 Authorization code was already redeemed."));
    }
    if entra.tenant().now().as_second() - code.made_at > CODE_SECONDS {
        return Err(invalid(70_008, "The provided authorization code has expired."));
    }
    if code.client != client || code.tenant != tenant {
        return Err(unknown());
    }
    if code.redirect != *redirect {
        let text = "The reply address does not match the one of the authorization request.";
        return Err(invalid(500_112, text));
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != code.challenge {
        let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        return Err(invalid(501_481, text));
    }
    let id_token = entra.id_token(&code.order)?;
    let access = TokenOrder {
        audience: Some(GRAPH.to_owned()),
        client_id: Some(client.to_owned()),
        scopes: Some(vec!["User.Read".to_owned()]),
        ..TokenOrder::of(&code.order.user)
    };
    let body = json!({
        "token_type": "Bearer",
        "scope": code.scope,
        "expires_in": 4_500,
        "ext_expires_in": 4_500,
        "access_token": entra.user_token(&access)?,
        "id_token": id_token,
    });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

/// Who is it? Each name is a link that carries the request on.
fn chooser(entra: &Entra, asked: &Asked, query: &str) -> Answer {
    let step_up = asked.claims().pointer("/id_token/acrs").is_some();
    let mut users: Vec<User> = entra.tenant().users()?;
    users.retain(|user| user.account_enabled);
    users.sort_by_key(|user| (user.app_roles.is_empty(), user.display_name.clone()));
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Sign in (simulated Entra)</title>\
         <h1>Sign in</h1><p>This is the simulated Entra of the laptop program. Nobody has a password: pick who you are.</p>",
    );
    if step_up {
        page.push_str("<p>A second factor was asked for; it is given with the name.</p>");
    }
    page.push_str("<ul>");
    for user in &users {
        let name = &user.user_principal_name;
        let hint: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let roles: Vec<&str> = user.app_roles.iter().map(String::as_str).collect();
        let _ = write!(
            page,
            "<li><a href=\"?{}&amp;login_hint={hint}\">{}</a> <small>{} {}</small></li>",
            escaped(query),
            escaped(&user.display_name),
            escaped(name),
            escaped(&roles.join(", ")),
        );
    }
    let cancel = asked.refuse("access_denied", 65_004, "User declined to consent to access the app.");
    if let Some(place) = cancel
        .headers()
        .get(header::LOCATION)
        .and_then(|place| place.to_str().ok())
    {
        let _ = write!(page, "</ul><p><a href=\"{}\">Cancel</a></p>", escaped(place));
    }
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ];
    Ok((headers, Html(page)).into_response())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(super) async fn logout(State(entra): State<Entra>, headers: HeaderMap) -> Response {
    entra.sign_ins().forget(&headers);
    Html("<!doctype html><title>Signed out (simulated Entra)</title><p>You are signed out.</p>").into_response()
}
