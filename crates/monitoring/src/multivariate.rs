//! Whether inputs still hang together as they did in the reference.

use std::collections::BTreeMap;

use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stats::{Subspace, prediction_bound};

use crate::report::State;
use crate::rows::{Column, Reference, Rows};
use crate::stretch::Examples;
use crate::words;

/// Rows of the reference that are learned from, at most.
const LEARNED_FROM: usize = 5_000;
/// Fewer rows are not judged.
const FEWEST: usize = 50;
/// With fewer windows the reference does not tell how much it varies by itself.
const FEWEST_BLOCKS: usize = 4;
/// Share of further windows of the reference that stay below its own variation.
const FURTHER_WINDOWS: f64 = 0.99;
/// Rows so near to what is rebuilt of them are rebuilt whole, in standard deviations.
const NOTHING: f64 = 1e-9;
/// So much farther away matters.
const FARTHER: f64 = 1.15;

/// How inputs hang together in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Multivariate {
    /// `ok`, `drift`, `not_enough_data` or `no_reference`.
    pub state: State,
    /// Mean distance of the window's rows from what the reference's main directions rebuild of them, in standard deviations.
    pub value: Option<f64>,
    /// The same in the reference.
    pub reference: Option<f64>,
    /// What one more window of the reference would stay below in 99 of 100 cases, or 1.15 times the reference, whichever is
    /// more.
    pub threshold: Option<f64>,
    /// Rows of the window that it was taken over.
    pub rows: u64,
    /// Directions that are kept.
    pub components: u64,
    /// What it means.
    pub words: String,
}

/// A reference's directions, and how inputs are turned into numbers for it.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    subspace: Subspace,
    columns: Vec<(String, Encoding)>,
    /// Times and distances of the rows that were learned from.
    distances: Vec<(Timestamp, f64)>,
}

#[derive(Debug, Clone)]
enum Encoding {
    /// Numbers as they are, missing ones as the mean.
    Number(f64),
    /// Words by how frequent they are in the reference; new and missing ones as never.
    Frequency(BTreeMap<String, f64>),
}

impl Encoding {
    fn of(column: &Column) -> Self {
        match column {
            Column::Numbers(values) => {
                let known: Vec<f64> =
                    values.iter().flatten().copied().filter(|value| value.is_finite()).collect();
                Self::Number(known.iter().sum::<f64>() / known.len().max(1) as f64)
            }
            Column::Texts(values) => {
                let mut shares: BTreeMap<String, f64> = BTreeMap::new();
                for value in values.iter().flatten() {
                    *shares.entry(value.clone()).or_default() += 1.0 / values.len() as f64;
                }
                Self::Frequency(shares)
            }
        }
    }

    fn number(&self, value: Option<f64>) -> f64 {
        match self {
            Self::Number(mean) => value.filter(|value| value.is_finite()).unwrap_or(*mean),
            Self::Frequency(_) => 0.0,
        }
    }

    fn word(&self, value: Option<&str>) -> f64 {
        match self {
            Self::Number(mean) => *mean,
            Self::Frequency(shares) => value.and_then(|value| shares.get(value)).copied().unwrap_or(0.0),
        }
    }
}

impl Learned {
    /// Learns the directions of a reference; `None` where there is nothing to learn.
    pub(crate) fn of(rows: &Rows) -> Option<Self> {
        let columns: Vec<(String, Encoding)> =
            rows.columns().iter().map(|(name, column)| (name.clone(), Encoding::of(column))).collect();
        let step = rows.len().div_ceil(LEARNED_FROM).max(1);
        let chosen: Vec<usize> = (0..rows.len()).step_by(step).collect();
        let numbers: Vec<Vec<f64>> = chosen.iter().map(|row| encoded(&columns, rows, *row)).collect();
        let subspace = Subspace::learn(&numbers)?;
        let distances = chosen
            .iter()
            .zip(&numbers)
            .filter_map(|(row, numbers)| Some((*rows.times().get(*row)?, subspace.distance(numbers))))
            .collect();
        Some(Self { subspace, columns, distances })
    }

