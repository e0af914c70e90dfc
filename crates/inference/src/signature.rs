//! What a model takes and what it gives.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Error, LIMITS};

/// How a feature is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureKind {
    /// A quantity; a missing one is a NaN.
    Number,
    /// A word out of some set; words never seen in training are allowed.
    Category,
}

/// One named input, or the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name, unique among the inputs.
    pub name: String,
    /// How it is treated.
    pub kind: FeatureKind,
    /// Whether each row must have a value.
    #[serde(default)]
    pub required: bool,
}

impl Field {
    /// A number that may be missing.
    pub fn number(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: FeatureKind::Number, required: false }
    }

    /// A category that may be missing.
    pub fn category(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: FeatureKind::Category, required: false }
    }

    /// The same field, required in each row.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// The inputs of a model in their order, and its output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The features, in the order that a [`crate::Batch`] has them.
    pub inputs: Vec<Field>,
    /// What is predicted.
    pub output: Field,
}

impl Signature {
    /// The place of the input called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|field| field.name == name)
    }

    /// The input name that `word` was most likely meant to be.
    #[must_use]
    pub fn nearest(&self, word: &str) -> Option<&str> {
        base::names::nearest(word, self.inputs.iter().map(|field| field.name.as_str()))
    }

    /// Checks that names are there and unique, that there is at least one input and not too many,
    /// and that the output is a number.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |field: &Field, reason: &str| Error::BadSignature {
            field: field.name.clone(),
            reason: reason.to_owned(),
        };
        if self.inputs.is_empty() {
            return Err(wrong(&self.output, "a model needs at least one input"));
        }
        if self.inputs.len() > LIMITS.inputs {
            return Err(Error::TooLarge { what: "inputs", found: self.inputs.len(), most: LIMITS.inputs });
        }
        let mut seen = HashSet::new();
        for field in &self.inputs {
            if field.name.is_empty() {
                return Err(wrong(field, "an input needs a name"));
            }
            if !seen.insert(field.name.as_str()) {
                return Err(wrong(field, "two inputs have this name"));
            }
        }
        if self.output.kind != FeatureKind::Number {
            return Err(wrong(&self.output, "only numbers can be predicted by this format"));
        }
        Ok(())
    }
}
