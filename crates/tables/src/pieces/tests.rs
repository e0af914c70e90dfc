//! Pieces of files and of tables in memory hold the same rows.

use std::sync::Arc;

use super::*;
use crate::Values;

fn table(rows: usize) -> Table {
    let some = |row: usize, every: usize| (!row.is_multiple_of(every)).then_some(row);
    let column = |name: &str, values: Values| (name.to_owned(), values);
    let words = ["Köln", "", "a \"b\"", "日本"];
    Table::from_columns(vec![
        column("whole", Values::Int((0..rows).map(|row| some(row, 7).map(|row| row as i64)).collect())),
        column("real", Values::Real((0..rows).map(|row| some(row, 5).map(|row| row as f64 / 4.0)).collect())),
        column(
            "few",
            Values::Text((0..rows).map(|row| some(row, 3).map(|row| words[row % 4].to_owned())).collect()),
        ),
        column("many", Values::Text((0..rows).map(|row| Some(format!("word {row}"))).collect())),
        column("truth", Values::Bool((0..rows).map(|row| some(row, 11).map(|row| row % 2 == 0)).collect())),
        column("time", Values::Time((0..rows).map(|row| some(row, 13).map(|row| row as i64)).collect())),
    ])
    .unwrap()
}

/// Every cell as a word, read through the pieces.
fn cells(source: &RowSource, columns: &[usize]) -> Vec<Vec<Option<String>>> {
    let mut pieces = source.pieces(columns, &[]);
    let mut found = vec![Vec::new(); columns.len()];
    let mut expected = 1;
    while let Some(piece) = pieces.next_piece().unwrap() {
        assert_eq!(piece.first(), expected);
        expected += piece.rows() as u64;
        for (cells, column) in found.iter_mut().zip(columns) {
            for row in 0..piece.rows() {
                let there = piece.there(*column).is_none_or(|there| there.get(row));
                cells.push(there.then(|| match piece.lane(*column).unwrap() {
                    Lane::Bool(values) => values.get(row).to_string(),
                    Lane::Int(values) | Lane::Time(values) => values[row].to_string(),
                    Lane::Real(values) => values[row].to_string(),
                    Lane::Text(texts) => texts.of_row(row).to_owned(),
                }));
            }
        }
    }
    assert_eq!(expected - 1, source.row_count());
    found
}

#[test]
fn the_pieces_of_a_file_and_of_its_rows_in_memory_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    for rows in [0, 1, PIECE - 1, PIECE, 2 * PIECE + 77] {
        let table = table(rows);
        let path = folder.path().join("rows.parquet");
        std::fs::write(&path, table.to_parquet().unwrap()).unwrap();
        let (file, memory) = (RowSource::parquet(&path).unwrap(), RowSource::from(table));
        assert_eq!(file.schema(), memory.schema());
        for columns in [vec![0, 1, 2, 3, 4, 5], vec![2], vec![0, 5]] {
            assert!(cells(&file, &columns) == cells(&memory, &columns), "{rows} rows, columns {columns:?}");
        }
    }
}

#[test]
fn rows_are_found_by_their_numbers() {
    let table = table(1000);
    let parts = [table.slice(0, 300), table.slice(300, 300), table.slice(600, 400)];
    let mut stream = crate::ParquetStream::new(table.schema()).unwrap();
    let mut bytes: Vec<u8> = parts.iter().flat_map(|part| stream.write(part).unwrap()).collect();
    bytes.extend(stream.finish().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    std::fs::write(&path, bytes).unwrap();
    let (file, memory) = (RowSource::parquet(&path).unwrap(), RowSource::from(table));
    for numbers in [vec![], vec![1], vec![300, 301], vec![7, 8, 601, 1000]] {
        let (left, right) = (file.rows(&numbers).unwrap(), memory.rows(&numbers).unwrap());
        assert_eq!(left.row_count(), numbers.len());
        assert_eq!(left.json_rows(9), right.json_rows(9), "{numbers:?}");
    }
}

#[tokio::test]
async fn conditions_are_met_as_a_query_says() {
    let table = table(PIECE + 100);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    std::fs::write(&path, table.to_parquet().unwrap()).unwrap();
    for sql in [
        "whole > 100",
        "few = 'Köln'",
        "few like '%b%' or truth",
        "whole % 2 = 0 and real < 50",
        "true",
        "few is null",
        "null",
    ] {
        let condition = Condition::plan(sql, "input", table.schema()).await.unwrap();
        let query = crate::Query::new().table("input", table.clone());
        let expected =
            query.run(&format!("select count(*) as n from input where {sql}")).await.unwrap().numbers("n");
        for source in [RowSource::from(table.clone()), RowSource::parquet(&path).unwrap()] {
            let mut pieces = source.pieces(&[], &[Arc::new(condition.clone())]);
            let mut met = 0;
            while let Some(piece) = pieces.next_piece().unwrap() {
                met += piece.condition(0).unwrap().count();
            }
            assert_eq!(Some(met as f64), expected.as_ref().unwrap()[0], "{sql}");
        }
    }
}

#[tokio::test]
async fn what_needs_more_than_the_row_is_no_condition() {
    let table = table(3);
    for sql in [
        "whole",
        "missing > 1",
        "whole >",
        "whole in (select whole from input)",
        "sum(whole) > 1",
        "true) , (false",
    ] {
        assert!(Condition::plan(sql, "input", table.schema()).await.is_none(), "{sql}");
    }
}
