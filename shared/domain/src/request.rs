//! Requests: who wants what, for how long, and why.

use serde::{Deserialize, Serialize};

use crate::Refusal;
use crate::delegate::Hand;
use crate::directory::Party;
use crate::duration::AccessDuration;
use crate::entitlement::{ApprovalMode, Entitlement, PolicyRef, Template};
use crate::grant::{Grant, GrantStatus};
use crate::ids::{ApplicationId, EntitlementId, GrantId, RequestId};
use crate::limit::{Counted, Window};
use crate::protocol::Production;
use crate::protocol::grant::extended;
use crate::refusal::Rule;
use crate::target::{Target, TargetFacts};
use crate::text::{LONGEST_JUSTIFICATION, check_free_text};
use crate::time::Timestamp;

/// Most requests of one person that may wait at once (abuse cases 16 and 28).
pub const MOST_OPEN_REQUESTS: usize = 20;
/// Longest time in seconds from request to a scheduled start.
pub const LATEST_START_SECONDS: i64 = 30 * 86_400;

/// Fewest seconds between two reminders of one request.
pub const REMIND_AGAIN_SECONDS: i64 = 900;

/// Where a request stands. `pending` is the only state that can change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Waits for its approvers.
    Pending,
    /// Enough approvers said yes; a grant exists.
    Approved,
    /// An approver said no.
    Denied,
    /// The requester took it back, or lost their account.
    Cancelled,
    /// Nobody decided in time.
    Lapsed,
}

impl RequestStatus {
    /// The state in words, for a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "already approved",
            Self::Denied => "already denied",
            Self::Cancelled => "cancelled",
            Self::Lapsed => "lapsed",
        }
    }
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestKind {
    /// A grant.
    #[default]
    New,
    /// More time for a grant that is live.
    Extension {
        /// Which.
        grant: GrantId,
    },
}

impl RequestKind {
    /// The grant that would be extended.
    #[must_use]
    pub const fn extends(self) -> Option<GrantId> {
        match self {
            Self::New => None,
            Self::Extension { grant } => Some(grant),
        }
    }
}

/// Who turns a request into a grant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Other people approve it.
    #[default]
    Approved,
    /// The beneficiary, because the entitlement needs no approval: shown as *self-approved by policy*.
    SelfApproved,
    /// The beneficiary, in an emergency: another person reviews it afterwards.
    Emergency,
}

impl Activation {
    /// Whether other people approve it.
    #[must_use]
    pub const fn is_approved(&self) -> bool {
        matches!(self, Self::Approved)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::SelfApproved => "self_approved",
            Self::Emergency => "emergency",
        }
    }
}

/// Why a request was closed that nobody denied, took back or let lapse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The grant that it would have extended ended first.
    GrantEnded,
}

impl CloseReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GrantEnded => "grant_ended",
        }
    }
}

/// A request for access.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Our id; also the name of its audit stream.
    pub id: RequestId,
    /// The application.
    pub application: ApplicationId,
    /// Whether it asks for a grant or for more time.
    #[serde(default)]
    pub kind: RequestKind,
    /// Who turns it into a grant.
    #[serde(default, skip_serializing_if = "Activation::is_approved")]
    pub activation: Activation,
    /// What is asked for.
    pub entitlement: EntitlementId,
    /// Its name at that moment, for people.
    pub entitlement_name: String,
    /// The targets at that moment: what the approver decides about.
    pub targets: Vec<Target>,
    /// Who asks.
    pub requester: Party,
    /// Who gets the access.
    pub beneficiary: Party,
    /// For how long.
    pub duration: AccessDuration,
    /// From when; at once after approval where `None`.
    pub starts_at: Option<Timestamp>,
    /// Why, as entered.
    pub justification: String,
    /// A ticket reference, as entered.
    pub ticket: Option<String>,
    /// How many approvals are needed; none where the beneficiary activates it.
    pub quorum: u8,
    /// The policy in force when it was made.
    pub policy: PolicyRef,
    /// Where it stands.
    pub status: RequestStatus,
    /// Who has approved so far.
    pub approvals: Vec<Approval>,
    /// The grant that it led to or extended, once approved.
    pub grant: Option<GrantId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it lapses if nobody decides.
    pub lapses_at: Timestamp,
    /// When it left `pending`.
    pub closed_at: Option<Timestamp>,
    /// Why, where the state does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_because: Option<CloseReason>,
    /// Who denied it or took it back; `None` where no person did, and in what was stored before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by: Option<Party>,
    /// On whose behalf, where a delegate denied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_for: Option<Party>,
    /// When its approvers were last reminded of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<Timestamp>,
}

