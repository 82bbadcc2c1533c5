//! Re-verifies a grant from its evidence before anything is added. Never before a removal.

use hourglass_domain::Refusal;
use hourglass_domain::application::Application;
use hourglass_domain::decision::{Approved, Decision, verify_evidence, verify_rules};
use hourglass_domain::directory::User;
use hourglass_domain::entitlement::{Eligibility, Entitlement};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{GrantId, RequestId};
use hourglass_domain::protocol::grant::MOST_EXTENSIONS;
use hourglass_domain::request::{Activation, Request};

use super::assertions;
use super::auth_context::tenancy;
use super::confirm::{self, People};
use crate::change::read;
use crate::directory;
use crate::error::{AppError, Result};
use crate::keys;
use crate::persons;
use crate::policy;
use crate::ports::connector::{ConnectorError, Place};
use crate::ports::store::{Query, StoreError};
use crate::ports::{Core, Workers};
use crate::records::Stored;
use crate::removals;
use crate::seals::{read_sealed, read_sealed_page};

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Everything fits.
    Good,
    /// Everything fits, and the directory could not be asked about the people: the connector may not.
    GoodUnconfirmed(String),
    /// Something speaks against it for good.
    Bad(String),
    /// It could not be found out now.
    Unknown(String),
}

/// Verifies requests, decisions, people, rules and targets behind a grant, as they are now. The directory is asked
/// before the rest is read: its answer can take a while, in which people and rules may change.
///
/// # Errors
/// Only when the table does not answer.
pub async fn verify(workers: &Workers, grant: &Grant) -> Result<Verdict> {
    let store = &*workers.core.store;
    let evidence = match evidence(&workers.core, grant).await? {
        Evidence::Good(found) => found,
        Evidence::Bad(why) => return Ok(Verdict::Bad(why)),
        Evidence::Unknown(why) => return Ok(Verdict::Unknown(why)),
    };
    if let Some(why) = removals::waits(store, grant).await? {
        return Ok(Verdict::Unknown(why));
    }
    match targets(workers, grant).await? {
        Verdict::Good => {}
        other => return Ok(other),
    }
    let judged = async {
        match assertions::check(workers, grant, &evidence).await? {
            Verdict::Good => {}
            other => return Ok(other),
        }
        let people = match confirmed(workers, grant, &evidence).await? {
            Ok(people) => people,
            Err(ConnectorError::Unavailable(why) | ConnectorError::Refused(why)) => return Ok(Verdict::Unknown(why)),
        };
        judge(workers, grant, &evidence, people).await
    };
    match judged.await {
        Err(AppError::Refused(refusal @ Refusal::SealBroken { .. })) => {
            alarm(grant.id, &refusal.to_string());
            Ok(Verdict::Bad(refusal.to_string()))
        }
        Err(AppError::Refused(
            refusal @ (Refusal::NoTemplate
            | Refusal::NoIntegration
            | Refusal::PolicyUnreadable { .. }
            | Refusal::SignedUnreadable { .. }),
        )) => Ok(Verdict::Bad(refusal.to_string())),
        Err(AppError::Seal(error)) => Ok(Verdict::Unknown(error.to_string())),
        other => other,
    }
}

/// What the directory says about the people behind the grant, by the rules in force.
async fn confirmed(
    workers: &Workers,
    grant: &Grant,
    evidence: &Found,
) -> Result<std::result::Result<People, ConnectorError>> {
    let core = &workers.core;
    let application: Option<Stored<Application>> = read(&*core.store, &keys::application(&grant.application)).await?;
    let key = keys::entitlement(&grant.application, grant.entitlement);
    let entitlement = read_sealed::<Entitlement>(core, &key).await?;
    let (Some(application), Some(entitlement)) = (application, entitlement) else {
        // The rules say so when they are read for judgement.
        return Ok(Ok(People::default()));
    };
    let template = policy::template_sealed(core, &grant.application).await?;
    let approvers = entitlement.value.approvers_in_force(&template.value);
    let tenancy = tenancy(&application.value);
    let takers = match (
        grant.activation,
        &entitlement.value.emergency,
        &entitlement.value.eligible,
    ) {
        (Activation::Emergency, Some(emergency), _) => Some(&emergency.people),
        (Activation::SelfApproved, _, Eligibility::Only(people)) => Some(people),
        _ => None,
    };
    confirm::people(workers, grant, evidence, approvers, takers, &tenancy).await
}

