//! `workspaces`: projects, as MLflow's clients know them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use governance::{Action, DEFAULT_PROJECT, NewProject, Object, ObjectKind, Project, ProjectChange, decide};
use platform::Emptying;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::failure::Failure;
use super::{Answer, scope};
use crate::app::App;
use crate::extract::Caller;

fn shape(project: &Project) -> Value {
    let mut shape = Map::new();
    shape.insert("name".to_owned(), project.name.as_str().into());
    let fields = [("description", &project.description), ("default_artifact_root", &project.artifact_root)];
    for (name, value) in fields {
        if let Some(value) = value {
            shape.insert(name.to_owned(), value.as_str().into());
        }
    }
    Value::Object(shape)
}

/// The workspaces that the caller may look at.
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Answer {
    let all = governance::list_projects(&mut app.db().read().await?).await?;
    let seen = |project: &&Project| {
        let object = Object::named(ObjectKind::Project, &project.name).within(&project.name);
        decide(caller.principal(), Action::View, &object).allowed
    };
    let items: Vec<Value> = all.iter().filter(seen).map(shape).collect();
    Ok(Json(json!({"workspaces": items})))
}

pub(super) async fn get(State(app): State<App>, Path(name): Path<String>) -> Answer {
    check_name(&name)?;
    let found = governance::find_project(&mut app.db().read().await?, &name).await?;
    let project = found.ok_or_else(|| scope::not_found(&name))?;
    Ok(Json(json!({"workspace": shape(&project)})))
}

pub(super) async fn create(
    State(app): State<App>,
    asked: Asked,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let name = asked.required("name")?.to_owned();
    if name == DEFAULT_PROJECT {
        return Err(Failure::invalid(format!(
            "The '{DEFAULT_PROJECT}' workspace is reserved and cannot be created"
        )));
    }
    check_name(&name)?;
    let new = NewProject {
        name,
        description: asked.fields().text_as_given("description")?.map(str::to_owned),
        artifact_root: artifact_root(&asked)?.flatten(),
    };
    let (actor, now) = (asked.actor, app.now());
    let project = app
        .db()
        .write(move |tx| Box::pin(async move { governance::create_project(tx, &new, &actor, now).await }))
        .await?;
    app.belongings().forget();
    Ok((StatusCode::CREATED, Json(json!({"workspace": shape(&project)}))))
}

pub(super) async fn update(State(app): State<App>, Path(name): Path<String>, asked: Asked) -> Answer {
    check_name(&name)?;
    let change = ProjectChange {
        description: asked.fields().text_as_given("description")?.map(str::to_owned),
        artifact_root: artifact_root(&asked)?,
    };
    if change.description.is_none() && change.artifact_root.is_none() {
        return Err(Failure::invalid("Workspace update must have at least one key"));
    }
    let actor = asked.actor;
    let project = app
        .db()
        .write(move |tx| Box::pin(async move { governance::update_project(tx, &name, change, &actor).await }))
        .await?;
    Ok(Json(json!({"workspace": shape(&project)})))
}

/// What becomes of what the workspace holds is said by `mode`, in the query.
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Result<StatusCode, Failure> {
    if name == DEFAULT_PROJECT {
        return Err(Failure::invalid(format!(
            "The '{DEFAULT_PROJECT}' workspace is reserved and cannot be deleted"
        )));
    }
    check_name(&name)?;
    let query = query.unwrap_or_default();
    let mode = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "mode");
    let mode = match mode.as_ref().map_or("RESTRICT", |(_, mode)| mode.as_ref()) {
        "RESTRICT" => Emptying::Refuse,
        "SET_DEFAULT" => Emptying::MoveToDefault,
        "CASCADE" => Emptying::Delete,
        other => {
            return Err(Failure::invalid(format!(
                "Invalid deletion mode '{other}'. Must be one of: SET_DEFAULT, CASCADE, RESTRICT"
            )));
        }
    };
    app.platform().delete_project(&name, mode, &caller.actor()).await?;
    app.belongings().forget();
    Ok(StatusCode::NO_CONTENT)
}

fn check_name(name: &str) -> Result<(), Failure> {
    if name == DEFAULT_PROJECT || governance::check_project_name(name).is_ok() {
        return Ok(());
    }
    let rule = if !(2..=63).contains(&name.chars().count()) {
        "must be between 2 and 63 characters."
    } else if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !(name.starts_with('-') || name.ends_with('-') || name.contains("--"))
    {
        "is reserved and cannot be used."
    } else {
        "must match the pattern ^(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?$ (lowercase alphanumeric with optional \
         internal hyphens)."
    };
    Err(Failure::invalid(format!("Workspace name '{name}' {rule}")))
}

/// The artifact root that is asked for; blank means the platform's own store.
fn artifact_root(asked: &Asked) -> Result<Option<Option<String>>, Failure> {
    let Some(root) = asked.fields().text_as_given("default_artifact_root")? else { return Ok(None) };
    let root = root.trim();
    if root.is_empty() {
        return Ok(Some(None));
    }
    experiments::limits::check_location(root)?;
    Ok(Some(Some(root.to_owned())))
}
