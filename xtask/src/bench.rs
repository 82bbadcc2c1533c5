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
    /// Many grants that end in the same minute, against a simulated Graph with its real write limit, in real time
    Burst {
        /// How many grants
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
        grants: u32,
        /// How to build; anything but `bench` is for work on the benchmark itself
        #[arg(long, default_value = "bench")]
        profile: String,
    },
    /// Every page of the console in a company with 5,000 entitlements and 20,000 users
    Pages {
        /// How many users
        #[arg(long, default_value_t = 20_000)]
        users: u32,
        /// How many entitlements
        #[arg(long, default_value_t = 5_000)]
        entitlements: u32,
        /// How to build; anything but `bench` is for work on the benchmark itself
        #[arg(long, default_value = "bench")]
        profile: String,
    },
    /// SCIM through HTTP on the embedded store: rates, a first load, and what one member costs in a large group
    Scim {
        /// Members of the large group; with another number the figures about 100,000 are absent
        #[arg(long, default_value_t = 100_000)]
        members: u32,
        /// Users of the first load, and a tenth as many groups; with another number its figures are absent
        #[arg(long, default_value_t = 10_000)]
        users: u32,
        /// Additions and removals in each of the two groups that are compared
        #[arg(long, default_value_t = 400)]
        rounds: u32,
        /// Calls for each rate
        #[arg(long, default_value_t = 4_000)]
        calls: u32,
        /// How to build; anything but `bench` is for work on the benchmark itself
        #[arg(long, default_value = "bench")]
        profile: String,
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
        Bench::Burst { grants, profile } => {
            let mut command = shell.cargo(&["bench", "--locked", "--package", "hourglass-tests", "--bench", "burst"]);
            command.args(["--profile", profile, "--", "--grants", &grants.to_string()]);
            process::output(&mut command)?
        }
        Bench::Pages {
            users,
            entitlements,
            profile,
        } => {
            let mut command = shell.cargo(&["bench", "--locked", "--package", "hourglass-tests", "--bench", "pages"]);
            command.args(["--profile", profile, "--", "--users", &users.to_string()]);
            command.args(["--entitlements", &entitlements.to_string()]);
            process::output(&mut command)?
        }
        Bench::Scim {
            members,
            users,
            rounds,
            calls,
            profile,
        } => {
            let mut command = shell.cargo(&["bench", "--locked", "--package", "hourglass-tests", "--bench", "scim"]);
            command.args(["--profile", profile, "--"]);
            for (name, number) in [
                ("--members", members),
                ("--users", users),
                ("--rounds", rounds),
                ("--calls", calls),
            ] {
                command.args([name, &number.to_string()]);
            }
            process::output(&mut command)?
        }
    };
    let line = figures.lines().last().context("the benchmark printed nothing")?;
    writeln!(std::io::stdout(), "{line}").context("standard output cannot be written to")
}
