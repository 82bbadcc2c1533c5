//! Deciding on requests, and the inbox.

use std::collections::BTreeMap;

use hourglass_domain::Refusal;
use hourglass_domain::audit::{Draft, Head, StreamId};
use hourglass_domain::decision::{Decided, DecisionFacts, Verdict, Vote, decide as judge};
use hourglass_domain::directory::{Party, User};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::{DecisionId, EntitlementId, GrantId, RequestId};
use hourglass_domain::membership::{Holds, MOST_HOLDS, MembershipKey};
use hourglass_domain::protocol::grant::first_promises;
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::target::{Target, TargetProblem};
use serde_json::Value;

use crate::caller::Who;
use crate::change::{Change, ChangeError, DECIDE_AGAIN, personal, read, read_many};
use crate::directory;
use crate::error::{AppError, Result};
use crate::idempotency::{Answer, Once, replay};
use crate::keys;
use crate::policy;
use crate::ports::Core;
use crate::ports::store::{Key, List, Page, Query};
use crate::records::{LiveGrant, LiveInGroup, Stored};
use crate::requests;

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
    who.require_scope(Scope::DecisionsWrite)?;
    who.require_role(Role::Approver)?;
    for _ in 0..DECIDE_AGAIN {
        let (answer, replaced) = replay(core, once).await?;
        if let Some(answer) = answer {
            return Ok(answer);
        }
        let (change, decided) = match prepare(core, who, id, vote).await {
            Ok(prepared) => prepared,
            Err(error) => {
                note_refusal(core, who, id, &error).await;
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

/// Puts on record that somebody tried to decide who never may. The answer stays what it is if that fails.
async fn note_refusal(core: &Core, who: &Who, id: RequestId, error: &AppError) {
    let AppError::Refused(refusal @ (Refusal::OwnAccess | Refusal::GuestApprover | Refusal::NotApprover { .. })) =
        error
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

async fn prepare(core: &Core, who: &Who, id: RequestId, vote: &Vote) -> Result<(Change, Decided)> {
    let store = &*core.store;
    let now = core.clock.now();
    let (approver, party) = who.party()?;
    let stored = requests::get(core, who, id).await?;
    let request = &stored.value;
    let in_force = policy::in_force(store, &request.application, request.entitlement).await?;
    let named = policy::named(store, &request.application, in_force.approvers(), approver.value.id).await?;
    let earlier = request.approvals.iter().map(|approval| &approval.approver);
    let standing = policy::standing(store, &request.application, in_force.approvers(), earlier).await?;
    let parties: Vec<Party> = standing.iter().map(|standing| standing.party.clone()).collect();
    let beneficiary = request.beneficiary.user;
    let eligible = policy::eligible(store, &in_force.entitlement.value, beneficiary).await?;
    let loop_group = policy::loop_group(store, &in_force).await?;
    let policy = in_force.policy()?;
    let facts = DecisionFacts {
        request: (request, stored.version),
        entitlement: &in_force.entitlement.value,
        policy: &policy,
        approver: &party,
        approver_is_guest: approver.value.is_guest(),
        is_approver: named.is_some(),
        standing: &parties,
        eligible: eligible.is_some(),
        loop_group,
        target_facts: &in_force.facts,
        factor: &who.caller.factor,
    };
    let ids = (DecisionId::new(core.ids.uuid()), GrantId::new(core.ids.uuid()));
    let mut decided = judge(ids, vote.clone(), &facts, now)?;
    decided.grant = decided.grant.map(|grant| first_promises(grant, now));

    let decision = &decided.decision;
    let draft = Draft::new(now, who.actor(), action(&decided))
        .fact(
            "verdict",
            if decision.verdict == Verdict::Approve {
                "approve"
            } else {
                "deny"
            },
        )
        .fact("duration", decision.duration)
        .fact("request_version", decision.request_version)
        .fact("policy", decision.policy.hash)
        .fact("evidence", evidence_kind(decision))
        .personal(personal(&*core.ids, &[("comment", decision.comment.as_deref())]));
    let mut change = Change::new()
        .replace(stored.version, &decided.request)?
        .create(decision)?
        .check(approver)
        .check(&in_force.entitlement)
        .check(&in_force.template)
        .event(StreamId::request(id), draft);
    if let Some(named) = named {
        change = named.checked(change, &request.application, approver.value.id);
    }
    if decided.request.status != RequestStatus::Pending {
        change = change
            .delete_any(keys::open_request(request.requester.user, request.entitlement))
            .due(&[DueEntry::new(request.lapses_at, DueKind::Lapse, request.id)], &[])?;
    }
    if let Some(grant) = &decided.grant {
        for other in &standing {
            let user = other.user.value.id;
            change = other
                .named
                .checked(change.check(&other.user), &request.application, user);
        }
        if let Some(eligible) = eligible {
            change = eligible.checked(change, &request.application, beneficiary);
        }
        change = grant_writes(core, change, grant).await?;
    }
    Ok((change, decided))
}

const fn action(decided: &Decided) -> &'static str {
    match (decided.decision.verdict, &decided.grant) {
        (Verdict::Deny, _) => "request.denied",
        (Verdict::Approve, None) => "request.approval_recorded",
        (Verdict::Approve, Some(_)) => "request.approved",
    }
}

const fn evidence_kind(decision: &hourglass_domain::decision::Decision) -> &'static str {
    match decision.evidence {
        hourglass_domain::decision::Evidence::StepUp { .. } => "step_up",
    }
}

/// The grant, its holds (waiting), its promises, and that the beneficiary is still active.
async fn grant_writes(core: &Core, mut change: Change, grant: &Grant) -> Result<Change> {
    let store = &*core.store;
    let beneficiary = directory::user(store, &grant.application, grant.beneficiary.user).await?;
    let beneficiary: Stored<User> = beneficiary
        .filter(|user| user.value.active)
        .ok_or(Refusal::AccountInactive)?;
    let members: Vec<MembershipKey> = grant
        .targets
        .iter()
        .map(|target| MembershipKey {
            target: target.target.clone(),
            account: grant.beneficiary.object_id,
        })
        .collect();
    let keys: Vec<Key> = members.iter().map(keys::holds).collect();
    let stored = read_many::<Holds>(store, &keys).await?;
    for (key, stored) in members.into_iter().zip(stored) {
        let (holds, version) = stored.map_or_else(|| (Holds::none(key), 0), |holds| (holds.value, holds.version));
        if holds.holds.len() >= MOST_HOLDS {
            let what = format!("There are already {MOST_HOLDS} grants on {}.", holds.key.target);
            return Err(Refusal::NotConfigured { what }.into());
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
    let live = LiveGrant {
        user: grant.beneficiary.user,
        grant: grant.id,
        entitlement: grant.entitlement,
    };
    Ok(change
        .create(grant)?
        .create(&live)?
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
    let (user, party) = who.party()?;
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
        for stored in read_many::<Request>(&*core.store, &page.items)
            .await?
            .into_iter()
            .flatten()
        {
            let request = &stored.value;
            let open = request.check_open("approved", now).is_ok();
            let own = request.requester.same_person(&party) || request.beneficiary.same_person(&party);
            let decided = request
                .approvals
                .iter()
                .any(|approval| approval.approver.same_person(&party));
            if !open || own || decided {
                continue;
            }
            let may = match approver_of.get(&request.entitlement) {
                Some(may) => *may,
                None => requests::is_approver(core, user.value.id, request).await?,
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
