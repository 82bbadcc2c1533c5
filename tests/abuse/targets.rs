//! What happens to a target or its people behind our back: cases 34 to 39.

use hourglass_local::company::NamedGroup;
use hourglass_local::entra::{Group, User};
use hourglass_tests::stage::refused;
use hourglass_tests::{BRIEF, Person};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// A change to a group.
type Turn = fn(&mut Group);

impl Stage {
    async fn ended(&self, who: &Person, grant: &str) -> anyhow::Result<Value> {
        self.grant_until(who, grant, |grant| grant["status"] == "ended").await
    }

    fn turn(&self, group: &NamedGroup, turn: Turn) -> anyhow::Result<()> {
        Ok(self.system.world.entra.tenant().update_group(group.id, turn)?)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_34_a_group_deleted_and_made_again_under_its_name() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let (_, live) = stage.granted(&dana, &stage.entitlement(), "1d").await?;
    stage.dana_becomes(true).await?;
    let waiting = stage.asked(&dana, "1h").await?;

    let old = stage.company.prod_admins.clone();
    let tenant = stage.system.world.entra.tenant();
    stage.provisioner().delete_group(old.id).await?;
    let fresh = Uuid::from_u128(0x34);
    tenant.create_group(Group::new(fresh, old.name, tenant.now()))?;
    stage.provisioner().push(fresh).await?;

    let ended = stage.ended(&dana, &live).await?;
    assert_eq!(ended["targets"][0]["status"], "target_gone", "{ended}");
    // A decision or the activation after it finds out; either way nobody gets into the namesake.
    let decided = stage.decide(&kim, &waiting, "approve").await?;
    if let Some(grant) = decided.body["grant"].as_str() {
        let ended = stage.ended(&dana, grant).await?;
        assert!(
            ["failed", "target_gone"]
                .iter()
                .any(|why| ended["ended_because"] == *why),
            "{ended}"
        );
    } else {
        assert_eq!(decided.status, 409, "{decided}");
    }
    assert_eq!(stage.members(&fresh.to_string()).await?, Vec::<String>::new());
    stage
        .until("the entitlement found unusable", || async {
            let answer = stage.ask(&dana, "1h").await?;
            if answer.status == 201 {
                let id = answer.text("id");
                stage.decide(&kim, &id, "deny").await?;
            }
            Ok(if answer.status == 409 {
                Ok(())
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_35_turned_into_another_kind_after_the_approval() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let turns: [(&str, Turn, &str); 4] = [
        (
            "prod-readers",
            |g| g.group_types.push("DynamicMembership".to_owned()),
            "dynamic",
        ),
        (
            "db-breakglass",
            |g| g.on_premises_sync_enabled = Some(true),
            "on-premises",
        ),
        ("billing-admins", |g| g.mail_enabled = true, "mail-enabled"),
        ("k8s-operators", |g| g.is_assignable_to_role = true, "directory roles"),
    ];
    stage.graph_answers(503).await?;
    let mut grants = Vec::new();
    for (name, turn, reason) in turns {
        let entitlement = stage.entitlement_named(name).await?;
        let (_, grant) = stage.granted(&dana, &entitlement, "1h").await?;
        let group = stage.company.group(name).expect("seeded");
        stage.turn(&group, turn)?;
        grants.push((entitlement, grant, group, reason));
    }
    stage.clear_graph_faults().await?;
    for (entitlement, grant, group, reason) in grants {
        let ended = stage.ended(&dana, &grant).await?;
        assert_eq!(ended["ended_because"], "failed", "{reason}");
        let why = ended["targets"][0]["last_error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(why.contains(reason), "{why}");
        assert_eq!(stage.members(&group.id.to_string()).await?, Vec::<String>::new());
        let again = stage.ask_for(&dana, &entitlement, "1h").await?;
        refused(&again, 409, "target-unusable");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_35_turned_into_another_kind_during_the_grant() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let group = stage.company.prod_admins.clone();
    stage.turn(&group, |g| g.on_premises_sync_enabled = Some(true))?;
    stage
        .post(&dana, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    let failing = stage
        .grant_until(&dana, &grant, |grant| {
            grant["failing_since"].is_string() && grant["targets"][0]["last_error"].is_string()
        })
        .await?;
    assert_eq!(
        (&failing["status"], &failing["targets"][0]["status"]),
        (&json!("ending"), &json!("removing"))
    );
    assert!(
        stage.dana_is_in().await?,
        "and so it is shown: the access is still there"
    );
    stage.turn(&group, |g| g.on_premises_sync_enabled = None)?;
    stage.dana_becomes(false).await?;
    assert_eq!(stage.ended(&dana, &grant).await?["ended_because"], "checked_in");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_36_a_name_that_somebody_else_has_now() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let (request, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let open = stage.asked(&dana, "1h").await?;

    let provisioner = stage.provisioner();
    let old = stage.company.requester.clone();
    provisioner
        .rename_user(old.id, "dana.married@contoso.example", "Dana Married")
        .await?;
    let tenant = stage.system.world.entra.tenant();
    let newcomer = Uuid::from_u128(0x36);
    let mut user = User::new(newcomer, &old.user_name, &old.display_name, tenant.now());
    user.app_roles.insert("Requester".to_owned());
    tenant.create_user(user)?;
    provisioner.push(newcomer).await?;

    // The newcomer has Dana's old name and nothing else of hers.
    let newcomer_signed_in = stage.person(&old.user_name).await?;
    for path in [
        format!("/v1/requests/{request}"),
        format!("/v1/grants/{grant}"),
        format!("/v1/requests/{open}"),
    ] {
        refused(&stage.get(&newcomer_signed_in, &path).await?, 404, "not-found");
    }
    let answer = stage
        .post(&newcomer_signed_in, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?;
    refused(&answer, 404, "not-found");
    assert_eq!(
        stage.get(&newcomer_signed_in, "/v1/history").await?.ok()?["items"],
        json!([])
    );
    // What was asked under the old name goes to the one who asked.
    stage.decide(&kim, &open, "approve").await?.ok()?;
    let renamed = stage.person("dana.married@contoso.example").await?;
    stage
        .post(&renamed, &format!("/v1/grants/{grant}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage.ended(&renamed, &grant).await?;
    assert!(stage.dana_is_in().await?, "the second grant is hers");
    let members = stage.members(&stage.company.prod_admins.id.to_string()).await?;
    assert_eq!(members, [old.id.to_string()]);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_37_an_entitlement_pointed_elsewhere_after_the_approval() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let (_, live) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let waiting = stage.asked(&dana, "1h").await?;
    stage.graph_answers(503).await?;
    let early = {
        let freya = stage.person("freya.lindqvist@contoso.example").await?;
        stage.granted(&freya, &stage.entitlement(), "1h").await?.1
    };
    let broader = stage.company.db_breakglass.clone();
    let id = stage.entitlement();
    // What live grants rest on cannot be taken away; a broader group can be added, and nobody gets into it by that.
    let elsewhere = json!([format!("entra:{}", broader.id)]);
    let refused = stage.change_entitlement(&id, |e| e["targets"] = elsewhere).await?;
    assert_eq!((refused.status, refused.code()), (409, "in-use"), "{refused}");
    let both = json!([
        format!("entra:{}", stage.company.prod_admins.id),
        format!("entra:{}", broader.id)
    ]);
    stage.change_entitlement(&id, |e| e["targets"] = both).await?.ok()?;
    stage.clear_graph_faults().await?;
    // Approved and not yet active: asked again from the start. Waiting: cannot be approved any more.
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    assert_eq!(stage.ended(&auditor, &early).await?["ended_because"], "failed");
    stage
        .until("the request unapprovable", || async {
            let answer = stage.decide(&kim, &waiting, "approve").await?;
            Ok(if answer.code() == "policy-changed" {
                Ok(())
            } else {
                Err(answer.to_string())
            })
        })
        .await?;
    assert_eq!(stage.members(&broader.id.to_string()).await?, Vec::<String>::new());
    // Live: keeps what was granted, and ends there.
    assert!(stage.dana_is_in().await?);
    let end = format!("/v1/grants/{live}/check-in");
    stage.post(&dana, &end, &json!({})).await?.ok()?;
    stage.dana_becomes(false).await?;
    let ended = stage.ended(&dana, &live).await?;
    assert_eq!(
        ended["targets"][0]["target"],
        format!("entra:{}", stage.company.prod_admins.id)
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_38_a_standing_member_and_grants_that_overlap() -> anyhow::Result<()> {
    let stage = stage().await?;
    let member = stage.company.standing_member.clone();
    let (mei, group) = (
        stage.person(&member.user_name).await?,
        stage.company.standing.id.to_string(),
    );
    let entitlement = stage.entitlement_named(stage.company.standing.name).await?;
    // Two at once, ended in the order in which they came and in the other one.
    for first_ends_first in [true, false] {
        let (_, one) = stage.granted(&mei, &entitlement, "1h").await?;
        let (_, two) = stage.granted(&mei, &entitlement, "1d").await?;
        for grant in [&one, &two] {
            stage
                .grant_until(&mei, grant, |grant| grant["status"] == "active")
                .await?;
        }
        let order = if first_ends_first { [&one, &two] } else { [&two, &one] };
        for grant in order {
            let path = format!("/v1/grants/{grant}/check-in");
            stage.post(&mei, &path, &json!({})).await?.ok()?;
            let ended = stage.ended(&mei, grant).await?;
            let shown = ended["targets"][0]["status"].as_str().unwrap_or_default().to_owned();
            assert!(
                ["kept_standing", "kept_by_other_grant"].contains(&shown.as_str()),
                "{ended}"
            );
            assert_eq!(stage.members(&group).await?, [member.id.to_string()]);
        }
    }
    // Once the standing member was removed by hand, the next grant is ours from beginning to end.
    let tenant = stage.system.world.entra.tenant();
    tenant.remove_member(stage.company.standing.id, member.id)?;
    let (_, grant) = stage.granted(&mei, &entitlement, BRIEF).await?;
    stage.member_is(&group, &member.id.to_string(), true).await?;
    let ended = stage.ended(&mei, &grant).await?;
    assert_eq!(ended["targets"][0]["status"], "absent");
    assert_eq!(stage.members(&group).await?, Vec::<String>::new());
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_39_access_through_nesting_is_not_ours() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let tenant = stage.system.world.entra.tenant();
    let (outer, inner) = (stage.company.prod_admins.id, stage.company.sre.id);
    assert!(tenant.members(inner)?.contains(&stage.company.requester.id));
    tenant.add_member(outer, inner)?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let direct = tenant.members(outer)?;
    assert!(direct.contains(&stage.company.requester.id) && direct.contains(&inner));
    let active = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    assert_eq!(active["targets"][0]["status"], "present");
    let path = format!("/v1/grants/{grant}/check-in");
    stage.post(&dana, &path, &json!({})).await?.ok()?;
    let ended = stage.ended(&dana, &grant).await?;
    // Only the direct link counts: it is gone, and what comes through the other group is left alone.
    assert_eq!(ended["targets"][0]["status"], "absent");
    assert_eq!(tenant.members(outer)?, [inner]);
    assert!(tenant.members(inner)?.contains(&stage.company.requester.id));
    stage.stop().await;
    Ok(())
}
