//! The rules of fields: what a value that was refused has to be.
//!
//! A rule is a clause that goes on from its field: `quorum: must be from 1 to 5`. Its English text is its `Display`; other
//! languages have a message for each [`Rule::code`], with the parameters of [`Rule::parameters`] by name.

use super::parameters::{Named, Parameter};
use crate::duration::AccessDuration;

/// What a text has to be to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Shape {
    /// A duration.
    #[error("a duration such as 30m, 1h or 2d")]
    Duration,
    /// An instant with its zone.
    #[error("an RFC 3339 time such as 2026-11-21T22:50:57Z")]
    Instant,
    /// A day, as a field for a date sends it.
    #[error("a day such as 2026-11-22")]
    Day,
    /// A minute of a day, as a field for date and time sends it.
    #[error("a date and a time such as 2026-11-22T09:30")]
    Minute,
    /// A number without fraction.
    #[error("a whole number")]
    WholeNumber,
    /// An address that people follow, in its plain form.
    #[error("an address such as https://portal.contoso.example/how-to")]
    Link,
    /// A domain name.
    #[error("a domain name such as contoso.example")]
    Domain,
    /// The id of a tenant.
    #[error("a tenant id (a GUID)")]
    Tenant,
    /// The id of a client.
    #[error("a client id (a GUID)")]
    Client,
    /// The object id of something in a directory.
    #[error("an object id (a GUID)")]
    ObjectId,
    /// Our id of a user.
    #[error("the id of a user")]
    User,
    /// Our id of a group.
    #[error("the id of a group")]
    Group,
    /// A model of authenticators.
    #[error("an AAGUID")]
    AuthenticatorModel,
    /// A target of an entitlement.
    #[error("entra:<group object id>")]
    Target,
    /// Where IAM Identity Center takes users and groups.
    #[error("https://scim.<region>.amazonaws.com/<tenant id>/scim/v2/ as IAM Identity Center shows it")]
    ScimEndpoint,
    /// The id of a press of the kill switch.
    #[error("the id of a press")]
    Press,
    /// The id of a proposal to release the kill switch.
    #[error("the id of a proposal")]
    Proposal,
}

impl Shape {
    /// Its stable code, in kebab case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Instant => "instant",
            Self::Day => "day",
            Self::Minute => "minute",
            Self::WholeNumber => "whole-number",
            Self::Link => "link",
            Self::Domain => "domain",
            Self::Tenant => "tenant",
            Self::Client => "client",
            Self::ObjectId => "object-id",
            Self::User => "user",
            Self::Group => "group",
            Self::AuthenticatorModel => "authenticator-model",
            Self::Target => "target",
            Self::ScimEndpoint => "scim-endpoint",
            Self::Press => "press",
            Self::Proposal => "proposal",
        }
    }
}

/// What a list has too few or too many of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Listed {
    /// Durations.
    #[error("durations")]
    Durations,
    /// Targets of an entitlement.
    #[error("targets")]
    Targets,
    /// Groups.
    #[error("groups")]
    Groups,
    /// Models of authenticators.
    #[error("authenticator models")]
    AuthenticatorModels,
}

impl Listed {
    /// Its stable code, in kebab case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Durations => "durations",
            Self::Targets => "targets",
            Self::Groups => "groups",
            Self::AuthenticatorModels => "authenticator-models",
        }
    }
}

