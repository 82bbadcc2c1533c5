//! What somebody has: seeing it end, ending it, asking for more time, reminding and taking back.

use hourglass_local::company::Person;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::everyday;
use hourglass_tests::stage::{Stage, stage};
use serde_json::json;

use super::request::{dana, hidden};

async fn ids(stage: &Stage) -> (String, String) {
    (
        stage.company.prod_admins.id.to_string(),
        stage.company.requester.id.to_string(),
    )
}

/// Somebody who has nothing to do with anything.
async fn stranger(stage: &Stage) -> anyhow::Result<Desk> {
    let roles = [hourglass_domain::roles::Role::Requester].into();
    let person: &Person = &stage.company.auditor;
    Desk::of(stage, person, roles).await
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_shown_with_its_end_and_ended_by_its_owner() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    let empty = dana.open("/access").await?;
    assert!(
        empty.html.contains("You have no access at the moment."),
        "{}",
        empty.html
    );
    let (request, grant) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let (group, account) = ids(&stage).await;
    stage.member_is(&group, &account, true).await?;
    let page = stage
        .until("the page shows it active", || async {
            let page = dana.open("/access").await?;
            Ok(if page.html.contains("</span> active</span>") {
                Ok(page)
            } else {
                Err(page.html)
            })
        })
        .await?;
    for part in [
        "class=\"ring\"",
        "data-until=",
        "data-live",
        "Entra: ",
        "End prod-admins now",
        "Takes Dana Reyes out of prod-admins at once",
        "Sign in again where you want to use it",
    ] {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    // Not by somebody else, who does not even learn that it is there.
    let stranger = stranger(&stage).await?;
    let refused = stranger.form("/access", &format!("/access/{grant}/end"), &[]).await?;
    assert_eq!(refused.status, 404, "{refused:?}");
    assert_eq!(stranger.open(&format!("/requests/{request}")).await?.status, 404);
    assert_eq!(stranger.open(&format!("/access/{grant}/extend")).await?.status, 404);
    // A link changes nothing.
    let opened = dana.open(&format!("/access/{grant}/end")).await?;
    assert_eq!(opened.status, 405);

    let ended = dana.form("/access", &format!("/access/{grant}/end"), &[]).await?;
    assert_eq!(ended.location.as_deref(), Some("/access?done=ended"), "{ended:?}");
    let page = dana.open("/access?done=ended").await?;
    assert!(
        page.html.contains("is being taken away, within seconds"),
        "{}",
        page.html
    );
    stage.member_is(&group, &account, false).await?;
    let page = stage
        .until("the page shows it among the past ones", || async {
            let page = dana.open("/access").await?;
            let over = page.html.contains("ended by its owner") && page.html.contains("Request again");
            Ok(if over { Ok(page) } else { Err(page.html) })
        })
        .await?;
    // By how long it was for, and not by the words for that.
    assert!(page.html.contains("<td data-sort=\"3600\">1 h</td>"), "{}", page.html);
    // The way to ask again leads to the form filled in.
    let again = format!("/request?again={request}");
    assert!(page.html.contains(&format!("href=\"{again}\"")), "{}", page.html);
    let form = dana.open(&again).await?;
    assert!(form.html.contains("INC-42: restart the pool"), "{}", form.html);
    assert_eq!(
        stranger.open(&again).await?.status,
        404,
        "what others wrote fills no form"
    );
    assert!(form.html.contains("value=\"1h\" checked"), "{}", form.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_time_is_asked_for_once_and_waits_for_the_approvers() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (_, grant) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let dana = dana(&stage).await?;
    let place = format!("/access/{grant}/extend");
    let page = dana.open(&place).await?;
    assert!(page.html.contains("More time for prod-admins"), "{}", page.html);
    let once = hidden(&page, "once");
    let short = [("once", once.as_str()), ("duration", "30m"), ("justification", "x")];
    let refused = dana.form(&place, &place, &short).await?;
    assert_eq!(refused.status, 422);
    assert!(refused.html.contains("id=\"justification-wrong\""), "{}", refused.html);
    let good = [
        ("once", once.as_str()),
        ("duration", "30m"),
        ("justification", "INC-1042: still down"),
    ];
    let sent = dana.form(&place, &place, &good).await?;
    assert_eq!(sent.status, 303, "{sent:?}");
    let again = dana.form(&place, &place, &good).await?;
    assert_eq!(again.location, sent.location);
    let access = dana.open("/access").await?;
    assert_eq!(access.html.matches("· more time").count(), 1, "{}", access.html);
    // That there is one already is said beforehand, and to whoever asks all the same.
    let page = dana.open(&place).await?;
    assert!(page.html.contains("You have asked for this already"), "{}", page.html);
    assert!(!page.html.contains("name=\"once\""), "no form: {}", page.html);
    let other = [
        ("once", "another"),
        ("duration", "30m"),
        ("justification", "INC-1042: still down"),
    ];
    let refused = dana.form(&place, &place, &other).await?;
    assert_eq!(refused.status, 422);
    assert!(refused.html.contains("role=\"alert\""), "{}", refused.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn approvers_are_reminded_and_a_request_is_taken_back() -> anyhow::Result<()> {
    let stage = stage().await?;
    let requester = stage.requester().await?;
    let id = stage.asked(&requester, "30m").await?;
    let dana = dana(&stage).await?;
    let page = dana.open("/access").await?;
    for part in ["0 of 1 approvals", "people can approve", "lapses", "Remind"] {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    let stranger = stranger(&stage).await?;
    let (remind, cancel) = (format!("/requests/{id}/remind"), format!("/requests/{id}/cancel"));
    for path in [&remind, &cancel] {
        assert_eq!(stranger.form("/access", path, &[]).await?.status, 404, "{path}");
    }
    // Whoever may decide sees it, and it is not theirs to take back.
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    assert_eq!(kim.form("/access", &cancel, &[]).await?.status, 403);

    let reminded = dana.form("/access", &remind, &[]).await?;
    assert_eq!(
        reminded.location.as_deref(),
        Some("/access?done=reminded"),
        "{reminded:?}"
    );
    let page = dana.open("/access?done=reminded").await?;
    assert!(
        page.html.contains("the approvers see it in their inbox"),
        "{}",
        page.html
    );
    assert!(page.html.contains("asked again"), "{}", page.html);
    assert!(
        !page.html.contains(&format!("action=\"{remind}\"")),
        "not again at once"
    );
    let again = dana.form("/access", &remind, &[]).await?;
    assert_eq!(again.status, 429, "{again:?}");
    assert!(
        stage
            .timeline(&requester, &id)
            .await?
            .contains(&"request.reminded".to_owned())
    );

    let cancelled = dana.form("/access", &cancel, &[]).await?;
    assert_eq!(cancelled.status, 303, "{cancelled:?}");
    let page = dana.open("/access").await?;
    assert!(page.html.contains("taken back"), "{}", page.html);
    let over = dana.form("/access", &remind, &[]).await?;
    assert_eq!(over.status, 409, "{over:?}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_revokes_with_a_reason_that_the_owner_reads() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (request, _) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let (group, account) = ids(&stage).await;
    stage.member_is(&group, &account, true).await?;
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let place = format!("/requests/{request}");
    let page = kim.open(&place).await?;
    assert!(
        page.html.contains("Take Dana Reyes out of prod-admins now"),
        "{}",
        page.html
    );
    let revoke = format!("{place}/revoke");
    let silent = kim.form(&place, &revoke, &[("reason", "")]).await?;
    assert_eq!(silent.status, 422);
    assert!(silent.html.contains("id=\"reason-wrong\""), "{}", silent.html);
    let news = format!(" data-news=\"{place}\">");
    assert!(
        silent.html.contains(&news),
        "nobody is told anything at {revoke}: {}",
        silent.html
    );
    let dana = dana(&stage).await?;
    let own = dana.form("/access", &revoke, &[("reason", "I want to")]).await?;
    assert_eq!(own.status, 403, "one ends one's own");
    let reason = [("reason", "The laptop was <stolen>")];
    let revoked = kim.form(&place, &revoke, &reason).await?;
    assert_eq!(revoked.status, 303, "{revoked:?}");
    stage.member_is(&group, &account, false).await?;
    let page = dana.open(&place).await?;
    assert!(page.html.contains("The laptop was &#60;stolen&#62;"), "{}", page.html);
    assert!(page.html.contains("Kim Osei"), "{}", page.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_another_of_ones_accounts_says_which() -> anyhow::Result<()> {
    let stage = stage().await?;
    let freya = stage.person("freya.lindqvist@contoso.example").await?;
    let (request, grant) = stage.granted(&freya, &stage.entitlement(), "1h").await?;
    let alone = stage.entitlement_named("prod-readers").await?;
    let changed = stage
        .change_entitlement(&alone, |body| body["approval"] = json!("none"))
        .await?;
    assert_eq!(changed.status, 200, "{changed}");
    let body = json!({"entitlement": alone, "duration": "1h", "justification": "INC-42: restart the pool"});
    let waits = stage.post(&freya, "/v1/requests", &body).await?.ok()?["id"].clone();
    let waits = waits.as_str().unwrap_or_default();

    let users = [
        stage.user_id(&stage.requester().await?.name).await?,
        stage.user_id(&freya.name).await?,
    ];
    let linked = stage
        .post(&stage.admin().await?, "/v1/admin/links", &json!({"users": users}))
        .await?;
    linked.ok()?;
    let dana = dana(&stage).await?;
    for (page, doing, place) in [
        (
            "/access".to_owned(),
            "ask for more time",
            format!("/access/{grant}/extend"),
        ),
        (
            format!("/requests/{request}"),
            "ask for more time",
            format!("/access/{grant}/extend"),
        ),
        ("/access".to_owned(), "activate it", format!("/activate/{waits}")),
        (
            format!("/requests/{waits}"),
            "activate it",
            format!("/activate/{waits}"),
        ),
    ] {
        let html = dana.open(&page).await?.html;
        let said = format!("Sign in as {} to {doing}.", freya.name);
        assert!(html.contains(&said) && !html.contains(&place), "{page}: {html}");
    }
    // The form that leads there leads to the request, and one for the other account is for that account.
    let form = dana
        .open(&format!("/request?entitlement={}", stage.entitlement()))
        .await?
        .html;
    assert!(form.contains(&format!("href=\"/requests/{request}\"")), "{form}");
    let form = dana.open(&format!("/request?again={request}")).await?.html;
    assert!(form.contains(&format!("value=\"{}\" checked", users[1])), "{form}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_names_somebody_else_never_asks_for_whoever_fills_it_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    let freya = stage.user_id("freya.lindqvist@contoso.example").await?;
    let place = format!("/request?entitlement={}&beneficiary={freya}", stage.entitlement());
    let page = dana.open(&place).await?;
    assert!(!page.html.contains("name=\"justification\""), "{}", page.html);
    assert_eq!(page.status, 422, "{}", page.html);
    let changed = stage
        .change_entitlement(&stage.entitlement(), |body| body["on_behalf"] = json!(true))
        .await?;
    assert_eq!(changed.status, 200, "{changed}");
    let page = dana.open(&place).await?;
    assert!(page.html.contains(&format!("value=\"{freya}\"")), "{}", page.html);
    stage.stop().await;
    Ok(())
}
