//! Facts about look-ups: whatever is left out, the answer is that of reading everything.

use proptest::prelude::*;

use super::super::DeltaTable;
use crate::{Range, Table, Values};

/// Ids as they come: in the order of time, or in none.
fn id(number: u64, ordered: bool) -> String {
    let mixed = if ordered { number } else { number.wrapping_mul(0x9e37_79b9_7f4a_7c15) };
    format!("{:08x}-{:04x}-7000-8000-{:012x}", mixed >> 32, (mixed >> 16) & 0xffff, mixed & 0xffff)
}

fn rows(from: u64, count: u64, ordered: bool) -> Table {
    let of = from..from + count;
    Table::from_columns(vec![
        ("id".into(), Values::Text(of.clone().map(|n| (n % 7 != 3).then(|| id(n, ordered))).collect())),
        (
            "at".into(),
            Values::Time(of.clone().map(|n| (n % 5 != 2).then_some((n as i64) * 977_000)).collect()),
        ),
        ("n".into(), Values::Int(of.clone().map(|n| Some(n as i64)).collect())),
        ("sky".into(), Values::Text(of.map(|n| Some(format!("sky {}", n % 11))).collect())),
    ])
    .unwrap()
}

async fn keyed(folder: &tempfile::TempDir) -> DeltaTable {
    let location = folder.path().join("t");
    let table =
        DeltaTable::open_or_create(location.to_str().unwrap(), rows(0, 0, true).schema()).await.unwrap();
    table.keyed_by(&["id"])
}

fn point(word: &str) -> Range {
    Range::Text { first: word.to_owned(), last: word.to_owned() }
}

