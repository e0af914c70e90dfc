//! What is kept of an hour or a day of predictions: sums that are added up to any range of time.

mod lot;
mod packed;

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stats::{Edges, Profile, Values};

pub use self::lot::Lot;
pub(crate) use self::lot::PREDICTION;
use crate::error::Error;

/// Hours are kept apart for so long before the newest prediction; before that there are days.
pub const HOURS_KEPT: Period = Period::from_days(45);

/// How long a stretch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
}

impl Grain {
    /// Its length.
    #[must_use]
    pub const fn length(self) -> Period {
        match self {
            Self::Hour => Period::from_hours(1),
            Self::Day => Period::from_days(1),
        }
    }

    /// How many rows are kept as examples.
    const fn examples(self) -> usize {
        match self {
            Self::Hour => 100,
            Self::Day => 400,
        }
    }
}

/// Which predictions a profile is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StretchKey {
    /// How long.
    pub grain: Grain,
    /// From when on.
    pub start: Timestamp,
    /// The version that made them.
    pub version: i64,
    /// Which of them: empty for all, else `COLUMN=VALUE`.
    pub segment: String,
}

/// By what rows are counted; it does not change while a table is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// The bins of columns of numbers, frozen from the first reference there was; others go without.
    pub edges: BTreeMap<String, Edges>,
    /// The columns of which each frequent value is a segment.
    pub segments: Vec<String>,
    /// The values that are segments, by column; further ones are counted together.
    pub values: BTreeMap<String, Vec<String>>,
}

/// Sums over the predictions of a stretch. Those of parts add up to those of the whole, whatever the order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StretchProfile {
    /// Predictions.
    pub rows: u64,
    /// Those without a value.
    pub failed: u64,
    /// The first of them.
    pub first: Option<Timestamp>,
    /// The last of them.
    pub last: Option<Timestamp>,
    /// Each input, and `prediction`.
    pub columns: BTreeMap<String, Profile>,
    /// How long they took, in microseconds.
    pub latency: Option<Profile>,
    /// Some of them, chosen by chance.
    pub examples: Examples,
}

/// Some rows of a stretch as a fair sample: those whose ids have the least hashes. The sample of a whole is made of those of
/// its parts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Examples {
    /// The names of the values of a row.
    pub columns: Vec<String>,
    /// The rows by the hash of their id.
    pub rows: BTreeMap<u64, Vec<Value>>,
}

impl Examples {
    fn merge(&mut self, other: &Self, most: usize) {
        if self.rows.is_empty() && self.columns.is_empty() {
            self.columns.clone_from(&other.columns);
        }
        if self.columns == other.columns {
            self.rows.extend(other.rows.iter().map(|(hash, row)| (*hash, row.clone())));
        } else {
            // Columns came or went in between.
            for name in &other.columns {
                if !self.columns.contains(name) {
                    self.columns.push(name.clone());
                    self.rows.values_mut().for_each(|row| row.push(Value::Null));
                }
            }
            let places: Vec<Option<usize>> =
                self.columns.iter().map(|name| other.columns.iter().position(|own| own == name)).collect();
            for (hash, row) in &other.rows {
                let value = |place: &Option<usize>| place.and_then(|place| row.get(place).cloned());
                let row = places.iter().map(|place| value(place).unwrap_or(Value::Null)).collect();
                self.rows.insert(*hash, row);
            }
        }
        while self.rows.len() > most {
            self.rows.pop_last();
        }
    }

    /// The values of a column in the order of the hashes.
    pub fn values(&self, column: &str) -> Option<impl Iterator<Item = &Value>> {
        let place = self.columns.iter().position(|name| name == column)?;
        Some(self.rows.values().map(move |row| row.get(place).unwrap_or(&Value::Null)))
    }
}

impl StretchProfile {
    /// Adds what another profile has seen, keeping at most so many examples as a stretch of that length has.
    ///
    /// # Errors
    /// When a column is of numbers in one and of texts in the other.
    pub fn merge(&mut self, other: &Self, grain: Grain) -> Result<(), Error> {
        self.rows += other.rows;
        self.failed += other.failed;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        for (name, theirs) in &other.columns {
            match self.columns.get_mut(name) {
                Some(mine) => merge(mine, theirs)?,
                None => {
                    self.columns.insert(name.clone(), theirs.clone());
                }
            }
        }
        match (&mut self.latency, &other.latency) {
            (Some(mine), Some(theirs)) => merge(mine, theirs)?,
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
        self.examples.merge(&other.examples, grain.examples());
        Ok(())
    }

    /// Rows of the stretch that a column knows nothing of, because it came later, count as missing.
    #[must_use]
    pub fn null_share(&self, column: &str) -> Option<f64> {
        let profile = self.columns.get(column)?;
        let missing = profile.null + self.rows.saturating_sub(profile.rows);
        (self.rows > 0).then(|| missing as f64 / self.rows as f64)
    }
}

/// Bins of other edges (of another server, or of before) cannot be added; sketches can.
fn merge(mine: &mut Profile, theirs: &Profile) -> Result<(), Error> {
    match mine.merge(theirs) {
        Err(stats::Error::EdgesDiffer) => {
            let mut theirs = theirs.clone();
            without_bins(&mut theirs);
            without_bins(mine);
            Ok(mine.merge(&theirs)?)
        }
        merged => Ok(merged?),
    }
}

fn without_bins(profile: &mut Profile) {
    if let Values::Numbers(numbers) = &mut profile.values {
        numbers.bins = None;
    }
}

/// The stretches that make up `[from, to)`: whole days, and the hours before the first and after the last of them. `None`
/// when an end is not on the hour.
#[must_use]
pub fn cover(from: Timestamp, to: Timestamp) -> Option<Vec<(Grain, Timestamp, Timestamp)>> {
    let whole = |at: Timestamp, grain: Grain| at.window_start(grain.length()) == at;
    if from >= to || !whole(from, Grain::Hour) || !whole(to, Grain::Hour) {
        return None;
    }
    let day = Grain::Day.length();
    let first = if whole(from, Grain::Day) { from } else { from.window_start(day).plus(day) };
    let last = to.window_start(day);
    if first >= last {
        return Some(vec![(Grain::Hour, from, to)]);
    }
    let parts = [(Grain::Hour, from, first), (Grain::Day, first, last), (Grain::Hour, last, to)];
    Some(parts.into_iter().filter(|(_, from, to)| from < to).collect())
}

#[cfg(test)]
mod tests;
