//! MLflow's REST API, for the unmodified client: tracking, registry, logged models and the artifact proxy.
//!
//! Every path exists below `/api/2.0/mlflow` and, for pages, below `/ajax-api/2.0/mlflow`. Runs, experiments and
//! versions are those of the rest of the platform; nothing is kept twice.

mod asked;
mod experiments;
mod failure;
mod files;
mod keys;
mod logged_models;
mod metrics;
mod models;
mod registry_filter;
mod run_json;
mod runs;
pub(crate) mod scope;
mod shapes;
#[cfg(test)]
mod surface_tests;
#[cfg(test)]
mod tests;
mod uploads;
mod versions;
mod webhooks;
mod workspaces;

use std::time::Duration;

use axum::Json;
use axum::handler::Handler;
use governance::{Action, ObjectKind};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::routes::{Routes, Rule, may};

pub(crate) use failure::render_problem;
pub(crate) use files::ROOT as ARTIFACT_ROOT;

/// The version of MLflow whose server this one answers like.
const ANSWERS_LIKE: &str = "3.12.0";
/// How long an upload or download of one file may take.
const TRANSFER_DEADLINE: Duration = Duration::from_secs(4 * 3_600);
/// How long an alias may take to move: a version that only Python runs has an environment made for it first.
const SWITCH_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// The largest file, in bytes.
const FILE_LIMIT_BYTES: usize = 1 << 40;
/// The largest body of a request that logs, in bytes: the longest keys and values that a batch may hold, escaped.
const LOG_LIMIT_BYTES: usize = 16 * 1_024 * 1_024;
/// The largest body that names datasets, whose profiles may be long, in bytes.
const INPUTS_LIMIT_BYTES: usize = 64 * 1_024 * 1_024;

/// Beginnings of paths that are MLflow's, those included that only newer or other servers of its kind answer to.
const PATHS: &[&str] = &[
    "/api/2.0/",
    "/api/2.0mlflow/",
    "/api/3.0/",
    "/ajax-api/",
    "/gateway/",
    "/get-artifact",
    "/graphql",
    "/model-versions/get-artifact",
    "/v1/traces",
];

/// Whether a path belongs to this protocol, whether or not there is a route for it.
pub(crate) fn speaks(path: &str) -> bool {
    PATHS.iter().any(|beginning| path.starts_with(beginning))
}

type Answer = Result<Json<Value>, failure::Failure>;

/// The answer of a request that changes something and tells nothing.
fn nothing() -> Json<Value> {
    Json(json!({}))
}

/// A list under its name, and the token of the next page if there is one.
fn page(name: &str, items: Value, next_token: Option<String>) -> Json<Value> {
    let mut shape = Map::new();
    if items.as_array().is_some_and(|items| !items.is_empty()) {
        shape.insert(name.to_owned(), items);
    }
    if let Some(token) = next_token {
        shape.insert("next_page_token".to_owned(), token.into());
    }
    Json(Value::Object(shape))
}

/// Routes that exist below both prefixes.
struct Both(Routes);

impl Both {
    fn get<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        let routes = self.0.get(&format!("/api/2.0/mlflow/{path}"), rule, handler.clone());
        Self(routes.get(&format!("/ajax-api/2.0/mlflow/{path}"), rule, handler))
    }

    fn post<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        let routes = self.0.post(&format!("/api/2.0/mlflow/{path}"), rule, handler.clone());
        Self(routes.post(&format!("/ajax-api/2.0/mlflow/{path}"), rule, handler))
    }

    fn patch<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        let routes = self.0.patch(&format!("/api/2.0/mlflow/{path}"), rule, handler.clone());
        Self(routes.patch(&format!("/ajax-api/2.0/mlflow/{path}"), rule, handler))
    }

    fn delete<H: Handler<T, App>, T: 'static>(self, path: &str, rule: Rule, handler: H) -> Self {
        let routes = self.0.delete(&format!("/api/2.0/mlflow/{path}"), rule, handler.clone());
        Self(routes.delete(&format!("/ajax-api/2.0/mlflow/{path}"), rule, handler))
    }
}

/// The routes of this protocol, each with its rule.
pub(crate) fn routes() -> Routes {
    let both = tracking(Both(Routes::new()));
    let both = with_logged_models(both);
    let both = with_registry(both);
    let both = with_webhooks(both);
    files_and_server(both.0)
}

