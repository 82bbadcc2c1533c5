//! What a user and a group consist of: one table that decides which input is taken, how values compare, and what
//! `/Schemas` says, so that discovery cannot promise anything else than the server does.
//!
//! Two departures from RFC 7643 section 8.7.1, both told in `/Schemas`: `externalId` is immutable (it carries Entra's
//! object id, on which identity rests), and `active` always has a value.

use serde_json::{Map, Value, json};

/// URN of the core user schema.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the core group schema.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// URN of the enterprise extension (RFC 7643 section 4.3).
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// How the URN of every extension begins.
const EXTENSION_PREFIX: &str = "urn:ietf:params:scim:schemas:extension:";
/// How the URN of a user's extension ends.
const EXTENSION_SUFFIX: &str = ":2.0:User";
/// Longest `<Name>` of a custom extension, in bytes.
const LONGEST_EXTENSION_NAME: usize = 64;
/// Longest attribute name in a custom extension, in bytes.
const LONGEST_CUSTOM_NAME: usize = 64;

/// Which kind of resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Users.
    User,
    /// Groups.
    Group,
}

impl Kind {
    /// For messages.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// `meta.resourceType`.
    #[must_use]
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint, with a leading slash.
    #[must_use]
    pub const fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// URN of the core schema.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    const fn core(self) -> &'static [Attribute] {
        match self {
            Self::User => USER_ATTRIBUTES,
            Self::Group => GROUP_ATTRIBUTES,
        }
    }
}

/// The type of an attribute's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// An instant, as text.
    Instant,
    /// A URI or a reference to a resource, as text.
    Reference(&'static [&'static str]),
    /// An object.
    Complex(&'static [Attribute]),
}

/// Who may change an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutability {
    /// The client.
    ReadWrite,
    /// The client, once.
    Immutable,
    /// Only the server.
    ReadOnly,
}

/// An attribute's definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// Its values' type.
    pub kind: Type,
    /// Whether it has a list of values.
    pub multi: bool,
    /// Whether it always has a value.
    pub required: bool,
    /// Whether letter case counts in comparisons.
    pub exact: bool,
    /// Who may change it.
    pub mutability: Mutability,
    /// Whether no two resources of an application share a value.
    pub unique: bool,
    /// Usual values.
    pub usual: &'static [&'static str],
    /// Whether control characters are refused: these texts name people in pages, mails and logs.
    pub plain: bool,
}

impl Attribute {
    /// The sub-attributes; none for simple ones.
    #[must_use]
    pub const fn subs(&self) -> &'static [Self] {
        match self.kind {
            Type::Complex(subs) => subs,
            _ => &[],
        }
    }

    /// The sub-attribute by that name, in any letter case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&'static Self> {
        self.subs().iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    const fn multi(mut self) -> Self {
        self.multi = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    const fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    const fn usual(mut self, usual: &'static [&'static str]) -> Self {
        self.usual = usual;
        self
    }

    fn json(&self) -> Value {
        let mut out = json!({
            "name": self.name,
            "description": self.description,
            "type": match self.kind {
                Type::Text => "string",
                Type::Boolean => "boolean",
                Type::Instant => "dateTime",
                Type::Reference(_) => "reference",
                Type::Complex(_) => "complex",
            },
            "multiValued": self.multi,
            "required": self.required,
            "mutability": match self.mutability {
                Mutability::ReadWrite => "readWrite",
                Mutability::Immutable => "immutable",
                Mutability::ReadOnly => "readOnly",
            },
            "returned": "default",
        });
        if let Value::Object(fields) = &mut out {
            if !matches!(self.kind, Type::Complex(_) | Type::Boolean) {
                fields.insert("caseExact".to_owned(), self.exact.into());
                let uniqueness = if self.unique { "server" } else { "none" };
                fields.insert("uniqueness".to_owned(), uniqueness.into());
            }
            if let Type::Reference(types) = self.kind {
                fields.insert("referenceTypes".to_owned(), json!(types));
            }
            if !self.usual.is_empty() {
                fields.insert("canonicalValues".to_owned(), json!(self.usual));
            }
            if !self.subs().is_empty() {
                let subs: Vec<Value> = self.subs().iter().map(Self::json).collect();
                fields.insert("subAttributes".to_owned(), subs.into());
            }
        }
        out
    }
}

const fn attribute(name: &'static str, kind: Type, description: &'static str) -> Attribute {
    Attribute {
        name,
        description,
        kind,
        multi: false,
        required: false,
        exact: false,
        mutability: Mutability::ReadWrite,
        unique: false,
        usual: &[],
        plain: false,
    }
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    attribute(name, Type::Text, description)
}

