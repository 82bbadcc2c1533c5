//! Mistakes, each of which the model check has to find.
//!
//! A mistake in the protocol overrides one item of [`Rules`]; the machines are the ones that the services run. A mistake
//! in what the protocol relies on (conditional writes, consistent reads, the sweep) is
//! made by the model's table instead, because there is where the services would make it.

use hourglass_domain::Timestamp;
use hourglass_domain::grant::TargetStatus;
use hourglass_domain::membership::Holds;
use hourglass_domain::protocol::{Production, Rules};
use std::fmt::Debug;

/// What the services around the protocol may get wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Services {
    /// The membership is read with an eventually consistent read.
    pub(crate) reads_may_be_old: bool,
    /// A membership is stored whatever its own version is.
    pub(crate) membership_unconditional: bool,
    /// A membership is stored whatever the version of its holds is.
    pub(crate) holds_unchecked: bool,
    /// A grant is stored whatever its version is.
    pub(crate) grant_unconditional: bool,
    /// A schedule that fires is taken as an order to end.
    pub(crate) believes_triggers: bool,
    /// A schedule whose name exists is taken for made, whenever it fires.
    pub(crate) any_schedule_will_do: bool,
    /// `CONFIRM_AFTER` is nothing.
    pub(crate) confirms_at_once: bool,
    /// Nobody sweeps: ends rest on schedules and stream records alone.
    pub(crate) never_sweeps: bool,
}

/// No mistake.
pub(crate) const SOUND: Services = Services {
    reads_may_be_old: false,
    membership_unconditional: false,
    holds_unchecked: false,
    grant_unconditional: false,
    believes_triggers: false,
    any_schedule_will_do: false,
    confirms_at_once: false,
    never_sweeps: false,
};

/// Rules and services that may have one mistake.
pub(crate) trait Variant: Rules + Debug + Send + Sync + 'static {
    /// What is wrong, in words.
    const NAME: &'static str;
    /// What is wrong around the protocol.
    const SERVICES: Services = SOUND;
}

impl Variant for Production {
    const NAME: &'static str = "none";
}

/// One mistake in the rules, or one in the services.
macro_rules! mistake {
    ($(#[$doc:meta])* $name:ident, $words:literal, rules { $($rules:tt)* } $(, services { $field:ident })?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Rules for $name { $($rules)* }
        impl Variant for $name {
            const NAME: &'static str = $words;
            $(const SERVICES: Services = Services { $field: true, ..SOUND };)?
        }
    };
    ($(#[$doc:meta])* $name:ident, $words:literal, services { $field:ident }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Rules for $name {}
        impl Variant for $name {
            const NAME: &'static str = $words;
            const SERVICES: Services = Services { $field: true, ..SOUND };
        }
    };
}

mistake!(
    /// Two workers talk to the target at once.
    NoLease, "no lease", rules { const NEEDS_LEASE: bool = false; }
);
mistake!(
    /// A member exists before anything would end it.
    AddBeforeSchedule, "add before schedule", rules { const TIMER_BEFORE_ADD: bool = false; }
);
mistake!(
    /// The end of one grant takes the member away from another.
    RemoveWithoutReadingHolds, "remove without reading holds", rules {
        fn kept_until(_holds: &Holds, _now: Timestamp) -> Option<Timestamp> {
            None
        }
    }
);
mistake!(
    /// What the target answers to a removal counts as absence.
    RemovalProves, "absent because the target answered the removal", rules {
        const REMOVAL_PROVES_ABSENCE: bool = true;
    }
);
mistake!(
    /// The first read that does not find the member proves its absence.
    SingleRead, "trust a single 404", rules {
        fn proves_absence(
            _first: Option<Timestamp>,
            _deleted_at: Timestamp,
            _last_add_at: Option<Timestamp>,
            _confirm_after: i64,
            _now: Timestamp,
        ) -> bool {
            true
        }
    }
);
mistake!(
    /// Two reads prove absence, however soon the second comes.
    TwiceInARow, "proof read twice in a row", services { confirms_at_once }
);
mistake!(
    /// A target that says "already exists" is believed to have had the member before us.
    AddDecidesBaseline, "baseline from an \"already exists\"", rules { const ADD_DECIDES_BASELINE: bool = true; }
);
mistake!(
    /// The record of our own add is not seen, and the member is taken for a standing one.
    InconsistentRead, "baseline from a non-consistent read of our own table", services { reads_may_be_old }
);
mistake!(
    /// A worker that lost its lease writes over what came after it.
    OutcomeWithoutVersion, "outcome written without its version", services { membership_unconditional }
);
mistake!(
    /// A hold that comes or goes meanwhile is not noticed.
    HoldsUnchecked, "outcome written without the version of the holds", services { holds_unchecked }
);
mistake!(
    /// A worker that planned long ago writes over the grant's end.
    GrantWithoutVersion, "grant written without its version", services { grant_unconditional }
);
mistake!(
    /// Timers alone end a grant.
    NoSweep, "no sweep", services { never_sweeps }
);
mistake!(
    /// A hold whose grant has no timer yet lets a worker add.
    WaitingAdds, "a waiting hold adds", rules {
        fn addable_until(holds: &Holds, now: Timestamp) -> Option<Timestamp> {
            holds.kept_until(now)
        }
    }
);
mistake!(
    /// A grant is over before its member is proved to be gone.
    EndedBeforeProof, "`ended` before proof", rules {
        fn settles(status: TargetStatus) -> bool {
            status.is_settled_end() || status == TargetStatus::RemovingUnconfirmed
        }
    }
);
mistake!(
    /// An add whose worker died leaves a member whom nobody knows of.
    NoIntent, "add without its intent stored", rules { const INTENT_BEFORE_ADD: bool = false; }
);

mistake!(
    /// A grant that is being ended gets more time.
    ExtensionIgnoresEnding, "extension that ignores `ending`", rules { const EXTENDS_LIVE_ONLY: bool = false; }
);
mistake!(
    /// The old schedule of a grant that was extended ends it.
    TriggerBelieved, "late trigger ends an extended grant", services { believes_triggers }
);
mistake!(
    /// The new schedule has the name of the old one, and the old one is taken for it.
    SameName, "schedule re-made under the old name",
    rules { const SCHEDULE_NAMES_RISE: bool = false; },
    services { any_schedule_will_do }
);
mistake!(
    /// Between two schedules there is none.
    OldTimerGoesFirst, "old schedule deleted before the new one exists", rules { const NEW_TIMER_FIRST: bool = false; }
);

/// `$run` for each mistake.
macro_rules! each_mistake {
    ($run:ident) => {{
        use crate::mistakes as m;
        [
            $run::<m::NoLease>,
            $run::<m::AddBeforeSchedule>,
            $run::<m::RemoveWithoutReadingHolds>,
            $run::<m::RemovalProves>,
            $run::<m::SingleRead>,
            $run::<m::TwiceInARow>,
            $run::<m::AddDecidesBaseline>,
            $run::<m::InconsistentRead>,
            $run::<m::OutcomeWithoutVersion>,
            $run::<m::HoldsUnchecked>,
            $run::<m::GrantWithoutVersion>,
            $run::<m::NoSweep>,
            $run::<m::ExtensionIgnoresEnding>,
            $run::<m::TriggerBelieved>,
            $run::<m::SameName>,
            $run::<m::OldTimerGoesFirst>,
            $run::<m::WaitingAdds>,
            $run::<m::EndedBeforeProof>,
            $run::<m::NoIntent>,
        ]
    }};
}
pub(crate) use each_mistake;
