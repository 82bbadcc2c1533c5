//! Registering applications, and their SCIM secrets.

use hourglass_domain::Refusal;
use hourglass_domain::application::{Application, MOST_SCIM_TOKENS, ScimTokenInfo};
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::entitlement::Template;
use hourglass_domain::ids::{ApplicationId, TenantId, TokenId};
use hourglass_domain::refusal::Rule;
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::target::Cloud;
use hourglass_domain::text::{LONGEST_NAME, check_line};
use hourglass_domain::two_person::{Object, diff};
use secrecy::SecretString;

use super::by::By;
use super::changes::Planned;
use super::{require_admin, require_admin_of};
use crate::caller::{Who, admin_actor, application_of_active, require_role, require_scope};
use crate::change::{Change, ChangeError, DECIDE_AGAIN, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::tokens::Caller;
use crate::records::{ScimToken, Stored, TenantUse};
use crate::scim::token::{hash_token, new_token};
use crate::seals::seal;

/// An application to register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewApplication {
    /// The domain name.
    pub id: ApplicationId,
    /// A name for people.
    pub name: String,
    /// The Entra tenant.
    pub tenant: TenantId,
    /// The cloud it lives in.
    pub cloud: Cloud,
}

/// # Errors
/// When the caller is no admin, of whatever application.
pub fn require_any_admin(caller: &Caller) -> Result<(), Refusal> {
    require_scope(caller, Scope::AdminReadWrite)?;
    require_role(caller, Role::Admin)
}

/// Registers an application with its template and its first SCIM secret, which is given out this once.
///
/// # Errors
/// When the caller is no admin of that tenant or of the operator's, the tenant may not sign in here, or the domain or
/// the tenant is taken.
pub async fn register(core: &Core, caller: &Caller, new: NewApplication) -> Result<(Application, SecretString)> {
    require_any_admin(caller)?;
    application_of_active(core, caller).await?;
    let tenants = &core.settings.sign_in_tenants;
    if !tenants.contains(&new.tenant) {
        return Err(Refusal::invalid("tenant", Rule::SignInTenant).into());
    }
    if caller.tenant != new.tenant && tenants.first() != Some(&caller.tenant) {
        return Err(Refusal::invalid("tenant", Rule::OwnTenant).into());
    }
    check_line("name", &new.name, 1, LONGEST_NAME)?;
    let now = core.clock.now();
    let (secret, token) = fresh_token(core, &new.id);
    let application = Application {
        id: new.id,
        name: new.name,
        tenant: new.tenant,
        cloud: new.cloud,
        created_at: now,
        scim_tokens: vec![ScimTokenInfo {
            id: token.id,
            hash: token.hash,
            created_at: now,
        }],
    };
    let stream = StreamId::config(&application.id, "application", application.id.as_str());
    let draft = Draft::new(now, admin_actor(caller), "application.registered")
        .fact("tenant", application.tenant)
        .fact("scim_token", token.id);
    let template = seal(&*core.seals, Template::new(application.id.clone())).await?;
    let change = Change::new()
        .create(&application)?
        .create(&TenantUse {
            tenant: application.tenant,
            application: application.id.clone(),
        })?
        .create(&template)?
        .create(&token)?
        .event(stream, draft);
    match change.commit(&*core.store).await {
        Ok(()) => Ok((application, secret)),
        Err(ChangeError::Conflict(keys)) if keys.contains(&keys::tenant(application.tenant)) => Err(Refusal::Taken {
            field: "tenant",
            value: application.tenant.to_string(),
        }
        .into()),
        Err(ChangeError::Conflict(_)) => Err(Refusal::Taken {
            field: "id",
            value: application.id.to_string(),
        }
        .into()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

fn fresh_token(core: &Core, application: &ApplicationId) -> (SecretString, ScimToken) {
    let secret = new_token(&*core.ids);
    let hash = hash_token(secrecy::ExposeSecret::expose_secret(&secret));
    let id = TokenId::new(core.ids.uuid());
    (
        secret,
        ScimToken {
            id,
            hash,
            application: application.clone(),
            created_at: core.clock.now(),
        },
    )
}

/// The caller's own application, if their tenant has one.
///
/// # Errors
/// When the caller is no admin.
pub async fn own(core: &Core, caller: &Caller) -> Result<Option<Stored<Application>>> {
    require_any_admin(caller)?;
    application_of_active(core, caller).await
}

/// What a further SCIM secret changes.
///
/// # Errors
/// When two are valid already.
pub(super) async fn plan_scim_secret(core: &Core, who: &Who) -> Result<Planned> {
    require_admin(who)?;
    let stored = load(core, &who.application.value.id).await?;
    check_room(&stored.value)?;
    Ok(Planned {
        object: Object::new("application", &stored.value.id, stored.version),
        diff: diff::scim_secret(stored.value.scim_tokens.len()),
    })
}

fn check_room(application: &Application) -> Result<(), Refusal> {
    if application.scim_tokens.len() < MOST_SCIM_TOKENS {
        return Ok(());
    }
    Err(Refusal::TooManyScimSecrets {
        limit: MOST_SCIM_TOKENS,
    })
}

/// Makes a further SCIM secret, so that the old one can be replaced without a gap.
pub(super) async fn add_scim_token(core: &Core, by: &By<'_>) -> Result<(ScimTokenInfo, SecretString)> {
    let id = &by.application.value.id;
    let stored = load(core, id).await?;
    by.require(stored.version)?;
    check_room(&stored.value)?;
    let now = core.clock.now();
    let (secret, token) = fresh_token(core, id);
    let info = ScimTokenInfo {
        id: token.id,
        hash: token.hash,
        created_at: now,
    };
    let mut application = stored.value;
    application.scim_tokens.push(info.clone());
    let draft = by
        .draft(now, "application.scim_token_added")
        .fact("scim_token", token.id);
    let change = Change::new()
        .replace(stored.version, &application)?
        .create(&token)?
        .event(StreamId::config(id, "application", id.as_str()), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok((info, secret))
}

/// Deletes a SCIM secret: it is refused from the next call on. It takes one admin, because it is what one does with a secret
/// that has become known.
///
/// # Errors
/// When there is no such secret.
pub async fn delete_scim_token(core: &Core, who: &Who, id: &ApplicationId, token: TokenId) -> Result<()> {
    require_admin_of(who, id)?;
    for _ in 0..DECIDE_AGAIN {
        let stored = load(core, id).await?;
        let mut application = stored.value;
        let info = application.scim_tokens.iter().find(|info| info.id == token).cloned();
        let info = info.ok_or(Refusal::NotFound { what: "SCIM secret" })?;
        application.scim_tokens.retain(|info| info.id != token);
        let now = core.clock.now();
        let draft = Draft::new(now, who.actor(), "application.scim_token_deleted").fact("scim_token", token);
        let change = Change::new()
            .replace(stored.version, &application)?
            .delete_any(keys::scim_token(info.hash))
            .event(StreamId::config(id, "application", id.as_str()), draft);
        match change.commit(&*core.store).await {
            Ok(()) => return Ok(()),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

async fn load(core: &Core, id: &ApplicationId) -> Result<Stored<Application>> {
    let stored = read(&*core.store, &keys::application(id)).await?;
    Ok(stored.ok_or(Refusal::NotFound { what: "application" })?)
}
