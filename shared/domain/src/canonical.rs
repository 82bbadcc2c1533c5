//! The canonical form of a JSON value, over which hashes and signatures are taken.
//!
//! It is the JSON Canonicalization Scheme (RFC 8785) restricted to what we hash: objects, arrays, strings, booleans,
//! null and integers within ±2^53. Fractions are refused, which spares the only hard part of the scheme (number
//! formatting); hence our own few lines instead of a library. Keys sort by UTF-16 code units as section 3.2.3 asks.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest; 64 hexadecimal characters on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 in hexadecimal")]
pub struct DigestError;

impl std::str::FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError)?;
        Ok(Self(bytes))
    }
}

/// The value has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no canonical form: {0}")]
pub struct CanonicalError(String);

impl CanonicalError {
    /// The value has no JSON form.
    pub(crate) fn of(error: &serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// The canonical bytes of `value`.
///
/// # Errors
/// When `value` does not serialise to JSON or holds a number that is not an integer within ±2^53.
pub fn canonical_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value).map_err(|error| CanonicalError::of(&error))?;
    let mut out = Vec::new();
    write_value(&mut out, &value)?;
    Ok(out)
}

/// SHA-256 of the canonical bytes.
///
/// # Errors
/// As [`canonical_bytes`].
pub fn canonical_hash<T: Serialize>(value: &T) -> Result<Digest, CanonicalError> {
    canonical_bytes(value).map(|bytes| Digest::of(&bytes))
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            const EXACT: i64 = 1 << 53;
            let integer = number.as_i64().filter(|n| (-EXACT..=EXACT).contains(n));
            let integer = integer.ok_or_else(|| CanonicalError(format!("{number} is not an exact integer")))?;
            out.extend_from_slice(integer.to_string().as_bytes());
        }
        Value::String(text) => write_string(out, text)?,
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (key, item)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, key)?;
                out.push(b':');
                write_value(out, item)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// serde_json escapes exactly what RFC 8785 section 3.2.2.2 asks for and leaves everything else as UTF-8.
fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(|error| CanonicalError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_sorted_and_nothing_is_added() {
        let value = json!({"b": [1, null, true], "a": {"z": "é\n", "y": -7}});
        assert_eq!(
            String::from_utf8(canonical_bytes(&value).unwrap()).unwrap(),
            r#"{"a":{"y":-7,"z":"é\n"},"b":[1,null,true]}"#
        );
    }

    #[test]
    fn keys_sort_by_utf16_units() {
        // U+10000 is 0xD800 0xDC00 in UTF-16, before U+E000, although its code point is greater.
        let value = json!({"\u{e000}": 1, "\u{10000}": 2});
        assert_eq!(
            canonical_bytes(&value).unwrap(),
            "{\"\u{10000}\":2,\"\u{e000}\":1}".as_bytes()
        );
    }

    #[test]
    fn fractions_have_no_canonical_form() {
        assert!(canonical_bytes(&json!({"a": 0.5})).is_err());
        assert!(canonical_bytes(&json!(9_007_199_254_740_993_i64)).is_err());
    }

    #[test]
    fn the_hash_is_sha_256_of_the_bytes() {
        assert_eq!(
            canonical_hash(&json!({})).unwrap().to_string(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
