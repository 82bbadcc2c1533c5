//! Drivers: they perform what the state machines ask for, one effect a step, and watch the invariants meanwhile.

use hourglass_domain::Timestamp;
use hourglass_domain::grant::{EndReason, Grant, GrantStatus, TargetStatus};
use hourglass_domain::ids::GrantId;
use hourglass_domain::membership::{HoldState, Lease, Membership, MembershipKey, Presence};
use hourglass_domain::protocol::membership::{self, Answer, Inspection, Outcome, Snapshot, View};
use hourglass_domain::protocol::{
    CALL_SECONDS, LEASE_MARGIN_SECONDS, LEASE_SECONDS, LONGEST_RETRY_SECONDS, Rules, grant as grants,
};

use super::{World, keys_of};

/// What goes wrong with one effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    None,
    /// It happens and its answer is lost.
    AnswerLost,
    /// It does not happen, and nobody knows.
    NotDone,
    /// An add that lands this many seconds later, its answer lost; anything else as `AnswerLost`.
    Late(i64),
    /// The target wants this many seconds; anything else as `NotDone`.
    RetryAfter(i64),
    /// The write is not sent, and there is budget for it in this many seconds; anything else as `NotDone`.
    NoBudget(i64),
    /// The target or the evidence says no; anything else as `NotDone`.
    Refused,
    /// An add or a removal that the target works on for this many seconds; anything else as `NotDone`.
    Started(i64),
}

impl Fault {
    const fn happens(self) -> bool {
        matches!(self, Self::None | Self::AnswerLost | Self::Late(_))
    }
}

/// One worker at one membership.
#[derive(Debug)]
pub(crate) struct MemberRun {
    pub(crate) key: MembershipKey,
    pub(crate) worker: membership::Worker,
    pending: membership::Input,
    /// When the outside call began whose answer is pending.
    called_at: Option<Timestamp>,
    steps: u32,
}

impl MemberRun {
    pub(crate) fn new(world: &mut World, key: MembershipKey) -> Self {
        let snapshot = world.table.snapshot(&key);
        let id = world.worker_id();
        Self {
            key,
            worker: membership::Worker::new(id, snapshot, world.confirm_after),
            pending: membership::Input::Start,
            called_at: None,
            steps: 0,
        }
    }

    /// Hands the machine what happened, and performs what it asks for at once. The end of the run, when it is over.
    pub(crate) fn unit<R: Rules>(&mut self, world: &mut World, fault: Fault) -> Option<Outcome> {
        self.steps += 1;
        if self.steps > super::MOST_STEPS {
            world.violate("a membership worker does not end");
            return Some(Outcome::new(View::Removing, false, None, None));
        }
        let mut input = std::mem::replace(&mut self.pending, membership::Input::Start);
        // A call that takes too long is given up by its caller; what it did is then unknown.
        if let Some(since) = self.called_at.take()
            && world.now > since.plus_seconds(CALL_SECONDS)
        {
            world.reached.insert("call timed out");
            input = match input {
                membership::Input::Inspected(_) => {
                    membership::Input::Inspected(Inspection::Unknown("timed out".to_owned()))
                }
                _ => membership::Input::Answered(Answer::Unknown("timed out".to_owned())),
            };
        }
        let (worker, effect) = membership::step::<R>(self.worker.clone(), input, world.now);
        self.worker = worker;
        match effect {
            membership::Effect::Store { membership, action } => self.store(world, membership, action, fault),
            membership::Effect::Inspect => self.inspect(world, fault),
            membership::Effect::Add { until } => self.add(world, until, fault),
            membership::Effect::Remove => self.remove(world, fault),
            membership::Effect::Ask { handle } => self.ask(world, &handle, fault),
            membership::Effect::Finish(outcome) => {
                let lease = self.worker.snapshot.membership.lease.as_ref();
                if lease.is_some_and(|lease| lease.worker != self.worker.id && lease.until > world.now) {
                    world.reached.insert("busy");
                }
                world.say(format!(
                    "{} at {} finishes: {outcome:?}",
                    self.worker.id, self.key.target
                ));
                return Some(outcome);
            }
        }
        None
    }

