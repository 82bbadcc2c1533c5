//! Many grants that end at the same moment.
//!
//! They are copies of real ones that were asked for and approved through the API, under other ids and for other accounts,
//! written as the functions write them and with all their evidence, so that they verify like any other. Each has its
//! schedule, its due-entry, its hold, its membership and its account, which is a true member in the simulated tenant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use hourglass_app::change::{read, read_page};
use hourglass_app::keys;
use hourglass_app::ports::seals::Seals;
use hourglass_app::ports::store::{Condition, MOST_WRITES, Query, Store, Write};
use hourglass_app::records::{LiveGrant, LiveInGroup, Record, to_item};
use hourglass_app::seals::seal;
use hourglass_boot::Services;
use hourglass_domain::Timestamp;
use hourglass_domain::decision::Decision;
use hourglass_domain::directory::Party;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::{Grant, GrantStatus, ScheduleName};
use hourglass_domain::ids::{DecisionId, GrantId, ObjectId, PersonId, RequestId, UserId};
use hourglass_domain::membership::{Hold, Holds, Membership, MembershipKey};
use hourglass_domain::request::Request;
use hourglass_domain::target::Target;
use hourglass_local::entra::{Tenant, User};
use hourglass_local::sim;
use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{PATIENCE, Person, Running};

/// How long the real grants last; the copies end sooner.
pub const REAL: &str = "30m";
/// How many writes and schedules are under way at a time.
const AT_A_TIME: usize = 8;
/// Items of one grant.
const ITEMS: usize = 8;
/// Users that the tenant takes in one transaction.
const USERS_AT_ONCE: usize = 1_000;

/// A burst that is to come.
#[derive(Clone, Debug)]
pub struct Burst {
    /// The grants.
    pub grants: Vec<GrantId>,
    /// Groups and accounts.
    pub members: BTreeSet<(Uuid, Uuid)>,
}

/// Everything that is stored about a real grant.
#[derive(Clone, Debug)]
struct Pattern {
    request: Request,
    decisions: Vec<Decision>,
    grant: Grant,
    holds: Holds,
    membership: Membership,
    in_group: LiveInGroup,
}

/// Asks for each of these entitlements, has it approved, and waits until it is active; answers the grants' ids.
///
/// # Errors
/// When one is refused or does not become active.
pub async fn real(running: &Running, who: &Person, entitlements: &[String]) -> anyhow::Result<Vec<String>> {
    let mut grants = Vec::new();
    for entitlement in entitlements {
        let (_, grant) = running.granted(who, entitlement, REAL).await?;
        grants.push(grant);
    }
    for grant in &grants {
        running
            .grant_until(who, grant, |grant| {
                grant.get("status").is_some_and(|status| status == "active")
            })
            .await?;
    }
    Ok(grants)
}

/// An admin looks at what would end and presses the kill switch.
///
/// # Errors
/// When the press is refused.
pub async fn press(running: &Running, scope: &Value) -> anyhow::Result<Value> {
    let admin = running.admin().await?;
    let preview = running
        .post(&admin, "/v1/admin/kill-switch/preview", scope)
        .await?
        .ok()?;
    let mut body = scope.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.insert("reason".to_owned(), "an intruder was seen".into());
        let confirmation = preview.get("confirmation").cloned().unwrap_or_default();
        fields.insert("confirmation".to_owned(), confirmation);
    }
    running.post(&admin, "/v1/admin/kill-switch", &body).await?.ok()
}

/// The entitlements over these groups, by their names, in their order.
///
/// # Errors
/// When one is missing.
pub async fn entitlements(running: &Running, groups: &[&str]) -> anyhow::Result<Vec<String>> {
    let path = "/v1/admin/entitlements?limit=100";
    let list = running.get(&running.admin().await?, path).await?.ok()?;
    let list = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |group: &&str| {
        list.iter()
            .find(|entitlement| entitlement.get("name").is_some_and(|name| name == *group))
            .and_then(|entitlement| entitlement.get("id")?.as_str().map(str::to_owned))
            .with_context(|| format!("no entitlement for {group}"))
    };
    groups.iter().map(of).collect()
}

