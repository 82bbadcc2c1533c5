//! Lists and filters (RFC 7644 section 3.4.2, RFC 9865 for cursors).
//!
//! A filter that compares `id`, `userName`, `externalId`, the value of `emails`, a group's `displayName` or `members`
//! for equality becomes a look-up by key; the rest of it is then tried on what was found. Everything else is tried on at most
//! [`MOST_SCANNED`] resources, and beyond that refused with `tooMany` instead of answered in part; so is sorting.

use hourglass_domain::directory::{Group, User};
use hourglass_domain::ids::{ApplicationId, GroupId, UserId};
use serde_json::{Map, Value, json};

use super::error::{Result, ScimError, ScimType};
use super::filter::{Filter, Literal, Operator, Path, parse_filter};
use super::matching::{check, matches};
use super::resource::{Projection, Resource, group_resource, user_resource};
use super::schema::{Kind, Named, find, key_in};
use super::sort::{SortBy, SortKey};
use super::{Scim, exact_id};
use crate::directory::{self, external_id_key, name_key};
use crate::keys::{self, Unique};
use crate::ports::store::{Key, LARGEST_LIST, LARGEST_PAGE, List, Query};
use crate::records::Stored;

/// URN of a list.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// Resources in a page unless the client asks for another number.
pub const DEFAULT_COUNT: usize = 100;
/// Most resources in a page.
pub const MOST_COUNT: usize = 200;
/// Most resources on which a filter is tried that is no look-up by key.
pub const MOST_SCANNED: usize = 2_000;
/// Most keys that are counted for a list without a filter; larger directories are read with cursors.
pub const MOST_COUNTED: usize = 100_000;
/// Most members in one answer: some 1.5 MB of the 6 MB that a function may answer.
pub const MOST_MEMBERS_SHOWN: usize = 10_000;

/// The parameters of a list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListParams {
    /// `filter`
    pub filter: Option<String>,
    /// `startIndex`, from 1.
    pub start_index: usize,
    /// `count`, at most [`MOST_COUNT`].
    pub count: usize,
    /// `cursor`; empty for the first page.
    pub cursor: Option<String>,
    /// `sortBy` and `sortOrder`
    pub sort: Option<SortBy>,
    /// `attributes` and `excludedAttributes`
    pub projection: Projection,
}

impl ListParams {
    /// Reads query parameters. Unknown ones are ignored (Entra appends some); names compare without regard to letter
    /// case.
    ///
    /// # Errors
    /// `invalidValue` for one that cannot be read, or is given twice.
    pub fn from_query(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut fields = Map::new();
        for (name, value) in pairs {
            let lower = name.to_ascii_lowercase();
            if PARAMETERS.contains(&lower.as_str()) && fields.insert(lower, value.into()).is_some() {
                return Err(ScimError::value(format!("{name} is given twice.")));
            }
        }
        Self::from_fields(&fields)
    }

    /// Reads the body of a `POST …/.search` (RFC 7644 section 3.4.3).
    ///
    /// # Errors
    /// As [`ListParams::from_query`].
    pub fn from_search(body: &Map<String, Value>) -> Result<Self> {
        let mut fields = Map::new();
        for (name, value) in body {
            let lower = name.to_ascii_lowercase();
            let text = match value {
                _ if !PARAMETERS.contains(&lower.as_str()) => continue,
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                Value::Bool(_) | Value::Object(_) => {
                    return Err(ScimError::value(format!("{name} has the wrong type.")));
                }
            };
            if fields.insert(lower, text.into()).is_some() {
                return Err(ScimError::value(format!("{name} is given twice.")));
            }
        }
        Self::from_fields(&fields)
    }

    fn from_fields(fields: &Map<String, Value>) -> Result<Self> {
        let text = |name: &str| {
            key_in(fields, name)
                .and_then(|key| fields.get(key))
                .and_then(Value::as_str)
        };
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(text) = text(name).map(str::trim).filter(|text| !text.is_empty()) else {
                return Ok(None);
            };
            let number: i64 = text
                .parse()
                .map_err(|_| ScimError::value(format!("{name} has to be a whole number.")))?;
            // RFC 7644 section 3.4.2.4: negative numbers count as the least allowed one.
            Ok(Some(usize::try_from(number.max(0)).unwrap_or(usize::MAX)))
        };
        Ok(Self {
            filter: text("filter")
                .filter(|filter| !filter.trim().is_empty())
                .map(str::to_owned),
            start_index: number("startindex")?.unwrap_or(1).max(1),
            count: number("count")?.unwrap_or(DEFAULT_COUNT).min(MOST_COUNT),
            cursor: text("cursor").map(str::to_owned),
            sort: SortBy::parse(text("sortby"), text("sortorder"))?,
            projection: Projection::parse(text("attributes"), text("excludedattributes"))?,
        })
    }
}

