//! Who is who: the links between accounts, applied.
//!
//! Three things are read, strongly consistently: how the application links (the *settings*), what an admin linked (an item
//! for each account), and, where an attribute was chosen, who has the same value. The settings change with every link that
//! an admin makes or takes away, so that a transaction that checks them ([`checked`]) rests on all links being as they were
//! read; a value that SCIM changes moves the version of its user.

use std::collections::{BTreeMap, BTreeSet};

use hourglass_domain::directory::{Party, User};
use hourglass_domain::ids::{ApplicationId, ObjectId, PersonId, UserId};
use hourglass_domain::person::{Link, LinkAttribute, LinkSettings, MOST_SHARING, Persons};

use crate::change::{Change, read};
use crate::directory::{self, Result};
use crate::keys;
use crate::ports::store::{Key, MOST_KEYS, Store};
use crate::records::{Stored, from_item};

/// Most accounts that chains of links are followed to. More than a human being has: whoever comes so far has made a mess,
/// which is told.
const MOST_ACCOUNTS: usize = 64;

/// How accounts of an application are linked; version 0 where nothing was set yet.
///
/// # Errors
/// As [`Store::get`].
pub async fn settings(store: &dyn Store, application: &ApplicationId) -> Result<Stored<LinkSettings>> {
    let stored = read(store, &keys::link_settings(application)).await?;
    Ok(stored.unwrap_or_else(|| none(application)))
}

fn none(application: &ApplicationId) -> Stored<LinkSettings> {
    Stored {
        value: LinkSettings::none(application.clone()),
        version: 0,
    }
}

/// `change`, relying on all links of the application being as they were when `settings` were read.
#[must_use]
pub fn checked(change: Change, settings: &Stored<LinkSettings>) -> Change {
    change.check_version(keys::link_settings(&settings.value.application), settings.version)
}

/// Users with the persons behind them now.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn applied(
    store: &dyn Store,
    application: &ApplicationId,
    users: Vec<Option<Stored<User>>>,
) -> Result<Vec<Option<Stored<User>>>> {
    let accounts: Vec<ObjectId> = users
        .iter()
        .flatten()
        .filter_map(|user| user.value.object_id())
        .collect();
    if accounts.is_empty() {
        return Ok(users);
    }
    let (settings, links) = settings_and_links(store, application, &accounts).await?;
    let mut applied = Vec::with_capacity(users.len());
    for user in users {
        applied.push(match user {
            Some(mut user) => {
                user.value.person = person(store, &settings.value, &user.value, &links).await?;
                Some(user)
            }
            None => None,
        });
    }
    Ok(applied)
}

/// A user with the person behind them now.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn applied_to_one(
    store: &dyn Store,
    application: &ApplicationId,
    user: Option<Stored<User>>,
) -> Result<Option<Stored<User>>> {
    Ok(applied(store, application, vec![user]).await?.pop().flatten())
}

/// Who is behind the accounts of `parties` now, and the settings by which that is so.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn now<'a>(
    store: &dyn Store,
    application: &ApplicationId,
    parties: impl IntoIterator<Item = &'a Party>,
) -> Result<(Persons, Stored<LinkSettings>)> {
    let parties: BTreeMap<ObjectId, &Party> = parties.into_iter().map(|party| (party.object_id, party)).collect();
    let accounts: Vec<ObjectId> = parties.keys().copied().collect();
    let (found, settings) = behind(store, application, &accounts).await?;
    let mut persons = Persons::default();
    for (account, party) in parties {
        if let Some(person) = found.get(&account) {
            persons.note(party.tenant, account, *person);
        }
    }
    Ok((persons, settings))
}

