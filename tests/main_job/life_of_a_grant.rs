//! A grant from the request to the proof that it is gone.

use hourglass_local::aws::stream::StreamChaos;
use hourglass_local::company::Company;
use hourglass_tests::{BRIEF, Running};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_becomes_a_membership_and_is_gone_at_its_end() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();

    let asked = running.ask(&dana, BRIEF).await?;
    assert_eq!(asked.status, 201, "{asked}");
    assert_eq!(asked.text("status"), "pending");
    assert_eq!(
        running.members(&group).await?,
        Vec::<String>::new(),
        "nobody is added by asking"
    );

    let inbox = running.get(&kim, "/v1/approvals").await?.ok()?;
    assert_eq!(inbox["items"][0]["id"], asked.body["id"]);

    let decided = running.decide(&kim, &asked.text("id"), "approve").await?;
    assert_eq!(decided.status, 200, "{decided}");
    assert_eq!(decided.text("status"), "approved");
    running.member_is(&group, &account, true).await?;

    let grant = decided.text("grant");
    running.member_is(&group, &account, false).await?;
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "expired");
    assert_eq!(ended["targets"][0]["status"], "absent");

    let timeline = running.timeline(&dana, &asked.text("id")).await?;
    for step in [
        "request.created",
        "request.approved",
        "grant.activating",
        "grant.active",
        "grant.ending",
        "grant.ended",
    ] {
        assert!(
            timeline.iter().any(|action| action == step),
            "{step} is missing in {timeline:?}"
        );
    }
    let history = running.get(&dana, "/v1/history").await?.ok()?;
    assert_eq!(history["items"][0]["grant"]["id"], grant.as_str());
    assert_eq!(
        history["items"][0]["events"].as_array().map(Vec::len),
        Some(timeline.len())
    );
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standing_member_is_never_removed_and_the_page_says_that_access_remains() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let member = running.person(&company.standing_member.user_name).await?;
    let admin = running.admin().await?;
    let group = company.standing.id.to_string();
    let account = company.standing_member.id.to_string();
    let entitlements = running.get(&admin, "/v1/admin/entitlements?limit=100").await?.ok()?;
    let found = entitlements["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["name"] == company.standing.name);
    let entitlement = found.expect("an entitlement over the group").clone();
    let id = entitlement["id"].as_str().unwrap().to_owned();

    let (_, grant) = running.granted(&member, &id, BRIEF).await?;
    running
        .grant_until(&member, &grant, |grant| grant["status"] == "active")
        .await?;
    let ended = running
        .grant_until(&member, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "kept_standing");
    assert_eq!(running.members(&group).await?, [account]);
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_early_by_check_in_by_revoke_and_with_the_account() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();
    let entitlement = running.entitlement();

    let (_, first) = running.granted(&dana, &entitlement, "1h").await?;
    running.member_is(&group, &account, true).await?;
    let ended = running
        .post(&dana, &format!("/v1/grants/{first}/check-in"), &json!({}))
        .await?;
    assert_eq!(ended.status, 202, "{ended}");
    running.member_is(&group, &account, false).await?;
    let ended = running
        .grant_until(&dana, &first, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "checked_in");

    let (_, second) = running.granted(&dana, &entitlement, "1h").await?;
    running.member_is(&group, &account, true).await?;
    let body = json!({"reason": "change is over"});
    let revoked = running
        .post(&kim, &format!("/v1/grants/{second}/revoke"), &body)
        .await?;
    assert_eq!(revoked.status, 202, "{revoked}");
    running.member_is(&group, &account, false).await?;
    let ended = running
        .grant_until(&dana, &second, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "revoked");

    let (_, third) = running.granted(&dana, &entitlement, "1h").await?;
    running.member_is(&group, &account, true).await?;
    let provisioner = running.system.world.entra.provisioner().expect("a provisioner");
    provisioner.disable_user(company.requester.id).await?;
    running.member_is(&group, &account, false).await?;
    let auditor = running.person(&company.auditor.user_name).await?;
    let ended = running
        .grant_until(&auditor, &third, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "user_deactivated");
    assert_eq!(
        running.get(&dana, "/v1/me").await?.status,
        403,
        "a switched-off account may do nothing"
    );
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_grants_on_one_membership_keep_it_until_the_last_ends() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let dana = running.requester().await?;
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();
    let entitlement = running.entitlement();

    let (_, long) = running.granted(&dana, &entitlement, "1h").await?;
    running
        .grant_until(&dana, &long, |grant| grant["status"] == "active")
        .await?;
    let (_, short) = running.granted(&dana, &entitlement, BRIEF).await?;
    let ended = running
        .grant_until(&dana, &short, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["targets"][0]["status"], "kept_by_other_grant");
    assert_eq!(running.members(&group).await?, [account.as_str()]);
    running
        .post(&dana, &format!("/v1/grants/{long}/check-in"), &json!({}))
        .await?
        .ok()?;
    running.member_is(&group, &account, false).await?;
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_every_stream_record_lost_the_sweep_still_ends_what_was_ordered_to_end() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, freya) = (
        running.requester().await?,
        running.person("freya.lindqvist@contoso.example").await?,
    );
    let group = company.prod_admins.id.to_string();
    let entitlement = running.entitlement();
    let (_, first) = running.granted(&dana, &entitlement, "1h").await?;
    let (_, second) = running.granted(&freya, &entitlement, "1h").await?;
    let (dana_id, freya_id) = (company.requester.id, company.person(&freya.name).expect("seeded").id);
    running.member_is(&group, &dana_id.to_string(), true).await?;
    running.member_is(&group, &freya_id.to_string(), true).await?;

    running.system.stream.set_chaos(StreamChaos {
        pause: true,
        ..StreamChaos::default()
    });
    running
        .post(&dana, &format!("/v1/grants/{first}/check-in"), &json!({}))
        .await?
        .ok()?;
    running
        .system
        .world
        .entra
        .provisioner()
        .expect("a provisioner")
        .disable_user(freya_id)
        .await?;
    running.member_is(&group, &dana_id.to_string(), false).await?;
    running.member_is(&group, &freya_id.to_string(), false).await?;
    running
        .grant_until(&dana, &first, |grant| grant["status"] == "ended")
        .await?;
    let auditor = running.person(&company.auditor.user_name).await?;
    let ended = running
        .grant_until(&auditor, &second, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "user_deactivated");
    running.system.stop().await;
    Ok(())
}

