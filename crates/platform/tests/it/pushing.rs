//! New rows, checked and kept.

use base::{Failure, Kind, PageRequest};
use checks::Outcome;
use monitoring::store::{AlertFilter, list_alerts};
use monitoring::{AlertKind, AlertState, Severity};
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
async fn checks_that_fail_are_one_alert_that_two_good_pushes_end() {
    let home = Home::with_rows("2012-10-02", "2012-11-01").await;
    let push = async |table: Table| home.platform.push_rows("traffic", table, "a test", &actor()).await;
    let alerts = async || {
        let filter = AlertFilter { kind: Some(AlertKind::DataCheck), ..AlertFilter::default() };
        let mut read = home.platform.db.read().await.unwrap();
        list_alerts(&mut read, &filter, &PageRequest::default()).await.unwrap().items
    };
    assert!(alerts().await.is_empty(), "the first rows are as they should be");

    let bad = rows("2012-11-01", "2012-11-08");
    let count = bad.row_count();
    let bad = bad.with_column("rain_1h", Values::Real(vec![Some(1_000.0); count])).unwrap();
    let bad = bad.with_column("clouds_all", Values::Int(vec![Some(200); count])).unwrap();
    push(bad).await.unwrap();
    let found = alerts().await;
    assert_eq!(found.len(), 1, "one cause: {found:?}");
    let alert = &found[0];
    assert_eq!(
        (alert.state, alert.severity, alert.model.as_str()),
        (AlertState::Firing, Severity::Error, "traffic")
    );
    assert_eq!(alert.title, "traffic: 2 checks failed");
    for word in ["rain_1h", "clouds_all"] {
        assert!(alert.what_changed.contains(word), "{}", alert.what_changed);
    }
    assert_eq!(alert.since.date(), "2012-11-01");
    assert!(alert.cause.contains("305 mm in an hour"), "the reason of the check: {}", alert.cause);
    assert!(alert.impact.contains("version 2 of `traffic` was taken"), "{}", alert.impact);

    let empty = rows("2012-11-08", "2012-11-15");
    let count = empty.row_count();
    push(empty.with_column("traffic_volume", Values::Int(vec![None; count])).unwrap()).await.unwrap_err();
    let found = alerts().await;
    assert_eq!((found.len(), found[0].title.as_str()), (1, "traffic: check `volume-is-there` failed"));
    assert!(found[0].impact.contains("nothing of the push was taken"), "{}", found[0].impact);

    push(rows("2012-11-15", "2012-11-22")).await.unwrap();
    assert_eq!(alerts().await[0].state, AlertState::Firing, "one good push may be luck");
    push(rows("2012-11-22", "2012-11-29")).await.unwrap();
    assert_eq!(alerts().await[0].state, AlertState::Resolved);
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
