//! `registered-models/…`

use axum::Json;
use axum::extract::State;
use registry::{AliasChange, Expected, Model, ModelChange, ModelQuery, NewModel, Pointer, Stage, Version};
use serde_json::{Value, json};

use super::Answer;
use super::asked::Asked;
use super::failure::Failure;
use super::{keys, registry_filter, shapes};
use crate::app::App;

/// The most characters of the value of a model's or version's tag.
const TAG_CHARS: usize = 100_000;
/// The most characters of an alias.
const ALIAS_CHARS: usize = 255;

pub(super) async fn create(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?;
    check_model_name("name", shapes::plain(name))?;
    let tags = asked.fields().tags("tags")?;
    for (key, value) in &tags {
        check_tag(key, value)?;
    }
    let new = NewModel {
        name: name.to_owned(),
        description: asked.text("description")?.unwrap_or_default().to_owned(),
        owner: asked.name.clone(),
        tags,
    };
    let (actor, now) = (asked.actor, app.now());
    let model = app
        .db()
        .write(move |tx| Box::pin(async move { registry::create_model(tx, &new, &actor, now).await }))
        .await?;
    answer(&app, &model).await
}

pub(super) async fn get(State(app): State<App>, asked: Asked) -> Answer {
    let model = registry::get_model(&mut app.db().read().await?, asked.required("name")?).await?;
    answer(&app, &model).await
}

pub(super) async fn rename(State(app): State<App>, asked: Asked) -> Answer {
    asked.required("name")?;
    let name = asked.required("new_name")?;
    check_model_name("new_name", shapes::plain(name))?;
    app.platform().may_rename(asked.required("name")?).await.map_err(crate::problem::Problem::from)?;
    let change = ModelChange { name: Some(name.to_owned()), ..ModelChange::default() };
    change_model(app, asked, change).await
}

pub(super) async fn update(State(app): State<App>, asked: Asked) -> Answer {
    let description = asked.fields().text_as_given("description")?.map(str::to_owned);
    change_model(app, asked, ModelChange { description, ..ModelChange::default() }).await
}

async fn change_model(app: App, asked: Asked, change: ModelChange) -> Answer {
    let name = asked.required("name")?.to_owned();
    let (actor, now) = (asked.actor, app.now());
    let model = app
        .db()
        .write(move |tx| {
            Box::pin(async move { registry::update_model(tx, &name, &change, &actor, now).await })
        })
        .await?;
    answer(&app, &model).await
}

pub(super) async fn delete(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?.to_owned();
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| Box::pin(async move { registry::delete_model(tx, &name, &actor, now).await }))
        .await?;
    Ok(super::nothing())
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Answer {
    let query = ModelQuery {
        filter: registry_filter::models(asked.text("filter")?.unwrap_or_default())?
            .within(asked.project.name()),
        order: registry_filter::order(&asked.texts("order_by")?)?,
        limit: asked.max_results(100, 1_000)?,
        token: asked.text("page_token")?.map(str::to_owned),
    };
    let found = registry::search_models(&mut app.db().read().await?, &query).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for model in &found.items {
        items.push(shapes::model(model, &latest(&app, model).await?));
    }
    Ok(super::page("registered_models", Value::Array(items), found.next_token))
}

pub(super) async fn get_latest_versions(State(app): State<App>, asked: Asked) -> Answer {
    let stages = match asked.texts("stages")? {
        words if words.is_empty() => Stage::ALL.to_vec(),
        words => words.iter().map(|word| stage(word)).collect::<Result<Vec<Stage>, _>>()?,
    };
    let name = asked.required("name")?;
    let latest = registry::latest_of_stages(&mut app.db().read().await?, name, &stages).await?;
    let items: Value = latest.iter().map(shapes::version).collect();
    Ok(Json(json!({"model_versions": items})))
}

