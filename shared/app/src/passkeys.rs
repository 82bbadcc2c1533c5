//! Passkeys of people: making, confirming, renaming and removing them, and signing with them.
//!
//! A ceremony has two calls. The first stores what is to be signed and the library's state (`NONCE#`), and gives the
//! browser its options; the second verifies the answer and takes the ceremony away in the transaction of what was signed,
//! so that a challenge serves once. A failed answer takes it away as well, and is counted.
//!
//! Adding a key is the weak link (see [`hourglass_domain::passkey`]): whatever a session alone could do here, whoever stole
//! one could do.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::canonical::Digest;
use hourglass_domain::decision::Factor;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::ids::{ApplicationId, ChangeId, PersonId, UserId};
use hourglass_domain::limit::Counted;
use hourglass_domain::passkey::{CEREMONY_SECONDS, KeyStatus, MOST_KEYS, Passkey, Proof, Recovery, Voucher};
use hourglass_domain::refusal::Rule;
use hourglass_domain::roles::Role;
use hourglass_domain::seal::SealKey;
use hourglass_domain::signed::{Account, Form, KeyAction, KeyForm, Nonce, Second};
use hourglass_domain::webauthn::CredentialId;
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::auth_context;
use crate::caller::Who;
use crate::change::{Change, ChangeError, read, read_page};
use crate::directory;
use crate::error::Result;
use crate::keys;
use crate::limits;
use crate::persons;
use crate::ports::Core;
use crate::ports::passkeys::{AttestationKind, KeyMaterial, Owner, PasskeyError, Passkeys, Registered};
use crate::ports::store::{Key, LARGEST_PAGE, Page, Query};
use crate::records::{Record, Stored};
use crate::seals::{self, Sealed, read_sealed, seal};

/// The function that keeps passkeys.
const FUNCTION: &str = "approvals";
/// Most keys of an application that are counted before an admin voids them all.
const MOST_COUNTED: usize = 100_000;

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

/// That the code from set-up was used, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SetUpDone {
    /// The application.
    pub application: ApplicationId,
    /// SHA-256 of the code.
    pub code: Digest,
    /// The very first admin.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

impl Record for SetUpDone {
    const KIND: &'static str = "set_up";
    fn key(&self) -> Key {
        keys::set_up(&self.application, &self.code)
    }
    fn audit_id(&self) -> String {
        self.application.to_string()
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

/// The host that passkeys are made for; fixed by the first key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelyingParty {
    /// The host.
    pub rp_id: String,
    /// Since when.
    pub since: Timestamp,
}

impl Record for RelyingParty {
    const KIND: &'static str = "relying_party";
    fn key(&self) -> Key {
        keys::relying_party()
    }
    fn audit_id(&self) -> String {
        self.rp_id.clone()
    }
}

/// A ceremony that has begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ceremony {
    /// Its id.
    pub id: Uuid,
    /// The application.
    pub application: ApplicationId,
    /// Whose.
    pub user: UserId,
    /// The library's state.
    pub state: String,
    /// What is signed, with the nonce in its challenge; `None` where a key is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs: Option<(Form, Nonce)>,
    /// The comment on a decision: kept, not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The proposed change that is signed, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeId>,
    /// When its challenge ends.
    pub expires_at: Timestamp,
}

