//! The state of a model on one page: HTML without anything from elsewhere, Markdown, or JSON.

mod chart;

use std::fmt::Write;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::foresight::Foresight;
use crate::report::{ColumnDrift, WindowReport, WindowSummary};
use crate::segments::WeakSegment;
use crate::words;

/// Everything that the page tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitoringReport {
    /// The model.
    pub model: String,
    /// When it was written.
    pub written_at: Timestamp,
    /// The windows of the stretch, oldest first.
    pub windows: Vec<WindowSummary>,
    /// The newest window with rows, in full.
    pub latest: Option<WindowReport>,
    /// Parts of it in which predictions are worse than elsewhere.
    pub weak_segments: Vec<WeakSegment>,
    /// Performance foreseen, with its record.
    pub foresight: Option<Foresight>,
    /// Alerts that touch the stretch, newest first.
    pub alerts: Vec<Alert>,
}

impl MonitoringReport {
    fn metric(&self) -> String {
        let performance = self.latest.as_ref().and_then(|latest| latest.performance.as_ref());
        performance.map_or_else(|| "mae".to_owned(), |performance| performance.metric.clone())
    }

    fn lead(&self) -> String {
        let Some(latest) = &self.latest else { return "no window has been judged yet".to_owned() };
        let drifted = latest.drift.iter().filter(|column| column.breached).count();
        let open = self.alerts.iter().filter(|alert| alert.state.is_open()).count();
        format!(
            "{} in the window from {}: {}, {} of labels arrived, {} out of bounds, {}",
            latest.state.as_str().replace('_', " "),
            latest.window.from.date(),
            words::count(latest.volume.rows, "prediction"),
            words::percent(latest.volume.maturity.unwrap_or_default()),
            words::count(drifted as u64, "column"),
            words::count(open as u64, "open alert"),
        )
    }

