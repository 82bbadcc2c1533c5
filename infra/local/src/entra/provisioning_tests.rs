//! The provisioning client against a small SCIM endpoint that writes down every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::provisioning::{APPLICATION_ATTRIBUTE, Dialect, Provisioner, ProvisioningError, ScimTarget};
use super::test_bench::Bench;
use crate::company::Company;
use crate::sim;

#[derive(Debug, Clone, PartialEq)]
struct Seen {
    method: String,
    /// Path and query below `/scim/v2`, percent-decoded.
    target: String,
    body: Value,
}

#[derive(Default)]
struct Endpoint {
    resources: BTreeMap<String, Value>,
    members: BTreeMap<String, Vec<String>>,
    seen: Vec<Seen>,
    headers: Vec<HeaderMap>,
    /// Statuses to answer before anything else.
    trouble: Vec<u16>,
    /// User name whose creation is always refused.
    refused: Option<String>,
}

type Shared = Arc<Mutex<Endpoint>>;

async fn endpoint(State(state): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut state = state.lock().unwrap();
    let path = uri.path().strip_prefix("/scim/v2/").unwrap().to_owned();
    let query: BTreeMap<String, String> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let decoded = percent_encoding::percent_decode_str(&uri.to_string())
        .decode_utf8()
        .unwrap()
        .into_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    state.seen.push(Seen {
        method: method.to_string(),
        target: decoded.strip_prefix("/scim/v2").unwrap().to_owned(),
        body: body.clone(),
    });
    let authorized = headers
        .get("authorization")
        .is_some_and(|value| value == "Bearer scim-token");
    state.headers.push(headers);
    if !authorized {
        return (
            StatusCode::UNAUTHORIZED,
            json!({ "status": "401", "detail": "no" }).to_string(),
        )
            .into_response();
    }
    if let Some(status) = state.trouble.pop() {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let (status, answer) = state.answer(&method, &path, &query, body);
    (StatusCode::from_u16(status).unwrap(), answer.to_string()).into_response()
}

impl Endpoint {
    fn answer(&mut self, method: &Method, path: &str, query: &BTreeMap<String, String>, body: Value) -> (u16, Value) {
        let (kind, id) = path.split_once('/').unwrap_or((path, ""));
        match method.as_str() {
            "GET" if id.is_empty() => {
                let (attribute, value) = query["filter"].split_once(" eq ").unwrap();
                let value: Value = serde_json::from_str(value).unwrap();
                let found: Vec<&Value> = self
                    .resources
                    .values()
                    .filter(|resource| resource["kind"] == kind && resource[attribute] == value)
                    .collect();
                (200, json!({ "totalResults": found.len(), "Resources": found }))
            }
            "GET" => self
                .resources
                .get(id)
                .map_or((404, Value::Null), |resource| (200, resource.clone())),
            "POST" => {
                let name = body["userName"].as_str().map(str::to_owned);
                if name.is_some() && name == self.refused {
                    return (400, json!({ "detail": "not this one" }));
                }
                let taken = self
                    .resources
                    .values()
                    .any(|other| other["externalId"] == body["externalId"]);
                if taken {
                    return (409, json!({ "detail": "taken" }));
                }
                let id = format!("scim-{}", self.resources.len() + 1);
                let mut resource = body;
                resource["id"] = json!(id);
                resource["kind"] = json!(kind);
                self.resources.insert(id, resource.clone());
                (201, resource)
            }
            "PATCH" if !self.resources.contains_key(id) => (404, Value::Null),
            "PATCH" => {
                for operation in body["Operations"].as_array().unwrap() {
                    self.apply(id, operation);
                }
                (200, self.resources[id].clone())
            }
            "DELETE" => (if self.resources.remove(id).is_some() { 204 } else { 404 }, Value::Null),
            _ => (405, Value::Null),
        }
    }

    fn apply(&mut self, id: &str, operation: &Value) {
        let path = operation["path"].as_str().unwrap_or_default();
        if path.starts_with("members") {
            let members = self.members.entry(id.to_owned()).or_default();
            let listed = operation["value"].as_array().into_iter().flatten();
            let mut ids: Vec<String> = listed.map(|item| item["value"].as_str().unwrap().to_owned()).collect();
            ids.extend(path.split('"').nth(1).map(str::to_owned));
            assert!(!ids.is_empty(), "{operation}");
            members.retain(|member| !ids.contains(member));
            if operation["op"].as_str().unwrap().eq_ignore_ascii_case("add") {
                members.extend(ids);
            }
            return;
        }
        let resource = self.resources.get_mut(id).unwrap();
        if path.is_empty() {
            for (path, value) in operation["value"].as_object().unwrap() {
                set(resource, path, value.clone());
            }
        } else {
            set(resource, path, operation["value"].clone());
        }
    }
}

fn set(resource: &mut Value, path: &str, value: Value) {
    let value = match value.as_str() {
        Some("True") => json!(true),
        Some("False") => json!(false),
        _ => value,
    };
    if let Some((list, _)) = path.split_once('[') {
        resource[list] = json!([{ "type": "work", "value": value }]);
    } else if let Some((outer, inner)) = path.split_once('.').filter(|_| !path.starts_with("urn:")) {
        resource[outer][inner] = value;
    } else {
        resource[path] = value;
    }
}

struct Job {
    bench: Bench,
    endpoint: Shared,
    provisioner: Provisioner,
    url: String,
}

impl Job {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let endpoint = Shared::default();
        let router = Router::new().fallback(self::endpoint).with_state(Arc::clone(&endpoint));
        let (listener, base) = sim::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        tokio::spawn(sim::serve(listener, router, std::future::pending()));
        let url = format!("{base}/scim/v2");
        let target = ScimTarget::new(&url, SecretString::from("scim-token"), "contoso.example");
        let provisioner = Provisioner::new(bench.tenant.clone(), target).unwrap();
        Self {
            bench,
            endpoint,
            provisioner,
            url,
        }
    }

    /// A job whose first cycle is over.
    async fn synced() -> Self {
        let job = Self::new().await;
        let report = job.provisioner.sync_all().await.unwrap();
        assert_eq!(report.failures, Vec::<String>::new());
        job.endpoint.lock().unwrap().seen.clear();
        job
    }

    fn company(&self) -> &Company {
        &self.bench.company
    }

    /// The requests since the last look.
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.endpoint.lock().unwrap().seen)
    }

    fn patches(&self) -> Vec<Value> {
        let seen = self.seen();
        seen.into_iter()
            .filter(|seen| seen.method == "PATCH")
            .map(|seen| seen.body["Operations"].clone())
            .collect()
    }

    /// The id in the application of whatever has this external id.
    fn scim_id(&self, object: uuid::Uuid) -> String {
        let endpoint = self.endpoint.lock().unwrap();
        let found = endpoint
            .resources
            .values()
            .find(|resource| resource["externalId"] == json!(object));
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    fn members(&self, group: uuid::Uuid) -> usize {
        let id = self.scim_id(group);
        self.endpoint.lock().unwrap().members.get(&id).map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn the_first_cycle_creates_everything_and_the_second_nothing() {
    let job = Job::new().await;
    let report = job.provisioner.sync_all().await.unwrap();
    let users = job.bench.tenant.users().unwrap().len();
    let groups = job.bench.tenant.groups().unwrap().len();
    let members: usize = job.bench.tenant.state().unwrap().values().map(Vec::len).sum();
    assert_eq!(
        (report.users.created, report.groups.created, report.members_added),
        (users, groups, members)
    );
    assert_eq!(report.failed, 0);
    let seen = job.seen();
    assert!(
        seen[0].target.starts_with("/Users?filter=userName eq \""),
        "{}",
        seen[0].target
    );
    let dana = job.company().requester.id;
    let expected = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": dana,
        "userName": "dana.reyes@contoso.example",
        "active": true, "displayName": "Dana Reyes", "title": "Site reliability engineer",
        "emails": [{ "primary": true, "type": "work", "value": "dana.reyes@contoso.example" }],
        "name": { "givenName": "Dana", "familyName": "Reyes" },
        "phoneNumbers": [{ "type": "work", "value": "+1 (425) 555-0101" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Site Reliability" },
        "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User": { "application": "contoso.example" },
        "roles": [],
        "meta": { "resourceType": "User" }
    });
    let posted = |object: uuid::Uuid| {
        let position = seen
            .iter()
            .position(|seen| seen.method == "POST" && seen.body["externalId"] == json!(object));
        position.unwrap()
    };
    assert_eq!(seen[posted(dana)].body, expected);
    let looked = seen
        .iter()
        .position(|seen| seen.target == "/Users?filter=userName eq \"dana.reyes@contoso.example\"");
    assert!(looked.unwrap() < posted(dana));
    let sre = job.company().sre.id;
    assert_eq!(
        seen[posted(sre)].body,
        json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"
            ],
            "externalId": sre, "displayName": "sre", "meta": { "resourceType": "Group" }
        })
    );
    let match_first = format!("/Groups?excludedAttributes=members&filter=externalId eq \"{sre}\"");
    assert!(seen.iter().any(|seen| seen.target == match_first));
    let path = format!("/Groups/{}", job.scim_id(sre));
    let patch = seen
        .iter()
        .find(|seen| seen.method == "PATCH" && seen.target == path)
        .unwrap();
    assert_eq!(
        patch.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"])
    );
    let operation = &patch.body["Operations"][0];
    assert_eq!(
        (&operation["op"], &operation["path"]),
        (&json!("Add"), &json!("members"))
    );
    assert_eq!(operation["value"].as_array().unwrap().len(), 5);
    assert_eq!(operation["value"][0]["$ref"], Value::Null);
    {
        let endpoint = job.endpoint.lock().unwrap();
        assert!(
            endpoint
                .headers
                .iter()
                .all(|headers| !headers.contains_key("user-agent"))
        );
        assert!(endpoint.headers.iter().any(|headers| {
            headers
                .get("content-type")
                .is_some_and(|kind| kind == "application/scim+json; charset=utf-8")
        }));
    }
    let second = job.provisioner.sync_all().await.unwrap();
    assert_eq!((second.users.unchanged, second.groups.unchanged), (users, groups));
    assert!(job.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn changes_are_written_in_the_classic_dialect() {
    let job = Job::synced().await;
    let (sre, dana) = (job.company().sre.id, job.company().requester.id);
    job.provisioner.disable_user(dana).await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Replace", "path": "active", "value": "False" }])]
    );
    job.provisioner.enable_user(dana).await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Replace", "path": "active", "value": "True" }])]
    );
    job.provisioner
        .rename_user(dana, "dana.r@contoso.example", "Dana R.")
        .await
        .unwrap();
    assert_eq!(
        job.patches(),
        [json!([
            { "op": "Replace", "path": "userName", "value": "dana.r@contoso.example" },
            { "op": "Replace", "path": "displayName", "value": "Dana R." },
        ])]
    );
    job.provisioner.rename_group(sre, "reliability").await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Replace", "path": "displayName", "value": "reliability" }])]
    );
    let report = job.provisioner.remove_member(sre, dana).await.unwrap();
    assert_eq!(report.members_removed, 1);
    let value = json!([{ "$ref": null, "value": job.scim_id(dana) }]);
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Remove", "path": "members", "value": value }])]
    );
    job.provisioner.add_member(sre, dana).await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Add", "path": "members", "value": value }])]
    );
    // Somebody without a telephone gets one: the element has to be made.
    let without = job
        .bench
        .tenant
        .users()
        .unwrap()
        .into_iter()
        .find(|user| user.business_phone.is_none())
        .unwrap();
    job.bench
        .tenant
        .update_user(without.id, |user| user.business_phone = Some("+1 425".to_owned()))
        .unwrap();
    job.provisioner.push(without.id).await.unwrap();
    let phone = json!([{ "op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1 425" }]);
    assert_eq!(job.patches(), [phone]);
}