impl Record for Ceremony {
    const KIND: &'static str = "ceremony";
    fn key(&self) -> Key {
        keys::ceremony(&self.application, self.user, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// A ceremony has begun: what the browser gets.
#[derive(Clone, PartialEq, Debug)]
pub struct Begun {
    /// Which ceremony to finish.
    pub ceremony: Uuid,
    /// What `navigator.credentials` takes.
    pub options: Value,
}

/// Somebody has signed: the assertion is verified, and nothing is stored of it yet.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The ceremony; taken away with what was signed.
    pub ceremony: Stored<Ceremony>,
    /// What was signed.
    pub form: Form,
    /// The key.
    pub key: Stored<KeyRecord>,
    /// The key as it is stored afterwards.
    after: Sealed<KeyRecord>,
    /// The assertion.
    pub proof: Proof,
}

impl Signed {
    /// What the rules look at.
    pub(crate) const fn factor(&self) -> Factor<'_> {
        Factor::Passkey {
            key: &self.key.value.key,
            proof: &self.proof,
        }
    }

    /// `change`, taking the ceremony away and storing the key's counter.
    ///
    /// # Errors
    /// As [`Change::replace`].
    pub fn used(&self, change: Change) -> Result<Change> {
        Ok(change.delete(&self.ceremony).replace(self.key.version, &self.after)?)
    }

    /// As [`Self::used`], where `credential` is what is changed: a key that signs for itself is written once, by the change.
    fn used_for(&self, change: Change, credential: &CredentialId) -> Result<Change> {
        if *credential == self.proof.credential {
            return Ok(change.delete(&self.ceremony));
        }
        self.used(change)
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

/// # Errors
/// When keys were made for another host than the console's and no admin has accepted that they are void.
async fn check_relying_party(core: &Core) -> Result<Option<Stored<RelyingParty>>> {
    let fixed: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    match &fixed {
        Some(fixed) if fixed.value.rp_id != core.settings.rp_id() => Err(Refusal::RelyingPartyChanged {
            fixed: fixed.value.rp_id.clone(),
            now: core.settings.rp_id(),
        }
        .into()),
        _ => Ok(fixed),
    }
}

/// What a failed ceremony is told as.
const fn failed(error: PasskeyError) -> Refusal {
    match error {
        PasskeyError::NoKeys => Refusal::NotFound { what: "passkey" },
        PasskeyError::BadState => Refusal::CeremonyOver,
        other => Refusal::CeremonyFailed { why: other.code() },
    }
}

/// Begins to make a key for the caller.
///
/// # Errors
/// When the caller has too many keys, failed too often, or keys belong to another host.
pub async fn begin_registration(core: &Core, passkeys: &dyn Passkeys, who: &Who) -> Result<Begun> {
    let (user, party) = who.party()?;
    let application = &who.application.value.id;
    check_relying_party(core).await?;
    limits::check(core, FUNCTION, application, Counted::FailedCeremonies, party.person).await?;
    let known: Vec<CredentialId> = kept(core, application, party.user).await?;
    let owner = Owner {
        user: party.user,
        name: user.value.user_name.clone(),
        display_name: user.value.name().to_owned(),
    };
    let (options, state) = passkeys.begin_registration(&owner, &known).map_err(failed)?;
    begin(core, application, party.user, (options, state), None, About::Nothing).await
}

/// The credential ids of a user's keys that are not removed.
async fn kept(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<CredentialId>> {
    let known: Vec<CredentialId> = all_of(core, application, user)
        .await?
        .into_iter()
        .filter(|stored| stored.value.key.status != KeyStatus::Removed)
        .map(|stored| stored.value.key.credential)
        .collect();
    if known.len() >= MOST_KEYS {
        return Err(Refusal::TooManyKeys { limit: MOST_KEYS }.into());
    }
    Ok(known)
}

/// What a ceremony keeps beside what is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// Nothing.
    Nothing,
    /// A decision's comment.
    Decision {
        /// The comment.
        comment: Option<String>,
    },
    /// Which proposed change is signed.
    Change(ChangeId),
}

/// Stores a ceremony that begins.
async fn begin(
    core: &Core,
    application: &ApplicationId,
    user: UserId,
    (options, state): (Value, String),
    signs: Option<(Form, Nonce)>,
    about: About,
) -> Result<Begun> {
    let (comment, change) = match about {
        About::Nothing => (None, None),
        About::Decision { comment } => (comment, None),
        About::Change(change) => (None, Some(change)),
    };
    let ceremony = Ceremony {
        id: core.ids.uuid(),
        application: application.clone(),
        user,
        state,
        expires_at: core.clock.now().plus_seconds(CEREMONY_SECONDS),
        signs,
        comment,
        change,
    };
    Change::new().create(&ceremony)?.commit(&*core.store).await?;
    Ok(Begun {
        ceremony: ceremony.id,
        options,
    })
}

/// The ceremony of the caller that is to be finished.
async fn ceremony(core: &Core, who: &Who, id: Uuid) -> Result<Stored<Ceremony>> {
    let (_, party) = who.party()?;
    let key = keys::ceremony(&who.application.value.id, party.user, id);
    let stored: Option<Stored<Ceremony>> = read(&*core.store, &key).await?;
    let live = |stored: &Stored<Ceremony>| core.clock.now() < stored.value.expires_at;
    Ok(stored.filter(live).ok_or(Refusal::CeremonyOver)?)
}

/// Takes a failed ceremony away and counts it. The answer stays what it is if that fails: the ceremony then ends by itself.
async fn burn(core: &Core, ceremony: &Stored<Ceremony>, person: PersonId, error: PasskeyError) {
    tracing::warn!(why = error.code(), user.id = %ceremony.value.user, "a passkey's answer does not verify");
    let application = &ceremony.value.application;
    if let Err(error) = limits::note(core, FUNCTION, application, Counted::FailedCeremonies, person).await {
        tracing::error!(%error, "a failed ceremony could not be counted");
    }
    let gone = Change::new()
        .delete_any(ceremony.value.key())
        .commit(&*core.store)
        .await;
    if let Err(error) = gone {
        tracing::error!(?error, "a failed ceremony could not be taken away");
    }
}

/// Makes the key, which then waits until somebody vouches for it.
///
/// # Errors
/// When the ceremony is over or its answer does not verify, or the name breaks a rule.
pub async fn finish_registration(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    id: Uuid,
    name: &str,
    response: &str,
) -> Result<KeyRecord> {
    let (_, party) = who.party()?;
    Passkey::check_name(name)?;
    let stored = ceremony(core, who, id).await?;
    if stored.value.signs.is_some() {
        return Err(Refusal::CeremonyOver.into());
    }
    let registered = match passkeys.finish_registration(&stored.value.state, response) {
        Ok(registered) => registered,
        Err(error) => {
            burn(core, &stored, party.person, error).await;
            return Err(failed(error).into());
        }
    };
    let now = core.clock.now();
    let application = &who.application.value.id;
    let fixed = check_relying_party(core).await?;
    kept(core, application, party.user).await?;
    let record = new_key(core, application, &party, name, registered, now);
    let taken = TakenCredential {
        application: application.clone(),
        credential: credential_hash(&record.key.credential),
        owner: party.user,
    };
    let draft = key_event(who, &record, "passkey.registered", now)
        .fact("aaguid", record.key.aaguid)
        .fact("backup_eligible", record.key.backup_eligible)
        .fact("attested", record.key.attested);
    let mut change = Change::new()
        .delete(&stored)
        .create(&seal(&*core.seals, record.clone()).await?)?
        .create(&taken)?
        .event(StreamId::user(application, party.user), draft);
    if fixed.is_none() {
        change = change.create(&RelyingParty {
            rp_id: core.settings.rp_id(),
            since: now,
        })?;
    }
    change.commit(&*core.store).await.map_err(taken_or_over)?;
    tracing::info!(user.id = %party.user, "a passkey was registered; it waits to be confirmed");
    Ok(record)
}

fn new_key(
    core: &Core,
    application: &ApplicationId,
    party: &Party,
    name: &str,
    registered: Registered,
    now: Timestamp,
) -> KeyRecord {
    KeyRecord {
        key: Passkey {
            application: application.clone(),
            owner: party.user,
            tenant: party.tenant,
            object_id: party.object_id,
            credential: registered.credential.clone(),
            name: name.to_owned(),
            rp_id: core.settings.rp_id(),
            aaguid: registered.aaguid,
            attested: registered.attestation.kind == AttestationKind::Certified,
            backup_eligible: registered.backup_eligible,
            status: KeyStatus::Waiting,
            registered_at: now,
            confirmed: None,
            counts_at: None,
            removed_at: None,
        },
        counter: registered.counter,
        backed_up: registered.backed_up,
        registered,
        used_at: None,
        vouched: None,
    }
}

/// A conflict means that the same answer came twice, or that the credential is registered to somebody.
fn taken_or_over(error: ChangeError) -> crate::AppError {
    match error {
        ChangeError::Conflict(_) => Refusal::CeremonyOver.into(),
        ChangeError::App(error) => error,
    }
}

/// An event about a key; the name is what a person wrote and stays out of it.
fn key_event(who: &Who, record: &KeyRecord, action: &'static str, now: Timestamp) -> Draft {
    Draft::new(now, who.actor(), action)
        .fact("credential", &record.key.credential)
        .fact("public_key_sha256", record.public_key_sha256())
        .fact("rp_id", &record.key.rp_id)
}

/// Begins an assertion of the caller over `form`.
///
/// # Errors
/// When the caller has no usable key, failed too often, or keys belong to another host.
pub(crate) async fn begin_signing(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    form: Form,
    about: About,
) -> Result<Begun> {
    let (_, party) = who.party()?;
    let application = &who.application.value.id;
    check_relying_party(core).await?;
    limits::check(core, FUNCTION, application, Counted::FailedCeremonies, party.person).await?;
    let usable = usable_of(core, application, party.user).await?;
    let material: Vec<KeyMaterial> = usable.iter().map(|stored| stored.value.material()).collect();
    let begun = passkeys.begin_assertion(&material, &form).map_err(failed)?;
    let ceremony = (begun.options, begun.state);
    begin(
        core,
        application,
        party.user,
        ceremony,
        Some((form, begun.nonce)),
        about,
    )
    .await
}

/// Ends an assertion of the caller: by a key that is theirs and usable now. What was signed is stored by whoever asked for
/// it, with [`Signed::used`].
///
/// # Errors
/// When the ceremony is over or its answer does not verify.
pub(crate) async fn finish_signing(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    id: Uuid,
    response: &str,
) -> Result<Signed> {
    let (_, party) = who.party()?;
    check_relying_party(core).await?;
    let stored = ceremony(core, who, id).await?;
    let Some((form, nonce)) = stored.value.signs.clone() else {
        return Err(Refusal::CeremonyOver.into());
    };
    let usable = usable_of(core, &who.application.value.id, party.user).await?;
    let material: Vec<KeyMaterial> = usable.iter().map(|stored| stored.value.material()).collect();
    let asserted = match passkeys.finish_assertion(&stored.value.state, response, &material) {
        Ok(asserted) => asserted,
        Err(error) => {
            burn(core, &stored, party.person, error).await;
            return Err(failed(error).into());
        }
    };
    let key = usable
        .into_iter()
        .find(|key| key.value.key.credential == asserted.credential)
        .ok_or(Refusal::CeremonyOver)?;
    let text = String::from_utf8(form.bytes()?).map_err(|_| Refusal::CeremonyOver)?;
    let proof = Proof {
        credential: asserted.credential,
        form: text,
        nonce,
        authenticator_data: asserted.authenticator_data,
        client_data: asserted.client_data,
        signature: asserted.signature,
    };
    // A ceremony's item is not sealed: that its form is what the challenge was made of is checked, not believed.
    if let Err(error) = passkeys.verify_again(&key.value.material(), &proof) {
        burn(core, &stored, party.person, error).await;
        return Err(failed(error).into());
    }
    let after = KeyRecord {
        counter: asserted.counter,
        backed_up: asserted.backed_up,
        used_at: Some(core.clock.now()),
        ..key.value.clone()
    };
    let after = seal(&*core.seals, after).await?;
    Ok(Signed {
        ceremony: stored,
        form,
        key,
        after,
        proof,
    })
}

/// What somebody wants to do about a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyWish {
    /// Vouch for a new key of one's own.
    Add(CredentialId),
    /// Give a key of one's own another name.
    Rename(CredentialId, String),
    /// Take a key of one's own away.
    Remove(CredentialId),
    /// As an admin, vouch for somebody's first key.
    Confirm(UserId, CredentialId),
    /// As an admin, propose to take all keys of somebody away who lost them, or carry out what another admin proposed.
    Recover(UserId),
}

/// Begins to sign a change of keys.
///
/// # Errors
/// When the caller may not make it, or has no key to sign it with.
pub async fn begin_key_change(core: &Core, passkeys: &dyn Passkeys, who: &Who, wish: &KeyWish) -> Result<Begun> {
    let (_, signer) = who.party()?;
    let application = &who.application.value.id;
    let (owner, action) = match wish {
        KeyWish::Add(credential) => {
            let key = waiting(core, application, signer.user, credential).await?;
            let action = KeyAction::Add {
                credential: credential.clone(),
                public_key_sha256: key.value.public_key_sha256(),
                name: key.value.key.name.clone(),
            };
            (signer.clone(), action)
        }
        KeyWish::Rename(credential, name) => {
            Passkey::check_name(name)?;
            own(core, application, signer.user, credential).await?;
            let (credential, name) = (credential.clone(), name.clone());
            (signer.clone(), KeyAction::Rename { credential, name })
        }
        KeyWish::Remove(credential) => {
            own(core, application, signer.user, credential).await?;
            let credential = credential.clone();
            (signer.clone(), KeyAction::Remove { credential })
        }
        KeyWish::Confirm(user, credential) => {
            let owner = other_person(core, who, *user).await?;
            let key = waiting(core, application, *user, credential).await?;
            let action = KeyAction::Confirm {
                credential: credential.clone(),
                public_key_sha256: key.value.public_key_sha256(),
            };
            (owner, action)
        }
        KeyWish::Recover(user) => (other_person(core, who, *user).await?, KeyAction::Recover),
    };
    let form = Form::Key(KeyForm {
        application: application.clone(),
        owner: Account::from(&owner),
        signer: Account::from(&signer),
        action,
        expires_at: Second::of(core.clock.now().plus_seconds(CEREMONY_SECONDS)),
    });
    begin_signing(core, passkeys, who, form, About::Nothing).await
}

/// Another person, for an admin.
async fn other_person(core: &Core, who: &Who, user: UserId) -> Result<Party> {
    who.require_role(Role::Admin)?;
    let (_, signer) = who.party()?;
    let application = &who.application.value;
    let other: Option<Stored<User>> = directory::user(&*core.store, &application.id, user).await?;
    let party = other
        .and_then(|user| user.value.party(application.tenant))
        .ok_or(Refusal::NotFound { what: "user" })?;
    if party.same_person(&signer) {
        return Err(Refusal::OwnAccess.into());
    }
    Ok(party)
}

async fn own(
    core: &Core,
    application: &ApplicationId,
    user: UserId,
    credential: &CredentialId,
) -> Result<Stored<KeyRecord>> {
    let key = keys::passkey(application, user, &credential_hash(credential));
    let stored: Option<Stored<KeyRecord>> = read_sealed(core, &key).await?;
    let there = |stored: &Stored<KeyRecord>| stored.value.key.status != KeyStatus::Removed;
    Ok(stored.filter(there).ok_or(Refusal::NotFound { what: "passkey" })?)
}

async fn waiting(
    core: &Core,
    application: &ApplicationId,
    user: UserId,
    credential: &CredentialId,
) -> Result<Stored<KeyRecord>> {
    let stored = own(core, application, user, credential).await?;
    if stored.value.key.status != KeyStatus::Waiting {
        return Err(Refusal::NotFound {
            what: "waiting passkey",
        }
        .into());
    }
    Ok(stored)
}

/// Carries out a change of keys that the caller has signed.
///
/// # Errors
/// When the ceremony is over, its answer does not verify, or the change is not possible any more.
pub async fn finish_key_change(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    id: Uuid,
    response: &str,
) -> Result<()> {
    let signed = finish_signing(core, passkeys, who, id, response).await?;
    let Form::Key(form) = &signed.form else {
        return Err(Refusal::SignedSomethingElse.into());
    };
    let application = &who.application.value.id;
    let (_, signer) = who.party()?;
    let owner = directory::user_by_object_id(&*core.store, application, form.owner.object_id)
        .await?
        .ok_or(Refusal::NotFound { what: "user" })?;
    let owner_id = owner.value.id;
    let now = core.clock.now();
    // Whoever signs is still active, and still another person where that matters, when it happens.
    let (signed_by, _) = who.party()?;
    let links = persons::settings(&*core.store, application).await?;
    let relied = persons::checked(Change::new().check_same(&owner).check_same(signed_by), &links);
    let (change, draft) = match &form.action {
        KeyAction::Recover => {
            let change = signed.used(relied)?;
            recover(core, who, &signer, owner_id, change, &signed, now).await?
        }
        KeyAction::Confirm {
            credential,
            public_key_sha256,
        } => {
            let other = other_person(core, who, owner_id).await?;
            check_admin_key(&signed, now)?;
            let key = waiting(core, application, other.user, credential).await?;
            if has_usable(core, application, other.user).await? {
                // Who has a key vouches for the next one with it.
                return Err(Refusal::PasskeyExpected.into());
            }
            let change = first_of(core, application, other.user, signed.used(relied)?).await?;
            let voucher = Voucher::Admin {
                user: signer.user,
                credential: signed.proof.credential.clone(),
            };
            confirmed(core, who, change, &key, public_key_sha256, voucher, Some(&signed), now).await?
        }
        KeyAction::Add {
            credential,
            public_key_sha256,
            ..
        } => {
            let key = waiting(core, application, own_only(owner_id, &signer)?, credential).await?;
            let voucher = Voucher::OwnKey {
                credential: signed.proof.credential.clone(),
            };
            let change = signed.used(relied)?;
            confirmed(core, who, change, &key, public_key_sha256, voucher, Some(&signed), now).await?
        }
        KeyAction::Rename { credential, name } => {
            let stored = of_own(core, application, own_only(owner_id, &signer)?, credential, &signed).await?;
            let mut after = stored.value;
            after.key.name.clone_from(name);
            let draft = key_event(who, &after, "passkey.renamed", now);
            let after = seal(&*core.seals, after).await?;
            (
                signed.used_for(relied, credential)?.replace(stored.version, &after)?,
                draft,
            )
        }
        KeyAction::Remove { credential } => {
            let stored = of_own(core, application, own_only(owner_id, &signer)?, credential, &signed).await?;
            let mut after = stored.value;
            after.key = after.key.remove(now)?;
            let draft = key_event(who, &after, "passkey.removed", now).fact("because", "removed by its owner");
            let after = seal(&*core.seals, after).await?;
            (
                signed.used_for(relied, credential)?.replace(stored.version, &after)?,
                draft,
            )
        }
    };
    change
        .event(StreamId::user(application, owner_id), draft)
        .commit(&*core.store)
        .await
        .map_err(taken_or_over)?;
    tracing::info!(user.id = %owner_id, by = %signer.user, "passkeys changed");
    Ok(())
}

fn own_only(owner: UserId, signer: &Party) -> Result<UserId, Refusal> {
    if owner == signer.user {
        Ok(owner)
    } else {
        Err(Refusal::SignedSomethingElse)
    }
}

/// The key that is changed: where it signed for itself, as it is after that.
async fn of_own(
    core: &Core,
    application: &ApplicationId,
    owner: UserId,
    credential: &CredentialId,
    signed: &Signed,
) -> Result<Stored<KeyRecord>> {
    if *credential == signed.proof.credential {
        return Ok(Stored {
            value: signed.after.unverified().clone(),
            version: signed.key.version,
        });
    }
    own(core, application, owner, credential).await
}

/// # Errors
/// When the admin's key is too new to count. The very first admin's confirms other keys at once, which cool down
/// themselves: without that nobody could begin.
fn check_admin_key(signed: &Signed, now: Timestamp) -> Result<(), Refusal> {
    match &signed.key.value.key.confirmed {
        Some((Voucher::SetUp, _)) => Ok(()),
        _ => signed.key.value.key.counts(now),
    }
}

#[expect(clippy::too_many_arguments, reason = "what a confirmation rests on is all of this")]
async fn confirmed(
    core: &Core,
    who: &Who,
    change: Change,
    key: &Stored<KeyRecord>,
    public_key_sha256: &Digest,
    voucher: Voucher,
    signed: Option<&Signed>,
    now: Timestamp,
) -> Result<(Change, Draft)> {
    if key.value.public_key_sha256() != *public_key_sha256 {
        return Err(Refusal::SignedSomethingElse.into());
    }
    let by_own = matches!(voucher, Voucher::OwnKey { .. });
    let vouching = signed.filter(|_| by_own).map(|signed| &signed.key.value.key);
    let cool_down = core.settings.key_cool_down_seconds;
    let by = match &voucher {
        Voucher::OwnKey { .. } => "own key",
        Voucher::Admin { .. } => "admin",
        Voucher::SetUp => "set-up",
    };
    let mut after = key.value.clone();
    after.key = after.key.confirm(voucher, vouching, cool_down, now)?;
    after.vouched = signed.map(|signed| signed.proof.clone());
    let counts_at = after.key.counts_at.unwrap_or(now);
    let draft = key_event(who, &after, "passkey.confirmed", now)
        .fact("by", by)
        .fact("counts_at", counts_at);
    let after = seal(&*core.seals, after).await?;
    Ok((change.replace(key.version, &after)?, draft))
}

/// The first signature proposes, the second, another admin's, carries it out.
async fn recover(
    core: &Core,
    who: &Who,
    signer: &Party,
    user: UserId,
    change: Change,
    signed: &Signed,
    now: Timestamp,
) -> Result<(Change, Draft)> {
    let owner = other_person(core, who, user).await?;
    signed.key.value.key.counts(now)?;
    let application = &who.application.value.id;
    let stored: Option<Stored<Recovery>> = read_sealed(core, &keys::recovery(application, user)).await?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    let mut proposed = stored
        .map(|stored| stored.value)
        .filter(|recovery| recovery.check_second(signer, now).is_ok());
    if let Some(recovery) = &proposed {
        // Whoever proposed it has to be there still.
        let proposer = directory::user(&*core.store, application, recovery.proposed_by.user).await?;
        if !proposer.is_some_and(|proposer| proposer.value.active) {
            proposed = None;
        }
    }
    let Some(recovery) = proposed else {
        let recovery = Recovery {
            application: application.clone(),
            user,
            proposed_by: signer.clone(),
            proposed_at: now,
            done: None,
        };
        let draft = Draft::new(now, who.actor(), "passkey.recovery_proposed");
        let recovery = seal(&*core.seals, recovery).await?;
        return Ok((change.replace(version, &recovery)?, draft));
    };
    // The first and the second are two people now, whatever accounts they use.
    let proposer = recovery.proposed_by.object_id;
    let (same, _) = persons::is_any(&*core.store, application, signer.object_id, &[proposer]).await?;
    if same {
        return Err(Refusal::SecondAdmin.into());
    }
    let recovery = Recovery {
        done: Some((signer.clone(), now)),
        ..recovery
    };
    let proposed_by = recovery.proposed_by.user;
    let mut change = change.replace(version, &seal(&*core.seals, recovery).await?)?;
    // Those as well whose seal does not hold: they would keep the person from a first key for ever.
    let query = Query::partition(keys::passkeys(application)).prefix(keys::passkeys_of(owner.user));
    for stored in read_page::<Sealed<KeyRecord>>(&*core.store, &query.limit(LARGEST_PAGE))
        .await?
        .items
    {
        let Stored {
            value: mut after,
            version,
        } = stored.unverified();
        if after.key.status != KeyStatus::Removed {
            after.key = after.key.remove(now)?;
            change = change.replace(version, &seal(&*core.seals, after).await?)?;
        }
    }
    let draft = Draft::new(now, who.actor(), "passkey.recovered").fact("proposed_by", proposed_by);
    Ok((change, draft))
}

/// Whether anybody in the application has a key that can sign now.
async fn anybody_has_usable(core: &Core, application: &ApplicationId) -> Result<bool> {
    any_usable(
        core,
        Query::partition(keys::passkeys(application)).prefix(keys::PASSKEYS),
    )
    .await
}

/// Confirms the key of the very first admin by the code from set-up. A code counts once, and only while nobody has a key
/// that can sign: at the beginning, and after the console has moved to another host, with a new code.
///
/// # Errors
/// When the code is not the one, was used, or none was set up.
pub async fn use_set_up_code(core: &Core, who: &Who, credential: &CredentialId, code: &str) -> Result<()> {
    who.require_role(Role::Admin)?;
    let (user, party) = who.party()?;
    let application = &who.application.value.id;
    limits::check(core, FUNCTION, application, Counted::FailedCeremonies, party.person).await?;
    let expected = core.settings.set_up_code_sha256;
    if expected.is_none_or(|expected| !same(&expected, &Digest::of(code.trim().as_bytes()))) {
        limits::note(core, FUNCTION, application, Counted::FailedCeremonies, party.person).await?;
        tracing::warn!(user.id = %party.user, "a code from set-up was refused");
        return Err(Refusal::SetUpCode.into());
    }
    if anybody_has_usable(core, application).await? {
        return Err(Refusal::SetUpCode.into());
    }
    let key = waiting(core, application, party.user, credential).await?;
    let now = core.clock.now();
    let public_key = key.value.public_key_sha256();
    let change = first_of(core, application, party.user, Change::new().check_same(user)).await?;
    let (change, draft) = confirmed(core, who, change, &key, &public_key, Voucher::SetUp, None, now).await?;
    let done = SetUpDone {
        application: application.clone(),
        code: Digest::of(code.trim().as_bytes()),
        by: party.user,
        at: now,
    };
    let committed = change
        .create(&done)?
        .event(StreamId::user(application, party.user), draft)
        .commit(&*core.store)
        .await;
    match committed {
        Ok(()) => Ok(()),
        Err(ChangeError::Conflict(_)) => Err(Refusal::SetUpCode.into()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Whether two digests are the same, in a time that does not tell where they differ.
fn same(one: &Digest, other: &Digest) -> bool {
    use subtle::ConstantTimeEq as _;
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Keys of the application that wait for an admin, with whose they are.
///
/// # Errors
/// When the caller is no admin.
pub async fn waiting_keys(
    core: &Core,
    who: &Who,
    after: Option<String>,
    limit: usize,
) -> Result<Page<Stored<KeyRecord>>> {
    who.require_role(Role::Admin)?;
    let query = Query::partition(keys::passkeys(&who.application.value.id))
        .prefix(keys::PASSKEYS)
        .after(after)
        .limit(limit);
    let mut page = keys_of(core, &query).await?;
    page.items
        .retain(|stored| stored.value.key.status == KeyStatus::Waiting);
    Ok(page)
}

/// The host that keys were made for, where it is not the console's any more.
///
/// # Errors
/// Only when the table does not answer.
pub async fn former_host(core: &Core) -> Result<Option<String>> {
    let fixed: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    let former = fixed.map(|fixed| fixed.value.rp_id);
    Ok(former.filter(|former| *former != core.settings.rp_id()))
}

/// How many keys that are not removed were made for another host than the console's: what an admin who accepts the new
/// host makes void.
///
/// # Errors
/// When the caller is no admin.
pub async fn voided(core: &Core, who: &Who) -> Result<usize> {
    who.require_role(Role::Admin)?;
    let rp_id = core.settings.rp_id();
    let query = Query::partition(keys::passkeys(&who.application.value.id)).prefix(keys::PASSKEYS);
    let (mut count, mut after) = (0, None);
    loop {
        let page = keys_of(core, &query.clone().after(after).limit(LARGEST_PAGE)).await?;
        let void = |stored: &&Stored<KeyRecord>| {
            stored.value.key.status != KeyStatus::Removed && stored.value.key.rp_id != rp_id
        };
        count += page.items.iter().filter(void).count();
        after = page.next;
        if after.is_none() || count >= MOST_COUNTED {
            return Ok(count);
        }
    }
}

/// Accepts the console's new host, which makes every key of the old one void. The number has to be the one that the admin
/// was shown.
///
/// # Errors
/// When the host has not changed, or the number is another by now.
pub async fn accept_relying_party(core: &Core, who: &Who, voids: usize) -> Result<()> {
    who.require_role(Role::Admin)?;
    let stored: Option<Stored<RelyingParty>> = read(&*core.store, &keys::relying_party()).await?;
    let rp_id = core.settings.rp_id();
    let Some(stored) = stored.filter(|stored| stored.value.rp_id != rp_id) else {
        return Err(Refusal::NotFound {
            what: "change of the console's host",
        }
        .into());
    };
    let now_void = voided(core, who).await?;
    auth_context::step_up(core, who).await?;
    if now_void != voids {
        return Err(Refusal::invalid("voids", Rule::Voids { keys: now_void }).into());
    }
    let now = core.clock.now();
    let application = &who.application.value.id;
    let draft = Draft::new(now, who.actor(), "passkey.host_changed")
        .fact("from", &stored.value.rp_id)
        .fact("to", &rp_id)
        .fact("voids", voids);
    Change::new()
        .replace(stored.version, &RelyingParty { rp_id, since: now })?
        .event(StreamId::config(application, "passkeys", "host"), draft)
        .commit(&*core.store)
        .await?;
    Ok(())
}
