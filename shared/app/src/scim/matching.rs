//! Whether a resource fits a filter.
//!
//! A filter is first [checked](check) against the schema, so that a misspelt attribute is an error and not silently
//! "nothing found"; evaluating it afterwards cannot fail.

use std::cmp::Ordering;

use hourglass_domain::Timestamp;
use serde_json::{Map, Value};

use super::error::{Result, ScimError, ScimType};
use super::filter::{Filter, Literal, Operator, Path};
use super::schema::{Attribute, ENTERPRISE, Found, Kind, Named, Type, find, key_in};

/// Checks that every name in the filter means something for resources of `kind`, and that every comparison makes sense.
///
/// # Errors
/// `invalidFilter`, naming what does not.
pub fn check(filter: &Filter, kind: Kind) -> Result<()> {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().try_for_each(|term| check(term, kind)),
        Filter::Not(inner) => check(inner, kind),
        Filter::Present(path) | Filter::Element(path) => definition_of(path, kind).map(|_| ()),
        Filter::Compare { path, operator, value } => {
            check_comparison(definition_of(path, kind)?, path, *operator, value)
        }
    }
}

fn unsupported(what: impl Into<String>) -> ScimError {
    ScimError::bad(ScimType::InvalidFilter, what)
}

fn written(path: &Path) -> String {
    let mut out = path.attribute.clone().unwrap_or_default();
    if let Some(sub) = &path.sub {
        out.push('.');
        out.push_str(sub);
    }
    out
}

/// The definition of what the path compares: the sub-attribute, the `value` of a complex attribute, or the attribute.
fn definition_of(path: &Path, kind: Kind) -> Result<&'static Attribute> {
    let found = found(path, kind)?;
    if let Some(inner) = &path.filter {
        if !found.definition.multi || found.definition.subs().is_empty() {
            return Err(unsupported(format!(
                "{} has no elements to choose from.",
                written(path)
            )));
        }
        check_inner(inner, found.definition)?;
    }
    compared(found.definition, path.sub.as_deref())
        .ok_or_else(|| unsupported(format!("{} is no attribute of a {}.", written(path), kind.noun())))
}

/// The attribute that a path names. Entra's reference check leaves the extension's URN out (`manager eq "…"`), so that
/// a plain name that the core schema does not have may be one of the enterprise extension.
pub(super) fn found(path: &Path, kind: Kind) -> Result<Found> {
    let name = path.attribute.as_deref();
    let found = match find(kind, path.schema.as_deref(), name) {
        None if path.schema.is_none() => find(kind, Some(ENTERPRISE), name),
        found => found,
    };
    match found {
        Some(Named::Attribute(found)) => Ok(found),
        _ => Err(unsupported(format!(
            "{} is no attribute of a {}.",
            written(path),
            kind.noun()
        ))),
    }
}

/// The part of an attribute that is compared.
pub(super) fn compared(definition: &'static Attribute, sub: Option<&str>) -> Option<&'static Attribute> {
    match sub {
        Some(sub) => definition.sub(sub),
        None => Some(definition.sub("value").unwrap_or(definition)),
    }
}

fn check_inner(filter: &Filter, outer: &'static Attribute) -> Result<()> {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().try_for_each(|term| check_inner(term, outer)),
        Filter::Not(inner) => check_inner(inner, outer),
        Filter::Present(path) | Filter::Element(path) => inner_definition(path, outer).map(|_| ()),
        Filter::Compare { path, operator, value } => {
            check_comparison(inner_definition(path, outer)?, path, *operator, value)
        }
    }
}

fn inner_definition(path: &Path, outer: &'static Attribute) -> Result<&'static Attribute> {
    let plain = path.schema.is_none() && path.sub.is_none() && path.filter.is_none();
    path.attribute
        .as_deref()
        .filter(|_| plain)
        .and_then(|name| outer.sub(name))
        .ok_or_else(|| unsupported(format!("{} is no part of {}.", written(path), outer.name)))
}

fn check_comparison(definition: &Attribute, path: &Path, operator: Operator, value: &Literal) -> Result<()> {
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    if value.is_null() {
        return if equality {
            Ok(())
        } else {
            Err(unsupported(format!(
                "{}: null can only be compared with eq and ne.",
                written(path)
            )))
        };
    }
    match definition.kind {
        // RFC 7644 section 3.4.2.2: gt and the like on a boolean fail with invalidFilter.
        Type::Boolean if !equality || value.as_bool().is_none() => Err(unsupported(format!(
            "{} can only be compared with true or false by eq and ne.",
            written(path)
        ))),
        Type::Instant if value.text.parse::<Timestamp>().is_err() && orders(operator) => Err(unsupported(format!(
            "{} can only be compared with a time such as 2026-11-21T22:50:57Z.",
            written(path)
        ))),
        Type::Complex(_) => Err(unsupported(format!(
            "{} has to be compared by its parts.",
            written(path)
        ))),
        _ => Ok(()),
    }
}

const fn orders(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual
    )
}

