//! Verification of Entra access tokens, in the function itself and on every route.
//!
//! A token is taken apart ([`token`]), its claims are held against the rules, its key is looked up among those of the
//! tenant's own issuer ([`keys`]), and only then its signature is checked: what fails a rule costs no look-up. Nothing is
//! believed before all of it holds. The texts of refusals are fixed; no part of a token is ever repeated or logged.

mod keys;
mod settings;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use hourglass_app::ports::Clock;
use hourglass_app::ports::tokens::{Caller, TokenError, TokenVerifier};
use hourglass_domain::Timestamp;
use hourglass_domain::decision::FactorClaims;
use hourglass_domain::ids::{ObjectId, TenantId};
use hourglass_domain::roles::{Role, Scope, Scopes};
use jsonwebtoken::Algorithm;

pub use settings::{SettingsError, TokenSettings};

use keys::Keys;
use settings::{Issuers, Rules, Version};
use token::{Claims, Parts};

/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY_SECONDS: i64 = 60;
/// Longest token id that is kept as evidence, in bytes. Entra's are 22 characters.
const LONGEST_TOKEN_ID: usize = 64;

/// The verifier of access tokens that Entra issues, of versions 1 and 2.
#[derive(Debug)]
pub struct EntraTokens {
    rules: Rules,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl EntraTokens {
    /// A verifier; nothing is asked before the first token.
    ///
    /// # Errors
    /// When the settings make no sense, or override the issuer with anything but an address of this machine.
    pub fn new(settings: &TokenSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        // Chosen here so that a dependency which turns on a second provider cannot make verification panic. An error
        // means that one has been chosen already.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let rules = Rules::new(settings)?;
        let issuers = Issuers::new(settings)?;
        let keys = Keys::new(issuers, Arc::clone(&clock), rules.tenants.iter().copied());
        Ok(Self { rules, keys, clock })
    }

    /// Everything that can be said without a key.
    fn judge(&self, claims: &Claims, now: Timestamp) -> Result<Judged, TokenError> {
        let (tenant, version) = self.issuer(claims)?;
        self.audience(claims, version)?;
        in_time(claims, now)?;
        if claims.nonce.is_some() {
            return Err(TokenError::Rejected("this is an ID token, not an access token"));
        }
        if claims.idtyp.as_deref().is_some_and(|kind| kind != "user") {
            return Err(TokenError::Rejected("the token is an application's, not a person's"));
        }
        let (client, scopes) = self.scopes(claims, version)?;
        let object_id: ObjectId = claims
            .oid
            .as_deref()
            .and_then(|oid| oid.parse().ok())
            .ok_or(TokenError::Rejected("the token does not name a person"))?;
        let roles = claims.roles.iter().flatten().filter_map(|name| Role::from_name(name));
        Ok(Judged {
            version,
            caller: Caller {
                tenant,
                object_id,
                roles: roles.collect(),
                scopes,
                client,
                factor: self.factor(claims, version),
            },
        })
    }

    fn issuer(&self, claims: &Claims) -> Result<(TenantId, Version), TokenError> {
        let tenant: TenantId = claims
            .tid
            .as_deref()
            .and_then(|tid| tid.parse().ok())
            .ok_or(TokenError::Rejected("the token does not name a tenant"))?;
        if !self.rules.tenants.contains(&tenant) {
            return Err(TokenError::Rejected("the token is from a tenant that is not accepted"));
        }
        let version = match claims.ver.as_deref() {
            Some("1.0") => Version::One,
            Some("2.0") => Version::Two,
            _ => return Err(TokenError::Rejected("the token is of an unknown version")),
        };
        // Exact, and made from the tenant that the token names: issuer, tenant and version cannot contradict each other.
        if claims.iss.as_deref() != Some(self.keys.issuers().issuer(tenant, version).as_str()) {
            return Err(TokenError::Rejected("the token is not from its tenant's issuer"));
        }
        Ok((tenant, version))
    }

    fn audience(&self, claims: &Claims, version: Version) -> Result<(), TokenError> {
        let ours = self.rules.audience.as_str();
        let fits = claims.aud.as_deref().is_some_and(|aud| match version {
            Version::One => aud == ours || aud.strip_prefix("api://") == Some(ours),
            Version::Two => aud == ours,
        });
        if fits {
            Ok(())
        } else {
            Err(TokenError::Rejected("the token is for another application"))
        }
    }

    /// The client, and the token's scopes as far as the client may use them.
    fn scopes(&self, claims: &Claims, version: Version) -> Result<(String, Scopes), TokenError> {
        let client = match version {
            Version::One => claims.appid.as_deref(),
            Version::Two => claims.azp.as_deref(),
        };
        let (client, allowed) = client
            .and_then(|client| self.rules.clients.get_key_value(client))
            .ok_or(TokenError::Rejected(
                "the token was issued to a client that is not known here",
            ))?;
        // An application's own token has no scopes, and neither has an ID token.
        let granted = claims.scp.as_deref().ok_or(TokenError::Rejected(
            "the token has no scopes: it is not a person's access token",
        ))?;
        let scopes: Scopes = granted
            .split(' ')
            .filter_map(Scope::from_name)
            .filter(|scope| allowed.contains(scope))
            .collect();
        if scopes.is_empty() {
            return Err(TokenError::Rejected(
                "the token has no scope of this API that its client may use",
            ));
        }
        Ok((client.clone(), scopes))
    }

    /// Version 1 tells of factors in `amr`, version 2 in `acrs`, each in no other way. `ngcmfa` and `wiaormfa` are other
    /// values than `mfa`.
    fn factor(&self, claims: &Claims, version: Version) -> FactorClaims {
        let context = &self.rules.auth_context;
        FactorClaims {
            auth_time: claims
                .auth_time
                .filter(|seconds| *seconds > 0)
                .map(Timestamp::from_seconds),
            amr_mfa: version == Version::One && claims.amr.iter().flatten().any(|method| method == "mfa"),
            acrs_context: version == Version::Two && claims.acrs.as_ref().is_some_and(|acrs| acrs.contains(context)),
            token_id: claims
                .uti
                .clone()
                .filter(|uti| !uti.is_empty() && uti.len() <= LONGEST_TOKEN_ID),
        }
    }
}

/// What a token would be worth, were its signature good.
struct Judged {
    version: Version,
    caller: Caller,
}

/// By our own clock, which tests can turn; the token library's would be the system's.
fn in_time(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let now = now.seconds();
    let Some(expires) = claims.exp else {
        return Err(TokenError::Rejected("the token does not say when it expires"));
    };
    if now.saturating_sub(LEEWAY_SECONDS) >= expires {
        return Err(TokenError::Rejected("the token has expired"));
    }
    if claims.nbf.is_some_and(|from| now.saturating_add(LEEWAY_SECONDS) < from) {
        return Err(TokenError::Rejected("the token is not valid yet"));
    }
    Ok(())
}

#[async_trait]
impl TokenVerifier for EntraTokens {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        let parts = Parts::of(token)?;
        let judged = self.judge(&parts.claims, self.clock.now())?;
        let key = self.keys.get(judged.caller.tenant, judged.version, &parts.kid).await?;
        let verified = jsonwebtoken::crypto::verify(parts.signature, parts.message, &key, Algorithm::RS256);
        match verified {
            Ok(true) => Ok(judged.caller),
            Ok(false) | Err(_) => Err(TokenError::Rejected("the token's signature is wrong")),
        }
    }
}