const PARAMETERS: &[&str] = &[
    "filter",
    "startindex",
    "count",
    "cursor",
    "sortby",
    "sortorder",
    "attributes",
    "excludedattributes",
];

/// What was found.
enum Found {
    User(Stored<User>),
    Group(Stored<Group>),
}

impl Found {
    const fn kind(&self) -> Kind {
        match self {
            Self::User(_) => Kind::User,
            Self::Group(_) => Kind::Group,
        }
    }

    fn id(&self) -> String {
        match self {
            Self::User(user) => user.value.id.to_string(),
            Self::Group(group) => group.value.id.to_string(),
        }
    }

    fn resource(&self, members: Option<&[UserId]>, base: &str) -> Resource {
        match self {
            Self::User(user) => user_resource(user, base),
            Self::Group(group) => group_resource(group, members, base),
        }
    }
}

/// How a filter is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Plan {
    source: Source,
    /// Groups have to have all of these members.
    members: Vec<UserId>,
    /// What is tried on each resource.
    rest: Option<Filter>,
}

/// Where the resources come from on which the rest of a filter is tried.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Source {
    /// Nothing can fit.
    Nothing,
    /// The resource with this id.
    Id(String),
    /// The resource that has a unique value.
    Unique(Unique, String),
    /// The users who have an e-mail address.
    Email(String),
    /// The groups of a user.
    GroupsOf(UserId),
    /// All.
    All,
}

impl Scim {
    /// A list of users or groups.
    ///
    /// # Errors
    /// `invalidFilter`, `tooMany`, `invalidCursor`.
    pub async fn list(&self, kind: Kind, params: &ListParams) -> Result<Value> {
        let plan = match parsed(params)? {
            Some(filter) => Some(plan(kind, filter)?),
            None => None,
        };
        if let Some(sort) = &params.sort {
            sort.check(kind)?;
        }
        if let Some(cursor) = &params.cursor {
            return self.list_by_cursor(kind, plan, cursor, params).await;
        }
        if let Some(sort) = &params.sort {
            let found = self.all(kind, plan.as_ref()).await?;
            return self.sorted_page(found, sort, params).await;
        }
        let first = params.start_index.saturating_sub(1);
        let (found, total) = self.select(kind, plan.as_ref(), first, params.count).await?;
        self.page(found, total, params).await
    }

    /// Everything that fits, for sorting it.
    async fn all(&self, kind: Kind, plan: Option<&Plan>) -> Result<Vec<Found>> {
        match plan {
            Some(plan) => self.filtered(kind, plan).await,
            None => self.scan(kind, "Sorting would read the whole directory").await,
        }
    }

    async fn sorted_page(&self, found: Vec<Found>, sort: &SortBy, params: &ListParams) -> Result<Value> {
        let total = found.len();
        let first = params.start_index.saturating_sub(1);
        let sorted = self.sorted(found, sort).into_iter();
        let page = sorted.skip(first).take(params.count).collect();
        self.page(page, total, params).await
    }

    fn sorted(&self, found: Vec<Found>, sort: &SortBy) -> Vec<Found> {
        let base = self.base();
        let key = |found: &Found| -> SortKey { sort.key(&found.resource(None, &base).body, found.kind()) };
        sort.sorted(found, key)
    }

    /// A list over both kinds, users first (RFC 7644 section 3.4.3 at the server's root). A filter may name what only one
    /// of them has: those of the other have no value there.
    ///
    /// # Errors
    /// As [`Scim::list`].
    pub async fn list_everything(&self, params: &ListParams) -> Result<Value> {
        if params.cursor.is_some() {
            return Err(invalid_cursor());
        }
        let filter = parsed(params)?;
        let planned = |kind: Kind| {
            let filter = filter.clone().map(|filter| for_kind(kind, filter));
            let filter = filter.filter(|filter| *filter != always());
            filter.map(|filter| plan(kind, filter)).transpose()
        };
        let (users, groups) = (planned(Kind::User)?, planned(Kind::Group)?);
        if let Some(sort) = &params.sort {
            // Whatever lacks the attribute has no value to be sorted by.
            sort.check(Kind::User).or_else(|_| sort.check(Kind::Group))?;
            let mut found = Vec::new();
            for (kind, plan) in [(Kind::User, users), (Kind::Group, groups)] {
                found.extend(self.all(kind, plan.as_ref()).await?);
            }
            return self.sorted_page(found, sort, params).await;
        }
        let first = params.start_index.saturating_sub(1);
        let (mut found, users) = self.select(Kind::User, users.as_ref(), first, params.count).await?;
        let room = params.count.saturating_sub(found.len());
        let first = first.saturating_sub(users);
        let (more, groups) = self.select(Kind::Group, groups.as_ref(), first, room).await?;
        found.extend(more);
        self.page(found, users.saturating_add(groups), params).await
    }

