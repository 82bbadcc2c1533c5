//! The Azure integration of an application: its secret can be written and never read.

use hourglass_domain::application::AzureIntegration;
use hourglass_domain::audit::StreamId;
use hourglass_domain::ids::ObjectId;
use hourglass_domain::refusal::Rule;
use hourglass_domain::two_person::{Mode, Object, diff};
use hourglass_domain::{Refusal, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::by::By;
use super::changes::{self, Command, Outcome, Planned, Wish};
use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::secrets::{AzureCredentials, SecretWriter};
use crate::records::Stored;

/// Longest client secret that is taken, in bytes.
const LONGEST_SECRET: usize = 1_024;

/// The Azure integration as an admin enters it. The tenant is the application's own and only compared.
#[derive(Clone, Debug)]
pub struct AzureInput {
    /// The tenant.
    pub tenant: hourglass_domain::ids::TenantId,
    /// The connector registration's client id.
    pub client_id: hourglass_domain::ids::ObjectId,
    /// Its secret.
    pub client_secret: SecretString,
    /// When the secret ends.
    pub secret_expires_at: Option<Timestamp>,
    /// The version that was read; refused when another is stored.
    pub version: Option<u64>,
}

/// What is known of the integration, without its secret.
///
/// # Errors
/// When the caller is no admin, or there is none yet.
pub async fn get_azure(core: &Core, who: &Who) -> Result<Stored<AzureIntegration>> {
    require_admin(who)?;
    let stored = read(&*core.store, &keys::azure(&who.application.value.id)).await?;
    Ok(stored.ok_or(Refusal::NotFound {
        what: "Azure integration",
    })?)
}

/// Stores the integration: first what is known of it, with its version and its audit event, then the secret. Of two
/// admins who save at once only the one who is answered with success writes a secret, and none is written without an
/// event. A failure in between is answered as one, and the call is repeated.
///
/// A fresh secret for the tenant and client that are known takes effect at once. Another client takes two admins, and a
/// proposal holds no secret: it is entered again once the change is in force. Until then what was entered before goes on to
/// work, because a stored secret names its own client.
///
/// # Errors
/// Names the field and the rule that is broken.
pub async fn put_azure(core: &Core, who: &Who, secrets: &dyn SecretWriter, input: AzureInput) -> Result<Outcome> {
    require_admin(who)?;
    let application = &who.application.value;
    if input.tenant != application.tenant {
        return Err(Refusal::invalid("tenant_id", Rule::ApplicationTenant).into());
    }
    let secret = input.client_secret.expose_secret();
    if secret.is_empty() || secret.len() > LONGEST_SECRET || !secret.chars().all(|c| c.is_ascii_graphic()) {
        let rule = Rule::ClientSecret { most: LONGEST_SECRET };
        return Err(Refusal::invalid("client_secret", rule).into());
    }
    if input.secret_expires_at.is_some_and(|end| end <= core.clock.now()) {
        return Err(Refusal::invalid("secret_expires_at", Rule::Ahead).into());
    }
    // A proposal says nothing of a secret that it does not hold.
    let known = stored(core, who).await?;
    let other = known.is_none_or(|known| known.value.client_id != input.client_id.to_string());
    let proposed = other && changes::mode(core, who).await? == Mode::Two;
    let command = Command::Azure {
        client_id: input.client_id,
        secret_expires_at: input.secret_expires_at.filter(|_| !proposed),
    };
    let wish = Wish::new(command).version(input.version);
    let outcome = changes::submit(core, who, &wish, None).await?;
    if matches!(outcome, Outcome::Done(_)) {
        let credentials = AzureCredentials {
            tenant: input.tenant,
            client_id: input.client_id.to_string(),
            client_secret: input.client_secret,
        };
        secrets.put_azure(&application.id, &credentials).await?;
    }
    Ok(outcome)
}

async fn stored(core: &Core, who: &Who) -> Result<Option<Stored<AzureIntegration>>> {
    Ok(read(&*core.store, &keys::azure(&who.application.value.id)).await?)
}

fn build(who: &Who, client_id: ObjectId, secret_expires_at: Option<Timestamp>, now: Timestamp) -> AzureIntegration {
    AzureIntegration {
        application: who.application.value.id.clone(),
        tenant: who.application.value.tenant,
        client_id: client_id.to_string(),
        secret_expires_at,
        secret_missing: false,
        updated_at: now,
    }
}

/// What pointing the integration to a registration changes.
///
/// # Errors
/// When the caller is no admin.
pub(super) async fn plan_azure(
    core: &Core,
    who: &Who,
    client_id: ObjectId,
    secret_expires_at: Option<Timestamp>,
) -> Result<Planned> {
    require_admin(who)?;
    let before = stored(core, who).await?;
    let after = build(who, client_id, secret_expires_at, core.clock.now());
    let version = before.as_ref().map_or(0, |before| before.version);
    Ok(Planned {
        object: Object::new("integration", "azure", version),
        diff: diff::azure(before.as_ref().map(|before| &before.value), &after),
    })
}

/// Points the integration to a registration.
pub(super) async fn point(
    core: &Core,
    by: &By<'_>,
    client_id: ObjectId,
    secret_expires_at: Option<Timestamp>,
) -> Result<Stored<AzureIntegration>> {
    let before = stored(core, by).await?;
    let version = before.as_ref().map_or(0, |before| before.version);
    by.require(version)?;
    let now = core.clock.now();
    let mut integration = build(by, client_id, secret_expires_at, now);
    if by.is_two() {
        // What was stored before is what works until the new client's secret is entered, and ends when it ends.
        integration.secret_missing = true;
        integration.secret_expires_at = before.and_then(|before| before.value.secret_expires_at);
    }
    let draft = by
        .draft(now, "integration.azure_changed")
        .fact("tenant", integration.tenant)
        .fact("client_id", &integration.client_id);
    let change = Change::new().replace(version, &integration)?.event(
        StreamId::config(&integration.application, "integration", "azure"),
        draft,
    );
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(Stored {
        value: integration,
        version: version.saturating_add(1),
    })
}
