//! What a Graph call and its answer look like, and the errors that Graph documents.
//!
//! Statuses, codes and texts follow the error lists of Microsoft's pages on the group resource and what clients of it
//! report; adapters tell some of them apart by their text alone, so the texts matter.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::filter::FilterError;
use super::tenant::TenantError;

/// One call, whether it came by itself or inside a `$batch`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path as it came, still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// Header values by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) in_batch: bool,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn decoded_path(&self) -> String {
        percent_encoding::percent_decode_str(&self.path)
            .decode_utf8_lossy()
            .into_owned()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Result<serde_json::Map<String, Value>, GraphError> {
        if !self
            .header("content-type")
            .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"))
        {
            return Err(GraphError::new(
                415,
                "UnsupportedMediaType",
                "A request with a body must carry the header Content-Type: application/json.",
            ));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err(GraphError::bad_request("The request body must be a JSON object.")),
            Err(error) => Err(GraphError::bad_request(format!(
                "Unable to read JSON request payload. {error}"
            ))),
        }
    }
}

/// One answer, before the headers that every answer has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Answer {
    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            ..Self::default()
        }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
            ..Self::default()
        }
    }

    /// The answer that tells of an error, with Graph's body.
    pub(crate) fn error(error: &GraphError, marks: &Marks) -> Self {
        let inner = json!({
            "date": marks.date,
            "request-id": marks.request_id,
            "client-request-id": marks.client_request_id,
        });
        let body = json!({ "error": { "code": error.code, "message": error.message, "innerError": inner } });
        let mut answer = Self {
            status: error.status,
            headers: Vec::new(),
            body: Some(body),
        };
        if let Some(seconds) = error.retry_after_seconds {
            answer.headers.push(("retry-after", seconds.to_string()));
        }
        if error.status == 401 {
            answer
                .headers
                .push(("www-authenticate", "Bearer realm=\"\"".to_owned()));
        }
        answer
    }
}

/// What identifies one call in its answer.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    pub(crate) date: String,
    pub(crate) request_id: Uuid,
    pub(crate) client_request_id: String,
}

/// A refusal or fault in Graph's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            retry_after_seconds: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    pub(crate) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn not_found(id: &str) -> Self {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(404, "Request_ResourceNotFound", message)
    }

    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(crate) fn mail_enabled() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Cannot Update a mail-enabled security groups and or distribution list.",
        )
    }

    pub(crate) fn synced() -> Self {
        Self::bad_request(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
             currently undergoing migration.",
        )
    }

    pub(crate) fn already_member() -> Self {
        Self::bad_request(
            "One or more added object references already exist for the following modified properties: 'members'.",
        )
    }

    pub(crate) fn not_replicated() -> Self {
        Self::bad_request("The source resource object or a referenced object does not exist.")
    }

    pub(crate) fn unauthenticated(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    pub(crate) fn throttled(retry_after_seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds),
            ..Self::new(429, "TooManyRequests", "Too many requests. Try again later.")
        }
    }

    /// The error with this status when a fault order names no code or text of its own.
    pub(crate) fn ordered(status: u16) -> Self {
        let (code, message) = match status {
            400 => ("Request_BadRequest", "The request is malformed or incorrect."),
            401 => ("InvalidAuthenticationToken", "Access token validation failure."),
            403 => return Self::denied(),
            404 => ("Request_ResourceNotFound", "The resource does not exist."),
            429 => ("TooManyRequests", "Too many requests. Try again later."),
            500 => ("InternalServerError", "An internal server error occurred."),
            502 => ("BadGateway", "Bad gateway."),
            503 => ("ServiceUnavailable", "Service is temporarily unavailable."),
            504 => ("GatewayTimeout", "The gateway did not receive an answer in time."),
            _ => ("UnknownError", "The request failed."),
        };
        Self::new(status, code, message)
    }
}

impl From<TenantError> for GraphError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::NotFound { id, .. } => Self::not_found(&id),
            TenantError::Taken(_) | TenantError::Invalid(_) => Self::bad_request(error.to_string()),
            other => {
                tracing::error!(error = ?other, "the simulated tenant failed");
                Self::ordered(500)
            }
        }
    }
}

impl From<FilterError> for GraphError {
    fn from(error: FilterError) -> Self {
        Self::new(400, "BadRequest", error.0)
    }
}