    /// At most `count` resources from place `first` on (counted from 0) of those that fit, and how many fit.
    async fn select(&self, kind: Kind, plan: Option<&Plan>, first: usize, count: usize) -> Result<(Vec<Found>, usize)> {
        let Some(plan) = plan else {
            return self.select_all(kind, first, count).await;
        };
        let found = self.filtered(kind, plan).await?;
        let total = found.len();
        Ok((found.into_iter().skip(first).take(count).collect(), total))
    }

    /// Counts the keys of everything, and reads the wanted resources only.
    async fn select_all(&self, kind: Kind, first: usize, count: usize) -> Result<(Vec<Found>, usize)> {
        let wanted = first..first.saturating_add(count);
        let mut query = Query::partition(self.list_partition(kind)).list_limit(LARGEST_LIST);
        let mut total = 0_usize;
        let mut keys = Vec::new();
        loop {
            let page = self.store().list(List::Owner, &query).await?;
            for key in page.items {
                if wanted.contains(&total) {
                    keys.push(key);
                }
                total = total.saturating_add(1);
            }
            if total > MOST_COUNTED {
                return Err(too_many("The directory is too large for paging by index: use cursor."));
            }
            match page.next {
                Some(next) => query = query.after(Some(next)),
                None => break,
            }
        }
        let ids: Vec<&str> = keys.iter().filter_map(|key| key.pk.rsplit('#').next()).collect();
        let found = match kind {
            Kind::User => {
                let ids: Vec<UserId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
                let users = directory::provisioned_users(self.store(), self.application(), &ids).await?;
                users.into_iter().flatten().map(Found::User).collect()
            }
            Kind::Group => {
                let ids: Vec<GroupId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
                self.groups_by_id(&ids).await?
            }
        };
        Ok((found, total))
    }

    fn list_partition(&self, kind: Kind) -> String {
        match kind {
            Kind::User => keys::users_list(self.application()),
            Kind::Group => keys::groups_list(self.application()),
        }
    }

    async fn groups_by_id(&self, ids: &[GroupId]) -> Result<Vec<Found>> {
        let groups = directory::groups(self.store(), self.application(), ids).await?;
        Ok(groups.into_iter().flatten().map(Found::Group).collect())
    }

    /// One page by cursor (RFC 9865): at most `count` resources are read, so that a page under a filter may hold fewer.
    async fn list_by_cursor(&self, kind: Kind, plan: Option<Plan>, cursor: &str, params: &ListParams) -> Result<Value> {
        if params.sort.is_some() {
            // A cursor is a place in the order of making; in any other order the pages would leave some out.
            return Err(ScimError::value(
                "A sorted list is paged by startIndex: leave out either sortBy or cursor.",
            ));
        }
        if let Some(plan) = plan.as_ref().filter(|plan| plan.source != Source::All) {
            let found = self.filtered(kind, plan).await?;
            return self.page_after_id(found, cursor, params).await;
        }
        let after = parse_cursor(cursor)?;
        // With a count of none one is read all the same: it takes a page to judge the cursor.
        let (mut candidates, mut next) = self.read_page(kind, after, params.count.max(1)).await?;
        if params.count == 0 {
            candidates.clear();
            next = None;
        }
        let rest = plan.as_ref().and_then(|plan| plan.rest.as_ref());
        let found: Vec<Found> = candidates
            .into_iter()
            .filter(|found| self.fits(kind, rest, found))
            .collect();
        let total = found.len();
        let mut list = without_index(self.page(found, total, params).await?);
        if let Value::Object(fields) = &mut list {
            fields.remove("totalResults");
            if let Some(next) = next {
                fields.insert("nextCursor".to_owned(), next.into());
            }
        }
        Ok(list)
    }

