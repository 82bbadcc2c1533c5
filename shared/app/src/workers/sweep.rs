//! The sweep: every minute it takes what is due. Timers only make things punctual; this makes them happen.
//!
//! One run works at a time ([`super::single_flight`]). It reads the whole list page by page and goes on until its time
//! is up. What ends access comes first, oldest first, and of it last what failed the last time, so that an entry that
//! always fails delays nobody; then everything else, likewise.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use hourglass_domain::Timestamp;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::ids::{ApplicationId, GrantId};

use super::backlog::Backlog;
use super::drain::{self, Failing, Took};
use super::memberships_gone::{self, Progress};
use super::single_flight::Lease;
use super::{auth_context, by_hand, converge, drift, group_gone, kill, offboard, probes, timers};
use crate::emergencies;
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::store::{Condition, Write};
use crate::requests;

/// How many entries are worked on at a time.
const AT_A_TIME: usize = 16;
/// How long one entry may take: a target that hangs keeps one place busy, never the whole run.
const LONGEST_LOOK: Duration = Duration::from_secs(45);
/// How much longer (seconds) than the deadline an entry may take that was begun before it.
pub const GRACE_SECONDS: i64 = 8;
/// How late (seconds) an expiry has to be to count as overdue.
const OVERDUE_SECONDS: i64 = 90;
/// Most entries that are kept for later while what ends access is taken.
const MOST_HELD_BACK: usize = 10_000;
/// Shortest and longest wait before everything is looked at again because something waits for budget: what falls due
/// meanwhile waits as long.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Most such looks of one run.
const MOST_PASSES: u32 = 100;
/// Most failures that a run remembers for the next.
const MOST_FAILING: usize = 200;

/// What a run of the sweep did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Entries that were due.
    pub due: usize,
    /// Entries that failed and stay, and parts of the list that could not be read.
    pub failed: usize,
    /// Expiries that were more than 90 s late.
    pub overdue: usize,
    /// Whether the time was up before everything was taken.
    pub cut_short: bool,
    /// Entries whose tenant takes no more writes for now.
    pub waiting: usize,
    /// Whether another sweep was at work, so that this one did nothing.
    pub busy: bool,
}

/// Takes what is due until `deadline`, and comes back [`GRACE_SECONDS`] later at the latest.
///
/// A part of the list that cannot be read (an entry of a kind that a newer version made, say) keeps none of the others
/// from their turn.
///
/// # Errors
/// When no part of the list could be read, or the lease could not be asked for.
pub async fn sweep(workers: &Workers, deadline: Timestamp) -> Result<Swept> {
    let core = &workers.core;
    let now = core.clock.now();
    let mut backlog = Backlog::new(now);
    let first = backlog.next(core).await?;
    let mut swept = Swept::default();
    if first.is_empty() && backlog.is_read() {
        count_failures(backlog.unread);
        swept.failed = backlog.unread;
    } else if let Some(lease) = Lease::take(core).await? {
        swept = turns(lease, workers, deadline, (backlog, first)).await?;
    } else {
        tracing::info!("another sweep is at work");
        // One that lives: its lease is never older than a few seconds. What is late is told all the same.
        swept.busy = true;
        swept.overdue = first.iter().filter(|entry| is_overdue(entry, now)).count();
    }
    tell(&swept);
    if swept.busy {
        return Ok(swept);
    }
    // Without the lease: it takes long, and nobody's end waits for it. Its own store tolerates two.
    if let Some(comparison) = timers::due(core).await?
        && let Err(error) = timers::compare(workers, comparison, deadline).await
    {
        tracing::error!(%error, "the comparison with the scheduler failed");
        count_failures(1);
    }
    if core.clock.now() < deadline
        && let Err(error) = auth_context::refresh(workers).await
    {
        tracing::error!(%error, "what stands behind the authentication context could not be kept");
        count_failures(1);
    }
    Ok(swept)
}

/// Sweeps because a trigger found much to be due, unless a sweep is at work already. Says nothing to the alarms: they
/// watch whether the sweep's own rule works.
///
/// # Errors
/// As [`sweep`].
pub(super) async fn help(workers: &Workers, deadline: Timestamp) -> Result<Swept> {
    let core = &workers.core;
    let Some(lease) = Lease::take(core).await? else {
        return Ok(Swept {
            busy: true,
            ..Swept::default()
        });
    };
    let mut backlog = Backlog::new(core.clock.now());
    let first = match backlog.next(core).await {
        Ok(first) => first,
        Err(error) => {
            let failing = lease.failing.clone();
            lease.release(failing).await;
            return Err(error);
        }
    };
    turns(lease, workers, deadline, (backlog, first)).await
}

