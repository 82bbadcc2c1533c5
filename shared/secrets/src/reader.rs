//! Reading, with a cache in front.
//!
//! | asked for | the service answers | it refuses, has no such secret, or the content is none of ours | it does not answer |
//! |---|---|---|---|
//! | `Cached` | a value read less than [`CACHE_SECONDS`] ago without asking; otherwise the new one | the error; what was known is forgotten | the last value read, if less than [`STALE_SECONDS`] ago; otherwise the error |
//! | `Fresh`, `Now` | the new one | the error; what was known is forgotten | the error |
//!
//! A value that is withdrawn (deleted, or no longer ours to read) is therefore not used beyond the cache's time, while
//! an outage of Secrets Manager does not stop revocations. `Fresh` and `Now` never fall back: their callers were just told
//! that the value they have is refused, or have just entered another.
//!
//! Each credential has one slot; whoever holds it asks, the others wait and find the answer (single flight). The service
//! is asked at most once in [`SPACING_SECONDS`] per credential, whatever it answers; only `Now` asks every time, and is for
//! what people do by hand.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use hourglass_app::ports::Clock;
use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials, Freshness, SecretError, Secrets};
use hourglass_domain::Timestamp;
use hourglass_domain::ids::ApplicationId;
use secrecy::SecretString;

use crate::failure::Failure;
use crate::{aws_name, azure_name, bounded, stored};

/// For how many seconds a value is used without asking.
pub(crate) const CACHE_SECONDS: i64 = 300;
/// For how many seconds a value is used while the service does not answer.
pub(crate) const STALE_SECONDS: i64 = 3_600;
/// Fewest seconds between two calls for the same credential.
pub(crate) const SPACING_SECONDS: i64 = 2;
/// Most credentials of one kind in the cache. Beyond it the cache starts over, which costs calls and nothing else.
const MOST_SLOTS: usize = 1_000;

/// [`Secrets`] on AWS Secrets Manager.
pub struct SecretsManager {
    client: Client,
    prefix: String,
    clock: Arc<dyn Clock>,
    azure: Slots<AzureCredentials>,
    aws: Slots<AwsCredentials>,
}

/// The credentials of one kind, by application.
struct Slots<T>(Mutex<HashMap<ApplicationId, Arc<tokio::sync::Mutex<Slot<T>>>>>);

/// What is known of one application's credentials.
struct Slot<T> {
    /// The last value read, and when; forgotten when the service says that it is no longer ours.
    good: Option<(Timestamp, T)>,
    /// How the last call ended, and when.
    last: Option<(Timestamp, Result<(), Failure>)>,
}

impl SecretsManager {
    /// Reads the secrets whose names begin with `prefix`.
    #[must_use]
    pub fn new(client: Client, prefix: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: bounded(&client),
            prefix: prefix.into(),
            clock,
            azure: Slots::new(),
            aws: Slots::new(),
        }
    }

    async fn read<T>(
        &self,
        name: String,
        read: impl FnOnce(&SecretString) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(name)
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                // A secret that is being deleted answers InvalidRequestException until it is restored.
                Some(service)
                    if service.is_resource_not_found_exception() || service.is_invalid_request_exception() =>
                {
                    Failure::Missing
                }
                _ => Failure::of(&error),
            })?;
        match answer.secret_string {
            Some(text) => read(&SecretString::from(text)),
            None => Err(Failure::Malformed("it holds bytes, not text".to_owned())),
        }
    }

    /// The credential in `slots`, asked for with `ask` where the table above says so.
    async fn known<T: Clone>(
        &self,
        slots: &Slots<T>,
        application: &ApplicationId,
        freshness: Freshness,
        ask: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, SecretError> {
        let slot = slots.slot(application);
        let mut slot = slot.lock().await;
        let now = self.clock.now();
        if freshness == Freshness::Cached
            && let Some(credentials) = slot.good_within(CACHE_SECONDS, now)
        {
            return Ok(credentials.clone());
        }
        if freshness == Freshness::Now || !slot.just_asked(now) {
            let outcome = ask.await;
            // The time after the call, so that calls that ran into their time-out are spaced as well.
            slot.note(outcome, self.clock.now());
        }
        slot.answer(freshness, self.clock.now())
            .cloned()
            .map_err(|failure| failure.into_error(application))
    }
}

impl<T> Slots<T> {
    fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    fn slot(&self, application: &ApplicationId) -> Arc<tokio::sync::Mutex<Slot<T>>> {
        // Nothing can panic while the lock is held; a poisoned one is as good as any.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(application) {
            return Arc::clone(slot);
        }
        if slots.len() >= MOST_SLOTS {
            slots.clear();
        }
        let empty = Slot { good: None, last: None };
        let slot = Arc::new(tokio::sync::Mutex::new(empty));
        slots.insert(application.clone(), Arc::clone(&slot));
        slot
    }
}

impl<T> Slot<T> {
    fn good_within(&self, seconds: i64, now: Timestamp) -> Option<&T> {
        self.good
            .as_ref()
            .filter(|(read, _)| within(*read, seconds, now))
            .map(|(_, credentials)| credentials)
    }

    fn just_asked(&self, now: Timestamp) -> bool {
        self.last
            .as_ref()
            .is_some_and(|(asked, _)| within(*asked, SPACING_SECONDS, now))
    }

    fn note(&mut self, outcome: Result<T, Failure>, now: Timestamp) {
        let ended = match outcome {
            Ok(credentials) => {
                self.good = Some((now, credentials));
                Ok(())
            }
            Err(failure) => {
                if !matches!(failure, Failure::Unavailable(_)) {
                    self.good = None;
                }
                Err(failure)
            }
        };
        self.last = Some((now, ended));
    }

    /// What the last call means for a caller.
    fn answer(&self, freshness: Freshness, now: Timestamp) -> Result<&T, Failure> {
        match (&self.last, freshness) {
            (Some((_, Err(failure @ Failure::Unavailable(why)))), Freshness::Cached) => {
                let stale = self.good_within(STALE_SECONDS, now).ok_or_else(|| failure.clone())?;
                tracing::warn!(why, "the secret store does not answer; using credentials read earlier");
                Ok(stale)
            }
            (Some((_, Err(failure))), _) => Err(failure.clone()),
            (Some((_, Ok(()))) | None, _) => match &self.good {
                Some((_, credentials)) => Ok(credentials),
                None => Err(Failure::Missing),
            },
        }
    }
}

/// Whether `then` lies less than `seconds` before `now`. A clock that was set back proves nothing: then it does not.
fn within(then: Timestamp, seconds: i64, now: Timestamp) -> bool {
    (0..seconds).contains(&now.seconds_since(then))
}

#[async_trait]
impl Secrets for SecretsManager {
    async fn azure(&self, application: &ApplicationId, freshness: Freshness) -> Result<AzureCredentials, SecretError> {
        let name = azure_name(&self.prefix, application);
        let ask = self.read(name, stored::read_azure);
        self.known(&self.azure, application, freshness, ask).await
    }

    async fn aws(&self, application: &ApplicationId, freshness: Freshness) -> Result<AwsCredentials, SecretError> {
        let name = aws_name(&self.prefix, application);
        let ask = self.read(name, stored::read_aws);
        self.known(&self.aws, application, freshness, ask).await
    }
}

/// Shows neither the client nor what is cached.
impl fmt::Debug for SecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsManager")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
