//! Looking up provisioned users, groups and memberships.
//!
//! Nobody else reads users, because a user's `person` is only known once the links between accounts are applied
//! ([`crate::persons`]): [`user`], [`users`], [`user_by_object_id`] and [`users_page`] give users with the person behind
//! them now. What is called `provisioned_…` gives them as SCIM stored them, without: for SCIM itself, and for the way
//! out of a grant, which hangs on no link (invariant I7).
//!
//! Every look-up of a single thing reads the table itself, strongly consistently, because decisions rest on it. Only
//! [`users_page`] and [`groups_page`] go through a list index: they may lag a moment behind and are for lists alone.
//!
//! A membership counts only while both its user and its group stand: deleting one takes effect with the deletion of its
//! own item, and the memberships' items go later, in pieces. Every look-up here says so; nothing else reads them.

use std::collections::BTreeSet;

use hourglass_domain::canonical::Digest;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::ids::{ApplicationId, GroupId, ObjectId, UserId};
use serde_json::Value;

use crate::change::{read, read_many, read_page};
use crate::keys::{self, Unique};
use crate::persons;
use crate::ports::store::{Key, LARGEST_PAGE, List, MOST_KEYS, Page, Query, Store, StoreError};
use crate::records::{GroupMember, Stored, UniqueValue, UserEmail, UserGroup, UserMark};

/// What a look-up gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The spelling of an `externalId` in which it is unique. Object ids have one spelling, so that no two accounts can
/// share one by writing it in different letter case; everything else is compared exactly as sent (RFC 7643 section
/// 3.1: `externalId` is case-exact).
#[must_use]
pub fn external_id_key(external_id: &str) -> String {
    external_id
        .parse::<ObjectId>()
        .map_or_else(|_| external_id.to_owned(), |id| id.to_string())
}

/// The spelling of a `userName` or of a group's `displayName` in which it is unique: both compare without regard to
/// letter case (RFC 7643 sections 4.1.1 and 8.7.1).
#[must_use]
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// A user by our id.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn user(store: &dyn Store, application: &ApplicationId, id: UserId) -> Result<Option<Stored<User>>> {
    let user = provisioned_user(store, application, id).await?;
    persons::applied_to_one(store, application, user).await
}

/// A user by our id, as provisioned.
///
/// # Errors
/// As [`Store::get`].
pub async fn provisioned_user(
    store: &dyn Store,
    application: &ApplicationId,
    id: UserId,
) -> Result<Option<Stored<User>>> {
    read(store, &keys::user(application, id)).await
}

/// A group by our id.
///
/// # Errors
/// As [`Store::get`].
pub async fn group(store: &dyn Store, application: &ApplicationId, id: GroupId) -> Result<Option<Stored<Group>>> {
    read(store, &keys::group(application, id)).await
}

/// Users by our ids, in the same order; any number of distinct ones.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn users(
    store: &dyn Store,
    application: &ApplicationId,
    ids: &[UserId],
) -> Result<Vec<Option<Stored<User>>>> {
    let users = provisioned_users(store, application, ids).await?;
    persons::applied(store, application, users).await
}

/// Users by our ids, in the same order, as provisioned; any number of distinct ones.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn provisioned_users(
    store: &dyn Store,
    application: &ApplicationId,
    ids: &[UserId],
) -> Result<Vec<Option<Stored<User>>>> {
    let keys: Vec<Key> = ids.iter().map(|id| keys::user(application, *id)).collect();
    read_all(store, &keys).await
}

/// Groups by our ids, in the same order; any number of distinct ones.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn groups(
    store: &dyn Store,
    application: &ApplicationId,
    ids: &[GroupId],
) -> Result<Vec<Option<Stored<Group>>>> {
    let keys: Vec<Key> = ids.iter().map(|id| keys::group(application, *id)).collect();
    read_all(store, &keys).await
}

/// The user with this Entra object id; `None` when nobody has it.
///
/// # Errors
/// As [`Store::get`].
pub async fn user_by_object_id(
    store: &dyn Store,
    application: &ApplicationId,
    object_id: ObjectId,
) -> Result<Option<Stored<User>>> {
    let found = provisioned_user_by(store, application, Unique::UserExternalId, &object_id.to_string()).await?;
    let found = found.filter(|user| user.value.object_id() == Some(object_id));
    persons::applied_to_one(store, application, found).await
}

