//! The provisioning client: pushes users, groups and memberships to an application's SCIM endpoint as Entra does.
//!
//! Per object it first looks for a match (`userName` for users, `externalId` for groups), then creates or patches what
//! differs, and remembers the link and the memberships it has sent. As in Entra, members are never read back; a user who
//! is deleted softly becomes inactive and keeps the memberships; only a user deleted for good is deleted in the
//! application. Per-object failures do not stop a cycle.
//!
//! Two dialects, as Entra has them: the classic one (`Replace` with a path, booleans as strings, members removed by a list
//! of values) and the one behind `?aadOptscim062020` (lower-case operations, real booleans, one path-less `replace`,
//! members removed by a value path). Attributes are `userName`, `active`, `displayName`,
//! `emails[type eq "work"].value`, `name.givenName`, `name.familyName`, `phoneNumbers[type eq "work"].value`, `title`,
//! the enterprise extension's `department`, `externalId` (mapped from the object id) and the constant [`APPLICATION_ATTRIBUTE`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode, redirect};
use rusqlite::{OptionalExtension, params};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::objects::{Group, Object, User};
use super::tenant::{Tenant, TenantError};
use crate::sim;

/// The custom attribute that names the application, mapped as a constant.
pub const APPLICATION_ATTRIBUTE: &str = "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User:application";

const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE_SCHEMA: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ADSCIM_SCHEMA: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const EMAIL: &str = "emails[type eq \"work\"].value";
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const PHONE: &str = "phoneNumbers[type eq \"work\"].value";

/// The query flag that selects the newer dialect.
const FLAG: &str = "aadOptscim062020";

/// Objects pushed at the same time.
const CONCURRENCY: usize = 8;
/// Members in one PATCH. Entra documents no number.
const MEMBERS_PER_PATCH: usize = 100;
/// Tries per request.
const TRIES: u32 = 4;
/// Time-out of one request, in seconds.
const REQUEST_TIMEOUT_SECONDS: u64 = 15;
/// First pause before a retry, in milliseconds; it doubles each time.
const FIRST_PAUSE_MS: u64 = 200;
/// Longest `Retry-After` that is waited for, in seconds.
const MAX_RETRY_AFTER_SECONDS: u64 = 5;
/// Failures that a report spells out; the rest is counted.
const FAILURES_LISTED: usize = 20;

/// Everything but unreserved characters is encoded in a query, spaces as `%20`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How changes are written; see the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Without a flag in the tenant URL.
    Classic,
    /// With `?aadOptscim062020`.
    Optscim062020,
}

/// An application's SCIM endpoint.
#[derive(Debug, Clone)]
pub struct ScimTarget {
    url: String,
    dialect: Dialect,
    token: SecretString,
    application: String,
}

impl ScimTarget {
    /// The endpoint at `tenant_url` (`…/scim/v2`, with `?aadOptscim062020` for the newer dialect), its bearer token, and
    /// the application's name, which is sent as a constant.
    #[must_use]
    pub fn new(tenant_url: &str, token: SecretString, application: &str) -> Self {
        let (url, flags) = tenant_url.split_once('?').unwrap_or((tenant_url, ""));
        let newer = flags.split('&').any(|flag| flag == FLAG);
        Self {
            url: url.trim_end_matches('/').to_owned(),
            dialect: if newer {
                Dialect::Optscim062020
            } else {
                Dialect::Classic
            },
            token,
            application: application.to_owned(),
        }
    }

    /// The same endpoint in another dialect. On-demand provisioning ignores the flag, so an application sees both.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }
}

/// Why something could not be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisioningError {
    /// The tenant's own state failed.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// The endpoint could not be reached.
    #[error("the SCIM endpoint could not be reached")]
    Unreachable(#[from] reqwest::Error),
    /// The endpoint refused.
    #[error("{method} {path} was answered {status}: {detail}")]
    Refused {
        /// Method of the refused request.
        method: Method,
        /// Its path below the tenant URL.
        path: String,
        /// The status.
        status: StatusCode,
        /// `detail` of the SCIM error.
        detail: String,
    },
    /// The endpoint accepted, but its answer lacks something.
    #[error("the answer to {0} has no id")]
    NoId(String),
}

