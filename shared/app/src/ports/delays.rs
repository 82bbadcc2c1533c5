//! Delayed messages.

use async_trait::async_trait;
use hourglass_domain::ids::GrantId;

/// A message could not be sent; the text is for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the queue: {0}")]
pub struct DelayError(pub String);

/// Messages that start `functions/revocation` with the grant's id and nothing else, after a number of seconds.
///
/// They make the end of exact grants punctual to the second. A message may come twice, late or never, and nothing goes
/// wrong: what is done follows from what is stored, and the due-entry and the sweep are the authority.
#[async_trait]
pub trait Delays: Send + Sync + std::fmt::Debug {
    /// Sends a message that arrives after `seconds`, at most 900. When the answer is an error the message may have been
    /// sent all the same; sending it again does no harm.
    async fn send(&self, grant: GrantId, seconds: u32) -> Result<(), DelayError>;
}
