//! Making and changing entitlements.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::canonical::canonical_hash;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::entitlement::{
    ApprovalMode, Eligibility, Emergency, Entitlement, FactorPolicy, HowTo, Principals, TicketRule,
};
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, ProbeId};
use hourglass_domain::passkey::Attestation;
use hourglass_domain::refusal::{Listed, Rule};
use hourglass_domain::target::Target;
use hourglass_domain::two_person::{Diff, Line, Object, diff};
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};

use super::by::By;
use super::changes::{Done, MOST_SWITCHED_ON, Outcome, Planned, SwitchedOn};
use super::require_admin;
use crate::caller::Who;
use crate::catalogue::search;
use crate::change::{Change, read};
use crate::directory;
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Key, MOST_KEYS, Page, Query};
use crate::records::{CatalogueState, GroupUse, Probe, ProbeQuestion, Stored};
use crate::seals::{self, Looked, seal};

/// How soon (seconds) the sweep asks what kind of groups the targets of a new or changed entitlement are.
const FACTS_SOON_SECONDS: i64 = 10;

/// An entitlement as an admin describes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementInput {
    /// The name that people search for.
    pub name: String,
    /// What it gives.
    pub description: String,
    /// Object ids of provisioned groups.
    pub groups: Vec<ObjectId>,
    /// Whether it can be requested.
    pub enabled: bool,
    /// Who has to approve.
    pub approval: ApprovalMode,
    /// How many.
    pub quorum: u8,
    /// Who may approve.
    pub approvers: Option<Principals>,
    /// Who may ask.
    pub eligible: Eligibility,
    /// Allowed durations.
    pub durations: Option<BTreeSet<AccessDuration>>,
    /// How long one grant may last, its extensions included.
    pub absolute_maximum: Option<AccessDuration>,
    /// Fewest characters of a justification.
    pub justification_min: u16,
    /// The ticket rule.
    pub ticket: TicketRule,
    /// Whether it is critical.
    pub critical: bool,
    /// Whether grants end at the second.
    pub exact_expiry: bool,
    /// Which factor approvers have to show.
    pub factor: FactorPolicy,
    /// Which passkeys count.
    pub attestation: Attestation,
    /// Who may activate it in an emergency.
    pub emergency: Option<Emergency>,
    /// Whether somebody may ask for it for others.
    pub on_behalf: bool,
    /// Whom its approvers may name as their delegates.
    pub delegates: Option<Principals>,
    /// How it is used.
    pub how_to: Option<HowTo>,
    /// The version that was read; refused when another is stored. A proposal has it elsewhere.
    #[serde(skip)]
    pub version: Option<u64>,
}

fn object(id: EntitlementId, version: u64) -> Object {
    Object::new("entitlement", id, version)
}

/// What making an entitlement changes.
///
/// # Errors
/// Names the field and the rule that is broken.
pub(super) async fn plan_create(
    core: &Core,
    who: &Who,
    id: EntitlementId,
    input: &EntitlementInput,
) -> Result<Planned> {
    require_admin(who)?;
    let entitlement = build(core, who, id, input, core.clock.now()).await?;
    // That no group would be both source and target is told now, and not only when it has been signed.
    with_uses(core, Change::new(), None, &entitlement).await?;
    Ok(Planned {
        object: object(id, 0),
        diff: diff::entitlement(None, &entitlement),
    })
}

/// Makes an entitlement, and asks provisioning what kind of groups its targets are.
pub(super) async fn create(
    core: &Core,
    by: &By<'_>,
    id: EntitlementId,
    input: &EntitlementInput,
) -> Result<Stored<Entitlement>> {
    by.require(0)?;
    let stored = Stored {
        value: build(core, by, id, input, core.clock.now()).await?,
        version: 1,
    };
    let change = Change::new().create(&seal(&*core.seals, stored.value.clone()).await?)?;
    let outcome = Outcome::Done(Box::new(Done::Created(stored.clone())));
    let change = by.answered(core, change, &outcome)?;
    store(core, by, change, None, &stored.value).await?;
    Ok(stored)
}

