//! What an admin sees first: what is set up, and what needs somebody.

use hourglass_domain::Timestamp;
use hourglass_domain::application::{AwsIntegration, AzureIntegration};
use hourglass_domain::auth_context::AuthContext;
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::two_person::Mode;

use super::{changes, people, require_admin};
use crate::caller::Who;
use crate::change::{read, read_page};
use crate::error::Result;
use crate::keys;
use crate::pause;
use crate::policy;
use crate::ports::Core;
use crate::ports::store::Query;
use crate::records::{OverdueRemoval, ScimSeen, Stored};
use crate::seals::Sealed;

/// Most overdue removals that are named.
const MOST_OVERDUE: usize = 50;
/// After how long (seconds) without a call provisioning is silent: Entra calls every 40 minutes at the latest, also when
/// there is nothing new (Microsoft Entra, "How application provisioning works": initial and incremental cycles).
const SILENT_SECONDS: i64 = 3 * 3_600;
/// How long before its end (seconds) a credential is warned of: 30 days.
const SOON_SECONDS: i64 = 30 * 86_400;

/// What is set up in an application.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Which.
    pub application: ApplicationId,
    /// When provisioning was last heard of.
    pub scim_seen: Option<Timestamp>,
    /// Whether there are credentials for Azure.
    pub azure: bool,
    /// When Microsoft Graph last answered since the integration was changed: it is asked every hour, and `None` once it has
    /// not answered for three.
    pub azure_answered: Option<Timestamp>,
    /// When the connector's secret ends, where it is known.
    pub secret_expires_at: Option<Timestamp>,
    /// The AWS integration, unless there is none or it was removed.
    pub aws: Option<AwsIntegration>,
    /// Whether the template names approvers.
    pub default_approvers: bool,
    /// Whether there is an entitlement.
    pub entitlements: bool,
    /// Whether the caller has a passkey that counts.
    pub own_key: bool,
    /// Whether two people have signed in as admins, so that changes take two; or need not, as the stack says.
    pub two: bool,
    /// Removals that are overdue, the oldest first; at most 50.
    pub overdue: Vec<OverdueRemoval>,
    /// Whether there are more than those.
    pub more_overdue: bool,
    /// How many changes wait for a signature, or to be made so.
    pub changes: usize,
    /// In how many scopes approvals are paused.
    pub paused: usize,
}

impl Overview {
    /// Whether provisioning has been silent for three hours.
    #[must_use]
    pub fn scim_silent(&self, now: &Timestamp) -> bool {
        self.scim_seen
            .is_some_and(|seen| now.seconds_since(seen) > SILENT_SECONDS)
    }

    /// Whether the secret ends within 30 days.
    #[must_use]
    pub fn secret_ends_soon(&self, now: &Timestamp) -> bool {
        self.secret_expires_at
            .is_some_and(|end| end.seconds_since(*now) < SOON_SECONDS)
    }

    /// When the AWS access token ends, where it is known.
    #[must_use]
    pub fn token_expires_at(&self) -> Option<Timestamp> {
        self.aws.as_ref().and_then(|aws| aws.token_expires_at)
    }

    /// Whether the AWS access token ends within 30 days.
    #[must_use]
    pub fn token_ends_soon(&self, now: &Timestamp) -> bool {
        self.token_expires_at()
            .is_some_and(|end| end.seconds_since(*now) < SOON_SECONDS)
    }

    /// Whether AWS is set up: a url and a token that has not ended.
    #[must_use]
    pub fn aws_is_entered(&self, now: &Timestamp) -> bool {
        let entered = self.aws.as_ref().is_some_and(AwsIntegration::is_entered);
        entered && self.token_expires_at().is_none_or(|end| end > *now)
    }
}

/// When provisioning of the caller's application was last heard of, and whether it has been silent since for too long.
///
/// # Errors
/// When the caller is no admin.
pub async fn scim_seen(core: &Core, who: &Who) -> Result<Option<(Timestamp, bool)>> {
    require_admin(who)?;
    let seen: Option<Stored<ScimSeen>> = read(&*core.store, &keys::scim_seen(&who.application.value.id)).await?;
    let now = core.clock.now();
    Ok(seen.map(|seen| (seen.value.at, now.seconds_since(seen.value.at) > SILENT_SECONDS)))
}

/// When the directory last answered with the credentials that there are now.
fn answered(
    azure: Option<&Stored<AzureIntegration>>,
    context: Option<&Stored<AuthContext>>,
    now: Timestamp,
) -> Option<Timestamp> {
    let (azure, context) = (azure?, context?);
    let at = context.value.checked_at;
    (at >= azure.value.updated_at && now.seconds_since(at) < SILENT_SECONDS).then_some(at)
}

/// Looks at what is set up in the caller's application.
///
/// # Errors
/// When the caller is no admin.
pub async fn of(core: &Core, who: &Who) -> Result<Overview> {
    require_admin(who)?;
    let store = &*core.store;
    let application = &who.application.value;
    let id = &application.id;
    let seen: Option<Stored<ScimSeen>> = read(store, &keys::scim_seen(id)).await?;
    let azure: Option<Stored<AzureIntegration>> = read(store, &keys::azure(id)).await?;
    let context: Option<Stored<AuthContext>> = read(store, &keys::auth_context(application.tenant)).await?;
    let aws: Option<Stored<AwsIntegration>> = read(store, &keys::aws(id)).await?;
    let template = policy::template(store, id).await?;
    let one = Query::partition(keys::entitlements(id)).limit(1);
    let entitlements = read_page::<Sealed<Entitlement>>(store, &one).await?;
    let overdue = Query::partition(keys::overdue_removals(id)).limit(MOST_OVERDUE);
    let overdue = read_page::<OverdueRemoval>(store, &overdue).await?;
    let own_key = match &who.user {
        Some(user) => {
            let rp_id = core.settings.rp_id();
            let keys = people::stored_keys(core, id, user.value.id).await?;
            keys.iter().any(|key| key.is_usable(&rp_id))
        }
        None => false,
    };
    Ok(Overview {
        application: id.clone(),
        scim_seen: seen.map(|seen| seen.value.at),
        azure_answered: answered(azure.as_ref(), context.as_ref(), core.clock.now()),
        secret_expires_at: azure.as_ref().and_then(|azure| azure.value.secret_expires_at),
        azure: azure.is_some(),
        aws: aws.map(|aws| aws.value).filter(|aws| aws.url.is_some()),
        default_approvers: !template.value.default_approvers.is_empty(),
        entitlements: !entitlements.items.is_empty(),
        own_key,
        changes: changes::open(core, who).await?.len(),
        two: !matches!(changes::mode(core, who).await?, Mode::One { .. }),
        more_overdue: overdue.next.is_some(),
        overdue: overdue.items.into_iter().map(|overdue| overdue.value).collect(),
        paused: pause::of(store, id).await?.value.paused.len(),
    })
}
