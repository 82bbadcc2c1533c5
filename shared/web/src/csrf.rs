//! Nobody else's page can make a person do something here (abuse case 21).
//!
//! Three locks, each of which would do: the session's cookie is `SameSite=Lax`; the browser has to say that the call comes
//! from a page of our own origin (`Sec-Fetch-Site`, `Origin`); and the call has to carry a token that only our own pages
//! show. tower-http's layer, which does the second, lets pass what says nothing of where it comes from and takes the `Host`
//! header's word; here the origin is the configured one, and silence is refused.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_domain::canonical::Digest;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

use crate::Api;
use crate::extract::LARGEST_BODY;
use crate::page::PageError;
use crate::problem::Problem;
use crate::session::{Console, PageCaller, Visitor};

/// The form field that carries the token.
pub const FIELD: &str = "form_token";
/// The header that carries it when a script of ours calls.
pub const HEADER: &str = "x-form-token";

/// The token of a session's forms. It follows from the session's secret, so that only who has the cookie can know it, and
/// the secret does not follow from it.
#[derive(Clone, PartialEq, Eq)]
pub struct FormToken(String);

impl FormToken {
    /// The token of the session with this secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let digest = Digest::of(format!("hourglass/form/v1\0{secret}").as_bytes());
        Self(URL_SAFE_NO_PAD.encode(digest.as_bytes()))
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// # Errors
    /// When `sent` is not this token.
    pub fn check(&self, sent: Option<&str>) -> Result<(), Box<Problem>> {
        let same = sent.is_some_and(|sent| bool::from(sent.as_bytes().ct_eq(self.0.as_bytes())));
        if same {
            return Ok(());
        }
        tracing::warn!("a call without the token of its session was refused");
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "form-token",
            "This form belongs to another sign-in. Open the page again and repeat what you did.",
        )
        .into())
    }
}

impl std::fmt::Debug for FormToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormToken(..)")
    }
}

/// Whether the browser says that the call comes from a page of `origin`.
///
/// # Errors
/// When it says something else, or nothing.
pub fn same_origin(headers: &HeaderMap, origin: &str) -> Result<(), Box<Problem>> {
    let site = headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let from = headers.get(header::ORIGIN).map(|from| from == origin);
    let once = |name: &str| headers.get_all(name).iter().count() < 2;
    let said = [site, from];
    let good = said.iter().any(Option::is_some) && said.iter().flatten().all(|good| *good);
    if good && once("sec-fetch-site") && once("origin") {
        return Ok(());
    }
    tracing::warn!("a call from a page of another origin was refused");
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "cross-origin",
        "This call does not come from a page of Hourglass, so it was not carried out.",
    )
    .into())
}

/// A form that one of our own pages sent, with its sender: the way in which every page changes something.
///
/// Read strictly: fields that `T` does not know are refused where it says so (`deny_unknown_fields`), and so is a body
/// beyond [`LARGEST_BODY`].
#[derive(Clone, Debug)]
pub struct Form<T, C = Console> {
    /// Who sent it.
    pub console: C,
    /// What was sent.
    pub value: T,
}

impl<T, C, S> FromRequest<S> for Form<T, C>
where
    T: DeserializeOwned,
    C: PageCaller,
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let api = Api::from_ref(state);
        let (parts, body) = request.into_parts();
        let console = Console::of_form(&parts, &api).await?;
        same_origin(&parts.headers, api.origin()).map_err(|problem| console.problem(problem))?;
        let console = C::admit(console)?;
        let value = read_form(&parts.headers, body, console.as_ref().form_token()).await;
        let value = value.map_err(|problem| console.as_ref().problem(problem))?;
        Ok(Self { console, value })
    }
}

/// A form of somebody who signed in within 15 minutes and whose tenant may have no application yet ([`Visitor`]); otherwise
/// as [`Form`].
#[derive(Clone, Debug)]
pub struct VisitorForm<T> {
    /// Who sent it.
    pub visitor: Visitor,
    /// What was sent.
    pub value: T,
}

