//! One column of one side of a comparison, gathered from a stream.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::levels::TopValue;
use crate::moments::Moments;
use crate::ordered::{Gathering, Ordered};
use crate::sketch::DistinctSketch;

/// How many different texts are counted exactly when nothing else is said.
pub const EXACT_TEXTS: usize = 1 << 16;

/// The shares at which quantiles are shown.
const SHOWN: [f64; 11] = [0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0];

/// How many values and texts are kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// Everything: memory grows with the rows.
    Everything,
    /// So many numbers and so many different texts; beyond that, sketches with a known error.
    UpTo {
        /// Numbers of a column.
        values: usize,
        /// Different texts of a column.
        texts: usize,
    },
}

impl Default for Exactness {
    fn default() -> Self {
        Self::UpTo { values: crate::ordered::EXACT_VALUES, texts: EXACT_TEXTS }
    }
}

/// A column of numbers being gathered.
#[derive(Debug, Clone)]
pub struct NumberGathering {
    limit: Option<usize>,
    column: NumberColumn,
    ordered: Gathering,
    pending: Vec<f64>,
    distinct: Option<DistinctSketch>,
}

/// A column of numbers that was gathered.
#[derive(Debug, Clone, Default)]
pub struct NumberColumn {
    /// Rows without a value.
    pub null: u64,
    /// Rows that are not a number.
    pub nan: u64,
    /// Rows that are infinite; they and NaN are in no figure below.
    pub infinite: u64,
    /// Rows that are zero.
    pub zero: u64,
    /// Rows below zero.
    pub negative: u64,
    /// Least finite value.
    pub min: Option<f64>,
    /// Greatest finite value.
    pub max: Option<f64>,
    /// Mean and spread of the finite values.
    pub moments: Moments,
    /// The finite values in order.
    pub ordered: Ordered,
    /// Number of different values: exact, or within about 1.6 %.
    pub distinct: f64,
}

impl NumberGathering {
    /// Begins an empty column.
    #[must_use]
    pub fn new(exactness: Exactness) -> Self {
        let limit = match exactness {
            Exactness::Everything => None,
            Exactness::UpTo { values, .. } => Some(values),
        };
        Self {
            limit,
            column: NumberColumn::default(),
            ordered: Gathering::new(limit),
            pending: Vec::new(),
            distinct: None,
        }
    }

    /// Adds rows: the values that are there, and how many are missing.
    pub fn add(&mut self, values: &[f64], missing: u64) {
        self.column.null += missing;
        self.pending.clear();
        for value in values.iter().copied() {
            if value.is_finite() {
                self.column.zero += u64::from(value == 0.0);
                self.column.negative += u64::from(value < 0.0);
                self.pending.push(value);
            } else if value.is_nan() {
                self.column.nan += 1;
            } else {
                self.column.infinite += 1;
            }
        }
        let least = self.pending.iter().copied().reduce(f64::min);
        let most = self.pending.iter().copied().reduce(f64::max);
        self.column.min = self.column.min.into_iter().chain(least).reduce(f64::min);
        self.column.max = self.column.max.into_iter().chain(most).reduce(f64::max);
        self.column.moments = self.column.moments.merged(&Moments::of(&self.pending));
        let reached = self.column.moments.count;
        if self.distinct.is_none() && self.limit.is_some_and(|limit| reached > limit as u64) {
            let mut distinct = DistinctSketch::default();
            self.ordered.kept().for_each(|value| distinct.add_number(value));
            self.distinct = Some(distinct);
        }
        if let Some(distinct) = &mut self.distinct {
            self.pending.iter().for_each(|value| distinct.add_number(*value));
        }
        self.ordered.extend(&self.pending);
    }

    /// Puts the values in order.
    #[must_use]
    pub fn finish(self) -> NumberColumn {
        let ordered = self.ordered.finish();
        let distinct = match self.distinct {
            Some(sketch) => sketch.estimate(),
            None => ordered.distinct().unwrap_or_default() as f64,
        };
        NumberColumn { ordered, distinct, ..self.column }
    }
}

impl NumberColumn {
    /// All rows, missing ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.moments.count + self.nan + self.infinite + self.null
    }
}

/// A column of texts, gathered row by row or by counts.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    limit: Option<usize>,
    /// Rows without a value.
    pub null: u64,
    /// Rows with an empty text.
    pub empty: u64,
    /// Lengths of the texts in characters.
    pub lengths: Moments,
    counts: HashMap<String, u64>,
    error: u64,
    dropped: Option<DistinctSketch>,
}

impl TextColumn {
    /// Begins an empty column.
    #[must_use]
    pub fn new(exactness: Exactness) -> Self {
        let limit = match exactness {
            Exactness::Everything => None,
            Exactness::UpTo { texts, .. } => Some(texts),
        };
        Self { limit, ..Self::default() }
    }

    /// Counts rows without a value.
    pub fn add_missing(&mut self, rows: u64) {
        self.null += rows;
    }

    /// Counts `rows` rows of one text.
    pub fn add(&mut self, text: &str, rows: u64) {
        if rows == 0 {
            return;
        }
        if text.is_empty() {
            self.empty += rows;
        }
        let length = Moments {
            count: rows,
            mean: if text.is_ascii() { text.len() } else { text.chars().count() } as f64,
            ..Moments::default()
        };
        self.lengths = self.lengths.merged(&length);
        if let Some(sketch) = &mut self.dropped {
            sketch.add_text(text);
        }
        if let Some(count) = self.counts.get_mut(text) {
            *count += rows;
            return;
        }
        self.counts.insert(text.to_owned(), rows);
        if self.limit.is_some_and(|limit| self.counts.len() > limit) {
            self.shrink();
        }
    }

