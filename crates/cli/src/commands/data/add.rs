//! `data add`: a folder or file becomes a version.

use anyhow::{Context, Result};
use artifacts::{AddOptions, Links, Step};
use base::{Clock, SystemClock};
use serde_json::json;

use super::arguments::{AddArguments, LinkChoice};
use super::home::{Local, failed, parse};
use crate::exit::hinted;
use crate::output::{self, bold};
use crate::progress;

/// Stores a folder or file, and tells what was new.
pub(super) async fn add(local: &Local, arguments: &AddArguments, json: bool) -> Result<()> {
    let path = arguments
        .path
        .canonicalize()
        .with_context(|| format!("`{}` cannot be stored", arguments.path.display()))?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => path.file_name().and_then(|name| name.to_str()).map(str::to_owned).ok_or_else(|| {
            hinted(format!("`{}` has no name of its own", path.display()), "give one with --name")
        })?,
    };
    let (name, version) = parse(&name)?;
    if version.is_some() {
        return Err(hinted("the version is counted by itself", "give the name alone"));
    }
    let kept = local.artifacts.named_data(&name).await.ok();
    let kept_tree = kept.and_then(|named| named.versions.last().map(|version| version.tree));
    let options = AddOptions {
        index: Some(local.index_of(&path)),
        read_all: arguments.read_all,
        links: match arguments.links {
            LinkChoice::Refuse => Links::Refuse,
            LinkChoice::Skip => Links::Skip,
            LinkChoice::Follow => Links::Follow,
        },
        kept_tree,
    };
    let bar = progress::bar(0, "reading");
    let shown = bar.clone();
    let added = local
        .blocking(move |artifacts| {
            let progress = |step| match step {
                Step::Begin { bytes, .. } => shown.set_length(bytes),
                Step::File { bytes } => shown.inc(bytes),
            };
            artifacts.add_folder(&path, &options, &progress).map_err(failed)
        })
        .await;
    bar.finish_and_clear();
    let added = added?;
    let note = arguments.note.clone();
    let now = SystemClock.now();
    let version = local.artifacts.add_data_version(&name, added.tree, note, now).await.map_err(failed)?;
    let is_new = version.added_at == now;
    if json {
        output::json(&json!({
            "name": name.as_str(),
            "version": version,
            "is_new": is_new,
            "files_read": added.files_read,
            "stored_bytes": added.stored_bytes,
        }));
        return Ok(());
    }
    let title = bold(&format!("{name}@{}", version.number));
    if is_new {
        output::line(&format!(
            "{title}  {} files, {}; {} files read, the store grew by {}",
            version.files,
            size(version.bytes),
            added.files_read,
            size(added.stored_bytes)
        ));
    } else {
        output::line(&format!(
            "{title}  nothing has changed: {} files, {}",
            version.files,
            size(version.bytes)
        ));
    }
    Ok(())
}

/// A size for people.
pub(in crate::commands) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if value < 1_000.0 {
            break;
        }
        value /= 1_000.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}