const fn boolean(name: &'static str, description: &'static str) -> Attribute {
    attribute(name, Type::Boolean, description)
}

const fn reference(name: &'static str, to: &'static [&'static str], description: &'static str) -> Attribute {
    attribute(name, Type::Reference(to), description).exact()
}

const fn complex(name: &'static str, subs: &'static [Attribute], description: &'static str) -> Attribute {
    attribute(name, Type::Complex(subs), description)
}

const PRIMARY: Attribute = boolean("primary", "Whether this is the preferred one; at most one is.");
const DISPLAY: Attribute = text("display", "A name for people.");
const EXTERNAL_ID: Attribute = text(
    "externalId",
    "The identifier that the provisioning client gave: Entra's object id. Cannot be changed once it has a value.",
)
.exact()
.immutable()
.unique();

const fn type_of(usual: &'static [&'static str]) -> Attribute {
    text("type", "What the value is for.").usual(usual)
}

/// `value`, `display`, `type` and `primary`, as most multi-valued attributes have them.
macro_rules! values {
    ($value:expr, $usual:expr) => {
        &[$value, DISPLAY, type_of($usual), PRIMARY]
    };
}

const USER_ATTRIBUTES: &[Attribute] = &[
    EXTERNAL_ID,
    text(
        "userName",
        "The name by which the user signs in: Entra's user principal name.",
    )
    .required()
    .unique(),
    complex(
        "name",
        &[
            text("formatted", "The whole name.").plain(),
            text("familyName", "Family name.").plain(),
            text("givenName", "Given name.").plain(),
            text("middleName", "Middle names.").plain(),
            text("honorificPrefix", "Title before the name.").plain(),
            text("honorificSuffix", "Title after the name.").plain(),
        ],
        "The parts of the name.",
    ),
    text("displayName", "The name for people."),
    text("nickName", "What friends say."),
    reference("profileUrl", &["external"], "A page about the user."),
    text("title", "Job title."),
    text(
        "userType",
        "How the user belongs to the organisation; Entra's guests are \"Guest\".",
    ),
    text("preferredLanguage", "Preferred language (RFC 9110, Accept-Language)."),
    text("locale", "Where the user is, for formats."),
    text("timezone", "Time zone of the IANA list."),
    boolean(
        "active",
        "Whether the account may be used. Setting it to false ends all access that was granted to the user.",
    )
    .required(),
    complex(
        "emails",
        values!(text("value", "The address.").plain(), &["work", "home", "other"]),
        "Mail addresses.",
    )
    .multi(),
    complex(
        "phoneNumbers",
        values!(
            text("value", "The number, kept as sent."),
            &["work", "home", "mobile", "fax", "pager", "other"]
        ),
        "Telephone numbers.",
    )
    .multi(),
    complex(
        "ims",
        values!(
            text("value", "The address."),
            &["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]
        ),
        "Instant messaging addresses.",
    )
    .multi(),
    complex(
        "photos",
        values!(
            reference("value", &["external"], "Where the picture is."),
            &["photo", "thumbnail"]
        ),
        "Pictures.",
    )
    .multi(),
    complex(
        "addresses",
        &[
            text("formatted", "The whole address."),
            text("streetAddress", "Street and house number."),
            text("locality", "Town."),
            text("region", "State or region."),
            text("postalCode", "Postal code."),
            text("country", "Country, two letters (ISO 3166-1)."),
            type_of(&["work", "home", "other"]),
            PRIMARY,
        ],
        "Postal addresses.",
    )
    .multi(),
    complex(
        "entitlements",
        values!(text("value", "The entitlement."), &[]),
        "Entitlements elsewhere.",
    )
    .multi(),
    complex(
        "roles",
        values!(text("value", "The role; kept, and of no effect here."), &[]),
        "Roles elsewhere: none of them gives a role in Hourglass.",
    )
    .multi(),
];

const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    text("employeeNumber", "Number in the organisation."),
    text("costCenter", "Cost centre."),
    text("organization", "Organisation."),
    text("division", "Division."),
    text("department", "Department."),
    complex(
        "manager",
        &[
            text("value", "The manager's id.").exact(),
            reference("$ref", &["User"], "The manager's location."),
            text("displayName", "The manager's name.").read_only(),
        ],
        "The manager.",
    ),
];

