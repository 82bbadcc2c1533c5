//! Calls to Graph on behalf of one application, within one deadline: tokens, batches, and a bounded number of attempts.
//!
//! All calls in use may be repeated: reads change nothing, a member that is there is not added twice, and one that is
//! not there is not removed twice.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hourglass_app::ports::Ids;
use hourglass_domain::ids::ObjectId;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::EntraConnector;
use crate::token::{Bearer, TokenError, Whose};
use crate::urls::{Ask, Method, Priority, Root};
use crate::wire::{Raw, Reply, Silence, retry_after};

/// Graph's limit on items in one `$batch`.
const LARGEST_BATCH: usize = 20;
/// Batches under way at once. Graph works on the items of a batch in parallel already.
const BATCHES_AT_ONCE: usize = 3;
/// Attempts at one call.
const MOST_ATTEMPTS: u32 = 3;
/// A wait of up to this long (seconds) that Graph asks for is waited out in the call; the sweep would come back in a
/// minute only.
const LONGEST_WAIT_IN_CALL_SECONDS: i64 = 3;
/// No attempt begins with less time left than this.
const LEAST_TIME: Duration = Duration::from_millis(500);
/// Most pages of a member list that one look takes: 50,949 members.
const MOST_PAGES: usize = 51;

/// What became of one call.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Outcome {
    /// Graph answered.
    Reply(Reply),
    /// It was not sent.
    Unsent {
        why: String,
        /// For how many seconds somebody asks to wait.
        retry_after: Option<i64>,
    },
    /// It may or may not have been carried out.
    Lost(String),
    /// There is no token for it, and will be none as things are.
    Denied(String),
}

impl Outcome {
    /// Whether the same call may fare better in a moment.
    fn is_transient(&self) -> bool {
        match self {
            Self::Reply(reply) => transient(reply.status),
            Self::Unsent { .. } | Self::Lost(_) => true,
            Self::Denied(_) => false,
        }
    }

    fn may_have_happened(&self) -> bool {
        match self {
            Self::Reply(reply) => reply.status >= 500 || reply.status == 408,
            Self::Lost(_) => true,
            Self::Unsent { .. } | Self::Denied(_) => false,
        }
    }

    fn retry_after(&self) -> Option<i64> {
        match self {
            Self::Reply(reply) => reply.retry_after,
            Self::Unsent { retry_after, .. } => *retry_after,
            Self::Lost(_) | Self::Denied(_) => None,
        }
    }

    /// What is known after another attempt: that one was never sent does not undo that an earlier one may have been
    /// carried out.
    fn and_then(&self, later: Self) -> Self {
        match later {
            Self::Unsent { why, .. } if self.may_have_happened() => Self::Lost(why),
            Self::Denied(why) if self.may_have_happened() => Self::Lost(why),
            other => other,
        }
    }
}

/// Statuses that say "not now": time-outs, collisions of writes to one object, a failed dependency in a batch,
/// throttling, and every fault of the server.
pub(crate) const fn transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 424 | 429) || status >= 500
}

/// Why a look at the members gave no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Blind {
    /// The group does not exist.
    GroupGone,
    /// The connector may not look.
    Forbidden(String),
    /// No answer that could be understood.
    Unknown(String),
}

/// One call of the port.
#[derive(Debug)]
pub(crate) struct Session<'c> {
    connector: &'c EntraConnector,
    whose: Whose,
    sign_in: SignIn,
    pub(crate) root: Root,
    deadline: Instant,
}

/// When a session signs in.
#[derive(Clone, Copy, Debug)]
enum SignIn {
    /// When no token is held that is still good.
    AsNeeded,
    /// Always, with the credentials that are stored now.
    Anew,
}

impl<'c> Session<'c> {
    pub(crate) fn new(connector: &'c EntraConnector, whose: Whose) -> Self {
        Self {
            root: Root::new(connector.bases.graph(whose.cloud)),
            deadline: Instant::now() + connector.limits.call,
            connector,
            whose,
            sign_in: SignIn::AsNeeded,
        }
    }

    /// A session that shows whether the credentials work which are stored now, whatever token is held.
    pub(crate) fn anew(connector: &'c EntraConnector, whose: Whose) -> Self {
        Self {
            sign_in: SignIn::Anew,
            ..Self::new(connector, whose)
        }
    }

