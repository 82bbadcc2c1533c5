//! What is done about members that nothing explains: the mode of an entitlement, the lists of standing members and of
//! protected accounts, and the reports. The looking is [`crate::workers::drift`].

use std::collections::BTreeSet;

use hourglass_domain::audit::StreamId;
use hourglass_domain::drift::{DriftMode, DriftPolicy, DriftReport, ProtectedAccounts, StandingMember, StandingSource};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{ApplicationId, EntitlementId, ObjectId};
use hourglass_domain::target::Target;
use hourglass_domain::two_person::{Object, diff};
use hourglass_domain::{Refusal, Timestamp};

use super::by::By;
use super::changes::Planned;
use super::{entitlements, require_admin};
use crate::caller::Who;
use crate::catalogue::search;
use crate::change::{Change, read, read_many, read_page};
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Key, MOST_KEYS, Page, Query};
use crate::records::{GroupUse, Stored};
use crate::seals::Sealed;

/// How soon (seconds) after a change of an entitlement or its mode its targets are looked at.
const SOON_SECONDS: i64 = 15;

/// The promise to look at an entitlement's targets soon.
#[must_use]
pub fn soon(application: &ApplicationId, entitlement: EntitlementId, now: Timestamp) -> DueEntry {
    DueEntry::new(
        now.plus_seconds(SOON_SECONDS),
        DueKind::Drift,
        format!("{application}/{entitlement}"),
    )
}

/// The mode of an entitlement and what the last look at each of its targets found; a target that nobody has looked at
/// yet has no report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drift {
    /// The mode; version 0 where nobody has chosen one.
    pub policy: Stored<DriftPolicy>,
    /// The reports.
    pub reports: Vec<DriftReport>,
}

/// The mode and the reports of an entitlement.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement.
pub async fn get(core: &Core, who: &Who, id: EntitlementId) -> Result<Drift> {
    let entitlement = entitlements::get(core, who, id).await?;
    let application = &who.application.value.id;
    let policy = policy(core, application, id, entitlement.value.created_at).await?;
    let keys: Vec<Key> = entitlement
        .value
        .targets
        .iter()
        .map(|target| keys::drift_report(target, id))
        .collect();
    let reports = read_many::<DriftReport>(&*core.store, &keys).await?;
    Ok(Drift {
        policy,
        reports: reports.into_iter().flatten().map(|stored| stored.value).collect(),
    })
}

/// An entitlement with its mode and its reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// The entitlement. Its seal is not looked at: nothing is decided here.
    pub entitlement: Entitlement,
    /// The mode.
    pub mode: DriftMode,
    /// What the last look at each target found, where there was one.
    pub reports: Vec<DriftReport>,
}

impl Watched {
    /// How many members nothing explains.
    #[must_use]
    pub fn unexplained(&self) -> usize {
        self.reports.iter().map(|report| report.unexplained).sum()
    }

    /// When the target that waits longest was looked at.
    #[must_use]
    pub fn checked_at(&self) -> Option<Timestamp> {
        let looked = self.reports.len() == self.entitlement.targets.len();
        let oldest = self.reports.iter().map(|report| report.checked_at).min();
        oldest.filter(|_| looked).flatten()
    }

    /// Whether a look failed, or removing stopped.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.reports
            .iter()
            .any(|report| report.error.is_some() || report.stopped.is_some())
    }
}