const GROUP_ATTRIBUTES: &[Attribute] = &[
    EXTERNAL_ID,
    text("displayName", "The group's name.").required().unique(),
    complex(
        "members",
        &[
            text("value", "The member's id.").exact().immutable(),
            reference("$ref", &["User"], "The member's location.").immutable(),
            text("type", "What the member is; groups in groups are not taken.")
                .immutable()
                .usual(&["User"]),
        ],
        "The members. Shown wherever the group is, unless left out with excludedAttributes; a PATCH shows nothing unless \
         asked for.",
    )
    .multi(),
];

/// Attributes of every resource that only the server sets (RFC 7643 section 3.1).
const COMMON_ATTRIBUTES: &[Attribute] = &[
    text("id", "Our identifier.").exact().read_only(),
    attribute("schemas", Type::Reference(&["uri"]), "URNs of the schemas in use.")
        .multi()
        .read_only(),
    complex(
        "meta",
        &[
            text("resourceType", "User or Group.").exact().read_only(),
            attribute("created", Type::Instant, "When it was made.").read_only(),
            attribute("lastModified", Type::Instant, "When it last changed.").read_only(),
            reference("location", &["uri"], "Where it is.").read_only(),
            text("version", "Its version, as in ETag.").exact().read_only(),
        ],
        "About the resource.",
    )
    .read_only(),
];

/// Attributes that RFC 7643 has and this server does not keep. They are ignored where they come with a resource: a
/// password has no place here at all.
const IGNORED: &[&str] = &["password", "groups", "x509Certificates"];

/// Every attribute of a custom extension: text, single-valued (all that Entra can send).
static CUSTOM: Attribute = text("", "A custom attribute.");

/// An attribute that a path or a filter names, with its place in a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// URN of the extension it lies in; `None` for the core schema.
    pub extension: Option<String>,
    /// Its name in the resource.
    pub name: String,
    /// Its definition.
    pub definition: &'static Attribute,
}

/// What a schema and an attribute name stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// The resource itself (the core schema as a whole).
    Resource,
    /// An extension as a whole, by its URN.
    Extension(String),
    /// An attribute.
    Attribute(Found),
    /// An attribute of the RFC that is not kept.
    Ignored,
}

/// Looks up what `schema` and `attribute` (as in [`super::filter::Path`]) name in resources of `kind`; names compare
/// without regard to letter case. `None` when there is nothing by that name.
#[must_use]
pub fn find(kind: Kind, schema: Option<&str>, attribute: Option<&str>) -> Option<Named> {
    let core = schema.is_none_or(|schema| schema.eq_ignore_ascii_case(kind.urn()));
    match (schema, attribute) {
        (_, None) if core => Some(Named::Resource),
        (_, Some(name)) if core => find_core(kind, name),
        (Some(schema), _) => find_extension(kind, schema, attribute),
        (None, _) => None,
    }
}

fn find_core(kind: Kind, name: &str) -> Option<Named> {
    let known = kind.core().iter().chain(COMMON_ATTRIBUTES);
    let found = known.into_iter().find(|known| known.name.eq_ignore_ascii_case(name));
    if let Some(definition) = found {
        return Some(Named::Attribute(Found {
            extension: None,
            name: definition.name.to_owned(),
            definition,
        }));
    }
    IGNORED
        .iter()
        .any(|ignored| kind == Kind::User && ignored.eq_ignore_ascii_case(name))
        .then_some(Named::Ignored)
}

fn find_extension(kind: Kind, schema: &str, attribute: Option<&str>) -> Option<Named> {
    if kind != Kind::User {
        return None;
    }
    let enterprise = schema.eq_ignore_ascii_case(ENTERPRISE);
    if !enterprise && !is_custom(schema) {
        return None;
    }
    let urn = if enterprise { ENTERPRISE } else { schema };
    let Some(name) = attribute else {
        return Some(Named::Extension(urn.to_owned()));
    };
    let (name, definition) = if enterprise {
        let known = ENTERPRISE_ATTRIBUTES
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))?;
        (known.name, known)
    } else if name.len() <= LONGEST_CUSTOM_NAME {
        (name, &CUSTOM)
    } else {
        return None;
    };
    Some(Named::Attribute(Found {
        extension: Some(urn.to_owned()),
        name: name.to_owned(),
        definition,
    }))
}

/// Whether `urn` is `urn:ietf:params:scim:schemas:extension:<Name>:2.0:User`.
#[must_use]
pub fn is_custom(urn: &str) -> bool {
    let name = urn
        .get(..EXTENSION_PREFIX.len())
        .filter(|start| start.eq_ignore_ascii_case(EXTENSION_PREFIX))
        .and_then(|_| urn.get(EXTENSION_PREFIX.len()..))
        .and_then(|rest| {
            let at = rest.len().checked_sub(EXTENSION_SUFFIX.len())?;
            let (name, end) = (rest.get(..at)?, rest.get(at..)?);
            end.eq_ignore_ascii_case(EXTENSION_SUFFIX).then_some(name)
        });
    name.is_some_and(|name| {
        (1..=LONGEST_EXTENSION_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    })
}

/// The key of `map` that equals `name` without regard to letter case.
#[must_use]
pub fn key_in<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a String> {
    map.get_key_value(name)
        .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(key, _)| key)
}

