//! Users and groups as SCIM shows them, and which parts of them a client asked for.

use hourglass_domain::directory::{Group, User};
use hourglass_domain::ids::{ApplicationId, UserId};
use serde_json::{Map, Value, json};

use super::error::{Result, ScimError, ScimType};
use super::filter::{LONGEST_FILTER, Path, parse_path};
use super::patch::{Attributes, differences};
use super::schema::{ENTERPRISE, Kind, Named, find, is_custom, key_in};
use crate::directory::{MOST_UNIQUE_BYTES, external_id_key, name_key};
use crate::records::Stored;

/// Most bytes of a resource's attributes as JSON; the table's items end at 400 KB.
pub const MOST_RESOURCE_BYTES: usize = 100_000;
/// Most e-mail addresses of a user: replacing all of them takes twice as many of a transaction's 100 writes.
pub const MOST_EMAILS: usize = 40;
/// Name of the custom attribute that names the application.
const APPLICATION: &str = "application";

/// A resource as an answer shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Resource {
    /// The representation.
    pub body: Map<String, Value>,
    /// Its version, for `ETag`.
    pub version: u64,
    /// Its url.
    pub location: String,
}

/// The `ETag` of a version. Weak, because the same version may be shown in parts.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// Whether `header` (an `If-Match` or `If-None-Match`: `*` or a list of entity tags) names `version`. Compares weakly,
/// as RFC 7644 section 3.14 uses it.
#[must_use]
pub fn names_version(header: &str, version: u64) -> bool {
    let version = version.to_string();
    header.split(',').map(str::trim).any(|tag| {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) == Some(version.as_str())
    })
}

/// A user's attributes.
#[must_use]
pub fn user_attributes(user: &User) -> Attributes {
    let mut out = user.attributes.clone();
    out.insert("userName".to_owned(), user.user_name.clone().into());
    out.insert("active".to_owned(), user.active.into());
    insert_text(&mut out, "externalId", user.external_id.as_deref());
    insert_text(&mut out, "displayName", user.display_name.as_deref());
    out
}

/// A group's attributes, members excepted.
#[must_use]
pub fn group_attributes(group: &Group) -> Attributes {
    let mut out = group.attributes.clone();
    out.insert("displayName".to_owned(), group.display_name.clone().into());
    insert_text(&mut out, "externalId", group.external_id.as_deref());
    out
}

