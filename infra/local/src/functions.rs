//! How the functions run: as routers and handlers in this process, or as the binaries that Lambda gets, each behind a
//! Runtime API of its own. The world around them is the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use hourglass_boot::{Config, Services};
use serde_json::{Value, json};

use crate::aws::gateway::{Backend, Gateway};
use crate::aws::lambda::{Function, function};
use crate::aws::runtime_api::{RuntimeFunction, RuntimeOptions};
use crate::system::World;

/// The functions behind the HTTP API.
pub const HTTP: [&str; 5] = ["scim", "requests", "approvals", "admin", "sign-in"];
/// The functions behind triggers.
pub const TRIGGERED: [&str; 2] = ["provisioning", "revocation"];

/// What runs as the functions.
#[derive(Debug, Clone, Default)]
pub enum Functions {
    /// Their libraries, in this process.
    #[default]
    InProcess,
    /// Their binaries.
    Binaries(Binaries),
}

/// Built binaries, as cargo-lambda lays them out.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// Has `<function>/bootstrap` for each function.
    pub folder: PathBuf,
    /// Environment variables besides the configuration.
    pub variables: BTreeMap<String, String>,
}

/// Binaries that run, by the names of their functions.
pub type Sandboxes = BTreeMap<&'static str, Arc<RuntimeFunction>>;

impl Functions {
    /// Registers the functions behind triggers, and answers the API in front of the others.
    ///
    /// # Errors
    /// When the configuration cannot be used or a binary is not there.
    pub(crate) async fn connect(&self, world: &World, config: Config) -> anyhow::Result<(Router, Sandboxes)> {
        match self {
            Self::InProcess => {
                let services = Services::new(config).await?;
                Ok((in_process(world, &services), Sandboxes::new()))
            }
            Self::Binaries(binaries) => {
                let sandboxes = binaries.start(world, &config)?;
                let mut gateway = Gateway::new(world.clock());
                for (name, sandbox) in &sandboxes {
                    let sandbox: Arc<dyn Function> = Arc::<RuntimeFunction>::clone(sandbox);
                    if TRIGGERED.contains(name) {
                        world.lambda.register(name, sandbox, World::function_config());
                    } else {
                        gateway = gateway.with(name, Backend::Function(sandbox));
                    }
                }
                Ok((gateway.into_router(), sandboxes))
            }
        }
    }
}

impl Binaries {
    fn start(&self, world: &World, config: &Config) -> anyhow::Result<Sandboxes> {
        let mut variables = environment(config);
        variables.extend(self.variables.clone());
        HTTP.into_iter()
            .chain(TRIGGERED)
            .map(|name| {
                let options = RuntimeOptions {
                    environment: variables.clone(),
                    ..RuntimeOptions::new(name, self.folder.join(name).join("bootstrap"))
                };
                Ok((name, Arc::new(RuntimeFunction::start(world.base(), options)?)))
            })
            .collect()
    }
}

/// Registers the libraries of the functions that triggers start, and answers the gateway in front of the others.
pub fn in_process(world: &World, services: &Services) -> Router {
    register_handlers(world, services);
    routers(world, services)
}

/// Registers the libraries of the functions that triggers start.
fn register_handlers(world: &World, services: &Services) {
    let provisioning = services.clone();
    let handler = function(move |event: Value| {
        let services = provisioning.clone();
        async move { hourglass_provisioning::handle(&services, event).await }
    });
    world.lambda.register("provisioning", handler, World::function_config());
    let revocation = services.clone();
    let handler = function(move |event: Value| {
        let services = revocation.clone();
        async move { hourglass_revocation::handle(&services, event).await }
    });
    world.lambda.register("revocation", handler, World::function_config());
}

/// The libraries of the HTTP functions behind the gateway.
fn routers(world: &World, services: &Services) -> Router {
    Gateway::new(world.clock())
        .with("scim", Backend::Router(hourglass_scim::router(services.clone())))
        .with(
            "requests",
            Backend::Router(hourglass_requests::router(services.clone())),
        )
        .with(
            "approvals",
            Backend::Router(hourglass_approvals::router(services.clone())),
        )
        .with("admin", Backend::Router(hourglass_admin::router(services.clone())))
        .with("sign-in", Backend::Router(hourglass_sign_in::router(services.clone())))
        .into_router()
}

