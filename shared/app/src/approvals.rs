//! Deciding on requests, and the inbox.

use std::collections::BTreeMap;

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Actor, Draft, Head, StreamId};
use hourglass_domain::canonical::Digest;
use hourglass_domain::decision::{Decided, Decision, DecisionFacts, Factor, Verdict, Vote, decide as judge};
use hourglass_domain::delegate::Hand;
use hourglass_domain::directory::{Party, User};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{DecisionId, EntitlementId, GrantId, RequestId, UserId};
use hourglass_domain::kill_switch::Pause;
use hourglass_domain::membership::{Holds, MOST_HOLDS, MembershipKey};
use hourglass_domain::passkey::CEREMONY_SECONDS;
use hourglass_domain::protocol::grant::first_promises;
use hourglass_domain::request::{Approval, Request, RequestStatus};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::seal::SealProblem;
use hourglass_domain::signed::{Form, Second};
use hourglass_domain::target::{Target, TargetProblem};
use serde_json::Value;

use crate::auth_context;
use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_many};
use crate::directory;
use crate::error::{AppError, Result};
use crate::idempotency::{Answer, Once, replay};
use crate::keys;
use crate::passkeys::{self, Signed};
use crate::pause;
use crate::persons;
use crate::policy::{self, Right};
use crate::ports::Core;
use crate::ports::passkeys::Passkeys;
use crate::ports::store::{Key, List, Page, Query};
use crate::records::{LiveGrant, LiveInApplication, LiveInGroup, OpenRequest, Stored};
use crate::removals;
use crate::requests;
use crate::seals;

/// Most requests of an application's inbox that are looked at for one page.
const MOST_WAITING_READ: usize = 200;
/// A request's stream takes no further refused decisions beyond this many events: refusals are for whoever looks into a
/// request, and must not become a way to fill its timeline.
const MOST_EVENTS_WITH_REFUSALS: u64 = 20;

/// Decides on a request, in one transaction with everything that the decision relies on and everything that follows.
///
/// # Errors
/// The rule that refuses it; a request that the caller may not see is not found.
pub async fn decide(
    core: &Core,
    who: &Who,
    id: RequestId,
    vote: &Vote,
    once: Option<&Once>,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    decide_by(core, who, id, vote, None, once, render).await
}

/// Begins to sign a decision with a passkey: the challenge holds exactly what would be decided.
///
/// # Errors
/// When the caller may not see the request, is no approver of it, or has no passkey; when it is not open.
pub async fn begin_signed(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    id: RequestId,
    vote: &Vote,
) -> Result<passkeys::Begun> {
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let (_, party) = who.party()?;
    request.check_open("decided", core.clock.now())?;
    if requests::mine(core, request, &party).await? {
        return Err(Refusal::OwnAccess.into());
    }
    let in_force = policy::in_force_sealed(core, &request.application, request.entitlement).await?;
    let entitlement = &in_force.entitlement.value;
    let now = core.clock.now();
    let right = policy::right(&*core.store, entitlement, in_force.approvers(), &party, request, now).await?;
    let right = right.ok_or_else(|| Refusal::NotApprover {
        name: request.entitlement_name.clone(),
    })?;
    let hand = Hand {
        approver: &party,
        acting_for: right.acting_for(),
    };
    let expires_at = Second::of(core.clock.now().plus_seconds(CEREMONY_SECONDS));
    let form = vote.form((request, stored.version), hand, &in_force.policy()?, expires_at);
    let about = passkeys::About::Decision {
        comment: vote.comment.clone(),
    };
    passkeys::begin_signing(core, passkeys, who, form, about).await
}

/// Decides what the caller has signed. The nonce is taken away in the transaction of the decision; anything that is not as
/// it was when the challenge was made stops it.
///
/// # Errors
/// When the ceremony is over or its answer does not verify, and as [`decide`].
pub async fn finish_signed(
    core: &Core,
    passkeys: &dyn Passkeys,
    who: &Who,
    ceremony: uuid::Uuid,
    response: &str,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    let signed = passkeys::finish_signing(core, passkeys, who, ceremony, response).await?;
    let Form::Decision(form) = &signed.form else {
        return Err(Refusal::SignedSomethingElse.into());
    };
    let duration = AccessDuration::from_seconds(form.duration_seconds).ok_or(Refusal::SignedSomethingElse)?;
    let vote = Vote {
        verdict: form.decision,
        duration: Some(duration),
        comment: signed.ceremony.value.comment.clone(),
    };
    decide_by(core, who, form.request, &vote, Some(&signed), None, render).await
}

