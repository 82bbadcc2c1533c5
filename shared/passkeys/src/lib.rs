//! Passkey ceremonies, by `webauthn-rs-core`.
//!
//! The library draws a challenge of its own and has no setter for it. A decision is bound to its challenge all the same:
//! the library's 32 random bytes are the nonce of [`Form::challenge`], and the challenge that follows takes their place in
//! the options for the browser and, through its serde form, in the library's state ([`state`]). The library then compares
//! as it always does. Its version is pinned, and a test fails when the state looks different.
//!
//! What the library leaves open is closed here ([`CorePasskeys::finish_assertion`]): it looks at `crossOrigin` in
//! registrations only and never at `topOrigin`, takes any spelling of an origin, does not look at the user handle, and reads
//! past what it understands. EdDSA it knows by name but does not verify: keys are made with ES256 or RS256.

mod answer;
mod convert;
mod state;

use std::time::Duration;

use hourglass_app::ports::passkeys::{
    Asserted, Attestation, Begun, CredentialId, KeyMaterial, LONGEST_RESPONSE, Owner, PasskeyError, Passkeys,
    Registered,
};
use hourglass_domain::ids::UserId;
use hourglass_domain::passkey::Proof;
use hourglass_domain::signed::{CHALLENGE_SECONDS, Form};
use hourglass_domain::webauthn::{
    AttestationFields, AuthenticatorData, AuthenticatorDataFields, ClientData, ClientDataFields, KeyFields, PublicKey,
};
use serde_json::{Value, json};
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{AttestationConveyancePreference, COSEAlgorithm, UserVerificationPolicy};

use crate::answer::{AssertionAnswer, RegistrationAnswer};
use crate::convert::{attestation_kind, credential, problem, transport_names};

/// The name of the product, which authenticators show.
const RP_NAME: &str = "Hourglass";
/// The algorithms of new keys, the preferred first: what the library can verify.
const ALGORITHMS: [COSEAlgorithm; 2] = [COSEAlgorithm::ES256, COSEAlgorithm::RS256];

/// The public address cannot be that of pages with passkeys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("passkeys need a public address such as https://access.contoso.example, or http://localhost:8080 on a laptop")]
pub struct AddressError;

/// Ceremonies for one origin.
#[derive(Debug)]
pub struct CorePasskeys {
    core: WebauthnCore,
    rp_id: String,
    origin: String,
}

