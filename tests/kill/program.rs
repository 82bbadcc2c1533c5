//! How the program starts, what it tells, and how it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use hourglass_tests::{PATIENCE, SHORT};
use serde_json::{Value, json};

use crate::laptop::Laptop;

/// How long it may take to end: it gives itself five seconds, and a busy machine the rest.
const END: Duration = PATIENCE;

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// That a value is the base of urls: on this machine, without a trailing slash.
fn base(value: &Value) -> &str {
    let base = value.as_str().unwrap();
    assert!(base.starts_with("http://") && !base.ends_with('/'), "{base}");
    base
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_company_the_ready_file_says_where_and_who_and_ctrl_c_ends_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut laptop = Laptop::launch(folder.path(), "company", &["--allow-duration", SHORT])?;
    let ready = laptop.ready().await?;
    let expected = [
        "api",
        "console",
        "dynamodb",
        "entitlement",
        "graph",
        "identity_center",
        "oidc",
        "people",
        "scheduler",
        "scim",
    ];
    assert_eq!(names(&ready), expected.into());
    assert_eq!(names(&ready["scim"]), ["token", "url"].into());
    assert_eq!(
        names(&ready["people"]),
        ["admin", "approver", "auditor", "requester"].into()
    );
    for base_url in [
        "api",
        "console",
        "oidc",
        "graph",
        "scheduler",
        "dynamodb",
        "identity_center",
    ] {
        base(&ready[base_url]);
    }
    assert!(base(&ready["console"]).starts_with("http://localhost:"));
    assert_eq!(base(&ready["scim"]["url"]), format!("{}/scim/v2", base(&ready["api"])));

    // The entitlement is one that the requester may ask for and the approver approve, for the short duration.
    let client = laptop.client().await?;
    let (request, _) = client
        .granted(&client.requester().await?, &client.entitlement(), SHORT)
        .await?;
    let timeline = client.timeline(&client.requester().await?, &request).await?;
    assert!(
        timeline.iter().any(|action| action == "request.approved"),
        "{timeline:?}"
    );
    for state in ["graph", "scheduler"] {
        let url = format!("{}/_state", base(&ready[state]));
        assert!(client.http().get(url).send().await?.status().is_success(), "{state}");
    }

    let status = laptop.interrupt(END).await?;
    assert_eq!(status.code(), Some(0), "{}", laptop.said());
    assert!(!laptop.says_ready(), "the ready file outlives the program");
    let said = laptop.said();
    assert!(said.contains(base(&ready["api"])) && said.contains("Ctrl-C"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_there_is_one_application_its_secret_and_an_admin() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut laptop = Laptop::launch(folder.path(), "empty", &["--empty", "--allow-duration", SHORT])?;
    let ready = laptop.ready().await?;
    assert_eq!(names(&ready["people"]), ["admin"].into());
    assert_eq!(ready["entitlement"], Value::Null);
    assert!(ready.as_object().unwrap().contains_key("entitlement"));
    let client = laptop.client().await?;
    let admin = client.admin().await?;
    for (list, count) in [("applications", 1), ("users", 0), ("groups", 0), ("entitlements", 0)] {
        let items = client.get(&admin, &format!("/v1/admin/{list}")).await?.ok()?;
        assert_eq!(items["items"].as_array().map(Vec::len), Some(count), "{list}: {items}");
    }
    let template = client.get(&admin, "/v1/admin/template").await?.ok()?;
    assert!(
        template["durations"].as_array().unwrap().contains(&json!(SHORT)),
        "{template}"
    );
    let users = client
        .http()
        .get(format!("{}/Users", client.ready.scim.url))
        .bearer_auth(&client.ready.scim.token);
    assert_eq!(client.send(users).await?.ok()?["totalResults"], 0);
    assert_eq!(laptop.interrupt(END).await?.code(), Some(0), "{}", laptop.said());

    // What was begun without a company does not get one later; saying so beats failing somewhere.
    let mut laptop = Laptop::launch(folder.path(), "company", &[])?;
    assert_eq!(laptop.end(END).await?.code(), Some(1));
    assert!(laptop.said().contains("--empty"), "{}", laptop.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unregistered_there_is_an_admin_and_nothing_else() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut laptop = Laptop::launch(folder.path(), "unregistered", &["--unregistered"])?;
    let ready = laptop.ready().await?;
    assert_eq!(names(&ready["people"]), ["admin"].into());
    assert_eq!(ready["scim"]["token"], "");
    let client = laptop.client().await?;
    let admin = client.admin().await?;
    let refused = client.get(&admin, "/v1/admin/users").await?;
    assert!(refused.ok().is_err(), "an application is there");
    assert_eq!(laptop.interrupt(END).await?.code(), Some(0), "{}", laptop.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_others_can_reach_has_to_be_asked_for() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut laptop = Laptop::launch(folder.path(), "refused", &["--listen", "0.0.0.0:0", "--empty"])?;
    assert_eq!(laptop.end(END).await?.code(), Some(1));
    assert!(laptop.said().contains("--expose-insecure-demo"), "{}", laptop.said());
    assert!(!laptop.says_ready());
    assert!(!folder.path().join("data").exists(), "refused, and begun all the same");

    let arguments = ["--listen", "0.0.0.0:0", "--empty", "--expose-insecure-demo"];
    let mut laptop = Laptop::launch(folder.path(), "exposed", &arguments)?;
    let ready = laptop.ready().await?;
    for simulator in ["oidc", "graph", "scheduler", "dynamodb", "identity_center"] {
        let base = base(&ready[simulator]);
        assert!(base.starts_with("http://127.0.0.1:"), "{simulator} is exposed: {base}");
    }
    assert_eq!(laptop.interrupt(END).await?.code(), Some(0), "{}", laptop.said());
    Ok(())
}
