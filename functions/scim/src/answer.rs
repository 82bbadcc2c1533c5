//! Answers and errors (RFC 7644 sections 3.1, 3.12 and 3.14).

use std::any::Any;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hourglass_app::scim::resource::{etag, names_version};
use hourglass_app::scim::{Kind, Projection, Resource, ScimError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// The media type of every answer.
const SCIM_JSON: &str = "application/scim+json";
/// Seconds after which a client may ask again when the table did not answer.
const RETRY_AFTER_SECONDS: &str = "2";

/// Why a call did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A use case said so.
    Scim(ScimError),
    /// The path takes other methods.
    Method,
    /// The body is of another media type.
    MediaType,
    /// Declared unsupported.
    NotImplemented,
}

impl Failure {
    pub(crate) const fn unknown_endpoint() -> Self {
        Self::Scim(ScimError::NotFound { what: "endpoint" })
    }
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Self::Scim(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind, detail) = match &self {
            Self::Scim(error) => (error.status(), error.scim_type(), error.detail()),
            Self::Method => (405, None, "This endpoint does not take that method.".to_owned()),
            Self::MediaType => (
                415,
                None,
                "The body has to be application/scim+json or application/json.".to_owned(),
            ),
            Self::NotImplemented => (
                501,
                None,
                "This is not supported; see ServiceProviderConfig.".to_owned(),
            ),
        };
        if let Self::Scim(error @ ScimError::App(_)) = &self {
            // Told once, here; the client learns nothing of it.
            tracing::error!(%error, status, "a SCIM call failed");
        }
        let mut response = error(status, kind.map(|kind| kind.as_str()), &detail);
        match status {
            401 => {
                let challenge = HeaderValue::from_static("Bearer realm=\"scim\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            503 => {
                let seconds = HeaderValue::from_static(RETRY_AFTER_SECONDS);
                response.headers_mut().insert(header::RETRY_AFTER, seconds);
            }
            _ => {}
        }
        response
    }
}

fn error(status: u16, kind: Option<&str>, detail: &str) -> Response {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        // A string, says section 3.12.
        "status": status.to_string(),
        "detail": detail,
    });
    if let (Some(kind), Value::Object(fields)) = (kind, &mut body) {
        fields.insert("scimType".to_owned(), kind.into());
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_response(status, &body)
}

/// An answer with a body.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, SCIM_JSON)], body.to_string()).into_response()
}

/// A resource, with what the client asked to see of it.
pub(crate) fn resource(status: StatusCode, resource: Resource, kind: Kind, projection: &Projection) -> Response {
    let Resource {
        body,
        version,
        location,
    } = resource;
    let mut response = json_response(status, &projection.apply(body, kind).into());
    put(&mut response, header::ETAG, &etag(version));
    if status == StatusCode::CREATED {
        put(&mut response, header::LOCATION, &location);
    }
    response
}

/// A resource, or 304 when the client has this version.
pub(crate) fn unless_known(headers: &HeaderMap, found: Resource, kind: Kind, projection: &Projection) -> Response {
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|header| header.to_str().ok())
        .is_some_and(|header| names_version(header, found.version));
    if known {
        return changed(StatusCode::NOT_MODIFIED, found.version);
    }
    resource(StatusCode::OK, found, kind, projection)
}

/// An answer without a body that tells the version.
pub(crate) fn changed(status: StatusCode, version: u64) -> Response {
    let mut response = status.into_response();
    put(&mut response, header::ETAG, &etag(version));
    response
}

fn put(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A list or a discovery document.
pub(crate) fn document(body: &Value) -> Response {
    json_response(StatusCode::OK, body)
}

/// Headers that every answer carries: personal data is neither cached nor sniffed.
pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The answer for a handler that panicked. The panic's text may quote input; the hook has logged where it happened.
pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    error(500, None, "The service failed.")
}
