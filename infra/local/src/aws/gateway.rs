//! The HTTP API in front of the functions: path dispatch, limits, and the event that Lambda gets (payload format 2.0).
//!
//! One table of routes serves both ways of running: a function as an [`axum::Router`] in this process, or as a
//! [`Function`] (a built binary, say) that gets the event and answers as Lambda does. The shape follows the developer
//! guide and captures of the real service: `rawPath` is percent-decoded, `rawQueryString` is as received, cookies are
//! taken out of the headers, and any body that is not plainly text is base64, forms and SCIM included.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

use super::ACCOUNT;
use super::lambda::Function;
use crate::sim::{Clock, random_id};

/// The largest request body (HTTP API quota).
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The most bytes of request line and headers together (HTTP API quota).
pub const MAX_HEADER_BYTES: usize = 10_240;

/// How long a function may take to answer (HTTP API quota).
pub const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest event that a synchronous invocation takes.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The id that the API has in events and host names.
const API_ID: &str = "hourglass0";

const APIGW_REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// Headers that are between the client and the gateway only.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One route of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method, or `ANY`.
    pub method: &'static str,
    /// The path: `{name}` stands for one segment, `{name+}` at the end for one or more.
    pub path: &'static str,
    /// The function that handles it.
    pub function: &'static str,
}

/// All routes, the more specific ones first. The template has the same; a path that matches none is 404.
pub const ROUTES: [Route; 30] = [
    Route {
        method: "POST",
        path: "/v1/requests/{id}/decisions",
        function: "approvals",
    },
    Route {
        method: "GET",
        path: "/v1/approvals",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/v1/delegations",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/v1/delegations/{entitlement}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/v1/admin/{proxy+}",
        function: "admin",
    },
    Route {
        method: "ANY",
        path: "/v1/{proxy+}",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/scim/v2/{proxy+}",
        function: "scim",
    },
    Route {
        method: "ANY",
        path: "/",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/request",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/request/{proxy+}",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/access",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/access/{proxy+}",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/requests/{proxy+}",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/history",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/history/{proxy+}",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/now",
        function: "requests",
    },
    Route {
        method: "ANY",
        path: "/inbox",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/inbox/{proxy+}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/changes",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/changes/{proxy+}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/delegates",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/delegates/{proxy+}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/passkeys",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/passkeys/{proxy+}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/activate",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/activate/{proxy+}",
        function: "approvals",
    },
    Route {
        method: "ANY",
        path: "/admin",
        function: "admin",
    },
    Route {
        method: "ANY",
        path: "/admin/{proxy+}",
        function: "admin",
    },
    Route {
        method: "ANY",
        path: "/auth/{proxy+}",
        function: "sign-in",
    },
    Route {
        method: "ANY",
        path: "/assets/{proxy+}",
        function: "sign-in",
    },
];

impl Route {
    /// Its key in events.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path parameters, if method and (decoded) path match.
    fn matches(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let mut found = BTreeMap::new();
        let mut segments = path.strip_prefix('/')?.split('/');
        for pattern in self.path.strip_prefix('/')?.split('/') {
            let name = pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let rest = || segments.clone().collect::<Vec<_>>().join("/");
            match name.map(|name| (name, name.strip_suffix('+'))) {
                None => segments.next().filter(|segment| *segment == pattern).map(drop)?,
                Some((_, Some(greedy))) => {
                    let rest = rest();
                    found.insert(greedy.to_owned(), Some(rest).filter(|rest| !rest.is_empty())?);
                    return Some(found);
                }
                Some((name, None)) => {
                    let segment = segments.next().filter(|segment| !segment.is_empty())?;
                    found.insert(name.to_owned(), segment.to_owned());
                }
            }
        }
        segments.next().is_none().then_some(found)
    }
}

/// The route of a request, with its path parameters. The path is percent-decoded.
#[must_use]
pub fn find_route(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    ROUTES
        .iter()
        .find_map(|route| Some((route, route.matches(method, path)?)))
}

