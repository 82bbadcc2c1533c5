//! What the integration suites share: the whole system on free ports in a temporary folder, and people who call it.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value that is asked for a field it does not have is null"
)]

pub mod browser;
pub mod burst;
pub mod desk;
pub mod keyholders;
pub mod stage;

/// Passkeys without a device.
pub use hourglass_ceremony as authenticator;

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hourglass_local::functions::Functions;
use hourglass_local::system::{Options, Ready, System, TABLE, World};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long tests wait for something that normally takes milliseconds: generous, because machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often they look.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The short duration that tests allow.
pub const SHORT: &str = "5s";
/// Another one, for who has to see that somebody is in before they are out again: time enough on a busy machine.
pub const BRIEF: &str = "15s";

/// The whole system, running in this process.
#[derive(Debug)]
pub struct Running {
    /// The system.
    pub system: System,
    client: Client,
    _folder: Option<TempDir>,
}

impl Deref for Running {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A system that runs somewhere, as people and scripts see it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where everything is.
    pub ready: Ready,
    http: reqwest::Client,
}

/// An answer of the API.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null where there is none or it is no JSON.
    pub body: Value,
    /// `Content-Type`.
    pub content_type: String,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// The last part of the problem's type.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["type"]
            .as_str()
            .and_then(|kind| kind.rsplit(':').next())
            .unwrap_or_default()
    }

    /// The field at fault.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.body["field"].as_str()
    }

    /// A text in the body.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_default().to_owned()
    }

    /// What came back.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn of(response: reqwest::Response) -> anyhow::Result<Self> {
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned)
        };
        let (status, content_type) = (response.status().as_u16(), header("content-type").unwrap_or_default());
        let challenge = header("www-authenticate");
        let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer {
            status,
            body,
            content_type,
            challenge,
            retry_after,
        })
    }

    /// The body of a success.
    ///
    /// # Errors
    /// With everything the answer says, when it is none.
    pub fn ok(self) -> anyhow::Result<Value> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            bail!("{self}")
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body)
    }
}

/// Somebody with an access token.
#[derive(Clone, Debug)]
pub struct Person {
    /// Sign-in name.
    pub name: String,
    /// Access token.
    pub token: String,
}

impl Running {
    /// The seeded company with a short duration, on free ports in a temporary folder.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// As [`Self::start`], with other options.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut options = Options::new(folder.path());
        options.short_durations = vec![SHORT.parse()?, BRIEF.parse()?];
        change(&mut options);
        let mut running = Self::on(&options).await?;
        running._folder = Some(folder);
        Ok(running)
    }

    /// The system with these options, in a folder that outlives it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn on(options: &Options) -> anyhow::Result<Self> {
        Self::with(options, &Functions::InProcess).await
    }

    /// As [`Self::on`], with other functions.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with(options: &Options, functions: &Functions) -> anyhow::Result<Self> {
        let system = System::start_with(options, functions).await?;
        let client = Client::new(system.ready.clone())?;
        Ok(Self {
            system,
            client,
            _folder: None,
        })
    }
}

