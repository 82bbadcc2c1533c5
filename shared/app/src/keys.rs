//! Every key of the table, in one place.
//!
//! The prefix of a partition names what lies there and who may write it; each function's role is limited to its
//! prefixes (`dynamodb:LeadingKeys`). `docs/ARCHITECTURE.md` has the table of prefixes and writers.

use hourglass_domain::audit::StreamId;
use hourglass_domain::directory::Gone;
use hourglass_domain::due::{DueEntry, Lane};
use hourglass_domain::entitlement::TEMPLATE_KEY;
use hourglass_domain::ids::{
    ApplicationId, ChangeId, EntitlementId, GrantId, GroupId, KillId, ObjectId, PersonId, ProbeId, RequestId,
    SessionId, TenantId, UserId,
};
use hourglass_domain::limit::Counted;
use hourglass_domain::membership::MembershipKey;
use hourglass_domain::session::Account;
use hourglass_domain::target::Target;
use hourglass_domain::two_person::Place;
use hourglass_domain::{Timestamp, canonical::Digest};

use crate::ports::store::Key;

/// Partition of all applications.
pub const APPLICATIONS: &str = "CFG#APPS";

/// An application.
#[must_use]
pub fn application(id: &ApplicationId) -> Key {
    Key::new(APPLICATIONS, id.as_str())
}

/// Which application a tenant belongs to.
#[must_use]
pub fn tenant(id: TenantId) -> Key {
    Key::new(format!("CFG#TENANT#{id}"), "APP")
}

/// Which application a SCIM secret belongs to, by the SHA-256 of the secret.
#[must_use]
pub fn scim_token(hash: Digest) -> Key {
    Key::new(format!("CFG#SCIMTOKEN#{hash}"), "TOKEN")
}

/// Partition of an application's entitlements.
#[must_use]
pub fn entitlements(application: &ApplicationId) -> String {
    format!("CFG#{application}#ENT")
}

/// An entitlement.
#[must_use]
pub fn entitlement(application: &ApplicationId, id: EntitlementId) -> Key {
    Key::new(entitlements(application), id.to_string())
}

/// The template of an application.
#[must_use]
pub fn template(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), format!("TEMPLATE#{TEMPLATE_KEY}"))
}

/// The Azure integration of an application.
#[must_use]
pub fn azure(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), "INTEGRATION#azure")
}

/// The AWS integration of an application.
#[must_use]
pub fn aws(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), "INTEGRATION#aws")
}

/// What keeps approvals and activations of an application back.
#[must_use]
pub fn pause(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), "PAUSE")
}

/// Which state an application's entitlements are in: another one after each change of any of them.
#[must_use]
pub fn catalogue(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), "CATALOGUE")
}

/// What a directory group is used for in the configuration.
#[must_use]
pub fn group_use(application: &ApplicationId, group: ObjectId) -> Key {
    Key::new(format!("CFG#{application}#USE"), group.to_string())
}

/// What is done about unexplained members of an entitlement's targets.
#[must_use]
pub fn drift_policy(application: &ApplicationId, entitlement: EntitlementId) -> Key {
    Key::new(format!("CFG#{application}"), format!("DRIFT#{entitlement}"))
}

/// Accounts of an application that drift repair never touches.
#[must_use]
pub fn protected_accounts(application: &ApplicationId) -> Key {
    Key::new(format!("CFG#{application}"), "PROTECTED")
}

/// Partition of a target's list of standing members and its drift reports.
#[must_use]
pub fn drift(target: &Target) -> String {
    format!("DRIFT#{}", target.key())
}

/// Prefix of the standing members in a target's partition.
pub const STANDING: &str = "S#";

/// That an account is a standing member of a target.
#[must_use]
pub fn standing(target: &Target, account: ObjectId) -> Key {
    Key::new(drift(target), format!("{STANDING}{account}"))
}

/// Prefix of the reports in a target's partition.
pub const DRIFT_REPORTS: &str = "R#";

/// What the last look at a target found, for an entitlement.
#[must_use]
pub fn drift_report(target: &Target, entitlement: EntitlementId) -> Key {
    Key::new(drift(target), format!("{DRIFT_REPORTS}{entitlement}"))
}

/// What the directory says about a target.
#[must_use]
pub fn facts(target: &Target) -> Key {
    Key::new(format!("FACT#{}", target.key()), "FACT")
}