impl<T, S> FromRequest<S> for VisitorForm<T>
where
    T: DeserializeOwned,
    Api: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let api = Api::from_ref(state);
        let (parts, body) = request.into_parts();
        let visitor = Visitor::of_form(&parts, &api).await?;
        same_origin(&parts.headers, api.origin()).map_err(|problem| visitor.problem(problem))?;
        visitor.require_recent()?;
        let value = read_form(&parts.headers, body, visitor.form_token()).await;
        let value = value.map_err(|problem| visitor.problem(problem))?;
        Ok(Self { visitor, value })
    }
}

/// Reads a form that has to carry `token`. For routes that need no [`Console`]; they check [`same_origin`] themselves.
///
/// # Errors
/// When it does not carry the token, or cannot be read.
pub async fn read_form<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    token: &FormToken,
) -> Result<T, Box<Problem>> {
    let fields = fields(headers, body).await?;
    token.check(fields.token.as_deref())?;
    fields.read()
}

/// Reads a form that carries no token, because nothing of anybody's hangs on it. The route checks [`same_origin`] itself.
///
/// # Errors
/// When it cannot be read.
pub async fn read_open_form<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Box<Problem>> {
    fields(headers, body).await?.read()
}

/// What a form sent: the token, and the fields without it.
struct Fields {
    token: Option<String>,
    rest: String,
}

impl Fields {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Box<Problem>> {
        serde_urlencoded::from_str(&self.rest).map_err(|error| {
            let message = error.to_string();
            let field = message.split('`').nth(1).map(str::to_owned);
            Problem::bad_request("malformed", field, format!("The form cannot be read: {message}.")).into()
        })
    }
}

async fn fields(headers: &HeaderMap, body: Body) -> Result<Fields, Box<Problem>> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type",
            "Send the form as application/x-www-form-urlencoded.",
        )
        .into());
    }
    let bytes = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| {
        let detail = format!("The form may have at most {LARGEST_BODY} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    })?;
    let mut tokens = Vec::new();
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(&bytes) {
        if name == FIELD {
            tokens.push(value.into_owned());
        } else {
            rest.append_pair(&name, &value);
        }
    }
    Ok(Fields {
        // Two tokens are none.
        token: tokens.pop().filter(|_| tokens.is_empty()),
        rest: rest.finish(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://hourglass.contoso.example";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_a_page_of_our_own_may_call() {
        for good in [
            &[("sec-fetch-site", "same-origin"), ("origin", OURS)][..],
            &[("sec-fetch-site", "same-origin")],
            &[("origin", OURS)],
        ] {
            assert!(same_origin(&headers(good), OURS).is_ok(), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://fabrikam.example")],
            &[("origin", "http://hourglass.contoso.example")],
            &[("origin", "https://hourglass.contoso.example.fabrikam.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", OURS)],
            &[("sec-fetch-site", "same-site"), ("origin", OURS)],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", OURS), ("origin", OURS)],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(same_origin(&headers(bad), OURS).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_belongs_to_one_session() {
        let token = FormToken::of("secret-a");
        assert!(token.check(Some(token.as_str())).is_ok());
        let other = FormToken::of("secret-b");
        for bad in [None, Some(""), Some("x"), Some(other.as_str())] {
            assert!(token.check(bad).is_err(), "{bad:?}");
        }
        assert!(!format!("{token:?}").contains(token.as_str()));
    }

    #[tokio::test]
    async fn a_form_is_read_with_its_token_and_without_it() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Sample {
            name: String,
        }
        let form = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        let read = fields(&form, "name=a%26b&form_token=t".into()).await.unwrap();
        assert_eq!(read.token.as_deref(), Some("t"));
        assert_eq!(read.read::<Sample>().unwrap().name, "a&b");

        let twice = fields(&form, "form_token=t&form_token=t".into()).await.unwrap();
        assert_eq!(twice.token, None);
        let unknown = fields(&form, "name=a&status=approved".into()).await.unwrap();
        assert_eq!(unknown.read::<Sample>().unwrap_err().field.as_deref(), Some("status"));
        // What another site's form can send as well.
        for kind in ["text/plain", "multipart/form-data; boundary=x", ""] {
            let kind = headers(&[("content-type", kind)]);
            assert!(fields(&kind, "name=a".into()).await.is_err());
        }
        let large = "a".repeat(LARGEST_BODY + 1);
        assert!(fields(&form, large.into()).await.is_err());
    }
}
