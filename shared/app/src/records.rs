//! How the domain's types are stored: key, kind, schema version and places in lists of each.
//!
//! The stored body is the type's serde form. A change of shape that older code cannot read raises `SCHEMA` and adds an
//! upgrade here; items of an earlier schema stay readable for ever, because grants outlive deployments.

use hourglass_domain::Timestamp;
use hourglass_domain::application::{Application, AwsIntegration, AzureIntegration};
use hourglass_domain::audit;
use hourglass_domain::auth_context::AuthContext;
use hourglass_domain::budget::Bucket;
use hourglass_domain::by_hand::ClosingByHand;
use hourglass_domain::decision::Decision;
use hourglass_domain::delegate::Delegation;
use hourglass_domain::directory::{Gone, Group, User};
use hourglass_domain::drift::{DriftPolicy, DriftReport, ProtectedAccounts, StandingMember};
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::entitlement::{Entitlement, Template};
use hourglass_domain::grant::{EndOrder, Grant};
use hourglass_domain::ids::{
    ApplicationId, EntitlementId, GrantId, GroupId, ObjectId, ProbeId, RequestId, SessionId, TokenId, UserId,
};
use hourglass_domain::kill_switch::{KillOrder, Pause};
use hourglass_domain::limit::Counter;
use hourglass_domain::membership::{Holds, Membership};
use hourglass_domain::person::{Link, LinkSettings};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::seal::SealKey;
use hourglass_domain::session::{Account, Session};
use hourglass_domain::target::{Target, TargetFacts, TargetProblem};
use hourglass_domain::two_person::AdminsSeen;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

use crate::change::Change;
use crate::keys::{self, Unique};
use crate::ports::store::{Item, Key, List, Listed, StoreError};

/// A type that is stored as an item.
pub trait Record: Serialize + DeserializeOwned + Send + Sync {
    /// What it is, in the store and in audit events.
    const KIND: &'static str;
    /// The version of its shape.
    const SCHEMA: u32 = 1;
    /// The key that seals it, for what nobody may write past its owner. Such a record is written as
    /// [`crate::seals::Sealed`] only; read as it is, its seal is not looked at.
    const SEALED_WITH: Option<SealKey> = None;

    /// Where it lies.
    fn key(&self) -> Key;

    /// By which id audit events name it.
    fn audit_id(&self) -> String;

    /// Its places in lists.
    fn lists(&self) -> Vec<Listed> {
        Vec::new()
    }

    /// When it may be dropped.
    fn expires(&self) -> Option<Timestamp> {
        None
    }
}

/// A value read from the table, with its version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub version: u64,
}

/// The item that stores `record` with `version`.
///
/// # Errors
/// [`StoreError::Rejected`] when the record has no JSON form: a fault of our own code.
pub fn to_item<R: Record>(record: &R, version: u64) -> Result<Item, StoreError> {
    let body = match serde_json::to_value(record) {
        Ok(Value::Object(body)) => body,
        Ok(_) => return Err(StoreError::Rejected(format!("{} is not an object", R::KIND))),
        Err(error) => return Err(StoreError::Rejected(format!("{}: {error}", R::KIND))),
    };
    Ok(Item {
        key: record.key(),
        version,
        kind: R::KIND.to_owned(),
        schema: R::SCHEMA,
        body,
        lists: record.lists(),
        expires: record.expires(),
    })
}

/// The record in `item`.
///
/// # Errors
/// [`StoreError::Corrupt`] when the item is of another kind, of a newer schema, or has another shape.
pub fn from_item<R: Record>(item: Item) -> Result<Stored<R>, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt {
        key: format!("{}/{}", item.key.pk, item.key.sk),
        why,
    };
    if item.kind != R::KIND {
        return Err(corrupt(format!("is a {}, not a {}", item.kind, R::KIND)));
    }
    if item.schema > R::SCHEMA {
        return Err(corrupt(format!("has schema {}, newer than {}", item.schema, R::SCHEMA)));
    }
    let value = serde_json::from_value(Value::Object(item.body.clone())).map_err(|error| corrupt(error.to_string()))?;
    Ok(Stored {
        value,
        version: item.version,
    })
}

