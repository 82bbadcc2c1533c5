//! The hourly comparison with the scheduler: every settled live grant has its schedule, as it was made; and no schedule is
//! there that no grant needs. Rules: [`hourglass_domain::protocol::timers`].
//!
//! Grants end on time without it, by the sweep. It tells that somebody touched a timer, and puts the timer back.
//!
//! The live grants are those with a promise to expire; both lists are read part by part, and a run whose time is up is
//! carried on by the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::due::{DueEntry, DueKind, Lane, SHARDS};
use hourglass_domain::grant::{Grant, ScheduleName};
use hourglass_domain::ids::GrantId;
use hourglass_domain::protocol::timers::{Standing, expected, retimed, standing};

use super::advance::advance;
use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::schedules::Found;
use crate::ports::store::{Item, Key, Query};
use crate::ports::{Core, Workers};
use crate::records::{Comparison, ComparisonPlace, Stored, from_item};

/// How often (seconds) everything is compared.
const EVERY_SECONDS: i64 = 3_600;
/// How soon (seconds) it is begun anew when something could not be compared or mended.
const AGAIN_SECONDS: i64 = 300;
/// How many grants are compared at a time.
const AT_A_TIME: usize = 16;
/// How long one grant may take.
const LONGEST_LOOK: Duration = Duration::from_secs(20);
/// How much (seconds) of a run's time has to be left for another part.
const PART_SECONDS: i64 = 15;

/// The comparison that is due now or was cut short, with its version.
///
/// # Errors
/// When the table does not answer.
pub(super) async fn due(core: &Core) -> Result<Option<Stored<Comparison>>> {
    let stored: Option<Stored<Comparison>> = read(&*core.store, &keys::comparison()).await?;
    let now = core.clock.now();
    let comparison = stored.unwrap_or(Stored {
        value: Comparison::begun_at(now),
        version: 0,
    });
    Ok((comparison.value.next_at <= now).then_some(comparison))
}