/// One approval that counts towards the quorum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// Who approved.
    pub approver: Party,
    /// On whose behalf, where a delegate approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_for: Option<Party>,
    /// For how long: the shortest of all approvals is granted.
    pub duration: AccessDuration,
    /// When.
    pub at: Timestamp,
}

impl Approval {
    /// Whose hand it is.
    #[must_use]
    pub const fn hand(&self) -> Hand<'_> {
        Hand {
            approver: &self.approver,
            acting_for: self.acting_for.as_ref(),
        }
    }
}

/// What a requester sends, already parsed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// For how long.
    pub duration: AccessDuration,
    /// Why.
    pub justification: String,
    /// A ticket reference.
    pub ticket: Option<String>,
    /// From when.
    pub starts_at: Option<Timestamp>,
    /// Whether it is an emergency, which nobody approves beforehand.
    pub emergency: bool,
}

/// What has been looked up for a new request, strongly consistent.
#[derive(Clone, Debug)]
pub struct AskFacts<'a> {
    /// The entitlement and its stored version.
    pub entitlement: (&'a Entitlement, u64),
    /// The template and its stored version.
    pub template: (&'a Template, u64),
    /// The requester, who is provisioned and active.
    pub requester: &'a Party,
    /// Who would get the access.
    pub beneficiary: &'a Party,
    /// Whether the beneficiary is among those who may ask; in an emergency, among its people.
    pub eligible: bool,
    /// How many distinct other persons could approve, counted up to the quorum.
    pub available_approvers: u8,
    /// What the directory says about each target, in the entitlement's order.
    pub target_facts: &'a [Option<TargetFacts>],
    /// How many requests of this person are open.
    pub open_requests: usize,
    /// Whether one of them is for this entitlement.
    pub asked_already: bool,
}

/// Decides on a new request.
///
/// # Errors
/// The first rule that refuses it. What the requester may not know comes first: someone who may not ask learns nothing
/// about the entitlement's state.
pub fn ask(id: RequestId, ask: Ask, facts: &AskFacts<'_>, now: Timestamp) -> Result<Request, Refusal> {
    let (entitlement, entitlement_version) = facts.entitlement;
    let (template, template_version) = facts.template;
    if !facts.eligible {
        return Err(Refusal::NotEligible {
            name: entitlement.name.clone(),
        });
    }
    check_requestable(entitlement, facts.target_facts)?;
    if !entitlement.on_behalf && !facts.requester.same_person(facts.beneficiary) {
        return Err(no_beneficiary(entitlement));
    }
    let activation = activation(entitlement, &ask)?;
    let mut allowed = entitlement.durations_in_force(template);
    if activation == Activation::Emergency
        && let Some(emergency) = &entitlement.emergency
    {
        allowed.retain(|duration| *duration <= emergency.maximum);
    }
    if !allowed.contains(&ask.duration) {
        return Err(Refusal::DurationNotAllowed {
            asked: ask.duration,
            allowed,
        });
    }
    let shortest = usize::from(entitlement.justification_min).max(1);
    check_free_text("justification", &ask.justification, shortest, LONGEST_JUSTIFICATION)?;
    entitlement.check_ticket(ask.ticket.as_deref())?;
    if let Some(start) = ask.starts_at
        && (start < now || start.seconds_since(now) > LATEST_START_SECONDS)
    {
        return Err(Refusal::invalid(
            "starts_at",
            Rule::WithinDays {
                days: LATEST_START_SECONDS / 86_400,
            },
        ));
    }
    if facts.asked_already {
        return Err(Refusal::AlreadyRequested {
            name: entitlement.name.clone(),
        });
    }
    if facts.open_requests >= MOST_OPEN_REQUESTS {
        return Err(Refusal::TooManyOpenRequests {
            open: facts.open_requests,
            limit: MOST_OPEN_REQUESTS,
        });
    }
    if activation.is_approved() && facts.available_approvers < entitlement.quorum {
        return Err(Refusal::TooFewApprovers {
            quorum: entitlement.quorum,
            available: facts.available_approvers,
        });
    }
    let policy = entitlement
        .policy(entitlement_version, template, template_version)
        .map_err(|error| Refusal::PolicyUnreadable { why: error.to_string() })?;
    Ok(Request {
        id,
        application: entitlement.application.clone(),
        kind: RequestKind::New,
        activation,
        entitlement: entitlement.id,
        entitlement_name: entitlement.name.clone(),
        targets: entitlement.targets.clone(),
        requester: facts.requester.clone(),
        beneficiary: facts.beneficiary.clone(),
        duration: ask.duration,
        starts_at: ask.starts_at,
        justification: ask.justification,
        ticket: ask.ticket,
        quorum: if activation.is_approved() {
            entitlement.quorum
        } else {
            0
        },
        policy,
        status: RequestStatus::Pending,
        approvals: Vec::new(),
        grant: None,
        created_at: now,
        lapses_at: now.plus_seconds(i64::from(template.request_ttl_seconds)),
        closed_at: None,
        closed_because: None,
        closed_by: None,
        closed_for: None,
        reminded_at: None,
    })
}

/// The refusal of a beneficiary: the same whether it is nobody, somebody who may not have it, or not meant for others.
#[must_use]
pub fn no_beneficiary(entitlement: &Entitlement) -> Refusal {
    let rule = if entitlement.on_behalf {
        Rule::BeneficiaryEligible
    } else {
        Rule::BeneficiaryOneself
    };
    Refusal::invalid("beneficiary", rule)
}

/// Who turns such a request into a grant.
///
/// # Errors
/// When an emergency is to start later, or extends something: it is for now.
fn activation(entitlement: &Entitlement, ask: &Ask) -> Result<Activation, Refusal> {
    if ask.emergency {
        if ask.starts_at.is_some() {
            return Err(Refusal::invalid("starts_at", Rule::NotInEmergency));
        }
        return Ok(Activation::Emergency);
    }
    Ok(match entitlement.approval {
        ApprovalMode::Required => Activation::Approved,
        ApprovalMode::None => Activation::SelfApproved,
    })
}

/// The grant that a request would extend, strongly consistent.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionFacts<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// Whether somebody has ordered it to end.
    pub ordered_to_end: bool,
    /// The latest end that the entitlement allows it.
    pub latest_end: Timestamp,
}