    /// The reference's mean, and how far its windows of that length stay.
    fn usual(&self, length: Period) -> (f64, f64) {
        let mean = |distances: &[f64]| distances.iter().sum::<f64>() / distances.len().max(1) as f64;
        let all: Vec<f64> = self.distances.iter().map(|(_, distance)| *distance).collect();
        let mut blocks: BTreeMap<Timestamp, Vec<f64>> = BTreeMap::new();
        for (time, distance) in &self.distances {
            blocks.entry(time.window_start(length)).or_default().push(*distance);
        }
        let means: Vec<f64> =
            blocks.values().filter(|block| block.len() >= 10).map(|block| mean(block)).collect();
        let own = if means.len() >= FEWEST_BLOCKS { prediction_bound(&means, FURTHER_WINDOWS) } else { None };
        let whole = mean(&all);
        (whole, own.unwrap_or(0.0).max(FARTHER * whole))
    }
}

fn encoded(columns: &[(String, Encoding)], rows: &Rows, row: usize) -> Vec<f64> {
    columns
        .iter()
        .map(|(name, encoding)| match rows.column(name) {
            Some(Column::Numbers(values)) => encoding.number(values.get(row).copied().flatten()),
            Some(Column::Texts(values)) => encoding.word(values.get(row).and_then(Option::as_deref)),
            None => encoding.number(None),
        })
        .collect()
}

fn encoded_examples(columns: &[(String, Encoding)], examples: &Examples) -> Vec<Vec<f64>> {
    let mut rows = vec![Vec::with_capacity(columns.len()); examples.rows.len()];
    for (name, encoding) in columns {
        match examples.values(name) {
            Some(values) => {
                for (row, value) in rows.iter_mut().zip(values) {
                    row.push(match value {
                        Value::String(word) => encoding.word(Some(word)),
                        Value::Number(number) => encoding.number(number.as_f64()),
                        _ => match encoding {
                            Encoding::Number(_) => encoding.number(None),
                            Encoding::Frequency(_) => encoding.word(None),
                        },
                    });
                }
            }
            None => rows.iter_mut().for_each(|row| row.push(encoding.number(None))),
        }
    }
    rows
}

/// Judges a window by its rows, or by the examples that were kept of it.
pub(crate) fn judge(
    rows: &Rows,
    examples: Option<&Examples>,
    reference: Option<&Reference>,
    length: Period,
) -> Multivariate {
    let blank = |state, rows, words: &str| Multivariate {
        state,
        value: None,
        reference: None,
        threshold: None,
        rows,
        components: 0,
        words: words.to_owned(),
    };
    let Some(learned) = reference.and_then(Reference::learned) else {
        return blank(State::NoReference, 0, "there is no reference to learn from how inputs hang together");
    };
    let numbers = match examples {
        Some(examples) => encoded_examples(&learned.columns, examples),
        None => (0..rows.len()).map(|row| encoded(&learned.columns, rows, row)).collect(),
    };
    let count = numbers.len() as u64;
    if numbers.len() < FEWEST {
        return blank(State::NotEnoughData, count, "too few rows to tell how inputs hang together");
    }
    let value = numbers.iter().map(|row| learned.subspace.distance(row)).sum::<f64>() / numbers.len() as f64;
    let (usual, threshold) = learned.usual(length);
    if usual <= NOTHING {
        // As many directions as inputs rebuild every row, whatever it is; what is left is rounding.
        return blank(State::NotEnoughData, count, "too few inputs to tell how they hang together");
    }
    let far = value >= threshold;
    let figures = format!(
        "rows are {} from what the {} rebuild, {} in the reference; up to {} is usual",
        words::number(value),
        words::count(learned.subspace.components() as u64, "main direction"),
        words::number(usual),
        words::number(threshold)
    );
    let words = if far {
        format!("inputs no longer hang together as they did: {figures}")
    } else {
        format!("inputs hang together as in the reference: {figures}")
    };
    Multivariate {
        state: if far { State::Drift } else { State::Ok },
        value: Some(value),
        reference: Some(usual),
        threshold: Some(threshold),
        rows: count,
        components: learned.subspace.components() as u64,
        words,
    }
}