/// The environment in which a function reads this configuration: what the template sets, and what only a laptop may.
/// A setting that has no value is there and empty, which is the same as absent.
#[must_use]
pub fn environment(config: &Config) -> BTreeMap<String, String> {
    let list = |items: Vec<String>| items.join(",");
    let endpoint = |endpoint: &Option<String>| endpoint.clone().unwrap_or_default();
    let scopes = |(client, scopes): (&String, &hourglass_domain::roles::Scopes)| {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        (client.clone(), json!(names))
    };
    let clients: serde_json::Map<String, Value> = config.api_clients.iter().map(scopes).collect();
    [
        ("HOURGLASS_TABLE", config.table.clone()),
        ("HOURGLASS_CLOUD", config.cloud.name().to_owned()),
        (
            "HOURGLASS_SIGN_IN_TENANTS",
            list(config.sign_in_tenants.iter().map(ToString::to_string).collect()),
        ),
        ("HOURGLASS_API_CLIENT_ID", config.api_client_id.clone()),
        ("HOURGLASS_API_CLIENTS", Value::Object(clients).to_string()),
        ("HOURGLASS_AUTH_CONTEXT", config.auth_context.clone()),
        ("HOURGLASS_PUBLIC_URL", config.public_url.clone()),
        ("HOURGLASS_FORM_ORIGINS", list(config.form_origins.clone())),
        (
            "HOURGLASS_CONFIRM_AFTER_SECONDS",
            config.confirm_after_seconds.to_string(),
        ),
        (
            "HOURGLASS_SHORT_DURATIONS",
            u8::from(config.short_durations).to_string(),
        ),
        (
            "HOURGLASS_KEY_COOL_DOWN_SECONDS",
            config.key_cool_down_seconds.to_string(),
        ),
        (
            "HOURGLASS_SET_UP_CODE",
            config
                .set_up_code_sha256
                .map(|code| code.to_string())
                .unwrap_or_default(),
        ),
        (
            "HOURGLASS_TWO_PERSON",
            if config.two_person { "on" } else { "off" }.to_owned(),
        ),
        ("HOURGLASS_SCHEDULE_GROUP", config.schedule_group.clone()),
        ("HOURGLASS_SCHEDULE_ROLE_ARN", config.schedule_role_arn.clone()),
        ("HOURGLASS_SCHEDULE_TARGET_ARN", config.schedule_target_arn.clone()),
        ("HOURGLASS_SCHEDULE_DLQ_ARN", config.schedule_dlq_arn.clone()),
        ("HOURGLASS_EXACT_QUEUE_URL", config.exact_queue_url.clone()),
        ("HOURGLASS_SECRET_PREFIX", config.secret_prefix.clone()),
        ("HOURGLASS_GRAPH_ENDPOINT", endpoint(&config.graph_endpoint)),
        ("HOURGLASS_LOGIN_ENDPOINT", endpoint(&config.login_endpoint)),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint(&config.dynamodb_endpoint)),
        ("AWS_ENDPOINT_URL_SCHEDULER", endpoint(&config.scheduler_endpoint)),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint(&config.secrets_endpoint)),
        ("AWS_ENDPOINT_URL_SQS", endpoint(&config.queues_endpoint)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::aws::Shutdown;
    use crate::system::Options;

    #[tokio::test]
    async fn the_environment_says_the_configuration_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::new(folder.path());
        options.short_durations = vec!["5s".parse().unwrap()];
        let world = World::start(&options, Shutdown::new()).await.unwrap();
        let mut config = world.config(&options, "http://localhost:8600");
        for origins in [
            vec![],
            vec!["https://forms.contoso.example", "https://fabrikam.example"],
        ] {
            config.form_origins = origins.into_iter().map(str::to_owned).collect();
            let environment = environment(&config);
            let asked = RefCell::new(BTreeSet::new());
            let read = Config::read(|name| {
                asked.borrow_mut().insert(name.to_owned());
                environment.get(name).cloned()
            });
            assert_eq!(read, Ok(config.clone()));
            assert_eq!(asked.into_inner(), environment.keys().cloned().collect());
        }
    }
}
