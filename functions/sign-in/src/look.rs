//! Language and theme of the pages: a choice that is kept in a cookie, for everybody, signed in or not.

use axum::extract::{Request, State as Injected};
use axum::response::Response;
use hourglass_domain::session::is_own_path;
use hourglass_web::csrf;
use hourglass_web::look::{Look, Theme};
use hourglass_web::page::{PageError, see_other};
use hourglass_web::problem::Problem;
use hourglass_web::session::HOME;
use hourglass_web::words::Language;
use http::header;
use serde::Deserialize;

use crate::State;

/// What somebody chose: either, or both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    theme: Option<String>,
}

/// Keeps the choice and goes back to the page. It needs no token of a session, because nothing hangs on it; only pages of
/// ours may send it all the same.
pub(crate) async fn choose(Injected(state): Injected<State>, request: Request) -> Result<Response, PageError> {
    let (parts, body) = request.into_parts();
    let mut look = Look::of(&parts.headers);
    let before = look;
    let refused = |problem: Box<Problem>| PageError::new(problem, true).look(before);
    csrf::same_origin(&parts.headers, state.api.origin()).map_err(refused)?;
    let choice: Choice = csrf::read_open_form(&parts.headers, body).await.map_err(refused)?;
    let unknown = |field: &str| {
        let detail = "That is not among what can be chosen.";
        refused(Problem::bad_request("invalid", Some(field.to_owned()), detail).into())
    };
    if let Some(tag) = choice.language {
        look.language = Language::from_tag(&tag).ok_or_else(|| unknown("language"))?;
    }
    if let Some(name) = choice.theme {
        look.theme = Theme::from_name(&name).ok_or_else(|| unknown("theme"))?;
    }
    let place = parts
        .headers
        .get(header::REFERER)
        .and_then(|referer| referer.to_str().ok())
        .and_then(|referer| referer.strip_prefix(state.api.origin()))
        .filter(|place| is_own_path(place))
        .unwrap_or(HOME);
    let mut response = see_other(place);
    if let Some(cookie) = look.cookie() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
