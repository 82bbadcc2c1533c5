//! What a key signs about keys: confirming, renaming and removing them, and recovering an account without any.

use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::canonical::Digest;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::ids::{ApplicationId, UserId};
use hourglass_domain::passkey::{CEREMONY_SECONDS, KeyStatus, Passkey, Recovery, Voucher};
use hourglass_domain::roles::Role;
use hourglass_domain::signed::{Account, Form, KeyAction, KeyForm, Second};
use hourglass_domain::webauthn::CredentialId;
use hourglass_domain::{Refusal, Timestamp};
use uuid::Uuid;

use super::{
    KeyRecord,
    ceremony::{About, Begun, Signed, begin_signing, finish_signing},
    credential_hash,
    enrolment::taken_or_over,
    first_of, has_usable, key_event, keys_of,
};
use crate::caller::Who;
use crate::change::{Change, read_page};
use crate::error::Result;
use crate::ports::Core;
use crate::ports::passkeys::Passkeys;
use crate::ports::store::{LARGEST_PAGE, Page, Query};
use crate::records::Stored;
use crate::seals::{Sealed, read_sealed, seal};
use crate::{directory, keys, persons};

/// Most parts of the list of all keys that are gone through for some that wait.
const MOST_PARTS: usize = 10;

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
pub(super) async fn other_person(core: &Core, who: &Who, user: UserId) -> Result<Party> {
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

pub(super) async fn own(
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

pub(super) async fn waiting(
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

pub(super) fn own_only(owner: UserId, signer: &Party) -> Result<UserId, Refusal> {
    if owner == signer.user {
        Ok(owner)
    } else {
        Err(Refusal::SignedSomethingElse)
    }
}

/// The key that is changed: where it signed for itself, as it is after that.
pub(super) async fn of_own(
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
pub(super) fn check_admin_key(signed: &Signed, now: Timestamp) -> Result<(), Refusal> {
    match &signed.key.value.key.confirmed {
        Some((Voucher::SetUp, _)) => Ok(()),
        _ => signed.key.value.key.counts(now),
    }
}

#[expect(clippy::too_many_arguments, reason = "what a confirmation rests on is all of this")]
pub(super) async fn confirmed(
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
pub(super) async fn recover(
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
    let mut page = Page {
        items: Vec::new(),
        next: after,
    };
    // They lie among all others: a part without any says little.
    for _ in 0..MOST_PARTS {
        let query = Query::partition(keys::passkeys(&who.application.value.id))
            .prefix(keys::PASSKEYS)
            .after(page.next.take())
            .limit(limit);
        page = keys_of(core, &query).await?;
        page.items
            .retain(|stored| stored.value.key.status == KeyStatus::Waiting);
        if page.next.is_none() || !page.items.is_empty() {
            break;
        }
    }
    Ok(page)
}