/// Entra takes a group out of the application's scope: the group lives on in the directory, and must not keep anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_to_a_group_that_is_no_longer_provisioned_ends_and_cannot_be_asked_for() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, kim) = (running.requester().await?, running.approver().await?);
    let freya = running.person("freya.lindqvist@contoso.example").await?;
    let group = company.prod_admins.id.to_string();
    let account = company.requester.id.to_string();
    let entitlement = running.entitlement();
    let (_, grant) = running.granted(&dana, &entitlement, "1h").await?;
    running.member_is(&group, &account, true).await?;
    let waiting = running.ask_for(&freya, &entitlement, "1h").await?.ok()?;

    let scim = &running.ready.scim;
    let http = reqwest::Client::new();
    let groups = format!("{}/Groups", scim.url);
    let filter = format!("externalId eq \"{group}\"");
    let query = [("filter", filter.as_str()), ("excludedAttributes", "members")];
    let found = http.get(&groups).query(&query).bearer_auth(&scim.token).send().await?;
    let found: serde_json::Value = found.json().await?;
    let id = found["Resources"][0]["id"].as_str().expect("the provisioned group");
    // Under another name it is the same group, and what was granted goes on.
    let rename = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": "displayName", "value": "prod-admins-renamed"}]});
    let renamed = http
        .patch(format!("{groups}/{id}"))
        .bearer_auth(&scim.token)
        .json(&rename)
        .send()
        .await?;
    assert_eq!(renamed.status(), 204);
    let (_, other) = running.granted(&dana, &entitlement, "1h").await?;
    running
        .grant_until(&dana, &other, |grant| grant["status"] == "active")
        .await?;
    running
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let deleted = http
        .delete(format!("{groups}/{id}"))
        .bearer_auth(&scim.token)
        .send()
        .await?;
    assert_eq!(deleted.status(), 204);

    let refused = running.ask_for(&dana, &entitlement, "1h").await?;
    assert_eq!((refused.status, refused.code()), (409, "target-unusable"), "{refused}");
    let refused = running
        .decide(&kim, waiting["id"].as_str().unwrap_or_default(), "approve")
        .await?;
    assert_eq!((refused.status, refused.code()), (409, "target-unusable"), "{refused}");
    let ended = running
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "target_gone");
    running
        .grant_until(&dana, &other, |grant| grant["status"] == "ended")
        .await?;
    running.member_is(&group, &account, false).await?;
    let members = format!("SCIM#MEMBERS#contoso.example#G#{id}");
    running
        .until("memberships, orders, their promises and markers are gone", || async {
            let left = hourglass_tests::table(&running.system.world)?.into_iter().find(|item| {
                let pk = item["pk"]["S"].as_str().unwrap_or_default();
                pk == members
                    || pk.starts_with("END#GROUP#")
                    || pk.starts_with("END#MEMBERS#")
                    || pk.starts_with("LIVE#")
                    || item["sk"]["S"]
                        .as_str()
                        .is_some_and(|sk| sk.contains("#group_gone#") || sk.contains("#memberships#"))
            });
            Ok(left.map_or(Ok(()), |item| Err(item.to_string())))
        })
        .await?;

    // Provisioned again, it is another group under the same object id.
    let provisioner = running.system.world.entra.provisioner().expect("a provisioner");
    provisioner.push(company.prod_admins.id).await?;
    let (_, again) = running.granted(&dana, &entitlement, "1h").await?;
    running.member_is(&group, &account, true).await?;
    running
        .grant_until(&dana, &again, |grant| grant["status"] == "active")
        .await?;
    running.system.stop().await;
    Ok(())
}
