//! `functions/approvals`: the inbox, decisions, activations, delegates, reviews, and what admins sign.
//!
//! HTTP API: JSON under `/v1`, and the pages on which passkeys are used. It is the only function that writes decisions and
//! passkeys and creates grants; it can touch no target, and of the secrets it reads the two keys of seals only. Pages of
//! other origins may not call it: forms ask, and people decide in the console.

mod decisions;
mod delegations;
mod inbox;
mod pages;

use std::sync::Arc;

use axum::Router;
use hourglass_boot::Services;
use hourglass_web::{Api, serve};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes with their description.
pub fn api() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(decisions::decide))
        .routes(routes!(inbox::list))
        .routes(routes!(delegations::name, delegations::list))
        .routes(routes!(delegations::end))
}

/// The function's router.
pub fn router(services: Services) -> Router {
    let (router, _) = api().split_for_parts();
    let api = api_of(&services);
    let pages = pages::Pages {
        api: api.clone(),
        passkeys: Arc::clone(&services.passkeys),
        index: Arc::default(),
    };
    serve::finish(router.with_state(api).merge(pages::router(pages)))
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
