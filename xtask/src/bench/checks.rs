//! Thirty checks over a million rows beside Great Expectations, in one run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::figures::Figure;
use super::{Setting, peers};
use crate::process::Program;
use crate::repository;

/// What is measured beside us.
const PEERS: &[&str] = &["great-expectations==1.24.1", "pyarrow"];
const DEADLINE: Duration = Duration::from_secs(1_800);

/// What the script measures, and what we aim at.
const FIGURES: &[(&str, &str, &str)] = &[
    ("checks: gingham, CPU s", "s", "1 s for 30 checks over 1 million rows of 25 columns"),
    ("checks: gingham, memory MB", "MB", "independent of the number of rows"),
    ("checks: gingham, memory MB for a fifth of the rows", "MB", "as for all of them"),
    ("checks: Great Expectations, CPU s", "s", "none stated"),
    ("checks: Great Expectations, memory MB", "MB", "none stated"),
    ("checks: Great Expectations / gingham, times the CPU", "times", "20"),
];

/// Evaluates the same thirty checks with both, and compares what they found.
pub fn beside_great_expectations(setting: &Setting) -> Result<Vec<Figure>> {
    let python = peers::environment(PEERS)?;
    let folder = setting.folder.join("checks");
    let mut program = Program::new(python)
        .arg(repository::root()?.join("benches/checks.py").to_string_lossy())
        .args([setting.binary.to_string_lossy(), folder.to_string_lossy()])
        .deadline(DEADLINE);
    if setting.quick {
        program = program.arg("--quick");
    }
    let printed = program.stdout()?;
    let found: BTreeMap<String, f64> =
        serde_json::from_slice(&printed).context("the script printed something else than its figures")?;
    let figure = |(name, unit, aim): &(&'static str, &'static str, &'static str)| {
        Some(Figure { name, values: vec![*found.get(*name)?], unit, aim })
    };
    Ok(FIGURES.iter().filter_map(figure).collect())
}
