//! How the binaries start, and what they do not contain.

use std::collections::BTreeMap;
use std::fs;

use hourglass_local::aws::Shutdown;
use hourglass_local::aws::lambda::Function as _;
use hourglass_local::aws::runtime_api::{RuntimeFunction, RuntimeOptions};
use hourglass_local::functions::{HTTP, TRIGGERED, environment};
use hourglass_local::system::{Options, World};
use serde_json::json;

use crate::{EVENT_TIMEOUT, packages};

/// What makes the laptop a laptop must not be there to be switched on.
#[test]
#[ignore = "needs the packaged binaries"]
fn no_binary_contains_what_only_a_laptop_has() -> anyhow::Result<()> {
    let contains = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|at| at == word.as_bytes());
    for function in HTTP.iter().chain(&TRIGGERED) {
        let bytes = fs::read(packages()?.join(function).join("bootstrap"))?;
        assert!(contains(&bytes, "HOURGLASS_TABLE"), "{function} is no binary of ours");
        for word in ["dev-token", "_faults", "allow-duration"] {
            assert!(!contains(&bytes, word), "{function} contains {word}");
        }
    }
    Ok(())
}

/// Every binary refuses a configuration that is incomplete, or that would send credentials elsewhere, and says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the packaged binaries"]
async fn a_binary_that_is_configured_wrongly_refuses_to_start_and_says_why() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let options = Options::new(folder.path());
    let world = World::start(&options, Shutdown::new()).await?;
    let good = environment(&world.config(&options, "http://localhost:8600"));
    let with = |name: &str, value: &str| {
        let mut environment = good.clone();
        environment.insert(name.to_owned(), value.to_owned());
        environment
    };
    let elsewhere = "https://graph.fabrikam.example";
    let cases = [
        ("scim", BTreeMap::new(), "HOURGLASS_TABLE"),
        (
            "requests",
            with("HOURGLASS_LOGIN_ENDPOINT", elsewhere),
            "HOURGLASS_LOGIN_ENDPOINT",
        ),
        (
            "approvals",
            with("HOURGLASS_API_CLIENTS", "{}"),
            "HOURGLASS_API_CLIENTS",
        ),
        (
            "admin",
            with("AWS_ENDPOINT_URL_SECRETS_MANAGER", elsewhere),
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        ),
        (
            "provisioning",
            with("HOURGLASS_GRAPH_ENDPOINT", elsewhere),
            "HOURGLASS_GRAPH_ENDPOINT",
        ),
        (
            "revocation",
            with("HOURGLASS_GRAPH_ENDPOINT", ""),
            "HOURGLASS_CONFIRM_AFTER_SECONDS",
        ),
    ];
    for (function, environment, named) in cases {
        let binary = packages()?.join(function).join("bootstrap");
        let options = RuntimeOptions {
            environment,
            ..RuntimeOptions::new(function, binary)
        };
        let sandbox = RuntimeFunction::start(world.base(), options)?;
        let deadline = world.clock().now().checked_add(EVENT_TIMEOUT).unwrap();
        let answer = sandbox.invoke(json!({}), deadline).await;
        let lines = sandbox.lines().join("\n");
        let error = answer.expect_err("it started");
        assert!(error.error_type.starts_with("Runtime."), "{function}: {error}");
        assert!(lines.contains(named), "{function} does not name {named}: {lines}");
        assert!(!lines.contains("fabrikam"), "{function} repeats the value: {lines}");
    }
    world.base().shutdown.finish().await;
    Ok(())
}
