//! A provisioned group that was deleted ends the grants of which it is a target.
//!
//! The order is stored in the transaction that deletes the group. A decision checks in its own transaction that the
//! group stands and leaves a marker, so that whatever was granted before is listed here and nothing is granted after.

use futures_util::StreamExt as _;
use hourglass_domain::grant::{EndReason, Grant};
use hourglass_domain::ids::{ApplicationId, GrantId, GroupId};

use super::advance;
use super::offboard::order_end;
use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Item, LARGEST_PAGE, Query};
use crate::records::{GroupGoneOrder, LiveInGroup, Stored, from_item};

/// Most pages of grants that one run ends; with more, the order stays for the next run.
const MOST_PAGES: usize = 20;
/// How many grants are ended at a time.
const AT_A_TIME: usize = 8;

/// Ends every live grant of which the deleted group is a target, if the order still stands.
///
/// # Errors
/// When something could not be ended; the order stays, and the stream's retries and the sweep come back.
pub async fn end_all(workers: &Workers, application: &ApplicationId, group: GroupId) -> Result<()> {
    let store = &*workers.core.store;
    let Some(order) = read::<GroupGoneOrder>(store, &keys::group_gone_order(application, group)).await? else {
        return Ok(());
    };
    if !end_grants(workers, &order.value).await? {
        return Err(hourglass_domain::Refusal::Changed.into());
    }
    let change = Change::new().delete(&order).due(&[order.value.promise()], &[])?;
    match change.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// `false` when there are more than one run takes.
async fn end_grants(workers: &Workers, order: &GroupGoneOrder) -> Result<bool> {
    let store = &*workers.core.store;
    // Without an object id it is nobody's target.
    let Some(object_id) = order.object_id else {
        return Ok(true);
    };
    let mut ending: Vec<GrantId> = Vec::new();
    let mut complete = false;
    let mut failed = None;
    let mut after: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let query = Query::partition(keys::live_in_group(&order.application, object_id))
            .after(after)
            .limit(LARGEST_PAGE);
        let page = store.query(&query).await?;
        // One that cannot be read keeps no other waiting, and every order is stored before the first grant is ended, so
        // that one that is slow to end does not either.
        for item in page.items {
            match ordered(workers, order.group, item).await {
                Ok(Some(grant)) => ending.push(grant),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        after = page.next;
        if after.is_none() {
            complete = true;
            break;
        }
    }
    let results: Vec<Result<bool>> = futures_util::stream::iter(ending)
        .map(|grant| advance::advance(workers, grant))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    match results.into_iter().find_map(Result::err).or(failed) {
        Some(error) => Err(error),
        None => Ok(complete),
    }
}

/// Orders that the grant behind a marker ends, if it rests on the deleted group and is live.
async fn ordered(workers: &Workers, group: GroupId, marker: Item) -> Result<Option<GrantId>> {
    let live = from_item::<LiveInGroup>(marker)?.value;
    if live.provisioned != group {
        return Ok(None);
    }
    let grant: Option<Stored<Grant>> = read(&*workers.core.store, &keys::grant(live.grant)).await?;
    let Some(grant) = grant.filter(|grant| grant.value.status.is_live()) else {
        return Ok(None);
    };
    order_end(workers, &grant.value, EndReason::TargetGone).await?;
    Ok(Some(live.grant))
}
