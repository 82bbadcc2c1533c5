//! Due-entries: stored promises of work at a time.
//!
//! A due-entry is written in the transaction of the state it stands for and deleted in the transaction that fulfils
//! it. The sweep reads them consistently, oldest first, so that a lost timer delays and never loses.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::canonical::Digest;

/// Number of partitions per lane; more than one so that no single partition's write limit bounds a burst.
pub const SHARDS: u8 = 16;

/// Whose promise it is: entries for grants are deleted by workers only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Lane {
    /// Grants and memberships.
    #[serde(rename = "G")]
    Grants,
    /// Everything else.
    #[serde(rename = "R")]
    Rest,
}

impl Lane {
    /// The lane's letter in storage keys.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Grants => "G",
            Self::Rest => "R",
        }
    }
}

/// What has to be done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueKind {
    /// Bring a grant to where it should be now: activate, retry, prove.
    Advance,
    /// End a grant.
    Expire,
    /// Lapse a request that nobody decided.
    Lapse,
    /// End everything of a user who was switched off.
    Offboard,
    /// End everything in a provisioned group that was deleted.
    GroupGone,
}

impl DueKind {
    /// The name in storage keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Expire => "expire",
            Self::Lapse => "lapse",
            Self::Offboard => "offboard",
            Self::GroupGone => "group_gone",
        }
    }

    /// Which lane such entries are kept in.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Advance | Self::Expire => Lane::Grants,
            Self::Lapse | Self::Offboard | Self::GroupGone => Lane::Rest,
        }
    }
}

/// One promise: `kind` for the thing called `id`, not before `at`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct DueEntry {
    /// When it is due.
    pub at: Timestamp,
    /// What has to be done.
    pub kind: DueKind,
    /// To what: the id of a grant or a request, or of a user or group with its application
    /// (`<application>/<user>`).
    pub id: String,
}

impl DueEntry {
    /// A promise.
    #[must_use]
    pub fn new(at: Timestamp, kind: DueKind, id: impl ToString) -> Self {
        Self {
            at,
            kind,
            id: id.to_string(),
        }
    }

    /// The partition: the same id always falls into the same one.
    #[must_use]
    pub fn shard(&self) -> u8 {
        Digest::of(self.id.as_bytes())
            .as_bytes()
            .first()
            .map_or(0, |byte| byte % SHARDS)
    }
}