    /// One page of what a look-up by key found, which is little enough to be found anew for each: the cursor names the
    /// last one shown.
    async fn page_after_id(&self, mut found: Vec<Found>, cursor: &str, params: &ListParams) -> Result<Value> {
        let after = match cursor {
            "" => String::new(),
            cursor => {
                let id = cursor.strip_prefix(ID_CURSOR).and_then(|id| id.parse::<UserId>().ok());
                id.ok_or_else(invalid_cursor)?.to_string()
            }
        };
        let total = found.len();
        found.sort_by_cached_key(Found::id);
        let mut rest = found.into_iter().filter(|found| found.id() > after).peekable();
        let page: Vec<Found> = rest.by_ref().take(params.count).collect();
        let next = page.last().map(Found::id).filter(|_| rest.peek().is_some());
        let mut list = without_index(self.page(page, total, params).await?);
        if let (Value::Object(fields), Some(next)) = (&mut list, next) {
            fields.insert("nextCursor".to_owned(), format!("{ID_CURSOR}{next}").into());
        }
        Ok(list)
    }

    async fn read_page(&self, kind: Kind, after: Option<String>, limit: usize) -> Result<(Vec<Found>, Option<String>)> {
        let (store, application) = (self.store(), self.application());
        Ok(match kind {
            Kind::User => {
                let page = directory::provisioned_users_page(store, application, after, limit).await?;
                (page.items.into_iter().map(Found::User).collect(), page.next)
            }
            Kind::Group => {
                let page = directory::groups_page(store, application, after, limit).await?;
                (page.items.into_iter().map(Found::Group).collect(), page.next)
            }
        })
    }

    fn fits(&self, kind: Kind, rest: Option<&Filter>, found: &Found) -> bool {
        rest.is_none_or(|rest| matches(rest, &found.resource(None, &self.base()).body, kind))
    }

    /// Everything that fits a filter.
    async fn filtered(&self, kind: Kind, plan: &Plan) -> Result<Vec<Found>> {
        let candidates = self.candidates(kind, plan).await?;
        let mut out = Vec::new();
        for found in candidates {
            if !self.fits(kind, plan.rest.as_ref(), &found) {
                continue;
            }
            if let Found::Group(group) = &found
                && !self.has_members(group.value.id, &plan.members).await?
            {
                continue;
            }
            out.push(found);
        }
        Ok(out)
    }

