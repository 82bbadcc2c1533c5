//! Signing in and out: what the identity provider has to say, and what a browser has to bring.

use hourglass_tests::browser::{Browser, Seen};
use hourglass_tests::stage::{Stage, logged, logs, stage};
use reqwest::Url;
use serde_json::{Value, json};

/// The session's cookie on a laptop, which is not reached over TLS.
pub(crate) const COOKIE: &str = "hourglass";
/// The cookie of a sign-in under way.
const JOURNEY: &str = "hourglass-sign-in";

pub(crate) fn dana(stage: &Stage) -> String {
    stage.ready.people.requester.clone().unwrap()
}

fn kim(stage: &Stage) -> String {
    stage.ready.people.approver.clone().unwrap()
}

/// Whether the browser is signed in: the page is there, instead of the way to sign in.
pub(crate) async fn is_signed_in(browser: &Browser) -> anyhow::Result<bool> {
    Ok(browser.open("/auth/sessions").await?.status == 200)
}

fn signs_nobody_in(seen: &Seen, browser: &Browser, what: &str) {
    assert!(
        matches!(seen.status, 401 | 403),
        "{what}: {} {}",
        seen.status,
        seen.body
    );
    assert!(seen.body.contains("Sign in again"), "{what}: {}", seen.body);
    assert!(browser.cookie(COOKIE).is_none(), "{what} made a session");
    assert!(browser.cookie(JOURNEY).is_none(), "{what} left the journey open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_sees_it_and_signs_out() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;

    let page = browser.sign_in(&dana(&stage)).await?;
    assert!(page.body.contains("Firefox on Linux"), "{}", page.body);
    assert!(page.body.contains("(this one)"), "{}", page.body);
    assert!(browser.cookie(JOURNEY).is_none(), "the journey's cookie is gone");

    let style = page
        .body
        .split("href=\"/assets/")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let style = browser.open(&format!("/assets/{}", style.unwrap())).await?;
    assert_eq!(style.status, 200);
    let keys = browser.open("/passkeys").await?;
    assert_eq!(keys.status, 200, "{}", keys.body);

    let token = page.form_token()?;
    let out = browser.send("/auth/sign-out", &[("form_token", &token)]).await?;
    assert_eq!((out.status, out.location()), (303, Some("/auth/signed-out")));
    assert!(browser.cookie(COOKIE).is_none());
    let again = browser.open("/inbox").await?;
    assert_eq!(again.status, 303);
    assert_eq!(again.location(), Some("/auth/sign-in?returnTo=%2Finbox"));
    // A link from a ticket fills in the form, with what browsers send as it is.
    let link = "/request?entitlement=7&justification=[INC-1042]%20ask%20kim@contoso.example";
    let linked = browser.open(link).await?;
    let kept = linked.location().and_then(|place| place.split_once("returnTo="));
    let (_, kept) = kept.unwrap();
    assert_eq!(
        kept,
        "%2Frequest%3Fentitlement%3D7%26justification%3D%5BINC%2D1042%5D%2520ask%2520kim%40contoso%2Eexample"
    );
    stage.stop().await;
    Ok(())
}

/// The secret is in the browser and nowhere else, and tokens are nowhere at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_secret_of_a_session_nor_a_token_is_kept_or_logged() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    let (page, back) = browser.travel("/auth/sessions", &dana(&stage), None).await?;
    let secret = browser.cookie(COOKIE).unwrap();
    let code = Url::parse(&back.unwrap())?
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1
        .into_owned();
    let stored = format!("{:?}", hourglass_tests::table(&stage.system.world)?);
    for secret in [secret.as_str(), code.as_str(), "eyJ"] {
        assert!(!stored.contains(secret), "{secret} is stored");
        assert!(!page.body.contains(secret), "{secret} is shown");
    }
    assert!(
        !logs().contains(&secret) && !logs().contains(&code),
        "a secret is logged"
    );
    // A cookie that scripts cannot read and that stays at home.
    let again = Browser::new(&stage)?;
    let callback = again.almost("/auth/sign-in", &dana(&stage), None).await?;
    let lines = again.open(&callback).await?.cookies();
    let line = lines.iter().find(|line| line.starts_with("hourglass=")).unwrap();
    assert!(
        line.contains("; Path=/; Secure; HttpOnly; SameSite=Lax") && !line.contains("Domain"),
        "{line}"
    );
    stage.stop().await;
    Ok(())
}

