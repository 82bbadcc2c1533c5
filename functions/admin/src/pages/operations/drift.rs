//! `/admin/drift`: members that nothing explains, what is done about them, and who belongs somewhere without a grant.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hourglass_app::admin::changes::Command;
use hourglass_app::admin::drift::{self, Drift};
use hourglass_app::admin::{entitlements, require_admin};
use hourglass_app::{AppError, directory};
use hourglass_domain::directory::User;
use hourglass_domain::drift::{DriftMode, DriftReport, MOST_PROTECTED, StandingSource};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{EntitlementId, ObjectId};
use hourglass_domain::target::Target;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use serde::Deserialize;

use super::super::{Shown, Top, id, next};
use super::{Account, account, again, done, hidden, read, submit, top, typed, users, wrong};
use crate::AdminApi;

/// Where the list is.
pub(super) const PLACE: &str = "/admin/drift";
/// Most entitlements on a page.
const MOST_LISTED: usize = 50;
/// Most standing members of a group on a page.
const MOST_STANDING: usize = 50;

/// The modes with the messages of their names and of what they do.
const MODES: [(DriftMode, &str, &str); 3] = [
    (DriftMode::Observe, "ops-drift-observe", "ops-drift-observe-then"),
    (DriftMode::Alert, "ops-drift-alert", "ops-drift-alert-then"),
    (DriftMode::Enforce, "ops-drift-enforce", "ops-drift-enforce-then"),
];

fn name_of(mode: DriftMode) -> &'static str {
    MODES
        .iter()
        .find(|(known, ..)| *known == mode)
        .map_or("ops-drift-observe", |(_, name, _)| *name)
}

/// An entitlement and what was found.
struct Row {
    id: EntitlementId,
    name: String,
    mode: &'static str,
    unexplained: usize,
    checked_at: Option<Timestamp>,
    fails: bool,
}

#[derive(Template)]
#[template(path = "drift.html")]
struct List<'a> {
    top: Top<'a>,
    q: String,
    rows: Vec<Row>,
    total: usize,
    next: Option<String>,
    protected: Vec<Account>,
    full: bool,
    version: u64,
    typed: String,
    wrong: Wrong,
}

pub(crate) async fn list(
    State(state): State<AdminApi>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    show_list(&state, &console, &shown, String::new(), Wrong::default()).await
}

async fn show_list(
    state: &AdminApi,
    console: &Console,
    shown: &Shown,
    typed: String,
    wrong: Wrong,
) -> Result<Page, PageError> {
    let core = &state.api.core;
    let q = shown.q.clone().unwrap_or_default();
    let after = shown.cursor.as_deref();
    let content = async {
        let (watched, total) = drift::watched(core, &state.index, &console.who, &q, after, MOST_LISTED).await?;
        let protected = drift::protected(core, &console.who).await?;
        let accounts = protected.value.accounts;
        let known = users(core, &console.who, accounts.iter().copied()).await?;
        let rows = watched.items.iter().map(|watched| Row {
            id: watched.entitlement.id,
            name: watched.entitlement.name.clone(),
            mode: name_of(watched.mode),
            unexplained: watched.unexplained(),
            checked_at: watched.checked_at(),
            fails: watched.fails(),
        });
        Ok::<_, AppError>(List {
            top: Top::new(state, console, PLACE, shown).await?,
            rows: rows.collect(),
            q,
            total,
            next: watched.next,
            full: accounts.len() >= MOST_PROTECTED,
            protected: accounts.into_iter().map(|id| Account::of(id, known.get(&id))).collect(),
            version: protected.version,
            typed,
            wrong,
        })
    };
    let content = content.await.map_err(|error| console.fail(&error))?;
    Ok(console.page(&console.words().t("ops-drift-title"), &content))
}

