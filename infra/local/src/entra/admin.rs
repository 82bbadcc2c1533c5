//! What an administrator does in the tenant by hand, for tests and for trying things out. Graph has none of these paths.
//!
//! | call below `{graph}/_admin` | effect |
//! |---|---|
//! | `GET /users`, `GET /groups` | all objects with everything the tenant knows |
//! | `POST /users` | makes a user; `userPrincipalName` and `displayName` are needed, `id` may be given; 201 |
//! | `POST /groups` | makes a group; `displayName` is needed, `id` may be given; 201 |
//! | `PATCH /users/{id}`, `PATCH /groups/{id}` | sets the properties in the body (rename, disable, kind of group, owners, app roles …) |
//! | `DELETE /objects/{id}` | moves a user or group to the deleted items |
//! | `POST /objects/{id}/restore` | brings it back, with its members |
//! | `POST /objects/{id}/purge` | deletes it for good |
//! | `PUT`, `DELETE /groups/{id}/members/{object id}` | adds or removes a member, whatever kind of group it is |
//! | `PUT /connector/permissions` | body: list of Graph permissions that count in tokens issued from now on |
//! | `GET`, `PUT /access-policies` | the Conditional Access policies; body: a list of them as Graph shows them |
//! | `POST /connector/secret` | new client secret, answered as `{"client_secret"}`; `{"revoke_tokens": true}` ends issued tokens |
//! | `POST /keys` | new signing key, answered as `{"kid"}`; `{"withdraw_old": true}` unpublishes the old ones |
//! | `PUT /write-budget` | `{"capacity", "refill_per_second"}` |
//! | `PUT /provisioning` | `{"url", "token"}`: where to provision to, as entered on the application's page *Provisioning*; 409 once it is set |
//! | `POST /provision` | pushes to the SCIM endpoint as Entra's provisioning does: `{}` everything, `{"object": id}` one user or group |
//!
//! Property names are those of `GET`; unknown ones are refused by name. A missing object is 404, a taken name 409.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::calls::WriteBudget;
use super::objects::{Group, Object, User};
use super::provisioning::{Provisioner, ScimTarget};
use super::tenant::{Change, TenantError};
use super::{Entra, Refusal, from_json};
use crate::company::DOMAIN;
use crate::sim;

/// Properties that only the tenant itself sets.
const OWN_PROPERTIES: &[&str] = &["createdAt", "deletedAt"];

pub(super) fn router() -> Router<Entra> {
    Router::new()
        .route("/users", get(users).post(create_user))
        .route("/groups", get(groups).post(create_group))
        .route("/users/{id}", patch(edit_user))
        .route("/groups/{id}", patch(edit_group))
        .route("/objects/{id}", axum::routing::delete(delete))
        .route("/objects/{id}/restore", post(restore))
        .route("/objects/{id}/purge", post(purge))
        .route("/groups/{id}/members/{member}", put(add_member).delete(remove_member))
        .route("/connector/permissions", put(set_permissions))
        .route("/access-policies", get(access_policies).put(set_access_policies))
        .route("/connector/secret", post(rotate_secret))
        .route("/keys", post(rotate_key))
        .route("/write-budget", put(set_write_budget))
        .route("/provisioning", put(set_provisioning))
        .route("/provision", post(provision))
}

async fn users(State(entra): State<Entra>) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "users": entra.tenant().users()? })))
}

async fn groups(State(entra): State<Entra>) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "groups": entra.tenant().groups()? })))
}

async fn create_user(State(entra): State<Entra>, body: Bytes) -> Result<Response, Refusal> {
    let user: User = made(&entra, from_json(&body)?)?;
    entra.tenant().create_user(user.clone())?;
    Ok((StatusCode::CREATED, Json(user)).into_response())
}

async fn create_group(State(entra): State<Entra>, body: Bytes) -> Result<Response, Refusal> {
    let group: Group = made(&entra, from_json(&body)?)?;
    entra.tenant().create_group(group.clone())?;
    Ok((StatusCode::CREATED, Json(group)).into_response())
}

/// A new object from the caller's properties.
fn made<T: DeserializeOwned>(entra: &Entra, mut properties: Map<String, Value>) -> Result<T, Refusal> {
    refuse_own(&properties)?;
    let id = sim::random_id().map_err(TenantError::from)?;
    properties.entry("id").or_insert(json!(id));
    properties.insert("createdAt".to_owned(), json!(entra.tenant().now()));
    parsed(properties)
}

fn refuse_own(properties: &Map<String, Value>) -> Result<(), Refusal> {
    match properties.keys().find(|key| OWN_PROPERTIES.contains(&key.as_str())) {
        Some(key) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("{key} can't be set"))),
        None => Ok(()),
    }
}

fn parsed<T: DeserializeOwned>(properties: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(properties))
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn edit_user(State(entra): State<Entra>, Path(id): Path<Uuid>, body: Bytes) -> Result<Json<User>, Refusal> {
    let changes = changes(&body)?;
    entra.tenant().write(|change| {
        let user = change.view().live(id)?.and_then(super::tenant::into_user);
        let user = edited(user, "user", id, changes)?;
        kept(change, Object::User(user.clone()))?;
        Ok(Json(user))
    })
}

