//! A passkey without a device, for tests: 1Password's `passkey-authenticator` behind the answers of a browser.
//!
//! [`SoftKey`] takes the options that a page would hand to `navigator.credentials` and gives what
//! `PublicKeyCredential.toJSON()` would. It can also be made to lie: [`SoftKey::register_with`] and
//! [`SoftKey::assert_with`] change what browser or authenticator say, and sign the changed content with the real key.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot use its key has failed, wherever it notices"
)]

use std::fmt;

use futures_util::FutureExt as _;
use hourglass_domain::canonical::Digest;
use hourglass_domain::webauthn::{base64url, from_base64url};
use passkey_authenticator::{Authenticator, MemoryStore, UiHint, UserCheck, UserValidationMethod};
use passkey_crypto::SecretKeyT as _;
use passkey_crypto::rust_crypto::{RustCryptoBackend, RustCryptoSecretKey};
use passkey_types::ctap2::{Aaguid, Ctap2Error, get_assertion, make_credential};
use passkey_types::{Passkey, webauthn};
use serde_json::{Map, Value, json};

/// Where the flags lie in authenticator data.
pub const FLAGS: usize = 32;
/// UP.
pub const USER_PRESENT: u8 = 1;
/// UV.
pub const USER_VERIFIED: u8 = 1 << 2;
/// BE and BS.
pub const BACKUP: u8 = 0b1_1000;

/// The person who touches the key, and is verified by it.
struct Holder;

#[async_trait::async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(&self, _: UiHint<'a, Passkey>, _: bool, _: bool) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence: true,
            verification: true,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// An authenticator with any number of passkeys. Cannot be told from a synchronised one unless [`SoftKey::device_bound`]
/// is called.
pub struct SoftKey {
    authenticator: Authenticator<MemoryStore, Holder, RustCryptoBackend>,
    device_bound: bool,
    self_attested: bool,
}

impl fmt::Debug for SoftKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftKey")
            .field("keys", &self.authenticator.store().len())
            .finish()
    }
}

impl Default for SoftKey {
    fn default() -> Self {
        Self::new()
    }
}

/// What browser and authenticator say in a ceremony, before it is signed.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// The credential's id.
    pub id: Vec<u8>,
    /// The user handle, in an assertion.
    pub user_handle: Option<Vec<u8>>,
}

impl Said {
    /// Changes a field of the client data, or adds it.
    pub fn client_field(&mut self, name: &str, value: impl Into<Value>) {
        let mut fields: Map<String, Value> = serde_json::from_slice(&self.client_data).expect("client data is JSON");
        fields.insert(name.to_owned(), value.into());
        self.client_data = serde_json::to_vec(&fields).expect("JSON can be written");
    }

    /// What is signed: the authenticator data, and the hash of the client data.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let hash = Digest::of(&self.client_data);
        [self.authenticator_data.as_slice(), hash.as_bytes()].concat()
    }

    /// The answer of a browser to `navigator.credentials.get`.
    #[must_use]
    pub fn assertion(&self, signature: &[u8]) -> Value {
        let mut answer = json!({
            "id": base64url(&self.id),
            "rawId": base64url(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(&self.client_data),
                "authenticatorData": base64url(&self.authenticator_data),
                "signature": base64url(signature),
            },
        });
        if let Some(handle) = &self.user_handle {
            answer["response"]["userHandle"] = base64url(handle).into();
        }
        answer
    }
}

impl SoftKey {
    /// A new one, without keys. Its keys say that they are synchronised, and count nothing.
    #[must_use]
    pub fn new() -> Self {
        let aaguid = Aaguid(*b"hourglass-soft-1");
        Self {
            authenticator: Authenticator::new(aaguid, MemoryStore::new(), Holder, RustCryptoBackend),
            device_bound: false,
            self_attested: false,
        }
    }

    /// Its keys say that they never leave the device, and count what they sign.
    #[must_use]
    pub fn device_bound(mut self) -> Self {
        self.device_bound = true;
        self.authenticator.set_make_credentials_with_signature_counter(true);
        self
    }

    /// Its keys attest themselves (format `packed`) instead of not at all.
    #[must_use]
    pub const fn self_attested(mut self) -> Self {
        self.self_attested = true;
        self
    }

    /// Makes a key as a page at `origin` asks: `options` is `{"publicKey": {...}}`, the answer what the page sends.
    #[must_use]
    pub fn register(&mut self, options: &Value, origin: &str) -> Value {
        self.register_with(options, origin, |_| ())
    }