async fn decide_by(
    core: &Core,
    who: &Who,
    id: RequestId,
    vote: &Vote,
    signed: Option<&Signed>,
    once: Option<&Once>,
    render: &(dyn Fn(&Request) -> Value + Sync),
) -> Result<Answer> {
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    for _ in 0..DECIDE_AGAIN {
        let (answer, replaced) = replay(core, once).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let (change, decided) = match prepare(core, who, id, vote, signed).await {
            Ok(prepared) => prepared,
            Err(error) => {
                note_refusal(core, who, id, &error).await;
                close_if_grant_ended(core, id, &error).await;
                return Err(error);
            }
        };
        let answer = Answer {
            status: 200,
            body: render(&decided.request),
        };
        let change = match once {
            Some(once) => change.replace(replaced, &once.record(&answer, decided.decision.at))?,
            None => change,
        };
        match change.commit(&*core.store).await {
            Ok(()) => {
                tracing::info!(
                    request.id = %id,
                    verdict = ?decided.decision.verdict,
                    grant.id = ?decided.grant.as_ref().map(|grant| grant.id),
                    "decision made"
                );
                return Ok(answer);
            }
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
    }
    Err(Refusal::Changed.into())
}

/// Puts on record that somebody tried to decide who never may, or on what is not as it was written. The answer stays what it is if that fails.
async fn note_refusal(core: &Core, who: &Who, id: RequestId, error: &AppError) {
    let AppError::Refused(
        refusal @ (Refusal::OwnAccess
        | Refusal::GuestApprover
        | Refusal::NotApprover { .. }
        | Refusal::SealBroken { .. }),
    ) = error
    else {
        return;
    };
    let stream = StreamId::request(id);
    let noted = async {
        let head: Option<Stored<Head>> = read(&*core.store, &keys::audit_head(&stream)).await?;
        if head.is_some_and(|head| head.value.seq >= MOST_EVENTS_WITH_REFUSALS) {
            return Ok(());
        }
        let draft = Draft::new(core.clock.now(), who.actor(), "request.decision_refused").fact("rule", refusal.code());
        Change::new().event(stream.clone(), draft).commit(&*core.store).await
    };
    if let Err(error) = noted.await {
        tracing::error!(request.id = %id, ?error, "a refused decision could not be put on record");
    }
}

/// Closes a request for more time whose grant ended before the approval: nobody can approve it any more. The answer
/// stays what it is if that fails; the request then lapses.
async fn close_if_grant_ended(core: &Core, id: RequestId, error: &AppError) {
    let AppError::Refused(Refusal::GrantNotLive { .. } | Refusal::GrantOver { .. }) = error else {
        return;
    };
    let closed = async {
        let request: Option<Stored<Request>> = read(&*core.store, &keys::request(id)).await?;
        let Some(extends) = request.and_then(|request| request.value.kind.extends()) else {
            return Ok(());
        };
        match read::<Grant>(&*core.store, &keys::grant(extends)).await? {
            Some(grant) => requests::close_extension_of(core, &grant.value, &Actor::system("approvals")).await,
            None => Ok(()),
        }
    };
    if let Err(error) = closed.await {
        tracing::error!(request.id = %id, %error, "a request for more time of an ended grant could not be closed");
    }
}

/// The grant that a request would extend, and whether it is ordered to end.
pub(crate) async fn extended_grant(core: &Core, request: &Request) -> Result<Option<(Stored<Grant>, bool)>> {
    let Some(id) = request.kind.extends() else {
        return Ok(None);
    };
    let Some(grant) = read::<Grant>(&*core.store, &keys::grant(id)).await? else {
        return Ok(None);
    };
    let ordered = requests::is_ordered_to_end(core, id).await?;
    Ok(Some((grant, ordered)))
}

async fn prepare(
    core: &Core,
    who: &Who,
    id: RequestId,
    vote: &Vote,
    signed: Option<&Signed>,
) -> Result<(Change, Decided)> {
    let store = &*core.store;
    let now = core.clock.now();
    let (approver, party) = who.party()?;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let in_force = policy::in_force_sealed(core, &request.application, request.entitlement).await?;
    let (entitlement, approvers) = (&in_force.entitlement.value, in_force.approvers());
    let right = policy::right(store, entitlement, approvers, &party, request, now).await?;
    let acting_for = right.as_ref().and_then(Right::acting_for);
    let earlier = request.approvals.iter().map(Approval::hand);
    if !request.approvals.is_empty() {
        // What counts towards the quorum says so in a sealed decision, not in the request's row alone.
        sealed_decisions(core, request).await?;
    }
    let standing = policy::standing(store, entitlement, approvers, earlier, now).await?;
    let parties: Vec<Party> = standing.iter().map(|standing| standing.party.clone()).collect();
    let beneficiary = request.beneficiary.user;
    let eligible = policy::may_have(store, &in_force.entitlement.value, request.activation, beneficiary).await?;
    let loop_group = policy::loop_group(store, &in_force).await?;
    let policy = in_force.policy()?;
    let extends = extended_grant(core, request).await?;
    let has_passkey = signed.is_none() && passkeys::person_has_usable(core, &approver.value).await?;
    let context = auth_context::of(core, who).await?;
    let (persons, links) = persons::now(
        store,
        &request.application,
        request.parties().chain([&party]).chain(acting_for),
    )
    .await?;
    let facts = DecisionFacts {
        request: (request, stored.version),
        entitlement: &in_force.entitlement.value,
        policy: &policy,
        approver: &party,
        approver_is_guest: approver.value.is_guest(),
        is_approver: matches!(right, Some(Right::Own(_))),
        acting_for,
        standing: &parties,
        eligible: eligible.is_some(),
        loop_group,
        target_facts: &in_force.facts,
        factor: match signed {
            Some(signed) => signed.factor(),
            None => Factor::SignIn {
                claims: &who.caller.factor,
                context,
                has_passkey,
            },
        },
        extends: extends
            .as_ref()
            .map(|(grant, ordered)| requests::extension_facts(&in_force, &grant.value, *ordered)),
        persons: &persons,
    };
    let ids = (DecisionId::new(core.ids.uuid()), GrantId::new(core.ids.uuid()));
    let mut decided = judge(ids, vote.clone(), &facts, now)?;
    if let Some(signed) = signed
        && vote.form(facts.request, facts.hand(), &policy, signed.form.expires_at()) != signed.form
    {
        return Err(Refusal::SignedSomethingElse.into());
    }
    if extends.is_none() {
        decided.grant = decided.grant.map(|grant| first_promises(grant, now));
    }

    let mut change = recorded(core, who, &stored, &decided, (&in_force, &links), signed).await?;
    if let Some(right) = &right {
        change = right.checked(change, &request.application, approver.value.id);
    }
    if let Some(grant) = &decided.grant {
        for other in &standing {
            let user = other.user.value.id;
            change = other
                .by
                .checked(change.check_same(&other.user), &request.application, user);
        }
        if let Some(eligible) = eligible {
            change = eligible.checked(change, &request.application, beneficiary);
        }
        change = given(
            core,
            who,
            change,
            (id, grant),
            extends.as_ref().map(|(before, _)| before),
        )
        .await?;
    }
    Ok((change, decided))
}

/// The decision and the request as it leaves it, relying on the caller, the rules, the links and, for a yes, on nothing
/// being paused or overdue.
async fn recorded(
    core: &Core,
    who: &Who,
    stored: &Stored<Request>,
    decided: &Decided,
    (in_force, links): (&policy::InForce, &Stored<hourglass_domain::person::LinkSettings>),
    signed: Option<&Signed>,
) -> Result<Change> {
    let (request, decision) = (&stored.value, &decided.decision);
    let (approver, _) = who.party()?;
    let draft = event(core, who, decided);
    let mut change = Change::new()
        .replace(stored.version, &decided.request)?
        .create(&seals::seal(&*core.seals, decision.clone()).await?)?
        .check(approver)
        .check(&in_force.entitlement)
        .check(&in_force.template)
        .event(StreamId::request(request.id), draft);
    // Whoever is linked meanwhile with somebody who takes part makes this be judged again.
    change = persons::checked(change, links);
    if decision.verdict == Verdict::Approve {
        change = pause::checked(change, &not_paused(core, request, approver.value.id).await?);
        removals::check_none_overdue(&*core.store, &request.application).await?;
    }
    if let Some(signed) = signed {
        change = signed.used(change)?;
    }
    if decided.request.status != RequestStatus::Pending {
        change = OpenRequest::gone(request, change)
            .due(&[DueEntry::new(request.lapses_at, DueKind::Lapse, request.id)], &[])?;
    }
    Ok(change)
}

/// What a request leads to: a new grant, or more time for the one that it extends. Nothing is given that cannot be taken
/// back in time (invariant I11).
pub(crate) async fn given(
    core: &Core,
    who: &Who,
    change: Change,
    (request, grant): (RequestId, &Grant),
    extends: Option<&Stored<Grant>>,
) -> Result<Change> {
    let change = change.check(&removals::check(&*core.store, &grant.application, grant.expires_at).await?);
    let Some(before) = extends else {
        return grant_writes(core, change, grant).await;
    };
    let draft = Draft::new(core.clock.now(), who.actor(), "grant.extended")
        .fact("grant", grant.id)
        .fact("request", request)
        .fact("expires_at", grant.expires_at)
        .fact("expired_before_at", before.value.expires_at);
    let change = extension_writes(core, change, before, grant).await?;
    Ok(change.event(StreamId::request(grant.request), draft))
}

/// Verifies that each approval that a request names was decided.
async fn sealed_decisions(core: &Core, request: &Request) -> Result<()> {
    for approval in &request.approvals {
        let key = keys::decision(request.id, approval.approver.person);
        let decision: Option<Stored<Decision>> = seals::read_sealed(core, &key).await?;
        let decided = decision.is_some_and(|decision| {
            decision.value.verdict == Verdict::Approve
                && decision.value.approver == approval.approver
                && decision.value.acting_for == approval.acting_for
                && decision.value.duration == approval.duration
        });
        if !decided {
            seals::alarm("approval", &key, SealProblem::Missing);
            return Err(Refusal::SealBroken {
                what: "approval",
                why: SealProblem::Missing,
            }
            .into());
        }
    }
    Ok(())
}

/// The event of a decision.
pub(crate) fn event(core: &Core, who: &Who, decided: &Decided) -> Draft {
    let decision = &decided.decision;
    let mut draft = Draft::new(decision.at, who.actor(), action(decided))
        .fact("verdict", decision.verdict.name())
        .fact("duration", decision.duration)
        .fact("request_version", decision.request_version)
        .fact("policy", decision.policy.hash)
        .fact("evidence", evidence_kind(decision));
    // What ties the signature to its author for whoever verifies an export: docs/signed-forms.md, "Anchoring".
    if let hourglass_domain::decision::Evidence::Passkey(proof) = &decision.evidence {
        draft = draft
            .fact("credential", &proof.credential)
            .fact("form_sha256", Digest::of(proof.form.as_bytes()));
    }
    if let Some(principal) = &decision.acting_for {
        draft = draft.fact("acting_for", principal.user);
    }
    if let (Some(extends), Some(grant)) = (decided.request.kind.extends(), &decided.grant) {
        draft = draft.fact("extends", extends).fact("expires_at", grant.expires_at);
    }
    draft.personal(personal(&*core.ids, &[("comment", decision.comment.as_deref())]))
}

/// The pause, if it lets this approval pass: the request with everybody who takes part in it, earlier approvers too. To
/// deny is always possible.
pub(crate) async fn not_paused(core: &Core, request: &Request, approver: UserId) -> Result<Stored<Pause>> {
    let mut users = vec![request.requester.user, request.beneficiary.user, approver];
    users.extend(request.approvals.iter().map(|approval| approval.approver.user));
    pause::passed(&*core.store, &request.application, request.entitlement, &users).await
}

const fn action(decided: &Decided) -> &'static str {
    match (decided.decision.verdict, &decided.grant) {
        (Verdict::Activate, _) => "request.activated",
        (Verdict::Deny, _) => "request.denied",
        (Verdict::Approve, None) => "request.approval_recorded",
        (Verdict::Approve, Some(_)) => "request.approved",
    }
}

