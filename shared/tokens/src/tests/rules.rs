//! Which tokens are accepted, and what they say (abuse case 17).

use std::io::Write;
use std::sync::{Arc, Mutex};

use hourglass_app::ports::tokens::{TokenError, TokenVerifier};
use hourglass_domain::roles::{Role, Roles, Scope, Scopes};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::issuer::{
    API, CONSOLE, DANA, FOREIGN_TENANT, FORM, Issuer, SECOND_TENANT, TENANT, attacker, first, hs256, part,
};

async fn refusal(issuer: &Issuer, token: &str) -> &'static str {
    match issuer.tokens.verify(token).await {
        Err(TokenError::Rejected(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_token_of_either_version_names_its_caller() {
    let issuer = Issuer::start().await;
    for version in [1, 2] {
        let caller = issuer
            .tokens
            .verify(&first().sign(&issuer.claims(version)))
            .await
            .unwrap();
        assert_eq!(caller.tenant.to_string(), TENANT);
        assert_eq!(caller.object_id.to_string(), DANA);
        assert_eq!(caller.client, CONSOLE);
        assert_eq!(caller.roles, Roles::from([Role::Requester, Role::Approver]));
        assert_eq!(
            caller.scopes,
            Scopes::from([Scope::RequestsReadWrite, Scope::DecisionsWrite])
        );
        assert_eq!(caller.factor.amr_mfa, version == 1);
        assert_eq!(caller.factor.acrs_context, version == 2);
        let signed_in = caller.factor.auth_time.unwrap();
        assert_eq!(signed_in, super::issuer::start_of_time().plus_seconds(-30));
        assert_eq!(caller.factor.token_id.as_deref(), Some("AbCdEfGhIjKlMnOpQrStUv"));
    }
    let asked = issuer.asked();
    assert_eq!(
        asked,
        [
            format!("/{TENANT}/.well-known/openid-configuration"),
            format!("/{TENANT}/discovery/keys"),
            format!("/{TENANT}/v2.0/.well-known/openid-configuration"),
            format!("/{TENANT}/discovery/v2.0/keys"),
        ]
    );
}

/// Claims that are changed (null: taken away), and what the refusal says.
fn bad_claims(issuer: &Issuer) -> Vec<(u8, Value, &'static str)> {
    let now = super::issuer::start_of_time().seconds();
    let url = &issuer.url;
    let two = format!("{url}/{TENANT}/v2.0");
    let foreign = format!("{url}/{FOREIGN_TENANT}/v2.0");
    vec![
        // Times.
        (2, json!({ "exp": now - 60 }), "expired"),
        (2, json!({ "exp": 0 }), "expired"),
        (2, json!({ "exp": -1 }), "expired"),
        (2, json!({ "exp": i64::MIN }), "expired"),
        (2, json!({ "exp": null }), "when it expires"),
        (2, json!({ "exp": (now + 4_500).to_string() }), "not an access token"),
        (2, json!({ "exp": 1.0e12 }), "not an access token"),
        (2, json!({ "nbf": now + 61 }), "not valid yet"),
        (2, json!({ "nbf": i64::MAX }), "not valid yet"),
        // Audience: Graph's own tokens, an ID token's, several at once.
        (
            2,
            json!({ "aud": "https://graph.microsoft.com" }),
            "another application",
        ),
        (
            2,
            json!({ "aud": "00000003-0000-0000-c000-000000000000" }),
            "another application",
        ),
        (2, json!({ "aud": CONSOLE }), "another application"),
        (2, json!({ "aud": format!("api://{API}") }), "another application"),
        (1, json!({ "aud": format!("api://{API}/") }), "another application"),
        (1, json!({ "aud": format!("spn:{API}") }), "another application"),
        (2, json!({ "aud": [API] }), "not an access token"),
        (2, json!({ "aud": API.to_uppercase() }), "another application"),
        (2, json!({ "aud": null }), "another application"),
        // Tenant and issuer, and that they say the same.
        (
            2,
            json!({ "tid": FOREIGN_TENANT, "iss": foreign }),
            "tenant that is not accepted",
        ),
        (2, json!({ "iss": foreign }), "not from its tenant's issuer"),
        (2, json!({ "tid": SECOND_TENANT }), "not from its tenant's issuer"),
        (2, json!({ "tid": FOREIGN_TENANT }), "tenant that is not accepted"),
        (2, json!({ "tid": "contoso.example" }), "does not name a tenant"),
        (2, json!({ "tid": format!("{{{TENANT}}}") }), "does not name a tenant"),
        (
            2,
            json!({ "tid": format!("{TENANT}/../{TENANT}") }),
            "does not name a tenant",
        ),
        (2, json!({ "tid": "" }), "does not name a tenant"),
        (2, json!({ "tid": null }), "does not name a tenant"),
        (2, json!({ "iss": null }), "not from its tenant's issuer"),
        (2, json!({ "iss": format!("{two}/") }), "not from its tenant's issuer"),
        (2, json!({ "iss": two.to_uppercase() }), "not from its tenant's issuer"),
        (
            2,
            json!({ "iss": format!("https://sts.windows.net/{TENANT}/") }),
            "not from its tenant's issuer",
        ),
        (
            2,
            json!({ "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0") }),
            "not from its tenant's issuer",
        ),
    ]
}

fn bad_claims_about_people(issuer: &Issuer) -> Vec<(u8, Value, &'static str)> {
    let one = format!("{}/{TENANT}/", issuer.url);
    let two = format!("{one}v2.0");
    vec![
        // Versions mixed.
        (2, json!({ "iss": one }), "not from its tenant's issuer"),
        (1, json!({ "iss": two }), "not from its tenant's issuer"),
        (2, json!({ "ver": "1.0" }), "not from its tenant's issuer"),
        (2, json!({ "ver": "3.0" }), "unknown version"),
        (2, json!({ "ver": null }), "unknown version"),
        (2, json!({ "azp": null, "appid": CONSOLE }), "client that is not known"),
        (1, json!({ "appid": null, "azp": CONSOLE }), "client that is not known"),
        // The client.
        (2, json!({ "azp": API }), "client that is not known"),
        (2, json!({ "azp": "" }), "client that is not known"),
        // Tokens of applications, ID tokens, tokens without our scopes.
        (2, json!({ "idtyp": "app", "scp": null }), "an application's"),
        (2, json!({ "idtyp": "app" }), "an application's"),
        (2, json!({ "idtyp": "device" }), "an application's"),
        (2, json!({ "scp": null }), "no scopes"),
        (2, json!({ "scp": "" }), "no scope of this API"),
        (2, json!({ "scp": "User.Read openid" }), "no scope of this API"),
        (2, json!({ "scp": "requests.readwrite" }), "no scope of this API"),
        (2, json!({ "scp": ["Requests.ReadWrite"] }), "not an access token"),
        (
            2,
            json!({ "azp": FORM, "scp": "Decisions.Write" }),
            "no scope of this API that its client may use",
        ),
        (2, json!({ "nonce": "n-0S6_WzA2Mj" }), "ID token"),
        // The person.
        (2, json!({ "oid": null }), "does not name a person"),
        (2, json!({ "oid": "dana@contoso.example" }), "does not name a person"),
        (2, json!({ "oid": DANA.replace('-', "") }), "does not name a person"),
        // Claims of other types than Entra's.
        (2, json!({ "roles": "Admin" }), "not an access token"),
        (2, json!({ "acrs": { "c1": true } }), "not an access token"),
    ]
}

#[tokio::test]
async fn every_rule_about_claims_refuses_what_breaks_it() {
    let issuer = Issuer::start().await;
    let rows = bad_claims(&issuer).into_iter().chain(bad_claims_about_people(&issuer));
    for (version, changes, expected) in rows {
        let why = refusal(&issuer, &first().sign(&issuer.claims_with(version, &changes))).await;
        assert!(why.contains(expected), "{version} {changes}: {why}");
    }
    assert!(issuer.asked().is_empty(), "what breaks a rule costs no look-up of keys");
}

#[tokio::test]
async fn what_is_within_the_rules_is_accepted() {
    let issuer = Issuer::start().await;
    let now = super::issuer::start_of_time().seconds();
    for (version, changes) in [
        // A minute of difference between the clocks.
        (2, json!({ "exp": now - 59 })),
        (2, json!({ "nbf": now + 60 })),
        (2, json!({ "nbf": null })),
        (1, json!({ "aud": format!("api://{API}") })),
        (
            2,
            json!({ "tid": SECOND_TENANT, "iss": format!("{}/{SECOND_TENANT}/v2.0", issuer.url) }),
        ),
        (2, json!({ "idtyp": "user" })),
        (2, json!({ "roles": null })),
        (2, json!({ "auth_time": null, "uti": null, "acrs": null })),
    ] {
        let verified = issuer
            .tokens
            .verify(&first().sign(&issuer.claims_with(version, &changes)))
            .await;
        assert!(verified.is_ok(), "{version} {changes}: {verified:?}");
    }
}

/// The good header with changes (null: taken away).
fn header(changes: &Value) -> Value {
    let mut header = first().header();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            header.as_object_mut().unwrap().remove(name);
        } else {
            header[name] = value.clone();
        }
    }
    header
}

