//! Least and greatest values are found whenever their points came: before they were first asked for, between and after.

use base::{Actor, Timestamp};
use db::{Db, Engine, Sql, SqlText, params};

use super::run_search::first_page;
use super::*;
use crate::query::{run_filter, run_order};
use crate::{Metric, View};

async fn begin(db: &Db, id: &str) {
    let new = NewRun { id: Some(id.to_owned()), ..NewRun::default() };
    db.write(move |tx| Box::pin(async move { create_run(tx, new, &Actor::named("ada")).await }))
        .await
        .unwrap();
}

async fn log(db: &Db, run: &str, key: &str, step: i64, value: f64) {
    let metric = Metric { key: key.to_owned(), value, time: Timestamp::from_millis(step), step };
    let (run, batch) = (run.to_owned(), Batch { metrics: vec![metric], ..Batch::default() });
    db.write(move |tx| Box::pin(async move { log_batch(tx, &run, batch).await })).await.unwrap();
}

fn query(filter: &str, order: &str) -> RunQuery {
    RunQuery {
        experiments: vec![0],
        filter: run_filter(filter).unwrap(),
        order: run_order(&[order.to_owned()]).unwrap(),
        view: View::Active,
        limit: 100,
        token: None,
    }
}

async fn found(db: &Db, filter: &str, order: &str) -> Vec<String> {
    search_runs(db, &query(filter, order)).await.unwrap().items.into_iter().map(|run| run.id).collect()
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    db.read().await.unwrap().fetch_all(sql, params![]).await.unwrap()[0].int("count").unwrap()
}

#[tokio::test]
async fn the_best_value_counts_whenever_it_came_and_is_always_a_number() {
    for db in testing::databases().await {
        for (run, value) in [("one", 1.0), ("two", 2.0), ("three", f64::NAN)] {
            begin(&db, run).await;
            log(&db, run, "m", 10, value).await;
            log(&db, run, "m", 20, 5.0).await;
        }
        begin(&db, "none").await;
        log(&db, "none", "m", 1, f64::NAN).await;
        settle(&db).await.unwrap();
        log(&db, "two", "m", 30, 0.5).await;
        let (up, down) = ("min(metrics.m) asc", "max(metrics.m) desc");
        assert_eq!(found(&db, "min(metrics.m) < 9", up).await, ["two", "one", "three"], "{}", db.engine);
        log(&db, "three", "m", 5, 0.25).await;
        log(&db, "three", "m", 5, 0.25).await;
        log(&db, "one", "m", 40, f64::NAN).await;
        assert_eq!(found(&db, "", up).await, ["three", "two", "one", "none"], "a late one on {}", db.engine);
        log(&db, "two", "m", 50, f64::INFINITY).await;
        log(&db, "one", "m", 50, f64::NEG_INFINITY).await;
        log(&db, "three", "m", 50, 6.0).await;
        assert_eq!(found(&db, "", up).await, ["one", "three", "two", "none"]);
        assert_eq!(found(&db, "max(metrics.m) > 5", down).await, ["two", "three"]);
        assert_eq!(found(&db, "max(metrics.m) != 6", down).await, ["two", "one", "none"]);
        begin(&db, "late").await;
        log(&db, "late", "m", 1, 7.0).await;
        assert_eq!(found(&db, "max(metrics.m) >= 6", down).await, ["two", "late", "three"]);
        let same = "select count(*) as count from metric_bests b join metric_values v \
                    on v.key = b.key and v.run = b.run and (v.low = b.low or v.low is null and b.low is null) \
                    and (v.high = b.high or v.high is null and b.high is null)";
        assert_eq!(count(&db, same).await, 5, "{}", db.engine);
    }
}