    /// As Markdown, for a comment or a mail.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# Monitoring of {}\n\n{}.\n\n", self.model, sentence(&self.lead()));
        if !self.alerts.is_empty() {
            text.push_str("## Alerts\n\n");
            for alert in self.alerts.iter().take(20) {
                let _ = writeln!(
                    text,
                    "- **{}** ({}, since {}): {}. Likely cause: {}. What to do: {} (`{}`)",
                    alert.title,
                    alert.state.as_str(),
                    alert.since.date(),
                    alert.what_changed,
                    alert.cause,
                    alert.suggested_action.label,
                    alert.suggested_action.command
                );
            }
            text.push('\n');
        }
        if let Some(latest) = &self.latest {
            if let Some(performance) = &latest.performance {
                let _ = writeln!(text, "## Performance\n\n{}.\n", sentence(&performance.words));
            }
            if let Some(foresight) = &self.foresight {
                let _ = writeln!(text, "{}.\n", sentence(&foresight.words));
            }
            for weak in self.weak_segments.iter().take(5) {
                let _ = writeln!(text, "- {}", weak.words);
            }
            text.push_str("\n## Columns\n\n| column | state | statistic | value | threshold | missing | |\n| --- | --- | --- | --- | --- | --- | --- |\n");
            for column in &latest.drift {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} | {} |",
                    bar_free(&column.column),
                    column.state.as_str(),
                    column.statistic,
                    column.value.map_or_else(String::new, words::number),
                    words::number(column.threshold),
                    column.null_share.map_or_else(String::new, words::percent),
                    bar_free(&column.words)
                );
            }
        }
        text
    }

    /// As one HTML file: no scripts, nothing from the network, under 1 MB whatever the rows.
    #[must_use]
    pub fn to_html(&self) -> String {
        let metric = self.metric();
        let mut body = format!(
            "<header><h1>Monitoring of {}</h1><p class=lead>{}.</p></header>",
            escaped(&self.model),
            escaped(&sentence(&self.lead()))
        );
        self.alerts_html(&mut body);
        let points = |pick: &dyn Fn(&WindowSummary) -> Option<f64>| -> Vec<(f64, Option<f64>)> {
            self.windows.iter().map(|one| (one.window.from.as_micros() as f64, pick(one))).collect()
        };
        let of_metric = |one: &WindowSummary| one.metric.as_ref().and_then(|found| found.get(&metric));
        let mut series = vec![
            (metric.clone(), points(&of_metric)),
            ("evaluation".to_owned(), points(&|one| one.reference_metric)),
        ];
        if let Some(foresight) = &self.foresight
            && foresight.metric == metric
        {
            let foreseen = foresight.windows.iter();
            series.push((
                "foreseen".to_owned(),
                foreseen.map(|one| (one.window.from.as_micros() as f64, one.foreseen)).collect(),
            ));
        }
        let _ = write!(body, "<section><h2>Performance</h2>{}", chart::lines(&series));
        if let Some(performance) = self.latest.as_ref().and_then(|latest| latest.performance.as_ref()) {
            let _ = write!(body, "<p>{}.</p>", escaped(&sentence(&performance.words)));
        }
        if let Some(foresight) = &self.foresight {
            let _ = write!(body, "<p class=note>{}.</p>", escaped(&sentence(&foresight.words)));
        }
        for weak in self.weak_segments.iter().take(8) {
            let _ = write!(body, "<p class=warn>{}.</p>", escaped(&sentence(&weak.words)));
        }
        body.push_str("</section>");
        let rows = points(&|one| Some(one.rows as f64));
        let labels = points(&|one| Some(one.labelled as f64));
        let _ = write!(
            body,
            "<section><h2>Predictions and labels by window</h2>{}</section>",
            chart::lines(&[("predictions".to_owned(), rows), ("labels".to_owned(), labels)])
        );
        self.columns_html(&mut body);
        let _ = write!(
            body,
            "<footer>Written {} by Gingham {}.</footer>",
            self.written_at,
            env!("CARGO_PKG_VERSION")
        );
        format!(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>Monitoring of {}</title><style>{STYLE}</style><body>{body}</body></html>\n",
            escaped(&self.model)
        )
    }

    fn alerts_html(&self, body: &mut String) {
        if self.alerts.is_empty() {
            body.push_str("<section><h2>Alerts</h2><p>There are none.</p></section>");
            return;
        }
        body.push_str("<section><h2>Alerts</h2>");
        for alert in self.alerts.iter().take(20) {
            let _ = write!(
                body,
                "<article class={}><h3>{} <small>{}, since {}</small></h3><dl><dt>What changed<dd>{}<dt>Likely cause<dd>{}\
                 <dt>What it means<dd>{}<dt>What to do<dd>{} <code>{}</code></dl></article>",
                alert.severity.as_str(),
                escaped(&alert.title),
                alert.state.as_str(),
                alert.since.date(),
                escaped(&alert.what_changed),
                escaped(&alert.cause),
                escaped(&alert.impact),
                escaped(&alert.suggested_action.label),
                escaped(&alert.suggested_action.command)
            );
        }
        body.push_str("</section>");
    }

    fn columns_html(&self, body: &mut String) {
        let Some(latest) = &self.latest else { return };
        let mut columns: Vec<&ColumnDrift> = latest.drift.iter().collect();
        let far = |column: &ColumnDrift| column.value.unwrap_or_default() / column.threshold;
        columns.sort_by(|left, right| far(right).total_cmp(&far(left)));
        let _ = write!(body, "<section><h2>Columns, window from {}</h2>", latest.window.from.date());
        // Hundreds of charts help nobody; the rest is in the table.
        for (place, column) in columns.iter().enumerate() {
            let state = if column.breached { "warn" } else { "ok" };
            let _ = write!(
                body,
                "<div class=column><h3 class={state}>{} <small>{}</small></h3><p>{}.</p>",
                escaped(&column.column),
                column.state.as_str().replace('_', " "),
                escaped(&sentence(&column.words))
            );
            if place < 40 {
                body.push_str(&chart::bars(&column.bins));
            }
            let series = self
                .windows
                .iter()
                .map(|one| (one.window.from.as_micros() as f64, one.drift.get(&column.column).copied()))
                .collect();
            if place < 40 {
                body.push_str(&chart::spark(series, column.threshold));
            }
            body.push_str("</div>");
            if place >= 400 {
                let _ = write!(body, "<p>… and {} more</p>", columns.len() - place - 1);
                break;
            }
        }
        body.push_str("</section>");
    }
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;color:#1c2230;\
background:#fff}h1{margin:0}h2{margin:2rem 0 .5rem;font-size:1.15rem}h3{margin:.2rem 0;font-size:1rem}small{font-weight:400;\
color:#667}.lead{font-size:1.1rem;margin:.3rem 0}.note,footer{color:#667}article{border-left:4px solid #d9a200;padding:.3rem 1rem;\
margin:.6rem 0;background:#fafafc}article.error{border-color:#c43d3d}dl{display:grid;grid-template-columns:9rem 1fr;gap:.15rem 1rem;\
margin:.3rem 0}dt{color:#667}dd{margin:0}code{background:#eef0f4;padding:.1rem .3rem;border-radius:3px}svg{width:100%;height:auto;\
display:block}.column{display:grid;grid-template-columns:1fr 1fr;gap:.2rem 1.5rem;border-top:1px solid #e4e7ee;padding:.7rem 0}\
.column h3,.column p{grid-column:1/3;margin:0}h3.warn:before{content:'● ';color:#c43d3d}h3.ok:before{content:'● ';color:#3a8f5c}\
p.warn{border-left:3px solid #d9a200;padding-left:.6rem}@media(prefers-color-scheme:dark){body{background:#14171e;color:#dde2ec}\
article,code{background:#1d222c}.column{border-color:#2a3040}}";

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn bar_free(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests;
