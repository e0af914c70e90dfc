//! Windows of live data and their reports.

use std::time::Duration;

use ::monitoring::store;
use axum::extract::State;
use base::{PageRequest, Timestamp};
use governance::{Action, ObjectKind};
use serde_json::json;
use utoipa_axum::routes;

use super::wire::{AlertBody, Evaluate, Evaluated, MonitorBody, WindowBody};
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::pipelines::JobBody;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Looking at years of windows takes a while.
const EVALUATION_DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Monitor).named_by("model");
    let run = may(Action::Run, ObjectKind::Monitor).named_by("model").deadline(EVALUATION_DEADLINE);
    Routes::new()
        .documented(view, routes!(get_monitor))
        .documented(view, routes!(get_window_report))
        .documented(run, routes!(evaluate_monitor))
}

/// A model's monitor with its newest windows: 1000 unless `limit` says otherwise.
#[utoipa::path(
    get,
    path = "/api/v1/monitors/{model}",
    tag = "monitoring",
    params(("model" = String, Path), Paging),
    responses((status = 200, body = MonitorBody))
)]
async fn get_monitor(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<MonitorBody>, Problem> {
    let applied = app.platform().applied(&model).await?;
    let page = Paging { limit: paging.limit.or(Some(PageRequest::MOST)), cursor: paging.cursor }.request();
    let found = store::list_windows(&mut app.db().read().await?, &model, &page).await?;
    let windows = found.items.into_iter().rev().map(WindowBody::from).collect();
    Ok(Json(MonitorBody {
        model,
        spec: json!(applied.spec.monitor),
        windows,
        next_cursor: found.next_cursor,
    }))
}

/// All that is known about one window, given by its beginning.
#[utoipa::path(
    get,
    path = "/api/v1/monitors/{model}/windows/{from}/report",
    tag = "monitoring",
    params(("model" = String, Path), ("from" = String, Path, description = "RFC 3339")),
    responses((status = 200, body = Object))
)]
async fn get_window_report(
    State(app): State<App>,
    Path((model, from)): Path<(String, String)>,
) -> Result<Json<::monitoring::WindowReport>, Problem> {
    let from = Timestamp::parse(&from).map_err(|error| {
        Problem::invalid("invalid_path", format!("the window's beginning does not fit: {error}"))
    })?;
    Ok(Json(store::get_report(&mut app.db().read().await?, &model, from).await?))
}

/// Looks at the windows that have ended by `until`; what was looked at before is not looked at again.
#[utoipa::path(
    post,
    path = "/api/v1/monitors/{model}/evaluate",
    tag = "monitoring",
    params(("model" = String, Path)),
    request_body = Evaluate,
    responses((status = 200, body = Evaluated))
)]
async fn evaluate_monitor(
    State(app): State<App>,
    Path(model): Path<String>,
    asked: Option<Json<Evaluate>>,
) -> Result<Json<Evaluated>, Problem> {
    let until = asked.and_then(|Json(asked)| asked.until);
    let seen = app.platform().evaluate_monitor(&model, until).await?;
    Ok(Json(Evaluated {
        windows_evaluated: seen.windows_evaluated,
        alerts_opened: seen.alerts_opened.into_iter().map(AlertBody::from).collect(),
        jobs: seen.jobs.into_iter().map(JobBody::from).collect(),
        watermark: seen.watermark,
    }))
}
