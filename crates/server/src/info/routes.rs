//! Health, readiness, figures and description.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use governance::{Action, ObjectKind, Principal};
use utoipa_axum::routes;

use super::wire::{Health, Info, PrincipalBody};
use crate::app::App;
use crate::extract::{Caller, Json};
use crate::observe;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// The inference engines of this build.
const ENGINES: &[&str] = &["gingham"];

pub(crate) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Health), routes!(get_health))
        .documented(may(Action::View, ObjectKind::Server), routes!(get_ready))
        .documented(may(Action::View, ObjectKind::Server), routes!(get_info))
        .get("/metrics", may(Action::View, ObjectKind::Server), get_metrics)
}

/// Answers as long as the process is alive.
#[utoipa::path(get, path = "/health", tag = "server", responses((status = 200, body = Health)))]
async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Answers when the database does.
#[utoipa::path(get, path = "/ready", tag = "server", responses((status = 200, body = Health)))]
async fn get_ready(State(app): State<App>) -> Result<Json<Health>, Problem> {
    app.db().events(&db::EventFilter::default(), 1).await?;
    Ok(Json(Health { status: "ok" }))
}

/// What the server is, and who you are to it.
#[utoipa::path(get, path = "/api/v1/info", tag = "server", responses((status = 200, body = Info)))]
async fn get_info(State(app): State<App>, caller: Caller) -> Json<Info> {
    let local = matches!(caller.principal(), Principal::Local);
    Json(Info {
        name: "gingham",
        version: env!("CARGO_PKG_VERSION"),
        started_at: app.started_at(),
        data_folder: app.settings().data_folder.clone().filter(|_| local),
        principal: PrincipalBody {
            name: caller.principal().name().to_owned(),
            kind: caller.principal().kind(),
        },
        engines: ENGINES.to_vec(),
    })
}

async fn get_metrics(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let handle = observe::prometheus();
    handle.run_upkeep();
    let text = handle.render() + &crate::monitoring::figures(&app).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
