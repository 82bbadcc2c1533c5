//! `/request`: looking for what can be asked for, and asking for it.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::catalogue::search;
use hourglass_app::history::search::own_accounts;
use hourglass_app::idempotency::Once;
use hourglass_app::keys::Unique;
use hourglass_app::outlook::{self, Approvers, Candidate, MOST_COUNTED, Outlook};
use hourglass_app::requests::{self, NewRequest};
use hourglass_app::{AppError, directory};
use hourglass_domain::canonical::Digest;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{ApprovalMode, Entitlement};
use hourglass_domain::ids::{EntitlementId, UserId};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::{Ask, Request, no_beneficiary};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::{Fields, Wrong};
use hourglass_web::page::{Page, PageError, see_other};
use hourglass_web::session::Console;
use hourglass_web::words::{Html, Words};
use http::StatusCode;
use serde::Deserialize;

use super::look::{Place, systems};
use super::{Pages, address, cursor, place_in_list};

/// Most entitlements on one page.
const MOST_FOUND: usize = 25;
/// The value of the choice "somebody else".
const SOMEONE: &str = "someone";

/// What the address says: a search, or what a form is filled in with. Nothing is sent by opening it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    entitlement: Option<String>,
    /// A request of one's own to fill the form in from. By its id, because what was written in it may be longer than an
    /// address may be.
    #[serde(default)]
    again: Option<String>,
    #[serde(default)]
    duration: String,
    #[serde(default)]
    justification: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    beneficiary: String,
    #[serde(default)]
    starts_at: String,
}

pub(crate) async fn open(
    State(pages): State<Pages>,
    console: Console,
    Query(asked): Query<Asked>,
) -> Result<Page, PageError> {
    let typed = match (&asked.entitlement, &asked.again) {
        (None, None) => return find(&pages, &console, &asked).await,
        (None, Some(again)) => asked_before(&pages, &console, again).await?,
        (Some(entitlement), _) => Typed {
            entitlement: entitlement.clone(),
            beneficiary: asked.beneficiary,
            duration: asked.duration,
            justification: asked.justification,
            ticket: asked.ticket,
            starts_at: asked.starts_at,
            ..Typed::default()
        },
    };
    let outlook = outlook_of(&pages, &console, &typed).await?;
    let typed = typed.for_somebody_else(&outlook);
    let entitlement = &outlook.in_force.entitlement.value;
    if typed.beneficiary == SOMEONE && !entitlement.on_behalf {
        // A form would ask for whoever fills it in.
        return Err(console.fail(&no_beneficiary(entitlement).into()));
    }
    Ok(form(&pages, &console, &outlook, typed, &Wrong::default(), None))
}

/// What was typed for an earlier request of the caller's own.
async fn asked_before(pages: &Pages, console: &Console, again: &str) -> Result<Typed, PageError> {
    let core = &pages.api.core;
    let fail = |error: AppError| console.fail(&error);
    let id = again.parse().map_err(|_| fail(unknown_request().into()))?;
    let before = requests::get(core, &console.who, id).await.map_err(fail)?.value;
    let own = own_accounts(core, &console.who).await.map_err(fail)?;
    let (requester, beneficiary) = (before.requester.user, before.beneficiary.user);
    if !own.contains(&requester) && !own.contains(&beneficiary) {
        return Err(fail(unknown_request().into()));
    }
    Ok(Typed {
        entitlement: before.entitlement.to_string(),
        beneficiary: beneficiary.to_string(),
        duration: before.duration.to_string(),
        justification: before.justification,
        ticket: before.ticket.unwrap_or_default(),
        ..Typed::default()
    })
}

const fn unknown_request() -> Refusal {
    Refusal::NotFound { what: "request" }
}

/// An entitlement that was found.
struct Hit {
    href: String,
    name: String,
    description: String,
    longest: String,
    quorum: u8,
    approval: bool,
    critical: bool,
    recent: bool,
    problem: Option<Html>,
}

