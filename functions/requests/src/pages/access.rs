//! `/access`: what somebody has, what they wait for, and what they had.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hourglass_app::caller::Who;
use hourglass_app::history::search::{self, Line, State as Became};
use hourglass_app::outlook::{self, Approvers};
use hourglass_app::ports::Core;
use hourglass_app::{AppError, grants, policy, requests};
use hourglass_domain::entitlement::{Entitlement, HowTo};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{EntitlementId, GrantId, UserId};
use hourglass_domain::request::{Ask, REMIND_AGAIN_SECONDS, Request};
use hourglass_domain::roles::Role;
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::Console;
use hourglass_web::words::Words;
use http::StatusCode;
use serde::Deserialize;

use super::look::{GrantShown, Label, LineShown, systems};
use super::request::{approvers_in_words, approvers_named, length, once, place, ticket_hint};
use super::{Pages, Shown, id};

/// Most past requests on the page; all of them are in the history.
const MOST_PAST: usize = 15;

/// A grant, with what its owner may do about it.
struct Held {
    grant: GrantShown,
    how_to: Option<HowTo>,
    account: Option<String>,
    /// Which of the accounts asks for more time, where it is not the one signed in with.
    extend_as: Option<String>,
}

/// The accounts of whoever looks, by the names they sign in with.
pub(crate) struct Accounts(Vec<(UserId, String)>);

impl Accounts {
    pub(crate) async fn of(core: &Core, who: &Who) -> Result<Self, AppError> {
        if who.user.is_none() {
            return Ok(Self(Vec::new()));
        }
        let users = search::own_users(core, who).await?;
        let named = users.into_iter().map(|user| (user.value.id, user.value.sign_in_name()));
        Ok(Self(named.collect()))
    }

    pub(crate) fn ids(&self) -> Vec<UserId> {
        self.0.iter().map(|(id, _)| *id).collect()
    }

    pub(crate) fn contain(&self, id: UserId) -> bool {
        self.0.iter().any(|(own, _)| *own == id)
    }

    /// The name of the account to sign in with for what only one of `these` may do; `None` where the present one may, or
    /// none of them is the reader's.
    pub(crate) fn elsewhere(&self, these: &[UserId]) -> Option<String> {
        let mut own = self.0.iter().enumerate().filter(|(_, (id, _))| these.contains(id));
        // The first is the one signed in with.
        own.next()
            .filter(|(place, _)| *place > 0)
            .map(|(_, (_, name))| name.clone())
    }
}

/// A request that waits.
pub(crate) struct Waiting {
    pub(crate) line: LineShown,
    pub(crate) approvers: String,
    pub(crate) named: String,
    pub(crate) lapses_at: Timestamp,
    pub(crate) reminded_at: Option<Timestamp>,
    /// Whether its approvers may be reminded now.
    pub(crate) remind: bool,
    /// Whether the person activates it themselves.
    pub(crate) activate: bool,
    /// Whether that is the account signed in with.
    pub(crate) activate_here: bool,
    /// Which of the reader's accounts it is, where it is another one.
    pub(crate) activate_as: Option<String>,
    pub(crate) approved: usize,
    pub(crate) quorum: u8,
}

impl Waiting {
    pub(crate) fn of(
        words: Words,
        request: &Request,
        approvers: &Approvers,
        accounts: &Accounts,
        now: Timestamp,
    ) -> Self {
        let line = Line {
            request: hourglass_app::records::Stored {
                value: request.clone(),
                version: 0,
            },
            grant: None,
        };
        let own = request.activation.is_approved();
        let last = request.reminded_at;
        let elsewhere = accounts.elsewhere(&[request.beneficiary.user]);
        Self {
            line: LineShown::of(words, &line, now),
            approvers: if own {
                approvers_in_words(words, approvers, request.quorum)
            } else {
                words.t("approvers-none")
            },
            named: if own { approvers_named(approvers) } else { String::new() },
            lapses_at: request.lapses_at,
            reminded_at: last,
            remind: own && last.is_none_or(|at| now.seconds_since(at) >= REMIND_AGAIN_SECONDS),
            activate: !own,
            activate_here: !own && accounts.contain(request.beneficiary.user) && elsewhere.is_none(),
            activate_as: elsewhere.filter(|_| !own),
            approved: request.approvals.len(),
            quorum: request.quorum,
        }
    }
}

/// A past request, and where to ask for the same again.
struct Past {
    line: LineShown,
    again: String,
}

