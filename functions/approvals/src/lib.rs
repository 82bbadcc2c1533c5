//! `functions/approvals`: the inbox, and decisions.
//!
//! HTTP API, JSON under `/v1`. It is the only function that writes decisions and creates grants; it can touch no target
//! and read no secret.

mod decisions;
mod inbox;

use std::sync::Arc;

use axum::{Router, middleware};
use hourglass_boot::Services;
use hourglass_web::{Api, cors, serve};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes with their description.
pub fn api() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(decisions::decide))
        .routes(routes!(inbox::list))
}

/// The function's router.
pub fn router(services: Services) -> Router {
    let origins = Arc::new(services.config.form_origins.clone());
    let (router, _) = api().split_for_parts();
    let router = router
        .with_state(api_of(&services))
        .layer(middleware::from_fn(move |request, next| {
            cors::allow(Arc::clone(&origins), request, next)
        }));
    serve::finish(router)
}

fn api_of(services: &Services) -> Api {
    let config = &services.config;
    let tokens = Arc::clone(&services.tokens);
    Api::new(
        services.core.clone(),
        tokens,
        config.login().to_owned(),
        config.auth_context.clone(),
        "approvals",
    )
}
