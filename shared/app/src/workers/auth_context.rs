//! Looks at the Conditional Access policies behind the authentication context, and keeps what was found.

use hourglass_domain::application::{Application, AzureIntegration};
use hourglass_domain::auth_context::{AuthContext, MOST_POLICIES};
use hourglass_domain::ids::ApplicationId;

use crate::change::{Change, ChangeError, read, read_page};
use crate::error::Result;
use crate::keys;
use crate::ports::connector::ConnectorError;
use crate::ports::directory::{Tenancy, Told};
use crate::ports::store::Query;
use crate::ports::{Core, Workers};
use crate::records::Stored;

/// How old (seconds) what is kept may become before somebody looks again: a quarter of an hour less than the hour that it
/// is meant to be, so that the sweep's minutes do not add up.
const LOOK_AGAIN_SECONDS: i64 = 2_700;
/// Most applications that one sweep looks at.
const MOST_APPLICATIONS: usize = 100;

/// Looks wherever the last look is old, for every application that has an integration.
///
/// # Errors
/// Only when the table does not answer.
pub(super) async fn refresh(workers: &Workers) -> Result<()> {
    let core = &workers.core;
    let query = Query::partition(keys::APPLICATIONS).limit(MOST_APPLICATIONS);
    let applications = read_page::<Application>(&*core.store, &query).await?;
    for application in applications.items {
        let application = application.value;
        if is_old(core, &application).await? {
            let tenancy = tenancy(&application);
            match look(workers, &tenancy).await? {
                Ok(found) => tell(&application.id, &found),
                // What is kept counts until it is a day old.
                Err(error) => tracing::warn!(
                    application = %application.id,
                    %error,
                    "the policies behind the authentication context could not be read"
                ),
            }
        }
    }
    Ok(())
}

async fn is_old(core: &Core, application: &Application) -> Result<bool> {
    let store = &*core.store;
    let integration: Option<Stored<AzureIntegration>> = read(store, &keys::azure(&application.id)).await?;
    if integration.is_none() {
        return Ok(false);
    }
    let found: Option<Stored<AuthContext>> = read(store, &keys::auth_context(application.tenant)).await?;
    let young = found.is_some_and(|found| {
        let age = core.clock.now().seconds_since(found.value.checked_at);
        found.value.context == core.settings.auth_context && (0..LOOK_AGAIN_SECONDS).contains(&age)
    });
    Ok(!young)
}

/// The tenant of an application.
#[must_use]
pub(super) fn tenancy(application: &Application) -> Tenancy {
    Tenancy {
        application: application.id.clone(),
        tenant: application.tenant,
        cloud: application.cloud,
    }
}

/// Asks the directory, and keeps what it says. Like what is said about targets it is no state of ours, so that no event is
/// written: the decisions that rest on it say so.
///
/// # Errors
/// Only when the table does not answer; inside, when the directory does not.
pub(super) async fn look(
    workers: &Workers,
    tenancy: &Tenancy,
) -> Result<std::result::Result<AuthContext, ConnectorError>> {
    let core = &workers.core;
    let context = &core.settings.auth_context;
    // Before the question: what is younger than the answer must not be overwritten by it.
    let checked_at = core.clock.now();
    let policies = match workers.directory.context_policies(tenancy, context).await {
        Ok(Told::Said(mut policies)) => {
            // Those that prove something first, if there are too many to keep.
            policies.sort_by_key(|policy| policy.problem.is_some());
            policies.truncate(MOST_POLICIES);
            Some(policies)
        }
        Ok(Told::NotPermitted(_)) => None,
        Err(error) => return Ok(Err(error)),
    };
    let found = AuthContext {
        tenant: tenancy.tenant,
        context: context.clone(),
        checked_at,
        policies,
    };
    let store = &*core.store;
    let stored: Option<Stored<AuthContext>> = read(store, &keys::auth_context(tenancy.tenant)).await?;
    let version = stored.as_ref().map_or(0, |stored| stored.version);
    if stored.is_none_or(|stored| stored.value.checked_at < checked_at) {
        match Change::new().replace(version, &found)?.commit(store).await {
            // Another worker has just looked.
            Ok(()) | Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Ok(Ok(found))
}

/// Whether step-ups count is something that operators see.
fn tell(application: &ApplicationId, found: &AuthContext) {
    let unprotected = u64::from(!found.holds());
    tracing::info!(target: "metric", metric = "auth_context_unprotected", value = unprotected, unit = "Count");
    if !found.holds() {
        tracing::warn!(
            %application,
            context = found.context,
            permitted = found.policies.is_some(),
            "no Conditional Access policy is known to stand behind the authentication context: step-ups do not count"
        );
    }
}
