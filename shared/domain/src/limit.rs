//! Limits of how often one person may do something (abuse cases 16 and 28).
//!
//! A counter keeps the times of what was counted, so that "at most so many within an hour" holds for every hour and not
//! for calendar hours only, and so that whoever is refused can be told exactly when it works again.

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationId, PersonId};
use crate::{Refusal, Timestamp};

/// Seconds of an hour.
pub const HOUR_SECONDS: i64 = 3_600;
/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;

/// Most requests of one person within an hour, whatever became of them.
pub const MOST_REQUESTS_AN_HOUR: usize = 100;
/// Most requests of one person within a day.
pub const MOST_REQUESTS_A_DAY: usize = 300;
/// Most requests made within an hour that may wait for one approver: beyond, people click to be rid of the prompts.
pub const MOST_PROMPTS_AN_HOUR: usize = 100;
/// Most ceremonies with a passkey that one person may fail within an hour.
pub const MOST_FAILED_CEREMONIES_AN_HOUR: usize = 10;

/// Most reminders that one person may send within an hour.
pub const MOST_REMINDERS_AN_HOUR: usize = 20;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Requests that a person made.
    Requests,
    /// Requests that wait for an approver.
    Prompts,
    /// Ceremonies with a passkey that a person failed.
    FailedCeremonies,
    /// Reminders of requests that wait.
    Reminders,
}

/// At most so many within so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// How many.
    pub most: usize,
    /// Within how many seconds.
    pub seconds: i64,
}

impl Counted {
    /// The name in keys and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Prompts => "prompts",
            Self::FailedCeremonies => "failed-ceremonies",
            Self::Reminders => "reminders",
        }
    }

    /// The code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Requests => "too-many-requests",
            Self::Prompts => "too-many-prompts",
            Self::FailedCeremonies => "too-many-failed-ceremonies",
            Self::Reminders => "too-many-reminders",
        }
    }

    /// The rule, as a sentence without its numbers.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::Requests => "You have made too many requests",
            Self::Prompts => "Too many requests wait for the approvers of this already",
            Self::FailedCeremonies => "Too many attempts with a passkey have failed",
            Self::Reminders => "You have reminded the approvers too often",
        }
    }

    /// What may be done how often.
    #[must_use]
    pub const fn windows(self) -> &'static [Window] {
        match self {
            Self::Requests => &[
                Window {
                    most: MOST_REQUESTS_AN_HOUR,
                    seconds: HOUR_SECONDS,
                },
                Window {
                    most: MOST_REQUESTS_A_DAY,
                    seconds: DAY_SECONDS,
                },
            ],
            Self::Prompts => &[Window {
                most: MOST_PROMPTS_AN_HOUR,
                seconds: HOUR_SECONDS,
            }],
            Self::FailedCeremonies => &[Window {
                most: MOST_FAILED_CEREMONIES_AN_HOUR,
                seconds: HOUR_SECONDS,
            }],
            Self::Reminders => &[Window {
                most: MOST_REMINDERS_AN_HOUR,
                seconds: HOUR_SECONDS,
            }],
        }
    }

    /// For how long (seconds) what was counted matters.
    #[must_use]
    pub fn longest(self) -> i64 {
        self.windows().iter().map(|window| window.seconds).max().unwrap_or(0)
    }

    /// The refusal of what would go beyond `window` until `retry_after` seconds from now.
    #[must_use]
    pub fn refused(self, window: Window, retry_after: i64) -> Refusal {
        Refusal::TooOften {
            what: self,
            most: window.most,
            seconds: window.seconds,
            retry_after: retry_after.max(1),
        }
    }
}

/// How often one person did something of late.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// Which function counts.
    pub function: String,
    /// The application.
    pub application: ApplicationId,
    /// What is counted.
    pub what: Counted,
    /// Who.
    pub person: PersonId,
    /// When, in seconds, oldest first; at most as many as the widest window takes.
    pub at: Vec<i64>,
}

