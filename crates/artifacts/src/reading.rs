//! Reading chunks: many neighbours at once, each verified before it is handed on.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use base::Digest;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;

use crate::blob::loose_key;
use crate::layout::{self, Chunk, Layout, Segment};
use crate::packs::format::{Coding, Part};
use crate::packs::index::{self, Place};
use crate::store::{Store, in_folder, read_at};
use crate::{Artifacts, Error, Result};

/// How many groups of chunks are under way at once; with their length the memory of one transfer.
const AT_ONCE: usize = 3;
/// The most bytes that are read at once.
const GROUP_BYTES: u64 = 2 << 20;
/// How many packs are kept open.
const MOST_OPEN: usize = 32;
/// The most bytes of a chunk that is read: older versions made chunks of up to 4 MiB.
const MOST_CHUNK_BYTES: u32 = 4 << 20;
/// The most bytes of a layout: that of a blob of several TiB.
const MOST_LAYOUT_BYTES: u32 = 64 << 20;

/// Packs whose files are open.
#[derive(Debug, Default)]
pub(crate) struct OpenPacks(Mutex<HashMap<Digest, Arc<File>>>);

/// What makes a blob.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One chunk, with its place if it is in a pack.
    One(Chunk, Option<(Digest, Place)>),
    /// Several.
    Many(Layout),
}

impl Content {
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::One(chunk, _) => u64::from(chunk.bytes),
            Self::Many(layout) => layout.bytes(),
        }
    }
}

/// Neighbouring records of one pack, or one object, and which bytes of what they hold are wanted.
#[derive(Debug, Clone)]
struct Group {
    pack: Option<Digest>,
    chunks: Vec<(Chunk, Option<Place>, Range<usize>)>,
}

impl Group {
    fn bytes(&self) -> u64 {
        self.chunks
            .iter()
            .map(|(chunk, place, _)| place.map_or(chunk.bytes, |place| place.stored))
            .map(u64::from)
            .sum()
    }

    /// Whether a record follows right after the last of the group and there is room for it.
    fn takes(&self, pack: Option<Digest>, place: Option<Place>) -> bool {
        let last = self.chunks.last().and_then(|(_, place, _)| *place);
        match (last, place) {
            (Some(last), Some(next)) => {
                self.pack == pack
                    && last.at.checked_add(last.stored) == Some(next.at)
                    && self.bytes() + u64::from(next.stored) <= GROUP_BYTES
            }
            _ => false,
        }
    }
}

/// The layout that version 0.1 wrote as an object of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldLayout {
    format: u32,
    chunks: Vec<OldChunk>,
}

#[derive(Deserialize)]
struct OldChunk {
    digest: Digest,
    bytes: u32,
}

/// Where layouts are that version 0.1 wrote.
pub(crate) const OLD_LAYOUTS: &str = "layouts";

pub(crate) fn old_layout_key(digest: Digest) -> String {
    let name = digest.to_string();
    format!("{OLD_LAYOUTS}/{}/{name}", name.get(..2).unwrap_or_default())
}

impl Artifacts {
    /// Reads the index if it was not yet read.
    pub(crate) async fn load_index(&self) -> Result<()> {
        if self.index().loaded {
            return Ok(());
        }
        self.read_new_packs().await
    }

    /// Reads the footers of packs that are not yet in the index.
    pub(crate) async fn read_new_packs(&self) -> Result<()> {
        let mut packs = index::list(&self.store).await?;
        packs.retain(|(name, _)| !self.index().knows(*name));
        for (name, records) in index::read_records(&self.store, packs).await? {
            self.index_mut().add(name, &records);
        }
        self.index_mut().loaded = true;
        Ok(())
    }

