//! What a refusal's sentence names, apart from the sentence: the English one is [`Refusal`]'s `Display`; other languages
//! have theirs in message files, one for each [`Refusal::code`], with these parameters by name.

use super::{Refusal, Rule, StepUpProblem};
use crate::Timestamp;
use crate::duration::AccessDuration;
use crate::grant::GrantStatus;
use crate::request::RequestStatus;

/// A value that a sentence names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parameter {
    /// A name, an id, or words that are shown as they are.
    Text(String),
    /// One of a fixed set, in snake or kebab case, or a noun of ours: a language has its own word for each.
    Code(&'static str),
    /// A number.
    Number(i64),
    /// An instant.
    At(Timestamp),
    /// Lengths of time, at least one.
    Durations(Vec<AccessDuration>),
    /// A field, as the caller spells it; pages have a label for most.
    Field(&'static str),
    /// A rule, which has a message of its own.
    Clause(Rule),
}

impl Parameter {
    pub(super) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// A parameter with its name.
pub(super) type Named = (&'static str, Parameter);

impl Refusal {
    /// What the sentence names, in the order in which the English one does.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "an arm for each refusal, and nothing else")]
    pub fn parameters(&self) -> Vec<Named> {
        use Parameter::{At, Clause, Code, Durations, Field, Number};
        match self {
            Self::InvalidField { field, rule } => vec![("field", Field(field)), ("rule", Clause(rule.clone()))],
            Self::NobodyNamed { field, what, text } => {
                vec![
                    ("field", Field(field)),
                    ("what", Code(what)),
                    ("text", Parameter::text(text)),
                ]
            }
            Self::SeveralNamed { field, text } => vec![("field", Field(field)), ("text", Parameter::text(text))],
            Self::NotFound { what } => vec![("what", Code(what))],
            Self::RoleMissing { role } => vec![("role", Code(role))],
            Self::ScopeMissing { scope } => vec![("scope", Code(scope))],
            Self::EntitlementDisabled { name }
            | Self::NotEligible { name }
            | Self::NoLongerEligible { name }
            | Self::AlreadyRequested { name }
            | Self::NotApprover { name }
            | Self::PolicyChanged { name }
            | Self::PasskeyRequired { name }
            | Self::TargetsChanged { name }
            | Self::InUse { name } => vec![("name", Parameter::text(name))],
            Self::TargetUnchecked { target } => vec![("target", Parameter::text(target))],
            Self::TargetUnusable { target, problem } => {
                vec![("target", Parameter::text(target)), ("problem", Code(problem.code()))]
            }
            Self::DurationNotAllowed { asked, allowed } => vec![
                ("asked", Durations(vec![*asked])),
                ("allowed", Durations(allowed.clone())),
            ],
            Self::TooFewApprovers { quorum, available } => vec![
                ("quorum", Number(i64::from(*quorum))),
                ("available", Number(i64::from(*available))),
            ],
            Self::TooManyOpenRequests { open, limit } => {
                vec![("open", Parameter::count(*open)), ("limit", Parameter::count(*limit))]
            }
            Self::TooOften {
                most,
                seconds,
                retry_after,
                ..
            } => vec![
                ("most", Parameter::count(*most)),
                ("minutes", Number(seconds / 60)),
                ("seconds", Number(*retry_after)),
            ],
            Self::RequestNotPending { status, wanted } => {
                vec![("status", Code(request_status(*status))), ("wanted", Code(wanted))]
            }
            Self::GrantNotLive { status, wanted } => {
                vec![("status", Code(grant_status(*status))), ("wanted", Code(wanted))]
            }
            Self::RequestLapsed { at } | Self::GrantOver { at } => vec![("at", At(*at))],
            Self::DurationLonger { asked } => vec![("asked", Durations(vec![*asked]))],
            Self::StepUpRequired { why } => vec![("why", Code(step_up_problem(*why)))],
            Self::ApproverLoop { group } => vec![("group", Parameter::text(group))],
            Self::AlreadyHeld { name, until } => vec![("name", Parameter::text(name)), ("until", At(*until))],
            Self::BeyondMaximum { name, latest } => vec![("name", Parameter::text(name)), ("latest", At(*latest))],
            Self::NotFailing => vec![("minutes", Number(crate::by_hand::FAILING_SECONDS / 60))],
            Self::ExtendedTooOften { limit }
            | Self::TooManyKeys { limit }
            | Self::TooManyScimSecrets { limit }
            | Self::TooManyPaused { limit } => vec![("limit", Parameter::count(*limit))],
            Self::RemovalOverdue { since } | Self::EmergencyUnreviewed { since } => vec![("since", At(*since))],
            Self::CredentialEnds { ends_at, until } => vec![("ends_at", At(*ends_at)), ("until", At(*until))],
            Self::Paused { what, since } => vec![("what", Code(what)), ("since", At(*since))],
            Self::Taken { field, value } => vec![("field", Field(field)), ("value", Parameter::text(value))],
            Self::TooManyGrants { target, limit } => {
                vec![("limit", Parameter::count(*limit)), ("target", Parameter::text(target))]
            }
            Self::KeyNotTaken { needs } => vec![("needs", Code(needs))],
            Self::KeyCoolsDown { until } => vec![("until", At(*until))],
            Self::CeremonyFailed { why } => vec![("why", Code(why))],
            Self::RelyingPartyChanged { fixed, now } => {
                vec![("fixed", Parameter::text(fixed)), ("now", Parameter::text(now))]
            }
            Self::ChangeNotOpen { status, wanted } => {
                vec![("status", Code(status.name())), ("wanted", Code(wanted))]
            }
            Self::ChangeSignature { why } => vec![("why", Code(why.name()))],
            Self::SealBroken { what, why } => vec![("what", Code(what)), ("why", Code(why.code()))],
            Self::FormField { name } => vec![("name", Parameter::text(name))],
            Self::PolicyUnreadable { why } | Self::SignedUnreadable { why } => vec![("why", Parameter::text(why))],
            Self::NotProvisioned
            | Self::AccountInactive
            | Self::OwnAccess
            | Self::GuestApprover
            | Self::AlreadyDecided
            | Self::AlreadyExtending
            | Self::KillUnderWay
            | Self::ReleaseProposed
            | Self::SecondAdmin
            | Self::AlreadyLinked
            | Self::NotLinked
            | Self::OwnLinks
            | Self::Changed
            | Self::KeyReused
            | Self::PasskeyExpected
            | Self::KeyWaits
            | Self::CeremonyOver
            | Self::SignedSomethingElse
            | Self::SetUpCode
            | Self::OwnActivation
            | Self::NotSelfActivated
            | Self::EmergencyLive
            | Self::EmergencyNotExtended
            | Self::ProposerFirst
            | Self::NoTemplate
            | Self::NoIntegration
            | Self::ChangeSuperseded => Vec::new(),
        }
    }
}

const fn request_status(status: RequestStatus) -> &'static str {
    match status {
        RequestStatus::Pending => "pending",
        RequestStatus::Approved => "approved",
        RequestStatus::Denied => "denied",
        RequestStatus::Cancelled => "cancelled",
        RequestStatus::Lapsed => "lapsed",
    }
}

const fn grant_status(status: GrantStatus) -> &'static str {
    match status {
        GrantStatus::Approved => "approved",
        GrantStatus::Activating => "activating",
        GrantStatus::Active => "active",
        GrantStatus::Ending => "ending",
        GrantStatus::Ended => "ended",
        GrantStatus::ClosedByHand => "closed_by_hand",
    }
}

const fn step_up_problem(problem: StepUpProblem) -> &'static str {
    match problem {
        StepUpProblem::NoFactor => "no_factor",
        StepUpProblem::NoAuthTime => "no_auth_time",
        StepUpProblem::Stale => "stale",
        StepUpProblem::ContextUnchecked => "context_unchecked",
        StepUpProblem::ContextStale => "context_stale",
        StepUpProblem::ContextNotPermitted => "context_not_permitted",
        StepUpProblem::ContextUnprotected => "context_unprotected",
        StepUpProblem::ContextExcluded => "context_excluded",
        StepUpProblem::ContextUnclear => "context_unclear",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::limit::Counted;
    use crate::seal::SealProblem;
    use crate::target::{Target, TargetProblem};
    use crate::two_person::{ChangeStatus, SignatureProblem};

    const GERMAN: &str = include_str!("../../../web/messages/de.ftl");
    const SOURCE: &str = include_str!("../refusal.rs");

    #[expect(clippy::too_many_lines, reason = "one of each")]
    fn samples() -> Vec<Refusal> {
        let name = || "prod-admins".to_owned();
        let at: Timestamp = "2026-11-22T09:30:00Z".parse().unwrap();
        let hour = AccessDuration::from_seconds(3_600).unwrap();
        let target = || -> Target {
            serde_json::from_value(serde_json::json!({
                "kind": "entra", "tenant": uuid::Uuid::from_u128(1), "cloud": "global", "group": uuid::Uuid::from_u128(2)
            }))
            .unwrap()
        };
        let mut all = vec![
            Refusal::invalid("duration", Rule::Required),
            Refusal::NotFound { what: "request" },
            Refusal::RoleMissing { role: "Admin" },
            Refusal::ScopeMissing {
                scope: "Decisions.Write",
            },
            Refusal::NotProvisioned,
            Refusal::AccountInactive,
            Refusal::EntitlementDisabled { name: name() },
            Refusal::TargetUnchecked { target: target() },
            Refusal::TargetUnusable {
                target: target(),
                problem: TargetProblem::Dynamic,
            },
            Refusal::NotEligible { name: name() },
            Refusal::NoLongerEligible { name: name() },
            Refusal::DurationNotAllowed {
                asked: hour,
                allowed: vec![hour],
            },
            Refusal::TooFewApprovers {
                quorum: 2,
                available: 1,
            },
            Refusal::AlreadyRequested { name: name() },
            Refusal::AlreadyHeld {
                name: name(),
                until: at,
            },
            Refusal::TooManyOpenRequests { open: 20, limit: 20 },
            Refusal::RequestNotPending {
                status: RequestStatus::Denied,
                wanted: "approved",
            },
            Refusal::RequestLapsed { at },
            Refusal::OwnAccess,
            Refusal::NotApprover { name: name() },
            Refusal::GuestApprover,
            Refusal::AlreadyDecided,
            Refusal::PolicyChanged { name: name() },
            Refusal::DurationLonger { asked: hour },
            Refusal::PasskeyRequired { name: name() },
            Refusal::StepUpRequired {
                why: StepUpProblem::Stale,
            },
            Refusal::StepUpRequired {
                why: StepUpProblem::ContextStale,
            },
            Refusal::ApproverLoop { group: name() },
            Refusal::GrantNotLive {
                status: GrantStatus::Ended,
                wanted: "extended",
            },
            Refusal::GrantOver { at },
            Refusal::BeyondMaximum {
                name: name(),
                latest: at,
            },
            Refusal::NotFailing,
            Refusal::NobodyNamed {
                field: "approvers",
                what: "user",
                text: name(),
            },
            Refusal::SeveralNamed {
                field: "approvers",
                text: name(),
            },
            Refusal::AlreadyExtending,
            Refusal::ExtendedTooOften { limit: 5 },
            Refusal::TargetsChanged { name: name() },
            Refusal::RemovalOverdue { since: at },
            Refusal::CredentialEnds { ends_at: at, until: at },
            Refusal::InUse { name: name() },
            Refusal::Paused {
                what: "All access",
                since: at,
            },
            Refusal::KillUnderWay,
            Refusal::ReleaseProposed,
            Refusal::SecondAdmin,
            Refusal::AlreadyLinked,
            Refusal::NotLinked,
            Refusal::OwnLinks,
            Refusal::Changed,
            Refusal::KeyReused,
            Refusal::Taken {
                field: "name",
                value: name(),
            },
            Refusal::TooManyGrants {
                target: target(),
                limit: 50,
            },
            Refusal::PasskeyExpected,
            Refusal::KeyNotTaken {
                needs: "a key that cannot leave its device",
            },
            Refusal::KeyCoolsDown { until: at },
            Refusal::KeyWaits,
            Refusal::TooManyKeys { limit: 10 },
            Refusal::CeremonyOver,
            Refusal::CeremonyFailed { why: "bad-signature" },
            Refusal::SignedSomethingElse,
            Refusal::SetUpCode,
            Refusal::RelyingPartyChanged {
                fixed: name(),
                now: name(),
            },
            Refusal::OwnActivation,
            Refusal::NotSelfActivated,
            Refusal::EmergencyLive,
            Refusal::EmergencyUnreviewed { since: at },
            Refusal::EmergencyNotExtended,
            Refusal::ChangeNotOpen {
                status: ChangeStatus::Applied,
                wanted: "signed",
            },
            Refusal::ProposerFirst,
            Refusal::ChangeSuperseded,
            Refusal::ChangeSignature {
                why: SignatureProblem::Missing,
            },
            Refusal::SealBroken {
                what: "decision",
                why: SealProblem::Broken,
            },
            Refusal::FormField { name: name() },
            Refusal::NoTemplate,
            Refusal::NoIntegration,
            Refusal::PolicyUnreadable { why: name() },
            Refusal::SignedUnreadable { why: name() },
            Refusal::TooManyScimSecrets { limit: 2 },
            Refusal::TooManyPaused { limit: 50 },
        ];
        for what in [
            Counted::Requests,
            Counted::Prompts,
            Counted::FailedCeremonies,
            Counted::Reminders,
        ] {
            all.extend(what.windows().iter().map(|window| what.refused(*window, 60)));
        }
        all
    }

    /// The messages of the file by their key.
    pub(in crate::refusal) fn messages() -> BTreeMap<&'static str, String> {
        let mut messages: BTreeMap<&str, String> = BTreeMap::new();
        let mut key = "";
        for line in GERMAN.lines().filter(|line| !line.starts_with('#')) {
            match line.split_once(" =") {
                Some((found, text)) if !line.starts_with(' ') => {
                    key = found;
                    messages.insert(key, text.to_owned());
                }
                _ => messages.entry(key).or_default().push_str(line),
            }
        }
        messages
    }

    pub(in crate::refusal) fn placeholders(message: &str) -> BTreeSet<String> {
        let named = message.split('$').skip(1);
        named
            .map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect()
            })
            .collect()
    }

    #[test]
    fn every_refusal_has_a_sentence_in_german_that_names_what_the_english_one_does() {
        let messages = messages();
        for refusal in samples() {
            let key = format!("problem-{}", refusal.code());
            let message = messages.get(key.as_str()).unwrap_or_else(|| panic!("{key} is missing"));
            let parameters: BTreeSet<String> = refusal
                .parameters()
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .collect();
            assert_eq!(placeholders(message), parameters, "{key}");
        }
    }

    #[test]
    fn the_samples_are_all_there_is() {
        let (_, codes) = SOURCE.split_once("pub const fn code(&self)").unwrap();
        let (codes, _) = codes.split_once("    }\n\n").unwrap();
        let mut written: BTreeSet<&str> = codes
            .lines()
            .filter_map(|line| {
                line.trim()
                    .strip_suffix("\",")?
                    .rsplit_once("=> \"")
                    .map(|(_, code)| code)
            })
            .collect();
        written.extend(
            [
                Counted::Requests,
                Counted::Prompts,
                Counted::FailedCeremonies,
                Counted::Reminders,
            ]
            .map(Counted::code),
        );
        let sampled: BTreeSet<&str> = samples().iter().map(Refusal::code).collect();
        assert_eq!(written, sampled);
    }
}
