//! The secrets of provisioning.

use hourglass_tests::Running;
use reqwest::Method;
use serde_json::json;

/// The status of a call of the SCIM endpoint with a secret. Entra may send no `User-Agent`, and neither does this.
async fn provisioning(running: &Running, secret: &str) -> anyhow::Result<u16> {
    let url = format!("{}/Users?count=1", running.ready.scim.url);
    let answer = reqwest::Client::new().get(url).bearer_auth(secret).send().await?;
    Ok(answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_replaced_without_a_gap() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let admin = running.admin().await?;
    let path = "/v1/admin/applications/contoso.example/scim-tokens";
    let old = running.ready.scim.token.clone();
    let applications = running.get(&admin, "/v1/admin/applications").await?.ok()?;
    let tokens = applications["items"][0]["scim_tokens"].as_array().cloned();
    let tokens = tokens.unwrap_or_default();
    assert_eq!(tokens.len(), 1, "{applications}");
    let old_id = tokens[0]["id"].as_str().expect("an id").to_owned();

    let added = running.send(running.request(Method::POST, path, &admin)).await?.ok()?;
    let new = added["secret"].as_str().expect("a secret, once").to_owned();
    for secret in [&old, &new] {
        assert_eq!(provisioning(&running, secret).await?, 200);
    }
    let third = running.send(running.request(Method::POST, path, &admin)).await?;
    assert_eq!(third.status, 409, "two at once: {third}");
    let listed = running.get(&admin, "/v1/admin/applications").await?;
    assert!(!listed.to_string().contains(&new), "a secret is shown once");

    let delete = running.request(Method::DELETE, &format!("{path}/{old_id}"), &admin);
    assert_eq!(running.send(delete).await?.status, 204);
    assert_eq!(provisioning(&running, &old).await?, 401, "from the next call on");
    assert_eq!(provisioning(&running, &new).await?, 200);
    // What the new one writes carries on where the old one stopped.
    let url = format!("{}/Users", running.ready.scim.url);
    let body = json!({"userName": "kim.osei@contoso.example"});
    let again = reqwest::Client::new()
        .post(url)
        .bearer_auth(&new)
        .json(&body)
        .send()
        .await?;
    assert_eq!(again.status(), 409);
    running.system.stop().await;
    Ok(())
}
