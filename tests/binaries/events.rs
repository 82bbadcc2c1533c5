//! Recorded events of every kind, and such as nobody should send, fed to the binaries one by one.

use hourglass_local::aws::gateway::{HttpEvent, find_route};
use hourglass_local::company::Company;
use hourglass_tests::{Running, table};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{invoke, log, nothing_crashed, running};

const GET: &str = include_str!("../../infra/events/api-gateway-v2-get.json");
const POST: &str = include_str!("../../infra/events/api-gateway-v2-post.json");
const RAW_QUERY: &str = include_str!("../../infra/events/api-gateway-v2-raw-query.json");
const SCHEDULER: &str = include_str!("../../infra/events/scheduler.json");
const SQS: &str = include_str!("../../infra/events/sqs.json");
const RULE: &str = include_str!("../../infra/events/rule.json");
const STREAM: &str = include_str!("../../infra/events/stream.json");

/// A recorded HTTP event, sent by the admin instead.
async fn as_admin(running: &Running, recorded: &str) -> anyhow::Result<Value> {
    let mut event: Value = serde_json::from_str(recorded)?;
    event["headers"]["authorization"] = json!(format!("Bearer {}", running.admin().await?.token));
    Ok(event)
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the packaged binaries"]
async fn recorded_http_events_are_answered() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let running = running(&folder, true).await?;
    let provisioner = running.system.world.entra.provisioner().expect("a provisioner");
    let pushed = provisioner.push(Company::new().admin.id).await?;
    assert_eq!(pushed.failed, 0, "{pushed:?}");

    let nobody = invoke(&running, "requests", serde_json::from_str(GET)?).await?;
    assert_eq!(nobody["statusCode"], 401, "{nobody}");
    let list = invoke(&running, "requests", as_admin(&running, GET).await?).await?;
    assert_eq!(list["statusCode"], 200, "{list}");
    assert_eq!(body(&list)["items"], json!([]));
    let unknown = invoke(&running, "requests", as_admin(&running, POST).await?).await?;
    assert_eq!(unknown["statusCode"], 404, "{unknown}");
    assert_eq!(unknown["headers"]["content-type"], "application/problem+json");

    // No uri may hold what this query holds, and the gateway passes it on.
    let raw = invoke(&running, "requests", as_admin(&running, RAW_QUERY).await?).await?;
    assert_eq!(raw["statusCode"], 400, "{raw}");
    assert!(!raw["body"].as_str().unwrap_or_default().contains('<'), "{raw}");
    for (function, path, query) in [
        ("requests", "/v1/requests/\"<x>", "a=\"<b>"),
        ("approvals", "/v1/approvals", "cursor=\"<script>&limit=<"),
        ("admin", "/v1/admin/users", "cursor=\"<script>\""),
        ("scim", "/scim/v2/Users", "filter=userName eq \"<ola>\""),
    ] {
        let (route, parameters) = find_route("GET", path).expect("a route");
        let event = HttpEvent::new(Method::GET, path, query);
        let event = event.into_event(route, &parameters, running.system.world.clock().now(), "id");
        let answer = invoke(&running, function, event).await?;
        assert_eq!(answer["statusCode"], 401, "{function}: {answer}");
    }
    nothing_crashed(&running);
    running.system.stop().await;
    Ok(())
}

/// What triggers bring is a hint and no order: nothing is stored because of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the packaged binaries"]
async fn triggers_that_are_forged_unknown_or_broken_change_nothing() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let running = running(&folder, true).await?;
    // Who sweeps is nothing that a trigger brought.
    let state = || -> anyhow::Result<Vec<Value>> {
        let items = table(&running.system.world)?.into_iter();
        Ok(items.filter(|item| item["pk"]["S"] != "SWEEP#").collect())
    };
    let before = state()?;
    assert!(!before.is_empty());

    let forged = invoke(&running, "revocation", serde_json::from_str(SCHEDULER)?).await?;
    assert_eq!(forged, json!({}));
    // What a binary writes is read beside its answer.
    running
        .until("the alarm", || async {
            let lines = log(&running, "revocation");
            let alarmed = lines.iter().any(|line| line.contains("orphan_trigger"));
            Ok(if alarmed { Ok(()) } else { Err(format!("{lines:?}")) })
        })
        .await?;
    let delivered = invoke(&running, "revocation", serde_json::from_str(SQS)?).await?;
    assert_eq!(delivered, json!({"batchItemFailures": []}));
    let swept = running
        .until("a sweep of one's own", || async {
            let swept = invoke(&running, "revocation", serde_json::from_str(RULE)?).await?;
            Ok(if swept["busy"] == true {
                Err(swept.to_string())
            } else {
                Ok(swept)
            })
        })
        .await?;
    assert_eq!(
        swept,
        json!({"due": 0, "failed": 0, "overdue": 0, "cut_short": false, "busy": false})
    );
    let streamed = invoke(&running, "provisioning", serde_json::from_str(STREAM)?).await?;
    assert_eq!(streamed, json!({"batchItemFailures": []}));

    let id = "019aa7f0-4c1e-7d7a-8b1c-2f6f0c9d1e11";
    for event in [
        json!(null),
        json!({}),
        json!([]),
        json!("sweep"),
        json!({"hello": "world"}),
        json!({"grant": "no id"}),
        json!({"grant": id, "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"detail-type": "Object Created", "source": "aws.s3"}),
    ] {
        let refused = invoke(&running, "revocation", event.clone()).await;
        let error = refused.expect_err(&format!("{event} was accepted"));
        assert_eq!(error.error_type, "Error", "{event}: {error}");
    }
    let refused = invoke(&running, "provisioning", json!({"Records": 7})).await;
    assert_eq!(refused.expect_err("no stream event").error_type, "Error");

    assert_eq!(state()?, before);
    nothing_crashed(&running);
    running.system.stop().await;
    Ok(())
}