fn insert_text(map: &mut Attributes, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

/// A user's attributes, sorted into the fields of [`User`].
#[derive(Clone, PartialEq, Debug)]
pub(super) struct UserFields {
    pub(super) external_id: Option<String>,
    pub(super) user_name: String,
    pub(super) display_name: Option<String>,
    pub(super) active: bool,
    pub(super) attributes: Attributes,
}

/// Sorts attributes into a user's fields and checks the rules that no schema states.
pub(super) fn user_fields(mut attributes: Attributes, application: &ApplicationId) -> Result<UserFields> {
    check_size(&attributes)?;
    check_application(&attributes, application)?;
    check_emails(&attributes)?;
    let user_name = take_text(&mut attributes, "userName")?.ok_or_else(|| ScimError::value("userName is required."))?;
    check_unique("userName", &name_key(&user_name))?;
    let external_id = take_text(&mut attributes, "externalId")?;
    if let Some(external_id) = &external_id {
        check_unique("externalId", external_id)?;
    }
    Ok(UserFields {
        external_id,
        user_name,
        display_name: take_text(&mut attributes, "displayName")?,
        // RFC 7643 has no default; Entra always sends it, and an account that was created is meant to be used.
        active: attributes
            .remove("active")
            .and_then(|value| value.as_bool())
            .unwrap_or(true),
        attributes,
    })
}

/// A group's attributes, sorted into the fields of [`Group`].
#[derive(Clone, PartialEq, Debug)]
pub(super) struct GroupFields {
    pub(super) external_id: Option<String>,
    pub(super) display_name: String,
    pub(super) attributes: Attributes,
}

/// Sorts attributes into a group's fields and checks the rules that no schema states.
pub(super) fn group_fields(mut attributes: Attributes) -> Result<GroupFields> {
    check_size(&attributes)?;
    let display_name =
        take_text(&mut attributes, "displayName")?.ok_or_else(|| ScimError::value("displayName is required."))?;
    check_unique("displayName", &name_key(&display_name))?;
    let external_id = take_text(&mut attributes, "externalId")?;
    if let Some(external_id) = &external_id {
        check_unique("externalId", external_id)?;
    }
    Ok(GroupFields {
        external_id,
        display_name,
        attributes,
    })
}

fn check_size(attributes: &Attributes) -> Result<()> {
    let bytes = serde_json::to_vec(attributes).map_or(usize::MAX, |json| json.len());
    if bytes > MOST_RESOURCE_BYTES {
        let what = format!("A resource may have at most {MOST_RESOURCE_BYTES} bytes.");
        return Err(ScimError::TooLarge(what));
    }
    Ok(())
}

/// Unique values become keys of the table, which are limited in length.
fn check_unique(name: &str, compared: &str) -> Result<()> {
    if compared.trim().is_empty() {
        return Err(ScimError::value(format!("{name} must not be blank.")));
    }
    if compared.len() > MOST_UNIQUE_BYTES {
        return Err(ScimError::value(format!(
            "{name} may have at most {MOST_UNIQUE_BYTES} bytes."
        )));
    }
    Ok(())
}

/// Every address is a look-up entry of its own, written in the transaction of its user, which has room for so many.
fn check_emails(attributes: &Attributes) -> Result<()> {
    let emails = attributes.get("emails").and_then(Value::as_array);
    let emails = emails.map(Vec::as_slice).unwrap_or_default();
    if emails.len() > MOST_EMAILS {
        return Err(ScimError::value(format!("emails: at most {MOST_EMAILS} are taken.")));
    }
    let long = |email: &Value| {
        let address = email.get("value").and_then(Value::as_str);
        address.is_some_and(|address| name_key(address).len() > MOST_UNIQUE_BYTES)
    };
    if emails.iter().any(long) {
        let what = format!("emails: an address may have at most {MOST_UNIQUE_BYTES} bytes.");
        return Err(ScimError::value(what));
    }
    Ok(())
}

/// Takes a text out. Control characters are refused: these texts name people and groups in pages, mails and logs.
fn take_text(attributes: &mut Attributes, name: &str) -> Result<Option<String>> {
    match attributes.remove(name) {
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(ScimError::value(format!("{name} must not hold control characters.")))
        }
        Some(Value::String(text)) => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// The constant that Entra maps to a custom attribute `application` has to name the secret's own application: one
/// provisioning job pointed at another application's url is caught here.
fn check_application(attributes: &Attributes, application: &ApplicationId) -> Result<()> {
    for (urn, inside) in attributes.iter().filter(|(name, _)| is_custom(name)) {
        let Some(inside) = inside.as_object().filter(|_| urn != ENTERPRISE) else {
            continue;
        };
        let named = key_in(inside, APPLICATION)
            .and_then(|key| inside.get(key))
            .and_then(Value::as_str);
        if let Some(named) = named
            && named.parse::<ApplicationId>().as_ref() != Ok(application)
        {
            return Err(ScimError::value(format!(
                "{urn}:{APPLICATION} names another application than the one this SCIM secret belongs to."
            )));
        }
    }
    Ok(())
}

/// Applies the rule of `externalId` to a change: a first value is taken, the same one (object ids in any letter case)
/// changes nothing, another one or none is refused.
pub(super) fn keep_external_id(before: &Attributes, after: &mut Attributes) -> Result<()> {
    let text = |map: &Attributes| map.get("externalId").and_then(Value::as_str).map(str::to_owned);
    match (text(before), text(after)) {
        (None, _) => Ok(()),
        (Some(old), Some(new)) if external_id_key(&old) == external_id_key(&new) => {
            after.insert("externalId".to_owned(), old.into());
            Ok(())
        }
        (Some(_), _) => Err(ScimError::bad(
            ScimType::Mutability,
            "externalId cannot be changed once it has a value.",
        )),
    }
}

/// Names of changed attributes for an audit event: names only, at most [`MOST_CHANGED_NAMES`].
pub(super) fn changed_names(before: &Attributes, after: &Attributes) -> String {
    let mut names = differences(before, after);
    names.truncate(MOST_CHANGED_NAMES);
    names.join(",")
}

/// Most names of changed attributes in an audit event.
const MOST_CHANGED_NAMES: usize = 20;

/// A user's representation; `base` is the url of the SCIM endpoint.
#[must_use]
pub fn user_resource(user: &Stored<User>, base: &str) -> Resource {
    let User {
        id,
        created_at,
        modified_at,
        ..
    } = &user.value;
    let meta = (created_at.to_string(), modified_at.to_string(), user.version);
    resource(Kind::User, &id.to_string(), user_attributes(&user.value), meta, base)
}

/// A group's representation, with `members` if given; `base` is the url of the SCIM endpoint.
#[must_use]
pub fn group_resource(group: &Stored<Group>, members: Option<&[UserId]>, base: &str) -> Resource {
    let Group {
        id,
        created_at,
        modified_at,
        ..
    } = &group.value;
    let mut attributes = group_attributes(&group.value);
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        let members: Vec<Value> = members.iter().map(|member| member_json(*member, base)).collect();
        attributes.insert("members".to_owned(), members.into());
    }
    let meta = (created_at.to_string(), modified_at.to_string(), group.version);
    resource(Kind::Group, &id.to_string(), attributes, meta, base)
}

fn member_json(member: UserId, base: &str) -> Value {
    json!({"value": member.to_string(), "$ref": format!("{base}/Users/{member}"), "type": "User"})
}

fn resource(kind: Kind, id: &str, mut body: Attributes, meta: (String, String, u64), base: &str) -> Resource {
    let (created, modified, version) = meta;
    let location = format!("{base}{}/{id}", kind.endpoint());
    let mut extensions: Vec<String> = body.keys().filter(|key| key.contains(':')).cloned().collect();
    extensions.sort();
    let mut schemas = vec![kind.urn().to_owned()];
    schemas.append(&mut extensions);
    body.insert("schemas".to_owned(), schemas.into());
    body.insert("id".to_owned(), id.into());
    body.insert(
        "meta".to_owned(),
        json!({
            "resourceType": kind.resource_type(),
            "created": created,
            "lastModified": modified,
            "version": etag(version),
            "location": location,
        }),
    );
    Resource {
        body,
        version,
        location,
    }
}

/// Which attributes a client asked for (RFC 7644 section 3.9). `id` and `schemas` are always shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Projection {
    /// All.
    #[default]
    All,
    /// Only these.
    Only(Vec<Path>),
    /// All but these.
    Without(Vec<Path>),
}