const fn evidence_kind(decision: &hourglass_domain::decision::Decision) -> &'static str {
    match decision.evidence {
        hourglass_domain::decision::Evidence::StepUp { .. } => "step_up",
        hourglass_domain::decision::Evidence::Passkey(_) => "passkey",
    }
}

/// The beneficiary, who is still active.
async fn active_beneficiary(core: &Core, grant: &Grant) -> Result<Stored<User>> {
    let beneficiary = directory::provisioned_user(&*core.store, &grant.application, grant.beneficiary.user).await?;
    Ok(beneficiary
        .filter(|user| user.value.active)
        .ok_or(Refusal::AccountInactive)?)
}

/// The holds on the grant's memberships, with their versions.
async fn holds_of(core: &Core, grant: &Grant) -> Result<Vec<(Holds, u64)>> {
    let members: Vec<MembershipKey> = grant
        .targets
        .iter()
        .map(|target| MembershipKey {
            target: target.target.clone(),
            account: grant.beneficiary.object_id,
        })
        .collect();
    let keys: Vec<Key> = members.iter().map(keys::holds).collect();
    let stored = read_many::<Holds>(&*core.store, &keys).await?;
    let or_none = |(key, stored): (MembershipKey, Option<Stored<Holds>>)| {
        stored.map_or_else(|| (Holds::none(key), 0), |holds| (holds.value, holds.version))
    };
    Ok(members.into_iter().zip(stored).map(or_none).collect())
}

