//! `test --model`, `backtest` and `explain`: what is known about a version and its predictions.

use std::process::ExitCode;

use anyhow::{Context, Result};
use base::Timestamp;
use checks::Verdict;
use checks::report::Tested;
use clap::Args;
use serde_json::{Value, json};

use super::show::version_address;
use super::test::{TestArguments, finish};
use crate::client::Client;
use crate::exit::{CHECK_FAILED, hinted};
use crate::output::{self, at, bold, columns, faint, text_at};

/// Which version is tried on which traffic.
#[derive(Debug, Clone, Args)]
pub(crate) struct BacktestArguments {
    /// The version: `MODEL@NUMBER` or `MODEL@ALIAS`.
    #[arg(value_name = "MODEL@VERSION")]
    tried: String,
    /// How long before the newest request, such as `30d`, `12h` or `4w`.
    #[arg(long, default_value = "30d", conflicts_with = "from")]
    last: String,
    /// Requests from this moment on.
    #[arg(long)]
    from: Option<Timestamp>,
    /// Requests before this moment.
    #[arg(long)]
    to: Option<Timestamp>,
    /// The metric; that of the `gingham.yaml`, or `mae`, when not given.
    #[arg(long)]
    metric: Option<String>,
}

/// What is explained.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArguments {
    /// The id of an archived prediction; or, with `--model`, leave it out.
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    prediction: Option<String>,
    /// Say what a version leans on as a whole, by permutation: `MODEL@NUMBER` or `MODEL@ALIAS`.
    #[arg(long, value_name = "MODEL@VERSION")]
    model: Option<String>,
}

/// Tests a version on the server; reports and exit code are those of tests of rows.
pub(super) async fn test_version(client: &Client, arguments: &TestArguments, json: bool) -> Result<ExitCode> {
    let named = arguments.model.as_deref().unwrap_or_default();
    let address = version_address(client, named).await?;
    let checks = match &arguments.checks {
        None => None,
        Some(file) => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(file).with_context(|| format!("`{name}` cannot be read"))?;
            let value = platform::spec::yaml_value(&name, &text)?;
            let listed = value.get("model_checks").cloned().unwrap_or(value);
            Some(listed.as_array().cloned().ok_or_else(|| {
                hinted(format!("`{name}` holds no list of checks"), "begin the file with `model_checks:`")
            })?)
        }
    };
    let body = json!({
        "checks": checks,
        "dataset": arguments.dataset,
        "target": arguments.target,
        "time": arguments.time,
    });
    let answer = client.post(&format!("{address}/test"), &body).await?;
    let verdict =
        verdict_of(&answer).context("the server gave a verdict in a form that is not known here")?;
    let file = arguments.dataset.clone().unwrap_or_else(|| "rows to judge by".to_owned());
    let suite = arguments
        .checks
        .as_ref()
        .map_or_else(|| "gingham.yaml".to_owned(), |file| file.display().to_string());
    let places = vec![None; verdict.results.len()];
    let tested = Tested { source: named.to_owned(), file, suite, places, verdict };
    finish(arguments, &[tested], json)
}

/// A verdict as the API gives it.
fn verdict_of(answer: &Value) -> Result<Verdict> {
    let rows = at(answer, "rows").as_u64().unwrap_or_default();
    let mut results = Vec::new();
    for result in at(answer, "results").as_array().into_iter().flatten() {
        let mut result = result.clone();
        if let Some(fields) = result.as_object_mut() {
            let sample = fields.remove("sample").unwrap_or_default();
            let rows = sample.as_array().into_iter().flatten();
            let rows: Vec<Value> =
                (1_u64..).zip(rows).map(|(row, values)| json!({ "row": row, "values": values })).collect();
            fields.insert("sample".to_owned(), Value::Array(rows));
            fields.entry("vacuous").or_insert(Value::Bool(false));
        }
        results.push(serde_json::from_value(result)?);
    }
    Ok(Verdict::of(rows, results))
}

