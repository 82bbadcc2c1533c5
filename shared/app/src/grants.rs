//! Live grants: looking at one, and ending one early.

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::ids::GrantId;
use hourglass_domain::protocol::grant::STALLED_SECONDS;
use hourglass_domain::request::Request;
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::text::{LONGEST_JUSTIFICATION, check_free_text};

use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read};
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Core;
use crate::records::Stored;
use crate::requests;

/// A grant that the caller may see.
///
/// # Errors
/// Not found when there is none, or it is not the caller's to see.
pub async fn get(core: &Core, who: &Who, id: GrantId) -> Result<Stored<Grant>> {
    let (grant, _) = visible(core, who, id).await?;
    Ok(grant)
}

async fn visible(core: &Core, who: &Who, id: GrantId) -> Result<(Stored<Grant>, Stored<Request>)> {
    let not_found = || Refusal::NotFound { what: "grant" };
    let grant: Stored<Grant> = read(&*core.store, &keys::grant(id)).await?.ok_or_else(not_found)?;
    if grant.value.application != who.application.value.id {
        return Err(not_found().into());
    }
    let request: Option<Stored<Request>> = read(&*core.store, &keys::request(grant.value.request)).await?;
    let request = request.ok_or_else(not_found)?;
    if requests::may_see(core, who, &request.value).await? {
        Ok((grant, request))
    } else {
        Err(not_found().into())
    }
}

/// A grant that the caller asked for or has, with this account.
///
/// # Errors
/// When the caller is neither, or may not even see it.
pub async fn own(core: &Core, who: &Who, id: GrantId) -> Result<Stored<Grant>> {
    let (grant, _) = visible(core, who, id).await?;
    let (user, _) = who.party()?;
    if grant.value.beneficiary.user != user.value.id && grant.value.requester.user != user.value.id {
        return Err(not_own());
    }
    Ok(grant)
}

fn not_own() -> AppError {
    Refusal::RoleMissing {
        role: "of the requester or the beneficiary",
    }
    .into()
}

/// The beneficiary, or who asked for them, ends a grant.
///
/// # Errors
/// When the caller is neither, or the grant is over.
pub async fn check_in(core: &Core, who: &Who, id: GrantId) -> Result<Grant> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let (grant, request) = visible(core, who, id).await?;
    let (_, party) = who.party()?;
    if !requests::mine(core, &request.value, &party).await? {
        return Err(not_own());
    }
    order_end(core, who, &grant.value, EndReason::CheckedIn, None).await
}

/// An approver or an admin ends a grant.
///
/// # Errors
/// When the caller is neither, gives no reason, or the grant is over.
pub async fn revoke(core: &Core, who: &Who, id: GrantId, reason: &str) -> Result<Grant> {
    if !who.caller.scopes.contains(&Scope::AdminReadWrite) {
        who.require_scope(Scope::DecisionsWrite)?;
    }
    let (grant, request) = visible(core, who, id).await?;
    if !who.has(Role::Admin) {
        who.require_role(Role::Approver)?;
        let (_, party) = who.party()?;
        let decided = requests::decided(core, &request.value, &party).await?;
        if !decided && !requests::is_approver(core, &party, &request.value).await? {
            return Err(Refusal::NotApprover {
                name: grant.value.entitlement_name,
            }
            .into());
        }
    }
    check_free_text("reason", reason, 1, LONGEST_JUSTIFICATION)?;
    order_end(core, who, &grant.value, EndReason::Revoked, Some(reason)).await
}

/// Stores the order to end the grant; provisioning carries it out within seconds. An order that exists is enough.
async fn order_end(core: &Core, who: &Who, grant: &Grant, because: EndReason, reason: Option<&str>) -> Result<Grant> {
    let key = keys::end_order(grant.id);
    for _ in 0..DECIDE_AGAIN {
        let current: Option<Stored<Grant>> = read(&*core.store, &keys::grant(grant.id)).await?;
        let current = current.ok_or(Refusal::NotFound { what: "grant" })?;
        if current.value.status.is_live() && core.store.get(&key).await?.is_some() {
            return Ok(current.value);
        }
        current.value.check_live("ended")?;
        let now = core.clock.now();
        let by = who.party().ok().map(|(_, party)| party);
        let order = EndOrder {
            grant: grant.id,
            because,
            by,
            at: now,
        };
        let draft = Draft::new(now, who.actor(), "grant.end_ordered")
            .fact("because", because.name())
            .personal(personal(&*core.ids, &[("reason", reason)]));
        // The grant is not checked: an order that meets a grant already over changes nothing. The promise is for the case
        // that the stream's record is lost: the sweep then finds the order.
        let promise = DueEntry::new(now.plus_seconds(STALLED_SECONDS), DueKind::End, grant.id);
        let change = Change::new()
            .create(&order)?
            .due(&[], &[promise])?
            .event(StreamId::request(grant.request), draft);
        match change.commit(&*core.store).await {
            Ok(()) => return Ok(current.value),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}
