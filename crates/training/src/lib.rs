//! Built-in trainers for tables and forecasts, run in a child process.
//!
//! A [`Trainer`] turns rows in time order into an [`inference::ModelFile`]; [`train`] is the way
//! in. Equal rows, parameters and seeds give equal bytes, on any machine.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "tests fail by panicking and may print figures"
    )
)]

mod boosting;
mod categories;
mod error;
mod linear;
mod params;
mod seasonal_naive;
mod split;
mod task;
pub mod worker;

pub use error::Error;
pub use params::Param;
pub use split::{Split, split_by_time};
pub use task::{Progress, Silent, Task, Trainer, train, trainer, trainers};

#[cfg(test)]
mod quality;
