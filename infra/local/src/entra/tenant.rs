//! The tenant's state: users, groups, memberships, app registrations and signing keys, kept in one SQLite file.
//!
//! Every change is one transaction that is committed before the call is answered. The file is in write-ahead mode with
//! `synchronous = NORMAL`: a killed process loses nothing that was answered (only a power cut could).
//!
//! Objects and memberships are never overwritten; a row says from when until when it was true. Reading "as of" an
//! earlier moment is therefore the same query with another time, which is how replication lag is imitated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::keys::{KeySet, SigningKey};
use super::objects::{Group, Object, User};
use crate::sim::{self, Clock};

/// How long changed objects and memberships remain readable "as of" an earlier time; also the longest replication lag
/// that can be ordered.
pub const HISTORY_SECONDS: i64 = 3_600;

/// Most objects that a walk through nested groups visits.
const NESTING_LIMIT: usize = 20_000;

/// Where the Conditional Access policies lie, once somebody has changed them.
const ACCESS_POLICIES: &str = "access_policies";
/// Graph permissions of the connector's app registration, as `docs/SECURITY.md` names them: those for all it can confirm.
const CONNECTOR_PERMISSIONS: &[&str] = &["GroupMember.ReadWrite.All", "User.Read.All", "Policy.Read.All"];

/// Delegated scopes of the API.
pub const API_SCOPES: &[&str] = &["Requests.ReadWrite", "Decisions.Write", "Admin.ReadWrite"];

/// App roles of the API.
pub const APP_ROLES: &[&str] = &["Requester", "Approver", "Admin", "Auditor"];

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS object (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL,
    valid_from INTEGER NOT NULL, valid_to INTEGER);
CREATE UNIQUE INDEX IF NOT EXISTS object_current ON object (id) WHERE valid_to IS NULL;
CREATE INDEX IF NOT EXISTS object_name ON object (kind, name);
CREATE INDEX IF NOT EXISTS object_id ON object (id);
CREATE TABLE IF NOT EXISTS member (
    seq INTEGER PRIMARY KEY, group_id TEXT NOT NULL, member_id TEXT NOT NULL,
    added_at INTEGER NOT NULL, removed_at INTEGER);
