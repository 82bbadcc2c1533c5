//! Signing in and out, and what a session is worth.

use hourglass_tests::Running;
use hourglass_tests::browser::Browser;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_sees_it_and_signs_out() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let browser = Browser::new(&running)?;
    let dana = running.ready.people.requester.clone().unwrap();

    let page = browser.sign_in(&dana).await?;
    assert!(page.body.contains("Firefox on Linux"), "{}", page.body);
    assert!(page.body.contains("(this one)"), "{}", page.body);
    assert!(
        browser.cookie("hourglass-sign-in").is_none(),
        "the journey's cookie is gone"
    );

    let style = page
        .body
        .split("href=\"/assets/")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let style = browser.open(&format!("/assets/{}", style.unwrap())).await?;
    assert_eq!(style.status, 200);

    let token = page.form_token()?;
    let out = browser.send("/auth/sign-out", &[("form_token", &token)]).await?;
    assert_eq!((out.status, out.location()), (303, Some("/auth/signed-out")));
    assert!(browser.cookie("hourglass").is_none());
    let again = browser.open("/auth/sessions").await?;
    assert_eq!(again.status, 303);
    assert!(again.location().unwrap().starts_with("/auth/sign-in?returnTo="));
    running.system.stop().await;
    Ok(())
}
