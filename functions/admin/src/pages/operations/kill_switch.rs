//! `/admin/kill-switch`: what is held back, ending everything in a scope at once, and letting it go on.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::admin::kill_switch::{self, Named, Preview};
use hourglass_app::admin::{entitlements, lookup, require_admin};
use hourglass_app::{AppError, admin};
use hourglass_domain::grant::GrantStatus;
use hourglass_domain::ids::{EntitlementId, KillId, ProposalId, UserId};
use hourglass_domain::kill_switch::{Admin, KillScope, Stage};
use hourglass_domain::refusal::Rule;
use hourglass_domain::text::{LONGEST_JUSTIFICATION, check_free_text, typed as as_typed};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use serde::Deserialize;
use serde_json::Value;

use super::super::Top;
use super::{again, back, done, hidden, top, typed, wrong};
use crate::AdminApi;

/// Where the page is.
pub(super) const PLACE: &str = "/admin/kill-switch";
/// Where a scope is looked at and pressed.
const PRESS: &str = "/admin/kill-switch/press";
/// How long (seconds) after a press the page says that it was pressed.
const PRESSED_JUST_NOW_SECONDS: i64 = 600;
/// Most entitlements that a search shows.
const MOST_FOUND: usize = 20;

/// Parameters of the page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: Option<String>,
    /// `all`, `entitlement` or `user`.
    #[serde(default)]
    scope: Option<String>,
    /// What to look for.
    #[serde(default)]
    q: Option<String>,
}

/// A scope that is held back.
struct Held {
    name: String,
    kind: &'static str,
    id: String,
    since: Timestamp,
    pressed_at: Timestamp,
    by: String,
    reason: String,
    press: KillId,
    carried_out: bool,
    grants: u64,
    ended: u64,
    requests: u64,
    proposal: Option<Proposed>,
}

/// A wish to release it.
struct Proposed {
    id: ProposalId,
    by: String,
    until: Timestamp,
    own: bool,
}

#[derive(Template)]
#[template(path = "kill-switch.html")]
struct KillSwitch<'a> {
    top: Top<'a>,
    held: Vec<Held>,
    now: Timestamp,
    scope: String,
    typed: String,
    /// What a search for an entitlement found.
    found: Option<Vec<(String, String)>>,
    more: bool,
    wrong: Wrong,
}

/// What the kill switch holds back, and where a scope is chosen.
pub(crate) async fn state(
    State(state): State<AdminApi>,
    console: Console,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let text = asked.q.as_deref().unwrap_or_default().trim();
    let mut bad = Wrong::default();
    let mut found = None;
    match asked.scope.as_deref() {
        Some("all") => return Ok(see_other(&place(KillScope::All))),
        Some("user") => match user(&state, &console, text).await {
            Ok(scope) => return Ok(see_other(&place(scope))),
            Err(error) => bad = wrong(&console, error)?,
        },
        Some("entitlement") => {
            let (core, index) = (&state.api.core, &state.index);
            let all = entitlements::search(core, index, &console.who, text, None, MOST_FOUND).await;
            let (page, total) = all.map_err(|error| console.fail(&error))?;
            let more = total > page.items.len();
            let named = page.items.into_iter().map(|looked| looked.stored.value);
            found = Some((named.map(|found| (found.id, found.name)).collect(), more));
        }
        _ => {}
    }
    let page = show(&state, &console, &asked, found, bad).await?;
    Ok(page.into_response())
}

/// The user who is meant; one who was deleted is named by our id.
async fn user(state: &AdminApi, console: &Console, text: &str) -> Result<KillScope, AppError> {
    match lookup::user(&state.api.core, &console.who, "q", text).await {
        Ok(user) => Ok(KillScope::User { id: user.id }),
        Err(AppError::Refused(refusal @ Refusal::NobodyNamed { .. })) => {
            let id: UserId = text.parse().map_err(|_| refusal.clone())?;
            let scope = KillScope::User { id };
            let known = kill_switch::named(&state.api.core, &console.who, scope).await;
            known.map(|_| scope).map_err(|error| match error {
                AppError::Refused(_) => refusal.into(),
                other => other,
            })
        }
        Err(error) => Err(error),
    }
}

/// Where a scope is looked at.
fn place(scope: KillScope) -> String {
    let id = scope.id().map(|id| format!("&id={id}")).unwrap_or_default();
    format!("{PRESS}?scope={}{id}", scope.name())
}

/// Entitlements with their names, and whether there are more.
type Found = (Vec<(EntitlementId, String)>, bool);

