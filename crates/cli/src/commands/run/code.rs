//! Capturing code: whatever Git knows, and every file that is not ignored, as it is now.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use artifacts::{Artifacts, Entry, Packer, SafePath};
use base::Digest;

use super::record::{Code, Git};
use super::secrets::Secrets;
use crate::commands::data::home::failed;
use crate::exit::hinted;

/// The longest file that is taken for code, in bytes.
const MOST_FILE_BYTES: u64 = 32 << 20;
/// The most files.
const MOST_FILES: usize = 20_000;
/// The most reasons that are kept.
const MOST_REASONS: usize = 100;
/// Folders that are made by tools, left out where Git does not say what is ignored.
const MADE_BY_TOOLS: &[&str] =
    &["__pycache__", "node_modules", "mlruns", "target", "venv", "env", "site-packages", "wandb"];

/// The folder that all paths are told from: the top of the repository, or the current folder.
pub(super) fn root_of(folder: &Path) -> PathBuf {
    git(folder, &["rev-parse", "--show-toplevel"]).map_or_else(|| folder.to_owned(), PathBuf::from)
}

/// Captures the code below `root`, but for the paths in `apart`, which are captured as inputs and outputs.
pub(super) fn capture(
    artifacts: &Artifacts,
    root: &Path,
    apart: &[String],
    secrets: &Secrets,
) -> Result<Code> {
    let mut code = Code::default();
    let listed = git_bytes(root, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = match listed {
        Some(listed) => split_nul(&listed),
        None => {
            let mut found = BTreeSet::new();
            walk(root, "", &mut found)?;
            found
        }
    };
    if files.len() > MOST_FILES {
        return Err(hinted(
            format!("{} files are too many to capture as code; {MOST_FILES} are the limit", files.len()),
            "run in the folder of the project, or let `.gitignore` name what is not code",
        ));
    }
    code.git = git_facts(artifacts, root, secrets)?;
    let untracked: BTreeSet<&str> =
        code.git.iter().flat_map(|git| git.untracked.iter().map(String::as_str)).collect();
    let is_apart = |path: &str| {
        apart.iter().any(|apart| {
            path == apart || path.strip_prefix(apart.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let batch = artifacts.begin().map_err(failed)?;
    let mut packer = Packer::default();
    let mut entries = Vec::new();
    let mut left_out = Vec::new();
    for path in files.iter().filter(|path| !is_apart(path)) {
        let whole = root.join(path);
        // What Git lists and is gone was removed; what is a link or a module of its own is no file.
        let Ok(known) = std::fs::symlink_metadata(&whole) else { continue };
        let name = path.rsplit('/').next().unwrap_or_default();
        let reason = if !known.is_file() {
            Some("is not a file")
        } else if known.len() > MOST_FILE_BYTES {
            Some("is larger than 32 MiB; name it with --input")
        } else if name.starts_with(".env") && (code.git.is_none() || untracked.contains(path.as_str())) {
            Some("may hold secrets")
        } else {
            None
        };
        if let Some(reason) = reason {
            left_out.push(format!("{path} {reason}"));
            continue;
        }
        let Ok(safe) = SafePath::parse(path) else {
            left_out.push(format!("{path} has a name that cannot be kept"));
            continue;
        };
        if !secrets.names.is_empty() {
            let content = std::fs::read(&whole).with_context(|| format!("`{path}` cannot be read"))?;
            if secrets.are_in(&content) {
                left_out.push(format!("{path} holds the value of a secret"));
                continue;
            }
        }
        let mut file = File::open(&whole).with_context(|| format!("`{path}` cannot be read"))?;
        let blob = batch.add(&mut file, &mut packer).map_err(failed)?;
        if known.permissions().mode() & 0o111 != 0 {
            code.executables.push(path.clone());
        }
        entries.push(Entry { path: safe, digest: blob.digest, bytes: blob.bytes });
    }
    batch.finish().map_err(failed)?;
    if left_out.len() > MOST_REASONS {
        let more = left_out.len() - MOST_REASONS;
        left_out.truncate(MOST_REASONS);
        left_out.push(format!("… and {more} more"));
    }
    code.left_out = left_out;
    let runtime = tokio::runtime::Handle::current();
    let stored = runtime.block_on(artifacts.put_tree(entries)).map_err(failed)?;
    code.tree = Some(stored.digest);
    code.files = stored.files;
    code.bytes = stored.bytes;
    Ok(code)
}

fn git_facts(artifacts: &Artifacts, root: &Path, secrets: &Secrets) -> Result<Option<Git>> {
    if git(root, &["rev-parse", "--git-dir"]).is_none() {
        return Ok(None);
    }
    let commit = git(root, &["rev-parse", "--verify", "HEAD"]);
    let untracked = git_bytes(root, &["ls-files", "-z", "--others", "--exclude-standard"]);
    let untracked: Vec<String> = split_nul(&untracked.unwrap_or_default()).into_iter().collect();
    let diff = match &commit {
        Some(_) => git_bytes(root, &["diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv"]),
        None => None,
    };
    let diff = diff.filter(|diff| !diff.is_empty() && diff.len() as u64 <= MOST_FILE_BYTES);
    let is_dirty = diff.is_some() || !untracked.is_empty() || commit.is_none();
    let diff: Option<Digest> = match diff.filter(|diff| !secrets.are_in(diff)) {
        Some(diff) => {
            let put = artifacts.put_bytes(diff);
            Some(tokio::runtime::Handle::current().block_on(put).map_err(failed)?.digest)
        }
        None => None,
    };
    Ok(Some(Git {
        commit,
        branch: git(root, &["symbolic-ref", "--short", "-q", "HEAD"]),
        remote: git(root, &["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url)),
        is_dirty,
        diff,
        untracked,
    }))
}

/// The blob of the diff alone as a tree, so that it can be sent like any other.
pub(super) fn diff_tree(artifacts: &Artifacts, diff: Digest) -> Result<Digest> {
    let runtime = tokio::runtime::Handle::current();
    let blob = runtime.block_on(artifacts.find_blob(diff)).map_err(failed)?;
    let bytes = blob.map_or(0, |blob| blob.bytes);
    let path = SafePath::parse("changes.diff").map_err(failed)?;
    let stored =
        runtime.block_on(artifacts.put_tree(vec![Entry { path, digest: diff, bytes }])).map_err(failed)?;
    Ok(stored.digest)
}

/// An address without user and password.
fn without_credentials(address: &str) -> String {
    match url::Url::parse(address) {
        Ok(mut url) if url.host().is_some() => {
            let _ = url.set_password(None);
            if url.scheme().starts_with("http") {
                let _ = url.set_username("");
            }
            url.to_string()
        }
        _ => address.to_owned(),
    }
}

fn git_bytes(folder: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let text = String::from_utf8(git_bytes(folder, arguments)?).ok()?;
    let text = text.trim_end_matches('\n');
    (!text.is_empty()).then(|| text.to_owned())
}

fn split_nul(bytes: &[u8]) -> BTreeSet<String> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
        .filter_map(|part| String::from_utf8(part.to_vec()).ok())
        .collect()
}

/// All files below a folder without Git, but for hidden ones and what tools make.
fn walk(root: &Path, below: &str, found: &mut BTreeSet<String>) -> Result<()> {
    let folder = root.join(below);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') && name != ".python-version" {
            continue;
        }
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let is_environment = entry.path().join("pyvenv.cfg").exists();
            if !MADE_BY_TOOLS.contains(&name) && !is_environment {
                walk(root, &path, found)?;
            }
        } else {
            found.insert(path);
        }
        if found.len() > MOST_FILES {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_remote_are_not_kept() {
        assert_eq!(without_credentials("https://me:secret@host/x.git"), "https://host/x.git");
        assert_eq!(without_credentials("git@host:x.git"), "git@host:x.git");
    }
}
