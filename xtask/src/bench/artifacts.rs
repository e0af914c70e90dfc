//! Artifacts and data beside DVC and MLflow's own server, in one run.

use std::time::Duration;

use anyhow::Result;

use super::Setting;
use super::figures::Figure;
use super::peers::Script;

/// What is measured, beside whom, and what we aim at.
const SCRIPT: Script = Script {
    file: "artifacts.py",
    packages: &["dvc==3.67.1", "mlflow==3.12.0"],
    deadline: Duration::from_secs(3 * 3_600),
    figures: &[
        ("small files: gingham add, CPU s", "s", "about 1 s for 10,000 files of 10 KB, with the push"),
        ("small files: gingham push, CPU s", "s", "about 1 s for 10,000 files of 10 KB, with the add"),
        ("small files: dvc / gingham, times the CPU", "times", "10"),
        ("small files, unchanged: gingham add, wall ms", "ms", "under 50 ms for 10,000 files"),
        ("many files, unchanged: gingham add, wall ms", "ms", "under 1,000 ms for 100,000 files"),
        ("large file: gingham add, CPU s", "s", "a tenth of DVC's"),
        ("large file: dvc / gingham, times the CPU", "times", "10"),
        ("1 MB put in: gingham store grew by MB", "MB", "under 2 MB"),
        ("1 MB put in: gingham remote grew by MB", "MB", "under 2 MB"),
        ("1 MB put in: dvc cache grew by MB", "MB", "DVC's"),
        ("1 MB put in: dvc / gingham, times the CPU", "times", "10"),
        ("gingham: most memory, MB", "MB", "under 200 MB"),
        ("artifact up: gingham / copying and hashing, times", "times", "1.5"),
        ("artifact down: gingham / copying and hashing, times", "times", "1.5"),
        ("artifact up: mlflow / gingham, times the server CPU", "times", "none stated"),
        ("artifact down: mlflow / gingham, times the server CPU", "times", "none stated"),
    ],
};

/// Adds, pushes, changes and fetches the same files with all of them.
pub fn artifacts(setting: &Setting) -> Result<Vec<Figure>> {
    SCRIPT.run(setting)
}
