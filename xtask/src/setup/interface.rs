//! The web interface: its npm packages and its build.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::Obstacle;
use super::stamp::Stamp;
use crate::process::{self, Program};
use crate::repository;

/// The folder of the web interface; absent in a checkout without one.
fn folder() -> Result<PathBuf, Obstacle> {
    let folder = repository::root()?.join("ui");
    if folder.join("package.json").is_file() {
        Ok(folder)
    } else {
        Err(Obstacle::missing("there is no ui/package.json"))
    }
}

/// Its npm packages, installed when the lock file changed.
pub fn modules() -> Result<PathBuf, Obstacle> {
    let folder = folder()?;
    if process::find("npm").is_none() {
        return Err(Obstacle::missing("npm is not installed"));
    }
    install(&folder)?;
    Ok(folder)
}

fn install(folder: &std::path::Path) -> Result<()> {
    let stamp = Stamp::of_files(
        folder.join("node_modules/.gingham/packages"),
        folder,
        ["package.json", "package-lock.json"],
    )?;
    if stamp.is_current() {
        return Ok(());
    }
    println!("installing the packages of the interface ...");
    // Not `npm ci`: it asks for packages of other platforms too, which not every registry carries.
    // The versions are those of the lock file all the same.
    Program::new("npm")
        .args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"])
        .folder(folder)
        .run_or_fail()?;
    stamp.set()
}

/// Builds the interface when one of its sources changed; without one there is nothing to do.
pub fn build() -> Result<()> {
    if folder().is_err() {
        println!("no interface to build: there is no ui/package.json");
        return Ok(());
    }
    let folder = match modules() {
        Ok(folder) => folder,
        Err(reason) => bail!("the interface cannot be built: {reason}"),
    };
    let root = repository::root()?;
    let files = repository::files()?;
    let sources = files.iter().map(String::as_str).filter(|path| path.starts_with("ui/"));
    let stamp = Stamp::of_files(folder.join("node_modules/.gingham/build"), &root, sources)?;
    if stamp.is_current() && folder.join("dist/index.html").is_file() {
        return Ok(());
    }
    println!("building the interface ...");
    Program::new("npm").args(["run", "--silent", "build"]).folder(&folder).run_or_fail()?;
    stamp.set()
}