    /// Runs to the end without faults.
    pub(crate) fn finish<R: Rules>(&mut self, world: &mut World) -> Outcome {
        loop {
            if let Some(outcome) = self.unit::<R>(world, Fault::None) {
                return outcome;
            }
        }
    }

    fn store(&mut self, world: &mut World, next: Membership, action: Option<&'static str>, fault: Fault) {
        let before = world.table.snapshot(&self.key);
        let version = fault
            .happens()
            .then(|| world.table.put_membership(&self.worker.snapshot, next.clone()))
            .flatten();
        world.say(format!(
            "{} stores {:?} ({fault:?}, {version:?})",
            self.worker.id, next.presence
        ));
        let changes = state(&before.membership.presence) != state(&next.presence);
        if version.is_some() && changes && action.is_none() {
            world.violate("I6: a change of state without its audit event");
        }
        if version.is_some() {
            watch_store(world, self, &before, &next);
        }
        if version.is_none() && fault == Fault::None {
            world.reached.insert("conflict");
        }
        self.pending = match (version, fault) {
            (Some(version), Fault::None) => membership::Input::Stored { version },
            _ => membership::Input::Conflict(Box::new(world.table.snapshot(&self.key))),
        };
    }

    fn inspect(&mut self, world: &mut World, fault: Fault) {
        self.watch_call(world, "inspection");
        let first_look = matches!(
            self.worker.snapshot.membership.presence,
            Presence::Present {
                missing_since: None,
                ..
            }
        );
        let lies = world.directory.lies && first_look && world.directory.is_member(&self.key, world.now);
        let found = if lies && fault == Fault::None {
            world.directory.lies = false;
            world.reached.insert("lying look");
            world.directory.reads += 1;
            Inspection::Absent
        } else if fault == Fault::None {
            let found = world.directory.inspect(&self.key, world.now);
            if (found == Inspection::Present) != world.directory.is_member(&self.key, world.now) {
                world.reached.insert("stale read");
            }
            found
        } else {
            Inspection::Unknown("no answer".to_owned())
        };
        world.say(format!("{} reads {}: {found:?}", self.worker.id, self.key.target));
        let now = world.now;
        let reads = &mut world.directory.evidence(&self.key).absent_reads;
        match found {
            Inspection::Absent => reads.push(now),
            Inspection::Present => reads.clear(),
            Inspection::TargetGone | Inspection::Unknown(_) => {}
        }
        self.called_at = Some(world.now);
        self.pending = membership::Input::Inspected(found);
    }

    fn add(&mut self, world: &mut World, until: Timestamp, fault: Fault) {
        self.watch_call(world, "add");
        let fault = world.directory.answer(&self.key, fault);
        if let Fault::NoBudget(seconds) = fault {
            return self.not_sent(world, seconds);
        }
        let now = world.now;
        let stored = world.table.snapshot(&self.key);
        if until <= now {
            world.violate("I1: an add after the end of its hold");
        }
        if stored.membership.presence != Presence::Adding {
            world.violate("an add without the intent stored");
        }
        let intended = stored.membership.last_add_at;
        if intended.is_none_or(|at| now.seconds_since(at) >= LEASE_SECONDS) {
            world.violate(format!("an add now, and the last one stored is of {intended:?}"));
        }
        // A hold that went since the intent was stored has changed the holds' version; its grant's end then waits for
        // this worker's lease and removes what it added.
        if stored.holds_version == self.worker.snapshot.holds_version && !has_timed_hold(world, &self.key) {
            world.violate("I1: an add without a live hold whose timer exists");
        }
        if stored.membership.operation.is_some_and(|operation| !operation.adds) {
            world.violate("an add while a removal is under way");
        }
        let evidence = world.directory.evidence(&self.key);
        evidence.last_add = Some(now);
        evidence.absent_reads.clear();
        reach_fault(world, fault, "add answer lost");
        let answer = match fault {
            Fault::None if world.directory.add(&self.key, now) => Answer::Done,
            Fault::None | Fault::Refused => Answer::Refused("the directory says no".to_owned()),
            Fault::AnswerLost => {
                world.directory.add(&self.key, now);
                Answer::Unknown("no answer".to_owned())
            }
            Fault::Late(seconds) => {
                world.directory.add_late(&self.key, now.plus_seconds(seconds));
                Answer::Unknown("no answer".to_owned())
            }
            Fault::Started(seconds) => self.start(world, true, seconds),
            Fault::NotDone | Fault::NoBudget(_) => Answer::Unknown("no answer".to_owned()),
            Fault::RetryAfter(seconds) => Answer::RetryAfter {
                seconds,
                why: "too many requests".to_owned(),
            },
        };
        world.say(format!(
            "{} adds at {} ({fault:?}): {answer:?}",
            self.worker.id, self.key.target
        ));
        self.called_at = Some(now);
        self.pending = membership::Input::Answered(answer);
    }

