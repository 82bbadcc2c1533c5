//! The AWS integration of an application: where IAM Identity Center takes users and groups, and a token that can be written
//! and never read.

use hourglass_domain::application::{AwsIntegration, AwsToken};
use hourglass_domain::audit::StreamId;
use hourglass_domain::identity_center::{NoScimUrl, ScimUrl};
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::two_person::{Mode, Object, diff};
use hourglass_domain::{Refusal, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::by::By;
use super::changes::{self, Command, Done, Outcome, Planned, Wish};
use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::ports::secrets::{AwsCredentials, SecretWriter};
use crate::records::Stored;

/// Longest access token that is taken, in bytes. AWS says nothing of their length; those seen have some hundreds.
const LONGEST_TOKEN: usize = 4_096;

/// The AWS integration as an admin enters it.
#[derive(Clone, Debug)]
pub struct AwsInput {
    /// The SCIM endpoint, as IAM Identity Center shows it.
    pub url: String,
    /// Its access token.
    pub access_token: SecretString,
    /// When the token ends.
    pub token_expires_at: Option<Timestamp>,
    /// The version that was read; refused when another is stored.
    pub version: Option<u64>,
}

/// What is known of the integration, without its token. One that was removed has no url.
///
/// # Errors
/// When the caller is no admin.
pub async fn get(core: &Core, who: &Who) -> Result<Option<Stored<AwsIntegration>>> {
    require_admin(who)?;
    stored(core, who).await
}

async fn stored(core: &Core, who: &Who) -> Result<Option<Stored<AwsIntegration>>> {
    Ok(read(&*core.store, &keys::aws(&who.application.value.id)).await?)
}

fn refused(_: NoScimUrl) -> Refusal {
    Refusal::invalid("url", Rule::Shape(Shape::ScimEndpoint))
}

/// Stores the integration: first what is known of it, with its version and its audit event, then url and token as one
/// secret, as for Azure. A failure in between is answered as one, and the call is repeated; until then the worker finds that
/// the token which is stored belongs to another url, and does not use it.
///
/// A fresh token for the url that is known takes effect at once. Another url takes two admins, and a proposal holds no token:
/// once the change is in force the earlier token is deleted, and one for the new url is entered.
///
/// # Errors
/// Names the field and the rule that is broken.
pub async fn put(core: &Core, who: &Who, secrets: &dyn SecretWriter, input: AwsInput) -> Result<Outcome> {
    require_admin(who)?;
    let url = ScimUrl::parse(input.url.trim(), core.settings.local).map_err(refused)?;
    let token = input.access_token.expose_secret();
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.chars().all(|c| c.is_ascii_graphic()) {
        let rule = Rule::ClientSecret { most: LONGEST_TOKEN };
        return Err(Refusal::invalid("access_token", rule).into());
    }
    if input.token_expires_at.is_some_and(|end| end <= core.clock.now()) {
        return Err(Refusal::invalid("token_expires_at", Rule::Ahead).into());
    }
    // A proposal says nothing of a token that it does not hold.
    let known = stored(core, who).await?;
    let other = known.is_none_or(|known| known.value.url.as_ref() != Some(&url));
    let proposed = other && changes::mode(core, who).await? == Mode::Two;
    let command = Command::Aws {
        url: url.clone(),
        token_expires_at: input.token_expires_at.filter(|_| !proposed),
    };
    let wish = Wish::new(command).version(input.version);
    let outcome = changes::submit(core, who, &wish, None).await?;
    if matches!(outcome, Outcome::Done(_)) {
        let credentials = AwsCredentials {
            url,
            access_token: input.access_token,
        };
        secrets.put_aws(&who.application.value.id, &credentials).await?;
    }
    Ok(outcome)
}

/// Removes the integration, and then its token. It takes two admins, as another url does: whoever could remove it alone
/// could keep what AWS has from being taken back. Of one that is removed already, the token is deleted where that failed.
///
/// # Errors
/// When the caller is no admin, or there is none.
pub async fn remove(core: &Core, who: &Who, secrets: &dyn SecretWriter, version: Option<u64>) -> Result<Outcome> {
    require_admin(who)?;
    let left = stored(core, who).await?.map(|stored| stored.value);
    if left.is_some_and(|left| left.url.is_none() && left.token == AwsToken::Left) {
        forget(core, who, secrets).await?;
        return Ok(Outcome::Done(Box::new(Done::AwsRemoved)));
    }
    let wish = Wish::new(Command::AwsRemove).version(version);
    let outcome = changes::submit(core, who, &wish, None).await?;
    if matches!(outcome, Outcome::Done(_)) {
        forget(core, who, secrets).await?;
    }
    Ok(outcome)
}

/// Deletes the token that a change which two admins signed has left. Where that fails, the change is in force all the same:
/// the token is used for nothing, and the page of the integration offers to delete it.
pub async fn settle(core: &Core, who: &Who, secrets: &dyn SecretWriter, done: &Done) {
    if !matches!(done, Done::Aws(_) | Done::AwsRemoved) {
        return;
    }
    if let Err(error) = forget(core, who, secrets).await {
        tracing::error!(%error, "the access token of an earlier AWS integration could not be deleted");
    }
}

/// Deletes a token that belongs to an earlier url, and notes that it is gone.
///
/// # Errors
/// When the caller is no admin, the secret store does not answer, or somebody changed the integration meanwhile.
pub async fn forget(core: &Core, who: &Who, secrets: &dyn SecretWriter) -> Result<()> {
    require_admin(who)?;
    let Some(before) = stored(core, who).await? else {
        return Ok(());
    };
    if before.value.token != AwsToken::Left {
        return Ok(());
    }
    let application = before.value.application.clone();
    secrets.delete_aws(&application).await?;
    let after = AwsIntegration {
        token: AwsToken::Missing,
        ..before.value
    };
    let draft = hourglass_domain::audit::Draft::new(core.clock.now(), who.actor(), "integration.aws_token_deleted");
    Change::new()
        .replace(before.version, &after)?
        .event(stream(&application), draft)
        .commit(&*core.store)
        .await?;
    Ok(())
}

fn stream(application: &hourglass_domain::ids::ApplicationId) -> StreamId {
    StreamId::config(application, "integration", "aws")
}

fn object(before: Option<&Stored<AwsIntegration>>) -> Object {
    Object::new("integration", "aws", before.map_or(0, |before| before.version))
}

/// What there is to delete once a url is none of ours any more.
fn left_of(before: Option<&Stored<AwsIntegration>>) -> AwsToken {
    match before.map(|before| before.value.token) {
        Some(AwsToken::Stored | AwsToken::Left) => AwsToken::Left,
        Some(AwsToken::Missing) | None => AwsToken::Missing,
    }
}

/// What pointing the integration to a url changes.
///
/// # Errors
/// When the caller is no admin, or it is no url for a token.
pub(super) async fn plan(
    core: &Core,
    who: &Who,
    url: &ScimUrl,
    token_expires_at: Option<Timestamp>,
) -> Result<Planned> {
    require_admin(who)?;
    if !url.holds(core.settings.local) {
        return Err(refused(NoScimUrl).into());
    }
    let before = stored(core, who).await?;
    let after = AwsIntegration {
        application: who.application.value.id.clone(),
        url: Some(url.clone()),
        token_expires_at,
        token: AwsToken::Stored,
        updated_at: core.clock.now(),
    };
    Ok(Planned {
        object: object(before.as_ref()),
        diff: diff::aws(before.as_ref().map(|before| &before.value), &after),
    })
}

/// Points the integration to a url.
pub(super) async fn point(
    core: &Core,
    by: &By<'_>,
    url: &ScimUrl,
    token_expires_at: Option<Timestamp>,
) -> Result<Stored<AwsIntegration>> {
    let before = stored(core, by).await?;
    let version = before.as_ref().map_or(0, |before| before.version);
    by.require(version)?;
    let now = core.clock.now();
    // Whoever signs brings no token, and the one that is stored was entered for another url.
    let (token, token_expires_at) = if by.is_two() {
        (left_of(before.as_ref()), None)
    } else {
        (AwsToken::Stored, token_expires_at)
    };
    let integration = AwsIntegration {
        application: by.application.value.id.clone(),
        url: Some(url.clone()),
        token_expires_at,
        token,
        updated_at: now,
    };
    let draft = by
        .draft(now, "integration.aws_changed")
        .fact("url", url)
        .fact("token_entered", token == AwsToken::Stored);
    let change = Change::new()
        .replace(version, &integration)?
        .event(stream(&integration.application), draft);
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(Stored {
        value: integration,
        version: version.saturating_add(1),
    })
}

fn removed(before: &Stored<AwsIntegration>, now: Timestamp) -> AwsIntegration {
    AwsIntegration {
        application: before.value.application.clone(),
        url: None,
        token_expires_at: None,
        token: left_of(Some(before)),
        updated_at: now,
    }
}

async fn present(core: &Core, who: &Who) -> Result<Stored<AwsIntegration>> {
    let stored = stored(core, who).await?.filter(|stored| stored.value.url.is_some());
    Ok(stored.ok_or(Refusal::NotFound {
        what: "AWS integration",
    })?)
}

/// What removing the integration changes.
///
/// # Errors
/// When the caller is no admin, or there is none.
pub(super) async fn plan_remove(core: &Core, who: &Who) -> Result<Planned> {
    require_admin(who)?;
    let before = present(core, who).await?;
    let after = removed(&before, core.clock.now());
    Ok(Planned {
        object: object(Some(&before)),
        diff: diff::aws(Some(&before.value), &after),
    })
}

/// Removes the integration.
pub(super) async fn take_away(core: &Core, by: &By<'_>) -> Result<()> {
    let before = present(core, by).await?;
    by.require(before.version)?;
    let now = core.clock.now();
    let after = removed(&before, now);
    let change = Change::new()
        .replace(before.version, &after)?
        .event(stream(&after.application), by.draft(now, "integration.aws_removed"));
    by.rests(core, change)?.commit(&*core.store).await?;
    Ok(())
}