/// A rule that the value of a field breaks.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// Nothing was given.
    #[error("is required")]
    Required,
    /// Nothing was given, and this is what it would look like.
    #[error("is required, such as {example}")]
    RequiredLike {
        /// An example.
        example: String,
    },
    /// It does not look as it has to.
    #[error("must look like {example}")]
    Like {
        /// An example.
        example: String,
    },
    /// It cannot be read.
    #[error("must be {0}")]
    Shape(Shape),
    /// One of several cannot be read.
    #[error("{text} is not {shape}")]
    NotShape {
        /// The one.
        text: String,
        /// What each has to be.
        shape: Shape,
    },
    /// It is none of a fixed set.
    #[error("must be one of {known}")]
    OneOf {
        /// The set, with commas between.
        known: String,
    },
    /// A text is too short.
    #[error("needs at least {least} characters")]
    TooShort {
        /// How many characters there must be.
        least: usize,
    },
    /// A text is too long.
    #[error("may have at most {most} characters")]
    TooLong {
        /// How many characters there may be.
        most: usize,
    },
    /// A line has space at an end.
    #[error("must not begin or end with space")]
    SpaceAround,
    /// A text holds a character that is not seen, or that turns the direction of others.
    #[error("must not hold the control or direction character U+{:04X}", u32::from(*character))]
    ControlCharacter {
        /// The character.
        character: char,
    },
    /// A field stands twice in a form: which one counts cannot be told.
    #[error("may stand only once")]
    Repeated,
    /// A hidden field of a form is not as it was made.
    #[error("is not what the form had")]
    Altered,
    /// A cursor is none of ours.
    #[error("is not one that a list gave")]
    Cursor,
    /// A number is outside its range.
    #[error("must be from {least} to {most}")]
    Range {
        /// The least it may be.
        least: i64,
        /// The most it may be.
        most: i64,
    },
    /// A number is too great.
    #[error("may be at most {most}")]
    AtMost {
        /// The most it may be.
        most: usize,
    },
    /// A list is empty or too long.
    #[error("must name 1 to {most} {of}")]
    Count {
        /// How many there may be.
        most: usize,
        /// Of what.
        of: Listed,
    },
    /// Too many accounts are named.
    #[error("may name at most {most} accounts")]
    TooManyAccounts {
        /// How many there may be.
        most: usize,
    },
    /// Too many users or groups are named.
    #[error("may name at most {most} users and as many groups")]
    TooManyPrincipals {
        /// How many there may be of each.
        most: usize,
    },
    /// A target is named twice.
    #[error("must not name a target twice")]
    TargetTwice,
    /// Exactly two users are linked with one another.
    #[error("must name two users")]
    TwoUsers,
    /// A list of people that is given is empty.
    #[error("must name someone, or be left out")]
    NobodyListed,
    /// A list of approvers that is given is empty.
    #[error("must name someone, or be left out for the default approvers")]
    NobodyApproves,
    /// Emergencies are allowed and nobody may activate one.
    #[error("must name someone, or leave emergency out")]
    NobodyInEmergency,
    /// What is critical is not self-approved.
    #[error("must be required on a critical entitlement")]
    CriticalNeedsApproval,
    /// Access is for a minute or more outside test deployments.
    #[error("{duration} is shorter than a minute")]
    UnderMinute {
        /// The duration.
        duration: AccessDuration,
    },
    /// Access may be asked for at once for longer than it may last.
    #[error("must not be shorter than {duration}, which may be asked for at once")]
    BelowDuration {
        /// The duration that may be asked for.
        duration: AccessDuration,
    },
    /// An approval with delegates would not fit a transaction.
    #[error("must be left out with so many targets and approvals: take fewer of either")]
    NoRoomForDelegates,
    /// An instant has to lie ahead.
    #[error("must lie ahead")]
    Ahead,
    /// An instant has to lie ahead, and not too far.
    #[error("must lie between now and {days} days from now")]
    WithinDays {
        /// How many days.
        days: i64,
    },
    /// A first day lies after the last.
    #[error("must not lie after the last day")]
    AfterLastDay,
    /// Emergencies begin at once.
    #[error("must be left out in an emergency")]
    NotInEmergency,
    /// Access is for oneself, where an entitlement is for nobody else.
    #[error("must be yourself or one of your own linked accounts; nobody asks for this for somebody else")]
    BeneficiaryOneself,
    /// Access is for somebody who may have it.
    #[error("must be yourself or one of your own linked accounts, or somebody who may have it themselves")]
    BeneficiaryEligible,
    /// Nobody is their own delegate.
    #[error("must be another person than yourself")]
    AnotherPerson,
    /// A delegate has to be one of the pool.
    #[error("must be one of those whom the admins allow as delegates for {entitlement}")]
    DelegateNotAllowed {
        /// The entitlement's name.
        entitlement: String,
    },
    /// A person would have too many accounts.
    #[error("would be {accounts} accounts of one person; at most {most} may be")]
    TooManyLinked {
        /// How many they would be.
        accounts: usize,
        /// How many may be.
        most: usize,
    },
    /// A scope that is everything names nothing.
    #[error("must be left out where the scope is all")]
    ScopeIsAll,
    /// A scope names nothing.
    #[error("must say which entitlement or user is meant")]
    ScopeMissing,
    /// The confirmation of a press is another's, or too old.
    #[error("must be the one that a preview of this very scope gave you in the last {minutes} minutes")]
    Confirmation {
        /// For how many minutes one counts.
        minutes: i64,
    },
    /// A tenant does not sign in here.
    #[error("must be one of the tenants that may sign in here (a parameter of the deployment)")]
    SignInTenant,
    /// A tenant is not the caller's.
    #[error("must be your own tenant")]
    OwnTenant,
    /// A tenant is not the application's.
    #[error("must be the application's own tenant")]
    ApplicationTenant,
    /// A client secret or an access token is none that Entra or AWS gives out.
    #[error("must be 1 to {most} printable ASCII characters without space")]
    ClientSecret {
        /// How many characters it may have.
        most: usize,
    },
    /// A group was not provisioned.
    #[error("{target} is no group that was provisioned over SCIM")]
    GroupNotProvisioned {
        /// The group, as `entra:` and its object id.
        target: String,
    },
    /// A group has no object id yet.
    #[error("{group} has no object id of Entra yet: `externalId` was not provisioned")]
    GroupWithoutObjectId {
        /// What the group is called by.
        group: String,
    },
    /// A user is not of this application.
    #[error("{user} is no user of this application")]
    NoUserHere {
        /// Our id of the user.
        user: String,
    },
    /// A group is not of this application.
    #[error("{group} is no group of this application")]
    NoGroupHere {
        /// Our id of the group.
        group: String,
    },
    /// A user cannot sign in.
    #[error("{user} has no object id, so that nobody can act as it")]
    UserWithoutObjectId {
        /// What the user is called by.
        user: String,
    },
    /// The number of keys that become void is another.
    #[error("must be {keys}: so many keys become void")]
    Voids {
        /// How many become void.
        keys: usize,
    },
    /// No message has this name.
    #[error("has no text `{name}`; there are {known}")]
    UnknownMessage {
        /// The name.
        name: String,
        /// The names that there are, with commas between.
        known: String,
    },
    /// A placeholder of a message has no end.
    #[error("{message}: a `{{{{` has no `}}}}` after it")]
    PlaceholderOpen {
        /// The message's name.
        message: &'static str,
    },
    /// A placeholder of a message is not filled in.
    #[error("{message}: {{{{ {placeholder} }}}} is not known here; there are {known}")]
    UnknownPlaceholder {
        /// The message's name.
        message: &'static str,
        /// The placeholder.
        placeholder: String,
        /// Those that are filled in, with commas between.
        known: String,
    },
    /// A message is more than text with placeholders.
    #[error("{message}: only `{{{{ name }}}}` may be filled in")]
    PlaceholderOnly {
        /// The message's name.
        message: &'static str,
    },
}