/// The grant and its holds with their new end, the promises of that end, and that the beneficiary is still active. The
/// promises of the old end stay: this function deletes nothing that a grant's end hangs on, and the worker that makes the
/// new schedule takes them away.
async fn extension_writes(core: &Core, change: Change, before: &Stored<Grant>, grant: &Grant) -> Result<Change> {
    let beneficiary = active_beneficiary(core, grant).await?;
    let mut change = change
        .replace(before.version, grant)?
        .due(&[], &grant.due)?
        .check(&beneficiary);
    for (holds, version) in holds_of(core, grant).await? {
        if holds.state_of(grant.id).is_none() {
            // A live grant holds all of its memberships: what was read belongs to different moments.
            return Err(Refusal::Changed.into());
        }
        change = change.replace(version, &holds.extended(grant.id, grant.expires_at))?;
    }
    Ok(change)
}

/// The grant, its holds (waiting), its promises, and that the beneficiary is still active.
async fn grant_writes(core: &Core, mut change: Change, grant: &Grant) -> Result<Change> {
    let store = &*core.store;
    let beneficiary = active_beneficiary(core, grant).await?;
    for (holds, version) in holds_of(core, grant).await? {
        if holds.holds.len() >= MOST_HOLDS {
            let (target, limit) = (holds.key.target, MOST_HOLDS);
            return Err(Refusal::TooManyGrants { target, limit }.into());
        }
        change = change.replace(
            version,
            &holds.with_waiting(grant.id, grant.starts_at, grant.expires_at),
        )?;
    }
    let targets: Vec<Target> = grant.targets.iter().map(|target| target.target.clone()).collect();
    let groups = policy::provisioned_groups(store, &grant.application, &targets).await?;
    for target in targets {
        let Some(provisioned) = groups.get(&target).copied() else {
            let problem = TargetProblem::Missing;
            return Err(Refusal::TargetUnusable { target, problem }.into());
        };
        let Target::Entra { group, .. } = target;
        // The marker is how the group's deletion finds the grant; the check makes one of the two come first.
        change = change
            .create(&LiveInGroup {
                application: grant.application.clone(),
                group,
                provisioned,
                grant: grant.id,
            })?
            .check_exists(keys::group(&grant.application, provisioned));
    }
    let in_application = LiveInApplication {
        application: grant.application.clone(),
        entitlement: grant.entitlement,
        grant: grant.id,
        starts_at: grant.starts_at,
    };
    let live = LiveGrant {
        user: grant.beneficiary.user,
        grant: grant.id,
        entitlement: grant.entitlement,
    };
    Ok(change
        .create(grant)?
        .create(&live)?
        .create(&in_application)?
        .due(&[], &grant.due)?
        .check(&beneficiary))
}

