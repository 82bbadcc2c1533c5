//! Reading the keys, with a cache in front.
//!
//! | what | used without asking | used while the service does not answer |
//! |---|---|---|
//! | which version seals | [`CURRENT_SECONDS`] | [`STALE_SECONDS`] |
//! | a version, by its id | [`KEY_SECONDS`] | [`STALE_SECONDS`] |
//! | that there is no such version | [`ABSENT_SECONDS`] | |
//!
//! A version's content never changes. That it is asked for again at all is for a version that is taken away after it
//! leaked. What the service refuses, or what is no key, is forgotten at once. Each key has one slot; whoever holds it
//! asks, the others wait and find the answer, and after a failure nobody asks for [`SPACING_SECONDS`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use hourglass_app::ports::Clock;
use hourglass_app::ports::seals::{SealError, Seals};
use hourglass_domain::Timestamp;
use hourglass_domain::seal::{Seal, SealKey};
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::keyring::{Key, LONGEST_ID};

/// Most time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most time for one operation, its retries included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// For how many seconds the version that seals is used without asking whether it still is.
pub(crate) const CURRENT_SECONDS: i64 = 300;
/// For how many seconds a version is used without asking whether it still exists.
pub(crate) const KEY_SECONDS: i64 = 3_600;
/// For how many seconds what was read is used while the service does not answer.
pub(crate) const STALE_SECONDS: i64 = 86_400;
/// For how many seconds a version that does not exist is not asked for again.
pub(crate) const ABSENT_SECONDS: i64 = 60;
/// Fewest seconds between a call that failed and the next.
pub(crate) const SPACING_SECONDS: i64 = 2;
/// Most versions of one key that are kept. Beyond it the cache starts over, which costs calls and nothing else.
const MOST_VERSIONS: usize = 64;

/// [`Seals`] with keys in AWS Secrets Manager.
pub struct SecretsManagerSeals {
    client: Client,
    prefix: String,
    clock: Arc<dyn Clock>,
    decisions: Mutex<Slot>,
    policy: Mutex<Slot>,
}

/// What is known of one key.
#[derive(Default)]
struct Slot {
    /// Which version seals, and when that was read.
    current: Option<(Timestamp, String)>,
    /// Versions by id, and when each was read; `None` is one that does not exist.
    versions: HashMap<String, (Timestamp, Option<Key>)>,
    /// The last failure, and when.
    failed: Option<(Timestamp, SealError)>,
}

/// How a call ended that gave no key.
enum Failure {
    /// The service did not answer, or not now.
    Unavailable(String),
    /// There is no such version.
    Missing,
    /// The service refuses, or what it has is no key.
    Refused(String),
}

impl SecretsManagerSeals {
    /// Reads the keys `<prefix>seal/decisions` and `<prefix>seal/policy`; nothing is asked before the first seal.
    #[must_use]
    pub fn new(client: &Client, prefix: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        Self {
            client: Client::from_conf(client.config().to_builder().timeout_config(timeouts).build()),
            prefix: prefix.into(),
            clock,
            decisions: Mutex::default(),
            policy: Mutex::default(),
        }
    }

    const fn slot(&self, key: SealKey) -> &Mutex<Slot> {
        match key {
            SealKey::Decisions => &self.decisions,
            SealKey::Policy => &self.policy,
        }
    }

    /// Reads a version by its id, or the one that seals.
    async fn read(&self, key: SealKey, version: Option<&str>) -> Result<Key, Failure> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(format!("{}seal/{}", self.prefix, key.name()))
            .set_version_id(version.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let id = answer
            .version_id
            .ok_or_else(|| Failure::Refused("it has no version id".to_owned()))?;
        if version.is_some_and(|version| version != id) {
            return Err(Failure::Refused("another version was answered".to_owned()));
        }
        let text = answer
            .secret_string
            .ok_or_else(|| Failure::Refused("it holds bytes, not text".to_owned()))?;
        Key::new(id, &SecretString::from(text)).map_err(|error| Failure::Refused(error.to_string()))
    }

    /// The version that seals.
    async fn current(&self, key: SealKey) -> Result<Key, SealError> {
        let mut slot = self.slot(key).lock().await;
        if let Some(known) = slot.current_within(CURRENT_SECONDS, self.clock.now()) {
            return Ok(known);
        }
        if slot.just_failed(self.clock.now()).is_none() {
            let read = self.read(key, None).await;
            let now = self.clock.now();
            match read {
                Ok(found) => {
                    slot.current = Some((now, found.id().to_owned()));
                    slot.failed = None;
                    slot.keep(found.id().to_owned(), now, Some(found.clone()));
                    return Ok(found);
                }
                Err(Failure::Unavailable(why)) => slot.failed = Some((now, error(key, &why))),
                Err(Failure::Missing) => slot.forget(now, error(key, "there is no such secret")),
                Err(Failure::Refused(why)) => slot.forget(now, error(key, &why)),
            }
        }
        let now = self.clock.now();
        let failed = slot.failed.as_ref().map(|(_, error)| error.clone());
        let failed = failed.unwrap_or_else(|| error(key, "it could not be read"));
        let stale = slot.current_within(STALE_SECONDS, now).ok_or_else(|| failed.clone())?;
        tracing::warn!(%failed, "sealing with a key that was read earlier");
        Ok(stale)
    }

