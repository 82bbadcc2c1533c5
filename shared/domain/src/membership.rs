//! Memberships: the record of one (account, target) pair, and the holds that grants have on it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{GrantId, ObjectId, WorkerId};
use crate::target::Target;

/// The account and the target: what a membership is the record of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MembershipKey {
    /// The target.
    pub target: Target,
    /// The account's object id in the target's tenant.
    pub account: ObjectId,
}

impl MembershipKey {
    /// The text by which it is stored; also the name of its audit stream.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}:{}", self.target.key(), self.account)
    }
}

/// How far a hold is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Approved. Enough to keep a membership, never enough to add one: its grant's timer may not exist yet.
    Waiting,
    /// Its grant's timer exists and its evidence verified: may add.
    Adding,
    /// Its grant is ending. Holds nothing; kept until the grant has settled.
    Released,
}

/// One grant's claim on a membership.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Whose claim.
    pub grant: GrantId,
    /// From when: until then it holds nothing, or a start planned for next week would keep today's member till then.
    pub starts_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// How far.
    pub state: HoldState,
}

/// All holds on one membership.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Holds {
    /// On which.
    pub key: MembershipKey,
    /// Rises when a first hold comes: what was found out about the member before belongs to an earlier episode.
    pub episode: u64,
    /// The holds, in the order in which they came.
    pub holds: Vec<Hold>,
}

/// Most holds on one membership: bounds the item and what a person can pile up.
pub const MOST_HOLDS: usize = 50;

impl Holds {
    /// No holds.
    #[must_use]
    pub const fn none(key: MembershipKey) -> Self {
        Self {
            key,
            episode: 0,
            holds: Vec::new(),
        }
    }

    /// With a hold of `grant` from `starts_at` until `expires_at`, waiting; one that exists keeps its state and start
    /// and moves its end.
    #[must_use]
    pub fn with_waiting(mut self, grant: GrantId, starts_at: Timestamp, expires_at: Timestamp) -> Self {
        if let Some(hold) = self.holds.iter_mut().find(|hold| hold.grant == grant) {
            hold.expires_at = expires_at;
        } else {
            if self.holds.is_empty() {
                self.episode = self.episode.saturating_add(1);
            }
            self.holds.push(Hold {
                grant,
                starts_at,
                expires_at,
                state: HoldState::Waiting,
            });
        }
        self
    }

    /// With the hold of `grant` moved to the end `expires_at`. It waits again: until the timer of the new end exists it
    /// keeps and does not add.
    #[must_use]
    pub fn extended(mut self, grant: GrantId, expires_at: Timestamp) -> Self {
        for hold in self.holds.iter_mut().filter(|hold| hold.grant == grant) {
            hold.expires_at = hold.expires_at.max(expires_at);
            if hold.state == HoldState::Adding {
                hold.state = HoldState::Waiting;
            }
        }
        self
    }

    /// With the hold of `grant` in `state`. A released hold stays released: an end is final.
    #[must_use]
    pub fn with_state(mut self, grant: GrantId, state: HoldState) -> Self {
        for hold in self.holds.iter_mut().filter(|hold| hold.grant == grant) {
            if hold.state != HoldState::Released {
                hold.state = state;
            }
        }
        self
    }

    /// Without the hold of `grant`.
    #[must_use]
    pub fn without(mut self, grant: GrantId) -> Self {
        self.holds.retain(|hold| hold.grant != grant);
        self
    }

    /// The state of the hold of `grant`.
    #[must_use]
    pub fn state_of(&self, grant: GrantId) -> Option<HoldState> {
        self.holds
            .iter()
            .find(|hold| hold.grant == grant)
            .map(|hold| hold.state)
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &Hold> {
        self.holds
            .iter()
            .filter(move |hold| hold.state != HoldState::Released && hold.starts_at <= now && hold.expires_at > now)
    }

    /// Until when the membership may be kept: the latest end of the live holds.
    #[must_use]
    pub fn kept_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.live(now).map(|hold| hold.expires_at).max()
    }

    /// Whether a hold whose timer exists began after `at`.
    #[must_use]
    pub fn addable_since(&self, at: Timestamp, now: Timestamp) -> bool {
        self.live(now)
            .any(|hold| hold.state == HoldState::Adding && hold.starts_at > at)
    }

    /// Until when the membership may be added: the latest end of the live holds whose timer exists.
    #[must_use]
    pub fn addable_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.live(now)
            .filter(|hold| hold.state == HoldState::Adding)
            .map(|hold| hold.expires_at)
            .max()
    }
}

