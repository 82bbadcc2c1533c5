//! Credentials of integrations in AWS Secrets Manager.
//!
//! [`SecretsManager`] reads and never writes, [`SecretsManagerWriter`] writes and never reads; each function's role
//! allows at most one of the two. An application's Azure credentials are the secret `<prefix><application>/azure`, its AWS
//! credentials `<prefix><application>/aws`: JSON objects (see `stored.rs`).
//!
//! Nothing of a secret may reach a log: values are held in redacting types, and what the service or the JSON reader
//! says about a failure is reduced to names and positions, because both may quote the content.
//!
//! Retries of our own calls are those of the SDK ("standard": a few attempts with jitter on throttling, server faults
//! and lost connections), set where the client is built.

mod failure;
mod reader;
mod sign_in;
mod stored;
mod writer;

#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use hourglass_domain::ids::ApplicationId;

pub use reader::SecretsManager;
pub use sign_in::SignInSecret;
pub use writer::SecretsManagerWriter;

/// Most time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most time for one operation, its retries included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);

/// Name of the secret with an application's Azure credentials. A domain name and a slash are among the characters that
/// a secret's name may have (API reference, `CreateSecret`: letters, digits and `/_+=.@-`).
fn azure_name(prefix: &str, application: &ApplicationId) -> String {
    format!("{prefix}{application}/azure")
}

/// Name of the secret with an application's AWS credentials.
fn aws_name(prefix: &str, application: &ApplicationId) -> String {
    format!("{prefix}{application}/aws")
}

/// The client with this adapter's time-outs; endpoint, credentials and retries stay as they are.
fn bounded(client: &Client) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    Client::from_conf(client.config().to_builder().timeout_config(timeouts).build())
}
