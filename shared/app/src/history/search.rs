//! Looking for what happened: requests with their grants, by person, entitlement, approver, state, text and time.
//!
//! The lists that are walked are keys in the order of time, so that a filter means reading and leaving out. One call looks at
//! so many requests and no more; when it stops for that reason it says how far back it looked, and the next call goes on
//! there.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::delegate::Hand;
use hourglass_domain::directory::User;
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::{EntitlementId, GrantId, RequestId, UserId};
use hourglass_domain::refusal::Rule;
use hourglass_domain::request::{Approval, Request, RequestStatus};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::{Refusal, Timestamp};

use super::{Whose, grant_of, previous_month};
use crate::caller::Who;
use crate::catalogue::search::fold;
use crate::change::{Change, personal, read_each, read_many};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::persons;
use crate::ports::Core;
use crate::ports::store::{Key, LARGEST_PAGE, List, MOST_KEYS, Page, Query, StoreError};
use crate::records::{LiveGrant, LiveInApplication, Stored};
use crate::requests;

/// Most requests that one call looks at.
pub const MOST_LOOKED_AT: usize = 600;
/// Most requests that one call looks at to find what overlaps a stretch of time, or for a part of an export.
pub const MOST_FOR_MUCH: usize = 3_000;
/// Most months without anything that one call walks through.
const MOST_MONTHS: usize = 60;
/// Longest text of a filter, in characters.
pub const LONGEST_FILTER: usize = 200;
/// How long (seconds) before a stretch of time a request can have been made whose grant lies in it: it waits for its
/// approvers for up to 30 days, begins up to 30 days later, and may last some weeks.
const BEFORE_SECONDS: i64 = 90 * 86_400;

/// What has become of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// It waits for its approvers, or to be activated.
    Waiting,
    /// Its grant gives access, or will.
    Live,
    /// Its grant is being taken away.
    Ending,
    /// Its grant is over.
    Ended,
    /// It was denied.
    Denied,
    /// It was taken back.
    Cancelled,
    /// Nobody decided in time.
    Lapsed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Live,
        Self::Ending,
        Self::Ended,
        Self::Denied,
        Self::Cancelled,
        Self::Lapsed,
    ];

    /// The name in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Live => "live",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
            Self::Lapsed => "lapsed",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of a request and what it led to.
    #[must_use]
    pub fn of(request: &Request, grant: Option<&Grant>) -> Self {
        match (request.status, grant.map(|grant| grant.status)) {
            (RequestStatus::Pending, _) => Self::Waiting,
            (RequestStatus::Denied, _) => Self::Denied,
            (RequestStatus::Cancelled, _) => Self::Cancelled,
            (RequestStatus::Lapsed, _) => Self::Lapsed,
            (RequestStatus::Approved, Some(GrantStatus::Ending)) => Self::Ending,
            (RequestStatus::Approved, Some(GrantStatus::Ended | GrantStatus::ClosedByHand)) => Self::Ended,
            (RequestStatus::Approved, _) => Self::Live,
        }
    }
}

/// What to look for. Everything that is given has to hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Requester or beneficiary: an id of ours or of the directory's, or part of a name.
    pub person: Option<String>,
    /// The entitlement: an id, or part of its name.
    pub entitlement: Option<String>,
    /// Who approved or denied: as `person`.
    pub approver: Option<String>,
    /// What has become of it.
    pub state: Option<State>,
    /// Part of the justification, the ticket or the entitlement's name.
    pub text: Option<String>,
    /// Not requested before this.
    pub from: Option<Timestamp>,
    /// Requested before this.
    pub to: Option<Timestamp>,
    /// With access, or waiting for it, at some time in this stretch.
    pub overlaps: Option<(Timestamp, Timestamp)>,
}

/// One text of a filter, ready to be compared.
struct Wanted {
    id: String,
    words: Vec<String>,
}

impl Wanted {
    fn of(text: Option<&String>) -> Option<Self> {
        let text: String = text?.chars().take(LONGEST_FILTER).collect();
        let words: Vec<String> = fold(&text).split_whitespace().map(str::to_owned).collect();
        let id = text.trim().to_lowercase();
        (!words.is_empty()).then_some(Self { id, words })
    }

