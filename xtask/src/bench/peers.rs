//! Python environments with the programs that we are measured beside, kept in the cache.

use std::path::PathBuf;

use anyhow::Result;

use crate::process::Program;
use crate::repository;

/// The interpreter of an environment that holds these packages.
pub fn environment(packages: &[&str]) -> Result<PathBuf> {
    let name: String =
        packages.join("+").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder = repository::cache_folder()?.join("peers").join(name);
    let (interpreter, complete) = (folder.join("bin/python"), folder.join("complete"));
    if complete.is_file() {
        return Ok(interpreter);
    }
    println!("making a Python environment with {} ...", packages.join(", "));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    Program::new("python3").args(["-m", "venv"]).arg(folder.to_string_lossy()).run_or_fail()?;
    Program::new(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(packages.iter().copied())
        .run_or_fail()?;
    std::fs::write(complete, "")?;
    Ok(interpreter)
}