/// Judges people and rules, as they are now, with what the directory said about the people.
async fn judge(workers: &Workers, grant: &Grant, evidence: &Found, people: People) -> Result<Verdict> {
    let store = &*workers.core.store;
    let beneficiary = directory::provisioned_user(store, &grant.application, grant.beneficiary.user).await?;
    let as_then = |user: &User| user.active && user.object_id() == Some(grant.beneficiary.object_id);
    if !beneficiary.is_some_and(|user| as_then(&user.value)) {
        return Ok(Verdict::Bad("the beneficiary is no longer active".to_owned()));
    }
    if let Some(why) = people.refuted.get(&grant.beneficiary.object_id) {
        return Ok(Verdict::Bad(format!("the beneficiary: {why}")));
    }
    if let Some(why) = rules_changed(workers, grant, evidence, &people).await? {
        // Whose word the directory takes away may be an intruder's.
        if let Some((account, said)) = people.refuted.first_key_value() {
            let why = format!("{why}; of the approver {account} {said}");
            alarm(grant.id, &why);
            return Ok(Verdict::Bad(why));
        }
        return Ok(Verdict::Bad(why));
    }
    Ok(people.not_permitted.map_or(Verdict::Good, Verdict::GoodUnconfirmed))
}

/// What a grant came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The request, and the decisions on it.
    pub first: Approved,
    /// The requests that extended it, in their order, and the decisions on each.
    pub extensions: Vec<Approved>,
}

/// What was found of what a grant came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// It fits together and each decision's seal holds.
    Good(Box<Found>),
    /// It does not; somebody may have written the grant by hand.
    Bad(String),
    /// The key of the seals cannot be had now: nobody is added, and whoever is there stays.
    Unknown(String),
}