macro_rules! record {
    ($type:ty, $kind:literal, |$self_:ident| $key:expr, $id:expr $(, sealed with $seal:ident)?) => {
        impl Record for $type {
            const KIND: &'static str = $kind;
            $(const SEALED_WITH: Option<SealKey> = Some(SealKey::$seal);)?
            fn key(&self) -> Key {
                let $self_ = self;
                $key
            }
            fn audit_id(&self) -> String {
                let $self_ = self;
                $id.to_string()
            }
        }
    };
}

record!(Application, "application", |a| keys::application(&a.id), a.id);
record!(
    AzureIntegration,
    "azure_integration",
    |a| keys::azure(&a.application),
    a.application
);
record!(
    AwsIntegration,
    "aws_integration",
    |a| keys::aws(&a.application),
    a.application
);
record!(
    Entitlement,
    "entitlement",
    |e| keys::entitlement(&e.application, e.id),
    e.id,
    sealed with Policy
);
record!(
    Template,
    "template",
    |t| keys::template(&t.application),
    t.application,
    sealed with Policy
);
record!(AuthContext, "auth_context", |a| keys::auth_context(a.tenant), a.tenant);
record!(TargetFacts, "target_facts", |f| keys::facts(&f.target), f.target.key());
record!(
    DriftPolicy,
    "drift_policy",
    |d| keys::drift_policy(&d.application, d.entitlement),
    d.entitlement
);
record!(
    ProtectedAccounts,
    "protected_accounts",
    |p| keys::protected_accounts(&p.application),
    p.application
);
record!(
    StandingMember,
    "standing_member",
    |s| keys::standing(&s.target, s.account),
    format!("{}:{}", s.target.key(), s.account)
);
record!(
    DriftReport,
    "drift_report",
    |r| keys::drift_report(&r.target, r.entitlement),
    format!("{}:{}", r.entitlement, r.target.key())
);
record!(
    Decision,
    "decision",
    |d| keys::decision(d.request, d.approver.person),
    d.id,
    sealed with Decisions
);
record!(Holds, "holds", |h| keys::holds(&h.key), h.key.key());
record!(Membership, "membership", |m| keys::membership(&m.key), m.key.key());
record!(
    ClosingByHand,
    "closing_by_hand",
    |c| keys::closing_by_hand(c.grant),
    c.grant
);
record!(DueEntry, "due", |d| keys::due(d), format!("{}#{}", d.kind.name(), d.id));
record!(
    audit::Head,
    "audit_head",
    |h| keys::audit_head(&h.stream),
    h.stream.as_str()
);
record!(
    audit::Event,
    "audit_event",
    |e| keys::audit_event(&e.stream, e.seq),
    e.seq
);
record!(
    AdminsSeen,
    "admins_seen",
    |s| keys::admins_seen(&s.application),
    s.application
);
record!(TenantUse, "tenant_use", |t| keys::tenant(t.tenant), t.tenant);
record!(ScimToken, "scim_token", |t| keys::scim_token(t.hash), t.id);
record!(
    GroupUse,
    "group_use",
    |g| keys::group_use(&g.application, g.group),
    g.group
);
record!(
    OpenRequest,
    "open_request",
    |o| match (o.beneficiary, o.extends) {
        (None, None) => keys::open_request(o.user, o.entitlement),
        (None, Some(grant)) => keys::open_extension(o.user, grant),
        (Some(beneficiary), None) => keys::open_for(o.user, beneficiary, o.entitlement),
        (Some(beneficiary), Some(grant)) => keys::open_extension_for(o.user, beneficiary, grant),
    },
    o.request
);
record!(LiveGrant, "live_grant", |l| keys::live_grant(l.user, l.grant), l.grant);
record!(
    LiveInGroup,
    "live_in_group",
    |l| keys::live_grant_in_group(&l.application, l.group, l.grant),
    l.grant
);
record!(
    LiveInApplication,
    "live_in_application",
    |l| keys::live_grant_in_application(&l.application, l.entitlement, l.grant),
    l.grant
);
record!(
    CatalogueState,
    "catalogue_state",
    |c| keys::catalogue(&c.application),
    c.application
);
record!(Pause, "pause", |p| keys::pause(&p.application), p.application);
record!(
    GroupGoneOrder,
    "group_gone_order",
    |o| keys::group_gone_order(&o.application, o.group),
    o.group
);
record!(
    UniqueValue,
    "unique",
    |u| keys::unique(&u.application, u.what.into(), &u.value),
    u.owner
);
record!(
    UserEmail,
    "user_email",
    |e| keys::user_email(&e.application, &e.address, e.user),
    e.user
);
record!(
    UserMark,
    "user_mark",
    |m| keys::user_mark(&m.application, m.mark, m.user),
    m.user
);
record!(
    LinkSettings,
    "link_settings",
    |s| keys::link_settings(&s.application),
    s.application
);
record!(
    GroupMember,
    "group_member",
    |m| keys::member(&m.application, m.group, m.user),
    m.user
);
record!(
    UserGroup,
    "user_group",
    |m| keys::group_of_user(&m.application, m.user, m.group),
    m.group
);
record!(
    PersonalTexts,
    "audit_personal",
    |p| keys::audit_personal(&p.stream, p.seq),
    p.seq
);
record!(
    ScimSeen,
    "scim_seen",
    |s| keys::scim_seen(&s.application),
    s.application
);

