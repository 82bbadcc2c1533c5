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
    /// Bring a live grant to where it should be now: activate, retry.
    Advance,
    /// Bring a grant to its end that is ending or was ordered to: remove, retry, prove.
    End,
    /// End a grant.
    Expire,
    /// Look at a membership that is over: whether its member has come back, or its target.
    Recheck,
    /// Lapse a request that nobody decided.
    Lapse,
    /// End everything of a user who was switched off.
    Offboard,
    /// End everything in a provisioned group that was deleted.
    GroupGone,
    /// Remove the memberships of a user or group that was deleted.
    Memberships,
    /// Carry out an order of the kill switch.
    Kill,
    /// Ask the directory what kind of groups the targets of an entitlement are now.
    Facts,
    /// Compare the members of an entitlement's targets with what explains them.
    Drift,
    /// Tell again that an emergency was not reviewed.
    Review,
    /// Close a grant by hand, or look again at one that was closed so.
    ByHand,
}

impl DueKind {
    /// The name in storage keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::End => "end",
            Self::Expire => "expire",
            Self::Recheck => "recheck",
            Self::Lapse => "lapse",
            Self::Offboard => "offboard",
            Self::GroupGone => "group_gone",
            Self::Memberships => "memberships",
            Self::Kill => "kill",
            Self::Facts => "facts",
            Self::Drift => "drift",
            Self::Review => "review",
            Self::ByHand => "by_hand",
        }
    }

    /// Whether access ends by it: such work comes before all other.
    #[must_use]
    pub const fn ends_access(self) -> bool {
        matches!(
            self,
            Self::End | Self::Expire | Self::Offboard | Self::GroupGone | Self::Kill
        )
    }

    /// Which lane such entries are kept in.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Advance | Self::End | Self::Expire | Self::ByHand | Self::Recheck => Lane::Grants,
            Self::Lapse
            | Self::Offboard
            | Self::GroupGone
            | Self::Memberships
            | Self::Kill
            | Self::Facts
            | Self::Review
            | Self::Drift => Lane::Rest,
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
    /// To what: the id of a grant or a request, or of a user, a group or a membership with its application
    /// (`<application>/<user>`, `<application>/user:<user>`), or of a press of the kill switch with its application.
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

    /// The same promise at the next point of a grid of `seconds`, each id at its own offset. Chains of such promises
    /// for one id that began at different times fall together, and those of many ids do not fall due at once.
    #[must_use]
    pub fn next_on_grid(now: Timestamp, seconds: i64, kind: DueKind, id: impl ToString) -> Self {
        let id = id.to_string();
        let hash = Digest::of(id.as_bytes());
        let offset = hash
            .as_bytes()
            .iter()
            .take(4)
            .fold(0_i64, |all, byte| (all << 8) | i64::from(*byte));
        let period = seconds.max(1);
        let offset = offset.rem_euclid(period);
        let turns = (now.seconds() - offset).div_euclid(period).saturating_add(1);
        Self {
            at: Timestamp::from_seconds(turns.saturating_mul(period).saturating_add(offset)),
            kind,
            id,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_one_id_fall_together_and_lie_ahead() {
        for (first, second) in [(1_000, 1_001), (1_000, 1_050), (86_399, 86_400)] {
            let at = |now| DueEntry::next_on_grid(Timestamp::from_seconds(now), 3_600, DueKind::Facts, "a/b").at;
            assert!(at(first) > Timestamp::from_seconds(first));
            assert!(at(first).seconds_since(Timestamp::from_seconds(first)) <= 3_600);
            let later = at(second);
            assert!(later == at(first) || later == at(first).plus_seconds(3_600));
        }
        let of = |id| DueEntry::next_on_grid(Timestamp::from_seconds(1_000), 3_600, DueKind::Facts, id).at;
        assert_ne!(of("contoso.example/1"), of("contoso.example/2"), "ids are spread");
    }
}
