//! Named files below a root, such as the artifacts of a run.
//!
//! A name is a small object that points to a blob; writing a name again moves it to the new content
//! in one step. Removing a name leaves the blob, which others may share.

use base::{Digest, Page, PageRequest};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::path::decoded_part;
use crate::{Artifacts, Blob, BlobReader, Entry, Error, Result, SafePath, StoredTree};

/// The end of an object's name that makes it a file; no encoded path part ends so.
const FILE_MARK: &str = "=file";
/// How many pointers are read at once.
const AT_ONCE: usize = 16;

/// Whether something listed is a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// It holds bytes.
    File,
    /// It holds files.
    Folder,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its path below the root.
    pub path: SafePath,
    /// File or folder.
    pub kind: FileKind,
    /// The content; absent for a folder.
    pub blob: Option<Blob>,
}

fn folder_key(root: &SafePath, path: Option<&SafePath>) -> String {
    match path {
        Some(path) => format!("files/{}/{}", root.encoded(), path.encoded()),
        None => format!("files/{}", root.encoded()),
    }
}

fn file_key(root: &SafePath, path: &SafePath) -> String {
    format!("{}{FILE_MARK}", folder_key(root, Some(path)))
}

pub(crate) fn pointer(blob: Blob) -> Bytes {
    format!("{} {}\n", blob.digest, blob.bytes).into()
}

pub(crate) fn parse_pointer(content: &[u8]) -> Option<Blob> {
    let (digest, bytes) = std::str::from_utf8(content).ok()?.strip_suffix('\n')?.split_once(' ')?;
    Some(Blob { digest: digest.parse::<Digest>().ok()?, bytes: bytes.parse().ok()? })
}

impl Artifacts {
    /// Writes a file, in place of what had that name; the old content is readable until the new is durable.
    pub async fn write(
        &self,
        root: &SafePath,
        path: &SafePath,
        content: impl Stream<Item = std::io::Result<Bytes>> + Send,
    ) -> Result<Blob> {
        self.check_free(root, path).await?;
        let blob = self.put_blob(content).await?;
        self.store.put(&file_key(root, path), pointer(blob)).await?;
        Ok(blob)
    }

    /// Gives a stored blob a name, without copying a byte.
    pub async fn link(&self, root: &SafePath, path: &SafePath, digest: Digest) -> Result<Blob> {
        self.check_free(root, path).await?;
        let blob = self.find_blob(digest).await?.ok_or(Error::BlobNotFound { digest })?;
        self.store.put(&file_key(root, path), pointer(blob)).await?;
        Ok(blob)
    }

    /// What a name points to.
    pub async fn find_file(&self, root: &SafePath, path: &SafePath) -> Result<Option<Blob>> {
        let Some(content) = self.store.get(&file_key(root, path)).await? else { return Ok(None) };
        let damaged = || Error::Damaged {
            digest: Digest::of(&content),
            why: format!("the name `{path}` in `{root}` points to nothing"),
        };
        parse_pointer(&content).map(Some).ok_or_else(damaged)
    }