impl CorePasskeys {
    /// For the pages at `public_url`: its host is the rpId.
    ///
    /// # Errors
    /// When it is not the origin of a secure context (Secure Contexts section 3.1: https, or `localhost`), or its host is
    /// an address: rpIds are domains.
    pub fn new(public_url: &str) -> Result<Self, AddressError> {
        let url = Url::parse(public_url).map_err(|_| AddressError)?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err(AddressError);
        };
        let secure = url.scheme() == "https" || (url.scheme() == "http" && host == "localhost");
        if !secure || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError);
        }
        let timeout = Duration::from_secs(CHALLENGE_SECONDS.unsigned_abs());
        let origins = vec![url.clone()];
        Ok(Self {
            core: WebauthnCore::new_unsafe_experts_only(RP_NAME, host, origins, timeout, Some(false), Some(false)),
            rp_id: host.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// The rules for client data on which the library is silent.
    fn check_client_data(&self, data: &ClientData) -> Result<(), PasskeyError> {
        let fields = ClientDataFields::read(data).ok_or(PasskeyError::Malformed)?;
        if fields.is_cross_origin() {
            return Err(PasskeyError::CrossOrigin);
        }
        if fields.origin != self.origin {
            return Err(PasskeyError::WrongOrigin);
        }
        Ok(())
    }
}

impl Passkeys for CorePasskeys {
    fn rp_id(&self) -> &str {
        &self.rp_id
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn begin_registration(&self, owner: &Owner, known: &[CredentialId]) -> Result<(Value, String), PasskeyError> {
        let handle = handle(owner.user);
        let builder = self
            .core
            .new_challenge_register_builder(&handle, &owner.name, &owner.display_name)
            .map_err(|error| problem(&error))?
            .attestation(AttestationConveyancePreference::Direct)
            .user_verification_policy(UserVerificationPolicy::Required)
            .credential_algorithms(ALGORITHMS.to_vec())
            .exclude_credentials(Some(known.iter().map(|id| id.as_bytes().to_vec()).collect()));
        let (options, ceremony) = self
            .core
            .generate_challenge_register(builder)
            .map_err(|error| problem(&error))?;
        let mut options = serde_json::to_value(&options).map_err(|_| PasskeyError::BadState)?;
        // The library knows "required" and "discouraged"; a key that can be discovered is welcome and not needed.
        let selection = options.pointer_mut("/publicKey/authenticatorSelection");
        let selection = selection.and_then(Value::as_object_mut).ok_or(PasskeyError::BadState)?;
        selection.insert("residentKey".to_owned(), json!("preferred"));
        let state = state::Registration {
            user: owner.user,
            known: known.to_vec(),
            ceremony,
        };
        Ok((options, state.write()?))
    }

    fn finish_registration(&self, state: &str, response: &str) -> Result<Registered, PasskeyError> {
        check_length(response)?;
        let state = state::Registration::read(state)?;
        let answer: RegistrationAnswer = serde_json::from_str(response).map_err(|_| PasskeyError::Malformed)?;
        let (id, parts) = answer.check()?;
        if state.known.contains(id) {
            return Err(PasskeyError::AlreadyRegistered);
        }
        // Everything that is kept is read by our own strict readers; the library has to read the same.
        let object = AttestationFields::read(&parts.attestation_object).ok_or(PasskeyError::Malformed)?;
        let said = AuthenticatorData::new(object.authenticator_data).map_err(|_| PasskeyError::Malformed)?;
        let said = AuthenticatorDataFields::read(&said).ok_or(PasskeyError::Malformed)?;
        let attested = said.attested.as_ref().ok_or(PasskeyError::Malformed)?;
        let public_key = PublicKey::new(attested.public_key).map_err(|_| PasskeyError::Malformed)?;
        let algorithm = KeyFields::read(&public_key)
            .ok_or(PasskeyError::UnknownAlgorithm)?
            .algorithm();
        let verified = self
            .core
            .register_credential(&answer.for_library(), &state.ceremony, None)
            .map_err(|error| problem(&error))?;
        self.check_client_data(&parts.client_data)?;
        let same = attested.id == id.as_bytes()
            && verified.cred_id == attested.id
            && verified.cred == credential(&kept(state.user, id, &public_key))?.cred
            && verified.counter == said.counter
            && (verified.backup_eligible, verified.backup_state) == (said.backup_eligible, said.backed_up);
        if !same {
            return Err(PasskeyError::Malformed);
        }
        Ok(Registered {
            credential: id.clone(),
            algorithm,
            aaguid: Uuid::from_bytes(attested.aaguid),
            backup_eligible: said.backup_eligible,
            backed_up: said.backed_up,
            counter: said.counter,
            transports: transport_names(&parts.transports),
            attestation: Attestation {
                kind: attestation_kind(&verified.attestation.data)?,
                format: object.format.to_owned(),
                object: parts.attestation_object.clone(),
                client_data: parts.client_data.clone(),
            },
            public_key,
        })
    }

    fn begin_assertion(&self, keys: &[KeyMaterial], form: &Form) -> Result<Begun, PasskeyError> {
        let user = keys.first().ok_or(PasskeyError::NoKeys)?.user;
        if keys.iter().any(|key| key.user != user) {
            return Err(PasskeyError::WrongUser);
        }
        let credentials = keys.iter().map(credential).collect::<Result<Vec<_>, _>>()?;
        let builder = self
            .core
            .new_challenge_authenticate_builder(credentials, Some(UserVerificationPolicy::Required))
            .map_err(|error| problem(&error))?;
        let (mut options, ceremony) = self
            .core
            .generate_challenge_authenticate(builder)
            .map_err(|error| problem(&error))?;
        let (nonce, challenge, state) = state::Assertion::bind(user, &options.public_key.challenge, ceremony, form)?;
        options.public_key.challenge = challenge.as_bytes().to_vec();
        Ok(Begun {
            options: serde_json::to_value(&options).map_err(|_| PasskeyError::BadState)?,
            state,
            nonce,
        })
    }

    fn verify_again(&self, key: &KeyMaterial, proof: &Proof) -> Result<(), PasskeyError> {
        let form = Form::from_bytes(proof.form.as_bytes()).map_err(|_| PasskeyError::Malformed)?;
        // The counter of then was compared then; since, the key has counted on.
        let key = KeyMaterial {
            counter: 0,
            ..key.clone()
        };
        let builder = self
            .core
            .new_challenge_authenticate_builder(vec![credential(&key)?], Some(UserVerificationPolicy::Required))
            .map_err(|error| problem(&error))?;
        let (options, ceremony) = self
            .core
            .generate_challenge_authenticate(builder)
            .map_err(|error| problem(&error))?;
        // The nonce of then in the place of what the library has drawn makes the challenge of then.
        let drawn = &options.public_key.challenge;
        let (_, state) = state::Assertion::bind_to(key.user, drawn, proof.nonce, ceremony, &form)?;
        let id = key.credential.to_string();
        let response = json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": proof.client_data,
                "authenticatorData": proof.authenticator_data,
                "signature": proof.signature,
            },
        });
        self.finish_assertion(&state, &response.to_string(), &[key]).map(drop)
    }

    fn finish_assertion(&self, state: &str, response: &str, keys: &[KeyMaterial]) -> Result<Asserted, PasskeyError> {
        check_length(response)?;
        let mut state = state::Assertion::read(state)?;
        let answer: AssertionAnswer = serde_json::from_str(response).map_err(|_| PasskeyError::Malformed)?;
        let (id, parts) = answer.check()?;
        let key = keys.iter().find(|key| key.credential == *id);
        let key = key.ok_or(PasskeyError::UnknownCredential)?;
        // Whose key it is was known before the ceremony; what the authenticator says about it must not differ.
        if key.user != state.user || parts.user_handle()?.is_some_and(|said| said != handle(key.user)) {
            return Err(PasskeyError::WrongUser);
        }
        let said = AuthenticatorDataFields::read(&parts.authenticator_data).ok_or(PasskeyError::Malformed)?;
        if said.attested.is_some() {
            return Err(PasskeyError::Malformed);
        }
        state.ceremony.set_allowed_credentials(vec![credential(key)?]);
        let result = self
            .core
            .authenticate_credential(&answer.for_library(), &state.ceremony)
            .map_err(|error| problem(&error))?;
        self.check_client_data(&parts.client_data)?;
        if result.cred_id() != id.as_bytes() || !result.user_verified() || result.counter() != said.counter {
            return Err(PasskeyError::Refused);
        }
        Ok(Asserted {
            credential: id.clone(),
            counter: said.counter,
            backed_up: said.backed_up,
            authenticator_data: parts.authenticator_data.clone(),
            client_data: parts.client_data.clone(),
            signature: parts.signature.clone(),
        })
    }
}

