//! How the protocol's requests are carried out: where to, how often, and how much of the answer is taken. The flow itself is
//! tested through the sign-in function, against two providers (`tests/console`, `tests/oidc`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use openidconnect::AsyncHttpClient as _;
use url::Url;

use crate::http::{Http, HttpError};

/// A token service that is busy at first, and how often it was asked.
async fn service(busy: usize, body: &'static str) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let answer = any(async move || {
        if count.fetch_add(1, Ordering::SeqCst) < busy {
            (StatusCode::SERVICE_UNAVAILABLE, "")
        } else {
            (StatusCode::OK, body)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback_service(answer);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (base, asked)
}

fn network(base: &str) -> Http {
    Http::new(vec![Url::parse(base).unwrap().origin()], false)
}

fn request(method: &str, url: &str) -> openidconnect::HttpRequest {
    http::Request::builder()
        .method(method)
        .uri(url)
        .body(Vec::new())
        .unwrap()
}

#[tokio::test]
async fn reading_is_tried_again_and_redeeming_a_code_is_not() {
    let (base, asked) = service(2, "{}").await;
    let answer = network(&base).call(request("GET", &base)).await.unwrap();
    assert_eq!((answer.status(), asked.load(Ordering::SeqCst)), (StatusCode::OK, 3));

    let (base, asked) = service(9, "{}").await;
    let lost = network(&base).call(request("GET", &base)).await;
    assert!(matches!(lost, Err(HttpError::Busy(503))), "{lost:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "tried without end");

    let (base, asked) = service(2, "{}").await;
    let lost = network(&base).call(request("POST", &base)).await;
    assert!(matches!(lost, Err(HttpError::Busy(503))), "{lost:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_but_the_token_service_is_spoken_to() {
    let (base, asked) = service(0, "{}").await;
    let (other, _) = service(0, "{}").await;
    let foreign = network(&other);
    for url in [
        base.clone(),
        base.replace("http://", "http://somebody@"),
        "http://fabrikam.example/".to_owned(),
    ] {
        let refused = foreign.call(request("GET", &url)).await;
        assert!(matches!(refused, Err(HttpError::ForeignHost)), "{url}: {refused:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let gone = network("http://127.0.0.1:9")
        .call(request("GET", "http://127.0.0.1:9/"))
        .await;
    assert!(matches!(gone, Err(HttpError::Unsent)), "{gone:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken() {
    let large: &'static str = Box::leak("x".repeat(300 * 1024).into_boxed_str());
    let (base, _) = service(0, large).await;
    let refused = network(&base).call(request("GET", &base)).await;
    assert!(matches!(refused, Err(HttpError::TooLarge)), "{refused:?}");
}
