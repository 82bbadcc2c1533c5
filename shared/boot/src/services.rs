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
use hourglass_app::ports::delays::Delays;
use hourglass_app::ports::directory::Directory;
use hourglass_app::ports::identity::{ClientSecret, IdentityProvider};
use hourglass_app::ports::identity_center::IdentityCenter;
use hourglass_app::ports::passkeys::Passkeys;
use hourglass_app::ports::schedules::Schedules;
use hourglass_app::ports::secrets::{SecretWriter, Secrets};
use hourglass_app::ports::tokens::TokenVerifier;
use hourglass_app::ports::{Clock, Core, Ids, Workers};
use hourglass_app::workers::crowds::Crowds;
use hourglass_delays::SqsDelays;
use hourglass_dynamodb::DynamoStore;
use hourglass_entra::{Endpoints, EntraConnector};
use hourglass_identity_center::ScimIdentityCenter;
use hourglass_oidc::{EntraSignIn, SignInSettings};
use hourglass_passkeys::CorePasskeys;
use hourglass_scheduler::{EventBridgeSchedules, SchedulerSettings};
use hourglass_seals::SecretsManagerSeals;
use hourglass_secrets::{SecretsManager, SecretsManagerWriter, SignInSecret};
use hourglass_tokens::{EntraTokens, TokenSettings};

use crate::config::Config;
use crate::system::{SystemClock, SystemIds};

