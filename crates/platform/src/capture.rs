//! What was captured of a run, written down together with its place in the lineage.

use base::Timestamp;
use lineage::{Graph, Node};
use serde_json::Value;

use crate::{Error, Platform};

impl Platform {
    /// Writes what was captured of a run, and joins the run with what it read and wrote.
    ///
    /// # Errors
    /// When there is no such run, or the record is too long.
    pub async fn put_capture(
        &self,
        run: String,
        record: Value,
        alive_until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let graph = graph_of(&run, &record);
        self.db
            .write(move |tx| {
                Box::pin(async move {
                    experiments::put_capture(tx, &run, &record, alive_until, now).await?;
                    lineage::put(tx, &[graph], now).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// The run with what it read and wrote; content that two runs share is one thing.
fn graph_of(run: &str, record: &Value) -> Graph {
    let mut graph = Graph::default();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let words = record.get("command").and_then(Value::as_array).into_iter().flatten();
    let command: Vec<&str> = words.filter_map(Value::as_str).collect();
    let this = graph.add(Node::new("run", run, command.join(" "), text(record, "folder")));
    let before = text(record, "rerun_of");
    if !before.is_empty() {
        let before = graph.add(Node::new("run", &before, command.join(" "), text(record, "folder")));
        graph.join(&before, &this, "repeated by");
    }
    for key in ["inputs", "outputs"] {
        for files in record.get(key).and_then(Value::as_array).into_iter().flatten() {
            let tree = text(files, "tree");
            if tree.is_empty() {
                continue;
            }
            let count = |key: &str| files.get(key).and_then(Value::as_u64).unwrap_or_default();
            let detail = format!("{} files, {} bytes", count("files"), count("bytes"));
            let files = graph.add(Node::new("files", &tree, text(files, "path"), detail));
            if key == "inputs" {
                graph.join(&files, &this, "read by");
            } else {
                graph.join(&this, &files, "wrote");
            }
        }
    }
    graph
}
