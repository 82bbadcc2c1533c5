//! The same job while Microsoft Graph misbehaves.

use hourglass_local::aws::stream::StreamChaos;
use hourglass_local::company::Company;
use hourglass_tests::{BRIEF, Running};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_graph_unavailable_for_a_while_at_either_end_the_same_happens_later() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    running
        .graph_fault(&json!({"match": {"path_contains": "/groups/"}, "status": 503, "until_cleared": true}))
        .await?;
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running.clear_graph_faults().await?;
    running.member_is(&group, &account, true).await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;

    running
        .graph_fault(&json!({"match": {"path_contains": "/groups/"}, "status": 503, "until_cleared": true}))
        .await?;
    running
        .post(&dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    let failing = running
        .grant_until(&dana, &grant, |grant| {
            grant["status"] == "ending" && grant["failing_since"].is_string()
        })
        .await?;
    assert_eq!(
        failing["targets"][0]["status"], "removing",
        "never shown as ended while the member is there"
    );
    assert_eq!(running.members(&group).await?, [account.as_str()]);
    running.clear_graph_faults().await?;
    running.member_is(&group, &account, false).await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_add_whose_answer_was_lost_is_ours_and_is_removed() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    running
        .graph_fault(&json!({"match": {"method": "POST", "path_contains": "/members/$ref"}, "apply_then_drop": true, "times": 1}))
        .await?;
    let (_, grant) = running.granted(&dana, &running.entitlement(), BRIEF).await?;
    running.member_is(&group, &account, true).await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(
        ended["targets"][0]["status"], "absent",
        "told apart from a member who was there before"
    );
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_became_dynamic_after_the_approval_adds_nobody() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let asked = running.ask(&dana, "1h").await?.ok()?;
    running
        .system
        .world
        .entra
        .tenant()
        .update_group(company.prod_admins.id, |group| {
            group.group_types.push("DynamicMembership".to_owned())
        })?;
    let decided = running
        .decide(&running.approver().await?, asked["id"].as_str().unwrap(), "approve")
        .await?
        .ok()?;
    let grant = decided["grant"].as_str().unwrap().to_owned();
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    let again = running.ask(&dana, "1h").await?;
    assert_eq!((again.status, again.code()), (409, "target-unusable"), "{again}");
    assert!(again.text("detail").contains("dynamic"), "{again}");
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_could_not_be_asked_about_is_asked_again_until_it_can_be_requested() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, admin) = (running.requester().await?, running.admin().await?);
    // The stream's record is lost, and with it the first question.
    running.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    let body = json!({
        "name": "sre on call", "targets": [format!("entra:{}", company.sre.id)], "eligible": "everyone",
    });
    let made = running.post(&admin, "/v1/admin/entitlements", &body).await?.ok()?;
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    let first = running.ask_for(&dana, &id, "1h").await?;
    assert_eq!((first.status, first.code()), (409, "target-unchecked"), "{first}");
    let preview = json!({"entitlement": id, "duration": "1h", "justification": "INC-42: restart the pool"});
    running
        .until("facts about the target", || async {
            let answer = running.post(&dana, "/v1/requests/preview", &preview).await?;
            Ok(if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    running.system.stop().await;
    Ok(())
}
