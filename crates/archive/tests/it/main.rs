//! Facts about the archive as a whole: what it keeps, what it answers, what survives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod columns;
mod crash;
mod forgetting;
mod keeping;
mod limits;
mod look_up;
mod once;
mod story;
mod trouble;

use std::path::Path;
use std::time::Duration;

use archive::{Archive, ArchiveOptions, Cell, Label, Prediction};
use base::Timestamp;
use tables::{Column, ColumnType, QueryLimits, Table};
use uuid::Uuid;

pub(crate) const HOUR: i64 = 3_600_000_000;

pub(crate) fn options(folder: &Path) -> ArchiveOptions {
    ArchiveOptions { commit_every: Duration::from_secs(3600), ..ArchiveOptions::new(folder) }
}

pub(crate) fn features() -> Vec<Column> {
    vec![
        Column::new("hour", ColumnType::Int),
        Column::new("temp", ColumnType::Real),
        Column::new("weather_main", ColumnType::Text),
    ]
}

pub(crate) async fn traffic(options: ArchiveOptions) -> Archive {
    let archive = Archive::open(options).await.unwrap();
    archive.declare("traffic", &features(), ColumnType::Real).await.unwrap();
    archive
}

/// The prediction for hour `n`.
pub(crate) fn prediction(n: i64) -> Prediction {
    Prediction {
        id: Uuid::now_v7(),
        event_time: Timestamp::from_micros(n * HOUR),
        received_time: Timestamp::from_micros(n * HOUR + 5),
        model: "traffic".into(),
        version: 1 + n / 100,
        deployment: "traffic".into(),
        variant: "primary".into(),
        features: vec![
            ("hour".into(), Cell::Int(n % 24)),
            ("temp".into(), Cell::Real(270.0 + n as f64 / 10.0)),
            ("weather_main".into(), Cell::Text("Clear".into())),
        ],
        prediction: Cell::Real(n as f64),
        latency_us: 12,
        status: "ok".into(),
        trace_id: None,
        entity: Some("I-94".into()),
        weight: 1.0,
    }
}

pub(crate) fn label(prediction: &Prediction, value: f64, known: i64) -> Label {
    Label {
        prediction_id: Some(prediction.id),
        entity: None,
        event_time: None,
        model: "traffic".into(),
        value: Cell::Real(value),
        label_time: Timestamp::from_micros(known),
        received_time: Timestamp::from_micros(known),
        source: "sensor".into(),
    }
}

pub(crate) async fn sql(archive: &Archive, sql: &str) -> Table {
    archive.sql(sql, QueryLimits::default()).await.unwrap()
}

pub(crate) async fn number(archive: &Archive, question: &str) -> f64 {
    let table = sql(archive, question).await;
    let name = table.schema().columns[0].name.clone();
    table.numbers(&name).unwrap()[0].unwrap_or(f64::NAN)
}