/// Who is behind accounts now, where anything is known of them.
async fn behind(
    store: &dyn Store,
    application: &ApplicationId,
    accounts: &[ObjectId],
) -> Result<(BTreeMap<ObjectId, PersonId>, Stored<LinkSettings>)> {
    let (settings, links) = settings_and_links(store, application, accounts).await?;
    let users = directory::provisioned_users_by_object_ids(store, application, accounts).await?;
    let mut found = BTreeMap::new();
    for (account, user) in accounts.iter().zip(users) {
        let person = match (&user, links.get(account)) {
            (Some(user), _) => person(store, &settings.value, &user.value, &links).await?,
            // The account is gone, and what an admin said of it stays.
            (None, Some(link)) => link.person,
            (None, None) => continue,
        };
        found.insert(*account, person);
    }
    Ok((found, settings))
}

/// Whether an account and any of the others are one human being now, and the settings by which that is so.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn is_any(
    store: &dyn Store,
    application: &ApplicationId,
    account: ObjectId,
    others: &[ObjectId],
) -> Result<(bool, Stored<LinkSettings>)> {
    let mut accounts: BTreeSet<ObjectId> = others.iter().copied().collect();
    accounts.insert(account);
    let accounts: Vec<ObjectId> = accounts.into_iter().collect();
    let (found, settings) = behind(store, application, &accounts).await?;
    let own = found.get(&account);
    let same = others
        .iter()
        .any(|other| *other == account || (own.is_some() && found.get(other) == own));
    Ok((same, settings))
}

type Links = BTreeMap<ObjectId, Link>;

/// Reads the settings with the links of some accounts, in as few calls as there can be.
async fn settings_and_links(
    store: &dyn Store,
    application: &ApplicationId,
    accounts: &[ObjectId],
) -> Result<(Stored<LinkSettings>, Links)> {
    let distinct: BTreeSet<ObjectId> = accounts.iter().copied().collect();
    let distinct: Vec<ObjectId> = distinct.into_iter().collect();
    let mut settings = None;
    let mut links = Links::new();
    for accounts in distinct.chunks(MOST_KEYS - 1) {
        let mut keys: Vec<Key> = accounts
            .iter()
            .map(|account| keys::link(application, *account))
            .collect();
        if settings.is_none() {
            keys.insert(0, keys::link_settings(application));
        }
        let mut items = store.get_many(&keys).await?.into_iter();
        if settings.is_none() {
            let stored = items.next().flatten().map(from_item).transpose()?;
            settings = Some(stored.unwrap_or_else(|| none(application)));
        }
        for item in items.flatten() {
            let link: Stored<Link> = from_item(item)?;
            links.insert(link.value.account, link.value);
        }
    }
    let settings = match settings {
        Some(settings) => settings,
        None => self::settings(store, application).await?,
    };
    Ok((settings, links))
}

/// The person behind a user. With an attribute, chains of links are followed to their ends, and whoever is in a chain is
/// the person with its least id, from wherever one begins.
async fn person(store: &dyn Store, settings: &LinkSettings, user: &User, links: &Links) -> Result<PersonId> {
    let Some(account) = user.object_id() else {
        return Ok(user.person);
    };
    let link = links.get(&account);
    match settings.attribute {
        None => Ok(link.map_or(user.person, |link| link.person)),
        Some(attribute) if link.is_none() && attribute.of(user).is_none() => Ok(user.person),
        Some(attribute) => {
            let found = chain(store, &settings.application, Some(attribute), account, user).await?;
            Ok(found.persons.first().copied().unwrap_or(user.person))
        }
    }
}

/// What belongs together with an account.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Ids that stand for the person, the one in force first.
    pub(crate) persons: BTreeSet<PersonId>,
    /// The accounts, with their users where they are provisioned.
    pub(crate) accounts: BTreeMap<ObjectId, Option<UserId>>,
    /// Those of them that an admin linked.
    pub(crate) linked: BTreeSet<ObjectId>,
    /// Whether a value was left out because too many share it.
    pub(crate) too_common: bool,
}

/// Everything that belongs together with a user's account.
///
/// # Errors
/// As [`Store::get_many`].
pub(crate) async fn of(store: &dyn Store, user: &User) -> Result<Chain> {
    let Some(account) = user.object_id() else {
        return Ok(Chain::default());
    };
    let settings = settings(store, &user.application).await?;
    chain(store, &user.application, settings.value.attribute, account, user).await
}

