//! Naming a delegate, and who acts for whom now.
//!
//! What is stored says only whom an approver named and until when. Whether it counts is found out wherever it matters
//! ([`acting`]): the approver is one in their own right and active, the admins' pool names the delegate, the delegate is
//! active and no guest, and the two are not one human being.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::delegate::{Delegation, LONGEST_SECONDS};
use hourglass_domain::directory::{Party, User};
use hourglass_domain::entitlement::{Entitlement, Principals};
use hourglass_domain::ids::{ApplicationId, EntitlementId, UserId};
use hourglass_domain::refusal::Rule;
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::{Refusal, Timestamp};

use crate::auth_context;
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read, read_many, read_page};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::policy::{self, Named};
use crate::ports::Core;
use crate::ports::store::{List, Page, Query, Store};
use crate::records::Stored;

/// A delegation that counts, with everything that it rests on.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The delegation.
    pub delegation: Stored<Delegation>,
    /// The approver's account.
    principal: Stored<User>,
    /// By what the approver is one.
    approves: Named,
    /// By what the delegate is in the pool.
    pooled: Named,
}

impl Acting {
    /// For whom.
    #[must_use]
    pub const fn principal(&self) -> &Party {
        &self.delegation.value.principal
    }

    /// `change`, relying on all of it being so still.
    #[must_use]
    pub fn checked(&self, change: Change) -> Change {
        let delegation = &self.delegation.value;
        let (application, delegate) = (&delegation.application, delegation.delegate.user);
        let change = change.check(&self.delegation).check_same(&self.principal);
        let change = self.approves.checked(change, application, self.principal.value.id);
        self.pooled.checked(change, application, delegate)
    }
}

fn still(user: &User, party: &Party) -> bool {
    user.active && !user.is_guest() && user.object_id() == Some(party.object_id)
}

/// The delegations of an entitlement under which an account acts now, in the order of the approvers' ids.
///
/// # Errors
/// Only when the table does not answer.
pub async fn acting(
    store: &dyn Store,
    entitlement: &Entitlement,
    approvers: &Principals,
    delegate: &Party,
    now: Timestamp,
) -> Result<Vec<Acting>> {
    let Some(pool) = &entitlement.delegates else {
        return Ok(Vec::new());
    };
    let application = &entitlement.application;
    let Some(pooled) = policy::named(store, application, pool, delegate.user).await? else {
        return Ok(Vec::new());
    };
    let account = directory::provisioned_user(store, application, delegate.user).await?;
    if !account.is_some_and(|user| still(&user.value, delegate)) {
        return Ok(Vec::new());
    }
    let mut acting = Vec::new();
    for delegation in all_of(store, application, entitlement.id).await? {
        let value = &delegation.value;
        let named = value.delegate.user == delegate.user && value.delegate.object_id == delegate.object_id;
        if !named || !value.lasts(now) {
            continue;
        }
        let principal = directory::provisioned_user(store, application, value.principal.user).await?;
        let Some(principal) = principal.filter(|user| still(&user.value, &value.principal)) else {
            continue;
        };
        let Some(approves) = policy::named(store, application, approvers, value.principal.user).await? else {
            continue;
        };
        let (persons, _) = persons::now(store, application, [&value.principal, delegate]).await?;
        if persons.same(&value.principal, delegate) {
            continue;
        }
        acting.push(Acting {
            delegation,
            principal,
            approves,
            pooled,
        });
    }
    Ok(acting)
}

/// Every delegation of an entitlement. An approver has one at a time.
async fn all_of(
    store: &dyn Store,
    application: &ApplicationId,
    entitlement: EntitlementId,
) -> Result<Vec<Stored<Delegation>>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let query = Query::partition(keys::delegations(application, entitlement)).after(after);
        let page = read_page::<Delegation>(store, &query).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// Names a delegate for one entitlement, in the place of whoever was named before.
