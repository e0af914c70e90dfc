//! Named series of immutable table snapshots, each with schema, profile and origin.
//!
//! The rows themselves lie in a Delta table of the dataset's name; a dataset version is one version
//! of that table, under a number of its own, with the digest of its content. What is written here
//! never changes.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod error;
mod point;
mod store;
#[cfg(test)]
mod tests;
mod types;

pub use error::Error;
pub use point::{Pointer, Tag, remove_tag, resolve, set_tag, tags};
pub use store::{
    add_version, create_dataset, find_dataset, get_dataset, get_version, latest, list_datasets, list_versions,
};
pub use types::{Dataset, DatasetVersion, NewVersion};
