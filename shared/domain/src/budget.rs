//! How many writes of ours one tenant takes: a bucket of tokens, one for each add or removal, which all workers share.
//!
//! Microsoft Graph gives an application 3,000 writes per 150 seconds in one tenant, as a bucket that is refilled
//! steadily (Microsoft Graph, "Throttling limits", identity and access). Whoever sends more is refused, for longer and
//! longer; so nothing is sent that would be. What has no token waits, and that is no failure of anything.
//!
//! ```text
//!  3,000 ┬ full: adds, ends, urgent ends
//!        │
//!    750 ┼ the reserve: no adds. Ends borrow from it while nobody urgent goes short
//!        │
//!    100 ┼ no ends either, so that one urgent end never has to wait
//!      0 ┴
//! ```

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::grant::EndReason;
use crate::ids::TenantId;

/// Writes that can be made at once.
pub const CAPACITY: u32 = 3_000;
/// Writes per second after that.
pub const PER_SECOND: u32 = 20;
/// Kept for urgent ends: a quarter.
pub const RESERVE: u32 = CAPACITY / 4;
/// What is kept for urgent ends even while the reserve is lent: what five seconds bring back.
pub const NEVER_LENT: u32 = PER_SECOND * 5;
/// How long (seconds) nothing is lent after an urgent end went short.
pub const URGENT_SECONDS: i64 = 60;
/// Longest time (seconds) for which a target's wish to be left alone empties the bucket, and by which the clocks of two
/// workers may differ: removals are retried at least this often (invariant I9).
const LONGEST_HOLD_SECONDS: i64 = crate::protocol::LONGEST_RETRY_SECONDS;

/// What a token is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Spend {
    /// An end that a person, a deactivation or the kill switch ordered.
    UrgentEnd,
    /// Any other removal: above all one at the end of its time.
    End,
    /// An add.
    Add,
}

impl Spend {
    /// What the end of a grant is, by its reason.
    #[must_use]
    pub const fn of_end(because: Option<EndReason>) -> Self {
        match because {
            Some(EndReason::CheckedIn | EndReason::Revoked | EndReason::Killed | EndReason::UserDeactivated) => {
                Self::UrgentEnd
            }
            _ => Self::End,
        }
    }
}

/// One tenant's bucket.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Whose.
    pub tenant: TenantId,
    /// How full it was at [`Self::at`], in thousandths of a token: a token per second is one of them per millisecond.
    pub thousandths: i64,
    /// When. In the future while a target asked to be left alone: nothing comes in until then.
    pub at: Timestamp,
    /// When an urgent end last went short.
    pub urgent_at: Option<Timestamp>,
}

/// What came of asking for tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// How many there were.
    pub tokens: u32,
    /// When the rest would be there, if nobody else takes any; `None` when nothing is missing.
    pub look_again_at: Option<Timestamp>,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn full(tenant: TenantId, now: Timestamp) -> Self {
        Self {
            tenant,
            thousandths: thousandths(CAPACITY),
            at: now,
            urgent_at: None,
        }
    }

    /// With what has come in since.
    fn refilled(mut self, now: Timestamp) -> Self {
        // Clocks differ, and one that was far ahead must not stop everything.
        self.at = self.at.min(now.plus_seconds(LONGEST_HOLD_SECONDS));
        let millis = now.millis().saturating_sub(self.at.millis()).max(0);
        let more = millis.saturating_mul(i64::from(PER_SECOND));
        self.thousandths = self.thousandths.saturating_add(more).clamp(0, thousandths(CAPACITY));
        self.at = self.at.max(now);
        self
    }

    /// What is left alone by this kind of spending.
    fn floor(&self, spend: Spend, now: Timestamp) -> u32 {
        let urgent = |at: Timestamp| now < at.plus_seconds(URGENT_SECONDS);
        match spend {
            Spend::UrgentEnd => 0,
            Spend::End if self.urgent_at.is_some_and(urgent) => RESERVE,
            Spend::End => NEVER_LENT,
            Spend::Add => RESERVE,
        }
    }

    /// Takes up to `wanted` tokens.
    #[must_use]
    pub fn take(self, spend: Spend, wanted: u32, now: Timestamp) -> (Self, Taken) {
        let mut bucket = self.refilled(now);
        let floor = thousandths(bucket.floor(spend, now));
        let above = bucket.thousandths.saturating_sub(floor);
        let there = u32::try_from(above.max(0) / 1000).unwrap_or(0);
        let tokens = there.min(wanted);
        bucket.thousandths = bucket.thousandths.saturating_sub(thousandths(tokens));
        let rest = thousandths(wanted.saturating_sub(tokens)).min(thousandths(CAPACITY).saturating_sub(floor));
        if rest == 0 {
            return (
                bucket,
                Taken {
                    tokens,
                    look_again_at: None,
                },
            );
        }
        if spend == Spend::UrgentEnd {
            bucket.urgent_at = Some(now);
        }
        let missing = floor.saturating_add(rest).saturating_sub(bucket.thousandths).max(0);
        let per_milli = i64::from(PER_SECOND);
        let millis = missing.saturating_add(per_milli - 1).div_euclid(per_milli);
        let at = Timestamp::from_millis(bucket.at.millis().saturating_add(millis));
        // What is lent changes, so that nobody is told to wait for very long.
        let at = at.min(now.plus_seconds(LONGEST_HOLD_SECONDS));
        let look_again_at = Some(at);
        (bucket, Taken { tokens, look_again_at })
    }

    /// Puts tokens back that were not used.
    #[must_use]
    pub fn give_back(self, tokens: u32, now: Timestamp) -> Self {
        let mut bucket = self.refilled(now);
        bucket.thousandths = bucket
            .thousandths
            .saturating_add(thousandths(tokens))
            .min(thousandths(CAPACITY));
        bucket
    }

    /// After the target has refused a write and asked to wait: others write to it as well, or our count is wrong.
    #[must_use]
    pub fn refused(self, seconds: i64, now: Timestamp) -> Self {
        let mut bucket = self.refilled(now);
        bucket.thousandths = 0;
        let until = now.plus_seconds(seconds.clamp(0, LONGEST_HOLD_SECONDS));
        bucket.at = bucket.at.max(until);
        bucket
    }
}

