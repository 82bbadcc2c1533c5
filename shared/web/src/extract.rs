//! What a call carries: who calls, the body, the page of a list, the idempotency key.

use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::AppError;
use hourglass_app::caller::{Who, identify};
use hourglass_app::idempotency::Once;
use hourglass_app::ports::tokens::{Caller, TokenError};
use hourglass_domain::canonical::Digest;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::Api;
use crate::problem::Problem;

/// Largest body of a JSON call, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;
/// Longest `Idempotency-Key`, in characters.
const LONGEST_KEY: usize = 128;
/// Most entries of one page.
pub const LARGEST_PAGE: usize = 100;
/// Longest cursor that is looked at, in characters.
const LONGEST_CURSOR: usize = 1_024;

/// An error with the context in which it is told.
#[derive(Debug)]
pub struct Failure(Box<Problem>);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

/// A verified caller who need not belong to an application yet: only for registering one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who calls.
    pub caller: Caller,
    api: Api,
}

/// A verified caller with their application and, where they are provisioned, their user.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who calls.
    pub who: Who,
    api: Api,
}

impl SignedIn {
    /// An error of a use case, as this caller is told.
    #[must_use]
    pub fn fail(&self, error: &AppError) -> Failure {
        fail(&self.api, Some(&self.caller), error)
    }
}

impl Authenticated {
    /// An error of a use case, as this caller is told.
    #[must_use]
    pub fn fail(&self, error: &AppError) -> Failure {
        fail(&self.api, Some(&self.who.caller), error)
    }

    /// The call as one that happens once, if it carries an `Idempotency-Key`.
    ///
    /// # Errors
    /// When the header is there and is no key.
    pub fn once(&self, call: &CallInfo, body: &[u8]) -> Result<Option<Once>, Failure> {
        let caller = &self.who.caller;
        call.once(self.api.function, caller.tenant, caller.object_id, body)
    }
}

fn fail(api: &Api, caller: Option<&Caller>, error: &AppError) -> Failure {
    let tenant = caller.map(|caller| caller.tenant.to_string());
    Problem::from_error(error, &api.step_up, tenant.as_deref()).into()
}

/// The one bearer token of a call. Two `Authorization` headers are refused, not chosen from (abuse case 27).
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let why = "Send exactly one Authorization header with a bearer token.";
        return Err(Problem::unauthorized(why).into());
    };
    let text = value.to_str().unwrap_or_default();
    let token = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty() && !token.contains(','));
    let why = "Send an Authorization header of the form: Bearer <access token>.";
    token.ok_or_else(|| Problem::unauthorized(why).into())
}

async fn verified(parts: &Parts, api: &Api) -> Result<Caller, Failure> {
    match api.tokens.verify(bearer(&parts.headers)?).await {
        Ok(caller) => Ok(caller),
        Err(TokenError::Rejected(why)) => {
            tracing::warn!(why, "an access token was refused");
            Err(Problem::unauthorized(&format!("The access token is not accepted: {why}.")).into())
        }
        Err(TokenError::Unavailable) => Err(Problem::unavailable().into()),
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let api = &Api::from_ref(state);
        let caller = verified(parts, api).await?;
        Ok(Self {
            caller,
            api: api.clone(),
        })
    }
}

impl<S> FromRequestParts<S> for Authenticated
where
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let api = &Api::from_ref(state);
        let caller = verified(parts, api).await?;
        match identify(&api.core, caller.clone()).await {
            Ok(who) => Ok(Self { who, api: api.clone() }),
            Err(error) => Err(fail(api, Some(&caller), &error)),
        }
    }
}

/// Method, path and idempotency key of a call.
#[derive(Clone, Debug)]
pub struct CallInfo {
    method: Method,
    path: String,
    key: Option<String>,
    repeated_key: bool,
}

impl CallInfo {
    fn once(
        &self,
        function: &'static str,
        tenant: hourglass_domain::ids::TenantId,
        caller: hourglass_domain::ids::ObjectId,
        body: &[u8],
    ) -> Result<Option<Once>, Failure> {
        let bad = |why: &str| Problem::bad_request("invalid-field", Some("Idempotency-Key".to_owned()), why);
        if self.repeated_key {
            return Err(bad("Send at most one Idempotency-Key header.").into());
        }
        let Some(key) = &self.key else { return Ok(None) };
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let rule = format!("Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters without space.");
            return Err(bad(&rule).into());
        }
        let call = format!("{} {}\0{key}", self.method, self.path);
        Ok(Some(Once {
            function,
            tenant,
            caller,
            key: Digest::of(call.as_bytes()),
            body: Digest::of(body),
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CallInfo {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let key = keys.next().map(|key| key.to_str().unwrap_or("\u{0}").to_owned());
        Ok(Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            key,
            repeated_key: keys.next().is_some(),
        })
    }
}

/// A JSON body, read strictly: unknown fields, duplicate content types and anything larger than [`LARGEST_BODY`] are
/// refused with the field that is at fault.
#[derive(Clone, Debug)]
pub struct Body<T> {
    /// What was sent.
    pub value: T,
    /// As it was sent.
    pub bytes: bytes::Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let kind = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Problem::new(status, "content-type", "Send JSON with Content-Type: application/json.").into());
        }
        let bytes = whole(body).await?;
        let value = parse(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// Nothing: the body of a call that has no fields. None at all, or an empty JSON object.
#[derive(Clone, Copy, Debug)]
pub struct NoBody;

/// The empty JSON object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let bytes = whole(body).await?;
        if bytes.is_empty() {
            return Ok(Self);
        }
        let request = Request::from_parts(parts, bytes.into());
        Body::<Nothing>::from_request(request, state).await.map(|_| Self)
    }
}

