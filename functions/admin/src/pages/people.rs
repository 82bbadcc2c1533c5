//! Users and groups as people type them: one on a line, by user name, by the name of a group, or by id.

use hourglass_app::admin::lookup::{self, Principal};
use hourglass_app::{AppError, directory};
use hourglass_domain::Refusal;
use hourglass_domain::entitlement::Principals;
use hourglass_domain::ids::{GroupId, ObjectId, UserId};
use hourglass_domain::refusal::Rule;
use hourglass_domain::text::is_invisible;
use hourglass_web::session::Console;

use crate::AdminApi;

/// Lines with something on them.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Whom the lines of a field name.
///
/// # Errors
/// [`Refusal::InvalidField`] with the line that names nobody.
pub(crate) async fn read(
    state: &AdminApi,
    console: &Console,
    field: &'static str,
    text: &str,
) -> Result<Principals, AppError> {
    let mut people = Principals::default();
    for line in lines(text) {
        match lookup::principal(&state.api.core, &console.who, field, line).await? {
            Principal::User(user) => people.users.insert(user.id),
            Principal::Group(group) => people.groups.insert(group.id),
        };
    }
    Ok(people)
}

/// The object ids of the groups that the lines of a field name.
///
/// # Errors
/// [`Refusal::InvalidField`] with the line that names none.
pub(crate) async fn groups(
    state: &AdminApi,
    console: &Console,
    field: &'static str,
    text: &str,
) -> Result<Vec<ObjectId>, AppError> {
    let mut found = Vec::new();
    for line in lines(text) {
        let group = lookup::group(&state.api.core, &console.who, field, line).await?;
        let object = group.object_id().ok_or_else(|| {
            let rule = Rule::GroupWithoutObjectId { group: line.to_owned() };
            Refusal::invalid(field, rule)
        })?;
        if !found.contains(&object) {
            found.push(object);
        }
    }
    Ok(found)
}

/// Whether a name reads as it is, so that it may stand in a field as the directory has it.
fn is_seen(name: &str) -> bool {
    !name.chars().any(is_invisible)
}

/// Users and groups as lines of a field: by name where that is found again by it and all of it is seen, otherwise by id.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn write(state: &AdminApi, console: &Console, people: &Principals) -> Result<String, AppError> {
    let store = &*state.api.core.store;
    let application = &console.who.application.value.id;
    let users: Vec<UserId> = people.users.iter().copied().collect();
    let groups: Vec<GroupId> = people.groups.iter().copied().collect();
    let found = directory::provisioned_users(store, application, &users).await?;
    let mut text: Vec<String> = Vec::with_capacity(users.len().saturating_add(groups.len()));
    for (id, user) in users.iter().zip(found) {
        let name = user.map(|user| user.value.user_name).unwrap_or_default();
        let found = named(state, console, &name).await?;
        let same = matches!(found, Some(Principal::User(found)) if found.id == *id);
        text.push(if same && is_seen(&name) { name } else { id.to_string() });
    }
    let found = directory::groups(store, application, &groups).await?;
    for (id, group) in groups.iter().zip(found) {
        let name = group.map(|group| group.value.display_name).unwrap_or_default();
        let found = named(state, console, &name).await?;
        let same = matches!(found, Some(Principal::Group(found)) if found.id == *id);
        text.push(if same && is_seen(&name) { name } else { id.to_string() });
    }
    Ok(text.join("\n"))
}

/// What a name would be read as.
async fn named(state: &AdminApi, console: &Console, name: &str) -> Result<Option<Principal>, AppError> {
    match lookup::principal(&state.api.core, &console.who, "name", name).await {
        Ok(found) => Ok(Some(found)),
        Err(AppError::Refused(refusal)) if refusal.field() == Some("name") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The groups with these object ids as lines of a field.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn write_groups(
    state: &AdminApi,
    console: &Console,
    objects: &[ObjectId],
) -> Result<String, AppError> {
    let application = &console.who.application.value.id;
    let found = directory::groups_by_object_ids(&*state.api.core.store, application, objects).await?;
    let lines = objects.iter().zip(found).map(|(object, group)| {
        let name = group.map(|group| group.value.display_name);
        name.filter(|name| is_seen(name)).unwrap_or_else(|| object.to_string())
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
