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
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::problem::Problem;
use hourglass_web::session::HOME;
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
    /// Where each leads, and its name.
    ways: Vec<(String, String)>,
}

/// Nobody was signed in.
#[derive(Template)]
#[template(path = "failed.html")]
struct Failed<'a> {
    why: &'a str,
    code: Option<u32>,
    again: &'a str,
}

pub(crate) async fn sign_in(
    Injected(state): Injected<State>,
    Query(asked): Query<Beginnings>,
) -> Result<Response, PageError> {
    let purpose = if asked.recent.as_deref() == Some("1") {
        Purpose::Recent
    } else {
        Purpose::SignIn
    };
    begin(&state, "sign-in", &asked, purpose).await
}

pub(crate) async fn step_up(
    Injected(state): Injected<State>,
    Query(asked): Query<Beginnings>,
) -> Result<Response, PageError> {
    begin(&state, "step-up", &asked, Purpose::StepUp).await
}

async fn begin(state: &State, route: &str, asked: &Beginnings, purpose: Purpose) -> Result<Response, PageError> {
    let core = &state.api.core;
    let tenants = &core.settings.sign_in_tenants;
    let named = asked.tenant.as_deref().and_then(|text| text.parse::<TenantId>().ok());
    let tenant = match (named.filter(|named| tenants.contains(named)), tenants.as_slice()) {
        (Some(named), _) => named,
        (None, [only]) => *only,
        (None, all) => return Ok(choose(route, asked, all)),
    };
    let journey = provider(state)?
        .begin(tenant, purpose)
        .await
        .map_err(|error| failed(&error, asked.place(), purpose))?;
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
        .map_err(|error| told(state, &error))?;
    let mut response = see_other(&journey.url);
    let names = Names::of(state.api.origin());
    let cookie = cookies::set(names.sign_in, secret.expose_secret(), Some(SIGN_IN_SECONDS));
    append(&mut response, cookie);
    Ok(response)
}

fn provider(state: &State) -> Result<&dyn IdentityProvider, PageError> {
    state.provider.as_deref().ok_or_else(|| Problem::unavailable().into())
}

