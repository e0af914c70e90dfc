//! `dataset`: its versions, rows and tags, and what changed from one version to another.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::client::Client;
use crate::output::{self, at, bold, columns, facts, faint, text_at};

/// What is asked of a dataset.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatasetArguments {
    #[command(subcommand)]
    command: DatasetCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum DatasetCommand {
    /// List its versions, newest first, and its tags.
    Versions {
        /// The dataset.
        dataset: String,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show a version: its columns, and where its rows come from.
    Show {
        /// `NAME`, or `NAME@VERSION`: a number, a tag, or a moment at which it was the newest.
        #[arg(value_name = "NAME@VERSION")]
        which: String,
    },
    /// Print rows of a version.
    Rows {
        /// `NAME`, or `NAME@VERSION`: a number, a tag, or a moment at which it was the newest.
        #[arg(value_name = "NAME@VERSION")]
        which: String,
        /// How many rows come before them.
        #[arg(long, default_value_t = 0)]
        offset: u64,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Say what changed from one version to another: columns, rows, and what the columns hold.
    Diff {
        /// The version before, as `NAME@VERSION`.
        then: String,
        /// The version after, as `NAME@VERSION`; the newest of the same dataset when not given.
        now: Option<String>,
    },
    /// Point a tag at a version, wherever it pointed before.
    Tag {
        /// The version, as `NAME@VERSION`.
        #[arg(value_name = "NAME@VERSION")]
        which: String,
        /// The tag.
        tag: String,
    },
    /// Take a tag away.
    Untag {
        /// The dataset.
        dataset: String,
        /// The tag.
        tag: String,
    },
}

/// Does what is asked.
pub(super) async fn dataset(client: &Client, arguments: &DatasetArguments, json: bool) -> Result<()> {
    match &arguments.command {
        DatasetCommand::Versions { dataset, limit } => versions(client, dataset, *limit, json).await,
        DatasetCommand::Show { which } => {
            let version = get(client, which).await?;
            if json {
                output::json(&version);
            } else {
                show(&version);
            }
            Ok(())
        }
        DatasetCommand::Rows { which, offset, limit } => rows(client, which, *offset, *limit, json).await,
        DatasetCommand::Diff { then, now } => diff(client, then, now.as_deref(), json).await,
        DatasetCommand::Tag { which, tag } => {
            let found = get(client, which).await?;
            let (name, number) = (text_at(&found, "dataset"), at(&found, "number"));
            let path = format!("/api/v1/datasets/{name}/tags/{}", escaped(tag));
            client.put(&path, &json!({"version": number})).await?;
            output::line(&format!("`{tag}` of {name} is version {number}"));
            Ok(())
        }
        DatasetCommand::Untag { dataset, tag } => {
            client.delete(&format!("/api/v1/datasets/{dataset}/tags/{}", escaped(tag))).await?;
            output::line(&format!("`{tag}` of {dataset} is gone"));
            Ok(())
        }
    }
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Name and version of `NAME@VERSION`.
fn parts(text: &str) -> (&str, &str) {
    text.split_once('@').unwrap_or((text, "latest"))
}

async fn get(client: &Client, version: &str) -> Result<Value> {
    let (name, version) = parts(version);
    client.get(&format!("/api/v1/datasets/{name}/versions/{}", escaped(version))).await
}

async fn versions(client: &Client, dataset: &str, limit: usize, json: bool) -> Result<()> {
    let items = client.list(&format!("/api/v1/datasets/{dataset}/versions"), &[], limit).await?;
    let tags = client.get(&format!("/api/v1/datasets/{dataset}/tags")).await?;
    if json {
        output::json(&json!({"versions": items, "tags": at(&tags, "items")}));
        return Ok(());
    }
    let shown = [
        ("version", "number"),
        ("rows", "rows_total"),
        ("added", "rows_added"),
        ("from", "origin.source"),
        ("when", "created_at"),
        ("by", "actor"),
    ];
    output::table(&items, &columns(&shown), "no versions yet");
    for tag in at(&tags, "items").as_array().into_iter().flatten() {
        output::line(&format!("{} is version {}", bold(&text_at(tag, "tag")), text_at(tag, "version")));
    }
    Ok(())
}

fn show(version: &Value) {
    output::line(&bold(&format!("{} version {}", text_at(version, "dataset"), text_at(version, "number"))));
    facts(&[
        (
            "rows",
            format!("{}, {} of them new", text_at(version, "rows_total"), text_at(version, "rows_added")),
        ),
        ("time", format!("{} to {}", text_at(version, "from"), text_at(version, "to"))),
        ("digest", text_at(version, "digest")),
        ("made", format!("{} by {}", text_at(version, "created_at"), text_at(version, "actor"))),
    ]);
    output::line(&format!("\n{}", bold("where the rows come from")));
    let origin = at(version, "origin");
    let lines: Vec<(&str, String)> = origin
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    facts(&lines);
    output::line(&format!("\n{}", bold("columns")));
    let fields = at(version, "schema.columns");
    output::table(
        fields.as_array().map(Vec::as_slice).unwrap_or_default(),
        &columns(&[("column", "name"), ("type", "type"), ("may be missing", "nullable")]),
        "none",
    );
}

async fn rows(client: &Client, version: &str, offset: u64, limit: usize, json: bool) -> Result<()> {
    let (name, point) = parts(version);
    let path = format!("/api/v1/datasets/{name}/versions/{}/preview", escaped(point));
    let query = [("offset", Some(offset.to_string())), ("limit", Some(limit.to_string()))];
    let page = client.get_with(&path, &query).await?;
    if json {
        output::json(&page);
        return Ok(());
    }
    let names: Vec<String> =
        at(&page, "columns").as_array().into_iter().flatten().map(|column| text_at(column, "name")).collect();
    let lines: Vec<Vec<Value>> = at(&page, "rows")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row.as_array().cloned())
        .collect();
    if lines.is_empty() {
        output::line(&faint("no rows there"));
    } else {
        output::grid(&names, &lines);
    }
    let last = offset + lines.len() as u64;
    if !lines.is_empty() {
        let all = text_at(&page, "rows_total");
        output::line(&faint(&format!(
            "rows {} to {last} of {all} in version {}",
            offset + 1,
            text_at(&page, "version")
        )));
    }
    Ok(())
}

async fn diff(client: &Client, then: &str, now: Option<&str>, json: bool) -> Result<()> {
    let now = now.map_or_else(|| parts(then).0.to_owned(), str::to_owned);
    let (old, new) = (get(client, then).await?, get(client, &now).await?);
    let named = |version: &Value| format!("{}@{}", text_at(version, "dataset"), text_at(version, "number"));
    let body = json!({
        "reference": format!("dataset:{}", named(&old)), "current": format!("dataset:{}", named(&new)),
    });
    let report = client.post("/api/v1/drift", &body).await?;
    let changes = column_changes(&old, &new);
    let (before, after) = (
        at(&old, "rows_total").as_i64().unwrap_or_default(),
        at(&new, "rows_total").as_i64().unwrap_or_default(),
    );
    if json {
        output::json(&json!({
            "then": named(&old), "now": named(&new), "columns": changes,
            "rows": {"then": before, "now": after}, "is_same": at(&old, "digest") == at(&new, "digest"),
            "distributions": report,
        }));
        return Ok(());
    }
    output::line(&bold(&format!("{} → {}", named(&old), named(&new))));
    if at(&old, "digest") == at(&new, "digest") {
        output::line("the same rows");
        return Ok(());
    }
    output::line(&format!("rows  {before} → {after} ({:+})", after - before));
    for change in &changes {
        output::line(&format!("column {}", text_at(change, "words")));
    }
    if changes.is_empty() {
        output::line("the same columns");
    }
    output::line(&text_at(&report, "words"));
    let columns = at(&report, "columns");
    for column in columns.as_array().into_iter().flatten() {
        output::line(&format!("  {:<20} {}", text_at(column, "column"), faint(&text_at(column, "words"))));
    }
    Ok(())
}

/// Columns that came, went, or have another type.
fn column_changes(old: &Value, new: &Value) -> Vec<Value> {
    let kinds = |version: &Value| -> Vec<(String, String)> {
        let fields = at(version, "schema.columns");
        fields
            .as_array()
            .into_iter()
            .flatten()
            .map(|field| (text_at(field, "name"), text_at(field, "type")))
            .collect()
    };
    let (old, new) = (kinds(old), kinds(new));
    let find = |all: &[(String, String)], name: &str| {
        all.iter().find(|(own, _)| own == name).map(|(_, kind)| kind.clone())
    };
    let mut changes = Vec::new();
    for (name, kind) in &old {
        match find(&new, name) {
            None => changes.push(json!({"column": name, "was": kind, "words": format!("`{name}` is gone")})),
            Some(now) if now != *kind => changes.push(
                json!({"column": name, "was": kind, "is": now, "words": format!("`{name}` was {kind} and is {now}")}),
            ),
            Some(_) => {}
        }
    }
    for (name, kind) in new.iter().filter(|(name, _)| find(&old, name).is_none()) {
        changes.push(json!({"column": name, "is": kind, "words": format!("`{name}` is new: {kind}")}));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_came_went_or_changed_are_told() {
        let version = |columns: Value| json!({"schema": {"columns": columns}});
        let old = version(json!([{"name": "a", "type": "int"}, {"name": "b", "type": "text"}]));
        let new = version(json!([{"name": "a", "type": "real"}, {"name": "c", "type": "bool"}]));
        let words: Vec<String> =
            column_changes(&old, &new).iter().map(|change| text_at(change, "words")).collect();
        assert_eq!(words, ["`a` was int and is real", "`b` is gone", "`c` is new: bool"]);
        assert_eq!(parts("roads"), ("roads", "latest"));
        assert_eq!(escaped("2026-01-31T12:00:00Z"), "2026-01-31T12%3A00%3A00Z");
    }
}
