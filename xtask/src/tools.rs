//! Tools that are not part of the Rust toolchain: installed under target/tools, at pinned versions, when missing.
//!
//! Nothing but the browser is installed outside the repository's target folder, and a tool of the same name elsewhere on the
//! machine is not used: everyone runs the versions that are written down here and in infra/tools.

use crate::process::{self, Shell, missing};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Version of cargo-deny.
const CARGO_DENY: &str = "0.20.2";
/// Folder of the OpenID provider.
const PROVIDER: &str = "oidc";
/// Folder of what drives the browser.
const BROWSER: &str = "browser";
/// Where Chromium may be.
const CHROMIUMS: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];

/// Installs whatever is missing or has another version than the pinned one.
pub(crate) fn install(shell: &Shell) -> Result<()> {
    python(shell)?;
    openid_provider(shell)?;
    browser(shell)?;
    cargo_deny(shell)
}

/// Folder of the OpenID provider that the sign-in function is tested with, installed if need be.
pub(crate) fn openid_provider_folder(shell: &Shell) -> Result<PathBuf> {
    openid_provider(shell)?;
    Ok(npm_folder(shell, PROVIDER))
}

/// Folder of what drives the browser, installed if need be.
pub(crate) fn browser_folder(shell: &Shell) -> Result<PathBuf> {
    browser(shell)?;
    Ok(npm_folder(shell, BROWSER))
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

/// Where the npm packages for a folder of infra/tools are.
fn npm_folder(shell: &Shell, name: &str) -> PathBuf {
    shell.root().join("target/tools").join(name)
}

/// Installs what the lock file in a folder of infra/tools pins, with a digest for each part. A copy of that file says what
/// was installed; the scripts that use it are small and copied every time.
fn npm(shell: &Shell, name: &str, purpose: &str) -> Result<()> {
    let (from, to) = (shell.root().join("infra/tools").join(name), npm_folder(shell, name));
    fs::create_dir_all(&to).with_context(|| format!("{} cannot be made", to.display()))?;
    let copy = |file: &str| {
        fs::copy(from.join(file), to.join(file)).with_context(|| format!("infra/tools/{name}/{file} cannot be copied"))
    };
    for script in scripts(&from)? {
        copy(&script)?;
    }
    let lock = from.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| lock.display().to_string())?;
    let made_from = to.join("installed.json");
    if fs::read_to_string(&made_from).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if process::output(&mut shell.command("npm", &["--version"])).is_err() {
        return missing("npm", &format!("(with Node.js 20 or later) for {purpose}"));
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

/// The names of the scripts in a folder.
fn scripts(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".mjs") {
            found.push(name);
        }
    }
    Ok(found)
}

fn openid_provider(shell: &Shell) -> Result<()> {
    npm(shell, PROVIDER, "the OpenID provider that signing in is tested with")
}

fn browser(shell: &Shell) -> Result<()> {
    npm(
        shell,
        BROWSER,
        "what drives the browser that the console is tested with",
    )?;
    chromium(shell).map(drop)
}

/// Path of the system's Chromium, installed if need be and possible: a browser is the one thing that cannot live under the
/// target folder.
pub(crate) fn chromium(shell: &Shell) -> Result<PathBuf> {
    let installed = CHROMIUMS.iter().map(PathBuf::from).find(|path| path.exists());
    if let Some(path) = installed {
        return Ok(path);
    }
    let purpose = "(or Chrome) for the tests of the console; on Debian: apt-get install chromium";
    let debian = process::output(&mut shell.command("apt-get", &["--version"])).is_ok();
    let root = process::output(&mut shell.command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if !(debian && root) {
        return missing("chromium", purpose);
    }
    process::run(&mut shell.command("apt-get", &["update", "--quiet", "--quiet"]))?;
    process::run(&mut shell.command(
        "apt-get",
        &[
            "install",
            "--yes",
            "--quiet",
            "--quiet",
            "--no-install-recommends",
            "chromium",
        ],
    ))?;
    match CHROMIUMS.iter().map(PathBuf::from).find(|path| path.exists()) {
        Some(path) => Ok(path),
        None => missing("chromium", purpose),
    }
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
