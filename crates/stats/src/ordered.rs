//! Values in order from a stream: exact up to a limit, then within a bound that holds for any data.

/// How many values stay exact when nothing else is said.
pub const EXACT_VALUES: usize = 1 << 21;

/// How many values a level holds once the stream is longer than the limit.
const LEVEL: usize = 1 << 17;

/// Collects a stream of numbers.
///
/// Up to the limit every value is kept. Beyond it, full levels are sorted and every other value is passed on with twice
/// the weight (Manku, Rajagopalan and Lindsay, 1998), so that memory grows with the logarithm of the rows only. A
/// compaction at weight `w` moves no rank by more than `w`; the sum over all of them is known and reported.
#[derive(Debug, Clone)]
pub struct Gathering {
    limit: Option<usize>,
    exact: bool,
    levels: Vec<Vec<f64>>,
    odd: Vec<bool>,
    count: u64,
    rank_slack: u64,
}

impl Gathering {
    /// Keeps up to `limit` values exactly; all of them without a limit.
    #[must_use]
    pub fn new(limit: Option<usize>) -> Self {
        Self { limit, exact: true, levels: vec![Vec::new()], odd: vec![false], count: 0, rank_slack: 0 }
    }

    /// Adds finite values; the caller leaves out NaN and infinities.
    pub fn extend(&mut self, values: &[f64]) {
        for part in values.chunks(LEVEL) {
            self.count += part.len() as u64;
            if let Some(lowest) = self.levels.first_mut() {
                lowest.extend_from_slice(part);
            }
            if self.exact && self.limit.is_some_and(|limit| self.count > limit as u64) {
                self.exact = false;
            }
            if !self.exact {
                self.compact();
            }
        }
    }

    fn compact(&mut self) {
        let mut level = 0;
        while let Some(values) = self.levels.get_mut(level) {
            if values.len() < LEVEL {
                break;
            }
            let mut full = std::mem::take(values);
            sort(&mut full);
            // An odd one stays where it is, so that no weight is lost.
            let rest = if full.len() % 2 == 1 { full.pop() } else { None };
            values.extend(rest);
            let skip = self.odd.get_mut(level).is_some_and(|odd| {
                *odd = !*odd;
                *odd
            });
            self.rank_slack += 1_u64 << level;
            if self.levels.len() == level + 1 {
                self.levels.push(Vec::new());
                self.odd.push(false);
            }
            if let Some(next) = self.levels.get_mut(level + 1) {
                next.extend(full.iter().skip(usize::from(skip)).step_by(2));
            }
            level += 1;
        }
    }

    /// The values that are kept, in no order.
    pub(crate) fn kept(&self) -> impl Iterator<Item = f64> {
        self.levels.iter().flatten().copied()
    }

    /// Puts everything in order.
    #[must_use]
    pub fn finish(self) -> Ordered {
        let rank_error = if self.count == 0 { 0.0 } else { self.rank_slack as f64 / self.count as f64 };
        let mut levels = self.levels.into_iter();
        let mut lowest = levels.next().unwrap_or_default();
        if self.exact {
            sort(&mut lowest);
            return Ordered { values: lowest, cumulative: None, total: self.count, rank_error: 0.0 };
        }
        let mut weighted: Vec<(f64, u64)> = lowest.into_iter().map(|value| (value, 1)).collect();
        for (level, values) in levels.enumerate() {
            weighted.extend(values.into_iter().map(|value| (value, 2_u64 << level)));
        }
        weighted.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        let mut sum = 0;
        let cumulative = weighted
            .iter()
            .map(|(_, weight)| {
                sum += weight;
                sum
            })
            .collect();
        let values = weighted.into_iter().map(|(value, _)| value).collect();
        Ordered { values, cumulative: Some(cumulative), total: sum, rank_error }
    }
}

/// Sorts finite values, -0 as 0, through whole numbers of the same order: faster than comparing floats.
fn sort(values: &mut [f64]) {
    const SIGN: u64 = 1 << 63;
    let mut keys: Vec<u64> = values
        .iter()
        .map(|value| {
            let bits = (value + 0.0).to_bits();
            if bits & SIGN == 0 { bits | SIGN } else { !bits }
        })
        .collect();
    keys.sort_unstable();
    for (value, key) in values.iter_mut().zip(keys) {
        *value = f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN });
    }
}