    /// What makes a blob; nothing when it is not there.
    pub(crate) async fn find_content(&self, digest: Digest) -> Result<Option<Content>> {
        self.load_index().await?;
        if let Some(found) = self.find_in_packs(digest).await? {
            return Ok(Some(found));
        }
        if let Some(bytes) = self.store.size(&loose_key(digest)).await? {
            let bytes =
                u32::try_from(bytes).map_err(|_| damaged(digest, "it is longer than a chunk can be"))?;
            if bytes == 0 && digest != Digest::of([]) {
                return Err(damaged(digest, "it is cut short"));
            }
            return Ok(Some(Content::One(Chunk { digest, bytes }, None)));
        }
        if let Some(layout) = self.old_layout(digest).await? {
            return Ok(Some(Content::Many(layout)));
        }
        // Another process may have written it since the packs were listed, or it was thrown away too early.
        self.read_new_packs().await?;
        if let Some(found) = self.find_in_packs(digest).await? {
            return Ok(Some(found));
        }
        if self.take_parts_from_bin(|_, binned| binned == digest).await? {
            return Box::pin(self.find_content(digest)).await;
        }
        if self.index().is_damaged(digest) {
            return Err(damaged(digest, "it does not have the digest it was stored with"));
        }
        Ok(None)
    }

    async fn find_in_packs(&self, digest: Digest) -> Result<Option<Content>> {
        let chunk = self.index().find(Part::Chunk, digest);
        if let Some((pack, place)) = chunk {
            return Ok(Some(Content::One(Chunk { digest, bytes: place.raw }, Some((pack, place)))));
        }
        let Some((pack, place)) = self.index().find(Part::Layout, digest) else { return Ok(None) };
        let bytes = self.read_record(digest, pack, place, MOST_LAYOUT_BYTES).await?;
        Layout::from_bytes(&bytes)
            .map(|layout| Some(Content::Many(layout)))
            .map_err(|why| damaged(digest, why))
    }

    async fn old_layout(&self, digest: Digest) -> Result<Option<Layout>> {
        let Some(object) = self.store.get(&old_layout_key(digest)).await? else { return Ok(None) };
        let (sum, body) =
            object.split_at_checked(64).ok_or_else(|| damaged(digest, "its layout is cut short"))?;
        let body =
            body.strip_prefix(b"\n").ok_or_else(|| damaged(digest, "its layout is not in our form"))?;
        if sum != Digest::of(body).to_string().as_bytes() {
            return Err(damaged(digest, "its layout does not have the digest it was stored with"));
        }
        let layout: OldLayout =
            serde_json::from_slice(body).map_err(|error| damaged(digest, &error.to_string()))?;
        if layout.format != 1 {
            return Err(damaged(digest, "its layout was written by a newer version"));
        }
        let chunks = layout.chunks.iter().map(|chunk| Chunk { digest: chunk.digest, bytes: chunk.bytes });
        Ok(Some(Layout::Chunks(chunks.collect())))
    }

    /// The bytes of a record, decoded and not yet verified.
    async fn read_record(&self, blob: Digest, pack: Digest, place: Place, most: u32) -> Result<Bytes> {
        let found = self.read_pack(pack, u64::from(place.at), place.stored as usize).await?;
        let stored = found.ok_or_else(|| damaged(blob, &format!("pack `{}` is missing", pack.short())))?;
        decoded(blob, place, stored, most)
    }

    /// Bytes of a pack; nothing when the pack is neither there nor in the bin.
    async fn read_pack(&self, pack: Digest, at: u64, bytes: usize) -> Result<Option<Bytes>> {
        let key = crate::packs::key(pack);
        if let Store::Folder(_) = &*self.store {
            let artifacts = self.clone();
            let read = tokio::task::spawn_blocking(move || artifacts.read_pack_now(pack, at, bytes)).await;
            if let Some(found) = read.map_err(|error| Error::Upload(std::io::Error::other(error)))?? {
                return Ok(Some(found));
            }
        } else if let Some(found) = self.store.get_range(&key, at, bytes).await? {
            return Ok(Some(found));
        }
        if self.take_from_bin(&key).await? { self.store.get_range(&key, at, bytes).await } else { Ok(None) }
    }