/// Tokens whose header breaks a rule, signed with the right key.
fn bad_headers(claims: &Value) -> Vec<(&'static str, String, &'static str)> {
    let signed = |changes: Value| first().sign_with(&header(&changes), claims);
    let twice = base64_of(br#"{"alg":"none","alg":"RS256","kid":"first-key"}"#);
    let twice = format!("{twice}.{}", part(claims));
    vec![
        ("another RSA algorithm", signed(json!({ "alg": "RS384" })), "RS256"),
        ("PSS", signed(json!({ "alg": "PS256" })), "RS256"),
        ("lower case", signed(json!({ "alg": "rs256" })), "RS256"),
        ("no algorithm", signed(json!({ "alg": null })), "not an access token"),
        (
            "two algorithms",
            format!("{twice}.{}", first().rs256(&twice)),
            "not an access token",
        ),
        (
            "an extension",
            signed(json!({ "crit": ["b64"], "b64": false })),
            "extension",
        ),
        ("another type", signed(json!({ "typ": "JWE" })), "not an access token"),
        ("no key id", signed(json!({ "kid": null })), "name the key"),
        ("an empty key id", signed(json!({ "kid": "" })), "name the key"),
        (
            "a long key id",
            signed(json!({ "kid": "k".repeat(129) })),
            "name the key",
        ),
        (
            "a key id that is a number",
            signed(json!({ "kid": 7 })),
            "not an access token",
        ),
        (
            "a key id that is a path",
            signed(json!({ "kid": "../../../../dev/null" })),
            "does not publish",
        ),
        (
            "a key id that is SQL",
            signed(json!({ "kid": "' UNION SELECT 'x" })),
            "does not publish",
        ),
    ]
}

/// Tokens that are not signed by the issuer, or no tokens at all.
fn bad_signatures(issuer: &Issuer, good: &str) -> Vec<(&'static str, String, &'static str)> {
    let claims = issuer.claims(2);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{}.{}.", part(&header(&json!({ "alg": "none" }))), part(&claims));
    let hmac_of = |secret: &[u8]| {
        let message = format!("{}.{}", part(&header(&json!({ "alg": "HS256" }))), part(&claims));
        format!("{message}.{}", hs256(&message, secret))
    };
    let jwk = first().jwk();
    let modulus = jwk["n"].as_str().unwrap();
    let twice = claims.to_string().replacen('{', &format!("{{\"tid\":\"{TENANT}\","), 1);
    let twice = format!("{}.{}", part(&first().header()), base64_of(twice.as_bytes()));
    let promoted = part(&issuer.claims_with(2, &json!({ "roles": ["Admin"] })));
    let cut: String = good.chars().take(good.len() - 4).collect();
    let padded = format!("{message}.{signature}=");
    vec![
        ("unsigned", unsigned.clone(), "not an access token"),
        ("unsigned, with a signature", format!("{unsigned}{signature}"), "RS256"),
        ("HMAC with the DER key", hmac_of(first().public_der()), "RS256"),
        ("HMAC with the modulus", hmac_of(modulus.as_bytes()), "RS256"),
        (
            "HMAC called RSA",
            format!("{message}.{}", hs256(message, first().public_der())),
            "signature is wrong",
        ),
        (
            "two tenants",
            format!("{twice}.{}", first().rs256(&twice)),
            "not an access token",
        ),
        ("the attacker's key", attacker().sign(&claims), "does not publish"),
        (
            "the attacker's key, a known id",
            attacker().sign_with(&first().header(), &claims),
            "signature is wrong",
        ),
        (
            "other claims",
            format!("{}.{promoted}.{signature}", part(&first().header())),
            "signature is wrong",
        ),
        ("a signature cut short", cut, "signature is wrong"),
        ("a signature that is no base64url", padded, "signature is wrong"),
        ("no signature", format!("{message}."), "not an access token"),
        ("two parts", message.to_owned(), "not an access token"),
        ("four parts", format!("{good}.x"), "not an access token"),
        ("nothing", String::new(), "not an access token"),
        ("dots", "..".to_owned(), "not an access token"),
        ("no JSON", "e30.!!!.AA".to_owned(), "not an access token"),
        ("too long", format!("{message}.{}", "A".repeat(16 * 1024)), "too long"),
        ("white space", format!(" {good}"), "not an access token"),
    ]
}

#[tokio::test]
async fn every_rule_about_headers_and_signatures_refuses_what_breaks_it() {
    let issuer = Issuer::start().await;
    let claims = issuer.claims(2);
    let good = first().sign(&claims);
    let rows = bad_headers(&claims).into_iter().chain(bad_signatures(&issuer, &good));
    for (name, token, expected) in rows {
        let why = refusal(&issuer, &token).await;
        assert!(why.contains(expected), "{name}: {why}");
    }
    assert!(issuer.tokens.verify(&good).await.is_ok(), "and the good one is good");
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn a_token_cannot_bring_its_own_key() {
    let issuer = Issuer::start().await;
    let attackers = Issuer::start().await;
    attackers.says(|says| says.keys = vec![attacker().jwk()]);
    let place = format!("{}/{TENANT}/discovery/v2.0/keys", attackers.url);
    for own in [
        json!({ "jku": place }),
        json!({ "x5u": place }),
        json!({ "jwk": attacker().jwk() }),
        json!({ "x5c": [base64_of(attacker().public_der())] }),
    ] {
        for kid in [first().kid, attacker().kid] {
            let mut header = first().header();
            header["kid"] = json!(kid);
            for (name, value) in own.as_object().unwrap() {
                header[name] = value.clone();
            }
            refusal(&issuer, &attacker().sign_with(&header, &issuer.claims(2))).await;
        }
    }
    assert!(attackers.asked().is_empty(), "nobody was asked for the attacker's keys");
}

#[tokio::test]
async fn scopes_are_narrowed_to_what_the_client_may_use() {
    let issuer = Issuer::start().await;
    let all = "openid Requests.ReadWrite Decisions.Write Admin.ReadWrite Something.Else";
    for (client, expected) in [
        (FORM, Scopes::from([Scope::RequestsReadWrite])),
        (
            CONSOLE,
            Scopes::from([Scope::RequestsReadWrite, Scope::DecisionsWrite, Scope::AdminReadWrite]),
        ),
    ] {
        let claims = issuer.claims_with(2, &json!({ "azp": client, "scp": all }));
        let caller = issuer.tokens.verify(&first().sign(&claims)).await.unwrap();
        assert_eq!(caller.scopes, expected);
        assert_eq!(caller.client, client);
    }
    let claims = issuer.claims_with(2, &json!({ "roles": ["Admin", "admin", "Owner", "Auditor"] }));
    let caller = issuer.tokens.verify(&first().sign(&claims)).await.unwrap();
    assert_eq!(caller.roles, Roles::from([Role::Admin, Role::Auditor]));
}

#[tokio::test]
async fn factors_are_read_from_the_claim_of_the_version_only() {
    let issuer = Issuer::start().await;
    for (version, changes, second_factor) in [
        (1, json!({ "amr": ["mfa"] }), true),
        (1, json!({ "amr": ["pwd"] }), false),
        (1, json!({ "amr": ["ngcmfa", "wiaormfa"] }), false),
        (1, json!({ "amr": null }), false),
        (1, json!({ "amr": ["pwd"], "acrs": ["c1"] }), false),
        (2, json!({ "acrs": ["c1"] }), true),
        (2, json!({ "acrs": "c1" }), true),
        (2, json!({ "acrs": ["p1", "c2", "c1"] }), true),
        (2, json!({ "acrs": ["c2", "c11"] }), false),
        (2, json!({ "acrs": "c1 c2" }), false),
        (2, json!({ "acrs": [] }), false),
        (2, json!({ "acrs": null, "amr": ["mfa"] }), false),
    ] {
        let claims = issuer.claims_with(version, &changes);
        let caller = issuer.tokens.verify(&first().sign(&claims)).await.unwrap();
        let factor = caller.factor;
        assert_eq!(
            factor.amr_mfa || factor.acrs_context,
            second_factor,
            "{version} {changes}"
        );
    }
    let odd = issuer.claims_with(2, &json!({ "auth_time": -5, "uti": "x".repeat(65) }));
    let caller = issuer.tokens.verify(&first().sign(&odd)).await.unwrap();
    assert_eq!((caller.factor.auth_time, caller.factor.token_id), (None, None));
}

/// Keeps everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_token_is_ever_logged_or_told() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // Of one listener only, the thread that first comes to a line is asked, which may be another test's, and the answer is
    // kept; of two, all are asked (tracing-core's callsite registry).
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);
    let issuer = Issuer::start().await;
    let tokens = [
        first().sign(&issuer.claims(2)),
        attacker().sign(&issuer.claims(2)),
        first().sign(&issuer.claims_with(2, &json!({ "aud": "canary" }))),
    ];
    let mut told = format!("{:?}", issuer.tokens);
    for token in &tokens {
        told += &format!("{:?}", issuer.tokens.verify(token).await.map(|_| ()));
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("read the issuer's keys"), "the log works: {logged}");
    for text in [&told, &logged] {
        for token in &tokens {
            for part in token.split('.') {
                assert!(!text.contains(part), "{text}");
            }
        }
        assert!(!text.contains("canary") && !text.contains(DANA), "{text}");
    }
}
