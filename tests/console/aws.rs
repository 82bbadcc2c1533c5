//! The part of the integrations' page about AWS IAM Identity Center.

use hourglass_local::aws::FaultOrder;
use hourglass_tests::desk::{Desk, Shown};
use hourglass_tests::keyholders::{admin, company_of_two, first_admin, with_key};
use hourglass_tests::stage::{Stage, logs, refused, stage};
use hourglass_tests::table;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

const PAGE: &str = "/admin/integrations";
const SAVE: &str = "/admin/integrations/aws";
const REMOVE: &str = "/admin/integrations/aws/remove";
const API: &str = "/v1/admin/integrations/aws";
/// An endpoint that nobody is asked at: the token for it is never entered.
const OTHER: &str = "https://scim.eu-central-1.amazonaws.com/other-tenant/scim/v2/";

async fn ola(stage: &Stage) -> anyhow::Result<Desk> {
    Desk::of(stage, &stage.company.admin, admin()).await
}

fn has(shown: &Shown, parts: &[&str]) {
    for part in parts {
        assert!(shown.html.contains(part), "no {part}: {}", shown.html);
    }
}

/// Connects the Identity Center of this stage: what was seeded is that of another, whose state this one began with. Answers
/// the token.
async fn connected(stage: &Stage) -> anyhow::Result<SecretString> {
    let center = &stage.system.world.identity_center;
    center.delete_all_tokens()?;
    let token = center.generate_token()?;
    let body = json!({
        "url": center.endpoint(),
        "access_token": token.expose_secret(),
        "token_expires_at": stage.now().plus_seconds(365 * 86_400).to_string(),
    });
    stage.put(&stage.admin().await?, API, &body).await?.ok()?;
    Ok(token)
}

/// The part of the page about AWS.
fn section(shown: &Shown) -> &str {
    let (_, section) = shown.html.split_once("<h2 id=\"aws\">").expect("the section");
    section.split_once("<h2>").expect("the section after it").0
}

/// The version in the form of a part of a page.
fn version(part: &str) -> String {
    let (_, rest) = part.rsplit_once("name=\"version\" value=\"").expect("a version");
    rest.split_once('"').expect("its end").0.to_owned()
}

/// Saves what is typed against the version that is shown.
async fn save(desk: &Desk, url: &str, token: &str, ends: &str) -> anyhow::Result<Shown> {
    let version = version(section(&desk.open(PAGE).await?));
    let fields = [
        ("version", version.as_str()),
        ("url", url),
        ("access_token", token),
        ("token_expires_at", ends),
    ];
    desk.form(PAGE, SAVE, &fields).await
}

/// Tests the connection until that shows `part`. The workers read a credential anew at most every two seconds.
async fn tested(stage: &Stage, desk: &Desk, part: &str) -> anyhow::Result<()> {
    let test = format!("{SAVE}/test");
    stage
        .until(&format!("the test shows {part}"), || async {
            let place = desk.form(PAGE, &test, &[]).await?.location.expect("a place");
            assert!(place.starts_with("/admin/integrations?probe="), "{place}");
            let shown = stage
                .until("the answer", || async {
                    let shown = desk.open(&place).await?;
                    let waits = section(&shown).contains("The workers are trying it");
                    Ok(if waits { Err(shown.html) } else { Ok(shown) })
                })
                .await?;
            let section = section(&shown);
            Ok(if section.contains(part) {
                Ok(())
            } else {
                Err(section.to_owned())
            })
        })
        .await
}

