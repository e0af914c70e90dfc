//! Bins whose edges are frozen from a reference.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sample::Sample;

/// How many bins of equal share of the reference a profile counts in.
pub const FINE_BINS: usize = 200;

/// How many of them the population stability index is taken over.
pub const COARSE_BINS: usize = 10;

/// Cut points taken from the quantiles of a reference: bins are `(a, b]`, the outer two are open.
///
/// Cut `i` of `n` is the reference value at position `floor(i * rows / n)` in order, each kept once; a column with few
/// different values has fewer bins. The deciles are among the fine cuts, so one set of counts serves both.
///
/// In JSON the cuts are decimal text, because counts may only be added while the cuts are equal to the last bit and
/// JSON readers round numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edges {
    #[serde(with = "exact")]
    cuts: Vec<f64>,
    /// Positions in `cuts` of the deciles.
    coarse: Vec<usize>,
}

impl Edges {
    /// The cuts of a reference; `None` when it has no values.
    #[must_use]
    pub fn from_reference(reference: &Sample) -> Option<Self> {
        let values = reference.values();
        let cut = |i: usize, of: usize| values.get(i * values.len() / of).copied();
        let mut cuts: Vec<f64> = (1..FINE_BINS).map(|i| cut(i, FINE_BINS)).collect::<Option<_>>()?;
        cuts.dedup();
        let mut coarse: Vec<usize> = (1..COARSE_BINS)
            .map(|i| cut(i, COARSE_BINS).map(|value| cuts.partition_point(|at| *at < value)))
            .collect::<Option<_>>()?;
        coarse.dedup();
        Some(Self { cuts, coarse })
    }

    /// The cut points, ascending.
    #[must_use]
    pub fn cuts(&self) -> &[f64] {
        &self.cuts
    }

    /// The cut points of the coarse bins, ascending.
    #[must_use]
    pub fn coarse_cuts(&self) -> Vec<f64> {
        self.coarse.iter().filter_map(|at| self.cuts.get(*at).copied()).collect()
    }

    /// The bins again from the counts that [`Bins::counts`] gave, for those who keep edges and counts apart; `None` when
    /// their number is not that of the bins.
    #[must_use]
    pub fn with_counts(&self, counts: Vec<u64>) -> Option<Bins> {
        (counts.len() == self.cuts.len() + 1).then(|| Bins { edges: self.clone(), counts })
    }

    /// Counts values (no NaN among them) into these bins.
    #[must_use]
    pub fn count(&self, values: &[f64]) -> Bins {
        let mut counts = vec![0_u64; self.cuts.len() + 1];
        for value in values {
            let bin = self.cuts.partition_point(|cut| cut < value);
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        Bins { edges: self.clone(), counts }
    }
}

/// Rows by bin of frozen [`Edges`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    edges: Edges,
    counts: Vec<u64>,
}

impl Bins {
    /// The edges that the rows were counted by.
    #[must_use]
    pub fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Rows in each fine bin.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Rows in each coarse bin, by which the population stability index is defined.
    #[must_use]
    pub fn coarse_counts(&self) -> Vec<u64> {
        let mut coarse = vec![0_u64; self.edges.coarse.len() + 1];
        for (bin, count) in self.counts.iter().enumerate() {
            let at = self.edges.coarse.partition_point(|cut| *cut < bin);
            if let Some(sum) = coarse.get_mut(at) {
                *sum += count;
            }
        }
        coarse
    }

    /// Adds the counts of other rows.
    ///
    /// # Errors
    /// [`Error::EdgesDiffer`] when they were counted by other edges.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.edges != other.edges || self.counts.len() != other.counts.len() {
            return Err(Error::EdgesDiffer);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        Ok(())
    }
}

/// Numbers as decimal text, read back to the last bit.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(cuts: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(cuts.iter().map(f64::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let cuts: Vec<f64> = Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|cut| cut.parse().map_err(de::Error::custom))
            .collect::<Result<_, _>>()?;
        if cuts.is_sorted_by(|left, right| left < right) {
            Ok(cuts)
        } else {
            Err(de::Error::custom("the cuts of bins ascend"))
        }
    }
}
