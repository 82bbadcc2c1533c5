//! The comparison with the scheduler: schedules that were deleted, disabled or edited, and such as nobody needs.

use hourglass_app::keys;
use hourglass_app::records::{Comparison, ComparisonPlace};
use hourglass_domain::grant::{Grant, GrantStatus, ScheduleName};
use hourglass_domain::ids::GrantId;
use hourglass_domain::protocol::timers::expected;
use hourglass_local::aws::scheduler::DEFAULT_GROUP;
use hourglass_tests::Person;
use hourglass_tests::stage::logged;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, stage};

/// Groups of the company that can be requested beside each other.
const FOUR: [&str; 4] = ["prod-readers", "db-breakglass", "billing-admins", "prod-admins"];

type Edit = fn(&mut Value);

impl Stage {
    fn schedules(&self) -> anyhow::Result<Vec<Value>> {
        let snapshot = self.system.world.scheduler.snapshot()?;
        Ok(snapshot["schedules"].as_array().cloned().unwrap_or_default())
    }

    fn schedule(&self, name: &str) -> anyhow::Result<Option<Value>> {
        Ok(self.schedules()?.into_iter().find(|schedule| schedule["name"] == name))
    }

    /// Somebody with the right to it makes, changes or deletes a schedule in the console.
    async fn console(&self, method: Method, name: &str, body: Option<Value>) -> anyhow::Result<()> {
        let url = format!("{}/schedules/{name}", self.ready.scheduler);
        let call = self.http().request(method, url);
        let call = match body {
            Some(body) => call.json(&body),
            None => call.query(&[("groupName", DEFAULT_GROUP)]),
        };
        call.send().await?.error_for_status()?;
        Ok(())
    }

    async fn definition(&self, name: &str) -> anyhow::Result<Value> {
        let url = format!("{}/schedules/{name}", self.ready.scheduler);
        let call = self.http().get(url).query(&[("groupName", DEFAULT_GROUP)]);
        let mut found: Value = serde_json::from_slice(&call.send().await?.error_for_status()?.bytes().await?)?;
        let fields = found.as_object_mut().expect("a schedule");
        for name in ["Arn", "CreationDate", "LastModificationDate", "Name"] {
            fields.remove(name);
        }
        Ok(found)
    }

    async fn edit(&self, name: &str, edit: Edit) -> anyhow::Result<()> {
        let mut definition = self.definition(name).await?;
        edit(&mut definition);
        self.console(Method::PUT, name, Some(definition)).await
    }

    /// Lets the next sweep compare, and waits until it has.
    async fn compared(&self) -> anyhow::Result<()> {
        self.erase(keys::comparison()).await?;
        self.until("the comparison", || async {
            let done = self.services.core.store.get(&keys::comparison()).await?;
            Ok(match done {
                Some(item) if item.body["next_at"].as_str() > Some(self.now().to_string().as_str()) => Ok(()),
                other => Err(format!("{other:?}")),
            })
        })
        .await
    }

    async fn of(&self, grant: &str) -> anyhow::Result<Grant> {
        Ok(self.read::<Grant>(&keys::grant(grant.parse::<GrantId>()?)).await?.value)
    }

