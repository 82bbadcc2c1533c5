//! `/inbox`: what waits for the caller, and deciding on it.

use std::collections::BTreeSet;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use hourglass_app::dossier::{self, Dossier};
use hourglass_app::history::search::note_one;
use hourglass_app::{AppError, approvals, passkeys};
use hourglass_domain::decision::{Verdict, Vote};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::ids::{EntitlementId, RequestId};
use hourglass_domain::look_alike::mixes_scripts;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::assets::PASSKEY;
use hourglass_web::csrf::Form;
use hourglass_web::extract::{Body, Query};
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::{Html, Words, cut};
use serde::Deserialize;

use super::risks::{self, RiskShown};
use super::{Challenge, Pages, Place, Response, Shown, first, go, id, message, next, refused, show};

/// A request in the list.
struct Row<'a> {
    request: &'a Request,
    /// The beginning of what was written; all of it is on the request's page.
    why: String,
    risks: Vec<String>,
    state: show::State,
}

/// Most characters of a justification in the list: it is fetched again every few seconds.
const MOST_WHY: usize = 200;

impl<'a> Row<'a> {
    /// Of a request; what costs a look at each is on its own page.
    fn new(w: Words, request: &'a Request, critical: &BTreeSet<EntitlementId>) -> Self {
        let mixed = [&request.requester, &request.beneficiary]
            .into_iter()
            .any(|party| mixes_scripts(&party.name));
        let risks = [
            (critical.contains(&request.entitlement), "inbox-risk-critical"),
            (mixed, "inbox-risk-mixed-scripts"),
        ];
        let risks = risks.into_iter().filter(|(there, _)| *there);
        Self {
            why: cut(&request.justification, MOST_WHY),
            risks: risks.map(|(_, name)| w.t(name)).collect(),
            state: show::state(w, request),
            request,
        }
    }

    fn for_another(&self) -> bool {
        self.request.requester.user != self.request.beneficiary.user
    }
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox<'a> {
    w: Words,
    now: Timestamp,
    message: Option<String>,
    rows: Vec<Row<'a>>,
    next: Option<String>,
    /// Since when nothing waits, when nothing does.
    quiet_since: Option<Timestamp>,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let (core, w) = (&pages.api.core, console.words());
    let fail = |error: AppError| console.fail(&error);
    let (after, limit) = shown.paging();
    let page = approvals::inbox(core, &console.who, after, limit).await.map_err(fail)?;
    let critical = dossier::critical(core, &page.items).await.map_err(fail)?;
    let empty = page.items.is_empty() && page.next.is_none();
    let quiet_since = if empty {
        dossier::quiet_since(core, &console.who).await.map_err(fail)?
    } else {
        None
    };
    let content = Inbox {
        w,
        now: console.now(),
        message: message(w, shown.done.as_deref()),
        rows: page
            .items
            .iter()
            .map(|stored| Row::new(w, &stored.value, &critical))
            .collect(),
        next: next(page.next.as_deref()),
        quiet_since,
    };
    Ok(console.page(&w.t("inbox-title"), &content).live())
}

/// What was typed, and what was wrong with it.
#[derive(Default)]
struct Typed {
    comment: String,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "request.html")]
struct OneRequest<'a> {
    w: Words,
    now: Timestamp,
    dossier: &'a Dossier,
    request: &'a Request,
    state: show::State,
    start: (String, Option<Html>),
    risks: Vec<RiskShown>,
    /// Shorter than what was asked for.
    shorter: Vec<AccessDuration>,
    /// For how long an approval is at most: what was asked for, or less where somebody approved for less.
    longest: AccessDuration,
    /// What an approval now would do.
    will: Html,
    /// What would be missing then.
    more: usize,
    decidable: bool,
    /// What has to be done before deciding: why, and where.
    first: Option<(Html, String)>,
    has_passkey: bool,
    /// Whether they have a passkey with another account of theirs only.
    key_elsewhere: bool,
    passkey_required: bool,
    typed: Typed,
    token: &'a str,
}

impl OneRequest<'_> {
    fn for_another(&self) -> bool {
        self.request.requester.user != self.request.beneficiary.user
    }

    /// Whether nothing but approvals is missing.
    fn waits(&self) -> bool {
        self.request.status == RequestStatus::Pending
    }
}

/// For how long an approval now would be: the shortest approval counts.
fn longest(request: &Request) -> AccessDuration {
    let approved = request.approvals.iter().map(|approval| approval.duration);
    approved.chain([request.duration]).min().unwrap_or(request.duration)
}

/// What an approval now would do, to whom, until when.
fn will(w: Words, dossier: &Dossier, now: Timestamp) -> Html {
    let request = &dossier.request.value;
    let groups: Vec<String> = dossier
        .groups
        .iter()
        .map(|group| group.name.clone().unwrap_or_else(|| request.entitlement_name.clone()))
        .collect();
    let (who, groups) = (request.beneficiary.name.as_str(), groups.join(", "));
    let duration = longest(request);
    if request.kind.extends().is_some() {
        let time = w.duration(duration);
        return w.timed_all("inbox-will-extend", &[("who", who), ("time", &time)], &[]);
    }
    let start = request.starts_at.map_or(now, |start| start.max(now));
    let texts = [("who", who), ("groups", groups.as_str())];
    w.timed("inbox-will", &texts, "until", duration.end_from(start))
}

