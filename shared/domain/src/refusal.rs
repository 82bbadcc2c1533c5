//! Why a rule said no.
//!
//! Every refusal names the rule by a stable code (the last part of the problem `type` on the wire), says in one
//! sentence what was refused and what would be allowed, and names the field at fault where there is one.

mod parameters;
mod rule;

pub use parameters::Parameter;
pub use rule::{Listed, Rule, Shape};

use crate::duration::AccessDuration;
use crate::grant::GrantStatus;
use crate::limit::Counted;
use crate::request::RequestStatus;
use crate::seal::SealProblem;
use crate::target::{Target, TargetProblem};
use crate::time::Timestamp;
use crate::two_person::{ChangeStatus, SignatureProblem};

/// What sort of refusal it is; the HTTP functions turn it into a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    /// The input breaks a rule whoever sends it (422).
    Invalid,
    /// The caller may not (403).
    Forbidden,
    /// It does not exist, or the caller may not know that it does (404).
    NotFound,
    /// It does not fit the present state (409).
    Conflict,
    /// Too many (429).
    TooMany,
    /// The caller has to prove more (401 with a claims challenge).
    StepUp,
}

/// A rule's no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A value breaks a rule of its field.
    #[error("{field}: {rule}")]
    InvalidField {
        /// The field, as the caller spells it.
        field: &'static str,
        /// The rule.
        rule: Rule,
    },
    /// What was typed names nobody and nothing.
    #[error("{field}: there is no {} {text}", named(what))]
    NobodyNamed {
        /// The field, as the caller spells it.
        field: &'static str,
        /// `user`, `group`, or `principal` for either.
        what: &'static str,
        /// What was typed.
        text: String,
    },
    /// What was typed names more than one user or group.
    #[error("{field}: {text} names more than one user or group; give the object id")]
    SeveralNamed {
        /// The field, as the caller spells it.
        field: &'static str,
        /// What was typed.
        text: String,
    },
    /// Nothing by that id, or nothing the caller may see.
    #[error("There is no such {what}.")]
    NotFound {
        /// `entitlement`, `request`, …
        what: &'static str,
    },
    /// The caller's token lacks the role.
    #[error("This needs the role {role}.")]
    RoleMissing {
        /// The app role.
        role: &'static str,
    },
    /// The caller's token lacks the scope.
    #[error("This needs the scope {scope}, which the token does not carry or its client may not use.")]
    ScopeMissing {
        /// The OAuth scope.
        scope: &'static str,
    },
    /// The caller is no provisioned user.
    #[error("Your account has not been provisioned to Hourglass over SCIM, so it can neither ask nor approve.")]
    NotProvisioned,
    /// The account is switched off.
    #[error("The account is not active.")]
    AccountInactive,
    /// The entitlement is switched off.
    #[error("{name} cannot be requested: it is switched off.")]
    EntitlementDisabled {
        /// The entitlement's name.
        name: String,
    },
    /// Nobody has looked at the target yet.
    #[error("{target} has not been checked in its directory yet, which takes some seconds after it was switched on.")]
    TargetUnchecked {
        /// The target.
        target: Target,
    },
    /// The target's group cannot be managed.
    #[error("{target} cannot be requested: {problem}.")]
    TargetUnusable {
        /// The target.
        target: Target,
        /// What is wrong with it.
        problem: TargetProblem,
    },
    /// The caller is not among those who may ask.
    #[error("You are not among those who may ask for {name}.")]
    NotEligible {
        /// The entitlement's name.
        name: String,
    },
    /// The beneficiary is not among those who may ask any more.
    #[error("The person it is for may not ask for {name} any more, so it cannot be approved.")]
    NoLongerEligible {
        /// The entitlement's name.
        name: String,
    },
    /// The duration is not on the list.
    #[error("{asked} is not an allowed duration here; allowed are {}.", list(allowed))]
    DurationNotAllowed {
        /// What was asked for.
        asked: AccessDuration,
        /// What would be allowed.
        allowed: Vec<AccessDuration>,
    },
    /// Not enough other people could approve.
    #[error(
        "This needs {quorum} approval(s) by other people, and only {available} other person(s) could give one: an \
         admin has to add approvers to the entitlement or to the template's default approvers."
    )]
    TooFewApprovers {
        /// How many approvals are needed.
        quorum: u8,
        /// How many distinct other persons could approve (counted up to the quorum).
        available: u8,
    },
    /// There is an open request by this person for this entitlement.
    #[error("You already have an open request for {name}.")]
    AlreadyRequested {
        /// The entitlement's name.
        name: String,
    },
    /// The person has a live grant of this entitlement.
    #[error("{name} is held until {until} already: extend that, or ask for a start after it.")]
    AlreadyHeld {
        /// The entitlement's name.
        name: String,
        /// Until when.
        until: Timestamp,
    },
    /// The person has too many open requests.
    #[error("You have {open} open requests; at most {limit} may wait at once.")]
    TooManyOpenRequests {
        /// How many are open.
        open: usize,
        /// How many may be.
        limit: usize,
    },
    /// The same person did this too often of late, or too much of it waits for one.
    #[error(
        "{}: at most {most} are allowed within {} minutes. Try again in {retry_after} second(s).",
        what.rule(),
        seconds / 60
    )]
    TooOften {
        /// What was counted.
        what: Counted,
        /// How many there may be.
        most: usize,
        /// Within how many seconds.
        seconds: i64,
        /// After how many seconds it works again.
        retry_after: i64,
    },
    /// The request is not pending any more.
    #[error("This request is {status}, so it cannot be {wanted}.", status = status.words())]
    RequestNotPending {
        /// What it is.
        status: RequestStatus,
        /// `approved`, `denied`, `cancelled`.
        wanted: &'static str,
    },
    /// The request's time to live is over.
    #[error("This request lapsed at {at}.")]
    RequestLapsed {
        /// When it lapsed.
        at: Timestamp,
    },
    /// Requester, beneficiary and their linked accounts cannot decide.
    #[error("Nobody decides on their own access.")]
    OwnAccess,
    /// The caller is no approver of this entitlement.
    #[error("You are not an approver of {name}.")]
    NotApprover {
        /// The entitlement's name.
        name: String,
    },
    /// Guests' second factor may come from another tenant.
    #[error("Guest accounts cannot approve.")]
    GuestApprover,
    /// This person has decided on this request before.
    #[error("You have already decided on this request.")]
    AlreadyDecided,
    /// The policy changed between request and decision.
    #[error(
        "The rules of {name} changed after this request was made, so it cannot be approved; it has to be made again."
    )]
    PolicyChanged {
        /// The entitlement's name.
        name: String,
    },
    /// An approver may shorten, never lengthen.
    #[error("An approver may approve for less time than the {asked} asked for, not for more.")]
    DurationLonger {
        /// What was asked for.
        asked: AccessDuration,
    },
    /// The entitlement wants a passkey, which the API cannot carry.
    #[error("{name} needs an approval by passkey; decide in the console's inbox.")]
    PasskeyRequired {
        /// The entitlement's name.
        name: String,
    },
    /// The token does not prove a fresh second factor.
    #[error("This needs a fresh second factor: {why}.")]
    StepUpRequired {
        /// What is missing.
        why: StepUpProblem,
    },
    /// A group cannot feed approvers and be requestable: whoever gets in could let others in.
    #[error("{group} cannot be both an approver source (or eligibility source) and a target that can be requested.")]
    ApproverLoop {
        /// The group's display name or id.
        group: String,
    },
    /// The grant is over or ending.
    #[error("This grant is {status}, so it cannot be {wanted}.", status = status.words())]
    GrantNotLive {
        /// What it is.
        status: GrantStatus,
        /// `ended`, `extended`, …
        wanted: &'static str,
    },
    /// The grant's time is up, though nothing has been stored of its end yet.
    #[error("This grant ended at {at}, so it cannot be extended; ask for access anew.")]
    GrantOver {
        /// When it ended.
        at: Timestamp,
    },
    /// The extension would make the grant last longer than the entitlement allows.
    #[error("{name} may last until {latest} at the most when it is extended; ask for less time, or anew.")]
    BeyondMaximum {
        /// The entitlement's name.
        name: String,
        /// The latest end.
        latest: Timestamp,
    },
    /// Only a removal that keeps failing is closed by hand.
    #[error(
        "Only a grant that is ending and whose removal has been failing for at least {} minutes can be closed by hand.",
        crate::by_hand::FAILING_SECONDS / 60
    )]
    NotFailing,
    /// There is an open request to extend the grant.
    #[error("There is already an open request to extend this grant.")]
    AlreadyExtending,
    /// The grant was extended as often as may be.
    #[error("This grant was extended {limit} times already; ask for access anew.")]
    ExtendedTooOften {
        /// How often it may be.
        limit: usize,
    },
    /// The entitlement gives something else than it did when the grant was approved.
    #[error("The targets of {name} are others than when this access was approved, so it cannot be extended; ask anew.")]
    TargetsChanged {
        /// The entitlement's name.
        name: String,
    },
    /// A removal of the application is overdue.
    #[error(
        "A removal of this application has been overdue since {since}; nothing is granted until it is done or closed by \
         hand."
    )]
    RemovalOverdue {
        /// Since when the access should be gone.
        since: Timestamp,
    },
    /// The credential that would take the access back ends too soon.
    #[error(
        "The credential of the Azure integration ends at {ends_at}, less than 7 days after this access would ({until}); an \
         admin has to replace it first, or it is approved for less time."
    )]
    CredentialEnds {
        /// When it ends.
        ends_at: Timestamp,
        /// When the access would end.
        until: Timestamp,
    },
    /// The entitlement cannot let go of a target while somebody has it.
    #[error("There are grants of {name} that have not ended; until they have, none of its targets can be taken away.")]
    InUse {
        /// The entitlement's name.
        name: String,
    },
    /// The kill switch keeps approvals and activations back.
    #[error("{what} has been stopped by the kill switch since {since}; it goes on when two admins release it.")]
    Paused {
        /// What is paused, as the subject of the sentence.
        what: &'static str,
        /// Since when.
        since: Timestamp,
    },
    /// The kill switch's order has not reached everything yet.
    #[error("The kill switch is still being carried out; it can be released once everything in its scope is ending.")]
    KillUnderWay,
    /// Somebody else's proposal to release waits.
    #[error("Another admin has proposed this release; confirm it by naming the proposal.")]
    ReleaseProposed,
    /// One's own proposal cannot be confirmed by oneself.
    #[error("This needs two admins: one proposes it, another person confirms it.")]
    SecondAdmin,
    /// Both accounts belong to one person already.
    #[error("These accounts belong to one person already.")]
    AlreadyLinked,
    /// The account is linked with none by an admin.
    #[error("This account is linked with no other by an admin; what an attribute links is unlinked at its source.")]
    NotLinked,
    /// Nobody says of their own accounts whose they are.
    #[error("Nobody links or unlinks their own accounts: another admin has to.")]
    OwnLinks,
    /// Somebody else changed it first.
    #[error("It was changed by someone else in the meantime; read it again.")]
    Changed,
    /// The `Idempotency-Key` belongs to another call.
    #[error("This Idempotency-Key was used for a call with another body in the last 24 hours.")]
    KeyReused,
    /// A name or id is taken.
    #[error("{field}: {value} is already in use.")]
    Taken {
        /// The field.
        field: &'static str,
        /// The value that is taken.
        value: String,
    },
    /// Too many grants are on one membership.
    #[error("There are already {limit} grants on {target} that are not over; ask again when some are.")]
    TooManyGrants {
        /// The target.
        target: Target,
        /// How many may be.
        limit: usize,
    },
    /// Who has a passkey uses it: the weaker path would be the one that is attacked.
    #[error("You have a passkey, so you decide with it, in the console's inbox; a sign-in does not do.")]
    PasskeyExpected,
    /// The entitlement does not take keys like this one.
    #[error("This passkey does not do here: {needs} is needed.")]
    KeyNotTaken {
        /// What is needed.
        needs: &'static str,
    },
    /// The key is too new for what it was used for.
    #[error("This passkey is new and counts here from {until} on.")]
    KeyCoolsDown {
        /// From when on it counts.
        until: Timestamp,
    },
    /// Nobody has confirmed the key yet.
    #[error("This passkey has not been confirmed yet.")]
    KeyWaits,
    /// The person has as many keys as may be.
    #[error("You have {limit} passkeys already; remove one first.")]
    TooManyKeys {
        /// How many may be.
        limit: usize,
    },
    /// The ceremony took too long, was finished before, or is somebody else's.
    #[error("This signature was asked for too long ago or has been used; start again.")]
    CeremonyOver,
    /// What the authenticator sent does not verify.
    #[error("The passkey's answer does not verify ({why}); nothing was changed.")]
    CeremonyFailed {
        /// Which check failed.
        why: &'static str,
    },
    /// What was to be signed is not as it was when the challenge was made.
    #[error("What you were about to sign has changed; look at it again and sign anew.")]
    SignedSomethingElse,
    /// The code is not the one from set-up, or somebody has a key already.
    #[error("This is not the code from set-up, or it does not count any more.")]
    SetUpCode,
    /// The console's host is not the one that passkeys were made for.
    #[error(
        "Passkeys were made for {fixed}, and the console is now at {now}: an admin has to accept that all of them \
         become void, or the address is set back."
    )]
    RelyingPartyChanged {
        /// The host that keys were made for.
        fixed: String,
        /// The host now.
        now: String,
    },
    /// Nobody approves what its beneficiary activates.
    #[error("Nobody approves this request: its beneficiary activates it with their own passkey. It can be denied.")]
    OwnActivation,
    /// The request is not one that its beneficiary activates.
    #[error("This request is decided by approvers; it cannot be activated.")]
    NotSelfActivated,
    /// An emergency of the person is still live.
    #[error("You have an emergency activation that is not over; at most one may be.")]
    EmergencyLive,
    /// Earlier emergencies were not reviewed.
    #[error("Your emergency activation of {since} was not reviewed in time; until it is, this path is closed to you.")]
    EmergencyUnreviewed {
        /// When it was activated.
        since: Timestamp,
    },
    /// Emergencies get no more time.
    #[error("An emergency activation cannot be extended; ask for access in the ordinary way.")]
    EmergencyNotExtended,
    /// A proposed change is over, or has everything it needs.
    #[error("This change is {status}, so it cannot be {wanted}.", status = status.words())]
    ChangeNotOpen {
        /// What it is.
        status: ChangeStatus,
        /// `signed`, `applied`, `withdrawn`, `explained`.
        wanted: &'static str,
    },
    /// Nobody signs second before the proposer has signed.
    #[error("Its proposer signs first; this change waits for their passkey.")]
    ProposerFirst,
    /// What the change was made against is not what is stored any more.
    #[error("What this change was made against has changed since, so it cannot take effect; propose it again.")]
    ChangeSuperseded,
    /// A signature under a change does not hold any more.
    #[error("A signature under this change does not count ({why}); withdraw it and propose it again.")]
    ChangeSignature {
        /// What is wrong with it.
        why: SignatureProblem,
    },
    /// What is stored was not written by the function that owns it, or was changed since.
    #[error(
        "The stored {what} carries no valid seal of Hourglass ({why}): it may have been changed past the product, and \
         nothing is granted by it."
    )]
    SealBroken {
        /// `entitlement`, `template`, `decision`, …
        what: &'static str,
        /// What is wrong with it.
        why: SealProblem,
    },
    /// A form was sent with something that it does not ask for.
    #[error("The form has no field `{name}`.")]
    FormField {
        /// What was sent.
        name: String,
    },
    /// The application has no approval template.
    #[error("The application has no approval template.")]
    NoTemplate,
    /// Nothing could be taken back.
    #[error("The application has no Azure integration, so nothing could be taken back.")]
    NoIntegration,
    /// The entitlement has no canonical form to pin a request to.
    #[error("The entitlement cannot be hashed: {why}.")]
    PolicyUnreadable {
        /// What is wrong with it, for operators.
        why: String,
    },
    /// What a passkey signed is no form of ours.
    #[error("What was signed cannot be read: {why}.")]
    SignedUnreadable {
        /// What is wrong with it, for operators.
        why: String,
    },
    /// The application has as many SCIM secrets as may be.
    #[error("{limit} SCIM secrets are valid already; delete one first.")]
    TooManyScimSecrets {
        /// How many may be.
        limit: usize,
    },
    /// As many scopes are paused as may be.
    #[error("{limit} scopes are paused already; press for everything, or release some first.")]
    TooManyPaused {
        /// How many may be.
        limit: usize,
    },
}