/// Sweeps, and once more when something was to end by the time the lease was back. Triggers leave their grants to a sweep
/// that is at work; one that came after its last look has nobody else.
async fn turns(
    mut lease: Lease<'_>,
    workers: &Workers,
    deadline: Timestamp,
    mut due: (Backlog, Vec<DueEntry>),
) -> Result<Swept> {
    let core = &workers.core;
    let mut done = Done {
        swept: Swept::default(),
        seen: due.0.now(),
        failing: BTreeSet::new(),
        memory: drain::Memory::default(),
    };
    loop {
        done = under(lease, workers, deadline, due, done).await?;
        let now = core.clock.now();
        if now >= deadline {
            break;
        }
        let mut backlog = Backlog::since(done.seen, now);
        let first = backlog.next(core).await?;
        if !first.iter().any(|entry| entry.kind.ends_access()) {
            break;
        }
        // Whoever has the lease by now has taken it after that, and looks for itself.
        let Some(again) = Lease::take(core).await? else { break };
        lease = again;
        due = (backlog, first);
    }
    Ok(done.swept)
}

/// Sweeps under a lease, and gives it back.
async fn under(
    lease: Lease<'_>,
    workers: &Workers,
    deadline: Timestamp,
    (backlog, first): (Backlog, Vec<DueEntry>),
    done: Done,
) -> Result<Done> {
    let mut run = Run {
        workers,
        lease: &lease,
        now: workers.core.clock.now(),
        deadline,
        done,
    };
    let worked = tokio::select! {
        biased;
        worked = run.passes(backlog, first) => worked,
        () = lease.keep() => Ok(()),
    };
    let done = run.done;
    lease.release(done.failing.clone()).await;
    worked.map(|()| done)
}

fn tell(swept: &Swept) {
    tracing::info!(target: "metric", metric = "overdue_grants", value = swept.overdue as u64, unit = "Count");
    tracing::info!(target: "metric", metric = "sweep_heartbeat", value = 1_u64, unit = "Count");
    if swept.due > 0 || swept.failed > 0 {
        tracing::info!(
            due = swept.due,
            failed = swept.failed,
            overdue = swept.overdue,
            cut_short = swept.cut_short,
            waiting = swept.waiting,
            "swept"
        );
    }
}

fn count_failures(count: usize) {
    if count > 0 {
        tracing::info!(target: "metric", metric = "convergence_failures", value = count as u64, unit = "Count");
    }
}

/// Whether it is an end whose time has been up for long.
fn is_overdue(entry: &DueEntry, now: Timestamp) -> bool {
    entry.kind == DueKind::Expire && now.seconds_since(entry.at) > OVERDUE_SECONDS
}

/// What was done so far.
struct Done {
    swept: Swept,
    /// Until when what was due has been read.
    seen: Timestamp,
    /// Sort keys of what failed.
    failing: BTreeSet<String>,
    /// Who waits for budget.
    memory: drain::Memory,
}

/// One run that has the lease.
struct Run<'a> {
    workers: &'a Workers,
    lease: &'a Lease<'a>,
    now: Timestamp,
    deadline: Timestamp,
    done: Done,
}