const fn thousandths(tokens: u32) -> i64 {
    tokens as i64 * 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + millis)
    }

    fn bucket(tokens: u32) -> Bucket {
        Bucket {
            thousandths: thousandths(tokens),
            ..Bucket::full(TenantId::new(Uuid::from_u128(1)), at(0))
        }
    }

    fn tokens(bucket: &Bucket) -> i64 {
        bucket.thousandths / 1000
    }

    #[test]
    fn who_gets_how_many() {
        use Spend::{Add, End, UrgentEnd};
        for (level, spend, wanted, given) in [
            (3_000, Add, 100, 100),
            (3_000, Add, 3_000, 2_250),
            (3_000, End, 3_000, 2_900),
            (3_000, UrgentEnd, 3_000, 3_000),
            (751, Add, 2, 1),
            (750, Add, 1, 0),
            (750, End, 100, 100),
            (101, End, 100, 1),
            (100, End, 1, 0),
            (100, UrgentEnd, 200, 100),
            (1, UrgentEnd, 1, 1),
            (0, UrgentEnd, 1, 0),
            (500, End, 0, 0),
        ] {
            let (after, taken) = bucket(level).take(spend, wanted, at(0));
            assert_eq!(taken.tokens, given, "{wanted} of {level} for {spend:?}");
            assert_eq!(
                tokens(&after),
                i64::from(level - given),
                "{wanted} of {level} for {spend:?}"
            );
            assert_eq!(
                taken.look_again_at.is_some(),
                given < wanted,
                "{wanted} of {level} for {spend:?}"
            );
        }
    }

    #[test]
    fn twenty_come_in_a_second_and_never_more_than_it_holds() {
        for (level, millis, then) in [
            (0, 49, 0),
            (0, 50, 1),
            (0, 1_000, 20),
            (0, 150_000, 3_000),
            (2_990, 60_000, 3_000),
            (0, 86_400_000, 3_000),
            // A clock that went back brings nothing and takes nothing.
            (10, -5_000, 10),
        ] {
            let (after, _) = bucket(level).take(Spend::UrgentEnd, 0, at(millis));
            assert_eq!(tokens(&after), then, "{level} after {millis} ms");
        }
        // Parts of a token are not lost, however often somebody looks.
        let mut slow = bucket(0);
        for millis in 1..=1_000 {
            slow = slow.take(Spend::End, 0, at(millis)).0;
        }
        assert_eq!(tokens(&slow), 20);
    }

    #[test]
    fn a_clock_that_goes_back_brings_nothing_in_twice() {
        let (ahead, _) = bucket(0).take(Spend::UrgentEnd, 0, at(10_000));
        let (behind, _) = ahead.take(Spend::UrgentEnd, 0, at(5_000));
        let (again, _) = behind.take(Spend::UrgentEnd, 0, at(10_000));
        assert_eq!(tokens(&again), 200);
    }

    #[test]
    fn whoever_goes_short_is_told_when_the_rest_is_there() {
        for (level, spend, wanted, millis) in [
            (0, Spend::UrgentEnd, 1, 50),
            (100, Spend::End, 100, 5_000),
            (150, Spend::End, 100, 2_500),
            (0, Spend::End, 100, 10_000),
            (700, Spend::Add, 10, 3_000),
        ] {
            let (after, taken) = bucket(level).take(spend, wanted, at(0));
            let again = taken.look_again_at.unwrap();
            assert_eq!(again, at(millis), "{wanted} of {level} for {spend:?}");
            let rest = wanted - taken.tokens;
            let (_, then) = after.take(spend, rest, again);
            // An urgent end that goes short stops lending; for itself that changes nothing.
            assert_eq!(then.tokens, rest, "{wanted} of {level} for {spend:?}");
        }
        // Nobody waits for more than the bucket can ever hold above the floor, or longer than a minute.
        let (_, taken) = bucket(0).take(Spend::End, 1_000_000, at(0));
        assert_eq!(taken.look_again_at, Some(at(60_000)));
    }

    #[test]
    fn the_reserve_is_lent_only_while_nobody_urgent_goes_short() {
        let (short, taken) = bucket(300).take(Spend::UrgentEnd, 400, at(0));
        assert_eq!(taken.tokens, 300);
        let (still, taken) = short.take(Spend::End, 10, at(30_000));
        assert_eq!((taken.tokens, tokens(&still)), (0, 600), "kept for the urgent");
        let (_, urgent) = still.clone().take(Spend::UrgentEnd, 100, at(30_000));
        assert_eq!(urgent.tokens, 100);
        let (_, later) = still.clone().take(Spend::End, 10, at(59_999));
        assert_eq!(later.tokens, 10, "above the reserve there is enough for all");
        let (_, lent) = bucket(300).take(Spend::End, 10, at(0));
        assert_eq!(lent.tokens, 10);
        let idle = Bucket {
            urgent_at: Some(at(0)),
            ..bucket(300)
        };
        let at_the_end = Bucket { at: at(60_000), ..idle };
        let (_, again) = at_the_end.take(Spend::End, 10, at(60_000));
        assert_eq!(again.tokens, 10, "lent again after a minute");
    }

    #[test]
    fn urgent_ends_that_were_served_leave_the_reserve_lent() {
        let (served, taken) = bucket(300).take(Spend::UrgentEnd, 10, at(0));
        assert_eq!((taken.tokens, served.urgent_at), (10, None));
        assert_eq!(served.take(Spend::End, 10, at(0)).1.tokens, 10);
    }

    #[test]
    fn a_refusal_of_the_target_empties_the_bucket_for_as_long_as_it_asks() {
        let refused = bucket(3_000).refused(10, at(0));
        let (early, taken) = refused.take(Spend::UrgentEnd, 1, at(9_000));
        assert_eq!(taken.tokens, 0);
        assert_eq!(taken.look_again_at, Some(at(10_050)));
        assert_eq!(early.take(Spend::UrgentEnd, 30, at(11_000)).1.tokens, 20);
        // Removals are retried within a minute whatever a target asks for.
        let long = bucket(3_000).refused(3_600, at(0));
        assert_eq!(long.take(Spend::UrgentEnd, 1, at(60_050)).1.tokens, 1);
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_stop_everything() {
        let far = Bucket {
            at: at(86_400_000),
            ..bucket(0)
        };
        let (held, _) = far.take(Spend::UrgentEnd, 1, at(0));
        assert_eq!(held.take(Spend::UrgentEnd, 1, at(60_050)).1.tokens, 1);
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let (left, _) = bucket(500).take(Spend::End, 100, at(0));
        assert_eq!(tokens(&left.give_back(40, at(0))), 440);
        assert_eq!(tokens(&bucket(2_990).give_back(40, at(0))), 3_000);
    }

    #[test]
    fn numbers_that_somebody_wrote_by_hand_give_no_more_than_the_limit() {
        let strange = Bucket {
            thousandths: i64::MAX,
            ..bucket(0)
        };
        let (_, taken) = strange.take(Spend::UrgentEnd, u32::MAX, at(0));
        assert_eq!(taken.tokens, CAPACITY);
        let negative = Bucket {
            thousandths: i64::MIN,
            ..bucket(0)
        };
        assert_eq!(negative.take(Spend::UrgentEnd, 20, at(1_000)).1.tokens, 0);
    }

    #[test]
    fn ends_that_people_wait_for_are_urgent() {
        use EndReason as Because;
        for (because, spend) in [
            (Because::Expired, Spend::End),
            (Because::CheckedIn, Spend::UrgentEnd),
            (Because::Revoked, Spend::UrgentEnd),
            (Because::Killed, Spend::UrgentEnd),
            (Because::UserDeactivated, Spend::UrgentEnd),
            (Because::TargetGone, Spend::End),
            (Because::RemovedOutside, Spend::End),
            (Because::Failed, Spend::End),
        ] {
            assert_eq!(Spend::of_end(Some(because)), spend, "{because:?}");
        }
        assert_eq!(Spend::of_end(None), Spend::End);
    }
}
