//! How a session ends: by itself, by its person, and with the account.

use hourglass_app::keys;
use hourglass_app::records::SessionSeen;
use hourglass_app::sessions::hash_of;
use hourglass_domain::session::{ABSOLUTE_SECONDS, IDLE_SECONDS, ROLES_SECONDS, Session};
use hourglass_tests::browser::Browser;
use hourglass_tests::stage::{Stage, stage};
use reqwest::Method;
use serde_json::json;

use super::sign_in::{COOKIE, dana, is_signed_in};

/// The stored session of a browser.
pub(crate) async fn session(stage: &Stage, browser: &Browser) -> anyhow::Result<Session> {
    let hash = hash_of(&browser.cookie(COOKIE).unwrap()).unwrap();
    Ok(stage.read::<Session>(&keys::session(&hash)).await?.value)
}

/// Entra switches somebody off.
pub(crate) async fn switch_off(stage: &Stage, user_name: &str) -> anyhow::Result<()> {
    let id = stage.user_id(user_name).await?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
    });
    let request = stage
        .http()
        .request(Method::PATCH, format!("{}/Users/{id}", stage.ready.scim.url))
        .header("content-type", "application/scim+json")
        .bearer_auth(&stage.ready.scim.token)
        .body(body.to_string());
    stage.send(request).await?.ok().map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lapses_when_it_is_idle_or_old_or_its_roles_are() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    browser.sign_in(&dana(&stage)).await?;
    let fresh = session(&stage, &browser).await?;
    let now = stage.now();
    let seen = |seconds: i64| SessionSeen {
        hash: fresh.hash,
        at: now.plus_seconds(-seconds),
    };
    let aged = |began: i64, roles: i64| Session {
        created_at: now.plus_seconds(-began),
        roles_at: now.plus_seconds(-roles),
        ..fresh.clone()
    };
    for (what, session, seen, good) in [
        ("used a while ago", aged(3_000, 3_000), seen(IDLE_SECONDS - 60), true),
        ("idle", aged(3_000, 3_000), seen(IDLE_SECONDS), false),
        ("nearly too old", aged(ABSOLUTE_SECONDS - 60, 0), seen(0), true),
        ("too old", aged(ABSOLUTE_SECONDS, 0), seen(0), false),
        (
            "with roles nearly too old",
            aged(ROLES_SECONDS, ROLES_SECONDS - 60),
            seen(0),
            true,
        ),
        ("with roles too old", aged(ROLES_SECONDS, ROLES_SECONDS), seen(0), false),
    ] {
        stage.forge(&session).await?;
        stage.forge(&seen).await?;
        assert_eq!(is_signed_in(&browser).await?, good, "a session {what}");
    }
    // Who has lapsed is sent to their own tenant, and from there back to where they were.
    let sent = browser.open("/inbox").await?;
    let tenant = fresh.account.tenant;
    let wanted = format!("/auth/sign-in?tenant={tenant}&returnTo=%2Finbox");
    assert_eq!(sent.location(), Some(wanted.as_str()));
    stage.stop().await;
    Ok(())
}

/// Using a session keeps it alive, and is written down no more than once a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_used_goes_on() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    browser.sign_in(&dana(&stage)).await?;
    let fresh = session(&stage, &browser).await?;
    let key = keys::session_seen(&fresh.hash);
    assert!(
        stage.services.core.store.get(&key).await?.is_none(),
        "written within the first minute"
    );
    stage
        .forge(&Session {
            created_at: stage.now().plus_seconds(-61),
            ..fresh.clone()
        })
        .await?;
    assert!(is_signed_in(&browser).await?);
    let seen = stage.read::<SessionSeen>(&key).await?;
    assert!(is_signed_in(&browser).await?);
    assert_eq!(
        stage.read::<SessionSeen>(&key).await?,
        seen,
        "written twice within a minute"
    );
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_ends_the_sessions_of_other_browsers() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    let (here, lost, third) = (Browser::new(&stage)?, Browser::new(&stage)?, Browser::new(&stage)?);
    for browser in [&lost, &third, &here] {
        browser.sign_in(&dana).await?;
    }
    let page = here.open("/auth/sessions").await?;
    assert_eq!(page.body.matches("Firefox on Linux").count(), 3, "{}", page.body);
    let token = page.form_token()?;
    let id = session(&stage, &lost).await?.id;
    let ended = here
        .send(&format!("/auth/sessions/{id}/end"), &[("form_token", &token)])
        .await?;
    assert_eq!(ended.status, 303, "{}", ended.body);
    assert!(!is_signed_in(&lost).await?);
    assert!(is_signed_in(&third).await? && is_signed_in(&here).await?);
    // Somebody else's session is not there for them.
    let kim = Browser::new(&stage)?;
    let kims = kim
        .sign_in(&stage.ready.people.approver.clone().unwrap())
        .await?
        .form_token()?;
    let id = session(&stage, &here).await?.id;
    let missing = kim
        .send(&format!("/auth/sessions/{id}/end"), &[("form_token", &kims)])
        .await?;
    assert_eq!(missing.status, 404, "{}", missing.body);

    let ended = here
        .send("/auth/sessions/end-others", &[("form_token", &token)])
        .await?;
    assert_eq!(ended.status, 303);
    assert!(!is_signed_in(&third).await? && is_signed_in(&here).await? && is_signed_in(&kim).await?);
    // Each end is an event of the person's own history.
    let stored = format!("{:?}", hourglass_tests::table(&stage.system.world)?);
    assert_eq!(stored.matches("session.ended").count(), 2);
    assert_eq!(stored.matches("session.begun").count(), 4);
    stage.stop().await;
    Ok(())
}

/// Invariant I10, for sessions: refused from the first call on, which is sooner than in two seconds however slow the
/// machine, and gone from the table when the workers have come to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deactivated_user_loses_the_session_within_two_seconds() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    let browser = Browser::new(&stage)?;
    let token = browser.sign_in(&dana).await?.form_token()?;
    let key = keys::session(&session(&stage, &browser).await?.hash);

    switch_off(&stage, &dana).await?;
    for refused in [
        browser.open("/inbox").await?,
        browser
            .send("/auth/sessions/end-others", &[("form_token", &token)])
            .await?,
    ] {
        assert!(
            refused.status == 403 || refused.status == 401 || refused.status == 303,
            "{}",
            refused.status
        );
        assert!(!refused.body.contains("<table"), "{}", refused.body);
    }
    stage
        .until("the session is no longer stored", || async {
            let stored = stage.services.core.store.get(&key).await?;
            Ok(stored.map_or(Ok(()), |_| Err("it is".to_owned())))
        })
        .await?;
    let gone = browser.open("/inbox").await?;
    assert_eq!(gone.status, 303, "{}", gone.body);
    stage.stop().await;
    Ok(())
}

/// Who is provisioned after the sign-in, or deleted, is another account to us: the session does not carry over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_belongs_to_the_account_that_signed_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    browser.sign_in(&dana(&stage)).await?;
    let mut before = session(&stage, &browser).await?;
    before.account.user = None;
    stage.forge(&before).await?;
    assert!(!is_signed_in(&browser).await?);
    stage.stop().await;
    Ok(())
}
