//! Reading files and folders, never more than a bound.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use hourglass_verifier::checkpoints::Files;

/// A whole file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let name = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(name)?;
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(name)?;
    ensure!(
        u64::try_from(bytes.len()).is_ok_and(|length| length <= limit),
        "{}: longer than {limit} bytes",
        name()
    );
    Ok(bytes)
}

/// The files with this ending in a folder, not in folders below it, by name.
pub(crate) fn folder(path: &Path, ending: &str, limit: u64) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry?.path();
        if file.extension().is_some_and(|found| found == ending) {
            files.insert(file.display().to_string(), read(&file, limit)?);
        }
    }
    Ok(files)
}
