//! Signing a proposed change with a passkey. It happens in functions/approvals, where passkeys are; what it writes lies
//! under a prefix of its own, sealed with the key of the rules, so that functions/admin can tell that it was written there.

use hourglass_domain::audit::Draft;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::ids::{ApplicationId, ChangeId, ObjectId};
use hourglass_domain::passkey::{CEREMONY_SECONDS, Proof};
use hourglass_domain::seal::SealKey;
use hourglass_domain::signed::{Account, Form, Second};
use hourglass_domain::two_person::{Place, Proposal, SignatureProblem, check_two};
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Command, Proposed, get};
use crate::admin::by::{Two, stream};
use crate::caller::Who;
use crate::change::{Change, ChangeError, read};
use crate::directory;
use crate::error::{AppError, Result};
use crate::keys;
use crate::passkeys::{self as keyring, About, Begun, KeyRecord};
use crate::persons;
use crate::ports::Core;
use crate::ports::passkeys::{KeyMaterial, Passkeys};
use crate::ports::store::Key;
use crate::records::{Record, Stored};
use crate::seals::{Sealed, read_sealed, seal};

/// An admin's signature under a proposed change, with what verifies it. That its signer was an admin then, and the key one
/// of theirs that counts, was found out when it was written, which the seal shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChangeSignature {
    /// The application.
    pub application: ApplicationId,
    /// Under which change.
    pub change: ChangeId,
    /// At which place.
    pub place: Place,
    /// Who.
    pub by: Party,
    /// What verifies it.
    pub key: KeyMaterial,
    /// The assertion.
    pub proof: Proof,
    /// When.
    pub at: Timestamp,
}

impl Record for ChangeSignature {
    const KIND: &'static str = "change_signature";
    const SEALED_WITH: Option<SealKey> = Some(SealKey::Policy);
    fn key(&self) -> Key {
        keys::change_signature(&self.application, self.change, self.place)
    }
    fn audit_id(&self) -> String {
        format!("{}:{}", self.change, self.place.name())
    }
}

/// What the caller would sign now.
///
/// # Errors
/// When it is not for them to sign, or what the change was made against has changed.
pub async fn place(core: &Core, who: &Who, proposed: &Proposed) -> Result<Place> {
    let (_, signer) = who.party()?;
    let proposal = &proposed.proposal.value;
    let place = proposal.place_of(&signer, &proposed.places(), core.clock.now())?;
    let application = &who.application.value.id;
    if place == Place::Second {
        let proposer = proposal.proposer.object_id;
        let (same, _) = persons::is_any(&*core.store, application, signer.object_id, &[proposer]).await?;
        if same {
            return Err(Refusal::SecondAdmin.into());
        }
    }
    check_not_concerned(core, application, &proposal.command, &[signer.object_id]).await?;
    let planned = proposal.command.plan(core, who).await?;
    if planned.object.version != proposal.object.version {
        return Err(Refusal::ChangeSuperseded.into());
    }
    Ok(place)
}

/// Nobody signs whose accounts they are, with whatever account of theirs.
async fn check_not_concerned(
    core: &Core,
    application: &ApplicationId,
    command: &Command,
    signers: &[ObjectId],
) -> Result<()> {
    let users = directory::users(&*core.store, application, &command.concerned()).await?;
    let concerned: Vec<ObjectId> = users
        .into_iter()
        .flatten()
        .filter_map(|user| user.value.object_id())
        .collect();
    for signer in signers {
        if !concerned.is_empty() && persons::is_any(&*core.store, application, *signer, &concerned).await?.0 {
            return Err(Refusal::OwnLinks.into());
        }
    }
    Ok(())
}

/// Begins to sign.
///
/// # Errors
/// As [`place`]; when the caller has no key, or failed too often.
pub async fn begin(core: &Core, passkeys: &dyn Passkeys, who: &Who, id: ChangeId) -> Result<Begun> {
    let proposed = get(core, who, id).await?;
    place(core, who, &proposed).await?;
    let (_, signer) = who.party()?;
    let expires_at = Second::of(core.clock.now().plus_seconds(CEREMONY_SECONDS));
    let form = proposed.proposal.value.form(Account::from(&signer), expires_at);
    keyring::begin_signing(core, passkeys, who, Form::Change(form), About::Change(id)).await
}

