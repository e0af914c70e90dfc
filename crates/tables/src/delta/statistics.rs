//! What the log says about the values in a data file: files that cannot matter are not opened.

use base::Timestamp;
use serde_json::{Map, Value};

use crate::Range;

/// The log keeps times to the millisecond, cut off; a value may be later by less than this.
const TIME_SLACK_US: i64 = 1_000;

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
        if self.rows.is_some() && self.missing.get(column).and_then(Value::as_u64) == self.rows {
            return false;
        }
        let (Some(smallest), Some(largest)) = (
            self.smallest.get(column).and_then(Value::as_str),
            self.largest.get(column).and_then(Value::as_str),
        ) else {
            return true;
        };
        match range {
            Range::Time { from, to } => match (Timestamp::parse(smallest), Timestamp::parse(largest)) {
                (Ok(smallest), Ok(largest)) => {
                    smallest.as_micros() < *to && largest.as_micros().saturating_add(TIME_SLACK_US) > *from
                }
                _ => true,
            },
            // Long words may be cut in the log: what begins alike may lie inside.
            Range::Text { first, last } => {
                smallest <= last.as_str() && (largest >= first.as_str() || first.starts_with(largest))
            }
        }
    }

    /// The latest time in a column as the log has it; the real one is later by less than a millisecond.
    pub(crate) fn latest(&self, column: &str) -> Option<i64> {
        let largest = self.largest.get(column)?.as_str()?;
        Timestamp::parse(largest).ok().map(Timestamp::as_micros)
    }
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
    }
}
