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

/// What kept somebody from being signed in, as a clause. The texts are ours: no part of a token or of an answer is in
/// them. Pages have a message for each [`IdentityProblem::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityProblem {
    /// The tenant is none of those that sign in here.
    #[error("people of this tenant cannot sign in here")]
    TenantNotHere,
    /// The provider does not answer.
    #[error("the identity provider does not answer")]
    NoAnswer,
    /// The provider does not take our secret.
    #[error(
        "the identity provider does not accept the secret of the sign-in registration; an administrator has to \
         replace it"
    )]
    SecretRefused,
    /// The provider does not take the code.
    #[error("the identity provider does not know this sign-in (any more)")]
    UnknownSignIn,
    /// The answer is not what it has to be.
    #[error("the answer of the identity provider cannot be read")]
    AnswerUnreadable,
    /// The answer names another issuer.
    #[error("the answer is another identity provider's")]
    OtherProvider,
    /// There is no ID token in the answer.
    #[error("the identity provider sent no ID token")]
    NoIdToken,
    /// The token is not of version 2.0.
    #[error("the ID token is of an unknown version")]
    TokenVersion,
    /// The token names another tenant.
    #[error("the ID token is of another tenant")]
    TokenTenant,
    /// The token begins to count later.
    #[error("the ID token is not valid yet")]
    TokenEarly,
    /// The token names no person.
    #[error("the ID token does not name a person")]
    TokenNobody,
    /// The token does not say when its person signed in.
    #[error(
        "the ID token does not say when you signed in; an administrator has to add the optional claim auth_time \
         to the ID tokens of the sign-in registration"
    )]
    TokenNoTime,
    /// The token has expired.
    #[error("the ID token has expired")]
    TokenExpired,
    /// The token is for somebody else.
    #[error("the ID token is for another application")]
    TokenAudience,
    /// The token is another issuer's.
    #[error("the ID token is from another issuer")]
    TokenIssuer,
    /// The token was made for another sign-in.
    #[error("the ID token belongs to another sign-in")]
    TokenNonce,
    /// The signature of the token does not hold.
    #[error("the signature of the ID token is not good")]
    TokenSignature,
    /// The token cannot be read.
    #[error("the ID token cannot be read")]
    TokenUnreadable,
    /// The secret cannot be had.
    #[error("the secret store does not answer")]
    SecretStore,
    /// There is no secret.
    #[error("the secret of the sign-in registration has not been stored; an administrator has to")]
    SecretMissing,
}

impl IdentityProblem {
    /// All there are.
    pub const ALL: [Self; 20] = [
        Self::TenantNotHere,
        Self::NoAnswer,
        Self::SecretRefused,
        Self::UnknownSignIn,
        Self::AnswerUnreadable,
        Self::OtherProvider,
        Self::NoIdToken,
        Self::TokenVersion,
        Self::TokenTenant,
        Self::TokenEarly,
        Self::TokenNobody,
        Self::TokenNoTime,
        Self::TokenExpired,
        Self::TokenAudience,
        Self::TokenIssuer,
        Self::TokenNonce,
        Self::TokenSignature,
        Self::TokenUnreadable,
        Self::SecretStore,
        Self::SecretMissing,
    ];

    /// Its stable code, in kebab case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TenantNotHere => "tenant-not-here",
            Self::NoAnswer => "no-answer",
            Self::SecretRefused => "secret-refused",
            Self::UnknownSignIn => "unknown-sign-in",
            Self::AnswerUnreadable => "answer-unreadable",
            Self::OtherProvider => "other-provider",
            Self::NoIdToken => "no-id-token",
            Self::TokenVersion => "token-version",
            Self::TokenTenant => "token-tenant",
            Self::TokenEarly => "token-early",
            Self::TokenNobody => "token-nobody",
            Self::TokenNoTime => "token-no-time",
            Self::TokenExpired => "token-expired",
            Self::TokenAudience => "token-audience",
            Self::TokenIssuer => "token-issuer",
            Self::TokenNonce => "token-nonce",
            Self::TokenSignature => "token-signature",
            Self::TokenUnreadable => "token-unreadable",
            Self::SecretStore => "secret-store",
            Self::SecretMissing => "secret-missing",
        }
    }
}

/// Why nobody was signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The identity provider, or the secret we sign in to it with, cannot be had.
    #[error("{0}")]
    Unavailable(IdentityProblem),
    /// What came back proves nothing.
    #[error("{0}")]
    Refused(IdentityProblem),
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
