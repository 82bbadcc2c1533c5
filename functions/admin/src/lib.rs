//! `functions/admin`: applications, entitlements, the template, integrations, probes, drift, the synced directory, and
//! the kill switch.
//!
//! HTTP API: JSON under `/v1/admin`, and pages under `/admin`. It can write credentials and never read them, and it can touch no target: what has
//! to be tried outside is stored as a probe, which provisioning answers.

mod applications;
mod auth_context;
mod by_hand;
mod changes;
mod directory;
mod drift;
mod entitlements;
mod integrations;
mod kill_switch;
mod links;
mod pages;
mod probes;
mod template;

use axum::Router;
use axum::extract::FromRef;
use hourglass_app::catalogue::search::Index;
use hourglass_app::ports::passkeys::Passkeys;
use hourglass_app::ports::secrets::SecretWriter;
use hourglass_boot::Services;
use hourglass_web::{Api, serve};
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the routes of this function need.
#[derive(Clone, Debug)]
pub struct AdminApi {
    /// What every function has.
    pub api: Api,
    /// Writes credentials.
    pub secrets: Arc<dyn SecretWriter>,
    /// What entitlements there are, in short form.
    pub index: Arc<Index>,
    /// Verifies what admins have signed.
    pub passkeys: Arc<dyn Passkeys>,
}

impl FromRef<AdminApi> for Api {
    fn from_ref(state: &AdminApi) -> Self {
        state.api.clone()
    }
}

/// The routes with their description.
pub fn api() -> OpenApiRouter<AdminApi> {
    OpenApiRouter::new()
        .routes(routes!(applications::register, applications::list))
        .routes(routes!(applications::add_scim_token))
        .routes(routes!(applications::delete_scim_token))
        .routes(routes!(directory::users))
        .routes(routes!(directory::groups))
        .routes(routes!(entitlements::create, entitlements::list))
        .routes(routes!(entitlements::get, entitlements::update))
        .routes(routes!(entitlements::approvers))
        .routes(routes!(drift::report, drift::choose))
        .routes(routes!(drift::standing))
        .routes(routes!(drift::declare, drift::withdraw))
        .routes(routes!(drift::protected, drift::protect))
        .routes(routes!(changes::list))
        .routes(routes!(changes::get))
        .routes(routes!(changes::apply))
        .routes(routes!(changes::withdraw))
        .routes(routes!(by_hand::get, by_hand::propose))
        .routes(routes!(by_hand::confirm))
        .routes(routes!(links::list, links::link))
        .routes(routes!(links::get, links::unlink))
        .routes(routes!(links::attribute, links::choose))
        .routes(routes!(template::get, template::put))
        .routes(routes!(integrations::get_azure, integrations::put_azure))
        .routes(routes!(
            integrations::get_aws,
            integrations::put_aws,
            integrations::delete_aws
        ))
        .routes(routes!(auth_context::get))
        .routes(routes!(kill_switch::state, kill_switch::press))
        .routes(routes!(kill_switch::preview))
        .routes(routes!(kill_switch::release))
        .routes(routes!(probes::ask))
        .routes(routes!(probes::get))
}

/// The function's router.
pub fn router(services: Services) -> Router {
    let state = AdminApi {
        api: api_of(&services),
        secrets: Arc::clone(&services.secret_writer),
        index: Arc::default(),
        passkeys: Arc::clone(&services.passkeys),
    };
    let (router, _) = api().split_for_parts();
    let pages = pages::router(state.clone());
    serve::finish(router.with_state(state).merge(pages))
}

fn api_of(services: &Services) -> Api {
    let config = &services.config;
    let tokens = Arc::clone(&services.tokens);
    Api::new(
        services.core.clone(),
        tokens,
        config.login().to_owned(),
        config.auth_context.clone(),
        "admin",
    )
}