/// Whether `resource`, in its full representation, fits a filter that was [checked](check). `members` is not part of
/// representations that are searched: the caller plans it.
#[must_use]
pub fn matches(filter: &Filter, resource: &Map<String, Value>, kind: Kind) -> bool {
    match filter {
        Filter::And(terms) => terms.iter().all(|term| matches(term, resource, kind)),
        Filter::Or(terms) => terms.iter().any(|term| matches(term, resource, kind)),
        Filter::Not(inner) => !matches(inner, resource, kind),
        Filter::Present(path) => with_values(path, resource, kind, |_, values| !values.is_empty()),
        Filter::Element(path) => with_values(path, resource, kind, |_, values| !values.is_empty()),
        Filter::Compare { path, operator, value } => with_values(path, resource, kind, |definition, values| {
            compare_any(definition, values, *operator, value)
        }),
    }
}

/// Whether one element of a multi-valued attribute fits the filter in a path's brackets.
#[must_use]
pub fn element_matches(filter: &Filter, element: &Value, outer: &'static Attribute) -> bool {
    let part = |path: &Path| {
        let definition = outer.sub(path.attribute.as_deref()?)?;
        Some((definition, element.get(definition.name)))
    };
    match filter {
        Filter::And(terms) => terms.iter().all(|term| element_matches(term, element, outer)),
        Filter::Or(terms) => terms.iter().any(|term| element_matches(term, element, outer)),
        Filter::Not(inner) => !element_matches(inner, element, outer),
        Filter::Present(path) | Filter::Element(path) => part(path).is_some_and(|(_, value)| value.is_some()),
        Filter::Compare { path, operator, value } => part(path).is_some_and(|(definition, found)| {
            compare_any(definition, &found.into_iter().collect::<Vec<_>>(), *operator, value)
        }),
    }
}

/// Hands the values that the path names to `ask`. A path that names nothing has no values.
fn with_values(
    path: &Path,
    resource: &Map<String, Value>,
    kind: Kind,
    ask: impl FnOnce(&Attribute, &[&Value]) -> bool,
) -> bool {
    let Ok(found) = found(path, kind) else { return false };
    let container = match &found.extension {
        None => Some(resource),
        Some(urn) => key_in(resource, urn)
            .and_then(|key| resource.get(key))
            .and_then(Value::as_object),
    };
    let value = container.and_then(|map| key_in(map, &found.name).and_then(|key| map.get(key)));
    let elements: Vec<&Value> = match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(value) => vec![value],
        None => Vec::new(),
    };
    let chosen = elements.into_iter().filter(|element| {
        path.filter
            .as_deref()
            .is_none_or(|filter| element_matches(filter, element, found.definition))
    });
    let whole = path.sub.is_none() && matches!(found.definition.kind, Type::Complex(_));
    let part = path.sub.as_deref().or(whole.then_some("value"));
    let values: Vec<&Value> = match part.and_then(|name| found.definition.sub(name)) {
        Some(sub) => chosen.filter_map(|element| element.get(sub.name)).collect(),
        None => chosen.collect(),
    };
    let definition = compared(found.definition, path.sub.as_deref()).unwrap_or(found.definition);
    ask(definition, &values)
}

/// `ne` is true when no value is equal, so that it is the opposite of `eq`; everything else needs one value that fits.
fn compare_any(definition: &Attribute, values: &[&Value], operator: Operator, literal: &Literal) -> bool {
    if operator == Operator::NotEqual {
        return !compare_any(definition, values, Operator::Equal, literal);
    }
    if literal.is_null() {
        return values.is_empty();
    }
    values.iter().any(|value| compare(definition, value, operator, literal))
}

fn compare(definition: &Attribute, value: &Value, operator: Operator, literal: &Literal) -> bool {
    match value {
        Value::Bool(truth) => operator == Operator::Equal && literal.as_bool() == Some(*truth),
        Value::String(text) if definition.kind == Type::Instant => compare_instants(text, operator, literal),
        Value::String(text) if definition.exact => compare_texts(text, operator, &literal.text),
        Value::String(text) => compare_texts(&text.to_lowercase(), operator, &literal.text.to_lowercase()),
        _ => false,
    }
}

