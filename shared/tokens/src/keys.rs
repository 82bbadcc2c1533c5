//! The issuers' public keys.
//!
//! Keys are fetched per tenant and version, looked up by their id, and read again every hour. What the last good answer
//! does not hold any more is not trusted any more: keys may be withdrawn at once in an emergency. While the issuer does
//! not answer, the last good answer stays good for a day (Microsoft identity platform, "Build services that are
//! resilient to OpenID Connect metadata refresh").
//!
//! A token that names an unknown key may be the first one after a roll-over, or one of a flood that anybody can send: it
//! starts a refresh at most once in five minutes per tenant, and otherwise costs nothing (abuse case 18).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::ports::Clock;
use hourglass_app::ports::tokens::TokenError;
use hourglass_domain::Timestamp;
use hourglass_domain::ids::TenantId;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use crate::settings::{Issuers, Version};

/// Keys older than this are read again, in seconds.
const REFRESH_SECONDS: i64 = 3_600;
/// Keys older than this are not used, in seconds.
const LONGEST_USE_SECONDS: i64 = 86_400;
/// An unknown key id leads to a refresh at most this often, in seconds.
const UNKNOWN_SECONDS: i64 = 300;
/// After a failure with keys at hand, the next hourly refresh is tried no sooner than this, in seconds.
const RETRY_SECONDS: i64 = 60;
/// After a failure without any keys, in seconds.
const RETRY_WITHOUT_KEYS_SECONDS: i64 = 10;
/// Making a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// One request.
const REQUEST: Duration = Duration::from_secs(3);
/// Everything that a refresh does.
const REFRESH: Duration = Duration::from_secs(8);
/// Attempts at one document.
const ATTEMPTS: u32 = 2;
/// Least pause between them, in milliseconds; up to as much again is added.
const PAUSE_MILLIS: u64 = 100;
/// Largest document, in bytes.
const LARGEST_DOCUMENT: usize = 256 * 1024;
/// Most keys of one issuer; Entra has about ten.
const MOST_KEYS: usize = 64;
/// Longest key id, in bytes.
const LONGEST_KID: usize = 128;
/// Lengths of RSA moduli that are accepted, in bytes: 2,048 to 8,192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// All keys of all tenants.
pub(crate) struct Keys {
    issuers: Issuers,
    clock: Arc<dyn Clock>,
    client: OnceCell<reqwest::Client>,
    tenants: BTreeMap<TenantId, TenantKeys>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct TenantKeys {
    known: RwLock<Known>,
    /// Held while reading keys, so that one task reads and the others wait for what it got.
    refreshing: Mutex<()>,
}

#[derive(Default)]
struct Known {
    sets: BTreeMap<Version, KeySet>,
    /// When each set was last asked for, whatever came of it.
    tried: BTreeMap<Version, Timestamp>,
    /// When an unknown key last led to a refresh.
    unknown_at: Option<Timestamp>,
}

#[derive(Clone)]
struct KeySet {
    keys: Arc<HashMap<String, DecodingKey>>,
    read_at: Timestamp,
}

/// What is known of a key.
enum Found {
    /// Here it is.
    Current(DecodingKey),
    /// Here it is, and it is time to read the keys again.
    Stale(DecodingKey),
    /// The issuer's keys are known, and this is none of them.
    Unknown,
    /// There are no keys.
    Nothing,
}

impl Known {
    fn find(&self, version: Version, kid: &str, now: Timestamp) -> Found {
        let Some(set) = self.sets.get(&version) else {
            return Found::Nothing;
        };
        let age = now.seconds_since(set.read_at);
        if age >= LONGEST_USE_SECONDS {
            return Found::Nothing;
        }
        match set.keys.get(kid) {
            Some(key) if age < REFRESH_SECONDS => Found::Current(key.clone()),
            Some(key) => Found::Stale(key.clone()),
            None => Found::Unknown,
        }
    }