impl Counter {
    /// Nothing yet.
    #[must_use]
    pub fn none(function: &str, application: ApplicationId, what: Counted, person: PersonId) -> Self {
        Self {
            function: function.to_owned(),
            application,
            what,
            person,
            at: Vec::new(),
        }
    }

    /// # Errors
    /// [`Refusal::TooOften`] when one more would be too many, with the seconds after which it would not be.
    pub fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = now.seconds();
        let refused = self.what.windows().iter().filter_map(|window| {
            // A time in the future, by a clock that was ahead, counts like any other.
            let within = self.at.iter().filter(|at| now - **at < window.seconds);
            let excess = within.clone().count().checked_sub(window.most)?;
            // One more fits as soon as the oldest of the last `most` has left the window.
            let leaves = within.copied().nth(excess)? + window.seconds;
            Some((leaves - now, *window))
        });
        match refused.max_by_key(|(wait, _)| *wait) {
            Some((wait, window)) => Err(self.what.refused(window, wait)),
            None => Ok(()),
        }
    }

    /// With one more. What no window reaches any more is forgotten.
    #[must_use]
    pub fn with_one(&self, now: Timestamp) -> Self {
        let longest = self.what.longest();
        let now = now.seconds();
        let mut at: Vec<i64> = self.at.iter().copied().filter(|at| now - at < longest).collect();
        at.push(now);
        at.sort_unstable();
        let most = self.what.windows().iter().map(|window| window.most).max().unwrap_or(0);
        let from = at.len().saturating_sub(most);
        Self {
            at: at.split_off(from),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn counter(what: Counted) -> Counter {
        let person = PersonId::new(Uuid::from_u128(1));
        Counter::none("requests", "contoso.example".parse().unwrap(), what, person)
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn wait(counter: &Counter, now: Timestamp) -> Option<i64> {
        match counter.check(now) {
            Ok(()) => None,
            Err(Refusal::TooOften { retry_after, .. }) => Some(retry_after),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn so_many_within_any_hour_and_no_more() {
        let mut failed = counter(Counted::FailedCeremonies);
        for n in 0..10 {
            assert_eq!(failed.check(at(n * 60)), Ok(()));
            failed = failed.with_one(at(n * 60));
        }
        assert_eq!(
            wait(&failed, at(600)),
            Some(3_000),
            "the first leaves the hour at 3,600"
        );
        assert_eq!(wait(&failed, at(3_599)), Some(1));
        assert_eq!(wait(&failed, at(3_600)), None);
        failed = failed.with_one(at(3_600));
        assert_eq!(wait(&failed, at(3_600)), Some(60), "the second leaves at 3,660");
        assert_eq!(failed.at.len(), 10);
    }

    #[test]
    fn what_is_counted_although_it_was_refused_moves_the_end() {
        let mut failed = counter(Counted::FailedCeremonies);
        for n in 0..30 {
            failed = failed.with_one(at(n));
        }
        assert_eq!(failed.at.len(), 10, "no counter grows for ever");
        assert_eq!(wait(&failed, at(30)), Some(3_590));
    }

    #[test]
    fn the_window_that_waits_longest_decides() {
        let mut made = counter(Counted::Requests);
        for hour in 0..3 {
            for n in 0..100 {
                made = made.with_one(at(hour * 4_000 + n));
            }
        }
        // The day's 300 are used up: the first of them leaves after a day, the hour's would have left sooner.
        assert_eq!(wait(&made, at(8_100)), Some(DAY_SECONDS - 8_100));
        assert_eq!(wait(&made, at(DAY_SECONDS)), None);
    }

    #[test]
    fn the_refusal_names_the_rule_and_the_time() {
        let refusal = Counted::Requests.refused(Counted::Requests.windows()[0], 0);
        assert_eq!(refusal.code(), "too-many-requests");
        assert_eq!(refusal.retry_after(), Some(1), "never at once");
        assert_eq!(
            refusal.to_string(),
            "You have made too many requests: at most 100 are allowed within 60 minutes. Try again in 1 second(s)."
        );
    }
}
