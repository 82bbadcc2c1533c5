//! What an exploration has met: without it, that nothing was found would prove less than it seems to.

use crate::fault::Fault;
use crate::state::State;
use crate::table::Which;
use hourglass_domain::grant::{GrantStatus, TargetStatus};
use hourglass_domain::membership::{HoldState, Presence};
use std::sync::atomic::{AtomicU64, Ordering};

/// Declares what has to be met, each with its words.
macro_rules! met {
    ($($name:ident $words:literal,)*) => {
        /// Something that an exploration has to meet.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Met { $($name,)* }

        impl Met {
            /// All of it, in words.
            pub(crate) const ALL: &[(Self, &'static str)] = &[$((Self::$name, $words),)*];
        }

        /// The properties that say that it is met, for a model with [`Reached`].
        pub(crate) fn properties<M: stateright::Model + AsRef<Reached>>() -> Vec<stateright::Property<M>> {
            vec![$(stateright::Property::sometimes($words, |model: &M, _| model.as_ref().first(Met::$name)),)*]
        }
    };
}

met! {
    Approved "a grant is approved",
    Activating "a grant is activating",
    Active "a grant is active",
    Ending "a grant is ending",
    Ended "a grant is ended",
    TargetWaiting "a target is waiting",
    TargetAdding "a target is adding",
    TargetPresent "a target is present",
    TargetRemoving "a target is removing",
    TargetUnconfirmed "a target is removing (unconfirmed)",
    TargetAbsent "a target is absent",
    TargetStanding "a target is kept (standing)",
    TargetKept "a target is kept by another grant",
    TargetGone "a target is gone",
    TargetNotAdded "a target was never asked to add anybody",
    MemberAbsent "a membership is absent",
    MemberStanding "a membership is standing",
    MemberAdding "a membership is being added",
    MemberPresent "a membership is present",
    MemberRemoving "a membership is being removed",
    MemberUnconfirmed "a membership is removed and not proved absent",
    MemberGone "a membership's target is gone",
    HoldsOverlap "two live holds overlap",
    Extended "a grant is extended",
    Ordered "a grant is ordered to end",
    LeaseLeft "a dead worker's lease is left",
    TwoWorkers "two workers are under way at the membership",
    Crash "a worker dies",
    Slow "time passes while a worker is under way",
    SweepLost "a sweep does not come",
    Duplicate "a trigger comes that nobody sent, or once more",
    Fired "a schedule fires",
    FiredLate "a schedule fires late",
    FiredOld "the schedule from before an extension fires",
    FireLost "a schedule's trigger is lost",
    HintLost "a stream record is lost",
    Forged "a trigger names a grant that does not exist",
    AnswerLost "an answer is lost",
    NotDone "something does not happen, and nobody knows",
    Refused "the target or the evidence says no",
    Lie "the target says done and does nothing",
    Late "an add is applied later than it was answered",
    Stale "a replica that lags answers",
    Deleted "the group is deleted",
    AllOver "everything has ended",
}

/// What was met so far, by all threads together.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    met: AtomicU64,
    shown: AtomicU64,
}

const _: () = assert!(Met::ALL.len() <= 64);

impl Reached {
    pub(crate) fn meet(&self, what: Met) {
        let bit = 1_u64 << what as u32;
        if self.met.load(Ordering::Relaxed) & bit == 0 {
            self.met.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// True once, when it was met. The checker stores a path each time that such a property holds, and one is enough.
    fn first(&self, what: Met) -> bool {
        let bit = 1_u64 << what as u32;
        self.met.load(Ordering::Relaxed) & bit != 0
            && self.shown.load(Ordering::Relaxed) & bit == 0
            && self.shown.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn meet_one_of<T: PartialEq>(&self, found: T, all: &[(T, Met)]) {
        for (_, met) in all.iter().filter(|(one, _)| *one == found) {
            self.meet(*met);
        }
    }

    /// What was not met.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let met = self.met.load(Ordering::Relaxed);
        let unmet = Met::ALL.iter().filter(|(what, _)| met & (1_u64 << *what as u32) == 0);
        unmet.map(|(_, words)| *words).collect()
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.meet(match fault {
            Fault::AnswerLost | Fault::LateAnswerLost => Met::AnswerLost,
            Fault::NotDone => Met::NotDone,
            Fault::Refused => Met::Refused,
            Fault::Lie => Met::Lie,
            Fault::Late => Met::Late,
            Fault::Stale | Fault::OldRow => Met::Stale,
        });
    }

    /// What a state shows by itself.
    pub(crate) fn look(&self, state: &State) {
        let row = state.row.get();
        self.meet(match &row.membership.presence {
            Presence::Absent => Met::MemberAbsent,
            Presence::Standing { .. } => Met::MemberStanding,
            Presence::Adding => Met::MemberAdding,
            Presence::Present { .. } => Met::MemberPresent,
            Presence::Removing { deleted_at: None, .. } => Met::MemberRemoving,
            Presence::Removing { .. } => Met::MemberUnconfirmed,
            Presence::Gone => Met::MemberGone,
        });
        if row
            .holds
            .holds
            .iter()
            .filter(|hold| hold.state == HoldState::Adding)
            .count()
            > 1
        {
            self.meet(Met::HoldsOverlap);
        }
        let lease = row.membership.lease.as_ref();
        if lease.is_some_and(|lease| lease.worker == crate::table::DEAD) {
            self.meet(Met::LeaseLeft);
        }
        if state.runs.iter().filter(|run| run.get().run.member().is_some()).count() > 1 {
            self.meet(Met::TwoWorkers);
        }
        let mut all_over = true;
        for which in Which::BOTH {
            let Some(row) = state.grants.get(which) else { continue };
            let grant = &row.get().grant;
            all_over &= grant.status == GrantStatus::Ended;
            if row.get().order.is_some() {
                self.meet(Met::Ordered);
            }
            let statuses = [
                (GrantStatus::Approved, Met::Approved),
                (GrantStatus::Activating, Met::Activating),
                (GrantStatus::Active, Met::Active),
                (GrantStatus::Ending, Met::Ending),
                (GrantStatus::Ended, Met::Ended),
            ];
            self.meet_one_of(grant.status, &statuses);
            let targets = [
                (TargetStatus::Waiting, Met::TargetWaiting),
                (TargetStatus::Adding, Met::TargetAdding),
                (TargetStatus::Present, Met::TargetPresent),
                (TargetStatus::Removing, Met::TargetRemoving),
                (TargetStatus::RemovingUnconfirmed, Met::TargetUnconfirmed),
                (TargetStatus::Absent, Met::TargetAbsent),
                (TargetStatus::KeptStanding, Met::TargetStanding),
                (TargetStatus::KeptByOtherGrant, Met::TargetKept),
                (TargetStatus::TargetGone, Met::TargetGone),
                (TargetStatus::NotAdded, Met::TargetNotAdded),
            ];
            for target in &grant.targets {
                self.meet_one_of(target.status, &targets);
            }
        }
        if all_over && state.runs.is_empty() && state.schedules.is_empty() {
            self.meet(Met::AllOver);
        }
    }
}
