//! Activations: access that nobody approves beforehand.
//!
//! Where an entitlement needs no approval, and in an emergency, there is no decision of other people but an *activation*:
//! the beneficiary's own assertion over what they take (invariant I5). It leads to the same decision record, evidence and
//! grant, and is accepted only where the sealed entitlement allows it. An emergency is told to everyone concerned at once,
//! and another person reviews it afterwards.

use serde::{Deserialize, Serialize};

use crate::decision::{Decided, Decision, Factor, Verdict, granted, seconds, signed_targets};
use crate::directory::Party;
use crate::entitlement::{ApprovalMode, Entitlement, PolicyRef};
use crate::ids::{ApplicationId, DecisionId, EntitlementId, GrantId, PersonId, RequestId};
use crate::passkey::{Passkey, Proof};
use crate::request::{Activation, ExtensionFacts, Request, RequestStatus, check_requestable};
use crate::signed::{self, Account, ActivationForm, Form, Second, Start};
use crate::target::TargetFacts;
use crate::text::{LONGEST_JUSTIFICATION, check_free_text};
use crate::{Refusal, Timestamp};

/// How long in seconds somebody has to review an emergency before it is told again, every day, and the path is closed to
/// whoever used it.
pub const REVIEW_SECONDS: i64 = 86_400;
/// Most emergencies of one person that are looked at: beyond, the path is closed.
pub const MOST_EMERGENCIES: usize = 100;

/// What has been looked up for an activation, strongly consistent.
#[derive(Clone, Debug)]
pub struct ActivationFacts<'a> {
    /// The request and its stored version.
    pub request: (&'a Request, u64),
    /// The entitlement as it is now.
    pub entitlement: &'a Entitlement,
    /// The policy as it is now.
    pub policy: &'a PolicyRef,
    /// Who activates.
    pub caller: &'a Party,
    /// Whether the beneficiary may ask now, or, in an emergency, is one of its people now.
    pub eligible: bool,
    /// A group that feeds approvers but can be requested itself, if there is one.
    pub loop_group: Option<String>,
    /// What the directory says about each target.
    pub target_facts: &'a [Option<TargetFacts>],
    /// The key.
    pub key: &'a Passkey,
    /// The assertion, which has been verified over exactly this activation.
    pub proof: &'a Proof,
    /// The grant that the request would extend, where it asks for that.
    pub extends: Option<ExtensionFacts<'a>>,
}

/// What the beneficiary signs to activate a request.
///
/// # Errors
/// When other people decide it.
pub fn form(request: (&Request, u64), policy: &PolicyRef, expires_at: Second) -> Result<Form, Refusal> {
    let (request, request_version) = request;
    let activation = match request.activation {
        Activation::Approved => return Err(Refusal::NotSelfActivated),
        Activation::SelfApproved => signed::Activation::SelfApproved,
        Activation::Emergency => signed::Activation::Emergency,
    };
    Ok(Form::Activation(ActivationForm {
        application: request.application.clone(),
        request: request.id,
        request_version,
        extends: request.kind.extends(),
        activation,
        start: Start::of(request.starts_at),
        duration_seconds: seconds(request.duration),
        requester: Account::from(&request.requester),
        beneficiary: Account::from(&request.beneficiary),
        targets: signed_targets(request),
        policy_hash: policy.hash,
        expires_at,
    }))
}

