//! What every simulator of this crate shares: the clock they are given, identifiers and random secrets, and the two
//! functions that put a router on a loopback listener.
//!
//! A simulator never reads the clock itself, so that a test can move time by hand ([`ManualTime`]) and so that the
//! whole laptop program agrees on what time it is.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use uuid::Uuid;

/// Where a simulator gets the time from.
pub trait Time: fmt::Debug + Send + Sync {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

/// A clock that can be handed to several simulators.
pub type Clock = Arc<dyn Time>;

/// The computer's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallTime;

impl Time for WallTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "the single place where the simulators read the system clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The computer's clock as a [`Clock`].
#[must_use]
pub fn wall_clock() -> Clock {
    Arc::new(WallTime)
}

/// A clock that only moves when it is told to, for tests.
#[derive(Debug)]
pub struct ManualTime {
    millis: AtomicI64,
}

impl ManualTime {
    /// A clock that stands still at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            millis: AtomicI64::new(start.as_millisecond()),
        })
    }

    /// Moves the clock by `millis` milliseconds (backwards when negative).
    pub fn advance_millis(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves the clock forward by `seconds`.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_millis(seconds.saturating_mul(1000));
    }
}

impl Time for ManualTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system's random generator failed")]
pub struct RandomError;

/// Fills an array with random bytes.
///
/// # Errors
/// [`RandomError`] when the operating system's generator fails.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0_u8; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A random version 4 UUID.
///
/// # Errors
/// [`RandomError`] when the operating system's generator fails.
pub fn random_id() -> Result<Uuid, RandomError> {
    Ok(uuid::Builder::from_random_bytes(random_bytes()?).into_uuid())
}

/// A random value of 256 bits in the URL-safe alphabet (43 characters), fit for a secret or a bearer token.
///
/// # Errors
/// [`RandomError`] when the operating system's generator fails.
pub fn random_secret() -> Result<String, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// The UUID that always belongs to `name` (SHA-256 of the name, marked as version 8 of RFC 9562), so that the seeded
/// company has the same object ids on every machine.
#[must_use]
pub fn stable_id(name: &str) -> Uuid {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Binds `address` (port 0 picks a free one) and says which base URL (`http://host:port`, no trailing slash) it has.
///
/// # Errors
/// When the address can't be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves `router` until `stop` resolves; open connections are finished first.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Middleware that refuses what a web page could make a browser send to a simulator.
///
/// The simulators have no passwords of their own and one of them signs tokens for anybody, so a page that the developer
/// happens to have open must not reach them: the `Host` must be a loopback name (this defeats DNS rebinding) and an
/// `Origin`, if there is one, must be loopback too (this defeats cross-site posts).
pub async fn only_local_callers(request: Request<Body>, next: Next) -> Response {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .map(|value| value.to_str().ok().is_some_and(is_local_authority));
    let origin = headers.get(header::ORIGIN).map(|value| {
        value
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| is_local_authority(authority))
    });
    if host == Some(false) || origin == Some(false) {
        return (StatusCode::FORBIDDEN, "this simulator answers local callers only\n").into_response();
    }
    next.run(request).await
}

/// Whether `host[:port]` names this computer.
fn is_local_authority(authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_ids_depend_on_the_name_alone() {
        assert_eq!(stable_id("user/dana.reyes"), stable_id("user/dana.reyes"));
        assert_ne!(stable_id("user/dana.reyes"), stable_id("user/kim.osei"));
        assert_eq!(stable_id("x").get_version_num(), 8);
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(random_id().unwrap(), random_id().unwrap());
        assert_eq!(random_secret().unwrap().len(), 43);
    }

    #[test]
    fn only_loopback_names_are_local() {
        for local in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.8.8.8", "[::1]:80"] {
            assert!(is_local_authority(local), "{local}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example:80",
            "10.0.0.1:80",
            "[2001:db8::1]:80",
            "",
            "[",
            "0.0.0.0",
        ] {
            assert!(!is_local_authority(foreign), "{foreign}");
        }
    }

    #[test]
    fn manual_time_moves_when_told() {
        let time = ManualTime::new(Timestamp::from_second(1_700_000_000).unwrap());
        time.advance_seconds(61);
        assert_eq!(time.now().as_second(), 1_700_000_061);
    }
}
