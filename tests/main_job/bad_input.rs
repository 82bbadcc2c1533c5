//! What bad input gets: a problem that names the field and the rule, and nothing half-written.

use hourglass_local::company::Company;
use hourglass_tests::Running;
use reqwest::Method;
use serde_json::{Value, json};

fn good(entitlement: &str) -> Value {
    json!({"entitlement": entitlement, "duration": "1h", "justification": "INC-42: restart the pool"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_request_names_field_and_rule() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let dana = running.requester().await?;
    let entitlement = running.entitlement();
    type Break = fn(&mut Value);
    let cases: [(u16, &str, Option<&str>, Break); 9] = [
        (400, "unknown-field", Some("status"), |b| {
            b["status"] = json!("approved")
        }),
        (400, "unknown-field", Some("approver"), |b| b["approver"] = json!("me")),
        (400, "malformed", Some("duration"), |b| b["duration"] = json!(60)),
        (400, "malformed", Some("justification"), |b| {
            b.as_object_mut().unwrap().remove("justification");
        }),
        (404, "not-found", None, |b| {
            b["entitlement"] = json!("00000000-0000-0000-0000-000000000000")
        }),
        (422, "duration-not-allowed", Some("duration"), |b| {
            b["duration"] = json!("3h")
        }),
        (422, "invalid-field", Some("duration"), |b| b["duration"] = json!("P1D")),
        (422, "invalid-field", Some("justification"), |b| {
            b["justification"] = json!("short")
        }),
        (422, "invalid-field", Some("starts_at"), |b| {
            b["starts_at"] = json!("2020-01-01T00:00:00Z")
        }),
    ];
    for (status, code, field, change) in cases {
        let mut body = good(&entitlement);
        change(&mut body);
        let answer = running.post(&dana, "/v1/requests", &body).await?;
        assert_eq!(
            (answer.status, answer.code(), answer.field()),
            (status, code, field),
            "{answer}"
        );
        assert_eq!(answer.content_type, "application/problem+json");
    }
    let history = running.get(&dana, "/v1/history").await?.ok()?;
    assert_eq!(history["items"], json!([]), "nothing was half-written");
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_that_cannot_be_managed_are_refused_with_the_reason() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let company = Company::new();
    let (dana, admin) = (running.requester().await?, running.admin().await?);
    let entitlements = running.get(&admin, "/v1/admin/entitlements?limit=100").await?.ok()?;
    let entitlements = entitlements["items"].as_array().cloned().unwrap_or_default();
    let id_of = |name: &str| {
        entitlements
            .iter()
            .find(|e| e["name"] == name)
            .and_then(|e| e["id"].as_str())
            .expect("seeded")
            .to_owned()
    };
    for (group, reason) in [
        (&company.dynamic, "dynamic"),
        (&company.synced, "on-premises"),
        (&company.mail_enabled, "mail-enabled"),
    ] {
        let id = id_of(group.name);
        let answer = running
            .until(&format!("facts of {}", group.name), || async {
                let answer = running.ask_for(&dana, &id, "1h").await?;
                Ok(if answer.code() == "target-unchecked" {
                    Err(answer.to_string())
                } else {
                    Ok(answer)
                })
            })
            .await?;
        assert_eq!((answer.status, answer.code()), (409, "target-unusable"), "{answer}");
        assert!(answer.text("detail").contains(reason), "{answer}");
    }
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_entitlement_and_one_without_approvers_are_refused() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let (dana, admin) = (running.requester().await?, running.admin().await?);
    let path = format!("/v1/admin/entitlements/{}", running.entitlement());
    let read = running.get(&admin, &path).await?.ok()?;
    let write = |change: fn(&mut Value)| {
        let mut body = read.clone();
        let fields = body.as_object_mut().unwrap();
        for name in ["id", "created_at", "version"] {
            fields.remove(name);
        }
        change(&mut body);
        body
    };
    running
        .put(&admin, &path, &write(|e| e["quorum"] = json!(5)))
        .await?
        .ok()?;
    let few = running.ask(&dana, "1h").await?;
    assert_eq!((few.status, few.code()), (409, "too-few-approvers"), "{few}");
    assert!(few.text("detail").contains('5'), "names what is missing: {few}");
    running
        .put(&admin, &path, &write(|e| e["enabled"] = json!(false)))
        .await?
        .ok()?;
    let off = running.ask(&dana, "1h").await?;
    assert_eq!((off.status, off.code()), (409, "entitlement-disabled"), "{off}");
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_gets_the_stored_answer_and_another_body_is_refused() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let dana = running.requester().await?;
    let send = |body: Value| {
        running
            .request(Method::POST, "/v1/requests", &dana)
            .header("Idempotency-Key", "one")
            .json(&body)
    };
    let body = good(&running.entitlement());
    let first = running.send(send(body.clone())).await?;
    assert_eq!(first.status, 201, "{first}");
    let second = running.send(send(body.clone())).await?;
    assert_eq!((second.status, &second.body), (201, &first.body));
    let mut other = body;
    other["duration"] = json!("2h");
    let refused = running.send(send(other)).await?;
    assert_eq!((refused.status, refused.code()), (422, "key-reused"), "{refused}");
    let without = running.ask(&dana, "1h").await?;
    assert_eq!(
        (without.status, without.code()),
        (409, "already-requested"),
        "{without}"
    );
    running.system.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_methods_types_sizes_and_tokens_that_do_not_fit_are_problems() -> anyhow::Result<()> {
    let running = Running::start().await?;
    let dana = running.requester().await?;
    let status = |request: reqwest::RequestBuilder| async { running.send(request).await };
    let get = |path: &str| running.request(Method::GET, path, &dana);
    assert_eq!(status(get("/v1/nothing")).await?.status, 404);
    assert_eq!(status(get("/v1/requests/not-an-id")).await?.status, 404);
    assert_eq!(
        status(running.request(Method::DELETE, "/v1/requests", &dana))
            .await?
            .status,
        405
    );
    assert_eq!(status(get("/v1/history?limit=101")).await?.status, 400);
    assert_eq!(status(get("/v1/history?cursor=%22%3C")).await?.status, 400);
    assert_eq!(
        status(get("/v1/history?cursor=bm9uc2Vuc2U")).await?.status,
        400,
        "well-formed, but none of ours"
    );
    assert_eq!(
        status(get("/v1/history?whose=own&cursor=bm9uc2Vuc2U")).await?.status,
        400
    );
    assert_eq!(status(get("/v1/history?unknown=1")).await?.status, 400);
    let post = || running.request(Method::POST, "/v1/requests", &dana);
    assert_eq!(status(post().body("{}")).await?.status, 415);
    assert_eq!(
        status(post().header("content-type", "application/json").body("{"))
            .await?
            .status,
        400
    );
    let large = format!("{{\"justification\": \"{}\"}}", "x".repeat(100_000));
    assert_eq!(
        status(post().header("content-type", "application/json").body(large))
            .await?
            .status,
        413
    );
    let url = format!("{}/v1/me", running.system.ready.api);
    assert_eq!(status(running.http().get(&url)).await?.status, 401);
    assert_eq!(
        status(running.http().get(&url).bearer_auth("nonsense")).await?.status,
        401
    );
    running.system.stop().await;
    Ok(())
}
