//! What the files themselves must look like: a header on every module, no path of a machine, no real company's name.

use super::Finding;
use crate::process::{self, Shell};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Companies that Microsoft's documentation made up; with us they live under the reserved domain `example` only.
const MADE_UP_COMPANIES: [&str; 2] = ["contoso", "fabrikam"];

/// Judges every file that git tracks or would track.
pub(super) fn check(shell: &Shell) -> Result<Vec<Finding>> {
    let listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = process::output(&mut shell.command("git", &listed)).context("the list of files comes from git")?;
    let machine = machine_paths(shell.root(), shell.home());
    let mut findings = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let file = shell.root().join(path);
        // Deleted but still tracked, or not text (a picture): nothing to judge.
        let Some(text) = fs::read(&file).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
            continue;
        };
        findings.extend(judge(path, &text, &machine));
    }
    Ok(findings)
}

/// The text of all files of a folder, one after the other.
pub(super) fn under(shell: &Shell, folder: &str) -> Result<String> {
    let listed = process::output(&mut shell.command(
        "git",
        &[
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--",
            folder,
        ],
    ))?;
    let files = listed.split('\0').filter(|path| !path.is_empty());
    files
        .filter_map(|path| fs::read_to_string(shell.root().join(path)).ok())
        .map(Ok)
        .collect()
}

/// The folders that only this machine has: the checkout, the folder it lies in, and the home folder.
fn machine_paths(root: &Path, home: Option<&Path>) -> Vec<String> {
    [Some(root), root.parent(), home]
        .into_iter()
        .flatten()
        .filter(|path| path.parent().is_some())
        .map(|path| format!("{}/", path.display()))
        .collect()
}

fn judge(path: &str, text: &str, machine: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if needs_header(path) && !text.starts_with("//!") {
        findings.push(Finding::new(path, "a module begins with `//!` and says what it is for"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let place = || format!("{path}:{number}");
        if machine.iter().any(|folder| names_absolutely(line, folder)) {
            findings.push(Finding::new(place(), "names a folder of the machine it was written on"));
        }
        if MADE_UP_COMPANIES.iter().any(|company| outside_example(line, company)) {
            findings.push(Finding::new(place(), "made-up companies have the domain `.example`"));
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            findings.push(Finding::new(place(), "an unresolved merge"));
        }
    }
    findings
}

/// Rust modules, those of tests included.
fn needs_header(path: &str) -> bool {
    path.ends_with(".rs") && (path.contains("/src/") || path.starts_with("tests/"))
}

/// Whether `folder` stands in the line as an absolute path, not as part of a longer one.
fn names_absolutely(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|before| before.is_alphanumeric() || "._-}~".contains(before))
    })
}

/// Whether the company's name is followed by a top-level domain other than `example`.
fn outside_example(line: &str, company: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.match_indices(company).any(|(at, name)| {
        let after = line.get(at + name.len()..).unwrap_or_default();
        let domain = after.strip_prefix('.').unwrap_or_default();
        ["com", "net", "org", "onmicrosoft"]
            .iter()
            .any(|real| domain.starts_with(real))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        judge(path, text, &["/checkouts/".to_owned()]).len()
    }

    #[test]
    fn modules_need_a_header() {
        assert_eq!(problems("shared/app/src/lib.rs", "//! What it is.\n"), 0);
        assert_eq!(problems("shared/app/src/lib.rs", "use std::fmt;\n"), 1);
        assert_eq!(problems("tests/abuse/main.rs", "fn main() {}\n"), 1);
        assert_eq!(problems("README.md", "Hourglass\n"), 0);
    }

    #[test]
    fn machine_paths_are_found_and_look_alikes_are_not() {
        assert_eq!(problems("notes.md", "see /checkouts/hourglass/README.md"), 1);
        assert_eq!(problems("notes.md", "`/checkouts/hourglass`"), 1);
        assert_eq!(problems("notes.md", "see shared/checkouts/README.md"), 0);
        assert_eq!(problems("notes.md", "https://host.example/checkouts/7"), 0);
    }

    #[test]
    fn the_file_system_root_is_no_machine_path() {
        assert_eq!(machine_paths(Path::new("/hourglass"), None), ["/hourglass/"]);
    }

    #[test]
    fn made_up_companies_stay_in_the_reserved_domain() {
        let elsewhere = format!("mail to ada@{}.{}", "contoso", "com");
        assert_eq!(problems("notes.md", &elsewhere), 1);
        assert_eq!(problems("notes.md", "mail to ada@contoso.example"), 0);
    }

    #[test]
    fn merge_marks_are_found() {
        assert_eq!(problems("notes.md", "<<<<<<< ours\n"), 1);
    }
}
