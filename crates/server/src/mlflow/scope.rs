//! Projects as MLflow's clients know them: workspaces, named by a header on each request.
//!
//! What belongs to another project is not there: every id that a request names, in its path, its query or its body, is
//! looked up before a handler sees it. While there is only the project `default` nothing is looked up at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use axum::http::request::Parts;
use base::Kind;
use governance::{DEFAULT_PROJECT, Project};
use serde_json::{Map, Value};

use super::failure::Failure;
use super::models::check_model_name;
use crate::app::App;
use crate::problem::Problem;

/// The header by which clients name a workspace.
const HEADER: &str = "x-mlflow-workspace";
/// For how long it is taken for granted that there is no second project.
const FRESH_US: i64 = 1_000_000;
/// For how long answers about runs and models are kept: another process may hand a project's things to another one.
const KEPT_US: i64 = 60_000_000;
/// How many of them are kept.
const MOST_ANSWERS: usize = 65_536;

/// The project that a request speaks of. Put into each request of this protocol by the front door.
#[derive(Clone, Debug)]
pub(crate) struct InProject(Arc<Project>);

impl InProject {
    /// The project's name.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Where its experiments keep artifacts, if not in the platform's own store.
    pub(super) fn artifact_root(&self) -> Option<&str> {
        self.0.artifact_root.as_deref()
    }

    /// How the model `name` of this project is called in the registry.
    pub(super) fn model(&self, parameter: &str, name: &str) -> Result<String, Failure> {
        if name.contains('/') {
            check_model_name(parameter, name)?;
        }
        Ok(registry::in_project(self.name(), name))
    }

    /// The project of requests that name none.
    pub(super) fn default_one() -> Self {
        Self(Arc::new(Project {
            name: DEFAULT_PROJECT.to_owned(),
            description: None,
            artifact_root: None,
            created_at: base::Timestamp::from_micros(0),
        }))
    }
}

/// A thing that belongs to a project for good, or until its project goes away.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Experiment(i64),
    Run(String),
    LoggedModel(String),
}

impl Thing {
    fn missing(&self) -> Failure {
        match self {
            Self::Experiment(id) => experiments::Error::ExperimentNotFound { experiment: id.to_string() },
            Self::Run(run) => experiments::Error::RunNotFound { run: run.clone() },
            Self::LoggedModel(model) => experiments::Error::LoggedModelNotFound { model: model.clone() },
        }
        .into()
    }
}

/// What is known about who belongs where.
#[derive(Debug, Default)]
pub(crate) struct Belongings {
    several: AtomicBool,
    looked_at: AtomicI64,
    emptied_at: AtomicI64,
    answers: Mutex<HashMap<Thing, Arc<str>>>,
}

impl Belongings {
    /// Whether there is a project besides `default`; once there was, always.
    async fn several(&self, app: &App) -> Result<bool, db::Error> {
        if self.several.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let now = app.now().as_micros();
        if (0..FRESH_US).contains(&(now - self.looked_at.load(Ordering::Relaxed))) {
            return Ok(false);
        }
        let several = governance::has_several_projects(&mut app.db().read().await?).await?;
        self.several.store(several, Ordering::Relaxed);
        self.looked_at.store(now, Ordering::Relaxed);
        Ok(several)
    }