    /// Misra-Gries: everything becomes less by the count of the middle one, and what reaches zero goes.
    fn shrink(&mut self) {
        if self.dropped.is_none() {
            let mut sketch = DistinctSketch::default();
            self.counts.keys().for_each(|text| sketch.add_text(text));
            self.dropped = Some(sketch);
        }
        let mut sizes: Vec<u64> = self.counts.values().copied().collect();
        let middle = sizes.len() / 2;
        let (_, less, _) = sizes.select_nth_unstable(middle);
        let less = *less;
        self.error += less;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(less);
            *count > 0
        });
    }

    /// Says of a column that was put together from counts how many rows may be in none of them, and how many different
    /// texts there were.
    pub(crate) fn told(&mut self, error: u64, distinct: DistinctSketch) {
        self.error = error;
        if error > 0 {
            self.dropped = Some(distinct);
        }
    }

    /// All rows, missing ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.lengths.count + self.null
    }

    /// Rows with a value.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.lengths.count
    }

    /// By how much any count can be too low; 0 when all are exact.
    #[must_use]
    pub fn error(&self) -> u64 {
        self.error
    }

    /// Number of different texts: exact, or within about 1.6 %.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        self.dropped.as_ref().map_or(self.counts.len() as f64, DistinctSketch::estimate)
    }

    /// Rows of one text.
    #[must_use]
    pub fn count(&self, text: &str) -> u64 {
        self.counts.get(text).copied().unwrap_or_default()
    }

    /// The most frequent texts, equal ones in alphabetical order.
    #[must_use]
    pub fn top(&self, at_most: usize) -> Vec<TopValue> {
        let mut all: Vec<(&String, &u64)> = self.counts.iter().collect();
        all.sort_unstable_by(|left, right| right.1.cmp(left.1).then_with(|| left.0.cmp(right.0)));
        all.into_iter()
            .take(at_most)
            .map(|(value, count)| TopValue { value: value.clone(), count: *count })
            .collect()
    }

    /// All texts of both with their counts, in alphabetical order.
    #[must_use]
    pub fn paired<'a>(&'a self, other: &'a Self) -> BTreeMap<&'a str, (u64, u64)> {
        let mut union: BTreeMap<&str, (u64, u64)> =
            self.counts.iter().map(|(text, count)| (text.as_str(), (*count, 0))).collect();
        for (text, count) in &other.counts {
            union.entry(text.as_str()).or_default().1 = *count;
        }
        union
    }
}

/// What is shown of one side of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideProfile {
    /// Rows, missing ones included.
    pub rows: u64,
    /// Rows without a value.
    pub null: u64,
    /// Number of different values; exact when the comparison is.
    pub distinct: f64,
    /// Figures of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberFigures>,
    /// Figures of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextFigures>,
}

/// Figures of a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberFigures {
    /// Rows that are not a number.
    pub nan: u64,
    /// Rows that are infinite.
    pub infinite: u64,
    /// Rows that are zero.
    pub zero: u64,
    /// Rows below zero.
    pub negative: u64,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Standard deviation, divisor n.
    pub population_deviation: Option<f64>,
    /// Standard deviation, divisor n - 1.
    pub sample_deviation: Option<f64>,
    /// Skewness, biased.
    pub skewness: Option<f64>,
    /// Excess kurtosis, biased.
    pub kurtosis: Option<f64>,
    /// Quantiles (type 7) by share.
    pub quantiles: BTreeMap<String, f64>,
}

/// Figures of a column of texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFigures {
    /// Rows with an empty text.
    pub empty: u64,
    /// Mean length in characters.
    pub mean_length: Option<f64>,
    /// The most frequent ones.
    pub top: Vec<TopValue>,
}

impl From<&NumberColumn> for SideProfile {
    fn from(column: &NumberColumn) -> Self {
        let moments = &column.moments;
        let quantile = |share: f64| Some((format!("{share}"), column.ordered.quantile(share)?));
        let mut quantiles: BTreeMap<String, f64> = SHOWN.into_iter().filter_map(quantile).collect();
        quantiles.extend(column.min.map(|min| ("0".to_owned(), min)));
        quantiles.extend(column.max.map(|max| ("1".to_owned(), max)));
        Self {
            rows: column.rows(),
            null: column.null,
            distinct: column.distinct,
            numbers: Some(NumberFigures {
                nan: column.nan,
                infinite: column.infinite,
                zero: column.zero,
                negative: column.negative,
                min: column.min,
                max: column.max,
                mean: (moments.count > 0).then_some(moments.mean),
                population_deviation: moments.population_deviation(),
                sample_deviation: moments.sample_deviation(),
                skewness: moments.skewness(),
                kurtosis: moments.kurtosis(),
                quantiles,
            }),
            texts: None,
        }
    }
}

impl From<&TextColumn> for SideProfile {
    fn from(column: &TextColumn) -> Self {
        Self {
            rows: column.rows(),
            null: column.null,
            distinct: column.distinct(),
            numbers: None,
            texts: Some(TextFigures {
                empty: column.empty,
                mean_length: (column.present() > 0).then_some(column.lengths.mean),
                top: column.top(10),
            }),
        }
    }
}
