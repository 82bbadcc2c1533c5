//! The laptop program, for what has to be tried on it from outside.

use crate::process::{self, Shell};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

/// How long the program may take until it serves.
const START: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The laptop program, on a free port and in a fresh folder. Ends with this value.
pub(crate) struct Program {
    child: Child,
    folder: PathBuf,
}

impl Program {
    /// Builds it: the one that the tests kill and start again. cargo builds it with the tests of its package, from the same
    /// compiled dependencies; by itself it would have them compiled once more with fewer features.
    pub(crate) fn build(shell: &Shell) -> Result<()> {
        process::run(&mut shell.cargo(&["test", "--locked", "--workspace", "--test", "kill", "--no-run"]))
    }

    /// Starts it with further flags, in a folder of this name under `target`.
    pub(crate) fn start(shell: &Shell, name: &str, flags: &[&str]) -> Result<Self> {
        let folder = shell.root().join("target").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let log = fs::File::create(folder.join("log"))?;
        let child = shell
            .command(shell.root().join("target/debug/laptop"), flags)
            .arg("--listen")
            .arg("127.0.0.1:0")
            .arg("--data-dir")
            .arg(folder.join("data"))
            .arg("--ready-file")
            .arg(folder.join("ready.json"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the laptop program cannot be started")?;
        let mut program = Self { child, folder };
        program.wait()?;
        Ok(program)
    }

    /// Waits until the program serves.
    fn wait(&mut self) -> Result<()> {
        let mut waited = Duration::ZERO;
        while !self.ready_file().exists() {
            let log = self.folder.join("log");
            if let Some(status) = self.child.try_wait()? {
                bail!("the laptop program ended ({status}); see {}", log.display());
            }
            ensure!(
                waited < START,
                "the laptop program did not serve within {START:?}; see {}",
                log.display()
            );
            thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        }
        Ok(())
    }

    /// The file that says where everything is.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder.join("ready.json")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; what matters is that nothing is left running.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
