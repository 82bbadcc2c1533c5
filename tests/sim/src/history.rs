//! One history: people ask, decide, end and leave while everything goes wrong; then the faults stop, and it is looked at
//! whether everything comes right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hourglass_app::admin::aws::{self, AwsInput};
use hourglass_app::admin::integrations::{self, AzureInput};
use hourglass_app::admin::probes::{self, Question};
use hourglass_app::idempotency::Once;
use hourglass_app::keys;
use hourglass_app::ports::Clock as _;
use hourglass_app::ports::connector::Place;
use hourglass_app::ports::store::{Condition, Store, Write};
use hourglass_app::requests::{self, NewRequest};
use hourglass_app::workers::{hints::on_hint, on_trigger, sweep::sweep};
use hourglass_app::{AppError, Result as AppResult, approvals, grants};
use hourglass_domain::Refusal;
use hourglass_domain::canonical::Digest;
use hourglass_domain::decision::{Verdict, Vote};
use hourglass_domain::ids::{GrantId, RequestId};
use hourglass_domain::request::Ask;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::checks;
use crate::company;
use crate::dynamo;
use crate::faults::Step;
use crate::memory::MemoryStore;
use crate::process::{End, Ports, run};
use crate::world::{Trigger, World};

/// For how long (seconds) things go wrong.
const FAULTS_SECONDS: u64 = 360;
/// How often it is looked, minute by minute after that, whether everything has settled.
const MOST_MINUTES: u64 = 20;
/// How long one look may take in provisioning.
const LONGEST_LOOK: Duration = Duration::from_secs(45);
/// How long a function may run.
const LONGEST_FUNCTION: Duration = Duration::from_secs(60);
/// How long the gateway waits for a function.
const LONGEST_ANSWER: Duration = Duration::from_secs(29);
/// How long (seconds) a sweep goes on beginning entries.
const SWEEP_SECONDS: i64 = 50;
/// How often a trigger is tried in all.
const TRIES: u32 = 3;
/// How often a person tries.
const PATIENCE: u32 = 12;

/// Which table a history runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// A sorted map with the port's contract: fast.
    Memory,
    /// The production adapter and the SDK on an embedded database.
    DynamoDb,
}

/// What a history was.
#[derive(Clone, Debug)]
pub struct History {
    /// Its seed.
    pub seed: u64,
    /// What must never happen and did.
    pub violations: Vec<String>,
    /// The steps at which something went wrong.
    pub(crate) hit: BTreeSet<Step>,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Everything that happened, as one number.
    pub trace: u64,
    /// Everything that happened, where it was asked for.
    pub lines: Vec<String>,
}

/// Runs the history of a seed, the same each time.
///
/// # Errors
/// When the simulation itself does not work.
pub fn history(seed: u64, table: Table, keep_lines: bool) -> anyhow::Result<History> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let store: Arc<dyn Store> = match table {
            Table::Memory => Arc::new(MemoryStore::default()),
            Table::DynamoDb => Arc::new(dynamo::table()?),
        };
        let (sender, triggers) = unbounded_channel();
        let world = Arc::new(World::new(seed, store, sender, keep_lines));
        live(&world, triggers).await?;
        let (trace, lines) = world.traced();
        let truth = world.truth();
        Ok(History {
            seed,
            violations: truth.violations.clone(),
            hit: truth.plan.hit().clone(),
            faults: truth.plan.kinds().clone(),
            trace,
            lines,
        })
    })
}

