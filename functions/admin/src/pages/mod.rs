//! The pages on which admins configure an application: `/admin`.
//!
//! Everything here goes through the same use cases as `/v1/admin`; each of them asks for the role `Admin` itself. A change
//! takes a [`hourglass_web::csrf::Form`] of somebody who signed in within 15 minutes.

mod changed;
mod directory;
mod entitlements;
mod form;
mod home;
mod operations;
pub(crate) mod people;
mod switch_on;
mod template;

use axum::Router;
use axum::routing::{get, post};
use hourglass_app::AppError;
use hourglass_app::admin::changes::{self, Command, Done, Outcome, Wish};
use hourglass_domain::Refusal;
use hourglass_domain::two_person::Mode;
use hourglass_web::page::PageError;
use hourglass_web::session::Console;
use hourglass_web::words::Words;
use serde::Deserialize;

use crate::AdminApi;

/// The routes.
pub(crate) fn router(state: AdminApi) -> Router {
    Router::new()
        .route("/admin", get(home::home))
        .route("/admin/changes/{id}/apply", post(changed::apply))
        .route("/admin/changes/{id}/explain", post(changed::explain))
        .route("/admin/changes/{id}/withdraw", post(changed::withdraw))
        .route("/admin/directory", get(directory::users))
        .route("/admin/directory/groups", get(directory::groups))
        .route("/admin/directory/users/{id}", get(directory::user))
        .route(
            "/admin/directory/users/{id}/end-sessions",
            post(directory::end_sessions),
        )
        .route("/admin/directory/groups/{id}", get(directory::group))
        .route(
            "/admin/entitlements",
            get(entitlements::list).post(entitlements::create),
        )
        .route("/admin/entitlements/new", get(entitlements::new))
        .route(
            "/admin/entitlements/groups",
            get(switch_on::list).post(switch_on::switch_on),
        )
        .route(
            "/admin/entitlements/{id}",
            get(entitlements::get).post(entitlements::update),
        )
        .route("/admin/template", get(template::get).post(template::put))
        .merge(operations::routes())
        .with_state(state)
}

/// The sections of the configuration: address, and the message with its name.
const SECTIONS: [(&str, &str); 10] = [
    ("/admin", "admin-tab-home"),
    ("/admin/directory", "admin-tab-directory"),
    ("/admin/entitlements", "admin-tab-entitlements"),
    ("/admin/template", "admin-tab-template"),
    ("/admin/integrations", "admin-tab-integrations"),
    ("/admin/scim", "admin-tab-scim"),
    ("/admin/drift", "admin-tab-drift"),
    ("/admin/revocations", "admin-tab-revocations"),
    ("/admin/kill-switch", "admin-tab-kill-switch"),
    ("/changes", "admin-tab-changes"),
];

/// What stands above every page of the configuration.
pub(crate) struct Top<'a> {
    /// The texts.
    pub(crate) w: Words,
    /// Which section it is.
    pub(crate) section: &'static str,
    /// What was done a moment ago.
    pub(crate) done: Option<String>,
    /// The token of the page's forms.
    pub(crate) token: &'a str,
    /// Whether one admin changes everything, because no second one has signed in yet.
    pub(crate) alone: bool,
    /// Where to sign in again first, if the last time is too long ago to change anything.
    pub(crate) first: Option<String>,
}

impl<'a> Top<'a> {
    pub(crate) async fn new(
        state: &AdminApi,
        console: &'a Console,
        section: &'static str,
        shown: &Shown,
    ) -> Result<Self, AppError> {
        let w = console.words();
        let mode = changes::mode(&state.api.core, &console.who).await?;
        Ok(Self {
            alone: matches!(mode, Mode::One { .. }),
            w,
            section,
            done: shown
                .done
                .as_deref()
                .and_then(|done| w.maybe(&format!("admin-done-{done}"))),
            token: console.form_token().as_str(),
            first: console.sign_in_first(),
        })
    }

    /// The sections: address, name, and whether it is this one.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (&'static str, String, bool)> {
        SECTIONS
            .iter()
            .map(|(place, name)| (*place, self.w.t(name), *place == self.section))
    }
}

/// Parameters of a page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    /// What was just done: shown as the message `admin-done-<name>`, and not at all when there is none of that name.
    #[serde(default)]
    pub(crate) done: Option<String>,
    /// Which part of a list.
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    /// What is searched for.
    #[serde(default)]
    pub(crate) q: Option<String>,
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
pub(crate) const MOST_ROWS: usize = 50;

/// The cursor after a part of a list.
pub(crate) fn next(after: Option<&str>) -> Option<String> {
    hourglass_web::extract::ListView::<u8>::new(Vec::new(), after).next_cursor
}

/// Does what an admin wants, and gives the place to go to: where it was done, or where it is signed.
pub(crate) async fn submit(
    state: &AdminApi,
    console: &Console,
    command: Command,
    done: impl FnOnce(&Done) -> String,
) -> Result<String, AppError> {
    let wish = Wish::new(command);
    Ok(
        match changes::submit(&state.api.core, &console.who, &wish, None).await? {
            Outcome::Done(what) => done(&what),
            Outcome::Waiting(proposal) => format!("/changes/{}?done=proposed", proposal.id),
            // Only a call with an Idempotency-Key is answered again.
            Outcome::Replayed(_) => "/changes".to_owned(),
        },
    )
}

/// An id in a path; what is no id is not found.
pub(crate) fn id<T: std::str::FromStr>(console: &Console, what: &'static str, text: &str) -> Result<T, PageError> {
    text.parse()
        .map_err(|_| console.fail(&AppError::from(Refusal::NotFound { what })))
}