impl Client {
    /// Calls what `ready` names.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(ready: Ready) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { ready, http })
    }

    /// The id of the entitlement to begin with.
    #[must_use]
    pub fn entitlement(&self) -> String {
        self.ready.entitlement.clone().unwrap_or_default()
    }

    /// Signs somebody in, with a fresh second factor.
    ///
    /// # Errors
    /// When nobody has that name.
    pub async fn person(&self, name: &str) -> anyhow::Result<Person> {
        self.person_with(json!({"user": name})).await
    }

    /// Signs somebody in as the order says (see `POST {oidc}/dev-token`).
    ///
    /// # Errors
    /// When the order is refused.
    pub async fn person_with(&self, order: Value) -> anyhow::Result<Person> {
        let url = format!("{}/dev-token", self.ready.oidc);
        let answer: Value = self.http.post(url).json(&order).send().await?.json().await?;
        let token = answer["access_token"]
            .as_str()
            .with_context(|| format!("no token: {answer}"))?
            .to_owned();
        Ok(Person {
            name: order["user"].as_str().unwrap_or_default().to_owned(),
            token,
        })
    }

    /// The usual requester.
    ///
    /// # Errors
    /// When the system is empty.
    pub async fn requester(&self) -> anyhow::Result<Person> {
        self.person(self.ready.people.requester.as_deref().context("no requester")?)
            .await
    }

    /// The usual approver.
    ///
    /// # Errors
    /// When the system is empty.
    pub async fn approver(&self) -> anyhow::Result<Person> {
        self.person(self.ready.people.approver.as_deref().context("no approver")?)
            .await
    }

    /// The usual admin.
    ///
    /// # Errors
    /// When the sign-in fails.
    pub async fn admin(&self) -> anyhow::Result<Person> {
        self.person(&self.ready.people.admin).await
    }

    /// A request to the API, to be changed and sent.
    pub fn request(&self, method: Method, path: &str, who: &Person) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.ready.api))
            .bearer_auth(&who.token)
    }

    /// Sends a request that was made with [`Self::request`], or by hand.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        Answer::of(request.send().await?).await
    }

    /// `GET`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, who: &Person, path: &str) -> anyhow::Result<Answer> {
        self.send(self.request(Method::GET, path, who)).await
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, who: &Person, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::POST, path, who).json(body)).await
    }

    /// `PUT` with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, who: &Person, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.request(Method::PUT, path, who).json(body)).await
    }

    /// Asks for the usual entitlement.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, who: &Person, duration: &str) -> anyhow::Result<Answer> {
        self.ask_for(who, &self.entitlement(), duration).await
    }

    /// Asks for an entitlement.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask_for(&self, who: &Person, entitlement: &str, duration: &str) -> anyhow::Result<Answer> {
        let body = json!({
            "entitlement": entitlement, "duration": duration, "justification": "INC-42: restart the pool",
        });
        self.post(who, "/v1/requests", &body).await
    }

    /// Decides on a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn decide(&self, who: &Person, request: &str, decision: &str) -> anyhow::Result<Answer> {
        self.post(
            who,
            &format!("/v1/requests/{request}/decisions"),
            &json!({"decision": decision}),
        )
        .await
    }

    /// Asks and approves; answers request and grant ids.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn granted(&self, who: &Person, entitlement: &str, duration: &str) -> anyhow::Result<(String, String)> {
        let request = self.ask_for(who, entitlement, duration).await?.ok()?;
        let id = request["id"].as_str().context("no id")?.to_owned();
        let decided = self.decide(&self.approver().await?, &id, "approve").await?.ok()?;
        let grant = decided["grant"]
            .as_str()
            .with_context(|| format!("no grant: {decided}"))?
            .to_owned();
        Ok((id, grant))
    }

    /// Waits until a grant looks as wanted, and answers it.
    ///
    /// # Errors
    /// When it does not in [`PATIENCE`]; says how it looks instead.
    pub async fn grant_until(
        &self,
        who: &Person,
        grant: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let path = format!("/v1/grants/{grant}");
        self.until(&format!("grant {grant}"), || async {
            let grant = self.get(who, &path).await?.ok()?;
            Ok(if wanted(&grant) {
                Ok(grant)
            } else {
                Err(grant.to_string())
            })
        })
        .await
    }

    /// Waits until `look` finds what it looks for.
    ///
    /// # Errors
    /// When it does not in [`PATIENCE`]; says what it saw last.
    pub async fn until<T, F>(&self, what: &str, look: impl Fn() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<Result<T, String>>>,
    {
        let mut last = String::new();
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                match look().await? {
                    Ok(found) => return Ok(found),
                    Err(seen) => last = seen,
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => bail!("{what} did not come to be in {PATIENCE:?}; last seen: {last}"),
        }
    }

    /// The true members of a group, by object ids, as the simulated tenant knows them.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn members(&self, group: &str) -> anyhow::Result<Vec<String>> {
        let state: Value = self
            .http
            .get(format!("{}/_state", self.ready.graph))
            .send()
            .await?
            .json()
            .await?;
        let members = state["groups"][group].as_array().cloned().unwrap_or_default();
        Ok(members
            .iter()
            .filter_map(|member| member.as_str().map(str::to_owned))
            .collect())
    }

    /// Waits until an account is, or is not, a true member.
    ///
    /// # Errors
    /// When it does not come to be in [`PATIENCE`].
    pub async fn member_is(&self, group: &str, account: &str, wanted: bool) -> anyhow::Result<()> {
        self.until(&format!("membership of {account} = {wanted}"), || async {
            let members = self.members(group).await?;
            Ok(if members.iter().any(|member| member == account) == wanted {
                Ok(())
            } else {
                Err(format!("{members:?}"))
            })
        })
        .await
    }

    /// Orders trouble at the simulated Graph.
    ///
    /// # Errors
    /// When the order is refused.
    pub async fn graph_fault(&self, order: &Value) -> anyhow::Result<()> {
        let response = self
            .http
            .post(format!("{}/_faults", self.ready.graph))
            .json(order)
            .send()
            .await?;
        if response.status().is_success() {
            Ok(())
        } else {
            bail!("{}", response.text().await?)
        }
    }

    /// Ends all trouble at the simulated Graph.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn clear_graph_faults(&self) -> anyhow::Result<()> {
        self.http
            .delete(format!("{}/_faults", self.ready.graph))
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }

    /// The actions of a request's timeline, oldest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn timeline(&self, who: &Person, request: &str) -> anyhow::Result<Vec<String>> {
        let events = self
            .get(who, &format!("/v1/requests/{request}/events?limit=100"))
            .await?
            .ok()?;
        let events = events["items"].as_array().cloned().unwrap_or_default();
        Ok(events
            .iter()
            .filter_map(|event| event["action"].as_str().map(str::to_owned))
            .collect())
    }

    /// The plain HTTP client, for calls that are no API calls.
    #[must_use]
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// Everything that lies in the table, as DynamoDB writes items.
///
/// # Errors
/// When the engine refuses.
pub fn table(world: &World) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut scan = json!({"TableName": TABLE});
    loop {
        let page = world.dynamodb.database().scan(serde_json::from_value(scan.clone())?)?;
        let page = serde_json::to_value(page)?;
        items.extend(page["Items"].as_array().cloned().unwrap_or_default());
        if page["LastEvaluatedKey"].is_null() {
            return Ok(items);
        }
        scan["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    }
}