/// The users with these Entra object ids, in the same order, as provisioned; any number of distinct ones.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn provisioned_users_by_object_ids(
    store: &dyn Store,
    application: &ApplicationId,
    object_ids: &[ObjectId],
) -> Result<Vec<Option<Stored<User>>>> {
    let unique: Vec<Key> = object_ids
        .iter()
        .map(|id| keys::unique(application, Unique::UserExternalId, &id.to_string()))
        .collect();
    let owners: Vec<Option<UserId>> = read_all::<UniqueValue>(store, &unique)
        .await?
        .into_iter()
        .map(|found| found.and_then(|found| found.value.owner.parse().ok()))
        .collect();
    let ids: Vec<UserId> = owners.iter().flatten().copied().collect();
    let mut found = provisioned_users(store, application, &ids).await?.into_iter();
    Ok(owners
        .into_iter()
        .zip(object_ids)
        .map(|(owner, object_id)| {
            let user = owner.and_then(|_| found.next().flatten())?;
            (user.value.object_id() == Some(*object_id)).then_some(user)
        })
        .collect())
}

/// The group with this Entra object id; `None` when there is none.
///
/// # Errors
/// As [`Store::get`].
pub async fn group_by_object_id(
    store: &dyn Store,
    application: &ApplicationId,
    object_id: ObjectId,
) -> Result<Option<Stored<Group>>> {
    let found = group_by(store, application, Unique::GroupExternalId, &object_id.to_string()).await?;
    Ok(found.filter(|group| group.value.object_id() == Some(object_id)))
}

/// The groups with these Entra object ids, in the same order; at most 100 distinct ones, in two calls.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn groups_by_object_ids(
    store: &dyn Store,
    application: &ApplicationId,
    object_ids: &[ObjectId],
) -> Result<Vec<Option<Stored<Group>>>> {
    let unique: Vec<Key> = object_ids
        .iter()
        .map(|id| keys::unique(application, Unique::GroupExternalId, &id.to_string()))
        .collect();
    let owners: Vec<Option<GroupId>> = read_many::<UniqueValue>(store, &unique)
        .await?
        .into_iter()
        .map(|found| found.and_then(|found| found.value.owner.parse().ok()))
        .collect();
    let ids: Vec<GroupId> = owners.iter().flatten().copied().collect();
    let mut found = groups(store, application, &ids).await?.into_iter();
    Ok(owners
        .into_iter()
        .zip(object_ids)
        .map(|(owner, object_id)| {
            let group = owner.and_then(|_| found.next().flatten())?;
            (group.value.object_id() == Some(*object_id)).then_some(group)
        })
        .collect())
}

/// The user, as provisioned, who has a unique value, given in the spelling that is compared ([`name_key`], [`external_id_key`]). The
/// caller compares the user's own value, which may have changed between the two reads.
///
/// # Errors
/// As [`Store::get`].
pub async fn provisioned_user_by(
    store: &dyn Store,
    application: &ApplicationId,
    what: Unique,
    value: &str,
) -> Result<Option<Stored<User>>> {
    match owner(store, application, what, value).await? {
        Some(id) => provisioned_user(store, application, id).await,
        None => Ok(None),
    }
}

/// The group that has a unique value; see [`provisioned_user_by`].
///
/// # Errors
/// As [`Store::get`].
pub async fn group_by(
    store: &dyn Store,
    application: &ApplicationId,
    what: Unique,
    value: &str,
) -> Result<Option<Stored<Group>>> {
    match owner(store, application, what, value).await? {
        Some(id) => group(store, application, id).await,
        None => Ok(None),
    }
}

async fn owner<I: std::str::FromStr>(
    store: &dyn Store,
    application: &ApplicationId,
    what: Unique,
    value: &str,
) -> Result<Option<I>> {
    let Some(key) = unique_key(application, what, value) else {
        return Ok(None);
    };
    let found: Option<Stored<UniqueValue>> = read(store, &key).await?;
    Ok(found.and_then(|found| found.value.owner.parse().ok()))
}

/// Where it is kept who has a unique value; `None` for one that nobody can have: no stored value is longer, and the table
/// refuses longer keys.
pub(crate) fn unique_key(application: &ApplicationId, what: Unique, value: &str) -> Option<Key> {
    let possible = !value.is_empty() && value.len() <= MOST_UNIQUE_BYTES;
    possible.then(|| keys::unique(application, what, value))
}

