//! Records brought in over HTTP, and what can then be done with the runs: search, compare, change, watch.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Reply, Server, over, request, server};

async fn carry(server: &Server, query: &str, lines: &[Value]) -> Reply {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let path = format!("/api/v1/records?{query}");
    server.send(request(Method::POST, &path).map(|_| Body::from(body))).await
}

/// Runs `a`, `b` … of which each has a param and the mean error that goes with it.
fn runs(depths: &[(&str, i64)]) -> Vec<Value> {
    let mut lines = vec![json!({"kind": "experiment", "name": "far"})];
    for (id, depth) in depths {
        lines.push(
            json!({"kind": "run", "id": id, "experiment": "far", "name": id, "start_ms": 1_000 + depth}),
        );
        lines.push(json!({"kind": "params", "run": id, "params": {"depth": depth.to_string()}}));
        lines.push(json!({"kind": "metric", "run": id, "key": "mae", "steps": [1, 2], "times_ms": [1, 2],
            "values": [99, 100 - 10 * depth]}));
        lines.push(json!({"kind": "run_state", "run": id, "status": "FINISHED", "end_ms": 9_000}));
    }
    lines
}

#[tokio::test]
async fn records_come_in_once_and_are_found_on_both_engines() {
    for database in testing::databases().await {
        let server = over(database, server::Settings::default()).await;
        let lines = runs(&[("a", 3), ("b", 4), ("c", 5)]);
        let first = carry(&server, "source=there&batch=1", &lines).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.body);
        assert_eq!(first.json()["applied"], lines.len());
        assert_eq!(carry(&server, "source=there&batch=1", &lines).await.json()["repeated"], true);
        let found = server
            .get("/api/v1/runs?experiment=far&filter=metrics.mae%20%3C%2065&order_by=metrics.mae&columns=params.depth")
            .await
            .json();
        let ids: Vec<_> = found["items"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
        assert_eq!(ids, ["c", "b"]);
        assert_eq!(found["items"][0]["metrics"], json!({}));
        assert_eq!(found["items"][0]["params"], json!({"depth": "5"}));
    }
}

#[tokio::test]
async fn a_line_that_is_no_record_is_named_and_nothing_comes_in() {
    let server = server().await;
    let lines = [json!({"kind": "experiment", "name": "far"}), json!({"kind": "riddle"})];
    let reply = carry(&server, "source=there", &lines).await;
    assert_eq!((reply.status, reply.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid_record"));
    assert!(reply.body.contains("line 2"), "{}", reply.body);
    assert_eq!(server.get("/api/v1/runs?experiment=far").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_difference_is_told_by_the_other_runs() {
    let server = server().await;
    carry(&server, "source=there", &runs(&[("a", 3), ("b", 4), ("c", 3), ("d", 4)])).await;
    let found = server.get("/api/v1/differences?left=run:a&right=run:b").await.json();
    assert_eq!(found["metric"]["change"], -10.0, "{found}");
    assert_eq!(found["causes"][0]["effect"]["change"], -10.0);
    assert_eq!(found["runs"], 2);
    let reply = server.get("/api/v1/differences?left=a&right=run:b").await;
    assert_eq!(reply.problem(), "difference_of_what");
}

#[tokio::test]
async fn many_runs_change_at_once_and_back() {
    let server = server().await;
    carry(&server, "source=there", &runs(&[("a", 3), ("b", 4)])).await;
    let asked = |expected: Option<u64>| json!({"act": "delete", "filter": "params.depth = '3'", "expected": expected});
    let counted = server.post("/api/v1/runs/changes", asked(None)).await.json();
    assert_eq!((counted["runs"].as_u64(), &counted["change"]), (Some(1), &Value::Null));
    let wrong = server.post("/api/v1/runs/changes", asked(Some(2))).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::CONFLICT, "bulk_count_differs"));
    let done = server.post("/api/v1/runs/changes", asked(Some(1))).await.json();
    assert_eq!(server.get("/api/v1/runs/a").await.json()["deleted"], true);
    let change = done["change"].as_str().unwrap();
    let undone = server.post(&format!("/api/v1/runs/changes/{change}/undo"), json!({})).await.json();
    assert_eq!(
        (undone["runs"].as_u64(), &server.get("/api/v1/runs/a").await.json()["deleted"]),
        (Some(1), &json!(false))
    );
}

#[tokio::test]
async fn a_watched_run_is_told_from_its_snapshot_to_its_end() {
    let server = server().await;
    let mut lines = runs(&[("a", 3)]);
    let end = lines.pop().unwrap();
    carry(&server, "source=there", &lines).await;
    let more =
        json!({"kind": "metric", "run": "a", "key": "mae", "steps": [3], "times_ms": [3], "values": [1.5]});
    let (reply, _) = tokio::join!(server.get("/api/v1/runs/a/live"), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        carry(&server, "source=there", &[more, end]).await
    });
    let kinds: Vec<_> = reply.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds.first(), Some(&"snapshot"), "{}", reply.body);
    assert_eq!(kinds.last(), Some(&"end"));
    assert!(reply.body.contains("[[3,3,1.5]]"), "{}", reply.body);
    assert!(reply.body.contains("\"status\":\"FINISHED\""));
    assert_eq!(server.get("/api/v1/runs/nothing/live").await.problem(), "run_not_found");
}
