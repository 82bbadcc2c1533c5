//! Histories: what may happen in any order, and how a history is played to its end.

use hourglass_domain::grant::EndReason;
use hourglass_domain::ids::GrantId;
use hourglass_domain::membership::Presence;
use hourglass_domain::protocol::Rules;
use proptest::prelude::*;

use super::{Fault, MemberRun, Run, World, key, target};

/// Most workers at once.
const MOST_RUNS: usize = 6;
/// Most grants in one history.
const MOST_GRANTS: usize = 5;
/// Group whose member stands there before us.
pub(crate) const STANDING: u128 = 1;
/// Number of groups.
const GROUPS: u128 = 3;
/// Reads show a state that is at most this old (seconds), and late adds land at most this late: together less than the
/// time that proof waits.
const LONGEST_LAG: i64 = 30;
const LATEST_ADD: i64 = 25;
/// From when on (seconds after the last fault) no member may outlive its grants: a lease (45), the longest retry (60), a
/// sweep (60), and the schedule's and the clock's steps.
pub(crate) const SETTLED_SECONDS: i64 = 180;
/// A sweep, a proof, and another sweep later everything that ended is ended.
const ENDED_SECONDS: i64 = 300;
/// Within a day a target that came back is found.
const DAY_SECONDS: i64 = 86_400;
/// Within an hour and a half what came back is found; then a removal and its proof.
const WATCHED_MINUTES: i64 = 96;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Time passes (milliseconds).
    Wait(i64),
    /// A worker takes one step, and its effect meets this fault.
    Step(usize, Fault),
    /// A worker takes several steps without a fault.
    Run(usize, usize),
    /// A worker dies.
    Die(usize),
    /// A trigger for any grant: duplicated, late, early.
    Trigger(usize),
    /// A worker for one membership, by itself.
    Converge(u128),
    /// An approval: groups as bits, seconds to its start, seconds of access.
    Approve(u8, i64, i64),
    /// An order to end; whether its trigger arrives.
    Order(usize, bool),
    /// The sweep starts a worker for each due grant.
    Sweep,
    /// Schedules fire; whether their triggers arrive.
    Fire(bool),
    /// Reads lag by this many seconds from now on.
    Lag(i64),
    /// The last group is deleted for good.
    DeleteGroup,
    /// Time passes until members are looked at (milliseconds), and the sweep comes.
    WaitLong(i64),
    /// The next look does not find a member that is there.
    Lie,
    /// The last group is restored, with its members.
    RestoreGroup,
    /// Somebody removes a member of ours by hand.
    RemoveOutside(u128),
    /// Somebody puts a member of ours back by hand.
    PutBack(u128),
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        8 => Just(Fault::None),
        3 => Just(Fault::AnswerLost),
        2 => Just(Fault::NotDone),
        2 => (1..=LATEST_ADD).prop_map(Fault::Late),
        1 => (0..=86_400_i64, any::<bool>()).prop_map(|(seconds, sent)| {
            if sent { Fault::RetryAfter(seconds) } else { Fault::NoBudget(seconds) }
        }),
        1 => Just(Fault::Refused),
        2 => (5..=LATEST_ADD).prop_map(Fault::Started),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..20_000_i64).prop_map(Op::Wait),
        2 => (20_000..120_000_i64).prop_map(Op::Wait),
        12 => (any::<usize>(), faults()).prop_map(|(run, fault)| Op::Step(run, fault)),
        6 => (any::<usize>(), 1..12_usize).prop_map(|(run, steps)| Op::Run(run, steps)),
        2 => any::<usize>().prop_map(Op::Die),
        4 => any::<usize>().prop_map(Op::Trigger),
        2 => (0..GROUPS).prop_map(Op::Converge),
        3 => (1..8_u8, prop_oneof![3 => Just(0), 1 => 1..200_i64], prop_oneof![3 => 30..400_i64, 1 => 900..3_000_i64])
            .prop_map(|(groups, starts_in, lasts)| Op::Approve(groups, starts_in, lasts)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(grant, arrives)| Op::Order(grant, arrives)),
        3 => Just(Op::Sweep),
        2 => any::<bool>().prop_map(Op::Fire),
        1 => (0..=LONGEST_LAG).prop_map(Op::Lag),
        1 => (600_000..700_000_i64).prop_map(Op::WaitLong),
        1 => Just(Op::Lie),
        1 => (0..GROUPS).prop_map(Op::RemoveOutside),
        2 => (0..GROUPS).prop_map(Op::PutBack),
    ]
}

