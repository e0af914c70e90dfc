//! The file that holds a trained model: JSON with a format number.
//!
//! Words become codes by the file's vocabularies: the place of the word, or the length of the
//! vocabulary for a word that is not in it. A missing word, like a missing number, is NaN.
//! Numbers that trainers write have few digits (see [`round_short`]), so that every JSON reader
//! gives back the same bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Signature, engine_of};

/// The newest format that this release reads, and the one it writes.
pub const FORMAT: u64 = 1;

/// How large a model may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Inputs of the signature.
    pub inputs: usize,
    /// Words of all vocabularies together.
    pub words: usize,
    /// Trees.
    pub trees: usize,
    /// Nodes of all trees together.
    pub nodes: usize,
    /// Steps from the root of a tree to its deepest leaf.
    pub depth: usize,
    /// Outputs, or classes.
    pub outputs: usize,
    /// Operators of a graph.
    pub operators: usize,
    /// Elements of what is computed when a graph is loaded.
    pub folded_elements: usize,
}

/// The limits that [`crate::load`] holds every file to.
pub const LIMITS: Limits = Limits {
    bytes: 256 * 1024 * 1024,
    inputs: 10_000,
    words: 1_000_000,
    trees: 100_000,
    nodes: 20_000_000,
    depth: 4_096,
    outputs: 10_000,
    operators: 50_000,
    folded_elements: 16_000_000,
};

/// A trained model as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The format, [`FORMAT`].
    pub format: u64,
    /// What goes in and what comes out.
    pub signature: Signature,
    /// The known words of each category, by input name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vocabularies: BTreeMap<String, Vec<String>>,
    /// The model itself.
    pub body: Body,
    /// How it came to be; not used for predicting.
    pub trained: Trained,
}

/// The model itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// The value of one input; where it is missing the mean of like rows, or else of all rows.
    SeasonalNaive {
        /// The input whose value is the prediction.
        column: String,
        /// Means by the value of another input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fallback: Option<Fallback>,
        /// The mean of all rows.
        mean: f64,
    },
    /// An intercept and a sum of terms.
    Linear {
        /// The prediction where all terms are zero.
        intercept: f64,
        /// What each input adds.
        terms: Vec<Term>,
    },
    /// A base value and a sum of trees.
    Trees {
        /// The prediction without trees.
        base: f64,
        /// The trees, added in this order.
        trees: Vec<Tree>,
    },
}

/// Means by the value of an input, such as the hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// The input.
    pub column: String,
    /// Its values, ascending, with their means.
    pub means: Vec<SeasonalMean>,
}

/// The mean of the target over the training rows with one value of an input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeasonalMean {
    /// The value of the input.
    pub value: f64,
    /// The mean.
    pub mean: f64,
}

/// What one input adds to a linear model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Term {
    /// `(value - mean) / scale * weight`, or `missing_weight` where there is no value.
    Number {
        /// The input.
        input: String,
        /// The mean of the training rows.
        mean: f64,
        /// Their standard deviation; never zero.
        scale: f64,
        /// The weight of the standardised value.
        weight: f64,
        /// What a missing value adds.
        missing_weight: f64,
    },
    /// A weight for each word of the vocabulary.
    Category {
        /// The input.
        input: String,
        /// The weights, in the order of the vocabulary.
        weights: Vec<f64>,
        /// What a word outside the vocabulary adds.
        unknown_weight: f64,
        /// What a missing word adds.
        missing_weight: f64,
    },
}

/// One tree: parallel lists with an entry a node, the root first, children after their parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The input a node asks about, as its place in the signature; -1 for a leaf.
    pub feature: Vec<i64>,
    /// The threshold (at most that goes left); the value of a leaf; 0 for a node with a set.
    pub value: Vec<f64>,
    /// The left child; the right one follows it. 0 for a leaf.
    pub left: Vec<u64>,
    /// The nodes at which a missing value goes left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_left: Vec<u64>,
    /// For nodes that ask about a category: the codes that go left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<u64, Vec<u64>>,
}

/// How a model came to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// The trainer.
    pub trainer: String,
    /// The parameters it ran with, defaults included.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The seed.
    #[serde(default)]
    pub seed: u64,
    /// How many rows it learnt from.
    #[serde(default)]
    pub rows: u64,
    /// How much each feature helped, the most helpful first.
    #[serde(default)]
    pub importance: Vec<Importance>,
    /// Figures of the training, such as `validation_mae` and `trees`.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
}

/// How much one feature helped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// The share of the loss it took away, from 0 to 1.
    pub gain: f64,
}

#[derive(Deserialize)]
struct Head {
    format: u64,
}

impl ModelFile {
    /// Reads a file. The result is well-formed but not yet checked: see [`ModelFile::check`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > LIMITS.bytes {
            return Err(Error::TooLarge { what: "bytes", found: bytes.len(), most: LIMITS.bytes });
        }
        let read = serde_json::from_slice::<Self>(bytes);
        // What a newer release wrote may have any shape beyond its number.
        let format = match &read {
            Ok(file) => Some(file.format),
            Err(_) => serde_json::from_slice::<Head>(bytes).ok().map(|head| head.format),
        };
        match (format, read) {
            (Some(found), _) if found > FORMAT => Err(Error::NewerFormat { found, readable: FORMAT }),
            (Some(found), Ok(_)) if found < FORMAT => Err(Error::Damaged {
                place: "format".to_owned(),
                reason: format!("there is no format {found}"),
            }),
            (_, Ok(file)) => Ok(file),
            (_, Err(error)) => Err(Error::NotAModel { reason: error.to_string() }),
        }
    }

    /// The bytes to store; equal models give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| Error::NotAModel { reason: error.to_string() })
    }

    /// Checks everything that [`crate::load`] checks.
    pub fn check(&self) -> Result<(), Error> {
        engine_of(self).map(|_| ())
    }
}

/// The number with nine significant digits that is nearest to `value`.
///
/// Nine digits are far below what a model can know, keep files small, and survive every JSON
/// reader bit for bit. Magnitudes under 1e-12 become zero.
#[must_use]
pub fn round_short(value: f64) -> f64 {
    if !value.is_finite() || value.abs() < 1e-12 {
        return if value.is_finite() { 0.0 } else { value };
    }
    format!("{value:.8e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_numbers_survive_json_bit_for_bit(value in -1e12f64..1e12, exponent in -12i32..12) {
            let short = round_short(value * 10f64.powi(exponent));
            let text = serde_json::to_string(&short).unwrap();
            prop_assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), short.to_bits());
        }
    }

    #[test]
    fn rounding_keeps_nine_digits() {
        assert_eq!(round_short(123_456.789_123), 123_456.789);
        assert_eq!(round_short(1e-13), 0.0);
        assert!(round_short(f64::NAN).is_nan());
    }
}