#[tokio::test]
async fn changes_are_written_in_the_newer_dialect() {
    let job = Job::synced().await;
    let newer = job.provisioner.with_dialect(Dialect::Optscim062020);
    let (sre, dana) = (job.company().sre.id, job.company().requester.id);
    job.bench
        .tenant
        .update_user(dana, |user| {
            user.account_enabled = false;
            user.given_name = Some("Dan".to_owned());
            user.mail = Some("dan@contoso.example".to_owned());
        })
        .unwrap();
    newer.push(dana).await.unwrap();
    let seen = job.seen();
    assert!(
        seen.iter().all(|seen| seen.target.contains("?aadOptscim062020")),
        "{seen:?}"
    );
    assert_eq!(
        seen.last().unwrap().body["Operations"],
        json!([
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "dan@contoso.example" },
            { "op": "replace", "value": { "active": false, "name.givenName": "Dan" } },
        ])
    );
    newer.remove_member(sre, dana).await.unwrap();
    let path = format!("members[value eq \"{}\"]", job.scim_id(dana));
    assert_eq!(job.patches(), [json!([{ "op": "remove", "path": path }])]);
    newer.add_member(sre, dana).await.unwrap();
    assert_eq!(job.patches()[0][0]["op"], "add");
    // The flag in the tenant URL selects the dialect as well.
    let flagged = ScimTarget::new(
        &format!("{}?aadOptscim062020", job.url),
        SecretString::from("scim-token"),
        "x",
    );
    let flagged = Provisioner::new(job.bench.tenant.clone(), flagged).unwrap();
    job.seen();
    flagged.push(dana).await.unwrap();
    let custom = json!([{ "op": "replace", "value": { APPLICATION_ATTRIBUTE: "x" } }]);
    assert_eq!(job.patches(), [custom]);
}

