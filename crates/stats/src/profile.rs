//! The mergeable summary of one column in one window.

use serde::{Deserialize, Serialize};

use crate::edges::{Bins, Edges};
use crate::error::Error;
use crate::levels::{EXACT_LEVELS, Levels};
use crate::moments::Moments;
use crate::sketch::{DistinctSketch, QuantileSketch};

/// What is kept of a column: everything that drift, data checks and charts need, in a few kilobytes.
///
/// Profiles of parts merge to the profile of the whole: counts, extremes, bins, distinct sketch and (below
/// [`EXACT_LEVELS`] values) value counts exactly, moments up to rounding, quantiles within the sketch's bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Rows, missing ones included.
    pub rows: u64,
    /// Rows without a value.
    pub null: u64,
    /// What the values are.
    #[serde(flatten)]
    pub values: Values,
}

/// The part of a profile that depends on what a column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Numbers, also whole numbers, truth values (0 and 1) and times.
    Numbers(Box<NumberProfile>),
    /// Texts.
    Texts(Box<TextProfile>),
}

/// The values of a column of numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NumberProfile {
    /// Rows that are not a number.
    pub nan: u64,
    /// Rows that are plus or minus infinity; they and NaN are in no other figure below.
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
    /// Counts in the bins of a reference, when one was given.
    pub bins: Option<Bins>,
    /// Quantiles.
    pub quantiles: QuantileSketch,
    /// Number of different values.
    pub distinct: DistinctSketch,
    /// Exact counts by value; `None` once there were more than [`EXACT_LEVELS`] of them.
    pub levels: Option<Levels>,
}

/// The values of a column of texts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextProfile {
    /// Rows with an empty text.
    pub empty: u64,
    /// Length of the values in characters.
    pub lengths: Moments,
    /// Number of different values.
    pub distinct: DistinctSketch,
    /// Counts by value.
    pub levels: Levels,
}

impl Profile {
    /// Profiles a column of numbers, counting it also in the bins of a reference if there is one.
    #[must_use]
    pub fn of_numbers(values: &[Option<f64>], edges: Option<&Edges>) -> Self {
        let present: Vec<f64> = values.iter().flatten().copied().collect();
        Self {
            rows: values.len() as u64,
            null: (values.len() - present.len()) as u64,
            values: Values::Numbers(Box::new(NumberProfile::of(&present, edges))),
        }
    }

    /// Profiles a column of texts.
    #[must_use]
    pub fn of_texts<T: AsRef<str>>(values: &[Option<T>]) -> Self {
        let mut profile = TextProfile::default();
        let mut lengths = Vec::with_capacity(values.len());
        for value in values.iter().flatten() {
            let value = value.as_ref();
            profile.empty += u64::from(value.is_empty());
            lengths.push(value.chars().count() as f64);
            if profile.levels.count(value) == 0 {
                profile.distinct.add_text(value);
            }
            profile.levels.add(value);
        }
        profile.lengths = Moments::of(&lengths);
        Self {
            rows: values.len() as u64,
            null: (values.len() - lengths.len()) as u64,
            values: Values::Texts(Box::new(profile)),
        }
    }

    /// Adds the rows that another profile has seen.
    ///
    /// # Errors
    /// When one is of numbers and the other of texts, or their bins have different edges; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        match (&mut self.values, &other.values) {
            (Values::Numbers(mine), Values::Numbers(theirs)) => mine.merge(theirs)?,
            (Values::Texts(mine), Values::Texts(theirs)) => mine.merge(theirs),
            _ => return Err(Error::KindsDiffer),
        }
        self.rows += other.rows;
        self.null += other.null;
        Ok(())
    }

    /// Share of rows without a value; `None` without rows.
    #[must_use]
    pub fn null_share(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.null as f64 / self.rows as f64)
    }

    /// The numbers, if it is a column of numbers.
    #[must_use]
    pub fn numbers(&self) -> Option<&NumberProfile> {
        match &self.values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Texts(_) => None,
        }
    }

    /// The texts, if it is a column of texts.
    #[must_use]
    pub fn texts(&self) -> Option<&TextProfile> {
        match &self.values {
            Values::Texts(texts) => Some(texts),
            Values::Numbers(_) => None,
        }
    }
}

impl NumberProfile {
    fn of(present: &[f64], edges: Option<&Edges>) -> Self {
        let mut profile = Self { levels: Some(Levels::default()), ..Self::default() };
        let mut finite = Vec::with_capacity(present.len());
        let mut counts = std::collections::HashMap::<u64, u64>::new();
        for value in present.iter().copied() {
            if value.is_nan() {
                profile.nan += 1;
                continue;
            }
            if value.is_infinite() {
                profile.infinite += 1;
                continue;
            }
            profile.zero += u64::from(value == 0.0);
            profile.negative += u64::from(value < 0.0);
            profile.quantiles.add(value);
            profile.distinct.add_number(value);
            finite.push(value);
            if counts.len() <= EXACT_LEVELS {
                *counts.entry((value + 0.0).to_bits()).or_default() += 1;
            }
        }
        profile.min = finite.iter().copied().reduce(f64::min);
        profile.max = finite.iter().copied().reduce(f64::max);
        profile.moments = Moments::of(&finite);
        profile.bins = edges.map(|edges| edges.count(&finite));
        profile.levels = (counts.len() <= EXACT_LEVELS).then(|| {
            let mut levels = Levels::default();
            for (bits, rows) in counts {
                levels.add_many(&f64::from_bits(bits).to_string(), rows);
            }
            levels
        });
        profile
    }

    fn merge(&mut self, other: &Self) -> Result<(), Error> {
        let bins = match (&self.bins, &other.bins) {
            (Some(mine), Some(theirs)) => {
                let mut both = mine.clone();
                both.merge(theirs)?;
                Some(both)
            }
            (None, None) => None,
            _ => return Err(Error::EdgesDiffer),
        };
        let mut quantiles = self.quantiles.clone();
        quantiles.merge(&other.quantiles)?;
        self.bins = bins;
        self.quantiles = quantiles;
        self.distinct.merge(&other.distinct);
        self.nan += other.nan;
        self.infinite += other.infinite;
        self.zero += other.zero;
        self.negative += other.negative;
        self.min = self.min.into_iter().chain(other.min).reduce(f64::min);
        self.max = self.max.into_iter().chain(other.max).reduce(f64::max);
        self.moments = self.moments.merged(&other.moments);
        self.levels = match (self.levels.take(), &other.levels) {
            (Some(mut mine), Some(theirs)) => {
                mine.merge(theirs);
                mine.is_exact().then_some(mine)
            }
            _ => None,
        };
        Ok(())
    }
}

impl TextProfile {
    fn merge(&mut self, other: &Self) {
        self.empty += other.empty;
        self.lengths = self.lengths.merged(&other.lengths);
        self.distinct.merge(&other.distinct);
        self.levels.merge(&other.levels);
    }
}