#[tokio::test]
async fn an_index_of_bests_is_made_once_and_goes_on_where_it_was_cut_off() {
    for db in testing::databases().await {
        for number in 0..30 {
            let run = format!("run{number:02}");
            begin(&db, &run).await;
            log(&db, &run, "m", 1, f64::from(number)).await;
        }
        settle(&db).await.unwrap();
        // As a server leaves it that ends in between.
        db.write(|tx| {
            Box::pin(async move {
                let put = "insert into metric_best_indexes (key, built_until, complete, used_at) \
                           values (1, 20, 0, 1)";
                tx.execute(put, params![]).await?;
                let put = "insert into metric_bests (key, run, low, high) \
                           select 1, number, -5.5, -5.5 from runs where number <= 20";
                tx.execute(put, params![]).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        let lowest = found(&db, "", "min(metrics.m) asc").await;
        assert_eq!(lowest.len(), 30, "{}", db.engine);
        assert_eq!(lowest[29], "run29");
        assert_eq!(count(&db, "select count(*) as count from metric_bests where low = -5.5").await, 20);
        assert_eq!(
            count(&db, "select count(*) as count from metric_best_indexes where complete = 1").await,
            1
        );
    }
}

#[tokio::test]
async fn no_search_fails_for_want_of_room_for_an_index() {
    for db in testing::databases().await {
        begin(&db, "run").await;
        let all: Vec<Metric> = (0..102)
            .map(|number| Metric {
                key: format!("m{number}"),
                value: 1.0,
                time: Timestamp::from_millis(0),
                step: 0,
            })
            .collect();
        let batch = Batch { metrics: all, ..Batch::default() };
        db.write(move |tx| Box::pin(async move { log_batch(tx, "run", batch).await })).await.unwrap();
        for number in 0..101 {
            let (filter, order) =
                (format!("min(metrics.m{number}) = 1"), format!("max(metrics.m{number}) desc"));
            assert_eq!(found(&db, &filter, &order).await, ["run"], "{number} on {}", db.engine);
        }
        let indexes = "select count(*) as count from metric_best_indexes";
        assert_eq!(count(&db, indexes).await, 100);
        db.write(|tx| {
            let age = "update metric_best_indexes set used_at = key";
            Box::pin(async move { tx.execute(age, params![]).await.map_err(Error::from) })
        })
        .await
        .unwrap();
        assert_eq!(found(&db, "min(metrics.m101) = 1", "run_id").await, ["run"]);
        assert_eq!(count(&db, indexes).await, 100, "the one that was used longest ago made room");
        assert_eq!(count(&db, "select count(*) as count from metric_bests").await, 100);
        let many: Vec<String> = (0..30).map(|number| format!("max(metrics.m{number}) = 1")).collect();
        assert_eq!(found(&db, &many.join(" and "), "run_id").await, ["run"]);
    }
}

#[tokio::test]
async fn writers_that_settle_while_bests_are_indexed_are_in_it() {
    for db in testing::databases().await {
        for number in 0..8 {
            begin(&db, &format!("run{number}")).await;
            for key in 0..10 {
                log(&db, &format!("run{number}"), &format!("m{key}"), 0, 0.0).await;
            }
        }
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let db = Db::clone(&db);
                tokio::spawn(async move {
                    for key in 0..10 {
                        let run = format!("run{number}");
                        log(&db, &run, &format!("m{key}"), 1, f64::from(number + 1)).await;
                        settle(&db).await.unwrap();
                    }
                })
            })
            .collect();
        for key in 0..10 {
            found(&db, &format!("max(metrics.m{key}) > 0"), "run_id").await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for key in 0..10 {
            let all = found(&db, "", &format!("max(metrics.m{key}) desc")).await;
            let expected: Vec<String> = (0..8).rev().map(|number| format!("run{number}")).collect();
            assert_eq!(all, expected, "m{key} on {}", db.engine);
        }
    }
}

#[tokio::test]
async fn who_looks_for_what_is_to_be_settled_does_not_walk_along_all_runs() {
    for db in testing::databases().await {
        if db.engine() != Engine::Sqlite {
            // PostgreSQL knows how many rows each table has.
            continue;
        }
        let text = SqlText::new("explain query plan ").append(settle::with_tails(&[1, 2]));
        let rows = db.read().await.unwrap().fetch_all_text(text).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
        assert_eq!(plan[0], "SCAN t", "{plan:?}");
        assert!(plan[1].contains("(number=?)"), "{plan:?}");
    }
}

#[tokio::test]
async fn pages_by_values_are_read_from_an_index() {
    for db in testing::databases().await {
        if db.engine() != Engine::Sqlite {
            // PostgreSQL reads tables as small as these from end to end, and says so.
            continue;
        }
        for number in 0..40 {
            let run = format!("run{number:02}");
            begin(&db, &run).await;
            log(&db, &run, "m", 1, f64::from(number)).await;
            log(&db, &run, "n", 1, f64::from(number)).await;
        }
        for (filter, order, index) in [
            ("", "metrics.m asc", "metric_values_by_value (key=? AND value"),
            ("", "metrics.m@1 desc", "metric_steps_by_value (key=? AND step=? AND value"),
            ("", "min(metrics.m) asc", "metric_bests_by_low (key=? AND low"),
            ("", "max(metrics.m) desc", "metric_bests_by_high (key=? AND high"),
            (
                "max(metrics.m) < 30",
                "max(metrics.m) desc",
                "metric_bests_by_high (key=? AND high>? AND high<?)",
            ),
            ("metrics.n > 35", "max(metrics.m) desc", "metric_values_by_value (key=? AND value>?)"),
            ("max(metrics.n) > 35", "start_time desc", "metric_bests_by_high (key=? AND high>?)"),
            ("min(metrics.n) <= 3", "run_id asc", "metric_bests_by_low (key=? AND low>? AND low<?)"),
            // Most runs pass this, so nothing is gained by beginning there.
            ("min(metrics.n) > 3", "run_id asc", "runs_by_start"),
        ] {
            let asked = query(filter, order);
            let text = first_page(&db, &asked).await.unwrap();
            let text = SqlText::new("explain query plan ").append(text);
            let rows = db.read().await.unwrap().fetch_all_text(text).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
            let plan = plan.join("\n");
            assert!(plan.contains(index), "{filter} by {order} is read so:\n{plan}");
        }
    }
}
