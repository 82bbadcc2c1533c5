//! A decision as a file that somebody else can verify, without us and years later.
//!
//! The file is one canonical JSON object (`docs/signed-forms.md`, "The decision file"). It has exactly one spelling, and
//! a digest over all of it, so that every changed byte shows, also in the parts that no signature covers. The digest
//! protects from accidents; what protects from forgers is the signature, and the audit stream that says whose the key is.

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, Digest, canonical_bytes, canonical_hash};
use crate::ids::UserId;
use crate::passkey::Proof;
use crate::signed::{Form, Nonce};
use crate::time::Timestamp;
use crate::webauthn::{AttestationObject, AuthenticatorData, ClientData, CredentialId, PublicKey, Signature};

/// Longest file in bytes: the largest form and the largest attestation fit twice.
pub const LONGEST_FILE: usize = 64 * 1024;

/// What the file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileKind {
    /// The only version there is.
    #[serde(rename = "hourglass/decision-file/v1")]
    V1,
}

/// The key that signed, and how it was registered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileKey {
    /// Whose: our id, which names the person's audit stream.
    pub user: UserId,
    /// Its id.
    pub credential: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// The attestation object of its registration.
    pub attestation: AttestationObject,
    /// The client data of its registration.
    pub attestation_client_data: ClientData,
}

/// What was signed around the form, and the signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileAssertion {
    /// What the authenticator said.
    pub authenticator_data: AuthenticatorData,
    /// What the browser said.
    pub client_data: ClientData,
    /// The signature over both.
    pub signature: Signature,
}

/// Everything in the file but its digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DecisionContent {
    /// What the file is.
    pub file: FileKind,
    /// What was decided.
    pub form: Form,
    /// What bound it to the challenge.
    pub nonce: Nonce,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The host that the key was made for.
    pub rp_id: String,
    /// The origin of the page.
    pub origin: String,
    /// The key.
    pub key: FileKey,
    /// The signature.
    pub assertion: FileAssertion,
}

impl DecisionContent {
    /// The content of the file of a decision that was made at `decided_at` with `proof`, on the page of `origin`.
    ///
    /// # Errors
    /// When what was signed is no form, or another key signed it.
    pub fn of(
        proof: &Proof,
        decided_at: Timestamp,
        (rp_id, origin): (&str, &str),
        key: FileKey,
    ) -> Result<Self, FileError> {
        if key.credential != proof.credential {
            return Err(FileError::Malformed("another key signed".to_owned()));
        }
        let form = Form::from_bytes(proof.form.as_bytes());
        Ok(Self {
            file: FileKind::V1,
            form: form.map_err(|error| FileError::Malformed(error.to_string()))?,
            nonce: proof.nonce,
            decided_at,
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            key,
            assertion: FileAssertion {
                authenticator_data: proof.authenticator_data.clone(),
                client_data: proof.client_data.clone(),
                signature: proof.signature.clone(),
            },
        })
    }
}

/// The file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DecisionFile {
    /// What it holds.
    #[serde(flatten)]
    content: DecisionContent,
    /// SHA-256 of the canonical bytes of the content.
    digest: Digest,
}

/// The bytes are not a decision file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Too long.
    #[error("longer than {LONGEST_FILE} bytes")]
    TooLong,
    /// Not the structure of a decision file.
    #[error("not a decision file: {0}")]
    Malformed(String),
    /// The right content in another spelling.
    #[error("not in canonical form: the file was changed, if only in white space")]
    NotCanonical,
    /// The digest does not fit the content.
    #[error("the file's digest does not fit its content: the file was changed")]
    Changed,
}

impl DecisionFile {
    /// The file of `content`.
    ///
    /// # Errors
    /// When a number in it is beyond ±2^53.
    pub fn new(content: DecisionContent) -> Result<Self, CanonicalError> {
        let digest = canonical_hash(&content)?;
        Ok(Self { content, digest })
    }

    /// What it holds.
    #[must_use]
    pub const fn content(&self) -> &DecisionContent {
        &self.content
    }

