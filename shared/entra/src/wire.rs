//! One HTTP exchange: the client, its limits, and what an answer looks like from here.

use std::time::Duration;

use hourglass_domain::Timestamp;
use hourglass_domain::text::is_invisible;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// Longest error text that is passed on, in characters.
const LONGEST_TEXT: usize = 300;
/// Longest word in it: tokens and secrets are longer than anything a person would read.
const LONGEST_WORD: usize = 100;
/// Longest wait that is taken from a `Retry-After`, in seconds.
const LONGEST_RETRY_AFTER_SECONDS: i64 = 3_600;
/// Largest answer, in bytes: a full page of members is some 200 kB.
const LARGEST_BODY: usize = 2 * 1024 * 1024;
/// Idle connections die while a function is frozen, so they are kept for a run and hardly longer.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Making a connection.
    pub(crate) connect: Duration,
    /// One exchange, connection included.
    pub(crate) attempt: Duration,
    /// Everything that one call of the port does.
    pub(crate) call: Duration,
    /// First pause before another attempt.
    pub(crate) pause: Duration,
    /// First pause after being throttled without being told for how long.
    pub(crate) throttled_pause: Duration,
}

/// The call's limit leaves a second of the port's promise (`CALL_SECONDS`) for what comes after the exchange.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    attempt: Duration::from_secs(4),
    call: Duration::from_secs(14),
    pause: Duration::from_millis(250),
    throttled_pause: Duration::from_secs(1),
};

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Silence {
    /// The request was not sent.
    Unsent(&'static str),
    /// It may have arrived.
    Lost(&'static str),
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The one HTTP client, made at its first use: functions that never call out do not pay for it.
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

    /// Redirects are not followed, because they would carry our credentials elsewhere; proxies are not taken from the
    /// environment, for the same reason.
    async fn client(&self) -> Result<&Client, Silence> {
        let build = async || {
            Client::builder()
                .user_agent("hourglass")
                .https_only(self.https_only)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .connect_timeout(self.limits.connect)
                .timeout(self.limits.attempt)
                .pool_idle_timeout(IDLE_CONNECTION)
                .build()
        };
        self.client.get_or_try_init(build).await.map_err(|error| {
            tracing::error!(%error, "the HTTP client cannot be made");
            Silence::Unsent("the HTTP client cannot be made")
        })
    }

    /// Sends what `build` makes and reads the whole answer, before `deadline`.
    pub(crate) async fn run<B>(&self, build: B, deadline: Instant) -> Result<Raw, Silence>
    where
        B: FnOnce(&Client) -> RequestBuilder + Send,
    {
        if Instant::now() >= deadline {
            return Err(Silence::Unsent("there was no time left to ask"));
        }
        let request = build(self.client().await?);
        let exchange = async {
            let mut response = request.send().await.map_err(|error| silence(&error))?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| silence(&error))? {
                body.extend_from_slice(&chunk);
                if body.len() > LARGEST_BODY {
                    return Err(Silence::Lost("the answer is too large"));
                }
            }
            Ok(Raw {
                status: response.status().as_u16(),
                headers: std::mem::take(response.headers_mut()),
                body,
            })
        };
        timeout_at(deadline, exchange)
            .await
            .unwrap_or(Err(Silence::Lost("no answer in time")))
    }
}

/// The client's own texts name urls; ours do not.
fn silence(error: &reqwest::Error) -> Silence {
    if error.is_connect() {
        Silence::Unsent("no connection")
    } else if error.is_timeout() {
        Silence::Lost("no answer in time")
    } else if error.is_builder() {
        Silence::Unsent("the request cannot be made")
    } else {
        Silence::Lost("the connection broke before the answer came")
    }
}

/// Graph's answer to one call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// How long it asks to wait, in seconds.
    pub(crate) retry_after: Option<i64>,
    /// The error's code; empty without one.
    pub(crate) code: String,
    /// The error's text, in lower case, to be searched; never printed.
    pub(crate) searchable: String,
    /// The error's text, fit to be printed.
    pub(crate) message: String,
    /// The body; null when there is none or it is no JSON.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn new(status: u16, retry_after: Option<i64>, body: Value) -> Self {
        let error = body.get("error");
        let text = |name| {
            error
                .and_then(|error| error.get(name))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        Self {
            status,
            retry_after,
            code: presentable(text("code")),
            searchable: text("message").to_lowercase(),
            message: presentable(text("message")),
            body,
        }
    }

    pub(crate) fn from_raw(raw: &Raw, now: Timestamp) -> Self {
        let body = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        let asked = raw.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Self::new(raw.status, asked.and_then(|asked| retry_after(asked, now)), body)
    }

    pub(crate) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// `400 Request_BadRequest: One or more …`, for people.
    pub(crate) fn in_words(&self) -> String {
        let mut words = format!("Microsoft Graph answered {}", self.status);
        if !self.code.is_empty() {
            words = format!("{words} {}", self.code);
        }
        if !self.message.is_empty() {
            words = format!("{words}: {}", self.message);
        }
        words
    }
}

/// The seconds that a `Retry-After` asks for: a number of seconds or an HTTP date (RFC 9110 section 10.2.3).
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    let seconds = match value.parse::<u32>() {
        Ok(seconds) => i64::from(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
            // Rounded up: asking a moment too early would only be refused again.
            date.as_second().saturating_sub(now.seconds()).max(0)
        }
    };
    Some(seconds.min(LONGEST_RETRY_AFTER_SECONDS))
}

/// A text from outside, fit for a page or a log: one line, bounded, without anything that could be a credential,
/// that is not seen or that turns the direction of writing.
pub(crate) fn presentable(text: &str) -> String {
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        if word.chars().count() > LONGEST_WORD || word.contains("eyJ") {
            line.push_str("[…]");
        } else {
            line.push_str(word);
        }
    }
    if line.chars().count() > LONGEST_TEXT {
        line = line.chars().take(LONGEST_TEXT).chain(std::iter::once('…')).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T22:50:00Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            (" 17 ", Some(17)),
            ("Sat, 21 Nov 2026 22:50:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 22:49:00 GMT", Some(0)),
            ("86400", Some(LONGEST_RETRY_AFTER_SECONDS)),
            ("Fri, 21 Nov 2036 22:50:00 GMT", Some(LONGEST_RETRY_AFTER_SECONDS)),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(retry_after(text, now), seconds, "{text}");
        }
    }

    #[test]
    fn texts_from_outside_are_short_single_lines_without_credentials() {
        assert_eq!(presentable("one\r\ntwo\u{1b}[31m  three"), "one two [31m three");
        assert_eq!(presentable("prod\u{202e}-ad\u{200b}mins"), "prod-admins");
        let token = format!("token: eyJ{}", "x".repeat(20));
        assert_eq!(presentable(&token), "token: […]");
        assert_eq!(presentable(&"x".repeat(101)), "[…]");
        assert_eq!(presentable(&"word ".repeat(200)).chars().count(), LONGEST_TEXT + 1);
    }

    #[test]
    fn an_answer_that_is_no_json_is_still_an_answer() {
        let raw = Raw {
            status: 502,
            headers: HeaderMap::new(),
            body: b"<html>bad gateway".to_vec(),
        };
        let reply = Reply::from_raw(&raw, Timestamp::EPOCH);
        assert_eq!(
            (reply.status, reply.code.as_str(), &reply.body),
            (502, "", &Value::Null)
        );
        assert_eq!(reply.in_words(), "Microsoft Graph answered 502");
    }
}
