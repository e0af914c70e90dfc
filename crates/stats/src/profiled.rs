//! A profile as a column that can be compared: what was kept of the rows stands for them.

use crate::column::{Exactness, NumberColumn, TextColumn};
use crate::edges::Bins;
use crate::moments::Moments;
use crate::ordered::Ordered;
use crate::profile::{NumberProfile, Profile, TextProfile, Values};

/// Into so many values the rows of one bin are spread.
const SPREAD: u64 = 8;
/// So many quantiles stand for the rows where no bins were counted.
const QUANTILES: usize = 400;

/// A column read back from its profile.
#[derive(Debug, Clone)]
pub enum ProfiledColumn {
    /// Numbers.
    Numbers(Box<NumberColumn>),
    /// Texts.
    Texts(Box<TextColumn>),
}

impl From<&Profile> for ProfiledColumn {
    fn from(profile: &Profile) -> Self {
        match &profile.values {
            Values::Numbers(numbers) => Self::Numbers(Box::new(numbers.column(profile.null))),
            Values::Texts(texts) => Self::Texts(Box::new(texts.column(profile.null))),
        }
    }
}

impl NumberProfile {
    /// The finite values in order, exact as long as every value was counted. Beyond that each row stands where its bin is,
    /// or at the nearest quantile, whichever is less wrong; [`Ordered::rank_error`] says how much that can be.
    #[must_use]
    pub fn ordered(&self) -> Ordered {
        if let Some(levels) = self.levels.as_ref().filter(|levels| levels.is_exact()) {
            let values = levels.iter().filter_map(|(value, rows)| Some((value.parse::<f64>().ok()?, rows)));
            let exact = Ordered::weighted(values, 0.0);
            if exact.count() == self.moments.count {
                return exact;
            }
        }
        let by_bins = self.bins.as_ref().and_then(|bins| self.by_bins(bins));
        let by_quantiles = self.by_quantiles();
        match (by_bins, by_quantiles) {
            (Some(bins), Some(quantiles)) if bins.rank_error() > quantiles.rank_error() => quantiles,
            (Some(bins), _) => bins,
            (None, Some(quantiles)) => quantiles,
            (None, None) => Ordered::default(),
        }
    }

    /// The rows of each bin spread evenly over it; no row is farther from its place than the bin has rows.
    fn by_bins(&self, bins: &Bins) -> Option<Ordered> {
        let (least, greatest) = (self.min?, self.max?);
        let cuts = bins.edges().cuts();
        let total: u64 = bins.counts().iter().sum();
        let fullest = bins.counts().iter().copied().max().filter(|_| total > 0)?;
        let mut values = vec![(least, 1)];
        for (bin, rows) in bins.counts().iter().copied().enumerate() {
            let low = bin.checked_sub(1).and_then(|at| cuts.get(at)).copied().unwrap_or(least).max(least);
            let high = cuts.get(bin).copied().unwrap_or(greatest).min(greatest);
            // Bins are `(a, b]`: the last of the values is `b` itself.
            let spread = rows.min(SPREAD);
            for part in 0..spread {
                let value = low + (high - low) * (part + 1) as f64 / spread as f64;
                let share = rows * (part + 1) / spread - rows * part / spread;
                values.push((value, share));
            }
        }
        // The least value is one of the rows of its bin.
        if let Some((_, rows)) =
            values.get_mut(1..).and_then(|rest| rest.iter_mut().find(|(_, rows)| *rows > 0))
        {
            *rows -= 1;
        }
        Some(Ordered::weighted(values, fullest as f64 / total as f64))
    }

    fn by_quantiles(&self) -> Option<Ordered> {
        let rows = self.quantiles.count();
        let parts = (QUANTILES as u64).min(rows);
        if parts == 0 {
            return None;
        }
        let shares: Vec<f64> = (0..parts).map(|part| (part as f64 + 0.5) / parts as f64).collect();
        let values = self.quantiles.quantiles(&shares)?;
        let weights = (0..parts).map(|part| rows * (part + 1) / parts - rows * part / parts);
        let error = self.quantiles.rank_error() + 1.0 / parts as f64;
        Some(Ordered::weighted(values.into_iter().zip(weights), error))
    }