/// What became of users or of groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Made in the application.
    pub created: usize,
    /// Patched there.
    pub updated: usize,
    /// Found as they should be.
    pub unchanged: usize,
    /// Deleted there.
    pub deleted: usize,
}

/// What a cycle did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// Memberships sent as added.
    pub members_added: usize,
    /// Memberships sent as removed.
    pub members_removed: usize,
    /// How many objects failed.
    pub failed: usize,
    /// The first failures, in words.
    pub failures: Vec<String>,
}

impl SyncReport {
    fn add(&mut self, other: Self) {
        for (mine, theirs) in [(&mut self.users, &other.users), (&mut self.groups, &other.groups)] {
            mine.created += theirs.created;
            mine.updated += theirs.updated;
            mine.unchanged += theirs.unchanged;
            mine.deleted += theirs.deleted;
        }
        self.members_added += other.members_added;
        self.members_removed += other.members_removed;
    }

    fn fail(&mut self, what: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES_LISTED {
            self.failures.push(what);
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Counts {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }
}

/// The provisioning job from one tenant to one application. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Provisioner {
    tenant: Tenant,
    target: Arc<ScimTarget>,
    client: Client,
}

impl Provisioner {
    /// A job that pushes `tenant` to `target`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(tenant: Tenant, target: ScimTarget) -> Result<Self, ProvisioningError> {
        let client = Client::builder()
            .timeout(Duration::from_secs(REQUEST_TIMEOUT_SECONDS))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            tenant,
            target: Arc::new(target),
            client,
        })
    }

    /// The same job writing another dialect.
    #[must_use]
    pub fn with_dialect(&self, dialect: Dialect) -> Self {
        let target = Arc::new(ScimTarget::clone(&self.target).with_dialect(dialect));
        Self { target, ..self.clone() }
    }

    /// Entra's *Test Connection*: looks for a user who does not exist.
    ///
    /// # Errors
    /// When the endpoint is unreachable, refuses, or does not answer with an empty list.
    pub async fn test_connection(&self) -> Result<(), ProvisioningError> {
        let nobody = sim::random_id().map_err(TenantError::from)?.to_string();
        self.find(Kind::User, "userName", &nobody).await.map(drop)
    }

    /// A full cycle: all users, then all groups with their members, then whatever is gone from the tenant.
    ///
    /// # Errors
    /// When the connection test or the tenant's own state fails; failures of single objects are in the report.
    pub async fn sync_all(&self) -> Result<SyncReport, ProvisioningError> {
        self.test_connection().await?;
        let mut report = SyncReport::default();
        let users: Vec<Uuid> = self.tenant.users()?.iter().map(|user| user.id).collect();
        let groups: Vec<Uuid> = self.tenant.groups()?.iter().map(|group| group.id).collect();
        let live: BTreeSet<Uuid> = users.iter().chain(&groups).copied().collect();
        let gone: Vec<Uuid> = self
            .tenant
            .linked()?
            .into_iter()
            .filter(|id| !live.contains(id))
            .collect();
        for stage in [users, groups, gone] {
            self.push_each(stage, &mut report).await;
        }
        Ok(report)
    }

    async fn push_each(&self, objects: Vec<Uuid>, report: &mut SyncReport) {
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut tasks = JoinSet::new();
        for object in objects {
            let (job, permits) = (self.clone(), Arc::clone(&permits));
            tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                (object, job.push(object).await)
            });
        }
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((_, Ok(one))) => report.add(one),
                Ok((object, Err(error))) => report.fail(format!("{object}: {error}")),
                Err(error) => report.fail(error.to_string()),
            }
        }
    }

    /// Pushes the present state of one user or group, as an incremental cycle or on-demand provisioning would.
    ///
    /// # Errors
    /// When the endpoint refuses or can't be reached, or there never was such an object.
    pub async fn push(&self, id: Uuid) -> Result<SyncReport, ProvisioningError> {
        let mut report = SyncReport::default();
        let object = self.tenant.read(0, |view| view.object(id))?;
        match object {
            Some(Object::User(user)) => self.push_user(&user, &mut report).await?,
            Some(Object::Group(group)) if group.deleted_at.is_none() => self.push_group(&group, &mut report).await?,
            Some(Object::Group(_)) | None => self.delete_linked(id, &mut report).await?,
        }
        Ok(report)
    }

    /// Disables the user in the tenant and pushes it.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn disable_user(&self, user: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.set_enabled(user, false)?;
        self.push(user).await
    }

    /// Enables the user in the tenant and pushes it.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn enable_user(&self, user: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.set_enabled(user, true)?;
        self.push(user).await
    }

    /// Gives the user another sign-in name and full name and pushes it.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn rename_user(&self, user: Uuid, name: &str, display: &str) -> Result<SyncReport, ProvisioningError> {
        self.tenant.update_user(user, |user| {
            name.clone_into(&mut user.user_principal_name);
            display.clone_into(&mut user.display_name);
        })?;
        self.push(user).await
    }

    /// Deletes the user for good and pushes it (softly deleted users only become inactive).
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn delete_user(&self, user: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.purge(user)?;
        self.push(user).await
    }

    /// Gives the group another name and pushes it.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn rename_group(&self, group: Uuid, display: &str) -> Result<SyncReport, ProvisioningError> {
        self.tenant
            .update_group(group, |group| display.clone_into(&mut group.display_name))?;
        self.push(group).await
    }

    /// Deletes the group and pushes it.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn delete_group(&self, group: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.delete(group)?;
        self.push(group).await
    }

    /// Makes the user a member of the group in the tenant and pushes the group.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn add_member(&self, group: Uuid, user: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.add_member(group, user)?;
        self.push(group).await
    }

    /// Ends the user's membership in the tenant and pushes the group.
    ///
    /// # Errors
    /// As [`Provisioner::push`].
    pub async fn remove_member(&self, group: Uuid, user: Uuid) -> Result<SyncReport, ProvisioningError> {
        self.tenant.remove_member(group, user)?;
        self.push(group).await
    }

    async fn push_user(&self, user: &User, report: &mut SyncReport) -> Result<(), ProvisioningError> {
        let wanted = user_attributes(user, &self.target.application);
        match self
            .locate(Kind::User, user.id, "userName", &user.user_principal_name)
            .await?
        {
            Some((id, resource)) => self.update(Kind::User, user.id, &id, &resource, wanted, report).await,
            // What is deleted before it was ever provisioned stays out.
            None if user.deleted_at.is_some() => Ok(()),
            None => {
                self.create(
                    Kind::User,
                    user.id,
                    ("userName", &user.user_principal_name),
                    user_body(&wanted),
                    report,
                )
                .await
            }
        }
    }

    async fn push_group(&self, group: &Group, report: &mut SyncReport) -> Result<(), ProvisioningError> {
        let wanted = vec![
            ("displayName", json!(group.display_name)),
            ("externalId", json!(group.id)),
        ];
        match self
            .locate(Kind::Group, group.id, "externalId", &group.id.to_string())
            .await?
        {
            Some((id, resource)) => {
                self.update(Kind::Group, group.id, &id, &resource, wanted, report)
                    .await?
            }
            None => {
                let mut body = Map::new();
                body.insert("schemas".to_owned(), json!([GROUP_SCHEMA, ADSCIM_SCHEMA]));
                body.extend(wanted.into_iter().map(|(name, value)| (name.to_owned(), value)));
                body.insert("meta".to_owned(), json!({ "resourceType": "Group" }));
                let key = ("externalId", group.id.to_string());
                self.create(Kind::Group, group.id, (key.0, &key.1), Value::Object(body), report)
                    .await?;
            }
        }
        self.push_members(group, report).await
    }

    async fn push_members(&self, group: &Group, report: &mut SyncReport) -> Result<(), ProvisioningError> {
        let Some(link) = self.tenant.link(group.id)? else {
            return Ok(());
        };
        let changes = self.tenant.member_changes(group.id)?;
        let path = format!("/Groups/{link}");
        for (adding, members) in [(true, changes.added), (false, changes.removed)] {
            for chunk in members.chunks(MEMBERS_PER_PATCH) {
                let ids: Vec<&str> = chunk.iter().map(|(_, scim)| scim.as_str()).collect();
                self.send(Method::PATCH, &path, &[], Some(&self.member_patch(adding, &ids)))
                    .await?
                    .accepted()?;
                self.tenant
                    .note_members(group.id, chunk.iter().map(|(object, _)| *object), adding)?;
                *(if adding {
                    &mut report.members_added
                } else {
                    &mut report.members_removed
                }) += chunk.len();
            }
        }
        Ok(())
    }

    fn member_patch(&self, adding: bool, ids: &[&str]) -> Value {
        let list: Vec<Value> = ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect();
        let operations = match (self.target.dialect, adding) {
            (Dialect::Classic, true) => json!([{ "op": "Add", "path": "members", "value": list }]),
            (Dialect::Classic, false) => json!([{ "op": "Remove", "path": "members", "value": list }]),
            (Dialect::Optscim062020, true) => json!([{ "op": "add", "path": "members", "value": list }]),
            (Dialect::Optscim062020, false) => ids
                .iter()
                .map(|id| json!({ "op": "remove", "path": format!("members[value eq {}]", quoted(id)) }))
                .collect(),
        };
        patch(operations)
    }

    /// The object's counterpart: by the remembered link, or by the matching attribute.
    async fn locate(
        &self,
        kind: Kind,
        object: Uuid,
        attribute: &str,
        value: &str,
    ) -> Result<Option<(String, Value)>, ProvisioningError> {
        if let Some(link) = self.tenant.link(object)? {
            let path = format!("{}/{link}", kind.path());
            let query: &[(&str, &str)] = if kind == Kind::Group {
                &[("excludedAttributes", "members")]
            } else {
                &[]
            };
            let answer = self.send(Method::GET, &path, query, None).await?;
            if answer.status != StatusCode::NOT_FOUND {
                return Ok(Some((link, answer.accepted()?)));
            }
            self.tenant.unlink(object)?;
        }
        let Some(resource) = self.find(kind, attribute, value).await? else {
            return Ok(None);
        };
        let id = id_of(&resource, kind.path())?;
        self.tenant.set_link(object, kind, &id)?;
        Ok(Some((id, resource)))
    }

    async fn find(&self, kind: Kind, attribute: &str, value: &str) -> Result<Option<Value>, ProvisioningError> {
        let filter = format!("{attribute} eq {}", quoted(value));
        let mut query = vec![("filter", filter.as_str())];
        if kind == Kind::Group {
            query.insert(0, ("excludedAttributes", "members"));
        }
        let list = self.send(Method::GET, kind.path(), &query, None).await?.accepted()?;
        Ok(list.get("Resources").and_then(|found| found.get(0)).cloned())
    }

    async fn create(
        &self,
        kind: Kind,
        object: Uuid,
        matching: (&str, &str),
        body: Value,
        report: &mut SyncReport,
    ) -> Result<(), ProvisioningError> {
        let answer = self.send(Method::POST, kind.path(), &[], Some(&body)).await?;
        // After a lost answer the retry meets the object that the first try made.
        let existing = if answer.status == StatusCode::CONFLICT {
            self.find(kind, matching.0, matching.1).await?
        } else {
            None
        };
        let resource = match existing {
            Some(found) => found,
            None => answer.accepted()?,
        };
        self.tenant.set_link(object, kind, &id_of(&resource, kind.path())?)?;
        report.of(kind).created += 1;
        Ok(())
    }

    async fn update(
        &self,
        kind: Kind,
        object: Uuid,
        id: &str,
        resource: &Value,
        wanted: Vec<(&'static str, Value)>,
        report: &mut SyncReport,
    ) -> Result<(), ProvisioningError> {
        let changed: Vec<Changed> = wanted
            .into_iter()
            .filter_map(|(path, value)| {
                let present = attribute(resource, path);
                (present != Some(&value)).then_some(Changed {
                    path,
                    value,
                    new: present.is_none(),
                })
            })
            .collect();
        if changed.is_empty() {
            report.of(kind).unchanged += 1;
            return Ok(());
        }
        let path = format!("{}/{id}", kind.path());
        let body = attribute_patch(self.target.dialect, &changed);
        let answer = self.send(Method::PATCH, &path, &[], Some(&body)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            self.tenant.unlink(object)?;
        }
        answer.accepted()?;
        report.of(kind).updated += 1;
        Ok(())
    }

    async fn delete_linked(&self, object: Uuid, report: &mut SyncReport) -> Result<(), ProvisioningError> {
        let Some((kind, id)) = self.tenant.link_of_any_kind(object)? else {
            return Ok(());
        };
        let answer = self
            .send(Method::DELETE, &format!("{}/{id}", kind.path()), &[], None)
            .await?;
        if answer.status != StatusCode::NOT_FOUND {
            answer.accepted()?;
        }
        self.tenant.unlink(object)?;
        report.of(kind).deleted += 1;
        Ok(())
    }

    fn address(&self, path: &str, query: &[(&str, &str)]) -> String {
        let flag = (self.target.dialect == Dialect::Optscim062020).then(|| FLAG.to_owned());
        let pairs = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)));
        let query: Vec<String> = flag.into_iter().chain(pairs).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{}", self.target.url, query.join("&"))
    }

    /// Sends a request, again after a pause when the endpoint is busy, broken or away. No `User-Agent`, as Entra.
    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, ProvisioningError> {
        let address = self.address(path, query);
        let mut pause_ms = FIRST_PAUSE_MS;
        let mut tried = 0;
        loop {
            tried += 1;
            let mut request = self
                .client
                .request(method.clone(), &address)
                .bearer_auth(self.target.token.expose_secret())
                .header("accept", "application/scim+json");
            if let Some(body) = body {
                request = request
                    .header("content-type", "application/scim+json; charset=utf-8")
                    .body(body.to_string());
            }
            let answer = request.send().await;
            let busy = match &answer {
                Ok(answer) => answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error(),
                Err(_) => true,
            };
            if !busy || tried >= TRIES {
                let answer = answer?;
                let status = answer.status();
                let text = answer.text().await?;
                let body = serde_json::from_str(&text).unwrap_or(Value::Null);
                return Ok(Reply {
                    method,
                    path: path.to_owned(),
                    status,
                    body,
                });
            }
            let named = answer
                .ok()
                .and_then(|answer| answer.headers().get("retry-after")?.to_str().ok()?.parse::<u64>().ok());
            let jitter = sim::random_bytes::<1>().map_or(0, |byte| u64::from(u8::from_be_bytes(byte)));
            let wait_ms = named.map_or(pause_ms, |seconds| seconds.min(MAX_RETRY_AFTER_SECONDS) * 1000) + jitter;
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            pause_ms *= 2;
        }
    }
}

