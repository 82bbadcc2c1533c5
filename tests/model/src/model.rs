//! What may happen in which state.

use crate::bounds::Bounds;
use crate::clock::at;
use crate::fault::Fault;
use crate::mistakes::Variant;
use crate::part::Part;
use crate::reached::{Met, Reached, properties};
use crate::state::{FIRES_WITHIN, Invariant, Schedule, State};
use crate::table::{MemberRow, Pair, Which, template};
use crate::target::{Evidence, Target};
use crate::worker::{Effect, Run};
use anyhow::{Context, Result};
use hourglass_domain::grant::Grant;
use stateright::{Model, Property};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// One thing that happens.
#[derive(Clone, PartialEq)]
pub(crate) enum Action {
    /// Time passes.
    Tick,
    /// A late add is applied.
    Land,
    /// A person approves the second grant.
    Approve,
    /// A person extends the first grant.
    Extend,
    /// A person orders a grant to end.
    Order(Which),
    /// A record of the table's stream comes: at once, late, or never.
    Trigger(Which),
    /// A trigger comes once more, too early or too late, or was sent by nobody.
    Again(Which),
    /// A trigger for a grant that does not exist.
    Forged,
    /// A schedule fires, and is gone.
    Fire(Schedule),
    /// The sweep takes a grant's promise.
    Sweep(Which),
    /// The sweep that is due does not come, or dies.
    LoseSweep,
    /// The group is deleted.
    DeleteGroup,
    /// A worker does what it decided to do.
    Step {
        worker: usize,
        fault: Option<Fault>,
        decided: Arc<(Run, Effect)>,
    },
    /// A worker dies.
    Crash(usize),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick => write!(f, "30 s pass"),
            Self::Land => write!(f, "the late add is applied"),
            Self::Approve => write!(f, "the second grant is approved"),
            Self::Extend => write!(f, "the first grant is extended"),
            Self::Order(which) => write!(f, "{which:?}: ordered to end"),
            Self::Trigger(which) => write!(f, "{which:?}: a trigger comes"),
            Self::Again(which) => write!(f, "{which:?}: a trigger comes once more, or from nobody"),
            Self::Forged => write!(f, "a trigger comes for no grant"),
            Self::Fire(schedule) => write!(f, "{:?}: schedule {} fires", schedule.which, schedule.n),
            Self::Sweep(which) => write!(f, "{which:?}: the sweep comes"),
            Self::LoseSweep => write!(f, "the sweep is lost"),
            Self::DeleteGroup => write!(f, "the group is deleted"),
            Self::Crash(worker) => write!(f, "worker {worker} dies"),
            Self::Step { worker, fault, decided } => {
                let (run, effect) = &**decided;
                write!(f, "{:?}: worker {worker} does ", run.which)?;
                match effect {
                    Effect::Commit(change) => write!(
                        f,
                        "commit {:?} {:?} {:?}",
                        change.grant.status, change.grant.ended_because, change.holds
                    )?,
                    Effect::Store(membership) => write!(
                        f,
                        "store {:?}, lease {}",
                        membership.presence,
                        membership.lease.is_some()
                    )?,
                    Effect::CreateSchedule { name, .. } => write!(f, "create schedule {}", name.n)?,
                    Effect::DeleteSchedule(name) => write!(f, "delete schedule {}", name.n)?,
                    other => write!(f, "{other:?}")?,
                }
                fault.map_or(Ok(()), |fault| write!(f, " -- {fault:?}"))
            }
        }
    }
}

/// The protocol under the rules `R`, within bounds.
#[derive(Debug)]
pub(crate) struct Protocol<R> {
    bounds: Bounds,
    template: Grant,
    untouched: MemberRow,
    reached: Arc<Reached>,
    rules: PhantomData<fn() -> R>,
}