async fn show(
    state: &AdminApi,
    console: &Console,
    asked: &Asked,
    found: Option<Found>,
    wrong: Wrong,
) -> Result<Page, PageError> {
    let held = held(state, console).await.map_err(|error| console.fail(&error))?;
    let more = found.as_ref().is_some_and(|(_, more)| *more);
    let found = found.map(|(all, _)| {
        let way = |id| place(KillScope::Entitlement { id });
        all.into_iter().map(|(id, name)| (name, way(id))).collect()
    });
    // An address that says so makes it not so: in an emergency nobody may believe that it was pressed.
    let pressed = |one: &Held| console.now().seconds_since(one.pressed_at) <= PRESSED_JUST_NOW_SECONDS;
    let said = asked.done.as_ref();
    let said = said.filter(|done| *done != "pressed" || held.iter().any(pressed));
    let content = KillSwitch {
        top: top(state, console, PLACE, said).await?,
        held,
        now: console.now(),
        scope: asked.scope.clone().unwrap_or_else(|| "user".to_owned()),
        typed: asked.q.clone().unwrap_or_default(),
        found,
        more,
        wrong,
    };
    let title = console.words().t("ops-kill-title");
    Ok(console.page(&title, &content).live())
}

async fn held(state: &AdminApi, console: &Console) -> Result<Vec<Held>, AppError> {
    let core = &state.api.core;
    let (w, own) = (console.words(), console.who.caller.object_id);
    let mut held = Vec::new();
    for state in kill_switch::state(core, &console.who).await? {
        let paused = state.paused;
        let name = match kill_switch::named(core, &console.who, paused.scope).await {
            Ok(named) => named.name,
            // It was deleted meanwhile.
            Err(AppError::Refused(_)) => None,
            Err(error) => return Err(error),
        };
        held.push(Held {
            name: said(w, paused.scope, name),
            kind: paused.scope.name(),
            id: paused.scope.id().unwrap_or_default(),
            since: paused.since,
            pressed_at: paused.pressed_at,
            by: named(&paused.by),
            reason: paused.reason,
            press: paused.press,
            carried_out: state.progress.stage == Stage::Done,
            grants: state.progress.grants.max(state.removing),
            ended: state.progress.grants.saturating_sub(state.removing),
            requests: state.progress.requests,
            proposal: paused
                .proposal
                .filter(|proposal| proposal.until > console.now())
                .map(|proposal| Proposed {
                    id: proposal.id,
                    own: proposal.by.object_id == own,
                    by: named(&proposal.by),
                    until: proposal.until,
                }),
        });
    }
    Ok(held)
}

fn named(admin: &Admin) -> String {
    let party = admin.party.as_ref().map(|party| party.name.clone());
    party.unwrap_or_else(|| admin.object_id.to_string())
}

/// What is in scope, in words.
fn said(w: Words, scope: KillScope, name: Option<String>) -> String {
    let name = name.or_else(|| scope.id()).unwrap_or_default();
    match scope {
        KillScope::All => w.t("ops-kill-all"),
        KillScope::Entitlement { .. } => w.t1("ops-kill-entitlement", "name", name),
        KillScope::User { .. } => w.t1("ops-kill-user", "name", name),
    }
}

/// Which scope to look at.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Scope {
    /// Left out, it is refused like any other that there is not: after it is known who asks.
    #[serde(default)]
    scope: String,
    #[serde(default)]
    id: Option<String>,
}

impl Scope {
    fn read(&self) -> Result<KillScope, Refusal> {
        let id = self.id.as_deref().unwrap_or_default();
        match self.scope.as_str() {
            "all" => Ok(KillScope::All),
            "entitlement" => {
                let id = id.parse().map_err(|_| Refusal::NotFound { what: "entitlement" })?;
                Ok(KillScope::Entitlement { id })
            }
            "user" => {
                let id = id.parse().map_err(|_| Refusal::NotFound { what: "user" })?;
                Ok(KillScope::User { id })
            }
            _ => Err(Refusal::invalid("scope", Rule::one_of(["all", "entitlement", "user"]))),
        }
    }
}

/// Something that a press would end.
struct Ends {
    who: String,
    what: String,
    status: &'static str,
    until: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "kill-press.html")]
struct Press<'a> {
    top: Top<'a>,
    said: String,
    kind: &'static str,
    id: String,
    found: &'a Preview,
    ends: Vec<Ends>,
    /// What has to be typed, in words.
    to_type: String,
    reason: String,
    confirm: String,
    wrong: Wrong,
}

pub(crate) async fn preview(
    State(state): State<AdminApi>,
    console: Console,
    Query(scope): Query<Scope>,
) -> Result<Page, PageError> {
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let scope = scope.read().map_err(|refusal| console.fail(&refusal.into()))?;
    show_press(&state, &console, scope, String::new(), String::new(), Wrong::default()).await
}

