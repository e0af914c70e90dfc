//! `notify`: who is told of alerts, and whether messages arrive.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::output::{self, at, faint, text_at};

/// What is done with notifiers.
#[derive(Debug, Clone, Args)]
pub(crate) struct NotifyArguments {
    #[command(subcommand)]
    act: NotifyAct,
}

#[derive(Debug, Clone, Subcommand)]
enum NotifyAct {
    /// List the notifiers of `notifiers.yaml`.
    Ls,
    /// Send a message that only tests the way.
    Test {
        /// The notifier.
        name: String,
    },
    /// List messages, newest first: waiting, sent, or dropped with the reason.
    Sent {
        /// Only about this alert.
        #[arg(long)]
        alert: Option<String>,
    },
}

pub(super) async fn notify(client: &Client, arguments: &NotifyArguments, json: bool) -> Result<()> {
    let (answer, columns): (Value, &[&str]) = match &arguments.act {
        NotifyAct::Ls => (
            client.get("/api/v1/notifiers").await?,
            &["name", "kind", "severity", "models", "after_minutes", "repeat_minutes", "most_per_hour"],
        ),
        NotifyAct::Test { name } => {
            let answer = client.post(&format!("/api/v1/notifiers/{name}/test"), &json!({})).await?;
            if json {
                output::json(&answer);
            } else {
                output::line(&format!("the message has arrived at `{name}`"));
            }
            return Ok(());
        }
        NotifyAct::Sent { alert } => (
            client.get_with("/api/v1/notices", &[("alert", alert.clone())]).await?,
            &["created_at", "notifier", "state", "attempts", "reason", "alert_id"],
        ),
    };
    if json {
        output::json(&answer);
        return Ok(());
    }
    let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<Value>> = at(&answer, "items")
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| columns.iter().map(|name| Value::String(text_at(item, name))).collect())
        .collect();
    output::grid(&names, &rows);
    let file = text_at(&answer, "file");
    if !file.is_empty() {
        output::line(&faint(&format!("from {file}")));
    }
    Ok(())
}
