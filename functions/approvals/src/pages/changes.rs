//! `/changes`: changes of the configuration that wait for signatures, and signing them.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use hourglass_app::AppError;
use hourglass_app::admin::changes::names::{self, Names};
use hourglass_app::admin::changes::{self, Command, Proposed, signing};
use hourglass_app::passkeys;
use hourglass_domain::Timestamp;
use hourglass_domain::directory::Party;
use hourglass_domain::ids::ChangeId;
use hourglass_domain::two_person::{ChangeStatus, Line, Mode, Place as Signed, Proposal, State as Became};
use hourglass_web::assets::PASSKEY;
use hourglass_web::extract::{Body, NoBody, Query};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::{Html, Words};
use serde::Serialize;

use super::{Challenge, Pages, Response, Shown, id};

/// Most changes that are over and shown on the first page.
const MOST_OVER: usize = 20;

/// A state, as pages show it: icon, message, tone.
const fn state(status: ChangeStatus) -> (&'static str, &'static str, &'static str) {
    match status {
        ChangeStatus::WaitingProposer => ("◷", "changes-status-waiting-proposer", "waiting"),
        ChangeStatus::WaitingSecond => ("◷", "changes-status-waiting-second", "waiting"),
        ChangeStatus::Signed => ("◆", "changes-status-signed", "soon"),
        ChangeStatus::Applied => ("✓", "changes-status-applied", "good"),
        ChangeStatus::Withdrawn => ("✕", "changes-status-withdrawn", ""),
        ChangeStatus::Lapsed => ("✕", "changes-status-lapsed", ""),
        ChangeStatus::Superseded => ("✕", "changes-status-superseded", ""),
    }
}

/// What a change does, in a sentence.
fn does(w: Words, proposal: &Proposal<Command>, names: &Names) -> String {
    let name = |word: String| names.get(&word).cloned().unwrap_or(word);
    let about: Vec<String> = proposal.command.about().into_iter().map(name).collect();
    let first = about.first().map_or("", String::as_str);
    let second = about.get(1).map_or("", String::as_str);
    let message = format!("changes-does-{}", proposal.command.name().replace('_', "-"));
    match &proposal.command {
        Command::EntitlementCreate { input, .. } => w.t1(&message, "name", &input.name),
        Command::EntitlementsSwitchOn { groups, .. } => w.t1(&message, "count", groups.len()),
        _ => w.t2(&message, "name", first, "other", second),
    }
}

/// A change in a list.
struct Row {
    id: String,
    does: String,
    by: String,
    state: (&'static str, &'static str, &'static str),
    proposed_at: Timestamp,
    expires_at: Timestamp,
}

impl Row {
    fn new(w: Words, proposed: &Proposed, names: &Names, now: Timestamp) -> Self {
        let proposal = &proposed.proposal.value;
        Self {
            id: proposal.id.to_string(),
            does: does(w, proposal, names),
            by: proposal.proposer.name.clone(),
            state: state(proposed.status(now)),
            proposed_at: proposal.proposed_at,
            expires_at: proposal.expires_at,
        }
    }
}

/// A list of changes.
struct Part {
    title: &'static str,
    none: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "changes.html")]
struct List {
    w: Words,
    one: bool,
    off: bool,
    parts: [Part; 3],
}

/// Whether it is for this admin to do the next thing. By what was pinned; links are followed on the change's own page.
fn is_for(proposed: &Proposed, me: Option<&Party>, now: Timestamp) -> bool {
    let proposal = &proposed.proposal.value;
    let can = me.is_some_and(|me| proposal.place_of(me, &proposed.places(), now).is_ok());
    can || proposed.status(now) == ChangeStatus::Signed
}

