//! Inputs and outputs: files and folders by their content.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use artifacts::{AddOptions, Links};

use super::record::Files;
use crate::commands::data::home::{Local, failed};
use crate::exit::hinted;

/// A path as it was given, below the root.
pub(super) fn below_root(root: &Path, folder: &Path, given: &Path) -> Result<String> {
    let mut whole = PathBuf::new();
    for part in folder.join(given).components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    let below = whole.strip_prefix(root).ok().and_then(Path::to_str).filter(|below| !below.is_empty());
    below.map(str::to_owned).ok_or_else(|| {
        hinted(
            format!("`{}` does not lie in the folder of the run, `{}`", given.display(), root.display()),
            "what a run reads and writes must lie there, so that it can be repeated elsewhere; copy or link it there",
        )
    })
}

/// Stores a file or folder; nothing when it is not there.
pub(super) async fn capture(local: &Local, root: &Path, path: &str) -> Result<Option<Files>> {
    let whole = root.join(path);
    let Ok(known) = std::fs::metadata(&whole) else { return Ok(None) };
    let options = AddOptions {
        index: Some(local.index_of(&whole)),
        read_all: false,
        links: Links::Follow,
        kept_tree: None,
    };
    let added = local
        .blocking(move |artifacts| artifacts.add_folder(&whole, &options, &|_| {}).map_err(failed))
        .await?;
    Ok(Some(Files {
        path: path.to_owned(),
        is_file: known.is_file(),
        tree: Some(added.tree.digest),
        files: added.tree.files,
        bytes: added.tree.bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_the_root_and_may_not_leave_it() {
        let (root, folder) = (Path::new("/a"), Path::new("/a/b"));
        assert_eq!(below_root(root, folder, Path::new("../data/./x.csv")).unwrap(), "data/x.csv");
        assert_eq!(below_root(root, folder, Path::new("/a/y")).unwrap(), "y");
        assert!(below_root(root, folder, Path::new("../../etc/passwd")).is_err());
        assert!(below_root(root, folder, Path::new("..")).is_err());
    }
}
