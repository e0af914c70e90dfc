//! Two sets of rows that the server holds, compared.

use std::time::Duration;

use ::monitoring::{DriftLimits, DriftReport};
use axum::extract::State;
use governance::{Action, ObjectKind};
use platform::CompareOptions;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::Json;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Comparing years of rows takes a while.
const DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn routes() -> Routes {
    let rule = may(Action::Query, ObjectKind::Prediction).deadline(DEADLINE);
    Routes::new().documented(rule, routes!(compare_rows))
}

/// What is compared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Compare {
    /// `dataset:NAME`, `dataset:NAME@VERSION`, `archive:MODEL` or `archive:MODEL@FROM..TO`.
    pub(super) reference: String,
    /// The same.
    pub(super) current: String,
    /// Only these columns; all when absent.
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// Keep every value, whatever the memory.
    #[serde(default)]
    pub(super) exact: bool,
    /// Columns with fewer rows on either side are not judged.
    pub(super) min_rows: Option<u64>,
}

/// Every statistic of every column between two sets of rows, and the verdict.
#[utoipa::path(
    post,
    path = "/api/v1/drift",
    tag = "monitoring",
    request_body = Compare,
    responses((status = 200, body = Object))
)]
async fn compare_rows(
    State(app): State<App>,
    Json(asked): Json<Compare>,
) -> Result<Json<DriftReport>, Problem> {
    let mut limits = DriftLimits::default();
    limits.min_rows = asked.min_rows.unwrap_or(limits.min_rows);
    let options = CompareOptions { columns: asked.columns, exact: asked.exact, limits };
    Ok(Json(app.platform().compare(&asked.reference, &asked.current, options).await?))
}
