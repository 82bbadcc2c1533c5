//! Signing people in with Entra: the OpenID Connect code flow, by the `openidconnect` crate.
//!
//! The crate knows the protocol; what is said here is what we demand beyond it, and how it may speak to the network: to the
//! token service's own hosts only, with time-outs, a bound on every answer and few attempts ([`http`]). Discovery documents
//! and keys are the tenant's own, kept for an hour. Tokens are looked at and dropped: nothing here stores or returns one.

mod http;
mod settings;
mod token;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::ports::identity::{
    ClientSecret, Identity, IdentityError, IdentityProblem, IdentityProvider, Journey, Return,
};
use hourglass_app::ports::{Clock, Ids};
use hourglass_app::sign_in::Purpose;
use hourglass_domain::Timestamp;
use hourglass_domain::decision::FRESH_SECONDS;
use hourglass_domain::ids::TenantId;
use hourglass_domain::session::RECENT_SECONDS;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, Client, ClientId, CsrfToken, EmptyExtraTokenFields,
    EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

pub use settings::{SettingsError, SignInSettings};

use settings::Rules;
use token::EntraClaims;

/// For how many seconds a tenant's discovery document and keys are used without asking.
const REFRESH_SECONDS: i64 = 3_600;
/// For how many seconds they are used while the issuer does not answer.
const LONGEST_USE_SECONDS: i64 = 86_400;
/// Fewest seconds between two readings because of a key that is not known.
const UNKNOWN_KEY_SECONDS: i64 = 300;
/// Bytes of a state, a nonce and a verifier: RFC 7636 section 7.1 recommends 32.
const RANDOM_BYTES: usize = 32;

type Fields = IdTokenFields<
    EntraClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Answer = StandardTokenResponse<Fields, CoreTokenType>;
type EntraClient<Auth = EndpointSet, Token = EndpointSet> = Client<
    EntraClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    Auth,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
    EndpointNotSet,
>;

/// Entra, as an OpenID provider.
pub struct EntraSignIn {
    rules: Rules,
    secret: Arc<dyn ClientSecret>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    http: http::Http,
    known: tokio::sync::Mutex<HashMap<TenantId, Known>>,
}

impl std::fmt::Debug for EntraSignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntraSignIn")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A tenant's discovery document with its keys.
#[derive(Clone)]
struct Known {
    metadata: Arc<CoreProviderMetadata>,
    read_at: Timestamp,
}

