//! Thirty checks over a million rows beside Great Expectations, in one run.

use std::time::Duration;

use anyhow::Result;

use super::Setting;
use super::figures::Figure;
use super::peers::Script;

/// What is measured, beside whom, and what we aim at.
const SCRIPT: Script = Script {
    file: "checks.py",
    packages: &["great-expectations==1.24.1", "pyarrow"],
    deadline: Duration::from_secs(1_800),
    figures: &[
        ("checks: bare scan with Arrow, CPU s", "s", "none stated"),
        ("checks: gingham, CPU s", "s", "1 s for 30 checks over 1 million rows of 25 columns"),
        ("checks: gingham, memory MB", "MB", "independent of the number of rows"),
        ("checks: gingham, memory MB for a fifth of the rows", "MB", "as for all of them"),
        ("checks: Great Expectations, CPU s", "s", "none stated"),
        ("checks: Great Expectations, memory MB", "MB", "none stated"),
        ("checks: Great Expectations / gingham, times the CPU", "times", "20"),
    ],
};

/// Evaluates the same thirty checks with both, and compares what they found.
pub fn beside_great_expectations(setting: &Setting) -> Result<Vec<Figure>> {
    SCRIPT.run(setting)
}