async fn edit_group(State(entra): State<Entra>, Path(id): Path<Uuid>, body: Bytes) -> Result<Json<Group>, Refusal> {
    let changes = changes(&body)?;
    entra.tenant().write(|change| {
        let group = change.view().live(id)?.and_then(super::tenant::into_group);
        let group = edited(group, "group", id, changes)?;
        kept(change, Object::Group(group.clone()))?;
        Ok(Json(group))
    })
}

fn changes(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let changes: Map<String, Value> = from_json(body)?;
    refuse_own(&changes)?;
    if changes.contains_key("id") {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "id can't be set"));
    }
    Ok(changes)
}

/// The object with the changed properties laid over it.
fn edited<T: Serialize + DeserializeOwned>(
    object: Option<T>,
    kind: &'static str,
    id: Uuid,
    changes: Map<String, Value>,
) -> Result<T, Refusal> {
    let object = object.ok_or_else(|| TenantError::not_found(kind, id))?;
    let mut properties: Map<String, Value> = match serde_json::to_value(&object).map_err(TenantError::from)? {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    properties.extend(changes);
    parsed(properties)
}

fn kept(change: &Change<'_>, object: Object) -> Result<(), Refusal> {
    Ok(change.replace(&object)?)
}

async fn delete(State(entra): State<Entra>, Path(id): Path<Uuid>) -> Result<StatusCode, Refusal> {
    entra.tenant().delete(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(State(entra): State<Entra>, Path(id): Path<Uuid>) -> Result<StatusCode, Refusal> {
    entra.tenant().restore(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn purge(State(entra): State<Entra>, Path(id): Path<Uuid>) -> Result<StatusCode, Refusal> {
    entra.tenant().purge(id)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_member(
    State(entra): State<Entra>,
    Path((group, member)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, Refusal> {
    entra.tenant().add_member(group, member)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_member(
    State(entra): State<Entra>,
    Path((group, member)): Path<(Uuid, Uuid)>,
) -> Result<StatusCode, Refusal> {
    if entra.tenant().remove_member(group, member)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(TenantError::not_found("member", member).into())
    }
}

async fn access_policies(State(entra): State<Entra>) -> Result<Json<Vec<Value>>, Refusal> {
    let context = &entra.options().auth_context;
    Ok(Json(entra.tenant().read(0, |view| view.access_policies(context))?))
}

async fn set_access_policies(State(entra): State<Entra>, body: Bytes) -> Result<StatusCode, Refusal> {
    let policies: Vec<Value> = from_json(&body)?;
    entra.tenant().set_access_policies(&policies)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_permissions(State(entra): State<Entra>, body: Bytes) -> Result<StatusCode, Refusal> {
    let permissions: Vec<String> = from_json(&body)?;
    entra.tenant().set_connector_permissions(&permissions)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RotateSecret {
    revoke_tokens: bool,
}

async fn rotate_secret(State(entra): State<Entra>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let order: RotateSecret = or_default(&body)?;
    let secret = entra.tenant().rotate_connector_secret(order.revoke_tokens)?;
    Ok(Json(json!({
        "tenant_id": entra.tenant().id(),
        "client_id": entra.tenant().connector()?.client_id,
        "client_secret": secret.expose_secret(),
    })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RotateKey {
    withdraw_old: bool,
}

async fn rotate_key(State(entra): State<Entra>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let order: RotateKey = or_default(&body)?;
    let kid = entra.tenant().rotate_key(order.withdraw_old)?;
    Ok(Json(json!({ "kid": kid })))
}

async fn set_write_budget(State(entra): State<Entra>, body: Bytes) -> Result<StatusCode, Refusal> {
    let budget: WriteBudget = from_json(&body)?;
    entra.tenant().set_write_budget(budget)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provisioning {
    url: String,
    token: SecretString,
}

async fn set_provisioning(State(entra): State<Entra>, body: Bytes) -> Result<StatusCode, Refusal> {
    let Provisioning { url, token } = from_json(&body)?;
    if entra.provisioner().is_some() {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "an application is provisioned already",
        ));
    }
    let provisioner = Provisioner::new(entra.tenant().clone(), ScimTarget::new(&url, token, DOMAIN))
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    // As *Test connection* does there: what cannot be reached, or refuses the token, is not kept.
    provisioner
        .test_connection()
        .await
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    entra.set_provisioner(provisioner);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Provision {
    object: Option<Uuid>,
}

async fn provision(State(entra): State<Entra>, body: Bytes) -> Result<Json<Value>, Refusal> {
    let order: Provision = or_default(&body)?;
    let provisioner = entra
        .provisioner()
        .ok_or_else(|| Refusal::new(StatusCode::CONFLICT, "no application is provisioned from this tenant"))?;
    let report = match order.object {
        Some(object) => provisioner.push(object).await,
        None => provisioner.sync_all().await,
    };
    let report = report.map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))?;
    Ok(Json(json!(report)))
}

fn or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        from_json(body)
    }
}
