//! Names of data, and their versions.

use artifacts::{SafePath, StoredTree};
use axum::extract::State;
use base::Digest;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::extract::{Json, Path};
use crate::problem::Problem;

/// A version that is to be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVersion {
    tree: Digest,
    note: Option<String>,
}

/// All names with their versions.
pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"items": app.platform().artifacts.all_named_data().await?})))
}

/// One name with its versions.
pub(super) async fn get(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let named = app.platform().artifacts.named_data(&SafePath::parse(&name)?).await?;
    Ok(Json(json!(named)))
}

/// Adds a version; its content must be here already.
pub(super) async fn add_version(
    State(app): State<App>,
    Path(name): Path<String>,
    Json(asked): Json<NewVersion>,
) -> Result<Json<Value>, Problem> {
    base::names::check_name("data", &name)
        .map_err(|error| Problem::invalid("invalid_name", error.to_string()))?;
    let store = &app.platform().artifacts;
    let tree = store.get_tree(asked.tree).await?;
    // A version is whole or not there: every file of it must be here.
    store.check_tree(&tree).await?;
    let stored = StoredTree { digest: asked.tree, files: tree.entries().len() as u64, bytes: tree.bytes() };
    let version = store.add_data_version(&SafePath::parse(&name)?, stored, asked.note, app.now()).await?;
    Ok(Json(json!(version)))
}
