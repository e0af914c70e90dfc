//! Testing a version, and trying it on real traffic: what is found is kept as verdicts of the version.

use std::time::Duration;

use axum::extract::State;
use base::{Period, Timestamp};
use checks::model::{ModelCheck, Package};
use governance::{Action, ObjectKind};
use platform::{Backtest, BacktestOrder, Explained, Leaning, TestOrder};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::data::VerdictBody;
use crate::extract::{Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

/// A test predicts its rows many times.
const TEST_DEADLINE: Duration = Duration::from_secs(300);

pub(crate) fn routes() -> Routes {
    let run = may(Action::Run, ObjectKind::Model).named_by("model").deadline(TEST_DEADLINE);
    let view = may(Action::View, ObjectKind::Prediction).named_by("prediction").deadline(TEST_DEADLINE);
    Routes::new()
        .documented(run, routes!(test_version))
        .documented(run, routes!(backtest_version))
        .documented(run, routes!(importance_of_version))
        .documented(view, routes!(explain_prediction))
}

/// What a version is tested for, where its `gingham.yaml` does not say it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestVersion {
    /// Checks, as under `model_checks`, instead of those of the `gingham.yaml`.
    #[serde(default)]
    pub checks: Option<Vec<Value>>,
    /// Rows to judge by, `NAME` or `NAME@VERSION` of a dataset, instead of those it was evaluated on.
    #[serde(default)]
    pub dataset: Option<String>,
    /// The column with the truth.
    #[serde(default)]
    pub target: Option<String>,
    /// The column that says when a row happened.
    #[serde(default)]
    pub time: Option<String>,
    /// The packages of its environment as `{name, version, licence}`, for checks of licences.
    #[serde(default)]
    pub packages: Option<Vec<Value>>,
}

impl TestVersion {
    fn order(self) -> Result<TestOrder, Problem> {
        let wrong = |what: &str, error: &serde_json::Error| {
            Problem::invalid("invalid_body", format!("{what}: {error}"))
        };
        let each = |checks: Vec<Value>| {
            checks
                .into_iter()
                .enumerate()
                .map(|(place, check)| {
                    serde_json::from_value::<ModelCheck>(check)
                        .map_err(|error| wrong(&format!("`checks[{place}]`"), &error))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let packages = self.packages.map(|packages| {
            serde_json::from_value::<Vec<Package>>(Value::Array(packages))
                .map_err(|error| wrong("`packages`", &error))
        });
        Ok(TestOrder {
            checks: self.checks.map(each).transpose()?,
            dataset: self.dataset,
            target: self.target,
            time: self.time,
            packages: packages.transpose()?,
        })
    }
}

/// Tests a version now and keeps the verdict as the version's. The checks are the `model_checks` of its `gingham.yaml`
/// and its rules of promotion, or those of the body.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/versions/{version}/test",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    request_body = Option<TestVersion>,
    responses((status = 200, body = VerdictBody))
)]
async fn test_version(
    State(app): State<App>,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
    asked: Option<Json<TestVersion>>,
) -> Result<Json<VerdictBody>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    let order = asked.map_or_else(|| Ok(TestOrder::default()), |Json(asked)| asked.order())?;
    let verdict = app.platform().test_version(&model, found.number, &order, &caller.actor()).await?;
    Ok(Json(VerdictBody::from(verdict)))
}

/// Which traffic a version is tried on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BacktestVersion {
    /// How long before the newest request, as `30d`; 30 days when neither this nor `from` is given.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub last: Option<Period>,
    /// Requests from this moment on.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Requests before this moment.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// The metric; that of the `gingham.yaml`, or `mae`, when not given.
    #[serde(default)]
    pub metric: Option<String>,
}

/// Scores archived requests with a version, joins the labels that have come in, and compares with what was served.
/// The comparison is kept as a verdict of the version, too.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/versions/{version}/backtest",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    request_body = Option<BacktestVersion>,
    responses((status = 200, body = Object))
)]
async fn backtest_version(
    State(app): State<App>,
    caller: Caller,
    Path((model, version)): Path<(String, String)>,
    asked: Option<Json<BacktestVersion>>,
) -> Result<Json<Backtest>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    let asked = asked.map(|Json(asked)| asked).unwrap_or_default();
    let order = BacktestOrder { last: asked.last, from: asked.from, to: asked.to, metric: asked.metric };
    Ok(Json(app.platform().backtest(&model, found.number, &order, &caller.actor()).await?))
}

/// Says how much worse a version gets when one of its inputs is shuffled among the rows it was evaluated on.
#[utoipa::path(
    post,
    path = "/api/v1/models/{model}/versions/{version}/importance",
    tag = "models",
    params(("model" = String, Path), ("version" = String, Path, description = "a number, an alias or `latest`")),
    request_body = Option<TestVersion>,
    responses((status = 200, body = Object))
)]
async fn importance_of_version(
    State(app): State<App>,
    Path((model, version)): Path<(String, String)>,
    asked: Option<Json<TestVersion>>,
) -> Result<Json<Leaning>, Problem> {
    let found = registry::resolve(&mut app.db().read().await?, &model, &version.parse()?).await?;
    let order = asked.map_or_else(|| Ok(TestOrder::default()), |Json(asked)| asked.order())?;
    Ok(Json(app.platform().leaning(&model, found.number, &order).await?))
}

/// Says what each input added to an archived prediction of a model of trees.
#[utoipa::path(
    get,
    path = "/api/v1/predictions/{prediction}/explanation",
    tag = "predictions",
    params(("prediction" = String, Path)),
    responses((status = 200, body = Object))
)]
async fn explain_prediction(
    State(app): State<App>,
    Path(prediction): Path<String>,
) -> Result<Json<Explained>, Problem> {
    let unknown = || Problem::not_found("prediction", "prediction_not_found", &prediction);
    let id: Uuid = prediction.parse().map_err(|_| unknown())?;
    Ok(Json(app.platform().explain(id).await?.ok_or_else(unknown)?))
}