impl Record for Counter {
    const KIND: &'static str = "limit";
    fn key(&self) -> Key {
        keys::limit(&self.function, &self.application, self.what, self.person)
    }
    fn audit_id(&self) -> String {
        self.person.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        let last = Timestamp::from_seconds(*self.at.last()?);
        Some(last.plus_seconds(self.what.longest()))
    }
}

record!(Bucket, "write_budget", |b| keys::write_budget(b.tenant), b.tenant);
record!(SweepLease, "sweep_lease", |_l| keys::sweep_lease(), "sweep");

record!(Comparison, "comparison", |_c| keys::comparison(), "comparison");

/// How far the hourly comparison with the scheduler is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// When it begins or goes on.
    pub next_at: Timestamp,
    /// Where it goes on.
    pub place: ComparisonPlace,
    /// Whether something could not be compared or mended since it began.
    pub failed: bool,
}

impl Comparison {
    /// One that begins at `next_at`.
    #[must_use]
    pub const fn begun_at(next_at: Timestamp) -> Self {
        Self {
            next_at,
            place: ComparisonPlace::Grants { shard: 0, after: None },
            failed: false,
        }
    }
}

/// A place in the comparison: first the grants that are live, then the schedules that exist.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum ComparisonPlace {
    /// In the promises to expire.
    Grants {
        /// Which shard.
        shard: u8,
        /// After which sort key.
        after: Option<String>,
    },
    /// In the scheduler's list.
    Schedules {
        /// After which part.
        after: Option<String>,
    },
}

/// Who is sweeping: one at a time is enough, two would only get into each other's way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SweepLease {
    /// Which run.
    pub holder: uuid::Uuid,
    /// Until when it is alone, unless it says that it lives on.
    pub until: Timestamp,
    /// Sort keys of the due-entries that failed when they were last taken: they wait for their turn behind the others,
    /// so that what always fails keeps nothing back.
    #[serde(default)]
    pub failing: BTreeSet<String>,
}