    fn remove(&mut self, world: &mut World, fault: Fault) {
        self.watch_call(world, "removal");
        let fault = world.directory.answer(&self.key, fault);
        if let Fault::NoBudget(seconds) = fault {
            return self.not_sent(world, seconds);
        }
        let now = world.now;
        if world.directory.standing.contains(&self.key) {
            world.violate("I3: a removal of a standing member");
        }
        let stored = world.table.snapshot(&self.key);
        // A hold that came since this worker's last store has changed the holds' version, and makes its next store
        // fail: the member is then added again under the same lease.
        if stored.holds_version == self.worker.snapshot.holds_version && stored.holds.kept_until(now).is_some() {
            world.violate("I3: a removal of a member that a live grant holds");
        }
        if stored.membership.operation.is_some_and(|operation| operation.adds) {
            world.violate("a removal while an add is under way");
        }
        reach_fault(world, fault, "removal answer lost");
        let answer = match fault {
            Fault::None => {
                world.directory.remove(&self.key, now);
                Answer::Done
            }
            Fault::AnswerLost | Fault::Late(_) => {
                world.directory.remove(&self.key, now);
                Answer::Unknown("no answer".to_owned())
            }
            Fault::Started(seconds) => self.start(world, false, seconds),
            Fault::NotDone | Fault::NoBudget(_) => Answer::Unknown("no answer".to_owned()),
            Fault::Refused => Answer::Refused("the directory says no".to_owned()),
            Fault::RetryAfter(seconds) => Answer::RetryAfter {
                seconds,
                why: "too many requests".to_owned(),
            },
        };
        let evidence = world.directory.evidence(&self.key);
        evidence.last_delete = Some(now);
        evidence.absent_reads.clear();
        world.say(format!(
            "{} removes at {} ({fault:?}): {answer:?}",
            self.worker.id, self.key.target
        ));
        self.called_at = Some(now);
        self.pending = membership::Input::Answered(answer);
    }

    fn not_sent(&mut self, world: &mut World, seconds: i64) {
        world.reached.insert("not sent");
        world.say(format!("{} may not write for {seconds} s", self.worker.id));
        self.called_at = None;
        self.pending = membership::Input::NotSent {
            look_again_at: world.now.plus_seconds(seconds),
        };
    }

    fn start(&self, world: &mut World, adds: bool, seconds: i64) -> Answer {
        let lands_at = world.now.plus_seconds(seconds);
        world.reached.insert("under way");
        Answer::Started {
            handle: world.directory.start(&self.key, adds, lands_at),
            look_again_at: world.now.plus_seconds(seconds / 2),
        }
    }

    fn ask(&mut self, world: &mut World, handle: &str, fault: Fault) {
        self.watch_call(world, "question");
        let now = world.now;
        let over = world.directory.is_over(handle, now);
        let answer = match fault {
            Fault::None if over => {
                world.reached.insert("operation over");
                Answer::Done
            }
            Fault::None => Answer::Started {
                handle: handle.to_owned(),
                look_again_at: now.plus_seconds(5),
            },
            _ => Answer::Unknown("no answer".to_owned()),
        };
        if over {
            // What it did happened some time before this.
            let evidence = world.directory.evidence(&self.key);
            evidence.absent_reads.clear();
        }
        world.say(format!("{} asks for {handle} ({fault:?}): {answer:?}", self.worker.id));
        self.called_at = Some(now);
        self.pending = membership::Input::Answered(answer);
    }

