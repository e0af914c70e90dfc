//! `fairness`: how differently a classifier treats groups, from a file of rows, without a server.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use checks::Rows;
use clap::Args;
use serde_json::{Value, json};
use stats::{Against, Fairness};
use tables::{Query, Table, Values};

use crate::exit::hinted;
use crate::output::{self, bold, columns};

/// Which columns of which rows.
#[derive(Debug, Clone, Args)]
pub(crate) struct FairnessArguments {
    /// A CSV (also gzipped) or Parquet file.
    file: PathBuf,
    /// The column with the truth, 0 and 1 or true and false.
    #[arg(long)]
    truth: String,
    /// The column with what was predicted: a class of 0 and 1, or a score.
    #[arg(long)]
    predicted: String,
    /// The column with the groups.
    #[arg(long)]
    groups: String,
    /// From which score on a row is called true.
    #[arg(long, default_value_t = 0.5)]
    threshold: f64,
    /// The group to compare (with `--privileged`), as AIF360 does.
    #[arg(long, requires = "privileged")]
    unprivileged: Option<String>,
    /// The group to compare with.
    #[arg(long, requires = "unprivileged")]
    privileged: Option<String>,
}

/// Works the figures out and prints them.
pub(super) async fn fairness(arguments: &FairnessArguments, json: bool) -> Result<()> {
    let named = arguments.file.display().to_string();
    let rows = match Rows::open(&arguments.file).await.with_context(|| format!("`{named}` cannot be read"))? {
        Rows::Table(table) => table,
        Rows::Parquet { path, .. } => Query::new().parquet("input", &path).run("select * from input").await?,
    };
    let truth = truths(&rows, &arguments.truth)?;
    let scores = rows.numbers(&arguments.predicted)?;
    let groups = words(&rows, &arguments.groups)?;
    let mut kept: (Vec<bool>, Vec<bool>, Vec<String>) = (Vec::new(), Vec::new(), Vec::new());
    for ((truth, score), group) in truth.into_iter().zip(scores).zip(groups) {
        if let (Some(truth), Some(score), Some(group)) =
            (truth, score.filter(|score| score.is_finite()), group)
        {
            kept.0.push(truth);
            kept.1.push(score >= arguments.threshold);
            kept.2.push(group);
        }
    }
    let found = stats::fairness(&kept.0, &kept.1, &kept.2).ok_or_else(|| {
        hinted(
            format!("no row of `{named}` has a truth, a prediction and a group"),
            "look at the columns' names",
        )
    })?;
    let pair = match (&arguments.unprivileged, &arguments.privileged) {
        (Some(own), Some(other)) => Some(found.pair(own, other).ok_or_else(|| {
            let names: Vec<&str> = found.groups.iter().map(|group| group.name.as_str()).collect();
            hinted(
                format!("there is no group `{own}` or `{other}`"),
                format!("the groups are {}", names.join(", ")),
            )
        })?),
        _ => None,
    };
    let figures = |against| -> serde_json::Map<String, Value> {
        Fairness::NAMES.iter().map(|name| ((*name).to_owned(), json!(found.get(name, against)))).collect()
    };
    let (between, overall) = (figures(Against::BetweenGroups), figures(Against::ToOverall));
    if json {
        output::json(&json!({
            "fairness": found, "between_groups": between, "to_overall": overall, "pair": pair,
        }));
        return Ok(());
    }
    let rate = |rate: &Option<stats::Rate>| {
        rate.map_or_else(
            || "none".to_owned(),
            |rate| {
                format!("{:.1} % ({:.1} to {:.1})", rate.value * 100.0, rate.low * 100.0, rate.high * 100.0)
            },
        )
    };
    let groups: Vec<Value> = found
        .groups
        .iter()
        .map(|group| {
            json!({
                "group": group.name, "rows": group.rows,
                "called": rate(&group.selection_rate), "tpr": rate(&group.true_positive_rate),
                "fpr": rate(&group.false_positive_rate), "wrong": rate(&group.error_rate),
            })
        })
        .collect();
    let shown = columns(&[
        ("group", "group"),
        ("rows", "rows"),
        ("called true", "called"),
        ("of the true ones", "tpr"),
        ("of the false ones", "fpr"),
        ("wrong", "wrong"),
    ]);
    output::table(&groups, &shown, "no groups");
    output::line(&format!("\n{}", bold("Between groups")));
    for (name, value) in &between {
        output::line(&format!("{name:<32} {}", output::text(value)));
    }
    for warning in &found.warnings {
        output::note(warning);
    }
    Ok(())
}

fn truths(rows: &Table, column: &str) -> Result<Vec<Option<bool>>> {
    if let Values::Bool(truths) = rows.column(column)? {
        return Ok(truths);
    }
    rows.numbers(column)?
        .into_iter()
        .map(|number| match number {
            None => Ok(None),
            Some(number) if number == 0.0 || number == 1.0 => Ok(Some(number == 1.0)),
            Some(number) => Err(anyhow!("column `{column}` holds {number}; the truth is 0 or 1")),
        })
        .collect()
}

fn words(rows: &Table, column: &str) -> Result<Vec<Option<String>>> {
    Ok(match rows.column(column)? {
        Values::Text(texts) => texts,
        Values::Bool(truths) => {
            truths.into_iter().map(|truth| truth.map(|truth| truth.to_string())).collect()
        }
        _ => {
            rows.numbers(column)?.into_iter().map(|number| number.map(|number| number.to_string())).collect()
        }
    })
}