CREATE UNIQUE INDEX IF NOT EXISTS member_current ON member (group_id, member_id) WHERE removed_at IS NULL;
CREATE INDEX IF NOT EXISTS member_group ON member (group_id, member_id);
CREATE INDEX IF NOT EXISTS member_member ON member (member_id);
CREATE TABLE IF NOT EXISTS app (
    client_id TEXT PRIMARY KEY, name TEXT NOT NULL, principal_id TEXT NOT NULL, secret TEXT NOT NULL,
    permissions TEXT NOT NULL, tokens_valid_from INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS signing_key (
    seq INTEGER PRIMARY KEY, kid TEXT NOT NULL UNIQUE, pkcs8 BLOB NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS fault (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, remaining INTEGER);
CREATE TABLE IF NOT EXISTS call (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    route TEXT NOT NULL, status INTEGER NOT NULL, priority TEXT, client_id TEXT, in_batch INTEGER NOT NULL,
    fault TEXT);
CREATE TABLE IF NOT EXISTS budget (client_id TEXT PRIMARY KEY, milli_tokens INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS link (object_id TEXT PRIMARY KEY, kind TEXT NOT NULL, scim_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS link_member (
    group_id TEXT NOT NULL, member_id TEXT NOT NULL, PRIMARY KEY (group_id, member_id));
";

/// Why a call on the tenant's state failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// The file could not be read or written.
    #[error("the tenant's database failed")]
    Database(#[from] rusqlite::Error),
    /// A stored document is not what this version writes.
    #[error("a stored document of the tenant can't be read")]
    Document(#[from] serde_json::Error),
    /// The operating system gave no randomness.
    #[error(transparent)]
    Random(#[from] sim::RandomError),
    /// A signing key could not be made, read or used.
    #[error("the tenant's signing key failed")]
    Key,
    /// The file could not be prepared.
    #[error("the tenant's data file can't be prepared")]
    File(#[source] std::io::Error),
    /// No such object, or it is in the deleted items.
    #[error("there is no {kind} {id}")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// Its id or name.
        id: String,
    },
    /// Another object has that name or id.
    #[error("{0} is taken")]
    Taken(String),
    /// A value breaks a rule of the tenant.
    #[error("{0}")]
    Invalid(String),
}

impl TenantError {
    pub(crate) fn not_found(kind: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }
}

/// What the rest of the program needs to know about the tenant's app registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrations {
    /// The tenant's id.
    pub tenant_id: Uuid,
    /// Another company's tenant that the same OpenID provider serves.
    pub foreign_tenant_id: Uuid,
    /// Client id of the API, which is the audience of its tokens.
    pub api_client_id: Uuid,
    /// Client id of the request form, a public client that may ask for the API's scopes.
    pub form_client_id: Uuid,
    /// Client id of the connector.
    pub connector_client_id: Uuid,
}

/// Credentials of an app registration that signs in as itself.
#[derive(Debug, Clone)]
pub struct AppRegistration {
    /// Client id.
    pub client_id: Uuid,
    /// Display name.
    pub name: String,
    /// Object id of its service principal in the tenant.
    pub principal_id: Uuid,
    /// Client secret.
    pub client_secret: SecretString,
    /// Graph application permissions that an administrator consented to.
    pub permissions: Vec<String>,
    /// Access tokens issued before this moment are refused.
    pub tokens_valid_from: Timestamp,
}

/// The simulated tenant. Cheap to clone; all clones share one database connection.
#[derive(Clone)]
pub struct Tenant {
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    keys: Mutex<Option<Arc<KeySet>>>,
    clock: Clock,
    registrations: Registrations,
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant")
            .field("id", &self.inner.registrations.tenant_id)
            .finish_non_exhaustive()
    }
}

impl Tenant {
    /// Opens the tenant kept in the file `path`, and makes an empty one if there is none.
    ///
    /// # Errors
    /// When the file can't be opened or holds something else.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, TenantError> {
        make_private_file(path)?;
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch(SCHEMA)?;
        let registrations = Registrations {
            tenant_id: sim::stable_id("tenant/contoso.example"),
            foreign_tenant_id: sim::stable_id("tenant/fabrikam.example"),
            api_client_id: sim::stable_id("app/hourglass-api"),
            form_client_id: sim::stable_id("app/access-form"),
            connector_client_id: sim::stable_id("app/hourglass-connector"),
        };
        let now = clock.now().as_millisecond();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        register(
            &tx,
            ("hourglass-connector", "Hourglass connector"),
            registrations.connector_client_id,
            CONNECTOR_PERMISSIONS,
        )?;
        register(&tx, ("hourglass-api", "Hourglass"), registrations.api_client_id, &[])?;
        forget_history(&tx, now)?;
        tx.commit()?;
        Ok(Self {
            inner: Arc::new(Inner {
                connection: Mutex::new(connection),
                keys: Mutex::new(None),
                clock,
                registrations,
            }),
        })
    }

    /// The tenant's id and the client ids of its registrations.
    #[must_use]
    pub fn registrations(&self) -> &Registrations {
        &self.inner.registrations
    }

    /// The tenant's id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.inner.registrations.tenant_id
    }

    /// The tenant's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    // A poisoned lock only means that a test panicked while it held it; the database itself rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.inner.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from one consistent state: the present one, or the one `lag_seconds` ago.
    pub(crate) fn read<T, E: From<TenantError>>(
        &self,
        lag_seconds: i64,
        read: impl FnOnce(&View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let as_of = (lag_seconds > 0).then(|| self.now().as_millisecond() - lag_seconds.min(HISTORY_SECONDS) * 1000);
        let mut connection = self.lock();
        let tx = connection.transaction().map_err(TenantError::from)?;
        read(&View { connection: &tx, as_of })
    }

    /// Changes the state in one transaction; nothing is kept if `change` fails.
    pub(crate) fn write<T, E: From<TenantError>>(
        &self,
        change: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.now();
        let mut connection = self.lock();
        let tx = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(TenantError::from)?;
        let result = change(&Change { tx: &tx, now })?;
        tx.commit().map_err(TenantError::from)?;
        Ok(result)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`TenantError::Taken`] when the id or the sign-in name exists.
    pub fn create_user(&self, user: User) -> Result<(), TenantError> {
        self.write(|change| change.create(&Object::User(user)))
    }

    /// Adds a group.
    ///
    /// # Errors
    /// [`TenantError::Taken`] when the id exists (names of groups need not be unique).
    pub fn create_group(&self, group: Group) -> Result<(), TenantError> {
        self.write(|change| change.create(&Object::Group(group)))
    }

    /// Adds users, groups and memberships (group, member) in one transaction.
    ///
    /// # Errors
    /// [`TenantError::Taken`] when one of the ids or sign-in names exists.
    pub fn create_all(
        &self,
        users: Vec<User>,
        groups: Vec<Group>,
        memberships: Vec<(Uuid, Uuid)>,
    ) -> Result<(), TenantError> {
        self.write(|change| {
            for object in users
                .into_iter()
                .map(Object::User)
                .chain(groups.into_iter().map(Object::Group))
            {
                change.create(&object)?;
            }
            for (group, member) in memberships {
                change.add_member(group, member)?;
            }
            Ok(())
        })
    }

    /// The user with this object id, unless there is none or it is deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub fn user(&self, id: Uuid) -> Result<Option<User>, TenantError> {
        self.read(0, |view| Ok(view.live(id)?.and_then(into_user)))
    }

    /// The user with this sign-in name, whatever its case.
    ///
    /// # Errors
    /// When the database fails.
    pub fn user_by_name(&self, user_principal_name: &str) -> Result<Option<User>, TenantError> {
        self.read(0, |view| {
            Ok(view
                .by_name("user", user_principal_name)?
                .into_iter()
                .find_map(into_user))
        })
    }

    /// The group with this object id, unless there is none or it is deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub fn group(&self, id: Uuid) -> Result<Option<Group>, TenantError> {
        self.read(0, |view| Ok(view.live(id)?.and_then(into_group)))
    }

    /// All live users, ordered by object id.
    ///
    /// # Errors
    /// When the database fails.
    pub fn users(&self) -> Result<Vec<User>, TenantError> {
        self.read(0, |view| {
            Ok(view.all("user")?.into_iter().filter_map(into_user).collect())
        })
    }

    /// All live groups, ordered by object id.
    ///
    /// # Errors
    /// When the database fails.
    pub fn groups(&self) -> Result<Vec<Group>, TenantError> {
        self.read(0, |view| {
            Ok(view.all("group")?.into_iter().filter_map(into_group).collect())
        })
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`TenantError::NotFound`], or [`TenantError::Taken`] when the new sign-in name exists.
    pub fn update_user(&self, id: Uuid, edit: impl FnOnce(&mut User)) -> Result<(), TenantError> {
        self.write(|change| {
            let mut user = change
                .view()
                .live(id)?
                .and_then(into_user)
                .ok_or_else(|| TenantError::not_found("user", id))?;
            edit(&mut user);
            change.replace(&Object::User(user))
        })
    }

    /// Changes a group.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn update_group(&self, id: Uuid, edit: impl FnOnce(&mut Group)) -> Result<(), TenantError> {
        self.write(|change| {
            let mut group = change
                .view()
                .live(id)?
                .and_then(into_group)
                .ok_or_else(|| TenantError::not_found("group", id))?;
            edit(&mut group);
            change.replace(&Object::Group(group))
        })
    }

    /// Lets a user sign in or no longer.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn set_enabled(&self, user: Uuid, enabled: bool) -> Result<(), TenantError> {
        self.update_user(user, |user| user.account_enabled = enabled)
    }

    /// Moves a user or group to the deleted items. Its memberships and members are kept and come back with it.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn delete(&self, id: Uuid) -> Result<(), TenantError> {
        self.write(|change| change.set_deleted(id, true))
    }

    /// Brings a user or group back from the deleted items, with its memberships and members.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn restore(&self, id: Uuid) -> Result<(), TenantError> {
        self.write(|change| change.set_deleted(id, false))
    }

    /// Deletes a user or group for good, with its memberships and members.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn purge(&self, id: Uuid) -> Result<(), TenantError> {
        self.write(|change| change.purge(id))
    }

    /// Makes `member` a direct member of `group` as an administrator of the tenant would, whatever kind of group it is.
    /// Answers whether it was new.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn add_member(&self, group: Uuid, member: Uuid) -> Result<bool, TenantError> {
        self.write(|change| {
            change
                .view()
                .live(group)?
                .and_then(into_group)
                .ok_or_else(|| TenantError::not_found("group", group))?;
            change
                .view()
                .live(member)?
                .ok_or_else(|| TenantError::not_found("object", member))?;
            change.add_member(group, member)
        })
    }

    /// Ends a direct membership as an administrator of the tenant would. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_member(&self, group: Uuid, member: Uuid) -> Result<bool, TenantError> {
        self.write(|change| change.remove_member(group, member))
    }

    /// Object ids of the live direct members of a group, ordered.
    ///
    /// # Errors
    /// [`TenantError::NotFound`].
    pub fn members(&self, group: Uuid) -> Result<Vec<Uuid>, TenantError> {
        self.read(0, |view| {
            view.live(group)?
                .and_then(into_group)
                .ok_or_else(|| TenantError::not_found("group", group))?;
            Ok(view.members(group)?.iter().map(Object::id).collect())
        })
    }

    /// The true direct user members of every live group.
    ///
    /// # Errors
    /// When the database fails.
    pub fn state(&self) -> Result<BTreeMap<Uuid, Vec<Uuid>>, TenantError> {
        self.read(0, |view| {
            let mut state = BTreeMap::new();
            for group in view.all("group")? {
                let members = view.members(group.id())?;
                let users = members
                    .iter()
                    .filter(|member| member.kind() == "user")
                    .map(Object::id)
                    .collect();
                state.insert(group.id(), users);
            }
            Ok(state)
        })
    }

    /// Whether the tenant holds no user and no group.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_empty(&self) -> Result<bool, TenantError> {
        self.read(0, |view| {
            let any: bool = view
                .connection
                .query_row("SELECT EXISTS (SELECT 1 FROM object)", [], |row| row.get(0))?;
            Ok(!any)
        })
    }

    /// The connector's registration with its secret.
    ///
    /// # Errors
    /// When the database fails.
    pub fn connector(&self) -> Result<AppRegistration, TenantError> {
        let id = self.inner.registrations.connector_client_id;
        self.app(id)?.ok_or_else(|| TenantError::not_found("app", id))
    }

    /// The sign-in registration with its secret.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sign_in_app(&self) -> Result<AppRegistration, TenantError> {
        let id = self.inner.registrations.api_client_id;
        self.app(id)?.ok_or_else(|| TenantError::not_found("app", id))
    }

    /// The registration with this client id, if it is one that has a secret.
    pub(crate) fn app(&self, client_id: Uuid) -> Result<Option<AppRegistration>, TenantError> {
        self.read(0, |view| {
            view.connection
                .query_row(
                    "SELECT * FROM app WHERE client_id = ?1",
                    [client_id.to_string()],
                    app_row,
                )
                .optional()
                .map_err(TenantError::from)
        })
    }

    /// Gives the connector another set of Graph application permissions. Tokens issued earlier keep the old ones, as in
    /// Entra.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_connector_permissions(&self, permissions: &[String]) -> Result<(), TenantError> {
        let id = self.inner.registrations.connector_client_id;
        self.write(|change| {
            change.tx.execute(
                "UPDATE app SET permissions = ?2 WHERE client_id = ?1",
                params![id.to_string(), serde_json::to_string(permissions)?],
            )?;
            Ok(())
        })
    }

    /// Sets the Conditional Access policies, in the shape in which Graph shows them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_access_policies(&self, policies: &[Value]) -> Result<(), TenantError> {
        self.write(|change| {
            change.tx.execute(
                "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
                params![ACCESS_POLICIES, serde_json::to_string(policies)?],
            )?;
            Ok(())
        })
    }

    /// Replaces the connector's secret by a new random one and returns it. With `revoke_tokens`, access tokens issued
    /// until now are refused with 401 as well.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rotate_connector_secret(&self, revoke_tokens: bool) -> Result<SecretString, TenantError> {
        let id = self.inner.registrations.connector_client_id.to_string();
        let secret = SecretString::from(sim::random_secret()?);
        self.write(|change| {
            change.tx.execute(
                "UPDATE app SET secret = ?2 WHERE client_id = ?1",
                params![id, secret.expose_secret()],
            )?;
            if revoke_tokens {
                change.tx.execute(
                    "UPDATE app SET tokens_valid_from = ?2 WHERE client_id = ?1",
                    params![id, change.now.as_millisecond()],
                )?;
            }
            Ok::<_, TenantError>(())
        })?;
        Ok(secret)
    }

    /// The keys that sign the tenant's tokens, newest last; the first one is generated when it is first needed.
    pub(crate) fn keys(&self) -> Result<Arc<KeySet>, TenantError> {
        let mut cached = self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = cached.as_ref() {
            return Ok(Arc::clone(keys));
        }
        let mut stored = self.stored_keys()?;
        if stored.is_empty() {
            stored.push(self.add_key(false)?);
        }
        let keys = Arc::new(KeySet::new(stored)?);
        *cached = Some(Arc::clone(&keys));
        Ok(keys)
    }

    /// Makes a new signing key and returns its `kid`. The old keys stay published, as in a planned roll, unless
    /// `withdraw_old`, which is the emergency roll.
    ///
    /// # Errors
    /// When the key can't be made or stored.
    pub fn rotate_key(&self, withdraw_old: bool) -> Result<String, TenantError> {
        let key = self.add_key(withdraw_old)?;
        *self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(key.kid().to_owned())
    }

    fn stored_keys(&self) -> Result<Vec<SigningKey>, TenantError> {
        let rows = self.read(0, |view| {
            let mut statement = view.connection.prepare("SELECT pkcs8 FROM signing_key ORDER BY seq")?;
            let rows = statement
                .query_map([], |row| row.get::<_, Vec<u8>>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            Ok::<_, TenantError>(rows)
        })?;
        rows.iter().map(|pkcs8| SigningKey::from_pkcs8(pkcs8)).collect()
    }

    fn add_key(&self, withdraw_old: bool) -> Result<SigningKey, TenantError> {
        let key = SigningKey::generate()?;
        let pkcs8 = key.to_pkcs8()?;
        self.write(|change| {
            if withdraw_old {
                change.tx.execute("DELETE FROM signing_key", [])?;
            }
            change.tx.execute(
                "INSERT INTO signing_key (kid, pkcs8, created_at) VALUES (?1, ?2, ?3)",
                params![key.kid(), pkcs8, change.now.as_millisecond()],
            )?;
            Ok::<_, TenantError>(())
        })?;
        Ok(key)
    }
}

