//! The words that every room shares: ids, times, pages, kinds of failure and events.
//!
//! Nothing here does I/O or knows a database, a table or a protocol.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")
)]

mod clock;
mod digest;
mod event;
mod failure;
pub mod id;
pub mod names;
mod page;
mod period;
mod timestamp;

pub use clock::{Clock, FixedClock, SystemClock};
pub use digest::{Digest, DigestError, Hasher};
pub use event::{Actor, Event, NewEvent, ObjectRef};
pub use failure::{Failure, Kind};
pub use page::{Page, PageRequest};
pub use period::{Period, PeriodError};
pub use timestamp::{TimeError, Timestamp};
