//! Which stretch of a partition a query means, in the terms that DynamoDB takes.
//!
//! DynamoDB allows one condition on the sort key, so a prefix and an upper bound become one; "after" is no condition
//! but a starting point (`ExclusiveStartKey`), which DynamoDB refuses when it lies outside the condition. What follows
//! is decided here, before any call: a starting point before the stretch is none, and one behind it leaves nothing.
//! Keys are compared as DynamoDB compares them, by their UTF-8 bytes, which is how Rust compares strings.

use std::cmp::Ordering;

use hourglass_app::ports::store::{Key, StoreError};

/// Most bytes of a partition key (Amazon DynamoDB Developer Guide, "Constraints in Amazon DynamoDB").
const LONGEST_PARTITION_KEY: usize = 2048;
/// Most bytes of a sort key (the same).
const LONGEST_SORT_KEY: usize = 1024;

/// A condition on the sort key. The texts are not empty, and of two the first is not greater than the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Range<'a> {
    /// None.
    All,
    /// Begins with this.
    Prefix(&'a str),
    /// Up to and including this.
    UpTo(&'a str),
    /// From the first to the second, both included.
    Between(&'a str, &'a str),
}

impl<'a> Range<'a> {
    /// The sort keys that begin with `prefix` and are not greater than `up_to`; `None` when there can be none.
    pub(crate) fn new(prefix: &'a str, up_to: Option<&'a str>) -> Option<Self> {
        match (prefix, up_to) {
            ("", None) => Some(Self::All),
            (prefix, None) => Some(Self::Prefix(prefix)),
            ("", Some("")) => None,
            ("", Some(up_to)) => Some(Self::UpTo(up_to)),
            // What lies between a prefix and a text with that prefix has the prefix.
            (prefix, Some(up_to)) if up_to.starts_with(prefix) => Some(Self::Between(prefix, up_to)),
            // A bound without the prefix lies before or behind everything that has it.
            (prefix, Some(up_to)) if up_to > prefix => Some(Self::Prefix(prefix)),
            _ => None,
        }
    }

    /// Whether `sort_key` lies before, in or behind the range, going upwards.
    fn compare(self, sort_key: &str) -> Ordering {
        match self {
            Self::All if sort_key.is_empty() => Ordering::Less,
            Self::All => Ordering::Equal,
            Self::Prefix(prefix) if sort_key.starts_with(prefix) => Ordering::Equal,
            Self::Prefix(prefix) => sort_key.cmp(prefix),
            Self::UpTo(_) if sort_key.is_empty() => Ordering::Less,
            Self::UpTo(up_to) if sort_key > up_to => Ordering::Greater,
            Self::UpTo(_) => Ordering::Equal,
            Self::Between(from, _) if sort_key < from => Ordering::Less,
            Self::Between(_, up_to) if sort_key > up_to => Ordering::Greater,
            Self::Between(..) => Ordering::Equal,
        }
    }

    /// Where to begin for what comes after `after`.
    pub(crate) fn start(self, after: Option<&str>, descending: bool) -> Start {
        let Some(after) = after else {
            return Start::Beginning;
        };
        match (self.compare(after), descending) {
            (Ordering::Equal, _) => Start::After,
            (Ordering::Less, false) | (Ordering::Greater, true) => Start::Beginning,
            (Ordering::Greater, false) | (Ordering::Less, true) => Start::Nowhere,
        }
    }
}

/// Where to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// At the range's beginning, seen in the query's direction.
    Beginning,
    /// After the key that was given.
    After,
    /// Nothing comes after the key that was given.
    Nowhere,
}

/// # Errors
/// [`StoreError::Rejected`] when a part of the key is empty or longer than DynamoDB takes.
pub(crate) fn check_key(key: &Key) -> Result<(), StoreError> {
    check_partition_key(&key.pk)?;
    check_sort_key(&key.sk)
}

/// # Errors
/// [`StoreError::Rejected`] when the partition key is empty or longer than DynamoDB takes.
pub(crate) fn check_partition_key(pk: &str) -> Result<(), StoreError> {
    check_part("partition", pk, LONGEST_PARTITION_KEY)
}

