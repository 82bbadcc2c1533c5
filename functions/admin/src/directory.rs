//! `/v1/admin/users`, `/v1/admin/groups`: what Entra has provisioned.

use axum::Json;
use axum::extract::State;
use hourglass_app::{AppError, admin, directory};
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure, ListView, Paging, Query};
use hourglass_web::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// A provisioned user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserView {
    /// Our id.
    id: String,
    /// The object id in Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    /// `userName`.
    user_name: String,
    /// The display name.
    name: String,
    /// Whether the account is active.
    active: bool,
    /// When it last changed.
    modified_at: String,
}

/// A provisioned group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupView {
    /// Our id.
    id: String,
    /// The object id in Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    /// `displayName`.
    name: String,
    /// When it last changed.
    modified_at: String,
}

/// Provisioned users
#[utoipa::path(
    get, path = "/v1/admin/users", tag = "Admin", params(Paging),
    responses((status = 200, body = ListView<UserView>), (status = 403, body = Problem))
)]
pub(crate) async fn users(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<UserView>>, Failure> {
    admin::require_admin(&caller.who).map_err(|refusal| caller.fail(&refusal.into()))?;
    let (after, limit) = paging.read()?;
    let application = &caller.who.application.value.id;
    let page = directory::users_page(&*api.core.store, application, after, limit)
        .await
        .map_err(|error| caller.fail(&AppError::from(error)))?;
    let items = page
        .items
        .iter()
        .map(|user| UserView {
            id: user.value.id.to_string(),
            object_id: user.value.object_id().map(|id| id.to_string()),
            user_name: user.value.user_name.clone(),
            name: user.value.name(),
            active: user.value.active,
            modified_at: user.value.modified_at.to_string(),
        })
        .collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}

/// Provisioned groups
#[utoipa::path(
    get, path = "/v1/admin/groups", tag = "Admin", params(Paging),
    responses((status = 200, body = ListView<GroupView>), (status = 403, body = Problem))
)]
pub(crate) async fn groups(
    State(api): State<Api>,
    caller: Authenticated,
    Query(paging): Query<Paging>,
) -> Result<Json<ListView<GroupView>>, Failure> {
    admin::require_admin(&caller.who).map_err(|refusal| caller.fail(&refusal.into()))?;
    let (after, limit) = paging.read()?;
    let application = &caller.who.application.value.id;
    let page = directory::groups_page(&*api.core.store, application, after, limit)
        .await
        .map_err(|error| caller.fail(&AppError::from(error)))?;
    let items = page
        .items
        .iter()
        .map(|group| GroupView {
            id: group.value.id.to_string(),
            object_id: group.value.object_id().map(|id| id.to_string()),
            name: group.value.name(),
            modified_at: group.value.modified_at.to_string(),
        })
        .collect();
    Ok(Json(ListView::new(items, page.next.as_deref())))
}