/// What is known of the member at the target.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Presence {
    /// Never added by us, or its absence is proved.
    #[default]
    Absent,
    /// It was there before us; we do not touch it. Holds as long as the holds of that episode do: once the last grant
    /// has settled, the next one has to look again, because the standing member may have been removed meanwhile.
    Standing {
        /// The episode of the holds in which it was seen.
        episode: u64,
    },
    /// We may have added it: an add was sent, or was about to be, and no confirmation is stored.
    Adding,
    /// The target confirmed it.
    Present {
        /// When it last did.
        confirmed_at: Timestamp,
        /// When a look first found it missing after that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing_since: Option<Missing>,
    },
    /// It has to go.
    Removing {
        /// When that was decided.
        since: Timestamp,
        /// When the target last answered a removal; `None` until it has.
        deleted_at: Option<Timestamp>,
        /// When the target was first seen without the member after that.
        seen_absent_at: Option<Timestamp>,
        /// When group or account were first seen to be gone.
        seen_gone_at: Option<Timestamp>,
    },
    /// The group or the account no longer exists, confirmed twice.
    Gone,
}

/// A member that ought to be there was not found; once is no proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// When it was first not found.
    pub at: Timestamp,
    /// Whether group or account were gone as well.
    pub gone: bool,
}

/// A request that the target is still working on; the opposite is not sent before it is over.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Operation {
    /// By which name the target knows it.
    pub handle: String,
    /// Whether it adds; otherwise it removes.
    pub adds: bool,
    /// When to ask how it went.
    pub look_again_at: Timestamp,
}

impl Operation {
    /// What the target has begun.
    #[must_use]
    pub const fn new(adds: bool, handle: String, look_again_at: Timestamp) -> Self {
        Self {
            handle,
            adds,
            look_again_at,
        }
    }
}

/// A membership that is over is looked at again for a while, and one that has come back is removed again. While that
/// goes on, no grant stands behind the record: its own due-entry, at `next`, does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// When it was over.
    pub since: Timestamp,
    /// When somebody looks next.
    pub next: Timestamp,
}

/// When a member whose absence is proved is looked for again, in minutes after the proof. Entra's own provisioning takes
/// up to 40 minutes for a round and puts back what it believes to be missing.
pub const RECHECK_MINUTES: [i64; 3] = [5, 45, 90];
/// How often (minutes) a target that is gone is looked for again.
pub const GONE_RECHECK_MINUTES: i64 = 24 * 60;
/// For how many days. Entra keeps what was deleted for 30 days, and restores it with its members.
pub const GONE_RECHECK_DAYS: i64 = 31;

impl Watch {
    /// The watch over a membership that is over now; `minute` is the length of a minute in seconds. `None` for one that
    /// is not over.
    #[must_use]
    pub fn begin(presence: &Presence, now: Timestamp, minute: i64) -> Option<Self> {
        Self { since: now, next: now }.later(presence, now, minute)
    }

    /// The watch after a look at `now`; `None` when that was the last.
    #[must_use]
    pub fn later(self, presence: &Presence, now: Timestamp, minute: i64) -> Option<Self> {
        let after = |minutes: i64| self.since.plus_seconds(minutes.saturating_mul(minute));
        let next = match presence {
            Presence::Absent => RECHECK_MINUTES.into_iter().map(after).find(|at| *at > now)?,
            Presence::Gone => (1..=GONE_RECHECK_DAYS)
                .map(|day| after(day.saturating_mul(GONE_RECHECK_MINUTES)))
                .find(|at| *at > now)?,
            _ => return None,
        };
        Some(Self { next, ..self })
    }
}

/// One worker's right to touch the target, until a deadline.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// Whose.
    pub worker: WorkerId,
    /// Until when.
    pub until: Timestamp,
}

/// The record of one (account, target) pair. Written by workers only.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Membership {
    /// Of which pair.
    pub key: MembershipKey,
    /// What is known of the member.
    pub presence: Presence,
    /// When an add was last sent or about to be sent: proof of absence has to be younger.
    pub last_add_at: Option<Timestamp>,
    /// Who may touch the target now.
    pub lease: Option<Lease>,
    /// How often in a row the target did not do as asked.
    pub failures: u32,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// What it answered.
    pub last_error: Option<String>,
    /// What the target is still working on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// When its absence was last proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_at: Option<Timestamp>,
    /// When the member, its group or its account was first found missing while grants held it, once that was proved.
    /// It is not repaired: the holds that had begun by then are over. One that began later counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Timestamp>,
    /// When it is looked at again, now that it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
}

impl Membership {
    /// The record of a pair that was never touched.
    #[must_use]
    pub const fn untouched(key: MembershipKey) -> Self {
        Self {
            key,
            presence: Presence::Absent,
            last_add_at: None,
            lease: None,
            failures: 0,
            failing_since: None,
            last_error: None,
            operation: None,
            proved_at: None,
            lost_at: None,
            watch: None,
        }
    }

