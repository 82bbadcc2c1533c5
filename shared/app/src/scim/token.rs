//! SCIM secrets: who may provision, and for which application.
//!
//! A secret is `hgscim_` and 32 random bytes in base64url. The table keeps its SHA-256 only, which needs no salt or
//! slowness because the secret cannot be guessed. The prefix lets secret scanners find one that leaked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_domain::Timestamp;
use hourglass_domain::audit::Actor;
use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::{ApplicationId, TokenId};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::error::{Result, ScimError};
use crate::change::read;
use crate::keys;
use crate::ports::store::{Condition, Item, StoreError, Write};
use crate::ports::{Core, Ids};
use crate::records::{ScimSeen, ScimToken, Stored, from_item, to_item};

/// How every SCIM secret begins.
pub const TOKEN_PREFIX: &str = "hgscim_";
/// Random bytes of a secret.
const TOKEN_BYTES: usize = 32;
/// Characters after the prefix: 32 bytes in base64 without padding.
const TOKEN_CHARACTERS: usize = 43;
/// Most often, in seconds, that the time of the last call is written.
const SEEN_EVERY_SECONDS: i64 = 60;

/// Whose secret a call carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The application; everything the call sees and changes belongs to it.
    pub application: ApplicationId,
    /// Which of its secrets.
    pub token: TokenId,
}

impl Caller {
    /// The caller as the actor of audit events.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor::Scim { token: self.token }
    }
}

/// A new secret, to be shown once and never stored.
#[must_use]
pub fn new_token(ids: &dyn Ids) -> SecretString {
    let mut bytes = [0_u8; TOKEN_BYTES];
    ids.random(&mut bytes);
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// What the table keeps of a secret.
#[must_use]
pub fn hash_token(token: &str) -> Digest {
    Digest::of(token.as_bytes())
}

pub(super) fn well_formed(token: &str) -> bool {
    token.strip_prefix(TOKEN_PREFIX).is_some_and(|rest| {
        rest.len() == TOKEN_CHARACTERS
            && rest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// Whose secret it is that has this hash, from what is stored under it.
///
/// # Errors
/// [`ScimError::Unauthorized`] when it is nobody's.
pub(super) fn judge(item: Option<Item>, hash: Digest) -> Result<Caller> {
    let found: Option<Stored<ScimToken>> = item.map(from_item).transpose()?;
    // The table's own comparison of keys says nothing about the time it takes; ours decides.
    match found {
        Some(found) if bool::from(found.value.hash.as_bytes().ct_eq(hash.as_bytes())) => Ok(Caller {
            application: found.value.application,
            token: found.value.id,
        }),
        _ => Err(ScimError::Unauthorized),
    }
}

/// Keeps the time at which each application's provisioning was last heard of, for the alarm on silence.
#[derive(Debug, Default)]
pub struct LastSeen {
    /// When this process last looked: spares a read per call.
    looked: Mutex<BTreeMap<ApplicationId, Timestamp>>,
}

impl LastSeen {
    /// Notes a call; at most one write a minute and application.
    ///
    /// # Errors
    /// The table's trouble, which must not fail the call.
    pub async fn note(&self, core: &Core, application: &ApplicationId) -> Result<(), StoreError> {
        let now = core.clock.now();
        if !self.is_due(application, now) {
            return Ok(());
        }
        let key = keys::scim_seen(application);
        let stored: Option<Stored<ScimSeen>> = read(core.store.as_ref(), &key).await?;
        if let Some(seen) = &stored
            && now.seconds_since(seen.value.at) < SEEN_EVERY_SECONDS
        {
            return Ok(());
        }
        let (version, condition) = stored.map_or((0, Condition::Absent), |seen| {
            (seen.version, Condition::Version(seen.version))
        });
        let record = ScimSeen {
            application: application.clone(),
            at: now,
        };
        let item = to_item(&record, version.saturating_add(1))?;
        match core.store.commit(vec![Write::Put { item, condition }]).await {
            // Somebody else noted a call at the same moment, which is as good.
            Ok(()) | Err(crate::ports::store::CommitError::Conflict { .. }) => Ok(()),
            Err(crate::ports::store::CommitError::Store(error)) => Err(error),
        }
    }

    fn is_due(&self, application: &ApplicationId, now: Timestamp) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked
            .get(application)
            .is_none_or(|at| now.seconds_since(*at) >= SEEN_EVERY_SECONDS);
        if due {
            looked.insert(application.clone(), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use uuid::Uuid;

    #[derive(Debug)]
    struct Fixed;
    impl Ids for Fixed {
        fn uuid(&self) -> Uuid {
            Uuid::nil()
        }
        fn random(&self, bytes: &mut [u8]) {
            bytes.fill(0xfb);
        }
    }

    #[test]
    fn a_new_secret_is_well_formed_and_does_not_print() {
        let token = new_token(&Fixed);
        assert!(well_formed(token.expose_secret()));
        assert!(!format!("{token:?}").contains("hgscim_"));
    }

    #[test]
    fn other_texts_are_no_secrets() {
        let good = new_token(&Fixed).expose_secret().to_owned();
        for bad in [
            String::new(),
            "hgscim_".to_owned(),
            format!("{good}x"),
            good.replace(TOKEN_PREFIX, "HGSCIM_"),
            good.replace("hgscim_", "hgscim_ "),
            good.chars().take(48).chain(['é']).collect(),
        ] {
            assert!(!well_formed(&bad), "{bad}");
        }
    }

    #[test]
    fn the_last_call_is_looked_up_once_a_minute() {
        let seen = LastSeen::default();
        let application: ApplicationId = "contoso.example".parse().unwrap();
        let at = Timestamp::from_seconds;
        assert!(seen.is_due(&application, at(100)));
        assert!(!seen.is_due(&application, at(159)));
        assert!(seen.is_due(&"fabrikam.example".parse().unwrap(), at(159)));
        assert!(seen.is_due(&application, at(160)));
    }
}