/// The e-mail addresses of a user, whatever their type, in the spelling that is compared ([`name_key`]).
#[must_use]
pub fn addresses(user: &User) -> BTreeSet<String> {
    let emails = user.attributes.get("emails").and_then(Value::as_array);
    let address = |email: &Value| email.get("value").and_then(Value::as_str).map(name_key);
    emails.into_iter().flatten().filter_map(address).collect()
}

/// Users, as provisioned, who have an e-mail address, given in the spelling that is compared, in order of their ids, after `after`; at
/// most `limit` (1 to [`LARGEST_PAGE`]). The caller compares the users' own addresses, which may have changed between the
/// two reads, and their type.
///
/// # Errors
/// As [`Store::query`].
pub async fn provisioned_users_with_email_page(
    store: &dyn Store,
    application: &ApplicationId,
    address: &str,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<User>>> {
    // No stored address is longer, and the table refuses longer keys.
    if address.is_empty() || address.len() > MOST_UNIQUE_BYTES {
        let items = Vec::new();
        return Ok(Page { items, next: None });
    }
    let query = Query::partition(keys::users_with_email(application, address))
        .after(after)
        .limit(limit);
    let page: Page<Stored<UserEmail>> = read_page(store, &query).await?;
    let ids: Vec<UserId> = page.items.iter().map(|email| email.value.user).collect();
    Ok(Page {
        items: provisioned_users(store, application, &ids)
            .await?
            .into_iter()
            .flatten()
            .collect(),
        next: page.next,
    })
}

/// Users who have the mark of a value that may link accounts, or of what a name looks like, as provisioned, in order of their ids; at most `limit`
/// (1 to [`LARGEST_PAGE`]).
///
/// # Errors
/// As [`Store::query`].
pub async fn provisioned_users_with_mark(
    store: &dyn Store,
    application: &ApplicationId,
    mark: Digest,
    limit: usize,
) -> Result<Vec<Stored<User>>> {
    let query = Query::partition(keys::users_with_mark(application, mark)).limit(limit);
    let page: Page<Stored<UserMark>> = read_page(store, &query).await?;
    let ids: Vec<UserId> = page.items.iter().map(|marked| marked.value.user).collect();
    Ok(provisioned_users(store, application, &ids)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// Longest unique value or e-mail address, in bytes of its compared spelling: with the longest application name it still fits the
/// table's limit of 2,048 bytes for a partition key.
pub const MOST_UNIQUE_BYTES: usize = 1_024;

/// Whether the user is in the group, and both stand. A decision that rests on it also checks [`keys::group`],
/// [`keys::member`] and [`keys::user`] in its transaction.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn is_member(store: &dyn Store, application: &ApplicationId, group: GroupId, user: UserId) -> Result<bool> {
    Ok(member_of_any(store, application, user, &[group]).await?.is_some())
}

/// The first of `groups` that stands and that the user, who has to stand as well, is in.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn member_of_any(
    store: &dyn Store,
    application: &ApplicationId,
    user: UserId,
    groups: &[GroupId],
) -> Result<Option<GroupId>> {
    // Each group takes two keys, and the user one.
    for chunk in groups.chunks((MOST_KEYS - 1) / 2) {
        let mut ids: Vec<GroupId> = Vec::with_capacity(chunk.len());
        for id in chunk {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        let mut keys = vec![keys::user(application, user)];
        keys.extend(ids.iter().map(|id| keys::group(application, *id)));
        keys.extend(ids.iter().map(|id| keys::member(application, *id, user)));
        let mut items = store.get_many(&keys).await?.into_iter();
        if items.next().flatten().is_none() {
            return Ok(None);
        }
        let items: Vec<bool> = items.map(|item| item.is_some()).collect();
        let (standing, member) = items.split_at(ids.len().min(items.len()));
        let hit = ids
            .iter()
            .zip(standing.iter().zip(member))
            .find_map(|(id, pair)| matches!(pair, (true, true)).then_some(*id));
        if hit.is_some() {
            return Ok(hit);
        }
    }
    Ok(None)
}

/// Part of a group's members, or of a user's groups.
#[derive(Clone, Debug)]
pub struct Memberships<R, I> {
    /// Those that stand, in order of their ids.
    pub standing: Vec<Stored<R>>,
    /// How many memberships were read for it, those of the deleted included.
    pub read: usize,
    /// After which the next part begins; `None` at the end.
    pub next: Option<I>,
}

/// Members of a group, as provisioned, in order of their ids, after `after`; of at most `limit` memberships (1 to [`LARGEST_PAGE`]).
/// Ask [`group`] first whether it stands.
///
/// # Errors
/// As [`Store::query`].
pub async fn provisioned_members_page(
    store: &dyn Store,
    application: &ApplicationId,
    group: GroupId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Memberships<User, UserId>> {
    let query = Query::partition(keys::members(application, group))
        .after(after.map(|id| id.to_string()))
        .limit(limit);
    let page: Page<Stored<GroupMember>> = read_page(store, &query).await?;
    let ids: Vec<UserId> = page.items.iter().map(|member| member.value.user).collect();
    Ok(Memberships {
        next: page.next.and(ids.last().copied()),
        read: ids.len(),
        standing: provisioned_users(store, application, &ids)
            .await?
            .into_iter()
            .flatten()
            .collect(),
    })
}

/// Ids of a group's members, as provisioned, at most `most`, and whether there are more. Those of users who were deleted a
/// moment ago are among them: this is for counting. Ask [`group`] first whether it stands.
///
/// # Errors
/// As [`Store::query`].
pub async fn member_ids(
    store: &dyn Store,
    application: &ApplicationId,
    group: GroupId,
    most: usize,
) -> Result<(Vec<UserId>, bool)> {
    let mut ids: Vec<UserId> = Vec::new();
    let mut after = None;
    while ids.len() < most {
        let query = Query::partition(keys::members(application, group))
            .after(after)
            .limit(LARGEST_PAGE.min(most - ids.len()));
        let page: Page<Stored<GroupMember>> = read_page(store, &query).await?;
        ids.extend(page.items.iter().map(|member| member.value.user));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok((ids, after.is_some()))
}

/// Groups of a user, in order of their ids, after `after`; of at most `limit` memberships (1 to [`LARGEST_PAGE`]). Ask
/// [`user`] first whether the user stands.
///
/// # Errors
/// As [`Store::query`].
pub async fn groups_of_page(
    store: &dyn Store,
    application: &ApplicationId,
    user: UserId,
    after: Option<GroupId>,
    limit: usize,
) -> Result<Memberships<Group, GroupId>> {
    let query = Query::partition(keys::groups_of(application, user))
        .after(after.map(|id| id.to_string()))
        .limit(limit);
    let page: Page<Stored<UserGroup>> = read_page(store, &query).await?;
    let ids: Vec<GroupId> = page.items.iter().map(|group| group.value.group).collect();
    Ok(Memberships {
        next: page.next.and(ids.last().copied()),
        read: ids.len(),
        standing: groups(store, application, &ids).await?.into_iter().flatten().collect(),
    })
}

/// Users of an application in the order in which they were made, after the opaque `after` of an earlier page's `next`.
/// Lags a moment behind; a page may hold fewer than `limit` although more follow.
///
/// # Errors
/// As [`Store::list`].
pub async fn users_page(
    store: &dyn Store,
    application: &ApplicationId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<User>>> {
    let page = provisioned_users_page(store, application, after, limit).await?;
    let users = page.items.into_iter().map(Some).collect();
    let users = persons::applied(store, application, users).await?;
    Ok(Page {
        items: users.into_iter().flatten().collect(),
        next: page.next,
    })
}

/// Users of an application, as provisioned; as [`users_page`].
///
/// # Errors
/// As [`Store::list`].
pub async fn provisioned_users_page(
    store: &dyn Store,
    application: &ApplicationId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<User>>> {
    list_page(store, keys::users_list(application), after, limit).await
}

/// Groups of an application; as [`users_page`].
///
/// # Errors
/// As [`Store::list`].
pub async fn groups_page(
    store: &dyn Store,
    application: &ApplicationId,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<Group>>> {
    list_page(store, keys::groups_list(application), after, limit).await
}

async fn list_page<R: crate::records::Record>(
    store: &dyn Store,
    list: String,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<R>>> {
    let query = Query::partition(list).after(after).limit(limit.min(LARGEST_PAGE));
    let page = store.list(List::Owner, &query).await?;
    let items = read_all(store, &page.items).await?;
    Ok(Page {
        // What was deleted since the index was written is left out.
        items: items.into_iter().flatten().collect(),
        next: page.next,
    })
}

pub(crate) async fn read_all<R: crate::records::Record>(
    store: &dyn Store,
    keys: &[Key],
) -> Result<Vec<Option<Stored<R>>>> {
    let mut items = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(MOST_KEYS) {
        items.extend(read_many(store, chunk).await?);
    }
    Ok(items)
}
