//! Carries an order of the kill switch out: every grant in its scope that has not ended gets its own order to end, and
//! every pending request is cancelled.
//!
//! The order is stored in the transaction that pauses the scope. A decision rests on the pause as it read it and leaves
//! a marker, so that whatever was approved before is listed here and nothing is approved after. This only writes orders,
//! page by page, and keeps in the press's own order how far it came: the table's stream and the sweep then bring each
//! grant to its end, side by side with everything else and however slow the targets are. A crash, a throttled table or
//! one grant that cannot be dealt with costs time and nothing else.

use futures_util::StreamExt as _;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{EndOrder, EndReason, Grant};
use hourglass_domain::ids::{ApplicationId, GrantId, KillId, RequestId, WorkerId};
use hourglass_domain::kill_switch::{KillOrder, KillScope, Stage};
use hourglass_domain::protocol::grant::STALLED_SECONDS;
use hourglass_domain::request::Request;

use super::offboard;
use crate::change::{Change, ChangeError, read, read_page};
use crate::error::Result;
use crate::keys;
use crate::pause;
use crate::ports::Workers;
use crate::ports::store::{List, Query, StoreError};
use crate::records::{OpenRequest, Stored, kill_promise};

/// Most grants, or requests, of one page.
const PAGE: usize = 50;
/// How many grants of a page get their order at a time.
const AT_A_TIME: usize = 8;
/// How long (seconds) a worker that is at it keeps the others off; renewed with each page.
const LEASE_SECONDS: i64 = 20;
/// How long (seconds) one run goes on. What is left is the next run's, which the stored progress starts.
const RUN_SECONDS: i64 = 25;
/// How long (seconds) what failed is left alone before everything is gone through again.
const AGAIN_SECONDS: i64 = 15;

/// Carries an order on as far as one run goes. `true` when nothing is left to do.
///
/// # Errors
/// When the table does not answer; the order's promise stays, and the sweep comes back.
pub async fn carry_out(workers: &Workers, application: &ApplicationId, id: KillId) -> Result<bool> {
    let store = &*workers.core.store;
    let me = WorkerId::new(workers.core.ids.uuid());
    let key = keys::kill_order(application, id);
    let until = workers.core.clock.now().plus_seconds(RUN_SECONDS);
    loop {
        let now = workers.core.clock.now();
        let Some(order) = read::<KillOrder>(store, &key).await? else {
            return Ok(true);
        };
        let progress = &order.value.progress;
        if progress.stage == Stage::Done {
            return Ok(true);
        }
        let others = progress
            .lease
            .is_some_and(|(worker, until)| worker != me && now < until);
        if others || progress.not_before.is_some_and(|at| now < at) {
            return Ok(false);
        }
        if progress.lease.is_none_or(|(worker, _)| worker != me) {
            // Nobody else starts on the same page: each stored step of this run is a stream record that starts another.
            let mut mine = order.value.clone();
            mine.progress.lease = Some((me, now.plus_seconds(LEASE_SECONDS)));
            if !keep(workers, &order, &mine).await? {
                return Ok(false);
            }
            continue;
        }
        let mut next = if stands(workers, &order.value).await? {
            page(workers, order.value.clone()).await?
        } else {
            superseded(order.value.clone())
        };
        let now = workers.core.clock.now();
        let done = next.progress.stage == Stage::Done;
        let waits = next.progress.not_before.is_some_and(|at| now < at);
        let over = done || waits || now >= until;
        next.progress.done_at = done.then_some(now);
        next.progress.lease = (!over).then(|| (me, now.plus_seconds(LEASE_SECONDS)));
        if !keep(workers, &order, &next).await? {
            return Ok(false);
        }
        if over {
            return Ok(done);
        }
    }
}

