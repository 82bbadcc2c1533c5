//! How quickly SCIM answers, through HTTP on the embedded store, and how many calls of the store a change of one member
//! takes in a small group and in a large one. The usual way to run it is `cargo xtask bench scim`.
//!
//! The function, the store's server and the client share this process and its processors, so the rates are lower bounds.
//! The last line of output is one JSON object; a figure that was not measured at its stated size is absent from it. The
//! benchmark fails when one member more costs more calls in a large group than in a small one and, in an optimised
//! build, when a figure at full size misses its limit.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use hourglass_app::ports::Core;
use hourglass_app::ports::store::{
    CommitError, Condition, Item, Key, List, MOST_WRITES, Page, Query, Store, StoreError, Write,
};
use hourglass_app::records::{GroupMember, Record, ScimToken, UserGroup, to_item};
use hourglass_app::scim::token::{hash_token, new_token};
use hourglass_boot::Services;
use hourglass_domain::ids::{ApplicationId, GroupId, TokenId, UserId};
use hourglass_local::aws::Shutdown;
use hourglass_local::system::{Options, World};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Members of the large group, for the figures that say so in their name.
const LARGE: usize = 100_000;
/// Members of the small group.
const SMALL: usize = 10;
/// Users of the first load that the figures are about.
const USERS: usize = 10_000;
/// One group of the first load for so many users.
const USERS_PER_GROUP: usize = 10;
/// Members of each of its groups.
const LOADED_MEMBERS: usize = 50;
/// Calls that are under way at a time where a rate is measured.
const WORKERS: usize = 8;
/// Calls before anything is measured: connections, caches, the note that provisioning was heard of.
const WARM_UP: usize = 10;
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The application.
const APPLICATION: &str = "contoso.example";

/// Least one-member PATCHes in a second, on two cores.
const LEAST_PATCHES: f64 = 300.0;
/// Least filters by userName in a second, on two cores.
const LEAST_FILTERS: f64 = 1_500.0;
/// How many times as long a change of one member may take in the large group.
const MOST_RATIO: f64 = 1.1;

/// How much is done.
struct Sizes {
    /// Members of the large group.
    members: usize,
    /// Users of the first load.
    users: usize,
    /// One-member PATCHes and filters, for their rates.
    calls: usize,
    /// Additions and removals in each of the two groups.
    rounds: usize,
}

impl Sizes {
    fn from_arguments() -> anyhow::Result<Self> {
        let arguments: Vec<String> = std::env::args().collect();
        let number = |name: &str, usual: usize| {
            let mut values = arguments.iter().skip_while(|argument| *argument != name).skip(1);
            values
                .next()
                .map_or(Ok(usual), |value| value.parse())
                .with_context(|| format!("{name} takes a number"))
        };
        let sizes = Self {
            members: number("--members", LARGE)?,
            users: number("--users", USERS)?,
            calls: number("--calls", 4_000)?,
            rounds: number("--rounds", 400)?,
        };
        let least = LOADED_MEMBERS.max(2 * SMALL);
        ensure!(sizes.users >= least, "--users is at least {least}");
        ensure!(
            sizes.members > 0 && sizes.calls > 0 && sizes.rounds > 0,
            "nothing to measure"
        );
        Ok(sizes)
    }
}

/// The table, counting. Each method of the adapter is one call of DynamoDB as long as none has to be repeated, which the
/// embedded one never asks for.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn Store>,
    calls: AtomicU64,
}

impl Counted {
    fn count(&self) -> &dyn Store {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.as_ref()
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        self.count().get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.count().get_many(keys).await
    }

    async fn query(&self, query: &Query) -> Result<Page<Item>, StoreError> {
        self.count().query(query).await
    }