#[tokio::test]
async fn deleted_users_become_inactive_and_keep_their_groups() {
    let job = Job::synced().await;
    let (sre, dana) = (job.company().sre.id, job.company().requester.id);
    job.bench.tenant.delete(dana).unwrap();
    job.provisioner.sync_all().await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Replace", "path": "active", "value": "False" }])]
    );
    assert_eq!(job.members(sre), 5);
    job.bench.tenant.restore(dana).unwrap();
    job.provisioner.sync_all().await.unwrap();
    assert_eq!(
        job.patches(),
        [json!([{ "op": "Replace", "path": "active", "value": "True" }])]
    );
    let report = job.provisioner.delete_user(dana).await.unwrap();
    assert_eq!(report.users.deleted, 1);
    assert_eq!(job.seen().last().unwrap().method, "DELETE");
    let report = job.provisioner.delete_group(sre).await.unwrap();
    assert_eq!(report.groups.deleted, 1);
    job.bench.tenant.restore(sre).unwrap();
    let report = job.provisioner.push(sre).await.unwrap();
    assert_eq!((report.groups.created, report.members_added), (1, 4));
}

#[tokio::test]
async fn what_the_application_lost_or_already_has_is_matched_again() {
    let job = Job::synced().await;
    let (sre, dana) = (job.company().sre.id, job.company().requester.id);
    let lost = job.scim_id(sre);
    job.endpoint.lock().unwrap().resources.remove(&lost);
    let report = job.provisioner.push(sre).await.unwrap();
    assert_eq!((report.groups.created, report.members_added), (1, 5));
    // Another tenant file, as after a reinstallation: everything is found, nothing is made.
    let other = Bench::new().await;
    let target = ScimTarget::new(&job.url, SecretString::from("scim-token"), "contoso.example");
    let report = Provisioner::new(other.tenant.clone(), target)
        .unwrap()
        .push(dana)
        .await
        .unwrap();
    assert_eq!((report.users.unchanged, report.users.created), (1, 0));
}