/// # Errors
/// [`StoreError::Rejected`] when the sort key is empty or longer than DynamoDB takes.
pub(crate) fn check_sort_key(sk: &str) -> Result<(), StoreError> {
    check_part("sort", sk, LONGEST_SORT_KEY)
}

/// # Errors
/// [`StoreError::Rejected`] when the bound of a range is longer than a sort key can be.
pub(crate) fn check_bound(bound: &str) -> Result<(), StoreError> {
    if bound.is_empty() {
        Ok(())
    } else {
        check_sort_key(bound)
    }
}

fn check_part(which: &str, text: &str, most: usize) -> Result<(), StoreError> {
    match text.len() {
        0 => Err(StoreError::Rejected(format!("a {which} key is empty"))),
        bytes if bytes > most => Err(StoreError::Rejected(format!(
            "a {which} key of {bytes} bytes; at most {most} are taken"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_and_a_bound_become_one_condition() {
        for (prefix, up_to, range) in [
            ("", None, Some(Range::All)),
            ("E#", None, Some(Range::Prefix("E#"))),
            ("", Some("m"), Some(Range::UpTo("m"))),
            ("", Some(""), None),
            ("E#", Some("E#5"), Some(Range::Between("E#", "E#5"))),
            ("E#", Some("E#"), Some(Range::Between("E#", "E#"))),
            ("E#", Some("F"), Some(Range::Prefix("E#"))),
            ("E#", Some("E"), None),
            ("E#", Some("D#9"), None),
            ("E#", Some(""), None),
        ] {
            assert_eq!(Range::new(prefix, up_to), range, "{prefix:?} {up_to:?}");
        }
    }

    #[test]
    fn key_parts_have_lengths_in_bytes() {
        assert_eq!(check_key(&Key::new("p".repeat(2048), "s".repeat(1024))), Ok(()));
        for (pk, sk) in [
            (String::new(), "s".to_owned()),
            ("p".to_owned(), String::new()),
            ("p".repeat(2049), "s".to_owned()),
            ("p".to_owned(), "s".repeat(1025)),
            ("p".to_owned(), "ü".repeat(513)),
        ] {
            assert!(matches!(check_key(&Key::new(pk, sk)), Err(StoreError::Rejected(_))));
        }
    }

    /// Short texts over few characters, so that prefixes and bounds meet; one character is long in UTF-8.
    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('a'), Just('b'), Just('#'), Just('é')], 0..4)
            .prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        /// The plan means what the query says, and asks for nothing that DynamoDB refuses.
        #[test]
        fn the_plan_means_what_the_query_says(
            prefix in text(),
            up_to in proptest::option::of(text()),
            after in proptest::option::of(text()),
            descending: bool,
            key in text().prop_filter("sort keys are not empty", |key| !key.is_empty()),
        ) {
            let wanted = key.starts_with(&prefix)
                && up_to.as_ref().is_none_or(|up_to| key <= *up_to)
                && after.as_ref().is_none_or(|after| if descending { key < *after } else { key > *after });
            let Some(range) = Range::new(&prefix, up_to.as_deref()) else {
                prop_assert!(!wanted);
                return Ok(());
            };
            if let Range::Between(from, to) = range {
                prop_assert!(from <= to);
            }
            let within = |key: &str| match range {
                Range::All => true,
                Range::Prefix(prefix) => key.starts_with(prefix),
                Range::UpTo(up_to) => key <= up_to,
                Range::Between(from, up_to) => from <= key && key <= up_to,
            };
            let found = match range.start(after.as_deref(), descending) {
                Start::Nowhere => false,
                Start::Beginning => within(&key),
                Start::After => {
                    let after = after.unwrap_or_default();
                    prop_assert!(within(&after) && !after.is_empty());
                    within(&key) && if descending { key < after } else { key > after }
                }
            };
            prop_assert_eq!(found, wanted);
        }
    }
}