impl Run<'_> {
    /// Everything, and again as long as something waits for its tenant's write budget and there is time.
    async fn passes(&mut self, mut backlog: Backlog, mut first: Vec<DueEntry>) -> Result<()> {
        self.done.seen = backlog.now();
        for pass in 1.. {
            self.done.swept.waiting = 0;
            self.all(backlog, first, pass == 1).await?;
            let core = &self.workers.core;
            let waits = self.done.swept.waiting > 0;
            if waits {
                let now = core.clock.now();
                let soonest = self.done.memory.soonest().unwrap_or(now);
                let millis = soonest.millis().saturating_sub(now.millis());
                let wait = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
                tokio::time::sleep(wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)).await;
            }
            if self.is_over() || pass >= MOST_PASSES {
                self.done.swept.cut_short |= waits;
                break;
            }
            // Triggers of what fell due meanwhile have seen that a sweep is at work, and left it to it.
            let now = core.clock.now();
            backlog = if waits {
                Backlog::new(now)
            } else {
                Backlog::since(self.done.seen, now)
            };
            first = backlog.next(core).await?;
            self.done.seen = now;
            if !waits && first.is_empty() && backlog.is_read() {
                break;
            }
        }
        Ok(())
    }

    /// Everything, page after page.
    async fn all(&mut self, mut backlog: Backlog, first: Vec<DueEntry>, counts: bool) -> Result<()> {
        let mut held_back = Vec::new();
        let mut page = first;
        let mut told = 0;
        loop {
            if counts {
                self.note(&page, backlog.unread - told);
                told = backlog.unread;
            } else {
                // What has failed in this run has its next turn in another.
                page.retain(|entry| !self.done.failing.contains(&keys::due(entry).sk));
            }
            let (mut now, later): (Vec<_>, Vec<_>) = page
                .into_iter()
                .partition(|entry| entry.kind.ends_access() && !self.failed_before(entry));
            self.hold_back(&mut held_back, later);
            now.sort();
            let later = self.take_all(now, Failing::Later).await;
            self.hold_back(&mut held_back, later);
            if backlog.is_read() {
                break;
            }
            if self.is_over() {
                self.done.swept.cut_short = true;
                break;
            }
            page = backlog.next(&self.workers.core).await?;
        }
        held_back.sort_by_cached_key(|entry| (!entry.kind.ends_access(), self.failed_before(entry), entry.clone()));
        self.take_all(held_back, Failing::Now).await;
        Ok(())
    }

    /// Keeps entries for later. When there are too many, the rest of what ends nobody's access is left to the next run:
    /// it never keeps the list from being read on.
    fn hold_back(&mut self, held_back: &mut Vec<DueEntry>, later: Vec<DueEntry>) {
        for entry in later {
            if entry.kind.ends_access() || held_back.len() < MOST_HELD_BACK {
                held_back.push(entry);
            } else {
                self.done.swept.cut_short = true;
            }
        }
    }

    fn note(&mut self, page: &[DueEntry], unread: usize) {
        let swept = &mut self.done.swept;
        swept.due += page.len();
        swept.failed += unread;
        swept.overdue += page.iter().filter(|entry| is_overdue(entry, self.now)).count();
        count_failures(unread);
    }

    fn failed_before(&self, entry: &DueEntry) -> bool {
        self.lease.failing.contains(&keys::due(entry).sk)
    }

    /// Whether nothing more may begin.
    fn is_over(&self) -> bool {
        self.lease.is_lost() || self.workers.core.clock.now() >= self.deadline
    }

    /// Takes the entries in order, several at a time, as long as there is time: grants together, the rest one by one.
    /// Answers what is to be taken later.
    async fn take_all(&mut self, entries: Vec<DueEntry>, failing: Failing) -> Vec<DueEntry> {
        let mut grants = Vec::new();
        let mut others = Vec::new();
        for entry in entries {
            match grant_of(&entry) {
                Some(id) => grants.push((id, entry)),
                None => others.push(entry),
            }
        }
        let mut memory = std::mem::take(&mut self.done.memory);
        let this = &*self;
        let limit = drain::Limit {
            is_over: &|| this.is_over(),
            longest: &|| this.longest_look(),
        };
        let one_by_one: Vec<_> = others.into_iter().map(|entry| this.take_one(entry)).collect();
        let one_by_one = futures_util::stream::iter(one_by_one)
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>();
        let together = async {
            let taken = drain::take(this.workers, limit, &mut memory, grants, failing).await;
            let stale = taken.iter().filter(|(_, took)| *took == Took::Stale);
            let forgotten: Vec<_> = stale.map(|(entry, _)| forget(this.workers, entry)).collect();
            let mut forgotten = futures_util::stream::iter(forgotten).buffer_unordered(AT_A_TIME);
            while let Some(done) = forgotten.next().await {
                if let Err(error) = done {
                    tracing::warn!(%error, "a due entry that is done could not be deleted; it comes again");
                }
            }
            drop(forgotten);
            taken
        };
        let (one_by_one, together) = futures_util::future::join(one_by_one, together).await;
        self.done.memory = memory;
        for (entry, _) in together.iter().filter(|(_, took)| *took == Took::Failed) {
            tracing::error!(
                due.kind = entry.kind.name(),
                due.id = entry.id,
                "a due entry failed and stays"
            );
        }
        let mut later = Vec::new();
        for (entry, took) in one_by_one.into_iter().chain(together) {
            match took {
                Took::Later => later.push(entry),
                took => self.count(&entry, took),
            }
        }
        later
    }

    async fn take_one(&self, entry: DueEntry) -> (DueEntry, Took) {
        let took = if self.is_over() {
            Took::Untried
        } else if take(self.workers, &entry, self.longest_look()).await {
            Took::Done
        } else {
            Took::Failed
        };
        (entry, took)
    }

    fn count(&mut self, entry: &DueEntry, took: Took) {
        let swept = &mut self.done.swept;
        match took {
            Took::Done | Took::Stale | Took::Later => {}
            Took::Waits => swept.waiting += 1,
            // What was not tried has its ordinary turn in the next run, or it might never have one again.
            Took::Untried => swept.cut_short = true,
            Took::Failed => {
                swept.failed += 1;
                count_failures(1);
                if self.done.failing.len() < MOST_FAILING {
                    self.done.failing.insert(keys::due(entry).sk);
                }
            }
        }
    }

    fn longest_look(&self) -> Duration {
        let end = self.deadline.plus_seconds(GRACE_SECONDS);
        let left = end.millis().saturating_sub(self.workers.core.clock.now().millis());
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(LONGEST_LOOK)
    }
}

