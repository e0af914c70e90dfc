//! What is written part by part is read part by part, in each format.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::{Table, Values};

fn part(from: i64, rows: i64) -> Table {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let number = |row: i64| (row % 7 != 0).then_some(row as f64 / 4.0);
    Table::from_columns(vec![
        ("x".into(), Values::Real((from..from + rows).map(number).collect())),
        ("word".into(), Values::Text((from..from + rows).map(|row| Some(format!("w,{row}\"é"))).collect())),
    ])
    .unwrap()
}

fn written(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut writer = RowWriter::create(&path, RowFormat::of(&path).unwrap()).unwrap();
    for at in 0..4 {
        writer.write(&part(at * 250, 250)).unwrap();
    }
    assert!(!path.exists(), "it has no name before it is finished");
    writer.finish().unwrap();
    path
}

fn all(path: &Path, rows_at_once: usize) -> (Vec<usize>, Table) {
    let format = RowFormat::of(path).unwrap();
    let mut reader = RowReader::open(path, format, &["x".to_owned()], rows_at_once).unwrap();
    let mut parts = Vec::new();
    while let Some(rows) = reader.next_rows().unwrap() {
        parts.push(rows);
    }
    let progress = reader.progress();
    assert_eq!(progress.done, progress.total, "{}", path.display());
    (parts.iter().map(Table::row_count).collect(), Table::concat(&parts).unwrap())
}

#[test]
fn every_format_gives_back_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let expected = part(0, 1_000);
    for name in ["a.parquet", "a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz"] {
        let path = written(folder.path(), name);
        let (sizes, rows) = all(&path, 300);
        assert_eq!(sizes.iter().sum::<usize>(), 1_000, "{name}");
        assert!(sizes.iter().all(|size| *size <= 300), "{name}: {sizes:?}");
        for column in ["x", "word"] {
            assert_eq!(rows.column(column).unwrap(), expected.column(column).unwrap(), "{name}: {column}");
        }
    }
}

#[test]
fn an_unfinished_file_leaves_the_old_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    fs::write(&path, "old").unwrap();
    let mut writer = RowWriter::create(&path, RowFormat::Csv).unwrap();
    writer.write(&part(0, 10)).unwrap();
    drop(writer);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_word_in_a_column_of_numbers_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("a.csv", "x,word\n1,a\nmuch,b\n"), ("a.jsonl", "{\"x\":1}\n{\"x\":\"much\"}\n")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let mut reader =
            RowReader::open(&path, RowFormat::of(&path).unwrap(), &["x".to_owned()], 100).unwrap();
        let error = reader.next_rows().unwrap_err().to_string();
        let line = if name == "a.csv" { "line 3" } else { "line 2" };
        assert!(error.contains(line) && error.contains("much"), "{error}");
    }
}

#[test]
fn formats_are_told_by_names() {
    for (name, format) in [
        ("a.parquet", Some(RowFormat::Parquet)),
        ("a.CSV.GZ", Some(RowFormat::Csv)),
        ("b.ndjson", Some(RowFormat::JsonLines)),
        ("a.txt", None),
        ("parquet", None),
    ] {
        assert_eq!(RowFormat::of(Path::new(name)), format, "{name}");
    }
}
