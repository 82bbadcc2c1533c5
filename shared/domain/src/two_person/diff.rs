//! What a change changes, line by line, and whether that takes two.
//!
//! One function for each kind of object, and one line for each of its fields. Each field is taken apart by name, so that a
//! new one does not compile until it is said here what a change of it takes. `docs/SECURITY.md` has the same as a table.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::application::{AwsIntegration, AzureIntegration};
use crate::drift::{DriftMode, ProtectedAccounts};
use crate::duration::AccessDuration;
use crate::entitlement::{ApprovalMode, Eligibility, Entitlement, FactorPolicy, Principals, Template, TicketRule};
use crate::identity_center::ScimUrl;
use crate::ids::ObjectId;
use crate::passkey::Attestation;
use crate::person::LinkAttribute;

/// What changes in one field, in words and ids: `user:<id>`, `group:<id>`, `entra:<object id>`. Pages put names beside the
/// ids; what is signed are the ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The field, as the API spells it.
    pub field: String,
    /// What it says; empty where there is nothing.
    pub before: String,
    /// What it is to say; empty where nothing is left.
    pub after: String,
}

/// What a change changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// The fields that change.
    pub lines: Vec<Line>,
    /// Whether two have to sign it.
    pub takes_two: bool,
}

impl Diff {
    /// A field whose change takes two.
    #[must_use]
    pub fn two(self, field: &str, before: String, after: String) -> Self {
        self.line(true, field, before, after)
    }

    /// A field that one admin changes at once.
    #[must_use]
    pub fn one(self, field: &str, before: String, after: String) -> Self {
        self.line(false, field, before, after)
    }

    fn line(mut self, two: bool, field: &str, before: String, after: String) -> Self {
        if before != after {
            self.takes_two |= two;
            let field = field.to_owned();
            self.lines.push(Line { field, before, after });
        }
        self
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn join<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

/// Users and groups by our ids.
#[must_use]
pub fn principals(principals: &Principals) -> String {
    let users = principals.users.iter().map(|id| format!("user:{id}"));
    let groups = principals.groups.iter().map(|id| format!("group:{id}"));
    let all = join(users.chain(groups));
    if all.is_empty() { "nobody".to_owned() } else { all }
}

fn principals_or(named: Option<&Principals>, otherwise: &str) -> String {
    named.map_or_else(|| otherwise.to_owned(), principals)
}

fn eligible(eligible: &Eligibility) -> String {
    match eligible {
        Eligibility::Everyone => "everyone".to_owned(),
        Eligibility::Nobody => "nobody".to_owned(),
        Eligibility::Only(people) => principals(people),
    }
}

fn durations(durations: Option<&BTreeSet<AccessDuration>>) -> String {
    durations.map_or_else(|| "default".to_owned(), join)
}

fn attestation(attestation: &Attestation) -> String {
    match attestation {
        Attestation::Any => "any".to_owned(),
        Attestation::DeviceBound => "device_bound".to_owned(),
        Attestation::Models { aaguids } => join(aaguids),
    }
}

const fn approval(approval: ApprovalMode) -> &'static str {
    match approval {
        ApprovalMode::Required => "required",
        ApprovalMode::None => "none",
    }
}

const fn factor(factor: FactorPolicy) -> &'static str {
    match factor {
        FactorPolicy::PasskeyRequired => "passkey_required",
        FactorPolicy::PasskeyOrStepUp => "passkey_or_step_up",
    }
}

fn absolute_maximum(entitlement: &Entitlement) -> String {
    let maximum = entitlement.absolute_maximum;
    maximum.map_or_else(|| "default".to_owned(), |maximum| maximum.to_string())
}

fn ticket(rule: &TicketRule) -> String {
    let prefix = rule.prefix.as_deref().map(|prefix| format!("{prefix}…"));
    let required = if rule.required { "required" } else { "optional" };
    join([Some(required.to_owned()), prefix].into_iter().flatten())
}

fn emergency(entitlement: &Entitlement) -> String {
    let people = entitlement.emergency.as_ref().map(|emergency| &emergency.people);
    principals_or(people, "nobody")
}

fn emergency_maximum(entitlement: &Entitlement) -> String {
    let maximum = entitlement.emergency.as_ref().map(|emergency| emergency.maximum);
    maximum.map(|maximum| maximum.to_string()).unwrap_or_default()
}

/// A field of an entitlement, in words.
type InWords<'a> = &'a dyn Fn(&Entitlement) -> String;

