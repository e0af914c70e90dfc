//! Predictions summed up as they arrive: each row once, whatever happens in between.

use base::{Period, Timestamp};
use platform::{Platform, ProfileAsked, ProfileView, Sent};
use tables::{Table, Values};

use crate::harness::{Home, actor};

fn start() -> Timestamp {
    Timestamp::parse("2026-03-02").unwrap()
}

/// A row every ten minutes, from row `from` until before row `to`.
fn rows(from: i64, to: i64) -> Table {
    let rows = || from..to;
    let at = |row: i64| start().plus(Period::from_micros(row * 600_000_000)).as_micros();
    let size = |row: i64| ((row * 7_919) % 1_009) as f64 / 10.0;
    Table::from_columns(vec![
        ("prediction_id".to_owned(), Values::Text(rows().map(|row| Some(id(row))).collect())),
        ("event_time".to_owned(), Values::Time(rows().map(|row| Some(at(row))).collect())),
        ("entity".to_owned(), Values::Text(rows().map(|row| Some(format!("c-{}", row % 50))).collect())),
        ("size".to_owned(), Values::Real(rows().map(|row| Some(size(row))).collect())),
        (
            "plan".to_owned(),
            Values::Text(rows().map(|row| Some(["free", "team"][(row % 2) as usize].to_owned())).collect()),
        ),
        ("prediction".to_owned(), Values::Real(rows().map(|row| Some(size(row) / 101.0)).collect())),
    ])
    .unwrap()
}

fn id(row: i64) -> String {
    format!("01930000-0000-7000-8000-{row:012}")
}

async fn send(platform: &Platform, from: i64, to: i64) {
    platform.take_predictions("churn", &rows(from, to), &Sent::default(), &actor()).await.unwrap();
}

async fn all(platform: &Platform) -> ProfileView {
    let asked =
        ProfileAsked { from: Some(start()), to: Some(start().plus(Period::from_days(30))), segment: None };
    platform.profile_view("churn", &asked).await.unwrap()
}

fn column<'a>(view: &'a ProfileView, name: &str) -> &'a stats::SideProfile {
    let judged = view.drift.columns.iter().find(|judged| judged.column == name).unwrap();
    &judged.comparison.as_ref().unwrap().current
}

/// What is known must be what the archive would answer by reading all rows.
async fn agrees_with_the_archive(platform: &Platform) -> u64 {
    let view = all(platform).await;
    let asked = "select count(*) as n, count(size) as sized, avg(size) as mean, max(size) as greatest from churn.predictions";
    let answer = platform.sql(asked, 10).await.unwrap().rows;
    let number = |place: usize| answer[0][place].as_f64().unwrap();
    let size = column(&view, "size");
    let figures = size.numbers.as_ref().unwrap();
    assert_eq!((view.rows as f64, (size.rows - size.null) as f64), (number(0), number(1)));
    assert!((figures.mean.unwrap() - number(2)).abs() < 1e-9);
    assert_eq!(figures.max.unwrap(), number(3));
    let volume: u64 = view.volume.iter().map(|point| point.rows).sum();
    assert!(volume <= view.rows);
    view.rows
}