async fn one(pages: &Pages, console: &Console, dossier: &Dossier, typed: Typed) -> Result<Page, AppError> {
    let (core, w, now) = (&pages.api.core, console.words(), console.now());
    let request = &dossier.request.value;
    let entitlement = &dossier.entitlement.value;
    let open = request.check_open("decided", now).is_ok() && request.activation.is_approved();
    let (has_passkey, key_elsewhere) = match console.who.party() {
        Ok((user, party)) => {
            let here = passkeys::has_usable(core, &request.application, party.user).await?;
            (here, !here && passkeys::person_has_usable(core, &user.value).await?)
        }
        Err(_) => (false, false),
    };
    let passkey_required = entitlement.passkey_required();
    let decidable = open && dossier.may_decide;
    let first = if decidable && !key_elsewhere {
        let place = format!("/inbox/{}", request.id);
        first(core, console, &place, has_passkey || passkey_required).await?
    } else {
        None
    };
    let longest = longest(request);
    let mut shorter = entitlement.durations_in_force(&dossier.template.value);
    shorter.retain(|duration| *duration < longest);
    let content = OneRequest {
        w,
        now,
        state: show::state(w, request),
        start: show::start(w, request),
        risks: risks::all(w, dossier),
        will: will(w, dossier, now),
        longest,
        more: usize::from(request.quorum).saturating_sub(request.approvals.len() + 1),
        shorter,
        decidable,
        first,
        has_passkey,
        key_elsewhere,
        passkey_required,
        typed,
        token: console.form_token().as_str(),
        request,
        dossier,
    };
    let title = w.t1("inbox-request-title", "name", &request.requester.name);
    Ok(console.page(&title, &content).script(&PASSKEY).live())
}

pub(crate) async fn request(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let fail = |error: AppError| console.fail(&error);
    let id: RequestId = id(&console, "request", &text)?;
    let dossier = dossier::gather(core, &console.who, id).await.map_err(fail)?;
    not_own(&console, &dossier)?;
    if !console.asks_for_news() {
        let noted = note_one(core, &console.who, &dossier.request.value).await;
        noted.map_err(fail)?;
    }
    one(&pages, &console, &dossier, Typed::default()).await.map_err(fail)
}

/// One's own request is looked at elsewhere, and so is one on which one decided once: what is about other people is neither
/// for its requester nor for those who are approvers no more.
fn not_own(console: &Console, dossier: &Dossier) -> Result<(), PageError> {
    if !dossier.mine && dossier.may_read {
        return Ok(());
    }
    let request = &dossier.request.value;
    let open = request.check_open("activated", console.now()).is_ok();
    let place = if dossier.mine && open && !request.activation.is_approved() {
        format!("/activate/{}", request.id)
    } else {
        format!("/requests/{}", request.id)
    };
    Err(PageError::redirect(place))
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Approve,
    Deny,
}

/// What the form on a request's page sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoteForm {
    /// What was pressed. A button with a duration alone approves for that long.
    #[serde(default)]
    decision: Option<Choice>,
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

impl VoteForm {
    fn read(self) -> Result<Vote, Refusal> {
        let duration = self.duration.filter(|text| !text.is_empty());
        let duration = duration.as_deref().map(str::parse).transpose();
        let verdict = match (self.decision, &duration) {
            (Some(Choice::Deny), _) => Verdict::Deny,
            (Some(Choice::Approve), _) | (None, Ok(Some(_)) | Err(_)) => Verdict::Approve,
            (None, Ok(None)) => return Err(Refusal::invalid("decision", Rule::one_of(["approve", "deny"]))),
        };
        Ok(Vote {
            verdict,
            duration: duration.map_err(|_| Refusal::invalid("duration", Rule::Shape(Shape::Duration)))?,
            comment: self.comment.filter(|comment| !comment.is_empty()),
        })
    }
}

pub(crate) async fn challenge(
    State(pages): State<Pages>,
    console: Recent,
    Path(text): Path<String>,
    body: Body<VoteForm>,
) -> Result<Json<Challenge>, PageError> {
    let id: RequestId = id(&console, "request", &text)?;
    let vote = body.value.read().map_err(|refusal| console.fail(&refusal.into()))?;
    let begun = approvals::begin_signed(&pages.api.core, &*pages.passkeys, &console.who, id, &vote)
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
    let answer = approvals::finish_signed(
        &pages.api.core,
        &*pages.passkeys,
        &console.who,
        ceremony,
        &response.to_string(),
        &status,
    )
    .await
    .map_err(|error| console.fail(&error))?;
    Ok(Place::of(format!("/inbox?done={}", done(&answer.body))))
}

/// By the session's own second factor, for those who have no passkey and where none is needed. What the rules refuse is
/// told on the page, with the comment as it was typed.
pub(crate) async fn decide(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    form: Form<VoteForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let (core, console) = (&pages.api.core, form.console);
    let id: RequestId = id(&console, "request", &text)?;
    let comment = form.value.comment.clone().unwrap_or_default();
    let decided = match form.value.read() {
        Ok(vote) => approvals::decide(core, &console.who, id, &vote, None, &status).await,
        Err(refusal) => Err(refusal.into()),
    };
    let error = match decided {
        Ok(answer) => return Ok(go(&format!("/inbox?done={}", done(&answer.body)))),
        Err(error) => error,
    };
    let (status, wrong) = refused(console.words(), error).map_err(|error| console.fail(&error))?;
    let fail = |error: AppError| console.fail(&error);
    let dossier = dossier::gather(core, &console.who, id).await.map_err(fail)?;
    not_own(&console, &dossier)?;
    let page = one(&pages, &console, &dossier, Typed { comment, wrong })
        .await
        .map_err(fail)?;
    let page = page.live_at(&format!("/inbox/{id}"));
    Ok(page.status(status).into_response())
}

/// What a decision's answer has to say for a page.
fn status(request: &Request) -> serde_json::Value {
    serde_json::json!(request.status == RequestStatus::Denied)
}

fn done(denied: &serde_json::Value) -> &'static str {
    if *denied == true { "denied" } else { "approved" }
}
