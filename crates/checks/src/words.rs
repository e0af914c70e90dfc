//! Results as sentences.

use base::{Period, Timestamp};
use serde_json::Value;

use crate::check::{Check, CheckKind, Form, Measure, Order};
use crate::verdict::SampleRow;

/// A count with commas between its thousands.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut words = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// A figure with at most six digits that matter, and no needless zeros.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".into();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a small whole number"
    )]
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let whole = count(value.abs() as u64);
        return if value < 0.0 { format!("-{whole}") } else { whole };
    }
    if value.abs() >= 1e6 || value.abs() < 1e-3 {
        return format!("{value:.4e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A moment without what says nothing: no fraction of a second, no midnight.
fn moment(at: &str) -> String {
    let text = Timestamp::parse(at).map_or_else(|_| at.to_owned(), |at| at.to_string());
    text.trim_end_matches('Z').trim_end_matches("T00:00:00").replace('T', " ")
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "missing".into(),
        Value::String(text) if text.is_empty() => "empty".into(),
        Value::String(text) if text.chars().count() > 60 => {
            format!("`{}…`", text.chars().take(60).collect::<String>())
        }
        Value::String(text) if Timestamp::parse(text).is_ok() => moment(text),
        Value::String(text) => format!("`{text}`"),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), figure),
        other => other.to_string(),
    }
}

/// What was to be found.
pub(crate) fn expected(check: &Check) -> String {
    let words = match &check.kind {
        CheckKind::NotNull { .. } => "no value missing".to_owned(),
        CheckKind::IsNull { .. } => "every value missing".to_owned(),
        CheckKind::Between { bounds, .. } => bounds.to_string(),
        CheckKind::InSet { values, .. } => format!("one of {}", some(values)),
        CheckKind::NotInSet { values, .. } => format!("none of {}", some(values)),
        CheckKind::Matches { pattern, .. } => format!("a match of `{pattern}`"),
        CheckKind::NotMatches { pattern, .. } => format!("no match of `{pattern}`"),
        CheckKind::Length { bounds, .. } => format!("{bounds} characters"),
        CheckKind::Compare { left, operator, right } => format!("`{left}` {} `{right}`", operator.sign()),
        CheckKind::MaxAge { age, .. } => format!("not longer ago than {}", age.in_words()),
        CheckKind::Unique { .. } => "no two rows alike".to_owned(),
        CheckKind::Ordered { order, .. } => ordered(*order).to_owned(),
        CheckKind::ColumnsExist { columns } => format!("columns {}", columns.join(", ")),
        CheckKind::OfType { of_type, .. } => of_type.to_string(),
        CheckKind::RowCount { bounds } => format!("{bounds} rows"),
        CheckKind::Freshness { age, .. } => format!("newest at most {} ago", age.in_words()),
        CheckKind::Measured { measure, bounds, .. } => format!("{} {bounds}", measure_words(*measure)),
        CheckKind::Sql { .. } => "no rows".to_owned(),
        CheckKind::Quantile { at, bounds, .. } => format!("quantile {at} {bounds}"),
        CheckKind::ZScore { below, .. } => {
            format!("less than {} standard deviations from the mean", figure(*below))
        }
        CheckKind::Parses { form: Form::Json, .. } => "JSON".to_owned(),
        CheckKind::Parses { form: Form::Time(format), .. } => format!("a time as `{format}`"),
        CheckKind::RowSum { columns, bounds } => format!("`{}` {bounds}", columns.join("` + `")),
        CheckKind::PairInSet { values, .. } => {
            let pairs: Vec<String> = values.iter().map(|(one, other)| format!("({one}, {other})")).collect();
            format!("one of {}", some(&pairs))
        }
        CheckKind::DistinctValues { values, exactly, .. } => {
            format!("{} {}", if *exactly { "exactly the values" } else { "all of" }, some(values))
        }
        CheckKind::MostCommon { values, .. } => format!("one of {}", some(values)),
        CheckKind::ColumnsAre { columns, in_order } => {
            format!("columns {}{}", some(columns), if *in_order { " in this order" } else { "" })
        }
        CheckKind::ColumnCount { bounds } => format!("{bounds} columns"),
        CheckKind::Shape { columns, .. } => format!("{} columns of known types", columns.len()),
        CheckKind::OfTypes { of_types, .. } => {
            of_types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
        }
        CheckKind::References { source, .. } => format!("every key in `{source}`"),
        CheckKind::RowsAsIn { source, bounds } => format!("{bounds} times the rows of `{source}`"),
        CheckKind::Volume { bounds } => format!("{bounds} times the usual rows"),
        CheckKind::Drift { against, at_most, .. } => {
            format!("at most {at_most} columns drifted, against {against}")
        }
    };
    if check.mostly < 1.0 {
        format!("{words}, for at least {} % of the rows", figure(check.mostly * 100.0))
    } else {
        words
    }
}

