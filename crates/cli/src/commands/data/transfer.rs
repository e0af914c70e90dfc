//! `data push` and `data pull`.

use std::path::PathBuf;

use anyhow::Result;
use artifacts::{DataVersion, Moved, SafePath, StoredTree};
use base::{Clock, SystemClock};
use serde_json::json;

use super::add::size;
use super::arguments::{PullArguments, PushDataArguments};
use super::home::{Local, failed, parse};
use super::remote::Remote;
use crate::args::ServerArguments;
use crate::exit::hinted;
use crate::output::{self, bold};
use crate::progress;

/// Sends versions.
pub(super) async fn push(
    local: &Local,
    arguments: &PushDataArguments,
    server: &ServerArguments,
) -> Result<()> {
    let mut wanted: Vec<(SafePath, DataVersion)> = Vec::new();
    if arguments.what.is_empty() {
        for named in local.artifacts.all_named_data().await.map_err(failed)? {
            let name = SafePath::parse(&named.name).map_err(failed)?;
            wanted.extend(named.versions.last().cloned().map(|version| (name, version)));
        }
    }
    for what in &arguments.what {
        let (name, number) = parse(what)?;
        let named = local.artifacts.named_data(&name).await.map_err(failed)?;
        wanted.push((name, named.version(number).map_err(failed)?.clone()));
    }
    let mut remote = Remote::open(arguments.to.as_deref(), server).await?;
    let mut told = Vec::new();
    for (name, version) in wanted {
        // What is the newest there already has nothing to be sent: it was whole when it was added.
        let there = remote.named(&name).await?;
        let is_newest = there
            .as_ref()
            .and_then(|named| named.versions.last())
            .is_some_and(|newest| newest.tree == version.tree);
        let (moved, added) = if is_newest {
            (Moved::default(), there.and_then(|named| named.versions.last().cloned()))
        } else {
            let (back, moved) = send(local, remote, &name, version.clone()).await?;
            remote = back;
            (moved, Some(remote.add_version(&name, &version).await?))
        };
        let number = added.map_or(version.number, |added| added.number);
        if !server.json {
            let what = if is_newest {
                "is there already".into()
            } else {
                format!("sent {}", size(moved.sent_bytes))
            };
            output::line(&format!("{}  {what}", bold(&format!("{name}@{number}"))));
        }
        told.push(json!({"name": name.as_str(), "version": number, "tree": version.tree, "moved": moved}));
    }
    if server.json {
        output::json(&json!(told));
    }
    Ok(())
}

async fn send(
    local: &Local,
    remote: Remote,
    name: &SafePath,
    version: DataVersion,
) -> Result<(Remote, Moved)> {
    let bar = progress::bar(version.bytes, &format!("sending {name}"));
    let shown = bar.clone();
    let sent = local
        .blocking(move |artifacts| {
            let progress = |_, bytes| shown.inc(bytes);
            let moved = artifacts.send_tree(version.tree, &remote, &progress).map_err(|failed| failed.0)?;
            Ok((remote, moved))
        })
        .await;
    bar.finish_and_clear();
    sent
}

/// Fetches a version and writes its files.
pub(super) async fn pull(local: &Local, arguments: &PullArguments, server: &ServerArguments) -> Result<()> {
    let (name, number) = parse(&arguments.what)?;
    let remote = Remote::open(arguments.from.as_deref(), server).await?;
    let named = remote.named(&name).await?.ok_or_else(|| {
        hinted(format!("there is no data named `{name}` there"), "name another place with --from")
    })?;
    let version = named.version(number).map_err(failed)?.clone();
    let bar = progress::bar(version.bytes, &format!("fetching {name}"));
    let (shown, tree) = (bar.clone(), version.tree);
    let moved = local
        .blocking(move |artifacts| {
            let progress = |_, bytes| shown.inc(bytes);
            artifacts.fetch_tree(tree, &remote, &progress).map_err(|failed| failed.0)
        })
        .await;
    bar.finish_and_clear();
    let moved = moved?;
    let tree = StoredTree { digest: version.tree, files: version.files, bytes: version.bytes };
    local
        .artifacts
        .add_data_version(&name, tree, version.note.clone(), SystemClock.now())
        .await
        .map_err(failed)?;
    let mut written = None;
    if !arguments.no_files {
        let target = arguments.into.clone().unwrap_or_else(|| PathBuf::from(name.name()));
        let bar = progress::bar(version.bytes, &format!("writing {name}"));
        let shown = bar.clone();
        let done = local
            .blocking(move |artifacts| {
                artifacts.write_folder(version.tree, &target, &|bytes| shown.inc(bytes)).map_err(failed)
            })
            .await;
        bar.finish_and_clear();
        written = Some(done?);
    }
    if server.json {
        output::json(
            &json!({"name": name.as_str(), "version": version.number, "moved": moved, "written": written}),
        );
        return Ok(());
    }
    let files = written.map_or_else(String::new, |written| {
        format!("; {} files written, {} were there", written.files, written.unchanged_files)
    });
    let title = bold(&format!("{name}@{}", version.number));
    output::line(&format!("{title}  fetched {}{files}", size(moved.sent_bytes)));
    Ok(())
}
