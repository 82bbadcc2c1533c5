//! App roles and scopes, as Entra puts them into tokens.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// An app role of the sign-in registration. What an approver may approve comes from the entitlement, not from a role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// May ask for access.
    Requester,
    /// May decide, where an entitlement names them.
    Approver,
    /// May configure.
    Admin,
    /// May read everything of their application.
    Auditor,
}

impl Role {
    /// The value in the token's `roles` claim.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requester => "Requester",
            Self::Approver => "Approver",
            Self::Admin => "Admin",
            Self::Auditor => "Auditor",
        }
    }

    /// The role with this name; unknown roles are none of ours.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Requester, Self::Approver, Self::Admin, Self::Auditor]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// A delegated permission of our API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Scope {
    /// Ask, and see one's own.
    #[serde(rename = "Requests.ReadWrite")]
    RequestsReadWrite,
    /// Decide.
    #[serde(rename = "Decisions.Write")]
    DecisionsWrite,
    /// Configure.
    #[serde(rename = "Admin.ReadWrite")]
    AdminReadWrite,
}

impl Scope {
    /// The value in the token's `scp` claim.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RequestsReadWrite => "Requests.ReadWrite",
            Self::DecisionsWrite => "Decisions.Write",
            Self::AdminReadWrite => "Admin.ReadWrite",
        }
    }

    /// The scope with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::RequestsReadWrite, Self::DecisionsWrite, Self::AdminReadWrite]
            .into_iter()
            .find(|scope| scope.name() == name)
    }
}

/// Roles of a caller.
pub type Roles = BTreeSet<Role>;
/// Scopes of a caller's token, already narrowed to what its client may use.
pub type Scopes = BTreeSet<Scope>;
