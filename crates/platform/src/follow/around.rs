//! The graph around a thing, with what is not stored in it: predictions, of which there are too many.

use base::Timestamp;
use lineage::{Graph, Neighbourhood, Node};
use tables::QueryLimits;
use uuid::Uuid;

use super::steps::{found, numbered, version_node};
use crate::{Error, Platform};

/// For how many models predictions are counted in one answer.
const MOST_MODELS: usize = 20;
/// How many predictions are shown one by one.
const MOST_PREDICTIONS: usize = 50;

impl Platform {
    /// What a thing came from and what came of it: `prediction:ID`, `predictions:MODEL@NUMBER`,
    /// `deployment:NAME`, `model:NAME`, `version:MODEL@NUMBER` (also by alias), `run:ID`, `pipeline_run:ID`,
    /// `dataset:NAME@NUMBER` (also without a number, for the newest), `files:DIGEST`, or what other systems have told
    /// of. An id of a run or prediction may stand alone.
    ///
    /// # Errors
    /// [`lineage::Error::ObjectNotFound`].
    pub async fn lineage_around(&self, object: &str, asked: Neighbourhood) -> Result<Graph, Error> {
        self.catch_up_lineage().await?;
        let object = self.object_meant(object).await?;
        let mut graph = match object.split_once(':') {
            Some(("prediction", id)) => self.around_prediction(id, &object, asked).await?,
            Some(("predictions", name)) => self.around_predictions(name, &object, asked).await?,
            _ => lineage::neighbourhood(&mut self.db.read().await?, &object, asked).await?,
        };
        if asked.down && !object.starts_with("prediction") {
            self.add_predictions(&mut graph, &object, asked).await?;
        }
        Ok(graph)
    }

    /// The name under which the graph knows what somebody wrote.
    async fn object_meant(&self, object: &str) -> Result<String, Error> {
        let mut read = self.db.read().await?;
        Ok(match object.split_once(':') {
            Some(("model" | "version", name)) if name.contains('@') => {
                let (model, version) = name.rsplit_once('@').unwrap_or((name, ""));
                let pointer = version.parse::<registry::Pointer>();
                let Ok(pointer) = pointer else { return Ok(object.to_owned()) };
                let version = found(registry::resolve(&mut read, model, &pointer).await)?;
                version.map_or_else(
                    || object.to_owned(),
                    |version| format!("version:{model}@{}", version.number),
                )
            }
            Some(("dataset", name)) if !name.contains(['@', '/']) => {
                let newest = found(datasets::latest(&mut read, name).await)?.flatten();
                newest.map_or_else(|| object.to_owned(), |newest| format!("dataset:{name}@{}", newest.number))
            }
            Some(_) => object.to_owned(),
            None if object.len() == 36 && object.parse::<Uuid>().is_ok() => format!("prediction:{object}"),
            None if object.len() == 32 => format!("run:{object}"),
            None => object.to_owned(),
        })
    }

    async fn around_prediction(&self, id: &str, object: &str, asked: Neighbourhood) -> Result<Graph, Error> {
        let unknown = || lineage::Error::ObjectNotFound { object: object.to_owned() };
        let id: Uuid = id.parse().map_err(|_| unknown())?;
        let stored = self.archive.prediction(id).await?.ok_or_else(unknown)?;
        let prediction = &stored.prediction;
        let name = id.to_string();
        let mut graph = Graph::default();
        let detail =
            format!("{} · at {}", crate::lineage::words(&prediction.prediction), prediction.event_time);
        let this = graph.add(Node::new("prediction", &name, name.clone(), detail));
        if asked.down
            && let Some(label) = &stored.label
        {
            let words = crate::lineage::words(&label.value);
            let label =
                graph.add(Node::new("label", &name, format!("true value {words}"), label.source.clone()));
            graph.join(&this, &label, "judged by");
        }
        if !asked.up {
            return Ok(graph);
        }
        if !prediction.deployment.is_empty() {
            let detail = prediction.variant.clone();
            let served =
                Node::new("deployment", &prediction.deployment, prediction.deployment.clone(), detail);
            let served = graph.add(served);
            graph.join(&served, &this, "answered");
        }
        let version = graph.add(version_node(&prediction.model, prediction.version, ""));
        graph.join(&version, &this, "predicted");
        let above = Neighbourhood { down: false, depth: asked.depth.saturating_sub(1), ..asked };
        self.join_above(&mut graph, &version, above).await?;
        Ok(graph)
    }

