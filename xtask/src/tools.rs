//! Tools that are not part of the Rust toolchain: installed under target/tools, at pinned versions, when missing.
//!
//! Nothing is installed outside the repository's target folder, and a tool of the same name elsewhere on the machine is
//! not used: everyone runs the versions that are written down here, in infra/tools/requirements.txt and in infra/tools/oidc.

use crate::process::{self, Shell, missing};
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// Version of cargo-deny.
const CARGO_DENY: &str = "0.20.2";

/// Installs whatever is missing or has another version than the pinned one.
pub(crate) fn install(shell: &Shell) -> Result<()> {
    python(shell)?;
    openid_provider(shell)?;
    cargo_deny(shell)
}

/// Folder of the OpenID provider that the sign-in function is tested with, installed if need be.
pub(crate) fn openid_provider_folder(shell: &Shell) -> Result<PathBuf> {
    openid_provider(shell)?;
    Ok(provider_folder(shell))
}

/// Path of a program of the Python environment, installed if need be.
pub(crate) fn python_program(shell: &Shell, name: &str) -> Result<PathBuf> {
    python(shell)?;
    Ok(environment(shell).join("bin").join(name))
}

/// Path of cargo-deny, installed if need be.
pub(crate) fn cargo_deny_program(shell: &Shell) -> Result<PathBuf> {
    cargo_deny(shell)?;
    Ok(deny_path(shell))
}

fn environment(shell: &Shell) -> PathBuf {
    shell.root().join("target/tools/python")
}

fn deny_path(shell: &Shell) -> PathBuf {
    shell.root().join("target/tools/bin/cargo-deny")
}

/// cfn-lint, the SAM command line, cargo-lambda and zig come from one Python environment. A copy of the requirements
/// kept inside it says what it was made from, so that a changed pin makes it anew.
fn python(shell: &Shell) -> Result<()> {
    let wanted = fs::read_to_string(shell.root().join("infra/tools/requirements.txt"))
        .context("infra/tools/requirements.txt cannot be read")?;
    let made_from = environment(shell).join("requirements.txt");
    if fs::read_to_string(&made_from).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if process::output(&mut shell.command("python3", &["--version"])).is_err() {
        return missing(
            "python3",
            "(3.11 or later, with its venv module) for cfn-lint, sam and cargo-lambda",
        );
    }
    process::run(&mut shell.command("python3", &["-m", "venv", "--clear", "target/tools/python"]))?;
    let pip = environment(shell).join("bin/pip");
    process::run(&mut shell.command(
        pip,
        &[
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            "infra/tools/requirements.txt",
        ],
    ))?;
    fs::write(&made_from, wanted).with_context(|| format!("{} cannot be written", made_from.display()))
}

fn provider_folder(shell: &Shell) -> PathBuf {
    shell.root().join("target/tools/oidc")
}

/// The provider is an npm package, pinned by its lock file with a digest for each part. A copy of that file says what was
/// installed; the script is small and copied every time.
fn openid_provider(shell: &Shell) -> Result<()> {
    let (from, to) = (shell.root().join("infra/tools/oidc"), provider_folder(shell));
    fs::create_dir_all(&to).with_context(|| format!("{} cannot be made", to.display()))?;
    let copy = |name: &str| {
        fs::copy(from.join(name), to.join(name)).with_context(|| format!("infra/tools/oidc/{name} cannot be copied"))
    };
    copy("provider.mjs")?;
    let wanted = fs::read_to_string(from.join("package-lock.json")).context("infra/tools/oidc/package-lock.json")?;
    let made_from = to.join("installed.json");
    if fs::read_to_string(&made_from).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if process::output(&mut shell.command("npm", &["--version"])).is_err() {
        return missing(
            "npm",
            "(with Node.js 20 or later) for the OpenID provider that signing in is tested with",
        );
    }
    copy("package.json")?;
    copy("package-lock.json")?;
    process::run(
        shell
            .command(
                "npm",
                &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            )
            .current_dir(&to),
    )?;
    fs::write(&made_from, wanted).with_context(|| format!("{} cannot be written", made_from.display()))
}

fn cargo_deny(shell: &Shell) -> Result<()> {
    let installed = deny_path(shell);
    if installed.exists() {
        let version = process::output(&mut shell.command(&installed, &["--version"]))?;
        if version.trim() == format!("cargo-deny {CARGO_DENY}") {
            return Ok(());
        }
    }
    process::run(&mut shell.cargo(&[
        "install",
        "--quiet",
        "--locked",
        "--force",
        "--root",
        "target/tools",
        "--version",
        CARGO_DENY,
        "cargo-deny",
    ]))
}