async fn live(world: &Arc<World>, triggers: UnboundedReceiver<Trigger>) -> anyhow::Result<()> {
    let seeded = run(world, "seed".to_owned(), LONGEST_FUNCTION, |ports| async move {
        company::seed(&ports.workers.core).await
    });
    match seeded.await {
        End::Answered(result) => result?,
        End::Died => anyhow::bail!("the company was not stored"),
    }
    {
        let mut truth = world.truth();
        for (group, person) in company::STANDING {
            let member = (company::group(group), company::account(person));
            truth.members.insert(member);
            truth.baseline.insert(member);
        }
        truth.plan.begin();
    }
    tokio::spawn(deliver_all(Arc::clone(world), triggers));
    tokio::spawn(sweep_every_minute(Arc::clone(world)));
    let mut people = cast(world);
    tokio::time::sleep(Duration::from_secs(FAULTS_SECONDS)).await;
    world.trace(|| "faults stop".to_owned());
    world.truth().plan.stop();
    let stopped = world.now();
    while people.join_next().await.is_some() {}
    for _ in 0..MOST_MINUTES {
        let settled = {
            let (now, mut truth) = (world.now(), world.truth());
            checks::in_time(&mut truth, stopped, now);
            checks::is_settled(&truth, now)
        };
        if settled {
            break;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let now = world.now();
    let mut truth = world.truth();
    if !checks::is_settled(&truth, now) {
        let what = checks::unsettled(&truth, now);
        truth.violated(now, format!("not settled: {what}"));
    }
    checks::in_the_end(&mut truth, now);
    if let Err(why) = checks::is_rich(&truth) {
        truth.violated(now, why);
    }
    Ok(())
}

/// Takes triggers to workers.
async fn deliver_all(world: Arc<World>, mut triggers: UnboundedReceiver<Trigger>) {
    let mut number = 0_u64;
    while let Some(trigger) = triggers.recv().await {
        number += 1;
        if matches!(trigger, Trigger::Hint(_)) && world.mishap("record_lost", 5) {
            continue;
        }
        let twice = world.mishap("record_twice", 5);
        for _ in 0..=u32::from(twice) {
            tokio::spawn(deliver(Arc::clone(&world), trigger.clone(), number));
        }
    }
}

async fn deliver(world: Arc<World>, trigger: Trigger, number: u64) {
    world.pass((50, 900)).await;
    for attempt in 1..=TRIES {
        let name = match &trigger {
            Trigger::Hint(_) => format!("provisioning {number}.{attempt}"),
            Trigger::Schedule(_) => format!("revocation {number}.{attempt}"),
        };
        let trigger = trigger.clone();
        let end = run(&world, name, LONGEST_FUNCTION, |Ports { workers, .. }| async move {
            match trigger {
                Trigger::Hint(hint) => match tokio::time::timeout(LONGEST_LOOK, on_hint(&workers, &hint)).await {
                    Ok(result) => result.is_ok(),
                    Err(_) => false,
                },
                Trigger::Schedule(grant) => on_trigger(&workers, grant).await.is_ok(),
            }
        });
        if matches!(end.await, End::Answered(true)) {
            return;
        }
        world.pass((500, 5_000)).await;
    }
}

/// A history is shorter than the hour between two comparisons with the scheduler: now and then the hour is over.
async fn compare_soon(world: &Arc<World>) {
    if !world.chance(50) {
        return;
    }
    let over = Write::Delete {
        key: keys::comparison(),
        condition: Condition::Any,
    };
    drop(world.table().commit(vec![over]).await);
}

async fn sweep_every_minute(world: Arc<World>) {
    for minute in 1_u64.. {
        let into = world.now().millis().rem_euclid(60_000);
        let rest = u64::try_from(60_000 - into).unwrap_or(60_000);
        tokio::time::sleep(Duration::from_millis(rest)).await;
        if world.mishap("sweep_lost", 5) {
            continue;
        }
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            world.pass((0, 3_000)).await;
            compare_soon(&world).await;
            let work = |Ports { workers, .. }: Ports| async move {
                let deadline = workers.core.clock.now().plus_seconds(SWEEP_SECONDS);
                sweep(&workers, deadline).await.is_ok()
            };
            run(&world, format!("sweep {minute}"), LONGEST_FUNCTION, work).await;
        });
    }
}

/// How a grant is to end.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Expire,
    CheckIn(u64),
    Revoke(u64),
    Extend(u64),
}

/// What somebody is going to want.
#[derive(Clone, Debug)]
struct Wish {
    number: u64,
    person: u64,
    entitlement: u64,
    after: u64,
    duration: &'static str,
    decided: bool,
    fate: Fate,
}

/// Everybody who does something, each on their own.
fn cast(world: &Arc<World>) -> JoinSet<()> {
    let mut people = JoinSet::new();
    for wish in wishes(world) {
        people.spawn(wants(Arc::clone(world), wish));
    }
    if world.chance(35) {
        let person = world.between((0, company::REQUESTERS - 1));
        people.spawn(leaves(Arc::clone(world), person));
    }
    people.spawn(administers(Arc::clone(world)));
    people
}

