//! Closing by hand a grant whose removal keeps failing: two administrators sign, a worker carries it out.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::by_hand::{ClosingByHand, Signature};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{GrantId, ObjectId};
use hourglass_domain::person::LinkSettings;
use hourglass_domain::{Refusal, Timestamp};

use super::{require_admin, require_version};
use crate::auth_context;
use crate::caller::Who;
use crate::change::{Change, personal, read, read_many, read_page};
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::ports::Core;
use crate::ports::store::{Key, MOST_KEYS, Page, Query};
use crate::records::{OverdueRemoval, Stored};

/// A grant, and what was signed about it.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// The grant.
    pub grant: Grant,
    /// The proposal to close it by hand, with its version.
    pub closing: Option<Stored<ClosingByHand>>,
}

/// A grant of the caller's application, and what was signed about it.
///
/// # Errors
/// When the caller is no admin, or there is no such grant.
pub async fn get(core: &Core, who: &Who, id: GrantId) -> Result<ByHand> {
    require_admin(who)?;
    let grant: Option<Stored<Grant>> = read(&*core.store, &keys::grant(id)).await?;
    let grant = grant
        .filter(|grant| grant.value.application == who.application.value.id)
        .ok_or(Refusal::NotFound { what: "grant" })?;
    Ok(ByHand {
        grant: grant.value,
        closing: read(&*core.store, &keys::closing_by_hand(id)).await?,
    })
}

/// A removal that is overdue.
#[derive(Clone, Debug)]
pub struct Failing {
    /// Since when the access should be gone.
    pub since: Timestamp,
    /// The grant, and what was signed about it.
    pub found: ByHand,
}

/// The removals of the caller's application that are overdue, the oldest first: those for which somebody has to do
/// something, and because of which nothing new is granted.
///
/// # Errors
/// When the caller is no admin.
pub async fn failing(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Failing>> {
    require_admin(who)?;
    let store = &*core.store;
    let query = Query::partition(keys::overdue_removals(&who.application.value.id))
        .after(after)
        .limit(limit.min(MOST_KEYS));
    let page = read_page::<OverdueRemoval>(store, &query).await?;
    let markers: Vec<OverdueRemoval> = page.items.into_iter().map(|marker| marker.value).collect();
    let grants: Vec<Key> = markers.iter().map(|marker| keys::grant(marker.grant)).collect();
    let closings: Vec<Key> = markers
        .iter()
        .map(|marker| keys::closing_by_hand(marker.grant))
        .collect();
    let grants = read_many::<Grant>(store, &grants).await?;
    let closings = read_many::<ClosingByHand>(store, &closings).await?;
    let rows = markers.into_iter().zip(grants).zip(closings);
    let items = rows.filter_map(|((marker, grant), closing)| {
        Some(Failing {
            since: marker.since,
            found: ByHand {
                grant: grant?.value,
                closing,
            },
        })
    });
    Ok(Page {
        items: items.collect(),
        next: page.next,
    })
}

/// The caller's signature. Whoever says that access is gone without a proof signs with a fresh second factor.
async fn sign(core: &Core, who: &Who) -> Result<Signature> {
    Ok(Signature {
        by: who.actor(),
        object_id: who.caller.object_id,
        person: who.party().ok().map(|(_, party)| party.person),
        factor: auth_context::step_up(core, who).await?,
        at: core.clock.now(),
    })
}

/// That the caller has no part in the grant and is none of `others`, with whatever account: as links are now.
async fn another(core: &Core, who: &Who, grant: &Grant, proposed_by: Option<ObjectId>) -> Result<Stored<LinkSettings>> {
    let (store, account) = (&*core.store, who.caller.object_id);
    let parties = [grant.requester.object_id, grant.beneficiary.object_id];
    let (own, links) = persons::is_any(store, &grant.application, account, &parties).await?;
    if own {
        return Err(Refusal::OwnAccess.into());
    }
    let (same, _) = persons::is_any(store, &grant.application, account, proposed_by.as_slice()).await?;
    if same {
        return Err(Refusal::SecondAdmin.into());
    }
    Ok(links)
}

/// Proposes to close a grant by hand. A proposal that nobody has confirmed is replaced.
///
/// # Errors
/// The rule that refuses it.
pub async fn propose(core: &Core, who: &Who, id: GrantId, evidence: &str) -> Result<ByHand> {
    let ByHand { grant, closing } = get(core, who, id).await?;
    let proposal = ClosingByHand::propose(&grant, evidence, sign(core, who).await?)?;
    let links = another(core, who, &grant, None).await?;
    let draft = Draft::new(proposal.proposed.at, who.actor(), "grant.closing_proposed")
        .fact("grant", id)
        .personal(personal(&*core.ids, &[("evidence", Some(evidence))]));
    let version = closing.map_or(0, |closing| closing.version);
    let change = persons::checked(Change::new(), &links)
        .replace(version, &proposal)?
        .event(StreamId::request(grant.request), draft);
    change.commit(&*core.store).await?;
    tracing::warn!(grant.id = %id, "an admin proposes to close a grant by hand");
    Ok(stored(grant, version, proposal))
}

/// Confirms the proposal that was read with `version`; the workers then close the grant.
///
/// # Errors
/// The rule that refuses it.
pub async fn confirm(core: &Core, who: &Who, id: GrantId, version: u64) -> Result<ByHand> {
    let ByHand { grant, closing } = get(core, who, id).await?;
    let closing = closing.ok_or(Refusal::NotFound { what: "proposal" })?;
    require_version(closing.version, Some(version))?;
    let proposed_by = closing.value.proposed.object_id;
    let confirmed = closing.value.confirm(&grant, sign(core, who).await?)?;
    let links = another(core, who, &grant, Some(proposed_by)).await?;
    let now = core.clock.now();
    let draft = Draft::new(now, who.actor(), "grant.closing_confirmed").fact("grant", id);
    // Nothing hurries: the next sweep finds it.
    let promise = DueEntry::new(now, DueKind::ByHand, id);
    let change = persons::checked(Change::new(), &links)
        .replace(version, &confirmed)?
        .due(&[], &[promise])?
        .event(StreamId::request(grant.request), draft);
    change.commit(&*core.store).await?;
    tracing::warn!(grant.id = %id, "two admins close a grant by hand");
    Ok(stored(grant, version, confirmed))
}

const fn stored(grant: Grant, version: u64, value: ClosingByHand) -> ByHand {
    ByHand {
        grant,
        closing: Some(Stored {
            value,
            version: version.saturating_add(1),
        }),
    }
}