/// Session fixation: what was in the browser before the sign-in is worth nothing after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_planted_before_the_sign_in_is_worth_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let attacker = Browser::new(&stage)?;
    attacker.sign_in(&kim(&stage)).await?;
    let planted = attacker.cookie(COOKIE).unwrap();

    let victim = Browser::new(&stage)?;
    victim.set_cookie(COOKIE, &planted);
    let (page, _) = victim
        .travel("/auth/sign-in?returnTo=/auth/sessions", &dana(&stage), None)
        .await?;
    assert_eq!(page.status, 200, "{}", page.body);
    let secret = victim.cookie(COOKIE).unwrap();
    assert_ne!(secret, planted);
    assert!(
        !is_signed_in(&attacker).await?,
        "the attacker's session went on in the victim's browser"
    );

    // A second sign-in has a new secret, and the one before it is over.
    victim
        .travel("/auth/sign-in?returnTo=/auth/sessions", &dana(&stage), None)
        .await?;
    assert_ne!(victim.cookie(COOKIE).unwrap(), secret);
    let late = Browser::new(&stage)?;
    late.set_cookie(COOKIE, &secret);
    assert!(!is_signed_in(&late).await?);
    // One that nobody made.
    late.set_cookie(COOKIE, &"A".repeat(43));
    assert!(!is_signed_in(&late).await?);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_the_provider_works_once_and_in_its_own_browser() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    let browser = Browser::new(&stage)?;

    // The whole answer once more, in the browser that it was for.
    let callback = browser.almost("/auth/sign-in", &dana, None).await?;
    assert_eq!(browser.open(&callback).await?.status, 303);
    assert!(is_signed_in(&browser).await?);
    let replay = browser.open(&callback).await?;
    assert_eq!(replay.status, 401, "{}", replay.body);

    // In a browser that has begun nothing, and in one that has begun something else.
    let other = Browser::new(&stage)?;
    let stolen = browser.almost("/auth/sign-in", &dana, None).await?;
    signs_nobody_in(&other.open(&stolen).await?, &other, "another browser's answer");
    other.open("/auth/sign-in").await?;
    signs_nobody_in(&other.open(&stolen).await?, &other, "another browser's state");

    // Somebody else's code behind one's own state: the verifier is not the one it was asked for with.
    let own = other.almost("/auth/sign-in", &dana, None).await?;
    let code = |url: &str| -> anyhow::Result<String> {
        let url = Url::parse(url)?;
        let found = url
            .query_pairs()
            .find(|(name, _)| name == "code")
            .unwrap()
            .1
            .into_owned();
        Ok(found)
    };
    let mixed = own.replace(&code(&own)?, &code(&stolen)?);
    signs_nobody_in(&other.open(&mixed).await?, &other, "an injected code");

    // A code that was spent, behind a state that is good.
    let spent = other.almost("/auth/sign-in", &dana, None).await?;
    let mixed = spent.replace(&code(&spent)?, &code(&callback)?);
    signs_nobody_in(&other.open(&mixed).await?, &other, "a spent code");

    for bad in ["state=", "code=x", "error=access_denied"] {
        other.open("/auth/sign-in").await?;
        let seen = other.open(&format!("/auth/callback?{bad}")).await?;
        signs_nobody_in(&seen, &other, bad);
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_that_is_not_good_signs_nobody_in() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    let registrations = stage.system.world.entra.tenant().registrations().clone();
    let (ours, other) = (registrations.tenant_id, registrations.foreign_tenant_id);
    let orders = [
        json!({"claims": {"nonce": "of-another-sign-in"}}),
        json!({"claims": {"nonce": null}}),
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"kid": "nobody's"}),
        json!({"expires_in_seconds": -61}),
        json!({"claims": {"nbf": 4_000_000_000_i64}}),
        json!({"claims": {"aud": registrations.form_client_id}}),
        json!({"claims": {"aud": [registrations.api_client_id, registrations.form_client_id]}}),
        json!({"claims": {"aud": null}}),
        json!({"tenant": other}),
        json!({"tenant": other, "claims": {"tid": ours}}),
        json!({"claims": {"tid": other}}),
        json!({"claims": {"tid": null}}),
        json!({"claims": {"iss": format!("{}/{ours}/", stage.ready.oidc)}}),
        json!({"claims": {"iss": format!("{}/{ours}/v2.0/", stage.ready.oidc)}}),
        json!({"claims": {"iss": null}}),
        json!({"claims": {"oid": "dana"}}),
        json!({"claims": {"oid": null}}),
        json!({"claims": {"ver": "1.0"}}),
        json!({"claims": {"auth_time": null}}),
        json!({"claims": {"sub": null}}),
    ];
    for mut order in orders {
        order["user"] = Value::from(dana.clone());
        let browser = Browser::new(&stage)?;
        let (seen, _) = browser.travel("/auth/sign-in", &dana, Some(&order)).await?;
        signs_nobody_in(&seen, &browser, &order.to_string());
    }
    // The same with nothing wrong, so that it was not something else.
    let browser = Browser::new(&stage)?;
    let (seen, _) = browser
        .travel("/auth/sessions", &dana, Some(&json!({"user": dana})))
        .await?;
    assert_eq!(seen.status, 200, "{}", seen.body);
    stage.stop().await;
    Ok(())
}