    fn text(&self, text: &str) -> bool {
        let text = fold(text);
        self.words.iter().all(|word| text.contains(word))
    }

    fn party(&self, party: &hourglass_domain::directory::Party) -> bool {
        let ids = [
            party.user.to_string(),
            party.object_id.to_string(),
            party.person.to_string(),
        ];
        ids.contains(&self.id) || self.text(&party.name)
    }
}

/// A filter, ready to be compared.
struct Sieve<'a> {
    filter: &'a Filter,
    person: Option<Wanted>,
    entitlement: Option<Wanted>,
    approver: Option<Wanted>,
    text: Option<Wanted>,
}

impl<'a> Sieve<'a> {
    fn new(filter: &'a Filter) -> Self {
        Self {
            filter,
            person: Wanted::of(filter.person.as_ref()),
            entitlement: Wanted::of(filter.entitlement.as_ref()),
            approver: Wanted::of(filter.approver.as_ref()),
            text: Wanted::of(filter.text.as_ref()),
        }
    }

    /// Whether a request fits, as far as its grant does not matter.
    fn request(&self, request: &Request) -> bool {
        let any = |wanted: &Option<Wanted>, fits: &dyn Fn(&Wanted) -> bool| wanted.as_ref().is_none_or(fits);
        any(&self.person, &|wanted| {
            wanted.party(&request.requester) || wanted.party(&request.beneficiary)
        }) && any(&self.entitlement, &|wanted| {
            request.entitlement.to_string() == wanted.id || wanted.text(&request.entitlement_name)
        }) && any(&self.approver, &|wanted| {
            let hands = request.approvals.iter().map(Approval::hand).chain(request.denied_by());
            hands.flat_map(Hand::parties).any(|party| wanted.party(party))
        }) && any(&self.text, &|wanted| {
            let all = [
                request.justification.as_str(),
                request.ticket.as_deref().unwrap_or_default(),
                &request.entitlement_name,
            ];
            wanted.text(&all.join("\n"))
        })
    }

    fn with_grant(&self, request: &Request, grant: Option<&Grant>) -> bool {
        let state = self.filter.state.is_none_or(|state| state == State::of(request, grant));
        let overlaps = self.filter.overlaps.is_none_or(|(from, to)| {
            let (start, end) = stretch(request, grant);
            start < to && from < end
        });
        state && overlaps
    }
}

/// From when to when a request or its grant matters in a picture of time: while it waited, while it gave access.
#[must_use]
pub fn stretch(request: &Request, grant: Option<&Grant>) -> (Timestamp, Timestamp) {
    let waited = (request.created_at, request.closed_at.unwrap_or(request.lapses_at));
    match grant.filter(|_| request.status == RequestStatus::Approved) {
        Some(grant) => (request.created_at.min(grant.starts_at), end_of(grant)),
        None => waited,
    }
}

/// When a grant's access was over, or will be.
#[must_use]
pub fn end_of(grant: &Grant) -> Timestamp {
    grant
        .ended_at
        .unwrap_or_else(|| grant.expires_at.max(grant.ending_at.unwrap_or(grant.expires_at)))
}

/// A request with the grant that it led to, extended or would extend.
#[derive(Clone, Debug)]
pub struct Line {
    /// The request.
    pub request: Stored<Request>,
    /// The grant, where there is one.
    pub grant: Option<Stored<Grant>>,
}

/// Part of what was found.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The lines, newest request first.
    pub lines: Vec<Line>,
    /// What to give as `after` for the next part.
    pub next: Option<String>,
    /// How far back it looked, where it stopped because it had looked at as many as one call may.
    pub looked_back_to: Option<Timestamp>,
}

/// How much one call may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Most lines.
    pub lines: usize,
    /// Most requests to look at.
    pub looked_at: usize,
}

/// The widest view that the caller may have: everything, what they may decide or decided, or their own.
#[must_use]
pub fn widest(who: &Who) -> Whose {
    if who.reads_all() {
        Whose::All
    } else if who.has(Role::Approver) {
        Whose::Seen
    } else {
        Whose::Own
    }
}

