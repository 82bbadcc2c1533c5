//! A simulated Microsoft Entra tenant: Graph v1.0's group and user calls, an OpenID provider and the provisioning
//! client, on one durable state.
//!
//! It speaks the real wire protocol and shares no type with the adapters that talk to it; what it accepts and refuses
//! follows Graph's published contract. Two routers are served, each at its own base URL:
//!
//! - **`{graph}`**: `/v1.0/…` (see [`graph`]), `/_state`, `/_faults` (see [`faults`]), `/_calls`, `/_admin/…` (see
//!   [`admin`]);
//! - **`{oidc}`**: `/{tenant}/…` discovery, keys and token endpoint, and `/dev-token` (see [`oidc`]).
//!
//! `GET {graph}/_state` answers the true direct user members of the groups that exist:
//! `{"groups": {"<group object id>": ["<user object id>", …]}}`. `GET {graph}/_calls` counts the Graph calls by route,
//! status and `x-ms-throttle-priority`, and lists the newest; `DELETE` starts the log anew.

pub mod admin;
pub mod calls;
pub mod faults;
mod filter;
pub mod graph;
mod keys;
pub mod objects;
pub mod oidc;
pub mod provisioning;
mod sign_in;
pub mod tenant;
mod wire;

#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod oidc_tests;
#[cfg(test)]
mod provisioning_tests;
#[cfg(test)]
mod test_bench;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

pub use self::faults::FaultOrder;
pub use self::keys::Alg;
pub use self::objects::{Group, Object, User};
pub use self::oidc::TokenOrder;
pub use self::provisioning::{Dialect, Provisioner, ScimTarget};
pub use self::tenant::{Registrations, Tenant, TenantError};
use crate::sim;

/// Where the tenant is served and what it is configured to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Base URL of Graph, without a trailing slash and without `/v1.0`.
    pub graph_url: String,
    /// Base URL of the OpenID provider, without a trailing slash.
    pub oidc_url: String,
    /// Authentication context that a second factor satisfies (`c1` … `c99`).
    pub auth_context: String,
    /// Refuse callers from elsewhere and web pages of other origins ([`sim::only_local_callers`]).
    pub local_callers_only: bool,
}

impl Options {
    /// The usual options for these two base URLs.
    #[must_use]
    pub fn new(graph_url: &str, oidc_url: &str) -> Self {
        Self {
            graph_url: graph_url.trim_end_matches('/').to_owned(),
            oidc_url: oidc_url.trim_end_matches('/').to_owned(),
            auth_context: "c1".to_owned(),
            local_callers_only: true,
        }
    }
}

/// The tenant together with where it is served. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Entra {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tenant: Tenant,
    options: Options,
    provisioner: OnceLock<Provisioner>,
    sign_ins: sign_in::SignIns,
    held: AtomicUsize,
}

/// A call that an order holds, or held, and that is not through yet.
#[derive(Debug)]
struct HeldCall<'a>(&'a AtomicUsize);

impl Drop for HeldCall<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Entra {
    /// A tenant to be served with these options.
    #[must_use]
    pub fn new(tenant: Tenant, options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                tenant,
                options,
                provisioner: OnceLock::new(),
                sign_ins: sign_in::SignIns::default(),
                held: AtomicUsize::new(0),
            }),
        }
    }

    /// The tenant's state.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.inner.tenant
    }

    /// Where the tenant is served.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Registers an address to which people may come back from a sign-in.
    pub fn allow_redirect(&self, address: &str) {
        self.inner.sign_ins.allow_redirect(address);
    }

    /// How many calls have been held by a fault order and are not through yet, released or not.
    #[must_use]
    pub fn held(&self) -> usize {
        self.inner.held.load(Ordering::SeqCst)
    }

    fn holds_one(&self) -> HeldCall<'_> {
        self.inner.held.fetch_add(1, Ordering::SeqCst);
        HeldCall(&self.inner.held)
    }

    fn sign_ins(&self) -> &sign_in::SignIns {
        &self.inner.sign_ins
    }

    /// Sets the application that `POST {graph}/_admin/provision` pushes to. The first call counts; later ones change
    /// nothing, because Entra's provisioning job keeps the links it made.
    pub fn set_provisioner(&self, provisioner: Provisioner) {
        drop(self.inner.provisioner.set(provisioner));
    }

    /// The provisioning job, if one was set.
    #[must_use]
    pub fn provisioner(&self) -> Option<&Provisioner> {
        self.inner.provisioner.get()
    }

    /// What is served at `{graph}`.
    pub fn graph_router(&self) -> Router {
        let router = Router::new()
            .route("/_state", get(state))
            .route("/_faults", get(list_faults).post(order_fault).delete(clear_faults))
            .route("/_faults/{id}", delete(clear_fault))
            .route("/_calls", get(calls).delete(forget_calls))
            .nest("/_admin", admin::router())
            .fallback(graph::serve)
            .with_state(self.clone());
        self.guarded(router)
    }

    /// What is served at `{oidc}`.
    pub fn oidc_router(&self) -> Router {
        self.guarded(oidc::router().with_state(self.clone()))
    }

    fn guarded(&self, router: Router) -> Router {
        if self.inner.options.local_callers_only {
            router.layer(middleware::from_fn(sim::only_local_callers))
        } else {
            router
        }
    }
}

/// A refusal of the simulator's own calls (`/_faults`, `/_admin`), which Graph does not have.
#[derive(Debug)]
pub(crate) struct Refusal(StatusCode, String);

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self(status, message.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<TenantError> for Refusal {
    fn from(error: TenantError) -> Self {
        let status = match error {
            TenantError::NotFound { .. } => StatusCode::NOT_FOUND,
            TenantError::Taken(_) => StatusCode::CONFLICT,
            TenantError::Invalid(_) => StatusCode::BAD_REQUEST,
            _ => {
                tracing::error!(?error, "the simulated tenant failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self(status, error.to_string())
    }
}

/// Reads a JSON body whatever its content type, so that a bare `curl -d` works; unknown fields and wrong types are
/// named.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn state(State(entra): State<Entra>) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "groups": entra.tenant().state()? })))
}

async fn list_faults(State(entra): State<Entra>) -> Result<Json<Value>, Refusal> {
    Ok(Json(entra.tenant().faults()?))
}

async fn order_fault(State(entra): State<Entra>, body: axum::body::Bytes) -> Result<Response, Refusal> {
    let order: FaultOrder = from_json(&body)?;
    let id = entra.tenant().order_fault(&order)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn clear_faults(State(entra): State<Entra>) -> Result<StatusCode, Refusal> {
    entra.tenant().clear_faults(None)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_fault(State(entra): State<Entra>, Path(id): Path<i64>) -> Result<StatusCode, Refusal> {
    entra.tenant().clear_faults(Some(id))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn calls(State(entra): State<Entra>) -> Result<Json<Value>, Refusal> {
    Ok(Json(entra.tenant().calls()?))
}

async fn forget_calls(State(entra): State<Entra>) -> Result<StatusCode, Refusal> {
    entra.tenant().forget_calls()?;
    Ok(StatusCode::NO_CONTENT)
}
