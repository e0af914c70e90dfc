//! Puts each value into one of at most 256 bins.

use inference::{Batch, Input};

use crate::categories::{codes, vocabulary};

/// How one feature is binned.
#[derive(Debug)]
pub(super) enum Feature {
    /// Bin `b` holds the values up to `cuts[b]`, the last bin the rest; then a bin for holes.
    Number { cuts: Vec<f64> },
    /// A bin for each word, one for other words, one for holes.
    Category { words: Vec<String> },
}

impl Feature {
    /// The bins of values, the one for holes not counted.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::Number { cuts } => cuts.len() + 1,
            Self::Category { words } => words.len() + 1,
        }
    }
}

/// Rows as bins, a row after the other.
#[derive(Debug)]
pub(super) struct Binned {
    pub(super) features: Vec<Feature>,
    /// Where the bins of each feature begin in a histogram; one more at the end.
    pub(super) offsets: Vec<usize>,
    cells: Vec<u8>,
    width: usize,
}

impl Binned {
    /// Bins all rows; where the cuts lie is learnt from the first `learn` rows only, so that rows
    /// held out stay unseen.
    pub(super) fn new(batch: &Batch, learn: usize, max_bins: usize) -> Self {
        let width = batch.inputs().len();
        let mut features = Vec::with_capacity(width);
        let mut cells = vec![0u8; batch.rows() * width];
        for (place, input) in batch.inputs().iter().enumerate() {
            let column = cells.iter_mut().skip(place).step_by(width.max(1));
            let byte = |bin: usize| u8::try_from(bin).unwrap_or(u8::MAX);
            let feature = match input {
                Input::Numbers(values) => {
                    let cuts = cuts(values.get(..learn).unwrap_or(values), max_bins);
                    for (cell, value) in column.zip(values) {
                        let bin = if value.is_nan() {
                            cuts.len() + 1
                        } else {
                            cuts.partition_point(|cut| cut < value)
                        };
                        *cell = byte(bin);
                    }
                    Feature::Number { cuts }
                }
                Input::Words(values) => {
                    let words = vocabulary(values.get(..learn).unwrap_or(values), max_bins.saturating_sub(1));
                    for (cell, code) in column.zip(codes(values, &words)) {
                        *cell = byte(code);
                    }
                    Feature::Category { words }
                }
            };
            features.push(feature);
        }
        let mut offsets = vec![0];
        for feature in &features {
            offsets.push(offsets.last().copied().unwrap_or_default() + feature.values() + 1);
        }
        Self { features, offsets, cells, width }
    }

    /// The bins of one row.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        self.cells.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    /// How many bins all features have together.
    pub(super) fn all_bins(&self) -> usize {
        self.offsets.last().copied().unwrap_or_default()
    }
}

/// Cuts between distinct values: all of them if they fit, else such that bins hold about equally
/// many rows. Each cut is the shortest decimal between its neighbours.
fn cuts(values: &[f64], max_bins: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let distinct: Vec<(f64, usize)> = sorted
        .chunk_by(|left, right| left == right)
        .filter_map(|alike| Some((*alike.first()?, alike.len())))
        .collect();
    let every_value = distinct.len() <= max_bins;
    let mut cuts = Vec::new();
    let (mut rows_left, mut in_bin) = (sorted.len(), 0);
    for pair in distinct.windows(2) {
        let [(value, count), (next, _)] = pair else { continue };
        in_bin += count;
        let bins_left = max_bins.saturating_sub(cuts.len()).max(1);
        if (every_value || (bins_left > 1 && in_bin * bins_left >= rows_left))
            && let Some(cut) = shortest_between(*value, *next)
        {
            cuts.push(cut);
            rows_left -= in_bin;
            in_bin = 0;
        }
    }
    cuts
}

/// The decimal with the fewest digits in the middle half between `low` and `high`, so that a value
/// a little off goes where its neighbour goes; none if fifteen digits do not tell the two apart.
fn shortest_between(low: f64, high: f64) -> Option<f64> {
    let (middle, quarter) = (low + (high - low) / 2.0, (high - low) / 4.0);
    let decimals = || (0..15).filter_map(|digits| format!("{middle:.digits$e}").parse::<f64>().ok());
    decimals()
        .find(|cut| (cut - middle).abs() <= quarter)
        .into_iter()
        .chain(decimals())
        .find(|cut| low <= *cut && *cut < high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_values_get_a_bin_each() {
        assert_eq!(cuts(&[3.0, 1.0, f64::NAN, 2.0, 1.0], 255), [1.5, 2.5]);
        assert_eq!(cuts(&[7.0; 10], 255), [0.0; 0]);
    }

    #[test]
    fn many_values_share_bins_evenly() {
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        let cuts = cuts(&values, 10);
        assert_eq!(cuts.len(), 9);
        assert!(cuts.windows(2).all(|pair| (900.0..1100.0).contains(&(pair[1] - pair[0]))), "{cuts:?}");
    }

    proptest! {
        #[test]
        fn cuts_ascend_and_separate(
            values in proptest::collection::vec(prop_oneof![-1e3f64..1e3, -1e15f64..1e15, (-5i32..5).prop_map(f64::from)], 0..80),
            max_bins in 2usize..40,
        ) {
            let cuts = cuts(&values, max_bins);
            prop_assert!(cuts.len() < max_bins);
            prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
            let text = serde_json::to_string(&cuts).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<f64>>(&text).unwrap(), cuts);
        }
    }
}
