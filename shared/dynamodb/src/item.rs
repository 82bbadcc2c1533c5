//! The stored form of an item.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `pk`, `sk` | S | the key |
//! | `v` | N | the version, on which conditions rest |
//! | `kind`, `schema` | S, N | what it is and the version of its shape |
//! | `body` | M | the content: JSON in DynamoDB's types |
//! | `gsi1pk`, `gsi1sk` | S | its place in [`List::Owner`] |
//! | `gsi2pk`, `gsi2sk` | S | its place in [`List::Month`] |
//! | `gsi3pk`, `gsi3sk` | S | its place in [`List::Waiting`] |
//! | `ttl` | N | whole seconds since 1970 after which DynamoDB may drop it |
//!
//! The body comes back as it went in. Only the spelling of numbers is DynamoDB's: `1.0` comes back as `1`, which matters
//! to nothing that we hash or sign, because that has integers only. What DynamoDB cannot hold is refused: fields without
//! a name, and numbers beyond its range.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use hourglass_app::ports::store::{Item, Key, List, Listed, StoreError};
use hourglass_domain::Timestamp;
use serde_json::{Map, Value};

use crate::range::{check_key, check_partition_key, check_sort_key};

/// An item, or a key, in the SDK's terms.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const VERSION: &str = "v";
const KIND: &str = "kind";
const SCHEMA: &str = "schema";
const BODY: &str = "body";
const TTL: &str = "ttl";

/// DynamoDB's numbers (Developer Guide, "Data types"): zero, or of a size from this, with 38 digits …
const LEAST_NUMBER: f64 = 1e-130;
/// … to below this.
const TOO_LARGE_NUMBER: f64 = 1e126;

const LISTS: [List; 3] = [List::Owner, List::Month, List::Waiting];

/// An index of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    /// Its name.
    pub(crate) name: &'static str,
    /// The attribute with its partition.
    pub(crate) pk: &'static str,
    /// The attribute with the place in it.
    pub(crate) sk: &'static str,
}

/// The index behind a list.
pub(crate) const fn index(list: List) -> Index {
    let (name, pk, sk) = match list {
        List::Owner => ("gsi1", "gsi1pk", "gsi1sk"),
        List::Month => ("gsi2", "gsi2pk", "gsi2sk"),
        List::Waiting => ("gsi3", "gsi3pk", "gsi3sk"),
    };
    Index { name, pk, sk }
}

/// A string attribute.
pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The key attributes of `key`.
pub(crate) fn key_attributes(key: &Key) -> Attributes {
    Attributes::from([(PK.to_owned(), text(&key.pk)), (SK.to_owned(), text(&key.sk))])
}

/// The stored form of `item`.
///
/// # Errors
/// [`StoreError::Rejected`] when the item has no version, names a list twice, has a key or a place that DynamoDB does
/// not take, or something in its body that DynamoDB does not.
pub(crate) fn to_attributes(item: &Item) -> Result<Attributes, StoreError> {
    let rejected = |why: String| StoreError::Rejected(format!("{}: {why}", name(&item.key)));
    check_key(&item.key)?;
    if item.version == 0 {
        return Err(rejected("versions begin with 1".to_owned()));
    }
    unstorable_field(&item.body).map_or(Ok(()), |why| Err(rejected(why)))?;
    let body = serde_dynamo::to_attribute_value(&item.body).map_err(|error| rejected(error.to_string()))?;
    let mut attributes = key_attributes(&item.key);
    attributes.insert(VERSION.to_owned(), number(item.version));
    attributes.insert(KIND.to_owned(), text(&item.kind));
    attributes.insert(SCHEMA.to_owned(), number(item.schema));
    attributes.insert(BODY.to_owned(), body);
    for listed in &item.lists {
        check_partition_key(&listed.pk)?;
        check_sort_key(&listed.sk)?;
        let index = index(listed.list);
        attributes.insert(index.sk.to_owned(), text(&listed.sk));
        if attributes.insert(index.pk.to_owned(), text(&listed.pk)).is_some() {
            return Err(rejected(format!("has two places in {:?}", listed.list)));
        }
    }
    if let Some(expires) = item.expires {
        // Rounded up: an item is never dropped before its time.
        attributes.insert(TTL.to_owned(), number(expires.rounded_up_to_second().seconds()));
    }
    Ok(attributes)
}

/// The item with this stored form. Lists come in the order of [`List`]; `expires` has whole seconds.
///
/// # Errors
/// [`StoreError::Corrupt`] when an attribute is missing or is not what it has to be.
pub(crate) fn from_attributes(mut attributes: Attributes) -> Result<Item, StoreError> {
    let key = key_of(&attributes)?;
    let corrupt = |why: String| StoreError::Corrupt { key: name(&key), why };
    let version = take_number(&mut attributes, VERSION).map_err(corrupt)?;
    let kind = take_text(&mut attributes, KIND).map_err(corrupt)?;
    let schema = take_number(&mut attributes, SCHEMA).map_err(corrupt)?;
    let body = take_body(&mut attributes).map_err(corrupt)?;
    let mut lists = Vec::new();
    for list in LISTS {
        let index = index(list);
        if attributes.contains_key(index.pk) || attributes.contains_key(index.sk) {
            lists.push(Listed {
                list,
                pk: take_text(&mut attributes, index.pk).map_err(corrupt)?,
                sk: take_text(&mut attributes, index.sk).map_err(corrupt)?,
            });
        }
    }
    let expires = if attributes.contains_key(TTL) {
        let seconds = take_number(&mut attributes, TTL).map_err(corrupt)?;
        Some(Timestamp::from_seconds(seconds))
    } else {
        None
    };
    Ok(Item {
        version,
        kind,
        schema,
        body,
        lists,
        expires,
        key,
    })
}