pub(crate) async fn list(State(pages): State<Pages>, console: Console) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let (now, w) = (console.now(), console.words());
    let fail = |error: AppError| console.fail(&error);
    let who = &console.who;
    let mode = changes::mode(core, who).await.map_err(fail)?;
    let open = changes::open(core, who).await.map_err(fail)?;
    let mut over = changes::list(core, who, None, MOST_OVER).await.map_err(fail)?.items;
    over.retain(|proposed| !proposed.status(now).is_open());
    let me = who.party().ok().map(|(_, party)| party);
    let (mine, others): (Vec<_>, Vec<_>) = open
        .into_iter()
        .partition(|proposed| is_for(proposed, me.as_ref(), now));
    let all = mine.iter().chain(&others).chain(&over);
    let words: Vec<String> = all
        .flat_map(|proposed| proposed.proposal.value.command.about())
        .collect();
    let names = names::names(core, &who.application.value.id, words.iter().map(String::as_str))
        .await
        .map_err(fail)?;
    let part = |title, none, found: &[Proposed]| Part {
        title,
        none,
        rows: found
            .iter()
            .map(|proposed| Row::new(w, proposed, &names, now))
            .collect(),
    };
    let content = List {
        w,
        one: matches!(mode, Mode::One { .. }),
        off: mode == Mode::Off,
        parts: [
            part("changes-for-you", "changes-none-for-you", &mine),
            part("changes-for-others", "changes-none-for-others", &others),
            part("changes-over", "changes-none-over", &over),
        ],
    };
    Ok(console.page(&w.t("changes-title"), &content).live())
}

/// A word of a value, and the name of what it stands for.
#[derive(Clone, PartialEq, Eq)]
struct Word {
    text: String,
    name: Option<String>,
}

fn words(text: &str, names: &Names) -> Vec<Word> {
    if text.is_empty() {
        return Vec::new();
    }
    // Free text stays as it was written: only values that name something are taken apart.
    let named = |word: &str| names.get(word.trim_matches(|c| matches!(c, '(' | ')'))).cloned();
    if !text.split_whitespace().any(|word| named(word).is_some()) {
        let text = text.to_owned();
        return vec![Word { text, name: None }];
    }
    text.split_whitespace()
        .map(|word| Word {
            text: word.to_owned(),
            name: named(word),
        })
        .collect()
}

/// A field that changes.
struct Changed {
    field: String,
    label: Option<String>,
    /// What it says; of a list, what goes.
    before: Vec<Word>,
    /// What it is to say; of a list, what comes.
    after: Vec<Word>,
    /// Of a list, what stays: kept apart, or nobody would see the one that was exchanged among forty.
    stays: Vec<Word>,
}

impl Changed {
    fn new(w: Words, line: &Line, names: &Names) -> Self {
        let (field, rest) = line.field.split_once('.').unwrap_or((&line.field, ""));
        let field = if field == "messages" {
            field
        } else {
            line.field.as_str()
        };
        let label = w.maybe(&format!("changes-field-{}", field.replace(['.', '_'], "-")));
        let (mut before, mut after) = (words(&line.before, names), words(&line.after, names));
        let mut stays = Vec::new();
        if [&before, &after]
            .iter()
            .any(|all| all.iter().any(|word| word.name.is_some()))
        {
            stays = before.clone();
            stays.retain(|word| after.contains(word));
            before.retain(|word| !stays.contains(word));
            after.retain(|word| !stays.contains(word));
        }
        Self {
            label: label.map(|label| {
                if field == "messages" {
                    format!("{label}: {rest}")
                } else {
                    label
                }
            }),
            field: line.field.clone(),
            before,
            after,
            stays,
        }
    }
}

/// What the reader can do with a change.
struct Can {
    /// Sign it.
    sign: bool,
    /// Why not, where it is somebody's turn.
    why_not: Option<Html>,
    /// Whether it is a passkey that they lack.
    no_key: bool,
    /// Make it so.
    apply: bool,
    /// Say why, before signing.
    explain: bool,
    /// Take it back.
    withdraw: bool,
}

#[derive(Template)]
#[template(path = "change.html")]
struct One<'a> {
    w: Words,
    done: Option<String>,
    id: String,
    does: String,
    state: (&'static str, &'static str, &'static str),
    proposer: &'a Party,
    proposed_at: Timestamp,
    expires_at: Timestamp,
    over_at: Option<Timestamp>,
    /// Of many groups, those that were not switched on.
    left_out: Vec<Word>,
    comment: Option<&'a str>,
    lines: Vec<Changed>,
    signatures: &'a [signing::ChangeSignature],
    digest: String,
    can: Can,
    token: &'a str,
}

