//! How somebody signs in, for admins to see: their passkeys and sessions; and ending those sessions.
//!
//! The admin function cannot verify the seals of passkeys, because whoever can verify one can make one. What is shown here
//! is what is stored, for people to see, and nothing rests on it.

use hourglass_domain::Refusal;
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_domain::passkey::Passkey;

use super::require_admin;
use crate::caller::Who;
use crate::change::read_page;
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::passkeys::KeyRecord;
use crate::ports::Core;
use crate::ports::store::{LARGEST_PAGE, Query};
use crate::seals::Sealed;
use crate::sessions::{self, Present};

/// How somebody signs in.
#[derive(Clone, Debug)]
pub struct SignsIn {
    /// Their passkeys, removed ones too, the oldest first; at most one page of the table.
    pub keys: Vec<Passkey>,
    /// Their sessions that count, the one that was used last first.
    pub sessions: Vec<Present>,
}

/// The passkeys that are stored for a user, whether their seals hold or not.
///
/// # Errors
/// Only when the table does not answer.
pub(super) async fn stored_keys(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<Passkey>> {
    let query = Query::partition(keys::passkeys(application))
        .prefix(keys::passkeys_of(user))
        .limit(LARGEST_PAGE);
    let page = read_page::<Sealed<KeyRecord>>(&*core.store, &query).await?;
    let mut keys: Vec<Passkey> = page
        .items
        .into_iter()
        .map(|stored| stored.unverified().value.key)
        .collect();
    keys.sort_by_key(|key| key.registered_at);
    Ok(keys)
}

/// How a user of the caller's application signs in.
///
/// # Errors
/// When the caller is no admin, or there is no such user.
pub async fn signs_in(core: &Core, who: &Who, user: UserId) -> Result<SignsIn> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let found = directory::provisioned_user(&*core.store, application, user).await?;
    found.ok_or(Refusal::NotFound { what: "user" })?;
    Ok(SignsIn {
        keys: stored_keys(core, application, user).await?,
        sessions: sessions::of_user(core, application, user).await?,
    })
}

/// Ends every session of a user of the caller's application: whoever sits at one of their browsers has to sign in again.
///
/// # Errors
/// When the caller is no admin, or there is no such user.
pub async fn end_sessions(core: &Core, who: &Who, user: UserId) -> Result<()> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let found = directory::provisioned_user(&*core.store, application, user).await?;
    found.ok_or(Refusal::NotFound { what: "user" })?;
    sessions::end_all_of(core, who, application, user).await
}
