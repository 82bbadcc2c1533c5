//! The model check of the membership protocol: the package `hourglass-model`, built for speed.

use crate::process::{self, Shell};
use anyhow::{Context, Result};
use std::io::Write;

/// Explores, and writes the figures as one line of JSON to standard output. Fails when the model check does.
pub(crate) fn run(shell: &Shell, options: &[(&str, bool)]) -> Result<()> {
    let mut command = shell.cargo(&[
        "run",
        "--locked",
        "--quiet",
        "--profile",
        "model",
        "--package",
        "hourglass-model",
        "--",
    ]);
    command.args(options.iter().filter(|(_, given)| *given).map(|(name, _)| name));
    let figures = process::output(&mut command)?;
    let line = figures.lines().last().context("the model check printed nothing")?;
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written to")
}
