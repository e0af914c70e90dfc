//! How often each value occurs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Up to this many different values are counted exactly.
pub const EXACT_LEVELS: usize = 1_024;

/// How many values stay when there are more than [`EXACT_LEVELS`].
const KEPT_LEVELS: usize = 256;

/// A value and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopValue {
    /// The value as written.
    pub value: String,
    /// Rows that have it: exact, or at most [`Levels::error`] too few.
    pub count: u64,
}

/// Counts by value: exact up to [`EXACT_LEVELS`] different values, then the most frequent ones.
///
/// Beyond the limit it is a Misra-Gries summary: each count is low by at most [`Levels::error`], and every value that
/// occurs more often than that is present. Summaries merge; the error of a merged one is again known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    counts: BTreeMap<String, u64>,
    error: u64,
}

impl Levels {
    /// Counts one more row of `value`.
    pub fn add(&mut self, value: &str) {
        self.add_many(value, 1);
    }

    /// Counts `rows` more rows of `value`.
    pub fn add_many(&mut self, value: &str, rows: u64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += rows;
        } else if rows > 0 {
            self.counts.insert(value.to_owned(), rows);
            self.shrink();
        }
    }

    /// Adds the counts of another summary.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(value.clone()).or_default() += count;
        }
        self.error += other.error;
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.counts.len() <= EXACT_LEVELS {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        let least = counts.get(KEPT_LEVELS).copied().unwrap_or_default();
        self.error += least;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(least);
            *count > 0
        });
    }

    /// Whether every count is exact and every value is present.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.error == 0
    }

    /// By how much any count can be too low.
    #[must_use]
    pub fn error(&self) -> u64 {
        self.error
    }

    /// Rows counted for `value`.
    #[must_use]
    pub fn count(&self, value: &str) -> u64 {
        self.counts.get(value).copied().unwrap_or_default()
    }

    /// Values in alphabetical order with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(value, count)| (value.as_str(), *count))
    }

    /// How many different values are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The most frequent values, most frequent first, equal ones alphabetically.
    #[must_use]
    pub fn top(&self, at_most: usize) -> Vec<TopValue> {
        let mut all: Vec<TopValue> =
            self.iter().map(|(value, count)| TopValue { value: value.to_owned(), count }).collect();
        all.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| left.value.cmp(&right.value)));
        all.truncate(at_most);
        all
    }

    /// The counts of both side by side over the union of their values, in alphabetical order.
    #[must_use]
    pub fn paired(&self, other: &Self) -> (Vec<u64>, Vec<u64>) {
        let mut union: BTreeMap<&str, (u64, u64)> =
            self.iter().map(|(value, count)| (value, (count, 0))).collect();
        for (value, count) in other.iter() {
            union.entry(value).or_default().1 = count;
        }
        union.into_values().unzip()
    }
}

impl<'a> FromIterator<&'a str> for Levels {
    fn from_iter<I: IntoIterator<Item = &'a str>>(values: I) -> Self {
        let mut levels = Self::default();
        for value in values {
            levels.add(value);
        }
        levels
    }
}