/// Why a token is no proof of a fresh second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StepUpProblem {
    /// Neither `amr` with `mfa` (v1) nor the configured `acrs` value (v2).
    #[error("the token carries no sign of one (v1: amr with mfa; v2: acrs with the configured context)")]
    NoFactor,
    /// No `auth_time` in the token.
    #[error("the token does not say when you signed in (auth_time)")]
    NoAuthTime,
    /// Signed in too long ago.
    #[error("you signed in more than 5 minutes ago")]
    Stale,
    /// Nobody has looked at the policy behind the context yet.
    #[error(
        "the token's acrs claim counts only once Hourglass has looked at the Conditional Access policy behind it, and it \
         has not in your tenant: an admin has to set up the Azure integration"
    )]
    ContextUnchecked,
    /// The last look is too old.
    #[error(
        "the last look at the Conditional Access policy behind the token's acrs claim is more than 24 hours old: an admin \
         has to see why the Azure integration does not answer"
    )]
    ContextStale,
    /// The connector may not read policies.
    #[error(
        "Hourglass may not read the Conditional Access policy behind the token's acrs claim: an admin has to consent to \
         Policy.Read.All for the connector, or you use a passkey"
    )]
    ContextNotPermitted,
    /// No policy demands a second factor.
    #[error(
        "no enabled Conditional Access policy demands a second factor of all users for the token's acrs claim: an admin has \
         to make one (report-only does not count), or you use a passkey"
    )]
    ContextUnprotected,
    /// The policy leaves the person out.
    #[error(
        "the Conditional Access policy behind the token's acrs claim leaves your account out, so that the claim says nothing \
         about you: an admin has to take you off its exclusions, or you use a passkey"
    )]
    ContextExcluded,
    /// The policy leaves a group or role out of which we do not know who is in it.
    #[error(
        "the Conditional Access policy behind the token's acrs claim leaves out a group or role of which Hourglass cannot \
         tell whether you are in it: an admin has to provision that group or take it off the exclusions, or you use a passkey"
    )]
    ContextUnclear,
}

