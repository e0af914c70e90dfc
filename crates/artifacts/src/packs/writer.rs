//! Writing a pack: nothing of it is visible before it is whole and durable.

use std::path::PathBuf;
use std::sync::Arc;

use base::Digest;
use tokio::runtime::Handle;

use super::direct::LongFile;
use super::format::{self, Coding, MAGIC, Part, Record};
use crate::folder::Folder;
use crate::store::{Store, in_folder};
use crate::{Error, Result};

/// A pack in a folder is closed when it is this long, in bytes.
const FULL_IN_FOLDER: u64 = 64 << 20;
/// A pack for a bucket is closed when it is this long, in bytes; it is kept in memory until then.
const FULL_FOR_BUCKET: u64 = 16 << 20;
/// A pack is closed when it has this many records.
const MOST_RECORDS: usize = 1 << 17;

/// A pack that is being written. What is not sealed goes away with it.
#[derive(Debug)]
pub(crate) struct PackWriter {
    records: Vec<Record>,
    at: u64,
    target: Target,
}

#[derive(Debug)]
enum Target {
    File { folder: Arc<Folder>, file: LongFile, path: PathBuf },
    Memory { store: Arc<Store>, runtime: Handle, content: Vec<u8> },
}

/// A pack that is in the store.
#[derive(Debug, Clone)]
pub(crate) struct SealedPack {
    pub(crate) name: Digest,
    pub(crate) records: Vec<Record>,
    pub(crate) bytes: u64,
}

impl PackWriter {
    /// Begins a pack. Blocks.
    pub(crate) fn begin(store: &Arc<Store>, runtime: &Handle) -> Result<Self> {
        let target = match &**store {
            Store::Folder(folder) => {
                let (file, path) =
                    folder.aside_file().map_err(|error| in_folder("write", "a pack", error))?;
                Target::File { folder: Arc::clone(folder), file: LongFile::over(file), path }
            }
            Store::Bucket { .. } => {
                Target::Memory { store: Arc::clone(store), runtime: runtime.clone(), content: Vec::new() }
            }
        };
        let mut writer = Self { records: Vec::new(), at: 0, target };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    /// Adds a record.
    pub(crate) fn append(
        &mut self,
        part: Part,
        digest: Digest,
        coding: Coding,
        content: &[u8],
        raw: usize,
    ) -> Result<()> {
        let at = self.at;
        self.write(content)?;
        self.records.push(Record {
            part,
            digest,
            coding,
            at,
            // Chunks have at most half a MiB, layouts a few MiB.
            stored: u32::try_from(content.len()).unwrap_or(u32::MAX),
            raw: u32::try_from(raw).unwrap_or(u32::MAX),
        });
        Ok(())
    }

    /// Whether it is time for the next pack.
    pub(crate) fn is_full(&self) -> bool {
        let full = match self.target {
            Target::File { .. } => FULL_IN_FOLDER,
            Target::Memory { .. } => FULL_FOR_BUCKET,
        };
        self.at >= full || self.records.len() >= MOST_RECORDS
    }

    /// Puts the pack into the store; durable when it returns. Blocks.
    pub(crate) fn seal(mut self) -> Result<SealedPack> {
        let (name, end) = format::close(&self.records);
        self.write(&end)?;
        let key = super::key(name);
        match &mut self.target {
            Target::File { folder, file, path } => {
                let put = file.finish().and_then(|()| folder.publish(path, &key));
                put.map_err(|error| in_folder("write", &key, error))?;
            }
            Target::Memory { store, runtime, content } => {
                runtime.block_on(store.put(&key, std::mem::take(content).into()))?;
            }
        }
        Ok(SealedPack { name, records: std::mem::take(&mut self.records), bytes: self.at })
    }

    fn write(&mut self, content: &[u8]) -> Result<()> {
        self.at += content.len() as u64;
        match &mut self.target {
            Target::File { file, path, .. } => {
                file.write(content, path).map_err(|error| in_folder("write", "a pack", error))
            }
            Target::Memory { content: all, .. } => {
                all.extend_from_slice(content);
                Ok::<(), Error>(())
            }
        }
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        if let Target::File { path, .. } = &self.target {
            // Gone already if the pack was sealed; otherwise swept later if this fails.
            let _ = std::fs::remove_file(path);
        }
    }
}