    /// Whether to ask the issuer now.
    fn may_refresh(&self, version: Version, found: &Found, now: Timestamp) -> bool {
        let since_try = self.tried.get(&version).map(|tried| now.seconds_since(*tried));
        let since_unknown = self.unknown_at.map(|at| now.seconds_since(at));
        match found {
            Found::Current(_) => false,
            Found::Stale(_) => since_try.is_none_or(|seconds| seconds >= RETRY_SECONDS),
            Found::Unknown => since_unknown.is_none_or(|seconds| seconds >= UNKNOWN_SECONDS),
            Found::Nothing => since_try.is_none_or(|seconds| seconds >= RETRY_WITHOUT_KEYS_SECONDS),
        }
    }
}

impl Keys {
    pub(crate) fn new(issuers: Issuers, clock: Arc<dyn Clock>, tenants: impl Iterator<Item = TenantId>) -> Self {
        Self {
            issuers,
            clock,
            client: OnceCell::new(),
            tenants: tenants.map(|tenant| (tenant, TenantKeys::default())).collect(),
        }
    }

    pub(crate) const fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The key of that id.
    pub(crate) async fn get(&self, tenant: TenantId, version: Version, kid: &str) -> Result<DecodingKey, TokenError> {
        let keys = self
            .tenants
            .get(&tenant)
            .ok_or(TokenError::Rejected("the token is from a tenant that is not accepted"))?;
        let mut found = keys.find(version, kid, self.clock.now());
        if keys.may_refresh(version, &found, self.clock.now()) {
            let turn = if matches!(found, Found::Stale(_)) {
                // Somebody else is reading them already: what is known will do meanwhile.
                keys.refreshing.try_lock().ok()
            } else {
                Some(keys.refreshing.lock().await)
            };
            if turn.is_some() {
                // Another task may have read them while this one waited for its turn.
                let now = self.clock.now();
                found = keys.find(version, kid, now);
                if keys.may_refresh(version, &found, now) {
                    self.refresh(tenant, version, &found, keys, now).await;
                    found = keys.find(version, kid, self.clock.now());
                }
            }
        }
        match found {
            Found::Current(key) | Found::Stale(key) => Ok(key),
            Found::Unknown => Err(TokenError::Rejected(
                "the token is signed with a key that its issuer does not publish",
            )),
            Found::Nothing => Err(TokenError::Unavailable),
        }
    }

    /// Reads the keys of this version. When an unknown key is the reason, those of the other version are read again as
    /// well: there is one refresh in five minutes for both, and neither may use up the other's.
    async fn refresh(&self, tenant: TenantId, version: Version, why: &Found, keys: &TenantKeys, now: Timestamp) {
        let for_unknown = matches!(why, Found::Unknown);
        let versions: Vec<Version> = {
            let mut known = keys.known.write().unwrap_or_else(PoisonError::into_inner);
            if for_unknown {
                known.unknown_at = Some(now);
            }
            let versions = Version::BOTH
                .into_iter()
                .filter(|other| *other == version || (for_unknown && known.sets.contains_key(other)))
                .collect::<Vec<_>>();
            known.tried.extend(versions.iter().map(|version| (*version, now)));
            versions
        };
        for version in versions {
            let read = tokio::time::timeout(REFRESH, self.read(tenant, version)).await;
            match read.unwrap_or(Err("no answer in time")) {
                Ok(read) => {
                    tracing::info!(%tenant, ?version, keys = read.len(), for_unknown, "read the issuer's keys");
                    let set = KeySet {
                        keys: Arc::new(read),
                        read_at: now,
                    };
                    let mut known = keys.known.write().unwrap_or_else(PoisonError::into_inner);
                    known.sets.insert(version, set);
                }
                Err(why) => tracing::warn!(%tenant, ?version, why, "the issuer's keys cannot be read"),
            }
        }
    }

    async fn read(&self, tenant: TenantId, version: Version) -> Result<HashMap<String, DecodingKey>, &'static str> {
        let issuer = self.issuers.issuer(tenant, version);
        let discovery: Discovery = self.document(&self.issuers.discovery(tenant, version)).await?;
        if discovery.issuer != issuer {
            return Err("the discovery document is of another issuer");
        }
        let keys_at = Url::parse(&discovery.jwks_uri).map_err(|_| "the discovery document names no place of keys")?;
        if !self.issuers.may_hold_keys(&keys_at) {
            return Err("the discovery document names a place of keys on another host");
        }
        let set: JsonWebKeySet = self.document(keys_at.as_str()).await?;
        let accepted = [
            issuer,
            self.issuers.issuer(tenant, Version::Two),
            // Keys that serve all tenants carry a pattern instead of a tenant.
            self.issuers
                .issuer(tenant, Version::Two)
                .replace(&tenant.to_string(), "{tenantid}"),
        ];
        let keys: HashMap<String, DecodingKey> = set
            .keys
            .into_iter()
            .take(MOST_KEYS)
            .filter_map(|key| serde_json::from_value::<JsonWebKey>(key).ok())
            .filter_map(|key| key.usable(&accepted))
            .collect();
        if keys.is_empty() {
            return Err("the issuer publishes no key that can be used");
        }
        Ok(keys)
    }

