//! A small world in which the protocol runs: a versioned table, a directory with true members, schedules, a clock that
//! moves only when told, and drivers that perform what the two state machines ask for.
//!
//! The world watches while it is used. Whatever breaks an invariant is written down as a violation at the moment it
//! happens, so that one run of any history checks every rule.

mod directory;
mod history;
mod run;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::Timestamp;
use hourglass_domain::directory::Party;
use hourglass_domain::grant::{EndReason, Grant, GrantStatus, GrantTarget, ScheduleName};
use hourglass_domain::ids::{EntitlementId, GrantId, ObjectId, PersonId, RequestId, TenantId, UserId, WorkerId};
use hourglass_domain::membership::{Membership, MembershipKey};
use hourglass_domain::protocol::grant::{Worker, first_promises, message_due};
use hourglass_domain::protocol::{CONFIRM_AFTER_SECONDS, Rules};
use hourglass_domain::target::{Cloud, Target};
use uuid::Uuid;

pub(crate) use directory::Directory;
pub(crate) use history::{ops, play};
pub(crate) use run::{Fault, GrantRun, MemberRun, Run};
pub(crate) use table::Table;

/// Seconds between the last change and the read that proves absence.
pub(crate) const CONFIRM_AFTER: i64 = CONFIRM_AFTER_SECONDS;
/// When every history begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// The sweep's rhythm in seconds.
pub(crate) const SWEEP_SECONDS: i64 = 60;
/// How often the quiet end of a history looks around (seconds).
const QUIET_STEP_SECONDS: i64 = 5;
/// Steps of waking workers between two of those looks.
const WAKING_STEPS: usize = 3;
/// A run that takes more steps than this does not end.
pub(crate) const MOST_STEPS: u32 = 200;

/// What random histories have to meet, or they prove less than they seem to.
pub(crate) const EVERYTHING: [&str; 35] = [
    "absent",
    "standing",
    "adding",
    "present",
    "removing",
    "gone",
    "ended absent",
    "ended standing",
    "ended kept by another",
    "ended gone",
    "expired",
    "revoked",
    "failed",
    "busy",
    "taken over",
    "conflict",
    "call timed out",
    "late add landed",
    "stale read",
    "add answer lost",
    "removal answer lost",
    "throttled",
    "not sent",
    "refused",
    "re-added during removal",
    "ended before an add",
    "ended as removed outside",
    "ended as target gone",
    "removed outside",
    "target lost",
    "reappeared",
    "target back",
    "under way",
    "operation over",
    "lying look",
];

/// Everything outside the workers.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) table: Table,
    pub(crate) directory: Directory,
    pub(crate) schedules: BTreeMap<ScheduleName, Timestamp>,
    /// Delayed messages under way: which grant, and when they arrive.
    pub(crate) messages: Vec<(GrantId, Timestamp)>,
    /// Whether the grants that are approved from now on end at the second.
    pub(crate) exact: bool,
    /// What broke a rule.
    pub(crate) violations: Vec<String>,
    /// What happened, for people who read a failure.
    pub(crate) log: Vec<String>,
    /// Which grants ever said of which pair that the member is there.
    pub(crate) shown_present: BTreeSet<(GrantId, MembershipKey)>,
    /// Which states and faults were met.
    pub(crate) reached: BTreeSet<&'static str>,
    /// The seconds of proof.
    pub(crate) confirm_after: i64,
    next_id: u128,
}

pub(crate) const fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// The one account.
pub(crate) const fn account() -> ObjectId {
    ObjectId::new(id(0xACC0))
}

pub(crate) const fn target(n: u128) -> Target {
    Target::Entra {
        cloud: Cloud::Global,
        tenant: TenantId::new(id(0x7E)),
        group: ObjectId::new(id(0x6000 + n)),
    }
}

pub(crate) const fn key(n: u128) -> MembershipKey {
    MembershipKey {
        target: target(n),
        account: account(),
    }
}

