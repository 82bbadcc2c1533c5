//! Targets: the concrete groups that a connector can put an account into.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ObjectId, TenantId};

/// The Microsoft cloud in which a tenant lives. Tokens do not cross clouds, and host names come from this list only
/// (Microsoft Graph documentation, "National cloud deployments").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The worldwide service.
    #[default]
    Global,
    /// Microsoft Graph for US Government L4.
    UsGov,
    /// Microsoft Graph for US Government L5 (DOD).
    UsGovDod,
    /// Microsoft Graph China operated by 21Vianet.
    China,
}

impl Cloud {
    /// Base of the token service, without a trailing slash.
    #[must_use]
    pub const fn login(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Base of Microsoft Graph, without version and trailing slash.
    #[must_use]
    pub const fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Its name on the wire and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "us_gov",
            Self::UsGovDod => "us_gov_dod",
            Self::China => "china",
        }
    }

    /// All clouds.
    pub const ALL: [Self; 4] = [Self::Global, Self::UsGov, Self::UsGovDod, Self::China];

    /// The cloud with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == name)
    }
}

/// One concrete group that a connector can put an account into, pinned by ids that never change (invariant I7).
///
/// Identity Center, Active Directory and Windows targets become variants of this type when their connectors exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A security group in an Entra tenant.
    Entra {
        /// The cloud the tenant lives in.
        cloud: Cloud,
        /// The tenant.
        tenant: TenantId,
        /// The group's object id.
        group: ObjectId,
    },
}

impl Target {
    /// A text that is unique across tenants and clouds: the target's part of storage keys.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Entra { tenant, group, .. } => format!("entra:{tenant}:{group}"),
        }
    }

    /// The tenant whose integration reaches the target.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        match self {
            Self::Entra { tenant, .. } => *tenant,
        }
    }
}

impl Target {
    /// What a person does by hand to take an account out, where we cannot (Azure CLI reference, `az ad group member
    /// remove`; Microsoft Graph v1.0, "Remove member").
    #[must_use]
    pub fn removal_by_hand(&self, account: ObjectId) -> String {
        match self {
            Self::Entra { cloud, tenant, group } => format!(
                "In tenant {tenant}, remove the account with object id {account} from the group with object id {group}: \
                 in the Microsoft Entra admin centre under Groups, the group, Members; or with `az ad group member \
                 remove --group {group} --member-id {account}`; or with `DELETE {}/v1.0/groups/{group}/members/{account}\
                 /$ref`. Hourglass goes on trying, and finds out by itself that it was done.",
                cloud.graph()
            ),
        }
    }
}

/// As people and the API write it: `entra:<group object id>`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entra { group, .. } => write!(f, "entra:{group}"),
        }
    }
}

/// Why a group cannot be managed from here (Microsoft Graph documentation, "group: add members").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TargetProblem {
    /// No such group, or deleted.
    #[error("the group does not exist in the directory")]
    Missing,
    /// Membership is computed by a rule.
    #[error("its membership is dynamic, so members cannot be added one by one")]
    Dynamic,
    /// Mastered in the on-premises directory.
    #[error("it is synced from an on-premises directory and can only be changed there")]
    OnPremisesSynced,
    /// Distribution list or mail-enabled security group: Exchange manages them.
    #[error("it is mail-enabled, and such groups cannot be managed through Microsoft Graph")]
    MailEnabled,
    /// Not a security group.
    #[error("it is not a security group")]
    NotSecurity,
    /// Lies in a restricted management administrative unit.
    #[error("it lies in a restricted management administrative unit")]
    ManagementRestricted,
    /// Holds directory roles; only for critical entitlements with a connector of their own.
    #[error("it can hold directory roles, so the entitlement has to be marked critical")]
    RoleAssignable,
}

impl TargetProblem {
    /// Its stable code, in snake case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Dynamic => "dynamic",
            Self::OnPremisesSynced => "on_premises_synced",
            Self::MailEnabled => "mail_enabled",
            Self::NotSecurity => "not_security",
            Self::ManagementRestricted => "management_restricted",
            Self::RoleAssignable => "role_assignable",
        }
    }
}

/// What the directory says about a target's group, and when it said so. Written by the workers only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TargetFacts {
    /// Which target.
    pub target: Target,
    /// The group's name at that time; for people, never for comparing.
    pub display_name: Option<String>,
    /// What keeps it from being managed at all.
    pub problem: Option<TargetProblem>,
    /// Whether the group can hold directory roles.
    pub role_assignable: bool,
    /// When the directory was asked.
    pub checked_at: Timestamp,
}

impl TargetFacts {
    /// What keeps the target from being granted under an entitlement that is `critical` or not.
    #[must_use]
    pub fn problem_for(&self, critical: bool) -> Option<TargetProblem> {
        self.problem
            .or((self.role_assignable && !critical).then_some(TargetProblem::RoleAssignable))
    }
}