impl Record for User {
    const KIND: &'static str = "user";
    fn key(&self) -> Key {
        keys::user(&self.application, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn lists(&self) -> Vec<Listed> {
        vec![Listed {
            list: List::Owner,
            pk: keys::users_list(&self.application),
            sk: self.id.to_string(),
        }]
    }
}

impl Record for Link {
    const KIND: &'static str = "link";
    fn key(&self) -> Key {
        keys::link(&self.application, self.account)
    }
    fn audit_id(&self) -> String {
        self.account.to_string()
    }
    fn lists(&self) -> Vec<Listed> {
        vec![Listed {
            list: List::Owner,
            pk: keys::links_list(&self.application),
            sk: format!("{}#{}", self.person, self.account),
        }]
    }
}

impl Record for Group {
    const KIND: &'static str = "group";
    fn key(&self) -> Key {
        keys::group(&self.application, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn lists(&self) -> Vec<Listed> {
        vec![Listed {
            list: List::Owner,
            pk: keys::groups_list(&self.application),
            sk: self.id.to_string(),
        }]
    }
}

impl Record for Request {
    const KIND: &'static str = "request";
    fn key(&self) -> Key {
        keys::request(self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn lists(&self) -> Vec<Listed> {
        let sk = format!("{}#{}", self.created_at, self.id);
        let mut lists = vec![
            Listed {
                list: List::Owner,
                pk: keys::requests_of(self.requester.user),
                sk: sk.clone(),
            },
            Listed {
                list: List::Month,
                pk: keys::requests_in(&self.application, &self.created_at.month()),
                sk,
            },
        ];
        if self.status == RequestStatus::Pending {
            let sk = format!("{}#{}", self.lapses_at, self.id);
            lists.push(Listed {
                list: List::Waiting,
                pk: keys::requests_waiting(&self.application),
                sk,
            });
        }
        lists
    }
}

impl Record for Grant {
    const KIND: &'static str = "grant";
    fn key(&self) -> Key {
        keys::grant(self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
}

/// How long an order to end stays readable after it was given, in seconds.
const ORDER_SECONDS: i64 = 90 * 86_400;

impl Record for KillOrder {
    const KIND: &'static str = "kill_order";
    fn key(&self) -> Key {
        keys::kill_order(&self.application, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        // One that is not done is never dropped.
        self.progress.done_at.map(|at| at.plus_seconds(ORDER_SECONDS))
    }
}

/// How soon (seconds) the sweep looks whether an order of the kill switch was carried out.
const KILL_STALLED_SECONDS: i64 = 5;

/// The promise that an order of the kill switch is carried out even when the stream's record is lost.
#[must_use]
pub fn kill_promise(order: &KillOrder) -> DueEntry {
    let at = order.at.plus_seconds(KILL_STALLED_SECONDS);
    DueEntry::new(at, DueKind::Kill, format!("{}/{}", order.application, order.id))
}

impl Record for EndOrder {
    const KIND: &'static str = "end_order";
    fn key(&self) -> Key {
        keys::end_order(self.grant)
    }
    fn audit_id(&self) -> String {
        self.grant.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.at.plus_seconds(ORDER_SECONDS))
    }
}

/// Which application a tenant belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TenantUse {
    /// The tenant.
    pub tenant: hourglass_domain::ids::TenantId,
    /// Its application.
    pub application: ApplicationId,
}

/// Which application a SCIM secret belongs to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScimToken {
    /// The secret's id.
    pub id: TokenId,
    /// SHA-256 of the secret.
    pub hash: hourglass_domain::canonical::Digest,
    /// Its application.
    pub application: ApplicationId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a directory group is used for: a group that feeds approvers or eligibility can be no target (no loops).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupUse {
    /// The application.
    pub application: ApplicationId,
    /// The group's object id.
    pub group: ObjectId,
    /// Entitlements of which it is a target.
    pub target_of: BTreeSet<EntitlementId>,
    /// Entitlements whose approvers or eligible people it feeds; the nil id stands for the template.
    pub source_of: BTreeSet<EntitlementId>,
}

/// That a user has an open request for an entitlement, or to extend a grant. The beneficiary has one, which makes it the
/// only one of its kind; so has the requester, where that is another account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Whose.
    pub user: UserId,
    /// Who made it, where that is not the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<UserId>,
    /// For whom it is, where that is not the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beneficiary: Option<UserId>,
    /// For what.
    pub entitlement: EntitlementId,
    /// The grant that it would extend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<GrantId>,
    /// Which.
    pub request: RequestId,
}

impl OpenRequest {
    /// The markers of a pending request.
    #[must_use]
    pub fn of(request: &Request) -> Vec<Self> {
        let (requester, beneficiary) = (request.requester.user, request.beneficiary.user);
        let marker = |user| Self {
            user,
            requester: None,
            beneficiary: None,
            entitlement: request.entitlement,
            extends: request.kind.extends(),
            request: request.id,
        };
        if requester == beneficiary {
            return vec![marker(beneficiary)];
        }
        let own = Self {
            requester: Some(requester),
            ..marker(beneficiary)
        };
        let others = Self {
            beneficiary: Some(beneficiary),
            ..marker(requester)
        };
        vec![own, others]
    }

    /// `change` without the markers of a request.
    #[must_use]
    pub fn gone(request: &Request, change: Change) -> Change {
        let markers = Self::of(request).into_iter();
        markers.fold(change, |change, marker| change.delete_any(marker.key()))
    }
}

/// That a request which somebody else made is for a user: how they find it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RequestFor {
    /// Which.
    pub request: RequestId,
    /// For whom.
    pub user: UserId,
    /// When it was made.
    pub created_at: Timestamp,
}

impl RequestFor {
    /// Of a request that somebody else made.
    #[must_use]
    pub fn of(request: &Request) -> Option<Self> {
        (request.requester.user != request.beneficiary.user).then_some(Self {
            request: request.id,
            user: request.beneficiary.user,
            created_at: request.created_at,
        })
    }
}

impl Record for RequestFor {
    const KIND: &'static str = "request_for";
    fn key(&self) -> Key {
        keys::request_for(self.request)
    }
    fn audit_id(&self) -> String {
        self.request.to_string()
    }
    fn lists(&self) -> Vec<Listed> {
        vec![Listed {
            list: List::Owner,
            pk: keys::requests_of(self.user),
            sk: format!("{}#{}", self.created_at, self.request),
        }]
    }
}

/// How long (seconds) a delegation that is over stays readable.
const DELEGATION_SECONDS: i64 = 90 * 86_400;

impl Record for Delegation {
    const KIND: &'static str = "delegation";
    fn key(&self) -> Key {
        keys::delegation(&self.application, self.entitlement, self.principal.user)
    }
    fn audit_id(&self) -> String {
        format!("{}:{}", self.entitlement, self.principal.user)
    }
    fn lists(&self) -> Vec<Listed> {
        let sk = format!("{}#{}", self.entitlement, self.principal.user);
        let place = |list, pk| Listed {
            list,
            pk,
            sk: sk.clone(),
        };
        vec![
            place(List::Owner, keys::delegations_by(self.principal.user)),
            place(List::Waiting, keys::delegations_to(self.delegate.user)),
            place(List::Month, keys::delegations_in(&self.application)),
        ]
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.until.plus_seconds(DELEGATION_SECONDS))
    }
}

/// That a user has a grant that has not ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LiveGrant {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub grant: GrantId,
    /// For what.
    pub entitlement: EntitlementId,
}

/// That a grant that has not ended gives membership of a directory group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LiveInGroup {
    /// The application.
    pub application: ApplicationId,
    /// The group's object id.
    pub group: ObjectId,
    /// The provisioned group on which the decision rested. One that is deleted and provisioned again has another id, so
    /// that the end of the first does not touch what was granted under the second.
    pub provisioned: GroupId,
    /// The grant.
    pub grant: GrantId,
}

/// That an application has a grant that has not ended: how the kill switch finds it. Ids lie in the key as well, so that
/// one whose content cannot be read is found all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LiveInApplication {
    /// The application.
    pub application: ApplicationId,
    /// For what.
    pub entitlement: EntitlementId,
    /// The grant.
    pub grant: GrantId,
    /// From when it gives access.
    pub starts_at: Timestamp,
}

/// Which state an application's entitlements are in. Whoever changes one of them writes a new one in the same transaction
/// ([`Change::put_any`]), so that a list of them that is kept somewhere is known to be old.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatalogueState {
    /// The application.
    pub application: ApplicationId,
    /// A random number.
    pub state: uuid::Uuid,
}

