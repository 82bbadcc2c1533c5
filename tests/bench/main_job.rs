//! How quickly access comes and goes: from sending the approval until the account is a true member of the simulated
//! tenant's group, and from the grant's end until it is none any more. The usual way to run it is
//! `cargo xtask bench main-job`.
//!
//! One grant is approved after the other, as on a quiet day; the first of them end while the last are approved. Then
//! people are switched off who have access and ask for more: the times are from the answer to the PATCH that does it
//! until the account is no member any more, and until the request is seen as cancelled.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use hourglass_domain::Timestamp;
use hourglass_local::company::{Company, Person};
use hourglass_local::entra::Tenant;
use hourglass_local::sim;
use hourglass_tests::{PATIENCE, Person as Caller, Running, SHORT};
use serde_json::{Value, json};

/// How many grants are measured, unless `--grants` says otherwise.
const GRANTS: usize = 20;
/// How often the true members are looked at: the error of every figure.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How many people are switched off.
const SWITCHED_OFF: usize = 10;
/// How long their access would last otherwise.
const LONG: &str = "1h";

/// When a membership came and went, in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
struct Seen {
    came: Option<i64>,
    went: Option<i64>,
}

/// By group and account.
type Memberships = Arc<Mutex<BTreeMap<(String, String), Seen>>>;

/// One grant that is measured.
struct Measured {
    key: (String, String),
    approved: i64,
    ends: i64,
}

fn now() -> i64 {
    sim::wall_clock().now().as_millisecond()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--grants").skip(1);
    let grants = arguments
        .next()
        .map_or(Ok(GRANTS), |number| number.parse())
        .context("--grants takes a number")?;
    let running = Running::start().await?;
    let seen = Memberships::default();
    let watcher = tokio::spawn(watch(running.system.world.entra.tenant().clone(), Arc::clone(&seen)));
    let measured = measure(&running, &seen, grants).await?;
    let seen = |key: &(String, String)| {
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied()
            .unwrap_or_default()
    };
    let mut to_member = Vec::new();
    let mut to_removed = Vec::new();
    for grant in &measured {
        let went = running
            .until("the end of a membership", || async {
                Ok(seen(&grant.key).went.ok_or_else(String::new))
            })
            .await?;
        to_member.push(seen(&grant.key).came.context("it went without having come")? - grant.approved);
        to_removed.push(went - grant.ends);
    }
    let switched_off = switch_off(&running).await?;
    let mut off_to_removed = Vec::new();
    let mut off_to_cancelled = Vec::new();
    for one in &switched_off {
        let went = running
            .until("the end of a membership", || async {
                Ok(seen(&one.key).went.ok_or_else(String::new))
            })
            .await?;
        off_to_removed.push(went - one.answered);
        off_to_cancelled.push(one.cancelled - one.answered);
    }
    watcher.abort();
    running.system.stop().await;
    for figures in [
        &mut to_member,
        &mut to_removed,
        &mut off_to_removed,
        &mut off_to_cancelled,
    ] {
        figures.sort_unstable();
    }
    let figures = json!({
        "grants": measured.len(),
        "to_member_ms_p50": percentile(&to_member, 50),
        "to_member_ms_p95": percentile(&to_member, 95),
        "to_removed_ms_p50": percentile(&to_removed, 50),
        "to_removed_ms_p95": percentile(&to_removed, 95),
        "off_to_removed_ms_p50": percentile(&off_to_removed, 50),
        "off_to_removed_ms_p95": percentile(&off_to_removed, 95),
        "off_to_cancelled_ms_p50": percentile(&off_to_cancelled, 50),
        "off_to_cancelled_ms_p95": percentile(&off_to_cancelled, 95),
    });
    Ok(writeln!(std::io::stdout(), "{figures}")?)
}

