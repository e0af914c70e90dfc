//! Acts on single things: train, promote, watch, alert.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::apply::{Applied, train_and_wait};
use crate::args::{AlertAct, AlertArguments, PromoteArguments, TrainArguments, WatchArguments};
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, text_at};

/// Trains a model.
pub(super) async fn train(client: &Client, arguments: &TrainArguments, json: bool) -> Result<ExitCode> {
    if arguments.no_wait {
        let job = client.post(&format!("/api/v1/models/{}/train", arguments.model), &json!({})).await?;
        if json {
            output::json(&job);
        } else {
            output::line(&format!("job {}: `gingham show job {0}` tells how it goes", text_at(&job, "id")));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let job = train_and_wait(client, &arguments.model, json).await?;
    if json {
        output::json(&job);
    }
    Ok(Applied { job: Some(job) }.exit_code())
}

/// Moves an alias by hand.
pub(super) async fn promote(client: &Client, arguments: &PromoteArguments, json: bool) -> Result<()> {
    let named = arguments
        .model_version
        .split_once('@')
        .and_then(|(model, number)| Some((model, number.parse::<u32>().ok()?)));
    let (model, version) = named.ok_or_else(|| {
        hinted(
            format!("`{}` names no version", arguments.model_version),
            "write `MODEL@NUMBER`, such as `traffic@2`",
        )
    })?;
    let path = format!("/api/v1/models/{model}/aliases/{}", arguments.alias);
    let moved = client.post(&path, &json!({ "version": version, "reason": arguments.reason })).await?;
    if json {
        output::json(&moved);
    } else {
        output::line(&format!("{} of {model} is now version {version}", arguments.alias));
    }
    Ok(())
}

/// Evaluates the windows that have ended.
pub(super) async fn watch(client: &Client, arguments: &WatchArguments, json: bool) -> Result<()> {
    let path = format!("/api/v1/monitors/{}/evaluate", arguments.model);
    let body = json!({ "until": arguments.until });
    let report = client.post(&path, &body).await?;
    if json {
        output::json(&report);
        return Ok(());
    }
    output::line(&format!("{} windows evaluated", text_at(&report, "windows_evaluated")));
    for alert in at(&report, "alerts_opened").as_array().into_iter().flatten() {
        output::line(&format!("! {}", text_at(alert, "title")));
    }
    for job in at(&report, "jobs").as_array().into_iter().flatten() {
        output::line(&format!("  job {} was started: {}", text_at(job, "id"), text_at(job, "kind")));
    }
    Ok(())
}

/// Acknowledges, resolves or silences an alert.
pub(super) async fn alert(client: &Client, arguments: &AlertArguments, json: bool) -> Result<()> {
    let act = match arguments.act {
        AlertAct::Acknowledge => "acknowledge",
        AlertAct::Resolve => "resolve",
        AlertAct::Silence => "silence",
    };
    if arguments.act == AlertAct::Silence && arguments.until.is_none() {
        return Err(hinted("a silence needs an end", "add --until 2026-12-31"));
    }
    let body = json!({ "reason": arguments.reason, "until": arguments.until });
    let alert: Value = client.post(&format!("/api/v1/alerts/{}/{act}", arguments.id), &body).await?;
    if json {
        output::json(&alert);
    } else {
        output::line(&format!("{}: {}", text_at(&alert, "title"), text_at(&alert, "state")));
    }
    Ok(())
}