    /// Bytes of a pack in a folder. Blocks.
    fn read_pack_now(&self, pack: Digest, at: u64, bytes: usize) -> Result<Option<Bytes>> {
        let Store::Folder(folder) = &*self.store else {
            return self.runtime.block_on(self.read_pack(pack, at, bytes));
        };
        let known = self.open_packs.get(pack);
        let file = match known {
            Some(file) => file,
            None => {
                let key = crate::packs::key(pack);
                match folder.open_object(&key).map_err(|error| in_folder("read", &key, error))? {
                    Some(file) => self.open_packs.keep(pack, file),
                    None => return Ok(None),
                }
            }
        };
        read_at(&file, at, bytes)
            .map(Some)
            .map_err(|error| in_folder("read", &crate::packs::key(pack), error))
    }

    /// The content of a blob as a stream of verified bytes.
    pub(crate) fn content(
        self,
        blob: Digest,
        content: Content,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let lists: BoxStream<'static, Result<(u64, Vec<Chunk>)>> = match content {
            Content::One(chunk, _) => stream::iter([Ok((0, vec![chunk]))]).boxed(),
            Content::Many(Layout::Chunks(chunks)) => stream::iter([Ok((0, chunks))]).boxed(),
            Content::Many(Layout::Segments(segments)) => {
                let artifacts = self.clone();
                stream::iter(overlapping(segments, &range))
                    .map(move |(at, segment)| {
                        let artifacts = artifacts.clone();
                        async move { Ok((at, artifacts.segment(blob, segment).await?)) }
                    })
                    .buffered(2)
                    .boxed()
            }
        };
        let (places, reader) = (self.clone(), self);
        lists
            .map_ok(move |(at, chunks)| stream::iter(places.groups(&chunks, at, &range)).map(Ok))
            .try_flatten()
            .map(move |group: Result<Group>| {
                let reader = reader.clone();
                async move { reader.read_group(blob, group?).await }
            })
            .buffered(AT_ONCE)
            .map_ok(|parts| stream::iter(parts).map(Ok))
            .try_flatten()
            .boxed()
    }

    /// The chunks that a segment lists.
    pub(crate) async fn segment(&self, blob: Digest, segment: Segment) -> Result<Vec<Chunk>> {
        let bytes = u32::try_from(layout::MOST_SEGMENT_BYTES).unwrap_or(u32::MAX);
        let chunk = Chunk { digest: segment.digest, bytes };
        let found = self.index().find(Part::Chunk, segment.digest);
        let chunk = Chunk { bytes: found.map_or(chunk.bytes, |(_, place)| place.raw), ..chunk };
        let whole = 0..chunk.bytes as usize;
        let group = Group {
            pack: found.map(|(pack, _)| pack),
            chunks: vec![(chunk, found.map(|(_, place)| place), whole)],
        };
        let list = self.read_group(blob, group).await?;
        let chunks =
            layout::read_chunks(list.first().map_or(&[], |list| list)).map_err(|why| damaged(blob, why))?;
        let bytes: u64 = chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum();
        if bytes != segment.bytes || chunks.len() != segment.chunks as usize {
            return Err(damaged(blob, "a part of its layout does not add up"));
        }
        Ok(chunks)
    }

    /// All chunks of a blob, those that hold parts of its layout included.
    pub(crate) async fn chunks_of(&self, blob: Digest) -> Result<Option<(Vec<Chunk>, Vec<Segment>)>> {
        match self.find_content(blob).await? {
            None => Ok(None),
            Some(Content::One(chunk, _)) => Ok(Some((vec![chunk], Vec::new()))),
            Some(Content::Many(Layout::Chunks(chunks))) => Ok(Some((chunks, Vec::new()))),
            Some(Content::Many(Layout::Segments(segments))) => {
                let mut chunks = Vec::new();
                for segment in &segments {
                    chunks.extend(self.segment(blob, *segment).await?);
                }
                Ok(Some((chunks, segments)))
            }
        }
    }

    /// The chunks, the first of which begins at `at`, that hold bytes of the range, neighbours together.
    fn groups(&self, chunks: &[Chunk], at: u64, range: &Range<u64>) -> Vec<Group> {
        let index = self.index();
        let mut groups: Vec<Group> = Vec::new();
        let mut at = at;
        for chunk in chunks {
            let (from, to) = (at, at + u64::from(chunk.bytes));
            at = to;
            let (first, last) = (range.start.max(from), range.end.min(to));
            if first >= last {
                continue;
            }
            // Both lie within a chunk, which lies in memory.
            let part = (first - from) as usize..(last - from) as usize;
            let found = index.find(Part::Chunk, chunk.digest);
            let (pack, place) = (found.map(|(pack, _)| pack), found.map(|(_, place)| place));
            match groups.last_mut() {
                Some(group) if group.takes(pack, place) => group.chunks.push((*chunk, place, part)),
                _ => groups.push(Group { pack, chunks: vec![(*chunk, place, part)] }),
            }
        }
        groups
    }

    /// Reads and verifies a group; the wanted bytes of each of its chunks.
    async fn read_group(&self, blob: Digest, group: Group) -> Result<Vec<Bytes>> {
        match self.try_group(blob, group.clone()).await {
            Err(Error::Damaged { .. }) => {
                // What was collected or moved meanwhile lies elsewhere now; what is damaged stays so.
                let is_gone = match group.pack {
                    Some(pack) => self.store.size(&crate::packs::key(pack)).await?.is_none(),
                    None => false,
                };
                if is_gone {
                    self.index_mut().forget();
                }
                self.read_new_packs().await?;
                let unknown = |chunk: Digest| self.index().find(Part::Chunk, chunk).is_none();
                if group.chunks.iter().any(|(chunk, ..)| unknown(chunk.digest)) {
                    let wanted =
                        |binned: Digest| group.chunks.iter().any(|(chunk, ..)| chunk.digest == binned);
                    self.take_parts_from_bin(|part, binned| part == Part::Chunk && wanted(binned)).await?;
                }
                let mut parts = Vec::new();
                for (chunk, _, part) in group.chunks.clone() {
                    let found = self.index().find(Part::Chunk, chunk.digest);
                    let again = Group {
                        pack: found.map(|(pack, _)| pack),
                        chunks: vec![(chunk, found.map(|(_, place)| place), part)],
                    };
                    let read = self.try_group(blob, again.clone()).await;
                    if let (Err(Error::Damaged { .. }), Some(pack)) = (&read, again.pack) {
                        // Whoever stores this chunk again heals it.
                        self.index_mut().mark_damaged(pack, chunk.digest);
                    }
                    parts.extend(read?);
                }
                Ok(parts)
            }
            other => other,
        }
    }

    async fn try_group(&self, blob: Digest, group: Group) -> Result<Vec<Bytes>> {
        let bytes = usize::try_from(group.bytes()).unwrap_or(usize::MAX);
        let (stored, base) = match (group.pack, group.chunks.first()) {
            (Some(pack), Some((_, Some(place), _))) => {
                if let Store::Folder(_) = &*self.store {
                    let (artifacts, group, at) = (self.clone(), group.clone(), place.at);
                    let read = tokio::task::spawn_blocking(move || {
                        let Some(stored) = artifacts.read_pack_now(pack, u64::from(at), bytes)? else {
                            return Ok(None);
                        };
                        verified(blob, &group, &stored, at).map(Some)
                    });
                    let read = read.await.map_err(|error| Error::Upload(std::io::Error::other(error)))??;
                    if let Some(parts) = read {
                        return Ok(parts);
                    }
                }
                let stored = self.read_pack(pack, u64::from(place.at), bytes).await?;
                (
                    stored.ok_or_else(|| damaged(blob, &format!("pack `{}` is missing", pack.short())))?,
                    place.at,
                )
            }
            (_, Some((chunk, ..))) => {
                let key = loose_key(chunk.digest);
                let stored = match self.store.get(&key).await? {
                    Some(stored) => Some(stored),
                    None if self.take_from_bin(&key).await? => self.store.get(&key).await?,
                    None => None,
                };
                let missing = || damaged(blob, &format!("chunk `{}` is missing", chunk.digest.short()));
                (stored.ok_or_else(missing)?, 0)
            }
            (_, None) => return Ok(Vec::new()),
        };
        let work = move || verified(blob, &group, &stored, base);
        if bytes < 64 << 10 {
            return work();
        }
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::Upload(std::io::Error::other(error)))?
    }

    /// Writes a blob to `target`, every byte verified. Blocks.
    ///
    /// # Errors
    /// [`Error::BlobNotFound`], [`Error::Damaged`], a store or a target that fails.
    pub fn copy_blob(&self, digest: Digest, target: &mut dyn Write) -> Result<u64> {
        let content =
            self.runtime.block_on(self.find_content(digest))?.ok_or(Error::BlobNotFound { digest })?;
        let bytes = content.bytes();
        if let (Content::One(chunk, Some((pack, place))), Store::Folder(_)) = (&content, &*self.store)
            && let Some(stored) = self.read_pack_now(*pack, u64::from(place.at), place.stored as usize)?
        {
            let group =
                Group { pack: Some(*pack), chunks: vec![(*chunk, Some(*place), 0..chunk.bytes as usize)] };
            for part in verified(digest, &group, &stored, place.at)? {
                target.write_all(&part).map_err(Error::Target)?;
            }
            return Ok(bytes);
        }
        if let (Content::Many(layout), Store::Folder(_)) = (&content, &*self.store) {
            // One after the other on this thread: many hands would hold much memory, and the disk is no faster for them.
            let (lists, mut at) = (self.lists_of(digest, layout.clone()), 0);
            for list in lists {
                let list = list?;
                for group in self.groups(&list, at, &(0..bytes)) {
                    for part in self.read_group_now(digest, group)? {
                        target.write_all(&part).map_err(Error::Target)?;
                    }
                }
                at += list.iter().map(|chunk| u64::from(chunk.bytes)).sum::<u64>();
            }
            return Ok(bytes);
        }
        let mut stream = self.clone().content(digest, content, 0..bytes);
        while let Some(part) = self.runtime.block_on(stream.next()) {
            target.write_all(&part?).map_err(Error::Target)?;
        }
        Ok(bytes)
    }

    /// The chunks of a blob, a segment at a time. Blocks.
    fn lists_of(&self, blob: Digest, layout: Layout) -> impl Iterator<Item = Result<Vec<Chunk>>> + '_ {
        let (chunks, segments) = match layout {
            Layout::Chunks(chunks) => (Some(Ok(chunks)), Vec::new()),
            Layout::Segments(segments) => (None, segments),
        };
        let listed = segments.into_iter();
        chunks
            .into_iter()
            .chain(listed.map(move |segment| self.runtime.block_on(self.segment(blob, segment))))
    }

    /// Reads and verifies a group on this thread; what goes wrong is tried again with all that may heal it. Blocks.
    fn read_group_now(&self, blob: Digest, group: Group) -> Result<Vec<Bytes>> {
        let bytes = usize::try_from(group.bytes()).unwrap_or(usize::MAX);
        if let (Some(pack), Some((_, Some(place), _))) = (group.pack, group.chunks.first())
            && let Ok(Some(stored)) = self.read_pack_now(pack, u64::from(place.at), bytes)
            && let Ok(parts) = verified(blob, &group, &stored, place.at)
        {
            return Ok(parts);
        }
        self.runtime.block_on(self.read_group(blob, group))
    }

    /// The digest of what a layout says. Blocks.
    pub(crate) fn hash_of(&self, blob: Digest, layout: Layout) -> Result<Digest> {
        let bytes = layout.bytes();
        let mut whole = base::Hasher::new();
        let mut stream = self.clone().content(blob, Content::Many(layout), 0..bytes);
        while let Some(part) = self.runtime.block_on(stream.next()) {
            whole.update(&part?);
        }
        Ok(whole.finish())
    }

    /// A record as it is stored, for a transfer that does not unpack it; verified. Blocks.
    pub(crate) fn raw_record(&self, part: Part, digest: Digest) -> Result<Option<(Coding, Bytes, usize)>> {
        let found = self.index().find(part, digest);
        let Some((pack, place)) = found else {
            if part == Part::Layout {
                return Ok(None);
            }
            let Some(content) = self.runtime.block_on(self.store.get(&loose_key(digest)))? else {
                return Ok(None);
            };
            if Digest::of(&content) != digest {
                return Err(damaged(digest, "it does not have the digest it was stored with"));
            }
            let raw = content.len();
            return Ok(Some((Coding::Plain, content, raw)));
        };
        let stored = self
            .read_pack_now(pack, u64::from(place.at), place.stored as usize)?
            .ok_or_else(|| damaged(digest, &format!("pack `{}` is missing", pack.short())))?;
        let raw = check_record(part, digest, place, &stored)?;
        Ok(Some((place.coding, stored, raw)))
    }
}

