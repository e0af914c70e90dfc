//! Files in a bucket.

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Error, Result};

/// Bytes of one part of an upload.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts under way at once.
const AT_ONCE: usize = 4;

/// A bucket; credentials, endpoint and region come from the usual `AWS_*` variables.
#[derive(Debug, Clone)]
pub struct Bucket {
    name: String,
    objects: Arc<dyn ObjectStore>,
}

impl Bucket {
    /// The bucket and the key of an address such as `s3://bucket/folder/file.parquet`.
    ///
    /// # Errors
    /// An address that is none, or settings that are lacking.
    pub fn of(address: &str) -> Result<(Self, String)> {
        let wrong = |problem: String| Error::BadLocation { location: address.to_owned(), problem };
        let place = address.strip_prefix("s3://").filter(|place| !place.is_empty());
        let place = place.ok_or_else(|| wrong("write `s3://BUCKET/KEY`".to_owned()))?;
        let (name, key) = place.split_once('/').unwrap_or((place, ""));
        let objects = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok((Self { name: name.to_owned(), objects: Arc::new(objects) }, key.to_owned()))
    }

    fn failed(&self, doing: &'static str, key: &str, error: &dyn std::fmt::Display) -> Error {
        Error::Storage { doing, location: format!("s3://{}/{key}", self.name), problem: error.to_string() }
    }

    /// The keys below a prefix, in order, each with its size in bytes and a word that changes with its content.
    ///
    /// # Errors
    /// A bucket that does not answer.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, u64, String)>> {
        let key = Key::from(prefix);
        let found: Vec<_> = self
            .objects
            .list(Some(&key))
            .map_ok(|object| {
                let tag = object.e_tag.unwrap_or_else(|| object.last_modified.to_rfc3339());
                (object.location.to_string(), object.size, tag)
            })
            .try_collect()
            .await
            .map_err(|error| self.failed("list", prefix, &error))?;
        let mut found = found;
        found.sort_unstable();
        Ok(found)
    }

    /// The size of an object in bytes and a word that changes with its content; `None` when it is not there.
    ///
    /// # Errors
    /// A bucket that does not answer.
    pub async fn find(&self, key: &str) -> Result<Option<(u64, String)>> {
        match self.objects.head(&Key::from(key)).await {
            Ok(object) => {
                let tag = object.e_tag.unwrap_or_else(|| object.last_modified.to_rfc3339());
                Ok(Some((object.size, tag)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", key, &error)),
        }
    }

    /// Copies an object to a file of this machine.
    ///
    /// # Errors
    /// A bucket that does not answer, a disk that is full.
    pub async fn fetch(&self, key: &str, target: &Path) -> Result<()> {
        let found = self.objects.get(&Key::from(key)).await;
        let mut stream = found.map_err(|error| self.failed("read", key, &error))?.into_stream();
        let failed = |error: std::io::Error| super::storage("write", target, &error);
        let mut file = tokio::fs::File::create(target).await.map_err(failed)?;
        while let Some(bytes) = stream.try_next().await.map_err(|error| self.failed("read", key, &error))? {
            file.write_all(&bytes).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)
    }

    /// Copies a file of this machine to an object. The object appears whole or not at all.
    ///
    /// # Errors
    /// A bucket that does not answer.
    pub async fn put(&self, source: &Path, key: &str) -> Result<()> {
        let failed = |error: std::io::Error| super::storage("read", source, &error);
        let mut file = tokio::fs::File::open(source).await.map_err(failed)?;
        let upload = self.objects.put_multipart(&Key::from(key)).await;
        let upload = upload.map_err(|error| self.failed("write", key, &error))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = file.read(&mut buffer).await.map_err(failed)?;
            if count == 0 {
                break;
            }
            upload.wait_for_capacity(AT_ONCE).await.map_err(|error| self.failed("write", key, &error))?;
            upload.write(buffer.get(..count).unwrap_or_default());
        }
        upload.finish().await.map(drop).map_err(|error| self.failed("write", key, &error))
    }
}
