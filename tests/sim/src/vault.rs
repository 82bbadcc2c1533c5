//! The secret store: it always has the same secret and the same keys of seals. What happens when it does not answer is the fault injector's.

use std::sync::Arc;

use async_trait::async_trait;
use hourglass_app::ports::identity_center::{IdentityCenter, IdentityCenterError};
use hourglass_app::ports::seals::{SealError, Seals};
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, Freshness, SecretError, SecretWriter, Secrets};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::seal::{Seal, SealKey};
use hourglass_seals::Key;

use crate::company;

/// The secret store.
#[derive(Debug)]
pub(crate) struct Vault;

#[async_trait]
impl Secrets for Vault {
    async fn azure(&self, _: &ApplicationId, _: Freshness) -> Result<AzureCredentials, SecretError> {
        Ok(AzureCredentials {
            tenant: company::tenant(),
            client_id: company::CONNECTOR.to_owned(),
            client_secret: "made up".into(),
        })
    }

    async fn aws(&self, application: &ApplicationId, _: Freshness) -> Result<AwsCredentials, SecretError> {
        let application = application.clone();
        let url = ScimUrl::parse(company::SCIM, false).map_err(|_| SecretError::Missing { application })?;
        let access_token = "made up".into();
        Ok(AwsCredentials { url, access_token })
    }
}

#[async_trait]
impl SecretWriter for Vault {
    async fn put_azure(&self, _: &ApplicationId, _: &AzureCredentials) -> Result<(), SecretError> {
        Ok(())
    }

    async fn put_aws(&self, _: &ApplicationId, _: &AwsCredentials) -> Result<(), SecretError> {
        Ok(())
    }

    async fn delete_aws(&self, _: &ApplicationId) -> Result<(), SecretError> {
        Ok(())
    }
}

/// IAM Identity Center takes every token here that was entered for its url.
#[derive(Debug)]
pub(crate) struct Center(pub(crate) Arc<dyn Secrets>);

#[async_trait]
impl IdentityCenter for Center {
    async fn test(&self, application: &ApplicationId, url: &ScimUrl) -> Result<(), IdentityCenterError> {
        match self.0.aws(application, Freshness::Now).await {
            Ok(credentials) if credentials.url == *url => Ok(()),
            Ok(_) => Err(IdentityCenterError::NoToken),
            Err(error) => Err(IdentityCenterError::Secret(error.to_string())),
        }
    }
}

/// The one version of a key.
fn key(key: SealKey) -> Result<Key, SealError> {
    let text = format!("{} of the simulation, made up", key.name());
    Key::new("1", &text.into()).map_err(|error| SealError(error.to_string()))
}

#[async_trait]
impl Seals for Vault {
    async fn seal(&self, with: SealKey, bytes: &[u8]) -> Result<Seal, SealError> {
        Ok(key(with)?.seal(bytes))
    }

    async fn verify(&self, with: SealKey, bytes: &[u8], seal: &Seal) -> Result<bool, SealError> {
        Ok(key(with)?.verifies(bytes, seal))
    }
}
