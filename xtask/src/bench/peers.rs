//! The programs that we are measured beside: Python environments kept in the cache, and scripts that run in them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Setting;
use super::figures::Figure;
use crate::process::Program;
use crate::repository;

/// How long an installation may take.
const INSTALLED_WITHIN: Duration = Duration::from_secs(3_600);

/// An environment with a peer in it.
#[derive(Debug)]
pub struct Environment {
    /// Where its programs are.
    pub programs: PathBuf,
}

impl Environment {
    /// The environment that holds these packages, made when it is not there.
    pub fn with(packages: &[&str]) -> Result<Self> {
        let all = if packages.is_empty() { "plain".to_owned() } else { packages.join("+") };
        let name: String = all.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let folder = repository::cache_folder()?.join("peers").join(name);
        let (made, complete) = (Self { programs: folder.join("bin") }, folder.join("complete"));
        if complete.is_file() {
            return Ok(made);
        }
        println!("making a Python environment with {} ...", packages.join(", "));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        Program::new("python3").args(["-m", "venv"]).arg(folder.to_string_lossy()).run_or_fail()?;
        if !packages.is_empty() {
            Program::new(made.program("python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(packages.iter().copied())
                .deadline(INSTALLED_WITHIN)
                .run_or_fail()?;
        }
        std::fs::write(complete, "")?;
        Ok(made)
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// A script below `benches/` that measures us and a peer in one run, and prints its figures as one JSON object.
pub struct Script {
    /// Its file.
    pub file: &'static str,
    /// What is installed for it.
    pub packages: &'static [&'static str],
    /// How long it may take.
    pub deadline: Duration,
    /// What it measures: name, unit and what we aim at.
    pub figures: &'static [(&'static str, &'static str, &'static str)],
}

impl Script {
    /// Runs it, and keeps those of its figures that are named.
    pub fn run(&self, setting: &Setting) -> Result<Vec<Figure>> {
        let script = repository::root()?.join("benches").join(self.file);
        let folder = setting.folder.join(script.file_stem().unwrap_or_default());
        let mut program = Program::new(Environment::with(self.packages)?.program("python"))
            .arg(script.to_string_lossy())
            .args([setting.binary.to_string_lossy(), folder.to_string_lossy()])
            .deadline(self.deadline);
        if setting.quick {
            program = program.arg("--quick");
        }
        let printed = program.stdout()?;
        let found: BTreeMap<String, f64> =
            serde_json::from_slice(&printed).context("the script printed something else than its figures")?;
        for (name, value) in &found {
            println!("{name:<56} {value:>10.3}");
        }
        let figure = |(name, unit, aim): &(&'static str, &'static str, &'static str)| {
            Some(Figure { name, values: vec![*found.get(*name)?], unit, aim })
        };
        Ok(self.figures.iter().filter_map(figure).collect())
    }
}