/// That the removal of a grant's access is overdue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OverdueRemoval {
    /// The application.
    pub application: ApplicationId,
    /// The grant.
    pub grant: GrantId,
    /// Since when the access should be gone.
    pub since: Timestamp,
}

record!(
    OverdueRemoval,
    "overdue_removal",
    |o| keys::overdue_removal(&o.application, o.since, o.grant),
    o.grant
);

/// A value that is unique in an application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UniqueValue {
    /// The application.
    pub application: ApplicationId,
    /// What is unique.
    pub what: UniqueKind,
    /// The value, in the spelling that is compared.
    pub value: String,
    /// The id of the user or group that has it.
    pub owner: String,
}

/// The serialised name of [`Unique`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniqueKind {
    /// See [`Unique::UserName`].
    UserName,
    /// See [`Unique::UserExternalId`].
    UserExternalId,
    /// See [`Unique::GroupName`].
    GroupName,
    /// See [`Unique::GroupExternalId`].
    GroupExternalId,
}

impl From<UniqueKind> for Unique {
    fn from(kind: UniqueKind) -> Self {
        match kind {
            UniqueKind::UserName => Self::UserName,
            UniqueKind::UserExternalId => Self::UserExternalId,
            UniqueKind::GroupName => Self::GroupName,
            UniqueKind::GroupExternalId => Self::GroupExternalId,
        }
    }
}

