//! Entitlements and the template: what can be requested, by whom, for how long, and who approves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, Digest, canonical_hash};
use crate::duration::AccessDuration;
use crate::ids::{ApplicationId, EntitlementId, GroupId, UserId};
use crate::message;
use crate::passkey::Attestation;
use crate::refusal::{Listed, Rule, Shape};
use crate::target::Target;
use crate::text::{LONGEST_JUSTIFICATION, LONGEST_NAME, LONGEST_TICKET, check_free_text, check_line};
use crate::{Refusal, Timestamp};

/// Most targets of one entitlement: all holds of a grant change in one transaction.
pub const MOST_TARGETS: usize = 20;
/// Most users or groups in one list of principals.
pub const MOST_PRINCIPALS: usize = 50;
/// Most approvals that an entitlement may ask for.
pub const HIGHEST_QUORUM: u8 = 5;
/// Most durations on one list.
pub const MOST_DURATIONS: usize = 20;
/// Most conditions and writes of an approval that targets (3 each) and approvals by delegates (7 each) may take of the 100
/// that one transaction has.
const MOST_WITH_DELEGATES: usize = 75;
/// Shortest and longest time in seconds that a request may wait for its approvers.
pub const REQUEST_TTL_SECONDS: std::ops::RangeInclusive<u32> = 300..=2_592_000;

/// Who has to approve.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalMode {
    /// `quorum` other persons.
    #[default]
    Required,
    /// Nobody: eligible people activate with their own passkey, shown as *self-approved by policy*.
    None,
}

/// Which second factor an approver has to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorPolicy {
    /// A passkey, always.
    PasskeyRequired,
    /// A passkey, or a fresh step-up sign-in by those who have none.
    #[default]
    PasskeyOrStepUp,
}

/// Users and groups: approvers, or the people who may ask.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principals {
    /// Users by our id.
    #[serde(default)]
    pub users: BTreeSet<UserId>,
    /// Groups by our id; their direct members count.
    #[serde(default)]
    pub groups: BTreeSet<GroupId>,
}

impl Principals {
    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    /// # Errors
    /// When a list is longer than [`MOST_PRINCIPALS`].
    pub fn check(&self, field: &'static str) -> Result<(), Refusal> {
        if self.users.len() > MOST_PRINCIPALS || self.groups.len() > MOST_PRINCIPALS {
            return Err(Refusal::invalid(
                field,
                Rule::TooManyPrincipals { most: MOST_PRINCIPALS },
            ));
        }
        Ok(())
    }
}

/// Who may ask.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Eligibility {
    /// Every active user of the application.
    Everyone,
    /// The named users and the members of the named groups.
    Only(Principals),
    /// Nobody: how an entitlement starts, so that switching a group on gives nobody anything.
    #[default]
    Nobody,
}

/// A ticket reference that the requester has to give.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketRule {
    /// Whether one has to be given.
    pub required: bool,
    /// The prefix that a reference has to begin with, such as `INC-`; the rest are digits. `None` takes any text.
    #[serde(default)]
    pub prefix: Option<String>,
}

/// Who may take access at once, without asking anybody, and for how long at most: the break-glass path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// Who.
    pub people: Principals,
    /// For how long at most; it cannot be extended.
    #[serde(default = "emergency_maximum")]
    pub maximum: AccessDuration,
}

/// The longest emergency where nothing else is said: an hour.
const fn emergency_maximum() -> AccessDuration {
    AccessDuration::HOUR
}

/// Longest text on how an entitlement is used, in characters.
pub const LONGEST_HOW_TO: usize = 500;
/// Longest link, in characters.
pub const LONGEST_LINK: usize = 500;

/// How whoever has the access uses it: text for people, and no rule, so that no policy's hash depends on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HowTo {
    /// What to do once the access is there; at most [`LONGEST_HOW_TO`] characters.
    pub text: String,
    /// Where to read more, or where to go: an `https` address of at most [`LONGEST_LINK`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl HowTo {
    /// # Errors
    /// Names the field and the rule that is broken.
    pub fn check(&self) -> Result<(), Refusal> {
        check_free_text("how_to.text", &self.text, 1, LONGEST_HOW_TO)?;
        self.link
            .as_deref()
            .map_or(Ok(()), |link| check_link("how_to.link", link))
    }
}

