//! Decisions: one approver's yes or no, with evidence of the factor, and what follows from it.

use serde::{Deserialize, Serialize};

use crate::delegate::Hand;
use crate::directory::Party;
use crate::duration::AccessDuration;
use crate::entitlement::{ApprovalMode, Entitlement, PolicyRef};
use crate::grant::{Grant, GrantTarget};
use crate::ids::{DecisionId, GrantId, RequestId};
use crate::passkey::{Passkey, Proof};
use crate::person::Persons;
use crate::refusal::{Rule, StepUpProblem};
use crate::request::{Activation, Approval, ExtensionFacts, Request, RequestKind, RequestStatus, check_requestable};
use crate::signed::{Account, DecisionForm, Form, Second, SignedTarget, Start};
use crate::target::{Target, TargetFacts};
use crate::text::{LONGEST_JUSTIFICATION, check_free_text};
use crate::{Refusal, Timestamp};

/// A sign-in counts as fresh for this long (seconds): Conditional Access itself tolerates five minutes between two
/// prompts ("Sign-in frequency every time").
pub const FRESH_SECONDS: i64 = 300;

/// Yes or no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// The beneficiary's own activation, where nobody has to approve: the entitlement needs no approval, or it is an
    /// emergency.
    Activate,
}

impl Verdict {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
            Self::Activate => "activate",
        }
    }
}

/// What proved the approver's presence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// A fresh sign-in with a second factor, told by the access token.
    StepUp {
        /// When the approver signed in.
        auth_time: Timestamp,
        /// Which claim carried the factor: `amr` (v1) or `acrs` (v2).
        claim: String,
        /// The token's own id (`uti`), for Entra's sign-in log.
        token_id: Option<String>,
    },
    /// An assertion of the approver's passkey over exactly what was decided.
    Passkey(Proof),
}

/// How somebody shows that it is them who decides.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// By what their sign-in says.
    SignIn {
        /// What it says.
        claims: &'a FactorClaims,
        /// Whether the authentication context, if it says that one was satisfied, proves a second factor of this person.
        context: Result<(), StepUpProblem>,
        /// Whether they have a usable passkey: who has one cannot use the weaker path.
        has_passkey: bool,
    },
    /// By an assertion of a usable passkey of theirs, which has been verified over exactly this decision.
    Passkey {
        /// The key.
        key: &'a Passkey,
        /// The assertion.
        proof: &'a Proof,
    },
}

impl Factor<'_> {
    /// What is kept of it, if it does for this entitlement.
    ///
    /// # Errors
    /// What the entitlement asks for beyond it.
    pub(crate) fn evidence(self, entitlement: &Entitlement, now: Timestamp) -> Result<Evidence, Refusal> {
        match self {
            Self::Passkey { key, proof } => {
                if entitlement.critical {
                    key.counts(now)?;
                }
                entitlement.attestation.takes(key)?;
                Ok(Evidence::Passkey(proof.clone()))
            }
            Self::SignIn { .. } if entitlement.passkey_required() => Err(Refusal::PasskeyRequired {
                name: entitlement.name.clone(),
            }),
            Self::SignIn { has_passkey: true, .. } => Err(Refusal::PasskeyExpected),
            Self::SignIn { claims, context, .. } => claims.evidence(context, now),
        }
    }
}

/// What a token says about factors, as the token verifier read it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FactorClaims {
    /// `auth_time`.
    pub auth_time: Option<Timestamp>,
    /// v1: `amr` contains `mfa`.
    pub amr_mfa: bool,
    /// v2: `acrs` contains the configured authentication context.
    pub acrs_context: bool,
    /// `uti`.
    pub token_id: Option<String>,
}

impl FactorClaims {
    /// Whether all there is hangs on the authentication context: then one has to know what is behind it.
    #[must_use]
    pub const fn rests_on_context(&self) -> bool {
        self.acrs_context && !self.amr_mfa
    }

    /// The evidence of a fresh second factor. `amr` says itself that there was one; `acrs` says so only with a policy behind
    /// it ([`crate::auth_context`]): `context` is whether there is, for this person.
    ///
    /// # Errors
    /// [`Refusal::StepUpRequired`] with what is missing.
    pub fn evidence(&self, context: Result<(), StepUpProblem>, now: Timestamp) -> Result<Evidence, Refusal> {
        let claim = if self.amr_mfa {
            "amr"
        } else if self.acrs_context {
            "acrs"
        } else {
            return Err(Refusal::StepUpRequired {
                why: StepUpProblem::NoFactor,
            });
        };
        let auth_time = self.auth_time.ok_or(Refusal::StepUpRequired {
            why: StepUpProblem::NoAuthTime,
        })?;
        // A sign-in "in the future" is as little proof as an old one; a minute of clock skew is tolerated.
        let age = now.seconds_since(auth_time);
        if !(-60..=FRESH_SECONDS).contains(&age) {
            return Err(Refusal::StepUpRequired {
                why: StepUpProblem::Stale,
            });
        }
        if self.rests_on_context() {
            context.map_err(|why| Refusal::StepUpRequired { why })?;
        }
        Ok(Evidence::StepUp {
            auth_time,
            claim: claim.to_owned(),
            token_id: self.token_id.clone(),
        })
    }
}

/// One approver's decision, kept for good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Decision {
    /// Our id.
    pub id: DecisionId,
    /// On which request.
    pub request: RequestId,
    /// The version of the request that the approver decided on.
    pub request_version: u64,
    /// Yes or no.
    pub verdict: Verdict,
    /// For how long; on a no what had been asked.
    pub duration: AccessDuration,
    /// By whom.
    pub approver: Party,
    /// On whose behalf, where a delegate decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_for: Option<Party>,
    /// For whom.
    pub beneficiary: Party,
    /// What the approver wrote.
    pub comment: Option<String>,
    /// The policy in force.
    pub policy: PolicyRef,
    /// What proved the approver's presence.
    pub evidence: Evidence,
    /// From when the access was to begin, as the request says it: a decision is sealed and a request is not, so that an
    /// approval that was used cannot be used for a later time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

