//! All files below a prefix of an object store, read as one table.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Serialize;

use crate::{CsvOptions, Error, Format, Result, Table};

/// The most files below one prefix.
const MOST_FILES: usize = 10_000;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// Its key in the bucket.
    pub key: String,
    /// How long it is.
    pub bytes: u64,
    /// The store's mark of its content, where it gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// The store's version of it, where it keeps versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When it was written, RFC 3339.
    pub modified: String,
}

/// Reads all files with rows below `s3://bucket/prefix`, `gs://…`, `az://container/…` or `file:///folder`, in the order
/// of their names, as one table; files whose names tell no form are passed over unless `format` says one.
/// Credentials come from the usual environment variables of the store.
///
/// A file that changes while it is read is an error: each is read as the listing knew it.
///
/// # Errors
/// An address that cannot be used, a store that does not answer, files whose columns differ, more than the limits.
pub async fn read_prefix(
    address: &str,
    format: Option<Format>,
    options: &CsvOptions,
) -> Result<(Table, Vec<SourceFile>)> {
    let (store, prefix) = open(address)?;
    let failed = |doing, problem: String| Error::Storage { doing, location: address.to_owned(), problem };
    let mut objects = store
        .list(Some(&prefix))
        .try_collect::<Vec<_>>()
        .await
        .map_err(|error| failed("list", error.to_string()))?;
    if objects.is_empty() {
        // The prefix may be a file itself.
        objects.extend(store.head(&prefix).await.ok());
    }
    objects.retain(|object| format.is_some() || Format::of_name(object.location.as_ref()).is_some());
    objects.sort_by(|one, other| one.location.cmp(&other.location));
    if objects.is_empty() {
        return Err(failed(
            "find rows below",
            "there is no file whose name ends in .csv, .jsonl, .parquet or .arrow".to_owned(),
        ));
    }
    if objects.len() > MOST_FILES {
        return Err(Error::TooLarge { what: address.to_owned(), limit: format!("{MOST_FILES} files") });
    }
    let total: u64 = objects.iter().map(|object| object.size).sum();
    if total > options.max_bytes {
        return Err(Error::TooLarge {
            what: address.to_owned(),
            limit: format!("{} bytes", options.max_bytes),
        });
    }
    let (mut parts, mut files) = (Vec::new(), Vec::new());
    let mut known = options.known.clone();
    for object in objects {
        let name = object.location.to_string();
        let asked = object_store::GetOptions { if_match: object.e_tag.clone(), ..Default::default() };
        let found = store.get_opts(&object.location, asked).await;
        let found = found.map_err(|error| failed("read", format!("`{name}`: {error}")))?;
        let bytes = found.bytes().await.map_err(|error| failed("read", format!("`{name}`: {error}")))?;
        let form = format.or_else(|| Format::of_name(&name)).unwrap_or(Format::Csv);
        let part = form.read(&name, &bytes, &CsvOptions { known: known.clone(), ..options.clone() })?;
        known.get_or_insert_with(|| part.schema().clone());
        parts.push(part);
        files.push(SourceFile {
            key: name,
            bytes: object.size,
            e_tag: object.e_tag,
            version: object.version,
            modified: object.last_modified.to_rfc3339(),
        });
    }
    Ok((Table::concat(&parts)?, files))
}

fn open(address: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let wrong = |problem: String| Error::BadLocation { location: address.to_owned(), problem };
    let url = url::Url::parse(address).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "s3" | "gs" | "az" | "file") {
        return Err(wrong("only `s3://`, `gs://`, `az://` and `file://` are known".to_owned()));
    }
    let (bucket, path) = (url.host_str().unwrap_or_default(), url.path().trim_matches('/'));
    let refused = |error: object_store::Error| wrong(error.to_string());
    let store: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => Arc::new(
            object_store::aws::AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .build()
                .map_err(refused)?,
        ),
        "gs" => Arc::new(
            object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .build()
                .map_err(refused)?,
        ),
        "az" => Arc::new(
            object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .build()
                .map_err(refused)?,
        ),
        _ => Arc::new(object_store::local::LocalFileSystem::new()),
    };
    Ok((store, Path::parse(path).map_err(|error| wrong(error.to_string()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Values;

    #[tokio::test]
    async fn files_below_a_prefix_become_one_table_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        put("b.jsonl", b"{\"a\": 3, \"w\": \"z\"}\n");
        put("a.csv", b"a,w\n1,x\n2,y\n");
        put("notes.txt", b"not rows\n");
        let address = format!("file://{}", folder.path().display());
        let (table, files) = read_prefix(&address, None, &CsvOptions::default()).await.unwrap();
        assert_eq!(table.column("a").unwrap(), Values::Int(vec![Some(1), Some(2), Some(3)]));
        let names: Vec<bool> = files.iter().map(|file| file.key.ends_with("a.csv")).collect();
        assert_eq!((names, files[0].bytes), (vec![true, false], 12));
        let none = read_prefix("ftp://x/y", None, &CsvOptions::default()).await.unwrap_err();
        assert!(none.to_string().contains("only `s3://`"), "{none}");
    }
}
