//! The work behind a grant: what `functions/provisioning` and `functions/revocation` do.
//!
//! Every trigger (a stream record, a schedule, a due-entry) is only a hint to look at something. What is done follows
//! from what is stored and from the clock, so that a trigger may come twice, late, early or never.

pub mod advance;
mod assertions;
mod auth_context;
mod backlog;
pub mod by_hand;
mod confirm;
pub mod converge;
pub mod crowds;
mod drain;
pub mod drift;
pub mod group_gone;
pub mod hints;
pub mod kill;
pub mod memberships_gone;
pub mod offboard;
pub mod probes;
pub mod purse;
pub mod single_flight;
#[cfg(test)]
mod stand;
pub mod sweep;
#[cfg(test)]
mod tests;
mod timers;
pub mod verify;

use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_domain::protocol::grant::message_due;

use self::drain::Crowd;
use crate::change::read;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;

/// For how long (seconds) a trigger that finds many grants due begins new work; with what it has begun it takes
/// [`sweep::GRACE_SECONDS`] longer. Whoever starts triggers gives them more time than both: a sweep that is cut off
/// leaves leases and prepaid writes behind.
pub const HELP_SECONDS: i64 = 30;

/// A schedule fired or a delayed message arrived: ends the grant if it is due. Shortly before the end of an exact grant
/// it sends a message that arrives at the end; nothing waits inside a function. A trigger for a grant that nobody knows
/// alarms (invariant I8).
///
/// # Errors
/// When the grant could not be brought forward; its due-entry stays.
pub async fn on_trigger(workers: &Workers, id: GrantId) -> Result<()> {
    let core = &workers.core;
    let Some(stored) = read::<Grant>(&*core.store, &keys::grant(id)).await? else {
        tracing::error!(grant.id = %id, "a trigger came for a grant that does not exist");
        tracing::info!(target: "metric", metric = "orphan_trigger", value = 1_u64, unit = "Count");
        return Ok(());
    };
    if let Some(seconds) = message_due(&stored.value, core.clock.now()) {
        tracing::info!(grant.id = %id, seconds, "a message ends the grant at its second");
        return Ok(workers.delays.send(id, seconds).await?);
    }
    let left_to_it = stored.value.status.is_live() && !stored.value.exact;
    if left_to_it && workers.crowds.is_swept(&stored.value, core.clock.now()) {
        return Ok(());
    }
    let loaded = advance::judge(workers, stored).await?;
    match drain::crowd(workers, &loaded).await? {
        Crowd::Alone => advance::run(workers, loaded).await,
        Crowd::Waits => Ok(()),
        Crowd::Many => {
            let deadline = workers.core.clock.now().plus_seconds(HELP_SECONDS);
            let now = core.clock.now();
            let helped = sweep::help(workers, deadline).await?;
            if helped.busy {
                workers.crowds.note(&loaded.grant, now);
            }
            // The sweep that is at work looks again before it is over. That may take as long as a slow target does, and
            // what ends at the second does not wait for it.
            if helped.busy && loaded.grant.exact {
                return advance::run(workers, loaded).await;
            }
            Ok(())
        }
    }
}
