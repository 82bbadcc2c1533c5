//! What the scheduler should hold, against what it does hold: the rules of the hourly comparison.
//!
//! Nobody but the workers has any business with the schedules. One that is missing, or is not as it was made, was touched
//! by somebody; the due-entry and the sweep end the grant all the same, and the comparison tells and mends.

use super::grant::{MESSAGE_SECONDS, STALLED_SECONDS, schedule_at};
use crate::Timestamp;
use crate::due::{DueEntry, DueKind};
use crate::grant::{Grant, GrantStatus, ScheduleName};

/// How long (seconds) after its end a grant's schedule may still be there: its deletion is under way, or the worker that
/// was to do it died.
const ENDED_SECONDS: i64 = 300;

/// The schedule that has to exist for the grant now, and when it fires. `None` where there need not be one: the grant is
/// not live, a message is its timer, it is getting another end, or the schedule may be firing and deletes itself then.
#[must_use]
pub fn expected(grant: &Grant, now: Timestamp) -> Option<(&ScheduleName, Timestamp)> {
    let at = schedule_at(grant);
    let far = at.seconds_since(now) >= MESSAGE_SECONDS;
    let name = grant.schedule.as_ref()?;
    (grant.status.is_live() && !grant.timer_is_outdated() && far).then_some((name, at))
}

/// The grant as it is stored when its schedule was found missing or changed: it wants another schedule, under a name that
/// was never used, and somebody to make it. The old one is deleted once the new one is stored, as after an extension.
#[must_use]
pub fn retimed(grant: &Grant, now: Timestamp) -> Grant {
    let mut grant = grant.clone();
    if let Some(schedule) = grant.schedule.as_ref().filter(|_| grant.timed == 0) {
        // Stored by a version that did not keep count.
        grant.timed = schedule.n;
        grant.next_schedule = grant.next_schedule.max(schedule.n);
    }
    grant.next_schedule = grant.next_schedule.saturating_add(1);
    grant.attempts = 0;
    let look = DueEntry::new(now.plus_seconds(STALLED_SECONDS), DueKind::Advance, grant.id);
    grant.due.retain(|entry| entry.kind == DueKind::Expire);
    grant.due.push(look);
    grant
}

/// What a schedule is that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is a grant's timer, or the one that it wants.
    Timer,
    /// It was a grant's timer, and another one is now.
    LeftOver,
    /// No grant that could need it knows it.
    Orphan,
}

/// What the schedule called `name` is, given the grant that its name tells, if there is one.
#[must_use]
pub fn standing(name: &ScheduleName, grant: Option<&Grant>, now: Timestamp) -> Standing {
    let Some(grant) = grant else {
        return Standing::Orphan;
    };
    // The wanted one may have been made a moment ago and not be stored yet; later ones nobody can have made.
    if name.n > grant.next_schedule {
        return Standing::Orphan;
    }
    if grant.status == GrantStatus::Ended {
        // Nobody forged it: its deletion failed, or the worker that was to do it died.
        let over = grant
            .ended_at
            .is_none_or(|ended| now.seconds_since(ended) >= ENDED_SECONDS);
        return if over { Standing::LeftOver } else { Standing::Timer };
    }
    if grant.schedule.as_ref() == Some(name) || name.n == grant.next_schedule {
        return Standing::Timer;
    }
    Standing::LeftOver
}
