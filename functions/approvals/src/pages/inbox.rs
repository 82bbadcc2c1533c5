//! `/inbox`: what waits for the caller, and deciding on it.

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use hourglass_app::{approvals, passkeys, requests};
use hourglass_domain::Refusal;
use hourglass_domain::decision::{Verdict, Vote};
use hourglass_domain::ids::RequestId;
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_web::assets::PASSKEY;
use hourglass_web::csrf::Form;
use hourglass_web::extract::{Body, Query};
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use serde::Deserialize;

use super::show::{RequestShown, rules};
use super::{Challenge, Pages, Place, Response, Shown, go, id, message, next};

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    message: &'static str,
    requests: Vec<RequestShown>,
    next: Option<String>,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let (after, limit) = shown.paging();
    let page = approvals::inbox(&pages.api.core, &console.who, after, limit)
        .await
        .map_err(|error| console.fail(&error))?;
    let content = Inbox {
        message: message(shown.done.as_deref()),
        requests: page
            .items
            .iter()
            .map(|stored| RequestShown::new(&stored.value, false))
            .collect(),
        next: next(page.next.as_deref()),
    };
    Ok(console.page("Inbox", &content))
}

#[derive(Template)]
#[template(path = "request.html")]
struct OneRequest<'a> {
    request: RequestShown,
    durations: Vec<String>,
    decidable: bool,
    activatable: bool,
    has_passkey: bool,
    passkey_required: bool,
    token: &'a str,
}

pub(crate) async fn request(
    State(pages): State<Pages>,
    console: Console,
    Path(text): Path<String>,
) -> Result<Page, PageError> {
    let core = &pages.api.core;
    let fail = |error: &hourglass_app::AppError| console.fail(error);
    let id: RequestId = id(&console, "request", &text)?;
    let stored = requests::get(core, &console.who, id)
        .await
        .map_err(|error| fail(&error))?;
    let request = &stored.value;
    let in_force = rules(core, request).await.map_err(|error| fail(&error))?;
    let entitlement = &in_force.entitlement.value;
    let open = request.check_open("decided", console.now()).is_ok();
    let (mut has_passkey, mut mine) = (false, false);
    if let Ok((_, party)) = console.who.party() {
        has_passkey = passkeys::has_usable(core, &request.application, party.user)
            .await
            .map_err(|error| fail(&error))?;
        mine = party.user == request.beneficiary.user;
    }
    let mut durations = vec![request.duration];
    let mut shorter = entitlement.durations_in_force(&in_force.template.value);
    shorter.retain(|duration| *duration < request.duration);
    durations.extend(shorter);
    let own = request.activation.is_approved();
    let content = OneRequest {
        request: RequestShown::new(request, entitlement.critical),
        durations: durations.iter().map(ToString::to_string).collect(),
        decidable: open && !mine && own,
        activatable: open && mine && !own,
        has_passkey,
        passkey_required: entitlement.passkey_required(),
        token: console.form_token().as_str(),
    };
    let title = format!("Request from {}", request.requester.name);
    Ok(console.page(&title, &content).script(&PASSKEY))
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
    decision: Choice,
    #[serde(default)]
    duration: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

impl VoteForm {
    fn read(self) -> Result<Vote, Refusal> {
        let duration = self.duration.filter(|text| !text.is_empty());
        let duration = duration.as_deref().map(str::parse).transpose();
        let verdict = match self.decision {
            Choice::Approve => Verdict::Approve,
            Choice::Deny => Verdict::Deny,
        };
        Ok(Vote {
            verdict,
            duration: duration.map_err(|_| Refusal::invalid("duration", "must be a duration such as 30m, 1h or 2d"))?,
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

/// By the session's own second factor, for those who have no passkey and where none is needed.
pub(crate) async fn decide(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    form: Form<VoteForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = form.console;
    let id: RequestId = id(&console, "request", &text)?;
    let vote = form.value.read().map_err(|refusal| console.fail(&refusal.into()))?;
    let answer = approvals::decide(&pages.api.core, &console.who, id, &vote, None, &status)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(go(&format!("/inbox?done={}", done(&answer.body))))
}

/// What a decision's answer has to say for a page.
fn status(request: &Request) -> serde_json::Value {
    serde_json::json!(request.status == RequestStatus::Denied)
}

fn done(denied: &serde_json::Value) -> &'static str {
    if *denied == true { "denied" } else { "approved" }
}