fn compare_instants(text: &str, operator: Operator, literal: &Literal) -> bool {
    match (text.parse::<Timestamp>(), literal.text.parse::<Timestamp>()) {
        (Ok(value), Ok(with)) if orders(operator) || operator == Operator::Equal => fits(value.cmp(&with), operator),
        // `co`, `sw` and `ew` compare the text (`meta.created sw "2026-11"`).
        _ => compare_texts(text, operator, &literal.text),
    }
}

fn compare_texts(value: &str, operator: Operator, with: &str) -> bool {
    match operator {
        Operator::Contains => value.contains(with),
        Operator::StartsWith => value.starts_with(with),
        Operator::EndsWith => value.ends_with(with),
        _ => fits(value.cmp(with), operator),
    }
}

fn fits(ordering: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::parse_filter;
    use serde_json::json;

    fn user() -> Map<String, Value> {
        let value = json!({
            "id": "Ab1",
            "externalId": "Ex1",
            "userName": "Alex@Contoso.example",
            "active": true,
            "name": {"givenName": "Alex"},
            "emails": [
                {"type": "work", "value": "alex@contoso.example", "primary": true},
                {"type": "home", "value": "alex@fabrikam.example"},
            ],
            "meta": {"created": "2026-11-21T10:00:00.000Z", "resourceType": "User"},
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "department": "Ops",
                "manager": {"value": "M1"},
            },
            "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User": {"application": "contoso.example"},
        });
        match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn ask(text: &str) -> bool {
        let filter = parse_filter(text).unwrap();
        check(&filter, Kind::User).unwrap();
        matches(&filter, &user(), Kind::User)
    }

    #[test]
    fn what_fits() {
        for text in [
            r#"userName eq "ALEX@contoso.example""#,
            r#"USERNAME sw "alex@""#,
            r#"userName co "contoso""#,
            r#"userName ew ".EXAMPLE""#,
            r#"id eq "Ab1""#,
            r#"emails[type eq "WORK"].value eq "alex@contoso.example""#,
            r#"emails[type eq "work" and primary eq true]"#,
            r#"emails[primary eq "True"].value sw "alex""#,
            r#"emails.type eq "home""#,
            r#"emails co "fabrikam""#,
            r#"emails eq "alex@fabrikam.example""#,
            "active eq true",
            r#"active eq "True""#,
            "active ne false",
            "name pr",
            "not (nickName pr)",
            "nickName eq null",
            r#"nickName ne "x""#,
            r#"name.givenName gt "Al""#,
            r#"meta.created gt "2026-11-21T09:00:00Z" and meta.created le "2026-11-21T10:00:00Z""#,
            r#"meta.created sw "2026-11""#,
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "ops""#,
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "M1""#,
            r#"manager eq "M1""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:userName pr"#,
            r#"urn:ietf:params:scim:schemas:extension:hourglass:2.0:user:APPLICATION eq "contoso.example""#,
            r#"(userName eq "x" or active eq true) and not (id eq "x")"#,
        ] {
            assert!(ask(text), "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        for text in [
            r#"id eq "ab1""#,
            r#"externalId eq "ex1""#,
            r#"emails[type eq "work"].value eq "alex@fabrikam.example""#,
            r#"emails[type eq "other"]"#,
            r#"emails[type eq "home" and primary eq true]"#,
            "nickName pr",
            r#"nickName eq "x""#,
            r#"nickName gt "a""#,
            "emails[type eq null]",
            r#"userName eq "alex@contoso.example" and active eq false"#,
        ] {
            assert!(!ask(text), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense() {
        for text in [
            r#"usrName eq "a""#,
            r#"password eq "a""#,
            r#"active gt true"#,
            r#"active eq "maybe""#,
            r#"userName gt null"#,
            r#"meta.created gt "yesterday""#,
            r#"name eq "Alex""#,
            r#"userName[type eq "x"]"#,
            r#"emails[colour eq "red"]"#,
            r#"emails[value.x eq "red"]"#,
            r#"emails.colour eq "red""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:Group:displayName eq "a""#,
        ] {
            let filter = parse_filter(text).unwrap();
            assert!(check(&filter, Kind::User).is_err(), "{text}");
        }
    }
}
