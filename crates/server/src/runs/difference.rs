//! Why two runs or versions differ.

use axum::extract::State;
use platform::differ::{Area, Cause, Difference, MetricPair, Subject};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::DifferenceQuery;
use crate::app::App;
use crate::extract::{Json, Query};
use crate::problem::Problem;

/// What differs between two things, and what of it matters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceBody {
    /// The first.
    pub left: SubjectBody,
    /// The second.
    pub right: SubjectBody,
    /// The metric that effects are told in.
    pub metric: Option<MetricPairBody>,
    /// What differs in what went in, the greatest effect first, those of unknown effect last.
    pub causes: Vec<CauseBody>,
    /// The metrics of both.
    pub metrics: Vec<MetricPairBody>,
    /// How many things that went in are the same.
    pub same: usize,
    /// How many other runs the effects are estimated from.
    pub runs: usize,
}

/// One of the two.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SubjectBody {
    /// `run` or `version`.
    pub kind: String,
    /// Its id, or `MODEL@NUMBER`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The run behind it.
    pub run: Option<String>,
    /// The experiment of that run.
    pub experiment_id: Option<String>,
}

/// A metric of both; null where it is absent or not a number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricPairBody {
    /// Its name.
    pub key: String,
    /// Of the first.
    pub left: Option<f64>,
    /// Of the second.
    pub right: Option<f64>,
    /// The second less the first.
    pub change: Option<f64>,
}

/// One thing that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CauseBody {
    /// `code`, `data`, `environment` or `params`.
    #[schema(value_type = String)]
    pub area: Area,
    /// What it is.
    pub name: String,
    /// What it was in the first.
    pub left: Option<String>,
    /// What it was in the second.
    pub right: Option<String>,
    /// What going from the first to the second does to the metric; null where it is not known.
    pub effect: Option<EffectBody>,
    /// How the effect was found, or why it is not known.
    pub why: String,
}

/// An estimated effect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EffectBody {
    /// The change of the metric, in its own unit.
    pub change: f64,
    /// Its standard error; null with a single comparison.
    pub error: Option<f64>,
    /// How many runs tell of it.
    pub runs: usize,
}

impl From<Difference> for DifferenceBody {
    fn from(found: Difference) -> Self {
        DifferenceBody {
            left: found.left.into(),
            right: found.right.into(),
            metric: found.metric.map(Into::into),
            causes: found.causes.into_iter().map(Into::into).collect(),
            metrics: found.metrics.into_iter().map(Into::into).collect(),
            same: found.same,
            runs: found.runs,
        }
    }
}

impl From<Subject> for SubjectBody {
    fn from(subject: Subject) -> Self {
        SubjectBody {
            kind: subject.kind,
            id: subject.id,
            name: subject.name,
            run: subject.run,
            experiment_id: subject.experiment.map(|id| id.to_string()),
        }
    }
}

impl From<MetricPair> for MetricPairBody {
    fn from(pair: MetricPair) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        MetricPairBody {
            key: pair.key,
            left: finite(pair.left),
            right: finite(pair.right),
            change: finite(pair.change),
        }
    }
}

impl From<Cause> for CauseBody {
    fn from(cause: Cause) -> Self {
        let effect = cause.effect.map(|effect| EffectBody {
            change: effect.change,
            error: effect.error.filter(|error| error.is_finite()),
            runs: effect.runs,
        });
        CauseBody {
            area: cause.area,
            name: cause.name,
            left: cause.left,
            right: cause.right,
            effect,
            why: cause.why,
        }
    }
}

/// Why two runs, or two versions of models, differ: code, data, environment and params, by their effect on a metric.
#[utoipa::path(get, path = "/api/v1/differences", tag = "runs", params(DifferenceQuery), responses((status = 200, body = DifferenceBody)))]
pub(super) async fn get_difference(
    State(app): State<App>,
    Query(asked): Query<DifferenceQuery>,
) -> Result<Json<DifferenceBody>, Problem> {
    let metric = asked.metric.as_deref().filter(|metric| !metric.is_empty());
    Ok(Json(app.platform().differ(&asked.left, &asked.right, metric).await?.into()))
}