    /// Makes one call.
    pub(crate) async fn ask(&self, ask: Ask) -> Outcome {
        let outcome = self.attempts(&[ask]).await.into_iter().next();
        outcome.unwrap_or_else(|| Outcome::Lost("no answer".to_owned()))
    }

    /// Makes all calls, in batches when there are several; the outcomes come in the order of the calls.
    pub(crate) async fn ask_all(&self, asks: &[Ask]) -> Vec<Outcome> {
        let batches: Vec<_> = asks.chunks(LARGEST_BATCH).map(|batch| self.attempts(batch)).collect();
        let outcomes: Vec<Vec<Outcome>> = stream::iter(batches).buffered(BATCHES_AT_ONCE).collect().await;
        outcomes.concat()
    }

    /// Up to [`MOST_ATTEMPTS`] exchanges; each repeats only the calls that may still fare better.
    async fn attempts(&self, asks: &[Ask]) -> Vec<Outcome> {
        let unsent = Outcome::Unsent {
            why: "there was no time left to ask Microsoft Graph".to_owned(),
            retry_after: None,
        };
        let mut outcomes = vec![unsent; asks.len()];
        let mut pending: Vec<usize> = (0..asks.len()).collect();
        for attempt in 0..MOST_ATTEMPTS {
            let asked: Vec<&Ask> = pending.iter().filter_map(|at| asks.get(*at)).collect();
            let answers = self.exchange(&asked).await;
            for (at, answer) in pending.iter().zip(answers) {
                if let Some(outcome) = outcomes.get_mut(*at) {
                    *outcome = outcome.and_then(answer);
                }
            }
            pending.retain(|at| outcomes.get(*at).is_some_and(Outcome::is_transient));
            let waiting: Vec<&Outcome> = pending.iter().filter_map(|at| outcomes.get(*at)).collect();
            match self.pause_before_next(attempt, &waiting) {
                Some(pause) => sleep(pause).await,
                None => break,
            }
        }
        outcomes
    }

    /// How long to wait before another attempt; `None` when there is to be none.
    fn pause_before_next(&self, attempt: u32, waiting: &[&Outcome]) -> Option<Duration> {
        if waiting.is_empty() || attempt + 1 >= MOST_ATTEMPTS {
            return None;
        }
        let limits = &self.connector.limits;
        let asked = waiting.iter().filter_map(|outcome| outcome.retry_after()).max();
        let pause = match asked {
            Some(seconds) if seconds > LONGEST_WAIT_IN_CALL_SECONDS => return None,
            // A little later than asked for, each caller at another moment.
            Some(seconds) => Duration::from_secs(seconds.unsigned_abs()) + limits.pause.mul_f64(self.chance()),
            None => {
                let throttled = waiting
                    .iter()
                    .any(|outcome| matches!(outcome, Outcome::Reply(reply) if reply.status == 429));
                let first = if throttled {
                    limits.throttled_pause
                } else {
                    limits.pause
                };
                first.saturating_mul(1 << attempt).mul_f64(0.5 + self.chance() / 2.0)
            }
        };
        (Instant::now() + pause + LEAST_TIME < self.deadline).then_some(pause)
    }

    /// A number from 0 to 1.
    fn chance(&self) -> f64 {
        let mut byte = [0_u8];
        Ids::random(self.connector.ids.as_ref(), &mut byte);
        f64::from(byte[0]) / 255.0
    }

    /// One exchange, or two when Graph does not take the token: then with a new one, made with credentials read afresh.
    async fn exchange(&self, asks: &[&Ask]) -> Vec<Outcome> {
        let bearer = match self.bearer(None).await {
            Ok(bearer) => bearer,
            Err(outcome) => return vec![outcome; asks.len()],
        };
        let mut outcomes = self.transmit(&bearer, asks).await;
        let unauthorized = |outcome: &Outcome| matches!(outcome, Outcome::Reply(reply) if reply.status == 401);
        let (places, again): (Vec<usize>, Vec<&Ask>) = outcomes
            .iter()
            .zip(asks)
            .enumerate()
            .filter(|(_, (outcome, _))| unauthorized(outcome))
            .map(|(at, (_, ask))| (at, *ask))
            .unzip();
        if again.is_empty() {
            return outcomes;
        }
        tracing::warn!(application = %self.whose.application, "Graph refused the access token: reading the credentials again");
        let answers = match self.bearer(Some(&bearer)).await {
            Ok(renewed) => self.transmit(&renewed, &again).await,
            Err(outcome) => vec![outcome; again.len()],
        };
        for (at, answer) in places.into_iter().zip(answers) {
            if let Some(outcome) = outcomes.get_mut(at) {
                *outcome = answer;
            }
        }
        outcomes
    }

