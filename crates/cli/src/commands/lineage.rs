//! `lineage`: where something came from, and what came of it.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use crate::args::LineageArguments;
use crate::client::{Client, ServerError};
use crate::output::{self, at, bold, faint, text_at};

/// Prints the way back; with `--up`, `--down` or `--depth`, and for things that have no such way, the graph around it.
pub(super) async fn lineage(client: &Client, arguments: &LineageArguments, json: bool) -> Result<()> {
    let asks_graph = arguments.up || arguments.down || arguments.depth.is_some();
    let has_way_back = ["prediction:", "model:", "version:", "dataset:"]
        .iter()
        .any(|kind| arguments.object.starts_with(kind) && !arguments.object.contains('/'))
        && (arguments.object.contains('@') || arguments.object.starts_with("prediction:"));
    if !asks_graph && has_way_back {
        return super::show::lineage(client, &arguments.object, json).await;
    }
    let said = |yes: bool| yes.then(|| "true".to_owned());
    let query = [
        ("object", Some(arguments.object.clone())),
        ("up", said(arguments.up)),
        ("down", said(arguments.down)),
        ("depth", arguments.depth.map(|depth| depth.to_string())),
    ];
    let graph = client.get_with("/api/v1/lineage/graph", &query).await?;
    if json {
        output::json(&graph);
    } else {
        print(&graph);
    }
    Ok(())
}

/// Prints a run with the graph around it.
pub(super) async fn with_run(client: &Client, name: &str, json: bool) -> Result<ExitCode> {
    let run = crate::runs::run_id(name);
    let query = [("object", Some(format!("run:{run}")))];
    let graph = match client.get_with("/api/v1/lineage/graph", &query).await {
        Ok(graph) => graph,
        // A run that has read and written nothing that is known is no part of the graph.
        Err(error) if error.downcast_ref::<ServerError>().is_some_and(|refused| refused.status == 404) => {
            json!({"nodes": [], "edges": [], "is_cut": false})
        }
        Err(error) => return Err(error),
    };
    if json {
        let run = client.get(&format!("/api/v1/runs/{run}")).await?;
        output::json(&json!({"run": run, "lineage": graph}));
        return Ok(ExitCode::SUCCESS);
    }
    crate::runs::show(client, name, false).await?;
    output::line(&format!("\n{}", bold("What it came from, and what came of it")));
    if at(&graph, "nodes") == json!([]) {
        output::line("nothing that is known");
    } else {
        print(&graph);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints things and the steps between them.
pub(super) fn print(graph: &Value) {
    for node in at(graph, "nodes").as_array().into_iter().flatten() {
        let kind = text_at(node, "kind");
        let (id, detail) = (text_at(node, "id"), text_at(node, "detail"));
        let more = if detail.is_empty() { id } else { format!("{id} · {detail}") };
        output::line(&format!("{kind:<12} {}  {}", bold(&text_at(node, "title")), faint(&more)));
    }
    output::line("");
    for edge in at(graph, "edges").as_array().into_iter().flatten() {
        let label = faint(&text_at(edge, "label"));
        output::line(&format!("{} → {}  {label}", text_at(edge, "source"), text_at(edge, "target")));
    }
    if at(graph, "is_cut") == true {
        output::line(&faint("… and more; ask for fewer steps"));
    }
}
