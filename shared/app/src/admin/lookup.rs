//! Users and groups by what an admin types: a user's user name, a group's display name, Entra's object id, or our own id.
//!
//! Only exact matches count, through the same unique values that SCIM keeps, consistently read: what is chosen here becomes
//! an approver, or loses access. A text that names two different things is refused rather than guessed at.

use std::str::FromStr;

use hourglass_domain::Refusal;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::ids::{ApplicationId, ObjectId};
use hourglass_domain::refusal::Rule;

use super::require_admin;
use crate::caller::Who;
use crate::directory::{self, name_key};
use crate::error::Result;
use crate::keys::Unique;
use crate::persons;
use crate::ports::Core;
use crate::ports::store::Store;

/// What a text names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Principal {
    /// A user, active or not, with the person behind it.
    User(User),
    /// A group.
    Group(Group),
}

/// The user whom `text` names by user name (in any letter case), object id or our id. Whether the account is active is the
/// caller's business. `field` is named when there is none.
///
/// # Errors
/// When the caller is no admin, or `text` names nobody, or several.
pub async fn user(core: &Core, who: &Who, field: &'static str, text: &str) -> Result<User> {
    require_admin(who)?;
    let text = required(field, text)?;
    let found = users_named(&*core.store, &who.application.value.id, text).await?;
    one(field, "user", text, found)
}

/// The group that `text` names by display name (in any letter case), object id or our id; see [`user`].
///
/// # Errors
/// When the caller is no admin, or `text` names no group, or several.
pub async fn group(core: &Core, who: &Who, field: &'static str, text: &str) -> Result<Group> {
    require_admin(who)?;
    let text = required(field, text)?;
    let found = groups_named(&*core.store, &who.application.value.id, text).await?;
    one(field, "group", text, found)
}

/// The user or group that `text` names; see [`user`] and [`group`].
///
/// # Errors
/// When the caller is no admin, or `text` names nothing, or several things: a group may be called like a user.
pub async fn principal(core: &Core, who: &Who, field: &'static str, text: &str) -> Result<Principal> {
    require_admin(who)?;
    let text = required(field, text)?;
    let application = &who.application.value.id;
    let users = users_named(&*core.store, application, text).await?;
    let groups = groups_named(&*core.store, application, text).await?;
    let users = users.into_iter().map(Principal::User);
    let found = users.chain(groups.into_iter().map(Principal::Group)).collect();
    one(field, "principal", text, found)
}

fn required<'a>(field: &'static str, text: &'a str) -> std::result::Result<&'a str, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::invalid(field, Rule::Required));
    }
    Ok(text)
}

fn one<T>(field: &'static str, what: &'static str, text: &str, mut found: Vec<T>) -> Result<T> {
    let first = found.pop();
    let text = text.to_owned();
    match first {
        Some(first) if found.is_empty() => Ok(first),
        Some(_) => Err(Refusal::SeveralNamed { field, text }.into()),
        None => Err(Refusal::NobodyNamed { field, what, text }.into()),
    }
}

/// A text as an id of ours or of Entra's; both are GUIDs, so that one may be either.
fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

async fn users_named(store: &dyn Store, application: &ApplicationId, text: &str) -> directory::Result<Vec<User>> {
    let mut found = Vec::new();
    if let Some(id) = id(text) {
        found.push(directory::user(store, application, id).await?);
    }
    if let Some(id) = id::<ObjectId>(text) {
        found.push(directory::user_by_object_id(store, application, id).await?);
    }
    let name = name_key(text);
    let named = directory::provisioned_user_by(store, application, Unique::UserName, &name).await?;
    // It may have been renamed between the two reads.
    let named = named.filter(|user| name_key(&user.value.user_name) == name);
    found.push(persons::applied_to_one(store, application, named).await?);
    let mut users: Vec<User> = found.into_iter().flatten().map(|stored| stored.value).collect();
    users.sort_by_key(|user| user.id);
    users.dedup_by_key(|user| user.id);
    Ok(users)
}

async fn groups_named(store: &dyn Store, application: &ApplicationId, text: &str) -> directory::Result<Vec<Group>> {
    let mut found = Vec::new();
    if let Some(id) = id(text) {
        found.push(directory::group(store, application, id).await?);
    }
    if let Some(id) = id::<ObjectId>(text) {
        found.push(directory::group_by_object_id(store, application, id).await?);
    }
    let name = name_key(text);
    let named = directory::group_by(store, application, Unique::GroupName, &name).await?;
    found.push(named.filter(|group| name_key(&group.value.display_name) == name));
    let mut groups: Vec<Group> = found.into_iter().flatten().map(|stored| stored.value).collect();
    groups.sort_by_key(|group| group.id);
    groups.dedup_by_key(|group| group.id);
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppError;

    fn refused<T: std::fmt::Debug>(answer: Result<T>) -> Refusal {
        match answer {
            Err(AppError::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    #[test]
    fn only_one_thing_is_taken_and_a_refusal_names_field_and_text() {
        assert_eq!(one("approvers", "user", "kim", vec![1]).unwrap(), 1);
        for (found, code) in [(vec![], "nobody-named"), (vec![1, 2], "several-named")] {
            let refusal = refused(one::<u8>("approvers", "user", "kim", found));
            assert_eq!((refusal.code(), refusal.field()), (code, Some("approvers")));
            assert!(refusal.to_string().contains("kim"), "{refusal}");
        }
    }

    #[test]
    fn nothing_typed_names_nothing() {
        assert_eq!(required("approvers", "  a b "), Ok("a b"));
        assert_eq!(required("approvers", " ").unwrap_err().field(), Some("approvers"));
    }
}
