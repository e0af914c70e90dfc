//! Looking after the store: collecting what nothing refers to, and verifying.

use artifacts::CollectOptions;
use axum::extract::State;
use base::Period;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::extract::Json;
use crate::problem::Problem;

/// The shortest grace period on a server, in microseconds: writers of other processes are seen by then.
const LEAST_GRACE_MICROS: i64 = 60_000_000;

/// How garbage is collected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    grace: Option<Period>,
    keep_in_bin: Option<Period>,
    #[serde(default)]
    dry_run: bool,
}

/// Collects garbage, or tells what would be collected.
pub(super) async fn collect(
    State(app): State<App>,
    Json(asked): Json<Asked>,
) -> Result<Json<Value>, Problem> {
    let usual = CollectOptions::default();
    let options = CollectOptions {
        grace: asked.grace.unwrap_or(usual.grace),
        keep_in_bin: asked.keep_in_bin.unwrap_or(usual.keep_in_bin),
        dry_run: asked.dry_run,
    };
    if options.grace.as_micros() < LEAST_GRACE_MICROS && !options.dry_run {
        return Err(Problem::invalid(
            "invalid_value",
            "the grace period must be at least a minute on a server",
        )
        .with_hint("what is being written now would not be safe; `--dry-run` may look with any period"));
    }
    Ok(Json(json!(app.platform().collect_artifacts(options).await?)))
}

/// Takes everything out of the bin.
pub(super) async fn restore(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"restored_bytes": app.platform().artifacts.restore_bin().await?})))
}

/// Hashes everything anew.
pub(super) async fn verify(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(app.platform().verify_artifacts().await?)))
}