#[derive(Template)]
#[template(path = "find.html")]
struct FindContent<'a> {
    w: Words,
    q: &'a str,
    hits: Vec<Hit>,
    total: usize,
    next: Option<String>,
}

async fn find(pages: &Pages, console: &Console, asked: &Asked) -> Result<Page, PageError> {
    let w = console.words();
    let q: String = asked.q.chars().take(search::LONGEST_SEARCH).collect();
    let after = place_in_list(asked.cursor.as_deref());
    let found = search::search(
        &pages.api.core,
        &pages.index,
        &console.who,
        &q,
        after.as_deref(),
        MOST_FOUND,
    )
    .await
    .map_err(|error| console.fail(&error))?;
    let next = cursor(found.next.as_deref());
    let next = next.map(|next| address("/request", &[("q", Some(&q)), ("cursor", Some(&next))]));
    let hit = |found: &search::Found| {
        let entitlement = &found.offer.entitlement.value;
        let id = entitlement.id.to_string();
        Hit {
            href: address("/request", &[("entitlement", Some(&id))]),
            name: entitlement.name.clone(),
            description: entitlement.description.clone(),
            longest: found
                .offer
                .durations
                .last()
                .map(|longest| w.duration(longest))
                .unwrap_or_default(),
            quorum: entitlement.quorum,
            approval: entitlement.approval == ApprovalMode::Required,
            critical: entitlement.critical,
            recent: found.recent,
            problem: found.offer.problem.as_ref().map(|problem| w.refused(problem)),
        }
    };
    let content = FindContent {
        w,
        q: &q,
        hits: found.items.iter().map(hit).collect(),
        total: found.total,
        next,
    };
    Ok(console.page(&w.t("find-title"), &content))
}

/// What was typed into the form, or is filled in.
#[derive(Clone, Debug, Default)]
struct Typed {
    entitlement: String,
    beneficiary: String,
    someone: String,
    duration: String,
    justification: String,
    ticket: String,
    starts_at: String,
    /// The form's own number: it is sent once.
    once: String,
}

impl Typed {
    fn read(mut fields: Fields) -> Result<Self, Refusal> {
        let typed = Self {
            entitlement: fields.take("entitlement")?,
            beneficiary: fields.take("beneficiary")?,
            someone: fields.take("someone")?,
            duration: fields.take("duration")?,
            justification: fields.take("justification")?,
            ticket: fields.take("ticket")?,
            starts_at: fields.take("starts_at")?,
            once: fields.take("once")?,
        };
        fields.done()?;
        Ok(typed)
    }

    /// With whoever is none of the caller's accounts as somebody else, so that no form asks for the caller instead.
    fn for_somebody_else(self, outlook: &Outlook) -> Self {
        if own(outlook, &self.beneficiary).is_some() || self.beneficiary == SOMEONE {
            return self;
        }
        Self {
            someone: self.beneficiary,
            beneficiary: SOMEONE.to_owned(),
            ..self
        }
    }

    /// What is asked for, and everything that cannot be read.
    fn ask(&self, words: Words) -> Result<Ask, Wrong> {
        let mut wrong = Wrong::default();
        let starts_at = wrong.keep(words, start(&self.starts_at));
        let duration = wrong.keep(words, length(&self.duration));
        match (duration, starts_at) {
            (Some(duration), Some(starts_at)) => Ok(Ask {
                duration,
                justification: self.justification.clone(),
                ticket: Some(self.ticket.clone()).filter(|ticket| !ticket.is_empty()),
                starts_at,
                emergency: false,
            }),
            _ => Err(wrong),
        }
    }

    /// The call as one that happens once, however often the form is sent.
    fn once(&self, console: &Console) -> Option<Once> {
        once(console, "/request", &self.once, &format!("{:?}", self.without_once()))
    }

    fn without_once(&self) -> Self {
        Self {
            once: String::new(),
            ..self.clone()
        }
    }
}

