//! What the log says about the values in a data file: files that cannot matter are not opened.

use base::Timestamp;
use serde_json::{Map, Value};

use crate::Range;

/// The log keeps times to the millisecond, cut off; a value may be later by less than this.
pub(super) const TIME_SLACK_US: i64 = 1_000;

/// The smallest and largest values of the columns of one file, as the log has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statistics {
    rows: Option<u64>,
    smallest: Map<String, Value>,
    largest: Map<String, Value>,
    missing: Map<String, Value>,
}

impl Statistics {
    pub(crate) fn read(json: Option<&str>) -> Self {
        let Some(Ok(Value::Object(mut all))) = json.map(serde_json::from_str::<Value>) else {
            return Self::default();
        };
        let mut part = |name: &str| match all.remove(name) {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        };
        let (smallest, largest, missing) = (part("minValues"), part("maxValues"), part("nullCount"));
        Self { rows: all.get("numRecords").and_then(Value::as_u64), smallest, largest, missing }
    }

    /// Whether a row of the file may lie in the range; `true` wherever the log does not say.
    pub(crate) fn may_hold(&self, column: &str, range: &Range) -> bool {
        if self.all_missing(column) {
            return false;
        }
        match self.ends(column) {
            None => true,
            Some((smallest, largest)) => match range {
                Range::Time { .. } => times(smallest, largest).is_none_or(|times| times.may_hold(range)),
                Range::Text { first, last } => words_may_hold((smallest, largest), (first, last)),
            },
        }
    }

    /// Between what the values of one column lie, to be kept without the others.
    pub(crate) fn bounds(&self, column: &str) -> Bounds {
        if self.all_missing(column) {
            return Bounds::Nothing;
        }
        match self.ends(column) {
            None => Bounds::Unknown,
            Some((smallest, largest)) => times(smallest, largest)
                .unwrap_or_else(|| Bounds::Words { smallest: smallest.into(), largest: largest.into() }),
        }
    }

    fn all_missing(&self, column: &str) -> bool {
        self.rows.is_some() && self.missing.get(column).and_then(Value::as_u64) == self.rows
    }

    fn ends(&self, column: &str) -> Option<(&str, &str)> {
        self.smallest.get(column)?.as_str().zip(self.largest.get(column)?.as_str())
    }

    /// The earliest time in a column as the log has it; the real one is later by less than a millisecond.
    pub(crate) fn earliest(&self, column: &str) -> Option<i64> {
        let smallest = self.smallest.get(column)?.as_str()?;
        Timestamp::parse(smallest).ok().map(Timestamp::as_micros)
    }

    /// The latest time in a column as the log has it; the real one is later by less than a millisecond.
    pub(crate) fn latest(&self, column: &str) -> Option<i64> {
        let largest = self.largest.get(column)?.as_str()?;
        Timestamp::parse(largest).ok().map(Timestamp::as_micros)
    }
}

/// Between what the values of a column of a file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// The log does not say.
    Unknown,
    /// There is no value.
    Nothing,
    /// Microseconds: no value is less than the first, or as great as the second.
    Times { from: i64, before: i64, words: Box<[Box<str>; 2]> },
    /// The smallest value; the largest, or what it begins with.
    Words { smallest: Box<str>, largest: Box<str> },
}

impl Bounds {
    /// Whether a value in the range may be there.
    pub(crate) fn may_hold(&self, range: &Range) -> bool {
        match (self, range) {
            (Self::Unknown, _) => true,
            (Self::Nothing, _) => false,
            (Self::Times { from, before, .. }, Range::Time { from: begin, to }) => {
                from < to && before > begin
            }
            // A column of words may hold times in words.
            (Self::Times { words, .. }, Range::Text { first, last }) => {
                words_may_hold((&words[0], &words[1]), (first, last))
            }
            (Self::Words { smallest, largest }, Range::Text { first, last }) => {
                words_may_hold((smallest, largest), (first, last))
            }
            (Self::Words { .. }, Range::Time { .. }) => true,
        }
    }
}

/// Bounds of times as the log writes them; `None` if they are no times.
fn times(smallest: &str, largest: &str) -> Option<Bounds> {
    let (from, last) = (Timestamp::parse(smallest).ok()?, Timestamp::parse(largest).ok()?);
    let before = last.as_micros().saturating_add(TIME_SLACK_US);
    Some(Bounds::Times { from: from.as_micros(), before, words: Box::new([smallest.into(), largest.into()]) })
}

/// Long words may be cut in the log: what begins alike may lie inside.
fn words_may_hold((smallest, largest): (&str, &str), (first, last): (&str, &str)) -> bool {
    smallest <= last && (largest >= first || first.starts_with(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_skipped_only_when_the_log_proves_it() {
        let json = r#"{"numRecords":2,"minValues":{"at":"2020-01-01T00:00:00.000Z","id":"b"},
            "maxValues":{"at":"2020-01-02T00:00:00.000Z","id":"d"},"nullCount":{"at":0,"id":0,"gone":2}}"#;
        let file = Statistics::read(Some(json));
        let time = |from: &str, to: &str| Range::Time {
            from: Timestamp::parse(from).unwrap().as_micros(),
            to: Timestamp::parse(to).unwrap().as_micros(),
        };
        let text = |first: &str, last: &str| Range::Text { first: first.into(), last: last.into() };
        assert!(file.may_hold("at", &time("2019-01-01", "2020-01-01T00:00:00.000001Z")));
        assert!(!file.may_hold("at", &time("2019-01-01", "2020-01-01")));
        assert!(file.may_hold("at", &time("2020-01-02T00:00:00.000999Z", "2021-01-01")));
        assert!(!file.may_hold("at", &time("2020-01-02T00:00:00.001Z", "2021-01-01")));
        assert!(file.may_hold("id", &text("a", "b")) && file.may_hold("id", &text("d", "z")));
        assert!(!file.may_hold("id", &text("e", "z")) && !file.may_hold("id", &text("A", "Z")));
        assert!(!file.may_hold("gone", &text("a", "z")));
        assert!(file.may_hold("unknown", &text("a", "z")));
        assert!(Statistics::read(None).may_hold("at", &time("2019-01-01", "2019-01-02")));
        // Bounds that are kept of one column say the same.
        for range in [
            time("2019-01-01", "2020-01-01"),
            time("2020-01-02T00:00:00.000999Z", "2021-01-01"),
            text("d", "z"),
            text("e", "z"),
        ] {
            for column in ["at", "id", "gone", "unknown"] {
                assert_eq!(
                    file.bounds(column).may_hold(&range),
                    file.may_hold(column, &range),
                    "{column} {range:?}"
                );
            }
        }
    }
}