    /// Its bytes.
    ///
    /// # Errors
    /// As [`DecisionFile::new`].
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical_bytes(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the bytes are anything but what [`DecisionFile::bytes`] gives for some content.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > LONGEST_FILE {
            return Err(FileError::TooLong);
        }
        let malformed = |error: &dyn std::fmt::Display| FileError::Malformed(error.to_string());
        let file: Self = serde_json::from_slice(bytes).map_err(|error| malformed(&error))?;
        if file.bytes().map_err(|error| malformed(&error))? != bytes {
            return Err(FileError::NotCanonical);
        }
        let digest = canonical_hash(&file.content).map_err(|error| malformed(&error))?;
        if digest != file.digest {
            return Err(FileError::Changed);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::tests::decision;
    use proptest::prelude::*;

    fn file() -> DecisionFile {
        DecisionFile::new(DecisionContent {
            file: FileKind::V1,
            form: Form::Decision(decision()),
            nonce: Nonce::new([7; 32]),
            decided_at: Timestamp::from_millis(1_795_340_000_123),
            rp_id: "access.contoso.example".to_owned(),
            origin: "https://access.contoso.example".to_owned(),
            key: FileKey {
                user: "01938f5c-7e00-7000-8000-000000000042".parse().unwrap(),
                credential: CredentialId::new([1, 2, 3]).unwrap(),
                public_key: PublicKey::new([4; 77]).unwrap(),
                attestation: AttestationObject::new([5; 200]).unwrap(),
                attestation_client_data: ClientData::new("{}").unwrap(),
            },
            assertion: FileAssertion {
                authenticator_data: AuthenticatorData::new([6; 37]).unwrap(),
                client_data: ClientData::new("{}").unwrap(),
                signature: Signature::new([7; 70]).unwrap(),
            },
        })
        .unwrap()
    }

    #[test]
    fn a_file_is_read_back_and_every_changed_byte_shows() {
        let bytes = file().bytes().unwrap();
        assert_eq!(DecisionFile::from_bytes(&bytes).unwrap(), file());
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[index] ^= 1 << bit;
                assert!(DecisionFile::from_bytes(&changed).is_err(), "bit {bit} of byte {index}");
            }
            let mut longer = bytes.clone();
            longer.insert(index, b' ');
            assert!(DecisionFile::from_bytes(&longer).is_err(), "a blank at {index}");
            let mut shorter = bytes.clone();
            shorter.remove(index);
            assert!(DecisionFile::from_bytes(&shorter).is_err(), "without byte {index}");
        }
        assert!(DecisionFile::from_bytes(&[bytes.as_slice(), b"\n"].concat()).is_err());
        assert_eq!(
            DecisionFile::from_bytes(&vec![b' '; LONGEST_FILE + 1]),
            Err(FileError::TooLong)
        );
    }

    #[test]
    fn a_file_holds_what_was_proved_with_its_own_key() {
        let content = file().content().clone();
        let proof = Proof {
            credential: content.key.credential.clone(),
            form: String::from_utf8(content.form.bytes().unwrap()).unwrap(),
            nonce: content.nonce,
            authenticator_data: content.assertion.authenticator_data.clone(),
            client_data: content.assertion.client_data.clone(),
            signature: content.assertion.signature.clone(),
        };
        let site = (content.rp_id.as_str(), content.origin.as_str());
        let of = |proof: &Proof| DecisionContent::of(proof, content.decided_at, site, content.key.clone());
        assert_eq!(of(&proof).unwrap(), content);
        let other_key = Proof {
            credential: CredentialId::new([9]).unwrap(),
            ..proof.clone()
        };
        assert!(of(&other_key).is_err());
        let no_form = Proof {
            form: proof.form.replacen('{', "{ ", 1),
            ..proof
        };
        assert!(of(&no_form).is_err());
    }

    #[test]
    fn fields_that_are_unknown_or_come_twice_are_refused() {
        let text = String::from_utf8(file().bytes().unwrap()).unwrap();
        for (from, to) in [
            ("{\"assertion\"", "{\"a\":1,\"assertion\""),
            ("\"nonce\":", "\"nonce\":\"\",\"nonce\":"),
            ("\"origin\":", "\"nothing\":null,\"origin\":"),
            ("{\"attestation\":", "{\"aaa\":0,\"attestation\":"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(
                DecisionFile::from_bytes(text.replacen(from, to, 1).as_bytes()).is_err(),
                "{to}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = DecisionFile::from_bytes(&bytes);
        }
    }
}
