//! How long access may last.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// A length of access, as people choose it: `30m`, `1h`, `2d`.
///
/// Printed in the largest unit that divides it. On input the long forms `1hr`, `30min`, `2day` are accepted as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessDuration {
    seconds: u32,
}

/// The text is not a duration such as `30m`, `1h` or `2d`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a duration such as 30m, 1h or 2d")]
pub struct AccessDurationError;

/// No access lasts longer than 31 days, whatever an admin configures: longer is standing access by another name.
pub const LONGEST_SECONDS: u32 = 31 * 86_400;

impl AccessDuration {
    /// The durations that a new template allows.
    pub const DEFAULTS: [Self; 7] = [
        Self { seconds: 1_800 },
        Self { seconds: 3_600 },
        Self { seconds: 7_200 },
        Self { seconds: 21_600 },
        Self { seconds: 43_200 },
        Self { seconds: 86_400 },
        Self { seconds: 172_800 },
    ];

    /// An hour.
    pub const HOUR: Self = Self { seconds: 3_600 };
    /// Seven days.
    pub const WEEK: Self = Self { seconds: 7 * 86_400 };

    /// A duration of `seconds`; `None` unless it lies between one second and [`LONGEST_SECONDS`].
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Option<Self> {
        if seconds == 0 || seconds > LONGEST_SECONDS {
            None
        } else {
            Some(Self { seconds })
        }
    }

    /// Length in seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds as i64
    }

    /// Whether it is shorter than one minute. Only a laptop may configure such durations: one-shot schedules are
    /// precise to the minute.
    #[must_use]
    pub const fn is_sub_minute(self) -> bool {
        self.seconds < 60
    }

    /// When access that starts at `start` ends: rounded up to the whole minute, because one-shot schedules fire on
    /// minutes; durations below a minute, which exist on a laptop only, are rounded up to the second.
    #[must_use]
    pub const fn end_from(self, start: Timestamp) -> Timestamp {
        let end = start.plus_seconds(self.seconds());
        if self.is_sub_minute() {
            end.rounded_up_to_second()
        } else {
            end.rounded_up_to_minute()
        }
    }
}

impl fmt::Display for AccessDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
            if self.seconds.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.seconds / unit);
            }
        }
        write!(f, "{}s", self.seconds)
    }
}

impl fmt::Debug for AccessDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccessDuration {
    type Err = AccessDurationError;

    fn from_str(text: &str) -> Result<Self, AccessDurationError> {
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or(AccessDurationError)?;
        let (count, unit) = text.split_at_checked(split).ok_or(AccessDurationError)?;
        // Six digits hold every duration up to 31 days in seconds with room to spare, and cannot overflow below.
        if count.is_empty() || count.len() > 7 || (count.len() > 1 && count.starts_with('0')) {
            return Err(AccessDurationError);
        }
        let unit_seconds: u32 = match unit {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" | "hr" => 3_600,
            "d" | "day" => 86_400,
            _ => return Err(AccessDurationError),
        };
        let count: u32 = count.parse().map_err(|_| AccessDurationError)?;
        count
            .checked_mul(unit_seconds)
            .and_then(Self::from_seconds)
            .ok_or(AccessDurationError)
    }
}

impl Serialize for AccessDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccessDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_list_reads_as_in_the_design() {
        let texts: Vec<String> = AccessDuration::DEFAULTS.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["30m", "1h", "2h", "6h", "12h", "1d", "2d"]);
    }

    #[test]
    fn long_forms_are_accepted_on_input_and_print_short() {
        for (text, short) in [
            ("1hr", "1h"),
            ("12hr", "12h"),
            ("24h", "1d"),
            ("90min", "90m"),
            ("60s", "1m"),
        ] {
            assert_eq!(text.parse::<AccessDuration>().unwrap().to_string(), short);
        }
    }

    #[test]
    fn oddities_are_refused() {
        for bad in [
            "",
            "h",
            "1",
            "-1h",
            "+1h",
            "1.5h",
            "01h",
            "0h",
            "1H",
            "P1D",
            "32d",
            "99999999999h",
            "1h ",
            "½h",
        ] {
            assert!(bad.parse::<AccessDuration>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ends_fall_on_whole_minutes_unless_the_duration_is_shorter_than_one() {
        let start = Timestamp::from_millis(61_500);
        let half_hour: AccessDuration = "30m".parse().unwrap();
        assert_eq!(half_hour.end_from(start), Timestamp::from_seconds(1_920));
        let five: AccessDuration = "5s".parse().unwrap();
        assert_eq!(five.end_from(start), Timestamp::from_seconds(67));
    }
}
