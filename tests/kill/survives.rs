//! Killed at many moments of the main job. At the end every grant has ended, the tenant's true members are those that
//! were there before, and every step is in the history once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use hourglass_domain::Timestamp;
use hourglass_local::company::{Company, NamedGroup, Person};
use hourglass_local::sim;
use hourglass_tests::{Answer, Client, PATIENCE, SHORT};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audit::{GivenUp, examine};
use crate::laptop::Laptop;

/// How often a grant's end is waited for: a killed worker's lease alone takes most of the first time.
const WAITS_FOR_THE_END: usize = 2;

/// When to kill the first starts, in milliseconds: one after the other gets a little further with seeding the company.
const SEEDING: [u64; 5] = [300, 600, 900, 1_200, 1_500];

/// When to kill. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after the request was sent.
    Asking(u64),
    /// Once the request is answered.
    Asked,
    /// So long after the approval was sent.
    Approving(u64),
    /// So long after the approval was answered.
    Approved(u64),
    /// Once the account is a true member.
    Member,
    /// Once the grant is active.
    Active,
    /// So long after the grant's end.
    Expired(i64),
    /// Once the account is no true member any more, before that is proved.
    Removed,
}

/// One grant on its way.
struct Case {
    moment: Moment,
    person: Person,
    group: NamedGroup,
    request: String,
    grant: String,
}

/// The system that is killed and started again.
struct Victim {
    folder: TempDir,
    company: Company,
    laptop: Option<Laptop>,
    client: Client,
    starts: usize,
    kills: usize,
    entitlements: BTreeMap<String, String>,
    before: Value,
    cases: Vec<Case>,
}

fn launch(folder: &TempDir, start: usize) -> anyhow::Result<Laptop> {
    Laptop::launch(folder.path(), &format!("start-{start}"), &["--allow-duration", SHORT])
}

