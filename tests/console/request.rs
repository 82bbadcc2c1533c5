//! Asking for access on pages: searching, the form filled in, what is refused beforehand, and that nothing is sent twice.

use hourglass_app::catalogue::search::LONGEST_SEARCH;
use hourglass_tests::desk::{Desk, Shown};
use hourglass_tests::keyholders::{change, everyday};
use hourglass_tests::stage::{Stage, stage};
use serde_json::json;

const WHY: &str = "INC-1042: the checkout is down";

pub(crate) async fn dana(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.requester, everyday()).await
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &Shown, name: &str) -> String {
    let (_, after) = page
        .html
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name} in {}", page.html));
    after.split('"').next().unwrap().to_owned()
}

/// Opens the form of the usual entitlement.
pub(crate) async fn form(desk: &Desk, stage: &Stage, more: &str) -> anyhow::Result<Shown> {
    desk.open(&format!("/request?entitlement={}{more}", stage.entitlement()))
        .await
}

/// Sends the form as the browser would, with these fields changed.
pub(crate) async fn send(
    desk: &Desk,
    stage: &Stage,
    page: &Shown,
    path: &str,
    changed: &[(&str, &str)],
) -> anyhow::Result<Shown> {
    let (once, entitlement) = (hidden(page, "once"), stage.entitlement());
    let beneficiary = hidden(page, "beneficiary");
    let mut fields = vec![
        ("once", once.as_str()),
        ("entitlement", &entitlement),
        ("beneficiary", &beneficiary),
        ("duration", "30m"),
        ("justification", WHY),
        ("starts_at", ""),
    ];
    for (name, value) in changed {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value));
    }
    desk.form("/access", path, &fields).await
}

/// The ids by which fields name what is said about them, each of which is on the page.
fn described(page: &Shown) -> Vec<String> {
    let lists = page.html.split("aria-describedby=\"").skip(1);
    let ids = lists.filter_map(|rest| rest.split('"').next());
    let ids: Vec<String> = ids.flat_map(|list| list.split(' ').map(str::to_owned)).collect();
    for id in &ids {
        let there = format!(" id=\"{id}\"");
        assert_eq!(page.html.matches(&there).count(), 1, "{id:?}: {}", page.html);
    }
    ids
}

