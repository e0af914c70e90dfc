//! What several parts share: the built binary, a folder, the demo, and a server on what it left.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::outcome::Outcome;
use crate::process::Program;
use crate::server::{self, Server};
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Made as it is needed, removed at the end.
#[derive(Debug, Default)]
pub struct Stage {
    built: bool,
    folder: Option<PathBuf>,
    demo: Option<Result<(), String>>,
    server: Option<Server>,
}

impl Stage {
    /// Builds the interface and the binary, once.
    pub fn build(&mut self) -> Result<()> {
        if !self.built {
            setup::ui()?;
            setup::binary()?;
            self.built = true;
        }
        Ok(())
    }

    /// A folder for the data of this run.
    pub fn folder(&mut self) -> Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let folder = std::env::temp_dir().join(format!("gingham-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("no temporary folder")?;
        self.folder = Some(folder.clone());
        Ok(folder)
    }

    /// The data folder of the demo.
    pub fn demo_folder(&mut self) -> Result<PathBuf> {
        Ok(self.folder()?.join("demo"))
    }

    /// A server on what the demo left, or why there is none.
    pub fn server(&mut self) -> Result<Result<&Server, String>> {
        if self.demo.is_none() {
            demo(self)?;
        }
        if let Some(Err(reason)) = &self.demo {
            return Ok(Err(format!("there is no finished demo to look at: {reason}")));
        }
        let data = self.demo_folder()?;
        let server = match self.server.take() {
            Some(server) => server,
            None => Server::start(&data)?,
        };
        Ok(Ok(self.server.insert(server)))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server = None;
        let failed = matches!(self.demo, Some(Err(_)));
        if let Some(folder) = self.folder.take() {
            if failed {
                println!("what the demo left is in {}", folder.display());
            } else if let Err(error) = std::fs::remove_dir_all(&folder) {
                println!("{} could not be removed: {error}", folder.display());
            }
        }
    }
}

/// Plays the story once; it succeeds only if every step of it happened.
pub fn demo(stage: &mut Stage) -> Result<Outcome> {
    stage.build()?;
    let data = stage.demo_folder()?;
    let ended = Program::new(repository::binary()?)
        .folder(repository::root()?)
        .args(["demo", "--once", "--example", "examples/traffic", "--data"])
        .arg(data.to_string_lossy())
        .args(["--port".to_owned(), server::free_port()?.to_string()])
        .deadline(DEADLINE)
        .run()?;
    stage.demo = Some(if ended.success { Ok(()) } else { Err(ended.words.clone()) });
    Ok(Outcome::of_one(&ended))
}
