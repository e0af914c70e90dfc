//! Datasets and verdicts over HTTP.

use axum::http::StatusCode;
use base::{Actor, Clock, Digest, ObjectRef, SystemClock, Timestamp};
use checks::{CheckResult, Outcome, SampleRow, Severity, Verdict, store};
use datasets::NewVersion;
use serde_json::json;
use tables::{Column, ColumnType, Schema};

use crate::harness::{Server, over, server};

/// A dataset `traffic` with one version and what the checks said of it.
async fn traffic(server: &Server) {
    let made = server.database.write::<_, datasets::Error, _>(|tx| {
        Box::pin(async move {
            let (actor, now) = (Actor::named("ada"), SystemClock.now());
            datasets::create_dataset(tx, "traffic", "hourly volumes", &actor, now).await?;
            let new = NewVersion {
                dataset: "traffic".into(),
                delta_version: 1,
                digest: Digest::of("rows"),
                replaces: false,
                rows_added: 7,
                schema: Schema {
                    columns: vec![Column { name: "temp".into(), kind: ColumnType::Real, nullable: true }],
                },
                from: Some(Timestamp::parse("2012-10-02T09:00:00Z").unwrap()),
                to: Some(Timestamp::parse("2012-10-02T15:00:00Z").unwrap()),
                origin: json!({ "source": "traffic.csv.gz" }),
                profile: json!({ "temp": { "rows": 7 } }),
            };
            datasets::add_version(tx, &new, &actor, now).await?;
            Ok(())
        })
    });
    made.await.unwrap();
    let kept = server.database.write::<_, checks::Error, _>(|tx| {
        Box::pin(async move {
            let result = CheckResult {
                check_id: "temperature-is-physical".into(),
                target: "column `temp`".into(),
                severity: Severity::Warn,
                outcome: Outcome::Warn,
                observed: "1 row outside".into(),
                expected: "200 to 330".into(),
                rows: 7,
                failing_rows: 1,
                vacuous: false,
                sample: vec![SampleRow {
                    row: 3,
                    values: json!({ "temp": 0.0 }).as_object().unwrap().clone(),
                }],
                message: "1 of 7 rows of `temp` is outside 200 to 330".into(),
                hint: None,
                reason: Some("0 K is no weather".into()),
                owner: None,
            };
            let object = ObjectRef::new("dataset", "traffic@1");
            let verdict = Verdict::of(7, vec![result]);
            store::insert_verdict(tx, &object, &Actor::named("ada"), SystemClock.now(), &verdict).await
        })
    });
    kept.await.unwrap();
}

#[tokio::test]
async fn a_dataset_shows_its_versions_and_what_checks_found() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        traffic(&server).await;
        let list = server.get("/api/v1/datasets").await.json();
        assert_eq!(
            (&list["items"][0]["name"], &list["items"][0]["rows_total"]),
            (&json!("traffic"), &json!(7))
        );
        let page = server.get("/api/v1/datasets/traffic/versions").await.json();
        assert_eq!(
            page["items"][0]["schema"]["columns"][0],
            json!({ "name": "temp", "type": "real", "nullable": true })
        );
        assert_eq!(page["items"][0]["from"], "2012-10-02T09:00:00Z");
        let version = server.get("/api/v1/datasets/traffic/versions/1").await.json();
        assert_eq!(version["profile"]["temp"]["rows"], 7);
        let verdicts = server.get("/api/v1/verdicts?object=dataset:traffic@1").await.json();
        let result = &verdicts["items"][0]["results"][0];
        assert_eq!((&result["outcome"], &result["sample"][0]), (&json!("warn"), &json!({ "temp": 0.0 })));
        let id = verdicts["items"][0]["id"].as_str().unwrap();
        assert_eq!(server.get(&format!("/api/v1/verdicts/{id}")).await.json()["outcome"], "warn");
    }
}

#[tokio::test]
async fn an_unknown_dataset_version_or_verdict_is_missing() {
    let server = server().await;
    traffic(&server).await;
    for path in
        ["datasets/trafic", "datasets/trafic/versions", "datasets/traffic/versions/9", "verdicts/0123"]
    {
        let reply = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        reply.problem();
    }
    let unknown = server.get("/api/v1/datasets/traffic/versions/first").await;
    assert_eq!(unknown.problem(), "dataset_version_not_found", "no tag is called so");
}