/// A form that is sent once: by its own number and by what it says.
pub(crate) fn once(console: &Console, path: &str, number: &str, said: &str) -> Option<Once> {
    let caller = &console.who.caller;
    (!number.is_empty()).then(|| Once {
        function: "requests",
        tenant: caller.tenant,
        caller: caller.object_id,
        key: Digest::of(format!("POST {path} form {number}").as_bytes()),
        body: Digest::of(said.as_bytes()),
    })
}

/// Reads how long.
pub(crate) fn length(text: &str) -> Result<AccessDuration, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("duration", Rule::Required));
    }
    text.parse()
        .map_err(|_| Refusal::invalid("duration", Rule::Shape(Shape::Duration)))
}

/// Reads a start as a field for date and time sends it, in UTC (HTML standard, "valid normalized local date and time
/// string"), or as an instant with its zone.
fn start(text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let zoned = if text.len() == "2026-11-22T09:30".len() {
        format!("{text}:00Z")
    } else if text.len() == "2026-11-22T09:30:00".len() {
        format!("{text}Z")
    } else {
        text.to_owned()
    };
    zoned
        .parse()
        .map(Some)
        .map_err(|_| Refusal::invalid("starts_at", Rule::Shape(Shape::Minute)))
}

async fn outlook_of(pages: &Pages, console: &Console, typed: &Typed) -> Result<Outlook, PageError> {
    let id: EntitlementId = super::id(console, "entitlement", &typed.entitlement)?;
    outlook::of(&pages.api.core, &console.who, id)
        .await
        .map_err(|error| console.fail(&error))
}

/// The caller's own account that is named, or that is taken where none is: the first that may have it.
fn own<'a>(outlook: &'a Outlook, beneficiary: &str) -> Option<&'a Candidate> {
    let named = |candidate: &&Candidate| candidate.user.value.id.to_string() == beneficiary;
    if beneficiary.is_empty() {
        return outlook.own.iter().find(|candidate| candidate.eligible);
    }
    outlook.own.iter().find(named)
}

