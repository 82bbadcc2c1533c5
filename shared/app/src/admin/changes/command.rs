//! What can be changed: as data, so that it can be shown, signed and carried out later.

use std::collections::BTreeSet;

use hourglass_domain::Timestamp;
use hourglass_domain::application::{AwsIntegration, AzureIntegration, ScimTokenInfo};
use hourglass_domain::drift::{DriftMode, ProtectedAccounts, StandingMember};
use hourglass_domain::entitlement::{Entitlement, Template};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::{EntitlementId, ObjectId, UserId};
use hourglass_domain::person::LinkAttribute;
use hourglass_domain::two_person::{Diff, Object};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::admin::by::By;
use crate::admin::drift::{self, Drift};
use crate::admin::entitlements::{self, EntitlementInput};
use crate::admin::links::{self, ByAttribute, Human};
use crate::admin::template::{self, TemplateInput};
use crate::admin::{applications, aws, integrations};
use crate::caller::Who;
use crate::error::Result;
use crate::ports::Core;
use crate::records::Stored;

/// Most groups that are switched on at once.
pub const MOST_SWITCHED_ON: usize = 100;

/// A group that is switched on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchedOn {
    /// The id that its entitlement gets.
    pub id: EntitlementId,
    /// The name that its entitlement gets.
    pub name: String,
    /// The group.
    pub group: ObjectId,
}

/// A change of the configuration. There is no secret in it: a credential is entered once the change is in force, and a SCIM
/// secret is made then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Make an entitlement.
    EntitlementCreate {
        /// The id it gets.
        id: EntitlementId,
        /// What it says.
        input: EntitlementInput,
    },
    /// Replace an entitlement.
    EntitlementUpdate {
        /// Which.
        id: EntitlementId,
        /// What it is to say.
        input: EntitlementInput,
    },
    /// Make an entitlement for each of these groups.
    EntitlementsSwitchOn {
        /// What they have in common; its name and groups do not count.
        like: EntitlementInput,
        /// 1 to [`MOST_SWITCHED_ON`] groups.
        groups: Vec<SwitchedOn>,
    },
    /// Replace the template.
    Template {
        /// What it is to say.
        input: TemplateInput,
    },
    /// Choose what is done about unexplained members.
    DriftMode {
        /// Of which entitlement.
        entitlement: EntitlementId,
        /// What is done.
        mode: DriftMode,
    },
    /// Replace the list of accounts that drift repair never touches.
    Protect {
        /// The accounts.
        accounts: BTreeSet<ObjectId>,
    },
    /// Declare a standing member.
    Declare {
        /// Of which group.
        group: ObjectId,
        /// Which account.
        account: ObjectId,
    },
    /// Take an account off the list of standing members.
    Withdraw {
        /// Of which group.
        group: ObjectId,
        /// Which account.
        account: ObjectId,
    },
    /// Say that two users are one person.
    Link {
        /// One.
        one: UserId,
        /// The other.
        other: UserId,
    },
    /// Take a user away from the person that an admin linked them to.
    Unlink {
        /// Which.
        user: UserId,
    },
    /// Choose the attribute that links.
    LinkAttribute {
        /// Which, if any.
        attribute: Option<LinkAttribute>,
    },
    /// Point the Azure integration to a registration. Its secret comes afterwards.
    Azure {
        /// The registration's client id.
        client_id: ObjectId,
        /// When its secret ends.
        secret_expires_at: Option<Timestamp>,
    },
    /// Point the AWS integration to an endpoint. Its token comes afterwards.
    Aws {
        /// The SCIM endpoint.
        url: ScimUrl,
        /// When its token ends.
        token_expires_at: Option<Timestamp>,
    },
    /// Remove the AWS integration.
    AwsRemove,
    /// Make a further SCIM secret.
    ScimSecret,
}

/// A change, weighed against what is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    /// What it changes.
    pub(crate) object: Object,
    /// How.
    pub(crate) diff: Diff,
}

/// What was done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// An entitlement was made.
    Created(Stored<Entitlement>),
    /// An entitlement was replaced.
    Updated(Stored<Entitlement>),
    /// Entitlements were made.
    SwitchedOn(Vec<EntitlementId>),
    /// The template was replaced.
    Template(Stored<Template>),
    /// A drift mode was chosen.
    Drift(Drift),
    /// The protected accounts were replaced.
    Protected(Stored<ProtectedAccounts>),
    /// A standing member is declared.
    Declared(StandingMember),
    /// A standing member is no more.
    Withdrawn,
    /// Accounts were linked.
    Linked(Human),
    /// An account was unlinked.
    Unlinked,
    /// An attribute was chosen.
    LinkAttribute(ByAttribute),
    /// The Azure integration was changed.
    Azure(Stored<AzureIntegration>),
    /// The AWS integration was changed.
    Aws(Stored<AwsIntegration>),
    /// The AWS integration was removed.
    AwsRemoved,
    /// A SCIM secret was made: the only time that it is known.
    ScimSecret(ScimTokenInfo, SecretString),
}