fn called(stage: &Stage, operation: &str) -> u64 {
    let calls = stage.system.world.secrets.faults().calls();
    calls.get(operation).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_is_connected_and_tested_and_its_token_shown_to_nobody() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    let center = &stage.system.world.identity_center;
    let (first, url) = (connected(&stage).await?, center.endpoint());
    let (first, fresh) = (first.expose_secret(), center.generate_token()?);
    let fresh = fresh.expose_secret();
    let shown = ola.open(PAGE).await?;
    for part in [
        url.as_str(),
        "shown to nobody",
        "writes no memberships to AWS yet",
        "type=\"password\"",
    ] {
        assert!(section(&shown).contains(part), "no {part}: {}", section(&shown));
    }
    tested(&stage, &ola, "IAM Identity Center accepts the access token.").await?;

    // What cannot be taken comes back beside its field, without the token.
    let typed = "typed-and-kept-nowhere";
    let wrong = save(&ola, "https://scim.evil.example/t/scim/v2/", typed, "soon").await?;
    assert_eq!(wrong.status, 422);
    has(
        &wrong,
        &[
            "id=\"url-wrong\"",
            "href=\"#url\"",
            "id=\"token_expires_at-wrong\"",
            "value=\"https://scim.evil.example/t/scim/v2/\"",
        ],
    );
    let empty = save(&ola, &url, "", "").await?;
    has(&empty, &["id=\"access_token-wrong\""]);
    let spaced = save(&ola, &url, "typed and kept nowhere", "").await?;
    has(&spaced, &["id=\"access_token-wrong\""]);

    // A wrong token is reported as such, and the right one takes its place at once.
    let mistyped = "mistyped-and-shown-nowhere";
    assert_eq!(save(&ola, &url, mistyped, "").await?.status, 303);
    tested(&stage, &ola, "refuses the access token (401)").await?;
    assert!(section(&ola.open(PAGE).await?).contains("nobody is warned before it ends"));
    assert_eq!(save(&ola, &url, fresh, "").await?.status, 303);
    tested(&stage, &ola, "IAM Identity Center accepts the access token.").await?;

    let api = stage.get(&stage.admin().await?, API).await?;
    assert_eq!(
        (&api.body["token_entered"], &api.body["url"]),
        (&json!(true), &json!(format!("{url}/")))
    );
    let pages = [
        shown,
        wrong,
        empty,
        spaced,
        ola.open(PAGE).await?,
        ola.open("/admin").await?,
    ];
    let mut seen: Vec<String> = pages.into_iter().map(|page| page.html).collect();
    seen.extend([api.to_string(), format!("{:?}", table(&stage.system.world)?), logs()]);
    for text in &seen {
        for token in [first, fresh, typed, mistyped, "typed and kept nowhere"] {
            assert!(!text.contains(token), "{token} stands somewhere");
        }
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_token_is_warned_of() -> anyhow::Result<()> {
    let stage = stage().await?;
    let ola = ola(&stage).await?;
    connected(&stage).await?;
    let url = stage.system.world.identity_center.endpoint();
    let day = |days: i64| -> String {
        let at = stage.now().plus_seconds(days * 86_400).to_string();
        at.chars().take(10).collect()
    };
    for (ends, warning) in [
        (5, "token ends within 7 days"),
        (20, "token ends within 30 days"),
        (80, "token ends within 90 days"),
        (200, ""),
    ] {
        let saved = save(&ola, &url, "a-token", &day(ends)).await?;
        assert_eq!(
            saved.location.as_deref(),
            Some("/admin/integrations?done=aws"),
            "{}",
            saved.html
        );
        let shown = ola.open(saved.location.as_deref().unwrap_or_default()).await?;
        has(&shown, &["The connection to AWS is saved.", warning]);
        assert_eq!(section(&shown).contains("Generate a new one"), !warning.is_empty());
        has(&ola.open("/admin").await?, &["connected; the access token ends"]);
    }
    assert_eq!(save(&ola, &url, "a-token", &day(-1)).await?.status, 422);
    // Once it is over that is said as well.
    let application = hourglass_local::company::DOMAIN.parse()?;
    let key = hourglass_app::keys::aws(&application);
    let mut stored = stage
        .read::<hourglass_domain::application::AwsIntegration>(&key)
        .await?
        .value;
    stored.token_expires_at = Some(stage.now().plus_seconds(-1));
    stage.forge(&stored).await?;
    assert!(section(&ola.open(PAGE).await?).contains("The AWS access token ended"));
    has(&ola.open("/admin").await?, &["the access token ended"]);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_url_takes_two_and_discards_the_token() -> anyhow::Result<()> {
    let stage = company_of_two().await?;
    connected(&stage).await?;
    let mut ola = first_admin(&stage).await?;
    let mut kim = with_key(&stage, &mut ola, &stage.company.approver, admin()).await?;
    let (token, center) = (stage.admin().await?, &stage.system.world.identity_center);
    let sent = save(&ola, OTHER, "a-token-of-another-tenant", "").await?;
    let place = sent.location.clone().unwrap_or_default();
    let id = place
        .strip_prefix("/changes/")
        .and_then(|rest| rest.strip_suffix("?done=proposed"));
    let id = id.unwrap_or_else(|| panic!("{place}: {}", sent.html)).to_owned();
    assert!(!format!("{:?}", table(&stage.system.world)?).contains("a-token-of-another-tenant"));
    assert!(
        section(&ola.open(PAGE).await?).contains(&center.endpoint()),
        "nothing has changed yet"
    );
    has(
        &ola.open(&format!("/changes/{id}")).await?,
        &[OTHER, "Points the AWS integration to another url"],
    );

    ola.sign_change(&id).await?.ok()?;
    kim.sign_change(&id).await?.ok()?;
    let applied = kim.press(&id, "apply").await?;
    assert_eq!(applied.location.as_deref(), Some(PAGE), "{}", applied.html);
    let shown = ola.open(PAGE).await?;
    for part in [OTHER, "not entered yet for this url"] {
        assert!(section(&shown).contains(part), "no {part}: {}", section(&shown));
    }
    assert_eq!(called(&stage, "DeleteSecret"), 1);
    assert_eq!(stage.get(&token, API).await?.ok()?["token_entered"], false);
    let before = center.faults().calls();
    tested(&stage, &ola, "No access token is stored for this url").await?;
    assert_eq!(
        center.faults().calls(),
        before,
        "the token of the earlier url was sent somewhere"
    );

    // A token for the url that is in force takes effect at once.
    let entered = save(&ola, OTHER, "entered-in-the-end", "").await?;
    assert_eq!(
        entered.location.as_deref(),
        Some("/admin/integrations?done=aws"),
        "{}",
        entered.html
    );
    assert_eq!(stage.get(&token, API).await?.ok()?["token_entered"], true);

    // To remove it takes two as well.
    let version = version(&ola.open(REMOVE).await?.html);
    has(
        &ola.open(REMOVE).await?,
        &["It takes effect when you and another admin have signed it."],
    );
    let asked = ola.form(REMOVE, REMOVE, &[("version", &version)]).await?;
    assert!(asked.location.unwrap_or_default().starts_with("/changes/"));
    assert_eq!(stage.get(&token, API).await?.ok()?["url"], OTHER);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removing_asks_first_and_deletes_the_token() -> anyhow::Result<()> {
    let stage = stage().await?;
    let (ola, token) = (ola(&stage).await?, stage.admin().await?);
    connected(&stage).await?;
    let url = stage.system.world.identity_center.endpoint();
    let asked = ola.open(REMOVE).await?;
    has(
        &asked,
        &[url.as_str(), "deletes the access token", "Nobody gains or loses access"],
    );
    assert_eq!(called(&stage, "DeleteSecret"), 0, "looking removes nothing");
    let stale = [("version", "0")];
    assert_eq!(ola.form(REMOVE, REMOVE, &stale).await?.status, 409);

    // The secret store does not answer: the integration is gone, and the token is told to be there still.
    let down = FaultOrder {
        answer: Some(500),
        times: 3,
        ..FaultOrder::new("DeleteSecret")
    };
    stage.system.world.secrets.faults().order(down);
    let version = version(&asked.html);
    let failed = ola.form(REMOVE, REMOVE, &[("version", &version)]).await?;
    assert!(failed.status.is_server_error(), "{}: {}", failed.status, failed.html);
    let shown = ola.open(PAGE).await?;
    for part in ["AWS is not connected", "could not be deleted yet"] {
        assert!(section(&shown).contains(part), "no {part}: {}", section(&shown));
    }
    let forgotten = ola.form(PAGE, &format!("{SAVE}/forget"), &[]).await?;
    assert_eq!(
        forgotten.location.as_deref(),
        Some("/admin/integrations?done=aws-forgotten")
    );
    assert!(!section(&ola.open(PAGE).await?).contains("could not be deleted yet"));
    has(
        &ola.open("/admin").await?,
        &["not connected; everything else works without it"],
    );
    for gone in [
        stage.get(&token, API).await?,
        stage.send(stage.request(Method::DELETE, API, &token)).await?,
    ] {
        refused(&gone, 404, "not-found");
    }
    assert_eq!(ola.open(REMOVE).await?.status, 404);

    // And entered anew, it is removed in one go.
    assert_eq!(save(&ola, &url, "a-token", "").await?.status, 303);
    let deleted = called(&stage, "DeleteSecret");
    let gone = stage.send(stage.request(Method::DELETE, API, &token)).await?;
    assert_eq!(gone.status, 204, "{gone}");
    assert_eq!(called(&stage, "DeleteSecret"), deleted + 1);
    assert!(!section(&ola.open(PAGE).await?).contains("could not be deleted yet"));
    stage.stop().await;
    Ok(())
}