struct Reply {
    method: Method,
    path: String,
    status: StatusCode,
    body: Value,
}

impl Reply {
    fn accepted(self) -> Result<Value, ProvisioningError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let detail = self
            .body
            .get("detail")
            .and_then(Value::as_str)
            .unwrap_or("no detail")
            .to_owned();
        Err(ProvisioningError::Refused {
            method: self.method,
            path: self.path,
            status: self.status,
            detail,
        })
    }
}

#[derive(Debug)]
struct Changed {
    path: &'static str,
    value: Value,
    /// The application shows no value yet.
    new: bool,
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH_SCHEMA], "Operations": operations })
}

fn attribute_patch(dialect: Dialect, changed: &[Changed]) -> Value {
    let operations = match dialect {
        Dialect::Classic => changed
            .iter()
            .map(|Changed { path, value, new }| {
                let value = match value {
                    Value::Bool(true) => json!("True"),
                    Value::Bool(false) => json!("False"),
                    other => other.clone(),
                };
                json!({ "op": if *new { "Add" } else { "Replace" }, "path": path, "value": value })
            })
            .collect(),
        Dialect::Optscim062020 => {
            let (by_path, plain): (Vec<&Changed>, Vec<&Changed>) =
                changed.iter().partition(|changed| changed.path.contains('['));
            let mut operations: Vec<Value> = by_path
                .into_iter()
                .map(|Changed { path, value, new }| {
                    json!({ "op": if *new { "add" } else { "replace" }, "path": path, "value": value })
                })
                .collect();
            if !plain.is_empty() {
                let value: Map<String, Value> = plain
                    .into_iter()
                    .map(|changed| (changed.path.to_owned(), changed.value.clone()))
                    .collect();
                operations.push(json!({ "op": "replace", "value": value }));
            }
            operations
        }
    };
    patch(Value::Array(operations))
}

