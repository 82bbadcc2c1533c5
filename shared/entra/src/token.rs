//! The connector's own access tokens: client credentials (RFC 6749 section 4.4), as Entra takes them.
//!
//! One token per application, tenant and cloud, fetched by one task at a time and renewed before it expires. When Entra
//! or Graph refuses the credentials, they are read again from the secret store once, because somebody may have replaced
//! them since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hourglass_app::ports::Clock;
use hourglass_app::ports::secrets::{AzureCredentials, Freshness, SecretError, Secrets};
use hourglass_domain::Timestamp;
use hourglass_domain::ids::{ApplicationId, TenantId};
use hourglass_domain::target::Cloud;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::endpoints::Bases;
use crate::wire::{Raw, Silence, Wire, presentable, retry_after};

/// A token is renewed this long before it expires (seconds), or after four fifths of its life if that is later.
const RENEW_SECONDS: i64 = 300;
/// A token that could not be renewed is used until this long before it expires (seconds).
const LAST_USE_SECONDS: i64 = 30;
/// Longest life that is believed, in seconds.
const LONGEST_LIFE_SECONDS: i64 = 86_400;
/// Most tokens kept; beyond that all are dropped and fetched anew.
const MOST_TOKENS: usize = 1_000;

/// Whose token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Whose {
    pub(crate) application: ApplicationId,
    pub(crate) tenant: TenantId,
    pub(crate) cloud: Cloud,
}

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(Arc<SecretString>);

impl Bearer {
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

/// Why there is no token; the texts hold no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TokenError {
    /// The credentials are missing or refused, and will be until somebody does something.
    Denied(String),
    /// Not now.
    Later {
        why: String,
        /// For how many seconds it asks to wait.
        retry_after: Option<i64>,
    },
}

/// A token with its times.
#[derive(Clone, Debug)]
struct Access {
    bearer: Bearer,
    renew_at: Timestamp,
    usable_until: Timestamp,
}

impl Access {
    fn new(answer: TokenAnswer, now: Timestamp) -> Self {
        let life = answer.expires_in.clamp(0, LONGEST_LIFE_SECONDS);
        let early = RENEW_SECONDS.min(life / 5);
        Self {
            bearer: Bearer(Arc::new(answer.access_token)),
            renew_at: now.plus_seconds(life - early),
            usable_until: now.plus_seconds(life - LAST_USE_SECONDS),
        }
    }
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretString,
    expires_in: i64,
}

/// RFC 6749 section 5.2, with Entra's error numbers.
#[derive(Deserialize, Default)]
#[serde(default)]
struct TokenRefusal {
    error: String,
    error_codes: Vec<u64>,
}

type Slot = Arc<AsyncMutex<Option<Access>>>;

/// The tokens of this process.
#[derive(Debug)]
pub(crate) struct Tokens {
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    bases: Bases,
    wire: Arc<Wire>,
    slots: Mutex<BTreeMap<Whose, Slot>>,
}

impl Tokens {
    pub(crate) fn new(secrets: Arc<dyn Secrets>, clock: Arc<dyn Clock>, bases: Bases, wire: Arc<Wire>) -> Self {
        Self {
            secrets,
            clock,
            bases,
            wire,
            slots: Mutex::new(BTreeMap::new()),
        }
    }

