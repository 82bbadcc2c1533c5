//! To the identity provider and back.

use askama::Template;
use axum::extract::State as Injected;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::AppError;
use hourglass_app::ports::identity::{Identity, IdentityError, IdentityProvider, Return};
use hourglass_app::sessions::{self, SignedIn};
use hourglass_app::sign_in::{self, Attempt, Beginning, Purpose, SIGN_IN_SECONDS};
use hourglass_domain::Refusal;
use hourglass_domain::decision::FRESH_SECONDS;
use hourglass_domain::ids::TenantId;
use hourglass_domain::session::{RECENT_SECONDS, browser, is_own_path, signed_in_within};
use hourglass_web::cookies::{self, Names};
use hourglass_web::extract::Query;
use hourglass_web::look::Look;
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::problem::Problem;
use hourglass_web::session::HOME;
use hourglass_web::words::Words;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::State;

/// Longest `code` and `state` that are looked at, in bytes. Entra's codes have about 1,500.
const LONGEST_PARAMETER: usize = 8_192;

/// `/auth/sign-in` and `/auth/step-up`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beginnings {
    /// Where to go afterwards.
    #[serde(default, rename = "returnTo")]
    return_to: Option<String>,
    /// At whose identity provider.
    #[serde(default)]
    tenant: Option<String>,
    /// `1`: the person has to sign in anew.
    #[serde(default)]
    recent: Option<String>,
}

impl Beginnings {
    /// Where to go afterwards. What is not a path of our own is not gone to, and not spoken of either: the link came from
    /// somewhere else, and whoever follows it means to sign in.
    fn place(&self) -> &str {
        let place = self.return_to.as_deref();
        place.filter(|place| is_own_path(place)).unwrap_or(HOME)
    }
}

/// Several tenants may sign in here: which one is it?
#[derive(Template)]
#[template(path = "tenants.html")]
struct Tenants {
    w: Words,
    /// Where each leads, and its name.
    ways: Vec<(String, String)>,
}

/// Nobody was signed in.
#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    w: Words,
    why: &'a str,
    code: Option<u32>,
    again: &'a str,
}

pub(crate) async fn sign_in(
    Injected(state): Injected<State>,
    look: Look,
    Query(asked): Query<Beginnings>,
) -> Result<Response, PageError> {
    let purpose = if asked.recent.as_deref() == Some("1") {
        Purpose::Recent
    } else {
        Purpose::SignIn
    };
    begin(&state, look, "sign-in", &asked, purpose).await
}

pub(crate) async fn step_up(
    Injected(state): Injected<State>,
    look: Look,
    Query(asked): Query<Beginnings>,
) -> Result<Response, PageError> {
    begin(&state, look, "step-up", &asked, Purpose::StepUp).await
}

async fn begin(
    state: &State,
    look: Look,
    route: &str,
    asked: &Beginnings,
    purpose: Purpose,
) -> Result<Response, PageError> {
    let core = &state.api.core;
    let tenants = &core.settings.sign_in_tenants;
    let named = asked.tenant.as_deref().and_then(|text| text.parse::<TenantId>().ok());
    let tenant = match (named.filter(|named| tenants.contains(named)), tenants.as_slice()) {
        (Some(named), _) => named,
        (None, [only]) => *only,
        (None, all) => return Ok(choose(look, route, asked, all)),
    };
    let journey = provider(state, look)?
        .begin(tenant, purpose)
        .await
        .map_err(|error| failed(look, &error, asked.place(), purpose))?;
    let beginning = Beginning {
        tenant,
        state: journey.state,
        nonce: journey.nonce,
        verifier: journey.verifier,
        return_to: asked.place().to_owned(),
        purpose,
    };
    let secret = sign_in::begin(core, beginning)
        .await
        .map_err(|error| told(state, look, &error))?;
    let mut response = see_other(&journey.url);
    let names = Names::of(state.api.origin());
    let cookie = cookies::set(names.sign_in, secret.expose_secret(), Some(SIGN_IN_SECONDS));
    append(&mut response, cookie);
    Ok(response)
}

fn provider(state: &State, look: Look) -> Result<&dyn IdentityProvider, PageError> {
    let unavailable = || PageError::new(Problem::unavailable(), true).look(look);
    state.provider.as_deref().ok_or_else(unavailable)
}

fn choose(look: Look, route: &str, asked: &Beginnings, tenants: &[TenantId]) -> Response {
    let place = quoted(asked.place());
    let recent = if asked.recent.is_some() { "&recent=1" } else { "" };
    let way = |tenant: &TenantId| {
        let way = format!("/auth/{route}?tenant={tenant}{recent}&returnTo={place}");
        (way, tenant.to_string())
    };
    let ways = tenants.iter().map(way).collect();
    let w = look.words();
    let page = Page::new(&w.t("signin-tenants-title"), &Tenants { w, ways });
    page.look(look).into_response()
}

