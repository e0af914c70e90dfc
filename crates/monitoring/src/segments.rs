//! Where predictions are worse than elsewhere: the parts of a window that are worth a look.

use serde::{Deserialize, Serialize};
use stats::{Levels, Moments, Ordered, adjusted_p_values, welch};

use crate::rows::{Column, Rows};
use crate::words;

/// Parts with fewer labelled rows are not judged.
const FEWEST: usize = 20;
/// So much worse than elsewhere matters.
const WORSE: f64 = 1.25;
/// Accepted share of false ones among the parts that are named.
const FALSE_DISCOVERY: f64 = 0.01;
/// How many values of a column of texts are parts.
const MOST_VALUES: usize = 20;

/// A part of a window in which predictions are clearly worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeakSegment {
    /// The column.
    pub column: String,
    /// Which of its values, in words.
    pub part: String,
    /// Labelled rows in it.
    pub rows: u64,
    /// Their mean absolute error.
    pub mae: f64,
    /// That of all others.
    pub elsewhere: f64,
    /// How much of the window's whole absolute error is its surplus over elsewhere.
    pub surplus_share: f64,
    /// Probability of such a difference by chance, over all parts of the window (Benjamini-Hochberg).
    pub adjusted_p_value: f64,
    /// In a sentence.
    pub words: String,
}

/// The parts in which errors are at least a quarter greater than elsewhere, for certain; the most costly first.
///
/// Every quarter of every column of numbers and every frequent text is tried; all tests are taken together.
#[must_use]
pub fn weak_segments(rows: &Rows) -> Vec<WeakSegment> {
    let errors: Vec<Option<f64>> = rows
        .predictions()
        .iter()
        .zip(rows.labels())
        .map(|(predicted, label)| Some(((*predicted)? - (*label)?).abs()).filter(|error| error.is_finite()))
        .collect();
    let whole: f64 = errors.iter().flatten().sum();
    let mut tried: Vec<(String, String, Vec<f64>, Vec<f64>)> = Vec::new();
    for (name, column) in rows.columns() {
        for (part, inside) in parts(column) {
            let pick = |wanted: bool| -> Vec<f64> {
                errors
                    .iter()
                    .zip(&inside)
                    .filter(|(_, inside)| **inside == wanted)
                    .filter_map(|(error, _)| *error)
                    .collect()
            };
            let (own, others) = (pick(true), pick(false));
            if own.len() >= FEWEST && others.len() >= FEWEST {
                tried.push((name.clone(), part, own, others));
            }
        }
    }
    let p_values: Vec<Option<f64>> = tried
        .iter()
        .map(|(_, _, own, others)| welch(&Moments::of(own), &Moments::of(others)).map(|test| test.p_value))
        .collect();
    let mut weak: Vec<WeakSegment> = tried
        .into_iter()
        .zip(adjusted_p_values(&p_values))
        .filter_map(|((column, part, own, others), p)| {
            let (mae, elsewhere) = (Moments::of(&own).mean, Moments::of(&others).mean);
            let adjusted_p_value = p.filter(|p| *p <= FALSE_DISCOVERY)?;
            (mae >= WORSE * elsewhere).then(|| {
                let surplus_share = (mae - elsewhere) * own.len() as f64 / whole.max(f64::MIN_POSITIVE);
                let words = format!(
                    "where `{column}` is {part} the error is {}, elsewhere {}; that is {} of all error",
                    words::number(mae),
                    words::number(elsewhere),
                    words::percent(surplus_share)
                );
                let rows = own.len() as u64;
                WeakSegment { column, part, rows, mae, elsewhere, surplus_share, adjusted_p_value, words }
            })
        })
        .collect();
    weak.sort_by(|left, right| right.surplus_share.total_cmp(&left.surplus_share));
    weak
}

fn parts(column: &Column) -> Vec<(String, Vec<bool>)> {
    match column {
        Column::Numbers(values) => {
            let cuts = Ordered::of(values.iter().flatten().copied()).cuts(4);
            let place = |value: Option<f64>| value.map(|value| cuts.partition_point(|cut| *cut < value));
            (0..=cuts.len())
                .map(|part| {
                    let (low, high) = (part.checked_sub(1).and_then(|at| cuts.get(at)), cuts.get(part));
                    let words = match (low, high) {
                        (None, Some(high)) => format!("at most {}", words::number(*high)),
                        (Some(low), Some(high)) => {
                            format!("{} to {}", words::number(*low), words::number(*high))
                        }
                        (Some(low), None) => format!("above {}", words::number(*low)),
                        (None, None) => "anything".to_owned(),
                    };
                    (words, values.iter().map(|value| place(*value) == Some(part)).collect())
                })
                .collect()
        }
        Column::Texts(values) => {
            let levels: Levels = values.iter().flatten().map(String::as_str).collect();
            let named = levels.top(MOST_VALUES).into_iter().map(|top| {
                let inside =
                    values.iter().map(|value| value.as_deref() == Some(top.value.as_str())).collect();
                (format!("`{}`", top.value), inside)
            });
            named.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn window(bad: &str) -> Rows {
        let rows = 600_usize;
        let times = (0..rows).map(|row| Timestamp::from_micros(row as i64)).collect();
        let region = |row: usize| ["north", "south", "east"][row % 3].to_owned();
        let noise = |row: usize| ((row * 7_919) % 101) as f64 / 101.0;
        let columns = vec![
            ("region".to_owned(), Column::Texts((0..rows).map(|row| Some(region(row))).collect())),
            ("size".to_owned(), Column::Numbers((0..rows).map(|row| Some(noise(row * 31))).collect())),
        ];
        let error = |row: usize| noise(row) * if region(row) == bad { 3.0 } else { 1.0 };
        Rows::new(times, columns)
            .unwrap()
            .with_predictions((0..rows).map(|row| Some(error(row))).collect())
            .unwrap()
            .with_labels(vec![Some(0.0); rows])
            .unwrap()
    }

    #[test]
    fn the_part_that_is_worse_is_found_and_no_other() {
        let weak = weak_segments(&window("south"));
        assert_eq!(weak.len(), 1, "{weak:?}");
        assert_eq!((weak[0].column.as_str(), weak[0].part.as_str()), ("region", "`south`"));
        assert!(weak_segments(&window("nowhere")).is_empty());
    }
}
