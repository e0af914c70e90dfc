//! The side of a window: its rows, or what was kept of them.

use stats::{Levels, Ordered, Profile, Sample, Values};

use crate::rows::{Column, Reference, Rows};
use crate::stretch::{PREDICTION, StretchProfile};

/// So many values of a window stand for all of them; up to here every one is there.
const MOST_VALUES: u64 = 20_000;

/// A window as drift looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    /// Its rows.
    pub(crate) rows: u64,
    /// The inputs by name, in order.
    pub(crate) columns: Vec<(String, CurrentColumn)>,
    /// What was predicted.
    pub(crate) predictions: CurrentColumn,
}

/// A column of a window.
#[derive(Debug, Clone)]
pub(crate) enum CurrentColumn {
    /// Numbers: the finite values or some that stand for them, how many rows that are, and how many are missing.
    Numbers { sample: Sample, rows: u64, missing: u64 },
    /// Texts with their counts, how many rows have one, and how many have none.
    Texts { levels: Levels, rows: u64, missing: u64 },
}

impl Current {
    pub(crate) fn of_rows(rows: &Rows) -> Self {
        let columns = rows.columns().iter();
        Self {
            rows: rows.len() as u64,
            columns: columns.map(|(name, column)| (name.clone(), CurrentColumn::of(column))).collect(),
            predictions: CurrentColumn::of_numbers(rows.predictions()),
        }
    }

    /// The columns of a profile in the order of the reference.
    pub(crate) fn of_profile(profile: &StretchProfile, reference: Option<&Reference>) -> Self {
        let column = |of: &Profile| CurrentColumn::of_profile(of, profile.rows);
        let mut columns: Vec<_> = profile.columns.iter().filter(|(name, _)| *name != PREDICTION).collect();
        if let Some(reference) = reference {
            let order = reference.rows().columns();
            columns.sort_by_key(|(name, _)| {
                order.iter().position(|(own, _)| own == *name).unwrap_or(usize::MAX)
            });
        }
        let columns = columns.into_iter();
        Self {
            rows: profile.rows,
            columns: columns.map(|(name, of)| (name.clone(), column(of))).collect(),
            predictions: profile
                .columns
                .get(PREDICTION)
                .map_or_else(|| CurrentColumn::of_numbers(&[]), column),
        }
    }
}

impl CurrentColumn {
    fn of(column: &Column) -> Self {
        match column {
            Column::Numbers(values) => Self::of_numbers(values),
            Column::Texts(values) => {
                let levels: Levels = values.iter().flatten().map(String::as_str).collect();
                let rows = values.iter().flatten().count() as u64;
                Self::Texts { levels, rows, missing: values.len() as u64 - rows }
            }
        }
    }

    fn of_numbers(values: &[Option<f64>]) -> Self {
        let sample = Sample::of_present(values);
        let rows = sample.len() as u64;
        Self::Numbers { sample, rows, missing: values.iter().filter(|value| value.is_none()).count() as u64 }
    }

    /// Rows that the profile of a column does not count came before the column was there: they lack it.
    fn of_profile(profile: &Profile, rows: u64) -> Self {
        let missing = profile.null + rows.saturating_sub(profile.rows);
        match &profile.values {
            Values::Numbers(numbers) => Self::Numbers {
                sample: standing_for(&numbers.ordered()),
                rows: numbers.moments.count,
                missing,
            },
            Values::Texts(texts) => {
                Self::Texts { levels: texts.levels.clone(), rows: texts.lengths.count, missing }
            }
        }
    }

    /// Rows without a value.
    pub(crate) const fn missing(&self) -> u64 {
        match self {
            Self::Numbers { missing, .. } | Self::Texts { missing, .. } => *missing,
        }
    }
}

/// The values that rows have, each as often as it occurs; of many rows, values at equal steps among them.
fn standing_for(ordered: &Ordered) -> Sample {
    let rows = ordered.count();
    if rows <= MOST_VALUES {
        let each = |(value, rows): (f64, u64)| std::iter::repeat_n(value, usize::try_from(rows).unwrap_or(0));
        return Sample::new(ordered.iter().flat_map(each));
    }
    let place = |step: u64| {
        u64::try_from(u128::from(step) * u128::from(rows - 1) / u128::from(MOST_VALUES - 1)).unwrap_or(0)
    };
    Sample::new((0..MOST_VALUES).filter_map(|step| ordered.at(place(step))))
}