impl Projection {
    /// Reads the parameters `attributes` and `excludedAttributes`, lists with commas. Names that mean nothing are
    /// ignored.
    ///
    /// # Errors
    /// `invalidValue` when both are given, or one is longer than a filter may be.
    pub fn parse(attributes: Option<&str>, excluded: Option<&str>) -> Result<Self> {
        let names = |list: &str| -> Result<Vec<Path>> {
            if list.len() > LONGEST_FILTER {
                let what = format!("attributes and excludedAttributes may have at most {LONGEST_FILTER} bytes.");
                return Err(ScimError::value(what));
            }
            Ok(list
                .split(',')
                .filter_map(|name| parse_path(name.trim()).ok())
                .collect())
        };
        let given = |list: Option<&str>| list.filter(|list| !list.trim().is_empty()).map(names).transpose();
        match (given(attributes)?, given(excluded)?) {
            (Some(_), Some(_)) => Err(ScimError::value(
                "attributes and excludedAttributes exclude each other.",
            )),
            (Some(only), None) => Ok(Self::Only(only)),
            (None, Some(without)) => Ok(Self::Without(without)),
            (None, None) => Ok(Self::All),
        }
    }

    /// Whether a group's members have to be read.
    #[must_use]
    pub fn wants_members(&self) -> bool {
        let members = |path: &Path| {
            matches!(
                named(Kind::Group, path),
                Some(Named::Attribute(found)) if found.name == "members"
            )
        };
        let whole = |path: &Path| path.attribute.is_none();
        match self {
            Self::All => true,
            Self::Only(paths) => paths.iter().any(|path| members(path) || whole(path)),
            Self::Without(paths) => !paths.iter().any(|path| members(path) && path.sub.is_none()),
        }
    }

    /// The parts of `body` that were asked for.
    #[must_use]
    pub fn apply(&self, body: Map<String, Value>, kind: Kind) -> Map<String, Value> {
        match self {
            Self::All => body,
            Self::Only(paths) => {
                let mut out = Map::new();
                for name in ["id", "schemas"] {
                    if let Some(value) = body.get(name) {
                        out.insert(name.to_owned(), value.clone());
                    }
                }
                paths.iter().for_each(|path| include(&mut out, &body, path, kind));
                prune(&mut out);
                out
            }
            Self::Without(paths) => {
                let mut out = body;
                paths.iter().for_each(|path| exclude(&mut out, path, kind));
                prune(&mut out);
                out
            }
        }
    }
}

/// What a path names. As in filters, a plain name that the core schema does not have may be one of the enterprise
/// extension.
fn named(kind: Kind, path: &Path) -> Option<Named> {
    let name = path.attribute.as_deref();
    match find(kind, path.schema.as_deref(), name) {
        None if path.schema.is_none() => find(kind, Some(ENTERPRISE), name),
        found => found,
    }
}