impl Decision {
    /// Whose hand it is.
    #[must_use]
    pub const fn hand(&self) -> Hand<'_> {
        Hand {
            approver: &self.approver,
            acting_for: self.acting_for.as_ref(),
        }
    }
}

/// What an approver sends, already parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vote {
    /// Yes or no.
    pub verdict: Verdict,
    /// For less time than asked for.
    pub duration: Option<AccessDuration>,
    /// A comment.
    pub comment: Option<String>,
}

impl Vote {
    /// What the approver signs: exactly what they decide about, and until when the challenge counts.
    #[must_use]
    pub fn form(&self, request: (&Request, u64), hand: Hand<'_>, policy: &PolicyRef, expires_at: Second) -> Form {
        let (request, request_version) = request;
        Form::Decision(DecisionForm {
            application: request.application.clone(),
            request: request.id,
            request_version,
            extends: request.kind.extends(),
            decision: self.verdict,
            start: Start::of(request.starts_at),
            duration_seconds: seconds(self.duration.unwrap_or(request.duration)),
            requester: Account::from(&request.requester),
            beneficiary: Account::from(&request.beneficiary),
            approver: Account::from(hand.approver),
            acting_for: hand.acting_for.map(Account::from),
            targets: signed_targets(request),
            policy_hash: policy.hash,
            expires_at,
        })
    }
}

/// A duration as a form has it.
pub(crate) fn seconds(duration: AccessDuration) -> u32 {
    u32::try_from(duration.seconds()).unwrap_or(u32::MAX)
}

/// The targets of a request with the account that is put into each.
pub(crate) fn signed_targets(request: &Request) -> Vec<SignedTarget> {
    let account = request.beneficiary.object_id.to_string();
    let signed = |target: &Target| SignedTarget {
        target: target.clone(),
        account: account.clone(),
    };
    request.targets.iter().map(signed).collect()
}

/// What has been looked up for a decision, strongly consistent.
#[derive(Clone, Debug)]
pub struct DecisionFacts<'a> {
    /// The request and its stored version.
    pub request: (&'a Request, u64),
    /// The entitlement as it is now.
    pub entitlement: &'a Entitlement,
    /// The policy as it is now.
    pub policy: &'a PolicyRef,
    /// The approver, who is provisioned and active.
    pub approver: &'a Party,
    /// Whether the approver's account is a guest's.
    pub approver_is_guest: bool,
    /// Whether the approver is named, or a member of a group that is named, as an approver now.
    pub is_approver: bool,
    /// For whom they decide, where they do as a delegate: somebody who may approve now.
    pub acting_for: Option<&'a Party>,
    /// Who of those that approved before may still approve: active, no guest, and named as an approver now, or still the
    /// delegate of somebody who is.
    pub standing: &'a [Party],
    /// Whether the beneficiary is still among those who may ask.
    pub eligible: bool,
    /// A group that feeds approvers but can be requested itself, if there is one.
    pub loop_group: Option<String>,
    /// What the directory says about each target.
    pub target_facts: &'a [Option<TargetFacts>],
    /// How the approver shows that it is them.
    pub factor: Factor<'a>,
    /// The grant that the request would extend, where it asks for that.
    pub extends: Option<ExtensionFacts<'a>>,
    /// Who is who now, of everybody who takes part.
    pub persons: &'a Persons,
}

/// What a decision leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// The decision itself.
    pub decision: Decision,
    /// The request afterwards.
    pub request: Request,
    /// The grant, when the quorum is reached: the new one, or the extended one with its new end.
    pub grant: Option<Grant>,
}

/// Decides whether a decision counts, and what follows from it.
///
/// # Errors
/// The first rule that refuses it. Who may not decide learns so before anything else.
pub fn decide(
    ids: (DecisionId, GrantId),
    vote: Vote,
    facts: &DecisionFacts<'_>,
    now: Timestamp,
) -> Result<Decided, Refusal> {
    let (request, request_version) = facts.request;
    check_approver(facts)?;
    let wanted = match vote.verdict {
        Verdict::Approve if request.activation.is_approved() => "approved",
        Verdict::Deny => "denied",
        Verdict::Approve | Verdict::Activate => return Err(Refusal::OwnActivation),
    };
    request.check_open(wanted, now)?;
    let hand = facts.hand();
    let mut before = request.approvals.iter().map(Approval::hand);
    if before.any(|other| facts.persons.same_hand(hand, other)) {
        return Err(Refusal::AlreadyDecided);
    }
    let evidence = facts.factor.evidence(facts.entitlement, now)?;
    if let Some(comment) = &vote.comment {
        check_free_text("comment", comment, 0, LONGEST_JUSTIFICATION)?;
    }
    let duration = vote.duration.unwrap_or(request.duration);
    if duration > request.duration {
        return Err(Refusal::DurationLonger {
            asked: request.duration,
        });
    }
    if duration.is_sub_minute() && !request.duration.is_sub_minute() {
        return Err(Refusal::invalid("duration", Rule::UnderMinute { duration }));
    }
    let decision = Decision {
        id: ids.0,
        request: request.id,
        request_version,
        verdict: vote.verdict,
        duration,
        approver: facts.approver.clone(),
        acting_for: facts.acting_for.cloned(),
        beneficiary: request.beneficiary.clone(),
        comment: vote.comment,
        policy: facts.policy.clone(),
        evidence,
        starts_at: request.starts_at,
        at: now,
    };
    if vote.verdict == Verdict::Deny {
        let request = Request {
            closed_by: Some(facts.approver.clone()),
            closed_for: facts.acting_for.cloned(),
            ..request.close(RequestStatus::Denied, wanted, now)?
        };
        return Ok(Decided {
            decision,
            request,
            grant: None,
        });
    }
    check_approvable(facts)?;
    let mut request = request.clone();
    request.approvals.push(Approval {
        approver: facts.approver.clone(),
        acting_for: facts.acting_for.cloned(),
        duration,
        at: now,
    });
    let grant = granted(ids.1, &request, facts.entitlement, facts.extends.as_ref(), now)?;
    if counted(&request, facts) < usize::from(request.quorum) {
        return Ok(Decided {
            decision,
            request,
            grant: None,
        });
    }
    request = request.close(RequestStatus::Approved, wanted, now)?;
    request.grant = Some(grant.id);
    Ok(Decided {
        decision,
        request,
        grant: Some(grant),
    })
}

