//! What happens to members and groups without us, and what targets answer when they do not do as asked.

use std::collections::BTreeSet;

use anyhow::Context as _;
use hourglass_local::company::{Company, Person as Colleague};
use hourglass_tests::{BRIEF, Person, Running, table};
use serde_json::{Value, json};

/// A proof after a second; looks and re-checks shrink with it, to ten seconds and to 5, 45 and 90.
async fn quick() -> anyhow::Result<Running> {
    Running::start_with(|options| options.confirm_after_seconds = 1).await
}

async fn ended(running: &Running, who: &Person, grant: &str) -> anyhow::Result<Value> {
    running
        .grant_until(who, grant, |grant| grant["status"] == "ended")
        .await
}

/// Whether an audit event of this name was ever written.
fn was_told(running: &Running, action: &str) -> anyhow::Result<bool> {
    let events = table(&running.system.world)?;
    Ok(events.iter().any(|item| item["body"]["M"]["action"]["S"] == action))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_removed_in_the_directory_is_not_put_back_and_the_grant_says_so() -> anyhow::Result<()> {
    let running = quick().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let (group, account) = (company.prod_admins.id, company.requester.id);
    let (_, grant) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let tenant = running.system.world.entra.tenant();
    assert!(tenant.remove_member(group, account)?);
    let ended = ended(&running, &dana, &grant).await?;
    assert_eq!(ended["ended_because"], "removed_outside", "{ended}");
    assert_eq!(ended["targets"][0]["status"], "absent", "{ended}");
    assert_eq!(running.members(&group.to_string()).await?, Vec::<String>::new());
    assert!(was_told(&running, "membership.removed_outside")?);

    // After its end somebody puts the member back: nobody approved that.
    assert!(tenant.add_member(group, account)?);
    running
        .member_is(&group.to_string(), &account.to_string(), false)
        .await?;
    assert!(was_told(&running, "membership.reappeared")?);
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_comes_back_after_the_end_is_removed_again() -> anyhow::Result<()> {
    let running = quick().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let (group, account) = (company.prod_admins.id, company.requester.id);
    let (_, grant) = running.granted(&dana, &running.entitlement(), BRIEF).await?;
    let over = ended(&running, &dana, &grant).await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");
    assert!(running.system.world.entra.tenant().add_member(group, account)?);
    running
        .member_is(&group.to_string(), &account.to_string(), false)
        .await?;
    assert!(was_told(&running, "membership.reappeared")?);
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_deleted_during_a_grant_ends_it_and_names_that_change_do_not() -> anyhow::Result<()> {
    let running = quick().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let (group, account) = (company.prod_admins.id, company.requester.id);
    let tenant = running.system.world.entra.tenant();
    let (_, first) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running
        .member_is(&group.to_string(), &account.to_string(), true)
        .await?;
    tenant.update_group(group, |group| group.display_name = "Renamed".to_owned())?;
    tenant.update_user(account, |user| user.display_name = "Dana Renamed".to_owned())?;
    running
        .post(&dana, &format!("/v1/grants/{first}/check-in"), &json!({}))
        .await?
        .ok()?;
    let over = ended(&running, &dana, &first).await?;
    assert_eq!(over["targets"][0]["status"], "absent", "{over}");

    let (_, second) = running.granted(&dana, &running.entitlement(), "1h").await?;
    running
        .grant_until(&dana, &second, |grant| grant["status"] == "active")
        .await?;
    tenant.delete(group)?;
    let over = ended(&running, &dana, &second).await?;
    assert_eq!(over["ended_because"], "target_gone", "{over}");
    assert_eq!(over["targets"][0]["status"], "target_gone", "{over}");
    running.system.stop().await;
    Ok(())
}

/// What a target may answer to a change; `None` applies it and loses the answer.
const ANSWERS: [Option<u16>; 8] = [
    Some(400),
    Some(403),
    Some(404),
    Some(409),
    Some(500),
    Some(503),
    None,
    Some(429),
];

/// People who may ask, one for each answer.
async fn colleagues(running: &Running, company: &Company) -> anyhow::Result<Vec<(Option<u16>, Colleague, Person)>> {
    let deciders: BTreeSet<&str> = [&running.ready.people.approver, &running.ready.people.requester]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let mut found = Vec::new();
    let mut people = company.people().into_iter().rev();
    for answer in ANSWERS {
        let colleague = people
            .by_ref()
            .find(|person| !deciders.contains(person.user_name.as_str()))
            .context("more people")?;
        let person = running.person(&colleague.user_name).await?;
        found.push((answer, colleague, person));
    }
    Ok(found)
}

/// From now on the target answers so to a change of this account.
async fn answers(running: &Running, method: &str, account: &str, answer: Option<u16>) -> anyhow::Result<()> {
    let mut order = json!({"match": {"method": method}, "until_cleared": true});
    // A removal names the account in its path, an add in its body.
    let part = if method == "DELETE" {
        "path_contains"
    } else {
        "body_contains"
    };
    order["match"][part] = json!(account);
    match answer {
        Some(status) => order["status"] = json!(status),
        None => order["apply_then_drop"] = json!(true),
    }
    running.graph_fault(&order).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_target_answers_to_a_removal_it_is_retried_shown_and_finally_proved() -> anyhow::Result<()> {
    let running = quick().await?;
    let company = Company::new();
    let group = company.prod_admins.id.to_string();
    let people = colleagues(&running, &company).await?;
    let mut grants = Vec::new();
    for (answer, colleague, person) in &people {
        let account = colleague.id.to_string();
        let (_, grant) = running.granted(person, &running.entitlement(), "1h").await?;
        running.member_is(&group, &account, true).await?;
        grants.push(grant);
        answers(&running, "DELETE", &account, *answer).await?;
    }
    // All are members by now: a target that throttles has adds wait, whosever they are.
    for ((_, _, person), grant) in people.iter().zip(&grants) {
        running
            .post(person, &format!("/v1/grants/{grant}/check-in"), &json!({}))
            .await?
            .ok()?;
    }
    for ((answer, colleague, person), grant) in people.iter().zip(&grants) {
        let account = colleague.id.to_string();
        let failing = running
            .grant_until(person, grant, |grant| {
                grant["targets"][0]["failures"].as_u64() >= Some(2)
            })
            .await?;
        let target = &failing["targets"][0];
        assert_eq!(failing["status"], "ending", "{answer:?}: {failing}");
        assert_eq!(target["status"], "removing", "{answer:?}: {failing}");
        assert!(target["failing_since"].is_string(), "{failing}");
        assert!(target["last_error"].is_string(), "{failing}");
        let by_hand = target["by_hand"].as_str().unwrap_or_default();
        assert!(
            by_hand.contains(group.as_str()) && by_hand.contains(&account),
            "{failing}"
        );
        let there = running.members(&group).await?.contains(&account);
        assert_eq!(there, answer.is_some(), "{answer:?}");
    }
    running.clear_graph_faults().await?;
    for ((answer, _, person), grant) in people.iter().zip(&grants) {
        let over = ended(&running, person, grant).await?;
        let target = &over["targets"][0];
        assert_eq!(target["status"], "absent", "{answer:?}: {over}");
        assert!(
            target["by_hand"].is_null() && target["failing_since"].is_null(),
            "{over}"
        );
    }
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_target_answers_to_an_add_nobody_stays_whose_grant_is_over() -> anyhow::Result<()> {
    let running = quick().await?;
    let company = Company::new();
    let group = company.prod_admins.id.to_string();
    let people = colleagues(&running, &company).await?;
    let mut grants = Vec::new();
    for (answer, colleague, person) in &people {
        answers(&running, "POST", &colleague.id.to_string(), *answer).await?;
        let (_, grant) = running.granted(person, &running.entitlement(), "1h").await?;
        grants.push(grant);
    }
    for ((_, _, person), grant) in people.iter().zip(&grants) {
        running
            .grant_until(person, grant, |grant| {
                grant["status"] == "ended" || grant["targets"][0]["failures"].as_u64() >= Some(1)
            })
            .await?;
    }
    running.clear_graph_faults().await?;
    for ((answer, _, person), grant) in people.iter().zip(&grants) {
        let settled = running
            .grant_until(person, grant, |grant| {
                grant["status"] == "active" || grant["status"] == "ended"
            })
            .await?;
        // All others are tried again, and succeed.
        let refusal = matches!(answer, Some(400 | 403));
        assert_eq!(settled["status"] == "ended", refusal, "{answer:?}: {settled}");
        if !refusal {
            running
                .post(person, &format!("/v1/grants/{grant}/check-in"), &json!({}))
                .await?
                .ok()?;
        } else {
            assert_eq!(settled["ended_because"], "failed", "{answer:?}: {settled}");
        }
        let over = ended(&running, person, grant).await?;
        assert_eq!(over["targets"][0]["status"], "absent", "{answer:?}: {over}");
    }
    assert_eq!(running.members(&group).await?, Vec::<String>::new());
    running.system.stop().await;
    Ok(())
}
