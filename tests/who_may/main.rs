//! Who may what: every route of the API, for every kind of caller. Anything that is not on the table is denied, and a
//! route that is not on the table fails the test.

use std::collections::BTreeSet;

use hourglass_local::company::Company;
use hourglass_tests::{Person, Running};
use reqwest::Method;
use serde_json::{Value, json};

/// The kinds of callers, in the order of a row's letters.
const CALLERS: [&str; 7] = [
    "no token",
    "foreign tenant",
    "stranger",
    "requester",
    "approver",
    "admin",
    "auditor",
];

/// One row: method, path with `{request}`, `{grant}`, `{entitlement}` …, body, and for each caller `y` (is let in:
/// anything but 401, 403 and 404) or `-`.
struct Row {
    method: Method,
    path: &'static str,
    body: Option<Value>,
    let_in: &'static str,
}

fn row(method: Method, path: &'static str, body: Option<Value>, let_in: &'static str) -> Row {
    assert_eq!(let_in.len(), CALLERS.len(), "{path}");
    Row {
        method,
        path,
        body,
        let_in,
    }
}

/// All rows.
fn rows() -> Vec<Row> {
    table()
        .into_iter()
        .chain(administration())
        .chain(changes())
        .chain(by_hand())
        .chain(kill_switch())
        .collect()
}

/// The rows of proposed changes. There is none by that id.
fn changes() -> Vec<Row> {
    let post = |path| row(Method::POST, path, Some(json!({})), "-------");
    vec![
        row(Method::GET, "/v1/admin/changes", None, "-----y-"),
        row(Method::GET, "/v1/admin/changes/{request}", None, "-------"),
        post("/v1/admin/changes/{request}/apply"),
        post("/v1/admin/changes/{request}/withdraw"),
    ]
}

/// The rows of closing by hand. There is no proposal that could be confirmed.
fn by_hand() -> Vec<Row> {
    let path = "/v1/admin/grants/{grant}/close-by-hand";
    let evidence = json!({"evidence": "removed in the portal"});
    vec![
        row(Method::GET, path, None, "-----y-"),
        row(Method::POST, path, Some(evidence), "-----y-"),
        row(
            Method::POST,
            "/v1/admin/grants/{grant}/close-by-hand/confirm",
            Some(json!({"version": 1})),
            "-------",
        ),
    ]
}

/// The rows of the kill switch.
fn kill_switch() -> Vec<Row> {
    let post = |path, body: Value, let_in| row(Method::POST, path, Some(body), let_in);
    vec![
        row(Method::GET, "/v1/admin/kill-switch", None, "-----y-"),
        post("/v1/admin/kill-switch/preview", json!({"scope": "all"}), "-----y-"),
        post(
            "/v1/admin/kill-switch",
            json!({"scope": "all", "reason": "x", "confirmation": "x"}),
            "-----y-",
        ),
        post(
            "/v1/admin/kill-switch/release",
            json!({"scope": "all", "press": "x"}),
            "-----y-",
        ),
    ]
}

