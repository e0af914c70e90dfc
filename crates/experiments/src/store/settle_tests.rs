//! Histories are the same whether their points are in the tail, in segments, or in both.

use std::num::NonZeroUsize;

use base::{Actor, Timestamp};
use db::{Db, Sql, params};

use super::*;
use crate::{Metric, Run, RunStatus};

async fn begin(db: &Db) -> String {
    let new = NewRun::default();
    db.write(move |tx| Box::pin(async move { create_run(tx, new, &Actor::named("ada")).await }))
        .await
        .unwrap()
        .id
}

async fn log(db: &Db, run: &str, metrics: Vec<Metric>) {
    let run = run.to_owned();
    let batch = Batch { metrics, ..Batch::default() };
    db.write(move |tx| Box::pin(async move { log_batch(tx, &run, batch).await })).await.unwrap();
}

async fn end(db: &Db, run: &str) {
    let run = run.to_owned();
    let change = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
    db.write(move |tx| Box::pin(async move { update_run(tx, &run, change, &Actor::named("ada")).await }))
        .await
        .unwrap();
}

fn point(key: &str, step: i64, value: f64) -> Metric {
    Metric { key: key.to_owned(), value, time: Timestamp::from_millis(step), step }
}

async fn steps(db: &Db, run: &str, key: &str) -> Vec<i64> {
    let mut read = db.read().await.unwrap();
    let points = metric_points(&mut read, run, key, PointsAfter::default()).await.unwrap();
    points.iter().map(|point| point.step).collect()
}

async fn count(db: &Db, table: &'static str) -> i64 {
    let rows = db.read().await.unwrap().fetch_all(table, params![]).await.unwrap();
    rows[0].int("count").unwrap()
}

async fn load(db: &Db, run: &str) -> Run {
    get_run(&mut db.read().await.unwrap(), run).await.unwrap()
}

#[tokio::test]
async fn points_are_seen_before_and_after_they_are_settled_and_late_ones_take_their_place() {
    for db in testing::databases().await {
        let run = begin(&db).await;
        log(&db, &run, vec![point("m", 5, 5.0), point("n", 1, 1.0)]).await;
        assert_eq!(load(&db, &run).await.metrics, [point("m", 5, 5.0), point("n", 1, 1.0)]);
        assert_eq!(settle(&db).await.unwrap(), 1);
        assert_eq!(count(&db, "select count(*) as count from metric_tail").await, 0);
        log(&db, &run, vec![point("m", 2, 2.0), point("m", 5, 5.0), point("o", 1, 3.0)]).await;
        let expected = [point("m", 5, 5.0), point("n", 1, 1.0), point("o", 1, 3.0)];
        for settled in [false, true] {
            assert_eq!(load(&db, &run).await.metrics, expected, "settled: {settled} on {}", db.engine);
            assert_eq!(steps(&db, &run, "m").await, [2, 5], "a point sent twice is kept once");
            settle(&db).await.unwrap();
        }
        assert_eq!(settle(&db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn many_small_generations_become_few_large_ones_and_one_when_the_run_ends() {
    for db in testing::databases().await {
        let run = begin(&db).await;
        for step in 0..40 {
            log(&db, &run, vec![point("m", step, 0.5), point("n", -step, f64::NAN)]).await;
            settle(&db).await.unwrap();
        }
        let generations = "select count(distinct seq) as count from metric_segments";
        assert_eq!(count(&db, generations).await, 2 + 8, "{}", db.engine);
        assert_eq!(steps(&db, &run, "m").await, (0..40).collect::<Vec<_>>());
        log(&db, &run, vec![point("m", 99, 1.0)]).await;
        end(&db, &run).await;
        assert_eq!(count(&db, generations).await, 1, "{}", db.engine);
        assert_eq!(count(&db, "select count(*) as count from metric_tail").await, 0);
        assert_eq!(steps(&db, &run, "m").await, (0..40).chain([99]).collect::<Vec<_>>());
        assert_eq!(load(&db, &run).await.metrics[0], point("m", 99, 1.0));
    }
}

#[tokio::test]
async fn a_long_history_spans_segments_and_is_drawn_with_its_spike() {
    for db in testing::databases().await {
        let run = begin(&db).await;
        for part in 0..20 {
            let steps = part * 1_000..(part + 1) * 1_000;
            log(
                &db,
                &run,
                steps.map(|step| point("m", step, if step == 7_777 { 9.0 } else { 0.1 })).collect(),
            )
            .await;
        }
        log(&db, &run, vec![point("n", 1, 1.0)]).await;
        end(&db, &run).await;
        assert_eq!(count(&db, "select count(*) as count from metric_segments").await, 5);
        assert_eq!(steps(&db, &run, "m").await.len(), 20_000);
        assert_eq!(steps(&db, &run, "n").await, [1]);
        let few = NonZeroUsize::new(100).unwrap();
        let mut read = db.read().await.unwrap();
        let series = metric_series(&mut read, &run, "m", few, None).await.unwrap();
        assert!(series.sampled && series.points.len() <= 100);
        assert!(series.points.iter().any(|point| point.step == 7_777));
    }
}

#[tokio::test]
async fn writers_and_a_settling_server_lose_and_double_nothing() {
    for db in testing::databases().await {
        let run = begin(&db).await;
        let writers = (0..8).map(|writer| {
            let (db, run) = (Db::clone(&db), run.clone());
            tokio::spawn(async move {
                for step in 0..25 {
                    log(&db, &run, vec![point("m", writer * 25 + step, 1.0)]).await;
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            settle(&db).await.unwrap();
            let seen = steps(&db, &run, "m").await;
            assert!(seen.is_sorted_by(|left, right| left < right));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(steps(&db, &run, "m").await, (0..200).collect::<Vec<_>>(), "{}", db.engine);
    }
}

#[tokio::test]
async fn points_of_an_earlier_release_are_carried_over_once() {
    for db in testing::databases().await {
        let (run, other) = (begin(&db).await, begin(&db).await);
        db.write(|tx| {
            Box::pin(async move {
                for (run, key, step, nan) in [(1, "m", 2, 0), (1, "m", 1, 1), (1, "n", 7, 0), (2, "m", 3, 0)]
                {
                    let put = "insert into metric_points (run, key, step, time, value, is_nan) \
                               values ($1, $2, $3, $4, 1.5, $5)";
                    tx.execute(put, params![run, key, i64::from(step), 1_000_i64, nan]).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        assert_eq!(bring_over_points(&db).await.unwrap(), 4);
        assert_eq!(bring_over_points(&db).await.unwrap(), 0);
        assert_eq!(steps(&db, &run, "m").await, [1, 2]);
        assert_eq!(steps(&db, &other, "m").await, [3]);
        let newest: Vec<(String, i64)> =
            load(&db, &run).await.metrics.into_iter().map(|metric| (metric.key, metric.step)).collect();
        assert_eq!(newest, [("m".to_owned(), 2), ("n".to_owned(), 7)]);
    }
}