    fn slot(&self, whose: &Whose) -> Slot {
        // What the lock guards is valid at every moment, so a panic elsewhere does not spoil it.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST_TOKENS && !slots.contains_key(whose) {
            slots.clear();
        }
        Arc::clone(slots.entry(whose.clone()).or_default())
    }

    /// A token, fetched if there is none or it is about to expire. `refused` is one that Graph did not take: it is not
    /// given again, and the credentials are read afresh.
    pub(crate) async fn get(
        &self,
        whose: &Whose,
        refused: Option<&Bearer>,
        deadline: Instant,
    ) -> Result<Bearer, TokenError> {
        let slot = self.slot(whose);
        // Held while fetching, so that one task fetches and the others wait for what it got.
        let mut access = slot.lock().await;
        let now = self.clock.now();
        let held = access
            .as_ref()
            .filter(|held| !refused.is_some_and(|refused| held.bearer.is(refused)));
        if let Some(held) = held.filter(|held| now < held.renew_at) {
            return Ok(held.bearer.clone());
        }
        let freshness = if refused.is_some() {
            Freshness::Fresh
        } else {
            Freshness::Cached
        };
        match self.fetch(whose, freshness, deadline).await {
            Ok(fetched) => {
                let bearer = fetched.bearer.clone();
                *access = Some(fetched);
                Ok(bearer)
            }
            Err(error) => {
                // Renewing is early so that a token service that fails for some minutes does no harm.
                let still_good = held.filter(|held| now < held.usable_until);
                tracing::warn!(
                    application = %whose.application,
                    ?error,
                    still_good = still_good.is_some(),
                    "no new access token"
                );
                still_good.map(|held| held.bearer.clone()).ok_or(error)
            }
        }
    }

    /// A token for the credentials that are stored now, whatever token is held: whoever tests them has just entered them.
    /// When they bring none, what is held stays, because it is still taken.
    pub(crate) async fn renew(&self, whose: &Whose, deadline: Instant) -> Result<Bearer, TokenError> {
        let slot = self.slot(whose);
        let mut access = slot.lock().await;
        let fetched = self.fetch(whose, Freshness::Now, deadline).await?;
        let bearer = fetched.bearer.clone();
        *access = Some(fetched);
        Ok(bearer)
    }

    async fn fetch(&self, whose: &Whose, freshness: Freshness, deadline: Instant) -> Result<Access, TokenError> {
        let first = self.sign_in(whose, freshness, deadline).await;
        match first {
            Err(Trouble::Credentials(_)) if freshness == Freshness::Cached => {
                self.sign_in(whose, Freshness::Fresh, deadline).await
            }
            other => other,
        }
        .map_err(|trouble| match trouble {
            Trouble::Credentials(why) => TokenError::Denied(why),
            Trouble::Other(error) => error,
        })
    }

    async fn sign_in(&self, whose: &Whose, freshness: Freshness, deadline: Instant) -> Result<Access, Trouble> {
        let credentials = self.credentials(whose, freshness, deadline).await?;
        let url = format!("{}/{}/oauth2/v2.0/token", self.bases.login(whose.cloud), whose.tenant);
        // The scope names the real Graph even when its address is overridden: it is a name, not an address.
        let scope = format!("{}/.default", whose.cloud.graph());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.client_secret.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let raw = self
            .wire
            .run(|client| client.post(url).form(&form), deadline)
            .await
            .map_err(|silence| {
                let (Silence::Unsent(why) | Silence::Lost(why)) = silence;
                Trouble::later(format!("Entra's token service: {why}"), None)
            })?;
        let now = self.clock.now();
        tracing::debug!(application = %whose.application, status = raw.status, "asked for an access token");
        if raw.status == 200 {
            return serde_json::from_slice(&raw.body)
                .map(|answer| Access::new(answer, now))
                // The parser's text could quote the answer, and the answer is a secret.
                .map_err(|_| Trouble::later("Entra's token service gave an answer that is no token".to_owned(), None));
        }
        Err(judge(&raw, now))
    }

    async fn credentials(
        &self,
        whose: &Whose,
        freshness: Freshness,
        deadline: Instant,
    ) -> Result<AzureCredentials, Trouble> {
        let read = tokio::time::timeout_at(deadline, self.secrets.azure(&whose.application, freshness)).await;
        let credentials = match read {
            Ok(Ok(credentials)) => credentials,
            Ok(Err(error @ (SecretError::Missing { .. } | SecretError::Malformed { .. }))) => {
                return Err(Trouble::Other(TokenError::Denied(error.to_string())));
            }
            Ok(Err(error @ SecretError::Unavailable(_))) => return Err(Trouble::later(error.to_string(), None)),
            Err(_) => {
                return Err(Trouble::later(
                    "the secret store gave no answer in time".to_owned(),
                    None,
                ));
            }
        };
        // A target is pinned to its tenant; an integration that now points elsewhere must not act on the same object
        // id over there (invariant I7). Credentials that were put right meanwhile are found by reading again.
        if credentials.tenant != whose.tenant {
            let why = format!("the stored credentials are for another tenant than {}", whose.tenant);
            return Err(Trouble::Credentials(why));
        }
        Ok(credentials)
    }
}

/// Why a sign-in failed, and whether other credentials could change that.
enum Trouble {
    Credentials(String),
    Other(TokenError),
}

impl Trouble {
    const fn later(why: String, retry_after: Option<i64>) -> Self {
        Self::Other(TokenError::Later { why, retry_after })
    }
}

/// Branches on the status and on RFC 6749's error name; Entra's text is not passed on, its number is.
fn judge(raw: &Raw, now: Timestamp) -> Trouble {
    let refusal: TokenRefusal = serde_json::from_slice(&raw.body).unwrap_or_default();
    let number = refusal.error_codes.first().copied();
    let mut why = format!(
        "Entra's token service answered {} {}",
        raw.status,
        presentable(&refusal.error)
    );
    if let Some(number) = number {
        why = format!("{why} (AADSTS{number})");
    }
    if let Some(hint) = number.and_then(hint) {
        why = format!("{why}: {hint}");
    }
    if raw.status == 429 || raw.status >= 500 || raw.status == 408 {
        let asked = raw.headers.get(reqwest::header::RETRY_AFTER);
        let asked = asked
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, now));
        return Trouble::later(why, asked);
    }
    match refusal.error.as_str() {
        "invalid_client" | "unauthorized_client" => Trouble::Credentials(why),
        _ => Trouble::Other(TokenError::Denied(why)),
    }
}

/// Microsoft identity platform, "Microsoft Entra authentication and authorization error codes".
const fn hint(number: u64) -> Option<&'static str> {
    Some(match number {
        7_000_215 => "the client secret is wrong",
        7_000_222 => "the client secret has expired",
        700_016 => "no application with this client id exists in the tenant",
        90_002 => "the tenant does not exist",
        500_011 => "the tenant does not know Microsoft Graph in this cloud",
        53_003 => "a Conditional Access policy blocks the connector",
        _ => return None,
    })
}
