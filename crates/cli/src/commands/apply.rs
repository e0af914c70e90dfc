//! `plan` and `apply`: from a file to a model in production.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tables::Table;

use super::jobs::wait_for;
use crate::client::Client;
use crate::exit;
use crate::output::{self, faint, text_at};
use crate::project::Project;

/// What `apply` brought about.
pub(crate) struct Applied {
    /// The training's end, if one was started.
    pub(crate) job: Option<Value>,
}

impl Applied {
    /// A model that was trained but not let into production is a check that failed.
    pub(crate) fn exit_code(&self) -> ExitCode {
        let promoted = self.job.as_ref().map(|job| output::at(job, "result.promoted"));
        if promoted == Some(Value::Bool(false)) {
            ExitCode::from(exit::CHECK_FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Shows what `apply` would change.
pub(super) async fn plan(client: &Client, file: &Path, json: bool) -> Result<()> {
    let project = Project::read(file)?;
    let plan = client.post("/api/v1/plan", &serde_json::to_value(&project.source)?).await?;
    if json {
        output::json(&plan);
    } else {
        print_changes(&plan);
    }
    Ok(())
}

/// Makes it so: writes down the spec, brings in the first rows, trains when nothing is trained yet.
pub(crate) async fn apply(client: &Client, file: &Path, train: bool, json: bool) -> Result<Applied> {
    let project = Project::read(file)?;
    let applied = client.post("/api/v1/apply", &serde_json::to_value(&project.source)?).await?;
    if !json {
        print_changes(&applied);
    }
    let mut job = None;
    if train {
        let pushed = push_first_rows(client, &project, json).await?;
        let versions = client.get(&format!("/api/v1/models/{}/versions?limit=1", project.spec.model)).await?;
        let untrained = output::at(&versions, "items").as_array().is_none_or(Vec::is_empty);
        if pushed || untrained || changes_training(&applied) {
            job = Some(train_and_wait(client, &project.spec.model, json).await?);
        }
    }
    if json {
        output::json(&json!({ "applied": applied, "job": job }));
    }
    Ok(Applied { job })
}

/// Trains the model, waits, and says how it ended.
pub(crate) async fn train_and_wait(client: &Client, model: &str, json: bool) -> Result<Value> {
    let job = client.post(&format!("/api/v1/models/{model}/train"), &json!({})).await?;
    let job = wait_for(client, &text_at(&job, "id"), &format!("training {model}")).await?;
    if !json {
        print_training(model, &job);
    }
    Ok(job)
}

fn changes_training(applied: &Value) -> bool {
    let changes = output::at(applied, "changes");
    changes.as_array().into_iter().flatten().any(|change| {
        text_at(change, "action") == "update" && text_at(change, "object").starts_with("pipeline")
    })
}

/// Brings in the rows of `data.source`, when the dataset has none yet.
async fn push_first_rows(client: &Client, project: &Project, json: bool) -> Result<bool> {
    let dataset = &project.spec.data.dataset;
    let versions = client.get(&format!("/api/v1/datasets/{dataset}/versions?limit=1")).await?;
    let has_rows = output::at(&versions, "items").as_array().is_some_and(|versions| !versions.is_empty());
    if has_rows || project.spec.data.source.is_none() {
        return Ok(false);
    }
    let rows = project.rows()?;
    let rows = match project.spec.data.first_until {
        None => rows,
        Some(until) => rows_between(&rows, &project.spec.data.time, i64::MIN, until.as_micros())?,
    };
    let source = project.spec.data.source.clone().unwrap_or_default();
    let pushed = push_rows(client, dataset, &rows, &source).await?;
    if !json {
        print_pushed(dataset, &pushed);
    }
    Ok(true)
}

/// The rows whose time lies in the half-open range, in microseconds.
pub(crate) fn rows_between(rows: &Table, time: &str, from: i64, until: i64) -> Result<Table> {
    let times = rows.times(time).with_context(|| format!("`data.time` is `{time}`"))?;
    let keep: Vec<bool> = times.iter().map(|at| at.is_some_and(|at| at >= from && at < until)).collect();
    Ok(rows.filter(&keep)?)
}

/// Adds rows to a dataset as a new version.
pub(crate) async fn push_rows(client: &Client, dataset: &str, rows: &Table, origin: &str) -> Result<Value> {
    let origin: String = url::form_urlencoded::byte_serialize(origin.as_bytes()).collect();
    let path = format!("/api/v1/datasets/{dataset}/versions?origin={origin}");
    client.post_bytes(&path, "application/vnd.apache.parquet", rows.to_parquet()?).await
}

/// Says what the checks found in the rows of a new version.
pub(crate) fn print_pushed(dataset: &str, pushed: &Value) {
    output::line(&format!(
        "{dataset} version {} · {} rows · {} to {}",
        text_at(pushed, "version.number"),
        text_at(pushed, "version.rows_added"),
        text_at(pushed, "version.from"),
        text_at(pushed, "version.to")
    ));
    let results = output::at(pushed, "verdict.results");
    for result in results.as_array().into_iter().flatten() {
        let outcome = text_at(result, "outcome");
        let sign = match outcome.as_str() {
            "pass" => "✓",
            "warn" => "!",
            _ => "✗",
        };
        output::line(&format!(
            "  {sign} {}  {}",
            text_at(result, "check_id"),
            faint(&text_at(result, "message"))
        ));
    }
}

fn print_changes(plan: &Value) {
    let changes = output::at(plan, "changes");
    for change in changes.as_array().into_iter().flatten() {
        let action = text_at(change, "action");
        let sign = match action.as_str() {
            "create" => "+",
            "update" => "~",
            _ => "=",
        };
        output::line(&format!("{sign} {}  {}", text_at(change, "object"), faint(&text_at(change, "detail"))));
    }
    let weakens = output::at(plan, "weakens");
    for way in weakens.as_array().into_iter().flatten().filter_map(Value::as_str) {
        output::line(&format!(
            "! asks less under the policy in force, which takes an approver's rights: {way}"
        ));
    }
}

fn print_training(model: &str, job: &Value) {
    let version = text_at(job, "result.version");
    let promoted = output::at(job, "result.promoted") == Value::Bool(true);
    let outcome = if promoted { "is now in production" } else { "stays out of production" };
    output::line(&format!("{model} version {version} {outcome}: {}", text_at(job, "result.decision")));
    let rules = output::at(job, "result.rules");
    for rule in rules.as_array().into_iter().flatten() {
        let sign = if output::at(rule, "passed") == Value::Bool(true) { "✓" } else { "✗" };
        output::line(&format!("  {sign} {}", text_at(rule, "why")));
    }
}
