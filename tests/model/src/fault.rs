//! What can go wrong with one effect.

use crate::worker::Effect;

/// A fault. Each costs one of the few that a history has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Fault {
    /// It happens, and its answer is lost. Of a store: its worker is told that something had changed.
    AnswerLost,
    /// It does not happen, and nobody knows.
    NotDone,
    /// The target or the evidence says no.
    Refused,
    /// The target says done and does nothing.
    Lie,
    /// The target says done and does it later.
    Late,
    /// As before, and the answer is lost as well.
    LateAnswerLost,
    /// A replica that lags answers a read of the target.
    Stale,
    /// A replica that lags answers a read of our own table, where a mistake makes such reads.
    OldRow,
}

impl Fault {
    /// The faults that an effect can meet.
    pub(crate) fn of(effect: &Effect, lags: bool, old_rows: bool) -> Vec<Self> {
        match effect {
            Effect::Verify => vec![Self::NotDone, Self::Refused],
            Effect::CreateSchedule { .. } => vec![Self::AnswerLost, Self::NotDone],
            // A store that does not happen tells its worker what is stored, which is what it knows.
            Effect::Commit(_) | Effect::Store(_) => vec![Self::AnswerLost],
            // Where nobody waits for the answer, only whether it happens matters.
            Effect::DeleteSchedule(_) => vec![Self::NotDone],
            Effect::Read if old_rows => vec![Self::OldRow],
            Effect::Read | Effect::Finish | Effect::NotModelled => Vec::new(),
            Effect::Inspect if lags => vec![Self::NotDone, Self::Stale],
            Effect::Inspect => vec![Self::NotDone],
            Effect::Add { .. } => vec![
                Self::AnswerLost,
                Self::NotDone,
                Self::Refused,
                Self::Lie,
                Self::Late,
                Self::LateAnswerLost,
            ],
            Effect::Remove => vec![Self::AnswerLost, Self::NotDone, Self::Lie],
        }
    }
}
