//! How long rows are kept, what is held, and the erasure of an entity.

use std::time::Duration;

use axum::extract::State;
use base::{Period, Timestamp};
use governance::{Action, ObjectKind};
use platform::{ErasureReport, KeepingRule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::app::App;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// Every file of the archive may have to be read.
const ERASE_DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn routes() -> Routes {
    let model = may(Action::View, ObjectKind::Model).named_by("model");
    let erase = may(Action::Delete, ObjectKind::Prediction).deadline(ERASE_DEADLINE);
    Routes::new()
        .documented(model, routes!(get_archive_rule))
        .documented(may(Action::Delete, ObjectKind::Prediction), routes!(set_archive_rule))
        .documented(erase, routes!(erase_entity))
}

/// What holds for the archive of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArchiveRuleBody {
    /// The model.
    model: String,
    /// Predictions are kept this long after the moment that they are about; for ever when absent.
    #[schema(value_type = Option<String>)]
    keep: Option<Period>,
    /// While it is held, nothing of it is deleted.
    held: bool,
    /// Why.
    reason: String,
    /// Who decided so last.
    actor: String,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    changed_at: Option<Timestamp>,
}

impl From<KeepingRule> for ArchiveRuleBody {
    fn from(rule: KeepingRule) -> Self {
        let KeepingRule { model, keep, held, reason, actor, changed_at } = rule;
        Self { model, keep, held, reason, actor, changed_at }
    }
}

/// What shall hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewArchiveRuleBody {
    /// How long, such as `400d`; as the `gingham.yaml` says, or for ever, when absent.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    keep: Option<Period>,
    /// Whether nothing may be deleted.
    #[serde(default)]
    held: bool,
    /// Why.
    reason: String,
}

/// Who is erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureBody {
    /// The entity's key.
    entity: String,
    /// From this model only; from all when absent.
    #[serde(default)]
    model: Option<String>,
    /// Why; it is kept in the log of events, the key is not.
    reason: String,
}

/// What went of one model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasedBody {
    /// The model.
    model: String,
    /// Predictions.
    predictions: usize,
    /// Labels.
    labels: usize,
}

/// What an erasure did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureReportBody {
    /// What went, by model.
    erased: Vec<ErasedBody>,
    /// Datasets that hold the entity still.
    datasets: Vec<String>,
    /// Model versions that were trained on them.
    trained_on: Vec<String>,
}

impl From<ErasureReport> for ErasureReportBody {
    fn from(report: ErasureReport) -> Self {
        let erased = report
            .erased
            .into_iter()
            .map(|rows| ErasedBody { model: rows.model, predictions: rows.predictions, labels: rows.labels })
            .collect();
        Self { erased, datasets: report.datasets, trained_on: report.trained_on }
    }
}

/// What holds for the archive of a model.
#[utoipa::path(get, path = "/api/v1/models/{model}/archive", tag = "predictions", params(("model" = String, Path)), responses((status = 200, body = ArchiveRuleBody)))]
async fn get_archive_rule(
    State(app): State<App>,
    Path(model): Path<String>,
) -> Result<Json<ArchiveRuleBody>, Problem> {
    registry::get_model(&mut app.db().read().await?, &model).await?;
    Ok(Json(app.platform().keeping_rule(&model).await?.into()))
}

/// Decides how long predictions of a model are kept, and whether they are held.
#[utoipa::path(put, path = "/api/v1/models/{model}/archive", tag = "predictions", params(("model" = String, Path)), request_body = NewArchiveRuleBody, responses((status = 200, body = ArchiveRuleBody)))]
async fn set_archive_rule(
    State(app): State<App>,
    caller: Caller,
    Path(model): Path<String>,
    Json(asked): Json<NewArchiveRuleBody>,
) -> Result<Json<ArchiveRuleBody>, Problem> {
    let platform = app.platform();
    let rule =
        platform.set_keeping_rule(&model, asked.keep, asked.held, &asked.reason, &caller.actor()).await?;
    Ok(Json(rule.into()))
}

/// Erases everything about an entity: when it answers, the bytes are in no file of the archive.
#[utoipa::path(post, path = "/api/v1/archive/erase", tag = "predictions", request_body = ErasureBody, responses((status = 200, body = ErasureReportBody)))]
async fn erase_entity(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<ErasureBody>,
) -> Result<Json<ErasureReportBody>, Problem> {
    if asked.entity.is_empty() {
        return Err(Problem::invalid("invalid_body", "the entity has an empty key"));
    }
    let report = app
        .platform()
        .erase_entity(&asked.entity, asked.model.as_deref(), &asked.reason, &caller.actor())
        .await?;
    Ok(Json(report.into()))
}
