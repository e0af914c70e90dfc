//! From one store to another: what the other lacks travels in packs, as it is stored.
//!
//! The other may be a folder, a bucket, or a server; all of them are a [`Peer`]. A transfer that was
//! broken off is carried on by the next: what has arrived is not sent again.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base::Digest;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::batch::Packer;
use crate::chunking::MOST_BYTES;
use crate::layout::Layout;
use crate::packs::copy::WholePack;
use crate::packs::format::{self, Coding, MAGIC, Part, Record};
use crate::packs::index::Place;
use crate::reading::{check_record, damaged};
use crate::{Artifacts, Error, Result};

/// The bytes of a pack on its way, roughly.
const PACK_BYTES: usize = 8 << 20;
/// The most records of a pack on its way.
const PACK_RECORDS: usize = 4_096;
/// How many parts are asked for at once.
const ASK_AT_ONCE: usize = 4_096;
/// Packs under way at once.
const AT_ONCE: usize = 3;

/// A chunk, or the layout of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId {
    part: Part,
    digest: Digest,
}

impl fmt::Display for PartId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.part == Part::Chunk { 'c' } else { 'l' };
        write!(formatter, "{kind}{}", self.digest)
    }
}

impl FromStr for PartId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::BadTree { why: format!("`{}` names no part", text.escape_default()) };
        let part = match text.as_bytes().first() {
            Some(b'c') => Part::Chunk,
            Some(b'l') => Part::Layout,
            _ => return Err(refuse()),
        };
        let digest = text.get(1..).and_then(|text| text.parse().ok()).ok_or_else(refuse)?;
        Ok(Self { part, digest })
    }
}

impl Serialize for PartId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether the layouts that somebody sends are taken at their word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// They come from a store of our own.
    Own,
    /// The content that they claim to be is hashed before it can be had.
    Nobody,
}

/// The other end of a transfer. Everything here blocks.
pub trait Peer: Sync {
    /// How it fails.
    type Failure: From<Error> + Send;

    /// Which of these parts are not there.
    fn missing(&self, parts: &[PartId]) -> Result<Vec<PartId>, Self::Failure>;

    /// Stores a pack of parts.
    fn give(&self, pack: Vec<u8>) -> Result<(), Self::Failure>;

    /// The other end itself, where it is a store that this process reads and writes: whole packs are copied then.
    fn store(&self) -> Option<&Artifacts> {
        None
    }

    /// A pack with the first of these parts: as many as fit, at least one.
    fn take(&self, parts: &[PartId]) -> Result<Bytes, Self::Failure>;
}

/// What a transfer has moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Parts that were looked at.
    pub parts: u64,
    /// Parts that were sent.
    pub sent_parts: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
}

impl Peer for Artifacts {
    type Failure = Error;

    fn missing(&self, parts: &[PartId]) -> Result<Vec<PartId>> {
        self.missing_parts(parts)
    }

    fn give(&self, pack: Vec<u8>) -> Result<()> {
        self.import_parts(&pack.into(), Trust::Own)
    }

    fn take(&self, parts: &[PartId]) -> Result<Bytes> {
        self.export_parts(parts).map(Bytes::from)
    }

    fn store(&self) -> Option<&Artifacts> {
        Some(self)
    }
}

impl Artifacts {
    /// Which of these parts are not here. Blocks.
    ///
    /// # Errors
    /// A store that fails.
    pub fn missing_parts(&self, parts: &[PartId]) -> Result<Vec<PartId>> {
        let batch = self.begin()?;
        let mut missing = Vec::new();
        for part in parts {
            if !batch.has(part.part, part.digest)? {
                missing.push(*part);
            }
        }
        batch.finish()?;
        Ok(missing)
    }

