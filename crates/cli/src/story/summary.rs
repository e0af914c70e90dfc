//! What happened, told for people.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::client::Client;
use crate::commands::FeedReport;
use crate::output::{self, at, bold, faint, short_number, text_at};
use crate::project::Project;

/// Prints the story as the server tells it.
pub(super) async fn print(
    client: &Client,
    project: &Project,
    report: &FeedReport,
    took: Duration,
) -> Result<()> {
    let model = &project.spec.model;
    output::line(&format!(
        "{} predictions and {} labels in {:.0} s, {} dataset versions, {} weeks looked at",
        report.predictions,
        report.labels,
        took.as_secs_f64(),
        report.versions_pushed + 1,
        report.windows
    ));
    versions(client, model).await?;
    weeks(client, model).await?;
    alerts(client, model).await
}

async fn versions(client: &Client, model: &str) -> Result<()> {
    output::line(&format!("\n{}", bold("Versions, and why each was promoted or not")));
    let mut versions = client.list(&format!("/api/v1/models/{model}/versions"), &[], 100).await?;
    versions.reverse();
    for version in &versions {
        let promoted = at(version, "promotion.promoted") == Value::Bool(true);
        output::line(&format!(
            "  {} version {}  mae {}  {}",
            if promoted { "▲" } else { "·" },
            text_at(version, "number"),
            text_at(version, "metrics.mae"),
            faint(&text_at(version, "promotion.decision"))
        ));
    }
    Ok(())
}

/// The mean weekly error of each version while it served, weighted by rows.
async fn weeks(client: &Client, model: &str) -> Result<()> {
    output::line(&format!("\n{}", bold("Weekly error while each version served")));
    let monitor = client.get(&format!("/api/v1/monitors/{model}")).await?;
    let mut served: Vec<(String, Vec<f64>, String, String)> = Vec::new();
    let mut windows = at(&monitor, "windows").as_array().cloned().unwrap_or_default();
    windows.sort_by_key(|window| text_at(window, "from"));
    for window in &windows {
        let (version, Some(mae)) = (text_at(window, "version"), at(window, "metric.mae").as_f64()) else {
            continue;
        };
        let (from, to) = (text_at(window, "from"), text_at(window, "to"));
        match served.last_mut() {
            Some((last, errors, _, end)) if *last == version => {
                errors.push(mae);
                *end = to;
            }
            _ => served.push((version, vec![mae], from, to)),
        }
    }
    for (version, errors, from, to) in &served {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred weeks")]
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let worst = errors.iter().copied().fold(0.0, f64::max);
        output::line(&format!(
            "  version {version}  mean weekly mae {}, worst {}  {}",
            short_number(mean),
            short_number(worst),
            faint(&format!("{} weeks, {} to {}", errors.len(), date(from), date(to)))
        ));
    }
    Ok(())
}

async fn alerts(client: &Client, model: &str) -> Result<()> {
    const SHOWN: usize = 12;
    output::line(&format!("\n{}", bold("Alerts, with what to do")));
    let mut alerts = client.list("/api/v1/alerts", &[("model", Some(model.to_owned()))], 1_000).await?;
    alerts.sort_by_key(|alert| text_at(alert, "since"));
    for alert in alerts.iter().take(SHOWN) {
        output::line(&format!(
            "  {}  {}  {}",
            date(&text_at(alert, "since")),
            text_at(alert, "title"),
            faint(&text_at(alert, "state"))
        ));
        output::line(&faint(&format!("              → {}", text_at(alert, "action.label"))));
    }
    if alerts.len() > SHOWN {
        output::line(&faint(&format!("  and {} more: `gingham ls alerts`", alerts.len() - SHOWN)));
    }
    Ok(())
}

fn date(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}