/// Checks the stored bytes of a record against its digest; how long it is once decoded.
pub(crate) fn check_record(part: Part, digest: Digest, place: Place, stored: &Bytes) -> Result<usize> {
    let most = if part == Part::Chunk { MOST_CHUNK_BYTES } else { MOST_LAYOUT_BYTES };
    let content = decoded(digest, place, stored.clone(), most)?;
    let sound = match part {
        Part::Chunk => Digest::of(&content) == digest,
        Part::Layout => Layout::from_bytes(&content).is_ok(),
    };
    if !sound {
        return Err(damaged(digest, "it does not have the digest it was stored with"));
    }
    Ok(content.len())
}

impl OpenPacks {
    fn get(&self, pack: Digest) -> Option<Arc<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&pack).cloned()
    }

    fn keep(&self, pack: Digest, file: File) -> Arc<File> {
        let file = Arc::new(file);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST_OPEN {
            open.clear();
        }
        open.insert(pack, Arc::clone(&file));
        file
    }

    /// Closes all files, so that what was removed is really gone.
    pub(crate) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Segments that hold bytes of the range, and where each begins.
fn overlapping(segments: Vec<Segment>, range: &Range<u64>) -> Vec<(u64, Segment)> {
    let mut at = 0_u64;
    let mut found = Vec::new();
    for segment in segments {
        let from = at;
        at = at.saturating_add(segment.bytes);
        if from < range.end && at > range.start {
            found.push((from, segment));
        }
    }
    found
}