/// What making an entitlement of each group changes.
///
/// # Errors
/// Names the field and the rule that is broken.
pub(super) async fn plan_switch_on(
    core: &Core,
    who: &Who,
    like: &EntitlementInput,
    groups: &[SwitchedOn],
) -> Result<Planned> {
    require_admin(who)?;
    let names: BTreeSet<ObjectId> = groups.iter().map(|group| group.group).collect();
    let Some(first) = groups.first().filter(|_| groups.len() <= MOST_SWITCHED_ON) else {
        let rule = Rule::Count {
            most: MOST_SWITCHED_ON,
            of: Listed::Groups,
        };
        return Err(Refusal::invalid("targets", rule).into());
    };
    if names.len() != groups.len() {
        return Err(Refusal::invalid("targets", Rule::TargetTwice).into());
    }
    let mut shared = Diff::default();
    let mut lines = Vec::with_capacity(groups.len());
    for group in groups {
        let entitlement = build(core, who, group.id, &one_of(like, group), core.clock.now()).await?;
        with_uses(core, Change::new(), None, &entitlement).await?;
        shared = diff::entitlement(None, &entitlement);
        lines.push(Line {
            field: "entitlement".to_owned(),
            before: String::new(),
            after: format!("{} (entra:{})", group.name, group.group),
        });
    }
    // What they have in common is said once.
    shared
        .lines
        .retain(|line| !matches!(line.field.as_str(), "name" | "targets"));
    shared.lines.splice(0..0, lines);
    Ok(Planned {
        object: Object::new("entitlements", first.id, 0),
        diff: shared,
    })
}

fn one_of(like: &EntitlementInput, group: &SwitchedOn) -> EntitlementInput {
    EntitlementInput {
        name: group.name.clone(),
        groups: vec![group.group],
        ..like.clone()
    }
}

/// Makes an entitlement of each group, one after the other, and says which there are then. One that is there already is left
/// as it is, so that what was interrupted can be gone on with; one that the rules refuse by now (its group was deleted, or
/// became a source of approvers) is left out, so that it does not keep the others back for ever.
pub(super) async fn switch_on(
    core: &Core,
    by: &By<'_>,
    like: &EntitlementInput,
    groups: &[SwitchedOn],
) -> Result<Vec<EntitlementId>> {
    let mut made = Vec::with_capacity(groups.len());
    for group in groups {
        let key = keys::entitlement(&by.application.value.id, group.id);
        if core.store.get(&key).await?.is_none() {
            match create(core, by, group.id, &one_of(like, group)).await {
                Err(AppError::Refused(refusal)) if refusal != Refusal::Changed => {
                    tracing::warn!(group.id = %group.group, %refusal, "a group was not switched on with the others");
                    continue;
                }
                created => created.map(|_| ())?,
            }
        }
        made.push(group.id);
    }
    Ok(made)
}

/// What replacing an entitlement changes.
///
/// # Errors
/// Names the field and the rule that is broken.
pub(super) async fn plan_update(
    core: &Core,
    who: &Who,
    id: EntitlementId,
    input: &EntitlementInput,
) -> Result<Planned> {
    let looked = look(core, who, id).await?;
    let before = looked.stored;
    let entitlement = build(core, who, id, input, before.value.created_at).await?;
    check_not_re_pointed(core, &before.value, &entitlement).await?;
    with_uses(core, Change::new(), Some(&before.value), &entitlement).await?;
    let mut diff = diff::entitlement(Some(&before.value), &entitlement);
    if looked.problem.is_some() {
        // What is stored was not saved here: to seal it is to say all of it.
        diff = diff::entitlement(None, &entitlement);
    }
    Ok(Planned {
        object: object(id, before.version),
        diff,
    })
}

/// Replaces an entitlement. Grants that exist keep what they were granted; requests that wait cannot be approved any
/// more when the rules changed.
pub(super) async fn update(
    core: &Core,
    by: &By<'_>,
    id: EntitlementId,
    input: &EntitlementInput,
) -> Result<Stored<Entitlement>> {
    let stored = get(core, by, id).await?;
    by.require(stored.version)?;
    let entitlement = build(core, by, id, input, stored.value.created_at).await?;
    check_not_re_pointed(core, &stored.value, &entitlement).await?;
    let change = Change::new().replace(stored.version, &seal(&*core.seals, entitlement.clone()).await?)?;
    store(core, by, change, Some(&stored.value), &entitlement).await?;
    Ok(Stored {
        value: entitlement,
        version: stored.version.saturating_add(1),
    })
}

