//! The tests of the workspace.

use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use crate::process::Program;
use crate::setup;

/// A clean build on two cores takes some twenty minutes of it.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// Runs nextest, or `cargo test` where it is not installed.
pub fn run() -> Result<Outcome> {
    if let Err(reason) = setup::postgres() {
        println!("store tests run on SQLite only: {reason}");
    }
    let nextest = Program::cargo()?.args(["nextest", "--version"]).run_quietly()?.success;
    if !nextest {
        return Ok(Outcome::Skipped(
            "cargo-nextest is not installed: `cargo install cargo-nextest`".to_owned(),
        ));
    }
    let ended = Program::cargo()?
        .args(["nextest", "run", "--workspace", "--no-fail-fast"])
        .deadline(DEADLINE)
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}
