//! Where rows come from and where they go: files, folders, patterns, buckets.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tables::{Bucket, RowFormat};

use super::failed;
use crate::exit::hinted;

/// The most files of one batch.
const MOST_FILES: usize = 100_000;

/// A file with rows.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// Its name within the batch.
    pub(super) name: String,
    /// A word that changes with its content.
    pub(super) tag: String,
    pub(super) format: RowFormat,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Object(Bucket, String),
}

/// Whether a place names several files by itself.
pub(super) fn is_many(place: &str) -> bool {
    place.ends_with('/') || place.contains('*') || Path::new(place).is_dir()
}

/// The files that a place names, in the order of their names.
pub(super) async fn inputs(place: &str) -> Result<Vec<Input>> {
    let found =
        if place.starts_with("s3://") { in_bucket(place).await? } else { in_folder(Path::new(place))? };
    if found.is_empty() {
        return Err(hinted(
            format!("`{place}` has no rows"),
            "name a `.parquet`, `.csv`, `.csv.gz` or `.jsonl` file, a folder of them, or a pattern such as `rows/*.csv`",
        ));
    }
    if found.len() > MOST_FILES {
        return Err(hinted(
            format!("`{place}` names more than {MOST_FILES} files"),
            "score them in several runs",
        ));
    }
    Ok(found)
}

async fn in_bucket(place: &str) -> Result<Vec<Input>> {
    let (bucket, key) = Bucket::of(place).map_err(|error| failed(&error))?;
    let objects = if is_many(place) {
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut found = bucket.list(folder).await.map_err(|error| failed(&error))?;
        found.retain(|(name, ..)| !key.contains('*') || fits(name, &key));
        found
    } else {
        let found = bucket.find(&key).await.map_err(|error| failed(&error))?;
        let (bytes, tag) = found.ok_or_else(|| hinted(format!("there is no `{place}`"), ""))?;
        vec![(key.clone(), bytes, tag)]
    };
    let one = |(key, _, tag): (String, u64, String)| {
        let format = RowFormat::of(Path::new(&key))?;
        let name = key.rsplit('/').next().unwrap_or(&key).to_owned();
        Some(Input { name, tag, format, source: Source::Object(bucket.clone(), key) })
    };
    Ok(objects.into_iter().filter_map(one).collect())
}

fn in_folder(place: &Path) -> Result<Vec<Input>> {
    let unreadable = |path: &Path, error: std::io::Error| {
        hinted(format!("`{}` cannot be read: {error}", path.display()), "name a file, a folder or a pattern")
    };
    let pattern = place.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'));
    let folder = match pattern {
        Some(_) => place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        None => place,
    };
    let mut paths = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with('.') && pattern.is_none_or(|pattern| fits(&name, pattern)) {
                paths.push(path);
            }
        }
        paths.sort_unstable();
    } else {
        paths.push(place.to_owned());
    }
    let mut found = Vec::new();
    for path in paths {
        let Some(format) = RowFormat::of(&path) else {
            if folder.is_dir() {
                continue;
            }
            return Err(hinted(
                format!("the name `{}` tells no format", path.display()),
                "it ends with `.parquet`, `.csv`, `.jsonl`, or one of these and `.gz`",
            ));
        };
        let about = std::fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        let written = about.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let tag = format!("{}-{}", about.len(), written.map_or(0, |at| at.as_nanos()));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Input { name, tag, format, source: Source::File(path) });
    }
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl Input {
    /// The file on this machine; an object is copied into `scratch` first.
    pub(super) async fn fetch(&self, scratch: &Path) -> Result<PathBuf> {
        match &self.source {
            Source::File(path) => Ok(path.clone()),
            Source::Object(bucket, key) => {
                let target = scratch.join(format!("in-{}", self.name));
                bucket.fetch(key, &target).await.map_err(|error| failed(&error))?;
                Ok(target)
            }
        }
    }
}

/// Where a batch goes.
#[derive(Debug, Clone)]
pub(super) struct Output {
    target: Target,
    many: bool,
    format: Option<RowFormat>,
}

#[derive(Debug, Clone)]
enum Target {
    Path(PathBuf),
    Bucket(Bucket, String),
}

/// Where one file goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    target: Target,
    pub(super) format: RowFormat,
}