/// A body of at most [`LARGEST_BODY`].
async fn whole(body: axum::body::Body) -> Result<bytes::Bytes, Failure> {
    axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| {
        let detail = format!("The body may have at most {LARGEST_BODY} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).into()
    })
}

/// Reads JSON, naming the field that is at fault. serde_json itself bounds the depth (128).
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // serde would take a list for an object, field by field in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::bad_request("malformed", None, "The body has to be a JSON object.").into());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // serde names an unknown or missing field in its message; the path stops at the object around it.
        let named = message.split('`').nth(1).filter(|_| message.contains("field `"));
        let field = named
            .map(str::to_owned)
            .or_else(|| Some(path).filter(|path| path != "."));
        // serde quotes what it was given; a secret of the wrong type must not come back.
        let message = if field.as_deref().is_some_and(|field| field.contains("secret")) {
            "the field has the wrong type".to_owned()
        } else {
            message
        };
        let code = if message.starts_with("unknown field") {
            "unknown-field"
        } else {
            "malformed"
        };
        Problem::bad_request(code, field, format!("The body cannot be read: {}.", sentence(&message)))
    })?;
    reader
        .end()
        .map_err(|_| Problem::bad_request("malformed", None, "The body has something after its JSON value."))?;
    Ok(value)
}

/// serde's message without its position, shortened: it may quote what was sent.
fn sentence(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    message.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// An id in a path. What is no id is not found, like an id that nobody has.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: std::str::FromStr + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::not_found().into());
        };
        text.parse().map(Self).map_err(|_| Problem::not_found().into())
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next_cursor` of the part before.
    pub cursor: Option<String>,
    /// Most entries to return, 1 to 100; 50 where it is left out.
    pub limit: Option<usize>,
}

impl Paging {
    /// Where the part begins, and how long it may be.
    ///
    /// # Errors
    /// Names the parameter and the rule.
    pub fn read(&self) -> Result<(Option<String>, usize), Failure> {
        let limit = self.limit.unwrap_or(LARGEST_PAGE / 2);
        if !(1..=LARGEST_PAGE).contains(&limit) {
            let detail = format!("limit must be from 1 to {LARGEST_PAGE}.");
            return Err(Problem::bad_request("invalid-field", Some("limit".to_owned()), detail).into());
        }
        let Some(cursor) = &self.cursor else {
            return Ok((None, limit));
        };
        let bad = || {
            let detail = "cursor is not one that a list gave.";
            Failure::from(Problem::bad_request("invalid-field", Some("cursor".to_owned()), detail))
        };
        if cursor.len() > LONGEST_CURSOR {
            return Err(bad());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let text = String::from_utf8(bytes).map_err(|_| bad())?;
        Ok((Some(text), limit))
    }
}

/// Part of a list on the wire.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ListView<T> {
    /// The entries, in order.
    pub items: Vec<T>,
    /// Send as `cursor` for the next part; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> ListView<T> {
    /// Part of a list that goes on at `next`.
    #[must_use]
    pub fn new(items: Vec<T>, next: Option<&str>) -> Self {
        Self {
            items,
            next_cursor: next.map(|next| URL_SAFE_NO_PAD.encode(next)),
        }
    }
}

/// Query parameters, read strictly.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => {
                let message = error.body_text();
                let field = message.split('`').nth(1).map(str::to_owned);
                Err(Problem::bad_request("malformed", field, format!("The query cannot be read: {message}.")).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[expect(dead_code, reason = "only its reading is tested")]
        duration: String,
    }

    #[derive(Debug, Deserialize)]
    struct Secret {
        #[expect(dead_code, reason = "only its reading is tested")]
        client_secret: String,
    }

    #[test]
    fn a_body_that_cannot_be_read_names_the_field() {
        let problem = |body: &str| parse::<Sample>(body.as_bytes()).unwrap_err().0;
        assert_eq!(
            problem(r#"{"duration": "1h", "status": "approved"}"#).field.as_deref(),
            Some("status")
        );
        assert_eq!(
            problem(r#"{"duration": "1h", "status": "approved"}"#).kind,
            "urn:hourglass:problem:unknown-field"
        );
        assert_eq!(problem(r#"{"duration": 5}"#).field.as_deref(), Some("duration"));
        assert_eq!(problem("{}").field.as_deref(), Some("duration"));
        let secret = parse::<Secret>(br#"{"client_secret": 12345678}"#).unwrap_err().0;
        assert_eq!(secret.field.as_deref(), Some("client_secret"));
        assert!(!secret.detail.contains("12345678"), "{}", secret.detail);
        assert_eq!(problem("{").status, 400);
        assert_eq!(problem(r#"{"duration": "1h"} x"#).status, 400);
        assert_eq!(problem(&"[".repeat(10_000)).status, 400);
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let mut headers = HeaderMap::new();
        assert!(bearer(&headers).is_err());
        headers.append(header::AUTHORIZATION, "Bearer a".parse().unwrap());
        assert_eq!(bearer(&headers).unwrap(), "a");
        headers.append(header::AUTHORIZATION, "Bearer b".parse().unwrap());
        assert!(bearer(&headers).is_err());
    }

    #[test]
    fn pages_are_bounded_and_cursors_are_ours() {
        let page = |cursor: Option<&str>, limit| {
            Paging {
                cursor: cursor.map(str::to_owned),
                limit,
            }
            .read()
        };
        assert_eq!(page(None, None).unwrap(), (None, 50));
        assert!(page(None, Some(0)).is_err());
        assert!(page(None, Some(101)).is_err());
        assert!(page(Some("%"), None).is_err());
        let next = ListView::<u8>::new(Vec::new(), Some("a|b")).next_cursor.unwrap();
        assert_eq!(page(Some(&next), Some(1)).unwrap(), (Some("a|b".to_owned()), 1));
    }
}
