//! How questions reach the network: bounded in time, size and number, and to public addresses.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use reqwest::Client;
use reqwest::header::{ACCEPT, RETRY_AFTER};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout_at};

use crate::address::{NotPublic, PublicOnly};

/// Attempts after the first.
const RETRIES: usize = 2;
/// Largest answer, in bytes: a page of 100 users has some 200 kB.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// Longest wait that is taken from a `Retry-After`, in seconds; who asks for more is not asked again.
const LONGEST_WAIT_SECONDS: u64 = 5;
/// No attempt begins with less time left than this.
const LEAST_TIME: Duration = Duration::from_millis(500);
/// Idle connections die while a function is frozen, so they are kept for a run and hardly longer.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Making a connection.
    pub(crate) connect: Duration,
    /// One attempt, connection included.
    pub(crate) attempt: Duration,
    /// Everything that one call of the port does.
    pub(crate) call: Duration,
    /// Least pause before another attempt; it grows, and up to as much again is added.
    pub(crate) pause: Duration,
}

/// The call's limit leaves a second of the port's promise (`CALL_SECONDS`) for what comes after.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    attempt: Duration::from_secs(4),
    call: Duration::from_secs(14),
    pause: Duration::from_millis(250),
};

/// Why there is no answer; the client's own texts name urls, these do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Silence {
    #[error("there was no time left to ask")]
    NoTime,
    #[error("the request cannot be made")]
    NoRequest,
    #[error("its host name leads to no public address")]
    NotPublic,
    #[error("no connection")]
    NoConnection,
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection broke before the answer came")]
    Broken,
    #[error("the answer is too large")]
    TooLarge,
}

impl Silence {
    fn of(error: &reqwest::Error) -> Self {
        if is_not_public(error) {
            Self::NotPublic
        } else if error.is_builder() {
            Self::NoRequest
        } else if error.is_connect() {
            Self::NoConnection
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken
        }
    }

    const fn passes(self) -> bool {
        matches!(self, Self::NoConnection | Self::TimedOut | Self::Broken)
    }
}

fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// How long (seconds) it asks to wait.
    retry_after: Option<u64>,
}

/// The one HTTP client, made at its first use.
#[derive(Debug)]
pub(crate) struct Wire {
    client: OnceCell<Client>,
    https_only: bool,
    limits: Limits,
}

impl Wire {
    pub(crate) fn new(https_only: bool, limits: Limits) -> Self {
        Self {
            client: OnceCell::new(),
            https_only,
            limits,
        }
    }

    /// Redirects are not followed, because they would carry the token elsewhere; proxies are not taken from the environment,
    /// for the same reason. Names lead to public addresses only.
    async fn client(&self) -> Result<&Client, Silence> {
        let build = async || {
            Client::builder()
                // AWS's firewall stops changes without one.
                .user_agent("hourglass")
                .https_only(self.https_only)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .dns_resolver(PublicOnly)
                .connect_timeout(self.limits.connect)
                .timeout(self.limits.attempt)
                .pool_idle_timeout(IDLE_CONNECTION)
                .build()
        };
        self.client.get_or_try_init(build).await.map_err(|error| {
            tracing::error!(%error, "the HTTP client cannot be made");
            Silence::NoRequest
        })
    }

    /// Reads what is at `url`, before `deadline`; more than once where that may help, because reading changes nothing.
    pub(crate) async fn get(&self, url: &str, token: &SecretString, deadline: Instant) -> Result<Answer, Silence> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.limits.pause)
            .with_max_times(RETRIES)
            .with_jitter()
            .build();
        if Instant::now() + LEAST_TIME > deadline {
            return Err(Silence::NoTime);
        }
        loop {
            let attempt = self.attempt(url, token);
            let answer = timeout_at(deadline, attempt).await.unwrap_or(Err(Silence::TimedOut));
            let (again, asked) = match &answer {
                Ok(answer) => (
                    answer.status == 429 || answer.status >= 500,
                    answer.retry_after.unwrap_or_default(),
                ),
                Err(silence) => (silence.passes(), 0),
            };
            let Some(pause) = pauses.next().filter(|_| again && asked <= LONGEST_WAIT_SECONDS) else {
                return answer;
            };
            // A little later than asked for, each caller at another moment.
            let pause = Duration::from_secs(asked) + pause;
            if Instant::now() + pause + LEAST_TIME > deadline {
                return answer;
            }
            sleep(pause).await;
        }
    }

    async fn attempt(&self, url: &str, token: &SecretString) -> Result<Answer, Silence> {
        let request = self
            .client()
            .await?
            .get(url)
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, "application/scim+json, application/json");
        let mut response = request.send().await.map_err(|error| Silence::of(&error))?;
        let asked = response.headers().get(RETRY_AFTER);
        let retry_after = asked.and_then(|asked| asked.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| Silence::of(&error))? {
            if body.len() + part.len() > LARGEST_ANSWER {
                return Err(Silence::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        let status = response.status().as_u16();
        tracing::debug!(status, "Identity Center answered");
        Ok(Answer {
            status,
            body,
            retry_after,
        })
    }
}
