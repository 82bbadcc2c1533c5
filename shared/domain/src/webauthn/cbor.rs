//! A strict reader of the CBOR that authenticators write.
//!
//! CTAP 2.1 section 8 ("Message Encoding") has authenticators write one form only: lengths are definite and as short as
//! possible, no tags, no duplicate keys, at most four levels of nesting. Only that is read; everything else is refused, so
//! that two readers cannot see two contents in the same bytes. Nothing is allocated: what comes out are slices.

/// Deepest nesting of arrays and maps that is read: CTAP allows four, certificates in attestations need two.
const DEEPEST: u8 = 4;

/// The head of an item: what begins there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item<'a> {
    /// An integer of major type 0 or 1.
    Integer(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// An array of so many items.
    Array(u64),
    /// A map of so many pairs.
    Map(u64),
    /// `true`, `false`, `null`, or a number with a fraction.
    Simple,
}

/// Reads items from the front of a slice.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// The next head; the content of strings with it.
    pub(super) fn item(&mut self) -> Option<Item<'a>> {
        let first = *self.take(1)?.first()?;
        let (major, info) = (first >> 5, first & 0b1_1111);
        let value = match info {
            0..24 => u64::from(info),
            24..28 => {
                let bytes = self.take(1 << (info - 24))?;
                let value = bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte));
                // Fractions and simple values are not lengths: their bits may begin with zeroes.
                let least = [24, 1 << 8, 1 << 16, 1 << 32].get(usize::from(info - 24))?;
                if major != 7 && value < *least {
                    return None;
                }
                value
            }
            _ => return None,
        };
        match major {
            0 => i64::try_from(value).ok().map(Item::Integer),
            1 => i64::try_from(value).ok().map(|value| Item::Integer(-1 - value)),
            2 => self.take(value).map(Item::Bytes),
            3 => std::str::from_utf8(self.take(value)?).ok().map(Item::Text),
            4 => Some(Item::Array(value)),
            5 => Some(Item::Map(value)),
            // false, true, null, and the three sizes of fractions; not undefined and not the unassigned ones.
            7 => matches!(info, 20..=22 | 25..=27).then_some(Item::Simple),
            _ => None,
        }
    }

    /// Reads one whole item, however deep.
    pub(super) fn skip(&mut self) -> Option<()> {
        self.skip_within(DEEPEST, true)
    }

    /// The same, with keys in any order: in attestation statements and extension outputs, which we do not interpret,
    /// authenticators are less careful.
    pub(super) fn skip_in_any_order(&mut self) -> Option<()> {
        self.skip_within(DEEPEST, false)
    }

    fn skip_within(&mut self, levels: u8, ordered: bool) -> Option<()> {
        let (count, pairs) = match self.item()? {
            Item::Array(count) => (count, false),
            Item::Map(count) => (count, true),
            _ => return Some(()),
        };
        let levels = levels.checked_sub(1)?;
        let mut before: Option<&[u8]> = None;
        // Each item takes a byte at least: a count beyond what is left ends the loop early, not the memory.
        for _ in 0..count {
            if pairs {
                let key = self.key()?;
                if ordered && before.is_some_and(|before| !sorts_before(before, key)) {
                    return None;
                }
                before = Some(key);
            }
            self.skip_within(levels, ordered)?;
        }
        Some(())
    }

    /// The bytes of the next item, which is the key of a pair: an integer or a text.
    fn key(&mut self) -> Option<&'a [u8]> {
        let before = self.rest;
        match self.item()? {
            Item::Integer(_) | Item::Text(_) => before.get(..before.len().checked_sub(self.rest.len())?),
            _ => None,
        }
    }
}

/// CTAP's order of keys: by major type, then the shorter first, then byte by byte. Equal keys are in no order.
fn sorts_before(one: &[u8], other: &[u8]) -> bool {
    let rank = |key: &'_ [u8]| (key.first().map(|first| first >> 5), key.len());
    rank(one).cmp(&rank(other)).then_with(|| one.cmp(other)).is_lt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(hexed: &str) -> Option<usize> {
        let bytes = hex::decode(hexed).unwrap();
        let mut reader = Reader::new(&bytes);
        reader.skip().map(|()| reader.rest().len())
    }

    #[test]
    fn canonical_items_are_read_and_what_follows_is_left() {
        for (hexed, left) in [
            ("00", 0),
            ("1818ff", 1),
            ("3903e7", 0),
            ("43010203", 0),
            ("6161", 0),
            ("a0", 0),
            ("80", 0),
            ("a2012002f5", 0),
            ("a201616120f6", 0),
            ("a26161f56162f4", 0),
            ("fb3ff199999999999a", 0),
            ("8181818100", 0),
        ] {
            assert_eq!(whole(hexed), Some(left), "{hexed}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for hexed in [
            "",                   // nothing
            "1800",               // longer than needed
            "190017",             // longer than needed
            "5803010203",         // longer than needed
            "5f41ff",             // indefinite
            "9fff",               // indefinite
            "bfff",               // indefinite
            "c000",               // tag
            "f7",                 // undefined
            "e0",                 // unassigned
            "f8ff",               // unassigned
            "4301",               // cut
            "61ff",               // not UTF-8
            "a10100",             // a good one, for the next
            "a1",                 // cut
            "a20100",             // cut
            "a201000100",         // twice
            "a202000100",         // order
            "a262616100616200",   // order: longer first
            "a1f500",             // a key that is no integer or text
            "9bffffffffffffffff", // a huge count
            "5bffffffffffffffff", // a huge length
            "bbffffffffffffffff", // a huge count
            "818181818100",       // too deep
            "1bffffffffffffffff", // beyond 63 bits
        ] {
            let expected = (hexed == "a10100").then_some(0);
            assert_eq!(whole(hexed), expected, "{hexed}");
        }
    }

    #[test]
    fn where_the_order_does_not_matter_all_else_still_does() {
        let left = |hexed: &str| {
            let bytes = hex::decode(hexed).unwrap();
            let mut reader = Reader::new(&bytes);
            reader.skip_in_any_order().map(|()| reader.rest().len())
        };
        assert_eq!(left("a202000100"), Some(0));
        assert_eq!(left("a2020001"), None);
        assert_eq!(left("a1021800"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.skip();
            prop_assert!(reader.rest().len() <= bytes.len());
        }
    }
}