async fn check(table: &DeltaTable, version: i64, column: &str, range: &Range) {
    let found = table.find(version, column, range).await.unwrap();
    let read = table.read_within(Some(version), column, range).await.unwrap();
    let sorted = |table: &Table| {
        let mut rows: Vec<String> =
            table.json_rows(usize::MAX).into_iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    };
    assert_eq!(found.schema(), read.schema());
    assert_eq!(sorted(&found), sorted(&read), "{column} {range:?} at version {version}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_look_up_finds_what_reading_everything_finds(
        sizes in proptest::collection::vec(1_u64..400, 1..6),
        ordered in any::<bool>(),
        joined_after in 0_usize..6,
        asked in proptest::collection::vec(0_u64..2_500, 6),
        width in 0_i64..40_000_000,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let table = keyed(&folder).await;
            let mut begin = 0;
            for (place, size) in sizes.iter().enumerate() {
                let lot = rows(begin, *size, ordered);
                // Older files lack a column that later ones have.
                let lot = if place == 0 { lot.select(&["id", "at", "n"]).unwrap() } else { lot };
                table.append(&lot).await.unwrap();
                begin += size;
                if place == joined_after {
                    table.compact().await.unwrap();
                }
                for number in &asked {
                    let word = id(*number, ordered);
                    for version in [table.version(), (table.version() - 1).max(1)] {
                        check(&table, version, "id", &point(&word)).await;
                        let last = id(number + 3, ordered);
                        check(&table, version, "id", &Range::Text { first: word.clone(), last }).await;
                        let from = *number as i64 * 977_000;
                        check(&table, version, "at", &Range::Time { from, to: from + width }).await;
                        check(&table, version, "sky", &point(&format!("sky {}", number % 13))).await;
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn one_page_of_a_large_file_is_read_and_a_filter_spares_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let table = keyed(&folder).await;
    table.append(&rows(0, 30_000, false)).await.unwrap();
    let listing_of = |number: u64| point(&id(number, false));
    for number in [0, 8_192, 29_999] {
        check(&table, 1, "id", &listing_of(number)).await;
    }
    // Ids without order lie between the bounds of every row group: the filters tell where they are.
    let path = table.folder().join(&table.files(Some(1)).await.unwrap()[0].path);
    let opened: usize = (0..100_u64)
        .filter(|number| number % 7 != 3)
        .map(|number| super::outline::groups_that_may_hold(&path, "id", &listing_of(number)).unwrap().len())
        .sum();
    assert!((85..95).contains(&opened), "{opened} row groups for 85 ids");
    let absent: usize = (50_000..50_200_u64)
        .map(|number| super::outline::groups_that_may_hold(&path, "id", &listing_of(number)).unwrap().len())
        .sum();
    assert!(absent < 40, "{absent} row groups of 800 for 200 ids that are nowhere");
}

#[tokio::test]
async fn what_was_taken_out_is_not_found_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let table = keyed(&folder).await;
    table.append(&rows(0, 500, true)).await.unwrap();
    let wanted = point(&id(77, true));
    assert_eq!(table.find(1, "id", &wanted).await.unwrap().row_count(), 1);
    let goes = std::sync::Arc::new(|rows: &Table| {
        Ok(rows.numbers("n")?.into_iter().map(|n| n == Some(77.0)).collect())
    });
    table.remove_rows(None, goes).await.unwrap();
    table.vacuum(std::time::Duration::ZERO).await.unwrap();
    table.forget_history().await.unwrap();
    assert_eq!(table.find(table.version(), "id", &wanted).await.unwrap().row_count(), 0);
    assert_eq!(table.find(table.version(), "id", &point(&id(78, true))).await.unwrap().row_count(), 1);
    assert!(table.find(1, "id", &wanted).await.is_err(), "the files of the old version are gone");
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = keyed(&folder).await;
    table.append(&rows(0, 5, true)).await.unwrap();
    let error = table.find(1, "nothing", &point("a")).await.unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
}

/// A mask in the words of Delta's protocol (a roaring bitmap in base 85) that deletes one row of a file.
fn mask_of(row: u16) -> (String, usize) {
    const DIGITS: &[u8; 85] =
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    let mut bytes = 1_681_511_377_u32.to_le_bytes().to_vec();
    bytes.extend(1_u64.to_le_bytes());
    // The rows of the first four billion: one container with one value.
    for word in [0_u32, 12_346, 1, 0, 16] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(row.to_le_bytes());
    let size = bytes.len();
    bytes.resize(size.next_multiple_of(4), 0);
    let digits = bytes.as_chunks::<4>().0.iter().flat_map(|four| {
        let number = u32::from_be_bytes(*four);
        [52_200_625, 614_125, 7_225, 85, 1].map(|place| char::from(DIGITS[(number / place % 85) as usize]))
    });
    (digits.collect(), size)
}

#[tokio::test]
async fn a_row_that_a_mask_deletes_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let table = keyed(&folder).await;
    table.append(&rows(0, 50, true)).await.unwrap();
    let log = table.folder().join("_delta_log");
    let commit = std::fs::read_to_string(log.join(format!("{:020}.json", 1))).unwrap();
    let mut actions = commit.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut add = actions.find_map(|action| action.get("add").cloned()).unwrap();
    let remove = serde_json::json!({ "path": add["path"], "deletionTimestamp": 1, "dataChange": true });
    let (mask, size) = mask_of(5);
    add["deletionVector"] = serde_json::json!(
        { "storageType": "i", "pathOrInlineDv": mask, "sizeInBytes": size, "cardinality": 1 }
    );
    let features = ["deletionVectors"];
    let protocol = serde_json::json!(
        { "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features }
    );
    let lines = [
        serde_json::json!({ "protocol": protocol }),
        serde_json::json!({ "remove": remove }),
        serde_json::json!({ "add": add }),
    ];
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    std::fs::write(log.join(format!("{:020}.json", 2)), lines.join("\n")).unwrap();
    assert_eq!(table.refresh().await.unwrap(), 2);
    let found = async |version, number| {
        table.find(version, "id", &point(&id(number, true))).await.unwrap().row_count()
    };
    assert_eq!((found(1, 5).await, found(1, 6).await), (1, 1));
    assert_eq!((found(2, 5).await, found(2, 6).await), (0, 1));
    let all = Range::Time { from: i64::MIN, to: i64::MAX };
    let kept = table.find(2, "at", &all).await.unwrap();
    assert_eq!(kept.row_count(), table.find(1, "at", &all).await.unwrap().row_count() - 1);
}
