//! `/inbox/reviews`: emergencies, and what another person found of each.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use hourglass_app::emergencies;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::GrantId;
use hourglass_domain::roles::Role;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::{Html, Words};
use serde::Deserialize;

use super::show::State as ReviewState;
use super::{Pages, Shown, first, go, id, message, next, refused};

/// An emergency, as the page shows it.
struct EmergencyShown {
    grant: String,
    request: String,
    what: String,
    who: String,
    at: Timestamp,
    /// What was written when it was activated, and the ticket.
    why: Option<(String, Option<String>)>,
    state: ReviewState,
    /// By when it is due, while nobody has reviewed it.
    due: Option<Timestamp>,
    open: bool,
    /// What was typed beside it.
    comment: String,
    wrong: Wrong,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews<'a> {
    w: Words,
    message: Option<String>,
    emergencies: Vec<EmergencyShown>,
    next: Option<String>,
    /// What has to be done first, and where.
    first: Option<(Html, String)>,
    token: &'a str,
}

/// What somebody wrote about an emergency, and what was wrong with it.
type Typed = (GrantId, String, Wrong);

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    show(&pages, &console, &shown, None).await
}

async fn show(pages: &Pages, console: &Console, shown: &Shown, mut typed: Option<Typed>) -> Result<Page, PageError> {
    let w = console.words();
    let (after, limit) = shown.paging();
    let page = emergencies::list(&pages.api.core, &console.who, after, limit)
        .await
        .map_err(|error| console.fail(&error))?;
    let requests = emergencies::requests_of(&pages.api.core, &page.items)
        .await
        .map_err(|error| console.fail(&error))?;
    let me = console.who.party().ok().map(|(_, party)| party);
    let reviews = console.who.has(Role::Admin) || console.who.has(Role::Approver);
    let mut emergencies: Vec<EmergencyShown> = page
        .items
        .iter()
        .zip(requests)
        .map(|(stored, request)| {
            let emergency = &stored.value;
            let of_it = typed.take_if(|(grant, ..)| *grant == emergency.grant);
            let (comment, wrong) = of_it.map_or_else(Default::default, |(_, comment, wrong)| (comment, wrong));
            let own = me.as_ref().is_none_or(|me| me.same_person(&emergency.by));
            let (icon, tone, text) = match &emergency.review {
                Some(review) if review.justified => ("✓", "good", w.t1("reviews-justified", "name", &review.by.name)),
                Some(review) => ("✕", "failing", w.t1("reviews-not-justified", "name", &review.by.name)),
                None if emergency.is_overdue(console.now()) => ("!", "failing", w.t("reviews-overdue")),
                None => ("◷", "waiting", w.t("reviews-due")),
            };
            EmergencyShown {
                grant: emergency.grant.to_string(),
                request: emergency.request.to_string(),
                what: emergency.entitlement_name.clone(),
                who: emergency.by.name.clone(),
                at: emergency.activated_at,
                state: ReviewState { icon, tone, text },
                due: emergency.review.is_none().then_some(emergency.review_by),
                open: emergency.review.is_none() && !own && reviews,
                why: request.map(|request| (request.justification, request.ticket)),
                comment,
                wrong,
            }
        })
        .collect();
    // What somebody has to see to comes first.
    emergencies.sort_by_key(|emergency| emergency.due.is_none());
    let first = first(&pages.api.core, console, "/inbox/reviews", false)
        .await
        .map_err(|error| console.fail(&error))?;
    let content = Reviews {
        w,
        message: message(w, shown.done.as_deref()),
        emergencies,
        next: next(page.next.as_deref()),
        first,
        token: console.form_token().as_str(),
    };
    Ok(console.page(&w.t("reviews-title"), &content))
}

/// What the form under an emergency sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewForm {
    justified: bool,
    comment: String,
}

pub(crate) async fn review(
    State(pages): State<Pages>,
    Path(text): Path<String>,
    form: Form<ReviewForm, Recent>,
) -> Result<HttpResponse, PageError> {
    let console = form.console;
    let grant: GrantId = id(&console, "emergency", &text)?;
    let ReviewForm { justified, comment } = form.value;
    let reviewed = emergencies::review(&pages.api.core, &console.who, grant, justified, &comment).await;
    let Err(error) = reviewed else {
        return Ok(go("/inbox/reviews?done=reviewed"));
    };
    let (status, wrong) = refused(console.words(), error).map_err(|error| console.fail(&error))?;
    let page = show(&pages, &console, &Shown::default(), Some((grant, comment, wrong))).await?;
    Ok(page.status(status).into_response())
}
