//! Experiments, runs, params, metrics, tags and their search, in MLflow's data model.
//!
//! Writes take a [`db::Tx`], so that callers can join them with others in one transaction; reads take anything that runs
//! statements. The search language ([`filter`]) is read without a database and compiled to SQL with bound values only.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

pub mod compare;
mod error;
pub mod filter;
pub mod limits;
mod points;
pub mod query;
mod run_name;
mod series;
mod store;
mod types;

pub use error::Error;
pub use run_name::run_name;
pub use series::Series;
use series::thin_out;
pub use store::*;
pub use types::{DatasetInput, Experiment, Found, Lifecycle, Metric, ModelLink, Run, RunStatus, View};
