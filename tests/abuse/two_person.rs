//! One admin alone, and what would make access easier: case 62.

use std::collections::BTreeMap;

use anyhow::Context as _;
use hourglass_app::admin::changes::Command;
use hourglass_app::admin::changes::signing::ChangeSignature;
use hourglass_app::keys;
use hourglass_app::seals::Sealed;
use hourglass_domain::ids::ChangeId;
use hourglass_domain::two_person::{Place, Proposal};
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, company_of_two, first_admin, with_key};
use hourglass_tests::stage::refused;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::approvals::application;
use crate::stage::Stage;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

impl Stage {
    /// Gives a user a value by which accounts are linked.
    async fn badge(&self, user_name: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/Users/{}", self.user_id(user_name).await?);
        let operation = json!({"op": "Add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": value});
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        self.scim_send(Method::PATCH, &path, &body).await?.ok()?;
        Ok(())
    }

    async fn approvers(&self) -> anyhow::Result<Value> {
        let path = format!("/v1/admin/entitlements/{}", self.entitlement());
        Ok(self.get(&self.admin().await?, &path).await?.ok()?["approvers"].clone())
    }

    /// The admin wants to be the only approver.
    async fn wants_to_approve(&self) -> anyhow::Result<String> {
        let own = self.user_id(&self.company.admin.user_name).await?;
        let answer = self
            .change_entitlement(&self.entitlement(), |body| {
                body["approvers"] = json!({"users": [own], "groups": []});
            })
            .await?;
        assert_eq!(answer.status, 202, "{answer}");
        Ok(answer.body["change"].as_str().context("no change")?.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_62_an_admin_changes_the_approver_policy_to_themselves() -> anyhow::Result<()> {
    let stage = Stage::of(company_of_two().await?);
    let mut ola = first_admin(&stage).await?;
    let token = stage.admin().await?;
    // While there is nobody else: accounts are linked by a number.
    let by = json!({"attribute": "employee_number"});
    stage.put(&token, "/v1/admin/link-attribute", &by).await?.ok()?;
    let mut linked = with_key(&stage, &mut ola, &stage.company.requester, admin()).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, admin()).await?;
    stage.badge(&stage.company.admin.user_name, "4711").await?;
    stage.badge(&stage.company.requester.user_name, "4711").await?;
    let before = stage.approvers().await?;

    let id = stage.wants_to_approve().await?;
    nobody_signs_for_two(&stage, &id, (&mut ola, &mut linked)).await?;
    assert_eq!(stage.approvers().await?, before);
    nothing_is_exchanged(&stage, &id, &mut kim).await?;
    assert_eq!(stage.approvers().await?, before);

    // Whoever signed second turns out to be the same person.
    kim.sign_change(&id).await?.ok()?;
    stage.badge(&stage.company.approver.user_name, "4711").await?;
    let apply = format!("/v1/admin/changes/{id}/apply");
    refused(&stage.post(&token, &apply, &json!({})).await?, 409, "second-admin");
    assert_eq!(ola.press(&id, "apply").await?.status, StatusCode::CONFLICT);
    assert_eq!(stage.approvers().await?, before);
    // That there are two now is not undone by the link: one alone still changes nothing.
    stage.wants_to_approve().await?;
    stage.badge(&stage.company.approver.user_name, "4712").await?;

    stage.post(&token, &apply, &json!({})).await?.ok()?;
    assert_ne!(stage.approvers().await?, before);
    stage.stop().await;
    Ok(())
}

/// Neither unsigned, nor signed twice by one person, with whatever account, on whatever way.
async fn nobody_signs_for_two(stage: &Stage, id: &str, (ola, linked): (&mut Desk, &mut Desk)) -> anyhow::Result<()> {
    let token = stage.admin().await?;
    let apply = format!("/v1/admin/changes/{id}/apply");
    refused(&stage.post(&token, &apply, &json!({})).await?, 409, "change-not-open");
    refused(&linked.sign_change(id).await?, 409, "proposer-first");
    ola.sign_change(id).await?.ok()?;
    refused(&stage.post(&token, &apply, &json!({})).await?, 409, "change-not-open");
    assert_eq!(ola.press(id, "apply").await?.status, StatusCode::CONFLICT);
    refused(&ola.sign_change(id).await?, 409, "second-admin");
    refused(&linked.sign_change(id).await?, 409, "second-admin");
    // A signature that was begun before the other changes is worth no more.
    let page = format!("/changes/{id}");
    let begun = linked.call(&page, &format!("{page}/challenge"), &json!({})).await?;
    refused(&begun, 409, "second-admin");
    Ok(())
}

/// Neither what is carried out nor a signature, between the first and the second.
async fn nothing_is_exchanged(stage: &Stage, id: &str, kim: &mut Desk) -> anyhow::Result<()> {
    let change: ChangeId = id.parse()?;
    let at = keys::change(&application(), change);
    let kept = stage.read::<Sealed<Proposal<Command>>>(&at).await?.value;
    let mut other = kept.unverified().clone();
    let Command::EntitlementUpdate { input, .. } = &mut other.command else {
        anyhow::bail!("{other:?}");
    };
    input.quorum = 5;
    stage.forge(&other).await?;
    refused(&kim.sign_change(id).await?, 409, "seal-broken");
    let apply = format!("/v1/admin/changes/{id}/apply");
    let token = stage.admin().await?;
    refused(&stage.post(&token, &apply, &json!({})).await?, 409, "seal-broken");
    stage.forge(&kept).await?;

    // A second signature that nobody gave: the first one, moved.
    let first = keys::change_signature(&application(), change, Place::First);
    let moved = stage.read::<Sealed<ChangeSignature>>(&first).await?.value;
    let moved = ChangeSignature {
        place: Place::Second,
        ..moved.unverified().clone()
    };
    stage.forge(&moved).await?;
    refused(&stage.post(&token, &apply, &json!({})).await?, 409, "seal-broken");
    stage
        .erase(keys::change_signature(&application(), change, Place::Second))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_62_nothing_that_makes_access_easier_takes_one() -> anyhow::Result<()> {
    let stage = Stage::of(company_of_two().await?);
    let mut ola = first_admin(&stage).await?;
    let _kim = with_key(&stage, &mut ola, &stage.company.approver, admin()).await?;
    let token = stage.admin().await?;
    let own = stage.user_id(&stage.company.admin.user_name).await?;
    let other = stage.user_id(&stage.company.requester.user_name).await?;
    let auditor = stage.user_id(&stage.company.auditor.user_name).await?;
    let group = stage.company.prod_admins.id.to_string();
    let account = stage.company.admin.id.to_string();
    let before = configuration(&stage)?;

    let me = json!({"users": [own], "groups": []});
    let rules: [(&str, Value); 12] = [
        ("approvers", me.clone()),
        ("quorum", json!(2)),
        ("eligible", json!("nobody")),
        ("durations", json!(["30m"])),
        ("absolute_maximum", json!("30d")),
        ("approval", json!("none")),
        ("factor", json!("passkey_required")),
        ("attestation", json!("device_bound")),
        ("critical", json!(true)),
        ("emergency", json!({"people": me})),
        ("on_behalf", json!(true)),
        ("delegates", me.clone()),
    ];
    for (field, value) in rules {
        let answer = stage
            .change_entitlement(&stage.entitlement(), |body| body[field] = value.clone())
            .await?;
        assert_eq!(answer.status, 202, "{field}: {answer}");
    }
    let answer = stage
        .change_template(|body| body["default_approvers"] = me.clone())
        .await?;
    assert_eq!(answer.status, 202, "{answer}");

    let azure = json!({"tenant_id": stage.get(&token, "/v1/admin/integrations/azure").await?.ok()?["tenant_id"],
        "client_id": "00000000-0000-0000-0000-00000000c11e", "client_secret": "x"});
    let aws = json!({"url": "https://scim.eu-central-1.amazonaws.com/t/scim/v2/", "access_token": "x"});
    let calls: [(Method, String, Value); 10] = [
        (
            Method::POST,
            "entitlements".to_owned(),
            json!({"name": "x", "targets": [format!("entra:{group}")], "enabled": false}),
        ),
        (
            Method::PUT,
            format!("entitlements/{}/drift", stage.entitlement()),
            json!({"mode": "alert"}),
        ),
        (Method::PUT, format!("standing/{group}/{account}"), json!({})),
        (
            Method::PUT,
            "protected-accounts".to_owned(),
            json!({"accounts": [account]}),
        ),
        (Method::POST, "links".to_owned(), json!({"users": [other, auditor]})),
        (Method::PUT, "link-attribute".to_owned(), json!({"attribute": "person"})),
        (Method::PUT, "integrations/azure".to_owned(), azure),
        (Method::PUT, "integrations/aws".to_owned(), aws),
        (
            Method::POST,
            "applications/contoso.example/scim-tokens".to_owned(),
            json!({}),
        ),
        (
            Method::POST,
            "entitlements".to_owned(),
            json!({"name": "y", "targets": [format!("entra:{group}")], "approval": "none"}),
        ),
    ];
    for (method, path, body) in calls {
        let call = stage.request(method.clone(), &format!("/v1/admin/{path}"), &token);
        let answer = stage.send(call.json(&body)).await?;
        assert_eq!(answer.status, 202, "{method} {path}: {answer}");
    }
    let removal = stage.request(Method::DELETE, "/v1/admin/integrations/aws", &token);
    let answer = stage.send(removal).await?;
    assert_eq!(answer.status, 202, "{answer}");
    let after = configuration(&stage)?;
    let keys = before.keys().chain(after.keys());
    let changed: Vec<&String> = keys.filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(changed.is_empty(), "{changed:?} changed, and should wait");

    // No route switches the rule off, and brakes work as ever.
    for (enabled, status) in [(false, 200), (true, 202)] {
        let answer = stage
            .change_entitlement(&stage.entitlement(), |body| body["enabled"] = json!(enabled))
            .await?;
        assert_eq!(answer.status, status, "{answer}");
    }
    stage.stop().await;
    Ok(())
}

/// Everything that is configured.
fn configuration(stage: &Stage) -> anyhow::Result<BTreeMap<String, Value>> {
    let configured = |key: &String| ["CFG#", "LINK#", "DRIFT#"].iter().any(|prefix| key.starts_with(prefix));
    Ok(stage.state()?.into_iter().filter(|(key, _)| configured(key)).collect())
}