    async fn bearer(&self, refused: Option<&Bearer>) -> Result<Bearer, Outcome> {
        let tokens = &self.connector.tokens;
        let token = match (self.sign_in, refused) {
            (SignIn::Anew, None) => tokens.renew(&self.whose, self.deadline).await,
            (SignIn::Anew, Some(_)) | (SignIn::AsNeeded, _) => tokens.get(&self.whose, refused, self.deadline).await,
        };
        token.map_err(|error| match error {
            TokenError::Denied(why) => Outcome::Denied(why),
            TokenError::Later { why, retry_after } => Outcome::Unsent { why, retry_after },
        })
    }

    async fn transmit(&self, bearer: &Bearer, asks: &[&Ask]) -> Vec<Outcome> {
        match asks {
            [] => Vec::new(),
            [ask] => {
                let url = self.root.url(ask);
                let raw = self.send(bearer, ask.method(), url, ask.body(), ask.priority()).await;
                vec![match raw {
                    Ok(raw) => {
                        self.log(&raw.headers, ask.method().name(), ask.bare_path(), raw.status, 1);
                        Outcome::Reply(Reply::from_raw(&raw, self.connector.clock.now()))
                    }
                    Err(outcome) => outcome,
                }]
            }
            several => self.transmit_batch(bearer, several).await,
        }
    }

    async fn transmit_batch(&self, bearer: &Bearer, asks: &[&Ask]) -> Vec<Outcome> {
        let items: Vec<Value> = asks.iter().enumerate().map(|(id, ask)| ask.as_batch_item(id)).collect();
        let priority = asks.iter().map(|ask| ask.priority()).max().unwrap_or(Priority::Normal);
        let body = json!({ "requests": items });
        let raw = match self
            .send(bearer, Method::Post, self.root.batch_url(), Some(&body), priority)
            .await
        {
            Ok(raw) => raw,
            Err(outcome) => return vec![outcome; asks.len()],
        };
        self.log(&raw.headers, "POST", "/$batch", raw.status, asks.len());
        let whole = Reply::from_raw(&raw, self.connector.clock.now());
        if !whole.is_success() {
            return vec![Outcome::Reply(whole); asks.len()];
        }
        let answers = whole.body.get("responses").and_then(Value::as_array);
        (0..asks.len())
            .map(|id| {
                let id = id.to_string();
                let mut answers = answers.into_iter().flatten();
                let answer = answers.find(|answer| answer.get("id").and_then(Value::as_str) == Some(id.as_str()));
                answer.and_then(|answer| self.item_reply(answer)).map_or_else(
                    || Outcome::Lost("Microsoft Graph left it out of its answer".to_owned()),
                    Outcome::Reply,
                )
            })
            .collect()
    }

    fn item_reply(&self, answer: &Value) -> Option<Reply> {
        let status = u16::try_from(answer.get("status")?.as_u64()?).ok()?;
        let headers = answer.get("headers").and_then(Value::as_object);
        let asked = headers
            .into_iter()
            .flatten()
            .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
            .and_then(|(_, value)| value.as_str());
        let asked = asked.and_then(|asked| retry_after(asked, self.connector.clock.now()));
        let body = answer.get("body").cloned().unwrap_or(Value::Null);
        Some(Reply::new(status, asked, body))
    }

    async fn send(
        &self,
        bearer: &Bearer,
        method: Method,
        url: String,
        body: Option<&Value>,
        priority: Priority,
    ) -> Result<Raw, Outcome> {
        let id = self.connector.ids.uuid().to_string();
        let raw = self.connector.wire.run(
            |client| {
                let request = match method {
                    Method::Get => client.get(url),
                    Method::Post => client.post(url),
                    Method::Delete => client.delete(url),
                };
                let request = request
                    .bearer_auth(bearer.expose())
                    .header("client-request-id", id)
                    .header("x-ms-throttle-priority", priority.name());
                match body {
                    Some(body) => request.json(body),
                    None => request,
                }
            },
            self.deadline,
        );
        raw.await.map_err(|silence| match silence {
            Silence::Unsent(why) => Outcome::Unsent {
                why: format!("Microsoft Graph: {why}"),
                retry_after: None,
            },
            Silence::Lost(why) => Outcome::Lost(format!("Microsoft Graph: {why}")),
        })
    }

