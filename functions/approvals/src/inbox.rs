//! `GET /v1/approvals`: what waits for the caller.

use axum::Json;
use axum::extract::State;
use hourglass_app::approvals;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use hourglass_web::views::RequestView;

/// What waits for you
///
/// The requests that you may decide on, soonest to lapse first. A part may be shorter than `limit` and still go on.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "Decisions", params(Paging),
    responses((status = 200, body = ListView<RequestView>), (status = 403, body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<RequestView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = approvals::inbox(&api.core, &caller.who, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page
        .items
        .iter()
        .map(|request| RequestView::from(&request.value))
        .collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}
