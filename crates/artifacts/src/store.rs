//! A folder or a bucket under one set of promises.
//!
//! An object is written whole or not at all, is durable when the write returns, and is replaced in
//! one step. Keys are made by this crate from digests and encoded paths, never taken from outside.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::folder::Folder;
use crate::{ArtifactsConfig, Error, Result};

/// Where objects are.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// Files below a folder of this machine.
    Folder(Arc<Folder>),
    /// Objects below a prefix of a bucket.
    Bucket { objects: Arc<dyn ObjectStore>, prefix: String },
}

impl Store {
    /// Opens what the configuration names.
    pub(crate) async fn open(config: &ArtifactsConfig) -> Result<Self> {
        let refuse = |why: String| Error::Configuration { url: without_secrets(&config.url), why };
        if let Some(path) = config.url.strip_prefix("file://") {
            let root = PathBuf::from(path);
            if !root.is_absolute() {
                return Err(refuse("the folder must be absolute".into()));
            }
            let folder =
                blocking(move || Folder::open(&root)).await.map_err(|error| refuse(error.to_string()))?;
            return Ok(Self::Folder(Arc::new(folder)));
        }
        let Some(place) = config.url.strip_prefix("s3://") else {
            return Err(refuse("only `file://` and `s3://` are known".into()));
        };
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        for (name, value) in &config.options {
            let key: AmazonS3ConfigKey =
                name.parse().map_err(|_| refuse(format!("`{name}` is no setting of an S3 bucket")))?;
            builder = builder.with_config(key, value);
        }
        let objects = builder.build().map_err(|error| refuse(error.to_string()))?;
        Ok(Self::Bucket { objects: Arc::new(objects), prefix: prefix.trim_matches('/').to_owned() })
    }

    /// Writes an object whole, in place of what was there.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.put(&name, &bytes))
                    .await
                    .map_err(|error| in_folder("write", key, error))
            }
            Self::Bucket { objects, prefix } => {
                objects
                    .put(&in_bucket(prefix, key), bytes.into())
                    .await
                    .map_err(|error| at_bucket("write", key, error))?;
                Ok(())
            }
        }
    }

    /// The length of an object that may be relied on from now on; nothing when there is none.
    pub(crate) async fn confirm(&self, key: &str) -> Result<Option<u64>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.confirm(&name)).await.map_err(|error| in_folder("find", key, error))
            }
            Self::Bucket { .. } => self.size(key).await,
        }
    }

    /// The length of an object; nothing when there is none.
    pub(crate) async fn size(&self, key: &str) -> Result<Option<u64>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.size(&name)).await.map_err(|error| in_folder("find", key, error))
            }
            Self::Bucket { objects, prefix } => match objects.head(&in_bucket(prefix, key)).await {
                Ok(found) => Ok(Some(found.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(at_bucket("find", key, error)),
            },
        }
    }

    /// Reads an object whole; nothing when there is none. Objects of this crate are small.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.get(&name)).await.map_err(|error| in_folder("read", key, error))
            }
            Self::Bucket { objects, prefix } => match objects.get(&in_bucket(prefix, key)).await {
                Ok(found) => found.bytes().await.map(Some).map_err(|error| at_bucket("read", key, error)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(at_bucket("read", key, error)),
            },
        }
    }

    /// Removes an object; it is no failure when there is none.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.delete(&name)).await.map_err(|error| in_folder("delete", key, error))
            }
            Self::Bucket { objects, prefix } => match objects.delete(&in_bucket(prefix, key)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(at_bucket("delete", key, error)),
            },
        }
    }

    /// The names right below a prefix: those of folders that hold something, and those of objects.
    pub(crate) async fn children(&self, key: &str) -> Result<(Vec<String>, Vec<String>)> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || folder.children(&name)).await.map_err(|error| in_folder("list", key, error))
            }
            Self::Bucket { objects, prefix } => {
                let listed = objects
                    .list_with_delimiter(Some(&in_bucket(prefix, key)))
                    .await
                    .map_err(|error| at_bucket("list", key, error))?;
                let last = |path: &Key| path.filename().unwrap_or_default().to_owned();
                let mut folders: Vec<_> = listed.common_prefixes.iter().map(last).collect();
                let mut names: Vec<_> = listed.objects.iter().map(|object| last(&object.location)).collect();
                folders.sort_unstable();
                names.sort_unstable();
                Ok((folders, names))
            }
        }
    }

    /// The keys of all objects below a prefix, at any depth.
    pub(crate) async fn below(&self, key: &str) -> Result<Vec<String>> {
        match self {
            Self::Folder(_) => {
                let mut found = Vec::new();
                let mut waiting = vec![key.to_owned()];
                while let Some(folder) = waiting.pop() {
                    let (folders, objects) = self.children(&folder).await?;
                    waiting.extend(folders.iter().map(|name| format!("{folder}/{name}")));
                    found.extend(objects.iter().map(|name| format!("{folder}/{name}")));
                }
                found.sort_unstable();
                Ok(found)
            }
            Self::Bucket { objects, prefix } => {
                let skip = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
                let mut found: Vec<String> = objects
                    .list(Some(&in_bucket(prefix, key)))
                    .map_ok(|object| object.location.as_ref().get(skip..).unwrap_or_default().to_owned())
                    .try_collect()
                    .await
                    .map_err(|error| at_bucket("list", key, error))?;
                found.sort_unstable();
                Ok(found)
            }
        }
    }
}

fn in_bucket(prefix: &str, key: &str) -> Key {
    if prefix.is_empty() { Key::from(key) } else { Key::from(format!("{prefix}/{key}")) }
}

fn in_folder(action: &'static str, key: &str, source: std::io::Error) -> Error {
    Error::Folder { action, key: key.to_owned(), source }
}

fn at_bucket(action: &'static str, key: &str, source: object_store::Error) -> Error {
    Error::ObjectStore { action, key: key.to_owned(), source: Box::new(source) }
}

/// Runs what blocks on a thread made for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// An address without the name and password that may stand before its host.
fn without_secrets(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}