    /// No outside call without the lease, and none that cannot end in time.
    fn watch_call(&self, world: &mut World, what: &str) {
        let needed = world.now.plus_seconds(CALL_SECONDS + LEASE_MARGIN_SECONDS);
        let lease = world.table.snapshot(&self.key).membership.lease;
        if !lease.is_some_and(|lease| lease.worker == self.worker.id && lease.until >= needed) {
            world.violate(format!("an {what} without enough of a lease"));
        }
    }
}

fn reach_fault(world: &mut World, fault: Fault, lost: &'static str) {
    let name = match fault {
        Fault::AnswerLost | Fault::Late(_) => lost,
        Fault::RetryAfter(_) => "throttled",
        Fault::Refused => "refused",
        Fault::None | Fault::NotDone | Fault::NoBudget(_) | Fault::Started(_) => return,
    };
    world.reached.insert(name);
}

/// Whether a live hold may add: its grant is live, its timer exists.
fn has_timed_hold(world: &World, key: &MembershipKey) -> bool {
    let (holds, _) = &world.table.holds[key];
    holds.holds.iter().any(|hold| {
        hold.state == HoldState::Adding
            && hold.starts_at <= world.now
            && hold.expires_at > world.now
            && world.status(hold.grant).is_live()
            && (world.schedules.keys().any(|name| name.grant == hold.grant)
                || world.messages.iter().any(|(grant, _)| *grant == hold.grant))
    })
}

/// What of a presence is state: everything but when it was seen.
fn state(presence: &Presence) -> (std::mem::Discriminant<Presence>, bool, bool) {
    let (deleted, seen_absent) = match presence {
        Presence::Removing {
            deleted_at,
            seen_absent_at,
            ..
        } => (deleted_at.is_some(), seen_absent_at.is_some()),
        _ => (false, false),
    };
    (std::mem::discriminant(presence), deleted, seen_absent)
}

/// What may be stored over what.
fn watch_store(world: &mut World, run: &MemberRun, before: &Snapshot, next: &Membership) {
    let now = world.now;
    let old = &before.membership;
    if old
        .lease
        .as_ref()
        .is_some_and(|lease| lease.worker != run.worker.id && lease.until > now)
    {
        world.violate("a store under another worker's lease");
    }
    let was_removing = matches!(old.presence, Presence::Removing { .. });
    if was_removing && next.presence == Presence::Adding {
        world.reached.insert("re-added during removal");
    }
    let other = |lease: &Lease| lease.worker != run.worker.id;
    if old.lease.as_ref().is_some_and(other) && next.lease.is_some() {
        world.reached.insert("taken over");
    }
    world.reached.insert(match next.presence {
        Presence::Absent => "absent",
        Presence::Standing { .. } => "standing",
        Presence::Adding => "adding",
        Presence::Present { .. } => "present",
        Presence::Removing { .. } => "removing",
        Presence::Gone => "gone",
    });
    let standing = world.directory.standing.contains(&run.key);
    if next.presence == Presence::Adding {
        if standing {
            world.violate("I3: a standing member is taken for ours");
        }
        let intended = old.presence != Presence::Adding || old.last_add_at != next.last_add_at;
        if intended && !has_timed_hold(world, &run.key) {
            world.violate("I1: an add is intended without a live hold whose timer exists");
        }
    }
    let decided = next.presence != old.presence;
    if next.lost_at.is_some() && next.lost_at != old.lost_at {
        watch_loss(world, run, next);
    } else if next.presence == Presence::Absent && old.presence != Presence::Absent {
        watch_proof(world, run);
    }
    watch_promise(world, old, next);
    if decided && matches!(next.presence, Presence::Standing { .. }) && !standing {
        world.violate("our own member is taken for a standing one");
    }
    let removing = |presence: &Presence| matches!(presence, Presence::Removing { .. });
    if removing(&next.presence) && !removing(&old.presence) && before.holds.kept_until(now).is_some() {
        world.violate("I3: a removal begins while a live grant holds the membership");
    }
}

