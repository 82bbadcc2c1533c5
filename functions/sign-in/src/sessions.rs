//! A person's sessions, and the end of one.

use askama::Template;
use axum::extract::{Path, Request, State as Injected};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::sessions;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::SessionId;
use hourglass_domain::session::SessionEnd;
use hourglass_web::cookies::{self, Names};
use hourglass_web::csrf::{self, Form, FormToken};
use hourglass_web::look::Look;
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::problem::Problem;
use hourglass_web::session::Console;
use hourglass_web::words::Words;
use http::header;
use serde::Deserialize;

use crate::State;

/// A form without fields.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

#[derive(Template)]
#[template(path = "sessions.html")]
struct Sessions<'a> {
    w: Words,
    rows: Vec<Row>,
    others: bool,
    token: &'a str,
}

struct Row {
    id: SessionId,
    browser: String,
    began: Timestamp,
    seen: Timestamp,
    ends: Timestamp,
    here: bool,
}

pub(crate) async fn list(Injected(state): Injected<State>, console: Console) -> Result<Page, PageError> {
    let found = sessions::list(&state.api.core, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    let w = console.words();
    let rows: Vec<Row> = found
        .iter()
        .map(|present| {
            let session = &present.session.value;
            Row {
                id: session.id,
                browser: session.browser.clone(),
                began: session.created_at,
                seen: present.last_seen(),
                ends: session.ends_at(),
                here: session.id == console.session.id,
            }
        })
        .collect();
    let content = Sessions {
        w,
        others: rows.len() > 1,
        rows,
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("signin-sessions-title"), &content))
}

pub(crate) async fn end(
    Injected(state): Injected<State>,
    Path(id): Path<String>,
    form: Form<Nothing>,
) -> Result<Response, PageError> {
    let console = &form.console;
    let id: SessionId = id.parse().map_err(|_| console.problem(Problem::not_found()))?;
    let here = id == console.session.id;
    let because = if here {
        SessionEnd::SignedOut
    } else {
        SessionEnd::Revoked
    };
    sessions::end(&state.api.core, &console.who, id, because)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(if here {
        gone(&state)
    } else {
        see_other("/auth/sessions")
    })
}

pub(crate) async fn end_others(Injected(state): Injected<State>, form: Form<Nothing>) -> Result<Response, PageError> {
    let console = &form.console;
    sessions::end_others(&state.api.core, &console.who, console.session.id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other("/auth/sessions"))
}

/// Ends the session of the browser. This works for a session that has lapsed, and for somebody whose account is switched
/// off, and is as safe as any other form: the token follows from the cookie alone.
pub(crate) async fn sign_out(Injected(state): Injected<State>, request: Request) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let names = Names::of(state.api.origin());
    let Some(secret) = cookies::read(&parts.headers, names.session) else {
        return Ok(gone(&state));
    };
    let look = Look::of(&parts.headers);
    let refused = |problem: Box<Problem>| PageError::new(problem, true).look(look);
    csrf::same_origin(&parts.headers, state.api.origin()).map_err(refused)?;
    csrf::read_form::<Nothing>(&parts.headers, body, &FormToken::of(secret))
        .await
        .map_err(refused)?;
    sessions::sign_out(&state.api.core, secret)
        .await
        .map_err(|error| Problem::from_error(&error, &state.api.step_up, None))?;
    Ok(gone(&state))
}

/// To the page that says so, without the cookie.
fn gone(state: &State) -> Response {
    let mut response = see_other("/auth/signed-out");
    if let Some(cookie) = cookies::clear(Names::of(state.api.origin()).session) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Template)]
#[template(path = "signed-out.html")]
struct SignedOut {
    w: Words,
    /// Where the identity provider's own session is ended.
    provider: String,
}

pub(crate) async fn signed_out(Injected(state): Injected<State>, look: Look) -> Response {
    let provider = format!("{}/common/oauth2/v2.0/logout", state.api.step_up.login);
    let w = look.words();
    let page = Page::new(&w.t("signin-out-title"), &SignedOut { w, provider });
    page.look(look).into_response()
}