/// The key in an item, or in the keys of an index.
///
/// # Errors
/// [`StoreError::Corrupt`] when it has none.
pub(crate) fn key_of(attributes: &Attributes) -> Result<Key, StoreError> {
    Ok(Key {
        pk: text_of(attributes, PK)?,
        sk: text_of(attributes, SK)?,
    })
}

/// A string attribute of an answer.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not there.
pub(crate) fn text_of(attributes: &Attributes, attribute: &'static str) -> Result<String, StoreError> {
    match attributes.get(attribute) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(StoreError::Corrupt {
            key: "an answer".to_owned(),
            why: format!("has no text {attribute}"),
        }),
    }
}

fn name(key: &Key) -> String {
    format!("{}/{}", key.pk, key.sk)
}

fn take_text(attributes: &mut Attributes, attribute: &str) -> Result<String, String> {
    match attributes.remove(attribute) {
        Some(AttributeValue::S(text)) => Ok(text),
        Some(_) => Err(format!("{attribute} is not a text")),
        None => Err(format!("has no {attribute}")),
    }
}

fn take_number<T: std::str::FromStr>(attributes: &mut Attributes, attribute: &str) -> Result<T, String> {
    match attributes.remove(attribute) {
        Some(AttributeValue::N(text)) => text.parse().map_err(|_| format!("{attribute} is {text}")),
        Some(_) => Err(format!("{attribute} is not a number")),
        None => Err(format!("has no {attribute}")),
    }
}

fn take_body(attributes: &mut Attributes) -> Result<Map<String, Value>, String> {
    match attributes.remove(BODY) {
        Some(body @ AttributeValue::M(_)) => {
            serde_dynamo::from_attribute_value(body).map_err(|error| format!("{BODY}: {error}"))
        }
        Some(_) => Err(format!("{BODY} is not a map")),
        None => Err(format!("has no {BODY}")),
    }
}