    async fn around_predictions(
        &self,
        name: &str,
        object: &str,
        asked: Neighbourhood,
    ) -> Result<Graph, Error> {
        let unknown = || lineage::Error::ObjectNotFound { object: object.to_owned() };
        let (model, number) = numbered(name).ok_or_else(unknown)?;
        let counted = self.counts_of(model).await?;
        let counts: Vec<&Counted> = counted.iter().filter(|counted| counted.version == number).collect();
        if counts.is_empty() {
            return Err(unknown().into());
        }
        let mut graph = Graph::default();
        let this = graph.add(predictions_node(model, number, counts.iter().copied()));
        if asked.up {
            let version = graph.add(version_node(model, number, ""));
            graph.join(&version, &this, "predicted");
            for counted in counts.iter().filter(|counted| !counted.deployment.is_empty()) {
                let served = graph.add(Node::new("deployment", &counted.deployment, &counted.deployment, ""));
                graph.join(&served, &this, "answered");
            }
            let above = Neighbourhood { down: false, depth: asked.depth.saturating_sub(1), ..asked };
            self.join_above(&mut graph, &version, above).await?;
        }
        if asked.down {
            let most = asked.most_nodes.saturating_sub(graph.nodes.len()).min(MOST_PREDICTIONS);
            let query = format!(
                "select prediction_id, event_time from {}.predictions where version = {number} order by event_time desc limit {}",
                crate::sql::quoted(model),
                most + 1
            );
            let rows = self.archive.sql(&query, QueryLimits::default()).await?;
            let (ids, times) = (rows.texts("prediction_id")?, rows.times("event_time")?);
            graph.is_cut |= ids.len() > most;
            for (id, at) in ids.iter().zip(times).take(most) {
                let id = id.clone().unwrap_or_default();
                let at = at.map(|at| Timestamp::from_micros(at).to_string()).unwrap_or_default();
                let one = graph.add(Node::new("prediction", &id, id.clone(), format!("at {at}")));
                graph.join(&this, &one, "one of");
            }
        }
        Ok(graph)
    }

    /// Adds what a thing came from to a graph that has it.
    async fn join_above(&self, graph: &mut Graph, object: &str, asked: Neighbourhood) -> Result<(), Error> {
        let above = lineage::neighbourhood(&mut self.db.read().await?, object, asked).await;
        // Of models that are served elsewhere, nothing is known beyond their versions.
        let Some(above) = found(above)? else { return Ok(()) };
        for node in above.nodes {
            match graph.node_mut(&node.id) {
                Some(known) if known.detail.is_empty() => *known = node,
                Some(_) => {}
                None => drop(graph.add(node)),
            }
        }
        for edge in above.edges {
            graph.join(&edge.source, &edge.target, &edge.label);
        }
        graph.is_cut |= above.is_cut;
        Ok(())
    }