impl Command {
    /// The version that the caller read, where the command's own fields say so.
    pub(super) const fn version(&self) -> Option<u64> {
        match self {
            Self::EntitlementUpdate { input, .. } => input.version,
            Self::Template { input } => input.version,
            _ => None,
        }
    }

    /// The name in audit events and messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::EntitlementCreate { .. } => "entitlement_create",
            Self::EntitlementUpdate { .. } => "entitlement_update",
            Self::EntitlementsSwitchOn { .. } => "entitlements_switch_on",
            Self::Template { .. } => "template",
            Self::DriftMode { .. } => "drift_mode",
            Self::Protect { .. } => "protect",
            Self::Declare { .. } => "declare",
            Self::Withdraw { .. } => "withdraw",
            Self::Link { .. } => "link",
            Self::Unlink { .. } => "unlink",
            Self::LinkAttribute { .. } => "link_attribute",
            Self::Azure { .. } => "azure",
            Self::Aws { .. } => "aws",
            Self::AwsRemove => "aws_remove",
            Self::ScimSecret => "scim_secret",
        }
    }

    /// The users whose accounts it links or unlinks: nobody says of their own whose they are.
    pub(super) fn concerned(&self) -> Vec<UserId> {
        match self {
            Self::Link { one, other } => vec![*one, *other],
            Self::Unlink { user } => vec![*user],
            _ => Vec::new(),
        }
    }

    /// What it changes, weighed against what is stored now.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub(crate) async fn plan(&self, core: &Core, who: &Who) -> Result<Planned> {
        match self {
            Self::EntitlementCreate { id, input } => entitlements::plan_create(core, who, *id, input).await,
            Self::EntitlementUpdate { id, input } => entitlements::plan_update(core, who, *id, input).await,
            Self::EntitlementsSwitchOn { like, groups } => entitlements::plan_switch_on(core, who, like, groups).await,
            Self::Template { input } => template::plan(core, who, input).await,
            Self::DriftMode { entitlement, mode } => drift::plan_mode(core, who, *entitlement, *mode).await,
            Self::Protect { accounts } => drift::plan_protected(core, who, accounts).await,
            Self::Declare { group, account } => drift::plan_standing(core, who, (*group, *account), true).await,
            Self::Withdraw { group, account } => drift::plan_standing(core, who, (*group, *account), false).await,
            Self::Link { one, other } => links::plan_link(core, who, *one, *other).await,
            Self::Unlink { user } => links::plan_unlink(core, who, *user).await,
            Self::LinkAttribute { attribute } => links::plan_attribute(core, who, *attribute).await,
            Self::Azure {
                client_id,
                secret_expires_at,
            } => integrations::plan_azure(core, who, *client_id, *secret_expires_at).await,
            Self::Aws { url, token_expires_at } => aws::plan(core, who, url, *token_expires_at).await,
            Self::AwsRemove => aws::plan_remove(core, who).await,
            Self::ScimSecret => applications::plan_scim_secret(core, who).await,
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    /// The rule that refuses it; [`hourglass_domain::Refusal::Changed`] where what it was weighed against has changed.
    pub(super) async fn carry_out(&self, core: &Core, by: &By<'_>) -> Result<Done> {
        Ok(match self {
            Self::EntitlementCreate { id, input } => Done::Created(entitlements::create(core, by, *id, input).await?),
            Self::EntitlementUpdate { id, input } => Done::Updated(entitlements::update(core, by, *id, input).await?),
            Self::EntitlementsSwitchOn { like, groups } => {
                Done::SwitchedOn(entitlements::switch_on(core, by, like, groups).await?)
            }
            Self::Template { input } => Done::Template(template::put(core, by, input).await?),
            Self::DriftMode { entitlement, mode } => Done::Drift(drift::choose(core, by, *entitlement, *mode).await?),
            Self::Protect { accounts } => Done::Protected(drift::protect(core, by, accounts).await?),
            Self::Declare { group, account } => Done::Declared(drift::declare(core, by, *group, *account).await?),
            Self::Withdraw { group, account } => {
                drift::withdraw(core, by, *group, *account).await?;
                Done::Withdrawn
            }
            Self::Link { one, other } => Done::Linked(links::link(core, by, *one, *other).await?),
            Self::Unlink { user } => {
                links::unlink(core, by, *user).await?;
                Done::Unlinked
            }
            Self::LinkAttribute { attribute } => Done::LinkAttribute(links::choose(core, by, *attribute).await?),
            Self::Azure {
                client_id,
                secret_expires_at,
            } => Done::Azure(integrations::point(core, by, *client_id, *secret_expires_at).await?),
            Self::Aws { url, token_expires_at } => Done::Aws(aws::point(core, by, url, *token_expires_at).await?),
            Self::AwsRemove => {
                aws::take_away(core, by).await?;
                Done::AwsRemoved
            }
            Self::ScimSecret => {
                let (info, secret) = applications::add_scim_token(core, by).await?;
                Done::ScimSecret(info, secret)
            }
        })
    }
}
