//! The prediction archive: every prediction and every label of every model, kept for years.
//!
//! A row goes to a write-ahead log, is acknowledged when it is flushed to the disk, can be asked for at once, and is
//! committed to a Delta table within a minute. Delta's own log carries the position in ours with each commit, so
//! that a crash at any moment neither loses nor doubles an acknowledged row.
//!
//! A row that is sent twice by its caller is kept twice: predictions are told apart by their id, and it is
//! not looked up.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod archive;
mod ask;
mod codec;
mod error;
mod faults;
mod layout;
mod row;
mod stream;
mod wal;
mod writer;

pub use archive::{Archive, ArchiveOptions, ArchiveStatus};
pub use error::{Error, Result};
pub use faults::{FaultPoint, Faults};
pub use row::{Cell, Label, Prediction, StoredLabel, StoredPrediction};
