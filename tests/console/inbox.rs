//! The approver's side: what waits and in which order, what one is told before deciding, and what opening a page changes.

use anyhow::Context as _;
use hourglass_domain::roles::Role;
use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, change, company, everyday, first_admin, request, request_of, with_key};
use hourglass_tests::stage::Stage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Somebody who may approve, and has no passkey.
async fn approver(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.approver, everyday()).await
}

/// A request for the usual entitlement with these words.
async fn asked(stage: &Stage, user_name: &str, words: &str) -> anyhow::Result<String> {
    let body = json!({"entitlement": stage.entitlement(), "duration": "1h", "justification": words});
    let who = stage.person(user_name).await?;
    Ok(stage.post(&who, "/v1/requests", &body).await?.ok()?["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_longest_comes_first_and_opening_it_changes_nothing() -> anyhow::Result<()> {
    let stage = company().await?;
    let kim = approver(&stage).await?;
    let empty = kim.open("/inbox").await?;
    assert!(empty.html.contains("Nothing waits for you"), "{}", empty.html);
    let first = asked(&stage, &stage.company.requester.user_name, "INC-1 the first of the two").await?;
    let second = asked(&stage, "freya.lindqvist@contoso.example", "INC-2 <b>the second</b>").await?;
    let before = stage.settled().await?;
    let list = kim.open("/inbox").await?.html;
    let place = |id: &str| list.find(&format!("/inbox/{id}")).unwrap_or(usize::MAX);
    assert!(place(&first) < place(&second), "{list}");
    assert!(list.contains("INC-2 &#60;b&#62;the second"), "{list}");
    for page in [
        "/inbox".to_owned(),
        format!("/inbox/{first}"),
        format!("/inbox/{second}"),
    ] {
        assert_eq!(kim.open(&page).await?.status, StatusCode::OK, "{page}");
    }
    stage.unchanged(&before, "opening pages")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_sees_who_asks_who_is_there_and_what_came_of_it_before() -> anyhow::Result<()> {
    let stage = company().await?;
    let dana = stage.requester().await?;
    stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage.dana_becomes(true).await?;
    let freya = asked(
        &stage,
        "freya.lindqvist@contoso.example",
        "INC-7 the checkout answers slowly",
    )
    .await?;
    let again = asked(&stage, "bao.tran@contoso.example", "inc-7  the checkout answers SLOWLY").await?;
    let kim = approver(&stage).await?;
    let page = kim.open(&format!("/inbox/{freya}")).await?.html;
    for told in [
        "Request from Freya Lindqvist",
        "Site reliability engineer",
        "freya.lindqvist@contoso.example",
        "first request",
        "In prod-admins now",
        "Dana Reyes",
        "until",
        "Approve for 1 h",
        "Approve for 30 min",
        "Adds Freya Lindqvist to prod-admins in Entra until about",
        "can be 40 minutes late",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("critical"), "{page}");
    change(&stage, &stage.entitlement(), json!({"critical": true})).await?;
    let page = kim.open(&format!("/inbox/{again}")).await?.html;
    for told in [
        "critical",
        "same words as another",
        "Freya Lindqvist gave the same reason on",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    stage.stop().await;
    Ok(())
}

/// The shortest approval counts: after one for less, what is announced, offered and sent is no longer than that.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_approval_for_less_nothing_longer_is_offered() -> anyhow::Result<()> {
    let stage = company().await?;
    change(&stage, &stage.entitlement(), json!({"quorum": 2})).await?;
    let request = asked(&stage, "freya.lindqvist@contoso.example", "INC-9 the checkout is down").await?;
    let kim = approver(&stage).await?;
    let place = format!("/inbox/{request}");
    let before = kim.open(&place).await?.html;
    assert!(before.contains("Approve for 1 h"), "{before}");
    let first = stage.person("tomasz.wieczorek@contoso.example").await?;
    let body = json!({"decision": "approve", "duration": "30m"});
    let decisions = format!("/v1/requests/{request}/decisions");
    stage.post(&first, &decisions, &body).await?.ok()?;
    let page = kim.open(&place).await?.html;
    assert!(!page.contains("Approve for 1 h"), "{page}");
    let button = page.split("Approve for 30 min").next().unwrap_or_default();
    let button = button.rsplit("<button").next().unwrap_or_default();
    assert!(button.contains("name=\"duration\" value=\"30m\""), "{page}");
    stage.stop().await;
    Ok(())
}

/// A call as Entra's provisioning makes it.
pub(super) async fn provision(stage: &Stage, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
    let scim = &stage.ready.scim;
    let call = reqwest::Client::builder().no_proxy().build()?;
    let call = call
        .request(method, format!("{}{path}", scim.url))
        .bearer_auth(&scim.token);
    let call = call
        .header("Content-Type", "application/scim+json")
        .body(body.to_string());
    let answer = call.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_looks_like_anothers_is_pointed_out() -> anyhow::Result<()> {
    let stage = company().await?;
    let freya = asked(&stage, "freya.lindqvist@contoso.example", "INC-8 before the other came").await?;
    let kim = approver(&stage).await?;
    let page = kim.open(&format!("/inbox/{freya}")).await?.html;
    assert!(!page.contains("name looks like"), "{page}");
    // A Cyrillic а in the name of somebody new.
    let scim = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "freya.l@fabrikam.example", "displayName": "Frey\u{430} Lindqvist", "active": true,
        "externalId": uuid::Uuid::from_u128(0x4d61_6c6c_6f72_7900_0000_0000_0000_0001),
    });
    let made = provision(&stage, Method::POST, "/Users", &scim).await?;
    let page = kim.open(&format!("/inbox/{freya}")).await?.html;
    assert!(page.contains("name looks like another"), "{page}");
    assert!(page.contains("freya.l@fabrikam.example"), "{page}");
    // Gone with a new name, and with the account.
    let place = format!("/Users/{}", made["id"].as_str().unwrap_or_default());
    let renamed = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "displayName", "value": "Somebody Else"}],
    });
    provision(&stage, Method::PATCH, &place, &renamed).await?;
    let page = kim.open(&format!("/inbox/{freya}")).await?.html;
    assert!(!page.contains("name looks like"), "{page}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_theirs_is_not_there_and_ones_own_is_elsewhere() -> anyhow::Result<()> {
    let stage = company().await?;
    let id = request(&stage).await?;
    let page = format!("/inbox/{id}");
    // Neither an approver of it nor anybody who reads everything.
    let mei = stage.company.person("mei.chua@contoso.example").context("nobody")?;
    let mei = Desk::of(&stage, &mei, everyday()).await?;
    let there_is_none = mei.open("/inbox/00000000-0000-4000-8000-000000000000").await?;
    let not_theirs = mei.open(&page).await?;
    assert_eq!(there_is_none.status, StatusCode::NOT_FOUND);
    assert_eq!(not_theirs.status, StatusCode::NOT_FOUND);
    assert!(not_theirs.html.contains("href=\"/request\""), "a 404 offers the search");
    // What is said about people is for those who decide.
    let dana = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    let own = dana.open(&page).await?;
    assert_eq!(
        own.location.as_deref(),
        Some(format!("/requests/{id}").as_str()),
        "{own:?}"
    );
    // Who reads everything, and does not approve, is offered nothing to press.
    let auditor = Desk::of(&stage, &stage.company.auditor, [Role::Auditor].into()).await?;
    let read = auditor.open(&page).await?;
    assert_eq!(read.status, StatusCode::OK);
    assert!(!read.html.contains("value=\"approve\""), "{}", read.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_elsewhere_is_shown_and_refused_beside_what_was_typed() -> anyhow::Result<()> {
    let stage = company().await?;
    let id = request_of(&stage, "freya.lindqvist@contoso.example").await?;
    let (page, place) = (format!("/inbox/{id}"), format!("/inbox/{id}/decide"));
    let kim = approver(&stage).await?;
    assert!(
        kim.open(&page)
            .await?
            .html
            .contains("id=\"decide\" class=\"decide\" data-live")
    );
    let other = stage.person(&stage.company.other_approvers[0].user_name).await?;
    // What breaks a rule of a field is told beside it, and what was typed is kept.
    let long = "x".repeat(3_000);
    let told = kim
        .form(&page, &place, &[("decision", "deny"), ("comment", &long)])
        .await?;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", told.html);
    assert!(told.html.contains("href=\"#comment\"") && told.html.contains(&long));
    // The answer stands where only forms are sent to: its news are at the page's address, and spare what was typed.
    let news = format!(" data-news=\"{page}\">");
    assert!(told.html.contains(&news), "{}", told.html);
    assert!(told.html.contains(" data-busy>xxx"), "{}", told.html);
    let opened = kim.open(&page).await?.html;
    assert!(
        opened.contains(" data-news=\"\">") && !opened.contains("data-busy"),
        "{opened}"
    );
    let neither = kim.form(&page, &place, &[("comment", "hm")]).await?;
    assert_eq!(neither.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", neither.html);
    assert_eq!(stage.decide(&other, &id, "deny").await?.status, 200);
    let shown = kim.open(&page).await?.html;
    assert!(
        shown.contains("denied") && !shown.contains("value=\"approve\""),
        "{shown}"
    );
    let token_page = "/auth/sessions";
    let late = kim
        .form(
            token_page,
            &place,
            &[("decision", "approve"), ("comment", "still typed")],
        )
        .await?;
    assert_eq!(late.status, StatusCode::CONFLICT, "{}", late.html);
    assert!(late.html.contains("already denied"), "{}", late.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_with_a_duration_approves_for_that_long() -> anyhow::Result<()> {
    let stage = company().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, everyday()).await?;
    let id = asked(&stage, "freya.lindqvist@contoso.example", "INC-9 for less time").await?;
    let page = format!("/inbox/{id}");
    let less = json!({"duration": "30m", "comment": "half an hour has to do"});
    let decided = kim
        .sign(&page, &format!("{page}/challenge"), &less, "/inbox/signed")
        .await?;
    assert_eq!(decided.status, 200, "{decided}");
    let freya = stage.person("freya.lindqvist@contoso.example").await?;
    let request = stage.get(&freya, &format!("/v1/requests/{id}")).await?.ok()?;
    let grant = stage
        .get(
            &freya,
            &format!("/v1/grants/{}", request["grant"].as_str().unwrap_or_default()),
        )
        .await?
        .ok()?;
    let at = |name: &str| {
        grant[name]
            .as_str()
            .unwrap_or_default()
            .parse::<hourglass_domain::Timestamp>()
    };
    let lasts = at("expires_at")?.seconds_since(at("starts_at")?);
    assert!((1_800..1_920).contains(&lasts), "{grant}");
    // Since when nothing waits is told.
    let empty = kim.open("/inbox").await?.html;
    assert!(empty.contains("was closed: <time"), "{empty}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_refusals_speak_german() -> anyhow::Result<()> {
    let stage = company().await?;
    let id = request(&stage).await?;
    let kim = approver(&stage).await?;
    let german = |path: String| {
        let call = kim.request(Method::GET, &path);
        call.header("Sec-Fetch-Mode", "navigate")
            .header("Accept-Language", "de-AT,de;q=0.9")
    };
    let page = german(format!("/inbox/{id}")).send().await?.text().await?;
    for told in [
        "Anfrage von Dana Reyes",
        "Für 30 Min. genehmigen",
        "erste Anfrage",
        "lang=\"de\"",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let gone = german("/inbox/00000000-0000-4000-8000-000000000000".to_owned())
        .send()
        .await?
        .text()
        .await?;
    assert!(gone.contains("Diese Anfrage gibt es nicht"), "{gone}");
    let admins = Desk::of(&stage, &stage.company.admin, admin()).await?;
    let reading = admins.open(&format!("/inbox/{id}")).await?;
    assert_eq!(reading.status, StatusCode::OK);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegate_is_named_seen_and_no_delegate_any_more() -> anyhow::Result<()> {
    let stage = company().await?;
    let freya = "freya.lindqvist@contoso.example";
    let pool = json!({"users": [stage.user_id(freya).await?], "groups": []});
    change(&stage, &stage.entitlement(), json!({"delegates": pool})).await?;
    let kim = approver(&stage).await?;
    let page = kim.open("/delegates").await?.html;
    assert!(
        page.contains("Nobody decides for you") && page.contains(">prod-admins</option>"),
        "{page}"
    );
    let id = stage.entitlement();
    // Whether there is somebody by a name is not told.
    for nobody in ["mei.chua@contoso.example", "nobody@contoso.example"] {
        let fields = [("entitlement", id.as_str()), ("delegate", nobody), ("until", "")];
        let refused = kim.form("/delegates", "/delegates", &fields).await?;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.html);
        let rule = "must be one of those whom the admins allow as delegates for prod-admins";
        assert!(
            refused.html.contains(rule) && refused.html.contains(nobody),
            "{}",
            refused.html
        );
    }
    let fields = [("entitlement", id.as_str()), ("delegate", freya), ("until", "")];
    let named = kim.form("/delegates", "/delegates", &fields).await?;
    assert_eq!(
        named.location.as_deref(),
        Some("/delegates?done=delegated"),
        "{}",
        named.html
    );
    let page = kim.open("/delegates?done=delegated").await?.html;
    assert!(
        page.contains("Freya Lindqvist decides for you on prod-admins"),
        "{page}"
    );
    let desk = Desk::of(&stage, &stage.company.person(freya).context("nobody")?, everyday()).await?;
    let received = desk.open("/delegates").await?.html;
    assert!(received.contains("for Kim Osei on prod-admins"), "{received}");
    let waiting = asked(&stage, "bao.tran@contoso.example", "INC-10 while Kim is away").await?;
    let decides = desk.open(&format!("/inbox/{waiting}")).await?.html;
    assert!(decides.contains("You decide for Kim Osei"), "{decides}");
    let ended = kim.form("/delegates", &format!("/delegates/{id}/end"), &[]).await?;
    assert_eq!(
        ended.location.as_deref(),
        Some("/delegates?done=delegation-ended"),
        "{}",
        ended.html
    );
    assert_eq!(
        desk.open(&format!("/inbox/{waiting}")).await?.status,
        StatusCode::NOT_FOUND
    );
    stage.stop().await;
    Ok(())
}
