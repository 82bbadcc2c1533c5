//! The JSON that a secret holds.
//!
//! Azure: `{"schema":1,"tenant_id":"…","client_id":"…","client_secret":"…"}`; AWS:
//! `{"schema":1,"url":"…","access_token":"…"}`. Unknown fields are ignored when reading, so that
//! a field can be added before every reader knows it; a change that old readers would misunderstand gets a new schema
//! number, which they refuse.

use hourglass_app::ports::secrets::{AwsCredentials, AzureCredentials};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::TenantId;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The version of the shape that this code reads and writes.
const SCHEMA: u32 = 1;

#[derive(Deserialize)]
struct StoredSchema {
    schema: u32,
}

#[derive(Deserialize)]
struct StoredAzure {
    tenant_id: TenantId,
    client_id: String,
    client_secret: SecretString,
}

#[derive(Serialize)]
struct NewAzure<'a> {
    schema: u32,
    tenant_id: TenantId,
    client_id: &'a str,
    client_secret: &'a str,
}

#[derive(Deserialize)]
struct StoredAws {
    url: ScimUrl,
    access_token: SecretString,
}

#[derive(Serialize)]
struct NewAws<'a> {
    schema: u32,
    url: &'a ScimUrl,
    access_token: &'a str,
}

/// Reads what is stored in the shape of `T`.
fn read<T: DeserializeOwned>(text: &SecretString) -> Result<T, Failure> {
    let text = text.expose_secret();
    // The schema first: of another one nothing else is known.
    let StoredSchema { schema } = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    if schema != SCHEMA {
        return Err(Failure::Malformed(
            "it has a schema that this version does not know".to_owned(),
        ));
    }
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// Reads AWS credentials.
pub(crate) fn read_aws(text: &SecretString) -> Result<AwsCredentials, Failure> {
    let StoredAws { url, access_token } = read(text)?;
    if access_token.expose_secret().is_empty() {
        return Err(Failure::Malformed("access_token is empty".to_owned()));
    }
    Ok(AwsCredentials { url, access_token })
}

/// Writes AWS credentials.
pub(crate) fn write_aws(credentials: &AwsCredentials) -> Result<SecretString, Failure> {
    serde_json::to_string(&NewAws {
        schema: SCHEMA,
        url: &credentials.url,
        access_token: credentials.access_token.expose_secret(),
    })
    .map(SecretString::from)
    .map_err(|error| malformed(&error))
}

/// Reads Azure credentials.
pub(crate) fn read_azure(text: &SecretString) -> Result<AzureCredentials, Failure> {
    let stored: StoredAzure = read(text)?;
    if stored.client_id.is_empty() || stored.client_secret.expose_secret().is_empty() {
        return Err(Failure::Malformed("client_id or client_secret is empty".to_owned()));
    }
    Ok(AzureCredentials {
        tenant: stored.tenant_id,
        client_id: stored.client_id,
        client_secret: stored.client_secret,
    })
}

/// Writes Azure credentials.
pub(crate) fn write_azure(credentials: &AzureCredentials) -> Result<SecretString, Failure> {
    serde_json::to_string(&NewAzure {
        schema: SCHEMA,
        tenant_id: credentials.tenant,
        client_id: &credentials.client_id,
        client_secret: credentials.client_secret.expose_secret(),
    })
    .map(SecretString::from)
    .map_err(|error| malformed(&error))
}

/// Says where the text is wrong, not how: serde quotes the value that it did not expect.
fn malformed(error: &serde_json::Error) -> Failure {
    Failure::Malformed(format!(
        "it is not the JSON of an integration ({:?} error at line {}, column {})",
        error.classify(),
        error.line(),
        error.column()
    ))
}
