//! The Graph v1.0 calls on groups, users and memberships.
//!
//! | call | answer |
//! |---|---|
//! | `GET /groups`, `/users` | list; `$filter`, `$select`, `$top`, `$count` |
//! | `GET /groups/{id}`, `/users/{id or name}` | one object; `$select` |
//! | `GET /groups/{id}/members`, `/transitiveMembers`, `/owners`, `/members/$ref`, `GET /users/{id}/transitiveMemberOf` | paged lists |
//! | `POST /groups/{id}/members/$ref` | adds one member |
//! | `PATCH /groups/{id}` | adds up to 20 members or none (`members@odata.bind`) |
//! | `DELETE /groups/{id}/members/{id}/$ref` | removes one member |
//! | `DELETE /groups/{id}/members/{id}` | **the trap**: deletes the member object itself if the application may, else 403 |
//! | `POST /users/{id}/checkMemberGroups`, `/directoryObjects/{id}/checkMemberGroups`, `/directoryObjects/getByIds` | |
//! | `DELETE /groups/{id}`, `/users/{id}`, `GET /directory/deletedItems/{id}`, `POST …/restore` | soft delete and restore |
//! | `GET /identity/conditionalAccess/authenticationContextClassReferences` | the configured authentication context |
//! | `GET /identity/conditionalAccess/policies` | the Conditional Access policies |
//! | `POST /$batch` | up to 20 of the above |
//!
//! Every call needs an app-only bearer token of this tenant's token endpoint and the permission that Graph documents.
//! Delta queries and the privileged-access calls of Graph's contract answer 501. Writes draw on the application's budget
//! ([`super::calls`]). A call is handled to its end even when the caller hangs up, as a real service does.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::Entra;
use super::calls::{Claim, Logged};
use super::faults::{Ending, Plan, Probe};
use super::filter::Filter;
use super::objects::{Group, Kinds, Object, known_property};
use super::tenant::{Change, View, into_group, into_user};
use super::wire::{Answer, Call, GraphError, Marks};
use crate::sim;

/// Largest accepted request body, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most requests in one `$batch`.
const MAX_BATCH: usize = 20;
/// Most members in one `PATCH`, and most groups in one membership check.
const MAX_REFERENCES: usize = 20;
/// Most ids in one `getByIds`.
const MAX_IDS: usize = 1_000;
/// Objects on a page when the caller does not say.
const DEFAULT_PAGE: usize = 100;
/// Most objects on a page.
const MAX_PAGE: usize = 999;
/// From which used share of the write budget the answer tells of it.
const BUDGET_WARNING: f64 = 0.8;