    /// Opens a file, or the bytes `range` of it.
    pub async fn read(
        &self,
        root: &SafePath,
        path: &SafePath,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BlobReader> {
        let blob = self
            .find_file(root, path)
            .await?
            .ok_or_else(|| Error::FileNotFound { root: root.to_string(), path: path.to_string() })?;
        self.get_blob(blob.digest, range).await
    }

    /// Lists what lies right below a folder (the root itself when no path is given), folders first.
    /// A folder that is not there is empty. The path of a file lists that file, as MLflow's clients expect.
    pub async fn list(
        &self,
        root: &SafePath,
        path: Option<&SafePath>,
        page: &PageRequest,
    ) -> Result<Page<Listed>> {
        if let Some(file) = path
            && let Some(blob) = self.find_file(root, file).await?
        {
            let listed = Listed { path: file.clone(), kind: FileKind::File, blob: Some(blob) };
            return Ok(Page { items: vec![listed], next_cursor: None });
        }
        let (folders, objects) = self.store.children(&folder_key(root, path)).await?;
        let files = objects.iter().filter_map(|name| name.strip_suffix(FILE_MARK));
        let mut waiting = Vec::new();
        for (encoded, kind) in folders
            .iter()
            .map(|name| (name.as_str(), FileKind::Folder))
            .chain(files.map(|name| (name, FileKind::File)))
        {
            // What is not in our letters was not put there by us.
            let Some(name) = decoded_part(encoded) else { continue };
            let full = path.map_or_else(|| name.clone(), |path| format!("{path}/{name}"));
            let Ok(full) = SafePath::parse(&full) else { continue };
            let place = format!("{}{full}", if kind == FileKind::Folder { "d" } else { "f" });
            if page.cursor.as_ref().is_none_or(|after| place > *after) {
                waiting.push((place, full, kind));
            }
        }
        waiting.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        waiting.truncate(page.limit + 1);
        let items: Vec<(String, Listed)> = stream::iter(waiting)
            .map(|(place, path, kind)| async move {
                let blob = match kind {
                    FileKind::File => self.find_file(root, &path).await?,
                    FileKind::Folder => None,
                };
                Ok::<_, Error>((place, Listed { path, kind, blob }))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(Page::from_overfetched(items, page.limit, |(place, _)| place.clone()).map(|(_, listed)| listed))
    }

    /// Removes a name, or a folder with all names in it. Fails when there is neither.
    pub async fn delete(&self, root: &SafePath, path: &SafePath) -> Result<()> {
        let key = file_key(root, path);
        if self.store.size(&key).await?.is_some() {
            return self.store.delete(&key).await;
        }
        let below = self.store.below(&folder_key(root, Some(path))).await?;
        if below.is_empty() {
            return Err(Error::FileNotFound { root: root.to_string(), path: path.to_string() });
        }
        for key in below {
            self.store.delete(&key).await?;
        }
        Ok(())
    }

    /// Freezes the files below a folder as a tree; their content is not copied.
    pub async fn freeze(&self, root: &SafePath, path: Option<&SafePath>) -> Result<StoredTree> {
        let folder = folder_key(root, path);
        let mut entries = Vec::new();
        for key in self.store.below(&folder).await? {
            let name = key.strip_prefix(&folder).and_then(|name| name.strip_prefix('/'));
            let Some(name) = name.and_then(|name| name.strip_suffix(FILE_MARK)) else { continue };
            let Some(parts) = name.split('/').map(decoded_part).collect::<Option<Vec<_>>>() else { continue };
            let below = SafePath::parse(&parts.join("/"))?;
            let full = match path {
                Some(path) => path.join(&below)?,
                None => below.clone(),
            };
            if let Some(blob) = self.find_file(root, &full).await? {
                entries.push(Entry { path: below, digest: blob.digest, bytes: blob.bytes });
            }
        }
        self.put_tree(entries).await
    }

    /// Fails when a file stands where a folder is needed, or a folder where a file is to be.
    async fn check_free(&self, root: &SafePath, path: &SafePath) -> Result<()> {
        for folder in path.ancestors() {
            if self.store.size(&file_key(root, &folder)).await?.is_some() {
                return Err(clash(root, &folder, "file", "folder"));
            }
        }
        let (folders, objects) = self.store.children(&folder_key(root, Some(path))).await?;
        if folders.is_empty() && objects.is_empty() {
            Ok(())
        } else {
            Err(clash(root, path, "folder", "file"))
        }
    }
}

/// All names of files and what they point to.
pub(crate) async fn pointers(artifacts: &Artifacts) -> Result<Vec<(String, Blob)>> {
    let keys = artifacts.store.below("files").await?;
    stream::iter(keys)
        .map(|key| async move {
            // It may have been removed since it was listed.
            let Some(content) = artifacts.store.get(&key).await? else { return Ok(None) };
            match parse_pointer(&content) {
                Some(blob) => Ok(Some((key, blob))),
                None => {
                    let why = format!("the name `{key}` points to nothing");
                    Err(Error::Damaged { digest: Digest::of(&content), why })
                }
            }
        })
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}

fn clash(root: &SafePath, path: &SafePath, is: &'static str, wanted: &'static str) -> Error {
    Error::FileClash { root: root.to_string(), path: path.to_string(), is, wanted }
}
