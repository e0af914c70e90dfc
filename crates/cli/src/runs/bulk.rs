//! `runs tag`, `archive`, `delete`, `restore` and `undo`: many runs at once.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, at, faint, text_at};

#[derive(Debug, Clone, Args)]
pub(crate) struct BulkArguments {
    #[command(subcommand)]
    act: BulkAct,
}

#[derive(Debug, Clone, Subcommand)]
enum BulkAct {
    /// Write a tag to every run that fits.
    Tag {
        /// The tag, as `KEY=VALUE`.
        tag: String,
        #[command(flatten)]
        which: Which,
    },
    /// Keep the runs that fit, and no longer show them.
    Archive {
        #[command(flatten)]
        which: Which,
    },
    /// Put the runs that fit into the bin.
    Delete {
        #[command(flatten)]
        which: Which,
    },
    /// Take the runs that fit out of the bin or the archive.
    Restore {
        #[command(flatten)]
        which: Which,
    },
    /// Take such a change back.
    Undo {
        /// The change, as it was told.
        change: String,
    },
}

#[derive(Debug, Clone, Args)]
struct Which {
    /// The filter, such as `metrics.mae > 900 and tags.team = 'blue'`.
    filter: String,
    /// Only runs of these experiments, ids or names separated by commas.
    #[arg(long, short = 'e')]
    experiment: Option<String>,
    /// Only count the runs.
    #[arg(long)]
    dry_run: bool,
    /// Change them without asking, if they are exactly so many.
    #[arg(long, value_name = "COUNT")]
    expect: Option<u64>,
}

/// Changes many runs.
pub(crate) async fn change(client: &Client, arguments: &BulkArguments, json: bool) -> Result<ExitCode> {
    let (act, which, tag) = match &arguments.act {
        BulkAct::Undo { change } => {
            let answer = client.post(&format!("/api/v1/runs/changes/{change}/undo"), &json!({})).await?;
            told(&answer, json, &format!("taken back: {} runs are as they were", text_at(&answer, "runs")));
            return Ok(ExitCode::SUCCESS);
        }
        BulkAct::Tag { tag, which } => {
            let pair = tag.split_once('=').ok_or_else(|| {
                hinted(format!("`{tag}` is no tag"), "write `KEY=VALUE`, such as `team=blue`")
            })?;
            ("tag", which, Some(pair))
        }
        BulkAct::Archive { which } => ("archive", which, None),
        BulkAct::Delete { which } => ("delete", which, None),
        BulkAct::Restore { which } => ("restore", which, None),
    };
    let asked = |expected: Option<u64>| {
        json!({
            "act": act, "filter": which.filter, "experiment": which.experiment, "expected": expected,
            "key": tag.map(|(key, _)| key), "value": tag.map(|(_, value)| value),
        })
    };
    let counted = client.post("/api/v1/runs/changes", &asked(None)).await?;
    let count = at(&counted, "runs").as_u64().unwrap_or(0);
    if which.dry_run || count == 0 {
        if json {
            output::json(&counted);
        } else {
            shown(&counted);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let expected = match which.expect {
        Some(expected) => expected,
        None => {
            shown(&counted);
            confirmed(act, count)?
        }
    };
    let done = client.post("/api/v1/runs/changes", &asked(Some(expected))).await?;
    let change = text_at(&done, "change");
    told(&done, json, &format!("{act}: {count} runs changed; `gingham runs undo {change}` takes it back"));
    Ok(ExitCode::SUCCESS)
}

/// The count that the person types, which must be that of the runs.
fn confirmed(act: &str, count: u64) -> Result<u64> {
    if !std::io::stdin().is_terminal() {
        return Err(hinted(
            format!("{count} runs fit, and nobody is there to say that they are meant"),
            format!("repeat it with `--expect {count}`"),
        ));
    }
    output::note(&format!("Type the number of runs ({count}) to {act} them:"));
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match line.trim().parse::<u64>() {
        Ok(number) if number == count => Ok(count),
        _ => Err(hinted("nothing was changed", format!("type {count} to go on"))),
    }
}

fn shown(counted: &Value) {
    output::line(&format!("{} runs fit", text_at(counted, "runs")));
    for run in at(counted, "some").as_array().into_iter().flatten() {
        output::line(&format!("  {}  {}", text_at(run, "id"), faint(&text_at(run, "name"))));
    }
}

fn told(answer: &Value, json: bool, sentence: &str) {
    if json {
        output::json(answer);
    } else {
        output::line(sentence);
    }
}
