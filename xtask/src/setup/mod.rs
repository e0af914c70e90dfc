//! Finding or installing what the other commands need, once, without asking.

mod debian;
mod interface;
mod python;
mod stamp;

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::flags::Flags;
use crate::process::Program;
use crate::repository;

pub use debian::{chromium, is_root, postgres};
pub use interface::{build as ui, modules as ui_modules};
pub use python::{environment as python, environment_of as python_of};

/// A word that changes with the contents of these files, named relative to the root.
pub fn fingerprint(files: &[&str]) -> Result<String> {
    let named =
        stamp::Stamp::of_files(std::path::PathBuf::new(), &repository::root()?, files.iter().copied())?;
    Ok(named.hash().to_owned())
}

/// What stands in the way of a part of the suite.
#[derive(Debug)]
pub enum Obstacle {
    /// Something is not there and cannot be installed from here; the part is left out.
    Missing(String),
    /// Something that should work does not; the part has failed.
    Broken(String),
}

impl Obstacle {
    fn missing(words: impl Into<String>) -> Self {
        Self::Missing(words.into())
    }
}

impl From<anyhow::Error> for Obstacle {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(format!("{error:#}"))
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(words) | Self::Broken(words) => f.write_str(words),
        }
    }
}

/// `cargo xtask set-up`.
pub fn everything(arguments: &[String]) -> Result<ExitCode> {
    Flags::parse(arguments, &[], &[])?;
    let mut missing = Vec::new();
    let start = Instant::now();
    for (what, found) in [
        ("PostgreSQL", postgres().map(|folder| folder.display().to_string())),
        ("Chromium", chromium().map(|path| path.display().to_string())),
        ("Python environment", python().map(|path| path.display().to_string())),
    ] {
        match found {
            Ok(place) => println!("{what}: {place}"),
            Err(reason) => {
                println!("{what}: missing, {reason}");
                missing.push(what);
            }
        }
    }
    ui()?;
    binary()?;
    println!("set up in {:.0} s", start.elapsed().as_secs_f64());
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the `gingham` binary. Features are the same for it as for the tests of the whole
/// workspace, so that nothing is compiled twice.
pub fn binary() -> Result<()> {
    if repository::binary()?.is_file() {
        println!("building gingham ...");
    } else {
        println!("building gingham, for the first time: about 20 minutes on two cores ...");
    }
    let ended = Program::cargo()?.args(["build", "--workspace", "--bin", "gingham"]).run()?;
    if !ended.success {
        bail!("the build {}", ended.words);
    }
    Ok(())
}
