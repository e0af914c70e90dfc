//! Deployments: which version answers, how it is asked, and what is kept of each answer.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`oip`] | requests and answers of the Open Inference Protocol V2, as types |
//! | `rows` | whether a request fits a signature, with errors that name the field |
//! | [`Engine`] | what this room needs of a model; joined to an inference engine by the platform |
//! | [`PredictionSink`] | where predictions go; joined to the archive by the platform |
//! | [`Serving`] | the table of deployments: routing, swaps, limits, counters |
//! | [`store`] | deployments and their history in the database |
//!
//! A request is answered by exactly one version, the one that was current when it began. A new version answers
//! a row before it takes traffic; the old one goes when its last request is answered.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod counters;
mod deployment;
mod engine;
mod error;
mod histogram;
mod limiter;
pub mod oip;
mod rows;
mod serving;
mod sink;
pub mod store;
#[cfg(test)]
mod tests;

pub use counters::{LatencyMs, Stats};
pub use deployment::{Archiving, Draining, Loaded, Offer, Settings};
pub use engine::{Column, Engine, EngineFailure, FieldKind, InputField, Signature};
pub use error::Error;
pub use serving::{Described, Inference, Serving, Swap};
pub use sink::{Cell, PredictionSink, ServedPrediction, SinkFailure, SinkFuture};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
