//! The system killed at many moments of a busy run, while the directory and the scheduler live on.
//!
//! Half of the kills come at random moments; before the others the system stops in a step of the protocol in which it has
//! not died yet, before or after the step's effect. What it died in is read from what it told until then, never assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hourglass_local::aws::Shutdown;
use hourglass_local::aws::lambda::function;
use hourglass_local::company::{Company, NamedGroup, Person};
use hourglass_local::functions::environment;
use hourglass_local::system::{Options, Ready, System, World};
use hourglass_tests::{Answer, Client, SHORT};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::audit;
use crate::steps::{ADD, CREATE, DELETE, INSPECT, REMOVE, SEND, STORED, VERIFY};

/// How many kills the test command makes.
const KILLS: usize = 30;
/// How many people's desks are busy at a time, and how long each rests between two requests.
const DESKS: usize = 3;
const REST: Duration = Duration::from_millis(250);
/// How long after its start the system is killed at random, in milliseconds.
const MOMENTS: (u64, u64) = (100, 1_500);
/// How long a step in which it is to be killed is waited for.
const STEP_PATIENCE: Duration = Duration::from_secs(15);
/// How long the system may take to come up, and how long everything may take to end.
const START: Duration = Duration::from_secs(60);
const END: Duration = Duration::from_secs(300);

/// True memberships by group and account.
type Members = BTreeSet<(String, String)>;

/// A small generator (SplitMix64): moments are told by their seed.
struct Rng(u64);

impl Rng {
    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (mixed ^ (mixed >> 31)) % (high - low + 1)
    }
}

/// Where the system can be reached; nowhere while it is dead.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<Option<(String, String)>>>);

impl Places {
    fn set(&self, places: Option<(String, String)>) {
        *self.0.lock().unwrap() = places;
    }

    fn api(&self) -> Option<String> {
        self.0.lock().unwrap().as_ref().map(|(api, _)| api.clone())
    }

    fn lambda(&self) -> Option<String> {
        self.0.lock().unwrap().as_ref().map(|(_, lambda)| lambda.clone())
    }
}

/// The system's process.
struct Victim {
    child: Child,
    marks: mpsc::UnboundedReceiver<String>,
    log: PathBuf,
}