/// Requests and grants that fit, newest request first.
///
/// # Errors
/// When the caller may not see that much.
pub async fn search(
    core: &Core,
    who: &Who,
    whose: Whose,
    filter: &Filter,
    after: Option<&str>,
    bounds: Bounds,
) -> Result<Part> {
    who.require_scope(Scope::RequestsReadWrite)?;
    if whose == Whose::All && !who.reads_all() {
        return Err(Refusal::RoleMissing { role: "Auditor" }.into());
    }
    let mut eyes = Eyes::new(core, who, whose).await?;
    let sieve = Sieve::new(filter);
    let source = Source::of(core, who, whose, filter).await?;
    let mut walk = Walk::new(core, who, source, filter, after)?;
    let mut part = Part::default();
    let mut looked_at = 0;
    while let Some(batch) = walk.batch().await? {
        let mut fitting = Vec::new();
        for request in batch {
            looked_at += 1;
            if sieve.request(&request.value) && eyes.see(&request.value).await? {
                fitting.push(request);
            }
        }
        for line in with_grants(core, fitting).await? {
            let request = &line.request.value;
            if !sieve.with_grant(request, line.grant.as_ref().map(|grant| &grant.value)) {
                continue;
            }
            let at = place(request);
            part.lines.push(line);
            if part.lines.len() >= bounds.lines {
                part.next = Some(at);
                return Ok(part);
            }
        }
        if looked_at >= bounds.looked_at {
            part.looked_back_to = walk.last_at;
            part.next = walk.rest();
            return Ok(part);
        }
    }
    if !walk.done {
        part.looked_back_to = walk.last_at;
        part.next = walk.rest();
    }
    Ok(part)
}

/// The caller's own requests, newest first: those of all accounts that are theirs.
///
/// # Errors
/// When the caller is not provisioned, or the cursor is not one of ours.
pub(super) async fn own(core: &Core, who: &Who, after: Option<&str>, limit: usize) -> Result<Page<Stored<Request>>> {
    let source = Source::own(core, who).await?;
    // As every list of the API tells of a cursor that it did not give.
    let walk = Walk::new(core, who, source, &Filter::default(), after);
    let mut walk = walk.map_err(|_| StoreError::Cursor)?;
    let mut items: Vec<Stored<Request>> = Vec::new();
    while let Some(batch) = walk.batch().await? {
        for request in batch {
            if items.len() == limit {
                let next = items.last().map(|last| place(&last.value));
                return Ok(Page { items, next });
            }
            items.push(request);
        }
    }
    Ok(Page { items, next: None })
}

/// Requests with their grants, each grant read once.
async fn with_grants(core: &Core, requests: Vec<Stored<Request>>) -> Result<Vec<Line>> {
    let named: BTreeSet<GrantId> = requests.iter().filter_map(|request| grant_of(&request.value)).collect();
    let keys: Vec<Key> = named.into_iter().map(keys::grant).collect();
    let mut grants: BTreeMap<GrantId, Stored<Grant>> = BTreeMap::new();
    for keys in keys.chunks(MOST_KEYS) {
        let read = read_many::<Grant>(&*core.store, keys).await?;
        grants.extend(read.into_iter().flatten().map(|grant| (grant.value.id, grant)));
    }
    let line = |request: Stored<Request>| Line {
        grant: grant_of(&request.value).and_then(|grant| grants.get(&grant).cloned()),
        request,
    };
    Ok(requests.into_iter().map(line).collect())
}

/// A request's place in the lists.
fn place(request: &Request) -> String {
    format!("{}#{}", request.created_at, request.id)
}

/// Going back in time through a list.
struct Walk<'a> {
    core: &'a Core,
    source: Source,
    from: Option<Timestamp>,
    earliest: String,
    /// What comes next lies before this place.
    bound: String,
    month: String,
    last_at: Option<Timestamp>,
    done: bool,
}

/// Whose lists are walked.
enum Source {
    /// Everybody's: one list for each month.
    Months(hourglass_domain::ids::ApplicationId),
    /// Those of some accounts, as one: a human being's requests may be spread over several.
    Owners(BTreeSet<UserId>),
}

