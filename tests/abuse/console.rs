//! What other sites' pages can make a browser do: cases 21, 22 and 23.

use hourglass_tests::browser::Browser;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::stage::{Stage, stage};

/// Somewhere else.
const EVIL: &str = "https://fabrikam.example";
/// What changes something, of each function with pages.
const CHANGING: [&str; 10] = [
    "/auth/sessions/end-others",
    "/auth/sessions/01890a5d-ac96-774b-bcce-b302099a8057/end",
    "/auth/sign-out",
    "/inbox/01890a5d-ac96-774b-bcce-b302099a8057/decide",
    "/inbox/signed",
    "/inbox/reviews/01890a5d-ac96-774b-bcce-b302099a8057",
    "/passkeys/new",
    "/passkeys/signed",
    "/activate",
    "/activate/signed",
];

fn dana(stage: &Stage) -> String {
    stage.ready.people.requester.clone().expect("a requester")
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                reqwest::header::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

/// Calls that no page of our own makes for this session: what it is, its headers, and the token that it knows.
type Elsewhere<'a> = (&'static str, Vec<(&'static str, &'a str)>, Option<&'a str>);

fn elsewhere<'a>(own: &'a str, token: &'a str, foreign: &'a str) -> Vec<Elsewhere<'a>> {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let ours = [("origin", own), ("sec-fetch-site", "same-origin")];
    let theirs = [("origin", EVIL), ("sec-fetch-site", "cross-site")];
    let with = |lines: &[(&'static str, &'a str)], kind: (&'static str, &'a str)| [lines, &[kind]].concat();
    vec![
        ("another site's form", with(&theirs, form), Some(token)),
        (
            "an origin that is kept from us",
            with(&[("origin", "null")], form),
            Some(token),
        ),
        (
            "a neighbour",
            with(&[("sec-fetch-site", "same-site")], form),
            Some(token),
        ),
        (
            "our name on another port",
            with(&[("origin", "http://localhost:1")], form),
            Some(token),
        ),
        ("silence", with(&[], form), Some(token)),
        ("no token", with(&ours, form), None),
        ("another session's token", with(&ours, form), Some(foreign)),
        ("plain text", with(&ours, ("content-type", "text/plain")), None),
        (
            "another site's script",
            with(&theirs, ("content-type", "application/json")),
            None,
        ),
    ]
}

