//! What keeps an application going: its first steps, integrations and SCIM, drift, removals that fail, the kill switch, and
//! who is who.

mod aws;
mod drift;
mod integrations;
mod kill_switch;
mod links;
mod revocations;
mod scim;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hourglass_app::AppError;
use hourglass_app::admin::changes::{self, Command, Outcome, Wish};
use hourglass_app::admin::lookup;
use hourglass_app::caller::Who;
use hourglass_app::directory;
use hourglass_app::ports::Core;
use hourglass_domain::Refusal;
use hourglass_domain::directory::User;
use hourglass_domain::ids::ObjectId;
use hourglass_domain::refusal::Rule;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, START};
use hourglass_web::words::Words;
use http::StatusCode;

use super::{Shown, Top};
use crate::AdminApi;

/// The routes.
pub(super) fn routes() -> Router<AdminApi> {
    Router::new()
        .route(START, get(start::form).post(start::register))
        .route(integrations::PLACE, get(integrations::page).post(integrations::save))
        .route("/admin/integrations/test", post(integrations::test))
        .route("/admin/integrations/aws", post(aws::save))
        .route("/admin/integrations/aws/test", post(aws::test))
        .route("/admin/integrations/aws/remove", get(aws::ask).post(aws::remove))
        .route("/admin/integrations/aws/forget", post(aws::forget))
        .route(scim::PLACE, get(scim::page))
        .route("/admin/scim/secrets", post(scim::add))
        .route("/admin/scim/secrets/delete", post(scim::delete))
        .route(drift::PLACE, get(drift::list).post(drift::protect))
        .route("/admin/drift/{id}", get(drift::of).post(drift::standing))
        .route("/admin/drift/{id}/mode", post(drift::choose))
        .route(revocations::PLACE, get(revocations::list))
        .route(
            "/admin/revocations/{id}",
            get(revocations::of).post(revocations::propose),
        )
        .route("/admin/revocations/{id}/confirm", post(revocations::confirm))
        .route(kill_switch::PLACE, get(kill_switch::state))
        .route(
            "/admin/kill-switch/press",
            get(kill_switch::preview).post(kill_switch::press),
        )
        .route("/admin/kill-switch/release", post(kill_switch::release))
        .route(links::PLACE, get(links::list).post(links::link))
        .route("/admin/links/unlink", post(links::unlink))
        .route("/admin/links/attribute", post(links::choose))
}

/// What stands above a page that says what was just done.
async fn top<'a>(
    state: &AdminApi,
    console: &'a Console,
    section: &'static str,
    done: Option<&String>,
) -> Result<Top<'a>, PageError> {
    let shown = Shown {
        done: done.cloned(),
        ..Shown::default()
    };
    Top::new(state, console, section, &shown)
        .await
        .map_err(|error| console.fail(&error))
}

/// Back to a page, which says what was done.
fn back(place: &str, done: &str) -> Response {
    see_other(&format!("{place}?done={done}"))
}

/// Does what an admin wants, against the version that their page showed, and leads to where it was done, or to where two
/// admins sign it.
async fn submit(
    state: &AdminApi,
    console: &Console,
    command: Command,
    version: Option<u64>,
    place: &str,
    done: &str,
) -> Result<Response, AppError> {
    let wish = Wish::new(command).version(version);
    let outcome = changes::submit(&state.api.core, &console.who, &wish, None).await?;
    Ok(waiting(&outcome).unwrap_or_else(|| back(place, done)))
}

/// Where a change waits for two admins, if it does.
fn waiting(outcome: &Outcome) -> Option<Response> {
    match outcome {
        Outcome::Waiting(proposal) => Some(see_other(&format!("/changes/{}?done=proposed", proposal.id))),
        Outcome::Done(_) | Outcome::Replayed(_) => None,
    }
}

/// A form again, with what is wrong.
fn again(page: Page) -> Response {
    page.status(StatusCode::UNPROCESSABLE_ENTITY).into_response()
}

/// What was typed into a field; what stands there twice is wrong.
fn typed(w: Words, fields: &mut Fields, wrong: &mut Wrong, name: &'static str) -> String {
    wrong.keep(w, fields.take(name)).unwrap_or_default()
}

/// What was typed, read; a sentence beside the field where it cannot be.
fn read<T: FromStr>(wrong: &mut Wrong, field: &str, text: &str, sentence: impl FnOnce() -> String) -> Option<T> {
    let read = text.parse().ok();
    if read.is_none() {
        wrong.say_at(field, sentence());
    }
    read
}

/// The hidden field of a form, which only a form of somebody else's making has wrong.
fn hidden<T: FromStr>(console: &Console, fields: &mut Fields, name: &'static str) -> Result<T, PageError> {
    let text = fields.take(name).map_err(|refusal| console.fail(&refusal.into()))?;
    text.parse()
        .map_err(|_| console.fail(&Refusal::invalid(name, Rule::Altered).into()))
}

/// # Errors
/// When a form has a field that nobody read.
fn done(console: &Console, fields: Fields) -> Result<(), PageError> {
    fields.done().map_err(|refusal| console.fail(&refusal.into()))
}

/// What is wrong with a form, where the error belongs beside it.
///
/// # Errors
/// The page with the error otherwise.
fn wrong(console: &Console, error: AppError) -> Result<Wrong, PageError> {
    Wrong::from_error(console.words(), error).map_err(|error| console.fail(&error))
}

/// The users behind accounts, by object id; accounts that are not provisioned are missing.
async fn users(
    core: &Core,
    who: &Who,
    accounts: impl IntoIterator<Item = ObjectId>,
) -> Result<BTreeMap<ObjectId, User>, AppError> {
    let accounts: Vec<ObjectId> = accounts.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let application = &who.application.value.id;
    let found = directory::provisioned_users_by_object_ids(&*core.store, application, &accounts).await?;
    let named = accounts.into_iter().zip(found);
    Ok(named.filter_map(|(id, user)| Some((id, user?.value))).collect())
}

/// An account by what was typed: of a provisioned user, or by the object id of one that is not, as emergency accounts often
/// are.
async fn account(core: &Core, who: &Who, field: &'static str, text: &str) -> Result<ObjectId, AppError> {
    let user = match lookup::user(core, who, field, text).await {
        Ok(user) => user,
        Err(AppError::Refused(refusal @ Refusal::NobodyNamed { .. })) => {
            return text.trim().parse().map_err(|_| refusal.into());
        }
        Err(error) => return Err(error),
    };
    let none = || Refusal::invalid(field, Rule::UserWithoutObjectId { user: user.name() });
    Ok(user.object_id().ok_or_else(none)?)
}

/// An account as it is shown.
struct Account {
    id: ObjectId,
    name: Option<String>,
    user_name: Option<String>,
}

impl Account {
    fn of(id: ObjectId, user: Option<&User>) -> Self {
        Self {
            id,
            name: user.map(User::name),
            user_name: user.map(User::sign_in_name),
        }
    }
}
