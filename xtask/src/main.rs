//! The repository's own commands, run as `cargo xtask <command>`.
//!
//! `cargo xtask test` is the one command that installs what is missing and runs everything CI runs; the others are its
//! single steps, for use while working on one thing. Each command ends with one line of JSON on standard output that
//! holds its figures; all else goes to standard error. The first child process that fails ends the command, named.

mod bench;
mod browser;
mod check;
mod kill;
mod model;
mod package;
mod process;
mod program;
mod scim;
mod sim;
mod tidy;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};
use process::{Figures, Shell};
use std::{path::PathBuf, process::ExitCode};

/// Commands of the Hourglass repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, then run everything CI runs: format, lints, licences, tidiness, tests, the OpenID
    /// provider, the simulation, the browser, SCIM suites, template, packages, and the packaged binaries behind a Lambda
    /// Runtime API
    Test,
    /// Install the pinned tools under target/tools, and on Debian as root Chromium where there is none
    Tools,
    /// Format and clippy, warnings as errors
    Lint,
    /// Bans, licences and sources of all dependencies
    Deny,
    /// The rules that no compiler knows: layers, one TLS stack, module headers, permissions and their reasons
    Tidy,
    /// Go through the console with a real browser
    Browser(browser::Options),
    /// Take a picture of every page of the console, light and dark, wide and narrow
    Screenshots {
        /// Where they go; under the repository's root, unless it is an absolute path
        folder: PathBuf,
    },
    /// Two public suites for SCIM servers, against the laptop program
    Scim,
    /// cfn-lint and `sam validate --lint` on template.yaml
    Template,
    /// Write docs/openapi.json from the code; the tests compare it
    Openapi,
    /// Build the seven functions for Lambda into target/lambda
    Package(package::Options),
    /// Kills the system many times while its neighbours live on, and starts it again on the same data
    Kill(kill::Options),
    /// Histories of the whole system in which every call may fail, hang, die or lie
    Sim(sim::Options),
    /// The membership protocol in every order in which things can happen within bounds, and with seeded mistakes, each
    /// of which has to be found
    Model {
        /// The quicker part
        #[arg(long)]
        small: bool,
        /// All bounds at once as well: hours
        #[arg(long, conflicts_with = "small")]
        all: bool,
        /// Show the shortest history that finds each mistake
        #[arg(long)]
        show: bool,
    },
    /// Measure something; the figures are the last line
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match obey(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed, the exit code still tells.
            let _closed = process::say(&format!("\nerror: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn obey(command: &Command) -> Result<()> {
    let shell = Shell::new()?;
    let mut figures = Figures::start();
    match command {
        Command::Test => check::everything(&shell, &mut figures)?,
        Command::Tools => figures.step("tools", || tools::install(&shell))?,
        Command::Lint => check::lint(&shell, &mut figures)?,
        Command::Deny => check::deny(&shell, &mut figures)?,
        Command::Tidy => figures.step("tidy", || tidy::run(&shell))?,
        Command::Browser(options) => check::browser(&shell, &mut figures, options)?,
        Command::Screenshots { folder } => return browser::screenshots(&shell, folder),
        Command::Scim => check::scim(&shell, &mut figures)?,
        Command::Template => check::template(&shell, &mut figures)?,
        Command::Openapi => check::openapi(&shell, &mut figures)?,
        Command::Kill(options) => return kill::run(&shell, options),
        Command::Sim(options) => return sim::run(&shell, options),
        Command::Model { small, all, show } => {
            let options = [("--small", *small), ("--all", *all), ("--show", *show)];
            return model::run(&shell, &options);
        }
        Command::Bench(bench) => return bench::run(&shell, bench),
        Command::Package(options) => figures.step("package", || package::build(&shell, options))?,
    }
    figures.print()
}
