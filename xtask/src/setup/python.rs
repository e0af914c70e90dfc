//! A Python environment with the packages that tests of real clients need, kept in the cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Obstacle;
use super::stamp::Stamp;
use crate::process::{self, Program};
use crate::repository;

/// What the environment holds, relative to the root.
const REQUIREMENTS: &str = "python/tests/requirements.txt";

/// The interpreter of the environment; made when the requirements changed.
pub fn environment() -> Result<PathBuf, Obstacle> {
    environment_of(REQUIREMENTS)
}

/// The interpreter of an environment with the packages of a file, named relative to the root.
pub fn environment_of(requirements: &'static str) -> Result<PathBuf, Obstacle> {
    let root = repository::root()?;
    if !root.join(requirements).is_file() {
        return Err(Obstacle::Missing(format!("there is no {requirements}")));
    }
    if process::find("python3").is_none() {
        return Err(Obstacle::missing("python3 is not installed"));
    }
    Ok(make(&root, requirements)?)
}

fn make(root: &Path, requirements: &'static str) -> Result<PathBuf> {
    let parent = repository::cache_folder()?.join("python");
    let named = Stamp::of_files(PathBuf::new(), root, [requirements])?;
    let folder = parent.join(named.hash());
    let interpreter = folder.join("bin/python");
    let stamp = Stamp::of_files(folder.join("complete"), root, [requirements])?;
    if stamp.is_current() && interpreter.is_file() {
        return Ok(interpreter);
    }
    println!("making a Python environment for the tests ...");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("an unfinished environment cannot be removed")?;
    }
    std::fs::create_dir_all(&parent)?;
    let requirements = root.join(requirements);
    if process::find("uv").is_some() {
        Program::new("uv").args(["venv", "--quiet"]).arg(folder.to_string_lossy()).run_or_fail()?;
        Program::new("uv")
            .args(["pip", "install", "--quiet", "--python"])
            .args([interpreter.to_string_lossy(), "-r".into(), requirements.to_string_lossy()])
            .run_or_fail()?;
    } else {
        Program::new("python3").args(["-m", "venv"]).arg(folder.to_string_lossy()).run_or_fail()?;
        Program::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(requirements.to_string_lossy())
            .run_or_fail()?;
    }
    stamp.set()?;
    Ok(interpreter)
}
