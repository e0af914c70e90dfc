//! Which files are in a folder.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::index::Look;
use crate::{Error, Result, SafePath};

/// The folder of our own that is never stored.
const OWN: &str = ".gingham";
/// Names that a refusal tells.
const MOST_NAMED: usize = 5;
/// How many files are looked at together, and of how many folders: each of them stays open until then.
const LOOKED_AT_TOGETHER: usize = 4_096;
const MOST_OPEN: usize = 64;
/// For fewer files than these a thread is not worth its start.
const FILES_OF_A_THREAD: usize = 500;
/// The most threads that look at files.
const MOST_THREADS: usize = 4;

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
    /// Below the root, as the file system has it.
    pub(super) path: String,
    pub(super) look: Look,
}

/// All files below a folder, or the file itself, in the order of their paths. Whether they can be kept under their
/// names is not looked at yet: for a folder that has not changed that is known already.
pub(super) fn walk(root: &Path, links: Links) -> Result<Vec<Found>> {
    let known = fs::metadata(root).map_err(|error| source(root, &error.to_string()))?;
    let mut walk = Walk { links, ..Walk::default() };
    if known.is_file() {
        let name = root.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| source(root, "its name is not UTF-8"))?;
        return Ok(vec![Found { path: name.to_owned(), look: Look::of(&known) }]);
    }
    walk.around.insert((known.dev(), known.ino()));
    walk.folder(root, "")?;
    walk.look()?;
    refuse(root, &walk.refused, walk.refusals)?;
    walk.found.sort_unstable_by(|left, right| left.path.cmp(&right.path));
    Ok(walk.found)
}

/// The paths as they are kept; those that cannot be are refused, each by its name.
pub(super) fn checked(root: &Path, found: &[Found]) -> Result<Vec<SafePath>> {
    let mut paths = Vec::with_capacity(found.len());
    let (mut refused, mut refusals) = (Vec::new(), 0);
    for file in found {
        match SafePath::parse(&file.path) {
            Ok(path) => paths.push(path),
            Err(error) => {
                refusals += 1;
                if refused.len() < MOST_NAMED {
                    let shown = root.join(&file.path);
                    refused.push(format!("`{}` cannot be kept under its name: {error}", shown.display()));
                }
            }
        }
    }
    refuse(root, &refused, refusals)?;
    Ok(paths)
}

/// Where a file lies that was found below a root, which may be the file itself.
pub(super) fn place_of(root: &Path, found: &Found, is_alone: bool) -> PathBuf {
    if is_alone { root.to_owned() } else { root.join(&found.path) }
}

fn refuse(root: &Path, refused: &[String], refusals: usize) -> Result<()> {
    if refusals == 0 {
        return Ok(());
    }
    let more = refusals - refused.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(Error::Source { path: root.display().to_string(), why: format!("{}{more}", refused.join("; ")) })
}

pub(super) fn source(path: &Path, why: &str) -> Error {
    Error::Source { path: path.display().to_string(), why: why.to_owned() }
}

#[derive(Default)]
struct Walk {
    links: Links,
    found: Vec<Found>,
    /// Files that are still to be looked at, and of how many folders they are.
    listed: Vec<Listed>,
    open: usize,
    refused: Vec<String>,
    refusals: usize,
    /// The folders that the walk is in.
    around: HashSet<(u64, u64)>,
}

/// A file as its folder lists it.
struct Listed {
    entry: DirEntry,
    path: String,
}

impl Listed {
    /// The file with its length and times; nothing where it was removed since it was listed. It is looked up in its folder,
    /// which is open: the way to it is not walked again.
    fn look(&mut self) -> Result<Option<Found>> {
        match self.entry.metadata() {
            Ok(known) if known.is_file() => {
                Ok(Some(Found { path: std::mem::take(&mut self.path), look: Look::of(&known) }))
            }
            Ok(_) => Err(source(&self.entry.path(), "it is no longer a file")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(source(&self.entry.path(), &error.to_string())),
        }
    }
}

impl Walk {
    /// Looks at the files that were listed, on all processors.
    fn look(&mut self) -> Result<()> {
        let mut listed = std::mem::take(&mut self.listed);
        self.open = 0;
        let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let threads = processors.min(listed.len() / FILES_OF_A_THREAD).max(1);
        let each = listed.len().div_ceil(threads).max(1);
        let look = |some: &mut [Listed]| -> Result<Vec<Found>> {
            some.iter_mut().filter_map(|listed| listed.look().transpose()).collect()
        };
        let mut parts = listed.chunks_mut(each);
        let mine = parts.next().unwrap_or_default();
        let found: Result<Vec<Vec<Found>>> = std::thread::scope(|scope| {
            let others: Vec<_> = parts.map(|part| scope.spawn(move || look(part))).collect();
            let mine = std::iter::once(look(mine));
            let others = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            mine.chain(others).collect()
        });
        self.found.extend(found?.into_iter().flatten());
        Ok(())
    }

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
            let Some(name) = name.to_str() else {
                self.refuse(&entry.path(), "has a name that is not UTF-8");
                continue;
            };
            let kind = entry.file_type().map_err(|error| source(&entry.path(), &error.to_string()))?;
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            if kind.is_file() {
                self.listed.push(Listed { entry, path });
                if self.listed.len() >= LOOKED_AT_TOGETHER {
                    self.look()?;
                }
                continue;
            }
            let file = entry.path();
            let known = match (kind.is_symlink(), self.links) {
                (true, Links::Skip) => continue,
                (true, Links::Refuse) => {
                    self.refuse(&file, "is a symbolic link; say whether to follow links or to skip them");
                    continue;
                }
                (true, Links::Follow) => match fs::metadata(&file) {
                    Ok(known) => known,
                    Err(error) => {
                        self.refuse(&file, &format!("is a symbolic link that leads nowhere: {error}"));
                        continue;
                    }
                },
                (false, _) => match entry.metadata() {
                    Ok(known) => known,
                    // It was there a moment ago: then it was removed in between, and is no part of the folder.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(source(&file, &error.to_string())),
                },
            };
            if known.is_dir() {
                let identity = (known.dev(), known.ino());
                if !self.around.insert(identity) {
                    self.refuse(&file, "leads back to a folder that it lies in");
                    continue;
                }
                self.folder(&file, &path)?;
                self.around.remove(&identity);
            } else if known.is_file() {
                self.found.push(Found { path, look: Look::of(&known) });
            } else {
                self.refuse(&file, "is neither a file nor a folder");
            }
        }
        self.open += 1;
        if self.open >= MOST_OPEN {
            self.look()?;
        }
        Ok(())
    }
}
