//! The laptop program, started and ended from outside.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use hourglass_tests::{Client, PATIENCE};
use serde_json::Value;
use tokio::process::{Child, Command};

/// How often it is looked at whether the program has come up.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The program, running. Killed when dropped.
pub(crate) struct Laptop {
    child: Child,
    log: PathBuf,
    ready_file: PathBuf,
}

impl Laptop {
    /// Starts it on the state in `folder` and does not wait for anything. `name` tells the files of one start from those
    /// of others.
    pub(crate) fn launch(folder: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let ready_file = folder.join(format!("{name}.json"));
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log)?;
        let listen: &[&str] = if arguments.contains(&"--listen") {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        let child = Command::new(env!("CARGO_BIN_EXE_laptop"))
            .args(listen)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .arg("--ready-file")
            .arg(&ready_file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .context("the laptop program cannot be started")?;
        Ok(Self { child, log, ready_file })
    }

    /// Waits until it serves, and answers what the ready file holds.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<Value> {
        let up = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Ok(text) = std::fs::read(&self.ready_file) {
                    return Ok(serde_json::from_slice(&text)?);
                }
                if let Some(status) = self.child.try_wait()? {
                    bail!("the laptop program ended with {status}: {}", self.said());
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        up.await
            .with_context(|| format!("the laptop program does not come up: {}", self.said()))?
    }

    /// Waits until it serves, and answers how to call it.
    pub(crate) async fn client(&mut self) -> anyhow::Result<Client> {
        Client::new(serde_json::from_value(self.ready().await?)?)
    }

    /// Kills it as a power cut would (SIGKILL).
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the laptop program had ended by itself with {status}: {}", self.said());
        }
        Ok(self.child.kill().await?)
    }

    /// Sends Ctrl-C and waits for the end.
    pub(crate) async fn interrupt(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let id = self.child.id().context("it has ended")?;
        // The shell's own `kill`: there need not be a program of that name.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -INT {id}")])
            .status()
            .await?;
        anyhow::ensure!(sent.success(), "the signal could not be sent");
        self.end(patience).await
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        Ok(ended.with_context(|| format!("the laptop program does not end: {}", self.said()))??)
    }

    /// Everything it has written to the terminal.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether the ready file is there.
    pub(crate) fn says_ready(&self) -> bool {
        self.ready_file.exists()
    }
}
