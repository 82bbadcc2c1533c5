//! Access tokens.

use async_trait::async_trait;
use hourglass_domain::decision::FactorClaims;
use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::roles::{Roles, Scopes};

/// Who calls, as a verified access token says. Identity is tenant and object id; nothing else in a token is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// `tid`.
    pub tenant: TenantId,
    /// `oid`.
    pub object_id: ObjectId,
    /// App roles.
    pub roles: Roles,
    /// Scopes, narrowed to what the client may use.
    pub scopes: Scopes,
    /// The client application.
    pub client: String,
    /// What the token says about factors.
    pub factor: FactorClaims,
}

/// Why a token is not accepted. The texts tell a developer what to mend and an attacker nothing new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a token that we accept.
    #[error("{0}")]
    Rejected(&'static str),
    /// The issuer's keys could not be had.
    #[error("the issuer's keys are not available")]
    Unavailable,
}

/// Verifies Entra access tokens: RS256 only, keys of the tenant's own issuer, exact issuer, audience and tenant, times
/// with bounded leeway, known client, delegated (never app-only or ID) tokens.
#[async_trait]
pub trait TokenVerifier: Send + Sync + std::fmt::Debug {
    /// Who calls.
    async fn verify(&self, token: &str) -> Result<Caller, TokenError>;
}
