//! `runs/…`

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::Timestamp;
use experiments::query::{run_filter, run_order};
use experiments::{
    Batch, DatasetInput, LoggedModelMetric, Metric, ModelLink, NewRun, RunChange, RunQuery, RunStatus,
};
use serde_json::{Value, json};

use super::Answer;
use super::asked::{Asked, Fields};
use super::experiments::{experiment_numbers, or_default, view};
use super::failure::Failure;
use super::{keys, run_json, shapes};
use crate::app::App;

const NAME_TAG: &str = "mlflow.runName";
const USER_TAG: &str = "mlflow.user";
const HISTORY_TAG: &str = "mlflow.log-model.history";
/// The most characters of a run's tag.
const TAG_CHARS: usize = experiments::limits::TAG_CHARS;

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let fields = asked.fields();
    let tags = fields.tags("tags")?;
    let name = asked.text("run_name")?;
    if let (Some(name), Some(tag)) = (name, tags.get(NAME_TAG))
        && name != tag
    {
        return Err(Failure::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values \
             (run_name='{name}', mlflow.runName='{tag}')."
        )));
    }
    let user = asked.text("user_id")?.or(tags.get(USER_TAG).map(String::as_str)).unwrap_or(&asked.name);
    let new = NewRun {
        id: None,
        experiment_id: or_default(asked.text("experiment_id")?)?,
        name: name.map(str::to_owned),
        user: user.to_owned(),
        start_time: fields.time("start_time")?.unwrap_or_else(|| app.now()),
        tags,
    };
    let actor = asked.actor;
    let run = app
        .db()
        .write(move |tx| Box::pin(async move { experiments::create_run(tx, new, &actor).await }))
        .await?;
    let mut shape = shapes::run(&run);
    if let Value::Object(shape) = &mut shape {
        // A run that has just begun has no outputs, and clients are not told of any.
        shape.remove("outputs");
    }
    Ok(Json(json!({"run": shape})))
}

pub(super) async fn get(State(app): State<App>, asked: Asked) -> Answer {
    let run = experiments::get_run(&mut app.db().read().await?, asked.run_id()?).await?;
    Ok(Json(json!({"run": shapes::run(&run)})))
}

pub(super) async fn update(State(app): State<App>, asked: Asked) -> Answer {
    let fields = asked.fields();
    let change = RunChange {
        status: status(&fields)?,
        end_time: fields.time("end_time")?,
        name: asked.text("run_name")?.map(str::to_owned),
    };
    let id = asked.run_id()?.to_owned();
    let actor = asked.actor;
    let run = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                experiments::update_run(tx, &id, change, &actor).await?;
                experiments::get_run(tx, &id).await
            })
        })
        .await?;
    Ok(Json(json!({"run_info": shapes::run_info(&run)})))
}

/// The status as its name, or as its number in the protocol's definition.
fn status(fields: &Fields<'_>) -> Result<Option<RunStatus>, Failure> {
    if let Ok(Some(number)) = fields.int("status") {
        return match number {
            1 => Ok(Some(RunStatus::Running)),
            2 => Ok(Some(RunStatus::Scheduled)),
            3 => Ok(Some(RunStatus::Finished)),
            4 => Ok(Some(RunStatus::Failed)),
            5 => Ok(Some(RunStatus::Killed)),
            _ => Err(Failure::wrong_type("status", &Value::from(number))),
        };
    }
    Ok(fields.text("status")?.map(str::parse).transpose()?)
}

