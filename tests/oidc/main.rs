//! Signing in at an OpenID provider that nobody here wrote (npm `oidc-provider`), with the real sign-in function.
//!
//! It has to be installed first, so these tests are ignored unless the repository's `openid provider` step asks for them:
//! `HOURGLASS_OPENID_PROVIDER_DIR=$PWD/target/tools/oidc cargo test --test oidc -- --ignored`.

#![cfg(test)]

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use hourglass_app::keys;
use hourglass_app::sessions::hash_of;
use hourglass_app::sign_in::Attempt;
use hourglass_boot::Services;
use hourglass_domain::session::Session;
use hourglass_tests::browser::{Browser, Seen};
use hourglass_tests::stage::{Stage, stage};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Most pages and redirects of one sign-in.
const MOST_HOPS: usize = 16;

/// The company, the provider, and a sign-in function that was told to use it.
struct World {
    stage: Stage,
    console: String,
    /// The object id of somebody in the company.
    somebody: String,
    /// Ends with this value, and has to be able to write as long as it lives.
    _provider: (Child, Lines<BufReader<ChildStdout>>),
}

async fn world() -> anyhow::Result<World> {
    let stage = stage().await?;
    let folder = std::env::var_os("HOURGLASS_OPENID_PROVIDER_DIR");
    let folder: PathBuf = folder
        .context("HOURGLASS_OPENID_PROVIDER_DIR does not say where the provider is")?
        .into();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let console = format!("http://localhost:{}", listener.local_addr()?.port());
    let entra = stage.system.world.entra.tenant();
    let app = entra.sign_in_app()?;
    let settings = json!({
        "tenant": entra.id(),
        "client_id": app.client_id,
        "client_secret": app.client_secret.expose_secret(),
        "redirect_uri": format!("{console}/auth/callback"),
    });
    let mut provider = Command::new("node")
        .arg("provider.mjs")
        .current_dir(folder)
        .env("OPENID_PROVIDER", settings.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("node cannot be started")?;
    let out = provider.stdout.take().context("no output")?;
    let mut lines = BufReader::new(out).lines();
    let base = lines.next_line().await?.context("the provider did not start")?;

    let mut config = (*stage.services.config).clone();
    config.login_endpoint = Some(base);
    config.public_url.clone_from(&console);
    let router = hourglass_sign_in::router(Services::new(config).await?);
    stage.system.world.serve_api(listener, router);
    Ok(World {
        somebody: stage.company.requester.id.to_string(),
        stage,
        console,
        _provider: (provider, lines),
    })
}

/// What stands behind `name="…"` in a page.
fn attribute(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next()?.replace("&amp;", "&"))
}

impl World {
    /// Goes through the provider's own pages, until it sends the browser back: with what.
    async fn almost(&self, browser: &Browser, start: &str) -> anyhow::Result<String> {
        let callback = format!("{}/auth/callback", self.console);
        let mut seen = browser.open(start).await?;
        for _ in 0..MOST_HOPS {
            if let Some(place) = seen.location() {
                let place = seen.url.join(place)?;
                if place.as_str().starts_with(&callback) {
                    return Ok(place.to_string());
                }
                seen = browser.open(place.as_str()).await?;
            } else {
                seen = self.answer(browser, &seen).await?;
            }
        }
        anyhow::bail!("no end, last at {}: {}", seen.url, seen.body)
    }