/// What the browser comes back with (RFC 6749 section 4.1.2, RFC 9207). The provider may add more.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    code: Option<SecretString>,
    #[serde(default)]
    state: Option<SecretString>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    iss: Option<String>,
}

pub(crate) async fn callback(
    Injected(state): Injected<State>,
    look: Look,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Response {
    let mut response = match come_back(&state, look, &headers, answer).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    // The journey is over, however it ended.
    append(&mut response, cookies::clear(Names::of(state.api.origin()).sign_in));
    response
}

async fn come_back(state: &State, look: Look, headers: &HeaderMap, answer: Answer) -> Result<Response, PageError> {
    let core = &state.api.core;
    let names = Names::of(state.api.origin());
    let attempt = match cookies::read(headers, names.sign_in) {
        Some(secret) => sign_in::take(core, secret)
            .await
            .map_err(|error| told(state, look, &error))?,
        None => None,
    };
    let Some(attempt) = attempt else {
        let why = look.words().t("signin-not-begun");
        return Err(refused(look, &why, None, HOME, Purpose::SignIn));
    };
    let (place, purpose) = (attempt.return_to.clone(), attempt.purpose);
    let again = |why: &str| refused(look, why, None, &place, purpose);
    if !same(answer.state.as_ref(), &attempt.state) {
        return Err(again(&look.words().t("signin-other")));
    }
    if let Some(error) = &answer.error {
        let code = answer.error_description.as_deref().and_then(entra_code);
        tracing::warn!(code, "the identity provider signed nobody in");
        return Err(refused(look, &words(look.words(), error), code, &place, purpose));
    }
    let Some(code) = answer
        .code
        .filter(|code| code.expose_secret().len() <= LONGEST_PARAMETER)
    else {
        return Err(again(&look.words().t("signin-no-answer")));
    };
    let identity = identify(state, look, &attempt, code, answer.iss).await?;
    check_purpose(purpose, &identity, core.clock.now()).map_err(|why| again(&look.words().t(why)))?;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let signed_in = SignedIn {
        tenant: identity.tenant,
        object_id: identity.object_id,
        roles: identity.roles,
        signed_in_at: identity.signed_in_at,
        acrs_context: identity.acrs_context,
        token_id: identity.token_id,
        browser: browser(agent.unwrap_or_default()),
    };
    let previous = cookies::read(headers, names.session).and_then(sessions::hash_of);
    let begun = sessions::begin(core, &signed_in, previous)
        .await
        .map_err(|error| told(state, look, &error))?;
    let mut response = see_other(&place);
    append(
        &mut response,
        cookies::set(names.session, begun.secret.expose_secret(), None),
    );
    Ok(response)
}

async fn identify(
    state: &State,
    look: Look,
    attempt: &Attempt,
    code: SecretString,
    issuer: Option<String>,
) -> Result<Identity, PageError> {
    let back = Return {
        tenant: attempt.tenant,
        code,
        nonce: attempt.nonce.clone().into(),
        verifier: attempt.verifier.clone().into(),
        issuer,
    };
    let identity = provider(state, look)?.finish(back).await;
    identity.map_err(|error| failed(look, &error, &attempt.return_to, attempt.purpose))
}

/// Whether the sign-in is what it was begun for. Who asked for more than the identity provider gave is told so, instead
/// of being sent round in a circle.
fn check_purpose(purpose: Purpose, identity: &Identity, now: hourglass_domain::Timestamp) -> Result<(), &'static str> {
    let within = |seconds| signed_in_within(identity.signed_in_at, seconds, now);
    match purpose {
        Purpose::SignIn => Ok(()),
        Purpose::Recent if within(RECENT_SECONDS) => Ok(()),
        Purpose::StepUp if !identity.acrs_context => Err("signin-no-factor"),
        Purpose::StepUp if within(FRESH_SECONDS) => Ok(()),
        Purpose::Recent | Purpose::StepUp => Err("signin-earlier"),
    }
}

fn same(sent: Option<&SecretString>, kept: &str) -> bool {
    sent.is_some_and(|sent| bool::from(sent.expose_secret().as_bytes().ct_eq(kept.as_bytes())))
}