pub(super) async fn delete(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.run_id()?.to_owned();
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| Box::pin(async move { experiments::delete_run(tx, &id, &actor, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn restore(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.run_id()?.to_owned();
    let actor = asked.actor;
    app.db()
        .write(move |tx| Box::pin(async move { experiments::restore_run(tx, &id, &actor).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Result<Response, Failure> {
    let fields = asked.fields();
    let query = RunQuery {
        experiments: experiment_numbers(&asked.texts("experiment_ids")?)?,
        filter: run_filter(asked.text("filter")?.unwrap_or_default())?,
        order: run_order(&asked.texts("order_by")?)?,
        view: view_of(&fields)?,
        limit: asked.max_results(1_000, 50_000)?,
        token: asked.text("page_token")?.map(str::to_owned),
    };
    let found = experiments::search_runs(app.db(), &query).await?;
    run_json::runs(&found.items, found.next_token.as_deref())
}

/// The view as its name, or as its number in the protocol's definition.
fn view_of(fields: &Fields<'_>) -> Result<experiments::View, Failure> {
    match fields.int("run_view_type") {
        Ok(Some(number)) => view(Some(&number.to_string())),
        _ => view(fields.text("run_view_type")?),
    }
}

pub(super) async fn log_metric(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let (metric, model) = measured(&asked.fields(), &run)?;
    let batch = Batch { metrics: vec![metric], ..Batch::default() };
    Ok(log(&app, run, batch, model.into_iter().collect()).await?)
}

/// A point of a metric, and the logged model it belongs to if one is named.
fn measured(
    fields: &Fields<'_>,
    run: &str,
) -> Result<(Metric, Option<(String, LoggedModelMetric)>), Failure> {
    let metric = Metric {
        key: fields.required("key")?.to_owned(),
        value: fields.required_real("value")?,
        time: fields.required_time("timestamp")?,
        step: fields.int("step")?.unwrap_or(0),
    };
    keys::check_metric(fields.place(), &metric.key)?;
    if metric.time < Timestamp::from_millis(0) {
        return Err(Failure::invalid(format!(
            "Invalid value {} for parameter '{}timestamp' supplied: metric '{}' (value={:?}). Timestamp must be a \
             nonnegative long (64-bit integer) ",
            metric.time.as_millis(),
            fields.place(),
            metric.key,
            metric.value
        )));
    }
    let model = match fields.text("model_id")? {
        None => None,
        Some(model) => {
            let of_model = LoggedModelMetric {
                metric: metric.clone(),
                run_id: run.to_owned(),
                dataset_name: fields.text("dataset_name")?.unwrap_or_default().to_owned(),
                dataset_digest: fields.text("dataset_digest")?.unwrap_or_default().to_owned(),
            };
            Some((model.to_owned(), of_model))
        }
    };
    Ok((metric, model))
}

async fn log(
    app: &App,
    run: String,
    batch: Batch,
    of_models: Vec<(String, LoggedModelMetric)>,
) -> Result<Json<Value>, experiments::Error> {
    app.db()
        .write(move |tx| {
            Box::pin(async move {
                experiments::log_batch(tx, &run, batch).await?;
                experiments::log_logged_model_metrics(tx, &run, &of_models).await
            })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn log_parameter(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let key = asked.required("key")?.to_owned();
    keys::check_param("", &key)?;
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    Ok(log(&app, run, Batch { params: vec![(key, value)], ..Batch::default() }, Vec::new()).await?)
}

pub(super) async fn log_batch(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let fields = asked.fields();
    let mut batch =
        Batch { params: fields.pairs("params")?, tags: fields.pairs("tags")?, ..Batch::default() };
    let mut of_models = Vec::new();
    for point in fields.list("metrics")? {
        let (metric, model) = measured(&point, &run)?;
        batch.metrics.push(metric);
        of_models.extend(model);
    }
    let counts = [
        ("metrics", batch.metrics.len(), 1_000),
        ("params", batch.params.len(), 100),
        ("tags", batch.tags.len(), 100),
        ("metrics, params, and tags", batch.metrics.len() + batch.params.len() + batch.tags.len(), 1_000),
    ];
    for (what, count, most) in counts {
        if count > most {
            return Err(Failure::invalid(format!(
                "A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up {what} \
                 across multiple requests and try again."
            )));
        }
    }
    check_keys(&batch)?;
    log(&app, run, batch, of_models).await.map_err(|error| match error {
        experiments::Error::ParamChanged { run, key, old, new } => Failure::invalid(format!(
            "Changing param values is not allowed. Params were already logged='[{{'key': {}, 'old_value': {}, \
             'new_value': {}}}]' for run ID='{run}'.",
            shapes::python_text(&key),
            shapes::python_text(&old),
            shapes::python_text(&new)
        )),
        other => other.into(),
    })
}

/// The rules for params and tags of a batch, each named by its place.
fn check_keys(batch: &Batch) -> Result<(), Failure> {
    for (at, (key, _)) in batch.params.iter().enumerate() {
        keys::check_param(&format!("params[{at}]."), key)?;
    }
    for (at, (key, _)) in batch.tags.iter().enumerate() {
        keys::check_tag(&format!("tags[{at}]."), key)?;
    }
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = batch
        .params
        .iter()
        .filter(|(key, _)| !seen.insert(key.as_str()))
        .map(|(key, _)| shapes::python_text(key))
        .collect();
    if twice.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one param value \
         per param key.",
        twice.join(", ")
    )))
}

pub(super) async fn set_tag(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let key = asked.required("key")?.to_owned();
    keys::check_tag("", &key)?;
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    app.db()
        .write(move |tx| Box::pin(async move { experiments::set_run_tag(tx, &run, &key, &value).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn delete_tag(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let key = asked.required("key")?.to_owned();
    app.db()
        .write(move |tx| Box::pin(async move { experiments::delete_run_tag(tx, &run, &key).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn log_inputs(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let datasets = asked.list("datasets")?.iter().map(dataset_input).collect::<Result<Vec<_>, _>>()?;
    let models = asked.list("models")?.iter().map(model_link).collect::<Result<Vec<_>, _>>()?;
    app.db()
        .write(move |tx| Box::pin(async move { experiments::log_inputs(tx, &run, &datasets, &models).await }))
        .await?;
    Ok(super::nothing())
}

fn dataset_input(fields: &Fields<'_>) -> Result<DatasetInput, Failure> {
    let dataset = fields.object("dataset")?.ok_or_else(|| Failure::missing_value("datasets.dataset"))?;
    keys::check_length("name", dataset.required("name")?, 500)?;
    keys::check_length("digest", dataset.required("digest")?, 36)?;
    let tags = fields.tags("tags")?;
    for (key, value) in &tags {
        keys::check_length("key", key, 255)?;
        keys::check_length("value", value, 500)?;
    }
    Ok(DatasetInput {
        name: dataset.required("name")?.to_owned(),
        digest: dataset.required("digest")?.to_owned(),
        source_type: dataset.required("source_type")?.to_owned(),
        source: dataset.required("source")?.to_owned(),
        schema: dataset.text("schema")?.map(str::to_owned),
        profile: dataset.text("profile")?.map(str::to_owned),
        tags,
    })
}

fn model_link(fields: &Fields<'_>) -> Result<ModelLink, Failure> {
    Ok(ModelLink {
        model_id: fields.required("model_id")?.to_owned(),
        step: fields.int("step")?.unwrap_or(0),
    })
}

pub(super) async fn log_outputs(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    if !asked.fields().is_given("models") {
        return Err(Failure::missing_value("models"));
    }
    let models = asked.list("models")?.iter().map(model_link).collect::<Result<Vec<_>, _>>()?;
    app.db()
        .write(move |tx| Box::pin(async move { experiments::log_outputs(tx, &run, &models).await }))
        .await?;
    Ok(super::nothing())
}

/// Older clients describe the models that a run logged in a tag; the newest descriptions that fit stay.
pub(super) async fn log_model(State(app): State<App>, asked: Asked) -> Answer {
    let run = asked.run_id()?.to_owned();
    let text = asked.required("model_json")?;
    let model: Value = serde_json::from_str(text)
        .map_err(|_| Failure::invalid(format!("Malformed model info. \n {text} \n is not a valid JSON.")))?;
    let missing: Vec<String> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
        .into_iter()
        .filter(|name| model.get(name).is_none())
        .map(|name| format!("'{name}'"))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::invalid(format!(
            "Model json is missing mandatory fields: {{{}}}",
            missing.join(", ")
        )));
    }
    app.db()
        .write(move |tx| {
            Box::pin(async move {
                let before =
                    experiments::get_run(tx, &run).await?.tags.remove(HISTORY_TAG).unwrap_or_default();
                let mut history: Vec<Value> = serde_json::from_str(&before).unwrap_or_default();
                history.push(model);
                let mut text = json!(history).to_string();
                while text.chars().count() > TAG_CHARS && !history.is_empty() {
                    history.remove(0);
                    text = json!(history).to_string();
                }
                experiments::set_run_tag(tx, &run, HISTORY_TAG, &text).await
            })
        })
        .await?;
    Ok(super::nothing())
}
