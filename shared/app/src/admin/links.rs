//! Linking the accounts of one human being, by hand and by an attribute.
//!
//! Who unlinks accounts makes two persons of one, who could then approve for each other. So nobody does it with their
//! own accounts, and each change is written to the stream of every account that it concerns.

use std::collections::BTreeSet;

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::directory::User;
use hourglass_domain::ids::{ApplicationId, ObjectId, PersonId, UserId};
use hourglass_domain::person::{Link, LinkAttribute, LinkSettings, MOST_SHARING, linked};
use hourglass_domain::refusal::Rule;
use hourglass_domain::two_person::{Object, diff};

use super::by::By;
use super::changes::Planned;
use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, read, read_many};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::persons::{self, Chain};
use crate::ports::Core;
use crate::ports::store::{List, Page, Query};
use crate::records::Stored;

/// Most users that are read to say what an attribute links.
const MOST_READ: usize = 2_000;
/// How many are read at a time.
const AT_A_TIME: usize = 200;

/// An account of a person.
#[derive(Clone, Debug)]
pub struct Account {
    /// The object id.
    pub account: ObjectId,
    /// Its user, where it is provisioned.
    pub user: Option<User>,
    /// Whether an admin linked it.
    pub by_admin: bool,
}

/// A person with all of their accounts.
#[derive(Clone, Debug)]
pub struct Human {
    /// The id that stands for them now.
    pub person: PersonId,
    /// The accounts, in order of their object ids.
    pub accounts: Vec<Account>,
    /// Whether a value of the attribute is left out because more accounts share it than a human being has.
    pub too_common: bool,
}

fn stream(application: &ApplicationId) -> StreamId {
    StreamId::config(application, "links", application.as_str())
}