    /// Forgets everything, because a project was made or removed.
    pub(crate) fn forget(&self) {
        self.several.store(true, Ordering::Relaxed);
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn project_of(&self, app: &App, thing: &Thing) -> Result<Option<Arc<str>>, Failure> {
        let now = app.now().as_micros();
        if now.saturating_sub(self.emptied_at.load(Ordering::Relaxed)) > KEPT_US {
            self.emptied_at.store(now, Ordering::Relaxed);
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        let known = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(thing).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let mut read = app.db().read().await?;
        let found = match thing {
            Thing::Experiment(id) => experiments::project_of_experiment(&mut read, *id).await?,
            Thing::Run(id) => experiments::project_of_run(&mut read, id).await?,
            Thing::LoggedModel(id) => experiments::project_of_logged_model(&mut read, id).await?,
        };
        let Some(project) = found.map(Arc::<str>::from) else { return Ok(None) };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(thing.clone(), Arc::clone(&project));
        Ok(Some(project))
    }
}

/// The project that a request speaks of, once everything that its path and query name is seen to belong there.
pub(crate) async fn admit(app: &App, parts: &Parts) -> Result<InProject, Problem> {
    let project = resolve(app, parts).await?;
    if app.belongings().several(app).await? {
        let scope = Scope { app, project: &project };
        scope.check_path(parts.uri.path()).await?;
        let query = super::asked::from_query(parts.uri.query().unwrap_or_default());
        scope.check_fields(&query).await?;
        if parts.uri.path().ends_with("/mlflow-artifacts/artifacts") {
            let path = query.get("path").and_then(Value::as_str).unwrap_or_default();
            scope.check_stored(path).await?;
        }
    }
    Ok(project)
}

async fn resolve(app: &App, parts: &Parts) -> Result<InProject, Problem> {
    let named = parts.headers.get(HEADER).map(|value| value.to_str().unwrap_or_default().trim());
    let name = named.filter(|name| !name.is_empty()).unwrap_or(DEFAULT_PROJECT);
    // Clients ask there whether this server knows workspaces at all.
    let asks_for_server = parts.uri.path().trim_end_matches('/').ends_with("/mlflow/server-info");
    if asks_for_server || (name == DEFAULT_PROJECT && !app.belongings().several(app).await?) {
        return Ok(InProject::default_one());
    }
    if name != DEFAULT_PROJECT {
        governance::check_project_name(name)
            .map_err(|error| invalid(format!("Workspace name '{name}' is invalid: {error}")))?;
    }
    match governance::find_project(&mut app.db().read().await?, name).await? {
        Some(project) => Ok(InProject(Arc::new(project))),
        None => Err(not_found(name)),
    }
}

/// That a workspace is not there.
pub(super) fn not_found(name: &str) -> Problem {
    Problem::new(Kind::NotFound, "RESOURCE_DOES_NOT_EXIST", format!("Workspace '{name}' not found"))
        .with_status(StatusCode::NOT_FOUND)
}

fn invalid(message: String) -> Problem {
    Problem::new(Kind::Invalid, "INVALID_PARAMETER_VALUE", message).with_status(StatusCode::BAD_REQUEST)
}

/// Checks the body of a request, leaves what is not there out of lists, and calls models by their full names.
pub(super) async fn check_body(
    app: &App,
    project: &InProject,
    path: &str,
    fields: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let of_registry = path.contains("/registered-models/") || path.contains("/model-versions/");
    if of_registry {
        for name in ["name", "new_name"] {
            if let Some(Value::String(text)) = fields.get_mut(name) {
                *text = project.model(name, text)?;
            }
        }
    }
    if !app.belongings().several(app).await? {
        return Ok(());
    }
    let scope = Scope { app, project };
    scope.check_fields(fields).await?;
    scope.narrow(fields).await?;
    for (list, name) in [("models", "model_id"), ("metrics", "model_id")] {
        let Some(Value::Array(items)) = fields.get(list) else { continue };
        for item in items {
            if let Some(id) = item.get(name).and_then(Value::as_str).filter(|id| !id.is_empty()) {
                scope.check(Thing::LoggedModel(id.to_owned())).await?;
            }
        }
    }
    for name in ["source", "artifact_location"] {
        if let Some(location) = fields.get(name).and_then(Value::as_str) {
            scope.check_location(location).await?;
        }
    }
    Ok(())
}

struct Scope<'a> {
    app: &'a App,
    project: &'a InProject,
}

impl Scope<'_> {
    /// Refuses what belongs to another project as if it were not there. What is nowhere is left to the handler.
    async fn check(&self, thing: Thing) -> Result<(), Failure> {
        if self.is_elsewhere(&thing).await? { Err(thing.missing()) } else { Ok(()) }
    }

