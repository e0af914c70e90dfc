//! The door for emitters: one event, many, compressed or not, and what is refused.

use std::io::Write;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixture::{self, Fixture};
use crate::{Connection, router};

async fn send(server: &Fixture, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = Request::builder().method("POST").uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body)).unwrap();
    let (peer, listener) = (([127, 0, 0, 1], 4_000).into(), ([127, 0, 0, 1], 5_000).into());
    request.extensions_mut().insert(Connection { peer, listener });
    let response = router(server.app.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn event(name: &str) -> Value {
    json!({
        "eventTime": "2026-01-31T12:00:00.000Z", "eventType": "COMPLETE", "producer": "https://example.org/job",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0196d9a0-0000-7000-8000-000000000001"}, "job": {"namespace": "n", "name": "j"},
        "inputs": [{"namespace": "n", "name": "source"}], "outputs": [{"namespace": "n", "name": name}],
    })
}

async fn below_source(server: &Fixture) -> Vec<String> {
    let asked = ::lineage::Neighbourhood { up: false, down: true, depth: 2, most_nodes: 5_000 };
    let graph = server.app.platform().lineage_around("dataset:n/source", asked).await.unwrap();
    graph.nodes.into_iter().map(|node| node.id).filter(|id| id.starts_with("dataset:")).skip(1).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const ONE: &str = "/api/v1/lineage";
const MANY: &str = "/api/v1/lineage/batch";

#[tokio::test]
async fn events_come_one_by_one_or_together_packed_or_not() {
    for database in testing::databases().await {
        let server = fixture::app(database).await;
        let one = event("a").to_string();
        assert_eq!(send(&server, ONE, one.clone().into(), &[JSON]).await.0, 201, "{}", server.engine);
        assert_eq!(send(&server, ONE, packed(&event("b").to_string()), &[JSON, GZIP]).await.0, 201);
        // Of a batch, what fits is taken and what does not is named.
        let mut odd = event("odd");
        odd["run"]["runId"] = json!("17");
        let (status, told) =
            send(&server, MANY, json!([event("c"), odd, event("d")]).to_string().into(), &[JSON]).await;
        assert_eq!((status, told["status"].as_str()), (200, Some("partial_success")));
        assert_eq!(
            told["summary"],
            json!({"received": 3, "successful": 2, "failed": 1, "retriable": 0, "non_retriable": 1})
        );
        assert_eq!(
            (&told["failed_events"][0]["index"], told["failed_events"][0]["retriable"].as_bool()),
            (&json!(1), Some(false))
        );
        assert!(told["failed_events"][0]["reason"].as_str().unwrap().contains("run.runId"), "{told}");
        let many: Vec<Value> = (0..2_000).map(|n| event(&format!("m{n}"))).collect();
        let (status, told) = send(&server, MANY, packed(&json!(many).to_string()), &[JSON, GZIP]).await;
        assert_eq!((status, told["status"].as_str()), (200, Some("success")));
        assert_eq!(send(&server, MANY, b"[]".to_vec(), &[JSON]).await.0, 200);
        // The same again changes nothing.
        assert_eq!(send(&server, ONE, one.into(), &[JSON]).await.0, 201);
        let found = below_source(&server).await;
        assert_eq!(found.len(), 2_004, "{}", server.engine);
        assert_eq!(found[..4], ["dataset:n/a", "dataset:n/b", "dataset:n/c", "dataset:n/d"]);
    }
}

#[tokio::test]
async fn many_at_once_are_each_answered_and_all_there() {
    for database in testing::databases().await {
        let server = std::sync::Arc::new(fixture::app(database).await);
        let senders: Vec<_> = (0..200)
            .map(|n| {
                let server = std::sync::Arc::clone(&server);
                tokio::spawn(async move {
                    let sent = send(&server, ONE, event(&format!("m{n}")).to_string().into(), &[JSON]);
                    // Some go away before they are answered; what others sent is taken all the same.
                    if n % 10 == 3 {
                        tokio::time::timeout(std::time::Duration::from_micros(n * 20), sent).await.ok();
                        return 201;
                    }
                    sent.await.0
                })
            })
            .collect();
        for sender in senders {
            assert_eq!(sender.await.unwrap(), 201, "{}", server.engine);
        }
        assert!(below_source(&server).await.len() >= 180, "{}", server.engine);
    }
}

#[tokio::test]
async fn what_is_no_event_or_no_batch_is_refused() {
    let server = fixture::app(testing::sqlite().await).await;
    let one = event("a").to_string();
    for (path, body, headers, status, code) in [
        (ONE, one.clone().into_bytes(), &[][..], 400, "not_json"),
        (ONE, one.clone().into_bytes(), &[("content-type", "text/plain")][..], 400, "not_json"),
        (ONE, b"{".to_vec(), &[JSON][..], 400, "invalid_json"),
        (ONE, b"[]".to_vec(), &[JSON][..], 400, "lineage_event_invalid"),
        (ONE, one.clone().into_bytes(), &[JSON, GZIP][..], 400, "invalid_body"),
        (ONE, one.clone().into_bytes(), &[JSON, ("content-encoding", "br")][..], 415, "encoding_unknown"),
        (ONE, packed(&" ".repeat(9 << 20)), &[JSON, GZIP][..], 413, "body_too_large"),
        (MANY, one.into_bytes(), &[JSON][..], 400, "invalid_body"),
        (MANY, json!(vec![0; 10_001]).to_string().into_bytes(), &[JSON][..], 413, "body_too_large"),
    ] {
        let (answered, problem) = send(&server, path, body, headers).await;
        assert_eq!(
            (answered, problem["code"].as_str()),
            (status, Some(code)),
            "{path} {headers:?} {problem}"
        );
    }
}
