//! A folder or a bucket under one set of promises.
//!
//! An object is written whole or not at all, is durable when the write returns, and is replaced in
//! one step. Keys are made by this crate from digests and encoded paths, never taken from outside.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use base::Timestamp;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{CopyOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

use crate::bucket;
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

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its key.
    pub(crate) key: String,
    /// How long it is.
    pub(crate) bytes: u64,
    /// When it was written, in microseconds since 1970 by the clock of the store.
    pub(crate) written: Timestamp,
}

/// What an object held when it was read, so that it can be replaced only if that is still so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    content: Bytes,
    version: Option<UpdateVersion>,
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
        let (objects, prefix) = bucket::open(config).map_err(refuse)?;
        Ok(Self::Bucket { objects, prefix })
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
        Ok(self.objects_below(key).await?.into_iter().map(|object| object.key).collect())
    }

    /// All objects below a prefix, at any depth, in the order of their keys.
    pub(crate) async fn objects_below(&self, key: &str) -> Result<Vec<Object>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                let found = blocking(move || folder.below(&name))
                    .await
                    .map_err(|error| in_folder("list", key, error))?;
                let object = |(key, bytes, written)| Object { key, bytes, written: time_of(written) };
                Ok(found.into_iter().map(object).collect())
            }
            Self::Bucket { objects, prefix } => {
                let skip = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
                let mut found: Vec<Object> = objects
                    .list(Some(&in_bucket(prefix, key)))
                    .map_ok(|object| Object {
                        key: object.location.as_ref().get(skip..).unwrap_or_default().to_owned(),
                        bytes: object.size,
                        written: Timestamp::from_micros(object.last_modified.timestamp_micros()),
                    })
                    .try_collect()
                    .await
                    .map_err(|error| at_bucket("list", key, error))?;
                found.sort_unstable_by(|left, right| left.key.cmp(&right.key));
                Ok(found)
            }
        }
    }

    /// Bytes of an object from an offset; fewer where it ends. Nothing when there is none.
    pub(crate) async fn get_range(&self, key: &str, at: u64, bytes: usize) -> Result<Option<Bytes>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || match folder.open_object(&name)? {
                    Some(file) => read_at(&file, at, bytes).map(Some),
                    None => Ok(None),
                })
                .await
                .map_err(|error| in_folder("read", key, error))
            }
            Self::Bucket { objects, prefix } => {
                let range = at..at.saturating_add(bytes as u64);
                match objects.get_range(&in_bucket(prefix, key), range).await {
                    Ok(found) => Ok(Some(found)),
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    Err(error) => Err(at_bucket("read", key, error)),
                }
            }
        }
    }

    /// The last bytes of an object, and how long all of it is. Nothing when there is none.
    pub(crate) async fn get_end(&self, key: &str, bytes: usize) -> Result<Option<(Bytes, u64)>> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || {
                    let Some(file) = folder.open_object(&name)? else { return Ok(None) };
                    let length = file.metadata()?.len();
                    let from = length.saturating_sub(bytes as u64);
                    Ok(Some((read_at(&file, from, bytes)?, length)))
                })
                .await
                .map_err(|error| in_folder("read", key, error))
            }
            Self::Bucket { objects, prefix } => {
                let options =
                    GetOptions { range: Some(GetRange::Suffix(bytes as u64)), ..GetOptions::default() };
                match objects.get_opts(&in_bucket(prefix, key), options).await {
                    Ok(found) => {
                        let length = found.meta.size;
                        let end = found.bytes().await.map_err(|error| at_bucket("read", key, error))?;
                        Ok(Some((end, length)))
                    }
                    Err(object_store::Error::NotFound { .. }) => Ok(None),
                    // Azure knows no ranges from the end.
                    Err(
                        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. },
                    ) => {
                        let Some(length) = self.size(key).await? else { return Ok(None) };
                        let from = length.saturating_sub(bytes as u64);
                        Ok(self.get_range(key, from, bytes).await?.map(|end| (end, length)))
                    }
                    Err(error) => Err(at_bucket("read", key, error)),
                }
            }
        }
    }

    /// Moves an object to another key; it is no failure when there is none.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                let (folder, source, target) = (Arc::clone(folder), from.to_owned(), to.to_owned());
                blocking(move || folder.rename(&source, &target))
                    .await
                    .map_err(|error| in_folder("move", from, error))
            }
            Self::Bucket { objects, prefix } => {
                let (source, target) = (in_bucket(prefix, from), in_bucket(prefix, to));
                // The copy is there before the original goes: a crash in between leaves both.
                match objects.copy_opts(&source, &target, CopyOptions::default()).await {
                    Ok(()) => {}
                    Err(object_store::Error::NotFound { .. }) => return Ok(()),
                    Err(error) => return Err(at_bucket("move", from, error)),
                }
                self.delete(from).await
            }
        }
    }

    /// Reads an object that is going to be replaced.
    pub(crate) async fn see(&self, key: &str) -> Result<Option<(Bytes, Seen)>> {
        match self {
            Self::Folder(_) => {
                Ok(self.get(key).await?.map(|content| (content.clone(), Seen { content, version: None })))
            }
            Self::Bucket { objects, prefix } => match objects.get(&in_bucket(prefix, key)).await {
                Ok(found) => {
                    let version = UpdateVersion {
                        e_tag: found.meta.e_tag.clone(),
                        version: found.meta.version.clone(),
                    };
                    let content = found.bytes().await.map_err(|error| at_bucket("read", key, error))?;
                    Ok(Some((content.clone(), Seen { content, version: Some(version) })))
                }
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(at_bucket("read", key, error)),
            },
        }
    }

    /// Writes an object only if it still is as it was seen (absent, where nothing was seen); whether it was.
    pub(crate) async fn put_if(&self, key: &str, bytes: Bytes, seen: Option<Seen>) -> Result<bool> {
        match self {
            Self::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), key.to_owned());
                blocking(move || match seen {
                    None => folder.put_new(&name, &bytes),
                    Some(seen) => folder.replace(&name, &seen.content, &bytes),
                })
                .await
                .map_err(|error| in_folder("write", key, error))
            }
            Self::Bucket { objects, prefix } => {
                let mode = match seen.and_then(|seen| seen.version) {
                    Some(version) => PutMode::Update(version),
                    None => PutMode::Create,
                };
                match objects.put_opts(&in_bucket(prefix, key), bytes.into(), mode.into()).await {
                    Ok(_) => Ok(true),
                    Err(
                        object_store::Error::AlreadyExists { .. }
                        | object_store::Error::Precondition { .. }
                        | object_store::Error::NotFound { .. },
                    ) => Ok(false),
                    Err(error) => Err(at_bucket("write", key, error)),
                }
            }
        }
    }
}

/// Bytes of a file from an offset; fewer where it ends.
pub(crate) fn read_at(file: &File, at: u64, bytes: usize) -> std::io::Result<Bytes> {
    let mut content = vec![0; bytes];
    let mut filled = 0;
    while filled < bytes {
        let Some(rest) = content.get_mut(filled..) else { break };
        match file.read_at(rest, at.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    content.truncate(filled);
    Ok(content.into())
}

fn time_of(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

pub(crate) fn in_bucket(prefix: &str, key: &str) -> Key {
    if prefix.is_empty() { Key::from(key) } else { Key::from(format!("{prefix}/{key}")) }
}

pub(crate) fn in_folder(action: &'static str, key: &str, source: std::io::Error) -> Error {
    Error::Folder { action, key: key.to_owned(), source }
}

fn at_bucket(action: &'static str, key: &str, source: object_store::Error) -> Error {
    Error::ObjectStore { action, key: key.to_owned(), source: Box::new(source) }
}

/// Runs what blocks on a thread made for that.
pub(crate) async fn blocking<T: Send + 'static>(
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
