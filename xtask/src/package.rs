//! The functions' deployment packages: `target/lambda/<function>/bootstrap`.

use crate::{
    process::{self, Shell},
    tools,
};
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;

/// The deployable functions: folder under functions/, package `hourglass-<name>`, binary `<name>`.
pub(crate) const FUNCTIONS: [&str; 7] = [
    "scim",
    "requests",
    "approvals",
    "admin",
    "sign-in",
    "provisioning",
    "revocation",
];

/// For which processor to build.
#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Build for Lambda on arm64, whatever this machine is; needs `rustup target add aarch64-unknown-linux-gnu`
    #[arg(long)]
    arm64: bool,
}

/// Where the packages lie.
pub(crate) fn folder(shell: &Shell) -> PathBuf {
    shell.root().join("target/lambda")
}

/// Builds all functions in one invocation, so that what they share is compiled once, for this machine's own processor
/// unless told otherwise.
pub(crate) fn build(shell: &Shell, options: &Options) -> Result<()> {
    let cargo_lambda = tools::python_program(shell, "cargo-lambda")?;
    let mut command = shell.command(cargo_lambda, &["lambda", "build", "--release", "--locked"]);
    if options.arm64 || cfg!(target_arch = "aarch64") {
        command.arg("--arm64");
    }
    for function in FUNCTIONS {
        command.args(["--package", &format!("hourglass-{function}"), "--bin", function]);
    }
    process::run(&mut command)?;
    for function in FUNCTIONS {
        let package = folder(shell).join(function).join("bootstrap");
        ensure!(package.is_file(), "cargo lambda build left no {}", package.display());
    }
    Ok(())
}
