//! `log` and `verify`: what happened, and whether the record is whole.

use anyhow::Result;
use serde_json::Value;

use crate::args::LogArguments;
use crate::client::Client;
use crate::output::{self, faint, text_at};

/// Prints the newest events.
pub(super) async fn log(client: &Client, arguments: &LogArguments, json: bool) -> Result<()> {
    let query = [
        ("kind", arguments.kind.clone()),
        ("object", arguments.object.clone()),
        ("order", Some("newest".to_owned())),
    ];
    let events = client.list("/api/v1/events", &query, arguments.limit).await?;
    if json {
        output::json(&Value::Array(events));
        return Ok(());
    }
    for event in &events {
        output::line(&format!(
            "{}  {}  {} {}",
            faint(&text_at(event, "at")),
            text_at(event, "summary"),
            faint(&text_at(event, "kind")),
            faint(&format!("by {}", text_at(event, "actor")))
        ));
    }
    if events.is_empty() {
        output::line(&faint("nothing has happened yet"));
    }
    Ok(())
}

/// Checks the chain of hashes over all events.
pub(super) async fn verify(client: &Client, json: bool) -> Result<()> {
    let report = client.get("/api/v1/events/verify").await?;
    if json {
        output::json(&report);
    } else {
        let head = text_at(&report, "head");
        output::line(&format!("the log is whole: {} entries, head {head}", text_at(&report, "entries")));
    }
    Ok(())
}
