//! What is done about members that nothing explains: the mode of an entitlement, the lists of standing members and of
//! protected accounts, and the reports. The looking is [`crate::workers::drift`].

use std::collections::BTreeSet;

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::drift::{DriftMode, DriftPolicy, DriftReport, ProtectedAccounts, StandingMember, StandingSource};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{ApplicationId, EntitlementId, ObjectId};
use hourglass_domain::target::Target;
use hourglass_domain::{Refusal, Timestamp};

use super::{entitlements, require_admin, require_version};
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read, read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Key, Page, Query};
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

/// The entitlements of the caller's application in the order of their ids, with mode and reports; at most `limit` (1 to
/// [`MOST_KEYS`]).
///
/// # Errors
/// When the caller is no admin.
pub async fn watched(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Watched>> {
    require_admin(who)?;
    let (store, application) = (&*core.store, &who.application.value.id);
    let query = Query::partition(keys::entitlements(application))
        .after(after)
        .limit(limit);
    let page = read_page::<Sealed<Entitlement>>(store, &query).await?;
    let entitlements: Vec<Entitlement> = page.items.into_iter().map(|stored| stored.unverified().value).collect();
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
    Ok(Page { items, next: page.next })
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

/// Chooses the mode of an entitlement. Choosing the one in force again changes nothing.
///
/// # Errors
/// When the caller is no admin, there is no such entitlement, or the mode changed meanwhile.
pub async fn choose(core: &Core, who: &Who, id: EntitlementId, mode: DriftMode, version: Option<u64>) -> Result<Drift> {
    for _ in 0..DECIDE_AGAIN {
        let before = get(core, who, id).await?;
        require_version(before.policy.version, version)?;
        if before.policy.value.mode == mode {
            return Ok(before);
        }
        let now = core.clock.now();
        let policy = DriftPolicy {
            mode,
            since: now,
            ..before.policy.value.clone()
        };
        let application = &who.application.value.id;
        let draft = Draft::new(now, who.actor(), "drift.mode_changed")
            .fact("before", before.policy.value.mode.name())
            .fact("mode", mode.name());
        let change = Change::new()
            .replace(before.policy.version, &policy)?
            .due(&[], &[soon(application, id, now)])?
            .event(StreamId::config(application, "drift", &id.to_string()), draft);
        match change.commit(&*core.store).await {
            Ok(()) => return get(core, who, id).await,
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
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

/// Replaces the list of protected accounts.
///
/// # Errors
/// When the caller is no admin, the list is too long, or it changed meanwhile.
pub async fn protect(
    core: &Core,
    who: &Who,
    accounts: BTreeSet<ObjectId>,
    version: Option<u64>,
) -> Result<Stored<ProtectedAccounts>> {
    for _ in 0..DECIDE_AGAIN {
        let before = protected(core, who).await?;
        require_version(before.version, version)?;
        let application = &who.application.value.id;
        let after = ProtectedAccounts {
            application: application.clone(),
            accounts: accounts.clone(),
        };
        after.check()?;
        let words = after.accounts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let draft =
            Draft::new(core.clock.now(), who.actor(), "protected_accounts.changed").fact("accounts", words.join(" "));
        let change = Change::new()
            .replace(before.version, &after)?
            .event(StreamId::config(application, "drift", "protected"), draft);
        match change.commit(&*core.store).await {
            Ok(()) => {
                return Ok(Stored {
                    value: after,
                    version: before.version.saturating_add(1),
                });
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
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

/// Declares that an account belongs to a group without any grant. One that is on the list already stays as it is.
///
/// # Errors
/// When the caller is no admin, or the group is the target of no entitlement.
pub async fn declare(core: &Core, who: &Who, group: ObjectId, account: ObjectId) -> Result<StandingMember> {
    let target = target(core, who, group).await?;
    let key = keys::standing(&target, account);
    for _ in 0..DECIDE_AGAIN {
        if let Some(known) = read::<StandingMember>(&*core.store, &key).await? {
            return Ok(known.value);
        }
        let now = core.clock.now();
        let member = StandingMember {
            application: who.application.value.id.clone(),
            target: target.clone(),
            account,
            since: now,
            source: StandingSource::Declared,
        };
        let draft = Draft::new(now, who.actor(), "standing.declared")
            .fact("group", group)
            .fact("account", account);
        let change = Change::new().create(&member)?.event(stream(who, group), draft);
        match change.commit(&*core.store).await {
            Ok(()) => return Ok(member),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Takes an account off the list of standing members. The account stays in the group until somebody removes it there,
/// or drift repair does.
///
/// # Errors
/// When the caller is no admin, the group is the target of no entitlement, or the account is not on the list.
pub async fn withdraw(core: &Core, who: &Who, group: ObjectId, account: ObjectId) -> Result<()> {
    let target = target(core, who, group).await?;
    let known: Option<Stored<StandingMember>> = read(&*core.store, &keys::standing(&target, account)).await?;
    let Some(known) = known else {
        return Err(Refusal::NotFound {
            what: "standing member",
        }
        .into());
    };
    let draft = Draft::new(core.clock.now(), who.actor(), "standing.withdrawn")
        .fact("group", group)
        .fact("account", account);
    let change = Change::new().delete(&known).event(stream(who, group), draft);
    Ok(change.commit(&*core.store).await?)
}

fn stream(who: &Who, group: ObjectId) -> StreamId {
    StreamId::config(&who.application.value.id, "standing", &group.to_string())
}