/// The accounts that an admin has linked, those of one person side by side.
///
/// # Errors
/// When the caller is no admin.
pub async fn list(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Stored<Link>>> {
    require_admin(who)?;
    let query = Query::partition(keys::links_list(&who.application.value.id))
        .after(after)
        .limit(limit);
    let page = core.store.list(List::Owner, &query).await?;
    let links = read_many::<Link>(&*core.store, &page.items).await?;
    Ok(Page {
        items: links.into_iter().flatten().collect(),
        next: page.next,
    })
}

/// The person behind a user, with all of their accounts.
///
/// # Errors
/// When the caller is no admin, or there is no such user in the caller's application.
pub async fn get(core: &Core, who: &Who, user: UserId) -> Result<Human> {
    require_admin(who)?;
    let (user, _) = find(core, who, user).await?;
    human(core, &user).await
}

async fn human(core: &Core, user: &User) -> Result<Human> {
    let chain = persons::of(&*core.store, user).await?;
    let Chain {
        persons,
        accounts,
        linked,
        too_common,
    } = chain;
    let ids: Vec<ObjectId> = accounts.keys().copied().collect();
    let users = directory::provisioned_users_by_object_ids(&*core.store, &user.application, &ids).await?;
    let accounts = ids.into_iter().zip(users).map(|(account, user)| Account {
        account,
        user: user.map(|user| user.value),
        by_admin: linked.contains(&account),
    });
    Ok(Human {
        person: persons.first().copied().unwrap_or(user.person),
        accounts: accounts.collect(),
        too_common,
    })
}

/// A user of the caller's application, as provisioned, and their account. Another application's is not found: a link
/// crosses nothing.
async fn find(core: &Core, who: &Who, user: UserId) -> Result<(User, ObjectId)> {
    let application = &who.application.value.id;
    let found = directory::provisioned_user(&*core.store, application, user).await?;
    let found = found.ok_or(Refusal::NotFound { what: "user" })?.value;
    match found.object_id() {
        Some(account) => Ok((found, account)),
        None => Err(Refusal::invalid("users", Rule::UserWithoutObjectId { user: user.to_string() }).into()),
    }
}

async fn link_of(core: &Core, application: &ApplicationId, account: ObjectId) -> Result<Option<Stored<Link>>> {
    Ok(read(&*core.store, &keys::link(application, account)).await?)
}

/// Whoever answers for the change is none of the accounts, with whatever account of theirs; and the settings by which that
/// is so.
async fn not_own(
    core: &Core,
    application: &ApplicationId,
    responsible: &[ObjectId],
    accounts: &[ObjectId],
) -> Result<Stored<LinkSettings>> {
    let settings = persons::settings(&*core.store, application).await?;
    for account in responsible {
        let (own, now) = persons::is_any(&*core.store, application, *account, accounts).await?;
        if own {
            return Err(Refusal::OwnLinks.into());
        }
        if now.version != settings.version {
            return Err(Refusal::Changed.into());
        }
    }
    Ok(settings)
}

/// `change` with an event in the stream of each of these accounts' users.
async fn told(
    core: &Core,
    application: &ApplicationId,
    mut change: Change,
    accounts: &BTreeSet<ObjectId>,
    draft: &Draft,
) -> Result<Change> {
    let accounts: Vec<ObjectId> = accounts.iter().copied().collect();
    let users = directory::provisioned_users_by_object_ids(&*core.store, application, &accounts).await?;
    for user in users.into_iter().flatten() {
        change = change.event(StreamId::user(application, user.value.id), draft.clone());
    }
    Ok(change)
}

/// A person's accounts in words: object ids, because a link outlives a provisioned user.
fn in_words(accounts: &BTreeSet<ObjectId>) -> String {
    accounts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The accounts that an admin has linked to one, itself included.
fn of_link(account: ObjectId, link: Option<&Stored<Link>>) -> BTreeSet<ObjectId> {
    let mut accounts = link.map(|link| link.value.accounts.clone()).unwrap_or_default();
    accounts.insert(account);
    accounts
}

/// What linking two users changes.
///
/// # Errors
/// The rule that refuses it.
pub(super) async fn plan_link(core: &Core, who: &Who, one: UserId, other: UserId) -> Result<Planned> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let (_, account) = find(core, who, one).await?;
    let (_, with) = find(core, who, other).await?;
    let settings = not_own(core, application, &[who.caller.object_id], &[account, with]).await?;
    let first = link_of(core, application, account).await?;
    let second = link_of(core, application, with).await?;
    let (_, accounts) = linked(
        PersonId::new(core.ids.uuid()),
        (account, first.as_ref().map(|link| &link.value)),
        (with, second.as_ref().map(|link| &link.value)),
    )?;
    let before = [of_link(account, first.as_ref()), of_link(with, second.as_ref())];
    let before = before.iter().map(in_words).collect::<Vec<_>>().join(" | ");
    Ok(Planned {
        object: object(application, settings.version),
        diff: diff::accounts(&before, &in_words(&accounts)),
    })
}

fn object(application: &ApplicationId, version: u64) -> Object {
    Object::new("links", application, version)
}

/// Links two users to one person, with everything that was linked to either before.
pub(super) async fn link(core: &Core, by: &By<'_>, one: UserId, other: UserId) -> Result<Human> {
    let application = &by.application.value.id;
    let (user, account) = find(core, by, one).await?;
    let (_, with) = find(core, by, other).await?;
    let settings = not_own(core, application, &by.accounts(), &[account, with]).await?;
    by.require(settings.version)?;
    let (first, second) = (
        link_of(core, application, account).await?,
        link_of(core, application, with).await?,
    );
    let fresh = PersonId::new(core.ids.uuid());
    let (person, accounts) = linked(
        fresh,
        (account, first.as_ref().map(|link| &link.value)),
        (with, second.as_ref().map(|link| &link.value)),
    )?;
    let now = core.clock.now();
    let draft = by
        .draft(now, "person.linked")
        .fact("person", person)
        .fact("user", one)
        .fact("with", other);
    let mut change = Change::new().replace(settings.version, &settings.value.changed())?;
    for account in &accounts {
        let version = link_of(core, application, *account)
            .await?
            .map_or(0, |link| link.version);
        let link = Link {
            application: application.clone(),
            account: *account,
            person,
            accounts: accounts.clone(),
            by: by.actor(),
            at: now,
        };
        change = change.replace(version, &link)?;
    }
    change = told(core, application, change, &accounts, &draft).await?;
    by.rests(core, change.event(stream(application), draft))?
        .commit(&*core.store)
        .await?;
    tracing::warn!(%person, user = %one, with = %other, "two accounts are linked to one person");
    human(core, &user).await
}

/// What taking a user away from the person that an admin linked them to changes.
///
/// # Errors
/// The rule that refuses it.
pub(super) async fn plan_unlink(core: &Core, who: &Who, user: UserId) -> Result<Planned> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let (_, account) = find(core, who, user).await?;
    let own = link_of(core, application, account).await?.ok_or(Refusal::NotLinked)?;
    let concerned: Vec<ObjectId> = own.value.accounts.iter().copied().chain([account]).collect();
    let settings = not_own(core, application, &[who.caller.object_id], &concerned).await?;
    let mut rest = own.value.accounts.clone();
    rest.remove(&account);
    let after = format!("{account} | {}", in_words(&rest));
    Ok(Planned {
        object: object(application, settings.version),
        diff: diff::accounts(&in_words(&of_link(account, Some(&own))), &after),
    })
}

