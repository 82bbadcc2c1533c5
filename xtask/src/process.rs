//! Child processes, headings and figures.
//!
//! Every other module starts programs through [`Shell`], so that all of them run in the repository's root, find the
//! pinned tools first, and are checked for their exit code in one place.

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// Where commands run and which programs they find.
#[derive(Debug)]
pub(crate) struct Shell {
    root: PathBuf,
    search_path: OsString,
    home: Option<PathBuf>,
}

impl Shell {
    /// The shell of this repository. Fails when the search path cannot be extended.
    pub(crate) fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask/ has no parent folder")?
            .to_path_buf();
        let own = [root.join("target/tools/python/bin"), root.join("target/tools/bin")];
        let inherited = env::var_os("PATH").unwrap_or_default();
        let search_path = env::join_paths(own.into_iter().chain(env::split_paths(&inherited)))?;
        Ok(Self {
            root,
            search_path,
            home: env::var_os("HOME").map(PathBuf::from),
        })
    }

    /// The repository's root folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The home folder of whoever runs this, if there is one.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// A program to start in the repository's root.
    pub(crate) fn command(&self, program: impl Into<OsString>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.into());
        command
            .current_dir(&self.root)
            .env("PATH", &self.search_path)
            .args(arguments);
        command
    }

    /// `cargo` with these arguments.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.command("cargo", arguments)
    }
}

/// Runs a program to its end. Fails, naming it, unless it ends with code 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say(&format!("$ {}", line(command)))?;
    let status = command
        .status()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Runs a program and gives back what it wrote to standard output. Fails, naming it, unless it ends with code 0.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    ensure!(output.status.success(), "`{}` failed: {}", line(command), output.status);
    String::from_utf8(output.stdout).with_context(|| format!("`{}` did not write UTF-8", line(command)))
}

/// Runs `cargo test …`, passing its output on as it comes, and gives back how many tests passed. Fails when a test does,
/// and when none ran: a filter that matches nothing must not look like success.
pub(crate) fn run_tests(command: &mut Command) -> Result<u64> {
    say(&format!("$ {}", line(command)))?;
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    let lines = BufReader::new(
        child
            .stdout
            .take()
            .context("the child's standard output is not connected")?,
    )
    .lines();
    let mut passed = 0;
    for text in lines {
        let text = text?;
        passed += tests_passed(&text);
        say(&text)?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    ensure!(passed > 0, "`{}` ran no test", line(command));
    Ok(passed)
}

/// The number in `test result: ok. 12 passed; …`, 0 for any other line.
fn tests_passed(text: &str) -> u64 {
    text.strip_prefix("test result: ok. ")
        .and_then(|rest| rest.split_once(" passed"))
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

/// A command as a person would type it in the repository's root.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = command
        .get_current_dir()
        .and_then(|root| program.strip_prefix(root).ok())
        .unwrap_or(program);
    let words = std::iter::once(program.as_os_str()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// One line to standard error.
pub(crate) fn say(text: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{text}").context("standard error cannot be written to")
}

/// What a command did and how long it took: its last line of output.
#[derive(Debug)]
pub(crate) struct Figures {
    started: Instant,
    steps: Vec<Step>,
    tests: u64,
    skipped: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    seconds: f64,
}

#[derive(Serialize)]
struct Report<'a> {
    steps: &'a [Step],
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skipped: &'a [&'static str],
    seconds: f64,
}

impl Figures {
    /// Starts the clock.
    pub(crate) fn start() -> Self {
        Self {
            started: now(),
            steps: Vec::new(),
            tests: 0,
            skipped: Vec::new(),
        }
    }

    /// Runs one step under its heading and notes its time. The step's failure is passed on with its name.
    pub(crate) fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(&format!("\n== {name}"))?;
        let started = now();
        let done = work().with_context(|| format!("step `{name}`"))?;
        let seconds = seconds_since(started);
        say(&format!("-- {name}: {seconds:.1} s"))?;
        self.steps.push(Step { name, seconds });
        Ok(done)
    }

    /// Adds to the number of tests that passed.
    pub(crate) fn count_tests(&mut self, passed: u64) {
        self.tests += passed;
    }

    /// Notes a step that this machine cannot do, and why.
    pub(crate) fn skip(&mut self, name: &'static str, why: &str) -> Result<()> {
        self.skipped.push(name);
        say(&format!("\n== {name}: skipped, {why}"))
    }

    /// Writes the figures as one line of JSON to standard output.
    pub(crate) fn print(&self) -> Result<()> {
        let report = Report {
            steps: &self.steps,
            tests: (self.tests > 0).then_some(self.tests),
            skipped: &self.skipped,
            seconds: seconds_since(self.started),
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)
            .context("standard output cannot be written to")
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command of the repository measures its own steps"
)]
fn now() -> Instant {
    Instant::now()
}

fn seconds_since(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 10.0).round() / 10.0
}

/// Fails with a sentence that says which program is missing and what for.
pub(crate) fn missing<T>(program: &str, purpose: &str) -> Result<T> {
    bail!("`{program}` was not found; it is needed {purpose}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_counted_from_the_summary_line_only() {
        assert_eq!(tests_passed("test result: ok. 12 passed; 0 failed; 1 ignored"), 12);
        assert_eq!(tests_passed("test result: FAILED. 11 passed; 1 failed"), 0);
        assert_eq!(tests_passed("running 12 tests"), 0);
    }

    #[test]
    fn a_failing_program_is_named() {
        let shell = Shell::new().unwrap();
        let error = run(&mut shell.command("false", &["anything"])).unwrap_err().to_string();
        assert!(error.contains("`false anything` failed"), "{error}");
    }

    #[test]
    fn a_test_run_without_tests_fails() {
        let shell = Shell::new().unwrap();
        let error = run_tests(&mut shell.cargo(&["--version"])).unwrap_err().to_string();
        assert!(error.contains("ran no test"), "{error}");
    }
}
