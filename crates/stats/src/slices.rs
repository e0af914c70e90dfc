//! Parts of a table in which errors are clearly greater than elsewhere.

use serde::{Deserialize, Serialize};

use crate::{Levels, Moments, Ordered, adjusted_p_values, welch};

/// From when on a part is called weak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceLimits {
    /// Parts with fewer rows are not judged.
    pub fewest: usize,
    /// The mean error there is at least so many times that of all other rows.
    pub worse: f64,
    /// Accepted share of false ones among the parts that are named (Benjamini-Hochberg).
    pub false_discovery: f64,
    /// How many values of a column of texts are parts.
    pub most_values: usize,
}

impl Default for SliceLimits {
    fn default() -> Self {
        Self { fewest: 20, worse: 1.25, false_discovery: 0.01, most_values: 20 }
    }
}

/// A column whose parts are tried.
#[derive(Debug, Clone, Copy)]
pub enum SliceColumn<'a> {
    /// Numbers: each quarter of the rows is a part.
    Numbers(&'a [Option<f64>]),
    /// Texts: each frequent one is a part.
    Texts(&'a [Option<String>]),
}

/// Which rows of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Numbers above `low` (open when absent) and at most `high` (open when absent).
    Range {
        /// Below all of them.
        low: Option<f64>,
        /// The greatest.
        high: Option<f64>,
    },
    /// Rows with this text.
    Text(String),
}

/// A part in which errors are greater.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeakSlice {
    /// The column.
    pub column: String,
    /// Which of its rows.
    pub part: Part,
    /// Rows in it.
    pub rows: u64,
    /// Their mean error.
    pub mean: f64,
    /// That of all others.
    pub elsewhere: f64,
    /// How much of the whole error is its surplus over elsewhere.
    pub surplus_share: f64,
    /// Probability of such a difference by chance, all parts taken together (Benjamini-Hochberg).
    pub adjusted_p_value: f64,
}

/// The parts in which errors are greater than elsewhere for certain, the most costly first.
///
/// Every quarter of every column of numbers and every frequent text is tried by Welch's test; all tests are taken
/// together. Rows without a finite error are left out.
#[must_use]
pub fn weak_slices(
    errors: &[Option<f64>],
    columns: &[(&str, SliceColumn<'_>)],
    limits: &SliceLimits,
) -> Vec<WeakSlice> {
    let errors: Vec<Option<f64>> =
        errors.iter().map(|error| error.filter(|error| error.is_finite())).collect();
    let whole: f64 = errors.iter().flatten().sum();
    let mut tried: Vec<(&str, Part, Vec<f64>, Vec<f64>)> = Vec::new();
    for (name, column) in columns {
        for (part, inside) in parts(*column, limits) {
            let (mut own, mut others) = (Vec::new(), Vec::new());
            for (error, inside) in errors.iter().zip(inside) {
                if let Some(error) = error {
                    if inside { own.push(*error) } else { others.push(*error) }
                }
            }
            if own.len() >= limits.fewest && others.len() >= limits.fewest {
                tried.push((name, part, own, others));
            }
        }
    }
    let p_values: Vec<Option<f64>> = tried
        .iter()
        .map(|(_, _, own, others)| welch(&Moments::of(own), &Moments::of(others)).map(|test| test.p_value))
        .collect();
    let mut weak: Vec<WeakSlice> = tried
        .into_iter()
        .zip(adjusted_p_values(&p_values))
        .filter_map(|((column, part, own, others), p)| {
            let (mean, elsewhere) = (Moments::of(&own).mean, Moments::of(&others).mean);
            let adjusted_p_value = p.filter(|p| *p <= limits.false_discovery)?;
            (mean >= limits.worse * elsewhere).then(|| WeakSlice {
                column: column.to_owned(),
                part,
                rows: own.len() as u64,
                mean,
                elsewhere,
                surplus_share: (mean - elsewhere) * own.len() as f64 / whole.max(f64::MIN_POSITIVE),
                adjusted_p_value,
            })
        })
        .collect();
    weak.sort_by(|left, right| right.surplus_share.total_cmp(&left.surplus_share));
    weak
}

/// The parts of a column, each with whether a row is in it.
#[must_use]
pub fn parts(column: SliceColumn<'_>, limits: &SliceLimits) -> Vec<(Part, Vec<bool>)> {
    match column {
        SliceColumn::Numbers(values) => {
            let cuts = Ordered::of(values.iter().flatten().copied()).cuts(4);
            let place = |value: Option<f64>| {
                value.filter(|value| !value.is_nan()).map(|value| cuts.partition_point(|cut| *cut < value))
            };
            (0..=cuts.len())
                .map(|part| {
                    let low = part.checked_sub(1).and_then(|at| cuts.get(at)).copied();
                    let inside = values.iter().map(|value| place(*value) == Some(part)).collect();
                    (Part::Range { low, high: cuts.get(part).copied() }, inside)
                })
                .collect()
        }
        SliceColumn::Texts(values) => {
            let levels: Levels = values.iter().flatten().map(String::as_str).collect();
            let named = levels.top(limits.most_values).into_iter().map(|top| {
                let inside =
                    values.iter().map(|value| value.as_deref() == Some(top.value.as_str())).collect();
                (Part::Text(top.value), inside)
            });
            named.collect()
        }
    }
}
