//! `/scim/v2`: how Entra provisions users and groups.
//!
//! This crate is HTTP only: headers, statuses and the routes below; what the calls mean is in `hourglass_app::scim`.
//! Every route, unknown ones included, needs a valid secret first ([`auth`]), and every answer, errors included, is
//! `application/scim+json` (RFC 7644 section 3.1).

mod answer;
mod auth;
mod input;
mod routes;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{any, get, post};
use hourglass_app::ports::Core;
use hourglass_app::scim::{Gate, LastSeen, MOUNT};
use hourglass_boot::Services;
use tower_http::catch_panic::CatchPanicLayer;

use self::answer::{Failure, harden};

/// Largest body, in bytes: 5,000 members as Entra writes them take some 300 KB.
pub const LARGEST_BODY: usize = 1_000_000;

/// What the routes need.
#[derive(Clone, Debug)]
struct State {
    core: Core,
    gate: Arc<Gate>,
    seen: Arc<LastSeen>,
}

/// The router of the function.
pub fn router(services: Services) -> Router {
    scim_router(services.core)
}

/// The router, from what it needs of the services.
pub fn scim_router(core: Core) -> Router {
    let state = State {
        core,
        gate: Arc::default(),
        seen: Arc::default(),
    };
    let endpoint = Router::new()
        .route("/Users", get(routes::list_users).post(routes::create_user))
        .route("/Users/.search", post(routes::search_users))
        .route(
            "/Users/{id}",
            get(routes::get_user)
                .put(routes::replace_user)
                .patch(routes::patch_user)
                .delete(routes::delete_user),
        )
        .route("/Groups", get(routes::list_groups).post(routes::create_group))
        .route("/Groups/.search", post(routes::search_groups))
        .route(
            "/Groups/{id}",
            get(routes::get_group)
                .put(routes::replace_group)
                .patch(routes::patch_group)
                .delete(routes::delete_group),
        )
        .route("/.search", post(routes::search_everything))
        .route("/ServiceProviderConfig", get(routes::service_provider_config))
        .route("/Schemas", get(routes::schemas))
        .route("/Schemas/{urn}", get(routes::schema))
        .route("/ResourceTypes", get(routes::resource_types))
        .route("/ResourceTypes/{name}", get(routes::resource_type))
        // Declared unsupported in ServiceProviderConfig (RFC 7644 sections 3.7 and 3.11).
        .route("/Bulk", any(|| async { Failure::NotImplemented }))
        .route("/Me", any(|| async { Failure::NotImplemented }));
    Router::new()
        .nest(MOUNT, endpoint)
        .fallback(|| async { Failure::unknown_endpoint() })
        .method_not_allowed_fallback(|| async { Failure::Method })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(state.clone(), auth::authenticate))
        .layer(middleware::from_fn(harden))
        .layer(CatchPanicLayer::custom(answer::panicked))
        .with_state(state)
}