/// What is asked for, for whom; or what is wrong with it.
async fn read(
    pages: &Pages,
    console: &Console,
    outlook: &Outlook,
    typed: &Typed,
) -> Result<Result<NewRequest, Wrong>, AppError> {
    let words = console.words();
    let ask = match typed.ask(words) {
        Ok(ask) => ask,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let entitlement = &outlook.in_force.entitlement.value;
    let beneficiary: UserId = if typed.beneficiary == SOMEONE {
        match someone(pages, entitlement, &typed.someone).await? {
            Some(id) => id,
            None => return Ok(Err(Wrong::of(words, &no_beneficiary(entitlement)))),
        }
    } else {
        match own(outlook, &typed.beneficiary) {
            Some(candidate) => {
                if let Err(refusal) = candidate.check(entitlement, ask.starts_at) {
                    return Ok(Err(Wrong::of(words, &refusal)));
                }
                candidate.user.value.id
            }
            None => match typed.beneficiary.parse() {
                Ok(id) => id,
                Err(_) => return Ok(Err(Wrong::of(words, &no_beneficiary(entitlement)))),
            },
        }
    };
    Ok(Ok(NewRequest {
        entitlement: entitlement.id,
        beneficiary: Some(beneficiary),
        ask,
    }))
}

/// Somebody else, by user name or by id. Whether they may be named is decided where everything is.
async fn someone(pages: &Pages, entitlement: &Entitlement, text: &str) -> Result<Option<UserId>, AppError> {
    if let Ok(id) = text.parse() {
        return Ok(Some(id));
    }
    if text.is_empty() || text.chars().count() > search::LONGEST_SEARCH || text.contains('#') {
        return Ok(None);
    }
    let name = directory::name_key(text);
    let store = &*pages.api.core.store;
    let user = directory::provisioned_user_by(store, &entitlement.application, Unique::UserName, &name).await?;
    let same = user.filter(|user| directory::name_key(&user.value.user_name) == name);
    Ok(same.map(|user| user.value.id))
}

/// What is wrong, where that belongs beside the form.
fn beside(words: Words, error: AppError) -> Result<Wrong, AppError> {
    match error {
        AppError::Refused(refusal @ Refusal::NotEligible { .. }) => Ok(Wrong::of(words, &refusal)),
        other => Wrong::from_error(words, other),
    }
}

/// Shows what would be asked for. Nothing is written.
pub(crate) async fn preview(State(pages): State<Pages>, sent: Form<Fields>) -> Result<Page, PageError> {
    let console = sent.console;
    let fail = |error: AppError| console.fail(&error);
    let typed = Typed::read(sent.value).map_err(|refusal| fail(refusal.into()))?;
    let outlook = outlook_of(&pages, &console, &typed).await?;
    let wrong = match read(&pages, &console, &outlook, &typed).await.map_err(fail)? {
        Err(wrong) => wrong,
        Ok(new) => match requests::preview(&pages.api.core, &console.who, &new).await {
            Ok(request) => {
                let page = form(&pages, &console, &outlook, typed, &Wrong::default(), Some(&request));
                return Ok(page);
            }
            Err(error) => beside(console.words(), error).map_err(fail)?,
        },
    };
    let page = form(&pages, &console, &outlook, typed, &wrong, None);
    Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
}

/// Asks.
pub(crate) async fn send(State(pages): State<Pages>, sent: Form<Fields>) -> Result<Response, PageError> {
    let console = sent.console;
    let fail = |error: AppError| console.fail(&error);
    let typed = Typed::read(sent.value).map_err(|refusal| fail(refusal.into()))?;
    let id: EntitlementId = super::id(&console, "entitlement", &typed.entitlement)?;
    let once = typed.once(&console);
    // Sent twice, it is answered as it was: what it met the first time is no obstacle to itself.
    let (before, _) = hourglass_app::idempotency::replay(&pages.api.core, once.as_ref())
        .await
        .or_else(|error| match error {
            AppError::Refused(Refusal::KeyReused) => Ok((None, 0)),
            other => Err(other),
        })
        .map_err(fail)?;
    if let Some(answer) = before {
        return Ok(see_other(answer.body.as_str().unwrap_or("/access")));
    }
    let outlook = outlook::of(&pages.api.core, &console.who, id).await.map_err(fail)?;
    let wrong = match read(&pages, &console, &outlook, &typed).await.map_err(fail)? {
        Err(wrong) => wrong,
        Ok(new) => {
            let made = requests::create(&pages.api.core, &console.who, &new, once.as_ref(), &place).await;
            match made {
                Ok(answer) => return Ok(see_other(answer.body.as_str().unwrap_or("/access"))),
                Err(error) => beside(console.words(), error).map_err(fail)?,
            }
        }
    };
    let page = form(&pages, &console, &outlook, typed, &wrong, None);
    Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY).into_response())
}

/// Where somebody goes who has asked: to their passkey where nobody else decides and the account is the one that gets the
/// access, else to the request.
pub(crate) fn place(request: &Request) -> serde_json::Value {
    if request.activation.is_approved() || request.requester.user != request.beneficiary.user {
        format!("/requests/{}?done=asked", request.id).into()
    } else {
        format!("/activate/{}", request.id).into()
    }
}

/// One of the accounts that it can be for.
struct Account {
    id: String,
    name: String,
    user_name: String,
    checked: bool,
    /// Why not now, and where to go instead.
    obstacle: Option<(Html, String, String)>,
}

/// One of the durations.
struct Length {
    value: String,
    text: String,
    checked: bool,
}

