//! Writing a tree as a folder.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::walk::source;
use crate::{Artifacts, Entry, Error, Result};

/// How the name of a file begins that is being written; an id follows.
const ASIDE: &str = ".gingham-";
/// The most threads that write files.
const MOST_THREADS: usize = 4;

/// A tree that was written as a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Files that were written.
    pub files: u64,
    /// Files that were there already, with the same content.
    pub unchanged_files: u64,
    /// Bytes that were written.
    pub bytes: u64,
}

impl Artifacts {
    /// Writes a tree below a folder. Blocks. Each file appears whole or not at all; files that are there with
    /// the same content stay as they are, others of the same name are replaced, and all others are left alone.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Source`] when a link or a file stands where a folder is needed; a full disk.
    /// A second try carries on.
    pub fn write_folder(
        &self,
        tree: Digest,
        target: &Path,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Written> {
        let tree = self.runtime.block_on(self.get_tree(tree))?;
        fs::create_dir_all(target).map_err(|error| source(target, &error.to_string()))?;
        make_folders(target, tree.entries())?;
        let next = AtomicUsize::new(0);
        let (files, unchanged, bytes) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let failure: Mutex<Option<Error>> = Mutex::new(None);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        std::thread::scope(|scope| {
            for _ in 0..threads.min(tree.entries().len()) {
                scope.spawn(|| {
                    loop {
                        let stopped = failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                        let entry = tree.entries().get(next.fetch_add(1, Ordering::Relaxed));
                        let (false, Some(entry)) = (stopped, entry) else { return };
                        match self.write_file(entry, &target.join(entry.path.as_str())) {
                            Ok(true) => {
                                files.fetch_add(1, Ordering::Relaxed);
                                bytes.fetch_add(entry.bytes, Ordering::Relaxed);
                            }
                            Ok(false) => {
                                unchanged.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => {
                                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                                return;
                            }
                        }
                        progress(entry.bytes);
                    }
                });
            }
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        Ok(Written {
            files: files.into_inner(),
            unchanged_files: unchanged.into_inner(),
            bytes: bytes.into_inner(),
        })
    }

    /// Whether the file had to be written.
    fn write_file(&self, entry: &Entry, target: &Path) -> Result<bool> {
        if let Ok(known) = fs::symlink_metadata(target) {
            if known.is_dir() {
                return Err(source(target, "a folder stands where a file is to be"));
            }
            if known.is_file() && known.len() == entry.bytes && hash(target).ok() == Some(entry.digest) {
                return Ok(false);
            }
        }
        let folder = target.parent().unwrap_or(Path::new("."));
        let (aside, file) = aside_in(folder)?;
        let write = || {
            let mut file = BufWriter::with_capacity(64 << 10, file);
            self.copy_blob(entry.digest, &mut file)?;
            file.flush().map_err(Error::Target)?;
            fs::rename(&aside, target).map_err(|error| source(target, &error.to_string()))
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written.map(|()| true)
    }
}

/// A new file beside the one that it will become. It is locked as long as it is written: one that can be locked was
/// left by somebody who was killed.
fn aside_in(folder: &Path) -> Result<(PathBuf, File)> {
    loop {
        let aside = folder.join(format!("{ASIDE}{}", base::id::new_hex_id()));
        let failed = |error: std::io::Error| source(&aside, &error.to_string());
        let file = File::create_new(&aside).map_err(failed)?;
        // A file system without locks keeps none; what is left behind there stays.
        let _ = file.lock();
        // Somebody who looked for such files may have found it before it was locked.
        if file.metadata().map_err(failed)?.nlink() > 0 {
            return Ok((aside, file));
        }
    }
}

/// Removes what those who were killed while they wrote into a folder left behind. What cannot be removed stays.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(ASIDE));
        let is_ours = id.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_ours
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes the folders that the files need. None of them may be a link: it might lead elsewhere.
fn make_folders(target: &Path, entries: &[Entry]) -> Result<()> {
    sweep(target);
    let mut made = HashSet::new();
    for entry in entries {
        for folder in entry.path.ancestors() {
            if !made.insert(folder.to_string()) {
                continue;
            }
            let path = target.join(folder.as_str());
            match fs::create_dir(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    let known =
                        fs::symlink_metadata(&path).map_err(|error| source(&path, &error.to_string()))?;
                    if !known.is_dir() {
                        return Err(source(&path, "a file or link stands where a folder is to be"));
                    }
                    sweep(&path);
                }
                Err(error) => return Err(source(&path, &error.to_string())),
            }
        }
    }
    Ok(())
}

fn hash(path: &Path) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(buffer.get(..length).unwrap_or_default()),
        };
    }
}