/// Any history. One in sixteen ends with the last group deleted in its course.
pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let first = (1..8_u8, 60..400_i64).prop_map(|(groups, lasts)| Op::Approve(groups, 0, lasts));
    let deletion = prop_oneof![2 => Just(None), 1 => (0..60_usize, 0..30_usize).prop_map(Some)];
    (first, proptest::collection::vec(op(), 1..90), deletion).prop_map(|(first, mut rest, deletion)| {
        if let Some((at, back)) = deletion {
            let at = at.min(rest.len());
            rest.insert(at, Op::DeleteGroup);
            rest.insert(at + 1, Op::WaitLong(600_000));
            if at + 2 + back < rest.len() {
                rest.insert(at + 2 + back, Op::RestoreGroup);
            }
        }
        rest.insert(0, first);
        rest
    })
}

struct History {
    world: World,
    runs: Vec<Run>,
    grants: Vec<GrantId>,
}

impl History {
    fn start(&mut self, grant: GrantId) {
        if self.runs.len() < MOST_RUNS {
            self.runs.push(Run::Grant(Box::new(self.world.worker(grant))));
        }
    }

    fn step<R: Rules>(&mut self, run: usize, fault: Fault) -> bool {
        if self.runs.is_empty() {
            return true;
        }
        let chosen = run % self.runs.len();
        let over = self.runs[chosen].unit::<R>(&mut self.world, fault);
        if over {
            self.runs.remove(chosen);
        }
        over
    }

    /// Whether what happens to the member by hand concerns us: it is not there before us, and what comes and goes while
    /// nobody looks after it is.
    fn is_ours(world: &World, group: u128) -> bool {
        let membership = world.table.snapshot(&key(group)).membership;
        let watched = membership.watch.is_some() || membership.presence != Presence::Absent;
        group != STANDING && watched && !matches!(membership.presence, Presence::Standing { .. })
    }

    fn happen<R: Rules>(&mut self, op: &Op) {
        match *op {
            Op::Wait(millis) => self.world.pass_millis(millis),
            Op::Step(run, fault) => {
                self.step::<R>(run, fault);
            }
            Op::Run(run, steps) => {
                for _ in 0..steps {
                    if self.step::<R>(run, Fault::None) {
                        break;
                    }
                }
            }
            Op::Die(run) => {
                if !self.runs.is_empty() {
                    self.runs.remove(run % self.runs.len());
                    self.world.say("a worker dies");
                }
            }
            Op::Trigger(grant) => {
                if !self.grants.is_empty() {
                    self.start(self.grants[grant % self.grants.len()]);
                }
            }
            Op::Converge(group) => {
                if self.runs.len() < MOST_RUNS && self.world.table.holds.contains_key(&key(group)) {
                    let run = MemberRun::new(&mut self.world, key(group));
                    self.runs.push(Run::Member(Box::new(run)));
                }
            }
            Op::Approve(groups, starts_in, lasts) => {
                if self.grants.len() < MOST_GRANTS {
                    let groups: Vec<u128> = (0..GROUPS).filter(|n| groups & (1 << n) != 0).collect();
                    self.world.exact = lasts % 2 == 1;
                    let grant = self.world.approve_later(&groups, starts_in, lasts);
                    self.grants.push(grant);
                    self.start(grant);
                }
            }
            Op::Order(grant, arrives) => {
                if !self.grants.is_empty() {
                    let grant = self.grants[grant % self.grants.len()];
                    self.world.order(grant, EndReason::Revoked);
                    if arrives {
                        self.start(grant);
                    }
                }
            }
            Op::Sweep => {
                for grant in self.world.due_now() {
                    self.start(grant);
                }
                for key in self.world.rechecks_due() {
                    if self.runs.len() < MOST_RUNS {
                        let run = MemberRun::new(&mut self.world, key);
                        self.runs.push(Run::Member(Box::new(run)));
                    }
                }
            }
            Op::Fire(arrives) => {
                for grant in self.world.take_fired() {
                    if arrives {
                        self.start(grant);
                    }
                }
            }
            Op::Lag(seconds) => self.world.directory.lag = seconds,
            Op::WaitLong(millis) => {
                self.world.pass_millis(millis);
                self.happen::<R>(&Op::Sweep);
            }
            Op::Lie => self.world.directory.lies = true,
            Op::DeleteGroup | Op::RestoreGroup | Op::RemoveOutside(_) | Op::PutBack(_) => self.happen_outside(op),
        }
    }