/// Stores how far an order came; `false` when another worker was quicker.
async fn keep(workers: &Workers, order: &Stored<KillOrder>, next: &KillOrder) -> Result<bool> {
    let mut change = Change::new().replace(order.version, next)?;
    if next.progress.stage == Stage::Done {
        let application = &next.application;
        let stream = StreamId::config(application, "kill_switch", application.as_str());
        let draft = Draft::new(
            workers.core.clock.now(),
            Actor::system("worker"),
            "kill_switch.carried_out",
        )
        .fact("press", next.id)
        .fact("scope", next.scope)
        .fact("grants", next.progress.grants)
        .fact("requests", next.progress.requests);
        tracing::warn!(press.id = %next.id, scope = %next.scope, grants = next.progress.grants, "kill switch carried out");
        change = change.due(&[kill_promise(next)], &[])?.event(stream, draft);
    }
    match change.commit(&*workers.core.store).await {
        Ok(()) => Ok(true),
        Err(ChangeError::Conflict(_)) => Ok(false),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Whether this press is still what its scope is paused by. A further press has an order of its own over the same scope;
/// and a scope is released only when its order was carried out, so that whoever comes late ends nothing new.
async fn stands(workers: &Workers, order: &KillOrder) -> Result<bool> {
    let pause = pause::of(&*workers.core.store, &order.application).await?;
    Ok(pause
        .value
        .of(order.scope)
        .is_some_and(|paused| paused.press == order.id))
}

fn superseded(mut order: KillOrder) -> KillOrder {
    order.progress.stage = Stage::Done;
    order
}

/// The order after one page of work.
async fn page(workers: &Workers, mut order: KillOrder) -> Result<KillOrder> {
    order.progress.not_before = None;
    match order.progress.stage.clone() {
        Stage::Grants { shard, after } => grants(workers, &mut order, shard, after).await?,
        Stage::Requests { after, second } => requests(workers, &mut order, after, second).await?,
        Stage::Done => {}
    }
    Ok(order)
}

/// Where the markers of the grants in scope lie. A user's lie in one partition.
fn markers(order: &KillOrder, shard: u8) -> Query {
    let partition = || Query::partition(keys::live_in_application(&order.application, shard));
    match order.scope {
        KillScope::All => partition(),
        KillScope::Entitlement { id } => partition().prefix(keys::live_of_entitlement(id)),
        KillScope::User { id } => Query::partition(keys::live_grants(id)),
    }
}

const fn shards(scope: KillScope) -> u8 {
    match scope {
        KillScope::All | KillScope::Entitlement { .. } => keys::LIVE_SHARDS,
        KillScope::User { .. } => 1,
    }
}

async fn grants(workers: &Workers, order: &mut KillOrder, first: u8, after: Option<String>) -> Result<()> {
    let (mut shard, mut after) = (first, after);
    loop {
        let query = markers(order, shard).after(after.take()).limit(PAGE);
        let found = workers.core.store.query(&query).await?;
        // The key says which grant: a marker whose content cannot be read hides none.
        let ids: Vec<GrantId> = found
            .items
            .iter()
            .filter_map(|item| item.key.sk.rsplit('#').next()?.parse().ok())
            .collect();
        let progress = &mut order.progress;
        progress.grants = progress.grants.saturating_add(ids.len() as u64);
        progress.stage = match found.next {
            Some(after) => Stage::Grants {
                shard,
                after: Some(after),
            },
            None if shard.saturating_add(1) < shards(order.scope) => {
                shard = shard.saturating_add(1);
                Stage::Grants { shard, after: None }
            }
            None => Stage::Requests {
                after: None,
                second: false,
            },
        };
        if !ids.is_empty() {
            let failed = end_all(workers, order, &ids).await;
            order.progress.failed = order.progress.failed.saturating_add(failed);
            return Ok(());
        }
        // An empty part needs no stop.
        let Stage::Grants { after: next, .. } = &order.progress.stage else {
            return Ok(());
        };
        after.clone_from(next);
    }
}

/// Gives each grant its order; answers how many could not be dealt with. One that fails keeps no other waiting.
async fn end_all(workers: &Workers, order: &KillOrder, ids: &[GrantId]) -> u64 {
    let results: Vec<Result<()>> = futures_util::stream::iter(ids.iter().copied())
        .map(|id| end(workers, order, id))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let mut failed = 0;
    for error in results.into_iter().filter_map(Result::err) {
        tracing::error!(press.id = %order.id, %error, "the kill switch could not order a grant to end; it is tried again");
        tracing::info!(target: "metric", metric = "convergence_failures", value = 1_u64, unit = "Count");
        failed += 1;
    }
    failed
}

/// Stores the order to end a grant, unless it is ending already or has one.
async fn end(workers: &Workers, order: &KillOrder, id: GrantId) -> Result<()> {
    let store = &*workers.core.store;
    if store.get(&keys::end_order(id)).await?.is_some() {
        return Ok(());
    }
    let application = &order.application;
    let stream = match read::<Grant>(store, &keys::grant(id)).await {
        Ok(Some(grant)) if !grant.value.status.is_live() || grant.value.application != *application => return Ok(()),
        Ok(Some(grant)) => StreamId::request(grant.value.request),
        Ok(None) => return Ok(()),
        // It ends as soon as somebody can read it.
        Err(StoreError::Corrupt { .. }) => StreamId::config(application, "kill_switch", application.as_str()),
        Err(error) => return Err(error.into()),
    };
    let now = workers.core.clock.now();
    let draft = Draft::new(now, Actor::system("worker"), "grant.end_ordered")
        .fact("because", EndReason::Killed.name())
        .fact("grant", id)
        .fact("press", order.id);
    let change = Change::new()
        .create(&EndOrder {
            grant: id,
            because: EndReason::Killed,
            by: order.by.party.clone(),
            at: now,
        })?
        .due(
            &[],
            &[DueEntry::new(now.plus_seconds(STALLED_SECONDS), DueKind::End, id)],
        )?
        .event(stream, draft);
    match change.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

async fn requests(workers: &Workers, order: &mut KillOrder, after: Option<String>, second: bool) -> Result<()> {
    let (ids, next) = pending(workers, order, after).await?;
    for id in ids {
        match offboard::cancel(workers, id).await {
            Ok(true) => order.progress.requests = order.progress.requests.saturating_add(1),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(press.id = %order.id, request.id = %id, %error, "a request could not be cancelled");
                order.progress.failed = order.progress.failed.saturating_add(1);
            }
        }
    }
    let now = workers.core.clock.now();
    let progress = &mut order.progress;
    if next.is_some() {
        progress.stage = Stage::Requests { after: next, second };
    } else if progress.failed > 0 {
        progress.stage = Stage::default();
        progress.grants = 0;
        progress.failed = 0;
        progress.not_before = Some(now.plus_seconds(AGAIN_SECONDS));
    } else if second || matches!(order.scope, KillScope::User { .. }) {
        progress.stage = Stage::Done;
    } else {
        // The list of an application's requests is an index, which may lag behind. Nothing that it misses can be approved
        // while the pause stands; once more, later, and nothing of it is left when the pause ends.
        progress.stage = Stage::Requests {
            after: None,
            second: true,
        };
        progress.not_before = Some(order.at.plus_seconds(workers.core.settings.confirm_after_seconds));
    }
    Ok(())
}

/// Pending requests in scope: some of them, and where the list goes on.
async fn pending(
    workers: &Workers,
    order: &KillOrder,
    after: Option<String>,
) -> Result<(Vec<RequestId>, Option<String>)> {
    let store = &*workers.core.store;
    if let KillScope::User { id } = order.scope {
        let query = Query::partition(keys::open_requests(id)).after(after).limit(PAGE);
        let open = read_page::<OpenRequest>(store, &query).await?;
        let ids = open.items.into_iter().map(|open| open.value.request).collect();
        return Ok((ids, open.next));
    }
    let query = Query::partition(keys::requests_waiting(&order.application))
        .after(after)
        .limit(PAGE);
    let page = store.list(List::Waiting, &query).await?;
    let mut ids = Vec::new();
    for key in &page.items {
        // One by one: a request that cannot be read cannot be approved either, and must not keep the others.
        match read::<Request>(store, key).await {
            Ok(Some(request)) if order.scope.covers(request.value.entitlement, &[]) => ids.push(request.value.id),
            Ok(_) => {}
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(press.id = %order.id, %error, "a request cannot be read and stays as it is");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((ids, page.next))
}