    /// A pack with the first of these parts: as many as fit, at least one. Each was verified. Blocks.
    ///
    /// # Errors
    /// [`Error::BlobNotFound`] when the first is not here; [`Error::Damaged`].
    pub fn export_parts(&self, parts: &[PartId]) -> Result<Vec<u8>> {
        self.runtime.block_on(self.load_index())?;
        // Room for all of it: a list that grows would hold twice as much for a moment.
        let mut pack = Vec::with_capacity(PACK_BYTES + MOST_BYTES);
        pack.extend_from_slice(MAGIC);
        let mut records = Vec::new();
        for part in parts.iter().take(PACK_RECORDS) {
            if pack.len() >= PACK_BYTES {
                break;
            }
            let found = self.raw_record(part.part, part.digest)?;
            let (coding, stored, raw) = found.ok_or(Error::BlobNotFound { digest: part.digest })?;
            records.push(Record {
                part: part.part,
                digest: part.digest,
                coding,
                at: pack.len() as u64,
                stored: u32::try_from(stored.len()).unwrap_or(u32::MAX),
                raw: u32::try_from(raw).unwrap_or(u32::MAX),
            });
            pack.extend_from_slice(&stored);
        }
        pack.extend_from_slice(&format::close(&records).1);
        Ok(pack)
    }

