//! IAM Identity Center's SCIM endpoint, as far as it is read: `ServiceProviderConfig`, and users and groups by page.
//!
//! Everybody in the tenant counts as provisioned, as by Entra's own provisioning. As at AWS, groups are listed without their
//! members, a wrong tenant id is answered like a wrong token, and errors carry both `schema` and `schemas`. Writing is left
//! out: nothing of ours writes there yet. `GET /_calls` tells how often each operation was called, `POST /_faults` orders
//! trouble.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::extract::State as AxumState;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire::{ERROR_TYPE, Protocol};
use super::{Base, Faults};
use crate::entra::{Group, Tenant, User};
use crate::sim::{self, Clock, random_id, random_secret, stable_id};
use crate::system::write_private;

/// The most entries of one page, and how many it has if none are asked for.
const LARGEST_PAGE: usize = 100;
/// At AWS a token can be replaced without a gap, and no more than that.
const MOST_TOKENS: usize = 2;

/// The running service; clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct IdentityCenter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: String,
    tenant: Tenant,
    clock: Clock,
    faults: Faults,
    file: PathBuf,
    tokens: Mutex<BTreeSet<String>>,
}

/// What is kept between starts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    tokens: BTreeSet<String>,
}

impl IdentityCenter {
    /// Starts the service on `address` (port 0 picks a free one), with the tokens that are kept in `file`.
    ///
    /// # Errors
    /// When the address can't be bound or the file can't be read or written.
    pub async fn start(base: &Base, address: SocketAddr, tenant: Tenant, file: &Path) -> anyhow::Result<Self> {
        let (listener, url) = sim::bind(address).await.context("cannot bind IAM Identity Center")?;
        let kept: Kept = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).context("cannot read the tokens of IAM Identity Center")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error).context("cannot read the tokens of IAM Identity Center"),
        };
        let inner = Inner {
            url,
            tenant,
            clock: Arc::clone(&base.clock),
            faults: Faults::default(),
            file: file.to_owned(),
            tokens: Mutex::new(kept.tokens),
        };
        let center = Self { inner: Arc::new(inner) };
        let router = Router::new()
            .merge(center.inner.faults.routes())
            .fallback(any(dispatch))
            .layer(middleware::from_fn(sim::only_local_callers))
            .with_state(center.clone());
        let stop = base.shutdown.wait();
        base.shutdown.spawn(async move {
            if let Err(error) = sim::serve(listener, router, stop).await {
                tracing::error!(%error, "IAM Identity Center stopped");
            }
        });
        Ok(center)
    }

    /// Where the simulator is, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The SCIM endpoint, as the console of AWS shows it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}/{}/scim/v2", self.inner.url, tenant_id())
    }

    /// Faults that tests order, and how often each operation was called.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// Generates an access token, as an administrator does in the console of AWS.
    ///
    /// # Errors
    /// When there are two already, or it cannot be kept.
    pub fn generate_token(&self) -> anyhow::Result<SecretString> {
        let token = random_secret()?;
        let mut tokens = self.tokens();
        anyhow::ensure!(
            tokens.len() < MOST_TOKENS,
            "there are {MOST_TOKENS} access tokens: delete one"
        );
        tokens.insert(token.clone());
        self.keep(&tokens)?;
        Ok(SecretString::from(token))
    }

    /// Deletes an access token.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn delete_token(&self, token: &SecretString) -> anyhow::Result<()> {
        let mut tokens = self.tokens();
        tokens.remove(token.expose_secret());
        self.keep(&tokens)
    }

    /// Deletes all access tokens.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn delete_all_tokens(&self) -> anyhow::Result<()> {
        let mut tokens = self.tokens();
        tokens.clear();
        self.keep(&tokens)
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tokens: &BTreeSet<String>) -> anyhow::Result<()> {
        let kept = Kept { tokens: tokens.clone() };
        write_private(&self.inner.file, &serde_json::to_vec(&kept)?)
    }

    /// Whether a call has a token that counts, for the one tenant that there is.
    fn admits(&self, tenant: &str, headers: &HeaderMap) -> bool {
        let authorization = headers.get(header::AUTHORIZATION);
        let token = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        tenant == tenant_id() && token.is_some_and(|token| self.tokens().contains(token))
    }

    fn answer(&self, operation: &str, tenant: &str, count: usize, headers: &HeaderMap) -> Response {
        if !self.admits(tenant, headers) {
            return self.error(StatusCode::UNAUTHORIZED, "Request is not authorized");
        }
        let listed = match operation {
            "ServiceProviderConfig" => return scim(StatusCode::OK, &config()),
            "ListUsers" => self.inner.tenant.users().map(|users| list(&users, count, user)),
            "ListGroups" => self.inner.tenant.groups().map(|groups| list(&groups, count, group)),
            _ => return self.error(StatusCode::NOT_FOUND, "Resource not found"),
        };
        match listed {
            Ok(body) => scim(StatusCode::OK, &body),
            Err(error) => {
                tracing::error!(%error, "the tenant could not be read");
                self.error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
            }
        }
    }

    fn error(&self, status: StatusCode, detail: &str) -> Response {
        let schema = ["urn:ietf:params:scim:api:messages:2.0:Error"];
        let now = self.inner.clock.now();
        let body = json!({
            "schema": schema,
            "schemas": schema,
            "detail": detail,
            "status": status.as_str(),
            "exceptionRequestId": random_id().unwrap_or_default(),
            // As AWS writes it, which is not ISO 8601.
            "timeStamp": now.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        });
        scim(status, &body)
    }
}