/// The table. The request, its grant and its timeline belong to the requester; the approver may decide on them.
fn table() -> Vec<Row> {
    let get = |path, let_in| row(Method::GET, path, None, let_in);
    let post = |path, body: Value, let_in| row(Method::POST, path, Some(body), let_in);
    vec![
        //                                                                      no   foreign stranger
        //                                                                      requester approver admin auditor
        get("/v1/me", "--yyyyy"),
        get("/v1/entitlements", "--yyyyy"),
        get("/v1/history", "--yyyyy"),
        get("/v1/history?whose=all", "-----yy"),
        get("/v1/requests/{request}", "---yyyy"),
        get("/v1/requests/{request}/events", "---yyyy"),
        get("/v1/requests/{request}/decisions", "-----yy"),
        // Nobody has decided on it with a passkey.
        get("/v1/requests/{request}/decisions/{decision}", "-------"),
        get("/v1/grants/{grant}", "---yyyy"),
        get("/v1/approvals", "----y--"),
        post(
            "/v1/requests",
            json!({"entitlement": "{other}", "duration": "9h", "justification": "x"}),
            "--yyyyy",
        ),
        post(
            "/v1/requests/preview",
            json!({"entitlement": "{other}", "duration": "9h", "justification": "x"}),
            "--yyyyy",
        ),
        get("/v1/delegations", "--yyyyy"),
        get("/v1/delegations?which=all", "-----yy"),
        post(
            "/v1/delegations",
            json!({"entitlement": "{other}", "delegate": "00000000-0000-0000-0000-000000000001"}),
            "----y--",
        ),
        row(Method::DELETE, "/v1/delegations/{entitlement}", None, "-------"),
        post("/v1/requests/{request}/cancel", json!({}), "---y---"),
        post(
            "/v1/requests/{request}/decisions",
            json!({"decision": "approve"}),
            "----y--",
        ),
        post("/v1/grants/{grant}/check-in", json!({}), "---y---"),
        post("/v1/grants/{grant}/revoke", json!({"reason": ""}), "----yy-"),
        post(
            "/v1/grants/{grant}/extend",
            json!({"duration": "9h", "justification": "x"}),
            "---y---",
        ),
    ]
}

/// The rows of the configuration.
fn administration() -> Vec<Row> {
    let get = |path, let_in| row(Method::GET, path, None, let_in);
    let post = |path, body: Value, let_in| row(Method::POST, path, Some(body), let_in);
    let put = |path, body: Value, let_in| row(Method::PUT, path, Some(body), let_in);
    vec![
        get("/v1/admin/applications", "-----y-"),
        post(
            "/v1/admin/applications",
            json!({"id": "x", "name": "x", "tenant": "x"}),
            "-----y-",
        ),
        post(
            "/v1/admin/applications/contoso.example/scim-tokens",
            json!({}),
            "-----y-",
        ),
        row(
            Method::DELETE,
            "/v1/admin/applications/contoso.example/scim-tokens/{scim_token}",
            None,
            "-----y-",
        ),
        get("/v1/admin/users", "-----y-"),
        get("/v1/admin/groups", "-----y-"),
        get("/v1/admin/entitlements", "-----y-"),
        post("/v1/admin/entitlements", json!({"name": "", "targets": []}), "-----y-"),
        get("/v1/admin/entitlements/{entitlement}", "-----y-"),
        get("/v1/admin/entitlements/{entitlement}/approvers", "-----y-"),
        put(
            "/v1/admin/entitlements/{entitlement}",
            json!({"name": "", "targets": []}),
            "-----y-",
        ),
        get("/v1/admin/entitlements/{entitlement}/drift", "-----y-"),
        put(
            "/v1/admin/entitlements/{entitlement}/drift",
            json!({"mode": "observe"}),
            "-----y-",
        ),
        get("/v1/admin/standing/{group}", "-----y-"),
        row(Method::PUT, "/v1/admin/standing/{group}/{account}", None, "-----y-"),
        row(Method::DELETE, "/v1/admin/standing/{group}/{account}", None, "-----y-"),
        get("/v1/admin/protected-accounts", "-----y-"),
        put("/v1/admin/protected-accounts", json!({"accounts": []}), "-----y-"),
        get("/v1/admin/links", "-----y-"),
        post("/v1/admin/links", json!({"users": []}), "-----y-"),
        get("/v1/admin/links/{user}", "-----y-"),
        row(Method::DELETE, "/v1/admin/links/{user}", None, "-----y-"),
        get("/v1/admin/link-attribute", "-----y-"),
        put("/v1/admin/link-attribute", json!({"attribute": null}), "-----y-"),
        get("/v1/admin/template", "-----y-"),
        put(
            "/v1/admin/template",
            json!({"default_approvers": {}, "durations": [], "request_ttl_seconds": 1}),
            "-----y-",
        ),
        get("/v1/admin/integrations/azure", "-----y-"),
        get("/v1/admin/auth-context", "-----y-"),
        put(
            "/v1/admin/integrations/azure",
            json!({"tenant_id": "00000000-0000-0000-0000-000000000000",
                "client_id": "00000000-0000-0000-0000-000000000000", "client_secret": "x"}),
            "-----y-",
        ),
        get("/v1/admin/integrations/aws", "-----y-"),
        put(
            "/v1/admin/integrations/aws",
            json!({"url": "https://evil.example", "access_token": "x"}),
            "-----y-",
        ),
        row(Method::DELETE, "/v1/admin/integrations/aws", None, "-----y-"),
        post("/v1/admin/probes", json!({"kind": "test_azure"}), "-----y-"),
        get("/v1/admin/probes/{probe}", "-----y-"),
    ]
}

