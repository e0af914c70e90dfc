//! The real router over a real database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod access;
mod alerts;
mod archive_door;
mod cards;
mod data;
mod deployments;
mod document;
mod events;
mod glass;
mod harness;
mod held;
mod journey;
mod models;
mod notices;
mod pipelines;
mod predictions;
mod proven;
mod records;
mod requests;
mod reviews;
mod rollback;
mod runs;
mod stopping;
mod weakening;