/// As an administrator makes it in the portal: require multifactor authentication, for everybody, every time.
fn usual_policy(context: &str) -> Value {
    json!({
        "id": sim::stable_id("policy/approvals"),
        "templateId": null,
        "displayName": "Require MFA for privileged approvals",
        "createdDateTime": "2026-01-12T08:00:00Z",
        "modifiedDateTime": null,
        "state": "enabled",
        "sessionControls": {"signInFrequency": {
            "value": null, "type": null, "authenticationType": "primaryAndSecondaryAuthentication",
            "frequencyInterval": "everyTime", "isEnabled": true,
        }},
        "conditions": {
            "userRiskLevels": [], "signInRiskLevels": [], "clientAppTypes": ["all"],
            "servicePrincipalRiskLevels": [], "platforms": null, "locations": null, "devices": null,
            "clientApplications": null,
            "applications": {
                "includeApplications": [], "excludeApplications": [], "includeUserActions": [],
                "includeAuthenticationContextClassReferences": [context], "applicationFilter": null,
            },
            "users": {
                "includeUsers": ["All"], "excludeUsers": [], "includeGroups": [], "excludeGroups": [],
                "includeRoles": [], "excludeRoles": [], "includeGuestsOrExternalUsers": null,
                "excludeGuestsOrExternalUsers": null,
            },
        },
        "grantControls": {
            "operator": "OR", "builtInControls": ["mfa"], "customAuthenticationFactors": [], "termsOfUse": [],
            "authenticationStrength": null,
        },
    })
}

