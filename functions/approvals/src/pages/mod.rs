//! Pages on which people use passkeys: the inbox and its decisions, their own keys, activations, and reviews.
//!
//! A ceremony is two calls of the page's script: one for the challenge, one with the answer. Reading a page changes nothing.

mod activate;
mod changes;
mod delegates;
mod inbox;
mod keys;
mod reviews;
mod risks;
mod show;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use hourglass_app::catalogue::search::Index;
use hourglass_app::passkeys::Begun;
use hourglass_app::ports::Core;
use hourglass_app::ports::passkeys::Passkeys;
use hourglass_app::{AppError, auth_context};
use hourglass_domain::refusal::RefusalKind;
use hourglass_web::Api;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{PageError, see_other};
use hourglass_web::session::Console;
use hourglass_web::words::{Html, Words};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// What the pages need.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// What every route needs.
    pub(crate) api: Api,
    /// The ceremonies.
    pub(crate) passkeys: Arc<dyn Passkeys>,
    /// The short forms of the entitlements, kept from call to call.
    pub(crate) index: Arc<Index>,
}

impl FromRef<Pages> for Api {
    fn from_ref(pages: &Pages) -> Self {
        pages.api.clone()
    }
}

/// The routes.
pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/inbox", get(inbox::list))
        .route("/inbox/signed", post(inbox::signed))
        .route("/inbox/reviews", get(reviews::list))
        .route("/inbox/reviews/{grant}", post(reviews::review))
        .route("/inbox/{id}", get(inbox::request))
        .route("/inbox/{id}/challenge", post(inbox::challenge))
        .route("/inbox/{id}/decide", post(inbox::decide))
        .route("/changes", get(changes::list))
        .route("/changes/signed", post(changes::signed))
        .route("/changes/{id}", get(changes::one))
        .route("/changes/{id}/challenge", post(changes::challenge))
        .route("/passkeys", get(keys::own))
        .route("/passkeys/new", post(keys::new))
        .route("/passkeys/made", post(keys::made))
        .route("/passkeys/challenge", post(keys::challenge))
        .route("/passkeys/signed", post(keys::signed))
        .route("/passkeys/set-up", post(keys::set_up))
        .route("/passkeys/waiting", get(keys::waiting))
        .route("/passkeys/host", post(keys::host))
        .route("/delegates", get(delegates::list).post(delegates::name))
        .route("/delegates/{entitlement}/end", post(delegates::end))
        .route("/activate", get(activate::offers).post(activate::ask))
        .route("/activate/signed", post(activate::signed))
        .route("/activate/{id}", get(activate::request))
        .route("/activate/{id}/challenge", post(activate::challenge))
        .with_state(pages)
}

/// What a script gets to begin a ceremony with.
#[derive(Debug, Serialize)]
pub(crate) struct Challenge {
    ceremony: Uuid,
    options: Value,
}

impl From<Begun> for Challenge {
    fn from(begun: Begun) -> Self {
        Self {
            ceremony: begun.ceremony,
            options: begun.options,
        }
    }
}

/// What a script sends to end a ceremony.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    /// Which ceremony.
    pub(crate) ceremony: Uuid,
    /// `PublicKeyCredential.toJSON()`.
    pub(crate) response: Value,
}

/// Where a script goes when all is done.
#[derive(Debug, Serialize)]
pub(crate) struct Place {
    place: String,
}

impl Place {
    pub(crate) fn of(place: impl Into<String>) -> axum::Json<Self> {
        axum::Json(Self { place: place.into() })
    }
}

/// The sentence behind `?done=`: a page shows what was done after it, and nothing that comes from outside.
pub(crate) fn message(w: Words, done: Option<&str>) -> Option<String> {
    w.maybe(&format!("done-{}", done?))
}

/// What the rules refuse, beside the form that was sent, with the status of the page.
///
/// # Errors
/// The error itself where it belongs on a page of its own.
pub(crate) fn refused(w: Words, error: AppError) -> Result<(StatusCode, Wrong), AppError> {
    let status = match &error {
        AppError::Refused(refusal) => match refusal.kind() {
            RefusalKind::Conflict => StatusCode::CONFLICT,
            RefusalKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Wrong::from_error(w, error).map(|wrong| (status, wrong))
}

/// What has to be done before something that takes a recent sign-in, and without a passkey a second factor, so that nobody
/// types what they then lose: in words, and where. `None` when nothing has to.
pub(crate) async fn first(
    core: &Core,
    console: &Console,
    place: &str,
    by_passkey: bool,
) -> Result<Option<(Html, String)>, AppError> {
    let w = console.words();
    if let Some(way) = console.sign_in_first() {
        return Ok(Some((w.t("sign-in-first").into(), way)));
    }
    if by_passkey {
        return Ok(None);
    }
    match auth_context::step_up(core, &console.who).await {
        Ok(_) => Ok(None),
        Err(AppError::Refused(refusal)) if refusal.kind() == RefusalKind::StepUp => {
            Ok(Some((w.refused(&refusal), console.step_up(place))))
        }
        // Signing in again would not help: the form says why when it is sent.
        Err(AppError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Parameters of a page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    /// What was just done.
    #[serde(default)]
    pub(crate) done: Option<String>,
    /// Which part of a list.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
}

impl Shown {
    /// Where the list goes on. A cursor that is none of ours begins it anew.
    pub(crate) fn paging(&self) -> (Option<String>, usize) {
        let paging = hourglass_web::extract::Paging {
            cursor: self.cursor.clone(),
            limit: None,
        };
        paging.read().unwrap_or((None, MOST_ROWS))
    }
}

/// Most rows of a page.
const MOST_ROWS: usize = 50;

/// The cursor after a part of a list.
pub(crate) fn next(after: Option<&str>) -> Option<String> {
    hourglass_web::extract::ListView::<u8>::new(Vec::new(), after).next_cursor
}

/// Somewhere else, after a form.
pub(crate) fn go(place: &str) -> axum::response::Response {
    see_other(place)
}

/// An id in a path; what is no id is not found.
pub(crate) fn id<T: std::str::FromStr>(console: &Console, what: &'static str, text: &str) -> Result<T, PageError> {
    text.parse()
        .map_err(|_| console.fail(&hourglass_domain::Refusal::NotFound { what }.into()))
}