/// The evidence of a grant. A grant that somebody wrote by hand alarms here and adds nobody, however well everything
/// around it fits: nobody else can seal decisions. What is stored and cannot be read is as good as not there.
///
/// # Errors
/// Only when the table does not answer.
pub async fn evidence(core: &Core, grant: &Grant) -> Result<Evidence> {
    let found = match load(core, grant).await {
        Ok(Some(found)) => verify_evidence(grant, &found.first, &found.extensions)
            .map(|()| found)
            .map_err(str::to_owned),
        Ok(None) => Err("the grant has no request".to_owned()),
        Err(AppError::Store(StoreError::Corrupt { key, why })) => {
            tracing::error!(key, why, "evidence cannot be read");
            Err("the grant has no request".to_owned())
        }
        Err(AppError::Refused(refusal)) => Err(refusal.to_string()),
        Err(AppError::Seal(error)) => {
            tracing::warn!(grant.id = %grant.id, %error, "a grant cannot be verified now");
            return Ok(Evidence::Unknown(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    Ok(match found {
        Ok(found) => Evidence::Good(Box::new(found)),
        Err(why) => {
            alarm(grant.id, &why);
            Evidence::Bad(why)
        }
    })
}

async fn load(core: &Core, grant: &Grant) -> Result<Option<Found>> {
    // A list that no extension could have made this long is not read to its end: it verifies no better for that.
    let ids = grant.extensions.iter().take(MOST_EXTENSIONS).copied();
    let approved = std::iter::once(grant.request).chain(ids).map(|id| approved(core, id));
    let mut found = Vec::new();
    for approved in futures_util::future::join_all(approved).await {
        match approved? {
            Some(approved) => found.push(approved),
            None => return Ok(None),
        }
    }
    let mut found = found.into_iter();
    Ok(found.next().map(|first| Found {
        first,
        extensions: found.collect(),
    }))
}

/// A request and the decisions on it, the seal of each of which holds.
async fn approved(core: &Core, id: RequestId) -> Result<Option<Approved>> {
    let Some(request) = read::<Request>(&*core.store, &keys::request(id)).await? else {
        return Ok(None);
    };
    let decisions = read_sealed_page::<Decision>(core, &Query::partition(keys::decisions(id))).await?;
    Ok(Some(Approved {
        request: request.value,
        decisions: decisions.items.into_iter().map(|decision| decision.value).collect(),
    }))
}

/// What does not verify may have been written by an intruder.
pub(super) fn alarm(grant: GrantId, why: &str) {
    tracing::error!(grant.id = %grant, why, "a grant does not verify from its evidence; nobody is added");
    tracing::info!(target: "metric", metric = "evidence_failures", value = 1_u64, unit = "Count");
}

/// Rules that were tightened after the approval count as well, and so does whoever may no longer approve or ask.
async fn rules_changed(workers: &Workers, grant: &Grant, evidence: &Found, people: &People) -> Result<Option<String>> {
    let store = &*workers.core.store;
    let key = keys::entitlement(&grant.application, grant.entitlement);
    let Some(entitlement) = read_sealed::<Entitlement>(&workers.core, &key).await? else {
        return Ok(Some("the entitlement no longer exists".to_owned()));
    };
    let template = policy::template_sealed(&workers.core, &grant.application).await?;
    let now = entitlement
        .value
        .policy(entitlement.version, &template.value, template.version)?;
    let approvers = entitlement.value.approvers_in_force(&template.value);
    for Approved { request, decisions } in std::iter::once(&evidence.first).chain(&evidence.extensions) {
        let hands = decisions.iter().map(Decision::hand);
        let clock = workers.core.clock.now();
        let standing = policy::standing(store, &entitlement.value, approvers, hands, clock).await?;
        let standing: Vec<&Decision> = decisions
            .iter()
            .filter(|decision| standing.iter().any(|standing| standing.party == decision.approver))
            .filter(|decision| !people.refutes(decision))
            .collect();
        let approvers = decisions.iter().flat_map(|decision| decision.hand().parties());
        let taking_part = [&request.requester, &request.beneficiary].into_iter().chain(approvers);
        let (persons, _) = persons::now(store, &grant.application, taking_part).await?;
        if let Err(why) = verify_rules(request, &entitlement.value, &now, &standing, &persons) {
            return Ok(Some(why.to_owned()));
        }
    }
    let eligible = policy::may_have(store, &entitlement.value, grant.activation, grant.beneficiary.user).await?;
    if eligible.is_none() {
        return Ok(Some("the beneficiary may not ask for it any more".to_owned()));
    }
    let facts = policy::facts(store, &entitlement.value).await?;
    let in_force = policy::InForce {
        entitlement,
        template,
        facts,
    };
    if grant.expires_at > in_force.latest_end(grant) {
        return Ok(Some("it lasts longer than its entitlement allows".to_owned()));
    }
    let group = policy::loop_group(store, &in_force).await?;
    Ok(group.map(|group| format!("{group} feeds approvers and can be requested itself")))
}

/// Asks the directory what each target is now, and keeps what it says.
async fn targets(workers: &Workers, grant: &Grant) -> Result<Verdict> {
    let store = &*workers.core.store;
    let key = keys::entitlement(&grant.application, grant.entitlement);
    let entitlement: Option<Stored<Entitlement>> = read(store, &key).await?;
    let critical = entitlement.is_some_and(|entitlement| entitlement.value.critical);
    let asked = grant.targets.iter().map(|target| async move {
        let place = Place {
            application: grant.application.clone(),
            target: target.target.clone(),
        };
        workers.connector.preflight(&place, workers.core.clock.now()).await
    });
    // Side by side: a grant has up to 20 targets, and each may take its full time to answer.
    for facts in futures_util::future::join_all(asked).await {
        let facts = match facts {
            Ok(facts) => facts,
            // A refusal here is about our own credentials and can be mended: tried again until the grant's end.
            Err(ConnectorError::Unavailable(why) | ConnectorError::Refused(why)) => return Ok(Verdict::Unknown(why)),
        };
        super::probes::keep(workers, &facts).await?;
        if let Some(problem) = facts.problem_for(critical) {
            return Ok(Verdict::Bad(format!("{}: {problem}", facts.target)));
        }
    }
    Ok(Verdict::Good)
}
