//! Who calls: the bearer secret of an application.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::scim::{Scim, ScimError, authenticate as authenticate_secret};
use http::{HeaderMap, header};
use secrecy::SecretString;

use crate::State as Needs;
use crate::answer::Failure;

/// Lets a call through with the [`Scim`] of its caller, or answers 401.
pub(crate) async fn authenticate(State(needs): State<Needs>, mut request: Request, next: Next) -> Response {
    let caller = match bearer(request.headers()) {
        Some(secret) => authenticate_secret(&needs.core, &secret).await,
        None => Err(ScimError::Unauthorized),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return Failure::from(error).into_response(),
    };
    if let Err(error) = needs.seen.note(&needs.core, &caller.application).await {
        tracing::warn!(%error, application = %caller.application, "the time of the last SCIM call was not stored");
    }
    // Handlers get the secret's meaning, never the secret.
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(Scim::new(needs.core, caller));
    next.run(request).await
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
