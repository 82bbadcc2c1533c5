//! Grants that two administrators closed by hand: closed once both have signed, and looked at again every day until the
//! members are proved absent. One that a target still shows reopens its grant.

use futures_util::future::join_all;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::by_hand::{ClosingByHand, is_failing};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::GrantId;
use hourglass_domain::membership::{Holds, Membership, MembershipKey};
use hourglass_domain::protocol::grant::{HoldsChange, closed_by_hand, rechecked, reopened};
use hourglass_domain::protocol::membership::{Inspection, Outcome};
use hourglass_domain::target::Target;

use super::advance::{self, holds_writes, markers_gone, memberships};
use super::converge::converge;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read};
use crate::error::Result;
use crate::keys;
use crate::policy;
use crate::ports::Workers;
use crate::ports::connector::Place;
use crate::records::{LiveGrant, LiveInApplication, LiveInGroup, Stored};
use crate::removals;

/// Closes the grant if that was signed, or looks at it again if it is closed.
///
/// # Errors
/// When it has to be looked at again.
pub async fn look(workers: &Workers, id: GrantId) -> Result<()> {
    let store = &*workers.core.store;
    for _ in 0..DECIDE_AGAIN {
        let Some(grant) = read::<Grant>(store, &keys::grant(id)).await? else {
            return Ok(());
        };
        let stored = match grant.value.status {
            GrantStatus::Ending => close(workers, &grant).await?,
            GrantStatus::ClosedByHand => recheck(workers, &grant).await?,
            _ => return Ok(()),
        };
        if stored {
            return Ok(());
        }
    }
    Err(hourglass_domain::Refusal::Changed.into())
}

/// Closes an ending grant that still fails, if two administrators have signed that since it was last reopened.
async fn close(workers: &Workers, grant: &Stored<Grant>) -> Result<bool> {
    let now = workers.core.clock.now();
    let closing: Option<Stored<ClosingByHand>> =
        read(&*workers.core.store, &keys::closing_by_hand(grant.value.id)).await?;
    let Some(closing) = closing.filter(|closing| closing.value.in_force(&grant.value).is_some()) else {
        return Ok(true);
    };
    // It was failing when both signed. If it is no longer, the end is a proved one after all.
    if !is_failing(&grant.value, now) {
        return Ok(true);
    }
    let closed = closed_by_hand(&grant.value, now);
    let draft = Draft::new(now, Actor::system("worker"), "grant.closed_by_hand")
        .fact("grant", closed.id)
        .fact("signatures", closing.version);
    let change = Change::new().replace(grant.version, &closed)?;
    let change = change.due(&grant.value.due, &closed.due)?;
    let change = holds_writes(workers, change, &closed, HoldsChange::Drop).await?;
    let change = removals::done(markers_gone(change, &closed), &grant.value);
    let done = commit(workers, change, &closed, draft).await?;
    if done {
        tracing::warn!(grant.id = %closed.id, targets = ?closed.targets, "a grant is closed by hand, unproved");
    }
    Ok(done)
}

/// Asks the targets again. Nothing is changed where a target does not answer.
async fn recheck(workers: &Workers, stored: &Stored<Grant>) -> Result<bool> {
    let grant = &stored.value;
    let now = workers.core.clock.now();
    if !grant.due.iter().any(|entry| entry.at <= now) {
        return Ok(true);
    }
    let keys = memberships(grant);
    // Side by side: the targets that hang must not keep the one from being asked that still shows the member.
    let answers = join_all(keys.iter().map(|key| inspect(workers, grant, key))).await;
    for (key, found) in keys.iter().zip(&answers) {
        if *found == Inspection::Present && !is_kept(workers, key).await? {
            return reopen(workers, stored).await;
        }
    }
    let proofs = keys.iter().zip(answers).map(|(key, found)| async move {
        match found {
            Inspection::Unknown(_) => Ok(None),
            _ => converge(workers, &grant.application, std::slice::from_ref(key))
                .await
                .map(|mut outcomes| outcomes.pop()),
        }
    });
    let outcomes = join_all(proofs)
        .await
        .into_iter()
        .collect::<Result<Vec<Option<Outcome>>>>()?;
    let next = rechecked(grant, &outcomes, now);
    let change = Change::new()
        .replace(stored.version, &next)?
        .due(&grant.due, &next.due)?;
    let action = if next.due.is_empty() {
        "grant.proved_gone"
    } else {
        "grant.rechecked"
    };
    let draft = Draft::new(now, Actor::system("worker"), action).fact("grant", grant.id);
    commit(workers, change, &next, draft).await
}

