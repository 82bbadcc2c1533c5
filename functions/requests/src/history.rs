//! `/v1/history`, and the timeline of one request.

use axum::Json;
use axum::extract::State;
use hourglass_app::history::{self, Entry, Whose};
use hourglass_domain::ids::RequestId;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, Id, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use hourglass_web::views::{EventView, GrantView, RequestView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose history, and which part.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// `own`, or `all` for auditors and admins. Left out, it is `all` for them and `own` for everybody else.
    whose: Option<WhoseParam>,
    /// `next_cursor` of the part before.
    cursor: Option<String>,
    /// Most entries to return, 1 to 100; 50 where it is left out.
    limit: Option<usize>,
}

/// Whose history.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhoseParam {
    /// The caller's.
    Own,
    /// Everybody's in the application.
    All,
}

/// A request with its grant and its timeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// The request.
    request: RequestView,
    /// The grant, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView>,
    /// The first events of the timeline, oldest first; all of them at `/v1/requests/{id}/events`.
    events: Vec<EventView>,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            request: RequestView::from(&entry.request.value),
            grant: entry.grant.as_ref().map(|grant| GrantView::from(&grant.value)),
            events: entry.events.iter().map(EventView::from).collect(),
        }
    }
}

/// What happened
///
/// Requests and grants with their timelines, newest first.
#[utoipa::path(
    get, path = "/v1/history", tag = "History", params(HistoryQuery),
    responses((status = 200, body = ListView<EntryView>), (status = "4XX", body = Problem))
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Authenticated,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<ListView<EntryView>>, Failure> {
    let paging = Paging {
        cursor: query.cursor,
        limit: query.limit,
    };
    let (after, limit) = paging.read()?;
    let whose = match query.whose {
        Some(WhoseParam::Own) => Whose::Own,
        Some(WhoseParam::All) => Whose::All,
        None if caller.who.reads_all() => Whose::All,
        None => Whose::Own,
    };
    if whose == Whose::All && caller.who.reads_all() {
        history::search::note_read(&api.core, &caller.who, "history", &[])
            .await
            .map_err(|error| caller.fail(&error))?;
    }
    let page = history::list(&api.core, &caller.who, whose, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(EntryView::from).collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

/// The timeline of a request and its grant
#[utoipa::path(
    get, path = "/v1/requests/{id}/events", tag = "History", params(("id" = String, Path), Paging),
    responses((status = 200, body = ListView<EventView>), (status = 404, body = Problem))
)]
pub(crate) async fn events(
    State(api): State<Api>,
    caller: Authenticated,
    id: Id<RequestId>,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<EventView>>, Failure> {
    let (after, limit) = paging.read()?;
    let page = history::events(&api.core, &caller.who, id.0, after, limit)
        .await
        .map_err(|error| caller.fail(&error))?;
    let items = page.items.iter().map(EventView::from).collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}
