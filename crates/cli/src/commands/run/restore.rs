//! Restoring code, inputs and environment of a run into a clean folder.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use artifacts::SafePath;
use base::Digest;

use super::environment::{find_program, variables};
use super::record::{Environment, Record};
use crate::args::ServerArguments;
use crate::commands::data::home::{Local, failed};
use crate::commands::data::remote::Remote;
use crate::exit::hinted;
use crate::output;

/// How much of what `uv` says is shown when it fails, in lines.
const SHOWN_LINES: usize = 12;

/// Fetches a tree and writes it as a folder.
async fn write(local: &Local, server: &ServerArguments, tree: Digest, target: &Path) -> Result<()> {
    fetch(local, server, tree).await?;
    let target = target.to_owned();
    local.blocking(move |artifacts| artifacts.write_folder(tree, &target, &|_| {}).map_err(failed)).await?;
    Ok(())
}

/// Fetches a tree into the local store.
pub(super) async fn fetch(local: &Local, server: &ServerArguments, tree: Digest) -> Result<()> {
    let remote = Remote::open(None, server).await?;
    local
        .blocking(move |artifacts| artifacts.fetch_tree(tree, &remote, &|_, _| {}).map_err(|failed| failed.0))
        .await?;
    Ok(())
}

/// Writes code and inputs of a run below `root`.
pub(super) async fn files(
    local: &Local,
    server: &ServerArguments,
    record: &Record,
    root: &Path,
) -> Result<()> {
    std::fs::create_dir_all(root).with_context(|| format!("`{}` cannot be made", root.display()))?;
    if let Some(tree) = record.code.tree {
        write(local, server, tree, root).await?;
    }
    for path in &record.code.executables {
        // Written by somebody else, perhaps: a path from outside becomes one here only through the one check.
        let file = root.join(SafePath::parse(path).map_err(failed)?.as_str());
        if file.is_file() {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
        }
    }
    for input in &record.inputs {
        let Some(tree) = input.tree else { continue };
        let place = root.join(SafePath::parse(&input.path).map_err(failed)?.as_str());
        let target = if input.is_file { place.parent().unwrap_or(root) } else { &place };
        write(local, server, tree, target).await?;
    }
    for output in record.outputs.iter().filter(|output| output.tree.is_some()) {
        let place = root.join(SafePath::parse(&output.path).map_err(failed)?.as_str());
        let needed = if output.is_file { place.parent().unwrap_or(root) } else { &place };
        std::fs::create_dir_all(needed)?;
    }
    let folder = folder_of(record, root)?;
    std::fs::create_dir_all(&folder)?;
    Ok(())
}

/// Where the command runs below `root`.
pub(super) fn folder_of(record: &Record, root: &Path) -> Result<std::path::PathBuf> {
    if record.folder.is_empty() {
        return Ok(root.to_owned());
    }
    Ok(root.join(SafePath::parse(&record.folder).map_err(failed)?.as_str()))
}

/// Variables as they were recorded: those that change results are set as then, or removed.
pub(super) fn recorded_variables(environment: &Environment) -> Vec<(String, Option<String>)> {
    variables().iter().map(|name| ((*name).to_owned(), environment.variables.get(*name).cloned())).collect()
}

/// Restores the environment with `uv`, and answers what the command needs to find it. Says what it does not do.
pub(super) fn environment(record: &Record, root: &Path) -> Result<Vec<(String, Option<String>)>> {
    let Some(python) = &record.environment.python else { return Ok(Vec::new()) };
    let path = std::env::var("PATH").unwrap_or_default();
    let has_lock = record.environment.locks.keys().any(|name| name == "uv.lock");
    let is_needed = has_lock
        || python.is_virtual
        || record.environment.locks.keys().any(|name| name.contains("requirements"));
    if !is_needed {
        output::note("gingham: nothing pins the environment; the interpreter is used as it is here");
        return Ok(Vec::new());
    }
    if find_program("uv", &path).is_none() {
        output::note("gingham: `uv` is not here, so the environment is not restored; what is here is used");
        return Ok(Vec::new());
    }
    if record.command.first().is_some_and(|program| program.rsplit('/').next() == Some("uv")) && has_lock {
        return Ok(Vec::new());
    }
    let place = root.join(".venv");
    if has_lock {
        uv(root, &["sync", "--frozen", "--python", &python.version])?;
    } else {
        uv(root, &["venv", "--python", &python.version, ".venv"])?;
        let pinned: Vec<String> = python
            .packages
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "pip" | "setuptools" | "wheel"))
            .map(|(name, version)| format!("{name}=={version}"))
            .collect();
        if !pinned.is_empty() {
            let mut words = vec!["pip", "install", "--no-deps", "--python", ".venv"];
            words.extend(pinned.iter().map(String::as_str));
            uv(root, &words)?;
        }
    }
    let programs = place.join("bin");
    Ok(vec![
        ("PATH".to_owned(), Some(format!("{}:{path}", programs.display()))),
        ("VIRTUAL_ENV".to_owned(), Some(place.display().to_string())),
        ("PYTHONHOME".to_owned(), None),
    ])
}

fn uv(folder: &Path, words: &[&str]) -> Result<()> {
    let output = Command::new("uv").args(words).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.context("`uv` cannot be started")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().rev().take(SHOWN_LINES).collect();
    let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(hinted(
        format!("the environment cannot be restored: `uv {}` said:\n{tail}", words.first().unwrap_or(&"")),
        "`--no-environment` uses the one that is here",
    ))
}