/// Whether somebody else's claim or an earlier one keeps the member: then it is not the one that was to be removed.
async fn is_kept(workers: &Workers, key: &MembershipKey) -> Result<bool> {
    let store = &*workers.core.store;
    let holds: Option<Stored<Holds>> = read(store, &keys::holds(key)).await?;
    let holds = holds.map_or_else(|| Holds::none(key.clone()), |holds| holds.value);
    let membership: Option<Stored<Membership>> = read(store, &keys::membership(key)).await?;
    let standing = membership.is_some_and(|membership| membership.value.is_standing(&holds));
    Ok(standing || holds.kept_until(workers.core.clock.now()).is_some())
}

async fn inspect(workers: &Workers, grant: &Grant, key: &MembershipKey) -> Inspection {
    let place = Place {
        application: grant.application.clone(),
        target: key.target.clone(),
    };
    let answer = workers.connector.inspect(&place, &[key.account]).await.pop();
    answer.unwrap_or_else(|| Inspection::Unknown("no answer".to_owned()))
}

/// The member is still there: the grant ends as any other from here on.
async fn reopen(workers: &Workers, stored: &Stored<Grant>) -> Result<bool> {
    let now = workers.core.clock.now();
    let next = reopened(&stored.value, now);
    let draft = Draft::new(now, Actor::system("worker"), "grant.reopened").fact("grant", next.id);
    let change = Change::new()
        .replace(stored.version, &next)?
        .due(&stored.value.due, &next.due)?;
    let change = markers_back(workers, change, &next).await?;
    if !commit(workers, change, &next, draft).await? {
        return Ok(false);
    }
    tracing::error!(grant.id = %next.id, "a grant that was closed by hand has left its member: reopened");
    tracing::info!(target: "metric", metric = "convergence_failures", value = 1_u64, unit = "Count");
    advance::advance(workers, next.id).await?;
    Ok(true)
}

/// The markers of a grant that has not ended after all: drift knows its member by them, and its entitlement is in use. One
/// of a group that is not provisioned any more is left out, as nothing looks for it.
async fn markers_back(workers: &Workers, change: Change, grant: &Grant) -> Result<Change> {
    let targets = grant.targets.iter().map(|target| &target.target);
    let groups = policy::provisioned_groups(&*workers.core.store, &grant.application, targets).await?;
    let mut change = change
        .put_any(&LiveGrant {
            user: grant.beneficiary.user,
            grant: grant.id,
            entitlement: grant.entitlement,
        })?
        .put_any(&LiveInApplication {
            application: grant.application.clone(),
            entitlement: grant.entitlement,
            grant: grant.id,
            starts_at: grant.starts_at,
        })?;
    for (Target::Entra { group, .. }, provisioned) in groups {
        change = change.put_any(&LiveInGroup {
            application: grant.application.clone(),
            group,
            provisioned,
            grant: grant.id,
        })?;
    }
    Ok(change)
}

/// Stores a change with its event; `false` when something had changed meanwhile.
async fn commit(workers: &Workers, change: Change, grant: &Grant, draft: Draft) -> Result<bool> {
    let change = change.event(StreamId::request(grant.request), draft);
    match change.commit(&*workers.core.store).await {
        Ok(()) => Ok(true),
        Err(ChangeError::Conflict(_)) => Ok(false),
        Err(ChangeError::App(error)) => Err(error),
    }
}