impl Victim {
    /// Starts for the first time, killed in the middle of that after so many milliseconds each.
    async fn begin(killed_after: &[u64]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (start, after) in killed_after.iter().enumerate() {
            let laptop = launch(&folder, start)?;
            tokio::time::sleep(Duration::from_millis(*after)).await;
            laptop.kill().await?;
        }
        let starts = killed_after.len() + 1;
        let mut laptop = launch(&folder, starts)?;
        let client = laptop.client().await?;
        let list = client
            .get(&client.admin().await?, "/v1/admin/entitlements?limit=100")
            .await?
            .ok()?;
        let entitlements = list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| Some((item["name"].as_str()?.to_owned(), item["id"].as_str()?.to_owned())));
        let before = members(&client).await?;
        Ok(Self {
            entitlements: entitlements.collect(),
            before,
            folder,
            company: Company::new(),
            laptop: Some(laptop),
            client,
            starts,
            kills: killed_after.len(),
            cases: Vec::new(),
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    async fn kill(&mut self) -> anyhow::Result<()> {
        self.laptop.take().context("it is dead")?.kill().await?;
        self.kills += 1;
        Ok(())
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let mut laptop = launch(&self.folder, self.starts)?;
        let token = self.client.ready.scim.token.clone();
        self.client = laptop.client().await?;
        assert_eq!(self.client.ready.scim.token, token, "Entra was told another secret");
        self.laptop = Some(laptop);
        Ok(())
    }

    /// Lets somebody ask for something and somebody else approve it, kills the program at the moment named, and starts
    /// it again. What was not answered is sent again, as a client would.
    async fn case(&mut self, moment: Moment, person: Person, group: NamedGroup) -> anyhow::Result<()> {
        let entitlement = self.entitlements[group.name].clone();
        // Provisioning may not have looked at the group yet.
        let body = json!({"entitlement": entitlement, "duration": SHORT, "justification": "INC-42: restart the pool"});
        let dana = self.client.person(&person.user_name).await?;
        self.client
            .until(&format!("{} can be requested", group.name), || async {
                let preview = self.client.post(&dana, "/v1/requests/preview", &body).await?;
                Ok(if preview.status == 200 {
                    Ok(())
                } else {
                    Err(preview.to_string())
                })
            })
            .await?;
        let killed_after = match moment {
            Moment::Asking(millis) => Some(millis),
            _ => None,
        };
        let asked = self
            .once(&person.user_name, "/v1/requests", &body, killed_after)
            .await?;
        assert_eq!(asked.status, 201, "{asked}");
        let request = asked.text("id");
        if matches!(moment, Moment::Asked) {
            self.kill().await?;
            self.start().await?;
        }
        let path = format!("/v1/requests/{request}/decisions");
        let killed_after = match moment {
            Moment::Approving(millis) => Some(millis),
            _ => None,
        };
        let approver = self.company.approver.user_name.clone();
        let decided = self
            .once(&approver, &path, &json!({"decision": "approve"}), killed_after)
            .await?;
        assert_eq!(
            (decided.status, decided.text("status").as_str()),
            (200, "approved"),
            "{decided}"
        );
        let case = Case {
            moment,
            person,
            group,
            request,
            grant: decided.text("grant"),
        };
        self.reach(&case).await.with_context(|| format!("{moment:?}"))?;
        if !matches!(moment, Moment::Asking(_) | Moment::Asked | Moment::Approving(_)) {
            self.kill().await?;
            self.start().await?;
        }
        self.cases.push(case);
        Ok(())
    }

    /// Waits for a moment after the approval.
    async fn reach(&self, case: &Case) -> anyhow::Result<()> {
        let (group, account) = (case.group.id.to_string(), case.person.id.to_string());
        let dana = self.client.person(&case.person.user_name).await?;
        match case.moment {
            Moment::Asking(_) | Moment::Asked | Moment::Approving(_) => {}
            Moment::Approved(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Moment::Member => self.client.member_is(&group, &account, true).await?,
            Moment::Active => {
                self.client
                    .grant_until(&dana, &case.grant, |grant| grant["status"] == "active")
                    .await?;
            }
            Moment::Expired(millis) => {
                let grant = self
                    .client
                    .grant_until(&dana, &case.grant, |grant| grant["status"] == "active")
                    .await?;
                let end: Timestamp = grant["expires_at"].as_str().context("no end")?.parse()?;
                let left = end.millis() + millis - sim::wall_clock().now().as_millisecond();
                tokio::time::sleep(Duration::from_millis(left.try_into().unwrap_or(0))).await;
            }
            Moment::Removed => {
                self.client.member_is(&group, &account, true).await?;
                self.client.member_is(&group, &account, false).await?;
            }
        }
        Ok(())
    }

    /// Sends a call with an idempotency key. With a time, the program is killed that long after, started again, and the
    /// call repeated.
    async fn once(&mut self, who: &str, path: &str, body: &Value, killed_after: Option<u64>) -> anyhow::Result<Answer> {
        let key = format!("{path}-{}", self.cases.len());
        let call = |client: Client, who: hourglass_tests::Person| {
            let (path, body, key) = (path.to_owned(), body.clone(), key.clone());
            async move {
                let call = client
                    .request(Method::POST, &path, &who)
                    .header("Idempotency-Key", key)
                    .json(&body);
                client.send(call).await
            }
        };
        let signed_in = self.client.person(who).await?;
        let Some(millis) = killed_after else {
            return call(self.client.clone(), signed_in).await;
        };
        let lost = tokio::spawn(call(self.client.clone(), signed_in));
        tokio::time::sleep(Duration::from_millis(millis)).await;
        self.kill().await?;
        let lost = lost.await?;
        self.start().await?;
        let signed_in = self.client.person(who).await?;
        let again = call(self.client.clone(), signed_in).await?;
        if let Ok(answered) = lost {
            assert_eq!(answered, again, "what was answered before the kill does not hold");
        }
        Ok(again)
    }

    /// Waits until everything has ended, and looks whether anything was lost, doubled or left behind.
    async fn everything_ended(mut self) -> anyhow::Result<()> {
        let auditor = self.client.person(&self.company.auditor.user_name).await?;
        for case in &self.cases {
            self.ended(case)
                .await
                .with_context(|| format!("killed at {:?}", case.moment))?;
        }
        assert_eq!(members(&self.client).await?, self.before, "the true members");
        let history = self.client.get(&auditor, "/v1/history?limit=100").await?.ok()?;
        assert_eq!(
            history["items"].as_array().map(Vec::len),
            Some(self.cases.len()),
            "as many requests as were made"
        );
        let schedules: Value = self
            .client
            .http()
            .get(format!("{}/_state", self.client.ready.scheduler))
            .send()
            .await?
            .json()
            .await?;
        assert_eq!(schedules["schedules"], json!([]), "{schedules}");
        let mut laptop = self.laptop.take().context("it is dead")?;
        assert_eq!(laptop.interrupt(PATIENCE).await?.code(), Some(0), "{}", laptop.said());
        let streams = examine(&self.data(), GivenUp::Nothing).await?;
        assert!(streams > self.cases.len(), "{streams} audit streams");
        Ok(())
    }

    async fn ended(&self, case: &Case) -> anyhow::Result<()> {
        let dana = self.client.person(&case.person.user_name).await?;
        let mut ended = Err(anyhow::anyhow!("not waited for"));
        for _ in 0..WAITS_FOR_THE_END {
            ended = self
                .client
                .grant_until(&dana, &case.grant, |grant| grant["status"] == "ended")
                .await;
            if ended.is_ok() {
                break;
            }
        }
        let ended = ended?;
        assert_eq!(ended["ended_because"], "expired", "{:?}: {ended}", case.moment);
        let standing = case.person == self.company.standing_member;
        let status = ended["targets"][0]["status"].as_str().unwrap_or_default();
        // One whose time was over before a worker came to it was never added.
        let right = if standing {
            status == "kept_standing"
        } else {
            ["absent", "not_added"].contains(&status)
        };
        assert!(right, "{:?}: {ended}", case.moment);
        let path = format!("/v1/requests/{}/events?limit=100", case.request);
        let events = self.client.get(&dana, &path).await?.ok()?;
        let events = events["items"].as_array().cloned().unwrap_or_default();
        let numbers: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(
            numbers,
            (1..=events.len() as u64).collect::<Vec<_>>(),
            "{:?}",
            case.moment
        );
        for once in ["request.created", "request.approved", "grant.ending", "grant.ended"] {
            let times = events.iter().filter(|event| event["action"] == once).count();
            assert_eq!(times, 1, "{once} in {:?}: {events:?}", case.moment);
        }
        Ok(())
    }
}

/// The true members of all groups.
async fn members(client: &Client) -> anyhow::Result<Value> {
    Ok(client
        .http()
        .get(format!("{}/_state", client.ready.graph))
        .send()
        .await?
        .json()
        .await?)
}

/// Kills at these moments, each with somebody else.
async fn killed_at(victim: &mut Victim, moments: &[Moment]) -> anyhow::Result<()> {
    let company = victim.company.clone();
    let people = company.people().into_iter().filter(|person| {
        *person != company.standing_member && *person != company.approver && *person != company.auditor
    });
    let groups = company.requestable.iter().cycle();
    for ((moment, person), group) in moments.iter().zip(people).zip(groups) {
        victim
            .case(*moment, person, group.clone())
            .await
            .with_context(|| format!("killed at {moment:?}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_the_way_in_nothing_is_lost() -> anyhow::Result<()> {
    let mut victim = Victim::begin(&SEEDING).await?;
    let moments = [
        Moment::Asking(5),
        Moment::Asking(15),
        Moment::Asking(30),
        Moment::Asking(60),
        Moment::Asked,
        Moment::Approving(5),
        Moment::Approving(15),
        Moment::Approving(30),
        Moment::Approving(60),
        Moment::Approved(0),
        Moment::Approved(20),
        Moment::Approved(50),
        Moment::Approved(100),
        Moment::Approved(150),
        Moment::Approved(200),
        Moment::Approved(300),
        Moment::Approved(400),
    ];
    killed_at(&mut victim, &moments).await?;
    assert_eq!(victim.kills, SEEDING.len() + moments.len());
    Box::pin(victim.everything_ended()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_on_the_way_out_nothing_is_lost_and_nobody_stays() -> anyhow::Result<()> {
    let mut victim = Victim::begin(&[]).await?;
    let (member, group) = (victim.company.standing_member.clone(), victim.company.standing.clone());
    victim.case(Moment::Active, member, group).await?;
    let moments = [
        Moment::Member,
        Moment::Active,
        Moment::Expired(0),
        Moment::Expired(150),
        Moment::Expired(600),
        Moment::Removed,
    ];
    killed_at(&mut victim, &moments).await?;
    assert_eq!(victim.kills, 1 + moments.len());
    Box::pin(victim.everything_ended()).await
}
