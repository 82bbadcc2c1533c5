//! `hourglass`: a small program for people who do not run Hourglass and want to check what it exported.
//!
//! It reads files and writes to standard output; it talks to nobody.
//!
//! Exit codes of `verify-decision`: 0 when the decision is proved with `--audit` and `--key`, 2 when the file is consistent
//! but nothing says whose the key is, 1 when anything is wrong.

mod files;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use hourglass_domain::decision_file::LONGEST_FILE;
use hourglass_domain::signed::{Account, Activation, Form, SignedTarget, Start};
use hourglass_verifier::anchor::{self, Export};
use hourglass_verifier::checkpoints::CheckpointKey;
use hourglass_verifier::decision::{self, Proved};

/// The file is consistent, and that is all.
const NOT_ANCHORED: u8 = 2;
/// Longest file of one checkpoint or of one day's events that is read, in bytes.
const LONGEST_EXPORT_FILE: u64 = 2 * 1024 * 1024 * 1024;
/// Longest key file, in bytes.
const LONGEST_KEY: u64 = 4096;

/// Checks what Hourglass exported, offline.
#[derive(Parser)]
#[command(name = "hourglass", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify one exported decision.
    ///
    /// With --audit and --key: that this key was registered to this person before the decision and not removed, and that
    /// the decision is on record (exit code 0). Without them: that the file is consistent, which says nothing about whose
    /// the key is (exit code 2). Exit code 1: something is wrong.
    VerifyDecision {
        /// The exported decision
        file: PathBuf,
        /// An export of the audit trail: a folder with `events/` and `checkpoints/`
        #[arg(long, value_name = "DIR", requires = "key")]
        audit: Option<PathBuf>,
        /// The public key that checkpoints are signed with (PEM), from another source than the export
        #[arg(long, value_name = "FILE", requires = "audit")]
        key: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // The parser's own code for a wrong command line is 2, which means something else here.
        Err(error) => {
            let _closed = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let Command::VerifyDecision { file, audit, key } = arguments.command;
    let (text, code) = match verify_decision(&file, audit.as_deref().zip(key.as_deref())) {
        Ok(answer) => answer,
        Err(error) => (format!("NOT VERIFIED: {}\n", plain(&format!("{error:#}"))), 1),
    };
    // Where standard output is closed, the exit code still tells.
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::from(code)
}

fn verify_decision(file: &Path, audit: Option<(&Path, &Path)>) -> anyhow::Result<(String, u8)> {
    let limit = u64::try_from(LONGEST_FILE).unwrap_or(u64::MAX);
    let bytes = files::read(file, limit)?;
    let proved = decision::verify(&bytes).with_context(|| file.display().to_string())?;
    let mut text = describe(&proved);
    let Some((folder, key)) = audit else {
        text.push_str("consistent, NOT anchored: nothing says whose key this is (see --audit and --key)\n");
        return Ok((text, NOT_ANCHORED));
    };
    let key_text = String::from_utf8(files::read(key, LONGEST_KEY)?).with_context(|| key.display().to_string())?;
    let key = CheckpointKey::from_pem(&key_text).with_context(|| key.display().to_string())?;
    let export = Export {
        checkpoints: files::folder(&folder.join("checkpoints"), "json", LONGEST_EXPORT_FILE)?,
        events: files::folder(&folder.join("events"), "ndjson", LONGEST_EXPORT_FILE)?,
    };
    let anchored = anchor::verify(&proved, &export, &key)?;
    text.push_str(&format!(
        "verified: the key belongs to this person since {}, was not removed before the decision, and the decision is on \
         record (checkpoint {} of {})\n",
        anchored.usable_since, anchored.checkpoint, anchored.checkpoint_at
    ));
    Ok((text, 0))
}

/// What was signed, in lines.
fn describe(proved: &Proved) -> String {
    let content = proved.content();
    let mut lines = vec![
        ("form".to_owned(), content.form.tag().to_owned()),
        ("form SHA-256".to_owned(), proved.form_digest().to_string()),
    ];
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    let targets = match &content.form {
        Form::Decision(form) => {
            line("decision", form.decision.name().to_owned());
            line("application", form.application.to_string());
            line("request", format!("{} version {}", form.request, form.request_version));
            line("requester", account(form.requester));
            line("beneficiary", account(form.beneficiary));
            line("approver", account(form.approver));
            if let Some(principal) = form.acting_for {
                line("acting for", account(principal));
            }
            line("for", period(form.start, form.duration_seconds));
            form.targets.as_slice()
        }
        Form::Activation(form) => {
            let why = match form.activation {
                Activation::SelfApproved => "self-approved by policy",
                Activation::Emergency => "emergency",
            };
            line("activation", why.to_owned());
            line("application", form.application.to_string());
            line("request", format!("{} version {}", form.request, form.request_version));
            line("requester", account(form.requester));
            line("beneficiary", account(form.beneficiary));
            line("for", period(form.start, form.duration_seconds));
            form.targets.as_slice()
        }
        Form::Key(_) | Form::Change(_) => &[],
    };
    for SignedTarget { target, account } in targets {
        line("target", format!("{} for account {account}", target.key()));
    }
    line("decided at", content.decided_at.to_string());
    line("user", content.key.user.to_string());
    line("passkey", content.key.credential.to_string());
    line("key SHA-256", proved.key_digest().to_string());
    line("signed on", content.origin.clone());
    lines
        .iter()
        .map(|(name, value)| format!("{name:<13} {}\n", plain(value)))
        .collect()
}

/// A text of somebody else's for a terminal: what steers one, or turns the order of what is read, is spelled out.
fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

fn account(account: Account) -> String {
    format!("{} of tenant {}", account.object_id, account.tenant)
}

fn period(start: Start, seconds: u32) -> String {
    match start {
        Start::OnApproval => format!("{seconds} s from the approval on"),
        Start::At(second) => format!("{seconds} s from {second} on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d é");
    }

    #[test]
    fn the_command_line_makes_sense() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
