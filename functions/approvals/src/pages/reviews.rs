//! `/inbox/reviews`: emergencies, and what another person found of each.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use hourglass_app::emergencies;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::GrantId;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use hourglass_web::words::Words;
use serde::Deserialize;

use super::show::State as ReviewState;
use super::{Pages, Shown, go, id, message, next};

/// An emergency, as the page shows it.
struct EmergencyShown {
    grant: String,
    request: String,
    what: String,
    who: String,
    at: Timestamp,
    state: ReviewState,
    /// By when it is due, while nobody has reviewed it.
    due: Option<Timestamp>,
    open: bool,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews<'a> {
    w: Words,
    message: Option<String>,
    emergencies: Vec<EmergencyShown>,
    next: Option<String>,
    token: &'a str,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
    let w = console.words();
    let (after, limit) = shown.paging();
    let page = emergencies::list(&pages.api.core, &console.who, after, limit)
        .await
        .map_err(|error| console.fail(&error))?;
    let me = console.who.party().ok().map(|(_, party)| party);
    let emergencies = page
        .items
        .iter()
        .map(|stored| {
            let emergency = &stored.value;
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
                open: emergency.review.is_none() && !own,
            }
        })
        .collect();
    let content = Reviews {
        w,
        message: message(w, shown.done.as_deref()),
        emergencies,
        next: next(page.next.as_deref()),
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
    emergencies::review(&pages.api.core, &console.who, grant, justified, &comment)
        .await
        .map_err(|error| console.fail(&error))?;
    Ok(go("/inbox/reviews?done=reviewed"))
}