    /// Stores the parts of a pack that somebody sent; each is verified. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a part is not what it is said to be; nothing of the pack is kept then.
    pub fn import_parts(&self, pack: &Bytes, trust: Trust) -> Result<()> {
        let (name, records) = format::records_of(pack).map_err(|why| damaged(Digest::of(pack), why))?;
        let batch = self.begin()?;
        let (layouts, chunks): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.part == Part::Layout);
        for record in &chunks {
            let (coding, stored, raw) = checked(name, record, pack)?;
            if !batch.has(Part::Chunk, record.digest)? {
                batch.append(Part::Chunk, record.digest, coding, &stored, raw)?;
            }
        }
        if !layouts.is_empty() && trust == Trust::Nobody {
            batch.flush()?;
        }
        for record in &layouts {
            let (coding, stored, raw) = checked(name, record, pack)?;
            if batch.has(Part::Layout, record.digest)? {
                continue;
            }
            if trust == Trust::Nobody {
                self.check_layout(record.digest, coding, &stored, raw)?;
            }
            batch.append(Part::Layout, record.digest, coding, &stored, raw)?;
        }
        batch.finish()?;
        Ok(())
    }

    /// Hashes the content that a layout claims to be.
    fn check_layout(&self, blob: Digest, coding: Coding, stored: &Bytes, raw: usize) -> Result<()> {
        let bytes = match coding {
            Coding::Plain => stored.to_vec(),
            Coding::Zstd => zstd::bulk::decompress(stored, raw)
                .map_err(|_| damaged(blob, "its layout cannot be unpacked"))?,
        };
        let layout = Layout::from_bytes(&bytes).map_err(|why| damaged(blob, why))?;
        if layout.bytes() > self.limits.blob_bytes {
            return Err(Error::TooLarge {
                what: "an artifact",
                limit: self.limits.blob_bytes,
                unit: "bytes",
            });
        }
        if self.hash_of(blob, layout)? != blob {
            return Err(damaged(blob, "its chunks are not its content"));
        }
        Ok(())
    }

    /// The parts that a tree consists of: chunks first, layouts after them, the tree itself last. Blocks.
    pub(crate) fn parts_of_tree(&self, tree: Digest) -> Result<Vec<PartId>> {
        let mut digests = self.runtime.block_on(self.entries_of(tree))?;
        digests.sort_unstable();
        digests.dedup();
        digests.push(tree);
        let mut seen = HashSet::new();
        let (mut chunks, mut layouts) = (Vec::new(), Vec::new());
        for blob in digests {
            let known = self.index().find(Part::Chunk, blob).is_some();
            if known {
                chunks.push(PartId { part: Part::Chunk, digest: blob });
                continue;
            }
            let found = self.runtime.block_on(self.chunks_of(blob))?;
            let (listed, segments) = found.ok_or(Error::BlobNotFound { digest: blob })?;
            if listed.len() == 1
                && segments.is_empty()
                && listed.first().is_some_and(|chunk| chunk.digest == blob)
            {
                chunks.push(PartId { part: Part::Chunk, digest: blob });
                continue;
            }
            if self.index().find(Part::Layout, blob).is_none() {
                // The first version wrote it: write its layout as we do now, over the chunks that are there.
                let batch = self.begin()?;
                batch.put_layout(blob, listed.clone(), &mut Packer::default())?;
                batch.finish()?;
            }
            chunks.extend(listed.iter().map(|chunk| PartId { part: Part::Chunk, digest: chunk.digest }));
            chunks.extend(segments.iter().map(|list| PartId { part: Part::Chunk, digest: list.digest }));
            layouts.push(PartId { part: Part::Layout, digest: blob });
        }
        chunks.retain(|part| seen.insert(*part));
        chunks.extend(layouts);
        Ok(chunks)
    }

    /// Sends a tree with all it consists of. Blocks; `progress` is told of parts and bytes as they are done.
    ///
    /// # Errors
    /// Whatever either end says; a second try carries on.
    pub fn send_tree<P: Peer>(
        &self,
        tree: Digest,
        peer: &P,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Moved, P::Failure> {
        let parts = self.parts_of_tree(tree)?;
        let mut missing = Vec::new();
        for asked in parts.chunks(ASK_AT_ONCE) {
            missing.extend(peer.missing(asked)?);
        }
        progress((parts.len() - missing.len()) as u64, 0);
        let mut moved = Moved { parts: parts.len() as u64, sent_parts: missing.len() as u64, sent_bytes: 0 };
        let whole = match peer.store() {
            Some(store) => self.whole_packs(&set_of(&missing), store)?,
            None => Vec::new(),
        };
        // Whoever sees a layout relies on its chunks: a pack that has both goes when all other chunks are there, and
        // of several such packs, which may need one another, the parts go one by one.
        let (with_layouts, without) = whole.into_iter().partition::<Vec<_>, _>(WholePack::has_layouts);
        let last = if with_layouts.len() == 1 { with_layouts } else { Vec::new() };
        let in_packs: HashSet<(Part, Digest)> =
            without.iter().chain(&last).flat_map(|pack| &pack.records).map(|r| (r.part, r.digest)).collect();
        missing.retain(|part| !in_packs.contains(&(part.part, part.digest)));
        let (layouts, chunks): (Vec<_>, Vec<_>) =
            missing.iter().copied().partition(|part| part.part == Part::Layout);
        for (stage, packs) in [(chunks, without), (layouts, last)] {
            if let Some(store) = peer.store() {
                moved.sent_bytes += copy_packs(self, &packs, store, progress)?;
            }
            moved.sent_bytes += in_parallel::<P::Failure>(&stage, |parts| {
                let pack = self.export_parts(parts)?;
                let count = format::records_of(&pack).map_or(0, |(_, records)| records.len());
                let bytes = pack.len() as u64;
                peer.give(pack)?;
                progress(count as u64, bytes);
                Ok((count, bytes))
            })?;
        }
        Ok(moved)
    }

    /// Fetches a tree with all it consists of; the tree can be relied on when this returns. Blocks.
    ///
    /// # Errors
    /// Whatever either end says; a second try carries on.
    pub fn fetch_tree<P: Peer>(
        &self,
        tree: Digest,
        peer: &P,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Moved, P::Failure> {
        let mut moved = Moved::default();
        self.fetch_blobs(&[tree], peer, &mut moved, progress)?;
        let mut entries = self.runtime.block_on(self.entries_of(tree))?;
        entries.sort_unstable();
        entries.dedup();
        self.fetch_blobs(&entries, peer, &mut moved, progress)?;
        Ok(moved)
    }

    /// Fetches a blob; it can be relied on when this returns. Blocks.
    ///
    /// # Errors
    /// Whatever either end says; a second try carries on.
    pub fn fetch_blob<P: Peer>(&self, blob: Digest, peer: &P) -> Result<Moved, P::Failure> {
        let mut moved = Moved::default();
        self.fetch_blobs(&[blob], peer, &mut moved, &|_, _| ())?;
        Ok(moved)
    }

    fn fetch_blobs<P: Peer>(
        &self,
        blobs: &[Digest],
        peer: &P,
        moved: &mut Moved,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<(), P::Failure> {
        self.runtime.block_on(self.prepare_index())?;
        // A blob is a chunk or has a layout: the peer knows which, so both are asked for.
        let unknown: Vec<Digest> = blobs
            .iter()
            .copied()
            .filter(|blob| self.index().find_lasting(Part::Chunk, *blob).is_none())
            .collect();
        let as_chunks: Vec<_> =
            unknown.iter().map(|digest| PartId { part: Part::Chunk, digest: *digest }).collect();
        let mut not_chunks = Vec::new();
        for asked in as_chunks.chunks(ASK_AT_ONCE) {
            not_chunks.extend(peer.missing(asked)?.iter().map(|part| part.digest));
        }
        let as_layouts: Vec<_> =
            not_chunks.iter().map(|digest| PartId { part: Part::Layout, digest: *digest }).collect();
        let mut neither = HashSet::new();
        for asked in as_layouts.chunks(ASK_AT_ONCE) {
            neither.extend(peer.missing(asked)?.iter().map(|part| part.digest));
        }
        // A small blob may lie by itself, outside of packs. Nothing new may rely on it there, so the peer does not count
        // it among what it has; but it gives it.
        not_chunks.retain(|digest| !neither.contains(digest));
        let set: HashSet<Digest> = not_chunks.iter().copied().collect();
        let whole: Vec<_> = as_chunks.iter().copied().filter(|part| !set.contains(&part.digest)).collect();
        let layouts: Vec<_> = as_layouts
            .into_iter()
            .filter(|part| set.contains(&part.digest))
            .filter(|part| self.index().find_lasting(Part::Layout, part.digest).is_none())
            .collect();
        moved.parts += (whole.len() + layouts.len()) as u64;
        self.fetch_parts(&whole, peer, moved, progress, Trust::Own)?;
        // Layouts are taken before their chunks, so what they claim is checked at the end.
        self.fetch_parts(&layouts, peer, moved, progress, Trust::Own)?;
        for list_first in [true, false] {
            let mut wanted = Vec::new();
            for digest in &not_chunks {
                let listed = self.listed_parts(*digest, list_first)?;
                wanted.extend(listed.into_iter().map(|digest| PartId { part: Part::Chunk, digest }));
            }
            wanted.sort_unstable();
            wanted.dedup();
            moved.parts += wanted.len() as u64;
            wanted.retain(|part| self.index().find_lasting(Part::Chunk, part.digest).is_none());
            self.fetch_parts(&wanted, peer, moved, progress, Trust::Own)?;
        }
        Ok(())
    }

    /// What a layout lists right away: its segments, or its chunks.
    fn listed_parts(&self, blob: Digest, segments_only: bool) -> Result<Vec<Digest>> {
        let content = self.runtime.block_on(self.find_content(blob))?;
        let content = content.ok_or(Error::BlobNotFound { digest: blob })?;
        match content {
            crate::reading::Content::Many(Layout::Segments(segments)) if segments_only => {
                Ok(segments.iter().map(|segment| segment.digest).collect())
            }
            _ if segments_only => Ok(Vec::new()),
            _ => {
                let listed = self.runtime.block_on(self.chunks_of(blob))?;
                Ok(listed
                    .map_or_else(Vec::new, |(chunks, _)| chunks)
                    .iter()
                    .map(|chunk| chunk.digest)
                    .collect())
            }
        }
    }

    fn fetch_parts<P: Peer>(
        &self,
        parts: &[PartId],
        peer: &P,
        moved: &mut Moved,
        progress: &(dyn Fn(u64, u64) + Sync),
        trust: Trust,
    ) -> Result<(), P::Failure> {
        moved.sent_parts += parts.len() as u64;
        let mut rest = parts.to_vec();
        if let Some(store) = peer.store() {
            let packs = store.whole_packs(&set_of(parts), self)?;
            let in_packs: HashSet<(Part, Digest)> =
                packs.iter().flat_map(|pack| &pack.records).map(|r| (r.part, r.digest)).collect();
            rest.retain(|part| !in_packs.contains(&(part.part, part.digest)));
            moved.sent_bytes += copy_packs(store, &packs, self, progress)?;
        }
        moved.sent_bytes += in_parallel::<P::Failure>(&rest, |parts| {
            let pack = peer.take(parts)?;
            let count = format::records_of(&pack).map_err(|why| damaged(Digest::of(&pack), why))?.1.len();
            let bytes = pack.len() as u64;
            self.import_parts(&pack, trust)?;
            progress(count as u64, bytes);
            Ok((count, bytes))
        })?;
        Ok(())
    }
}

fn set_of(parts: &[PartId]) -> HashSet<(Part, Digest)> {
    parts.iter().map(|part| (part.part, part.digest)).collect()
}

/// Copies packs from one store to another, a few at once; how many bytes they have.
fn copy_packs(
    from: &Artifacts,
    packs: &[WholePack],
    to: &Artifacts,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<u64> {
    if packs.is_empty() {
        return Ok(0);
    }
    // No collector of the other end takes anything away while this is held.
    let batch = to.begin()?;
    let next = AtomicUsize::new(0);
    let sum = AtomicU64::new(0);
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE.min(packs.len()) {
            threads.spawn(|| {
                let mut memory = Artifacts::memory_to_copy();
                loop {
                    let stopped = failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                    let pack = packs.get(next.fetch_add(1, Ordering::Relaxed));
                    let (false, Some(pack)) = (stopped, pack) else { return };
                    let copied = from.copy_pack(pack, to, &mut memory);
                    match copied.and_then(|bytes| batch.goes_on().map(|()| bytes)) {
                        Ok(bytes) => {
                            sum.fetch_add(bytes, Ordering::Relaxed);
                            progress(pack.records.len() as u64, bytes);
                        }
                        Err(error) => {
                            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            return;
                        }
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => batch.finish().map(|_| sum.into_inner()),
    }
}

/// A record of a pack that somebody sent, verified.
fn checked(pack_name: Digest, record: &Record, pack: &Bytes) -> Result<(Coding, Bytes, usize)> {
    let from = usize::try_from(record.at).unwrap_or(usize::MAX);
    let to = from.saturating_add(record.stored as usize);
    if to > pack.len() {
        return Err(damaged(pack_name, "a record lies outside of the pack"));
    }
    let stored = pack.slice(from..to);
    let place = Place { pack: 0, at: 0, stored: record.stored, raw: record.raw, coding: record.coding };
    let raw = check_record(record.part, record.digest, place, &stored)?;
    Ok((record.coding, stored, raw))
}

/// Hands out the parts in order, a stretch at a time, to a few threads. The work answers how many of the
/// stretch it has done, and bytes; the rest of the stretch is handed out again.
fn in_parallel<E: From<Error> + Send>(
    parts: &[PartId],
    work: impl Fn(&[PartId]) -> Result<(usize, u64), E> + Sync,
) -> Result<u64, E> {
    let stretches: Vec<&[PartId]> = parts.chunks(ASK_AT_ONCE.min(256)).collect();
    let next = AtomicUsize::new(0);
    let sum = Mutex::new(0_u64);
    let failure: Mutex<Option<E>> = Mutex::new(None);
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE.min(stretches.len()) {
            threads.spawn(|| {
                loop {
                    let stopped = failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                    let stretch = stretches.get(next.fetch_add(1, Ordering::Relaxed));
                    let (false, Some(stretch)) = (stopped, stretch) else { return };
                    let mut rest = *stretch;
                    while !rest.is_empty() {
                        match work(rest) {
                            Ok((done, bytes)) if done > 0 => {
                                *sum.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
                                rest = rest.get(done..).unwrap_or_default();
                            }
                            Ok(_) => {
                                let none = Error::BadTree { why: "the other end sent nothing".into() };
                                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(none.into());
                                return;
                            }
                            Err(error) => {
                                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                                return;
                            }
                        }
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
