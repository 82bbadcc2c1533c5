//! What an ID token has to say.

use chrono::{DateTime, Utc};
use hourglass_app::ports::identity::{Identity, IdentityError, IdentityProblem};
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::roles::Role;
use openidconnect::core::{CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm};
use openidconnect::{AdditionalClaims, ClaimsVerificationError, IdToken, Nonce, SignatureVerificationError};
use serde::{Deserialize, Serialize};

use crate::EntraClient;
use crate::settings::Rules;

/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// Longest token id that is kept, in bytes. Entra's are 22 characters.
const LONGEST_TOKEN_ID: usize = 64;

/// An ID token of ours.
pub(crate) type EntraIdToken =
    IdToken<EntraClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

/// Claims of Entra's ID tokens beyond OpenID Connect's own ("ID token claims reference").
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct EntraClaims {
    /// The tenant.
    #[serde(default)]
    tid: Option<String>,
    /// The person, in the tenant.
    #[serde(default)]
    oid: Option<String>,
    /// `2.0`.
    #[serde(default)]
    ver: Option<String>,
    /// App roles.
    #[serde(default)]
    roles: Option<Vec<String>>,
    /// Authentication contexts that are satisfied.
    #[serde(default)]
    acrs: Option<OneOrMany>,
    /// The token's id.
    #[serde(default)]
    uti: Option<String>,
    /// From when the token is good.
    #[serde(default)]
    nbf: Option<i64>,
}

/// A list that some issuers write as one value when it has one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn contains(&self, wanted: &str) -> bool {
        match self {
            Self::One(value) => value == wanted,
            Self::Many(values) => values.iter().any(|value| value == wanted),
        }
    }
}

impl AdditionalClaims for EntraClaims {}

/// Whether the token is signed with a key that is not among those that are known.
pub(crate) fn names_unknown_key(id_token: &EntraIdToken, client: &EntraClient) -> bool {
    let verifier = client.id_token_verifier();
    matches!(
        id_token.signing_key(&verifier),
        Err(SignatureVerificationError::NoMatchingKey)
    )
}

/// Who an ID token speaks of, if it holds in every respect.
pub(crate) fn judge(
    rules: &Rules,
    client: &EntraClient,
    id_token: &EntraIdToken,
    nonce: &Nonce,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Identity, IdentityError> {
    // By our own clock, which tests can turn. The crate takes expiry to the second; clocks differ.
    let judged_at = DateTime::<Utc>::from_timestamp(now.seconds() - LEEWAY_SECONDS, 0).unwrap_or_default();
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || judged_at);
    let claims = id_token.claims(&verifier, nonce).map_err(|error| {
        let why = refusal(&error);
        tracing::warn!(why = why.code(), "an ID token was refused");
        IdentityError::Refused(why)
    })?;
    let entra = claims.additional_claims();
    let refused = |why| Err(IdentityError::Refused(why));
    if entra.ver.as_deref() != Some("2.0") {
        return refused(IdentityProblem::TokenVersion);
    }
    // Issuer, audience and tenant cannot contradict each other: the issuer was made from this tenant.
    if entra.tid.as_deref().and_then(|tid| tid.parse().ok()) != Some(tenant) {
        return refused(IdentityProblem::TokenTenant);
    }
    if entra.nbf.is_some_and(|from| now.seconds() + LEEWAY_SECONDS < from) {
        return refused(IdentityProblem::TokenEarly);
    }
    let Some(object_id) = entra.oid.as_deref().and_then(|oid| oid.parse::<ObjectId>().ok()) else {
        return refused(IdentityProblem::TokenNobody);
    };
    let Some(signed_in_at) = claims.auth_time() else {
        return refused(IdentityProblem::TokenNoTime);
    };
    Ok(Identity {
        tenant,
        object_id,
        roles: entra
            .roles
            .iter()
            .flatten()
            .filter_map(|name| Role::from_name(name))
            .collect(),
        signed_in_at: Timestamp::from_seconds(signed_in_at.timestamp()),
        acrs_context: entra
            .acrs
            .as_ref()
            .is_some_and(|acrs| acrs.contains(&rules.auth_context)),
        token_id: entra
            .uti
            .clone()
            .filter(|uti| !uti.is_empty() && uti.len() <= LONGEST_TOKEN_ID),
    })
}

/// The rule that was broken, in words of ours: the crate's errors quote the token.
const fn refusal(error: &ClaimsVerificationError) -> IdentityProblem {
    match error {
        ClaimsVerificationError::Expired(_) => IdentityProblem::TokenExpired,
        ClaimsVerificationError::InvalidAudience(_) => IdentityProblem::TokenAudience,
        ClaimsVerificationError::InvalidIssuer(_) => IdentityProblem::TokenIssuer,
        ClaimsVerificationError::InvalidNonce(_) => IdentityProblem::TokenNonce,
        ClaimsVerificationError::SignatureVerification(_) => IdentityProblem::TokenSignature,
        _ => IdentityProblem::TokenUnreadable,
    }
}
