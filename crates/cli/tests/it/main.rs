//! The real binary: what it prints, how it exits, and one short journey through it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod batch;
mod checking;
mod clusters;
mod doctor;
mod harness;
mod journey;
mod keeping;
mod mistakes;
mod repeatable;
mod replica;
mod runs;
mod sources;
mod starting;
mod traces;
