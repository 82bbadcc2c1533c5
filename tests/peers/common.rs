//! What the rows share: a grant's life in a few words, the schedules as the scheduler has them, and the hand of somebody
//! who may change them.

use anyhow::Context as _;
use hourglass_app::keys;
use hourglass_app::ports::store::{CommitError, Condition, Key, Write};
use hourglass_app::records::{Record, to_item};
use hourglass_domain::Timestamp;
use hourglass_domain::due::{DueEntry, DueKind};
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_domain::membership::{Membership, MembershipKey};
use hourglass_local::aws::scheduler::DEFAULT_GROUP;
use hourglass_tests::stage::Stage;
use hourglass_tests::{Answer, Person, table};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody else of the requester's team.
pub(crate) const FREYA: &str = "freya.lindqvist@contoso.example";

/// Groups of the company that can be requested beside each other.
pub(crate) const FOUR: [&str; 4] = ["prod-readers", "db-breakglass", "billing-admins", "prod-admins"];

/// Asks, has it approved, and waits until it is active; answers request and grant.
pub(crate) async fn active(
    stage: &Stage,
    who: &Person,
    name: &str,
    duration: &str,
) -> anyhow::Result<(String, String)> {
    let entitlement = stage.entitlement_named(name).await?;
    let ids = stage.granted(who, &entitlement, duration).await?;
    stage
        .grant_until(who, &ids.1, |grant| grant["status"] == "active")
        .await?;
    Ok(ids)
}

/// Waits until the grant has ended, and answers it.
pub(crate) async fn ended(stage: &Stage, who: &Person, grant: &str) -> anyhow::Result<Value> {
    stage.grant_until(who, grant, |grant| grant["status"] == "ended").await
}

/// The beneficiary ends it.
pub(crate) async fn check_in(stage: &Stage, who: &Person, grant: &str) -> anyhow::Result<()> {
    let path = format!("/v1/grants/{grant}/check-in");
    stage.post(who, &path, &json!({})).await?.ok().map(drop)
}

/// Somebody else ends it.
pub(crate) async fn revoke(stage: &Stage, who: &Person, grant: &str) -> anyhow::Result<Answer> {
    let path = format!("/v1/grants/{grant}/revoke");
    stage.post(who, &path, &json!({"reason": "an incident"})).await
}

/// Somebody asks for more time.
pub(crate) async fn extend(stage: &Stage, who: &Person, grant: &str, duration: &str) -> anyhow::Result<Answer> {
    let body = json!({"duration": duration, "justification": "INC-42: the restart takes longer"});
    stage.post(who, &format!("/v1/grants/{grant}/extend"), &body).await
}

/// A grant as it is stored.
pub(crate) async fn stored(stage: &Stage, grant: &str) -> anyhow::Result<Grant> {
    Ok(stage
        .read::<Grant>(&keys::grant(grant.parse::<GrantId>()?))
        .await?
        .value)
}

/// The membership that a grant is about.
pub(crate) async fn membership(stage: &Stage, grant: &str) -> anyhow::Result<MembershipKey> {
    let grant = stored(stage, grant).await?;
    Ok(MembershipKey {
        target: grant.targets.first().context("no target")?.target.clone(),
        account: grant.beneficiary.object_id,
    })
}

/// The object id of a seeded group.
pub(crate) fn group(stage: &Stage, name: &str) -> String {
    stage.company.group(name).expect("seeded").id.to_string()
}

