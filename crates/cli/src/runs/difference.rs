//! `diff`: why two runs or versions differ.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::run_id;
use crate::client::Client;
use crate::output::{self, at, bold, faint, short_number, text_at};

#[derive(Debug, Clone, Args)]
pub(crate) struct DiffArguments {
    /// The first: a run's id, or `MODEL@NUMBER`.
    pub(crate) left: String,
    /// The second.
    pub(crate) right: String,
    /// The metric that effects are told in; one that both have when none is named.
    #[arg(long)]
    pub(crate) metric: Option<String>,
}

/// Prints why two things differ.
pub(crate) async fn diff(client: &Client, arguments: &DiffArguments, json: bool) -> Result<()> {
    let query = [
        ("left", Some(subject(&arguments.left))),
        ("right", Some(subject(&arguments.right))),
        ("metric", arguments.metric.clone()),
    ];
    let found = client.get_with("/api/v1/differences", &query).await?;
    if json {
        output::json(&found);
        return Ok(());
    }
    output::line(&format!(
        "{} → {}",
        bold(&text_at(&found, "left.name")),
        bold(&text_at(&found, "right.name"))
    ));
    let metric = text_at(&found, "metric.key");
    if metric.is_empty() {
        output::line(&faint("they have no metric in common"));
    } else {
        output::line(&format!(
            "{metric}: {} → {}  ({})",
            text_at(&found, "metric.left"),
            text_at(&found, "metric.right"),
            signed(&at(&found, "metric.change"))
        ));
    }
    causes(&found, &metric);
    let metrics = at(&found, "metrics").as_array().cloned().unwrap_or_default();
    output::line(&format!("\n{}", bold("Metrics")));
    let columns =
        output::columns(&[("metric", "key"), ("first", "left"), ("second", "right"), ("change", "change")]);
    output::table(&metrics, &columns, "none");
    let (same, runs) = (text_at(&found, "same"), text_at(&found, "runs"));
    output::line(&faint(&format!("{same} things are the same; effects are told by {runs} other runs")));
    Ok(())
}

fn causes(found: &Value, metric: &str) {
    output::line(&format!("\n{}", bold("Why, the greatest effect first")));
    let causes = at(found, "causes").as_array().cloned().unwrap_or_default();
    if causes.is_empty() {
        output::line(&faint("nothing that is known of them differs"));
        return;
    }
    let titles = ["", "what", "first", "second", "effect", "how it is known"].map(str::to_owned);
    let rows: Vec<Vec<Value>> = causes
        .iter()
        .map(|cause| {
            let effect = match at(cause, "effect.change") {
                Value::Null => Value::from("unknown"),
                change => {
                    let error = at(cause, "effect.error").as_f64();
                    let error = error.map(|error| format!(" ± {}", short_number(error))).unwrap_or_default();
                    Value::from(format!("{metric} {}{error}", signed(&change)))
                }
            };
            let side = |key: &str| match at(cause, key) {
                Value::Null => Value::from("–"),
                value => Value::from(short(&output::text(&value))),
            };
            vec![at(cause, "area"), at(cause, "name"), side("left"), side("right"), effect, at(cause, "why")]
        })
        .collect();
    output::grid(&titles, &rows);
}

fn subject(word: &str) -> String {
    match word {
        word if word.starts_with("run:") || word.starts_with("version:") => word.to_owned(),
        word if word.contains('@') => format!("version:{word}"),
        word => format!("run:{}", run_id(word)),
    }
}

fn signed(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if number > 0.0 => format!("+{}", short_number(number)),
        Some(number) => short_number(number),
        None => "–".to_owned(),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST).collect::<String>())
    }
}
