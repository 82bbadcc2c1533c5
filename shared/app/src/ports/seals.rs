//! Seals of stored items.

use async_trait::async_trait;
use hourglass_domain::seal::{Seal, SealKey};

/// The keys could not be had: the service does not answer, or the function may not read this one. The text is for
/// operators and holds no part of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key of seals: {0}")]
pub struct SealError(pub String);

/// Makes and verifies seals (HMAC-SHA-256). A key has versions, of which the present one seals and every one that still
/// exists verifies; who may read which key is a matter of the function's role.
///
/// A key is cached for a bounded time, and beyond it only while its service does not answer.
#[async_trait]
pub trait Seals: Send + Sync + std::fmt::Debug {
    /// Seals `bytes` with the present version of `key`.
    async fn seal(&self, key: SealKey, bytes: &[u8]) -> Result<Seal, SealError>;

    /// Whether `seal` is one of `key` over `bytes`, compared in constant time. A version of the key that does not exist
    /// makes no seal; one that cannot be had now is an error.
    async fn verify(&self, key: SealKey, bytes: &[u8], seal: &Seal) -> Result<bool, SealError>;
}
