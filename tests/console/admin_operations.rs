//! The pages that keep an application going: its first steps, integrations, SCIM, drift, revocations that fail, the kill
//! switch and linked accounts.

use hourglass_app::admin::lookup::{self, Principal};
use hourglass_app::caller::{Who, identify};
use hourglass_app::records::{OverdueRemoval, Record as _};
use hourglass_app::{AppError, keys};
use hourglass_domain::by_hand::FAILING_SECONDS;
use hourglass_domain::drift::{DriftReport, Unexplained};
use hourglass_domain::entitlement::Entitlement;
use hourglass_domain::grant::Grant;
use hourglass_domain::ids::GrantId;
use hourglass_local::system::Options;
use hourglass_tests::browser::{Browser, Seen};
use hourglass_tests::desk::{Desk, Shown};
use hourglass_tests::keyholders::{admin, company_of_two, everyday, first_admin, with_key};
use hourglass_tests::stage::{Stage, logs, stage};
use hourglass_tests::{Client, Person, Running, table};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::inbox::provision;

const PAGES: [&str; 6] = [
    "/admin/integrations",
    "/admin/scim",
    "/admin/drift",
    "/admin/revocations",
    "/admin/kill-switch",
    "/admin/links",
];

async fn ola(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.admin, admin()).await
}

async fn noor(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.second_admin, admin()).await
}

fn has(shown: &Shown, parts: &[&str]) {
    for part in parts {
        assert!(shown.html.contains(part), "no {part}: {}", shown.html);
    }
}

/// What stands between two marks on a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("no {before}: {page}"));
    rest.split_once(after).unwrap().0
}

/// The secret that a page shows, which is what is to be copied after the address.
fn secret_on(page: &str) -> String {
    let (_, after_url) = page.split_once("/scim/v2</code>").unwrap();
    between(after_url, "<code data-copy=\"Copy\">", "</code>").to_owned()
}

/// The status with which SCIM answers somebody who has this secret.
async fn scim_status(client: &Client, secret: &str) -> anyhow::Result<u16> {
    let url = format!("{}/scim/v2/Users?count=1", client.ready.api);
    let http = reqwest::Client::builder().no_proxy().build()?;
    Ok(http.get(url).bearer_auth(secret).send().await?.status().as_u16())
}