impl Source {
    async fn of(core: &Core, who: &Who, whose: Whose, filter: &Filter) -> Result<Self> {
        if whose == Whose::Own {
            return Self::own(core, who).await;
        }
        let application = &who.application.value.id;
        let person = filter.person.as_deref().and_then(|person| person.trim().parse().ok());
        if let Some(person) = person
            && directory::provisioned_user(&*core.store, application, person)
                .await?
                .is_some()
        {
            // One account by our id has a list of its own.
            return Ok(Self::Owners(BTreeSet::from([person])));
        }
        Ok(Self::Months(application.clone()))
    }

    async fn own(core: &Core, who: &Who) -> Result<Self> {
        Ok(Self::Owners(own_accounts(core, who).await?.into_iter().collect()))
    }

    /// The lists that are read now, by the month that the walk has come to.
    fn lists(&self, month: &str) -> Vec<(List, String)> {
        match self {
            Self::Months(application) => vec![(List::Month, keys::requests_in(application, month))],
            Self::Owners(users) => users
                .iter()
                .map(|user| (List::Owner, keys::requests_of(*user)))
                .collect(),
        }
    }
}

impl<'a> Walk<'a> {
    fn new(core: &'a Core, who: &Who, source: Source, filter: &Filter, after: Option<&str>) -> Result<Self> {
        let application = &who.application.value;
        let overlap = filter.overlaps;
        let from = overlap.map_or(filter.from, |(from, _)| Some(from.plus_seconds(-BEFORE_SECONDS)));
        let to = overlap.map_or(filter.to, |(_, to)| Some(to));
        let now = core.clock.now().plus_seconds(1);
        let bound = match after {
            Some(after) => {
                let known = after.get(..7).and_then(previous_month).is_some();
                if !known || after.len() > 100 {
                    return Err(Refusal::invalid("cursor", Rule::Cursor).into());
                }
                after.to_owned()
            }
            None => to.unwrap_or(now).min(now).to_string(),
        };
        Ok(Self {
            core,
            source,
            from,
            earliest: application.created_at.month(),
            month: bound.get(..7).unwrap_or_default().to_owned(),
            bound,
            last_at: None,
            done: false,
        })
    }

    /// Where another call goes on.
    fn rest(&self) -> Option<String> {
        (!self.done).then(|| self.bound.clone())
    }

    /// The next requests, newest first; `None` at the end, or where there is nothing for too long.
    async fn batch(&mut self) -> Result<Option<Vec<Stored<Request>>>> {
        for _ in 0..MOST_MONTHS {
            if self.done {
                return Ok(None);
            }
            let mut batch = self.before_bound().await?;
            if let Some(last) = batch.last() {
                self.bound = place(&last.value);
                self.last_at = Some(last.value.created_at);
            } else {
                self.previous();
                continue;
            }
            let before = batch.len();
            batch.retain(|request| self.from.is_none_or(|from| request.value.created_at >= from));
            self.done = batch.len() < before;
            return Ok(Some(batch));
        }
        Ok(None)
    }

    /// What comes next in each list, newest first, as far back as is known of every list.
    async fn before_bound(&self) -> Result<Vec<Stored<Request>>> {
        let mut found: BTreeMap<String, Stored<Request>> = BTreeMap::new();
        let mut known_back_to = String::new();
        for (list, pk) in self.source.lists(&self.month) {
            let query = Query {
                descending: true,
                up_to: Some(self.bound.clone()),
                ..Query::partition(pk).list_limit(MOST_KEYS)
            };
            let page = self.core.store.list(list, &query).await?;
            let keys: BTreeSet<Key> = page.items.into_iter().map(of_request).collect();
            let keys: Vec<Key> = keys.into_iter().collect();
            let read = read_many::<Request>(&*self.core.store, &keys).await?;
            let placed = read
                .into_iter()
                .flatten()
                .map(|request| (place(&request.value), request));
            let placed: BTreeMap<String, Stored<Request>> = placed.filter(|(place, _)| *place < self.bound).collect();
            // This list may hold more before its last; another that reached further back waits for it.
            if let (Some(_), Some(last)) = (&page.next, placed.keys().next()) {
                known_back_to = known_back_to.max(last.clone());
            }
            found.extend(placed);
        }
        Ok(found.split_off(&known_back_to).into_values().rev().collect())
    }

