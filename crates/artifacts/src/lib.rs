//! Content on an object store: blobs named by their BLAKE3 digest, trees of them, and files of runs.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`SafePath`] | the one check that a path from outside passes |
//! | `blob` | streamed writes and verified, ranged reads |
//! | `chunking` | where a stream is cut, so that equal parts are stored once |
//! | `tree` | folders as manifests |
//! | `files` | the namespace behind MLflow's artifact paths |
//! | `store` | a folder or an `s3://` bucket under one set of promises |
//!
//! What is acknowledged is durable: on a folder each object is written under a temporary name,
//! flushed, renamed, and its folder flushed. Nothing here is ever half visible.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod blob;
mod chunking;
mod config;
mod error;
mod files;
mod folder;
mod path;
mod store;
mod tree;

#[cfg(test)]
mod tests;

pub use blob::{Artifacts, Blob, BlobReader};
pub use config::{ArtifactsConfig, Limits};
pub use error::Error;
pub use files::{FileKind, Listed};
pub use path::SafePath;
pub use tree::{Entry, StoredTree, Tree};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
