//! The configuration's pages: the checklist, the directory, entitlements and the template.

use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, everyday};
use hourglass_tests::stage::{Stage, stage};
use serde_json::json;

const ENTITLEMENTS: &str = "/admin/entitlements";

async fn desk(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.admin, admin()).await
}

/// A form that can be saved, but for what `change` says.
pub(crate) fn entitlement<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("name", "Network changes"),
        ("description", "Firewalls and routes"),
        ("targets", "network-operators"),
        ("enabled", "on"),
        ("eligible_kind", "only"),
        ("eligible", "sre"),
        ("approval", "required"),
        ("quorum", "1"),
        ("approvers", "security-approvers"),
        ("durations", "30m"),
        ("durations", "2h"),
        ("justification_min", "10"),
        ("ticket.prefix", ""),
        ("factor", "passkey_or_step_up"),
        ("attestation_kind", "any"),
        ("emergency.maximum", "1h"),
        ("version", ""),
    ];
    for (name, value) in change {
        fields.retain(|(field, _)| field != name);
        fields.push((*name, *value));
    }
    fields
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_for_admins_who_are_signed_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let ola = desk(&stage).await?;
    for page in [
        "/admin",
        "/admin/directory",
        "/admin/directory/groups",
        ENTITLEMENTS,
        "/admin/entitlements/new",
        "/admin/entitlements/groups",
        "/admin/template",
    ] {
        assert_eq!(kim.open(page).await?.status, 403, "{page}");
        let shown = ola.open(page).await?;
        assert_eq!(shown.status, 200, "{page}: {}", shown.html);
        assert!(shown.html.contains("aria-current=\"page\""), "{page}");
    }
    assert!(!kim.open("/passkeys").await?.html.contains("href=\"/admin\""));
    let late = Desk::signed_in_at(&stage, &stage.company.admin, admin(), 3_600).await?;
    let refused = late.form(ENTITLEMENTS, ENTITLEMENTS, &entitlement(&[])).await;
    // The list has no form of its own, so the token comes from another page of the same session.
    assert!(refused.is_err() || refused?.status != 303);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checklist_says_what_is_still_to_be_done() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let home = ola.open("/admin").await?.html;
    assert!(
        home.contains("You have a passkey that counts") && home.contains("not yet"),
        "{home}"
    );
    assert!(
        home.contains("A group can be requested") && home.contains("done"),
        "{home}"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entitlement_is_made_and_changed_and_what_was_typed_is_kept() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let new = "/admin/entitlements/new";
    let wrong = entitlement(&[
        ("quorum", "many"),
        ("approvers", "security-approvers\nnobody-at-all"),
        ("description", "Kept <as> typed"),
    ]);
    let shown = ola.form(new, ENTITLEMENTS, &wrong).await?;
    assert_eq!(shown.status, 422, "{}", shown.html);
    for part in [
        "id=\"quorum-wrong\"",
        "id=\"approvers-wrong\"",
        "nobody-at-all",
        "Kept &#60;as&#62; typed",
        "value=\"many\"",
        "href=\"#quorum\"",
    ] {
        assert!(shown.html.contains(part), "{part}: {}", shown.html);
    }
    let unknown = entitlement(&[("status", "approved")]);
    assert_eq!(ola.form(new, ENTITLEMENTS, &unknown).await?.status, 409);

    let made = ola.form(new, ENTITLEMENTS, &entitlement(&[])).await?;
    assert_eq!(made.status, 303, "{}", made.html);
    let place = made.location.unwrap();
    let page = ola.open(&place).await?.html;
    for part in ["Saved.", "network-operators", "sre</textarea>", "value=\"2h\" checked"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (path, _) = place.split_once('?').unwrap();
    let admin = stage.admin().await?;
    let id = path.rsplit('/').next().unwrap();
    let stored = stage.get(&admin, &format!("/v1/admin/entitlements/{id}")).await?.ok()?;
    assert_eq!(stored["durations"], json!(["30m", "2h"]));
    assert_eq!(stored["version"], 1);

    let changed = entitlement(&[("version", "1"), ("name", "Networks"), ("critical", "on")]);
    let saved = ola.form(path, path, &changed).await?;
    assert_eq!(saved.status, 303, "{}", saved.html);
    let late = ola.form(path, path, &changed).await?;
    assert_eq!(late.status, 422, "another version is stored by now");
    assert!(late.html.contains("value=\"Networks\""), "{}", late.html);
    let found = ola.open("/admin/entitlements?q=networks").await?.html;
    assert!(found.contains(id) && found.contains("critical"), "{found}");
    assert!(
        !ola.open("/admin/entitlements?q=nothing-like-it")
            .await?
            .html
            .contains(id)
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn synced_groups_are_switched_on_together_and_one_that_cannot_be_is_named() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let page = "/admin/entitlements/groups";
    let group = |name: &str| stage.company.group(name).unwrap().id.to_string();
    let (good, source) = (group("payroll-operators"), group("security-approvers"));
    let fields = [
        ("groups", good.as_str()),
        ("groups", source.as_str()),
        ("eligible_kind", "only"),
        ("eligible", "sre"),
    ];
    let shown = ola.form(page, page, &fields).await?;
    assert_eq!(shown.status, 422, "{}", shown.html);
    assert!(shown.html.contains("security-approvers:"), "{}", shown.html);
    let found = ola.open("/admin/entitlements?q=payroll-operators").await?.html;
    assert!(
        found.contains("One entitlement") || found.contains("entitlements</caption>"),
        "{found}"
    );
    let nothing = ola.form(page, page, &[("eligible_kind", "nobody")]).await?;
    assert_eq!(nothing.status, 422);
    assert!(nothing.html.contains("1 to 50"), "{}", nothing.html);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_shows_how_texts_read_and_refuses_what_cannot_be_filled_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let page = "/admin/template";
    let fields = |text: &'static str, more: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("default_approvers", "security-approvers"),
            ("durations", "30m"),
            ("durations", "1h"),
            ("more_durations", "4h"),
            ("request_ttl_seconds", "8h"),
            ("message.access_ended", text),
            ("version", ""),
        ];
        fields.extend(more);
        fields
    };
    let looked = ola
        .form(page, page, &fields("Bye: {{ entitlement }}", &[("look", "yes")]))
        .await?;
    assert_eq!(looked.status, 200, "{}", looked.html);
    assert!(looked.html.contains("Bye: prod-admins"), "{}", looked.html);
    let wrong = ola.form(page, page, &fields("Bye: {{ entitelment }}", &[])).await?;
    assert_eq!(wrong.status, 422, "{}", wrong.html);
    let described = "aria-describedby=\"message.access_ended-hint message.access_ended-wrong\" aria-invalid=\"true\"";
    assert!(wrong.html.contains(described), "{}", wrong.html);
    assert!(
        wrong.html.contains("entitelment") && wrong.html.contains("is not known here"),
        "{}",
        wrong.html
    );
    let saved = ola.form(page, page, &fields("Bye: {{ entitlement }}", &[])).await?;
    assert_eq!(saved.status, 303, "{}", saved.html);
    let shown = ola.open("/admin/template?done=saved").await?.html;
    for part in ["Saved.", "Bye: {{ entitlement }}", "value=\"4h\" checked"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!ola.open("/admin/template?done=%3Cb%3E").await?.html.contains("notice"));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_ends_all_sessions_of_somebody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let dana = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    let id = stage.user_id(&stage.company.requester.user_name).await?;
    let page = format!("/admin/directory/users/{id}");
    let shown = ola.open(&page).await?.html;
    assert!(
        shown.contains("a test") && shown.contains("End all sessions"),
        "{shown}"
    );
    let place = format!("{page}/end-sessions");
    assert_eq!(dana.form("/passkeys", &place, &[]).await?.status, 403);
    assert_eq!(ola.form(&page, &place, &[]).await?.status, 303);
    let after = dana.open("/passkeys").await?;
    assert_eq!(after.status, 303, "{}", after.html);
    assert!(ola.open(&page).await?.html.contains("Signed in nowhere."));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_groups_are_found_with_their_ids_and_memberships() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let name = &stage.company.requester.user_name;
    let found = ola.open(&format!("/admin/directory?q={name}")).await?.html;
    let place = found.split("/admin/directory/users/").nth(1).unwrap();
    let place = format!("/admin/directory/users/{}", place.split('"').next().unwrap());
    let page = ola.open(&place).await?.html;
    assert!(
        page.contains(&stage.company.requester.id.to_string()) && page.contains(">sre</a>"),
        "{page}"
    );
    assert!(ola.open("/admin/directory?q=nobody").await?.html.contains("“nobody”"));
    let groups = ola.open("/admin/directory/groups?q=SRE").await?.html;
    let place = groups.split("/admin/directory/groups/").nth(1).unwrap();
    let place = format!("/admin/directory/groups/{}", place.split('"').next().unwrap());
    assert!(ola.open(&place).await?.html.contains(name.as_str()));
    // Part of a name finds everything that has it, also where something is called just so.
    let parts = ola.open("/admin/directory?q=ReYeS+dana").await?.html;
    assert!(parts.contains(name.as_str()), "{parts}");
    let parts = ola.open("/admin/entitlements/groups?q=prod").await?.html;
    for group in ["prod-admins", "prod-readers"] {
        assert!(parts.contains(group), "{group}: {parts}");
    }
    assert!(!parts.contains(">billing-admins<"), "{parts}");
    for missing in [
        "/admin/directory/users/x",
        "/admin/directory/groups/00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(ola.open(missing).await?.status, 404, "{missing}");
    }
    stage.stop().await;
    Ok(())
}

