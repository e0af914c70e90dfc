//! `report`, `rules` and `dashboards`: the state of a monitor on one page, and what a rule would have done.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, text_at};
use crate::project::Project;

/// The dashboards that come with the program.
const DASHBOARDS: &[(&str, &str)] = &[
    ("gingham-models.json", include_str!("../../dashboards/gingham-models.json")),
    ("gingham-server.json", include_str!("../../dashboards/gingham-server.json")),
];

/// Which report is written.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArguments {
    /// The model.
    model: String,
    /// The stretch of event time, `FROM..TO`; either may be left out.
    #[arg(long)]
    window: Option<String>,
    /// The file: `.html`, `.json` or `.md`. Without it, Markdown is printed.
    #[arg(long)]
    to: Option<PathBuf>,
}

/// What is done with rules.
#[derive(Debug, Clone, Args)]
pub(crate) struct RulesArguments {
    #[command(subcommand)]
    act: RulesAct,
}

#[derive(Debug, Clone, Subcommand)]
enum RulesAct {
    /// Say how often the `monitor` of a `gingham.yaml` would have fired in the past, before it is applied.
    Simulate {
        /// The file, or the folder it is in.
        #[arg(default_value = "gingham.yaml")]
        file: PathBuf,
    },
}

/// Where dashboards are written.
#[derive(Debug, Clone, Args)]
pub(crate) struct DashboardsArguments {
    /// The folder.
    #[arg(long, default_value = "dashboards")]
    to: PathBuf,
}

/// Writes the report of a model.
pub(super) async fn report(client: &Client, arguments: &ReportArguments, json: bool) -> Result<()> {
    let ending = arguments.to.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    let format = match (ending, json) {
        (Some("html"), _) => "html",
        (Some("json"), _) | (None, true) => "json",
        (Some("md"), _) | (None, false) => "markdown",
        (Some(other), _) => {
            return Err(hinted(
                format!("a report cannot be written as `.{other}`"),
                "name a file that ends in .html, .json or .md",
            ));
        }
    };
    let (from, to) = match arguments.window.as_deref() {
        None => (None, None),
        Some(window) => {
            let (from, to) = window
                .split_once("..")
                .ok_or_else(|| hinted(format!("`{window}` is no stretch of time"), "write FROM..TO"))?;
            let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            (end(from), end(to))
        }
    };
    let path = format!("/api/v1/monitors/{}/report", arguments.model);
    let query = [("format", Some(format.to_owned())), ("from", from), ("to", to)];
    let text = client.get_text(&path, &query).await?;
    match &arguments.to {
        Some(file) => {
            std::fs::write(file, &text).with_context(|| format!("`{}` cannot be written", file.display()))?;
            output::line(&format!("{}: {} kB", file.display(), text.len().div_ceil(1_000)));
        }
        None => output::line(text.trim_end()),
    }
    Ok(())
}

/// Plays rules on the past.
pub(super) async fn rules(client: &Client, arguments: &RulesArguments, json: bool) -> Result<()> {
    let RulesAct::Simulate { file } = &arguments.act;
    let project = Project::read(file)?;
    let model = &project.spec.model;
    let Some(monitor) = &project.spec.monitor else {
        return Err(hinted(
            format!("the file of `{model}` has no `monitor`"),
            "docs/gingham-yaml.md shows what one looks like",
        ));
    };
    let body = json!({ "monitor": monitor });
    let answer = client.post(&format!("/api/v1/monitors/{model}/simulate"), &body).await?;
    if json {
        output::json(&answer);
        return Ok(());
    }
    for rule in at(&answer, "rules").as_array().into_iter().flatten() {
        output::line(&format!("  {}", text_at(rule, "words")));
    }
    output::line(&text_at(&answer, "words"));
    Ok(())
}

/// Writes the dashboards for Grafana.
pub(super) fn dashboards(arguments: &DashboardsArguments, json: bool) -> Result<()> {
    std::fs::create_dir_all(&arguments.to)
        .with_context(|| format!("`{}` cannot be made", arguments.to.display()))?;
    let mut written = Vec::new();
    for (name, text) in DASHBOARDS {
        let path = arguments.to.join(name);
        std::fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        written.push(Value::String(path.display().to_string()));
    }
    if json {
        output::json(&Value::Array(written));
    } else {
        for path in written {
            output::line(path.as_str().unwrap_or_default());
        }
        output::line(
            "Import them in Grafana: Dashboards, New, Import; the data source is a Prometheus that reads /metrics.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashboards_ask_only_for_figures_that_exist() {
        let known = [
            "gingham_alert",
            "gingham_monitor_rows",
            "gingham_monitor_labelled",
            "gingham_monitor_state",
            "gingham_monitor_metric",
            "gingham_monitor_drift",
            "gingham_monitor_drift_threshold",
            "gingham_monitor_window_end_seconds",
            "gingham_http_requests_total",
            "gingham_http_request_duration_seconds",
        ];
        for (name, text) in DASHBOARDS {
            let board: Value = serde_json::from_str(text).unwrap();
            let panels = board["panels"].as_array().unwrap();
            assert!(!panels.is_empty(), "{name}");
            for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
                let query = target["expr"].as_str().unwrap();
                let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                for word in words.filter(|word| word.starts_with("gingham_")) {
                    let plain = word.trim_end_matches("_bucket").trim_end_matches("_count");
                    assert!(known.contains(&plain), "{name}: {word}");
                }
            }
        }
    }
}