    /// Adds to each version and deployment below the thing what it has predicted, counted.
    async fn add_predictions(
        &self,
        graph: &mut Graph,
        object: &str,
        asked: Neighbourhood,
    ) -> Result<(), Error> {
        let versions: Vec<(String, i64)> = below(graph, object, asked.depth.saturating_sub(1))
            .iter()
            .filter_map(|id| numbered(id.strip_prefix("version:")?))
            .map(|(model, number)| (model.to_owned(), number))
            .collect();
        let deployments: Vec<String> = below(graph, object, asked.depth.saturating_sub(1))
            .iter()
            .filter_map(|id| id.strip_prefix("deployment:").map(str::to_owned))
            .collect();
        let mut models: Vec<String> = versions.iter().map(|(model, _)| model.clone()).collect();
        for deployment in &deployments {
            let known = serving::store::find_deployment(&mut self.db.read().await?, deployment).await?;
            models.extend(known.map(|known| known.model));
        }
        models.sort_unstable();
        models.dedup();
        graph.is_cut |= models.len() > MOST_MODELS;
        for model in models.iter().take(MOST_MODELS) {
            let all = self.counts_of(model).await?;
            for counted in &all {
                let by_version = versions.contains(&(model.clone(), counted.version));
                let by_deployment = deployments.contains(&counted.deployment);
                if !by_version && !by_deployment {
                    continue;
                }
                if graph.nodes.len() >= asked.most_nodes {
                    graph.is_cut = true;
                    return Ok(());
                }
                let node = predictions_node(
                    model,
                    counted.version,
                    all.iter().filter(|one| one.version == counted.version),
                );
                let predictions = graph.add(node);
                if by_version {
                    graph.join(&format!("version:{model}@{}", counted.version), &predictions, "predicted");
                }
                if by_deployment {
                    graph.join(&format!("deployment:{}", counted.deployment), &predictions, "answered");
                }
            }
        }
        Ok(())
    }

    /// How many predictions there are, by version and deployment.
    async fn counts_of(&self, model: &str) -> Result<Vec<Counted>, Error> {
        if !self.archive.models().iter().any(|known| known == model) {
            return Ok(Vec::new());
        }
        let query = format!(
            "select version, deployment, count(*) as rows, min(event_time) as first, max(event_time) as last \
             from {}.predictions group by version, deployment order by version, deployment",
            crate::sql::quoted(model)
        );
        let answer = self.archive.sql(&query, QueryLimits::default()).await?;
        let (versions, rows) = (answer.numbers("version")?, answer.numbers("rows")?);
        let (firsts, lasts) = (answer.times("first")?, answer.times("last")?);
        let deployments = answer.texts("deployment")?;
        Ok((0..answer.row_count())
            .map(|row| Counted {
                version: whole(versions.get(row)),
                deployment: deployments.get(row).cloned().flatten().unwrap_or_default(),
                rows: whole(rows.get(row)),
                first: firsts.get(row).copied().flatten().unwrap_or_default(),
                last: lasts.get(row).copied().flatten().unwrap_or_default(),
            })
            .collect())
    }
}

/// Predictions of one version in one deployment.
#[derive(Debug, Clone)]
struct Counted {
    version: i64,
    deployment: String,
    rows: i64,
    first: i64,
    last: i64,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers of versions and counts are whole and far below 2^53"
)]
fn whole(number: Option<&Option<f64>>) -> i64 {
    number.copied().flatten().unwrap_or_default() as i64
}

fn predictions_node<'a>(model: &str, number: i64, counted: impl Iterator<Item = &'a Counted>) -> Node {
    let (mut rows, mut first, mut last) = (0, i64::MAX, i64::MIN);
    for one in counted {
        rows += one.rows;
        first = first.min(one.first);
        last = last.max(one.last);
    }
    let title = format!("{rows} predictions");
    let detail = format!("{} to {}", Timestamp::from_micros(first), Timestamp::from_micros(last));
    Node::new("predictions", &format!("{model}@{number}"), title, detail)
}

/// The things that are at most so many steps below a thing, itself included.
fn below(graph: &Graph, object: &str, depth: u32) -> Vec<String> {
    let mut found = vec![object.to_owned()];
    let mut level = found.clone();
    for _ in 0..depth {
        let mut next = Vec::new();
        for edge in graph.edges.iter().filter(|edge| level.contains(&edge.source)) {
            if !found.contains(&edge.target) {
                found.push(edge.target.clone());
                next.push(edge.target.clone());
            }
        }
        level = next;
    }
    found
}
