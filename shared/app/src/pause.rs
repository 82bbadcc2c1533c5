//! The pause of an application, as decisions and activations read it.

use hourglass_domain::ids::{ApplicationId, EntitlementId, UserId};
use hourglass_domain::kill_switch::Pause;

use crate::change::{Change, read};
use crate::error::Result;
use crate::keys;
use crate::ports::store::Store;
use crate::records::Stored;

/// What keeps approvals and activations of an application back, read consistently. Version 0: the kill switch was never
/// pressed.
///
/// # Errors
/// Only when the table does not answer, or what is stored cannot be read: then nothing is approved.
pub async fn of(store: &dyn Store, application: &ApplicationId) -> Result<Stored<Pause>> {
    let stored = read::<Pause>(store, &keys::pause(application)).await?;
    Ok(stored.unwrap_or_else(|| Stored {
        value: Pause::none(application.clone()),
        version: 0,
    }))
}

/// `change`, relying on nothing being paused that was not when `pause` was read: a press that comes first makes it fail.
#[must_use]
pub fn checked(change: Change, pause: &Stored<Pause>) -> Change {
    change.check_version(keys::pause(&pause.value.application), pause.version)
}

/// The pause, if it lets something about this entitlement and these users pass.
///
/// # Errors
/// When it does not, with since when.
pub async fn passed(
    store: &dyn Store,
    application: &ApplicationId,
    entitlement: EntitlementId,
    users: &[UserId],
) -> Result<Stored<Pause>> {
    let pause = of(store, application).await?;
    pause.value.check(entitlement, users)?;
    Ok(pause)
}
