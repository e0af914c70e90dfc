//! Copying whole packs from one folder to another.
//!
//! A pack that the other lacks altogether is not taken apart and packed again. It is read past the page cache, each record
//! is held against its digest where it lies in memory, and from there the same memory is written: what arrives is what
//! was verified. The copy gets its name when all of it was found sound and is on the disk.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use base::{Digest, Hasher};
use bytes::Bytes;

use super::direct::{Aligned, LongFile, LongReader};
use super::format::{self, Coding, MAGIC, Part, Record};
use super::index::{self, Place};
use crate::folder::Folder;
use crate::reading::{check_record, damaged};
use crate::store::{Store, in_folder};
use crate::{Artifacts, Result};

/// Bytes that are read, verified and written at a time.
const BLOCK_BYTES: usize = 4 << 20;

/// A pack that is wanted whole.
#[derive(Debug, Clone)]
pub(crate) struct WholePack {
    pub(crate) name: Digest,
    /// In the order in which they lie there; they follow one another without a gap.
    pub(crate) records: Vec<Record>,
}

impl WholePack {
    /// Whether it says of some blob what it consists of.
    pub(crate) fn has_layouts(&self) -> bool {
        self.records.iter().any(|record| record.part == Part::Layout)
    }
}

impl Artifacts {
    /// The packs here that hold nothing but these parts, and that `other` can take as they are. None unless both lie in
    /// folders of this machine. Blocks.
    pub(crate) fn whole_packs(
        &self,
        wanted: &HashSet<(Part, Digest)>,
        other: &Self,
    ) -> Result<Vec<WholePack>> {
        let (Store::Folder(_), Store::Folder(_)) = (&*self.store, &*other.store) else {
            return Ok(Vec::new());
        };
        self.runtime.block_on(self.load_index())?;
        let mut found: BTreeMap<Digest, usize> = BTreeMap::new();
        for (part, digest) in wanted {
            if let Some((pack, _)) = self.index().find(*part, *digest) {
                *found.entry(pack).or_default() += 1;
            }
        }
        let mut packs = Vec::new();
        for (name, count) in found {
            // What the other knows under this name, or is about to throw away, is left to it.
            if !other.index().may_take(name) {
                continue;
            }
            // A pack that cannot be read now is looked at again part by part.
            let Ok(Some(mut records)) = self.runtime.block_on(index::records(&self.store, name)) else {
                continue;
            };
            let are_wanted = records.len() == count
                && records.iter().all(|record| wanted.contains(&(record.part, record.digest)));
            records.sort_unstable_by_key(|record| record.at);
            if are_wanted && is_tight(&records) {
                packs.push(WholePack { name, records });
            }
        }
        Ok(packs)
    }

    /// Copies a pack to another store; durable and visible there when it returns. Blocks.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] when a record is not what it is said to be: nothing of the pack arrives then. A store
    /// that fails.
    pub(crate) fn copy_pack(&self, pack: &WholePack, other: &Self, memory: &mut Aligned) -> Result<u64> {
        let (Store::Folder(from), Store::Folder(to)) = (&*self.store, &*other.store) else {
            return Err(damaged(pack.name, "its pack does not lie in a folder"));
        };
        let key = super::key(pack.name);
        let file = from.open_object(&key).map_err(|error| in_folder("read", &key, error))?;
        let file = file.ok_or_else(|| damaged(pack.name, "its pack is missing"))?;
        let mut reader = LongReader::over(file);
        let mut target = Copy::begin(to).map_err(|error| in_folder("write", "a pack", error))?;
        let mut check = Check::of(pack);
        let mut bytes = 0;
        loop {
            let filled = fill(&mut reader, memory).map_err(|error| in_folder("read", &key, error))?;
            let content = memory.bytes().get(..filled).unwrap_or_default();
            if content.is_empty() {
                break;
            }
            check.feed(content)?;
            target.file.write(content, &target.path).map_err(|error| in_folder("write", "a pack", error))?;
            bytes += content.len() as u64;
        }
        check.finish()?;
        target.publish(&key).map_err(|error| in_folder("write", &key, error))?;
        other.index_mut().add(pack.name, &pack.records);
        Ok(bytes)
    }

