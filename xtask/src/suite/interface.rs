//! The tests of the web interface.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::counts::Counts;
use super::outcome::Outcome;
use super::story::Stage;
use crate::process::Program;
use crate::repository;
use crate::setup::{self, Obstacle};

const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// TypeScript's types.
pub fn types() -> Result<Outcome> {
    script("types")
}

/// The linter.
pub fn lint() -> Result<Outcome> {
    script("lint")
}

/// The unit tests.
pub fn unit() -> Result<Outcome> {
    let folder = match ready("test") {
        Ok(folder) => folder,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let ended = npm("test").folder(folder).env("CI", "true").deadline(DEADLINE).run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// The walk on the server of the demo that ran before.
pub fn walk(stage: &mut Stage) -> Result<Outcome> {
    match stage.server()? {
        Ok(server) => walk_at(&server.url()),
        Err(reason) => Ok(Outcome::Skipped(reason)),
    }
}

/// The walk on the server at `url`.
pub fn walk_at(url: &str) -> Result<Outcome> {
    let folder = match setup::ui_modules() {
        Ok(folder) => folder,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    if !folder.join("walk/walk.mjs").is_file() {
        return Ok(Outcome::Skipped("there is no ui/walk/walk.mjs".to_owned()));
    }
    let chromium = match setup::chromium() {
        Ok(chromium) => chromium,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let pictures = repository::cache_folder()?.join("ui-walk");
    let ended = Program::new("node")
        .args(["walk/walk.mjs", url])
        .arg(pictures.to_string_lossy())
        .folder(folder)
        .env("GINGHAM_URL", url)
        .env("CHROMIUM", chromium.to_string_lossy())
        .deadline(DEADLINE)
        .run_and_keep()?;
    match Counts::read(&ended.output) {
        Some(counts) => Ok(Outcome::of_runner(&ended, Some(counts))),
        None => Ok(Outcome::of_one(&ended)),
    }
}

fn script(name: &str) -> Result<Outcome> {
    let folder = match ready(name) {
        Ok(folder) => folder,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let ended = npm(name).folder(folder).deadline(DEADLINE).run()?;
    Ok(Outcome::of_one(&ended))
}

/// The folder with its packages, if `package.json` has the script.
fn ready(script: &str) -> Result<PathBuf, Obstacle> {
    let folder = setup::ui_modules()?;
    let manifest = std::fs::read_to_string(folder.join("package.json")).context("ui/package.json")?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).context("ui/package.json")?;
    if manifest.pointer(&format!("/scripts/{script}")).is_none() {
        return Err(Obstacle::Missing(format!("ui/package.json has no script `{script}`")));
    }
    Ok(folder)
}

fn npm(script: &str) -> Program {
    Program::new("npm").args(["run", "--silent", script])
}
