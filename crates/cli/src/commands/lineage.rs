//! `lineage`: where something came from, and what came of it.

use anyhow::Result;

use crate::args::LineageArguments;
use crate::client::Client;
use crate::output::{self, at, bold, faint, text_at};

/// Prints the way back; with `--up`, `--down` or `--depth` the stored graph around the object.
pub(super) async fn lineage(client: &Client, arguments: &LineageArguments, json: bool) -> Result<()> {
    if !arguments.up && !arguments.down && arguments.depth.is_none() {
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
        return Ok(());
    }
    for node in at(&graph, "nodes").as_array().into_iter().flatten() {
        let kind = text_at(node, "kind");
        output::line(&format!(
            "{kind:<9} {}  {}",
            bold(&text_at(node, "title")),
            faint(&text_at(node, "id"))
        ));
    }
    output::line("");
    for edge in at(&graph, "edges").as_array().into_iter().flatten() {
        let label = faint(&text_at(edge, "label"));
        output::line(&format!("{} → {}  {label}", text_at(edge, "source"), text_at(edge, "target")));
    }
    if at(&graph, "is_cut") == true {
        output::line(&faint("… and more; ask for fewer steps"));
    }
    Ok(())
}