impl ExtensionFacts<'_> {
    /// The grant with its end moved by `duration`.
    ///
    /// # Errors
    /// When it is ending, over, or would last too long.
    pub fn extended(
        &self,
        entitlement: &Entitlement,
        request: RequestId,
        duration: AccessDuration,
        now: Timestamp,
    ) -> Result<Grant, Refusal> {
        if self.ordered_to_end {
            return Err(Refusal::GrantNotLive {
                status: GrantStatus::Ending,
                wanted: "extended",
            });
        }
        let extended = extended::<Production>(self.grant, request, duration, now)?;
        if extended.expires_at > self.latest_end {
            return Err(Refusal::BeyondMaximum {
                name: entitlement.name.clone(),
                latest: self.latest_end,
            });
        }
        Ok(extended)
    }
}

/// Decides on a request for more time: everything that a new request has to satisfy, and that the grant is live, gives
/// what the entitlement gives now, and would not last longer than the entitlement allows. `facts.asked_already` says
/// whether there is an open request to extend this grant.
///
/// # Errors
/// The first rule that refuses it.
pub fn ask_to_extend(
    id: RequestId,
    asked: Ask,
    facts: &AskFacts<'_>,
    extends: ExtensionFacts<'_>,
    now: Timestamp,
) -> Result<Request, Refusal> {
    let (entitlement, _) = facts.entitlement;
    let grant = extends.grant;
    if facts.eligible && facts.asked_already {
        return Err(Refusal::AlreadyExtending);
    }
    if asked.emergency || grant.activation == Activation::Emergency {
        return Err(Refusal::EmergencyNotExtended);
    }
    let facts = AskFacts {
        asked_already: false,
        ..facts.clone()
    };
    let asked = Ask {
        starts_at: None,
        ..asked
    };
    let duration = asked.duration;
    let mut request = ask(id, asked, &facts, now)?;
    let same = grant.targets.iter().map(|target| &target.target).eq(&request.targets);
    if !same || grant.entitlement != entitlement.id {
        return Err(Refusal::TargetsChanged {
            name: entitlement.name.clone(),
        });
    }
    extends.extended(entitlement, id, duration, now)?;
    request.kind = RequestKind::Extension { grant: grant.id };
    // Nobody can approve more time for what is over.
    request.lapses_at = request.lapses_at.min(grant.expires_at);
    Ok(request)
}

