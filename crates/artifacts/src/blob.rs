//! Blobs: written as a stream, named by their digest, read with every byte verified.
//!
//! A blob is cut into chunks. One chunk alone is the blob; of several, a layout says which. Both are
//! checked against their digest before a byte of them leaves, so a range is as safe as the whole.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use base::{Digest, Hasher};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, FuturesOrdered};
use futures::{Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::chunking::{self, Chunker};
use crate::store::Store;
use crate::{ArtifactsConfig, Error, Limits, Result};

/// How many chunks are under way at once; with their greatest length the memory of one transfer.
const AT_ONCE: usize = 3;

/// The artifact store. Cheap to clone.
#[derive(Clone)]
pub struct Artifacts {
    pub(crate) store: Arc<Store>,
    pub(crate) limits: Limits,
}

impl fmt::Debug for Artifacts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Artifacts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A blob that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its name: the BLAKE3 hash of its content.
    pub digest: Digest,
    /// How long it is.
    pub bytes: u64,
}

/// A blob, or a range of one, on its way out.
pub struct BlobReader {
    /// The blob.
    pub blob: Blob,
    /// Which of its bytes come.
    pub range: Range<u64>,
    /// The bytes, each verified. Ends with [`Error::Damaged`] where what is stored is not what was stored.
    pub content: BoxStream<'static, Result<Bytes>>,
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BlobReader")
            .field("blob", &self.blob)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl BlobReader {
    /// All bytes at once; for blobs that are known to be small. Fails with [`Error::TooLarge`] beforehand.
    pub async fn into_bytes(self, most: u64) -> Result<Bytes> {
        let length = self.range.end - self.range.start;
        if length > most {
            return Err(Error::TooLarge { what: "an artifact read at once", limit: most, unit: "bytes" });
        }
        let all = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
        let all = self.content.try_fold(all, |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        });
        Ok(all.await?.freeze())
    }
}

/// One chunk of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Chunk {
    digest: Digest,
    bytes: u64,
}

/// Which chunks make a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    format: u32,
    chunks: Vec<Chunk>,
}

impl Layout {
    fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }
}

fn chunk_key(digest: Digest) -> String {
    let name = digest.to_string();
    format!("chunks/{}/{name}", name.get(..2).unwrap_or_default())
}

fn layout_key(digest: Digest) -> String {
    let name = digest.to_string();
    format!("layouts/{}/{name}", name.get(..2).unwrap_or_default())
}

impl Artifacts {
    /// Opens the store. Makes the folder if need be; does not ask a bucket whether it is there.
    pub async fn open(config: &ArtifactsConfig) -> Result<Self> {
        Ok(Self { store: Arc::new(Store::open(config).await?), limits: config.limits })
    }