async fn show_press(
    state: &AdminApi,
    console: &Console,
    scope: KillScope,
    reason: String,
    confirm: String,
    wrong: Wrong,
) -> Result<Page, PageError> {
    let found = kill_switch::preview(&state.api.core, &console.who, scope)
        .await
        .map_err(|error| console.fail(&error))?;
    let w = console.words();
    let names = Named {
        name: found.name.clone(),
        user_name: found.user_name.clone(),
    };
    let grants = found.some_grants.iter().map(|grant| Ends {
        who: grant.beneficiary.name.clone(),
        what: grant.entitlement_name.clone(),
        status: if grant.status == GrantStatus::Ending {
            "ops-kill-ending"
        } else if grant.starts_at > console.now() {
            "ops-kill-scheduled"
        } else {
            "ops-kill-live"
        },
        until: Some(grant.expires_at),
    });
    let requests = found.some_requests.iter().map(|request| Ends {
        who: request.beneficiary.name.clone(),
        what: request.entitlement_name.clone(),
        status: "ops-kill-waiting",
        until: None,
    });
    let content = Press {
        top: top(state, console, PLACE, None).await?,
        said: said(w, scope, found.name.clone()),
        kind: scope.name(),
        id: scope.id().unwrap_or_default(),
        ends: grants.chain(requests).collect(),
        to_type: in_words(w, &to_type(console, scope, &names)),
        found: &found,
        reason,
        confirm,
        wrong,
    };
    Ok(console.page(&w.t("ops-kill-press-title"), &content))
}

/// What may be typed before a press: the name of what is meant, so that nobody presses for something else, or the name that
/// the user signs in with. Whoever chooses a display name must not choose one that nobody can type.
fn to_type(console: &Console, scope: KillScope, names: &Named) -> Vec<String> {
    let names = [&names.name, &names.user_name].into_iter().flatten();
    let mut all: Vec<String> = names
        .map(|name| as_typed(name))
        .filter(|name| !name.is_empty())
        .collect();
    all.dedup();
    if all.is_empty() {
        let id = scope.id();
        all.push(id.unwrap_or_else(|| console.who.application.value.id.to_string()));
    }
    all
}

fn in_words(w: Words, to_type: &[String]) -> String {
    match to_type {
        [name, user_name] => w.t2("ops-kill-type-either", "name", name, "user", user_name),
        _ => to_type.concat(),
    }
}

pub(crate) async fn press(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    admin::require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut fields = form.value;
    let scope = read_scope(console, &mut fields)?;
    let confirmation: String = hidden(console, &mut fields, "confirmation")?;
    let (w, mut bad) = (console.words(), Wrong::default());
    let reason = typed(w, &mut fields, &mut bad, "reason");
    let confirm = typed(w, &mut fields, &mut bad, "confirm");
    done(console, fields)?;
    let core = &state.api.core;
    let names = kill_switch::named(core, &console.who, scope)
        .await
        .map_err(|error| console.fail(&error))?;
    let names = to_type(console, scope, &names);
    if !names.contains(&as_typed(&confirm)) {
        bad.say_at("confirm", w.t1("ops-wrong-confirm", "name", in_words(w, &names)));
    }
    bad.keep(w, check_free_text("reason", &reason, 1, LONGEST_JUSTIFICATION));
    if bad.is_empty() {
        let nothing = |_: &kill_switch::State| Value::Null;
        match kill_switch::press(core, &console.who, scope, &reason, &confirmation, None, &nothing).await {
            Ok(_) => return Ok(back(PLACE, "pressed")),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    Ok(again(show_press(&state, console, scope, reason, confirm, bad).await?))
}

fn read_scope(console: &Console, fields: &mut Fields) -> Result<KillScope, PageError> {
    let scope: String = hidden(console, fields, "scope")?;
    let id: String = hidden(console, fields, "id")?;
    let scope = Scope { scope, id: Some(id) };
    scope.read().map_err(|refusal| console.fail(&refusal.into()))
}

/// Proposes to release a scope, or confirms another admin's proposal.
pub(crate) async fn release(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    admin::require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut fields = form.value;
    let scope = read_scope(console, &mut fields)?;
    let press: KillId = hidden(console, &mut fields, "press")?;
    let proposal: String = hidden(console, &mut fields, "proposal")?;
    done(console, fields)?;
    let core = &state.api.core;
    let released = async {
        if proposal.is_empty() {
            kill_switch::propose(core, &console.who, scope, press).await?;
            return Ok("release-proposed");
        }
        let proposal: ProposalId = proposal.parse().map_err(|_| Refusal::Changed)?;
        kill_switch::release(core, &console.who, scope, press, proposal).await?;
        Ok("released")
    };
    match released.await {
        Ok(done) => Ok(back(PLACE, done)),
        Err(error) => {
            let bad = wrong(console, error)?;
            let page = show(&state, console, &Asked::default(), None, bad).await?;
            Ok(again(page.live_at(PLACE)))
        }
    }
}
