//! How long many grants that end in the same minute take, against a simulated Graph with its real write limit: through
//! the real adapter, over HTTP, in real time, with the settings of AWS (schedules fire anywhere in their minute, the sweep
//! runs once a minute, absence is proved after one). Meanwhile people end other grants, and how long these take is
//! measured as well. The usual way to run it is `cargo xtask bench burst`.
//!
//! The functions, all simulators and this program share one machine, so the times are upper bounds. The last line of
//! output is one JSON object; a figure that could not be measured is absent from it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hourglass_app::change::read;
use hourglass_app::keys;
use hourglass_app::ports::store::{Key, MOST_KEYS};
use hourglass_app::records::from_item;
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use hourglass_domain::budget::{CAPACITY, PER_SECOND};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_local::company::Company;
use hourglass_local::entra::Tenant;
use hourglass_local::entra::calls::CALLS_KEPT;
use hourglass_local::sim;
use hourglass_local::system::Options;
use hourglass_tests::burst::{Burst, REAL, entitlements, press, seed, settle, still_there, throttled};
use hourglass_tests::{Person, Running};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// How many grants end, unless `--grants` says otherwise.
const GRANTS: usize = 10_000;
/// Over how many groups they are spread.
const GROUPS: usize = 4;
/// How many grants people end meanwhile.
const URGENT: usize = 24;
/// Pause between two of them, as a part of the time that the limit allows.
const URGENT_PAUSE: Duration = Duration::from_secs(10);
/// When, after the beginning, an admin presses the kill switch for somebody.
const KILL_AFTER: Duration = Duration::from_secs(15);
/// How often the true members are looked at: the error of the figures.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often while a person's end is measured.
const LOOK_CLOSELY: Duration = Duration::from_millis(20);
/// Longest wait for what should take seconds.
const PATIENCE: Duration = Duration::from_secs(180);
/// Seconds that seeding a grant may take, in thousandths, and those for everything else.
const SEED_MILLIS: i64 = 15;
const LEAD_SECONDS: i64 = 45;

/// A grant that a person is going to end.
struct Urgent {
    who: Person,
    grant: String,
    group: Uuid,
    account: Uuid,
}

fn now() -> Timestamp {
    Timestamp::from_millis(sim::wall_clock().now().as_millisecond())
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

async fn wait_until(moment: Timestamp) {
    let millis = moment.millis() - now().millis();
    tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
}

/// Seconds from one moment to another, rounded to tenths.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    ((to.millis() - from.millis()) as f64 / 100.0).round() / 10.0
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--grants").skip(1);
    let count: usize = arguments
        .next()
        .map_or(Ok(GRANTS), |number| number.parse())
        .context("--grants takes a number")?;
    ensure!(count > 0, "nothing to measure");
    let folder = tempfile::tempdir()?;
    let mut options = Options::new(folder.path());
    options.scheduler_precision_seconds = 60;
    options.confirm_after_seconds = 60;
    options.sweep_every = Duration::from_secs(60);
    let running = Arc::new(Running::on(&options).await?);
    let config = running.system.world.config(&options, &running.ready.console);
    let services = Services::new(config).await?;
    let tenant = running.system.world.entra.tenant().clone();

    let (patterns, mut urgent) = prepare(&running).await?;
    let lead = LEAD_SECONDS + i64::try_from(count)? * SEED_MILLIS / 1000;
    let ends = now().plus_seconds(lead).rounded_up_to_minute();
    let started = now();
    let burst = seed(&tenant, &services, &patterns, (count, count), ends).await?;
    say(&format!("seeded {count} grants in {} s", seconds(started, now())))?;
    settle(&running).await?;
    ensure!(now() < ends, "seeding took longer than it may: the grants end already");
    tenant.forget_calls()?;
    say(&format!("{count} grants end in {} s", seconds(now(), ends)))?;
    wait_until(ends).await;

    let killed = urgent.pop().context("nobody to kill")?;
    let killing = tokio::spawn(kill(Arc::clone(&running), services.clone(), tenant.clone(), killed));
    let people = tokio::spawn(end_by_people(Arc::clone(&running), tenant.clone(), urgent));
    let limit = f64::from(u32::try_from(count)?.saturating_sub(CAPACITY)) / f64::from(PER_SECOND);
    let gone = gone(&tenant, &burst, ends, limit).await?;
    let mut urgent = people.await??;
    let kill_millis = killing.await??;
    urgent.sort_unstable();
    let mut figures = Map::new();
    figures.insert("grants".to_owned(), json!(count));
    figures.insert("seconds".to_owned(), json!(seconds(ends, gone)));
    figures.insert("limit_seconds".to_owned(), json!(limit));
    figures.insert("kill_switch_ms".to_owned(), json!(kill_millis));
    if whole_log(&tenant)? {
        figures.insert("throttled".to_owned(), json!(throttled(&tenant)?));
    }
    if let Some(slow) = percentile(&urgent, 95) {
        figures.insert("urgent".to_owned(), json!(urgent.len()));
        figures.insert("urgent_ms_p50".to_owned(), json!(percentile(&urgent, 50)));
        figures.insert("urgent_ms_p95".to_owned(), json!(slow));
    }
    match proved(&services, &burst).await {
        Ok(at) => {
            figures.insert("proved_seconds".to_owned(), json!(seconds(ends, at)));
        }
        Err(error) => say(&format!("{error:#}"))?,
    }
    drop(services);
    if let Some(running) = Arc::into_inner(running) {
        running.system.stop().await;
    }
    Ok(writeln!(std::io::stdout(), "{}", Value::Object(figures))?)
}

