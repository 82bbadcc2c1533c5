//! Whose key signed a decision: what the audit streams say about it, up to a signed checkpoint.

use hourglass_domain::Timestamp;
use hourglass_domain::audit::{Actor, Event, StreamId};

use crate::checkpoints::{CheckpointKey, Checkpoints, ExportProblem, Files};
use crate::decision::Proved;

/// A key was made; it waits to be confirmed.
const REGISTERED: &str = "passkey.registered";
/// A key became usable: by another key of the owner, by an admin, or by the code from set-up.
const CONFIRMED: &str = "passkey.confirmed";
/// A key was withdrawn.
const REMOVED: &str = "passkey.removed";
/// All keys of the person were withdrawn.
const RECOVERED: &str = "passkey.recovered";
/// Fact: the key's id.
const CREDENTIAL: &str = "credential";
/// Fact: SHA-256 of the COSE public key.
const PUBLIC_KEY: &str = "public_key_sha256";
/// Fact of the event of a decision: SHA-256 of the form that was signed.
const FORM: &str = "form_sha256";

/// Why a decision that verifies by itself is not that person's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The export does not verify.
    #[error(transparent)]
    Export(#[from] ExportProblem),
    /// No checkpoint is as late as the decision.
    #[error("no signed checkpoint is as late as the decision of {0}")]
    TooEarly(Timestamp),
    /// The form names no request.
    #[error("the form names no request")]
    NoRequest,
    /// The person's stream knows nothing of the key.
    #[error("the audit stream of user {0} registers no such key before the decision")]
    NotRegistered(String),
    /// The key was never confirmed.
    #[error("the key was registered and not confirmed before the decision")]
    NotConfirmed,
    /// The key was withdrawn before.
    #[error("the key was removed at {0}, before the decision")]
    Removed(Timestamp),
    /// The request's stream knows nothing of the decision.
    #[error("the audit stream of the request holds no decision of this person over this content at that time")]
    NotRecorded,
}

/// What was proved about the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchored {
    /// Since when it could sign for this person.
    pub usable_since: Timestamp,
    /// The number of the checkpoint that covers the decision.
    pub checkpoint: u64,
    /// Its instant.
    pub checkpoint_at: Timestamp,
}

/// An export of the audit trail.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Export {
    /// Signed checkpoints, one a file.
    pub checkpoints: Files,
    /// Events, one a line.
    pub events: Files,
}

/// Where a key stands.
#[derive(Clone, Copy)]
enum Standing {
    Unknown,
    Unconfirmed,
    Usable(Timestamp),
    Removed(Timestamp),
}

/// Verifies that the key of `proved` was registered to its user before the decision and not removed, and that the system
/// recorded this decision, by this user, over this content, at that time.
///
/// # Errors
/// The first thing that is not so.
pub fn verify(proved: &Proved, export: &Export, key: &CheckpointKey) -> Result<Anchored, Problem> {
    let content = proved.content();
    let (application, request) = proved.subject().ok_or(Problem::NoRequest)?;
    let checkpoints = Checkpoints::verify(&export.checkpoints, key)?;
    let covering = checkpoints
        .covering(content.decided_at)
        .ok_or(Problem::TooEarly(content.decided_at))?;
    let user = StreamId::user(application, content.key.user);
    let usable_since = match standing(proved, &checkpoints.stream(&export.events, &user)?) {
        Standing::Usable(since) => since,
        Standing::Unknown => return Err(Problem::NotRegistered(content.key.user.to_string())),
        Standing::Unconfirmed => return Err(Problem::NotConfirmed),
        Standing::Removed(at) => return Err(Problem::Removed(at)),
    };
    let request = checkpoints.stream(&export.events, &StreamId::request(request))?;
    if !request.iter().any(|event| records(event, proved)) {
        return Err(Problem::NotRecorded);
    }
    Ok(Anchored {
        usable_since,
        checkpoint: covering.number,
        checkpoint_at: covering.at,
    })
}

/// Where the key stood when the decision was made: what the events up to then say, in their order.
fn standing(proved: &Proved, events: &[Event]) -> Standing {
    let content = proved.content();
    let (credential, public_key) = (content.key.credential.to_string(), proved.key_digest().to_string());
    let fact = |event: &Event, name: &str, value: &str| event.facts.get(name).is_some_and(|found| found == value);
    let mut standing = Standing::Unknown;
    for event in events.iter().filter(|event| event.at <= content.decided_at) {
        let this = fact(event, CREDENTIAL, &credential);
        let this_key = this && fact(event, PUBLIC_KEY, &public_key);
        standing = match (event.action.as_str(), standing) {
            (REGISTERED, _) if this_key => Standing::Unconfirmed,
            // The same id with another key: what was known of it no longer counts.
            (REGISTERED, _) if this => Standing::Unknown,
            (CONFIRMED, Standing::Unconfirmed) if this_key => Standing::Usable(event.at),
            (REMOVED, Standing::Unconfirmed | Standing::Usable(_)) if this => Standing::Removed(event.at),
            (RECOVERED, Standing::Unconfirmed | Standing::Usable(_)) => Standing::Removed(event.at),
            (_, standing) => standing,
        };
    }
    standing
}

/// Whether the event records this decision.
fn records(event: &Event, proved: &Proved) -> bool {
    let content = proved.content();
    let fact = |name: &str, value: String| event.facts.get(name) == Some(&value);
    event.at == content.decided_at
        && event.actor == Actor::User { id: content.key.user }
        && fact(FORM, proved.form_digest().to_string())
        && fact(CREDENTIAL, content.key.credential.to_string())
}