/// The other accounts of a user's person, as far as they are provisioned and active.
///
/// # Errors
/// As [`Store::get_many`].
pub async fn others(store: &dyn Store, user: &User) -> Result<Vec<Stored<User>>> {
    let accounts = of(store, user).await?.accounts;
    let ids: Vec<UserId> = accounts.into_values().flatten().filter(|id| *id != user.id).collect();
    let users = directory::users(store, &user.application, &ids).await?;
    Ok(users.into_iter().flatten().filter(|user| user.value.active).collect())
}

/// Everything that belongs together with an account, links by the attribute included where there is one.
async fn chain(
    store: &dyn Store,
    application: &ApplicationId,
    attribute: Option<LinkAttribute>,
    account: ObjectId,
    user: &User,
) -> Result<Chain> {
    let mut chain = Chain::default();
    let mut values: BTreeSet<String> = BTreeSet::new();
    let mut waiting: Vec<(ObjectId, Option<User>)> = vec![(account, Some(user.clone()))];
    while !waiting.is_empty() {
        for (account, user) in &waiting {
            chain.accounts.insert(*account, user.as_ref().map(|user| user.id));
        }
        if chain.accounts.len() > MOST_ACCOUNTS {
            tracing::error!(account = %account, "more accounts are linked to one person than a human being has");
            break;
        }
        let accounts: Vec<Key> = waiting
            .iter()
            .map(|(account, _)| keys::link(application, *account))
            .collect();
        let links = directory::read_all::<Link>(store, &accounts).await?;
        let mut next: BTreeMap<ObjectId, Option<User>> = BTreeMap::new();
        let mut others: BTreeSet<ObjectId> = BTreeSet::new();
        for link in links.into_iter().flatten() {
            chain.persons.insert(link.value.person);
            chain.linked.insert(link.value.account);
            others.extend(link.value.accounts);
        }
        let others: Vec<ObjectId> = others
            .into_iter()
            .filter(|other| !chain.accounts.contains_key(other))
            .collect();
        let users = directory::provisioned_users_by_object_ids(store, application, &others).await?;
        next.extend(
            others
                .into_iter()
                .zip(users.into_iter().map(|user| user.map(|user| user.value))),
        );
        for (_, user) in waiting {
            let Some(attribute) = attribute else {
                continue;
            };
            let value = user.as_ref().and_then(|user| attribute.of(user));
            let Some(value) = value.filter(|value| !values.contains(*value)).map(str::to_owned) else {
                continue;
            };
            let sharing = sharing(store, application, attribute, &value).await?;
            match sharing {
                Some(sharing) => {
                    chain.persons.insert(attribute.person(application, &value));
                    for user in sharing {
                        let account = user.value.object_id();
                        if let Some(account) = account.filter(|account| !chain.accounts.contains_key(account)) {
                            next.insert(account, Some(user.value));
                        }
                    }
                }
                None => chain.too_common = true,
            }
            values.insert(value);
        }
        waiting = next.into_iter().collect();
    }
    Ok(chain)
}

/// The users with a value, or `None` where there are too many for it to mark a human being.
async fn sharing(
    store: &dyn Store,
    application: &ApplicationId,
    attribute: LinkAttribute,
    value: &str,
) -> Result<Option<Vec<Stored<User>>>> {
    let mark = attribute.mark(value);
    let mut users = directory::provisioned_users_with_mark(store, application, mark, MOST_SHARING + 1).await?;
    // What the mark was made of may have changed between the two reads.
    users.retain(|user| attribute.of(&user.value) == Some(value));
    if users.len() <= MOST_SHARING {
        return Ok(Some(users));
    }
    tracing::warn!(application.id = %application, attribute = attribute.name(), "a value that many accounts share links nobody");
    tracing::info!(target: "metric", metric = "link_values_too_common", value = 1_u64, unit = "Count");
    Ok(None)
}
