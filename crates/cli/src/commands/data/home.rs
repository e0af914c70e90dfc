//! The local store: a `.gingham` folder, as Git has a `.git`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use artifacts::{Artifacts, ArtifactsConfig};
use base::{Digest, Failure};

use crate::exit::hinted;

/// The name of the folder.
const NAME: &str = ".gingham";

/// Where the local store is, or would be.
#[derive(Debug)]
pub(in crate::commands) struct Home {
    folder: PathBuf,
}

/// A local store that is open.
#[derive(Debug)]
pub(in crate::commands) struct Local {
    pub(in crate::commands) artifacts: Artifacts,
    folder: PathBuf,
}

impl Home {
    /// The folder that is given, or the nearest above the current one, or a new one in the current one.
    pub(in crate::commands) fn find(given: Option<&Path>) -> Self {
        if let Some(folder) = given {
            return Self { folder: folder.to_owned() };
        }
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let found = here.ancestors().map(|folder| folder.join(NAME)).find(|folder| folder.is_dir());
        Self { folder: found.unwrap_or_else(|| here.join(NAME)) }
    }

    /// The store in this very folder.
    pub(in crate::commands) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Opens the store; fails when there is none.
    pub(in crate::commands) async fn open(&self) -> Result<Local> {
        if !self.folder.is_dir() {
            return Err(hinted(
                "there is no data here yet",
                "store some with `gingham data add FOLDER`, or fetch some with `gingham data pull NAME`",
            ));
        }
        self.open_or_make().await
    }

    /// Opens the store, made if there is none.
    pub(in crate::commands) async fn open_or_make(&self) -> Result<Local> {
        let store = self.folder.join("store");
        std::fs::create_dir_all(&store)
            .with_context(|| format!("the local store `{}` cannot be made", store.display()))?;
        let folder = self.folder.canonicalize().context("the local store cannot be found")?;
        // Nobody wants the store in a repository.
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            std::fs::write(&ignore, "*\n").context("the local store cannot be written")?;
        }
        let url = format!("file://{}", folder.join("store").display());
        let artifacts = Artifacts::open(&ArtifactsConfig::at(url)).await.map_err(failed)?;
        Ok(Local { artifacts, folder })
    }
}

impl Local {
    /// The folder that everything of the store lies in.
    pub(in crate::commands) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the index of a folder's files is.
    pub(in crate::commands) fn index_of(&self, path: &Path) -> PathBuf {
        let name = Digest::of(path.as_os_str().as_encoded_bytes());
        self.folder.join("index").join(name.short())
    }

    /// Runs what blocks with the store.
    pub(in crate::commands) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Artifacts) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let artifacts = self.artifacts.clone();
        tokio::task::spawn_blocking(move || work(&artifacts)).await.context("the work broke off")?
    }
}

/// An error of the store with its cause and what to do.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
pub(in crate::commands) fn failed(error: artifacts::Error) -> anyhow::Error {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    match error.hint() {
        Some(hint) => hinted(words, hint),
        None => anyhow::anyhow!(words),
    }
}

/// A name, and a version if one was given, from `NAME` or `NAME@VERSION`.
pub(in crate::commands) fn parse(what: &str) -> Result<(artifacts::SafePath, Option<u64>)> {
    let (name, version) = match what.rsplit_once('@') {
        Some((name, version)) => {
            let number = version.trim_start_matches('v').parse().map_err(|_| {
                hinted(format!("`{version}` is no version"), "write a number, such as `photos@3`")
            })?;
            (name, Some(number))
        }
        None => (what, None),
    };
    if let Err(error) = base::names::check_name("data", name) {
        return Err(hinted(error.to_string(), "give another name with --name"));
    }
    Ok((artifacts::SafePath::parse(name).map_err(failed)?, version))
}
