//! Grants: the time-boxed result of an approved request, and its life from `approved` to `ended`.
//!
//! ```text
//! approved ──▶ activating ──▶ active ──▶ ending ──▶ ended
//!     └────────────┴─────────────────────▶ ┘  ▲│
//!                                        closed by hand
//! ```
//!
//! The functions here only say what the next stored state is. When they are called, in which order their effects
//! happen and what is proved before a grant counts as ended is [`crate::protocol::grant`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::directory::Party;
use crate::due::DueEntry;
use crate::ids::{ApplicationId, EntitlementId, GrantId, RequestId};
use crate::request::{Activation, Request};
use crate::target::Target;
use crate::{Refusal, Timestamp};

/// How late (seconds) a removal has to be for nothing new to be granted (invariant I11).
pub const REMOVAL_OVERDUE_SECONDS: i64 = 10 * 60;

/// Where a grant stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// Approved; nothing has been done yet, or its start lies ahead.
    Approved,
    /// Its timer exists; members are being added.
    Activating,
    /// At least one target has the member.
    Active,
    /// Members are being removed, and their absence proved.
    Ending,
    /// Nothing of it is left. Final.
    Ended,
    /// Two administrators signed that a person has seen to it; nobody has proved that nothing of it is left.
    ClosedByHand,
}

impl GrantStatus {
    /// The state in words, for a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Activating => "being activated",
            Self::Active => "active",
            Self::Ending => "already ending",
            Self::Ended => "already ended",
            Self::ClosedByHand => "closed by hand",
        }
    }

    /// Whether it still gives or may give access.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Approved | Self::Activating | Self::Active)
    }
}

/// Why a grant ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// The beneficiary ended it.
    CheckedIn,
    /// An approver or admin ended it.
    Revoked,
    /// The kill switch ended it.
    Killed,
    /// The beneficiary's account was switched off or deleted.
    UserDeactivated,
    /// Its targets are gone.
    TargetGone,
    /// Somebody removed the member in the directory.
    RemovedOutside,
    /// It could not be activated, or its evidence did not verify.
    Failed,
}

impl EndReason {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::CheckedIn => "checked_in",
            Self::Revoked => "revoked",
            Self::Killed => "killed",
            Self::UserDeactivated => "user_deactivated",
            Self::TargetGone => "target_gone",
            Self::RemovedOutside => "removed_outside",
            Self::Failed => "failed",
        }
    }
}

/// Where one target of a grant stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// Nothing has been sent.
    Waiting,
    /// An add is under way or being retried.
    Adding,
    /// The target confirmed the member.
    Present,
    /// A removal is under way or being retried.
    Removing,
    /// The target said removed; absence is not proved yet.
    RemovingUnconfirmed,
    /// Absence is proved, or the member never was there.
    Absent,
    /// The member was there before and stays: access remains.
    KeptStanding,
    /// Another live grant still holds the membership.
    KeptByOtherGrant,
    /// The group or account no longer exists.
    TargetGone,
    /// The target refuses the member for good.
    Failed,
    /// Ended before anything was sent on the grant's behalf; whether the account is a member by other means was not
    /// looked at.
    NotAdded,
}

impl TargetStatus {
    /// Whether an ending grant has nothing more to do here.
    #[must_use]
    pub const fn is_settled_end(self) -> bool {
        matches!(
            self,
            Self::Absent | Self::KeptStanding | Self::KeptByOtherGrant | Self::TargetGone | Self::NotAdded
        )
    }
}

/// One target of a grant.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct GrantTarget {
    /// Which.
    pub target: Target,
    /// Where it stands.
    pub status: TargetStatus,
    /// What the target last answered when it did not do as asked.
    pub last_error: Option<String>,
    /// Since when it does not.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// How often in a row it did not.
    #[serde(default)]
    pub failures: u32,
}

impl GrantTarget {
    /// Whether the member ought to be gone and the target does not let it go.
    #[must_use]
    pub const fn fails_to_remove(&self) -> bool {
        let removing = matches!(self.status, TargetStatus::Removing | TargetStatus::RemovingUnconfirmed);
        removing && self.failing_since.is_some()
    }

    /// A target to which nothing has been sent.
    #[must_use]
    pub const fn waiting(target: Target) -> Self {
        Self {
            target,
            status: TargetStatus::Waiting,
            last_error: None,
            failing_since: None,
            failures: 0,
        }
    }
}

/// Name of a grant's one-shot schedule: `g-<grant>-<n>`, where n rises with each change of expiry, so that an old
/// name is never used again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScheduleName {
    /// The grant it ends.
    pub grant: GrantId,
    /// Rises with each change of expiry.
    pub n: u32,
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g-{}-{}", self.grant, self.n)
    }
}

/// The text is no name of one of our schedules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a grant's schedule")]
pub struct ScheduleNameError;

impl FromStr for ScheduleName {
    type Err = ScheduleNameError;

    fn from_str(text: &str) -> Result<Self, ScheduleNameError> {
        let rest = text.strip_prefix("g-").ok_or(ScheduleNameError)?;
        let (grant, n) = rest.rsplit_once('-').ok_or(ScheduleNameError)?;
        let grant = grant.parse().map_err(|_| ScheduleNameError)?;
        Ok(Self {
            grant,
            n: n.parse().map_err(|_| ScheduleNameError)?,
        })
    }
}

