//! The archive under the load of the demo: five years of hours, asked week by week.

use std::time::{Duration, Instant};

use base::Timestamp;

use crate::{HOUR, label, number, options, prediction, sql, traffic};

#[tokio::test]
async fn weeks_are_asked_for_quickly_before_and_after_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let archive = traffic(options(folder.path())).await;
    let hours = 30_000;
    let begun = Instant::now();
    let mut started = begun;
    let mut times = Vec::new();
    let mut mark = |what: &str| {
        times.push(format!("{what}: {} ms", started.elapsed().as_millis()));
        started = Instant::now();
    };
    for start in (0..hours).step_by(500) {
        let rows: Vec<_> = (start..start + 500).map(prediction).collect();
        let labels = rows.iter().map(|row| label(row, 1.0, row.event_time.as_micros() + 24 * HOUR)).collect();
        archive.append(rows).await.unwrap();
        archive.append_labels(labels).await.unwrap();
    }
    mark("append 30,000 predictions and labels");
    for step in ["pending", "committed"] {
        for week in 0..20 {
            let from = Timestamp::from_micros(week * 168 * HOUR);
            let to = Timestamp::from_micros((week + 1) * 168 * HOUR);
            let window = archive.scored("traffic", from, to).await.unwrap();
            assert_eq!(window.row_count(), 168);
            assert!(window.numbers("label").unwrap().iter().all(Option::is_some));
        }
        mark(&format!("20 weeks, {step}"));
        assert_eq!(number(&archive, "select count(*) from predictions").await, hours as f64);
        mark(&format!("count, {step}"));
        let error =
            "select version, avg(abs(prediction - label)) e from scored group by version order by version";
        sql(&archive, error).await;
        mark(&format!("error by version, {step}"));
        archive.prediction(uuid::Uuid::now_v7()).await.unwrap();
        mark(&format!("look-up, {step}"));
        archive.flush().await.unwrap();
        mark("flush");
    }
    let folder = folder.path().to_owned();
    drop(archive);
    mark("close");
    let archive = archive::Archive::open(options(&folder)).await.unwrap();
    mark("open");
    assert_eq!(archive.status().pending_rows, 0);
    assert!(begun.elapsed() < Duration::from_secs(60), "{times:?}");
    if let Ok(file) = std::env::var("GINGHAM_TEST_TIMES") {
        std::fs::write(file, times.join("\n")).unwrap();
    }
}