/// Checks an address that people follow from a page. Only the plain form passes: an address in which a reader takes the
/// wrong part for the host (`https://portal.contoso.example@fabrikam.example`) is refused.
fn check_link(field: &'static str, link: &str) -> Result<(), Refusal> {
    check_line(field, link, 1, LONGEST_LINK)?;
    let rule = || Refusal::invalid(field, Rule::Shape(Shape::Link));
    let rest = link.strip_prefix("https://").ok_or_else(rule)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at_checked(end).ok_or_else(rule)?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let host_fits = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let plain = link
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'));
    if plain && host_fits && !host.is_empty() && port.parse::<u16>().is_ok() {
        Ok(())
    } else {
        Err(rule())
    }
}

/// What can be requested.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entitlement {
    /// Our id.
    pub id: EntitlementId,
    /// The application it belongs to.
    pub application: ApplicationId,
    /// The name that people search for.
    pub name: String,
    /// What it gives, in words.
    pub description: String,
    /// Where the beneficiary is put: 1 to [`MOST_TARGETS`].
    pub targets: Vec<Target>,
    /// Whether it can be requested now.
    pub enabled: bool,
    /// Who has to approve.
    pub approval: ApprovalMode,
    /// How many distinct other persons have to approve.
    pub quorum: u8,
    /// Who may approve; `None` takes the template's default approvers.
    pub approvers: Option<Principals>,
    /// Who may ask.
    pub eligible: Eligibility,
    /// Allowed durations; `None` takes the template's list, otherwise both lists apply.
    pub durations: Option<BTreeSet<AccessDuration>>,
    /// How long one grant may last, its extensions included; see [`Entitlement::absolute_maximum_in_force`] for `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_maximum: Option<AccessDuration>,
    /// Fewest characters of a justification.
    pub justification_min: u16,
    /// Whether and which ticket reference is needed.
    pub ticket: TicketRule,
    /// Whether it is over a role-assignable or otherwise powerful group: passkey always.
    pub critical: bool,
    /// Whether grants end at the second and not within the minute; on a critical entitlement they do in any case.
    /// Left out where it is not set, so that the hash of a policy that was stored before it existed stays the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact_expiry: bool,
    /// Which factor approvers have to show.
    pub factor: FactorPolicy,
    /// Which passkeys count. Left out where any does, as [`Self::exact_expiry`] is.
    #[serde(default, skip_serializing_if = "Attestation::is_any")]
    pub attestation: Attestation,
    /// Who may activate it in an emergency; nobody where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
    /// Whether somebody may ask for it for others who may have it. Left out where not, as [`Self::exact_expiry`] is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_behalf: bool,
    /// Whom its approvers may name as their delegates; nobody where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegates: Option<Principals>,
    /// How it is used. No part of the policy; see [`Entitlement::policy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how_to: Option<HowTo>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Key of the template that every application has, made automatically.
pub const TEMPLATE_KEY: &str = "GROUP_ACCESS_APPROVAL";

/// The approval template `GROUP_ACCESS_APPROVAL`: the defaults under every entitlement of an application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Template {
    /// The application it belongs to.
    pub application: ApplicationId,
    /// Who approves where an entitlement names nobody.
    pub default_approvers: Principals,
    /// Durations that anything may be requested for.
    pub durations: BTreeSet<AccessDuration>,
    /// How long a request waits for its approvers, in seconds.
    pub request_ttl_seconds: u32,
    /// Message texts by name, for the notifications.
    pub messages: BTreeMap<String, String>,
}

impl Template {
    /// The template of a new application: the default durations, 8 hours to decide, nobody to approve yet.
    #[must_use]
    pub fn new(application: ApplicationId) -> Self {
        Self {
            application,
            default_approvers: Principals::default(),
            durations: AccessDuration::DEFAULTS.into_iter().collect(),
            request_ttl_seconds: 28_800,
            messages: BTreeMap::new(),
        }
    }

