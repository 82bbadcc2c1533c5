//! One state of everything: the table, the target, the schedules, the workers under way, and what is left of the bounds.

use crate::clock::{SWEEP_TICKS, Tick, at, tick_of};
use crate::fault::Fault;
use crate::mistakes::Variant;
use crate::part::Part;
use crate::table::{CURRENT, DEAD, GrantRow, MemberRow, Pair, Which, bury, tidy_grant, tidy_membership, worker_id};
use crate::target::{Evidence, Target};
use crate::worker::{Effect, Pending, Run};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::grant::{EndReason, Grant, GrantStatus, ScheduleName, TargetStatus};
use hourglass_domain::ids::WorkerId;
use hourglass_domain::membership::{HoldState, Membership, Presence};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::protocol::{grant as grants, membership as members};
use std::hash::Hash;

/// A rule that must never be broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Invariant {
    I1,
    I2,
    I3,
    I4,
    I8,
    /// The model knows less than the protocol asks for.
    Model,
}

impl Invariant {
    /// All of them, with their names.
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::I1, "I1"),
        (Self::I2, "I2"),
        (Self::I3, "I3"),
        (Self::I4, "I4"),
        (Self::I8, "I8"),
        (Self::Model, "the model"),
    ];
}

/// One lease and one full sweep, in ticks: what the end of an access may take once all goes well (invariant I2).
pub(crate) const LEASE_AND_SWEEP: Tick = 2 + SWEEP_TICKS;
/// After a target lied: until the proof's read finds out, and until the sweep after that.
pub(crate) const LIE_FOUND_OUT: Tick = LEASE_AND_SWEEP + 2 + SWEEP_TICKS;

/// A schedule fires within this many ticks (a minute), or its trigger is lost.
pub(crate) const FIRES_WITHIN: Tick = 2;

/// A one-shot schedule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Schedule {
    pub(crate) which: Which,
    pub(crate) n: u32,
    pub(crate) at: Tick,
}

/// A state.
#[derive(Clone, PartialEq, Hash, Debug)]
pub(crate) struct State {
    pub(crate) now: Tick,
    pub(crate) grants: Pair<Option<Part<GrantRow>>>,
    pub(crate) row: Part<MemberRow>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) target: Target,
    pub(crate) evidence: Evidence,
    /// The workers under way, in an order that means nothing.
    pub(crate) runs: Vec<Part<Pending>>,
    /// What the sweep that is under way still has to look at.
    pub(crate) to_sweep: Pair<bool>,
    /// Records of the table's stream that have not come yet: one for each thing that a person did to a grant.
    pub(crate) hints: Pair<bool>,
    /// Faults left.
    pub(crate) faults: u8,
    /// Extensions left.
    pub(crate) extensions: u8,
    /// Early ends left.
    pub(crate) orders: u8,
    /// From when on no earlier fault, and no earlier end by a person, is an excuse (invariant I2).
    pub(crate) settled_at: Tick,
    /// What was broken. Nothing happens after that.
    pub(crate) broken: Option<Invariant>,
}

impl State {
    pub(crate) fn breaks(&mut self, invariant: Invariant) {
        self.broken = self.broken.or(Some(invariant));
    }

    fn disturbed(&mut self, ticks: Tick) {
        self.settled_at = self.settled_at.max(self.now.saturating_add(ticks));
    }

    /// Spends a fault. False when none is left.
    pub(crate) fn spend(&mut self, fault: Option<Fault>) -> bool {
        let Some(left) = self.faults.checked_sub(1) else {
            return false;
        };
        self.faults = left;
        let lies = matches!(
            fault,
            Some(Fault::Lie | Fault::Late | Fault::LateAnswerLost | Fault::Stale)
        );
        self.disturbed(if lies { LIE_FOUND_OUT } else { LEASE_AND_SWEEP });
        true
    }

    pub(crate) fn is_due(&self, which: Which) -> bool {
        self.grants
            .get(which)
            .as_ref()
            .is_some_and(|row| row.get().is_due(self.now))
    }

    /// Time passes.
    pub(crate) fn tick<R: Variant>(&mut self) {
        self.now = self.now.saturating_add(1);
        self.target.tick();
        self.evidence.tick(self.now);
        if self.settled_at <= self.now {
            self.settled_at = 0;
        }
        let now = self.now;
        self.hints = Pair::default();
        self.schedules.retain(|one| one.at.saturating_add(FIRES_WITHIN) > now);
        self.change_row(|row| tidy_membership(&mut row.membership, now));
        for run in &mut self.runs {
            // What it decided was decided at another time.
            let mut next = run.get().run.clone();
            next.tidy(now);
            *run = Part::new(Pending::new::<R>(next, now));
        }
        if !R::SERVICES.never_sweeps && self.now.is_multiple_of(SWEEP_TICKS) {
            for which in Which::BOTH {
                *self.to_sweep.get_mut(which) |= self.is_due(which);
            }
        }
    }