fn wishes(world: &World) -> Vec<Wish> {
    let durations = ["1m", "2m", "3m", "5m", "1h"];
    let most = world.between((7, 9));
    let first = usize::try_from(world.between((0, 1))).unwrap_or_default();
    let mut wishes = Vec::new();
    for number in 0..most {
        let any = |most: u64| world.between((0, most - 1));
        // The first two overlap on the group that the entitlements share, the third ends early, and everybody is among
        // the first six, none of which keeps another from being asked for.
        let (person, entitlement, after) = match number {
            0 | 1 => (0, number, world.between((0, 10))),
            2 | 3 => (
                number - 1,
                [0, 1].get(first).copied().unwrap_or(0),
                world.between((0, 60)),
            ),
            4 | 5 => (
                number - 3,
                [1, 0].get(first).copied().unwrap_or(1),
                world.between((20, 180)),
            ),
            // Later than those: a request that nobody decides would stand in the way of one of them.
            _ => (
                any(company::REQUESTERS),
                any(company::ENTITLEMENTS),
                world.between((190, 280)),
            ),
        };
        let seconds = world.between((5, 90));
        let fate = match world.between((0, 9)) {
            _ if number == 1 => Fate::Extend(seconds.min(30)),
            _ if number == 2 => Fate::CheckIn(seconds),
            0 => Fate::Revoke(seconds),
            1 => Fate::CheckIn(seconds),
            2 | 3 => Fate::Extend(seconds.min(30)),
            _ => Fate::Expire,
        };
        let longest = if number < 4 || world.chance(70) { 2 } else { 4 };
        let duration = usize::try_from(world.between((0, longest)))
            .ok()
            .and_then(|index| durations.get(index).copied());
        wishes.push(Wish {
            number,
            person,
            entitlement,
            after,
            duration: duration.unwrap_or("2m"),
            decided: number < 6 || world.chance(70),
            fate,
        });
    }
    wishes
}

/// Does something through a function of its own, again if it does not work. `None` when it is refused, or never works.
async fn tries<T, F: Future<Output = AppResult<T>> + Send>(
    world: &Arc<World>,
    what: &str,
    act: impl Fn(Ports) -> F,
) -> Option<T> {
    for attempt in 1..=PATIENCE {
        match run(world, format!("{what}.{attempt}"), LONGEST_ANSWER, &act).await {
            End::Answered(Ok(answer)) => return Some(answer),
            End::Answered(Err(AppError::Refused(refusal))) if !matches!(refusal, Refusal::Changed) => {
                world.trace(|| format!("{what} is refused: {refusal}"));
                return None;
            }
            End::Answered(Err(_)) | End::Died => world.pass((1_000, 6_000)).await,
        }
    }
    None
}

fn once(function: &'static str, person: u64, key: &str) -> Once {
    Once {
        function,
        tenant: company::tenant(),
        caller: company::account(person),
        key: Digest::of(key.as_bytes()),
        body: Digest::of(b"-"),
    }
}

/// Somebody asks for access, somebody decides, and it ends.
async fn wants(world: Arc<World>, wish: Wish) {
    tokio::time::sleep(Duration::from_secs(wish.after)).await;
    let Some(request) = asks(&world, &wish).await else {
        return;
    };
    if !wish.decided {
        return;
    }
    world.pass((500, 8_000)).await;
    if wish.number % 4 == 3 {
        looks_into_the_inbox(&world, &wish).await;
    }
    let what = format!("decide {}", wish.number);
    let Some(grant) = decides(&world, &what, request).await else {
        return;
    };
    let (after, who) = match wish.fate {
        Fate::Expire => return,
        Fate::Extend(after) => return extends(&world, &wish, grant, after).await,
        Fate::CheckIn(after) => (after, wish.person),
        Fate::Revoke(after) => (after, company::APPROVER),
    };
    tokio::time::sleep(Duration::from_secs(after)).await;
    tries(&world, &format!("end {}", wish.number), |ports| async move {
        let core = &ports.workers.core;
        let caller = company::signed_in(core, who).await?;
        if who == company::APPROVER {
            grants::revoke(core, &caller, grant, "no longer needed").await
        } else {
            grants::check_in(core, &caller, grant).await
        }
    })
    .await;
}

async fn asks(world: &Arc<World>, wish: &Wish) -> Option<RequestId> {
    let once = once("requests", wish.person, &format!("ask {}", wish.number));
    let new = NewRequest {
        entitlement: company::entitlement(wish.entitlement),
        beneficiary: None,
        ask: Ask {
            duration: wish.duration.parse().ok()?,
            justification: "INC-42: restart the pool".to_owned(),
            ticket: None,
            starts_at: None,
            emergency: false,
        },
    };
    let what = format!("ask {}", wish.number);
    let answer = tries(world, &what, |ports| {
        let (once, new) = (&once, &new);
        async move {
            let core = &ports.workers.core;
            let who = company::signed_in(core, wish.person).await?;
            requests::create(core, &who, new, Some(once), &|request| json!({"id": request.id})).await
        }
    });
    serde_json::from_value(answer.await?.body.get("id")?.clone()).ok()
}

