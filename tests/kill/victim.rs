//! The system without its neighbours, to be killed: the table, the functions, the gateway, the stream and the sweep. The
//! directory, the scheduler, the secrets and the queues are another process's, which survives.
//!
//! It tells on standard output which step of the protocol it is at: a line `+<number> <step>` before each, `-<number>`
//! after it. What has begun and not ended when it dies is what it died in. It can be told to stop in the n-th of some step,
//! before or after its effect, and says `!` then: the rest of it goes on until it is killed.

mod steps;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use hourglass_app::ports::connector::{Connector, ConnectorError, Members, NewMember, Place};
use hourglass_app::ports::delays::{DelayError, Delays};
use hourglass_app::ports::schedules::{Found, Listed, ScheduleError, Schedules};
use hourglass_app::ports::store::{CommitError, Item, Key, List, Page, Query, Store, StoreError, Write};
use hourglass_boot::{Config, Services};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;
use hourglass_domain::ids::{ApplicationId, GrantId, ObjectId, TenantId};
use hourglass_domain::protocol::membership::{Answer, Inspection};
use hourglass_domain::target::{Cloud, TargetFacts};
use hourglass_local::aws::Shutdown;
use hourglass_local::functions::in_process;
use hourglass_local::system::{Options, World};
use serde_json::json;

/// How often the sweep runs.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    match live().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed, the exit code still tells.
            let _closed = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Takes the folder with its data, a file with its environment, and where to write where it can be reached.
async fn live() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || {
        arguments
            .next()
            .context("takes a data folder, an environment and a ready file")
    };
    let (data, environment, ready) = (next()?, next()?, next()?);
    let aim = next().ok().and_then(|aim| Aim::read(&aim.to_string_lossy()));
    let environment: BTreeMap<String, String> = serde_json::from_slice(&std::fs::read(environment)?)?;
    // Its own simulators of what the survivor has are there and idle: nobody is told where they are.
    let world = World::start(&Options::new(data), Shutdown::new()).await?;
    let config = Config::read(|name| environment.get(name).cloned())?;
    let config = Config {
        dynamodb_endpoint: Some(world.dynamodb.url().to_owned()),
        ..config
    };
    let mut services = Services::new(config).await?;
    services.core.store = Arc::new(Marked(services.core.store, aim.clone()));
    services.schedules = Arc::new(Marked(services.schedules, aim.clone()));
    services.delays = Arc::new(Marked(services.delays, aim.clone()));
    services.connector = Arc::new(Marked(services.connector, aim));
    let router = in_process(&world, &services);
    let (listener, api) = world.bind_api(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    world.serve_api(listener, router);
    let connected = world.connect(SWEEP_EVERY)?;
    let places = serde_json::to_vec(&json!({"api": api, "lambda": world.lambda.url()}))?;
    let part = ready.with_extension("part");
    std::fs::write(&part, places)?;
    std::fs::rename(&part, &ready)?;
    std::future::pending::<()>().await;
    drop(connected);
    Ok(())
}

/// Where to stop.
#[derive(Debug)]
struct Aim {
    step: String,
    left: AtomicU64,
    after: bool,
}

impl Aim {
    /// Reads `<step>:<n>:<before or after>`.
    fn read(text: &str) -> Option<Arc<Self>> {
        let mut parts = text.split(':');
        Some(Arc::new(Self {
            step: parts.next()?.to_owned(),
            left: AtomicU64::new(parts.next()?.parse().ok()?),
            after: parts.next()? == "after",
        }))
    }

    /// Whether this is where.
    fn is_here(&self, step: &str) -> bool {
        self.step == step && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// A port that tells when a step begins and ends.
#[derive(Debug)]
struct Marked<T: ?Sized>(Arc<T>, Option<Arc<Aim>>);

impl<T: ?Sized> Marked<T> {
    async fn at<A>(&self, step: &str, call: impl Future<Output = A>) -> A {
        let mark = Mark::begin(step);
        let aim = self.1.as_ref().filter(|aim| aim.is_here(step));
        match aim {
            Some(aim) if !aim.after => stop().await,
            _ => {}
        }
        let answer = call.await;
        if aim.is_some() {
            stop().await;
        }
        drop(mark);
        answer
    }
}

/// Waits to be killed.
async fn stop() {
    tell("!");
    std::future::pending().await
}

/// A step under way. One that is given up ends as well.
struct Mark(u64);

impl Mark {
    fn begin(step: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        tell(&format!("+{number} {step}"));
        Self(number)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        tell(&format!("-{}", self.0));
    }
}

fn tell(line: &str) {
    // Without anybody who listens it is about to be killed anyway.
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}

/// The step that a transaction is.
fn step_of(writes: &[Write]) -> Option<&str> {
    let puts = || {
        writes.iter().filter_map(|write| match write {
            Write::Put { item, .. } => Some(item),
            Write::Delete { .. } | Write::Check { .. } => None,
        })
    };
    let mut events = puts().filter(|item| item.kind == "audit_event").peekable();
    if events.peek().is_none() {
        return puts().any(|item| item.kind == "membership").then_some(steps::LEASE);
    }
    let place = |action: &str| steps::STORED.iter().position(|step| *step == action);
    events
        .filter_map(|event| event.body.get("action")?.as_str())
        .filter(|action| place(action).is_some())
        .max_by_key(|action| place(action))
}

#[async_trait]
impl Delays for Marked<dyn Delays> {
    async fn send(&self, grant: GrantId, seconds: u32) -> Result<(), DelayError> {
        self.at(steps::SEND, self.0.send(grant, seconds)).await
    }
}

#[async_trait]
impl Store for Marked<dyn Store> {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.0.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.0.get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.0.query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.0.list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let step = step_of(&writes).map(str::to_owned);
        match step {
            Some(step) => self.at(&step, self.0.commit(writes)).await,
            None => self.0.commit(writes).await,
        }
    }
}

#[async_trait]
impl Schedules for Marked<dyn Schedules> {
    async fn create(&self, name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError> {
        self.at(steps::CREATE, self.0.create(name, at)).await
    }

    async fn inspect(&self, name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError> {
        self.0.inspect(name, at).await
    }

    async fn list(&self, after: Option<&str>) -> Result<Listed, ScheduleError> {
        self.0.list(after).await
    }

    async fn delete(&self, name: &ScheduleName) -> Result<(), ScheduleError> {
        self.at(steps::DELETE, self.0.delete(name)).await
    }
}

#[async_trait]
impl Connector for Marked<dyn Connector> {
    async fn inspect(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Inspection> {
        self.at(steps::INSPECT, self.0.inspect(place, accounts)).await
    }

    async fn add(&self, place: &Place, members: &[NewMember]) -> Vec<Answer> {
        self.at(steps::ADD, self.0.add(place, members)).await
    }

    async fn remove(&self, place: &Place, accounts: &[ObjectId]) -> Vec<Answer> {
        self.at(steps::REMOVE, self.0.remove(place, accounts)).await
    }

    async fn outcome(&self, place: &Place, handle: &str) -> Answer {
        self.0.outcome(place, handle).await
    }

    async fn list(&self, place: &Place, next: Option<&str>) -> Result<Members, ConnectorError> {
        self.0.list(place, next).await
    }

    async fn preflight(&self, place: &Place, now: Timestamp) -> Result<TargetFacts, ConnectorError> {
        self.at(steps::VERIFY, self.0.preflight(place, now)).await
    }

    async fn test(&self, application: &ApplicationId, tenant: TenantId, cloud: Cloud) -> Result<(), ConnectorError> {
        self.0.test(application, tenant, cloud).await
    }
}
