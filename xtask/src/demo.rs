//! `cargo xtask demo`: builds what the demo needs and hands over to `gingham demo`.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::flags::Flags;
use crate::process::Program;
use crate::{repository, setup};

/// Runs the command.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let flags = Flags::parse(arguments, &["once"], &["port", "until", "data"])?;
    setup::ui()?;
    setup::binary()?;
    let data = match flags.get("data") {
        Some(folder) => std::env::current_dir()?.join(folder),
        None => fresh_folder()?,
    };
    let mut program = Program::new(repository::binary()?)
        .folder(repository::root()?)
        .args(["demo", "--example", "examples/traffic", "--data"])
        .arg(data.to_string_lossy());
    for option in ["port", "until"] {
        if let Some(value) = flags.get(option) {
            program = program.args([format!("--{option}"), value.to_owned()]);
        }
    }
    if flags.has("once") {
        program = program.arg("--once");
    }
    let ended = program.run_in_foreground()?;
    if ended.success {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: the demo {}; its data is in {}", ended.words, data.display());
    Ok(ExitCode::FAILURE)
}

/// A new folder for one demo; older ones are left for whoever still looks at them.
fn fresh_folder() -> Result<std::path::PathBuf> {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let parent = std::env::temp_dir().join("gingham-demo");
    std::fs::create_dir_all(&parent)
        .with_context(|| format!("the folder `{}` cannot be made", parent.display()))?;
    Ok(parent.join(format!("{seconds}-{}", std::process::id())))
}