/// Somebody asks for more time, and gets it if it is not too late.
async fn extends(world: &Arc<World>, wish: &Wish, grant: GrantId, after: u64) {
    tokio::time::sleep(Duration::from_secs(after)).await;
    let what = format!("extend {}", wish.number);
    let once = once("requests", wish.person, &what);
    let Ok(duration) = "1m".parse() else { return };
    let ask = Ask {
        duration,
        justification: "INC-42: it takes longer".to_owned(),
        ticket: None,
        starts_at: None,
        emergency: false,
    };
    let answer = tries(world, &what, |ports| {
        let (once, ask) = (&once, &ask);
        async move {
            let core = &ports.workers.core;
            let who = company::signed_in(core, wish.person).await?;
            requests::extend(core, &who, grant, ask, Some(once), &|request| json!({"id": request.id})).await
        }
    });
    let Some(answer) = answer.await else { return };
    let id = answer.body.get("id").cloned().unwrap_or_default();
    let Ok(request) = serde_json::from_value(id) else {
        return;
    };
    world.pass((500, 5_000)).await;
    decides(world, &format!("decide on extension {}", wish.number), request).await;
}

async fn looks_into_the_inbox(world: &Arc<World>, wish: &Wish) {
    tries(world, &format!("inbox {}", wish.number), |ports| async move {
        let core = &ports.workers.core;
        let who = company::signed_in(core, company::APPROVER).await?;
        approvals::inbox(core, &who, None, 20).await
    })
    .await;
}

async fn decides(world: &Arc<World>, what: &str, request: RequestId) -> Option<GrantId> {
    let once = once("approvals", company::APPROVER, what);
    let vote = Vote {
        verdict: Verdict::Approve,
        duration: None,
        comment: None,
    };
    let answer = tries(world, what, |ports| {
        let (once, vote) = (&once, &vote);
        async move {
            let core = &ports.workers.core;
            let who = company::signed_in(core, company::APPROVER).await?;
            approvals::decide(
                core,
                &who,
                request,
                vote,
                Some(once),
                &|request| json!({"grant": request.grant}),
            )
            .await
        }
    });
    serde_json::from_value(answer.await?.body.get("grant")?.clone()).ok()
}

/// Somebody's account is switched off, and sometimes on again.
async fn leaves(world: Arc<World>, person: u64) {
    world.pass((150_000, 320_000)).await;
    let switch = |active: bool| {
        tries(&world, "scim", move |ports| async move {
            company::switch(&ports.workers.core, person, active).await
        })
    };
    switch(false).await;
    if world.chance(50) {
        world.pass((5_000, 60_000)).await;
        switch(true).await;
    }
}

/// An admin asks whether the credentials work, replaces the secret, and looks who is in a group.
async fn administers(world: Arc<World>) {
    for round in 0_u64..3 {
        world.pass((1_000, 60_000)).await;
        tries(&world, &format!("probe {round}"), |ports| async move {
            let core = &ports.workers.core;
            let who = company::signed_in(core, company::ADMIN).await?;
            probes::ask(core, &who, Question::TestAzure).await
        })
        .await;
        tries(&world, &format!("secret {round}"), |ports| async move {
            let core = &ports.workers.core;
            let who = company::signed_in(core, company::ADMIN).await?;
            let input = AzureInput {
                tenant: company::tenant(),
                client_id: company::account(99),
                client_secret: "made-up".into(),
                secret_expires_at: None,
                version: None,
            };
            integrations::put_azure(core, &who, &*ports.secret_writer, input).await
        })
        .await;
        aws_comes_and_goes(&world, round).await;
        tries(&world, &format!("look {round}"), |ports| async move {
            let place = Place {
                application: company::APPLICATION
                    .parse()
                    .map_err(|_| AppError::from(Refusal::NotProvisioned))?,
                target: company::target(round % company::GROUPS),
            };
            Ok(ports.workers.connector.list(&place, None).await?)
        })
        .await;
    }
}

/// An admin enters an AWS integration, asks whether it works, and removes it.
async fn aws_comes_and_goes(world: &Arc<World>, round: u64) {
    tries(world, &format!("aws {round}"), |ports| async move {
        let core = &ports.workers.core;
        let who = company::signed_in(core, company::ADMIN).await?;
        let input = AwsInput {
            url: company::SCIM.to_owned(),
            access_token: "made-up".into(),
            token_expires_at: None,
            version: None,
        };
        aws::put(core, &who, &*ports.secret_writer, input).await
    })
    .await;
    tries(world, &format!("aws probe {round}"), |ports| async move {
        let core = &ports.workers.core;
        let who = company::signed_in(core, company::ADMIN).await?;
        probes::ask(core, &who, Question::TestAws).await
    })
    .await;
    world.pass((1_000, 20_000)).await;
    tries(world, &format!("aws removal {round}"), |ports| async move {
        let core = &ports.workers.core;
        let who = company::signed_in(core, company::ADMIN).await?;
        aws::remove(core, &who, &*ports.secret_writer, None).await
    })
    .await;
}