/// What stands behind the authentication context in a tenant.
#[must_use]
pub fn auth_context(tenant: TenantId) -> Key {
    Key::new(format!("FACT#AUTHCONTEXT#{tenant}"), "FACT")
}

/// Partition of an application's removals that are overdue, the oldest first.
#[must_use]
pub fn overdue_removals(application: &ApplicationId) -> String {
    format!("FACT#OVERDUE#{application}")
}

/// That a grant's removal is overdue.
#[must_use]
pub fn overdue_removal(application: &ApplicationId, since: Timestamp, grant: GrantId) -> Key {
    Key::new(overdue_removals(application), format!("{since}#{grant}"))
}

/// Partition of an application's emergencies.
#[must_use]
pub fn emergencies(application: &ApplicationId) -> String {
    format!("EMER#{application}")
}

/// Prefix of the emergencies in their partition.
pub const EMERGENCIES: &str = "E#";

/// Prefix of one person's emergencies.
#[must_use]
pub fn emergencies_of(person: PersonId) -> String {
    format!("{EMERGENCIES}{person}#")
}

/// An emergency.
#[must_use]
pub fn emergency(application: &ApplicationId, person: PersonId, grant: GrantId) -> Key {
    Key::new(emergencies(application), format!("{}{grant}", emergencies_of(person)))
}

/// Which emergency of a person was the last.
#[must_use]
pub fn last_emergency(application: &ApplicationId, person: PersonId) -> Key {
    Key::new(emergencies(application), format!("LAST#{person}"))
}

/// Partition of an application's passkeys.
#[must_use]
pub fn passkeys(application: &ApplicationId) -> String {
    format!("KEY#{application}")
}

/// Prefix of all passkeys in their partition.
pub const PASSKEYS: &str = "U#";

/// Prefix of one user's passkeys.
#[must_use]
pub fn passkeys_of(user: UserId) -> String {
    format!("{PASSKEYS}{user}#")
}

/// A passkey, by the SHA-256 of its credential id, which can be longer than a key of the table may be.
#[must_use]
pub fn passkey(application: &ApplicationId, user: UserId, credential: &Digest) -> Key {
    Key::new(passkeys(application), format!("{}{credential}", passkeys_of(user)))
}

/// That a credential id is taken.
#[must_use]
pub fn credential(application: &ApplicationId, credential: &Digest) -> Key {
    Key::new(passkeys(application), format!("C#{credential}"))
}

/// That a code from set-up was used, by its SHA-256.
#[must_use]
pub fn set_up(application: &ApplicationId, code: &Digest) -> Key {
    Key::new(passkeys(application), format!("SETUP#{code}"))
}

/// A proposal to take somebody's keys away.
#[must_use]
pub fn recovery(application: &ApplicationId, user: UserId) -> Key {
    Key::new(passkeys(application), format!("RECOVERY#{user}"))
}

/// That somebody got a passkey that none of theirs vouches for.
#[must_use]
pub fn first_passkey(application: &ApplicationId, user: UserId) -> Key {
    Key::new(passkeys(application), format!("FIRST#{user}"))
}

/// The host that passkeys are made for.
#[must_use]
pub fn relying_party() -> Key {
    Key::new("KEY#RP", "RP")
}

/// A ceremony of a user that has begun.
#[must_use]
pub fn ceremony(application: &ApplicationId, user: UserId, id: uuid::Uuid) -> Key {
    Key::new(format!("NONCE#{application}#{user}"), id.to_string())
}

/// A provisioned user.
#[must_use]
pub fn user(application: &ApplicationId, id: UserId) -> Key {
    Key::new(format!("SCIM#{application}#U#{id}"), "USER")
}

/// Partition of the groups that a user is in. Memberships have a prefix of their own: workers may delete them, and
/// nothing else of what was provisioned. (No application's name has capitals.)
#[must_use]
pub fn groups_of(application: &ApplicationId, user: UserId) -> String {
    format!("SCIM#MEMBERS#{application}#U#{user}")
}

/// That a user is in a group, seen from the user.
#[must_use]
pub fn group_of_user(application: &ApplicationId, user: UserId, group: GroupId) -> Key {
    Key::new(groups_of(application, user), group.to_string())
}

/// A provisioned group.
#[must_use]
pub fn group(application: &ApplicationId, id: GroupId) -> Key {
    Key::new(format!("SCIM#{application}#G#{id}"), "GROUP")
}

