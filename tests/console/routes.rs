//! Every page route, found in the functions' own sources, so that one which is added is looked at as well: nothing is
//! answered without a session, nothing is changed without a page's token, and the configuration is for admins.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hourglass_tests::desk::Desk;
use hourglass_tests::keyholders::{admin, everyday};
use hourglass_tests::stage::stage;
use reqwest::{Method, StatusCode};

/// First segments of the addresses of pages.
const PLACES: [&str; 11] = [
    "/request",
    "/requests",
    "/access",
    "/history",
    "/now",
    "/inbox",
    "/passkeys",
    "/activate",
    "/changes",
    "/delegates",
    "/admin",
];
/// What an id is replaced with: one that nothing has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// The addresses that the functions' page modules name, with ids in place of `{…}`.
fn routes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut files = Vec::new();
    for function in ["requests", "approvals", "admin"] {
        sources(&root.join(function).join("src/pages"), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for literal in text.split('"').skip(1).step_by(2) {
            let path: Vec<&str> = literal.split('/').collect();
            let place = path.get(1).map(|first| format!("/{first}")).unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.' | '{' | '}' | '_');
            if literal.starts_with('/') && PLACES.contains(&place.as_str()) && literal.chars().all(plain) {
                let ids = path
                    .iter()
                    .map(|part| if part.starts_with('{') { NOBODY } else { part });
                found.insert(ids.collect::<Vec<_>>().join("/"));
            }
        }
    }
    found
}

/// The addresses of the functions' routers, ids replaced: those with a page to open, and those that only forms are sent to.
fn routers() -> (BTreeSet<String>, BTreeSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut files = vec![root.join("sign-in/src/lib.rs")];
    for function in ["requests", "approvals", "admin"] {
        sources(&root.join(function).join("src/pages"), &mut files);
    }
    let (mut pages, mut forms) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for rest in text.split(".route(").skip(1) {
            let mut open = 1;
            let inside = rest.chars().take_while(|c| {
                open += match c {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                open > 0
            });
            let route: String = inside.collect();
            // Where a constant stands for the address, there is a page.
            let Some(path) = route
                .trim_start()
                .strip_prefix('"')
                .and_then(|path| path.split('"').next())
            else {
                assert!(route.contains("get("), "{route}");
                continue;
            };
            let ids = path
                .split('/')
                .map(|part| if part.starts_with('{') { NOBODY } else { part });
            let path = ids.collect::<Vec<_>>().join("/");
            if route.contains("get(") {
                pages.insert(path);
            } else {
                forms.insert(path);
            }
        }
    }
    (pages, forms)
}

/// The answer to a form that was wrong stands at the form's address, and is opened again there in another language.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_the_address_of_a_form_comes_to_a_page() -> anyhow::Result<()> {
    let (pages, forms) = routers();
    for known in [
        format!("/access/{NOBODY}/end"),
        format!("/auth/sessions/{NOBODY}/end"),
        "/passkeys/host".to_owned(),
    ] {
        assert!(forms.contains(&known), "{known}: {forms:?}");
    }
    let stage = stage().await?;
    let ola = Desk::of(&stage, &stage.company.admin, admin()).await?;
    for form in forms {
        let mut place = form.clone();
        let mut status = StatusCode::SEE_OTHER;
        while status == StatusCode::SEE_OTHER && !pages.contains(&place) {
            let open = ola
                .request(Method::GET, &place)
                .header("accept", "text/html")
                .header("sec-fetch-mode", "navigate");
            let answer = open.send().await?;
            status = answer.status();
            if let Some(to) = answer.headers().get("location") {
                to.to_str()?.clone_into(&mut place);
            }
        }
        assert!(
            pages.contains(&place) || status == StatusCode::OK,
            "{form} leads to {place}: {status}"
        );
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_answered_without_a_session_or_changed_without_a_token() -> anyhow::Result<()> {
    let routes = routes();
    for known in [
        "/access",
        "/inbox",
        "/passkeys/set-up",
        "/admin/kill-switch/press",
        "/changes/signed",
    ] {
        assert!(routes.contains(known), "{known}: {routes:?}");
    }
    let stage = stage().await?;
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let dana = Desk::of(&stage, &stage.company.requester, everyday()).await?;
    let ola = Desk::of(&stage, &stage.company.admin, admin()).await?;
    for route in routes {
        let open = http
            .get(format!("{}{route}", stage.ready.api))
            .header("accept", "text/html")
            .header("sec-fetch-mode", "navigate");
        let answer = open.send().await?;
        let to = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().unwrap_or_default().to_owned());
        let status = answer.status().as_u16();
        let sent_to_sign_in = status == 303 && to.as_ref().is_some_and(|to| to.starts_with("/auth/sign-in"));
        // An address that takes forms only leads to its page, which asks for a session itself.
        let sent_above = status == 303 && to.as_ref().is_some_and(|to| !to.contains("//"));
        assert!(
            sent_to_sign_in || sent_above || status == 404,
            "{route}: {status} {to:?}"
        );

        // With a session and from our own origin, but without the token.
        for desk in [&dana, &ola] {
            let call = desk
                .request(Method::POST, &route)
                .header("Sec-Fetch-Mode", "navigate")
                .header("content-type", "application/x-www-form-urlencoded");
            let status = call.send().await?.status().as_u16();
            assert!(matches!(status, 401 | 403 | 404 | 405), "{route}: {status}");
        }
        if route.starts_with("/admin") {
            let shown = dana.open(&route).await?;
            assert!(
                matches!(shown.status.as_u16(), 303 | 403 | 404 | 405),
                "{route}: {}",
                shown.status
            );
            assert!(
                shown.status != 303 || !shown.location.unwrap_or_default().starts_with("/changes"),
                "{route}"
            );
        }
    }
    stage.stop().await;
    Ok(())
}