    /// A person approves.
    pub(crate) fn approve<R: Variant>(&mut self, template: &Grant, which: Which, expires: Tick) {
        let row = GrantRow::approved(template, which, self.now, expires);
        *self.hints.get_mut(which) = true;
        self.change_row(|member| member.hold(&row.grant));
        self.outdate_holds::<R>();
        *self.grants.get_mut(which) = Some(Part::new(row));
    }

    /// A person's approval extends a grant by `seconds`: what `app::approvals` stores, in one transaction that checks
    /// that nobody has ordered the grant to end.
    pub(crate) fn extend<R: Variant>(&mut self, which: Which, seconds: u32) -> Option<()> {
        self.extensions = self.extensions.checked_sub(1)?;
        let row = self.grants.get(which).as_ref()?.get().clone();
        if row.order.is_some() {
            return None;
        }
        let duration = AccessDuration::from_seconds(seconds)?;
        let mut grant = grants::extended::<R>(&row.grant, row.grant.request, duration, at(self.now)).ok()?;
        if !row.grant.status.is_live() {
            self.breaks(Invariant::I8);
        }
        tidy_grant(&mut grant);
        let (id, expires_at) = (grant.id, grant.expires_at);
        self.change_row(|member| {
            member.holds = member.holds.clone().extended(id, expires_at);
            member.holds_version = CURRENT;
        });
        *self.grants.get_mut(which) = Some(Part::new(GrantRow { grant, ..row }));
        *self.hints.get_mut(which) = true;
        self.outdate_grant::<R>(which);
        self.outdate_holds::<R>();
        Some(())
    }

    /// A person orders the grant to end.
    pub(crate) fn order(&mut self, which: Which) -> Option<()> {
        self.orders = self.orders.checked_sub(1)?;
        let row = self.grants.get(which).as_ref()?.get();
        if !row.grant.status.is_live() {
            return None;
        }
        let row = GrantRow {
            order: Some(EndReason::Revoked),
            order_due: true,
            ..row.clone()
        };
        *self.grants.get_mut(which) = Some(Part::new(row));
        *self.hints.get_mut(which) = true;
        self.disturbed(LEASE_AND_SWEEP);
        Some(())
    }

    fn change_row(&mut self, change: impl FnOnce(&mut MemberRow)) {
        let mut row = self.row.get().clone();
        change(&mut row);
        self.row = Part::new(row);
    }

    fn change_runs<R: Variant>(&mut self, change: impl Fn(&mut Run)) {
        for run in &mut self.runs {
            let mut next = run.get().run.clone();
            change(&mut next);
            if next != run.get().run {
                *run = Part::new(Pending::new::<R>(next, self.now));
            }
        }
    }

    fn outdate_holds<R: Variant>(&mut self) {
        self.change_runs::<R>(Run::outdate_holds);
    }

    /// Somebody stores a grant: whoever knows it knows an old one now.
    fn outdate_grant<R: Variant>(&mut self, which: Which) {
        self.change_runs::<R>(|run| {
            if run.which == which {
                run.outdate_grant();
            }
        });
    }

    /// A worker begins: it reads the grant and its order. `None` when that is all it would do.
    pub(crate) fn start<R: Variant>(&mut self, which: Which, by_sweep: bool, believed: bool) -> Option<()> {
        let row = self.grants.get(which).as_ref()?.get();
        let order = row.order.or(believed.then_some(EndReason::Expired));
        let worker = grants::Worker::new(row.grant.clone(), CURRENT, order);
        self.go_on::<R>(Run::new(which, by_sweep, worker))
    }

    /// Puts a run back among those under way, unless it has nothing more to do. `None` in that case.
    fn go_on<R: Variant>(&mut self, mut run: Run) -> Option<()> {
        run.tidy(self.now);
        let pending = Pending::new::<R>(run, self.now);
        if pending.decided.1 == Effect::Finish {
            self.finish(&pending.run);
            self.normalise::<R>();
            return None;
        }
        self.runs.push(Part::new(pending));
        self.normalise::<R>();
        Some(())
    }

