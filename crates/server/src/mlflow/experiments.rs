//! `experiments/…`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use experiments::query::{experiment_filter, experiment_order};
use experiments::{ExperimentQuery, NewExperiment, View};
use serde_json::{Value, json};

use super::Answer;
use super::asked::{Asked, experiment_number};
use super::failure::Failure;
use super::shapes;
use crate::app::App;

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let new = NewExperiment {
        name: asked.required("name")?.to_owned(),
        artifact_location: asked.text("artifact_location")?.map(str::to_owned),
        tags: asked.fields().tags("tags")?,
    };
    let (actor, now) = (asked.actor, app.now());
    let made = app
        .db()
        .write(move |tx| Box::pin(async move { experiments::create_experiment(tx, &new, &actor, now).await }))
        .await?;
    Ok(Json(json!({"experiment_id": made.id.to_string()})))
}

pub(super) async fn get(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let experiment = experiments::get_experiment(&mut app.db().read().await?, id).await?;
    Ok(Json(json!({"experiment": shapes::experiment(&experiment)})))
}

pub(super) async fn get_by_name(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("experiment_name")?;
    let found = experiments::find_experiment(&mut app.db().read().await?, name).await?;
    let experiment =
        found.ok_or_else(|| Failure::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(Json(json!({"experiment": shapes::experiment(&experiment)})))
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Answer {
    let query = ExperimentQuery {
        filter: experiment_filter(asked.text("filter")?.unwrap_or_default())?,
        order: experiment_order(&asked.texts("order_by")?)?,
        view: view(asked.text("view_type")?)?,
        limit: asked.max_results(1_000, 50_000)?,
        token: asked.text("page_token")?.map(str::to_owned),
    };
    let found = experiments::search_experiments(&mut app.db().read().await?, &query).await?;
    let items: Value = found.items.iter().map(shapes::experiment).collect();
    Ok(super::page("experiments", items, found.next_token))
}

/// Which of active and deleted things a search looks at.
pub(super) fn view(word: Option<&str>) -> Result<View, Failure> {
    match word {
        None | Some("ACTIVE_ONLY" | "1") => Ok(View::Active),
        Some("DELETED_ONLY" | "2") => Ok(View::Deleted),
        Some("ALL" | "3") => Ok(View::All),
        Some(other) => Err(Failure::invalid_value(
            "view_type",
            &Value::from(other),
            "Expected ACTIVE_ONLY, DELETED_ONLY or ALL.",
        )),
    }
}

pub(super) async fn update(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let Some(name) = asked.text("new_name")?.map(str::to_owned) else { return Ok(super::nothing()) };
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(async move { experiments::rename_experiment(tx, id, &name, &actor, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn delete(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| Box::pin(async move { experiments::delete_experiment(tx, id, &actor, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn restore(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| Box::pin(async move { experiments::restore_experiment(tx, id, &actor, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn set_tag(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let key = asked.required("key")?.to_owned();
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    let now = app.now();
    app.db()
        .write(move |tx| {
            Box::pin(async move { experiments::set_experiment_tag(tx, id, &key, &value, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn delete_tag(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let key = asked.required("key")?.to_owned();
    let now = app.now();
    app.db()
        .write(move |tx| Box::pin(async move { experiments::delete_experiment_tag(tx, id, &key, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn search_datasets(State(app): State<App>, asked: Asked) -> Answer {
    let ids = experiment_numbers(&asked.texts("experiment_ids")?)?;
    let found = experiments::search_datasets(&mut app.db().read().await?, &ids).await?;
    let items: Value = found
        .iter()
        .map(|dataset| {
            let mut shape = BTreeMap::from([
                ("experiment_id", dataset.experiment_id.to_string()),
                ("name", dataset.name.clone()),
                ("digest", dataset.digest.clone()),
            ]);
            shape.extend(dataset.context.clone().map(|context| ("context", context)));
            json!(shape)
        })
        .collect();
    Ok(Json(json!({"dataset_summaries": items})))
}

/// The numbers of several experiments.
pub(super) fn experiment_numbers(ids: &[String]) -> Result<Vec<i64>, Failure> {
    ids.iter().map(|id| experiment_number(id)).collect()
}

/// The experiment that a run or model goes to when none is said.
pub(super) fn or_default(id: Option<&str>) -> Result<i64, Failure> {
    id.map_or(Ok(0), experiment_number)
}