pub(super) async fn set_tag(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?.to_owned();
    let key = asked.required("key")?.to_owned();
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    check_tag(&key, &value)?;
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(async move { registry::set_model_tag(tx, &name, &key, &value, &actor, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn delete_tag(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?.to_owned();
    let key = asked.required("key")?.to_owned();
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(async move { registry::delete_model_tag(tx, &name, &key, &actor, now).await })
        })
        .await?;
    Ok(super::nothing())
}

pub(super) async fn set_alias(State(app): State<App>, asked: Asked) -> Answer {
    let (name, alias) = (asked.required("name")?, asked.required("alias")?);
    check_alias(alias)?;
    let version = version_number(&asked)?;
    let of = (name.to_owned(), version);
    let change = AliasChange {
        model: name.to_owned(),
        alias: alias.to_owned(),
        version,
        expected: Expected::Anything,
        reason: "set through MLflow's API".to_owned(),
    };
    match app.platform().promote(change, &asked.actor).await {
        Ok(_) => Ok(super::nothing()),
        Err(platform::Error::Registry(error)) => Err(of_version(error, &of.0, of.1)),
        Err(other) => Err(crate::problem::Problem::from(other).into()),
    }
}

pub(super) async fn delete_alias(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?.to_owned();
    let alias = asked.required("alias")?.to_owned();
    match app.platform().remove_alias(&name, &alias, "removed through MLflow's API", &asked.actor).await {
        Ok(_) => Ok(super::nothing()),
        Err(platform::Error::Registry(error)) => Err(error.into()),
        Err(other) => Err(crate::problem::Problem::from(other).into()),
    }
}

pub(super) async fn get_by_alias(State(app): State<App>, asked: Asked) -> Answer {
    let name = asked.required("name")?;
    let alias = asked.required("alias")?;
    let pointer =
        if alias.eq_ignore_ascii_case("latest") { Pointer::Latest } else { Pointer::Alias(alias.to_owned()) };
    let version = registry::resolve(&mut app.db().read().await?, name, &pointer).await?;
    Ok(Json(json!({"model_version": shapes::version(&version)})))
}

/// Checks a model's name in this protocol's words; `parameter` is what holds it.
pub(super) fn check_model_name(parameter: &str, name: &str) -> Result<(), Failure> {
    if name.trim().is_empty() {
        return Err(Failure::invalid(format!("Missing value for required parameter '{parameter}'.")));
    }
    if name.contains(['/', ':']) {
        return Err(Failure::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    Ok(())
}

/// Checks a tag of a model or version.
pub(super) fn check_tag(key: &str, value: &str) -> Result<(), Failure> {
    keys::check_tag_and_value(key, value, TAG_CHARS)
}

fn check_alias(alias: &str) -> Result<(), Failure> {
    let plain = alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if !plain {
        return Err(Failure::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    keys::check_length("Registered model alias name", alias, ALIAS_CHARS)?;
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Failure::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = alias.strip_prefix(['v', 'V']).filter(|rest| !rest.is_empty());
    if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Failure::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}

/// A stage from its name in any case.
pub(super) fn stage(word: &str) -> Result<Stage, Failure> {
    word.parse().map_err(|_| {
        Failure::invalid(format!(
            "Invalid Model Version stage: {word}. Value must be one of None, Staging, Production, Archived."
        ))
    })
}

/// Who asks for a version of a model that is not there hears of the version.
pub(super) fn of_version(error: registry::Error, model: &str, number: i64) -> Failure {
    match error {
        registry::Error::ModelNotFound { .. } => Failure::missing(format!(
            "Model Version (name={}, version={number}) not found",
            shapes::plain(model)
        )),
        other => other.into(),
    }
}

/// The number of a version from its text.
pub(super) fn version_number(asked: &Asked) -> Result<i64, Failure> {
    let number = asked.fields().int("version").ok().flatten();
    match number {
        Some(number) => Ok(number),
        None => {
            let given = asked.fields().text("version").ok().flatten().map(str::to_owned);
            given.map_or_else(
                || Err(Failure::missing_value("version")),
                |given| {
                    Err(Failure::invalid(format!("Parameter 'version' must be an integer, got '{given}'.")))
                },
            )
        }
    }
}

async fn answer(app: &App, model: &Model) -> Answer {
    let latest = latest(app, model).await?;
    Ok(Json(json!({"registered_model": shapes::model(model, &latest)})))
}

/// The newest version of each stage.
async fn latest(app: &App, model: &Model) -> Result<Vec<Version>, Failure> {
    if model.latest_version.is_none() {
        return Ok(Vec::new());
    }
    Ok(registry::latest_of_stages(&mut app.db().read().await?, &model.name, &Stage::ALL).await?)
}