/// The value that so many per cent of the sorted values do not exceed; null when there are none.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Notes when memberships come and go, for ever.
async fn watch(tenant: Tenant, seen: Memberships) -> anyhow::Result<()> {
    loop {
        let state = tenant.state()?;
        let now = now();
        let members: Vec<(String, String)> = state
            .iter()
            .flat_map(|(group, members)| members.iter().map(|member| (group.to_string(), member.to_string())))
            .collect();
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for (_, membership) in seen.iter_mut().filter(|(key, _)| !members.contains(key)) {
                membership.went.get_or_insert(now);
            }
            for key in members {
                seen.entry(key).or_default().came.get_or_insert(now);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Somebody who was switched off.
struct SwitchedOff {
    key: (String, String),
    answered: i64,
    cancelled: i64,
}

/// Switches people off, one after the other, each with a membership and an open request.
async fn switch_off(running: &Running) -> anyhow::Result<Vec<SwitchedOff>> {
    let company = Company::new();
    let (approver, auditor) = (
        running.approver().await?,
        running.person(&company.auditor.user_name).await?,
    );
    let provisioner = running.system.world.entra.provisioner().context("nobody provisions")?;
    // Those who are needed until the end.
    let spared = [&company.approver, &company.auditor, &company.admin];
    let people: Vec<Person> = company
        .people()
        .into_iter()
        .filter(|person| !spared.contains(&person))
        .collect();
    // Other groups than those in which they have just been.
    let groups = company.requestable.iter().cycle().skip(1);
    let wanted = company.requestable.iter().cycle().skip(2);
    let mut measured = Vec::new();
    for ((person, group), wanted) in people.iter().zip(groups).zip(wanted).take(SWITCHED_OFF) {
        let who = running.person(&person.user_name).await?;
        let request = asked(running, &who, &entitlement(running, group.name).await?, LONG).await?;
        running.decide(&approver, &request, "approve").await?.ok()?;
        let open = asked(running, &who, &entitlement(running, wanted.name).await?, LONG).await?;
        let (group, account) = (group.id.to_string(), person.id.to_string());
        running
            .until("a membership", || async {
                let state = running.system.world.entra.tenant().state()?;
                let members = state.iter().find(|(id, _)| id.to_string() == group);
                let is_member = members.is_some_and(|(_, members)| members.iter().any(|id| id.to_string() == account));
                Ok(if is_member { Ok(()) } else { Err(String::new()) })
            })
            .await?;
        provisioner.disable_user(person.id).await?;
        let answered = now();
        let path = format!("/v1/requests/{open}");
        let cancelled = tokio::time::timeout(PATIENCE, async {
            loop {
                let request = running.get(&auditor, &path).await?.ok()?;
                if request.get("status").is_some_and(|status| status == "cancelled") {
                    return anyhow::Ok(now());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        measured.push(SwitchedOff {
            key: (group, account),
            answered,
            cancelled: cancelled.await.context("a request was not cancelled")??,
        });
    }
    Ok(measured)
}

/// The id of the entitlement with this name.
async fn entitlement(running: &Running, name: &str) -> anyhow::Result<String> {
    let list = running
        .get(&running.admin().await?, "/v1/admin/entitlements?limit=100")
        .await?
        .ok()?;
    let entitlements = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let found = entitlements
        .iter()
        .find(|entitlement| entitlement.get("name").is_some_and(|found| found == name));
    let id = found.and_then(|entitlement| entitlement.get("id")?.as_str());
    Ok(id.context("an entitlement is missing")?.to_owned())
}

/// Asks; provisioning may not have looked at the group yet.
async fn asked(running: &Running, who: &Caller, entitlement: &str, duration: &str) -> anyhow::Result<String> {
    let asked = running
        .until("a request", || async {
            let asked = running.ask_for(who, entitlement, duration).await?;
            Ok(if asked.code() == "target-unchecked" {
                Err(asked.to_string())
            } else {
                Ok(asked)
            })
        })
        .await?;
    asked.clone().ok().map(|_| asked.text("id"))
}

/// Lets different people ask for different groups and has each approved, one after the other.
async fn measure(running: &Running, seen: &Memberships, grants: usize) -> anyhow::Result<Vec<Measured>> {
    let company = Company::new();
    let people: Vec<Person> = company
        .people()
        .into_iter()
        .filter(|person| *person != company.approver)
        .collect();
    anyhow::ensure!((1..=people.len()).contains(&grants), "1 to {} grants", people.len());
    let mut measured = Vec::new();
    for (person, group) in people.iter().take(grants).zip(company.requestable.iter().cycle()) {
        let who = running.person(&person.user_name).await?;
        let approver = running.approver().await?;
        let request = asked(running, &who, &entitlement(running, group.name).await?, SHORT).await?;
        let approved = now();
        let decided = running.decide(&approver, &request, "approve").await?;
        let grant = decided.clone().ok().map(|_| decided.text("grant"))?;
        let key = (group.id.to_string(), person.id.to_string());
        running
            .until("a membership", || async {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
                Ok(seen.and_then(|seen| seen.came).ok_or_else(String::new))
            })
            .await?;
        let grant = running.get(&who, &format!("/v1/grants/{grant}")).await?;
        let ends: Timestamp = grant.text("expires_at").parse()?;
        measured.push(Measured {
            key,
            approved,
            ends: ends.millis(),
        });
    }
    Ok(measured)
}
