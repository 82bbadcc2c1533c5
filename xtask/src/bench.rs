//! Benchmarks. Their figures are of the machine they run on, so no test depends on them and CI does not run them.

use crate::process::{self, Shell};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::io::Write;

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// From the approval to the true membership, and from the grant's end to its removal, on the laptop program
    MainJob {
        /// How many grants, one after the other
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=40))]
        grants: u32,
    },
}

/// Measures, and writes the figures as one line of JSON to standard output.
pub(crate) fn run(shell: &Shell, bench: &Bench) -> Result<()> {
    let figures = match bench {
        Bench::MainJob { grants } => {
            // The time goes into calls, locks and waiting rather than into our own arithmetic: an unoptimised build,
            // which is there after every test, is a bound that a release keeps as well.
            let arguments = [
                "bench",
                "--locked",
                "--workspace",
                "--profile",
                "dev",
                "--bench",
                "main_job",
                "--",
                "--grants",
                &grants.to_string(),
            ];
            process::output(&mut shell.cargo(&arguments))?
        }
    };
    let line = figures.lines().last().context("the benchmark printed nothing")?;
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written to")
}
