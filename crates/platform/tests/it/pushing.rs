//! New rows, checked and kept.

use base::{Failure, Kind, PageRequest};
use checks::Outcome;
use platform::Error;
use tables::{DeltaTable, Table, Values};

use crate::harness::{Home, actor, rows};

#[tokio::test]
async fn checks_find_what_is_wrong_with_the_first_year() {
    let home = Home::with_rows("2012-10-02", "2013-01-01").await;
    let pushed = home
        .platform
        .push_rows("traffic", rows("2013-01-01", "2014-03-01"), "a test", &actor())
        .await
        .unwrap();
    let outcome = |id: &str| {
        let result = pushed.verdict.results.iter().find(|result| result.check_id == id).unwrap();
        (result.outcome, result.message.clone())
    };
    assert_eq!(outcome("one-row-per-hour").0, Outcome::Warn, "{}", outcome("one-row-per-hour").1);
    assert_eq!(
        outcome("temperature-is-physical").0,
        Outcome::Warn,
        "{}",
        outcome("temperature-is-physical").1
    );
    assert_eq!(outcome("volume-is-there").0, Outcome::Pass);
    assert_eq!(pushed.version.number, 2);
    assert_eq!(home.platform.rows_of(&pushed.version).await.unwrap().row_count() as u64, pushed.version.rows);
}

#[tokio::test]
async fn a_blocking_check_keeps_rows_out_altogether() {
    let home = Home::with_rows("2012-10-02", "2012-11-01").await;
    let bad = rows("2012-11-01", "2012-11-08");
    let count = bad.row_count();
    let bad = bad.with_column("traffic_volume", Values::Int(vec![None; count])).unwrap();
    let error = home.platform.push_rows("traffic", bad, "a test", &actor()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::CheckFailed, "check_failed"), "{error}");
    let mut read = home.platform.db.read().await.unwrap();
    let versions = datasets::list_versions(&mut read, "traffic", &PageRequest::default()).await.unwrap();
    assert_eq!(versions.items.len(), 1);
}

#[tokio::test]
async fn rows_of_another_shape_do_not_fit() {
    let home = Home::with_rows("2012-10-02", "2012-11-01").await;
    let table = Table::from_columns(vec![("surprise".into(), Values::Int(vec![Some(1)]))]).unwrap();
    let error = home.platform.push_rows("traffic", table, "a test", &actor()).await.unwrap_err();
    assert!(matches!(&error, Error::RowsDoNotFit { reason, .. } if reason.contains("surprise")), "{error}");
}

#[tokio::test]
async fn rows_whose_push_a_crash_broke_off_are_dropped_by_the_next() {
    let home = Home::with_rows("2012-10-02", "2012-11-01").await;
    let location = home.folder().join("datasets/traffic");
    let table = DeltaTable::open(&location.to_string_lossy()).await.unwrap();
    table.append(&rows("2012-11-01", "2012-11-08")).await.unwrap();
    drop(table);
    let pushed = home
        .platform
        .push_rows("traffic", rows("2012-12-01", "2012-12-02"), "a test", &actor())
        .await
        .unwrap();
    let kept = home.platform.rows_of(&pushed.version).await.unwrap();
    assert_eq!(kept.row_count() as u64, pushed.version.rows);
    assert_eq!(
        kept.row_count(),
        rows("2012-10-02", "2012-11-01").row_count() + pushed.version.rows_added as usize
    );
}
