//! Making a key: registering it, and the very first one of all, which a code from set-up confirms.

use hourglass_domain::audit::StreamId;
use hourglass_domain::canonical::Digest;
use hourglass_domain::directory::Party;
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_domain::limit::Counted;
use hourglass_domain::passkey::{KeyStatus, MOST_KEYS, Passkey, Voucher};
use hourglass_domain::roles::Role;
use hourglass_domain::webauthn::CredentialId;
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    FUNCTION, KeyRecord, TakenCredential, all_of, anybody_has_usable,
    ceremony::{About, Begun, begin, burn, ceremony, failed},
    changes::{confirmed, waiting},
    credential_hash, first_of,
    host::{RelyingParty, check_relying_party},
    key_event,
};
use crate::caller::Who;
use crate::change::{Change, ChangeError};
use crate::error::Result;
use crate::ports::Core;
use crate::ports::passkeys::{AttestationKind, Owner, Passkeys, Registered};
use crate::ports::store::Key;
use crate::records::Record;
use crate::seals::seal;
use crate::{keys, limits};

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
        name: user.value.sign_in_name(),
        display_name: user.value.name(),
    };
    let (options, state) = passkeys.begin_registration(&owner, &known).map_err(failed)?;
    begin(core, application, party.user, (options, state), None, About::Nothing).await
}

/// The credential ids of a user's keys that are not removed.
pub(super) async fn kept(core: &Core, application: &ApplicationId, user: UserId) -> Result<Vec<CredentialId>> {
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

pub(super) fn new_key(
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
pub(super) fn taken_or_over(error: ChangeError) -> crate::AppError {
    match error {
        ChangeError::Conflict(_) => Refusal::CeremonyOver.into(),
        ChangeError::App(error) => error,
    }
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
pub(super) fn same(one: &Digest, other: &Digest) -> bool {
    use subtle::ConstantTimeEq as _;
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
