//! The approval template `GROUP_ACCESS_APPROVAL`.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::audit::StreamId;
use hourglass_domain::canonical::canonical_hash;
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{Principals, TEMPLATE_KEY, Template};
use hourglass_domain::ids::EntitlementId;
use hourglass_domain::two_person::{Object, diff};
use serde::{Deserialize, Serialize};

use super::by::By;
use super::changes::Planned;
use super::entitlements::{check_principals, group_uses};
use super::require_admin;
use crate::caller::Who;
use crate::change::Change;
use crate::error::Result;
use crate::keys;
use crate::policy;
use crate::ports::Core;
use crate::records::Stored;
use crate::seals::{self, Looked, seal};

/// The template's new content.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateInput {
    /// Who approves where an entitlement names nobody.
    pub default_approvers: Principals,
    /// Durations that anything may be requested for.
    pub durations: BTreeSet<AccessDuration>,
    /// How long a request waits, in seconds.
    pub request_ttl_seconds: u32,
    /// Message texts by name.
    pub messages: BTreeMap<String, String>,
    /// The version that was read; refused when another is stored. A proposal has it elsewhere.
    #[serde(skip)]
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

async fn build(core: &Core, who: &Who, input: &TemplateInput) -> Result<Template> {
    let application = &who.application.value.id;
    let template = Template {
        application: application.clone(),
        default_approvers: input.default_approvers.clone(),
        durations: input.durations.clone(),
        request_ttl_seconds: input.request_ttl_seconds,
        messages: input.messages.clone(),
    };
    template.check(core.settings.short_durations)?;
    check_principals(core, application, "default_approvers", &template.default_approvers).await?;
    Ok(template)
}

/// `change`, writing down which groups feed the approvers.
async fn with_uses(core: &Core, change: Change, before: &Template, after: &Template) -> Result<Change> {
    let groups = (&before.default_approvers.groups, &after.default_approvers.groups);
    group_uses(core, &after.application, change, template_source(), groups, None).await
}

/// What replacing the template changes.
///
/// # Errors
/// Names the field and the rule that is broken.
pub(super) async fn plan(core: &Core, who: &Who, input: &TemplateInput) -> Result<Planned> {
    let Looked { stored, problem } = get(core, who).await?;
    let template = build(core, who, input).await?;
    with_uses(core, Change::new(), &stored.value, &template).await?;
    let before = match problem {
        None => stored.value,
        // What is stored was not saved here: to seal it is to say all of it.
        Some(_) => Template {
            default_approvers: Principals::default(),
            durations: BTreeSet::new(),
            ..stored.value
        },
    };
    Ok(Planned {
        object: Object::new("template", TEMPLATE_KEY, stored.version),
        diff: diff::template(&before, &template),
    })
}

/// Replaces the template.
pub(super) async fn put(core: &Core, by: &By<'_>, input: &TemplateInput) -> Result<Stored<Template>> {
    let application = &by.application.value.id;
    let stored = policy::template(&*core.store, application).await?;
    by.require(stored.version)?;
    let template = build(core, by, input).await?;
    let change = Change::new().replace(stored.version, &seal(&*core.seals, template.clone()).await?)?;
    let change = with_uses(core, change, &stored.value, &template).await?;
    let draft = by
        .draft(core.clock.now(), "template.changed")
        .fact("durations", list(&template.durations))
        .fact("request_ttl_seconds", template.request_ttl_seconds)
        .fact("default_approvers", diff::principals(&template.default_approvers))
        .fact("hash", canonical_hash(&template)?);
    let change = change.event(StreamId::config(application, "template", TEMPLATE_KEY), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(Stored {
        value: template,
        version: stored.version.saturating_add(1),
    })
}

fn list(durations: &BTreeSet<AccessDuration>) -> String {
    durations.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