impl Output {
    pub(super) fn of(place: &str, many: bool, format: Option<RowFormat>) -> Result<Self> {
        let target = if place.starts_with("s3://") {
            let (bucket, key) = Bucket::of(place).map_err(|error| failed(&error))?;
            Target::Bucket(bucket, key.trim_end_matches('/').to_owned())
        } else {
            Target::Path(PathBuf::from(place))
        };
        let told = RowFormat::of(Path::new(place));
        if !many && format.or(told).is_none() {
            return Err(hinted(
                format!("the name `{place}` tells no format"),
                "let it end with `.parquet`, `.csv` or `.jsonl`, or say --format",
            ));
        }
        if many && told.is_some() {
            return Err(hinted(
                format!("`{place}` is the name of one file, and the rows are several"),
                "name a folder with --out",
            ));
        }
        Ok(Self { target, many, format: format.or(if many { None } else { told }) })
    }

    /// Whether each file of the rows becomes a file of its own.
    pub(super) const fn is_many(&self) -> bool {
        self.many
    }

    /// Where the rows of a file go.
    pub(super) fn place(&self, input: &Input) -> Place {
        let format = self.format.unwrap_or(input.format);
        if !self.many {
            return Place { target: self.target.clone(), format };
        }
        let stem = input.name.strip_suffix(".gz").unwrap_or(&input.name);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        self.named(&format!("{stem}.{}", format.extension()), format)
    }

    /// A file of that name in the folder.
    pub(super) fn named(&self, name: &str, format: RowFormat) -> Place {
        let target = match &self.target {
            Target::Path(folder) => Target::Path(folder.join(name)),
            Target::Bucket(bucket, key) if key.is_empty() => Target::Bucket(bucket.clone(), name.to_owned()),
            Target::Bucket(bucket, key) => Target::Bucket(bucket.clone(), format!("{key}/{name}")),
        };
        Place { target, format }
    }
}

impl Place {
    /// The file on this machine that is written; for an object one in `scratch`.
    pub(super) fn local(&self, scratch: &Path) -> PathBuf {
        match &self.target {
            Target::Path(path) => path.clone(),
            Target::Bucket(_, key) => {
                scratch.join(format!("out-{}", key.rsplit('/').next().unwrap_or_default()))
            }
        }
    }

    /// Brings the written file to its place.
    pub(super) async fn put(&self, written: &Path) -> Result<()> {
        if let Target::Bucket(bucket, key) = &self.target {
            bucket.put(written, key).await.map_err(|error| failed(&error))?;
            let _ = std::fs::remove_file(written);
        }
        Ok(())
    }

    /// Copies what is there into `scratch`; `None` when nothing is.
    pub(super) async fn fetch(&self, scratch: &Path) -> Result<Option<PathBuf>> {
        match &self.target {
            Target::Path(path) => Ok(path.exists().then(|| path.clone())),
            Target::Bucket(bucket, key) => {
                if bucket.find(key).await.map_err(|error| failed(&error))?.is_none() {
                    return Ok(None);
                }
                let target = self.local(scratch);
                bucket.fetch(key, &target).await.map_err(|error| failed(&error))?;
                Ok(Some(target))
            }
        }
    }

    /// Whether something is there.
    pub(super) async fn exists(&self) -> Result<bool> {
        match &self.target {
            Target::Path(path) => Ok(path.exists()),
            Target::Bucket(bucket, key) => {
                Ok(bucket.find(key).await.map_err(|error| failed(&error))?.is_some())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (name, pattern, expected) in [
            ("a-1.csv", "a-*.csv", true),
            ("a-1.csv", "*.csv", true),
            ("a-1.csv", "a-*.parquet", false),
            ("b-1.csv", "a-*", false),
            ("2024-01-part.csv", "2024*part*", true),
            ("a.csv", "a.csv", true),
            ("a.csvx", "a.csv", false),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[tokio::test]
    async fn a_folder_is_read_in_order_without_what_is_no_rows() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv.gz", ".a.csv.unfinished", "notes.txt"] {
            std::fs::write(folder.path().join(name), "x\n1\n").unwrap();
        }
        let found = inputs(folder.path().to_str().unwrap()).await.unwrap();
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a.csv.gz", "b.csv"]);
        let output = Output::of("out", true, Some(RowFormat::Parquet)).unwrap();
        assert_eq!(output.place(&found[0]).local(Path::new("/x")), Path::new("out/a.parquet"));
    }

    #[test]
    fn one_file_cannot_take_the_rows_of_many() {
        assert!(Output::of("out.csv", true, None).is_err());
        assert!(Output::of("out", false, None).is_err());
    }
}
