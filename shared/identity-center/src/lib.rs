//! AWS IAM Identity Center over its SCIM endpoint.
//!
//! What is here asks whether an endpoint takes a token. The url came from an admin, so that it is held to AWS's spelling once
//! more before anything is sent (`ScimUrl`), the address that its host name stands for has to be a public one
//! (`address.rs`), and redirects are not followed (abuse case 54).

mod address;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use hourglass_app::ports::identity_center::{IdentityCenter, IdentityCenterError};
use hourglass_app::ports::secrets::{Freshness, SecretError, Secrets};
use hourglass_domain::identity_center::ScimUrl;
use hourglass_domain::ids::ApplicationId;
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use wire::{Answer, LIMITS, Limits, Silence, Wire};

/// What `ServiceProviderConfig` says that it is (RFC 7643 section 8.5).
const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// What a list says that it is (RFC 7644 section 3.4.2).
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// [`IdentityCenter`] over SCIM.
pub struct ScimIdentityCenter {
    secrets: Arc<dyn Secrets>,
    local: bool,
    limits: Limits,
    wire: Wire,
}

impl ScimIdentityCenter {
    /// Nothing is opened or asked before the first call. With `local`, which is for machines that reach nothing outside,
    /// endpoints may be addresses of this machine.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, local: bool) -> Self {
        Self::with_limits(secrets, local, LIMITS)
    }

    fn with_limits(secrets: Arc<dyn Secrets>, local: bool, limits: Limits) -> Self {
        Self {
            secrets,
            local,
            limits,
            wire: Wire::new(!local, limits),
        }
    }

    /// The token that was entered for this url, as it is stored now: whoever tests has just entered it.
    async fn token(
        &self,
        application: &ApplicationId,
        url: &ScimUrl,
        deadline: Instant,
    ) -> Result<SecretString, IdentityCenterError> {
        let read = timeout_at(deadline, self.secrets.aws(application, Freshness::Now)).await;
        match read {
            Ok(Ok(credentials)) if credentials.url == *url => Ok(credentials.access_token),
            Ok(Ok(_) | Err(SecretError::Missing { .. })) => Err(IdentityCenterError::NoToken),
            Ok(Err(error)) => Err(IdentityCenterError::Secret(error.to_string())),
            Err(_) => Err(IdentityCenterError::Secret(
                "the secret store does not answer in time".to_owned(),
            )),
        }
    }

    /// Asks for what says that it is `schema`.
    async fn ask(
        &self,
        url: &ScimUrl,
        path: &str,
        schema: &str,
        token: &SecretString,
        deadline: Instant,
    ) -> Result<(), IdentityCenterError> {
        // The url ends in a slash: no path begins with one.
        let answer = self.wire.get(&format!("{url}{path}"), token, deadline).await;
        judge(answer, schema)
    }
}

/// What an answer means for whoever tests. What the other side says in its own words is left out: it may be anything.
fn judge(answer: Result<Answer, Silence>, schema: &str) -> Result<(), IdentityCenterError> {
    let strange = |why: &str| Err(IdentityCenterError::NotIdentityCenter(why.to_owned()));
    let answer = match answer {
        Ok(answer) => answer,
        Err(Silence::TooLarge) => return strange("its answer is too large"),
        Err(silence) => return Err(IdentityCenterError::Unreachable(silence.to_string())),
    };
    match answer.status {
        200 if says(&answer.body, schema) => Ok(()),
        200 => strange("its answer is not what SCIM prescribes"),
        status @ (401 | 403) => Err(IdentityCenterError::TokenRefused { status }),
        300..=399 => strange("it leads elsewhere, where no token is sent"),
        429 => Err(IdentityCenterError::Unreachable(
            "it answers fewer calls now (429)".to_owned(),
        )),
        status @ 500.. => Err(IdentityCenterError::Unreachable(format!(
            "it answers with status {status}"
        ))),
        status => strange(&format!("it answers with status {status}")),
    }
}

fn says(body: &[u8], schema: &str) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let schemas = body.get("schemas").and_then(Value::as_array);
    schemas.is_some_and(|schemas| schemas.iter().any(|said| said == schema))
}

#[async_trait]
impl IdentityCenter for ScimIdentityCenter {
    async fn test(&self, application: &ApplicationId, url: &ScimUrl) -> Result<(), IdentityCenterError> {
        let deadline = Instant::now() + self.limits.call;
        if !url.holds(self.local) {
            return Err(IdentityCenterError::NotIdentityCenter(
                "the stored url is none of AWS's".to_owned(),
            ));
        }
        let token = self.token(application, url, deadline).await?;
        self.ask(url, "ServiceProviderConfig", CONFIG, &token, deadline).await?;
        self.ask(url, "Users?count=1", LIST, &token, deadline).await
    }
}

impl fmt::Debug for ScimIdentityCenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScimIdentityCenter")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}