/// Partition of a group's members; see [`groups_of`].
#[must_use]
pub fn members(application: &ApplicationId, group: GroupId) -> String {
    format!("SCIM#MEMBERS#{application}#G#{group}")
}

/// That a user is in a group, seen from the group.
#[must_use]
pub fn member(application: &ApplicationId, group: GroupId, user: UserId) -> Key {
    Key::new(members(application, group), user.to_string())
}

/// A value that is unique in an application, and whose it is. Values come from outside and are bounded by the caller.
#[must_use]
pub fn unique(application: &ApplicationId, what: Unique, value: &str) -> Key {
    Key::new(format!("SCIM#{application}#{}#{value}", what.letters()), "KEY")
}

/// What is unique.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unique {
    /// A user's `userName`, in lower case.
    UserName,
    /// A user's `externalId`, exactly as sent; object ids in their one spelling, which is lower case.
    UserExternalId,
    /// A group's `displayName`, in lower case.
    GroupName,
    /// A group's `externalId`; see [`Unique::UserExternalId`].
    GroupExternalId,
}

impl Unique {
    const fn letters(self) -> &'static str {
        match self {
            Self::UserName => "UN",
            Self::UserExternalId => "UX",
            Self::GroupName => "GN",
            Self::GroupExternalId => "GX",
        }
    }
}

/// Partition of the users who have an e-mail address, given in lower case. Addresses come from outside and are bounded
/// by the caller; several users may have the same one.
#[must_use]
pub fn users_with_email(application: &ApplicationId, address: &str) -> String {
    format!("SCIM#{application}#UE#{address}")
}

/// That a user has an e-mail address.
#[must_use]
pub fn user_email(application: &ApplicationId, address: &str, user: UserId) -> Key {
    Key::new(users_with_email(application, address), user.to_string())
}

/// Partition of the users in whose attribute a mark was made of a value that may link accounts.
#[must_use]
pub fn users_with_mark(application: &ApplicationId, mark: Digest) -> String {
    format!("SCIM#{application}#UV#{mark}")
}

/// That a user has a value that may link accounts.
#[must_use]
pub fn user_mark(application: &ApplicationId, mark: Digest, user: UserId) -> Key {
    Key::new(users_with_mark(application, mark), user.to_string())
}

/// How accounts of an application are linked.
#[must_use]
pub fn link_settings(application: &ApplicationId) -> Key {
    Key::new(format!("LINK#{application}"), "SETTINGS")
}

/// That an account belongs to a person. (An object id has no `#`, so that no application's name leads elsewhere.)
#[must_use]
pub fn link(application: &ApplicationId, account: ObjectId) -> Key {
    Key::new(format!("LINK#{application}#{account}"), "LINK")
}

/// List partition of the accounts of an application that an admin has linked.
#[must_use]
pub fn links_list(application: &ApplicationId) -> String {
    format!("LINK#{application}#LIST")
}

/// Partition of the delegations for an entitlement.
#[must_use]
pub fn delegations(application: &ApplicationId, entitlement: EntitlementId) -> String {
    format!("DELEG#{application}#{entitlement}")
}

/// Whom an approver named as their delegate for an entitlement.
#[must_use]
pub fn delegation(application: &ApplicationId, entitlement: EntitlementId, principal: UserId) -> Key {
    Key::new(delegations(application, entitlement), principal.to_string())
}

/// List partition of the delegations that a user gave.
#[must_use]
pub fn delegations_by(user: UserId) -> String {
    format!("DELEG#BY#{user}")
}

/// List partition of the delegations that a user received.
#[must_use]
pub fn delegations_to(user: UserId) -> String {
    format!("DELEG#TO#{user}")
}

/// List partition of all delegations of an application.
#[must_use]
pub fn delegations_in(application: &ApplicationId) -> String {
    format!("DELEG#IN#{application}")
}

/// List partition of an application's users, and of its groups.
#[must_use]
pub fn users_list(application: &ApplicationId) -> String {
    format!("SCIM#{application}#USERS")
}

/// List partition of an application's groups.
#[must_use]
pub fn groups_list(application: &ApplicationId) -> String {
    format!("SCIM#{application}#GROUPS")
}