    /// The month before, if anything can lie there.
    fn previous(&mut self) {
        let before = match &self.source {
            Source::Owners(_) => None,
            Source::Months(_) => previous_month(&self.month),
        };
        let first = self.from.map(Timestamp::month).max(Some(self.earliest.clone()));
        match before.filter(|month| first.as_ref().is_none_or(|first| month >= first)) {
            Some(month) => {
                self.bound = format!("{month}~");
                self.month = month;
            }
            None => self.done = true,
        }
    }
}

/// The request's own key: what somebody asked for on another's behalf is listed by a marker that lies beside it.
pub(super) fn of_request(key: Key) -> Key {
    if key.sk == keys::REQUEST_FOR {
        Key::new(key.pk, keys::REQUEST)
    } else {
        key
    }
}

/// What the caller may see, as [`requests::get`] judges it, with what is asked often kept.
struct Eyes<'a> {
    core: &'a Core,
    who: &'a Who,
    everything: bool,
    own: BTreeSet<UserId>,
    approves: BTreeMap<EntitlementId, bool>,
}

impl<'a> Eyes<'a> {
    async fn new(core: &'a Core, who: &'a Who, whose: Whose) -> Result<Self> {
        let everything = whose == Whose::All;
        Ok(Self {
            core,
            who,
            everything,
            own: if everything {
                BTreeSet::new()
            } else {
                own_accounts(core, who).await?.into_iter().collect()
            },
            approves: BTreeMap::new(),
        })
    }

    async fn see(&mut self, request: &Request) -> Result<bool> {
        if request.application != self.who.application.value.id {
            return Ok(false);
        }
        if self.everything {
            return Ok(true);
        }
        let mine = |user: &UserId| self.own.contains(user);
        let denied_by = request.denied_by();
        let denied = denied_by.into_iter().flat_map(Hand::parties);
        let took_part = request.parties().chain(denied).any(|party| mine(&party.user));
        if took_part {
            return Ok(true);
        }
        let (_, party) = self.who.party()?;
        let approves = match self.approves.get(&request.entitlement) {
            Some(approves) => *approves,
            None => {
                let approves = requests::is_approver(self.core, &party, request).await?;
                self.approves.insert(request.entitlement, approves);
                approves
            }
        };
        // Who denied stands with the decision only in what was stored before requests had it.
        let only_there = request.status == RequestStatus::Denied && request.closed_by.is_none();
        Ok(approves || (only_there && requests::decided(self.core, request, &party).await?))
    }
}

/// The caller's account and those that are linked with it.
///
/// # Errors
/// When the caller is not provisioned.
pub async fn own_accounts(core: &Core, who: &Who) -> Result<Vec<UserId>> {
    let users = own_users(core, who).await?;
    Ok(users.into_iter().map(|user| user.value.id).collect())
}

/// The caller's own accounts, the one that they signed in with first.
///
/// # Errors
/// When the caller is not provisioned, or the table does not answer.
pub async fn own_users(core: &Core, who: &Who) -> Result<Vec<Stored<User>>> {
    let (user, _) = who.party()?;
    let others = persons::others(&*core.store, &user.value).await?;
    Ok([user.clone()].into_iter().chain(others).collect())
}

/// Who has what right now, or will: everybody's for those who read everything, otherwise the caller's own. In no order
/// that means anything.
///
/// # Errors
/// When the caller is not provisioned, or the cursor is not one of ours.
pub async fn now(
    core: &Core,
    who: &Who,
    entitlement: Option<EntitlementId>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Stored<Grant>>, Option<String>)> {
    who.require_scope(Scope::RequestsReadWrite)?;
    if !who.reads_all() {
        let mut live = own_live(core, &own_accounts(core, who).await?).await?;
        live.retain(|grant| entitlement.is_none_or(|id| grant.value.entitlement == id));
        return Ok((live, None));
    }
    let bad = || Refusal::invalid("cursor", Rule::Cursor);
    let (mut shard, mut place) = match after {
        None => (0, None),
        Some(after) => {
            let (shard, place) = after.split_once('|').ok_or_else(bad)?;
            let shard: u8 = shard.parse().map_err(|_| bad())?;
            (shard, Some(place.to_owned()).filter(|place| !place.is_empty()))
        }
    };
    let application = &who.application.value.id;
    let prefix = entitlement.map(keys::live_of_entitlement).unwrap_or_default();
    let mut found: Vec<GrantId> = Vec::new();
    let mut next = None;
    while shard < keys::LIVE_SHARDS {
        let query = Query::partition(keys::live_in_application(application, shard))
            .prefix(prefix.clone())
            .after(place.take())
            .limit((limit - found.len()).clamp(1, LARGEST_PAGE));
        let page = crate::change::read_page::<LiveInApplication>(&*core.store, &query).await?;
        found.extend(page.items.into_iter().map(|live| live.value.grant));
        match page.next {
            Some(rest) => place = Some(rest),
            None => shard += 1,
        }
        if found.len() >= limit && shard < keys::LIVE_SHARDS {
            next = Some(format!("{shard}|{}", place.unwrap_or_default()));
            break;
        }
    }
    Ok((grants(core, found).await?, next))
}

