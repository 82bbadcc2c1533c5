//! Whether the authentication context that a token carries proves anything: what the workers found behind it, applied to
//! the person who shows it.

use std::collections::BTreeMap;

use hourglass_domain::auth_context::{Among, AuthContext};
use hourglass_domain::decision::Evidence;
use hourglass_domain::ids::{ApplicationId, ObjectId, UserId};
use hourglass_domain::refusal::StepUpProblem;

use crate::admin::require_admin;
use crate::caller::Who;
use crate::change::read;
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::Store;
use crate::records::Stored;

/// Whether the context that the caller's token carries proves a second factor of theirs. Where nothing rests on it, nothing
/// is read.
///
/// # Errors
/// Only when the table does not answer.
pub async fn of(core: &Core, who: &Who) -> Result<std::result::Result<(), StepUpProblem>> {
    if !who.caller.factor.rests_on_context() {
        return Ok(Err(StepUpProblem::NoFactor));
    }
    let store = &*core.store;
    let found: Option<Stored<AuthContext>> = read(store, &keys::auth_context(who.caller.tenant)).await?;
    let Some(found) = found else {
        return Ok(Err(StepUpProblem::ContextUnchecked));
    };
    let user = who.user.as_ref().map(|user| user.value.id);
    let mut among = BTreeMap::new();
    for group in found.value.groups() {
        among.insert(group, is_among(store, &who.application.value.id, user, group).await?);
    }
    let among = |group: ObjectId| among.get(&group).copied().unwrap_or(Among::Unknown);
    let context = &core.settings.auth_context;
    Ok(found
        .value
        .proves(context, who.caller.object_id, among, core.clock.now()))
}

/// What proves the caller's second factor, a moment ago, by their sign-in: for what is signed in no other way.
///
/// # Errors
/// [`hourglass_domain::Refusal::StepUpRequired`] with what is missing.
pub async fn step_up(core: &Core, who: &Who) -> Result<Evidence> {
    let context = of(core, who).await?;
    Ok(who.caller.factor.evidence(context, core.clock.now())?)
}

/// Whether a user is in a directory group, by what was provisioned.
async fn is_among(
    store: &dyn Store,
    application: &ApplicationId,
    user: Option<UserId>,
    group: ObjectId,
) -> Result<Among> {
    let Some(user) = user else { return Ok(Among::Unknown) };
    let Some(group) = directory::group_by_object_id(store, application, group).await? else {
        return Ok(Among::Unknown);
    };
    let through = directory::member_of_any(store, application, user, &[group.value.id]).await?;
    Ok(if through.is_some() { Among::Yes } else { Among::No })
}

/// What was found behind the authentication context of the caller's tenant, for admins; `None` before the first look.
///
/// # Errors
/// When the caller is no admin.
pub async fn look(core: &Core, who: &Who) -> Result<Option<AuthContext>> {
    require_admin(who)?;
    let found: Option<Stored<AuthContext>> = read(&*core.store, &keys::auth_context(who.caller.tenant)).await?;
    Ok(found.map(|found| found.value))
}
