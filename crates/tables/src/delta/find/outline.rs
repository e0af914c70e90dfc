//! What is known of one column in the row groups of a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::statistics::Statistics;

use super::bloom::Filter;
use super::kept::{FOOTERS, OUTLINES};
use crate::{Error, Range, Result};

/// The row groups of a file; none if it lacks the column.
#[derive(Debug)]
pub(super) struct Outline(Vec<Group>);

#[derive(Debug)]
struct Group {
    bounds: Bounds,
    filter: Option<Filter>,
}

/// Between what the values of a part of a file lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bounds {
    Unknown,
    Times(i64, i64),
    Words(Box<[u8]>, Box<[u8]>),
}

impl Bounds {
    fn of(statistics: Option<&Statistics>) -> Self {
        let times = |least: Option<&i64>, greatest: Option<&i64>| Some(Self::Times(*least?, *greatest?));
        match statistics {
            Some(Statistics::Int64(values)) => {
                times(values.min_opt(), values.max_opt()).unwrap_or(Self::Unknown)
            }
            Some(Statistics::ByteArray(values)) => match (values.min_opt(), values.max_opt()) {
                (Some(least), Some(greatest)) => Self::Words(least.data().into(), greatest.data().into()),
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether a value in the range may be there. Cut words are still below and above all values.
    pub(super) fn may_hold(&self, range: &Range) -> bool {
        match (self, range) {
            (Self::Times(least, greatest), Range::Time { from, to }) => least < to && greatest >= from,
            (Self::Words(least, greatest), Range::Text { first, last }) => {
                &**least <= last.as_bytes() && &**greatest >= first.as_bytes()
            }
            _ => true,
        }
    }
}

/// The row groups of a file that may hold a value in the range.
pub(super) fn groups_that_may_hold(path: &Path, column: &str, range: &Range) -> Result<Vec<usize>> {
    let key = (path.to_owned(), column.to_owned());
    let outline = match OUTLINES.get(&key) {
        Some(outline) => outline,
        None => {
            let file = open(path)?;
            let footer = footer_of(path, &file)?;
            let outline = Arc::new(Outline::of(&file, footer.metadata(), column));
            OUTLINES.put(key, Arc::clone(&outline), outline.bytes() + path.as_os_str().len());
            outline
        }
    };
    let mut groups: Vec<usize> = (0..outline.0.len()).collect();
    groups.retain(|group| outline.0.get(*group).is_some_and(|group| group.bounds.may_hold(range)));
    let point = match range {
        Range::Text { first, last } if first == last => first.as_bytes(),
        _ => return Ok(groups),
    };
    if groups.is_empty() || outline.0.iter().all(|group| group.filter.is_none()) {
        return Ok(groups);
    }
    let file = open(path)?;
    groups.retain(|group| {
        let filter = outline.0.get(*group).and_then(|group| group.filter);
        filter.is_none_or(|filter| filter.may_hold(&file, point))
    });
    Ok(groups)
}

impl Outline {
    fn of(file: &File, metadata: &ParquetMetaData, column: &str) -> Self {
        let Some(place) = place_of(metadata, column) else { return Self(Vec::new()) };
        let group = |group: &parquet::file::metadata::RowGroupMetaData| match group.columns().get(place) {
            Some(chunk) => Group { bounds: Bounds::of(chunk.statistics()), filter: Filter::of(file, chunk) },
            None => Group { bounds: Bounds::Unknown, filter: None },
        };
        Self(metadata.row_groups().iter().map(group).collect())
    }

    fn bytes(&self) -> usize {
        let words = |group: &Group| match &group.bounds {
            Bounds::Words(least, greatest) => least.len() + greatest.len(),
            _ => 0,
        };
        self.0.iter().map(|group| size_of::<Group>() + words(group)).sum()
    }
}

/// The place of a column that is not nested, among the columns of a row group.
pub(super) fn place_of(metadata: &ParquetMetaData, column: &str) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|known| matches!(known.path().parts(), [name] if name == column))
}

pub(super) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::Storage {
        doing: "read",
        location: path.display().to_string(),
        problem: error.to_string(),
    })
}

/// The footer of a file with its index of pages.
pub(super) fn footer_of(path: &Path, file: &File) -> Result<Arc<ArrowReaderMetadata>> {
    let key: PathBuf = path.to_owned();
    if let Some(footer) = FOOTERS.get(&key) {
        return Ok(footer);
    }
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let loaded = ArrowReaderMetadata::load(file, options).map_err(|error| Error::Damaged {
        what: format!("`{}`", path.display()),
        problem: error.to_string(),
    })?;
    let bytes = loaded.metadata().memory_size();
    let footer = Arc::new(loaded);
    FOOTERS.put(key, Arc::clone(&footer), bytes);
    Ok(footer)
}