impl Rule {
    /// That it is one of these.
    #[must_use]
    pub fn one_of<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        Self::OneOf {
            known: known.into_iter().collect::<Vec<_>>().join(", "),
        }
    }

    /// That each of several is of this shape, and `text` is not.
    #[must_use]
    pub fn not(shape: Shape, text: impl Into<String>) -> Self {
        Self::NotShape {
            text: text.into(),
            shape,
        }
    }

    /// Its stable code, in kebab case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::RequiredLike { .. } => "required-like",
            Self::Like { .. } => "like",
            Self::Shape(_) => "shape",
            Self::NotShape { .. } => "not-shape",
            Self::OneOf { .. } => "one-of",
            Self::TooShort { .. } => "too-short",
            Self::TooLong { .. } => "too-long",
            Self::SpaceAround => "space-around",
            Self::ControlCharacter { .. } => "control-character",
            Self::Repeated => "repeated",
            Self::Altered => "altered",
            Self::Cursor => "cursor",
            Self::Range { .. } => "range",
            Self::AtMost { .. } => "at-most",
            Self::Count { .. } => "count",
            Self::TooManyAccounts { .. } => "too-many-accounts",
            Self::TooManyPrincipals { .. } => "too-many-principals",
            Self::TargetTwice => "target-twice",
            Self::TwoUsers => "two-users",
            Self::NobodyListed => "nobody-listed",
            Self::NobodyApproves => "nobody-approves",
            Self::NobodyInEmergency => "nobody-in-emergency",
            Self::CriticalNeedsApproval => "critical-needs-approval",
            Self::UnderMinute { .. } => "under-minute",
            Self::BelowDuration { .. } => "below-duration",
            Self::NoRoomForDelegates => "no-room-for-delegates",
            Self::Ahead => "ahead",
            Self::WithinDays { .. } => "within-days",
            Self::AfterLastDay => "after-last-day",
            Self::NotInEmergency => "not-in-emergency",
            Self::BeneficiaryOneself => "beneficiary-oneself",
            Self::BeneficiaryEligible => "beneficiary-eligible",
            Self::AnotherPerson => "another-person",
            Self::DelegateNotAllowed { .. } => "delegate-not-allowed",
            Self::TooManyLinked { .. } => "too-many-linked",
            Self::ScopeIsAll => "scope-is-all",
            Self::ScopeMissing => "scope-missing",
            Self::Confirmation { .. } => "confirmation",
            Self::SignInTenant => "sign-in-tenant",
            Self::OwnTenant => "own-tenant",
            Self::ApplicationTenant => "application-tenant",
            Self::ClientSecret { .. } => "client-secret",
            Self::GroupNotProvisioned { .. } => "group-not-provisioned",
            Self::GroupWithoutObjectId { .. } => "group-without-object-id",
            Self::NoUserHere { .. } => "no-user-here",
            Self::NoGroupHere { .. } => "no-group-here",
            Self::UserWithoutObjectId { .. } => "user-without-object-id",
            Self::Voids { .. } => "voids",
            Self::UnknownMessage { .. } => "unknown-message",
            Self::PlaceholderOpen { .. } => "placeholder-open",
            Self::UnknownPlaceholder { .. } => "unknown-placeholder",
            Self::PlaceholderOnly { .. } => "placeholder-only",
        }
    }

    /// What the clause names, in the order in which the English one does.
    #[must_use]
    pub fn parameters(&self) -> Vec<Named> {
        use Parameter::{Code, Durations, Number};
        match self {
            Self::RequiredLike { example } | Self::Like { example } => vec![("example", Parameter::text(example))],
            Self::Shape(shape) => vec![("shape", Code(shape.code()))],
            Self::NotShape { text, shape } => vec![("text", Parameter::text(text)), ("shape", Code(shape.code()))],
            Self::OneOf { known } => vec![("known", Parameter::text(known))],
            Self::TooShort { least } => vec![("least", Parameter::count(*least))],
            Self::TooLong { most }
            | Self::AtMost { most }
            | Self::TooManyAccounts { most }
            | Self::TooManyPrincipals { most }
            | Self::ClientSecret { most } => vec![("most", Parameter::count(*most))],
            Self::ControlCharacter { character } => {
                let character = format!("U+{:04X}", u32::from(*character));
                vec![("character", Parameter::Text(character))]
            }
            Self::Range { least, most } => vec![("least", Number(*least)), ("most", Number(*most))],
            Self::Count { most, of } => vec![("most", Parameter::count(*most)), ("of", Code(of.code()))],
            Self::UnderMinute { duration } | Self::BelowDuration { duration } => {
                vec![("duration", Durations(vec![*duration]))]
            }
            Self::WithinDays { days } => vec![("days", Number(*days))],
            Self::DelegateNotAllowed { entitlement } => vec![("entitlement", Parameter::text(entitlement))],
            Self::TooManyLinked { accounts, most } => {
                vec![
                    ("accounts", Parameter::count(*accounts)),
                    ("most", Parameter::count(*most)),
                ]
            }
            Self::Confirmation { minutes } => vec![("minutes", Number(*minutes))],
            Self::GroupNotProvisioned { target } => vec![("target", Parameter::text(target))],
            Self::GroupWithoutObjectId { group } | Self::NoGroupHere { group } => {
                vec![("group", Parameter::text(group))]
            }
            Self::NoUserHere { user } | Self::UserWithoutObjectId { user } => vec![("user", Parameter::text(user))],
            Self::Voids { keys } => vec![("keys", Parameter::count(*keys))],
            Self::UnknownMessage { name, known } => {
                vec![("name", Parameter::text(name)), ("known", Parameter::text(known))]
            }
            Self::UnknownPlaceholder {
                message,
                placeholder,
                known,
            } => vec![
                ("message", Parameter::text(message)),
                ("placeholder", Parameter::text(placeholder)),
                ("known", Parameter::text(known)),
            ],
            Self::PlaceholderOpen { message } | Self::PlaceholderOnly { message } => {
                vec![("message", Parameter::text(message))]
            }
            Self::Required
            | Self::SpaceAround
            | Self::Repeated
            | Self::Altered
            | Self::Cursor
            | Self::TargetTwice
            | Self::TwoUsers
            | Self::NobodyListed
            | Self::NobodyApproves
            | Self::NobodyInEmergency
            | Self::CriticalNeedsApproval
            | Self::NoRoomForDelegates
            | Self::Ahead
            | Self::AfterLastDay
            | Self::NotInEmergency
            | Self::BeneficiaryOneself
            | Self::BeneficiaryEligible
            | Self::AnotherPerson
            | Self::ScopeIsAll
            | Self::ScopeMissing
            | Self::SignInTenant
            | Self::OwnTenant
            | Self::ApplicationTenant => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::parameters::tests::{messages, placeholders};
    use super::*;

    const SOURCE: &str = include_str!("rule.rs");

    const SHAPES: [Shape; 17] = [
        Shape::Duration,
        Shape::Instant,
        Shape::Day,
        Shape::Minute,
        Shape::WholeNumber,
        Shape::Link,
        Shape::Domain,
        Shape::Tenant,
        Shape::Client,
        Shape::ObjectId,
        Shape::User,
        Shape::Group,
        Shape::AuthenticatorModel,
        Shape::Target,
        Shape::ScimEndpoint,
        Shape::Press,
        Shape::Proposal,
    ];

    const LISTED: [Listed; 4] = [
        Listed::Durations,
        Listed::Targets,
        Listed::Groups,
        Listed::AuthenticatorModels,
    ];

    fn samples() -> Vec<Rule> {
        let text = || "prod-admins".to_owned();
        let duration = AccessDuration::from_seconds(30).unwrap();
        let mut all = vec![
            Rule::Required,
            Rule::RequiredLike { example: text() },
            Rule::Like { example: text() },
            Rule::one_of(["global", "china"]),
            Rule::TooShort { least: 20 },
            Rule::TooLong { most: 200 },
            Rule::SpaceAround,
            Rule::ControlCharacter { character: '\u{202e}' },
            Rule::Repeated,
            Rule::Altered,
            Rule::Cursor,
            Rule::Range { least: 1, most: 5 },
            Rule::AtMost { most: 2_000 },
            Rule::TooManyAccounts { most: 100 },
            Rule::TooManyPrincipals { most: 50 },
            Rule::TargetTwice,
            Rule::TwoUsers,
            Rule::NobodyListed,
            Rule::NobodyApproves,
            Rule::NobodyInEmergency,
            Rule::CriticalNeedsApproval,
            Rule::UnderMinute { duration },
            Rule::BelowDuration { duration },
            Rule::NoRoomForDelegates,
            Rule::Ahead,
            Rule::WithinDays { days: 30 },
            Rule::AfterLastDay,
            Rule::NotInEmergency,
            Rule::BeneficiaryOneself,
            Rule::BeneficiaryEligible,
            Rule::AnotherPerson,
            Rule::DelegateNotAllowed { entitlement: text() },
            Rule::TooManyLinked { accounts: 9, most: 8 },
            Rule::ScopeIsAll,
            Rule::ScopeMissing,
            Rule::Confirmation { minutes: 15 },
            Rule::SignInTenant,
            Rule::OwnTenant,
            Rule::ApplicationTenant,
            Rule::ClientSecret { most: 200 },
            Rule::GroupNotProvisioned { target: text() },
            Rule::GroupWithoutObjectId { group: text() },
            Rule::NoUserHere { user: text() },
            Rule::NoGroupHere { group: text() },
            Rule::UserWithoutObjectId { user: text() },
            Rule::Voids { keys: 3 },
            Rule::UnknownMessage {
                name: text(),
                known: text(),
            },
            Rule::PlaceholderOpen { message: "requested" },
            Rule::UnknownPlaceholder {
                message: "requested",
                placeholder: text(),
                known: text(),
            },
            Rule::PlaceholderOnly { message: "requested" },
        ];
        all.extend(SHAPES.map(Rule::Shape));
        all.extend(SHAPES.map(|shape| Rule::not(shape, "x")));
        all.extend(LISTED.map(|of| Rule::Count { most: 20, of }));
        all
    }

    #[test]
    fn every_rule_has_a_clause_in_german_that_names_what_the_english_one_does() {
        let messages = messages();
        for rule in samples() {
            let key = format!("rule-{}", rule.code());
            let message = messages.get(key.as_str()).unwrap_or_else(|| panic!("{key} is missing"));
            let parameters = rule.parameters();
            let names: BTreeSet<String> = parameters.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(placeholders(message), names, "{key}");
            // One of a fixed set has a word of its own in each language.
            for (_, parameter) in parameters {
                if let Parameter::Code(code) = parameter {
                    assert!(message.contains(&format!("[{code}]")), "{key} has no {code}");
                }
            }
        }
    }

    #[test]
    fn every_german_clause_is_of_a_rule() {
        let codes: BTreeSet<String> = samples().iter().map(|rule| format!("rule-{}", rule.code())).collect();
        let written: BTreeSet<String> = messages()
            .into_keys()
            .filter(|key| key.starts_with("rule-"))
            .map(str::to_owned)
            .collect();
        assert_eq!(written, codes);
    }

    /// The codes that the function of this type gives out.
    fn codes_of(of: &str) -> BTreeSet<&'static str> {
        let (_, rest) = SOURCE.split_once(&format!("\nimpl {of} {{")).unwrap();
        let (_, rest) = rest.split_once("pub const fn code(").unwrap();
        let (codes, _) = rest.split_once("    }\n").unwrap();
        let code = |line: &'static str| {
            line.trim()
                .strip_suffix("\",")?
                .rsplit_once("=> \"")
                .map(|(_, code)| code)
        };
        codes.lines().filter_map(code).collect()
    }

    #[test]
    fn the_samples_are_all_there_is() {
        assert_eq!(codes_of("Rule"), samples().iter().map(Rule::code).collect());
        assert_eq!(codes_of("Shape"), SHAPES.map(Shape::code).into_iter().collect());
        assert_eq!(codes_of("Listed"), LISTED.map(Listed::code).into_iter().collect());
    }

    #[test]
    fn a_clause_says_in_english_what_would_be_allowed() {
        for (rule, clause) in [
            (Rule::Shape(Shape::Duration), "must be a duration such as 30m, 1h or 2d"),
            (Rule::not(Shape::AuthenticatorModel, "x"), "x is not an AAGUID"),
            (
                Rule::Count {
                    most: 20,
                    of: Listed::Targets,
                },
                "must name 1 to 20 targets",
            ),
            (
                Rule::ControlCharacter { character: '\n' },
                "must not hold the control or direction character U+000A",
            ),
            (
                Rule::PlaceholderOpen { message: "requested" },
                "requested: a `{{` has no `}}` after it",
            ),
        ] {
            assert_eq!(rule.to_string(), clause);
        }
    }
}