#[tokio::test]
async fn every_row_counts_once_late_or_not_committed_or_not_and_after_a_restart() {
    let home = Home::new().await;
    send(&home.platform, 500, 1_000).await;
    assert_eq!(agrees_with_the_archive(&home.platform).await, 500);
    // Late rows, of hours that were summed up already, and the same rows again.
    home.platform.archive.flush().await.unwrap();
    assert_eq!(agrees_with_the_archive(&home.platform).await, 500);
    send(&home.platform, 300, 700).await;
    assert_eq!(agrees_with_the_archive(&home.platform).await, 700);
    home.platform.archive.flush().await.unwrap();
    send(&home.platform, 0, 40).await;
    assert_eq!(agrees_with_the_archive(&home.platform).await, 740);
    let home = home.again().await;
    assert_eq!(agrees_with_the_archive(&home.platform).await, 740);
    // Rows of many writers at once, looked at while they come.
    let writers = (0..6_i64).map(|writer| {
        let platform = std::sync::Arc::clone(&home.platform);
        tokio::spawn(async move {
            for part in 0..5 {
                let from = 2_000 + writer * 100 + part * 20;
                send(&platform, from, from + 20).await;
                platform.archive.flush().await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let looks = (0..4).map(|_| {
        let platform = std::sync::Arc::clone(&home.platform);
        tokio::spawn(async move { all(&platform).await.rows })
    });
    for look in looks.collect::<Vec<_>>() {
        assert!((740..=1_340).contains(&look.await.unwrap()));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(agrees_with_the_archive(&home.platform).await, 1_340);
}

#[tokio::test]
async fn erased_rows_are_in_no_sum_and_not_among_the_examples() {
    let home = Home::new().await;
    send(&home.platform, 0, 600).await;
    home.platform.archive.flush().await.unwrap();
    assert_eq!(agrees_with_the_archive(&home.platform).await, 600);
    home.platform.erase_entity("c-7", Some("churn"), "a request", &actor()).await.unwrap();
    assert_eq!(agrees_with_the_archive(&home.platform).await, 588);
    send(&home.platform, 600, 650).await;
    assert_eq!(agrees_with_the_archive(&home.platform).await, 638);
}

#[tokio::test]
async fn a_column_that_comes_later_is_missing_before() {
    let home = Home::new().await;
    send(&home.platform, 0, 300).await;
    home.platform.archive.flush().await.unwrap();
    all(&home.platform).await;
    let wider = rows(300, 600);
    let age = Values::Real((300..600).map(|row| Some(f64::from(row % 90))).collect());
    let wider = wider.with_column("age", age).unwrap();
    home.platform.take_predictions("churn", &wider, &Sent::default(), &actor()).await.unwrap();
    assert_eq!(agrees_with_the_archive(&home.platform).await, 600);
    let age = column(&all(&home.platform).await, "age").clone();
    assert_eq!(age.rows - age.null, 300);
}

/// A classifier that is served elsewhere, watched with groups, segments and a figure of the business.
#[tokio::test]
async fn a_window_tells_of_classes_groups_segments_and_business() {
    let home = Home::new().await;
    // Nine days: the first week is what the others are compared with.
    send(&home.platform, 0, 9 * 144).await;
    let monitor = r#"{"window": "1d", "min_rows": 50, "segments": ["plan"], "drift": {"threshold": 0.25},
        "performance": {"metric": "accuracy", "worse_than": 1.5},
        "fairness": {"columns": ["plan"], "most": 0.2, "min_rows": 30},
        "business": [
            {"name": "called", "sql": "select count(*) from scored where prediction >= 0.5", "most": 10},
            {"name": "broken", "sql": "select nothing from scored"}]}"#;
    let monitor = monitor.to_owned();
    let set: Result<_, db::Error> = home
        .platform
        .db
        .write(move |tx| {
            Box::pin(async move {
                db::Sql::execute(tx, "update models_elsewhere set monitor = $1", db::params![monitor]).await
            })
        })
        .await;
    assert_eq!(set.unwrap(), 1);
    // All of the team's rows come true as called, of the others none of those called 1.
    let labels: Vec<(String, f64)> = (0..9 * 144)
        .map(|row| {
            let called = ((row * 7_919) % 1_009) as f64 / 1_010.0 >= 0.5;
            (id(row), if row % 2 == 1 && called { 1.0 } else { 0.0 })
        })
        .collect();
    let (ids, values): (Vec<_>, Vec<_>) =
        labels.into_iter().map(|(id, value)| (Some(id), Some(value))).unzip();
    let labels = Table::from_columns(vec![
        ("prediction_id".to_owned(), Values::Text(ids)),
        ("label".to_owned(), Values::Real(values)),
    ])
    .unwrap();
    home.platform.take_label_rows("churn", &labels, &Sent::default()).await.unwrap();
    let until = Some(start().plus(Period::from_days(9)));
    let seen = home.platform.evaluate_monitor("churn", until).await.unwrap();
    assert!(seen.windows_evaluated >= 8, "{}", seen.windows_evaluated);
    let mut read = home.platform.db.read().await.unwrap();
    let from = start().plus(Period::from_days(7));
    let report = monitoring::store::get_report(&mut read, "churn", from).await.unwrap();
    assert_eq!((report.volume.rows, report.volume.labelled), (144, 144));
    let classes = report.classification.unwrap();
    assert!((0.7..0.8).contains(&classes.accuracy), "{classes:?}");
    assert!(classes.log_loss.is_some() && classes.roc_auc.is_some());
    let plans = &report.groups[0];
    assert_eq!(plans.groups.len(), 2);
    assert!(plans.quality_difference.unwrap() > 0.3, "{plans:?}");
    let called = report.business.iter().find(|figure| figure.name == "called").unwrap();
    assert!(called.breached && called.value.unwrap() > 10.0, "{called:?}");
    assert!(report.business.iter().find(|figure| figure.name == "broken").unwrap().problem.is_some());
    assert_eq!(report.segments.len(), 2, "{:?}", report.segments);
    assert!(report.multivariate.is_some());
    let asked = ProfileAsked { from: Some(from), to: until, segment: Some("plan=team".to_owned()) };
    assert_eq!(home.platform.profile_view("churn", &asked).await.unwrap().rows, 144);
}

#[tokio::test]
async fn slices_are_filtered_charted_compared_flagged_and_kept() {
    use platform::Slice;
    let home = Home::new().await;
    send(&home.platform, 0, 400).await;
    home.platform.archive.flush().await.unwrap();
    send(&home.platform, 400, 500).await;
    let slice =
        Slice { model: "churn".into(), filter: "size > 50 and plan = team".into(), ..Slice::default() };
    let chart = home.platform.slice_chart(&slice, "size").await.unwrap();
    let counted = home
        .platform
        .sql("select count(*) from churn.predictions where size > 50 and plan = 'team'", 1)
        .await
        .unwrap();
    assert_eq!(Some(chart.rows), counted.rows[0][0].as_u64());
    assert_eq!(chart.bars.iter().map(|bar| bar.rows).sum::<u64>(), chart.rows);
    let words = home.platform.slice_chart(&slice, "plan").await.unwrap();
    assert_eq!(words.bars.len(), 1);
    let times = home.platform.slice_chart(&slice, "event_time").await.unwrap();
    assert_eq!(times.bars.iter().map(|bar| bar.rows).sum::<u64>(), chart.rows);
    let bar = &chart.bars[0];
    let narrower = Slice { filter: format!("{} and {}", slice.filter, bar.filter), ..slice.clone() };
    assert!(home.platform.slice_chart(&narrower, "size").await.unwrap().rows >= bar.rows);

    let one: uuid::Uuid = id(100).parse().unwrap();
    let alike = home.platform.similar(one, 5).await.unwrap().unwrap();
    assert_eq!(alike.len(), 5);
    assert!(alike.is_sorted_by(|left, right| left.distance <= right.distance));
    assert!(alike.iter().all(|other| other.id != id(100)));
    assert!(home.platform.similar(uuid::Uuid::now_v7(), 5).await.unwrap().is_none());

    let right = Some(serde_json::json!(1.0));
    home.platform.flag_label(one, right, "the counter was broken", &actor()).await.unwrap().unwrap();
    let stored = home.platform.archive.prediction(one).await.unwrap().unwrap();
    assert!(stored.label.unwrap().source.starts_with("override:"));

    let kept = home.platform.save_slice(&slice, "team", &actor()).await.unwrap();
    assert_eq!(kept.version.rows_added, chart.rows);
    let wrong = Slice { filter: "sise > 50".into(), ..slice };
    let error = home.platform.slice_chart(&wrong, "size").await.unwrap_err().to_string();
    assert!(error.contains("did you mean `size`"), "{error}");
}