    /// Stores what the stream brings under its digest, in memory that does not grow with it.
    ///
    /// Durable when it returns; storing the same twice is free. If the stream fails, nothing is
    /// visible and the error is [`Error::Upload`].
    pub async fn put_blob(&self, content: impl Stream<Item = std::io::Result<Bytes>> + Send) -> Result<Blob> {
        let mut content = std::pin::pin!(content);
        let (mut whole, mut bytes) = (Hasher::new(), 0_u64);
        let mut chunker = Chunker::default();
        let mut under_way = FuturesOrdered::new();
        let mut chunks = Vec::new();
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(Error::Upload)?;
            bytes += piece.len() as u64;
            if bytes > self.limits.blob_bytes {
                return Err(Error::TooLarge {
                    what: "an artifact",
                    limit: self.limits.blob_bytes,
                    unit: "bytes",
                });
            }
            for part in piece.chunks(chunking::MOST_BYTES) {
                whole.update(part);
                chunker.push(part);
                while let Some(chunk) = chunker.next_full() {
                    under_way.push_back(self.put_chunk(chunk));
                    if under_way.len() >= AT_ONCE {
                        chunks.extend(under_way.try_next().await?);
                    }
                }
            }
        }
        while let Some(chunk) = chunker.next_rest() {
            under_way.push_back(self.put_chunk(chunk));
            if under_way.len() >= AT_ONCE {
                chunks.extend(under_way.try_next().await?);
            }
        }
        while let Some(chunk) = under_way.try_next().await? {
            chunks.push(chunk);
        }
        let digest = whole.finish();
        match chunks.len() {
            0 => drop(self.put_chunk(Bytes::new()).await?),
            1 => {}
            _ => self.put_layout(digest, Layout { format: 1, chunks }).await?,
        }
        Ok(Blob { digest, bytes })
    }

    /// Stores bytes that are at hand.
    pub async fn put_bytes(&self, content: impl Into<Bytes> + Send) -> Result<Blob> {
        self.put_blob(stream::iter([Ok(content.into())])).await
    }

    /// Whether a blob is there, and how long it is.
    pub async fn find_blob(&self, digest: Digest) -> Result<Option<Blob>> {
        Ok(self.layout(digest).await?.map(|layout| Blob { digest, bytes: layout.bytes() }))
    }

    /// Opens a blob, or the bytes `range` of it; a range that ends after the blob ends with it.
    pub async fn get_blob(&self, digest: Digest, range: Option<Range<u64>>) -> Result<BlobReader> {
        let layout = self.layout(digest).await?.ok_or(Error::BlobNotFound { digest })?;
        let blob = Blob { digest, bytes: layout.bytes() };
        let asked = range.unwrap_or(0..blob.bytes);
        if asked.start > asked.end || asked.start > blob.bytes {
            return Err(Error::BadRange { from: asked.start, to: asked.end, bytes: blob.bytes });
        }
        let range = asked.start..asked.end.min(blob.bytes);
        Ok(BlobReader { blob, range: range.clone(), content: self.content(digest, &layout, &range) })
    }

    /// Reads a blob of at most `most` bytes at once.
    pub async fn read_bytes(&self, digest: Digest, most: u64) -> Result<Bytes> {
        self.get_blob(digest, None).await?.into_bytes(most).await
    }

    fn content(
        &self,
        digest: Digest,
        layout: &Layout,
        range: &Range<u64>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let mut at = 0;
        let mut parts = Vec::new();
        for chunk in &layout.chunks {
            let (from, to) = (at, at + chunk.bytes);
            at = to;
            let (first, last) = (range.start.max(from), range.end.min(to));
            if first < last {
                parts.push((*chunk, first - from..last - from));
            }
        }
        let store = Arc::clone(&self.store);
        stream::iter(parts)
            .map(move |(chunk, part)| {
                let store = Arc::clone(&store);
                async move {
                    let content = get_chunk(&store, digest, chunk).await?;
                    let (first, last) = (part.start.min(chunk.bytes), part.end.min(chunk.bytes));
                    // Both lie within a chunk, which lies in memory.
                    Ok(content.slice(usize::try_from(first).unwrap_or(0)..usize::try_from(last).unwrap_or(0)))
                }
            })
            .buffered(AT_ONCE)
            .boxed()
    }

    async fn put_chunk(&self, content: Bytes) -> Result<Chunk> {
        let bytes = content.len() as u64;
        let (digest, content) = hashed(content).await?;
        let key = chunk_key(digest);
        if self.store.confirm(&key).await? != Some(bytes) {
            self.store.put(&key, content).await?;
        }
        Ok(Chunk { digest, bytes })
    }

    async fn put_layout(&self, digest: Digest, layout: Layout) -> Result<()> {
        let key = layout_key(digest);
        if self.store.confirm(&key).await?.is_some() {
            return Ok(());
        }
        let body =
            serde_json::to_vec(&layout).map_err(|error| Error::Damaged { digest, why: error.to_string() })?;
        let mut object = format!("{}\n", Digest::of(&body)).into_bytes();
        object.extend_from_slice(&body);
        self.store.put(&key, object.into()).await
    }

    async fn layout(&self, digest: Digest) -> Result<Option<Layout>> {
        if let Some(bytes) = self.store.size(&chunk_key(digest)).await? {
            return Ok(Some(Layout { format: 1, chunks: vec![Chunk { digest, bytes }] }));
        }
        let Some(object) = self.store.get(&layout_key(digest)).await? else { return Ok(None) };
        let damaged = |why: &str| Error::Damaged { digest, why: why.to_owned() };
        let (sum, body) = object.split_at_checked(64).ok_or_else(|| damaged("its layout is cut short"))?;
        let body = body.strip_prefix(b"\n").ok_or_else(|| damaged("its layout is not in our form"))?;
        if sum != Digest::of(body).to_string().as_bytes() {
            return Err(damaged("its layout does not have the digest it was stored with"));
        }
        let layout: Layout = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
        if layout.format != 1 {
            return Err(damaged("its layout was written by a newer version"));
        }
        Ok(Some(layout))
    }
}

/// The digest of a chunk, worked out on a thread that may block.
async fn hashed(content: Bytes) -> Result<(Digest, Bytes)> {
    if content.len() < 64 << 10 {
        return Ok((Digest::of(&content), content));
    }
    tokio::task::spawn_blocking(move || (Digest::of(&content), content))
        .await
        .map_err(|error| Error::Upload(std::io::Error::other(error)))
}

async fn get_chunk(store: &Store, digest: Digest, chunk: Chunk) -> Result<Bytes> {
    let damaged = |why: String| Error::Damaged { digest, why };
    let content = store
        .get(&chunk_key(chunk.digest))
        .await?
        .ok_or_else(|| damaged(format!("chunk `{}` is missing", chunk.digest.short())))?;
    let (found, content) = hashed(content).await?;
    if found != chunk.digest || content.len() as u64 != chunk.bytes {
        tracing::error!(artifact.digest = %digest, chunk.digest = %chunk.digest, "stored content does not have its digest");
        return Err(damaged(format!(
            "chunk `{}` does not have the digest it was stored with",
            chunk.digest.short()
        )));
    }
    Ok(content)
}