/// Makes `count` copies of the real grants, by turns, that end at `ends`; only the first `schedules` of them have theirs,
/// as if the others' had been lost.
///
/// # Errors
/// When something cannot be read or written.
pub async fn seed(
    tenant: &Tenant,
    services: &Services,
    real: &[String],
    (count, schedules): (usize, usize),
    ends: Timestamp,
) -> anyhow::Result<Burst> {
    let store = &services.core.store;
    let mut patterns = Vec::new();
    for grant in real {
        patterns.push(pattern(&**store, grant.parse()?).await?);
    }
    ensure!(!patterns.is_empty(), "nothing to copy");
    let copies: Vec<Pattern> = (0..count)
        .zip(patterns.iter().cycle())
        .map(|(number, pattern)| pattern.copy(number, ends))
        .collect();
    let members: BTreeSet<(Uuid, Uuid)> = copies.iter().map(Pattern::member).collect();
    for members in members.iter().collect::<Vec<_>>().chunks(USERS_AT_ONCE) {
        let users = members.iter().map(|(_, account)| user(*account)).collect();
        tenant.create_all(users, Vec::new(), members.iter().map(|member| **member).collect())?;
    }
    let grants = copies.iter().map(|copy| copy.grant.id).collect();
    let mut left = schedules;
    let mut work = JoinSet::new();
    for batch in copies.chunks(MOST_WRITES / ITEMS) {
        let mut writes = Vec::with_capacity(MOST_WRITES);
        for copy in batch {
            writes.extend(copy.writes(&*services.core.seals).await?);
        }
        let names = batch.iter().filter_map(|copy| copy.grant.schedule.clone());
        let schedules: Vec<ScheduleName> = names.take(left).collect();
        left -= schedules.len();
        while work.len() >= AT_A_TIME {
            work.join_next().await.context("no work")???;
        }
        let (store, scheduler) = (Arc::clone(store), Arc::clone(&services.schedules));
        work.spawn(async move {
            for schedule in &schedules {
                scheduler.create(schedule, ends).await?;
            }
            store.commit(writes).await?;
            anyhow::Ok(())
        });
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    Ok(Burst { grants, members })
}

/// Waits until the stream has delivered what seeding wrote.
///
/// # Errors
/// When that takes longer than [`PATIENCE`].
pub async fn settle(running: &Running) -> anyhow::Result<()> {
    let mut last = None;
    for _ in 0..PATIENCE.as_secs() * 3 {
        let position = running.system.stream.position()?;
        if position == last {
            return Ok(());
        }
        last = position;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    bail!("the stream is busy for long")
}

async fn pattern(store: &dyn Store, id: GrantId) -> anyhow::Result<Pattern> {
    let grant: Grant = read(store, &keys::grant(id)).await?.context("no grant")?.value;
    ensure!(grant.status == GrantStatus::Active, "{id} is not active");
    let target = grant.targets.first().context("no target")?.target.clone();
    let Target::Entra { group, .. } = target;
    let key = MembershipKey {
        target,
        account: grant.beneficiary.object_id,
    };
    let decisions = read_page(store, &Query::partition(keys::decisions(grant.request))).await?;
    let in_group = keys::live_grant_in_group(&grant.application, group, id);
    Ok(Pattern {
        request: read(store, &keys::request(grant.request))
            .await?
            .context("no request")?
            .value,
        decisions: decisions.items.into_iter().map(|decision| decision.value).collect(),
        holds: read(store, &keys::holds(&key)).await?.context("no holds")?.value,
        membership: read(store, &keys::membership(&key))
            .await?
            .context("no membership")?
            .value,
        in_group: read(store, &in_group).await?.context("no marker")?.value,
        grant,
    })
}

/// An id that no other has.
fn id(what: &str, number: usize) -> Uuid {
    sim::stable_id(&format!("burst/{what}/{number}"))
}

fn user(account: Uuid) -> User {
    User {
        id: account,
        user_principal_name: format!("{account}@contoso.example"),
        display_name: format!("Person {account}"),
        given_name: None,
        surname: None,
        mail: None,
        business_phone: None,
        department: None,
        job_title: None,
        employee_id: None,
        user_type: "Member".to_owned(),
        account_enabled: true,
        on_premises_sync_enabled: None,
        app_roles: BTreeSet::new(),
        created_at: sim::wall_clock().now(),
        deleted_at: None,
    }
}

impl Pattern {
    fn copy(&self, number: usize, ends: Timestamp) -> Self {
        let party = Party {
            user: UserId::new(id("user", number)),
            person: PersonId::new(id("person", number)),
            object_id: ObjectId::new(id("account", number)),
            name: format!("Person {number}"),
            ..self.grant.beneficiary.clone()
        };
        let (request, grant) = (RequestId::new(id("request", number)), GrantId::new(id("grant", number)));
        let key = MembershipKey {
            account: party.object_id,
            ..self.membership.key.clone()
        };
        let decisions = self.decisions.iter().map(|decision| Decision {
            id: DecisionId::new(id("decision", number)),
            request,
            beneficiary: party.clone(),
            ..decision.clone()
        });
        let holds = self.holds.holds.iter().map(|hold| Hold {
            grant,
            expires_at: ends,
            ..hold.clone()
        });
        Self {
            request: Request {
                id: request,
                requester: party.clone(),
                beneficiary: party.clone(),
                grant: Some(grant),
                ..self.request.clone()
            },
            decisions: decisions.collect(),
            grant: Grant {
                id: grant,
                request,
                requester: party.clone(),
                beneficiary: party,
                expires_at: ends,
                schedule: Some(ScheduleName { grant, n: 1 }),
                due: vec![DueEntry::new(ends, DueKind::Expire, grant)],
                ..self.grant.clone()
            },
            holds: Holds {
                key: key.clone(),
                holds: holds.collect(),
                ..self.holds.clone()
            },
            membership: Membership {
                key,
                ..self.membership.clone()
            },
            in_group: LiveInGroup {
                grant,
                ..self.in_group.clone()
            },
        }
    }

    fn member(&self) -> (Uuid, Uuid) {
        let Target::Entra { group, .. } = &self.membership.key.target;
        let uuid = |id: &ObjectId| id.to_string().parse().unwrap_or_default();
        (uuid(group), uuid(&self.membership.key.account))
    }

    async fn writes(&self, seals: &dyn Seals) -> anyhow::Result<Vec<Write>> {
        let live = LiveGrant {
            user: self.grant.beneficiary.user,
            grant: self.grant.id,
            entitlement: self.grant.entitlement,
        };
        let mut writes = vec![
            put(&self.request)?,
            put(&self.grant)?,
            put(&self.holds)?,
            put(&self.membership)?,
            put(&self.in_group)?,
            put(&live)?,
        ];
        for decision in &self.decisions {
            writes.push(put(&seal(seals, decision.clone()).await?)?);
        }
        for entry in &self.grant.due {
            writes.push(put(entry)?);
        }
        Ok(writes)
    }
}

fn put<R: Record>(record: &R) -> anyhow::Result<Write> {
    Ok(Write::Put {
        item: to_item(record, 1)?,
        condition: Condition::Any,
    })
}

/// How many of the burst's members are still true members.
///
/// # Errors
/// When the tenant's database fails.
pub fn still_there(tenant: &Tenant, burst: &Burst) -> anyhow::Result<usize> {
    let groups: BTreeSet<Uuid> = burst.members.iter().map(|(group, _)| *group).collect();
    let mut count = 0;
    for group in groups {
        let members = tenant.members(group)?;
        count += members
            .into_iter()
            .filter(|member| burst.members.contains(&(group, *member)))
            .count();
    }
    Ok(count)
}

/// How many calls the simulated Graph has refused because there were too many writes.
///
/// # Errors
/// When the tenant's database fails.
pub fn throttled(tenant: &Tenant) -> anyhow::Result<u64> {
    let calls = tenant.calls()?;
    let counts = calls
        .get("counts")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    Ok(counts
        .iter()
        .filter(|count| count.get("status").and_then(Value::as_u64) == Some(429))
        .filter_map(|count| count.get("count").and_then(Value::as_u64))
        .sum())
}