/// Another site's form, script and frame, a page of our own that does not know the session, and one that knows another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_21_a_page_of_another_site_changes_nothing() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    let token = browser.sign_in(&dana(&stage)).await?.form_token()?;
    let another = Browser::new(&stage)?;
    another.sign_in(&dana(&stage)).await?;
    let other = Browser::new(&stage)?;
    let foreign = other.sign_in(&stage.ready.people.admin).await?.form_token()?;
    let own = browser.console.clone();
    let before = stage.settled().await?;

    let cases = elsewhere(&own, &token, &foreign);
    for path in CHANGING {
        for (what, lines, token) in &cases {
            let body = token.map_or_else(String::new, |token| format!("form_token={token}"));
            let seen = browser.call(Method::POST, path, headers(lines), body).await?;
            assert!(
                (400..500).contains(&seen.status),
                "{path}, {what}: {} {}",
                seen.status,
                seen.body
            );
            assert!(seen.cookies().is_empty(), "{path}, {what}: {:?}", seen.cookies());
        }
    }
    stage.unchanged(&before, "a call from elsewhere")?;

    // What a mail scanner or a link does: a GET changes nothing, whatever it asks for.
    for path in CHANGING {
        let seen = browser
            .call(
                Method::GET,
                path,
                headers(&[("sec-fetch-site", "cross-site")]),
                String::new(),
            )
            .await?;
        assert!(!(200..300).contains(&seen.status) || !seen.body.is_empty(), "{path}");
    }
    for path in ["/passkeys", "/activate", "/auth/sessions"] {
        let seen = browser.open(path).await?;
        assert_eq!(seen.status, 200, "{path}: {}", seen.body);
    }
    stage.unchanged(&before, "reading")?;
    // And with everything in its place it works, so that it was not something else.
    let ended = browser
        .send("/auth/sessions/end-others", &[("form_token", &token)])
        .await?;
    assert_eq!(ended.status, 303, "{}", ended.body);
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_22_a_sign_in_ends_on_a_page_of_our_own() -> anyhow::Result<()> {
    let stage = stage().await?;
    for place in [
        "https://fabrikam.example",
        "https:fabrikam.example",
        "//fabrikam.example",
        "///fabrikam.example",
        "/\\fabrikam.example",
        "\\\\fabrikam.example",
        "/%2ffabrikam.example",
        "/%5cfabrikam.example",
        "/\t/fabrikam.example",
        "/\n/fabrikam.example",
        "/inbox\r\nSet-Cookie: a=b",
        "/@fabrikam.example",
        "@fabrikam.example",
        "/inbox/..//fabrikam.example",
        "/\u{ff0f}fabrikam.example",
        "/\u{2215}fabrikam.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/auth/callback?code=1",
        "/auth/sign-in?returnTo=//fabrikam.example",
    ] {
        let browser = Browser::new(&stage)?;
        let query: String = url_encoded(place);
        for route in ["sign-in", "step-up"] {
            let start = format!("/auth/{route}?returnTo={query}");
            let callback = browser.almost(&start, &dana(&stage), None).await?;
            assert!(
                callback.starts_with(&format!("{}/auth/callback?", browser.console)),
                "{callback}"
            );
            let seen = browser.open(&callback).await?;
            assert_eq!(
                (seen.status, seen.location()),
                (303, Some("/access")),
                "{place:?}: {}",
                seen.body
            );
        }
    }
    // Nor does it depend on what host a caller names.
    let browser = Browser::new(&stage)?;
    let named = headers(&[("host", "fabrikam.example"), ("x-forwarded-host", "fabrikam.example")]);
    let seen = browser.call(Method::GET, "/inbox", named, String::new()).await?;
    assert_eq!(seen.location(), Some("/auth/sign-in?returnTo=%2Finbox"));
    let named = headers(&[("x-forwarded-host", "fabrikam.example")]);
    let seen = browser.call(Method::GET, "/auth/sign-in", named, String::new()).await?;
    assert!(!seen.location().unwrap().contains("fabrikam"), "{:?}", seen.location());
    // And the provider sends nobody anywhere else.
    let elsewhere = seen
        .location()
        .unwrap()
        .replace(&url_encoded(&browser.console), &url_encoded(EVIL));
    let refused = browser.open(&elsewhere).await?;
    assert_eq!((refused.status, refused.location()), (400, None), "{}", refused.body);
    stage.stop().await;
    Ok(())
}

fn url_encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("x:///").unwrap();
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}

/// Cookies are for pages and tokens for `/v1`; neither opens the other, and no page answers another origin's script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_a_cookie_authenticates_no_api_call_and_no_call_of_another_origin() -> anyhow::Result<()> {
    let stage = stage().await?;
    let browser = Browser::new(&stage)?;
    browser.sign_in(&stage.ready.people.admin).await?;
    let own = browser.console.clone();
    for path in [
        "/v1/me",
        "/v1/approvals",
        "/v1/entitlements",
        "/v1/history",
        "/v1/admin/applications",
    ] {
        for from in [own.as_str(), EVIL, "null"] {
            let seen = browser
                .call(Method::GET, path, headers(&[("origin", from)]), String::new())
                .await?;
            assert_eq!(seen.status, 401, "{path} from {from}: {}", seen.body);
            assert!(seen.headers.get("access-control-allow-credentials").is_none());
        }
    }
    let dana = stage.requester().await?;
    let stranger = Browser::new(&stage)?;
    for path in ["/inbox", "/passkeys", "/auth/sessions"] {
        let bearer = format!("Bearer {}", dana.token);
        let seen = stranger
            .call(Method::GET, path, headers(&[("authorization", &bearer)]), String::new())
            .await?;
        assert_eq!(seen.status, 303, "{path} took a token: {}", seen.body);
        for from in [EVIL, "null"] {
            let asked = headers(&[
                ("origin", from),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "cors"),
            ]);
            let seen = browser.call(Method::GET, path, asked, String::new()).await?;
            assert!(seen.headers.get("access-control-allow-origin").is_none(), "{path}");
            let asked = headers(&[("origin", from), ("access-control-request-method", "POST")]);
            let seen = browser.call(Method::OPTIONS, path, asked, String::new()).await?;
            assert!(seen.headers.get("access-control-allow-origin").is_none(), "{path}");
            assert_ne!(seen.status, 204, "{path}");
        }
    }
    stage.stop().await;
    Ok(())
}