impl Serialize for ScheduleName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScheduleName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A grant. It pins everything that its end needs, so that revocation depends on nothing that can change (I7).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Our id.
    pub id: GrantId,
    /// The request it came from; its audit stream is the grant's as well.
    pub request: RequestId,
    /// The application.
    pub application: ApplicationId,
    /// What was granted.
    pub entitlement: EntitlementId,
    /// Its name at that moment, for people.
    pub entitlement_name: String,
    /// Who asked.
    pub requester: Party,
    /// Who has the access.
    pub beneficiary: Party,
    /// Where it stands.
    pub status: GrantStatus,
    /// Why it ended or is ending.
    pub ended_because: Option<EndReason>,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Who turned its request into it.
    #[serde(default, skip_serializing_if = "Activation::is_approved")]
    pub activation: Activation,
    /// Whether it ends at the second, pinned when it was approved; otherwise within the minute.
    #[serde(default)]
    pub exact: bool,
    /// Each target and where it stands.
    pub targets: Vec<GrantTarget>,
    /// The requests that extended it, in the order in which they were approved: with the first request they are the
    /// evidence of its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<RequestId>,
    /// Number of the schedule that it wants. Rises with each change of expiry.
    pub next_schedule: u32,
    /// Number of the timer in force, be it a schedule or a message; 0 before there is one. After an extension it is not
    /// yet the one that is wanted.
    #[serde(default)]
    pub timed: u32,
    /// The schedule in force, once there is one.
    pub schedule: Option<ScheduleName>,
    /// When a target first confirmed the member.
    pub active_at: Option<Timestamp>,
    /// When it was committed to end.
    pub ending_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// When it was last closed by hand, even if it was reopened since: signatures close it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_by_hand_at: Option<Timestamp>,
    /// How often in a row bringing it forward failed; spaces the retries.
    pub attempts: u32,
    /// Since when it fails, for the lists and alarms.
    pub failing_since: Option<Timestamp>,
    /// The due-entries that stand for it, so that each can be deleted with the state it stood for.
    pub due: Vec<DueEntry>,
}

impl Grant {
    /// A freshly approved grant.
    #[must_use]
    pub fn approved(
        id: GrantId,
        request: &Request,
        starts_at: Timestamp,
        expires_at: Timestamp,
        targets: Vec<GrantTarget>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            request: request.id,
            application: request.application.clone(),
            entitlement: request.entitlement,
            entitlement_name: request.entitlement_name.clone(),
            requester: request.requester.clone(),
            beneficiary: request.beneficiary.clone(),
            status: GrantStatus::Approved,
            ended_because: None,
            approved_at: now,
            starts_at,
            expires_at,
            activation: request.activation,
            exact: false,
            targets,
            extensions: Vec::new(),
            next_schedule: 1,
            timed: 0,
            schedule: None,
            active_at: None,
            ending_at: None,
            ended_at: None,
            closed_by_hand_at: None,
            attempts: 0,
            failing_since: None,
            due: Vec::new(),
        }
    }

    /// Since when the access that it gave should be gone, or will have to be: its expiry, or the moment it was committed
    /// to end where that was earlier. `None` once nothing of it is left.
    #[must_use]
    pub fn removal_since(&self) -> Option<Timestamp> {
        match self.status {
            GrantStatus::Approved | GrantStatus::Activating | GrantStatus::Active => Some(self.expires_at),
            GrantStatus::Ending => Some(self.ending_at.map_or(self.expires_at, |at| at.min(self.expires_at))),
            GrantStatus::Ended | GrantStatus::ClosedByHand => None,
        }
    }

    /// # Errors
    /// When the grant gives no access any more.
    pub fn check_live(&self, wanted: &'static str) -> Result<(), Refusal> {
        if self.status.is_live() {
            Ok(())
        } else {
            Err(Refusal::GrantNotLive {
                status: self.status,
                wanted,
            })
        }
    }

    /// The name of the schedule that it wants.
    #[must_use]
    pub const fn schedule_name(&self) -> ScheduleName {
        ScheduleName {
            grant: self.id,
            n: self.next_schedule,
        }
    }

    /// Whether the timer in force was made for an end that has moved since.
    #[must_use]
    pub const fn timer_is_outdated(&self) -> bool {
        self.timed != 0 && self.timed != self.next_schedule
    }
}

/// An order to end a grant early, stored put-only; provisioning carries it out.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EndOrder {
    /// Which grant.
    pub grant: GrantId,
    /// Why.
    pub because: EndReason,
    /// By whom; `None` where nobody in person (a deactivated account, say).
    pub by: Option<Party>,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_schedule_name_says_which_grant_and_which_turn_and_fits_the_scheduler() {
        let name = ScheduleName {
            grant: GrantId::new(Uuid::from_u128(7)),
            n: u32::MAX,
        };
        let text = name.to_string();
        assert_eq!(text.parse::<ScheduleName>().unwrap(), name);
        // EventBridge Scheduler API, CreateSchedule: 1 to 64 of [0-9a-zA-Z-_.].
        assert!(text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        for bad in [
            "",
            "g-x-1",
            "x-00000000-0000-0000-0000-000000000007-1",
            "g-00000000-0000-0000-0000-000000000007",
        ] {
            assert!(bad.parse::<ScheduleName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_settled_target_lets_a_grant_end() {
        use TargetStatus as S;
        for settled in [
            S::Absent,
            S::KeptStanding,
            S::KeptByOtherGrant,
            S::TargetGone,
            S::NotAdded,
        ] {
            assert!(settled.is_settled_end());
        }
        for open in [
            S::Waiting,
            S::Adding,
            S::Present,
            S::Removing,
            S::RemovingUnconfirmed,
            S::Failed,
        ] {
            assert!(!open.is_settled_end());
        }
    }
}
