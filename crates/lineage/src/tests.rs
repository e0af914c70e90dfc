//! What the graph promises, and which events are taken.

use base::Timestamp;
use serde_json::{Value, json};

use crate::{Error, Graph, Neighbourhood, Node, graph_of_event, neighbourhood, put};

const ALL: Neighbourhood = Neighbourhood { up: true, down: true, depth: 3, most_nodes: 100 };

async fn stored(db: &db::Db, graph: Graph) {
    let now = Timestamp::from_millis(1);
    let done: Result<(), Error> =
        db.write(move |tx| Box::pin(async move { put(tx, &graph, now).await })).await;
    done.unwrap();
}

fn chain(length: usize) -> Graph {
    let mut graph = Graph::default();
    for index in 0..length {
        graph.add(Node::new("dataset", &index.to_string(), format!("d{index}"), ""));
    }
    for index in 1..length {
        graph.join(&format!("dataset:{}", index - 1), &format!("dataset:{index}"), "became");
    }
    graph
}

fn ids(graph: &Graph) -> Vec<&str> {
    let mut ids: Vec<&str> = graph.nodes.iter().map(|node| node.title.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn neighbourhoods_go_as_far_and_as_wide_as_asked() {
    let db = testing::sqlite().await;
    stored(&db, chain(9)).await;
    // Told twice, it is there once.
    stored(&db, chain(9)).await;
    let mut read = db.read().await.unwrap();
    let both = neighbourhood(&mut read, "dataset:4", Neighbourhood { depth: 2, ..ALL }).await.unwrap();
    assert_eq!((ids(&both), both.edges.len()), (vec!["d2", "d3", "d4", "d5", "d6"], 4));
    let up = neighbourhood(&mut read, "dataset:4", Neighbourhood { down: false, ..ALL }).await.unwrap();
    assert_eq!(ids(&up), ["d1", "d2", "d3", "d4"]);
    let cut = neighbourhood(&mut read, "dataset:4", Neighbourhood { most_nodes: 3, ..ALL }).await.unwrap();
    assert!(cut.is_cut && cut.nodes.len() == 3);
    let none = neighbourhood(&mut read, "dataset:x", ALL).await;
    assert!(matches!(none, Err(Error::ObjectNotFound { .. })));
}

#[tokio::test]
async fn circles_end() {
    let db = testing::sqlite().await;
    let mut graph = chain(3);
    graph.join("dataset:2", "dataset:0", "became");
    stored(&db, graph).await;
    let found = neighbourhood(&mut db.read().await.unwrap(), "dataset:0", ALL).await.unwrap();
    assert_eq!((found.nodes.len(), found.edges.len()), (3, 3));
}

fn event() -> Value {
    json!({
        "eventTime": "2026-01-31T12:00:00.000Z", "eventType": "COMPLETE",
        "producer": "https://example.org/job", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "0196d9a0-0000-7000-8000-000000000001", "facets": {}},
        "job": {"namespace": "airflow", "name": "load"},
        "inputs": [{"namespace": "s3://bucket", "name": "a.csv"}],
        "outputs": [{"namespace": "postgres://host:5432", "name": "db.public.a"}],
    })
}

#[test]
fn a_run_event_joins_what_it_read_with_what_it_wrote() {
    let graph = graph_of_event(&event()).unwrap();
    let edges: Vec<(&str, &str)> =
        graph.edges.iter().map(|edge| (edge.source.as_str(), edge.target.as_str())).collect();
    let run = "run:0196d9a0000070008000000000000001";
    assert_eq!(
        edges,
        [
            ("job:airflow/load", run),
            ("dataset:s3://bucket/a.csv", run),
            (run, "dataset:postgres://host:5432/db.public.a")
        ]
    );
}

#[test]
fn what_breaks_the_specification_is_refused_by_its_place() {
    let cases: &[(&str, Value, &str)] = &[
        ("/eventTime", json!("2026-01-31T12:00:00"), "eventTime"),
        ("/producer", json!("me"), "producer"),
        ("/run/runId", json!("17"), "run.runId"),
        ("/eventType", json!("DONE"), "eventType"),
        ("/job/name", json!(""), "job.name"),
        ("/inputs/0/namespace", json!(null), "inputs[0].namespace"),
        ("/run/facets", json!({"x": {"_producer": "https://a"}}), "run.facets.x._schemaURL"),
    ];
    for (pointer, value, place) in cases {
        let mut event = event();
        *event.pointer_mut(pointer).unwrap() = value.clone();
        match graph_of_event(&event) {
            Err(Error::BadEvent { place: found, .. }) => assert_eq!(&found, place),
            other => panic!("{pointer}: {other:?}"),
        }
    }
}