/// What a refusal of the identity provider means, in words of ours (RFC 6749 section 4.1.2.1, OpenID Connect Core section
/// 3.1.2.6).
fn words(w: Words, error: &str) -> String {
    w.t(match error {
        "access_denied" => "signin-cancelled",
        "interaction_required" | "login_required" | "account_selection_required" => "signin-needs-you",
        "consent_required" => "signin-no-consent",
        "temporarily_unavailable" | "server_error" => "signin-microsoft-off",
        _ => "signin-microsoft-refused",
    })
}

/// The number in `AADSTS65004: …`: it finds the explanation in Microsoft's documentation, and can be nothing else.
fn entra_code(description: &str) -> Option<u32> {
    let digits = description.strip_prefix("AADSTS")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

fn failed(look: Look, error: &IdentityError, place: &str, purpose: Purpose) -> PageError {
    let (status, why) = match error {
        IdentityError::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        IdentityError::Refused(why) => (StatusCode::UNAUTHORIZED, why),
    };
    tracing::warn!(why = why.code(), "nobody was signed in");
    let w = look.words();
    let sentence = w.t1("signin-not", "why", w.t(&format!("signin-why-{}", why.code())));
    page(look, status, &sentence, None, (place, purpose))
}

fn refused(look: Look, why: &str, code: Option<u32>, place: &str, purpose: Purpose) -> PageError {
    page(look, StatusCode::UNAUTHORIZED, why, code, (place, purpose))
}

fn page(look: Look, status: StatusCode, why: &str, code: Option<u32>, (place, purpose): (&str, Purpose)) -> PageError {
    let route = match purpose {
        Purpose::SignIn => "sign-in?",
        Purpose::Recent => "sign-in?recent=1&",
        Purpose::StepUp => "step-up?",
    };
    let again = format!("/auth/{route}returnTo={}", quoted(place));
    let w = look.words();
    let content = Failed {
        w,
        why,
        code,
        again: &again,
    };
    let page = Page::new(&w.t("signin-failed-title"), &content);
    PageError::page(page.look(look).status(status))
}

/// An error of a use case, to somebody who is not signed in.
fn told(state: &State, look: Look, error: &AppError) -> PageError {
    if let AppError::Refused(Refusal::AccountInactive) = error {
        let why = look.words().t("signin-off");
        return page(look, StatusCode::FORBIDDEN, &why, None, (HOME, Purpose::SignIn));
    }
    PageError::new(Problem::from_error(error, &state.api.step_up, None), true).look(look)
}

fn append(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn quoted(place: &str) -> String {
    utf8_percent_encode(place, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use hourglass_domain::Timestamp;
    use hourglass_domain::ids::ObjectId;

    use super::*;

    #[test]
    fn an_open_redirect_leads_home() {
        let place = |text: &str| {
            let asked = Beginnings {
                return_to: Some(text.to_owned()),
                tenant: None,
                recent: None,
            };
            asked.place().to_owned()
        };
        assert_eq!(place("/inbox/7?tab=mine"), "/inbox/7?tab=mine");
        for bad in [
            "//fabrikam.example",
            "https://fabrikam.example",
            "/\\fabrikam.example",
            "",
        ] {
            assert_eq!(place(bad), HOME, "{bad}");
        }
    }

    #[test]
    fn a_description_gives_its_number_and_nothing_else() {
        assert_eq!(entra_code("AADSTS65004: User declined <b>"), Some(65_004));
        assert_eq!(entra_code("AADSTS50105"), Some(50_105));
        for other in [
            "",
            "AADSTS",
            "AADSTS<script>",
            "x AADSTS1",
            "AADSTS99999999999999999999",
        ] {
            assert_eq!(entra_code(other), None, "{other}");
        }
    }

    #[test]
    fn a_step_up_needs_the_factor_and_a_new_sign_in() {
        let now = Timestamp::from_seconds(1_000_000);
        let identity = |age: i64, acrs_context: bool| Identity {
            tenant: TenantId::new("6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap()),
            object_id: ObjectId::new("6f9619ff-8b86-d011-b42d-00cf4fc964fe".parse().unwrap()),
            roles: [].into(),
            signed_in_at: now.plus_seconds(-age),
            acrs_context,
            token_id: None,
        };
        let good = |purpose, age, acrs| check_purpose(purpose, &identity(age, acrs), now).is_ok();
        assert!(good(Purpose::SignIn, 86_400, false));
        assert!(good(Purpose::Recent, RECENT_SECONDS, false));
        assert!(!good(Purpose::Recent, RECENT_SECONDS + 1, true));
        assert!(good(Purpose::StepUp, FRESH_SECONDS, true));
        assert!(!good(Purpose::StepUp, FRESH_SECONDS + 1, true));
        assert!(!good(Purpose::StepUp, 0, false));
    }
}