    /// A run is over: the sweep forgets the promise by which it was started.
    fn finish(&mut self, run: &Run) {
        if run.by_sweep
            && run.grant.order.is_some()
            && let Some(row) = self.grants.get(run.which)
            && row.get().order_due
        {
            let row = GrantRow {
                order_due: false,
                ..row.get().clone()
            };
            *self.grants.get_mut(run.which) = Some(Part::new(row));
        }
    }

    /// Makes one state of those that differ in nothing that matters.
    pub(crate) fn normalise<R: Variant>(&mut self) {
        let live: Vec<WorkerId> = self
            .runs
            .iter()
            .filter_map(|run| run.get().run.member().map(|m| m.id))
            .collect();
        let gone = |membership: &Membership| {
            let owner = membership.lease.as_ref().map(|lease| lease.worker);
            owner.filter(|owner| *owner != DEAD && !live.contains(owner))
        };
        let in_row = gone(&self.row.get().membership);
        let in_runs: Vec<WorkerId> = self
            .runs
            .iter()
            .filter_map(|run| run.get().run.member().and_then(|m| gone(&m.snapshot.membership)))
            .collect();
        if let Some(owner) = in_row {
            self.change_row(|row| bury(&mut row.membership, owner));
        }
        for owner in in_runs {
            self.change_runs::<R>(|run| run.bury(owner));
        }
        self.runs.sort_by_key(Part::rank);
        self.schedules.sort_unstable();
    }

    /// A worker dies.
    pub(crate) fn crash<R: Variant>(&mut self, worker: usize) {
        self.runs.remove(worker);
        self.normalise::<R>();
    }

    /// Whether what a worker does next touches nothing that anybody else could see or change. It can then be done before
    /// all else: every other order leads to the same states.
    pub(crate) fn is_private(&self, pending: &Pending) -> bool {
        match pending.decided.1 {
            Effect::Verify => true,
            // A schedule that fires for an ended grant does nothing but go.
            Effect::DeleteSchedule(_) => {
                let row = self.grants.get(pending.run.which).as_ref();
                row.is_some_and(|row| row.get().grant.status == GrantStatus::Ended)
            }
            _ => false,
        }
    }

    /// A worker does what it decided, and what happened is what it is told next.
    pub(crate) fn perform<R: Variant>(&mut self, worker: usize, decided: &(Run, Effect), fault: Option<Fault>) {
        let (mut run, effect) = decided.clone();
        self.runs.remove(worker);
        match effect {
            Effect::Verify => {
                run.tell_grant(match fault {
                    None => grants::Input::Verified,
                    Some(Fault::Refused) => grants::Input::NotVerified(String::new()),
                    Some(_) => grants::Input::VerifyFailed(String::new()),
                });
                if fault.is_none()
                    && let Some(row) = self.grants.get(run.which)
                {
                    let verified = GrantRow {
                        verified: true,
                        ..row.get().clone()
                    };
                    *self.grants.get_mut(run.which) = Some(Part::new(verified));
                }
            }
            Effect::CreateSchedule { name, at } => self.create_schedule::<R>(&mut run, &name, tick_of(at), fault),
            Effect::DeleteSchedule(name) => {
                if fault.is_none() {
                    let which = run.which;
                    self.schedules.retain(|one| one.which != which || one.n != name.n);
                    self.watch_timer(which);
                }
                run.tell_grant(grants::Input::ScheduleDeleted);
            }
            Effect::Commit(change) => self.commit::<R>(&mut run, &change, fault),
            Effect::Read => {
                let taken: Vec<WorkerId> = self
                    .runs
                    .iter()
                    .filter_map(|run| run.get().run.member().map(|m| m.id))
                    .collect();
                let own = if run.which == Which::First { 1 } else { 2 };
                let mut ids = std::iter::once(own).chain(3..).map(worker_id);
                let id = ids.find(|id| !taken.contains(id)).unwrap_or(DEAD);
                let mut snapshot = self.row.get().snapshot();
                if fault == Some(Fault::OldRow)
                    && let Some(before) = &self.row.get().before
                {
                    snapshot.membership = (**before).clone();
                }
                run.converge::<R>(id, snapshot);
            }
            Effect::Store(membership) => self.store::<R>(&mut run, *membership, fault),
            Effect::Inspect => self.inspect(&mut run, fault),
            Effect::Add { until } => self.add(&mut run, tick_of(until), fault),
            Effect::Remove => self.remove(&mut run, fault),
            Effect::Finish => {}
            Effect::NotModelled => self.breaks(Invariant::Model),
        }
        let _over = self.go_on::<R>(run);
    }

