//! The name that passkeys are bound to (WebAuthn, "Relying Party Identifier"): when the console moves to another, every key
//! is void, and an admin has to accept that.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::passkey::KeyStatus;
use hourglass_domain::refusal::Rule;
use hourglass_domain::roles::Role;
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};

use super::{KeyRecord, keys_of};
use crate::caller::Who;
use crate::change::{Change, read};
use crate::error::Result;
use crate::ports::Core;
use crate::ports::store::{Key, LARGEST_PAGE, Query};
use crate::records::{Record, Stored};
use crate::{auth_context, keys};

/// Most keys of an application that are counted before an admin voids them all.
pub(super) const MOST_COUNTED: usize = 100_000;

/// The host that passkeys are made for; fixed by the first key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelyingParty {
    /// The host.
    pub rp_id: String,
    /// Since when.
    pub since: Timestamp,
}

impl Record for RelyingParty {
    const KIND: &'static str = "relying_party";
    fn key(&self) -> Key {
        keys::relying_party()
    }
    fn audit_id(&self) -> String {
        self.rp_id.clone()
    }
}

/// # Errors
/// When keys were made for another host than the console's and no admin has accepted that they are void.
pub(super) async fn check_relying_party(core: &Core) -> Result<Option<Stored<RelyingParty>>> {
    let fixed: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    match &fixed {
        Some(fixed) if fixed.value.rp_id != core.settings.rp_id() => Err(Refusal::RelyingPartyChanged {
            fixed: fixed.value.rp_id.clone(),
            now: core.settings.rp_id(),
        }
        .into()),
        _ => Ok(fixed),
    }
}

/// The host that keys were made for, where it is not the console's any more.
///
/// # Errors
/// Only when the table does not answer.
pub async fn former_host(core: &Core) -> Result<Option<String>> {
    let fixed: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    let former = fixed.map(|fixed| fixed.value.rp_id);
    Ok(former.filter(|former| *former != core.settings.rp_id()))
}

/// How many keys that are not removed were made for another host than the console's: what an admin who accepts the new
/// host makes void.
///
/// # Errors
/// When the caller is no admin.
pub async fn voided(core: &Core, who: &Who) -> Result<usize> {
    who.require_role(Role::Admin)?;
    let rp_id = core.settings.rp_id();
    let query = Query::partition(keys::passkeys(&who.application.value.id)).prefix(keys::PASSKEYS);
    let (mut count, mut after) = (0, None);
    loop {
        let page = keys_of(core, &query.clone().after(after).limit(LARGEST_PAGE)).await?;
        let void = |stored: &&Stored<KeyRecord>| {
            stored.value.key.status != KeyStatus::Removed && stored.value.key.rp_id != rp_id
        };
        count += page.items.iter().filter(void).count();
        after = page.next;
        if after.is_none() || count >= MOST_COUNTED {
            return Ok(count);
        }
    }
}

/// Accepts the console's new host, which makes every key of the old one void. The number has to be the one that the admin
/// was shown.
///
/// # Errors
/// When the host has not changed, or the number is another by now.
pub async fn accept_relying_party(core: &Core, who: &Who, voids: usize) -> Result<()> {
    who.require_role(Role::Admin)?;
    let stored: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    let rp_id = core.settings.rp_id();
    let Some(stored) = stored.filter(|stored| stored.value.rp_id != rp_id) else {
        return Err(Refusal::NotFound {
            what: "change of the console's host",
        }
        .into());
    };
    let now_void = voided(core, who).await?;
    auth_context::step_up(core, who).await?;
    if now_void != voids {
        return Err(Refusal::invalid("voids", Rule::Voids { keys: now_void }).into());
    }
    let now = core.clock.now();
    let application = &who.application.value.id;
    let draft = Draft::new(now, who.actor(), "passkey.host_changed")
        .fact("from", &stored.value.rp_id)
        .fact("to", &rp_id)
        .fact("voids", voids);
    Change::new()
        .replace(stored.version, &RelyingParty { rp_id, since: now })?
        .event(StreamId::config(application, "passkeys", "host"), draft)
        .commit(&*core.store)
        .await?;
    Ok(())
}
