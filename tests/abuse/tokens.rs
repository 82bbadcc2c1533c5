//! Access tokens that must not be believed, through the real API: cases 17 and 18.

use hourglass_local::entra::TokenOrder;
use hourglass_tests::Person;
use hourglass_tests::stage::refused;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, stage};

/// One route of each function that takes access tokens.
const ROUTES: [&str; 3] = ["/v1/me", "/v1/approvals", "/v1/admin/applications"];

fn somebody(token: String) -> Person {
    Person {
        name: String::new(),
        token,
    }
}

impl Stage {
    /// A token that is as good as any, and one for each order that should make it worthless.
    async fn bad_tokens(&self) -> anyhow::Result<Vec<(String, String)>> {
        let registrations = self.system.world.entra.tenant().registrations().clone();
        let ours = registrations.tenant_id.to_string();
        let other = registrations.foreign_tenant_id.to_string();
        let issuer = format!("{}/{ours}", self.ready.oidc);
        let orders = [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"kid": "../../../../dev/null"}),
            json!({"kid": "x' OR '1'='1"}),
            json!({"kid": "http://evil.example/keys"}),
            json!({"kid": ""}),
            json!({"kid": "k".repeat(5000)}),
            json!({"expires_in_seconds": -61}),
            json!({"not_before_offset_seconds": 300}),
            json!({"audience": "https://graph.microsoft.com"}),
            json!({"audience": "00000003-0000-0000-c000-000000000000"}),
            json!({"audience": format!("api://{}", registrations.api_client_id)}),
            json!({"version": 1, "audience": format!("api://api://{}", registrations.api_client_id)}),
            json!({"claims": {"aud": [registrations.api_client_id]}}),
            json!({"claims": {"aud": null}}),
            json!({"app_only": true}),
            json!({"app_only": true, "claims": {"idtyp": null}}),
            json!({"tenant": other}),
            json!({"tenant": other, "version": 1}),
            json!({"tenant": other, "claims": {"tid": ours}}),
            json!({"claims": {"tid": other}}),
            json!({"claims": {"tid": "contoso.example"}}),
            json!({"claims": {"tid": format!("{{{ours}}}")}}),
            json!({"claims": {"tid": [ours]}}),
            json!({"claims": {"tid": null}}),
            json!({"claims": {"iss": format!("{issuer}/")}}),
            json!({"claims": {"iss": format!("{issuer}/v2.0/")}}),
            json!({"claims": {"iss": format!("https://evil.example/{ours}/v2.0")}}),
            json!({"claims": {"iss": null}}),
            json!({"version": 1, "claims": {"ver": "2.0"}}),
            json!({"version": 2, "claims": {"ver": "1.0"}}),
            json!({"claims": {"ver": "3.0"}}),
            json!({"claims": {"ver": null}}),
            json!({"claims": {"exp": null}}),
            json!({"claims": {"exp": "9999999999"}}),
            json!({"claims": {"oid": null}}),
            json!({"claims": {"oid": "kim.osei@contoso.example"}}),
            json!({"claims": {"nonce": "n-1"}}),
            json!({"claims": {"scp": null}}),
            json!({"claims": {"scp": "User.Read openid"}}),
            json!({"scopes": []}),
            json!({"client_id": "00000000-0000-0000-0000-0000000000aa"}),
            json!({"claims": {"azp": null}}),
            json!({"claims": {"azp": null, "appid": registrations.form_client_id}}),
        ];
        let mut tokens = Vec::new();
        for order in orders {
            let mut full = order.clone();
            full["user"] = json!(self.company.approver.user_name);
            tokens.push((order.to_string(), self.person_with(full).await?.token));
        }
        let entra = &self.system.world.entra;
        let order = TokenOrder::of(&self.company.approver.user_name);
        tokens.push(("an ID token".to_owned(), entra.id_token(&order)?));
        let id_token = TokenOrder {
            client_id: Some(registrations.api_client_id.to_string()),
            ..order
        };
        tokens.push(("an ID token for us".to_owned(), entra.id_token(&id_token)?));
        Ok(tokens)
    }
}

