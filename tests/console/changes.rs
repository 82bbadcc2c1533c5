//! Changes of the configuration that two admins sign: from the proposal to what is in force.

use anyhow::Context as _;
use hourglass_local::company::Person;
use hourglass_tests::Answer;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, company, company_of_two, everyday, first_admin, user_of, with_key};
use hourglass_tests::stage::{Stage, refused, stage_with};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Two admins with keys that count: the usual one, and the usual approver.
async fn two_admins(stage: &Stage) -> anyhow::Result<(Desk, Desk)> {
    let mut ola = first_admin(stage).await?;
    let kim = with_key(stage, &mut ola, &stage.company.approver, admin()).await?;
    Ok((ola, kim))
}

/// The change that a call was answered with; nothing is done yet.
fn waiting(answer: &Answer) -> anyhow::Result<String> {
    anyhow::ensure!(answer.status == 202, "{answer}");
    anyhow::ensure!(answer.body["status"] == "waiting", "{answer}");
    let id = answer.body["change"].as_str().context("no change")?;
    let place = answer.body["sign_at"].as_str().context("no place")?;
    anyhow::ensure!(place.ends_with(&format!("/changes/{id}")), "{place}");
    Ok(id.to_owned())
}

async fn entitlement(stage: &Stage) -> anyhow::Result<Value> {
    let path = format!("/v1/admin/entitlements/{}", stage.entitlement());
    stage.get(&stage.admin().await?, &path).await?.ok()
}

async fn change(stage: &Stage, id: &str) -> anyhow::Result<Value> {
    let path = format!("/v1/admin/changes/{id}");
    stage.get(&stage.admin().await?, &path).await?.ok()
}

