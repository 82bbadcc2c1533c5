//! The keyed hash itself.

use std::fmt;

use aws_lc_rs::hmac;
use hourglass_domain::seal::{Mac, Seal};
use secrecy::{ExposeSecret as _, SecretString};

/// Fewest characters of a key: 32 of an alphabet of 62 are 190 bits.
const SHORTEST: usize = 32;
/// Longest key that is taken, in characters.
const LONGEST: usize = 4_096;
/// Longest id of a key, in bytes. Those of Secrets Manager are 32 to 64 (API reference, `PutSecretValue`).
pub(crate) const LONGEST_ID: usize = 64;

/// What is stored is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyError(pub &'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

/// One version of a key.
#[derive(Clone)]
pub struct Key {
    id: String,
    key: hmac::Key,
}

impl Key {
    /// The key with this id, from the text of its secret.
    ///
    /// # Errors
    /// When the text is too short to be a key, or too long.
    pub fn new(id: impl Into<String>, text: &SecretString) -> Result<Self, KeyError> {
        let text = text.expose_secret();
        if text.len() < SHORTEST {
            return Err(KeyError("it is too short to be a key"));
        }
        if text.len() > LONGEST {
            return Err(KeyError("it is too long to be a key"));
        }
        Ok(Self {
            id: id.into(),
            key: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals `bytes`.
    #[must_use]
    pub fn seal(&self, bytes: &[u8]) -> Seal {
        let tag = hmac::sign(&self.key, bytes);
        let mut mac = [0; 32];
        // SHA-256 gives 32 bytes; another length would leave a seal that does not hold.
        for (to, from) in mac.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        Seal {
            key_id: self.id.clone(),
            mac: Mac::new(mac),
        }
    }

    /// Whether `seal` is this key's over `bytes`, in constant time.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], seal: &Seal) -> bool {
        seal.key_id == self.id && hmac::verify(&self.key, bytes, seal.mac.as_bytes()).is_ok()
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
