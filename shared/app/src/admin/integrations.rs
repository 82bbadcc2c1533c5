//! The Azure integration of an application: its secret can be written and never read.

use hourglass_domain::application::AzureIntegration;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::{Refusal, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::{require_admin, require_version};
use crate::caller::Who;
use crate::change::{Change, ChangeError, read};
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
/// # Errors
/// Names the field and the rule that is broken.
pub async fn put_azure(
    core: &Core,
    who: &Who,
    secrets: &dyn SecretWriter,
    input: AzureInput,
) -> Result<Stored<AzureIntegration>> {
    require_admin(who)?;
    let application = &who.application.value;
    if input.tenant != application.tenant {
        return Err(Refusal::invalid("tenant_id", "must be the application's own tenant").into());
    }
    let secret = input.client_secret.expose_secret();
    if secret.is_empty() || secret.len() > LONGEST_SECRET || !secret.chars().all(|c| c.is_ascii_graphic()) {
        let rule = format!("must be 1 to {LONGEST_SECRET} printable ASCII characters without space");
        return Err(Refusal::invalid("client_secret", rule).into());
    }
    let now = core.clock.now();
    if input.secret_expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::invalid("secret_expires_at", "must lie ahead").into());
    }
    let stored = read::<AzureIntegration>(&*core.store, &keys::azure(&application.id)).await?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    require_version(version, input.version)?;
    let credentials = AzureCredentials {
        tenant: input.tenant,
        client_id: input.client_id.to_string(),
        client_secret: input.client_secret,
    };
    let integration = AzureIntegration {
        application: application.id.clone(),
        tenant: input.tenant,
        client_id: credentials.client_id.clone(),
        secret_expires_at: input.secret_expires_at,
        updated_at: now,
    };
    let draft = Draft::new(now, who.actor(), "integration.azure_changed")
        .fact("tenant", integration.tenant)
        .fact("client_id", &integration.client_id);
    let change = Change::new()
        .replace(version, &integration)?
        .event(StreamId::config(&application.id, "integration", "azure"), draft);
    match change.commit(&*core.store).await {
        Ok(()) => {
            secrets.put_azure(&application.id, &credentials).await?;
            Ok(Stored {
                value: integration,
                version: version.saturating_add(1),
            })
        }
        Err(ChangeError::Conflict(_)) => Err(Refusal::Changed.into()),
        Err(ChangeError::App(error)) => Err(error),
    }
}
