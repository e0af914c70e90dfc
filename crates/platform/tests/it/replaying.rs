//! Archived predictions that are computed again.

use archive::{Cell, Prediction};
use base::Timestamp;
use platform::ReplayVerdict;
use tables::{Column, ColumnType};
use uuid::Uuid;

use crate::harness::Home;

/// A prediction of the traffic model for a winter morning that the archive got from elsewhere.
fn archived(version: i64, answer: f64) -> Prediction {
    let at = Timestamp::parse("2013-02-04T08:00:00Z").unwrap();
    let number = |name: &str, value: f64| (name.into(), Cell::Real(value));
    let word = |name: &str, value: &str| (name.into(), Cell::Text(value.to_owned()));
    Prediction {
        id: Uuid::now_v7(),
        event_time: at,
        received_time: at,
        model: "traffic".to_owned(),
        version,
        deployment: "traffic".to_owned(),
        variant: "primary".to_owned(),
        features: vec![
            number("hour", 8.0),
            number("weekday", 1.0),
            number("month", 2.0),
            number("temp", 270.0),
            number("rain_1h", 0.0),
            number("snow_1h", 0.0),
            number("clouds_all", 40.0),
            word("weather_main", "Clouds"),
            word("holiday", "None"),
            number("volume_last_week", 6_100.0),
        ],
        prediction: Cell::Real(answer),
        latency_us: 0,
        status: "ok".to_owned(),
        trace_id: None,
        entity: None,
        weight: 1.0,
    }
}

fn columns() -> Vec<Column> {
    let kind = |cell: &Cell| if matches!(cell, Cell::Text(_)) { ColumnType::Text } else { ColumnType::Real };
    archived(1, 0.0).features.iter().map(|(name, cell)| Column::new(&**name, kind(cell))).collect()
}

#[tokio::test]
async fn what_was_answered_is_told_from_what_was_not() {
    let home = Home::with_rows("2012-10-02", "2013-02-01").await;
    home.train().await;
    let archive = &home.platform.archive;
    archive.declare("traffic", &columns(), ColumnType::Real).await.unwrap();
    let wrong = archived(1, 12.5);
    archive.append(vec![wrong.clone()]).await.unwrap();
    let replay = home.platform.replay(wrong.id).await.unwrap().unwrap();
    assert_eq!(replay.verdict, ReplayVerdict::Differs, "{replay:?}");
    assert_eq!(replay.archived, Some(12.5));
    let answer = replay.recomputed.unwrap();
    assert_eq!(replay.difference, Some(answer - 12.5));

    let right = archived(1, answer);
    archive.append(vec![right.clone()]).await.unwrap();
    let replay = home.platform.replay(right.id).await.unwrap().unwrap();
    assert_eq!(replay.verdict, ReplayVerdict::Equal, "{replay:?}");

    let report = home.platform.replay_newest("traffic", 10).await.unwrap();
    assert_eq!((report.replayed, report.equal, report.differing, report.missing), (2, 1, 1, 0));
    assert_eq!(report.exceptions[0].prediction, wrong.id);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let home = Home::with_rows("2012-10-02", "2013-02-01").await;
    home.train().await;
    let archive = &home.platform.archive;
    archive.declare("traffic", &columns(), ColumnType::Real).await.unwrap();
    let of_no_version = archived(7, 1.0);
    let mut without_hour = archived(1, 1.0);
    without_hour.features.retain(|(name, _)| **name != *"hour");
    archive.append(vec![of_no_version.clone(), without_hour.clone()]).await.unwrap();

    let replay = home.platform.replay(of_no_version.id).await.unwrap().unwrap();
    assert_eq!(replay.verdict, ReplayVerdict::Missing);
    assert!(replay.why.unwrap().contains("version 7 of `traffic` is not registered"));
    let replay = home.platform.replay(without_hour.id).await.unwrap().unwrap();
    assert_ne!(replay.verdict, ReplayVerdict::Equal);
    assert!(home.platform.replay(Uuid::now_v7()).await.unwrap().is_none());
    assert!(home.platform.replay_newest("nobody", 10).await.is_err());
}
