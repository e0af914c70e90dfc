//! Windows of live data and their reports.

use ::monitoring::store;
use axum::extract::State;
use base::{PageRequest, Timestamp};
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{MonitorBody, WindowBody};
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Monitor).named_by("model");
    Routes::new().documented(view, routes!(get_monitor)).documented(view, routes!(get_window_report))
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
    let page = Paging { limit: paging.limit.or(Some(PageRequest::MOST)), cursor: paging.cursor }.request();
    let found = store::list_windows(&mut app.db().read().await?, &model, &page).await?;
    let windows = found.items.into_iter().rev().map(WindowBody::from).collect();
    Ok(Json(MonitorBody { model, spec: serde_json::Value::Null, windows, next_cursor: found.next_cursor }))
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