    async fn list(&self, list: List, query: &Query) -> Result<Page<Key>, StoreError> {
        self.count().list(list, query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        self.count().commit(writes).await
    }
}

/// What is measured, running.
struct Bench {
    caller: Caller,
    core: Core,
    store: Arc<Counted>,
    application: ApplicationId,
}

/// Entra.
#[derive(Clone)]
struct Caller {
    base: Arc<str>,
    secret: Arc<SecretString>,
    http: reqwest::Client,
}

impl Caller {
    /// A call that has to succeed.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .bearer_auth(self.secret.expose_secret());
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/scim+json")
                .body(body.to_string());
        }
        let response = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{method} {path} was answered {status}: {text}");
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_str(&text)?)
    }

    async fn create(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let created = self.call(Method::POST, path, Some(body)).await?;
        let id = created.get("id").and_then(Value::as_str).context("no id")?;
        Ok(id.to_owned())
    }

    async fn user(&self, number: usize) -> anyhow::Result<String> {
        let name = user_name(number);
        let body = json!({
            "schemas": [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ],
            "externalId": format!("external-{number}"),
            "userName": name,
            "active": true,
            "displayName": format!("User {number}"),
            "emails": [{"primary": true, "type": "work", "value": name}],
            "name": {"givenName": "User", "familyName": number.to_string()},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Operations"},
        });
        self.create("/Users", &body).await
    }

    /// A group as Entra makes one: empty first, then its members in one change.
    async fn group(&self, name: &str, members: &[String]) -> anyhow::Result<String> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "externalId": format!("external-{name}"),
            "displayName": name,
        });
        let group = self.create("/Groups", &body).await?;
        self.members(&group, "Add", members).await?;
        Ok(group)
    }

    async fn members(&self, group: &str, op: &str, members: &[String]) -> anyhow::Result<()> {
        let value: Vec<Value> = members.iter().map(|id| json!({"$ref": null, "value": id})).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": op, "path": "members", "value": value}],
        });
        let path = format!("/Groups/{group}");
        self.call(Method::PATCH, &path, Some(&body)).await.map(|_| ())
    }

    /// A user by name, who has to be found.
    async fn find(&self, number: usize) -> anyhow::Result<()> {
        let path = format!("/Users?filter=userName%20eq%20%22{}%22", user_name(number));
        let list = self.call(Method::GET, &path, None).await?;
        ensure!(list.get("totalResults") == Some(&json!(1)), "{path}: {list}");
        Ok(())
    }
}

fn user_name(number: usize) -> String {
    format!("user{number}@contoso.example")
}

impl Bench {
    async fn start(folder: &Path) -> anyhow::Result<(Self, Shutdown)> {
        let shutdown = Shutdown::new();
        let options = Options::new(folder);
        let world = World::start(&options, shutdown.clone()).await?;
        let (listener, url) = world.bind_api(options.listen).await?;
        let services = Services::new(world.config(&options, &url)).await?;
        let store = Arc::new(Counted {
            inner: Arc::clone(&services.core.store),
            calls: AtomicU64::new(0),
        });
        let core = Core {
            store: Arc::<Counted>::clone(&store),
            ..services.core.clone()
        };
        world.serve_api(listener, hourglass_scim::scim_router(core.clone()));
        let application: ApplicationId = APPLICATION.parse()?;
        let secret = new_token(core.ids.as_ref());
        let token = ScimToken {
            id: TokenId::new(core.ids.uuid()),
            hash: hash_token(secret.expose_secret()),
            application: application.clone(),
            created_at: core.clock.now(),
        };
        core.store.commit(vec![put(&token)?]).await?;
        let caller = Caller {
            base: format!("{url}/scim/v2").into(),
            secret: Arc::new(secret),
            http: reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?,
        };
        let bench = Self {
            caller,
            core,
            store,
            application,
        };
        Ok((bench, shutdown))
    }

    /// Gives a group members that are only memberships: what one more costs does not depend on who the others are.
    async fn fill(&self, group: GroupId, members: usize) -> anyhow::Result<()> {
        let mut writes = Vec::with_capacity(MOST_WRITES);
        for number in 0..members {
            let (application, user) = (self.application.clone(), UserId::new(self.core.ids.uuid()));
            writes.push(put(&UserGroup {
                application: application.clone(),
                user,
                group,
            })?);
            writes.push(put(&GroupMember {
                application,
                group,
                user,
            })?);
            if writes.len() >= MOST_WRITES || number + 1 == members {
                self.core.store.commit(std::mem::take(&mut writes)).await?;
            }
        }
        Ok(())
    }

    /// Adds somebody to the group and removes them again: seconds and calls of each.
    async fn round(&self, group: &str, user: &[String], seen: &mut Seen) -> anyhow::Result<()> {
        for (op, calls) in [("Add", &mut seen.add_calls), ("Remove", &mut seen.remove_calls)] {
            let (before, started) = (self.store.calls(), Instant::now());
            self.caller.members(group, op, user).await?;
            seen.seconds.push(started.elapsed().as_secs_f64());
            calls.push(self.store.calls() - before);
        }
        Ok(())
    }
}

/// What was seen of one group.
#[derive(Default)]
struct Seen {
    seconds: Vec<f64>,
    add_calls: Vec<u64>,
    remove_calls: Vec<u64>,
}