/// The signing key lies in this file, so nobody else on the computer may read it.
fn make_private_file(path: &Path) -> Result<(), TenantError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop).map_err(TenantError::File)
}

fn register(
    tx: &Transaction<'_>,
    (principal, name): (&str, &str),
    client_id: Uuid,
    permissions: &[&str],
) -> Result<(), TenantError> {
    tx.execute(
        "INSERT OR IGNORE INTO app (client_id, name, principal_id, secret, permissions, tokens_valid_from)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        params![
            client_id.to_string(),
            name,
            sim::stable_id(&format!("principal/{principal}")).to_string(),
            sim::random_secret()?,
            serde_json::to_string(permissions)?,
        ],
    )?;
    Ok(())
}

fn forget_history(tx: &Transaction<'_>, now: i64) -> Result<(), TenantError> {
    let until = now - HISTORY_SECONDS * 1000;
    tx.execute("DELETE FROM member WHERE removed_at < ?1", [until])?;
    tx.execute("DELETE FROM object WHERE valid_to < ?1", [until])?;
    Ok(())
}

fn app_row(row: &Row<'_>) -> rusqlite::Result<AppRegistration> {
    let permissions: String = row.get("permissions")?;
    Ok(AppRegistration {
        client_id: id_column(row, "client_id")?,
        name: row.get("name")?,
        principal_id: id_column(row, "principal_id")?,
        client_secret: SecretString::from(row.get::<_, String>("secret")?),
        permissions: serde_json::from_str(&permissions).map_err(unreadable)?,
        tokens_valid_from: Timestamp::from_millisecond(row.get("tokens_valid_from")?).map_err(unreadable)?,
    })
}

