//! A worker's run: it feeds the machines of [`hourglass_domain::protocol`] with what happened and does what they ask
//! for, one effect at a time, exactly as `app::workers` does.

use crate::clock::{CONFIRM_SECONDS, Tick, at};
use crate::mistakes::Variant;
use crate::table::{CURRENT, OUTDATED, Which, bury, tidy_grant, tidy_membership};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;
use hourglass_domain::ids::WorkerId;
use hourglass_domain::membership::Membership;
use hourglass_domain::protocol::{grant as grants, membership as members};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A worker under way with one grant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Run {
    pub(crate) which: Which,
    /// Whether the sweep started it: it then clears away the promise that it was started by.
    pub(crate) by_sweep: bool,
    pub(crate) grant: grants::Worker,
    pub(crate) next: Next,
}

/// A worker under way, and what it does next as long as no time passes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pending {
    pub(crate) run: Run,
    pub(crate) decided: Arc<(Run, Effect)>,
    /// Whether that is a store that will not happen, because something has changed: the worker is then told what is
    /// stored now, and all that it knew and wanted is gone.
    pub(crate) sent_back: bool,
}

/// What is decided follows from the rest. Of a run that is sent back, only what it keeps then is part of the state.
impl Hash for Pending {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sent_back.hash(state);
        if self.sent_back {
            self.run.which.hash(state);
            self.run.by_sweep.hash(state);
            if let Next::Member(worker, _) = &self.run.next {
                worker.id.hash(state);
                self.run.grant.hash(state);
            }
        } else {
            self.run.hash(state);
        }
    }
}

impl Pending {
    pub(crate) fn new<R: Variant>(run: Run, now: Tick) -> Self {
        let decided = Arc::new(decide::<R>(run.clone(), now));
        let sent_back = match decided.1 {
            Effect::Commit(_) => !R::SERVICES.grant_unconditional && decided.0.grant.version != CURRENT,
            Effect::Store(_) => {
                let sound = !R::SERVICES.membership_unconditional && !R::SERVICES.holds_unchecked;
                sound
                    && decided.0.member().is_some_and(|worker| {
                        worker.snapshot.version == OUTDATED || worker.snapshot.holds_version == OUTDATED
                    })
            }
            _ => false,
        };
        Self {
            run,
            decided,
            sent_back,
        }
    }
}

/// What the worker has to be told next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Next {
    /// What happened, to the grant's machine.
    Grant(grants::Input),
    /// What happened, to the membership's machine, while the grant's waits for its outcome.
    Member(Box<members::Worker>, members::Input),
}

/// What a worker does now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Verify,
    CreateSchedule {
        name: ScheduleName,
        at: Timestamp,
    },
    DeleteSchedule(ScheduleName),
    Commit(Box<grants::Change>),
    /// Read the membership and its holds, to converge them.
    Read,
    Store(Box<Membership>),
    Inspect,
    Add {
        until: Timestamp,
    },
    Remove,
    Finish,
    /// Something that this model knows nothing of: it would prove nothing to go on.
    NotModelled,
}

/// Most machine steps between two effects; the machines' own bounds are lower.
const MOST_STEPS: u32 = 64;

/// Tells the machines what happened, until one asks for something to be done.
pub(crate) fn decide<R: Variant>(mut run: Run, now: Tick) -> (Run, Effect) {
    let now = at(now);
    for _ in 0..MOST_STEPS {
        let input = match run.next {
            Next::Member(worker, input) => {
                let (worker, effect) = members::step::<R>(*worker, input, now);
                if let members::Effect::Finish(outcome) = effect {
                    run.next = Next::Grant(grants::Input::Converged(vec![outcome]));
                    continue;
                }
                let asked = match effect {
                    members::Effect::Store { membership, .. } => Effect::Store(Box::new(membership)),
                    members::Effect::Inspect => Effect::Inspect,
                    members::Effect::Add { until } => Effect::Add { until },
                    members::Effect::Remove => Effect::Remove,
                    _ => Effect::NotModelled,
                };
                run.next = Next::Member(Box::new(worker), members::Input::Start);
                return (run, asked);
            }
            Next::Grant(input) => input,
        };
        let (worker, effect) = grants::step::<R>(run.grant, input, now);
        run.grant = worker;
        run.next = Next::Grant(grants::Input::Start);
        let asked = match effect {
            grants::Effect::Verify => Effect::Verify,
            grants::Effect::CreateSchedule { name, at } => Effect::CreateSchedule { name, at },
            grants::Effect::DeleteSchedule(name) => Effect::DeleteSchedule(name),
            grants::Effect::Commit(change) => Effect::Commit(change),
            grants::Effect::Converge => Effect::Read,
            grants::Effect::Finish => Effect::Finish,
            _ => Effect::NotModelled,
        };
        return (run, asked);
    }
    (run, Effect::Finish)
}

