//! The OpenID provider, seen from a verifier and from an application.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::test_bench::{Bench, GRAPH, OIDC};

/// 2026-11-02T09:00:00Z, where the test clock stands.
const NOW: i64 = 1_793_610_000;

async fn dev_token(bench: &Bench, order: Value) -> Value {
    let reply = bench.oidc("POST", "/dev-token", &order.to_string(), &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

fn part(token: &str, index: usize) -> Map<String, Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn claims(bench: &Bench, order: Value) -> Map<String, Value> {
    part(dev_token(bench, order).await["access_token"].as_str().unwrap(), 1)
}

fn names(claims: &Map<String, Value>) -> BTreeSet<&str> {
    claims.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn discovery_names_issuer_and_keys_of_each_version() {
    let bench = Bench::new().await;
    let tid = bench.tenant.id();
    for (path, issuer, keys, keys_issuer) in [
        (
            format!("/{tid}/v2.0/.well-known/openid-configuration"),
            format!("{OIDC}/{tid}/v2.0"),
            format!("/{tid}/discovery/v2.0/keys"),
            Some(format!("{OIDC}/{tid}/v2.0")),
        ),
        (
            format!("/{tid}/.well-known/openid-configuration"),
            format!("{OIDC}/{tid}/"),
            format!("/{tid}/discovery/keys"),
            None,
        ),
    ] {
        let document = bench.oidc("GET", &path, "", &[]).await.body;
        assert_eq!(document["issuer"], issuer);
        assert_eq!(document["jwks_uri"], format!("{OIDC}{keys}"));
        assert_eq!(document["token_endpoint"], format!("{OIDC}/{tid}/oauth2/v2.0/token"));
        let set = bench.oidc("GET", &keys, "", &[]).await.body;
        assert_eq!(set["keys"].as_array().unwrap().len(), 1);
        assert_eq!(set["keys"][0]["kty"], "RSA");
        assert_eq!(
            set["keys"][0].get("issuer").and_then(Value::as_str),
            keys_issuer.as_deref()
        );
        assert!(set["keys"][0].get("d").is_none());
    }
    for unknown in ["common", "organizations", "00000000-0000-0000-0000-000000000001"] {
        let reply = bench
            .oidc("GET", &format!("/{unknown}/discovery/v2.0/keys"), "", &[])
            .await;
        assert_eq!(
            (reply.status, reply.body["error_codes"].clone()),
            (400, json!([90_002])),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn a_version_2_token_has_entras_claims_and_no_amr() {
    let bench = Bench::new().await;
    let dana = bench.company.requester.clone();
    let claims = claims(&bench, json!({ "user": "Dana.Reyes@contoso.example" })).await;
    let expected = [
        "acrs",
        "aio",
        "aud",
        "auth_time",
        "azp",
        "azpacr",
        "exp",
        "iat",
        "iss",
        "name",
        "nbf",
        "oid",
        "preferred_username",
        "rh",
        "roles",
        "scp",
        "sub",
        "tid",
        "uti",
        "ver",
    ];
    assert_eq!(names(&claims), BTreeSet::from(expected));
    let registrations = bench.tenant.registrations();
    for (name, value) in [
        ("acrs", json!(["c1"])),
        ("aud", json!(registrations.api_client_id)),
        ("auth_time", json!(NOW)),
        ("azp", json!(registrations.form_client_id)),
        ("azpacr", json!("0")),
        ("iss", json!(format!("{OIDC}/{}/v2.0", bench.tenant.id()))),
        ("iat", json!(NOW)),
        ("nbf", json!(NOW)),
        ("exp", json!(NOW + 4_500)),
        ("name", json!("Dana Reyes")),
        ("oid", json!(dana.id)),
        ("preferred_username", json!("dana.reyes@contoso.example")),
        ("roles", json!(["Requester"])),
        ("scp", json!("Requests.ReadWrite Decisions.Write Admin.ReadWrite")),
        ("tid", json!(bench.tenant.id())),
        ("ver", json!("2.0")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_ne!(claims["sub"], claims["oid"]);
}

#[tokio::test]
async fn a_version_1_token_has_amr_and_no_acrs() {
    let bench = Bench::new().await;
    let order = json!({ "user": bench.company.approver.user_name, "version": 1, "auth_age_seconds": 90 });
    let token = dev_token(&bench, order).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(header["x5t"], header["kid"]);
    let expected = [
        "acr",
        "aio",
        "amr",
        "appid",
        "appidacr",
        "aud",
        "auth_time",
        "exp",
        "family_name",
        "given_name",
        "iat",
        "ipaddr",
        "iss",
        "name",
        "nbf",
        "oid",
        "rh",
        "roles",
        "scp",
        "sub",
        "tid",
        "unique_name",
        "upn",
        "uti",
        "ver",
    ];
    assert_eq!(names(&claims), BTreeSet::from(expected));
    for (name, value) in [
        ("acr", json!("1")),
        ("amr", json!(["pwd", "mfa"])),
        ("appid", json!(bench.tenant.registrations().form_client_id)),
        ("auth_time", json!(NOW - 90)),
        ("iss", json!(format!("{OIDC}/{}/", bench.tenant.id()))),
        ("roles", json!(["Approver", "Requester"])),
        ("upn", json!("kim.osei@contoso.example")),
        ("ver", json!("1.0")),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
}

#[tokio::test]
async fn without_mfa_there_is_no_mark_of_it() {
    let bench = Bench::new().await;
    let user = &bench.company.approver.user_name;
    let second = claims(&bench, json!({ "user": user, "factors": ["pwd"] })).await;
    assert!(!second.contains_key("acrs") && !second.contains_key("amr"));
    let first = claims(&bench, json!({ "user": user, "factors": ["pwd"], "version": 1 })).await;
    assert_eq!(first["amr"], json!(["pwd"]));
}

#[tokio::test]
async fn the_signature_checks_out_against_the_served_keys() {
    let bench = Bench::new().await;
    let order = json!({ "user": bench.company.admin.user_name });
    let token = dev_token(&bench, order.clone()).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let keys = format!("/{}/discovery/v2.0/keys", bench.tenant.id());
    let verifies = async |token: &str| {
        let set: jsonwebtoken::jwk::JwkSet =
            serde_json::from_value(bench.oidc("GET", &keys, "", &[]).await.body).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        let Some(jwk) = set.find(&header.kid.unwrap()) else {
            return false;
        };
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        jsonwebtoken::decode::<Map<String, Value>>(token, &key, &rules).is_ok()
    };
    assert!(verifies(&token).await);
    bench.tenant.rotate_key(false).unwrap();
    let newer = dev_token(&bench, order.clone()).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(part(&token, 0)["kid"], part(&newer, 0)["kid"]);
    assert!(verifies(&token).await && verifies(&newer).await);
    bench.tenant.rotate_key(true).unwrap();
    assert!(!verifies(&token).await && !verifies(&newer).await);
    let forged = json!({ "user": bench.company.admin.user_name, "kid": "another" });
    let forged = dev_token(&bench, forged).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(!verifies(&forged).await);
}

#[tokio::test]
async fn tokens_that_must_be_refused_can_be_ordered() {
    let bench = Bench::new().await;
    let user = bench.company.admin.user_name.as_str();
    let expired = claims(&bench, json!({ "user": user, "expires_in_seconds": -1 })).await;
    assert_eq!(
        (&expired["exp"], &expired["iat"]),
        (&json!(NOW - 1), &json!(NOW - 4_501))
    );
    let early = claims(&bench, json!({ "user": user, "not_before_offset_seconds": 600 })).await;
    assert_eq!(early["nbf"], json!(NOW + 600));
    let other = claims(
        &bench,
        json!({ "user": user, "audience": GRAPH, "client_id": "x", "scopes": [] }),
    )
    .await;
    assert_eq!(
        (&other["aud"], &other["azp"], &other["scp"]),
        (&json!(GRAPH), &json!("x"), &json!(""))
    );
    let foreign = bench.tenant.registrations().foreign_tenant_id;
    let guest = claims(&bench, json!({ "user": user, "tenant": foreign })).await;
    assert_eq!(guest["oid"], json!(bench.company.admin.id));
    assert_eq!(
        (&guest["tid"], &guest["iss"]),
        (&json!(foreign), &json!(format!("{OIDC}/{foreign}/v2.0")))
    );
    let app = claims(&bench, json!({ "app_only": true })).await;
    assert_eq!(
        (&app["idtyp"], &app["sub"], &app["azpacr"]),
        (&json!("app"), &app["oid"], &json!("1"))
    );
    assert!(!app.contains_key("scp") && !app.contains_key("preferred_username"));
    let changed = claims(
        &bench,
        json!({ "user": user, "claims": { "tid": "not-a-guid", "ver": null } }),
    )
    .await;
    assert_eq!(changed["tid"], "not-a-guid");
    assert!(!changed.contains_key("ver"));
    for (alg, signature) in [("none", 0), ("HS256", 43)] {
        let token = dev_token(&bench, json!({ "user": user, "alg": alg })).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(part(&token, 0)["alg"], alg);
        assert_eq!(token.rsplit('.').next().unwrap().len(), signature);
    }
    let both = dev_token(&bench, json!({ "user": user, "id_token": true })).await;
    let id = part(both["id_token"].as_str().unwrap(), 1);
    assert_eq!(id["aud"], json!(bench.tenant.registrations().form_client_id));
    assert!(!id.contains_key("scp") && !id.contains_key("azp"));
}

#[tokio::test]
async fn bad_orders_are_told_what_is_wrong() {
    let bench = Bench::new().await;
    bench.tenant.set_enabled(bench.company.requester.id, false).unwrap();
    let kim = &bench.company.approver.user_name;
    for (order, status, word) in [
        (
            json!({ "user": kim, "factor": ["mfa"], "ages": 1 }),
            400,
            "unknown fields: ages, factor",
        ),
        (json!({}), 400, "user is missing"),
        (json!([]), 400, "JSON object"),
        (json!({ "user": kim, "version": 3 }), 400, "version"),
        (json!({ "user": kim, "version": "2" }), 400, "invalid type"),
        (json!({ "user": kim, "factors": ["magic"] }), 400, "magic"),
        (
            json!({ "user": kim, "auth_age_seconds": i64::MAX }),
            400,
            "auth_age_seconds",
        ),
        (json!({ "user": kim, "alg": "ES256" }), 400, "ES256"),
        (
            json!({ "user": kim, "tenant": "00000000-0000-0000-0000-000000000001" }),
            400,
            "tenant",
        ),
        (
            json!({ "user": "nobody@contoso.example" }),
            404,
            "nobody@contoso.example",
        ),
        (json!({ "user": bench.company.requester.user_name }), 400, "disabled"),
    ] {
        let reply = bench.oidc("POST", "/dev-token", &order.to_string(), &[]).await;
        let text = reply.body["error_description"].as_str().unwrap();
        assert_eq!(reply.status, status, "{order}: {text}");
        assert!(text.contains(word), "{order}: {text}");
    }
    let page = bench
        .oidc("POST", "/dev-token", "{}", &[("origin", "https://evil.example")])
        .await;
    assert_eq!(page.status, 403);
}

/// What the connector may do in the seeded tenant.
const CONNECTOR: [&str; 3] = ["GroupMember.ReadWrite.All", "User.Read.All", "Policy.Read.All"];

#[tokio::test]
async fn applications_sign_in_with_their_secret() {
    let bench = Bench::new().await;
    let connector = bench.tenant.connector().unwrap();
    let (id, secret) = (
        connector.client_id.to_string(),
        connector.client_secret.expose_secret().to_owned(),
    );
    let path = format!("/{}/oauth2/v2.0/token", bench.tenant.id());
    let form = |pairs: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    };
    let scope = format!("{GRAPH}/.default");
    let whole = [
        ("grant_type", "client_credentials"),
        ("client_id", id.as_str()),
        ("client_secret", secret.as_str()),
        ("scope", scope.as_str()),
    ];
    let good = bench.oidc("POST", &path, &form(&whole), &[]).await;
    assert_eq!((good.status, good.body["token_type"].clone()), (200, json!("Bearer")));
    assert_eq!(good.body["expires_in"], 3_599);
    let claims = part(good.body["access_token"].as_str().unwrap(), 1);
    assert_eq!(claims["roles"], json!(CONNECTOR));
    assert_eq!((&claims["aud"], &claims["idtyp"]), (&json!(GRAPH), &json!("app")));
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let with_basic = bench
        .oidc(
            "POST",
            &path,
            &form(&[whole[0], whole[3]]),
            &[("authorization", &basic)],
        )
        .await;
    assert_eq!(with_basic.status, 200);
    let other = |name: &'static str, value: &'static str| {
        whole.map(|(key, old)| if key == name { (key, value) } else { (key, old) })
    };
    for (body, status, error, code) in [
        (form(&other("client_secret", "guess")), 401, "invalid_client", 7_000_215),
        (
            form(&other("client_id", "00000000-0000-0000-0000-000000000001")),
            400,
            "unauthorized_client",
            700_016,
        ),
        (form(&other("client_id", "x")), 400, "unauthorized_client", 700_016),
        (
            form(&other("grant_type", "password")),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (form(&other("scope", "openid")), 400, "invalid_scope", 1_002_012),
        (
            form(&other("scope", "https://vault.example/.default")),
            400,
            "invalid_resource",
            500_011,
        ),
        (form(&whole[..3]), 400, "invalid_request", 900_144),
        (form(&whole[..2]), 401, "invalid_client", 7_000_218),
        (String::new(), 400, "invalid_request", 900_144),
    ] {
        let reply = bench.oidc("POST", &path, &body, &[]).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
        assert_eq!(
            (&reply.body["error"], &reply.body["error_codes"]),
            (&json!(error), &json!([code])),
            "{body}"
        );
        let text = reply.body["error_description"].as_str().unwrap();
        assert!(
            text.starts_with(&format!("AADSTS{code}: ")) && !text.contains(&secret),
            "{text}"
        );
    }
    // A token for our own API is issued, but carries no role.
    let api = format!("api://{}/.default", bench.tenant.registrations().api_client_id);
    let own = bench
        .oidc(
            "POST",
            &path,
            &form(&[whole[0], whole[1], whole[2], ("scope", &api)]),
            &[],
        )
        .await;
    let claims = part(own.body["access_token"].as_str().unwrap(), 1);
    assert!(!claims.contains_key("roles") && !claims.contains_key("scp"));
    bench.tenant.rotate_connector_secret(false).unwrap();
    assert_eq!(bench.oidc("POST", &path, &form(&whole), &[]).await.status, 401);
}

#[tokio::test]
async fn fault_orders_reach_the_provider_when_they_name_its_path() {
    let bench = Bench::new().await;
    let keys = format!("/{}/discovery/v2.0/keys", bench.tenant.id());
    bench
        .fault(json!({ "match": { "path_contains": "/discovery/" }, "status": 503, "retry_after_seconds": 2 }))
        .await;
    let reply = bench.oidc("GET", &keys, "", &[]).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("2")));
    assert_eq!(bench.oidc("GET", &keys, "", &[]).await.status, 200);
}
