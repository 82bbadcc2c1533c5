//! What calls bring along.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use hourglass_app::scim::{ListParams, Projection, Scim, ScimError, parse_body};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::LARGEST_BODY;
use crate::answer::Failure;

/// The endpoint as the caller sees it; put there by [`crate::auth`].
pub(crate) struct Endpoint(pub(crate) Scim);

impl<S: Send + Sync> FromRequestParts<S> for Endpoint {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Without the middleware in front there is no caller: denied.
        let scim = parts.extensions.get::<Scim>().cloned();
        scim.map(Self).ok_or(Failure::Scim(ScimError::Unauthorized))
    }
}

/// The id or name in the path. One that cannot be decoded names nothing.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Failure::unknown_endpoint())
    }
}

/// The query parameters.
pub(crate) struct Params(pub(crate) ListParams);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Ok(Self(ListParams::from_query(pairs)?))
    }
}

impl Params {
    pub(crate) const fn projection(&self) -> &Projection {
        &self.0.projection
    }
}

/// A JSON object as the body.
pub(crate) struct Body(pub(crate) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        check_media_type(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
                Failure::Scim(ScimError::TooLarge(format!(
                    "A body may have at most {LARGEST_BODY} bytes."
                )))
            } else {
                Failure::Scim(ScimError::bad(
                    hourglass_app::scim::ScimType::InvalidSyntax,
                    "The body could not be read.",
                ))
            }
        })?;
        Ok(Self(parse_body(&bytes)?))
    }
}

/// Takes SCIM's media type and JSON's, with any parameters, and a body without one (RFC 7644 section 3.1).
fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value
        .to_str()
        .ok()
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    let fits = |essence: &str| {
        ["application/scim+json", "application/json"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(essence))
    };
    if essence.is_some_and(fits) {
        Ok(())
    } else {
        Err(Failure::MediaType)
    }
}

/// The text of an `If-Match` header. One that is no text names no version of ours.
pub(crate) fn if_match(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::IF_MATCH)
        .map(|value| value.to_str().unwrap_or_default())
}
