//! What an event adds to the stored graph.

use base::{Event, Failure, Kind};
use lineage::{Graph, Node};
use serde_json::Value;

use crate::{Error, Platform};

/// Nothing, where what the event is about is no longer there.
pub(super) fn found<T, E: Failure>(result: Result<T, E>) -> Result<Option<T>, E> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A version by its model and number.
pub(super) fn version_node(model: &str, number: i64, detail: &str) -> Node {
    Node::new("version", &format!("{model}@{number}"), format!("{model} version {number}"), detail)
}

/// A version of a dataset.
pub(super) fn dataset_node(dataset: &str, number: i64, detail: &str) -> Node {
    Node::new("dataset", &format!("{dataset}@{number}"), format!("{dataset} version {number}"), detail)
}

/// The dataset versions that a list of `{"dataset", "number"}` names.
pub(super) fn named_datasets(list: Option<&Value>) -> Vec<(String, i64)> {
    let name = |dataset: &Value| {
        Some((dataset.get("dataset")?.as_str()?.to_owned(), dataset.get("number")?.as_i64()?))
    };
    list.and_then(Value::as_array).into_iter().flatten().filter_map(name).collect()
}

impl Platform {
    /// The things and steps that an event tells of.
    pub(super) async fn steps_of(&self, event: &Event) -> Result<Option<Graph>, Error> {
        let name = event.object.name.as_str();
        Ok(match event.kind.as_str() {
            "dataset.version_added" => self.dataset_steps(name).await?,
            "version.registered" => self.version_steps(name).await?,
            "deployment.switched" => {
                let fact = |key: &str| event.data.get(key);
                let model = fact("model").and_then(Value::as_str).unwrap_or_default();
                let number = fact("version").and_then(Value::as_i64).unwrap_or_default();
                Some(deployment_steps(name, model, &[(number, "answers in")]))
            }
            "deployment.traffic_changed" | "deployment.rolled_back" | "deployment.test_ended" => {
                self.traffic_steps(name).await?
            }
            "run.finished" | "run.failed" => self.run_steps(name).await?,
            _ => None,
        })
    }

    async fn dataset_steps(&self, object: &str) -> Result<Option<Graph>, Error> {
        let Some((dataset, number)) = numbered(object) else { return Ok(None) };
        let version = datasets::get_version(&mut self.db.read().await?, dataset, number).await;
        let Some(version) = found(version)? else { return Ok(None) };
        let mut graph = Graph::default();
        let this = graph.add(dataset_node(dataset, number, &format!("{} rows", version.rows)));
        if number > 1 {
            let before = graph.add(dataset_node(dataset, number - 1, ""));
            graph.join(&before, &this, "grew into");
        }
        for (name, number) in named_datasets(version.origin.get("inputs")) {
            let source = graph.add(dataset_node(&name, number, ""));
            graph.join(&source, &this, "selected into");
        }
        let outer = version.origin.get("external").and_then(Value::as_array).into_iter().flatten();
        for source in outer {
            let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (text("namespace"), text("name"));
            if !namespace.is_empty() && !name.is_empty() {
                let detail = match text("version") {
                    "" => namespace.to_owned(),
                    version => format!("{namespace}, version {version}"),
                };
                let node = Node::new("dataset", &format!("{namespace}/{name}"), name, detail);
                let source = graph.add(node);
                graph.join(&source, &this, "read into");
            }
        }
        Ok(Some(graph))
    }

    async fn version_steps(&self, object: &str) -> Result<Option<Graph>, Error> {
        let Some((model, number)) = numbered(object) else { return Ok(None) };
        let version = registry::get_version(&mut self.db.read().await?, model, number).await;
        let Some(version) = found(version)? else { return Ok(None) };
        let mut graph = Graph::default();
        let this = graph.add(version_node(model, number, &version.trainer));
        let whole = graph.add(Node::new("model", model, model, ""));
        graph.join(&this, &whole, "version of");
        let mut maker = this.clone();
        if let Some(run) = &version.source_run {
            maker = graph.add(Node::new("run", run, self.run_title(run).await?, ""));
            graph.join(&maker, &this, "made");
        }
        if let Some(run) = &version.pipeline_run {
            let pipeline = graph.add(Node::new("pipeline_run", run, format!("pipeline of {model}"), ""));
            let end = if version.source_run.is_some() { &maker } else { &this };
            graph.join(&pipeline, end, "ran");
        }
        for (name, number) in named_datasets(version.dataset_versions.as_ref()) {
            let source = graph.add(dataset_node(&name, number, ""));
            graph.join(&source, &maker, "learnt from by");
        }
        Ok(Some(graph))
    }

    async fn traffic_steps(&self, deployment: &str) -> Result<Option<Graph>, Error> {
        let mut read = self.db.read().await?;
        let Some(known) = serving::store::find_deployment(&mut read, deployment).await? else {
            return Ok(None);
        };
        let Some(revision) = serving::traffic_store::find(&mut read, deployment).await? else {
            return Ok(None);
        };
        let traffic = revision.traffic;
        let mut versions: Vec<(i64, &str)> =
            known.version.map(|number| (number, "answers in")).into_iter().collect();
        let branches = [
            (traffic.canary.map(|canary| canary.version), "answers a part in"),
            (traffic.shadow.map(|shadow| shadow.version), "is shadowed in"),
        ];
        for (target, label) in branches {
            let Some(target) = target else { continue };
            let pointer = match target {
                serving::Target::Version(number) => registry::Pointer::Number(number),
                serving::Target::Alias(alias) => registry::Pointer::Alias(alias),
            };
            let resolved = registry::resolve(&mut read, &known.model, &pointer).await;
            versions.extend(found(resolved)?.map(|version| (version.number, label)));
        }
        Ok(Some(deployment_steps(deployment, &known.model, &versions)))
    }

    /// What a run read, as its client told; runs that told nothing are no part of the graph unless something else
    /// names them.
    async fn run_steps(&self, run: &str) -> Result<Option<Graph>, Error> {
        let known = experiments::get_run(&mut self.db.read().await?, run).await;
        let Some(known) = found(known)?.filter(|run| !run.inputs.is_empty()) else { return Ok(None) };
        let mut graph = Graph::default();
        let this = graph.add(Node::new("run", run, known.name.clone(), known.status.word()));
        for input in &known.inputs {
            let detail = format!("{} {}", input.source_type, input.digest);
            let name = format!("mlflow/{}#{}", input.name, input.digest);
            let source = graph.add(Node::new("dataset", &name, input.name.clone(), detail));
            graph.join(&source, &this, "read by");
        }
        Ok(Some(graph))
    }

    async fn run_title(&self, run: &str) -> Result<String, Error> {
        let known = found(experiments::get_run(&mut self.db.read().await?, run).await)?;
        Ok(known.map_or_else(|| run.to_owned(), |run| run.name))
    }
}

fn deployment_steps(deployment: &str, model: &str, versions: &[(i64, &str)]) -> Graph {
    let mut graph = Graph::default();
    let this = graph.add(Node::new("deployment", deployment, deployment, format!("serves {model}")));
    for (number, label) in versions {
        let version = graph.add(version_node(model, *number, ""));
        graph.join(&version, &this, label);
    }
    graph
}

/// `NAME@NUMBER`.
pub(super) fn numbered(object: &str) -> Option<(&str, i64)> {
    let (name, number) = object.rsplit_once('@')?;
    Some((name, number.parse().ok()?))
}