/// That a user has an e-mail address, of whatever type.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserEmail {
    /// The application.
    pub application: ApplicationId,
    /// The address, in the spelling that is compared.
    pub address: String,
    /// Whose it is.
    pub user: UserId,
}

/// That a user has a value in an attribute that may link accounts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserMark {
    /// The application.
    pub application: ApplicationId,
    /// The mark of attribute and value.
    pub mark: hourglass_domain::canonical::Digest,
    /// Who has it.
    pub user: UserId,
}

/// That a user is in a group, seen from the group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupMember {
    /// The application.
    pub application: ApplicationId,
    /// The group.
    pub group: GroupId,
    /// The member.
    pub user: UserId,
}

/// That a user is in a group, seen from the user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserGroup {
    /// The application.
    pub application: ApplicationId,
    /// The member.
    pub user: UserId,
    /// The group.
    pub group: GroupId,
}

/// What people wrote, beside an audit event; can be erased without breaking the chain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonalTexts {
    /// The event's stream.
    pub stream: audit::StreamId,
    /// The event's number.
    pub seq: u64,
    /// The texts and their salt.
    pub personal: audit::Personal,
}

/// When an application's provisioning was last heard of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ScimSeen {
    /// The application.
    pub application: ApplicationId,
    /// When.
    pub at: Timestamp,
}

/// How many users of an application were switched off or deleted in ten minutes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SwitchedOff {
    /// The application.
    pub application: ApplicationId,
    /// The ten minutes, as [`Timestamp::ten_minutes`] writes them.
    #[serde(alias = "hour")]
    pub ten_minutes: String,
    /// When the first of them was.
    pub at: Timestamp,
    /// How many users there were then; counted no further than it matters.
    pub users: u64,
    /// How many were switched off or deleted.
    pub count: u64,
    /// Whether that, with what came before it within the hour, was alarming and was told.
    pub alarmed: bool,
}

/// How long (seconds) a count stays readable.
const SWITCHED_OFF_SECONDS: i64 = 7 * 86_400;

impl Record for SwitchedOff {
    const KIND: &'static str = "switched_off";
    fn key(&self) -> Key {
        keys::switched_off(&self.application, &self.ten_minutes)
    }
    fn audit_id(&self) -> String {
        self.application.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.at.plus_seconds(SWITCHED_OFF_SECONDS))
    }
}

/// An order to end everything of a user who was switched off or deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OffboardOrder {
    /// The application.
    pub application: ApplicationId,
    /// The user.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
}

record!(
    OffboardOrder,
    "offboard_order",
    |o| keys::offboard_order(&o.application, o.user, o.at),
    o.user
);

/// How soon (seconds) the sweep looks whether an order to end everything of a user or a group was carried out.
const OFFBOARD_STALLED_SECONDS: i64 = 10;