/// What is over is looked at again, and a removal behind which no grant stands has a promise of its own.
fn watch_promise(world: &mut World, old: &Membership, next: &Membership) {
    if matches!(old.presence, Presence::Absent) && matches!(next.presence, Presence::Removing { .. }) {
        world.reached.insert("reappeared");
    }
    if old.presence == Presence::Gone && matches!(next.presence, Presence::Removing { .. }) {
        world.reached.insert("target back");
    }
    let over = |presence: &Presence| matches!(presence, Presence::Absent | Presence::Gone);
    let now_over = over(&next.presence) && !over(&old.presence);
    let ownerless = matches!(next.presence, Presence::Removing { .. }) && over(&old.presence);
    let latest = if now_over {
        (86_400, "what is over is not looked at again")
    } else if ownerless || (old.watch.is_some() && matches!(next.presence, Presence::Removing { .. })) {
        (
            LONGEST_RETRY_SECONDS.max(world.confirm_after),
            "I9: nobody comes back for a removal that no grant stands behind",
        )
    } else {
        return;
    };
    let promised = next
        .watch
        .is_some_and(|watch| watch.next <= world.now.plus_seconds(latest.0));
    if !promised {
        world.violate(latest.1);
    }
}

/// Invariant I4 for a member whom grants hold: two looks, far enough apart, and in truth nobody there.
fn watch_loss(world: &mut World, run: &MemberRun, next: &Membership) {
    let confirm_after = world.confirm_after;
    // Somebody who puts it back between a look and its store is found by the next look.
    if world.directory.is_member(&run.key, world.now) && !world.directory.put_back.contains(&run.key) {
        world.violate("I4: a member is said to be lost who is there");
    }
    if next.presence != Presence::Absent {
        world.reached.insert("target lost");
        return;
    }
    world.reached.insert("removed outside");
    let evidence = world.directory.evidence(&run.key).clone();
    let reads = &evidence.absent_reads;
    let (Some(last), true) = (reads.last(), reads.len() >= 2) else {
        return world.violate("I4: a single look proves a loss");
    };
    let first = reads.first().copied().max(evidence.last_add);
    if first.is_some_and(|first| last.seconds_since(first) < confirm_after) {
        world.violate(format!("I4: a loss after the looks {reads:?}"));
    }
}

/// Invariant I4: two reads, the second late enough, and in truth nobody there.
fn watch_proof(world: &mut World, run: &MemberRun) {
    let confirm_after = world.confirm_after;
    let member = world.directory.is_member(&run.key, world.now);
    let evidence = world.directory.evidence(&run.key).clone();
    let changed = evidence.last_add.max(evidence.last_delete);
    let (Some(deleted), Some(changed)) = (evidence.last_delete, changed) else {
        return world.violate("I4: absent without a removal");
    };
    let late_enough = |read: &Timestamp| *read >= changed.plus_seconds(confirm_after);
    if evidence.absent_reads.len() < 2 || !evidence.absent_reads.last().is_some_and(late_enough) {
        world.violate(format!(
            "I4: absent after the reads {:?} and the removal at {deleted}",
            evidence.absent_reads
        ));
    }
    // Somebody who puts it back between the read and its store is found by the next look.
    if member && !world.directory.put_back.contains(&run.key) {
        world.violate("I4: absent is stored and the member is there");
    }
}

/// A worker of either kind.
#[derive(Debug)]
pub(crate) enum Run {
    Grant(Box<GrantRun>),
    /// Converges one membership by itself, as a sweep over memberships does.
    Member(Box<MemberRun>),
}

impl Run {
    /// One step; true when the run is over.
    pub(crate) fn unit<R: Rules>(&mut self, world: &mut World, fault: Fault) -> bool {
        match self {
            Self::Grant(run) => run.unit::<R>(world, fault),
            Self::Member(run) => run.unit::<R>(world, fault).is_some(),
        }
    }
}

#[derive(Debug)]
enum Pending {
    Input(grants::Input),
    Converging(Vec<(MemberRun, Option<Outcome>)>),
}

/// One worker at one grant.
#[derive(Debug)]
pub(crate) struct GrantRun {
    pub(crate) worker: grants::Worker,
    pending: Pending,
    steps: u32,
}

