//! How long building takes: from nothing, and after an edit in one room.

use std::path::Path;
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};

use super::Setting;
use super::figures::Figure;
use crate::process::Program;
use crate::repository;

/// A build of the binary in an empty build folder; crates are fetched beforehand.
pub fn clean(setting: &Setting) -> Result<Vec<Figure>> {
    Program::cargo()?.args(["fetch", "--quiet"]).run_or_fail()?;
    let target = setting.folder.join("target");
    let seconds = build(&target)?;
    std::fs::remove_dir_all(&target)?;
    Ok(vec![Figure { name: "clean build", values: vec![seconds], unit: "s", aim: "none stated" }])
}

/// Builds of the binary after a touch of one file: low down, in a domain, at the top.
pub fn incremental(_: &Setting) -> Result<Vec<Figure>> {
    let target = repository::target_folder()?;
    build(&target)?;
    let mut figures = Vec::new();
    for (name, file) in [
        ("build after an edit in `tables`", "crates/tables/src/lib.rs"),
        ("build after an edit in `registry`", "crates/registry/src/lib.rs"),
        ("build after an edit in `cli`", "crates/cli/src/main.rs"),
    ] {
        let mut values = Vec::new();
        for _ in 0..3 {
            touch(&repository::root()?.join(file))?;
            values.push(build(&target)?);
        }
        figures.push(Figure { name, values, unit: "s", aim: "none stated" });
    }
    Ok(figures)
}

/// Builds the binary and answers how many seconds it took.
fn build(target: &Path) -> Result<f64> {
    let start = Instant::now();
    Program::cargo()?
        .args(["build", "--package", "cli", "--bin", "gingham", "--quiet"])
        .env("CARGO_TARGET_DIR", target.to_string_lossy())
        .run_or_fail()?;
    Ok(start.elapsed().as_secs_f64())
}

fn touch(file: &Path) -> Result<()> {
    let opened = std::fs::File::options().append(true).open(file);
    opened
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("`{}`", file.display()))
}
