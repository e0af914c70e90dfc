//! Use cases on real rows, with real processes for training.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod comparing;
mod harness;
mod profiles;
mod pushing;
mod replaying;
mod training;
mod webhooks;
