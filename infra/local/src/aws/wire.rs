//! How AWS services word their answers: error bodies, request ids, and answers that never arrive.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use std::borrow::Cow;

use crate::sim::random_id;

pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The two protocols that differ in content type and error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Paths and verbs (Scheduler, Lambda): the error's name is in a header.
    RestJson,
    /// `X-Amz-Target` on one path (Secrets Manager speaks 1.1, SQS 1.0): the error's name is in `__type`.
    AwsJson(&'static str),
}

impl Protocol {
    fn content_type(self) -> HeaderValue {
        match self {
            Self::RestJson => HeaderValue::from_static("application/json"),
            Self::AwsJson(content_type) => HeaderValue::from_static(content_type),
        }
    }
}

/// A refusal with the name by which the SDK knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(crate) fn bad_request(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn into_response(self, protocol: Protocol) -> Response {
        let body = match protocol {
            Protocol::RestJson => json!({ "Message": self.message }),
            Protocol::AwsJson(_) => json!({ "__type": self.code, "message": self.message }),
        };
        let mut response = answer(self.status, protocol, &body);
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            response.headers_mut().insert(ERROR_TYPE, code);
        }
        response
    }
}

/// What went wrong inside the simulator; its cause goes to the log only.
impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!(%error, "the simulator's state failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerException",
            "the simulator's state failed",
        )
    }
}

impl From<crate::sim::RandomError> for ApiError {
    fn from(error: crate::sim::RandomError) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerException",
            error.to_string(),
        )
    }
}

/// A JSON answer with the content type and request id that the SDK expects.
pub(crate) fn answer(status: StatusCode, protocol: Protocol, body: &Value) -> Response {
    raw(status, protocol.content_type(), body.to_string())
}

/// Turns the outcome of an operation into its answer.
pub(crate) fn respond(protocol: Protocol, outcome: Result<Value, ApiError>) -> Response {
    match outcome {
        Ok(body) => answer(StatusCode::OK, protocol, &body),
        Err(error) => error.into_response(protocol),
    }
}

fn raw(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    if let Some(id) = random_id()
        .ok()
        .and_then(|id| HeaderValue::from_str(&id.to_string()).ok())
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// An answer that never arrives: the connection closes before the first byte of it is sent.
///
/// Hyper gives up the connection when the body fails, and the head is still in its buffer then.
pub(crate) fn lost() -> Response {
    let failure = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "answer lost on purpose");
    Response::new(Body::from_stream(futures_util::stream::once(std::future::ready(
        Err::<Bytes, _>(failure),
    ))))
}
