//! The secret of the sign-in registration: `<prefix>sign-in`, `{"client_secret":"…"}`. The sign-in function alone may read
//! it, and nothing of ours writes it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use hourglass_app::ports::Clock;
use hourglass_app::ports::identity::{ClientSecret, IdentityError, IdentityProblem};
use hourglass_domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::bounded;
use crate::failure::Failure;
use crate::reader::{CACHE_SECONDS, SPACING_SECONDS, STALE_SECONDS};

/// [`ClientSecret`] on AWS Secrets Manager.
pub struct SignInSecret {
    client: Client,
    name: String,
    clock: Arc<dyn Clock>,
    /// The last value, and when it was read. Whoever holds the lock reads, the others wait.
    known: tokio::sync::Mutex<Option<(Timestamp, SecretString)>>,
}

#[derive(Deserialize)]
struct Stored {
    client_secret: SecretString,
}

impl SignInSecret {
    /// Reads the secret whose name is `prefix` and `sign-in`.
    #[must_use]
    pub fn new(client: &Client, prefix: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: bounded(client),
            name: format!("{prefix}sign-in"),
            clock,
            known: tokio::sync::Mutex::default(),
        }
    }

    async fn read(&self) -> Result<SecretString, Failure> {
        let answer = self.client.get_secret_value().secret_id(&self.name).send().await;
        let answer = answer.map_err(|error| Failure::of(&error))?;
        let text = SecretString::from(answer.secret_string.unwrap_or_default());
        // serde quotes what it did not expect.
        let stored: Stored = serde_json::from_str(text.expose_secret())
            .map_err(|_| Failure::Malformed("it is not {\"client_secret\": \"…\"}".to_owned()))?;
        if stored.client_secret.expose_secret().is_empty() {
            return Err(Failure::Malformed("client_secret is empty".to_owned()));
        }
        Ok(stored.client_secret)
    }
}

#[async_trait]
impl ClientSecret for SignInSecret {
    async fn client_secret(&self, again: bool) -> Result<SecretString, IdentityError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        let within = |seconds: i64| {
            known
                .as_ref()
                .filter(|(read, _)| (0..seconds).contains(&now.seconds_since(*read)))
                .map(|(_, secret)| secret.clone())
        };
        if let Some(secret) = within(if again { SPACING_SECONDS } else { CACHE_SECONDS }) {
            return Ok(secret);
        }
        match self.read().await {
            Ok(secret) => {
                *known = Some((self.clock.now(), secret.clone()));
                Ok(secret)
            }
            Err(Failure::Unavailable(why)) => {
                tracing::warn!(why, "the secret store does not answer");
                within(STALE_SECONDS).ok_or(IdentityError::Unavailable(IdentityProblem::SecretStore))
            }
            Err(failure) => {
                tracing::error!(
                    ?failure,
                    name = self.name,
                    "the sign-in registration's secret cannot be read"
                );
                *known = None;
                Err(IdentityError::Unavailable(IdentityProblem::SecretMissing))
            }
        }
    }
}

/// Shows neither the client nor what is known.
impl fmt::Debug for SignInSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInSecret")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
