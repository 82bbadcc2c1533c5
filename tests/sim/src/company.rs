//! The company in which every history happens: three people who ask, one who decides, an admin, and two entitlements
//! over three groups, of which they share one.

use hourglass_app::caller::{Who, identify};
use hourglass_app::change::Change;
use hourglass_app::ports::Core;
use hourglass_app::ports::tokens::Caller;
use hourglass_app::records::{GroupMember, Record, TenantUse, UniqueKind, UniqueValue, UserGroup};
use hourglass_app::scim::{self, Scim};
use hourglass_app::seals::seal;
use hourglass_app::{AppError, Result as AppResult};
use hourglass_domain::Timestamp;
use hourglass_domain::application::{Application, AzureIntegration};
use hourglass_domain::decision::FactorClaims;
use hourglass_domain::directory::{Group, User};
use hourglass_domain::entitlement::{Entitlement, Template};
use hourglass_domain::ids::{ApplicationId, EntitlementId, GroupId, ObjectId, TenantId, TokenId, UserId};
use hourglass_domain::roles::{Role, Scope};
use hourglass_domain::target::{Target, TargetFacts};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// The application.
pub(crate) const APPLICATION: &str = "contoso.example";
/// The connector's client id.
pub(crate) const CONNECTOR: &str = "c0000000-0000-4000-8000-000000000001";
/// The SCIM endpoint of IAM Identity Center that comes and goes.
pub(crate) const SCIM: &str = "https://scim.eu-central-1.amazonaws.com/made-up/scim/v2/";
/// How many people ask for access.
pub(crate) const REQUESTERS: u64 = 3;
/// The one who decides.
pub(crate) const APPROVER: u64 = 10;
/// The admin, who is not provisioned.
pub(crate) const ADMIN: u64 = 20;
/// How many groups there are.
pub(crate) const GROUPS: u64 = 3;
/// The group of those who decide; nobody can ask for it.
pub(crate) const APPROVERS: u64 = 5;
/// How many entitlements there are; the n-th is over the groups n and n + 1.
pub(crate) const ENTITLEMENTS: u64 = 2;
/// Who was in which group before anything was granted: a requester in the shared group, and somebody who never asks.
pub(crate) const STANDING: [(u64, u64); 3] = [(1, 1), (0, 30), (2, 30)];

/// An id that is the same in every history.
fn id(kind: u64, n: u64) -> Uuid {
    Uuid::from_u64_pair((kind << 32) | 0x4000, 0x8000_0000_0000_0000 | n)
}

/// The tenant.
pub(crate) fn tenant() -> TenantId {
    TenantId::new(id(1, 1))
}

/// A person's account in the directory.
pub(crate) fn account(person: u64) -> ObjectId {
    ObjectId::new(id(2, person))
}

/// Everybody who has an account.
pub(crate) fn people() -> impl Iterator<Item = u64> {
    (0..REQUESTERS).chain([APPROVER, ADMIN])
}

/// A group in the directory.
pub(crate) fn group(n: u64) -> ObjectId {
    ObjectId::new(id(3, n))
}

/// A provisioned user.
pub(crate) fn user(person: u64) -> UserId {
    UserId::new(id(4, person))
}

/// An entitlement.
pub(crate) fn entitlement(n: u64) -> EntitlementId {
    EntitlementId::new(id(6, n))
}

/// A group as a target.
pub(crate) fn target(n: u64) -> Target {
    Target::Entra {
        cloud: hourglass_domain::target::Cloud::Global,
        tenant: tenant(),
        group: group(n),
    }
}

/// The application's id.
///
/// # Errors
/// Never: the name is a good one.
pub(crate) fn application() -> anyhow::Result<ApplicationId> {
    Ok(APPLICATION.parse()?)
}

/// Records are described as they are stored, so that a field that is added later takes its default.
fn record<R: DeserializeOwned>(body: Value) -> anyhow::Result<R> {
    Ok(serde_json::from_value(body)?)
}

fn unique(what: UniqueKind, value: String, owner: impl ToString) -> anyhow::Result<UniqueValue> {
    Ok(UniqueValue {
        application: application()?,
        what,
        value,
        owner: owner.to_string(),
    })
}

