//! Values far outside of what training has seen.

use base::Timestamp;

use crate::report::RangeBreach;
use crate::rows::{Column, Reference, Rows};
use crate::spec::{MonitorSpec, ValueRangeRule};
use crate::stretch::StretchProfile;
use crate::words;

/// The columns of a window with values outside of what the rule accepts.
///
/// A column of which training saw one value only has no range to be outside of; drift watches it.
pub(crate) fn find_breaches(rule: &ValueRangeRule, rows: &Rows, reference: &Reference) -> Vec<RangeBreach> {
    rows.columns()
        .iter()
        .filter_map(|(name, column)| {
            let Column::Numbers(values) = column else { return None };
            Accepted::by(rule, reference.range(name)?)?.breach(name, values, rows.times())
        })
        .collect()
}

/// The columns of a profile that have values which the rule does not accept: their rows are worth reading.
#[must_use]
pub fn out_of_range(spec: &MonitorSpec, profile: &StretchProfile, reference: &Reference) -> Vec<String> {
    let Some(rule) = &spec.value_range else { return Vec::new() };
    profile
        .columns
        .iter()
        .filter_map(|(name, column)| {
            let numbers = column.numbers()?;
            let accepted = Accepted::by(rule, reference.range(name)?)?;
            let ends = [numbers.min, numbers.max];
            let out = ends.into_iter().flatten().any(|value| accepted.excess(value) > 0.0);
            (out || numbers.infinite > 0).then(|| name.clone())
        })
        .collect()
}

struct Accepted {
    min: f64,
    max: f64,
    low: f64,
    high: f64,
}

impl Accepted {
    fn by(rule: &ValueRangeRule, (min, max): (f64, f64)) -> Option<Self> {
        let beyond = (rule.factor - 1.0) * (max - min);
        (max > min).then_some(Self { min, max, low: min - beyond, high: max + beyond })
    }

    /// How far out a value is, in units of its limit's distance; 0 or less when it is accepted.
    fn excess(&self, value: f64) -> f64 {
        (value - self.high).max(self.low - value)
    }

    fn breach(&self, column: &str, values: &[Option<f64>], times: &[Timestamp]) -> Option<RangeBreach> {
        let out: Vec<(f64, Timestamp)> = values
            .iter()
            .zip(times)
            .filter_map(|(value, time)| Some(((*value)?, *time)))
            .filter(|(value, _)| self.excess(*value) > 0.0)
            .collect();
        let (value, at) =
            out.iter().copied().max_by(|left, right| self.excess(left.0).total_cmp(&self.excess(right.0)))?;
        let first = out.iter().map(|(_, time)| *time).min()?;
        let last = out.iter().map(|(_, time)| *time).max()?;
        let rows = out.len() as u64;
        let limit = if value > self.high { self.high } else { self.low };
        let words = self.words(column, value, at, rows, first, last);
        Some(RangeBreach {
            column: column.to_owned(),
            value,
            at,
            rows,
            first,
            last,
            training_min: self.min,
            training_max: self.max,
            limit,
            words,
        })
    }

    fn words(
        &self,
        column: &str,
        value: f64,
        at: Timestamp,
        rows: u64,
        first: Timestamp,
        last: Timestamp,
    ) -> String {
        let reached = words::number(value);
        let against = if value > self.high {
            let greatest = words::number(self.max);
            if self.max > 0.0 && value / self.max >= 2.0 {
                let ratio = words::times(value / self.max);
                format!(
                    "`{column}` reached {reached}, {ratio} the greatest value seen in training ({greatest})"
                )
            } else {
                format!("`{column}` reached {reached}; the greatest value seen in training was {greatest}")
            }
        } else {
            let least = words::number(self.min);
            format!("`{column}` fell to {reached}; the least value seen in training was {least}")
        };
        if rows == 1 {
            format!("{against}, in 1 row at {}", words::moment(at))
        } else {
            let (count, first, last) = (words::count(rows, "row"), words::moment(first), words::moment(last));
            format!("{against}, in {count} from {first} to {last}")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::Period;

    use super::*;
    use crate::spec::Severity;

    fn check(training: &[f64], window: &[f64], expected: &str) {
        let start = Timestamp::parse("2016-07-11 15:00:00").unwrap();
        let rows = |values: &[f64]| {
            let times = (0..values.len() as i64).map(|hour| start.plus(Period::from_hours(hour))).collect();
            let cells = values.iter().map(|value| Some(*value)).collect();
            Rows::new(times, vec![("rain_1h".into(), Column::Numbers(cells))]).unwrap()
        };
        let rule = ValueRangeRule { factor: 3.0, severity: Severity::Error };
        let reference = Reference::new(rows(training), BTreeMap::new());
        let words: Vec<String> =
            find_breaches(&rule, &rows(window), &reference).into_iter().map(|breach| breach.words).collect();
        assert_eq!(words.join("\n"), expected);
    }

    #[test]
    fn an_impossible_rain_is_told_with_its_ratio_and_its_time() {
        check(
            &[0.0, 55.63, 2.0],
            &[0.0, 1.0, 9831.3, 3.0],
            "`rain_1h` reached 9,831.3, 177 times the greatest value seen in training (55.63), \
             in 1 row at 2016-07-11 17:00",
        );
    }

    #[test]
    fn absolute_zero_is_below_everything_seen() {
        check(
            &[250.0, 310.0, 280.0],
            &[0.0, 290.0, 0.0],
            "`rain_1h` fell to 0; the least value seen in training was 250, \
             in 2 rows from 2016-07-11 15:00 to 2016-07-11 17:00",
        );
    }

    #[test]
    fn a_hot_day_is_accepted() {
        check(&[250.0, 310.0], &[316.0, 240.0], "");
        check(&[0.0, 0.0], &[4.0], "");
    }
}