/// How many users of an application were switched off or deleted in ten minutes (`2026-11-22T01:2`).
#[must_use]
pub fn switched_off(application: &ApplicationId, ten_minutes: &str) -> Key {
    Key::new(format!("SCIM#{application}#OFF"), ten_minutes)
}

/// When an application's provisioning was last heard of.
#[must_use]
pub fn scim_seen(application: &ApplicationId) -> Key {
    Key::new(format!("SCIM#{application}#SEEN"), "SEEN")
}

/// Place of a request in its partition.
pub const REQUEST: &str = "REQUEST";
/// Place of the marker that it is for somebody else than who made it.
pub const REQUEST_FOR: &str = "FOR";

/// A request.
#[must_use]
pub fn request(id: RequestId) -> Key {
    Key::new(format!("REQ#{id}"), REQUEST)
}

/// Partition of a user's open requests.
#[must_use]
pub fn open_requests(user: UserId) -> String {
    format!("OPEN#{user}")
}

/// That a user has an open request for an entitlement.
#[must_use]
pub fn open_request(user: UserId, entitlement: EntitlementId) -> Key {
    Key::new(open_requests(user), entitlement.to_string())
}

/// That a user has an open request to extend a grant.
#[must_use]
pub fn open_extension(user: UserId, grant: GrantId) -> Key {
    Key::new(open_requests(user), format!("extends:{grant}"))
}

/// That a user has asked for somebody else.
#[must_use]
pub fn open_for(user: UserId, beneficiary: UserId, entitlement: EntitlementId) -> Key {
    Key::new(open_requests(user), format!("for:{beneficiary}:{entitlement}"))
}

/// That a user has asked for more time for somebody else.
#[must_use]
pub fn open_extension_for(user: UserId, beneficiary: UserId, grant: GrantId) -> Key {
    Key::new(open_requests(user), format!("for:{beneficiary}:extends:{grant}"))
}

/// That a request which somebody else made is for a user.
#[must_use]
pub fn request_for(id: RequestId) -> Key {
    Key::new(format!("REQ#{id}"), REQUEST_FOR)
}

/// Partition of the decisions on a request.
#[must_use]
pub fn decisions(request: RequestId) -> String {
    format!("DEC#{request}")
}

/// One person's decision on a request: the key makes a person decide once.
#[must_use]
pub fn decision(request: RequestId, person: PersonId) -> Key {
    Key::new(decisions(request), person.to_string())
}

/// A grant.
#[must_use]
pub fn grant(id: GrantId) -> Key {
    Key::new(format!("GRANT#{id}"), "GRANT")
}

/// Partition of a user's grants that have not ended.
#[must_use]
pub fn live_grants(user: UserId) -> String {
    format!("LIVE#{user}")
}

/// That a user has a grant that has not ended.
#[must_use]
pub fn live_grant(user: UserId, grant: GrantId) -> Key {
    Key::new(live_grants(user), grant.to_string())
}

/// Partition of the grants that have not ended and give membership of a directory group.
#[must_use]
pub fn live_in_group(application: &ApplicationId, group: ObjectId) -> String {
    format!("LIVE#GROUP#{application}#{group}")
}

/// That a grant that has not ended gives membership of a directory group.
#[must_use]
pub fn live_grant_in_group(application: &ApplicationId, group: ObjectId, grant: GrantId) -> Key {
    Key::new(live_in_group(application, group), grant.to_string())
}

/// Number of partitions of an application's live grants; more than one so that no single partition's write limit bounds
/// a burst.
pub const LIVE_SHARDS: u8 = 16;

/// One partition of the grants of an application that have not ended, in order of their entitlements.
#[must_use]
pub fn live_in_application(application: &ApplicationId, shard: u8) -> String {
    format!("LIVE#APP#{application}#{shard}")
}

/// Beginning of the entries of an entitlement's grants in a partition of [`live_in_application`].
#[must_use]
pub fn live_of_entitlement(entitlement: EntitlementId) -> String {
    format!("{entitlement}#")
}

/// That an application has a grant that has not ended.
#[must_use]
pub fn live_grant_in_application(application: &ApplicationId, entitlement: EntitlementId, grant: GrantId) -> Key {
    let digest = Digest::of(grant.to_string().as_bytes());
    let shard = digest.as_bytes().first().map_or(0, |byte| byte % LIVE_SHARDS);
    Key::new(
        live_in_application(application, shard),
        format!("{}{grant}", live_of_entitlement(entitlement)),
    )
}

