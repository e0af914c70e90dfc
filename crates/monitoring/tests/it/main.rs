//! Facts about windows, alerts and the real example, through the public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod alerts;
mod evaluate;
mod foresight;
mod simulate;
mod traffic;
mod unchanged;
