//! The binaries that Lambda gets, each behind a Runtime API of its own: they start, do the main job, take every kind of
//! event, and tell no secret.
//!
//! They have to be built first, so these tests are ignored unless the repository's `binaries` step asks for them:
//! `cargo xtask package`, then `HOURGLASS_FUNCTIONS_DIR=$PWD/target/lambda cargo test --test binaries -- --ignored`.

#![cfg(test)]

mod events;
mod main_job;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use hourglass_local::aws::lambda::{Function as _, FunctionError};
use hourglass_local::functions::{Binaries, Functions};
use hourglass_local::system::Options;
use hourglass_tests::{BRIEF, Running};
use serde_json::Value;
use tempfile::TempDir;

/// How long a function gets for one event.
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the packages lie: `<folder>/<function>/bootstrap`.
fn packages() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("HOURGLASS_FUNCTIONS_DIR");
    Ok(folder
        .context("HOURGLASS_FUNCTIONS_DIR does not say where the packages are")?
        .into())
}

/// The whole system on the binaries, which log as much as they can.
async fn running(folder: &TempDir, empty: bool) -> anyhow::Result<Running> {
    let mut options = Options::new(folder.path());
    options.empty = empty;
    options.short_durations = vec![BRIEF.parse()?];
    let variables = BTreeMap::from([("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned())]);
    Running::with(
        &options,
        &Functions::Binaries(Binaries {
            folder: packages()?,
            variables,
        }),
    )
    .await
}

/// Gives a function an event.
async fn invoke(running: &Running, function: &str, event: Value) -> Result<Value, FunctionError> {
    let deadline = running.system.world.clock().now().checked_add(EVENT_TIMEOUT).unwrap();
    running.system.sandboxes[function].invoke(event, deadline).await
}

/// What a function has written.
fn log(running: &Running, function: &str) -> Vec<String> {
    running.system.sandboxes[function].lines()
}

/// That every function still is the process that it was at the beginning.
fn nothing_crashed(running: &Running) {
    for (name, sandbox) in &running.system.sandboxes {
        let starts = sandbox.starts();
        assert!(starts.len() == 1 && starts[0].ended.is_none(), "{name}: {starts:?}");
    }
}
