//! The AWS side of the laptop: small servers on loopback that speak the AWS wire protocols to the real SDK, keep what
//! they accept, and really act on it.
//!
//! | module | stands for |
//! |---|---|
//! | [`dynamodb`] | the table (the embedded `dynoxide` engine behind its HTTP server) |
//! | [`stream`] | the event source mapping from the table's stream to a function |
//! | [`scheduler`] | EventBridge Scheduler |
//! | [`rules`] | the EventBridge rule that starts the sweep |
//! | [`secrets`] | Secrets Manager |
//! | [`queues`] | SQS: delayed messages, dead letters and failure records |
//! | [`mapping`] | the event source mapping from a queue to a function |
//! | [`lambda`] | Lambda's Invoke API with its asynchronous queue |
//! | [`runtime_api`] | the sandbox of one built function binary (Lambda Runtime API) |
//! | [`gateway`] | the HTTP API in front of the functions |
//!
//! They share no types with our adapters, so a mistake in an adapter can't repeat itself here. All state lies in one
//! SQLite file ([`State`]); what a call has acknowledged holds after SIGKILL. Signatures and IAM are not checked.

pub mod dynamodb;
mod faults;
pub mod gateway;
pub mod identity_center;
pub mod lambda;
pub mod mapping;
pub mod queues;
pub mod rules;
pub mod runtime_api;
pub mod scheduler;
pub mod secrets;
mod shutdown;
mod state;
pub mod stream;
mod wire;

pub use faults::{FaultOrder, Faults};
pub use shutdown::Shutdown;
pub use state::State;

use crate::sim::Clock;

/// The account that all simulated resources belong to.
pub const ACCOUNT: &str = "111122223333";

/// The region that all simulated resources lie in.
pub const REGION: &str = "us-east-1";

/// What every simulated service is started with.
#[derive(Debug, Clone)]
pub struct Base {
    /// Where accepted state is kept; the same for all services, so that a dead letter and the delivery that failed
    /// change in one transaction.
    pub state: State,
    /// The time.
    pub clock: Clock,
    /// Ends the service.
    pub shutdown: Shutdown,
}

/// The ARN of a function.
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// The ARN of a queue.
#[must_use]
pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The ARN of an IAM role; nothing checks that it exists.
#[must_use]
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// The function name in a full ARN (with or without a version), a partial ARN (`account:function:name`) or a bare name.
///
/// These are the forms that Lambda's `FunctionName` takes.
#[must_use]
pub(crate) fn function_name(reference: &str) -> &str {
    let mut parts = reference.split(':');
    match parts
        .by_ref()
        .find(|part| *part == "function")
        .and_then(|_| parts.next())
    {
        Some(name) => name,
        None => reference.split(':').next().unwrap_or(reference),
    }
}

/// The queue name in an SQS ARN, or `None` if it isn't one.
pub(crate) fn queue_name(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let (prefix, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, _account, name) = (parts.next()?, parts.next()?, parts.next()?);
    (prefix == "arn" && service == "sqs" && !name.is_empty() && parts.next().is_none()).then_some(name)
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of these modules share.

    use super::{Base, Shutdown, State};
    use crate::sim::wall_clock;
    use std::future::Future;
    use std::net::SocketAddr;
    use std::time::Duration;

    /// A free port on loopback.
    pub(crate) fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    /// A base with its state in memory and the computer's clock.
    pub(crate) fn base() -> Base {
        base_on(State::memory().unwrap())
    }

    /// A base on given state.
    pub(crate) fn base_on(state: State) -> Base {
        Base {
            state,
            clock: wall_clock(),
            shutdown: Shutdown::new(),
        }
    }

    /// Waits up to 20 seconds until `check` answers something.
    pub(crate) async fn eventually<T, F, Fut>(what: &str, mut check: F) -> T
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Option<T>>,
    {
        for _ in 0..2_000 {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited 20 s in vain for: {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_references_name_the_function() {
        for reference in [
            "revocation",
            "revocation:live",
            "arn:aws:lambda:us-east-1:111122223333:function:revocation",
            "arn:aws:lambda:us-east-1:111122223333:function:revocation:7",
            "111122223333:function:revocation",
        ] {
            assert_eq!(function_name(reference), "revocation", "{reference}");
        }
    }

    #[test]
    fn only_queue_arns_name_a_queue() {
        assert_eq!(queue_name(&queue_arn("failures")), Some("failures"));
        for wrong in [
            "failures",
            "arn:aws:sns:us-east-1:111122223333:failures",
            "arn:aws:sqs:us-east-1:111122223333:",
        ] {
            assert_eq!(queue_name(wrong), None, "{wrong}");
        }
    }
}