/// Takes a user away from the person that an admin linked them to. What an attribute links stays linked.
pub(super) async fn unlink(core: &Core, by: &By<'_>, user: UserId) -> Result<()> {
    let application = &by.application.value.id;
    let (_, account) = find(core, by, user).await?;
    let own = link_of(core, application, account).await?.ok_or(Refusal::NotLinked)?;
    let concerned: Vec<ObjectId> = own.value.accounts.iter().copied().chain([account]).collect();
    let settings = not_own(core, application, &by.accounts(), &concerned).await?;
    by.require(settings.version)?;
    let mut rest = own.value.accounts.clone();
    rest.remove(&account);
    let now = core.clock.now();
    let draft = by
        .draft(now, "person.unlinked")
        .fact("person", own.value.person)
        .fact("user", user);
    let mut change = Change::new()
        .replace(settings.version, &settings.value.changed())?
        .delete(&own);
    for other in &rest {
        let Some(link) = link_of(core, application, *other).await? else {
            continue;
        };
        change = if rest.len() > 1 {
            let accounts = rest.clone();
            change.replace(link.version, &Link { accounts, ..link.value })?
        } else {
            change.delete(&link)
        };
    }
    change = told(core, application, change, &own.value.accounts, &draft).await?;
    by.rests(core, change.event(stream(application), draft))?
        .commit(&*core.store)
        .await?;
    tracing::warn!(user = %user, "an account is linked to a person no more");
    Ok(())
}

/// What the chosen attribute does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByAttribute {
    /// The settings, with their version.
    pub settings: Stored<LinkSettings>,
    /// How many values link two or more accounts.
    pub linking: usize,
    /// How many values link nobody because more than [`MOST_SHARING`] accounts share them.
    pub too_common: usize,
    /// Whether there are more users than were read for it.
    pub more: bool,
}

/// The attribute that links, and what it does.
///
/// # Errors
/// When the caller is no admin.
pub async fn attribute(core: &Core, who: &Who) -> Result<ByAttribute> {
    require_admin(who)?;
    let settings = persons::settings(&*core.store, &who.application.value.id).await?;
    by_attribute(core, settings).await
}

async fn by_attribute(core: &Core, settings: Stored<LinkSettings>) -> Result<ByAttribute> {
    let mut values: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let (mut after, mut read, mut more) = (None, 0, false);
    if let Some(attribute) = settings.value.attribute {
        loop {
            let application = &settings.value.application;
            let page = directory::provisioned_users_page(&*core.store, application, after, AT_A_TIME).await?;
            read += page.items.len();
            for user in &page.items {
                if let Some(value) = attribute.of(&user.value) {
                    *values.entry(value.to_owned()).or_default() += 1;
                }
            }
            after = page.next;
            if after.is_none() || read >= MOST_READ {
                more = after.is_some();
                break;
            }
        }
    }
    let shared = |range: std::ops::RangeInclusive<usize>| values.values().filter(|count| range.contains(count)).count();
    Ok(ByAttribute {
        linking: shared(2..=MOST_SHARING),
        too_common: shared(MOST_SHARING + 1..=usize::MAX),
        more,
        settings,
    })
}

/// What choosing the attribute that links changes.
///
/// # Errors
/// When the caller is no admin.
pub(super) async fn plan_attribute(core: &Core, who: &Who, attribute: Option<LinkAttribute>) -> Result<Planned> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let before = persons::settings(&*core.store, application).await?;
    Ok(Planned {
        object: object(application, before.version),
        diff: diff::link_attribute(before.value.attribute, attribute),
    })
}

/// Chooses the attribute that links, or none.
pub(super) async fn choose(core: &Core, by: &By<'_>, attribute: Option<LinkAttribute>) -> Result<ByAttribute> {
    let application = &by.application.value.id;
    let before = persons::settings(&*core.store, application).await?;
    by.require(before.version)?;
    let after = LinkSettings {
        attribute,
        ..before.value.changed()
    };
    let draft = by
        .draft(core.clock.now(), "links.attribute_chosen")
        .fact("attribute", attribute.map_or("none", LinkAttribute::name));
    let change = Change::new()
        .replace(before.version, &after)?
        .event(stream(application), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    tracing::warn!(application.id = %application, ?attribute, "another attribute links accounts");
    let settings = Stored {
        value: after,
        version: before.version.saturating_add(1),
    };
    by_attribute(core, settings).await
}
