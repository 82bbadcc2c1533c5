//! `functions/requests`: what people ask for, what they have, and what happened.
//!
//! HTTP API: JSON under `/v1`, and the pages on which people ask and look. It reads everything of the application and writes requests, orders to end, and answers
//! to repeated calls; it can touch no target and read no secret.

mod catalogue;
mod decisions;
mod grants;
mod history;
mod me;
mod pages;
mod requests;
mod timeline;

use std::sync::Arc;

use axum::Router;
use hourglass_boot::Services;
use hourglass_web::{Api, cors, serve};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The committed description of the whole API, as it is served.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Hourglass",
    description = "Just-in-time membership of Microsoft Entra groups."
))]
struct Description;

/// The routes with their description; the document cannot differ from the routes.
pub fn api() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(requests::create))
        .routes(routes!(requests::preview))
        .routes(routes!(requests::get))
        .routes(routes!(requests::cancel))
        .routes(routes!(history::events))
        .routes(routes!(decisions::list))
        .routes(routes!(decisions::file))
        .routes(routes!(grants::get))
        .routes(routes!(grants::check_in))
        .routes(routes!(grants::revoke))
        .routes(routes!(grants::extend))
        .routes(routes!(catalogue::list))
        .routes(routes!(history::list))
        .routes(routes!(me::get))
}

/// The function's router.
pub fn router(services: Services) -> Router {
    let (router, _) = api().split_for_parts();
    let api = api_of(&services);
    let router = router
        .with_state(api.clone())
        .route("/v1/openapi.json", axum::routing::get(openapi));
    let pages = pages::Pages {
        api,
        index: Arc::default(),
    };
    // Forms of other origins call the API; nothing of another origin calls a page.
    let router = cors::on_routes(router, services.config.form_origins.clone());
    serve::finish(router.merge(pages::router(pages)))
}

async fn openapi() -> impl axum::response::IntoResponse {
    ([(http::header::CONTENT_TYPE, "application/json")], OPENAPI)
}

fn api_of(services: &Services) -> Api {
    let config = &services.config;
    let tokens = Arc::clone(&services.tokens);
    Api::new(
        services.core.clone(),
        tokens,
        config.login().to_owned(),
        config.auth_context.clone(),
        "requests",
    )
}
