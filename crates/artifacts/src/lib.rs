//! Content on an object store: blobs named by their BLAKE3 digest, trees of them, and files of runs.
//!
//! | Module | Subject |
//! | --- | --- |
//! | [`SafePath`] | the one check that a path from outside passes |
//! | `blob` | streamed writes and verified, ranged reads |
//! | `chunking` | where a stream is cut, so that equal parts are stored once |
//! | `batch` | storing much at once: hashing, packing, writing in parallel |
//! | `layout` | which chunks make a blob |
//! | `packs` | many chunks in one object, and the index of what is in which |
//! | `reading` | chunks on their way out, each verified |
//! | `lease` | what tells a collector that somebody is writing |
//! | `names` | named data: a series of trees |
//! | `uploads` | files that arrive in parts |
//! | `working` | folders of this machine into trees and back |
//! | `transfer` | from one store to another, whatever they are |
//! | `collect` | garbage: marked from roots, condemned, thrown away, and restored |
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

mod batch;
mod blob;
mod bucket;
mod chunking;
mod collect;
mod config;
mod error;
mod files;
mod folder;
mod layout;
mod lease;
mod names;
mod packs;
mod path;
mod reading;
mod store;
mod transfer;
mod tree;
mod uploads;
mod working;

#[cfg(test)]
mod tests;

pub use batch::{Batch, Packer, Stored};
pub use blob::{Artifacts, Blob, BlobReader};
pub use collect::{
    AskRoots, CollectOptions, CollectReport, Collected, DamageReport, DamagedPart, Fate, FutureRoots, Root,
};
pub use config::{ArtifactsConfig, Limits};
pub use error::Error;
pub use files::{FileKind, Listed};
pub use names::{DataVersion, NamedData};
pub use path::SafePath;
pub use transfer::{Moved, PartId, Peer, Trust};
pub use tree::{Entry, StoredTree, Tree};
pub use uploads::{MOST_PARTS, Upload};
pub use working::{AddOptions, Added, Links, Step, Written};

/// What the functions of this room answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
