//! A user who was switched off or deleted loses every live grant and every open request (invariant I10).
//!
//! The order is stored in the transaction that switches the user off. Decisions check in their own transaction that
//! the beneficiary is active, so that whatever was granted before is listed here and nothing is granted after.

use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::directory::User;
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_domain::request::{Request, RequestStatus};

use crate::change::{Change, ChangeError, read, read_page};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Key, Query};
use crate::records::{LiveGrant, OffboardOrder, OpenRequest, Stored};
use crate::requests;

/// Most orders of one user that one run carries out: each is deleted with its promise in one transaction.
const MOST_ORDERS: usize = 40;

/// Ends everything of a user, if the order still stands and the user is not active again.
///
/// # Errors
/// When something could not be ended; the order stays, and the stream's retries and the sweep come back.
pub async fn offboard(workers: &Workers, application: &ApplicationId, user: UserId) -> Result<()> {
    let store = &*workers.core.store;
    let orders = Query::partition(keys::offboard_orders(application, user)).limit(MOST_ORDERS);
    let orders: Vec<Stored<OffboardOrder>> = read_page(store, &orders).await?.items;
    let Some(latest) = orders.last() else {
        return Ok(());
    };
    let stored: Option<Stored<User>> = directory::user(store, application, user).await?;
    let active_again = stored.is_some_and(|stored| stored.value.active);
    let grants = read_page::<LiveGrant>(store, &Query::partition(keys::live_grants(user))).await?;
    // What was live when the account was switched off ends even if it is switched on again a second later.
    for live in &grants.items {
        end(workers, live, &latest.value).await?;
    }
    if !active_again {
        let open = read_page::<OpenRequest>(store, &Query::partition(keys::open_requests(user))).await?;
        for request in open.items {
            cancel(workers, &request.value).await?;
        }
    }
    if grants.next.is_some() {
        // More than a page of live grants: the order stays for the next round.
        return Err(hourglass_domain::Refusal::Changed.into());
    }
    let change = orders.iter().try_fold(Change::new(), |change, order| {
        change.delete(order).due(&[order.value.promise()], &[])
    })?;
    match change.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

async fn end(workers: &Workers, live: &Stored<LiveGrant>, order: &OffboardOrder) -> Result<()> {
    let store = &*workers.core.store;
    let id = live.value.grant;
    let grant: Option<Stored<Grant>> = read(store, &keys::grant(id)).await?;
    let Some(grant) = grant.filter(|grant| grant.value.status.is_live() && grant.value.approved_at <= order.at) else {
        return Ok(());
    };
    let key: Key = keys::end_order(id);
    if store.get(&key).await?.is_none() {
        let now = workers.core.clock.now();
        let because = EndReason::UserDeactivated;
        let draft = Draft::new(now, Actor::system("provisioning"), "grant.end_ordered").fact("because", because.name());
        let change = Change::new()
            .create(&EndOrder {
                grant: id,
                because,
                by: None,
                at: now,
            })?
            .event(StreamId::request(grant.value.request), draft);
        match change.commit(store).await {
            Ok(()) | Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    super::advance::advance(workers, id).await.map(|_| ())
}

async fn cancel(workers: &Workers, open: &OpenRequest) -> Result<()> {
    let store = &*workers.core.store;
    let request: Option<Stored<Request>> = read(store, &keys::request(open.request)).await?;
    let Some(request) = request.filter(|request| request.value.status == RequestStatus::Pending) else {
        return Ok(());
    };
    let actor = Actor::system("provisioning");
    match requests::close(&workers.core, &request, RequestStatus::Cancelled, "cancelled", actor).await {
        // A conflict means decided meanwhile: a yes was refused for an inactive beneficiary, so it is closed either way.
        Ok(_) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}