/// Adds a protected account, or takes one off the list.
pub(crate) async fn protect(State(state): State<AdminApi>, form: Form<Fields, Recent>) -> Result<Response, PageError> {
    let console = &form.console.0;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let mut fields = form.value;
    let action: String = hidden(console, &mut fields, "action")?;
    let version: u64 = hidden(console, &mut fields, "version")?;
    let mut bad = Wrong::default();
    let text = typed(console.words(), &mut fields, &mut bad, "account");
    done(console, fields)?;
    let changed = async {
        let core = &state.api.core;
        let before = drift::protected(core, &console.who).await?;
        let mut accounts = before.value.accounts;
        let done = if action == "remove" {
            let gone: ObjectId = text.parse().map_err(|_| Refusal::NotFound { what: "account" })?;
            accounts.remove(&gone);
            "unprotected"
        } else {
            accounts.insert(account(core, &console.who, "account", &text).await?);
            "protected"
        };
        let command = Command::Protect { accounts };
        submit(&state, console, command, Some(version), PLACE, done).await
    };
    match changed.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let bad = rename(wrong(console, error)?, "accounts", "account");
            Ok(again(show_list(&state, console, &Shown::default(), text, bad).await?))
        }
    }
}

/// What is wrong with a list is wrong with what was added to it.
fn rename(mut wrong: Wrong, from: &str, to: &str) -> Wrong {
    if let Some(sentence) = wrong.at(from).cloned() {
        wrong.say_at(to, sentence);
    }
    wrong
}

/// What is known of one target.
struct Group {
    id: ObjectId,
    name: String,
    report: Option<DriftReport>,
    removing: Vec<Account>,
    standing: Vec<Standing>,
    next: Option<String>,
}

struct Standing {
    account: Account,
    since: Timestamp,
    declared: bool,
}

/// Parameters of an entitlement's page.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    done: Option<String>,
    /// The group whose list goes on at `cursor`.
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "drift-one.html")]
struct One<'a> {
    top: Top<'a>,
    entitlement: Entitlement,
    mode: DriftMode,
    since: Option<Timestamp>,
    version: u64,
    modes: [(DriftMode, &'static str, &'static str); 3],
    groups: Vec<Group>,
    group: String,
    account: String,
    wrong: Wrong,
}