/// What the provider says goes into no page: not as markup, and not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_provider_is_told_in_our_own_words() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    for (error, words) in [
        ("access_denied", "cancelled"),
        ("interaction_required", "sign in again"),
        ("consent_required", "consented"),
        ("<script>alert(1)</script>", "did not sign you in"),
    ] {
        let start = browser.open("/auth/sign-in?returnTo=/passkeys").await?;
        let state = Url::parse(start.location().unwrap())?
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let mut back = Url::parse(&format!("{}/auth/callback", browser.console))?;
        back.query_pairs_mut()
            .append_pair("state", &state)
            .append_pair("error", error)
            .append_pair(
                "error_description",
                "AADSTS65004: <img src=x onerror=alert(1)> secret-of-the-provider",
            );
        let seen = browser.open(back.as_str()).await?;
        signs_nobody_in(&seen, &browser, error);
        assert!(
            seen.body.contains(words) && seen.body.contains("AADSTS65004"),
            "{}",
            seen.body
        );
        for echo in ["<img", "onerror", "alert(1)", "secret-of-the-provider"] {
            assert!(!seen.body.contains(echo), "{error}: {}", seen.body);
        }
        // The way back is the one that was asked for.
        assert!(seen.body.contains("returnTo=%2Fpasskeys"), "{}", seen.body);
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_up_is_worth_what_the_provider_confirms() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    let browser = Browser::new(&stage)?;
    browser.sign_in(&dana).await?;

    // Without a second factor, and with an old sign-in: refused, and no circle.
    let weak = json!({"user": dana, "factors": ["pwd"]});
    let (seen, _) = browser
        .travel("/auth/step-up?returnTo=/auth/sessions", &dana, Some(&weak))
        .await?;
    assert_eq!(seen.status, 401);
    assert!(seen.body.contains("did not confirm a second factor"), "{}", seen.body);
    let old = json!({"user": dana, "auth_age_seconds": 301});
    let (seen, _) = browser
        .travel("/auth/step-up?returnTo=/auth/sessions", &dana, Some(&old))
        .await?;
    assert!(seen.body.contains("with an earlier sign-in"), "{}", seen.body);
    let old = json!({"user": dana, "auth_age_seconds": 901});
    let (seen, _) = browser.travel("/auth/sign-in?recent=1", &dana, Some(&old)).await?;
    assert!(seen.body.contains("with an earlier sign-in"), "{}", seen.body);
    assert!(
        is_signed_in(&browser).await?,
        "what came of it does no harm to the session there was"
    );

    let (seen, _) = browser
        .travel("/auth/step-up?returnTo=/auth/sessions", &dana, None)
        .await?;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let session = super::lapse::session(&stage, &browser).await?;
    assert!(session.acrs_context && session.is_recent(stage.now()));
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_switched_off_is_not_let_in_and_that_is_written_down() -> anyhow::Result<()> {
    let stage = stage().await?;
    let dana = dana(&stage);
    super::lapse::switch_off(&stage, &dana).await?;
    let browser = Browser::new(&stage)?;
    let (seen, _) = browser.travel("/auth/sign-in", &dana, None).await?;
    assert_eq!(seen.status, 403, "{}", seen.body);
    assert!(seen.body.contains("switched off"), "{}", seen.body);
    assert!(browser.cookie(COOKIE).is_none());
    let stored = format!("{:?}", hourglass_tests::table(&stage.system.world)?);
    assert!(
        stored.contains("session.refused"),
        "the refusal is not in the person's history"
    );
    assert!(!logged(&["nobody was signed in"]).is_empty() || stored.contains("account_inactive"));
    stage.stop().await;
    Ok(())
}