    /// # Errors
    /// Names the field and the rule that is broken.
    pub fn check(&self, short_durations: bool) -> Result<(), Refusal> {
        self.default_approvers.check("default_approvers")?;
        check_durations(&self.durations, short_durations)?;
        if !REQUEST_TTL_SECONDS.contains(&self.request_ttl_seconds) {
            let rule = Rule::Range {
                least: i64::from(*REQUEST_TTL_SECONDS.start()),
                most: i64::from(*REQUEST_TTL_SECONDS.end()),
            };
            return Err(Refusal::invalid("request_ttl_seconds", rule));
        }
        for (name, text) in &self.messages {
            let unknown = || Rule::UnknownMessage {
                name: name.clone(),
                known: message::KINDS.map(|kind| kind.name).join(", "),
            };
            let kind = message::kind(name).ok_or_else(|| Refusal::invalid("messages", unknown()))?;
            check_free_text("messages", text, 1, LONGEST_JUSTIFICATION)?;
            kind.check(text)?;
        }
        Ok(())
    }
}

fn check_durations(durations: &BTreeSet<AccessDuration>, short_durations: bool) -> Result<(), Refusal> {
    if durations.is_empty() || durations.len() > MOST_DURATIONS {
        return Err(Refusal::invalid(
            "durations",
            Rule::Count {
                most: MOST_DURATIONS,
                of: Listed::Durations,
            },
        ));
    }
    match durations
        .iter()
        .find(|duration| duration.is_sub_minute() && !short_durations)
    {
        Some(&duration) => Err(Refusal::invalid("durations", Rule::UnderMinute { duration })),
        None => Ok(()),
    }
}

/// The versions and the hash of the policy that was in force: what an approver relied on, and what is compared again
/// before a member is added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Stored version of the entitlement.
    pub entitlement_version: u64,
    /// Stored version of the template.
    pub template_version: u64,
    /// SHA-256 of the canonical form of what both say.
    pub hash: Digest,
}

impl Entitlement {
    /// # Errors
    /// Names the field and the rule that is broken.
    pub fn check(&self, short_durations: bool) -> Result<(), Refusal> {
        check_line("name", &self.name, 1, LONGEST_NAME)?;
        check_free_text("description", &self.description, 0, LONGEST_JUSTIFICATION)?;
        if self.targets.is_empty() || self.targets.len() > MOST_TARGETS {
            return Err(Refusal::invalid(
                "targets",
                Rule::Count {
                    most: MOST_TARGETS,
                    of: Listed::Targets,
                },
            ));
        }
        let distinct: BTreeSet<&Target> = self.targets.iter().collect();
        if distinct.len() != self.targets.len() {
            return Err(Refusal::invalid("targets", Rule::TargetTwice));
        }
        if !(1..=HIGHEST_QUORUM).contains(&self.quorum) {
            return Err(Refusal::invalid(
                "quorum",
                Rule::Range {
                    least: 1,
                    most: i64::from(HIGHEST_QUORUM),
                },
            ));
        }
        if self.approval == ApprovalMode::None && self.critical {
            return Err(Refusal::invalid("approval", Rule::CriticalNeedsApproval));
        }
        if let Some(approvers) = &self.approvers {
            approvers.check("approvers")?;
            if approvers.is_empty() {
                return Err(Refusal::invalid("approvers", Rule::NobodyApproves));
            }
        }
        if let Eligibility::Only(who) = &self.eligible {
            who.check("eligible")?;
        }
        if let Some(durations) = &self.durations {
            check_durations(durations, short_durations)?;
        }
        self.check_absolute_maximum(short_durations)?;
        self.check_emergency(short_durations)?;
        self.check_delegates()?;
        self.how_to.as_ref().map_or(Ok(()), HowTo::check)?;
        self.attestation.check()?;
        if usize::from(self.justification_min) > LONGEST_JUSTIFICATION {
            return Err(Refusal::invalid(
                "justification_min",
                Rule::AtMost {
                    most: LONGEST_JUSTIFICATION,
                },
            ));
        }
        if let Some(prefix) = &self.ticket.prefix {
            check_line("ticket.prefix", prefix, 1, 20)?;
        }
        Ok(())
    }

