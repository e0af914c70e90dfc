//! A length of time as people write it: `90s`, `15m`, `2h`, `7d`, `8w`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in microseconds, written with one unit: `s`, `m`, `h`, `d` or `w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Period(i64);

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a length of time: expected a number and a unit, such as `15m`, `2h`, `7d` or `8w`")]
pub struct PeriodError {
    /// What was read.
    pub text: String,
}

const SECOND: i64 = 1_000_000;
const UNITS: [(&str, i64); 5] = [
    ("w", 7 * 86_400 * SECOND),
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
];

impl Period {
    /// A period of `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// A period of `hours` hours.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours.saturating_mul(3_600 * SECOND))
    }

    /// A period of `days` days of 24 hours.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self(days.saturating_mul(86_400 * SECOND))
    }

    /// The length in microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The length in hours, with its fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "display and ratios only")]
    pub fn as_hours(self) -> f64 {
        self.0 as f64 / (3_600 * SECOND) as f64
    }

    /// The length for waiting on a clock; nothing when negative.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        if self.0 <= 0 { Duration::ZERO } else { Duration::from_micros(self.0.unsigned_abs()) }
    }

    /// The length in words of its greatest units, such as `307 days` or `1 day 4 hours`.
    #[must_use]
    pub fn in_words(self) -> String {
        let hours = self.0.abs() / (3_600 * SECOND);
        let (days, rest) = (hours / 24, hours % 24);
        let count = |n: i64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        match (days, rest) {
            (0, 0) => count(self.0.abs() / (60 * SECOND), "minute"),
            (0, hours) => count(hours, "hour"),
            (days, 0) => count(days, "day"),
            (days, _) if days >= 14 => count(days, "day"),
            (days, hours) => format!("{} {}", count(days, "day"), count(hours, "hour")),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, length) in UNITS {
            if self.0 != 0 && self.0 % length == 0 {
                return write!(formatter, "{}{unit}", self.0 / length);
            }
        }
        write!(formatter, "{}s", self.0 / SECOND)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || PeriodError { text: text.to_owned() };
        let trimmed = text.trim();
        let (unit, length) = UNITS.iter().find(|(unit, _)| trimmed.ends_with(unit)).ok_or_else(wrong)?;
        let number = trimmed.strip_suffix(unit).ok_or_else(wrong)?.trim();
        let number: i64 = number.parse().map_err(|_| wrong())?;
        if number < 0 {
            return Err(wrong());
        }
        number.checked_mul(*length).map(Self).ok_or_else(wrong)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["90s", "15m", "2h", "10d", "8w"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_number_without_unit_is_refused() {
        assert!("15".parse::<Period>().is_err());
        assert!("-1d".parse::<Period>().is_err());
        assert!("99999999999999w".parse::<Period>().is_err());
    }

    #[test]
    fn words_keep_to_what_matters() {
        assert_eq!(Period::from_days(307).in_words(), "307 days");
        assert_eq!(Period::from_hours(28).in_words(), "1 day 4 hours");
        assert_eq!(Period::from_hours(1).in_words(), "1 hour");
    }
}
