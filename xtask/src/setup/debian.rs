//! Programs that come from the system: found where they are, or installed on Debian by root.

use std::path::PathBuf;
use std::sync::Mutex;

use super::Obstacle;
use crate::process::{self, Program};

/// A browser for the walk through the interface.
pub fn chromium() -> Result<PathBuf, Obstacle> {
    found_or_installed(find_chromium, "chromium")
}

/// The folder with `initdb`, `pg_ctl` and `postgres`, for tests on the second database engine.
pub fn postgres() -> Result<PathBuf, Obstacle> {
    found_or_installed(find_postgres, "postgresql")
}

fn find_chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(process::find)
}

fn find_postgres() -> Option<PathBuf> {
    if let Some(initdb) = process::find("initdb") {
        return initdb.parent().map(PathBuf::from);
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").is_file())
        .collect();
    folders.sort();
    folders.pop()
}

/// One installation at a time, and the lists of packages fetched only once.
static LISTS_FETCHED: Mutex<bool> = Mutex::new(false);

fn found_or_installed(find: impl Fn() -> Option<PathBuf>, package: &str) -> Result<PathBuf, Obstacle> {
    if let Some(place) = find() {
        return Ok(place);
    }
    if process::find("apt-get").is_none() {
        return Err(Obstacle::Missing(format!(
            "`{package}` is not installed, and this system has no apt-get"
        )));
    }
    if !is_root() {
        return Err(Obstacle::Missing(format!(
            "`{package}` is not installed: `sudo apt-get install {package}`"
        )));
    }
    let mut fetched =
        LISTS_FETCHED.lock().map_err(|_| Obstacle::missing("an earlier installation broke off"))?;
    if !*fetched {
        apt(&["update", "-qq"])?;
        *fetched = true;
    }
    println!("installing {package} ...");
    apt(&["install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", package])?;
    find().ok_or_else(|| Obstacle::Broken(format!("`{package}` was installed but its program was not found")))
}

fn apt(arguments: &[&str]) -> Result<(), Obstacle> {
    let ended = Program::new("apt-get")
        .args(arguments.iter().copied())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run_quietly()?;
    if ended.success {
        return Ok(());
    }
    let last = ended.output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Err(Obstacle::Missing(format!("`apt-get {}` {}: {last}", arguments.join(" "), ended.words)))
}

/// Whether we run as root, whom PostgreSQL does not serve.
pub fn is_root() -> bool {
    Program::new("id").arg("-u").stdout().is_ok_and(|output| output.trim_ascii() == b"0")
}