/// Entitlements of the caller's application by name and description, as [`entitlements::search`] finds them, with mode and
/// reports: part of them, what to give as `after` for the next, and how many there are in all. Seals are not looked at.
///
/// # Errors
/// When the caller is no admin.
pub async fn watched(
    core: &Core,
    index: &search::Index,
    who: &Who,
    text: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Page<Watched>, usize)> {
    require_admin(who)?;
    let (store, application) = (&*core.store, &who.application.value.id);
    let (ids, next, total) = search::ids(store, index, application, text, after, limit.min(MOST_KEYS)).await?;
    let keys: Vec<Key> = ids.iter().map(|id| keys::entitlement(application, *id)).collect();
    let found = read_many::<Sealed<Entitlement>>(store, &keys).await?;
    let entitlements: Vec<Entitlement> = found
        .into_iter()
        .flatten()
        .map(|stored| stored.unverified().value)
        .collect();
    let policies: Vec<Key> = entitlements
        .iter()
        .map(|entitlement| keys::drift_policy(application, entitlement.id))
        .collect();
    let policies = read_many::<DriftPolicy>(store, &policies).await?;
    let of_each = entitlements.iter().map(|entitlement| async {
        let keys: Vec<Key> = entitlement
            .targets
            .iter()
            .map(|target| keys::drift_report(target, entitlement.id))
            .collect();
        read_many::<DriftReport>(store, &keys).await
    });
    let reports = futures_util::future::join_all(of_each).await;
    let mut items = Vec::with_capacity(entitlements.len());
    for ((entitlement, policy), reports) in entitlements.into_iter().zip(policies).zip(reports) {
        items.push(Watched {
            entitlement,
            mode: policy.map(|policy| policy.value.mode).unwrap_or_default(),
            reports: reports?.into_iter().flatten().map(|stored| stored.value).collect(),
        });
    }
    Ok((Page { items, next }, total))
}

async fn policy(
    core: &Core,
    application: &ApplicationId,
    id: EntitlementId,
    since: Timestamp,
) -> Result<Stored<DriftPolicy>> {
    let stored = read(&*core.store, &keys::drift_policy(application, id)).await?;
    Ok(stored.unwrap_or_else(|| Stored {
        value: DriftPolicy {
            application: application.clone(),
            entitlement: id,
            mode: DriftMode::default(),
            since,
        },
        version: 0,
    }))
}

/// What choosing a mode changes.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement.
pub(super) async fn plan_mode(core: &Core, who: &Who, id: EntitlementId, mode: DriftMode) -> Result<Planned> {
    let before = get(core, who, id).await?.policy;
    Ok(Planned {
        object: Object::new("drift", id, before.version),
        diff: diff::drift_mode(before.value.mode, mode),
    })
}

/// Chooses the mode of an entitlement. Choosing the one in force again changes nothing.
pub(super) async fn choose(core: &Core, by: &By<'_>, id: EntitlementId, mode: DriftMode) -> Result<Drift> {
    let before = get(core, by, id).await?;
    by.require(before.policy.version)?;
    if before.policy.value.mode == mode {
        return Ok(before);
    }
    let now = core.clock.now();
    let policy = DriftPolicy {
        mode,
        since: now,
        ..before.policy.value.clone()
    };
    let application = &by.application.value.id;
    let draft = by
        .draft(now, "drift.mode_changed")
        .fact("before", before.policy.value.mode.name())
        .fact("mode", mode.name());
    let change = Change::new()
        .replace(before.policy.version, &policy)?
        .due(&[], &[soon(application, id, now)])?
        .event(StreamId::config(application, "drift", &id.to_string()), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    get(core, by, id).await
}

/// The protected accounts; version 0 where nobody has named any.
///
/// # Errors
/// When the caller is no admin.
pub async fn protected(core: &Core, who: &Who) -> Result<Stored<ProtectedAccounts>> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let stored = read(&*core.store, &keys::protected_accounts(application)).await?;
    Ok(stored.unwrap_or_else(|| Stored {
        value: ProtectedAccounts {
            application: application.clone(),
            accounts: BTreeSet::new(),
        },
        version: 0,
    }))
}

/// What replacing the list of protected accounts changes.
///
/// # Errors
/// When the caller is no admin, or the list is too long.
pub(super) async fn plan_protected(core: &Core, who: &Who, accounts: &BTreeSet<ObjectId>) -> Result<Planned> {
    let before = protected(core, who).await?;
    let after = ProtectedAccounts {
        application: before.value.application.clone(),
        accounts: accounts.clone(),
    };
    after.check()?;
    Ok(Planned {
        object: Object::new("drift", "protected", before.version),
        diff: diff::protected(&before.value, accounts),
    })
}

