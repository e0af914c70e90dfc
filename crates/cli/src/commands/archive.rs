//! `export` and `archive`: files of predictions, and the rules by which they are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base::{Period, Timestamp};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, faint, text_at};

#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArguments {
    /// The model.
    #[arg(long)]
    model: String,
    /// Only predictions about this moment or later.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Only predictions about a moment before this.
    #[arg(long)]
    to: Option<Timestamp>,
    /// As the archive would have answered at this moment: without what it was told later.
    #[arg(long)]
    known_by: Option<Timestamp>,
    /// The file to write: `.parquet`, `.csv` or `.json` (one object a line).
    #[arg(long, value_name = "FILE")]
    to_file: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ArchiveCommand {
    /// Show how long a model's predictions are kept, or decide it.
    Keep {
        /// The model.
        model: String,
        /// How long, such as `400d`; nothing is changed when it is not given.
        #[arg(long = "for", value_name = "PERIOD")]
        period: Option<Period>,
        /// Why.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Keep everything of a model from being deleted, or allow it again.
    Hold {
        /// The model.
        model: String,
        /// Allow it again.
        #[arg(long)]
        lift: bool,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Erase everything about an entity; its bytes are gone when this ends.
    Erase {
        /// The entity's key.
        entity: String,
        /// From this model only; from all when not given.
        #[arg(long)]
        model: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Writes predictions to a file, part by part. The file has its name only when it is whole.
pub(super) async fn export(client: &Client, arguments: &ExportArguments, json: bool) -> Result<()> {
    let file = &arguments.to_file;
    let format = match file.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => "parquet",
        Some("csv") => "csv",
        Some("json" | "jsonl" | "ndjson") => "json",
        _ => {
            return Err(hinted(
                format!("`{}` does not say which form it shall have", file.display()),
                "end its name in .parquet, .csv or .json",
            ));
        }
    };
    let query = [
        ("from", arguments.from.map(|at| at.to_string())),
        ("to", arguments.to.map(|at| at.to_string())),
        ("known_by", arguments.known_by.map(|at| at.to_string())),
        ("format", Some(format.to_owned())),
    ];
    let path = format!("/api/v1/models/{}/predictions/export", arguments.model);
    let unfinished = unfinished(file);
    let written = client.get_to_file(&path, &query, &unfinished).await;
    let bytes = match written {
        Ok(bytes) => bytes,
        Err(error) => {
            // What is unfinished is of no use; if it was never begun, there is nothing to remove.
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
    };
    std::fs::rename(&unfinished, file).with_context(|| format!("`{}` cannot be written", file.display()))?;
    if json {
        output::json(&json!({ "file": file.display().to_string(), "bytes": bytes }));
    } else {
        output::line(&format!("wrote {bytes} bytes to {}", file.display()));
    }
    Ok(())
}

fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    file.with_file_name(name)
}

/// Shows and decides how rows are kept.
pub(super) async fn archive(client: &Client, command: &ArchiveCommand, json: bool) -> Result<()> {
    let rule_of = |model: &str| format!("/api/v1/models/{model}/archive");
    match command {
        ArchiveCommand::Keep { model, period: None, .. } => {
            show_rule(&client.get(&rule_of(model)).await?, json);
        }
        ArchiveCommand::Keep { model, period: Some(period), reason } => {
            let before = client.get(&rule_of(model)).await?;
            let body = json!({ "keep": period, "held": at(&before, "held"), "reason": reason });
            show_rule(&client.put(&rule_of(model), &body).await?, json);
        }
        ArchiveCommand::Hold { model, lift, reason } => {
            let before = client.get(&rule_of(model)).await?;
            let body = json!({ "keep": at(&before, "keep"), "held": !lift, "reason": reason });
            show_rule(&client.put(&rule_of(model), &body).await?, json);
        }
        ArchiveCommand::Erase { entity, model, reason } => {
            let body = json!({ "entity": entity, "model": model, "reason": reason });
            show_erasure(&client.post("/api/v1/archive/erase", &body).await?, json);
        }
    }
    Ok(())
}

fn show_rule(rule: &Value, json: bool) {
    if json {
        output::json(rule);
        return;
    }
    let keep = at(rule, "keep").as_str().map_or_else(|| "for ever".to_owned(), |keep| format!("for {keep}"));
    output::line(&format!("predictions of {} are kept {keep}", text_at(rule, "model")));
    if at(rule, "held") == Value::Bool(true) {
        output::line(&format!("held, nothing may be deleted: {}", text_at(rule, "reason")));
    }
}

fn show_erasure(report: &Value, json: bool) {
    if json {
        output::json(report);
        return;
    }
    for rows in at(report, "erased").as_array().into_iter().flatten() {
        output::line(&format!(
            "{}: {} predictions and {} labels erased",
            text_at(rows, "model"),
            text_at(rows, "predictions"),
            text_at(rows, "labels")
        ));
    }
    let listed = |name: &str| -> Vec<String> {
        let items = at(report, name);
        items.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (datasets, trained) = (listed("datasets"), listed("trained_on"));
    if !datasets.is_empty() {
        output::line(&format!("datasets that hold it still: {}", datasets.join(", ")));
    }
    if !trained.is_empty() {
        output::line(&format!("versions that were trained on them: {}", trained.join(", ")));
    }
    output::line(&faint("older versions of the archive's tables cannot be read any more"));
}
