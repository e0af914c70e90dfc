//! What the store promises, on both engines.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use base::{Actor, Timestamp};
use db::Db;

use super::*;
use crate::query::{experiment_filter, model_order, run_filter, run_order};
use crate::{DatasetInput, Metric, Run, RunStatus, View};

fn me() -> Actor {
    Actor::named("ada")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric { key: key.into(), value, time: at(step), step }
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn experiment(db: &Db, name: &str) -> i64 {
    let new = NewExperiment { name: name.to_owned(), ..NewExperiment::default() };
    db.write(move |tx| Box::pin(async move { create_experiment(tx, &new, &me(), at(1)).await }))
        .await
        .unwrap()
        .id
}

async fn run(db: &Db, experiment_id: i64) -> String {
    let new = NewRun { experiment_id, start_time: at(10), ..NewRun::default() };
    db.write(move |tx| Box::pin(async move { create_run(tx, new, &me()).await })).await.unwrap().id
}

async fn log(db: &Db, run: &str, batch: Batch) -> Result<(), Error> {
    let run = run.to_owned();
    db.write(move |tx| Box::pin(async move { log_batch(tx, &run, batch).await })).await
}

async fn load(db: &Db, id: &str) -> Run {
    get_run(&mut db.read().await.unwrap(), id).await.unwrap()
}

async fn search(db: &Db, experiments: &[i64], filter: &str, order: &[&str]) -> Vec<Run> {
    let order: Vec<String> = order.iter().map(ToString::to_string).collect();
    let query = RunQuery {
        experiments: experiments.to_vec(),
        filter: run_filter(filter).unwrap(),
        order: run_order(&order).unwrap(),
        view: View::Active,
        limit: 1_000,
        token: None,
    };
    search_runs(db, &query).await.unwrap().items
}

#[tokio::test]
async fn the_default_experiment_is_there_and_stays() {
    for db in testing::databases().await {
        let default = get_experiment(&mut db.read().await.unwrap(), 0).await.unwrap();
        assert_eq!(
            (default.name.as_str(), default.artifact_location.as_str()),
            ("Default", "mlflow-artifacts:/0")
        );
        let refused: Result<(), Error> =
            db.write(|tx| Box::pin(async move { delete_experiment(tx, 0, &me(), at(1)).await })).await;
        assert!(matches!(refused, Err(Error::DefaultExperiment)));
    }
}

#[tokio::test]
async fn a_name_is_taken_even_by_a_deleted_experiment() {
    for db in testing::databases().await {
        let id = experiment(&db, "a").await;
        assert_eq!(id, 1);
        db.write(move |tx| Box::pin(async move { delete_experiment(tx, id, &me(), at(2)).await }))
            .await
            .unwrap();
        let new = NewExperiment { name: "a".into(), ..NewExperiment::default() };
        let refused = db
            .write(move |tx| Box::pin(async move { create_experiment(tx, &new, &me(), at(3)).await }))
            .await;
        assert!(matches!(refused, Err(Error::ExperimentExists { deleted: true, .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn deleting_an_experiment_takes_its_runs_and_restoring_brings_the_same_ones_back() {
    for db in testing::databases().await {
        let id = experiment(&db, "a").await;
        let (kept, gone) = (run(&db, id).await, run(&db, id).await);
        let before = gone.clone();
        db.write(move |tx| Box::pin(async move { delete_run(tx, &before, &me(), at(1)).await }))
            .await
            .unwrap();
        db.write(move |tx| Box::pin(async move { delete_experiment(tx, id, &me(), at(2)).await }))
            .await
            .unwrap();
        assert_eq!(load(&db, &kept).await.lifecycle, Lifecycle::Deleted);
        let refused = log(&db, &kept, Batch { params: texts(&[("a", "1")]), ..Batch::default() }).await;
        assert!(matches!(refused, Err(Error::RunDeleted { .. })));
        db.write(move |tx| Box::pin(async move { restore_experiment(tx, id, &me(), at(3)).await }))
            .await
            .unwrap();
        assert_eq!(load(&db, &kept).await.lifecycle, Lifecycle::Active);
        assert_eq!(load(&db, &gone).await.lifecycle, Lifecycle::Deleted);
    }
}

#[tokio::test]
async fn experiments_are_found_by_name_time_and_tag() {
    for db in testing::databases().await {
        let id = experiment(&db, "Alpha").await;
        experiment(&db, "beta").await;
        db.write(move |tx| {
            Box::pin(async move { set_experiment_tag(tx, id, "team", "traffic", at(5)).await })
        })
        .await
        .unwrap();
        for (filter, expected) in [
            ("", vec!["beta", "Alpha", "Default"]),
            ("name = 'beta'", vec!["beta"]),
            ("name like 'al%'", vec![]),
            ("name ilike 'al%'", vec!["Alpha"]),
            ("tags.team = 'traffic'", vec!["Alpha"]),
            ("tags.team is null", vec!["beta", "Default"]),
            ("creation_time >= 1000", vec!["beta", "Alpha"]),
            ("last_update_time > 4999 or name = 'Default'", vec!["Alpha", "Default"]),
        ] {
            let query = ExperimentQuery {
                project: None,
                filter: experiment_filter(filter).unwrap(),
                order: Vec::new(),
                view: View::Active,
                limit: 100,
                token: None,
            };
            let found = search_experiments(&mut db.read().await.unwrap(), &query).await.unwrap();
            let names: Vec<_> = found.items.iter().map(|item| item.name.as_str()).collect();
            assert_eq!(names, expected, "{filter} on {}", db.engine);
        }
    }
}

#[tokio::test]
async fn a_run_without_a_name_is_given_one_and_its_tag_follows_renames() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let fresh = load(&db, &id).await;
        assert_eq!(fresh.tags.get("mlflow.runName"), Some(&fresh.name));
        assert_eq!(fresh.artifact_uri, format!("mlflow-artifacts:/0/{id}/artifacts"));
        let change = RunChange {
            name: Some("mine".into()),
            status: Some(RunStatus::Finished),
            end_time: Some(at(20)),
        };
        let run = id.clone();
        db.write(move |tx| Box::pin(async move { update_run(tx, &run, change, &me()).await })).await.unwrap();
        let after = load(&db, &id).await;
        assert_eq!(
            (after.name.as_str(), after.status, after.end_time),
            ("mine", RunStatus::Finished, Some(at(20)))
        );
        assert_eq!(after.tags.get("mlflow.runName").map(String::as_str), Some("mine"));
        let run = id.clone();
        db.write(move |tx| Box::pin(async move { set_run_tag(tx, &run, "mlflow.runName", "other").await }))
            .await
            .unwrap();
        assert_eq!(load(&db, &id).await.name, "other");
    }
}

#[tokio::test]
async fn a_param_keeps_its_first_value() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let params = |pairs: &[(&str, &str)]| Batch { params: texts(pairs), ..Batch::default() };
        log(&db, &id, params(&[("a", "1"), ("b", "2")])).await.unwrap();
        log(&db, &id, params(&[("a", "1"), ("c", "3")])).await.unwrap();
        let refused = log(&db, &id, params(&[("d", "4"), ("a", "9")])).await;
        assert!(matches!(&refused, Err(Error::ParamChanged { key, old, new, .. })
            if (key.as_str(), old.as_str(), new.as_str()) == ("a", "1", "9")));
        let refused = log(&db, &id, params(&[("e", "1"), ("e", "2")])).await;
        assert!(matches!(refused, Err(Error::ParamChanged { .. })));
        let found: BTreeMap<_, _> = texts(&[("a", "1"), ("b", "2"), ("c", "3")]).into_iter().collect();
        assert_eq!(load(&db, &id).await.params, found, "nothing of a refused batch is written");
    }
}

#[tokio::test]
async fn the_newest_point_is_that_of_the_greatest_step_whatever_the_order_of_arrival() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let points = vec![metric("m", 1.0, 1), metric("m", 3.0, 3), metric("m", 2.0, 2)];
        log(&db, &id, Batch { metrics: points.clone(), ..Batch::default() }).await.unwrap();
        log(&db, &id, Batch { metrics: vec![metric("m", 0.5, 0)], ..Batch::default() }).await.unwrap();
        log(&db, &id, Batch { metrics: points, ..Batch::default() }).await.unwrap();
        assert_eq!(load(&db, &id).await.metrics, vec![metric("m", 3.0, 3)]);
        let mut read = db.read().await.unwrap();
        let history = metric_points(&mut read, &id, "m", PointsAfter::default()).await.unwrap();
        let values: Vec<f64> = history.iter().map(|point| point.value).collect();
        assert_eq!(values, [0.5, 1.0, 2.0, 3.0], "points sent twice are kept once");
        let page = PointsAfter { offset: 1, limit: Some(2) };
        assert_eq!(metric_points(&mut read, &id, "m", page).await.unwrap().len(), 2);
        assert!(metric_points(&mut read, &id, "other", PointsAfter::default()).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn infinities_and_what_is_not_a_number_are_kept() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324];
        let metrics = (0..).zip(values).map(|(at, value)| metric(&format!("m{at}"), value, 0)).collect();
        log(&db, &id, Batch { metrics, ..Batch::default() }).await.unwrap();
        let back: Vec<f64> = load(&db, &id).await.metrics.iter().map(|point| point.value).collect();
        assert!(back[0].is_nan(), "{}", db.engine);
        assert_eq!(back[1..], values[1..], "{}", db.engine);
        assert_eq!(search(&db, &[0], "metrics.m0 < 1", &[]).await.len(), 0);
        assert_eq!(search(&db, &[0], "metrics.m0 != 1", &[]).await.len(), 1);
        assert_eq!(search(&db, &[0], "metrics.m1 > 1e300", &[]).await.len(), 1);
    }
}

#[tokio::test]
async fn a_long_history_is_drawn_with_few_points_that_keep_the_spike() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let wave = |step: i64| if step == 777 { 99.0 } else { f64::from(i32::try_from(step % 7).unwrap()) };
        let metrics = (0..3_000).map(|step| metric("m", wave(step), step)).collect();
        log(&db, &id, Batch { metrics, ..Batch::default() }).await.unwrap();
        let mut read = db.read().await.unwrap();
        let few = NonZeroUsize::new(100).unwrap();
        let series = metric_series(&mut read, &id, "m", few, None).await.unwrap();
        assert!(series.sampled && series.points.len() <= 100);
        assert!(series.points.iter().any(|point| point.step == 777));
        let part = metric_series(&mut read, &id, "m", few, Some((10, 19))).await.unwrap();
        assert_eq!((part.points.len(), part.sampled), (10, false));
    }
}

