//! When moves may be carried out: weekly windows, and stretches of time in which nothing moves. All in UTC.

use std::fmt;

use base::{Period, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MINUTE_US: i64 = 60 * 1_000_000;
const DAY_MINUTES: i64 = 24 * 60;
/// How many times a search for the next opening goes on; each goes past a freeze or to a window.
const MOST_TURNS: usize = 250;

/// A part of some days of the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days.
    pub days: Vec<Day>,
    /// From when on.
    pub from: TimeOfDay,
    /// Until when; the minute itself does not belong to it.
    pub until: TimeOfDay,
}

/// A stretch of time in which nothing moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Minutes since midnight, written `08:30`; `24:00` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(i64);

impl TimeOfDay {
    /// Reads `08:30`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |digits: &str| {
            (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| digits.parse::<i64>().ok())?
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(Self(hours * 60 + minutes))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("`{text}` is no time of day; write `08:30`"));
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// Minutes since the Monday before.
fn minute_of_week(at: Timestamp) -> i64 {
    let monday = at.window_start(Period::from_days(7));
    (at.as_micros() - monday.as_micros()) / MINUTE_US
}

/// Whether one of the windows is open; without any, all of time is.
pub(super) fn is_open(windows: &[Window], at: Timestamp) -> bool {
    let minute = minute_of_week(at);
    windows.is_empty() || spans(windows).any(|(from, until)| (from..until).contains(&minute))
}

/// Each window of each day, in minutes of the week.
fn spans(windows: &[Window]) -> impl Iterator<Item = (i64, i64)> {
    windows.iter().flat_map(|window| {
        window.days.iter().map(|day| {
            let midnight = *day as i64 * DAY_MINUTES;
            (midnight + window.from.0, midnight + window.until.0)
        })
    })
}

/// The first moment from `at` on at which a window is open and nothing is frozen.
pub(super) fn next_opening(windows: &[Window], freezes: &[Freeze], at: Timestamp) -> Option<Timestamp> {
    let mut at = at;
    for _ in 0..MOST_TURNS {
        if let Some(freeze) = freezes.iter().find(|freeze| freeze.from <= at && at < freeze.until) {
            at = freeze.until;
        } else if is_open(windows, at) {
            return Some(at);
        } else {
            let minute = minute_of_week(at);
            let week = 7 * DAY_MINUTES;
            let wait = spans(windows).map(|(from, _)| (from - minute).rem_euclid(week)).min()?;
            let monday = at.window_start(Period::from_days(7));
            let wait = if wait == 0 { week } else { wait };
            at = Timestamp::from_micros(monday.as_micros() + (minute + wait) * MINUTE_US);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn office() -> Vec<Window> {
        let time = |text| TimeOfDay::parse(text).unwrap();
        vec![Window { days: vec![Day::Mon, Day::Thu], from: time("08:00"), until: time("16:30") }]
    }

    #[test]
    fn a_window_is_open_on_its_days_between_its_times() {
        // 2026-11-23 is a Monday.
        for (moment, open) in [
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T07:59:59Z", false),
            ("2026-11-23T16:29:59Z", true),
            ("2026-11-23T16:30:00Z", false),
            ("2026-11-24T09:00:00Z", false),
            ("2026-11-26T09:00:00Z", true),
        ] {
            assert_eq!(is_open(&office(), at(moment)), open, "{moment}");
        }
        assert!(is_open(&[], at("2026-11-24T03:00:00Z")));
    }

    #[test]
    fn the_next_opening_lies_behind_freezes() {
        let freeze =
            Freeze { from: at("2026-11-26"), until: at("2026-11-30T12:00:00Z"), reason: String::new() };
        for (moment, freezes, opens) in [
            ("2026-11-23T09:00:00Z", vec![], "2026-11-23T09:00:00Z"),
            ("2026-11-23T17:00:00Z", vec![], "2026-11-26T08:00:00Z"),
            ("2026-11-27T17:00:00Z", vec![], "2026-11-30T08:00:00Z"),
            ("2026-11-23T17:00:00Z", vec![freeze], "2026-11-30T12:00:00Z"),
        ] {
            assert_eq!(next_opening(&office(), &freezes, at(moment)), Some(at(opens)), "{moment}");
        }
    }

    #[test]
    fn times_of_day_are_written_with_two_digits() {
        assert_eq!(TimeOfDay::parse("24:00").unwrap().to_string(), "24:00");
        for wrong in ["8:00", "08:60", "24:01", "0800", "+8:00", "08:00:00"] {
            assert_eq!(TimeOfDay::parse(wrong), None, "{wrong}");
        }
    }
}
