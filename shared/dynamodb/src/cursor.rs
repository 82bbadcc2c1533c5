//! Where a page of a list ends.
//!
//! Several items can have the same place in an index, so the place alone does not say where to go on: DynamoDB wants
//! the item's own key as well. A cursor carries both, and not the index's partition, which comes from the query: a
//! cursor that someone made up moves within the list they may read and reaches no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hourglass_app::ports::store::{Key, StoreError};

use crate::range::{check_key, check_sort_key};

/// Longest cursor, in bytes: three key parts at their longest (4 KiB together), every byte escaped (six for one) and
/// all encoded (four for three), stay below.
const LONGEST: usize = 40 * 1024;

/// A position in a list: after this item at this place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    /// The place in the index.
    pub(crate) place: String,
    /// The item.
    pub(crate) key: Key,
}

impl Cursor {
    /// URL-safe text without a meaning for anyone else.
    pub(crate) fn encode(&self) -> String {
        let parts = serde_json::json!([self.place, self.key.pk, self.key.sk]);
        URL_SAFE_NO_PAD.encode(parts.to_string())
    }

    /// # Errors
    /// [`StoreError::Cursor`] for text that [`Cursor::encode`] did not make.
    pub(crate) fn decode(text: &str) -> Result<Self, StoreError> {
        let malformed = || StoreError::Cursor;
        if text.len() > LONGEST {
            return Err(malformed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let (place, pk, sk): (String, String, String) = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let key = Key { pk, sk };
        check_key(&key)
            .and_then(|()| check_sort_key(&place))
            .map_err(|_| malformed())?;
        Ok(Self { place, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for (place, pk, sk) in [
            ("2026-11-21T22:50:57.123Z#a", "REQ#1", "REQUEST"),
            ("\"quotes\", [brackets]\0", "ünïcödé 🔑", "~"),
        ] {
            let cursor = Cursor {
                place: place.to_owned(),
                key: Key::new(pk, sk),
            };
            let text = cursor.encode();
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{text}"
            );
            assert_eq!(Cursor::decode(&text), Ok(cursor));
        }
    }

    #[test]
    fn the_longest_key_parts_fit() {
        let cursor = Cursor {
            place: "\u{1}".repeat(1024),
            key: Key::new("\u{1}".repeat(2048), "\u{1}".repeat(1024)),
        };
        assert!(Cursor::decode(&cursor.encode()) == Ok(cursor));
    }

    #[test]
    fn anything_else_is_refused() {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for text in [
            String::new(),
            "not base64!".to_owned(),
            encode("not JSON"),
            encode(r#"["place","pk"]"#),
            encode(r#"["place","pk","sk","more"]"#),
            encode(r#"["place","pk",7]"#),
            encode(r#"["","pk","sk"]"#),
            encode(r#"["place","","sk"]"#),
            encode(r#"["place","pk",""]"#),
            encode(&format!(r#"["{}","pk","sk"]"#, "x".repeat(1025))),
            "A".repeat(LONGEST + 4),
        ] {
            let refused = Cursor::decode(&text);
            assert!(matches!(&refused, Err(StoreError::Cursor)), "{text:.80}: {refused:?}");
        }
    }
}
