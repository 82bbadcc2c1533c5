//! Words of WebAuthn that records, signed forms and exported files share: byte strings with bounds, the algorithms that
//! we accept, and the name of each check that a ceremony can fail.
//!
//! Byte strings are base64url without padding wherever they are text (RFC 4648 section 5), and each has exactly one
//! spelling: padding, other alphabets and trailing bits that are not zero are refused.

mod cbor;
mod read;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub use read::{
    AttestationFields, AttestedCredential, AuthenticatorDataFields, ClientDataFields, KeyFields, PackedStatement,
    RSA_EXPONENT,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `bytes` in base64url without padding.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a text in base64url; `None` for padding, other characters, and trailing bits that are not zero.
#[must_use]
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The text is not a byte string of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {kind} in base64url without padding")]
pub struct BytesError {
    /// What was expected, in words.
    pub kind: &'static str,
}

macro_rules! byte_string {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $least:literal..=$most:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Vec<u8>);

        impl $name {
            /// Most bytes.
            pub const MOST: usize = $most;

            /// # Errors
            /// When there are too few or too many bytes.
            pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BytesError> {
                let bytes = bytes.into();
                if ($least..=$most).contains(&bytes.len()) {
                    Ok(Self(bytes))
                } else {
                    Err(BytesError { kind: $kind })
                }
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BytesError;

            fn from_str(text: &str) -> Result<Self, BytesError> {
                // Four characters hold three bytes: what is longer is not even decoded.
                if text.len() > $most * 4 / 3 + 1 {
                    return Err(BytesError { kind: $kind });
                }
                let bytes = from_base64url(text).ok_or(BytesError { kind: $kind })?;
                Self::new(bytes)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_string!(
    /// The id of a passkey, given by its authenticator (Web Authentication Level 3, "Credential ID": at most 1023
    /// bytes).
    CredentialId, "a credential id", 1..=1023
);
byte_string!(
    /// A public key as the authenticator wrote it: a COSE key in CBOR (RFC 9052 section 7), with its algorithm. The
    /// longest that we take, RSA with 4096 bits, needs about 530 bytes.
    PublicKey, "a COSE public key", 1..=1024
);
byte_string!(
    /// What the authenticator says about itself and the ceremony (Web Authentication Level 3 section 6.1): at least the
    /// 37 bytes of rpId hash, flags and counter.
    AuthenticatorData, "authenticator data", 37..=4096
);
byte_string!(
    /// What the browser says about the ceremony: the bytes of `clientDataJSON`.
    ClientData, "client data", 2..=4096
);
byte_string!(
    /// An assertion's signature.
    Signature, "a signature", 1..=1024
);
byte_string!(
    /// The attestation object of a registration, whole.
    AttestationObject, "an attestation object", 1..=12288
);

/// The signature algorithms that we accept, by their names in the IANA registry "COSE Algorithms".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256 (-7).
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (-8 with curve 6).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (-257).
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// All of them, the preferred first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// Its number in the IANA registry.
    #[must_use]
    pub const fn cose(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Rs256 => -257,
        }
    }

    /// Its name in the IANA registry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

/// Which check a ceremony failed. The texts are for the person who holds the key; none tells what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum PasskeyError {
    /// More bytes than any authenticator sends.
    #[error("the answer is too long")]
    TooLarge,
    /// Not the structure that a browser sends.
    #[error("the answer cannot be read")]
    Malformed,
    /// An answer to another kind of ceremony.
    #[error("the answer belongs to another kind of ceremony")]
    WrongType,
    /// An answer to another challenge.
    #[error("the answer belongs to another challenge")]
    WrongChallenge,
    /// Made on another web page.
    #[error("the answer was made on another origin")]
    WrongOrigin,
    /// Made in a frame of another web page.
    #[error("the answer was made inside a page of another origin")]
    CrossOrigin,
    /// Made for another host.
    #[error("the answer was made for another host")]
    WrongRp,
    /// Nobody touched the authenticator.
    #[error("the authenticator did not ask for presence")]
    UserNotPresent,
    /// The authenticator did not check who touched it.
    #[error("the authenticator did not verify the person by PIN or biometrics")]
    UserNotVerified,
    /// A key that is not among those asked for.
    #[error("the key is not one of those that were asked for")]
    UnknownCredential,
    /// The key belongs to somebody else.
    #[error("the key belongs to another account")]
    WrongUser,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// An algorithm, or parameters of a key, that we do not accept.
    #[error("the key's algorithm is not accepted")]
    UnknownAlgorithm,
    /// A device-bound key counted backwards: it may have been copied.
    #[error("the key's counter went back, as that of a copied key would")]
    CounterWentBack,
    /// A key that could not be synchronised can, or the other way round.
    #[error("the key contradicts what it said about backups when it was registered")]
    BackupChanged,
    /// The attestation contradicts the key that it comes with.
    #[error("the authenticator's attestation does not verify")]
    BadAttestation,
    /// The key is registered already.
    #[error("the key is registered already")]
    AlreadyRegistered,
    /// The stored half of the ceremony cannot be read, or is of another kind.
    #[error("the ceremony cannot be continued; begin again")]
    BadState,
    /// There is no key to ask for.
    #[error("there is no key to ask for")]
    NoKeys,
    /// The ceremony failed a check that has no name of its own.
    #[error("the ceremony was refused")]
    Refused,
}

impl PasskeyError {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::WrongType => "wrong-type",
            Self::WrongChallenge => "wrong-challenge",
            Self::WrongOrigin => "wrong-origin",
            Self::CrossOrigin => "cross-origin",
            Self::WrongRp => "wrong-rp",
            Self::UserNotPresent => "user-not-present",
            Self::UserNotVerified => "user-not-verified",
            Self::UnknownCredential => "unknown-credential",
            Self::WrongUser => "wrong-user",
            Self::BadSignature => "bad-signature",
            Self::UnknownAlgorithm => "unknown-algorithm",
            Self::CounterWentBack => "counter-went-back",
            Self::BackupChanged => "backup-changed",
            Self::BadAttestation => "bad-attestation",
            Self::AlreadyRegistered => "already-registered",
            Self::BadState => "bad-state",
            Self::NoKeys => "no-keys",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_string_has_one_text() {
        let id: CredentialId = "AQ".parse().unwrap();
        assert_eq!(id.as_bytes(), [1]);
        assert_eq!(id.to_string(), "AQ");
        for bad in ["", "AR", "AQ==", "A", "AQ\n", "+/8A", " AQ", &"A".repeat(2000)] {
            assert!(bad.parse::<CredentialId>().is_err(), "{bad}");
        }
        let longest = CredentialId::new(vec![7; CredentialId::MOST]).unwrap();
        assert_eq!(longest.to_string().parse::<CredentialId>(), Ok(longest));
        assert!(CredentialId::new(vec![7; CredentialId::MOST + 1]).is_err());
        assert!(AuthenticatorData::new(vec![0; 36]).is_err());
    }

    #[test]
    fn the_code_is_the_name_on_the_wire() {
        for error in [
            PasskeyError::WrongRp,
            PasskeyError::CounterWentBack,
            PasskeyError::NoKeys,
        ] {
            assert_eq!(serde_json::to_value(error).unwrap(), error.code());
        }
    }
}