/// An entitlement of the caller's application.
///
/// # Errors
/// When there is none.
pub async fn get(core: &Core, who: &Who, id: EntitlementId) -> Result<Stored<Entitlement>> {
    require_admin(who)?;
    let stored = read(&*core.store, &keys::entitlement(&who.application.value.id, id)).await?;
    Ok(stored.ok_or(Refusal::NotFound { what: "entitlement" })?)
}

/// An entitlement of the caller's application, and whether its seal holds.
///
/// # Errors
/// When there is none, or the key of the seals cannot be had.
pub async fn look(core: &Core, who: &Who, id: EntitlementId) -> Result<Looked<Entitlement>> {
    require_admin(who)?;
    let key = keys::entitlement(&who.application.value.id, id);
    let item = core.store.get(&key).await?;
    seals::look(core, item.ok_or(Refusal::NotFound { what: "entitlement" })?).await
}

/// The entitlements of the caller's application, in the order of their ids, and whether their seals hold.
///
/// # Errors
/// When the caller is no admin, or the key of the seals cannot be had.
pub async fn list(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Looked<Entitlement>>> {
    require_admin(who)?;
    let query = Query::partition(keys::entitlements(&who.application.value.id))
        .after(after)
        .limit(limit);
    let page = core.store.query(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for item in page.items {
        items.push(seals::look(core, item).await?);
    }
    Ok(Page { items, next: page.next })
}

/// Entitlements of the caller's application by name and description, switched off or not, the best first, and whether
/// their seals hold: part of them, what to give as `after` for the next, and how many there are in all.
///
/// # Errors
/// When the caller is no admin, or the key of the seals cannot be had.
pub async fn search(
    core: &Core,
    index: &search::Index,
    who: &Who,
    text: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Page<Looked<Entitlement>>, usize)> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let (ids, next, total) = search::ids(&*core.store, index, application, text, after, limit).await?;
    let keys: Vec<Key> = ids.iter().map(|id| keys::entitlement(application, *id)).collect();
    let mut items = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MOST_KEYS) {
        for item in core.store.get_many(keys).await?.into_iter().flatten() {
            items.push(seals::look(core, item).await?);
        }
    }
    Ok((Page { items, next }, total))
}

/// No target is taken away from an entitlement while somebody has it: a live grant and what is configured would say two
/// things of who belongs there. A grant that is approved beside this change is refused, or fails when it is verified; all
/// grants end where they began, whatever the entitlement says by then (invariant I7).
async fn check_not_re_pointed(core: &Core, before: &Entitlement, after: &Entitlement) -> Result<()> {
    if before.targets.iter().all(|target| after.targets.contains(target)) {
        return Ok(());
    }
    let live = (0..keys::LIVE_SHARDS).map(|shard| async move {
        let query = Query::partition(keys::live_in_application(&before.application, shard))
            .prefix(keys::live_of_entitlement(before.id))
            .limit(1);
        core.store.query(&query).await
    });
    for part in futures_util::future::join_all(live).await {
        if !part?.items.is_empty() {
            return Err(Refusal::InUse {
                name: before.name.clone(),
            }
            .into());
        }
    }
    Ok(())
}