    /// A version by its id; `None` when it does not exist.
    async fn version(&self, key: SealKey, id: &str) -> Result<Option<Key>, SealError> {
        let mut slot = self.slot(key).lock().await;
        if let Some(known) = slot.version_within(id, KEY_SECONDS, self.clock.now()) {
            return Ok(known);
        }
        if slot.just_failed(self.clock.now()).is_none() {
            let read = self.read(key, Some(id)).await;
            let now = self.clock.now();
            match read {
                Ok(found) => {
                    slot.failed = None;
                    slot.keep(id.to_owned(), now, Some(found.clone()));
                    return Ok(Some(found));
                }
                // Not found is also what the service says of a secret that does not exist at all, which is a fault of the
                // deployment and says nothing about the seal.
                Err(Failure::Missing) => match self.read(key, None).await {
                    Ok(_) => {
                        slot.keep(id.to_owned(), now, None);
                        return Ok(None);
                    }
                    Err(Failure::Missing) => slot.forget(now, error(key, "there is no such secret")),
                    Err(Failure::Refused(why)) => slot.forget(now, error(key, &why)),
                    Err(Failure::Unavailable(why)) => slot.failed = Some((now, error(key, &why))),
                },
                Err(Failure::Unavailable(why)) => slot.failed = Some((now, error(key, &why))),
                Err(Failure::Refused(why)) => slot.forget(now, error(key, &why)),
            }
        }
        let failed = slot.failed.as_ref().map(|(_, error)| error.clone());
        let failed = failed.unwrap_or_else(|| error(key, "it could not be read"));
        let stale = slot.version_within(id, STALE_SECONDS, self.clock.now()).flatten();
        let stale = stale.ok_or_else(|| failed.clone())?;
        tracing::warn!(%failed, "verifying with a key that was read earlier");
        Ok(Some(stale))
    }
}

impl Slot {
    fn current_within(&self, seconds: i64, now: Timestamp) -> Option<Key> {
        let (read, id) = self.current.as_ref()?;
        let (_, key) = self.versions.get(id)?;
        key.clone().filter(|_| within(*read, seconds, now))
    }

    fn version_within(&self, id: &str, seconds: i64, now: Timestamp) -> Option<Option<Key>> {
        let (read, key) = self.versions.get(id)?;
        let seconds = if key.is_some() { seconds } else { ABSENT_SECONDS };
        within(*read, seconds, now).then(|| key.clone())
    }

    fn just_failed(&self, now: Timestamp) -> Option<&SealError> {
        let (at, error) = self.failed.as_ref()?;
        within(*at, SPACING_SECONDS, now).then_some(error)
    }

    fn keep(&mut self, id: String, now: Timestamp, key: Option<Key>) {
        if self.versions.len() >= MOST_VERSIONS && !self.versions.contains_key(&id) {
            let current = self.current.as_ref().map(|(_, id)| id.clone());
            self.versions.retain(|known, _| Some(known) == current.as_ref());
        }
        self.versions.insert(id, (now, key));
    }

    /// The service says that what was read is no longer ours to use.
    fn forget(&mut self, now: Timestamp, error: SealError) {
        self.current = None;
        self.versions.clear();
        self.failed = Some((now, error));
    }
}

fn error(key: SealKey, why: &str) -> SealError {
    SealError(format!("{}: {why}", key.name()))
}

/// Whether `then` lies less than `seconds` before `now`. A clock that was set back proves nothing: then it does not.
fn within(then: Timestamp, seconds: i64, now: Timestamp) -> bool {
    (0..seconds).contains(&now.seconds_since(then))
}

/// The service's message is left out: it may quote a parameter.
fn failure(error: &SdkError<GetSecretValueError>) -> Failure {
    let SdkError::ServiceError(answer) = error else {
        let why = match error {
            SdkError::TimeoutError(_) => "no answer in time",
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time",
            SdkError::DispatchFailure(_) => "the connection failed",
            SdkError::ResponseError(_) => "the answer could not be read",
            _ => "the request could not be made",
        };
        return Failure::Unavailable(why.to_owned());
    };
    if answer.err().is_resource_not_found_exception() {
        return Failure::Missing;
    }
    let code = answer.err().meta().code().unwrap_or("an error without a name");
    let status = answer.raw().status().as_u16();
    let text = format!("{code} (status {status})");
    if status >= 500 || status == 429 || code.contains("Throttl") || code.contains("TooManyRequests") {
        Failure::Unavailable(text)
    } else {
        Failure::Refused(text)
    }
}

/// Whether this can be the id of a version at all; what cannot is not asked for.
fn is_version_id(id: &str) -> bool {
    (32..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[async_trait]
impl Seals for SecretsManagerSeals {
    async fn seal(&self, key: SealKey, bytes: &[u8]) -> Result<Seal, SealError> {
        Ok(self.current(key).await?.seal(bytes))
    }

    async fn verify(&self, key: SealKey, bytes: &[u8], seal: &Seal) -> Result<bool, SealError> {
        if !is_version_id(&seal.key_id) {
            return Ok(false);
        }
        let found = self.version(key, &seal.key_id).await?;
        Ok(found.is_some_and(|found| found.verifies(bytes, seal)))
    }
}

/// Shows neither the client nor a key.
impl fmt::Debug for SecretsManagerSeals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsManagerSeals")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