/// Works on one entry; one that fails never keeps the others from their turn.
async fn take(workers: &Workers, entry: &DueEntry, longest: Duration) -> bool {
    match tokio::time::timeout(longest, work(workers, entry)).await {
        Ok(Ok(())) => true,
        Err(_) => {
            tracing::error!(
                due.kind = entry.kind.name(),
                due.id = entry.id,
                "a due entry took too long and stays"
            );
            false
        }
        Ok(Err(error)) => {
            tracing::error!(due.kind = entry.kind.name(), due.id = entry.id, %error, "a due entry failed and stays");
            false
        }
    }
}

async fn work(workers: &Workers, entry: &DueEntry) -> Result<()> {
    match entry.kind {
        // Those of grants are taken together; what is left here names no grant.
        DueKind::Advance | DueKind::End | DueKind::Expire => forget(workers, entry).await,
        DueKind::ByHand => {
            let Ok(id) = entry.id.parse() else {
                return forget(workers, entry).await;
            };
            by_hand::look(workers, id).await?;
            forget_if_stale(workers, id, entry).await
        }
        DueKind::Recheck if converge::recheck(workers, entry).await? => Ok(()),
        DueKind::Recheck => forget(workers, entry).await,
        DueKind::Lapse => {
            let Ok(id) = entry.id.parse() else {
                return forget(workers, entry).await;
            };
            requests::lapse(&workers.core, id).await?;
            forget(workers, entry).await
        }
        DueKind::Offboard => {
            let Some((application, user)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            offboard::offboard(workers, &application, user).await?;
            forget(workers, entry).await
        }
        DueKind::GroupGone => {
            let Some((application, group)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            group_gone::end_all(workers, &application, group).await?;
            forget(workers, entry).await
        }
        DueKind::Memberships => {
            let Some((application, gone)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            let most = memberships_gone::MOST_PIECES;
            match memberships_gone::remove(workers, &application, gone, most).await? {
                Progress::Done => forget(workers, entry).await,
                Progress::More => Ok(()),
            }
        }
        DueKind::Kill => {
            let Some((application, order)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            // It stays until the order is carried out, whose own transaction takes it away.
            if kill::carry_out(workers, &application, order).await? {
                forget(workers, entry).await?;
            }
            Ok(())
        }
        DueKind::Facts => {
            let Some((application, entitlement)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            probes::refresh(workers, &application, entitlement).await?;
            forget(workers, entry).await
        }
        DueKind::Review => {
            let named = entry.id.split_once('/').and_then(|(application, rest)| {
                let (person, grant) = rest.split_once(':')?;
                Some((application.parse().ok()?, person.parse().ok()?, grant.parse().ok()?))
            });
            let Some((application, person, grant)) = named else {
                return forget(workers, entry).await;
            };
            emergencies::remind(&workers.core, &application, person, grant, entry).await
        }
        DueKind::Drift => {
            let Some((application, entitlement)) = in_application(&entry.id) else {
                return forget(workers, entry).await;
            };
            drift::look(workers, &application, entitlement).await?;
            forget(workers, entry).await
        }
    }
}

/// The ids in `<application>/<user or group>`.
fn in_application<I: std::str::FromStr>(id: &str) -> Option<(ApplicationId, I)> {
    let (application, id) = id.split_once('/')?;
    Some((application.parse().ok()?, id.parse().ok()?))
}

/// Deletes an entry that its grant does not name any more. One that the grant names stays: only the transaction that
/// fulfils it may delete it.
async fn forget_if_stale(workers: &Workers, id: hourglass_domain::ids::GrantId, entry: &DueEntry) -> Result<()> {
    let grant = crate::change::read::<hourglass_domain::grant::Grant>(&*workers.core.store, &keys::grant(id)).await?;
    if grant.is_some_and(|grant| grant.value.due.contains(entry)) {
        return Ok(());
    }
    forget(workers, entry).await
}

/// The grant that an entry is about.
fn grant_of(entry: &DueEntry) -> Option<GrantId> {
    matches!(entry.kind, DueKind::Advance | DueKind::End | DueKind::Expire)
        .then(|| entry.id.parse().ok())
        .flatten()
}

async fn forget(workers: &Workers, entry: &DueEntry) -> Result<()> {
    let write = Write::Delete {
        key: keys::due(entry),
        condition: Condition::Any,
    };
    match workers.core.store.commit(vec![write]).await {
        Ok(()) | Err(crate::ports::store::CommitError::Conflict { .. }) => Ok(()),
        Err(crate::ports::store::CommitError::Store(error)) => Err(error.into()),
    }
}
