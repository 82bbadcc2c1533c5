//! The table on DynamoDB.
//!
//! One table with the key `pk`, `sk` and three list indexes that hold keys only. An item is stored as its version, kind
//! and schema beside a map with its body (`item.rs` has the attributes), so that conditions need no knowledge of what is
//! stored. Everything written goes through `TransactWriteItems`: there is one way to write, and one meaning of a
//! condition that did not hold.
//!
//! What is retried where: the SDK repeats throttled, failed and lost calls ([`client`] says how often), under one
//! client request token, so that a transaction whose first answer was lost is answered and not applied again. It does
//! not repeat a transaction that DynamoDB cancelled because another one was at work on the same items; this crate does,
//! because nothing of a cancelled transaction was written. No call takes longer than [`LONGEST_CALL`].

mod cursor;
mod error;
mod item;
mod range;
mod store;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;

pub use store::DynamoStore;

/// Most time to open a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most time for one attempt of a call.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most time for a call with the SDK's retries.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// Most time for a call of the port, with all retries and pages.
pub const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Attempts of one call by the SDK.
const ATTEMPTS: u32 = 3;
/// First wait after DynamoDB asked to slow down; the SDK draws each wait between zero and its full length. A second,
/// the SDK's own value, would use up a person's patience on a table that makes room within a fraction of one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait between two attempts by the SDK.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The SDK's client with this crate's time-outs and retries, from `&SdkConfig` or from a
/// [`Builder`](aws_sdk_dynamodb::config::Builder).
///
/// The time-outs are there because a connection that died while the function was frozen looks alive: without them the
/// first call after a pause would wait for the operating system to give up.
pub fn client(config: impl Into<aws_sdk_dynamodb::config::Builder>) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_WAIT)
        .with_max_backoff(LONGEST_WAIT);
    let config = config.into().timeout_config(timeouts).retry_config(retries);
    Client::from_conf(config.build())
}
