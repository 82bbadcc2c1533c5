//! Who calls, and what they are in Hourglass.

use hourglass_domain::Refusal;
use hourglass_domain::application::Application;
use hourglass_domain::audit::Actor;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::roles::{Role, Scope};

use crate::change::read;
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::tokens::Caller;
use crate::records::{Stored, TenantUse};

/// A verified caller with the application of their tenant and, where they are provisioned, their user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    /// What the token says.
    pub caller: Caller,
    /// The application of the caller's tenant.
    pub application: Stored<Application>,
    /// The provisioned user; active.
    pub user: Option<Stored<User>>,
}

/// What [`identify`] does not find where a tenant has not been set up yet.
pub const NO_APPLICATION: Refusal = Refusal::NotFound {
    what: "application for your tenant",
};

/// Looks up who a verified caller is.
///
/// # Errors
/// When the caller's tenant has no application, or the caller's account is switched off.
pub async fn identify(core: &Core, caller: Caller) -> Result<Who> {
    let application = application_of(core, &caller).await?.ok_or(NO_APPLICATION)?;
    let user = active_user(core, &application, &caller).await?;
    Ok(Who {
        caller,
        application,
        user,
    })
}

/// The caller's provisioned user, if there is one.
///
/// # Errors
/// When the account is switched off.
pub(crate) async fn active_user(
    core: &Core,
    application: &Stored<Application>,
    caller: &Caller,
) -> Result<Option<Stored<User>>> {
    let user = directory::user_by_object_id(&*core.store, &application.value.id, caller.object_id).await?;
    if user.as_ref().is_some_and(|user| !user.value.active) {
        return Err(Refusal::AccountInactive.into());
    }
    Ok(user)
}

/// The application of the caller's tenant, where there is one, for calls that need none.
///
/// # Errors
/// When the caller's account is switched off.
pub async fn application_of_active(core: &Core, caller: &Caller) -> Result<Option<Stored<Application>>> {
    let application = application_of(core, caller).await?;
    if let Some(application) = &application {
        active_user(core, application, caller).await?;
    }
    Ok(application)
}

/// The application of the caller's tenant.
///
/// # Errors
/// Only when the table does not answer.
pub(crate) async fn application_of(core: &Core, caller: &Caller) -> Result<Option<Stored<Application>>> {
    let Some(tenant) = read::<TenantUse>(&*core.store, &keys::tenant(caller.tenant)).await? else {
        return Ok(None);
    };
    Ok(read(&*core.store, &keys::application(&tenant.value.application)).await?)
}

impl Who {
    /// # Errors
    /// When the token does not carry the scope, or its client may not use it.
    pub fn require_scope(&self, scope: Scope) -> Result<(), Refusal> {
        require_scope(&self.caller, scope)
    }

    /// # Errors
    /// When the token does not carry the role.
    pub fn require_role(&self, role: Role) -> Result<(), Refusal> {
        require_role(&self.caller, role)
    }

    /// Whether the token carries the role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.caller.roles.contains(&role)
    }

    /// The provisioned user and the party it makes.
    ///
    /// # Errors
    /// When the caller is not provisioned.
    pub fn party(&self) -> Result<(&Stored<User>, Party), Refusal> {
        let user = self.user.as_ref().ok_or(Refusal::NotProvisioned)?;
        let party = user.value.party(self.caller.tenant).ok_or(Refusal::NotProvisioned)?;
        Ok((user, party))
    }

    /// The caller in audit events.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.user {
            Some(user) => Actor::User { id: user.value.id },
            None => admin_actor(&self.caller),
        }
    }

    /// Whether the caller may read everything of the application.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.has(Role::Auditor) || self.has(Role::Admin)
    }
}

/// A caller who need not be provisioned, in audit events.
#[must_use]
pub const fn admin_actor(caller: &Caller) -> Actor {
    Actor::Admin {
        tenant: caller.tenant,
        object_id: caller.object_id,
    }
}

/// # Errors
/// When the token does not carry the scope, or its client may not use it.
pub fn require_scope(caller: &Caller, scope: Scope) -> Result<(), Refusal> {
    if caller.scopes.contains(&scope) {
        Ok(())
    } else {
        Err(Refusal::ScopeMissing { scope: scope.name() })
    }
}

/// # Errors
/// When the token does not carry the role.
pub fn require_role(caller: &Caller, role: Role) -> Result<(), Refusal> {
    if caller.roles.contains(&role) {
        Ok(())
    } else {
        Err(Refusal::RoleMissing { role: role.name() })
    }
}
