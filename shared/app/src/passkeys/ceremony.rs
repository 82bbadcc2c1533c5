//! The two calls of a ceremony that signs something with a key there is: what is to be signed is stored, and the answer
//! verified.

use hourglass_domain::decision::Factor;
use hourglass_domain::ids::{ApplicationId, ChangeId, PersonId, UserId};
use hourglass_domain::limit::Counted;
use hourglass_domain::passkey::{CEREMONY_SECONDS, Proof};
use hourglass_domain::signed::{Form, Nonce};
use hourglass_domain::webauthn::CredentialId;
use hourglass_domain::{Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{FUNCTION, KeyRecord, host::check_relying_party, usable_of};
use crate::caller::Who;
use crate::change::{Change, read};
use crate::error::Result;
use crate::ports::Core;
use crate::ports::passkeys::{KeyMaterial, PasskeyError, Passkeys};
use crate::ports::store::Key;
use crate::records::{Record, Stored};
use crate::seals::{Sealed, seal};
use crate::{keys, limits};

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
    pub(super) after: Sealed<KeyRecord>,
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
    pub(super) fn used_for(&self, change: Change, credential: &CredentialId) -> Result<Change> {
        if *credential == self.proof.credential {
            return Ok(change.delete(&self.ceremony));
        }
        self.used(change)
    }
}

/// What a failed ceremony is told as.
pub(super) const fn failed(error: PasskeyError) -> Refusal {
    match error {
        PasskeyError::NoKeys => Refusal::NotFound { what: "passkey" },
        PasskeyError::BadState => Refusal::CeremonyOver,
        other => Refusal::CeremonyFailed { why: other.code() },
    }
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
pub(super) async fn begin(
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
pub(super) async fn ceremony(core: &Core, who: &Who, id: Uuid) -> Result<Stored<Ceremony>> {
    let (_, party) = who.party()?;
    let key = keys::ceremony(&who.application.value.id, party.user, id);
    let stored: Option<Stored<Ceremony>> = read(&*core.store, &key).await?;
    let live = |stored: &Stored<Ceremony>| core.clock.now() < stored.value.expires_at;
    Ok(stored.filter(live).ok_or(Refusal::CeremonyOver)?)
}

/// Takes a failed ceremony away and counts it. The answer stays what it is if that fails: the ceremony then ends by itself.
pub(super) async fn burn(core: &Core, ceremony: &Stored<Ceremony>, person: PersonId, error: PasskeyError) {
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