impl<R: Variant> Protocol<R> {
    pub(crate) fn new(bounds: Bounds, reached: Arc<Reached>) -> Result<Self> {
        let template = template()?;
        let untouched = MemberRow::untouched(&template).context("a grant without a target")?;
        Ok(Self {
            bounds,
            template,
            untouched,
            reached,
            rules: PhantomData,
        })
    }

    fn first_state(&self, standing: bool) -> State {
        let mut state = State {
            now: 0,
            grants: Pair::default(),
            row: Part::new(self.untouched.clone()),
            schedules: Vec::new(),
            target: Target::new(standing),
            evidence: Evidence::default(),
            runs: Vec::new(),
            to_sweep: Pair::default(),
            hints: Pair::default(),
            faults: self.bounds.faults,
            extensions: self.bounds.extensions,
            orders: self.bounds.orders,
            settled_at: 0,
            broken: None,
        };
        state.approve::<R>(&self.template, Which::First, self.bounds.first_expires);
        state
    }

    /// Time passes only between runs and sweeps, unless that is the fault.
    fn tick(&self, state: &mut State) -> Option<()> {
        let lost = |one: &Schedule| one.at.saturating_add(FIRES_WITHIN) <= state.now.saturating_add(1);
        if state.schedules.iter().any(lost) {
            self.reached.meet(Met::FireLost);
        }
        if state.hints != Pair::default() {
            self.reached.meet(Met::HintLost);
        }
        let under_way = !state.runs.is_empty() || Which::BOTH.iter().any(|which| *state.to_sweep.get(*which));
        state.tick::<R>();
        if under_way {
            self.reached.meet(Met::Slow);
            if !state.spend(None) {
                return None;
            }
        }
        state.normalise::<R>();
        Some(())
    }

    fn fire(&self, state: &mut State, schedule: Schedule) {
        self.reached.meet(Met::Fired);
        if schedule.at < state.now {
            self.reached.meet(Met::FiredLate);
        }
        let row = state.grants.get(schedule.which).as_ref().map(Part::get);
        if row.is_some_and(|row| row.grant.expires_at > at(schedule.at)) {
            self.reached.meet(Met::FiredOld);
        }
        state.schedules.retain(|one| *one != schedule);
        let _over = state.start::<R>(schedule.which, false, R::SERVICES.believes_triggers);
    }

    fn happen(&self, state: &mut State, action: &Action) -> Option<()> {
        match action {
            Action::Tick => self.tick(state)?,
            Action::Land => state.target.land(),
            Action::Approve => state.approve::<R>(&self.template, Which::Second, self.bounds.second_expires),
            Action::Extend => {
                state.extend::<R>(Which::First, self.bounds.extended_by)?;
                self.reached.meet(Met::Extended);
            }
            Action::Order(which) => state.order(*which)?,
            Action::Trigger(which) => {
                *state.hints.get_mut(*which) = false;
                let _over = state.start::<R>(*which, false, false);
            }
            Action::Again(which) => {
                state.start::<R>(*which, false, false)?;
                if !self.bounds.any_trigger {
                    state.spend(None).then_some(())?;
                }
                self.reached.meet(Met::Duplicate);
            }
            Action::Forged => {
                // What a service reads for it is nothing, and it stops there.
                self.reached.meet(Met::Forged);
                return None;
            }
            Action::Fire(schedule) => self.fire(state, *schedule),
            Action::Sweep(which) => {
                *state.to_sweep.get_mut(*which) = false;
                let _over = state.start::<R>(*which, true, false);
            }
            Action::LoseSweep => {
                state.spend(None).then_some(())?;
                state.to_sweep = Pair::default();
                self.reached.meet(Met::SweepLost);
            }
            Action::DeleteGroup => {
                state.spend(None).then_some(())?;
                state.target.gone = true;
                self.reached.meet(Met::Deleted);
            }
            Action::Step { worker, fault, decided } => {
                if let Some(fault) = fault {
                    state.spend(Some(*fault)).then_some(())?;
                    self.reached.fault(*fault);
                }
                state.perform::<R>(*worker, decided, *fault);
            }
            Action::Crash(worker) => {
                state.spend(None).then_some(())?;
                state.crash::<R>(*worker);
                self.reached.meet(Met::Crash);
            }
        }
        Some(())
    }

