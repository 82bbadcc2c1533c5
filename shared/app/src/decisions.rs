//! Decisions on record, and as files that verify without us.

use hourglass_domain::Refusal;
use hourglass_domain::canonical::Digest;
use hourglass_domain::decision::{Decision, Evidence};
use hourglass_domain::decision_file::{DecisionContent, DecisionFile, FileAssertion, FileKey, FileKind};
use hourglass_domain::ids::{DecisionId, RequestId};
use hourglass_domain::roles::Role;
use hourglass_domain::signed::Form;
use hourglass_domain::webauthn::ClientDataFields;

use crate::caller::Who;
use crate::change::{read, read_page};
use crate::error::Result;
use crate::keys;
use crate::passkeys::KeyRecord;
use crate::ports::Core;
use crate::ports::store::Query;
use crate::records::Stored;
use crate::requests;
use crate::seals::Sealed;

/// The decisions on a request, for auditors and admins. Their seals are not looked at: whoever verifies what was signed
/// needs no word of ours.
///
/// # Errors
/// When the caller may not read everything, or there is no such request.
pub async fn list(core: &Core, who: &Who, request: RequestId) -> Result<Vec<Decision>> {
    if !who.reads_all() {
        return Err(Refusal::RoleMissing {
            role: Role::Auditor.name(),
        }
        .into());
    }
    requests::get(core, who, request).await?;
    let page = read_page::<Sealed<Decision>>(&*core.store, &Query::partition(keys::decisions(request))).await?;
    Ok(page.items.into_iter().map(|stored| stored.unverified().value).collect())
}

/// A decision that was signed with a passkey, as a file: see `docs/signed-forms.md`.
///
/// # Errors
/// As [`list`]; when there is no such decision, or it was not signed with a passkey.
pub async fn file(core: &Core, who: &Who, request: RequestId, id: DecisionId) -> Result<DecisionFile> {
    let decisions = list(core, who, request).await?;
    let decision = decisions.into_iter().find(|decision| decision.id == id);
    let decision = decision.ok_or(Refusal::NotFound { what: "decision" })?;
    let Evidence::Passkey(proof) = decision.evidence else {
        return Err(Refusal::NotFound {
            what: "decision that was signed with a passkey",
        }
        .into());
    };
    let application = &who.application.value.id;
    let credential = Digest::of(proof.credential.as_bytes());
    let key = keys::passkey(application, decision.approver.user, &credential);
    let record: Option<Stored<Sealed<KeyRecord>>> = read(&*core.store, &key).await?;
    let record = record.ok_or(Refusal::NotFound { what: "passkey" })?.unverified().value;
    let form = Form::from_bytes(proof.form.as_bytes())
        .map_err(|error| Refusal::SignedUnreadable { why: error.to_string() })?;
    let registered = record.registered;
    Ok(DecisionFile::new(DecisionContent {
        file: FileKind::V1,
        form,
        nonce: proof.nonce,
        decided_at: decision.at,
        rp_id: record.key.rp_id,
        // That of then: the console may have moved since.
        origin: ClientDataFields::read(&proof.client_data)
            .map_or_else(|| core.settings.public_url.clone(), |said| said.origin),
        key: FileKey {
            user: decision.approver.user,
            credential: registered.credential,
            public_key: registered.public_key,
            attestation: registered.attestation.object,
            attestation_client_data: registered.attestation.client_data,
        },
        assertion: FileAssertion {
            authenticator_data: proof.authenticator_data,
            client_data: proof.client_data,
            signature: proof.signature,
        },
    })?)
}