/// Opens a page until it shows something.
async fn shows(stage: &Stage, desk: &Desk, page: &str, part: &str) -> anyhow::Result<Shown> {
    stage
        .until(&format!("{page} shows {part}"), || async {
            let shown = desk.open(page).await?;
            Ok(if shown.html.contains(part) {
                Ok(shown)
            } else {
                Err(shown.html)
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_are_for_admins_who_are_signed_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let kim = Desk::of(&stage, &stage.company.approver, everyday()).await?;
    let ola = ola(&stage).await?;
    let nobody = Browser::new(&stage)?;
    let drift = format!("/admin/drift/{}", stage.entitlement());
    for page in PAGES.into_iter().chain([
        drift.as_str(),
        "/admin/kill-switch/press?scope=all",
        "/admin/integrations/aws/remove",
    ]) {
        assert_eq!(kim.open(page).await?.status, 403, "{page}");
        let shown = ola.open(page).await?;
        assert_eq!(shown.status, 200, "{page}: {}", shown.html);
        assert!(!shown.html.contains("ops-"), "{page} names a message: {}", shown.html);
        let sent = nobody.open(page).await?;
        assert_eq!(sent.status, 303, "{page}");
        assert!(sent.location().unwrap().starts_with("/auth/sign-in?"), "{page}");
    }
    // Somebody who is no admin can send what they like.
    let press = [
        ("scope", "all"),
        ("id", ""),
        ("confirmation", "x"),
        ("reason", "x"),
        ("confirm", "x"),
    ];
    for (place, fields) in [
        ("/admin/scim/secrets", vec![("known", "")]),
        ("/admin/integrations", vec![("version", "0")]),
        ("/admin/integrations/test", vec![]),
        ("/admin/integrations/aws", vec![("version", "0")]),
        ("/admin/integrations/aws/test", vec![]),
        ("/admin/integrations/aws/remove", vec![("version", "0")]),
        ("/admin/integrations/aws/forget", vec![]),
        (
            "/admin/drift",
            vec![("action", "add"), ("version", "0"), ("account", "x")],
        ),
        ("/admin/kill-switch/press", press.to_vec()),
        ("/admin/links", vec![("one", "x"), ("other", "y")]),
    ] {
        let sent = kim.form("/passkeys", place, &fields).await?;
        assert_eq!(sent.status, 403, "{place}: {}", sent.html);
    }
    // The application is there already.
    assert_eq!(ola.open("/admin/start").await?.location.as_deref(), Some("/admin"));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_is_entered_and_tested_and_its_secret_shown_to_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let (page, tenant) = ("/admin/integrations", stage.system.world.entra.tenant());
    let connector = tenant.connector()?;
    let (tenant_id, client_id) = (tenant.id().to_string(), connector.client_id.to_string());
    let secret = connector.client_secret.expose_secret().to_owned();
    let shown = ola.open(page).await?;
    has(&shown, &[&client_id, &tenant_id, "shown to nobody", "nobody is warned"]);
    assert!(!shown.html.contains(&secret));
    let version = between(&shown.html, "name=\"version\" value=\"", "\"").to_owned();

    let day = |days: i64| -> String {
        let at = stage.now().plus_seconds(days * 86_400).to_string();
        at.chars().take(10).collect()
    };
    let wrong = [
        ("version", version.as_str()),
        ("tenant_id", &tenant_id),
        ("client_id", "my-client"),
        ("client_secret", "typed-and-kept-nowhere"),
        ("secret_expires_at", "soon"),
    ];
    let refused = ola.form(page, page, &wrong).await?;
    assert_eq!(refused.status, 422);
    has(
        &refused,
        &[
            "id=\"client_id-wrong\"",
            "id=\"secret_expires_at-wrong\"",
            "href=\"#client_id\"",
            "value=\"my-client\"",
            "value=\"soon\"",
        ],
    );
    assert!(!refused.html.contains("typed-and-kept-nowhere"));

    for (ends, warning) in [
        (5, "within 7 days"),
        (20, "within 30 days"),
        (80, "within 90 days"),
        (200, ""),
    ] {
        let version = between(&ola.open(page).await?.html, "name=\"version\" value=\"", "\"").to_owned();
        let (ends, fields) = (day(ends), |ends| {
            vec![
                ("version", version.clone()),
                ("tenant_id", tenant_id.clone()),
                ("client_id", client_id.clone()),
                ("client_secret", secret.clone()),
                ("secret_expires_at", ends),
            ]
        });
        let fields = fields(ends);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let saved = ola.form(page, page, &fields).await?;
        assert_eq!(saved.status, 303, "{}", saved.html);
        let shown = ola.open(&saved.location.unwrap()).await?;
        has(&shown, &["The connector is saved.", warning]);
        assert_eq!(
            shown.html.contains("class=\"warning\"") || shown.html.contains("class=\"error\""),
            !warning.is_empty()
        );
        // Sent again, it meets another version.
        assert_eq!(ola.form(page, page, &fields).await?.status, 422);
    }

    let asked = ola.form(page, "/admin/integrations/test", &[]).await?;
    let place = asked.location.unwrap();
    assert!(place.starts_with("/admin/integrations?probe="), "{place}");
    let answered = shows(&stage, &ola, &place, "It works").await?;
    has(&answered, &["id=\"probe\" data-live", "A policy stands behind it"]);
    let foreign = "/admin/integrations?probe=01890000-0000-7000-8000-000000000000";
    assert_eq!(ola.open(foreign).await?.status, 404);
    let stored = format!("{:?}", table(&stage.system.world)?);
    assert!(!stored.contains(&secret) && !logs().contains(&secret) && !answered.html.contains(&secret));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scim_secret_is_shown_once_and_nowhere_else() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let page = "/admin/scim";
    let before = ola.open(page).await?;
    has(
        &before,
        &["/scim/v2</code>", "objectId", "externalId", "This is the only secret"],
    );
    let known = between(&before.html, "name=\"known\" value=\"", "\"").to_owned();

    let added = ola.form(page, "/admin/scim/secrets", &[("known", &known)]).await?;
    assert_eq!(added.status, 200, "{}", added.html);
    let secret = secret_on(&added.html);
    assert!(secret.len() >= 32, "{secret}");
    assert_eq!(added.location, None, "it stands in no address");
    assert_eq!(scim_status(&stage, &secret).await?, 200);

    // Sent again, as a reload does, the form makes no further secret and shows none.
    let again = ola.form(page, "/admin/scim/secrets", &[("known", &known)]).await?;
    assert_eq!(again.status, 422);
    let shown = ola.open(page).await?;
    has(&shown, &["Two secrets are valid"]);
    let stored = format!("{:?}", table(&stage.system.world)?);
    for place in [&again.html, &shown.html, &stored, &logs()] {
        assert!(!place.contains(&secret), "the secret stands somewhere");
    }
    let known = {
        let scim = stage.get(&stage.admin().await?, "/v1/admin/applications").await?.ok()?;
        let tokens = scim["items"][0]["scim_tokens"].as_array().cloned().unwrap();
        tokens
            .iter()
            .map(|token| token["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(known.len(), 2);
    let third = ola
        .form(page, "/admin/scim/secrets", &[("known", &known.join(" "))])
        .await?;
    assert_eq!(third.status, 422, "{}", third.html);

    let delete = "/admin/scim/secrets/delete";
    let gone = ola.form(page, delete, &[("secret", &known[1])]).await?;
    assert_eq!(gone.location.as_deref(), Some("/admin/scim?done=secret-deleted"));
    assert_eq!(scim_status(&stage, &secret).await?, 401);
    assert_eq!(ola.form(page, delete, &[("secret", &known[1])]).await?.status, 404);
    stage.stop().await;
    Ok(())
}

/// The id of the change to which a page leads.
fn proposed(shown: &Shown) -> String {
    let place = shown.location.as_deref().unwrap_or_default();
    let id = place
        .strip_prefix("/changes/")
        .and_then(|rest| rest.strip_suffix("?done=proposed"));
    id.unwrap_or_else(|| panic!("{place}: {}", shown.html)).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_access_easier_waits_for_two_admins() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, admin()).await?;
    let client_id = stage.system.world.entra.tenant().connector()?.client_id.to_string();
    let tenant_id = stage.system.world.entra.tenant().id().to_string();
    let version = |shown: &Shown| between(&shown.html, "name=\"version\" value=\"", "\"").to_owned();

    // Another client; what was typed as its secret is kept nowhere.
    let page = "/admin/integrations";
    let before = version(&ola.open(page).await?);
    let fields = [
        ("version", before.as_str()),
        ("tenant_id", &tenant_id),
        ("client_id", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        ("client_secret", "a-secret-of-another-client"),
        ("secret_expires_at", ""),
    ];
    proposed(&ola.form(page, page, &fields).await?);
    assert!(!format!("{:?}", table(&stage.system.world)?).contains("a-secret-of-another-client"));
    let shown = ola.open(page).await?;
    assert!(
        shown.html.contains(&client_id) && version(&shown) == before,
        "{}",
        shown.html
    );

    let group = stage.company.prod_admins.id.to_string();
    let drift = format!("/admin/drift/{}", stage.entitlement());
    let dana = "dana.reyes@contoso.example";
    let links = "/admin/links";
    for (page, place, fields) in [
        (
            "/admin/drift",
            "/admin/drift",
            vec![("action", "add"), ("version", "0"), ("account", dana)],
        ),
        (
            &drift,
            &drift,
            vec![("action", "declare"), ("group", &group), ("account", dana)],
        ),
        (
            links,
            links,
            vec![("one", dana), ("other", "freya.lindqvist@contoso.example")],
        ),
        (
            links,
            "/admin/links/attribute",
            vec![("version", "0"), ("attribute", "person")],
        ),
    ] {
        proposed(&ola.form(page, place, &fields).await?);
    }
    has(&ola.open("/admin/drift").await?, &["No account is protected"]);
    has(&ola.open(&drift).await?, &["Nobody is declared"]);
    has(
        &ola.open(links).await?,
        &["No accounts are linked by hand", "value=\"none\" checked"],
    );

    // A secret is made, and shown once, when both have signed.
    let scim = "/admin/scim";
    let known = between(&ola.open(scim).await?.html, "name=\"known\" value=\"", "\"").to_owned();
    let asked = ola.form(scim, "/admin/scim/secrets", &[("known", &known)]).await?;
    let id = proposed(&asked);
    assert_eq!(
        between(&ola.open(scim).await?.html, "name=\"known\" value=\"", "\""),
        known
    );
    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    let made = kim.press(&id, "apply").await?;
    assert_eq!(made.status, 200, "{}", made.html);
    has(&ola.open(scim).await?, &["Two secrets are valid"]);
    stage.stop().await;
    Ok(())
}

/// Presses for Dana from the search to the order.
async fn press(stage: &Stage, ola: &Desk) -> anyhow::Result<()> {
    let missing = ola.open("/admin/kill-switch?scope=user&q=nobody-at-all").await?;
    has(&missing, &["id=\"q-wrong\"", "value=\"nobody-at-all\""]);
    let found = ola
        .open("/admin/kill-switch?scope=user&q=DANA.reyes@contoso.example")
        .await?;
    let place = found.location.unwrap();
    let shown = ola.open(&place).await?;
    has(
        &shown,
        &[
            "Access of Dana Reyes",
            "prod-admins",
            "Ends one live grant",
            "To confirm, type: Dana Reyes",
        ],
    );
    let confirmation = between(&shown.html, "name=\"confirmation\" value=\"", "\"").to_owned();
    let id = stage.user_id(&stage.company.requester.user_name).await?;
    let fields = |confirm, reason| {
        vec![
            ("scope", "user"),
            ("id", id.as_str()),
            ("confirmation", confirmation.as_str()),
            ("reason", reason),
            ("confirm", confirm),
        ]
    };
    let wrong = ola
        .form(
            &place,
            "/admin/kill-switch/press",
            &fields("Kim Osei", "a laptop was stolen"),
        )
        .await?;
    assert_eq!(wrong.status, 422);
    has(
        &wrong,
        &["Type exactly: Dana Reyes", "a laptop was stolen", "value=\"Kim Osei\""],
    );
    let empty = ola
        .form(&place, "/admin/kill-switch/press", &fields("Dana Reyes", " "))
        .await?;
    has(&empty, &["id=\"reason-wrong\"", "value=\"Dana Reyes\""]);
    let pressed = ola
        .form(
            &place,
            "/admin/kill-switch/press",
            &fields("Dana Reyes", "a laptop was stolen"),
        )
        .await?;
    assert_eq!(
        pressed.location.as_deref(),
        Some("/admin/kill-switch?done=pressed"),
        "{}",
        pressed.html
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kill_switch_is_pressed_by_one_admin_and_released_by_two() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (ola, noor, dana) = (ola(&stage).await?, noor(&stage).await?, stage.requester().await?);
    let (_, grant) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "active")
        .await?;
    let page = "/admin/kill-switch";
    has(&ola.open(page).await?, &["Nothing is held back"]);
    press(&stage, &ola).await?;
    stage
        .grant_until(&dana, &grant, |grant| grant["status"] == "ended")
        .await?;
    let held = shows(&stage, &ola, page, "1 of 1 grants have ended").await?;
    has(
        &held,
        &[
            "Access of Dana Reyes",
            "a laptop was stolen",
            "Ola Berg",
            "id=\"held\" data-live",
            "Release …",
        ],
    );
    assert_eq!(stage.ask(&dana, "1h").await?.code(), "paused");

    let field = |page: &Shown, name: &str| between(&page.html, &format!("name=\"{name}\" value=\""), "\"").to_owned();
    let (id, press) = (field(&held, "id"), field(&held, "press"));
    let release = "/admin/kill-switch/release";
    let fields = [
        ("scope", "user"),
        ("id", id.as_str()),
        ("press", press.as_str()),
        ("proposal", ""),
    ];
    let proposed = ola.form(page, release, &fields).await?;
    assert_eq!(
        proposed.location.as_deref(),
        Some("/admin/kill-switch?done=release-proposed")
    );
    let own = ola.open(page).await?;
    has(
        &own,
        &["Ola Berg proposes to release it", "another admin has to confirm it"],
    );
    assert!(!own.html.contains("Confirm and release"), "nobody releases alone");
    let other = noor.open(page).await?;
    has(&other, &["Confirm and release"]);
    let proposal = field(&other, "proposal");
    let fields = [
        ("scope", "user"),
        ("id", id.as_str()),
        ("press", press.as_str()),
        ("proposal", proposal.as_str()),
    ];
    let alone = ola.form(page, release, &fields).await?;
    assert_eq!(alone.status, 422, "{}", alone.html);
    has(&alone, &["This was not saved", " data-news=\"/admin/kill-switch\""]);
    let released = noor.form(page, release, &fields).await?;
    assert_eq!(released.location.as_deref(), Some("/admin/kill-switch?done=released"));
    has(&ola.open(page).await?, &["Nothing is held back"]);
    stage.ask(&dana, "1h").await?.ok()?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_nobody_can_type_keeps_nobodys_access_from_being_ended() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let user_name = stage.company.requester.user_name.clone();
    let id = stage.user_id(&user_name).await?;
    let place = format!("/admin/kill-switch/press?scope=user&id={id}");
    // Two spaces, one of which does not break, letters with their accents apart, and some that are not seen.
    let name = "Ze\u{301}lie \u{a0}R\u{200b}ey\u{ad}es\u{202e}";
    let renamed = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "displayName", "value": name}],
    });
    provision(&stage, Method::PATCH, &format!("/Users/{id}"), &renamed).await?;
    for (typed, pressed) in [
        ("Zelie Reyes", false),
        ("Zélie Reyes", true),
        (user_name.as_str(), true),
    ] {
        let shown = ola.open(&place).await?;
        has(&shown, &[&format!("type: Zélie Reyes, or {user_name}")]);
        let confirmation = between(&shown.html, "name=\"confirmation\" value=\"", "\"");
        let fields = [
            ("scope", "user"),
            ("id", id.as_str()),
            ("confirmation", confirmation),
            ("reason", "a laptop was stolen"),
            ("confirm", typed),
        ];
        let answer = ola.form(&place, "/admin/kill-switch/press", &fields).await?;
        assert_eq!(answer.status == 303, pressed, "{typed}: {}", answer.html);
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entitlement_is_searched_for_before_its_access_ends() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let found = ola.open("/admin/kill-switch?scope=entitlement&q=ADMINS+prod").await?;
    has(&found, &["Which of these?", "prod-admins"]);
    assert!(!found.html.contains("billing-admins"));
    let place = between(&found.html, "<li><a href=\"/admin/kill-switch/press", "\"").replace("&#38;", "&");
    let shown = ola.open(&format!("/admin/kill-switch/press{place}")).await?;
    has(
        &shown,
        &["Access to prod-admins", "Ends 0 live grants", "type: prod-admins"],
    );
    let none = ola.open("/admin/kill-switch?scope=entitlement&q=%3Cnone%3E").await?;
    has(
        &none,
        &["No entitlement has all of these words in its name or description: &#60;none&#62;"],
    );
    let all = ola.open("/admin/kill-switch?scope=all").await?;
    has(&ola.open(&all.location.unwrap()).await?, &["type: contoso.example"]);
    assert_eq!(
        ola.open("/admin/kill-switch/press?scope=entitlement&id=x")
            .await?
            .status,
        404
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_is_shown_with_names_and_what_belongs_is_declared() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let id = stage.entitlement();
    let page = format!("/admin/drift/{id}");
    let entitlement = keys::entitlement(&hourglass_local::company::DOMAIN.parse()?, id.parse()?);
    let entitlement: Entitlement = stage.read::<Entitlement>(&entitlement).await?.value;
    let freya = stage.company.person("freya.lindqvist@contoso.example").unwrap();
    let mut report = DriftReport::new(
        entitlement.application.clone(),
        entitlement.id,
        entitlement.targets[0].clone(),
    );
    report.checked_at = Some(stage.now());
    (report.members, report.unexplained) = (1, 1);
    report.named = vec![Unexplained {
        account: freya.id.to_string().parse()?,
        name: Some("Freya Lindqvist".to_owned()),
        first_seen: stage.now(),
    }];
    stage.forge(&report).await?;
    has(&ola.open("/admin/drift").await?, &["⚠ 1", "prod-admins", "Report"]);
    let shown = ola.open(&page).await?;
    has(
        &shown,
        &[
            "Freya Lindqvist",
            "Members that nothing explains",
            "After a report of 7 days",
        ],
    );

    let group = stage.company.prod_admins.id.to_string();
    let wrong = [
        ("action", "declare"),
        ("group", group.as_str()),
        ("account", "nobody-at-all"),
    ];
    let refused = ola.form(&page, &page, &wrong).await?;
    assert_eq!(refused.status, 422);
    has(&refused, &["id=\"account-wrong\"", "value=\"nobody-at-all\""]);
    let account = freya.id.to_string();
    let declare = [
        ("action", "declare"),
        ("group", group.as_str()),
        ("account", freya.user_name.as_str()),
    ];
    let declared = ola.form(&page, &page, &declare).await?;
    assert_eq!(
        declared.location,
        Some(format!("{page}?done=standing-declared")),
        "{}",
        declared.html
    );
    has(&ola.open(&page).await?, &["by an admin", &account, "Withdraw …"]);
    let withdraw = [
        ("action", "withdraw"),
        ("group", group.as_str()),
        ("account", account.as_str()),
    ];
    assert_eq!(ola.form(&page, &page, &withdraw).await?.status, 303);
    assert_eq!(ola.form(&page, &page, &withdraw).await?.status, 404);

    let mode = format!("{page}/mode");
    let wrong = ola
        .form(&page, &mode, &[("version", "0"), ("mode", "remove-all")])
        .await?;
    has(&wrong, &["id=\"mode-wrong\""]);
    let chosen = ola.form(&page, &mode, &[("version", "0"), ("mode", "enforce")]).await?;
    assert_eq!(chosen.status, 303, "{}", chosen.html);
    has(&ola.open(&page).await?, &["value=\"enforce\" checked"]);
    assert_eq!(
        ola.form(&page, &mode, &[("version", "0"), ("mode", "observe")])
            .await?
            .status,
        422,
        "changed meanwhile"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protected_accounts_are_named_one_by_one() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let page = "/admin/drift";
    has(&ola.open(page).await?, &["No account is protected"]);
    let emergency = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    for (version, account, name) in [
        ("0", emergency, "not provisioned"),
        ("1", "kim.osei@contoso.example", "Kim Osei"),
    ] {
        let fields = [("action", "add"), ("version", version), ("account", account)];
        let added = ola.form(page, page, &fields).await?;
        assert_eq!(
            added.location.as_deref(),
            Some("/admin/drift?done=protected"),
            "{}",
            added.html
        );
        has(&ola.open(page).await?, &[name]);
        assert_eq!(ola.form(page, page, &fields).await?.status, 422, "another version");
    }
    let wrong = ola
        .form(
            page,
            page,
            &[("action", "add"), ("version", "2"), ("account", "nobody")],
        )
        .await?;
    has(&wrong, &["id=\"account-wrong\"", "value=\"nobody\"", "Kim Osei"]);
    let removed = ola
        .form(
            page,
            page,
            &[("action", "remove"), ("version", "2"), ("account", emergency)],
        )
        .await?;
    assert_eq!(removed.status, 303);
    let shown = ola.open(page).await?;
    assert!(!shown.html.contains(emergency) && shown.html.contains("Kim Osei"));
    stage.stop().await;
    Ok(())
}

/// A grant of Dana's whose removal has been overdue for long.
async fn overdue(stage: &Stage) -> anyhow::Result<String> {
    let dana = stage.requester().await?;
    let (_, id) = stage.granted(&dana, &stage.entitlement(), "1h").await?;
    stage
        .grant_until(&dana, &id, |grant| grant["status"] == "active")
        .await?;
    let down = json!({"match": {"path_contains": "/groups/"}, "status": 503, "until_cleared": true});
    stage.graph_fault(&down).await?;
    stage
        .post(&dana, &format!("/v1/grants/{id}/check-in"), &json!({}))
        .await?
        .ok()?;
    stage
        .grant_until(&dana, &id, |grant| grant["failing_since"].is_string())
        .await?;
    Ok(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_counted_to_the_end_is_at_least_so_much() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let id = overdue(&stage).await?;
    let application = stage.read::<Grant>(&keys::grant(id.parse()?)).await?.value.application;
    let marker = |n: u128, since| OverdueRemoval {
        application: application.clone(),
        grant: GrantId::new(uuid::Uuid::from_u128(n)),
        since,
    };
    let since = stage.now().plus_seconds(-FAILING_SECONDS - 60);
    // One of them, the oldest, has a grant to be shown.
    let mut oldest = marker(0, since.plus_seconds(-60));
    oldest.grant = id.parse()?;
    stage.forge(&oldest).await?;
    for n in 1..53 {
        stage.forge(&marker(n, since)).await?;
    }
    has(&ola.open("/admin").await?, &["At least 50 memberships are overdue"]);
    has(
        &ola.open("/admin/revocations").await?,
        &["At least one revocation is overdue", "/admin/revocations?cursor="],
    );
    stage.stop().await;
    Ok(())
}

/// Makes it fail for as long as it takes; a retry beside it may have written it meanwhile.
async fn for_long(stage: &Stage, id: &str) -> anyhow::Result<()> {
    let key = keys::grant(id.parse()?);
    let mut grant: Grant = stage.read::<Grant>(&key).await?.value;
    grant.failing_since = Some(stage.now().plus_seconds(-FAILING_SECONDS - 60));
    let marker = OverdueRemoval {
        application: grant.application.clone(),
        grant: grant.id,
        since: stage.now().plus_seconds(-FAILING_SECONDS - 60),
    };
    stage.forge(&grant).await?;
    if stage.services.core.store.get(&marker.key()).await?.is_none() {
        stage.forge(&marker).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_to_be_removed_is_told_with_what_to_do_and_closed_by_two() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (ola, noor) = (ola(&stage).await?, noor(&stage).await?);
    let list = "/admin/revocations";
    has(&ola.open(list).await?, &["Nothing is overdue"]);
    let id = overdue(&stage).await?;
    let page = format!("{list}/{id}");
    has(&ola.open(&page).await?, &["once it has been failing for 10 minutes"]);
    for_long(&stage, &id).await?;
    let shown = shows(&stage, &ola, list, "overdue.").await?;
    has(&shown, &["Dana Reyes", "prod-admins", &page, "role=\"alert\""]);

    let shown = ola.open(&page).await?;
    has(&shown, &["az ad group member remove", "two admins can close it"]);
    for_long(&stage, &id).await?;
    let short = ola.form(&page, &page, &[("evidence", "<gone>")]).await?;
    assert_eq!(short.status, 422, "{}", short.html);
    has(&short, &["id=\"evidence-wrong\"", "&#60;gone&#62;</textarea>"]);
    let evidence = [("evidence", "removed in the portal, seen by two of us")];
    let proposed = stage
        .until("proposed", || async {
            for_long(&stage, &id).await?;
            let answer = ola.form(&page, &page, &evidence).await?;
            Ok(if answer.status == 303 {
                Ok(answer)
            } else {
                Err(answer.html)
            })
        })
        .await?;
    assert_eq!(proposed.location, Some(format!("{page}?done=closing-proposed")));
    let own = ola.open(&page).await?;
    has(
        &own,
        &["It waits for a second admin", "removed in the portal", "Ola Berg"],
    );
    assert!(!own.html.contains("Confirm and close"));

    let confirm = format!("{page}/confirm");
    stage
        .until("confirmed", || async {
            for_long(&stage, &id).await?;
            let shown = noor.open(&page).await?;
            if !shown.html.contains("Confirm and close") {
                return Ok(Err(shown.html));
            }
            let version = between(&shown.html, "name=\"version\" value=\"", "\"").to_owned();
            let alone = ola.form(&page, &confirm, &[("version", &version)]).await?;
            assert_eq!(alone.status, 422);
            let answer = noor.form(&page, &confirm, &[("version", &version)]).await?;
            Ok(if answer.status == 303 { Ok(()) } else { Err(answer.html) })
        })
        .await?;
    has(&ola.open(&page).await?, &["Noor Haddad", "Two admins have signed it"]);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_closes_by_hand_is_sent_for_a_second_factor_before_they_type() -> anyhow::Result<()> {
    let stage = stage().await?;
    let id = overdue(&stage).await?;
    for_long(&stage, &id).await?;
    let late = Desk::signed_in_at(&stage, &stage.company.admin, admin(), 600).await?;
    let page = format!("/admin/revocations/{id}");
    let shown = shows(&stage, &late, &page, "Show a second factor").await?;
    has(&shown, &["/auth/step-up?", "returnTo=%2Fadmin%2Frevocations%2F"]);
    assert!(!shown.html.contains("name=\"evidence\""));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_linked_by_name_and_unlinked() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let page = "/admin/links";
    has(&ola.open(page).await?, &["No accounts are linked by hand"]);
    let (dana, freya) = ("dana.reyes@contoso.example", "freya.lindqvist@contoso.example");
    let wrong = ola
        .form(page, page, &[("one", "nobody-a"), ("other", "nobody-b")])
        .await?;
    assert_eq!(wrong.status, 422);
    has(
        &wrong,
        &[
            "id=\"one-wrong\"",
            "id=\"other-wrong\"",
            "value=\"nobody-a\"",
            "value=\"nobody-b\"",
        ],
    );
    let own = ola
        .form(page, page, &[("one", "ola.berg@contoso.example"), ("other", dana)])
        .await?;
    assert_eq!(own.status, 403, "nobody links their own accounts: {}", own.html);
    let linked = ola.form(page, page, &[("one", dana), ("other", freya)]).await?;
    assert_eq!(
        linked.location.as_deref(),
        Some("/admin/links?done=linked"),
        "{}",
        linked.html
    );
    has(
        &shows(&stage, &ola, page, "Dana Reyes").await?,
        &["Freya Lindqvist", "Unlink …"],
    );
    has(
        &ola.open(&format!("{page}?q={dana}")).await?,
        &["2 accounts of one person", "Freya Lindqvist", "linked by an admin"],
    );
    has(&ola.open(&format!("{page}?q=nobody")).await?, &["id=\"q-wrong\""]);

    let user = stage.user_id(dana).await?;
    let unlinked = ola.form(page, "/admin/links/unlink", &[("user", &user)]).await?;
    assert_eq!(unlinked.location.as_deref(), Some("/admin/links?done=unlinked"));
    let alone = ola.open(&format!("{page}?q={dana}")).await?;
    has(&alone, &["One account"]);
    assert_eq!(
        ola.form(page, "/admin/links/unlink", &[("user", &user)]).await?.status,
        422
    );

    let version = between(&alone.html, "name=\"version\" value=\"", "\"").to_owned();
    let attribute = "/admin/links/attribute";
    let wrong = ola
        .form(page, attribute, &[("version", &version), ("attribute", "mood")])
        .await?;
    has(&wrong, &["id=\"attribute-wrong\""]);
    let chosen = ola
        .form(
            page,
            attribute,
            &[("version", &version), ("attribute", "employee_number")],
        )
        .await?;
    assert_eq!(chosen.status, 303, "{}", chosen.html);
    has(
        &ola.open(page).await?,
        &["value=\"employee_number\" checked", "Values that link"],
    );
    stage.stop().await;
    Ok(())
}

/// Sends a form of a page that a browser has open.
async fn send(browser: &Browser, page: &Seen, place: &str, fields: &[(&str, &str)]) -> anyhow::Result<Seen> {
    let token = page.form_token()?;
    let mut fields = fields.to_vec();
    fields.push(("form_token", &token));
    browser.send(place, &fields).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_of_a_tenant_without_an_application_registers_one() -> anyhow::Result<()> {
    let stage = stage().await?;
    let tenant = stage.system.world.entra.tenant().id().to_string().parse()?;
    stage.erase(keys::tenant(tenant)).await?;
    let (ola, kim) = (Browser::new(&stage)?, Browser::new(&stage)?);
    let (lost, _) = kim.travel("/inbox", &stage.company.approver.user_name, None).await?;
    assert_eq!(lost.status, 404, "{}", lost.body);
    assert!(!lost.body.contains("/admin/start"), "{}", lost.body);
    assert_eq!(kim.open("/admin/start").await?.status, 403);

    let (lost, _) = ola.travel("/inbox", &stage.company.admin.user_name, None).await?;
    assert_eq!(lost.status, 404, "{}", lost.body);
    assert!(lost.body.contains("href=\"/admin/start\""), "{}", lost.body);
    let form = ola.open("/admin/start").await?;
    assert!(
        form.status == 200 && form.body.contains("Register the application"),
        "{}",
        form.body
    );
    let place = "/admin/start";
    let wrong = send(
        &ola,
        &form,
        place,
        &[("id", "fabrikam"), ("name", "Fabrikam & sons"), ("cloud", "moon")],
    )
    .await?;
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    for part in [
        "id=\"id-wrong\"",
        "id=\"cloud-wrong\"",
        "value=\"fabrikam\"",
        "Fabrikam &#38; sons",
    ] {
        assert!(wrong.body.contains(part), "{part}: {}", wrong.body);
    }
    let taken = [("id", "contoso.example"), ("name", "Contoso"), ("cloud", "global")];
    let taken = send(&ola, &form, place, &taken).await?;
    assert!(
        taken.status == 422 && taken.body.contains("id=\"id-wrong\""),
        "{}",
        taken.body
    );
    let fields = [("id", "Fabrikam.example"), ("name", "Fabrikam"), ("cloud", "global")];
    let forged = ola.send(place, &fields).await?;
    assert_eq!(forged.status, 403, "without the form's token");

    let made = send(&ola, &form, place, &fields).await?;
    assert_eq!(made.status, 200, "{}", made.body);
    assert!(made.body.contains("Fabrikam is registered") && made.body.contains("externalId"));
    let secret = secret_on(&made.body);
    assert_eq!(scim_status(&stage, &secret).await?, 200);
    let again = send(&ola, &form, place, &fields).await?;
    assert_eq!((again.status, again.location()), (303, Some("/admin")));
    let home = ola.open("/admin").await?;
    assert!(
        home.status == 200 && home.body.contains("fabrikam.example"),
        "{}",
        home.body
    );
    assert!(!home.body.contains(&secret) && !logs().contains(&secret));
    stage.stop().await;
    Ok(())
}

/// What an admin does first, in a system that has nothing but them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_system_is_set_up_on_its_pages() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut options = Options::new(folder.path());
    options.empty = true;
    let running = Running::on(&options).await?;
    let ola = Browser::new(&running)?;
    ola.sign_in(&running.ready.people.admin).await?;
    let home = ola.open("/admin").await?;
    assert!(home.status == 200 && home.body.contains("not yet"), "{}", home.body);
    let scim = ola.open("/admin/scim").await?;
    assert!(scim.body.contains("never"), "{}", scim.body);
    let integrations = ola.open("/admin/integrations").await?;
    assert!(
        integrations.body.contains("No connector is entered yet"),
        "{}",
        integrations.body
    );
    let drift = ola.open("/admin/drift").await?;
    assert!(drift.body.contains("no entitlement yet"), "{}", drift.body);

    let known = between(&scim.body, "name=\"known\" value=\"", "\"").to_owned();
    let added = send(&ola, &scim, "/admin/scim/secrets", &[("known", &known)]).await?;
    assert_eq!(scim_status(&running, &secret_on(&added.body)).await?, 200);
    let tenant = running.system.world.entra.tenant();
    let connector = tenant.connector()?;
    let (tenant_id, client_id) = (tenant.id().to_string(), connector.client_id.to_string());
    let fields = [
        ("version", "0"),
        ("tenant_id", tenant_id.as_str()),
        ("client_id", client_id.as_str()),
        ("client_secret", connector.client_secret.expose_secret()),
        ("secret_expires_at", ""),
    ];
    let saved = send(&ola, &integrations, "/admin/integrations", &fields).await?;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let asked = send(&ola, &integrations, "/admin/integrations/test", &[]).await?;
    let probe = asked.location().unwrap().to_owned();
    running
        .until("the test answered", || async {
            let seen = ola.open(&probe).await?;
            Ok(if seen.body.contains("It works") {
                Ok(())
            } else {
                Err(seen.body)
            })
        })
        .await?;
    assert!(!ola.open("/admin/scim").await?.body.contains("○ never"));
    running.system.stop().await;
    Ok(())
}

async fn who(stage: &Stage, person: &Person) -> anyhow::Result<Who> {
    let caller = stage.services.tokens.verify(&person.token).await.expect("a good token");
    Ok(identify(&stage.services.core, caller).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_groups_are_found_by_exactly_what_names_them() -> anyhow::Result<()> {
    let stage = stage().await?;
    let core = &stage.services.core;
    let ola = who(&stage, &stage.admin().await?).await?;
    let dana = &stage.company.requester;
    let id = stage.user_id(&dana.user_name).await?;
    for text in [
        &dana.user_name,
        &dana.user_name.to_uppercase(),
        &dana.id.to_string(),
        &id,
        &format!(" {id} "),
    ] {
        assert_eq!(
            lookup::user(core, &ola, "who", text).await?.id.to_string(),
            id,
            "{text}"
        );
        assert!(matches!(
            lookup::principal(core, &ola, "who", text).await?,
            Principal::User(_)
        ));
    }
    let group = stage.group_id("sre").await?;
    let object = lookup::group(core, &ola, "who", &group)
        .await?
        .object_id()
        .unwrap()
        .to_string();
    for text in ["SRE", group.as_str(), object.as_str()] {
        assert_eq!(
            lookup::group(core, &ola, "who", text).await?.id.to_string(),
            group,
            "{text}"
        );
        assert!(matches!(
            lookup::principal(core, &ola, "who", text).await?,
            Principal::Group(_)
        ));
    }
    let stranger = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    for text in ["dana", "Dana Reyes", "sre", stranger, "*", ""] {
        let refused = lookup::user(core, &ola, "who", text).await.unwrap_err();
        assert!(
            matches!(&refused, AppError::Refused(refusal) if refusal.field() == Some("who")),
            "{text}: {refused}"
        );
    }
    // A user who is called like a group: nobody guesses which is meant.
    let renamed = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": "userName", "value": "sre"}]});
    let url = format!("{}/Users/{id}", stage.ready.scim.url);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let call = http.patch(url).bearer_auth(&stage.ready.scim.token).json(&renamed);
    call.send().await?.error_for_status()?;
    let both = lookup::principal(core, &ola, "who", "sre").await.unwrap_err();
    assert!(both.to_string().contains("more than one"), "{both}");
    assert_eq!(lookup::user(core, &ola, "who", "sre").await?.id.to_string(), id);
    let kim = who(&stage, &stage.approver().await?).await?;
    let forbidden = lookup::user(core, &kim, "who", "sre").await.unwrap_err();
    assert!(matches!(forbidden, AppError::Refused(refusal) if refusal.code() == "role-missing"));
    stage.stop().await;
    Ok(())
}
