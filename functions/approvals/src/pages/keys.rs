//! `/passkeys`: one's own keys, and, for admins, those that wait for them.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response as HttpResponse;
use hourglass_app::passkeys::{self, KeyRecord, KeyWish};
use hourglass_app::{AppError, directory};
use hourglass_domain::passkey::KeyStatus;
use hourglass_domain::roles::Role;
use hourglass_domain::webauthn::CredentialId;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::assets::PASSKEY;
use hourglass_web::csrf::Form;
use hourglass_web::extract::{Body, Query};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::show::State as KeyState;
use super::{Challenge, Pages, Place, Response, Shown, go, message, next};

/// How many characters of a credential id people compare by phone.
const COMPARED: usize = 12;

/// A key on its owner's page.
struct KeyShown {
    name: String,
    credential: String,
    short: String,
    state: KeyState,
    /// From when on it counts for critical access, where it does not yet.
    critical_from: Option<Timestamp>,
    added: Timestamp,
    used: Option<Timestamp>,
    waits: bool,
    usable: bool,
}

fn short(credential: &CredentialId) -> String {
    credential.to_string().chars().take(COMPARED).collect()
}

impl KeyShown {
    fn new(w: Words, record: &KeyRecord, rp_id: &str, now: Timestamp) -> Self {
        let key = &record.key;
        let usable = key.is_usable(rp_id);
        let cools = match key.counts(now) {
            Err(Refusal::KeyCoolsDown { until }) if usable => Some(until),
            _ => None,
        };
        let (icon, tone, text) = match (key.status, usable, key.counts(now)) {
            (KeyStatus::Waiting, ..) => ("◷", "waiting", w.t("keys-state-waiting")),
            (KeyStatus::Removed, ..) => ("–", "", w.t("keys-state-removed")),
            (KeyStatus::Usable, false, _) => ("✕", "failing", w.t1("keys-state-void", "host", &key.rp_id)),
            (KeyStatus::Usable, true, Err(refusal)) if cools.is_none() => ("✕", "failing", w.refusal(&refusal)),
            (KeyStatus::Usable, true, Ok(()) | Err(_)) => ("✓", "good", w.t("keys-state-usable")),
        };
        Self {
            name: key.name.clone(),
            credential: key.credential.to_string(),
            short: short(&key.credential),
            state: KeyState { icon, tone, text },
            critical_from: cools,
            added: key.registered_at,
            used: record.used_at,
            waits: key.status == KeyStatus::Waiting,
            usable,
        }
    }
}

#[derive(Template)]
#[template(path = "passkeys.html")]
struct Own<'a> {
    w: Words,
    message: Option<String>,
    keys: Vec<KeyShown>,
    has_usable: bool,
    one_usable: bool,
    waits: bool,
    first_short: String,
    is_admin: bool,
    token: &'a str,
}

pub(crate) async fn own(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let (_, party) = console.who.party().map_err(|refusal| console.fail(&refusal.into()))?;
    let records = passkeys::all_of(core, &console.who.application.value.id, party.user)
        .await
        .map_err(|error| console.fail(&error))?;
    let (w, rp_id) = (console.words(), core.settings.rp_id());
    let keys: Vec<KeyShown> = records
        .iter()
        .filter(|stored| stored.value.key.status != KeyStatus::Removed)
        .map(|stored| KeyShown::new(w, &stored.value, &rp_id, console.now()))
        .collect();
    let usable = keys.iter().filter(|key| key.usable).count();
    let waiting = keys.iter().find(|key| key.waits);
    let content = Own {
        w,
        message: message(w, shown.done.as_deref()),
        has_usable: usable > 0,
        one_usable: usable == 1,
        waits: waiting.is_some(),
        first_short: waiting.map(|key| key.short.clone()).unwrap_or_default(),
        is_admin: console.who.has(Role::Admin),
        token: console.form_token().as_str(),
        keys,
    };
    Ok(console.page(&w.t("keys-title"), &content).script(&PASSKEY))
}

/// What the form for a new key sends before the ceremony.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewForm {
    name: String,
}

/// A key may be added after a recent sign-in only: whoever finds a browser open adds none.
pub(crate) async fn new(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<NewForm>,
) -> Result<Json<Challenge>, PageError> {
    hourglass_domain::passkey::Passkey::check_name(&body.value.name)
        .map_err(|refusal| console.fail(&refusal.into()))?;
    let begun = passkeys::begin_registration(&pages.api.core, &*pages.passkeys, &console.who)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Json(begun.into()))
}

/// What the ceremony for a new key made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    ceremony: Uuid,
    name: String,
    response: Value,
}

pub(crate) async fn made(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<Made>,
) -> Result<Json<Place>, PageError> {
    let Made {
        ceremony,
        name,
        response,
    } = body.value;
    let (core, passkeys) = (&pages.api.core, &*pages.passkeys);
    passkeys::finish_registration(core, passkeys, &console.who, ceremony, &name, &response.to_string())
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Place::of("/passkeys?done=made"))
}