    /// The same, with a change before it is attested.
    #[must_use]
    pub fn register_with(&mut self, options: &Value, origin: &str, change: impl FnOnce(&mut Said)) -> Value {
        let asked: webauthn::CredentialCreationOptions =
            serde_json::from_value(options.clone()).expect("options of a registration");
        let asked = asked.public_key;
        let client_data = client_data("webauthn.create", &asked.challenge, origin);
        let request = make_credential::Request {
            client_data_hash: Digest::of(&client_data).as_bytes().to_vec().into(),
            rp: make_credential::PublicKeyCredentialRpEntity {
                id: asked.rp.id.expect("the rpId is always named"),
                name: Some(asked.rp.name),
            },
            user: asked.user,
            pub_key_cred_params: asked.pub_key_cred_params,
            exclude_list: asked.exclude_credentials,
            extensions: None,
            options: make_credential::Options {
                rk: true,
                up: true,
                uv: true,
            },
            pin_auth: None,
            pin_protocol: None,
        };
        let made = self.authenticator.make_credential(request).now_or_never();
        let made = made
            .expect("it never waits")
            .unwrap_or_else(|error| panic!("no key: {error:?}"));
        let id = made
            .auth_data
            .attested_credential_data
            .as_ref()
            .expect("a new key")
            .credential_id()
            .to_vec();
        let mut said = Said {
            client_data,
            authenticator_data: self.with_flags(made.auth_data.to_vec()),
            id,
            user_handle: None,
        };
        let key = said.id.clone();
        change(&mut said);
        let object = if self.self_attested {
            packed(&said.authenticator_data, &self.sign(&key, &said.signed()))
        } else {
            unattested(&said.authenticator_data)
        };
        json!({
            "id": base64url(&said.id),
            "rawId": base64url(&said.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": base64url(&said.client_data),
                "attestationObject": base64url(&object),
                "authenticatorData": base64url(&said.authenticator_data),
                "publicKeyAlgorithm": -7,
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// Signs as a page at `origin` asks: `options` is `{"publicKey": {...}}`, the answer what the page sends. The
    /// signature is the authenticator's own.
    #[must_use]
    pub fn assert(&mut self, options: &Value, origin: &str) -> Value {
        let (said, signature) = self.say(options, origin);
        if self.device_bound {
            // The authenticator knows synchronised keys only: what it said was changed, and has to be signed anew.
            return said.assertion(&self.sign(&said.id, &said.signed()));
        }
        said.assertion(&signature)
    }

    /// The same, with a change before it is signed.
    #[must_use]
    pub fn assert_with(&mut self, options: &Value, origin: &str, change: impl FnOnce(&mut Said)) -> Value {
        let (mut said, _) = self.say(options, origin);
        let key = said.id.clone();
        change(&mut said);
        said.assertion(&self.sign(&key, &said.signed()))
    }

    /// Signs anything with the key of this id.
    #[must_use]
    pub fn sign(&self, id: &[u8], bytes: &[u8]) -> Vec<u8> {
        let key = &self
            .authenticator
            .store()
            .get(id)
            .expect("a key of this authenticator")
            .key;
        let mut key = RustCryptoSecretKey::from_cose_key(key).expect("a key that it made itself");
        key.sign(bytes)
    }

    fn say(&mut self, options: &Value, origin: &str) -> (Said, Vec<u8>) {
        let asked: webauthn::CredentialRequestOptions =
            serde_json::from_value(options.clone()).expect("options of an assertion");
        let asked = asked.public_key;
        let client_data = client_data("webauthn.get", &asked.challenge, origin);
        let request = get_assertion::Request {
            rp_id: asked.rp_id.expect("the rpId is always named"),
            client_data_hash: Digest::of(&client_data).as_bytes().to_vec().into(),
            allow_list: asked.allow_credentials,
            extensions: None,
            options: get_assertion::Options { up: true, uv: true },
            pin_auth: None,
            pin_protocol: None,
        };
        let answer = self.authenticator.get_assertion(request).now_or_never();
        let answer = answer
            .expect("it never waits")
            .unwrap_or_else(|error| panic!("no signature: {error:?}"));
        let said = Said {
            client_data,
            authenticator_data: self.with_flags(answer.auth_data.to_vec()),
            id: answer.credential.expect("the key that signed").id.to_vec(),
            user_handle: answer.user.map(|user| user.id.to_vec()),
        };
        (said, answer.signature.to_vec())
    }

    fn with_flags(&self, mut authenticator_data: Vec<u8>) -> Vec<u8> {
        if self.device_bound {
            authenticator_data[FLAGS] &= !BACKUP;
        }
        authenticator_data
    }
}

/// `clientDataJSON` as browsers write it.
#[must_use]
pub fn client_data(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
    let challenge = base64url(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#).into_bytes()
}

/// The challenge in the options of a ceremony.
#[must_use]
pub fn challenge_of(options: &Value) -> Vec<u8> {
    let text = options["publicKey"]["challenge"].as_str().expect("a challenge");
    from_base64url(text).expect("base64url")
}

/// The head of a CBOR byte string of this length.
fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short");
    let head = match u8::try_from(length) {
        Ok(short @ 0..24) => vec![0x40 | short],
        Ok(byte) => vec![0x58, byte],
        Err(_) => [vec![0x59], length.to_be_bytes().to_vec()].concat(),
    };
    [head.as_slice(), bytes].concat()
}

/// An attestation object with this statement, which is CBOR.
#[must_use]
pub fn attestation_object(format: &str, statement: &[u8], authenticator_data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(format.len()).expect("a short name");
    let mut object = b"\xa3\x63fmt".to_vec();
    object.push(0x60 | length);
    object.extend(format.as_bytes());
    object.extend(b"\x67attStmt");
    object.extend(statement);
    object.extend(b"\x68authData");
    object.extend(byte_string(authenticator_data));
    object
}

/// The attestation object of a key that nothing attests.
#[must_use]
pub fn unattested(authenticator_data: &[u8]) -> Vec<u8> {
    attestation_object("none", &[0xa0], authenticator_data)
}

/// The attestation object of a key that attests itself with ES256.
#[must_use]
pub fn packed(authenticator_data: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut statement = b"\xa2\x63alg\x26\x63sig".to_vec();
    statement.extend(byte_string(signature));
    attestation_object("packed", &statement, authenticator_data)
}
