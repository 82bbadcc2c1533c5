//! The approval template `GROUP_ACCESS_APPROVAL`.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::canonical::canonical_hash;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{Principals, TEMPLATE_KEY, Template};
use hourglass_domain::ids::EntitlementId;

use super::entitlements::{check_principals, group_uses, in_words};
use super::{require_admin, require_version};
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN};
use crate::error::Result;
use crate::keys;
use crate::policy;
use crate::ports::Core;
use crate::records::Stored;
use crate::seals::{self, Looked, seal};

/// The template's new content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateInput {
    /// Who approves where an entitlement names nobody.
    pub default_approvers: Principals,
    /// Durations that anything may be requested for.
    pub durations: BTreeSet<AccessDuration>,
    /// How long a request waits, in seconds.
    pub request_ttl_seconds: u32,
    /// Message texts by name.
    pub messages: BTreeMap<String, String>,
    /// The version that was read; refused when another is stored.
    pub version: Option<u64>,
}

/// The id under which the template stands among the users of a source group.
#[must_use]
pub fn template_source() -> EntitlementId {
    EntitlementId::new(uuid::Uuid::nil())
}

/// The template, and whether its seal holds.
///
/// # Errors
/// When the caller is no admin, or the key of the seals cannot be had.
pub async fn get(core: &Core, who: &Who) -> Result<Looked<Template>> {
    require_admin(who)?;
    let item = core.store.get(&keys::template(&who.application.value.id)).await?;
    seals::look(core, item.ok_or_else(policy::no_template)?).await
}

/// Replaces the template.
///
/// # Errors
/// Names the field and the rule that is broken.
pub async fn put(core: &Core, who: &Who, input: TemplateInput) -> Result<Stored<Template>> {
    require_admin(who)?;
    let application = &who.application.value.id;
    for _ in 0..DECIDE_AGAIN {
        let stored = policy::template(&*core.store, application).await?;
        require_version(stored.version, input.version)?;
        let template = Template {
            application: application.clone(),
            default_approvers: input.default_approvers.clone(),
            durations: input.durations.clone(),
            request_ttl_seconds: input.request_ttl_seconds,
            messages: input.messages.clone(),
        };
        template.check(core.settings.short_durations)?;
        check_principals(core, application, "default_approvers", &template.default_approvers).await?;
        let before: BTreeSet<_> = stored.value.default_approvers.groups.clone();
        let after: BTreeSet<_> = template.default_approvers.groups.clone();
        let change = Change::new().replace(stored.version, &seal(&*core.seals, template.clone()).await?)?;
        let change = group_uses(core, application, change, template_source(), (&before, &after), None).await?;
        let draft = Draft::new(core.clock.now(), who.actor(), "template.changed")
            .fact("durations", list(&template.durations))
            .fact("request_ttl_seconds", template.request_ttl_seconds)
            .fact("default_approvers", in_words(&template.default_approvers))
            .fact("hash", canonical_hash(&template)?);
        match change
            .event(StreamId::config(application, "template", TEMPLATE_KEY), draft)
            .commit(&*core.store)
            .await
        {
            Ok(()) => {
                return Ok(Stored {
                    value: template,
                    version: stored.version.saturating_add(1),
                });
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

fn list(durations: &BTreeSet<AccessDuration>) -> String {
    durations.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