/// What a form about a key sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeyForm {
    /// Vouch for a new key of one's own.
    Add { credential: String },
    /// Rename one's own.
    Rename { credential: String, name: String },
    /// Remove one's own.
    Remove { credential: String },
    /// Vouch for somebody's first key.
    Confirm { credential: String, user: String },
    /// Take all keys of somebody away.
    Recover { user: String },
}

fn credential(text: &str) -> Result<CredentialId, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound { what: "passkey" })
}

impl KeyForm {
    fn read(&self) -> Result<KeyWish, Refusal> {
        let user = |text: &str| text.trim().parse().map_err(|_| Refusal::NotFound { what: "user" });
        Ok(match self {
            Self::Add { credential: id } => KeyWish::Add(credential(id)?),
            Self::Rename { credential: id, name } => KeyWish::Rename(credential(id)?, name.clone()),
            Self::Remove { credential: id } => KeyWish::Remove(credential(id)?),
            Self::Confirm {
                credential: id,
                user: of,
            } => KeyWish::Confirm(user(of)?, credential(id)?),
            Self::Recover { user: of } => KeyWish::Recover(user(of)?),
        })
    }
}

pub(crate) async fn challenge(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<KeyForm>,
) -> Result<Json<Challenge>, PageError> {
    let wish = body.value.read().map_err(|refusal| console.fail(&refusal.into()))?;
    let begun = passkeys::begin_key_change(&pages.api.core, &*pages.passkeys, &console.who, &wish)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Json(begun.into()))
}

pub(crate) async fn signed(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<Response>,
) -> Result<Json<Place>, PageError> {
    let Response { ceremony, response } = body.value;
    let (core, passkeys) = (&pages.api.core, &*pages.passkeys);
    passkeys::finish_key_change(core, passkeys, &console.who, ceremony, &response.to_string())
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Place::of("/passkeys?done=changed"))
}

/// The code from set-up, typed by the very first admin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUpForm {
    credential: String,
    code: String,
}

pub(crate) async fn set_up(
    State(pages): State<Pages>,
    form: Form<SetUpForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = form.console;
    let fail = |error: AppError| console.fail(&error);
    let credential = credential(&form.value.credential).map_err(|refusal| fail(refusal.into()))?;
    passkeys::use_set_up_code(&pages.api.core, &console.who, &credential, &form.value.code)
        .await
        .map_err(fail)?;
    Ok(go("/passkeys?done=changed"))
}

/// A key that waits, on an admin's page.
struct WaitingKey {
    owner: String,
    object_id: String,
    user: String,
    name: String,
    credential: String,
    short: String,
    added: Timestamp,
    own: bool,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting<'a> {
    w: Words,
    message: Option<String>,
    keys: Vec<WaitingKey>,
    next: Option<String>,
    former_host: Option<String>,
    host: String,
    voids: usize,
    token: &'a str,
}

/// An admin accepts the console's new host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostForm {
    voids: usize,
}

pub(crate) async fn host(State(pages): State<Pages>, form: Form<HostForm, Recent>) -> Result<HttpResponse, PageError> {
    let console = form.console;
    passkeys::accept_relying_party(&pages.api.core, &console.who, form.value.voids)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(go("/passkeys/waiting?done=changed"))
}

pub(crate) async fn waiting(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let w = console.words();
    let (after, limit) = shown.paging();
    let page = passkeys::waiting_keys(core, &console.who, after, limit)
        .await
        .map_err(|error| console.fail(&error))?;
    let application = &console.who.application.value.id;
    let me = console.who.party().ok().map(|(_, party)| party.user);
    let mut keys = Vec::new();
    for stored in &page.items {
        let key = &stored.value.key;
        let owner = directory::user(&*core.store, application, key.owner)
            .await
            .map_err(|error| console.fail(&error.into()))?;
        keys.push(WaitingKey {
            owner: owner.map_or_else(|| w.t("keys-owner-gone"), |user| user.value.name()),
            object_id: key.object_id.to_string(),
            user: key.owner.to_string(),
            name: key.name.clone(),
            credential: key.credential.to_string(),
            short: short(&key.credential),
            added: key.registered_at,
            own: me == Some(key.owner),
        });
    }
    let former_host = passkeys::former_host(core)
        .await
        .map_err(|error| console.fail(&error))?;
    let voids = match &former_host {
        None => 0,
        Some(_) => passkeys::voided(core, &console.who)
            .await
            .map_err(|error| console.fail(&error))?,
    };
    let content = Waiting {
        w,
        message: message(w, shown.done.as_deref()),
        former_host,
        host: core.settings.rp_id(),
        voids,
        keys,
        next: next(page.next.as_deref()),
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("keys-waiting-title"), &content).script(&PASSKEY))
}