async fn can(pages: &Pages, console: &Console, proposed: &Proposed) -> Result<Can, AppError> {
    let core = &pages.api.core;
    let status = proposed.status(console.now());
    let mut can = Can {
        sign: false,
        why_not: None,
        no_key: false,
        apply: status == ChangeStatus::Signed,
        explain: false,
        withdraw: status.is_open(),
    };
    if !matches!(status, ChangeStatus::WaitingProposer | ChangeStatus::WaitingSecond) {
        return Ok(can);
    }
    let w = console.words();
    match signing::place(core, &console.who, proposed).await {
        Ok(_) => {}
        Err(AppError::Refused(refusal)) => {
            can.why_not = Some(w.refused(&refusal));
            return Ok(can);
        }
        Err(error) => return Err(error),
    }
    let (_, party) = console.who.party()?;
    let keys = passkeys::usable_of(core, &console.who.application.value.id, party.user).await?;
    let counts = |now| keys.iter().map(move |key| key.value.key.counts(now));
    can.explain = status == ChangeStatus::WaitingProposer;
    can.no_key = keys.is_empty();
    can.sign = counts(console.now()).any(|counts| counts.is_ok());
    let refusal = counts(console.now()).find_map(Result::err);
    can.why_not = refusal.filter(|_| !can.sign).map(|refusal| w.refused(&refusal));
    Ok(can)
}

/// Whether what an address says was done is so: a page does not say that a change is in force because a link does.
fn is_so(done: &str, status: ChangeStatus) -> bool {
    match done {
        "applied" => status == ChangeStatus::Applied,
        "withdrawn" => status == ChangeStatus::Withdrawn,
        "signed" => status == ChangeStatus::WaitingSecond,
        _ => status.is_open(),
    }
}

pub(crate) async fn one(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let (now, w) = (console.now(), console.words());
    let fail = |error: AppError| console.fail(&error);
    let id: ChangeId = id(&console, "change", &text)?;
    let proposed = changes::get(core, &console.who, id).await.map_err(fail)?;
    let proposal = &proposed.proposal.value;
    let about = proposal.command.about();
    let named = names::of_lines(proposal).chain(about.iter().map(String::as_str));
    let names = names::names(core, &console.who.application.value.id, named)
        .await
        .map_err(fail)?;
    let done = shown.done.as_deref().filter(|done| is_so(done, proposed.status(now)));
    let content = One {
        w,
        done: done.and_then(|done| w.maybe(&format!("changes-done-{done}"))),
        id: id.to_string(),
        does: does(w, proposal, &names),
        state: state(proposed.status(now)),
        proposer: &proposal.proposer,
        proposed_at: proposal.proposed_at,
        expires_at: proposal.expires_at,
        over_at: match &proposal.state {
            Became::Open => None,
            Became::Applied { at, .. } | Became::Withdrawn { at, .. } | Became::Superseded { at } => Some(*at),
        },
        left_out: match &proposal.state {
            Became::Applied { left_out, .. } => {
                let left_out: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                words(&left_out.join(" "), &names)
            }
            _ => Vec::new(),
        },
        comment: proposal.comment.as_deref(),
        lines: proposal
            .lines
            .iter()
            .map(|line| Changed::new(w, line, &names))
            .collect(),
        signatures: &proposed.signatures,
        digest: proposal.digest.to_string(),
        can: can(&pages, &console, &proposed).await.map_err(fail)?,
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("changes-one-title"), &content).script(&PASSKEY))
}

pub(crate) async fn challenge(
    State(pages): State<Pages>,
    console: Recent,
    Path(text): Path<String>,
    _: NoBody,
) -> Result<Json<Challenge>, PageError> {
    let id: ChangeId = id(&console, "change", &text)?;
    let begun = signing::begin(&pages.api.core, &*pages.passkeys, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Json(begun.into()))
}

/// Where a script goes once somebody has signed: to a page, or, with the second signature, on to what makes it so.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Onward {
    /// A page.
    Place(String),
    /// A form that the script sends: the answer may be shown only once.
    Post(String),
}

pub(crate) async fn signed(
    State(pages): State<Pages>,
    console: Recent,
    body: Body<Response>,
) -> Result<Json<Onward>, PageError> {
    let Response { ceremony, response } = body.value;
    let (core, passkeys) = (&pages.api.core, &*pages.passkeys);
    let (id, place) = signing::finish(core, passkeys, &console.who, ceremony, &response.to_string())
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(Json(match place {
        Signed::First => Onward::Place(format!("/changes/{id}?done=signed")),
        Signed::Second => Onward::Post(format!("/admin/changes/{id}/apply")),
    }))
}