    fn steps(state: &State, worker: usize, actions: &mut Vec<Action>) {
        if let Some(run) = state.runs.get(worker) {
            let decided = &run.get().decided;
            let step = |fault| Action::Step {
                worker,
                fault,
                decided: Arc::clone(decided),
            };
            actions.push(step(None));
            if state.faults > 0 && !run.get().sent_back {
                let old_rows = R::SERVICES.reads_may_be_old && state.row.get().before.is_some();
                let faults = Fault::of(&decided.1, state.target.lags, old_rows);
                actions.extend(faults.into_iter().map(|fault| step(Some(fault))));
                actions.push(Action::Crash(worker));
            }
        }
    }

    fn starts(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Forged);
        if state.runs.len() >= self.bounds.workers {
            return;
        }
        for which in Which::BOTH {
            let hinted = *state.hints.get(which);
            if hinted {
                actions.push(Action::Trigger(which));
            }
            if !hinted && state.grants.get(which).is_some() && (self.bounds.any_trigger || state.faults > 0) {
                actions.push(Action::Again(which));
            }
            if *state.to_sweep.get(which) {
                actions.push(Action::Sweep(which));
            }
        }
        let due = state.schedules.iter().filter(|one| one.at <= state.now);
        actions.extend(due.map(|one| Action::Fire(*one)));
    }

    fn people(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.bounds.people_interrupt && !state.runs.is_empty() {
            return;
        }
        let second = state.grants.get(Which::Second).is_some();
        if self.bounds.grants > 1 && !second && state.now <= self.bounds.approve_until {
            actions.push(Action::Approve);
        }
        if state.extensions > 0 {
            actions.push(Action::Extend);
        }
        if state.orders > 0 && state.now <= self.bounds.approve_until {
            actions.extend(Which::BOTH.map(Action::Order));
        }
    }
}

impl<R> AsRef<Reached> for Protocol<R> {
    fn as_ref(&self) -> &Reached {
        &self.reached
    }
}

impl<R: Variant> Model for Protocol<R> {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first_state(false), self.first_state(true)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        if let Some(worker) = state.runs.iter().position(|run| state.is_private(run.get())) {
            return Self::steps(state, worker, actions);
        }
        for worker in 0..state.runs.len() {
            Self::steps(state, worker, actions);
        }
        self.starts(state, actions);
        self.people(state, actions);
        let sweeping = Which::BOTH.iter().any(|which| *state.to_sweep.get(*which));
        if state.target.landing {
            actions.push(Action::Land);
        }
        if state.faults > 0 && sweeping {
            actions.push(Action::LoseSweep);
        }
        if state.faults > 0 && self.bounds.deletes_group && !state.target.gone {
            actions.push(Action::DeleteGroup);
        }
        let waits = state.runs.is_empty() && !sweeping;
        if state.now < self.bounds.horizon && (waits || state.faults > 0) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.happen(&mut state, &action)?;
        state.look();
        self.reached.look(&state);
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always("I1", |_: &Self, state: &State| state.broken != Some(Invariant::I1)),
            Property::always("I2", |_: &Self, state: &State| state.broken != Some(Invariant::I2)),
            Property::always("I3", |_: &Self, state: &State| state.broken != Some(Invariant::I3)),
            Property::always("I4", |_: &Self, state: &State| state.broken != Some(Invariant::I4)),
            Property::always("I8", |_: &Self, state: &State| state.broken != Some(Invariant::I8)),
            Property::always("the model", |_: &Self, state: &State| {
                state.broken != Some(Invariant::Model)
            }),
        ];
        all.extend(properties::<Self>());
        all
    }
}