/// Finite values in ascending order, each standing for one or more rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ordered {
    values: Vec<f64>,
    cumulative: Option<Vec<u64>>,
    total: u64,
    rank_error: f64,
}

impl Ordered {
    /// Puts values in order, leaving out NaN and infinities.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let kept: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let mut all = Gathering::new(None);
        all.extend(&kept);
        all.finish()
    }

    /// Values of which each stands for so many rows, in any order; not-finite ones and those without rows are left out.
    /// `rank_error` says by how much a share of rows below a value can be wrong because of it.
    #[must_use]
    pub fn weighted(values: impl IntoIterator<Item = (f64, u64)>, rank_error: f64) -> Self {
        let mut kept: Vec<(f64, u64)> =
            values.into_iter().filter(|(value, rows)| value.is_finite() && *rows > 0).collect();
        kept.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        let mut total = 0;
        let cumulative = kept
            .iter()
            .map(|(_, rows)| {
                total += rows;
                total
            })
            .collect();
        let values = kept.into_iter().map(|(value, _)| value + 0.0).collect();
        Self { values, cumulative: Some(cumulative), total, rank_error }
    }

    /// The values in order with the rows that each stands for.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut before = 0;
        self.values.iter().enumerate().map(move |(index, value)| {
            let to = self.rows_to(index + 1);
            let rows = to - before;
            before = to;
            (*value, rows)
        })
    }

    /// How many rows it stands for.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.total
    }

    /// By how much a share of rows below a value can be wrong: 0 when exact, else a bound that holds for any data.
    #[must_use]
    pub fn rank_error(&self) -> f64 {
        self.rank_error
    }

    /// Least value.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.values.first().copied()
    }

    /// Greatest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.values.last().copied()
    }

    /// The value at a place in order, counted from 0.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<f64> {
        if place >= self.total {
            return None;
        }
        let index = match &self.cumulative {
            None => usize::try_from(place).ok()?,
            Some(cumulative) => cumulative.partition_point(|sum| *sum <= place),
        };
        self.values.get(index).copied()
    }

    /// Quantile with linear interpolation (type 7, as numpy's default); `None` when empty or `share` is not in 0..=1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        let place = share * self.total.checked_sub(1)? as f64;
        let (below, part) = (place.floor(), place.fract());
        let low = self.at(below as u64)?;
        let high = self.at(below as u64 + 1).unwrap_or(low);
        Some(low + (high - low) * part)
    }

    /// Rows at or below a value.
    #[must_use]
    pub fn count_to(&self, value: f64) -> u64 {
        let index = self.values.partition_point(|own| *own <= value);
        match (&self.cumulative, index) {
            (_, 0) => 0,
            (None, index) => index as u64,
            (Some(cumulative), index) => cumulative.get(index - 1).copied().unwrap_or_default(),
        }
    }

    /// Rows in the bins `(a, b]` between ascending cuts, the outer two open.
    #[must_use]
    pub fn counts(&self, cuts: &[f64]) -> Vec<u64> {
        let mut before = 0;
        let mut counts: Vec<u64> = cuts
            .iter()
            .map(|cut| {
                let to = self.count_to(*cut);
                let count = to - before;
                before = to;
                count
            })
            .collect();
        counts.push(self.total - before);
        counts
    }

    /// Cuts at `bins` equal shares of the rows, each kept once: cut `i` is the value at place `floor(i rows / bins)`.
    #[must_use]
    pub fn cuts(&self, bins: u64) -> Vec<f64> {
        let mut cuts: Vec<f64> = (1..bins)
            .filter_map(|i| {
                self.at(u64::try_from(u128::from(i) * u128::from(self.total) / u128::from(bins)).ok()?)
            })
            .collect();
        cuts.dedup();
        cuts
    }

    /// How many different values there are, if every value is kept.
    #[must_use]
    pub fn distinct(&self) -> Option<u64> {
        if self.cumulative.is_some() {
            return None;
        }
        let mut different = u64::from(!self.values.is_empty());
        for (left, right) in self.values.iter().zip(self.values.iter().skip(1)) {
            different += u64::from(left != right);
        }
        Some(different)
    }

    /// The distinct pooled values, ascending, with the rows of each side at or below them.
    pub(crate) fn steps<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Step> + 'a {
        let (mut i, mut j) = (0, 0);
        std::iter::from_fn(move || {
            let value = match (self.values.get(i), other.values.get(j)) {
                (Some(a), Some(b)) => a.min(*b),
                (Some(a), None) => *a,
                (None, Some(b)) => *b,
                (None, None) => return None,
            };
            while self.values.get(i).is_some_and(|next| *next <= value) {
                i += 1;
            }
            while other.values.get(j).is_some_and(|next| *next <= value) {
                j += 1;
            }
            Some(Step { value, reference: self.rows_to(i), current: other.rows_to(j) })
        })
    }

    fn rows_to(&self, index: usize) -> u64 {
        match (&self.cumulative, index) {
            (None, _) => index as u64,
            (Some(_), 0) => 0,
            (Some(cumulative), _) => cumulative.get(index - 1).copied().unwrap_or_default(),
        }
    }
}