/// The tenant id in the endpoint, the same on every machine.
fn tenant_id() -> String {
    stable_id("identity-center").to_string()
}

async fn dispatch(
    AxumState(center): AxumState<IdentityCenter>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path: Vec<&str> = uri.path().split('/').skip(1).collect();
    let [tenant, "scim", "v2", resource] = path.as_slice() else {
        return center.error(StatusCode::NOT_FOUND, "Resource not found");
    };
    let operation = match (method, *resource) {
        (Method::GET, "ServiceProviderConfig") => "ServiceProviderConfig",
        (Method::GET, "Users") => "ListUsers",
        (Method::GET, "Groups") => "ListGroups",
        _ => "Unknown",
    };
    let count = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "count")
        .map_or(Ok(LARGEST_PAGE), |(_, count)| count.parse());
    let work = async {
        match count {
            Ok(count @ 1..=LARGEST_PAGE) => center.answer(operation, tenant, count, &headers),
            _ => center.error(StatusCode::BAD_REQUEST, "count must be 1 to 100"),
        }
    };
    let answer = center.inner.faults.around(Protocol::RestJson, operation, work).await;
    if answer.headers().contains_key(ERROR_TYPE) {
        return center.error(answer.status(), "this fault was ordered");
    }
    answer
}

fn scim(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/scim+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn config() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "documentationUri": "https://docs.aws.amazon.com/singlesignon/latest/userguide/provision-automatically.html",
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "Authentication scheme using the OAuth Bearer Token Standard",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 1, "maxPayloadSize": 1_048_576},
        "filter": {"supported": true, "maxResults": LARGEST_PAGE},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": false},
    })
}

fn list<T>(all: &[T], count: usize, view: impl Fn(&T) -> Value) -> Value {
    let page: Vec<Value> = all.iter().take(count).map(view).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": all.len(),
        "itemsPerPage": page.len(),
        "startIndex": 1,
        "Resources": page,
    })
}

fn user(user: &User) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": stable_id(&format!("identity-center/user/{}", user.id)),
        "externalId": user.id,
        "meta": {"resourceType": "User", "created": user.created_at},
        "userName": user.user_principal_name,
        "name": {"givenName": user.given_name, "familyName": user.surname},
        "displayName": user.display_name,
        "active": user.account_enabled,
    })
}

