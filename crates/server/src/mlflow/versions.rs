//! `model-versions/…`

use axum::Json;
use axum::extract::State;
use base::Timestamp;
use db::{Read, Tx};
use registry::{NewVersion, Others, Pointer, Version, VersionChange, VersionQuery};
use serde_json::{Value, json};

use super::Answer;
use super::asked::Asked;
use super::failure::Failure;
use super::files::{self, Store};
use super::models::{check_tag, of_version, stage, version_number};
use super::scope::InProject;
use super::{registry_filter, shapes};
use crate::app::App;

const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
const VERSIONS_TAG: &str = "mlflow.modelVersions";
const MOST: usize = 200_000;

pub(super) async fn create(State(app): State<App>, store: Store, asked: Asked) -> Answer {
    asked.required("name")?;
    let tags = asked.fields().tags("tags")?;
    for (key, value) in &tags {
        check_tag(key, value)?;
    }
    let source = asked.required("source")?.to_owned();
    let mut source_run = asked.text("run_id")?.map(str::to_owned);
    let mut read = app.db().read().await?;
    if tags.contains_key(PROMPT_TAG) {
        check_prompt_source(&source)?;
    } else {
        check_source(&mut read, &source, source_run.as_deref()).await?;
    }
    let storage_location = storage_of(&mut read, &asked.project, &source).await?;
    let named = source.strip_prefix("models:/").filter(|rest| rest.starts_with("m-")).map(str::to_owned);
    let logged_model = asked.text("model_id")?.map(str::to_owned).or(named);
    if source_run.is_none()
        && let Some(model) = &logged_model
    {
        source_run = experiments::get_logged_model(&mut read, model).await?.source_run_id;
    }
    drop(read);
    let artifact = match &storage_location {
        Some(location) => store.freeze(location).await?,
        None => store.freeze(&source).await?,
    };
    let told = asked.text("model_id")?.map(str::to_owned);
    let engine = match artifact {
        Some(tree) => app.platform().engine_for(tree).await,
        None => String::new(),
    };
    let new = NewVersion {
        engine,
        model: asked.required("name")?.to_owned(),
        source,
        storage_location,
        source_run,
        run_link: asked.text("run_link")?.map(str::to_owned),
        logged_model: logged_model.clone(),
        description: asked.text("description")?.unwrap_or_default().to_owned(),
        flavor: "mlflow".to_owned(),
        digest: artifact,
        artifact,
        tags,
        ..NewVersion::default()
    };
    let (actor, now) = (asked.actor, app.now());
    let version = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                let version = registry::create_version(tx, new, &actor, now).await?;
                if let Some(model) = &told {
                    tell_logged_model(tx, model, &version, now).await?;
                }
                Ok::<_, Failure>(version)
            })
        })
        .await?;
    Ok(Json(json!({"model_version": shapes::version(&version)})))
}

/// Adds the version to the list that a logged model carries as a tag, where clients look for it.
async fn tell_logged_model(
    tx: &mut Tx,
    model: &str,
    version: &Version,
    now: Timestamp,
) -> Result<(), Failure> {
    let known = experiments::get_logged_model(tx, model).await?.tags.remove(VERSIONS_TAG).unwrap_or_default();
    let mut listed: Vec<Value> = serde_json::from_str(&known).unwrap_or_default();
    listed.push(json!({"name": shapes::plain(&version.model), "version": version.number}));
    let items: Vec<String> = listed
        .iter()
        .map(|one| format!("{{\"name\": {}, \"version\": {}}}", one["name"], one["version"]))
        .collect();
    let tags = [(VERSIONS_TAG.to_owned(), format!("[{}]", items.join(", ")))];
    experiments::set_logged_model_tags(tx, model, &tags, now).await?;
    Ok(())
}

/// A source that leads to files of the server itself is accepted only inside the artifacts of the run that is named.
async fn check_source(read: &mut Read, source: &str, run: Option<&str>) -> Result<(), Failure> {
    let refuse =
        |why: &str| Err(Failure::invalid(format!("Invalid model version source: '{source}'. {why}")));
    if experiments::limits::check_location(source).is_err() || source.contains('%') {
        return refuse(
            "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an \
             absolute path must be provided without relative path references present. Please provide an absolute path.",
        );
    }
    let local = match source.split_once(':') {
        Some((scheme, rest)) if scheme.len() > 1 && !scheme.contains('/') => {
            scheme.eq_ignore_ascii_case("file").then_some(rest)
        }
        _ => Some(source),
    };
    let Some(local) = local else { return Ok(()) };
    let inside = match run {
        None => false,
        Some(run) => {
            let root = experiments::get_run(read, run).await?.artifact_uri;
            let root = root.strip_prefix("file:").unwrap_or(&root).trim_start_matches('/').to_owned();
            let path = local.trim_start_matches('/');
            root.contains('/') && (path == root || path.starts_with(&format!("{root}/")))
        }
    };
    if inside {
        return Ok(());
    }
    refuse(
        "To use a local path as a model version source, the run_id request parameter has to be specified and the \
         local path has to be contained within the artifact directory of the run specified by the run_id.",
    )
}

/// A prompt has no files: its source is a mere word, and must not be a way to those of the server.
fn check_prompt_source(source: &str) -> Result<(), Failure> {
    let scheme = source.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let local = source.starts_with(['/', '\\']) || scheme.as_deref() == Some("file");
    let leads_elsewhere = experiments::limits::check_location(source).is_err() || source.contains('%');
    if local || leads_elsewhere {
        return Err(Failure::invalid(format!(
            "Invalid prompt source: '{source}'. Local source paths are not allowed for prompts."
        )));
    }
    Ok(())
}

