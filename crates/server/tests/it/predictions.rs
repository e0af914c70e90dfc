//! The prediction archive over HTTP.

use archive::{Cell, Prediction};
use axum::http::StatusCode;
use base::{Actor, Clock, SystemClock, Timestamp};
use registry::NewModel;
use serde_json::json;
use tables::{Column, ColumnType};
use uuid::Uuid;

use crate::harness::{Server, server};

/// Three archived predictions of `traffic`, an hour apart, the last two about the same hour.
async fn archived(server: &Server) -> Vec<Uuid> {
    let made = server.database.write::<_, registry::Error, _>(|tx| {
        Box::pin(async move {
            let new = NewModel { name: "traffic".into(), ..NewModel::default() };
            registry::create_model(tx, &new, &Actor::named("ada"), SystemClock.now()).await
        })
    });
    made.await.unwrap();
    let archive = &server.app.platform().archive;
    let features = [Column::new("temp", ColumnType::Real), Column::new("status", ColumnType::Text)];
    archive.declare("traffic", &features, ColumnType::Real).await.unwrap();
    let mut ids = Vec::new();
    for hour in [9, 10, 10] {
        let id = Uuid::now_v7();
        let row = Prediction {
            id,
            event_time: Timestamp::parse(&format!("2013-10-02T{hour:02}:00:00Z")).unwrap(),
            received_time: SystemClock.now(),
            model: "traffic".into(),
            version: 1,
            deployment: "traffic".into(),
            variant: "primary".into(),
            features: vec![("temp".into(), Cell::Real(288.0)), ("status".into(), Cell::Text("dry".into()))],
            prediction: Cell::Real(f64::from(hour)),
            latency_us: 250,
            status: "ok".into(),
            trace_id: None,
            entity: None,
            weight: 1.0,
        };
        archive.append(vec![row]).await.unwrap();
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn predictions_come_newest_event_first_in_pages_that_lose_none() {
    let server = server().await;
    let ids = archived(&server).await;
    for list in ["/api/v1/predictions?limit=1", "/api/v1/predictions?model=traffic&limit=1"] {
        let mut seen = Vec::new();
        let mut path = list.to_owned();
        loop {
            let page = server.get(&path).await.json();
            seen.extend(
                page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("{list}&cursor={cursor}");
        }
        assert_eq!(seen, [ids[2].to_string(), ids[1].to_string(), ids[0].to_string()], "{list}");
    }
    let early = server.get("/api/v1/predictions?model=traffic&to=2013-10-02T10:00:00Z").await.json();
    assert_eq!(early["items"].as_array().unwrap().len(), 1);
    let features = json!({ "temp": 288.0, "status": "dry" });
    assert_eq!((&early["items"][0]["features"], &early["items"][0]["status"]), (&features, &json!("ok")));
    let one = server.get(&format!("/api/v1/predictions/{}", ids[0])).await.json();
    assert_eq!(one["features"], features, "{one}");
    let reply = server.get("/api/v1/predictions?cursor=nonsense").await;
    assert_eq!(reply.problem(), "invalid_cursor");
    let reply = server.get("/api/v1/predictions?model=a%22b").await;
    assert!(reply.status.is_client_error(), "{}", reply.body);
}

#[tokio::test]
async fn a_label_finds_its_prediction() {
    let server = server().await;
    let ids = archived(&server).await;
    let taken = server
        .post(
            "/api/v1/labels",
            json!({ "model": "traffic", "labels": [{ "prediction_id": ids[0], "value": 9.5 }] }),
        )
        .await;
    assert_eq!((taken.status, &taken.json()["taken"]), (StatusCode::OK, &json!(1)), "{}", taken.body);
    let one = server.get("/api/v1/predictions?model=traffic&to=2013-10-02T10:00:00Z").await.json();
    assert_eq!((&one["items"][0]["label"], &one["items"][0]["prediction"]), (&json!(9.5), &json!(9.0)));
    let answer = server
        .post("/api/v1/sql", json!({ "query": "select count(*) from scored where label is not null" }))
        .await
        .json();
    assert_eq!(answer["rows"], json!([[1]]));
    let wrong = json!({ "model": "traffic", "labels": [{ "value": 1.0, "valeu": 2.0 }] });
    assert_eq!(server.post("/api/v1/labels", wrong).await.problem(), "invalid_body");
    let loose =
        server.post("/api/v1/labels", json!({ "model": "traffic", "labels": [{ "value": 1.0 }] })).await;
    assert_eq!(loose.status, StatusCode::BAD_REQUEST, "{}", loose.body);
}