/// Makes the grants that are copied, one for each group, and those that people are going to end.
async fn prepare(running: &Running) -> anyhow::Result<(Vec<String>, Vec<Urgent>)> {
    let company = Company::new();
    let groups: Vec<_> = company.requestable.iter().take(GROUPS).collect();
    let names: Vec<&str> = groups.iter().map(|group| group.name).collect();
    let entitlements = entitlements(running, &names).await?;
    let approver = company.approver.id;
    let people = company.people().into_iter().filter(|person| person.id != approver);
    let mut patterns = Vec::new();
    let mut urgent = Vec::new();
    for (number, person) in people.enumerate().take(GROUPS + URGENT) {
        let place = number % GROUPS;
        let (entitlement, group) = (entitlements.get(place), groups.get(place));
        let (entitlement, group) = entitlement.zip(group).context("no entitlement")?;
        let who = running.person(&person.user_name).await?;
        let (_, grant) = granted(running, &who, entitlement).await?;
        if number < GROUPS {
            patterns.push(grant);
        } else {
            urgent.push(Urgent {
                who,
                grant,
                group: group.id,
                account: person.id,
            });
        }
    }
    let dana = running.admin().await?;
    for grant in patterns.iter().chain(urgent.iter().map(|urgent| &urgent.grant)) {
        running
            .grant_until(&dana, grant, |grant| {
                grant.get("status").is_some_and(|status| status == "active")
            })
            .await?;
    }
    Ok((patterns, urgent))
}

/// A request and its approval; provisioning may not have looked at the group yet.
async fn granted(running: &Running, who: &Person, entitlement: &str) -> anyhow::Result<(String, String)> {
    running
        .until("a grant", || async {
            let asked = running.granted(who, entitlement, REAL).await;
            Ok(asked.map_err(|error| format!("{error:#}")))
        })
        .await
}

/// When an admin presses the kill switch for a person in the midst of it: milliseconds until the member is gone.
async fn kill(running: Arc<Running>, services: Services, tenant: Tenant, killed: Urgent) -> anyhow::Result<i64> {
    tokio::time::sleep(KILL_AFTER).await;
    let grant = read::<Grant>(&*services.core.store, &keys::grant(killed.grant.parse()?)).await?;
    let user = grant.context("no grant")?.value.beneficiary.user;
    let pressed = now();
    press(&running, &json!({"scope": "user", "id": user})).await?;
    gone_from(&tenant, &killed, pressed).await
}

/// Waits until the member is gone; milliseconds since then.
async fn gone_from(tenant: &Tenant, urgent: &Urgent, since: Timestamp) -> anyhow::Result<i64> {
    while tenant.members(urgent.group)?.contains(&urgent.account) {
        ensure!(
            seconds(since, now()) < PATIENCE.as_secs_f64(),
            "an urgent end takes too long"
        );
        tokio::time::sleep(LOOK_CLOSELY).await;
    }
    Ok(now().millis() - since.millis())
}

/// Lets people end their grants, one after the other, and measures how long each takes until the member is gone, in
/// milliseconds.
async fn end_by_people(running: Arc<Running>, tenant: Tenant, urgent: Vec<Urgent>) -> anyhow::Result<Vec<i64>> {
    let mut millis = Vec::new();
    for urgent in urgent {
        let asked = now();
        let path = format!("/v1/grants/{}/check-in", urgent.grant);
        running.post(&urgent.who, &path, &json!({})).await?.ok()?;
        millis.push(gone_from(&tenant, &urgent, asked).await?);
        tokio::time::sleep(URGENT_PAUSE).await;
    }
    Ok(millis)
}

/// When the last member of the burst was gone.
async fn gone(tenant: &Tenant, burst: &Burst, ends: Timestamp, limit: f64) -> anyhow::Result<Timestamp> {
    let longest = limit * 3.0 + PATIENCE.as_secs_f64();
    let mut told = ends;
    loop {
        let at = now();
        let left = still_there(tenant, burst)?;
        if left == 0 {
            return Ok(at);
        }
        if seconds(told, at) >= 15.0 {
            told = at;
            say(&format!(
                "{} s: {left} left, {} throttled",
                seconds(ends, at),
                throttled(tenant)?
            ))?;
        }
        ensure!(
            seconds(ends, at) < longest,
            "{left} members are still there after {longest} s"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// When every grant had ended, that is, when the absence of every member was proved.
async fn proved(services: &Services, burst: &Burst) -> anyhow::Result<Timestamp> {
    let started = now();
    let mut open = burst.grants.clone();
    while seconds(started, now()) < PATIENCE.as_secs_f64() {
        let mut still = Vec::new();
        for ids in open.chunks(MOST_KEYS) {
            let keys: Vec<Key> = ids.iter().copied().map(keys::grant).collect();
            for item in services.core.store.get_many(&keys).await?.into_iter().flatten() {
                let grant = from_item::<Grant>(item)?.value;
                if grant.status != GrantStatus::Ended {
                    still.push(grant.id);
                }
            }
        }
        if still.is_empty() {
            return Ok(now());
        }
        open = still;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("{} ends are not proved {PATIENCE:?} after the last removal", open.len())
}

/// Whether the log of calls still holds all of them.
fn whole_log(tenant: &Tenant) -> anyhow::Result<bool> {
    let total = tenant
        .calls()?
        .get("total")
        .and_then(Value::as_i64)
        .context("no total")?;
    Ok(total < CALLS_KEPT)
}

/// The value that so many per cent of the sorted values do not exceed; `None` when there are none.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
