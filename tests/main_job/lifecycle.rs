//! The corners of a grant's life: a start that lies ahead, a start that fails, and targets of which only some obey.

use hourglass_domain::Timestamp;
use hourglass_local::company::Company;
use hourglass_tests::{BRIEF, Running};
use serde_json::{Value, json};

/// Now and `seconds`, by the system's clock.
fn in_seconds(running: &Running, seconds: i64) -> Timestamp {
    let now = running.system.world.clock().now().as_millisecond();
    Timestamp::from_millis(now).plus_seconds(seconds)
}

/// A grant of the usual requester that starts later.
async fn scheduled(running: &Running, seconds: i64, duration: &str) -> anyhow::Result<(String, String)> {
    let body = json!({
        "entitlement": running.entitlement(), "duration": duration, "justification": "CHG-7: planned work",
        "starts_at": in_seconds(running, seconds).to_string(),
    });
    let asked = running
        .post(&running.requester().await?, "/v1/requests", &body)
        .await?
        .ok()?;
    let id = asked["id"].as_str().unwrap_or_default().to_owned();
    let decided = running.decide(&running.approver().await?, &id, "approve").await?.ok()?;
    Ok((id, decided["grant"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_start_gives_access_at_its_second_and_none_before() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    let (request, grant) = scheduled(&running, 10, BRIEF).await?;
    let planned = running.get(&dana, &format!("/v1/grants/{grant}")).await?.ok()?;
    assert_eq!(planned["status"], "approved", "{planned}");
    let starts_at: Timestamp = planned["starts_at"].as_str().unwrap_or_default().parse()?;
    running
        .until("the member, and not before the start", || async {
            let members = running.members(&group).await?;
            // Read after them: they are at least as old as that.
            let before = in_seconds(&running, 0) < starts_at;
            if before && !members.is_empty() {
                anyhow::bail!("{members:?} before {starts_at}");
            }
            Ok(if members.contains(&account) {
                Ok(())
            } else {
                Err(format!("{members:?}"))
            })
        })
        .await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(
        (&ended["ended_because"], &ended["targets"][0]["status"]),
        (&json!("expired"), &json!("absent"))
    );
    assert_eq!(ended["starts_at"], planned["starts_at"], "its clock began at the start");
    assert!(
        running
            .timeline(&dana, &request)
            .await?
            .iter()
            .any(|action| action == "grant.active")
    );

    // Ended before it starts: nothing was ever sent to the target.
    let (request, grant) = scheduled(&running, 3_600, "1h").await?;
    running
        .post(&dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(
        (&ended["ended_because"], &ended["targets"][0]["status"]),
        (&json!("checked_in"), &json!("not_added"))
    );
    let timeline = running.timeline(&dana, &request).await?;
    assert!(
        !timeline.iter().any(|action| action == "grant.activating"),
        "{timeline:?}"
    );
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activation_that_fails_is_cleaned_up_and_says_why() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let group = company.prod_admins.id.to_string();
    running
        .graph_fault(&json!({"match": {"method": "POST", "path_contains": "/members/$ref"}, "status": 403, "until_cleared": true}))
        .await?;
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(
        (&ended["ended_because"], &ended["targets"][0]["status"]),
        (&json!("failed"), &json!("absent"))
    );
    assert!(ended["targets"][0]["last_error"].is_string(), "{ended}");
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running
        .until("its schedule is gone", || async {
            let snapshot = running.system.world.scheduler.snapshot()?;
            let left = snapshot["schedules"].as_array().map_or(0, Vec::len);
            Ok(if left == 0 {
                Ok(())
            } else {
                Err(snapshot["schedules"].to_string())
            })
        })
        .await?;
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn active_on_one_of_two_is_shown_retried_and_ended_by_the_person() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, admin) = (running.requester().await?, running.admin().await?);
    let (good, bad) = (
        company.prod_admins.id.to_string(),
        company.billing_admins.id.to_string(),
    );
    let account = company.requester.id.to_string();
    let body = json!({
        "name": "two groups at once", "targets": [format!("entra:{good}"), format!("entra:{bad}")],
        "eligible": "everyone",
    });
    let made = running.post(&admin, "/v1/admin/entitlements", &body).await?.ok()?;
    let entitlement = made["id"].as_str().unwrap_or_default().to_owned();
    let preview = json!({"entitlement": entitlement, "duration": "1h", "justification": "INC-42: restart the pool"});
    running
        .until("facts about the targets", || async {
            let answer = running.post(&dana, "/v1/requests/preview", &preview).await?;
            Ok(if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    let path = format!("/groups/{bad}/members");
    running
        .graph_fault(&json!({"match": {"method": "POST", "path_contains": path}, "status": 403, "until_cleared": true}))
        .await?;
    let (_, first) = running.granted(&dana, &entitlement, "1h").await?;
    let half = |grant: &Value| {
        let of = |target: &str| {
            let targets = grant["targets"].as_array().cloned().unwrap_or_default();
            let found = targets
                .into_iter()
                .find(|found| found["target"].as_str().is_some_and(|name| name.contains(target)));
            found
                .map(|found| found["status"].as_str().unwrap_or_default().to_owned())
                .unwrap_or_default()
        };
        grant["status"] == "active"
            && of(&good) == "present"
            && of(&bad) == "failed"
            && grant["failing_since"].is_string()
    };
    running.grant_until(&dana, &first, half).await?;
    // The person ends it: what was given goes, and what never was is not said to have been.
    running
        .post(&dana, &format!("/v1/grants/{first}/check-in"), &json!({}))
        .await?
        .ok()?;
    let ended = running
        .grant_until(&dana, &first, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "checked_in", "{ended}");
    for target in ended["targets"].as_array().expect("targets") {
        assert_eq!(target["status"], "absent", "{ended}");
    }

    // Or waits: it is retried until the target obeys. An admin may end it as well.
    let (_, second) = running.granted(&dana, &entitlement, "1h").await?;
    running.grant_until(&dana, &second, half).await?;
    running.clear_graph_faults().await?;
    running
        .grant_until(&dana, &second, |grant| {
            let targets = grant["targets"].as_array().cloned().unwrap_or_default();
            targets.iter().all(|target| target["status"] == "present") && grant["failing_since"].is_null()
        })
        .await?;
    running.member_is(&bad, &account, true).await?;
    let reason = json!({"reason": "the change is over"});
    running
        .post(&admin, &format!("/v1/grants/{second}/revoke"), &reason)
        .await?
        .ok()?;
    let ended = running
        .grant_until(&dana, &second, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "revoked", "{ended}");
    running.member_is(&good, &account, false).await?;
    running.member_is(&bad, &account, false).await?;
    running.system.stop().await;
    Ok(())
}
