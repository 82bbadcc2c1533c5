//! What suites of many cases share: a seeded company of one's own that starts in a moment, a look at everything that is
//! stored, an intruder's hand in the table, and what the functions have logged.

use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hourglass_app::change::read;
use hourglass_app::ports::store::{Condition, Key, Write};
use hourglass_app::records::{Record, Stored, to_item};
use hourglass_boot::config::LogConfig;
use hourglass_boot::system::SystemClock;
use hourglass_boot::{Services, telemetry};
use hourglass_domain::Timestamp;
use hourglass_local::company::Company;
use hourglass_local::entra::Provisioner;
use hourglass_local::system::Options;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Answer, BRIEF, Person, Running, SHORT, table};

/// The files of a company that has been seeded and stopped: every case starts on a copy.
static SEEDED: OnceCell<Vec<(PathBuf, Vec<u8>)>> = OnceCell::const_new();
/// Everything that the functions in this process have logged, as they log in AWS.
static LOGS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// How often a case looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running company of one's own.
#[derive(Debug)]
pub struct Stage {
    running: Running,
    /// Who is who.
    pub company: Company,
    /// The functions' own view of the table, with which an intruder writes.
    pub services: Services,
    folder: TempDir,
}

impl Deref for Stage {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// All items of the table by key, without those that are no state.
pub type State = BTreeMap<String, Value>;

/// A company with a short duration and a quick proof of absence.
///
/// # Errors
/// When it does not start.
pub async fn stage() -> anyhow::Result<Stage> {
    stage_with(|_| {}).await
}

/// As [`stage`], with other options.
///
/// # Errors
/// When it does not start.
pub async fn stage_with(change: impl FnOnce(&mut Options)) -> anyhow::Result<Stage> {
    listen_to_the_logs();
    let files = SEEDED.get_or_try_init(seeded).await?;
    let folder = tempfile::tempdir()?;
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        std::fs::write(path, bytes)?;
    }
    start(folder, change).await
}

async fn start(folder: TempDir, change: impl FnOnce(&mut Options)) -> anyhow::Result<Stage> {
    let mut options = options(folder.path())?;
    change(&mut options);
    let running = Running::on(&options).await?;
    let config = running.system.world.config(&options, &running.ready.console);
    Ok(Stage {
        services: Services::new(config).await?,
        running,
        company: Company::new(),
        folder,
    })
}

fn options(folder: &Path) -> anyhow::Result<Options> {
    let mut options = Options::new(folder);
    options.short_durations = vec![SHORT.parse()?, BRIEF.parse()?];
    options.confirm_after_seconds = 1;
    Ok(options)
}

/// Seeds a company, waits until provisioning has answered everything that was asked of it, and keeps the files.
async fn seeded() -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = tempfile::tempdir()?;
    let stage = start(folder, |_| {}).await?;
    let open = |item: &Value| {
        let pk = item["pk"]["S"].as_str().unwrap_or_default();
        pk.starts_with("PROBE#") && item["body"]["M"]["answer"]["M"].is_null()
    };
    stage
        .until("all probes answered", || async {
            let waiting = table(&stage.system.world)?.iter().filter(|item| open(item)).count();
            Ok(if waiting == 0 { Ok(()) } else { Err(waiting.to_string()) })
        })
        .await?;
    let Stage {
        running,
        services,
        folder,
        ..
    } = stage;
    drop(services);
    running.system.stop().await;
    let mut files = Vec::new();
    collect(folder.path(), folder.path(), &mut files)?;
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push((path.strip_prefix(root)?.to_owned(), std::fs::read(&path)?));
        }
    }
    Ok(())
}

impl Stage {
    /// Ends the system in good order.
    pub async fn stop(self) {
        let Self { running, services, .. } = self;
        drop(services);
        running.system.stop().await;
    }

