//! The time and the randomness of the machine: the only place where either is read.

use std::process;

use hourglass_app::ports::{Clock, Ids};
use hourglass_domain::Timestamp;
use uuid::Uuid;

/// The system's clock.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the single place where the system's clock is read"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// Time-ordered UUIDs, and random bytes from the same library that does TLS.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemIds;

impl Ids for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the single place where ids are made")]
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// Ends the process when there is no randomness: a secret that can be guessed is worse than no answer.
    fn random(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            tracing::error!("the system has no randomness");
            process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_the_present() {
        let before: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now = SystemClock.now();
        assert!(now > before, "{now}");
        assert!(SystemClock.now() >= now);
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<Uuid> = (0..1_000).map(|_| SystemIds.uuid()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn random_bytes_differ() {
        let (mut one, mut other) = ([0; 32], [0; 32]);
        SystemIds.random(&mut one);
        SystemIds.random(&mut other);
        assert_ne!(one, other);
        assert_ne!(one, [0; 32]);
    }
}
