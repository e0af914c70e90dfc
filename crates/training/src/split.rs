//! Splits rows by time, never by chance.

use base::{Period, Timestamp};

use crate::Error;

/// Rows to train on and later rows to evaluate on, each in time order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The earlier rows, by their place in the table.
    pub train: Vec<usize>,
    /// The later rows.
    pub evaluation: Vec<usize>,
    /// Evaluation rows are later than this.
    pub cut: Timestamp,
}

/// Holds out the rows of the last `last` before and up to the newest row. Rows of one moment stay
/// together; rows may come in any order. Fails when one side would be empty.
pub fn split_by_time(times: &[Timestamp], last: Period) -> Result<Split, Error> {
    let empty = |purpose| Error::EmptySplit { last: last.in_words(), rows: times.len(), purpose };
    let Some(newest) = times.iter().max() else { return Err(empty("train on")) };
    let cut = newest.minus(last);
    let mut rows: Vec<usize> = (0..times.len()).collect();
    rows.sort_by_key(|row| times.get(*row).copied());
    let (train, evaluation): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| times.get(*row).is_some_and(|time| *time <= cut));
    if train.is_empty() {
        return Err(empty("train on"));
    }
    if evaluation.is_empty() {
        return Err(empty("evaluate on"));
    }
    Ok(Split { train, evaluation, cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: &[i64]) -> Vec<Timestamp> {
        hours.iter().map(|hour| Timestamp::from_millis(hour * 3_600_000)).collect()
    }

    #[test]
    fn the_last_hours_are_held_out_in_order() {
        let split = split_by_time(&hours(&[5, 1, 4, 2, 3, 4]), Period::from_hours(2)).unwrap();
        assert_eq!((split.train, split.evaluation), (vec![1, 3, 4], vec![2, 5, 0]));
    }

    #[test]
    fn an_empty_side_is_an_error() {
        let error = split_by_time(&hours(&[1, 2]), Period::from_days(7)).unwrap_err();
        assert!(error.to_string().ends_with("leaves nothing to train on"), "{error}");
        let error = split_by_time(&hours(&[1, 2]), Period::from_micros(0)).unwrap_err();
        assert!(error.to_string().ends_with("leaves nothing to evaluate on"), "{error}");
        assert!(split_by_time(&[], Period::from_days(7)).is_err());
    }
}