/// Where the files of a `models:/…` source are.
async fn storage_of(read: &mut Read, project: &InProject, source: &str) -> Result<Option<String>, Failure> {
    let Some(rest) = source.strip_prefix("models:/") else { return Ok(None) };
    let rest = rest.trim_start_matches('/');
    if rest.starts_with("m-") && !rest.contains('/') {
        return Ok(Some(experiments::get_logged_model(read, rest).await?.artifact_uri));
    }
    let (model, pointer) = match (rest.split_once('@'), rest.rsplit_once('/')) {
        (Some((model, alias)), _) => (model, Pointer::Alias(alias.to_owned())),
        (None, Some((model, version))) => (model, version.parse()?),
        (None, None) => {
            return Err(Failure::invalid(format!("Invalid model version source: '{source}'.")));
        }
    };
    Ok(Some(registry::resolve(read, &project.model("source", model)?, &pointer).await?.storage_location))
}

pub(super) async fn get(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?, version_number(&asked)?);
    let version = registry::get_version(&mut app.db().read().await?, name, number)
        .await
        .map_err(|error| of_version(error, name, number))?;
    Ok(Json(json!({"model_version": shapes::version(&version)})))
}

pub(super) async fn get_download_uri(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?, version_number(&asked)?);
    let version = registry::get_version(&mut app.db().read().await?, name, number)
        .await
        .map_err(|error| of_version(error, name, number))?;
    Ok(Json(json!({"artifact_uri": version.storage_location})))
}

pub(super) async fn update(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?.to_owned(), version_number(&asked)?);
    let of = (name.clone(), number);
    let description = asked.fields().text_as_given("description")?.map(str::to_owned);
    let change = VersionChange { description, ..VersionChange::default() };
    let now = app.now();
    let version = app
        .db()
        .write(move |tx| {
            Box::pin(async move { registry::update_version(tx, &name, number, change, now).await })
        })
        .await
        .map_err(|error| of_version(error, &of.0, of.1))?;
    Ok(Json(json!({"model_version": shapes::version(&version)})))
}

pub(super) async fn transition_stage(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?.to_owned(), version_number(&asked)?);
    let of = (name.clone(), number);
    let stage = stage(asked.required("stage")?)?;
    let others =
        if asked.fields().flag("archive_existing_versions")? { Others::Archive } else { Others::Keep };
    let (actor, now) = (asked.actor, app.now());
    let version = app
        .db()
        .write(move |tx| {
            Box::pin(async move {
                registry::transition_stage(tx, &name, number, stage, others, &actor, now).await
            })
        })
        .await
        .map_err(|error| of_version(error, &of.0, of.1))?;
    Ok(Json(json!({"model_version": shapes::version(&version)})))
}

pub(super) async fn delete(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?.to_owned(), version_number(&asked)?);
    let of = (name.clone(), number);
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(async move { registry::delete_version(tx, &name, number, &actor, now).await })
        })
        .await
        .map_err(|error| of_version(error, &of.0, of.1))?;
    Ok(super::nothing())
}

pub(super) async fn search(State(app): State<App>, asked: Asked) -> Answer {
    if let Some(few) = asked.fields().int("max_results")?.filter(|few| *few < 1) {
        return Err(Failure::invalid(format!(
            "Invalid value for max_results. It must be a positive integer, but got {few}"
        )));
    }
    let query = VersionQuery {
        filter: registry_filter::versions(asked.text("filter")?.unwrap_or_default())?
            .within(asked.project.name()),
        order: registry_filter::order(&asked.texts("order_by")?)?,
        limit: asked.max_results(10_000, MOST)?,
        token: asked.text("page_token")?.map(str::to_owned),
    };
    let found = registry::search_versions(&mut app.db().read().await?, &query).await?;
    let items: Value = found.items.iter().map(shapes::version).collect();
    Ok(super::page("model_versions", items, found.next_token))
}

pub(super) async fn set_tag(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?.to_owned(), version_number(&asked)?);
    let of = (name.clone(), number);
    let key = asked.required("key")?.to_owned();
    let value = asked.fields().text_as_given("value")?.unwrap_or_default().to_owned();
    check_tag(&key, &value)?;
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(
                async move { registry::set_version_tag(tx, &name, number, &key, &value, &actor, now).await },
            )
        })
        .await
        .map_err(|error| of_version(error, &of.0, of.1))?;
    Ok(super::nothing())
}

pub(super) async fn delete_tag(State(app): State<App>, asked: Asked) -> Answer {
    let (name, number) = (asked.required("name")?.to_owned(), version_number(&asked)?);
    let of = (name.clone(), number);
    let key = asked.required("key")?.to_owned();
    let (actor, now) = (asked.actor, app.now());
    app.db()
        .write(move |tx| {
            Box::pin(async move { registry::delete_version_tag(tx, &name, number, &key, &actor, now).await })
        })
        .await
        .map_err(|error| of_version(error, &of.0, of.1))?;
    Ok(super::nothing())
}

/// A file of a version, for MLflow's own interface.
pub(super) async fn get_artifact(
    State(app): State<App>,
    store: Store,
    headers: axum::http::HeaderMap,
    asked: Asked,
) -> Result<axum::response::Response, Failure> {
    let (name, number) = (asked.required("name")?, version_number(&asked)?);
    let version = registry::get_version(&mut app.db().read().await?, name, number)
        .await
        .map_err(|error| of_version(error, name, number))?;
    store.send(&files::below(&version.storage_location, asked.required("path")?)?, &headers).await
}