/// Replaces the list of protected accounts.
pub(super) async fn protect(
    core: &Core,
    by: &By<'_>,
    accounts: &BTreeSet<ObjectId>,
) -> Result<Stored<ProtectedAccounts>> {
    let before = protected(core, by).await?;
    by.require(before.version)?;
    let application = &by.application.value.id;
    let after = ProtectedAccounts {
        application: application.clone(),
        accounts: accounts.clone(),
    };
    after.check()?;
    let words = after.accounts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let draft = by
        .draft(core.clock.now(), "protected_accounts.changed")
        .fact("accounts", words.join(" "));
    let change = Change::new()
        .replace(before.version, &after)?
        .event(StreamId::config(application, "drift", "protected"), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(Stored {
        value: after,
        version: before.version.saturating_add(1),
    })
}

/// The target that a group of the caller's application is.
///
/// # Errors
/// When the caller is no admin, or the group is the target of no entitlement.
async fn target(core: &Core, who: &Who, group: ObjectId) -> Result<Target> {
    require_admin(who)?;
    let application = &who.application.value;
    let used: Option<Stored<GroupUse>> = read(&*core.store, &keys::group_use(&application.id, group)).await?;
    if used.is_none_or(|used| used.value.target_of.is_empty()) {
        return Err(Refusal::NotFound { what: "managed group" }.into());
    }
    Ok(Target::Entra {
        cloud: application.cloud,
        tenant: application.tenant,
        group,
    })
}

/// The standing members of a group, in the order of their object ids.
///
/// # Errors
/// When the caller is no admin, or the group is the target of no entitlement.
pub async fn standing(
    core: &Core,
    who: &Who,
    group: ObjectId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<StandingMember>>> {
    let target = target(core, who, group).await?;
    let query = Query::partition(keys::drift(&target))
        .prefix(keys::STANDING)
        .after(after)
        .limit(limit);
    Ok(read_page(&*core.store, &query).await?)
}

/// What putting an account on a group's list of standing members, or taking it off, changes.
///
/// # Errors
/// When the caller is no admin, the group is the target of no entitlement, or an account that is to be taken off is not on
/// the list.
pub(super) async fn plan_standing(
    core: &Core,
    who: &Who,
    (group, account): (ObjectId, ObjectId),
    listed: bool,
) -> Result<Planned> {
    let target = target(core, who, group).await?;
    let known: Option<Stored<StandingMember>> = read(&*core.store, &keys::standing(&target, account)).await?;
    if known.is_none() && !listed {
        return Err(not_standing());
    }
    Ok(Planned {
        object: Object::new(
            "standing",
            format!("{group}/{account}"),
            known.as_ref().map_or(0, |known| known.version),
        ),
        diff: diff::standing(account, known.is_some(), listed),
    })
}

fn not_standing() -> AppError {
    Refusal::NotFound {
        what: "standing member",
    }
    .into()
}

/// Declares that an account belongs to a group without any grant. One that is on the list already stays as it is.
pub(super) async fn declare(core: &Core, by: &By<'_>, group: ObjectId, account: ObjectId) -> Result<StandingMember> {
    let target = target(core, by, group).await?;
    let key = keys::standing(&target, account);
    if let Some(known) = read::<StandingMember>(&*core.store, &key).await? {
        by.require(known.version)?;
        return Ok(known.value);
    }
    by.require(0)?;
    let now = core.clock.now();
    let member = StandingMember {
        application: by.application.value.id.clone(),
        target: target.clone(),
        account,
        since: now,
        source: StandingSource::Declared,
    };
    let draft = by
        .draft(now, "standing.declared")
        .fact("group", group)
        .fact("account", account);
    let change = Change::new().create(&member)?.event(stream(by, group), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(member)
}

/// Takes an account off the list of standing members. The account stays in the group until somebody removes it there,
/// or drift repair does.
pub(super) async fn withdraw(core: &Core, by: &By<'_>, group: ObjectId, account: ObjectId) -> Result<()> {
    let target = target(core, by, group).await?;
    let known: Option<Stored<StandingMember>> = read(&*core.store, &keys::standing(&target, account)).await?;
    let known = known.ok_or_else(not_standing)?;
    by.require(known.version)?;
    let draft = by
        .draft(core.clock.now(), "standing.withdrawn")
        .fact("group", group)
        .fact("account", account);
    let change = Change::new().delete(&known).event(stream(by, group), draft);
    Ok(by.rests(core, change)?.commit(&*core.store).await?)
}

fn stream(who: &Who, group: ObjectId) -> StreamId {
    StreamId::config(&who.application.value.id, "standing", &group.to_string())
}