    fn column(&self, null: u64) -> NumberColumn {
        let distinct = match &self.levels {
            Some(levels) if levels.is_exact() => levels.len() as f64,
            _ => self.distinct.estimate(),
        };
        NumberColumn {
            null,
            nan: self.nan,
            infinite: self.infinite,
            zero: self.zero,
            negative: self.negative,
            min: self.min,
            max: self.max,
            moments: self.moments,
            ordered: self.ordered(),
            distinct,
        }
    }
}

impl TextProfile {
    fn column(&self, null: u64) -> TextColumn {
        let mut column = TextColumn::new(Exactness::Everything);
        column.add_missing(null);
        for (text, rows) in self.levels.iter() {
            column.add(text, rows);
        }
        column.with_sketch(self.empty, self.lengths, self.levels.error(), self.distinct.clone())
    }
}

/// Rows that a summary of counts has let go of are in no count; the moments know of them.
impl TextColumn {
    fn with_sketch(
        mut self,
        empty: u64,
        lengths: Moments,
        error: u64,
        distinct: crate::sketch::DistinctSketch,
    ) -> Self {
        self.empty = empty;
        self.lengths = lengths;
        self.told(error, distinct);
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edges::Edges;
    use crate::sample::Sample;

    fn values(rows: u64, seed: u64, shape: u64) -> Vec<Option<f64>> {
        (0..rows)
            .map(|row| {
                let mixed = (row ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
                let share = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
                Some(match shape {
                    0 => share,
                    1 => (share * 40.0).floor(),
                    _ => share.powi(6) * 1e6,
                })
            })
            .collect()
    }

    #[test]
    fn few_different_values_stand_for_all_rows_exactly() {
        let rows = values(5_000, 3, 1);
        let profile = Profile::of_numbers(&rows, None);
        let ordered = profile.numbers().unwrap().ordered();
        assert_eq!(ordered.rank_error(), 0.0);
        let exact = Ordered::of(rows.iter().flatten().copied());
        assert_eq!((ordered.count(), ordered.quantile(0.37)), (exact.count(), exact.quantile(0.37)));
        let expanded: Vec<f64> =
            ordered.iter().flat_map(|(value, rows)| std::iter::repeat_n(value, rows as usize)).collect();
        assert_eq!(expanded, Sample::of_present(&rows).values());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn ranks_are_never_off_by_more_than_the_bound(
            seed in 0_u64..1_000, shape in 0_u64..3, rows in 2_000_u64..40_000, other in 0_u64..2
        ) {
            let rows = values(rows, seed, shape);
            // Bins of rows like these, and of rows unlike them.
            let reference = Sample::of_present(&values(3_000, seed + 1, if other == 0 { shape } else { 0 }));
            let edges = Edges::from_reference(&reference).unwrap();
            let mut whole = Profile::of_numbers(&[], Some(&edges));
            for part in rows.chunks(1_777) {
                whole.merge(&Profile::of_numbers(part, Some(&edges))).unwrap();
            }
            let ordered = whole.numbers().unwrap().ordered();
            let exact = Ordered::of(rows.iter().flatten().copied());
            prop_assert_eq!(ordered.count(), exact.count());
            prop_assert_eq!((ordered.min(), ordered.max()).0.is_some(), exact.min().is_some());
            let worst = exact.steps(&ordered).map(|step| step.reference.abs_diff(step.current)).max().unwrap_or_default();
            // The sketch's own bound holds with 99 % confidence; bins are certain.
            let bound = ordered.rank_error() * 1.5 * exact.count() as f64 + 1.0;
            prop_assert!(worst as f64 <= bound, "{} {}", worst, bound);
        }
    }
}
