//! Pipeline runs and jobs over HTTP.

use axum::http::StatusCode;
use base::{Actor, Clock, SystemClock};
use pipelines::{Error, NewJob, NewRun, jobs, runs};
use serde_json::json;

use crate::harness::{over, server};

#[tokio::test]
async fn jobs_and_pipeline_runs_show_why_and_how_far() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let made = server.database.write::<_, Error, _>(|tx| {
            Box::pin(async move {
                let (actor, now) = (Actor::named("ada"), SystemClock.now());
                let new = NewJob::new("train", json!({}), "somebody asked", &actor).about("traffic");
                let job = jobs::enqueue(tx, &new, now).await?.into_job();
                let new = NewRun {
                    model: "traffic".into(),
                    job: Some(job.id.clone()),
                    cause: "somebody asked".into(),
                    actor,
                };
                let run = runs::start_run(tx, &new, now).await?;
                Ok((job.id, run.id))
            })
        });
        let (job, run) = made.await.unwrap();
        let reply = server.get(&format!("/api/v1/jobs/{job}")).await.json();
        assert_eq!((&reply["state"], &reply["cause"]), (&json!("queued"), &json!("somebody asked")));
        let items = |reply: crate::harness::Reply| reply.json()["items"].as_array().unwrap().len();
        assert_eq!(items(server.get("/api/v1/jobs?model=traffic&state=queued").await), 1);
        assert_eq!(items(server.get("/api/v1/jobs?model=churn").await), 0);
        let reply = server.get(&format!("/api/v1/pipeline-runs/{run}")).await.json();
        assert_eq!((&reply["state"], &reply["job"]), (&json!("running"), &json!(job)));
        assert_eq!(items(server.get("/api/v1/pipeline-runs?model=traffic").await), 1);
    }
}

#[tokio::test]
async fn an_unknown_job_or_state_is_named() {
    let server = server().await;
    for path in ["/api/v1/jobs/0123", "/api/v1/pipeline-runs/0123"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        reply.problem();
    }
    assert_eq!(server.get("/api/v1/jobs?state=lost").await.problem(), "invalid_query");
}
