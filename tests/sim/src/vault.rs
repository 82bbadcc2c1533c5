//! The secret store: it always has the same secret and the same keys of seals. What happens when it does not answer is the fault injector's.

use async_trait::async_trait;
use hourglass_app::ports::seals::{SealError, Seals};
use hourglass_app::ports::secrets::{AzureCredentials, Freshness, SecretError, SecretWriter, Secrets};
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
}

#[async_trait]
impl SecretWriter for Vault {
    async fn put_azure(&self, _: &ApplicationId, _: &AzureCredentials) -> Result<(), SecretError> {
        Ok(())
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