    /// Entra's provisioning job.
    #[must_use]
    #[expect(clippy::expect_used, reason = "every seeded company has one")]
    pub fn provisioner(&self) -> &Provisioner {
        self.system
            .world
            .entra
            .provisioner()
            .expect("the company is provisioned")
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.system.world.clock().now().as_millisecond())
    }

    /// Everything that is stored. Left out is when provisioning was last heard of, which every SCIM call may write, what
    /// the directory says about targets and their members, which is asked again from time to time, who sweeps, that a
    /// session is in use, and sign-ins under way.
    ///
    /// # Errors
    /// When the engine refuses.
    pub fn state(&self) -> anyhow::Result<State> {
        let items = table(&self.system.world)?;
        let named = items.into_iter().map(|item| {
            let part = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
            (format!("{} / {}", part("pk"), part("sk")), item)
        });
        let own_time = |key: &str| {
            let whenever = ["FACT#", "SWEEP#", "DRIFT#", "SEEN#", "SIGNIN#"]
                .iter()
                .any(|prefix| key.starts_with(prefix));
            let drift = key.contains("#drift#") || (key.starts_with("AUD#config:") && key.contains(":drift:"));
            whenever || drift || key.ends_with("#SEEN / SEEN") || key.contains("#facts#")
        };
        Ok(named.filter(|(key, _)| !own_time(key)).collect())
    }

    /// Everything that is stored, once nothing has changed for a while.
    ///
    /// # Errors
    /// When it never comes to rest.
    pub async fn settled(&self) -> anyhow::Result<State> {
        let mut before = None;
        for _ in 0..400 {
            let last = self.last_write()?;
            if before.as_ref() == Some(&last) && self.system.stream.position()? == last {
                return self.state();
            }
            before = Some(last);
            tokio::time::sleep(LOOK_EVERY * 5).await;
        }
        anyhow::bail!("the table never comes to rest")
    }

    /// Number of the table's last write.
    fn last_write(&self) -> anyhow::Result<Option<String>> {
        let database = self.system.world.dynamodb.database();
        let streams = database.list_streams(serde_json::from_value(json!({}))?)?;
        let stream = streams.streams.first().context("the table has no stream")?;
        let described = database.describe_stream(serde_json::from_value(json!({"StreamArn": stream.stream_arn}))?)?;
        let shards = described.stream_description.shards;
        let shard = shards.first().context("the stream has no shard")?;
        Ok(shard.sequence_number_range.ending_sequence_number.clone())
    }

    /// Nothing has been stored since `before`. A promise whose time has come is no longer there: the sweep takes it. And
    /// who has access, or had it a moment ago, is looked at every few seconds: that somebody looked, and when it is done
    /// again, is no change.
    ///
    /// # Errors
    /// With what has changed.
    pub fn unchanged(&self, before: &State, what: &str) -> anyhow::Result<()> {
        let after = self.state()?;
        let now = self.now().to_string();
        let taken = |key: &String| {
            let due = key.strip_prefix("DUE#").and_then(|key| key.split_once(" / "));
            due.is_some_and(|(_, at)| *at <= *now) && !after.contains_key(key)
        };
        let looked_at = |key: &String| {
            let again = ["#advance#", "#recheck#"].iter().any(|kind| key.contains(kind));
            key.starts_with("DUE#G#") && again
        };
        let same = |key: &String| before.get(key).map(unlooked) == after.get(key).map(unlooked);
        let keys = before.keys().filter(|key| !taken(key)).chain(after.keys());
        let changed: Vec<&String> = keys.filter(|key| !looked_at(key) && !same(key)).collect();
        let changes = changed.iter().map(|key| (key, before.get(*key), after.get(*key)));
        anyhow::ensure!(changed.is_empty(), "{what} changed {:#?}", changes.collect::<Vec<_>>());
        Ok(())
    }

    /// A stored record.
    ///
    /// # Errors
    /// When there is none.
    pub async fn read<R: Record>(&self, key: &Key) -> anyhow::Result<Stored<R>> {
        let found = read(&*self.services.core.store, key).await?;
        found.with_context(|| format!("there is no {key:?}"))
    }

    /// Writes a record as somebody would who has got hold of the table: past every rule and condition.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn forge<R: Record>(&self, record: &R) -> anyhow::Result<()> {
        let stored: Option<Stored<R>> = read(&*self.services.core.store, &record.key()).await?;
        let version = stored.map_or(1, |stored| stored.version + 1);
        let item = to_item(record, version)?;
        self.write(Write::Put {
            item,
            condition: Condition::Any,
        })
        .await
    }

    /// Deletes an item the same way.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn erase(&self, key: Key) -> anyhow::Result<()> {
        self.write(Write::Delete {
            key,
            condition: Condition::Any,
        })
        .await
    }

    async fn write(&self, write: Write) -> anyhow::Result<()> {
        match self.services.core.store.commit(vec![write]).await {
            Ok(()) => Ok(()),
            Err(error) => anyhow::bail!("{error:?}"),
        }
    }

    /// Our id of a provisioned group.
    ///
    /// # Errors
    /// When there is none.
    pub async fn group_id(&self, name: &str) -> anyhow::Result<String> {
        self.admin_id("groups", name).await
    }

    /// Our id of a provisioned user.
    ///
    /// # Errors
    /// When there is none.
    pub async fn user_id(&self, user_name: &str) -> anyhow::Result<String> {
        self.admin_id("users", user_name).await
    }

    async fn admin_id(&self, list: &str, name: &str) -> anyhow::Result<String> {
        let admin = self.admin().await?;
        let found = self.all(&admin, &format!("/v1/admin/{list}")).await?;
        let named = |item: &&Value| ["name", "user_name"].iter().any(|field| item[*field] == name);
        let found = found
            .iter()
            .find(named)
            .with_context(|| format!("no {name} in {list}"))?;
        Ok(found["id"].as_str().context("no id")?.to_owned())
    }

    /// All entries of a list.
    ///
    /// # Errors
    /// When a page is refused.
    pub async fn all(&self, who: &Person, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let page = self.get(who, &format!("{path}?limit=100{after}")).await?.ok()?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    /// Id of the entitlement with this name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn entitlement_named(&self, name: &str) -> anyhow::Result<String> {
        self.admin_id("entitlements", name).await
    }

    /// An entitlement's fields as they have to be sent to replace it, changed.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn change_entitlement(&self, id: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<Answer> {
        let admin = self.admin().await?;
        let path = format!("/v1/admin/entitlements/{id}");
        let mut body = self.get(&admin, &path).await?.ok()?;
        let fields = body.as_object_mut().context("no entitlement")?;
        for name in ["id", "created_at", "version", "unusable"] {
            fields.remove(name);
        }
        change(&mut body);
        self.put(&admin, &path, &body).await
    }

    /// The template, changed.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn change_template(&self, change: impl FnOnce(&mut Value)) -> anyhow::Result<Answer> {
        let admin = self.admin().await?;
        let mut body = self.get(&admin, "/v1/admin/template").await?.ok()?;
        body.as_object_mut().context("no template")?.remove("key");
        change(&mut body);
        self.put(&admin, "/v1/admin/template", &body).await
    }

    /// Asks for the usual entitlement and answers the request's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn asked(&self, who: &Person, duration: &str) -> anyhow::Result<String> {
        let request = self.ask(who, duration).await?.ok()?;
        Ok(request["id"].as_str().context("no id")?.to_owned())
    }

    /// Whether the usual requester is a true member of the usual group.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn dana_is_in(&self) -> anyhow::Result<bool> {
        let account = self.company.requester.id.to_string();
        let members = self.members(&self.company.prod_admins.id.to_string()).await?;
        Ok(members.contains(&account))
    }

    /// Waits until the usual requester is, or is not, a true member of the usual group.
    ///
    /// # Errors
    /// When that does not come to be.
    pub async fn dana_becomes(&self, member: bool) -> anyhow::Result<()> {
        let group = self.company.prod_admins.id.to_string();
        self.member_is(&group, &self.company.requester.id.to_string(), member)
            .await
    }

    /// All of Graph fails with this status until it is cleared.
    ///
    /// # Errors
    /// When the order is refused.
    pub async fn graph_answers(&self, status: u16) -> anyhow::Result<()> {
        self.clear_graph_faults().await?;
        self.graph_fault(&json!({"match": {"path_contains": "/v1.0/"}, "status": status, "until_cleared": true}))
            .await
    }

    /// The function that a schedule or the sweep's rule starts, started by hand with this event.
    ///
    /// # Errors
    /// What the function fails with.
    pub async fn trigger(&self, event: Value) -> Result<Value, hourglass_local::aws::lambda::InvokeError> {
        self.system.world.lambda.invoke("revocation", event).await
    }
}

