//! `functions/sign-in`: signs people in to the console, and out. It is the only function that makes sessions, and the only
//! one that reads the secret of the sign-in registration.
//!
//! A sign-in is two calls ([`journey`]): one that sends the browser to the identity provider and stores what has to come
//! back, and one that takes that out of the table, whatever came back, trades the code for an ID token and begins a
//! session. Tokens are looked at and dropped. [`sessions`] shows a person their sessions.

mod journey;
mod look;
mod sessions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Path};
use axum::response::Response;
use axum::routing::{get, post};
use hourglass_app::ports::identity::IdentityProvider;
use hourglass_boot::Services;
use hourglass_web::{Api, assets, serve};

/// What the routes need.
#[derive(Clone, Debug)]
struct State {
    api: Api,
    /// `None` where the configuration does not allow for one: then nobody signs in.
    provider: Option<Arc<dyn IdentityProvider>>,
}

impl FromRef<State> for Api {
    fn from_ref(state: &State) -> Self {
        state.api.clone()
    }
}

/// The function's router.
pub fn router(services: Services) -> Router {
    let provider = services
        .identity_provider()
        .inspect_err(|error| tracing::error!(error = format!("{error:#}"), "nobody can sign in"));
    let config = &services.config;
    let api = Api::new(
        services.core.clone(),
        Arc::clone(&services.tokens),
        config.login().to_owned(),
        config.auth_context.clone(),
        "sign-in",
    );
    let state = State {
        api,
        provider: provider.ok(),
    };
    let router = Router::new()
        .route("/auth/sign-in", get(journey::sign_in))
        .route("/auth/step-up", get(journey::step_up))
        .route("/auth/callback", get(journey::callback))
        .route("/auth/sign-out", post(sessions::sign_out))
        .route("/auth/signed-out", get(sessions::signed_out))
        .route("/auth/sessions", get(sessions::list))
        .route("/auth/sessions/end-others", post(sessions::end_others))
        .route("/auth/sessions/{id}/end", post(sessions::end))
        .route("/auth/look", post(look::choose))
        .route("/assets/{file}", get(asset));
    serve::finish(router.with_state(state))
}

async fn asset(Path(file): Path<String>) -> Response {
    assets::answer(&file)
}
