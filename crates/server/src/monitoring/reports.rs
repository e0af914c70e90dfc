//! The state of a monitor on one page, and what a rule would have done.

use std::time::Duration;

use ::monitoring::{MonitorSpec, MonitoringReport, Simulation};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use governance::{Action, ObjectKind};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::wire::ReportQuery;
use crate::app::App;
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

const DEADLINE: Duration = Duration::from_secs(120);

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Monitor).named_by("model").deadline(DEADLINE);
    let run = may(Action::Run, ObjectKind::Monitor).named_by("model").deadline(DEADLINE);
    Routes::new().documented(view, routes!(get_monitoring_report)).documented(run, routes!(simulate_monitor))
}

/// A monitor to be played on the past.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Simulate {
    /// The `monitor` part of a `gingham.yaml`.
    #[schema(value_type = Object)]
    monitor: MonitorSpec,
}

/// The state of a model on one page: windows, the newest one in full, performance foreseen, weak parts, alerts.
#[utoipa::path(
    get,
    path = "/api/v1/monitors/{model}/report",
    tag = "monitoring",
    params(("model" = String, Path), ReportQuery),
    responses((status = 200, body = Object))
)]
async fn get_monitoring_report(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(asked): Query<ReportQuery>,
) -> Result<Response, Problem> {
    let report: MonitoringReport = app.platform().monitoring_report(&model, asked.from, asked.to).await?;
    Ok(match asked.format.as_deref().unwrap_or("json") {
        "json" => Json(report).into_response(),
        "html" => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], report.to_html()).into_response(),
        "markdown" => {
            ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], report.to_markdown()).into_response()
        }
        other => {
            return Err(Problem::invalid("invalid_query", format!("`{other}` is no format of a report"))
                .with_hint("write `json`, `html` or `markdown`"));
        }
    })
}

/// How often a monitor would have fired over the windows that have been judged; nothing is saved.
#[utoipa::path(
    post,
    path = "/api/v1/monitors/{model}/simulate",
    tag = "monitoring",
    params(("model" = String, Path)),
    request_body = Simulate,
    responses((status = 200, body = Object))
)]
async fn simulate_monitor(
    State(app): State<App>,
    Path(model): Path<String>,
    Json(asked): Json<Simulate>,
) -> Result<Json<Simulation>, Problem> {
    Ok(Json(app.platform().simulate_monitor(&model, &asked.monitor).await?))
}