impl GrantRun {
    pub(crate) const fn new(worker: grants::Worker) -> Self {
        Self {
            worker,
            pending: Pending::Input(grants::Input::Start),
            steps: 0,
        }
    }

    pub(crate) const fn grant(&self) -> GrantId {
        self.worker.grant.id
    }

    /// One step; true when the run is over.
    pub(crate) fn unit<R: Rules>(&mut self, world: &mut World, fault: Fault) -> bool {
        self.steps += 1;
        if self.steps > 4 * super::MOST_STEPS {
            world.violate("a grant worker does not end");
            return true;
        }
        if let Pending::Converging(members) = &mut self.pending {
            if let Some((run, outcome)) = members.iter_mut().find(|(_, outcome)| outcome.is_none()) {
                *outcome = run.unit::<R>(world, fault);
                return false;
            }
            let outcomes = members.iter().filter_map(|(_, outcome)| outcome.clone()).collect();
            self.pending = Pending::Input(grants::Input::Converged(outcomes));
        }
        let Pending::Input(input) = std::mem::replace(&mut self.pending, Pending::Input(grants::Input::Start)) else {
            return true;
        };
        let (worker, effect) = grants::step::<R>(self.worker.clone(), input, world.now);
        self.worker = worker;
        world.say(format!("{} does {}", self.grant(), short(&effect)));
        let input = match effect {
            grants::Effect::Verify => match fault {
                Fault::None => grants::Input::Verified,
                Fault::Refused => grants::Input::NotVerified("the evidence does not verify".to_owned()),
                _ => grants::Input::VerifyFailed("no answer".to_owned()),
            },
            grants::Effect::CreateSchedule { name, at } => {
                if at <= world.now {
                    world.violate("a schedule for a time that is past");
                }
                if fault.happens() {
                    world.schedules.insert(name, at);
                }
                if fault == Fault::None {
                    grants::Input::Scheduled
                } else {
                    grants::Input::ScheduleFailed("no answer".to_owned())
                }
            }
            grants::Effect::SendMessage { seconds } => {
                if fault.happens() {
                    let at = world.now.plus_seconds(i64::from(seconds));
                    world.messages.push((self.grant(), at));
                }
                if fault == Fault::None {
                    grants::Input::Scheduled
                } else {
                    grants::Input::ScheduleFailed("no answer".to_owned())
                }
            }
            grants::Effect::Commit(change) => self.commit(world, &change, fault),
            grants::Effect::Converge => {
                let keys = keys_of(&self.worker.grant);
                let members = keys.into_iter().map(|key| (MemberRun::new(world, key), None));
                self.pending = Pending::Converging(members.collect());
                return false;
            }
            grants::Effect::DeleteSchedule(name) => {
                if fault.happens() {
                    world.schedules.remove(&name);
                }
                grants::Input::ScheduleDeleted
            }
            grants::Effect::Finish => return true,
        };
        self.pending = Pending::Input(input);
        false
    }

    fn commit(&self, world: &mut World, change: &grants::Change, fault: Fault) -> grants::Input {
        let before = world.table.grants[&self.grant()].0.clone();
        let happened = fault.happens() && world.table.commit(self.worker.version, change);
        if happened {
            watch_commit(world, &before, change);
        } else {
            world.say("  not stored");
        }
        if happened && fault == Fault::None {
            return grants::Input::Committed;
        }
        let (grant, version) = world.table.grants[&self.grant()].clone();
        grants::Input::Conflict {
            grant: Box::new(grant),
            version,
            order: world.table.orders.get(&self.grant()).copied(),
        }
    }
}

fn short(effect: &grants::Effect) -> String {
    match effect {
        grants::Effect::Commit(change) => format!(
            "commit {:?} {:?} {:?} {:?}",
            change.grant.status, change.grant.ended_because, change.holds, change.action
        ),
        other => format!("{other:?}"),
    }
}

const fn rank(status: GrantStatus) -> u8 {
    match status {
        GrantStatus::Approved => 0,
        GrantStatus::Activating => 1,
        GrantStatus::Active => 2,
        GrantStatus::Ending => 3,
        GrantStatus::Ended | GrantStatus::ClosedByHand => 4,
    }
}

