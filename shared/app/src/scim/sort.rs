//! Sorting (RFC 7644 section 3.4.2.3).
//!
//! Nothing is stored in any order but that of making, so that sorting reads everything it sorts: it is bounded like a
//! filter that is no look-up by key.

use hourglass_domain::Timestamp;
use serde_json::{Map, Value};

use super::error::{Result, ScimError};
use super::filter::{Path, parse_path};
use super::matching::{compared, found};
use super::schema::{Attribute, Kind, Type, key_in};
use super::value::is_primary;

/// `sortBy` and `sortOrder`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortBy {
    path: Path,
    /// As written, for messages.
    written: String,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// The value by which a resource is sorted. Those of one attribute are of one kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SortKey {
    /// False comes before true.
    Truth(bool),
    /// The earlier comes first.
    Instant(Timestamp),
    /// In lower case where letter case does not count.
    Text(String),
    /// No value comes last, and first where the order is descending.
    Missing,
}

impl SortBy {
    /// Reads the two parameters. An order without anything to sort by means nothing.
    ///
    /// # Errors
    /// `invalidValue` for a path that cannot be read or has brackets, and for an order that is none.
    pub fn parse(by: Option<&str>, order: Option<&str>) -> Result<Option<Self>> {
        let descending = match order.map(str::trim).filter(|order| !order.is_empty()) {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(ScimError::value("sortOrder has to be ascending or descending.")),
        };
        let Some(by) = by.map(str::trim).filter(|by| !by.is_empty()) else {
            return Ok(None);
        };
        let path = parse_path(by).map_err(|error| ScimError::value(format!("sortBy: {error}.")))?;
        if path.filter.is_some() {
            return Err(ScimError::value("sortBy: brackets do not belong here."));
        }
        Ok(Some(Self {
            path,
            written: by.to_owned(),
            descending,
        }))
    }

    /// Checks that resources of `kind` can be sorted by it.
    ///
    /// # Errors
    /// `invalidValue` when it names nothing, something with parts, or a group's members, which are never loaded for it.
    pub fn check(&self, kind: Kind) -> Result<()> {
        self.attribute(kind).map(|_| ())
    }

    fn attribute(&self, kind: Kind) -> Result<(super::schema::Found, &'static Attribute)> {
        let refused = |why: &str| ScimError::value(format!("sortBy: {why}."));
        let unknown = || refused(&format!("there is no attribute of a {} by this name", kind.noun()));
        let attribute = found(&self.path, kind).map_err(|_| unknown())?;
        if attribute.extension.is_none() && attribute.name == "members" {
            return Err(refused("groups are not sorted by their members"));
        }
        let definition = compared(attribute.definition, self.path.sub.as_deref()).ok_or_else(unknown)?;
        if matches!(definition.kind, Type::Complex(_)) {
            return Err(refused("name one of its parts, as in name.familyName"));
        }
        Ok((attribute, definition))
    }

    /// The value by which a resource in its full representation is sorted: of several the primary one, or the first.
    /// What [`SortBy::check`] refuses has none.
    #[must_use]
    pub fn key(&self, resource: &Map<String, Value>, kind: Kind) -> SortKey {
        self.value(resource, kind).unwrap_or(SortKey::Missing)
    }

    fn value(&self, resource: &Map<String, Value>, kind: Kind) -> Option<SortKey> {
        let (attribute, definition) = self.attribute(kind).ok()?;
        let inside = |map: &Map<String, Value>, name: &str| key_in(map, name).and_then(|key| map.get(key)).cloned();
        let value = match &attribute.extension {
            None => inside(resource, &attribute.name)?,
            Some(urn) => inside(inside(resource, urn)?.as_object()?, &attribute.name)?,
        };
        let value = match value {
            Value::Array(items) => {
                let primary = items.iter().find(|item| is_primary(item)).cloned();
                primary.or_else(|| items.into_iter().next())?
            }
            one => one,
        };
        let value = match value {
            Value::Object(parts) => parts.get(definition.name)?.clone(),
            simple => simple,
        };
        match value {
            Value::Bool(truth) => Some(SortKey::Truth(truth)),
            Value::String(text) if definition.kind == Type::Instant => text.parse().ok().map(SortKey::Instant),
            Value::String(text) if definition.exact => Some(SortKey::Text(text)),
            Value::String(text) => Some(SortKey::Text(text.to_lowercase())),
            _ => None,
        }
    }

