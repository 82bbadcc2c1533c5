//! Users and groups of the simulated tenant, and the properties of them that Graph shows.
//!
//! Property names and nullability follow the `user` and `group` types of Graph v1.0's metadata.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A user of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// Object id.
    pub id: Uuid,
    /// Sign-in name, unique in the tenant without regard to case.
    pub user_principal_name: String,
    /// Full name as people read it.
    pub display_name: String,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub surname: Option<String>,
    /// Primary mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// Office telephone number, exactly as the company writes it.
    #[serde(default)]
    pub business_phone: Option<String>,
    /// Department.
    #[serde(default)]
    pub department: Option<String>,
    /// Job title.
    #[serde(default)]
    pub job_title: Option<String>,
    /// Personnel number.
    #[serde(default)]
    pub employee_id: Option<String>,
    /// `Member` or `Guest`.
    #[serde(default = "member_type")]
    pub user_type: String,
    /// Whether the account may sign in.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// `true`: mastered in an on-premises directory.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
    /// App roles of the API that are assigned to the user (`Requester`, `Approver`, `Admin`, `Auditor`).
    #[serde(default)]
    pub app_roles: BTreeSet<String>,
    /// When the object was made.
    pub created_at: Timestamp,
    /// When it was moved to the deleted items; `None` while it is alive.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

/// A group of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Object id.
    pub id: Uuid,
    /// Name as people read it.
    pub display_name: String,
    /// What the group is for.
    #[serde(default)]
    pub description: Option<String>,
    /// `DynamicMembership` and `Unified`, or empty for a plain security group.
    #[serde(default)]
    pub group_types: Vec<String>,
    /// `true`: mastered on premises; `false`: was once; `None`: made in the cloud.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
    /// Whether directory roles can be assigned to the group.
    #[serde(default)]
    pub is_assignable_to_role: bool,
    /// Whether the group lies in a restricted management administrative unit.
    #[serde(default)]
    pub is_management_restricted: bool,
    /// Whether the group receives mail.
    #[serde(default)]
    pub mail_enabled: bool,
    /// Whether the group is a security principal.
    #[serde(default = "yes")]
    pub security_enabled: bool,
    /// Mail alias.
    #[serde(default)]
    pub mail_nickname: Option<String>,
    /// Rule of a dynamic group.
    #[serde(default)]
    pub membership_rule: Option<String>,
    /// Object ids of the owners (users or service principals).
    #[serde(default)]
    pub owners: BTreeSet<Uuid>,
    /// When the object was made.
    pub created_at: Timestamp,
    /// When it was moved to the deleted items; `None` while it is alive.
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
}

/// Anything that can be a member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "doc", rename_all = "lowercase")]
pub enum Object {
    /// A user.
    User(User),
    /// A group (nested).
    Group(Group),
}

fn member_type() -> String {
    "Member".to_owned()
}

fn yes() -> bool {
    true
}

impl User {
    /// An enabled member account with no optional properties.
    #[must_use]
    pub fn new(id: Uuid, user_principal_name: &str, display_name: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            user_principal_name: user_principal_name.to_owned(),
            display_name: display_name.to_owned(),
            given_name: None,
            surname: None,
            mail: None,
            business_phone: None,
            department: None,
            job_title: None,
            employee_id: None,
            user_type: member_type(),
            account_enabled: true,
            on_premises_sync_enabled: None,
            app_roles: BTreeSet::new(),
            created_at,
            deleted_at: None,
        }
    }
}

impl Group {
    /// A plain cloud security group.
    #[must_use]
    pub fn new(id: Uuid, display_name: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            display_name: display_name.to_owned(),
            description: None,
            group_types: Vec::new(),
            on_premises_sync_enabled: None,
            is_assignable_to_role: false,
            is_management_restricted: false,
            mail_enabled: false,
            security_enabled: true,
            mail_nickname: None,
            membership_rule: None,
            owners: BTreeSet::new(),
            created_at,
            deleted_at: None,
        }
    }

    /// Whether a rule decides the members.
    #[must_use]
    pub fn is_dynamic(&self) -> bool {
        self.group_types.iter().any(|kind| kind == "DynamicMembership")
    }

    /// Whether this is a Microsoft 365 group.
    #[must_use]
    pub fn is_unified(&self) -> bool {
        self.group_types.iter().any(|kind| kind == "Unified")
    }
}

