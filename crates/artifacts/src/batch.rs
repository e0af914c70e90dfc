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
use crate::packs::direct::Aligned;
use crate::packs::format::{Coding, Part};
use crate::packs::writer::PackWriter;
use crate::{Artifacts, Blob, Error, Result};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 1 << 20;
/// Blobs longer than this are cut, hashed and written on a thread of their own while the next part, as long, is read.
const LONG_BYTES: usize = 4 << 20;
/// Parts on their way to that thread.
const WAITING_BLOCKS: usize = 1;
/// Room for what was not yet cut of the part before, which is less than the longest chunk.
const CARRIED_BYTES: usize = MOST_BYTES;
/// Bytes of a long blob that are hashed at a time: a power of two, and what the cache of a processor holds.
const HASHED_BYTES: usize = 128 << 10;
/// When a chunk did not shrink, only so many bytes of the next one that is tried are packed at first.
const SAMPLE_BYTES: usize = 16 << 10;
/// Packing must save one byte in so many to be kept.
const LEAST_SAVING: usize = 16;
/// After content that does not shrink, packing is tried again after so many chunks …
const FIRST_SKIPPED: u32 = 4;
/// … and then after twice as many each time, so many at most.
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
        Self { zstd, packed: Vec::new(), skip: 0, skip_next: FIRST_SKIPPED }
    }
}

impl Packer {
    fn pack<'a>(&'a mut self, content: &'a [u8]) -> (Coding, &'a [u8]) {
        let Some(zstd) = &mut self.zstd else { return (Coding::Plain, content) };
        if self.skip > 0 || content.len() < 64 {
            self.skip = self.skip.saturating_sub(1);
            return (Coding::Plain, content);
        }
        let sample = content.get(..SAMPLE_BYTES).filter(|_| self.skip_next > FIRST_SKIPPED);
        let pays = sample.is_none_or(|sample| shrinks(zstd, sample, &mut self.packed))
            && shrinks(zstd, content, &mut self.packed);
        if pays {
            self.skip_next = FIRST_SKIPPED;
            (Coding::Zstd, &self.packed)
        } else {
            self.skip = self.skip_next;
            self.skip_next = (self.skip_next * 2).min(MOST_SKIPPED);
            (Coding::Plain, content)
        }
    }
}

