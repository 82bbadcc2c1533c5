//! Activating a request that nobody approves: with the beneficiary's own passkey, where the entitlement needs no approval
//! or it is an emergency. In one transaction, as a decision is.

use hourglass_domain::Refusal;
use hourglass_domain::activation::{ActivationFacts, activate as judge, form};
use hourglass_domain::audit::StreamId;
use hourglass_domain::decision::Decided;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::ids::{DecisionId, GrantId, RequestId};
use hourglass_domain::passkey::CEREMONY_SECONDS;
use hourglass_domain::protocol::grant::first_promises;
use hourglass_domain::request::{Activation, Request};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::signed::{Form, Second};

use crate::approvals;
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN};
use crate::emergencies;
use crate::error::Result;
use crate::passkeys::{self, Begun, Signed};
use crate::pause;
use crate::persons;
use crate::policy;
use crate::ports::Core;
use crate::ports::passkeys::Passkeys;
use crate::records::OpenRequest;
use crate::removals;
use crate::requests;
use crate::seals;

/// Begins to sign an activation: the challenge holds exactly what would be given.
///
/// # Errors
/// When the request is not the caller's, is not open, or is approved by other people; when the caller has no passkey.
pub async fn begin(core: &Core, passkeys: &dyn Passkeys, who: &Who, id: RequestId) -> Result<Begun> {
    who.require_scope(Scope::RequestsReadWrite)?;
    who.require_role(Role::Requester)?;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let (_, party) = who.party()?;
    if party.user != request.beneficiary.user {
        return Err(Refusal::NotFound { what: "request" }.into());
    }
    let now = core.clock.now();
    request.check_open("activated", now)?;
    let in_force = policy::in_force_sealed(core, &request.application, request.entitlement).await?;
    let expires_at = Second::of(now.plus_seconds(CEREMONY_SECONDS));
    let form = form((request, stored.version), &in_force.policy()?, expires_at)?;
    passkeys::begin_signing(core, passkeys, who, form, passkeys::About::Nothing).await
}

/// Activates what the caller has signed.
///
/// # Errors
/// When the ceremony is over or its answer does not verify; the rule that refuses it.
pub async fn finish(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    ceremony: uuid::Uuid,
    response: &str,
) -> Result<Request> {
    who.require_scope(Scope::RequestsReadWrite)?;
    who.require_role(Role::Requester)?;
    let signed = passkeys::finish_signing(core, passkeys, who, ceremony, response).await?;
    let Form::Activation(form) = &signed.form else {
        return Err(Refusal::SignedSomethingElse.into());
    };
    let id = form.request;
    for _ in 0..DECIDE_AGAIN {
        let (change, decided) = prepare(core, who, id, &signed).await?;
        match change.commit(&*core.store).await {
            Ok(()) => {
                told(&decided);
                return Ok(decided.request);
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// An emergency is told at once: an alarm hangs on the metric, and everyone concerned on the event.
fn told(decided: &Decided) {
    let request = &decided.request;
    tracing::info!(
        request.id = %request.id,
        grant.id = ?decided.grant.as_ref().map(|grant| grant.id),
        activation = request.activation.name(),
        "activated"
    );
    if request.activation == Activation::Emergency {
        tracing::info!(target: "metric", metric = "emergency_activations", value = 1_u64, unit = "Count");
    }
}

async fn prepare(core: &Core, who: &Who, id: RequestId, signed: &Signed) -> Result<(Change, Decided)> {
    let store = &*core.store;
    let now = core.clock.now();
    let (user, party) = who.party()?;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let in_force = policy::in_force_sealed(core, &request.application, request.entitlement).await?;
    let entitlement = &in_force.entitlement.value;
    let may_have = policy::may_have(store, entitlement, request.activation, request.beneficiary.user).await?;
    let policy = in_force.policy()?;
    let extends = approvals::extended_grant(core, request).await?;
    let facts = ActivationFacts {
        request: (request, stored.version),
        entitlement,
        policy: &policy,
        caller: &party,
        eligible: may_have.is_some(),
        loop_group: policy::loop_group(store, &in_force).await?,
        target_facts: &in_force.facts,
        key: &signed.key.value.key,
        proof: &signed.proof,
        extends: extends
            .as_ref()
            .map(|(grant, ordered)| requests::extension_facts(&in_force, &grant.value, *ordered)),
    };
    let ids = (DecisionId::new(core.ids.uuid()), GrantId::new(core.ids.uuid()));
    let mut decided = judge(ids, &facts, now)?;
    if form(facts.request, &policy, signed.form.expires_at())? != signed.form {
        return Err(Refusal::SignedSomethingElse.into());
    }
    if extends.is_none() {
        decided.grant = decided.grant.map(|grant| first_promises(grant, now));
    }
    let Some(grant) = &decided.grant else {
        return Err(Refusal::Changed.into());
    };
    let mut draft = approvals::event(core, who, &decided).fact("activation", request.activation.name());
    if request.activation == Activation::Emergency {
        draft = draft.fact("emergency", true);
    }
    let mut change = Change::new()
        .replace(stored.version, &decided.request)?
        .create(&seals::seal(&*core.seals, decided.decision.clone()).await?)?
        .check(&in_force.entitlement)
        .check(&in_force.template)
        .due(&[DueEntry::new(request.lapses_at, DueKind::Lapse, request.id)], &[])?
        .event(StreamId::request(id), draft);
    change = OpenRequest::gone(request, signed.used(change)?);
    change = pause::checked(change, &approvals::not_paused(core, request, user.value.id).await?);
    removals::check_none_overdue(store, &request.application).await?;
    if let Some(may_have) = may_have {
        change = may_have.checked(change, &request.application, request.beneficiary.user);
    }
    if request.activation == Activation::Emergency {
        let links = persons::settings(store, &request.application).await?;
        let last = emergencies::check_path(core, &user.value).await?;
        change = persons::checked(change, &links);
        change = emergencies::noted(change, last, request, grant, now)?;
    }
    change = approvals::given(
        core,
        who,
        change,
        (id, grant),
        extends.as_ref().map(|(before, _)| before),
    )
    .await?;
    Ok((change, decided))
}
