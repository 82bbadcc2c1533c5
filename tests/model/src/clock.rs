//! Time in ticks. The protocol's own seconds stay what they are: a tick is chosen so that everything that they tell
//! apart falls into different ticks.

use hourglass_domain::Timestamp;
use hourglass_domain::protocol::{CALL_SECONDS, LEASE_MARGIN_SECONDS, LEASE_SECONDS};

/// Ticks since the beginning.
pub(crate) type Tick = u8;

/// Seconds of one tick. A lease taken in one tick is still held in the next, and too short for a call by then; in the
/// one after that it is over.
pub(crate) const TICK_SECONDS: i64 = 30;
const _: () = assert!(LEASE_SECONDS > TICK_SECONDS && LEASE_SECONDS <= 2 * TICK_SECONDS);
const _: () = assert!(LEASE_SECONDS - TICK_SECONDS < CALL_SECONDS + LEASE_MARGIN_SECONDS);

/// `CONFIRM_AFTER` in ticks.
pub(crate) const CONFIRM_TICKS: Tick = 2;
/// `CONFIRM_AFTER` in seconds.
pub(crate) const CONFIRM_SECONDS: i64 = CONFIRM_TICKS as i64 * TICK_SECONDS;
/// The sweep comes with every tick that this divides.
pub(crate) const SWEEP_TICKS: Tick = 2;

const START: i64 = 1_800_000_000;

/// When a tick begins. All that happens in a tick happens at this instant, in some order.
pub(crate) fn at(tick: Tick) -> Timestamp {
    Timestamp::from_seconds(START + i64::from(tick) * TICK_SECONDS)
}

/// The first tick that does not lie before an instant.
pub(crate) fn tick_of(instant: Timestamp) -> Tick {
    let seconds = instant.seconds() - START;
    let tick = (seconds + TICK_SECONDS - 1).div_euclid(TICK_SECONDS);
    Tick::try_from(tick).unwrap_or(if tick < 0 { 0 } else { Tick::MAX })
}
