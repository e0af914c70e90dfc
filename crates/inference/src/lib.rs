//! Engines that turn rows into predictions.
//!
//! A [`ModelFile`] is what a trainer writes: JSON, versioned, checked in every particular when it
//! is loaded, so that no bytes from outside can make an engine panic, hang or read out of bounds.
//! [`load`] turns it into an [`Engine`]. The same evaluators serve and evaluate, one row or many,
//! and give the same bits either way.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod batch;
mod engine;
mod error;
mod eval;
mod model_file;
mod signature;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Input, Value};
pub use engine::{Engine, engine_of, load};
pub use error::Error;
pub use model_file::{
    Body, FORMAT, Fallback, Importance, LIMITS, Limits, ModelFile, SeasonalMean, Term, Trained, Tree,
    round_short,
};
pub use signature::{FeatureKind, Field, Signature};