/// The names of all schedules, in order.
pub(crate) fn schedules(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let snapshot = stage.system.world.scheduler.snapshot()?;
    let all = snapshot["schedules"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = all
        .iter()
        .filter_map(|schedule| schedule["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// The name of a grant's `n`th schedule.
pub(crate) fn schedule(grant: &str, n: u32) -> String {
    format!("g-{grant}-{n}")
}

/// Waits until these schedules exist, and no others.
pub(crate) async fn schedules_are(stage: &Stage, wanted: &[String]) -> anyhow::Result<()> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    stage
        .until("the schedules", || async {
            let found = schedules(stage)?;
            Ok(if found == wanted {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            })
        })
        .await
}

/// A schedule as the scheduler describes it.
pub(crate) async fn described(stage: &Stage, name: &str) -> anyhow::Result<Value> {
    let url = format!("{}/schedules/{name}", stage.ready.scheduler);
    let call = stage.http().get(url).query(&[("groupName", DEFAULT_GROUP)]);
    Ok(serde_json::from_slice(
        &call.send().await?.error_for_status()?.bytes().await?,
    )?)
}

/// Somebody with the right to it makes a copy of a schedule under another name, in the console.
pub(crate) async fn copy_schedule(stage: &Stage, name: &str, copy: &str) -> anyhow::Result<()> {
    let mut definition = described(stage, name).await?;
    let fields = definition.as_object_mut().context("no schedule")?;
    for name in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
        fields.remove(name);
    }
    let url = format!("{}/schedules/{copy}", stage.ready.scheduler);
    let call = stage.http().request(Method::POST, url).json(&definition);
    call.send().await?.error_for_status()?;
    Ok(())
}

/// Somebody with the right to it deletes a schedule.
pub(crate) async fn delete_schedule(stage: &Stage, name: &str) -> anyhow::Result<()> {
    let url = format!("{}/schedules/{name}", stage.ready.scheduler);
    let call = stage.http().delete(url).query(&[("groupName", DEFAULT_GROUP)]);
    call.send().await?.error_for_status()?;
    Ok(())
}

/// Lets the next sweep compare grants and schedules, and waits until it has; answers when it compares again.
pub(crate) async fn compared(stage: &Stage) -> anyhow::Result<Timestamp> {
    stage.erase(keys::comparison()).await?;
    stage
        .until("the comparison", || async {
            let done = stage.services.core.store.get(&keys::comparison()).await?;
            let next = done.as_ref().and_then(|item| item.body["next_at"].as_str());
            let next: Option<Timestamp> = next.and_then(|next| next.parse().ok());
            Ok(next
                .filter(|next| *next > stage.now())
                .ok_or_else(|| format!("{done:?}")))
        })
        .await
}

/// How often something is in a timeline.
pub(crate) fn times(timeline: &[String], action: &str) -> usize {
    timeline.iter().filter(|step| *step == action).count()
}

/// How many items there are under a prefix.
pub(crate) fn count(stage: &Stage, prefix: &str) -> anyhow::Result<usize> {
    let items = table(&stage.system.world)?;
    let in_it = |item: &&Value| item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with(prefix));
    Ok(items.iter().filter(in_it).count())
}

/// An instant that the API tells.
pub(crate) fn instant(value: &Value) -> anyhow::Result<Timestamp> {
    value.as_str().context("no instant")?.parse().context("no instant")
}

/// Changes what is stored, as time or somebody with the right to it would: never over what somebody else has just stored.
async fn edit<R: Record>(stage: &Stage, key: &Key, change: impl Fn(&mut R)) -> anyhow::Result<R> {
    for _ in 0..20 {
        let found = stage.read::<R>(key).await?;
        let mut record = found.value;
        change(&mut record);
        let write = Write::Put {
            item: to_item(&record, found.version + 1)?,
            condition: Condition::Version(found.version),
        };
        match stage.services.core.store.commit(vec![write]).await {
            Ok(()) => return Ok(record),
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    anyhow::bail!("{key:?} never comes to rest")
}

/// A worker has died, or given up, in the middle of its work on a membership, and its lease runs out.
pub(crate) async fn lease_runs_out(stage: &Stage, grant: &str) -> anyhow::Result<()> {
    let key = keys::membership(&membership(stage, grant).await?);
    let now = stage.now();
    let over = |record: &mut Membership| {
        if let Some(lease) = &mut record.lease {
            lease.until = lease.until.min(now);
        }
    };
    edit(stage, &key, over).await.map(drop)
}

/// The grant's time is up, and nobody tells anybody. (What was approved is longer, so that its evidence still verifies.)
pub(crate) async fn time_is_up(stage: &Stage, grant: &str) -> anyhow::Result<Grant> {
    let id: GrantId = grant.parse()?;
    let now = stage.now();
    let promise = DueEntry::new(now, DueKind::Expire, id);
    let shorter = |grant: &mut Grant| {
        grant.expires_at = now;
        grant.due.retain(|due| due.kind != DueKind::Expire);
        grant.due.push(promise.clone());
    };
    let shorter = edit(stage, &keys::grant(id), shorter).await?;
    stage.forge(&promise).await?;
    Ok(shorter)
}

/// The grant's time is up, and its timer fires.
pub(crate) async fn time_goes_by(stage: &Stage, grant: &str) -> anyhow::Result<()> {
    let shorter = time_is_up(stage, grant).await?;
    let name = shorter.schedule.context("no timer")?.to_string();
    // Whoever was quicker has ended it and deleted its timer.
    stage.system.world.scheduler.fire(DEFAULT_GROUP, &name).map(drop)
}

/// Has the grant looked at, again and again, until it looks as wanted.
pub(crate) async fn pushed_until(
    stage: &Stage,
    who: &Person,
    grant: &str,
    wanted: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    stage
        .until("what the grant is pushed to", || async {
            // What it fails with is told by how the grant looks.
            let _told = stage.trigger(json!({"grant": grant})).await;
            let seen = stage.get(who, &format!("/v1/grants/{grant}")).await?.ok()?;
            Ok(if wanted(&seen) { Ok(seen) } else { Err(seen.to_string()) })
        })
        .await
}
