//! Models that are served elsewhere send rows; rules say how long they are kept.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tables::{Table, Values};

use crate::harness::{Reply, Server, json as json_request, request, server};

const DOOR: &str = "/api/v1/models/churn/predictions";

async fn send(server: &Server, path: &str, content_type: &str, body: Vec<u8>) -> Reply {
    let mut request = request(Method::POST, path).map(|_| Body::from(body));
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    server.send(request).await
}

async fn count(server: &Server, table: &str) -> Value {
    let query = format!("select count(*) as n from {table}");
    let answer = server.post("/api/v1/sql", json!({ "query": query })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["rows"][0][0].clone()
}

fn rows() -> Value {
    json!([
        {"prediction": 0.9, "age": 41, "plan": "gold", "event_time": "2026-03-01T10:00:00Z", "entity": "c1"},
        {"prediction": 0.1, "age": 22.5, "plan": null, "event_time": "2026-03-01T11:00:00Z", "entity": "c2"}
    ])
}

#[tokio::test]
async fn rows_of_all_three_forms_are_kept_once() {
    let server = server().await;
    let keyed = format!("{DOOR}?version=3&key=batch-1");
    let first = server.post(&keyed, rows()).await;
    assert_eq!(first.json(), json!({"taken": 2, "repeated": 0}), "{}", first.body);
    assert_eq!(server.post(&keyed, rows()).await.json(), json!({"taken": 0, "repeated": 2}));
    let id = |n: u128| Some(uuid::Uuid::from_u128(n).to_string());
    let table = Table::from_columns(vec![
        ("prediction_id".into(), Values::Text(vec![id(1), id(2)])),
        ("prediction".into(), Values::Real(vec![Some(0.5), Some(0.6)])),
        ("age".into(), Values::Int(vec![Some(30), Some(31)])),
        ("city".into(), Values::Text(vec![Some("Oslo".into()), None])),
    ])
    .unwrap();
    let arrow = send(&server, DOOR, "application/vnd.apache.arrow.stream", table.to_ipc().unwrap()).await;
    assert_eq!(arrow.json(), json!({"taken": 2, "repeated": 0}), "{}", arrow.body);
    let parquet = send(&server, DOOR, "application/vnd.apache.parquet", table.to_parquet().unwrap()).await;
    assert_eq!(parquet.json(), json!({"taken": 0, "repeated": 2}), "{}", parquet.body);
    assert_eq!(count(&server, "churn.predictions where city is null").await, json!(3));
    assert_eq!(count(&server, "churn.predictions where version = 3 and age > 20").await, json!(2));

    let changed = json!([{"prediction": 1.0, "age": "forty"}]);
    let refused = server.post(DOOR, changed).await;
    assert_eq!(refused.problem(), "archive_column_redeclared");
    assert!(refused.body.contains("`age`"), "{}", refused.body);
    let odd = server.post(DOOR, json!([{"prediction": 1.0, "tags": ["a"]}])).await;
    assert_eq!(odd.problem(), "rows_unusable");
    assert_eq!(send(&server, DOOR, "text/plain", Vec::new()).await.problem(), "content_type_unknown");
    assert_eq!(server.post(DOOR, json!([{"age": 1}])).await.problem(), "rows_unusable");
    assert_eq!(count(&server, "predictions").await, json!(4));
    let monitor = server.get("/api/v1/events?limit=50").await.body;
    assert!(monitor.contains("monitor.created"), "{monitor}");
}

#[tokio::test]
async fn labels_by_entity_and_time_are_joined_and_overruled() {
    let server = server().await;
    server.post(&format!("{DOOR}?key=a"), rows()).await;
    let label = json!([{"entity": "c1", "event_time": "2026-03-01T10:00:00Z", "label": 1, "label_time": "2026-03-05T00:00:00Z"}]);
    let path = "/api/v1/models/churn/labels";
    assert_eq!(server.post(path, label.clone()).await.json(), json!({"taken": 1, "repeated": 0}));
    assert_eq!(server.post(path, label).await.json(), json!({"taken": 0, "repeated": 1}));
    let other = json!([{"entity": "c1", "event_time": "2026-03-01T10:00:00Z", "label": false, "label_time": "2026-03-02T00:00:00Z"}]);
    assert_eq!(server.post(&format!("{path}?source=override:ada"), other).await.json()["taken"], 1);
    assert_eq!(count(&server, "scored where label = 0").await, json!(1));
}

#[tokio::test]
async fn requests_and_responses_of_kserve_become_predictions() {
    let server = server().await;
    let event = |part: &str, data: Value| {
        json!({"specversion": "1.0", "id": "e-1", "source": "kserve", "time": "2026-03-01T10:00:00Z",
            "type": format!("org.kubeflow.serving.inference.{part}"), "inferenceservicename": "iris", "data": data})
    };
    let structured = |body: Value| {
        let mut request = request(Method::POST, "/api/v1/cloudevents").map(|_| Body::from(body.to_string()));
        request.headers_mut().insert("content-type", "application/cloudevents+json".parse().unwrap());
        request
    };
    let response = event("response", json!({"predictions": [1, 2]}));
    assert_eq!(server.send(structured(response)).await.status, StatusCode::ACCEPTED);
    let mut binary =
        json_request(Method::POST, "/api/v1/cloudevents", &json!({"instances": [[5.1, 3.5], [6.0, 2.2]]}));
    for (name, value) in [
        ("ce-id", "e-1"),
        ("ce-specversion", "1.0"),
        ("ce-source", "kserve"),
        ("ce-type", "org.kubeflow.serving.inference.request"),
        ("ce-inferenceservicename", "iris"),
        ("ce-time", "2026-03-01T10:00:00Z"),
    ] {
        binary.headers_mut().insert(name, value.parse().unwrap());
    }
    let joined = server.send(binary).await;
    assert_eq!(joined.status, StatusCode::OK, "{}", joined.body);
    assert_eq!(count(&server, "iris.predictions where feature_0 > 5 and prediction >= 1").await, json!(2));
    // The whole pair again, as a broker may send it.
    server.send(structured(event("request", json!({"instances": [[5.1, 3.5], [6.0, 2.2]]})))).await;
    let again = server.send(structured(event("response", json!({"predictions": [1, 2]})))).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.body);
    assert_eq!(count(&server, "iris.predictions").await, json!(2));
    let strange = json!({"id": "x", "type": "other"});
    assert_eq!(server.send(structured(strange)).await.problem(), "cloud_event_invalid");
}