/// The requests that wait for the caller, soonest to lapse first.
///
/// # Errors
/// When the caller is no approver at all.
pub async fn inbox(core: &Core, who: &Who, after: Option<String>, limit: usize) -> Result<Page<Stored<Request>>> {
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    let (_, party) = who.party()?;
    let application = &who.application.value.id;
    let now = core.clock.now();
    // Many requests are for few entitlements: each is looked up once a call.
    let mut approver_of: BTreeMap<EntitlementId, bool> = BTreeMap::new();
    let mut found: Vec<Stored<Request>> = Vec::new();
    let mut next = after;
    let mut looked_at = 0;
    loop {
        let query = Query::partition(keys::requests_waiting(application))
            .after(next)
            .limit(limit - found.len());
        let page = core.store.list(List::Waiting, &query).await?;
        looked_at += page.items.len();
        let waiting = read_many::<Request>(&*core.store, &page.items).await?;
        let waiting: Vec<Stored<Request>> = waiting.into_iter().flatten().collect();
        let parties = waiting.iter().flat_map(|stored| stored.value.parties()).chain([&party]);
        let (persons, _) = persons::now(&*core.store, application, parties).await?;
        for stored in waiting {
            let request = &stored.value;
            let open = request.check_open("approved", now).is_ok();
            let own = persons.is_any(&party, [&request.requester, &request.beneficiary]);
            let decided = request
                .approvals
                .iter()
                .any(|approval| persons.is_any(&party, approval.hand().parties()));
            if !open || own || decided {
                continue;
            }
            let may = match approver_of.get(&request.entitlement) {
                Some(may) => *may,
                None => requests::is_approver(core, &party, request).await?,
            };
            approver_of.insert(request.entitlement, may);
            if may {
                found.push(stored);
            }
        }
        next = page.next;
        if next.is_none() || found.len() >= limit || looked_at >= MOST_WAITING_READ {
            return Ok(Page { items: found, next });
        }
    }
}
