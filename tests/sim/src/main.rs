//! `cargo xtask sim`: runs histories and writes one line of figures to standard output.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use hourglass_sim::{Table, history, simulate};

/// Simulates the whole system under faults.
#[derive(Parser)]
struct Arguments {
    /// How many histories
    #[arg(long, default_value_t = 2_000)]
    histories: u64,
    /// The seed of the first; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Every so many histories, one on the production adapter and an embedded database; 0 for none
    #[arg(long, default_value_t = 50)]
    dynamodb_every: u64,
    /// Writes everything that happens in the history of `--seed` to standard error, and runs no other
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    match obey(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where standard error is closed, the exit code still tells.
            let _closed = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut err = std::io::stderr();
    if arguments.trace {
        let table = if arguments.dynamodb_every == 1 {
            Table::DynamoDb
        } else {
            Table::Memory
        };
        let lived = history(arguments.seed, table, true)?;
        for line in &lived.lines {
            writeln!(err, "{line}")?;
        }
        return Ok(lived.violations.is_empty());
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let figures = simulate(arguments.histories, arguments.seed, arguments.dynamodb_every, threads)?;
    for failed in &figures.failed {
        writeln!(err, "seed {}: {:#?}", failed.seed, failed.violations)?;
    }
    for missed in &figures.missed {
        writeln!(err, "never hit: {missed}")?;
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&figures)?)
        .context("standard output cannot be written to")?;
    Ok(figures.is_good())
}
