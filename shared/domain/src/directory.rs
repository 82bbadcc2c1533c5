//! Users, groups and the persons behind them, as Entra provisions them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::ids::{ApplicationId, GroupId, ObjectId, PersonId, TenantId, UserId};
use crate::text::shown;

/// A provisioned user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// Our id.
    pub id: UserId,
    /// The application the provisioning token belongs to.
    pub application: ApplicationId,
    /// The human being; the user's own id until an admin links accounts.
    pub person: PersonId,
    /// `externalId`, mapped from Entra's object id; immutable once set.
    pub external_id: Option<String>,
    /// `userName`, as sent.
    pub user_name: String,
    /// `displayName`, as sent.
    pub display_name: Option<String>,
    /// `active`; an inactive user keeps nothing and may do nothing.
    pub active: bool,
    /// All other SCIM attributes, as sent.
    pub attributes: Map<String, Value>,
    /// `meta.created`.
    pub created_at: Timestamp,
    /// `meta.lastModified`.
    pub modified_at: Timestamp,
}

impl User {
    /// Entra's object id; `None` while `externalId` is missing or is not a GUID, and then the user can neither ask nor
    /// approve nor be granted anything.
    #[must_use]
    pub fn object_id(&self) -> Option<ObjectId> {
        self.external_id.as_deref().and_then(|text| text.parse().ok())
    }

    /// Whether the account is a guest's: Entra spells a guest's user name with `#EXT#`, and `userType` says so where
    /// it is mapped.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.user_name.to_ascii_uppercase().contains("#EXT#")
            || self
                .attributes
                .get("userType")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("guest"))
    }

    /// The name for people, as [`shown`]: the display name where anything of it is seen.
    #[must_use]
    pub fn name(&self) -> String {
        let display_name = self.display_name.as_deref().and_then(seen);
        display_name.unwrap_or_else(|| self.sign_in_name())
    }

    /// The name that the user signs in with, for people, as [`shown`].
    #[must_use]
    pub fn sign_in_name(&self) -> String {
        seen(&self.user_name).unwrap_or_else(|| self.id.to_string())
    }

    /// What the user does, where it is provisioned (`title`), as [`shown`].
    #[must_use]
    pub fn title(&self) -> Option<String> {
        self.attributes.get("title").and_then(Value::as_str).and_then(seen)
    }

    /// Where the user works, where it is provisioned (RFC 7643 section 4.3), as [`shown`].
    #[must_use]
    pub fn department(&self) -> Option<String> {
        let enterprise = self
            .attributes
            .get("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User");
        enterprise?.get("department")?.as_str().and_then(seen)
    }

    /// The user as a party to a request, a decision or a grant.
    #[must_use]
    pub fn party(&self, tenant: TenantId) -> Option<Party> {
        self.object_id().map(|object_id| Party {
            user: self.id,
            person: self.person,
            tenant,
            object_id,
            name: self.name(),
        })
    }
}

/// What there is to see of a text from outside, if anything.
fn seen(text: &str) -> Option<String> {
    Some(shown(text)).filter(|text| !text.is_empty())
}

/// A provisioned group. Its members are items of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Our id.
    pub id: GroupId,
    /// The application the provisioning token belongs to.
    pub application: ApplicationId,
    /// `externalId`, mapped from Entra's object id; immutable once set.
    pub external_id: Option<String>,
    /// `displayName`, as sent.
    pub display_name: String,
    /// All other SCIM attributes, as sent.
    pub attributes: Map<String, Value>,
    /// `meta.created`.
    pub created_at: Timestamp,
    /// `meta.lastModified`.
    pub modified_at: Timestamp,
}

impl Group {
    /// The name for people, as [`shown`].
    #[must_use]
    pub fn name(&self) -> String {
        seen(&self.display_name).unwrap_or_else(|| self.id.to_string())
    }

    /// Entra's object id, where `externalId` is one.
    #[must_use]
    pub fn object_id(&self) -> Option<ObjectId> {
        self.external_id.as_deref().and_then(|text| text.parse().ok())
    }
}

/// A user or group that was deleted. Its memberships count for nothing from then on and are removed afterwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// A user.
    User(UserId),
    /// A group.
    Group(GroupId),
}

/// Why a text names nothing that can be gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("neither user:<id> nor group:<id>")]
pub struct GoneError;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Group(id) => write!(f, "group:{id}"),
        }
    }
}

impl FromStr for Gone {
    type Err = GoneError;

    fn from_str(text: &str) -> Result<Self, GoneError> {
        match text.split_once(':') {
            Some(("user", id)) => id.parse().map(Self::User).map_err(|_| GoneError),
            Some(("group", id)) => id.parse().map(Self::Group).map_err(|_| GoneError),
            _ => Err(GoneError),
        }
    }
}

/// Who took part in something, pinned at that moment. Identity is tenant and object id; distinctness is by person
/// (invariant I5). The name is for people only.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Party {
    /// The provisioned user.
    pub user: UserId,
    /// The person behind it.
    pub person: PersonId,
    /// The tenant.
    pub tenant: TenantId,
    /// The object id in that tenant.
    pub object_id: ObjectId,
    /// The display name at that moment, as [`shown`].
    pub name: String,
}

impl Party {
    /// Whether both are one human being. Two records with the same tenant and object id are one person even if the
    /// person ids differ (a user deleted and provisioned again, say).
    #[must_use]
    pub fn same_person(&self, other: &Self) -> bool {
        self.person == other.person || (self.tenant == other.tenant && self.object_id == other.object_id)
    }
}
