//! What went wrong in a call, reduced to what may be shown.

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use hourglass_app::ports::secrets::SecretError;
use hourglass_domain::ids::ApplicationId;

/// Why a call did not give what was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// The service did not answer, or not now.
    Unavailable(String),
    /// The service said no, and will go on saying so as things are.
    Refused(String),
    /// There is no such secret, or it is being deleted.
    Missing,
    /// The content is none of ours.
    Malformed(String),
}

impl Failure {
    /// Reads an error of the SDK. The service's message is left out: it may quote a parameter.
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Self {
        let unanswered = match error {
            SdkError::ServiceError(answer) => {
                let meta = answer.err().meta();
                let code = meta.code().unwrap_or("an error without a name");
                let status = answer.raw().status().as_u16();
                let request = error.request_id().unwrap_or("unknown");
                let text = format!("{code} (status {status}, request {request})");
                return if passes(code, status) {
                    Self::Unavailable(text)
                } else {
                    Self::Refused(text)
                };
            }
            SdkError::TimeoutError(_) => "no answer in time",
            SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time",
            SdkError::DispatchFailure(failure) if failure.is_io() => "the connection failed",
            SdkError::DispatchFailure(_) => "the request could not be sent",
            SdkError::ResponseError(_) => "the answer could not be read",
            _ => "the request could not be made",
        };
        Self::Unavailable(unanswered.to_owned())
    }

    /// As the port words it.
    pub(crate) fn into_error(self, application: &ApplicationId) -> SecretError {
        let application = application.clone();
        match self {
            Self::Unavailable(why) => SecretError::Unavailable(why),
            Self::Refused(why) => SecretError::Unavailable(format!("it refuses the call: {why}")),
            Self::Missing => SecretError::Missing { application },
            Self::Malformed(why) => SecretError::Malformed { application, why },
        }
    }
}

/// Whether the same call may succeed a moment later: server faults, and throttling under the names AWS has for it.
fn passes(code: &str, status: u16) -> bool {
    status >= 500
        || status == 429
        || code.contains("Throttl")
        || matches!(
            code,
            "TooManyRequestsException" | "RequestLimitExceeded" | "RequestTimeout" | "RequestTimeoutException"
        )
}
