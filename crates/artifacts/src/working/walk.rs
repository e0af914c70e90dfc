//! Which files are in a folder.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::index::Look;
use crate::{Error, Result, SafePath};

/// The folder of our own that is never stored.
const OWN: &str = ".gingham";
/// Names that a refusal tells.
const MOST_NAMED: usize = 5;

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// They are refused, each by its name.
    #[default]
    Refuse,
    /// They are left out.
    Skip,
    /// What they lead to is stored in their place. A link that leads to a folder around it is refused.
    Follow,
}

/// A file that is to be stored.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: SafePath,
    pub(super) file: PathBuf,
    pub(super) look: Look,
}

/// All files below a folder, or the file itself, in the order of their paths.
pub(super) fn walk(root: &Path, links: Links) -> Result<Vec<Found>> {
    let known = fs::metadata(root).map_err(|error| source(root, &error.to_string()))?;
    let mut walk =
        Walk { links, found: Vec::new(), refused: Vec::new(), refusals: 0, around: HashSet::new() };
    if known.is_file() {
        let name = root.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| source(root, "its name is not UTF-8"))?;
        let path = SafePath::parse(name)?;
        return Ok(vec![Found { path, file: root.to_owned(), look: Look::of(&known) }]);
    }
    walk.around.insert((known.dev(), known.ino()));
    walk.folder(root, "")?;
    if walk.refusals > 0 {
        let more = walk.refusals - walk.refused.len();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        return Err(Error::Source {
            path: root.display().to_string(),
            why: format!("{}{more}", walk.refused.join("; ")),
        });
    }
    walk.found.sort_unstable_by(|left, right| left.path.cmp(&right.path));
    Ok(walk.found)
}

pub(super) fn source(path: &Path, why: &str) -> Error {
    Error::Source { path: path.display().to_string(), why: why.to_owned() }
}

struct Walk {
    links: Links,
    found: Vec<Found>,
    refused: Vec<String>,
    refusals: usize,
    /// The folders that the walk is in.
    around: HashSet<(u64, u64)>,
}

impl Walk {
    fn refuse(&mut self, path: &Path, why: &str) {
        self.refusals += 1;
        if self.refused.len() < MOST_NAMED {
            self.refused.push(format!("`{}` {why}", path.display()));
        }
    }

    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let entries = fs::read_dir(folder).map_err(|error| source(folder, &error.to_string()))?;
        for entry in entries {
            let entry = entry.map_err(|error| source(folder, &error.to_string()))?;
            let name = entry.file_name();
            if prefix.is_empty() && name == OWN {
                continue;
            }
            let file = entry.path();
            let Some(name) = name.to_str() else {
                self.refuse(&file, "has a name that is not UTF-8");
                continue;
            };
            let kind = entry.file_type().map_err(|error| source(&file, &error.to_string()))?;
            let known = if kind.is_symlink() {
                match self.links {
                    Links::Skip => continue,
                    Links::Refuse => {
                        self.refuse(&file, "is a symbolic link; say whether to follow links or to skip them");
                        continue;
                    }
                    Links::Follow => match fs::metadata(&file) {
                        Ok(known) => known,
                        Err(error) => {
                            self.refuse(&file, &format!("is a symbolic link that leads nowhere: {error}"));
                            continue;
                        }
                    },
                }
            } else {
                entry.metadata().map_err(|error| source(&file, &error.to_string()))?
            };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            if known.is_dir() {
                let identity = (known.dev(), known.ino());
                if !self.around.insert(identity) {
                    self.refuse(&file, "leads back to a folder that it lies in");
                    continue;
                }
                self.folder(&file, &path)?;
                self.around.remove(&identity);
            } else if known.is_file() {
                match SafePath::parse(&path) {
                    Ok(path) => self.found.push(Found { path, file, look: Look::of(&known) }),
                    Err(error) => self.refuse(&file, &format!("cannot be kept under its name: {error}")),
                }
            } else {
                self.refuse(&file, "is neither a file nor a folder");
            }
        }
        Ok(())
    }
}
