//! Keys: how they come, from when on they count, and decisions that are signed by them.

use hourglass_domain::signed::{Form, Start};
use hourglass_tests::desk::Desk;
use serde_json::{Value, json};

use hourglass_tests::keyholders::{
    admin, change, company, company_without_cool_down, everyday, first_admin, request, user_of, with_key,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_signed_by_a_passkey_gives_access_and_keeps_its_proof() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    let id = request(&stage).await?;
    let page = kim.open(&format!("/inbox/{id}")).await?;
    assert!(page.html.contains("Approve for 30 min"), "{}", page.html);
    let decided = kim.decide(&id, "approve").await?;
    assert_eq!(decided.status, 200, "{decided}");
    let group = stage.company.prod_admins.id.to_string();
    let account = stage.company.requester.id.to_string();
    stage.member_is(&group, &account, true).await?;

    let stored = stored_decision(&stage, &id).await?;
    let form = stored["evidence"]["form"].as_str().unwrap_or_default();
    let Form::Decision(form) = Form::from_bytes(form.as_bytes())? else {
        anyhow::bail!("no decision: {form}");
    };
    assert_eq!(form.request.to_string(), id);
    assert_eq!(form.start, Start::OnApproval);
    assert_eq!(form.duration_seconds, 1_800);
    assert_eq!(form.beneficiary.object_id.to_string(), account);
    assert_eq!(
        form.approver.object_id.to_string(),
        stage.company.approver.id.to_string()
    );
    assert_eq!(form.targets.len(), 1);
    assert_eq!(form.targets[0].account, account);

    let auditor = stage.person(&stage.company.auditor.user_name).await?;
    let list = stage
        .get(&auditor, &format!("/v1/requests/{id}/decisions"))
        .await?
        .ok()?;
    assert_eq!(list["items"][0]["factor"], "passkey");
    let place = list["items"][0]["file"].as_str().unwrap_or_default();
    let file = stage.request(reqwest::Method::GET, place, &auditor).send().await?;
    let file = file.bytes().await?.to_vec();
    let proved = hourglass_verifier::decision::verify(&file)?;
    assert_eq!(proved.content().form, Form::Decision(form));
    let mut changed = file.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert!(hourglass_verifier::decision::verify(&changed).is_err());
    stage.stop().await;
    Ok(())
}

