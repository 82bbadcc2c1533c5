//! The identity provider that signs people in to the console.

use async_trait::async_trait;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::roles::Roles;
use secrecy::SecretString;

use crate::sign_in::Purpose;

/// What a browser is sent to the identity provider with, and what has to be kept until it comes back.
#[derive(Debug)]
pub struct Journey {
    /// Where to.
    pub url: String,
    /// `state`: the answer has to repeat it.
    pub state: SecretString,
    /// `nonce`: the ID token has to repeat it.
    pub nonce: SecretString,
    /// `code_verifier` (RFC 7636).
    pub verifier: SecretString,
}

/// What the browser came back with, and what was kept.
#[derive(Debug)]
pub struct Return {
    /// At whose identity provider the journey began.
    pub tenant: TenantId,
    /// `code`.
    pub code: SecretString,
    /// `nonce` of the journey.
    pub nonce: SecretString,
    /// `code_verifier` of the journey.
    pub verifier: SecretString,
    /// `iss`, where the provider says whose answer it is (RFC 9207).
    pub issuer: Option<String>,
}

/// Somebody whom the identity provider has signed in, as its ID token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `tid`.
    pub tenant: TenantId,
    /// `oid`.
    pub object_id: ObjectId,
    /// App roles; unknown ones are left out.
    pub roles: Roles,
    /// `auth_time`.
    pub signed_in_at: Timestamp,
    /// Whether `acrs` has the configured authentication context.
    pub acrs_context: bool,
    /// `uti`.
    pub token_id: Option<String>,
}

/// Why nobody was signed in. The texts are ours: no part of a token or of an answer is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The identity provider, or the secret we sign in to it with, cannot be had.
    #[error("{0}")]
    Unavailable(&'static str),
    /// What came back proves nothing.
    #[error("{0}")]
    Refused(&'static str),
}

/// An OpenID provider: the authorization code flow with PKCE (S256), state and nonce. ID tokens count only when they are
/// signed with RS256 by a key of the tenant's own issuer, name exactly that issuer, us as the only audience, the journey's
/// nonce, a person of the tenant, and the time of the sign-in.
#[async_trait]
pub trait IdentityProvider: Send + Sync + std::fmt::Debug {
    /// The beginning of a sign-in at the tenant's provider, one of the sign-in tenants.
    async fn begin(&self, tenant: TenantId, purpose: Purpose) -> Result<Journey, IdentityError>;

    /// Who came back. A code works once; so does a journey, which is the caller's business.
    async fn finish(&self, back: Return) -> Result<Identity, IdentityError>;
}

/// The secret of the sign-in registration (RFC 6749 section 2.3.1): only the sign-in function reads it.
#[async_trait]
pub trait ClientSecret: Send + Sync + std::fmt::Debug {
    /// The secret; `again` when the last one was refused.
    async fn client_secret(&self, again: bool) -> Result<SecretString, IdentityError>;
}