async fn build(
    core: &Core,
    who: &Who,
    id: EntitlementId,
    input: &EntitlementInput,
    created_at: Timestamp,
) -> Result<Entitlement> {
    let application = &who.application.value;
    let entitlement = Entitlement {
        id,
        application: application.id.clone(),
        name: input.name.clone(),
        description: input.description.clone(),
        targets: input
            .groups
            .iter()
            .map(|group| Target::Entra {
                cloud: application.cloud,
                tenant: application.tenant,
                group: *group,
            })
            .collect(),
        enabled: input.enabled,
        approval: input.approval,
        quorum: input.quorum,
        approvers: input.approvers.clone(),
        eligible: input.eligible.clone(),
        durations: input.durations.clone(),
        absolute_maximum: input.absolute_maximum,
        justification_min: input.justification_min,
        ticket: input.ticket.clone(),
        critical: input.critical,
        exact_expiry: input.exact_expiry,
        factor: input.factor,
        attestation: input.attestation.clone(),
        emergency: input.emergency.clone(),
        on_behalf: input.on_behalf,
        delegates: input.delegates.clone(),
        how_to: input.how_to.clone(),
        created_at,
    };
    entitlement.check(core.settings.short_durations)?;
    for group in &input.groups {
        if directory::group_by_object_id(&*core.store, &application.id, *group)
            .await?
            .is_none()
        {
            let rule = Rule::GroupNotProvisioned {
                target: format!("entra:{group}"),
            };
            return Err(Refusal::invalid("targets", rule).into());
        }
    }
    if let Some(approvers) = &entitlement.approvers {
        check_principals(core, &application.id, "approvers", approvers).await?;
    }
    if let Eligibility::Only(people) = &entitlement.eligible {
        check_principals(core, &application.id, "eligible", people).await?;
    }
    if let Some(delegates) = &entitlement.delegates {
        check_principals(core, &application.id, "delegates", delegates).await?;
    }
    if let Some(emergency) = &entitlement.emergency {
        check_principals(core, &application.id, "emergency.people", &emergency.people).await?;
    }
    Ok(entitlement)
}

/// Every user and group that is named has to exist in the application.
///
/// # Errors
/// Names the first that does not.
pub async fn check_principals(
    core: &Core,
    application: &ApplicationId,
    field: &'static str,
    principals: &Principals,
) -> Result<()> {
    for user in &principals.users {
        if directory::provisioned_user(&*core.store, application, *user)
            .await?
            .is_none()
        {
            let user = user.to_string();
            return Err(Refusal::invalid(field, Rule::NoUserHere { user }).into());
        }
    }
    for group in &principals.groups {
        if directory::group(&*core.store, application, *group).await?.is_none() {
            let group = group.to_string();
            return Err(Refusal::invalid(field, Rule::NoGroupHere { group }).into());
        }
    }
    Ok(())
}

/// `change`, writing down what each group is used for before and after.
async fn with_uses(core: &Core, change: Change, before: Option<&Entitlement>, after: &Entitlement) -> Result<Change> {
    let sources_before = before.map(sources).unwrap_or_default();
    let targets_before = before
        .map(|entitlement| groups(&entitlement.targets))
        .unwrap_or_default();
    let targets_after = groups(&after.targets);
    group_uses(
        core,
        &after.application,
        change,
        after.id,
        (&sources_before, &sources(after)),
        Some((&targets_before, &targets_after)),
    )
    .await
}

async fn store(
    core: &Core,
    by: &By<'_>,
    change: Change,
    before: Option<&Entitlement>,
    after: &Entitlement,
) -> Result<()> {
    let application = &after.application;
    let change = with_uses(core, change, before, after).await?;
    let now = core.clock.now();
    let probe = Probe {
        id: ProbeId::new(core.ids.uuid()),
        application: application.clone(),
        question: ProbeQuestion::Preflight {
            targets: after.targets.clone(),
        },
        asked_at: now,
        answer: None,
    };
    let draft = told(by, before.is_none(), after, now)?;
    // The probe answers within a second; the promise asks again when it could not, and from then on every few hours.
    let again = DueEntry::new(
        now.plus_seconds(FACTS_SOON_SECONDS),
        DueKind::Facts,
        format!("{application}/{}", after.id),
    );
    let drift = super::drift::soon(application, after.id, now);
    let catalogue = CatalogueState {
        application: application.clone(),
        state: core.ids.uuid(),
    };
    let change = change
        .create(&probe)?
        .put_any(&catalogue)?
        .due(&[], &[again, drift])?
        .event(
            StreamId::config(application, "entitlement", &after.id.to_string()),
            draft,
        );
    Ok(by.rests(core, change)?.commit(&*core.store).await?)
}

