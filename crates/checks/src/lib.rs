//! The check language: what must hold for data and models, and the verdicts.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`Check`] | one assertion, as written in `gingham.yaml` |
//! | `fit` | whether a check can be evaluated on a table of a given schema |
//! | `pass` | all checks of a table in one going-over of its rows, by columns, failing rows sampled |
//! | `compile`, `evaluate` | what is left to queries, and the results |
//! | `sound` | which rows hold every check that is more than a warning |
//! | [`Verdict`] | the results, in words |
//! | `rows` | rows in memory, or in a file that is read as the checks go |
//! | [`draft()`] | a minimal suite from what is there, with its false alarms measured |
//! | [`import`] | suites of Great Expectations, schemas of Pandera |
//! | [`report`] | results as JUnit, SARIF, Markdown, HTML |
//! | [`model`] | checks of a model version, with the same results |
//! | [`Drifts`] | what a check of drift asks of whoever compares |
//! | [`gate`] | rules for a model version: against a number, the baselines or the champion |
//! | [`store`] | verdicts in the database, by what they are about |
//!
//! Missing values never count as failures, except for `not_null`. A check that cannot be evaluated is an
//! error, never a pass.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod check;
mod compile;
mod draft;
mod drift;
mod error;
mod evaluate;
mod fit;
pub mod gate;
pub mod import;
mod kinds;
pub mod model;
mod pass;
pub mod report;
mod rows;
mod shape;
mod sound;
pub mod store;
mod verdict;
mod words;
mod written;

pub use check::{Bounds, Change, Check, CheckKind, Form, Measure, Operator, Order, Scalar, Severity};
pub use draft::{Draft, Drafted, draft};
pub use drift::{DriftBounds, DriftFound, Drifts};
pub use error::Error;
pub use evaluate::{Circumstances, evaluate, evaluate_rows};
pub use fit::{Misfit, fault, misfits, misfits_among};
pub use rows::Rows;
pub use sound::sound_rows;
pub use verdict::{CheckResult, Outcome, SampleRow, Verdict};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
