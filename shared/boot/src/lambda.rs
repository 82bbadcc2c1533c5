//! What stands between Lambda and a function: start-up, and the shapes of events and answers.
//!
//! One thread: Lambda hands over one event at a time and gives less than a processor; more threads only cost start-up.
//! Panics are caught on the way out (a router's own layer answers with a problem; the Lambda runtime reports the rest as
//! a failed invocation), which needs `panic = "unwind"`.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::header::{self, HeaderName};
use hourglass_app::keys;
use hourglass_app::ports::Core;
use hourglass_app::ports::store::Key;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_runtime::tower::Service as _;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::runtime;

use crate::config::{Config, LogConfig};
use crate::services::Services;
use crate::system::SystemClock;
use crate::telemetry;

/// Most time for the warm-up; a start without it is only slower.
const WARM_UP_TIMEOUT: Duration = Duration::from_millis(1_500);

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The `main` of an HTTP function: answers API Gateway's events (payload format 2.0) with the router that `router`
/// makes, until Lambda ends the process.
///
/// # Errors
/// When the configuration is not complete, or Lambda's runtime interface fails.
pub fn run_http(router: impl FnOnce(Services) -> Router) -> anyhow::Result<()> {
    run(async |services| {
        let mut adapter = lambda_http::Adapter::from(router(services));
        let answer = service_fn(move |event: LambdaEvent<LambdaRequest>| adapter.call(event_cleaned(event)));
        lambda_runtime::run(answer).await
    })
}

/// The `main` of a function that takes other events, one JSON value each.
///
/// # Errors
/// When the configuration is not complete, or Lambda's runtime interface fails.
pub fn run_events(handle: impl AsyncFn(&Services, Value) -> anyhow::Result<Value>) -> anyhow::Result<()> {
    run(async |services| {
        let (services, handle) = (&services, &handle);
        let answer = service_fn(async |event: LambdaEvent<Value>| {
            // The texts of our errors hold no secret; with their causes they tell an operator what to do.
            handle(services, event.payload).await.map_err(|error| Diagnostic {
                error_type: "Error".to_owned(),
                error_message: format!("{error:#}"),
            })
        });
        lambda_runtime::run(answer).await
    })
}

fn run(serve: impl AsyncFnOnce(Services) -> Result<(), lambda_runtime::Error>) -> anyhow::Result<()> {
    telemetry::init(&LogConfig::from_env(), std::sync::Arc::new(SystemClock));
    let ran = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            runtime.block_on(Box::pin(async {
                let services = Services::new(Config::from_env()?).await?;
                warm_up(&services.core).await;
                serve(services)
                    .await
                    .map_err(|error| anyhow::anyhow!("the Lambda runtime ended: {error}"))
            }))
        });
    if let Err(error) = &ran {
        tracing::error!(error = format!("{error:#}"), "the function cannot run");
    }
    ran
}

/// Reads one item that need not exist. The first call to the table opens a connection, which is most of what a first
/// request would wait for; during init a function has more processor than later.
async fn warm_up(core: &Core) {
    let nobody = Key::new(keys::APPLICATIONS, "-");
    match tokio::time::timeout(WARM_UP_TIMEOUT, core.store.get(&nobody)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the warm-up failed"),
        Err(_) => tracing::warn!("the warm-up took too long"),
    }
}

fn event_cleaned(event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    let LambdaEvent { payload, context } = event;
    let payload = match payload {
        LambdaRequest::ApiGatewayV2(request) => LambdaRequest::ApiGatewayV2(cleaned(request)),
        other => other,
    };
    LambdaEvent { payload, context }
}

/// Makes the request one that has a url. API Gateway passes on what clients send, and clients send raw quotes and angle
/// brackets; `lambda_http` panics where path and query are no parts of a url (RFC 3986), and where the `Host` header is
/// none.
///
/// Host and scheme are taken out altogether: nothing of ours is derived from them, and a request looks the same here as
/// on a laptop.
fn cleaned(mut request: ApiGatewayV2httpRequest) -> ApiGatewayV2httpRequest {
    let path = escaped(request.raw_path.as_deref().unwrap_or_default(), b"/");
    request.raw_path = Some(if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    });
    request.raw_query_string = request.raw_query_string.map(|query| escaped(&query, b"/?"));
    request.headers.remove(header::HOST);
    request.headers.remove(FORWARDED_PROTO);
    request.request_context.domain_name = None;
    // A stage other than $default would become part of the path.
    request.request_context.stage = None;
    request
}

