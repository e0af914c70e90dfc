//! Figures about monitors and alerts, for Prometheus.

use std::fmt::Write;

use ::monitoring::AlertState;
use ::monitoring::store::{self, AlertFilter};
use base::PageRequest;

use crate::app::App;
use crate::problem::Problem;

/// At most so many models are told of.
const MOST_MODELS: usize = 500;

/// Alerts by model and state, and the newest window of every monitor, as Prometheus reads it.
pub(crate) async fn figures(app: &App) -> Result<String, Problem> {
    let mut read = app.db().read().await?;
    let states = AlertState::ALL.into_iter().filter(|state| state.is_open()).collect();
    let filter = AlertFilter { states, ..AlertFilter::default() };
    let open = store::list_alerts(&mut read, &filter, &PageRequest::first(PageRequest::MOST)).await?.items;
    let mut text =
        String::from("# HELP gingham_alert Open alerts: 1 for each.\n# TYPE gingham_alert gauge\n");
    for alert in &open {
        let _ = writeln!(
            text,
            "gingham_alert{{model=\"{}\",kind=\"{}\",severity=\"{}\",state=\"{}\",fingerprint=\"{}\"}} 1",
            escaped(&alert.model),
            alert.kind.as_str(),
            alert.severity.as_str(),
            alert.state.as_str(),
            escaped(&alert.fingerprint)
        );
    }
    drop(read);
    let (mut rows, mut states, mut metrics, mut drift, mut age) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    let (models, _) = app.platform().models(&PageRequest::first(MOST_MODELS)).await?;
    for model in models {
        let newest =
            store::list_windows(&mut app.db().read().await?, &model.name, &PageRequest::first(1)).await?;
        let Some(window) = newest.items.into_iter().next() else { continue };
        let name = escaped(&model.name);
        let _ = writeln!(rows, "gingham_monitor_rows{{model=\"{name}\"}} {}", window.rows);
        let _ = writeln!(rows, "gingham_monitor_labelled{{model=\"{name}\"}} {}", window.labelled);
        let _ = writeln!(
            age,
            "gingham_monitor_window_end_seconds{{model=\"{name}\"}} {}",
            window.window.to.as_micros() / 1_000_000
        );
        let state = window.state.as_str();
        let _ = writeln!(states, "gingham_monitor_state{{model=\"{name}\",state=\"{state}\"}} 1");
        for (column, value) in &window.drift {
            let limit = window.drift_thresholds.get(column).copied().unwrap_or_default();
            let column = escaped(column);
            let _ = writeln!(drift, "gingham_monitor_drift{{model=\"{name}\",column=\"{column}\"}} {value}");
            let _ = writeln!(
                drift,
                "gingham_monitor_drift_threshold{{model=\"{name}\",column=\"{column}\"}} {limit}"
            );
        }
        if let Some(found) = &window.metric {
            for metric in stats::RegressionMetrics::NAMES {
                if let Some(value) = found.get(metric) {
                    let _ = writeln!(
                        metrics,
                        "gingham_monitor_metric{{model=\"{name}\",metric=\"{metric}\"}} {value}"
                    );
                }
            }
        }
    }
    for part in [rows, age, states, metrics, drift] {
        text.push_str(&part);
    }
    Ok(text)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