/// Stores the company.
///
/// # Errors
/// When the table does not take it.
pub(crate) async fn seed(core: &Core) -> anyhow::Result<()> {
    let now = core.clock.now();
    let mut change = Change::new();
    change = with(
        change,
        &record::<Application>(json!({
            "id": APPLICATION, "name": "Contoso", "tenant": tenant(), "cloud": "global", "created_at": now,
            "scim_tokens": [],
        }))?,
    )?;
    change = with(
        change,
        &TenantUse {
            tenant: tenant(),
            application: application()?,
        },
    )?;
    let mut template = Template::new(application()?);
    let durations = ["1m", "2m", "3m", "5m", "1h"].map(str::parse);
    template.durations = durations.into_iter().collect::<Result<_, _>>()?;
    template.default_approvers.groups.insert(GroupId::new(id(5, APPROVERS)));
    // The shortest time to live there is: the request that nobody decides lapses within the history.
    template.request_ttl_seconds = 300;
    change = with(change, &seal(&*core.seals, template).await?)?;
    change = with(
        change,
        &record::<AzureIntegration>(json!({
            "application": APPLICATION, "tenant": tenant(), "client_id": CONNECTOR, "secret_expires_at": null,
            "updated_at": now,
        }))?,
    )?;
    for n in (0..GROUPS).chain([APPROVERS]) {
        change = seed_group(change, n, now)?;
    }
    let (group, user_id) = (GroupId::new(id(5, APPROVERS)), user(APPROVER));
    change = with(
        change,
        &GroupMember {
            application: application()?,
            group,
            user: user_id,
        },
    )?;
    change = with(
        change,
        &UserGroup {
            application: application()?,
            user: user_id,
            group,
        },
    )?;
    for person in (0..REQUESTERS).chain([APPROVER]) {
        change = seed_user(change, person, now)?;
    }
    for n in 0..ENTITLEMENTS {
        let entitlement = record::<Entitlement>(json!({
                "id": entitlement(n), "application": APPLICATION, "name": format!("Operators {n}"), "description": "",
                "targets": [target(n), target(n + 1)], "enabled": true, "approval": "required", "quorum": 1,
                "approvers": null, "eligible": {"who": "everyone"}, "durations": null, "justification_min": 0,
                "ticket": {"required": false}, "critical": false, "factor": "passkey_or_step_up", "exact_expiry": n == 0, "created_at": now,
        }))?;
        change = with(change, &seal(&*core.seals, entitlement).await?)?;
    }
    let stored = change.commit(&*core.store).await;
    stored.map_err(|error| anyhow::anyhow!("the company cannot be stored: {error:?}"))
}

fn with<R: Record>(change: Change, record: &R) -> anyhow::Result<Change> {
    Ok(change.create(record)?)
}

fn seed_group(change: Change, n: u64, now: Timestamp) -> anyhow::Result<Change> {
    let own = id(5, n);
    let change = with(
        change,
        &record::<Group>(json!({
            "id": own, "application": APPLICATION, "external_id": group(n).to_string(),
            "display_name": format!("group {n}"), "attributes": {}, "created_at": now, "modified_at": now,
        }))?,
    )?;
    let change = with(change, &unique(UniqueKind::GroupExternalId, group(n).to_string(), own)?)?;
    let change = with(change, &unique(UniqueKind::GroupName, format!("group {n}"), own)?)?;
    with(
        change,
        &record::<TargetFacts>(json!({
            "target": target(n), "display_name": null, "problem": null, "role_assignable": false, "checked_at": now,
        }))?,
    )
}

fn seed_user(change: Change, person: u64, now: Timestamp) -> anyhow::Result<Change> {
    let name = format!("person{person}@contoso.example");
    let change = with(
        change,
        &record::<User>(json!({
            "id": user(person), "application": APPLICATION, "person": user(person),
            "external_id": account(person).to_string(), "user_name": name, "display_name": null, "active": true,
            "attributes": {}, "created_at": now, "modified_at": now,
        }))?,
    )?;
    let change = with(
        change,
        &unique(UniqueKind::UserExternalId, account(person).to_string(), user(person))?,
    )?;
    with(change, &unique(UniqueKind::UserName, name, user(person))?)
}

/// Somebody who calls, with every role and scope that they could have and a second factor a moment ago.
///
/// # Errors
/// When the account is switched off, or the table does not answer.
pub(crate) async fn signed_in(core: &Core, person: u64) -> AppResult<Who> {
    let roles = match person {
        ADMIN => [Role::Admin, Role::Auditor],
        APPROVER => [Role::Approver, Role::Requester],
        _ => [Role::Requester, Role::Requester],
    };
    let caller = Caller {
        tenant: tenant(),
        object_id: account(person),
        roles: roles.into(),
        scopes: [Scope::RequestsReadWrite, Scope::DecisionsWrite, Scope::AdminReadWrite].into(),
        client: "simulation".to_owned(),
        factor: FactorClaims {
            auth_time: Some(core.clock.now()),
            amr_mfa: true,
            acrs_context: false,
            token_id: None,
        },
    };
    identify(core, caller).await
}

/// Switches a user on or off, as Entra's provisioning does.
///
/// # Errors
/// When the table does not answer.
pub(crate) async fn switch(core: &Core, person: u64, active: bool) -> AppResult<()> {
    let caller = scim::Caller {
        application: APPLICATION
            .parse()
            .map_err(|_| AppError::from(hourglass_domain::Refusal::NotProvisioned))?,
        token: TokenId::new(id(7, 1)),
    };
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "active", "value": active}],
    });
    let Value::Object(body) = body else { return Ok(()) };
    let patched = Scim::new(core.clone(), caller)
        .patch_user(&user(person).to_string(), body, None)
        .await;
    // Entra repeats whatever did not work.
    patched
        .map(drop)
        .map_err(|error| hourglass_app::ports::store::StoreError::Unavailable(format!("SCIM: {error}")).into())
}