    /// A grant whose schedule was made and with which nobody has anything to do.
    async fn settled_grant(&self, who: &Person, entitlement: &str) -> anyhow::Result<String> {
        let (_, id) = self.granted(who, entitlement, "1h").await?;
        self.until("a settled grant", || async {
            let grant = self.of(&id).await?;
            let settled = grant.status == GrantStatus::Active && expected(&grant, self.now()).is_some();
            Ok(if settled { Ok(()) } else { Err(format!("{grant:?}")) })
        })
        .await?;
        Ok(id)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_that_somebody_touched_is_told_and_made_again_under_a_new_name() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let mut grants = Vec::new();
    for name in FOUR {
        let entitlement = stage.entitlement_named(name).await?;
        grants.push(stage.settled_grant(&dana, &entitlement).await?);
    }
    // The comparison leaves alone what is as it should be.
    let untouched = stage.schedules()?;
    stage.compared().await?;
    assert_eq!(stage.schedules()?, untouched);
    let first = |grant: &str| format!("g-{grant}-1");
    let made = stage.definition(&first(&grants[0])).await?;

    stage.console(Method::DELETE, &first(&grants[0]), None).await?;
    let edits: [Edit; 3] = [
        |schedule| schedule["State"] = json!("DISABLED"),
        |schedule| schedule["ScheduleExpression"] = json!("at(2099-01-01T00:00:00)"),
        |schedule| schedule["Target"]["Input"] = json!("{\"grant\":\"00000000-0000-0000-0000-000000000001\"}"),
    ];
    for (grant, edit) in grants.iter().skip(1).zip(edits) {
        stage.edit(&first(grant), edit).await?;
    }
    stage.compared().await?;
    for (grant, found) in grants
        .iter()
        .zip(["missing", "another state", "another time", "another payload"])
    {
        let stored = stage.of(grant).await?;
        let second = ScheduleName { grant: stored.id, n: 2 };
        assert_eq!((stored.schedule.as_ref(), stored.next_schedule), (Some(&second), 2));
        assert!(stored.status.is_live() && !stored.timer_is_outdated());
        assert_eq!(stage.schedule(&first(grant))?, None, "the old one is gone");
        let remade = stage.definition(&second.to_string()).await?;
        for same in ["ScheduleExpression", "State", "ActionAfterCompletion"] {
            assert_eq!(remade[same], made[same], "{same}");
        }
        assert_eq!(remade["Target"]["Input"], json!({"grant": grant}).to_string());
        let told = logged(&["the schedule of a live grant was touched", grant]);
        assert!(told.iter().any(|line| line.contains(found)), "{found}: {told:?}");
        let timeline = stage.timeline(&dana, &stored.request.to_string()).await?;
        let told = timeline
            .iter()
            .filter(|action| action.contains("tampered") || action.contains("rescheduled"));
        assert_eq!(told.collect::<Vec<_>>(), ["grant.timer_tampered", "grant.rescheduled"]);
    }
    assert!(logged(&["schedule_tampered", "_aws"]).len() >= FOUR.len());

    // What was made again is as it should be, and ends with its grant.
    let before = stage.schedules()?;
    stage.compared().await?;
    assert_eq!(stage.schedules()?, before);
    let path = format!("/v1/grants/{}/check-in", grants[0]);
    stage.post(&dana, &path, &json!({})).await?.ok()?;
    stage
        .grant_until(&dana, &grants[0], |grant| grant["status"] == "ended")
        .await?;
    stage
        .until("the schedule is gone", || async {
            let left = stage.schedule(&format!("g-{}-2", grants[0]))?;
            Ok(left.map_or(Ok(()), |left| Err(left.to_string())))
        })
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_that_no_grant_needs_are_told_and_deleted() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let live = stage.settled_grant(&dana, &stage.entitlement()).await?;
    let definition = stage.definition(&format!("g-{live}-1")).await?;
    let nobodys = "00000000-0000-0000-0000-0000000000d1";
    let (unknown, later) = (format!("g-{nobodys}-1"), format!("g-{live}-9"));
    let (next, old, foreign) = (format!("g-{live}-2"), format!("g-{live}-0"), "not-ours");
    for name in [unknown.as_str(), &later, &next, &old, foreign] {
        stage.console(Method::POST, name, Some(definition.clone())).await?;
    }
    stage.compared().await?;
    for gone in [&unknown, &later, &next, &old] {
        assert_eq!(stage.schedule(gone)?, None, "{gone} is still there");
    }
    // The grant's own stays; a foreign one is told and left.
    for kept in [format!("g-{live}-1").as_str(), foreign] {
        assert!(stage.schedule(kept)?.is_some(), "{kept} is gone");
    }
    for orphan in [unknown.as_str(), &later, &next, foreign] {
        assert!(
            !logged(&["a schedule is there that no grant needs", orphan]).is_empty(),
            "{orphan}"
        );
    }
    assert!(logged(&["a schedule is there that no grant needs", &old]).is_empty());
    assert!(!logged(&["orphan_trigger", "_aws"]).is_empty());
    assert!(stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

/// The scheduler does not answer: nobody takes that for a missing schedule, and the comparison begins anew soon. Nothing
/// of it keeps the sweep from its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_does_not_answer_changes_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let live = stage.settled_grant(&dana, &stage.entitlement()).await?;
    let faults = stage.system.world.scheduler.faults();
    for operation in ["GetSchedule", "ListSchedules"] {
        faults.order(hourglass_local::aws::FaultOrder {
            times: 1_000,
            answer: Some(500),
            ..hourglass_local::aws::FaultOrder::new(operation)
        });
    }
    stage.compared().await?;
    let grant = stage.of(&live).await?;
    assert_eq!(grant.next_schedule, 1, "{grant:?}");
    let comparison = stage.read::<Comparison>(&keys::comparison()).await?.value;
    let soon = comparison.next_at.seconds_since(stage.now());
    assert!((0..=300).contains(&soon), "{comparison:?}");
    assert_eq!(comparison.place, ComparisonPlace::Grants { shard: 0, after: None });
    assert!(!logged(&["a grant could not be compared with its schedule", &live]).is_empty());
    faults.clear();
    stage.stop().await;
    Ok(())
}
