//! `/admin/scim`: where Entra provisions to, with which secrets, and how it is told to.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::changes::{self, Command, Done, Outcome, Wish};
use hourglass_app::admin::{applications, overview};
use hourglass_app::ports::Core;
use hourglass_app::{AppError, admin};
use hourglass_domain::Refusal;
use hourglass_domain::Timestamp;
use hourglass_domain::application::{Application, MOST_SCIM_TOKENS};
use hourglass_domain::ids::TokenId;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::super::{Shown, Top};
use super::{again, back, top, waiting, wrong};
use crate::AdminApi;

/// Where the page is.
pub(super) const PLACE: &str = "/admin/scim";

/// The *Tenant URL* for Entra's provisioning.
pub(super) fn url(core: &Core) -> String {
    format!("{}/scim/v2", core.settings.public_url)
}

/// A secret, without the secret.
struct Token {
    id: TokenId,
    created_at: Timestamp,
}

#[derive(Template)]
#[template(path = "scim.html")]
struct Scim<'a> {
    top: Top<'a>,
    url: String,
    application: Application,
    seen: Option<(Timestamp, bool)>,
    tokens: Vec<Token>,
    /// The ids of the secrets that the page shows: a form that was sent twice shows another state, and is refused.
    known: String,
    full: bool,
    wrong: Wrong,
}

pub(crate) async fn page(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    show(&state, &console, &shown, Wrong::default()).await
}

async fn show(state: &AdminApi, console: &Console, shown: &Shown, wrong: Wrong) -> Result<Page, PageError> {
    let core = &state.api.core;
    let seen = overview::scim_seen(core, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    let application = console.who.application.value.clone();
    let tokens = application.scim_tokens.iter().map(|token| Token {
        id: token.id,
        created_at: token.created_at,
    });
    let content = Scim {
        top: top(state, console, PLACE, shown.done.as_ref()).await?,
        url: url(core),
        seen,
        tokens: tokens.collect(),
        known: known(&application),
        full: application.scim_tokens.len() >= MOST_SCIM_TOKENS,
        application,
        wrong,
    };
    Ok(console.page(&console.words().t("ops-scim-title"), &content))
}

fn known(application: &Application) -> String {
    let ids: Vec<String> = application
        .scim_tokens
        .iter()
        .map(|token| token.id.to_string())
        .collect();
    ids.join(" ")
}

/// A secret that was just made. It is shown in this one answer, which nobody stores.
#[derive(Template)]
#[template(path = "secret.html")]
pub(super) struct Fresh<'a> {
    pub(super) w: Words,
    pub(super) url: String,
    pub(super) secret: &'a str,
    /// Whether it is the first of a new application.
    pub(super) first: bool,
    /// The application.
    pub(super) application: &'a Application,
}

/// Which secrets the sender knew of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddForm {
    known: String,
}

pub(crate) async fn add(State(state): State<AdminApi>, form: Form<AddForm, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    admin::require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let outcome = match make(&state, console, &form.value).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let bad = wrong(console, error)?;
            return Ok(again(show(&state, console, &Shown::default(), bad).await?));
        }
    };
    let Outcome::Done(done) = &outcome else {
        return Ok(waiting(&outcome).unwrap_or_else(|| see_other(PLACE)));
    };
    let Done::ScimSecret(_, secret) = &**done else {
        return Ok(see_other(PLACE));
    };
    let w = console.words();
    let content = Fresh {
        w,
        url: url(&state.api.core),
        secret: secret.expose_secret(),
        first: false,
        application: &console.who.application.value,
    };
    Ok(console.page(&w.t("ops-secret-title"), &content).into_response())
}

/// The answer is a page, so that the secret stands in no address; a browser that reloads it sends the form again, and that
/// makes no further secret.
async fn make(state: &AdminApi, console: &Console, form: &AddForm) -> Result<Outcome, AppError> {
    if form.known != known(&console.who.application.value) {
        return Err(Refusal::Changed.into());
    }
    changes::submit(&state.api.core, &console.who, &Wish::new(Command::ScimSecret), None).await
}

/// Which secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteForm {
    secret: String,
}

pub(crate) async fn delete(
    State(state): State<AdminApi>,
    form: Form<DeleteForm, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console.0;
    let id: TokenId = super::super::id(console, "SCIM secret", &form.value.secret)?;
    let application = &console.who.application.value.id;
    applications::delete_scim_token(&state.api.core, &console.who, application, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(back(PLACE, "secret-deleted"))
}