/// The description's spelling of a row's path.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap_or(path);
    let named = [
        ("{request}", "{id}"),
        ("{grant}", "{id}"),
        ("{entitlement}", "{id}"),
        ("{probe}", "{id}"),
        ("contoso.example", "{id}"),
        ("{scim_token}", "{token}"),
    ];
    named
        .iter()
        .fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

#[test]
fn every_route_is_on_the_table() {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).expect("JSON");
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().expect("operations").keys();
            methods
                .map(move |method| format!("{} {path}", method.to_uppercase()))
                .collect::<Vec<_>>()
        })
        .collect();
    let known: BTreeSet<String> = rows()
        .iter()
        .map(|row| format!("{} {}", row.method, template(row.path)))
        .collect();
    assert_eq!(known, described);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_is_let_in_where_the_table_says_and_nowhere_else() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, admin) = (running.requester().await?, running.admin().await?);
    let stranger = running.person("freya.lindqvist@contoso.example").await?;
    let foreign_tenant = running.system.world.entra.tenant().registrations().foreign_tenant_id;
    let foreign = json!({"user": company.requester.user_name, "tenant": foreign_tenant});
    let callers: [Option<Person>; 7] = [
        None,
        Some(running.person_with(foreign).await?),
        Some(stranger),
        Some(dana.clone()),
        Some(running.approver().await?),
        Some(admin.clone()),
        Some(running.person(&company.auditor.user_name).await?),
    ];
    let (granted, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    let probe = running
        .post(&admin, "/v1/admin/probes", &json!({"kind": "test_azure"}))
        .await?
        .ok()?;
    let me = running.get(&dana, "/v1/me").await?.ok()?;
    let user = me["user"].as_str().unwrap_or_default().to_owned();
    let mut wrong = Vec::new();
    for row in rows() {
        for (at, (name, letter)) in CALLERS.iter().zip(row.let_in.chars()).enumerate() {
            let expected = letter == 'y';
            let applications = running.get(&admin, "/v1/admin/applications").await?.ok()?;
            let tokens = applications["items"][0]["scim_tokens"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let scim_token = tokens
                .last()
                .and_then(|token| token["id"].as_str())
                .unwrap_or_default()
                .to_owned();
            let path = row
                .path
                .replace("{request}", &granted)
                .replace("{grant}", &grant)
                .replace("{entitlement}", &running.entitlement())
                .replace("{group}", &company.prod_admins.id.to_string())
                .replace("{account}", &company.requester.id.to_string())
                .replace("{user}", &user)
                .replace("{probe}", probe["id"].as_str().unwrap_or_default())
                .replace("{scim_token}", &scim_token);
            let body = row
                .body
                .as_ref()
                .map(|body| body.to_string().replace("{other}", &running.entitlement()));
            let url = format!("{}{path}", running.system.ready.api);
            let mut request = running.http().request(row.method.clone(), url);
            if let Some(person) = &callers[at] {
                request = request.bearer_auth(&person.token);
            }
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body);
            }
            let answer = running.send(request).await?;
            let let_in = !matches!(answer.status, 401 | 403 | 404);
            if let_in != expected {
                wrong.push(format!("{} {} as {name}: {answer}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    running.system.stop().await;
    Ok(())
}