/// An item without what a look at a grant or a membership leaves behind.
fn unlooked(item: &Value) -> Value {
    let mut item = item.clone();
    let of = item["pk"]["S"].as_str().unwrap_or_default();
    if ["GRANT#", "MEMB#"].iter().any(|prefix| of.starts_with(prefix)) {
        if let Some(fields) = item.as_object_mut() {
            fields.remove("v");
        }
        if let Some(fields) = item.pointer_mut("/body/M").and_then(Value::as_object_mut) {
            fields.retain(|name, _| !["due", "lease", "watch"].contains(&name.as_str()));
        }
        if let Some(fields) = item.pointer_mut("/body/M/presence/M").and_then(Value::as_object_mut) {
            fields.remove("confirmed_at");
        }
    }
    item
}

/// A refusal: status and code.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{answer}");
    assert_eq!(answer.content_type, "application/problem+json");
}

#[derive(Clone)]
struct Capture;

impl io::Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGS.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The functions log here, in the form and with the filter that they have in AWS, at their most talkative.
fn listen_to_the_logs() {
    let setting = |name: &str| match name {
        "AWS_LAMBDA_LOG_LEVEL" => Some("TRACE".to_owned()),
        "AWS_LAMBDA_LOG_FORMAT" => Some("JSON".to_owned()),
        _ => None,
    };
    let config = LogConfig::read(setting);
    telemetry::init_to(&config, Arc::new(SystemClock), || Capture);
}

/// Everything logged so far, by every case of this process.
#[must_use]
pub fn logs() -> String {
    String::from_utf8_lossy(&LOGS.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// The lines that hold all of these.
#[must_use]
pub fn logged(parts: &[&str]) -> Vec<String> {
    logs()
        .lines()
        .filter(|line| parts.iter().all(|part| line.contains(part)))
        .map(str::to_owned)
        .collect()
}
