//! `replay`: archived predictions, computed again.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use crate::args::ReplayArguments;
use crate::client::Client;
use crate::exit::CHECK_FAILED;
use crate::output::{self, at, faint, text_at};

/// Computes one prediction again, or the newest of a model, and says whether the same bits came out.
pub(super) async fn replay(client: &Client, arguments: &ReplayArguments, json: bool) -> Result<ExitCode> {
    match (&arguments.prediction, &arguments.model) {
        (Some(prediction), _) => one(client, prediction, json).await,
        (None, model) => many(client, model.as_deref().unwrap_or_default(), arguments.last, json).await,
    }
}

async fn one(client: &Client, prediction: &str, json: bool) -> Result<ExitCode> {
    let answer = client.get(&format!("/api/v1/predictions/{prediction}/replay")).await?;
    if json {
        output::json(&answer);
    } else {
        output::line(&sentence(&answer));
        if let Some(why) = at(&answer, "why").as_str() {
            output::line(&faint(why));
        }
    }
    Ok(exit(at(&answer, "verdict") == "equal"))
}

async fn many(client: &Client, model: &str, last: usize, json: bool) -> Result<ExitCode> {
    let answer = client.get(&format!("/api/v1/models/{model}/replay?last={last}")).await?;
    let all_equal = at(&answer, "equal") == at(&answer, "replayed");
    if json {
        output::json(&answer);
        return Ok(exit(all_equal));
    }
    output::line(&format!(
        "{} predictions of {model} computed again: {} equal to the bit, {} different, {} with something missing",
        text_at(&answer, "replayed"),
        text_at(&answer, "equal"),
        text_at(&answer, "differing"),
        text_at(&answer, "missing"),
    ));
    for exception in at(&answer, "exceptions").as_array().into_iter().flatten() {
        output::line(&format!("{}  {}", text_at(exception, "prediction"), sentence(exception)));
        output::line(&faint(&format!("  {}", text_at(exception, "why"))));
    }
    Ok(exit(all_equal))
}

fn sentence(replay: &Value) -> String {
    let version = format!("version {} of {}", text_at(replay, "version"), text_at(replay, "model"));
    match at(replay, "verdict").as_str() {
        Some("equal") => {
            format!("equal to the bit: {version} gives {} again", text_at(replay, "recomputed"))
        }
        Some("differs") => format!(
            "different: {version} gives {} now and gave {} then",
            text_at(replay, "recomputed"),
            text_at(replay, "archived")
        ),
        _ => format!("cannot be computed again by {version}"),
    }
}

fn exit(all_equal: bool) -> ExitCode {
    if all_equal { ExitCode::SUCCESS } else { ExitCode::from(CHECK_FAILED) }
}
