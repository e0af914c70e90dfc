//! `sql`: predictions, labels and datasets by query.

use anyhow::Result;
use serde_json::{Value, json};

use crate::args::SqlArguments;
use crate::client::Client;
use crate::output::{self, at, faint, text_at};

/// Runs a query and prints its rows.
pub(super) async fn sql(client: &Client, arguments: &SqlArguments, json: bool) -> Result<()> {
    let body = json!({ "query": arguments.query, "limit": arguments.limit, "known_by": arguments.known_by });
    let answer = client.post("/api/v1/sql", &body).await?;
    if json {
        output::json(&answer);
        return Ok(());
    }
    let names: Vec<String> = at(&answer, "columns")
        .as_array()
        .into_iter()
        .flatten()
        .map(|column| text_at(column, "name"))
        .collect();
    let rows: Vec<Vec<Value>> = at(&answer, "rows")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row.as_array().cloned())
        .collect();
    if arguments.csv {
        output::line(&names.iter().map(|name| csv_field(name)).collect::<Vec<_>>().join(","));
        for row in rows {
            output::line(&row.iter().map(csv_value).collect::<Vec<_>>().join(","));
        }
        return Ok(());
    }
    let count = rows.len();
    output::grid(&names, &rows);
    let more = if at(&answer, "truncated") == Value::Bool(true) { ", and more: raise --limit" } else { "" };
    output::line(&faint(&format!("{count} rows in {} ms{more}", text_at(&answer, "elapsed_ms"))));
    Ok(())
}

fn csv_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => csv_field(text),
        other => csv_field(&other.to_string()),
    }
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_value(&json!(1.5)), "1.5");
    }
}
