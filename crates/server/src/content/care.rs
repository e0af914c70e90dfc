//! Looking after the store: collecting what nothing refers to, and verifying.

use artifacts::{CollectOptions, CollectReport};
use axum::extract::State;
use base::Period;
use platform::Purged;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::extract::{Caller, Json};
use crate::problem::Problem;

/// The shortest grace period on a server, in microseconds: writers of other processes are seen by then.
const LEAST_GRACE_MICROS: i64 = 60_000_000;

/// How garbage is collected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    grace: Option<Period>,
    keep_in_bin: Option<Period>,
    /// Empties the bin of what was deleted longer ago, too.
    deleted_for: Option<Period>,
    #[serde(default)]
    dry_run: bool,
}

/// The garbage, and what was in the bin.
#[derive(Serialize)]
struct Collected {
    #[serde(flatten)]
    garbage: CollectReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    purged: Option<Purged>,
}

/// Collects garbage, or tells what would be collected.
pub(super) async fn collect(
    State(app): State<App>,
    caller: Caller,
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
    let purged = match asked.deleted_for {
        Some(period) => {
            let purged = app.platform().empty_bin(period, options.dry_run, &caller.actor()).await?;
            app.belongings().forget();
            Some(purged)
        }
        None => None,
    };
    let garbage = app.platform().collect_artifacts(options).await?;
    Ok(Json(json!(Collected { garbage, purged })))
}

/// Takes everything out of the bin.
pub(super) async fn restore(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"restored_bytes": app.platform().artifacts.restore_bin().await?})))
}

/// Hashes everything anew.
pub(super) async fn verify(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!(app.platform().verify_artifacts().await?)))
}