impl OffboardOrder {
    /// The promise that it is carried out even when the stream's record is lost.
    #[must_use]
    pub fn promise(&self) -> DueEntry {
        let at = self.at.plus_seconds(OFFBOARD_STALLED_SECONDS);
        DueEntry::new(at, DueKind::Offboard, format!("{}/{}", self.application, self.user))
    }
}

/// An order to end everything in a provisioned group that was deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupGoneOrder {
    /// The application.
    pub application: ApplicationId,
    /// The group that was deleted.
    pub group: GroupId,
    /// Its object id; without one it is nobody's target.
    pub object_id: Option<ObjectId>,
    /// When.
    pub at: Timestamp,
}

impl GroupGoneOrder {
    /// The promise that it is carried out even when the stream's record is lost.
    #[must_use]
    pub fn promise(&self) -> DueEntry {
        let at = self.at.plus_seconds(OFFBOARD_STALLED_SECONDS);
        DueEntry::new(at, DueKind::GroupGone, format!("{}/{}", self.application, self.group))
    }
}

/// An order to remove the memberships of a user or group that was deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipsGoneOrder {
    /// The application.
    pub application: ApplicationId,
    /// What was deleted.
    pub gone: Gone,
    /// When.
    pub at: Timestamp,
}

record!(
    MembershipsGoneOrder,
    "memberships_gone_order",
    |o| keys::memberships_gone_order(&o.application, o.gone),
    o.gone
);

impl MembershipsGoneOrder {
    /// The promise that it is carried out even when the stream's record is lost.
    #[must_use]
    pub fn promise(&self) -> DueEntry {
        let at = self.at.plus_seconds(OFFBOARD_STALLED_SECONDS);
        DueEntry::new(at, DueKind::Memberships, format!("{}/{}", self.application, self.gone))
    }
}

/// A question that an admin stores and provisioning answers, so that admin needs no credentials.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Our id.
    pub id: ProbeId,
    /// The application.
    pub application: ApplicationId,
    /// What is asked.
    pub question: ProbeQuestion,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The answer, once there is one.
    pub answer: Option<ProbeAnswer>,
}

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProbeQuestion {
    /// Do the Azure credentials work?
    TestAzure,
    /// Does the AWS access token work?
    TestAws,
    /// What kind of groups are these targets?
    Preflight {
        /// At most [`hourglass_domain::entitlement::MOST_TARGETS`].
        targets: Vec<hourglass_domain::target::Target>,
    },
}

