//! JSON shapes of deployments.

use base::Timestamp;
use platform::DeploymentView;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A named endpoint and what stands behind it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeploymentBody {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// The model.
    pub model: String,
    /// The alias that it follows; null when it is pinned to a version.
    pub alias: Option<String>,
    /// The version that answers.
    pub version: Option<i64>,
    /// The version that answered before.
    pub previous_version: Option<i64>,
    /// Whether it answers.
    pub state: Value,
    /// Why it does not, if it does not.
    pub message: Option<String>,
    /// Since when this version answers, or since when it is in this state.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Requests since the server started.
    pub requests_total: u64,
    /// Rows answered since the server started.
    pub rows_total: u64,
    /// Requests that failed since the server started.
    pub errors_total: u64,
    /// How long answers took.
    pub latency_ms: LatencyBody,
    /// Where it is asked, by the Open Inference Protocol.
    pub endpoint: String,
    /// What it takes and gives.
    pub signature: Option<Value>,
    /// Where the version that answers is computed; null while none does.
    pub computed_by: Option<PlaceBody>,
    /// Which versions answered, newest first; lists leave it out.
    pub history: Vec<AnsweredBody>,
}

/// Where a version is computed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlaceBody {
    /// The engine: `gingham`, `onnxruntime` or `python`.
    pub engine: String,
    /// What computes: `cpu` or `cuda`.
    pub provider: String,
    /// On which device, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The release of the engine.
    pub release: String,
}

/// How long answers took, in milliseconds; null before the first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LatencyBody {
    /// Half of the requests took no longer.
    pub p50: Option<f64>,
    /// 95 of 100 took no longer.
    pub p95: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99: Option<f64>,
}

/// A version that answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnsweredBody {
    /// The version.
    pub version: i64,
    /// From when on it answered.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why it came.
    pub reason: String,
    /// Who brought it.
    pub actor: String,
}

/// All deployments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeploymentPage {
    /// The deployments, by name.
    pub items: Vec<DeploymentBody>,
}

impl From<DeploymentView> for DeploymentBody {
    fn from(view: DeploymentView) -> Self {
        let deployment = view.deployment;
        let answered = |answered: serving::store::Answered| AnsweredBody {
            version: answered.version,
            at: answered.at,
            reason: answered.reason,
            actor: answered.actor.as_str().to_owned(),
        };
        DeploymentBody {
            name: deployment.name,
            project: deployment.project,
            model: deployment.model,
            alias: deployment.alias,
            version: deployment.version,
            previous_version: deployment.previous_version,
            state: json!(deployment.state),
            message: deployment.message,
            since: deployment.since,
            requests_total: view.requests_total,
            rows_total: view.rows_total,
            errors_total: view.errors_total,
            latency_ms: LatencyBody {
                p50: view.latency_ms.p50,
                p95: view.latency_ms.p95,
                p99: view.latency_ms.p99,
            },
            endpoint: view.endpoint,
            signature: view.signature,
            computed_by: view.place.map(|place| PlaceBody {
                engine: place.engine,
                provider: place.provider,
                device: place.device,
                release: place.release,
            }),
            history: view.history.into_iter().map(answered).collect(),
        }
    }
}
