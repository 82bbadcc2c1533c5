//! What goes wrong in a history, and when.

use std::collections::{BTreeMap, BTreeSet};

use crate::ports::{LIES, METHODS};
use crate::rng::Rng;

/// Where in a call something goes wrong. Before and after each method of each port are the steps that have to be hit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Moment {
    /// The call has not had its effect.
    Before,
    /// It has, and nobody was told.
    After,
}

/// What goes wrong in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The caller gets an error.
    Fail(Moment),
    /// Before: the caller gives up waiting, and what it asked for happens later. After: the caller is held up for longer
    /// than its lease.
    Slow(Moment),
    /// The whole process ends here.
    Die(Moment),
    /// The target says done and does nothing, or says not there when it is.
    Lie,
}

impl Fault {
    /// Every fault that each method can meet.
    const EVERYWHERE: [Self; 6] = [
        Self::Fail(Moment::Before),
        Self::Fail(Moment::After),
        Self::Slow(Moment::Before),
        Self::Slow(Moment::After),
        Self::Die(Moment::Before),
        Self::Die(Moment::After),
    ];

    /// The name in the figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fail(Moment::Before) => "failed_before",
            Self::Fail(Moment::After) => "failed_after",
            Self::Slow(Moment::Before) => "slow_before",
            Self::Slow(Moment::After) => "slow_after",
            Self::Die(Moment::Before) => "died_before",
            Self::Die(Moment::After) => "died_after",
            Self::Lie => "lied",
        }
    }

    const fn moment(self) -> Moment {
        match self {
            Self::Fail(moment) | Self::Slow(moment) | Self::Die(moment) => moment,
            Self::Lie => Moment::After,
        }
    }
}

/// Fewest and most faults of one history, besides the one that its seed stands for.
const FAULTS: (u64, u64) = (3, 12);
/// How much of the way to the next fault one call is, for the calls that are most of all calls, and for the others.
const WEIGHTS: (u64, u64) = (1, 8);
/// The longest way from one fault to the next.
const LONGEST_WAY: u64 = 700;

/// A method of a port and a moment: the faults of a run have to hit all.
pub(crate) type Step = (&'static str, Moment);

/// All steps.
pub(crate) fn steps() -> BTreeSet<Step> {
    let moments = [Moment::Before, Moment::After];
    METHODS
        .iter()
        .flat_map(|methods| methods.iter())
        .flat_map(|method| moments.map(|moment| (*method, moment)))
        .collect()
}

/// What will go wrong in one history, and what has.
#[derive(Debug)]
pub(crate) struct Plan {
    active: bool,
    left: u64,
    way: u64,
    /// One fault at one method: each seed stands for another, so that a run of neighbouring seeds meets all of them.
    aimed: Option<(&'static str, Fault, u64)>,
    lied: bool,
    hit: BTreeSet<Step>,
    kinds: BTreeMap<&'static str, u64>,
}

impl Plan {
    pub(crate) fn new(seed: u64, rng: &mut Rng) -> Self {
        let faults = Fault::EVERYWHERE;
        let all: Vec<(&'static str, Fault)> = METHODS
            .iter()
            .flat_map(|methods| methods.iter())
            .flat_map(|method| faults.map(|fault| (*method, fault)))
            .collect();
        let most = u64::try_from(all.len()).unwrap_or(1).max(1);
        let aimed = usize::try_from(seed % most)
            .ok()
            .and_then(|index| all.get(index).copied());
        Self {
            active: false,
            left: rng.between(FAULTS.0, FAULTS.1),
            way: rng.between(1, LONGEST_WAY),
            aimed: aimed.map(|(method, fault)| (method, fault, rng.between(1, 2))),
            lied: false,
            hit: BTreeSet::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// Faults begin.
    pub(crate) const fn begin(&mut self) {
        self.active = true;
    }

    /// Faults stop.
    pub(crate) const fn stop(&mut self) {
        self.active = false;
    }

    pub(crate) const fn is_active(&self) -> bool {
        self.active
    }

    /// What goes wrong with this call of `method`.
    pub(crate) fn next(&mut self, method: &'static str, rng: &mut Rng) -> Option<Fault> {
        if !self.active {
            return None;
        }
        if let Some((aimed, fault, nth)) = self.aimed
            && aimed == method
        {
            if nth <= 1 {
                self.aimed = None;
                return Some(self.note(method, fault));
            }
            self.aimed = Some((aimed, fault, nth - 1));
        }
        let weight = if method == "Store::query" { WEIGHTS.0 } else { WEIGHTS.1 };
        self.way = self.way.saturating_sub(weight);
        if self.way > 0 || self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.way = rng.between(1, LONGEST_WAY);
        let lies = LIES.contains(&method) && !self.lied && rng.chance(40);
        let fault = if lies {
            self.lied = true;
            Fault::Lie
        } else {
            *rng.pick(&Fault::EVERYWHERE)?
        };
        Some(self.note(method, fault))
    }

    fn note(&mut self, method: &'static str, fault: Fault) -> Fault {
        self.hit.insert((method, fault.moment()));
        self.count(fault.name());
        fault
    }

    /// Counts something that went wrong outside the ports.
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// The steps that were hit.
    pub(crate) const fn hit(&self) -> &BTreeSet<Step> {
        &self.hit
    }

    /// The faults by kind.
    pub(crate) const fn kinds(&self) -> &BTreeMap<&'static str, u64> {
        &self.kinds
    }
}