#[derive(Template)]
#[template(path = "access.html")]
struct AccessContent<'a> {
    w: Words,
    now: Timestamp,
    token: &'a str,
    message: Option<&'static str>,
    held: Vec<Held>,
    waiting: Vec<Waiting>,
    past: Vec<Past>,
}

pub(crate) async fn own(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let w = console.words();
    if console.who.user.is_none() {
        // Everybody comes here after signing in, also an admin before anything is provisioned.
        let admin = console.who.has(Role::Admin);
        return Ok(console.page(&w.t("access-title"), &Unknown { w, admin }));
    }
    let content = content(&pages, &console, shown.message())
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(console.page(&w.t("access-title"), &content).live())
}

#[derive(Template)]
#[template(path = "unknown.html")]
struct Unknown {
    w: Words,
    admin: bool,
}

async fn content<'a>(
    pages: &Pages,
    console: &'a Console,
    message: Option<&'static str>,
) -> Result<AccessContent<'a>, AppError> {
    let (core, who, w, now) = (&pages.api.core, &console.who, console.words(), console.now());
    let accounts = Accounts::of(core, who).await?;
    let live = search::own_live(core, &accounts.ids()).await?;
    let pending = outlook::waiting(core, &accounts.ids()).await?;
    let lines = search::last_of(core, who, MOST_PAST * 2).await?;
    let ids = live.iter().map(|grant| grant.value.entitlement);
    let described = outlook::described(core, who, ids.collect()).await?;
    let targets = live.iter().flat_map(|grant| grant.value.targets.iter());
    let names = outlook::target_names(core, targets.map(|target| target.target.clone()).collect()).await?;
    let standing = live.iter().filter(|grant| grant.value.status.is_live());
    let ordered = outlook::ordered_to_end(core, standing.map(|grant| grant.value.id)).await?;
    let several = accounts.ids().len() > 1;
    let held = live.iter().map(|grant| Held {
        grant: GrantShown::of(w, &grant.value, &names, &ordered, now),
        how_to: described
            .get(&grant.value.entitlement)
            .and_then(|found| found.how_to.clone()),
        account: several.then(|| grant.value.beneficiary.name.clone()),
        extend_as: accounts.elsewhere(&[grant.value.beneficiary.user, grant.value.requester.user]),
    });
    let held = held.collect();
    let approvers = approvers_of_all(pages, pending.iter().map(|request| &request.value)).await?;
    let waiting = pending.iter().filter_map(|request| {
        let approvers = approvers.get(&request.value.entitlement)?;
        Some(Waiting::of(w, &request.value, approvers, &accounts, now))
    });
    let waiting = waiting.collect();
    let over = |line: &&Line| {
        let became = Became::of(&line.request.value, line.grant.as_ref().map(|grant| &grant.value));
        !matches!(became, Became::Waiting | Became::Live | Became::Ending)
    };
    let past = lines.iter().filter(over).take(MOST_PAST).map(|line| Past {
        line: LineShown::of(w, line, now),
        again: again(&line.request.value),
    });
    Ok(AccessContent {
        w,
        now,
        token: console.form_token().as_str(),
        message,
        held,
        waiting,
        past: past.collect(),
    })
}

/// Who could approve each of some requests, by what they are for.
async fn approvers_of_all(
    pages: &Pages,
    requests: impl Iterator<Item = &Request>,
) -> Result<BTreeMap<EntitlementId, Approvers>, AppError> {
    // Those of one entitlement differ by who takes part at most, and one person takes part in all of these.
    let distinct: BTreeMap<EntitlementId, &Request> = requests.map(|request| (request.entitlement, request)).collect();
    let found = distinct.into_iter().map(|(id, request)| async move {
        let approvers = outlook::approvers_of(&pages.api.core, request).await?;
        Ok::<_, AppError>((id, approvers))
    });
    futures_util::future::try_join_all(found)
        .await
        .map(|found| found.into_iter().collect())
}

/// Where to ask for the same again: the form filled in.
pub(crate) fn again(request: &Request) -> String {
    format!("/request?again={}", request.id)
}

/// A form without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn end(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    sent: Form<Nothing>,
) -> Result<Response, PageError> {
    let console = sent.console;
    let grant: GrantId = id(&console, "grant", &text)?;
    grants::check_in(&pages.api.core, &console.who, grant)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(see_other("/access?done=ended"))
}

/// What was typed to ask for more time.
#[derive(Clone, Debug, Default)]
struct More {
    duration: String,
    justification: String,
    ticket: String,
    once: String,
}

