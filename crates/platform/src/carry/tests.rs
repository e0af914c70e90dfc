//! Records brought in, on both engines.

use base::{Actor, Clock, SystemClock};
use experiments::Lifecycle;

use super::*;
use crate::fixture;

fn origin(batch: Option<&str>) -> Origin {
    Origin { source: "elsewhere".into(), batch: batch.map(str::to_owned), actor: Actor::named("ada") }
}

fn records(lines: &[serde_json::Value]) -> Vec<Record> {
    lines.iter().map(|line| serde_json::from_value(line.clone()).unwrap()).collect()
}

fn a_run() -> Vec<Record> {
    let now = SystemClock.now().as_millis();
    records(&[
        serde_json::json!({"kind": "experiment", "name": "far", "created_ms": 1_000, "updated_ms": 2_000, "restore": true}),
        serde_json::json!({"kind": "run", "id": "abc", "experiment": "far", "name": "one", "user": "ada", "start_ms": 5_000}),
        serde_json::json!({"kind": "params", "run": "abc", "params": {"rate": "0.1"}}),
        serde_json::json!({"kind": "metric", "run": "abc", "key": "loss", "steps": [1, 2, 2], "times_ms": [10, 20, 21], "values": [0.5, "NaN", "-Infinity"]}),
        serde_json::json!({"kind": "tags", "run": "abc", "tags": {"team": "blue"}}),
        serde_json::json!({"kind": "run_state", "run": "abc", "status": "FINISHED", "end_ms": now}),
        serde_json::json!({"kind": "whole", "what": "run", "id": "abc", "fingerprint": "f1"}),
    ])
}

#[tokio::test]
async fn a_run_comes_in_under_its_own_id_and_coming_twice_changes_nothing() {
    for database in testing::databases().await {
        let (platform, _folder) = fixture::on(&database).await;
        for _ in 0..2 {
            let carried = platform.carry(origin(None), a_run()).await.unwrap();
            assert_eq!((carried.applied, carried.refused), (7, vec![]));
        }
        let mut read = platform.db.read().await.unwrap();
        let run = experiments::get_run(&mut read, "abc").await.unwrap();
        assert_eq!((run.name.as_str(), run.start_time.as_millis()), ("one", 5_000));
        assert_eq!(run.params["rate"], "0.1");
        assert_eq!(run.metrics[0].value, f64::NEG_INFINITY);
        let points = experiments::metric_points(&mut read, "abc", "loss", Default::default()).await.unwrap();
        assert_eq!(points.len(), 3);
        let whole = platform.carried("elsewhere", "run", "", 10).await.unwrap();
        assert_eq!(whole, [Whole { id: "abc".into(), fingerprint: "f1".into() }]);
    }
}

#[tokio::test]
async fn a_batch_with_an_id_is_applied_once_for_ever() {
    let database = testing::sqlite().await;
    let (platform, _folder) = fixture::on(&database).await;
    assert!(!platform.carry(origin(Some("b1")), a_run()).await.unwrap().repeated);
    let late = records(&[serde_json::json!({"kind": "tags", "run": "abc", "tags": {"team": "red"}})]);
    platform.carry(origin(None), late).await.unwrap();
    assert!(platform.carry(origin(Some("b1")), a_run()).await.unwrap().repeated);
    let run = experiments::get_run(&mut platform.db.read().await.unwrap(), "abc").await.unwrap();
    assert_eq!(run.tags["team"], "red");
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_the_rest_comes_in() {
    let database = testing::sqlite().await;
    let (platform, _folder) = fixture::on(&database).await;
    let mut lines = a_run();
    lines.insert(
        3,
        serde_json::from_value(
            serde_json::json!({"kind": "params", "run": "abc", "params": {"good": "1", "bad*name": "2"}}),
        )
        .unwrap(),
    );
    let carried = platform.carry(origin(Some("b2")), lines).await.unwrap();
    assert_eq!(carried.applied, 7);
    assert_eq!(carried.refused.len(), 1, "{:?}", carried.refused);
    assert!(carried.refused[0].reason.contains("bad*name"));
    let run = experiments::get_run(&mut platform.db.read().await.unwrap(), "abc").await.unwrap();
    assert_eq!(run.params["good"], "1");
}

#[tokio::test]
async fn models_keep_their_numbers_aliases_and_stages() {
    let database = testing::sqlite().await;
    let (platform, _folder) = fixture::on(&database).await;
    let lines = records(&[
        serde_json::json!({"kind": "model", "name": "churn", "created_ms": 1_000, "updated_ms": 2_000, "tags": {"a": "b"}}),
        serde_json::json!({"kind": "version", "model": "churn", "number": 3, "source": "s3://b/m", "stage": "Production",
            "status": "READY", "created_ms": 1_500, "updated_ms": 1_600, "tags": {"c": "d"}}),
        serde_json::json!({"kind": "version", "model": "churn", "number": 1, "source": "s3://b/m1", "stage": "None",
            "status": "READY", "created_ms": 1_100, "updated_ms": 1_200}),
        serde_json::json!({"kind": "alias", "model": "churn", "alias": "champion", "version": 3}),
    ]);
    for _ in 0..2 {
        let carried = platform.carry(origin(None), lines.clone()).await.unwrap();
        assert_eq!(carried.refused, []);
    }
    let mut read = platform.db.read().await.unwrap();
    let model = registry::get_model(&mut read, "churn").await.unwrap();
    assert_eq!((model.latest_version, model.alias("champion")), (Some(3), Some(3)));
    let version = registry::get_version(&mut read, "churn", 3).await.unwrap();
    assert_eq!((version.stage.word(), version.created_at.as_millis()), ("Production", 1_500));
    drop(read);
    let next = platform
        .db
        .write::<_, registry::Error, _>(|tx| {
            Box::pin(async move {
                let new = registry::NewVersion { model: "churn".into(), ..Default::default() };
                registry::create_version(tx, new, &Actor::named("ada"), SystemClock.now()).await
            })
        })
        .await
        .unwrap();
    assert_eq!(next.number, 4);
}

#[tokio::test]
async fn runs_in_the_bin_come_in_as_such_and_can_come_again() {
    let database = testing::sqlite().await;
    let (platform, _folder) = fixture::on(&database).await;
    let mut lines = a_run();
    let state = serde_json::json!({"kind": "run_state", "run": "abc", "status": "FAILED", "end_ms": 9, "deleted": true});
    lines.push(serde_json::from_value(state).unwrap());
    lines.push(
        serde_json::from_value(serde_json::json!({"kind": "experiment_deleted", "name": "far"})).unwrap(),
    );
    for _ in 0..2 {
        let carried = platform.carry(origin(None), lines.clone()).await.unwrap();
        assert_eq!(carried.refused, []);
        let mut read = platform.db.read().await.unwrap();
        let run = experiments::get_run(&mut read, "abc").await.unwrap();
        assert_eq!((run.lifecycle, run.status.word()), (Lifecycle::Deleted, "FAILED"));
        let experiment = experiments::find_experiment(&mut read, "far").await.unwrap().unwrap();
        assert_eq!(experiment.lifecycle, Lifecycle::Deleted);
    }
}
