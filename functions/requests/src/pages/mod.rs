//! Pages on which people ask for access, see what they have, and look at what happened.
//!
//! Everything works without script. Reading a page changes nothing, apart from the note that somebody who reads everything did.

mod access;
mod export;
mod history;
mod look;
mod now;
mod one;
mod request;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::response::Response;
use axum::routing::{get, post};
use hourglass_app::catalogue::search::Index;
use hourglass_domain::Refusal;
use hourglass_web::Api;
use hourglass_web::extract::{ListView, Paging};
use hourglass_web::page::{PageError, see_other};
use hourglass_web::session::Console;
use serde::Deserialize;

/// What the pages need.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// What every route needs.
    pub(crate) api: Api,
    /// What can be asked for, in short.
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
        .route("/", get(home))
        .route("/request", get(request::open).post(request::send))
        .route("/request/preview", post(request::preview))
        .route("/access", get(access::own))
        .route("/access/{grant}/end", post(access::end))
        .route("/access/{grant}/extend", get(access::extension).post(access::extend))
        .route("/requests/{id}", get(one::show))
        .route("/requests/{id}/remind", post(one::remind))
        .route("/requests/{id}/cancel", post(one::cancel))
        .route("/requests/{id}/revoke", post(one::revoke))
        .route("/history", get(history::list))
        .route("/history/timeline", get(history::timeline))
        .route("/history/export", get(export::parts))
        .route("/history/export.csv", get(export::csv))
        .route("/history/export.ndjson", get(export::ndjson))
        .route("/now", get(now::list))
        .with_state(pages)
}

async fn home() -> Response {
    see_other("/access")
}

/// What was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    #[serde(default)]
    done: Option<String>,
}

impl Shown {
    /// The message of what was done; nothing that comes from outside is shown.
    fn message(&self) -> Option<&'static str> {
        Some(match self.done.as_deref()? {
            "asked" => "done-asked",
            "ended" => "done-ended",
            "revoked" => "done-revoked",
            "extended" => "done-extended",
            "reminded" => "done-reminded",
            "cancelled" => "done-cancelled",
            _ => return None,
        })
    }
}

/// An id in a path; what is no id is not found.
pub(crate) fn id<T: std::str::FromStr>(console: &Console, what: &'static str, text: &str) -> Result<T, PageError> {
    text.parse()
        .map_err(|_| console.fail(&Refusal::NotFound { what }.into()))
}

/// Where a list goes on. A cursor that is none of ours begins it anew.
pub(crate) fn place_in_list(cursor: Option<&str>) -> Option<String> {
    let paging = Paging {
        cursor: cursor.map(str::to_owned),
        limit: None,
    };
    paging.read().ok().and_then(|(after, _)| after)
}

/// The cursor after a part of a list.
pub(crate) fn cursor(after: Option<&str>) -> Option<String> {
    ListView::<u8>::new(Vec::new(), after).next_cursor
}

/// An address with the parameters that have a value.
pub(crate) fn address(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_what_was_typed_and_nothing_empty() {
        let parameters = [("q", Some("a&b=ü")), ("state", None), ("from", Some(""))];
        assert_eq!(address("/history", &parameters), "/history?q=a%26b%3D%C3%BC");
        assert_eq!(address("/history", &[]), "/history");
    }

    #[test]
    fn a_cursor_comes_back_and_nonsense_begins_anew() {
        let next = cursor(Some("2026-11-22T09:30:00.000Z#7")).unwrap();
        assert_eq!(
            place_in_list(Some(&next)).as_deref(),
            Some("2026-11-22T09:30:00.000Z#7")
        );
        assert_eq!(place_in_list(Some("%%%")), None);
        assert_eq!(place_in_list(None), None);
    }

    #[test]
    fn only_what_we_say_is_shown_as_done() {
        let shown = |text: &str| {
            Shown {
                done: Some(text.to_owned()),
            }
            .message()
        };
        assert_eq!(shown("asked"), Some("done-asked"));
        assert_eq!(shown("<script>"), None);
    }
}
