//! AWS IAM Identity Center, over the SCIM endpoint of an application's AWS integration.

use async_trait::async_trait;
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::ApplicationId;

/// Why Identity Center did not do what was asked; without any part of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityCenterError {
    /// There is no token that was entered for this url.
    #[error("no access token is stored for this url")]
    NoToken,
    /// The endpoint does not take the token. It says the same where the tenant id is wrong.
    #[error("the endpoint refuses the access token ({status})")]
    TokenRefused {
        /// 401 or 403.
        status: u16,
    },
    /// What answers is no SCIM endpoint of Identity Center.
    #[error("what answers is no SCIM endpoint of IAM Identity Center: {0}")]
    NotIdentityCenter(String),
    /// Nothing answers, or not now.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// The secret store did not give the token.
    #[error("the access token could not be read: {0}")]
    Secret(String),
}

/// The SCIM endpoint of an application. The token comes from the secret store and is sent to no other url than the one it
/// was entered for. No call takes longer than [`hourglass_domain::protocol::CALL_SECONDS`].
#[async_trait]
pub trait IdentityCenter: Send + Sync + std::fmt::Debug {
    /// Whether `url` is an endpoint that takes the stored token. Reads only.
    async fn test(&self, application: &ApplicationId, url: &ScimUrl) -> Result<(), IdentityCenterError>;
}
