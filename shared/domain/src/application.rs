//! Applications: registered application domains. Everything belongs to one, and nothing crosses from one to another.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::canonical::Digest;
use crate::identity_center::ScimUrl;
use crate::ids::{ApplicationId, TenantId, TokenId};
use crate::target::Cloud;

/// A registered application domain. A tenant belongs to one application, so that a caller's token decides which.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Application {
    /// The domain name.
    pub id: ApplicationId,
    /// A name for people.
    pub name: String,
    /// The Entra tenant of its users and groups.
    pub tenant: TenantId,
    /// The cloud in which the tenant lives.
    pub cloud: Cloud,
    /// When it was registered.
    pub created_at: Timestamp,
    /// The SCIM secrets that are valid, at most [`MOST_SCIM_TOKENS`], newest last.
    pub scim_tokens: Vec<ScimTokenInfo>,
}

/// Two secrets may be valid at once, so that one can be replaced without a gap.
pub const MOST_SCIM_TOKENS: usize = 2;

/// What is known of a SCIM secret; never the secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScimTokenInfo {
    /// Its id.
    pub id: TokenId,
    /// SHA-256 of the secret.
    pub hash: Digest,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How much longer (seconds) than a grant the credential has to last that takes it back.
pub const CREDENTIAL_MARGIN_SECONDS: i64 = 7 * 86_400;

/// The Azure integration of an application, as far as it is no secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AzureIntegration {
    /// The application.
    pub application: ApplicationId,
    /// The tenant that the connector writes to; equal to the application's.
    pub tenant: TenantId,
    /// The connector registration's client id (a GUID).
    pub client_id: String,
    /// When the client secret ends, as the admin told us.
    pub secret_expires_at: Option<Timestamp>,
    /// Whether the secret of this client has not been entered yet; the one that was entered before goes on to work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret_missing: bool,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What is known of the access token of an AWS integration; never the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AwsToken {
    /// One was entered for the present url.
    Stored,
    /// There is none.
    Missing,
    /// One that was entered for an earlier url is still to be deleted; it is used for nothing.
    Left,
}

/// The AWS integration of an application, as far as it is no secret: where IAM Identity Center takes users and groups.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AwsIntegration {
    /// The application.
    pub application: ApplicationId,
    /// The SCIM endpoint; `None` once the integration was removed. The record stays, so that a form which was opened before
    /// meets another version.
    pub url: Option<ScimUrl>,
    /// When the access token ends, as the admin told us. AWS's last a year.
    pub token_expires_at: Option<Timestamp>,
    /// What is known of the token.
    pub token: AwsToken,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl AwsIntegration {
    /// Whether a token for the present url was entered.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        self.url.is_some() && self.token == AwsToken::Stored
    }
}
