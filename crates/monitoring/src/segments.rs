//! Where predictions are worse than elsewhere: the parts of a window that are worth a look.

use serde::{Deserialize, Serialize};
use stats::{Part, SliceColumn, SliceLimits, WeakSlice, weak_slices};

use crate::rows::{Column, Rows};
use crate::words;

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
        .map(|(predicted, label)| Some(((*predicted)? - (*label)?).abs()))
        .collect();
    let columns: Vec<(&str, SliceColumn<'_>)> = rows
        .columns()
        .iter()
        .map(|(name, column)| {
            let column = match column {
                Column::Numbers(values) => SliceColumn::Numbers(values),
                Column::Texts(values) => SliceColumn::Texts(values),
            };
            (name.as_str(), column)
        })
        .collect();
    weak_slices(&errors, &columns, &SliceLimits::default()).into_iter().map(told).collect()
}

fn told(weak: WeakSlice) -> WeakSegment {
    let WeakSlice { column, part, rows, mean: mae, elsewhere, surplus_share, adjusted_p_value } = weak;
    let part = match part {
        Part::Text(text) => format!("`{text}`"),
        Part::Range { low: None, high: Some(high) } => format!("at most {}", words::number(high)),
        Part::Range { low: Some(low), high: Some(high) } => {
            format!("{} to {}", words::number(low), words::number(high))
        }
        Part::Range { low: Some(low), high: None } => format!("above {}", words::number(low)),
        Part::Range { low: None, high: None } => "anything".to_owned(),
    };
    let words = format!(
        "where `{column}` is {part} the error is {}, elsewhere {}; that is {} of all error",
        words::number(mae),
        words::number(elsewhere),
        words::percent(surplus_share)
    );
    WeakSegment { column, part, rows, mae, elsewhere, surplus_share, adjusted_p_value, words }
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
