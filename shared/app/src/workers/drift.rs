//! Compares the members of an entitlement's targets with what explains them, keeps a report, and with `enforce` removes
//! what nothing explains. Rules: [`hourglass_domain::drift`].
//!
//! The directory is listed first and our own records are read after it: a grant leaves its marker before its member is
//! added, so that no member of a live grant can look unexplained. A member whose grant ended in between can, for one
//! look; nothing comes of it, because whoever is no member any more needs no removal.

use std::collections::BTreeSet;

use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::drift::{
    DriftMode, DriftPolicy, DriftReport, ENFORCE_AFTER_SECONDS, ProtectedAccounts, StandingMember, StandingSource,
    explain,
};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{ApplicationId, EntitlementId, ObjectId};
use hourglass_domain::membership::{Holds, Membership, MembershipKey, Presence, Watch};
use hourglass_domain::protocol::membership::View;
use hourglass_domain::target::Target;

use super::converge::{converge, promises};
use crate::change::{Change, ChangeError, read, read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::connector::Place;
use crate::ports::store::{Key, MOST_KEYS, Query};
use crate::records::{LiveInGroup, Stored};

/// How often (seconds) the members of an entitlement's targets are compared.
const EVERY_SECONDS: i64 = 3_600;
/// How soon (seconds) removals that are not proved yet are looked at again.
const REMOVING_SECONDS: i64 = 60;
/// Most members that are compared: a larger group is reported as too large, and never half compared.
const MOST_MEMBERS: usize = 20_000;
/// How many standing members one transaction stores.
const AT_A_TIME: usize = 50;

/// Looks at every target of an entitlement, and promises to look again.
///
/// # Errors
/// Only when the table does not answer; the promise that led here stays.
pub async fn look(workers: &Workers, application: &ApplicationId, id: EntitlementId) -> Result<()> {
    let store = &*workers.core.store;
    let entitlement: Option<Stored<Entitlement>> = read(store, &keys::entitlement(application, id)).await?;
    // One that is switched off is looked at all the same: what it once gave may still be there.
    let Some(entitlement) = entitlement else {
        return Ok(());
    };
    let policy: Option<Stored<DriftPolicy>> = read(store, &keys::drift_policy(application, id)).await?;
    let policy = policy.map_or_else(
        || DriftPolicy {
            application: application.clone(),
            entitlement: id,
            mode: DriftMode::default(),
            since: entitlement.value.created_at,
        },
        |stored| stored.value,
    );
    let mut removing = false;
    for target in &entitlement.value.targets {
        removing |= look_at(workers, &policy, target).await?;
    }
    let now = workers.core.clock.now();
    let name = format!("{application}/{id}");
    let next = if removing {
        DueEntry::new(now.plus_seconds(REMOVING_SECONDS), DueKind::Drift, name)
    } else {
        DueEntry::next_on_grid(now, EVERY_SECONDS, DueKind::Drift, name)
    };
    match Change::new().due(&[], &[next])?.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Looks at one target. Whether removals are under way.
async fn look_at(workers: &Workers, policy: &DriftPolicy, target: &Target) -> Result<bool> {
    let store = &*workers.core.store;
    let stored: Option<Stored<DriftReport>> = read(store, &keys::drift_report(target, policy.entitlement)).await?;
    let fresh = || DriftReport::new(policy.application.clone(), policy.entitlement, target.clone());
    let (before, mut version) = stored.map_or_else(|| (fresh(), 0), |stored| (stored.value, stored.version));
    let now = workers.core.clock.now();
    let report = match members(workers, policy, target).await {
        Err(why) => {
            tracing::warn!(entitlement.id = %policy.entitlement, %target, why, "members cannot be compared");
            tracing::info!(target: "metric", metric = "drift_failures", value = 1_u64, unit = "Count");
            DriftReport {
                error: Some(why),
                ..before.clone()
            }
        }
        Ok(members) => {
            let held = held(workers, policy, target).await?;
            let report = found(workers, policy, target, before.clone(), &members, &held, now).await?;
            repair(workers, policy, target, report, &mut version).await?
        }
    };
    tell(policy, &report);
    let mut change = Change::new().replace(version, &report)?;
    if let Some(draft) = event(policy, &before, &report, now) {
        let stream = StreamId::config(&policy.application, "drift", &policy.entitlement.to_string());
        change = change.event(stream, draft);
    }
    match change.commit(store).await {
        // Somebody else looked at the same time; the next look tells.
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(!report.removing.is_empty()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// All direct members, or in words why they cannot be listed: never a part of them.
async fn members(
    workers: &Workers,
    policy: &DriftPolicy,
    target: &Target,
) -> std::result::Result<Vec<(ObjectId, Option<String>)>, String> {
    let place = Place {
        application: policy.application.clone(),
        target: target.clone(),
    };
    let mut members = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let part = workers
            .connector
            .list(&place, next.as_deref())
            .await
            .map_err(|error| error.to_string())?;
        members.extend(part.members.into_iter().map(|member| (member.account, member.name)));
        if members.len() > MOST_MEMBERS {
            return Err(format!("the group has more than {MOST_MEMBERS} direct members"));
        }
        next = part.next;
        if next.is_none() {
            return Ok(members);
        }
    }
}

/// The accounts of the grants that have not ended and give membership of the target. One that is ending counts: its
/// member is being taken away already.
async fn held(workers: &Workers, policy: &DriftPolicy, target: &Target) -> Result<BTreeSet<ObjectId>> {
    let store = &*workers.core.store;
    let Target::Entra { group, .. } = target;
    let partition = keys::live_in_group(&policy.application, *group);
    let mut held = BTreeSet::new();
    let mut after = None;
    loop {
        let page = read_page::<LiveInGroup>(store, &Query::partition(partition.clone()).after(after)).await?;
        let grants: Vec<Key> = page.items.iter().map(|live| keys::grant(live.value.grant)).collect();
        for keys in grants.chunks(MOST_KEYS) {
            let grants = read_many::<Grant>(store, keys).await?;
            held.extend(
                grants
                    .into_iter()
                    .flatten()
                    .map(|grant| grant.value.beneficiary.object_id),
            );
        }
        after = page.next;
        if after.is_none() {
            return Ok(held);
        }
    }
}

/// The report of this look. `enforce` stores who is there now as standing before it judges anybody for the first time.
async fn found(
    workers: &Workers,
    policy: &DriftPolicy,
    target: &Target,
    mut report: DriftReport,
    members: &[(ObjectId, Option<String>)],
    held: &BTreeSet<ObjectId>,
    now: Timestamp,
) -> Result<DriftReport> {
    let store = &*workers.core.store;
    let enforce = policy.mode == DriftMode::Enforce;
    if enforce && report.found_at.is_none_or(|at| at < policy.since) {
        keep_standing(workers, policy, target, members, held, now).await?;
        report.found_at = Some(now);
        report.enforce_from = Some(now.plus_seconds(ENFORCE_AFTER_SECONDS));
    }
    if !enforce {
        report.enforce_from = None;
    }
    let standing = standing(workers, target).await?;
    let protected: Option<Stored<ProtectedAccounts>> =
        read(store, &keys::protected_accounts(&policy.application)).await?;
    let protected = protected.map(|stored| stored.value.accounts).unwrap_or_default();
    Ok(report.with(&explain(members, held, &standing, &protected), now))
}

/// The list of standing members, always whole: one that is missing would be removed.
async fn standing(workers: &Workers, target: &Target) -> Result<BTreeSet<ObjectId>> {
    let store = &*workers.core.store;
    let mut standing = BTreeSet::new();
    let mut after = None;
    loop {
        let query = Query::partition(keys::drift(target))
            .prefix(keys::STANDING)
            .after(after);
        let page = read_page::<StandingMember>(store, &query).await?;
        standing.extend(page.items.iter().map(|stored| stored.value.account));
        after = page.next;
        if after.is_none() {
            return Ok(standing);
        }
    }
}

/// Puts the members that no grant explains on the list of standing members. Done again after a crash, it changes
/// nothing; who is on the list already stays as he is.
async fn keep_standing(
    workers: &Workers,
    policy: &DriftPolicy,
    target: &Target,
    members: &[(ObjectId, Option<String>)],
    held: &BTreeSet<ObjectId>,
    now: Timestamp,
) -> Result<()> {
    let store = &*workers.core.store;
    let known = standing(workers, target).await?;
    let mut new = Vec::new();
    for (account, _) in members.iter().filter(|(account, _)| !known.contains(account)) {
        // Somebody who was there before a grant came stays when it ends.
        if !held.contains(account) || was_there_before(workers, target, *account).await? {
            new.push(*account);
        }
    }
    for part in new.chunks(AT_A_TIME) {
        let mut change = Change::new();
        for account in part {
            change = change.put_any(&StandingMember {
                application: policy.application.clone(),
                target: target.clone(),
                account: *account,
                since: now,
                source: StandingSource::Found,
            })?;
        }
        let draft = Draft::new(now, Actor::system("revocation"), "standing.found")
            .fact("target", target)
            .fact("accounts", in_words(part.iter()));
        let stream = StreamId::config(&policy.application, "drift", &policy.entitlement.to_string());
        change.event(stream, draft).commit(store).await?;
    }
    Ok(())
}

/// Whether a member was one before the grant that holds it now, or will. The list was read first, and the intent to add is
/// stored before a member is added: one of which we still know nothing, or no more than that it was there, did not come
/// from us. One that we removed lately may be, for a target that lies.
async fn was_there_before(workers: &Workers, target: &Target, account: ObjectId) -> Result<bool> {
    let key = MembershipKey {
        target: target.clone(),
        account,
    };
    let membership: Option<Stored<Membership>> = read(&*workers.core.store, &keys::membership(&key)).await?;
    Ok(membership.is_none_or(|membership| match membership.value.presence {
        Presence::Standing { .. } => true,
        Presence::Absent => membership.value.watch.is_none(),
        Presence::Adding | Presence::Present { .. } | Presence::Removing { .. } | Presence::Gone => false,
    }))
}

/// Removes what has to go, through the one way in which a target is touched, and looks after what is under way. `version`
/// is that of the stored report, which names each removal before it begins.
async fn repair(
    workers: &Workers,
    policy: &DriftPolicy,
    target: &Target,
    mut report: DriftReport,
    version: &mut u64,
) -> Result<DriftReport> {
    let now = workers.core.clock.now();
    let to_remove = match report.to_remove(policy.mode, now) {
        Ok(accounts) => {
            report.stopped = None;
            accounts
        }
        Err(why) => {
            report.stopped = Some(why);
            BTreeSet::new()
        }
    };
    for account in to_remove {
        let mut naming = report.clone();
        naming.removing.insert(account);
        if begin_removal(workers, &naming, *version, account, now).await? {
            report = naming;
            *version = version.saturating_add(1);
        }
    }
    if report.removing.is_empty() {
        return Ok(report);
    }
    let accounts: Vec<ObjectId> = report.removing.iter().copied().take(MOST_KEYS).collect();
    let memberships: Vec<MembershipKey> = accounts
        .iter()
        .map(|account| MembershipKey {
            target: target.clone(),
            account: *account,
        })
        .collect();
    let outcomes = converge(workers, &policy.application, &memberships).await?;
    for (account, outcome) in accounts.iter().zip(outcomes) {
        let over = matches!(outcome.view, View::Absent | View::Gone);
        if over {
            report.removed = report.removed.saturating_add(1);
        }
        // A grant came meanwhile: it holds the membership now.
        if over || outcome.held {
            report.removing.remove(account);
        }
    }
    Ok(report)
}

/// Stores that a membership has to go, if no grant has a hold on it and nobody is at it, together with the report that
/// names it: nobody else would come back until its absence is proved. `false` when that is not so.
async fn begin_removal(
    workers: &Workers,
    naming: &DriftReport,
    report_version: u64,
    account: ObjectId,
    now: Timestamp,
) -> Result<bool> {
    let store = &*workers.core.store;
    let key = MembershipKey {
        target: naming.target.clone(),
        account,
    };
    let holds: Option<Stored<Holds>> = read(store, &keys::holds(&key)).await?;
    let stored: Option<Stored<Membership>> = read(store, &keys::membership(&key)).await?;
    let (before, version) = stored.map_or_else(
        || (Membership::untouched(key.clone()), 0),
        |stored| (stored.value, stored.version),
    );
    let held = holds.as_ref().is_some_and(|holds| !holds.value.holds.is_empty());
    let leased = before.lease.as_ref().is_some_and(|lease| lease.until > now);
    if held || leased {
        return Ok(false);
    }
    let membership = Membership {
        presence: Presence::Removing {
            since: now,
            deleted_at: None,
            seen_absent_at: None,
            seen_gone_at: None,
        },
        // No grant stands behind it, and the target may leave the entitlement: it is looked after for itself.
        watch: Some(Watch {
            since: now,
            next: now.plus_seconds(REMOVING_SECONDS),
        }),
        ..before.clone()
    };
    let draft = Draft::new(now, Actor::system("revocation"), "membership.drift_removal")
        .fact("entitlement", naming.entitlement)
        .fact("target", &naming.target);
    let change = Change::new()
        .replace(version, &membership)?
        .due(
            &promises(&naming.application, &before),
            &promises(&naming.application, &membership),
        )?
        .replace(report_version, naming)?
        .check_version(keys::holds(&key), holds.map_or(0, |holds| holds.version))
        .event(StreamId::membership(&key), draft);
    match change.commit(store).await {
        Ok(()) => Ok(true),
        Err(ChangeError::Conflict(_)) => Ok(false),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// The audit event of a look that found something else than the one before; what only got older is no event.
fn event(policy: &DriftPolicy, before: &DriftReport, after: &DriftReport, now: Timestamp) -> Option<Draft> {
    let accounts =
        |report: &DriftReport| -> BTreeSet<ObjectId> { report.named.iter().map(|member| member.account).collect() };
    let same = accounts(before) == accounts(after)
        && before.unexplained == after.unexplained
        && before.found_at == after.found_at
        && before.stopped.is_some() == after.stopped.is_some()
        && before.removing == after.removing
        && before.removed == after.removed;
    let nothing_yet = before.checked_at.is_none() && after.unexplained == 0 && after.found_at.is_none();
    if same || nothing_yet {
        return None;
    }
    let mut draft = Draft::new(now, Actor::system("revocation"), "drift.found")
        .fact("mode", policy.mode.name())
        .fact("target", &after.target)
        .fact("members", after.members)
        .fact("unexplained", after.unexplained)
        .fact("accounts", in_words(accounts(after).iter()))
        .fact("removing", in_words(after.removing.iter()))
        .fact("removed", after.removed);
    if let Some(from) = after.enforce_from {
        draft = draft.fact("enforce_from", from);
    }
    if let Some(why) = &after.stopped {
        draft = draft.fact("stopped", why);
    }
    Some(draft)
}

fn in_words<'a>(accounts: impl Iterator<Item = &'a ObjectId>) -> String {
    accounts.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Measures what operators watch.
fn tell(policy: &DriftPolicy, report: &DriftReport) {
    if policy.mode != DriftMode::Observe {
        tracing::info!(
            target: "metric", metric = "drift_members", value = report.unexplained as u64, unit = "Count"
        );
    }
    if let Some(why) = &report.stopped {
        tracing::error!(entitlement.id = %policy.entitlement, target = %report.target, why, "drift repair stopped");
        tracing::info!(target: "metric", metric = "drift_stopped", value = 1_u64, unit = "Count");
    }
}