/// What may be committed over what.
fn watch_commit(world: &mut World, before: &Grant, change: &grants::Change) {
    let grant = &change.grant;
    if before.status == GrantStatus::Ended || rank(grant.status) < rank(before.status) {
        world.violate(format!("I8: from {:?} to {:?}", before.status, grant.status));
    }
    let states = |grant: &Grant| -> Vec<_> { grant.targets.iter().map(|target| target.status).collect() };
    let changed = before.status != grant.status || states(before) != states(grant);
    if changed && change.action.is_none() {
        world.violate("I6: a change of state without its audit event");
    }
    let latest_retry = world.now.plus_seconds(LONGEST_RETRY_SECONDS.max(world.confirm_after));
    let soonest = grant.due.iter().map(|entry| entry.at).min();
    let promised = match grant.status {
        GrantStatus::Ended => soonest.is_none(),
        GrantStatus::Active
            if grant
                .targets
                .iter()
                .all(|target| target.status == TargetStatus::Present) =>
        {
            let look = world.now.plus_seconds(membership::LOOK_MINUTES * 60);
            let standing = |key: &MembershipKey| world.directory.standing.contains(key);
            let looked_at = !keys_of(grant).iter().all(standing);
            soonest.is_some_and(|at| at <= grant.expires_at && (at <= look || !looked_at))
        }
        _ => soonest.is_some_and(|at| at <= latest_retry),
    };
    if !promised {
        world.violate(format!("I9: {:?} promises {:?}", grant.status, grant.due));
    }
    if grant.status.is_live() && !grant.due.iter().any(|entry| entry.at == grant.expires_at) {
        world.violate("a live grant without a promise of its end");
    }
    for (target, key) in grant.targets.iter().zip(keys_of(grant)) {
        if target.status == TargetStatus::Present {
            world.shown_present.insert((grant.id, key));
        }
    }
    if grant.status == GrantStatus::Ended {
        watch_end(world, grant);
    }
}

/// What an ended grant may say of its targets.
fn watch_end(world: &mut World, grant: &Grant) {
    world.reached.insert(match grant.ended_because {
        Some(EndReason::Expired) => "expired",
        Some(EndReason::Revoked) => "revoked",
        Some(EndReason::Failed) => "failed",
        Some(EndReason::RemovedOutside) => "ended as removed outside",
        Some(EndReason::TargetGone) => "ended as target gone",
        _ => "ended otherwise",
    });
    let outside = &world.directory.removed_outside;
    if grant.ended_because == Some(EndReason::RemovedOutside) && !keys_of(grant).iter().any(|key| outside.contains(key))
    {
        world.violate(format!("{} ended although nobody removed a member", grant.id));
    }
    for (target, key) in grant.targets.iter().zip(keys_of(grant)) {
        let member = world.directory.is_member(&key, world.now);
        let standing = world.directory.standing.contains(&key);
        let others = world.table.grants.values().any(|(other, _)| {
            other.id != grant.id && other.status != GrantStatus::Ended && keys_of(other).contains(&key)
        });
        let put_back = world.directory.put_back.contains(&key);
        let was_present = world.shown_present.contains(&(grant.id, key.clone()));
        world.reached.insert(match target.status {
            TargetStatus::Absent => "ended absent",
            TargetStatus::KeptStanding => "ended standing",
            TargetStatus::KeptByOtherGrant => "ended kept by another",
            TargetStatus::TargetGone => "ended gone",
            TargetStatus::NotAdded => "ended before an add",
            _ => "not ended",
        });
        let true_word = match target.status {
            TargetStatus::Absent => !member || others || put_back,
            // Nobody looked: what is true of the target is not said.
            TargetStatus::NotAdded => !was_present,
            TargetStatus::KeptStanding => standing,
            TargetStatus::KeptByOtherGrant => others || !member || standing,
            TargetStatus::TargetGone => !member || put_back,
            _ => false,
        };
        if !true_word {
            world.violate(format!("{} ended with {} {:?}", grant.id, key.target, target.status));
        }
    }
}