/// How many persons' approvals count: the one that is being given, and those of people who may still approve. Whoever was
/// switched off or is no approver any more since has approved in vain (invariant I10), and so has whoever turns out to be
/// requester, beneficiary or another approver by another account.
fn counted(request: &Request, facts: &DecisionFacts<'_>) -> usize {
    let persons = facts.persons;
    let counts = |hand: &Hand<'_>| {
        let standing = facts.standing.iter().any(|other| other.same_person(hand.approver));
        (hand.approver.same_person(facts.approver) || standing) && !concerned(request, *hand, persons)
    };
    persons.count(request.approvals.iter().map(Approval::hand).filter(counts))
}

/// Whether somebody in a hand has asked or benefits.
fn concerned(request: &Request, hand: Hand<'_>, persons: &Persons) -> bool {
    let own = [&request.requester, &request.beneficiary];
    hand.parties().any(|party| persons.is_any(party, own))
}

impl<'a> DecisionFacts<'a> {
    /// Whose hand decides.
    #[must_use]
    pub const fn hand(&self) -> Hand<'a> {
        Hand {
            approver: self.approver,
            acting_for: self.acting_for,
        }
    }
}

/// Who may decide at all.
fn check_approver(facts: &DecisionFacts<'_>) -> Result<(), Refusal> {
    let (request, _) = facts.request;
    if concerned(request, facts.hand(), facts.persons) {
        return Err(Refusal::OwnAccess);
    }
    if !facts.is_approver && facts.acting_for.is_none() {
        return Err(Refusal::NotApprover {
            name: request.entitlement_name.clone(),
        });
    }
    if facts.approver_is_guest {
        return Err(Refusal::GuestApprover);
    }
    Ok(())
}

/// What has to hold for a yes only; a no is always safe.
fn check_approvable(facts: &DecisionFacts<'_>) -> Result<(), Refusal> {
    let (request, _) = facts.request;
    if facts.policy.hash != request.policy.hash || facts.entitlement.approval != ApprovalMode::Required {
        return Err(Refusal::PolicyChanged {
            name: request.entitlement_name.clone(),
        });
    }
    if !facts.eligible {
        return Err(Refusal::NoLongerEligible {
            name: request.entitlement_name.clone(),
        });
    }
    if let Some(group) = &facts.loop_group {
        return Err(Refusal::ApproverLoop { group: group.clone() });
    }
    check_requestable(facts.entitlement, facts.target_facts)
}

/// The grant that enough approvals lead to: the shortest approved duration, from now, from the scheduled start, or from
/// the end of the grant that is extended.
pub(crate) fn granted(
    id: GrantId,
    request: &Request,
    entitlement: &Entitlement,
    extends: Option<&ExtensionFacts<'_>>,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let duration = request
        .approvals
        .iter()
        .map(|approval| approval.duration)
        .min()
        .unwrap_or(request.duration);
    match (request.kind, extends) {
        (RequestKind::New, _) => {
            let mut grant = approved_grant(id, request, duration, now);
            grant.exact = entitlement.expires_exactly();
            Ok(grant)
        }
        (RequestKind::Extension { grant }, Some(extends)) if extends.grant.id == grant => {
            extends.extended(entitlement, request.id, duration, now)
        }
        (RequestKind::Extension { .. }, _) => Err(Refusal::NotFound { what: "grant" }),
    }
}

fn approved_grant(id: GrantId, request: &Request, duration: AccessDuration, now: Timestamp) -> Grant {
    let starts_at = request.starts_at.map_or(now, |start| start.max(now));
    Grant::approved(
        id,
        request,
        starts_at,
        duration.end_from(starts_at),
        request.targets.iter().cloned().map(GrantTarget::waiting).collect(),
        now,
    )
}

/// A request and the decisions on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approved {
    /// The request.
    pub request: Request,
    /// The decisions.
    pub decisions: Vec<Decision>,
}

/// Verifies an approved grant from its evidence: the request and the decisions on it and on each of its extensions, in
/// the order in which the grant names them, not the grant's own row (invariant I1). A grant that somebody wrote by hand
/// fails here and adds nobody, and one whose end somebody moved ends.
///
/// # Errors
/// What does not fit, for the alarm and the audit event.
pub fn verify_evidence(grant: &Grant, first: &Approved, extensions: &[Approved]) -> Result<(), &'static str> {
    if grant.request != first.request.id || first.request.kind != RequestKind::New {
        return Err("the request does not name this grant as its result");
    }
    let (counted, shortest) = verify_approved(grant, first)?;
    let start = first
        .request
        .starts_at
        .map_or(grant.approved_at, |start| start.max(grant.approved_at));
    if grant.starts_at != start {
        return Err("the grant does not start when it was approved to");
    }
    if counted.iter().all(|decision| decision.at < grant.approved_at) {
        return Err("the grant is younger than every approval");
    }
    let mut end = shortest.end_from(start);
    let named = extensions.iter().map(|extension| &extension.request.id);
    if !grant.extensions.iter().eq(named) {
        return Err("the grant's extensions are not those that were found");
    }
    for (at, extension) in extensions.iter().enumerate() {
        let request = &extension.request;
        let again = extensions
            .iter()
            .take(at)
            .any(|earlier| earlier.request.id == request.id);
        if again || request.kind != (RequestKind::Extension { grant: grant.id }) {
            return Err("an extension belongs to another grant or counts twice");
        }
        let (counted, shortest) = verify_approved(grant, extension)?;
        if counted.iter().any(|decision| decision.at >= end) {
            return Err("an extension was approved after the grant's end");
        }
        end = shortest.end_from(end);
    }
    if grant.expires_at > end {
        return Err("the grant lasts longer than was approved");
    }
    Ok(())
}

