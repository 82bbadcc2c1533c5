//! Signed checkpoints: what fixes the audit streams in time, so that a stream that was cut or written anew shows.
//!
//! `docs/signed-forms.md` ("Checkpoints") specifies them byte by byte. They are numbered and linked; each names the heads
//! of the streams that changed since the one before it. Signing is done elsewhere, with a key that those who write
//! events cannot use.

use serde::{Deserialize, Serialize};

use crate::audit::Head;
use crate::canonical::{CanonicalError, Digest, canonical_bytes};
use crate::time::Timestamp;
use crate::webauthn::Signature;

/// Longest checkpoint in bytes: about 300,000 changed streams.
pub const LONGEST_CHECKPOINT: usize = 64 * 1024 * 1024;

/// What the object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum CheckpointKind {
    /// The only version there is.
    #[serde(rename = "hourglass/checkpoint/v1")]
    V1,
}

/// What is signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// What the object is.
    pub checkpoint: CheckpointKind,
    /// 1, 2, 3, … without gaps.
    pub number: u64,
    /// [`Checkpoint::hash`] of the one before it; [`Checkpoint::start`] for the first.
    pub previous: Digest,
    /// Every event up to this instant is covered by this checkpoint or an earlier one.
    pub at: Timestamp,
    /// The heads of the streams that changed since the one before it, sorted by stream.
    pub streams: Vec<Head>,
}

/// A checkpoint and its signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub body: Checkpoint,
    /// Over the canonical bytes of the body: Ed25519 (64 bytes), or ECDSA P-256 with SHA-256 (DER).
    pub signature: Signature,
}

/// The bytes are not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: {0}")]
pub struct CheckpointError(String);

impl Checkpoint {
    /// What the first checkpoint names as the one before it.
    #[must_use]
    pub fn start() -> Digest {
        Digest::of(b"hourglass/checkpoint/v1")
    }

    /// The canonical bytes: what is signed.
    ///
    /// # Errors
    /// When a number is beyond 2^53.
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical_bytes(self)
    }

    /// SHA-256 of the canonical bytes.
    ///
    /// # Errors
    /// As [`Checkpoint::bytes`].
    pub fn hash(&self) -> Result<Digest, CanonicalError> {
        self.bytes().map(|bytes| Digest::of(&bytes))
    }
}

impl SignedCheckpoint {
    /// Its bytes.
    ///
    /// # Errors
    /// As [`Checkpoint::bytes`].
    pub fn bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical_bytes(self)
    }

    /// Reads one. The signature is not verified here.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`SignedCheckpoint::bytes`] gives, or the streams are not sorted, each once.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let refused = |why: &str| CheckpointError(why.to_owned());
        if bytes.len() > LONGEST_CHECKPOINT {
            return Err(refused("too long"));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|error| refused(&error.to_string()))?;
        if read.bytes().ok().as_deref() != Some(bytes) {
            return Err(refused("not in canonical form"));
        }
        let names = read.body.streams.iter().map(|head| &head.stream);
        if !names.is_sorted_by(|one, other| one < other) {
            return Err(refused("its streams are not sorted, each once"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::StreamId;
    use crate::ids::{RequestId, UserId};

    fn signed(streams: Vec<Head>) -> SignedCheckpoint {
        SignedCheckpoint {
            body: Checkpoint {
                checkpoint: CheckpointKind::V1,
                number: 1,
                previous: Checkpoint::start(),
                at: Timestamp::from_seconds(1_795_340_000),
                streams,
            },
            signature: Signature::new([1; 64]).unwrap(),
        }
    }

    fn heads() -> Vec<Head> {
        let id = "01938f5c-7e00-7000-8000-000000000042";
        let request: RequestId = id.parse().unwrap();
        let user: UserId = id.parse().unwrap();
        let application = "contoso.example".parse().unwrap();
        vec![
            Head::start(StreamId::request(request)),
            Head::start(StreamId::user(&application, user)),
        ]
    }

    #[test]
    fn a_checkpoint_is_read_back_from_its_bytes_and_from_no_others() {
        let bytes = signed(heads()).bytes().unwrap();
        assert_eq!(SignedCheckpoint::from_bytes(&bytes), Ok(signed(heads())));
        let text = String::from_utf8(bytes).unwrap();
        for other in [
            format!("{text}\n"),
            text.replacen('{', "{\"a\":1,", 1),
            text.replace("\"number\":1", "\"number\":01"),
            text.replace("checkpoint/v1", "checkpoint/v2"),
        ] {
            assert!(SignedCheckpoint::from_bytes(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn streams_are_sorted_and_named_once() {
        let [request, user] = <[Head; 2]>::try_from(heads()).unwrap();
        for streams in [vec![user.clone(), request.clone()], vec![user.clone(), user]] {
            let bytes = signed(streams).bytes().unwrap();
            assert!(SignedCheckpoint::from_bytes(&bytes).is_err());
        }
    }
}
