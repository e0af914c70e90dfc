//! `show` and `lineage`: one thing with all that is known about it.

use anyhow::Result;
use serde_json::Value;

use crate::args::{ShowArguments, ShowKind};
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, bold, columns, facts, faint, text_at};

/// Prints one thing.
pub(super) async fn show(client: &Client, arguments: &ShowArguments, json: bool) -> Result<()> {
    let name = arguments.name.as_str();
    let item = client.get(&address(client, arguments.what, name).await?).await?;
    if json {
        output::json(&item);
        return Ok(());
    }
    match arguments.what {
        ShowKind::Model => model(client, &item).await?,
        ShowKind::Version => {
            version(&item);
            super::prove::shown(client, &text_at(&item, "model"), &text_at(&item, "number")).await?;
        }
        ShowKind::Monitor => monitor(&item),
        ShowKind::Alert => alert(&item),
        ShowKind::Prediction => {
            let mut item = item;
            if let Some(fields) = item.as_object_mut() {
                fields.remove("lineage");
            }
            plain(&item);
            lineage(client, &format!("prediction:{name}"), false).await?;
        }
        ShowKind::Pipeline => pipeline(&item),
        ShowKind::Deployment => {
            plain(&item);
            super::cluster::show(client, name).await?;
        }
        ShowKind::Run | ShowKind::Dataset | ShowKind::Job => plain(&item),
    }
    let kind = match arguments.what {
        ShowKind::Model => "model",
        ShowKind::Version => "version",
        ShowKind::Dataset => "dataset",
        ShowKind::Deployment => "deployment",
        ShowKind::Prediction => "prediction",
        ShowKind::Pipeline => "pipeline_run",
        ShowKind::Run | ShowKind::Monitor | ShowKind::Alert | ShowKind::Job => return Ok(()),
    };
    if arguments.lineage {
        output::line(&format!("\n{}", bold("What it came from, and what came of it")));
        let query = [("object", Some(format!("{kind}:{name}")))];
        super::lineage::print(&client.get_with("/api/v1/lineage/graph", &query).await?);
    }
    Ok(())
}

async fn address(client: &Client, what: ShowKind, name: &str) -> Result<String> {
    let noun = match what {
        ShowKind::Version => return version_address(client, name).await,
        ShowKind::Model => "models",
        ShowKind::Run => "runs",
        ShowKind::Dataset => "datasets",
        ShowKind::Pipeline => "pipeline-runs",
        ShowKind::Deployment => "deployments",
        ShowKind::Monitor => "monitors",
        ShowKind::Alert => "alerts",
        ShowKind::Prediction => "predictions",
        ShowKind::Job => "jobs",
    };
    Ok(format!("/api/v1/{noun}/{name}"))
}

pub(super) async fn version_address(client: &Client, name: &str) -> Result<String> {
    let (model, version) = name.split_once('@').ok_or_else(|| {
        hinted(format!("`{name}` names no version"), "write `MODEL@NUMBER` or `MODEL@ALIAS`")
    })?;
    if version.parse::<u32>().is_ok() {
        return Ok(format!("/api/v1/models/{model}/versions/{version}"));
    }
    let found = client.get(&format!("/api/v1/models/{model}")).await?;
    let aliases = at(&found, "aliases");
    let number = aliases
        .as_array()
        .into_iter()
        .flatten()
        .find(|alias| text_at(alias, "alias") == version)
        .map(|alias| text_at(alias, "version"));
    let number = number.ok_or_else(|| {
        hinted(
            format!("model `{model}` has no alias `{version}`"),
            format!("`gingham show model {model}` lists them"),
        )
    })?;
    Ok(format!("/api/v1/models/{model}/versions/{number}"))
}

async fn model(client: &Client, item: &Value) -> Result<()> {
    let name = text_at(item, "name");
    output::line(&format!("{}  {}", bold(&name), text_at(item, "description")));
    facts(&[
        ("owner", text_at(item, "owner")),
        ("project", text_at(item, "project")),
        ("deployment", text_at(item, "deployment")),
    ]);
    for alias in at(item, "aliases").as_array().into_iter().flatten() {
        output::line(&format!(
            "{} → version {}  {}",
            bold(&text_at(alias, "alias")),
            text_at(alias, "version"),
            faint(&format!("since {} · {}", text_at(alias, "since"), text_at(alias, "reason")))
        ));
    }
    output::line(&format!("\n{}", bold("Versions, newest first")));
    for version in at(item, "versions").as_array().into_iter().flatten() {
        output::line(&format!(
            "{:>3}  {}  mae {}  {}",
            text_at(version, "number"),
            text_at(version, "trainer"),
            text_at(version, "metrics.mae"),
            text_at(version, "promotion.decision")
        ));
        for rule in at(version, "promotion.rules").as_array().into_iter().flatten() {
            let sign = if at(rule, "passed") == Value::Bool(true) { "✓" } else { "✗" };
            output::line(&faint(&format!("     {sign} {}", text_at(rule, "why"))));
        }
    }
    let alerts = client.list("/api/v1/alerts", &[("model", Some(name))], 10).await?;
    output::line(&format!("\n{}", bold("Alerts, newest first")));
    let shown = columns(&[
        ("state", "state"),
        ("severity", "severity"),
        ("what happened", "title"),
        ("since", "since"),
    ]);
    output::table(&alerts, &shown, "none");
    Ok(())
}