/// The decisions that count towards one of a grant's requests, one a person, and the shortest duration of them.
fn verify_approved<'a>(
    grant: &Grant,
    approved: &'a Approved,
) -> Result<(Vec<&'a Decision>, AccessDuration), &'static str> {
    let Approved { request, decisions } = approved;
    if request.status != RequestStatus::Approved || request.grant != Some(grant.id) {
        return Err("the request does not name this grant as its result");
    }
    // More time may be asked for by either of the two.
    let asked_by = grant.requester == request.requester
        || (request.kind.extends().is_some() && grant.beneficiary == request.requester);
    let same_parties = grant.beneficiary == request.beneficiary
        && asked_by
        && grant.entitlement == request.entitlement
        && grant.application == request.application;
    let same_targets = grant.targets.len() == request.targets.len()
        && grant
            .targets
            .iter()
            .zip(&request.targets)
            .all(|(granted, asked)| granted.target == *asked);
    if !same_parties || !same_targets {
        return Err("the grant is for other people or targets than its request");
    }
    if !request.activation.is_approved() {
        return verify_activated(request, decisions);
    }
    let mut counted: Vec<&Decision> = Vec::new();
    for decision in decisions {
        if decision.request != request.id || decision.beneficiary != request.beneficiary {
            return Err("a decision belongs to another request");
        }
        if decision.verdict == Verdict::Activate {
            return Err("somebody activated what others have to approve");
        }
        if decision.verdict == Verdict::Deny {
            return Err("an approver denied the request");
        }
        let pinned = Persons::default();
        let own = concerned(request, decision.hand(), &pinned);
        let fits = decision.policy.hash == request.policy.hash
            && decision.duration <= request.duration
            && decision.starts_at == request.starts_at;
        if own || !fits {
            return Err("a decision does not fit its request");
        }
        if !counted
            .iter()
            .any(|earlier| pinned.same_hand(earlier.hand(), decision.hand()))
        {
            counted.push(decision);
        }
    }
    if counted.len() < usize::from(request.quorum).max(1) {
        return Err("there are fewer approvals by distinct people than the quorum");
    }
    let shortest = counted
        .iter()
        .map(|decision| decision.duration)
        .min()
        .unwrap_or(request.duration);
    Ok((counted, shortest))
}

/// The one activation of a request that needs no approval.
fn verify_activated<'a>(
    request: &Request,
    decisions: &'a [Decision],
) -> Result<(Vec<&'a Decision>, AccessDuration), &'static str> {
    let mut activations = decisions.iter().filter(|decision| decision.verdict != Verdict::Deny);
    let (Some(activation), None) = (activations.next(), activations.next()) else {
        return Err("it was not activated, or more than once");
    };
    if decisions.iter().any(|decision| decision.verdict == Verdict::Deny) {
        return Err("an approver denied the request");
    }
    let own = activation.verdict == Verdict::Activate
        && activation.request == request.id
        && activation.approver == request.beneficiary
        && activation.beneficiary == request.beneficiary
        && activation.starts_at == request.starts_at;
    if !own || activation.policy.hash != request.policy.hash || activation.duration > request.duration {
        return Err("the activation does not fit its request");
    }
    if !matches!(activation.evidence, Evidence::Passkey(_)) {
        return Err("the activation is not signed by a passkey");
    }
    Ok((vec![activation], activation.duration))
}

/// Verifies that the rules in force are those that were approved, and that the approvals satisfy them: `standing` are
/// the decisions of people who may still approve, and `persons` says who is who now. With [`verify_evidence`] it binds
/// the grant's targets to the entitlement, so that a request whose row was changed after it was made grants nothing.
///
/// # Errors
/// What does not fit, for the audit event.
pub fn verify_rules(
    request: &Request,
    entitlement: &Entitlement,
    policy: &PolicyRef,
    standing: &[&Decision],
    persons: &Persons,
) -> Result<(), &'static str> {
    if policy.hash != request.policy.hash {
        return Err("the rules of the entitlement changed before the grant became active");
    }
    if request.targets != entitlement.targets {
        return Err("the request is for other targets than its entitlement says");
    }
    match request.activation {
        Activation::Approved if request.quorum != entitlement.quorum => {
            return Err("the request is for fewer approvals than its entitlement says");
        }
        Activation::Approved if entitlement.approval == ApprovalMode::Required => {}
        Activation::SelfApproved if entitlement.approval == ApprovalMode::None && !entitlement.critical => {
            return Ok(());
        }
        Activation::Emergency
            if entitlement
                .emergency
                .as_ref()
                .is_some_and(|emergency| request.duration <= emergency.maximum) =>
        {
            return Ok(());
        }
        _ => return Err("the entitlement does not allow that way to activate it"),
    }
    let mut counted: Vec<Hand<'_>> = Vec::new();
    for decision in standing {
        let does = match &decision.evidence {
            Evidence::Passkey(_) => true,
            Evidence::StepUp { auth_time, .. } => {
                let fresh = (-60..=FRESH_SECONDS).contains(&decision.at.seconds_since(*auth_time));
                fresh && !entitlement.passkey_required()
            }
        };
        if !does {
            return Err("a decision does not show the factor that the entitlement asks for");
        }
        if !concerned(request, decision.hand(), persons) {
            counted.push(decision.hand());
        }
    }
    if persons.count(counted) < usize::from(entitlement.quorum).max(1) {
        return Err("fewer people than the quorum who approved may still approve");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entitlement::Template;
    use crate::entitlement::tests::entitlement;
    use crate::grant::GrantStatus;
    use crate::ids::PersonId;
    use crate::protocol::grant::MOST_EXTENSIONS;
    use crate::request::tests::{an_ask, good_facts, party};
    use crate::request::{AskFacts, ask};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_seconds(10_000);
    /// The latest end of any extension.
    const LATEST: Timestamp = Timestamp::from_seconds(36_000);

    struct Case {
        entitlement: Entitlement,
        request: Request,
        policy: PolicyRef,
        approver: Party,
        factor: FactorClaims,
        context: Result<(), StepUpProblem>,
        has_passkey: bool,
        passkey: Option<(Passkey, Proof)>,
        vote: Vote,
        is_approver: bool,
        acting_for: Option<Party>,
        standing: Vec<Party>,
        eligible: bool,
        guest: bool,
        extends: Option<(Grant, bool)>,
        persons: Persons,
        now: Timestamp,
    }

    fn case() -> Case {
        let entitlement = entitlement();
        let template = Template::new("contoso.example".parse().unwrap());
        let dana = party(10);
        let target_facts = good_facts(&entitlement);
        let facts = AskFacts {
            entitlement: (&entitlement, 3),
            template: (&template, 1),
            requester: &dana,
            beneficiary: &dana,
            eligible: true,
            available_approvers: 1,
            target_facts: &target_facts,
            open_requests: 0,
            asked_already: false,
        };
        let request = ask(
            RequestId::new(Uuid::from_u128(5)),
            an_ask(),
            &facts,
            Timestamp::from_seconds(9_000),
        )
        .unwrap();
        let policy = request.policy.clone();
        Case {
            entitlement,
            request,
            policy,
            approver: party(11),
            factor: FactorClaims {
                auth_time: Some(NOW.plus_seconds(-10)),
                amr_mfa: false,
                acrs_context: true,
                token_id: None,
            },
            context: Ok(()),
            has_passkey: false,
            passkey: None,
            vote: Vote {
                verdict: Verdict::Approve,
                duration: None,
                comment: None,
            },
            is_approver: true,
            acting_for: None,
            standing: vec![party(11)],
            eligible: true,
            guest: false,
            extends: None,
            persons: Persons::default(),
            now: NOW,
        }
    }

    fn run(case: &Case) -> Result<Decided, Refusal> {
        let target_facts = good_facts(&case.entitlement);
        decide(
            (DecisionId::new(Uuid::from_u128(6)), GrantId::new(Uuid::from_u128(7))),
            case.vote.clone(),
            &DecisionFacts {
                request: (&case.request, 1),
                entitlement: &case.entitlement,
                policy: &case.policy,
                approver: &case.approver,
                approver_is_guest: case.guest,
                is_approver: case.is_approver,
                acting_for: case.acting_for.as_ref(),
                standing: &case.standing,
                eligible: case.eligible,
                loop_group: None,
                target_facts: &target_facts,
                factor: case.passkey.as_ref().map_or(
                    Factor::SignIn {
                        claims: &case.factor,
                        context: case.context,
                        has_passkey: case.has_passkey,
                    },
                    |(key, proof)| Factor::Passkey { key, proof },
                ),
                extends: case.extends.as_ref().map(|(grant, ordered_to_end)| ExtensionFacts {
                    grant,
                    ordered_to_end: *ordered_to_end,
                    latest_end: LATEST,
                }),
                persons: &case.persons,
            },
            case.now,
        )
    }

    /// A grant of an hour from [`NOW`] on, with its evidence, and the case of its extension by another hour.
    fn extension() -> (Grant, Approved, Case) {
        let decided = run(&case()).unwrap();
        let grant = decided.grant.unwrap();
        let first = Approved {
            request: decided.request,
            decisions: vec![decided.decision],
        };
        let mut case = case();
        case.request.id = RequestId::new(Uuid::from_u128(50));
        case.request.kind = RequestKind::Extension { grant: grant.id };
        case.now = NOW.plus_seconds(600);
        case.factor.auth_time = Some(case.now);
        case.extends = Some((grant.clone(), false));
        (grant, first, case)
    }

    #[test]
    fn an_extension_moves_the_end_of_its_grant_and_nothing_else() {
        let (grant, first, mut case) = extension();
        case.vote.duration = Some("30m".parse().unwrap());
        let decided = run(&case).unwrap();
        let longer = decided.grant.unwrap();
        assert_eq!(
            longer.expires_at,
            grant.expires_at.plus_seconds(1_800),
            "from the old end, and for less time than was asked"
        );
        assert_eq!(longer.next_schedule, grant.next_schedule + 1);
        assert_eq!(longer.extensions, [decided.request.id]);
        assert_eq!(decided.request.grant, Some(grant.id));
        assert_eq!(
            Grant {
                expires_at: grant.expires_at,
                next_schedule: grant.next_schedule,
                extensions: Vec::new(),
                due: Vec::new(),
                ..longer.clone()
            },
            grant
        );
        let extension = Approved {
            request: decided.request,
            decisions: vec![decided.decision],
        };
        assert_eq!(verify_evidence(&longer, &first, &[extension]), Ok(()));
    }

    #[test]
    fn only_a_grant_that_lives_is_extended_and_only_up_to_its_maximum() {
        type Change = fn(&mut Case);
        let cases: [(&str, Change); 6] = [
            ("grant-not-live", |c| {
                c.extends.as_mut().unwrap().0.status = GrantStatus::Ending
            }),
            ("grant-not-live", |c| c.extends.as_mut().unwrap().1 = true),
            ("grant-over", |c| c.extends.as_mut().unwrap().0.expires_at = c.now),
            ("beyond-maximum", |c| {
                c.extends.as_mut().unwrap().0.expires_at = LATEST.plus_seconds(-3_599);
            }),
            ("extended-too-often", |c| {
                c.extends.as_mut().unwrap().0.extensions = vec![RequestId::new(Uuid::from_u128(9)); MOST_EXTENSIONS];
            }),
            ("not-found", |c| c.extends = None),
        ];
        for (code, change) in cases {
            let (_, _, mut case) = extension();
            change(&mut case);
            assert_eq!(run(&case).unwrap_err().code(), code);
            case.vote.verdict = Verdict::Deny;
            assert!(run(&case).is_ok(), "a no is always safe");
        }
        let (_, _, mut first_of_two) = extension();
        first_of_two.request.quorum = 2;
        first_of_two.extends.as_mut().unwrap().1 = true;
        assert!(run(&first_of_two).is_err(), "nor does a first of two approvals count");
        let (_, _, mut longest) = extension();
        longest.extends.as_mut().unwrap().0.expires_at = LATEST.plus_seconds(-3_600);
        assert_eq!(run(&longest).unwrap().grant.unwrap().expires_at, LATEST);
    }

    #[test]
    fn an_extension_that_nobody_approved_proves_nothing() {
        let (grant, first, case) = extension();
        let decided = run(&case).unwrap();
        let longer = decided.grant.unwrap();
        let extension = Approved {
            request: decided.request,
            decisions: vec![decided.decision],
        };
        assert_eq!(verify_evidence(&grant, &first, &[]), Ok(()));
        assert_eq!(
            verify_evidence(&longer, &first, std::slice::from_ref(&extension)),
            Ok(())
        );
        assert!(
            verify_evidence(&longer, &first, &[]).is_err(),
            "the extension is missing"
        );
        assert!(
            verify_evidence(&grant, &first, std::slice::from_ref(&extension)).is_err(),
            "not named"
        );
        type Forge = fn(&mut Grant, &mut Approved, &mut Vec<Approved>);
        let forgeries: [Forge; 12] = [
            |g, _, _| g.expires_at = g.expires_at.plus_seconds(1),
            |g, _, e| {
                g.extensions.push(e[0].request.id);
                e.push(e[0].clone());
                g.expires_at = g.expires_at.plus_seconds(3_600);
            },
            |_, _, e| e[0].decisions.clear(),
            |_, _, e| e[0].request.status = RequestStatus::Pending,
            |_, _, e| e[0].request.grant = None,
            |_, _, e| e[0].request.kind = RequestKind::New,
            |_, _, e| {
                e[0].request.kind = RequestKind::Extension {
                    grant: GrantId::new(Uuid::from_u128(99)),
                };
            },
            |_, _, e| e[0].request.beneficiary = party(77),
            |_, _, e| e[0].request.quorum = 2,
            |_, _, e| e[0].decisions[0].approver = party(10),
            |g, _, e| e[0].decisions[0].at = g.expires_at.plus_seconds(-3_600),
            // The extension in the place of the first request.
            |g, f, e| {
                *f = e[0].clone();
                g.request = f.request.id;
                g.approved_at = f.decisions[0].at;
                g.starts_at = g.approved_at;
                g.extensions.clear();
                e.clear();
            },
        ];
        for (index, forge) in forgeries.iter().enumerate() {
            let (mut grant, mut first, mut extensions) = (longer.clone(), first.clone(), vec![extension.clone()]);
            forge(&mut grant, &mut first, &mut extensions);
            assert!(verify_evidence(&grant, &first, &extensions).is_err(), "forgery {index}");
        }
    }

    #[test]
    fn the_clock_of_a_grant_starts_at_the_approval() {
        let decided = run(&case()).unwrap();
        let grant = decided.grant.unwrap();
        assert_eq!(grant.starts_at, NOW);
        assert_eq!(grant.expires_at, NOW.plus_seconds(3_600).rounded_up_to_minute());
        assert_eq!(decided.request.status, RequestStatus::Approved);
        assert_eq!(decided.request.grant, Some(grant.id));
    }

    #[test]
    fn nobody_decides_on_their_own_access_by_person_or_by_object_id() {
        let mut same_person = case();
        same_person.approver.person = same_person.request.requester.person;
        assert_eq!(run(&same_person).unwrap_err(), Refusal::OwnAccess);
        let mut same_object = case();
        same_object.approver.object_id = same_object.request.beneficiary.object_id;
        assert_eq!(run(&same_object).unwrap_err(), Refusal::OwnAccess);
    }

    #[test]
    fn whoever_turns_out_to_be_linked_does_not_count() {
        let human = PersonId::new(Uuid::from_u128(900));
        let note = |persons: &mut Persons, party: &Party| persons.note(party.tenant, party.object_id, human);
        let mut own = case();
        note(&mut own.persons, &own.approver.clone());
        note(&mut own.persons, &own.request.requester.clone());
        assert_eq!(run(&own).unwrap_err(), Refusal::OwnAccess);

        // An approver before is the one who decides now, by another account.
        let mut first = case();
        first.request.quorum = 2;
        let after = run(&first).unwrap().request;
        let mut again = case();
        again.request = after.clone();
        again.approver = party(12);
        note(&mut again.persons, &party(11));
        note(&mut again.persons, &party(12));
        assert_eq!(run(&again).unwrap_err(), Refusal::AlreadyDecided);

        // An approver before turns out to be the requester.
        let mut third = case();
        third.request = after;
        third.approver = party(12);
        third.standing = vec![party(11)];
        note(&mut third.persons, &party(11));
        note(&mut third.persons, &third.request.requester.clone());
        let decided = run(&third).unwrap();
        assert_eq!(
            (decided.request.status, decided.grant),
            (RequestStatus::Pending, None),
            "one of the two approvals does not count"
        );
    }

    #[test]
    fn a_delegate_counts_once_with_their_principal_and_neither_may_be_concerned() {
        // 12 decides for 11.
        let delegate = |request: Request| {
            let mut case = case();
            case.request = request;
            (case.approver, case.acting_for, case.is_approver) = (party(12), Some(party(11)), false);
            case
        };
        let mut two = case().request;
        two.quorum = 2;
        let first = run(&delegate(two.clone())).unwrap();
        assert_eq!(first.decision.acting_for, Some(party(11)));
        let mut principal = case();
        principal.request = first.request.clone();
        assert_eq!(run(&principal).unwrap_err(), Refusal::AlreadyDecided);
        let mut by_principal = case();
        by_principal.request = two.clone();
        let again = delegate(run(&by_principal).unwrap().request);
        assert_eq!(run(&again).unwrap_err(), Refusal::AlreadyDecided);
        // Somebody else completes it, as long as the delegate still counts.
        let mut other = case();
        (other.request, other.approver) = (first.request, party(13));
        other.standing = vec![party(12)];
        assert!(run(&other).unwrap().grant.is_some());
        other.standing = Vec::new();
        assert!(run(&other).unwrap().grant.is_none());

        for concerned in [12, 11] {
            let mut own = delegate(two.clone());
            own.request.requester = party(concerned);
            assert_eq!(run(&own).unwrap_err(), Refusal::OwnAccess, "{concerned} asked");
            let mut own = delegate(two.clone());
            own.request.beneficiary = party(concerned);
            assert_eq!(run(&own).unwrap_err(), Refusal::OwnAccess, "{concerned} benefits");
        }
        let mut stranger = delegate(two);
        stranger.acting_for = None;
        assert_eq!(run(&stranger).unwrap_err().code(), "not-approver");
    }

    #[test]
    fn evidence_of_a_delegate_and_their_principal_is_one_approval() {
        let case = case();
        let decided = run(&case).unwrap();
        let (grant, mut request, decision) = (decided.grant.unwrap(), decided.request, decided.decision);
        let by = |approver: u128, acting_for: Option<u128>| Decision {
            approver: party(approver),
            acting_for: acting_for.map(party),
            ..decision.clone()
        };
        let mut verify = |quorum: u8, decisions: Vec<Decision>| {
            request.quorum = quorum;
            let request = request.clone();
            verify_evidence(&grant, &Approved { request, decisions }, &[])
        };
        assert_eq!(verify(1, vec![by(12, Some(11))]), Ok(()));
        assert!(verify(2, vec![by(12, Some(11)), by(11, None)]).is_err());
        assert!(verify(2, vec![by(12, Some(11)), by(14, Some(11))]).is_err());
        assert_eq!(verify(2, vec![by(12, Some(11)), by(14, Some(13))]), Ok(()));
        assert!(verify(1, vec![by(12, Some(10))]).is_err(), "for who asked");
    }

    #[test]
    fn before_an_add_persons_are_compared_as_they_are_now() {
        let case = case();
        let decided = run(&case).unwrap();
        let (request, decision) = (decided.request, decided.decision);
        let verify = |persons: &Persons| verify_rules(&request, &case.entitlement, &case.policy, &[&decision], persons);
        assert_eq!(verify(&case.persons), Ok(()));
        for own in [&request.requester, &request.beneficiary] {
            let mut persons = Persons::default();
            for party in [own, &decision.approver] {
                persons.note(party.tenant, party.object_id, PersonId::new(Uuid::from_u128(900)));
            }
            assert!(verify(&persons).is_err(), "the approver is {}", own.name);
        }
    }

    #[test]
    fn strangers_and_guests_are_refused() {
        let mut stranger = case();
        stranger.is_approver = false;
        assert_eq!(run(&stranger).unwrap_err().code(), "not-approver");
        let mut guest = case();
        guest.guest = true;
        assert_eq!(run(&guest).unwrap_err().code(), "guest-approver");
    }

    #[test]
    fn the_quorum_counts_persons_and_grants_the_shortest_time() {
        let mut first = case();
        first.request.quorum = 2;
        let decided = run(&first).unwrap();
        assert_eq!(
            (decided.request.status, decided.grant.is_none()),
            (RequestStatus::Pending, true)
        );
        let mut again = case();
        again.request = decided.request.clone();
        assert_eq!(run(&again).unwrap_err(), Refusal::AlreadyDecided);
        again.approver = party(12);
        again.vote.duration = Some("30m".parse().unwrap());
        let grant = run(&again).unwrap().grant.unwrap();
        assert_eq!(grant.expires_at, NOW.plus_seconds(1_800).rounded_up_to_minute());
    }

    #[test]
    fn who_may_no_longer_approve_has_approved_in_vain() {
        let mut first = case();
        first.request.quorum = 2;
        let mut second = case();
        second.request = run(&first).unwrap().request;
        second.approver = party(12);
        second.standing = Vec::new();
        let decided = run(&second).unwrap();
        assert_eq!(
            (decided.request.status, decided.grant),
            (RequestStatus::Pending, None),
            "the first approver lost the right meanwhile"
        );
        let mut third = case();
        third.request = decided.request;
        third.approver = party(13);
        third.standing = vec![party(12)];
        assert!(run(&third).unwrap().grant.is_some());
    }

    #[test]
    fn a_beneficiary_who_may_not_ask_any_more_is_granted_nothing() {
        let mut gone = case();
        gone.eligible = false;
        assert_eq!(run(&gone).unwrap_err().code(), "no-longer-eligible");
        gone.vote.verdict = Verdict::Deny;
        assert_eq!(run(&gone).unwrap().request.status, RequestStatus::Denied);
    }

    #[test]
    fn an_approver_may_shorten_and_not_lengthen() {
        let mut longer = case();
        longer.vote.duration = Some("2h".parse().unwrap());
        assert_eq!(run(&longer).unwrap_err().code(), "duration-longer");
        let mut seconds = case();
        seconds.vote.duration = Some("1s".parse().unwrap());
        assert_eq!(run(&seconds).unwrap_err().code(), "invalid-field");
        seconds.request.duration = "5s".parse().unwrap();
        assert!(run(&seconds).unwrap().grant.is_some(), "where seconds may be asked for");
    }

    #[test]
    fn rules_verify_as_they_were_approved_and_not_otherwise() {
        let case = case();
        let decided = run(&case).unwrap();
        let (request, decision) = (decided.request, decided.decision);
        let verify = |request: &Request, entitlement: &Entitlement, decisions: &[&Decision]| {
            verify_rules(request, entitlement, &case.policy, decisions, &case.persons)
        };
        assert_eq!(verify(&request, &case.entitlement, &[&decision]), Ok(()));
        assert!(
            verify(&request, &case.entitlement, &[]).is_err(),
            "nobody may still approve"
        );
        let mut other = request.clone();
        other.targets.push(other.targets[0].clone());
        assert!(
            verify(&other, &case.entitlement, &[&decision]).is_err(),
            "other targets"
        );
        let mut critical = case.entitlement.clone();
        critical.critical = true;
        assert!(
            verify(&request, &critical, &[&decision]).is_err(),
            "a passkey is asked for"
        );
        let mut stale = decision.clone();
        stale.at = stale.at.plus_seconds(FRESH_SECONDS);
        assert!(
            verify(&request, &case.entitlement, &[&stale]).is_err(),
            "an old sign-in"
        );
        let mut two = (request, case.entitlement.clone());
        (two.0.quorum, two.1.quorum) = (2, 2);
        assert!(
            verify(&two.0, &two.1, &[&decision, &decision]).is_err(),
            "one person twice"
        );
        two.0.quorum = 1;
        assert!(verify(&two.0, &two.1, &[&decision]).is_err(), "another quorum");
    }

    #[test]
    fn a_policy_that_changed_refuses_a_yes_and_takes_a_no() {
        let mut changed = case();
        changed.entitlement.quorum = 2;
        let template = Template::new("contoso.example".parse().unwrap());
        changed.policy = changed.entitlement.policy(4, &template, 1).unwrap();
        assert_eq!(run(&changed).unwrap_err().code(), "policy-changed");
        changed.vote.verdict = Verdict::Deny;
        assert_eq!(run(&changed).unwrap().request.status, RequestStatus::Denied);
    }

    #[test]
    fn a_token_without_a_fresh_factor_is_no_proof() {
        type Change = fn(&mut FactorClaims);
        let changes: [Change; 4] = [
            |f| f.acrs_context = false,
            |f| f.auth_time = None,
            |f| f.auth_time = Some(NOW.plus_seconds(-301)),
            |f| f.auth_time = Some(NOW.plus_seconds(120)),
        ];
        for change in changes {
            let mut case = case();
            change(&mut case.factor);
            assert_eq!(run(&case).unwrap_err().code(), "step-up-required");
        }
    }

    #[test]
    fn a_context_with_nothing_behind_it_is_no_proof_and_amr_needs_none() {
        let mut case = case();
        case.context = Err(StepUpProblem::ContextUnprotected);
        let refused = run(&case).unwrap_err();
        assert_eq!(refused.code(), "step-up-unproved");
        assert_eq!(
            refused.kind(),
            crate::refusal::RefusalKind::Forbidden,
            "no challenge: it would not help"
        );
        case.factor.amr_mfa = true;
        assert!(run(&case).is_ok());
        // What signing in again can mend is said first.
        case.factor.amr_mfa = false;
        case.factor.auth_time = None;
        assert_eq!(run(&case).unwrap_err().code(), "step-up-required");
    }

    fn signed() -> Option<(Passkey, Proof)> {
        let key = crate::passkey::tests::usable(11);
        let proof = crate::passkey::tests::proof(&key);
        Some((key, proof))
    }

    #[test]
    fn an_approval_that_was_used_does_not_count_for_a_later_start() {
        let decided = run(&case()).unwrap();
        let grant = decided.grant.unwrap();
        let approved = |starts_at: Option<Timestamp>| Approved {
            request: Request {
                starts_at,
                ..decided.request.clone()
            },
            decisions: vec![decided.decision.clone()],
        };
        assert_eq!(verify_evidence(&grant, &approved(None), &[]), Ok(()));
        // Somebody writes request and grant anew, around a decision that they cannot seal.
        let later = NOW.plus_seconds(100_000);
        let again = Grant {
            starts_at: later,
            expires_at: decided.decision.duration.end_from(later),
            ..grant
        };
        assert!(verify_evidence(&again, &approved(Some(later)), &[]).is_err());
    }

    #[test]
    fn who_has_a_passkey_cannot_use_the_weaker_path() {
        let mut case = case();
        case.has_passkey = true;
        assert_eq!(run(&case).unwrap_err(), Refusal::PasskeyExpected);
        case.passkey = signed();
        let decided = run(&case).unwrap();
        assert!(matches!(decided.decision.evidence, Evidence::Passkey(_)));
    }

    #[test]
    fn on_a_critical_entitlement_a_new_key_does_not_count_yet() {
        let mut case = case();
        case.entitlement.critical = true;
        let policy = case
            .entitlement
            .policy(3, &Template::new("contoso.example".parse().unwrap()), 1);
        case.policy = policy.unwrap();
        case.request.policy = case.policy.clone();
        case.passkey = signed();
        assert!(run(&case).is_ok());
        let until = case.now.plus_seconds(1);
        if let Some((key, _)) = &mut case.passkey {
            key.counts_at = Some(until);
        }
        assert_eq!(run(&case).unwrap_err(), Refusal::KeyCoolsDown { until });
    }

    #[test]
    fn entitlements_that_demand_a_passkey_refuse_a_step_up() {
        let mut critical = case();
        critical.entitlement.critical = true;
        assert_eq!(run(&critical).unwrap_err().code(), "passkey-required");
    }

    #[test]
    fn decisions_after_the_time_to_live_or_the_end_are_refused() {
        let mut late = case();
        late.request.lapses_at = NOW;
        assert_eq!(run(&late).unwrap_err().code(), "request-lapsed");
        let mut over = case();
        over.request.status = RequestStatus::Cancelled;
        assert_eq!(run(&over).unwrap_err().code(), "request-not-pending");
    }

    #[test]
    fn evidence_verifies_for_what_was_decided_and_for_nothing_else() {
        let decided = run(&case()).unwrap();
        let (grant, request, decisions) = (decided.grant.unwrap(), decided.request, vec![decided.decision]);
        let verify = |grant: &Grant, request: &Request, decisions: &[Decision]| {
            let first = Approved {
                request: request.clone(),
                decisions: decisions.to_vec(),
            };
            verify_evidence(grant, &first, &[])
        };
        assert_eq!(verify(&grant, &request, &decisions), Ok(()));
        assert!(verify(&grant, &request, &[]).is_err(), "no decision");
        type Forge = fn(&mut Grant, &mut Request, &mut Vec<Decision>);
        let forgeries: [Forge; 9] = [
            |g, _, _| g.id = GrantId::new(Uuid::from_u128(99)),
            |g, _, _| g.expires_at = g.expires_at.plus_seconds(1),
            |g, _, _| g.starts_at = g.starts_at.plus_seconds(1),
            |g, _, _| g.beneficiary = party(77),
            |g, _, _| g.targets.push(g.targets[0].clone()),
            |_, r, _| r.status = RequestStatus::Pending,
            |_, _, d| d[0].approver = party(10),
            |_, _, d| d[0].verdict = Verdict::Deny,
            |_, r, d| {
                r.quorum = 2;
                d.push(d[0].clone());
            },
        ];
        for (index, forge) in forgeries.iter().enumerate() {
            let (mut grant, mut request, mut decisions) = (grant.clone(), request.clone(), decisions.clone());
            forge(&mut grant, &mut request, &mut decisions);
            assert!(verify(&grant, &request, &decisions).is_err(), "forgery {index}");
        }
    }
}
