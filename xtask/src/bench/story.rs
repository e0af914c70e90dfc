//! The time of the whole demo, without building.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Setting;
use super::figures::Figure;
use crate::process::Program;
use crate::{repository, server};

/// Plays the story once on a fresh folder.
pub fn demo(setting: &Setting) -> Result<Vec<Figure>> {
    let start = Instant::now();
    let ended = Program::new(&setting.binary)
        .folder(repository::root()?)
        .args(["demo", "--once", "--example", "examples/traffic", "--data"])
        .arg(setting.folder.join("demo").to_string_lossy())
        .args(["--port".to_owned(), server::free_port()?.to_string()])
        .deadline(Duration::from_secs(15 * 60))
        .run_quietly()?;
    if !ended.success {
        bail!("the demo {}\n{}", ended.words, ended.output);
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(vec![Figure { name: "whole demo", values: vec![seconds], unit: "s", aim: "under 60 s" }])
}
