//! `logged-models/…`: model folders that runs upload.

use axum::Json;
use axum::extract::{Path, State};
use experiments::query::{model_filter, model_order};
use experiments::{LoggedModel, LoggedModelQuery, LoggedModelStatus, NewLoggedModel};
use registry::{Filter, Test, Version, VersionQuery, Wanted};
use serde_json::{Value, json};

use super::Answer;
use super::asked::{Asked, Fields};
use super::experiments::experiment_numbers;
use super::failure::Failure;
use super::shapes;
use crate::app::App;

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let fields = asked.fields();
    if let Some(name) = asked.text("name")?.filter(|name| name.contains(['/', ':', '.', '%', '"', '\''])) {
        return Err(Failure::invalid(format!(
            "Invalid model name ({}) provided. Model name must be a non-empty string and cannot contain the following \
             characters: ('/', ':', '.', '%', '\"', \"'\")",
            shapes::python_text(name)
        )));
    }
    let new = NewLoggedModel {
        experiment_id: asked.experiment_id()?,
        name: asked.text("name")?.map(str::to_owned),
        // No type is an empty one, which searches can ask for.
        model_type: Some(asked.text("model_type")?.unwrap_or_default().to_owned()),
        source_run_id: asked.text("source_run_id")?.map(str::to_owned),
        params: fields.pairs("params")?,
        tags: fields.pairs("tags")?,
    };
    let now = app.now();
    let model = app
        .db()
        .write(move |tx| Box::pin(async move { experiments::create_logged_model(tx, new, now).await }))
        .await?;
    answer(&app, &model).await
}

pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let model = experiments::get_logged_model(&mut app.db().read().await?, &id).await?;
    answer(&app, &model).await
}

pub(super) async fn finish(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let status = status(&asked.fields())?;
    let message = asked.text("status_message")?.map(str::to_owned);
    let now = app.now();
    let model = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                experiments::finish_logged_model(tx, &id, status, message.as_deref(), now).await
            })
        })
        .await?;
    answer(&app, &model).await
}

/// The status as its name, or as its number in the protocol's definition.
fn status(fields: &Fields<'_>) -> Result<LoggedModelStatus, Failure> {
    if let Ok(Some(number)) = fields.int("status") {
        return match number {
            1 => Ok(LoggedModelStatus::Pending),
            2 => Ok(LoggedModelStatus::Ready),
            3 => Ok(LoggedModelStatus::UploadFailed),
            _ => Err(Failure::wrong_type("status", &Value::from(number))),
        };
    }
    Ok(fields.required("status")?.parse()?)
}

pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let now = app.now();
    app.db()
        .write(move |tx| Box::pin(async move { experiments::delete_logged_model(tx, &id, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn log_params(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let params = asked.fields().pairs("params")?;
    app.db()
        .write(move |tx| {
            Box::pin(async move {
                let known = experiments::get_logged_model(tx, &id).await?.params;
                let changed = params.iter().find(|(key, new)| known.get(key).is_some_and(|old| old != new));
                if let Some((key, new)) = changed {
                    let old = known.get(key).cloned().unwrap_or_default();
                    return Err(Failure::invalid(format!(
                        "Changing param values is not allowed. Param with key='{key}' was already logged with \
                         value='{old}' for model ID='{id}'. Attempted logging new value '{new}'."
                    )));
                }
                Ok(experiments::log_logged_model_params(tx, &id, &params).await?)
            })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn set_tags(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Answer {
    let tags = asked.fields().pairs("tags")?;
    let now = app.now();
    app.db()
        .write(move |tx| {
            Box::pin(async move { experiments::set_logged_model_tags(tx, &id, &tags, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn delete_tag(State(app): State<App>, Path((id, key)): Path<(String, String)>) -> Answer {
    let now = app.now();
    app.db()
        .write(move |tx| {
            Box::pin(async move { experiments::delete_logged_model_tag(tx, &id, &key, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Answer {
    if !asked.fields().is_given("experiment_ids") {
        return Err(Failure::missing_value("experiment_ids"));
    }
    let (mut order, mut order_datasets) = (Vec::new(), Vec::new());
    for term in asked.list("order_by")? {
        // Ascending unless the client says no: the protocol's own default.
        let descending = term.is_given("ascending") && !term.flag("ascending")?;
        let field =
            term.text("field_name")?.ok_or_else(|| Failure::invalid("Invalid order by field name: "))?;
        order.push(model_order(field, descending)?);
        order_datasets.push(dataset_of(&term)?.into_iter().collect());
    }
    let datasets = asked.list("datasets")?;
    let datasets = datasets.iter().map(|dataset| {
        dataset_of(dataset)?
            .ok_or_else(|| Failure::invalid("`dataset_name` in the `datasets` clause must be specified."))
    });
    let query = LoggedModelQuery {
        experiments: experiment_numbers(&asked.texts("experiment_ids")?)?,
        filter: model_filter(asked.text("filter")?.unwrap_or_default())?,
        datasets: datasets.collect::<Result<_, _>>()?,
        order,
        order_datasets,
        limit: asked.max_results(50, 1_000)?,
        token: asked.text("page_token")?.map(str::to_owned),
    };
    let found = experiments::search_logged_models(&mut app.db().read().await?, &query).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for model in &found.items {
        items.push(shapes::logged_model(model, &registrations(&app, model).await?));
    }
    Ok(super::page("models", Value::Array(items), found.next_token))
}

/// A dataset by its name, and its digest if one is given.
fn dataset_of(fields: &Fields<'_>) -> Result<Option<experiments::DatasetOf>, Failure> {
    let digest = fields.text("dataset_digest")?.map(str::to_owned);
    Ok(fields.text("dataset_name")?.map(|name| (name.to_owned(), digest)))
}

async fn answer(app: &App, model: &LoggedModel) -> Answer {
    let registered = registrations(app, model).await?;
    Ok(Json(json!({"model": shapes::logged_model(model, &registered)})))
}

/// The versions that were registered from a logged model.
async fn registrations(app: &App, model: &LoggedModel) -> Result<Vec<Version>, Failure> {
    let query = VersionQuery {
        filter: Filter::Is(Wanted::Source(Test::Equal(format!("models:/{}", model.id)))),
        order: Vec::new(),
        limit: 100,
        token: None,
    };
    Ok(registry::search_versions(&mut app.db().read().await?, &query).await?.items)
}
