//! What is linked into the functions: one TLS stack, one crypto library, nothing that belongs to the laptop; and a domain
//! without I/O.
//!
//! One exception from "one crypto library": the passkeys' library brings RustCrypto's curves and `rsa` with it, through
//! `crypto-glue`, and there is no feature to choose another. They verify signatures with public keys there and do nothing
//! else, and so does `openidconnect` with the keys of ID tokens; `deny.toml` refuses `rsa` to everybody but these two. TLS, tokens, seals and digests stay with aws-lc-rs.
//!
//! Asked of `cargo tree` for the very packages that are deployed, because features that another member of the workspace
//! switches on must neither hide nor cause a finding.

use super::Finding;
use crate::{
    package::FUNCTIONS,
    process::{self, Shell},
};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Both processors that the functions are built for.
const TARGETS: [&str; 2] = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];

/// Crates that no function may contain: other TLS stacks and crypto libraries, and the laptop's parts.
const FORBIDDEN_IN_FUNCTIONS: [&str; 8] = [
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "libsqlite3-sys",
    "rusqlite",
    "dynoxide-rs",
    "hourglass-local",
];

/// Crates of which a function contains one version: two would be two TLS stacks.
const ONCE_IN_FUNCTIONS: [&str; 5] = ["rustls", "tokio-rustls", "hyper", "aws-lc-rs", "aws-lc-sys"];

/// Beginnings of the names of crates that do I/O or wait for it.
const FORBIDDEN_IN_DOMAIN: [&str; 9] = [
    "tokio", "futures", "async-", "mio", "hyper", "reqwest", "aws", "tracing", "socket2",
];

/// Judges the functions and the domain.
pub(super) fn check(shell: &Shell) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for target in TARGETS {
        let functions: Vec<String> = FUNCTIONS
            .iter()
            .map(|function| format!("hourglass-{function}"))
            .collect();
        let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
        findings.extend(judge_functions(&tree(shell, target, &functions)?));
        findings.extend(judge_domain(&tree(shell, target, &["hourglass-domain"])?));
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// The names and versions in the normal dependencies of these packages, as `name vVERSION …` lines.
fn tree(shell: &Shell, target: &str, packages: &[&str]) -> Result<String> {
    let mut command = shell.cargo(&[
        "tree", "--locked", "--edges", "normal", "--prefix", "none", "--target", target,
    ]);
    for package in packages {
        command.args(["--package", package]);
    }
    process::output(&mut command)
}

fn versions(tree: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut versions: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions
}

fn judge_functions(tree: &str) -> Vec<Finding> {
    let versions = versions(tree);
    let mut findings: Vec<Finding> = FORBIDDEN_IN_FUNCTIONS
        .iter()
        .filter(|name| versions.contains_key(*name))
        .map(|name| Finding::new("functions", format!("{name} must not be linked into a function")))
        .collect();
    for name in ONCE_IN_FUNCTIONS {
        let found = versions.get(name).map_or(0, BTreeSet::len);
        if found != 1 {
            findings.push(Finding::new(
                "functions",
                format!("{name} is there in {found} versions instead of one"),
            ));
        }
    }
    findings
}

fn judge_domain(tree: &str) -> Vec<Finding> {
    versions(tree)
        .into_keys()
        .filter(|name| FORBIDDEN_IN_DOMAIN.iter().any(|beginning| name.starts_with(beginning)))
        .map(|name| {
            Finding::new(
                "shared/domain",
                format!("{name}: the domain does no I/O and waits for nothing"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_STACK: &str =
        "rustls v0.23.1\ntokio-rustls v0.26.0\nhyper v1.7.0\naws-lc-rs v1.19.0\naws-lc-sys v0.47.0\n";

    #[test]
    fn one_stack_is_fine_even_when_named_twice() {
        assert_eq!(judge_functions(&format!("{ONE_STACK}rustls v0.23.1 (*)\n")), Vec::new());
    }

    #[test]
    fn a_second_stack_a_banned_crate_or_none_at_all_is_found() {
        for broken in [
            format!("{ONE_STACK}rustls v0.21.12\n"),
            format!("{ONE_STACK}ring v0.17.14\n"),
            format!("{ONE_STACK}hourglass-local v0.1.0 (somewhere)\n"),
            ONE_STACK.replace("aws-lc-rs v1.19.0\n", ""),
        ] {
            assert_eq!(judge_functions(&broken).len(), 1, "{broken}");
        }
    }

    #[test]
    fn io_below_the_domain_is_found() {
        assert_eq!(judge_domain("hourglass-domain v0.1.0\nserde v1.0.0\n"), Vec::new());
        assert_eq!(judge_domain("hourglass-domain v0.1.0\nfutures-util v0.3.31\n").len(), 1);
    }
}