impl Object {
    /// Object id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        match self {
            Self::User(user) => user.id,
            Self::Group(group) => group.id,
        }
    }

    /// `user` or `group`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Group(_) => "group",
        }
    }

    /// When the object was deleted, if it was.
    #[must_use]
    pub fn deleted_at(&self) -> Option<Timestamp> {
        match self {
            Self::User(user) => user.deleted_at,
            Self::Group(group) => group.deleted_at,
        }
    }

    pub(crate) fn set_deleted_at(&mut self, deleted_at: Option<Timestamp>) {
        match self {
            Self::User(user) => user.deleted_at = deleted_at,
            Self::Group(group) => group.deleted_at = deleted_at,
        }
    }

    /// The name under which the object is looked up, in lower case.
    pub(crate) fn lookup_name(&self) -> String {
        match self {
            Self::User(user) => user.user_principal_name.to_lowercase(),
            Self::Group(group) => group.display_name.to_lowercase(),
        }
    }

    pub(crate) fn odata_type(&self) -> &'static str {
        match self {
            Self::User(_) => "#microsoft.graph.user",
            Self::Group(_) => "#microsoft.graph.group",
        }
    }

    /// The value of one Graph property; `None` if the type has no such property.
    pub(crate) fn property(&self, name: &str) -> Option<Value> {
        match self {
            Self::User(user) => user_property(user, name),
            Self::Group(group) => group_property(group, name),
        }
    }

    /// The object as Graph shows it: the selected properties, or the default ones when nothing is selected. `typed` adds
    /// `@odata.type`, which Graph does in lists of mixed kinds.
    pub(crate) fn show(&self, select: Option<&[String]>, typed: bool) -> Map<String, Value> {
        let mut shown = Map::new();
        if typed {
            shown.insert("@odata.type".to_owned(), json!(self.odata_type()));
        }
        let default = match self {
            Self::User(_) => USER_DEFAULTS,
            Self::Group(_) => GROUP_DEFAULTS,
        };
        let mut put = |name: &str| {
            if let Some(value) = self.property(name) {
                shown.insert(name.to_owned(), value);
            }
        };
        match select {
            Some(names) => names.iter().for_each(|name| put(name)),
            None => default.iter().for_each(|name| put(name)),
        }
        shown
    }
}