pub(crate) fn keys_of(grant: &Grant) -> Vec<MembershipKey> {
    let account = grant.beneficiary.object_id;
    let key = |target: &GrantTarget| MembershipKey {
        target: target.target.clone(),
        account,
    };
    grant.targets.iter().map(key).collect()
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: START,
            table: Table::default(),
            directory: Directory::default(),
            schedules: BTreeMap::new(),
            messages: Vec::new(),
            exact: false,
            violations: Vec::new(),
            log: Vec::new(),
            shown_present: BTreeSet::new(),
            reached: BTreeSet::new(),
            confirm_after: CONFIRM_AFTER,
            next_id: 1,
        }
    }

    fn fresh(&mut self) -> Uuid {
        self.next_id += 1;
        id(self.next_id)
    }

    pub(crate) fn worker_id(&mut self) -> WorkerId {
        WorkerId::new(self.fresh())
    }

    pub(crate) fn say(&mut self, what: impl Into<String>) {
        let at = self.now.seconds_since(START);
        // Ids differ in their last digits only, and times in their last as well.
        let what = what
            .into()
            .replace("00000000-0000-0000-0000-0000000", "…")
            .replace("2027-01-15T", "");
        self.log.push(format!("{at:>6} s  {what}"));
    }

    pub(crate) fn violate(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(format!("VIOLATION {what}"));
        self.violations.push(what);
    }

    /// Fails with the whole history when a rule was broken.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(
            self.violations.is_empty(),
            "{:#?}\n{}",
            self.violations,
            self.log.join("\n")
        );
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.pass_millis(seconds * 1000);
    }

    pub(crate) fn pass_millis(&mut self, millis: i64) {
        let before = self.now;
        self.now = Timestamp::from_millis(self.now.millis() + millis);
        self.directory.slow_until(before, self.now);
        for key in self.directory.late_adds_until(self.now) {
            self.reached.insert("late add landed");
            self.say(format!("a late add lands at {}", key.target));
        }
    }

    /// Lets time pass until somebody has promised to look after the grant.
    pub(crate) fn pass_until_promised(&mut self, grant: GrantId) {
        let soonest = self.grant(grant).due.iter().map(|entry| entry.at).min();
        let wait = soonest.map_or(0, |at| at.millis() - self.now.millis());
        self.pass_millis(wait.max(0));
    }

    /// An approval for these targets, from `starts_in` seconds on, for `lasts` seconds.
    pub(crate) fn approve_later(&mut self, targets: &[u128], starts_in: i64, lasts: i64) -> GrantId {
        let grant_id = GrantId::new(self.fresh());
        let starts_at = self.now.plus_seconds(starts_in);
        let party = Party {
            user: UserId::new(id(1)),
            person: PersonId::new(id(1)),
            tenant: TenantId::new(id(0x7E)),
            object_id: account(),
            name: "Robin Doe".to_owned(),
        };
        let grant = Grant {
            id: grant_id,
            request: RequestId::new(id(2)),
            application: "contoso.example".parse().unwrap(),
            entitlement: EntitlementId::new(id(3)),
            entitlement_name: "Database operators".to_owned(),
            requester: party.clone(),
            beneficiary: party,
            status: GrantStatus::Approved,
            ended_because: None,
            approved_at: self.now,
            starts_at,
            expires_at: starts_at.plus_seconds(lasts),
            activation: hourglass_domain::request::Activation::Approved,
            exact: self.exact,
            targets: targets.iter().map(|n| GrantTarget::waiting(target(*n))).collect(),
            extensions: Vec::new(),
            next_schedule: 1,
            timed: 0,
            schedule: None,
            active_at: None,
            ending_at: None,
            ended_at: None,
            closed_by_hand_at: None,
            attempts: 0,
            failing_since: None,
            due: Vec::new(),
        };
        let grant = first_promises(grant, self.now);
        self.say(format!(
            "approved {grant_id} for {targets:?}, +{starts_in} s, {lasts} s"
        ));
        self.table.put_grant(grant);
        grant_id
    }

    /// An approval that starts at once.
    pub(crate) fn approve(&mut self, targets: &[u128], lasts: i64) -> GrantId {
        self.approve_later(targets, 0, lasts)
    }

    /// An order to end a grant; the first one counts.
    pub(crate) fn order(&mut self, grant: GrantId, because: EndReason) {
        self.say(format!("ordered to end: {grant}, {because:?}"));
        self.table.put_order(grant, because);
    }

    pub(crate) fn grant(&self, grant: GrantId) -> &Grant {
        &self.table.grants[&grant].0
    }

    pub(crate) fn status(&self, grant: GrantId) -> GrantStatus {
        self.grant(grant).status
    }

    /// A worker for a grant, as any trigger starts one.
    pub(crate) fn worker(&self, grant: GrantId) -> GrantRun {
        let (stored, version) = self.table.grants[&grant].clone();
        let order = self.table.orders.get(&grant).copied();
        GrantRun::new(Worker::new(stored, version, order))
    }

    /// Starts a worker for a grant and runs it to its end, without faults.
    pub(crate) fn trigger<R: Rules>(&mut self, grant: GrantId) {
        let run = self.worker(grant);
        self.finish::<R>(run);
    }

    /// Runs a worker to its end, without faults.
    pub(crate) fn finish<R: Rules>(&mut self, mut run: GrantRun) {
        while !run.unit::<R>(self, Fault::None) {}
    }

    /// Runs `units` steps of a fresh worker, then lets it die. True when it was still under way.
    pub(crate) fn trigger_and_die<R: Rules>(&mut self, grant: GrantId, units: usize) -> bool {
        let mut run = self.worker(grant);
        for _ in 0..units {
            if run.unit::<R>(self, Fault::None) {
                return false;
            }
        }
        self.say("the worker dies");
        true
    }

    /// The grants that the sweep finds due, oldest first.
    pub(crate) fn due_now(&self) -> Vec<GrantId> {
        let mut seen = BTreeSet::new();
        let entries = self.table.due.iter().filter(|entry| entry.at <= self.now);
        let due = entries.map(|entry| entry.id.parse().unwrap());
        due.chain(self.table.order_due.iter().copied())
            .filter(|grant| seen.insert(*grant))
            .collect()
    }

    /// Takes the schedules that fire now, each of which deletes itself, and the messages that arrive now. A trigger of an
    /// exact grant whose end is near sends a message instead.
    pub(crate) fn take_fired(&mut self) -> Vec<GrantId> {
        let now = self.now;
        let arrived = self.messages.extract_if(.., |(_, at)| *at <= now);
        let arrived: Vec<GrantId> = arrived.map(|(grant, _)| grant).collect();
        let fired: Vec<_> = self
            .schedules
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for name in &fired {
            self.schedules.remove(name);
        }
        let mut triggered = Vec::new();
        for grant in fired.into_iter().map(|name| name.grant).chain(arrived) {
            match message_due(self.grant(grant), now) {
                Some(seconds) => {
                    self.reached.insert("handed over to a message");
                    self.messages.push((grant, now.plus_seconds(i64::from(seconds))));
                }
                None => triggered.push(grant),
            }
        }
        triggered
    }

    /// One sweep without faults.
    pub(crate) fn sweep<R: Rules>(&mut self) {
        for grant in self.due_now() {
            self.trigger::<R>(grant);
            self.table.forget_spent_promises(grant, self.now);
        }
        for key in self.rechecks_due() {
            MemberRun::new(self, key).finish::<R>(self);
        }
    }

    /// The memberships whose own promise is due.
    pub(crate) fn rechecks_due(&self) -> Vec<MembershipKey> {
        let due = |membership: &Membership| membership.watch.is_some_and(|watch| watch.next <= self.now);
        let memberships = self.table.memberships.values();
        memberships
            .filter(|(membership, _)| due(membership))
            .map(|(membership, _)| membership.key.clone())
            .collect()
    }

    /// Workers that were left standing wake up, slowly and in turns, while sweeps and schedules go on.
    pub(crate) fn wake<R: Rules>(&mut self, mut leftover: Vec<Run>) {
        self.directory.lag = 0;
        let mut turn = 0_usize;
        while !leftover.is_empty() {
            let chosen = turn % leftover.len();
            if leftover[chosen].unit::<R>(self, Fault::None) {
                leftover.remove(chosen);
            }
            turn += 1;
            if turn.is_multiple_of(WAKING_STEPS) {
                self.quiet::<R>(QUIET_STEP_SECONDS);
            }
        }
    }

    /// `seconds` in which all goes well: schedules fire, and the sweep comes every minute.
    pub(crate) fn quiet<R: Rules>(&mut self, seconds: i64) {
        self.directory.lag = 0;
        let end = self.now.plus_seconds(seconds);
        let mut next_sweep = self.now;
        while self.now < end {
            for grant in self.take_fired() {
                self.trigger::<R>(grant);
            }
            if self.now >= next_sweep {
                self.sweep::<R>();
                next_sweep = self.now.plus_seconds(SWEEP_SECONDS);
            }
            self.pass(QUIET_STEP_SECONDS);
        }
    }

    /// As [`Self::quiet`], in steps of a sweep.
    pub(crate) fn quiet_for_long<R: Rules>(&mut self, seconds: i64) {
        self.directory.lag = 0;
        let end = self.now.plus_seconds(seconds);
        while self.now < end {
            for grant in self.take_fired() {
                self.trigger::<R>(grant);
            }
            self.sweep::<R>();
            self.pass(SWEEP_SECONDS);
        }
    }

    /// Whether a grant holds the membership that is live, or expired so lately that no trigger has come yet.
    fn held_by_live_grant(&self, key: &MembershipKey) -> bool {
        self.table.grants.values().any(|(grant, _)| {
            grant.status.is_live()
                && grant.starts_at <= self.now
                && grant.expires_at.plus_seconds(SWEEP_SECONDS + QUIET_STEP_SECONDS) > self.now
                && keys_of(grant).contains(key)
        })
    }

    /// Invariant I2 in its bounded form: nobody is a member through expired or ended grants alone.
    pub(crate) fn check_nothing_outlives_its_grants(&mut self) {
        for key in self.table.keys() {
            let member = self.directory.is_member(&key, self.now);
            let standing = self.directory.standing.contains(&key);
            // What somebody puts back after the end is found by the next look only.
            let put_back = self.directory.put_back.contains(&key);
            if member && !standing && !put_back && !self.held_by_live_grant(&key) {
                self.violate(format!("I2: {} still has the member", key.target));
            }
        }
    }

    /// Members are baselines and live grants: nobody who should be in is missing either.
    pub(crate) fn check_live_grants_give_access(&mut self, settled_for: i64) {
        let live: Vec<Grant> = self.table.grants.values().map(|(grant, _)| grant.clone()).collect();
        for grant in live {
            let settled = grant.starts_at.plus_seconds(settled_for) <= self.now;
            if !grant.status.is_live() || !settled || grant.expires_at <= self.now {
                continue;
            }
            for key in keys_of(&grant) {
                let gone = self.directory.is_gone(&key.target, self.now);
                // What was removed by hand is not put back, and found by the next look only.
                let outside = self.directory.removed_outside.contains(&key);
                if !gone && !outside && !self.directory.is_member(&key, self.now) {
                    self.violate(format!("{} is live and {} lacks the member", grant.id, key.target));
                }
            }
            if grant.status == GrantStatus::Approved {
                self.violate(format!("{} was never activated", grant.id));
            }
        }
    }

    /// After every end and enough sweeps: all is ended, proved and tidy, and members are the baselines.
    pub(crate) fn check_all_over(&mut self) {
        for (grant, _) in self.table.grants.clone().values() {
            if grant.status != GrantStatus::Ended {
                self.violate(format!("{} is not ended but {:?}", grant.id, grant.status));
            }
        }
        for key in self.table.keys() {
            let member = self.directory.is_member(&key, self.now);
            let gone = self.directory.is_gone(&key.target, self.now);
            let standing = self.directory.standing.contains(&key) && !gone;
            if member != standing {
                self.violate(format!("{}: member {member}, baseline {standing}", key.target));
            }
        }
        if let Some((key, _)) = self.table.holds.iter().find(|(_, (holds, _))| !holds.holds.is_empty()) {
            let what = format!("holds are left on {}", key.target);
            self.violate(what);
        }
        if !self.table.due.is_empty() {
            self.violate(format!("promises are left: {:?}", self.table.due));
        }
        if !self.schedules.is_empty() {
            self.violate(format!("schedules are left: {:?}", self.schedules));
        }
    }

    /// Invariant I8: whatever is over stays as it is, however often it is triggered.
    pub(crate) fn check_triggers_change_nothing<R: Rules>(&mut self) {
        self.sweep::<R>();
        let table = self.table.clone();
        let calls = self.directory.calls();
        let schedules = self.schedules.clone();
        for grant in table.grants.keys() {
            self.trigger::<R>(*grant);
            self.order(*grant, EndReason::Killed);
            self.trigger::<R>(*grant);
        }
        self.sweep::<R>();
        self.table.orders.clone_from(&table.orders);
        if self.table != table || self.directory.calls() != calls || self.schedules != schedules {
            self.violate("I8: a trigger changed something that was over");
        }
    }
}
