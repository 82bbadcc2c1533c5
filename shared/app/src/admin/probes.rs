//! Asking provisioning to try something, and reading what it found.

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Draft, StreamId};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::ids::{EntitlementId, ProbeId};

use super::require_admin;
use crate::caller::Who;
use crate::change::{Change, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::records::{Probe, ProbeQuestion, Stored};

/// What an admin wants to have tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Do the Azure credentials work?
    TestAzure,
    /// Does the AWS access token work?
    TestAws,
    /// What kind of groups are the targets of this entitlement?
    Preflight(EntitlementId),
}

/// Stores the question; provisioning answers within seconds.
///
/// # Errors
/// When the caller is no admin, or there is no such entitlement.
pub async fn ask(core: &Core, who: &Who, question: Question) -> Result<Probe> {
    require_admin(who)?;
    let application = &who.application.value.id;
    let question = match question {
        Question::TestAzure => ProbeQuestion::TestAzure,
        Question::TestAws => ProbeQuestion::TestAws,
        Question::Preflight(id) => {
            let stored: Option<Stored<Entitlement>> = read(&*core.store, &keys::entitlement(application, id)).await?;
            let entitlement = stored.ok_or(Refusal::NotFound { what: "entitlement" })?;
            ProbeQuestion::Preflight {
                targets: entitlement.value.targets,
            }
        }
    };
    let now = core.clock.now();
    let id = ProbeId::new(core.ids.uuid());
    let probe = Probe {
        id,
        application: application.clone(),
        question,
        asked_at: now,
        answer: None,
    };
    let stream = StreamId::config(application, "probe", &id.to_string());
    let draft = Draft::new(now, who.actor(), "probe.asked");
    Change::new()
        .create(&probe)?
        .event(stream, draft)
        .commit(&*core.store)
        .await?;
    Ok(probe)
}

/// A probe of the caller's application.
///
/// # Errors
/// When there is none.
pub async fn get(core: &Core, who: &Who, id: ProbeId) -> Result<Probe> {
    require_admin(who)?;
    let stored: Option<Stored<Probe>> = read(&*core.store, &keys::probe(id)).await?;
    let own = stored.filter(|probe| probe.value.application == who.application.value.id);
    Ok(own.ok_or(Refusal::NotFound { what: "probe" })?.value)
}
