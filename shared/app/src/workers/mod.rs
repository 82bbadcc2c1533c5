//! The work behind a grant: what `functions/provisioning` and `functions/revocation` do.
//!
//! Every trigger (a stream record, a schedule, a due-entry) is only a hint to look at something. What is done follows
//! from what is stored and from the clock, so that a trigger may come twice, late, early or never.

pub mod advance;
mod backlog;
pub mod by_hand;
pub mod converge;
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
pub mod sweep;
mod timers;
pub mod verify;

use hourglass_domain::ids::GrantId;
use hourglass_domain::protocol::grant::message_due;

use self::drain::Crowd;
use crate::error::Result;
use crate::ports::Workers;

/// How long (seconds) a trigger sweeps that finds many grants due: less than the function may take, grace included.
const HELP_SECONDS: i64 = 45;

/// A schedule fired or a delayed message arrived: ends the grant if it is due. Shortly before the end of an exact grant
/// it sends a message that arrives at the end; nothing waits inside a function. A trigger for a grant that nobody knows
/// alarms (invariant I8).
///
/// # Errors
/// When the grant could not be brought forward; its due-entry stays.
pub async fn on_trigger(workers: &Workers, id: GrantId) -> Result<()> {
    let Some(loaded) = advance::load(workers, id).await? else {
        tracing::error!(grant.id = %id, "a trigger came for a grant that does not exist");
        tracing::info!(target: "metric", metric = "orphan_trigger", value = 1_u64, unit = "Count");
        return Ok(());
    };
    if let Some(seconds) = message_due(&loaded.grant, workers.core.clock.now()) {
        tracing::info!(grant.id = %id, seconds, "a message ends the grant at its second");
        return Ok(workers.delays.send(id, seconds).await?);
    }
    match drain::crowd(workers, &loaded).await? {
        Crowd::Alone => advance::run(workers, loaded).await,
        Crowd::Waits => Ok(()),
        Crowd::Many => {
            let deadline = workers.core.clock.now().plus_seconds(HELP_SECONDS);
            sweep::help(workers, deadline).await.map(|_| ())
        }
    }
}
