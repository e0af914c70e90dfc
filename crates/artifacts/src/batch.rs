//! Storing much at once: content is cut, hashed, packed where it pays, and written into packs that
//! many blobs share. Everything here blocks; blobs may be added from several threads.

use std::collections::HashSet;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::{Clock, Digest, Hasher, SystemClock};

use crate::chunking::{self, MOST_BYTES};
use crate::layout::{Chunk, Layout};
use crate::lease::Lease;
use crate::packs::format::{Coding, Part};
use crate::packs::writer::PackWriter;
use crate::{Artifacts, Blob, Error, Result};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 20;
/// Blobs longer than this are hashed and written on a thread of their own while the next part is cut.
const LONG_BYTES: usize = 4 << 20;
/// Chunks on their way to that thread.
const WAITING_CHUNKS: usize = 16;
/// Packing must save one byte in so many to be kept.
const LEAST_SAVING: usize = 16;
/// After content that does not shrink, packing is tried again after so many chunks at most.
const MOST_SKIPPED: u32 = 64;
/// How hard zstd tries.
const ZSTD_LEVEL: i32 = 1;
/// A lease is renewed when it is this old.
const RENEW_AFTER: Duration = Duration::from_secs(60);

/// Content that is being stored. Blobs can be relied on once [`Batch::finish`] has returned; a batch
/// that is dropped leaves nothing but what collecting garbage removes.
#[derive(Debug)]
pub struct Batch {
    artifacts: Artifacts,
    state: Mutex<State>,
    lease: Option<Lease>,
}

#[derive(Debug)]
struct State {
    writer: Option<PackWriter>,
    /// What this batch has written and no index knows yet.
    fresh: HashSet<(Part, Digest)>,
    /// Packs that were there when this batch first relied on them, and those that were not.
    packs_seen: std::collections::HashMap<Digest, bool>,
    renewed: Instant,
    stored: Stored,
}

/// What a batch has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Bytes of the packs that were written: what the store has grown by.
    pub bytes: u64,
    /// Chunks that were not there before.
    pub new_chunks: u64,
    /// Chunks that were there already.
    pub known_chunks: u64,
}

/// Packs content where it pays, and notices where it does not.
pub struct Packer {
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packed: Vec<u8>,
    skip: u32,
    skip_next: u32,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Packer").field("skip", &self.skip).finish_non_exhaustive()
    }
}

impl Default for Packer {
    fn default() -> Self {
        // Without a compressor content is stored as it is.
        let zstd = zstd::bulk::Compressor::new(ZSTD_LEVEL).ok();
        Self { zstd, packed: Vec::new(), skip: 0, skip_next: 4 }
    }
}

impl Packer {
    fn pack<'a>(&'a mut self, content: &'a [u8]) -> (Coding, &'a [u8]) {
        let Some(zstd) = &mut self.zstd else { return (Coding::Plain, content) };
        if self.skip > 0 || content.len() < 64 {
            self.skip = self.skip.saturating_sub(1);
            return (Coding::Plain, content);
        }
        let bound = zstd::zstd_safe::compress_bound(content.len());
        self.packed.clear();
        self.packed.reserve(bound);
        let pays = zstd
            .compress_to_buffer(content, &mut self.packed)
            .is_ok_and(|length| length + content.len() / LEAST_SAVING <= content.len());
        if pays {
            self.skip_next = 4;
            (Coding::Zstd, &self.packed)
        } else {
            self.skip = self.skip_next;
            self.skip_next = (self.skip_next * 2).min(MOST_SKIPPED);
            (Coding::Plain, content)
        }
    }
}

impl Artifacts {
    /// Begins to store much at once. Blocks; call it on a thread that may.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn begin(&self) -> Result<Batch> {
        let lease = Lease::take(&self.store, &self.runtime, SystemClock.now())?;
        Ok(Batch { lease: Some(lease), ..self.begin_without_lease()? })
    }

    /// Begins to store what no collector can take away meanwhile. Blocks.
    pub(crate) fn begin_without_lease(&self) -> Result<Batch> {
        self.runtime.block_on(self.prepare_index())?;
        let state = State {
            writer: None,
            fresh: HashSet::new(),
            packs_seen: std::collections::HashMap::new(),
            renewed: Instant::now(),
            stored: Stored::default(),
        };
        Ok(Batch { artifacts: self.clone(), state: Mutex::new(state), lease: None })
    }
}

