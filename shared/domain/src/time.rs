//! Instants and spans of time, as this product means them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC with millisecond precision.
///
/// On the wire and in the store it is an RFC 3339 string of fixed width (`2026-11-21T22:50:57.123Z`), so that
/// comparing two strings compares the instants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 instant from the year 1970 to the end of 9998.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-11-21T22:50:57Z")]
pub struct TimestampError;

/// 9999-01-01T00:00:00Z: safely within what `jiff` can show, and later instants would not keep the fixed width.
const LATEST_MILLIS: i64 = 253_370_764_800_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The instant `millis` milliseconds after 1970, kept within the years that the wire format can show.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > LATEST_MILLIS {
            Self(LATEST_MILLIS)
        } else {
            Self(millis)
        }
    }

    /// The instant `seconds` seconds after 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// `seconds` later, never later than the end of 9998.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Seconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1000)
    }

    /// The same instant or the next whole minute: grants end on whole minutes because one-shot schedules do.
    #[must_use]
    pub const fn rounded_up_to_minute(self) -> Self {
        const MINUTE: i64 = 60_000;
        let into = self.0.rem_euclid(MINUTE);
        if into == 0 {
            self
        } else {
            Self::from_millis(self.0.saturating_add(MINUTE - into))
        }
    }

    /// The same instant or the next whole second.
    #[must_use]
    pub const fn rounded_up_to_second(self) -> Self {
        let into = self.0.rem_euclid(1000);
        if into == 0 {
            self
        } else {
            Self::from_millis(self.0.saturating_add(1000 - into))
        }
    }

    /// `2026-11`, the month in which the instant lies: lists of the past are kept in one partition a month.
    #[must_use]
    pub fn month(self) -> String {
        self.to_string().chars().take(7).collect()
    }

    /// `2026-11-22T01:2`, the ten minutes (here from 01:20 on) in which the instant lies.
    #[must_use]
    pub fn ten_minutes(self) -> String {
        self.to_string().chars().take(15).collect()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        let millis = instant.as_millisecond();
        if (0..=LATEST_MILLIS).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(TimestampError)
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_fixed_width_and_sorts_like_time() {
        let early = Timestamp::from_millis(1_000);
        let late = Timestamp::from_millis(1_001);
        assert_eq!(early.to_string(), "1970-01-01T00:00:01.000Z");
        assert!(early.to_string() < late.to_string());
        assert_eq!(
            early.to_string().len(),
            Timestamp::from_millis(LATEST_MILLIS).to_string().len()
        );
        assert_eq!(
            "2026-11-21T22:50:57Z".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-21T22:50:57.000Z"
        );
    }

    #[test]
    fn offsets_are_read_and_nonsense_is_not() {
        assert_eq!(
            "2026-11-21T23:50:57+01:00".parse::<Timestamp>().unwrap(),
            "2026-11-21T22:50:57Z".parse().unwrap()
        );
        for bad in [
            "",
            "yesterday",
            "2026-11-21",
            "10000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn minutes_round_up_and_whole_minutes_stay() {
        let whole = Timestamp::from_seconds(120);
        assert_eq!(whole.rounded_up_to_minute(), whole);
        assert_eq!(
            Timestamp::from_millis(120_001).rounded_up_to_minute(),
            Timestamp::from_seconds(180)
        );
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::from_seconds(i64::MAX).millis(), LATEST_MILLIS);
        assert_eq!(
            Timestamp::from_millis(LATEST_MILLIS).plus_seconds(i64::MAX).millis(),
            LATEST_MILLIS
        );
        assert_eq!(Timestamp::EPOCH.plus_seconds(i64::MIN), Timestamp::EPOCH);
    }
}