/// The mapped attributes of a user; attributes without a value are skipped, as Entra does.
fn user_attributes(user: &User, application: &str) -> Vec<(&'static str, Value)> {
    let mut wanted = vec![
        ("userName", json!(user.user_principal_name)),
        ("active", json!(user.account_enabled && user.deleted_at.is_none())),
        ("displayName", json!(user.display_name)),
    ];
    let optional = [
        (EMAIL, &user.mail),
        ("name.givenName", &user.given_name),
        ("name.familyName", &user.surname),
        (PHONE, &user.business_phone),
        ("title", &user.job_title),
        (DEPARTMENT, &user.department),
    ];
    wanted.extend(
        optional
            .into_iter()
            .filter_map(|(path, value)| Some((path, json!(value.as_ref()?)))),
    );
    wanted.push(("externalId", json!(user.id)));
    wanted.push((APPLICATION_ATTRIBUTE, json!(application)));
    wanted
}

/// The body that creates a user. The URN of the custom extension is not listed in `schemas`, as in Entra.
fn user_body(wanted: &[(&'static str, Value)]) -> Value {
    let mut body = Map::new();
    body.insert("schemas".to_owned(), json!([USER_SCHEMA, ENTERPRISE_SCHEMA]));
    let mut name = Map::new();
    for (path, value) in wanted {
        match *path {
            EMAIL => {
                body.insert(
                    "emails".to_owned(),
                    json!([{ "primary": true, "type": "work", "value": value }]),
                );
            }
            PHONE => {
                body.insert("phoneNumbers".to_owned(), json!([{ "type": "work", "value": value }]));
            }
            APPLICATION_ATTRIBUTE | DEPARTMENT => {
                if let Some((schema, attribute)) = path.rsplit_once(':') {
                    body.insert(schema.to_owned(), json!({ attribute: value }));
                }
            }
            path => match path.strip_prefix("name.") {
                Some(part) => drop(name.insert(part.to_owned(), value.clone())),
                None => drop(body.insert(path.to_owned(), value.clone())),
            },
        }
    }
    if !name.is_empty() {
        body.insert("name".to_owned(), Value::Object(name));
    }
    body.insert("roles".to_owned(), json!([]));
    body.insert("meta".to_owned(), json!({ "resourceType": "User" }));
    Value::Object(body)
}

/// The value of a mapped attribute in a SCIM resource.
fn attribute<'r>(resource: &'r Value, path: &str) -> Option<&'r Value> {
    if let Some((list, _)) = path.split_once("[type eq ") {
        let values = resource.get(list)?.as_array()?;
        return values
            .iter()
            .find(|value| value.get("type").is_some_and(|kind| kind == "work"))?
            .get("value");
    }
    if path.starts_with("urn:") {
        let (schema, attribute) = path.rsplit_once(':')?;
        return resource.get(schema)?.get(attribute);
    }
    path.split('.').try_fold(resource, |inner, part| inner.get(part))
}

