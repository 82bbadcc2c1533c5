//! What the server says of itself (RFC 7644 section 4): only what it does.

use serde_json::{Map, Value, json};

use super::error::{Result, ScimError};
use super::query::{DEFAULT_COUNT, MOST_COUNT};
use super::schema;

/// `/ServiceProviderConfig`; `base` is the url of the SCIM endpoint.
#[must_use]
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": MOST_COUNT},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MOST_COUNT,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer secret",
            "description": "The application's SCIM secret in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// `/Schemas`.
#[must_use]
pub fn schemas(base: &str) -> Value {
    list(schema::schemas(base))
}

/// `/ResourceTypes`.
#[must_use]
pub fn resource_types(base: &str) -> Value {
    list(schema::resource_types(base))
}

/// `/Schemas/{urn}`.
///
/// # Errors
/// [`ScimError::NotFound`].
pub fn schema(base: &str, urn: &str) -> Result<Value> {
    one(schema::schemas(base), urn, "schema")
}

/// `/ResourceTypes/{name}`.
///
/// # Errors
/// [`ScimError::NotFound`].
pub fn resource_type(base: &str, name: &str) -> Result<Value> {
    one(schema::resource_types(base), name, "resource type")
}

fn one(all: Vec<Value>, id: &str, what: &'static str) -> Result<Value> {
    let is_it = |value: &Value| {
        value
            .get("id")
            .and_then(Value::as_str)
            .is_some_and(|known| known.eq_ignore_ascii_case(id))
    };
    all.into_iter().find(is_it).ok_or(ScimError::NotFound { what })
}

fn list(resources: Vec<Value>) -> Value {
    let count = resources.len();
    Map::from_iter([
        ("schemas".to_owned(), json!([super::query::LIST_RESPONSE])),
        ("totalResults".to_owned(), count.into()),
        ("startIndex".to_owned(), 1.into()),
        ("itemsPerPage".to_owned(), count.into()),
        ("Resources".to_owned(), resources.into()),
    ])
    .into()
}
