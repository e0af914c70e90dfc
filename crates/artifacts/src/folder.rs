//! Objects as files in a folder: written aside, flushed, renamed, and the folder flushed.
//!
//! Everything here blocks; `store` calls it on threads made for that.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// Temporary files older than this were left by a crash.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// A folder whose files are objects.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens the folder, makes it if need be, and clears what crashes left behind.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let folder = Self { root: root.canonicalize()? };
        let aside = folder.aside();
        make_folders(&folder.root, &aside)?;
        for entry in fs::read_dir(&aside)? {
            let path = entry?.path();
            // Another process may publish or sweep its file at this moment.
            if let Err(error) = sweep_if_abandoned(&path)
                && !is_absence(&error)
            {
                return Err(error);
            }
        }
        Ok(folder)
    }

    fn aside(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The file of an object. Refuses to go through a symbolic link: none is ever made here, so one
    /// that is there leads somewhere else.
    fn file(&self, key: &str) -> io::Result<PathBuf> {
        let mut path = self.root.clone();
        for part in key.split('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.file_type().is_symlink() => {
                    return Err(io::Error::new(
                        ErrorKind::PermissionDenied,
                        "a symbolic link stands in the way",
                    ));
                }
                Ok(_) => {}
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(path)
    }

    /// Writes an object whole, in place of what was there; durable when it returns.
    pub(crate) fn put(&self, key: &str, bytes: &Bytes) -> io::Result<()> {
        let target = self.file(key)?;
        let parent = target.parent().unwrap_or(&self.root);
        make_folders(&self.root, parent)?;
        let temporary = self.aside().join(base::id::new_hex_id());
        let written = write_flushed(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
        if let Err(error) = written {
            // The first failure is the one to report; a file left behind is swept at the next start.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        flush_folder(parent)
    }

    /// A new file outside of what is visible, and where it lies.
    pub(crate) fn aside_file(&self) -> io::Result<(File, PathBuf)> {
        let path = self.aside().join(base::id::new_hex_id());
        Ok((OpenOptions::new().write(true).create_new(true).open(&path)?, path))
    }

    /// Makes a flushed file from aside an object, in one step; durable when it returns.
    pub(crate) fn publish(&self, aside: &Path, key: &str) -> io::Result<()> {
        let target = self.file(key)?;
        let parent = target.parent().unwrap_or(&self.root);
        make_folders(&self.root, parent)?;
        fs::rename(aside, &target)?;
        flush_folder(parent)
    }

    /// Writes an object unless there is one; whether it was written.
    pub(crate) fn put_new(&self, key: &str, bytes: &Bytes) -> io::Result<bool> {
        let target = self.file(key)?;
        let parent = target.parent().unwrap_or(&self.root);
        make_folders(&self.root, parent)?;
        let temporary = self.aside().join(base::id::new_hex_id());
        // A hard link fails where there is something already, which a rename does not.
        let linked = write_flushed(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, &target));
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => flush_folder(parent).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes an object only if it still holds `expected`; whether it did. Others that call this wait.
    pub(crate) fn replace(&self, key: &str, expected: &Bytes, bytes: &Bytes) -> io::Result<bool> {
        let lock = OpenOptions::new().create(true).append(true).open(self.root.join("lock"))?;
        lock.lock()?;
        if self.get(key)?.as_ref() != Some(expected) {
            return Ok(false);
        }
        self.put(key, bytes).map(|()| true)
    }

    /// Moves an object to another key, over what is there; it is no failure when there is none.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (source, target) = (self.file(from)?, self.file(to)?);
        let parent = target.parent().unwrap_or(&self.root);
        make_folders(&self.root, parent)?;
        match fs::rename(&source, &target) {
            Ok(()) => {
                flush_folder(parent)?;
                flush_folder(source.parent().unwrap_or(&self.root))
            }
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens an object for reading; nothing when there is none.
    pub(crate) fn open_object(&self, key: &str) -> io::Result<Option<File>> {
        match File::open(self.file(key)?) {
            Ok(file) => Ok(Some(file)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects below a prefix, at any depth, with their lengths and when they were written.
    pub(crate) fn below(&self, prefix: &str) -> io::Result<Vec<(String, u64, SystemTime)>> {
        let mut found = Vec::new();
        let mut waiting = vec![prefix.to_owned()];
        while let Some(key) = waiting.pop() {
            let entries = match fs::read_dir(self.file(&key)?) {
                Ok(entries) => entries,
                Err(error) if is_absence(&error) => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    waiting.push(format!("{key}/{name}"));
                } else if kind.is_file() {
                    // It may have been removed since it was listed.
                    let Ok(known) = entry.metadata() else { continue };
                    found.push((format!("{key}/{name}"), known.len(), known.modified()?));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The length of an object, and the promise that it will still be there after power loss.
    pub(crate) fn confirm(&self, key: &str) -> io::Result<Option<u64>> {
        let file = self.file(key)?;
        match fs::metadata(&file) {
            Ok(found) if found.is_file() => {
                // Somebody else may have renamed it a moment ago and not have flushed yet.
                flush_folder(file.parent().unwrap_or(&self.root))?;
                Ok(Some(found.len()))
            }
            Ok(_) => Ok(None),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads an object whole.
    pub(crate) fn get(&self, key: &str) -> io::Result<Option<Bytes>> {
        match fs::read(self.file(key)?) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if is_absence(&error) || error.kind() == ErrorKind::IsADirectory => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The length of an object.
    pub(crate) fn size(&self, key: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.file(key)?) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object; it is no failure when there is none.
    pub(crate) fn delete(&self, key: &str) -> io::Result<()> {
        let file = self.file(key)?;
        match fs::remove_file(&file) {
            Ok(()) => flush_folder(file.parent().unwrap_or(&self.root)),
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The names right below a prefix: folders, then objects, each in order.
    pub(crate) fn children(&self, prefix: &str) -> io::Result<(Vec<String>, Vec<String>)> {
        let (mut folders, mut objects) = (Vec::new(), Vec::new());
        let entries = match fs::read_dir(self.file(prefix)?) {
            Ok(entries) => entries,
            Err(error) if is_absence(&error) => return Ok((folders, objects)),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if holds_file(&entry.path())? {
                    folders.push(name);
                }
            } else if kind.is_file() {
                objects.push(name);
            }
        }
        folders.sort_unstable();
        objects.sort_unstable();
        Ok((folders, objects))
    }
}

fn sweep_if_abandoned(temporary: &Path) -> io::Result<()> {
    let written = fs::metadata(temporary)?.modified()?;
    if SystemTime::now().duration_since(written).is_ok_and(|age| age > ABANDONED_AFTER) {
        fs::remove_file(temporary)?;
    }
    Ok(())
}

/// Whether nothing is there; a file in the place of a folder means the same.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Whether there is a file anywhere below; folders stay behind when their last file is deleted.
fn holds_file(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() || (kind.is_dir() && holds_file(&entry.path())?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn write_flushed(path: &Path, bytes: &Bytes) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the folders between `root` and `folder` and flushes each one's parent.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() || folder == root {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(root);
    make_folders(root, parent)?;
    match fs::create_dir(folder) {
        Ok(()) => flush_folder(parent),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => flush_folder(parent),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_folder_opens_while_others_publish_into_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let ended = AtomicBool::new(false);
        let opened = std::thread::scope(|threads| {
            let writer = threads.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let (_, path) = folder.aside_file().unwrap();
                    fs::remove_file(path).unwrap();
                }
            });
            let opened: io::Result<Vec<Folder>> = (0..2_000).map(|_| Folder::open(root.path())).collect();
            ended.store(true, Ordering::Relaxed);
            writer.join().unwrap();
            opened
        });
        assert_eq!(opened.unwrap().len(), 2_000);
    }

    #[test]
    fn what_a_crash_left_behind_is_swept_once_it_is_old() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let (young, young_path) = folder.aside_file().unwrap();
        let (old, old_path) = folder.aside_file().unwrap();
        old.set_modified(SystemTime::now() - ABANDONED_AFTER - Duration::from_secs(1)).unwrap();
        drop((young, old));
        Folder::open(root.path()).unwrap();
        assert!(young_path.exists() && !old_path.exists());
    }
}