fn id_column(row: &Row<'_>, name: &str) -> rusqlite::Result<Uuid> {
    row.get::<_, String>(name)?.parse().map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

pub(crate) fn into_user(object: Object) -> Option<User> {
    match object {
        Object::User(user) => Some(user),
        Object::Group(_) => None,
    }
}

pub(crate) fn into_group(object: Object) -> Option<Group> {
    match object {
        Object::Group(group) => Some(group),
        Object::User(_) => None,
    }
}

/// One consistent state of the directory: the present one, or an earlier one.
pub(crate) struct View<'c> {
    pub(crate) connection: &'c Connection,
    /// Milliseconds since 1970; `None` is now.
    as_of: Option<i64>,
}

impl View<'_> {
    /// The moment up to which rows count; far in the future for the present.
    fn moment(&self) -> i64 {
        self.as_of.unwrap_or(i64::MAX - 1)
    }

    /// The Conditional Access policies; before somebody changes them, one that demands a second factor of everybody who
    /// satisfies `context`.
    pub(crate) fn access_policies(&self, context: &str) -> Result<Vec<Value>, TenantError> {
        let stored: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
            .query_row([ACCESS_POLICIES], |row| row.get(0))
            .optional()?;
        Ok(match stored {
            Some(stored) => serde_json::from_str(&stored)?,
            None => vec![usual_policy(context)],
        })
    }

    /// The object with this id, deleted or not.
    pub(crate) fn object(&self, id: Uuid) -> Result<Option<Object>, TenantError> {
        let doc: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT doc FROM object
                 WHERE id = ?1 AND valid_from <= ?2 AND (valid_to IS NULL OR valid_to > ?2)
                 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(params![id.to_string(), self.moment()], |row| row.get(0))
            .optional()?;
        Ok(doc.map(|doc| serde_json::from_str(&doc)).transpose()?)
    }

    /// The object with this id, unless it is deleted.
    pub(crate) fn live(&self, id: Uuid) -> Result<Option<Object>, TenantError> {
        Ok(self.object(id)?.filter(|object| object.deleted_at().is_none()))
    }

    /// Live objects of a kind with this name, whatever its case.
    pub(crate) fn by_name(&self, kind: &str, name: &str) -> Result<Vec<Object>, TenantError> {
        self.select("AND name = ?3", kind, &name.to_lowercase())
    }

    /// All live objects of a kind, ordered by id.
    pub(crate) fn all(&self, kind: &str) -> Result<Vec<Object>, TenantError> {
        self.select("AND ?3 = ''", kind, "")
    }

    fn select(&self, condition: &str, kind: &str, name: &str) -> Result<Vec<Object>, TenantError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT doc FROM object
             WHERE kind = ?1 AND valid_from <= ?2 AND (valid_to IS NULL OR valid_to > ?2) {condition}
             ORDER BY id"
        ))?;
        let rows = statement.query_map(params![kind, self.moment(), name], |row| row.get::<_, String>(0))?;
        let mut objects = Vec::new();
        for doc in rows {
            let object: Object = serde_json::from_str(&doc?)?;
            if object.deleted_at().is_none() {
                objects.push(object);
            }
        }
        Ok(objects)
    }

    /// Ids of the recorded members of a group that come after `after`, ordered; deleted members are among them.
    pub(crate) fn member_ids(&self, group: Uuid, after: &str) -> Result<Vec<Uuid>, TenantError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT member_id FROM member
             WHERE group_id = ?1 AND member_id > ?3 AND added_at <= ?2 AND (removed_at IS NULL OR removed_at > ?2)
             ORDER BY member_id",
        )?;
        let rows = statement
            .query_map(params![group.to_string(), self.moment(), after], |row| {
                id_column(row, "member_id")
            })?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(rows)
    }

    /// The live direct members of a group, ordered by id.
    pub(crate) fn members(&self, group: Uuid) -> Result<Vec<Object>, TenantError> {
        let mut members = Vec::new();
        for id in self.member_ids(group, "")? {
            members.extend(self.live(id)?);
        }
        Ok(members)
    }

    /// Whether `member` is recorded as a direct member of `group`.
    pub(crate) fn is_member(&self, group: Uuid, member: Uuid) -> Result<bool, TenantError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT 1 FROM member
                 WHERE group_id = ?1 AND member_id = ?2 AND added_at <= ?3 AND (removed_at IS NULL OR removed_at > ?3)",
            )?
            .exists(params![group.to_string(), member.to_string(), self.moment()])?)
    }

    /// Live members of a group and of the groups nested in it, ordered by id.
    pub(crate) fn transitive_members(&self, group: Uuid) -> Result<Vec<Object>, TenantError> {
        let mut found = BTreeMap::new();
        let mut queue = VecDeque::from([group]);
        while let Some(next) = queue.pop_front() {
            for member in self.members(next)? {
                if found.len() >= NESTING_LIMIT {
                    return Err(TenantError::Invalid(format!(
                        "more than {NESTING_LIMIT} nested members"
                    )));
                }
                let id = member.id();
                if !found.contains_key(&id) && id != group {
                    if matches!(member, Object::Group(_)) {
                        queue.push_back(id);
                    }
                    found.insert(id, member);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Live groups that contain an object, directly or through other groups, ordered by id.
    pub(crate) fn transitive_groups(&self, member: Uuid) -> Result<Vec<Group>, TenantError> {
        let mut seen = BTreeSet::new();
        let mut groups = BTreeMap::new();
        let mut queue = VecDeque::from([member]);
        while let Some(next) = queue.pop_front() {
            for id in self.direct_groups(next)? {
                if seen.len() >= NESTING_LIMIT {
                    return Err(TenantError::Invalid(format!("more than {NESTING_LIMIT} nested groups")));
                }
                if seen.insert(id)
                    && let Some(group) = self.live(id)?.and_then(into_group)
                {
                    groups.insert(id, group);
                    queue.push_back(id);
                }
            }
        }
        Ok(groups.into_values().collect())
    }

    fn direct_groups(&self, member: Uuid) -> Result<Vec<Uuid>, TenantError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT group_id FROM member
             WHERE member_id = ?1 AND added_at <= ?2 AND (removed_at IS NULL OR removed_at > ?2)",
        )?;
        let rows = statement
            .query_map(params![member.to_string(), self.moment()], |row| {
                id_column(row, "group_id")
            })?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(rows)
    }
}

/// A transaction that changes the tenant.
pub(crate) struct Change<'c> {
    pub(crate) tx: &'c Transaction<'c>,
    pub(crate) now: Timestamp,
}

