//! Writing, without ever reading.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::create_secret::CreateSecretError;
use aws_sdk_secretsmanager::operation::delete_secret::DeleteSecretError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use hourglass_app::ports::Ids;
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, SecretError, SecretWriter};
use hourglass_domain::ids::ApplicationId;
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;
use crate::{aws_name, azure_name, bounded, stored};

/// [`SecretWriter`] on AWS Secrets Manager.
///
/// It tries to create the secret, puts a new version if it exists, and restores it first if it is being deleted: whoever
/// enters credentials for an application means to use them. It needs `CreateSecret`, `PutSecretValue` and
/// `RestoreSecret`, for what is removed `DeleteSecret`, and nothing else.
pub struct SecretsManagerWriter {
    client: Client,
    prefix: String,
    ids: Arc<dyn Ids>,
}

/// How an attempt to store a version ended, if not well.
enum Obstacle {
    /// The name is taken: put a version instead.
    Exists,
    /// The secret is being deleted: restore it first.
    Deleting,
    Failure(Failure),
}

impl SecretsManagerWriter {
    /// Writes secrets whose names begin with `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: impl Into<String>, ids: Arc<dyn Ids>) -> Self {
        Self {
            client: bounded(&client),
            prefix: prefix.into(),
            ids,
        }
    }

    async fn store(&self, name: &str, description: &str, value: &SecretString) -> Result<(), Failure> {
        // One token for all attempts: Secrets Manager takes a repetition with the same token and value for the same
        // version, so a lost answer makes no second one (API reference, `CreateSecret`, `ClientRequestToken`).
        let token = self.ids.uuid().to_string();
        match self.create(name, description, value, &token).await {
            Ok(()) => return Ok(()),
            Err(Obstacle::Exists) => {}
            Err(Obstacle::Deleting) => self.restore(name).await?,
            Err(Obstacle::Failure(failure)) => return Err(failure),
        }
        match self.put(name, value, &token).await {
            Ok(()) => return Ok(()),
            Err(Obstacle::Deleting) => self.restore(name).await?,
            Err(obstacle) => return Err(obstacle.into_failure()),
        }
        self.put(name, value, &token).await.map_err(Obstacle::into_failure)
    }

    async fn create(&self, name: &str, description: &str, value: &SecretString, token: &str) -> Result<(), Obstacle> {
        let created = self
            .client
            .create_secret()
            .name(name)
            .description(description)
            .secret_string(value.expose_secret())
            .client_request_token(token)
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(CreateSecretError::ResourceExistsException(_)) => Obstacle::Exists,
                Some(CreateSecretError::InvalidRequestException(_)) => Obstacle::Deleting,
                _ => Obstacle::Failure(Failure::of(&error)),
            }),
        }
    }

    async fn put(&self, name: &str, value: &SecretString, token: &str) -> Result<(), Obstacle> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(name)
            .secret_string(value.expose_secret())
            .client_request_token(token)
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(PutSecretValueError::InvalidRequestException(_)) => Obstacle::Deleting,
                _ => Obstacle::Failure(Failure::of(&error)),
            }),
        }
    }

    /// Deletes a secret for good. Without a time in which it could be restored: whoever removes an integration wants its
    /// token gone, and a new one is made at its issuer in a minute.
    async fn delete(&self, name: &str) -> Result<(), Failure> {
        let deleted = self
            .client
            .delete_secret()
            .secret_id(name)
            .force_delete_without_recovery(true)
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteSecretError::ResourceNotFoundException(_)) => Ok(()),
                _ => Err(Failure::of(&error)),
            },
        }
    }

    async fn restore(&self, name: &str) -> Result<(), Failure> {
        match self.client.restore_secret().secret_id(name).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::of(&error)),
        }
    }
}

impl Obstacle {
    /// For the last attempt, after which nothing more is tried.
    fn into_failure(self) -> Failure {
        match self {
            Self::Exists => Failure::Unavailable("the secret came and went while it was written".to_owned()),
            Self::Deleting => {
                Failure::Unavailable("the secret is being deleted and was not restored in time".to_owned())
            }
            Self::Failure(failure) => failure,
        }
    }
}

#[async_trait]
impl SecretWriter for SecretsManagerWriter {
    async fn put_azure(&self, application: &ApplicationId, credentials: &AzureCredentials) -> Result<(), SecretError> {
        let name = azure_name(&self.prefix, application);
        let description = format!("Azure credentials of {application}, written by Hourglass");
        let stored = async {
            let value = stored::write_azure(credentials)?;
            self.store(&name, &description, &value).await
        };
        stored.await.map_err(|failure| failure.into_error(application))
    }

    async fn put_aws(&self, application: &ApplicationId, credentials: &AwsCredentials) -> Result<(), SecretError> {
        let name = aws_name(&self.prefix, application);
        let description = format!("AWS credentials of {application}, written by Hourglass");
        let stored = async {
            let value = stored::write_aws(credentials)?;
            self.store(&name, &description, &value).await
        };
        stored.await.map_err(|failure| failure.into_error(application))
    }

    async fn delete_aws(&self, application: &ApplicationId) -> Result<(), SecretError> {
        let deleted = self.delete(&aws_name(&self.prefix, application)).await;
        deleted.map_err(|failure| failure.into_error(application))
    }
}

/// Shows the prefix only.
impl fmt::Debug for SecretsManagerWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsManagerWriter")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