/// A schema as `/Schemas` shows it.
fn schema_json(base: &str, urn: &str, name: &str, description: &str, attributes: &[Attribute]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": urn,
        "name": name,
        "description": description,
        "attributes": attributes.iter().map(Attribute::json).collect::<Vec<_>>(),
        "meta": {"resourceType": "Schema", "location": format!("{base}/Schemas/{urn}")},
    })
}

/// All schemas; `base` is the url of the SCIM endpoint.
#[must_use]
pub fn schemas(base: &str) -> Vec<Value> {
    vec![
        schema_json(base, USER, "User", "A user account", USER_ATTRIBUTES),
        schema_json(
            base,
            ENTERPRISE,
            "EnterpriseUser",
            "Enterprise user",
            ENTERPRISE_ATTRIBUTES,
        ),
        schema_json(base, GROUP, "Group", "A group", GROUP_ATTRIBUTES),
    ]
}

/// Both resource types; `base` is the url of the SCIM endpoint.
#[must_use]
pub fn resource_types(base: &str) -> Vec<Value> {
    [Kind::User, Kind::Group]
        .into_iter()
        .map(|kind| {
            let name = kind.resource_type();
            let mut out = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": name,
                "name": name,
                "description": format!("A {}", kind.noun()),
                "endpoint": kind.endpoint(),
                "schema": kind.urn(),
                "meta": {"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}")},
            });
            if let (Kind::User, Value::Object(fields)) = (kind, &mut out) {
                let extensions = json!([{"schema": ENTERPRISE, "required": false}]);
                fields.insert("schemaExtensions".to_owned(), extensions);
            }
            out
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: Kind, schema: Option<&str>, attribute: &str) -> Option<(Option<String>, String)> {
        match find(kind, schema, Some(attribute)) {
            Some(Named::Attribute(found)) => Some((found.extension, found.name)),
            _ => None,
        }
    }

    #[test]
    fn names_and_urns_compare_without_regard_to_case() {
        assert_eq!(named(Kind::User, None, "USERNAME"), Some((None, "userName".to_owned())));
        assert_eq!(
            named(Kind::User, Some(&USER.to_uppercase()), "username"),
            Some((None, "userName".to_owned()))
        );
        assert_eq!(
            named(Kind::User, Some(&ENTERPRISE.to_lowercase()), "DEPARTMENT"),
            Some((Some(ENTERPRISE.to_owned()), "department".to_owned()))
        );
        assert_eq!(find(Kind::Group, None, Some("userName")), None);
        assert_eq!(find(Kind::User, Some(ENTERPRISE), Some("userName")), None);
        assert_eq!(find(Kind::User, None, Some("PASSWORD")), Some(Named::Ignored));
    }

    #[test]
    fn custom_extensions_have_one_form() {
        assert!(is_custom("urn:ietf:params:scim:schemas:extension:Hourglass:2.0:User"));
        assert!(is_custom("URN:ietf:params:scim:schemas:extension:a-b_c.d:2.0:user"));
        for bad in [
            "urn:ietf:params:scim:schemas:extension::2.0:User",
            "urn:ietf:params:scim:schemas:extension:2.0:User",
            "urn:ietf:params:scim:schemas:extension:a b:2.0:User",
            "urn:ietf:params:scim:schemas:extension:a:b:2.0:User",
            "urn:ietf:params:scim:schemas:extension:a:2.0:Group",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
            &format!("urn:ietf:params:scim:schemas:extension:{}:2.0:User", "x".repeat(65)),
        ] {
            assert!(!is_custom(bad), "{bad}");
        }
    }

    #[test]
    fn what_schemas_say_holds_no_null_and_every_promise() {
        fn walk(value: &Value) {
            match value {
                Value::Null => panic!("null"),
                Value::Array(items) => items.iter().for_each(walk),
                Value::Object(fields) => fields.values().for_each(walk),
                _ => {}
            }
        }
        let all = Value::from(schemas("https://x/scim/v2"));
        walk(&all);
        let external_id = &all[0]["attributes"][0];
        assert_eq!(external_id["name"], "externalId");
        assert_eq!(external_id["mutability"], "immutable");
    }
}