fn id_of(resource: &Value, path: &str) -> Result<String, ProvisioningError> {
    let id = resource.get("id").and_then(Value::as_str);
    id.map(str::to_owned)
        .ok_or_else(|| ProvisioningError::NoId(path.to_owned()))
}

/// Members whose membership the application has not been told of, or has to be told has ended: object id and SCIM id.
#[derive(Debug, Default)]
struct MemberChanges {
    added: Vec<(Uuid, String)>,
    removed: Vec<(Uuid, String)>,
}

/// What the provisioning job remembers, kept with the tenant.
impl Tenant {
    fn link(&self, object: Uuid) -> Result<Option<String>, TenantError> {
        Ok(self.link_of_any_kind(object)?.map(|(_, id)| id))
    }

    fn link_of_any_kind(&self, object: Uuid) -> Result<Option<(Kind, String)>, TenantError> {
        self.read(0, |view| {
            let mut statement = view
                .connection
                .prepare_cached("SELECT kind, scim_id FROM link WHERE object_id = ?1")?;
            let row = statement
                .query_row([object.to_string()], |row| {
                    let kind = if row.get::<_, String>(0)? == "user" {
                        Kind::User
                    } else {
                        Kind::Group
                    };
                    Ok((kind, row.get(1)?))
                })
                .optional()?;
            Ok(row)
        })
    }

