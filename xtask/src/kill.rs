//! The kill test with another number of kills. The test itself is part of the tests.

use crate::process::{self, Shell};
use anyhow::{Context, Result};
use clap::Args;
use std::io::Write;

/// How often.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many kills
    #[arg(long, default_value_t = 200)]
    kills: u32,
}

/// Runs the test, and writes its figures as one line of JSON to standard output.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let mut command = shell.cargo(&["test", "--locked", "--workspace", "--test", "kill"]);
    command.args(["killed_at_many_moments", "--", "--nocapture"]);
    command.env("HOURGLASS_KILLS", options.kills.to_string());
    let said = process::output(&mut command)?;
    let line = figures(&said).context("the test said no figures")?;
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written to")
}

/// The figures among what the test and its harness write: the last line that holds some.
fn figures(said: &str) -> Option<&str> {
    let lines = said.lines().rev();
    lines
        .filter(|line| line.contains("\"kills\":"))
        .find_map(|line| line.find("{\"").and_then(|at| line.get(at..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_found_among_what_the_harness_says() {
        let said = "running 1 test\ndied in {\"grant.ended\": 2}\ntest many::killed ... {\"kills\":20}\nok\n";
        assert_eq!(figures(said), Some("{\"kills\":20}"));
        assert_eq!(figures("running 0 tests\n"), None);
    }
}
