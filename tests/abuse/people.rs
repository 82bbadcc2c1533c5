//! One human being with several accounts, access for others, delegates, and what is invisible: cases 2, 4, 16, 19 and 28.

use hourglass_app::keys;
use hourglass_domain::grant::Grant;
use hourglass_tests::stage::refused;
use hourglass_tests::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};

use crate::approvals::application;
use crate::stage::{Stage, stage};

const FREYA: &str = "freya.lindqvist@contoso.example";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Stage {
    /// Links two users, as the admin.
    async fn link(&self, one: &str, other: &str) -> anyhow::Result<Answer> {
        let users = json!({"users": [self.user_id(one).await?, self.user_id(other).await?]});
        self.post(&self.admin().await?, "/v1/admin/links", &users).await
    }

    async fn unlink(&self, who: &Person, user: &str) -> anyhow::Result<Answer> {
        let path = format!("/v1/admin/links/{}", self.user_id(user).await?);
        self.send(self.request(Method::DELETE, &path, who)).await
    }

    /// The person behind a user.
    async fn human(&self, user: &str) -> anyhow::Result<Value> {
        let path = format!("/v1/admin/links/{}", self.user_id(user).await?);
        self.get(&self.admin().await?, &path).await?.ok()
    }

    /// What happened to a user, oldest first.
    fn stream_of(&self, user: &str) -> anyhow::Result<Vec<String>> {
        let prefix = format!("AUD#user:{}:{user} / E#", application());
        let state = self.state()?;
        let events = state.iter().filter(|(key, _)| key.starts_with(&prefix));
        Ok(events.map(|(_, item)| item.to_string()).collect())
    }

    /// Gives a user a value of `employeeNumber` over SCIM.
    async fn number(&self, user: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/Users/{}", self.user_id(user).await?);
        let operation = json!({"op": "Add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": value});
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        self.scim_send(Method::PATCH, &path, &body).await?.ok()?;
        Ok(())
    }

    async fn attribute_links(&self, attribute: Value) -> anyhow::Result<Value> {
        let body = json!({"attribute": attribute});
        let admin = self.admin().await?;
        self.put(&admin, "/v1/admin/link-attribute", &body).await?.ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_same_human_with_an_account_that_an_admin_linked() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    let (tomasz, aroha) = (stage.other_approver(0).await?, stage.other_approver(1).await?);
    // Linked after the request was made: what counts is who they are now.
    let request = stage.asked(&kim, "1h").await?;
    let human = stage.link(&kim.name, &tomasz.name).await?.ok()?;
    assert_eq!(human["accounts"].as_array().map(Vec::len), Some(2));
    refused(&stage.decide(&tomasz, &request, "approve").await?, 403, "own-access");
    let inbox = stage.get(&tomasz, "/v1/approvals").await?.ok()?;
    assert_eq!(inbox["items"], json!([]), "nor is it offered");
    stage.decide(&aroha, &request, "approve").await?.ok()?;

    // Two accounts of one human count once towards the quorum.
    let id = stage.entitlement();
    stage.change_entitlement(&id, |e| e["quorum"] = json!(2)).await?.ok()?;
    let request = stage.asked(&dana, "1h").await?;
    stage.decide(&kim, &request, "approve").await?.ok()?;
    refused(
        &stage.decide(&tomasz, &request, "approve").await?,
        409,
        "already-decided",
    );
    assert_eq!(stage.status_of(&request).await?, "pending");
    // It is told in both persons' streams, and unlinked it counts for two again.
    for who in [&kim, &tomasz] {
        let id = stage.user_id(&who.name).await?;
        assert!(
            stage
                .stream_of(&id)?
                .iter()
                .any(|event| event.contains("person.linked")),
            "{}",
            who.name
        );
    }
    let admin = stage.admin().await?;
    assert_eq!(stage.unlink(&admin, &tomasz.name).await?.status, 204);
    let decided = stage.decide(&tomasz, &request, "approve").await?.ok()?;
    assert!(decided["grant"].is_string(), "{decided}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_approvers_who_are_linked_after_they_approved_do_not_count_before_the_add() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    let request = stage.asked(&dana, "1h").await?;
    stage.graph_answers(503).await?;
    let decided = stage.decide(&kim, &request, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    stage.link(&kim.name, &dana.name).await?.ok()?;
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_links_made_while_access_lives_change_nothing_of_its_end() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let before = stage.read::<Grant>(&keys::grant(grant.parse()?)).await?;
    stage.link(&kim.name, &dana.name).await?.ok()?;
    stage.number(&dana.name, "4711").await?;
    stage.attribute_links(json!("employee_number")).await?;
    let after = stage.read::<Grant>(&keys::grant(grant.parse()?)).await?;
    assert_eq!(before.value, after.value, "whoever is linked keeps what was granted");
    assert!(stage.dana_is_in().await?);
    // By whichever account, it is one's own to end.
    let path = format!("/v1/grants/{grant}/check-in");
    assert_eq!(stage.post(&kim, &path, &json!({})).await?.status, 202);
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "checked_in");
    assert!(!stage.dana_is_in().await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_same_human_by_an_attribute_and_by_a_chain_of_both() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = stage.approver().await?;
    let (tomasz, aroha) = (stage.other_approver(0).await?, stage.other_approver(1).await?);
    stage.number(&kim.name, "4711").await?;
    stage.number(&tomasz.name, "4711").await?;
    stage.number(&aroha.name, "04711").await?;
    let request = stage.asked(&kim, "1h").await?;
    assert_ne!(
        stage.human(&kim.name).await?["person"],
        stage.human(&tomasz.name).await?["person"]
    );
    let told = stage.attribute_links(json!("employee_number")).await?;
    assert_eq!(
        (&told["linking"], &told["too_common"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    refused(&stage.decide(&tomasz, &request, "approve").await?, 403, "own-access");
    // Linked by the attribute with one, and by an admin with another: all three are one.
    stage.link(&tomasz.name, &aroha.name).await?.ok()?;
    refused(&stage.decide(&aroha, &request, "approve").await?, 403, "own-access");
    let humans = [&kim, &tomasz, &aroha].map(|who| stage.human(&who.name));
    let humans = futures_util::future::try_join_all(humans).await?;
    for human in &humans {
        assert_eq!(human["person"], humans[0]["person"]);
        assert_eq!(human["accounts"].as_array().map(Vec::len), Some(3), "{human}");
    }
    // SCIM undoes what SCIM said, and nothing that an admin said.
    stage.number(&kim.name, "4712").await?;
    refused(
        &stage
            .decide(&aroha, &stage.asked(&tomasz, "1h").await?, "approve")
            .await?,
        403,
        "own-access",
    );
    stage.decide(&aroha, &request, "approve").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_a_value_that_many_share_and_a_blank_one_link_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    stage.attribute_links(json!("employee_number")).await?;
    for who in [&kim, &dana] {
        stage.number(&who.name, " ").await?;
    }
    let request = stage.asked(&dana, "1h").await?;
    let human = stage.human(&kim.name).await?;
    assert_eq!(
        (&human["too_common"], human["accounts"].as_array().map(Vec::len)),
        (&json!(false), Some(1))
    );
    let users = stage.all(&stage.admin().await?, "/v1/admin/users").await?;
    let others = users.iter().filter_map(|user| user["user_name"].as_str());
    for user in others.filter(|name| **name != kim.name && **name != dana.name).take(4) {
        stage.number(user, "n/a").await?;
    }
    for who in [&kim, &dana] {
        stage.number(&who.name, "n/a").await?;
    }
    let told = stage
        .get(&stage.admin().await?, "/v1/admin/link-attribute")
        .await?
        .ok()?;
    assert_eq!(
        (&told["linking"], &told["too_common"]),
        (&json!(0), &json!(1)),
        "{told}"
    );
    assert_eq!(stage.human(&kim.name).await?["too_common"], true);
    stage.decide(&kim, &request, "approve").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_02_nobody_links_their_own_accounts_and_nothing_crosses_applications() -> anyhow::Result<()> {
    let stage = stage().await?;
    let admin = stage.admin().await?;
    let second = stage.company.second_admin.user_name.clone();
    let before = stage.settled().await?;
    refused(&stage.link(&admin.name, FREYA).await?, 403, "own-links");
    refused(&stage.unlink(&admin, FREYA).await?, 409, "not-linked");
    let nobody = uuid::Uuid::from_u128(1).to_string();
    let users = json!({"users": [nobody, stage.user_id(FREYA).await?]});
    refused(&stage.post(&admin, "/v1/admin/links", &users).await?, 404, "not-found");
    refused(&stage.link(FREYA, FREYA).await?, 409, "already-linked");
    stage.unchanged(&before, "a link that was refused")?;

    let by_second = stage.person(&second).await?;
    let users = json!({"users": [stage.user_id(&admin.name).await?, stage.user_id(FREYA).await?]});
    stage.post(&by_second, "/v1/admin/links", &users).await?.ok()?;
    refused(&stage.unlink(&admin, FREYA).await?, 403, "own-links");
    refused(&stage.unlink(&admin, &admin.name).await?, 403, "own-links");
    assert_eq!(stage.unlink(&by_second, FREYA).await?.status, 204);
    let links = stage.all(&by_second, "/v1/admin/links").await?;
    assert_eq!(
        links,
        Vec::<Value>::new(),
        "of two linked accounts nothing is left when one goes"
    );
    stage.stop().await;
    Ok(())
}