fn tracking(both: Both) -> Both {
    let experiment = |action| may(action, ObjectKind::Experiment);
    let run = |action| may(action, ObjectKind::Run);
    let log = may(Action::Change, ObjectKind::Run).body_limit_bytes(LOG_LIMIT_BYTES);
    both.post("experiments/create", experiment(Action::Create), experiments::create)
        .get("experiments/get", experiment(Action::View), experiments::get)
        .get("experiments/get-by-name", experiment(Action::View), experiments::get_by_name)
        .get("experiments/search", experiment(Action::View), experiments::search)
        .post("experiments/search", experiment(Action::View), experiments::search)
        .post("experiments/update", experiment(Action::Change), experiments::update)
        .post("experiments/delete", experiment(Action::Delete), experiments::delete)
        .post("experiments/restore", experiment(Action::Delete), experiments::restore)
        .post("experiments/set-experiment-tag", experiment(Action::Change), experiments::set_tag)
        .post("experiments/delete-experiment-tag", experiment(Action::Change), experiments::delete_tag)
        .post("experiments/search-datasets", experiment(Action::View), experiments::search_datasets)
        .post("runs/create", run(Action::Create), runs::create)
        .get("runs/get", run(Action::View), runs::get)
        .post("runs/update", run(Action::Change), runs::update)
        .post("runs/delete", run(Action::Delete), runs::delete)
        .post("runs/restore", run(Action::Delete), runs::restore)
        .post("runs/search", run(Action::View), runs::search)
        .post("runs/log-metric", log, runs::log_metric)
        .post("runs/log-parameter", log, runs::log_parameter)
        .post("runs/log-batch", log, runs::log_batch)
        .post("runs/set-tag", log, runs::set_tag)
        .post("runs/delete-tag", log, runs::delete_tag)
        .post("runs/log-model", log, runs::log_model)
        .post("runs/log-inputs", log.body_limit_bytes(INPUTS_LIMIT_BYTES), runs::log_inputs)
        .post("runs/outputs", log, runs::log_outputs)
        .get("metrics/get-history", run(Action::View), metrics::get_history)
        .get("metrics/get-history-bulk-interval", run(Action::View), metrics::get_history_bulk_interval)
        .get("metrics/get-history-bulk", run(Action::View), metrics::get_history_bulk)
}

fn with_logged_models(both: Both) -> Both {
    let run = |action| may(action, ObjectKind::Run);
    let view = may(Action::View, ObjectKind::Artifact);
    both.post("logged-models", run(Action::Create), logged_models::create)
        .post("logged-models/search", run(Action::View), logged_models::search)
        .get("logged-models/{model_id}", run(Action::View), logged_models::get)
        .patch("logged-models/{model_id}", run(Action::Change), logged_models::finish)
        .delete("logged-models/{model_id}", run(Action::Delete), logged_models::delete)
        .post("logged-models/{model_id}/params", run(Action::Change), logged_models::log_params)
        .patch("logged-models/{model_id}/tags", run(Action::Change), logged_models::set_tags)
        .delete("logged-models/{model_id}/tags/{key}", run(Action::Change), logged_models::delete_tag)
        .get("logged-models/{model_id}/artifacts/directories", view, files::list_of_model)
        .get(
            "logged-models/{model_id}/artifacts/files",
            view.deadline(TRANSFER_DEADLINE),
            files::get_of_model,
        )
        .get("artifacts/list", view, files::list_of_run)
}

fn with_registry(both: Both) -> Both {
    let model = |action| may(action, ObjectKind::Model);
    both.post("registered-models/create", model(Action::Create), models::create)
        .get("registered-models/get", model(Action::View), models::get)
        .post("registered-models/rename", model(Action::Change), models::rename)
        .patch("registered-models/update", model(Action::Change), models::update)
        .delete("registered-models/delete", model(Action::Delete), models::delete)
        .get("registered-models/search", model(Action::View), models::search)
        .get("registered-models/get-latest-versions", model(Action::View), models::get_latest_versions)
        .post("registered-models/get-latest-versions", model(Action::View), models::get_latest_versions)
        .post("registered-models/set-tag", model(Action::Change), models::set_tag)
        .delete("registered-models/delete-tag", model(Action::Change), models::delete_tag)
        .post("registered-models/alias", model(Action::Promote).deadline(SWITCH_DEADLINE), models::set_alias)
        .delete("registered-models/alias", model(Action::Promote), models::delete_alias)
        .get("registered-models/alias", model(Action::View), models::get_by_alias)
        .post("model-versions/create", model(Action::Create), versions::create)
        .get("model-versions/get", model(Action::View), versions::get)
        .get("model-versions/get-download-uri", model(Action::View), versions::get_download_uri)
        .patch("model-versions/update", model(Action::Change), versions::update)
        .post("model-versions/transition-stage", model(Action::Promote), versions::transition_stage)
        .delete("model-versions/delete", model(Action::Delete), versions::delete)
        .get("model-versions/search", model(Action::View), versions::search)
        .post("model-versions/set-tag", model(Action::Change), versions::set_tag)
        .delete("model-versions/delete-tag", model(Action::Change), versions::delete_tag)
}