/// Compares until everything was seen or the time is up, and stores where to go on.
///
/// # Errors
/// When the table does not answer.
pub(super) async fn compare(workers: &Workers, mut stored: Stored<Comparison>, deadline: Timestamp) -> Result<()> {
    let core = &workers.core;
    let stop_at = deadline.plus_seconds(-PART_SECONDS);
    let comparison = &mut stored.value;
    while core.clock.now() < stop_at {
        let (next, failed) = match comparison.place.clone() {
            ComparisonPlace::Grants { shard, after } => grants(workers, shard, after).await?,
            ComparisonPlace::Schedules { after } => schedules(workers, after.as_deref()).await?,
        };
        comparison.failed |= failed;
        match next {
            Some(place) => comparison.place = place,
            None => {
                let seconds = if comparison.failed {
                    AGAIN_SECONDS
                } else {
                    EVERY_SECONDS
                };
                *comparison = Comparison::begun_at(core.clock.now().plus_seconds(seconds));
                break;
            }
        }
    }
    match Change::new()
        .replace(stored.version, &stored.value)?
        .commit(&*core.store)
        .await
    {
        // Somebody else carries on.
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// What follows in the comparison, `None` at its end, and whether something failed.
type Step = (Option<ComparisonPlace>, bool);

/// The live grants in one part of one shard.
async fn grants(workers: &Workers, shard: u8, after: Option<String>) -> Result<Step> {
    let query = Query::partition(keys::due_partition(Lane::Grants, shard)).after(after);
    let page = workers.core.store.query(&query).await?;
    let entries = page
        .items
        .into_iter()
        .filter_map(|item| from_item::<DueEntry>(item).ok());
    let live = entries.filter(|entry| entry.value.kind == DueKind::Expire);
    let ids = live.filter_map(|entry| entry.value.id.parse::<GrantId>().ok());
    let failed = futures_util::stream::iter(ids)
        .map(|id| async move { !look_at(workers, id).await })
        .buffer_unordered(AT_A_TIME)
        .fold(false, |all, failed| std::future::ready(all | failed))
        .await;
    let next = match (page.next, shard.checked_add(1).filter(|next| *next < SHARDS)) {
        (Some(after), _) => ComparisonPlace::Grants {
            shard,
            after: Some(after),
        },
        (None, Some(shard)) => ComparisonPlace::Grants { shard, after: None },
        (None, None) => ComparisonPlace::Schedules { after: None },
    };
    Ok((Some(next), failed))
}

/// Compares one grant; `false` when that did not work.
async fn look_at(workers: &Workers, id: GrantId) -> bool {
    let error = match tokio::time::timeout(LONGEST_LOOK, compare_one(workers, id)).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it took too long".to_owned(),
    };
    tracing::warn!(grant.id = %id, error, "a grant could not be compared with its schedule");
    false
}

async fn compare_one(workers: &Workers, id: GrantId) -> Result<()> {
    let core = &workers.core;
    let Some(stored) = read::<Grant>(&*core.store, &keys::grant(id)).await? else {
        return Ok(());
    };
    let Some((name, at)) = expected(&stored.value, core.clock.now()) else {
        return Ok(());
    };
    let found = match workers.schedules.inspect(name, at).await? {
        Found::Same => return Ok(()),
        Found::Missing => "missing".to_owned(),
        Found::Changed(what) => format!("another {what}"),
    };
    let name = name.clone();
    remake(workers, stored, &name, &found).await
}

/// Tells that a schedule was touched, and has the grant's worker make another one.
async fn remake(workers: &Workers, stored: Stored<Grant>, old: &ScheduleName, found: &str) -> Result<()> {
    let core = &workers.core;
    let Stored { value: grant, version } = stored;
    let now = core.clock.now();
    let wanting = retimed(&grant, now);
    let event = Draft::new(now, Actor::system("worker"), "grant.timer_tampered")
        .fact("grant", grant.id)
        .fact("schedule", old)
        .fact("found", found);
    let change = Change::new()
        .replace(version, &wanting)?
        .due(&grant.due, &wanting.due)?
        .event(StreamId::request(grant.request), event);
    match change.commit(&*core.store).await {
        Ok(()) => {}
        // The grant is moving: it ends, or gets another end. The next comparison sees.
        Err(ChangeError::Conflict(_)) => return Ok(()),
        Err(ChangeError::App(error)) => return Err(error),
    }
    tracing::error!(grant.id = %grant.id, schedule = %old, found, "the schedule of a live grant was touched");
    tracing::info!(target: "metric", metric = "schedule_tampered", value = 1_u64, unit = "Count");
    advance(workers, grant.id).await.map(drop)
}

/// The schedules in one part of the scheduler's list.
async fn schedules(workers: &Workers, after: Option<&str>) -> Result<Step> {
    let core = &workers.core;
    let listed = match workers.schedules.list(after).await {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(%error, "the schedules could not be listed");
            // From the beginning next time: the place in the list may be too old.
            return Ok((None, true));
        }
    };
    let mut ours: Vec<ScheduleName> = Vec::with_capacity(listed.names.len());
    for name in listed.names {
        match name.parse() {
            Ok(name) => ours.push(name),
            Err(_) => orphan(&name),
        }
    }
    let distinct: BTreeSet<Key> = ours.iter().map(|name| keys::grant(name.grant)).collect();
    let distinct: Vec<Key> = distinct.into_iter().collect();
    let items = if distinct.is_empty() {
        Vec::new()
    } else {
        core.store.get_many(&distinct).await?
    };
    let known: BTreeMap<Key, Option<Item>> = distinct.into_iter().zip(items).collect();
    let now = core.clock.now();
    let mut failed = false;
    for name in &ours {
        let item = known.get(&keys::grant(name.grant)).cloned().flatten();
        let grant = match item.map(from_item::<Grant>).transpose() {
            Ok(grant) => grant.map(|stored| stored.value),
            Err(error) => {
                tracing::error!(schedule = %name, %error, "a grant cannot be read; its schedule stays");
                failed = true;
                continue;
            }
        };
        match standing(name, grant.as_ref(), now) {
            Standing::Timer => continue,
            Standing::LeftOver => tracing::warn!(schedule = %name, "a schedule was left over"),
            Standing::Orphan => orphan(&name.to_string()),
        }
        if let Err(error) = workers.schedules.delete(name).await {
            tracing::warn!(schedule = %name, %error, "a schedule that nobody needs could not be deleted");
            failed = true;
        }
    }
    let next = listed
        .next
        .map(|after| ComparisonPlace::Schedules { after: Some(after) });
    Ok((next, failed))
}

/// A schedule that no grant knows. One with a name that is none of ours stays where it is: we may not delete it.
fn orphan(name: &str) {
    tracing::error!(schedule = name, "a schedule is there that no grant needs");
    tracing::info!(target: "metric", metric = "orphan_trigger", value = 1_u64, unit = "Count");
}
