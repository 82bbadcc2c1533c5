//! Making changes so that two admins have signed, and taking them back. They are shown and signed under `/changes`, in
//! functions/approvals, where passkeys are.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::aws;
use hourglass_app::admin::changes::{self, Done};
use hourglass_domain::ids::ChangeId;
use hourglass_web::csrf::Form;
use hourglass_web::page::{PageError, see_other};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::id;
use crate::AdminApi;

/// A form of one button.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pressed {}

/// A SCIM secret, shown this once.
#[derive(Template)]
#[template(path = "fresh-secret.html")]
struct Fresh<'a> {
    w: Words,
    url: String,
    secret: &'a str,
}

/// The signatures decide; a recent sign-in is asked for all the same, because a secret may be shown.
pub(crate) async fn apply(
    State(state): State<AdminApi>,
    Path(text): Path<String>,
    form: Form<Pressed, Recent>,
) -> Result<Response, PageError> {
    let console: &Console = &form.console;
    let id: ChangeId = id(console, "change", &text)?;
    let core = &state.api.core;
    let (_, done) = changes::apply(core, &*state.passkeys, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    if let Done::ScimSecret(_, secret) = &done {
        let w = console.words();
        let content = Fresh {
            w,
            url: format!("{}/scim/v2", core.settings.public_url),
            secret: secret.expose_secret(),
        };
        return Ok(console.page(&w.t("changes-fresh-title"), &content).into_response());
    }
    aws::settle(core, &console.who, &*state.secrets, &done).await;
    if matches!(done, Done::Azure(_) | Done::Aws(_)) {
        // The credential for what is pointed to now is still to be entered.
        return Ok(see_other("/admin/integrations"));
    }
    Ok(see_other(&format!("/changes/{id}?done=applied")))
}

/// Why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explanation {
    comment: String,
}

pub(crate) async fn explain(
    State(state): State<AdminApi>,
    Path(text): Path<String>,
    form: Form<Explanation>,
) -> Result<Response, PageError> {
    let console: Console = form.console;
    let id: ChangeId = id(&console, "change", &text)?;
    changes::explain(&state.api.core, &console.who, id, Some(form.value.comment))
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other(&format!("/changes/{id}?done=explained")))
}

pub(crate) async fn withdraw(
    State(state): State<AdminApi>,
    Path(text): Path<String>,
    form: Form<Pressed>,
) -> Result<Response, PageError> {
    let console: Console = form.console;
    let id: ChangeId = id(&console, "change", &text)?;
    changes::withdraw(&state.api.core, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other(&format!("/changes/{id}?done=withdrawn")))
}
