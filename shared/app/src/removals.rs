//! Nothing is granted that cannot be taken back (invariant I11): while a removal of the application is overdue, or when
//! its credential ends too soon, nothing is approved and nothing is activated.
//!
//! A removal that is overdue has a marker: written by whoever looks at its grant, before any target is asked, and taken
//! away in the transaction that ends the grant, whatever the grant ends as. So no marker outlives its grant.

use hourglass_domain::application::{AzureIntegration, CREDENTIAL_MARGIN_SECONDS};
use hourglass_domain::grant::{Grant, REMOVAL_OVERDUE_SECONDS};
use hourglass_domain::ids::ApplicationId;
use hourglass_domain::{Refusal, Timestamp};

use crate::change::{Change, ChangeError, read, read_page};
use crate::error::{AppError, Result};
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{Query, Store};
use crate::records::{OverdueRemoval, Record as _, Stored};

/// Whether what is granted until `until` could be taken back as things are; the integration that this rests on.
///
/// # Errors
/// [`Refusal::RemovalOverdue`] and [`Refusal::CredentialEnds`].
pub async fn check(
    store: &dyn Store,
    application: &ApplicationId,
    until: Timestamp,
) -> Result<Stored<AzureIntegration>> {
    check_none_overdue(store, application).await?;
    let stored = read::<AzureIntegration>(store, &keys::azure(application)).await?;
    let integration = stored.ok_or(Refusal::NoIntegration)?;
    match integration.value.secret_expires_at {
        Some(ends_at) if until.plus_seconds(CREDENTIAL_MARGIN_SECONDS) > ends_at => {
            Err(Refusal::CredentialEnds { ends_at, until }.into())
        }
        _ => Ok(integration),
    }
}

/// # Errors
/// [`Refusal::RemovalOverdue`] with since when the oldest is.
pub async fn check_none_overdue(store: &dyn Store, application: &ApplicationId) -> Result<()> {
    let oldest = Query::partition(keys::overdue_removals(application)).limit(1);
    let oldest = read_page::<OverdueRemoval>(store, &oldest).await?;
    match oldest.items.first() {
        Some(marker) => Err(Refusal::RemovalOverdue {
            since: marker.value.since,
        }
        .into()),
        None => Ok(()),
    }
}

/// Why an activation has to wait, if it has to.
///
/// # Errors
/// Only when the table does not answer.
pub async fn waits(store: &dyn Store, grant: &Grant) -> Result<Option<String>> {
    match check(store, &grant.application, grant.expires_at).await {
        Ok(_) => Ok(None),
        Err(AppError::Refused(refusal)) => Ok(Some(format!("waits: {refusal}"))),
        Err(error) => Err(error),
    }
}

/// Leaves a marker if the grant's removal is overdue. On the way out nothing depends on this: what fails is logged, and
/// the next look tries again.
pub async fn note(core: &Core, grant: &Grant, version: u64) {
    if let Err(error) = mark(core, grant, version).await {
        tracing::error!(grant.id = %grant.id, %error, "an overdue removal could not be marked");
    }
}

async fn mark(core: &Core, grant: &Grant, version: u64) -> Result<()> {
    let now = core.clock.now();
    let since = grant
        .removal_since()
        .filter(|since| now.seconds_since(*since) > REMOVAL_OVERDUE_SECONDS);
    let Some(since) = since else { return Ok(()) };
    let marker = OverdueRemoval {
        application: grant.application.clone(),
        grant: grant.id,
        since,
    };
    if core.store.get(&marker.key()).await?.is_some() {
        return Ok(());
    }
    // On condition of the grant: a marker that came after its grant's end would never go.
    let change = Change::new()
        .put_any(&marker)?
        .check_version(keys::grant(grant.id), version);
    match change.commit(&*core.store).await {
        Ok(()) => {
            tracing::error!(grant.id = %grant.id, %since, "a removal is overdue; nothing new is granted until it is done");
            Ok(())
        }
        Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// `change`, which ends the grant, with its marker taken away.
#[must_use]
pub fn done(change: Change, before: &Grant) -> Change {
    match before.removal_since() {
        Some(since) => change.delete_any(keys::overdue_removal(&before.application, since, before.id)),
        None => change,
    }
}
