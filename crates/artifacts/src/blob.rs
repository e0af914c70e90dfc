//! Blobs: written as a stream, named by their digest, read with every byte verified.
//!
//! A blob is cut into chunks. One chunk alone is the blob; of several, a layout says which. Both are
//! checked against their digest before a byte of them leaves, so a range is as safe as the whole.
//! Small blobs that come alone are objects of their own, all others lie in packs.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use base::Digest;
use bytes::{Buf, Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::batch::Packer;
use crate::packs::index::Index;
use crate::reading::OpenPacks;
use crate::store::Store;
use crate::{ArtifactsConfig, Error, Limits, Result};

/// Blobs of at most so many bytes that come alone are objects of their own.
const ALONE_BYTES: usize = 64 << 10;
/// How many pieces of an upload wait to be stored.
const WAITING_PIECES: usize = 16;

/// The artifact store. Cheap to clone.
#[derive(Clone)]
pub struct Artifacts {
    pub(crate) store: Arc<Store>,
    pub(crate) limits: Limits,
    pub(crate) index: Arc<RwLock<Index>>,
    pub(crate) open_packs: Arc<OpenPacks>,
    pub(crate) runtime: Handle,
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

impl Artifacts {
    /// Opens the store. Makes the folder if need be; does not ask a bucket whether it is there.
    pub async fn open(config: &ArtifactsConfig) -> Result<Self> {
        Ok(Self::over(Store::open(config).await?, config.limits))
    }

    /// The store over what is opened. Call it within a runtime.
    pub(crate) fn over(store: Store, limits: Limits) -> Self {
        Self {
            store: Arc::new(store),
            limits,
            index: Arc::default(),
            open_packs: Arc::default(),
            runtime: Handle::current(),
        }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores what the stream brings under its digest, in memory that does not grow with it.
    ///
    /// Durable when it returns; storing the same twice is free. If the stream fails, nothing is
    /// visible and the error is [`Error::Upload`].
    pub async fn put_blob(&self, content: impl Stream<Item = std::io::Result<Bytes>> + Send) -> Result<Blob> {
        let mut content = std::pin::pin!(content);
        let mut first = BytesMut::new();
        while first.len() <= ALONE_BYTES {
            match content.next().await {
                Some(piece) => first.extend_from_slice(&piece.map_err(Error::Upload)?),
                None => return self.put_alone(first.freeze()).await,
            }
            self.check_length(first.len() as u64)?;
        }
        let (send, pieces) = mpsc::channel::<std::io::Result<Bytes>>(WAITING_PIECES);
        let artifacts = self.clone();
        let storing = tokio::task::spawn_blocking(move || {
            let batch = artifacts.begin()?;
            let mut pieces = Pieces { current: first.freeze(), coming: pieces, whole: false };
            let blob = batch.add(&mut pieces, &mut Packer::default())?;
            batch.finish()?;
            Ok(blob)
        });
        let mut broken = false;
        while let Some(piece) = content.next().await {
            broken = piece.is_err();
            // Nobody takes pieces any more when storing has failed; what it says counts then.
            if send.send(piece).await.is_err() || broken {
                break;
            }
        }
        if !broken {
            // Tells a stream that has come to its end from one whose task was dropped half way.
            let _ = send.send(Ok(Bytes::new())).await;
        }
        drop(send);
        storing.await.map_err(|error| Error::Upload(std::io::Error::other(error)))?
    }

    /// Stores bytes that are at hand.
    pub async fn put_bytes(&self, content: impl Into<Bytes> + Send) -> Result<Blob> {
        let content = content.into();
        if content.len() <= ALONE_BYTES {
            self.check_length(content.len() as u64)?;
            return self.put_alone(content).await;
        }
        self.put_blob(stream::iter([Ok(content)])).await
    }

    fn check_length(&self, bytes: u64) -> Result<()> {
        let limit = self.limits.blob_bytes;
        if bytes > limit {
            return Err(Error::TooLarge { what: "an artifact", limit, unit: "bytes" });
        }
        Ok(())
    }

    /// Stores a small blob as an object of its own. It is written even where it is there already:
    /// that is how a collector sees that somebody relies on it from now on.
    async fn put_alone(&self, content: Bytes) -> Result<Blob> {
        let blob = Blob { digest: Digest::of(&content), bytes: content.len() as u64 };
        self.store.put(&loose_key(blob.digest), content).await?;
        Ok(blob)
    }

    /// Whether a blob is there, and how long it is.
    pub async fn find_blob(&self, digest: Digest) -> Result<Option<Blob>> {
        Ok(self.find_content(digest).await?.map(|content| Blob { digest, bytes: content.bytes() }))
    }

    /// Opens a blob, or the bytes `range` of it; a range that ends after the blob ends with it.
    pub async fn get_blob(&self, digest: Digest, range: Option<Range<u64>>) -> Result<BlobReader> {
        let content = self.find_content(digest).await?.ok_or(Error::BlobNotFound { digest })?;
        let blob = Blob { digest, bytes: content.bytes() };
        let asked = range.unwrap_or(0..blob.bytes);
        if asked.start > asked.end || asked.start > blob.bytes {
            return Err(Error::BadRange { from: asked.start, to: asked.end, bytes: blob.bytes });
        }
        let range = asked.start..asked.end.min(blob.bytes);
        Ok(BlobReader { blob, range: range.clone(), content: self.clone().content(digest, content, range) })
    }

    /// Reads a blob of at most `most` bytes at once.
    pub async fn read_bytes(&self, digest: Digest, most: u64) -> Result<Bytes> {
        self.get_blob(digest, None).await?.into_bytes(most).await
    }
}

/// The key of a chunk that is an object of its own.
pub(crate) fn loose_key(digest: Digest) -> String {
    let name = digest.to_string();
    format!("{LOOSE}/{}/{name}", name.get(..2).unwrap_or_default())
}

/// Where chunks are that are objects of their own.
pub(crate) const LOOSE: &str = "chunks";

/// An upload as something to read on a thread that may block.
struct Pieces {
    current: Bytes,
    coming: mpsc::Receiver<std::io::Result<Bytes>>,
    whole: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() && !self.whole {
            match self.coming.blocking_recv() {
                Some(Ok(piece)) if piece.is_empty() => self.whole = true,
                Some(piece) => self.current = piece?,
                None => return Err(std::io::Error::other("the sender went away")),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}
