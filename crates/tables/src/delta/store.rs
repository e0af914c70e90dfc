//! A local object store whose writes are on the disk when they are acknowledged.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// The local file system, with every file and its folder flushed to the disk before a write is acknowledged,
/// so that a Delta commit never survives a power loss half.
#[derive(Debug, Clone)]
pub(super) struct DurableFiles {
    files: Arc<LocalFileSystem>,
}

impl DurableFiles {
    pub(super) fn new() -> Self {
        Self { files: Arc::new(LocalFileSystem::new()) }
    }
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Durable({})", self.files)
    }
}

#[async_trait::async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) {
            return self.files.put_opts(location, payload, options).await;
        }
        let path = self.files.path_to_filesystem(location)?;
        let exclusive = matches!(options.mode, PutMode::Create);
        let written = path.clone();
        blocking(move || publish(&written, &payload, exclusive))
            .await
            .map_err(|source| failure(&path, source))?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.files.path_to_filesystem(location)?;
        let upload = self.files.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { upload, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await?;
        let path = self.files.path_to_filesystem(to)?;
        let copied = path.clone();
        blocking(move || sync_file(&copied)).await.map_err(|source| failure(&path, source))
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await?;
        let path = self.files.path_to_filesystem(to)?;
        let moved = path.clone();
        blocking(move || sync_file(&moved)).await.map_err(|source| failure(&path, source))
    }
}

#[derive(Debug)]
struct DurableUpload {
    upload: Box<dyn MultipartUpload>,
    path: PathBuf,
}

#[async_trait::async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete().await?;
        let path = self.path.clone();
        blocking(move || sync_file(&path)).await.map_err(|source| failure(&self.path, source))?;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

/// Writes a file under a name that readers skip, flushes it, and only then gives it its name.
fn publish(path: &FilePath, payload: &PutPayload, exclusive: bool) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique =
        u64::from(std::process::id()) << 32 | (COUNTER.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff);
    let mut staged = path.as_os_str().to_owned();
    staged.push(format!("#{unique}"));
    let staged = PathBuf::from(staged);
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let written = (|| {
        let mut file = File::create(&staged)?;
        for part in payload {
            file.write_all(part)?;
        }
        file.sync_all()?;
        if exclusive { fs::hard_link(&staged, path) } else { fs::rename(&staged, path) }
    })();
    if written.is_err() || exclusive {
        // What is left under the staging name is never read; a failure to remove it loses nothing.
        let _ = fs::remove_file(&staged);
    }
    written?;
    sync_folder(path)
}

/// Creates a folder and those above it, each entry flushed to the disk.
fn create_folder(folder: &FilePath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        create_folder(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(folder),
    }
}

fn sync_file(path: &FilePath) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(path)
}

fn sync_folder(path: &FilePath) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn failure(path: &FilePath, source: io::Error) -> Error {
    let path = path.display().to_string();
    match source.kind() {
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: Box::new(source) },
        io::ErrorKind::NotFound => Error::NotFound { path, source: Box::new(source) },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied { path, source: Box::new(source) },
        _ => Error::Generic { store: "file", source: Box::new(source) },
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn a_name_is_given_once_and_no_staged_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = DurableFiles::new();
        let location = Path::from_absolute_path(folder.path().join("deep/er/0.json")).unwrap();
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        store.put_opts(&location, "one".into(), create.clone()).await.unwrap();
        let again = store.put_opts(&location, "two".into(), create).await.unwrap_err();
        assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
        let bytes = store.get(&location).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.as_ref(), b"one");
        store.put(&location, "three".into()).await.unwrap();
        let names: Vec<_> = fs::read_dir(folder.path().join("deep/er")).unwrap().collect();
        assert_eq!(names.len(), 1);
    }
}
