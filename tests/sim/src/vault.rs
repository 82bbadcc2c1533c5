//! The secret store: it always has the same secret. What happens when it does not answer is the fault injector's.

use async_trait::async_trait;
use hourglass_app::ports::secrets::{AzureCredentials, Freshness, SecretError, SecretWriter, Secrets};
use hourglass_domain::ids::ApplicationId;

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