    /// Invariant I1: whoever has access has a timer that ends it. That it fires late or never is another matter.
    fn watch_timer(&mut self, which: Which) {
        let Some(row) = self.grants.get(which) else { return };
        let grant = &row.get().grant;
        let runs_on = grant.status.is_live() && grant.expires_at > at(self.now);
        if runs_on && !self.has_timer(which, tick_of(grant.expires_at)) {
            self.breaks(Invariant::I1);
        }
    }

    fn has_timer(&self, which: Which, fires_at: Tick) -> bool {
        self.schedules
            .iter()
            .any(|one| one.which == which && one.at == fires_at)
    }

    fn create_schedule<R: Variant>(&mut self, run: &mut Run, name: &ScheduleName, at: Tick, fault: Option<Fault>) {
        let which = run.which;
        let existing = self.schedules.iter().find(|one| one.which == which && one.n == name.n);
        // The port's contract: once more with the same time is a success, with another time an error.
        let same = existing.is_none_or(|one| one.at == at || R::SERVICES.any_schedule_will_do);
        if same && existing.is_none() && fault != Some(Fault::NotDone) {
            self.schedules.push(Schedule { which, n: name.n, at });
        }
        run.tell_grant(if same && fault.is_none() {
            grants::Input::Scheduled
        } else {
            grants::Input::ScheduleFailed(String::new())
        });
    }

    fn commit<R: Variant>(&mut self, run: &mut Run, change: &grants::Change, fault: Option<Fault>) {
        let which = run.which;
        let Some(before) = self.grants.get(which).as_ref().map(|row| row.get().clone()) else {
            return;
        };
        let current = run.grant.version == CURRENT || R::SERVICES.grant_unconditional;
        let stored = current && fault != Some(Fault::NotDone);
        if stored {
            let mut grant = change.grant.clone();
            tidy_grant(&mut grant);
            self.watch_commit(&before, &grant);
            let (id, holds) = (grant.id, change.holds);
            *self.grants.get_mut(which) = Some(Part::new(GrantRow { grant, ..before }));
            let mut changed = false;
            self.change_row(|row| changed = row.change_holds(id, holds));
            self.outdate_grant::<R>(which);
            if changed {
                self.outdate_holds::<R>();
            }
        }
        if stored && fault.is_none() {
            return run.tell_grant(grants::Input::Committed);
        }
        if let Some(fresh) = self.grants.get(which) {
            let fresh = fresh.get();
            run.tell_grant(grants::Input::Conflict {
                grant: Box::new(fresh.grant.clone()),
                version: CURRENT,
                order: fresh.order,
            });
        }
    }

    fn watch_commit(&mut self, before: &GrantRow, next: &Grant) {
        let rank = |status| match status {
            GrantStatus::Approved => 0,
            GrantStatus::Activating => 1,
            GrantStatus::Active => 2,
            GrantStatus::Ending => 3,
            _ => 4,
        };
        if rank(before.grant.status) >= 4 || rank(next.status) < rank(before.grant.status) {
            self.breaks(Invariant::I8);
        }
        let begins_to_end = before.grant.status.is_live() && !next.status.is_live();
        if begins_to_end && next.ended_because == Some(EndReason::Expired) && before.grant.expires_at > at(self.now) {
            self.breaks(Invariant::I8);
        }
        if next.status != GrantStatus::Ended {
            return;
        }
        let Some(status) = next.targets.first().map(|target| target.status) else {
            return;
        };
        let member = self.target.is_member();
        let standing = self.target.standing;
        let others = Which::BOTH.into_iter().any(|which| {
            which.id() != next.id
                && self
                    .grants
                    .get(which)
                    .as_ref()
                    .is_some_and(|row| row.get().grant.status != GrantStatus::Ended)
        });
        let true_word = match status {
            TargetStatus::Absent => !member || others,
            // A grant that ended before anybody looked knows of no standing member.
            TargetStatus::NotAdded => !member || others || standing,
            TargetStatus::KeptStanding => standing,
            TargetStatus::KeptByOtherGrant => others || !member || standing,
            TargetStatus::TargetGone => !member,
            _ => false,
        };
        if !true_word {
            self.breaks(Invariant::I4);
        }
    }