    /// Memory for [`Artifacts::copy_pack`], to be used again and again.
    pub(crate) fn memory_to_copy() -> Aligned {
        Aligned::of(BLOCK_BYTES)
    }
}

/// Whether records follow one another without a gap from the beginning of their pack.
fn is_tight(records: &[Record]) -> bool {
    let mut at = MAGIC.len() as u64;
    records.iter().all(|record| {
        let follows = record.at == at;
        at = at.saturating_add(u64::from(record.stored));
        follows
    })
}

/// Reads until the memory is full or nothing more comes.
fn fill(reader: &mut LongReader, memory: &mut Aligned) -> std::io::Result<usize> {
    let (mut filled, length) = (0, memory.bytes().len());
    while filled < length {
        match reader.read(memory.bytes_mut().get_mut(filled..).unwrap_or_default()) {
            Ok(0) => return Ok(filled),
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A copy that nobody sees yet. It goes away with this unless it was published.
struct Copy {
    folder: Arc<Folder>,
    file: LongFile,
    path: PathBuf,
}

impl Copy {
    fn begin(folder: &Arc<Folder>) -> std::io::Result<Self> {
        let (file, path) = folder.aside_file()?;
        Ok(Self { folder: Arc::clone(folder), file: LongFile::over(file), path })
    }

    fn publish(mut self, key: &str) -> std::io::Result<()> {
        self.file.finish()?;
        self.folder.publish(&self.path, key)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // Gone already if it was published; otherwise swept later if this fails.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Holds the bytes of a pack, as they come, against what its footer says.
struct Check<'a> {
    pack: &'a WholePack,
    next: usize,
    at: u64,
    /// The record under way: hashed as it comes, or kept until all of it is there.
    hash: Hasher,
    kept: Vec<u8>,
    /// What stands before and after the records.
    begin: Vec<u8>,
    end: Vec<u8>,
}

impl<'a> Check<'a> {
    fn of(pack: &'a WholePack) -> Self {
        Self {
            pack,
            next: 0,
            at: 0,
            hash: Hasher::new(),
            kept: Vec::new(),
            begin: Vec::new(),
            end: Vec::new(),
        }
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (length, record) = match self.pack.records.get(self.next) {
                _ if self.at < MAGIC.len() as u64 => (MAGIC.len() as u64 - self.at, None),
                Some(record) => (record.at + u64::from(record.stored) - self.at, Some(record)),
                None => (u64::MAX, None),
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(length);
            match record {
                Some(record) => self.feed_record(record, now)?,
                None if self.at < MAGIC.len() as u64 => self.begin.extend_from_slice(now),
                None => self.end.extend_from_slice(now),
            }
            self.at += now.len() as u64;
            bytes = later;
            // Records without a byte lie where the next one begins.
            while let Some(record) = self.pack.records.get(self.next)
                && self.at >= MAGIC.len() as u64
                && record.at + u64::from(record.stored) <= self.at
            {
                self.end_record(record)?;
                self.next += 1;
            }
        }
        Ok(())
    }

    fn feed_record(&mut self, record: &Record, bytes: &[u8]) -> Result<()> {
        if (record.part, record.coding) == (Part::Chunk, Coding::Plain) {
            self.hash.update(bytes);
        } else {
            self.kept.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end_record(&mut self, record: &Record) -> Result<()> {
        if (record.part, record.coding) == (Part::Chunk, Coding::Plain) {
            let hash = std::mem::take(&mut self.hash).finish();
            if hash != record.digest || record.raw != record.stored {
                return Err(damaged(record.digest, "it does not have the digest it was stored with"));
            }
            return Ok(());
        }
        let place = Place { pack: 0, at: 0, stored: record.stored, raw: record.raw, coding: record.coding };
        let kept = Bytes::from(std::mem::take(&mut self.kept));
        check_record(record.part, record.digest, place, &kept).map(|_| ())
    }

    /// Whether all of it came, and ends as a pack with these records does.
    fn finish(self) -> Result<()> {
        let (name, end) = format::close(&self.pack.records);
        let is_whole = self.next == self.pack.records.len() && self.begin == MAGIC && self.end == end;
        if is_whole && name == self.pack.name {
            return Ok(());
        }
        Err(damaged(self.pack.name, "its pack is not what it was when it was written"))
    }
}