/// Attempts of one call to Scheduler, SQS or Secrets Manager, the first included.
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
    /// Registers passkeys and verifies what they sign.
    pub passkeys: Arc<dyn Passkeys>,
    /// One-shot schedules.
    pub schedules: Arc<dyn Schedules>,
    /// Delayed messages.
    pub delays: Arc<dyn Delays>,
    /// The targets.
    pub connector: Arc<dyn Connector>,
    /// What the directory says about people and policies.
    pub directory: Arc<dyn Directory>,
    /// AWS IAM Identity Center.
    pub identity_center: Arc<dyn IdentityCenter>,
    /// What this instance remembers of crowds.
    pub crowds: Arc<Crowds>,
    /// Writes credentials of integrations.
    pub secret_writer: Arc<dyn SecretWriter>,
    /// The configuration it was made from.
    pub config: Arc<Config>,
    /// Reads the secret of the sign-in registration.
    pub client_secret: Arc<dyn ClientSecret>,
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
        let client_secret = SignInSecret::new(&aws.secrets, &config.secret_prefix, Arc::clone(&clock));
        let secrets: Arc<dyn Secrets> = Arc::new(SecretsManager::new(
            aws.secrets.clone(),
            &config.secret_prefix,
            Arc::clone(&clock),
        ));
        let seals = SecretsManagerSeals::new(&aws.secrets, &config.secret_prefix, Arc::clone(&clock));
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
        let delays = SqsDelays::new(aws.queues, config.exact_queue_url.clone());
        let endpoints = Endpoints {
            graph: config.graph_endpoint.clone(),
            login: config.login_endpoint.clone(),
        };
        let identity_center = ScimIdentityCenter::new(Arc::clone(&secrets), config.is_local());
        let connector = EntraConnector::new(secrets, Arc::clone(&clock), Arc::clone(&ids), &endpoints)
            .context("cannot make the connector")?;
        let connector = Arc::new(connector);

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
        let passkeys = CorePasskeys::new(&config.public_url).context("cannot make the passkey ceremonies")?;

        Ok(Self {
            core: Core {
                store: Arc::new(store),
                clock,
                ids,
                seals: Arc::new(seals),
                settings: Arc::new(config.settings()),
            },
            tokens: Arc::new(tokens),
            passkeys: Arc::new(passkeys),
            schedules: Arc::new(schedules),
            delays: Arc::new(delays),
            directory: Arc::<EntraConnector>::clone(&connector),
            connector,
            identity_center: Arc::new(identity_center),
            crowds: Arc::default(),
            secret_writer: Arc::new(secret_writer),
            config: Arc::new(config),
            client_secret: Arc::new(client_secret),
        })
    }

    /// The identity provider that signs people in to the console, for the one function that does. It is not among the
    /// services of all of them, so that no other function contains it.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn identity_provider(&self) -> anyhow::Result<Arc<dyn IdentityProvider>> {
        let config = &self.config;
        let provider = EntraSignIn::new(
            &SignInSettings {
                tenants: config.sign_in_tenants.clone(),
                client_id: config.api_client_id.clone(),
                auth_context: config.auth_context.clone(),
                cloud: config.cloud,
                login_endpoint: config.login_endpoint.clone(),
                public_url: config.public_url.clone(),
            },
            Arc::clone(&self.client_secret),
            Arc::clone(&self.core.clock),
            Arc::clone(&self.core.ids),
        )
        .context("cannot make the sign-in")?;
        Ok(Arc::new(provider))
    }

    /// What the functions that touch targets work with.
    #[must_use]
    pub fn workers(&self) -> Workers {
        Workers {
            core: self.core.clone(),
            schedules: Arc::clone(&self.schedules),
            delays: Arc::clone(&self.delays),
            connector: Arc::clone(&self.connector),
            passkeys: Arc::clone(&self.passkeys),
            directory: Arc::clone(&self.directory),
            identity_center: Arc::clone(&self.identity_center),
            crowds: Arc::clone(&self.crowds),
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
    queues: aws_sdk_sqs::Client,
}

impl Aws {
    async fn new(config: &Config) -> anyhow::Result<Self> {
        let (dynamodb, scheduler, secrets, queues) = (
            &config.dynamodb_endpoint,
            &config.scheduler_endpoint,
            &config.secrets_endpoint,
            &config.queues_endpoint,
        );
        let found = if [dynamodb, scheduler, secrets, queues].into_iter().all(Option::is_some) {
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
                    .retry_config(retries.clone())
                    .build(),
            ),
            queues: aws_sdk_sqs::Client::from_conf(
                client_config!(aws_sdk_sqs, queues, &found)
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

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::State;
    use axum::http::HeaderMap;
    use hourglass_app::ports::secrets::{AzureCredentials, SecretError};
    use hourglass_app::ports::store::{Key, StoreError};
    use hourglass_domain::ids::{ApplicationId, GrantId};
    use hourglass_domain::roles::Scopes;
    use hourglass_domain::target::Cloud;
    use uuid::Uuid;

    use super::*;

    /// A configuration for services that are all at `endpoint`.
    pub(crate) fn local(endpoint: &str) -> Config {
        Config {
            table: "hourglass".to_owned(),
            cloud: Cloud::Global,
            sign_in_tenants: vec!["6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap()],
            api_client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            api_clients: [("11111111-2222-3333-4444-555555555556".to_owned(), Scopes::new())].into(),
            auth_context: "c1".to_owned(),
            public_url: "http://localhost:8080".to_owned(),
            form_origins: Vec::new(),
            confirm_after_seconds: 1,
            short_durations: true,
            key_cool_down_seconds: 0,
            set_up_code_sha256: None,
            two_person: true,
            schedule_group: "grants".to_owned(),
            schedule_role_arn: "arn:aws:iam::111122223333:role/schedule".to_owned(),
            schedule_target_arn: "arn:aws:lambda:us-east-1:111122223333:function:revocation".to_owned(),
            schedule_dlq_arn: "arn:aws:sqs:us-east-1:111122223333:failures".to_owned(),
            exact_queue_url: format!("{endpoint}/111122223333/exact"),
            secret_prefix: "hourglass/".to_owned(),
            graph_endpoint: Some(endpoint.to_owned()),
            login_endpoint: Some(endpoint.to_owned()),
            dynamodb_endpoint: Some(endpoint.to_owned()),
            scheduler_endpoint: Some(endpoint.to_owned()),
            secrets_endpoint: Some(endpoint.to_owned()),
            queues_endpoint: Some(endpoint.to_owned()),
        }
    }

    type Seen = Arc<Mutex<Vec<(String, String)>>>;

    /// Answers everything with an empty object, and writes down who asked for what.
    async fn stand_in() -> (Seen, String) {
        async fn answer(State(seen): State<Seen>, headers: HeaderMap, uri: axum::http::Uri) -> &'static str {
            let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let what = text("x-amz-target").unwrap_or_else(|| uri.path().to_owned());
            seen.lock()
                .unwrap()
                .push((what, text("authorization").unwrap_or_default()));
            "{}"
        }
        let seen = Seen::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (seen, endpoint)
    }

    #[tokio::test]
    async fn every_client_asks_where_it_is_told_with_credentials_that_are_worth_nothing() {
        let (seen, endpoint) = stand_in().await;
        let services = Services::new(local(&endpoint)).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [], "making the services called something");

        let application: ApplicationId = "contoso.example".parse().unwrap();
        let credentials = AzureCredentials {
            tenant: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap(),
            client_id: "id".to_owned(),
            client_secret: "secret".into(),
        };
        let name = hourglass_domain::grant::ScheduleName {
            grant: GrantId::new(Uuid::from_u128(7)),
            n: 1,
        };
        let read: Result<_, StoreError> = services.core.store.get(&Key::new("CFG#APPS", "-")).await;
        assert_eq!(read, Ok(None));
        services.schedules.delete(&name).await.unwrap();
        services.delays.send(name.grant, 1).await.unwrap();
        let written: Result<(), SecretError> = services.secret_writer.put_azure(&application, &credentials).await;
        written.unwrap();

        let seen = seen.lock().unwrap().clone();
        let asked: Vec<&str> = seen.iter().map(|(what, _)| what.as_str()).collect();
        assert_eq!(
            asked,
            [
                "DynamoDB_20120810.GetItem",
                &format!("/schedules/{name}"),
                "AmazonSQS.SendMessage",
                "secretsmanager.CreateSecret"
            ]
        );
        for (what, authorization) in seen {
            assert!(authorization.contains("Credential=local/"), "{what}: {authorization}");
        }
    }

    #[tokio::test]
    async fn a_configuration_that_cannot_be_used_makes_no_services() {
        let mut config = local("http://127.0.0.1:9");
        config.secrets_endpoint = Some("http://contoso.example".to_owned());
        let error = Services::new(config).await.unwrap_err().to_string();
        assert!(error.contains("AWS_ENDPOINT_URL_SECRETS_MANAGER"), "{error}");
    }
}
