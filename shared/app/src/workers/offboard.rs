//! A user who was switched off or deleted loses every live grant, every open request and every session (invariant I10).
//!
//! The order is stored in the transaction that switches the user off. Decisions check in their own transaction that
//! the beneficiary is active, so that whatever was granted before is listed here and nothing is granted after.

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::directory::User;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::ids::{ApplicationId, GrantId, RequestId, UserId};
use hourglass_domain::protocol::grant::STALLED_SECONDS;
use hourglass_domain::request::{Request, RequestStatus};

use super::advance;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read, read_page};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Item, Key, Query};
use crate::records::{LiveGrant, OffboardOrder, OpenRequest, Stored, from_item};
use crate::requests::{self, Closing};
use crate::sessions;

/// Most orders of one user that one run carries out: each is deleted with its promise in one transaction.
const MOST_ORDERS: usize = 40;
/// How many grants are ended at a time.
const AT_A_TIME: usize = 8;

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
    let stored: Option<Stored<User>> = directory::provisioned_user(store, application, user).await?;
    let active_again = stored.is_some_and(|stored| stored.value.active);
    let grants = store.query(&Query::partition(keys::live_grants(user))).await?;
    // What was live or asked for when the account was switched off ends even if it is switched on again a second later.
    // While it is off, everything ends: an approval that was under way may be stored before the order and yet bear a
    // later time, and clocks differ. Every order is stored, and every request cancelled, before the first grant is ended,
    // so that one that is slow to end keeps none of the others waiting, and neither does one that cannot be read.
    let mut ending = Vec::new();
    let mut failed = None;
    let before = active_again.then_some(latest.value.at);
    for live in grants.items {
        match ordered(workers, live, before).await {
            Ok(Some(grant)) => ending.push(grant),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    let open = store.query(&Query::partition(keys::open_requests(user))).await?;
    for open in open.items {
        if let Err(error) = cancel_asked(workers, open, before).await {
            failed = Some(error);
        }
    }
    // A session of a user who is off counts no more, whether it is gone or not; it goes all the same.
    if let Err(error) = sessions::end_of_user(&workers.core, application, user, before).await {
        failed = Some(error);
    }
    let ended = futures_util::stream::iter(ending)
        .map(|grant| advance::advance(workers, grant))
        .buffer_unordered(AT_A_TIME)
        .collect::<Vec<_>>()
        .await;
    failed = ended.into_iter().find_map(Result::err).or(failed);
    if let Some(error) = failed {
        return Err(error);
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

/// Orders that the live grant behind a marker ends: of those asked for until `before`, whenever they were approved, or
/// of all.
async fn ordered(workers: &Workers, live: Item, before: Option<Timestamp>) -> Result<Option<GrantId>> {
    let live = from_item::<LiveGrant>(live)?.value;
    let grant: Option<Stored<Grant>> = read(&*workers.core.store, &keys::grant(live.grant)).await?;
    let Some(grant) = grant.filter(|grant| grant.value.status.is_live()) else {
        return Ok(None);
    };
    if before.is_some_and(|before| grant.value.approved_at > before)
        && !asked(workers, grant.value.request, before).await?
    {
        return Ok(None);
    }
    order_end(workers, &grant.value, EndReason::UserDeactivated).await?;
    Ok(Some(live.grant))
}

/// Cancels an open request: of those made until `before`, or any.
async fn cancel_asked(workers: &Workers, open: Item, before: Option<Timestamp>) -> Result<()> {
    let id = from_item::<OpenRequest>(open)?.value.request;
    if asked(workers, id, before).await? {
        cancel(workers, id).await?;
    }
    Ok(())
}

/// Whether a request was made until `before`, or at all.
async fn asked(workers: &Workers, id: RequestId, before: Option<Timestamp>) -> Result<bool> {
    let request: Option<Stored<Request>> = read(&*workers.core.store, &keys::request(id)).await?;
    Ok(request.is_some_and(|request| before.is_none_or(|before| request.value.created_at <= before)))
}

/// Stores the order to end a grant, unless there is one. It has a promise of its own: what it was stored for is done with
/// once it is stored, whether the grant has come to its end by then or not.
///
/// # Errors
/// When the table does not answer.
pub(super) async fn order_end(workers: &Workers, grant: &Grant, because: EndReason) -> Result<()> {
    let store = &*workers.core.store;
    let key: Key = keys::end_order(grant.id);
    if store.get(&key).await?.is_some() {
        return Ok(());
    }
    let now = workers.core.clock.now();
    let draft = Draft::new(now, Actor::system("worker"), "grant.end_ordered").fact("because", because.name());
    let change = Change::new()
        .create(&EndOrder {
            grant: grant.id,
            because,
            by: None,
            at: now,
        })?
        .due(
            &[],
            &[DueEntry::new(now.plus_seconds(STALLED_SECONDS), DueKind::End, grant.id)],
        )?
        .event(StreamId::request(grant.request), draft);
    match change.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Cancels a request that is pending; answers whether it did. A conflict may mean that it was decided, and just as well
/// that one of several approvers said yes, so it is looked at again.
pub(super) async fn cancel(workers: &Workers, id: RequestId) -> Result<bool> {
    let store = &*workers.core.store;
    for _ in 0..DECIDE_AGAIN {
        let request: Option<Stored<Request>> = read(store, &keys::request(id)).await?;
        let Some(request) = request.filter(|request| request.value.status == RequestStatus::Pending) else {
            return Ok(false);
        };
        let closing = Closing::new(RequestStatus::Cancelled, "cancelled", Actor::system("worker"));
        match requests::close(&workers.core, &request, closing).await {
            Ok(_) => return Ok(true),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(hourglass_domain::Refusal::Changed.into())
}
