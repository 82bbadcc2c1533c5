//! Passkeys of people: making, confirming, renaming and removing them, and signing with them.
//!
//! A ceremony has two calls. The first stores what is to be signed and the library's state (`NONCE#`), and gives the
//! browser its options; the second verifies the answer and takes the ceremony away in the transaction of what was signed,
//! so that a challenge serves once. A failed answer takes it away as well, and is counted.
//!
//! Adding a key is the weak link (see [`hourglass_domain::passkey`]): whatever a session alone could do here, whoever stole
//! one could do.

mod ceremony;
mod changes;
mod enrolment;
mod host;

use hourglass_domain::Timestamp;
use hourglass_domain::audit::Draft;
use hourglass_domain::canonical::Digest;
use hourglass_domain::directory::User;
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_domain::passkey::{Passkey, Proof, Recovery};
use hourglass_domain::seal::SealKey;
use hourglass_domain::webauthn::CredentialId;
use serde::{Deserialize, Serialize};

use crate::caller::Who;
use crate::change::{Change, read, read_page};
use crate::error::Result;
use crate::ports::Core;
use crate::ports::passkeys::{KeyMaterial, Registered};
use crate::ports::store::{Key, LARGEST_PAGE, Page, Query};
use crate::records::{Record, Stored};
use crate::seals::{self, Sealed};
use crate::{keys, persons};

pub(crate) use ceremony::{About, begin_signing, finish_signing};
pub use ceremony::{Begun, Ceremony, Signed};
pub use changes::{KeyWish, begin_key_change, finish_key_change, waiting_keys};
pub use enrolment::{SetUpDone, begin_registration, finish_registration, use_set_up_code};
pub use host::{RelyingParty, accept_relying_party, former_host, voided};

/// The function that keeps passkeys.
const FUNCTION: &str = "approvals";

/// A passkey, with what verifies its signatures.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// What rules look at.
    pub key: Passkey,
    /// What the ceremony made, its attestation included.
    pub registered: Registered,
    /// The signature counter when it was last used.
    pub counter: u32,
    /// Whether it was synchronised when it was last used.
    pub backed_up: bool,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// What the person or admin signed who vouched for it; `None` for the very first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vouched: Option<Proof>,
}

impl Record for KeyRecord {
    const KIND: &'static str = "passkey";
    const SEALED_WITH: Option<SealKey> = Some(SealKey::Decisions);
    fn key(&self) -> Key {
        let credential = credential_hash(&self.key.credential);
        keys::passkey(&self.key.application, self.key.owner, &credential)
    }
    fn audit_id(&self) -> String {
        self.key.credential.to_string()
    }
}

impl KeyRecord {
    /// What assertions of it are verified with.
    #[must_use]
    pub fn material(&self) -> KeyMaterial {
        KeyMaterial {
            counter: self.counter,
            backed_up: self.backed_up,
            ..self.registered.material(self.key.owner)
        }
    }

    /// SHA-256 of the public key, as audit events and forms name it.
    #[must_use]
    pub fn public_key_sha256(&self) -> Digest {
        Digest::of(self.registered.public_key.as_bytes())
    }
}

/// That a credential id is taken, whoever's it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TakenCredential {
    /// The application.
    pub application: ApplicationId,
    /// SHA-256 of the credential id.
    pub credential: Digest,
    /// Whose.
    pub owner: UserId,
}

impl Record for TakenCredential {
    const KIND: &'static str = "credential";
    fn key(&self) -> Key {
        keys::credential(&self.application, &self.credential)
    }
    fn audit_id(&self) -> String {
        self.credential.to_string()
    }
}

impl Record for Recovery {
    const KIND: &'static str = "recovery";
    const SEALED_WITH: Option<SealKey> = Some(SealKey::Decisions);
    fn key(&self) -> Key {
        keys::recovery(&self.application, self.user)
    }
    fn audit_id(&self) -> String {
        self.user.to_string()
    }
}

fn credential_hash(credential: &CredentialId) -> Digest {
    Digest::of(credential.as_bytes())
}

