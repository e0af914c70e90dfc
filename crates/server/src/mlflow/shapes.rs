//! The JSON that MLflow's clients read: whole numbers as numbers, times in milliseconds, fields that are not set left out.

use std::collections::BTreeMap;

use experiments::{Experiment, LoggedModel, Metric, Run};
use registry::{Model, Version};
use serde_json::{Map, Value, json};

use super::run_json::{InfoShape, MetricShape, RunShape};

/// `[{key, value}, …]`
pub(super) fn pairs(pairs: &BTreeMap<String, String>) -> Value {
    pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// A text as Python shows it, which messages of this protocol do.
pub(super) fn python_text(text: &str) -> String {
    let shown = text.replace('\\', "\\\\").replace('\n', "\\n");
    if shown.contains('\'') && !shown.contains('"') {
        format!("\"{shown}\"")
    } else {
        format!("'{}'", shown.replace('\'', "\\'"))
    }
}

/// What Python calls the type of a value that came as JSON.
pub(super) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// What a model is called in its project, which is all that clients know.
pub(super) fn plain(model: &str) -> &str {
    registry::project_and_name(model).1
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value.into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

pub(super) fn experiment(experiment: &Experiment) -> Value {
    let mut shape = object(json!({
        "experiment_id": experiment.id.to_string(),
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle.word(),
        "creation_time": experiment.created_at.as_millis(),
        "last_update_time": experiment.updated_at.as_millis(),
    }));
    put(&mut shape, "tags", (!experiment.tags.is_empty()).then(|| pairs(&experiment.tags)));
    Value::Object(shape)
}

pub(super) fn run_info(run: &Run) -> Value {
    tree(InfoShape(run))
}

pub(super) fn metric(metric: &Metric) -> Value {
    tree(MetricShape(metric))
}

pub(super) fn run(run: &Run) -> Value {
    tree(RunShape(run))
}

/// What would be written, as a tree of values.
fn tree(shape: impl serde::Serialize) -> Value {
    // Texts, numbers and lists only: there is nothing in a shape that cannot be JSON.
    serde_json::to_value(shape).unwrap_or_default()
}

fn some_list(items: impl Iterator<Item = Value>) -> Option<Value> {
    let items: Vec<Value> = items.collect();
    (!items.is_empty()).then_some(Value::Array(items))
}

pub(super) fn logged_model(model: &LoggedModel, registrations: &[Version]) -> Value {
    let mut info = object(json!({
        "model_id": model.id,
        "experiment_id": model.experiment_id.to_string(),
        "name": model.name,
        "creation_timestamp_ms": model.created_at.as_millis(),
        "last_updated_timestamp_ms": model.updated_at.as_millis(),
        "artifact_uri": model.artifact_uri,
        "status": model.status.word(),
        "model_type": model.model_type.clone().unwrap_or_default(),
        "source_run_id": model.source_run_id.clone().unwrap_or_default(),
    }));
    put(&mut info, "status_message", model.status_message.clone());
    put(&mut info, "tags", (!model.tags.is_empty()).then(|| pairs(&model.tags)));
    let registered = registrations
        .iter()
        .map(|version| json!({"name": plain(&version.model), "version": version.number.to_string()}));
    put(&mut info, "registrations", some_list(registered));
    let mut data = Map::new();
    put(&mut data, "params", (!model.params.is_empty()).then(|| pairs(&model.params)));
    let metrics = model.metrics.iter().map(|measured| {
        let mut shape = object(metric(&measured.metric));
        put(&mut shape, "model_id", Some(model.id.clone()));
        put(&mut shape, "run_id", Some(measured.run_id.clone()));
        put(&mut shape, "dataset_name", Some(measured.dataset_name.clone()).filter(|name| !name.is_empty()));
        put(
            &mut shape,
            "dataset_digest",
            Some(measured.dataset_digest.clone()).filter(|text| !text.is_empty()),
        );
        Value::Object(shape)
    });
    put(&mut data, "metrics", some_list(metrics));
    json!({"info": info, "data": data})
}

pub(super) fn version(version: &Version) -> Value {
    let mut shape = object(json!({
        "name": plain(&version.model),
        "version": version.number.to_string(),
        "creation_timestamp": version.created_at.as_millis(),
        "last_updated_timestamp": version.updated_at.as_millis(),
        "user_id": version.actor,
        "current_stage": version.stage.word(),
        "description": version.description,
        "source": version.source,
        "run_id": version.source_run.clone().unwrap_or_default(),
        "status": version.status,
        "run_link": version.run_link.clone().unwrap_or_default(),
    }));
    put(&mut shape, "status_message", Some(version.status_message.clone()).filter(|text| !text.is_empty()));
    put(&mut shape, "model_id", version.logged_model.clone());
    put(&mut shape, "tags", (!version.tags.is_empty()).then(|| pairs(&version.tags)));
    put(&mut shape, "aliases", some_list(version.aliases.iter().map(|alias| Value::from(alias.as_str()))));
    Value::Object(shape)
}

pub(super) fn model(model: &Model, latest: &[Version]) -> Value {
    let mut shape = object(json!({
        "name": plain(&model.name),
        "creation_timestamp": model.created_at.as_millis(),
        "last_updated_timestamp": model.updated_at.as_millis(),
    }));
    put(&mut shape, "description", Some(model.description.clone()).filter(|text| !text.is_empty()));
    put(&mut shape, "user_id", Some(model.owner.clone()).filter(|text| !text.is_empty()));
    put(&mut shape, "tags", (!model.tags.is_empty()).then(|| pairs(&model.tags)));
    // Aliases are told of once, with the model.
    let latest = latest.iter().map(|one| {
        let mut shape = object(version(one));
        shape.remove("aliases");
        Value::Object(shape)
    });
    put(&mut shape, "latest_versions", some_list(latest));
    let aliases =
        model.aliases.iter().map(|alias| json!({"alias": alias.alias, "version": alias.version.to_string()}));
    put(&mut shape, "aliases", some_list(aliases));
    Value::Object(shape)
}