impl StepUpProblem {
    /// Whether signing in again can mend it: then the answer is a claims challenge, else it would go round in circles.
    #[must_use]
    pub const fn sign_in_helps(self) -> bool {
        matches!(self, Self::NoFactor | Self::NoAuthTime | Self::Stale)
    }
}

/// By what a user or group is named.
fn named(what: &str) -> &'static str {
    match what {
        "user" => "user with the user name, object id or id",
        "group" => "group with the name, object id or id",
        _ => "user or group with the name, object id or id",
    }
}

fn list(durations: &[AccessDuration]) -> String {
    durations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// A value that breaks a rule of its field.
    #[must_use]
    pub const fn invalid(field: &'static str, rule: Rule) -> Self {
        Self::InvalidField { field, rule }
    }

    /// What sort of refusal it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::InvalidField { .. }
            | Self::NobodyNamed { .. }
            | Self::SeveralNamed { .. }
            | Self::DurationNotAllowed { .. }
            | Self::DurationLonger { .. }
            | Self::BeyondMaximum { .. }
            | Self::KeyReused => RefusalKind::Invalid,
            Self::NotFound { .. } => RefusalKind::NotFound,
            Self::RoleMissing { .. }
            | Self::ScopeMissing { .. }
            | Self::NotProvisioned
            | Self::AccountInactive
            | Self::NotEligible { .. }
            | Self::OwnAccess
            | Self::OwnLinks
            | Self::NotApprover { .. }
            | Self::GuestApprover
            | Self::PasskeyExpected
            | Self::KeyNotTaken { .. }
            | Self::KeyCoolsDown { .. }
            | Self::KeyWaits
            | Self::CeremonyFailed { .. }
            | Self::SetUpCode
            | Self::EmergencyUnreviewed { .. }
            | Self::PasskeyRequired { .. } => RefusalKind::Forbidden,
            Self::EntitlementDisabled { .. }
            | Self::TargetUnchecked { .. }
            | Self::TargetUnusable { .. }
            | Self::TooFewApprovers { .. }
            | Self::AlreadyRequested { .. }
            | Self::AlreadyHeld { .. }
            | Self::RequestNotPending { .. }
            | Self::RequestLapsed { .. }
            | Self::AlreadyDecided
            | Self::PolicyChanged { .. }
            | Self::NoLongerEligible { .. }
            | Self::ApproverLoop { .. }
            | Self::GrantNotLive { .. }
            | Self::GrantOver { .. }
            | Self::NotFailing
            | Self::AlreadyExtending
            | Self::ExtendedTooOften { .. }
            | Self::TargetsChanged { .. }
            | Self::RemovalOverdue { .. }
            | Self::CredentialEnds { .. }
            | Self::InUse { .. }
            | Self::Paused { .. }
            | Self::KillUnderWay
            | Self::ReleaseProposed
            | Self::SecondAdmin
            | Self::AlreadyLinked
            | Self::NotLinked
            | Self::Changed
            | Self::Taken { .. }
            | Self::TooManyGrants { .. }
            | Self::TooManyKeys { .. }
            | Self::CeremonyOver
            | Self::SignedSomethingElse
            | Self::RelyingPartyChanged { .. }
            | Self::OwnActivation
            | Self::NotSelfActivated
            | Self::EmergencyLive
            | Self::EmergencyNotExtended
            | Self::ChangeNotOpen { .. }
            | Self::ProposerFirst
            | Self::ChangeSuperseded
            | Self::ChangeSignature { .. }
            | Self::SealBroken { .. }
            | Self::FormField { .. }
            | Self::NoTemplate
            | Self::NoIntegration
            | Self::PolicyUnreadable { .. }
            | Self::SignedUnreadable { .. }
            | Self::TooManyScimSecrets { .. }
            | Self::TooManyPaused { .. } => RefusalKind::Conflict,
            Self::TooManyOpenRequests { .. } | Self::TooOften { .. } => RefusalKind::TooMany,
            Self::StepUpRequired { why } if why.sign_in_helps() => RefusalKind::StepUp,
            Self::StepUpRequired { .. } => RefusalKind::Forbidden,
        }
    }

    /// The stable code of the rule, in kebab case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidField { .. } => "invalid-field",
            Self::NobodyNamed { .. } => "nobody-named",
            Self::SeveralNamed { .. } => "several-named",
            Self::NotFound { .. } => "not-found",
            Self::RoleMissing { .. } => "role-missing",
            Self::ScopeMissing { .. } => "scope-missing",
            Self::NotProvisioned => "not-provisioned",
            Self::AccountInactive => "account-inactive",
            Self::EntitlementDisabled { .. } => "entitlement-disabled",
            Self::TargetUnchecked { .. } => "target-unchecked",
            Self::TargetUnusable { .. } => "target-unusable",
            Self::NotEligible { .. } => "not-eligible",
            Self::NoLongerEligible { .. } => "no-longer-eligible",
            Self::DurationNotAllowed { .. } => "duration-not-allowed",
            Self::TooFewApprovers { .. } => "too-few-approvers",
            Self::AlreadyRequested { .. } => "already-requested",
            Self::AlreadyHeld { .. } => "already-held",
            Self::TooManyOpenRequests { .. } => "too-many-open-requests",
            Self::TooOften { what, .. } => what.code(),
            Self::RequestNotPending { .. } => "request-not-pending",
            Self::RequestLapsed { .. } => "request-lapsed",
            Self::OwnAccess => "own-access",
            Self::NotApprover { .. } => "not-approver",
            Self::GuestApprover => "guest-approver",
            Self::AlreadyDecided => "already-decided",
            Self::PolicyChanged { .. } => "policy-changed",
            Self::DurationLonger { .. } => "duration-longer",
            Self::PasskeyRequired { .. } => "passkey-required",
            Self::StepUpRequired { why } if why.sign_in_helps() => "step-up-required",
            Self::StepUpRequired { .. } => "step-up-unproved",
            Self::ApproverLoop { .. } => "approver-loop",
            Self::GrantNotLive { .. } => "grant-not-live",
            Self::GrantOver { .. } => "grant-over",
            Self::NotFailing => "not-failing",
            Self::BeyondMaximum { .. } => "beyond-maximum",
            Self::AlreadyExtending => "already-extending",
            Self::ExtendedTooOften { .. } => "extended-too-often",
            Self::TargetsChanged { .. } => "targets-changed",
            Self::RemovalOverdue { .. } => "removal-overdue",
            Self::CredentialEnds { .. } => "credential-ends",
            Self::InUse { .. } => "in-use",
            Self::Paused { .. } => "paused",
            Self::KillUnderWay => "kill-under-way",
            Self::ReleaseProposed => "release-proposed",
            Self::SecondAdmin => "second-admin",
            Self::AlreadyLinked => "already-linked",
            Self::NotLinked => "not-linked",
            Self::OwnLinks => "own-links",
            Self::Changed => "changed",
            Self::KeyReused => "key-reused",
            Self::Taken { .. } => "taken",
            Self::TooManyGrants { .. } => "too-many-grants",
            Self::PasskeyExpected => "passkey-expected",
            Self::KeyNotTaken { .. } => "key-not-taken",
            Self::KeyCoolsDown { .. } => "key-cools-down",
            Self::KeyWaits => "key-waits",
            Self::TooManyKeys { .. } => "too-many-keys",
            Self::CeremonyOver => "ceremony-over",
            Self::CeremonyFailed { .. } => "ceremony-failed",
            Self::SignedSomethingElse => "signed-something-else",
            Self::SetUpCode => "set-up-code",
            Self::RelyingPartyChanged { .. } => "relying-party-changed",
            Self::OwnActivation => "own-activation",
            Self::NotSelfActivated => "not-self-activated",
            Self::EmergencyLive => "emergency-live",
            Self::EmergencyUnreviewed { .. } => "emergency-unreviewed",
            Self::EmergencyNotExtended => "emergency-not-extended",
            Self::ChangeNotOpen { .. } => "change-not-open",
            Self::ProposerFirst => "proposer-first",
            Self::ChangeSuperseded => "change-superseded",
            Self::ChangeSignature { .. } => "change-signature",
            Self::SealBroken { .. } => "seal-broken",
            Self::FormField { .. } => "form-field",
            Self::NoTemplate => "no-template",
            Self::NoIntegration => "no-integration",
            Self::PolicyUnreadable { .. } => "policy-unreadable",
            Self::SignedUnreadable { .. } => "signed-unreadable",
            Self::TooManyScimSecrets { .. } => "too-many-scim-secrets",
            Self::TooManyPaused { .. } => "too-many-paused",
        }
    }

    /// The field at fault, as the caller spells it.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidField { field, .. }
            | Self::NobodyNamed { field, .. }
            | Self::SeveralNamed { field, .. }
            | Self::Taken { field, .. } => Some(field),
            Self::DurationNotAllowed { .. } | Self::DurationLonger { .. } | Self::BeyondMaximum { .. } => {
                Some("duration")
            }
            Self::KeyReused => Some("Idempotency-Key"),
            Self::EntitlementDisabled { .. }
            | Self::TargetUnchecked { .. }
            | Self::TargetUnusable { .. }
            | Self::NotEligible { .. }
            | Self::AlreadyRequested { .. } => Some("entitlement"),
            _ => None,
        }
    }

    /// After how many seconds the same call may work, where that can be said: of what is too many.
    #[must_use]
    pub const fn retry_after(&self) -> Option<i64> {
        match self {
            Self::TooOften { retry_after, .. } => Some(*retry_after),
            // It works as soon as one of them is decided or taken back, and nobody knows when that is.
            Self::TooManyOpenRequests { .. } => Some(OPEN_AGAIN_SECONDS),
            _ => None,
        }
    }
}

/// After how many seconds somebody with too many open requests may look again.
const OPEN_AGAIN_SECONDS: i64 = 60;