/// The wanted bytes of each chunk of a group, from the bytes that begin at `base` in their pack.
fn verified(blob: Digest, group: &Group, stored: &Bytes, base: u32) -> Result<Vec<Bytes>> {
    let mut parts = Vec::with_capacity(group.chunks.len());
    for (chunk, place, part) in &group.chunks {
        let content = match place {
            None => stored.clone(),
            Some(place) => {
                let from = place.at.saturating_sub(base) as usize;
                let to = from.saturating_add(place.stored as usize);
                if to > stored.len() {
                    return Err(damaged(blob, &format!("chunk `{}` is cut short", chunk.digest.short())));
                }
                decoded(blob, *place, stored.slice(from..to), MOST_CHUNK_BYTES)?
            }
        };
        if Digest::of(&content) != chunk.digest || part.end > content.len() {
            let why = format!("chunk `{}` does not have the digest it was stored with", chunk.digest.short());
            tracing::error!(artifact.digest = %blob, chunk.digest = %chunk.digest, "stored content is damaged");
            return Err(damaged(blob, &why));
        }
        parts.push(content.slice(part.clone()));
    }
    Ok(parts)
}

fn decoded(blob: Digest, place: Place, stored: Bytes, most: u32) -> Result<Bytes> {
    if stored.len() != place.stored as usize || place.raw > most {
        return Err(damaged(blob, "a part of it is cut short"));
    }
    match place.coding {
        Coding::Plain => Ok(stored),
        Coding::Zstd => zstd::bulk::decompress(&stored, place.raw as usize)
            .ok()
            .filter(|content| content.len() == place.raw as usize)
            .map(Bytes::from)
            .ok_or_else(|| damaged(blob, "a part of it cannot be unpacked")),
    }
}

pub(crate) fn damaged(digest: Digest, why: &str) -> Error {
    Error::Damaged { digest, why: why.to_owned() }
}
