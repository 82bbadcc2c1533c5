//! `/admin/directory`: what Entra has provisioned.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hourglass_app::admin::{links, lookup, people, search};
use hourglass_app::sessions::Present;
use hourglass_app::{AppError, directory};
use hourglass_domain::Timestamp;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::ids::{GroupId, UserId};
use hourglass_domain::passkey::{KeyStatus, Passkey};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use serde::Deserialize;

use super::{MOST_ROWS, Shown, Top, id, next};
use crate::AdminApi;

const SECTION: &str = "/admin/directory";
/// Most groups or members that one page shows.
const MOST_MEMBERS: usize = 100;

/// A line of the list of users.
struct UserRow {
    id: String,
    name: String,
    user_name: String,
    active: bool,
    modified_at: Timestamp,
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name(),
            user_name: user.sign_in_name(),
            active: user.active,
            modified_at: user.modified_at,
        }
    }
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users<'a> {
    top: Top<'a>,
    q: String,
    rows: Vec<UserRow>,
    next: Option<String>,
}

/// Somebody is found by id, or by part of a name; without a search everybody is listed.
pub(crate) async fn users(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let core = &state.api.core;
    let q = shown.q.clone().unwrap_or_default().trim().to_owned();
    let (after, _) = shown.paging();
    let found = search::users(core, &console.who, &q, after, MOST_ROWS).await;
    let found = found.map_err(fail)?;
    let content = Users {
        top: Top::new(&state, &console, SECTION, &shown).await.map_err(fail)?,
        rows: found.items.iter().map(UserRow::from).collect(),
        q,
        next: next(found.next.as_deref()),
    };
    Ok(console.page(&console.words().t("admin-users-title"), &content))
}

/// A line of the list of groups.
struct GroupRow {
    id: String,
    name: String,
    modified_at: Timestamp,
}

impl From<&Group> for GroupRow {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name(),
            modified_at: group.modified_at,
        }
    }
}

#[derive(Template)]
#[template(path = "groups.html")]
struct Groups<'a> {
    top: Top<'a>,
    q: String,
    rows: Vec<GroupRow>,
    next: Option<String>,
}

pub(crate) async fn groups(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let core = &state.api.core;
    let q = shown.q.clone().unwrap_or_default().trim().to_owned();
    let (after, _) = shown.paging();
    let found = search::groups(core, &console.who, &q, after, MOST_ROWS).await;
    let found = found.map_err(fail)?;
    let content = Groups {
        top: Top::new(&state, &console, SECTION, &shown).await.map_err(fail)?,
        rows: found.items.iter().map(GroupRow::from).collect(),
        q,
        next: next(found.next.as_deref()),
    };
    Ok(console.page(&console.words().t("admin-groups-title"), &content))
}

#[derive(Template)]
#[template(path = "user.html")]
struct OneUser<'a> {
    top: Top<'a>,
    user: User,
    object_id: Option<String>,
    groups: Vec<(String, String)>,
    more_groups: bool,
    accounts: Vec<links::Account>,
    keys: Vec<KeyRow>,
    sessions: Vec<Present>,
}

/// A passkey of somebody.
struct KeyRow {
    name: String,
    /// The message with its state, its icon, and its tone.
    state: (&'static str, &'static str, &'static str),
    registered_at: Timestamp,
}

impl KeyRow {
    fn of(key: &Passkey, rp_id: &str) -> Self {
        Self {
            name: key.name.clone(),
            state: match key.status {
                KeyStatus::Waiting => ("admin-key-waiting", "◷", "waiting"),
                KeyStatus::Removed => ("admin-key-removed", "–", ""),
                KeyStatus::Usable if key.is_usable(rp_id) => ("admin-key-usable", "●", "good"),
                KeyStatus::Usable => ("admin-key-void", "✕", "failing"),
            },
            registered_at: key.registered_at,
        }
    }
}

pub(crate) async fn user(
    State(state): State<AdminApi>,
    console: Console,
    Path(text): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let core = &state.api.core;
    let id: UserId = id(&console, "user", &text)?;
    let user = lookup::user(core, &console.who, "user", &id.to_string())
        .await
        .map_err(|error| match error {
            AppError::Refused(refusal) if refusal.field() == Some("user") => {
                fail(hourglass_domain::Refusal::NotFound { what: "user" }.into())
            }
            error => fail(error),
        })?;
    let application = &console.who.application.value.id;
    let groups = directory::groups_of_page(&*core.store, application, id, None, MOST_MEMBERS).await;
    let groups = groups.map_err(|error| fail(error.into()))?;
    let human = match user.object_id() {
        Some(_) => links::get(core, &console.who, id).await.map_err(fail)?.accounts,
        None => Vec::new(),
    };
    let signs_in = people::signs_in(core, &console.who, id).await.map_err(fail)?;
    let rp_id = core.settings.rp_id();
    let title = user.name();
    let content = OneUser {
        keys: signs_in.keys.iter().map(|key| KeyRow::of(key, &rp_id)).collect(),
        sessions: signs_in.sessions,
        top: Top::new(&state, &console, SECTION, &shown).await.map_err(fail)?,
        object_id: user.object_id().map(|id| id.to_string()),
        groups: groups
            .standing
            .iter()
            .map(|group| (group.value.id.to_string(), group.value.name()))
            .collect(),
        more_groups: groups.next.is_some(),
        accounts: human,
        user,
    };
    Ok(console.page(&title, &content))
}

/// A form without fields.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn end_sessions(
    State(state): State<AdminApi>,
    Path(text): Path<String>,
    form: Form<Nothing, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console;
    let id: UserId = id(console, "user", &text)?;
    people::end_sessions(&state.api.core, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other(&format!("{SECTION}/users/{id}?done=sessions-ended")))
}

#[derive(Template)]
#[template(path = "group.html")]
struct OneGroup<'a> {
    top: Top<'a>,
    group: Group,
    object_id: Option<String>,
    members: Vec<UserRow>,
    more_members: bool,
}

pub(crate) async fn group(
    State(state): State<AdminApi>,
    console: Console,
    Path(text): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let fail = |error: AppError| console.fail(&error);
    let core = &state.api.core;
    let id: GroupId = id(&console, "group", &text)?;
    let group = lookup::group(core, &console.who, "group", &id.to_string())
        .await
        .map_err(|error| match error {
            AppError::Refused(refusal) if refusal.field() == Some("group") => {
                fail(hourglass_domain::Refusal::NotFound { what: "group" }.into())
            }
            error => fail(error),
        })?;
    let application = &console.who.application.value.id;
    let members = directory::provisioned_members_page(&*core.store, application, id, None, MOST_MEMBERS).await;
    let members = members.map_err(|error| fail(error.into()))?;
    let title = group.name();
    let content = OneGroup {
        top: Top::new(&state, &console, SECTION, &shown).await.map_err(fail)?,
        object_id: group.object_id().map(|id| id.to_string()),
        members: members.standing.iter().map(|user| UserRow::from(&user.value)).collect(),
        more_members: members.next.is_some(),
        group,
    };
    Ok(console.page(&title, &content))
}