impl Seen {
    /// Calls of an addition or a removal, whichever takes more. Medians, because once a minute one call also notes that
    /// provisioning was heard of.
    fn calls(&self) -> Option<u64> {
        let middle = |calls: &[u64]| {
            let mut calls = calls.to_vec();
            calls.sort_unstable();
            calls.get(calls.len() / 2).copied()
        };
        middle(&self.add_calls).max(middle(&self.remove_calls))
    }

    fn middle_seconds(&self) -> Option<f64> {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied()
    }
}

fn put<R: Record>(record: &R) -> Result<Write, StoreError> {
    Ok(Write::Put {
        item: to_item(record, 1)?,
        condition: Condition::Absent,
    })
}

/// Does `work` for each number below `count`, [`WORKERS`] at a time; answers what came of it, in order. A worker has every
/// [`WORKERS`]th number.
async fn spread<T, F>(count: usize, work: impl Fn(usize) -> F + Clone + Send + 'static) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send,
{
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let work = work.clone();
        workers.spawn(async move {
            let mut done = Vec::new();
            for number in (worker..count).step_by(WORKERS) {
                done.push((number, work(number).await?));
            }
            anyhow::Ok(done)
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(done) = workers.join_next().await {
        all.extend(done??);
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, done)| done).collect())
}

/// The first load, through HTTP. Answers the users' ids.
async fn load(bench: &Bench, sizes: &Sizes, figures: &mut Map<String, Value>) -> anyhow::Result<Arc<[String]>> {
    let forgotten = forget_peak();
    let started = Instant::now();
    let caller = bench.caller.clone();
    let users = spread(sizes.users, move |number| {
        let caller = caller.clone();
        async move { caller.user(number).await }
    })
    .await?;
    let users: Arc<[String]> = users.into();
    let groups = sizes.users / USERS_PER_GROUP;
    let (caller, known) = (bench.caller.clone(), Arc::clone(&users));
    spread(groups, move |number| {
        let (caller, known) = (caller.clone(), Arc::clone(&known));
        async move {
            let members = known.iter().cycle().skip(number * USERS_PER_GROUP).take(LOADED_MEMBERS);
            let members: Vec<String> = members.cloned().collect();
            caller.group(&format!("Loaded {number}"), &members).await
        }
    })
    .await?;
    let seconds = started.elapsed().as_secs_f64();
    let peak = peak_mb().filter(|_| forgotten);
    let resources = per_second(sizes.users + groups, seconds);
    say(&format!(
        "load: {} users and {groups} groups with {LOADED_MEMBERS} members each in {seconds:.1} s, {resources} resources/s, \
         peak {peak:?} MB",
        sizes.users
    ))?;
    if sizes.users == USERS {
        figures.insert("load_s".to_owned(), json!(rounded(seconds, 10.0)));
        if let Some(peak) = peak {
            figures.insert("load_peak_mb".to_owned(), json!(peak));
        }
    }
    Ok(users)
}

/// One-member PATCHes and filters, as many as the machine can do.
async fn rates(
    bench: &Bench,
    sizes: &Sizes,
    users: &Arc<[String]>,
    figures: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    // A group for each worker: Entra has one change of a group under way at a time.
    let members: Vec<String> = users.iter().take(SMALL).cloned().collect();
    let mut groups = Vec::with_capacity(WORKERS);
    for worker in 0..WORKERS {
        groups.push(bench.caller.group(&format!("Worker {worker}"), &members).await?);
    }
    let (caller, one, groups) = (bench.caller.clone(), last(users)?, Arc::<[String]>::from(groups));
    let patch = move |number: usize| {
        let (caller, one, groups) = (caller.clone(), one.clone(), Arc::clone(&groups));
        async move {
            let group = groups.get(number % WORKERS).context("no group")?;
            let op = if (number / WORKERS).is_multiple_of(2) {
                "Add"
            } else {
                "Remove"
            };
            caller.members(group, op, &one).await
        }
    };
    spread(WORKERS * 2, patch.clone()).await?;
    let started = Instant::now();
    spread(sizes.calls, patch).await?;
    let rate = per_second(sizes.calls, started.elapsed().as_secs_f64());
    say(&format!("one-member PATCHes: {rate}/s"))?;
    figures.insert("patch_per_s".to_owned(), rate);

    let (caller, count) = (bench.caller.clone(), users.len());
    let find = move |number: usize| {
        let caller = caller.clone();
        // Spread over all users, so that not the same few items are read again and again.
        async move { caller.find(number.wrapping_mul(7_919) % count).await }
    };
    spread(WORKERS * 2, find.clone()).await?;
    let started = Instant::now();
    spread(sizes.calls, find).await?;
    let rate = per_second(sizes.calls, started.elapsed().as_secs_f64());
    say(&format!("filters by userName: {rate}/s"))?;
    figures.insert("filter_per_s".to_owned(), rate);
    Ok(())
}

/// What one member more or less costs in the small and the large group, by turns.
async fn compare(
    bench: &Bench,
    sizes: &Sizes,
    users: &Arc<[String]>,
    figures: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    let small = bench.caller.group("Small", &[]).await?;
    bench.fill(small.parse()?, SMALL).await?;
    let large = bench.caller.group("Large", &[]).await?;
    let started = Instant::now();
    bench.fill(large.parse()?, sizes.members).await?;
    say(&format!(
        "seeded {} members in {:.1} s",
        sizes.members,
        started.elapsed().as_secs_f64()
    ))?;
    let one = last(users)?;
    let mut warm_up = Seen::default();
    for _ in 0..WARM_UP {
        bench.round(&small, &one, &mut warm_up).await?;
        bench.round(&large, &one, &mut warm_up).await?;
    }
    let (mut of_small, mut of_large) = (Seen::default(), Seen::default());
    for round in 0..sizes.rounds {
        // Whoever comes second would otherwise always find what the first one warmed up.
        if round.is_multiple_of(2) {
            bench.round(&small, &one, &mut of_small).await?;
            bench.round(&large, &one, &mut of_large).await?;
        } else {
            bench.round(&large, &one, &mut of_large).await?;
            bench.round(&small, &one, &mut of_small).await?;
        }
    }
    let ratio = of_large.middle_seconds().context("no times")? / of_small.middle_seconds().context("no times")?;
    let (few, many) = (of_small.calls(), of_large.calls());
    say(&format!(
        "one member at {} compared with {SMALL}: {ratio:.3} times the time; calls {many:?} and {few:?}",
        sizes.members
    ))?;
    figures.insert("patch_calls_10".to_owned(), json!(few));
    if sizes.members == LARGE {
        figures.insert("patch_calls_100k".to_owned(), json!(many));
        figures.insert("patch_time_ratio_100k_to_10".to_owned(), json!(rounded(ratio, 1_000.0)));
    }
    // Whatever the sizes and however it was built.
    ensure!(
        few.is_some() && few == many,
        "one member takes {few:?} calls at {SMALL} members and {many:?} at {}",
        sizes.members
    );
    Ok(())
}

/// The figures that miss their limit, of those that were measured at the size to which it applies.
fn missed(figures: &Map<String, Value>, sizes: &Sizes) -> Vec<String> {
    let (loaded, large) = (sizes.users == USERS, sizes.members == LARGE);
    let limits = [
        (loaded, "patch_per_s", LEAST_PATCHES, f64::INFINITY),
        (loaded, "filter_per_s", LEAST_FILTERS, f64::INFINITY),
        (large, "patch_time_ratio_100k_to_10", 0.0, MOST_RATIO),
    ];
    let mut missed = Vec::new();
    for (_, name, least, most) in limits.into_iter().filter(|(applies, ..)| *applies) {
        let figure = figures.get(name).and_then(Value::as_f64);
        if figure.is_none_or(|figure| !(least..=most).contains(&figure)) {
            missed.push(format!("{name} is {figure:?} and has to be from {least} to {most}"));
        }
    }
    missed
}

fn last(users: &[String]) -> anyhow::Result<Vec<String>> {
    Ok(vec![users.last().context("no users")?.clone()])
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_second(count: usize, seconds: f64) -> Value {
    json!(rounded(count as f64 / seconds, 10.0))
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// Lets the kernel forget how much memory was once in use; whether it did.
fn forget_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The most memory that was in use since, in megabytes, where the kernel tells.
fn peak_mb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024).div_ceil(1_000_000))
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sizes = Sizes::from_arguments()?;
    let folder = tempfile::tempdir()?;
    let (bench, shutdown) = Bench::start(folder.path()).await?;
    let mut figures = Map::new();
    let users = load(&bench, &sizes, &mut figures).await?;
    rates(&bench, &sizes, &users, &mut figures).await?;
    compare(&bench, &sizes, &users, &mut figures).await?;
    drop(bench);
    shutdown.trigger();
    shutdown.finish().await;
    let missed = missed(&figures, &sizes);
    writeln!(std::io::stdout(), "{}", Value::Object(figures))?;
    if cfg!(debug_assertions) {
        return Ok(());
    }
    ensure!(missed.is_empty(), "{}", missed.join("; "));
    Ok(())
}