/// Tries a version on real traffic. The exit code says whether it is worse for certain.
pub(super) async fn backtest(client: &Client, arguments: &BacktestArguments, json: bool) -> Result<ExitCode> {
    let address = version_address(client, &arguments.tried).await?;
    let last = arguments.from.is_none().then_some(&arguments.last);
    let body =
        json!({ "last": last, "from": arguments.from, "to": arguments.to, "metric": arguments.metric });
    let answer = client.post(&format!("{address}/backtest"), &body).await?;
    let worse = at(&answer, "interval.low").as_f64().is_some_and(|low| low > 0.0);
    let code = if worse { ExitCode::from(CHECK_FAILED) } else { ExitCode::SUCCESS };
    if json {
        output::json(&answer);
        return Ok(code);
    }
    output::line(&bold(&format!(
        "{} on traffic from {} until before {}",
        arguments.tried,
        text_at(&answer, "from"),
        text_at(&answer, "to")
    )));
    output::line(&text_at(&answer, "summary"));
    output::line(&format!("\n{}", bold("Parts of the traffic, where it loses most first")));
    let parts: Vec<Value> = at(&answer, "slices").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("column", "column"),
        ("is", "part"),
        ("requests", "rows"),
        ("this version", "candidate"),
        ("served", "served"),
        ("worse for certain", "worse"),
    ]);
    output::table(parts.get(..parts.len().min(10)).unwrap_or_default(), &shown, "too few labels for parts");
    output::line(&format!("\n{}", bold("What changed most")));
    let changed: Vec<Value> = at(&answer, "changed").as_array().cloned().unwrap_or_default();
    let shown = columns(&[
        ("prediction", "prediction_id"),
        ("when", "event_time"),
        ("served", "served"),
        ("this version", "candidate"),
        ("came true", "label"),
    ]);
    output::table(changed.get(..changed.len().min(10)).unwrap_or_default(), &shown, "nothing");
    Ok(code)
}

/// Says what made a prediction, or what a version leans on.
pub(super) async fn explain(client: &Client, arguments: &ExplainArguments, json: bool) -> Result<()> {
    if let Some(version) = &arguments.model {
        let address = version_address(client, version).await?;
        let answer = client.post(&format!("{address}/importance"), &json!({})).await?;
        if json {
            output::json(&answer);
            return Ok(());
        }
        output::line(&text_at(&answer, "summary"));
        let features = at(&answer, "features").as_array().cloned().unwrap_or_default();
        let shown = columns(&[("feature", "feature"), ("worse by", "mean"), ("deviation", "deviation")]);
        output::table(&features, &shown, "it takes no features");
        return Ok(());
    }
    let prediction = arguments.prediction.as_deref().unwrap_or_default();
    let answer = client.get(&format!("/api/v1/predictions/{prediction}/explanation")).await?;
    if json {
        output::json(&answer);
        return Ok(());
    }
    output::line(&format!(
        "{} by {}@{}: {} from what is usual, {}",
        bold(&text_at(&answer, "output")),
        text_at(&answer, "model"),
        text_at(&answer, "version"),
        text_at(&answer, "prediction"),
        text_at(&answer, "base"),
    ));
    let features = at(&answer, "features").as_array().cloned().unwrap_or_default();
    let shown = columns(&[("feature", "feature"), ("is", "value"), ("adds", "contribution")]);
    output::table(&features, &shown, "it takes no features");
    output::line(&faint(&text_at(&answer, "method")));
    Ok(())
}

/// The newest verdicts of a version, as `show version` has them.
pub(super) async fn shown(client: &Client, model: &str, number: &str) -> Result<()> {
    let object = format!("version:{model}@{number}");
    let verdicts = client.list("/api/v1/verdicts", &[("object", Some(object))], 5).await?;
    output::line(&format!("\n{}", bold("Checks")));
    let mut seen = std::collections::HashSet::new();
    let mut rows: Vec<Value> = Vec::new();
    for verdict in &verdicts {
        for result in at(verdict, "results").as_array().into_iter().flatten() {
            if seen.insert(text_at(result, "check_id")) {
                rows.push(result.clone());
            }
        }
    }
    let columns = columns(&[
        ("check", "check_id"),
        ("outcome", "outcome"),
        ("severity", "severity"),
        ("found", "message"),
    ]);
    output::table(&rows, &columns, "none: `gingham test --model` tests it");
    Ok(())
}