/// A proposal to ask for two approvals.
async fn quorum_of_two(stage: &Stage) -> anyhow::Result<String> {
    let answer = stage
        .change_entitlement(&stage.entitlement(), |body| body["quorum"] = json!(2))
        .await?;
    waiting(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_effect_when_its_proposer_and_another_admin_have_signed() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let answer = stage
        .change_entitlement(&stage.entitlement(), |body| {
            body["approvers"] = json!({"users": [], "groups": []});
            body["approvers"] = Value::Null;
            body["quorum"] = json!(2);
        })
        .await?;
    let id = waiting(&answer)?;
    assert_eq!(entitlement(&stage).await?["quorum"], 1, "nothing has changed yet");
    let proposed = change(&stage, &id).await?;
    assert_eq!(proposed["status"], "waiting_proposer");
    let line = |field: &str| {
        let lines = proposed["lines"].as_array().cloned().unwrap_or_default();
        lines.into_iter().find(|line| line["field"] == field)
    };
    assert_eq!(
        line("quorum"),
        Some(json!({"field": "quorum", "before": "1", "after": "2"}))
    );
    assert_eq!(line("name"), None);

    // Whoever reads it sees what it does, and not yet a button to sign with.
    let page = kim.open(&format!("/changes/{id}")).await?;
    assert!(page.html.contains("prod-admins"), "{}", page.html);
    assert!(!page.html.contains("data-challenge"), "{}", page.html);
    assert!(page.html.contains("Its proposer signs first"), "{}", page.html);
    refused(&kim.sign_change(&id).await?, 409, "proposer-first");

    let page = format!("/changes/{id}");
    let why = [("comment", "INC-7 <b>needs</b> two")];
    let said = ola.form(&page, &format!("/admin{page}/explain"), &why).await?;
    assert_eq!(said.location, Some(format!("{page}?done=explained")));
    let shown = kim.open(&page).await?.html;
    assert!(shown.contains("INC-7 &#60;b&#62;needs"), "{shown}");
    let others = kim.form(&page, &format!("/admin{page}/explain"), &why).await?;
    assert_eq!(others.status, StatusCode::CONFLICT, "nobody else says why");

    let signed = ola.sign_change(&id).await?.ok()?;
    assert_eq!(signed["place"], format!("/changes/{id}?done=signed"));
    assert_eq!(change(&stage, &id).await?["status"], "waiting_second");
    assert_eq!(entitlement(&stage).await?["quorum"], 1);
    let shown = ola.press(&id, "apply").await?;
    assert_eq!(shown.status, StatusCode::CONFLICT, "{}", shown.html);

    let list = kim.open("/changes").await?;
    assert!(list.html.contains(&format!("/changes/{id}")), "{}", list.html);
    let page = kim.open(&format!("/changes/{id}")).await?;
    assert!(page.html.contains("data-challenge"), "{}", page.html);
    let signed = kim.sign_change(&id).await?.ok()?;
    assert_eq!(signed["post"], format!("/admin/changes/{id}/apply"));
    assert_eq!(entitlement(&stage).await?["quorum"], 1, "signed, and not applied");
    assert_eq!(change(&stage, &id).await?["status"], "signed");
    let page = ola.open(&format!("/changes/{id}")).await?;
    assert!(page.html.contains("Make it so"), "{}", page.html);

    let applied = kim.press(&id, "apply").await?;
    assert_eq!(applied.status, StatusCode::SEE_OTHER, "{}", applied.html);
    assert_eq!(applied.location, Some(format!("/changes/{id}?done=applied")));
    assert_eq!(entitlement(&stage).await?["quorum"], 2);
    let done = change(&stage, &id).await?;
    assert_eq!(done["status"], "applied");
    assert_eq!(done["signatures"].as_array().map(Vec::len), Some(2));
    // Once is enough.
    assert_eq!(kim.press(&id, "apply").await?.status, StatusCode::CONFLICT);
    told(&stage, &id).await?;
    stage.stop().await;
    Ok(())
}

/// What the audit trail says of a change: its own stream, and that of what it changed.
async fn told(stage: &Stage, id: &str) -> anyhow::Result<()> {
    let state = stage.state()?;
    let events = |prefix: String| -> Vec<Value> {
        let of = state.iter().filter(move |(key, _)| key.starts_with(&prefix));
        of.map(|(_, item)| item["body"]["M"].clone()).collect()
    };
    let own = events(format!("AUD#config:contoso.example:change:{id} / E#"));
    let actions: Vec<&str> = own.iter().filter_map(|event| event["action"]["S"].as_str()).collect();
    assert_eq!(
        actions,
        [
            "change.proposed",
            "change.explained",
            "change.signed",
            "change.signed",
            "change.applied"
        ]
    );
    let of = events(format!(
        "AUD#config:contoso.example:entitlement:{} / E#",
        stage.entitlement()
    ));
    let last = of.last().context("no event")?;
    let fact = |name: &str| last["facts"]["M"][name]["S"].as_str().unwrap_or_default().to_owned();
    assert_eq!(fact("change"), id);
    assert_eq!(fact("proposed_by"), user_of(stage, &stage.company.admin).await?);
    assert_eq!(fact("signed_by"), user_of(stage, &stage.company.approver).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn until_a_second_admin_has_signed_in_one_is_enough_and_the_page_says_so() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let mut ola = first_admin(&stage).await?;
    let (path, token) = ("/v1/admin/changes", stage.admin().await?);
    assert_eq!(stage.get(&token, path).await?.ok()?["mode"], "one");
    let page = ola.open("/changes").await?;
    assert!(page.html.contains("No second admin has signed in yet"), "{}", page.html);
    // Neither somebody who is no admin nor the same admin again is a second one.
    with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    Desk::of(&stage, &stage.company.admin, admin()).await?;
    let done = stage
        .change_entitlement(&stage.entitlement(), |body| body["quorum"] = json!(2))
        .await?;
    assert_eq!(done.status, 200, "{done}");

    Desk::of(&stage, &stage.company.approver, admin()).await?;
    assert_eq!(stage.get(&token, path).await?.ok()?["mode"], "two");
    let page = ola.open("/changes").await?;
    assert!(!page.html.contains("No second admin"), "{}", page.html);
    let wanted = stage
        .change_entitlement(&stage.entitlement(), |body| body["quorum"] = json!(1))
        .await?;
    waiting(&wanted)?;
    assert_eq!(entitlement(&stage).await?["quorum"], 2);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stack_switches_off_takes_one() -> anyhow::Result<()> {
    let stage = company().await?;
    Desk::of(&stage, &stage.company.admin, admin()).await?;
    let kim = Desk::of(&stage, &stage.company.approver, admin()).await?;
    let done = stage
        .change_entitlement(&stage.entitlement(), |body| body["quorum"] = json!(2))
        .await?;
    assert_eq!(done.status, 200, "{done}");
    let page = kim.open("/changes").await?;
    assert!(page.html.contains("a parameter of the stack"), "{}", page.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_another_overtook_never_takes_effect() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let id = quorum_of_two(&stage).await?;
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    // Texts change at once, and the version with them.
    let renamed = stage
        .change_entitlement(&stage.entitlement(), |body| {
            body["description"] = json!("Another text.")
        })
        .await?;
    assert_eq!(renamed.status, 200, "{renamed}");
    let applied = kim.press(&id, "apply").await?;
    assert_eq!(applied.status, StatusCode::CONFLICT, "{}", applied.html);
    assert_eq!(entitlement(&stage).await?["quorum"], 1);
    assert_eq!(change(&stage, &id).await?["status"], "superseded");
    // Nor is one signed whose ground has gone.
    let second = quorum_of_two(&stage).await?;
    stage
        .change_entitlement(&stage.entitlement(), |body| body["description"] = json!("And another."))
        .await?
        .ok()?;
    refused(&ola.sign_change(&second).await?, 409, "change-superseded");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn any_admin_takes_a_proposal_back_and_nobody_else() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let dana = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    let id = quorum_of_two(&stage).await?;
    ola.sign_change(&id).await?.ok()?;
    for button in ["apply", "withdraw"] {
        assert_eq!(dana.press(&id, button).await?.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(dana.open("/changes").await?.status, StatusCode::FORBIDDEN);
    assert_eq!(
        dana.open(&format!("/changes/{id}")).await?.status,
        StatusCode::FORBIDDEN
    );
    let back = kim.press(&id, "withdraw").await?;
    assert_eq!(back.location, Some(format!("/changes/{id}?done=withdrawn")));
    assert_eq!(change(&stage, &id).await?["status"], "withdrawn");
    refused(&kim.sign_change(&id).await?, 409, "change-not-open");
    assert_eq!(kim.press(&id, "apply").await?.status, StatusCode::CONFLICT);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cools_down_signs_no_change() -> anyhow::Result<()> {
    let stage = stage_with(|options| options.key_cool_down_seconds = 3_600).await?;
    let (mut ola, _kim) = two_admins(&stage).await?;
    let id = quorum_of_two(&stage).await?;
    let page = ola.open(&format!("/changes/{id}")).await?;
    assert!(page.html.contains("This passkey is new"), "{}", page.html);
    refused(&ola.sign_change(&id).await?, 403, "key-cools-down");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scim_secret_is_made_when_two_have_signed_and_shown_once() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let token = stage.admin().await?;
    let path = "/v1/admin/applications/contoso.example/scim-tokens";
    let id = waiting(&stage.post(&token, path, &json!({})).await?)?;
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    let applied = kim.press(&id, "apply").await?;
    assert_eq!(applied.status, StatusCode::OK, "{}", applied.html);
    let (_, after) = applied.html.rsplit_once("<code data-copy>").context("no secret")?;
    let (secret, _) = after.split_once('<').context("no end")?;
    let users = format!("{}?count=1", stage.ready.scim.url.clone() + "/Users");
    let call = stage.http().get(&users).bearer_auth(secret).send().await?;
    assert_eq!(call.status(), StatusCode::OK);
    let stored = stage.state()?;
    assert!(!stored.values().any(|item| item.to_string().contains(secret)));
    // To delete one takes one admin, at once.
    let all = stage.get(&token, "/v1/admin/applications").await?.ok()?;
    let known = all["items"][0]["scim_tokens"].as_array().cloned().unwrap_or_default();
    let fresh = known
        .last()
        .and_then(|token| token["id"].as_str())
        .context("no secret")?;
    let gone = stage.request(Method::DELETE, &format!("{path}/{fresh}"), &token);
    assert_eq!(stage.send(gone).await?.status, 204);
    let call = stage.http().get(&users).bearer_auth(secret).send().await?;
    assert_eq!(call.status(), StatusCode::UNAUTHORIZED);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_azure_client_takes_two_and_its_secret_is_in_no_proposal() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let (token, path) = (stage.admin().await?, "/v1/admin/integrations/azure");
    let known = stage.get(&token, path).await?.ok()?;
    let body = |client: &Value| json!({"tenant_id": known["tenant_id"], "client_id": client, "client_secret": "hunter2-hunter2"});
    let fresh = stage.put(&token, path, &body(&known["client_id"])).await?;
    assert_eq!(fresh.status, 200, "a fresh secret for the same client: {fresh}");

    let other = json!("00000000-0000-0000-0000-00000000c11e");
    let id = waiting(&stage.put(&token, path, &body(&other)).await?)?;
    assert!(!stage.state()?.values().any(|item| item.to_string().contains("hunter2")));
    assert_eq!(stage.get(&token, path).await?.ok()?["client_id"], known["client_id"]);
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    assert_eq!(kim.press(&id, "apply").await?.status, StatusCode::SEE_OTHER);
    assert_eq!(stage.get(&token, path).await?.ok()?["client_id"], other);
    let entered = stage.put(&token, path, &body(&other)).await?;
    assert_eq!(entered.status, 200, "{entered}");
    stage.stop().await;
    Ok(())
}

/// Proposes to switch groups on, and answers the change's id.
async fn switch_on(ola: &Desk, groups: &[&str]) -> anyhow::Result<String> {
    let rest = [("eligible_kind", "nobody"), ("eligible", "")];
    let fields: Vec<_> = groups.iter().map(|group| ("groups", *group)).chain(rest).collect();
    let path = "/admin/entitlements/groups";
    let sent = ola.form(path, path, &fields).await?;
    let place = sent.location.with_context(|| sent.html.clone())?;
    let id = place.strip_prefix("/changes/").and_then(|rest| rest.split_once('?'));
    id.map(|(id, _)| id.to_owned()).with_context(|| place.clone())
}

/// Two groups that feed no approvers, by object id.
fn two_groups(stage: &Stage) -> [String; 2] {
    let company = &stage.company;
    [company.prod_admins.id.to_string(), company.standing.id.to_string()]
}

#[tokio::test(flavor = "multi_thread")]
async fn many_groups_are_switched_on_as_one_proposal() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let token = stage.admin().await?;
    let [one, other] = two_groups(&stage);
    let before = stage.all(&token, "/v1/admin/entitlements").await?.len();
    let id = switch_on(&ola, &[&one, &other]).await?;
    assert_eq!(stage.all(&token, "/v1/admin/entitlements").await?.len(), before);
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    let applied = ola.press(&id, "apply").await?;
    assert_eq!(applied.status, StatusCode::SEE_OTHER, "{}", applied.html);
    assert_eq!(stage.all(&token, "/v1/admin/entitlements").await?.len(), before + 2);
    assert_eq!(change(&stage, &id).await?["status"], "applied");
    let shown = ola.open(&format!("/changes/{id}")).await?.html;
    assert!(!shown.contains("were left out"), "{shown}");
    assert_eq!(kim.press(&id, "apply").await?.status, StatusCode::CONFLICT);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_could_not_be_switched_on_any_more_is_named() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let (mut ola, mut kim) = two_admins(&stage).await?;
    let token = stage.admin().await?;
    let [one, other] = two_groups(&stage);
    let before = stage.all(&token, "/v1/admin/entitlements").await?.len();
    let id = switch_on(&ola, &[&one, &other]).await?;
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    stage.provisioner().delete_group(stage.company.standing.id).await?;
    let applied = ola.press(&id, "apply").await?;
    assert_eq!(applied.status, StatusCode::SEE_OTHER, "{}", applied.html);
    assert_eq!(stage.all(&token, "/v1/admin/entitlements").await?.len(), before + 1);
    let shown = ola.open(&format!("/changes/{id}")).await?.html;
    let (_, rest) = shown.split_once("were left out").context("it says so")?;
    let (named, _) = rest.split_once("</div>").context("in a warning")?;
    assert!(named.contains(&other) && !named.contains(&one), "{named}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_proposes_once() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let _two = two_admins(&stage).await?;
    let token = stage.admin().await?;
    let group = stage.company.prod_admins.id.to_string();
    let body = json!({"name": "again", "targets": [format!("entra:{group}")]});
    let call = || {
        stage
            .request(Method::POST, "/v1/admin/entitlements", &token)
            .header("Idempotency-Key", "one")
            .json(&body)
    };
    let first = waiting(&stage.send(call()).await?)?;
    let second = waiting(&stage.send(call()).await?)?;
    assert_eq!(first, second);
    let all = stage.get(&token, "/v1/admin/changes").await?.ok()?;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    stage.stop().await;
    Ok(())
}

/// Somebody who could be a second admin, and is not provisioned, does not count: they could not sign.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_is_not_provisioned_is_no_second_one() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    first_admin(&stage).await?;
    let nobody = Person {
        id: "00000000-0000-0000-0000-0000000000aa".parse()?,
        ..stage.company.approver.clone()
    };
    Desk::of(&stage, &nobody, admin()).await?;
    let done = stage
        .change_entitlement(&stage.entitlement(), |body| body["quorum"] = json!(2))
        .await?;
    assert_eq!(done.status, 200, "{done}");
    stage.stop().await;
    Ok(())
}