/// The one decision on a request, as it is stored.
async fn stored_decision(stage: &hourglass_tests::stage::Stage, id: &str) -> anyhow::Result<Value> {
    use hourglass_app::change::read_page;
    use hourglass_app::ports::store::Query;
    use hourglass_domain::decision::Decision;
    let query = Query::partition(hourglass_app::keys::decisions(id.parse()?));
    let page = read_page::<Decision>(&*stage.services.core.store, &query).await?;
    Ok(serde_json::to_value(&page.items[0].value)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_passkey_cannot_decide_by_a_sign_in() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    let id = request(&stage).await?;
    let refused = stage.decide(&stage.approver().await?, &id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (403, "passkey-expected"), "{refused}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_entitlement_takes_no_key_that_cools_down() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    change(&stage, &stage.entitlement(), json!({"critical": true})).await?;
    let id = request(&stage).await?;
    let refused = kim.decide(&id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (403, "key-cools-down"), "{refused}");
    stage.stop().await;

    let stage = company_without_cool_down().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    change(&stage, &stage.entitlement(), json!({"critical": true})).await?;
    let id = request(&stage).await?;
    let decided = kim.decide(&id, "approve").await?;
    assert_eq!(decided.status, 200, "{decided}");
    let group = stage.company.prod_admins.id.to_string();
    stage
        .member_is(&group, &stage.company.requester.id.to_string(), true)
        .await?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entitlement_that_wants_keys_bound_to_their_device_takes_no_other() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    change(&stage, &stage.entitlement(), json!({"attestation": "device_bound"})).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    let id = request(&stage).await?;
    let refused = kim.decide(&id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (403, "key-not-taken"), "{refused}");

    let other = &stage.company.other_approvers[0];
    let mut tomasz = Desk::of(&stage, other, everyday()).await?;
    tomasz.key = hourglass_tests::authenticator::SoftKey::new().device_bound();
    let credential = tomasz.add_key("security key").await?;
    let asked = json!({"action": "confirm", "credential": credential, "user": user_of(&stage, other).await?});
    assert_eq!(ola.change_keys(&asked).await?.status, 200);
    let decided = tomasz.decide(&id, "approve").await?;
    assert_eq!(decided.status, 200, "{decided}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_has_confirmed_signs_nothing() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    kim.add_key("laptop").await?;
    let id = request(&stage).await?;
    let refused = kim.decide(&id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (404, "not-found"), "{refused}");
    let page = kim.open("/passkeys").await?;
    assert!(page.html.contains("waits to be confirmed"), "{}", page.html);
    stage.stop().await;
    Ok(())
}

/// What the form with the code from set-up is answered.
async fn set_up(browser: &Desk, credential: &str, code: &str) -> anyhow::Result<u16> {
    let fields = [("credential", credential), ("code", code)];
    let shown = browser.form("/passkeys", "/passkeys/set-up", &fields).await?;
    Ok(shown.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_from_set_up_counts_once_for_an_admin_and_only_while_nobody_has_a_key() -> anyhow::Result<()> {
    let stage = company().await?;
    let code = hourglass_local::system::SET_UP_CODE;
    let mut kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let hers = kim.add_key("laptop").await?;
    assert_eq!(set_up(&kim, &hers, code).await?, 403, "no admin");
    let mut ola = Desk::of(&stage, &stage.company.admin, admin()).await?;
    let theirs = ola.add_key("first").await?;
    assert_eq!(set_up(&ola, &theirs, "hourglass-lapdog").await?, 403, "another code");
    assert_eq!(set_up(&ola, &theirs, code).await?, 303);
    let mut noor = Desk::of(&stage, &stage.company.second_admin, admin()).await?;
    let third = noor.add_key("first").await?;
    assert_eq!(set_up(&noor, &third, code).await?, 403, "somebody has a key");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn further_keys_are_vouched_for_by_the_first_and_keys_are_renamed_and_removed_by_signature() -> anyhow::Result<()>
{
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    // The same authenticator refuses a second key for the account; another one does not.
    let mut phone = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let second = phone.add_key("phone").await?;
    let by_admin = json!({"action": "confirm", "credential": second,
        "user": user_of(&stage, &stage.company.approver).await?});
    let refused = ola.change_keys(&by_admin).await?;
    assert_eq!((refused.status, refused.code()), (403, "passkey-expected"), "{refused}");
    let added = kim.change_keys(&json!({"action": "add", "credential": second})).await?;
    assert_eq!(added.status, 200, "{added}");
    let renamed = kim
        .change_keys(&json!({"action": "rename", "credential": second, "name": "Kim's phone"}))
        .await?;
    assert_eq!(renamed.status, 200, "{renamed}");
    assert!(kim.open("/passkeys").await?.html.contains("Kim&#39;s phone"));
    let removed = kim
        .change_keys(&json!({"action": "remove", "credential": second}))
        .await?;
    assert_eq!(removed.status, 200, "{removed}");
    let id = request(&stage).await?;
    let page = format!("/inbox/{id}");
    let asked = json!({"decision": "approve"});
    let begun = phone.call(&page, &format!("{page}/challenge"), &asked).await?.ok()?;
    let offered = begun["options"]["publicKey"]["allowCredentials"].to_string();
    assert!(!offered.contains(&second), "a removed key is not asked for: {offered}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_their_keys_begins_anew_when_two_admins_say_so() -> anyhow::Result<()> {
    let stage = company_without_cool_down().await?;
    let mut ola = first_admin(&stage).await?;
    let mut noor = with_key(&stage, &mut ola, &stage.company.second_admin, admin()).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    let asked = json!({"action": "recover", "user": user_of(&stage, &stage.company.approver).await?});
    let refused = kim.change_keys(&asked).await?;
    assert_eq!(refused.status, 403, "no admin: {refused}");
    for _ in 0..2 {
        let proposed = ola.change_keys(&asked).await?;
        assert_eq!(proposed.status, 200, "{proposed}");
    }
    let id = request(&stage).await?;
    assert_eq!(
        kim.decide(&id, "approve").await?.status,
        200,
        "one admin alone takes nothing away"
    );
    let done = noor.change_keys(&asked).await?;
    assert_eq!(done.status, 200, "{done}");
    let id = request_of(&stage, 1).await?;
    let refused = kim.decide(&id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (404, "not-found"), "{refused}");
    with_key(&stage, &mut noor, &stage.company.approver, everyday()).await?;
    stage.stop().await;
    Ok(())
}

/// A request by the usual requester for another entitlement.
async fn request_of(stage: &hourglass_tests::stage::Stage, number: usize) -> anyhow::Result<String> {
    let dana = stage.requester().await?;
    let offered = stage.get(&dana, "/v1/entitlements?limit=100").await?.ok()?;
    let others = offered["items"].as_array().into_iter().flatten();
    let other = others.filter(|item| item["id"] != stage.entitlement()).nth(number);
    let id = other.and_then(|item| item["id"].as_str()).unwrap_or_default();
    let asked = stage.ask_for(&dana, id, "30m").await?.ok()?;
    Ok(asked["id"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_of_this_morning_adds_no_key_and_decides_nothing() -> anyhow::Result<()> {
    let stage = company().await?;
    let kim = Desk::signed_in_at(&stage, &stage.company.approver, everyday(), 16 * 60).await?;
    let refused = kim
        .call("/passkeys", "/passkeys/new", &json!({"name": "laptop"}))
        .await?;
    assert_eq!((refused.status, refused.code()), (401, "sign-in-recent"), "{refused}");
    let id = request(&stage).await?;
    let asked = json!({"decision": "approve"});
    let refused = kim.call("/passkeys", &format!("/inbox/{id}/challenge"), &asked).await?;
    assert_eq!((refused.status, refused.code()), (401, "sign-in-recent"), "{refused}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_at_another_host_takes_no_key_until_an_admin_accepts_how_many_become_void() -> anyhow::Result<()> {
    use hourglass_app::passkeys::RelyingParty;
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    // As if the stack's address had been changed.
    let moved = RelyingParty {
        rp_id: "access.contoso.example".to_owned(),
        since: stage.now(),
    };
    stage.forge(&moved).await?;
    let refused = ola.call("/passkeys", "/passkeys/new", &json!({"name": "x"})).await?;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "relying-party-changed"),
        "{refused}"
    );
    let page = ola.open("/passkeys/waiting").await?;
    assert!(page.html.contains("0 keys become void"), "{}", page.html);
    let wrong = ola
        .form("/passkeys/waiting", "/passkeys/host", &[("voids", "7")])
        .await?;
    assert_eq!(wrong.status, 422);
    let accepted = ola
        .form("/passkeys/waiting", "/passkeys/host", &[("voids", "0")])
        .await?;
    assert_eq!(accepted.status, 303, "{}", accepted.html);
    ola.key = hourglass_tests::authenticator::SoftKey::new();
    ola.add_key("new").await?;
    stage.stop().await;
    Ok(())
}
