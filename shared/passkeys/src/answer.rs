//! What a page sends: `PublicKeyCredential.toJSON()` (Web Authentication Level 3 section 5.1), read strictly where it is
//! kept or compared. Fields that are not listed are ignored: browsers add some.

use hourglass_app::ports::passkeys::PasskeyError;
use hourglass_domain::webauthn::{
    AttestationObject, AuthenticatorData, ClientData, CredentialId, Signature, from_base64url,
};
use serde::Deserialize;
use webauthn_rs_core::proto::{
    AuthenticatorAssertionResponseRaw, AuthenticatorAttestationResponseRaw, PublicKeyCredential,
    RegisterPublicKeyCredential,
};

use crate::convert::transports;

/// The only type of credential there is.
const KIND: &str = "public-key";
/// Most transports that are read; six are known.
const MOST_TRANSPORTS: usize = 8;

/// The answer to a registration.
#[derive(Debug, Deserialize)]
pub(crate) struct RegistrationAnswer {
    id: CredentialId,
    #[serde(rename = "rawId")]
    raw_id: CredentialId,
    #[serde(rename = "type")]
    kind: String,
    response: RegistrationParts,
}

/// What the new key comes with.
#[derive(Debug, Deserialize)]
pub(crate) struct RegistrationParts {
    #[serde(rename = "attestationObject")]
    pub(crate) attestation_object: AttestationObject,
    #[serde(rename = "clientDataJSON")]
    pub(crate) client_data: ClientData,
    #[serde(default)]
    pub(crate) transports: Vec<String>,
}

impl RegistrationAnswer {
    /// The id and the parts of an answer that does not contradict itself.
    pub(crate) fn check(&self) -> Result<(&CredentialId, &RegistrationParts), PasskeyError> {
        if self.id != self.raw_id || self.kind != KIND || self.response.transports.len() > MOST_TRANSPORTS {
            return Err(PasskeyError::Malformed);
        }
        Ok((&self.id, &self.response))
    }

    /// The same for the library.
    pub(crate) fn for_library(&self) -> RegisterPublicKeyCredential {
        RegisterPublicKeyCredential {
            id: self.id.to_string(),
            raw_id: self.raw_id.as_bytes().to_vec(),
            response: AuthenticatorAttestationResponseRaw {
                attestation_object: self.response.attestation_object.as_bytes().to_vec(),
                client_data_json: self.response.client_data.as_bytes().to_vec(),
                transports: transports(&self.response.transports),
            },
            type_: self.kind.clone(),
            extensions: Default::default(),
        }
    }
}

/// The answer to an assertion.
#[derive(Debug, Deserialize)]
pub(crate) struct AssertionAnswer {
    id: CredentialId,
    #[serde(rename = "rawId")]
    raw_id: CredentialId,
    #[serde(rename = "type")]
    kind: String,
    response: AssertionParts,
}

/// What was signed, and the signature.
#[derive(Debug, Deserialize)]
pub(crate) struct AssertionParts {
    #[serde(rename = "authenticatorData")]
    pub(crate) authenticator_data: AuthenticatorData,
    #[serde(rename = "clientDataJSON")]
    pub(crate) client_data: ClientData,
    pub(crate) signature: Signature,
    #[serde(rename = "userHandle", default)]
    user_handle: Option<String>,
}

impl AssertionParts {
    /// The user handle, where the authenticator gave one.
    pub(crate) fn user_handle(&self) -> Result<Option<Vec<u8>>, PasskeyError> {
        match self.user_handle.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => from_base64url(text).map(Some).ok_or(PasskeyError::Malformed),
        }
    }
}

impl AssertionAnswer {
    /// The id and the parts of an answer that does not contradict itself.
    pub(crate) fn check(&self) -> Result<(&CredentialId, &AssertionParts), PasskeyError> {
        if self.id != self.raw_id || self.kind != KIND {
            return Err(PasskeyError::Malformed);
        }
        Ok((&self.id, &self.response))
    }

    /// The same for the library.
    pub(crate) fn for_library(&self) -> PublicKeyCredential {
        PublicKeyCredential {
            id: self.id.to_string(),
            raw_id: self.raw_id.as_bytes().to_vec(),
            response: AuthenticatorAssertionResponseRaw {
                authenticator_data: self.response.authenticator_data.as_bytes().to_vec(),
                client_data_json: self.response.client_data.as_bytes().to_vec(),
                signature: self.response.signature.as_bytes().to_vec(),
                user_handle: None,
            },
            extensions: Default::default(),
            type_: self.kind.clone(),
        }
    }
}
