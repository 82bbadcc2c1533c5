//! What lies around every router: limits, headers, and answers for paths, methods and panics that nobody handles.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use hourglass_domain::session::is_own_path;
use http::{HeaderValue, Method, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;

use crate::look::Look;
use crate::page::{PageError, see_other};
use crate::problem::Problem;
use crate::session::{HOME, wants_page};

/// Finishes the router of an HTTP function.
pub fn finish(router: Router) -> Router {
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(DefaultBodyLimit::max(crate::extract::LARGEST_BODY))
        .layer(middleware::from_fn(guard))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            // The panic's text may quote input; the hook has logged where it happened.
            tracing::error!("a handler panicked");
            Problem::internal().into_response()
        }))
}

/// The answer to a method that a path does not take. An address that only forms are sent to may stand in a browser all the
/// same, because the answer to a form that was wrong is shown there; whoever opens it again (another language, a new
/// sign-in) is led to the page whose form it was.
async fn another_method(request: Request) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let path = request.uri().path();
    if reads && is_for_person(&request) {
        let page = page_of(path);
        return see_other(if is_own_path(&page) { &page } else { HOME });
    }
    method_not_allowed().await.into_response()
}

/// The page with the form that is sent to `path`: the one above, except where nothing is there. What is named here, and what
/// need not be, is seen by the test that opens every such address (`tests/console/routes.rs`).
fn page_of(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["access", _, "end"] => "/access".to_owned(),
        ["delegates", _, "end"] => "/delegates".to_owned(),
        ["auth", "sessions", _, "end"] => "/auth/sessions".to_owned(),
        ["passkeys", "host"] => "/passkeys/waiting".to_owned(),
        ["admin", "changes", id, _] => format!("/changes/{id}"),
        [above @ .., _] => format!("/{}", above.join("/")),
        [] => HOME.to_owned(),
    }
}

/// Whether a person waits for a page, rather than a program for an answer.
fn is_for_person(request: &Request) -> bool {
    let path = request.uri().path();
    let pages = !["/v1", "/scim", "/assets"].iter().any(|api| path.starts_with(api));
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    pages && accept.is_some_and(|accept| accept.contains("text/html")) && wants_page(request.headers())
}

/// The answer to a path that nobody handles: to a person a page that leads on, to a program a problem.
async fn nothing_here(request: Request) -> Response {
    if is_for_person(&request) {
        return PageError::new(Problem::not_found(), true)
            .look(Look::of(request.headers()))
            .way("error-way-request", "/request".to_owned())
            .into_response();
    }
    Problem::not_found().into_response()
}

/// The answer to a method that a path does not take.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "This path does not take that method.",
    )
}

/// Headers that every answer carries (OWASP Secure Headers): answers of an API are neither cached nor sniffed.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tower::ServiceExt as _;

    async fn status(path: &str, method: &str) -> (StatusCode, String) {
        let router = finish(Router::new().route("/panics", get(panics)));
        let request = http::Request::builder()
            .uri(path)
            .method(method)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        (response.status(), kind)
    }

    async fn panics() -> String {
        panic!("secret-canary")
    }

    #[tokio::test]
    async fn everything_that_goes_wrong_is_a_problem() {
        let problem = "application/problem+json".to_owned();
        assert_eq!(
            status("/nowhere", "GET").await,
            (StatusCode::NOT_FOUND, problem.clone())
        );
        assert_eq!(
            status("/panics", "POST").await,
            (StatusCode::METHOD_NOT_ALLOWED, problem.clone())
        );
    }

    #[tokio::test]
    async fn a_person_is_led_on() {
        let router = || finish(Router::new().route("/requests/7/revoke", axum::routing::post(panics)));
        let open = |path: &str| {
            http::Request::builder()
                .uri(path)
                .header("accept", "text/html,application/xhtml+xml")
                .header("sec-fetch-mode", "navigate")
                .body(axum::body::Body::empty())
                .unwrap()
        };
        let nothing = router().oneshot(open("/history/x")).await.unwrap();
        assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
        let body = axum::body::to_bytes(nothing.into_body(), 100_000).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("href=\"/request\""));
        // The address of a form that was wrong leads to the page whose form it was.
        let form = router().oneshot(open("/requests/7/revoke")).await.unwrap();
        assert_eq!(form.status(), StatusCode::SEE_OTHER);
        assert_eq!(form.headers()[header::LOCATION], "/requests/7");
        let api = router().oneshot(open("/v1/nothing")).await.unwrap();
        assert_eq!(api.headers()[header::CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn the_address_of_a_form_has_a_page() {
        for (form, page) in [
            ("/access/7/end", "/access"),
            ("/delegates/7/end", "/delegates"),
            ("/auth/sessions/7/end", "/auth/sessions"),
            ("/passkeys/host", "/passkeys/waiting"),
            ("/admin/changes/7/withdraw", "/changes/7"),
            ("/requests/7/revoke", "/requests/7"),
            ("/admin/kill-switch/release", "/admin/kill-switch"),
            ("/look", "/"),
        ] {
            assert_eq!(page_of(form), page);
        }
    }

    #[tokio::test]
    async fn a_panic_becomes_an_answer_without_its_text() {
        let router = finish(Router::new().route("/panics", get(panics)));
        let request = http::Request::builder()
            .uri("/panics")
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret-canary"));
    }
}