/// Of an entitlement that is made (`before` is `None`) or changed. To make one takes two even where it is switched off: who
/// switches it on later is shown no more than that. To switch one off is a brake, and takes one.
#[must_use]
pub fn entitlement(before: Option<&Entitlement>, after: &Entitlement) -> Diff {
    // Whoever adds a field decides below what its change takes.
    let Entitlement {
        id: _,
        application: _,
        created_at: _,
        name: _,
        description: _,
        targets: _,
        enabled: _,
        approval: _,
        quorum: _,
        approvers: _,
        eligible: _,
        durations: _,
        absolute_maximum: _,
        justification_min: _,
        ticket: _,
        critical: _,
        exact_expiry: _,
        factor: _,
        attestation: _,
        emergency: _,
        on_behalf: _,
        delegates: _,
        how_to: _,
    } = after;
    let switches_off = before.is_some_and(|before| before.enabled) && !after.enabled;
    let (one, two) = (false, true);
    let fields: [(bool, &str, InWords<'_>); 22] = [
        (two, "name", &|e| e.name.clone()),
        (one, "description", &|e| e.description.clone()),
        (one, "how_to.text", &|e| {
            e.how_to.as_ref().map(|how_to| how_to.text.clone()).unwrap_or_default()
        }),
        (two, "how_to.link", &|e| {
            e.how_to
                .as_ref()
                .and_then(|how_to| how_to.link.clone())
                .unwrap_or_default()
        }),
        (two, "targets", &|e| join(&e.targets)),
        (!switches_off, "enabled", &|e| yes(e.enabled)),
        (two, "approval", &|e| approval(e.approval).to_owned()),
        (two, "quorum", &|e| e.quorum.to_string()),
        (two, "approvers", &|e| principals_or(e.approvers.as_ref(), "default")),
        (two, "eligible", &|e| eligible(&e.eligible)),
        (two, "durations", &|e| durations(e.durations.as_ref())),
        (two, "absolute_maximum", &absolute_maximum),
        (one, "justification_min", &|e| e.justification_min.to_string()),
        (one, "ticket", &|e| ticket(&e.ticket)),
        (two, "critical", &|e| yes(e.critical)),
        (two, "exact_expiry", &|e| yes(e.exact_expiry)),
        (two, "factor", &|e| factor(e.factor).to_owned()),
        (two, "attestation", &|e| attestation(&e.attestation)),
        (two, "emergency.people", &emergency),
        (two, "emergency.maximum", &emergency_maximum),
        (two, "on_behalf", &|e| yes(e.on_behalf)),
        (two, "delegates", &|e| principals_or(e.delegates.as_ref(), "nobody")),
    ];
    let diff = Diff::default();
    fields.into_iter().fold(diff, |diff, (two, field, of)| {
        diff.line(two, field, before.map(of).unwrap_or_default(), of(after))
    })
}

/// Of the template. How long a request waits and the texts of messages give nobody anything.
#[must_use]
pub fn template(before: &Template, after: &Template) -> Diff {
    let Template {
        application: _,
        default_approvers,
        durations: allowed,
        request_ttl_seconds,
        messages,
    } = after;
    let mut diff = Diff::default()
        .two(
            "default_approvers",
            principals(&before.default_approvers),
            principals(default_approvers),
        )
        .two(
            "durations",
            durations(Some(&before.durations)),
            durations(Some(allowed)),
        )
        .one(
            "request_ttl_seconds",
            before.request_ttl_seconds.to_string(),
            request_ttl_seconds.to_string(),
        );
    let names: BTreeSet<&String> = before.messages.keys().chain(messages.keys()).collect();
    for name in names {
        let of = |template: &Template| template.messages.get(name).cloned().unwrap_or_default();
        diff = diff.one(&format!("messages.{name}"), of(before), of(after));
    }
    diff
}

/// Of what is done about members that nothing explains.
#[must_use]
pub fn drift_mode(before: DriftMode, after: DriftMode) -> Diff {
    Diff::default().two("mode", before.name().to_owned(), after.name().to_owned())
}

/// Of the accounts that drift repair never touches.
#[must_use]
pub fn protected(before: &ProtectedAccounts, after: &BTreeSet<ObjectId>) -> Diff {
    let ProtectedAccounts {
        application: _,
        accounts,
    } = before;
    Diff::default().two("accounts", join(accounts), join(after))
}

/// Of the list of standing members: `account` is put on it, or taken off.
#[must_use]
pub fn standing(account: ObjectId, before: bool, after: bool) -> Diff {
    let listed = |is: bool| if is { account.to_string() } else { String::new() };
    Diff::default().two("standing", listed(before), listed(after))
}

/// Of the accounts of a person, by our ids of the users.
#[must_use]
pub fn accounts(before: &str, after: &str) -> Diff {
    Diff::default().two("accounts", before.to_owned(), after.to_owned())
}

/// Of the attribute that links accounts.
#[must_use]
pub fn link_attribute(before: Option<LinkAttribute>, after: Option<LinkAttribute>) -> Diff {
    let name = |attribute: Option<LinkAttribute>| attribute.map_or("none", LinkAttribute::name).to_owned();
    Diff::default().two("attribute", name(before), name(after))
}

/// Of the Azure integration. When its secret ends is what an admin read in Entra, and comes with the secret.
#[must_use]
pub fn azure(before: Option<&AzureIntegration>, after: &AzureIntegration) -> Diff {
    let AzureIntegration {
        application: _,
        tenant,
        client_id,
        secret_expires_at,
        secret_missing: _,
        updated_at: _,
    } = after;
    let was = |of: &dyn Fn(&AzureIntegration) -> String| before.map(of).unwrap_or_default();
    let ends = |end: &Option<crate::Timestamp>| end.map(|end| end.to_string()).unwrap_or_default();
    Diff::default()
        .two("tenant_id", was(&|azure| azure.tenant.to_string()), tenant.to_string())
        .two("client_id", was(&|azure| azure.client_id.clone()), client_id.clone())
        .one(
            "secret_expires_at",
            was(&|azure| ends(&azure.secret_expires_at)),
            ends(secret_expires_at),
        )
}

/// Of the AWS integration: to another url, to the first, or to none. When its token ends comes with the token.
#[must_use]
pub fn aws(before: Option<&AwsIntegration>, after: &AwsIntegration) -> Diff {
    let AwsIntegration {
        application: _,
        url,
        token_expires_at,
        token: _,
        updated_at: _,
    } = after;
    let url_of = |url: &Option<ScimUrl>| url.as_ref().map(ToString::to_string).unwrap_or_default();
    let ends = |end: &Option<crate::Timestamp>| end.map(|end| end.to_string()).unwrap_or_default();
    Diff::default()
        .two(
            "url",
            before.map(|before| url_of(&before.url)).unwrap_or_default(),
            url_of(url),
        )
        .one(
            "token_expires_at",
            before.map(|before| ends(&before.token_expires_at)).unwrap_or_default(),
            ends(token_expires_at),
        )
}

/// Of the SCIM secrets: one is added.
#[must_use]
pub fn scim_secret(valid: usize) -> Diff {
    Diff::default().two("scim_secrets", valid.to_string(), valid.saturating_add(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::AwsToken;
    use crate::entitlement::Emergency;
    use crate::entitlement::tests::entitlement as example;
    use crate::ids::{GroupId, UserId};
    use uuid::Uuid;

    fn people(number: u128) -> Principals {
        Principals {
            users: [UserId::new(Uuid::from_u128(number))].into(),
            groups: [GroupId::new(Uuid::from_u128(number))].into(),
        }
    }

    type Edit<'a> = &'a dyn Fn(&mut Entitlement);

    fn changed(change: Edit<'_>) -> Diff {
        let before = example();
        let mut after = before.clone();
        change(&mut after);
        let diff = entitlement(Some(&before), &after);
        assert!(!diff.lines.is_empty(), "{after:?}");
        diff
    }

    #[test]
    fn what_makes_access_easier_takes_two() {
        let all: [(&str, Edit<'_>); 15] = [
            ("approvers", &|e| e.approvers = Some(people(99))),
            ("quorum", &|e| e.quorum += 1),
            ("eligible", &|e| e.eligible = Eligibility::Only(people(98))),
            ("durations", &|e| e.durations = Some([AccessDuration::HOUR].into())),
            ("absolute_maximum", &|e| e.absolute_maximum = Some(AccessDuration::WEEK)),
            ("approval", &|e| e.approval = ApprovalMode::None),
            ("factor", &|e| {
                e.factor = match e.factor {
                    FactorPolicy::PasskeyRequired => FactorPolicy::PasskeyOrStepUp,
                    FactorPolicy::PasskeyOrStepUp => FactorPolicy::PasskeyRequired,
                };
            }),
            ("attestation", &|e| e.attestation = Attestation::DeviceBound),
            ("critical", &|e| e.critical = !e.critical),
            ("exact_expiry", &|e| e.exact_expiry = !e.exact_expiry),
            ("emergency.people", &|e| {
                e.emergency = Some(Emergency {
                    people: people(97),
                    maximum: AccessDuration::HOUR,
                });
            }),
            ("on_behalf", &|e| e.on_behalf = !e.on_behalf),
            ("delegates", &|e| e.delegates = Some(people(96))),
            ("targets", &|e| e.targets.clear()),
            ("quorum", &|e| {
                e.enabled = false;
                e.quorum += 1;
            }),
        ];
        for (field, change) in all {
            let diff = changed(change);
            assert!(diff.takes_two, "{field}");
            assert!(diff.lines.iter().any(|line| line.field == field), "{field}: {diff:?}");
        }
    }

    #[test]
    fn texts_and_what_is_asked_of_requesters_take_one() {
        let all: [Edit<'_>; 4] = [
            &|e| e.description.push('x'),
            &|e| e.justification_min += 1,
            &|e| {
                e.ticket = TicketRule {
                    required: !e.ticket.required,
                    prefix: Some("CHG-".to_owned()),
                };
            },
            &|e| e.enabled = false,
        ];
        for change in all {
            let diff = changed(change);
            assert!(!diff.takes_two, "{diff:?}");
        }
    }

    /// By its name an approver knows what is asked for, and the link stands beside what people hold.
    #[test]
    fn what_people_know_it_by_and_where_they_are_led_take_two() {
        assert!(changed(&|e| e.name.push('x')).takes_two);
        let led = |link: &str| {
            let link = Some(link.to_owned());
            changed(&|e| {
                e.how_to = Some(crate::entitlement::HowTo {
                    text: String::new(),
                    link: link.clone(),
                });
            })
        };
        assert!(led("https://portal.contoso.example").takes_two);
    }

    #[test]
    fn switching_on_and_making_take_two_and_switching_off_takes_one() {
        let on = example();
        let off = Entitlement {
            enabled: false,
            ..on.clone()
        };
        assert!(entitlement(Some(&off), &on).takes_two);
        assert!(!entitlement(Some(&on), &off).takes_two);
        assert!(entitlement(None, &on).takes_two);
        assert!(entitlement(None, &off).takes_two);
        assert_eq!(entitlement(Some(&on), &on), Diff::default());
    }

    #[test]
    fn of_the_template_approvers_and_durations_take_two() {
        let before = Template::new("contoso.example".parse().unwrap());
        let with = |change: &dyn Fn(&mut Template)| {
            let mut after = before.clone();
            change(&mut after);
            template(&before, &after)
        };
        assert!(with(&|t| t.default_approvers = people(1)).takes_two);
        assert!(with(&|t| t.durations = [AccessDuration::HOUR].into()).takes_two);
        let texts = with(&|t| {
            t.request_ttl_seconds += 1;
            t.messages.insert("approved".to_owned(), "Yes.".to_owned());
        });
        assert!(!texts.takes_two);
        assert_eq!(texts.lines.len(), 2);
    }

    #[test]
    fn a_secret_for_the_same_client_takes_one_and_another_client_two() {
        let before = AzureIntegration {
            application: "contoso.example".parse().unwrap(),
            tenant: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".parse().unwrap(),
            client_id: "a".to_owned(),
            secret_expires_at: None,
            secret_missing: false,
            updated_at: crate::Timestamp::from_seconds(1),
        };
        let fresh = AzureIntegration {
            secret_expires_at: Some(crate::Timestamp::from_seconds(9)),
            updated_at: crate::Timestamp::from_seconds(2),
            ..before.clone()
        };
        assert!(!azure(Some(&before), &fresh).takes_two);
        let other = AzureIntegration {
            client_id: "b".to_owned(),
            ..before.clone()
        };
        assert!(azure(Some(&before), &other).takes_two);
        assert!(azure(None, &before).takes_two);
    }

    #[test]
    fn a_token_for_the_same_url_takes_one_and_another_url_or_none_two() {
        let url = |region: &str| ScimUrl::parse(&format!("https://scim.{region}.amazonaws.com/t/scim/v2"), false).ok();
        let before = AwsIntegration {
            application: "contoso.example".parse().unwrap(),
            url: url("us-east-1"),
            token_expires_at: None,
            token: AwsToken::Stored,
            updated_at: crate::Timestamp::from_seconds(1),
        };
        let fresh = AwsIntegration {
            token_expires_at: Some(crate::Timestamp::from_seconds(9)),
            token: AwsToken::Missing,
            updated_at: crate::Timestamp::from_seconds(2),
            ..before.clone()
        };
        assert!(!aws(Some(&before), &fresh).takes_two);
        for other in [url("eu-west-1"), None] {
            let other = AwsIntegration {
                url: other,
                ..before.clone()
            };
            assert!(aws(Some(&before), &other).takes_two);
            assert!(aws(Some(&other), &before).takes_two);
        }
        assert!(aws(None, &before).takes_two);
    }

    #[test]
    fn lists_and_links_take_two_both_ways() {
        let account = ObjectId::new(Uuid::from_u128(5));
        assert!(standing(account, false, true).takes_two);
        assert!(standing(account, true, false).takes_two);
        assert!(drift_mode(DriftMode::Enforce, DriftMode::Observe).takes_two);
        assert!(link_attribute(None, Some(LinkAttribute::Person)).takes_two);
        assert!(accounts("user:1", "user:1 user:2").takes_two);
        assert!(scim_secret(1).takes_two);
        let none = ProtectedAccounts {
            application: "contoso.example".parse().unwrap(),
            accounts: BTreeSet::new(),
        };
        assert!(protected(&none, &[account].into()).takes_two);
        assert_eq!(protected(&none, &BTreeSet::new()), Diff::default());
        assert_eq!(standing(account, true, true), Diff::default());
    }
}
