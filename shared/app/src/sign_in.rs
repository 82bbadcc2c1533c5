//! Sign-ins under way: what has to be known when the browser comes back from the identity provider.
//!
//! Each is an item of its own, bound to one browser by a cookie of its own, good for ten minutes and for one answer:
//! whatever the answer is, the item is gone before anything is made of it.

use hourglass_domain::Timestamp;
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::change::read;
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::store::{CommitError, Condition, Key, Write};
use crate::records::{Record, Stored, to_item};
use crate::sessions::{hash_of, new_secret};

/// How long (seconds) a sign-in may take.
pub const SIGN_IN_SECONDS: i64 = 600;

/// What a sign-in is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To be signed in.
    SignIn,
    /// To have signed in just now.
    Recent,
    /// To have just proved a second factor.
    StepUp,
}

/// A sign-in under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// SHA-256 of the secret in its cookie.
    pub hash: Digest,
    /// At whose identity provider.
    pub tenant: TenantId,
    /// What the answer has to repeat.
    pub state: String,
    /// What the ID token has to repeat.
    pub nonce: String,
    /// What proves that the code was asked for by us (RFC 7636, `code_verifier`).
    pub verifier: String,
    /// Where to go afterwards: a path of our own.
    pub return_to: String,
    /// What it is for.
    pub purpose: Purpose,
    /// When it began.
    pub began_at: Timestamp,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // State, nonce and verifier are secrets while they last.
        f.debug_struct("Attempt")
            .field("tenant", &self.tenant)
            .field("purpose", &self.purpose)
            .field("began_at", &self.began_at)
            .finish_non_exhaustive()
    }
}

impl Record for Attempt {
    const KIND: &'static str = "sign_in";
    fn key(&self) -> Key {
        keys::sign_in(&self.hash)
    }
    fn audit_id(&self) -> String {
        self.hash.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.began_at.plus_seconds(SIGN_IN_SECONDS))
    }
}

/// What a sign-in begins with.
#[derive(Debug)]
pub struct Beginning {
    /// At whose identity provider.
    pub tenant: TenantId,
    /// `state`.
    pub state: SecretString,
    /// `nonce`.
    pub nonce: SecretString,
    /// `code_verifier`.
    pub verifier: SecretString,
    /// Where to go afterwards.
    pub return_to: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// Stores a sign-in under way; answers its cookie's secret.
///
/// # Errors
/// When the table does not answer.
pub async fn begin(core: &Core, beginning: Beginning) -> Result<SecretString> {
    let secret = new_secret(&*core.ids);
    let attempt = Attempt {
        hash: Digest::of(secret.expose_secret().as_bytes()),
        tenant: beginning.tenant,
        state: beginning.state.expose_secret().to_owned(),
        nonce: beginning.nonce.expose_secret().to_owned(),
        verifier: beginning.verifier.expose_secret().to_owned(),
        return_to: beginning.return_to,
        purpose: beginning.purpose,
        began_at: core.clock.now(),
    };
    let write = Write::Put {
        item: to_item(&attempt, 1)?,
        condition: Condition::Absent,
    };
    match core.store.commit(vec![write]).await {
        Ok(()) => Ok(secret),
        Err(CommitError::Conflict { .. }) => Err(hourglass_domain::Refusal::Changed.into()),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// Takes a sign-in under way out of the table: nobody gets it a second time. `None` when there is none, or it has taken
/// too long.
///
/// # Errors
/// When the table does not answer.
pub async fn take(core: &Core, secret: &str) -> Result<Option<Attempt>> {
    let Some(hash) = hash_of(secret) else { return Ok(None) };
    let Some(stored) = read::<Attempt>(&*core.store, &keys::sign_in(&hash)).await? else {
        return Ok(None);
    };
    let Stored { value, version } = stored;
    let write = Write::Delete {
        key: value.key(),
        condition: Condition::Version(version),
    };
    match core.store.commit(vec![write]).await {
        Ok(()) => {}
        Err(CommitError::Conflict { .. }) => return Ok(None),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    let in_time = core.clock.now().seconds_since(value.began_at) < SIGN_IN_SECONDS;
    Ok(in_time.then_some(value))
}
