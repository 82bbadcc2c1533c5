//! One human being with several accounts, access for others, delegates, and what is invisible: cases 2, 4, 16, 19 and 28.

use hourglass_app::keys;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::RequestId;
use hourglass_domain::limit::{MOST_PROMPTS_AN_HOUR, MOST_REQUESTS_AN_HOUR};
use hourglass_domain::request::Request;
use hourglass_tests::stage::refused;
use hourglass_tests::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

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

    /// Asks for the usual entitlement for somebody.
    async fn ask_on_behalf(&self, who: &Person, beneficiary: &str) -> anyhow::Result<Answer> {
        let body = json!({"entitlement": self.entitlement(), "duration": "1h",
            "justification": "INC-42: restart the pool", "beneficiary": beneficiary});
        self.post(who, "/v1/requests", &body).await
    }

    /// What is listed as the caller's own.
    async fn own_history(&self, who: &Person) -> anyhow::Result<Vec<String>> {
        let entries = self.all(who, "/v1/history").await?;
        let ids = entries.iter().filter_map(|entry| entry["request"]["id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    /// Lets these users be delegates for the usual entitlement.
    async fn pool(&self, users: &[&str]) -> anyhow::Result<()> {
        let mut ids = Vec::new();
        for user in users {
            ids.push(self.user_id(user).await?);
        }
        let delegates = if ids.is_empty() {
            json!(null)
        } else {
            json!({"users": ids})
        };
        let id = self.entitlement();
        self.change_entitlement(&id, |e| e["delegates"] = delegates)
            .await?
            .ok()?;
        Ok(())
    }

    async fn delegate(&self, who: &Person, to: &str) -> anyhow::Result<Answer> {
        let body = json!({"entitlement": self.entitlement(), "delegate": self.user_id(to).await?});
        self.post(who, "/v1/delegations", &body).await
    }

    /// Somebody who has the app role `Approver` and approves nothing here.
    async fn deputy(&self) -> anyhow::Result<Person> {
        let order = json!({"user": FREYA, "claims": {"roles": ["Requester", "Approver"]}});
        self.person_with(order).await
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
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
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
    let nobody = Uuid::from_u128(1).to_string();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_04_requester_beneficiary_and_approver_are_three() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    let (tomasz, aroha) = (stage.other_approver(0).await?, stage.other_approver(1).await?);
    let (dana_id, tomasz_id) = (stage.user_id(&dana.name).await?, stage.user_id(&tomasz.name).await?);
    let nobody = Uuid::from_u128(1).to_string();

    // Not where the entitlement does not say so, and nobody learns who exists.
    let before = stage.settled().await?;
    let (other, unknown) = (
        stage.ask_on_behalf(&kim, &dana_id).await?,
        stage.ask_on_behalf(&kim, &nobody).await?,
    );
    refused(&other, 422, "invalid-field");
    assert_eq!((other.field(), &other.body), (Some("beneficiary"), &unknown.body));
    stage.unchanged(&before, "a request for somebody else")?;

    let id = stage.entitlement();
    stage
        .change_entitlement(&id, |e| e["on_behalf"] = json!(true))
        .await?
        .ok()?;
    let unknown = stage.ask_on_behalf(&kim, &nobody).await?;
    refused(&unknown, 422, "invalid-field");
    let request = stage.ask_on_behalf(&kim, &tomasz_id).await?.ok()?;
    let request = request["id"].as_str().expect("an id").to_owned();
    refused(&stage.ask(&tomasz, "1h").await?, 409, "already-requested");
    for concerned in [&kim, &tomasz] {
        refused(&stage.decide(concerned, &request, "approve").await?, 403, "own-access");
        let seen = stage.get(concerned, &format!("/v1/requests/{request}")).await?.ok()?;
        assert_eq!(seen["beneficiary"]["id"], tomasz_id.as_str());
        assert_eq!(
            stage.own_history(concerned).await?,
            std::slice::from_ref(&request),
            "{}",
            concerned.name
        );
    }
    let told = stage.stream_of(&tomasz_id)?;
    assert!(
        told.iter().any(|event| event.contains("request.created_for")),
        "{told:?}"
    );
    // Nor by a linked account of either.
    stage.link(&kim.name, &aroha.name).await?.ok()?;
    refused(&stage.decide(&aroha, &request, "approve").await?, 403, "own-access");
    stage
        .post(&tomasz, &format!("/v1/requests/{request}/cancel"), &json!({}))
        .await?
        .ok()?;

    // Eligibility is the beneficiary's, and both may end it and ask for more time.
    let request = stage.ask_on_behalf(&aroha, &dana_id).await?.ok()?;
    let request = request["id"].as_str().expect("an id").to_owned();
    let decided = stage.decide(&tomasz, &request, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    stage.dana_becomes(true).await?;
    let more = json!({"duration": "1h", "justification": "INC-42: restart the pool"});
    let path = format!("/v1/grants/{grant}");
    for who in [&dana, &aroha] {
        let asked = stage.post(who, &format!("{path}/extend"), &more).await?.ok()?;
        let extension = asked["id"].as_str().expect("an id").to_owned();
        if who.name == aroha.name {
            refused(&stage.decide(&kim, &extension, "approve").await?, 403, "own-access");
        }
        stage.decide(&tomasz, &extension, "approve").await?.ok()?;
    }
    stage
        .grant_until(&dana, &grant, |grant| {
            grant["status"] == "active" && grant["extensions"].as_array().map(Vec::len) == Some(2)
        })
        .await?;
    assert!(
        stage.dana_is_in().await?,
        "its evidence holds with more time asked for by either"
    );
    assert_eq!(
        stage
            .post(&aroha, &format!("{path}/check-in"), &json!({}))
            .await?
            .status,
        202
    );
    stage
        .grant_until(&dana, &grant, |grant| grant["ended_because"] == "checked_in")
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_04_ones_own_linked_account_is_ones_own() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (stage.requester().await?, stage.person(FREYA).await?);
    let freya_id = stage.user_id(FREYA).await?;
    refused(&stage.ask_on_behalf(&dana, &freya_id).await?, 422, "invalid-field");
    stage.link(&dana.name, FREYA).await?.ok()?;
    let me = stage.get(&dana, "/v1/me").await?.ok()?;
    assert_eq!(me["linked"][0]["user"], freya_id.as_str(), "{me}");
    let request = stage.ask_on_behalf(&dana, &freya_id).await?.ok()?;
    let id = request["id"].as_str().expect("an id").to_owned();
    assert_eq!(stage.own_history(&freya).await?, std::slice::from_ref(&id));
    let decided = stage.decide(&stage.approver().await?, &id, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    let active = stage
        .grant_until(&freya, &grant, |grant| grant["status"] == "active")
        .await?;
    assert_eq!(active["beneficiary"]["id"], freya_id.as_str());
    assert!(!stage.dana_is_in().await?, "the access is the other account's");
    // Who is switched off loses what was asked for them, and what they asked for.
    let open = stage.ask(&freya, "1h").await?.ok()?;
    let account = stage.company.requester.id;
    stage.provisioner().disable_user(account).await?;
    let still = stage.status_of(open["id"].as_str().unwrap_or_default()).await?;
    assert_eq!(still, "pending", "the other account's own request is not concerned");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_04_a_delegate_and_their_principal_are_one() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana) = (stage.approver().await?, stage.requester().await?);
    let (tomasz, deputy) = (stage.other_approver(0).await?, stage.deputy().await?);
    // Only from the pool, only by an approver, never to oneself.
    refused(&stage.delegate(&kim, FREYA).await?, 422, "invalid-field");
    stage.pool(&[FREYA, &kim.name]).await?;
    refused(&stage.delegate(&kim, &dana.name).await?, 422, "invalid-field");
    refused(&stage.delegate(&kim, &kim.name).await?, 422, "invalid-field");
    refused(&stage.delegate(&deputy, FREYA).await?, 403, "not-approver");
    let long = json!({"entitlement": stage.entitlement(), "delegate": stage.user_id(FREYA).await?,
        "until": "2099-01-01T00:00:00Z"});
    refused(&stage.post(&kim, "/v1/delegations", &long).await?, 422, "invalid-field");

    let id = stage.entitlement();
    stage.change_entitlement(&id, |e| e["quorum"] = json!(2)).await?.ok()?;
    let request = stage.asked(&dana, "1h").await?;
    let path = format!("/v1/requests/{request}");
    refused(&stage.get(&deputy, &path).await?, 404, "not-found");
    stage.delegate(&kim, FREYA).await?.ok()?;
    let inbox = stage.get(&deputy, "/v1/approvals").await?.ok()?;
    assert_eq!(
        inbox["items"][0]["id"],
        request.as_str(),
        "what the principal may decide is offered"
    );
    // It is no right that can be passed on.
    refused(&stage.delegate(&deputy, &kim.name).await?, 403, "not-approver");
    let decided = stage.decide(&deputy, &request, "approve").await?.ok()?;
    assert_eq!(
        decided["approvals"][0]["acting_for"]["id"],
        stage.user_id(&kim.name).await?.as_str()
    );
    refused(&stage.decide(&kim, &request, "approve").await?, 409, "already-decided");
    let decided = stage.decide(&tomasz, &request, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;

    // Neither decides on what either asked for.
    let freya = stage.person(FREYA).await?;
    for own in [&kim, &freya] {
        let request = stage.asked(own, "30m").await?;
        refused(&stage.decide(&deputy, &request, "approve").await?, 403, "own-access");
    }
    // Told to admins.
    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    for all in [&stage.admin().await?, &auditor] {
        let seen = stage.get(all, "/v1/delegations?which=all").await?.ok()?;
        assert_eq!(seen["items"].as_array().map(Vec::len), Some(1), "{seen}");
    }
    let everybodys = stage.get(&kim, "/v1/delegations?which=all").await?;
    refused(&everybodys, 403, "role-missing");
    let received = stage.get(&deputy, "/v1/delegations?which=received").await?.ok()?;
    assert_eq!(received["items"].as_array().map(Vec::len), Some(1), "{received}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_08_a_delegate_counts_no_longer_than_their_principal_and_the_pool() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (kim, dana, deputy) = (stage.approver().await?, stage.requester().await?, stage.deputy().await?);
    stage.pool(&[FREYA]).await?;
    stage.delegate(&kim, FREYA).await?.ok()?;
    // The pool names them no more.
    let request = stage.asked(&dana, "1h").await?;
    stage.pool(&[&dana.name]).await?;
    refused(&stage.decide(&deputy, &request, "approve").await?, 404, "not-found");
    stage
        .post(&dana, &format!("/v1/requests/{request}/cancel"), &json!({}))
        .await?
        .ok()?;
    stage.pool(&[FREYA]).await?;
    // Taken back.
    let request = stage.asked(&dana, "1h").await?;
    let path = format!("/v1/delegations/{}", stage.entitlement());
    let call = stage.request(Method::DELETE, &path, &kim);
    assert_eq!(stage.send(call).await?.status, 204);
    refused(&stage.decide(&deputy, &request, "approve").await?, 404, "not-found");
    stage.delegate(&kim, FREYA).await?.ok()?;
    // Approved, and before the add the principal loses the right.
    stage.graph_answers(503).await?;
    let decided = stage.decide(&deputy, &request, "approve").await?.ok()?;
    let grant = decided["grant"].as_str().expect("a grant").to_owned();
    stage
        .grant_until(&dana, &grant, |grant| grant["failing_since"].is_string())
        .await?;
    stage
        .provisioner()
        .remove_member(stage.company.security_approvers.id, stage.company.approver.id)
        .await?;
    stage.clear_graph_faults().await?;
    let ended = stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    assert_eq!(ended["ended_because"], "failed");
    assert!(!stage.dana_is_in().await?);
    let late = stage.asked(&dana, "1h").await?;
    refused(&stage.decide(&deputy, &late, "approve").await?, 404, "not-found");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_19_what_is_invisible_is_told_like_what_does_not_exist() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya, kim) = (
        stage.requester().await?,
        stage.person(FREYA).await?,
        stage.approver().await?,
    );
    let entitlement = stage.entitlement();
    let only = json!({"only": {"users": [stage.user_id(&dana.name).await?]}});
    stage
        .change_entitlement(&entitlement, |e| e["eligible"] = only)
        .await?
        .ok()?;
    let nothing = Uuid::from_u128(7).to_string();
    let dana_id = stage.user_id(&dana.name).await?;
    for path in ["/v1/requests", "/v1/requests/preview"] {
        for beneficiary in [None, Some(&dana_id), Some(&nothing)] {
            let mut answers = Vec::new();
            for id in [&entitlement, &nothing] {
                let mut body = json!({"entitlement": id, "duration": "1h", "justification": "INC-42: restart"});
                if let Some(beneficiary) = beneficiary {
                    body["beneficiary"] = json!(beneficiary);
                }
                answers.push(stage.post(&freya, path, &body).await?);
            }
            refused(&answers[0], 404, "not-found");
            assert_eq!(answers[0].body, answers[1].body, "{path} for {beneficiary:?}");
        }
    }
    let deputy = stage.deputy().await?;
    let mut answers = Vec::new();
    for id in [&entitlement, &nothing] {
        let body = json!({"entitlement": id, "delegate": dana_id});
        answers.push(stage.post(&deputy, "/v1/delegations", &body).await?);
    }
    refused(&answers[0], 404, "not-found");
    assert_eq!(answers[0].body, answers[1].body);
    // Who approves it sees it, and is told the rule.
    refused(&stage.ask(&kim, "1h").await?, 403, "not-eligible");
    // So does who may have it with another account of theirs.
    stage.link(&dana.name, FREYA).await?.ok()?;
    refused(&stage.ask(&freya, "1h").await?, 403, "not-eligible");
    stage.ask_on_behalf(&freya, &dana_id).await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_28_more_requests_within_an_hour_than_anybody_needs() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = stage.requester().await?;
    for _ in 0..MOST_REQUESTS_AN_HOUR {
        let request = stage.asked(&dana, "1h").await?;
        let cancel = format!("/v1/requests/{request}/cancel");
        stage.post(&dana, &cancel, &json!({})).await?.ok()?;
    }
    let before = stage.settled().await?;
    let refusal = stage.ask(&dana, "1h").await?;
    refused(&refusal, 429, "too-many-requests");
    let wait = refusal.retry_after.expect("when it works again");
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    assert!(refusal.text("detail").contains("100"), "{refusal}");
    stage.unchanged(&before, "a request too many")?;
    // Nobody else is held up, and an account that is linked is no way round.
    stage.asked(&stage.person(FREYA).await?, "1h").await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_16_more_prompts_than_an_approver_can_weigh() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (dana, freya) = (stage.requester().await?, stage.person(FREYA).await?);
    let first = stage.asked(&dana, "1h").await?;
    let waiting = stage.read::<Request>(&keys::request(first.parse()?)).await?.value;
    for n in 1..MOST_PROMPTS_AN_HOUR {
        let mut another = waiting.clone();
        another.id = RequestId::new(Uuid::from_u128(0x1000 + n as u128));
        stage.forge(&another).await?;
    }
    let before = stage.settled().await?;
    let refusal = stage.ask(&freya, "1h").await?;
    refused(&refusal, 429, "too-many-prompts");
    assert!(
        refusal.retry_after.is_some_and(|wait| (1..=3_600).contains(&wait)),
        "{refusal}"
    );
    stage.unchanged(&before, "a prompt too many")?;
    // One that is decided makes room.
    stage.decide(&stage.approver().await?, &first, "deny").await?.ok()?;
    stage.asked(&freya, "1h").await?;
    stage.stop().await;
    Ok(())
}