    fn check_absolute_maximum(&self, short_durations: bool) -> Result<(), Refusal> {
        let field = "absolute_maximum";
        let Some(maximum) = self.absolute_maximum else {
            return Ok(());
        };
        if maximum.is_sub_minute() && !short_durations {
            return Err(Refusal::invalid(field, Rule::UnderMinute { duration: maximum }));
        }
        match self.durations.iter().flatten().find(|duration| **duration > maximum) {
            Some(&duration) => Err(Refusal::invalid(field, Rule::BelowDuration { duration })),
            None => Ok(()),
        }
    }

    fn check_delegates(&self) -> Result<(), Refusal> {
        let Some(delegates) = &self.delegates else {
            return Ok(());
        };
        delegates.check("delegates")?;
        if delegates.is_empty() {
            return Err(Refusal::invalid("delegates", Rule::NobodyListed));
        }
        // An approval rests on all of this in one transaction, which has a limit.
        if self.targets.len() * 3 + usize::from(self.quorum) * 7 > MOST_WITH_DELEGATES {
            return Err(Refusal::invalid("delegates", Rule::NoRoomForDelegates));
        }
        Ok(())
    }

    fn check_emergency(&self, short_durations: bool) -> Result<(), Refusal> {
        let Some(emergency) = &self.emergency else {
            return Ok(());
        };
        emergency.people.check("emergency.people")?;
        if emergency.people.is_empty() {
            return Err(Refusal::invalid("emergency.people", Rule::NobodyInEmergency));
        }
        if emergency.maximum.is_sub_minute() && !short_durations {
            let rule = Rule::UnderMinute {
                duration: emergency.maximum,
            };
            return Err(Refusal::invalid("emergency.maximum", rule));
        }
        Ok(())
    }

    /// How long one grant may last, its extensions included: what is configured, else a week, or the longest duration
    /// that may be asked for where that is longer.
    #[must_use]
    pub fn absolute_maximum_in_force(&self, template: &Template) -> AccessDuration {
        self.absolute_maximum.unwrap_or_else(|| {
            let longest = self.durations_in_force(template).into_iter().max();
            longest.map_or(AccessDuration::WEEK, |longest| longest.max(AccessDuration::WEEK))
        })
    }

    /// The approvers in force.
    #[must_use]
    pub fn approvers_in_force<'a>(&'a self, template: &'a Template) -> &'a Principals {
        self.approvers.as_ref().unwrap_or(&template.default_approvers)
    }

    /// The durations in force: those on the template's list and, where there is one, on the entitlement's, up to the
    /// absolute maximum.
    #[must_use]
    pub fn durations_in_force(&self, template: &Template) -> Vec<AccessDuration> {
        template
            .durations
            .iter()
            .filter(|duration| self.durations.as_ref().is_none_or(|own| own.contains(duration)))
            .filter(|duration| self.absolute_maximum.is_none_or(|maximum| **duration <= maximum))
            .copied()
            .collect()
    }

    /// Whether grants end at the second.
    #[must_use]
    pub const fn expires_exactly(&self) -> bool {
        self.exact_expiry || self.critical
    }

    /// Whether approvers have to use a passkey.
    #[must_use]
    pub fn passkey_required(&self) -> bool {
        self.critical || self.factor == FactorPolicy::PasskeyRequired
    }

    /// # Errors
    /// When a reference is missing where one is required, or does not fit the rule.
    pub fn check_ticket(&self, ticket: Option<&str>) -> Result<(), Refusal> {
        let Some(ticket) = ticket else {
            return if self.ticket.required {
                Err(Refusal::invalid(
                    "ticket",
                    Rule::RequiredLike {
                        example: self.ticket_example(),
                    },
                ))
            } else {
                Ok(())
            };
        };
        check_line("ticket", ticket, 1, LONGEST_TICKET)?;
        let fits = self.ticket.prefix.as_deref().is_none_or(|prefix| {
            ticket
                .strip_prefix(prefix)
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        });
        if fits {
            Ok(())
        } else {
            Err(Refusal::invalid(
                "ticket",
                Rule::Like {
                    example: self.ticket_example(),
                },
            ))
        }
    }

