//! `show run`.

use anyhow::Result;
use serde_json::Value;

use super::list::called;
use super::run_id;
use crate::client::Client;
use crate::output::{self, at, bold, facts, faint, text, text_at};

/// Prints a run with all that it logged.
pub(crate) async fn show(client: &Client, name: &str, json: bool) -> Result<()> {
    let run = client.get(&format!("/api/v1/runs/{}", run_id(name))).await?;
    if json {
        output::json(&run);
        return Ok(());
    }
    output::line(&format!("{}  {}", bold(&called(&run)), faint(&text_at(&run, "id"))));
    let deleted = if at(&run, "deleted") == Value::Bool(true) { "in the bin" } else { "" };
    facts(&[
        ("status", text_at(&run, "status")),
        ("", deleted.to_owned()),
        ("experiment", text_at(&run, "experiment_id")),
        ("user", text_at(&run, "user")),
        ("started", text_at(&run, "start_time")),
        ("ended", text_at(&run, "end_time")),
    ]);
    for area in ["metrics", "params", "tags"] {
        let values = at(&run, area);
        let Some(values) = values.as_object().filter(|values| !values.is_empty()) else { continue };
        output::line(&format!("\n{}", bold(area)));
        let lines: Vec<(&str, String)> =
            values.iter().map(|(key, value)| (key.as_str(), shown(value))).collect();
        facts(&lines);
    }
    let inputs = at(&run, "inputs").as_array().cloned().unwrap_or_default();
    if !inputs.is_empty() {
        output::line(&format!("\n{}", bold("inputs")));
        let columns = output::columns(&[
            ("dataset", "name"),
            ("for", "context"),
            ("digest", "digest"),
            ("source", "source_type"),
        ]);
        output::table(&inputs, &columns, "none");
    }
    let files = at(&run, "artifacts").as_array().cloned().unwrap_or_default();
    if !files.is_empty() {
        output::line(&format!("\n{}", bold("files")));
        output::table(&files, &output::columns(&[("path", "path"), ("bytes", "bytes")]), "none");
    }
    Ok(())
}

/// A value; one that is no number is said to be so rather than left empty.
fn shown(value: &Value) -> String {
    if value.is_null() { "not a number".to_owned() } else { text(value) }
}