#[tokio::test]
async fn bad_keys_and_unknown_runs_are_refused() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        let refused =
            log(&db, &id, Batch { metrics: vec![metric("../a", 1.0, 0)], ..Batch::default() }).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })));
        let refused = log(&db, &id, Batch { params: texts(&[("a", "x\0y")]), ..Batch::default() }).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })));
        assert!(matches!(log(&db, "nobody", Batch::default()).await, Err(Error::RunNotFound { .. })));
        let long = "é".repeat(7_000);
        log(&db, &id, Batch { params: texts(&[("a", &long)]), ..Batch::default() }).await.unwrap();
        assert_eq!(load(&db, &id).await.params["a"].chars().count(), 6_000);
    }
}

#[tokio::test]
async fn inputs_are_found_by_name_digest_and_context() {
    for db in testing::databases().await {
        let id = run(&db, 0).await;
        run(&db, 0).await;
        let input = DatasetInput {
            name: "traffic".into(),
            digest: "d1".into(),
            source_type: "local".into(),
            source: "{}".into(),
            schema: None,
            profile: Some("{\"rows\":3}".into()),
            tags: [("mlflow.data.context".to_owned(), "training".to_owned())].into(),
        };
        for _ in 0..2 {
            let (run, inputs) = (id.clone(), vec![input.clone()]);
            db.write(move |tx| Box::pin(async move { log_inputs(tx, &run, &inputs, &[]).await }))
                .await
                .unwrap();
        }
        assert_eq!(load(&db, &id).await.inputs, vec![input]);
        for filter in [
            "datasets.name = 'traffic'",
            "dataset.digest in ('d0', 'd1')",
            "dataset.context like 'train%' and datasets.name ilike 'TR%'",
        ] {
            assert_eq!(search(&db, &[0], filter, &[]).await.len(), 1, "{filter}");
        }
        assert_eq!(search_datasets(&mut db.read().await.unwrap(), &[0]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_logged_model_goes_from_pending_to_ready() {
    for db in testing::databases().await {
        let run = run(&db, 0).await;
        let new = NewLoggedModel {
            name: Some("model".into()),
            source_run_id: Some(run.clone()),
            params: texts(&[("alpha", "1")]),
            tags: texts(&[("kind", "ridge")]),
            ..NewLoggedModel::default()
        };
        let model = db
            .write(move |tx| Box::pin(async move { create_logged_model(tx, new, at(1)).await }))
            .await
            .unwrap();
        assert_eq!(model.artifact_uri, format!("mlflow-artifacts:/0/models/{}/artifacts", model.id));
        let id = model.id.clone();
        let ready = db
            .write(move |tx| {
                Box::pin(async move {
                    let measured = |value, step| LoggedModelMetric {
                        metric: metric("mae", value, step),
                        run_id: run.clone(),
                        dataset_name: "d".into(),
                        dataset_digest: String::new(),
                    };
                    let all = [measured(2.0, 0), measured(5.0, 1), measured(f64::NAN, 2)];
                    let all = all.map(|measured| (id.clone(), measured));
                    log_logged_model_metrics(tx, &run, &all).await?;
                    finish_logged_model(tx, &id, LoggedModelStatus::Ready, None, at(2)).await
                })
            })
            .await
            .unwrap();
        assert_eq!((ready.status, ready.metrics.len()), (LoggedModelStatus::Ready, 3));
        let query = |filter: &str| LoggedModelQuery {
            experiments: vec![0],
            filter: crate::query::model_filter(filter).unwrap(),
            datasets: Vec::new(),
            order: Vec::new(),
            order_datasets: Vec::new(),
            limit: 10,
            token: None,
        };
        let mut read = db.read().await.unwrap();
        for (dataset, digest, expected) in
            [("d", None, 1), ("d", Some(""), 1), ("d", Some("x"), 0), ("other", None, 0)]
        {
            let datasets = vec![(dataset.to_owned(), digest.map(str::to_owned))];
            let query = LoggedModelQuery {
                datasets: datasets.clone(),
                order: vec![model_order("metrics.mae", true).unwrap()],
                order_datasets: vec![datasets],
                ..query("metrics.mae < 3")
            };
            let found = search_logged_models(&mut read, &query).await.unwrap().items.len();
            assert_eq!(found, expected, "{dataset} {digest:?}");
        }
        for (filter, expected) in [
            ("metrics.mae < 3 and tags.kind = 'ridge'", 1),
            ("params.alpha = '2'", 0),
            ("min(metrics.mae) < 3 and max(metrics.mae) > 4", 1),
            ("min(metrics.mae) > 3 or max(metrics.mae) < 3", 0),
            ("min(metrics.other) != 3", 0),
        ] {
            assert_eq!(search_logged_models(&mut read, &query(filter)).await.unwrap().items.len(), expected);
        }
        let id = model.id.clone();
        db.write(move |tx| Box::pin(async move { delete_logged_model(tx, &id, at(3)).await })).await.unwrap();
        assert!(matches!(
            get_logged_model(&mut read, &model.id).await,
            Err(Error::LoggedModelNotFound { .. })
        ));
    }
}