fn with_webhooks(both: Both) -> Both {
    let hook = |action| may(action, ObjectKind::Webhook);
    both.get("webhooks", hook(Action::View), webhooks::list)
        .post("webhooks", hook(Action::Create), webhooks::create)
        .get("webhooks/{webhook_id}", hook(Action::View), webhooks::get)
        .patch("webhooks/{webhook_id}", hook(Action::Change), webhooks::update)
        .delete("webhooks/{webhook_id}", hook(Action::Delete), webhooks::delete)
        .post("webhooks/{webhook_id}/test", hook(Action::Change), webhooks::test)
}

fn files_and_server(mut routes: Routes) -> Routes {
    let file = |action| may(action, ObjectKind::Artifact).deadline(TRANSFER_DEADLINE);
    let server = may(Action::View, ObjectKind::Server);
    for prefix in ["/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts"] {
        let one = format!("{prefix}/artifacts/{{*path}}");
        routes = routes
            .get(&format!("{prefix}/artifacts"), file(Action::View), files::proxy_list)
            .get(&one, file(Action::View), files::proxy_get)
            .put(&one, file(Action::Create).body_limit_bytes(FILE_LIMIT_BYTES), files::proxy_put)
            .delete(&one, file(Action::Delete), files::proxy_delete);
        routes = in_parts(routes, prefix);
    }
    for prefix in ["/api/3.0/mlflow", "/ajax-api/3.0/mlflow"] {
        let project = |action| may(action, ObjectKind::Project);
        let (all, one) = (format!("{prefix}/workspaces"), format!("{prefix}/workspaces/{{workspace}}"));
        routes = routes
            .get(&format!("{prefix}/server-info"), server, server_info)
            .get(&all, project(Action::View), workspaces::list)
            .post(&all, project(Action::Create), workspaces::create)
            .get(&one, project(Action::View).named_by("workspace"), workspaces::get)
            .patch(&one, project(Action::Change).named_by("workspace"), workspaces::update)
            .delete(&one, project(Action::Delete).named_by("workspace"), workspaces::delete);
    }
    // MLflow's own route lacks a slash here, and its clients' generated paths with it.
    for path in ["/api/2.0mlflow", "/ajax-api/2.0mlflow"] {
        routes = routes.post(
            &format!("{path}/experiments/search-datasets"),
            may(Action::View, ObjectKind::Experiment),
            experiments::search_datasets,
        );
    }
    routes
        .post(
            "/ajax-api/2.0/mlflow/upload-artifact",
            file(Action::Create).body_limit_bytes(4 * uploads::LIMIT_BYTES),
            uploads::of_run,
        )
        .get("/get-artifact", file(Action::View), files::get_of_run)
        .get("/model-versions/get-artifact", file(Action::View), versions::get_artifact)
        .get("/version", server, version)
}

/// Uploads and downloads in parts.
fn in_parts(routes: Routes, prefix: &str) -> Routes {
    let file = |action| may(action, ObjectKind::Artifact).deadline(TRANSFER_DEADLINE);
    let part = file(Action::Create).body_limit_bytes(FILE_LIMIT_BYTES);
    let tracking = prefix.replace("mlflow-artifacts", "mlflow");
    routes
        .post(&format!("{prefix}/mpu/create/{{*path}}"), file(Action::Create), files::multipart::create)
        .post(&format!("{prefix}/mpu/complete/{{*path}}"), file(Action::Create), files::multipart::complete)
        .post(&format!("{prefix}/mpu/abort/{{*path}}"), file(Action::Create), files::multipart::abort)
        .put(&format!("{prefix}/mpu/part/{{upload}}/{{part}}"), part, files::multipart::put_part)
        .get(&format!("{prefix}/presigned/{{*path}}"), file(Action::View), files::multipart::presigned)
        .post(
            &format!("{tracking}/artifacts/presigned-upload-url"),
            file(Action::Create),
            files::multipart::presigned_upload,
        )
}

/// Clients look here to see what the server can do.
async fn version() -> &'static str {
    ANSWERS_LIKE
}

async fn server_info() -> Json<Value> {
    Json(json!({"store_type": "SqlStore", "workspaces_enabled": true}))
}