/// Leaves out complex values of which nothing is left.
fn prune(shown: &mut Map<String, Value>) {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    shown.retain(|_, value| match value {
        Value::Array(items) => {
            items.retain(|item| !empty(item));
            !items.is_empty()
        }
        Value::Object(inside) => {
            prune(inside);
            !inside.is_empty()
        }
        _ => true,
    });
}

fn include(out: &mut Map<String, Value>, body: &Map<String, Value>, path: &Path, kind: Kind) {
    match named(kind, path) {
        Some(Named::Resource) => {
            let plain = body.iter().filter(|(name, _)| !name.contains(':'));
            out.extend(plain.map(|(name, value)| (name.clone(), value.clone())));
        }
        Some(Named::Extension(urn)) => {
            if let Some((key, value)) = key_in(body, &urn).and_then(|key| body.get_key_value(key)) {
                out.insert(key.clone(), value.clone());
            }
        }
        Some(Named::Attribute(found)) => {
            let sub = path
                .sub
                .as_deref()
                .and_then(|sub| found.definition.sub(sub))
                .map(|sub| sub.name);
            if path.sub.is_some() && sub.is_none() {
                return;
            }
            match &found.extension {
                None => include_in(out, body, &found.name, sub),
                Some(urn) => {
                    let Some((key, Value::Object(inside))) = key_in(body, urn).and_then(|key| body.get_key_value(key))
                    else {
                        return;
                    };
                    let mut shown = match out.remove(key) {
                        Some(Value::Object(shown)) => shown,
                        _ => Map::new(),
                    };
                    include_in(&mut shown, inside, &found.name, sub);
                    if !shown.is_empty() {
                        out.insert(key.clone(), shown.into());
                    }
                }
            }
        }
        Some(Named::Ignored) | None => {}
    }
}

fn include_in(out: &mut Map<String, Value>, body: &Map<String, Value>, name: &str, sub: Option<&str>) {
    let Some((key, value)) = key_in(body, name).and_then(|key| body.get_key_value(key)) else {
        return;
    };
    let Some(sub) = sub else {
        out.insert(key.clone(), value.clone());
        return;
    };
    let part = |value: &Value, shown: Option<&Value>| {
        let mut fields = shown.and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(part) = value.get(sub) {
            fields.insert(sub.to_owned(), part.clone());
        }
        Value::from(fields)
    };
    let shown = out.get(key).cloned();
    let new = match value {
        Value::Array(items) => {
            let shown = shown.as_ref().and_then(Value::as_array);
            let at = |index: usize| shown.and_then(|shown| shown.get(index));
            let items = items.iter().enumerate().map(|(index, item)| part(item, at(index)));
            Value::from(items.collect::<Vec<_>>())
        }
        value => part(value, shown.as_ref()),
    };
    out.insert(key.clone(), new);
}

