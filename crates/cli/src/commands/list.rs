//! `ls`: things of one kind.

use anyhow::Result;
use serde_json::Value;

use crate::args::{ListArguments, ListKind};
use crate::client::Client;
use crate::exit::hinted;
use crate::output::{self, columns};

/// Prints a list.
pub(super) async fn list(client: &Client, arguments: &ListArguments, json: bool) -> Result<()> {
    let (path, shown, if_empty) = listing(arguments)?;
    let query = [
        (
            "model",
            arguments
                .model
                .clone()
                .filter(|_| !matches!(arguments.what, ListKind::Versions | ListKind::Runs)),
        ),
        ("filter", arguments.filter.clone()),
    ];
    let items = client.list(&path, &query, arguments.limit).await?;
    if json {
        output::json(&Value::Array(items));
    } else {
        output::table(&items, &columns(shown), if_empty);
    }
    Ok(())
}

type Listing = (String, &'static [(&'static str, &'static str)], &'static str);

fn listing(arguments: &ListArguments) -> Result<Listing> {
    let api = |path: &str| format!("/api/v1/{path}");
    Ok(match arguments.what {
        ListKind::Models => (
            api("models"),
            &[
                ("model", "name"),
                ("aliases", "aliases"),
                ("newest", "latest_version"),
                ("owner", "owner"),
                ("changed", "updated_at"),
            ],
            "no models yet: `gingham apply examples/traffic` makes one",
        ),
        ListKind::Versions => {
            let model = needed(arguments.model.as_deref(), "versions")?;
            (
                api(&format!("models/{model}/versions")),
                &[
                    ("version", "number"),
                    ("trainer", "trainer"),
                    ("mae", "metrics.mae"),
                    ("aliases", "aliases"),
                    ("decision", "promotion.decision"),
                    ("made", "created_at"),
                ],
                "no versions yet: `gingham train MODEL` makes one",
            )
        }
        ListKind::Experiments => (
            api("experiments"),
            &[("id", "id"), ("experiment", "name"), ("runs", "runs")],
            "no experiments yet",
        ),
        // Runs are listed with filters, orders and columns of their own.
        ListKind::Runs => (api("runs"), &[("run", "id"), ("name", "name")], "no runs yet"),
        ListKind::Datasets => (
            api("datasets"),
            &[
                ("dataset", "name"),
                ("versions", "latest_version"),
                ("rows", "rows_total"),
                ("from", "from"),
                ("to", "to"),
            ],
            "no datasets yet: `gingham push DATASET FILE` makes one",
        ),
        ListKind::Pipelines => (
            api("pipeline-runs"),
            &[
                ("run", "id"),
                ("model", "model"),
                ("state", "state"),
                ("cause", "cause"),
                ("started", "started_at"),
                ("finished", "finished_at"),
            ],
            "no pipeline has run yet",
        ),
        ListKind::Deployments => (
            api("deployments"),
            &[
                ("deployment", "name"),
                ("model", "model"),
                ("version", "version"),
                ("state", "state"),
                ("requests", "requests_total"),
                ("errors", "errors_total"),
            ],
            "nothing is deployed yet",
        ),
        ListKind::Alerts => (
            api("alerts"),
            &[
                ("alert", "id"),
                ("state", "state"),
                ("severity", "severity"),
                ("title", "title"),
                ("since", "since"),
            ],
            "no alerts: all is quiet",
        ),
        ListKind::Jobs => (
            api("jobs"),
            &[
                ("job", "id"),
                ("kind", "kind"),
                ("model", "model"),
                ("state", "state"),
                ("message", "message"),
                ("created", "created_at"),
            ],
            "no jobs yet",
        ),
    })
}

fn needed<'a>(model: Option<&'a str>, what: &str) -> Result<&'a str> {
    model.ok_or_else(|| {
        hinted(
            format!("`ls {what}` needs to know of which model"),
            format!("`gingham ls {what} --model NAME`"),
        )
    })
}
