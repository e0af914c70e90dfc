//! What Triton's clients ask beside predictions: the repository, statistics and settings.

use ::serving::oip::{Datatype, TensorMetadata};
use ::serving::{Branch, Serving, Variant};
use axum::extract::State;
use governance::{Action, ObjectKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::routes::Deployments;
use crate::app::App;
use crate::extract::{Body, Caller, Json, Path};
use crate::problem::Problem;
use crate::routes::{Routes, may};

pub(super) fn routes() -> Routes {
    let list = may(Action::View, ObjectKind::Deployment);
    let view = list.named_by("name");
    let change = may(Action::Change, ObjectKind::Deployment).named_by("name");
    Routes::new()
        .post("/v2/repository/index", list, post_index)
        .post("/v2/repository/models/{name}/load", change, post_load)
        .post("/v2/repository/models/{name}/unload", change, post_unload)
        .get("/v2/models/stats", list, get_all_statistics)
        .get("/v2/models/{name}/stats", view, get_statistics)
        .get("/v2/models/{name}/versions/{version}/stats", view, get_statistics)
        .get("/v2/models/{name}/config", view, get_config)
        .get("/v2/models/{name}/versions/{version}/config", view, get_config)
}

/// One version in the repository.
#[derive(Debug, Serialize)]
pub(crate) struct Indexed {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// Every deployment with the versions that answer in it. Those of this process are told even if the database is away.
pub(crate) async fn index(app: &App, serving: &Serving, only_ready: bool) -> Vec<Indexed> {
    let mut found = Vec::new();
    let names = serving.names();
    for name in &names {
        let Ok(metadata) = serving.metadata(name, None) else { continue };
        found.extend(metadata.versions.into_iter().map(|version| Indexed {
            name: name.clone(),
            version,
            state: "READY",
            reason: String::new(),
        }));
    }
    if !only_ready && let Ok(stored) = app.platform().deployments().await {
        let away =
            stored.into_iter().map(|view| view.deployment).filter(|known| !names.contains(&known.name));
        found.extend(away.map(|known| Indexed {
            version: known.version.map(|version| version.to_string()).unwrap_or_default(),
            reason: known.message.unwrap_or_else(|| "unloaded".to_owned()),
            name: known.name,
            state: "UNAVAILABLE",
        }));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[derive(Debug, Default, Deserialize)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

async fn post_index(
    State(app): State<App>,
    Deployments(serving): Deployments,
    Body(body): Body,
) -> Result<Json<Vec<Indexed>>, Problem> {
    let request: IndexRequest = if body.is_empty() {
        IndexRequest::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::invalid("invalid_body", format!("the body does not fit: {error}")))?
    };
    Ok(Json(index(&app, &serving, request.ready).await))
}

async fn post_load(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    app.platform().load_deployment(&name, &caller.actor()).await?;
    Ok(Json(json!({})))
}

async fn post_unload(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    app.platform().unload_deployment(&name, "unloaded by a client", &caller.actor()).await?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
struct Asked {
    name: String,
    version: Option<String>,
}

/// The branches of a deployment that answer, or the one of that version.
pub(crate) fn answering(
    serving: &Serving,
    name: &str,
    version: Option<&str>,
) -> Result<Vec<Branch>, ::serving::Error> {
    serving.metadata(name, version)?;
    let branches = serving.describe(name)?.branches.into_iter();
    let answers = |branch: &Branch| matches!(branch.variant, Variant::Primary | Variant::Canary);
    Ok(branches
        .filter(|branch| {
            answers(branch) && version.is_none_or(|version| version == branch.version.to_string())
        })
        .collect())
}

fn statistics_of(name: &str, branch: &Branch) -> Value {
    let sums = &branch.sums;
    let duration = |count: u64, ns: u64| json!({ "count": count, "ns": ns });
    let nothing = duration(sums.engine_calls, 0);
    json!({
        "name": name,
        "version": branch.version.to_string(),
        "last_inference": sums.last_ms,
        "inference_count": sums.rows,
        "execution_count": sums.engine_calls,
        "inference_stats": {
            "success": duration(sums.answered, sums.answered_ns),
            "fail": duration(sums.failed, sums.failed_ns),
            "queue": duration(sums.engine_calls, sums.queue_ns),
            "compute_input": nothing,
            "compute_infer": duration(sums.engine_calls, sums.engine_ns),
            "compute_output": nothing,
            "cache_hit": duration(0, 0),
            "cache_miss": duration(0, 0),
        },
        "batch_stats": [],
    })
}

async fn get_all_statistics(Deployments(serving): Deployments) -> Json<Value> {
    let names = serving.names();
    let all: Vec<Value> = names
        .iter()
        .flat_map(|name| {
            let branches = answering(&serving, name, None).unwrap_or_default();
            branches.iter().map(|branch| statistics_of(name, branch)).collect::<Vec<_>>()
        })
        .collect();
    Json(json!({ "model_stats": all }))
}

async fn get_statistics(
    Deployments(serving): Deployments,
    Path(asked): Path<Asked>,
) -> Result<Json<Value>, Problem> {
    let branches = answering(&serving, &asked.name, asked.version.as_deref())?;
    let all: Vec<Value> = branches.iter().map(|branch| statistics_of(&asked.name, branch)).collect();
    Ok(Json(json!({ "model_stats": all })))
}

/// The name of a type in a model's settings.
pub(crate) fn config_type(datatype: Datatype) -> String {
    let word = if datatype == Datatype::Bytes { "STRING" } else { datatype.word() };
    format!("TYPE_{word}")
}

async fn get_config(
    Deployments(serving): Deployments,
    Path(asked): Path<Asked>,
) -> Result<Json<Value>, Problem> {
    let metadata = serving.metadata(&asked.name, asked.version.as_deref())?;
    let tensors = |tensors: &[TensorMetadata]| {
        let one = |tensor: &TensorMetadata| json!({ "name": tensor.name, "data_type": config_type(tensor.datatype), "dims": tensor.shape });
        tensors.iter().map(one).collect::<Vec<_>>()
    };
    Ok(Json(json!({
        "name": metadata.name,
        "platform": metadata.platform,
        "backend": "gingham",
        // The first dimension of every shape is the rows, so that clients need not add one.
        "max_batch_size": 0,
        "input": tensors(&metadata.inputs),
        "output": tensors(&metadata.outputs),
    })))
}