/// Whether an entitlement can be requested and granted at all: switched on, and each target known to be manageable.
///
/// # Errors
/// Names the target and what is wrong with it.
pub fn check_requestable(entitlement: &Entitlement, facts: &[Option<TargetFacts>]) -> Result<(), Refusal> {
    if !entitlement.enabled {
        return Err(Refusal::EntitlementDisabled {
            name: entitlement.name.clone(),
        });
    }
    for (index, target) in entitlement.targets.iter().enumerate() {
        let known = facts
            .get(index)
            .and_then(Option::as_ref)
            .filter(|facts| facts.target == *target);
        let Some(known) = known else {
            return Err(Refusal::TargetUnchecked { target: target.clone() });
        };
        if let Some(problem) = known.problem_for(entitlement.critical) {
            return Err(Refusal::TargetUnusable {
                target: target.clone(),
                problem,
            });
        }
    }
    Ok(())
}

impl Request {
    /// Who denied it, and for whom, where it was denied and that is known.
    #[must_use]
    pub fn denied_by(&self) -> Option<Hand<'_>> {
        let denied = self.closed_by.as_ref().filter(|_| self.status == RequestStatus::Denied);
        denied.map(|approver| Hand {
            approver,
            acting_for: self.closed_for.as_ref(),
        })
    }

    /// Everybody who takes part: requester, beneficiary, those who have approved and those for whom they did.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        let approvers = self.approvals.iter().flat_map(|approval| approval.hand().parties());
        [&self.requester, &self.beneficiary].into_iter().chain(approvers)
    }

    /// # Errors
    /// When the request is not pending or its time to live is over at `now`, whatever the stored state says.
    pub fn check_open(&self, wanted: &'static str, now: Timestamp) -> Result<(), Refusal> {
        if self.status != RequestStatus::Pending {
            return Err(Refusal::RequestNotPending {
                status: self.status,
                wanted,
            });
        }
        if now >= self.lapses_at {
            return Err(Refusal::RequestLapsed { at: self.lapses_at });
        }
        Ok(())
    }

    /// The request, of which its approvers are reminded at `now`.
    ///
    /// # Errors
    /// When nobody has to approve it any more, or they were reminded less than [`REMIND_AGAIN_SECONDS`] ago.
    pub fn reminded(&self, now: Timestamp) -> Result<Self, Refusal> {
        self.check_open("reminded", now)?;
        if !self.activation.is_approved() {
            return Err(Refusal::OwnActivation);
        }
        let waited = now.seconds_since(self.reminded_at.unwrap_or(self.created_at));
        if self.reminded_at.is_some() && waited < REMIND_AGAIN_SECONDS {
            let once = Window {
                most: 1,
                seconds: REMIND_AGAIN_SECONDS,
            };
            return Err(Counted::Reminders.refused(once, REMIND_AGAIN_SECONDS - waited));
        }
        Ok(Self {
            reminded_at: Some(now),
            ..self.clone()
        })
    }

    /// The request, closed as `status` at `now`.
    ///
    /// # Errors
    /// When it is not pending: terminal states are final (invariant I8).
    pub fn close(&self, status: RequestStatus, wanted: &'static str, now: Timestamp) -> Result<Self, Refusal> {
        if self.status != RequestStatus::Pending {
            return Err(Refusal::RequestNotPending {
                status: self.status,
                wanted,
            });
        }
        Ok(Self {
            status,
            closed_at: Some(now),
            ..self.clone()
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::entitlement::tests::entitlement;
    use crate::ids::{ObjectId, PersonId, TenantId, UserId};
    use crate::target::TargetProblem;
    use uuid::Uuid;

    pub(crate) fn party(n: u128) -> Party {
        Party {
            user: UserId::new(Uuid::from_u128(n)),
            person: PersonId::new(Uuid::from_u128(n)),
            tenant: TenantId::new(Uuid::from_u128(2)),
            object_id: ObjectId::new(Uuid::from_u128(n + 1000)),
            name: format!("Person {n}"),
        }
    }

    pub(crate) fn good_facts(entitlement: &Entitlement) -> Vec<Option<TargetFacts>> {
        entitlement
            .targets
            .iter()
            .map(|target| {
                Some(TargetFacts {
                    target: target.clone(),
                    display_name: None,
                    problem: None,
                    role_assignable: false,
                    checked_at: Timestamp::EPOCH,
                })
            })
            .collect()
    }

    pub(crate) fn an_ask() -> Ask {
        Ask {
            duration: "1h".parse().unwrap(),
            justification: "INC-42: rotate prod key".to_owned(),
            ticket: None,
            starts_at: None,
            emergency: false,
        }
    }

    fn asked(entitlement: &Entitlement, ask_: Ask, change: impl Fn(&mut AskFacts<'_>)) -> Result<Request, Refusal> {
        let template = Template::new("contoso.example".parse().unwrap());
        let dana = party(10);
        let target_facts = good_facts(entitlement);
        let mut facts = AskFacts {
            entitlement: (entitlement, 3),
            template: (&template, 1),
            requester: &dana,
            beneficiary: &dana,
            eligible: true,
            available_approvers: 1,
            target_facts: &target_facts,
            open_requests: 0,
            asked_already: false,
        };
        change(&mut facts);
        ask(
            RequestId::new(Uuid::from_u128(5)),
            ask_,
            &facts,
            Timestamp::from_seconds(1_000),
        )
    }

    pub(crate) fn request() -> Request {
        asked(&entitlement(), an_ask(), |_| {}).unwrap()
    }

    #[test]
    fn approvers_are_reminded_once_in_a_quarter_of_an_hour_of_what_waits() {
        let request = asked(&entitlement(), an_ask(), |_| {}).unwrap();
        let now = request.created_at.plus_seconds(1);
        let reminded = request.reminded(now).unwrap();
        assert_eq!(reminded.reminded_at, Some(now));
        let early = reminded.reminded(now.plus_seconds(899)).unwrap_err();
        assert_eq!((early.code(), early.retry_after()), ("too-many-reminders", Some(1)));
        assert!(reminded.reminded(now.plus_seconds(900)).is_ok());
        assert_eq!(
            request.reminded(request.lapses_at).unwrap_err().code(),
            "request-lapsed"
        );
        let denied = request.close(RequestStatus::Denied, "denied", now).unwrap();
        assert_eq!(denied.reminded(now).unwrap_err().code(), "request-not-pending");
    }

    #[test]
    fn a_request_keeps_the_justification_byte_for_byte_and_pins_the_policy() {
        let request = asked(&entitlement(), an_ask(), |_| {}).unwrap();
        assert_eq!(request.justification, "INC-42: rotate prod key");
        assert_eq!(request.policy.entitlement_version, 3);
        assert_eq!(request.lapses_at, Timestamp::from_seconds(1_000 + 28_800));
        assert_eq!(request.status, RequestStatus::Pending);
    }

    #[test]
    fn each_rule_refuses_with_its_code() {
        type Facts = fn(&mut AskFacts<'_>);
        let cases: [(&str, Facts); 5] = [
            ("not-eligible", |f| f.eligible = false),
            ("target-unchecked", |f| f.target_facts = &[None]),
            ("too-few-approvers", |f| f.available_approvers = 0),
            ("already-requested", |f| f.asked_already = true),
            ("too-many-open-requests", |f| f.open_requests = MOST_OPEN_REQUESTS),
        ];
        for (code, change) in cases {
            assert_eq!(asked(&entitlement(), an_ask(), change).unwrap_err().code(), code);
        }
        type Input = fn(&mut Ask);
        let inputs: [(&str, Input); 4] = [
            ("duration", |a| a.duration = "3h".parse().unwrap()),
            ("justification", |a| a.justification = "short".to_owned()),
            ("starts_at", |a| a.starts_at = Some(Timestamp::from_seconds(999))),
            ("starts_at", |a| {
                a.starts_at = Some(Timestamp::from_seconds(1_001 + LATEST_START_SECONDS))
            }),
        ];
        for (field, change) in inputs {
            let mut input = an_ask();
            change(&mut input);
            assert_eq!(asked(&entitlement(), input, |_| {}).unwrap_err().field(), Some(field));
        }
    }

    fn asked_to_extend(
        grant: &Grant,
        duration: &str,
        change: impl Fn(&mut AskFacts<'_>, &mut ExtensionFacts<'_>),
    ) -> Result<Request, Refusal> {
        let entitlement = entitlement();
        let template = Template::new("contoso.example".parse().unwrap());
        let dana = party(10);
        let target_facts = good_facts(&entitlement);
        let mut facts = AskFacts {
            entitlement: (&entitlement, 3),
            template: (&template, 1),
            requester: &dana,
            beneficiary: &dana,
            eligible: true,
            available_approvers: 1,
            target_facts: &target_facts,
            open_requests: 1,
            asked_already: false,
        };
        let mut extends = ExtensionFacts {
            grant,
            ordered_to_end: false,
            latest_end: Timestamp::from_seconds(100_000),
        };
        change(&mut facts, &mut extends);
        let ask = Ask {
            duration: duration.parse().unwrap(),
            starts_at: Some(Timestamp::from_seconds(9_999)),
            ..an_ask()
        };
        let id = RequestId::new(Uuid::from_u128(6));
        ask_to_extend(id, ask, &facts, extends, Timestamp::from_seconds(2_000))
    }

    #[test]
    fn more_time_is_asked_for_under_the_rules_of_a_new_request_and_those_of_the_grant() {
        let request = asked(&entitlement(), an_ask(), |_| {}).unwrap();
        let targets = request.targets.iter().cloned().map(crate::grant::GrantTarget::waiting);
        let at = Timestamp::from_seconds;
        let id = GrantId::new(Uuid::from_u128(8));
        let grant = Grant::approved(id, &request, at(1_200), at(4_800), targets.collect(), at(1_200));
        let extension = asked_to_extend(&grant, "1h", |_, _| {}).unwrap();
        assert_eq!(extension.kind.extends(), Some(id));
        assert_eq!(extension.lapses_at, grant.expires_at, "not a second after the grant");
        assert_eq!((extension.starts_at, extension.grant), (None, None));

        type Facts = fn(&mut AskFacts<'_>, &mut ExtensionFacts<'_>);
        let cases: [(&str, Facts); 7] = [
            ("not-eligible", |f, _| f.eligible = false),
            ("target-unchecked", |f, _| f.target_facts = &[None]),
            ("too-few-approvers", |f, _| f.available_approvers = 0),
            ("already-extending", |f, _| f.asked_already = true),
            ("too-many-open-requests", |f, _| f.open_requests = MOST_OPEN_REQUESTS),
            ("grant-not-live", |_, e| e.ordered_to_end = true),
            ("beyond-maximum", |_, e| e.latest_end = Timestamp::from_seconds(8_399)),
        ];
        for (code, change) in cases {
            assert_eq!(asked_to_extend(&grant, "1h", change).unwrap_err().code(), code);
        }
        assert!(asked_to_extend(&grant, "1h", |_, e| e.latest_end = Timestamp::from_seconds(8_400)).is_ok());
        assert_eq!(
            asked_to_extend(&grant, "3h", |_, _| {}).unwrap_err().code(),
            "duration-not-allowed"
        );
        let mut over = grant.clone();
        over.expires_at = Timestamp::from_seconds(2_000);
        assert_eq!(
            asked_to_extend(&over, "1h", |_, _| {}).unwrap_err().code(),
            "grant-over"
        );
        over.status = GrantStatus::Ended;
        assert_eq!(
            asked_to_extend(&over, "1h", |_, _| {}).unwrap_err().code(),
            "grant-not-live"
        );
        let mut other = grant;
        other.targets.push(other.targets[0].clone());
        assert_eq!(
            asked_to_extend(&other, "1h", |_, _| {}).unwrap_err().code(),
            "targets-changed"
        );
    }

    #[test]
    fn a_target_that_cannot_be_managed_refuses_with_the_reason() {
        for problem in [
            TargetProblem::Missing,
            TargetProblem::Dynamic,
            TargetProblem::OnPremisesSynced,
            TargetProblem::MailEnabled,
            TargetProblem::ManagementRestricted,
        ] {
            let entitlement = entitlement();
            let mut facts = good_facts(&entitlement);
            facts[0].as_mut().unwrap().problem = Some(problem);
            let refusal = check_requestable(&entitlement, &facts).unwrap_err();
            assert!(refusal.to_string().contains(&problem.to_string()), "{refusal}");
        }
    }

    #[test]
    fn role_assignable_groups_need_a_critical_entitlement() {
        let mut entitlement = entitlement();
        let mut facts = good_facts(&entitlement);
        facts[0].as_mut().unwrap().role_assignable = true;
        assert_eq!(
            check_requestable(&entitlement, &facts).unwrap_err().code(),
            "target-unusable"
        );
        entitlement.critical = true;
        assert_eq!(check_requestable(&entitlement, &facts), Ok(()));
    }

    #[test]
    fn someone_who_may_not_ask_learns_nothing_of_the_state() {
        let mut entitlement = entitlement();
        entitlement.enabled = false;
        assert_eq!(
            asked(&entitlement, an_ask(), |f| f.eligible = false)
                .unwrap_err()
                .code(),
            "not-eligible"
        );
    }

    #[test]
    fn closed_is_closed() {
        let request = asked(&entitlement(), an_ask(), |_| {}).unwrap();
        let now = Timestamp::from_seconds(2_000);
        let denied = request.close(RequestStatus::Denied, "denied", now).unwrap();
        assert_eq!(denied.closed_at, Some(now));
        assert!(denied.close(RequestStatus::Cancelled, "cancelled", now).is_err());
        assert!(denied.check_open("approved", now).is_err());
        assert_eq!(
            request.check_open("approved", request.lapses_at).unwrap_err().code(),
            "request-lapsed"
        );
    }
}
