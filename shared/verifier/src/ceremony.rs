//! The checks of a WebAuthn ceremony (Web Authentication Level 3 sections 7.1 and 7.2), as Hourglass demands them.

use hourglass_domain::canonical::Digest;
use hourglass_domain::ids::UserId;
use hourglass_domain::webauthn::{
    Algorithm, AttestationFields, AttestationObject, AuthenticatorData, AuthenticatorDataFields, ClientData,
    ClientDataFields, CredentialId, KeyFields, PackedStatement, PasskeyError, PublicKey, Signature, base64url,
};

use crate::signature::{is_sound, verifies};

/// Where the ceremony has to have taken place.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The host that keys are made for.
    pub rp_id: &'a str,
    /// The origin of the page.
    pub origin: &'a str,
}

/// A key as it is known before an assertion.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey<'a> {
    /// Whose.
    pub user: UserId,
    /// Its id.
    pub credential: &'a CredentialId,
    /// Its public key.
    pub public_key: &'a PublicKey,
    /// Whether it can be synchronised.
    pub backup_eligible: bool,
    /// What it had counted.
    pub counter: u32,
}

/// An assertion, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Assertion<'a> {
    /// Which key is said to have signed.
    pub credential: &'a CredentialId,
    /// The user handle, where there was one.
    pub user_handle: Option<&'a [u8]>,
    /// What the authenticator said.
    pub authenticator_data: &'a AuthenticatorData,
    /// What the browser said.
    pub client_data: &'a ClientData,
    /// The signature.
    pub signature: &'a Signature,
}

/// What an assertion says that verifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed {
    /// What the key has counted.
    pub counter: u32,
    /// Whether it is synchronised.
    pub backed_up: bool,
}

/// Whether `assertion` is one by one of `keys`, of a verified person, at `site`, over `challenge`.
///
/// # Errors
/// The first check that it fails.
pub fn assertion(
    site: Site<'_>,
    challenge: &Digest,
    keys: &[KnownKey<'_>],
    assertion: Assertion<'_>,
) -> Result<Signed, PasskeyError> {
    let key = keys.iter().find(|key| key.credential == assertion.credential);
    let key = key.ok_or(PasskeyError::UnknownCredential)?;
    if assertion
        .user_handle
        .is_some_and(|said| said != key.user.uuid().as_bytes())
    {
        return Err(PasskeyError::WrongUser);
    }
    let public_key = KeyFields::read(key.public_key).ok_or(PasskeyError::UnknownAlgorithm)?;
    let said = AuthenticatorDataFields::read(assertion.authenticator_data).ok_or(PasskeyError::Malformed)?;
    if said.attested.is_some() {
        return Err(PasskeyError::Malformed);
    }
    client_data(site, "webauthn.get", Some(challenge.as_bytes()), assertion.client_data)?;
    authenticator(site, &said)?;
    if said.backup_eligible != key.backup_eligible {
        return Err(PasskeyError::BackupChanged);
    }
    let signed = signed_bytes(assertion.authenticator_data, assertion.client_data);
    if !verifies(&public_key, &signed, assertion.signature.as_bytes()) {
        return Err(PasskeyError::BadSignature);
    }
    // Only a key that never leaves its device can be held to what it counted.
    if !key.backup_eligible && key.counter > 0 && said.counter <= key.counter {
        return Err(PasskeyError::CounterWentBack);
    }
    Ok(Signed {
        counter: said.counter,
        backed_up: said.backed_up,
    })
}

/// What a registration says that verifies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewKey {
    /// Its id.
    pub credential: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Whether it can be synchronised.
    pub backup_eligible: bool,
    /// What it has counted.
    pub counter: u32,
    /// Whether the attestation statement was judged: there was none, or the key attested itself. Certificates are not
    /// judged here.
    pub judged: bool,
}

/// Whether a registration made a key with one of our algorithms, for a verified person, at `site`, over `challenge` where
/// that is known.
///
/// # Errors
/// The first check that it fails.
pub fn registration(
    site: Site<'_>,
    challenge: Option<&[u8]>,
    object: &AttestationObject,
    data: &ClientData,
) -> Result<NewKey, PasskeyError> {
    let object = AttestationFields::read(object).ok_or(PasskeyError::Malformed)?;
    let raw = AuthenticatorData::new(object.authenticator_data).map_err(|_| PasskeyError::Malformed)?;
    let said = AuthenticatorDataFields::read(&raw).ok_or(PasskeyError::Malformed)?;
    let attested = said.attested.as_ref().ok_or(PasskeyError::Malformed)?;
    let credential = CredentialId::new(attested.id).map_err(|_| PasskeyError::Malformed)?;
    let public_key = PublicKey::new(attested.public_key).map_err(|_| PasskeyError::Malformed)?;
    let fields = KeyFields::read(&public_key).filter(is_sound);
    let fields = fields.ok_or(PasskeyError::UnknownAlgorithm)?;
    client_data(site, "webauthn.create", challenge, data)?;
    authenticator(site, &said)?;
    let judged = match object.format {
        "none" => true,
        "packed" => match object.packed().ok_or(PasskeyError::BadAttestation)? {
            PackedStatement::Certified => false,
            PackedStatement::Itself { algorithm, signature } => {
                let signed = signed_bytes(&raw, data);
                if algorithm != fields.algorithm().cose() || !verifies(&fields, &signed, signature) {
                    return Err(PasskeyError::BadAttestation);
                }
                true
            }
        },
        "tpm" | "android-key" | "apple" | "fido-u2f" => false,
        _ => return Err(PasskeyError::BadAttestation),
    };
    Ok(NewKey {
        algorithm: fields.algorithm(),
        backup_eligible: said.backup_eligible,
        counter: said.counter,
        judged,
        credential,
        public_key,
    })
}

fn client_data(site: Site<'_>, kind: &str, challenge: Option<&[u8]>, data: &ClientData) -> Result<(), PasskeyError> {
    let fields = ClientDataFields::read(data).ok_or(PasskeyError::Malformed)?;
    if fields.kind != kind {
        return Err(PasskeyError::WrongType);
    }
    if challenge.is_some_and(|challenge| fields.challenge != base64url(challenge)) {
        return Err(PasskeyError::WrongChallenge);
    }
    if fields.origin != site.origin {
        return Err(PasskeyError::WrongOrigin);
    }
    if fields.is_cross_origin() {
        return Err(PasskeyError::CrossOrigin);
    }
    Ok(())
}

fn authenticator(site: Site<'_>, said: &AuthenticatorDataFields<'_>) -> Result<(), PasskeyError> {
    if said.rp_id_hash != *Digest::of(site.rp_id.as_bytes()).as_bytes() {
        return Err(PasskeyError::WrongRp);
    }
    if !said.user_present {
        return Err(PasskeyError::UserNotPresent);
    }
    if !said.user_verified {
        return Err(PasskeyError::UserNotVerified);
    }
    if said.backed_up && !said.backup_eligible {
        return Err(PasskeyError::BackupChanged);
    }
    Ok(())
}

/// What an authenticator signs: its own words, and the hash of the browser's.
fn signed_bytes(authenticator_data: &AuthenticatorData, client_data: &ClientData) -> Vec<u8> {
    let hash = Digest::of(client_data.as_bytes());
    [authenticator_data.as_bytes(), hash.as_bytes()].concat()
}
