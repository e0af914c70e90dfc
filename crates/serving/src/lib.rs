//! Deployments: which version answers, how it is asked, and what is kept of each answer.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`oip`] | requests and answers of the Open Inference Protocol V2, as types |
//! | `rows` | whether a request fits a signature, with errors that name the field |
//! | [`Engine`] | what this room needs of a model; joined to an inference engine by the platform |
//! | [`PredictionSink`] | where predictions go; joined to the archive by the platform |
//! | [`Serving`] | the table of deployments: routing, swaps, limits, counters |
//! | [`Traffic`] | which version answers which requests: canary, shadow, fallback, and when one is taken back |
//! | `batcher` | requests that come together are computed together |
//! | [`store`] | deployments and their history in the database |
//!
//! A request is answered by exactly one version, the one that was current when it began. A new version answers
//! a row before it takes traffic; the old one goes when its last request is answered.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

pub mod abtest;
mod batcher;
mod counters;
mod deployment;
mod device;
mod engine;
mod error;
mod histogram;
mod infer;
mod limiter;
pub mod oip;
mod outputs;
mod predict;
mod record;
mod routing;
mod rows;
mod serving;
mod shadow;
mod sink;
pub mod store;
#[cfg(test)]
mod tests;
mod traffic;
pub mod traffic_store;
mod wide;
mod window;

pub use counters::{LatencyMs, Stats, Sums};
pub use deployment::{Archiving, Batching, Draining, Loaded, Offer, Settings};
pub use device::Device;
pub use engine::{
    Answer, Column, Cost, Engine, EngineFailure, FieldKind, InputField, InputTensor, Output, OutputKind,
    Place, Signature, Values,
};
pub use error::Error;
pub use infer::Inference;
pub use routing::{Route, Variant};
pub use serving::{Beside, Branch, Described, Serving, Swap};
pub use shadow::Comparison;
pub use sink::{Cell, PredictionSink, ServedPrediction, SinkFailure, SinkFuture};
pub use traffic::{Canary, Fallback, Loss, Rollback, Shadow, Sticky, Target, TestRule, Traffic, place};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
