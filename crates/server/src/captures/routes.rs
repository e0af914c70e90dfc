//! What was captured of runs: written by `gingham run` and its heartbeat, read by `gingham rerun` and by pages.

use std::time::Duration;

use axum::extract::State;
use base::{Digest, Period, Timestamp};
use governance::{Action, ObjectKind};
use platform::{RetrainVerdict, Retrained};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::{Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// How long a run is taken for alive after its starter was last heard of.
const ALIVE: Period = Period::from_micros(60_000_000);
/// The longest record with what surrounds it.
const BODY_LIMIT_BYTES: usize = experiments::MOST_CAPTURE_BYTES + 4_096;
/// Training again takes as long as training.
const RETRAIN_DEADLINE: Duration = Duration::from_secs(4 * 3_600);

pub(crate) fn routes() -> Routes {
    let run = |action| may(action, ObjectKind::Run).named_by("run");
    let retrain = may(Action::Run, ObjectKind::Model).named_by("model").deadline(RETRAIN_DEADLINE);
    Routes::new()
        .documented(run(Action::View), routes!(get_capture))
        .documented(run(Action::Change).body_limit_bytes(BODY_LIMIT_BYTES), routes!(put_capture))
        .documented(run(Action::Change), routes!(keep_run_alive))
        .documented(retrain, routes!(retrain_version))
}

/// What was captured of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaptureBody {
    /// Code, environment, params, inputs, outputs and resources; `docs/repeatable-runs.md` tells of its fields.
    #[schema(value_type = Object)]
    record: Value,
    /// Until when the run is taken for alive; null once it is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    alive_until: Option<Timestamp>,
}

/// What was captured, from the client that captured it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCaptureBody {
    /// Code, environment, params, inputs, outputs and resources.
    #[schema(value_type = Object)]
    record: Value,
    /// Whether the run is over. One that is not must be kept alive, or it is marked as killed after a minute.
    is_over: bool,
}

/// Whether a run was still taken for alive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AliveBody {
    /// False when it is over, or was marked as killed.
    alive: bool,
}

/// A version that was trained again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetrainedBody {
    /// The model.
    model: String,
    /// The version.
    version: i64,
    /// `equal` to the last bit, `differs`, or `missing` when something that it needs is gone.
    #[schema(value_type = String)]
    verdict: RetrainVerdict,
    /// The bytes of the version.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// The bytes that came out now.
    #[schema(value_type = Option<String>)]
    retrained_digest: Option<Digest>,
    /// The prepared rows of then.
    #[schema(value_type = Option<String>)]
    rows_digest: Option<Digest>,
    /// The prepared rows of now.
    #[schema(value_type = Option<String>)]
    prepared_digest: Option<Digest>,
    /// The first step that gave something else: `prepare` or `train`.
    first_difference: Option<&'static str>,
    /// The dataset version that it learnt from.
    dataset: Option<String>,
    /// The candidate that was trained.
    candidate: Option<String>,
    /// What is missing, or what may be the cause.
    why: Option<String>,
}

impl From<Retrained> for RetrainedBody {
    fn from(told: Retrained) -> Self {
        Self {
            model: told.model,
            version: told.version,
            verdict: told.verdict,
            digest: told.digest,
            retrained_digest: told.retrained_digest,
            rows_digest: told.rows_digest,
            prepared_digest: told.prepared_digest,
            first_difference: told.first_difference,
            dataset: told.dataset,
            candidate: told.candidate,
            why: told.why,
        }
    }
}

/// What was captured of a run by `gingham run`.
#[utoipa::path(get, path = "/api/v1/runs/{run}/capture", tag = "runs", params(("run" = String, Path)), responses((status = 200, body = CaptureBody)))]
async fn get_capture(State(app): State<App>, Path(run): Path<String>) -> Result<Json<CaptureBody>, Problem> {
    let found = experiments::find_capture(&mut app.db().read().await?, &run).await?;
    let capture = found.ok_or_else(|| {
        Problem::new(
            base::Kind::NotFound,
            "capture_not_found",
            format!("nothing was captured of run `{run}`"),
        )
        .with_hint("only runs that were started by `gingham run` are captured")
    })?;
    Ok(Json(CaptureBody { record: capture.record, alive_until: capture.alive_until }))
}

/// Writes what was captured of a run, in place of what was written before.
#[utoipa::path(put, path = "/api/v1/runs/{run}/capture", tag = "runs", params(("run" = String, Path)), request_body = NewCaptureBody, responses((status = 200, body = AliveBody)))]
async fn put_capture(
    State(app): State<App>,
    Path(run): Path<String>,
    Json(asked): Json<NewCaptureBody>,
) -> Result<Json<AliveBody>, Problem> {
    let alive = !asked.is_over;
    let alive_until = alive.then(|| app.now().plus(ALIVE));
    app.platform().put_capture(run, asked.record, alive_until).await?;
    Ok(Json(AliveBody { alive }))
}

/// Says that a run is still under way.
#[utoipa::path(post, path = "/api/v1/runs/{run}/heartbeat", tag = "runs", params(("run" = String, Path)), responses((status = 200, body = AliveBody)))]
async fn keep_run_alive(State(app): State<App>, Path(run): Path<String>) -> Result<Json<AliveBody>, Problem> {
    let until = app.now().plus(ALIVE);
    let kept: Result<bool, experiments::Error> = app
        .db()
        .write(move |tx| Box::pin(async move { experiments::keep_alive(tx, &run, until).await }))
        .await;
    Ok(Json(AliveBody { alive: kept? }))
}

/// Trains a version again from the dataset version, params and seed it recorded, and compares the bytes.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/versions/{version}/retrain",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    responses((status = 200, body = RetrainedBody))
)]
async fn retrain_version(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<RetrainedBody>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    Ok(Json(app.platform().retrain(&model, found.number).await?.into()))
}