/// The holds on a membership.
#[must_use]
pub fn holds(key: &MembershipKey) -> Key {
    Key::new(format!("HOLD#{}", key.key()), "HOLDS")
}

/// A membership.
#[must_use]
pub fn membership(key: &MembershipKey) -> Key {
    membership_called(&key.key())
}

/// A membership, by the text that [`MembershipKey::key`] gives.
#[must_use]
pub fn membership_called(text: &str) -> Key {
    Key::new(format!("MEMB#{text}"), "MEMBERSHIP")
}

/// An order to end a grant.
#[must_use]
pub fn end_order(grant: GrantId) -> Key {
    Key::new(format!("END#{grant}"), "ORDER")
}

/// Partition of the orders to end everything of a user.
#[must_use]
pub fn offboard_orders(application: &ApplicationId, user: UserId) -> String {
    format!("{OFFBOARD_PREFIX}{application}#{user}")
}

/// An order to end everything of a user. Each is an item of its own: one that is being carried out must not take a later
/// one with it when it is deleted.
#[must_use]
pub fn offboard_order(application: &ApplicationId, user: UserId, at: Timestamp) -> Key {
    Key::new(offboard_orders(application, user), at.to_string())
}

/// Partition prefix of orders to end everything of a user.
pub const OFFBOARD_PREFIX: &str = "END#USER#";

/// An order to end everything in a provisioned group that was deleted. A group is deleted once: its id never comes back.
#[must_use]
pub fn group_gone_order(application: &ApplicationId, group: GroupId) -> Key {
    Key::new(format!("{GROUP_GONE_PREFIX}{application}#{group}"), "ORDER")
}

/// Partition prefix of orders to end everything in a deleted group.
pub const GROUP_GONE_PREFIX: &str = "END#GROUP#";

/// An order to remove the memberships of a user or group that was deleted; given once, because ids never come back.
#[must_use]
pub fn memberships_gone_order(application: &ApplicationId, gone: Gone) -> Key {
    Key::new(format!("{MEMBERSHIPS_GONE_PREFIX}{application}#{gone}"), "ORDER")
}

/// Partition prefix of orders to remove memberships.
pub const MEMBERSHIPS_GONE_PREFIX: &str = "END#MEMBERS#";

/// An order of the kill switch.
#[must_use]
pub fn kill_order(application: &ApplicationId, id: KillId) -> Key {
    Key::new(format!("{KILL_PREFIX}{application}#{id}"), "ORDER")
}

/// Partition prefix of orders of the kill switch.
pub const KILL_PREFIX: &str = "END#KILL#";

/// What administrators sign to close a grant by hand.
#[must_use]
pub fn closing_by_hand(grant: GrantId) -> Key {
    Key::new(format!("HAND#{grant}"), "CLOSING")
}

/// Partition of the due-entries of a lane's shard.
#[must_use]
pub fn due_partition(lane: Lane, shard: u8) -> String {
    format!("DUE#{}#{shard}", lane.letter())
}

/// Who is sweeping, until when, and what failed last time.
#[must_use]
pub fn sweep_lease() -> Key {
    Key::new("SWEEP#", "LEASE")
}

/// How far the comparison with the scheduler is.
#[must_use]
pub fn comparison() -> Key {
    Key::new("SWEEP#", "COMPARISON")
}

/// How many writes a tenant takes at present.
#[must_use]
pub fn write_budget(tenant: TenantId) -> Key {
    Key::new(format!("BUDGET#{tenant}"), "BUCKET")
}

/// A due-entry.
#[must_use]
pub fn due(entry: &DueEntry) -> Key {
    Key::new(
        due_partition(entry.kind.lane(), entry.shard()),
        format!("{}#{}#{}", entry.at, entry.kind.name(), entry.id),
    )
}

/// The greatest sort key of a due-entry that is due at `now`.
#[must_use]
pub fn due_until(now: Timestamp) -> String {
    // '~' sorts after every character of kinds and ids.
    format!("{now}~")
}

/// Partition of an audit stream.
#[must_use]
pub fn audit_stream(stream: &StreamId) -> String {
    format!("AUD#{}", stream.as_str())
}

/// The head of an audit stream.
#[must_use]
pub fn audit_head(stream: &StreamId) -> Key {
    Key::new(audit_stream(stream), "HEAD")
}