/// Where a page's line of further pages leads.
fn further(page: &str) -> Vec<String> {
    let line = page
        .lines()
        .find(|line| line.contains("href=\"/history?"))
        .unwrap_or_default();
    let links = line.split("href=\"").skip(1);
    links
        .map(|link| link.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_from_an_object_leads_to_a_page_about_that_object() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = desk(&stage).await?;
    let user = stage.user_id(&stage.company.requester.user_name).await?;
    let entitlement = stage.entitlement();
    let dana = format!("/admin/directory/users/{user}");
    let admins = format!("/admin/entitlements/{entitlement}");
    for (page, id, names, links) in [
        (dana, &user, ["Dana Reyes", "Kim Osei"], 2),
        (admins, &entitlement, ["prod-admins", "billing-admins"], 3),
    ] {
        let [name, another] = names;
        let found = further(&ola.open(&page).await?.html);
        assert_eq!(found.len(), links, "{page}: {found:?}");
        for place in found {
            let shown = ola.open(&place).await?;
            assert_eq!(shown.status, 200, "{place}");
            let main = shown.html.split("<main").nth(1).unwrap();
            assert!(main.contains(name) || main.contains(id.as_str()), "{place}: {main}");
            assert!(!main.contains(another), "{place} is not about one alone: {main}");
        }
    }
    stage.stop().await;
    Ok(())
}
