//! The database as its users see it, on both engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod asking;
mod crash;
mod event_log;
mod opening;
mod writing;