impl Batch {
    /// Stores what `content` brings, in memory that does not grow with it.
    ///
    /// # Errors
    /// [`Error::Upload`] when `content` cannot be read; [`Error::TooLarge`]; a store that fails.
    pub fn add(&self, content: &mut dyn Read, packer: &mut Packer) -> Result<Blob> {
        let mut buffer = Buffer::new(self.artifacts.limits.blob_bytes);
        buffer.fill(content, LONG_BYTES)?;
        if !buffer.ended {
            return self.add_long(content, buffer, packer);
        }
        let bytes = buffer.content.len() as u64;
        let mut rest = buffer.content.as_slice();
        let first = chunking::first(rest);
        if first == rest.len() {
            let digest = Digest::of(rest);
            self.put(Part::Chunk, digest, rest, packer)?;
            return Ok(Blob { digest, bytes });
        }
        let digest = Digest::of(rest);
        let mut chunks = Vec::new();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(chunking::first(rest));
            chunks.push(self.put_chunk(chunk, packer)?);
            rest = after;
        }
        self.put_layout(digest, chunks, packer)?;
        Ok(Blob { digest, bytes })
    }

    /// Cuts on this thread and hashes the whole; hashes, packs and writes the chunks on another.
    fn add_long(&self, content: &mut dyn Read, mut buffer: Buffer, packer: &mut Packer) -> Result<Blob> {
        let (send, receive) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
        let (give_back, spare) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
        let (chunks, cut) = std::thread::scope(|threads| {
            let writer = threads.spawn(move || self.put_chunks(&receive, &give_back));
            let cut = cut_long(content, &mut buffer, &send, &spare);
            drop(send);
            let written = writer.join().unwrap_or_else(|_| {
                Err(Error::Upload(std::io::Error::other("the thread that writes chunks broke off")))
            });
            (written, cut)
        });
        // Where writing failed the cutting ended early: the first cause is the one to tell.
        let chunks = chunks?;
        let whole = cut?;
        let bytes = chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        self.put_layout(whole, chunks, packer)?;
        Ok(Blob { digest: whole, bytes })
    }

    fn put_chunks(&self, chunks: &Receiver<Vec<u8>>, give_back: &SyncSender<Vec<u8>>) -> Result<Vec<Chunk>> {
        let mut packer = Packer::default();
        let mut list = Vec::new();
        for mut chunk in chunks {
            list.push(self.put_chunk(&chunk, &mut packer)?);
            chunk.clear();
            // When there are enough spare buffers this one is let go.
            let _ = give_back.try_send(chunk);
        }
        Ok(list)
    }

    fn put_chunk(&self, content: &[u8], packer: &mut Packer) -> Result<Chunk> {
        let digest = Digest::of(content);
        self.put(Part::Chunk, digest, content, packer)?;
        Ok(Chunk { digest, bytes: u32::try_from(content.len()).unwrap_or(u32::MAX) })
    }

    pub(crate) fn put_layout(&self, blob: Digest, chunks: Vec<Chunk>, packer: &mut Packer) -> Result<()> {
        let (layout, lists) = Layout::of(chunks);
        for list in lists {
            self.put_chunk(&list, packer)?;
        }
        self.put(Part::Layout, blob, &layout.to_bytes(), packer)
    }

    pub(crate) fn put(&self, part: Part, digest: Digest, content: &[u8], packer: &mut Packer) -> Result<()> {
        if self.has(part, digest)? {
            self.state().stored.known_chunks += 1;
            return Ok(());
        }
        let (coding, packed) = packer.pack(content);
        self.append(part, digest, coding, packed, content.len())
    }

    /// Writes a record unless this batch has written it in the meantime.
    pub(crate) fn append(
        &self,
        part: Part,
        digest: Digest,
        coding: Coding,
        packed: &[u8],
        raw: usize,
    ) -> Result<()> {
        let mut state = self.state();
        if !state.fresh.insert((part, digest)) {
            return Ok(());
        }
        let writer = match &mut state.writer {
            Some(writer) => writer,
            none => none.insert(PackWriter::begin(&self.artifacts.store, &self.artifacts.runtime)?),
        };
        writer.append(part, digest, coding, packed, raw)?;
        let full = writer.is_full();
        state.stored.new_chunks += 1;
        if full {
            self.seal(&mut state)?;
        }
        Ok(())
    }

    /// Whether something is stored, so that this batch may rely on it.
    pub(crate) fn has(&self, part: Part, digest: Digest) -> Result<bool> {
        if self.state().fresh.contains(&(part, digest)) {
            return Ok(true);
        }
        let found = self.artifacts.index().find_lasting(part, digest);
        let Some((pack, _)) = found else { return Ok(false) };
        if let Some(seen) = self.state().packs_seen.get(&pack) {
            return Ok(*seen);
        }
        let key = crate::packs::key(pack);
        let is_there = self.artifacts.runtime.block_on(self.artifacts.store.confirm(&key))?.is_some();
        self.state().packs_seen.insert(pack, is_there);
        Ok(is_there)
    }

    /// Whether a blob is stored, so that this batch may rely on it.
    pub(crate) fn has_blob(&self, digest: Digest) -> Result<bool> {
        Ok(self.has(Part::Chunk, digest)? || self.has(Part::Layout, digest)?)
    }

    fn seal(&self, state: &mut State) -> Result<()> {
        let Some(writer) = state.writer.take() else { return Ok(()) };
        let sealed = writer.seal()?;
        state.stored.bytes += sealed.bytes;
        let mut index = self.artifacts.index_mut();
        index.add(sealed.name, &sealed.records);
        drop(index);
        state.packs_seen.insert(sealed.name, true);
        state.fresh.clear();
        if let Some(lease) = &self.lease
            && state.renewed.elapsed() > RENEW_AFTER
        {
            lease.renew(SystemClock.now())?;
            state.renewed = Instant::now();
        }
        Ok(())
    }

    /// Makes everything durable and visible.
    ///
    /// # Errors
    /// When the store cannot be written; nothing can be relied on then.
    pub fn finish(mut self) -> Result<Stored> {
        let stored = self.flush()?;
        if let Some(lease) = self.lease.take() {
            lease.give_back()?;
        }
        Ok(stored)
    }

    /// Makes durable and visible what was added so far; the batch goes on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn flush(&self) -> Result<Stored> {
        let mut state = self.state();
        self.seal(&mut state)?;
        Ok(state.stored)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was read and not yet cut.
