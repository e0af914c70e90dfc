//! Events of OpenLineage, held to the specification (2-0-2), and what they say as a graph.
//!
//! Required: `eventTime` (RFC 3339 with a zone), `producer` and `schemaURL` (URIs). A run event has `run.runId` (a
//! UUID) and `job`; a job event has `job`; a dataset event has `dataset`. Facets carry `_producer` and `_schemaURL`.
//! Facets that are not known are taken as they are: the specification allows them.

use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Graph, Node};

/// The most datasets of one event.
const MOST_DATASETS: usize = 2_000;
/// The types of run events.
const TYPES: &[&str] = &["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"];

/// What an event says.
///
/// # Errors
/// [`Error::BadEvent`] with the first field that does not fit.
pub fn graph_of_event(event: &Value) -> Result<Graph, Error> {
    if !event.is_object() {
        return Err(bad("the event", "must be an object"));
    }
    let time = text(event, "eventTime")?;
    if chrono::DateTime::parse_from_rfc3339(time).is_err() {
        return Err(bad("eventTime", "must be a time with a zone, such as 2026-01-31T12:00:00Z"));
    }
    uri(event, "producer")?;
    uri(event, "schemaURL")?;
    let mut graph = Graph::default();
    if let Some(run) = event.get("run") {
        run_event(event, run, time, &mut graph)?;
    } else if event.get("job").is_some() {
        let job = job_of(event, "job", &mut graph)?;
        for (key, label) in [("inputs", "read by"), ("outputs", "writes")] {
            for dataset in datasets_of(event, key, &mut graph)? {
                join(&mut graph, key, &dataset, &job, label);
            }
        }
    } else if let Some(dataset) = event.get("dataset") {
        dataset_of(dataset, "dataset", &mut graph)?;
    } else {
        return Err(bad("run", "is missing, and neither `job` nor `dataset` is there instead"));
    }
    Ok(graph)
}

fn run_event(event: &Value, run: &Value, time: &str, graph: &mut Graph) -> Result<(), Error> {
    let id = uuid(run, "run.runId", "runId")?;
    facets(run, "run")?;
    let word = match event.get("eventType") {
        None | Some(Value::Null) => "OTHER",
        Some(word) => word
            .as_str()
            .filter(|word| TYPES.contains(word))
            .ok_or_else(|| bad("eventType", "must be START, RUNNING, COMPLETE, ABORT, FAIL or OTHER"))?,
    };
    let job = job_of(event, "job", graph)?;
    let title = event.pointer("/job/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let node = graph.add(Node::new(
        "run",
        &id.simple().to_string(),
        title,
        format!("{} at {time}", word.to_lowercase()),
    ));
    graph.join(&job, &node, "started");
    for (key, label) in [("inputs", "read by"), ("outputs", "wrote")] {
        for dataset in datasets_of(event, key, graph)? {
            join(graph, key, &dataset, &node, label);
        }
    }
    if let Some(parent) = run.pointer("/facets/parent") {
        let parent_id = match parent.get("run") {
            Some(parent) => uuid(parent, "run.facets.parent.run.runId", "runId")?,
            None => return Err(bad("run.facets.parent.run", "is missing")),
        };
        let job = parent.get("job").ok_or_else(|| bad("run.facets.parent.job", "is missing"))?;
        let name = named(job, "run.facets.parent.job")?.1;
        let parent = graph.add(Node::new("run", &parent_id.simple().to_string(), name, ""));
        graph.join(&parent, &node, "part of it");
    }
    Ok(())
}

fn join(graph: &mut Graph, key: &str, dataset: &str, user: &str, label: &str) {
    if key == "inputs" {
        graph.join(dataset, user, label);
    } else {
        graph.join(user, dataset, label);
    }
}

fn job_of(event: &Value, place: &str, graph: &mut Graph) -> Result<String, Error> {
    let job = event.get("job").ok_or_else(|| bad(place, "is missing"))?;
    let (namespace, name) = named(job, place)?;
    facets(job, place)?;
    Ok(graph.add(Node::new("job", &format!("{namespace}/{name}"), name, namespace)))
}

fn datasets_of(event: &Value, key: &str, graph: &mut Graph) -> Result<Vec<String>, Error> {
    let list = match event.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or_else(|| bad(key, "must be a list"))?,
    };
    if list.len() > MOST_DATASETS {
        return Err(bad(key, "holds more than 2000 datasets"));
    }
    list.iter()
        .enumerate()
        .map(|(index, dataset)| dataset_of(dataset, &format!("{key}[{index}]"), graph))
        .collect()
}

fn dataset_of(dataset: &Value, place: &str, graph: &mut Graph) -> Result<String, Error> {
    let (namespace, name) = named(dataset, place)?;
    for kind in ["facets", "inputFacets", "outputFacets"] {
        facets_of(dataset, place, kind)?;
    }
    let version = dataset.pointer("/facets/version/datasetVersion").and_then(Value::as_str);
    let version = version.map(|version| version.replace('\0', ""));
    let detail =
        version.map_or_else(|| namespace.clone(), |version| format!("{namespace}, version {version}"));
    Ok(graph.add(Node::new("dataset", &format!("{namespace}/{name}"), name, detail)))
}

/// Namespace and name of a job or dataset.
fn named(thing: &Value, place: &str) -> Result<(String, String), Error> {
    let part = |key: &str| {
        let text = thing.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| bad(&format!("{place}.{key}"), "must be a text"))?;
        if text.contains('\0') {
            return Err(bad(&format!("{place}.{key}"), "must not hold a character of code 0"));
        }
        Ok(text.to_owned())
    };
    Ok((part("namespace")?, part("name")?))
}

fn facets(thing: &Value, place: &str) -> Result<(), Error> {
    facets_of(thing, place, "facets")
}

/// Each facet says who made it and which schema it has.
fn facets_of(thing: &Value, place: &str, kind: &str) -> Result<(), Error> {
    let Some(facets) = thing.get(kind).filter(|facets| !facets.is_null()) else { return Ok(()) };
    let facets = facets.as_object().ok_or_else(|| bad(&format!("{place}.{kind}"), "must be an object"))?;
    for (name, facet) in facets {
        for key in ["_producer", "_schemaURL"] {
            let value = facet.get(key).and_then(Value::as_str);
            if !value.is_some_and(is_uri) {
                return Err(bad(&format!("{place}.{kind}.{name}.{key}"), "must be a URI"));
            }
        }
    }
    Ok(())
}

fn text<'a>(thing: &'a Value, key: &str) -> Result<&'a str, Error> {
    thing.get(key).and_then(Value::as_str).ok_or_else(|| bad(key, "must be a text"))
}

fn uri(thing: &Value, key: &str) -> Result<(), Error> {
    if is_uri(text(thing, key)?) { Ok(()) } else { Err(bad(key, "must be a URI")) }
}

fn is_uri(text: &str) -> bool {
    url::Url::parse(text).is_ok()
}

fn uuid(thing: &Value, place: &str, key: &str) -> Result<Uuid, Error> {
    let text = thing.get(key).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| bad(place, "must be a UUID"))
}

fn bad(place: &str, why: &str) -> Error {
    Error::BadEvent { place: place.to_owned(), why: why.to_owned() }
}
