//! Facts about Delta tables.

use base::{Failure, Kind};

use super::*;
use crate::{Column, ColumnType, Values};

fn rows(from: i64, count: i64) -> Table {
    Table::from_columns(vec![
        ("n".into(), Values::Int((from..from + count).map(Some).collect())),
        ("x".into(), Values::Real((from..from + count).map(|n| Some(n as f64 / 2.0)).collect())),
        ("at".into(), Values::Time((from..from + count).map(|n| Some(n * 3_600_000_000)).collect())),
    ])
    .unwrap()
}

async fn table(folder: &tempfile::TempDir) -> DeltaTable {
    let location = folder.path().join("t");
    DeltaTable::open_or_create(location.to_str().unwrap(), rows(0, 0).schema()).await.unwrap()
}

#[tokio::test]
async fn every_version_can_be_read_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    assert_eq!(table.version(), 0);
    assert_eq!(table.append(&rows(0, 10)).await.unwrap(), 1);
    assert_eq!(table.append(&rows(10, 5)).await.unwrap(), 2);
    assert_eq!(table.overwrite(&rows(100, 1)).await.unwrap(), 3);
    for (version, first, count) in [(Some(1), 0, 10), (Some(2), 0, 15), (Some(3), 100, 1), (None, 100, 1)] {
        let read = table.read(version).await.unwrap();
        let expected: Vec<_> = (first..first + count).map(Some).collect();
        assert_eq!(read.column("n").unwrap(), Values::Int(expected), "{version:?}");
    }
    assert_eq!(table.read(Some(0)).await.unwrap().row_count(), 0);
    let error = table.read(Some(9)).await.unwrap_err();
    assert!(error.to_string().ends_with("has no version 9; the newest is 3"), "{error}");
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(
        table.files(Some(2)).await.unwrap().iter().map(|file| file.rows.unwrap()).collect::<Vec<_>>(),
        [10, 5]
    );
}

#[tokio::test]
async fn another_handle_sees_commits_after_a_look() {
    let folder = tempfile::tempdir().unwrap();
    let one = table(&folder).await;
    let other = DeltaTable::open(one.folder().to_str().unwrap()).await.unwrap();
    one.append(&rows(0, 3)).await.unwrap();
    assert_eq!(other.version(), 0);
    assert_eq!(other.read(None).await.unwrap().row_count(), 3);
    assert_eq!(other.version(), 1);
    // A handle that is behind still appends after the newest version.
    one.append(&rows(3, 3)).await.unwrap();
    assert_eq!(other.append(&rows(6, 1)).await.unwrap(), 3);
    assert_eq!(one.refresh().await.unwrap(), 3);
    let digests = one.file_digests(None).await.unwrap();
    assert_eq!(digests, other.file_digests(Some(3)).await.unwrap());
}

#[tokio::test]
async fn a_new_column_is_missing_in_older_rows() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    table.append(&rows(0, 2)).await.unwrap();
    let wider = rows(2, 1).with_column("sky", Values::Text(vec![Some("Clear".into())])).unwrap();
    table.append(&wider).await.unwrap();
    table.append(&rows(3, 1).select(&["n"]).unwrap()).await.unwrap();
    let all = table.read(None).await.unwrap();
    assert_eq!(all.column("sky").unwrap(), Values::Text(vec![None, None, Some("Clear".into()), None]));
    assert_eq!(all.numbers("x").unwrap(), vec![Some(0.0), Some(0.5), Some(1.0), None]);
    assert_eq!(table.schema().unwrap().columns[3], Column::new("sky", ColumnType::Text));
    assert_eq!(table.read(Some(1)).await.unwrap().schema().columns.len(), 3);
}

#[tokio::test]
async fn whole_numbers_fit_into_real_ones_and_words_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    let whole = rows(0, 2).with_column("x", Values::Int(vec![Some(7), None])).unwrap();
    table.append(&whole).await.unwrap();
    assert_eq!(table.read(None).await.unwrap().numbers("x").unwrap(), vec![Some(7.0), None]);
    let empty = rows(0, 1).with_column("n", Values::Text(vec![None])).unwrap();
    table.append(&empty).await.unwrap();
    let words = rows(0, 1).with_column("n", Values::Text(vec![Some("many".into())])).unwrap();
    let error = table.append(&words).await.unwrap_err();
    assert!(error.to_string().starts_with("column `n` of table"), "{error}");
    assert!(error.to_string().ends_with("holds whole numbers; the new rows hold text"), "{error}");
    assert_eq!(table.version(), 2);
}

#[tokio::test]
async fn the_marker_moves_with_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    assert_eq!(table.marker("archive").await.unwrap(), None);
    for position in [7, 12] {
        let marker = Marker { application: "archive", position };
        table.append_marked(&rows(position, 1), marker).await.unwrap();
    }
    let again = DeltaTable::open(table.folder().to_str().unwrap()).await.unwrap();
    assert_eq!(again.marker("archive").await.unwrap(), Some(12));
    assert_eq!(again.marker("other").await.unwrap(), None);
}

#[tokio::test]
async fn compaction_and_checkpoints_keep_rows_and_markers() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    for position in 0..COMMITS_PER_CHECKPOINT + 1 {
        table.append_marked(&rows(position, 1), Marker { application: "a", position }).await.unwrap();
    }
    let log = table.folder().join("_delta_log");
    assert!(log.join("_last_checkpoint").exists(), "a checkpoint is written by itself");
    table.compact().await.unwrap();
    table.checkpoint().await.unwrap();
    let again = DeltaTable::open(table.folder().to_str().unwrap()).await.unwrap();
    assert_eq!(again.files(None).await.unwrap().len(), 1);
    assert_eq!(again.marker("a").await.unwrap(), Some(COMMITS_PER_CHECKPOINT));
    let mut numbers = again.read(None).await.unwrap().numbers("n").unwrap();
    numbers.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(numbers, (0..=COMMITS_PER_CHECKPOINT).map(|n| Some(n as f64)).collect::<Vec<_>>());
}

#[tokio::test]
async fn places_that_are_no_local_folder_are_refused() {
    let error = DeltaTable::open("s3://bucket/table").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`s3://bucket/table` is not a place for a table: only local folders are supported"
    );
    let folder = tempfile::tempdir().unwrap();
    let error = DeltaTable::open(folder.path().to_str().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::NoTable { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_data_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    table.append(&rows(0, 100)).await.unwrap();
    let file = table.files(None).await.unwrap().remove(0);
    std::fs::write(table.folder().join(&file.path), b"PAR1 nonsense PAR1").unwrap();
    let error = table.read(None).await.unwrap_err();
    assert!(error.to_string().contains(&file.path), "{error}");
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[tokio::test]
async fn a_range_of_rows_is_found_without_opening_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(&folder).await;
    assert_eq!(table.latest("at").await.unwrap(), None);
    for part in 0..3 {
        table.append(&rows(part * 10, 10)).await.unwrap();
    }
    let hour = 3_600_000_000;
    let range = Range::Time { from: 12 * hour, to: 22 * hour };
    let found = table.read_within(None, "at", &range).await.unwrap();
    assert_eq!(found.column("n").unwrap(), Values::Int((12..22).map(Some).collect()));
    assert_eq!(table.latest("at").await.unwrap(), Some(29 * hour));
    let first = table.files(None).await.unwrap().remove(0);
    std::fs::remove_file(table.folder().join(first.path)).unwrap();
    assert_eq!(table.read_within(None, "at", &range).await.unwrap().row_count(), 10);
    assert!(table.read_within(None, "nothing", &range).await.is_err());
}
