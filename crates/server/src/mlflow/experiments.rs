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
use super::{keys, shapes};
use crate::app::App;

/// Experiments whose datasets one request may ask for.
const MOST_SEARCHED: usize = 20;

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?;
    keys::check_length("name", name, experiments::limits::EXPERIMENT_NAME_CHARS)?;
    if asked.text("artifact_location")?.is_some_and(|location| location.contains('#')) {
        return Err(Failure::invalid("'artifact_location' URL can't include fragments or params."));
    }
    let new = NewExperiment {
        name: name.to_owned(),
        artifact_location: asked.text("artifact_location")?.map(str::to_owned),
        tags: asked.fields().tags("tags")?,
        project: Some(asked.project.name().to_owned()),
        artifact_root: asked.project.artifact_root().map(str::to_owned),
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
    let found =
        experiments::find_experiment_in(&mut app.db().read().await?, asked.project.name(), name).await?;
    let experiment =
        found.ok_or_else(|| Failure::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(Json(json!({"experiment": shapes::experiment(&experiment)})))
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Answer {
    if let Some(asked) = asked.fields().int("max_results")?.filter(|asked| *asked > 50_000) {
        return Err(Failure::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied. It must be at most 50000"
        )));
    }
    let query = ExperimentQuery {
        project: Some(asked.project.name().to_owned()),
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
    let name = asked.required("new_name")?.to_owned();
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
        .await
        .map_err(in_this_state)?;
    Ok(super::nothing())
}

pub(super) async fn restore(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| Box::pin(async move { experiments::restore_experiment(tx, id, &actor, now).await }))
        .await
        .map_err(in_this_state)?;
    Ok(super::nothing())
}

/// Deleting and restoring look only among experiments that can be: the others are not there.
fn in_this_state(error: experiments::Error) -> Failure {
    match error {
        experiments::Error::ExperimentDeleted { experiment }
        | experiments::Error::ExperimentActive { experiment } => {
            Failure::missing(format!("No Experiment with id={experiment} exists"))
        }
        other => other.into(),
    }
}

pub(super) async fn set_tag(State(app): State<App>, asked: Asked) -> Answer {
    let id = asked.experiment_id()?;
    let key = asked.required("key")?.to_owned();
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    keys::check_tag_and_value(&key, &value, experiments::limits::EXPERIMENT_TAG_CHARS)?;
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
    let ids = asked.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(Failure::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if ids.len() > MOST_SEARCHED {
        return Err(Failure::invalid(format!(
            "SearchDatasets request cannot specify more than {MOST_SEARCHED} experiment_ids. Received {} experiment_ids.",
            ids.len()
        )));
    }
    let ids = experiment_numbers(&ids)?;
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
    Ok(super::page("dataset_summaries", items, None))
}

/// The numbers of several experiments.
pub(super) fn experiment_numbers(ids: &[String]) -> Result<Vec<i64>, Failure> {
    ids.iter().map(|id| experiment_number(id)).collect()
}

/// The experiment that a run or model goes to when none is said.
pub(super) fn or_default(id: Option<&str>) -> Result<i64, Failure> {
    id.map_or(Ok(0), experiment_number)
}