fn group(group: &Group) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": stable_id(&format!("identity-center/group/{}", group.id)),
        "externalId": group.id,
        "meta": {"resourceType": "Group"},
        "displayName": group.display_name,
        // Always empty: AWS lists no members.
        "members": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{FaultOrder, Shutdown, State};

    /// With what keeps it running: it ends with its base.
    async fn start(folder: &Path) -> (IdentityCenter, Base) {
        let clock = sim::wall_clock();
        let base = Base {
            state: State::open(&folder.join("aws.db")).unwrap(),
            clock: Arc::clone(&clock),
            shutdown: Shutdown::new(),
        };
        let tenant = Tenant::open(&folder.join("entra.db"), clock).unwrap();
        crate::company::Company::seed(&tenant).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let center = IdentityCenter::start(&base, address, tenant, &folder.join("center.json"))
            .await
            .unwrap();
        (center, base)
    }

    async fn get(url: String, token: &str) -> (u16, Value) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()["content-type"], "application/scim+json");
        (status, answer.json().await.unwrap())
    }

    #[tokio::test]
    async fn a_token_reads_the_configuration_and_pages_of_users_and_groups() {
        let folder = tempfile::tempdir().unwrap();
        let (center, _base) = start(folder.path()).await;
        let token = center.generate_token().unwrap();
        let at = |path: &str| format!("{}/{path}", center.endpoint());
        let (status, config) = get(at("ServiceProviderConfig"), token.expose_secret()).await;
        assert_eq!((status, &config["patch"]["supported"]), (200, &json!(true)));
        let (_, one) = get(at("Users?count=1"), token.expose_secret()).await;
        assert_eq!(one["Resources"].as_array().unwrap().len(), 1);
        assert!(one["totalResults"].as_u64().unwrap() > 1);
        let (_, groups) = get(at("Groups"), token.expose_secret()).await;
        assert!(
            groups["Resources"]
                .as_array()
                .unwrap()
                .iter()
                .all(|group| group["members"] == json!([]))
        );
        for (path, expected) in [("Users?count=0", 400), ("Users?count=101", 400), ("Bulk", 404)] {
            assert_eq!(get(at(path), token.expose_secret()).await.0, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn a_wrong_token_and_a_wrong_tenant_are_answered_alike() {
        let folder = tempfile::tempdir().unwrap();
        let (center, _base) = start(folder.path()).await;
        let token = center.generate_token().unwrap();
        let users = format!("{}/Users", center.endpoint());
        let (status, error) = get(users.clone(), "wrong").await;
        assert_eq!((status, &error["status"]), (401, &json!("401")));
        assert_eq!(error["schema"], error["schemas"]);
        let other = format!("{}/other/scim/v2/Users", center.url());
        assert_eq!(get(other, token.expose_secret()).await.0, 401);
        center.delete_token(&token).unwrap();
        assert_eq!(get(users, token.expose_secret()).await.0, 401);
    }

    #[tokio::test]
    async fn two_tokens_at_most_outlive_a_restart_and_faults_look_like_scim() {
        let folder = tempfile::tempdir().unwrap();
        let (center, base) = start(folder.path()).await;
        let tokens = [center.generate_token().unwrap(), center.generate_token().unwrap()];
        assert!(center.generate_token().is_err());
        base.shutdown.finish().await;
        let (again, _base) = start(folder.path()).await;
        for token in &tokens {
            let url = format!("{}/Users", again.endpoint());
            assert_eq!(get(url, token.expose_secret()).await.0, 200);
        }
        again.faults().order(FaultOrder {
            answer: Some(429),
            ..FaultOrder::new("ListUsers")
        });
        let url = format!("{}/Users", again.endpoint());
        let (status, error) = get(url, tokens[0].expose_secret()).await;
        assert_eq!((status, &error["status"]), (429, &json!("429")));
        assert_eq!(again.faults().calls()["ListUsers"], 3);
    }
}
