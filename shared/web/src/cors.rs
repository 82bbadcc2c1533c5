//! Cross-origin calls: for the configured form origins on request routes only, never with credentials (abuse case 23).

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::serve;

/// How long (seconds) a browser may remember that a call is allowed.
const REMEMBER_SECONDS: &str = "600";

/// Lets pages of `origins` call the router's routes, and nothing but these: the gateway brings pre-flight requests for
/// paths of other functions to the requests function as well.
pub fn on_routes(router: Router, origins: Vec<String>) -> Router {
    let origins = Arc::new(origins);
    router
        // A pre-flight request has a method that no route takes. What answers those has to be there before the layer:
        // one that is set later would stand outside of it.
        .method_not_allowed_fallback(serve::method_not_allowed)
        .route_layer(middleware::from_fn(move |request, next| {
            allow(Arc::clone(&origins), request, next)
        }))
}

/// Answers preflights and marks answers for `origins`. An origin that is not on the list, `null` among them, gets no
/// header at all.
async fn allow(origins: Arc<Vec<String>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("WWW-Authenticate, Location"),
        );
        if preflight {
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST"),
            );
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("Authorization, Content-Type, Idempotency-Key"),
            );
            headers.insert(
                header::ACCESS_CONTROL_MAX_AGE,
                HeaderValue::from_static(REMEMBER_SECONDS),
            );
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::post;
    use tower::ServiceExt as _;

    const FORMS: &str = "https://forms.contoso.example";

    /// As the requests function is put together.
    async fn call(method: &str, path: &str, origin: &str) -> Response {
        let router = Router::new().route("/v1/requests", post(|| async { "made" }));
        let router = serve::finish(on_routes(router, vec![FORMS.to_owned()]));
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .body(Body::empty())
            .unwrap();
        router.oneshot(request).await.unwrap()
    }

    fn allowed(response: &Response) -> Option<&str> {
        let headers = response.headers();
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        headers
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .map(|origin| origin.to_str().unwrap())
    }

    #[tokio::test]
    async fn a_configured_origin_may_call_and_no_other() {
        let preflight = call("OPTIONS", "/v1/requests", FORMS).await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
        assert_eq!(allowed(&preflight), Some(FORMS));
        assert_eq!(allowed(&call("POST", "/v1/requests", FORMS).await), Some(FORMS));
        for other in [
            "null",
            "https://fabrikam.example",
            "https://forms.contoso.example.fabrikam.example",
        ] {
            for method in ["OPTIONS", "POST"] {
                assert_eq!(allowed(&call(method, "/v1/requests", other).await), None, "{other}");
            }
        }
    }

    /// The gateway sends what no other route takes to the requests function, pre-flight requests for the decisions of
    /// the approvals function among them.
    #[tokio::test]
    async fn a_path_of_another_function_is_not_allowed_for() {
        let preflight = call("OPTIONS", "/v1/requests/7/decisions", FORMS).await;
        assert_eq!(preflight.status(), StatusCode::NOT_FOUND);
        assert_eq!(allowed(&preflight), None);
    }
}
