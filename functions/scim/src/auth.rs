//! Who calls: the bearer secret of an application.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::scim::{Intent, Kind, ListParams, MOUNT, ScimError};
use http::{HeaderMap, Method, header};
use secrecy::SecretString;

use crate::State as Needs;
use crate::answer::Failure;

/// Lets a call through with the [`Scim`] of its caller, or answers 401.
pub(crate) async fn authenticate(State(needs): State<Needs>, mut request: Request, next: Next) -> Response {
    let caller = match bearer(request.headers()) {
        Some(secret) => {
            let intent = intent(&request);
            needs.gate.enter(needs.core.clone(), &secret, &intent).await
        }
        None => Err(ScimError::Unauthorized),
    };
    let (caller, scim) = match caller {
        Ok(caller) => caller,
        Err(error) => return Failure::from(error).into_response(),
    };
    if let Err(error) = needs.seen.note(&needs.core, &caller.application).await {
        tracing::warn!(%error, application = %caller.application, "the time of the last SCIM call was not stored");
    }
    // Handlers get the secret's meaning, never the secret.
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(scim);
    next.run(request).await
}

/// What a call is going to look up. A guess that is wrong costs nothing but a read.
fn intent(request: &Request) -> Intent {
    let path = request.uri().path().strip_prefix(MOUNT).unwrap_or_default();
    if request.method() != Method::GET {
        return Intent::Other;
    }
    let under = |kind: Kind| path.strip_prefix(kind.endpoint()).map(|rest| (kind, rest));
    let Some((kind, rest)) = under(Kind::User).or_else(|| under(Kind::Group)) else {
        return Intent::Other;
    };
    if let Some(id) = rest.strip_prefix('/') {
        return Intent::One(kind, id.to_owned());
    }
    let query = request.uri().query().unwrap_or_default();
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    match ListParams::from_query(pairs) {
        Ok(params) if rest.is_empty() => Intent::List(kind, params),
        _ => Intent::Other,
    }
}

/// The secret, if there is exactly one `Authorization` header and it is a bearer's (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, secret) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SecretString::from(secret.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use secrecy::ExposeSecret as _;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(|secret| secret.expose_secret().to_owned())
    }

    #[test]
    fn one_bearer_header() {
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc "]).as_deref(), Some("abc"));
        for bad in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer"],
            &["Bearer abc", "Bearer abc"],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