/// Packs content; whether that saves enough to be kept.
fn shrinks(zstd: &mut zstd::bulk::Compressor<'static>, content: &[u8], packed: &mut Vec<u8>) -> bool {
    packed.clear();
    packed.reserve(zstd::zstd_safe::compress_bound(content.len()));
    zstd.compress_to_buffer(content, packed)
        .is_ok_and(|length| length + content.len() / LEAST_SAVING <= content.len())
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

    /// Reads on this thread; cuts, hashes and writes on another, each part of it while it is in the processor's cache.
    fn add_long(&self, content: &mut dyn Read, begin: Buffer, packer: &mut Packer) -> Result<Blob> {
        let Buffer { content: first, limit, .. } = begin;
        let (send, receive) = sync_channel::<Block>(WAITING_BLOCKS);
        let (give_back, spare) = sync_channel::<Block>(WAITING_BLOCKS + 2);
        let (stored, read) = std::thread::scope(|threads| {
            let writer = threads.spawn(move || self.put_blocks(&receive, &give_back));
            let read = read_blocks(content, first, limit, &send, &spare);
            drop(send);
            let stored = writer.join().unwrap_or_else(|_| {
                Err(Error::Upload(std::io::Error::other("the thread that writes chunks broke off")))
            });
            (stored, read)
        });
        // Where writing failed the reading ended early: the first cause is the one to tell.
        let (whole, chunks) = stored?;
        read?;
        let bytes = chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        self.put_layout(whole, chunks, packer)?;
        Ok(Blob { digest: whole, bytes })
    }

    /// Cuts, hashes and writes what comes; the digest of the whole, and its chunks.
    fn put_blocks(
        &self,
        blocks: &Receiver<Block>,
        give_back: &SyncSender<Block>,
    ) -> Result<(Digest, Vec<Chunk>)> {
        let mut packer = Packer::default();
        let mut whole = Hasher::new();
        let mut chunks = Vec::new();
        let mut before: Option<Block> = None;
        for mut block in blocks {
            if let Some(before) = before.take() {
                block.carry(before.rest());
                // When nobody reads any more it is let go.
                let _ = give_back.try_send(before);
            }
            self.put_block(&mut block, &mut whole, &mut chunks, &mut packer)?;
            before = Some(block);
        }
        Ok((whole.finish(), chunks))
    }

    fn put_block(
        &self,
        block: &mut Block,
        whole: &mut Hasher,
        chunks: &mut Vec<Chunk>,
        packer: &mut Packer,
    ) -> Result<()> {
        let mut hashed = CARRIED_BYTES;
        let least = if block.is_last { 1 } else { MOST_BYTES };
        while block.rest().len() >= least {
            // The whole is hashed a little ahead: that reads memory faster than cutting does, and then what is cut is in
            // the cache. It is hashed in even pieces, of which that is fastest.
            while hashed < block.to.min(block.from + MOST_BYTES) {
                let end = block.to.min(hashed + HASHED_BYTES);
                whole.update(block.between(hashed, end));
                hashed = end;
            }
            let length = chunking::first(block.rest());
            chunks.push(self.put_chunk(block.rest().get(..length).unwrap_or_default(), packer)?);
            block.from += length;
        }
        whole.update(block.between(hashed, block.to));
        Ok(())
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
        self.renew(state)
    }

    /// Says that the work goes on when that has not been said for a while.
    fn renew(&self, state: &mut State) -> Result<()> {
        if let Some(lease) = &self.lease
            && state.renewed.elapsed() > RENEW_AFTER
        {
            lease.renew(SystemClock.now())?;
            state.renewed = Instant::now();
        }
        Ok(())
    }

    /// Says that the work goes on, for those who write into the store while this batch is held.
    pub(crate) fn goes_on(&self) -> Result<()> {
        self.renew(&mut self.state())
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

/// The beginning of a blob, which may be all of it.
struct Buffer {
    content: Vec<u8>,
    read: u64,
    limit: u64,
    ended: bool,
}

impl Buffer {
    fn new(limit: u64) -> Self {
        Self { content: Vec::new(), read: 0, limit, ended: false }
    }

    /// Reads until there are `wanted` bytes or nothing more comes.
    fn fill(&mut self, content: &mut dyn Read, wanted: usize) -> Result<()> {
        while !self.ended && self.content.len() < wanted {
            let step = READ_BYTES.min(wanted - self.content.len()) as u64;
            let more = (&mut *content).take(step).read_to_end(&mut self.content).map_err(Error::Upload)?;
            self.read += more as u64;
            self.ended = (more as u64) < step;
            if self.read > self.limit {
                return Err(too_large(self.limit));
            }
        }
        Ok(())
    }
}

/// A part of a long blob: what was read, after room for what was not yet cut of the part before.
struct Block {
    memory: Aligned,
    /// Where begins what is not yet cut, and where ends what was read.
    from: usize,
    to: usize,
    is_last: bool,
}

impl Block {
    fn new() -> Self {
        let memory = Aligned::of(CARRIED_BYTES + LONG_BYTES);
        Self { memory, from: CARRIED_BYTES, to: CARRIED_BYTES, is_last: false }
    }

    /// Reads until it is full or nothing more comes.
    fn fill(&mut self, content: &mut dyn Read) -> std::io::Result<()> {
        (self.from, self.to, self.is_last) = (CARRIED_BYTES, CARRIED_BYTES, false);
        while self.to < CARRIED_BYTES + LONG_BYTES {
            match content.read(self.memory.bytes_mut().get_mut(self.to..).unwrap_or_default()) {
                Ok(0) => {
                    self.is_last = true;
                    return Ok(());
                }
                Ok(more) => self.to += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes over what the block before has not cut: less than the longest chunk.
    fn carry(&mut self, rest: &[u8]) {
        self.from = CARRIED_BYTES - rest.len();
        if let Some(room) = self.memory.bytes_mut().get_mut(self.from..CARRIED_BYTES) {
            room.copy_from_slice(rest);
        }
    }

    fn between(&self, from: usize, to: usize) -> &[u8] {
        self.memory.bytes().get(from..to).unwrap_or_default()
    }

    /// What is not yet cut.
    fn rest(&self) -> &[u8] {
        self.between(self.from, self.to)
    }
}

/// Reads a long blob, whose first bytes were read already. Ends early when nobody takes blocks.
fn read_blocks(
    content: &mut dyn Read,
    first: Vec<u8>,
    limit: u64,
    send: &SyncSender<Block>,
    spare: &Receiver<Block>,
) -> Result<()> {
    let mut read = 0;
    let mut content = std::io::Cursor::new(first).chain(content);
    loop {
        let mut block = spare.try_recv().unwrap_or_else(|_| Block::new());
        block.fill(&mut content).map_err(Error::Upload)?;
        read += (block.to - CARRIED_BYTES) as u64;
        if read > limit {
            return Err(too_large(limit));
        }
        let is_last = block.is_last;
        if send.send(block).is_err() || is_last {
            return Ok(());
        }
    }
}

fn too_large(limit: u64) -> Error {
    Error::TooLarge { what: "an artifact", limit, unit: "bytes" }
}
