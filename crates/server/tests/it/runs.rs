//! Experiments, runs and metric histories over HTTP.

use axum::http::StatusCode;
use base::{Actor, Clock, SystemClock, Timestamp};
use experiments::{Batch, Error, Metric, NewExperiment, NewRun};

use crate::harness::{Server, over, server};

/// An experiment `traffic` with a run of each given mean error.
async fn runs(server: &Server, errors: &'static [f64]) -> Vec<String> {
    let made = server.database.write::<_, Error, _>(move |tx| {
        Box::pin(async move {
            let (actor, now) = (Actor::named("ada"), SystemClock.now());
            let new = NewExperiment { name: "traffic".into(), ..NewExperiment::default() };
            let experiment = experiments::create_experiment(tx, &new, &actor, now).await?;
            let mut ids = Vec::new();
            for error in errors {
                let new = NewRun {
                    id: None,
                    experiment_id: experiment.id,
                    name: None,
                    user: "ada".into(),
                    start_time: now,
                    tags: [].into(),
                };
                let run = experiments::create_run(tx, new, &actor).await?;
                let point = |step: i64, value| Metric {
                    key: "mae".into(),
                    value,
                    time: Timestamp::from_micros(now.as_micros() + step),
                    step,
                };
                let batch = Batch {
                    metrics: (0..100).map(|step| point(step, error + step as f64)).collect(),
                    ..Batch::default()
                };
                experiments::log_batch(tx, &run.id, batch).await?;
                ids.push(run.id);
            }
            Ok(ids)
        })
    });
    made.await.unwrap()
}

#[tokio::test]
async fn runs_are_filtered_ordered_and_paged_on_both_engines() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let ids = runs(&server, &[3.0, 1.0, 2.0]).await;
        let reply = server.get("/api/v1/experiments/traffic/runs?order_by=metrics.mae%20asc&limit=2").await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let page = reply.json();
        assert_eq!([&page["items"][0]["id"], &page["items"][1]["id"]], [&ids[1], &ids[2]]);
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest = server
            .get(&format!("/api/v1/experiments/traffic/runs?order_by=metrics.mae%20asc&cursor={cursor}"))
            .await;
        assert_eq!(rest.json()["items"].as_array().unwrap().len(), 1);
        let few = server.get("/api/v1/experiments/traffic/runs?filter=metrics.mae%20%3C%20100.5").await;
        assert_eq!(few.json()["items"].as_array().unwrap().len(), 1, "{}", few.body);
    }
}

#[tokio::test]
async fn a_run_shows_its_newest_metrics_and_thinned_histories() {
    let server = server().await;
    let ids = runs(&server, &[3.0]).await;
    let run = server.get(&format!("/api/v1/runs/{}", ids[0])).await.json();
    assert_eq!((run["status"].as_str(), run["metrics"]["mae"].as_f64()), (Some("RUNNING"), Some(102.0)));
    let history = server.get(&format!("/api/v1/runs/{}/metrics/mae?points=10", ids[0])).await.json();
    assert_eq!(history["sampled"], true);
    assert!(history["points"].as_array().unwrap().len() <= 10);
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    let server = server().await;
    for path in ["/api/v1/runs/0123", "/api/v1/experiments/nothing/runs", "/api/v1/experiments/77/runs"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        reply.problem();
    }
    let reply = server.get("/api/v1/experiments/0/runs?filter=metrics.mae%20is%20small").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    reply.problem();
}

#[tokio::test]
async fn a_run_shows_the_files_that_a_client_left() {
    let server = server().await;
    let made =
        server.post("/api/2.0/mlflow/runs/create", serde_json::json!({ "experiment_id": "0" })).await.json();
    let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{id}/artifacts/model/card.md");
    let upload =
        crate::harness::request(axum::http::Method::PUT, &path).map(|_| axum::body::Body::from("a card"));
    assert_eq!(server.send(upload).await.status, StatusCode::OK);
    let run = server.get(&format!("/api/v1/runs/{id}")).await.json();
    assert_eq!(run["artifacts"], serde_json::json!([{ "path": "model" }]), "{run}");
}