/// Prefix of the events in an audit stream's partition.
pub const EVENTS: &str = "E#";
/// Prefix of what people wrote in an audit stream's partition.
pub const PERSONAL: &str = "P#";

/// An event of an audit stream.
#[must_use]
pub fn audit_event(stream: &StreamId, seq: u64) -> Key {
    Key::new(audit_stream(stream), format!("{EVENTS}{seq:020}"))
}

/// What people wrote, beside an event.
#[must_use]
pub fn audit_personal(stream: &StreamId, seq: u64) -> Key {
    Key::new(audit_stream(stream), format!("{PERSONAL}{seq:020}"))
}

/// A session of the console, by the SHA-256 of its cookie's secret.
#[must_use]
pub fn session(hash: &Digest) -> Key {
    Key::new(format!("SESSION#{hash}"), "SESSION")
}

/// Partition of the sessions of an account: of a provisioned user, or of an account that is not provisioned.
#[must_use]
pub fn sessions_of(account: &Account) -> String {
    match &account.user {
        Some((application, user)) => format!("SESSION#OF#{application}#{user}"),
        None => format!("SESSION#OF#{}#{}", account.tenant, account.object_id),
    }
}

/// That an account has a session.
#[must_use]
pub fn session_of(account: &Account, id: SessionId) -> Key {
    Key::new(sessions_of(account), id.to_string())
}

/// Which admins of an application have signed in. Under the prefix of sign-ins, which no other function can write or delete.
#[must_use]
pub fn admins_seen(application: &ApplicationId) -> Key {
    Key::new(format!("SIGNIN#ADMINS#{application}"), "SEEN")
}

/// Partition of an application's proposed changes, the oldest first.
#[must_use]
pub fn changes(application: &ApplicationId) -> String {
    format!("CHG#{application}")
}

/// A proposed change.
#[must_use]
pub fn change(application: &ApplicationId, id: ChangeId) -> Key {
    Key::new(changes(application), id.to_string())
}

/// List partition of the proposed changes that nobody has applied or withdrawn, the one that lapses first at the front.
#[must_use]
pub fn open_changes(application: &ApplicationId) -> String {
    format!("CHG#{application}#OPEN")
}

/// Partition of the signatures under a proposed change.
#[must_use]
pub fn change_signatures(application: &ApplicationId, id: ChangeId) -> String {
    format!("SIGN#{application}#{id}")
}

/// A signature under a proposed change: the key makes each place be signed once.
#[must_use]
pub fn change_signature(application: &ApplicationId, id: ChangeId, place: Place) -> Key {
    Key::new(change_signatures(application, id), place.name())
}

/// When a session was used last. Functions with pages may write it, and make no session by that.
#[must_use]
pub fn session_seen(hash: &Digest) -> Key {
    Key::new(format!("SEEN#{hash}"), "SEEN")
}

/// A sign-in under way, by the SHA-256 of its cookie's secret.
#[must_use]
pub fn sign_in(hash: &Digest) -> Key {
    Key::new(format!("SIGNIN#{hash}"), "SIGNIN")
}

/// The stored answer to a call with an `Idempotency-Key`.
#[must_use]
pub fn idempotency(function: &str, tenant: TenantId, caller: ObjectId, key: &Digest) -> Key {
    Key::new(format!("IDEM#{function}#{tenant}#{caller}#{key}"), "ANSWER")
}

/// How often a person did something of late. Each function has counters of its own.
#[must_use]
pub fn limit(function: &str, application: &ApplicationId, what: Counted, person: PersonId) -> Key {
    Key::new(
        format!("LIMIT#{function}#{application}#{}#{person}", what.name()),
        "COUNTER",
    )
}

/// A probe.
#[must_use]
pub fn probe(id: ProbeId) -> Key {
    Key::new(format!("PROBE#{id}"), "PROBE")
}

/// List partition of a user's requests.
#[must_use]
pub fn requests_of(user: UserId) -> String {
    format!("REQUESTS#{user}")
}

/// List partition of what was requested in an application in a month (`2026-11`).
#[must_use]
pub fn requests_in(application: &ApplicationId, month: &str) -> String {
    format!("HISTORY#{application}#{month}")
}

/// List partition of the requests of an application that wait for approvers.
#[must_use]
pub fn requests_waiting(application: &ApplicationId) -> String {
    format!("WAITING#{application}")
}