fn exclude(body: &mut Map<String, Value>, path: &Path, kind: Kind) {
    let (container, found) = match named(kind, path) {
        Some(Named::Extension(urn)) => {
            if let Some(key) = key_in(body, &urn).cloned() {
                body.remove(&key);
            }
            return;
        }
        Some(Named::Attribute(found))
            if found.extension.is_none() && matches!(found.name.as_str(), "id" | "schemas") =>
        {
            return;
        }
        Some(Named::Attribute(found)) => match &found.extension {
            None => (Some(&mut *body), found),
            Some(urn) => {
                let key = key_in(body, urn).cloned();
                let inside = key.and_then(|key| body.get_mut(&key)).and_then(Value::as_object_mut);
                (inside, found)
            }
        },
        _ => return,
    };
    let Some(container) = container else { return };
    let Some(key) = key_in(container, &found.name).cloned() else {
        return;
    };
    let Some(sub) = path.sub.as_deref() else {
        container.remove(&key);
        return;
    };
    let Some(sub) = found.definition.sub(sub) else { return };
    let without = |item: &mut Value| {
        if let Some(fields) = item.as_object_mut() {
            fields.remove(sub.name);
        }
    };
    match container.get_mut(&key) {
        Some(Value::Array(items)) => items.iter_mut().for_each(without),
        Some(value) => without(value),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(fields) => fields,
            other => panic!("{other}"),
        }
    }

    fn body() -> Map<String, Value> {
        object(json!({
            "schemas": ["s"],
            "id": "1",
            "userName": "a@x",
            "name": {"givenName": "A", "familyName": "B"},
            "emails": [{"type": "work", "value": "a@x"}, {"type": "home"}],
            ENTERPRISE: {"department": "Ops", "division": "D", "manager": {"value": "m1"}},
        }))
    }

    #[test]
    fn only_what_was_asked_for() {
        let ask = |list: &str| Value::from(Projection::parse(Some(list), None).unwrap().apply(body(), Kind::User));
        let always = |rest: Value| {
            let mut all = object(rest);
            all.insert("id".to_owned(), "1".into());
            all.insert("schemas".to_owned(), json!(["s"]));
            Value::from(all)
        };
        assert_eq!(ask("USERNAME"), always(json!({"userName": "a@x"})));
        assert_eq!(ask("nonsense, 7"), always(json!({})));
        assert_eq!(
            ask("name.givenName,emails.value,emails.type"),
            always(json!({
                "name": {"givenName": "A"},
                "emails": [{"type": "work", "value": "a@x"}, {"type": "home"}],
            }))
        );
        assert_eq!(
            ask(&format!("{ENTERPRISE}:division")),
            always(json!({ENTERPRISE: {"division": "D"}}))
        );
        assert_eq!(
            ask("manager.value"),
            always(json!({ENTERPRISE: {"manager": {"value": "m1"}}}))
        );
        // A complex value of which nothing is left is no value.
        assert_eq!(ask("name.middleName,manager.displayName"), always(json!({})));
        assert_eq!(ask("emails.value"), always(json!({"emails": [{"value": "a@x"}]})));
        assert_eq!(
            ask(ENTERPRISE),
            always(json!({ENTERPRISE: {"department": "Ops", "division": "D", "manager": {"value": "m1"}}}))
        );
    }

    #[test]
    fn all_but_what_was_excluded() {
        let list = format!("id,name.givenName,emails,{ENTERPRISE}:division,manager.value");
        let out = Projection::parse(None, Some(&list)).unwrap().apply(body(), Kind::User);
        assert_eq!(
            Value::from(out),
            json!({
                "schemas": ["s"],
                "id": "1",
                "userName": "a@x",
                "name": {"familyName": "B"},
                ENTERPRISE: {"department": "Ops"},
            })
        );
        assert!(Projection::parse(Some("a"), Some("b")).is_err());
    }

    #[test]
    fn members_are_read_only_when_wanted() {
        let wants =
            |only: Option<&str>, without: Option<&str>| Projection::parse(only, without).unwrap().wants_members();
        assert!(wants(None, None));
        assert!(wants(Some("MEMBERS.value"), None));
        assert!(!wants(Some("id"), None));
        assert!(!wants(None, Some("Members")));
        assert!(wants(None, Some("members.$ref")));
    }

    #[test]
    fn versions_are_compared_weakly() {
        for header in ["*", "W/\"3\"", "\"3\"", "W/\"1\", W/\"3\""] {
            assert!(names_version(header, 3), "{header}");
        }
        for header in ["", "3", "W/\"33\"", "W/3", "\"W/3\""] {
            assert!(!names_version(header, 3), "{header}");
        }
    }

    #[test]
    fn the_application_constant_has_to_be_the_secrets_own() {
        let application: ApplicationId = "contoso.example".parse().unwrap();
        let user = |urn: &str, name: &str, value: &str| object(json!({"userName": "a", urn: {name: value}}));
        let custom = "urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User";
        for (name, value) in [
            ("application", "contoso.example"),
            ("Application", "CONTOSO.example"),
            ("x", "y"),
        ] {
            assert!(
                user_fields(user(custom, name, value), &application).is_ok(),
                "{name} {value}"
            );
        }
        for (urn, name, value) in [
            (custom, "application", "fabrikam.example"),
            (custom, "APPLICATION", "x"),
            (
                "URN:ietf:params:scim:schemas:extension:x:2.0:user",
                "application",
                "fabrikam.example",
            ),
        ] {
            let error = user_fields(user(urn, name, value), &application).unwrap_err();
            assert_eq!(error.scim_type(), Some(ScimType::InvalidValue));
        }
    }

    #[test]
    fn external_ids_are_set_once() {
        let of = |value: Option<&str>| {
            let mut map = Attributes::new();
            insert_text(&mut map, "externalId", value);
            map
        };
        let guid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        let upper = guid.to_uppercase();
        for (before, after, expected) in [
            (None, Some("a"), Some(Some("a"))),
            (Some("a"), Some("a"), Some(Some("a"))),
            (Some(guid), Some(upper.as_str()), Some(Some(guid))),
            (Some("a"), Some("A"), None),
            (Some("a"), None, None),
        ] {
            let mut changed = of(after);
            let outcome = keep_external_id(&of(before), &mut changed);
            assert_eq!(outcome.is_ok(), expected.is_some(), "{before:?} {after:?}");
            if let Some(expected) = expected {
                assert_eq!(changed, of(expected));
            }
        }
    }
}