fn choose(route: &str, asked: &Beginnings, tenants: &[TenantId]) -> Response {
    let place = quoted(asked.place());
    let recent = if asked.recent.is_some() { "&recent=1" } else { "" };
    let way = |tenant: &TenantId| {
        let way = format!("/auth/{route}?tenant={tenant}{recent}&returnTo={place}");
        (way, tenant.to_string())
    };
    let ways = tenants.iter().map(way).collect();
    Page::new("Sign in", &Tenants { ways }).into_response()
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
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Response {
    let mut response = match come_back(&state, &headers, answer).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    // The journey is over, however it ended.
    append(&mut response, cookies::clear(Names::of(state.api.origin()).sign_in));
    response
}

async fn come_back(state: &State, headers: &HeaderMap, answer: Answer) -> Result<Response, PageError> {
    let core = &state.api.core;
    let names = Names::of(state.api.origin());
    let attempt = match cookies::read(headers, names.sign_in) {
        Some(secret) => sign_in::take(core, secret).await.map_err(|error| told(state, &error))?,
        None => None,
    };
    let Some(attempt) = attempt else {
        let why = "This sign-in was not begun in this browser, has been used, or took longer than 10 minutes.";
        return Err(refused(why, None, HOME, Purpose::SignIn));
    };
    let (place, purpose) = (attempt.return_to.clone(), attempt.purpose);
    let again = |why: &str| refused(why, None, &place, purpose);
    if !same(answer.state.as_ref(), &attempt.state) {
        return Err(again("The answer of the identity provider belongs to another sign-in."));
    }
    if let Some(error) = &answer.error {
        let code = answer.error_description.as_deref().and_then(entra_code);
        tracing::warn!(code, "the identity provider signed nobody in");
        return Err(refused(words(error), code, &place, purpose));
    }
    let Some(code) = answer
        .code
        .filter(|code| code.expose_secret().len() <= LONGEST_PARAMETER)
    else {
        return Err(again("The identity provider sent no code."));
    };
    let identity = identify(state, &attempt, code, answer.iss).await?;
    check_purpose(purpose, &identity, core.clock.now()).map_err(|why| again(&why))?;
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
        .map_err(|error| told(state, &error))?;
    let mut response = see_other(&place);
    append(
        &mut response,
        cookies::set(names.session, begun.secret.expose_secret(), None),
    );
    Ok(response)
}

async fn identify(
    state: &State,
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
    let identity = provider(state)?.finish(back).await;
    identity.map_err(|error| failed(&error, &attempt.return_to, attempt.purpose))
}

/// Whether the sign-in is what it was begun for. Who asked for more than the identity provider gave is told so, instead
/// of being sent round in a circle.
fn check_purpose(purpose: Purpose, identity: &Identity, now: hourglass_domain::Timestamp) -> Result<(), String> {
    let within = |seconds| signed_in_within(identity.signed_in_at, seconds, now);
    match purpose {
        Purpose::SignIn => Ok(()),
        Purpose::Recent if within(RECENT_SECONDS) => Ok(()),
        Purpose::StepUp if !identity.acrs_context => Err(
            "The identity provider did not confirm a second factor: no Conditional Access policy that concerns you \
             answered for the configured authentication context."
                .to_owned(),
        ),
        Purpose::StepUp if within(FRESH_SECONDS) => Ok(()),
        Purpose::Recent | Purpose::StepUp => {
            Err("The identity provider let you pass with an earlier sign-in, and this needs a new one.".to_owned())
        }
    }
}

fn same(sent: Option<&SecretString>, kept: &str) -> bool {
    sent.is_some_and(|sent| bool::from(sent.expose_secret().as_bytes().ct_eq(kept.as_bytes())))
}

/// What a refusal of the identity provider means, in words of ours (RFC 6749 section 4.1.2.1, OpenID Connect Core section
/// 3.1.2.6).
fn words(error: &str) -> &'static str {
    match error {
        "access_denied" => "The sign-in was cancelled, or Microsoft does not let you use Hourglass.",
        "interaction_required" | "login_required" | "account_selection_required" => {
            "Microsoft needs you to do something before it signs you in: sign in again."
        }
        "consent_required" => {
            "Hourglass has not been consented to in your tenant yet; an administrator has to, once for everybody."
        }
        "temporarily_unavailable" | "server_error" => "Microsoft cannot sign anybody in right now.",
        _ => "Microsoft did not sign you in.",
    }
}

/// The number in `AADSTS65004: …`: it finds the explanation in Microsoft's documentation, and can be nothing else.
fn entra_code(description: &str) -> Option<u32> {
    let digits = description.strip_prefix("AADSTS")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

fn failed(error: &IdentityError, place: &str, purpose: Purpose) -> PageError {
    let (status, why) = match error {
        IdentityError::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        IdentityError::Refused(why) => (StatusCode::UNAUTHORIZED, why),
    };
    tracing::warn!(why, "nobody was signed in");
    let sentence = format!("You were not signed in: {why}.");
    page(status, &sentence, None, place, purpose)
}

fn refused(why: &str, code: Option<u32>, place: &str, purpose: Purpose) -> PageError {
    page(StatusCode::UNAUTHORIZED, why, code, place, purpose)
}

fn page(status: StatusCode, why: &str, code: Option<u32>, place: &str, purpose: Purpose) -> PageError {
    let route = match purpose {
        Purpose::SignIn => "sign-in?",
        Purpose::Recent => "sign-in?recent=1&",
        Purpose::StepUp => "step-up?",
    };
    let again = format!("/auth/{route}returnTo={}", quoted(place));
    let content = Failed {
        why,
        code,
        again: &again,
    };
    PageError::page(Page::new("Not signed in", &content).status(status))
}

/// An error of a use case, to somebody who is not signed in.
fn told(state: &State, error: &AppError) -> PageError {
    if let AppError::Refused(Refusal::AccountInactive) = error {
        let why = "Your account is switched off in Hourglass: it was deactivated in Entra.";
        return page(StatusCode::FORBIDDEN, why, None, HOME, Purpose::SignIn);
    }
    Problem::from_error(error, &state.api.step_up, None).into()
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