    fn linked(&self) -> Result<Vec<Uuid>, TenantError> {
        self.read(0, |view| {
            let mut statement = view
                .connection
                .prepare("SELECT object_id FROM link ORDER BY object_id")?;
            let rows = statement
                .query_map([], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            Ok(rows.iter().filter_map(|id| id.parse().ok()).collect())
        })
    }

    /// Remembers a counterpart. A group that gets a new one starts without members there.
    fn set_link(&self, object: Uuid, kind: Kind, scim_id: &str) -> Result<(), TenantError> {
        self.write(|change| {
            change.tx.execute(
                "INSERT OR REPLACE INTO link (object_id, kind, scim_id) VALUES (?1, ?2, ?3)",
                params![object.to_string(), kind.name(), scim_id],
            )?;
            change
                .tx
                .execute("DELETE FROM link_member WHERE group_id = ?1", [object.to_string()])?;
            Ok(())
        })
    }

    fn unlink(&self, object: Uuid) -> Result<(), TenantError> {
        self.write(|change| {
            let id = object.to_string();
            change.tx.execute("DELETE FROM link WHERE object_id = ?1", [&id])?;
            change
                .tx
                .execute("DELETE FROM link_member WHERE group_id = ?1 OR member_id = ?1", [&id])?;
            Ok(())
        })
    }

    fn member_changes(&self, group: Uuid) -> Result<MemberChanges, TenantError> {
        self.read(0, |view| {
            // Softly deleted users count as members: their memberships are not taken away and not sent again.
            let wanted: BTreeSet<Uuid> = view.member_ids(group, "")?.into_iter().collect();
            let mut statement = view
                .connection
                .prepare_cached("SELECT member_id FROM link_member WHERE group_id = ?1")?;
            let sent = statement
                .query_map([group.to_string()], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            let sent: BTreeSet<Uuid> = sent.iter().filter_map(|id| id.parse().ok()).collect();
            let mut link = view
                .connection
                .prepare_cached("SELECT scim_id FROM link WHERE object_id = ?1 AND kind = 'user'")?;
            let mut changes = MemberChanges::default();
            let added = wanted.difference(&sent).map(|id| (true, *id));
            for (adding, id) in added.chain(sent.difference(&wanted).map(|id| (false, *id))) {
                // Only users are sent; members of nested groups are not expanded.
                let scim_id = link.query_row([id.to_string()], |row| row.get(0)).optional()?;
                let list = if adding {
                    &mut changes.added
                } else {
                    &mut changes.removed
                };
                list.extend(scim_id.map(|scim_id| (id, scim_id)));
            }
            Ok(changes)
        })
    }

    fn note_members(&self, group: Uuid, members: impl Iterator<Item = Uuid>, adding: bool) -> Result<(), TenantError> {
        self.write(|change| {
            for member in members {
                let statement = if adding {
                    "INSERT OR IGNORE INTO link_member (group_id, member_id) VALUES (?1, ?2)"
                } else {
                    "DELETE FROM link_member WHERE group_id = ?1 AND member_id = ?2"
                };
                change
                    .tx
                    .execute(statement, params![group.to_string(), member.to_string()])?;
            }
            Ok(())
        })
    }
}