#[tokio::test]
async fn trouble_is_ridden_out_and_one_bad_object_stops_nobody() {
    let job = Job::new().await;
    let dana = job.company().requester.clone();
    {
        let mut endpoint = job.endpoint.lock().unwrap();
        endpoint.trouble = vec![503, 429];
        endpoint.refused = Some(dana.user_name.clone());
    }
    let report = job.provisioner.sync_all().await.unwrap();
    assert_eq!(report.failed, 1);
    assert!(report.failures[0].starts_with(&dana.id.to_string()) && report.failures[0].contains("not this one"));
    assert_eq!(report.users.created, job.company().people().len() - 1);
    assert_eq!(job.members(job.company().sre.id), 4);
    job.endpoint.lock().unwrap().refused = None;
    let report = job.provisioner.sync_all().await.unwrap();
    assert_eq!((report.failed, report.users.created, report.members_added), (0, 1, 1));
    let target = ScimTarget::new(&job.url, SecretString::from("wrong"), "contoso.example");
    let refused = Provisioner::new(job.bench.tenant.clone(), target)
        .unwrap()
        .sync_all()
        .await;
    assert!(matches!(
        refused,
        Err(ProvisioningError::Refused {
            status: StatusCode::UNAUTHORIZED,
            ..
        })
    ));
}

#[tokio::test]
async fn a_cycle_can_be_started_by_hand() {
    let job = Job::new().await;
    job.bench.entra.set_provisioner(job.provisioner.clone());
    let all = job.bench.raw("POST", "/_admin/provision", "", &[]).await;
    assert_eq!((all.status, all.body["users"]["created"].clone()), (200, json!(44)));
    job.bench.tenant.set_enabled(job.company().requester.id, false).unwrap();
    let order = json!({ "object": job.company().requester.id }).to_string();
    let one = job.bench.raw("POST", "/_admin/provision", &order, &[]).await;
    assert_eq!(one.body["users"]["updated"], 1);
}