    async fn is_elsewhere(&self, thing: &Thing) -> Result<bool, Failure> {
        let found = self.app.belongings().project_of(self.app, thing).await?;
        Ok(found.is_some_and(|project| *project != *self.project.name()))
    }

    async fn check_fields(&self, fields: &Map<String, Value>) -> Result<(), Failure> {
        for name in ["run_id", "run_uuid", "run_ids", "source_run_id"] {
            for id in texts(fields.get(name)) {
                self.check(Thing::Run(id.to_owned())).await?;
            }
        }
        for id in texts(fields.get("experiment_id")).into_iter().filter_map(|id| id.parse().ok()) {
            self.check(Thing::Experiment(id)).await?;
        }
        for id in texts(fields.get("model_id")) {
            self.check(Thing::LoggedModel(id.to_owned())).await?;
        }
        Ok(())
    }

    /// Leaves experiments of other projects out of those to search in.
    async fn narrow(&self, fields: &mut Map<String, Value>) -> Result<(), Failure> {
        let Some(Value::Array(ids)) = fields.get_mut("experiment_ids") else { return Ok(()) };
        let mut kept = Vec::with_capacity(ids.len());
        for id in ids.drain(..) {
            let number = match &id {
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            };
            match number {
                Some(number) if self.is_elsewhere(&Thing::Experiment(number)).await? => {}
                _ => kept.push(id),
            }
        }
        *ids = kept;
        Ok(())
    }

    async fn check_path(&self, path: &str) -> Result<(), Failure> {
        if let Some((_, rest)) = path.split_once("/mlflow/logged-models/") {
            let id = rest.split('/').next().unwrap_or_default();
            return self.check(Thing::LoggedModel(id.to_owned())).await;
        }
        if let Some((_, rest)) = path.split_once("/mlflow-artifacts/") {
            let stored = ["artifacts/", "mpu/create/", "mpu/complete/", "mpu/abort/", "presigned/"];
            if let Some(stored) = stored.iter().find_map(|beginning| rest.strip_prefix(beginning)) {
                return self.check_stored(&decoded(stored)).await;
            }
        }
        Ok(())
    }

    /// A path in the artifact store begins with the number of the experiment that it belongs to.
    async fn check_stored(&self, path: &str) -> Result<(), Failure> {
        let path = path.trim_start_matches('/');
        let mut parts = path.split('/');
        let first = parts.next().unwrap_or_default();
        let ours = self.project.name() == DEFAULT_PROJECT;
        let allowed = match first.parse() {
            Ok(experiment) => {
                let experiment = Thing::Experiment(experiment);
                let found = self.app.belongings().project_of(self.app, &experiment).await?;
                found.map_or(ours, |project| *project == *self.project.name())
            }
            Err(_) if first == "workspaces" => parts.next() == Some(self.project.name()),
            Err(_) => ours && !first.is_empty(),
        };
        if allowed {
            return Ok(());
        }
        if first.is_empty() {
            return Err(Failure::invalid(
                "Name an experiment's folder to list: several workspaces keep artifacts on this server.",
            ));
        }
        Err(Failure::missing(format!("There is nothing at '{path}' in workspace '{}'.", self.project.name())))
    }

    /// A location that this server keeps must be the project's own.
    async fn check_location(&self, location: &str) -> Result<(), Failure> {
        if let Some(rest) = location.strip_prefix("mlflow-artifacts:") {
            let path = match rest.strip_prefix("//") {
                Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
                None => rest,
            };
            return self.check_stored(path).await;
        }
        if let Some(id) = location.strip_prefix("models:/").map(|rest| rest.trim_start_matches('/'))
            && id.starts_with("m-")
        {
            let id = id.split('/').next().unwrap_or(id);
            return self.check(Thing::LoggedModel(id.to_owned())).await;
        }
        Ok(())
    }
}

/// The texts of a field that is a text or a list of them.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A path as its handler will read it: percent signs decoded once.
fn decoded(path: &str) -> String {
    let query = format!("p={}", path.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}
