//! The simulation under faults. It is a program of its own, so that this one need not be built with the services.

use crate::process::{self, Shell};
use anyhow::{Context, Result};
use clap::Args;
use std::io::Write;

/// Histories of the test command.
const HISTORIES: u64 = 2_000;

/// How many histories, and which.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many histories
    #[arg(long, default_value_t = HISTORIES)]
    histories: u64,
    /// The seed of the first; the others follow, so that a failing one is replayed with `--seed <it> --histories 1`
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Every so many histories, one on the production adapter and an embedded database instead of a sorted map; 0 for
    /// none
    #[arg(long, default_value_t = 100)]
    dynamodb_every: u64,
    /// Write everything that happens in the history of the seed to standard error, and run no other
    #[arg(long)]
    trace: bool,
    /// How to build: `release` is worth its building time from some ten thousand histories on
    #[arg(long, default_value = "dev")]
    profile: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            histories: HISTORIES,
            seed: 1,
            dynamodb_every: 100,
            trace: false,
            profile: "dev".to_owned(),
        }
    }
}

/// Runs the histories, and writes the figures as one line of JSON to standard output. Fails when one of them went wrong,
/// and when there were many and a step was never hit.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let mut command = shell.cargo(&["run", "--locked", "--quiet", "--package", "hourglass-sim", "--profile"]);
    command.args([options.profile.as_str(), "--"]);
    for (name, number) in [
        ("--histories", options.histories),
        ("--seed", options.seed),
        ("--dynamodb-every", options.dynamodb_every),
    ] {
        command.args([name, &number.to_string()]);
    }
    if options.trace {
        return process::run(command.arg("--trace"));
    }
    let figures = process::output(&mut command)?;
    let line = figures.lines().last().context("the simulation printed nothing")?;
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written to")
}
