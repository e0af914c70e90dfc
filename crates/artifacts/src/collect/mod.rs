//! Garbage: marked from roots, condemned, thrown away after a while, and restored if need be.
//!
//! Nothing that is reachable goes, whoever writes meanwhile:
//!
//! 1. What no root reaches is found. Packs that hold little else, and are older than the grace
//!    period, are **condemned**: from now on no writer relies on what they hold, but writes it anew.
//! 2. When they have been condemned for the grace period, and every writer that began before has
//!    ended, the roots are marked anew. What of a condemned pack has become reachable is copied to
//!    another pack; then the pack is moved to the **bin**.
//! 3. The bin is emptied of what has lain in it for the bin period. Until then a reader that misses
//!    something takes it back by itself, and so does the next mark.
//!
//! If a root cannot be read nothing is removed, since nobody knows what it reaches.

pub(crate) mod bin;
mod mark;
mod run;
pub(crate) mod state;
mod verify;

#[cfg(test)]
mod tests;

use base::{Digest, Period};
use serde::{Deserialize, Serialize};

pub use run::{AskRoots, FutureRoots};
pub use verify::{DamageReport, DamagedPart};

/// Something that must be kept, with everything it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// A blob or a tree.
    pub digest: Digest,
    /// What refers to it, such as `model traffic version 3`.
    pub why: String,
    /// Whether nothing is collected as long as it is missing. Otherwise it may name something elsewhere.
    pub must_be_there: bool,
}

/// How garbage is collected.
#[derive(Debug, Clone, Copy)]
pub struct CollectOptions {
    /// How long nothing may have referred to something, and how long it stays condemned.
    pub grace: Period,
    /// How long something stays in the bin.
    pub keep_in_bin: Period,
    /// Only tells what would be done.
    pub dry_run: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        Self { grace: Period::from_days(1), keep_in_bin: Period::from_days(7), dry_run: false }
    }
}

/// What was collected, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectReport {
    /// Whether it only tells.
    pub dry_run: bool,
    /// Roots that were marked.
    pub roots: u64,
    /// Bytes that the roots reach, as they are stored.
    pub reachable_bytes: u64,
    /// Bytes that nothing reaches, as they are stored.
    pub unreachable_bytes: u64,
    /// What was found unreachable, the largest first; at most 1,000.
    pub found: Vec<Collected>,
    /// Bytes that went to the bin.
    pub thrown_away_bytes: u64,
    /// Bytes in the bin.
    pub in_bin_bytes: u64,
    /// Bytes that left the bin for good.
    pub emptied_bytes: u64,
    /// Writers that are at work; what they may rely on stays.
    pub writers: u64,
}

/// One object of the store that holds what nothing reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// The object.
    pub object: String,
    /// Bytes in it that nothing reaches.
    pub unreachable_bytes: u64,
    /// Bytes in it that are reachable; they are copied before it goes.
    pub reachable_bytes: u64,
    /// What happens with it.
    pub fate: Fate,
    /// Why.
    pub why: String,
}

/// What happens with garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It stays: too young, or too little of its pack is garbage.
    Stays,
    /// Nothing new relies on it; it goes when the grace period is over.
    Condemned,
    /// It is in the bin.
    ThrownAway,
}
