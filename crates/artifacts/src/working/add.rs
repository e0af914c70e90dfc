//! Storing a folder as a tree.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use base::Digest;
use serde::{Deserialize, Serialize};

use super::index::{Look, StatIndex};
use super::walk::{self, Found, Links, source};
use crate::batch::{Batch, Packer};
use crate::packs::direct::LongReader;
use crate::{Artifacts, Entry, Error, Result, Stored, StoredTree, Tree};

/// How often a file is read that changes while it is read.
const MOST_READS: usize = 3;
/// Files of at least so many bytes are read past the page cache: it saves the processor a copy, and the cache keeps
/// what is read more often.
const DIRECT_FROM_BYTES: u64 = 64 << 20;
/// The most threads that read files.
const MOST_THREADS: usize = 4;

/// How a folder is stored.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Where the index is that saves reading unchanged files; none when absent.
    pub index: Option<PathBuf>,
    /// Reads every file, whatever the index says.
    pub read_all: bool,
    /// What becomes of symbolic links.
    pub links: Links,
    /// The tree of a version that is kept: if the folder still is that tree, the store is not even asked.
    pub kept_tree: Option<Digest>,
}

/// A folder that was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The tree.
    pub tree: StoredTree,
    /// Files that were read; the others had not changed.
    pub files_read: u64,
    /// Bytes that the store has grown by.
    pub stored_bytes: u64,
    /// Chunks that were not there before.
    pub new_chunks: u64,
}

impl Artifacts {
    /// Stores a folder, or a file, as a tree. Blocks. `progress` is told of files and bytes to come at first,
    /// and of those that are done then. Nothing is visible before the whole tree is stored.
    ///
    /// # Errors
    /// [`Error::Source`] when files vanish, change while they are read, or cannot be kept; a store that fails.
    /// What was stored so far is not stored again by the next try.
    pub fn add_folder(
        &self,
        root: &Path,
        options: &AddOptions,
        progress: &(dyn Fn(Step) + Sync),
    ) -> Result<Added> {
        let looked_at = now_ns();
        let found = walk::walk(root, options.links)?;
        if found.len() as u64 > self.limits.tree_entries {
            return Err(Error::TooLarge { what: "a tree", limit: self.limits.tree_entries, unit: "files" });
        }
        let index = options.index.as_deref().map(StatIndex::read).unwrap_or_default();
        let digests: Vec<Option<Digest>> = if options.read_all {
            vec![None; found.len()]
        } else {
            index.unchanged(found.iter().map(|file| (file.path.as_str(), file.look)))
        };
        let all_known = digests.iter().all(Option::is_some) && found.len() == index.len();
        if all_known
            && let Some(tree) = index.tree
            && (options.kept_tree == Some(tree.digest)
                || self.runtime.block_on(self.find_blob(tree.digest))?.is_some())
        {
            return Ok(Added { tree, files_read: 0, stored_bytes: 0, new_chunks: 0 });
        }
        let paths = walk::checked(root, &found)?;
        let batch = self.begin()?;
        // What the index knows may have been collected or damaged since: such files are read again.
        let mut to_read = Vec::new();
        for (at, digest) in digests.iter().enumerate() {
            let is_there = match digest {
                Some(digest) => batch.has_blob(*digest)?,
                None => false,
            };
            if !is_there {
                to_read.push(at);
            }
        }
        let bytes = to_read.iter().filter_map(|at| found.get(*at)).map(|file| file.look.bytes()).sum();
        progress(Step::Begin { files: to_read.len() as u64, bytes });
        let read = read_files(&batch, root, &found, &to_read, progress)?;
        let mut entries = Vec::with_capacity(found.len());
        let mut looks: Vec<(Look, Digest)> = Vec::with_capacity(found.len());
        for (file, digest) in found.iter().zip(&digests) {
            looks.push((file.look, digest.unwrap_or(Digest::of([]))));
        }
        for (at, look, digest) in read {
            if let Some(slot) = looks.get_mut(at) {
                *slot = (look, digest);
            }
        }
        for (path, (look, digest)) in paths.into_iter().zip(&looks) {
            entries.push(Entry { path, digest: *digest, bytes: look.bytes() });
        }
        let tree = Tree::of(entries)?;
        let manifest = tree.to_bytes()?;
        let blob = batch.add(&mut manifest.as_slice(), &mut Packer::default())?;
        let Stored { bytes: stored_bytes, new_chunks, .. } = batch.finish()?;
        let tree = StoredTree { digest: blob.digest, files: found.len() as u64, bytes: tree.bytes() };
        if let Some(path) = &options.index {
            let files =
                found.iter().zip(&looks).map(|(file, (look, digest))| (file.path.as_str(), *look, *digest));
            StatIndex::write(path, tree, looked_at, files)?;
        }
        Ok(Added { tree, files_read: to_read.len() as u64, stored_bytes, new_chunks })
    }
}

/// How far adding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So much is to be read.
    Begin {
        /// Files.
        files: u64,
        /// Bytes.
        bytes: u64,
    },
    /// A file was stored.
    File {
        /// How long it is.
        bytes: u64,
    },
}

fn now_ns() -> i128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or_default()
}

fn read_files(
    batch: &Batch,
    root: &Path,
    found: &[Found],
    to_read: &[usize],
    progress: &(dyn Fn(Step) + Sync),
) -> Result<Vec<(usize, Look, Digest)>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let is_alone = root.is_file();
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::with_capacity(to_read.len()));
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(to_read.len()) {
            scope.spawn(|| {
                let mut packer = Packer::default();
                let mut mine = Vec::new();
                loop {
                    let stopped = failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                    let at = to_read.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                    let (false, Some(at)) = (stopped, at) else { break };
                    let Some(file) = found.get(at) else { break };
                    match read_file(batch, &walk::place_of(root, file, is_alone), &mut packer) {
                        Ok((look, digest)) => {
                            progress(Step::File { bytes: look.bytes() });
                            mine.push((at, look, digest));
                        }
                        Err(error) => {
                            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            break;
                        }
                    }
                }
                all.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Stores one file; what it looked like when it was read.
fn read_file(batch: &Batch, path: &Path, packer: &mut Packer) -> Result<(Look, Digest)> {
    for _ in 0..MOST_READS {
        let mut file = File::open(path).map_err(|error| source(path, &error.to_string()))?;
        let before = file.metadata().map_err(|error| source(path, &error.to_string()))?;
        if !before.is_file() {
            return Err(source(path, "it is no longer a file"));
        }
        let added = if before.len() >= DIRECT_FROM_BYTES {
            batch.add(&mut LongReader::over(file), packer)
        } else {
            batch.add(&mut file, packer)
        };
        let blob = match added {
            Err(Error::Upload(error)) => return Err(source(path, &error.to_string())),
            other => other?,
        };
        let after = fs::metadata(path).map_err(|error| source(path, &error.to_string()))?;
        if Look::of(&before) == Look::of(&after) && blob.bytes == before.len() {
            return Ok((Look::of(&after), blob.digest));
        }
    }
    Err(source(path, "it changes while it is read; try again when nobody writes to it"))
}
