//! Applying, looking, drift and removal against a stand-in for the API server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod applying;
mod drifting;
mod harness;
mod refusals;