    fn ticket_example(&self) -> String {
        format!("{}1042", self.ticket.prefix.as_deref().unwrap_or("INC-"))
    }

    /// The policy that entitlement and template make together, pinned by versions and hash. How the access is used is left
    /// out: better words for it do not undo what waits for its approvers.
    ///
    /// # Errors
    /// Never for values that were read from the store; see [`CanonicalError`].
    pub fn policy(
        &self,
        entitlement_version: u64,
        template: &Template,
        template_version: u64,
    ) -> Result<PolicyRef, CanonicalError> {
        #[derive(Serialize)]
        struct Canonical<'a> {
            tag: &'static str,
            entitlement: &'a Entitlement,
            default_approvers: &'a Principals,
            durations: &'a BTreeSet<AccessDuration>,
        }
        let without_how_to = self.how_to.is_some().then(|| Self {
            how_to: None,
            ..self.clone()
        });
        let hash = canonical_hash(&Canonical {
            tag: "hourglass/policy/v1",
            entitlement: without_how_to.as_ref().unwrap_or(self),
            default_approvers: &template.default_approvers,
            durations: &template.durations,
        })?;
        Ok(PolicyRef {
            entitlement_version,
            template_version,
            hash,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::target::Cloud;
    use uuid::Uuid;

    pub(crate) fn entitlement() -> Entitlement {
        Entitlement {
            id: EntitlementId::new(Uuid::from_u128(1)),
            application: "contoso.example".parse().unwrap(),
            name: "prod-admins".to_owned(),
            description: "Administers production".to_owned(),
            targets: vec![Target::Entra {
                cloud: Cloud::Global,
                tenant: crate::ids::TenantId::new(Uuid::from_u128(2)),
                group: crate::ids::ObjectId::new(Uuid::from_u128(3)),
            }],
            enabled: true,
            approval: ApprovalMode::Required,
            quorum: 1,
            approvers: None,
            eligible: Eligibility::Everyone,
            durations: None,
            absolute_maximum: None,
            justification_min: 10,
            ticket: TicketRule::default(),
            critical: false,
            exact_expiry: false,
            factor: FactorPolicy::PasskeyOrStepUp,
            attestation: Attestation::Any,
            emergency: None,
            on_behalf: false,
            delegates: None,
            how_to: None,
            created_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn both_lists_of_durations_apply() {
        let template = Template::new("contoso.example".parse().unwrap());
        let mut entitlement = entitlement();
        assert_eq!(entitlement.durations_in_force(&template).len(), 7);
        entitlement.durations = Some(["1h".parse().unwrap(), "3h".parse().unwrap()].into());
        assert_eq!(entitlement.durations_in_force(&template), ["1h".parse().unwrap()]);
    }

    #[test]
    fn nothing_may_be_asked_for_beyond_the_absolute_maximum() {
        let mut template = Template::new("contoso.example".parse().unwrap());
        let mut entitlement = entitlement();
        assert_eq!(
            entitlement.absolute_maximum_in_force(&template),
            "7d".parse().unwrap(),
            "a week, where nothing is configured"
        );
        template.durations.insert("14d".parse().unwrap());
        assert_eq!(
            entitlement.absolute_maximum_in_force(&template),
            "14d".parse().unwrap(),
            "never in the way of a duration that is allowed"
        );
        entitlement.absolute_maximum = Some("2h".parse().unwrap());
        assert_eq!(entitlement.absolute_maximum_in_force(&template), "2h".parse().unwrap());
        assert_eq!(
            entitlement.durations_in_force(&template).last().copied(),
            "2h".parse().ok()
        );
    }

    #[test]
    fn each_broken_rule_names_its_field() {
        type Break = fn(&mut Entitlement);
        let cases: [(&str, Break); 10] = [
            ("name", |e| e.name = " x".to_owned()),
            ("targets", |e| e.targets.clear()),
            ("targets", |e| e.targets.extend_from_within(..)),
            ("quorum", |e| e.quorum = 0),
            ("approval", |e| {
                e.approval = ApprovalMode::None;
                e.critical = true;
            }),
            ("approvers", |e| e.approvers = Some(Principals::default())),
            ("durations", |e| e.durations = Some(BTreeSet::new())),
            ("durations", |e| e.durations = Some(["5s".parse().unwrap()].into())),
            ("absolute_maximum", |e| e.absolute_maximum = Some("5s".parse().unwrap())),
            ("absolute_maximum", |e| {
                e.durations = Some(["1h".parse().unwrap(), "2h".parse().unwrap()].into());
                e.absolute_maximum = Some("1h".parse().unwrap());
            }),
        ];
        assert_eq!(entitlement().check(false), Ok(()));
        for (field, change) in cases {
            let mut broken = entitlement();
            change(&mut broken);
            assert_eq!(broken.check(false).unwrap_err().field(), Some(field));
        }
    }

    #[test]
    fn tickets_follow_the_rule() {
        let mut entitlement = entitlement();
        assert!(entitlement.check_ticket(None).is_ok());
        entitlement.ticket = TicketRule {
            required: true,
            prefix: Some("INC-".to_owned()),
        };
        assert!(entitlement.check_ticket(Some("INC-42")).is_ok());
        for bad in [
            None,
            Some("INC-"),
            Some("inc-42"),
            Some("INC-42 "),
            Some("INC-4a"),
            Some("CHG-42"),
        ] {
            assert_eq!(
                entitlement.check_ticket(bad).unwrap_err().field(),
                Some("ticket"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_policy_hash_changes_with_the_rules_and_not_with_message_texts() {
        let entitlement = entitlement();
        let template = Template::new("contoso.example".parse().unwrap());
        let before = entitlement.policy(1, &template, 1).unwrap().hash;
        let mut texts = template.clone();
        texts.messages.insert("asked".to_owned(), "Hello".to_owned());
        assert_eq!(entitlement.policy(1, &texts, 2).unwrap().hash, before);
        let mut other = entitlement;
        other.quorum = 2;
        let quorum = other.policy(2, &template, 1).unwrap().hash;
        assert_ne!(quorum, before);
        other.absolute_maximum = Some("2d".parse().unwrap());
        let maximum = other.policy(2, &template, 1).unwrap().hash;
        assert_ne!(maximum, quorum);
        other.how_to = Some(HowTo {
            text: "Sign in to the portal again.".to_owned(),
            link: Some("https://portal.contoso.example/how-to".to_owned()),
        });
        assert_eq!(
            other.policy(3, &template, 1).unwrap().hash,
            maximum,
            "text, and no rule"
        );
    }

    #[test]
    fn a_link_is_https_and_shows_its_host() {
        let how_to = |link: &str| HowTo {
            text: "Sign in again.".to_owned(),
            link: Some(link.to_owned()),
        };
        for good in [
            "https://portal.contoso.example",
            "https://portal.contoso.example:8443/a?b=c#d",
            "https://portal.contoso.example/mail@contoso",
        ] {
            assert_eq!(how_to(good).check(), Ok(()), "{good}");
        }
        let long = format!("https://portal.contoso.example/{}", "a".repeat(LONGEST_LINK));
        for bad in [
            "",
            "https://",
            "https:///x",
            "http://portal.contoso.example",
            "javascript:alert(1)",
            "https://portal.contoso.example@fabrikam.example/",
            "https://portal.contoso.example\\@fabrikam.example/",
            "https://portal.contoso.example/a b",
            "https://portal.contoso.example:x/",
            "https://pörtal.contoso.example/",
            "https://portal.contoso.example/\"><script>",
            &long,
        ] {
            assert_eq!(how_to(bad).check().unwrap_err().field(), Some("how_to.link"), "{bad}");
        }
        let silent = HowTo {
            text: " ".to_owned(),
            link: None,
        };
        assert_eq!(silent.check().unwrap_err().field(), Some("how_to.text"));
    }
}