#[derive(Template)]
#[template(path = "ask.html")]
struct AskContent<'a> {
    w: Words,
    wrong: &'a Wrong,
    token: &'a str,
    entitlement: &'a Entitlement,
    places: Vec<Place>,
    approvers: String,
    named: String,
    absolute: String,
    refused: Option<Html>,
    accounts: Vec<Account>,
    someone: bool,
    lengths: Vec<Length>,
    ticket_hint: String,
    typed: Typed,
    /// Whom and what it is for, in a sentence; once more exactly when it was looked at.
    sentence: String,
    preview: Option<(Html, Timestamp)>,
}

/// How many people can approve, and how many have to.
pub(crate) fn approvers_in_words(words: Words, approvers: &Approvers, quorum: u8) -> String {
    let people = if approvers.people >= MOST_COUNTED {
        words.t1("approvers-many", "count", approvers.people)
    } else {
        words.t1("approvers-count", "count", approvers.people)
    };
    if quorum > 1 {
        format!("{people} {}", words.t1("approvers-quorum", "quorum", quorum))
    } else {
        people
    }
}

/// Who they are: names and groups.
pub(crate) fn approvers_named(approvers: &Approvers) -> String {
    let all: Vec<&str> = approvers
        .named
        .iter()
        .chain(&approvers.groups)
        .map(String::as_str)
        .collect();
    all.join(", ")
}

/// What a ticket looks like, and whether there has to be one.
pub(crate) fn ticket_hint(words: Words, entitlement: &Entitlement) -> String {
    let example = format!("{}1042", entitlement.ticket.prefix.as_deref().unwrap_or("INC-"));
    if entitlement.ticket.required {
        words.t1("ask-ticket-hint", "example", example)
    } else {
        words.t1("ask-ticket-optional", "example", example)
    }
}

fn account(console: &Console, outlook: &Outlook, candidate: &Candidate, checked: bool) -> Account {
    let w = console.words();
    let obstacle = match (&candidate.held, candidate.asked) {
        (_, Some(request)) => Some((
            w.timed_all("obstacle-asked", &[], &[]),
            format!("/requests/{request}"),
            w.t("obstacle-asked-link"),
        )),
        (Some(held), None) => {
            let until = w.timed("obstacle-held", &[], "until", held.value.expires_at);
            let user = console.who.user.as_ref().map(|user| user.value.id);
            // Another account's is extended by whoever signs in with that: its page says so.
            let own = [held.value.beneficiary.user, held.value.requester.user];
            Some(if user.is_some_and(|user| own.contains(&user)) {
                let place = format!("/access/{}/extend", held.value.id);
                (until, place, w.t("obstacle-held-link"))
            } else {
                let place = format!("/requests/{}", held.value.request);
                (until, place, w.t("obstacle-asked-link"))
            })
        }
        (None, None) => None,
    };
    let several = outlook.own.len() > 1;
    Account {
        id: candidate.user.value.id.to_string(),
        name: candidate.user.value.name(),
        user_name: if several {
            candidate.user.value.sign_in_name()
        } else {
            String::new()
        },
        checked,
        obstacle,
    }
}

fn lengths(w: Words, outlook: &Outlook, typed: &str) -> Vec<Length> {
    let entitlement = &outlook.in_force.entitlement.value;
    let allowed = entitlement.durations_in_force(&outlook.in_force.template.value);
    let wanted = typed.parse().ok().filter(|wanted| allowed.contains(wanted));
    let usual = allowed.contains(&AccessDuration::HOUR).then_some(AccessDuration::HOUR);
    // What was typed and is not allowed is nobody's choice of something else.
    let usual = if typed.is_empty() { usual } else { None };
    let chosen = wanted.or(usual);
    allowed
        .into_iter()
        .map(|length| Length {
            value: length.to_string(),
            text: w.duration(length),
            checked: chosen == Some(length),
        })
        .collect()
}

