//! A company whose admins and approvers have passkeys.

use crate::desk::Desk;
use crate::stage::{Stage, stage_with};
use anyhow::{Context as _, ensure};
use hourglass_domain::roles::{Role, Roles};
use hourglass_local::company::Person;
use hourglass_local::system::SET_UP_CODE;
use serde_json::{Value, json};

/// How long new keys cool down here, in seconds: longer than any of these tests.
const COOL_DOWN: i64 = 3_600;

/// Every app role but that of an admin.
#[must_use]
pub fn everyday() -> Roles {
    [Role::Requester, Role::Approver].into()
}

/// With that of an admin.
#[must_use]
pub fn admin() -> Roles {
    [Role::Requester, Role::Approver, Role::Admin].into()
}

/// A company in which nobody has a passkey, and new ones cool down for long. One admin changes the configuration, however
/// many have signed in.
///
/// # Errors
/// When that does not work.
pub async fn company() -> anyhow::Result<Stage> {
    stage_with(|options| {
        options.key_cool_down_seconds = COOL_DOWN;
        options.two_person = false;
    })
    .await
}

/// As [`company`], with keys that count at once.
///
/// # Errors
/// When that does not work.
pub async fn company_without_cool_down() -> anyhow::Result<Stage> {
    stage_with(|options| {
        options.key_cool_down_seconds = 0;
        options.two_person = false;
    })
    .await
}

/// A company in which nobody has a passkey, new ones count at once, and changes of the configuration take two admins.
///
/// # Errors
/// When that does not work.
pub async fn company_of_two() -> anyhow::Result<Stage> {
    stage_with(|options| options.key_cool_down_seconds = 0).await
}

/// The very first admin, with a key that the code from set-up confirmed.
///
/// # Errors
/// When that does not work.
pub async fn first_admin(stage: &Stage) -> anyhow::Result<Desk> {
    let mut browser = Desk::of(stage, &stage.company.admin, admin()).await?;
    let credential = browser.add_key("first").await?;
    browser.use_set_up_code(&credential, SET_UP_CODE).await?;
    Ok(browser)
}

/// Somebody with a key that an admin confirmed.
///
/// # Errors
/// When that does not work.
pub async fn with_key(stage: &Stage, admin: &mut Desk, person: &Person, roles: Roles) -> anyhow::Result<Desk> {
    let mut browser = Desk::of(stage, person, roles).await?;
    let credential = browser.add_key("laptop").await?;
    let user = user_of(stage, person).await?;
    let asked = json!({"action": "confirm", "credential": credential, "user": user});
    let confirmed = admin.change_keys(&asked).await?;
    ensure!(confirmed.status == 200, "{confirmed}");
    Ok(browser)
}

/// Our id of somebody.
///
/// # Errors
/// When that does not work.
pub async fn user_of(stage: &Stage, person: &Person) -> anyhow::Result<String> {
    let me = stage
        .get(&stage.person(&person.user_name).await?, "/v1/me")
        .await?
        .ok()?;
    Ok(me["user"].as_str().context("not provisioned")?.to_owned())
}

/// Changes an entitlement as its fields say.
///
/// # Errors
/// When that does not work.
pub async fn change(stage: &Stage, id: &str, fields: Value) -> anyhow::Result<Value> {
    let (admin, path) = (stage.admin().await?, format!("/v1/admin/entitlements/{id}"));
    let mut body = stage.get(&admin, &path).await?.ok()?;
    let all = body.as_object_mut().context("no entitlement")?;
    for name in ["id", "created_at", "version"] {
        all.remove(name);
    }
    all.extend(fields.as_object().cloned().unwrap_or_default());
    stage.put(&admin, &path, &body).await?.ok()
}

/// A request by the usual requester for the usual entitlement.
///
/// # Errors
/// When that does not work.
pub async fn request(stage: &Stage) -> anyhow::Result<String> {
    let asked = stage.ask(&stage.requester().await?, "30m").await?.ok()?;
    Ok(asked["id"].as_str().context("no id")?.to_owned())
}

/// A request by somebody else for the usual entitlement.
///
/// # Errors
/// When that does not work.
pub async fn request_of(stage: &Stage, user_name: &str) -> anyhow::Result<String> {
    let asked = stage.ask(&stage.person(user_name).await?, "30m").await?.ok()?;
    Ok(asked["id"].as_str().context("no id")?.to_owned())
}
