//! Answers what admins ask about the outside world, so that admin functions need no credentials.

use hourglass_domain::application::{Application, AwsIntegration};
use hourglass_domain::audit::{Actor, Draft, StreamId};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{ApplicationId, EntitlementId, ObjectId, ProbeId};
use hourglass_domain::target::{Target, TargetFacts};

use super::auth_context;
use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Workers;
use crate::ports::connector::Place;
use crate::ports::directory::Told;
use crate::ports::identity_center::IdentityCenterError;
use crate::records::{Finding, Probe, ProbeAnswer, ProbeQuestion, Stored};

/// Answers a probe that has no answer yet.
///
/// # Errors
/// Only when the table does not answer.
pub async fn answer(workers: &Workers, id: ProbeId) -> Result<()> {
    let store = &*workers.core.store;
    let Some(stored) = read::<Probe>(store, &keys::probe(id)).await? else {
        return Ok(());
    };
    if stored.value.answer.is_some() {
        return Ok(());
    }
    let application: Option<Stored<Application>> = read(store, &keys::application(&stored.value.application)).await?;
    let Some(application) = application else { return Ok(()) };
    let (ok, findings) = match &stored.value.question {
        ProbeQuestion::TestAzure => test_azure(workers, &application.value).await?,
        ProbeQuestion::TestAws => test_aws(workers, &application.value.id).await?,
        ProbeQuestion::Preflight { targets } => preflight(workers, &application.value, targets).await?,
    };
    let now = workers.core.clock.now();
    let probe = Probe {
        answer: Some(ProbeAnswer { ok, findings, at: now }),
        ..stored.value.clone()
    };
    let stream = StreamId::config(&probe.application, "probe", &probe.id.to_string());
    let draft = Draft::new(now, Actor::system("provisioning"), "probe.answered").fact("ok", ok);
    match Change::new()
        .replace(stored.version, &probe)?
        .event(stream, draft)
        .commit(store)
        .await
    {
        // Another worker answered it meanwhile.
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Whether the credentials work at all, and which of the optional questions may be asked with them. Only the first decides
/// whether the test passed.
async fn test_azure(workers: &Workers, application: &Application) -> Result<(bool, Vec<Finding>)> {
    let works = workers
        .connector
        .test(&application.id, application.tenant, application.cloud)
        .await;
    if let Err(error) = works {
        return Ok((false, vec![Finding::Failed { why: error.to_string() }]));
    }
    let tenancy = auth_context::tenancy(application);
    let mut found = vec![Finding::Works {}];
    // Nobody's account: the answer is that there is none.
    let nobody = [ObjectId::new(uuid::Uuid::nil())];
    found.push(match workers.directory.accounts(&tenancy, &nobody).await {
        Ok(Told::Said(_)) => Finding::PeopleConfirmed {},
        Ok(Told::NotPermitted(why)) => Finding::PeopleNotConfirmed { why },
        Err(error) => Finding::PeopleUnknown { why: error.to_string() },
    });
    found.push(match auth_context::look(workers, &tenancy).await? {
        Ok(seen) if seen.holds() => Finding::ContextHolds { context: seen.context },
        Ok(seen) if seen.policies.is_some() => Finding::ContextUnprotected { context: seen.context },
        Ok(seen) => Finding::ContextNotPermitted { context: seen.context },
        Err(error) => Finding::ContextUnknown { why: error.to_string() },
    });
    Ok((true, found))
}

/// Whether the SCIM endpoint of IAM Identity Center takes the token that is stored for it.
async fn test_aws(workers: &Workers, application: &ApplicationId) -> Result<(bool, Vec<Finding>)> {
    let stored: Option<Stored<AwsIntegration>> = read(&*workers.core.store, &keys::aws(application)).await?;
    let Some(url) = stored.and_then(|stored| stored.value.url) else {
        return Ok((false, vec![Finding::AwsNone {}]));
    };
    let found = match workers.identity_center.test(application, &url).await {
        Ok(()) => return Ok((true, vec![Finding::AwsWorks {}, Finding::AwsNotWritten {}])),
        Err(IdentityCenterError::NoToken) => Finding::AwsNoToken {},
        Err(IdentityCenterError::TokenRefused { status }) => Finding::AwsRefused { status },
        Err(IdentityCenterError::NotIdentityCenter(why)) => Finding::AwsStrange { why },
        Err(IdentityCenterError::Unreachable(why)) => Finding::AwsUnreachable { why },
        Err(error @ IdentityCenterError::Secret(_)) => Finding::Failed { why: error.to_string() },
    };
    Ok((false, vec![found]))
}

async fn preflight(workers: &Workers, application: &Application, targets: &[Target]) -> Result<(bool, Vec<Finding>)> {
    let mut found = Vec::with_capacity(targets.len());
    let mut ok = true;
    for target in targets {
        let place = Place {
            application: application.id.clone(),
            target: target.clone(),
        };
        match workers.connector.preflight(&place, workers.core.clock.now()).await {
            Ok(facts) => {
                ok &= facts.problem.is_none();
                let target = target.clone();
                found.push(match facts.problem {
                    None => Finding::TargetGood { target },
                    Some(problem) => Finding::TargetBad { target, problem },
                });
                keep(workers, &facts).await?;
            }
            Err(error) => {
                ok = false;
                found.push(Finding::TargetUnknown {
                    target: target.clone(),
                    why: error.to_string(),
                });
            }
        }
    }
    Ok((ok, found))
}

/// How often (seconds) the directory is asked again what kind of groups an entitlement's targets are.
const REFRESH_SECONDS: i64 = 6 * 3_600;
/// How soon (seconds) it is asked again when it did not answer.
const REFRESH_FAILED_SECONDS: i64 = 60;

/// Asks the directory what kind of groups the targets of an entitlement are now, and promises to ask again: a group may
/// become dynamic or synced at any time, and the first question may have come before the credentials did.
///
/// # Errors
/// Only when the table does not answer; the promise that led here stays.
pub async fn refresh(workers: &Workers, application: &ApplicationId, id: EntitlementId) -> Result<()> {
    let store = &*workers.core.store;
    let entitlement: Option<Stored<Entitlement>> = read(store, &keys::entitlement(application, id)).await?;
    // Switching it on again, like every change, begins a new chain.
    let Some(entitlement) = entitlement.filter(|stored| stored.value.enabled) else {
        return Ok(());
    };
    let mut answered = true;
    for target in &entitlement.value.targets {
        let place = Place {
            application: application.clone(),
            target: target.clone(),
        };
        match workers.connector.preflight(&place, workers.core.clock.now()).await {
            Ok(facts) => keep(workers, &facts).await?,
            Err(error) => {
                answered = false;
                tracing::warn!(entitlement.id = %id, %target, %error, "the directory did not say what a target is");
            }
        }
    }
    let period = if answered {
        REFRESH_SECONDS
    } else {
        REFRESH_FAILED_SECONDS
    };
    let now = workers.core.clock.now();
    let next = DueEntry::next_on_grid(now, period, DueKind::Facts, format!("{application}/{id}"));
    match Change::new().due(&[], &[next])?.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}

/// Keeps what the directory said about a target, unless something younger is stored.
///
/// # Errors
/// Only when the table does not answer.
pub async fn keep(workers: &Workers, facts: &TargetFacts) -> Result<()> {
    let store = &*workers.core.store;
    let stored: Option<Stored<TargetFacts>> = read(store, &keys::facts(&facts.target)).await?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    if stored.is_some_and(|stored| stored.value.checked_at >= facts.checked_at) {
        return Ok(());
    }
    match Change::new().replace(version, facts)?.commit(store).await {
        Ok(()) | Err(ChangeError::Conflict(_)) => Ok(()),
        Err(ChangeError::App(error)) => Err(error),
    }
}
