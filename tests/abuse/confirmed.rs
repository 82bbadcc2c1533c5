//! Before anybody is added the directory itself is asked about the people behind the grant: case 29 to its end, and accounts
//! that provisioning still takes for enabled.

use hourglass_tests::Person;
use hourglass_tests::stage::logged;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

const FREYA: &str = "freya.lindqvist@contoso.example";

impl Stage {
    /// Sets properties of an account in the directory, which provisioning has not told yet.
    async fn in_the_directory(&self, id: Uuid, properties: &Value) -> anyhow::Result<()> {
        let url = format!("{}/_admin/users/{id}", self.ready.graph);
        let answer = self.http().patch(url).json(properties).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
        Ok(())
    }

    /// Asks, has it approved, and answers the grant once it has ended without anybody having been added.
    async fn ends_for(&self, requester: &Person, approver: &Person, why: &str) -> anyhow::Result<()> {
        let request = self.asked(requester, "1h").await?;
        let decided = self.decide(approver, &request, "approve").await?.ok()?;
        let grant = decided["grant"].as_str().expect("a grant").to_owned();
        let ended = self
            .grant_until(requester, &grant, |grant| grant["status"] == "ended")
            .await?;
        assert_eq!(ended["ended_because"], "failed", "{ended}");
        let error = ended["targets"][0]["last_error"].as_str().unwrap_or_default();
        assert!(error.contains(why), "{ended}");
        let members = self.members(&self.company.prod_admins.id.to_string()).await?;
        assert_eq!(members, Vec::<String>::new(), "{why}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_29_who_writes_themselves_into_an_approvers_group_adds_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    // With the secret of the provisioning, and the app role besides.
    let approvers = stage.group_id(stage.company.security_approvers.name).await?;
    let freya_id = stage.user_id(FREYA).await?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": freya_id}]}],
    });
    let answer = stage
        .scim_send(Method::PATCH, &format!("/Groups/{approvers}"), &body)
        .await?;
    assert!(matches!(answer.status, 200 | 204), "{answer}");
    let order = json!({"user": FREYA, "claims": {"roles": ["Requester", "Approver"]}});
    let freya = stage.person_with(order).await?;
    stage
        .ends_for(&dana, &freya, "in none of the groups that count here")
        .await?;
    assert!(
        !logged(&[
            "does not verify from its evidence",
            "in none of the groups that count here"
        ])
        .is_empty()
    );

    // An account that exists in what was provisioned only.
    let made_up = "00000000-0000-4000-8000-00000000abcd";
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "mallory@contoso.example", "externalId": made_up, "active": true});
    let mallory = stage.scim_send(Method::POST, "/Users", &body).await?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": [{"value": mallory.text("id")}]}],
    });
    stage
        .scim_send(Method::PATCH, &format!("/Groups/{approvers}"), &body)
        .await?;
    let order = json!({"user": FREYA, "claims": {"roles": ["Approver"], "oid": made_up}});
    let mallory = stage.person_with(order).await?;
    stage.ends_for(&dana, &mallory, "no such account").await?;

    // Who does belong adds.
    stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_directory_has_disabled_gets_and_gives_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, kim) = (stage.requester().await?, stage.approver().await?);
    let (dana_id, kim_id) = (stage.company.requester.id, stage.company.approver.id);
    for (id, why) in [
        (
            dana_id,
            "the beneficiary: the directory says that the account is disabled",
        ),
        (kim_id, "is disabled"),
    ] {
        stage.in_the_directory(id, &json!({"accountEnabled": false})).await?;
        stage.ends_for(&dana, &kim, why).await?;
        stage.in_the_directory(id, &json!({"accountEnabled": true})).await?;
    }

    // No answer is no permission: the grant waits, and goes ahead when there is one.
    stage
        .graph_fault(&json!({"match": {"path_contains": "/users/"}, "status": 503, "until_cleared": true}))
        .await?;
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    let waits = stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    assert_eq!(waits["status"], "approved", "{waits}");
    assert!(!stage.dana_is_in().await?);
    stage.clear_graph_faults().await?;
    stage.dana_becomes(true).await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_connector_may_not_ask_it_is_on_record() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    stage
        .graph_fault(&json!({"match": {"path_contains": "/users/"}, "status": 403, "until_cleared": true}))
        .await?;
    let (request, _) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let events = stage.all(&dana, &format!("/v1/requests/{request}/events")).await?;
    let noted = events
        .iter()
        .find(|event| event["action"] == "grant.verified")
        .expect("noted");
    assert_eq!(noted["facts"]["directory_confirmation"], "not_permitted", "{noted}");
    let admin = stage.admin().await?;
    let probe = stage
        .post(&admin, "/v1/admin/probes", &json!({"kind": "test_azure"}))
        .await?
        .ok()?;
    let path = format!("/v1/admin/probes/{}", probe["id"].as_str().unwrap_or_default());
    let answered = stage
        .until("the integration's test", || async {
            let probe = stage.get(&admin, &path).await?.ok()?;
            Ok(if probe["ok"].is_boolean() {
                Ok(probe)
            } else {
                Err(probe.to_string())
            })
        })
        .await?;
    assert_eq!(answered["ok"], true, "it is optional: {answered}");
    assert!(
        answered["detail"]
            .as_str()
            .is_some_and(|said| said.contains("User.Read.All")),
        "{answered}"
    );
    stage.stop().await;
    Ok(())
}
