//! The chain of signed checkpoints, and audit events up to them.

use std::collections::BTreeMap;

use hourglass_domain::Timestamp;
use hourglass_domain::audit::{ChainError, Event, Head, StreamId};
use hourglass_domain::canonical::canonical_bytes;
use hourglass_domain::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};

pub use crate::signature::{CheckpointKey, KeyError};

/// Why an export proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportProblem {
    /// There is no checkpoint.
    #[error("the export holds no checkpoint")]
    NoCheckpoint,
    /// A checkpoint cannot be read.
    #[error("{name}: {error}")]
    Unreadable {
        /// Of which file.
        name: String,
        /// Why.
        error: CheckpointError,
    },
    /// A checkpoint is not signed with the key.
    #[error("checkpoint {0} is not signed with this key")]
    BadSignature(u64),
    /// A checkpoint is missing, comes twice, or does not continue the one before it.
    #[error("checkpoint {0} is missing or does not continue the chain")]
    Broken(u64),
    /// A line is not an audit event.
    #[error("{name}, line {line}: not an audit event in canonical form")]
    NotAnEvent {
        /// Of which file.
        name: String,
        /// Which line, from 1.
        line: usize,
    },
    /// A stream does not verify.
    #[error("stream {stream}: {error}")]
    Stream {
        /// Which.
        stream: String,
        /// Where it breaks.
        error: ChainError,
    },
    /// A checkpoint names another event than the stream holds.
    #[error("stream {stream}: checkpoint {number} names another event {seq}")]
    OtherHead {
        /// Which stream.
        stream: String,
        /// Which checkpoint.
        number: u64,
        /// Which event.
        seq: u64,
    },
    /// No checkpoint names a stream.
    #[error("stream {0} is not in any checkpoint")]
    Unknown(String),
}

/// Files of an export by name: what they hold.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Checkpoints from the first to the last, each signed and continuing the one before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoints(Vec<Checkpoint>);

impl Checkpoints {
    /// Verifies files of one signed checkpoint each. Their names do not matter.
    ///
    /// # Errors
    /// What is wrong with the first of them that is wrong.
    pub fn verify(files: &Files, key: &CheckpointKey) -> Result<Self, ExportProblem> {
        let mut checkpoints = Vec::with_capacity(files.len());
        for (name, bytes) in files {
            let unreadable = |error| ExportProblem::Unreadable {
                name: name.clone(),
                error,
            };
            let SignedCheckpoint { body, signature } = SignedCheckpoint::from_bytes(bytes).map_err(unreadable)?;
            let signed = body.bytes().map_err(|_| ExportProblem::Broken(body.number))?;
            if !key.verifies(&signed, signature.as_bytes()) {
                return Err(ExportProblem::BadSignature(body.number));
            }
            checkpoints.push(body);
        }
        if checkpoints.is_empty() {
            return Err(ExportProblem::NoCheckpoint);
        }
        checkpoints.sort_by_key(|checkpoint| checkpoint.number);
        let (mut previous, mut at) = (Checkpoint::start(), Timestamp::EPOCH);
        for (number, checkpoint) in (1..).zip(&checkpoints) {
            if checkpoint.number != number || checkpoint.previous != previous || checkpoint.at < at {
                return Err(ExportProblem::Broken(number));
            }
            previous = checkpoint.hash().map_err(|_| ExportProblem::Broken(number))?;
            at = checkpoint.at;
        }
        Ok(Self(checkpoints))
    }

    /// The first checkpoint that covers everything up to `instant`.
    #[must_use]
    pub fn covering(&self, instant: Timestamp) -> Option<&Checkpoint> {
        self.0.iter().find(|checkpoint| checkpoint.at >= instant)
    }

    /// The events of one stream that checkpoints cover, in order, out of files of events (one canonical JSON object a
    /// line, in any order). Events after the last head are not returned, but they have to continue the chain.
    ///
    /// # Errors
    /// When the stream is in no checkpoint, or is not what every checkpoint says it was.
    pub fn stream(&self, files: &Files, stream: &StreamId) -> Result<Vec<Event>, ExportProblem> {
        let name = stream.as_str().to_owned();
        let mut events = read(files, stream)?;
        let broken = |error| ExportProblem::Stream {
            stream: name.clone(),
            error,
        };
        let last = events.last().map_or_else(
            || Head::start(stream.clone()),
            |event| Head {
                stream: stream.clone(),
                seq: event.seq,
                hash: event.hash,
            },
        );
        hourglass_domain::audit::verify(stream, &events, &last).map_err(broken)?;
        let mut covered = 0;
        for checkpoint in &self.0 {
            let Ok(found) = checkpoint.streams.binary_search_by(|head| head.stream.cmp(stream)) else {
                continue;
            };
            let Some(head) = checkpoint.streams.get(found) else {
                continue;
            };
            if last.seq < head.seq {
                return Err(broken(ChainError::Cut {
                    head: head.seq,
                    last: last.seq,
                }));
            }
            let there = head.seq.checked_sub(1).and_then(|index| usize::try_from(index).ok());
            let there = there.and_then(|index| events.get(index)).map(|event| event.hash);
            if there != Some(head.hash) || head.seq <= covered {
                return Err(ExportProblem::OtherHead {
                    stream: name,
                    number: checkpoint.number,
                    seq: head.seq,
                });
            }
            covered = head.seq;
        }
        if covered == 0 {
            return Err(ExportProblem::Unknown(name));
        }
        events.truncate(usize::try_from(covered).unwrap_or(usize::MAX));
        Ok(events)
    }
}

/// The events of one stream, by their numbers.
fn read(files: &Files, stream: &StreamId) -> Result<Vec<Event>, ExportProblem> {
    // In canonical form the field reads exactly so, and nowhere inside a string: quotes are escaped there.
    let wanted = format!("\"stream\":\"{}\"", stream.as_str());
    let mut events = Vec::new();
    for (name, bytes) in files {
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if !contains(line, wanted.as_bytes()) {
                continue;
            }
            let event: Option<Event> = serde_json::from_slice(line).ok();
            let event = event.filter(|event| canonical_bytes(event).is_ok_and(|bytes| bytes == line));
            let Some(event) = event else {
                return Err(ExportProblem::NotAnEvent {
                    name: name.clone(),
                    line: index.saturating_add(1),
                });
            };
            if event.stream == *stream {
                events.push(event);
            }
        }
    }
    events.sort_by_key(|event| event.seq);
    Ok(events)
}

fn contains(line: &[u8], wanted: &[u8]) -> bool {
    line.windows(wanted.len()).any(|window| window == wanted)
}