    /// Fills in a page of the provider's: the name, or the consent.
    async fn answer(&self, browser: &Browser, page: &Seen) -> anyhow::Result<Seen> {
        ensure!(page.status == 200, "{} {}: {}", page.url, page.status, page.body);
        let action = attribute(&page.body, "action").with_context(|| format!("no form: {}", page.body))?;
        let body = if page.body.contains("value=\"login\"") {
            format!("prompt=login&login={}&password=x", self.somebody)
        } else {
            "prompt=consent".to_owned()
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let place = page.url.join(&action)?;
        browser.call(Method::POST, place.as_str(), headers, body).await
    }

    async fn session(&self, browser: &Browser) -> anyhow::Result<Session> {
        let secret = browser.cookie("hourglass").context("no session")?;
        let hash = hash_of(&secret).context("no secret of ours")?;
        Ok(self.stage.read::<Session>(&keys::session(&hash)).await?.value)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the installed provider"]
async fn somebody_signs_in_and_steps_up_at_a_provider_that_nobody_here_wrote() -> anyhow::Result<()> {
    let world = Box::pin(world()).await?;
    let browser = Browser::at(&world.console)?;
    let callback = world.almost(&browser, "/auth/sign-in?returnTo=/auth/sessions").await?;
    let back = browser.open(&callback).await?;
    assert_eq!(
        (back.status, back.location()),
        (303, Some("/auth/sessions")),
        "{}",
        back.body
    );
    let page = browser.open("/auth/sessions").await?;
    assert!(page.status == 200 && page.body.contains("Dana Reyes"), "{}", page.body);
    let session = world.session(&browser).await?;
    assert_eq!(session.account.object_id.to_string(), world.somebody);
    assert!(session.account.user.is_some() && !session.acrs_context);

    // The answer once more, and the spent code behind a new state.
    assert_eq!(browser.open(&callback).await?.status, 401);
    let again = world.almost(&browser, "/auth/sign-in?returnTo=/auth/sessions").await?;
    let code = |url: &str| -> anyhow::Result<String> {
        let url = Url::parse(url)?;
        let found = url.query_pairs().find(|(name, _)| name == "code");
        Ok(found.context("no code")?.1.into_owned())
    };
    let spent = again.replace(&code(&again)?, &code(&callback)?);
    assert_eq!(browser.open(&spent).await?.status, 401);

    let callback = world.almost(&browser, "/auth/step-up?returnTo=/auth/sessions").await?;
    let back = browser.open(&callback).await?;
    assert_eq!(
        (back.status, back.location()),
        (303, Some("/auth/sessions")),
        "{}",
        back.body
    );
    let stepped = world.session(&browser).await?;
    assert!(stepped.acrs_context && stepped.signed_in_at >= session.signed_in_at);
    assert_ne!(stepped.hash, session.hash);
    world.stage.stop().await;
    Ok(())
}

/// The provider compares the verifier with the challenge, and we with the nonce: each is ours alone to know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the installed provider"]
async fn a_wrong_verifier_nonce_or_issuer_signs_nobody_in() -> anyhow::Result<()> {
    let world = Box::pin(world()).await?;
    type Spoil = fn(&mut Attempt);
    let spoils: [(&str, Spoil); 2] = [
        ("verifier", |attempt| attempt.verifier = "v".repeat(43)),
        ("nonce", |attempt| attempt.nonce = "n".repeat(43)),
    ];
    for (what, spoil) in spoils {
        let browser = Browser::at(&world.console)?;
        let callback = world.almost(&browser, "/auth/sign-in").await?;
        let secret = browser.cookie("hourglass-sign-in").context("no journey")?;
        let hash = hash_of(&secret).context("no secret of ours")?;
        let mut attempt = world.stage.read::<Attempt>(&keys::sign_in(&hash)).await?.value;
        spoil(&mut attempt);
        world.stage.forge(&attempt).await?;
        let seen = browser.open(&callback).await?;
        assert_eq!(seen.status, 401, "{what}: {}", seen.body);
        assert!(browser.cookie("hourglass").is_none(), "{what}");
    }
    // RFC 9207: the answer says whose it is.
    let browser = Browser::at(&world.console)?;
    let callback = world.almost(&browser, "/auth/sign-in").await?;
    assert!(callback.contains("&iss="), "{callback}");
    let (before, _) = callback.split_once("&iss=").context("no issuer")?;
    let seen = browser
        .open(&format!("{before}&iss=https%3A%2F%2Ffabrikam.example"))
        .await?;
    assert_eq!(seen.status, 401, "{}", seen.body);
    world.stage.stop().await;
    Ok(())
}