    /// Sorts. What compares equal stays in the order it came in, in either order, so that pages fit together.
    #[must_use]
    pub fn sorted<T>(&self, items: Vec<T>, key: impl Fn(&T) -> SortKey) -> Vec<T> {
        let mut keyed: Vec<(SortKey, T)> = items.into_iter().map(|item| (key(&item), item)).collect();
        keyed.sort_by(|(a, _), (b, _)| if self.descending { b.cmp(a) } else { a.cmp(b) });
        keyed.into_iter().map(|(_, item)| item).collect()
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn by(by: &str) -> SortBy {
        SortBy::parse(Some(by), None).unwrap().unwrap()
    }

    fn key(path: &str, resource: Value) -> SortKey {
        let Value::Object(resource) = resource else { panic!() };
        by(path).key(&resource, Kind::User)
    }

    #[test]
    fn each_type_has_its_own_order() {
        let text = |text: &str| SortKey::Text(text.to_owned());
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let user = json!({
            "id": "Ab",
            "userName": "ALEX",
            "active": false,
            "name": {"familyName": "Lee"},
            "emails": [{"value": "B@x"}, {"value": "A@x", "primary": true}],
            "phoneNumbers": [{"type": "work", "value": "2"}, {"type": "home", "value": "1"}],
            "meta": {"lastModified": "2026-11-21T10:00:00.000Z"},
            enterprise: {"department": "Ops", "manager": {"value": "M1"}},
        });
        for (path, expected) in [
            ("USERNAME", text("alex")),
            ("id", text("Ab")),
            ("active", SortKey::Truth(false)),
            ("name.familyName", text("lee")),
            ("emails", text("a@x")),
            ("emails.value", text("a@x")),
            ("emails.type", SortKey::Missing),
            ("phoneNumbers.type", text("work")),
            (
                "meta.lastModified",
                SortKey::Instant("2026-11-21T10:00:00Z".parse().unwrap()),
            ),
            (&format!("{enterprise}:department"), text("ops")),
            ("manager", text("M1")),
            ("nickName", SortKey::Missing),
        ] {
            assert_eq!(key(path, user.clone()), expected, "{path}");
        }
    }

    #[test]
    fn missing_ones_come_last_and_first_when_descending() {
        let items = ["b", "", "C", "a", ""].map(|name| json!({"nickName": name, "title": "x"}));
        let of = |order: &str| {
            let by = SortBy::parse(Some("nickName"), Some(order)).unwrap().unwrap();
            let key = |item: &Value| match item["nickName"].as_str() {
                Some("") => SortKey::Missing,
                _ => by.key(item.as_object().unwrap(), Kind::User),
            };
            let sorted = by.sorted(items.to_vec(), key);
            let names = sorted.iter().map(|item| item["nickName"].as_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(of("ascending"), ["a", "b", "C", "", ""]);
        assert_eq!(of("Descending"), ["", "", "C", "b", "a"]);
    }

    #[test]
    fn what_cannot_be_sorted_by_is_refused() {
        for bad in ["usrName", "name", "name.x", "password", "addresses", "userName.x"] {
            assert!(by(bad).check(Kind::User).is_err(), "{bad}");
        }
        for bad in ["members", "members.value", "userName"] {
            assert!(by(bad).check(Kind::Group).is_err(), "{bad}");
        }
        for bad in ["emails[type eq \"work\"].value", "", "a b", "../userName"] {
            let read = SortBy::parse(Some(bad), None);
            assert!(read.is_err() || read.unwrap().is_none(), "{bad}");
        }
        assert!(SortBy::parse(Some("userName"), Some("upwards")).is_err());
        assert_eq!(SortBy::parse(None, Some("descending")).unwrap(), None);
    }
}