/// What some accounts have, or will have, the first to end first.
///
/// # Errors
/// When the table does not answer.
pub async fn own_live(core: &Core, accounts: &[UserId]) -> Result<Vec<Stored<Grant>>> {
    let mut ids = Vec::new();
    for account in accounts {
        let query = Query::partition(keys::live_grants(*account));
        let page = crate::change::read_page::<LiveGrant>(&*core.store, &query).await?;
        ids.extend(page.items.into_iter().map(|live| live.value.grant));
    }
    let mut live = grants(core, ids).await?;
    live.sort_by_key(|grant| (grant.value.expires_at, grant.value.id));
    Ok(live)
}

/// Grants by their ids; one that cannot be read keeps none of the others from being shown.
async fn grants(core: &Core, ids: Vec<GrantId>) -> Result<Vec<Stored<Grant>>> {
    let keys: BTreeSet<Key> = ids.into_iter().map(keys::grant).collect();
    let keys: Vec<Key> = keys.into_iter().collect();
    let read = read_each::<Grant>(&*core.store, &keys).await?;
    Ok(read.into_iter().filter_map(|grant| grant.ok().flatten()).collect())
}

/// Notes in the caller's own stream that they read or exported what is not theirs: `what` is `history`, `export`, `now` or
/// `request`; `texts` are the filters as they were typed.
///
/// # Errors
/// When the table does not answer: what cannot be noted is not shown.
pub async fn note_read(core: &Core, who: &Who, what: &'static str, texts: &[(&str, Option<&str>)]) -> Result<()> {
    let stream = match &who.user {
        Some(user) => StreamId::user(&who.application.value.id, user.value.id),
        None => StreamId::account(who.caller.tenant, who.caller.object_id),
    };
    let draft = Draft::new(core.clock.now(), who.actor(), "read.everybodys")
        .fact("what", what)
        .personal(personal(&*core.ids, texts));
    Change::new().event(stream, draft).commit(&*core.store).await?;
    Ok(())
}

/// Notes that the caller read a request that they see for nothing but their role.
///
/// # Errors
/// As [`note_read`].
pub async fn note_one(core: &Core, who: &Who, request: &Request) -> Result<()> {
    if requests::seen_by_role(core, who, request).await? {
        let id = request.id.to_string();
        note_read(core, who, "request", &[("request", Some(&id))]).await?;
    }
    Ok(())
}

/// The newest requests of some accounts, with their grants.
///
/// # Errors
/// When the caller is not provisioned.
pub async fn last_of(core: &Core, who: &Who, most: usize) -> Result<Vec<Line>> {
    let bounds = Bounds {
        lines: most,
        looked_at: most.max(MOST_KEYS),
    };
    Ok(search(core, who, Whose::Own, &Filter::default(), None, bounds)
        .await?
        .lines)
}

/// The request of an id, with its grant, if the caller may see it.
///
/// # Errors
/// Not found when they may not.
pub async fn line(core: &Core, who: &Who, id: RequestId) -> Result<Line> {
    who.require_scope(Scope::RequestsReadWrite)?;
    let request = requests::get(core, who, id).await?;
    let mut lines = with_grants(core, vec![request]).await?;
    Ok(lines.pop().ok_or(Refusal::NotFound { what: "request" })?)
}