/// Decides whether an activation counts, and what follows from it.
///
/// # Errors
/// The first rule that refuses it.
pub fn activate(ids: (DecisionId, GrantId), facts: &ActivationFacts<'_>, now: Timestamp) -> Result<Decided, Refusal> {
    let (request, request_version) = facts.request;
    if facts.caller.user != request.beneficiary.user {
        return Err(Refusal::NotFound { what: "request" });
    }
    request.check_open("activated", now)?;
    let name = || request.entitlement_name.clone();
    let allowed = match request.activation {
        Activation::Approved => return Err(Refusal::NotSelfActivated),
        Activation::SelfApproved => facts.entitlement.approval == ApprovalMode::None && !facts.entitlement.critical,
        Activation::Emergency => facts.entitlement.emergency.is_some(),
    };
    if !allowed || facts.policy.hash != request.policy.hash {
        return Err(Refusal::PolicyChanged { name: name() });
    }
    if !facts.eligible {
        return Err(Refusal::NoLongerEligible { name: name() });
    }
    if let Some(group) = &facts.loop_group {
        return Err(Refusal::ApproverLoop { group: group.clone() });
    }
    check_requestable(facts.entitlement, facts.target_facts)?;
    if request.activation == Activation::Emergency {
        facts.key.counts(now)?;
    }
    let factor = Factor::Passkey {
        key: facts.key,
        proof: facts.proof,
    };
    let decision = Decision {
        id: ids.0,
        request: request.id,
        request_version,
        verdict: Verdict::Activate,
        duration: request.duration,
        approver: request.beneficiary.clone(),
        acting_for: None,
        beneficiary: request.beneficiary.clone(),
        comment: None,
        policy: facts.policy.clone(),
        evidence: factor.evidence(facts.entitlement, now)?,
        starts_at: request.starts_at,
        at: now,
    };
    let grant = granted(ids.1, request, facts.entitlement, facts.extends.as_ref(), now)?;
    let mut request = request.close(RequestStatus::Approved, "activated", now)?;
    request.grant = Some(grant.id);
    Ok(Decided {
        decision,
        request,
        grant: Some(grant),
    })
}

/// One emergency of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EmergencyUse {
    /// The application.
    pub application: ApplicationId,
    /// The person.
    pub person: PersonId,
    /// Who exactly.
    pub by: Party,
    /// Its request.
    pub request: RequestId,
    /// Its grant.
    pub grant: GrantId,
    /// What was taken.
    pub entitlement: EntitlementId,
    /// Its name, for people.
    pub entitlement_name: String,
    /// When.
    pub activated_at: Timestamp,
    /// Until when it has to be reviewed.
    pub review_by: Timestamp,
    /// What another person found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// What another person found of an emergency.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// Who.
    pub by: Party,
    /// When.
    pub at: Timestamp,
    /// Whether it was justified.
    pub justified: bool,
    /// What they found, in words.
    pub comment: String,
}

impl EmergencyUse {
    /// Whether nobody has reviewed it in time.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.review.is_none() && now >= self.review_by
    }

    /// The emergency, reviewed.
    ///
    /// # Errors
    /// When it has been reviewed, by the person themselves, or without a word.
    pub fn reviewed(&self, by: &Party, justified: bool, comment: &str, now: Timestamp) -> Result<Self, Refusal> {
        if by.same_person(&self.by) || by.person == self.person {
            return Err(Refusal::OwnAccess);
        }
        if self.review.is_some() {
            return Err(Refusal::AlreadyDecided);
        }
        check_free_text("comment", comment, 1, LONGEST_JUSTIFICATION)?;
        Ok(Self {
            review: Some(Review {
                by: by.clone(),
                at: now,
                justified,
                comment: comment.to_owned(),
            }),
            ..self.clone()
        })
    }
}

