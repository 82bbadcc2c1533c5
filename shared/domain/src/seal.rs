//! Seals: what shows that a stored item was written by the function that owns it, and by nobody past it.
//!
//! Whoever can write to the table can write a perfect decision or entitlement. A seal is a keyed hash (HMAC-SHA-256,
//! RFC 2104) over what the item is, where it lies and what it says, with a key that only the owning function and those
//! that verify can read. It says nothing about when: an item that is put back as it once was carries a seal that holds,
//! which the audit trail shows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{CanonicalError, canonical_bytes};

/// What the sealed bytes begin with: the form and its version.
pub const SEAL_TAG: &str = "hourglass/seal/v1";

/// Which key seals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SealKey {
    /// Decisions and what stands behind them: written by approvals.
    Decisions,
    /// Rules: written by admin.
    Policy,
}

impl SealKey {
    /// Both keys.
    pub const ALL: [Self; 2] = [Self::Decisions, Self::Policy];

    /// Its name, the last part of its secret's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Policy => "policy",
        }
    }
}

/// A keyed hash, 32 bytes; 64 hexadecimal characters on the wire. It is no secret, but comparing two of them is the
/// business of whoever has the key, in constant time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mac([u8; 32]);

impl Mac {
    /// These 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// A seal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Which version of the key.
    pub key_id: String,
    /// The keyed hash over [`sealed_bytes`].
    pub mac: Mac,
}

/// Why an item's seal does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealProblem {
    /// There is none.
    #[error("it has no seal")]
    Missing,
    /// What it says belongs under another key of the table.
    #[error("it lies where it does not belong")]
    Elsewhere,
    /// It is not that of any key of ours over this content.
    #[error("its seal does not hold")]
    Broken,
}

impl SealProblem {
    /// Its stable code, in snake case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Elsewhere => "elsewhere",
            Self::Broken => "broken",
        }
    }
}

/// The bytes over which an item's seal is taken: the canonical form (RFC 8785) of the array of [`SEAL_TAG`], its kind,
/// its key in the table (partition, sort) and its value. One part can therefore not run over into the next.
///
/// # Errors
/// As [`canonical_bytes`].
pub fn sealed_bytes<T: Serialize>(kind: &str, key: (&str, &str), value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(|error| CanonicalError::of(&error))?;
    let text = |text: &str| Value::String(text.to_owned());
    canonical_bytes(&[text(SEAL_TAG), text(kind), text(key.0), text(key.1), value])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sealed_bytes_are_written_out() {
        let bytes = sealed_bytes("decision", ("DEC#1", "2"), &json!({"b": 1, "a": ["x", null]})).unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"["hourglass/seal/v1","decision","DEC#1","2",{"a":["x",null],"b":1}]"#
        );
    }

    #[test]
    fn each_part_counts_and_none_runs_over_into_another() {
        let value = json!({"a": 1});
        let all = [
            sealed_bytes("decision", ("DEC#1", "2"), &value).unwrap(),
            sealed_bytes("entitlement", ("DEC#1", "2"), &value).unwrap(),
            sealed_bytes("decision", ("DEC#12", ""), &value).unwrap(),
            sealed_bytes("decision", ("DEC#1", "2\",{\"a\":1}"), &value).unwrap(),
            sealed_bytes("decision", ("DEC#1", "2"), &json!({"a": 2})).unwrap(),
            sealed_bytes("decision", ("DEC#1", "2"), &json!({"a": 1, "b": null})).unwrap(),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_seal_is_read_strictly() {
        let seal = Seal {
            key_id: "k".to_owned(),
            mac: Mac::new([0xab; 32]),
        };
        let text = serde_json::to_value(&seal).unwrap();
        assert_eq!(text, json!({"key_id": "k", "mac": "ab".repeat(32)}));
        assert_eq!(serde_json::from_value::<Seal>(text).unwrap(), seal);
        for bad in ["ab".repeat(31), "ab".repeat(33), "zz".repeat(32)] {
            assert!(serde_json::from_value::<Seal>(json!({"key_id": "k", "mac": bad})).is_err());
        }
        let more = json!({"key_id": "k", "mac": "ab".repeat(32), "alg": "none"});
        assert!(serde_json::from_value::<Seal>(more).is_err());
    }
}