/// Why DynamoDB cannot hold `value`, if it cannot.
fn unstorable(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => None,
        Value::Number(number) => {
            let size = number.as_f64().map_or(f64::INFINITY, f64::abs);
            let fits = size == 0.0 || (LEAST_NUMBER..TOO_LARGE_NUMBER).contains(&size);
            (!fits).then(|| format!("{number} is beyond the range of numbers"))
        }
        Value::Array(values) => values.iter().find_map(unstorable),
        Value::Object(fields) => unstorable_field(fields),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

fn unstorable_field(fields: &Map<String, Value>) -> Option<String> {
    fields.iter().find_map(|(name, value)| {
        if name.is_empty() {
            Some("a field has no name".to_owned())
        } else {
            unstorable(value)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn item(body: Value) -> Item {
        let Value::Object(body) = body else {
            panic!("a body is an object")
        };
        Item {
            key: Key::new("REQ#1", "REQUEST"),
            version: 7,
            kind: "request".to_owned(),
            schema: 1,
            body,
            lists: Vec::new(),
            expires: None,
        }
    }

    fn listed(list: List) -> Listed {
        Listed {
            list,
            pk: format!("{list:?}#ü"),
            sk: "2026-11-21T22:50:57.123Z#1".to_owned(),
        }
    }

    #[test]
    fn bodies_come_back_as_they_went_in() {
        for body in [
            json!({}),
            json!({"null": null, "true": true, "false": false}),
            json!({"empty": "", "unicode": "Zoë 🔑 \u{0} \u{fffd}"}),
            json!({"least": i64::MIN, "greatest": i64::MAX, "greater": u64::MAX, "zero": 0, "minus": -1}),
            json!({"list": [], "map": {}, "lists": [[], [[]], {}], "maps": {"a": {"b": {"c": null}}}}),
            json!({"mixed": [1, "1", null, true, {"one": 1}, [1]]}),
            json!({"fractions": [0.5, -0.1, 0.300_000_000_000_000_04, 1.5e-7, 1e-130, 1.234_567_890_123_456_7e125]}),
            json!({"looks like a type": {"S": "text", "N": "1", "NULL": true}}),
        ] {
            let item = item(body);
            assert_eq!(from_attributes(to_attributes(&item).unwrap()), Ok(item));
        }
    }

    #[test]
    fn whole_numbers_come_back_as_integers() {
        let stored = to_attributes(&item(json!({"n": [1.0, -0.0, 2e3]}))).unwrap();
        assert_eq!(from_attributes(stored), Ok(item(json!({"n": [1, 0, 2000]}))));
    }

    #[test]
    fn places_and_expiry_come_back() {
        for lists in [
            vec![],
            vec![listed(List::Month)],
            vec![listed(List::Owner), listed(List::Month), listed(List::Waiting)],
        ] {
            let item = Item {
                lists,
                expires: Some(Timestamp::from_seconds(1_795_000_000)),
                version: u64::MAX,
                schema: u32::MAX,
                ..item(json!({}))
            };
            assert_eq!(from_attributes(to_attributes(&item).unwrap()), Ok(item));
        }
    }

    #[test]
    fn the_attributes_are_those_of_the_table() {
        let item = Item {
            lists: LISTS.map(listed).to_vec(),
            expires: Some(Timestamp::from_millis(1_500)),
            ..item(json!({"n": 5}))
        };
        let body = AttributeValue::M(HashMap::from([("n".to_owned(), number(5))]));
        let place = || text("2026-11-21T22:50:57.123Z#1");
        let expected = [
            ("pk", text("REQ#1")),
            ("sk", text("REQUEST")),
            ("v", number(7)),
            ("kind", text("request")),
            ("schema", number(1)),
            ("body", body),
            ("gsi1pk", text("Owner#ü")),
            ("gsi1sk", place()),
            ("gsi2pk", text("Month#ü")),
            ("gsi2sk", place()),
            ("gsi3pk", text("Waiting#ü")),
            ("gsi3sk", place()),
            // Rounded up, so that nothing goes before its time.
            ("ttl", number(2)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(to_attributes(&item), Ok(HashMap::from(expected)));
        assert_eq!(LISTS.map(|list| index(list).name), ["gsi1", "gsi2", "gsi3"]);
    }

    #[test]
    fn what_dynamodb_cannot_hold_is_refused() {
        let bodies = [
            json!({"n": 1e126}),
            json!({"n": [{"n": -1e300}]}),
            json!({"n": 1e-131}),
            json!({"": 1}),
            json!({"n": [{"n": {"": null}}]}),
        ];
        let keys = [Key::new("", "sk"), Key::new("pk", ""), Key::new("pk", "s".repeat(1025))];
        let places = [
            vec![listed(List::Owner), listed(List::Owner)],
            vec![Listed {
                pk: String::new(),
                ..listed(List::Owner)
            }],
            vec![Listed {
                sk: String::new(),
                ..listed(List::Owner)
            }],
        ];
        let items = bodies
            .into_iter()
            .map(item)
            .chain(keys.into_iter().map(|key| Item { key, ..item(json!({})) }))
            .chain(places.into_iter().map(|lists| Item {
                lists,
                ..item(json!({}))
            }))
            .chain([Item {
                version: 0,
                ..item(json!({}))
            }]);
        for item in items {
            let refused = to_attributes(&item);
            assert!(matches!(refused, Err(StoreError::Rejected(_))), "{item:?}: {refused:?}");
        }
    }

    #[test]
    fn other_shapes_are_corrupt() {
        let sound = Item {
            lists: vec![listed(List::Owner)],
            expires: Some(Timestamp::EPOCH),
            ..item(json!({"a": 1}))
        };
        let sound = to_attributes(&sound).unwrap();
        let optional = ["ttl"];
        for attribute in sound.keys() {
            let mut other = sound.clone();
            other.insert(attribute.clone(), AttributeValue::Bool(true));
            let refused = from_attributes(other);
            assert!(
                matches!(refused, Err(StoreError::Corrupt { .. })),
                "{attribute}: {refused:?}"
            );
            if !optional.contains(&attribute.as_str()) {
                let mut less = sound.clone();
                less.remove(attribute);
                let refused = from_attributes(less);
                assert!(
                    matches!(refused, Err(StoreError::Corrupt { .. })),
                    "{attribute}: {refused:?}"
                );
            }
        }
        for version in ["-1", "1.5", "18446744073709551616"] {
            let mut other = sound.clone();
            other.insert(VERSION.to_owned(), number(version));
            let expected = StoreError::Corrupt {
                key: "REQ#1/REQUEST".to_owned(),
                why: format!("v is {version}"),
            };
            assert_eq!(from_attributes(other), Err(expected));
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e12..1e12)
                .prop_map(|number: f64| Value::from(number + 0.5))
                .prop_filter("a fraction", |number| {
                    number.as_f64().is_some_and(|number| number.fract() != 0.0)
                }),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(".{1,6}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_item_comes_back(
            body in proptest::collection::btree_map(".{1,6}", json(), 0..6),
            version in 1_u64..,
            schema: u32,
            kind in ".{0,12}",
            places in proptest::sample::subsequence(LISTS.to_vec(), 0..=3),
            seconds in proptest::option::of(0_i64..253_370_764_800),
        ) {
            let item = Item {
                version,
                schema,
                kind,
                body: body.into_iter().collect(),
                lists: places.into_iter().map(listed).collect(),
                expires: seconds.map(Timestamp::from_seconds),
                key: Key::new("pk", "sk"),
            };
            let stored = to_attributes(&item).unwrap();
            prop_assert_eq!(from_attributes(stored), Ok(item));
        }
    }
}
