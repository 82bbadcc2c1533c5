//! The program as an auditor runs it, on the example of docs/signed-forms.md.

#![expect(clippy::unwrap_used, reason = "a suite that cannot begin has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ceremony/example")
}

fn run(file: &Path, more: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hourglass"));
    command.arg("verify-decision").arg(file);
    if let [audit, key] = more {
        command.arg("--audit").arg(audit).arg("--key").arg(key);
    }
    command.output().unwrap()
}

#[track_caller]
fn check(output: &Output, code: i32, last_line: &str) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let last = text.lines().last().unwrap_or_default();
    assert_eq!(
        (output.status.code(), last.starts_with(last_line)),
        (Some(code), true),
        "{text}"
    );
}

#[test]
fn a_decision_is_proved_by_the_audit_trail_and_by_nothing_less() {
    let folder = example();
    let (file, key) = (folder.join("decision.json"), folder.join("key.pem"));
    check(&run(&file, &[&folder, &key]), 0, "verified: ");
    check(&run(&file, &[]), 2, "consistent, NOT anchored");
    let strange = folder.join("unregistered.json");
    check(&run(&strange, &[]), 2, "consistent, NOT anchored");
    check(
        &run(&strange, &[&folder, &key]),
        1,
        "NOT VERIFIED: the audit stream of user",
    );
}

#[test]
fn anything_wrong_is_told_with_exit_code_1() {
    let folder = example();
    let (file, key) = (folder.join("decision.json"), folder.join("key.pem"));
    let other = tempfile::tempdir().unwrap();
    let changed = other.path().join("changed.json");
    let mut bytes = fs::read(&file).unwrap();
    bytes.push(b'\n');
    fs::write(&changed, bytes).unwrap();
    check(&run(&changed, &[]), 1, "NOT VERIFIED: ");
    let huge = other.path().join("huge.json");
    fs::write(&huge, vec![b' '; 1 << 20]).unwrap();
    check(&run(&huge, &[]), 1, "NOT VERIFIED: ");
    check(&run(&other.path().join("missing.json"), &[]), 1, "NOT VERIFIED: ");
    check(&run(&file, &[other.path(), &key]), 1, "NOT VERIFIED: ");
    check(&run(&file, &[&folder, &file]), 1, "NOT VERIFIED: ");
    for empty in ["checkpoints", "events"] {
        fs::create_dir(other.path().join(empty)).unwrap();
        check(&run(&file, &[other.path(), &key]), 1, "NOT VERIFIED: ");
    }
}

#[test]
fn a_wrong_command_line_is_not_taken_for_a_consistent_file() {
    let program = env!("CARGO_BIN_EXE_hourglass");
    let code = |arguments: &[&str]| Command::new(program).args(arguments).output().unwrap().status.code();
    assert_eq!(code(&["verify-decision"]), Some(1));
    assert_eq!(code(&["verify-decision", "x", "--audit", "."]), Some(1));
    assert_eq!(code(&["verify-decision", "x", "--key", "."]), Some(1));
    assert_eq!(code(&["verify"]), Some(1));
    assert_eq!(code(&["--help"]), Some(0));
}