/// Escapes what may not stand in a path or query: everything but `pchar` (RFC 3986 section 3.3), the characters in
/// `also`, and escapes that are there.
fn escaped(text: &str, also: &[u8]) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = byte == b'%'
            && bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if escape || byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, Uri};
    use axum::routing::any;
    use lambda_http::Context;
    use serde_json::json;

    use super::*;

    fn event(path: &str, query: &str) -> LambdaRequest {
        let event = json!({
            "version": "2.0",
            "routeKey": "ANY /v1/{proxy+}",
            "rawPath": path,
            "rawQueryString": query,
            "cookies": ["a=1", "b=2"],
            "headers": { "host": "a b<c", "x-forwarded-proto": "??", "authorization": "Bearer t" },
            "requestContext": {
                "accountId": "111122223333",
                "apiId": "api",
                "domainName": "api.execute-api.eu-central-1.amazonaws.com",
                "http": {
                    "method": "POST",
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "agent",
                },
                "requestId": "r",
                "routeKey": "ANY /v1/{proxy+}",
                "stage": "$default",
                "time": "20/Nov/2026:08:30:08 +0000",
                "timeEpoch": 1_795_163_408_000_i64,
            },
            "body": "{\"x\":1}",
            "isBase64Encoded": false,
        });
        serde_json::from_value(event).unwrap()
    }

    /// What the router is asked for when the gateway sends this.
    fn uri(path: &str, query: &str) -> Uri {
        let event = LambdaEvent::new(event(path, query), Context::default());
        let request: Request<lambda_http::Body> = event_cleaned(event).payload.into();
        assert_eq!(request.method(), "POST");
        assert_eq!(request.headers()["authorization"], "Bearer t");
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        request.uri().clone()
    }

    #[test]
    fn every_event_has_a_url() {
        for (path, query, expected) in [
            ("/v1/me", "", "/v1/me"),
            (
                "/v1/history",
                "cursor=a%2Fb&limit=2",
                "/v1/history?cursor=a%2Fb&limit=2",
            ),
            (
                "/scim/v2/Users",
                r#"filter=userName eq "a<b>""#,
                "/scim/v2/Users?filter=userName%20eq%20%22a%3Cb%3E%22",
            ),
            ("/v1/x", "q=100%&r=%zz&s=%4", "/v1/x?q=100%25&r=%25zz&s=%254"),
            ("/v1/a b/\"<>", "", "/v1/a%20b/%22%3C%3E"),
            ("/v1/a?b#c", "d#e", "/v1/a%3Fb%23c?d%23e"),
            ("/v1/grüße", "q=grüße+x", "/v1/gr%C3%BC%C3%9Fe?q=gr%C3%BC%C3%9Fe+x"),
            ("/v1/\u{1}\u{7f}", "\u{0}\r\n", "/v1/%01%7F?%00%0D%0A"),
            ("", "", "/"),
            ("@elsewhere.example:99/x", "", "/@elsewhere.example:99/x"),
            ("//elsewhere.example/x", "", "//elsewhere.example/x"),
        ] {
            assert_eq!(uri(path, query).to_string(), expected, "{path} {query}");
        }
    }

    #[tokio::test]
    async fn a_raw_quote_and_bracket_reach_the_router() {
        let router = Router::new().fallback(any(|request: Request<Body>| async move {
            let body = axum::body::to_bytes(request.into_body(), 100).await.unwrap();
            (
                [("set-cookie", "c=3"), ("content-type", "application/problem+json")],
                body,
            )
        }));
        let mut adapter = lambda_http::Adapter::from(router);
        let event = event_cleaned(LambdaEvent::new(event("/v1/x", "q=\"<"), Context::default()));
        let answer = serde_json::to_value(adapter.call(event).await.unwrap()).unwrap();
        assert_eq!(answer["statusCode"], json!(200));
        assert_eq!(answer["body"], json!("{\"x\":1}"));
        assert_eq!(answer["isBase64Encoded"], json!(false));
        assert_eq!(answer["cookies"], json!(["c=3"]));
    }

    #[tokio::test]
    async fn a_table_that_does_not_answer_delays_the_start_a_little_and_prevents_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}", listener.local_addr().unwrap());
        let services = Services::new(crate::services::tests::local(&silent)).await.unwrap();
        let started = tokio::time::Instant::now();
        warm_up(&services.core).await;
        let took = started.elapsed();
        // Without a limit of its own it would take as long as the table's client waits.
        let longest = hourglass_dynamodb::OPERATION_TIMEOUT;
        assert!(took >= WARM_UP_TIMEOUT && took < longest, "{took:?}");
    }
}