/// The event of a new or changed entitlement.
fn told(by: &By<'_>, new: bool, after: &Entitlement, now: Timestamp) -> Result<Draft> {
    let hash = canonical_hash(after)?;
    let action = if new {
        "entitlement.created"
    } else {
        "entitlement.changed"
    };
    let draft = by
        .draft(now, action)
        .fact("hash", hash)
        .fact("enabled", after.enabled)
        .fact("quorum", after.quorum)
        .fact("critical", after.critical)
        .fact("exact_expiry", after.expires_exactly())
        .fact(
            "emergency",
            after
                .emergency
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), |emergency| diff::principals(&emergency.people)),
        )
        .fact("on_behalf", after.on_behalf)
        .fact(
            "delegates",
            after
                .delegates
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), diff::principals),
        )
        .fact(
            "approvers",
            after
                .approvers
                .as_ref()
                .map_or_else(|| "default".to_owned(), diff::principals),
        )
        .fact(
            "eligible",
            match &after.eligible {
                Eligibility::Everyone => "everyone".to_owned(),
                Eligibility::Only(people) => diff::principals(people),
                Eligibility::Nobody => "nobody".to_owned(),
            },
        )
        .fact(
            "targets",
            after
                .targets
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        );
    Ok(draft)
}

/// The groups that feed an entitlement's approvers or its eligibility.
fn sources(entitlement: &Entitlement) -> BTreeSet<GroupId> {
    let mut sources = entitlement
        .approvers
        .as_ref()
        .map(|approvers| approvers.groups.clone())
        .unwrap_or_default();
    if let Eligibility::Only(people) = &entitlement.eligible {
        sources.extend(&people.groups);
    }
    if let Some(emergency) = &entitlement.emergency {
        sources.extend(&emergency.people.groups);
    }
    if let Some(delegates) = &entitlement.delegates {
        sources.extend(&delegates.groups);
    }
    sources
}

fn groups(targets: &[Target]) -> BTreeSet<ObjectId> {
    targets.iter().map(|Target::Entra { group, .. }| *group).collect()
}

/// Writes down what each directory group is used for, before and after, and refuses a group that would be both a
/// source and a target (design section 6, "no loops").
///
/// # Errors
/// [`Refusal::ApproverLoop`].
pub async fn group_uses(
    core: &Core,
    application: &ApplicationId,
    mut change: Change,
    user: EntitlementId,
    sources: (&BTreeSet<GroupId>, &BTreeSet<GroupId>),
    targets: Option<(&BTreeSet<ObjectId>, &BTreeSet<ObjectId>)>,
) -> Result<Change> {
    let mut uses: BTreeMap<ObjectId, (Stored<GroupUse>, GroupUse)> = BTreeMap::new();
    for source in sources.0.union(sources.1) {
        let Some(group) = directory::group(&*core.store, application, *source).await? else {
            continue;
        };
        let Some(object_id) = group.value.object_id() else {
            continue;
        };
        let (_, after) = entry(core, application, &mut uses, object_id).await?;
        if sources.1.contains(source) {
            after.source_of.insert(user);
        } else {
            after.source_of.remove(&user);
        }
    }
    if let Some((before, now)) = targets {
        for object_id in before.union(now) {
            let (_, after) = entry(core, application, &mut uses, *object_id).await?;
            if now.contains(object_id) {
                after.target_of.insert(user);
            } else {
                after.target_of.remove(&user);
            }
        }
    }
    for (object_id, (stored, after)) in uses {
        if stored.value == after {
            continue;
        }
        if !after.source_of.is_empty() && !after.target_of.is_empty() {
            return Err(Refusal::ApproverLoop {
                group: object_id.to_string(),
            }
            .into());
        }
        change = change.replace(stored.version, &after)?;
    }
    Ok(change)
}

async fn entry<'a>(
    core: &Core,
    application: &ApplicationId,
    uses: &'a mut BTreeMap<ObjectId, (Stored<GroupUse>, GroupUse)>,
    group: ObjectId,
) -> Result<&'a mut (Stored<GroupUse>, GroupUse)> {
    let stored = match uses.get(&group) {
        Some(_) => None,
        None => Some(read::<GroupUse>(&*core.store, &keys::group_use(application, group)).await?),
    };
    let fresh = || {
        let unused = GroupUse {
            application: application.clone(),
            group,
            target_of: BTreeSet::new(),
            source_of: BTreeSet::new(),
        };
        let stored = stored.flatten().unwrap_or(Stored {
            value: unused,
            version: 0,
        });
        let after = stored.value.clone();
        (stored, after)
    };
    Ok(uses.entry(group).or_insert_with(fresh))
}
