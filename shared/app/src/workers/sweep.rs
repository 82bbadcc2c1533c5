//! The sweep: every minute it takes what is due, oldest first. Timers only make things punctual; this makes them happen.

use std::time::Duration;

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::due::{DueEntry, DueKind, Lane, SHARDS};
use hourglass_domain::ids::ApplicationId;

use super::{advance, group_gone, offboard, probes};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::Condition;
use crate::ports::store::{Query, Write};
use crate::records::from_item;
use crate::requests;

/// Most entries that one run takes from one shard.
const MOST_PER_SHARD: usize = 50;
/// How many entries are worked on at a time.
const AT_A_TIME: usize = 8;
/// How long one entry may take: a target that hangs keeps one place busy, never the whole run.
const LONGEST_LOOK: Duration = Duration::from_secs(45);
/// How late (seconds) an expiry has to be to count as overdue.
const OVERDUE_SECONDS: i64 = 90;

/// What a run of the sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Entries that were due.
    pub due: usize,
    /// Entries that failed and stay, and parts of the list that could not be read.
    pub failed: usize,
    /// Expiries that were more than 90 s late.
    pub overdue: usize,
    /// Whether the time was up before everything was taken.
    pub cut_short: bool,
}

/// Takes what is due, oldest first, each on its own, until `deadline`.
///
/// A part of the list that cannot be read (an entry of a kind that a newer version made, say) keeps none of the others
/// from their turn.
///
/// # Errors
/// When no part of the list could be read.
pub async fn sweep(workers: &Workers, deadline: Timestamp) -> Result<Swept> {
    let now = workers.core.clock.now();
    let mut due: Vec<DueEntry> = Vec::new();
    let mut unread = 0;
    let mut answered = false;
    let mut last_error = None;
    for lane in [Lane::Grants, Lane::Rest] {
        let shards = (0..SHARDS).map(|shard| due_in(workers, lane, shard, now));
        for entries in futures_util::future::join_all(shards).await {
            match entries {
                Ok((entries, bad)) => {
                    due.extend(entries);
                    unread += bad;
                    answered = true;
                }
                Err(error) => {
                    tracing::error!(lane = lane.letter(), %error, "a part of the due entries cannot be read");
                    unread += 1;
                    last_error = Some(error);
                }
            }
        }
    }
    if let Some(error) = last_error.filter(|_| !answered) {
        return Err(error);
    }
    due.sort();
    let overdue = due
        .iter()
        .filter(|entry| entry.kind == DueKind::Expire && now.seconds_since(entry.at) > OVERDUE_SECONDS)
        .count();
    let total = due.len();
    let results: Vec<Option<bool>> = futures_util::stream::iter(due)
        .map(|entry| async move {
            if workers.core.clock.now() >= deadline {
                return None;
            }
            Some(take(workers, &entry).await)
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let swept = Swept {
        due: total,
        failed: unread + results.iter().filter(|result| **result == Some(false)).count(),
        overdue,
        cut_short: results.iter().any(Option::is_none),
    };
    tracing::info!(target: "metric", metric = "overdue_grants", value = overdue as u64, unit = "Count");
    tracing::info!(target: "metric", metric = "sweep_heartbeat", value = 1_u64, unit = "Count");
    if unread > 0 {
        tracing::info!(target: "metric", metric = "convergence_failures", value = unread as u64, unit = "Count");
    }
    if swept.due > 0 {
        tracing::info!(
            due = swept.due,
            failed = swept.failed,
            overdue,
            cut_short = swept.cut_short,
            "swept"
        );
    }
    Ok(swept)
}

/// What is due in one shard, and how many entries of it are no entries of ours.
async fn due_in(workers: &Workers, lane: Lane, shard: u8, now: Timestamp) -> Result<(Vec<DueEntry>, usize)> {
    let query = Query {
        up_to: Some(keys::due_until(now)),
        ..Query::partition(keys::due_partition(lane, shard)).limit(MOST_PER_SHARD)
    };
    let page = workers.core.store.query(&query).await?;
    let mut entries = Vec::with_capacity(page.items.len());
    let mut bad = 0;
    for item in page.items {
        match from_item::<DueEntry>(item) {
            Ok(entry) => entries.push(entry.value),
            Err(error) => {
                tracing::error!(%error, "a due entry cannot be read and stays");
                bad += 1;
            }
        }
    }
    Ok((entries, bad))
}

/// Works on one entry; one that fails never keeps the others from their turn.
async fn take(workers: &Workers, entry: &DueEntry) -> bool {
    match tokio::time::timeout(LONGEST_LOOK, work(workers, entry)).await {
        Ok(Ok(())) => true,
        Err(_) => {
            tracing::error!(
                due.kind = entry.kind.name(),
                due.id = entry.id,
                "a due entry took too long and stays"
            );
            false
        }
        Ok(Err(error)) => {
            tracing::error!(due.kind = entry.kind.name(), due.id = entry.id, %error, "a due entry failed and stays");
            tracing::info!(target: "metric", metric = "convergence_failures", value = 1_u64, unit = "Count");
            false
        }
    }
}

async fn work(workers: &Workers, entry: &DueEntry) -> Result<()> {
    match entry.kind {
        DueKind::Advance | DueKind::Expire => {
            let Ok(id) = entry.id.parse() else {
                return forget(workers, entry).await;
            };
            advance::advance(workers, id).await?;
            forget_if_stale(workers, id, entry).await
        }
        DueKind::Lapse => {
            let Ok(id) = entry.id.parse() else {
                return forget(workers, entry).await;
            };
            requests::lapse(&workers.core, id).await?;
            forget(workers, entry).await
        }
        DueKind::Offboard => {
            let Some((application, user)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            offboard::offboard(workers, &application, user).await?;
            forget(workers, entry).await
        }
        DueKind::GroupGone => {
            let Some((application, group)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            group_gone::end_all(workers, &application, group).await?;
            forget(workers, entry).await
        }
        DueKind::Facts => {
            let Some((application, entitlement)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            probes::refresh(workers, &application, entitlement).await?;
            forget(workers, entry).await
        }
    }
}

/// The ids in `<application>/<user or group>`.
fn in_application<I: std::str::FromStr>(id: &str) -> Option<(ApplicationId, I)> {
    let (application, id) = id.split_once('/')?;
    Some((application.parse().ok()?, id.parse().ok()?))
}

/// Deletes an entry that its grant does not name any more. One that the grant names stays: only the transaction that
/// fulfils it may delete it.
async fn forget_if_stale(workers: &Workers, id: hourglass_domain::ids::GrantId, entry: &DueEntry) -> Result<()> {
    let grant = crate::change::read::<hourglass_domain::grant::Grant>(&*workers.core.store, &keys::grant(id)).await?;
    if grant.is_some_and(|grant| grant.value.due.contains(entry)) {
        return Ok(());
    }
    forget(workers, entry).await
}

async fn forget(workers: &Workers, entry: &DueEntry) -> Result<()> {
    let write = Write::Delete {
        key: keys::due(entry),
        condition: Condition::Any,
    };
    match workers.core.store.commit(vec![write]).await {
        Ok(()) | Err(crate::ports::store::CommitError::Conflict { .. }) => Ok(()),
        Err(crate::ports::store::CommitError::Store(error)) => Err(error.into()),
    }
}