    /// What happens at the directory by hand.
    fn happen_outside(&mut self, op: &Op) {
        match *op {
            Op::RestoreGroup => {
                let now = self.world.now;
                self.world.say("the last group is restored");
                self.world.directory.set_gone(&target(GROUPS - 1), false, now);
            }
            Op::RemoveOutside(group) if Self::is_ours(&self.world, group) => {
                let now = self.world.now;
                self.world.say(format!("somebody removes the member of {group}"));
                self.world.directory.remove_outside(&key(group), now);
            }
            Op::PutBack(group) if Self::is_ours(&self.world, group) => {
                let now = self.world.now;
                self.world.say(format!("somebody puts the member of {group} back"));
                self.world.directory.put_back(&key(group), now);
            }
            Op::DeleteGroup => {
                let now = self.world.now;
                self.world.say("the last group is deleted");
                self.world.directory.set_gone(&target(GROUPS - 1), true, now);
            }
            _ => {}
        }
    }
}

/// Plays a history to its end: what happens, then a quiet time after which nothing may outlive its grants, then the end
/// of every grant.
pub(crate) fn play<R: Rules>(ops: &[Op]) -> World {
    let mut history = History {
        world: World::new(),
        runs: Vec::new(),
        grants: Vec::new(),
    };
    history.world.directory.with_standing(key(STANDING));
    for op in ops {
        history.happen::<R>(op);
    }
    let mut world = history.world;
    let grants = history.grants;
    world.say("no more faults");
    world.wake::<R>(history.runs);
    world.quiet::<R>(SETTLED_SECONDS);
    world.check_nothing_outlives_its_grants();
    world.check_live_grants_give_access(SETTLED_SECONDS);
    let last = grants.iter().map(|grant| world.grant(*grant).expires_at).max();
    let left = last.map_or(0, |last| last.seconds_since(world.now).max(0));
    world.quiet::<R>(left + ENDED_SECONDS);
    // Once all is over, whoever put members back in its course does so again.
    for op in ops {
        if let Op::PutBack(group) = *op
            && History::is_ours(&world, group)
        {
            let now = world.now;
            world.say(format!("somebody puts the member of {group} back"));
            world.directory.put_back(&key(group), now);
        }
    }
    world.quiet_for_long::<R>(WATCHED_MINUTES * 60);
    if ops.iter().any(|op| matches!(op, Op::DeleteGroup)) {
        world.say("the last group is restored for good");
        let now = world.now;
        world.directory.set_gone(&target(GROUPS - 1), false, now);
        world.pass(DAY_SECONDS);
        world.quiet_for_long::<R>(ENDED_SECONDS);
    }
    world.check_all_over();
    if world.violations.is_empty() {
        world.check_triggers_change_nothing::<R>();
    }
    world
}
