//! Where something came from: from a prediction back to the rows that its model learnt from.

use base::{Failure, Kind};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Platform, VersionView};

/// One thing on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its place in the graph.
    pub id: String,
    /// `prediction`, `deployment`, `version`, `run`, `pipeline_run`, `dataset` or `rows`.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// What is to be known about it here.
    pub detail: String,
    /// The page about it.
    pub link: String,
}

/// One step of the way, from what came to what it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The thing.
    pub from: String,
    /// What it came from.
    pub to: String,
    /// How.
    pub label: String,
}

/// The way back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lineage {
    /// Each thing once, the asked one first.
    pub nodes: Vec<Node>,
    /// The steps between them.
    pub edges: Vec<Edge>,
}

impl Lineage {
    fn add(&mut self, from: Option<&str>, label: &str, node: Node) -> String {
        let id = node.id.clone();
        if let Some(from) = from {
            self.edges.push(Edge { from: from.to_owned(), to: id.clone(), label: label.to_owned() });
        }
        if self.nodes.iter().all(|known| known.id != id) {
            self.nodes.push(node);
        }
        id
    }
}

fn node(kind: &str, name: &str, title: String, detail: String, link: String) -> Node {
    Node { id: format!("{kind}:{name}"), kind: kind.to_owned(), title, detail, link }
}

impl Platform {
    /// The way back from `prediction:ID`, `model:NAME@VERSION` or `dataset:NAME@VERSION`.
    ///
    /// # Errors
    /// [`Error::UnknownObject`] when nothing is called that.
    pub async fn lineage(&self, object: &str) -> Result<Lineage, Error> {
        let unknown = || Error::UnknownObject { object: object.to_owned() };
        let mut lineage = Lineage::default();
        match object.split_once(':') {
            Some(("prediction", id)) => {
                let id: Uuid = id.parse().map_err(|_| unknown())?;
                let stored = self.archive.prediction(id).await?.ok_or_else(unknown)?;
                self.trace_prediction(&mut lineage, &stored).await?;
            }
            Some(("model" | "version", name)) => {
                let (model, version) = name.split_once('@').ok_or_else(unknown)?;
                let pointer: registry::Pointer = version.parse().map_err(|_| unknown())?;
                let found = registry::resolve(&mut self.db.read().await?, model, &pointer).await?;
                self.trace_version(&mut lineage, None, "", model, found.number).await?;
            }
            Some(("dataset", name)) => {
                let (dataset, number) = name.split_once('@').ok_or_else(unknown)?;
                let number: i64 = number.parse().map_err(|_| unknown())?;
                self.trace_dataset(&mut lineage, None, dataset, number).await?;
            }
            _ => return Err(unknown()),
        }
        Ok(lineage)
    }

    /// The way back from a prediction that was looked up already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prediction_lineage(&self, stored: &archive::StoredPrediction) -> Result<Lineage, Error> {
        let mut lineage = Lineage::default();
        self.trace_prediction(&mut lineage, stored).await?;
        Ok(lineage)
    }

    async fn trace_prediction(
        &self,
        lineage: &mut Lineage,
        stored: &archive::StoredPrediction,
    ) -> Result<(), Error> {
        let prediction = &stored.prediction;
        let label = match &stored.label {
            Some(label) => format!(", true value {}", words(&label.value)),
            None => String::new(),
        };
        let detail = format!("{}{label} · at {}", words(&prediction.prediction), prediction.event_time);
        let name = prediction.id.to_string();
        let start = node("prediction", &name, name.clone(), detail, format!("/predictions/{name}"));
        let start = lineage.add(None, "", start);
        let deployment = &prediction.deployment;
        let served = node(
            "deployment",
            deployment,
            deployment.clone(),
            prediction.variant.clone(),
            format!("/deployments/{deployment}"),
        );
        let served = lineage.add(Some(&start), "answered by", served);
        let traced =
            self.trace_version(lineage, Some(&served), "served", &prediction.model, prediction.version).await;
        // Predictions of models that are served elsewhere have no version here: the way ends there.
        if let Err(error) = traced
            && error.kind() != Kind::NotFound
        {
            return Err(error);
        }
        Ok(())
    }

    async fn trace_version(
        &self,
        lineage: &mut Lineage,
        from: Option<&str>,
        label: &str,
        model: &str,
        number: i64,
    ) -> Result<(), Error> {
        let VersionView { version, promotion } = self.version(model, number).await?;
        let name = format!("{model}@{number}");
        let decision = promotion.map(|promotion| promotion.decision).unwrap_or_default();
        let link = format!("/models/{model}/versions/{number}");
        let at = lineage.add(
            from,
            label,
            node("version", &name, format!("{model} version {number}"), decision, link),
        );
        if let Some(run) = &version.source_run {
            let detail = format!(
                "{}, {}",
                version.trainer,
                version.metrics.as_ref().map(metric_words).unwrap_or_default()
            );
            lineage.add(
                Some(&at),
                "trained in",
                node("run", run, run.clone(), detail, format!("/runs/{run}")),
            );
        }
        if let Some(run) = &version.pipeline_run {
            let pipeline = pipelines::runs::get(&mut self.db.read().await?, run).await?;
            let link = format!("/pipelines/{run}");
            lineage.add(Some(&at), "made by", node("pipeline_run", run, run.clone(), pipeline.cause, link));
        }
        let trained_on =
            version.dataset_versions.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        for dataset in trained_on {
            let name = dataset.get("dataset").and_then(Value::as_str).unwrap_or_default();
            let number = dataset.get("number").and_then(Value::as_i64).unwrap_or_default();
            let source = self.trace_dataset(lineage, Some(&at), name, number).await?;
            if let Some(rows) = &version.training_rows {
                let text = |key: &str| rows.get(key).map(plain).unwrap_or_default();
                let title = format!("{} prepared rows", text("rows"));
                let detail = format!("{} to {}", text("from"), text("to"));
                let link = format!("/models/{model}/versions/{}", version.number);
                lineage.add(
                    Some(&source),
                    "prepared into",
                    node("rows", &text("table"), title, detail, link),
                );
            }
        }
        Ok(())
    }

    async fn trace_dataset(
        &self,
        lineage: &mut Lineage,
        from: Option<&str>,
        dataset: &str,
        number: i64,
    ) -> Result<String, Error> {
        let version = datasets::get_version(&mut self.db.read().await?, dataset, number).await?;
        let origin = version.origin.get("source").map(plain).unwrap_or_default();
        let from_to = match (version.from, version.to) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        let detail = format!("{} rows{from_to}, newest from {origin}", version.rows);
        let link = format!("/data/{dataset}");
        let title = format!("{dataset} version {number}");
        Ok(lineage.add(
            from,
            "learnt from",
            node("dataset", &format!("{dataset}@{number}"), title, detail, link),
        ))
    }
}

pub(crate) fn words(cell: &archive::Cell) -> String {
    match cell {
        archive::Cell::Null => "nothing".to_owned(),
        archive::Cell::Int(value) => value.to_string(),
        archive::Cell::Real(value) => format!("{value:.1}"),
        archive::Cell::Text(value) => value.clone(),
        archive::Cell::Bool(value) => value.to_string(),
        archive::Cell::Time(value) => base::Timestamp::from_micros(*value).to_string(),
    }
}

fn metric_words(metrics: &Value) -> String {
    let mae = metrics.get("mae").and_then(Value::as_f64);
    mae.map_or_else(String::new, |mae| format!("mae {mae:.1}"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