fn version(item: &Value) {
    output::line(&bold(&format!("{} version {}", text_at(item, "model"), text_at(item, "number"))));
    facts(&[
        ("made", text_at(item, "created_at")),
        ("trainer", text_at(item, "trainer")),
        ("engine", text_at(item, "engine")),
        ("digest", text_at(item, "digest")),
        ("run", text_at(item, "source_run")),
        ("pipeline run", text_at(item, "pipeline_run")),
        ("metrics", text_at(item, "metrics")),
        ("trained on", text_at(item, "training_rows")),
        ("evaluated on", text_at(item, "evaluation_rows")),
        ("decision", text_at(item, "promotion.decision")),
    ]);
    for rule in at(item, "promotion.rules").as_array().into_iter().flatten() {
        let sign = if at(rule, "passed") == Value::Bool(true) { "✓" } else { "✗" };
        output::line(&format!("  {sign} {}", text_at(rule, "why")));
    }
    output::line(&format!("\n{}", bold("Data")));
    let items = at(item, "dataset_versions").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("dataset", "dataset"),
        ("version", "number"),
        ("rows", "rows"),
        ("from", "from"),
        ("to", "to"),
    ]);
    output::table(&items, &shown, "unknown");
    output::line(&format!("\n{}", bold("What matters most")));
    let features = at(item, "feature_importance").as_array().cloned().unwrap_or_default();
    output::table(
        &features,
        &columns(&[("feature", "feature"), ("gain", "gain")]),
        "not known for this trainer",
    );
}

fn monitor(item: &Value) {
    let windows = at(item, "windows").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("from", "from"),
        ("version", "version"),
        ("rows", "rows"),
        ("labelled", "labelled"),
        ("mae", "metric.mae"),
        ("expected", "reference_metric"),
        ("state", "state"),
        ("drift", "drift_state"),
        ("worst", "worst.column"),
    ]);
    output::table(&windows, &shown, "no window of live data has ended yet");
}

fn alert(item: &Value) {
    output::line(&bold(&text_at(item, "title")));
    facts(&[
        ("state", text_at(item, "state")),
        ("severity", text_at(item, "severity")),
        ("since", text_at(item, "since")),
        ("what changed", text_at(item, "what_changed")),
        ("likely cause", text_at(item, "cause")),
        ("what it means", text_at(item, "impact")),
        ("what to do", text_at(item, "action.label")),
        ("", text_at(item, "action.command")),
    ]);
    output::line(&format!("\n{}", bold("History")));
    for step in at(item, "history").as_array().into_iter().flatten() {
        output::line(&format!(
            "{}  {}  {}",
            faint(&text_at(step, "at")),
            text_at(step, "state"),
            text_at(step, "reason")
        ));
    }
}

fn pipeline(item: &Value) {
    facts(&[
        ("model", text_at(item, "model")),
        ("cause", text_at(item, "cause")),
        ("state", text_at(item, "state")),
        ("started", text_at(item, "started_at")),
        ("finished", text_at(item, "finished_at")),
    ]);
    let steps = at(item, "steps").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("step", "name"),
        ("state", "state"),
        ("from cache", "cached"),
        ("message", "message"),
        ("run", "run_id"),
    ]);
    output::table(&steps, &shown, "no steps");
}

/// Prints the fields of a thing, one a line; lists and nested things follow in JSON.
fn plain(item: &Value) {
    let Some(fields) = item.as_object() else { return output::json(item) };
    let simple = |value: &Value| match value {
        Value::Array(items) => items.iter().all(|item| !item.is_object()),
        Value::Object(fields) => fields.values().all(|value| !value.is_object() && !value.is_array()),
        _ => true,
    };
    let lines: Vec<(&str, String)> = fields
        .iter()
        .filter(|(_, value)| simple(value))
        .map(|(key, value)| (key.as_str(), output::text(value)))
        .collect();
    facts(&lines);
    for (key, value) in fields.iter().filter(|(_, value)| !simple(value)) {
        output::line(&format!("\n{}", bold(key)));
        match value.as_array() {
            Some(items) => {
                for item in items.iter().take(20) {
                    output::line(&format!("  {}", output::text(item)));
                }
            }
            None => output::json(value),
        }
    }
}

/// Prints the way back from an object to the rows it came from.
pub(super) async fn lineage(client: &Client, object: &str, json: bool) -> Result<()> {
    let graph = client.get_with("/api/v1/lineage", &[("object", Some(object.to_owned()))]).await?;
    if json {
        output::json(&graph);
        return Ok(());
    }
    output::line(&format!("\n{}", bold("Where it came from")));
    for node in at(&graph, "nodes").as_array().into_iter().flatten() {
        let kind = text_at(node, "kind");
        output::line(&format!(
            "  {kind:<12} {}  {}",
            text_at(node, "title"),
            faint(&text_at(node, "detail"))
        ));
    }
    Ok(())
}
