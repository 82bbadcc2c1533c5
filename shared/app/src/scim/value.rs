//! Taking values in: lenient in shape, strict in type.
//!
//! `null`, `""`, `[]` and `{}` stand for "no value" (RFC 7643 section 2.5, and what Entra sends to clear). Booleans may
//! come as text in any letter case, a list may come as its only element and a single value as a list of one, a value
//! may come wrapped in `{"value": …}`, and an object may come as its `value` alone. Values themselves are never changed:
//! one that was "tidied up" would be sent again by Entra in every cycle.

use serde_json::{Map, Value};

use super::error::{Result, ScimError, ScimType};
use super::schema::{Attribute, Type, key_in};

/// Most values of one attribute.
pub const MOST_VALUES: usize = 100;
/// Deepest JSON that is read; SCIM needs 6.
pub const DEEPEST_JSON: usize = 16;

/// Reads a body.
///
/// # Errors
/// `invalidSyntax` when it is no JSON object, or nested deeper than [`DEEPEST_JSON`].
pub fn parse_body(bytes: &[u8]) -> Result<Map<String, Value>> {
    // serde_json itself stops at 128 levels, so that the check below cannot exhaust the stack.
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let what = format!(
            "The body is not JSON (line {}, column {}).",
            error.line(),
            error.column()
        );
        ScimError::bad(ScimType::InvalidSyntax, what)
    })?;
    if depth(&value) > DEEPEST_JSON {
        let what = format!("The body is nested deeper than {DEEPEST_JSON} levels.");
        return Err(ScimError::bad(ScimType::InvalidSyntax, what));
    }
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(ScimError::bad(
            ScimType::InvalidSyntax,
            "The body has to be a JSON object.",
        )),
    }
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    inner.unwrap_or(0).saturating_add(1)
}

/// Whether the value stands for "no value".
#[must_use]
pub fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A value for an attribute with one value, or for one element of a list; `None` when it stands for "no value".
///
/// # Errors
/// `invalidValue` when the value is of another type.
pub fn one(definition: &Attribute, name: &str, value: Value) -> Result<Option<Value>> {
    if is_unassigned(&value) {
        return Ok(None);
    }
    let value = match value {
        Value::Array(mut items) => match (items.pop(), items.is_empty()) {
            (Some(only), true) => return one(definition, name, only),
            _ => return Err(ScimError::value(format!("{name} takes one value, not several."))),
        },
        other => other,
    };
    match (definition.kind, value) {
        (Type::Complex(_), Value::Object(fields)) => object(definition, name, fields),
        (Type::Complex(_), value @ Value::String(_)) if definition.sub("value").is_some() => {
            Ok(Some(Map::from_iter([("value".to_owned(), value)]).into()))
        }
        (Type::Complex(_), _) => Err(ScimError::value(format!("{name} has to be an object."))),
        (_, Value::Object(mut fields)) => {
            let inner = key_in(&fields, "value").cloned().and_then(|key| fields.remove(&key));
            match inner {
                Some(inner) if !matches!(inner, Value::Object(_) | Value::Array(_)) => one(definition, name, inner),
                _ => Err(wrong_type(definition, name)),
            }
        }
        (Type::Boolean, Value::Bool(truth)) => Ok(Some(truth.into())),
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
        (Type::Boolean, Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
        (_, Value::String(text)) if definition.plain && text.chars().any(char::is_control) => {
            Err(ScimError::value(format!("{name} must not hold control characters.")))
        }
        (Type::Text | Type::Instant | Type::Reference(_), value @ Value::String(_)) => Ok(Some(value)),
        _ => Err(wrong_type(definition, name)),
    }
}

fn wrong_type(definition: &Attribute, name: &str) -> ScimError {
    let wanted = match definition.kind {
        Type::Boolean => "true or false",
        Type::Complex(_) => "an object",
        Type::Text | Type::Instant | Type::Reference(_) => "a string",
    };
    ScimError::value(format!("{name} has to be {wanted}."))
}

fn object(definition: &Attribute, name: &str, fields: Map<String, Value>) -> Result<Option<Value>> {
    let mut out = Map::new();
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in fields {
        // Unknown sub-attributes are dropped, as unknown attributes are.
        let Some(sub) = definition.sub(&key) else { continue };
        if seen.contains(&sub.name) {
            return Err(twice(&format!("{name}.{}", sub.name)));
        }
        seen.push(sub.name);
        if let Some(value) = one(sub, &format!("{name}.{}", sub.name), value)? {
            out.insert(sub.name.to_owned(), value);
        }
    }
    Ok((!out.is_empty()).then(|| out.into()))
}

/// A name that an object holds twice, in different letter case.
pub(super) fn twice(name: &str) -> ScimError {
    ScimError::bad(ScimType::InvalidSyntax, format!("{name} is given twice."))
}

/// Values for an attribute with a list of values; empty when the value stands for "no value".
///
/// # Errors
/// `invalidValue` when one is of another type, there are more than [`MOST_VALUES`], or more than one is primary.
pub fn many(definition: &Attribute, name: &str, value: Value) -> Result<Vec<Value>> {
    let items = match value {
        Value::Array(items) => items,
        other => vec![other],
    };
    if items.len() > MOST_VALUES {
        return Err(too_many(name));
    }
    let mut out: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        if let Some(item) = one(definition, name, item)?
            && !is_hollow(&item)
            && !out.contains(&item)
        {
            out.push(item);
        }
    }
    if out.iter().filter(|item| is_primary(item)).count() > 1 {
        return Err(several_primary(name));
    }
    Ok(out)
}

