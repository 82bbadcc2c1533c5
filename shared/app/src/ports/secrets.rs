//! Credentials of integrations. Reading and writing are two ports: nobody has both.

use async_trait::async_trait;
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::{ApplicationId, TenantId};
use secrecy::SecretString;

/// The credentials with which the connector signs in to Entra, as client credentials (RFC 6749 section 4.4).
#[derive(Clone, Debug)]
pub struct AzureCredentials {
    /// The tenant.
    pub tenant: TenantId,
    /// The connector registration's client id.
    pub client_id: String,
    /// Its secret; never printed.
    pub client_secret: SecretString,
}

/// The credentials with which the connector writes to IAM Identity Center. The url is part of them: a token is sent to no
/// other url than the one it was entered for.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// The SCIM endpoint.
    pub url: ScimUrl,
    /// The bearer token (RFC 6750); never printed.
    pub access_token: SecretString,
}

/// Why a secret could not be read or written; never holds any part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is none: the integration has not been set up.
    #[error("no credentials are stored for {application}: an admin has to enter them")]
    Missing {
        /// The application.
        application: ApplicationId,
    },
    /// What is stored is no credentials of ours.
    #[error("the stored credentials of {application} cannot be read: {why}")]
    Malformed {
        /// The application.
        application: ApplicationId,
        /// What is wrong, without the content.
        why: String,
    },
    /// The service did not answer.
    #[error("the secret store is not available: {0}")]
    Unavailable(String),
}

/// Whether a cached value will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freshness {
    /// One read at most some minutes ago.
    Cached,
    /// One read now, or a moment ago: the last one was refused.
    Fresh,
    /// The one that is stored now, whatever was answered a moment ago: somebody tests what they have just entered.
    Now,
}

/// Reads credentials: provisioning and revocation only.
#[async_trait]
pub trait Secrets: Send + Sync + std::fmt::Debug {
    /// The Azure credentials of an application.
    async fn azure(&self, application: &ApplicationId, freshness: Freshness) -> Result<AzureCredentials, SecretError>;

    /// The AWS credentials of an application.
    async fn aws(&self, application: &ApplicationId, freshness: Freshness) -> Result<AwsCredentials, SecretError>;
}

/// Writes credentials: admin only, who can never read them.
#[async_trait]
pub trait SecretWriter: Send + Sync + std::fmt::Debug {
    /// Stores the Azure credentials of an application, replacing what was there.
    async fn put_azure(&self, application: &ApplicationId, credentials: &AzureCredentials) -> Result<(), SecretError>;

    /// Stores the AWS credentials of an application, replacing what was there.
    async fn put_aws(&self, application: &ApplicationId, credentials: &AwsCredentials) -> Result<(), SecretError>;

    /// Deletes the AWS credentials of an application for good; none being there is success.
    async fn delete_aws(&self, application: &ApplicationId) -> Result<(), SecretError>;
}
