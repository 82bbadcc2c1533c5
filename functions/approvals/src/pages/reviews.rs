//! `/inbox/reviews`: emergencies, and what another person found of each.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response as HttpResponse;
use hourglass_app::emergencies;
use hourglass_domain::ids::GrantId;
use hourglass_web::csrf::Form;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::{Console, Recent};
use serde::Deserialize;

use super::show::instant;
use super::{Pages, Shown, go, id, message, next};

/// An emergency, as the page shows it.
struct EmergencyShown {
    grant: String,
    request: String,
    what: String,
    who: String,
    at: String,
    state: String,
    tone: &'static str,
    open: bool,
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct Reviews<'a> {
    message: &'static str,
    emergencies: Vec<EmergencyShown>,
    next: Option<String>,
    token: &'a str,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(shown): Query<Shown>,
) -> Result<Page, PageError> {
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
            let (state, tone) = match &emergency.review {
                Some(review) if review.justified => (format!("✓ justified, says {}", review.by.name), "good"),
                Some(review) => (format!("✕ not justified, says {}", review.by.name), "failing"),
                None if emergency.is_overdue(console.now()) => {
                    (format!("! overdue since {}", instant(emergency.review_by)), "failing")
                }
                None => (format!("◷ due by {}", instant(emergency.review_by)), "waiting"),
            };
            EmergencyShown {
                grant: emergency.grant.to_string(),
                request: emergency.request.to_string(),
                what: emergency.entitlement_name.clone(),
                who: emergency.by.name.clone(),
                at: instant(emergency.activated_at),
                state,
                tone,
                open: emergency.review.is_none() && !own,
            }
        })
        .collect();
    let content = Reviews {
        message: message(shown.done.as_deref()),
        emergencies,
        next: next(page.next.as_deref()),
        token: console.form_token().as_str(),
    };
    Ok(console.page("Emergencies to review", &content))
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