/// What handles the requests of one function.
#[derive(Clone)]
pub enum Backend {
    /// Its router, in this process.
    Router(Router),
    /// Something that takes events.
    Function(Arc<dyn Function>),
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Router(_) => "Router",
            Self::Function(_) => "Function",
        })
    }
}

/// The API with its functions.
#[derive(Debug, Clone)]
pub struct Gateway {
    clock: Clock,
    timeout: Duration,
    backends: BTreeMap<String, Backend>,
}

impl Gateway {
    /// An API without functions: everything is 404 or 500.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            timeout: INTEGRATION_TIMEOUT,
            backends: BTreeMap::new(),
        }
    }

    /// Adds what handles the function of this name.
    #[must_use]
    pub fn with(mut self, function: &str, backend: Backend) -> Self {
        self.backends.insert(function.to_owned(), backend);
        self
    }

    /// Gives functions another time to answer in, for tests.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The API as a router, to be served or called.
    pub fn into_router(self) -> Router {
        let gateway = Arc::new(self);
        Router::new().fallback(move |request: Request| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.handle(request).await }
        })
    }

    async fn handle(&self, request: Request) -> Response {
        let id = random_id().map(|id| id.simple().to_string()).unwrap_or_default();
        let mut response = self.dispatch(request, &id).await;
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(APIGW_REQUEST_ID, id);
        }
        response
    }

    async fn dispatch(&self, request: Request, id: &str) -> Response {
        let (parts, body) = request.into_parts();
        if header_bytes(&parts) > MAX_HEADER_BYTES {
            return message(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request Header Fields Too Large",
            );
        }
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let Some((route, parameters)) = find_route(parts.method.as_str(), &path) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            Err(_) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        let answer = match self.backends.get(route.function) {
            None => return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Some(Backend::Router(router)) => {
                let call = router.clone().oneshot(Request::from_parts(parts, Body::from(body)));
                tokio::time::timeout(self.timeout, async { call.await.into_response() }).await
            }
            Some(Backend::Function(function)) => {
                let event = HttpEvent::from_parts(&parts, &body).into_event(route, &parameters, self.clock.now(), id);
                tokio::time::timeout(self.timeout, self.invoke(Arc::clone(function), event)).await
            }
        };
        // The service says 503 where a REST API would say 504.
        answer.unwrap_or_else(|_| message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"))
    }

    async fn invoke(&self, function: Arc<dyn Function>, event: Value) -> Response {
        if event.to_string().len() > MAX_EVENT_BYTES {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let left = SignedDuration::try_from(self.timeout).unwrap_or(SignedDuration::MAX);
        let deadline = self.clock.now().checked_add(left).unwrap_or(Timestamp::MAX);
        match function.invoke(event, deadline).await {
            Ok(answer) => read_answer(&answer)
                .unwrap_or_else(|| message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")),
            Err(error) => {
                tracing::warn!(%error, "a function behind the gateway failed");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

/// An answer of the gateway itself.
fn message(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The size of request line and headers as they were on the wire.
fn header_bytes(parts: &request::Parts) -> usize {
    let line = parts.method.as_str().len() + parts.uri.to_string().len() + " HTTP/1.1\r\n".len() + 1;
    let headers: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    line + headers
}

/// A request as the gateway sees it, from which the event is made.
///
/// Public because a query with raw `"` or `<` passes API Gateway but no Rust HTTP server: a test that needs such an
/// event makes it here.
#[derive(Debug, Clone)]
pub struct HttpEvent {
    /// The method.
    pub method: Method,
    /// The path as received.
    pub path: String,
    /// The query as received, without the question mark.
    pub query: String,
    /// The headers as received.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Who called.
    pub source_ip: String,
}

impl HttpEvent {
    /// A request without headers and body from a made-up address.
    #[must_use]
    pub fn new(method: Method, path: &str, query: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            source_ip: "203.0.113.7".to_owned(),
        }
    }

    fn from_parts(parts: &request::Parts, body: &Bytes) -> Self {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_string());
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
            body: body.clone(),
            source_ip: peer.unwrap_or_else(|| "127.0.0.1".to_owned()),
        }
    }

    /// The event that the function of `route` gets.
    #[must_use]
    pub fn into_event(
        self,
        route: &Route,
        parameters: &BTreeMap<String, String>,
        now: Timestamp,
        request_id: &str,
    ) -> Value {
        let decoded = percent_decode_str(&self.path).decode_utf8_lossy().into_owned();
        // The service cuts the path at a question mark that only decoding brought to light.
        let path = decoded.split('?').next().unwrap_or_default().to_owned();
        let headers = self.event_headers(now, request_id);
        let text = |name: &str| headers.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let time = now
            .to_zoned(TimeZone::UTC)
            .strftime("%d/%b/%Y:%H:%M:%S +0000")
            .to_string();
        let host = text("host");
        let mut event = json!({
            "version": "2.0",
            "routeKey": route.key(),
            "rawPath": path,
            "rawQueryString": self.query,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": API_ID,
                "domainName": host,
                "domainPrefix": host.split('.').next().unwrap_or_default(),
                "http": {
                    "method": self.method.as_str(),
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": text("user-agent"),
                },
                "requestId": request_id,
                "routeKey": route.key(),
                "stage": "$default",
                "time": time,
                "timeEpoch": now.as_millisecond(),
            },
            "isBase64Encoded": false,
        });
        if let Value::Object(fields) = &mut event {
            let cookies = self.cookies();
            if !cookies.is_empty() {
                fields.insert("cookies".to_owned(), json!(cookies));
            }
            if !self.query.is_empty() {
                fields.insert("queryStringParameters".to_owned(), query_parameters(&self.query));
            }
            if !parameters.is_empty() {
                fields.insert("pathParameters".to_owned(), json!(parameters));
            }
            if !self.body.is_empty() {
                let as_text = std::str::from_utf8(&self.body)
                    .ok()
                    .filter(|_| is_text(&text("content-type")));
                let encoded = as_text.is_none();
                let body = as_text.map_or_else(|| STANDARD.encode(&self.body), str::to_owned);
                fields.insert("body".to_owned(), json!(body));
                fields.insert("isBase64Encoded".to_owned(), json!(encoded));
            }
            fields.insert("headers".to_owned(), Value::Object(headers));
        }
        event
    }

    /// Names in lower case, repeated headers joined by commas, no cookies, and what the gateway adds.
    fn event_headers(&self, now: Timestamp, request_id: &str) -> Map<String, Value> {
        let mut joined: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            let name = name.as_str();
            if name == "cookie" || HOP_BY_HOP.contains(&name) {
                continue;
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            joined
                .entry(name)
                .and_modify(|before| {
                    before.push(',');
                    before.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
        let forwarded = match joined.get("x-forwarded-for") {
            Some(before) => format!("{before}, {}", self.source_ip),
            None => self.source_ip.clone(),
        };
        let trace = format!("Root=1-{:08x}-{}", now.as_second(), request_id.get(..24).unwrap_or("0"));
        joined.insert("x-forwarded-for", forwarded);
        joined.insert("x-forwarded-port", "443".to_owned());
        joined.insert("x-forwarded-proto", "https".to_owned());
        joined.insert("x-amzn-trace-id", trace);
        joined.insert("content-length", self.body.len().to_string());
        joined
            .entry("host")
            .or_insert_with(|| format!("{API_ID}.execute-api.us-east-1.amazonaws.com"));
        joined
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect()
    }

    fn cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all(header::COOKIE);
        let lines = lines
            .iter()
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
        lines
            .flat_map(|line| {
                line.split(';')
                    .map(|cookie| cookie.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// Whether a body of this content type is passed as text. Everything else is base64, also without a content type.
fn is_text(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json" | "application/xml" | "application/javascript"
        )
}

/// Decoded parameters, values of the same name joined by commas.
fn query_parameters(query: &str) -> Value {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode(value);
        parameters
            .entry(decode(name))
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.clone());
    }
    json!(parameters)
}

/// Makes the HTTP answer of a function's answer; nothing if it is malformed.
fn read_answer(answer: &Value) -> Option<Response> {
    let Some(status) = answer.get("statusCode") else {
        // Without a status code the answer itself is the body (format 2.0 only).
        let body = match answer {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        return Some(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let text = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str()?,
    };
    let body = if answer.get("isBase64Encoded").and_then(Value::as_bool).unwrap_or(false) {
        STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if let Some(Value::Object(headers)) = answer.get("headers") {
        for (name, value) in headers {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let name = HeaderName::try_from(name.as_str()).ok()?;
            response.headers_mut().append(name, HeaderValue::try_from(value).ok()?);
        }
    }
    if let Some(Value::Array(cookies)) = answer.get("cookies") {
        for cookie in cookies {
            response
                .headers_mut()
                .append(header::SET_COOKIE, HeaderValue::try_from(cookie.as_str()?).ok()?);
        }
    }
    response
        .headers_mut()
        .entry(header::CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/plain; charset=utf-8"));
    // The length is counted anew from the body.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::super::lambda::{FunctionError, function};
    use super::*;
    use crate::sim::wall_clock;
    use axum::routing::any;

    fn request(method: &str, uri: &str) -> request::Builder {
        Request::builder().method(method).uri(uri)
    }

    async fn send(router: &Router, request: Request) -> (u16, HeaderMap, Bytes) {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (
            parts.status.as_u16(),
            parts.headers,
            body.collect().await.unwrap().to_bytes(),
        )
    }

    /// A gateway whose functions answer with the event they got.
    fn mirror() -> Router {
        let echo = || {
            Backend::Function(function(|event: Value| async move {
                Ok::<_, FunctionError>(json!({ "statusCode": 200, "body": event.to_string() }))
            }))
        };
        let gateway = Gateway::new(wall_clock());
        let gateway = gateway
            .with("requests", echo())
            .with("approvals", echo())
            .with("admin", echo())
            .with("scim", echo())
            .with("sign-in", echo());
        gateway.into_router()
    }

    async fn event_of(request: Request) -> Value {
        let (status, _, body) = send(&mirror(), request).await;
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn each_path_has_its_function() {
        for (method, path, expected) in [
            ("GET", "/scim/v2/Users", Some("scim")),
            ("PATCH", "/scim/v2/Groups/1", Some("scim")),
            ("POST", "/v1/requests/r-1/decisions", Some("approvals")),
            ("GET", "/v1/requests/r-1/decisions", Some("requests")),
            ("OPTIONS", "/v1/requests/r-1/decisions", Some("requests")),
            ("POST", "/v1/requests/r-1/decisions/x", Some("requests")),
            ("POST", "/v1/requests//decisions", Some("requests")),
            ("GET", "/v1/approvals", Some("approvals")),
            ("POST", "/v1/approvals", Some("requests")),
            ("GET", "/v1/delegations", Some("approvals")),
            ("DELETE", "/v1/delegations/e-1", Some("approvals")),
            ("GET", "/v1/approvals/x", Some("requests")),
            ("PUT", "/v1/admin/entitlements/1", Some("admin")),
            ("GET", "/v1/admin", Some("requests")),
            ("GET", "/v1/administer", Some("requests")),
            ("POST", "/v1/requests", Some("requests")),
            ("GET", "/v1/grants/g-1", Some("requests")),
            ("GET", "/v1/openapi.json", Some("requests")),
            ("GET", "/auth/sign-in", Some("sign-in")),
            ("POST", "/auth/sessions/7/end", Some("sign-in")),
            ("GET", "/assets/console-0.css", Some("sign-in")),
            ("GET", "/inbox", Some("approvals")),
            ("POST", "/inbox/7/approve", Some("approvals")),
            ("GET", "/passkeys", Some("approvals")),
            ("GET", "/admin", Some("admin")),
            ("POST", "/admin/entitlements", Some("admin")),
            ("GET", "/activate/7", Some("approvals")),
            ("GET", "/auth", None),
            ("GET", "/inboxes", None),
            ("POST", "/changes/7/challenge", Some("approvals")),
            ("GET", "/changesets", None),
            ("GET", "/v1", None),
            ("GET", "/v1/", None),
            ("GET", "/scim/v2", None),
            ("GET", "/", Some("requests")),
            ("GET", "/request", Some("requests")),
            ("POST", "/request/preview", Some("requests")),
            ("GET", "/access", Some("requests")),
            ("POST", "/access/7/end", Some("requests")),
            ("GET", "/requests/7", Some("requests")),
            ("GET", "/requests", None),
            ("GET", "/history", Some("requests")),
            ("GET", "/history/export.csv", Some("requests")),
            ("GET", "/now", Some("requests")),
            ("GET", "/nowhere", None),
            ("GET", "/v2/requests", None),
        ] {
            assert_eq!(
                find_route(method, path).map(|(route, _)| route.function),
                expected,
                "{method} {path}"
            );
        }
        let (_, parameters) = find_route("POST", "/v1/requests/r-1/decisions").unwrap();
        assert_eq!(parameters, BTreeMap::from([("id".to_owned(), "r-1".to_owned())]));
        let (_, parameters) = find_route("GET", "/scim/v2/Users/1").unwrap();
        assert_eq!(parameters, BTreeMap::from([("proxy".to_owned(), "Users/1".to_owned())]));
    }

    #[test]
    fn the_template_has_the_same_routes() {
        let template = include_str!("../../../../template.yaml");
        let mut lines = template.lines().map(str::trim);
        let mut deployed = Vec::new();
        while let Some(line) = lines.next() {
            let Some(key) = line.strip_prefix("RouteKey: ") else {
                continue;
            };
            let target = lines
                .next()
                .and_then(|line| line.strip_prefix("Target: !Sub integrations/${"))
                .unwrap();
            deployed.push((
                key.to_owned(),
                target.strip_suffix("Integration}").unwrap().to_ascii_lowercase(),
            ));
        }
        deployed.sort();
        let mut ours: Vec<_> = ROUTES
            .iter()
            .map(|route| (route.key(), route.function.replace('-', "")))
            .collect();
        ours.sort();
        assert_eq!(ours, deployed);
    }

    #[test]
    fn the_recorded_events_are_what_the_gateway_makes() {
        let browser = "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0";
        let json = "application/json";
        let body = r#"{"entitlement":"019aa7ee-90b2-7f3e-a6d4-51c0e2b7a944","duration":"30m","justification":"Rotate the backup key"}"#;
        for (file, method, path, query, headers, body) in [
            (
                include_str!("../../../events/api-gateway-v2-get.json"),
                Method::GET,
                "/v1/entitlements",
                "limit=20",
                vec![
                    ("accept", json),
                    ("user-agent", "curl/8.5.0"),
                    ("cookie", "theme=dark; lang=en"),
                ],
                "",
            ),
            (
                include_str!("../../../events/api-gateway-v2-post.json"),
                Method::POST,
                "/v1/requests",
                "",
                vec![
                    ("accept", json),
                    ("content-type", json),
                    ("idempotency-key", "7c1f8d52-3f0e-4b55-9a55-0d3f4f5b8a10"),
                    ("user-agent", "curl/8.5.0"),
                ],
                body,
            ),
            (
                include_str!("../../../events/api-gateway-v2-raw-query.json"),
                Method::GET,
                "/v1/history",
                "q=\"<script>\"&limit=5",
                vec![("accept", "text/html"), ("user-agent", browser)],
                "",
            ),
        ] {
            let recorded: Value = serde_json::from_str(file).unwrap();
            let mut made = HttpEvent::new(method, path, query);
            made.body = Bytes::from_static(body.as_bytes());
            made.headers.insert(
                "host",
                HeaderValue::from_static("hourglass0.execute-api.us-east-1.amazonaws.com"),
            );
            for (name, value) in headers {
                made.headers.insert(name, HeaderValue::from_static(value));
            }
            let (route, parameters) = find_route(made.method.as_str(), path).unwrap();
            let now = Timestamp::from_millisecond(1_795_249_743_120).unwrap();
            let event = made.into_event(route, &parameters, now, "5f1c0a7be2d94c3f8a6b7e9d0c1f2a3b");
            assert_eq!(event, recorded, "{event:#}");
        }
    }

    #[tokio::test]
    async fn the_event_has_the_shape_of_format_2_0() {
        let get = request("GET", "/v1/requests/a%20b?limit=2&tag=x&tag=y%26z")
            .header("Host", "api.contoso.example")
            .header("User-Agent", "curl/8.5.0")
            .header("Accept", "application/json")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("Cookie", "a=1; b=2")
            .header("Connection", "keep-alive")
            .body(Body::empty())
            .unwrap();
        let event = event_of(get).await;
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "ANY /v1/{proxy+}");
        assert_eq!(event["rawPath"], "/v1/requests/a b");
        assert_eq!(event["rawQueryString"], "limit=2&tag=x&tag=y%26z");
        assert_eq!(event["queryStringParameters"], json!({ "limit": "2", "tag": "x,y&z" }));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["headers"]["x-many"], "1,2");
        assert_eq!(event["headers"]["x-forwarded-for"], "127.0.0.1");
        assert_eq!(event["headers"]["content-length"], "0");
        for absent in ["cookie", "connection"] {
            assert_eq!(event["headers"].get(absent), None);
        }
        let context = &event["requestContext"];
        assert_eq!(context["http"]["method"], "GET");
        assert_eq!(context["http"]["userAgent"], "curl/8.5.0");
        assert_eq!(context["domainName"], "api.contoso.example");
        assert_eq!(context["stage"], "$default");
        assert_eq!(
            context["time"].as_str().unwrap().len(),
            "12/Mar/2020:19:03:58 +0000".len()
        );
        assert_eq!(event["isBase64Encoded"], false);
        assert_eq!(event.get("body"), None);
    }

    #[tokio::test]
    async fn only_plain_text_bodies_stay_text() {
        for (content_type, encoded) in [
            (Some("application/json"), false),
            (Some("Application/JSON; charset=utf-8"), false),
            (Some("text/plain"), false),
            (Some("application/scim+json"), true),
            (Some("application/x-www-form-urlencoded"), true),
            (None, true),
        ] {
            let mut post = request("POST", "/scim/v2/Users");
            if let Some(content_type) = content_type {
                post = post.header("content-type", content_type);
            }
            let event = event_of(post.body(Body::from("{\"a\":1}")).unwrap()).await;
            assert_eq!(event["isBase64Encoded"], encoded, "{content_type:?}");
            assert_eq!(event["body"], if encoded { "eyJhIjoxfQ==" } else { "{\"a\":1}" });
        }
        let binary = request("POST", "/v1/requests")
            .header("content-type", "text/plain")
            .body(Body::from(vec![0xff]));
        assert_eq!(event_of(binary.unwrap()).await["body"], "/w==");
    }

    #[test]
    fn a_query_with_raw_quotes_and_brackets_is_passed_on() {
        let (route, parameters) = find_route("GET", "/v1/history").unwrap();
        let raw = HttpEvent::new(Method::GET, "/v1/history", "q=\"<script>\"");
        let event = raw.into_event(route, &parameters, Timestamp::UNIX_EPOCH, "id");
        assert_eq!(event["rawQueryString"], "q=\"<script>\"");
        assert_eq!(event["requestContext"]["time"], "01/Jan/1970:00:00:00 +0000");
    }

    #[tokio::test]
    async fn the_answer_of_a_function_becomes_an_http_answer() {
        let answering = |answer: Value| {
            let answer = function(move |_| {
                let answer = answer.clone();
                async { Ok::<_, FunctionError>(answer) }
            });
            Gateway::new(wall_clock())
                .with("requests", Backend::Function(answer))
                .into_router()
        };
        let get = || request("GET", "/v1/me").body(Body::empty()).unwrap();
        let answer = json!({
            "statusCode": 201,
            "headers": { "content-type": "application/json", "x-one": "1" },
            "cookies": ["a=1; Secure", "b=2"],
            "body": "eyJhIjoxfQ==",
            "isBase64Encoded": true,
        });
        let (status, headers, body) = send(&answering(answer), get()).await;
        assert_eq!((status, &body[..]), (201, &b"{\"a\":1}"[..]));
        assert_eq!(headers["x-one"], "1");
        assert_eq!(
            headers.get_all("set-cookie").iter().collect::<Vec<_>>(),
            ["a=1; Secure", "b=2"]
        );
        assert!(headers.contains_key("apigw-requestid"));

        let (status, headers, body) = send(&answering(json!({ "plain": true })), get()).await;
        assert_eq!((status, &body[..]), (200, &b"{\"plain\":true}"[..]));
        assert_eq!(headers["content-type"], "application/json");

        for malformed in [
            json!({ "statusCode": 9999 }),
            json!({ "statusCode": 200, "body": { "not": "text" } }),
            json!({ "statusCode": 200, "body": "!", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "headers": { "bad name": "x" } }),
        ] {
            assert_eq!(send(&answering(malformed.clone()), get()).await.0, 500, "{malformed}");
        }
    }

    #[tokio::test]
    async fn limits_and_failures_are_answered_as_the_service_answers_them() {
        let slow = function(|_: Value| async { std::future::pending::<Result<Value, FunctionError>>().await });
        let failing = function(|_: Value| async { Err::<Value, _>(FunctionError::new("X", "secret cause")) });
        let get = |uri: &str| request("GET", uri).body(Body::empty()).unwrap();
        // The short limit is for what never answers: what does must not be cut off on a busy machine.
        let hasty = Gateway::new(wall_clock())
            .with("requests", Backend::Function(slow))
            .with_timeout(Duration::from_millis(20))
            .into_router();
        let (status, _, body) = send(&hasty, get("/v1/me")).await;
        assert_eq!((status, &body[..]), (503, &br#"{"message":"Service Unavailable"}"#[..]));
        let router = Gateway::new(wall_clock())
            .with("admin", Backend::Function(failing))
            .into_router();
        let (status, _, body) = send(&router, get("/v1/admin/x")).await;
        assert_eq!(
            (status, &body[..]),
            (500, &br#"{"message":"Internal Server Error"}"#[..])
        );
        assert_eq!(send(&router, get("/scim/v2/Users")).await.0, 500, "no such function");
        assert_eq!(send(&router, get("/nowhere")).await.0, 404);
        let large = request("POST", "/v1/admin/x")
            .body(Body::from(vec![b'x'; MAX_BODY_BYTES + 1]))
            .unwrap();
        assert_eq!(send(&router, large).await.0, 413);
        let too_large_for_lambda = request("POST", "/v1/admin/x")
            .body(Body::from(vec![b'x'; MAX_EVENT_BYTES]))
            .unwrap();
        assert_eq!(send(&router, too_large_for_lambda).await.0, 413);
        let fits = "GET /v1/admin/x HTTP/1.1\r\n".len() + "authorization: \r\n".len();
        for (padding, expected) in [(MAX_HEADER_BYTES - fits, 500), (MAX_HEADER_BYTES - fits + 1, 431)] {
            let get = request("GET", "/v1/admin/x").header("authorization", "x".repeat(padding));
            assert_eq!(send(&router, get.body(Body::empty()).unwrap()).await.0, expected);
        }
    }

    #[tokio::test]
    async fn routers_in_this_process_get_the_request_as_it_was() {
        let inner = Router::new().route(
            "/v1/requests/{id}",
            any(|request: Request| async move { format!("{} {}", request.method(), request.uri()) }),
        );
        let router = Gateway::new(wall_clock())
            .with("requests", Backend::Router(inner))
            .into_router();
        let post = request("POST", "/v1/requests/a%20b?x=%3C")
            .body(Body::from("hi"))
            .unwrap();
        let (status, _, body) = send(&router, post).await;
        assert_eq!((status, &body[..]), (200, &b"POST /v1/requests/a%20b?x=%3C"[..]));
        let missing = request("GET", "/v1/elsewhere").body(Body::empty()).unwrap();
        assert_eq!(send(&router, missing).await.0, 404);
    }
}