impl Victim {
    /// Starts it and waits until it serves.
    async fn start(folder: &Path, number: usize, aim: Option<&str>, places: &Places) -> anyhow::Result<Self> {
        let (ready, log) = (folder.join(format!("ready-{number}.json")), folder.join("victim.log"));
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_victim"))
            .args([folder.join("system"), folder.join("environment.json"), ready.clone()])
            .args(aim)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (sender, marks) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut victim = Self { child, marks, log };
        let up = tokio::time::timeout(START, async {
            loop {
                if let Ok(text) = std::fs::read(&ready) {
                    let found: Value = serde_json::from_slice(&text)?;
                    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
                    places.set(Some((text("api"), text("lambda"))));
                    return Ok(());
                }
                if let Some(status) = victim.child.try_wait()? {
                    bail!("the system ended with {status}");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let up = up.await.context("the system does not come up").flatten();
        up.with_context(|| victim.said())?;
        Ok(victim)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it after so long, or as soon as it is where it was to stop, and answers in which steps it died.
    async fn kill(mut self, when: Duration, places: &Places) -> anyhow::Result<BTreeSet<String>> {
        let mut under_way: BTreeMap<String, String> = BTreeMap::new();
        let until = tokio::time::sleep(when);
        tokio::pin!(until);
        loop {
            let line = tokio::select! {
                line = self.marks.recv() => line,
                () = &mut until => break,
            };
            let Some(line) = line else {
                bail!("the system ended by itself: {}", self.said());
            };
            if line == "!" {
                break;
            }
            note(&mut under_way, &line);
        }
        ensure!(
            self.child.try_wait()?.is_none(),
            "the system ended by itself: {}",
            self.said()
        );
        self.child.kill().await?;
        places.set(None);
        // What it told before it died is still in the pipe.
        while let Some(line) = self.marks.recv().await {
            note(&mut under_way, &line);
        }
        Ok(under_way.into_values().collect())
    }
}

/// Follows what has begun and not ended.
fn note(under_way: &mut BTreeMap<String, String>, line: &str) {
    if let Some(ended) = line.strip_prefix('-') {
        under_way.remove(ended);
    }
    if let Some((number, step)) = line.strip_prefix('+').and_then(|begun| begun.split_once(' ')) {
        under_way.insert(number.to_owned(), step.to_owned());
    }
}

/// One grant that somebody was given, and how it ended.
struct Given {
    request: String,
    grant: String,
    because: &'static str,
}

/// Everybody who asks and decides, whatever becomes of the system meanwhile.
struct Office {
    client: Client,
    places: Places,
    company: Company,
    entitlements: BTreeMap<String, String>,
    open: AtomicBool,
    next: AtomicUsize,
    given: Mutex<Vec<Given>>,
}

impl Office {
    /// Sends a call with an idempotency key until it is answered, as a good client would.
    async fn until_answered(&self, who: &str, path: &str, body: &Value, key: &str) -> anyhow::Result<Answer> {
        loop {
            let mut client = self.client.clone();
            if let Some(api) = self.places.api() {
                client.ready.api = api;
                let who = client.person(who).await?;
                let call = client.request(Method::POST, path, &who);
                let call = call.header("Idempotency-Key", key).json(body);
                match client.send(call).await {
                    Ok(answer) if answer.status < 500 && answer.code() != "changed" => return Ok(answer),
                    _ => {}
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Somebody asks for something and somebody else approves it. `None` when it cannot be asked for now.
    async fn give(&self, person: &Person, group: &NamedGroup, duration: &str) -> anyhow::Result<Option<Given>> {
        let key = self.key();
        let entitlement = self.entitlements.get(group.name).context("no such entitlement")?;
        let body =
            json!({"entitlement": entitlement, "duration": duration, "justification": "INC-42: restart the pool"});
        let asked = self
            .until_answered(&person.user_name, "/v1/requests", &body, &key)
            .await?;
        if asked.status != 201 {
            return Ok(None);
        }
        let request = asked.text("id");
        let path = format!("/v1/requests/{request}/decisions");
        let approver = &self.company.approver.user_name;
        let decided = self
            .until_answered(approver, &path, &json!({"decision": "approve"}), &key)
            .await?;
        if decided.code() == "too-many-grants" {
            // Ends wait while the system is dead more than it lives; the request stays and lapses.
            return Ok(None);
        }
        ensure!(decided.status == 200, "{decided}");
        Ok(Some(Given {
            request,
            grant: decided.text("grant"),
            because: "expired",
        }))
    }

    fn key(&self) -> String {
        format!("office-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Gives grants that get more time and are given back, until the office closes.
    async fn extend(self: Arc<Self>) -> anyhow::Result<()> {
        let (person, group) = (&self.company.second_admin, &self.company.prod_readers);
        while self.open.load(Ordering::Relaxed) {
            tokio::time::sleep(REST).await;
            let Some(given) = self.give(person, group, "30m").await? else {
                continue;
            };
            let path = format!("/v1/grants/{}/extend", given.grant);
            let body = json!({"duration": SHORT, "justification": "INC-42: the restart takes longer"});
            let asked = self
                .until_answered(&person.user_name, &path, &body, &self.key())
                .await?;
            if asked.status == 201 {
                let path = format!("/v1/requests/{}/decisions", asked.text("id"));
                let approver = &self.company.approver.user_name;
                self.until_answered(approver, &path, &json!({"decision": "approve"}), &self.key())
                    .await?;
            }
            // Long enough for the schedule of the new end.
            tokio::time::sleep(REST * 2).await;
            let path = format!("/v1/grants/{}/check-in", given.grant);
            let ended = self
                .until_answered(&person.user_name, &path, &json!({}), &self.key())
                .await?;
            // The answer to the first try may be what was lost.
            ensure!(ended.status == 202 || ended.code() == "grant-not-live", "{ended}");
            self.given.lock().unwrap().push(Given {
                because: "checked_in",
                ..given
            });
        }
        Ok(())
    }

    /// Presses the kill switch again and again for somebody who has nothing, until the office closes.
    async fn press(self: Arc<Self>) -> anyhow::Result<()> {
        let admin = &self.company.admin.user_name;
        let idle = self.client.person(&self.company.auditor.user_name).await?;
        let mut client = self.client.clone();
        let user = loop {
            if let Some(api) = self.places.api() {
                client.ready.api = api;
                // While it comes up or dies it answers nothing, or 503.
                let me = client.get(&idle, "/v1/me").await;
                if let Ok(me) = me.and_then(Answer::ok) {
                    break me["user"].clone();
                }
            }
            tokio::time::sleep(REST).await;
        };
        let scope = json!({"scope": "user", "id": user});
        while self.open.load(Ordering::Relaxed) {
            tokio::time::sleep(REST * 2).await;
            let path = "/v1/admin/kill-switch";
            let seen = self
                .until_answered(admin, &format!("{path}/preview"), &scope, &self.key())
                .await?
                .ok()?;
            let mut body = scope.clone();
            body["reason"] = json!("a laptop was stolen");
            body["confirmation"] = seen["confirmation"].clone();
            let pressed = self.until_answered(admin, path, &body, &self.key()).await?;
            ensure!(pressed.status == 202, "{pressed}");
        }
        Ok(())
    }

    /// One desk: gives grants until the office closes.
    async fn work(self: Arc<Self>, desk: usize) -> anyhow::Result<()> {
        let company = &self.company;
        let busy = [
            &company.standing_member,
            &company.approver,
            &company.auditor,
            &company.second_admin,
        ];
        let people: Vec<Person> = company
            .people()
            .into_iter()
            .filter(|person| !busy.contains(&person))
            .collect();
        for turn in 0.. {
            if !self.open.load(Ordering::Relaxed) {
                return Ok(());
            }
            let number = turn * DESKS + desk;
            let person = people.get(number % people.len()).context("nobody")?;
            let group = company
                .requestable
                .get(turn % company.requestable.len())
                .context("nothing")?;
            if let Some(given) = self.give(person, group, SHORT).await? {
                self.given.lock().unwrap().push(given);
            }
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }
}

/// The system is seeded by the whole laptop program; then its table goes to one process and the rest stays with another.
async fn seed(folder: &Path) -> anyhow::Result<(Ready, BTreeMap<String, String>, Members)> {
    let mut options = Options::new(folder.join("system"));
    options.short_durations = vec![SHORT.parse()?];
    let system = System::start(&options).await?;
    let ready = system.ready.clone();
    let client = Client::new(ready.clone())?;
    let list = client
        .get(&client.admin().await?, "/v1/admin/entitlements?limit=100")
        .await?
        .ok()?;
    let entitlements = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| Some((item["name"].as_str()?.to_owned(), item["id"].as_str()?.to_owned())))
        .collect();
    exact(&client, &list["items"][0]).await?;
    let before = members(&client).await?;
    system.stop().await;
    std::fs::create_dir_all(folder.join("world"))?;
    for entry in std::fs::read_dir(folder.join("system"))? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with("dynamodb") {
            std::fs::copy(entry.path(), folder.join("world").join(entry.file_name()))?;
        }
    }
    Ok((ready, entitlements, before))
}

/// From here on the grants of this entitlement end at their second: by a message, as short as they are.
async fn exact(client: &Client, entitlement: &Value) -> anyhow::Result<()> {
    let id = entitlement["id"].as_str().context("no entitlement")?;
    let (admin, path) = (client.admin().await?, format!("/v1/admin/entitlements/{id}"));
    let mut body = client.get(&admin, &path).await?.ok()?;
    let fields = body.as_object_mut().context("no entitlement")?;
    for name in ["id", "created_at", "version"] {
        fields.remove(name);
    }
    fields.insert("exact_expiry".to_owned(), json!(true));
    client.put(&admin, &path, &body).await?.ok()?;
    Ok(())
}

/// The neighbours that survive: a schedule that fires is handed to the system wherever it is, if it lives.
async fn survivor(folder: &Path, places: &Places) -> anyhow::Result<World> {
    let mut options = Options::new(folder.join("world"));
    options.short_durations = vec![SHORT.parse()?];
    let world = World::start(&options, Shutdown::new()).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let places = places.clone();
    let forward = function(move |event: Value| {
        let (http, lambda) = (http.clone(), places.lambda());
        async move {
            let lambda = lambda.context("the system is dead")?;
            let url = format!("{lambda}/2015-03-31/functions/revocation/invocations");
            let answer = http.post(url).json(&event).send().await?.error_for_status()?;
            ensure!(!answer.headers().contains_key("x-amz-function-error"), "it failed");
            Ok::<_, anyhow::Error>(answer.json::<Value>().await?)
        }
    });
    world.lambda.register("revocation", forward, World::function_config());
    let _messages = world.deliver_on_time();
    let environment = environment(&world.config(&options, "http://localhost:8600"));
    std::fs::write(folder.join("environment.json"), serde_json::to_vec(&environment)?)?;
    Ok(world)
}

async fn members(client: &Client) -> anyhow::Result<Members> {
    let state = client
        .http()
        .get(format!("{}/_state", client.ready.graph))
        .send()
        .await?;
    let state: Value = state.json().await?;
    let groups = state["groups"].as_object().context("no groups")?;
    Ok(groups
        .iter()
        .flat_map(|(group, members)| {
            let members = members.as_array().into_iter().flatten().filter_map(Value::as_str);
            members.map(|member| (group.clone(), member.to_owned()))
        })
        .collect())
}

/// Waits until every grant has ended, and says what is wrong with those that have not, or not as they should.
async fn wrong_ends(client: &Client, given: &[Given]) -> anyhow::Result<Vec<String>> {
    let auditor = client.ready.people.auditor.clone().context("no auditor")?;
    let mut wrong = Vec::new();
    let patience = tokio::time::sleep(END);
    tokio::pin!(patience);
    for Given {
        request,
        grant,
        because,
    } in given
    {
        loop {
            let who = client.person(&auditor).await?;
            let seen = client.get(&who, &format!("/v1/grants/{grant}")).await?.ok()?;
            if seen["status"] == "ended" {
                let events = client.timeline(&who, request).await?;
                let once = ["request.created", "request.approved", "grant.ending", "grant.ended"];
                let doubled = once
                    .iter()
                    .any(|step| events.iter().filter(|event| event == step).count() != 1);
                if seen["ended_because"] != *because || doubled {
                    wrong.push(format!("{seen}: {events:?}"));
                }
                break;
            }
            if patience.is_elapsed() {
                wrong.push(format!("has not ended: {seen}"));
                break;
            }
            tokio::select! {
                () = &mut patience => {}
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        }
    }
    Ok(wrong)
}

/// Kills the system again and again while everybody works; answers the steps it died in, and how often each.
async fn killed(folder: &Path, kills: usize, seed: u64, places: &Places) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut rng = Rng(seed);
    let mut died_in: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..kills {
        let missing: Vec<&str> = all_steps().filter(|step| !died_in.contains_key(*step)).collect();
        let aimed = missing.get(usize::try_from(rng.between(0, 1_000))? % missing.len().max(1));
        // The first is always a random one, so that something is under way.
        let aim = aimed
            .filter(|_| number > 0 && (number % 2 == 1 || kills - number <= missing.len() + 5))
            .map(|step| {
                let side = if rng.between(0, 1) == 0 { "before" } else { "after" };
                format!("{step}:{}:{side}", rng.between(1, 2))
            });
        let when = match aim {
            Some(_) => STEP_PATIENCE,
            None => Duration::from_millis(rng.between(MOMENTS.0, MOMENTS.1)),
        };
        let victim = Victim::start(folder, number, aim.as_deref(), places).await?;
        for step in victim.kill(when, places).await? {
            *died_in.entry(step).or_default() += 1;
        }
    }
    Ok(died_in)
}

fn all_steps() -> impl Iterator<Item = &'static str> {
    STORED
        .into_iter()
        .chain([CREATE, SEND, DELETE, VERIFY, INSPECT, ADD, REMOVE])
}

/// How many kills: those of the test command, unless `HOURGLASS_KILLS` says otherwise.
fn kills() -> anyhow::Result<usize> {
    match std::env::var_os("HOURGLASS_KILLS") {
        None => Ok(KILLS),
        Some(number) => number.to_string_lossy().parse().context("HOURGLASS_KILLS is a number"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_many_moments_while_its_neighbours_live_on() -> anyhow::Result<()> {
    let kills = kills()?;
    let folder: TempDir = tempfile::tempdir()?;
    let (seeded, entitlements, before) = seed(folder.path()).await?;
    let places = Places::default();
    let world = survivor(folder.path(), &places).await?;
    let ready = Ready {
        oidc: world.entra.options().oidc_url.clone(),
        graph: world.entra.options().graph_url.clone(),
        scheduler: world.scheduler.url().to_owned(),
        ..seeded
    };
    let office = Arc::new(Office {
        client: Client::new(ready)?,
        places: places.clone(),
        company: Company::new(),
        entitlements,
        open: AtomicBool::new(true),
        next: AtomicUsize::new(0),
        given: Mutex::default(),
    });
    let mut desks = tokio::task::JoinSet::new();
    for desk in 0..DESKS {
        desks.spawn(Arc::clone(&office).work(desk));
    }
    desks.spawn(Arc::clone(&office).extend());
    desks.spawn(Arc::clone(&office).press());
    let (holder, held) = (office.company.requester.clone(), office.company.db_breakglass.clone());
    let long = tokio::spawn({
        let (office, holder, held) = (Arc::clone(&office), holder.clone(), held.clone());
        async move { office.give(&holder, &held, "30m").await }
    });
    let died_in = killed(folder.path(), kills, 1, &places).await?;
    println!("died in {died_in:?}");

    let victim = Victim::start(folder.path(), kills, None, &places).await?;
    office.open.store(false, Ordering::Relaxed);
    while let Some(desk) = desks.join_next().await {
        desk??;
    }
    let long = long.await??.context("the long grant was not given")?;
    let mut client = office.client.clone();
    client.ready.api = places.api().context("it is dead")?;
    let given = std::mem::take(&mut *office.given.lock().unwrap());
    let mut violations = wrong_ends(&client, &given).await?;
    let mut expected = before.clone();
    expected.insert((held.id.to_string(), holder.id.to_string()));
    let now = members(&client).await?;
    violations.extend(
        now.symmetric_difference(&expected)
            .map(|pair| format!("{pair:?} with one live grant")),
    );

    let path = format!("/v1/grants/{}/check-in", long.grant);
    let ended = office
        .until_answered(&holder.user_name, &path, &json!({}), "check-in")
        .await?;
    ensure!(ended.status == 202, "{ended}");
    let long = Given {
        because: "checked_in",
        ..long
    };
    violations.extend(wrong_ends(&client, &[long]).await?);
    let now = members(&client).await?;
    violations.extend(
        now.symmetric_difference(&before)
            .map(|pair| format!("{pair:?} when all has ended")),
    );
    // The promise of who ordered an end is the sweep's to forget, some seconds later. Then it is killed, and not asked to
    // end: what was accepted has to be there all the same.
    victim.kill(Duration::from_secs(15), &places).await?;
    let streams = audit::examine(&folder.path().join("system"), audit::GivenUp::Expected).await?;

    let hit: Vec<&str> = all_steps().filter(|step| died_in.contains_key(*step)).collect();
    let missed: Vec<&str> = all_steps().filter(|step| !died_in.contains_key(*step)).collect();
    println!(
        "{}",
        json!({
            "kills": kills, "steps": all_steps().count(), "steps_hit": hit.len(), "violations": violations.len(),
            "grants": given.len() + 1, "audit_streams": streams, "died_in": died_in,
        })
    );
    assert_eq!(violations, [""; 0]);
    assert_eq!(missed, [""; 0], "steps in which it was never killed");
    assert!(given.len() >= kills, "only {} grants in {kills} kills", given.len());
    world.base().shutdown.finish().await;
    Ok(())
}
