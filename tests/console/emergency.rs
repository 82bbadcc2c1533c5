//! Access that nobody approves beforehand.

use hourglass_tests::desk::Desk;
use hourglass_tests::stage::Stage;
use serde_json::json;

use hourglass_tests::keyholders::{
    change, company, company_without_cool_down, everyday, first_admin, request, user_of, with_key,
};

#[tokio::test(flavor = "multi_thread")]
async fn where_no_approval_is_needed_the_person_activates_with_their_passkey() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut dana = with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    change(&stage, &stage.entitlement(), json!({"approval": "none"})).await?;
    let id = request(&stage).await?;
    let approver = stage.approver().await?;
    let refused = stage.decide(&approver, &id, "approve").await?;
    assert_eq!((refused.status, refused.code()), (409, "own-activation"), "{refused}");
    let activated = dana.activate(&id).await?;
    assert_eq!(activated.status, 200, "{activated}");
    let (group, account) = ids(&stage);
    stage.member_is(&group, &account, true).await?;
    let page = dana.open(&format!("/activate/{id}")).await?;
    assert!(page.html.contains("self-approved by policy"), "{}", page.html);
    stage.stop().await;
    Ok(())
}

fn ids(stage: &Stage) -> (String, String) {
    (
        stage.company.prod_admins.id.to_string(),
        stage.company.requester.id.to_string(),
    )
}

/// The usual requester may activate the usual entitlement, which is critical, in an emergency.
async fn with_emergency(stage: &Stage) -> anyhow::Result<()> {
    let user = user_of(stage, &stage.company.requester).await?;
    let fields = json!({"critical": true, "emergency": {"people": {"users": [user]}, "maximum": "1h"}});
    change(stage, &stage.entitlement(), fields).await?;
    Ok(())
}

async fn ask(browser: &Desk, entitlement: &str, duration: &str) -> anyhow::Result<(u16, String)> {
    let fields = [
        ("entitlement", entitlement),
        ("duration", duration),
        ("justification", "INC-1042: the checkout is down"),
    ];
    let shown = browser.form("/activate", "/activate", &fields).await?;
    let id = shown.location.unwrap_or_default().replace("/activate/", "");
    Ok((shown.status.as_u16(), id))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_activated_at_once_and_reviewed_by_somebody_else() -> anyhow::Result<()> {
    let stage = company_without_cool_down().await?;
    let mut ola = first_admin(&stage).await?;
    let mut dana = with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    with_emergency(&stage).await?;
    let (status, _) = ask(&dana, &stage.entitlement(), "2h").await?;
    assert_eq!(status, 422, "longer than its maximum");
    let (status, id) = ask(&dana, &stage.entitlement(), "1h").await?;
    assert_eq!(status, 303);
    let activated = dana.activate(&id).await?;
    assert_eq!(activated.status, 200, "{activated}");
    let (group, account) = ids(&stage);
    stage.member_is(&group, &account, true).await?;

    let person = stage.requester().await?;
    let request = stage.get(&person, &format!("/v1/requests/{id}")).await?.ok()?;
    let grant = request["grant"].as_str().unwrap_or_default().to_owned();
    let longer = json!({"duration": "30m", "justification": "INC-1042: still down"});
    let refused = stage
        .post(&person, &format!("/v1/grants/{grant}/extend"), &longer)
        .await?;
    assert_eq!(
        (refused.status, refused.code()),
        (409, "emergency-not-extended"),
        "{refused}"
    );
    let (status, _) = ask(&dana, &stage.entitlement(), "30m").await?;
    assert_eq!(status, 409, "one at a time");

    let review = format!("/inbox/reviews/{grant}");
    let fields = [("justified", "true"), ("comment", "the checkout was down")];
    let own = dana.form("/passkeys", &review, &fields).await?;
    assert_eq!(own.status, 403, "nobody reviews their own");
    let late = Desk::signed_in_at(&stage, &stage.company.approver, everyday(), 600).await?;
    let shown = late.open("/inbox/reviews").await?.html;
    assert!(
        shown.contains("/auth/step-up?")
            && shown.contains("returnTo=%2Finbox%2Freviews")
            && !shown.contains("<textarea"),
        "nobody types what a missing second factor would lose: {shown}"
    );
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let reviewed = kim.form("/inbox/reviews", &review, &fields).await?;
    assert_eq!(reviewed.status, 303, "{}", reviewed.html);
    let again = kim.form("/passkeys", &review, &fields).await?;
    assert_eq!(again.status, 409, "once");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_needs_a_key_that_counts_and_somebody_whom_the_entitlement_names() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut dana = with_key(&stage, &mut ola, &stage.company.requester, everyday()).await?;
    with_emergency(&stage).await?;
    let (status, id) = ask(&dana, &stage.entitlement(), "30m").await?;
    assert_eq!(status, 303);
    let refused = dana.activate(&id).await?;
    assert_eq!((refused.status, refused.code()), (403, "key-cools-down"), "{refused}");
    let asked = json!({"entitlement": stage.entitlement(), "duration": "30m", "emergency": true,
        "justification": "INC-1042: the checkout is down"});
    let other = stage.person(&stage.company.auditor.user_name).await?;
    let refused = stage.post(&other, "/v1/requests", &asked).await?;
    assert!([403, 404].contains(&refused.status), "{refused}");
    stage.stop().await;
    Ok(())
}