impl Change<'_> {
    /// The present state, with this transaction's own changes.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            connection: self.tx,
            as_of: None,
        }
    }

    /// The state `lag_seconds` before now.
    pub(crate) fn view_lagging(&self, lag_seconds: i64) -> View<'_> {
        let as_of = (lag_seconds > 0).then(|| self.now.as_millisecond() - lag_seconds.min(HISTORY_SECONDS) * 1000);
        View {
            connection: self.tx,
            as_of,
        }
    }

    fn create(&self, object: &Object) -> Result<(), TenantError> {
        let id = object.id();
        if self.view().object(id)?.is_some() {
            return Err(TenantError::Taken(format!("the id {id}")));
        }
        self.put(object)
    }

    /// Stores a new version of an object.
    pub(crate) fn replace(&self, object: &Object) -> Result<(), TenantError> {
        self.close(object.id())?;
        self.put(object)
    }

    fn close(&self, id: Uuid) -> Result<(), TenantError> {
        self.tx.execute(
            "UPDATE object SET valid_to = ?2 WHERE id = ?1 AND valid_to IS NULL",
            params![id.to_string(), self.now.as_millisecond()],
        )?;
        Ok(())
    }

    fn put(&self, object: &Object) -> Result<(), TenantError> {
        let (id, name) = (object.id(), object.lookup_name());
        if object.kind() == "user" && self.view().by_name("user", &name)?.iter().any(|other| other.id() != id) {
            return Err(TenantError::Taken(format!("the sign-in name {name}")));
        }
        if let Object::User(user) = object {
            check_roles(user)?;
        }
        self.tx.execute(
            "INSERT INTO object (id, kind, name, doc, valid_from) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                id.to_string(),
                object.kind(),
                name,
                serde_json::to_string(object)?,
                self.now.as_millisecond()
            ],
        )?;
        Ok(())
    }

    pub(crate) fn set_deleted(&self, id: Uuid, deleted: bool) -> Result<(), TenantError> {
        let found = self
            .view()
            .object(id)?
            .filter(|object| object.deleted_at().is_none() == deleted);
        let Some(mut object) = found else {
            return Err(TenantError::not_found(
                if deleted { "object" } else { "deleted object" },
                id,
            ));
        };
        object.set_deleted_at(deleted.then_some(self.now));
        self.replace(&object)
    }

    fn purge(&self, id: Uuid) -> Result<(), TenantError> {
        if self.view().object(id)?.is_none() {
            return Err(TenantError::not_found("object", id));
        }
        self.close(id)?;
        self.tx.execute(
            "UPDATE member SET removed_at = ?2 WHERE (group_id = ?1 OR member_id = ?1) AND removed_at IS NULL",
            params![id.to_string(), self.now.as_millisecond()],
        )?;
        Ok(())
    }

    /// Records a direct membership; answers whether it is new.
    pub(crate) fn add_member(&self, group: Uuid, member: Uuid) -> Result<bool, TenantError> {
        let added = self.tx.execute(
            "INSERT OR IGNORE INTO member (group_id, member_id, added_at) VALUES (?1, ?2, ?3)",
            params![group.to_string(), member.to_string(), self.now.as_millisecond()],
        )?;
        Ok(added == 1)
    }

    /// Ends a direct membership; answers whether there was one.
    pub(crate) fn remove_member(&self, group: Uuid, member: Uuid) -> Result<bool, TenantError> {
        let removed = self.tx.execute(
            "UPDATE member SET removed_at = ?3 WHERE group_id = ?1 AND member_id = ?2 AND removed_at IS NULL",
            params![group.to_string(), member.to_string(), self.now.as_millisecond()],
        )?;
        Ok(removed == 1)
    }
}