    /// A JSON document, in at most two attempts.
    async fn document<T: DeserializeOwned>(&self, url: &str) -> Result<T, &'static str> {
        let mut attempt = 1;
        let body = loop {
            match self.fetch(url).await {
                Ok(body) => break body,
                Err(Failure::Final(why)) => return Err(why),
                Err(Failure::Passing(why)) if attempt >= ATTEMPTS => return Err(why),
                Err(Failure::Passing(_)) => attempt += 1,
            }
            // The clock's milliseconds are as good as dice to keep callers from coming back together.
            let jitter = self.clock.now().millis().unsigned_abs() % PAUSE_MILLIS;
            tokio::time::sleep(Duration::from_millis(PAUSE_MILLIS + jitter)).await;
        };
        serde_json::from_slice(&body).map_err(|_| "the answer is not the document that was asked for")
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, Failure> {
        let client = self.client.get_or_try_init(async || self.build()).await;
        let client = client.map_err(|error| {
            tracing::error!(%error, "the HTTP client cannot be made");
            Failure::Final("the HTTP client cannot be made")
        })?;
        let sent = client.get(url).send().await;
        let mut response = sent.map_err(|_| Failure::Passing("the issuer does not answer"))?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Failure::Passing("the issuer answers with a fault"));
        }
        if status.as_u16() != 200 {
            return Err(Failure::Final("the issuer does not have the document"));
        }
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|_| Failure::Passing("the issuer's answer broke off"))? {
                None => return Ok(body),
                Some(chunk) if body.len() + chunk.len() > LARGEST_DOCUMENT => {
                    return Err(Failure::Final("the issuer's document is too large"));
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
    }

    /// Redirects could lead to keys of somebody else's, and so could a proxy from the environment.
    fn build(&self) -> reqwest::Result<reqwest::Client> {
        reqwest::Client::builder()
            .user_agent("hourglass")
            .https_only(self.issuers.https_only)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            // Used once an hour: no connection is worth keeping.
            .pool_max_idle_per_host(0)
            .build()
    }
}

impl TenantKeys {
    fn find(&self, version: Version, kid: &str, now: Timestamp) -> Found {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.find(version, kid, now)
    }

    fn may_refresh(&self, version: Version, found: &Found, now: Timestamp) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.may_refresh(version, found, now)
    }
}

enum Failure {
    /// Another attempt may fare better.
    Passing(&'static str),
    Final(&'static str),
}

/// OpenID Connect Discovery 1.0 section 3, as far as it matters.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// RFC 7517 section 5. Keys are read one by one, so that one that is odd spoils no other.
#[derive(Deserialize)]
struct JsonWebKeySet {
    keys: Vec<Value>,
}

/// RFC 7517 section 4 and RFC 7518 section 6.3.1, with Entra's `issuer`.
#[derive(Deserialize)]
struct JsonWebKey {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    issuer: Option<String>,
}

impl JsonWebKey {
    fn usable(self, issuers: &[String]) -> Option<(String, DecodingKey)> {
        let fits = self.kty == "RSA"
            && !self.kid.is_empty()
            && self.kid.len() <= LONGEST_KID
            && self.purpose.is_none_or(|purpose| purpose == "sig")
            && self.alg.is_none_or(|alg| alg == "RS256")
            && self.issuer.is_none_or(|issuer| issuers.contains(&issuer));
        let modulus = URL_SAFE_NO_PAD.decode(&self.n).ok()?;
        if !fits || !MODULUS_BYTES.contains(&modulus.len()) {
            return None;
        }
        let key = DecodingKey::from_rsa_components(&self.n, &self.e).ok()?;
        Some((self.kid, key))
    }
}
