//! Archived predictions, computed again.

use std::time::Duration;

use axum::extract::State;
use base::Digest;
use governance::{Action, ObjectKind};
use platform::{Replay, ReplayReport, ReplayVerdict};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::wire::ReplayQuery;
use crate::app::App;
use crate::extract::{Json, Path, Query};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Many predictions are read one by one.
const REPLAY_DEADLINE: Duration = Duration::from_secs(120);
/// How many are computed again unless the client says otherwise.
const USUAL_REPLAYED: usize = 100;

pub(super) fn routes() -> Routes {
    let view = may(Action::View, ObjectKind::Prediction);
    Routes::new()
        .documented(view.named_by("prediction"), routes!(replay_prediction))
        .documented(view.named_by("model").deadline(REPLAY_DEADLINE), routes!(replay_newest))
}

/// A prediction that was computed again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayBody {
    /// The prediction.
    prediction: Uuid,
    /// The model.
    model: String,
    /// The version that answered then, and was asked again.
    version: i64,
    /// The digest of that version's bytes.
    #[schema(value_type = Option<String>)]
    digest: Option<Digest>,
    /// What evaluated it now.
    engine: Option<String>,
    /// `equal` to the last bit, `differs`, or `missing` when something that it needs is gone.
    #[schema(value_type = String)]
    verdict: ReplayVerdict,
    /// What was answered then.
    archived: Option<f64>,
    /// What is answered now.
    recomputed: Option<f64>,
    /// `recomputed - archived`, where the two differ.
    difference: Option<f64>,
    /// What is missing, or why the two may differ.
    why: Option<String>,
}

impl From<Replay> for ReplayBody {
    fn from(replay: Replay) -> Self {
        let Replay {
            prediction,
            model,
            version,
            digest,
            engine,
            verdict,
            archived,
            recomputed,
            difference,
            why,
        } = replay;
        Self { prediction, model, version, digest, engine, verdict, archived, recomputed, difference, why }
    }
}

/// The newest predictions of a model, computed again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayReportBody {
    /// The model.
    model: String,
    /// How many were computed again.
    replayed: usize,
    /// How many gave the same bits.
    equal: usize,
    /// How many gave something else.
    differing: usize,
    /// How many lacked something.
    missing: usize,
    /// Those that are not equal, newest first, at most a hundred.
    exceptions: Vec<ReplayBody>,
}

impl From<ReplayReport> for ReplayReportBody {
    fn from(report: ReplayReport) -> Self {
        Self {
            model: report.model,
            replayed: report.replayed,
            equal: report.equal,
            differing: report.differing,
            missing: report.missing,
            exceptions: report.exceptions.into_iter().map(ReplayBody::from).collect(),
        }
    }
}

/// Computes a prediction again from its archived features, with the version that answered then.
#[utoipa::path(
    get,
    path = "/api/v1/predictions/{prediction}/replay",
    tag = "predictions",
    params(("prediction" = String, Path)),
    responses((status = 200, body = ReplayBody))
)]
async fn replay_prediction(
    State(app): State<App>,
    Path(prediction): Path<String>,
) -> Result<Json<ReplayBody>, Problem> {
    let unknown = || Problem::not_found("prediction", "prediction_not_found", &prediction);
    let id: Uuid = prediction.parse().map_err(|_| unknown())?;
    let replay = app.platform().replay(id).await?.ok_or_else(unknown)?;
    Ok(Json(replay.into()))
}

/// Computes the newest predictions of a model again.
#[utoipa::path(
    get,
    path = "/api/v1/models/{model}/replay",
    tag = "predictions",
    params(("model" = String, Path), ReplayQuery),
    responses((status = 200, body = ReplayReportBody))
)]
async fn replay_newest(
    State(app): State<App>,
    Path(model): Path<String>,
    Query(asked): Query<ReplayQuery>,
) -> Result<Json<ReplayReportBody>, Problem> {
    let report = app.platform().replay_newest(&model, asked.last.unwrap_or(USUAL_REPLAYED)).await?;
    Ok(Json(report.into()))
}
