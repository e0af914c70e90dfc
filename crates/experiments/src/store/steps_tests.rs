//! Values at a step are found whenever they came: before the step was first asked for, between and after.

use base::{Actor, Timestamp};
use db::{Db, Sql, params};

use super::*;
use crate::query::{run_filter, run_order};
use crate::{Metric, View};

async fn begin(db: &Db, id: &str) {
    let new = NewRun { id: Some(id.to_owned()), ..NewRun::default() };
    db.write(move |tx| Box::pin(async move { create_run(tx, new, &Actor::named("ada")).await }))
        .await
        .unwrap();
}

async fn log(db: &Db, run: &str, step: i64, time: i64, value: f64) {
    let metric = Metric { key: "m".to_owned(), value, time: Timestamp::from_millis(time), step };
    let (run, batch) = (run.to_owned(), Batch { metrics: vec![metric], ..Batch::default() });
    db.write(move |tx| Box::pin(async move { log_batch(tx, &run, batch).await })).await.unwrap();
}

async fn found(db: &Db, filter: &str, order: &str) -> Result<Vec<String>, Error> {
    let query = RunQuery {
        experiments: vec![0],
        filter: run_filter(filter).unwrap(),
        order: run_order(&[order.to_owned()]).unwrap(),
        view: View::Active,
        limit: 100,
        token: None,
    };
    Ok(search_runs(db, &query).await?.items.into_iter().map(|run| run.id).collect())
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    db.read().await.unwrap().fetch_all(sql, params![]).await.unwrap()[0].int("count").unwrap()
}

#[tokio::test]
async fn the_newest_point_of_a_step_counts_whenever_it_came() {
    for db in testing::databases().await {
        for (run, value) in [("one", 1.0), ("two", 2.0)] {
            begin(&db, run).await;
            log(&db, run, 10, 5, value).await;
            log(&db, run, 20, 6, 100.0).await;
        }
        settle(&db).await.unwrap();
        log(&db, "one", 10, 7, 3.0).await;
        let by = "metrics.m@10 desc";
        assert_eq!(found(&db, "metrics.m@10 > 0", by).await.unwrap(), ["one", "two"], "{}", db.engine);
        log(&db, "one", 10, 6, 9.0).await;
        log(&db, "two", 10, 5, f64::NAN).await;
        begin(&db, "three").await;
        log(&db, "three", 10, 1, 2.5).await;
        let all = found(&db, "metrics.m@10 > 0", by).await.unwrap();
        assert_eq!(all, ["one", "three", "two"], "an older point came late on {}", db.engine);
        log(&db, "two", 10, 8, f64::NAN).await;
        assert_eq!(found(&db, "metrics.m@10 > 0", by).await.unwrap(), ["one", "three"]);
        assert_eq!(found(&db, "metrics.m@10 != 3", by).await.unwrap(), ["three", "two"]);
        assert_eq!(found(&db, "", by).await.unwrap(), ["one", "three", "two"], "no number comes last");
        assert_eq!(found(&db, "metrics.m@11 != 3", by).await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn an_index_is_made_once_and_goes_on_where_it_was_cut_off() {
    for db in testing::databases().await {
        for number in 0..30 {
            let run = format!("run{number:02}");
            begin(&db, &run).await;
            log(&db, &run, 1, 1, f64::from(number)).await;
        }
        settle(&db).await.unwrap();
        // As a server leaves it that ends in between.
        db.write(|tx| {
            Box::pin(async move {
                let put = "insert into metric_step_indexes (key, step, built_until, complete, used_at) \
                           values (1, 1, 20, 0, 1)";
                tx.execute(put, params![]).await?;
                let put = "insert into metric_steps (key, step, run, time, value) \
                           select 1, 1, number, 1000, 5.5 from runs where number <= 20";
                tx.execute(put, params![]).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .unwrap();
        assert_eq!(found(&db, "metrics.m@1 = 5.5", "run_id").await.unwrap().len(), 20, "{}", db.engine);
        assert_eq!(found(&db, "metrics.m@1 > 5.5", "run_id").await.unwrap().len(), 10, "{}", db.engine);
        assert_eq!(
            count(&db, "select count(*) as count from metric_step_indexes where complete = 1").await,
            1
        );
    }
}

#[tokio::test]
async fn steps_are_indexed_within_limits() {
    for db in testing::databases().await {
        begin(&db, "run").await;
        log(&db, "run", 3, 1, 1.0).await;
        for step in 0..100 {
            let wanted = usize::from(step == 3);
            assert_eq!(found(&db, &format!("metrics.m@{step} = 1"), "run_id").await.unwrap().len(), wanted);
        }
        let refused = found(&db, "metrics.m@100 = 1", "run_id").await.unwrap_err().to_string();
        assert!(
            refused.starts_with("metric `m` cannot be searched at one more step: 100 steps"),
            "{refused}"
        );
        db.write(|tx| {
            let age = "update metric_step_indexes set used_at = step";
            Box::pin(async move { tx.execute(age, params![]).await.map_err(Error::from) })
        })
        .await
        .unwrap();
        assert_eq!(found(&db, "metrics.m@3 = 1", "run_id").await.unwrap(), ["run"]);
        assert_eq!(found(&db, "metrics.m@100 = 1", "run_id").await.unwrap(), [""; 0]);
        let indexes = "select count(*) as count from metric_step_indexes where step > 0";
        assert_eq!(count(&db, indexes).await, 100, "the one that was used longest ago made room");
        let many: Vec<String> = (0..21).map(|step| format!("metrics.m@{step} = 1")).collect();
        assert!(found(&db, &many.join(" or "), "run_id").await.is_err());
    }
}

#[tokio::test]
async fn writers_that_settle_while_an_index_is_made_are_in_it() {
    for db in testing::databases().await {
        for number in 0..8 {
            begin(&db, &format!("run{number}")).await;
        }
        log(&db, "run0", 0, 1, 0.0).await;
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let db = Db::clone(&db);
                tokio::spawn(async move {
                    for step in 0..20 {
                        log(&db, &format!("run{number}"), step, 2, 1.0).await;
                        settle(&db).await.unwrap();
                    }
                })
            })
            .collect();
        for step in 0..20 {
            found(&db, &format!("metrics.m@{step} = 1"), "run_id").await.unwrap();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        for step in 0..20 {
            let all = found(&db, &format!("metrics.m@{step} = 1"), "run_id").await.unwrap();
            assert_eq!(all.len(), 8, "step {step} on {}", db.engine);
        }
    }
}