/// Ends it: the signature is stored.
///
/// # Errors
/// When the ceremony is over, its answer does not verify, the key is too new, or it is not for the caller to sign any more.
pub async fn finish(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    ceremony: Uuid,
    response: &str,
) -> Result<(ChangeId, Place)> {
    let signed = keyring::finish_signing(core, passkeys, who, ceremony, response).await?;
    let id = signed.ceremony.value.change.ok_or(Refusal::SignedSomethingElse)?;
    let proposed = get(core, who, id).await?;
    let place = place(core, who, &proposed).await?;
    let (user, signer) = who.party()?;
    let proposal = &proposed.proposal.value;
    if !proposal.is_form(&signed.form, Account::from(&signer)) {
        return Err(Refusal::SignedSomethingElse.into());
    }
    let now = core.clock.now();
    signed.key.value.key.counts(now)?;
    let application = &who.application.value.id;
    let links = persons::settings(&*core.store, application).await?;
    let signature = ChangeSignature {
        application: application.clone(),
        change: id,
        place,
        by: signer,
        key: signed.key.value.material(),
        proof: signed.proof.clone(),
        at: now,
    };
    let draft = Draft::new(now, who.actor(), "change.signed")
        .fact("place", place.name())
        .fact("diff_sha256", proposal.digest)
        .fact("credential", &signature.key.credential);
    let change = Change::new()
        .create(&seal(&*core.seals, signature).await?)?
        .check_version(proposal.key(), proposed.proposal.version)
        .check_same(user);
    let change = persons::checked(signed.used(change)?, &links);
    match change.event(stream(proposal), draft).commit(&*core.store).await {
        Ok(()) => Ok((id, place)),
        Err(ChangeError::Conflict(_)) => Err(Refusal::Changed.into()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Both signatures under a proposal, verified.
///
/// # Errors
/// When one does not count, or the two are one person by now.
pub(super) async fn verified(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    proposal: Stored<Proposal<Command>>,
) -> Result<Two> {
    let application = &who.application.value.id;
    let mut users = Vec::new();
    let mut parties = Vec::new();
    for place in [Place::First, Place::Second] {
        let key = keys::change_signature(application, proposal.value.id, place);
        let signature: Option<Stored<ChangeSignature>> = read_sealed(core, &key).await?;
        let signature = signature.ok_or(refused(SignatureProblem::Missing))?.value;
        verify(passkeys, &proposal.value, &signature)?;
        check_key(core, &signature).await?;
        users.push(active(core, application, &signature.by).await?);
        parties.push(signature.by);
    }
    let [first, second] = parties.as_slice() else {
        return Err(Refusal::SecondAdmin.into());
    };
    check_two(first, second)?;
    let proposer = &proposal.value.proposer;
    if first.user != proposer.user || first.object_id != proposer.object_id {
        return Err(Refusal::ProposerFirst.into());
    }
    let (same, links) = persons::is_any(&*core.store, application, second.object_id, &[first.object_id]).await?;
    if same {
        return Err(Refusal::SecondAdmin.into());
    }
    let accounts = [first.object_id, second.object_id];
    check_not_concerned(core, application, &proposal.value.command, &accounts).await?;
    Ok(Two {
        second: second.clone(),
        applied: None,
        left_out: Vec::new(),
        links,
        users,
        proposal,
    })
}

const fn refused(why: SignatureProblem) -> Refusal {
    Refusal::ChangeSignature { why }
}

/// That the assertion is one of the signer's key over this very proposal.
fn verify(passkeys: &dyn Passkeys, proposal: &Proposal<Command>, signature: &ChangeSignature) -> Result<(), Refusal> {
    let (key, proof) = (&signature.key, &signature.proof);
    let form = Form::from_bytes(proof.form.as_bytes()).map_err(|_| refused(SignatureProblem::Unreadable))?;
    if !proposal.is_form(&form, Account::from(&signature.by)) {
        return Err(refused(SignatureProblem::SomethingElse));
    }
    if key.user != signature.by.user || key.credential != proof.credential {
        return Err(refused(SignatureProblem::OthersKey));
    }
    passkeys
        .verify_again(key, proof)
        .map_err(|_| refused(SignatureProblem::Broken))
}

/// That the key is still there. It was one that counts when it signed: what it says of itself now is not sealed for this
/// function, and can only take something away.
async fn check_key(core: &Core, signature: &ChangeSignature) -> Result<()> {
    let at = keys::passkey(
        &signature.application,
        signature.by.user,
        &hourglass_domain::canonical::Digest::of(signature.key.credential.as_bytes()),
    );
    let stored: Option<Stored<Sealed<KeyRecord>>> = read(&*core.store, &at).await?;
    let rp_id = core.settings.rp_id();
    let same =
        |record: &KeyRecord| record.key.is_usable(&rp_id) && record.registered.public_key == signature.key.public_key;
    if stored.is_some_and(|stored| same(stored.value.unverified())) {
        Ok(())
    } else {
        Err(refused(SignatureProblem::KeyGone).into())
    }
}

/// The signer's user, who is active and has the same account.
async fn active(core: &Core, application: &ApplicationId, signer: &Party) -> Result<Stored<User>> {
    let user = directory::user(&*core.store, application, signer.user).await?;
    let same = |user: &Stored<User>| user.value.active && user.value.object_id() == Some(signer.object_id);
    user.filter(same)
        .ok_or_else(|| AppError::from(refused(SignatureProblem::SignerGone)))
}