fn check_length(response: &str) -> Result<(), PasskeyError> {
    if response.len() > LONGEST_RESPONSE {
        Err(PasskeyError::TooLarge)
    } else {
        Ok(())
    }
}

/// The user handle: the 16 bytes of the id.
fn handle(user: UserId) -> Vec<u8> {
    user.uuid().as_bytes().to_vec()
}

/// A key as it would be kept, to compare what the library made of it.
fn kept(user: UserId, id: &CredentialId, public_key: &PublicKey) -> KeyMaterial {
    KeyMaterial {
        user,
        credential: id.clone(),
        public_key: public_key.clone(),
        backup_eligible: false,
        backed_up: false,
        counter: 0,
        transports: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rp_id_is_the_host_of_a_secure_origin() {
        let rp = |url: &str| CorePasskeys::new(url).map(|made| (made.rp_id, made.origin));
        assert_eq!(
            rp("https://access.contoso.example"),
            Ok((
                "access.contoso.example".to_owned(),
                "https://access.contoso.example".to_owned()
            ))
        );
        assert_eq!(
            rp("http://localhost:8080"),
            Ok(("localhost".to_owned(), "http://localhost:8080".to_owned()))
        );
        for bad in [
            "",
            "access.contoso.example",
            "http://access.contoso.example",
            "https://192.0.2.1",
            "http://127.0.0.1:8080",
            "https://access.contoso.example/path",
            "https://access.contoso.example/?q",
            "ftp://localhost",
        ] {
            assert_eq!(rp(bad), Err(AddressError), "{bad}");
        }
    }
}
