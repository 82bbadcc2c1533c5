//! Delayed messages on an SQS standard queue.
//!
//! A message holds `{"grant":"<grant id>"}` and nothing else, the payload of a schedule, and carries a delay of its own
//! (`DelaySeconds`, at most 900: Amazon SQS API reference, `SendMessage`). A standard queue delivers at least once and in
//! no order (Amazon SQS Developer Guide, "Standard queues"), which is as good as we need it.
//!
//! Retries are those of the SDK ("standard": a few attempts with jitter on throttling, server faults and lost
//! connections), set where the client is built. A message that is sent twice changes nothing.

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use hourglass_app::ports::delays::{DelayError, Delays};
use hourglass_domain::ids::GrantId;

/// Most time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Most time for one operation, its retries included.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// The longest delay that SQS takes, in seconds.
const LONGEST_DELAY_SECONDS: u32 = 900;

/// [`Delays`] on SQS.
#[derive(Clone, Debug)]
pub struct SqsDelays {
    client: Client,
    queue_url: String,
}

impl SqsDelays {
    /// Uses `client` with this adapter's own time-outs; endpoint, credentials and retries stay as they are.
    #[must_use]
    pub fn new(client: Client, queue_url: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        Self {
            client: Client::from_conf(client.config().to_builder().timeout_config(timeouts).build()),
            queue_url,
        }
    }
}

#[async_trait]
impl Delays for SqsDelays {
    async fn send(&self, grant: GrantId, seconds: u32) -> Result<(), DelayError> {
        if seconds > LONGEST_DELAY_SECONDS {
            return Err(DelayError(format!(
                "a delay of {seconds} s is longer than {LONGEST_DELAY_SECONDS} s"
            )));
        }
        let seconds = i32::try_from(seconds).map_err(|error| DelayError(error.to_string()))?;
        self.client
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(serde_json::json!({ "grant": grant }).to_string())
            .delay_seconds(seconds)
            .send()
            .await
            .map(drop)
            .map_err(|error| failed(grant, &error))
    }
}

/// Words a failure for operators: what was tried, what the service said, and under which request id to ask about it.
fn failed<E>(grant: GrantId, error: &SdkError<E>) -> DelayError
where
    E: ProvideErrorMetadata,
{
    let why = match error {
        SdkError::ServiceError(answer) => {
            let meta = answer.err().meta();
            let code = meta.code().unwrap_or("an error without a name");
            let status = answer.raw().status().as_u16();
            let request = error.request_id().unwrap_or("unknown");
            match meta.message() {
                Some(message) => format!("{code} (status {status}, request {request}): {message}"),
                None => format!("{code} (status {status}, request {request})"),
            }
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_io() => "the connection failed".to_owned(),
        SdkError::DispatchFailure(_) => "the request could not be sent".to_owned(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        _ => "the request could not be made".to_owned(),
    };
    DelayError(format!("cannot send the message for {grant}: {why}"))
}
