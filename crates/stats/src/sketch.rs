//! Quantiles and distinct counts from sketches of fixed size, in the Apache DataSketches layout.

use datasketches::common::SearchCriteria;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use datasketches::kll::{KllFloat, KllSketch};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base64;
use crate::error::Error;

/// 2^12 registers: the distinct count is within about 1.6 %.
const DISTINCT_LG_K: u8 = 12;

/// Quantiles of any number of values in a few kilobytes.
///
/// A KLL sketch with k = 200: ranks are within about 1.3 %, minimum and maximum are exact, and up to k values
/// everything is. Serialised as base64 of the DataSketches binary form. Above k the sketch drops values by coin
/// tosses, so two sketches of the same rows agree within the bound, not bit by bit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuantileSketch {
    sketch: KllSketch<KllFloat<f64>>,
}

impl QuantileSketch {
    /// Adds a value; NaN is left out.
    pub fn add(&mut self, value: f64) {
        if let Ok(value) = KllFloat::<f64>::new(value) {
            self.sketch.update(value);
        }
    }

    /// Adds everything another sketch has seen.
    ///
    /// # Errors
    /// When the other sketch is of an incompatible shape.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.sketch.merge(&other.sketch).map_err(|error| Error::BrokenSketch { reason: error.to_string() })
    }

    /// How many values it has seen.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.sketch.n()
    }

    /// The value below or at which the given share of values lies; `None` when empty or the share is not in 0..=1.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        self.sketch.quantile(share, SearchCriteria::Inclusive).ok().flatten().map(KllFloat::into_inner)
    }

    /// Several quantiles at once, cheaper than one by one.
    #[must_use]
    pub fn quantiles(&self, shares: &[f64]) -> Option<Vec<f64>> {
        let found = self.sketch.quantiles(shares, SearchCriteria::Inclusive).ok().flatten()?;
        Some(found.into_iter().map(KllFloat::into_inner).collect())
    }

    /// By how much a rank can be wrong, as a share (99 % confidence); 0 while exact.
    #[must_use]
    pub fn rank_error(&self) -> f64 {
        if self.sketch.is_estimation_mode() { self.sketch.normalized_rank_error() } else { 0.0 }
    }
}

impl Serialize for QuantileSketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.sketch.serialize()))
    }
}

impl<'de> Deserialize<'de> for QuantileSketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = read_base64(deserializer)?;
        let sketch = KllSketch::deserialize(&bytes).map_err(de::Error::custom)?;
        Ok(Self { sketch })
    }
}

/// How many different values there are, in at most a few kilobytes, within about 1.6 %.
///
/// A HyperLogLog sketch (2^12 registers); merging is exact: the sketch of a whole equals that of its parts merged.
#[derive(Debug, Clone, PartialEq)]
pub struct DistinctSketch {
    sketch: Option<HllSketch>,
}

impl Default for DistinctSketch {
    fn default() -> Self {
        Self { sketch: HllSketch::new(DISTINCT_LG_K, HllType::Hll8).ok() }
    }
}

impl DistinctSketch {
    /// Counts a number; 0 and -0 are one value.
    pub fn add_number(&mut self, value: f64) {
        if let Some(sketch) = &mut self.sketch {
            sketch.update((value + 0.0).to_bits());
        }
    }

    /// Counts a text.
    pub fn add_text(&mut self, value: &str) {
        if let Some(sketch) = &mut self.sketch {
            sketch.update(value);
        }
    }

    /// Adds everything another sketch has seen.
    pub fn merge(&mut self, other: &Self) {
        let (Some(mine), Some(theirs)) = (&self.sketch, &other.sketch) else {
            return;
        };
        if let Ok(mut union) = HllUnion::new(DISTINCT_LG_K) {
            union.update(mine);
            union.update(theirs);
            self.sketch = Some(union.to_sketch(HllType::Hll8));
        }
    }

    /// The estimated number of different values, independent of the order in which they came.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        self.sketch.as_ref().map_or(0.0, HllSketch::composite_estimate)
    }
}

impl Serialize for DistinctSketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut small = self.clone();
        if let (Some(sketch), Ok(mut union)) = (&self.sketch, HllUnion::new(DISTINCT_LG_K)) {
            union.update(sketch);
            small.sketch = Some(union.to_sketch(HllType::Hll4));
        }
        let bytes = small.sketch.as_ref().map(HllSketch::serialize).unwrap_or_default();
        serializer.serialize_str(&base64::encode(&bytes))
    }
}

impl<'de> Deserialize<'de> for DistinctSketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = read_base64(deserializer)?;
        let stored = HllSketch::deserialize(&bytes).map_err(de::Error::custom)?;
        let mut union = HllUnion::new(DISTINCT_LG_K).map_err(de::Error::custom)?;
        union.update(&stored);
        Ok(Self { sketch: Some(union.to_sketch(HllType::Hll8)) })
    }
}

fn read_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    base64::decode(&text).ok_or_else(|| de::Error::custom("a sketch is base64 text"))
}