    /// Whether it was there before the grants that hold it now.
    #[must_use]
    pub fn is_standing(&self, holds: &Holds) -> bool {
        self.presence == Presence::Standing { episode: holds.episode }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entitlement::tests::entitlement;
    use uuid::Uuid;

    fn holds() -> Holds {
        Holds::none(MembershipKey {
            target: entitlement().targets[0].clone(),
            account: ObjectId::new(Uuid::from_u128(9)),
        })
    }

    fn grant(n: u128) -> GrantId {
        GrantId::new(Uuid::from_u128(n))
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn the_last_live_hold_decides_until_when() {
        let holds = holds()
            .with_waiting(grant(1), at(0), at(100))
            .with_waiting(grant(2), at(0), at(200));
        assert_eq!(holds.kept_until(at(50)), Some(at(200)));
        assert_eq!(holds.kept_until(at(200)), None);
        assert_eq!(holds.addable_until(at(50)), None, "waiting holds keep and never add");
        let armed = holds.with_state(grant(1), HoldState::Adding);
        assert_eq!(armed.addable_until(at(50)), Some(at(100)));
        assert_eq!(armed.addable_until(at(100)), None, "not after its end");
    }

    #[test]
    fn a_hold_that_starts_later_holds_nothing_until_then() {
        let holds = holds()
            .with_waiting(grant(1), at(0), at(100))
            .with_waiting(grant(2), at(500), at(600));
        assert_eq!(holds.kept_until(at(50)), Some(at(100)));
        assert_eq!(holds.kept_until(at(100)), None, "not kept for a start that lies ahead");
        let armed = holds.with_state(grant(2), HoldState::Adding);
        assert_eq!(armed.addable_until(at(499)), None);
        assert_eq!(armed.kept_until(at(500)), Some(at(600)));
    }

    #[test]
    fn what_is_over_is_looked_at_again_for_a_while() {
        let end = at(1_000);
        let mut watch = Watch::begin(&Presence::Absent, end, 60);
        let mut looks = Vec::new();
        while let Some(now) = watch.map(|watch| watch.next) {
            looks.push(now.seconds_since(end) / 60);
            watch = watch.and_then(|watch| watch.later(&Presence::Absent, now, 60));
        }
        assert_eq!(looks, [5, 45, 90]);
        let mut watch = Watch::begin(&Presence::Gone, end, 60);
        let mut days = 0;
        while let Some(now) = watch.map(|watch| watch.next) {
            days += 1;
            assert_eq!(now.seconds_since(end), days * 86_400);
            watch = watch.and_then(|watch| watch.later(&Presence::Gone, now.plus_seconds(59), 60));
        }
        assert_eq!(days, 31);
        assert_eq!(Watch::begin(&Presence::Adding, end, 60), None);
    }

    #[test]
    fn records_of_before_can_be_read() {
        let old = r#"{"key":{"target":{"kind":"entra","cloud":"global","tenant":"00000000-0000-0000-0000-00000000007e",
            "group":"00000000-0000-0000-0000-000000000060"},"account":"00000000-0000-0000-0000-000000000009"},
            "presence":{"state":"present","confirmed_at":"2026-11-22T01:00:00.000Z"},"last_add_at":null,"lease":null,
            "failures":0,"failing_since":null,"last_error":null}"#;
        let read: Membership = serde_json::from_str(old).unwrap();
        assert!(matches!(
            read.presence,
            Presence::Present {
                missing_since: None,
                ..
            }
        ));
        assert_eq!((read.watch, read.operation, read.lost_at), (None, None, None));
    }

    #[test]
    fn a_released_hold_holds_nothing_and_never_comes_back() {
        let holds = holds()
            .with_waiting(grant(1), at(0), at(100))
            .with_state(grant(1), HoldState::Released)
            .with_state(grant(1), HoldState::Adding);
        assert_eq!(holds.state_of(grant(1)), Some(HoldState::Released));
        assert_eq!(holds.kept_until(at(50)), None);
        assert_eq!(holds.without(grant(1)).holds.len(), 0);
    }

    #[test]
    fn a_hold_that_is_extended_keeps_and_waits_for_its_timer() {
        let holds = holds()
            .with_waiting(grant(1), at(0), at(100))
            .with_state(grant(1), HoldState::Adding)
            .with_waiting(grant(2), at(0), at(50))
            .with_state(grant(2), HoldState::Released)
            .extended(grant(1), at(200))
            .extended(grant(2), at(900));
        assert_eq!(holds.kept_until(at(150)), Some(at(200)));
        assert_eq!(holds.addable_until(at(50)), None, "the new timer does not exist yet");
        assert_eq!(holds.state_of(grant(2)), Some(HoldState::Released), "an end is final");
        assert_eq!(
            holds.extended(grant(1), at(10)).kept_until(at(150)),
            Some(at(200)),
            "never shorter"
        );
    }

    #[test]
    fn a_first_hold_begins_a_new_episode() {
        let first = holds()
            .with_waiting(grant(1), at(0), at(100))
            .with_waiting(grant(2), at(0), at(100));
        assert_eq!(first.episode, 1);
        let next = first
            .without(grant(1))
            .without(grant(2))
            .with_waiting(grant(3), at(0), at(200));
        assert_eq!(next.episode, 2);
    }
}
