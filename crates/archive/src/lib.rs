//! The prediction archive: every prediction and every label of every model, kept for years.
//!
//! A row goes to a write-ahead log, is acknowledged when it is flushed to the disk, can be asked for at once, and is
//! committed to a Delta table within a minute. Delta's own log carries the position in ours with each commit, so
//! that a crash at any moment neither loses nor doubles an acknowledged row.
//!
//! Deployments of this process make their ids themselves, and [`Archive::append`] does not look them up. Rows that come
//! from elsewhere may be sent again after a lost answer: [`Archive::append_new`] keeps each id once.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod archive;
mod arriving;
mod ask;
mod codec;
mod columns;
mod error;
mod faults;
mod forget;
mod layout;
mod look_up;
mod mask;
mod once;
mod row;
mod stream;
mod wal;
mod writer;

pub use archive::{Archive, ArchiveOptions, ArchiveStatus};
pub use arriving::Arriving;
pub use columns::Ids;
pub use error::{Error, Result};
pub use faults::{FaultPoint, Faults};
pub use forget::{Erased, Expired};
pub use layout::feature_column;
pub use once::Appended;
pub use row::{Cell, Label, Name, Prediction, StoredLabel, StoredPrediction};
