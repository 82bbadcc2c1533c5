//! A real browser at the console of the laptop program: infra/tools/browser/main.mjs says what it does.

use crate::{
    process::{self, Shell},
    program::Program,
    tools,
};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

/// The code from set-up of the laptop program.
const SET_UP_CODE: &str = "hourglass-laptop";

/// Which journeys, and where pictures go.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Only these journeys, such as `deciding`; all of them where none is named
    journeys: Vec<String>,
}

/// What the script says when all is well.
#[derive(Deserialize)]
struct Report {
    checks: u64,
}

/// What was taken a picture of.
#[derive(Debug, Deserialize, serde::Serialize)]
struct Pictures {
    pages: u64,
    pictures: u64,
}

/// Goes through the console. Answers how many things were looked at; pictures of what happened on the way are in
/// target/browser/pictures.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<u64> {
    let pictures = shell.root().join("target/browser/pictures");
    let report: Report = drive(shell, "journeys", &pictures, &options.journeys)?;
    process::say(&format!(
        "browser: {} checks; pictures in {}",
        report.checks,
        pictures.display()
    ))?;
    Ok(report.checks)
}

/// Takes a picture of every page, light and dark, wide and narrow, for a person to look at.
pub(crate) fn screenshots(shell: &Shell, folder: &Path) -> Result<()> {
    let folder = if folder.is_absolute() {
        folder.to_path_buf()
    } else {
        shell.root().join(folder)
    };
    let taken: Pictures = drive(shell, "screenshots", &folder, &[])?;
    process::say(&format!("screenshots: in {}", folder.display()))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&taken)?).context("standard output cannot be written to")
}

/// Starts the program twice, with its company and as a new deployment, and the browser's script on both.
fn drive<R: DeserializeOwned>(shell: &Shell, mode: &str, pictures: &Path, more: &[String]) -> Result<R> {
    let scripts: PathBuf = tools::browser_folder(shell)?;
    let chromium = tools::chromium(shell)?;
    Program::build(shell)?;
    let program = Program::start(shell, "browser/laptop", &["--allow-duration", "5s"])?;
    let fresh = Program::start(shell, "browser/unregistered", &["--unregistered"])?;
    let said = process::output(
        shell
            .command("node", &["main.mjs", mode])
            .arg(program.ready_file())
            .arg(fresh.ready_file())
            .arg(chromium)
            .arg(SET_UP_CODE)
            .arg(pictures)
            .args(more)
            .current_dir(scripts),
    )?;
    serde_json::from_str(said.trim()).context("the browser's script said no figures")
}