impl Run {
    /// A run that has just read its grant.
    pub(crate) const fn new(which: Which, by_sweep: bool, worker: grants::Worker) -> Self {
        Self {
            which,
            by_sweep,
            grant: worker,
            next: Next::Grant(grants::Input::Start),
        }
    }

    /// The worker at the membership, if one is under way.
    pub(crate) fn member(&self) -> Option<&members::Worker> {
        match &self.next {
            Next::Member(worker, _) => Some(worker),
            Next::Grant(_) => None,
        }
    }

    /// Begins to converge.
    pub(crate) fn converge<R: Variant>(&mut self, id: WorkerId, snapshot: members::Snapshot) {
        let confirm_after = if R::SERVICES.confirms_at_once {
            0
        } else {
            CONFIRM_SECONDS
        };
        let worker = members::Worker::new(id, snapshot, confirm_after);
        self.next = Next::Member(Box::new(worker), members::Input::Start);
    }

    /// Answers the grant's machine.
    pub(crate) fn tell_grant(&mut self, input: grants::Input) {
        // What is stored has the current version, which is one more than what the worker knows until it is told.
        if input == grants::Input::Committed {
            self.grant.version = OUTDATED;
        }
        if let grants::Input::Conflict { grant, version, order } = &input {
            self.grant.grant = (**grant).clone();
            self.grant.version = *version;
            self.grant.order = *order;
        }
        self.next = Next::Grant(input);
    }

    /// Answers the membership's machine.
    pub(crate) fn tell_member(&mut self, input: members::Input) {
        if let Next::Member(worker, next) = &mut self.next {
            if let members::Input::Conflict(snapshot) = &input {
                worker.snapshot = (**snapshot).clone();
            }
            *next = input;
        }
    }

    /// Somebody else has stored the grant.
    pub(crate) fn outdate_grant(&mut self) {
        match &mut self.next {
            Next::Grant(grants::Input::Committed) => self.grant.version = 0,
            Next::Grant(grants::Input::Conflict { version, .. }) => {
                *version = OUTDATED;
                self.grant.version = OUTDATED;
            }
            _ => self.grant.version = OUTDATED,
        }
    }

    /// Somebody else has stored the membership.
    pub(crate) fn outdate_membership(&mut self) {
        if let Next::Member(worker, input) = &mut self.next {
            worker.snapshot.version = OUTDATED;
            match input {
                members::Input::Stored { version } => *version = OUTDATED,
                members::Input::Conflict(snapshot) => snapshot.version = OUTDATED,
                _ => {}
            }
        }
    }

    /// Somebody has changed the holds.
    pub(crate) fn outdate_holds(&mut self) {
        if let Next::Member(worker, input) = &mut self.next {
            worker.snapshot.holds_version = OUTDATED;
            if let members::Input::Conflict(snapshot) = input {
                snapshot.holds_version = OUTDATED;
            }
        }
    }

    /// A lease of `gone` will not be given back any more.
    pub(crate) fn bury(&mut self, gone: WorkerId) {
        if let Next::Member(worker, input) = &mut self.next {
            bury(&mut worker.snapshot.membership, gone);
            if let members::Input::Conflict(snapshot) = input {
                bury(&mut snapshot.membership, gone);
            }
        }
    }

    /// Forgets what no decision rests on.
    pub(crate) fn tidy(&mut self, now: Tick) {
        tidy_grant(&mut self.grant.grant);
        if let Next::Member(worker, input) = &mut self.next {
            tidy_membership(&mut worker.snapshot.membership, now);
            if let members::Input::Conflict(snapshot) = input {
                tidy_membership(&mut snapshot.membership, now);
            }
        }
    }
}
