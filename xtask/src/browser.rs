//! A real browser at the console of the laptop program: infra/tools/browser/console.mjs says what it does.

use crate::{
    process::{self, Shell},
    program::Program,
    tools,
};
use anyhow::{Context, Result};
use serde::Deserialize;

/// The code from set-up of the laptop program.
const SET_UP_CODE: &str = "hourglass-laptop";

/// What the script says when all is well.
#[derive(Deserialize)]
struct Report {
    checks: u64,
}

/// Goes through the console. Answers how many things were looked at; pictures of the pages are in target/browser/pictures.
pub(crate) fn run(shell: &Shell) -> Result<u64> {
    let folder = tools::browser_folder(shell)?;
    let chromium = tools::chromium(shell)?;
    Program::build(shell)?;
    let program = Program::start(shell, "browser/laptop", &[])?;
    let pictures = shell.root().join("target/browser/pictures");
    let said = process::output(
        shell
            .command("node", &["console.mjs"])
            .arg(program.ready_file())
            .arg(chromium)
            .arg(SET_UP_CODE)
            .arg(&pictures)
            .current_dir(folder),
    )?;
    let report: Report = serde_json::from_str(said.trim()).context("the browser's script said no figures")?;
    process::say(&format!(
        "browser: {} checks; pictures in {}",
        report.checks,
        pictures.display()
    ))?;
    Ok(report.checks)
}