impl More {
    fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let more = Self {
            duration: fields.take("duration")?,
            justification: fields.take("justification")?,
            ticket: fields.take("ticket")?,
            once: fields.take("once")?,
        };
        fields.done()?;
        Ok(more)
    }

    fn ask(&self) -> Result<Ask, Refusal> {
        Ok(Ask {
            duration: length(&self.duration)?,
            justification: self.justification.clone(),
            ticket: Some(self.ticket.clone()).filter(|ticket| !ticket.is_empty()),
            starts_at: None,
            emergency: false,
        })
    }
}

/// One of the durations, and until when it would last.
struct Longer {
    value: String,
    text: String,
    until: Timestamp,
    checked: bool,
}

#[derive(Template)]
#[template(path = "extend.html")]
struct ExtendContent<'a> {
    w: Words,
    now: Timestamp,
    wrong: &'a Wrong,
    token: &'a str,
    grant: String,
    entitlement: &'a Entitlement,
    label: Label,
    systems: String,
    expires_at: Timestamp,
    latest: Timestamp,
    /// The request for more time that waits already.
    asked: Option<String>,
    lengths: Vec<Longer>,
    ticket_hint: String,
    more: More,
}

pub(crate) async fn extension(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
) -> Result<Page, PageError> {
    let grant = grant_of(&pages, &console, &text).await?;
    extend_form(&pages, &console, &grant, More::default(), &Wrong::default())
        .await
        .map_err(|error| console.fail(&error))
}

/// A grant that the caller may extend, or is told why they cannot.
async fn grant_of(pages: &Pages, console: &Console, text: &str) -> Result<Grant, PageError> {
    let id: GrantId = id(console, "grant", text)?;
    let found = grants::own(&pages.api.core, &console.who, id).await;
    found.map(|grant| grant.value).map_err(|error| console.fail(&error))
}

async fn extend_form(
    pages: &Pages,
    console: &Console,
    grant: &Grant,
    mut more: More,
    wrong: &Wrong,
) -> Result<Page, AppError> {
    let (core, w) = (&pages.api.core, console.words());
    let in_force = policy::in_force(&*core.store, &grant.application, grant.entitlement).await?;
    let entitlement = &in_force.entitlement.value;
    let latest = in_force.latest_end(grant);
    let allowed = entitlement.durations_in_force(&in_force.template.value);
    let waiting = outlook::waiting(core, &[grant.beneficiary.user]).await?;
    let asked = waiting
        .iter()
        .find(|request| request.value.kind.extends() == Some(grant.id))
        .map(|request| request.value.id.to_string());
    let lengths: Vec<Longer> = allowed
        .into_iter()
        .filter(|_| grant.status.is_live())
        .map(|length| (length, length.end_from(grant.expires_at)))
        .filter(|(_, until)| *until <= latest)
        .enumerate()
        .map(|(place, (length, until))| Longer {
            value: length.to_string(),
            text: w.duration(length),
            until,
            checked: if more.duration.is_empty() {
                place == 0
            } else {
                more.duration == length.to_string()
            },
        })
        .collect();
    more.once = core.ids.uuid().to_string();
    let content = ExtendContent {
        w,
        now: console.now(),
        wrong,
        token: console.form_token().as_str(),
        grant: grant.id.to_string(),
        entitlement,
        label: Label::of_grant(w, grant),
        systems: systems(w, grant.targets.iter().map(|target| &target.target)),
        expires_at: grant.expires_at,
        latest,
        asked,
        lengths,
        ticket_hint: ticket_hint(w, entitlement),
        more,
    };
    Ok(console.page(&w.t1("extend-title", "name", &grant.entitlement_name), &content))
}

pub(crate) async fn extend(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    sent: Form<Fields>,
) -> Result<Response, PageError> {
    let console = sent.console;
    let fail = |error: AppError| console.fail(&error);
    let more = More::read(sent.value).map_err(|refusal| fail(refusal.into()))?;
    let grant = grant_of(&pages, &console, &text).await?;
    let said = format!("{} {} {}", more.duration, more.justification, more.ticket);
    let once = once(&console, &format!("/access/{}/extend", grant.id), &more.once, &said);
    let made = match more.ask() {
        Ok(ask) => requests::extend(&pages.api.core, &console.who, grant.id, &ask, once.as_ref(), &place).await,
        Err(refusal) => Err(refusal.into()),
    };
    let wrong = match made {
        Ok(answer) => return Ok(see_other(answer.body.as_str().unwrap_or("/access"))),
        Err(error) => Wrong::from_error(console.words(), error).map_err(fail)?,
    };
    let page = extend_form(&pages, &console, &grant, more, &wrong)
        .await
        .map_err(fail)?;
    Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
}
