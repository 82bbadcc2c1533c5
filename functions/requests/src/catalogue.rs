//! `/v1/entitlements`: what the caller can ask for.

use axum::Json;
use axum::extract::State;
use hourglass_app::catalogue::{self, Offer};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// An entitlement as somebody who may ask for it sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OfferView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it gives.
    description: String,
    /// Where the beneficiary is put.
    targets: Vec<String>,
    /// The durations it may be asked for.
    durations: Vec<String>,
    /// How long access may last in all, its extensions included.
    absolute_maximum: String,
    /// How many people have to approve.
    quorum: u8,
    /// Fewest characters of a justification.
    justification_min: u16,
    /// Whether a ticket is needed.
    ticket_required: bool,
    /// What a ticket begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_prefix: Option<String>,
    /// Whether it is over a powerful group.
    critical: bool,
    /// Whether it can be asked for on behalf of others who may have it.
    on_behalf: bool,
    /// How it is used once one has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    how_to: Option<UseView>,
    /// Whether it can be asked for now.
    requestable: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// How an entitlement is used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UseView {
    /// What to do once the access is there.
    text: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl From<&Offer> for OfferView {
    fn from(offer: &Offer) -> Self {
        let entitlement = &offer.entitlement.value;
        Self {
            id: entitlement.id.to_string(),
            name: entitlement.name.clone(),
            description: entitlement.description.clone(),
            targets: entitlement.targets.iter().map(ToString::to_string).collect(),
            durations: offer.durations.iter().map(ToString::to_string).collect(),
            absolute_maximum: offer.absolute_maximum.to_string(),
            quorum: entitlement.quorum,
            justification_min: entitlement.justification_min,
            ticket_required: entitlement.ticket.required,
            ticket_prefix: entitlement.ticket.prefix.clone(),
            critical: entitlement.critical,
            on_behalf: entitlement.on_behalf,
            how_to: entitlement.how_to.as_ref().map(|how_to| UseView {
                text: how_to.text.clone(),
                link: how_to.link.clone(),
            }),
            requestable: offer.problem.is_none(),
            problem: offer.problem.as_ref().map(ToString::to_string),
        }
    }
}

/// What you can ask for
#[utoipa::path(
    get, path = "/v1/entitlements", tag = "Requests", params(Paging),
    responses((status = 200, body = ListView<OfferView>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<OfferView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = catalogue::list(&api.core, &caller.who, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(OfferView::from).collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}