    /// Graph tells what a call cost, and from four fifths of the allowance on how much of it is used.
    fn log(&self, headers: &HeaderMap, method: &str, path: &str, status: u16, calls: usize) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let resource_units = text("x-ms-resource-unit");
        let throttle_share = text("x-ms-throttle-limit-percentage");
        let request_id = text("request-id");
        let application = &self.whose.application;
        if throttle_share.is_some() || status == 429 {
            let scope = text("x-ms-throttle-scope");
            tracing::warn!(%application, method, path, status, calls, resource_units, throttle_share, scope, request_id, "Graph is close to its limit");
        } else {
            tracing::debug!(%application, method, path, status, calls, resource_units, request_id, "Graph answered");
        }
    }

    /// Which of `wanted` are direct members, by the plain member list: see [`EntraConnector`] for why.
    pub(crate) async fn present(
        &self,
        group: ObjectId,
        wanted: &BTreeSet<ObjectId>,
    ) -> Result<BTreeSet<ObjectId>, Blind> {
        let mut found = BTreeSet::new();
        let mut ask = Ask::members(group);
        for _ in 0..MOST_PAGES {
            let reply = match self.ask(ask).await {
                Outcome::Reply(reply) if reply.is_success() => reply,
                Outcome::Reply(reply) if reply.status == 404 => return Err(self.confirm_gone(group).await),
                Outcome::Reply(reply) if reply.status == 403 => return Err(Blind::Forbidden(reply.in_words())),
                other => return Err(Blind::Unknown(in_words(&other))),
            };
            let page = MemberPage::read(&reply.body).map_err(|why| Blind::Unknown(why.to_owned()))?;
            found.extend(page.members.iter().map(|(id, _)| *id).filter(|id| wanted.contains(id)));
            let Some(next) = page.next.filter(|_| found.len() < wanted.len()) else {
                return Ok(found);
            };
            ask = Ask::next_members(&self.root, group, &next, Priority::Normal)
                .map_err(|error| Blind::Unknown(error.to_string()))?;
        }
        Err(Blind::Unknown(
            "the group has more than 50,000 direct members, too many to tell who is one".to_owned(),
        ))
    }

    /// A list that is not found may be a replica's word; the group itself is asked as well.
    async fn confirm_gone(&self, group: ObjectId) -> Blind {
        match self.ask(Ask::group_exists(group)).await {
            Outcome::Reply(reply) if reply.status == 404 => Blind::GroupGone,
            Outcome::Reply(reply) if reply.is_success() => {
                Blind::Unknown("the group exists, but its member list was not found".to_owned())
            }
            other => Blind::Unknown(in_words(&other)),
        }
    }
}

/// An outcome for people.
pub(crate) fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(reply) => reply.in_words(),
        Outcome::Unsent { why, .. } | Outcome::Lost(why) | Outcome::Denied(why) => why.clone(),
    }
}

/// One page of a member list.
pub(crate) struct MemberPage {
    pub(crate) members: Vec<(ObjectId, Option<String>)>,
    pub(crate) next: Option<String>,
}

impl MemberPage {
    /// A page with anything odd about it is no page: a member that is skipped would look like one that is not there.
    pub(crate) fn read(body: &Value) -> Result<Self, &'static str> {
        const ODD: &str = "Microsoft Graph gave a member list that cannot be read";
        let members = body.get("value").and_then(Value::as_array).ok_or(ODD)?;
        let members = members
            .iter()
            .map(|member| {
                let id = member.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
                let name = member.get("displayName").and_then(Value::as_str);
                id.map(|id| (id, name.map(crate::wire::presentable))).ok_or(ODD)
            })
            .collect::<Result<_, _>>()?;
        let next = match body.get("@odata.nextLink") {
            None | Some(Value::Null) => None,
            Some(Value::String(link)) => Some(link.clone()),
            Some(_) => return Err(ODD),
        };
        Ok(Self { members, next })
    }
}
