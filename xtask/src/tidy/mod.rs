//! Rules of the repository that no compiler and no linter knows.
//!
//! Each rule is a function from what is in the repository to a list of findings; reading files and asking cargo and git
//! happens here, so that the tests can show each rule a repository in which it is broken.

mod crypto;
mod environment;
mod keys;
mod layers;
mod permissions;
mod sources;
mod template;

use crate::process::{self, Shell, say};
use anyhow::{Context, Result, bail};
use std::fs;

/// One broken rule: where, and what is wrong there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// Checks everything. Fails, after naming each finding, when there is one.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let findings = findings(shell)?;
    for Finding { place, problem } in &findings {
        say(&format!("{place}: {problem}"))?;
    }
    if findings.is_empty() {
        Ok(())
    } else {
        bail!("{} finding(s)", findings.len())
    }
}

/// All findings in the repository as it lies there, in a stable order.
fn findings(shell: &Shell) -> Result<Vec<Finding>> {
    let metadata = process::output(&mut shell.cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]))?;
    let template = template::parse(&read(shell, "template.yaml")?)?;
    let mut findings = layers::check(&metadata)?;
    findings.extend(crypto::check(shell)?);
    findings.extend(sources::check(shell)?);
    let security = read(shell, "docs/SECURITY.md")?;
    findings.extend(template::check(&template));
    findings.extend(permissions::check(&template, &security));
    findings.extend(keys::check(
        &template,
        &security,
        &read(shell, "shared/app/src/keys.rs")?,
    ));
    findings.extend(environment::check(
        &template,
        &sources::under(shell, "shared/boot/src")?,
    ));
    findings.sort();
    Ok(findings)
}

fn read(shell: &Shell, path: &str) -> Result<String> {
    fs::read_to_string(shell.root().join(path)).with_context(|| format!("{path} cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let shell = Shell::new().unwrap();
        assert_eq!(findings(&shell).unwrap(), Vec::new());
    }
}