/// One distinct pooled value.
pub(crate) struct Step {
    pub(crate) value: f64,
    pub(crate) reference: u64,
    pub(crate) current: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_stream_stays_within_its_bound_and_small() {
        let mut sketch = Gathering::new(Some(1_000));
        let rows = 3_000_000_u64;
        let mut state = 7_u64;
        let mut block = Vec::new();
        for _ in 0..rows {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            block.push((state >> 11) as f64 / (1_u64 << 53) as f64);
            if block.len() == 10_000 {
                sketch.extend(&block);
                block.clear();
            }
        }
        let held: usize = sketch.levels.iter().map(Vec::len).sum();
        assert!(held < 8 * LEVEL, "{held}");
        let ordered = sketch.finish();
        assert_eq!(ordered.count(), rows);
        assert!(ordered.rank_error() > 0.0 && ordered.rank_error() < 1e-4, "{}", ordered.rank_error());
        for share in [0.001, 0.1, 0.5, 0.9, 0.999] {
            let value = ordered.quantile(share).unwrap();
            assert!((value - share).abs() < ordered.rank_error() + 0.002, "{share} {value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn ranks_are_never_off_by_more_than_the_bound(seed in 0_u64..1_000, shape in 0_usize..4) {
            let rows = 600_000_u64;
            let value = |row: u64| {
                let mixed = (row ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
                match shape {
                    0 => row as f64,
                    1 => (rows - row) as f64,
                    2 => (mixed % 1_000) as f64,
                    _ => (mixed as f64 / u64::MAX as f64).powi(9),
                }
            };
            let all: Vec<f64> = (0..rows).map(value).collect();
            let mut sketch = Gathering::new(Some(10));
            for part in all.chunks(7_919) {
                sketch.extend(part);
            }
            let (sketch, exact) = (sketch.finish(), Ordered::of(all));
            prop_assert_eq!(sketch.count(), exact.count());
            let worst = exact
                .steps(&sketch)
                .map(|step| step.reference.abs_diff(step.current))
                .max()
                .unwrap_or_default();
            prop_assert!(worst as f64 <= sketch.rank_error() * rows as f64 + 0.5, "{}", worst);
        }
    }

    #[test]
    fn places_and_counts_agree_with_sorting() {
        let ordered = Ordered::of([3.0, -0.0, 1.0, 0.0, f64::NAN, 1.0]);
        assert_eq!((ordered.count(), ordered.distinct()), (5, Some(3)));
        assert_eq!((ordered.min(), ordered.max()), (Some(0.0), Some(3.0)));
        assert_eq!(ordered.counts(&[0.0, 1.0]), [2, 2, 1]);
        assert_eq!(ordered.quantile(0.5), Some(1.0));
        assert_eq!(ordered.cuts(5), [0.0, 1.0, 3.0]);
    }
}