struct Buffer {
    content: Vec<u8>,
    /// Where the part begins that is not yet cut.
    from: usize,
    read: u64,
    limit: u64,
    ended: bool,
}

impl Buffer {
    fn new(limit: u64) -> Self {
        Self { content: Vec::new(), from: 0, read: 0, limit, ended: false }
    }

    /// The part that is not yet cut.
    fn rest(&self) -> &[u8] {
        self.content.get(self.from..).unwrap_or_default()
    }

    /// Reads until the part that is not yet cut has `wanted` bytes or nothing more comes.
    fn fill(&mut self, content: &mut dyn Read, wanted: usize) -> Result<()> {
        if self.from > 0 {
            self.content.drain(..self.from);
            self.from = 0;
        }
        while !self.ended && self.content.len() < wanted {
            let step = READ_BYTES.min(wanted - self.content.len()) as u64;
            let more = (&mut *content).take(step).read_to_end(&mut self.content).map_err(Error::Upload)?;
            self.read += more as u64;
            self.ended = (more as u64) < step;
            if self.read > self.limit {
                return Err(Error::TooLarge { what: "an artifact", limit: self.limit, unit: "bytes" });
            }
        }
        Ok(())
    }
}

/// Cuts a long blob and sends its chunks; the digest of the whole. Ends early when nobody takes chunks.
fn cut_long(
    content: &mut dyn Read,
    buffer: &mut Buffer,
    send: &SyncSender<Vec<u8>>,
    spare: &Receiver<Vec<u8>>,
) -> Result<Digest> {
    let mut whole = Hasher::new();
    whole.update(buffer.rest());
    loop {
        let least = if buffer.ended { 1 } else { MOST_BYTES };
        while buffer.rest().len() >= least {
            let length = chunking::first(buffer.rest());
            let mut chunk = spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(MOST_BYTES));
            chunk.extend_from_slice(buffer.rest().get(..length).unwrap_or_default());
            buffer.from += length;
            if send.send(chunk).is_err() {
                return Ok(whole.finish());
            }
        }
        if buffer.ended {
            return Ok(whole.finish());
        }
        let known = buffer.rest().len();
        buffer.fill(content, LONG_BYTES)?;
        whole.update(buffer.rest().get(known..).unwrap_or_default());
    }
}
