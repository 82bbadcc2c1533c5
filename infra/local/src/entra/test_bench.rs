//! What the tests of the simulated tenant share: a seeded tenant behind both routers, without a network.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::tenant::tests::scratch;
use super::{Entra, Options, Tenant};
use crate::company::Company;
use crate::sim::ManualTime;

pub(super) const GRAPH: &str = "http://127.0.0.1:4001";
pub(super) const OIDC: &str = "http://127.0.0.1:4002";

pub(super) struct Bench {
    _directory: tempfile::TempDir,
    pub(super) time: Arc<ManualTime>,
    pub(super) tenant: Tenant,
    pub(super) entra: Entra,
    pub(super) company: Company,
    pub(super) token: String,
}

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Code and text of a Graph error.
    pub(super) fn error(&self) -> (&str, &str) {
        let error = &self.body["error"];
        (
            error["code"].as_str().unwrap_or("?"),
            error["message"].as_str().unwrap_or("?"),
        )
    }

    pub(super) fn ids(&self) -> Vec<&str> {
        self.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect()
    }
}

impl Bench {
    pub(super) async fn new() -> Self {
        let (directory, time, tenant) = scratch();
        let company = Company::seed(&tenant).unwrap();
        let entra = Entra::new(tenant.clone(), Options::new(GRAPH, OIDC));
        let mut bench = Self {
            _directory: directory,
            time,
            tenant,
            entra,
            company,
            token: String::new(),
        };
        bench.sign_in().await;
        bench
    }

    /// Fetches a new access token for the connector, with whatever permissions it has now.
    pub(super) async fn sign_in(&mut self) {
        let connector = self.tenant.connector().unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={GRAPH}/.default",
            connector.client_id,
            connector.client_secret.expose_secret()
        );
        let reply = self
            .oidc("POST", &format!("/{}/oauth2/v2.0/token", self.tenant.id()), &form, &[])
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.token = reply.body["access_token"].as_str().unwrap().to_owned();
    }

    pub(super) async fn permit(&mut self, permissions: &[&str]) {
        let permissions: Vec<String> = permissions.iter().map(ToString::to_string).collect();
        self.tenant.set_connector_permissions(&permissions).unwrap();
        self.sign_in().await;
    }

    pub(super) async fn oidc(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        send(self.entra.oidc_router(), method, path, body, headers).await
    }

    /// A call below `{graph}` with any headers.
    pub(super) async fn raw(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        send(self.entra.graph_router(), method, path, body, headers).await
    }

    /// A call on Graph with the connector's token and, if there is one, a JSON body.
    pub(super) async fn graph(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.raw(method, &format!("/v1.0{path}"), &body, &headers).await
    }

    /// An advanced query.
    pub(super) async fn advanced(&self, path: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("consistencylevel", "eventual")];
        self.raw("GET", &format!("/v1.0{path}"), "", &headers).await
    }

    pub(super) async fn add(&self, group: Uuid, member: Uuid) -> Reply {
        self.graph(
            "POST",
            &format!("/groups/{group}/members/$ref"),
            Some(json!({ "@odata.id": reference(member) })),
        )
        .await
    }

    pub(super) async fn remove(&self, group: Uuid, member: Uuid) -> Reply {
        self.graph("DELETE", &format!("/groups/{group}/members/{member}/$ref"), None)
            .await
    }

    pub(super) async fn fault(&self, order: Value) {
        let reply = self.raw("POST", "/_faults", &order.to_string(), &[]).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    }

    pub(super) fn has_member(&self, group: Uuid, member: Uuid) -> bool {
        self.tenant.members(group).unwrap().contains(&member)
    }
}

pub(super) fn reference(id: Uuid) -> String {
    format!("{GRAPH}/v1.0/directoryObjects/{id}")
}

async fn send(router: Router, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:4001");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .oneshot(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    assert_ne!(parts.status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}
