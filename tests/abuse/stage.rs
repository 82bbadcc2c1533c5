//! A stage of the abuse cases' own, so that each of them can add to it what it needs.

use std::ops::Deref;

use anyhow::Context as _;
use hourglass_tests::{Answer, stage};
use reqwest::Method;
use serde_json::Value;

/// A running company of one's own.
pub(crate) struct Stage(stage::Stage);

impl Deref for Stage {
    type Target = stage::Stage;

    fn deref(&self) -> &stage::Stage {
        &self.0
    }
}

/// A company with a short duration and a quick proof of absence.
pub(crate) async fn stage() -> anyhow::Result<Stage> {
    Ok(Stage(stage::stage().await?))
}

impl Stage {
    /// One that was started in another way.
    pub(crate) const fn of(stage: stage::Stage) -> Self {
        Self(stage)
    }

    /// Ends the system in good order.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }

    /// A request to `/scim/v2` with the company's own secret.
    pub(crate) fn scim(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http()
            .request(method, format!("{}{path}", self.ready.scim.url))
            .header("content-type", "application/scim+json")
            .bearer_auth(&self.ready.scim.token)
    }

    /// Sends a SCIM call with a body.
    pub(crate) async fn scim_send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(self.scim(method, path).body(body.to_string())).await
    }

    /// The SCIM id of what has this object id; `kind` is `Users` or `Groups`.
    pub(crate) async fn scim_id(&self, kind: &str, object_id: impl ToString) -> anyhow::Result<String> {
        let filter = format!("externalId eq \"{}\"", object_id.to_string());
        let found = self.send(self.scim(Method::GET, &format!("/{kind}")).query(&[("filter", filter)]));
        let found = found.await?.ok()?;
        Ok(found["Resources"][0]["id"]
            .as_str()
            .context("not provisioned")?
            .to_owned())
    }
}
