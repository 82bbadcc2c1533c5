//! `/v1/me`: who Hourglass takes the caller for.

use axum::Json;
use axum::extract::State;
use hourglass_app::persons;
use hourglass_web::Api;
use hourglass_web::extract::{Authenticated, Failure};
use hourglass_web::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    /// The application.
    application: String,
    /// The tenant (`tid`).
    tenant: String,
    /// The object id (`oid`).
    object_id: String,
    /// Our id of the user, where provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The display name, where provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The caller's other accounts, which are one person with this one.
    linked: Vec<LinkedView>,
    /// App roles in the token.
    roles: Vec<&'static str>,
    /// Scopes of the token that its client may use.
    scopes: Vec<&'static str>,
}

/// Another account of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedView {
    /// Our id of the user: what `beneficiary` takes.
    user: String,
    /// `userName`.
    user_name: String,
    /// The display name.
    name: String,
}

/// Who you are here
#[utoipa::path(get, path = "/v1/me", tag = "Requests", responses((status = 200, body = MeView), (status = 401, body = Problem)))]
pub(crate) async fn get(State(api): State<Api>, caller: Authenticated) -> Result<Json<MeView>, Failure> {
    let who = &caller.who;
    let linked = match &who.user {
        Some(user) => persons::others(&*api.core.store, &user.value)
            .await
            .map_err(|error| caller.fail(&error.into()))?,
        None => Vec::new(),
    };
    let linked = linked.iter().map(|user| LinkedView {
        user: user.value.id.to_string(),
        user_name: user.value.user_name.clone(),
        name: user.value.name(),
    });
    Ok(Json(MeView {
        application: who.application.value.id.to_string(),
        tenant: who.caller.tenant.to_string(),
        object_id: who.caller.object_id.to_string(),
        user: who.user.as_ref().map(|user| user.value.id.to_string()),
        name: who.user.as_ref().map(|user| user.value.name()),
        linked: linked.collect(),
        roles: who.caller.roles.iter().map(|role| role.name()).collect(),
        scopes: who.caller.scopes.iter().map(|scope| scope.name()).collect(),
    }))
}
