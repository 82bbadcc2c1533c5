//! Passkey ceremonies.

use hourglass_domain::ids::UserId;
use hourglass_domain::passkey::Proof;
use hourglass_domain::signed::{Form, Nonce};
use hourglass_domain::webauthn::{Algorithm, AttestationObject, AuthenticatorData, ClientData, PublicKey, Signature};
pub use hourglass_domain::webauthn::{CredentialId, PasskeyError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Longest answer of a browser, in bytes.
pub const LONGEST_RESPONSE: usize = 16 * 1024;

/// Whose key is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The user; the 16 bytes of the id are the user handle that the authenticator keeps.
    pub user: UserId,
    /// The sign-in name, which the authenticator shows.
    pub name: String,
    /// The name for people, which the authenticator shows.
    pub display_name: String,
}

/// How a new key was attested (Web Authentication Level 3 section 6.5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttestationKind {
    /// Not at all: the AAGUID is a claim and nothing more.
    None,
    /// By the key itself: the AAGUID is a claim and nothing more.
    Itself,
    /// By a certificate, whose signature over the new key verifies. Who issued the certificate was not checked.
    Certified,
}

/// Attestation of a new key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attestation {
    /// How.
    pub kind: AttestationKind,
    /// The attestation statement format: `none`, `packed`, …
    pub format: String,
    /// The attestation object, whole, so that it can be judged again.
    pub object: AttestationObject,
    /// The client data that it was made with.
    pub client_data: ClientData,
}

/// A key that a ceremony made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registered {
    /// Its id.
    pub credential: CredentialId,
    /// Its public key, exactly as in the attestation object.
    pub public_key: PublicKey,
    /// The public key's algorithm.
    pub algorithm: Algorithm,
    /// What model of authenticator it says it is in; all zeroes where it does not say.
    pub aaguid: Uuid,
    /// Whether it can be synchronised to other devices (BE); where not it is bound to one device.
    pub backup_eligible: bool,
    /// Whether it is synchronised (BS).
    pub backed_up: bool,
    /// Signature counter; 0 where the authenticator has none.
    pub counter: u32,
    /// Transports by which the browser reached it, as hints for later: `internal`, `usb`, `hybrid`, …
    pub transports: Vec<String>,
    /// Attestation.
    pub attestation: Attestation,
}

/// What an assertion is verified with: the part of a stored key that matters there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyMaterial {
    /// Whose.
    pub user: UserId,
    /// Its id.
    pub credential: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// Whether it can be synchronised, as it said when it was registered.
    pub backup_eligible: bool,
    /// Whether it was synchronised when it was last used.
    pub backed_up: bool,
    /// Signature counter when it was last used.
    pub counter: u32,
    /// Hints for the browser.
    pub transports: Vec<String>,
}

impl Registered {
    /// What assertions by this key of `user` are verified with.
    #[must_use]
    pub fn material(&self, user: UserId) -> KeyMaterial {
        KeyMaterial {
            user,
            credential: self.credential.clone(),
            public_key: self.public_key.clone(),
            backup_eligible: self.backup_eligible,
            backed_up: self.backed_up,
            counter: self.counter,
            transports: self.transports.clone(),
        }
    }
}

/// A ceremony has begun. What is stored until its end is `state` (and, for an assertion, form and nonce), once.
#[derive(Clone, PartialEq, Debug)]
pub struct Begun {
    /// What the page gives to `navigator.credentials.get`: `{"publicKey": {...}}` with byte strings in base64url, as
    /// `PublicKeyCredential.parseRequestOptionsFromJSON` takes it inside `publicKey`.
    pub options: Value,
    /// Opaque; for [`Passkeys::finish_assertion`].
    pub state: String,
    /// What bound the form to the challenge.
    pub nonce: Nonce,
}

/// A key has signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asserted {
    /// Which.
    pub credential: CredentialId,
    /// Its new counter, to be stored.
    pub counter: u32,
    /// Whether it is synchronised now, to be stored.
    pub backed_up: bool,
    /// Evidence: what the authenticator said.
    pub authenticator_data: AuthenticatorData,
    /// Evidence: what the browser said.
    pub client_data: ClientData,
    /// Evidence: the signature over both.
    pub signature: Signature,
}

/// Registers passkeys and verifies what they sign. Pure computation: nothing outside is called and nothing stored.
///
/// The caller stores the state of a begun ceremony with its challenge's end (120 s), takes it away when the ceremony
/// ends, whatever the outcome, and thereby makes it serve once. User verification is always required. Answers are text
/// as the page sent it, `PublicKeyCredential.toJSON()`; whatever it holds leads to an error or to the truth, never to a
/// panic. Origin and rpId come from the configuration.
pub trait Passkeys: Send + Sync + std::fmt::Debug {
    /// The host that keys are made for; a key made for another host does not work here.
    fn rp_id(&self) -> &str;

    /// The origin of the pages on which keys are used.
    fn origin(&self) -> &str;

    /// Begins the registration of a key: what the page gives to `navigator.credentials.create` (`{"publicKey": …}`),
    /// and the state. Authenticators that hold one of `known` refuse.
    fn begin_registration(&self, owner: &Owner, known: &[CredentialId]) -> Result<(Value, String), PasskeyError>;

    /// Ends it.
    fn finish_registration(&self, state: &str, response: &str) -> Result<Registered, PasskeyError>;

    /// Begins an assertion by one of `keys`, all of one user, over `form`.
    fn begin_assertion(&self, keys: &[KeyMaterial], form: &Form) -> Result<Begun, PasskeyError>;

    /// Whether `proof` is still an assertion of `key` over its form: what [`Self::finish_assertion`] said when it was given,
    /// but for the counter and the ceremony, which are over.
    fn verify_again(&self, key: &KeyMaterial, proof: &Proof) -> Result<(), PasskeyError>;

    /// Ends it. `keys` are the keys as they are now: one that was removed meanwhile does not count.
    fn finish_assertion(&self, state: &str, response: &str, keys: &[KeyMaterial]) -> Result<Asserted, PasskeyError>;
}
