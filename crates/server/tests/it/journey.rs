//! A model from its file to its data, over HTTP.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Server, over, request, server};

const SPEC: &str = include_str!("../../../../examples/traffic/gingham.yaml");
const PREPARE: &str = include_str!("../../../../examples/traffic/prepare.sql");
const POLICY: &str = include_str!("../../../../examples/traffic/low.policy.yaml");
const ROWS: &str = "holiday,temp,rain_1h,snow_1h,clouds_all,weather_main,weather_description,date_time,traffic_volume\n\
    None,288.28,0.0,0.0,40,Clouds,scattered clouds,2012-10-02 09:00:00,5545\n\
    None,0.0,0.0,0.0,75,Clouds,broken clouds,2012-10-02 10:00:00,4516\n";

fn spec() -> Value {
    json!({ "spec_yaml": SPEC, "files": { "prepare.sql": PREPARE, "low.policy.yaml": POLICY } })
}

fn csv(path: &str, rows: &str) -> Request<Body> {
    let mut request = request(Method::POST, path).map(|_| Body::from(rows.to_owned()));
    request.headers_mut().insert("content-type", "text/csv".parse().unwrap());
    request
}

async fn applied(server: &Server) {
    let reply = server.post("/api/v1/apply", spec()).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn a_file_is_planned_applied_and_then_changes_nothing() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let plan = server.post("/api/v1/plan", spec()).await.json();
        let changes = plan["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["action"] == "create"), "{plan}");
        assert_eq!(
            server.get("/api/v1/models/traffic").await.status,
            StatusCode::NOT_FOUND,
            "a plan changes nothing"
        );
        applied(&server).await;
        let model = server.get("/api/v1/models/traffic").await.json();
        assert_eq!((&model["owner"], &model["spec"]["model"]), (&json!("traffic-team"), &json!("traffic")));
        let again = server.post("/api/v1/apply", spec()).await.json();
        let changes = again["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["action"] == "unchanged"), "{again}");
    }
}

#[tokio::test]
async fn a_wrong_file_gets_line_and_column_and_the_nearest_word() {
    let wrong = SPEC.replace("owner: traffic-team", "ownr: traffic-team");
    let reply = server()
        .await
        .post("/api/v1/plan", json!({ "spec_yaml": wrong, "files": { "prepare.sql": PREPARE } }))
        .await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    reply.problem();
    let body = reply.json();
    let words = format!("{} {}", body["detail"], body["hint"]);
    assert!(words.contains('5') && words.contains("owner"), "{words}");
}

#[tokio::test]
async fn rows_become_a_version_after_their_checks() {
    let server = server().await;
    applied(&server).await;
    let pushed = server.send(csv("/api/v1/datasets/traffic/versions?origin=traffic.csv", ROWS)).await;
    assert_eq!(pushed.status, StatusCode::CREATED, "{}", pushed.body);
    let pushed = pushed.json();
    assert_eq!((&pushed["version"]["number"], &pushed["version"]["rows_added"]), (&json!(1), &json!(2)));
    let results = pushed["verdict"]["results"].as_array().unwrap();
    let cold = results.iter().find(|result| result["check_id"] == "temperature-is-physical").unwrap();
    assert_eq!((&cold["outcome"], &cold["failing_rows"]), (&json!("warn"), &json!(1)));
    let kept = server.get("/api/v1/verdicts?object=dataset:traffic@1").await.json();
    assert_eq!(kept["items"][0]["outcome"], pushed["verdict"]["outcome"]);
    let preview = server.get("/api/v1/datasets/traffic/versions/1/preview?limit=1").await.json();
    assert_eq!(
        (preview["rows"].as_array().unwrap().len(), &preview["columns"][1]["name"]),
        (1, &json!("temp"))
    );
    let answer = server
        .post("/api/v1/sql", json!({ "query": "select count(*) as n from datasets.traffic" }))
        .await
        .json();
    assert_eq!((&answer["rows"], &answer["truncated"]), (&json!([[2]]), &json!(false)), "{answer}");
    let events = server.get("/api/v1/events?kind=dataset.*").await.json();
    assert_eq!(events["items"][0]["actor"], "local");
}

#[tokio::test]
async fn a_broken_row_is_named_by_its_line_and_nothing_is_kept() {
    let server = server().await;
    applied(&server).await;
    let broken = format!("{ROWS}None,288.28,0.0\n");
    let reply = server.send(csv("/api/v1/datasets/traffic/versions", &broken)).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.body);
    reply.problem();
    assert!(reply.json()["detail"].as_str().unwrap().contains("line 4"), "{}", reply.body);
    let missing = ROWS.replace("5545", "");
    let reply = server.send(csv("/api/v1/datasets/traffic/versions", &missing)).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "check_failed"));
    let page = server.get("/api/v1/datasets/traffic/versions").await.json();
    assert_eq!(page["items"], json!([]));
    let mut strange = csv("/api/v1/datasets/traffic/versions", ROWS);
    strange.headers_mut().insert("content-type", "application/pdf".parse().unwrap());
    assert_eq!(server.send(strange).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_training_is_asked_for_once() {
    let server = server().await;
    let unknown = server.post("/api/v1/models/trafic/train", json!({})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    applied(&server).await;
    let unknown = server.post("/api/v1/models/trafic/train", json!({})).await;
    assert_eq!(unknown.json()["hint"], "did you mean `traffic`?");
    let first = server.send(request(Method::POST, "/api/v1/models/traffic/train")).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    let second = server.post("/api/v1/models/traffic/train", json!({ "reason": "new rows" })).await.json();
    assert_eq!((&second["id"], &second["state"]), (&first.json()["id"], &json!("queued")));
}

#[tokio::test]
async fn an_empty_server_answers_everything_with_nothing() {
    let server = server().await;
    let status = server.get("/api/v1/status").await.json();
    assert_eq!((&status["models"], &status["alerts_firing"]), (&json!([]), &json!(0)));
    for path in [
        "models",
        "datasets",
        "alerts",
        "jobs",
        "pipeline-runs",
        "predictions",
        "verdicts",
        "search?q=traffic",
    ] {
        let reply = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(
            (reply.status, &reply.json()["items"]),
            (StatusCode::OK, &json!([])),
            "{path}: {}",
            reply.body
        );
    }
    for path in [
        "predictions/0123",
        "predictions?model=none",
        "lineage?object=model:none@1",
        "lineage?object=x",
        "monitors/none",
    ] {
        let reply = server.get(&format!("/api/v1/{path}")).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}: {}", reply.body);
        reply.problem();
    }
    for (path, body) in
        [("labels", json!({ "model": "none", "labels": [] })), ("monitors/none/evaluate", json!({}))]
    {
        let reply = server.post(&format!("/api/v1/{path}"), body).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}: {}", reply.body);
    }
}

#[tokio::test]
async fn search_finds_by_name_and_sql_only_reads() {
    let server = server().await;
    applied(&server).await;
    let hits = server.get("/api/v1/search?q=TRAF").await.json();
    let kinds: Vec<&str> =
        hits["items"].as_array().unwrap().iter().map(|hit| hit["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"model") && kinds.contains(&"dataset"), "{hits}");
    for query in
        ["drop table traffic", "insert into predictions values (1)", "selct 1", "select nothing from nowhere"]
    {
        let reply = server.post("/api/v1/sql", json!({ "query": query })).await;
        assert!(reply.status.is_client_error(), "{query}: {}", reply.body);
        reply.problem();
    }
    let answer = server
        .post("/api/v1/sql", json!({ "query": "select 1 as a union all select 2", "limit": 1 }))
        .await
        .json();
    assert_eq!((&answer["truncated"], answer["rows"].as_array().unwrap().len()), (&json!(true), 1));
}