pub(super) fn too_many(name: &str) -> ScimError {
    ScimError::value(format!("{name} may have at most {MOST_VALUES} values."))
}

pub(super) fn several_primary(name: &str) -> ScimError {
    ScimError::value(format!("{name}: only one value can be primary."))
}

/// Whether an element says what it is for and nothing else: it has lost its value.
pub(super) fn is_hollow(item: &Value) -> bool {
    item.as_object()
        .is_some_and(|fields| fields.keys().all(|key| key == "type" || key == "primary"))
}

/// Whether an element is the preferred one.
pub(super) fn is_primary(item: &Value) -> bool {
    item.get("primary").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::{Kind, Named, find};
    use serde_json::json;

    fn definition(name: &str) -> &'static Attribute {
        match find(Kind::User, None, Some(name)) {
            Some(Named::Attribute(found)) => found.definition,
            other => panic!("{other:?}"),
        }
    }

    fn take(name: &str, value: Value) -> Result<Value> {
        let definition = definition(name);
        if definition.multi {
            many(definition, name, value).map(Value::from)
        } else {
            one(definition, name, value).map(|value| value.unwrap_or(Value::Null))
        }
    }

    #[test]
    fn lenient_in_shape() {
        let cases = [
            ("active", json!("False"), json!(false)),
            ("active", json!("TRUE"), json!(true)),
            ("active", json!([{"value": "False"}]), json!(false)),
            ("displayName", json!([{"$ref": null, "value": "A"}]), json!("A")),
            ("displayName", json!(""), Value::Null),
            ("displayName", json!(" A "), json!(" A ")),
            (
                "name",
                json!({"GIVENNAME": "A", "familyName": null, "x": 1}),
                json!({"givenName": "A"}),
            ),
            (
                "emails",
                json!({"value": "a@x", "type": "work"}),
                json!([{"value": "a@x", "type": "work"}]),
            ),
            ("emails", json!(["a@x", null, ""]), json!([{"value": "a@x"}])),
            (
                "roles",
                json!([{"primary": "True", "value": "{\"id\":\"1\"}"}]),
                json!([{"primary": true, "value": "{\"id\":\"1\"}"}]),
            ),
            ("emails", json!([{"type": "work", "value": null}]), json!([])),
            ("phoneNumbers", json!(null), json!([])),
        ];
        for (name, value, expected) in cases {
            assert_eq!(take(name, value.clone()).unwrap(), expected, "{name} {value}");
        }
    }

    #[test]
    fn strict_in_type() {
        for (name, value) in [
            ("active", json!("yes")),
            ("active", json!(1)),
            ("displayName", json!(7)),
            ("displayName", json!(true)),
            ("displayName", json!(["a", "b"])),
            ("displayName", json!({"value": {"value": "a"}})),
            ("name", json!("Alex")),
            ("name", json!({"givenName": 1})),
            ("emails", json!([1])),
            ("emails", json!([{"value": "a@x\r\nBcc: b@x"}])),
            ("name", json!({"givenName": "A\u{1b}[2J"})),
            (
                "emails",
                json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]),
            ),
            ("emails", Value::from(vec![json!({"value": "a"}); MOST_VALUES + 1])),
        ] {
            let error = take(name, value.clone()).unwrap_err();
            assert_eq!(error.scim_type(), Some(ScimType::InvalidValue), "{name} {value}");
        }
        assert!(take("name", json!({"givenName": "a", "GivenName": "b"})).is_err());
    }

    #[test]
    fn bodies_are_objects_of_limited_depth() {
        let nest = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(parse_body(nest(DEEPEST_JSON).as_bytes()).is_ok());
        for bad in [
            nest(DEEPEST_JSON + 1),
            nest(50_000),
            String::new(),
            "[]".to_owned(),
            "{".to_owned(),
        ] {
            assert!(parse_body(bad.as_bytes()).is_err());
        }
    }
}
