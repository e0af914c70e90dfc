//! Looking at experiments and runs. Runs are written through MLflow's API.

use std::num::NonZeroUsize;

use artifacts::SafePath;
use axum::extract::State;
use base::PageRequest;
use experiments::{ExperimentQuery, RunQuery, View, query};
use governance::{Action, ObjectKind};
use utoipa_axum::routes;

use super::wire::{
    ArtifactBody, ExperimentBody, ExperimentPage, HistoryBody, HistoryQuery, RunBody, RunPage, RunQueryBody,
};
use crate::app::App;
use crate::extract::{Json, Paging, Path, Query};
use crate::mlflow::ARTIFACT_ROOT;
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How many points of a history are drawn unless the client says otherwise, and at most.
const USUAL_POINTS: usize = 500;
const MOST_POINTS: usize = 20_000;

/// How many files of a run are shown.
const ARTIFACTS_SHOWN: usize = 200;
/// How the location of a run begins whose files this server keeps, below the root of all such files.
const OWN_ARTIFACTS: &str = "mlflow-artifacts:/";

pub(crate) fn routes() -> Routes {
    let view_run = may(Action::View, ObjectKind::Run);
    let change_run = may(Action::Change, ObjectKind::Run).deadline(std::time::Duration::from_secs(120));
    Routes::new()
        .documented(may(Action::View, ObjectKind::Experiment), routes!(list_experiments))
        .documented(may(Action::View, ObjectKind::Experiment).named_by("experiment"), routes!(list_runs))
        .documented(view_run.named_by("run"), routes!(get_run))
        .documented(view_run.named_by("run"), routes!(get_metric_history))
        .documented(view_run, routes!(super::search::search_runs))
        .documented(view_run, routes!(super::difference::get_difference))
        .documented(change_run, routes!(super::bulk::change_runs))
        .documented(change_run, routes!(super::bulk::undo_change_of_runs))
}

/// The experiments in use, newest first.
#[utoipa::path(get, path = "/api/v1/experiments", tag = "runs", params(Paging), responses((status = 200, body = ExperimentPage)))]
async fn list_experiments(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Json<ExperimentPage>, Problem> {
    let page = paging.request();
    let query = ExperimentQuery {
        project: None,
        filter: query::experiment_filter("").map_err(experiments::Error::from)?,
        order: Vec::new(),
        view: View::Active,
        limit: page.limit,
        token: page.cursor,
    };
    let found = experiments::search_experiments(&mut app.db().read().await?, &query).await?;
    let items = found.items.into_iter().map(ExperimentBody::from).collect();
    Ok(Json(ExperimentPage { items, next_cursor: found.next_token }))
}

/// The runs of an experiment, given by its id or its name.
#[utoipa::path(
    get,
    path = "/api/v1/experiments/{experiment}/runs",
    tag = "runs",
    params(("experiment" = String, Path, description = "id or name"), RunQueryBody),
    responses((status = 200, body = RunPage))
)]
async fn list_runs(
    State(app): State<App>,
    Path(experiment): Path<String>,
    Query(asked): Query<RunQueryBody>,
) -> Result<Json<RunPage>, Problem> {
    let mut read = app.db().read().await?;
    let experiment = match experiments::find_experiment(&mut read, &experiment).await? {
        Some(found) => found,
        None => match experiment.parse() {
            Ok(id) => experiments::get_experiment(&mut read, id).await?,
            Err(_) => return Err(experiments::Error::ExperimentNotFound { experiment }.into()),
        },
    };
    let order: Vec<String> = split(asked.order_by.as_deref().unwrap_or_default());
    let page = Paging { limit: asked.limit, cursor: asked.cursor }.request();
    let query = RunQuery {
        experiments: vec![experiment.id],
        filter: query::run_filter(asked.filter.as_deref().unwrap_or_default())
            .map_err(experiments::Error::from)?,
        order: query::run_order(&order).map_err(experiments::Error::from)?,
        view: View::Active,
        limit: page.limit,
        token: page.cursor,
    };
    drop(read);
    let found = experiments::search_runs(app.db(), &query).await?;
    Ok(Json(RunPage {
        items: found.items.into_iter().map(RunBody::from).collect(),
        next_cursor: found.next_token,
    }))
}

/// A run with all that it logged.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs", params(("run" = String, Path)), responses((status = 200, body = RunBody)))]
async fn get_run(State(app): State<App>, Path(run): Path<String>) -> Result<Json<RunBody>, Problem> {
    let run = experiments::get_run(&mut app.db().read().await?, &run).await?;
    let artifacts = artifacts_of(&app, &run).await?;
    Ok(Json(RunBody { artifacts, ..RunBody::from(run) }))
}

/// The history of a metric, thinned so that no spike is lost.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{run}/metrics/{key}",
    tag = "runs",
    params(("run" = String, Path), ("key" = String, Path), HistoryQuery),
    responses((status = 200, body = HistoryBody))
)]
async fn get_metric_history(
    State(app): State<App>,
    Path((run, key)): Path<(String, String)>,
    Query(asked): Query<HistoryQuery>,
) -> Result<Json<HistoryBody>, Problem> {
    let points = asked.points.unwrap_or(USUAL_POINTS).clamp(1, MOST_POINTS);
    let at_most = NonZeroUsize::new(points).unwrap_or(NonZeroUsize::MIN);
    let series = experiments::metric_series(&mut app.db().read().await?, &run, &key, at_most, None).await?;
    Ok(Json(HistoryBody::from(series)))
}

/// What lies right below the run's artifact location; nothing when its files are kept elsewhere.
async fn artifacts_of(app: &App, run: &experiments::Run) -> Result<Option<Vec<ArtifactBody>>, Problem> {
    let Some(place) = run.artifact_uri.strip_prefix(OWN_ARTIFACTS) else { return Ok(None) };
    let (root, path) = (SafePath::parse(ARTIFACT_ROOT)?, SafePath::parse(place.trim_matches('/'))?);
    let listed =
        app.platform().artifacts.list(&root, Some(&path), &PageRequest::first(ARTIFACTS_SHOWN)).await?;
    let body = |entry: artifacts::Listed| {
        let whole = entry.path.as_str();
        let below = whole.strip_prefix(path.as_str()).unwrap_or(whole).trim_start_matches('/');
        ArtifactBody { path: below.to_owned(), bytes: entry.blob.map(|blob| blob.bytes) }
    };
    Ok(Some(listed.items.into_iter().map(body).collect()))
}

fn split(terms: &str) -> Vec<String> {
    terms.split(',').map(str::trim).filter(|term| !term.is_empty()).map(str::to_owned).collect()
}
