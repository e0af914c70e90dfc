//! A lot of rows summed up by stretch.

use std::collections::BTreeMap;

use base::Timestamp;
use serde_json::Value;
use stats::{Edges, Profile};

use super::{Examples, Grain, Shape, StretchKey, StretchProfile};
use crate::error::Error;
use crate::rows::{Column, Rows, same_length};

/// Values of one column that are segments, at most.
const MOST_VALUES: usize = 40;
/// Further values are counted together under this name.
const OTHERS: &str = "(others)";
/// Longer words are no name of a segment.
const LONGEST_VALUE: usize = 100;

/// Predictions that arrived together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lot {
    /// Their times and inputs; predictions that are numbers.
    pub rows: Rows,
    /// What was predicted, when that is words.
    pub words: Option<Vec<Option<String>>>,
    /// The version that made each.
    pub versions: Vec<i64>,
    /// Their ids.
    pub ids: Vec<String>,
    /// How long each took, in microseconds.
    pub latencies: Vec<Option<f64>>,
}

impl Lot {
    /// Sums the rows up: by day, by hour if the hour does not begin before `hours_from`, and by segment. Values that become
    /// segments by it are noted in `shape`.
    ///
    /// # Errors
    /// [`Error::RaggedRows`] when something is not as long as the times.
    pub fn sum_up(
        &self,
        shape: &mut Shape,
        hours_from: Timestamp,
    ) -> Result<BTreeMap<StretchKey, StretchProfile>, Error> {
        let rows = self.rows.len();
        same_length("version", self.versions.len(), rows)?;
        same_length("prediction_id", self.ids.len(), rows)?;
        same_length("latency_us", self.latencies.len(), rows)?;
        if let Some(words) = &self.words {
            same_length("prediction", words.len(), rows)?;
        }
        let named = self.segments(shape);
        let mut groups: BTreeMap<StretchKey, Vec<usize>> = BTreeMap::new();
        for (row, (at, version)) in self.rows.times().iter().zip(&self.versions).enumerate() {
            let segments =
                std::iter::once("").chain(named.iter().filter_map(|column| Some(column.get(row)?.as_str())));
            for segment in segments {
                for grain in [Grain::Day, Grain::Hour] {
                    let start = at.window_start(grain.length());
                    if grain == Grain::Hour && start < hours_from {
                        continue;
                    }
                    let key = StretchKey { grain, start, version: *version, segment: segment.to_owned() };
                    groups.entry(key).or_default().push(row);
                }
            }
        }
        Ok(groups
            .into_iter()
            .map(|(key, rows)| {
                let profile = self.profile(&rows, &shape.edges, &key);
                (key, profile)
            })
            .collect())
    }

    /// The name of each row's segment, by column.
    fn segments(&self, shape: &mut Shape) -> Vec<Vec<String>> {
        let mut named = Vec::new();
        for column in &shape.segments {
            let Some(Column::Texts(values)) = self.rows.column(column) else { continue };
            let known = shape.values.entry(column.clone()).or_default();
            let name = |value: &Option<String>| {
                let value = value.as_deref().unwrap_or("");
                if !known.iter().any(|own| own == value)
                    && known.len() < MOST_VALUES
                    && value.len() <= LONGEST_VALUE
                {
                    known.push(value.to_owned());
                }
                let is_known = known.iter().any(|own| own == value);
                format!("{column}={}", if is_known { value } else { OTHERS })
            };
            named.push(values.iter().map(name).collect());
        }
        named
    }

    fn profile(&self, rows: &[usize], edges: &BTreeMap<String, Edges>, key: &StretchKey) -> StretchProfile {
        let pick = |values: &[Option<f64>]| -> Vec<Option<f64>> {
            rows.iter().map(|row| values.get(*row).copied().flatten()).collect()
        };
        let pick_texts = |values: &[Option<String>]| -> Vec<Option<String>> {
            rows.iter().map(|row| values.get(*row).cloned().flatten()).collect()
        };
        let mut columns: BTreeMap<String, Profile> = self
            .rows
            .columns()
            .iter()
            .map(|(name, column)| {
                let profile = match column {
                    Column::Numbers(values) => Profile::of_numbers(&pick(values), edges.get(name)),
                    Column::Texts(values) => Profile::of_texts(&pick_texts(values)),
                };
                (name.clone(), profile)
            })
            .collect();
        let predicted = match &self.words {
            Some(words) => Profile::of_texts(&pick_texts(words)),
            None => Profile::of_numbers(&pick(self.rows.predictions()), edges.get(PREDICTION)),
        };
        let failed = predicted.null;
        columns.insert(PREDICTION.to_owned(), predicted);
        let times = || rows.iter().filter_map(|row| self.rows.times().get(*row).copied());
        let examples =
            if key.segment.is_empty() { self.examples(rows, key.grain) } else { Examples::default() };
        StretchProfile {
            rows: rows.len() as u64,
            failed,
            first: times().min(),
            last: times().max(),
            columns,
            latency: Some(Profile::of_numbers(&pick(&self.latencies), None)),
            examples,
        }
    }

    fn examples(&self, rows: &[usize], grain: Grain) -> Examples {
        let mut least: Vec<(u64, usize)> =
            rows.iter().filter_map(|row| Some((hash(self.ids.get(*row)?), *row))).collect();
        least.sort_unstable();
        least.truncate(grain.examples());
        let mut columns: Vec<String> = self.rows.columns().iter().map(|(name, _)| name.clone()).collect();
        columns.push(PREDICTION.to_owned());
        let value = |row: usize| -> Vec<Value> {
            let inputs = self.rows.columns().iter().map(|(_, column)| match column {
                Column::Numbers(values) => {
                    values.get(row).copied().flatten().map_or(Value::Null, Value::from)
                }
                Column::Texts(values) => values.get(row).cloned().flatten().map_or(Value::Null, Value::from),
            });
            let predicted = match &self.words {
                Some(words) => words.get(row).cloned().flatten().map_or(Value::Null, Value::from),
                None => self.rows.predictions().get(row).copied().flatten().map_or(Value::Null, Value::from),
            };
            inputs.chain([predicted]).collect()
        };
        Examples { columns, rows: least.into_iter().map(|(hash, row)| (hash, value(row))).collect() }
    }
}

/// The column of what was predicted.
pub(crate) const PREDICTION: &str = "prediction";

/// A hash that is the same everywhere and for ever (FNV-1a, mixed as in `SplitMix64`, since ids that follow each other in time
/// begin alike).
fn hash(id: &str) -> u64 {
    let folded = id.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mixed = (folded ^ (folded >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