///
/// # Errors
/// When the caller is no approver of it in their own right, or the delegate is not one whom the admins allow. Whether there
/// is such a user is not told.
pub async fn name(
    core: &Core,
    who: &Who,
    entitlement: EntitlementId,
    delegate: UserId,
    until: Timestamp,
) -> Result<Stored<Delegation>> {
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    // Whoever decides in somebody's place does so by this: it takes what a decision takes.
    auth_context::step_up(core, who).await?;
    let (store, application) = (&*core.store, &who.application.value.id);
    for _ in 0..DECIDE_AGAIN {
        let (user, party) = who.party()?;
        let in_force = policy::seen(core, who, entitlement).await?;
        let value = &in_force.entitlement.value;
        let name = || value.name.clone();
        let approves = policy::named(store, application, in_force.approvers(), user.value.id).await?;
        let approves = approves.ok_or_else(|| Refusal::NotApprover { name: name() })?;
        if user.value.is_guest() {
            return Err(Refusal::GuestApprover.into());
        }
        let (chosen, pooled) = in_pool(store, value, delegate).await?.ok_or_else(|| {
            let rule = Rule::DelegateNotAllowed { entitlement: name() };
            Refusal::invalid("delegate", rule)
        })?;
        let chosen_party = chosen.value.party(party.tenant).ok_or(Refusal::NotProvisioned)?;
        let (persons, links) = persons::now(store, application, [&party, &chosen_party]).await?;
        let now = core.clock.now();
        let delegation = Delegation {
            application: application.clone(),
            entitlement,
            entitlement_name: name(),
            principal: party.clone(),
            delegate: chosen_party.clone(),
            at: now,
            until,
        };
        delegation.check(persons.same(&party, &chosen_party))?;
        let before: Option<Stored<Delegation>> = read(store, &delegation_key(&delegation)).await?;
        let version = before.as_ref().map_or(0, |before| before.version);
        let mut draft = Draft::new(now, who.actor(), "delegation.named")
            .fact("entitlement", entitlement)
            .fact("principal", user.value.id)
            .fact("delegate", delegate)
            .fact("until", until);
        if let Some(before) = before {
            draft = draft.fact("before", before.value.delegate.user);
        }
        let change = Change::new()
            .replace(version, &delegation)?
            .check(user)
            .check(&chosen)
            .check(&in_force.entitlement)
            .check(&in_force.template);
        let change = approves.checked(persons::checked(change, &links), application, user.value.id);
        let change = pooled.checked(change, application, delegate);
        match told(change, &delegation, &draft).commit(store).await {
            Ok(()) => {
                tracing::warn!(entitlement.id = %entitlement, principal = %user.value.id, %delegate, %until, "an approver named a delegate");
                return Ok(Stored {
                    value: delegation,
                    version: version.saturating_add(1),
                });
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

fn delegation_key(delegation: &Delegation) -> crate::ports::store::Key {
    keys::delegation(
        &delegation.application,
        delegation.entitlement,
        delegation.principal.user,
    )
}

/// A user whom the pool names, who is active and no guest.
async fn in_pool(store: &dyn Store, entitlement: &Entitlement, id: UserId) -> Result<Option<(Stored<User>, Named)>> {
    let Some(pool) = &entitlement.delegates else {
        return Ok(None);
    };
    let pooled = policy::named(store, &entitlement.application, pool, id).await?;
    let user = directory::user(store, &entitlement.application, id).await?;
    let user = user.filter(|user| user.value.active && !user.value.is_guest() && user.value.object_id().is_some());
    Ok(user.zip(pooled))
}

/// `change` with an event for both, and for the admins, who look at the entitlement.
fn told(change: Change, delegation: &Delegation, draft: &Draft) -> Change {
    let application = &delegation.application;
    let entitlement = StreamId::config(application, "entitlement", &delegation.entitlement.to_string());
    change
        .event(StreamId::user(application, delegation.principal.user), draft.clone())
        .event(StreamId::user(application, delegation.delegate.user), draft.clone())
        .event(entitlement, draft.clone())
}

/// Takes the caller's delegation for an entitlement back.
///
/// # Errors
/// When the caller has none.
pub async fn end(core: &Core, who: &Who, entitlement: EntitlementId) -> Result<()> {
    who.require_scope(Scope::DecisionsWrite)?;
    let (user, _) = who.party()?;
    let store = &*core.store;
    for _ in 0..DECIDE_AGAIN {
        let key = keys::delegation(&who.application.value.id, entitlement, user.value.id);
        let stored: Option<Stored<Delegation>> = read(store, &key).await?;
        let stored = stored.ok_or(Refusal::NotFound { what: "delegation" })?;
        let draft = Draft::new(core.clock.now(), who.actor(), "delegation.ended")
            .fact("entitlement", entitlement)
            .fact("principal", user.value.id)
            .fact("delegate", stored.value.delegate.user);
        match told(Change::new().delete(&stored), &stored.value, &draft)
            .commit(store)
            .await
        {
            Ok(()) => return Ok(()),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Which delegations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Those that the caller gave.
    Given,
    /// Those that the caller received.
    Received,
    /// All of the application: admins and auditors only.
    All,
}

/// Delegations, those that are over included for a while.
///
/// # Errors
/// When the caller may not see everybody's.
pub async fn list(
    core: &Core,
    who: &Who,
    which: Which,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<Delegation>>> {
    who.require_scope(Scope::DecisionsWrite)?;
    let (list, pk) = match which {
        Which::All if who.reads_all() => (List::Month, keys::delegations_in(&who.application.value.id)),
        Which::All => return Err(Refusal::RoleMissing { role: "Auditor" }.into()),
        Which::Given => (List::Owner, keys::delegations_by(who.party()?.0.value.id)),
        Which::Received => (List::Waiting, keys::delegations_to(who.party()?.0.value.id)),
    };
    let page = core
        .store
        .list(list, &Query::partition(pk).after(after).limit(limit))
        .await?;
    let items = read_many::<Delegation>(&*core.store, &page.items).await?;
    Ok(Page {
        items: items.into_iter().flatten().collect(),
        next: page.next,
    })
}

/// Until when a delegation lasts where nothing is said: as long as it may.
#[must_use]
pub const fn latest(now: Timestamp) -> Timestamp {
    now.plus_seconds(LONGEST_SECONDS)
}
