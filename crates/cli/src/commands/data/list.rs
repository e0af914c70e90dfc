//! `data ls` and `data diff`: what is stored, and what differs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use artifacts::{AddOptions, Links, Tree};
use base::Digest;
use serde_json::{Value, json};

use super::add::size;
use super::arguments::{DiffArguments, LsArguments};
use super::home::{Local, failed, parse};
use crate::output;

/// How many files are shown to people.
const SHOWN: usize = 1_000;

/// Lists names, versions, or files.
pub(super) async fn list(local: &Local, arguments: &LsArguments, json: bool) -> Result<()> {
    let Some(what) = &arguments.what else {
        let all = local.artifacts.all_named_data().await.map_err(failed)?;
        if json {
            output::json(&json!(all));
            return Ok(());
        }
        let items: Vec<Value> = all
            .iter()
            .filter_map(|named| {
                let newest = named.versions.last()?;
                Some(json!({
                    "name": named.name, "version": newest.number, "files": newest.files,
                    "size": size(newest.bytes), "added": newest.added_at, "note": newest.note,
                }))
            })
            .collect();
        let columns = output::columns(&[
            ("name", "name"),
            ("newest", "version"),
            ("files", "files"),
            ("size", "size"),
            ("added", "added"),
            ("note", "note"),
        ]);
        output::table(&items, &columns, "no data is stored yet");
        return Ok(());
    };
    let (name, number) = parse(what)?;
    let named = local.artifacts.named_data(&name).await.map_err(failed)?;
    if number.is_some() {
        let version = named.version(number).map_err(failed)?;
        let tree = local.artifacts.get_tree(version.tree).await.map_err(failed)?;
        let file = |entry: &artifacts::Entry| json!({"path": entry.path, "bytes": entry.bytes, "digest": entry.digest});
        if json {
            output::json(
                &json!({"version": version, "files": tree.entries().iter().map(file).collect::<Vec<_>>()}),
            );
            return Ok(());
        }
        let items: Vec<Value> = tree.entries().iter().take(SHOWN).map(file).collect();
        output::table(&items, &output::columns(&[("path", "path"), ("bytes", "bytes")]), "it has no files");
        if tree.entries().len() > SHOWN {
            output::line(&format!("… and {} more; `--json` shows all", tree.entries().len() - SHOWN));
        }
        return Ok(());
    }
    if json {
        output::json(&json!(named));
        return Ok(());
    }
    let items: Vec<Value> = named
        .versions
        .iter()
        .rev()
        .map(|version| {
            json!({
                "version": version.number, "files": version.files, "size": size(version.bytes),
                "added": version.added_at, "tree": version.tree.short(), "note": version.note,
            })
        })
        .collect();
    let columns = output::columns(&[
        ("version", "version"),
        ("files", "files"),
        ("size", "size"),
        ("added", "added"),
        ("tree", "tree"),
        ("note", "note"),
    ]);
    output::table(&items, &columns, "it has no versions");
    Ok(())
}

/// Shows which files differ.
pub(super) async fn diff(local: &Local, arguments: &DiffArguments, json: bool) -> Result<()> {
    let old = tree_of(local, &arguments.old).await?;
    let new = if Path::new(&arguments.new).exists() {
        tree_of_folder(local, Path::new(&arguments.new)).await?
    } else {
        tree_of(local, &arguments.new).await?
    };
    let files = |tree: &Tree| -> BTreeMap<String, (Digest, u64)> {
        tree.entries().iter().map(|entry| (entry.path.to_string(), (entry.digest, entry.bytes))).collect()
    };
    let (old, new) = (files(&old), files(&new));
    let mut changes = Vec::new();
    for (path, (digest, bytes)) in &new {
        match old.get(path) {
            None => changes.push(json!({"change": "added", "path": path, "bytes": bytes})),
            Some((known, before)) if known != digest => {
                changes
                    .push(json!({"change": "changed", "path": path, "bytes": bytes, "bytes_before": before}));
            }
            Some(_) => {}
        }
    }
    for (path, (_, bytes)) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        changes.push(json!({"change": "removed", "path": path, "bytes_before": bytes}));
    }
    if json {
        output::json(&json!({"changes": changes}));
        return Ok(());
    }
    let shown = changes.get(..SHOWN).unwrap_or(&changes);
    let columns = output::columns(&[
        ("change", "change"),
        ("path", "path"),
        ("bytes", "bytes"),
        ("before", "bytes_before"),
    ]);
    output::table(shown, &columns, "nothing differs");
    if changes.len() > SHOWN {
        output::line(&format!("… and {} more; `--json` shows all", changes.len() - SHOWN));
    }
    Ok(())
}

async fn tree_of(local: &Local, what: &str) -> Result<Tree> {
    let (name, number) = parse(what)?;
    let named = local.artifacts.named_data(&name).await.map_err(failed)?;
    local.artifacts.get_tree(named.version(number).map_err(failed)?.tree).await.map_err(failed)
}

/// What the folder would be as a tree. Its content is stored on the way, under no name: the next
/// `add` has nothing left to do, and `gc` removes it otherwise.
async fn tree_of_folder(local: &Local, folder: &Path) -> Result<Tree> {
    let folder = folder.canonicalize()?;
    let options = AddOptions {
        index: Some(local.index_of(&folder)),
        read_all: false,
        links: Links::Skip,
        kept_tree: None,
    };
    let added = local
        .blocking(move |artifacts| artifacts.add_folder(&folder, &options, &|_| {}).map_err(failed))
        .await?;
    local.artifacts.get_tree(added.tree.digest).await.map_err(failed)
}