const fn ordered(order: Order) -> &'static str {
    match (order.rising, order.strictly) {
        (true, false) => "never falling",
        (true, true) => "rising",
        (false, false) => "never rising",
        (false, true) => "falling",
    }
}

pub(crate) const fn measure_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Min => "least value",
        Measure::Max => "greatest value",
        Measure::Mean => "mean",
        Measure::Median => "median",
        Measure::Stdev => "standard deviation",
        Measure::Sum => "sum",
        Measure::Distinct => "number of different values",
        Measure::UniqueShare => "share of different values",
        Measure::NullShare => "share of missing values",
    }
}

fn some<T: std::fmt::Display>(values: &[T]) -> String {
    let mut words: Vec<String> = values.iter().take(12).map(ToString::to_string).collect();
    if values.len() > 12 {
        words.push(format!("… ({} in all)", values.len()));
    }
    words.join(", ")
}

/// What the failing rows have, from the first of them: `` `temp` is 0 at 2014-01-31 03:00:00 (row 11,899)``.
pub(crate) fn failing(check: &Check, sample: &[SampleRow], time_column: Option<&str>) -> String {
    let Some(first) = sample.first() else { return String::new() };
    // A missing value fails `not_null` only; elsewhere an absent one is a number that JSON cannot hold.
    let missing_counts = matches!(check.kind, CheckKind::NotNull { .. });
    let of = |row: &SampleRow, column: &str| match row.values.get(column) {
        Some(Value::Null) | None if !missing_counts => "not a number".to_owned(),
        found => value(found.unwrap_or(&Value::Null)),
    };
    let is = |column: &str| {
        let mut found: Vec<String> = Vec::new();
        for row in sample {
            let word = of(row, column);
            if !found.contains(&word) {
                found.push(word);
            }
        }
        let more = if found.len() > 3 { ", …" } else { "" };
        found.truncate(3);
        format!("`{column}` is {}{more}", found.join(", "))
    };
    let what = match &check.kind {
        CheckKind::Compare { left, right, .. } => {
            format!("`{left}` is {} and `{right}` is {}", of(first, left), of(first, right))
        }
        CheckKind::PairInSet { left, right, .. } => {
            format!("`{left}` is {} and `{right}` is {}", of(first, left), of(first, right))
        }
        CheckKind::RowSum { columns, .. } => {
            let parts: Vec<String> =
                columns.iter().map(|column| format!("`{column}` is {}", of(first, column))).collect();
            parts.join(", ")
        }
        CheckKind::References { columns, source, .. } => {
            let key: Vec<String> = columns.iter().map(|column| of(first, column)).collect();
            format!("the key is not in `{source}`, such as {}", key.join(", "))
        }
        CheckKind::Unique { columns } => {
            let key: Vec<String> = columns.iter().map(|column| of(first, column)).collect();
            format!("the key of an earlier row is there again, such as {}", key.join(", "))
        }
        CheckKind::Ordered { column, order } => {
            let does = match (order.rising, order.strictly) {
                (true, false) => "falls to",
                (true, true) => "does not rise at",
                (false, false) => "rises to",
                (false, true) => "does not fall at",
            };
            format!("`{column}` {does} {}", of(first, column))
        }
        kind => match kind.columns().first() {
            Some(column) => is(column),
            None => String::new(),
        },
    };
    let time = time_column
        .filter(|time| !check.columns().contains(time))
        .and_then(|time| first.values.get(time)?.as_str())
        .map(|at| format!(", first at {}", moment(at)));
    format!("{what}{} (row {})", time.unwrap_or_default(), count(first.row))
}

/// How long before `now` something was.
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    let micros = now.as_micros().saturating_sub(at.as_micros());
    let length = Period::from_micros(micros).in_words();
    if micros < 0 { format!("{length} from now") } else { format!("{length} ago") }
}

/// A moment for people.
pub(crate) fn at(at: Timestamp) -> String {
    moment(&at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_figures_read_well() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        let figures = [0.0, -1234.0, 0.25, 271.320_01, 9831.3, 1.0e-7, 12_345_678.9, f64::NAN].map(figure);
        assert_eq!(
            figures,
            ["0", "-1,234", "0.25", "271.32", "9831.3", "1.0000e-7", "1.2346e7", "not a number"]
        );
    }

    #[test]
    fn moments_lose_what_says_nothing() {
        assert_eq!(moment("2014-01-31T03:00:00Z"), "2014-01-31 03:00:00");
        assert_eq!(moment("2014-01-31T00:00:00Z"), "2014-01-31");
        assert_eq!(moment("2014-01-31T00:00:00.5Z"), "2014-01-31 00:00:00.500");
    }
}
