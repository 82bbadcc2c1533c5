//! How keys are fetched and kept (abuse case 18).

use std::time::Duration;

use hourglass_app::ports::tokens::{TokenError, TokenVerifier};
use serde_json::{Value, json};

use super::issuer::{Issuer, SECOND_TENANT, Signer, TENANT, attacker, first, second};

async fn verify(issuer: &Issuer, signer: &Signer) -> Result<(), TokenError> {
    let token = signer.sign(&issuer.claims(2));
    issuer.tokens.verify(&token).await.map(|_| ())
}

const UNKNOWN: Result<(), TokenError> = Err(TokenError::Rejected(
    "the token is signed with a key that its issuer does not publish",
));

#[tokio::test]
async fn keys_are_fetched_once_and_read_again_every_hour() {
    let issuer = Issuer::start().await;
    for _ in 0..5 {
        verify(&issuer, first()).await.unwrap();
    }
    assert_eq!(issuer.key_fetches(), 1);
    issuer.clock.advance(3_599);
    verify(&issuer, first()).await.unwrap();
    assert_eq!(issuer.key_fetches(), 1);
    issuer.clock.advance(1);
    verify(&issuer, first()).await.unwrap();
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_starts_one_refresh_in_five_minutes() {
    let issuer = Issuer::start().await;
    verify(&issuer, first()).await.unwrap();
    let flood = async |version: u8| {
        for number in 0..50 {
            let mut header = attacker().header();
            header["kid"] = json!(format!("made-up-{number}"));
            let token = attacker().sign_with(&header, &issuer.claims(version));
            assert!(issuer.tokens.verify(&token).await.is_err());
        }
    };
    // Five minutes, second by second at both ends.
    flood(2).await;
    assert_eq!(issuer.key_fetches(), 2);
    issuer.clock.advance(299);
    flood(2).await;
    assert_eq!(issuer.key_fetches(), 2);
    // Nobody else notices.
    verify(&issuer, first()).await.unwrap();
    issuer.clock.advance(1);
    flood(2).await;
    flood(2).await;
    assert_eq!(issuer.key_fetches(), 3);

    // Tokens of the other version share the limit, and cannot use it up: a refresh reads the keys of both.
    issuer.clock.advance(300);
    flood(1).await;
    assert_eq!(
        issuer.key_fetches(),
        6,
        "the first keys of version 1, then one refresh of both"
    );
    issuer.says(|says| says.keys.push(second().jwk()));
    flood(1).await;
    assert_eq!(verify(&issuer, second()).await, UNKNOWN);
    assert_eq!(issuer.key_fetches(), 6);
    issuer.clock.advance(300);
    flood(1).await;
    assert_eq!(issuer.key_fetches(), 8);
    verify(&issuer, second()).await.unwrap();
}

#[tokio::test]
async fn a_flood_at_once_is_one_refresh_too() {
    let issuer = Issuer::start().await;
    verify(&issuer, first()).await.unwrap();
    issuer.says(|says| says.delay = Duration::from_millis(20));
    let tokens: Vec<String> = (0..20)
        .map(|number| {
            let header = json!({ "alg": "RS256", "typ": "JWT", "kid": format!("made-up-{number}") });
            attacker().sign_with(&header, &issuer.claims(2))
        })
        .collect();
    let mut waiting = tokio::task::JoinSet::new();
    let issuer = std::sync::Arc::new(issuer);
    for token in tokens {
        let issuer = std::sync::Arc::clone(&issuer);
        waiting.spawn(async move { issuer.tokens.verify(&token).await.is_err() });
    }
    assert!(waiting.join_all().await.into_iter().all(|refused| refused));
    assert_eq!(issuer.key_fetches(), 2);
}

#[tokio::test]
async fn one_tenants_flood_does_not_touch_another() {
    let issuer = Issuer::start().await;
    verify(&issuer, first()).await.unwrap();
    assert_eq!(verify(&issuer, attacker()).await, UNKNOWN);
    let fetched = issuer.key_fetches();
    let changes = json!({ "tid": SECOND_TENANT, "iss": format!("{}/{SECOND_TENANT}/v2.0", issuer.url) });
    let token = first().sign(&issuer.claims_with(2, &changes));
    assert!(issuer.tokens.verify(&token).await.is_ok());
    assert_eq!(issuer.key_fetches(), fetched + 1);
    assert!(issuer.asked().last().unwrap().contains(SECOND_TENANT));
}

#[tokio::test]
async fn a_key_that_rolls_over_is_found_and_the_old_one_forgotten() {
    let issuer = Issuer::start().await;
    verify(&issuer, first()).await.unwrap();
    issuer.says(|says| says.keys.push(second().jwk()));
    verify(&issuer, second()).await.unwrap();
    verify(&issuer, first()).await.unwrap();
    assert_eq!(issuer.key_fetches(), 2);
    // Withdrawn at once: trusted until the next reading and no longer.
    issuer.says(|says| says.keys = vec![second().jwk()]);
    issuer.clock.advance(3_600);
    verify(&issuer, second()).await.unwrap();
    assert_eq!(verify(&issuer, first()).await, UNKNOWN);
}

#[tokio::test]
async fn the_last_good_answer_stays_good_for_a_day() {
    let issuer = Issuer::start().await;
    verify(&issuer, first()).await.unwrap();
    let good = issuer.asked().len();
    for (status, body) in [
        (Some(503), None),
        (Some(404), None),
        (Some(302), None),
        (None, Some("[]".to_owned())),
    ] {
        issuer.says(|says| (says.status, says.body) = (status, body.clone()));
        issuer.clock.advance(3_600);
        verify(&issuer, first()).await.unwrap();
        // Asking again and again would help nobody.
        let asked = issuer.asked().len();
        verify(&issuer, first()).await.unwrap();
        assert_eq!(issuer.asked().len(), asked);
        issuer.clock.advance(60);
        verify(&issuer, first()).await.unwrap();
        assert!(issuer.asked().len() > asked);
    }
    assert!(issuer.asked().len() > good);
    // A day after they were last read, the keys are not used any more.
    issuer.clock.advance(86_400 - 4 * 3_660 - 1);
    verify(&issuer, first()).await.unwrap();
    issuer.clock.advance(1);
    let asked = issuer.asked().len();
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    // The last reading was tried a second ago.
    assert_eq!(issuer.asked().len(), asked);
    issuer.clock.advance(10);
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    assert!(issuer.asked().len() > asked);
    issuer.says(|says| (says.status, says.body) = (None, None));
    issuer.clock.advance(10);
    verify(&issuer, first()).await.unwrap();
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_the_issuer_is_left_in_peace() {
    let issuer = Issuer::start().await;
    issuer.says(|says| says.status = Some(503));
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    assert_eq!(issuer.asked().len(), 2, "two attempts at the discovery document");
    for _ in 0..5 {
        assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    }
    assert_eq!(issuer.asked().len(), 2);
    issuer.says(|says| says.status = None);
    issuer.clock.advance(10);
    verify(&issuer, first()).await.unwrap();
}

#[tokio::test]
async fn a_fault_that_passes_is_not_noticed() {
    let issuer = Issuer::start().await;
    let says = async {
        // The first document is refused; the second attempt comes after a pause.
        tokio::time::sleep(Duration::from_millis(50)).await;
        issuer.says(|says| says.status = None);
    };
    issuer.says(|says| says.status = Some(503));
    let (verified, ()) = tokio::join!(verify(&issuer, first()), says);
    verified.unwrap();
}

#[tokio::test]
async fn keys_are_taken_from_the_tenants_own_issuer_and_host_only() {
    let elsewhere = Issuer::start().await;
    for (name, value) in [
        ("issuer", json!("https://login.microsoftonline.com/common/v2.0")),
        ("issuer", json!(format!("{}/{SECOND_TENANT}/v2.0", "http://127.0.0.1"))),
        ("issuer", Value::Null),
        (
            "jwks_uri",
            json!(format!("{}/{TENANT}/discovery/v2.0/keys", elsewhere.url)),
        ),
        ("jwks_uri", json!("https://keys.contoso.example/keys")),
        ("jwks_uri", json!("file:///keys")),
        ("jwks_uri", json!("nowhere")),
    ] {
        let issuer = Issuer::start().await;
        issuer.says(|says| {
            says.discovery.insert(name, value.clone());
        });
        assert_eq!(
            verify(&issuer, first()).await,
            Err(TokenError::Unavailable),
            "{name} {value}"
        );
        assert_eq!(issuer.key_fetches(), 0, "{name} {value}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let issuer = Issuer::start().await;
    let elsewhere = Issuer::start().await;
    issuer.says(|says| (says.status, says.moved_to) = (Some(302), elsewhere.url.clone()));
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_left_out_and_spoil_no_other() {
    let issuer = Issuer::start().await;
    let with = |name: &str, value: Value| {
        let mut jwk = first().jwk();
        jwk[name] = value;
        jwk
    };
    let own = format!("{}/{TENANT}/v2.0", issuer.url);
    for bad in [
        json!("no key"),
        json!({ "kty": "RSA" }),
        with("kty", json!("EC")),
        with("use", json!("enc")),
        with("alg", json!("HS256")),
        with("n", json!("AQAB")),
        with("n", json!("!")),
        with("kid", json!("")),
        with("kid", json!("k".repeat(200))),
        with("kid", json!(["first-key"])),
        with(
            "issuer",
            json!("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        ),
    ] {
        let issuer = Issuer::start().await;
        issuer.says(|says| says.keys = vec![bad.clone(), second().jwk()]);
        assert_eq!(verify(&issuer, first()).await, UNKNOWN, "{bad}");
        verify(&issuer, second()).await.unwrap();
        // Alone, it is as if there were none.
        let issuer = Issuer::start().await;
        issuer.says(|says| says.keys = vec![bad.clone()]);
        assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable), "{bad}");
    }
    for issuer_of_key in [own, format!("{}/{{tenantid}}/v2.0", issuer.url)] {
        issuer.says(|says| says.keys = vec![with("issuer", json!(issuer_of_key))]);
        issuer.clock.advance(3_600);
        verify(&issuer, first()).await.unwrap();
    }
}

#[tokio::test]
async fn answers_that_are_too_large_or_too_late_are_given_up() {
    let issuer = Issuer::start().await;
    let large = json!({ "keys": [first().jwk()], "padding": "x".repeat(256 * 1024) });
    issuer.says(|says| says.body = Some(large.to_string()));
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));

    let issuer = Issuer::start().await;
    issuer.says(|says| says.delay = Duration::from_secs(120));
    let begin = tokio::time::Instant::now();
    assert_eq!(verify(&issuer, first()).await, Err(TokenError::Unavailable));
    // Given up after eight seconds; what is left of this minute is for a busy machine.
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}
