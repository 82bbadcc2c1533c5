//! Which adapter stands behind which port.
//!
//! Every function gets all of them. What limits a function is its role, not what it was linked with, and an adapter that
//! is not used opens nothing: no connection, no file, no key.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use hourglass_app::ports::connector::Connector;
use hourglass_app::ports::schedules::Schedules;
use hourglass_app::ports::secrets::{SecretWriter, Secrets};
use hourglass_app::ports::tokens::TokenVerifier;
use hourglass_app::ports::{Clock, Core, Ids, Workers};
use hourglass_dynamodb::DynamoStore;
use hourglass_entra::{Endpoints, EntraConnector};
use hourglass_scheduler::{EventBridgeSchedules, SchedulerSettings};
use hourglass_secrets::{SecretsManager, SecretsManagerWriter};
use hourglass_tokens::{EntraTokens, TokenSettings};

use crate::config::Config;
use crate::system::{SystemClock, SystemIds};

/// Attempts of one call to Scheduler or Secrets Manager, the first included.
const ATTEMPTS: u32 = 3;
/// Upper bound of the first wait between them; the SDK draws each wait at random below its bound, which doubles.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// The region that requests to this machine are signed for.
const LOCAL_REGION: &str = "us-east-1";

/// Everything that a function works with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    /// The table, the time, new ids and settings.
    pub core: Core,
    /// Verifies access tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// One-shot schedules.
    pub schedules: Arc<dyn Schedules>,
    /// The targets.
    pub connector: Arc<dyn Connector>,
    /// Writes credentials of integrations.
    pub secret_writer: Arc<dyn SecretWriter>,
    /// The configuration it was made from.
    pub config: Arc<Config>,
}

impl Services {
    /// Puts everything together. Nothing outside is called, except for the region and credentials where the SDK's
    /// default chain needs that (in Lambda both are in the environment).
    ///
    /// # Errors
    /// When the configuration cannot be used, or names AWS endpoints in another way than [`Config`] does.
    pub async fn new(config: Config) -> anyhow::Result<Self> {
        config.check()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds);
        let aws = Aws::new(&config).await?;

        let store = DynamoStore::new(aws.dynamodb, config.table.clone());
        let secrets: Arc<dyn Secrets> = Arc::new(SecretsManager::new(
            aws.secrets.clone(),
            &config.secret_prefix,
            Arc::clone(&clock),
        ));
        let secret_writer = SecretsManagerWriter::new(aws.secrets, &config.secret_prefix, Arc::clone(&ids));
        let schedules = EventBridgeSchedules::new(
            aws.scheduler,
            SchedulerSettings {
                group: config.schedule_group.clone(),
                role_arn: config.schedule_role_arn.clone(),
                target_arn: config.schedule_target_arn.clone(),
                dead_letter_arn: config.schedule_dlq_arn.clone(),
            },
        );
        let endpoints = Endpoints {
            graph: config.graph_endpoint.clone(),
            login: config.login_endpoint.clone(),
        };
        let connector = EntraConnector::new(secrets, Arc::clone(&clock), Arc::clone(&ids), &endpoints)
            .context("cannot make the connector")?;

        let tokens = EntraTokens::new(
            &TokenSettings {
                tenants: config.sign_in_tenants.clone(),
                audience: config.api_client_id.clone(),
                clients: config.api_clients.clone(),
                auth_context: config.auth_context.clone(),
                cloud: config.cloud,
                login_endpoint: config.login_endpoint.clone(),
            },
            Arc::clone(&clock),
        )
        .context("cannot make the verifier of access tokens")?;

        Ok(Self {
            core: Core {
                store: Arc::new(store),
                clock,
                ids,
                settings: Arc::new(config.settings()),
            },
            tokens: Arc::new(tokens),
            schedules: Arc::new(schedules),
            connector: Arc::new(connector),
            secret_writer: Arc::new(secret_writer),
            config: Arc::new(config),
        })
    }

    /// What the functions that touch targets work with.
    #[must_use]
    pub fn workers(&self) -> Workers {
        Workers {
            core: self.core.clone(),
            schedules: Arc::clone(&self.schedules),
            connector: Arc::clone(&self.connector),
        }
    }
}

/// The configuration of one service's client: for an endpoint on this machine, or for AWS as the SDK found it.
macro_rules! client_config {
    ($sdk:ident, $endpoint:expr, $found:expr) => {
        match $endpoint {
            Some(endpoint) => $sdk::config::Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static(LOCAL_REGION))
                .credentials_provider(nobody())
                .endpoint_url(endpoint),
            None => $sdk::config::Builder::from($found),
        }
    };
}

/// The SDK's clients. Each opens its first connection with its first call.
struct Aws {
    dynamodb: aws_sdk_dynamodb::Client,
    scheduler: aws_sdk_scheduler::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

impl Aws {
    async fn new(config: &Config) -> anyhow::Result<Self> {
        let (dynamodb, scheduler, secrets) = (
            &config.dynamodb_endpoint,
            &config.scheduler_endpoint,
            &config.secrets_endpoint,
        );
        let found = if [dynamodb, scheduler, secrets].into_iter().all(Option::is_some) {
            SdkConfig::builder().build()
        } else {
            aws_config::defaults(BehaviorVersion::latest()).load().await
        };
        ensure!(
            found.endpoint_url().is_none(),
            "AWS_ENDPOINT_URL (or endpoint_url in a profile) is not accepted: endpoints are named one by one"
        );
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_WAIT);
        Ok(Self {
            dynamodb: hourglass_dynamodb::client(client_config!(aws_sdk_dynamodb, dynamodb, &found)),
            scheduler: aws_sdk_scheduler::Client::from_conf(
                client_config!(aws_sdk_scheduler, scheduler, &found)
                    .retry_config(retries.clone())
                    .build(),
            ),
            secrets: aws_sdk_secretsmanager::Client::from_conf(
                client_config!(aws_sdk_secretsmanager, secrets, &found)
                    .retry_config(retries)
                    .build(),
            ),
        })
    }
}

/// Credentials for services on this machine, which ask for some and believe any.
fn nobody() -> Credentials {
    Credentials::new("local", "local", None, None, "this machine")
}