#[tokio::test]
async fn a_held_model_is_not_erased_and_a_lifted_one_is() {
    let server = server().await;
    server.post(&format!("{DOOR}?key=a"), rows()).await;
    let rule = "/api/v1/models/churn/archive";
    let put = |body: Value| json_request(Method::PUT, rule, &body);
    let held = server.send(put(json!({"held": true, "reason": "a lawsuit"}))).await;
    assert_eq!(held.json()["held"], true, "{}", held.body);
    let erase = json!({"entity": "c1", "reason": "she asked for it"});
    assert_eq!(server.post("/api/v1/archive/erase", erase.clone()).await.problem(), "archive_held");
    // Held rows do not grow too old either.
    server.send(put(json!({"keep": "1d", "held": true, "reason": "still"}))).await;
    assert_eq!(server.app.platform().tidy_archive(std::time::Duration::ZERO).await.unwrap(), 0);
    server.send(put(json!({"held": false, "reason": "settled"}))).await;
    let erased = server.post("/api/v1/archive/erase", erase).await;
    assert_eq!(erased.json()["erased"][0]["predictions"], 1, "{}", erased.body);
    let events = server.get("/api/v1/events?limit=50").await.body;
    assert!(events.contains("archive.erased") && events.contains("she asked for it"), "{events}");
    // Alone or in a sentence; a hash may end in these letters by chance.
    for shape in ["\"c1\"", "`c1`", " c1"] {
        assert!(!events.contains(shape), "the key of an erased entity is in the log of events: {events}");
    }
    server.send(put(json!({"keep": "1d", "reason": "little"}))).await;
    server.app.platform().archive.flush().await.unwrap();
    assert_eq!(server.app.platform().tidy_archive(std::time::Duration::ZERO).await.unwrap(), 1);
    assert_eq!(count(&server, "predictions").await, json!(0));
    assert!(server.get("/api/v1/events?limit=50").await.body.contains("archive.expired"));
}

#[tokio::test]
async fn an_export_is_what_the_archive_holds() {
    let server = server().await;
    server.post(&format!("{DOOR}?key=a"), rows()).await;
    let path = format!("{DOOR}/export");
    let csv = server.get(&format!("{path}?format=csv")).await;
    assert_eq!(csv.body.lines().count(), 3, "{}", csv.body);
    assert!(csv.body.starts_with("prediction_id,event_time"));
    let lines = server.get(&format!("{path}?format=json&from=2026-03-01T10:30:00Z")).await.body;
    let row: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!((&row["entity"], &row["age"], &row["label"]), (&json!("c2"), &json!(22.5), &Value::Null));
    let none = server.get(&format!("{path}?format=json&known_by=2026-01-01T00:00:00Z")).await;
    assert_eq!(none.body, "");
    assert_eq!(
        server.get("/api/v1/models/nobody/predictions/export").await.problem(),
        "archive_model_not_found"
    );
}