async fn how_many(stage: &Stage) -> anyhow::Result<usize> {
    Ok(stage.all(&stage.requester().await?, "/v1/history").await?.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_begins_at_ones_own_access_and_what_is_needed_is_found_by_its_words() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    assert_eq!(dana.open("/").await?.location.as_deref(), Some("/access"));
    change(
        &stage,
        &stage.entitlement(),
        json!({"description": "Für Störungen: darf den Pool neu starten",
            "how_to": {"text": "Sign in to the portal again.", "link": "https://portal.contoso.example/how-to"}}),
    )
    .await?;
    let all = dana.open("/request").await?;
    assert_eq!(all.status, 200);
    assert!(
        all.html.contains("prod-admins") && all.html.contains("billing"),
        "{}",
        all.html
    );
    for (words, found) in [
        ("PROD adm", true),
        ("storungen pool", true),
        ("prod nothing-like-it", false),
    ] {
        let page = dana.open(&format!("/request?q={}", words.replace(' ', "+"))).await?;
        assert_eq!(page.html.contains(">prod-admins</a>"), found, "{words}: {}", page.html);
        assert!(
            page.html.contains(&format!("value=\"{words}\"")),
            "what was typed stays"
        );
    }
    let none = dana.open("/request?q=zzz").await?;
    assert!(
        none.html.contains("zzz") && none.html.contains("Show everything"),
        "{}",
        none.html
    );
    let long = "x".repeat(LONGEST_SEARCH * 3);
    assert_eq!(dana.open(&format!("/request?q={long}")).await?.status, 200);

    let page = form(&dana, &stage, "").await?;
    for part in [
        "Sign in to the portal again.",
        "href=\"https://portal.contoso.example/how-to\"",
        "people can approve",
        "7 d in all",
    ] {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    // What was asked for of late comes first, although its name does not.
    let readers = stage.entitlement_named(stage.company.prod_readers.name).await?;
    let place = format!("/request?entitlement={readers}\"");
    let begins = |page: &Shown| {
        let first = page
            .html
            .split("href=\"")
            .find(|rest| rest.starts_with("/request?entitlement="));
        first.is_some_and(|first| first.starts_with(&place))
    };
    assert!(!begins(&all), "{}", all.html);
    let asked = stage.ask_for(&stage.requester().await?, &readers, "30m").await?;
    assert_eq!(asked.status, 201, "{asked}");
    let again = dana.open("/request").await?;
    assert!(begins(&again), "{}", again.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_fills_the_form_in_and_sends_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    let before = stage.settled().await?;
    let page = form(
        &dana,
        &stage,
        "&duration=2h&justification=INC-7%3A+%3Cb%3Erestart&ticket=INC-7&starts_at=2026-12-01T10:00:00%2B01:00",
    )
    .await?;
    assert_eq!(page.status, 200);
    for part in [
        "value=\"2h\" checked",
        "INC-7: &#60;b&#62;restart",
        "value=\"2026-12-01T09:00\"",
    ] {
        assert!(page.html.contains(part), "{part}: {}", page.html);
    }
    stage.unchanged(&before, "opening a form that is filled in")?;
    assert_eq!(how_many(&stage).await?, 0);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_looked_at_first_and_sent_once() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    let page = form(&dana, &stage, "").await?;
    let preview = send(&dana, &stage, &page, "/request/preview", &[]).await?;
    assert_eq!(preview.status, 200);
    assert!(preview.html.contains("This will happen"), "{}", preview.html);
    assert!(
        preview.html.contains("Adds you to prod-admins in Entra until"),
        "{}",
        preview.html
    );
    assert!(preview.html.contains(WHY), "what was typed stays");
    assert_eq!(how_many(&stage).await?, 0, "a preview asks for nothing");

    // The same form twice, as with a double click or a reload: one request, and the same answer.
    let sent = send(&dana, &stage, &preview, "/request", &[]).await?;
    let place = sent.location.clone().unwrap();
    assert!(
        place.starts_with("/requests/") && place.ends_with("?done=asked"),
        "{sent:?}"
    );
    let again = send(&dana, &stage, &preview, "/request", &[]).await?;
    assert_eq!((again.status, again.location), (sent.status, sent.location));
    assert_eq!(how_many(&stage).await?, 1);
    // Back, something else typed, and sent again: that form was used.
    let other = send(
        &dana,
        &stage,
        &preview,
        "/request",
        &[("justification", "INC-1043: and more")],
    )
    .await?;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(how_many(&stage).await?, 1);

    let shown = dana.open(&place).await?;
    assert!(shown.html.contains("waits for its approvers"), "{}", shown.html);
    assert!(shown.html.contains("0 of 1 approvals"), "{}", shown.html);
    assert!(shown.html.contains("Asked for access"), "the timeline: {}", shown.html);
    // What one knows beforehand is said beforehand.
    let page = form(&dana, &stage, "").await?;
    assert!(page.html.contains("You have asked for this already"), "{}", page.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stands_beside_its_field_and_what_was_typed_stays() -> anyhow::Result<()> {
    let stage = stage().await?;
    change(
        &stage,
        &stage.entitlement(),
        json!({"ticket": {"required": true, "prefix": "INC-"}}),
    )
    .await?;
    let dana = dana(&stage).await?;
    let page = form(&dana, &stage, "").await?;
    assert!(page.html.contains("Such as INC-1042."), "{}", page.html);
    for (changed, field) in [
        (&[("ticket", "CHG-1"), ("justification", WHY)][..], "ticket"),
        (&[("ticket", "INC-1"), ("justification", "short")], "justification"),
        (&[("ticket", "INC-1"), ("duration", "3h")], "duration"),
        (&[("ticket", "INC-1"), ("duration", "")], "duration"),
        (&[("ticket", "INC-1"), ("starts_at", "tomorrow")], "starts_at"),
        (&[("ticket", "INC-1"), ("starts_at", "2020-01-01T09:00")], "starts_at"),
        (&[("ticket", "INC-1"), ("beneficiary", "nobody")], "beneficiary"),
    ] {
        for path in ["/request", "/request/preview"] {
            let refused = send(&dana, &stage, &page, path, changed).await?;
            assert_eq!(refused.status, 422, "{changed:?}");
            let beside = format!("id=\"{field}-wrong\"");
            // Where there is one account only, nobody chooses it.
            let single = field == "beneficiary";
            let alert = "role=\"alert\" tabindex=\"-1\" autofocus>";
            assert!(refused.html.contains(alert), "{changed:?}: {}", refused.html);
            assert!(
                single || refused.html.contains(&beside),
                "{changed:?}: {}",
                refused.html
            );
            // The sentence belongs to the field for those who do not see where it stands.
            let described = described(&refused);
            let sentence = format!("{field}-wrong");
            assert!(single || described.contains(&sentence), "{changed:?}: {described:?}");
            assert!(described.contains(&"justification-hint".to_owned()), "{described:?}");
            assert!(refused.html.contains("name=\"ticket\""), "{}", refused.html);
            let typed = changed.iter().find(|(name, _)| *name == "justification");
            assert!(
                refused.html.contains(typed.map_or(WHY, |(_, value)| value)),
                "{}",
                refused.html
            );
        }
    }
    assert_eq!(how_many(&stage).await?, 0);
    // A field that no form of ours has, and a form of another session.
    let unknown = send(&dana, &stage, &page, "/request", &[("status", "approved")]).await?;
    assert_ne!(unknown.status, 303);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_it_is_told_to_extend_it_or_to_start_later() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (_, grant) = stage
        .granted(&stage.requester().await?, &stage.entitlement(), "1h")
        .await?;
    let dana = dana(&stage).await?;
    let page = form(&dana, &stage, "").await?;
    assert!(page.html.contains("You hold this until"), "{}", page.html);
    assert!(page.html.contains(&format!("/access/{grant}/extend")), "{}", page.html);
    let refused = send(&dana, &stage, &page, "/request", &[]).await?;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.html.contains("is held until"), "{}", refused.html);
    let later = stage.now().plus_seconds(86_400).to_string();
    let sent = send(
        &dana,
        &stage,
        &page,
        "/request",
        &[("starts_at", later.get(..16).unwrap())],
    )
    .await?;
    assert_eq!(sent.status, 303, "{sent:?}");
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_may_ask_for_is_not_there() -> anyhow::Result<()> {
    let stage = stage().await?;
    change(&stage, &stage.entitlement(), json!({"eligible": "nobody"})).await?;
    let dana = Desk::of(
        &stage,
        &stage.company.requester,
        [hourglass_domain::roles::Role::Requester].into(),
    )
    .await?;
    let page = dana.open("/request?q=prod-admins").await?;
    assert!(!page.html.contains(">prod-admins</a>"), "{}", page.html);
    let hidden = form(&dana, &stage, "").await?;
    let none = dana
        .open("/request?entitlement=00000000-0000-4000-8000-000000000000")
        .await?;
    assert_eq!(
        (hidden.status, none.status),
        (none.status, reqwest::StatusCode::NOT_FOUND)
    );
    assert_eq!(dana.open("/request?entitlement=x").await?.status, 404);
    let other = dana.open("/requests/00000000-0000-4000-8000-000000000000").await?;
    assert_eq!(other.status, 404);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn access_is_asked_for_somebody_else_only_where_that_is_allowed_and_never_for_oneself_instead()
-> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage).await?;
    let samuel = "samuel.adeyemi@contoso.example";
    let page = form(&dana, &stage, "").await?;
    assert!(!page.html.contains("name=\"someone\""), "{}", page.html);
    let someone = [("beneficiary", "someone"), ("someone", samuel)];
    let refused = send(&dana, &stage, &page, "/request", &someone).await?;
    assert_eq!(refused.status, 422, "{refused:?}");

    change(&stage, &stage.entitlement(), json!({"on_behalf": true})).await?;
    let page = form(&dana, &stage, "").await?;
    assert!(page.html.contains("name=\"someone\""), "{}", page.html);
    for nobody in ["nobody@contoso.example", "", "00000000-0000-4000-8000-000000000000"] {
        let someone = [("beneficiary", "someone"), ("someone", nobody)];
        let refused = send(&dana, &stage, &page, "/request", &someone).await?;
        assert_eq!(refused.status, 422, "{nobody}");
        assert!(refused.html.contains("id=\"beneficiary-wrong\""), "{}", refused.html);
    }
    let someone = [("beneficiary", "someone"), ("someone", samuel)];
    let preview = send(&dana, &stage, &page, "/request/preview", &someone).await?;
    assert!(
        preview.html.contains("Adds Samuel Adeyemi to prod-admins"),
        "{}",
        preview.html
    );
    let sent = send(&dana, &stage, &page, "/request", &someone).await?;
    assert_eq!(sent.status, 303, "{sent:?}");

    // An address that names somebody else fills them in.
    let id = stage.user_id(samuel).await?;
    let page = form(&dana, &stage, &format!("&beneficiary={id}")).await?;
    assert!(page.html.contains("value=\"someone\" checked"), "{}", page.html);
    assert!(
        page.html.contains(&format!("name=\"someone\" value=\"{id}\"")),
        "{}",
        page.html
    );
    stage.stop().await;
    Ok(())
}
