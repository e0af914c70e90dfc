//! Engines that turn rows into predictions.
//!
//! A [`ModelFile`] is what a trainer writes: JSON, versioned, checked in every particular when it
//! is loaded, so that no bytes from outside can make an engine panic, hang or read out of bounds.
//! [`load`] turns it into a [`TrainedModel`]. The same evaluators serve and evaluate, one row or many,
//! and give the same bits either way.
//!
//! [`open()`] loads models of any kind as an [`Engine`]: our own, ONNX graphs of classical models, and
//! the files of XGBoost and LightGBM. No engine reads files or reaches hosts that a model names.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod batch;
mod boosters;
mod columns;
mod engine;
mod error;
mod eval;
mod explain;
mod forest;
mod model_file;
mod native;
mod onnx;
mod onnxruntime;
mod open;
mod python;
mod signature;
mod tensor;
#[cfg(test)]
mod tests;
mod trained;

pub use batch::{Batch, Input, Value};
pub use columns::{ColumnField, Columns};
pub use engine::{About, Engine};
pub use error::Error;
pub use explain::{ADDITIVE_WITHIN, Explanation};
pub use model_file::{
    Body, FORMAT, Fallback, Importance, LIMITS, Limits, ModelFile, SeasonalMean, Term, Trained, Tree,
    round_short,
};
pub use onnx::{Inspection, OnnxModel, inspect};
pub use onnxruntime::{LIBRARY_VARIABLE, Provider, RuntimeOptions, onnx_runtime};
pub use open::{Examination, Format, OpenOptions, examine, open, open_in_runtime};
pub use python::{Launch, PoolLimits, PythonInput, PythonModel, PythonOptions};
pub use signature::{FeatureKind, Field, Signature};
pub use tensor::{Data, ElementType, MOST_DIMENSIONS, Shape, Tensor, TensorSpec};
pub use trained::{TrainedModel, engine_of, load};
