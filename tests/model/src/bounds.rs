//! How far a history goes.

use crate::clock::{TICK_SECONDS, Tick};

/// The bounds of an exploration. Within them, everything that can happen is tried in every order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Workers under way at once.
    pub workers: usize,
    /// Grants on the one membership.
    pub grants: usize,
    /// Extensions of the first grant.
    pub extensions: u8,
    /// By how many seconds.
    pub extended_by: u32,
    /// Faults in one history.
    pub faults: u8,
    /// Orders to end a grant early.
    pub orders: u8,
    /// Whether people act while a worker is under way, and not only between runs.
    pub people_interrupt: bool,
    /// Whether triggers that nobody sent come any number of times; each is a fault otherwise.
    pub any_trigger: bool,
    /// Whether the group may be deleted (a fault).
    pub deletes_group: bool,
    /// When the first grant ends. It is approved at tick 0.
    pub first_expires: Tick,
    /// When the second one ends.
    pub second_expires: Tick,
    /// Until when people approve, extend and order.
    pub approve_until: Tick,
    /// The last tick.
    pub horizon: Tick,
}

impl Bounds {
    /// All at once: two workers, two grants on one membership, an extension and two faults. Hours; the other bounds each
    /// leave something out.
    pub const FAULTS: Self = Self {
        workers: 2,
        grants: 2,
        extensions: 1,
        extended_by: 60,
        faults: 2,
        orders: 0,
        people_interrupt: false,
        any_trigger: false,
        deletes_group: false,
        first_expires: 2,
        second_expires: 3,
        approve_until: 2,
        horizon: 12,
    };

    /// People approve and extend in the middle of whatever workers do.
    pub const INTERRUPTIONS: Self = Self {
        faults: 0,
        people_interrupt: true,
        ..Self::FAULTS
    };

    /// The same without an extension and with a fault.
    pub const APPROVALS: Self = Self {
        extensions: 0,
        faults: 1,
        people_interrupt: true,
        ..Self::FAULTS
    };

    /// A person ends a grant early, or the group is deleted.
    pub const ENDS: Self = Self {
        extensions: 0,
        faults: 1,
        orders: 1,
        deletes_group: true,
        ..Self::FAULTS
    };

    /// Two grants and two faults.
    pub const TWO_GRANTS: Self = Self {
        extensions: 0,
        ..Self::FAULTS
    };

    /// One grant, its extension and two faults.
    pub const EXTENDED: Self = Self {
        grants: 1,
        people_interrupt: true,
        ..Self::FAULTS
    };

    /// One grant, its extension and a fault: what plain tests explore.
    pub const ONE_GRANT: Self = Self {
        grants: 1,
        faults: 1,
        people_interrupt: true,
        ..Self::FAULTS
    };

    /// Two grants, an extension and a fault.
    pub const SMALL: Self = Self {
        faults: 1,
        ..Self::FAULTS
    };

    const NARROW: Self = Self {
        grants: 1,
        extensions: 0,
        faults: 0,
        people_interrupt: true,
        ..Self::FAULTS
    };

    /// Bounds in which mistakes are looked for, one after the other.
    pub(crate) const WIDENING: [Self; 6] = [
        Self {
            orders: 1,
            ..Self::NARROW
        },
        Self {
            grants: 2,
            ..Self::NARROW
        },
        Self {
            extensions: 1,
            ..Self::NARROW
        },
        Self {
            faults: 1,
            ..Self::NARROW
        },
        Self {
            extensions: 1,
            faults: 1,
            ..Self::NARROW
        },
        Self {
            grants: 2,
            faults: 1,
            ..Self::NARROW
        },
    ];

    /// The bounds in one line.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!(
            "{} workers, {} grants on one membership, {} extension(s), {} early end(s), {} fault(s), {} ticks of {} s",
            self.workers, self.grants, self.extensions, self.orders, self.faults, self.horizon, TICK_SECONDS
        );
        if self.people_interrupt {
            words.push_str(", people act at any time");
        }
        if self.deletes_group {
            words.push_str(", the group may be deleted");
        }
        if self.any_trigger {
            words.push_str(", any number of triggers that nobody sent");
        }
        words
    }
}