const READ_GROUPS: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const READ_USERS: &[&str] = &[
    "User.ReadBasic.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const CHECK_USERS: &[&str] = &[
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE_MEMBERS: &[&str] = &[
    "GroupMember.ReadWrite.All",
    "Group.ReadWrite.All",
    "Directory.ReadWrite.All",
];
const DELETE_USERS: &[&str] = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
const DELETE_GROUPS: &[&str] = &["Group.ReadWrite.All", "Directory.ReadWrite.All"];
const READ_POLICY: &[&str] = &["Policy.Read.All", "Policy.Read.ConditionalAccess"];

/// An application that has signed in.
#[derive(Debug, Clone)]
struct Caller {
    client_id: Uuid,
    principal_id: Uuid,
    permissions: Vec<String>,
}

impl Caller {
    fn has(&self, any_of: &[&str]) -> bool {
        self.permissions.iter().any(|held| any_of.contains(&held.as_str()))
    }

    fn needs(&self, any_of: &[&str]) -> Result<(), GraphError> {
        if self.has(any_of) {
            Ok(())
        } else {
            Err(GraphError::denied())
        }
    }
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'p> {
    Groups,
    Group(&'p str),
    Members(&'p str),
    MemberRefs(&'p str),
    MemberRef(&'p str, &'p str),
    MemberItself(&'p str, &'p str),
    TransitiveMembers(&'p str),
    Owners(&'p str),
    Users,
    User(&'p str),
    TransitiveMemberOf(&'p str),
    CheckMemberGroups(&'p str),
    GetByIds,
    DeletedItem(&'p str),
    Restore(&'p str),
    AuthContexts,
    AccessPolicies,
    Batch,
    NotServed,
}

impl<'p> Route<'p> {
    fn of(path: &'p str) -> Result<Self, GraphError> {
        let mut segments = path.trim_matches('/').split('/');
        if segments.next() != Some("v1.0") {
            return Err(GraphError::new(400, "BadRequest", "Invalid version."));
        }
        let segments: Vec<&str> = segments.collect();
        Ok(match segments.as_slice() {
            ["groups"] => Self::Groups,
            ["users"] => Self::Users,
            ["groups" | "users", "delta()" | "delta"] | ["identityGovernance", "privilegedAccess", ..] => {
                Self::NotServed
            }
            ["groups", id] => Self::Group(id),
            ["groups", id, "members"] => Self::Members(id),
            ["groups", id, "members", "$ref"] => Self::MemberRefs(id),
            ["groups", id, "members", member, "$ref"] => Self::MemberRef(id, member),
            ["groups", id, "members", member] => Self::MemberItself(id, member),
            ["groups", id, "transitiveMembers"] => Self::TransitiveMembers(id),
            ["groups", id, "owners"] => Self::Owners(id),
            ["users", id] => Self::User(id),
            ["users", id, "transitiveMemberOf"] => Self::TransitiveMemberOf(id),
            ["directoryObjects", "getByIds"] => Self::GetByIds,
            ["users" | "directoryObjects", id, "checkMemberGroups"] => Self::CheckMemberGroups(id),
            ["directory", "deletedItems", id] => Self::DeletedItem(id),
            ["directory", "deletedItems", id, "restore"] => Self::Restore(id),
            ["identity", "conditionalAccess", "authenticationContextClassReferences"] => Self::AuthContexts,
            ["identity", "conditionalAccess", "policies"] => Self::AccessPolicies,
            ["$batch"] => Self::Batch,
            other => {
                let segment = other.last().copied().unwrap_or_default();
                let message = format!("Resource not found for the segment '{segment}'.");
                return Err(GraphError::new(400, "BadRequest", message));
            }
        })
    }

    /// The route with placeholders, for the log.
    fn name(self) -> &'static str {
        match self {
            Self::Groups => "/groups",
            Self::Group(_) => "/groups/{id}",
            Self::Members(_) => "/groups/{id}/members",
            Self::MemberRefs(_) => "/groups/{id}/members/$ref",
            Self::MemberRef(..) => "/groups/{id}/members/{id}/$ref",
            Self::MemberItself(..) => "/groups/{id}/members/{id}",
            Self::TransitiveMembers(_) => "/groups/{id}/transitiveMembers",
            Self::Owners(_) => "/groups/{id}/owners",
            Self::Users => "/users",
            Self::User(_) => "/users/{id}",
            Self::TransitiveMemberOf(_) => "/users/{id}/transitiveMemberOf",
            Self::CheckMemberGroups(_) => "/{users|directoryObjects}/{id}/checkMemberGroups",
            Self::GetByIds => "/directoryObjects/getByIds",
            Self::DeletedItem(_) => "/directory/deletedItems/{id}",
            Self::Restore(_) => "/directory/deletedItems/{id}/restore",
            Self::AuthContexts => "/identity/conditionalAccess/authenticationContextClassReferences",
            Self::AccessPolicies => "/identity/conditionalAccess/policies",
            Self::Batch => "/$batch",
            Self::NotServed => "(not served)",
        }
    }

    fn takes(self, method: &str) -> bool {
        let methods: &[&str] = match self {
            Self::Group(_) => &["GET", "PATCH", "DELETE"],
            Self::User(_) => &["GET", "DELETE"],
            Self::MemberRefs(_) => &["GET", "POST"],
            Self::MemberRef(..) | Self::MemberItself(..) => &["DELETE"],
            Self::CheckMemberGroups(_) | Self::GetByIds | Self::Restore(_) | Self::Batch => &["POST"],
            _ => &["GET"],
        };
        methods.contains(&method)
    }

    fn reads(self, method: &str) -> bool {
        method == "GET" || matches!(self, Self::CheckMemberGroups(_) | Self::GetByIds)
    }

    /// Resource units by Graph's table of costs, before the reductions for `$select` and a small `$top`.
    fn units(self) -> i32 {
        match self {
            Self::Members(_) | Self::MemberRefs(_) | Self::GetByIds => 3,
            Self::TransitiveMembers(_) => 5,
            Self::CheckMemberGroups(_) => 4,
            Self::TransitiveMemberOf(_) | Self::Users => 2,
            _ => 1,
        }
    }

    fn query_options(self, method: &str) -> &'static [&'static str] {
        match self {
            Self::Groups
            | Self::Users
            | Self::Members(_)
            | Self::TransitiveMembers(_)
            | Self::TransitiveMemberOf(_) => &["$filter", "$select", "$top", "$count", "$skiptoken"],
            Self::MemberRefs(_) if method == "GET" => &["$filter", "$top", "$count", "$skiptoken"],
            Self::Owners(_) => &["$select", "$top", "$skiptoken"],
            Self::Group(_) | Self::User(_) | Self::DeletedItem(_) if method == "GET" => &["$select"],
            _ => &[],
        }
    }
}

/// axum's entry: everything below `{graph}` that is not one of the simulator's own paths.
pub(super) async fn serve(State(entra): State<Entra>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let headers = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: query_pairs(parts.uri.query().unwrap_or_default()),
        headers,
        body: body.to_vec(),
        in_batch: false,
    };
    // A task of its own: a caller that gives up does not undo what the service has begun.
    match tokio::spawn(async move { entra.graph_call(&call).await }).await {
        Ok(answer) => respond(answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => {
            let mut response = Response::new(Body::from(body.to_string()));
            response.headers_mut().insert(
                "content-type",
                HeaderValue::from_static(
                    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
                ),
            );
            response
        }
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

impl Entra {
    /// One call from fault orders to log.
    async fn graph_call(&self, call: &Call) -> Answer {
        let request_id = sim::random_id().unwrap_or_default();
        let client_request_id = call
            .header("client-request-id")
            .map_or_else(|| request_id.to_string(), str::to_owned);
        let date = self.tenant().now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let marks = Marks {
            date,
            request_id,
            client_request_id,
        };
        let path = call.decoded_path();
        let route = Route::of(&path);
        let reads = route.as_ref().is_ok_and(|route| route.reads(&call.method));
        let is_batch = matches!(route, Ok(Route::Batch));
        let probe = Probe {
            method: &call.method,
            path: &path,
            // The items of a batch are matched one by one.
            body: if is_batch { &[] } else { &call.body },
            reads,
            sign_in: false,
        };
        let plan = match self.tenant().plan_faults(&probe) {
            Ok(plan) => plan,
            Err(error) => return Answer::error(&error.into(), &marks),
        };
        let _held = (!plan.held_by.is_empty()).then(|| self.holds_one());
        self.tenant().wait_as_ordered(&plan).await;
        let caller = self.caller(call);
        let client_id = caller.as_ref().ok().map(|caller| caller.client_id);
        let result = match forced(plan.ending.as_ref()) {
            Some(error) => Err(error),
            None if is_batch => self.batch(call, caller).await,
            None => caller.and_then(|caller| self.dispatch(call, route.clone()?, &caller, &plan)),
        };
        let result = if plan.ending == Some(Ending::ApplyThenDrop) {
            Err(GraphError::ordered(504))
        } else {
            result
        };
        let mut answer = result.unwrap_or_else(|error| Answer::error(&error, &marks));
        answer.headers.push(("request-id", marks.request_id.to_string()));
        answer
            .headers
            .push(("client-request-id", marks.client_request_id.clone()));
        answer.headers.push(("odata-version", "4.0".to_owned()));
        let name = route.map_or("(unknown)", Route::name);
        self.log(call, &path, name, &answer, client_id, &plan);
        answer
    }

    fn log(&self, call: &Call, path: &str, route: &str, answer: &Answer, client_id: Option<Uuid>, plan: &Plan) {
        let orders: Vec<String> = plan.orders.iter().map(ToString::to_string).collect();
        let logged = self.tenant().log_call(&Logged {
            method: &call.method,
            path,
            route: &format!("{} {route}", call.method),
            status: answer.status,
            priority: call.header("x-ms-throttle-priority"),
            client_id,
            in_batch: call.in_batch,
            fault: (!orders.is_empty()).then(|| orders.join(",")),
        });
        if let Err(error) = logged {
            tracing::warn!(?error, "a Graph call could not be logged");
        }
    }

    /// The application behind the bearer token.
    fn caller(&self, call: &Call) -> Result<Caller, GraphError> {
        let refuse = GraphError::unauthenticated;
        let Some(header) = call.header("authorization") else {
            return Err(refuse("Access token is empty."));
        };
        let token = header.strip_prefix("Bearer ").unwrap_or_default();
        let Some(claims) = self.tenant().keys()?.verify(token) else {
            return Err(refuse("Access token validation failure. Invalid signature."));
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let seconds = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
        let id = |name: &str| text(name).parse::<Uuid>().unwrap_or_default();
        if !self.is_graph(text("aud")) {
            return Err(refuse("Access token validation failure. Invalid audience."));
        }
        let now = self.tenant().now().as_second();
        if now >= seconds("exp") || now < seconds("nbf") {
            return Err(refuse("Lifetime validation failed, the token is expired."));
        }
        let app = self.tenant().app(id("appid"))?;
        let Some(app) = app.filter(|_| text("idtyp") == "app" && id("tid") == self.tenant().id()) else {
            return Err(refuse(
                "Access token validation failure. The token is not an application's of this tenant.",
            ));
        };
        if seconds("iat") < app.tokens_valid_from.as_second() {
            return Err(refuse("Access token validation failure. The token has been revoked."));
        }
        let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
        Ok(Caller {
            client_id: app.client_id,
            principal_id: app.principal_id,
            permissions: roles.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// Whether a token audience or scope resource means this Graph.
    pub(super) fn is_graph(&self, resource: &str) -> bool {
        let resource = resource.trim_end_matches('/');
        resource == self.options().graph_url
            || resource == "https://graph.microsoft.com"
            || resource == "00000003-0000-0000-c000-000000000000"
    }

    fn dispatch(&self, call: &Call, route: Route<'_>, caller: &Caller, plan: &Plan) -> Result<Answer, GraphError> {
        if route == Route::NotServed {
            return Err(GraphError::new(
                501,
                "NotImplemented",
                "The simulated tenant does not serve this call.",
            ));
        }
        if !route.takes(&call.method) {
            let message = "Specified HTTP method is not allowed for the request target.";
            return Err(GraphError::new(405, "Request_BadRequest", message));
        }
        let allowed = route.query_options(&call.method);
        if let Some((name, _)) = call
            .query
            .iter()
            .find(|(name, _)| !allowed.contains(&name.to_lowercase().as_str()))
        {
            return Err(GraphError::unsupported_query(format!(
                "The query option '{name}' is not supported here."
            )));
        }
        let reads = route.reads(&call.method);
        let used = if reads { None } else { Some(self.claim(caller)?) };
        let desk = Desk {
            entra: self,
            call,
            caller,
            lag: plan.lag_seconds,
        };
        let mut answer = if reads { desk.read(route)? } else { desk.write(route)? };
        answer
            .headers
            .push(("x-ms-resource-unit", units(call, route).to_string()));
        if let Some(used) = used.filter(|used| *used >= BUDGET_WARNING) {
            answer
                .headers
                .push(("x-ms-throttle-limit-percentage", format!("{used:.2}")));
            answer
                .headers
                .push(("x-ms-throttle-scope", "Tenant_Application/Write".to_owned()));
        }
        Ok(answer)
    }

    fn claim(&self, caller: &Caller) -> Result<f64, GraphError> {
        match self.tenant().claim_write(caller.client_id)? {
            Claim::Taken { used } => Ok(used),
            Claim::Refused { retry_after_seconds } => Err(GraphError::throttled(retry_after_seconds)),
        }
    }

    /// `POST /$batch`: each item is a call of its own with its own faults, throttling and status.
    async fn batch(&self, call: &Call, caller: Result<Caller, GraphError>) -> Result<Answer, GraphError> {
        caller?;
        if call.method != "POST" {
            return Err(GraphError::new(405, "Request_BadRequest", "$batch takes POST only."));
        }
        let items = batch_items(&call.json()?)?;
        let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
        let mut responses = Vec::new();
        for item in items {
            let failed = item
                .depends_on
                .iter()
                .any(|id| statuses.get(id).is_none_or(|status| *status >= 400));
            let answer = if failed {
                let error = json!({ "error": {
                    "code": "FailedDependency",
                    "message": "A request that this one depends on failed.",
                } });
                Answer {
                    status: 424,
                    body: Some(error),
                    ..Answer::default()
                }
            } else {
                let mut inner = item.call;
                if let Some(token) = call.header("authorization") {
                    inner.headers.insert("authorization".to_owned(), token.to_owned());
                }
                // A batch inside a batch was refused above, so this goes one level deep.
                Box::pin(self.graph_call(&inner)).await
            };
            statuses.insert(item.id.clone(), answer.status);
            let mut headers = answer.headers;
            if answer.body.is_some() {
                headers.push(("Content-Type", "application/json".to_owned()));
            }
            let headers: serde_json::Map<String, Value> = headers
                .into_iter()
                .map(|(name, value)| (header_case(name), json!(value)))
                .collect();
            let mut response = json!({ "id": item.id, "status": answer.status, "headers": headers });
            if let (Some(response), Some(body)) = (response.as_object_mut(), answer.body) {
                response.insert("body".to_owned(), body);
            }
            responses.push(response);
        }
        Ok(Answer::ok(json!({ "responses": responses })))
    }
}

/// `retry-after` as `Retry-After`, which is how batch items carry header names.
fn header_case(name: &str) -> String {
    if name.starts_with("x-ms") || name.ends_with("request-id") {
        return name.to_owned();
    }
    let parts: Vec<String> = name
        .split('-')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
                .unwrap_or_default()
        })
        .collect();
    parts.join("-")
}

fn forced(ending: Option<&Ending>) -> Option<GraphError> {
    match ending? {
        Ending::Status {
            status,
            code,
            message,
            retry_after_seconds,
        } => {
            let usual = GraphError::ordered(*status);
            Some(GraphError {
                status: *status,
                code: code.clone().unwrap_or(usual.code),
                message: message.clone().unwrap_or(usual.message),
                retry_after_seconds: *retry_after_seconds,
            })
        }
        Ending::Drop => Some(GraphError::ordered(504)),
        Ending::DenyReads => Some(GraphError::denied()),
        Ending::ApplyThenDrop => None,
    }
}

fn units(call: &Call, route: Route<'_>) -> i32 {
    let select = i32::from(call.parameter("$select").is_some());
    let small = call
        .parameter("$top")
        .and_then(|top| top.parse::<u32>().ok())
        .is_some_and(|top| top < 20);
    (route.units() - select - i32::from(small)).max(1)
}

struct BatchItem {
    id: String,
    depends_on: Vec<String>,
    call: Call,
}

fn batch_items(body: &serde_json::Map<String, Value>) -> Result<Vec<BatchItem>, GraphError> {
    let bad = |message: String| GraphError::new(400, "BadRequest", message);
    let requests = body.get("requests").and_then(Value::as_array);
    let Some(requests) = requests.filter(|requests| !requests.is_empty()) else {
        return Err(bad(
            "The batch payload must have a non-empty 'requests' array.".to_owned()
        ));
    };
    if requests.len() > MAX_BATCH {
        return Err(bad(format!(
            "Number of batch request steps exceeds the maximum value of {MAX_BATCH}."
        )));
    }
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for request in requests {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let (Some(id), Some(method), Some(url)) = (text("id"), text("method"), text("url")) else {
            return Err(bad(
                "Every batch request needs the strings 'id', 'method' and 'url'.".to_owned()
            ));
        };
        let depends_on: Vec<String> = match request.get("dependsOn") {
            None | Some(Value::Null) => Vec::new(),
            Some(list) => serde_json::from_value(list.clone()).map_err(|error| bad(error.to_string()))?,
        };
        if let Some(unknown) = depends_on.iter().find(|other| !seen.contains(*other)) {
            return Err(bad(format!(
                "Request '{id}' depends on '{unknown}', which does not come before it."
            )));
        }
        if !seen.insert(id.to_owned()) {
            return Err(bad(format!("The request id '{id}' appears more than once.")));
        }
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let path = format!("/v1.0/{}", path.trim_start_matches('/'));
        if path.contains("$batch") || path.contains("%24batch") {
            return Err(bad("A batch can't contain a batch.".to_owned()));
        }
        let mut headers = BTreeMap::new();
        for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
            headers.insert(name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned());
        }
        let body = request.get("body").filter(|body| !body.is_null());
        if body.is_some() && !headers.contains_key("content-type") {
            return Err(bad(format!(
                "Request '{id}' has a body and so must have the header Content-Type."
            )));
        }
        items.push(BatchItem {
            id: id.to_owned(),
            depends_on,
            call: Call {
                method: method.to_ascii_uppercase(),
                path,
                query: query_pairs(query),
                headers,
                body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
                in_batch: true,
            },
        });
    }
    Ok(items)
}

/// One call with everything that answering it needs.
struct Desk<'d> {
    entra: &'d Entra,
    call: &'d Call,
    caller: &'d Caller,
    lag: i64,
}

impl Desk<'_> {
    fn read(&self, route: Route<'_>) -> Result<Answer, GraphError> {
        match route {
            Route::Users | Route::User(_) => self.caller.needs(READ_USERS)?,
            Route::CheckMemberGroups(_) => {
                self.caller.needs(READ_GROUPS)?;
                self.caller.needs(CHECK_USERS)?;
            }
            Route::AuthContexts | Route::AccessPolicies => self.caller.needs(READ_POLICY)?,
            Route::GetByIds | Route::DeletedItem(_) if self.caller.has(READ_USERS) => {}
            _ => self.caller.needs(READ_GROUPS)?,
        }
        let tenant = self.entra.tenant();
        tenant.read(self.lag, |view| match route {
            Route::Groups => self.list(view.all("group")?, Kinds::Groups, "groups", false),
            Route::Users => self.list(view.all("user")?, Kinds::Users, "users", false),
            Route::Group(id) => self.one(&Object::Group(group_of(view, id)?), Kinds::Groups, "groups/$entity"),
            Route::User(id) => self.one(&user_of(view, id)?, Kinds::Users, "users/$entity"),
            Route::Members(id) => self.list(self.members_of(view, id)?, Kinds::Any, "directoryObjects", true),
            Route::MemberRefs(id) => self.references(self.members_of(view, id)?),
            Route::TransitiveMembers(id) => {
                let group = group_of(view, id)?;
                self.list(view.transitive_members(group.id)?, Kinds::Any, "directoryObjects", true)
            }
            Route::TransitiveMemberOf(id) => {
                let user = user_of(view, id)?;
                let groups = view
                    .transitive_groups(user.id())?
                    .into_iter()
                    .map(Object::Group)
                    .collect();
                self.list(groups, Kinds::Groups, "directoryObjects", true)
            }
            Route::Owners(id) => self.owners(view, &group_of(view, id)?),
            Route::CheckMemberGroups(id) => self.check_member_groups(view, id),
            Route::GetByIds => self.by_ids(view),
            Route::DeletedItem(id) => {
                let object = view.object(guid(id)?)?.filter(|object| object.deleted_at().is_some());
                let object = object.ok_or_else(|| GraphError::not_found(id))?;
                self.one(&object, Kinds::Any, "directoryObjects/$entity")
            }
            Route::AuthContexts => Ok(self.auth_contexts()),
            Route::AccessPolicies => {
                let context = self.context("identity/conditionalAccess/policies");
                let value = view.access_policies(&self.entra.options().auth_context)?;
                Ok(Answer::ok(json!({ "@odata.context": context, "value": value })))
            }
            _ => Err(GraphError::ordered(500)),
        })
    }

    fn write(&self, route: Route<'_>) -> Result<Answer, GraphError> {
        let tenant = self.entra.tenant();
        match route {
            Route::MemberRefs(group) => {
                let reference = self.call.json()?;
                let member = self.reference(only_field(&reference, "@odata.id")?)?;
                tenant.write(|change| self.add(change, group, &[member]))
            }
            Route::Group(group) if self.call.method == "PATCH" => {
                let body = self.call.json()?;
                let members = self.references_to_add(&body)?;
                tenant.write(|change| self.add(change, group, &members))
            }
            Route::MemberRef(group, member) => tenant.write(|change| self.remove(change, group, member)),
            Route::MemberItself(group, member) => tenant.write(|change| {
                let group = group_of(&change.view(), group)?;
                let object = change
                    .view()
                    .live(guid(member)?)?
                    .ok_or_else(|| GraphError::not_found(member))?;
                if !change.view().is_member(group.id, object.id())? {
                    return Err(GraphError::not_found(member));
                }
                self.delete(change, &object)
            }),
            Route::Group(id) => {
                tenant.write(|change| self.delete(change, &Object::Group(group_of(&change.view(), id)?)))
            }
            Route::User(id) => tenant.write(|change| self.delete(change, &user_of(&change.view(), id)?)),
            Route::Restore(id) => tenant.write(|change| {
                let object = change
                    .view()
                    .object(guid(id)?)?
                    .filter(|object| object.deleted_at().is_some());
                let mut object = object.ok_or_else(|| GraphError::not_found(id))?;
                self.may_delete(&object)?;
                change.set_deleted(object.id(), false)?;
                object.set_deleted_at(None);
                self.one(&object, Kinds::Any, "directoryObjects/$entity")
            }),
            _ => Err(GraphError::ordered(500)),
        }
    }

    fn may_delete(&self, object: &Object) -> Result<(), GraphError> {
        self.caller.needs(match object {
            Object::User(_) => DELETE_USERS,
            Object::Group(_) => DELETE_GROUPS,
        })
    }

    fn delete(&self, change: &Change<'_>, object: &Object) -> Result<Answer, GraphError> {
        self.may_delete(object)?;
        change.set_deleted(object.id(), true)?;
        Ok(Answer::no_content())
    }

    /// Whether the application may change this group's members, and whether anybody may.
    fn may_change_members(&self, group: &Group) -> Result<(), GraphError> {
        if !group.owners.contains(&self.caller.principal_id) {
            self.caller.needs(WRITE_MEMBERS)?;
        }
        if group.is_assignable_to_role {
            self.caller.needs(&["RoleManagement.ReadWrite.Directory"])?;
        }
        if group.is_management_restricted || group.is_dynamic() {
            return Err(GraphError::denied());
        }
        if group.mail_enabled && !group.is_unified() {
            return Err(GraphError::mail_enabled());
        }
        if group.on_premises_sync_enabled == Some(true) {
            return Err(GraphError::synced());
        }
        Ok(())
    }

    /// The group of a write. A replica that lags does not know a new group yet and says so with 400.
    fn group_to_change(&self, change: &Change<'_>, id: &str) -> Result<Group, GraphError> {
        let group = group_of(&change.view(), id)?;
        if change.view_lagging(self.lag).live(group.id)?.is_none() {
            return Err(GraphError::not_replicated());
        }
        self.may_change_members(&group)?;
        Ok(group)
    }

    fn add(&self, change: &Change<'_>, group: &str, members: &[Uuid]) -> Result<Answer, GraphError> {
        let group = self.group_to_change(change, group)?;
        for member in members {
            let Some(object) = change.view_lagging(self.lag).live(*member)? else {
                return Err(GraphError::not_found(&member.to_string()));
            };
            if matches!(object, Object::Group(_)) && (group.is_unified() || group.is_assignable_to_role) {
                return Err(GraphError::bad_request(
                    "A group can't be a member of this kind of group.",
                ));
            }
            if *member == group.id {
                return Err(GraphError::bad_request("A group can't be a member of itself."));
            }
            if !change.add_member(group.id, *member)? {
                return Err(GraphError::already_member());
            }
        }
        Ok(Answer::no_content())
    }

    fn remove(&self, change: &Change<'_>, group: &str, member: &str) -> Result<Answer, GraphError> {
        let group = self.group_to_change(change, group)?;
        let id = guid(member)?;
        let view = change.view_lagging(self.lag);
        if view.live(id)?.is_none() || !view.is_member(group.id, id)? {
            return Err(GraphError::not_found(member));
        }
        change.remove_member(group.id, id)?;
        Ok(Answer::no_content())
    }

    /// The object id in an `@odata.id`, which must point into this Graph.
    fn reference(&self, reference: &Value) -> Result<Uuid, GraphError> {
        let bad = || GraphError::bad_request(format!("Invalid URL format specified in @odata.id: {reference}."));
        let text = reference.as_str().ok_or_else(bad)?;
        let path = text.strip_prefix(&self.entra.options().graph_url).ok_or_else(bad)?;
        let mut segments = path.split('/').skip(1);
        let (version, kind, id, rest) = (segments.next(), segments.next(), segments.next(), segments.next());
        let known = matches!(kind, Some("directoryObjects" | "users" | "groups"));
        match id {
            Some(id) if version == Some("v1.0") && known && rest.is_none() => guid(id),
            _ => Err(bad()),
        }
    }

    fn references_to_add(&self, body: &serde_json::Map<String, Value>) -> Result<Vec<Uuid>, GraphError> {
        let list = only_field(body, "members@odata.bind")?.as_array();
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return Err(GraphError::bad_request(
                "members@odata.bind must be a list of at least one reference.",
            ));
        };
        if list.len() > MAX_REFERENCES {
            return Err(GraphError::bad_request(format!(
                "The number of references added in one request exceeds the limit of {MAX_REFERENCES}."
            )));
        }
        let members = list
            .iter()
            .map(|item| self.reference(item))
            .collect::<Result<Vec<Uuid>, _>>()?;
        if members.iter().collect::<BTreeSet<_>>().len() != members.len() {
            return Err(GraphError::bad_request(
                "A reference is given more than once in members@odata.bind.",
            ));
        }
        Ok(members)
    }

    fn select(&self, kinds: Kinds) -> Result<Option<Vec<String>>, GraphError> {
        let Some(select) = self.call.parameter("$select") else {
            return Ok(None);
        };
        let names: Vec<String> = select.split(',').map(|name| name.trim().to_owned()).collect();
        names.iter().try_for_each(|name| property_exists(name, kinds))?;
        Ok(Some(names))
    }

    fn context(&self, of: &str) -> String {
        format!("{}/v1.0/$metadata#{of}", self.entra.options().graph_url)
    }

    fn one(&self, object: &Object, kinds: Kinds, context: &str) -> Result<Answer, GraphError> {
        let select = self.select(kinds)?;
        let mut body = serde_json::Map::new();
        body.insert("@odata.context".to_owned(), json!(self.context(context)));
        body.extend(object.show(select.as_deref(), kinds == Kinds::Any));
        Ok(Answer::ok(Value::Object(body)))
    }

    fn list(&self, objects: Vec<Object>, kinds: Kinds, context: &str, membership: bool) -> Result<Answer, GraphError> {
        let select = self.select(kinds)?;
        let page = self.page(objects, kinds, membership)?;
        let typed = kinds == Kinds::Any || membership;
        let value: Vec<Value> = page
            .objects
            .iter()
            .map(|object| Value::Object(object.show(select.as_deref(), typed)))
            .collect();
        Ok(self.collection(context, &page, value))
    }

    fn references(&self, objects: Vec<Object>) -> Result<Answer, GraphError> {
        let page = self.page(objects, Kinds::Any, true)?;
        let base = &self.entra.options().graph_url;
        let value = page
            .objects
            .iter()
            .map(|object| json!({ "@odata.id": format!("{base}/v1.0/directoryObjects/{}", object.id()) }))
            .collect();
        Ok(self.collection("Collection($ref)", &page, value))
    }

    fn collection(&self, context: &str, page: &Page, value: Vec<Value>) -> Answer {
        let mut body = serde_json::Map::new();
        body.insert("@odata.context".to_owned(), json!(self.context(context)));
        if let Some(count) = page.count {
            body.insert("@odata.count".to_owned(), json!(count));
        }
        if let Some(next) = &page.next {
            body.insert("@odata.nextLink".to_owned(), json!(next));
        }
        body.insert("value".to_owned(), Value::Array(value));
        Answer::ok(Value::Object(body))
    }

    /// Filters and cuts a list that is ordered by id. The page token is the last id shown, so that members who come and
    /// go between two pages hide nobody else.
    fn page(&self, objects: Vec<Object>, kinds: Kinds, membership: bool) -> Result<Page, GraphError> {
        let eventual = self
            .call
            .header("consistencylevel")
            .is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        let counted = match self.call.parameter("$count") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(GraphError::bad_request(format!("'{other}' is no value of $count."))),
        };
        let filter = self.call.parameter("$filter").map(Filter::parse).transpose()?;
        if let Some(filter) = &filter {
            filter
                .properties()
                .iter()
                .try_for_each(|name| property_exists(name, kinds))?;
            // Graph serves filters on memberships only as advanced queries.
            if (membership || filter.is_advanced()) && !(eventual && counted) {
                return Err(GraphError::unsupported_query(
                    "This filter needs the header ConsistencyLevel: eventual and the query option $count=true.",
                ));
            }
        }
        let size = page_size(self.call.parameter("$top"))?;
        let after = self.call.parameter("$skiptoken").map(decode_page_token).transpose()?;
        let kept: Vec<Object> = objects
            .into_iter()
            .filter(|object| {
                filter
                    .as_ref()
                    .is_none_or(|filter| filter.matches(&|name| object.property(name)))
            })
            .collect();
        let count = (counted && eventual && after.is_none()).then_some(kept.len());
        let mut rest = kept
            .into_iter()
            .filter(|object| after.is_none_or(|after| object.id() > after));
        let objects: Vec<Object> = rest.by_ref().take(size).collect();
        let next = match (rest.next(), objects.last()) {
            (Some(_), Some(last)) => Some(self.next_link(last.id())),
            _ => None,
        };
        Ok(Page { objects, count, next })
    }

    fn next_link(&self, last: Uuid) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self
            .call
            .query
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"))
        {
            query.append_pair(name, value);
        }
        query.append_pair("$skiptoken", &URL_SAFE_NO_PAD.encode(last.as_bytes()));
        let base = &self.entra.options().graph_url;
        format!("{base}{}?{}", self.call.path, query.finish().replace("%24", "$"))
    }

    /// The members that can be on the page asked for, ordered by id. Looking somebody up by id, and turning pages, must
    /// not cost more the larger the group is.
    fn members_of(&self, view: &View<'_>, id: &str) -> Result<Vec<Object>, GraphError> {
        let group = group_of(view, id)?;
        let filter = self.call.parameter("$filter").map(Filter::parse).transpose()?;
        let mut members = Vec::new();
        if let Some(wanted) = filter.as_ref().and_then(Filter::wanted_ids) {
            for id in wanted
                .iter()
                .filter_map(|id| id.parse().ok())
                .collect::<BTreeSet<Uuid>>()
            {
                if view.is_member(group.id, id)? {
                    members.extend(view.live(id)?);
                }
            }
            return Ok(members);
        }
        let after = self.call.parameter("$skiptoken").map(decode_page_token).transpose()?;
        let counted = self.call.parameter("$count").is_some();
        let most = if filter.is_some() || counted {
            usize::MAX
        } else {
            page_size(self.call.parameter("$top"))? + 1
        };
        for id in view.member_ids(group.id, &after.map(|id| id.to_string()).unwrap_or_default())? {
            if members.len() >= most {
                break;
            }
            members.extend(view.live(id)?);
        }
        Ok(members)
    }

    fn owners(&self, view: &View<'_>, group: &Group) -> Result<Answer, GraphError> {
        let select = self.select(Kinds::Any)?;
        let app = self.entra.tenant().registrations().connector_client_id;
        let mut value = Vec::new();
        for owner in &group.owners {
            match view.live(*owner)? {
                Some(object) => value.push(Value::Object(object.show(select.as_deref(), true))),
                None if *owner == sim::stable_id("principal/hourglass-connector") => value.push(json!({
                    "@odata.type": "#microsoft.graph.servicePrincipal",
                    "id": owner,
                    "appId": app,
                    "displayName": "Hourglass connector",
                })),
                None => {}
            }
        }
        let page = Page {
            objects: Vec::new(),
            count: None,
            next: None,
        };
        Ok(self.collection("directoryObjects", &page, value))
    }

    fn check_member_groups(&self, view: &View<'_>, id: &str) -> Result<Answer, GraphError> {
        let body = self.call.json()?;
        let wanted = ids(only_field(&body, "groupIds")?, MAX_REFERENCES)?;
        let object = user_or_object(view, id)?;
        let held: BTreeSet<Uuid> = view
            .transitive_groups(object.id())?
            .iter()
            .map(|group| group.id)
            .collect();
        let value: BTreeSet<Uuid> = wanted.into_iter().filter(|group| held.contains(group)).collect();
        Ok(Answer::ok(
            json!({ "@odata.context": self.context("Collection(Edm.String)"), "value": value }),
        ))
    }

    fn by_ids(&self, view: &View<'_>) -> Result<Answer, GraphError> {
        let body = self.call.json()?;
        if let Some(unknown) = body.keys().find(|key| !matches!(key.as_str(), "ids" | "types")) {
            return Err(GraphError::bad_request(format!("Unknown parameter '{unknown}'.")));
        }
        let wanted = ids(body.get("ids").unwrap_or(&Value::Null), MAX_IDS)?;
        let types: Option<Vec<String>> = match body.get("types") {
            None => None,
            Some(types) => Some(
                serde_json::from_value(types.clone())
                    .map_err(|_| GraphError::bad_request("types must be a list of strings."))?,
            ),
        };
        let mut value = Vec::new();
        for id in wanted {
            let object = view.live(id)?.filter(|object| {
                types
                    .as_ref()
                    .is_none_or(|types| types.iter().any(|name| name.eq_ignore_ascii_case(object.kind())))
            });
            value.extend(object.map(|object| Value::Object(object.show(None, true))));
        }
        Ok(Answer::ok(
            json!({ "@odata.context": self.context("directoryObjects"), "value": value }),
        ))
    }

    fn auth_contexts(&self) -> Answer {
        let value = json!([{
            "id": self.entra.options().auth_context,
            "displayName": "Privileged approvals",
            "description": "Second factor for decisions in Hourglass",
            "isAvailable": true,
        }]);
        let context = self.context("identity/conditionalAccess/authenticationContextClassReferences");
        Answer::ok(json!({ "@odata.context": context, "value": value }))
    }
}

#[derive(Debug)]
struct Page {
    objects: Vec<Object>,
    count: Option<usize>,
    next: Option<String>,
}

fn page_size(top: Option<&str>) -> Result<usize, GraphError> {
    let Some(top) = top else { return Ok(DEFAULT_PAGE) };
    match top.parse::<usize>() {
        Ok(size) if (1..=MAX_PAGE).contains(&size) => Ok(size),
        _ => Err(GraphError::bad_request(format!(
            "Invalid page size specified: '{top}'. Must be between 1 and {MAX_PAGE} inclusive."
        ))),
    }
}

fn decode_page_token(token: &str) -> Result<Uuid, GraphError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| Uuid::from_slice(&bytes).ok())
        .ok_or_else(|| GraphError::bad_request("The specified page token value is invalid."))
}

fn property_exists(name: &str, kinds: Kinds) -> Result<(), GraphError> {
    if known_property(name, kinds) {
        return Ok(());
    }
    let kind = match kinds {
        Kinds::Users => "user",
        Kinds::Groups => "group",
        Kinds::Any => "directoryObject",
    };
    let message = format!("Could not find a property named '{name}' on type 'microsoft.graph.{kind}'.");
    Err(GraphError::new(400, "BadRequest", message))
}

/// The one field that a body must have, and that it may have.
fn only_field<'b>(body: &'b serde_json::Map<String, Value>, name: &str) -> Result<&'b Value, GraphError> {
    if let Some(unknown) = body.keys().find(|key| *key != name) {
        return Err(GraphError::bad_request(format!(
            "The simulated tenant takes '{name}' only, not '{unknown}'."
        )));
    }
    body.get(name)
        .ok_or_else(|| GraphError::bad_request(format!("The property '{name}' is missing.")))
}

fn ids(list: &Value, most: usize) -> Result<Vec<Uuid>, GraphError> {
    let list = list
        .as_array()
        .ok_or_else(|| GraphError::bad_request("A list of object ids is missing."))?;
    if list.is_empty() || list.len() > most {
        return Err(GraphError::bad_request(format!(
            "The list must have between 1 and {most} object ids."
        )));
    }
    list.iter().map(|id| guid(id.as_str().unwrap_or_default())).collect()
}

fn guid(id: &str) -> Result<Uuid, GraphError> {
    // Only the hyphenated form is an object id; the parser would take others.
    match id.parse() {
        Ok(parsed) if id.len() == 36 => Ok(parsed),
        _ => Err(GraphError::bad_request(format!("Invalid object identifier '{id}'."))),
    }
}

fn group_of(view: &View<'_>, id: &str) -> Result<Group, GraphError> {
    view.live(guid(id)?)?
        .and_then(into_group)
        .ok_or_else(|| GraphError::not_found(id))
}

/// A user by object id or sign-in name.
fn user_of(view: &View<'_>, id: &str) -> Result<Object, GraphError> {
    let found = match guid(id) {
        Ok(id) => view.live(id)?,
        Err(_) => view.by_name("user", id)?.into_iter().next(),
    };
    found
        .and_then(into_user)
        .map(Object::User)
        .ok_or_else(|| GraphError::not_found(id))
}

fn user_or_object(view: &View<'_>, id: &str) -> Result<Object, GraphError> {
    match guid(id) {
        Ok(guid) => view.live(guid)?.ok_or_else(|| GraphError::not_found(id)),
        Err(_) => user_of(view, id),
    }
}