/// Something that a probe found. What it says in English is its `Display`; pages have a message for each
/// [`Finding::code`]. A `why` is what the outside said, and stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum Finding {
    /// The credentials do not work.
    #[error("{why}")]
    Failed {
        /// What was said.
        why: String,
    },
    /// The credentials work.
    #[error("Microsoft Graph accepts the credentials.")]
    Works {},
    /// The directory may be asked about people.
    #[error("Approvers and beneficiaries are confirmed with the directory before anybody is added.")]
    PeopleConfirmed {},
    /// It may not.
    #[error(
        "Approvers and beneficiaries cannot be confirmed with the directory, so that what was provisioned decides alone: {why}"
    )]
    PeopleNotConfirmed {
        /// What was said.
        why: String,
    },
    /// It did not say.
    #[error("Whether approvers and beneficiaries can be confirmed is not known: {why}")]
    PeopleUnknown {
        /// What was said.
        why: String,
    },
    /// A policy demands a second factor.
    #[error("A Conditional Access policy stands behind the authentication context {context}.")]
    ContextHolds {
        /// The authentication context.
        context: String,
    },
    /// None does.
    #[error(
        "No enabled Conditional Access policy demands a second factor of all users for the authentication context {context}: \
         step-ups of v2 tokens do not count."
    )]
    ContextUnprotected {
        /// The authentication context.
        context: String,
    },
    /// Policies may not be read.
    #[error(
        "The connector may not read Conditional Access policies (Policy.Read.All), so that step-ups of v2 tokens with the \
         authentication context {context} do not count."
    )]
    ContextNotPermitted {
        /// The authentication context.
        context: String,
    },
    /// It was not said.
    #[error("What stands behind the authentication context is not known: {why}")]
    ContextUnknown {
        /// What was said.
        why: String,
    },
    /// IAM Identity Center takes the access token.
    #[error("IAM Identity Center accepts the access token.")]
    AwsWorks {},
    /// What this version does with it.
    #[error("This version writes no memberships to AWS yet.")]
    AwsNotWritten {},
    /// There is no AWS integration.
    #[error("No AWS integration is entered.")]
    AwsNone {},
    /// No token was entered for the url.
    #[error("No access token is stored for this url: enter it.")]
    AwsNoToken {},
    /// The endpoint does not take the token. It says the same where the tenant id is wrong.
    #[error(
        "The endpoint refuses the access token ({status}): it is mistyped, has ended, was deleted in IAM Identity Center, or \
         belongs to another url. Compare the url, or generate a new token there and enter it."
    )]
    AwsRefused {
        /// 401 or 403.
        status: u16,
    },
    /// What answers is no SCIM endpoint of Identity Center.
    #[error(
        "What answers at this url is no SCIM endpoint of IAM Identity Center ({why}): copy the url again from its settings."
    )]
    AwsStrange {
        /// What was found.
        why: String,
    },
    /// Nothing answers, or not now.
    #[error("The endpoint cannot be reached ({why}). Test again in a few minutes.")]
    AwsUnreachable {
        /// What was found.
        why: String,
    },
    /// A target can be managed.
    #[error("{target}: can be managed")]
    TargetGood {
        /// The target.
        target: Target,
    },
    /// A target cannot.
    #[error("{target}: {problem}")]
    TargetBad {
        /// The target.
        target: Target,
        /// Why.
        problem: TargetProblem,
    },
    /// What a target is was not said.
    #[error("{target}: {why}")]
    TargetUnknown {
        /// The target.
        target: Target,
        /// What was said.
        why: String,
    },
}

/// What provisioning found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProbeAnswer {
    /// Whether all went well.
    pub ok: bool,
    /// What it found, in the order in which it is told.
    pub findings: Vec<Finding>,
    /// When.
    pub at: Timestamp,
}

impl ProbeAnswer {
    /// What was found, in English, a line for each finding.
    #[must_use]
    pub fn detail(&self) -> String {
        self.findings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// How long a probe stays readable, in seconds.
const PROBE_SECONDS: i64 = 7 * 86_400;

impl Record for Probe {
    const KIND: &'static str = "probe";
    fn key(&self) -> Key {
        keys::probe(self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.asked_at.plus_seconds(PROBE_SECONDS))
    }
}

impl Record for Session {
    const KIND: &'static str = "session";
    fn key(&self) -> Key {
        keys::session(&self.hash)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.ends_at())
    }
}

/// That an account has a session: how a person's sessions are found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionOf {
    /// Whose.
    pub account: Account,
    /// Which.
    pub id: SessionId,
    /// By what it is read.
    pub hash: hourglass_domain::canonical::Digest,
    /// Until when it can count at the most.
    pub ends_at: Timestamp,
}

impl SessionOf {
    /// The marker of a session.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            account: session.account.clone(),
            id: session.id,
            hash: session.hash,
            ends_at: session.ends_at(),
        }
    }
}

impl Record for SessionOf {
    const KIND: &'static str = "session_of";
    fn key(&self) -> Key {
        keys::session_of(&self.account, self.id)
    }
    fn audit_id(&self) -> String {
        self.id.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.ends_at)
    }
}

/// When a session was used last. Not state: it only ever makes a session last as long as it would anyway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionSeen {
    /// Which session.
    pub hash: hourglass_domain::canonical::Digest,
    /// When.
    pub at: Timestamp,
}

impl Record for SessionSeen {
    const KIND: &'static str = "session_seen";
    fn key(&self) -> Key {
        keys::session_seen(&self.hash)
    }
    fn audit_id(&self) -> String {
        self.hash.to_string()
    }
    fn expires(&self) -> Option<Timestamp> {
        Some(self.at.plus_seconds(hourglass_domain::session::IDLE_SECONDS))
    }
}
