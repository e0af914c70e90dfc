//! What the graph promises, and which events are taken.

use base::Timestamp;
use serde_json::{Value, json};

use crate::{Error, Graph, Neighbourhood, Node, graph_of_event, neighbourhood, put};

const ALL: Neighbourhood = Neighbourhood { up: true, down: true, depth: 3, most_nodes: 100 };

async fn stored(db: &db::Db, graph: Graph) {
    let now = Timestamp::from_millis(1);
    let done: Result<(), Error> =
        db.write(move |tx| Box::pin(async move { put(tx, &[graph], now).await })).await;
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

#[tokio::test]
async fn what_many_tell_at_once_is_there_once_on_both_engines() {
    for db in testing::databases().await {
        // Ten tell of the same things in different orders, and of one of their own each.
        let writers = (0..10).map(|writer| {
            let mut graph = chain(40);
            graph.nodes.rotate_left(writer * 3);
            let own = graph.add(Node::new("run", &writer.to_string(), format!("r{writer}"), "complete"));
            graph.join("dataset:0", &own, "read by");
            let (db, now) = ((*db).clone(), Timestamp::from_millis(1));
            tokio::spawn(async move {
                let done: Result<(), Error> =
                    db.write(move |tx| Box::pin(async move { put(tx, &[graph], now).await })).await;
                done
            })
        });
        let writers: Vec<_> = writers.collect();
        for writer in writers {
            writer.await.unwrap().unwrap_or_else(|error| panic!("{}: {error}", db.engine));
        }
        let all = Neighbourhood { depth: 100, ..ALL };
        let found = neighbourhood(&mut db.read().await.unwrap(), "dataset:0", all).await.unwrap();
        assert_eq!((found.nodes.len(), found.edges.len()), (50, 49), "{}", db.engine);
        // What is told with other words takes them; a thing told of without a detail keeps its own.
        let mut graph = Graph::default();
        graph.add(Node::new("run", "3", "r3", ""));
        graph.add(Node::new("run", "4", "renamed", "failed"));
        stored(&db, graph).await;
        let up = Neighbourhood { down: false, depth: 1, ..ALL };
        for (id, title, detail) in [("run:3", "r3", "complete"), ("run:4", "renamed", "failed")] {
            let found = neighbourhood(&mut db.read().await.unwrap(), id, up).await.unwrap();
            let words = (found.nodes[0].title.as_str(), found.nodes[0].detail.as_str());
            assert_eq!(words, (title, detail), "{}", db.engine);
        }
    }
}

#[tokio::test]
async fn thousands_of_things_and_long_names_go_in_at_once_on_both_engines() {
    for db in testing::databases().await {
        let mut graph = chain(3_000);
        // Two names that differ only far behind, of letters that take four bytes each.
        let names = ["a", "b"].map(|end| format!("{}{end}", "𝒙".repeat(2_000)));
        for name in &names {
            let long = graph.add(Node::new("dataset", name, name, name));
            graph.join("dataset:2999", &long, "became");
        }
        stored(&db, graph).await;
        let near = Neighbourhood { depth: 1, ..ALL };
        let mut read = db.read().await.unwrap();
        let found = neighbourhood(&mut read, "dataset:2999", near).await.unwrap();
        assert_eq!(found.nodes.len(), 4, "{}", db.engine);
        for name in &names {
            let found = neighbourhood(&mut read, &format!("dataset:{name}"), near).await.unwrap();
            assert_eq!((found.nodes.len(), found.edges.len()), (2, 1), "{}", db.engine);
        }
    }
}

#[test]
fn facets_of_inputs_and_outputs_are_held_to_the_specification_too() {
    let mut event = event();
    event["outputs"][0]["outputFacets"] = json!({"outputStatistics": {"rowCount": 3}});
    let Err(Error::BadEvent { place, .. }) = graph_of_event(&event) else { panic!("it was taken") };
    assert_eq!(place, "outputs[0].outputFacets.outputStatistics._producer");
    event["outputs"][0].as_object_mut().unwrap().remove("outputFacets");
    event["job"]["name"] = json!("a\0b");
    let Err(Error::BadEvent { place, .. }) = graph_of_event(&event) else { panic!("it was taken") };
    assert_eq!(place, "job.name");
}