pub(crate) async fn of(
    State(state): State<AdminApi>,
    console: Console,
    Path(entitlement): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Page, PageError> {
    let entitlement: EntitlementId = id(&console, "entitlement", &entitlement)?;
    show_one(&state, &console, entitlement, &asked, String::new(), Wrong::default()).await
}

async fn show_one(
    state: &AdminApi,
    console: &Console,
    id: EntitlementId,
    asked: &Asked,
    account: String,
    wrong: Wrong,
) -> Result<Page, PageError> {
    let core = &state.api.core;
    let found = async {
        let entitlement = entitlements::get(core, &console.who, id).await?.value;
        let found = drift::get(core, &console.who, id).await?;
        let groups = groups(state, console, &entitlement, &found, asked).await?;
        Ok((entitlement, found, groups))
    };
    let (entitlement, found, groups) = found.await.map_err(|error: AppError| console.fail(&error))?;
    let title = console.words().t1("ops-drift-of", "name", &entitlement.name);
    let content = One {
        top: top(state, console, PLACE, asked.done.as_ref()).await?,
        mode: found.policy.value.mode,
        since: (found.policy.version > 0).then_some(found.policy.value.since),
        version: found.policy.version,
        modes: MODES,
        groups,
        group: asked.group.clone().unwrap_or_default(),
        account,
        entitlement,
        wrong,
    };
    Ok(console.page(&title, &content))
}

async fn groups(
    state: &AdminApi,
    console: &Console,
    entitlement: &Entitlement,
    found: &Drift,
    asked: &Asked,
) -> Result<Vec<Group>, AppError> {
    let core = &state.api.core;
    let ids: Vec<ObjectId> = entitlement
        .targets
        .iter()
        .map(|Target::Entra { group, .. }| *group)
        .collect();
    let application = &console.who.application.value.id;
    let names = directory::groups_by_object_ids(&*core.store, application, &ids).await?;
    let mut groups = Vec::with_capacity(ids.len());
    for ((id, name), target) in ids.iter().zip(names).zip(&entitlement.targets) {
        let shown = Shown {
            cursor: asked.cursor.clone().filter(|_| asked.group == Some(id.to_string())),
            ..Shown::default()
        };
        let page = drift::standing(core, &console.who, *id, shown.paging().0, MOST_STANDING).await?;
        let report = found.reports.iter().find(|report| report.target == *target).cloned();
        let removing = report.iter().flat_map(|report| report.removing.iter().copied());
        let accounts = page
            .items
            .iter()
            .map(|member| member.value.account)
            .chain(removing.clone());
        let known: BTreeMap<ObjectId, User> = users(core, &console.who, accounts).await?;
        let removing = removing.map(|id| Account::of(id, known.get(&id))).collect();
        let standing = page.items.iter().map(|member| Standing {
            account: Account::of(member.value.account, known.get(&member.value.account)),
            since: member.value.since,
            declared: member.value.source == StandingSource::Declared,
        });
        groups.push(Group {
            id: *id,
            name: name.map_or_else(|| target.to_string(), |group| group.value.name()),
            removing,
            standing: standing.collect(),
            next: next(page.next.as_deref()),
            report,
        });
    }
    Ok(groups)
}

/// Chooses the mode of an entitlement.
pub(crate) async fn choose(
    State(state): State<AdminApi>,
    Path(entitlement): Path<String>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console.0;
    let entitlement: EntitlementId = id(console, "entitlement", &entitlement)?;
    let mut fields = form.value;
    let version: u64 = hidden(console, &mut fields, "version")?;
    let (w, mut bad) = (console.words(), Wrong::default());
    let mode = typed(w, &mut fields, &mut bad, "mode");
    done(console, fields)?;
    let mode = MODES.iter().map(|(mode, ..)| *mode).find(|known| known.name() == mode);
    match mode {
        None => bad.say_at("mode", w.t("ops-wrong-mode")),
        Some(mode) => {
            let command = Command::DriftMode { entitlement, mode };
            let place = format!("{PLACE}/{entitlement}");
            match submit(&state, console, command, Some(version), &place, "drift-mode").await {
                Ok(response) => return Ok(response),
                Err(error) => bad = wrong(console, error)?,
            }
        }
    }
    let page = show_one(&state, console, entitlement, &Asked::default(), String::new(), bad).await?;
    Ok(again(page))
}

/// Declares a standing member of a target, or takes one off the list.
pub(crate) async fn standing(
    State(state): State<AdminApi>,
    Path(entitlement): Path<String>,
    form: Form<Fields, Recent>,
) -> Result<Response, PageError> {
    let console = &form.console.0;
    require_admin(&console.who).map_err(|refusal| console.fail(&refusal.into()))?;
    let entitlement: EntitlementId = id(console, "entitlement", &entitlement)?;
    let mut fields = form.value;
    let action: String = hidden(console, &mut fields, "action")?;
    let (w, mut bad) = (console.words(), Wrong::default());
    let group = typed(w, &mut fields, &mut bad, "group");
    let text = typed(w, &mut fields, &mut bad, "account");
    done(console, fields)?;
    let group_id: Option<ObjectId> = read(&mut bad, "group", &group, || w.t("ops-wrong-group"));
    if let Some(group) = group_id {
        let core = &state.api.core;
        let changed = async {
            let account = account(core, &console.who, "account", &text).await?;
            let (command, done) = match action.as_str() {
                "withdraw" => (Command::Withdraw { group, account }, "standing-withdrawn"),
                _ => (Command::Declare { group, account }, "standing-declared"),
            };
            submit(&state, console, command, None, &format!("{PLACE}/{entitlement}"), done).await
        };
        match changed.await {
            Ok(response) => return Ok(response),
            Err(error) => bad = wrong(console, error)?,
        }
    }
    let asked = Asked {
        group: Some(group),
        ..Asked::default()
    };
    Ok(again(show_one(&state, console, entitlement, &asked, text, bad).await?))
}