/// Whether the emergency path is open to somebody: no emergency of theirs is live, and each was reviewed in time.
///
/// # Errors
/// Which of them keeps it closed. More than [`MOST_EMERGENCIES`] that wait for a review close it as well.
pub fn check_emergency_path(uses: &[EmergencyUse], live: Option<GrantId>, now: Timestamp) -> Result<(), Refusal> {
    if live.is_some() {
        return Err(Refusal::EmergencyLive);
    }
    let unreviewed = || uses.iter().filter(|emergency| emergency.review.is_none());
    let oldest = unreviewed().min_by_key(|emergency| emergency.activated_at);
    match oldest {
        Some(oldest) if oldest.is_overdue(now) || unreviewed().count() >= MOST_EMERGENCIES => {
            Err(Refusal::EmergencyUnreviewed {
                since: oldest.activated_at,
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Approved, Evidence, verify_evidence, verify_rules};
    use crate::entitlement::tests::entitlement;
    use crate::entitlement::{Emergency, Principals, Template};
    use crate::passkey::tests::{proof, usable, waiting};
    use crate::passkey::{Attestation, COOL_DOWN_SECONDS, Voucher};
    use crate::person::Persons;
    use crate::request::tests::{an_ask, good_facts, party};
    use crate::request::{Ask, AskFacts, ask, ask_to_extend};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_seconds(200_000);

    fn self_approved() -> Entitlement {
        Entitlement {
            approval: ApprovalMode::None,
            ..entitlement()
        }
    }

    fn with_emergency() -> Entitlement {
        Entitlement {
            critical: true,
            quorum: 2,
            emergency: Some(Emergency {
                people: Principals {
                    users: [party(10).user].into(),
                    ..Principals::default()
                },
                maximum: "1h".parse().unwrap(),
            }),
            ..entitlement()
        }
    }

    fn emergency(duration: &str) -> Ask {
        Ask {
            duration: duration.parse().unwrap(),
            emergency: true,
            ..an_ask()
        }
    }

    /// A request of party 10; nobody could approve one.
    fn asked(entitlement: &Entitlement, wanted: Ask) -> Result<Request, Refusal> {
        let template = Template::new("contoso.example".parse().unwrap());
        let target_facts = good_facts(entitlement);
        let robin = party(10);
        let facts = AskFacts {
            entitlement: (entitlement, 3),
            template: (&template, 1),
            requester: &robin,
            beneficiary: &robin,
            eligible: true,
            available_approvers: 0,
            target_facts: &target_facts,
            open_requests: 0,
            asked_already: false,
        };
        ask(RequestId::new(Uuid::from_u128(5)), wanted, &facts, NOW)
    }

    fn activated(
        request: &Request,
        entitlement: &Entitlement,
        change: impl FnOnce(&mut ActivationFacts<'_>),
    ) -> Result<Decided, Refusal> {
        activated_by(&party(10), &usable(10), request, entitlement, change)
    }

    fn activated_by(
        caller: &Party,
        key: &Passkey,
        request: &Request,
        entitlement: &Entitlement,
        change: impl FnOnce(&mut ActivationFacts<'_>),
    ) -> Result<Decided, Refusal> {
        let template = Template::new("contoso.example".parse().unwrap());
        let policy = entitlement.policy(3, &template, 1).unwrap();
        let proof = proof(key);
        let target_facts = good_facts(entitlement);
        let mut facts = ActivationFacts {
            request: (request, 1),
            entitlement,
            policy: &policy,
            caller,
            eligible: true,
            loop_group: None,
            target_facts: &target_facts,
            key,
            proof: &proof,
            extends: None,
        };
        change(&mut facts);
        let ids = (DecisionId::new(Uuid::from_u128(6)), GrantId::new(Uuid::from_u128(7)));
        activate(ids, &facts, NOW)
    }

    #[test]
    fn where_no_approval_is_needed_the_beneficiary_activates_and_the_grant_verifies() {
        let entitlement = self_approved();
        let request = asked(&entitlement, an_ask()).unwrap();
        assert_eq!((request.activation, request.quorum), (Activation::SelfApproved, 0));
        let decided = activated(&request, &entitlement, |_| ()).unwrap();
        let grant = decided.grant.unwrap();
        assert_eq!(decided.decision.verdict, Verdict::Activate);
        assert_eq!(grant.activation, Activation::SelfApproved);
        let approved = Approved {
            request: decided.request,
            decisions: vec![decided.decision],
        };
        assert_eq!(verify_evidence(&grant, &approved, &[]), Ok(()));
        let Approved { request, decisions } = &approved;
        assert_eq!(
            verify_rules(request, &entitlement, &request.policy, &[], &Persons::default()),
            Ok(())
        );
        let stricter = super::tests::entitlement();
        assert!(
            verify_rules(
                request,
                &stricter,
                &request.policy,
                &[&decisions[0]],
                &Persons::default()
            )
            .is_err()
        );
    }

    #[test]
    fn what_others_have_to_approve_is_not_activated() {
        let request = asked(&with_emergency(), an_ask());
        assert!(matches!(request, Err(Refusal::TooFewApprovers { .. })));
        let mut request = asked(&self_approved(), an_ask()).unwrap();
        request.activation = Activation::Approved;
        let refused = activated(&request, &self_approved(), |_| ());
        assert_eq!(refused.unwrap_err(), Refusal::NotSelfActivated);
        // Nor is a hand-written one believed.
        request.activation = Activation::SelfApproved;
        let decided = activated(&request, &self_approved(), |_| ()).unwrap();
        let mut approved = Approved {
            request: decided.request,
            decisions: vec![decided.decision],
        };
        approved.request.activation = Activation::Approved;
        approved.request.quorum = 1;
        assert!(verify_evidence(&decided.grant.unwrap(), &approved, &[]).is_err());
    }

    #[test]
    fn an_activation_that_is_not_signed_by_the_beneficiary_is_not_believed() {
        let request = asked(&self_approved(), an_ask()).unwrap();
        let decided = activated(&request, &self_approved(), |_| ()).unwrap();
        let grant = decided.grant.unwrap();
        let with = |change: fn(&mut Decision)| {
            let mut decision = decided.decision.clone();
            change(&mut decision);
            Approved {
                request: decided.request.clone(),
                decisions: vec![decision],
            }
        };
        assert_eq!(verify_evidence(&grant, &with(|_| ()), &[]), Ok(()));
        for change in [
            (|d: &mut Decision| d.approver = party(11)) as fn(&mut Decision),
            |d| d.verdict = Verdict::Approve,
            |d| d.verdict = Verdict::Deny,
            |d| d.duration = "2d".parse().unwrap(),
            |d| d.policy.hash = crate::canonical::Digest::of(b"other"),
            |d| {
                d.evidence = Evidence::StepUp {
                    auth_time: NOW,
                    claim: "amr".to_owned(),
                    token_id: None,
                }
            },
        ] {
            assert!(verify_evidence(&grant, &with(change), &[]).is_err());
        }
        let mut twice = with(|_| ());
        twice.decisions.push(twice.decisions[0].clone());
        assert!(verify_evidence(&grant, &twice, &[]).is_err());
    }

    #[test]
    fn only_the_beneficiary_activates_and_only_while_everything_is_as_it_was() {
        let entitlement = self_approved();
        let request = asked(&entitlement, an_ask()).unwrap();
        let refused = activated_by(&party(11), &usable(11), &request, &entitlement, |_| ());
        assert_eq!(refused.unwrap_err(), Refusal::NotFound { what: "request" });
        let refused = activated(&request, &entitlement, |facts| facts.eligible = false);
        assert!(matches!(refused, Err(Refusal::NoLongerEligible { .. })));
        let refused = activated(&request, &entitlement, |facts| {
            facts.loop_group = Some("ops".to_owned())
        });
        assert!(matches!(refused, Err(Refusal::ApproverLoop { .. })));
        let needs_approval = super::tests::entitlement();
        let refused = activated(&request, &needs_approval, |_| ());
        assert!(matches!(refused, Err(Refusal::PolicyChanged { .. })));
        let bound = Entitlement {
            attestation: Attestation::DeviceBound,
            ..self_approved()
        };
        let request = asked(&bound, an_ask()).unwrap();
        let refused = activated(&request, &bound, |_| ());
        assert!(matches!(refused, Err(Refusal::KeyNotTaken { .. })));
        let closed = request.close(RequestStatus::Cancelled, "cancelled", NOW).unwrap();
        let refused = activated(&closed, &bound, |_| ());
        assert!(matches!(refused, Err(Refusal::RequestNotPending { .. })));
    }

    #[test]
    fn an_emergency_is_short_begins_now_and_needs_a_key_that_counts() {
        let entitlement = with_emergency();
        let longer = asked(&entitlement, emergency("2h"));
        assert!(matches!(longer, Err(Refusal::DurationNotAllowed { .. })));
        let later = Ask {
            starts_at: Some(NOW.plus_seconds(600)),
            ..emergency("1h")
        };
        assert_eq!(asked(&entitlement, later).unwrap_err().field(), Some("starts_at"));
        let request = asked(&entitlement, emergency("1h")).unwrap();
        let young = waiting(10)
            .confirm(Voucher::SetUp, None, COOL_DOWN_SECONDS, NOW)
            .unwrap();
        let refused = activated_by(&party(10), &young, &request, &entitlement, |_| ());
        assert!(matches!(refused, Err(Refusal::KeyCoolsDown { .. })));
        let decided = activated(&request, &entitlement, |_| ()).unwrap();
        let (grant, request) = (decided.grant.unwrap(), decided.request);
        assert!(grant.exact, "critical access ends at the second");
        assert_eq!(
            verify_rules(&request, &entitlement, &request.policy, &[], &Persons::default()),
            Ok(())
        );
        let closed = Entitlement {
            emergency: None,
            ..entitlement.clone()
        };
        assert!(verify_rules(&request, &closed, &request.policy, &[], &Persons::default()).is_err());
    }

    #[test]
    fn an_emergency_gets_no_more_time() {
        let entitlement = with_emergency();
        let request = asked(&entitlement, emergency("1h")).unwrap();
        let grant = activated(&request, &entitlement, |_| ()).unwrap().grant.unwrap();
        let template = Template::new("contoso.example".parse().unwrap());
        let (robin, target_facts) = (party(10), good_facts(&entitlement));
        let facts = AskFacts {
            entitlement: (&entitlement, 3),
            template: (&template, 1),
            requester: &robin,
            beneficiary: &robin,
            eligible: true,
            available_approvers: 2,
            target_facts: &target_facts,
            open_requests: 0,
            asked_already: false,
        };
        let extends = ExtensionFacts {
            grant: &grant,
            ordered_to_end: false,
            latest_end: NOW.plus_seconds(1_000_000),
        };
        let id = RequestId::new(Uuid::from_u128(50));
        let refused = ask_to_extend(id, an_ask(), &facts, extends, NOW);
        assert_eq!(refused.unwrap_err(), Refusal::EmergencyNotExtended);
    }

    fn used(at: Timestamp) -> EmergencyUse {
        EmergencyUse {
            application: "contoso.example".parse().unwrap(),
            person: party(10).person,
            by: party(10),
            request: RequestId::new(Uuid::from_u128(5)),
            grant: GrantId::new(Uuid::from_u128(7)),
            entitlement: entitlement().id,
            entitlement_name: "prod-admins".to_owned(),
            activated_at: at,
            review_by: at.plus_seconds(REVIEW_SECONDS),
            review: None,
        }
    }

    #[test]
    fn another_person_reviews_an_emergency_once_and_with_a_word() {
        let emergency = used(NOW);
        assert_eq!(
            emergency.reviewed(&party(10), true, "fine", NOW),
            Err(Refusal::OwnAccess)
        );
        assert!(emergency.reviewed(&party(11), true, "", NOW).is_err());
        let reviewed = emergency
            .reviewed(&party(11), true, "the incident was real", NOW)
            .unwrap();
        assert!(!reviewed.is_overdue(NOW.plus_seconds(10 * REVIEW_SECONDS)));
        assert_eq!(
            reviewed.reviewed(&party(12), false, "no", NOW),
            Err(Refusal::AlreadyDecided)
        );
    }

    #[test]
    fn the_path_is_closed_by_a_live_emergency_and_by_one_that_nobody_reviewed() {
        assert_eq!(check_emergency_path(&[], None, NOW), Ok(()));
        assert_eq!(
            check_emergency_path(&[], Some(used(NOW).grant), NOW),
            Err(Refusal::EmergencyLive)
        );
        let recent = used(NOW.plus_seconds(1 - REVIEW_SECONDS));
        assert_eq!(check_emergency_path(&[recent], None, NOW), Ok(()), "still time");
        let old = used(NOW.plus_seconds(-REVIEW_SECONDS));
        let closed = check_emergency_path(std::slice::from_ref(&old), None, NOW);
        assert_eq!(
            closed,
            Err(Refusal::EmergencyUnreviewed {
                since: old.activated_at
            })
        );
        let reviewed = old.reviewed(&party(11), false, "it could have waited", NOW).unwrap();
        assert_eq!(check_emergency_path(&[reviewed], None, NOW), Ok(()));
    }
}
