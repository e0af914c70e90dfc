//! Looking at pipeline runs and jobs.

use ::pipelines::{JobFilter, JobState, jobs, runs};
use axum::extract::State;
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{JobBody, JobPage, JobQuery, PipelineRunBody, PipelineRunPage, PipelineRunQuery};
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .documented(may(Action::View, ObjectKind::Pipeline), routes!(list_pipeline_runs))
        .documented(may(Action::View, ObjectKind::Pipeline).named_by("run"), routes!(get_pipeline_run))
        .documented(may(Action::View, ObjectKind::Job), routes!(list_jobs))
        .documented(may(Action::View, ObjectKind::Job).named_by("job"), routes!(get_job))
}

/// Pipeline runs, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/pipeline-runs",
    tag = "pipelines",
    params(PipelineRunQuery),
    responses((status = 200, body = PipelineRunPage))
)]
async fn list_pipeline_runs(
    State(app): State<App>,
    Query(asked): Query<PipelineRunQuery>,
) -> Result<Json<PipelineRunPage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let found = runs::list(&mut app.db().read().await?, asked.model.as_deref(), &page).await?;
    let page = found.map(PipelineRunBody::from);
    Ok(Json(PipelineRunPage { items: page.items, next_cursor: page.next_cursor }))
}

/// A pipeline run with its steps.
#[utoipa::path(
    get,
    path = "/api/v1/pipeline-runs/{run}",
    tag = "pipelines",
    params(("run" = String, Path)),
    responses((status = 200, body = PipelineRunBody))
)]
async fn get_pipeline_run(
    State(app): State<App>,
    Path(run): Path<String>,
) -> Result<Json<PipelineRunBody>, Problem> {
    let run = runs::get(&mut app.db().read().await?, &run).await?;
    Ok(Json(PipelineRunBody::from(run)))
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "pipelines", params(JobQuery), responses((status = 200, body = JobPage)))]
async fn list_jobs(State(app): State<App>, Query(asked): Query<JobQuery>) -> Result<Json<JobPage>, Problem> {
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let state = asked.state.as_deref().map(parse_state).transpose()?;
    let filter = JobFilter { model: asked.model, kind: asked.kind, state };
    let page = jobs::list(&mut app.db().read().await?, &filter, &page).await?.map(JobBody::from);
    Ok(Json(JobPage { items: page.items, next_cursor: page.next_cursor }))
}

/// A job as it stands.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job}",
    tag = "pipelines",
    params(("job" = String, Path)),
    responses((status = 200, body = JobBody))
)]
async fn get_job(State(app): State<App>, Path(job): Path<String>) -> Result<Json<JobBody>, Problem> {
    let job = jobs::get(&mut app.db().read().await?, &job).await?;
    Ok(Json(JobBody::from(job)))
}

fn parse_state(word: &str) -> Result<JobState, Problem> {
    JobState::parse(word).map_err(|_| {
        Problem::invalid("invalid_query", format!("`{word}` is no state of a job"))
            .with_hint("the states are queued, running, succeeded, failed and cancelled")
    })
}
