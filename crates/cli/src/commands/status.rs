//! `status`: what needs attention, and how the models are.

use anyhow::Result;

use crate::client::Client;
use crate::output::{self, at, bold, columns, faint, text_at};

/// Prints the state of everything.
pub(super) async fn status(client: &Client, json: bool) -> Result<()> {
    let status = client.get("/api/v1/status").await?;
    if json {
        output::json(&status);
        return Ok(());
    }
    let items = |key: &str| at(&status, key).as_array().cloned().unwrap_or_default();
    output::line(&bold("Needs attention"));
    let attention = items("needs_attention");
    if attention.is_empty() {
        output::line(&faint("nothing"));
    }
    for item in &attention {
        output::line(&format!("! {}", text_at(item, "title")));
        output::line(&faint(&format!("  since {} · {}", text_at(item, "since"), text_at(item, "detail"))));
    }
    output::line(&format!("\n{}", bold("Models")));
    let model_columns = columns(&[
        ("model", "name"),
        ("aliases", "aliases"),
        ("newest", "latest_version"),
        ("metric", "metric.name"),
        ("value", "metric.value"),
        ("alerts", "alerts_firing"),
        ("changed", "updated_at"),
    ]);
    output::table(&items("models"), &model_columns, "none yet: `gingham apply examples/traffic` makes one");
    output::line(&format!("\n{}", bold("Deployments")));
    let deployment_columns = columns(&[
        ("deployment", "name"),
        ("model", "model"),
        ("version", "version"),
        ("state", "state"),
        ("requests", "requests_total"),
        ("errors", "errors_total"),
        ("p50 ms", "latency_ms.p50"),
        ("p99 ms", "latency_ms.p99"),
    ]);
    output::table(&items("deployments"), &deployment_columns, "none yet");
    Ok(())
}