impl EntraSignIn {
    /// A provider; nothing is asked before the first sign-in.
    ///
    /// # Errors
    /// When the settings make no sense, or override the issuer with anything but an address of this machine.
    pub fn new(
        settings: &SignInSettings,
        secret: Arc<dyn ClientSecret>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, SettingsError> {
        let rules = Rules::new(settings)?;
        let http = http::Http::new(rules.origins.clone(), rules.https_only);
        Ok(Self {
            rules,
            secret,
            clock,
            ids,
            http,
            known: tokio::sync::Mutex::default(),
        })
    }

    /// The tenant's discovery document, at most [`REFRESH_SECONDS`] old while the issuer answers. One caller reads it, the
    /// others wait.
    async fn metadata(&self, tenant: TenantId, oldest: i64) -> Result<Known, IdentityError> {
        if !self.rules.tenants.contains(&tenant) {
            return Err(IdentityError::Refused(IdentityProblem::TenantNotHere));
        }
        let mut all = self.known.lock().await;
        let known = all.get(&tenant).cloned();
        let age = |known: &Known| self.clock.now().seconds_since(known.read_at);
        if let Some(known) = known.as_ref().filter(|known| (0..oldest).contains(&age(known))) {
            return Ok(known.clone());
        }
        let issuer = IssuerUrl::new(self.rules.issuer(tenant)).map_err(|_| UNREACHABLE)?;
        match CoreProviderMetadata::discover_async(issuer, &self.http).await {
            Ok(metadata) => {
                let known = Known {
                    metadata: Arc::new(metadata),
                    read_at: self.clock.now(),
                };
                all.insert(tenant, known.clone());
                Ok(known)
            }
            Err(error) => {
                tracing::warn!(%error, %tenant, "the discovery document cannot be read");
                known
                    .filter(|known| (0..LONGEST_USE_SECONDS).contains(&age(known)))
                    .ok_or(UNREACHABLE)
            }
        }
    }

    fn client(&self, known: &Known) -> Result<EntraClient, IdentityError> {
        let metadata = &known.metadata;
        let token = metadata.token_endpoint().ok_or(UNREACHABLE)?.clone();
        let redirect = RedirectUrl::new(self.rules.redirect.clone()).map_err(|_| UNREACHABLE)?;
        let client: EntraClient<EndpointNotSet, EndpointNotSet> = Client::new(
            ClientId::new(self.rules.client_id.clone()),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        );
        Ok(client
            .set_auth_uri(metadata.authorization_endpoint().clone())
            .set_token_uri(token)
            .set_redirect_uri(redirect)
            .set_auth_type(AuthType::RequestBody))
    }

    fn random(&self) -> String {
        let mut bytes = [0_u8; RANDOM_BYTES];
        self.ids.random(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What the ID token has to tell: always when the person signed in, and for a step-up that the authentication context
    /// is satisfied (Microsoft identity platform, "Claims challenges, claims requests, and client capabilities").
    fn claims_request(&self, purpose: Purpose) -> String {
        let auth_time = json!({"essential": true});
        let wanted = if purpose == Purpose::StepUp {
            let acrs = json!({"essential": true, "value": self.rules.auth_context});
            json!({"auth_time": auth_time, "acrs": acrs})
        } else {
            json!({ "auth_time": auth_time })
        };
        json!({ "id_token": wanted }).to_string()
    }

    /// Trades the code for tokens. A secret that is refused may have been replaced: it is read again, once.
    async fn redeem(&self, client: &EntraClient, back: &Return) -> Result<Answer, IdentityError> {
        let mut again = false;
        loop {
            let secret = self.secret.client_secret(again).await?;
            let secret = openidconnect::ClientSecret::new(secret.expose_secret().to_owned());
            let client = client.clone().set_client_secret(secret);
            let answer = client
                .exchange_code(AuthorizationCode::new(back.code.expose_secret().to_owned()))
                .set_pkce_verifier(PkceCodeVerifier::new(back.verifier.expose_secret().to_owned()))
                .request_async(&self.http)
                .await;
            match answer {
                Ok(answer) => return Ok(answer),
                Err(RequestTokenError::ServerResponse(refused)) => {
                    let code = refused.error();
                    // The description may name the account; the code is one of the few that RFC 6749 section 5.2 lists.
                    tracing::warn!(code = code.as_ref(), "the identity provider took no code");
                    if *code == CoreErrorResponseType::InvalidClient && !again {
                        again = true;
                    } else if *code == CoreErrorResponseType::InvalidClient {
                        return Err(IdentityError::Unavailable(IdentityProblem::SecretRefused));
                    } else {
                        return Err(IdentityError::Refused(IdentityProblem::UnknownSignIn));
                    }
                }
                Err(RequestTokenError::Request(error)) => {
                    tracing::warn!(%error, "the token endpoint did not answer");
                    return Err(UNREACHABLE);
                }
                Err(_) => {
                    tracing::warn!("the answer of the token endpoint cannot be read");
                    return Err(IdentityError::Refused(IdentityProblem::AnswerUnreadable));
                }
            }
        }
    }
}

const UNREACHABLE: IdentityError = IdentityError::Unavailable(IdentityProblem::NoAnswer);

#[async_trait]
impl IdentityProvider for EntraSignIn {
    async fn begin(&self, tenant: TenantId, purpose: Purpose) -> Result<Journey, IdentityError> {
        let known = self.metadata(tenant, REFRESH_SECONDS).await?;
        let client = self.client(&known)?;
        let (state, nonce, verifier) = (self.random(), self.random(), self.random());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                {
                    let state = CsrfToken::new(state.clone());
                    move || state
                },
                {
                    let nonce = Nonce::new(nonce.clone());
                    move || nonce
                },
            )
            // Entra puts `oid` and `tid` into ID tokens for this scope only.
            .add_scope(Scope::new("profile".to_owned()))
            .add_extra_param("response_mode", "query")
            .add_extra_param("claims", self.claims_request(purpose))
            .set_pkce_challenge(challenge);
        let oldest = match purpose {
            Purpose::SignIn => None,
            Purpose::Recent => Some(RECENT_SECONDS),
            Purpose::StepUp => Some(FRESH_SECONDS),
        };
        if let Some(oldest) = oldest {
            request = request
                .add_prompt(CoreAuthPrompt::Login)
                .set_max_age(std::time::Duration::from_secs(oldest.unsigned_abs()));
        }
        let (url, _, _) = request.url();
        Ok(Journey {
            url: url.to_string(),
            state: SecretString::from(state),
            nonce: SecretString::from(nonce),
            verifier: SecretString::from(verifier),
        })
    }

    async fn finish(&self, back: Return) -> Result<Identity, IdentityError> {
        let ours = self.rules.issuer(back.tenant);
        if back.issuer.as_ref().is_some_and(|issuer| *issuer != ours) {
            return Err(IdentityError::Refused(IdentityProblem::OtherProvider));
        }
        let mut client = self.client(&self.metadata(back.tenant, REFRESH_SECONDS).await?)?;
        let answer = self.redeem(&client, &back).await?;
        let Some(id_token) = answer.id_token() else {
            return Err(IdentityError::Refused(IdentityProblem::NoIdToken));
        };
        if token::names_unknown_key(id_token, &client) {
            // The first token after a roll-over of keys; a code is spent for each look.
            client = self.client(&self.metadata(back.tenant, UNKNOWN_KEY_SECONDS).await?)?;
        }
        let nonce = Nonce::new(back.nonce.expose_secret().to_owned());
        token::judge(&self.rules, &client, id_token, &nonce, back.tenant, self.clock.now())
    }
}