fn form(
    pages: &Pages,
    console: &Console,
    outlook: &Outlook,
    mut typed: Typed,
    wrong: &Wrong,
    previewed: Option<&Request>,
) -> Page {
    let w = console.words();
    let entitlement = &outlook.in_force.entitlement.value;
    let names = outlook.in_force.facts.iter().flatten();
    let names = names
        .filter_map(|facts| Some((facts.target.clone(), facts.display_name.clone()?)))
        .collect();
    let chosen = own(outlook, &typed.beneficiary).map(|candidate| candidate.user.value.id);
    let accounts = outlook.own.iter().filter(|candidate| candidate.eligible);
    // A form that was sent may not be sent again with something else in it: each has a number of its own.
    typed.once = pages.api.core.ids.uuid().to_string();
    if let Ok(Some(at)) = start(&typed.starts_at) {
        typed.starts_at = at.to_string().chars().take("2026-11-22T09:30".len()).collect();
    }
    let systems = systems(w, entitlement.targets.iter());
    let sentence = w.t2("ask-sentence", "what", &entitlement.name, "systems", &systems);
    let content = AskContent {
        w,
        wrong,
        token: console.form_token().as_str(),
        entitlement,
        places: entitlement
            .targets
            .iter()
            .map(|target| Place::of(w, target, &names))
            .collect(),
        approvers: if entitlement.approval == ApprovalMode::Required {
            approvers_in_words(w, &outlook.approvers, entitlement.quorum)
        } else {
            w.t("approvers-none")
        },
        named: approvers_named(&outlook.approvers),
        absolute: w.duration(entitlement.absolute_maximum_in_force(&outlook.in_force.template.value)),
        refused: outlook.refused.as_ref().map(|refusal| w.refused(refusal)),
        accounts: accounts
            .map(|candidate| account(console, outlook, candidate, chosen == Some(candidate.user.value.id)))
            .collect(),
        someone: entitlement.on_behalf,
        lengths: lengths(w, outlook, &typed.duration),
        ticket_hint: ticket_hint(w, entitlement),
        sentence,
        preview: previewed.map(|request| (previewed_in_words(w, request, console, &systems), request.lapses_at)),
        typed,
    };
    console.page(&w.t1("ask-title", "name", &entitlement.name), &content)
}

/// What will happen, in a sentence with its times.
fn previewed_in_words(w: Words, request: &Request, console: &Console, systems: &str) -> Html {
    let own = console
        .who
        .user
        .as_ref()
        .is_some_and(|user| user.value.id == request.beneficiary.user);
    let start = request.starts_at.unwrap_or_else(|| console.now());
    let texts = [
        ("own", if own { "yes" } else { "no" }),
        ("who", &request.beneficiary.name),
        ("what", &request.entitlement_name),
        ("systems", systems),
        ("later", if request.starts_at.is_some() { "yes" } else { "no" }),
        ("duration", &w.duration(request.duration)),
    ];
    let times = [("start", start), ("end", request.duration.end_from(start))];
    w.timed_all("ask-preview", &texts, &times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_as_fields_and_addresses_write_it() {
        let at: Timestamp = "2026-11-22T09:30:00Z".parse().unwrap();
        for text in [
            "2026-11-22T09:30",
            "2026-11-22T09:30:00",
            "2026-11-22T09:30:00Z",
            "2026-11-22T10:30:00+01:00",
        ] {
            assert_eq!(start(text), Ok(Some(at)), "{text}");
        }
        assert_eq!(start(""), Ok(None));
        for bad in ["tomorrow", "2026-11-22", "22.11.2026 09:30", "2026-13-22T09:30"] {
            assert_eq!(start(bad).unwrap_err().field(), Some("starts_at"), "{bad}");
        }
    }

    #[test]
    fn every_field_that_cannot_be_read_is_named() {
        let typed = Typed {
            duration: "soon".to_owned(),
            starts_at: "later".to_owned(),
            ..Typed::default()
        };
        let wrong = typed.ask(Words::default()).unwrap_err();
        assert!(wrong.at("duration").is_some() && wrong.at("starts_at").is_some());
    }
}
