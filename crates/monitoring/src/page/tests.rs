//! Facts about the page.

use std::collections::BTreeMap;

use crate::report::{State, Volume};
use crate::spec::DriftReference;
use crate::window::Window;

use super::*;

fn column(number: usize) -> ColumnDrift {
    let bins = (0..10)
        .map(|bin| crate::report::BinShare { label: format!("<bin {bin}>"), reference: 0.1, current: 0.1 })
        .collect();
    ColumnDrift {
        column: format!("feature_{number}"),
        state: State::Drift,
        statistic: "psi".to_owned(),
        value: Some(0.3),
        threshold: 0.25,
        own_variation: None,
        p_value: Some(0.001),
        adjusted_p_value: Some(0.002),
        breached: true,
        clear: false,
        breached_windows: 1,
        judged_windows: 1,
        reference: DriftReference::Training,
        reference_rows: 1_000,
        null_share: Some(0.1),
        reference_null_share: Some(0.0),
        unseen: Vec::new(),
        ks: None,
        wasserstein_over_iqr: None,
        cramers_v: None,
        median: None,
        reference_median: None,
        stuck: false,
        reference_constant: false,
        share_of_constant: 0.0,
        bins,
        words: "`feature` moved <script>alert(1)</script>".to_owned(),
    }
}

fn report(columns: usize, windows: i64) -> MonitoringReport {
    let week = 7 * 86_400_000_000_i64;
    let latest = WindowReport {
        model: "busy".to_owned(),
        version: 3,
        window: Window {
            from: Timestamp::from_micros(windows * week),
            to: Timestamp::from_micros((windows + 1) * week),
        },
        watermark: Timestamp::from_micros((windows + 2) * week),
        state: State::Drift,
        volume: Volume { rows: 1_000_000_000, labelled: 10, maturity: Some(0.0), failed: 0 },
        drift_state: State::Drift,
        drift: (0..columns).map(column).collect(),
        metrics: None,
        classification: None,
        multivariate: None,
        segments: Vec::new(),
        groups: Vec::new(),
        business: Vec::new(),
        performance: None,
        ranges: Vec::new(),
        gaps: Vec::new(),
    };
    let summaries = (0..=windows).map(|number| {
        let mut summary = latest.summary();
        summary.window.from = Timestamp::from_micros(number * week);
        summary
    });
    MonitoringReport {
        model: "busy".to_owned(),
        written_at: Timestamp::from_micros(0),
        windows: summaries.collect(),
        latest: Some(latest.clone()),
        weak_segments: Vec::new(),
        foresight: None,
        alerts: Vec::new(),
    }
}

#[test]
fn the_page_stays_under_a_megabyte_and_fetches_nothing() {
    let html = report(1_000, 2_000).to_html();
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
    for word in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn markdown_tells_every_column() {
    let text = report(3, 4).to_markdown();
    assert!(text.starts_with("# Monitoring of busy\n"), "{text}");
    assert_eq!(text.matches("| psi |").count(), 3);
}

#[test]
fn a_model_without_windows_has_a_page() {
    let empty = MonitoringReport { windows: Vec::new(), latest: None, ..report(0, 0) };
    assert!(empty.to_html().contains("No window has been judged yet"));
    let _: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&serde_json::to_string(&empty).unwrap()).unwrap();
}