const USER_DEFAULTS: &[&str] = &[
    "id",
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

const GROUP_DEFAULTS: &[&str] = &[
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "securityEnabled",
    "securityIdentifier",
    "uniqueName",
    "visibility",
];

fn user_property(user: &User, name: &str) -> Option<Value> {
    Some(match name {
        "id" => json!(user.id),
        "accountEnabled" => json!(user.account_enabled),
        "businessPhones" => json!(user.business_phone.iter().collect::<Vec<_>>()),
        "createdDateTime" => json!(user.created_at),
        "deletedDateTime" => json!(user.deleted_at),
        "department" => json!(user.department),
        "displayName" => json!(user.display_name),
        "employeeId" => json!(user.employee_id),
        "givenName" => json!(user.given_name),
        "jobTitle" => json!(user.job_title),
        "mail" => json!(user.mail),
        "onPremisesSyncEnabled" => json!(user.on_premises_sync_enabled),
        "securityIdentifier" => json!(security_identifier(user.id)),
        "surname" => json!(user.surname),
        "userPrincipalName" => json!(user.user_principal_name),
        "userType" => json!(user.user_type),
        "isManagementRestricted"
        | "isResourceAccount"
        | "mobilePhone"
        | "officeLocation"
        | "onPremisesDistinguishedName"
        | "onPremisesDomainName"
        | "onPremisesImmutableId"
        | "onPremisesSamAccountName"
        | "onPremisesSecurityIdentifier"
        | "onPremisesUserPrincipalName"
        | "preferredLanguage"
        | "signInSessionsValidFromDateTime" => Value::Null,
        _ => return None,
    })
}

fn group_property(group: &Group, name: &str) -> Option<Value> {
    Some(match name {
        "id" => json!(group.id),
        "createdDateTime" => json!(group.created_at),
        "deletedDateTime" => json!(group.deleted_at),
        "description" => json!(group.description),
        "displayName" => json!(group.display_name),
        "groupTypes" => json!(group.group_types),
        // Graph shows null, not false, on groups that were made without the property.
        "isAssignableToRole" => json!(group.is_assignable_to_role.then_some(true)),
        "isManagementRestricted" => json!(group.is_management_restricted),
        "mail" if group.mail_enabled => {
            json!(
                group
                    .mail_nickname
                    .as_ref()
                    .map(|alias| format!("{alias}@contoso.example"))
            )
        }
        "mailEnabled" => json!(group.mail_enabled),
        "mailNickname" => json!(group.mail_nickname),
        "membershipRule" => json!(group.membership_rule),
        "membershipRuleProcessingState" => json!(group.is_dynamic().then_some("On")),
        "onPremisesSyncEnabled" => json!(group.on_premises_sync_enabled),
        "onPremisesLastSyncDateTime" if group.on_premises_sync_enabled == Some(true) => json!(group.created_at),
        "securityEnabled" => json!(group.security_enabled),
        "securityIdentifier" => json!(security_identifier(group.id)),
        "mail"
        | "classification"
        | "expirationDateTime"
        | "onPremisesDomainName"
        | "onPremisesLastSyncDateTime"
        | "onPremisesNetBiosName"
        | "onPremisesSamAccountName"
        | "onPremisesSecurityIdentifier"
        | "uniqueName"
        | "visibility" => Value::Null,
        _ => return None,
    })
}

/// Whether any kind of directory object has a property of this name.
pub(crate) fn known_property(name: &str, kinds: Kinds) -> bool {
    let epoch = Timestamp::UNIX_EPOCH;
    let user = || user_property(&User::new(Uuid::nil(), "", "", epoch), name).is_some();
    let group = || group_property(&Group::new(Uuid::nil(), "", epoch), name).is_some();
    match kinds {
        Kinds::Users => user(),
        Kinds::Groups => group(),
        Kinds::Any => user() || group(),
    }
}

/// Which object types a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    Users,
    Groups,
    Any,
}

/// Entra's security identifier of a cloud object: `S-1-12-1-` and the object id as four little-endian 32-bit numbers.
pub(crate) fn security_identifier(id: Uuid) -> String {
    let bytes = id.to_bytes_le();
    let mut sid = "S-1-12-1".to_owned();
    for chunk in bytes.chunks_exact(4) {
        let part = <[u8; 4]>::try_from(chunk).map(u32::from_le_bytes).unwrap_or_default();
        sid.push_str(&format!("-{part}"));
    }
    sid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_identifiers_follow_the_object_id() {
        // A pair that published examples of the format use.
        let id = "73d664e4-0886-4a73-b745-c694da45ddb4".parse().unwrap();
        assert_eq!(
            security_identifier(id),
            "S-1-12-1-1943430372-1249052806-2496021943-3034400218"
        );
    }

    #[test]
    fn selected_properties_only() {
        let group = Object::Group(Group::new(Uuid::nil(), "sre", Timestamp::UNIX_EPOCH));
        let shown = group.show(Some(&["id".to_owned(), "isManagementRestricted".to_owned()]), true);
        let keys: Vec<&String> = shown.keys().collect();
        assert_eq!(keys, ["@odata.type", "id", "isManagementRestricted"]);
        let all = group.show(None, false);
        assert_eq!(all.get("isAssignableToRole"), Some(&Value::Null));
        assert!(!all.contains_key("isManagementRestricted"));
    }
}
