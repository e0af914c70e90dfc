//! A moment in UTC, to the microsecond.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Period;

/// A moment in UTC, counted in microseconds since 1970-01-01T00:00:00Z.
///
/// Serialises as an RFC 3339 string with a `Z`, and reads any RFC 3339 offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is no moment in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time: expected `2026-01-31`, `2026-01-31 08:00:00` or `2026-01-31T08:00:00Z`")]
pub struct TimeError {
    /// What was read.
    pub text: String,
}

impl Timestamp {
    /// The moment `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The moment `millis` milliseconds after the epoch; saturates at the ends of time.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads a date, a naive date and time (taken as UTC) or an RFC 3339 time.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(moment.timestamp_micros()));
        }
        for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
            if let Ok(moment) = NaiveDateTime::parse_from_str(text, format) {
                return Ok(Self(moment.and_utc().timestamp_micros()));
            }
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .map(|moment| Self(moment.and_utc().timestamp_micros()))
            .ok_or_else(|| TimeError { text: text.to_owned() })
    }

    /// This moment later by `period`; saturates at the ends of time.
    #[must_use]
    pub const fn plus(self, period: Period) -> Self {
        Self(self.0.saturating_add(period.as_micros()))
    }

    /// This moment earlier by `period`; saturates at the ends of time.
    #[must_use]
    pub const fn minus(self, period: Period) -> Self {
        Self(self.0.saturating_sub(period.as_micros()))
    }

    /// The time from `earlier` to this moment; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Period {
        Period::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The start of the window of length `window` that holds this moment. Windows are
    /// counted from Monday 1970-01-05, so weeks begin on Mondays.
    #[must_use]
    pub const fn window_start(self, window: Period) -> Self {
        const FIRST_MONDAY: i64 = 4 * 86_400 * 1_000_000;
        let length = if window.as_micros() > 0 { window.as_micros() } else { 1 };
        let offset = self.0.saturating_sub(FIRST_MONDAY).rem_euclid(length);
        Self(self.0.saturating_sub(offset))
    }

    /// The day of the year, 1 to 366.
    #[must_use]
    pub fn day_of_year(self) -> u32 {
        self.date_time().ordinal()
    }

    /// The hour of the day, 0 to 23.
    #[must_use]
    pub fn hour(self) -> u32 {
        self.date_time().hour()
    }

    /// The date alone, such as `2026-01-31`.
    #[must_use]
    pub fn date(self) -> String {
        self.date_time().format("%Y-%m-%d").to_string()
    }

    fn date_time(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.date_time().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
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
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_as_utc() {
        let midnight = Timestamp::parse("2013-10-02").unwrap();
        assert_eq!(midnight, Timestamp::parse("2013-10-02 00:00:00").unwrap());
        assert_eq!(midnight, Timestamp::parse("2013-10-02T02:00:00+02:00").unwrap());
        assert_eq!(midnight.to_string(), "2013-10-02T00:00:00Z");
    }

    #[test]
    fn nonsense_is_named_in_the_error() {
        let error = Timestamp::parse("yesterday").unwrap_err();
        assert!(error.to_string().contains("`yesterday`"));
    }

    #[test]
    fn weekly_windows_begin_on_monday() {
        let wednesday = Timestamp::parse("2013-10-02 09:30:00").unwrap();
        assert_eq!(wednesday.window_start(Period::from_days(7)).date(), "2013-09-30");
    }
}