    fn store<R: Variant>(&mut self, run: &mut Run, mut next: Membership, fault: Option<Fault>) {
        let Some(worker) = run.member() else { return };
        let row = self.row.get();
        let same = worker.snapshot.version == row.version || R::SERVICES.membership_unconditional;
        let same_holds = worker.snapshot.holds_version == row.holds_version || R::SERVICES.holds_unchecked;
        let stored = same && same_holds && fault != Some(Fault::NotDone);
        if stored {
            tidy_membership(&mut next, self.now);
            let proves = next.presence == Presence::Absent && self.row.get().membership.presence != Presence::Absent;
            let was_present = matches!(self.row.get().membership.presence, Presence::Present { .. });
            if proves && !self.evidence.proves_absence(was_present) {
                self.breaks(Invariant::I4);
            }
            if next.presence == Presence::Absent {
                self.evidence = Evidence::default();
            }
            self.change_row(|row| {
                if R::SERVICES.reads_may_be_old {
                    row.before = Some(Box::new(row.membership.clone()));
                }
                row.membership = next;
                row.version = CURRENT;
            });
            self.change_runs::<R>(Run::outdate_membership);
        }
        run.tell_member(if stored && fault.is_none() {
            members::Input::Stored { version: CURRENT }
        } else {
            members::Input::Conflict(Box::new(self.row.get().snapshot()))
        });
    }

    fn inspect(&mut self, run: &mut Run, fault: Option<Fault>) {
        let found = if fault == Some(Fault::NotDone) {
            Inspection::Unknown(String::new())
        } else {
            self.target.inspect(fault == Some(Fault::Stale))
        };
        if found == Inspection::Absent {
            self.evidence.read_absent();
        }
        run.tell_member(members::Input::Inspected(found));
    }

    /// Whether the worker's last store, by its conditions, still is what is stored of the holds.
    fn knows_holds(&self, run: &Run) -> bool {
        run.member()
            .is_some_and(|worker| worker.snapshot.holds_version == self.row.get().holds_version)
    }

    /// Whether a live, verified grant that has its timer wants the member to be added.
    fn wants_member(&self) -> bool {
        let row = self.row.get();
        Which::BOTH.into_iter().any(|which| {
            let Some(grant) = self.grants.get(which).as_ref().map(Part::get) else {
                return false;
            };
            let expires_at = grant.grant.expires_at;
            let timed = self.has_timer(which, tick_of(expires_at));
            grant.verified
                && timed
                && grant.grant.status.is_live()
                && expires_at > at(self.now)
                && row.holds.state_of(which.id()) == Some(HoldState::Adding)
        })
    }

    fn add(&mut self, run: &mut Run, until: Tick, fault: Option<Fault>) {
        // A hold that went since the worker's last store has changed the holds' version; its grant's end then waits for
        // this worker's lease and removes what it added.
        if until <= self.now || (self.knows_holds(run) && !self.wants_member()) {
            self.breaks(Invariant::I1);
        }
        self.evidence.added(self.now);
        let unknown = Answer::Unknown(String::new());
        let refused = Answer::Refused(String::new());
        let answer = match fault {
            None | Some(Fault::AnswerLost) if self.target.gone => refused,
            None => {
                self.target.set(true);
                Answer::Done
            }
            Some(Fault::AnswerLost) => {
                self.target.set(true);
                unknown
            }
            Some(Fault::Late | Fault::LateAnswerLost) => {
                self.target.landing = true;
                if fault == Some(Fault::Late) {
                    Answer::Done
                } else {
                    unknown
                }
            }
            Some(Fault::Lie) => Answer::Done,
            Some(Fault::Refused) => refused,
            Some(_) => unknown,
        };
        run.tell_member(members::Input::Answered(answer));
    }

    fn remove(&mut self, run: &mut Run, fault: Option<Fault>) {
        // A hold that came since the worker's last store makes its next one fail: the member is then added again under
        // the same lease.
        if self.target.standing || (self.knows_holds(run) && self.row.get().is_held(self.now)) {
            self.breaks(Invariant::I3);
        }
        self.evidence.removed(self.now);
        if matches!(fault, None | Some(Fault::AnswerLost)) {
            self.target.set(false);
        }
        run.tell_member(members::Input::Answered(match fault {
            None | Some(Fault::Lie) => Answer::Done,
            Some(_) => Answer::Unknown(String::new()),
        }));
    }

    /// What can be seen to be broken in a state by itself.
    pub(crate) fn look(&mut self) {
        let ours = self.target.is_member() && !self.target.standing;
        if !ours {
            return;
        }
        if self.row.get().membership.presence == Presence::Absent {
            self.breaks(Invariant::I4);
        }
        let excused = Which::BOTH.into_iter().any(|which| {
            self.grants.get(which).as_ref().is_some_and(|row| {
                let row = row.get();
                let over_early =
                    row.order.is_some() || !matches!(row.grant.ended_because, None | Some(EndReason::Expired));
                !over_early && self.now < tick_of(row.grant.expires_at).saturating_add(LEASE_AND_SWEEP)
            })
        });
        if !excused && self.now >= self.settled_at {
            self.breaks(Invariant::I2);
        }
    }
}