/// Part of a list of keys. One whose seal does not hold is told and left out: whoever wrote it, it vouches for nobody.
async fn keys_of(core: &Core, query: &Query) -> Result<Page<Stored<KeyRecord>>> {
    let page = core.store.query(query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for item in page.items {
        let at = item.key.clone();
        let looked = seals::look::<KeyRecord>(core, item).await?;
        match looked.problem {
            None => items.push(looked.stored),
            Some(why) => seals::alarm(KeyRecord::KIND, &at, why),
        }
    }
    Ok(Page { items, next: page.next })
}

/// All keys of a user, removed ones too, oldest first.
///
/// # Errors
/// Only when the table does not answer.
pub async fn all_of(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<Stored<KeyRecord>>> {
    let query = Query::partition(keys::passkeys(application)).prefix(keys::passkeys_of(user));
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = keys_of(core, &query.clone().after(after).limit(LARGEST_PAGE)).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    found.sort_by_key(|stored| stored.value.key.registered_at);
    Ok(found)
}

/// The keys of a user that can sign now.
///
/// # Errors
/// Only when the table does not answer.
pub async fn usable_of(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<Stored<KeyRecord>>> {
    let rp_id = core.settings.rp_id();
    let mut keys = all_of(core, application, user).await?;
    keys.retain(|stored| stored.value.key.is_usable(&rp_id));
    Ok(keys)
}

/// Whether a user has a key: then they cannot use the weaker path. A key whose seal does not hold signs nothing, and is one
/// all the same: whoever damaged it gains nothing by that.
///
/// # Errors
/// Only when the table does not answer.
pub async fn has_usable(core: &Core, application: &ApplicationId, user: UserId) -> Result<bool> {
    let query = Query::partition(keys::passkeys(application)).prefix(keys::passkeys_of(user));
    any_usable(core, query).await
}

/// Whether the person of a user has a key, with whatever account.
///
/// # Errors
/// Only when the table does not answer.
pub async fn person_has_usable(core: &Core, user: &User) -> Result<bool> {
    let mut accounts = vec![user.id];
    let others = persons::others(&*core.store, user).await?;
    accounts.extend(others.into_iter().map(|other| other.value.id));
    for account in accounts {
        if has_usable(core, &user.application, account).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn any_usable(core: &Core, query: Query) -> Result<bool> {
    let rp_id = core.settings.rp_id();
    let mut after = None;
    loop {
        let page =
            read_page::<Sealed<KeyRecord>>(&*core.store, &query.clone().after(after).limit(LARGEST_PAGE)).await?;
        let usable = |stored: &Stored<Sealed<KeyRecord>>| stored.value.unverified().key.is_usable(&rp_id);
        if page.items.iter().any(usable) {
            return Ok(true);
        }
        after = page.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// That somebody got a key that no key of theirs vouches for: two at the same moment would both be a first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FirstKey {
    /// The application.
    pub application: ApplicationId,
    /// Whose.
    pub owner: UserId,
}

impl Record for FirstKey {
    const KIND: &'static str = "first_passkey";
    fn key(&self) -> Key {
        keys::first_passkey(&self.application, self.owner)
    }
    fn audit_id(&self) -> String {
        self.owner.to_string()
    }
}

/// `change`, as one that gives a user a first key: of two, one comes first, and the other looks again.
async fn first_of(core: &Core, application: &ApplicationId, owner: UserId, change: Change) -> Result<Change> {
    let stored: Option<Stored<FirstKey>> = read(&*core.store, &keys::first_passkey(application, owner)).await?;
    let first = FirstKey {
        application: application.clone(),
        owner,
    };
    Ok(change.replace(stored.map_or(0, |stored| stored.version), &first)?)
}

/// An event about a key; the name is what a person wrote and stays out of it.
fn key_event(who: &Who, record: &KeyRecord, action: &'static str, now: Timestamp) -> Draft {
    Draft::new(now, who.actor(), action)
        .fact("credential", &record.key.credential)
        .fact("public_key_sha256", record.public_key_sha256())
        .fact("rp_id", &record.key.rp_id)
}

/// Whether anybody in the application has a key that can sign now.
async fn anybody_has_usable(core: &Core, application: &ApplicationId) -> Result<bool> {
    any_usable(
        core,
        Query::partition(keys::passkeys(application)).prefix(keys::PASSKEYS),
    )
    .await
}