/// Texts made of a good token by hand.
fn mangled(good: &str) -> Vec<(String, String)> {
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    // {"alg":"RS256","typ":"JWT","jku":"http://evil.example/keys","kid":"x"}
    let jku = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImprdSI6Imh0dHA6Ly9ldmlsLmV4YW1wbGUva2V5cyIsImtpZCI6IngifQ";
    // {"alg":"RS256","typ":"JWT","kid":"x","crit":["exp"]}
    let crit = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IngiLCJjcml0IjpbImV4cCJdfQ";
    [
        ("no signature", format!("{header}.{claims}.")),
        ("no third part", format!("{header}.{claims}")),
        ("four parts", format!("{good}.{signature}")),
        (
            "another signature",
            format!("{header}.{claims}.{flipped}{}", signature.get(1..).unwrap_or_default()),
        ),
        (
            "half a signature",
            format!("{header}.{claims}.{}", signature.get(..100).unwrap_or_default()),
        ),
        ("a header that brings its keys", format!("{jku}.{claims}.{signature}")),
        ("a critical extension", format!("{crit}.{claims}.{signature}")),
        ("the header as claims", format!("{header}.{header}.{signature}")),
        ("padding", format!("{header}=.{claims}.{signature}")),
        ("two tokens", format!("{good},{good}")),
        ("something else", "hgscim_not-for-here".to_owned()),
        ("dots", "..".to_owned()),
        ("a long one", "a".repeat(8000)),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_17_tokens_that_are_not_for_us() -> anyhow::Result<()> {
    let stage = stage().await?;
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let good = stage.approver().await?;
    for path in &ROUTES[..2] {
        stage.get(&good, path).await?.ok()?;
    }
    let mut tokens = stage.bad_tokens().await?;
    tokens.extend(mangled(&good.token));
    let before = stage.settled().await?;
    for (what, token) in tokens {
        let who = somebody(token);
        let decision = format!("/v1/requests/{request}/decisions");
        let mut answers = vec![stage.post(&who, &decision, &json!({"decision": "approve"})).await?];
        for path in ROUTES {
            answers.push(stage.get(&who, path).await?);
        }
        for answer in answers {
            assert_eq!(
                (answer.status, answer.code()),
                (401, "unauthorized"),
                "{what}: {answer}"
            );
            let challenge = answer.challenge.clone().unwrap_or_default();
            assert!(challenge.contains("invalid_token"), "{what}: {challenge}");
            let shown = answer.body.to_string();
            assert!(!who.token.is_empty() && !shown.contains(&who.token), "{what}: repeated");
        }
    }
    stage.unchanged(&before, "a token that is not for us")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_17_a_token_goes_nowhere_but_into_the_header() -> anyhow::Result<()> {
    let stage = stage().await?;
    let token = stage.requester().await?.token;
    let url = format!("{}/v1/me", stage.ready.api);
    let http = stage.http();
    for request in [
        http.get(&url),
        http.get(&url).query(&[("access_token", &token)]),
        http.get(&url)
            .header("cookie", format!("access_token={token}; session={token}")),
        http.get(&url).header("authorization", &token),
        http.get(&url).header("authorization", format!("Basic {token}")),
        http.get(&url).header("authorization", format!("Bearer: {token}")),
        http.get(&url).header("authorization", "Bearer "),
        http.get(&url).header("x-ms-token-aad-access-token", &token),
        http.get(&url)
            .header("x-forwarded-authorization", format!("Bearer {token}")),
        http.post(&url).form(&[("access_token", &token)]),
    ] {
        let answer = stage.send(request).await?;
        assert!(matches!(answer.status, 400 | 401 | 405), "{answer}");
    }
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_17_scopes_and_roles_are_what_the_client_may_use() -> anyhow::Result<()> {
    let stage = stage().await?;
    let request = stage.asked(&stage.requester().await?, "1h").await?;
    let kim = &stage.company.approver.user_name;
    let decision = format!("/v1/requests/{request}/decisions");
    let before = stage.settled().await?;
    for (order, code) in [
        (json!({"user": kim, "scopes": ["Requests.ReadWrite"]}), "scope-missing"),
        (
            json!({"user": kim, "scopes": ["decisions.write", "Requests.ReadWrite"]}),
            "scope-missing",
        ),
        (
            json!({"user": kim, "claims": {"roles": ["Requester", "approver"]}}),
            "role-missing",
        ),
        (json!({"user": kim, "claims": {"roles": null}}), "role-missing"),
        (
            json!({"user": kim, "claims": {"roles": ["Admin", "Auditor"]}}),
            "role-missing",
        ),
    ] {
        let who = stage.person_with(order).await?;
        let answer = stage.post(&who, &decision, &json!({"decision": "approve"})).await?;
        refused(&answer, 403, code);
    }
    // Names in a token give nothing.
    let claims = json!({"wids": ["62e90394-69f5-4237-9190-012177145e10"], "groups": [Uuid::nil()], "role": "Admin"});
    let who = stage.person_with(json!({"user": kim, "claims": claims})).await?;
    let answer = stage.get(&who, "/v1/admin/applications").await?;
    refused(&answer, 403, "role-missing");
    stage.unchanged(&before, "a token without the right")?;
    stage.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_18_a_flood_of_unknown_keys() -> anyhow::Result<()> {
    /// More than the flood, so that what is left tells how often keys were fetched.
    const COUNTED: u64 = 100_000;
    let stage = stage().await?;
    let dana = stage.requester().await?;
    let older = stage.person_with(json!({"user": dana.name, "version": 1})).await?;
    for who in [&dana, &older] {
        stage.get(who, "/v1/me").await?.ok()?;
    }
    stage
        .graph_fault(&json!({"match": {"path_contains": "/discovery/"}, "delay_ms": 1, "times": COUNTED}))
        .await?;
    let mut calls = Vec::new();
    for n in 0..60 {
        let order = json!({"user": dana.name, "kid": format!("unknown-{n}"), "version": 1 + n % 2});
        calls.push(stage.person_with(order).await?);
    }
    for who in &calls {
        refused(&stage.get(who, "/v1/me").await?, 401, "unauthorized");
    }
    let faults = stage.send(
        stage
            .http()
            .request(Method::GET, format!("{}/_faults", stage.ready.graph)),
    );
    let faults = faults.await?.ok()?;
    let left = faults["faults"][0]["remaining"].as_u64();
    let fetched = left.map(|left| COUNTED - left);
    // At most once for the issuer of each version.
    assert!(
        fetched.is_some_and(|fetched| fetched <= 2),
        "{fetched:?} fetches: {faults}"
    );
    let me: Value = stage.get(&dana, "/v1/me").await?.ok()?;
    assert!(me.is_object(), "those with a good token notice nothing");
    stage.stop().await;
    Ok(())
}