fn check_roles(user: &User) -> Result<(), TenantError> {
    match user.app_roles.iter().find(|role| !APP_ROLES.contains(&role.as_str())) {
        Some(role) => Err(TenantError::Invalid(format!(
            "there is no app role {role}; there are {}",
            APP_ROLES.join(", ")
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sim::ManualTime;

    /// A tenant in a temporary directory with a clock that stands still.
    pub(crate) fn scratch() -> (tempfile::TempDir, Arc<ManualTime>, Tenant) {
        let directory = tempfile::tempdir().unwrap();
        let time = ManualTime::new("2026-11-02T09:00:00Z".parse().unwrap());
        let tenant = Tenant::open(&directory.path().join("entra.db"), time.clone()).unwrap();
        (directory, time, tenant)
    }

    pub(crate) fn user(tenant: &Tenant, name: &str) -> Uuid {
        let id = sim::stable_id(name);
        tenant
            .create_user(User::new(id, &format!("{name}@contoso.example"), name, tenant.now()))
            .unwrap();
        id
    }

    pub(crate) fn group(tenant: &Tenant, name: &str) -> Uuid {
        let id = sim::stable_id(name);
        tenant.create_group(Group::new(id, name, tenant.now())).unwrap();
        id
    }

    #[test]
    fn everything_survives_reopening_without_closing() {
        let (directory, time, tenant) = scratch();
        let (dana, sre) = (user(&tenant, "dana"), group(&tenant, "sre"));
        assert!(tenant.add_member(sre, dana).unwrap());
        let kid = tenant.rotate_key(false).unwrap();
        let secret = tenant.rotate_connector_secret(false).unwrap();
        // The first connection is still open, as it would be if the process had been killed.
        let again = Tenant::open(&directory.path().join("entra.db"), time).unwrap();
        assert_eq!(again.members(sre).unwrap(), [dana]);
        assert_eq!(again.keys().unwrap().signing().kid(), kid);
        assert_eq!(
            again.connector().unwrap().client_secret.expose_secret(),
            secret.expose_secret()
        );
        assert!(!format!("{:?}", again.connector().unwrap()).contains(secret.expose_secret()));
    }

    #[test]
    fn a_failed_change_leaves_nothing_behind() {
        let (_directory, _time, tenant) = scratch();
        let (dana, sre) = (user(&tenant, "dana"), group(&tenant, "sre"));
        let result: Result<(), TenantError> = tenant.write(|change| {
            change.add_member(sre, dana)?;
            Err(TenantError::Invalid("changed my mind".to_owned()))
        });
        assert!(result.is_err());
        assert!(tenant.members(sre).unwrap().is_empty());
    }

    #[test]
    fn deleted_things_come_back_with_their_members() {
        let (_directory, time, tenant) = scratch();
        let (dana, sre) = (user(&tenant, "dana"), group(&tenant, "sre"));
        tenant.add_member(sre, dana).unwrap();
        time.advance_seconds(1);
        tenant.delete(sre).unwrap();
        assert!(tenant.group(sre).unwrap().is_none());
        assert!(tenant.state().unwrap().is_empty());
        assert!(matches!(tenant.delete(sre), Err(TenantError::NotFound { .. })));
        tenant.restore(sre).unwrap();
        assert_eq!(tenant.members(sre).unwrap(), [dana]);
        tenant.delete(dana).unwrap();
        assert!(tenant.members(sre).unwrap().is_empty());
        tenant.restore(dana).unwrap();
        assert_eq!(tenant.members(sre).unwrap(), [dana]);
        tenant.purge(dana).unwrap();
        assert!(tenant.members(sre).unwrap().is_empty());
        assert!(tenant.restore(dana).is_err());
    }

    #[test]
    fn a_lagging_view_shows_the_earlier_state() {
        let (_directory, time, tenant) = scratch();
        let (dana, sre) = (user(&tenant, "dana"), group(&tenant, "sre"));
        let seen = |lag| tenant.read(lag, |view| view.is_member(sre, dana)).unwrap();
        time.advance_seconds(100);
        tenant.add_member(sre, dana).unwrap();
        time.advance_seconds(5);
        assert!(seen(0) && seen(5) && !seen(6));
        tenant.remove_member(sre, dana).unwrap();
        assert!(!seen(0) && seen(3));
        time.advance_seconds(3);
        assert!(!seen(3));
        assert!(tenant.read(200, |view| view.live(dana)).unwrap().is_none());
    }

    #[test]
    fn names_of_users_are_unique_whatever_their_case() {
        let (_directory, _time, tenant) = scratch();
        let dana = user(&tenant, "dana");
        let kim = user(&tenant, "kim");
        let taken = tenant.update_user(kim, |user| user.user_principal_name = "DANA@contoso.example".to_owned());
        assert!(matches!(taken, Err(TenantError::Taken(_))));
        assert_eq!(tenant.user_by_name("Dana@Contoso.Example").unwrap().unwrap().id, dana);
        tenant
            .update_user(dana, |user| {
                user.user_principal_name = "dana.r@contoso.example".to_owned()
            })
            .unwrap();
        assert!(tenant.user_by_name("dana@contoso.example").unwrap().is_none());
        let role = tenant.update_user(dana, |user| {
            user.app_roles.insert("Owner".to_owned());
        });
        assert!(matches!(role, Err(TenantError::Invalid(_))));
    }

    #[test]
    fn nested_groups_are_walked_once_even_in_a_circle() {
        let (_directory, _time, tenant) = scratch();
        let (dana, outer, inner) = (user(&tenant, "dana"), group(&tenant, "outer"), group(&tenant, "inner"));
        tenant.add_member(outer, inner).unwrap();
        tenant.add_member(inner, outer).unwrap();
        tenant.add_member(inner, dana).unwrap();
        let members: BTreeSet<Uuid> = tenant
            .read(0, |view| view.transitive_members(outer))
            .unwrap()
            .iter()
            .map(Object::id)
            .collect();
        assert_eq!(members, BTreeSet::from([dana, inner]));
        let groups: BTreeSet<Uuid> = tenant
            .read(0, |view| view.transitive_groups(dana))
            .unwrap()
            .iter()
            .map(|group| group.id)
            .collect();
        assert_eq!(groups, BTreeSet::from([outer, inner]));
    }
}