    async fn has_members(&self, group: GroupId, members: &[UserId]) -> Result<bool> {
        for member in members {
            if !directory::is_member(self.store(), self.application(), group, *member).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn candidates(&self, kind: Kind, plan: &Plan) -> Result<Vec<Found>> {
        let (store, application) = (self.store(), self.application());
        let one = match (&plan.source, kind) {
            (Source::Nothing, _) => None,
            (Source::Id(id), Kind::User) => match id.parse() {
                Ok(id) => directory::provisioned_user(store, application, id)
                    .await?
                    .map(Found::User),
                Err(_) => None,
            },
            (Source::Id(id), Kind::Group) => match id.parse() {
                Ok(id) => directory::group(store, application, id).await?.map(Found::Group),
                Err(_) => None,
            },
            (Source::Unique(what, value), Kind::User) => {
                directory::provisioned_user_by(store, application, *what, value)
                    .await?
                    .map(Found::User)
            }
            (Source::Unique(what, value), Kind::Group) => directory::group_by(store, application, *what, value)
                .await?
                .map(Found::Group),
            (Source::Email(address), _) => return self.with_email(address).await,
            (Source::GroupsOf(user), _) => return self.groups_of(*user).await,
            (Source::All, _) => return self.scan(kind, "This filter would read the whole directory").await,
        };
        Ok(one.into_iter().collect())
    }

    async fn groups_of(&self, user: UserId) -> Result<Vec<Found>> {
        let (store, application) = (self.store(), self.application());
        let mut out = Vec::new();
        if directory::provisioned_user(store, application, user).await?.is_none() {
            return Ok(out);
        }
        let mut read = 0;
        let mut after = None;
        loop {
            let page = directory::groups_of_page(store, application, user, after, LARGEST_PAGE).await?;
            out.extend(page.standing.into_iter().map(Found::Group));
            after = page.next;
            if after.is_none() {
                return Ok(out);
            }
            read += page.read;
            if read > MOST_SCANNED {
                return Err(too_many("The user is in too many groups for this filter."));
            }
        }
    }

    async fn with_email(&self, address: &str) -> Result<Vec<Found>> {
        let (store, application) = (self.store(), self.application());
        let mut out = Vec::new();
        let mut after = None;
        loop {
            let page =
                directory::provisioned_users_with_email_page(store, application, address, after, LARGEST_PAGE).await?;
            out.extend(page.items.into_iter().map(Found::User));
            after = page.next;
            if after.is_none() {
                return Ok(out);
            }
            if out.len() >= MOST_SCANNED {
                return Err(too_many("Too many users share the e-mail address."));
            }
        }
    }

    async fn scan(&self, kind: Kind, why: &str) -> Result<Vec<Found>> {
        let mut out = Vec::new();
        let mut after = None;
        loop {
            let (found, next) = self.read_page(kind, after, LARGEST_PAGE).await?;
            out.extend(found);
            if out.len() > MOST_SCANNED {
                return Err(too_many(&format!(
                    "{why}: compare id, userName, externalId, emails or a group's displayName with eq.",
                )));
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(out),
            }
        }
    }

    async fn page(&self, found: Vec<Found>, total: usize, params: &ListParams) -> Result<Value> {
        let base = self.base();
        let mut shown = 0_usize;
        let mut resources = Vec::with_capacity(found.len());
        for found in &found {
            let (members, kind) = match found {
                Found::Group(group) if params.projection.wants_members() => {
                    let members = self.members_to_show(group.value.id, &mut shown).await?;
                    (Some(members), Kind::Group)
                }
                Found::Group(_) => (None, Kind::Group),
                Found::User(_) => (None, Kind::User),
            };
            let resource = found.resource(members.as_deref(), &base);
            resources.push(Value::from(params.projection.apply(resource.body, kind)));
        }
        Ok(json!({
            "schemas": [LIST_RESPONSE],
            "totalResults": total,
            "startIndex": params.start_index,
            "itemsPerPage": resources.len(),
            "Resources": resources,
        }))
    }

    /// The members of a group for an answer; `shown` counts those of the whole answer.
    pub(super) async fn members_to_show(&self, group: GroupId, shown: &mut usize) -> Result<Vec<UserId>> {
        let mut out: Vec<UserId> = Vec::new();
        let mut after = None;
        loop {
            let page =
                directory::provisioned_members_page(self.store(), self.application(), group, after, LARGEST_PAGE)
                    .await?;
            *shown = shown.saturating_add(page.read);
            if *shown > MOST_MEMBERS_SHOWN {
                return Err(too_many(
                    "The members are too many for one answer: ask with excludedAttributes=members.",
                ));
            }
            out.extend(page.standing.iter().map(|user| user.value.id));
            after = page.next;
            if after.is_none() {
                return Ok(out);
            }
        }
    }
}

fn too_many(what: &str) -> ScimError {
    ScimError::bad(ScimType::TooMany, what)
}

fn without_index(mut list: Value) -> Value {
    if let Value::Object(fields) = &mut list {
        fields.remove("startIndex");
    }
    list
}

/// How a cursor begins that names the id of the last resource shown.
const ID_CURSOR: &str = "id.";
/// Longest cursor that is looked at, in bytes; ours take some 200.
const LONGEST_CURSOR: usize = 1_024;

/// Where a page begins: cursors are the table's own, made of unreserved characters only, and never expire.
fn parse_cursor(cursor: &str) -> Result<Option<String>> {
    if cursor.len() > LONGEST_CURSOR {
        return Err(invalid_cursor());
    }
    Ok((!cursor.is_empty()).then(|| cursor.to_owned()))
}

pub(super) fn invalid_cursor() -> ScimError {
    ScimError::bad(ScimType::InvalidCursor, "cursor is none that this list gave.")
}

/// The item that a list reads first, where that is one item.
pub(super) fn first_read(kind: Kind, params: &ListParams, application: &ApplicationId) -> Option<Key> {
    let filter = parsed(params).ok().flatten()?;
    match (plan(kind, filter).ok()?.source, kind) {
        (Source::Id(id), Kind::User) => Some(keys::user(application, id.parse().ok()?)),
        (Source::Id(id), Kind::Group) => Some(keys::group(application, id.parse().ok()?)),
        (Source::Unique(what, value), _) => directory::unique_key(application, what, &value),
        _ => None,
    }
}

/// The filter, if there is one.
fn parsed(params: &ListParams) -> Result<Option<Filter>> {
    let parse = |text: &String| {
        parse_filter(text).map_err(|error| ScimError::bad(ScimType::InvalidFilter, format!("filter: {error}.")))
    };
    params.filter.as_ref().map(parse).transpose()
}

/// Checks and plans a filter.
fn plan(kind: Kind, filter: Filter) -> Result<Plan> {
    check(&filter, kind)?;
    let mut members = Vec::new();
    let mut impossible = false;
    let mut rest = Vec::new();
    for term in conjuncts(filter) {
        match member_term(kind, &term) {
            // Nothing fits "one of none".
            None if matches!(&term, Filter::Or(terms) if terms.is_empty()) => impossible = true,
            Some(literal) => match exact_id(&literal.text) {
                Some(id) => members.push(id),
                None => impossible = true,
            },
            None if mentions_members(kind, &term) => {
                return Err(ScimError::bad(
                    ScimType::InvalidFilter,
                    "members can only be compared with eq, and joined with other comparisons by and.",
                ));
            }
            None => rest.push(term),
        }
    }
    let by_key = rest
        .iter()
        .filter_map(|term| key_term(kind, term))
        .min_by_key(|source| match source {
            Source::Id(_) => 0,
            Source::Unique(..) => 1,
            _ => 2,
        });
    let source = match (impossible, by_key, members.first()) {
        (true, _, _) => Source::Nothing,
        (false, Some(source), _) => source,
        (false, None, Some(user)) => Source::GroupsOf(*user),
        (false, None, None) => Source::All,
    };
    let rest = (!rest.is_empty()).then_some(Filter::And(rest));
    Ok(Plan { source, members, rest })
}

/// The terms that all have to hold, however parentheses group them.
fn conjuncts(filter: Filter) -> Vec<Filter> {
    match filter {
        Filter::And(terms) => terms.into_iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// What is left of a filter over both kinds for resources of `kind`: where it names what only the other kind has, these
/// resources have no value. What neither has stays, and is refused.
fn for_kind(kind: Kind, filter: Filter) -> Filter {
    let other = match kind {
        Kind::User => Kind::Group,
        Kind::Group => Kind::User,
    };
    let lacks = |filter: &Filter| check(filter, kind).is_err() && check(filter, other).is_ok();
    match filter {
        Filter::And(terms) => all_of(terms.into_iter().map(|term| for_kind(kind, term))),
        Filter::Or(terms) => any_of(terms.into_iter().map(|term| for_kind(kind, term))),
        Filter::Not(inner) => match for_kind(kind, *inner) {
            inner if inner == never() => always(),
            inner if inner == always() => never(),
            inner => Filter::Not(Box::new(inner)),
        },
        // As `matches` has it for an attribute without values: `ne` is the opposite of `eq`, and `eq null` fits.
        Filter::Compare {
            operator, ref value, ..
        } if lacks(&filter) => {
            let equal = value.is_null();
            match operator {
                Operator::Equal if equal => always(),
                Operator::NotEqual if !equal => always(),
                _ => never(),
            }
        }
        Filter::Present(_) | Filter::Element(_) if lacks(&filter) => never(),
        filter => filter,
    }
}

/// What everything fits.
const fn always() -> Filter {
    Filter::And(Vec::new())
}

/// What nothing fits.
const fn never() -> Filter {
    Filter::Or(Vec::new())
}

fn all_of(terms: impl Iterator<Item = Filter>) -> Filter {
    let mut terms: Vec<Filter> = terms.filter(|term| *term != always()).collect();
    match terms.len() {
        _ if terms.contains(&never()) => never(),
        1 => terms.remove(0),
        _ => Filter::And(terms),
    }
}

fn any_of(terms: impl Iterator<Item = Filter>) -> Filter {
    let mut terms: Vec<Filter> = terms.filter(|term| *term != never()).collect();
    match terms.len() {
        _ if terms.contains(&always()) => always(),
        1 => terms.remove(0),
        _ => Filter::Or(terms),
    }
}

fn attribute_name(kind: Kind, path: &Path) -> Option<String> {
    match find(kind, path.schema.as_deref(), path.attribute.as_deref()) {
        Some(Named::Attribute(found)) if found.extension.is_none() => Some(found.name),
        _ => None,
    }
}

/// The value of `attribute eq value`, quoted or not.
fn equality(filter: &Filter) -> Option<(&Path, &Literal)> {
    match filter {
        Filter::Compare {
            path,
            operator: Operator::Equal,
            value,
        } if !value.is_null() => Some((path, value)),
        _ => None,
    }
}

fn key_term(kind: Kind, term: &Filter) -> Option<Source> {
    if let Some(address) = email_term(kind, term) {
        return Some(Source::Email(name_key(address)));
    }
    let (path, value) = equality(term)?;
    let text = &value.text;
    Some(match (kind, attribute_name(kind, path)?.as_str()) {
        (_, "id") => Source::Id(text.clone()),
        (Kind::User, "userName") => Source::Unique(Unique::UserName, name_key(text)),
        (Kind::User, "externalId") => Source::Unique(Unique::UserExternalId, external_id_key(text)),
        (Kind::Group, "displayName") => Source::Unique(Unique::GroupName, name_key(text)),
        (Kind::Group, "externalId") => Source::Unique(Unique::GroupExternalId, external_id_key(text)),
        _ => return None,
    })
}

/// As [`conjuncts`], of a filter that is kept.
fn joined(filter: &Filter) -> Vec<&Filter> {
    match filter {
        Filter::And(terms) => terms.iter().flat_map(joined).collect(),
        other => vec![other],
    }
}

/// The address of `emails eq "a"`, `emails.value eq "a"`, `emails[type eq "work"].value eq "a"` and
/// `emails[type eq "work" and value eq "a"]`: whoever fits has it. The whole term is tried on each, types included.
fn email_term(kind: Kind, term: &Filter) -> Option<&str> {
    let is_emails = |path: &Path| kind == Kind::User && attribute_name(kind, path).as_deref() == Some("emails");
    let is_value = |name: &str| name.eq_ignore_ascii_case("value");
    match term {
        Filter::Element(path) if is_emails(path) => {
            let inner = path.filter.as_deref()?;
            let mut values = joined(inner)
                .into_iter()
                .filter_map(equality)
                .filter(|(path, _)| path.attribute.as_deref().is_some_and(is_value));
            values.next().map(|(_, value)| value.text.as_str())
        }
        _ => {
            let (path, value) = equality(term)?;
            (is_emails(path) && path.sub.as_deref().is_none_or(is_value)).then_some(value.text.as_str())
        }
    }
}

/// The member of `members eq "u"`, `members.value eq "u"` and `members[value eq "u"]`.
fn member_term(kind: Kind, term: &Filter) -> Option<&Literal> {
    let is_members = |path: &Path| kind == Kind::Group && attribute_name(kind, path).as_deref() == Some("members");
    let is_value = |sub: Option<&String>| sub.is_none_or(|sub| sub.eq_ignore_ascii_case("value"));
    match term {
        Filter::Element(path) if is_members(path) => {
            let (inner, value) = equality(path.filter.as_deref()?)?;
            is_value(inner.attribute.as_ref()).then_some(value)
        }
        _ => {
            let (path, value) = equality(term)?;
            (is_members(path) && path.filter.is_none() && is_value(path.sub.as_ref())).then_some(value)
        }
    }
}

fn mentions_members(kind: Kind, filter: &Filter) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|term| mentions_members(kind, term)),
        Filter::Not(inner) => mentions_members(kind, inner),
        Filter::Present(path) | Filter::Element(path) | Filter::Compare { path, .. } => {
            kind == Kind::Group && attribute_name(kind, path).as_deref() == Some("members")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: Kind, text: &str) -> Source {
        plan(kind, parse_filter(text).unwrap()).unwrap().source
    }

    #[test]
    fn what_entra_asks_is_a_look_up_by_key() {
        let user = "00000000-0000-0000-0000-000000000001";
        let cases = [
            (
                Kind::User,
                r#"userName eq "A@X""#.to_owned(),
                Source::Unique(Unique::UserName, "a@x".to_owned()),
            ),
            (
                Kind::User,
                "externalId eq jyoung".to_owned(),
                Source::Unique(Unique::UserExternalId, "jyoung".to_owned()),
            ),
            (
                Kind::User,
                r#"active eq true and ID eq "x""#.to_owned(),
                Source::Id("x".to_owned()),
            ),
            (
                Kind::User,
                format!(
                    r#"id eq "{user}" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "m""#
                ),
                Source::Id(user.to_owned()),
            ),
            (
                Kind::Group,
                r#"displayName eq "Ops""#.to_owned(),
                Source::Unique(Unique::GroupName, "ops".to_owned()),
            ),
            (
                Kind::Group,
                format!(r#"id eq "g" and members eq "{user}""#),
                Source::Id("g".to_owned()),
            ),
            (
                Kind::Group,
                format!(r#"members[value eq "{user}"]"#),
                Source::GroupsOf(user.parse().unwrap()),
            ),
            (
                Kind::User,
                r#"emails[type eq "work"].value eq "A@X""#.to_owned(),
                Source::Email("a@x".to_owned()),
            ),
            (
                Kind::User,
                r#"active eq true and EMAILS[not (type eq "home") and VALUE eq "A@X"]"#.to_owned(),
                Source::Email("a@x".to_owned()),
            ),
            (
                Kind::User,
                r#"emails.value eq "a@x" and emails eq "b@x""#.to_owned(),
                Source::Email("a@x".to_owned()),
            ),
            (
                Kind::User,
                r#"emails eq "a@x" and userName eq "a""#.to_owned(),
                Source::Unique(Unique::UserName, "a".to_owned()),
            ),
            (
                Kind::User,
                r#"emails[type eq "work" or value eq "a@x"]"#.to_owned(),
                Source::All,
            ),
            (Kind::User, r#"emails.type eq "work""#.to_owned(), Source::All),
            (Kind::User, r#"emails.value ne "a@x""#.to_owned(), Source::All),
            (Kind::User, r#"not (emails.value eq "a@x")"#.to_owned(), Source::All),
            (Kind::User, "emails.value eq null".to_owned(), Source::All),
            (Kind::Group, r#"members eq "not ours""#.to_owned(), Source::Nothing),
            (
                Kind::User,
                r#"userName eq "a" or userName eq "b""#.to_owned(),
                Source::All,
            ),
            (Kind::User, r#"not (userName eq "a")"#.to_owned(), Source::All),
            (Kind::User, r#"displayName eq "a""#.to_owned(), Source::All),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(source(kind, &text), expected, "{text}");
        }
    }

    #[test]
    fn parentheses_around_what_is_joined_hide_no_key() {
        let unique = Source::Unique(Unique::UserName, "a".to_owned());
        for (kind, text, expected) in [
            (
                Kind::User,
                r#"active eq true and (userName eq "a" and title pr)"#,
                unique,
            ),
            (
                Kind::User,
                r#"emails[(type eq "work" and value eq "a@x") and primary eq true]"#,
                Source::Email("a@x".to_owned()),
            ),
            (
                Kind::Group,
                r#"(id eq "g" and members eq "00000000-0000-0000-0000-000000000001") and displayName pr"#,
                Source::Id("g".to_owned()),
            ),
        ] {
            assert_eq!(source(kind, text), expected, "{text}");
        }
    }

    #[test]
    fn what_one_kind_lacks_has_no_value_there() {
        let left = |kind: Kind, text: &str| for_kind(kind, parse_filter(text).unwrap());
        let read = |text: &str| parse_filter(text).unwrap();
        for (text, users, groups) in [
            ("userName pr", read("userName pr"), never()),
            ("not (userName pr)", read("not (userName pr)"), always()),
            (r#"userName ne "a""#, read(r#"userName ne "a""#), always()),
            ("userName eq null", read("userName eq null"), always()),
            ("userName ne null", read("userName ne null"), never()),
            ("userName pr and id pr", read("userName pr and id pr"), never()),
            (
                "userName eq null and id pr",
                read("userName eq null and id pr"),
                read("id pr"),
            ),
            ("userName pr or id pr", read("userName pr or id pr"), read("id pr")),
            (
                r#"members eq "u" or userName pr"#,
                read("userName pr"),
                read(r#"members eq "u""#),
            ),
            (
                r#"not (members[value eq "u"])"#,
                always(),
                read(r#"not (members[value eq "u"])"#),
            ),
            (
                "colour pr or id pr",
                read("colour pr or id pr"),
                read("colour pr or id pr"),
            ),
        ] {
            assert_eq!(
                (left(Kind::User, text), left(Kind::Group, text)),
                (users, groups),
                "{text}"
            );
        }
        assert_eq!(plan(Kind::Group, never()).unwrap().source, Source::Nothing);
    }

    #[test]
    fn members_are_never_searched_otherwise() {
        for text in [
            r#"members ne "x""#,
            r#"not (members eq "x")"#,
            r#"displayName eq "a" or members eq "x""#,
            "members pr",
            r#"members co "x""#,
        ] {
            let filter = parse_filter(text).unwrap();
            assert!(plan(Kind::Group, filter).is_err(), "{text}");
        }
    }

    #[test]
    fn parameters_are_read_leniently_and_bounded() {
        let read = |pairs: &[(&str, &str)]| {
            ListParams::from_query(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
            )
        };
        let params = read(&[("aadOptscim062020", ""), ("STARTINDEX", "-3"), ("count", "9999")]).unwrap();
        assert_eq!((params.start_index, params.count), (1, MOST_COUNT));
        assert_eq!(read(&[("count", "-1")]).unwrap().count, 0);
        assert_eq!(read(&[]).unwrap().count, DEFAULT_COUNT);
        for bad in [
            &[("count", "x")][..],
            &[("startIndex", "1.5")],
            &[("filter", "a pr"), ("Filter", "b pr")],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
