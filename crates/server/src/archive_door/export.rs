//! The archive of a model as one file, sent while it is read.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use governance::{Action, ObjectKind};
use platform::Export;
use tables::{Column, ParquetStream, Schema, Table};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::routes;

use super::wire::{ExportQuery, Format};
use crate::app::App;
use crate::extract::{Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Until the first byte; the file itself may take as long as it takes.
const EXPORT_DEADLINE: Duration = Duration::from_secs(120);
/// Parts that wait for a slow reader.
const PARTS_WAITING: usize = 2;

pub(super) fn routes() -> Routes {
    let query = may(Action::Query, ObjectKind::Prediction).deadline(EXPORT_DEADLINE);
    Routes::new().documented(query, routes!(export_predictions))
}

/// The predictions of a model with their labels, oldest first, as one file.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/predictions/export",
    tag = "predictions",
    params(("model" = String, Path), ExportQuery),
    responses((status = 200, content_type = "application/octet-stream"))
)]
async fn export_predictions(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(asked): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let export = app.platform().export(&model, asked.from, asked.to, asked.known_by).await?;
    let header = export.header().await?;
    let writer = Writer::new(asked.format, &header)?;
    let (parts, file) = mpsc::channel(PARTS_WAITING);
    tokio::spawn(async move {
        if let Err(problem) = send(export, writer, &header, &parts).await {
            tracing::error!(%problem, "an export broke off");
            // The reader sees a file that breaks off, not one that seems whole.
            let _ = parts.send(Err(std::io::Error::other(problem))).await;
        }
    });
    let content_type = match asked.format {
        Format::Parquet => "application/vnd.apache.parquet",
        Format::Csv => "text/csv",
        Format::Json => "application/x-ndjson",
    };
    Ok(([(header::CONTENT_TYPE, content_type)], Body::from_stream(ReceiverStream::new(file))).into_response())
}

type Parts = mpsc::Sender<Result<Bytes, std::io::Error>>;

async fn send(mut export: Export, mut writer: Writer, header: &Table, parts: &Parts) -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    if parts.send(Ok(writer.start(header).map_err(|error| words(&error))?)).await.is_err() {
        return Ok(());
    }
    while let Some(rows) = export.next().await.map_err(|error| words(&error))? {
        let bytes = writer.write(&rows).map_err(|error| words(&error))?;
        if parts.send(Ok(bytes)).await.is_err() {
            return Ok(());
        }
    }
    let last = writer.finish().map_err(|error| words(&error))?;
    // A reader that went away needs no end.
    let _ = parts.send(Ok(last)).await;
    Ok(())
}

enum Writer {
    Parquet(Box<ParquetStream>),
    Csv,
    Json,
}

impl Writer {
    fn new(format: Format, header: &Table) -> Result<Self, tables::Error> {
        Ok(match format {
            Format::Parquet => {
                // A later part may lack what an earlier one has, labels above all.
                let columns = header.schema().columns.iter();
                let columns = columns.map(|column| Column::new(&column.name, column.kind)).collect();
                Self::Parquet(Box::new(ParquetStream::new(&Schema::new(columns))?))
            }
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
        })
    }

    fn start(&self, header: &Table) -> Result<Bytes, tables::Error> {
        Ok(match self {
            Self::Csv => header.to_csv()?.into(),
            Self::Parquet(_) | Self::Json => Bytes::new(),
        })
    }

    fn write(&mut self, rows: &Table) -> Result<Bytes, tables::Error> {
        match self {
            Self::Parquet(stream) => Ok(stream.write(rows)?.into()),
            Self::Csv => {
                let text = rows.to_csv()?;
                let without_names = text.split_once('\n').map_or("", |(_, rest)| rest);
                Ok(Bytes::from(without_names.to_owned()))
            }
            Self::Json => {
                let mut lines = String::new();
                for row in rows.json_rows(rows.row_count()) {
                    lines.push_str(&serde_json::Value::Object(row).to_string());
                    lines.push('\n');
                }
                Ok(lines.into())
            }
        }
    }

    fn finish(self) -> Result<Bytes, tables::Error> {
        match self {
            Self::Parquet(stream) => Ok(stream.finish()?.into()),
            Self::Csv | Self::Json => Ok(Bytes::new()),
        }
    }
}
