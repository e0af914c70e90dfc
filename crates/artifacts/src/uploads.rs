//! Uploads in parts: each part is a blob; when all are there they become one file, without a copy.

use base::{Digest, Hasher, Timestamp};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::batch::Packer;
use crate::files::{parse_pointer, pointer};
use crate::layout::Chunk;
use crate::{Artifacts, Blob, Error, Result, SafePath};

/// Where uploads are.
const FOLDER: &str = "uploads";
/// The most parts of an upload.
pub const MOST_PARTS: u32 = 10_000;

/// An upload that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its id; who knows it may send parts.
    pub id: String,
    /// The root that the file will be below.
    pub root: SafePath,
    /// Where the file will be.
    pub path: SafePath,
    /// When it was begun.
    pub since: Timestamp,
}

fn upload_key(id: &str) -> String {
    format!("{FOLDER}/{id}/upload")
}

fn part_key(id: &str, number: u32) -> String {
    format!("{FOLDER}/{id}/{number}")
}

fn unknown(id: &str) -> Error {
    let shown: String = id.chars().take(40).flat_map(char::escape_default).collect();
    Error::FileNotFound { root: "uploads".into(), path: shown }
}

impl Artifacts {
    /// Begins an upload; nothing of it is visible before it is completed.
    pub async fn begin_upload(&self, root: &SafePath, path: &SafePath, since: Timestamp) -> Result<Upload> {
        let id = Digest::of([base::id::new_hex_id(), base::id::new_hex_id()].concat()).to_string();
        let upload = Upload { id, root: root.clone(), path: path.clone(), since };
        let content = serde_json::to_vec(&upload)
            .map_err(|error| crate::reading::damaged(Digest::of(&upload.id), &error.to_string()))?;
        self.store.put(&upload_key(&upload.id), content.into()).await?;
        Ok(upload)
    }

    /// An upload that is under way.
    pub async fn find_upload(&self, id: &str) -> Result<Upload> {
        // An id is a digest; nothing else becomes part of a key.
        let id = id.parse::<Digest>().map_err(|_| unknown(id))?.to_string();
        let content = self.store.get(&upload_key(&id)).await?.ok_or_else(|| unknown(&id))?;
        serde_json::from_slice(&content)
            .map_err(|error| crate::reading::damaged(Digest::of(&content), &error.to_string()))
    }

    /// Stores one part; sending it again replaces it.
    pub async fn put_part(
        &self,
        id: &str,
        number: u32,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send,
    ) -> Result<Blob> {
        let upload = self.find_upload(id).await?;
        if number == 0 || number > MOST_PARTS {
            let limit = u64::from(MOST_PARTS);
            return Err(Error::TooLarge { what: "an upload", limit, unit: "parts, counted from 1" });
        }
        let blob = self.put_blob(content).await?;
        self.store.put(&part_key(&upload.id, number), pointer(blob)).await?;
        Ok(blob)
    }

    /// Makes the parts one file, in this order. Each must have the digest that it was answered with.
    ///
    /// # Errors
    /// [`Error::BadTree`] when a part is missing or another than said; the upload stays as it is then.
    pub async fn complete_upload(&self, id: &str, parts: &[(u32, Digest)]) -> Result<Blob> {
        let upload = self.find_upload(id).await?;
        let (mut whole, mut bytes) = (Hasher::new(), 0);
        let mut chunks = Vec::new();
        let mut last = None;
        for (number, digest) in parts {
            let stored = self.store.get(&part_key(&upload.id, *number)).await?;
            let blob = stored.as_deref().and_then(parse_pointer).filter(|blob| blob.digest == *digest);
            let Some(blob) = blob else {
                return Err(Error::BadTree {
                    why: format!("part {number} of the upload is not the one that was stored"),
                });
            };
            let mut reader = self.get_blob(blob.digest, None).await?.content;
            // The name of the whole is the digest of its content, which nobody has hashed in one piece yet.
            while let Some(piece) = reader.try_next().await? {
                whole.update(&piece);
                bytes += piece.len() as u64;
            }
            if bytes > self.limits.blob_bytes {
                return Err(Error::TooLarge {
                    what: "an artifact",
                    limit: self.limits.blob_bytes,
                    unit: "bytes",
                });
            }
            let listed = self.chunks_of(blob.digest).await?.map_or_else(Vec::new, |(chunks, _)| chunks);
            chunks.extend(listed.into_iter().filter(|chunk| chunk.bytes > 0));
            last = Some(blob);
        }
        let blob = match (chunks.len(), last) {
            (0, _) => self.put_bytes(Bytes::new()).await?,
            (1, Some(part)) if parts.len() == 1 => part,
            _ => {
                let blob = Blob { digest: whole.finish(), bytes };
                self.name_chunks(blob, chunks).await?;
                blob
            }
        };
        self.link(&upload.root, &upload.path, blob.digest).await?;
        self.abort_upload(id).await?;
        Ok(blob)
    }

    async fn name_chunks(&self, blob: Blob, chunks: Vec<Chunk>) -> Result<()> {
        let artifacts = self.clone();
        let stored = tokio::task::spawn_blocking(move || {
            let batch = artifacts.begin()?;
            batch.put_layout(blob.digest, chunks, &mut Packer::default())?;
            batch.finish()
        });
        stored.await.map_err(|error| Error::Upload(std::io::Error::other(error)))??;
        Ok(())
    }

    /// Gives an upload up; its parts are garbage from now on.
    pub async fn abort_upload(&self, id: &str) -> Result<()> {
        let upload = self.find_upload(id).await?;
        // The head goes last: a second try finds it and carries on.
        let head = upload_key(&upload.id);
        for key in self.store.below(&format!("{FOLDER}/{}", upload.id)).await? {
            if key != head {
                self.store.delete(&key).await?;
            }
        }
        self.store.delete(&head).await
    }

    /// Gives up uploads that were begun before `time`.
    pub(crate) async fn abort_uploads_before(&self, time: Timestamp) -> Result<()> {
        for object in self.store.objects_below(FOLDER).await? {
            if object.written < time && object.key.ends_with("/upload") {
                let id = object.key.trim_start_matches("uploads/").trim_end_matches("/upload");
                self.abort_upload(id).await?;
            }
        }
        Ok(())
    }
}

/// What uploads that are under way hold.
pub(crate) async fn digests(artifacts: &Artifacts) -> Result<Vec<Digest>> {
    let mut found = Vec::new();
    for key in artifacts.store.below(FOLDER).await? {
        if key.ends_with("/upload") {
            continue;
        }
        if let Some(blob) = artifacts.store.get(&key).await?.as_deref().and_then(parse_pointer) {
            found.push(blob.digest);
        }
    }
    Ok(found)
}
